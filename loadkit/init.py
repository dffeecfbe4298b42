"""Files to start from, for `loadkit init` and `loadkit quickstart`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from loadkit.errors import UsageError, nearest

_KINDS: Mapping[str, tuple[str, str]] = {
    "target": ("target.toml", "target.toml"),
    "scenario": ("scenario.txt", "scenario.py"),
    "sweep": ("sweep.toml", "sweep.toml"),
    "requirements": ("requirements.toml", "requirements.toml"),
    "dashboard": ("dashboard.json", "loadkit-dashboard.json"),
    "alerts": ("alerts.yml", "loadkit-alerts.yml"),
}
"""The template of each kind, and what its file is called by default."""
PLATFORMS = ("msk-iam", "msk-scram", "confluent-cloud", "event-hubs", "google-managed-kafka", "redpanda", "strimzi")
"""What a target file may be for."""


def text(kind: str, name: str = "", platform: str | None = None) -> str:
    """Return the commented file of a kind; `name` is what it will be called, `platform` what a target is.

    Raises `UsageError` for an unknown kind or platform.
    """
    if kind not in _KINDS:
        raise UsageError(f"there is no template {kind!r}{nearest(kind, _KINDS)}: use one of {', '.join(_KINDS)}")
    template, usual = _KINDS[kind]
    if platform is not None:
        if kind != "target":
            raise UsageError(f"--for goes with `init target`: a {kind} is the same for every platform")
        if platform not in PLATFORMS:
            raise UsageError(
                f"there is no target for {platform!r}{nearest(platform, PLATFORMS)}: use one of {', '.join(PLATFORMS)}"
            )
        template = f"targets/{platform}.toml"
    content = resources.files("loadkit").joinpath("templates", template).read_text(encoding="utf-8")
    return content.replace("{file}", name or usual)


def write(kind: str, path: Path | None = None, platform: str | None = None) -> Path:
    """Return the path of the file that was written: `path`, else the usual name here, or the usual name in a folder.

    Raises `UsageError` where something is there already, or where it cannot be written.
    """
    text(kind, platform=platform)
    usual = _KINDS[kind][1]
    place = path or Path(usual)
    place = place / usual if place.is_dir() else place
    try:
        with place.open("x", encoding="utf-8") as stream:
            stream.write(text(kind, str(place), platform))
    except FileExistsError:
        raise UsageError(f"{place} is there already and is left as it is: give another name") from None
    except OSError as problem:
        raise UsageError(f"{place} cannot be written: {problem.strerror}") from None
    return place


def quickstart(folder: Path) -> Path:
    """Return the file of a small sweep, written into a folder with its scenario and the requirements of a plan.

    What is there already stays.
    """
    for template, name in (
        ("scenario.txt", "scenario.py"), ("quickstart.toml", "sweep.toml"), ("requirements.toml", "requirements.toml"),
    ):  # fmt: skip
        place = folder / name
        if place.exists():
            continue
        content = resources.files("loadkit").joinpath("templates", template).read_text(encoding="utf-8")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # no objective: a first look at a busy machine may keep none, and the plan is to be seen all the same
            content = content.replace('slo = ["latency', '# slo = ["latency').replace("{file}", str(place))
            place.write_text(content, encoding="utf-8")
        except OSError as problem:
            raise UsageError(f"{place} cannot be written: {problem.strerror}; give a folder that can") from None
    return folder / "sweep.toml"
