"""Verdicts as they stand in a result."""

from __future__ import annotations

from loadkit.integrity import Accounts, Delta
from loadkit.outcome import verdicts


def accounts() -> Accounts:
    """Return those of two groups of which either missed three offsets of a hundred."""
    made = Accounts()
    made.confirmed("orders", 0, Delta([(0, 100)], {"acked": 100}))
    for group in ("Billing", "Audit"):
        made.consumed(group, "orders", 0, Delta([(0, 60), (63, 100)], {"received": 97}))
    return made


GROUPS = [("Billing", "orders"), ("Audit", "orders")]


def test_what_a_group_never_received_is_lost() -> None:
    """Counted by group, and the offsets are named."""
    facts = verdicts(accounts().verdicts(GROUPS))
    assert facts["lost"] == 6
    assert facts["lost_ranges"] == [["orders", 0, 60, 62]] * 2
    assert "unknown" not in facts


def test_what_a_dead_process_may_have_received_is_unknown_not_lost() -> None:
    """It received them and died before it said so, or they are lost: neither is claimed; the other group's are lost."""
    facts = verdicts(accounts().verdicts(GROUPS), {"Billing"})
    assert facts["lost"] == 3
    assert {row["group"]: row["lost"] for row in facts["partitions"]} == {"Billing": None, "Audit": 3}
    assert len(facts["lost_ranges"]) == 1
    assert facts["unknown"]["lost"].startswith("3 messages were received by a load process that died")


def test_a_group_that_misses_nothing_has_lost_nothing_whoever_died() -> None:
    """The other processes received it all."""
    whole = accounts()
    for group in ("Billing", "Audit"):
        whole.consumed(group, "orders", 0, Delta([(60, 63)], {"received": 3}))
    facts = verdicts(whole.verdicts(GROUPS), {"Billing", "Audit"})
    assert facts["lost"] == 0
    assert "unknown" not in facts
