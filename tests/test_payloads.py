"""Values: their bytes, sizes, stamps, and how far they compress."""

from __future__ import annotations

import json
import math
import re
import uuid
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from scipy import stats

import loadkit.payloads.random
from loadkit import payloads, plugins, stamp
from loadkit.payloads import sizes
from loadkit.payloads.constant import Constant

NUMBERS = np.arange(5000, 6000)
MIXED = sizes.uniform("100B", "3KiB")
SIZED = [payloads.constant, payloads.random, payloads.json_like]


class _Holder(BaseModel):
    payload: payloads.AnyPayload = payloads.random()


def stamps_for(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> stamp.Stamps:
    """Return stamps as one producer at 20 k/s would make them."""
    return stamp.stamps(0x77AA55CC, 3, 1000, numbers * 50_123 + 10**9)


def batch(spec: payloads.PayloadSpec, size: int, stamped: bool = True) -> bytes:
    """Return 64 KiB of consecutive values."""
    numbers = np.arange(70_000, 70_000 + max(1, 65_536 // size))
    return spec.build(1).values(numbers, stamps_for(numbers) if stamped else None).data.tobytes()


def compressed(data: bytes) -> dict[str, float]:
    """Return the share of its size that `data` compresses to: with an entropy coder and without."""
    return {
        "zlib": len(zlib.compress(data, 1)) / len(data),
        "zstd": len(pa.Codec("zstd").compress(data, asbytes=True)) / len(data),
        "lz4": len(pa.Codec("lz4_raw").compress(data, asbytes=True)) / len(data),
    }


@pytest.mark.parametrize("make", SIZED)
@pytest.mark.parametrize("size", [100, 1024, MIXED])
@pytest.mark.parametrize("stamped", [True, False])
def test_values_have_their_size_and_carry_their_stamp(make: Any, size: Any, stamped: bool) -> None:
    """One size or many; unstamped values hold no stamp of ours."""
    spec = make(size=size)
    built = spec.build(7)
    made = stamps_for(NUMBERS)
    values = built.values(NUMBERS, made if stamped else None)
    assert len(values) == len(NUMBERS)
    assert values.sizes.tolist() == spec.size.draw(7, NUMBERS).tolist()
    assert list(map(len, values.tolist())) == values.sizes.tolist()
    found = stamp.read(values.tolist(), "json" if built.stamp_form == "json" else "binary")
    if stamped:
        assert found.valid.all()
        assert found.stamps.tolist() == made.tolist()
    else:
        assert not (found.stamps["run"] == 0x77AA55CC).any()


@pytest.mark.parametrize("spec", [payloads.random(100), payloads.random(MIXED, 0.5), payloads.json_like(MIXED)])
def test_a_value_depends_on_number_and_seed_alone(spec: payloads.PayloadSpec) -> None:
    """Any worker makes the same value for a number, in whatever batch; other seeds make others."""
    whole = spec.build(1).values(NUMBERS, None).tolist()
    assert spec.build(1).values(NUMBERS[::-1][100:300], None).tolist() == whole[::-1][100:300]
    assert spec.build(1).values(NUMBERS[500:501], None).tolist() == whole[500:501]
    assert spec.build(2).values(NUMBERS, None).tolist()[0] != whole[0]


@pytest.mark.parametrize("make", SIZED)
@pytest.mark.parametrize("size", [100, MIXED])
def test_no_messages_are_no_values(make: Any, size: Any) -> None:
    """An empty batch is a batch."""
    none = np.array([], np.int64)
    assert make(size=size).build(1).values(none, None).tolist() == []
    assert make(size=size).build(1).values(none, stamps_for(none)).tolist() == []


def test_random_values_differ_though_each_comes_from_a_pool() -> None:
    """A million messages, many laps through the pool: none equals its neighbours, and none repeats within a lap."""
    built = payloads.random(size=100).build(1)
    for first in (0, 83_000, 10**6, 10**12):
        values = built.values(np.arange(first, first + 5000), None).tolist()
        assert len(set(values)) == 5000


def test_neighbours_share_no_bytes_of_the_pool() -> None:
    """Slices of consecutive messages do not overlap, so a batch holds nothing twice."""
    pool = payloads.random(size=1000).build(1).pool
    starts = np.sort(pool.starts(np.arange(3000)))
    assert all(b - a >= 1000 for a, b in pairwise(starts.tolist()))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize(("size", "within"), [(100, 0.1), (1024, 0.02), (10_240, 0.02)])
@pytest.mark.parametrize("stamped", [True, False])
def test_random_values_compress_as_declared(share: float, size: int, within: float, stamped: bool) -> None:
    """A batch of 64 KiB, message after message, with zlib, zstd and lz4; at 100 B only as far as the stamp allows."""
    reachable = 0.86 if stamped and size == 100 else 1.0
    for name, ratio in compressed(batch(payloads.random(size, share), size, stamped)).items():
        assert abs(ratio - min(1 - share, reachable)) < within, name


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("size", [1024, 2000, 10_240])
@pytest.mark.parametrize("stamped", [True, False])
def test_json_values_compress_as_declared(share: float, size: int, stamped: bool) -> None:
    """Within 0.1 with and without an entropy coder, which stand on either side of the declared share."""
    for name, ratio in compressed(batch(payloads.json_like(size, share), size, stamped)).items():
        assert abs(ratio - (1 - share)) < 0.1, name


def test_json_values_of_100_bytes_compress_to_what_the_docstring_says() -> None:
    """Stamp and field names take most of them, whatever is declared."""
    for share in (0.0, 0.3, 0.5, 0.9):
        assert 0.08 < compressed(batch(payloads.json_like(100, share), 100))["zlib"] < 0.3


def test_constant_values_compress_to_almost_nothing_but_their_stamp() -> None:
    """Under 2 % at 1 KiB."""
    assert compressed(batch(payloads.constant(1024), 1024))["zlib"] < 0.03


@settings(max_examples=60, deadline=None)
@given(st.integers(72, 3000), st.floats(0, 0.99), st.booleans(), st.integers(0, 10**12))
def test_json_values_are_json_of_exactly_their_size(size: int, share: float, stamped: bool, first: int) -> None:
    """For every size from the smallest; the first field is the stamp or the order's number."""
    numbers = np.arange(first, first + 5)
    spec = payloads.json_like(size, share)
    for value in spec.build(3).values(numbers, stamps_for(numbers) if stamped else None).tolist():
        document = json.loads(value)
        assert len(value) == size
        assert next(iter(document)) == ("loadkit" if stamped else "orderid")
        assert all({"sku", "name", "qty", "price"} == set(item) for item in document.get("items", []))


def test_json_values_of_mixed_sizes_equal_those_of_one_size() -> None:
    """The path for mixed sizes writes the same layout: what is 500 B long looks as if all were."""
    mixed = payloads.json_like({"kind": "choice", "weights": {"500B": 1, "90B": 1, "4KiB": 1}}).build(3)  # type: ignore[arg-type]
    for value in mixed.values(NUMBERS, stamps_for(NUMBERS)).tolist():
        alike = json.loads(
            payloads.json_like(len(value)).build(3).values(NUMBERS[:1], stamps_for(NUMBERS[:1])).tolist()[0]
        )
        document = json.loads(value)
        assert {name: len(part) for name, part in document.items()} == {name: len(part) for name, part in alike.items()}


def test_json_documents_differ() -> None:
    """At least 256 different lists of items among a thousand messages."""
    values = payloads.json_like(1024, 0.5).build(1).values(NUMBERS, None).tolist()
    assert len({json.dumps(json.loads(value)["items"]) for value in values}) >= 256
    assert len(set(values)) == len(values)


@pytest.mark.parametrize(
    ("spec", "least"),
    [(payloads.constant(23), 24), (payloads.random("20B"), 24), (payloads.random(sizes.choice({10: 1})), 24)],
)
def test_a_size_too_small_for_the_stamp_names_the_smallest(spec: Any, least: int) -> None:
    """Asked at the declaration or met at the first batch; without a stamp it is a size like any other."""
    with pytest.raises(ValueError, match=f"size: .* is too small for the stamp .* the smallest is {least} B"):
        spec.check_stamp("value")
    with pytest.raises(ValueError, match=f"the smallest is {least} B"):
        spec.build(1).values(NUMBERS, stamps_for(NUMBERS))
    spec.check_stamp("header")
    assert spec.build(1).values(NUMBERS, None).sizes.max() < least
    assert spec.build(1).smallest == least


def test_a_json_document_has_a_smallest_size_too() -> None:
    """72 B work, 71 B are refused by name."""
    payloads.json_like(72).check_stamp("value")
    with pytest.raises(ValidationError, match="71 B is too small for a JSON document: the smallest is 72 B"):
        payloads.json_like(71)


@pytest.mark.parametrize(
    ("spec", "low", "high", "mean"),
    [
        (sizes.fixed("1KiB"), 1024, 1024, 1024),
        (sizes.uniform("100B", "300B"), 100, 300, 200),
        (sizes.loguniform("100B", "10kB"), 100, 10_000, 9900 / math.log(100)),
        (sizes.loguniform(700, 700), 700, 700, 700),
        (sizes.lognormal("1KiB", 0.5, max="4KiB"), 100, 4096, None),
        (sizes.lognormal(1000, 2.0, max=2000, min=500), 500, 2000, None),
        (sizes.lognormal(1000, 0), 1000, 1000, 1000),
        (sizes.choice({"1KiB": 0.9, "100KiB": 0.1}), 1024, 102_400, 11_161.6),
    ],
)
def test_sizes_keep_to_their_range_and_mean(spec: sizes.Sizes, low: int, high: int, mean: float | None) -> None:
    """The mean of 100,000 draws is within five standard errors of the stated one."""
    drawn = spec.draw(1, np.arange(100_000))
    assert spec.range() == (low, high)
    assert low <= drawn.min()
    assert drawn.max() <= high
    assert mean is None or spec.mean() == pytest.approx(mean)
    assert abs(drawn.mean() - spec.mean()) <= 5 * drawn.std() / 100_000**0.5 + 1e-9


def test_sizes_follow_their_law() -> None:
    """Uniform by chi-square, loguniform and lognormal by Kolmogorov-Smirnov, choice by its weights."""
    numbers = np.arange(100_000)
    logs = np.log10(sizes.loguniform("1kB", "1GB").draw(1, numbers))
    assert stats.kstest((logs - 3) / 6, "uniform").pvalue > 0.001
    assert stats.chisquare(np.bincount(sizes.uniform(1, 20).draw(1, numbers))[1:]).pvalue > 0.001
    wide = sizes.lognormal("1MB", 1.0, max="1TB", min="1B").draw(1, numbers)
    assert stats.kstest(np.log(wide / 1e6), "norm").pvalue > 0.001
    few = sizes.choice({100: 3, 200: 1, 50: 0}).draw(1, numbers)
    assert set(few.tolist()) == {100, 200}
    assert abs((few == 200).mean() - 0.25) < 0.005


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "uniform", "low": 5, "high": 3}, "low (5 B) is above high (3 B)"),
        ({"kind": "lognormal", "median": "1MB", "max": "1KiB"}, "median (1000000 B) must lie between"),
        ({"kind": "choice", "weights": {}}, "weights: "),
        ({"kind": "choice", "weights": {"1KiB": 0}}, "weights: at least one weight must be above 0"),
        ({"kind": "unform"}, "unknown kind 'unform' (did you mean 'uniform'?)"),
        ("0", "greater than or equal to 1"),
        ("-5B", "neither a name nor a call"),
        ("12 parsecs", "has no unit of size"),
    ],
)
def test_wrong_sizes_are_named(value: Any, message: str) -> None:
    """Inside the payload that holds them."""
    with pytest.raises(ValidationError) as caught:
        payloads.random(size=value)
    assert message in caught.value.errors()[0]["msg"]


