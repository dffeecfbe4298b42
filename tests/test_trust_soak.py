"""What a long run amounts to: windows, growth and drift, from files and sizes that are known."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import result_fixture

from loadkit import result
from trust.soak import __main__ as command
from trust.soak import page, run
from trust.soak.figures import Sample, figures, growth, size_at, windows
from trust.stopping import stopping

ASKED = {"rate": 500, "seconds": 120.0, "promised": 500}


def test_memory_grows_from_the_highest_of_the_first_minute() -> None:
    """Warm-up and draining are not looked at; the difference is between highest values."""
    sizes = {0: 900, 10: 100, 20: 150, 69: 140, 70: 170, 100: 180, 130: 990}
    rows = [{"t": t, "kind": "host", "rss": rss} for t, rss in sizes.items()]
    found = growth(rows, 10.0, 120.0, 60.0)
    assert (found["first"], found["highest"], found["growth"]) == (150, 180, 30)


def test_a_run_is_cut_into_whole_minutes_or_six_windows() -> None:
    """What is left over after the last whole minute is in no window."""
    assert windows(10.0, 1820.0)[0] == (10.0, 70.0)
    assert len(windows(10.0, 1820.0)) == 30
    assert windows(0.0, 60.0) == [(10.0 * at, 10.0 * (at + 1)) for at in range(6)]


def test_a_size_between_two_looks_lies_on_a_line() -> None:
    """And stays what it was beyond the last look."""
    samples = [Sample(10.0, 100, 5), Sample(20.0, 300, 7)]
    assert [size_at(samples, at, "files") for at in (5.0, 15.0, 20.0, 99.0)] == [100.0, 200.0, 300.0, 300.0]


def samples(growth: float = 6000.0, jump: float = 0.0) -> list[Sample]:
    """Return sizes of a run of the fixture: files that grow by so many bytes a second, and once by a jump."""
    return [
        Sample(result_fixture.EPOCH + t, int(growth * t + jump * (t > 60)), 3_000_000_000 + 1000 * t)
        for t in range(0, 150, 5)
    ]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> result.Result:
    """Return a made-up run of two minutes that stays as it is."""
    return result.load(
        result_fixture.healthy(tmp_path_factory.mktemp("soak") / "run", seconds=120, rate=500.0, cpu=0.3)
    )


def verdicts(found: dict) -> dict[str, bool | None]:
    """Return each claim's verdict."""
    return {claim.text: claim.met for claim in page.claims(found)}


def test_a_run_that_stays_as_it_is_keeps_every_promise(steady: result.Result) -> None:
    """Rate, integrity, memory, send delay, files and disk."""
    found = figures(steady, samples(), ASKED)
    assert all(verdicts(found).values()), verdicts(found)
    assert found["files"]["per_second"] == pytest.approx(6000.0)
    assert len(found["windows"]) == 6
    assert found["memory"]["growth"] == pytest.approx(9000 * 60, rel=0.02)
    assert found["drift"]["rss"]["change"] == pytest.approx(0.0042, rel=0.2)  # 9 kB/s of 212 MB over 100 s


def test_files_that_grow_in_leaps_and_a_topic_that_is_too_large_are_misses(steady: result.Result) -> None:
    """And so is a rate that was not kept."""
    large = [Sample(one.at, one.files, 11_000_000_000) for one in samples(jump=400_000.0)]
    found = verdicts(figures(steady, large, {**ASKED, "promised": 100_000}))
    missed = [text for text, met in found.items() if not met]
    assert missed == [
        "messages kept a second", "steepest minute of the files' growth, times the median one",
        "the topic on disk at most",
    ]  # fmt: skip


def test_a_send_delay_that_grows_is_a_drift(tmp_path: Path) -> None:
    """A generator that falls ever further behind."""
    shape = result_fixture.Shape(seconds=120, rate=500.0, capacity=400.0)
    found = figures(result.load(result_fixture.write(tmp_path / "run", shape)), samples(), ASKED)
    assert found["drift"]["send_delay.p50"]["interval"][0] > 1
    assert verdicts(found)["growth of send delay p50 over the run, lower end of the interval"] is False


def test_a_run_that_was_killed_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    """Its files are those of a run that died; what was asked for is missed, what was measured is there."""
    result_fixture.partial(tmp_path / "work" / "run")
    with (tmp_path / "work" / run.SAMPLES).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"at": one.at, "files": one.files, "topic": one.topic}) + "\n" for one in samples())
        file.write('{"at": 17')
    words = ["--read", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert command.main(words) == 1
    document = json.loads((tmp_path / "out" / page.FIGURES).read_text("utf-8"))
    assert document["status"] == "running"
    assert 15 <= document["seconds"] <= 20
    assert verdicts(document)["minutes measured"] is False
    assert "20" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_figures_without_a_run_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the sentence of the result's own reader, and the code of a run that failed."""
    assert command.main(["--read", "--work", str(tmp_path), "--out", str(tmp_path / "out")]) == 3
    assert "no result" in capsys.readouterr().err


def test_bytes_on_disk_are_those_of_all_files_below(tmp_path: Path) -> None:
    """Sparse files take what they hold; what was written is as long as it says."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    with (tmp_path / "a" / "b" / "data").open("wb") as file:
        file.write(os.urandom(1 << 20))
        os.fsync(file.fileno())
    with (tmp_path / "a" / "index").open("wb") as file:
        file.truncate(10 << 20)
    assert (1 << 20) <= run.taken([tmp_path / "a"]) < (2 << 20)
    assert run.written([tmp_path / "a"]) >= (11 << 20)
    assert run.taken([tmp_path / "nothing"]) == 0


def test_sigterm_ends_a_block_as_ctrl_c_does() -> None:
    """So that a run that is told to end keeps what it has; afterwards it is what it was."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stopping():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
