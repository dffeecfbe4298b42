"""What moto 5.2.5 lacks of MSK; a patch that it no longer needs can go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.kafka import models, urls
from moto.kafka.exceptions import BadRequestException, NotFoundException
from moto.kafka.responses import KafkaResponse

DATE = "2026-01-01T00:00:00Z"
PORTS = {"Iam": 9098, "Scram": 9096}


def patch() -> None:
    """Put all of it in."""
    NotFoundException.code = 404
    models.FakeKafkaCluster.__init__ = _active(models.FakeKafkaCluster.__init__)  # type: ignore[method-assign]
    for name in ("describe_cluster", "describe_cluster_v2", "delete_cluster"):
        setattr(models.KafkaBackend, name, _known(getattr(models.KafkaBackend, name)))
    for name, method in vars(Calls).items():
        if not name.startswith("__"):
            setattr(KafkaResponse, name, method)
    for path in ("{0}/v1/configurations$", "{0}/v1/configurations/(?P<arn>.+)$"):
        urls.url_paths[path] = KafkaResponse.dispatch


def _active(plain: Callable[..., None]) -> Callable[..., None]:
    """Make clusters that are ACTIVE, with the name in their ARN; moto's are CREATING for ever."""

    def init(self: Any, *args: Any, **named: Any) -> None:
        plain(self, *args, **{**named, "state": "ACTIVE"})
        self.arn = self.arn.replace(":cluster/", f":cluster/{self.cluster_name}/")
        self.secrets = []

    return init


def _known(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 404 for an unknown ARN; moto answers 500, so that a deletion is never over."""

    def call(self: Any, cluster_arn: str, *args: Any, **named: Any) -> Any:
        if cluster_arn not in self.clusters:
            raise NotFoundException(f"no cluster {cluster_arn}")
        return plain(self, cluster_arn, *args, **named)

    return call


CONFIGURATIONS: dict[str, dict[str, Any]] = {}


class Calls:
    """Calls that moto has not; methods of `KafkaResponse`."""

    parsed_url: Any
    region: str
    current_account: str
    kafka_backend: Any
    _get_param: Callable[[str], Any]

    def _cluster(self, end: str) -> Any:
        arn = unquote(self.parsed_url.path.split("/clusters/")[-1]).removesuffix(end)
        if arn not in self.kafka_backend.clusters:
            raise NotFoundException(f"no cluster {arn}")
        return self.kafka_backend.clusters[arn]

    def _hosts(self, made: Any) -> list[str]:
        numbers = range(1, int(made.number_of_broker_nodes) + 1)
        return [f"b-{number}.{made.cluster_name}.kafka.{self.region}.amazonaws.com" for number in numbers]

    def get_bootstrap_brokers(self) -> str:
        """Give three brokers for each way to log in."""
        made = self._cluster("/bootstrap-brokers")
        sasl = (made.client_authentication or {}).get("sasl") or {}
        return json.dumps({
            f"bootstrapBrokerStringSasl{way}": ",".join(f"{host}:{port}" for host in self._hosts(made)[:3])
            for way, port in PORTS.items() if (sasl.get(way.lower()) or {}).get("enabled")
        })  # fmt: skip

    def list_nodes(self) -> str:
        """Give the brokers."""
        made = self._cluster("/nodes")
        subnet = made.broker_node_group_info["clientSubnets"][0]
        nodes = [
            {"nodeType": "BROKER", "nodeARN": f"{made.arn}/{number}", "brokerNodeInfo": {
                "brokerId": float(number), "endpoints": [host], "clientSubnet": subnet,
                "attachedENIId": f"eni-{number:08d}", "clientVpcIpAddress": f"10.42.0.{number}"}}
            for number, host in enumerate(self._hosts(made), 1)
        ]  # fmt: skip
        return json.dumps({"nodeInfoList": nodes})

    def _configuration(self) -> dict[str, Any]:
        arn = unquote(self.parsed_url.path.split("/configurations/")[-1]).split("/revisions/")[0]
        if arn not in CONFIGURATIONS:
            raise BadRequestException(f"Configuration ARN does not exist: {arn}")
        return CONFIGURATIONS[arn]

    def create_configuration(self) -> str:
        """Keep one."""
        name, said = self._get_param("name"), self._get_param("description")
        arn = f"arn:aws:kafka:{self.region}:{self.current_account}:configuration/{name}/{len(CONFIGURATIONS) + 1:08d}"
        CONFIGURATIONS[arn] = {
            "arn": arn, "name": name, "state": "ACTIVE", "creationTime": DATE, "description": said,
            "latestRevision": {"creationTime": DATE, "revision": 1, "description": said},
            "kafkaVersions": self._get_param("kafkaVersions") or [],
            "serverProperties": self._get_param("serverProperties"),
        }  # fmt: skip
        return json.dumps(_facts(CONFIGURATIONS[arn]))

    def describe_configuration(self) -> str:
        """Give what is known of one."""
        return json.dumps(_facts(self._configuration()))

    def describe_configuration_revision(self) -> str:
        """Give its properties."""
        found = self._configuration()
        told = {"arn": found["arn"], "serverProperties": found["serverProperties"]}
        return json.dumps({**told, **found["latestRevision"]})

    def delete_configuration(self) -> str:
        """Forget one."""
        arn = self._configuration()["arn"]
        del CONFIGURATIONS[arn]
        return json.dumps({"arn": arn, "state": "DELETING"})

    def list_configurations(self) -> str:
        """Give all."""
        return json.dumps({"configurations": [_facts(one) for one in CONFIGURATIONS.values()]})

    def batch_associate_scram_secret(self) -> str:
        """Keep the ARNs of secrets."""
        made = self._cluster("/scram-secrets")
        made.secrets += self._get_param("secretArnList")
        return json.dumps({"clusterArn": made.arn, "unprocessedScramSecrets": []})

    def batch_disassociate_scram_secret(self) -> str:
        """Forget them."""
        made = self._cluster("/scram-secrets")
        made.secrets = [one for one in made.secrets if one not in self._get_param("secretArnList")]
        return json.dumps({"clusterArn": made.arn, "unprocessedScramSecrets": []})

    def list_scram_secrets(self) -> str:
        """Give them."""
        return json.dumps({"secretArnList": self._cluster("/scram-secrets").secrets})


def _facts(configuration: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in configuration.items() if key != "serverProperties"}
