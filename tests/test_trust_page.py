"""The page of all that is known of loadkit's numbers: every section on it, and slices that are compared rightly."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadkit.report.block import Block, Chart, Heading, Note, Prose, Table
from trust import __main__ as command
from trust import page, parts, sections, slices, whole
from trust.claim import SHARE, Claim, counted, shown
from trust.parts import Step
from trust.sections import ORDER, Measured

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "reports" / "trust"
ABOUT = {"command": "python -m trust.made", "date": "2026-01-01 10:00 UTC", "commit": "abc1234",
         "machine": {"cpu": "x", "cores": 2, "memory": 1, "kernel": "Linux 6"}}  # fmt: skip


def made(value: float = 1.0, bound: float | None = 2.0, **more: object) -> Measured:
    """Return a section with one file and one claim of it."""
    block = Block("Cases", (Prose("told"), Chart("lines", "Lines", {})), "How it was done.")
    module = SimpleNamespace(
        TITLE="Made", METHOD="Against truth.", PARTS=[("a.json", lambda found: block), ("b.json", lambda found: block)],
        CLAIMS={"a.json": lambda found: [Claim("error", found["value"], "<=", bound, "ms")]},
    )  # fmt: skip
    return Measured("made", module, {"a.json": {"value": value, **ABOUT, **more}})


def words(block: Block) -> str:
    """Return all text of a block."""
    return repr(block)


@pytest.mark.parametrize(
    ("claim", "met", "verdict", "figure"),
    [
        (Claim("a", 1.0, "<=", 1.0), True, "met", "1"),
        (Claim("a", 1.25, "<=", 1.0, "ms"), False, "missed by 0.25 ms", "1.25 ms"),
        (Claim("a", 0.93, ">=", 0.95, SHARE), False, "missed by 2.0 %", "93.0 %"),
        (Claim("a", None, "<=", 1.0), False, "not told", "–"),
        (Claim("a", 2.0), None, "stated", "2"),
        (Claim("a", 1.5, interval=(1.25, 2.0)), None, "stated", "1.5 (1.25 to 2)"),
    ],
)
def test_a_claim_is_met_or_missed_by_so_much(claim: Claim, met: bool | None, verdict: str, figure: str) -> None:
    """At its bound it is met; what could not be told is missed; what has no bound is only stated."""
    assert (claim.met, claim.verdict, claim.figure) == (met, verdict, figure)


def test_figures_keep_three_digits_and_thousands() -> None:
    """Shares in percent, counts whole."""
    assert [shown(0.123456), shown(123_456.7), shown(100_000, "msg/s"), shown(0.0004, SHARE)] == [
        "0.123", "123,457", "100,000 msg/s", "0.0 %",
    ]  # fmt: skip


def test_the_headline_says_what_is_missed_and_what_is_not_measured() -> None:
    """A miss is named with its figure and bound; a section without figures is named too."""
    text = words(whole.headline([made(3.0), Measured("stalls", None)]))
    assert "0 of 1 promised figures are kept" in text
    assert "made: error: 3 ms, wanted <= 2 ms" in text
    assert "Not measured yet, or not all of it: made, stalls." in text
    assert "b.json: not measured yet" in text
    assert "2026-01-01 10:00 UTC, abc1234" in text
    assert "1 of 1 promised figures are kept" in words(whole.headline([made(1.0)]))


def test_what_nobody_judges_stands_in_its_section_but_not_in_the_headline() -> None:
    """A claim without a bound is no promise."""
    assert "error" not in words(whole.headline([made(3.0, None)]))
    assert "error" in words(whole.section(made(3.0, None)))


def test_a_section_has_method_promises_figures_and_what_is_missing() -> None:
    """Titles of its blocks become headings, and its charts cannot be taken for another section's."""
    built = whole.section(made())
    kinds = [type(part) for part in built.parts]
    assert kinds == [Prose, Table, Note, Heading, Prose, Prose, Chart, Prose]
    assert next(part.key for part in built.parts if isinstance(part, Chart)) == "made-cases-lines"
    assert built.parts[-1] == Prose(
        "Measured 2026-01-01 10:00 UTC by commit abc1234 on 2 cores (x), Linux 6: python -m trust.made"
    )


