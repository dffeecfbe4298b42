"""Stamps, hexadecimal and the arrays of byte strings they travel in."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit import hashing, stamp
from loadkit.blobs import Blobs, cells, paste

u32 = st.integers(0, 2**32 - 1)
batches = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)


def json_value(made: stamp.Stamps, rest: bytes = b'"n":1}') -> list[bytes]:
    """Return a JSON value for each stamp."""
    return [stamp.JSON_HEAD + row.tobytes() + stamp.JSON_TAIL + rest for row in stamp.as_hex(stamp.as_bytes(made))]


@given(u32, u32, st.integers(0, 2**63), batches)
def test_a_stamp_is_24_little_endian_bytes(run: int, producer: int, first: int, intended: list[int]) -> None:
    """Byte for byte what struct packs, so that any language can read it."""
    made = stamp.stamps(run, producer, first, np.array(intended, np.int64))
    packed = [struct.pack("<IIQq", run, producer, first + i, due) for i, due in enumerate(intended)]
    assert made.tobytes() == b"".join(packed)
    assert stamp.read(packed, "binary").stamps.tolist() == made.tolist()


@given(u32, u32, st.integers(0, 2**63), batches, st.lists(st.binary(max_size=200), max_size=5))
def test_both_forms_read_back_among_foreign_values(
    run: int, producer: int, first: int, intended: list[int], foreign: list[bytes]
) -> None:
    """Values of any size before and after, too short ones and tombstones do not disturb."""
    made = stamp.stamps(run, producer, first, np.array(intended, np.int64))
    n = len(made)
    for form, values in (("binary", [row.tobytes() + b"x" * 9 for row in made]), ("json", json_value(made))):
        given = [*foreign, *values, None, b""]
        read = stamp.read(given, form)  # type: ignore[arg-type]
        found, valid = read.stamps, read.valid
        assert read.sizes.tolist() == [len(value or b"") for value in given]
        assert found[len(foreign) : len(foreign) + n].tolist() == made.tolist()
        assert valid[len(foreign) : len(foreign) + n].all()
        assert not valid[len(foreign) + n :].any()
        assert not found[~valid].tobytes().strip(b"\0")
        assert valid[: len(foreign)].tolist() == [form == "binary" and len(value) >= 24 for value in foreign]


@pytest.mark.parametrize("size", [24, 62, 100, 5000])
def test_values_of_one_size_read_like_mixed_ones(size: int) -> None:
    """The fast path for equal sizes and the one for large values give the same stamps."""
    made = stamp.stamps(1, 2, 3, np.arange(50))
    values = [row.tobytes() + bytes(size - 24) for row in made]
    assert stamp.read(values, "binary").stamps.tolist() == made.tolist()
    assert stamp.read([*values, b"y" * (size + 1)], "binary").stamps[:-1].tolist() == made.tolist()


def test_a_json_value_with_its_stamp_is_json() -> None:
    """The first field holds 48 lowercase hexadecimal characters."""
    made = stamp.stamps(0xDEADBEEF, 1, 2, np.array([3]))
    document = json.loads(json_value(made)[0])
    assert bytes.fromhex(document["loadkit"]) == made.tobytes()
    assert document["loadkit"].startswith("efbeadde")


@pytest.mark.parametrize("at", [0, 11, 12, 59, 60, 61])
def test_one_wrong_character_makes_a_json_stamp_invalid(at: int) -> None:
    """In the field's name, the characters or the comma after them; its neighbours stay valid."""
    values = json_value(stamp.stamps(1, 2, 3, np.arange(3)))
    values[1] = values[1][:at] + b"G" + values[1][at + 1 :]
    assert stamp.read(values, "json").valid.tolist() == [True, False, True]


def test_uppercase_is_not_our_hexadecimal() -> None:
    """What loadkit writes is lowercase; anything else is foreign."""
    values = [value.replace(b"a", b"A") for value in json_value(stamp.stamps(0xAAAA, 2, 3, np.arange(1)))]
    assert not stamp.read(values, "json").valid.any()


@given(st.binary(max_size=64).filter(lambda raw: len(raw) % 2 == 0))
def test_hexadecimal_equals_pythons(raw: bytes) -> None:
    """And turns back into the same bytes."""
    row = np.frombuffer(raw, np.uint8).reshape(1, -1)
    text = stamp.as_hex(row)
    assert text.tobytes() == raw.hex().encode()
    assert stamp.from_hex(text)[0].tobytes() == raw


@given(st.lists(st.binary(max_size=12)))
def test_blobs_of_mixed_sizes_come_back(values: list[bytes]) -> None:
    """Empty strings and zeros at the end included."""
    blobs = Blobs.of(values)
    assert blobs.tolist() == values
    assert len(blobs) == len(values)
    assert blobs.sizes.tolist() == [len(value) for value in values]


@pytest.mark.parametrize(("n", "size"), [(0, 5), (3, 0), (3, 5), (1, 1)])
def test_blobs_of_one_size_come_back(n: int, size: int) -> None:
    """Zeros at the end are kept: numpy's S type would drop them."""
    matrix = np.zeros((n, size), np.uint8)
    blobs = Blobs.rows(matrix)
    assert blobs.tolist() == [bytes(size)] * n
    assert blobs.offsets.tolist() == [i * size for i in range(n + 1)]


def test_paste_writes_columns_and_nothing_else() -> None:
    """Three rows of five bytes, two of them replaced from column 2 on."""
    rows = np.zeros((3, 5), np.uint8)
    paste(rows, 2, np.arange(1, 7, dtype=np.uint8).reshape(3, 2))
    assert rows.tolist() == [[0, 0, 1, 2, 0], [0, 0, 3, 4, 0], [0, 0, 5, 6, 0]]
    assert cells(rows, 2, 5, 2).tolist() == [b"\1\2", b"\3\4", b"\5\6"]


def test_hashing_is_splitmix64() -> None:
    """The first outputs of the reference implementation for state 1234567, reached by counting.

    With the key folded into the state, number i of a stream is the reference's output i + 1.
    """
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    finish = hashing._finish(np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    assert finish.tolist() == reference


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**62), st.integers(0, 2**40))
def test_one_number_hashes_like_many(seed: int, number: int, stream: int) -> None:
    """The scalar form gives the same bits."""
    assert hashing.one(seed, number, stream) == int(hashing.mix(seed, np.array([number]), stream)[0])


def test_hashed_numbers_are_uniform_and_streams_differ() -> None:
    """Sixteen bins of 100,000 draws pass chi-square; two streams are uncorrelated."""
    numbers = np.arange(100_000)
    one, two = hashing.uniform(1, numbers, 1), hashing.uniform(1, numbers, 2)
    counts = np.bincount((one * 16).astype(int), minlength=16)
    assert ((counts - 6250) ** 2 / 6250).sum() < 37.7  # 99.9 % of chi-square with 15 degrees of freedom
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.02
    assert one.min() >= 0
    assert one.max() < 1
