"""The page and the terminal table of a sweep: its answer, what may be named best, and what is never lost."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_fixture as made
from rich.console import Console
from test_report import _Words as Words
from test_report import figures

from loadkit.errors import UsageError
from loadkit.report.sweep import answer, page, text, words
from loadkit.report.sweep.sections import front, points
from loadkit.report.sweep.view import View, view_of
from loadkit.result import read_tracks
from loadkit.sweep import store
from loadkit.sweep.spec import Axis, Point, Record

Change = Callable[[Record], Record]


def view(**changes: Any) -> View:
    """Return the view of the whole sweep, with fields of it replaced."""
    return view_of(made.whole(), replace(store.read(made.whole()), **changes))


def trials(change: Change) -> tuple[Record, ...]:
    """Return the whole sweep's trials, each changed."""
    return tuple(map(change, store.read(made.whole()).trials))


def at(point: str, **changes: Any) -> Change:
    """Return a change of one point's trials; `metrics` are laid over those measured."""

    def change(record: Record) -> Record:
        if record.point != point:
            return record
        metrics = {**record.metrics, **changes.get("metrics", {})}
        return replace(record, **{**changes, "metrics": metrics})

    return change


def named(seen: View) -> str | None:
    """Return the id of the point that is named best."""
    found = answer.best(seen)
    return found.tried.point.id if found else None


KINDS: dict[str, Callable[[], View]] = {
    "whole": view,
    "nothing yet": lambda: view(trials=(), status="running", target={}),
    "one trial": lambda: view(trials=store.read(made.whole()).trials[:1], status="running"),
    "a third": lambda: view(trials=store.read(made.whole()).trials[:14], status="interrupted"),
    "one repeat": lambda: view(trials=tuple(t for t in store.read(made.whole()).trials if t.repeat == 0)),
    "all failed": lambda: view(trials=trials(lambda r: replace(r, status="failed", metrics={}, error="the disk is full"))),
    "all unsafe": lambda: view(points=tuple(replace(p, safe=False) for p in store.read(made.whole()).points)),
    "generator-limited": lambda: view(trials=trials(lambda r: replace(r, limit="generator"))),
    "ended early": lambda: view(trials=trials(lambda r: r if r.repeat else replace(r, status="ended-early", block=False))),
    "no intervals": lambda: view(trials=trials(lambda r: replace(r, intervals={}, started_at=None))),
    "no metrics": lambda: view(trials=trials(lambda r: replace(r, metrics=dict.fromkeys(r.metrics)))),
    "agreeing repeats": lambda: view(trials=trials(lambda r: replace(r, metrics={"latency.p99": 0.01, "throughput": 900.0}))),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_stage_of_a_sweep_loses_a_section(kind: str) -> None:
    """The page and the table are made of any part of a sweep, and every sentence is one."""
    seen = KINDS[kind]()
    source = page.sweep_page(seen)
    assert "could not be made" not in source
    assert Words(source).text.count("Answer") >= 1
    out = io.StringIO()
    Console(file=out, width=100).print(text.table(seen.out, seen.stored))
    for said in (answer.headline(seen), *answer.sentences(seen)):
        assert said.endswith((".", "%"))
        assert "None" not in said
        assert "nan" not in said


def test_the_page_is_written_whole_and_the_answer_comes_first(tmp_path: Path) -> None:
    """`write` replaces report.html at once, and the first section names the best safe point against the base."""
    out = made.whole()
    assert page.write(out) == out / "report.html"
    assert not list(out.glob("*.part"))
    said = Words((out / "report.html").read_text(encoding="utf-8")).text
    assert said.index("With linger.ms = 0") < said.index("matters most")
    assert re.search(r"p99 latency is the lowest of 6 safe points that hold the SLO: .* lower .* than the base's", said)
    assert "simulated: no real cluster was measured" in said
    with pytest.raises(UsageError, match="holds no sweep"):
        page.write(tmp_path)


def test_only_a_safe_point_is_named_best_though_an_unsafe_one_is_better() -> None:
    """With acks=1 latency is lower: such a point is shown, told apart, and not named."""
    seen = view()
    found = answer.best(seen)
    assert found
    lowest = min(seen.shown, key=lambda tried: seen.value(tried, "latency.p99") or 9.0)
    assert not lowest.point.safe
    assert found.tried.point.settings["acks"] == "all"
    assert all(tried.point.safe for tried in (*found.ranked, *found.equals))
    assert "An unsafe point, which is never named best, reached" in " ".join(answer.sentences(seen))
    on = front.front_of(seen, seen.shown, "throughput", "latency.p99")
    assert on
    assert all(tried.point.safe for tried in on)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"limit": "generator"}, "the load generator was its limit"),
        ({"metrics": {"lost": 1.0}}, "messages were lost"),
        ({"metrics": {"errors": 3.0}}, "messages failed"),
        ({"metrics": {"unsent": 2.0}}, "messages were due and never sent"),
        ({"status": "failed"}, "its trials failed"),
        ({"status": "ended-early"}, "its trials were ended early"),
    ],
)
def test_a_point_that_did_not_deliver_is_not_named_best(change: dict[str, Any], why: str) -> None:
    """The best point loses its place by any of these, and the next one takes it."""
    best = named(view())
    seen = view(trials=trials(at(str(best), **change)))
    assert named(seen) not in (best, None)
    tried = next(one for one in seen.points if one.point.id == best)
    assert answer.refused(seen, tried) == why


