"""`loadkit check`: read config files, judge them, say what is unsafe and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadkit.errors import UsageError, nearest
from loadkit.sizing import check
from loadkit.sizing.check.model import Finding
from loadkit.sizing.check.reading import detect
from loadkit.sizing.facts import PLATFORMS
from loadkit.units import parse_duration

_LARGEST = 8_000_000
_LEVELS = {"unsafe": "UNSAFE", "advice": "advice", "unjudged": "--    "}


@dataclass(frozen=True, slots=True)
class Judged:
    """What was read, what was found, and what could not be read."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    unreadable: tuple[tuple[str, str], ...]
    """Path and reason."""

    @property
    def exit_code(self) -> int:
        """Return 2 where a file could not be read, 1 where something is unsafe, else 0."""
        if self.unreadable:
            return UsageError.exit_code
        return 1 if any(one.level == "unsafe" for one in self.findings) else 0


def judge(paths: Sequence[Path], outage: str | None, platform: str | None) -> Judged:
    """Return what is found in files and in all that is known of folders.

    Raises UsageError for a flag that is wrong.
    """
    if platform is not None and platform not in PLATFORMS:
        raise UsageError(f"--platform {platform!r} is unknown{nearest(platform, PLATFORMS)}: {', '.join(PLATFORMS)}")
    try:
        away = None if outage is None else parse_duration(outage)
    except ValueError as error:
        raise UsageError(f"--outage: {error}") from None
    texts, unreadable = _texts(paths)
    return Judged(tuple(texts), tuple(check.judge(texts, away, platform)), tuple(unreadable))


def _texts(paths: Sequence[Path]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    texts, unreadable = {}, []
    for path, chosen in _files(paths):
        try:
            text = _text(path)
            detect.read(str(path), text)
            texts[str(path)] = text
        except UsageError as error:
            if chosen:
                unreadable.append((str(path), str(error)))
    if not texts and not unreadable:
        unreadable.append((", ".join(map(str, paths)), "holds no file that the checker knows"))
    return texts, unreadable


def _files(paths: Iterable[Path]) -> Iterable[tuple[Path, bool]]:
    """Yield each file and whether it was named; of a folder all files in it."""
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in sorted(path.rglob("*")) if file.is_file())
        else:
            yield path, True


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than any config: {path.stat().st_size} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8 ({error.reason} at byte {error.start})") from None


def document(judged: Judged) -> dict[str, Any]:
    """Return the answer as `--json` prints it."""
    counts = Counter(one.level for one in judged.findings)
    return {
        "schema": 1, "command": "check", "verdict": "fail" if counts["unsafe"] else "pass", "files": list(judged.files),
        "counts": {level: counts[level] for level in ("unsafe", "advice", "unjudged")},
        "findings": [asdict(one) for one in judged.findings],
        "unreadable": [{"file": file, "text": text} for file, text in judged.unreadable],
    }  # fmt: skip


def text(judged: Judged) -> str:
    """Return the answer as a person reads it: by file, the unsafe first."""
    lines = []
    for file in sorted({one.file for one in judged.findings}):
        lines.append(file)
        for one in (one for one in judged.findings if one.file == file):
            where = f"line {one.line}: " if one.line else ""
            lines += [f"  {_LEVELS[one.level]}  {where}{one.text} [{one.rule}]", f"          -> {one.fix}"]
    lines += [f"cannot be judged: {said}" for _, said in judged.unreadable]
    counts = Counter(one.level for one in judged.findings)
    files = f"{len(judged.files)} file{'s' * (len(judged.files) != 1)}"
    return "\n".join(
        [*lines, f"{files}: {counts['unsafe']} unsafe, {counts['advice']} advice, {counts['unjudged']} not judged"]
    )
