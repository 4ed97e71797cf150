"""What an exchange algorithm is: from who has what to who sends what to whom, and after what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from ppsim.mapping.columns import Bools, Ints, Lists, Records, ints


class Send(NamedTuple):
    """`features` from one accelerator to another, when the sends numbered `after` have arrived at its source.

    No features: a synchronisation. `adds`: the destination adds what it gets to what it has.
    """

    source: int
    destination: int
    features: int
    after: tuple[int, ...] = ()
    adds: bool = False


@dataclass(frozen=True, eq=False)
class Sends(Records[Send]):
    """Sends in order, as columns with an entry for each: there may be a million of them."""

    source: Ints
    destination: Ints
    features: Ints
    after: Lists
    adds: Bools

    @staticmethod
    def of(sends: Sequence[Send]) -> Sends:
        """These sends."""
        return Sends(
            ints(send.source for send in sends),
            ints(send.destination for send in sends),
            ints(send.features for send in sends),
            Lists.of([send.after for send in sends]),
            np.array([send.adds for send in sends], dtype=np.bool_),
        )

    @staticmethod
    def at_once(source: Ints, destination: Ints, features: Ints) -> Sends:
        """Sends that wait for no others."""
        count = len(source)
        return Sends(source, destination, features, Lists.empty(count), np.zeros(count, dtype=np.bool_))

    @staticmethod
    def synchronisations(source: Ints, destination: Ints) -> Sends:
        """Sends without features that wait for no others."""
        return Sends.at_once(source, destination, np.zeros_like(source))

    @staticmethod
    def joined(parts: Sequence[Sends]) -> Sends:
        """The sends of all parts; what they wait for is numbered as it is."""
        return Sends(
            np.concatenate([part.source for part in parts]),
            np.concatenate([part.destination for part in parts]),
            np.concatenate([part.features for part in parts]),
            Lists.joined([part.after for part in parts]),
            np.concatenate([part.adds for part in parts]),
        )

    def waiting(self, after: Lists) -> Sends:
        """The same sends, waiting for others."""
        return replace(self, after=after)

    @property
    def nbytes(self) -> int:
        """Memory that the columns take."""
        return 5 * self.source.nbytes + self.after.values.nbytes

    def __len__(self) -> int:
        """How many sends there are."""
        return len(self.source)

    def _between(self, low: int, high: int) -> Iterator[Send]:
        return map(
            Send,
            self.source[low:high].tolist(),
            self.destination[low:high].tolist(),
            self.features[low:high].tolist(),
            self.after.between(low, high),
            self.adds[low:high].tolist(),
        )


NO_SENDS = Sends.of(())


class AllGather(Protocol):
    """Everyone gets what everyone else has."""

    def __call__(self, members: Sequence[int], features: Sequence[int], /) -> Sends:
        """Sends among `members`, in the order data is to be passed round; `features[i]` is what members[i] has."""
        ...


class Broadcast(Protocol):
    """Several get what one has."""

    def __call__(self, root: int, members: Sequence[int], features: int, /) -> Sends:
        """Sends from `root` to all `members`, which it is not among."""
        ...


class Reduce(Protocol):
    """One gets the sum of what several have."""

    def __call__(self, root: int, members: Sequence[int], features: int, /) -> Sends:
        """Sends from all `members` to `root`, which has a summand too and is not among them."""
        ...
