"""The GitHub Action's script, as a workflow runs it; and that action.yml passes what the script reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT
from test_gate import SCENARIO, TARGET


@pytest.mark.long
def test_the_script_gates_tells_the_verdict_and_lets_the_workflow_decide_on_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(SCENARIO)
    env = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
        "LOADKIT_STATE": str(tmp_path / "state"), "SCENARIO": "orders.py", "OUT": "out",
        "GITHUB_OUTPUT": str(tmp_path / "outputs"), "FAIL_IF": "latency.p50 > +10%\n\n  errors > 0\n",
        "ARGUMENTS": f"--baseline '{TARGET}' --candidate '{TARGET}' --duration 2s --max-pairs 2",
    }  # fmt: skip
    codes = []
    for inconclusive in ("pass", "fail"):  # the second only shows what the first has measured
        done = subprocess.run(
            ["bash", str(ROOT / ".ci" / "gate")], cwd=tmp_path, env={**env, "INCONCLUSIVE": inconclusive},
            capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip
        codes.append(done.returncode)
        assert "errors > 0" in done.stdout, done.stderr
    assert codes == [0, 4]
    assert (tmp_path / "outputs").read_text() == "verdict=inconclusive\n" * 2


def test_the_action_hands_over_every_input_that_the_script_reads() -> None:
    action, script = ((ROOT / name).read_text() for name in ("action.yml", ".ci/gate"))
    read = set(re.findall(r"\$\{?([A-Z_]+)", script)) | {"ARGUMENTS"}
    handed = set(re.findall(r"^        ([A-Z_]+): \$\{\{ inputs\.", action, flags=re.M))
    assert read - {"GITHUB_OUTPUT"} <= handed
