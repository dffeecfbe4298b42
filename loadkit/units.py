"""Text with units to numbers and back: seconds (float), bytes (int), messages a second (float).

Parsing and printing both live here and nowhere else. Decimal prefixes are powers of 1000
(`k M G T`), binary ones powers of 1024 (`Ki Mi Gi Ti`), as in the SI and IEC 80000-13.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator

_NUMBER = re.compile(r"^\s*([+-]?(?:\d[\d_]*\.?[\d_]*|\.\d+)(?:e[+-]?\d+)?)\s*([^\d\s].*?)?\s*$", re.I)
_SCALE = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
          "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}  # fmt: skip
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0,
            "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31_536_000.0}  # fmt: skip
_MOST = 1e30
_PER = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0}


def _split(text: str, what: str, example: str) -> tuple[Fraction, str]:
    """Return number and unit; the number exactly, since 1.005 times 1000 is not 1005 in floats."""
    match = _NUMBER.match(text)
    if not match:
        raise ValueError(f"{text!r} is not {what}: write it like {example!r}")
    number = match[1].replace("_", "")
    if not abs(float(number)) < _MOST:
        raise ValueError(f"{text!r} is not {what}: it must be a finite number, 0 or more")
    return Fraction(number), (match[2] or "").strip()


def parse_duration(value: str | int | float) -> float:
    """Return seconds from `"5ms"`, `"1.5h"`, `"1m30s"` or a bare number of seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _positive(float(value), value, "a duration")
    parts = re.findall(r"([\d._]+(?:e[+-]?\d+)?)\s*([a-zµ]+)", str(value), re.I)
    if len(parts) > 1 and "".join("".join(p) for p in parts) == re.sub(r"\s", "", str(value)):
        return sum(parse_duration(number + unit) for number, unit in parts)
    number, unit = _split(str(value), "a duration", "30s")
    if unit not in _SECONDS:
        raise ValueError(f"{value!r} has no unit of time: use one of {', '.join(_SECONDS)}, like '30s'")
    return _positive(float(number) * _SECONDS[unit], value, "a duration")


def parse_size(value: str | int | float) -> int:
    """Return bytes from `"64KiB"`, `"1MB"`, `"100B"` or a bare whole number."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a size: write it like '1KiB'")
    number, unit = _split(str(value), "a size", "1KiB")
    total = number * _size(unit, value)
    _positive(float(total), value, "a size")
    if total.denominator != 1:
        raise ValueError(f"{value!r} is not a whole number of bytes")
    return int(total)


def parse_rate(value: str | int | float) -> float:
    """Return messages a second from `"20k/s"`, `"1.2M/min"` or a bare number per second."""
    return _per_time(value, "a rate", "20k/s", lambda unit: _scale(unit, value, "20k/s"))


def parse_byte_rate(value: str | int | float) -> float:
    """Return bytes a second from `"50MB/s"` or a bare number of bytes per second."""
    return _per_time(value, "a byte rate", "50MB/s", lambda unit: _size(unit, value))


def _per_time(value: str | int | float, what: str, example: str, scale: Callable[[str], int]) -> float:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not {what}: write it like {example!r}")
    if isinstance(value, (int, float)):
        return _positive(float(value), value, what)
    amount, slash, per = str(value).partition("/")
    per = per.strip()
    if slash and per not in _PER:
        raise ValueError(f"{value!r} is not {what}: after the slash use s, min, h or day, like {example!r}")
    number, unit = _split(amount, what, example)
    return _positive(float(number * scale(unit)), value, what) / _PER[per if slash else "s"]


def _size(unit: str, value: object) -> int:
    prefix = unit[:-1] if unit.endswith("B") else unit
    if prefix not in _SCALE:
        raise ValueError(f"{value!r} has no unit of size: use B, kB, KiB, MB, MiB, GB, GiB, TB or TiB, like '1KiB'")
    return _SCALE[prefix]


def _scale(unit: str, value: object, example: str) -> int:
    if unit not in _SCALE:
        raise ValueError(f"{value!r} has an unknown unit {unit!r}: use k, M or G, like {example!r}")
    return _SCALE[unit]


def _positive(number: float, value: object, what: str) -> float:
    if not number >= 0 or number == float("inf"):
        raise ValueError(f"{value!r} is not {what}: it must be a finite number, 0 or more")
    return number


Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A pydantic field in seconds that also takes text like `"5ms"`."""
Bytes = Annotated[int, BeforeValidator(parse_size)]
"""A pydantic field in bytes that also takes text like `"64KiB"`."""
Rate = Annotated[float, BeforeValidator(parse_rate)]
"""A pydantic field in messages a second that also takes text like `"20k/s"`."""
ByteRate = Annotated[float, BeforeValidator(parse_byte_rate)]
"""A pydantic field in bytes a second that also takes text like `"50MB/s"`."""


def format_duration(seconds: float | None) -> str:
    """Return `"3.84 ms"`, `"12.0 s"`, `"2 m 05 s"`: three significant digits below a minute."""
    if seconds is None:
        return "–"
    size = abs(seconds)
    for scale, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if size * scale < 999.5:
            return f"{_three(seconds * scale)} {unit}" if size else "0 s"
    if size < 59.95:
        return f"{_three(seconds)} s"
    sign, whole = "-" if seconds < 0 else "", round(size)
    if whole < 3600:
        return f"{sign}{whole // 60} m {whole % 60:02d} s"
    minutes = round(size / 60)
    return f"{sign}{minutes // 60} h {minutes % 60:02d} m"


def format_size(count: float | None) -> str:
    """Return bytes as `"1.00 KiB"`, `"512 B"`."""
    return "–" if count is None else _scaled(count, 1024.0, ("B", "KiB", "MiB", "GiB", "TiB"))


def format_byte_rate(count: float | None) -> str:
    """Return bytes a second as `"12.3 MB/s"`."""
    return "–" if count is None else _scaled(count, 1000.0, ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"))


def format_rate(per_second: float | None) -> str:
    """Return messages a second as `"20,000 msg/s"`."""
    if per_second is None:
        return "–"
    return f"{per_second:,.0f} msg/s" if per_second >= 100 else f"{_three(per_second)} msg/s"


def format_count(count: float | None) -> str:
    """Return a whole number with thousands separated."""
    return "–" if count is None else f"{count:,.0f}"


def _scaled(count: float, base: float, units: tuple[str, ...]) -> str:
    for unit in units[:-1]:
        if abs(count) < base * 0.9995:
            return f"{count:.0f} {unit}" if unit == units[0] else f"{_three(count)} {unit}"
        count /= base
    return f"{_three(count)} {units[-1]}"


def _three(number: float) -> str:
    """Return three significant digits without an exponent."""
    size = abs(number)
    return f"{number:.0f}" if size >= 99.95 else f"{number:.1f}" if size >= 9.995 else f"{number:.2f}"
