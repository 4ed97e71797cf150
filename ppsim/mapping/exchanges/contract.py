"""What an exchange algorithm is: from who has what to who sends what to whom, and after what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Send:
    """`features` from one accelerator to another, when the sends numbered `after` have arrived at its source.

    No features: a synchronisation. `adds`: the destination adds what it gets to what it has.
    """

    source: int
    destination: int
    features: int
    after: tuple[int, ...] = ()
    adds: bool = False


class AllGather(Protocol):
    """Everyone gets what everyone else has."""

    def __call__(self, members: Sequence[int], features: Sequence[int], /) -> list[Send]:
        """Sends among `members`, in the order data is to be passed round; `features[i]` is what members[i] has."""
        ...


class Broadcast(Protocol):
    """Several get what one has."""

    def __call__(self, root: int, members: Sequence[int], features: int, /) -> list[Send]:
        """Sends from `root` to all `members`, which it is not among."""
        ...


class Reduce(Protocol):
    """One gets the sum of what several have."""

    def __call__(self, root: int, members: Sequence[int], features: int, /) -> list[Send]:
        """Sends from all `members` to `root`, which has a summand too and is not among them."""
        ...
