"""How groups stood by Burrow's rules, and what is said where brokers tell nothing: on the page and in the document."""

from __future__ import annotations

import json
from pathlib import Path

import result_fixture as made

from loadkit import result
from loadkit.document import document_of
from loadkit.report.page import trial_page
from loadkit.report.view import view_of
from loadkit.summary import summarise


def test_groups_are_judged_by_burrows_rules_partition_by_partition(tmp_path: Path) -> None:
    """A group that had stopped on one partition for some seconds: the table, what the words mean, and a warning."""
    out = made.write(tmp_path / "stuck", made.Shape(stuck=range(30, 45)))
    loaded = result.load(out)
    summary = summarise(loaded)
    text = trial_page(view_of(loaded, summary))
    section = text[text.index("How groups stood") :]
    assert "STOP 15" in section
    assert "Billing, orders/2" in section
    assert "STOP: has not committed for longer than its last commits took, and is behind." in section
    assert "4,000" in section
    warning = next(one for one in summary.warnings if one["code"] == "not_keeping_up")
    assert "group Billing was ERR for 15 s and ended OK: orders/2 STOP" in warning["text"]
    groups = document_of(out)["groups"]
    assert groups == {"Billing": {
        "status": "OK", "worst": "ERR", "seconds": {"OK": 45, "ERR": 15},
        "partitions": {"orders/2": {"status": "OK", "worst": "STOP", "seconds": {"OK": 45, "STOP": 15}}},
    }}  # fmt: skip


def test_groups_that_kept_up_are_said_to_and_warned_of_by_nothing() -> None:
    """One row a group; partitions that were well throughout are no rows, but of the table of lag."""
    view = made.view("several")
    groups = document_of(view.result.out)["groups"]
    assert {name: (one["worst"], one["partitions"]) for name, one in groups.items()} == {
        "Billing": ("OK", {}), "Audit": ("OK", {})
    }  # fmt: skip
    assert "not_keeping_up" not in {one["code"] for one in view.summary.warnings}
    assert "Audit/orders/5" in made.page("several")


def test_without_a_brokers_own_figures_its_side_is_said_to_be_not_observed(tmp_path: Path) -> None:
    """On the page and as a warning with the way out; not where there is no broker, as in the simulation."""
    for name, kind in (("real", "external"), ("model", "simulated")):
        out = made.healthy(tmp_path / name, seconds=12)
        kept = [row for row in (out / result.SERIES).read_text().splitlines(True) if '"kind":"broker"' not in row]
        (out / result.SERIES).write_text("".join(kept))
        facts = json.loads((out / result.RESULT).read_text())
        facts["target"]["kind"] = kind
        (out / result.RESULT).write_text(json.dumps(facts))
        loaded = result.load(out)
        summary = summarise(loaded)
        said = [one["text"] for one in summary.warnings if one["code"] == "no_broker_metrics"]
        assert said == (["broker side not observed: no JMX exporter answered"] if name == "real" else [])
        assert ("Broker side not observed" in trial_page(view_of(loaded, summary))) == (name == "real")
