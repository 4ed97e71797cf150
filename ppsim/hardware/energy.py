"""Energy tables: what each action costs, with the source of each number.

Every joule belongs to one component, named in `COMPONENTS`. A zero needs a reason, which runs print. Where sources
disagree the number has a range, from the lowest to the highest of them. SRAM energy is a curve over capacity,
interpolated on log-log axes and level outside its points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from math import exp, isfinite, log
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, MinLen

from ppsim.errors import InputError
from ppsim.specification import Specification

COMPONENTS = (
    "mac",
    "register_file",
    "pe_to_pe",
    "sram",
    "dram",
    "dram_background",
    "link",
    "router",
    "vector",
    "leakage",
)

Confidence = Literal[
    "measured", "quoted-in-code", "quoted-by-third-party", "computed", "estimate", "unverified", "set-by-user"
]
#: what arithmetic does not turn into a computed number
_WEAK = ("estimate", "unverified", "set-by-user")


@dataclass(frozen=True)
class Entry(Specification):
    """A number with where it comes from; a zero says why it is zero.

    `low` and `high`, in the unit of the value, span what sources say where they disagree; `source` names them. Without
    a range there is one source, or they agree.
    """

    value: Annotated[float, Ge(0)]
    source: Annotated[str, MinLen(1)]
    confidence: Confidence
    reason: str | None = None
    low: Annotated[float, Ge(0)] | None = None
    high: Annotated[float, Ge(0)] | None = None

    def __post_init__(self) -> None:
        """A silent zero would hide a component; a range holds the number itself."""
        if self.value == 0 and not self.reason:
            raise InputError("a value of 0 needs a reason, as in {value: 0, reason: ...}")
        if self.low is None and self.high is None:
            return
        if self.low is None or self.high is None:
            raise InputError("a range takes both low and high, or none of them")
        if not 0 <= self.low <= self.value <= self.high:
            wrong = f"low {self.low:g}, value {self.value:g}, high {self.high:g}"
            raise InputError(f"{wrong}: accepted is 0 <= low <= value <= high")
        if self.value == 0 and self.high > 0:
            raise InputError("a value of 0 takes no range: it stands for what is booked elsewhere or not at all")

    @property
    def range(self) -> tuple[float, float] | None:
        """Low and high as factors of the value; None where there is no range, or nothing in it."""
        if self.low is None or self.high is None or self.low == self.high:
            return None
        return self.low / self.value, self.high / self.value

    def times(self, factor: float, why: str) -> Entry:
        """The number and its range times `factor`; the source says `why`. A zero stays as it is.

        It then counts as computed, unless what it is computed from is weaker than that.
        """
        if not self.value:
            return self
        return replace(
            self,
            value=self.value * factor,
            source=f"{self.source}; {why}",
            confidence=self.confidence if self.confidence in _WEAK else "computed",
            reason=self.reason or (None if self.value * factor else why),
            low=None if self.low is None else self.low * factor,
            high=None if self.high is None else self.high * factor,
        )


@dataclass(frozen=True)
class SramPoint(Specification):
    """Energy per bit read or written, pJ, of an SRAM of `kib` KiB."""

    kib: Annotated[float, Gt(0)]
    pj_per_bit: Entry


@dataclass(frozen=True)
class EnergyTable(Specification):
    """What actions cost. Units stand in the names: pJ per action or bit, W per accelerator or channel.

    A table whose `unit` is "MAC" holds no joules: where a name says pJ its numbers count multiply-accumulates.
    `dram_pj_per_bit` is for streaming accesses. `dram_background_w` is per channel; a table whose DRAM number contains
    it gives zero and says so. `leakage_w` is the static power of one accelerator, paid until the whole run ends.
    """

    name: str
    description: str
    node_nm: float | None
    mac_pj: Entry
    register_file_pj_per_bit: Entry
    pe_to_pe_pj_per_bit: Entry
    sram: Annotated[tuple[SramPoint, ...], MinLen(1)]
    accumulator_pj_per_bit: Entry
    dram_pj_per_bit: Entry
    dram_background_w: Entry
    link_pj_per_bit: Entry
    router_pj_per_bit: Entry
    vector_pj_per_op: Entry
    leakage_w: Entry
    unit: Literal["pJ", "MAC"] = "pJ"

    def __hash__(self) -> int:
        """Of few fields: systems are looked up by the thousand, and tables rarely differ in others alone."""
        return hash((self.name, self.mac_pj.value, self.dram_pj_per_bit.value))

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """The numbers by the name of their field; every point of the SRAM curve is called "sram"."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Entry):
                yield field.name, value
        for point in self.sram:
            yield "sram", point.pj_per_bit

    def changed(self, change: Callable[[str, Entry], Entry]) -> EnergyTable:
        """A copy with `change(name, entry)` in place of each entry, named as `entries` names it."""
        singles: dict[str, Any] = {name: change(name, entry) for name, entry in self.entries() if name != "sram"}
        points = tuple(replace(point, pj_per_bit=change("sram", point.pj_per_bit)) for point in self.sram)
        return replace(self, sram=points, **singles)

    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Where sources disagree: the entry's name -> its low and its high as factors of its value (low <= 1 <= high).

        The SRAM curve rises and falls as a whole, by the widest range of its points, under "sram". What is drawn within
        these ranges goes to `drawn`.
        """
        found: dict[str, tuple[float, float]] = {}
        for name, entry in self.entries():
            if entry.range:
                low, high = found.get(name, (1.0, 1.0))
                found[name] = min(low, entry.range[0]), max(high, entry.range[1])
        return found

    def drawn(self, factors: Mapping[str, float]) -> EnergyTable:
        """A copy with entries multiplied by `factors`, name -> factor, "sram" for every point of the curve.

        Those drawn are numbers without a range; zeros stay zeros, with their reasons. Raises InputError for a name that
        is no entry and for a factor that is not a finite number of at least 0.
        """
        known = dict.fromkeys(name for name, _ in self.entries())
        for name, factor in factors.items():
            if name not in known:
                raise InputError(f"energy table {self.name}: no entry {name!r} to draw; accepted: {', '.join(known)}")
            if not (isfinite(factor) and factor >= 0):
                raise InputError(f"energy table {self.name}: {name}: factor {factor} must be finite and at least 0")

        def draw(name: str, entry: Entry) -> Entry:
            if name not in factors:
                return entry
            return replace(entry.times(factors[name], f"x {factors[name]:g}, drawn"), low=None, high=None)

        return self.changed(draw)

    def sram_pj_per_bit(self, kib: float) -> float:
        """Energy per bit of an SRAM of `kib` KiB, from the curve."""
        if kib not in self._sram_known:
            self._sram_known[kib] = self._on_sram_curve(kib)
        return self._sram_known[kib]

    @cached_property
    def _sram_known(self) -> dict[float, float]:
        """The capacities asked for so far: a system has few, and each stage of each run asks."""
        return {}

    def _on_sram_curve(self, kib: float) -> float:
        points = sorted((point.kib, point.pj_per_bit.value) for point in self.sram)
        if kib <= points[0][0] or len(points) == 1:
            return points[0][1]
        for (low, below), (high, above) in pairwise(points):
            if kib <= high:
                share = (log(kib) - log(low)) / (log(high) - log(low))
                if not below or not above:  # a point declared zero has no logarithm
                    return below + share * (above - below)
                return exp(log(below) + share * (log(above) - log(below)))
        return points[-1][1]

    def zeros(self) -> tuple[str, ...]:
        """The entries that are zero, with their reasons."""
        return self._zeros

    @cached_property
    def _zeros(self) -> tuple[str, ...]:
        entries = [(name, entry) for name, entry in self.entries() if name != "sram"]
        entries += [(f"sram at {point.kib:g} KiB", point.pj_per_bit) for point in self.sram]
        return tuple(f"{name} = 0: {entry.reason}" for name, entry in entries if not entry.value)
