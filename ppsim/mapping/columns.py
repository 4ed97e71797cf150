"""Many equal records as columns: arrays instead of objects, which a million of them would be too many of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")

#: columns up to this long keep their records once they are made; longer ones make them anew, so many at a time
_KEPT = 4096


def ints(values: Iterable[int]) -> Ints:
    """A column of integers."""
    return np.array(list(values), dtype=np.int64)


class Lists(NamedTuple):
    """Lists of numbers, one after the other: list i is `values[starts[i] : starts[i + 1]]`."""

    starts: Ints
    values: Ints

    @staticmethod
    def of(lists: Sequence[Sequence[int]]) -> Lists:
        """These lists."""
        starts = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([len(one) for one in lists], out=starts[1:])
        return Lists(starts, ints(number for one in lists for number in one))

    @staticmethod
    def empty(count: int) -> Lists:
        """So many empty lists."""
        return Lists(np.zeros(count + 1, dtype=np.int64), np.zeros(0, dtype=np.int64))

    @staticmethod
    def at_most_one(values: Ints, there: Bools) -> Lists:
        """Lists of one value each, or of none where it is not `there`."""
        return Lists(np.concatenate(([0], np.cumsum(there))), values[there])

    @staticmethod
    def joined(parts: Sequence[Lists]) -> Lists:
        """The lists of all parts."""
        starts, end = [np.zeros(1, dtype=np.int64)], 0
        for part in parts:
            starts.append(part.starts[1:] + end)
            end += len(part.values)
        return Lists(np.concatenate(starts), np.concatenate([part.values for part in parts]))

    @staticmethod
    def ranges(first: Ints, end: Ints) -> Lists:
        """The numbers from `first` to before `end`, for each pair of these; none where that is not above."""
        lengths = np.maximum(end - first, 0)
        starts = np.zeros(len(first) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        return Lists(starts, np.arange(starts[-1]) + np.repeat(first - starts[:-1], lengths))

    @staticmethod
    def grouped(keys: Ints, count: int) -> Lists:
        """For each of `count` keys: where it stands among `keys`, in order."""
        order = np.argsort(keys, kind="stable")
        return Lists(np.searchsorted(keys[order], np.arange(count + 1)), order)

    def shifted(self, by: int) -> Lists:
        """The same lists of numbers higher by that much."""
        return Lists(self.starts, self.values + by)

    def or_else(self, others: Lists, numbers: Ints) -> Lists:
        """The same lists; for an empty one, that of the others with its number."""
        own = np.arange(len(numbers))
        return Lists.joined((self, others)).taken(np.where(self.lengths > 0, own, len(numbers) + numbers))

    @property
    def lengths(self) -> Ints:
        """How long each list is."""
        return np.diff(self.starts)

    def at(self, number: int) -> Ints:
        """One of the lists."""
        return self.values[self.starts[number] : self.starts[number + 1]]

    def taken(self, numbers: Ints) -> Lists:
        """The lists of these numbers, each as often as it is named."""
        places = Lists.ranges(self.starts[numbers], self.starts[numbers + 1])
        return Lists(places.starts, self.values[places.values])

    def between(self, low: int, high: int) -> Iterator[tuple[int, ...]]:
        """Lists `low` to `high` as tuples."""
        first = int(self.starts[low])
        starts = (self.starts[low : high + 1] - first).tolist()
        values = tuple(self.values[first : int(self.starts[high])].tolist())
        return (values[start:end] for start, end in pairwise(starts))


class Records(Sequence[T]):
    """A sequence of records that are made from columns when they are asked for; compared by value."""

    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def __len__(self) -> int:
        """How many there are."""

    @abstractmethod
    def _between(self, low: int, high: int) -> Iterator[T]:
        """Make the records `low` to `high`."""

    @cached_property
    def _few(self) -> tuple[T, ...]:
        return tuple(self._between(0, len(self)))

    def __iter__(self) -> Iterator[T]:
        """All records, in order."""
        count = len(self)
        if count <= _KEPT:
            return iter(self._few)
        return (one for low in range(0, count, _KEPT) for one in self._between(low, min(count, low + _KEPT)))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: Any) -> Any:
        """One record, or those of a slice."""
        count = len(self)
        if count <= _KEPT:
            return self._few[index]
        numbers = range(count)[index]
        if isinstance(numbers, range):
            return tuple([next(self._between(number, number + 1)) for number in numbers])
        return next(self._between(numbers, numbers + 1))

    def __eq__(self, other: object) -> bool:
        """Whether they are the same records in the same order."""
        if not isinstance(other, Records):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))
