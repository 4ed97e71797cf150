"""What a comparison is: cases with an expected and a modelled number, their errors, and the bounds they are held to.

A reference is a module of `ppsim/validation/references` with one function, `checks`, that runs ppsim and gives a Check
for each quantity compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal, Protocol

#: where expected numbers come from: counted by another program of this package, given by another simulator, by a
#: formula, measured on hardware, or published and quoted by others without being checked against the publication
Confidence = Literal["computed", "simulated", "formula", "measured", "unverified"]


@dataclass(frozen=True, slots=True)
class Case:
    """One number that ppsim is held against, both in `unit`."""

    name: str
    expected: float
    modelled: float
    unit: str

    @property
    def error(self) -> float:
        """Relative error, not below 0; infinite if nothing was expected and is not, or if one of both is no number.

        The difference comes first: that of large integers is exact.
        """
        if self.modelled == self.expected:
            return 0.0
        error = abs(self.modelled - self.expected) / abs(self.expected) if self.expected else float("inf")
        return float("inf") if isnan(error) else error

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; an infinite error is None."""
        return {
            "name": self.name,
            "expected": self.expected,
            "modelled": self.modelled,
            "unit": self.unit,
            "error": finite(self.error),
        }


@dataclass(frozen=True)
class Check:
    """Cases of one quantity against one reference.

    `reference` and `compared` are its names in the table, `source` says where the expected numbers come from and
    `setting` what ppsim was asked to model, with everything that was assumed for it. `mean_bound` and `max_bound` are
    the largest mean and maximum of the relative errors that pass; without either, the errors are only reported.
    """

    reference: str
    compared: str
    cases: tuple[Case, ...]
    source: str
    confidence: Confidence
    setting: str
    mean_bound: float | None = None
    max_bound: float | None = None

    def __post_init__(self) -> None:
        """A check of nothing passes for nothing."""
        if not self.cases:
            raise ValueError(f"{self.reference}: {self.compared}: no cases")

    @property
    def mean(self) -> float:
        """Mean of the relative errors."""
        return sum(case.error for case in self.cases) / len(self.cases)

    @property
    def max(self) -> float:
        """The largest of the relative errors."""
        return max(case.error for case in self.cases)

    @property
    def bounded(self) -> bool:
        """Whether there is a bound to hold."""
        return self.mean_bound is not None or self.max_bound is not None

    @property
    def holds(self) -> bool:
        """Whether the errors are within their bounds."""
        within_mean = self.mean_bound is None or self.mean <= self.mean_bound
        return within_mean and (self.max_bound is None or self.max <= self.max_bound)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {
            "reference": self.reference,
            "compared": self.compared,
            "source": self.source,
            "confidence": self.confidence,
            "setting": self.setting,
            "mean_error": finite(self.mean),
            "max_error": finite(self.max),
            "mean_bound": self.mean_bound,
            "max_bound": self.max_bound,
            "holds": self.holds,
            "cases": [case.to_dict() for case in self.cases],
        }


def finite(error: float) -> float | None:
    """An error as JSON knows it: None if it is infinite."""
    return error if error < float("inf") else None


class Reference(Protocol):
    """Something ppsim is held against."""

    def __call__(self) -> Iterator[Check]:
        """Run ppsim on all cases, and compare."""
        ...
