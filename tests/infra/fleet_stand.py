"""The fleet's scripts beside the stand-in of AWS, as on machines that have nothing but a shell and `aws`.

A fleet has its own bucket, token, groups and port.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_stand_in import REGION, SETTINGS, client, make_bucket
from locust_process import free_port

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "terraform" / "fleet"
SYSTEM = "/usr/bin:/bin"
TOKEN = "a-token-of-the-test-0123456789abcdef"
PATIENCE = 600.0
"""Seconds after which what should have happened has not: generous, for loaded machines."""
KEYS = {name: SETTINGS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")}
PIP = ("PIP_", "SSL_CERT_", "REQUESTS_CA_")
"""Begins of the variables that say how packages are got here."""
AWS = """#!/bin/sh
printf '%s\\n' "$*" >>"{calls}"
{fault}
exec "{aws}" "$@"
"""


def until(true: Callable[[], Any], what: str, limit: float = PATIENCE) -> None:
    """Return when something is true; fail when it is not in time."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {limit:.0f} s"
        time.sleep(0.1)


def installed(wheel: str, home: Path, *, script: Path = FLEET / "install.sh") -> str:
    """Return what install.sh says when it has installed a wheel into a folder."""
    (home.parent / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        ["env", "-i", *words({"PATH": SYSTEM, "HOME": str(home.parent / "home"), "LOADKIT_HOME": str(home),
                              "PYTHON": getattr(sys, "_base_executable", sys.executable), **packages()}),
         "bash", str(script), wheel],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def packages() -> dict[str, str]:
    """Return the variables that say how packages are got here."""
    return {name: value for name, value in os.environ.items() if name.startswith(PIP)}


def words(env: Mapping[str, str]) -> list[str]:
    """Return variables as `env` takes them."""
    return [f"{name}={value}" for name, value in env.items()]


class Script:
    """A script of the fleet under way on a machine of its own: an empty home, a PATH of its own, nothing inherited."""

    def __init__(self, command: list[str], folder: Path, settings: Mapping[str, str], fault: str = "") -> None:
        self.folder, self._said, self.calls = folder, folder / "said", folder / "calls"
        for one in ("bin", "home", "tmp"):
            (folder / one).mkdir(parents=True)
        aws = folder / "bin" / "aws"
        aws.write_text(AWS.format(calls=self.calls, fault=fault, aws=Path(sys.prefix) / "bin" / "aws"))
        aws.chmod(0o755)
        file = folder / "fleet.env"
        file.write_text("# of a test\n\n" + "".join(f"{one}\n" for one in words(settings)))
        file.chmod(0o600)
        env = {"PATH": f"{aws.parent}:{SYSTEM}", "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
               "LOADKIT_FLEET_ENV": str(file)}  # fmt: skip
        with self._said.open("wb") as stream:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "env", "-i", *words(env), "bash", *command],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._said.read_text()

    @property
    def called(self) -> list[str]:
        """What `aws` was asked, in order."""
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def until_said(self, text: str, times: int = 1) -> None:
        """Return when it has said something so often."""
        until(lambda: self.said.count(text) >= times or self.process.poll() is not None, f"said {text!r} {times} times")
        assert self.said.count(text) >= times, self.said

    def ended(self) -> int:
        """Return its exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended\n{self.said}") from None

    def kill(self) -> None:
        """Make sure that it and all it started are gone at once, as with its machine."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def load_processes(self) -> list[int]:
        """Return the process ids of the loadkit commands that it has started."""
        return [pid for pid, line in processes().items() if group(pid) == self.process.pid and "bin/loadkit" in line]


def processes() -> dict[int, str]:
    """Return every process's command line, by its id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
    return found


def group(pid: int) -> int:
    """Return a process's group; 0 if it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


