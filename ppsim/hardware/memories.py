"""The catalogue of DRAM energies: what a bit costs in memories of different kinds, as different sources have it.

Sources disagree by up to five times on one kind of DRAM, because some count the device alone, some its interface, some
the controller, and because it depends on how often rows are opened. No number here is an average: each source stands
under a name of its own, and a system or a user picks one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from annotated_types import Gt, MinLen

from ppsim.documents import locate, read, validate, version
from ppsim.errors import InputError
from ppsim.hardware.energy import Entry
from ppsim.specification import Specification

CATALOGUES = "accelerators/memories"
SHIPPED = "dram"
FORMAT = "ppsim-memories/1"


@dataclass(frozen=True)
class Memory(Specification):
    """A DRAM: `pj_per_bit` for streaming accesses, and the power a channel draws all the time, in W.

    `background_w` is of one channel with a peak of `channel_gb_s` (10^9 bytes/s). A source that gives one number per
    bit and no power has a background of zero, which says so, and needs no `channel_gb_s`.
    """

    description: Annotated[str, MinLen(1)]
    pj_per_bit: Entry
    background_w: Entry
    channel_gb_s: Annotated[float, Gt(0)] | None = None

    def __post_init__(self) -> None:
        """Power belongs to a channel of some width."""
        if self.background_w.value and self.channel_gb_s is None:
            raise InputError("background_w needs channel_gb_s, the peak of the channel that draws it")

    def background_at(self, bandwidth_gb_s: float) -> Entry:
        """Background power of a channel of that peak: as many of the memory's own channels as it takes side by side."""
        if self.channel_gb_s is None or bandwidth_gb_s == self.channel_gb_s:
            return self.background_w
        ratio = bandwidth_gb_s / self.channel_gb_s
        widths = f"{bandwidth_gb_s:g} instead of {self.channel_gb_s:g} GB/s"
        return self.background_w.times(ratio, f"x {ratio:.4g} for {widths}")


@dataclass(frozen=True)
class _Catalogue(Specification):
    memories: dict[str, Memory]


def load_memories(name: str = SHIPPED) -> Mapping[str, Memory]:
    """DRAM energies by name: those shipped, or those in the file of that path.

    Raises InputError naming the file, the key and the accepted values.
    """
    path = locate(name, CATALOGUES, "memory catalogue")
    return _read(path, version(path))


@lru_cache(maxsize=16)
def _read(path: Path, version: tuple[str, int, int]) -> Mapping[str, Memory]:
    return MappingProxyType(validate(_Catalogue, read(path, FORMAT), f"memory catalogue {path}").memories)


def memory_called(name: str, where: str) -> Memory:
    """The shipped memory of that name; raises InputError that lists the known ones."""
    known = load_memories()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"{where}: dram.memory: {name!r} is unknown; {hint}known: {', '.join(known)}")
    return known[name]
