"""The supervisor of the embedded cluster, tried with `sleep` for a JVM: nothing outlives the owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadkit.errors import TargetError
from loadkit.targets import supervisor_link
from loadkit.targets.supervisor_link import Link, is_live, sweep

LIMIT = 5.0
CHILD = ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"]
OWNER = """
import os, sys, time
from pathlib import Path
from loadkit.targets.supervisor_link import Link
link = Link()
log = link.folder / "log"
pid = link.spawn("node", {child!r}, log)
while not log.exists() or "up" not in log.read_text():
    time.sleep(0.01)
print(link.folder, link._pid, pid, flush=True)
{end}
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a TMPDIR of its own, in which every data folder is its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def link() -> Iterator[Link]:
    """Return a link that is closed whatever the test did."""
    link = Link()
    yield link
    link.close(0.0)


def eventually(true: Callable[[], bool], limit: float = LIMIT) -> bool:
    until = time.monotonic() + limit
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def owner(end: str) -> tuple[subprocess.Popen[str], Path, int, int]:
    """Return a process that owns a link, the link's folder, the supervisor's pid and the child's."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(child=CHILD, end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder, supervisor, child = process.stdout.readline().split()
    return process, Path(folder), int(supervisor), int(child)


def finish(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("end", "number"),
    [
        ("time.sleep(60)", signal.SIGKILL),
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGINT),
        ("link.close(30.0)", signal.SIGKILL),
        ("os.abort()", None),
        ("os._exit(0)", None),
        ("raise ValueError", None),
        ("sys.exit(0)", None),
    ],
)
def test_the_child_and_the_folder_end_with_the_owner(end: str, number: signal.Signals | None) -> None:
    """By whatever signal or return the owner ends, within 5 s nothing it started is left."""
    process, folder, supervisor, child = owner(end)
    assert runs(child) or number is None
    if number is not None:
        time.sleep(0.1)
        process.send_signal(number)
    try:
        assert eventually(lambda: not folder.exists() and not runs(child) and not runs(supervisor))
    finally:
        finish(process)


def test_a_forked_child_of_the_owner_does_not_keep_the_cluster_alive() -> None:
    """The owner is killed while a process that it forked, and which inherited all it had open, lives on."""
    process, folder, _, child = owner("pid = os.fork()\nif pid: print(pid, flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    forked = int(process.stdout.readline())
    process.kill()
    try:
        assert eventually(lambda: not folder.exists() and not runs(child))
        assert runs(forked)
    finally:
        os.kill(forked, signal.SIGKILL)
        finish(process)


def test_a_fork_that_kept_the_socket_open_is_noticed_by_the_parents_pid() -> None:
    """Even where no hook closed the socket in a forked child, the owner's death is seen."""
    end = "from loadkit.targets import supervisor_link as s\ns._open.clear()\nos.fork()\ntime.sleep(8)"
    process, folder, _, child = owner(end)
    time.sleep(0.3)
    process.kill()
    try:
        assert eventually(lambda: not folder.exists() and not runs(child))
    finally:
        process.wait()


def test_a_forked_child_that_ends_takes_nothing_with_it(link: Link) -> None:
    """A child's own exit handlers leave the owner's cluster alone."""
    child = link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log")
    forked = os.fork()
    if forked == 0:
        try:
            link.close(0.0)
            supervisor_link._close_all_at_exit()
        finally:
            os._exit(0)
    os.waitpid(forked, 0)
    time.sleep(0.2)
    link.check()
    assert runs(child)
    assert link.folder.exists()


def test_a_killed_supervisor_takes_its_children_and_the_next_start_sweeps_its_folder(link: Link) -> None:
    """PDEATHSIG ends the children; the folder is stale because nobody locks it any more."""
    child = link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log")
    assert is_live(link.folder)
    assert sweep() == []
    os.kill(link._pid, signal.SIGKILL)
    assert eventually(lambda: not runs(child) and not runs(link._pid))
    assert sweep() == [link.folder]
    assert not link.folder.exists()
    with pytest.raises(TargetError, match="supervisor"):
        link.check()


def test_a_terminated_supervisor_cleans_up(link: Link) -> None:
    """SIGTERM to the supervisor, as at a shutdown of the machine, leaves nothing."""
    child = link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log")
    os.kill(link._pid, signal.SIGTERM)
    assert eventually(lambda: not runs(child) and not link.folder.exists())


