"""Exchange algorithms by name: who sends what to whom when everyone, or one, or several need what others have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from ppsim.errors import InputError
from ppsim.hardware.interconnect import InterconnectSpec
from ppsim.mapping.exchanges import ring, tree, unicast
from ppsim.mapping.exchanges.contract import AllGather, Broadcast, Reduce

T = TypeVar("T")

#: a new algorithm is one file and one line for each pattern it serves
ALL_GATHERS: dict[str, AllGather] = {"unicast": unicast.all_gather, "ring": ring.all_gather}
BROADCASTS: dict[str, Broadcast] = {"unicast": unicast.broadcast, "tree": tree.broadcast}
REDUCES: dict[str, Reduce] = {"unicast": unicast.reduce, "tree": tree.reduce}


def chosen(spec: InterconnectSpec, pattern: Literal["all_gather", "broadcast", "reduce"], known: Mapping[str, T]) -> T:
    """The algorithm an interconnect uses for a pattern; raises InputError for an unknown name."""
    name = spec.exchange(pattern)
    if name not in known:
        raise InputError(f"interconnect.{pattern}: {name!r} is unknown; accepted: {', '.join(known)}")
    return known[name]


def algorithms(spec: InterconnectSpec) -> tuple[AllGather, Broadcast, Reduce]:
    """The algorithms an interconnect uses; raises InputError for an unknown name, whether or not it is come to use."""
    return (
        chosen(spec, "all_gather", ALL_GATHERS),
        chosen(spec, "broadcast", BROADCASTS),
        chosen(spec, "reduce", REDUCES),
    )
