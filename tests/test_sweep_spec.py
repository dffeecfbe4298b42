"""What a sweep varies: axes as text, the grid they span, and the numbers of its points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadkit.errors import UsageError
from loadkit.sweep import spec
from loadkit.sweep.spec import Axis


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("linger.ms=0,5,20", "linger.ms", (0, 5, 20)),
        ("batch.size=16KiB, 128KiB", "batch.size", ("16KiB", "128KiB")),
        ("enable.idempotence=true,false", "enable.idempotence", (True, False)),
        ("Checkout.payload=json_like(size='1KiB', compressibility=0.5),random(size='2KiB')", "Checkout.payload",
         ("json_like(size='1KiB', compressibility=0.5)", "random(size='2KiB')")),
        ("Checkout.headers.a='x,y',z", "Checkout.headers.a", ("x,y", "z")),
        ("embedded.version=3.9.1,4.0.0", "target.version", ("3.9.1", "4.0.0")),
        ("acks=all", "acks", ("all",)),
    ],
)  # fmt: skip
def test_an_axis_is_a_path_and_its_values(text: str, path: str, values: tuple[object, ...]) -> None:
    """Commas inside brackets and quotes belong to a value; numbers and booleans are Python's."""
    assert spec.parse_axis(text) == Axis(path, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [("linger.ms", "PATH=V1,V2"), ("=5", "PATH=V1,V2"), ("linger.ms=", "empty"), ("linger.ms=5,6,5", "twice")],
)
def test_an_axis_that_cannot_be_swept_is_refused(text: str, said: str) -> None:
    """The message names the flag and how to write it."""
    with pytest.raises(UsageError, match=said):
        spec.parse_axis(text)


def test_a_grid_is_every_combination_in_order() -> None:
    """The last axis moves fastest, and ids count in that order."""
    points = spec.grid([Axis("a", (1, 2)), Axis("b", ("x", "y", "z"))])
    assert [point.id for point in points] == ["p000", "p001", "p002", "p003", "p004", "p005"]
    assert [tuple(point.settings.values()) for point in points[:4]] == [(1, "x"), (1, "y"), (1, "z"), (2, "x")]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_number_names_the_same_point_as_the_grid(lengths: list[int]) -> None:
    """`settings_at` finds any point of a grid without making the others."""
    axes = [Axis(f"axis{i}", tuple(range(n))) for i, n in enumerate(lengths)]
    points = spec.grid(axes)
    assert len(points) == spec.size(axes)
    assert [spec.settings_at(axes, i) for i in range(len(points))] == [point.settings for point in points]


def test_a_grid_must_have_points_and_not_too_many() -> None:
    """Empty, doubled and huge grids are refused; a budget lets a huge one through."""
    huge = [Axis(f"axis{i}", tuple(range(11))) for i in range(4)]
    with pytest.raises(UsageError, match=r"14,641 points.*--budget"):
        spec.check_axes(huge, None)
    spec.check_axes(huge, 600.0)
    with pytest.raises(UsageError, match="empty"):
        spec.check_axes([], None)
    with pytest.raises(UsageError, match=r"linger\.ms is given twice"):
        spec.check_axes([Axis("linger.ms", (1,)), Axis("linger.ms", (2,))], None)
