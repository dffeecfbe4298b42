"""The jars of Kafka: fetched once by jgo, kept in the user's cache, verified against a lock at each start.

jgo computes checksums but never compares them on a later run, so the comparison is done here; a jar enters the cache
by rename only after its hash was found right, and one that was damaged since is fetched again.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from loadkit.errors import TargetError, TargetFileError, UsageError
from loadkit.targets.jars_lock import Jar, parse, render, with_logging

if TYPE_CHECKING:
    from jgo.maven import MavenContext

Progress = Callable[[str], None]

_PARALLEL = 8
_TRIES = 3
_RETRY = 0.5
_MISSING = "the embedded cluster needs jgo: run pip install 'loadkit[embedded]'"


def silent(_: str) -> None:
    """Return nothing and say nothing: the progress callback of those who want none."""


def cache_dir() -> Path:
    """Return the folder for what may be fetched again: $LOADKIT_CACHE, else the user's cache folder."""
    own = os.environ.get("LOADKIT_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "loadkit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loadkit"


def jars(version: str, progress: Progress = silent) -> list[Path]:
    """Return the class path of a version of Kafka, every jar present and equal to its lock.

    Raises TargetError when a jar cannot be had or is not what the lock says, TargetFileError when there is no such
    version, UsageError when jgo is missing.
    """
    return ensure(_lock(version, progress), f"Kafka {version}", progress)


def artifact(coordinate: str, progress: Progress = silent) -> Path:
    """Return one more locked jar, such as `org.hdrhistogram:HdrHistogram:2.2.2`.

    Raises UsageError listing the locked ones when it is none of them.
    """
    known = parse(_committed("extras") or "", "extras.lock")
    for jar in known:
        if str(jar) == coordinate:
            return ensure([jar], jar.name, progress)[0]
    raise UsageError(f"{coordinate} has no locked checksum: known are {', '.join(map(str, known))}")


def locked_versions() -> list[str]:
    """Return the versions of Kafka whose lock comes with loadkit."""
    names = (entry.name for entry in resources.files("loadkit.targets").joinpath("locks").iterdir())
    return sorted(name[6:-5] for name in names if name.startswith("kafka-") and name.endswith(".lock"))


def ensure(wanted: Sequence[Jar], what: str, progress: Progress = silent) -> list[Path]:
    """Return the paths of `wanted` in the cache after fetching what is missing or damaged.

    Raises TargetError when a fetched jar has another hash than its lock says: it is refused and not kept.
    """
    store = cache_dir() / "jars"
    if _wrong(wanted, store):
        with _locked(cache_dir() / "jars.lock", progress):
            wrong = _wrong(wanted, store)  # Another process may have fetched them meanwhile.
            if wrong:
                _fetch(wrong, store, what, progress)
    return [store / jar.file for jar in wanted]


def _wrong(wanted: Sequence[Jar], store: Path) -> list[Jar]:
    return [jar for jar in wanted if _sha256(store / jar.file) != jar.sha256]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel lets go of it however the holder ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise UsageError(f"the cache {path.parent} cannot be written: {error}; set LOADKIT_CACHE to another") from error
    with file:
        said = False
        while not _try_lock(file.fileno()):
            if not said:
                progress("waiting: another loadkit is fetching jars")
                said = True
            time.sleep(0.1)  # Not a blocking lock: under gevent that would stall every greenlet.
        yield


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _fetch(wrong: Sequence[Jar], store: Path, what: str, progress: Progress) -> None:
    damaged = [jar for jar in wrong if (store / jar.file).exists()]
    if damaged:
        progress(f"{len(damaged)} cached jars of {what} are damaged ({damaged[0]}): fetching them again")
    progress(f"fetching {len(wrong)} jars of {what} into {store}")
    with _staging(store) as staging:
        for done, (jar, path) in enumerate(_downloaded(wrong, staging), 1):
            _keep(jar, path, store)
            if done % 20 == 0 or done == len(wrong):
                progress(f"fetched {done} of {len(wrong)} jars of {what}")


def _keep(jar: Jar, path: Path, store: Path) -> None:
    found = _sha256(path)
    if found != jar.sha256:
        raise TargetError(f"{jar} was fetched with sha256 {found}, but the lock says {jar.sha256}: refused")
    target = store / jar.file
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)


