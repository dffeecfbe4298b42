"""How large values are: one size, or a distribution drawn by message number.

`sizes.fixed`, `sizes.uniform`, `sizes.loguniform`, `sizes.lognormal`, `sizes.choice`; text or a number is a fixed size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, SerializeAsAny, field_validator, model_validator

from loadkit import hashing, plugins
from loadkit.units import Bytes

Size = Annotated[Bytes, Field(ge=1)]


class Sizes(plugins.Spec):
    """A distribution of sizes in bytes."""

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size of each of the messages `numbers`."""
        raise NotImplementedError

    def range(self) -> tuple[int, int]:
        """Return the smallest and the largest size that is ever drawn."""
        raise NotImplementedError

    def mean(self) -> float:
        """Return the expected size."""
        raise NotImplementedError


class Fixed(Sizes):
    """Every value has the same size."""

    kind: Literal["fixed"] = "fixed"
    size: Size = 1024

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size, as often as there are numbers."""
        return np.full(len(numbers), self.size)

    def range(self) -> tuple[int, int]:
        """Return the size twice."""
        return self.size, self.size

    def mean(self) -> float:
        """Return the size."""
        return float(self.size)


class _Between(Sizes):
    """From `low` to `high`, both included."""

    low: Size
    high: Size

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low} B) is above high ({self.high} B)")
        return self

    def range(self) -> tuple[int, int]:
        """Return `low` and `high`."""
        return self.low, self.high


class Uniform(_Between):
    """Every whole size from `low` to `high`, both included, is equally likely."""

    kind: Literal["uniform"] = "uniform"

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size of each of the messages `numbers`."""
        return self.low + hashing.below(self.high - self.low + 1, seed, numbers, hashing.Stream.SIZE)

    def mean(self) -> float:
        """Return the middle."""
        return (self.low + self.high) / 2


class Loguniform(_Between):
    """The logarithm of the size is equally likely to be anywhere from that of `low` to that of `high`."""

    kind: Literal["loguniform"] = "loguniform"

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size of each of the messages `numbers`, rounded to whole bytes."""
        u = hashing.uniform(seed, numbers, hashing.Stream.SIZE)
        drawn: NDArray[np.float64] = np.rint(self.low * (self.high / self.low) ** u)
        return drawn.astype(np.int64)

    def mean(self) -> float:
        """Return (high - low) / ln(high / low)."""
        return (self.high - self.low) / math.log(self.high / self.low) if self.high > self.low else float(self.low)


class Lognormal(Sizes):
    """The logarithm of the size is normal with standard deviation `sigma`; sizes are cut to `min` ... `max`."""

    kind: Literal["lognormal"] = "lognormal"
    median: Size
    sigma: float = Field(1.0, ge=0, le=10)
    max: Size = 1_000_000
    min: Size = 100

    @model_validator(mode="after")
    def _ordered(self) -> Lognormal:
        if not self.min <= self.median <= self.max:
            raise ValueError(f"median ({self.median} B) must lie between min ({self.min} B) and max ({self.max} B)")
        return self

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size of each of the messages `numbers`, by the inverse of the normal distribution."""
        u = hashing.uniform(seed, numbers, hashing.Stream.SIZE) + 2.0**-54
        from scipy.special import ndtri  # a quarter of a second, which every command would pay

        sizes = self.median * np.exp(self.sigma * ndtri(u))
        cut: NDArray[np.float64] = np.rint(np.clip(sizes, self.min, self.max))
        return cut.astype(np.int64)

    def range(self) -> tuple[int, int]:
        """Return `min` and `max`, or the median twice without spread."""
        return (self.min, self.max) if self.sigma else (self.median, self.median)

    def mean(self) -> float:
        """Return the mean of the cut distribution: the part between, and the mass at either end."""
        if not self.sigma:
            return float(self.median)
        low, high = (math.log(edge / self.median) / self.sigma for edge in (self.min, self.max))
        from scipy.special import ndtr

        between = ndtr(high - self.sigma) - ndtr(low - self.sigma)
        body = self.median * math.exp(self.sigma**2 / 2) * between
        return float(body + self.min * ndtr(low) + self.max * ndtr(-high))


class Choice(Sizes):
    """One of a few sizes, with weights that need not add up to 1."""

    kind: Literal["choice"] = "choice"
    weights: dict[Size, Annotated[float, Field(ge=0)]] = Field(min_length=1)

    @field_validator("weights")
    @classmethod
    def _some(cls, weights: dict[int, float]) -> dict[int, float]:
        if not sum(weights.values()) > 0:
            raise ValueError("at least one weight must be above 0")
        return {size: weight for size, weight in sorted(weights.items()) if weight}

    def draw(self, seed: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the size of each of the messages `numbers`."""
        bounds = np.cumsum(list(self.weights.values()))
        at = hashing.uniform(seed, numbers, hashing.Stream.SIZE) * bounds[-1]
        drawn: NDArray[np.int64] = np.array(list(self.weights))[bounds[:-1].searchsorted(at, "right")]
        return drawn

    def range(self) -> tuple[int, int]:
        """Return the smallest and the largest size with a weight."""
        return min(self.weights), max(self.weights)

    def mean(self) -> float:
        """Return the weighted mean."""
        return sum(size * weight for size, weight in self.weights.items()) / sum(self.weights.values())


KINDS: dict[str, type[Sizes]] = {
    "fixed": Fixed, "uniform": Uniform, "loguniform": Loguniform, "lognormal": Lognormal, "choice": Choice,
}  # fmt: skip


def _read(value: object) -> object:
    if isinstance(value, (int, float)) or (isinstance(value, str) and value.strip()[:1].isdigit()):
        return Fixed.model_validate({"size": value})
    return plugins.read(plugins.one_of(KINDS), value)


AnySizes = Annotated[SerializeAsAny[Sizes], BeforeValidator(_read)]
"""A pydantic field that takes a size (`"1KiB"`), a distribution, its dict or its text."""


def fixed(size: int | str) -> Fixed:
    """Return one size."""
    return Fixed.model_validate({"size": size})


def uniform(low: int | str, high: int | str) -> Uniform:
    """Return equally likely sizes from `low` to `high`, both included."""
    return Uniform.model_validate({"low": low, "high": high})


def loguniform(low: int | str, high: int | str) -> Loguniform:
    """Return sizes from `low` to `high` of which each order of magnitude has as many."""
    return Loguniform.model_validate({"low": low, "high": high})


def lognormal(
    median: int | str, sigma: float = 1.0, max: int | str = "1MB", min: int | str = "100B"
) -> Lognormal:  # fmt: skip
    """Return sizes whose logarithm is normal, cut to `min` ... `max`."""
    return Lognormal.model_validate({"median": median, "sigma": sigma, "max": max, "min": min})


def choice(weights: Mapping[int | str, float]) -> Choice:
    """Return one of a few sizes, by weight: `choice({"1KiB": 0.9, "100KiB": 0.1})`."""
    return Choice.model_validate({"weights": dict(weights)})


def spread(size: Sizes) -> int | None:
    """Return the one size there is, or None where sizes differ."""
    low, high = size.range()
    return low if low == high else None
