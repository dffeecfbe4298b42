"""What a search says at its end: on the terminal, as JSON and on its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import max_fixture as made
import pytest
from rich.console import Console

from loadkit.report.sweep import page
from loadkit.report.sweep.maximum import answer, text
from loadkit.report.sweep.maximum.document import document_of
from loadkit.report.sweep.maximum.view import read


@pytest.fixture(scope="module")
def found() -> Path:
    """Return the folder of a search that came to an answer."""
    return made.whole()


def _shown(out: Path) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(text.table(out))
    return " ".join(console.export_text().split())


def test_the_terminal_has_the_answer_what_bound_it_and_every_trial(found: Path) -> None:
    """The sentence comes first, the trials by rate after it."""
    said = _shown(found)
    assert said.startswith("✓ 1,345 msg/s is the highest rate within latency.p99 < 16ms")
    assert "What bound it: the cluster, at its brokers." in said
    assert said.count(" hold ") >= len([kind for kind, _ in made.PROBES if kind == "hold"])
    assert said.index("200 msg/s") < said.index("3,200 msg/s")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bound": "unknown", "stage": "consumers"}, "the scenario's consumers fell behind"),
        ({"bound": "unknown", "stage": "brokers"}, "What bound it is not known."),
        ({"bound": "generator", "outcome": "generator"}, "so this is not the cluster's capacity"),
    ],
)
def test_what_bound_it_is_said_as_far_as_it_is_known(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    """A limit that is not the cluster's is never said to be."""
    out = made.write(tmp_path / "out", made.PROBES[:2] + made.PROBES[-4:], **changes)
    assert says in " ".join(answer.sentences(read(out)))
    assert answer.tone(read(out)) == ("warn" if changes["bound"] == "generator" else "good")


def test_the_document_rests_on_a_clean_hold(found: Path) -> None:
    """Metrics are those of a hold at the answer, never of a probe."""
    document = document_of(found)
    assert document["metrics"]["max_rate"] == 1345
    assert document["metrics"]["offered"] == pytest.approx(1345, rel=0.01)
    assert document["verdict"] == "pass"
    assert "max_rate" not in document["withheld"]


def test_the_page_opens_with_the_answer(found: Path) -> None:
    """One self-contained file with the curve of latency against throughput."""
    html = page.write(found).read_text()
    assert html.index("is the highest rate within") < html.index("<table")
    assert "throughput" in html
    assert len(html) < 8e6


def test_a_search_under_way_says_what_is_known(tmp_path: Path) -> None:
    """Killed before its answer, it has the trials and no rate."""
    out = made.write(tmp_path / "out", made.PROBES[:3], status="running")
    document = document_of(out)
    assert document["status"] == "interrupted"
    assert document["metrics"]["max_rate"] is None
    assert "has not come to an answer" in document["withheld"]["max_rate"]
    assert "1,600 msg/s" in _shown(out)
