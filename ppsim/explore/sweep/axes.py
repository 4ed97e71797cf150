"""Axes of a sweep: values for one path, or for several at once, as lists, ranges or log ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, floor, log
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field

from ppsim.documents import quote, validate
from ppsim.errors import InputError
from ppsim.specification import Specification

#: what one path may be set to
Scalar = str | int | float | bool | None
#: points of a range, and the size of numbers: more than a sweep has any use for
MOST, LARGEST = 10_000, 1e15
#: a value this close to an integer is one: 8, 16, 32, 64 are log range points, 31.999999999999996 is rounding
NEAR = 1e-9


@dataclass(frozen=True)
class Range(Specification):
    """Numbers from `from` to `to`: `points` of them, both ends among them, or one each `step`.

    On a scale "log" neighbours have equal ratios. `integers` rounds to whole numbers. Neither points nor step: all
    numbers between, for random and Sobol sampling.
    """

    from_: Annotated[float, Field(alias="from"), Ge(-LARGEST), Le(LARGEST)]
    to: Annotated[float, Ge(-LARGEST), Le(LARGEST)]
    points: Annotated[int, Ge(1), Le(MOST)] | None = None
    step: float | None = None
    scale: Literal["linear", "log"] = "linear"
    integers: bool = False

    def __post_init__(self) -> None:
        """Reject ranges that are none."""
        if self.from_ > self.to:
            raise InputError(f"from={self.from_:g} is more than to={self.to:g}")
        if self.scale == "log" and self.from_ <= 0:
            raise InputError(f"from={self.from_:g}: a log range begins above 0")
        if self.step is not None:
            if self.points is not None or self.scale == "log":
                raise InputError("give points or step, and step on a linear scale alone")
            if self.step <= 0 or (self.to - self.from_) / self.step >= MOST:
                raise InputError(f"step={self.step:g} is out of range; accepted: above 0, up to {MOST} steps")
        if self.points == 1 and self.from_ < self.to:
            raise InputError("points=1 is one end only; give at least 2 points, or one value in a list")

    def values(self) -> tuple[float | int, ...]:
        """All points of it, ascending, each once; none if it has neither points nor step."""
        if self.step is not None:
            count = floor((self.to - self.from_) / self.step + NEAR) + 1
            found = [self._number(self.from_ + number * self.step) for number in range(count)]
        elif self.points is not None:
            found = [self.at(number / max(1, self.points - 1)) for number in range(self.points)]
        else:
            return ()
        return tuple(dict.fromkeys(found))

    def at(self, share: float) -> float | int:
        """The number that share (0 to 1) of the way along."""
        if share in (0.0, 1.0):
            return self._number(self.to if share else self.from_)
        if self.scale == "log":
            return self._number(exp(log(self.from_) + share * (log(self.to) - log(self.from_))))
        return self._number(self.from_ + share * (self.to - self.from_))

    def _number(self, value: float) -> float | int:
        whole = round(value)
        return whole if self.integers or abs(value - whole) <= NEAR * max(1.0, abs(value)) else value


@dataclass(frozen=True)
class Axis:
    """`paths` that are set together, and what to: `choices` have a value for each path. A range may have none."""

    paths: tuple[str, ...]
    choices: tuple[tuple[Scalar, ...], ...]
    range: Range | None = None

    def at(self, share: float) -> tuple[Scalar, ...]:
        """The choice that share (0 to below 1) of the way along."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        assert self.range is not None
        return (self.range.at(share),) * len(self.paths)


def axis_of(key: str, given: Any) -> Axis:
    """The axis of an entry under `axes`: a path, or several with commas, and a list or a range; raises InputError."""
    paths = tuple(path.strip() for path in key.split(","))
    if not all(paths) or len(set(paths)) < len(paths):
        raise InputError(f"axes: {quote(key)}: give a path, or several different ones with commas between them")
    if isinstance(given, Mapping):
        ends = validate(Range, given, f"axes: {key}")
        return Axis(paths, tuple((value,) * len(paths) for value in ends.values()), ends)
    if not isinstance(given, list | tuple) or not given:
        raise InputError(
            f"axes: {key}: give a list of values, or a range as in {{from: 1, to: 64, points: 7, scale: log}}"
        )
    choices = tuple(_choice(key, paths, value) for value in given)
    if len(set(map(repr, choices))) < len(choices):
        raise InputError(f"axes: {key}: a value stands twice")
    return Axis(paths, choices)


def _choice(key: str, paths: tuple[str, ...], value: Any) -> tuple[Scalar, ...]:
    values = value if isinstance(value, list | tuple) else [value] * len(paths)
    if len(values) != len(paths):
        raise InputError(f"axes: {key}: {quote(value)} has {len(values)} values for {len(paths)} paths")
    return tuple(_scalar(key, one) for one in values)


def _scalar(key: str, value: Any) -> Scalar:
    if not isinstance(value, str | int | float | bool | None):
        raise InputError(f"axes: {key}: {quote(value)} is no single value; name the fields below it by their paths")
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise InputError(
            f"axes: {key}: {quote(value)} is out of range; accepted: up to {LARGEST:g}, and finite numbers"
        )
    # 1e3 is a float to YAML, and an integer where one is wanted
    return int(value) if isinstance(value, float) and value.is_integer() else value