def test_figures_of_another_shape_cost_only_their_own_section() -> None:
    """What raises is told on the page."""
    broken = made()
    broken.files["a.json"].pop("value")  # type: ignore[attr-defined]
    assert "its figures cannot be read: KeyError" in words(whole.headline([broken, made()]))
    text = words(whole.headline([broken, made()]))
    assert "1 of 1 promised figures" in text
    assert "Cannot be read: made." in text
    assert "tone='bad'" in text
    broken.files["a.json"].pop("date")  # type: ignore[attr-defined]
    assert "a.json cannot be shown: KeyError" in words(whole.section(broken))


def test_the_page_has_every_section_from_the_committed_figures(tmp_path: Path) -> None:
    """In the order of the contents, measured or not."""
    done = [slices.Slice("gate", False, "A/A gates that fail: 9.0 %", 61.0)]
    text = command.write(COMMITTED, tmp_path / "trust.html", done).read_text("utf-8")
    assert text.count("A/A gates that fail: 9.0 %") == text.count("DIFFERS") == 1
    places = [text.index(f'<section id="section-{name}">') for name in ORDER]
    assert places == sorted(places)
    assert [words for words in ("cannot be shown", "cannot be read") if words in text] == []
    for name in ("search", "sizing", "gate"):
        assert not sections.load(name, COMMITTED / name).missing


@pytest.mark.parametrize("name", sections.found())
def test_every_section_follows_the_protocol(name: str) -> None:
    """Title, method, parts and claims, of files that a part or claim names; a package that can be run."""
    one = sections.load(name, COMMITTED / name)
    assert one.section is not None
    assert one.section.TITLE
    assert one.section.METHOD
    assert all(file.endswith(".json") and callable(build) for file, build in one.section.PARTS)
    assert set(one.section.CLAIMS) <= {file for file, _ in one.section.PARTS}
    texts = [claim.text for claim, _ in one.claims()]
    assert len(set(texts)) == len(texts)
    assert (ROOT / "trust" / name / "__main__.py").exists()
    for found in one.files.values():
        assert page.measured(found).startswith("Measured ")


@pytest.mark.parametrize(
    ("again", "before", "agrees"),
    [
        ((1.0, 2.0), (1.5, 2.0), True),
        ((3.0, 2.0), (1.5, 2.0), False),
        ((3.0, 2.0), (4.0, 2.0), True),
        ((1.0, None), (1.0, None), None),
    ],
)
def test_a_slice_agrees_where_its_verdicts_are_the_committed_ones(again, before, agrees) -> None:
    """Both met or both missed; what nobody judges and has no interval cannot be compared."""
    assert slices.compare(made(*again), made(*before))[0] is agrees


def test_stated_figures_agree_where_their_intervals_meet() -> None:
    """A ratio that nobody judges is compared by its interval."""
    wide, narrow, far = (Claim("a", 1.0, interval=ends) for ends in ((0.5, 2.0), (0.9, 1.1), (2.5, 3.0)))
    assert slices.alike(wide, narrow) is True
    assert slices.alike(narrow, far) is False
    assert slices.alike(narrow, Claim("a", 1.0)) is None


def test_a_share_of_a_short_slice_misses_its_bound_by_chance_only_within_its_interval() -> None:
    """Two of 150 against five of 1,000 with a bound of 1 %; twenty of 150 is another matter."""
    few, many, wrong = (counted("a", *seen, "<=", 0.01) for seen in ((2, 150), (5, 1000), (20, 150)))
    assert (few.met, many.met) == (False, True)
    assert slices.alike(few, many) is True
    assert slices.alike(wrong, many) is False
    assert many.interval == pytest.approx((0.0016, 0.0116), abs=1e-4)


