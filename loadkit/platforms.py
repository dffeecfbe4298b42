"""What a platform wants of its clients, as far as a target file alone shows it. Findings without a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadkit.health import Finding
from loadkit.target import Target
from loadkit.targets import tokens
from loadkit.targets.properties import servers

BLANK = "XXXXX"
"""What stands in our templates where a name of one's own belongs."""


@dataclass(frozen=True, slots=True)
class Way:
    """How clients speak at a port; no mechanism for TLS alone."""

    protocol: str
    mechanisms: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as a target file has it."""
        return self.protocol.upper() + (f" with {' or '.join(self.mechanisms)}" if self.mechanisms else "")

    def takes(self, config: Mapping[str, str]) -> bool:
        """Return whether a client's config speaks so."""
        mechanism = config.get("sasl.mechanism", "")
        return config.get("security.protocol", "plaintext") == self.protocol and (
            not self.mechanisms or mechanism in self.mechanisms
        )


_SCRAM, _IAM, _TLS = Way("sasl_ssl", ("SCRAM-SHA-512",)), Way("sasl_ssl", ("OAUTHBEARER",)), Way("ssl")
_KEY = Way("sasl_ssl", ("PLAIN", "OAUTHBEARER"))
_MSK = {9092: Way("plaintext"), 9094: _TLS, 9096: _SCRAM, 9098: _IAM, 9194: _TLS, 9196: _SCRAM, 9198: _IAM}
PORTS: Mapping[str, Mapping[int, Way]] = {
    "msk-standard": _MSK, "msk-express": _MSK, "msk-serverless": {9098: _IAM},
    "confluent-cloud": {9092: _KEY}, "event-hubs": {9093: _KEY}, "google-managed-kafka": {9092: _KEY},
}  # fmt: skip
"""How each port of a platform is spoken to, where the platform decides it (vendors' documents, 2026-11).

Other ports, such as those of private links, are not judged.
"""
_WORDS = "$ConnectionString"


def blank(target: Target) -> Iterator[Finding]:
    """Yield the first address that is still a template's."""
    for address in str(target.client.get("bootstrap.servers", "")).split(","):
        if BLANK in address:
            yield Finding("addresses", "fail", f"{address} still is the template's", f"write your own name for {BLANK}")
            return


def findings(target: Target, config: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what does not fit the platform; `config` is an effective admin client's, secrets read."""
    yield from _ways(target.cluster.platform, config)
    if target.cluster.platform == "event-hubs":
        yield from _connection_string(config)
    if tokens.region(config):
        yield _signer(tokens.region(config))


def _ways(platform: str | None, config: Mapping[str, str]) -> Iterator[Finding]:
    ports = PORTS.get(platform or "", {})
    for port in sorted({port for _, port in servers(config["bootstrap.servers"])} & ports.keys()):
        if ports[port].takes(config):
            continue
        fitting = [str(other) for other, way in ports.items() if way.takes(config)]
        change = f", or use port {' or '.join(fitting)}" if fitting else ""
        said = config.get("security.protocol", "plaintext").upper()
        said += f" with {config['sasl.mechanism']}" if "sasl.mechanism" in config else ""
        yield Finding(
            "platform", "fail", f"port {port} of {platform} speaks {ports[port]}, and [client] says {said}",
            f"set security.protocol and sasl.mechanism of [client] to {ports[port]}{change}",
        )  # fmt: skip


def _connection_string(config: Mapping[str, str]) -> Iterator[Finding]:
    if config.get("sasl.mechanism") != "PLAIN":
        return
    if config.get("sasl.username") != _WORDS:
        fix = f'write "sasl.username" = "{_WORDS}"'
        yield Finding("platform", "fail", f"sasl.username of Event Hubs is always {_WORDS}", fix)
    if not config.get("sasl.password", "").startswith("Endpoint=sb://"):
        text = "sasl.password is not a connection string, which begins with Endpoint=sb://"
        yield Finding("platform", "fail", text, "take it whole from a shared access policy of the namespace")


def _signer(region: str) -> Finding:
    if tokens.installed():
        return Finding("token signer", "ok", f"tokens are signed for {region} with this machine's AWS credentials")
    text = f"{tokens.PACKAGE}, which signs tokens for MSK, is not installed"
    return Finding("token signer", "fail", text, f"pip install {tokens.PACKAGE}")
