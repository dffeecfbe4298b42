"""Dockerfile, .dockerignore and compose.yaml as a test reads them where there is no engine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
TAGGED = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)?(:[\w.-]*\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})")
"""A name without a registry's host, with a tag that says a whole version, or a digest."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile."""

    name: str
    text: str


def instructions(text: str) -> list[Instruction]:
    """Return a Dockerfile's instructions."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    whole = re.sub(r"\\\n\s*", "", lines)
    return [Instruction(*line.split(None, 1)) for line in whole.splitlines() if line.strip()]


def arguments(text: str) -> dict[str, str]:
    """Return the build arguments and their defaults."""
    found = (one.text.partition("=") for one in instructions(text) if one.name == "ARG")
    return {name: value for name, _, value in found}


def image_faults(text: str) -> list[str]:
    """Return what is not as an image of ours has to be."""
    found, parts = [], instructions(text)
    args = arguments(text)
    stages = [resolved(one.text.split()[0], args) for one in parts if one.name == "FROM"]
    found += [f"base {base} is not pinned" for base in stages if not TAGGED.fullmatch(base)]
    last = max(at for at, one in enumerate(parts) if one.name == "FROM")
    final = parts[last:]
    users = [one.text for one in final if one.name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        found.append("it does not run as a user by number who is not root")
    if [one.text for one in final if one.name == "ENTRYPOINT"] != ['["loadkit"]']:
        found.append("its entry point is not loadkit")
    steps = [one.text for one in parts if one.name == "RUN" and "install.sh" in one.text]
    if len(steps) != 1 or any(re.search(r"\b(pip3?|apt(-get)?|curl|wget|uv)\b", one.text)
                              for one in parts if one.name == "RUN" and one.text not in steps):  # fmt: skip
        found.append("install.sh is not its only step that installs")
    labels = " ".join(one.text for one in final if one.name == "LABEL")
    found += [f"label {name} is missing" for name in ("title", "description", "source", "licenses")
              if f"org.opencontainers.image.{name}=" not in labels]  # fmt: skip
    if any(one.name in {"ARG", "ENV"} and re.search(r"token|secret|passw|_key", one.text, re.I) for one in parts):
        found.append("it holds a secret")
    return found + [f"{source} does not get into the build" for source in sources(text) if not taken(source)]


def resolved(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables, like `${NAME}` or `${NAME:-default}`, in place; `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1]) or match[3] or ""

    return re.sub(r"\$\$|\$\{(\w+)(:-([^}]*))?\}", value, text)


def sources(text: str) -> Iterator[str]:
    """Yield what is copied out of the checkout."""
    for one in instructions(text):
        if one.name in {"COPY", "ADD"} and not one.text.startswith("--from="):
            yield from one.text.split()[:-1]


def taken(path: str, ignored: str | None = None) -> bool:
    """Return whether a path of the checkout gets into a build: the last line of .dockerignore that fits decides."""
    text = (ROOT / ".dockerignore").read_text() if ignored is None else ignored
    inside = True
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for line in (one.strip() for one in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, one) for one in above):
            inside = line.startswith("!")
    return inside


def build_stage(into: Path) -> tuple[str, dict[str, str]]:
    """Copy what the first stage copies into a folder, and return what it runs there with which build arguments."""
    text = DOCKERFILE.read_text()
    run = ""
    for one in instructions(text):
        if one.name == "COPY" and not run:
            *names, target = one.text.split()
            for name in names:
                _copy(ROOT / name, into / target)
        run = run or (one.text if one.name == "RUN" else "")
    return run, arguments(text)


def _copy(source: Path, target: Path) -> None:
    """Copy as COPY does: of a folder its contents, without what .dockerignore keeps out."""
    if source.is_file():
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if not taken(str((Path(folder) / name).relative_to(ROOT)))}

    shutil.copytree(source, target, ignore=left_out)


def compose(**variables: str) -> dict[str, Any]:
    """Return compose.yaml as an engine sees it, with these variables."""
    loaded: dict[str, Any] = yaml.safe_load(resolved(COMPOSE.read_text(), variables))
    return loaded


def compose_faults(spec: Mapping[str, Any]) -> list[str]:
    """Return what is not as a stack of ours has to be."""
    found = []
    for name, service in spec["services"].items():
        image = str(service["image"])
        if image != "loadkit" and not TAGGED.fullmatch(image):
            found.append(f"{name}: image {image} is not pinned")
        if image == "loadkit" and service.get("cap_drop") != ["ALL"]:
            found.append(f"{name}: keeps rights that it does not need")
        found += [f"{name}: port {port} is open to the world" for port in service.get("ports", ())
                  if not str(port).startswith("127.0.0.1:")]  # fmt: skip
        if service.get("privileged") or service.get("network_mode") == "host":
            found.append(f"{name}: is not held apart from its host")
        for kind, names in _named(service):
            found += [f"{name}: {kind} {one} is declared nowhere" for one in names if one not in spec.get(kind, {})]
        after = service.get("depends_on", ())
        found += [f"{name}: there is no service {one}" for one in after if one not in spec["services"]]
        closed = [network for network, made in spec["networks"].items() if (made or {}).get("internal")]
        if "--allow-public" in service.get("command", "") and not set(service["networks"]) <= set(closed):
            found.append(f"{name}: what it serves without a login can be reached from outside")
    return found


def _named(service: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield what a service names that has to be declared."""
    yield "networks", [*service.get("networks", ())]
    for kind in ("configs", "secrets"):
        yield kind, [one if isinstance(one, str) else one["source"] for one in service.get(kind, ())]
    mounted = (str(one).split(":")[0] for one in service.get("volumes", ()))
    yield "volumes", [one for one in mounted if not one.startswith(("./", "/"))]
