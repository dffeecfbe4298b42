"""Shapes: knots by hand, round trips, and errors that name the field."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from loadkit import shapes


class _Holder(BaseModel):
    shape: shapes.AnyShape = shapes.constant()


@pytest.mark.parametrize(
    ("shape", "knots"),
    [
        (shapes.constant(), ((0, 100),)),
        (shapes.ramp(), ((0, 10), (30, 100))),
        (shapes.ramp("1k/s", 2, "1m"), ((0, 1000), (60, 200))),
        (shapes.steps([0.5, 1], every="10s"), ((0, 50), (10, 50), (10, 100), (20, 100))),
        (shapes.spike(), ((0, 100), (10, 100), (10, 500), (15, 500), (15, 100))),
        (shapes.spike(factor="50k/s", at=1), ((0, 100), (1, 100), (1, 50_000), (6, 50_000), (6, 100))),
        (shapes.points([("0s", 0.5), ("10s", "5k/s")]), ((0, 50), (10, 5000))),
    ],
)
def test_knots_are_seconds_and_messages_a_second(shape: shapes.Shape, knots: shapes.Knots) -> None:
    """Numbers multiply the class's rate of 100/s, text is a rate of its own."""
    assert np.array(shape.knots(100)) == pytest.approx(np.array(knots))
    assert shape.repeats_every() is None


def test_a_sine_is_one_period_that_repeats() -> None:
    """It starts and ends at the rate, peaks after a quarter and says when it starts again."""
    sine = shapes.sine(amplitude=0.5, period="60s")
    knots = dict(sine.knots(100))
    assert (knots[0], knots[15], knots[45], knots[60]) == pytest.approx((100, 150, 50, 100))
    assert sine.repeats_every() == 60


@pytest.mark.parametrize("kind", sorted(shapes.KINDS))
def test_every_kind_survives_dict_and_json(kind: str) -> None:
    """What a result file or a worker reads back is the shape that was declared."""
    made = {"steps": shapes.steps([1, "2k/s"]), "points": shapes.points([(0, 1), ("5s", "2k/s")])}
    holder = _Holder(shape=made.get(kind) or shapes.KINDS[kind].model_validate({}))
    assert holder.shape.kind == kind
    assert _Holder.model_validate(holder.model_dump()) == holder
    assert _Holder.model_validate_json(holder.model_dump_json()) == holder


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("sine", shapes.sine()),
        ("spike(factor=8)", shapes.spike(8)),
        ("spike(8, at='1s')", shapes.spike(8, "1s")),
        ("steps([0.5, '2k/s'], every=5)", shapes.steps([0.5, "2k/s"], 5)),
        ({"kind": "spike", "factor": "8"}, shapes.spike(8.0)),
        ({"kind": "spike", "factor": "8/s"}, shapes.spike("8/s")),
    ],
)
def test_text_and_dicts_stand_for_shapes(text: Any, shape: shapes.Shape) -> None:
    """A command line has only text: "8" is a multiple, "8/s" a rate."""
    assert _Holder(shape=text).shape == shape


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"kind": "ramp", "start": -0.1}, "start: -0.1 is not a level"),
        ({"kind": "ramp", "over": "0s"}, "over: Input should be greater than 0"),
        ({"kind": "ramp", "over": "-3s"}, "over: "),
        ({"kind": "steps", "levels": []}, "levels: "),
        ({"kind": "steps", "levels": [1, "fast"]}, "levels.1: "),
        ({"kind": "steps"}, "levels: Field required"),
        ({"kind": "spike", "factor": float("inf")}, "factor: "),
        ({"kind": "spike", "factr": 3}, "factr: no such field (did you mean 'factor'?)"),
        ({"kind": "sine", "amplitude": 1.5}, "amplitude: "),
        ({"kind": "points", "points": []}, "points: "),
        ({"kind": "points", "points": [(5, 1), (3, 1)]}, "points: times must not go back: 3 s stands after 5 s"),
        ({"kind": "spik"}, "unknown kind 'spik' (did you mean 'spike'?): use one of constant, points, ramp"),
        ({"factor": 3}, "a mapping needs 'kind'"),
        ("spike(factor=", "neither a name nor a call"),
        ("spike(1, 2, 3, 4)", "spike takes at most 3 values: factor, at, duration"),
        ("__import__('os').system('true')", "neither a name nor a call"),
        ("spike(at=open('x'))", "neither a name nor a call"),
    ],
)
def test_a_wrong_shape_names_the_field(value: Any, message: str) -> None:
    """The error says where and what instead, and nothing in the text is run."""
    with pytest.raises(ValidationError) as caught:
        _Holder(shape=value)
    assert message in caught.value.errors()[0]["msg"]


def test_wrong_calls_name_the_field_too() -> None:
    """A scenario file fails at the line of the call."""
    with pytest.raises(ValidationError, match="every\n"):
        shapes.steps([1], every="-1s")
    with pytest.raises(ValidationError, match="factor\n"):
        shapes.spike(factor=True)


def test_shapes_cannot_be_changed() -> None:
    """A declaration that was shared stays what it was."""
    with pytest.raises(ValidationError, match="frozen"):
        shapes.spike().at = 3.0
