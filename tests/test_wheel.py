"""What is built works where the checkout is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from commands import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `python -m build` makes."""
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=170, check=False)

    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_data_files(wheel: Path) -> None:
    """Locks, metric rules, templates and the page's files travel; tests and scenarios do not."""
    names = zipfile.ZipFile(wheel).namelist()

    for part in ("targets/locks/", "targets/jmx_rules.yml", "templates/target.toml", "report/templates/"):
        assert any(part in name for name in names), part
    assert not any(name.startswith(("tests/", "scenarios/", "bench/")) for name in names)


def test_an_installed_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """`loadkit run` of the wheel alone makes a result from a scenario of its own template."""
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
        timeout=170,
    )
    env = {**os.environ, "PYTHONPATH": str(site)}
    words = [sys.executable, "-m", "loadkit"]
    subprocess.run([*words, "init", "scenario"], cwd=tmp_path, env=env, check=True, capture_output=True, timeout=170)
    done = subprocess.run(
        [*words, "run", "scenario.py", "--target", "simulated", "--duration", "2s", "--json", "--out", "out"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    where = [*words[:1], "-c", "import loadkit; print(loadkit.__file__)"]
    used = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True, timeout=170).stdout

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "complete"
    assert used.startswith(str(site))