def test_a_template_is_filled_in_by_number(tmp_path: Path) -> None:
    """Every placeholder, literal dollars, and text that is not ASCII."""
    path = tmp_path / "order.json"
    path.write_text('{"n":${seq},"id":"${uuid}","q":${int:-5:5},"c":"${choice:red,dark blue}","€":"$$5"}\n', "utf-8")
    built = payloads.template(path).build(1)
    documents = [json.loads(value) for value in built.values(NUMBERS, None).tolist()]
    assert [document["n"] for document in documents] == NUMBERS.tolist()
    assert len({document["id"] for document in documents}) == len(NUMBERS)
    assert all(uuid.UUID(document["id"]).version == 4 for document in documents)
    assert all(uuid.UUID(document["id"]).variant == uuid.RFC_4122 for document in documents)
    assert {document["q"] for document in documents} == set(range(-5, 6))
    assert {document["c"] for document in documents} == {"red", "dark blue"}
    assert {document["€"] for document in documents} == {"$5"}
    assert built.values(NUMBERS[7:9], None).tolist() == built.values(NUMBERS, None).tolist()[7:9]
    assert built.values(NUMBERS[:0], None).tolist() == []


def test_two_placeholders_of_one_kind_are_independent(tmp_path: Path) -> None:
    """Two dice do not show the same face every time."""
    path = tmp_path / "dice"
    path.write_text("${int:1:6} ${int:1:6}")
    throws = np.array(
        [value.split() for value in payloads.template(path).build(1).values(np.arange(6000), None).tolist()]
    )
    assert abs((throws[:, 0] == throws[:, 1]).mean() - 1 / 6) < 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${sequence}", "unknown placeholder '${sequence}' (did you mean 'seq'?): use one of seq, uuid, int, choice"),
        ("${int:5}", "'${int:5}' is not a placeholder: write"),
        ("${int:9:1}", "9 is above 1"),
        ("${choice:}", "'${choice:}' is not a placeholder"),
        ("${seq:3}", "'${seq:3}' is not a placeholder"),
        ("a ${seq", "'${seq' has no closing brace"),
    ],
)
def test_a_wrong_placeholder_names_file_and_place(text: str, message: str, tmp_path: Path) -> None:
    """Before any load, when the payload is built."""
    (tmp_path / "wrong.txt").write_text(text)
    with pytest.raises(ValueError, match=r"template file '.*wrong.txt'.*" + re.escape(message)):
        payloads.template(tmp_path / "wrong.txt").build(1)