def test_one_generator_limited_repeat_is_enough_to_say_so() -> None:
    """A point is the cluster's only when every repeat was; its mark, its hover and the note say it is not."""
    first = str(named(view()))
    only = trials(lambda r: replace(r, limit="generator") if (r.point, r.repeat) == (first, 0) else r)
    seen = view(trials=only)
    assert named(seen) != first
    assert "generator-limited at 1 point" in answer.labels(seen)
    source = page.sweep_page(seen)
    assert "not the cluster's capacity" in Words(source).text
    assert any(trace["name"] == "safe, generator-limited" for trace in figures(source)["ranks"]["data"])


def test_a_point_beyond_the_slo_is_not_named() -> None:
    """An objective that none holds leaves no best point, and the answer says why."""
    seen = view(sweep=replace(store.read(made.whole()).sweep, slo=("latency.p99 < 1us",)))
    assert named(seen) is None
    assert "an SLO does not hold" in answer.headline(seen)
    assert answer.tone(seen) == "bad"


def test_a_percentile_of_a_point_is_that_of_all_its_messages() -> None:
    """It follows from the histograms of all repeats added up, which no mean of their percentiles gives."""
    seen = view()
    tried = seen.shown[0]
    total = None
    for trial in tried.trials:
        track = read_tracks(seen.out / trial.folder)["Checkout.latency"].total
        total = track if total is None else (total.add(track), total)[1]
    assert total
    assert seen.value(tried, "latency.p99") == pytest.approx(total.quantile(0.99) / 1e6)
    assert seen.value(tried, "latency.max") == pytest.approx(total.max / 1e6)
    assert seen.value(tried, "Checkout.latency.p99.9") == pytest.approx(total.quantile(0.999) / 1e6)
    slowest = max(trial.metrics["latency.p99"] or 0.0 for trial in tried.trials)
    assert (seen.value(tried, "latency.p99") or 9.0) <= slowest


def test_the_base_repeats_fall_into_the_blocks_they_were_run_in() -> None:
    """The base opens each block, so an extra trial of it belongs to the block of the trial after it."""
    seen = view()
    base = seen.base
    assert base
    blocks = [seen._blocks[base.point.id, trial.repeat] for trial in base.trials]
    assert blocks == [0, 0, 1, 1, 2, 2, 2]


