"""AWS on this machine: moto's server with what it lacks of the services that `terraform/aws` uses.

Run as a program it listens on a free port, prints it, and ends when its standard input does: it dies with its owner.
Every patch names what moto 5.2.5 does without it; one that moto no longer needs can go.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

REGION = "eu-west-1"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a client needs besides the address."""


@contextmanager
def stand_in() -> Iterator[str]:
    """Start it, and yield its address."""
    environment = {**os.environ, **SETTINGS, "MOTO_EC2_LOAD_DEFAULT_AMIS": "true"}
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port.isdigit(), f"moto did not start: exit code {process.wait(60)}"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@cache
def client(service: str, address: str) -> Any:
    """Return boto3's client of a service there; to make one takes longer than to use it."""
    import boto3

    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=address, region_name=REGION,
        aws_access_key_id=SETTINGS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=SETTINGS["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


def make_bucket(address: str, name: str) -> None:
    """Make a bucket there."""
    client("s3", address).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def _patch_ec2() -> None:
    from moto.ec2.models import EC2Backend

    plain = EC2Backend.create_launch_template

    def create_launch_template(self: Any, name: str, description: str, data: dict[str, Any], tags: Any) -> Any:
        """Keep the template's own tags out of its data, where moto puts them too."""
        others = [one for one in data.get("TagSpecifications", []) if one["ResourceType"] != "launch-template"]
        return plain(self, name, description, {**data, "TagSpecifications": others}, tags)

    EC2Backend.create_launch_template = create_launch_template  # type: ignore[method-assign]


def _patch_s3() -> None:
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def nothing_said(self: Any, action: str, resource: str) -> Any:
        """Judge by no bucket policy; moto leaves out conditions, so that a Deny without TLS would deny everything."""
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = nothing_said  # type: ignore[method-assign]


def _patch_budgets() -> None:
    from moto.budgets.responses import BudgetsResponse

    def describe_subscribers_for_notification(self: Any) -> str:
        """Say who is told; moto keeps them and has no such call."""
        budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
        asked = self._get_param("Notification")
        keys = ("NotificationType", "Threshold", "ComparisonOperator")
        for one in budget.notifications:
            if all(str(one.details.get(key)) == str(asked.get(key)) for key in keys):
                return json.dumps({"Subscribers": one.subscribers})
        return json.dumps({"Subscribers": []})

    tags: dict[str, list[dict[str, str]]] = {}
    plain = BudgetsResponse.create_budget

    def create_budget(self: Any) -> str:
        """Keep the tags, which moto drops."""
        name = self._get_param("Budget")["BudgetName"]
        tags[f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{name}"] = self._get_param("ResourceTags") or []
        return plain(self)

    def list_tags_for_resource(self: Any) -> str:
        """Give them; moto has no such call."""
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN"), [])})

    for method in (create_budget, describe_subscribers_for_notification, list_tags_for_resource):
        setattr(BudgetsResponse, method.__name__, method)


def _serve() -> None:
    import aws_moto_msk
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    for patch in (_patch_budgets, _patch_ec2, _patch_s3, aws_moto_msk.patch):
        patch()
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve()
