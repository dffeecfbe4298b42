"""Lock files: which jars make up a version of Kafka, each with its sha256. Arithmetic only.

One jar a line, as `sha256sum` would write it: the hash, two spaces, `group:artifact:version[:classifier]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadkit.errors import UsageError

_LINE = re.compile(r"^([0-9a-f]{64})  ([\w.\-]+):([\w.\-]+):([\w.\-+]+)(?::([\w.\-]+))?$")

_LOG4J = "2.24.3"  # What the download of Kafka 4.0 has.


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """One locked jar; `sha256` is empty for one that was never fetched."""

    group: str
    name: str
    version: str
    classifier: str = ""
    sha256: str = ""

    def __str__(self) -> str:
        """Return `group:artifact:version[:classifier]`."""
        return ":".join(filter(None, (self.group, self.name, self.version, self.classifier)))

    @property
    def file(self) -> str:
        """Return the path below the cache's folder of jars."""
        return f"{self.group}/{'-'.join(filter(None, (self.name, self.version, self.classifier)))}.jar"


def parse(text: str, source: str) -> list[Jar]:
    """Return the jars of a lock file in its order, which is the order of the class path.

    Raises UsageError naming `source` and the line that is not understood.
    """
    jars = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise UsageError(f"{source}, line {number}: {line!r} is not '<sha256>  group:artifact:version'")
        sha256, group, name, version, classifier = match.groups()
        jars.append(Jar(group, name, version, classifier or "", sha256))
    return jars


def render(jars: Sequence[Jar], title: str) -> str:
    """Return the text of a lock file, the inverse of `parse`."""
    return "".join([f"# {title}\n", *(f"{jar.sha256}  {jar}\n" for jar in jars)])


def with_logging(jars: Iterable[Jar]) -> list[Jar]:
    """Return `jars`, sorted, with what binds Kafka's slf4j to its logging library; without it a broker logs nothing.

    Kafka's own download adds the binding; its POMs do not. Before 4.0 they name slf4j-log4j12, which is published as a
    mere pointer to slf4j-reload4j; those of 4.0 name no library at all, so they get the one its download has.
    """
    kept = [jar for jar in jars if jar.name != "slf4j-log4j12"]
    versions = {jar.name: jar.version for jar in kept}
    if "reload4j" in versions:
        binding = [Jar("org.slf4j", "slf4j-reload4j", versions.get("slf4j-api", "1.7.36"))]
    else:
        version = versions.get("log4j-core", _LOG4J)
        names = ("log4j-api", "log4j-core", "log4j-slf4j-impl")
        binding = [Jar("org.apache.logging.log4j", name, version) for name in names if name not in versions]
    return sorted({*kept, *binding})