def test_replay_takes_line_after_line(tmp_path: Path) -> None:
    """By number, from the first again after the last, empty lines left out."""
    path = tmp_path / "lines"
    path.write_bytes(b"one\r\n\ntwo\xff\nthree")
    built = payloads.replay(path).build(1)
    assert built.values(np.array([0, 1, 2, 3, 7]), None).tolist() == [b"one", b"two\xff", b"three", b"one", b"two\xff"]


@pytest.mark.parametrize("make", [payloads.template, payloads.replay])
def test_payloads_from_files_leave_values_alone(make: Any, tmp_path: Path) -> None:
    """Their stamp goes into a header; asking for it in the value is an error, and so is a missing file."""
    path = tmp_path / "values"
    path.write_text("a line")
    spec = make(path)
    assert spec.build(1).stamp_form == "header"
    spec.check_stamp("header")
    with pytest.raises(ValueError, match="stamp = 'header'"):
        spec.check_stamp("value")
    with pytest.raises(ValueError, match="the stamp goes into a header"):
        spec.build(1).values(NUMBERS, stamps_for(NUMBERS))
    with pytest.raises(ValueError, match=r"file '.*nowhere' cannot be read: No such file"):
        make(tmp_path / "nowhere").build(1)
    with pytest.raises(ValueError, match=r"file .* cannot be read: Is a directory"):
        make(tmp_path).build(1)


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("random", payloads.random()),
        ("random(size='2KiB', compressibility=0.5)", payloads.random("2KiB", 0.5)),
        ({"kind": "json_like", "size": {"kind": "uniform", "low": "100B", "high": "10KiB"}},
         payloads.json_like(sizes.uniform("100B", "10KiB"))),
        ({"kind": "constant", "size": "choice({'1KiB': 0.9, '2KiB': 0.1})"},
         payloads.constant(sizes.choice({"1KiB": 0.9, "2KiB": 0.1}))),
        ("replay('a.txt')", payloads.replay("a.txt")),
        ("template(file='a.txt')", payloads.template("a.txt")),
    ],
)  # fmt: skip
def test_text_and_dicts_stand_for_payloads(value: Any, spec: payloads.PayloadSpec) -> None:
    """And every one survives dict and JSON."""
    holder = _Holder(payload=value)
    assert holder.payload == spec
    assert _Holder.model_validate(holder.model_dump()) == holder
    assert _Holder.model_validate_json(holder.model_dump_json()) == holder


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "randm",
            "unknown kind 'randm' (did you mean 'random'?): use one of constant, json_like, random, replay, template",
        ),
        ("pool", "unknown kind 'pool'"),
        ("random(sise=3)", "sise: no such field (did you mean 'size'?)"),
        ("random(compressibility=1.0)", "compressibility: Input should be less than 1"),
        ("json_like(size='10B')", "size: 10 B is too small for a JSON document"),
        ("replay", "file: Field required"),
        (3, "instance of PayloadSpec"),
    ],
)
def test_wrong_payloads_are_named(value: Any, message: str) -> None:
    """With the nearest name."""
    with pytest.raises(ValidationError) as caught:
        _Holder(payload=value)
    assert message in caught.value.errors()[0]["msg"]


def test_the_function_wins_over_the_file_of_its_name() -> None:
    """`payloads.random` is what a scenario calls, even after the module was imported by name."""
    assert callable(payloads.random)
    assert loadkit.payloads.random is payloads.random
    assert plugins.load("payloads", "random").model_fields["kind"].default == "random"
    assert callable(payloads.random)


def test_a_payload_of_another_distribution_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Group `loadkit.payloads`, by name, listed among the known ones; ours cannot be replaced."""

    class _Entry:
        name = "avro"

        def load(self) -> type[plugins.Spec]:
            return Constant

    class _Entries(list[_Entry]):
        names = {"avro"}  # noqa: RUF012

    def entry_points(group: str, name: str = "avro") -> _Entries:
        return _Entries([_Entry()] if (group, name) == ("loadkit.payloads", "avro") else [])

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    assert plugins.load("payloads", "avro") is Constant
    assert "avro" in plugins.known("payloads")
    assert plugins.load("payloads", "constant") is Constant
    with pytest.raises(ValueError, match="avro"):
        plugins.load("payloads", "avroo")