def test_a_slice_without_committed_figures_says_what_it_found() -> None:
    """It neither agrees nor differs."""
    assert slices.compare(made(3.0), Measured("made", None)) == (
        None, "nothing committed to compare with; here: error: missed by 1 ms"
    )  # fmt: skip


def test_a_slice_that_breaks_or_hangs_is_told_and_the_next_runs(tmp_path: Path) -> None:
    """Exit codes beyond 0 and 1, and what outlives its time: the whole session of it ends."""
    code = "import sys; print('no cluster'); sys.exit(3)"
    assert slices.command([sys.executable, "-c", code], tmp_path / "a.log", 30) == 3
    assert (tmp_path / "a.log").read_text("utf-8") == "no cluster\n"
    child = tmp_path / "child"
    code = f"sleep 60 & echo $! > {child}; wait"
    assert slices.command(["sh", "-c", code], tmp_path / "b.log", 1) is None
    assert not alive(int(child.read_text("utf-8")))
    assert slices.one("search", tmp_path, COMMITTED, 0).agrees is None


def alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be reaped does not."""
    for _ in range(50):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text("ascii").rpartition(")")[2].split()[0] == "Z":
            return False
        time.sleep(0.1)
    return True


def test_a_quick_run_leaves_out_what_takes_long_and_shortens_the_rest(tmp_path: Path) -> None:
    """Each part is told where to write; a missed bound is the exit code."""
    told: list[list[str]] = []

    def part(arguments: object, code: int = 0) -> int:
        told.append(list(arguments))  # type: ignore[call-overload]
        return code

    def missing(arguments: object) -> int:
        return part(arguments, 1)

    steps = {"a": Step(part, ("--count", "3")), "b": Step(part), "c": Step(missing, ())}
    out = ["--out", str(tmp_path)]
    assert parts.main("made", None, steps, lambda folder: folder, ["--quick", *out]) == 1
    assert told == [[*out, "--count", "3"], out]
    told.clear()
    assert parts.main("made", None, steps, lambda folder: folder, [*out, "a", "b"]) == 0
    assert told == [out, out]
    with pytest.raises(SystemExit):
        parts.main("made", None, steps, lambda folder: folder, ["d"])


def test_an_unknown_section_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the names that there are."""
    with pytest.raises(SystemExit):
        command.main(["--section", "nothing", "--out", str(tmp_path / "x.html")])
    assert "there are search" in capsys.readouterr().err


def test_the_committed_files_are_dated() -> None:
    """When, where, by which commit and with which command: without them a figure is hearsay."""
    for path in COMMITTED.glob("*/*.json"):
        found = json.loads(path.read_text("utf-8"))
        assert {"date", "commit", "command", "machine"} <= found.keys(), path


def test_the_readme_quotes_the_committed_figures() -> None:
    """Five of them, in the words in which they stand there."""
    told = " ".join((ROOT / "README.md").read_text("utf-8").split())
    figure = {claim.text: claim.figure.split(" (")[0]
              for name in ("search", "sizing") for claim, _ in sections.load(name, COMMITTED / name).claims()}  # fmt: skip
    stalls = json.loads((COMMITTED / "stalls" / "cases.json").read_text("utf-8"))
    rows = [row for case in stalls["cases"] for row in case["loadkit"]["rows"]]
    for quoted in (
        f"Of {len(rows)} percentiles under delays, stalls, resets and stopped brokers {sum(r['kept'] for r in rows)} lie",
        "of ten delays planted in one stage all are named",
        f"{figure['share of clusters whose answer is within 5 % of the true highest rate']} of its answers were within",
        f"{figure['plans that are not oversized, worse noise']} have at most one step or 30 % more brokers",
        f"a median error of {figure['median error of predicted broker CPU']}",
    ):
        assert quoted in told
    assert sections.load("stages", COMMITTED / "stages").claims()[0][0].note == "10 of 10"
