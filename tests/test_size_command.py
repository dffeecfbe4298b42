"""`loadkit size` as a planner runs it: the examples, what is refused, what changed since, and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import max_fixture
import pytest
import sweep_fixture
from commands import Done, run_all
from sizing_fixture import BASE

from loadkit import drive_size

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "scenarios" / "sizing").glob("*.toml"))


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    """Return the folder and documents of all examples, planned from a small simulated sweep."""
    out, found = tmp_path_factory.mktemp("sized"), {}
    for path in EXAMPLES:
        request = drive_size.Request(path, (sweep_fixture.whole(),), out / path.stem, demo=True)
        found[path.stem] = drive_size.size(request, quiet=True)
    return out, found


@pytest.mark.parametrize("name", [path.stem for path in EXAMPLES])
def test_every_example_is_feasible_and_its_files_are_whole(
    sized: tuple[Path, dict[str, dict[str, Any]]], name: str
) -> None:
    """The page stands alone and opens with the answer; the banner is on it; Markdown and JSON say the same."""
    out, documents = sized[0] / name, sized[1]
    plan = documents[name]["plan"]
    assert plan["feasible"], plan["infeasible"]
    assert plan["demo"]
    assert len(plan["alternatives"]) >= 3
    page, text = ((out / file).read_text(encoding="utf-8") for file in ("sizing.html", "sizing.md"))
    for found in (page, text):
        assert "simulated: shows the method, not your cluster" in found
        assert "could not be made" not in found
        assert f"{plan['cluster']['count']}" in found
    assert text.index("## Recommendation") < text.index("## What binds") < text.index("## Sign-off")
    assert list((out / "configs").rglob("producer.*")), "no config files"
    assert json.loads((out / "sizing.json").read_text(encoding="utf-8"))["plan"] == json.loads(json.dumps(plan))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Done]]:
    """Return what several commands did."""
    folder = tmp_path_factory.mktemp("size")
    found, orders = str(max_fixture.whole()), str(ROOT / "scenarios" / "sizing" / "small_service.toml")
    (folder / "tight.toml").write_text(_toml(max_brokers=1), encoding="utf-8")
    (folder / "wrong.toml").write_text(_toml().replace('"8k/s"', '"8k/fortnight"'), encoding="utf-8")
    (folder / "more.toml").write_text(
        Path(orders).read_text(encoding="utf-8").replace('"600/s"', '"9k/s"'), encoding="utf-8"
    )
    return folder, run_all(
        {
            "init": ["init", "requirements", "r.toml"],
            "template": ["size", "r.toml", "--out", "template", "--json"],
            "old": ["size", orders, "--from", found, "--demo", "--out", "old"],
            "new": ["size", "more.toml", "--from", found, "--demo", "--out", "new", "--against", "old", "--json"],
            "refused": ["size", orders, "--from", found, "--out", "refused"],
            "tight": ["size", "tight.toml", "--out", "tight", "--json"],
            "wrong": ["size", "wrong.toml", "--out", "wrong"],
            "nothing": ["size", orders, "--from", "nowhere", "--out", "nothing"],
            "no plan": ["size", orders, "--against", "nowhere", "--out", "nothing"],
        },
        cwd=folder,
    )  # fmt: skip


def _toml(max_brokers: int = 12) -> str:
    topic, shape = BASE["topics"][0], BASE["platform"]["shapes"][0]
    return "\n".join([
        'name = "t"', "[platform]", 'kind = "self-managed"', f"max_brokers = {max_brokers}", "[[platform.shapes]]",
        *(f"{key} = {json.dumps(value)}" for key, value in shape.items()), "[[topics]]",
        *(f"{key} = {json.dumps(value)}" for key, value in topic.items() if key != "groups"),
    ])  # fmt: skip


def test_the_template_is_planned_without_any_results(done: tuple[Path, dict[str, Done]]) -> None:
    """On assumptions alone, and it says so."""
    assert done[1]["init"].code == 0
    made = done[1]["template"]
    assert made.code == 0, made.err
    document = json.loads(made.out)
    assert document["plan"]["feasible"]
    assert document["plan"]["confidence"]["level"] in ("low", "medium")
    assert "nothing was measured" in document["plan"]["recommendation"]
    assert document["metrics"].keys() == document["withheld"].keys()


def test_a_plan_tells_what_changed_since_an_older_one(done: tuple[Path, dict[str, Done]]) -> None:
    """Brokers, cost, the requirement that moved them, and how old both plans' data is."""
    assert done[1]["old"].code == 0, done[1]["old"].err
    assert done[1]["new"].code == 0, done[1]["new"].err
    changes = json.loads(done[1]["new"].out)["changes"]
    told = "\n".join(changes)
    assert "their number: 6, now" in told
    assert "requirement topics[0].peak[0]: 600.0, now 9000.0" in changes
    assert any(one.startswith("the old plan's measurements: 14 trials") for one in changes)
    assert "Since the last plan" in (done[0] / "new" / "sizing.html").read_text(encoding="utf-8")


def test_simulated_results_need_demo(done: tuple[Path, dict[str, Done]]) -> None:
    """Without it nothing is written."""
    assert done[1]["refused"].code == 2
    assert "--demo" in done[1]["refused"].err
    assert not (done[0] / "refused").exists()


def test_not_feasible_is_an_answer(done: tuple[Path, dict[str, Done]]) -> None:
    """With the requirement that makes it so, a report, and no config files."""
    made = done[1]["tight"]
    assert made.code == 0, made.err
    document = json.loads(made.out)
    assert not document["plan"]["feasible"]
    assert document["plan"]["infeasible"][0]["path"] == "platform.max_brokers"
    assert document["warnings"][0]["code"] == "not_feasible"
    assert "Not feasible" in (done[0] / "tight" / "sizing.html").read_text(encoding="utf-8")
    assert not (done[0] / "tight" / "configs").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wrong", "topics[0].rate: '8k/fortnight' is not a rate"),
        ("nothing", "no such folder"),
        ("no plan", "holds no plan"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(done: tuple[Path, dict[str, Done]], name: str, says: str) -> None:
    """By place, with the way out."""
    assert done[1][name].code == 2
    assert says in done[1][name].err