def test_points_ended_early_are_shown_apart_and_are_in_no_effect() -> None:
    """Their trials are in no observation, their marks are their own, and the page lists them."""
    gone = "p008"
    seen = view(trials=trials(at(gone, status="ended-early", block=False)))
    assert seen.effects("latency.p99").points == 11  # type: ignore[union-attr]
    source = page.sweep_page(seen)
    names = {trace["name"] for trace in figures(source)["ranks"]["data"]}
    assert {"safe", "unsafe", "safe, ended early"} <= names
    assert "ended early, once they could not be among the best" in Words(source).text


def test_what_was_left_out_is_said() -> None:
    """Points that cannot work, failed trials and what was not explored stand on the page with their reasons."""
    points_ = list(store.read(made.whole()).points)
    points_[2] = replace(points_[2], invalid="batch.size is above max.message.bytes")
    failing = at("p004", status="failed", error="the broker went away", metrics={})
    kept = tuple(r for r in trials(failing) if r.point != points_[2].id)
    seen = view(points=tuple(points_), trials=kept, not_explored=("acks=0 was not tried: the budget was spent.",))
    said = Words(page.sweep_page(seen)).text
    for part in ("batch.size is above max.message.bytes", "the broker went away", "acks=0 was not tried"):
        assert part in said
    out = io.StringIO()
    Console(file=out, width=100).print(text.table(seen.out, seen.stored))
    assert "3 trials failed and 1 point cannot work" in out.getvalue()


def test_effects_are_told_in_words_with_their_size() -> None:
    """The knob that matters is named first, in percent and in units, and what noise may explain is said to be so."""
    said = words.effect_sentences("latency.p99", view().effects("latency.p99"))  # type: ignore[arg-type]
    assert re.match(
        r"linger\.ms matters most: with 20 in place of 5, p99 latency is 1\d\d % higher \(95 % interval", said[0]
    )
    assert re.search(r"from 1\d\.\d ms to 2\d\.\d ms as a mean over the other knobs", said[0])
    assert any("batch.size" in one and "cannot be told from noise: the intervals reach to" in one for one in said)