def test_ctrl_c_in_a_terminal_does_not_reach_the_children(link: Link) -> None:
    """Supervisor and children are in a session of their own, not in the owner's process group."""
    child = link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log")
    assert os.getsid(link._pid) == link._pid == os.getsid(child)
    assert os.getsid(link._pid) != os.getsid(0)


def test_a_child_that_will_not_end_is_killed_after_its_grace(link: Link) -> None:
    """A child that ignores SIGTERM, and one that is stopped, are gone when close returns."""
    stubborn = link.spawn("stubborn", CHILD, link.folder / "log")
    stopped = link.spawn("stopped", ["/bin/sleep", "1000"], link.folder / "log2")
    log = link.folder / "log"
    assert eventually(lambda: log.exists() and log.read_text() == "up\n")
    os.kill(stopped, signal.SIGSTOP)
    link.close(grace=0.3)
    assert not runs(stubborn)
    assert not runs(stopped)
    assert not link.folder.exists()


def test_a_child_that_ends_by_itself_is_told_with_its_exit_code(link: Link) -> None:
    """`ended` is None, then the exit code, or minus the signal."""
    ended = link.spawn("one", ["/bin/sh", "-c", "exit 7"], link.folder / "log")
    killed = link.spawn("two", ["/bin/sleep", "1000"], link.folder / "log")
    assert link.wait(ended, LIMIT) == 7
    assert link.ended(killed) is None
    assert link.signal("two", signal.SIGKILL)
    assert link.wait(killed, LIMIT) == -signal.SIGKILL
    assert not link.signal("two", signal.SIGKILL)


def test_a_program_that_is_not_there_says_so_in_the_log(link: Link) -> None:
    """Exit code 127, and the reason in the file that takes the output."""
    pid = link.spawn("none", ["/no/such/java"], link.folder / "log")
    assert link.wait(pid, LIMIT) == 127
    assert "could not start /no/such/java" in (link.folder / "log").read_text()


def test_options_for_other_jvms_are_not_passed_on(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_TOOL_OPTIONS of the user's shell would change the broker that is measured."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
    monkeypatch.setenv("KEPT", "yes")
    pid = link.spawn("env", ["/bin/sh", "-c", 'echo "$KEPT:$JAVA_TOOL_OPTIONS"'], link.folder / "log")
    assert link.wait(pid, LIMIT) == 0
    assert (link.folder / "log").read_text() == "yes:\n"


def test_a_child_is_pinned_to_its_cpus(link: Link) -> None:
    """The CPUs asked for are those of the child, and not those of the supervisor."""
    one = frozenset({min(os.sched_getaffinity(0))})
    child = link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log", one)
    assert eventually(lambda: os.sched_getaffinity(child) == one)
    assert os.sched_getaffinity(link._pid) == os.sched_getaffinity(0)


def test_a_place_that_cannot_take_the_data_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which folder, why, and what to set."""
    monkeypatch.setattr("tempfile.tempdir", "/no/such/place")
    with pytest.raises(TargetError, match=r"/no/such/place/\S+ could not be made: No such file.*TMPDIR"):
        Link()


def test_a_sweep_leaves_alone_what_others_use(temporary: Path) -> None:
    """Live folders, foreign names and drafts of a moment ago stay; a stale folder goes."""
    (temporary / "loadkit-kafka-1-stale").mkdir()
    (temporary / ".loadkit-kafka-1-draft").mkdir()
    (temporary / "loadkit-other").mkdir()
    assert sweep() == [temporary / "loadkit-kafka-1-stale"]
    assert {path.name for path in temporary.iterdir()} == {".loadkit-kafka-1-draft", "loadkit-other"}


@pytest.mark.parametrize("where", ["gevent.spawn(work).get()", "gevent.get_hub().threadpool.spawn(work).get()"])
def test_it_works_under_gevent_in_a_greenlet_and_in_a_native_thread(where: str) -> None:
    """Monkey patching changes neither the start nor the end, and a thread's end does not end the child."""
    code = f"""
from gevent import monkey; monkey.patch_all()
import gevent, os, time
from loadkit.targets.supervisor_link import Link
def work():
    link = Link()
    return link, link.spawn("node", ["/bin/sleep", "1000"], link.folder / "log")
link, pid = {where}
time.sleep(0.3)
link.check()
os.kill(pid, 0)
link.close(1.0)
assert not link.folder.exists()
print("closed")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == ("closed\n", 0), done.stderr
