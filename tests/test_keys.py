"""Keys: their law, their text, their declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from scipy import stats

from loadkit import keys
from loadkit.keys.spec import Decimal
from loadkit.keys.zipf import alias_table

NUMBERS = np.arange(200_000)


class _Holder(BaseModel):
    key: keys.AnyKeys = keys.none()


def p_value(spec: keys.KeysSpec, law: Any) -> float:
    """Return the chi-square p-value of 200,000 keys against their law, rare keys pooled."""
    counts = np.bincount(spec.build(3).indices(NUMBERS), minlength=len(law)).astype(float)
    expected = law / law.sum() * len(NUMBERS)
    order = np.argsort(-expected)
    groups = np.minimum(np.cumsum(expected[order]) // 20, 2000).astype(int)
    groups[expected[order] >= 20] = np.arange((expected >= 20).sum()) + 3000
    seen, wanted = (np.bincount(groups, values[order]) for values in (counts, expected))
    return float(stats.chisquare(seen[wanted > 0], wanted[wanted > 0]).pvalue)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.1, 2.5])
@pytest.mark.parametrize("n", [1, 2, 7, 1000, 100_000])
def test_the_alias_table_holds_zipfs_law_exactly(n: int, exponent: float) -> None:
    """What each column keeps and gives away adds up to the probability of each key, to rounding."""
    weights: Any = np.arange(1, n + 1) ** -exponent
    stay, alias = alias_table(weights)
    law = (stay + np.bincount(alias, 1 - stay, n)) / n
    assert np.abs(law - weights / weights.sum()).max() < 1e-11


@example([0.0, 0.0, 1.0, 1.0])  # the light columns use up the first heavy one to the last grain
@example([47.941652799374424])  # scaled to one column it is a little less than one
@given(
    st.lists(st.floats(0, 1e6) | st.integers(0, 5).map(float), min_size=1, max_size=50).filter(lambda w: sum(w) > 1e-3)
)
def test_the_alias_table_holds_any_law(weights: list[float]) -> None:
    """In any order, with zeros and ties."""
    stay, alias = alias_table(np.array(weights))
    law = (stay + np.bincount(alias, 1 - stay, len(weights))) / len(weights)
    assert np.abs(law - np.array(weights) / sum(weights)).max() < 1e-12


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.3])
def test_zipf_keys_follow_their_law(exponent: float) -> None:
    """Chi-square at a fixed seed does not reject (k + 1)^-exponent."""
    assert p_value(keys.zipf(10_000, exponent=exponent), np.arange(1, 10_001) ** -exponent) > 0.001


def test_the_chi_square_would_notice_another_exponent() -> None:
    """1.05 in place of 1.0 is rejected, so the test above can fail."""
    assert p_value(keys.zipf(10_000, exponent=1.05), 1 / np.arange(1, 10_001)) < 1e-9


def test_uniform_keys_follow_their_law() -> None:
    """All of 1000 keys, equally often."""
    assert p_value(keys.uniform(1000), np.ones(1000)) > 0.001


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_hot_key_has_its_share(share: float) -> None:
    """And the other 99 keys share the rest equally."""
    law = np.full(100, (1 - share) / 99)
    law[0] = share
    if share:
        assert p_value(keys.hot(100, share=share), law) > 0.001
    else:
        assert keys.hot(100, share=0.0).build(1).indices(NUMBERS).min() == 1


def test_a_share_of_all_leaves_one_key() -> None:
    """No division by what is left."""
    assert set(keys.hot(5, share=1.0).build(1).indices(NUMBERS).tolist()) == {0}


def test_round_robin_takes_each_key_in_turn() -> None:
    """Message 7 of five keys has key 2, as text of eight digits."""
    built = keys.round_robin(5).build(1)
    assert built.indices(np.arange(5, 9)).tolist() == [0, 1, 2, 3]
    blobs = built.blobs(np.array([7]))
    assert blobs is not None
    assert blobs.tolist() == [b"00000002"]


def test_no_keys_are_none() -> None:
    """The client is given no key at all, not an empty one."""
    built = keys.none().build(1)
    assert built.blobs(NUMBERS) is None
    assert set(built.indices(NUMBERS[:3]).tolist()) == {-1}


@pytest.mark.parametrize("spec", [keys.uniform(50), keys.zipf(1000), keys.hot(10), keys.round_robin(3)])
def test_keys_depend_on_number_and_seed_alone(spec: keys.KeysSpec) -> None:
    """Whatever worker asks, in whatever pieces; another seed gives other keys (but for round robin)."""
    whole = spec.build(9).indices(NUMBERS[:1000])
    assert spec.build(9).indices(NUMBERS[500:510]).tolist() == whole[500:510].tolist()
    assert spec.build(9).indices(NUMBERS[:1000][::-1]).tolist() == whole[::-1].tolist()
    assert (spec.kind == "round_robin") == bool((spec.build(8).indices(NUMBERS[:1000]) == whole).all())


@given(st.integers(1, 10**12), st.data())
def test_keys_are_decimal_text_of_one_width(n: int, data: st.DataObject) -> None:
    """Eight digits, or as many fours of digits as the last key needs."""
    width = max(8, -(-len(str(n - 1)) // 4) * 4)
    indices = [*data.draw(st.lists(st.integers(0, n - 1), max_size=5)), 0, n - 1]
    assert Decimal(n).blobs(np.array(indices)).tolist() == [str(i).zfill(width).encode() for i in indices]


def test_a_key_file_is_read_line_by_line(tmp_path: Path) -> None:
    """In order, from the start again, empty lines left out."""
    path = tmp_path / "keys.txt"
    path.write_bytes(b"anna\r\nbob\n\nclaire")
    built = keys.file(path).build(1)
    blobs = built.blobs(np.arange(4))
    assert blobs is not None
    assert blobs.tolist() == [b"anna", b"bob", b"claire", b"anna"]
    assert built.indices(np.arange(4)).tolist() == [0, 1, 2, 0]


def test_a_missing_or_empty_key_file_is_named(tmp_path: Path) -> None:
    """Before any load, when the keys are built."""
    with pytest.raises(ValueError, match=r"key file '.*nowhere' cannot be read: No such file"):
        keys.file(tmp_path / "nowhere").build(1)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ValueError, match=r"key file '.*empty' has no lines"):
        keys.file(tmp_path / "empty").build(1)


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("none", keys.none()),
        ("zipf(1000, exponent=1.1)", keys.zipf(1000, 1.1)),
        ({"kind": "hot", "n": "100", "share": "0.3"}, keys.hot(100, share=0.3)),
        ("round_robin(3)", keys.round_robin(3)),
        ("file('x')", keys.file("x")),
        (keys.uniform(3), keys.uniform(3)),
    ],
)
def test_text_and_dicts_stand_for_keys(value: Any, spec: keys.KeysSpec) -> None:
    """And both survive JSON."""
    holder = _Holder(key=value)
    assert holder.key == spec
    assert _Holder.model_validate_json(holder.model_dump_json()) == holder


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "zipff(3)",
            "unknown kind 'zipff' (did you mean 'zipf'?): use one of file, hot, none, round_robin, uniform, zipf",
        ),
        ("spec", "unknown kind 'spec'"),
        ("zipf(0)", "n: Input should be greater than or equal to 1"),
        ("hot(10, share=1.5)", "share: "),
        ("zipf(10, exponet=1)", "exponet: no such field (did you mean 'exponent'?)"),
        ("uniform", "n: Field required"),
    ],
)
def test_wrong_keys_are_named(value: Any, message: str) -> None:
    """With the nearest name."""
    with pytest.raises(ValidationError) as caught:
        _Holder(key=value)
    assert message in caught.value.errors()[0]["msg"]