@contextmanager
def _staging(store: Path) -> Iterator[Path]:
    """Yield an empty folder beside the jars; what a killed fetch left is swept (the lock is held)."""
    store.mkdir(parents=True, exist_ok=True)
    for left in store.glob(".fetch-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=store) as folder:
        yield Path(folder)


def _downloaded(wanted: Sequence[Jar], staging: Path) -> Iterator[tuple[Jar, Path]]:
    context = _context(staging)
    pool = ThreadPoolExecutor(_PARALLEL)
    try:
        yield from zip(wanted, pool.map(lambda jar: _download(context, jar), wanted), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _download(context: MavenContext, jar: Jar) -> Path:
    """Return where jgo has put a jar.

    Raises TargetError when it cannot be had in three tries.
    """
    wanted = context.project(jar.group, jar.name).at_version(jar.version).artifact(jar.classifier)
    for left in reversed(range(_TRIES)):
        try:
            return Path(wanted.resolve())
        except Exception as error:
            if left == 0:
                hint = "; set REQUESTS_CA_BUNDLE to your proxy's certificate" if "CERTIFICATE" in str(error) else ""
                raise TargetError(f"could not fetch {jar}, which only a first start has to: {error}{hint}") from error
        if wanted.cached_path is not None:
            wanted.cached_path.unlink(missing_ok=True)  # jgo refuses to write over what it left half done.
        time.sleep(_RETRY)
    raise TargetError(f"could not fetch {jar}")


def _context(repository: Path) -> MavenContext:
    """Return jgo's view of Maven with every path given, so that neither ~/.m2 nor ~/.jgo is touched.

    Repositories named in jgo's own configuration file (a company's mirror) are asked before the public one.
    """
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError as error:
        raise UsageError(_MISSING) from error
    logging.getLogger("jgo").addHandler(logging.NullHandler())  # What it warns of is in the error that follows.
    mirrors = dict(GlobalSettings.load().repositories)
    return MavenContext(repo_cache=repository, remote_repos={**mirrors, "central": MAVEN_CENTRAL_URL}, timeout=60)


def _lock(version: str, progress: Progress) -> list[Jar]:
    committed = _committed(f"kafka-{version}")
    if committed is not None:
        return parse(committed, f"kafka-{version}.lock")
    path = cache_dir() / "locks" / f"kafka-{version}.lock"
    if not path.exists():
        resolve(version, path, progress)
    return parse(path.read_text("utf-8"), str(path))


def _committed(name: str) -> str | None:
    file = resources.files("loadkit.targets").joinpath("locks", f"{name}.lock")
    return file.read_text("utf-8") if file.is_file() else None


def resolve(version: str, path: Path, progress: Progress = silent) -> None:
    """Return nothing; resolve a version of Kafka and write its lock to `path`.

    The hashes are those of this first fetch: from then on nothing else is accepted.
    """
    progress(f"Kafka {version} has no lock in this release of loadkit: resolving its jars, about a minute")
    with _locked(cache_dir() / "jars.lock", progress), _staging(cache_dir() / "jars") as staging:
        wanted = _resolved(_context(staging), version)
        found = [replace(jar, sha256=_intact(jar, file)) for jar, file in _downloaded(wanted, staging)]
        for jar in found:
            _keep(jar, staging / Path(*jar.group.split("."), jar.name, jar.version, Path(jar.file).name),
                  cache_dir() / "jars")  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(render(found, f"Kafka {version}"), "utf-8")
    draft.replace(path)
    progress(f"wrote the lock of Kafka {version} to {path}")


def _resolved(context: MavenContext, version: str) -> list[Jar]:
    wanted = [context.create_dependency(f"org.apache.kafka:{name}:{version}") for name in ("kafka_2.13", "kafka-tools")]
    try:
        inputs, others = context.resolver.resolve(wanted)
    except Exception as error:
        raise _unresolved(context, version, error) from error
    kept = [dep.artifact for dep in [*inputs, *others] if dep.scope in (None, "compile", "runtime")]
    return with_logging(Jar(one.groupId, one.artifactId, one.version, one.classifier) for one in kept)


def _unresolved(context: MavenContext, version: str, error: Exception) -> Exception:
    project = context.project("org.apache.kafka", "kafka-tools")
    project.update()
    published = [name for name in project.metadata.versions if name[:1] in "3456789"]
    if published and version not in published:
        return TargetFileError(f"Kafka {version} is not published: the newest are {', '.join(published[-6:])}")
    return TargetError(f"could not resolve the jars of Kafka {version}: {error}")


def _intact(jar: Jar, file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise TargetError(f"{jar} was fetched damaged: {error}") from error
    if broken:
        raise TargetError(f"{jar} was fetched damaged: {broken} in it is broken")
    return _sha256(file) or ""