@dataclass
class Fleet:
    """What a fleet finds in AWS, and the machines that were started for it."""

    endpoint: str
    folder: Path
    home: Path
    """Where loadkit is installed."""
    command: str
    inputs: Mapping[str, str]
    workers: int = 0
    scripts: Path = FLEET
    secrets: Mapping[str, str] = field(default_factory=dict)
    change: Mapping[str, str] = field(default_factory=dict)
    """Settings that differ."""
    machines: list[Script] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = self.folder.name.replace("_", "-")
        self.bucket, self.token = f"bucket-{name}", f"/{name}/token"
        self.groups = [f"{name}-workers", f"{name}-master"]
        self.port = free_port()
        make_bucket(self.endpoint, self.bucket)
        for path, text in self.inputs.items():
            self.put(f"in/{path}", text)
        self._make_groups(name)
        ssm = self.client("ssm")
        ssm.put_parameter(Name=self.token, Value=TOKEN, Type="SecureString")
        self.token_arn = ssm.get_parameter(Name=self.token)["Parameter"]["ARN"]
        self.secrets_arn = ""
        if self.secrets:
            made = self.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(dict(self.secrets)))
            self.secrets_arn = made["ARN"]

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        return client(service, self.endpoint)

    @cached_property
    def s3(self) -> Any:
        """A client of S3."""
        return self.client("s3")

    @cached_property
    def scaling(self) -> Any:
        """A client of Auto Scaling."""
        return self.client("autoscaling")

    def _make_groups(self, name: str) -> None:
        image = {"ImageId": "ami-12c6146b", "InstanceType": "c7i.large"}
        self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData=image)
        for group_name in self.groups:
            self.scaling.create_auto_scaling_group(
                AutoScalingGroupName=group_name, MinSize=1, MaxSize=2, DesiredCapacity=1, AvailabilityZones=[f"{REGION}a"],
                LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"},
            )  # fmt: skip

    def settings(self, machine: Path) -> dict[str, str]:
        """Return what stands in a machine's file of settings."""
        return {
            **KEYS, "AWS_ENDPOINT_URL": self.endpoint,
            "LOADKIT_BUCKET": self.bucket, "LOADKIT_INPUT": "in", "LOADKIT_OUTPUT": "out/first",
            "LOADKIT_COMMAND": self.command, "LOADKIT_SCENARIO": "steady.py", "LOADKIT_WORKERS": str(self.workers),
            "LOADKIT_PROCESSES": "1", "LOADKIT_MASTER": f"127.0.0.1:{self.port}", "LOADKIT_BIND": "127.0.0.1",
            "LOADKIT_TOKEN": self.token_arn, "LOADKIT_SECRETS": self.secrets_arn,
            "LOADKIT_WORKER_GROUP": self.groups[0], "LOADKIT_MASTER_GROUP": self.groups[1],
            "LOADKIT_HOME": str(self.home), "LOADKIT_WORK": str(machine / "work"),
            "LOADKIT_EVERY": "2", "LOADKIT_PAUSE": "1", **self.change,
        }  # fmt: skip

    def start(self, script: str, *arguments: str, fault: str = "") -> Script:
        """Start a script on a new machine, on which `fault` goes before whatever `aws` does."""
        machine = self.folder / f"{script.partition('.')[0]}-{len(self.machines)}"
        self.machines.append(Script([str(self.scripts / script), *arguments], machine, self.settings(machine), fault))
        return self.machines[-1]

    def put(self, key: str, text: str) -> None:
        """Put a text into the bucket."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def kill(self) -> None:
        """Make sure that all machines are gone."""
        for machine in self.machines:
            machine.kill()

    # what is left

    def objects(self) -> dict[str, int]:
        """Return what lies below the results' prefix, with its size."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="out/first/")
        found = (one for page in pages for one in page.get("Contents", ()))
        return {one["Key"].removeprefix("out/first/"): one["Size"] for one in found}

    def text(self, path: str) -> str:
        """Return what lies below the results' prefix in one object."""
        return str(self.s3.get_object(Bucket=self.bucket, Key=f"out/first/{path}")["Body"].read().decode())

    def document(self, path: str = "done.json") -> dict[str, Any]:
        """Return a JSON document of the results."""
        return json.loads(self.text(path))  # type: ignore[no-any-return]

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return least and desired size of both groups."""
        found = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=self.groups)["AutoScalingGroups"]
        return {one["AutoScalingGroupName"]: (one["MinSize"], one["DesiredCapacity"]) for one in found}

    @property
    def at_zero(self) -> bool:
        """Whether nothing that costs is left running."""
        return set(self.sizes().values()) == {(0, 0)}


def tool(name: str) -> str:
    """Return the path of a program that the `infra` group brings."""
    found = shutil.which(name, path=f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}")
    assert found, f"{name} is missing: make test-infra installs it"
    return found


def planted(folder: Path, script: str, old: str, new: str) -> Path:
    """Return a copy of the scripts with something wrong in one."""
    copy = folder / "scripts"
    shutil.copytree(FLEET, copy)
    text = (copy / script).read_text()
    assert old in text, f"{script} has no {old!r}"
    (copy / script).write_text(text.replace(old, new))
    return copy
