"""Terraform with the real provider, on a copy of `terraform/`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_stand_in import SETTINGS

ROOT = Path(__file__).parents[2]
PROVIDER = "*/hashicorp/aws"
FOLDER = "tf-plugins"
SECONDS = 900
"""Longest that one command may take; a machine that does other things is slow."""


def plugins() -> Path | None:
    """Return the folder with the provider: TF_PLUGIN_DIR, or the first `tf-plugins` that has it; None for neither.

    Fails where TF_PLUGIN_DIR names a folder without the provider: a test that quietly took another would prove nothing.
    """
    if named := os.environ.get("TF_PLUGIN_DIR"):
        if not any(Path(named).glob(PROVIDER)):
            pytest.fail(
                f"TF_PLUGIN_DIR={named} holds no provider hashicorp/aws (HOST/hashicorp/aws/VERSION/PLATFORM/...)"
            )
        return Path(named)
    return next((place for place in _places() if any(place.glob(PROVIDER))), None)


def _places() -> Iterator[Path]:
    yield Path.home() / FOLDER
    if found := shutil.which("terraform"):
        yield Path(found).resolve().parent / FOLDER
    yield Path("/") / FOLDER
    yield from sorted(Path("/").glob(f"*/{FOLDER}"))


class Terraform:
    """A copy of terraform/aws in a folder of its own, ready to run."""

    def __init__(self, folder: Path, address: str = "", mock: bool = False) -> None:
        """Copy the module and what it uploads; with an address AWS is there, with `mock` its own tests can be run."""
        if not shutil.which("terraform"):
            pytest.fail("terraform is not on PATH")
        self.folder = folder / "terraform" / "aws"
        shutil.copytree(
            ROOT / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
        )
        if mock:
            shutil.copy(self.folder / "tests" / "mock" / "password.tf", self.folder / "password" / "main.tf")
        (folder / "inputs").mkdir()
        shutil.copy(ROOT / "scenarios" / "orders.py", folder / "inputs")
        (folder / "wheels").mkdir()
        (folder / "wheels" / "loadkit-0.1.0-py3-none-any.whl").write_bytes(b"not installed here\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environment = {
            **kept, **SETTINGS, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
            "AWS_ENDPOINT_URL": address or "http://127.0.0.1:1",
            "TF_VAR_inputs": str(folder / "inputs"), "TF_VAR_scenario": "orders.py",
            "TF_VAR_wheels": str(folder / "wheels"), "TF_VAR_alarm_emails": '["team@example.com"]',
        }  # fmt: skip
        if address:
            (self.folder / "stand_in.tf").write_text(
                'provider "aws" {\n  s3_use_path_style           = true\n  skip_credentials_validation = true\n}\n',
                encoding="utf-8",
            )
        place = plugins()
        made = self.run("init", "-input=false", *([f"-plugin-dir={place}"] if place else []), check=False)
        if made.returncode:
            pytest.fail(
                f"terraform init found no provider hashicorp/aws in {place or 'its own registry'}: set TF_PLUGIN_DIR "
                f"to a folder that has it, or put one named {FOLDER} into your home folder\n{made.stderr}"
            )

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command; fail with what it said where it failed, unless told not to check."""
        command = ["terraform", words[0], *([] if words[0] in ("output", "show") else ["-no-color"]), *words[1:]]
        done = subprocess.run(
            command, check=False, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done

    def plan(self, *words: str) -> dict[str, Any]:
        """Return a plan as JSON."""
        self.run("plan", "-input=false", "-out=plan", *words)
        return dict(json.loads(self.run("show", "-json", "plan").stdout))

    def edit(self, file: str, old: str, new: str) -> None:
        """Plant a change in the copy; the old text must be there."""
        place = self.folder / file
        text = place.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}: the planted fault is out of date"
        place.write_text(text.replace(old, new), encoding="utf-8")