def test_an_interval_that_reaches_to_a_hundred_times_is_said_to_bound_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One trial a point leaves an effect open: a figure of millions would say less."""
    monkeypatch.setattr(words, "_BOUND", 0.01)
    said = words.effect_sentences("latency.p99", view().effects("latency.p99"))  # type: ignore[arg-type]
    assert any("batch.size" in one and "so few trials do not bound it" in one for one in said)


def test_safe_and_unsafe_have_their_own_shape_and_colour_in_every_picture() -> None:
    """No trace of points mixes them, and their marks differ in both."""
    found = figures(page.sweep_page(view()))
    for key in ("ranks", "front-throughput"):
        if key in found:
            marks = {trace["name"]: trace["marker"] for trace in found[key]["data"] if trace.get("mode") == "markers"}
            assert marks["safe"]["symbol"] != marks["unsafe"]["symbol"]
            assert marks["safe"]["color"] != marks["unsafe"]["color"]
    assert any(trace["name"] == "only unsafe points" for trace in found["heat"]["data"] if trace["type"] == "scatter")
    dashes = {
        trace["line"]["dash"]
        for trace in found["curves-latency"]["data"]
        if "unsafe" in trace["name"] and trace.get("showlegend") is not False
    }
    assert dashes == {"dash"}


def test_the_csv_in_the_page_holds_every_trial() -> None:
    """The link is a data address, so the page alone is enough; it holds the same rows as sweep.csv."""
    source = page.sweep_page(view())
    encoded = re.search(r'href="data:text/csv;base64,([^"]+)" download="sweep.csv"', source)
    assert encoded
    rows = list(csv.DictReader(io.StringIO(base64.b64decode(encoded[1]).decode())))
    assert len(rows) == 40
    assert {"point", "linger.ms", "acks", "latency.p99", "status"} <= set(rows[0])
    assert 'href="sweep.parquet"' in source


def test_every_value_of_the_table_sorts_as_a_number() -> None:
    """A cell that shows 900 µs and one that shows 1.2 ms carry the seconds they sort by."""
    block = points.build(view())
    assert block
    table = block.parts[0]
    column = table.head.index("p99 latency")  # type: ignore[union-attr]
    values = [row[column].value for row in table.rows]  # type: ignore[union-attr]
    assert all(isinstance(value, float) for value in values)
    assert table.sortable  # type: ignore[union-attr]


def test_a_drift_of_the_base_is_the_first_note() -> None:
    """A base that slows down all along is named beside the answer, which is then no longer sure."""
    base = next(point.id for point in store.read(made.whole()).points if point.base)

    def slower(record: Record) -> Record:
        grown = (record.metrics["latency.p99"] or 0.0) * (1 + 0.02 * record.index)
        return replace(record, metrics={**record.metrics, "latency.p99": grown}) if record.point == base else record

    seen = view(trials=trials(slower))
    assert "The base point drifted" in Words(page.sweep_page(seen)).text
    assert answer.tone(seen) == "warn"
    assert "No drift can be told from noise" in Words(page.sweep_page(view())).text


def test_a_page_of_two_hundred_points_stays_small(tmp_path: Path) -> None:
    """200 points with 3 repeats each: under 8 MB, made within seconds."""
    axes = (Axis("linger.ms", tuple(range(10))), Axis("batch.size", (1, 2, 3, 4, 5)), Axis("acks", ("all", "1")),
            Axis("compression.type", ("none", "lz4")))  # fmt: skip
    small = store.read(made.whole())
    spots = tuple(made.judged(point) for point in made.grid(axes))
    base = replace(spots[0], base=True)
    spots = (base, *spots[1:])
    rng = np.random.default_rng(1)
    order = made.order(spots, 3)
    rows = []
    for index, (point, repeat) in enumerate(order):
        like = small.trials[index % len(small.trials)]
        factor = 1 + 0.1 * float(rng.random())
        metrics = {name: None if v is None else v * factor for name, v in like.metrics.items()}
        rows.append(replace(like, point=point, repeat=repeat, index=index, metrics=metrics))
    stored = replace(
        small, sweep=replace(small.sweep, axes=axes), points=spots, order=tuple(order), trials=tuple(rows),
        base=base.settings,
    )  # fmt: skip
    source = page.sweep_page(view_of(made.whole(), stored))
    assert "could not be made" not in source
    assert len(source.encode()) < 8e6


def test_hostile_settings_are_text() -> None:
    """A value named like a script stays a value, in the page and in its charts."""
    evil = "<img src=x onerror=alert(1)>"
    axes = (Axis("acks", ("all", evil)),)
    spots = (Point("p000", {"acks": "all"}, base=True), Point("p001", {"acks": evil}, safe=False, unsafe_because=evil))
    names = ["p000", "p001"] * 3
    first = store.read(made.whole()).trials[:6]
    kept = [replace(trial, point=names[at], repeat=at // 2) for at, trial in enumerate(first)]
    sweep = replace(store.read(made.whole()).sweep, axes=axes)
    seen = view(sweep=sweep, points=spots, trials=tuple(kept), order=tuple((r.point, r.repeat) for r in kept))
    source = page.sweep_page(seen)
    assert "<img" not in source
    assert "&lt;img" in source


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ((-0.4), 0, "40 % lower (95 % interval"),
        (0.0, 1.2, "higher"),
    ],
)
def test_changes_read_as_a_reader_says_them(low: float, high: float, said: str) -> None:
    """The sign is a word, and the interval stands beside it."""
    from loadkit.analysis.noise import Contrast

    middle = np.log1p(low if low else high / 2)
    shown = words.changed(Contrast(middle, middle - 0.1, middle + 0.1, 0.0, 5))
    assert said in shown
    assert "-" not in shown
