"""Text with units to numbers and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0), ("5ms", 0.005), ("250us", 250e-6), ("250µs", 250e-6), ("7ns", 7e-9), ("1.5h", 5400.0),
        ("2m", 120.0), ("2min", 120.0), ("1d", 86400.0), ("1m30s", 90.0), ("1h 2m 3s", 3723.0), (".5s", 0.5),
        ("1e3 ms", 1.0), ("1_000ms", 1.0), (30, 30.0), (0.25, 0.25), ("0s", 0.0),
    ],
)  # fmt: skip
def test_durations_are_read_as_seconds(text: Any, seconds: float) -> None:
    """Every unit of time, several in a row, and bare numbers give seconds."""
    assert units.parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("100B", 100), ("1KiB", 1024), ("64KiB", 65536), ("1kB", 1000), ("1MB", 10**6), ("1GiB", 2**30), ("1TiB", 2**40),
        ("1.5KiB", 1536), ("1.005kB", 1005), ("4.35MB", 4_350_000), ("0.57GB", 570_000_000), ("16K", 16000),
        (512, 512), ("9007199254740993", 9007199254740993),
    ],
)  # fmt: skip
def test_sizes_are_read_as_whole_bytes_exactly(text: Any, count: int) -> None:
    """Decimal fractions of a unit are exact: 1.005 kB is 1005 bytes although 1.005 * 1000 is not 1005 in floats."""
    assert units.parse_size(text) == count


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20k/s", 20e3), ("1.2M/min", 20e3), ("3600/h", 1.0), ("100", 100.0), (100, 100.0), (0.5, 0.5), ("20 k / s", 20e3), ("0/s", 0.0)],
)  # fmt: skip
def test_rates_are_read_as_messages_a_second(text: Any, rate: float) -> None:
    """A rate counts a second, minute or hour; a bare number counts a second."""
    assert units.parse_rate(text) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("50MB/s", 50e6), ("1GiB/s", 2.0**30), ("1.5B/s", 1.5), ("90kB/min", 1500.0), (7, 7.0), ("1KiB/h", 1024 / 3600)],
)
def test_byte_rates_are_read_as_bytes_a_second(text: Any, rate: float) -> None:
    """A byte rate need not be whole bytes a second."""
    assert units.parse_byte_rate(text) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (units.parse_duration, "30", "no unit of time"),
        (units.parse_duration, "-5s", "is not a duration"),
        (units.parse_duration, -5, "is not a duration"),
        (units.parse_duration, float("nan"), "finite"),
        (units.parse_duration, "1m-30s", "unit of time"),
        (units.parse_duration, True, "is not a duration"),
        (units.parse_duration, "fast", "is not a duration: write it like '30s'"),
        (units.parse_duration, "1e999s", "finite"),
        (units.parse_size, "64Kb", "no unit of size"),
        (units.parse_size, "1.1KiB", "not a whole number of bytes"),
        (units.parse_size, "-1B", "is not a size"),
        (units.parse_size, "1e9999999B", "finite"),
        (units.parse_size, True, "is not a size"),
        (units.parse_rate, "-1/s", "is not a rate"),
        (units.parse_rate, "20q/s", "unknown unit 'q'"),
        (units.parse_rate, "20k/week", "after the slash"),
        (units.parse_rate, "", "is not a rate"),
        (units.parse_rate, False, "is not a rate"),
        (units.parse_byte_rate, "50Mb/s", "'50Mb/s' has no unit of size"),
        (units.parse_byte_rate, float("inf"), "finite"),
    ],
)
def test_text_that_is_no_such_value_is_refused_with_an_example(
    parse: Callable[[Any], float], text: Any, says: str
) -> None:
    """What cannot be read is a ValueError that says what was expected."""
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(text)


@given(st.integers(0, 10**15), st.sampled_from(["", "B", "kB", "KiB", "MB", "MiB", "GB"]))
def test_whole_sizes_are_exact_whatever_the_unit(number: int, unit: str) -> None:
    """A whole number of any unit is that many times its bytes, without rounding."""
    scale = {"": 1, "B": 1, "kB": 1000, "KiB": 1024, "MB": 10**6, "MiB": 2**20, "GB": 10**9}[unit]
    assert units.parse_size(f"{number}{unit}") == number * scale


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0.0, "0 s"), (1.5e-9, "1.50 ns"), (3.84e-3, "3.84 ms"), (12.0, "12.0 s"), (0.9996, "1.00 s"),
        (999.6e-6, "1.00 ms"), (59.94, "59.9 s"), (59.97, "1 m 00 s"), (119.7, "2 m 00 s"), (125.0, "2 m 05 s"),
        (3599.7, "1 h 00 m"), (5400.0, "1 h 30 m"), (-0.002, "-2.00 ms"), (-90.0, "-1 m 30 s"),
    ],
)  # fmt: skip
def test_durations_are_shown_with_three_digits(seconds: float | None, text: str) -> None:
    """No unit overflows into the next: 59.97 s is a minute, not `0 m 59 s`, and -90 s is -1.5 minutes."""
    assert units.format_duration(seconds) == text


_NUMBER = re.compile(r"(-?[\d.]+) (ns|µs|ms|s)$")


@given(st.floats(1e-9, 59.9))
def test_a_shown_duration_is_within_half_a_percent_of_the_true_one(seconds: float) -> None:
    """Three digits are kept from a nanosecond to a minute, and the number before the unit stays below 1000."""
    match = _NUMBER.match(units.format_duration(seconds))
    assert match
    assert float(match[1]) < 1000
    scale = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}[match[2]]
    assert float(match[1]) * scale == pytest.approx(seconds, rel=0.006)


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (units.format_size, 1024, "1.00 KiB"), (units.format_size, 512, "512 B"), (units.format_size, 1023.7, "1.00 KiB"),
        (units.format_size, 10 * 2**40, "10.0 TiB"), (units.format_size, None, "–"),
        (units.format_byte_rate, 12.3e6, "12.3 MB/s"), (units.format_byte_rate, 999.7, "1.00 kB/s"),
        (units.format_rate, 20_000, "20,000 msg/s"), (units.format_rate, 12.34, "12.3 msg/s"), (units.format_rate, None, "–"),
        (units.format_count, 1234567, "1,234,567"), (units.format_count, None, "–"),
    ],
)  # fmt: skip
def test_sizes_rates_and_counts_are_shown_with_their_unit(
    show: Callable[[Any], str], value: float | None, text: str
) -> None:
    """A missing number is a dash, never 0."""
    assert show(value) == text
