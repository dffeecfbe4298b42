"""The ledger: written first, readable after a crash, and never a reason to delete somebody else's topic."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import ledger
from loadkit.errors import LoadkitError, TargetError
from loadkit.ledger import Entry
from loadkit.target import Target, load_target

MADE = Entry(
    "made", "C1", "staging", "loadkit.", "r1", ("loadkit.r1.a", "loadkit.r1.b"), ("loadkit.r1.g",), ("loadkit.r1.t",)
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state folder of the test's own."""
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def file_target() -> Target:
    """Return a target that is not built in."""
    return Target(kind="file", text="t.toml", name="staging")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$LOADKIT_STATE, else $XDG_STATE_HOME/loadkit, else ~/.local/state/loadkit."""
    assert ledger.folder() == tmp_path / "state"
    monkeypatch.delenv("LOADKIT_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert ledger.folder() == Path("/x/loadkit")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert ledger.folder() == Path.home() / ".local/state/loadkit"


def test_an_entry_comes_back_with_time_host_and_pid() -> None:
    """What was recorded is read, and who did it."""
    assert ledger.entries() == []
    ledger.record(MADE)
    (found,) = ledger.entries()
    assert replace(found, time="", host="", pid=0) == MADE
    assert found.pid == os.getpid()
    assert found.host
    assert found.time.endswith("+00:00")


def test_a_torn_last_line_costs_that_line_only(state: Path) -> None:
    """A process that died while writing leaves half a line; the next record begins a new one."""
    ledger.record(MADE)
    with ledger.path().open("ab") as stream:
        stream.write(b'{"event":"made","cluster":"C1","run":"r2","top')
    assert [entry.run for entry in ledger.entries()] == ["r1"]
    ledger.record(replace(MADE, run="r3"))
    assert [entry.run for entry in ledger.entries()] == ["r1", "r3"]


@given(st.binary(max_size=200))
def test_no_line_whatever_makes_reading_fail(junk: bytes) -> None:
    """Junk is passed over, and what stands before and behind it is read."""
    ledger.path().unlink(missing_ok=True)
    ledger.record(MADE)
    with ledger.path().open("ab") as stream:
        stream.write(junk)
    ledger.record(replace(MADE, run="r9"))
    runs = [entry.run for entry in ledger.entries()]
    assert runs[0] == "r1"
    assert runs[-1] == "r9"


FIELDS = '"cluster":"C1","target":"t","prefix":"p","run":"r"'


@pytest.mark.parametrize(
    "line",
    ["[]", "1", "null", '{"event":"made"}', f'{{"event":"x",{FIELDS}}}', f'{{"event":"made",{FIELDS},"cluster":1}}',
     f'{{"event":"made",{FIELDS},"topics":[1]}}', f'{{"event":"made",{FIELDS},"pid":"x"}}',
     f'{{"event":"made",{FIELDS},"pid":Infinity}}'],
)  # fmt: skip
def test_json_that_is_no_entry_is_passed_over(line: str) -> None:
    """A line needs an event we know, and text where text belongs."""
    ledger.path().parent.mkdir(parents=True)
    ledger.path().write_text(line + "\n")
    assert ledger.entries() == []


def test_what_is_left_is_what_was_made_and_is_not_gone() -> None:
    """By run; groups and topics apart; what was made again counts."""
    gone = replace(MADE, event="gone", topics=("loadkit.r1.a",), groups=("loadkit.r1.g",))
    (item,) = ledger.left([MADE, gone], "C1")
    assert (item.topics, item.groups) == (("loadkit.r1.b",), ())
    again = replace(MADE, topics=("loadkit.r1.a",), groups=())
    (item,) = ledger.left([MADE, gone, again], "C1")
    assert set(item.topics) == {"loadkit.r1.a", "loadkit.r1.b"}
    assert ledger.left([MADE, replace(MADE, event="gone")], "C1") == []


def test_another_cluster_or_run_is_not_touched() -> None:
    """Two clusters may have topics of one name; the id tells them apart."""
    other = replace(MADE, run="r2", topics=("loadkit.r2.a",), groups=())
    assert ledger.left([MADE, other], "C2") == []
    assert [item.entry.run for item in ledger.left([MADE, other], "C1", run="r2")] == ["r2"]


@pytest.mark.parametrize(
    "entry",
    [
        replace(
            MADE, topics=("orders", "loadkit.r2.a", "loadkit.r1", "xloadkit.r1.a", "loadkit.r11.a"), groups=("team",)
        ),
        replace(MADE, prefix="", topics=("r1.a",), groups=()),
        replace(MADE, run="", topics=("loadkit..a",), groups=()),
    ],
)
def test_a_name_without_prefix_and_run_id_is_never_deleted(entry: Entry) -> None:
    """Whatever the ledger says: a line may have been edited, or be of a bug."""
    assert ledger.left([entry], "C1") == []


@given(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), st.text(max_size=12))
def test_owning_means_beginning_with_prefix_run_and_a_dot(prefix: str, run: str, name: str) -> None:
    """And nothing else."""
    entry = replace(MADE, prefix=prefix, run=run)
    assert entry.owns(f"{prefix}{run}.{name}")
    assert entry.owns(name) == (name[: len(prefix + run) + 1] == prefix + run + ".")


def test_making_something_that_could_not_be_cleaned_up_is_a_bug() -> None:
    """It fails before anything is made."""
    with pytest.raises(LoadkitError, match="does not carry loadkit"):
        ledger.note(file_target(), "C1", "r1", topics=["orders"])
    assert ledger.entries() == []


def test_note_keeps_a_file_target_and_passes_over_built_in_ones() -> None:
    """A built-in cluster is gone with its process."""
    ledger.note(load_target("embedded"), "C1", "r1", topics=["loadkit.r1.a"])
    assert ledger.entries() == []
    ledger.note(file_target(), "C1", "r1", ["loadkit.r1.a"], ["loadkit.r1.g"], transactional_ids=["loadkit.r1.t"])
    (found,) = ledger.entries()
    assert (found.topics, found.groups, found.transactional_ids) == (
        ("loadkit.r1.a",),
        ("loadkit.r1.g",),
        ("loadkit.r1.t",),
    )


def test_a_ledger_that_cannot_be_written_stops_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is made without a record; the way out is named."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOADKIT_STATE", str(tmp_path / "file" / "below"))
    with pytest.raises(TargetError, match=r"set LOADKIT_STATE"):
        ledger.record(MADE)


def test_a_run_whose_process_lives_is_known() -> None:
    """Its own process does not count, a dead one neither, another host's cannot be known."""
    ledger.record(MADE)
    (entry,) = ledger.entries()
    assert not ledger.running(entry)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert ledger.running(replace(entry, pid=other.pid))
        assert not ledger.running(replace(entry, pid=other.pid, host="elsewhere"))
        assert other.stdin is not None
        other.stdin.close()
        other.wait()
        assert not ledger.running(replace(entry, pid=other.pid))


def test_many_processes_may_write_at_once() -> None:
    """Each line stays whole."""
    code = (
        "from loadkit.ledger import *\n"
        "import sys\n"
        "names = tuple(f'p.x{j}' for j in range(50))\n"
        "for i in range(40): record(Entry('made', 'C', 't', 'p.', f'{sys.argv[1]}-{i}', names))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(number)], env=dict(os.environ)) for number in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(entry.run for entry in ledger.entries()) == sorted(f"{n}-{i}" for n in range(3) for i in range(40))
