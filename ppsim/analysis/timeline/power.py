"""Power over time: the ledger's energy, spread over the work that it is spent on.

Arrays spend what a product's MACs, registers, hops and scratchpad accesses cost, in proportion to the time of its
tiles; the vector unit what its operations cost; channels and links what their bytes do, in the scratchpads at both ends
too. Static power runs throughout. What takes no time, as on ideal links, is spread over the time of its layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ppsim.analysis.ledger import Amounts, amounts, movement
from ppsim.analysis.timeline.bins import Bins, Floats
from ppsim.analysis.timeline.rows import groups_of
from ppsim.analysis.timeline.values import Counter
from ppsim.engine.trace import EXCHANGE_READS, EXCHANGE_WRITES, SUMS, VECTOR, Recording, Work
from ppsim.hardware.energy import COMPONENTS
from ppsim.mapping.program import Activity, Nest
from ppsim.units import FS_PER_S

#: pJ/fs in W
WATTS = 1e3
#: share of a layer's energy that sums of floats may be off by
TOLERANCE = 1e-9


def power(recording: Recording, bins: Bins, layers: Sequence[tuple[int, int]], group: str) -> Iterator[Counter]:
    """Power in W of everything, and by component; `layers` are start and end (fs) of each stage.

    None where the energy table holds no joules.
    """
    if recording.trace.program.system.energy.unit != "pJ":
        return
    watts = _Spending(recording, bins).energy(layers) * WATTS / bins.lengths[:, None]
    yield bins.counter(group, "power", "W", ("W",), watts.sum(axis=1, keepdims=True))
    paid = [number for number in range(len(COMPONENTS)) if watts[:, number].any()]
    if paid:
        series = tuple(COMPONENTS[number] for number in paid)
        yield bins.counter(group, "power by component", "W", series, watts[:, paid])


class _Spending:
    """Energy in pJ, by bin and component, as it is booked."""

    def __init__(self, recording: Recording, bins: Bins) -> None:
        self.recording, self.bins, self.program = recording, bins, recording.trace.program
        self.system = self.program.system
        self.spent = np.zeros((len(bins.lengths), len(COMPONENTS)))
        #: by accelerator and component: a byte written to its scratchpad, or read from it
        self.accesses = [
            self._priced(Amounts(sram_bits={self.system.accelerator(a).buffer.kib: 8}))
            for a in range(self.system.accelerators)
        ]
        #: by stage and component
        self.booked = np.zeros((len(self.program.stages), len(COMPONENTS)))

    def energy(self, layers: Sequence[tuple[int, int]]) -> Floats:
        """Energy of the whole run: bins x components."""
        recording, system = self.recording, self.system
        for a in range(system.accelerators):
            for work in (recording.arrays[a], recording.vector_units[a]):
                self._book(work, self._of_tiles(work, a))
        for work in recording.channels:
            self._book(work, self._of_quanta(work))
        for number, work in enumerate(recording.links):
            self._book(work, self._of_messages(work, number))
        self._book_rest(layers)
        seconds = recording.trace.end_fs / FS_PER_S
        static = Amounts(
            channel_seconds=seconds * system.channels, accelerator_seconds=seconds * system.static_accelerators
        )
        self._throughout(self._priced(static))
        return self.spent

    def _priced(self, paid: Amounts) -> Floats:
        """Energy by component."""
        energy = paid.energy(self.system.energy)
        return np.array([energy[component] for component in COMPONENTS])

    def _book(self, work: Work, energy: Floats) -> None:
        """Energy (pieces x components) of pieces of work."""
        if len(work):
            self.spent += self.bins.spread(work["start"], work["end"], energy)
            np.add.at(self.booked, work["stage"], energy)

    def _throughout(self, energy: Floats) -> None:
        self.spent += np.outer(self.bins.lengths / self.bins.lengths.sum(), energy)

    def _of_tiles(self, work: Work, a: int) -> Floats:
        """What arrays or a vector unit spend: a nest's energy in proportion to the time of its tiles; and on sums."""
        energy = np.zeros((len(work), len(COMPONENTS)))
        lasts = work["end"] - work["start"]
        for (what, stage, number), here in groups_of(work):
            if what == SUMS:
                energy[here] = [self._of_sums(stage, message) for message in work["message"][here].tolist()]
            else:
                share = self._share(self.program.stages[stage].work[a][number], a, what == VECTOR)
                energy[here] = np.outer(lasts[here] / lasts[here].sum(), self._priced(share))
        return energy

    def _share(self, nest: Nest, a: int, vector: bool) -> Amounts:
        """What the vector unit does of a nest, or the arrays do: all if the other one has no part in it."""
        activity = nest.activity
        if nest.compute_cycles and nest.vector_cycles:
            operations = activity.vector_operations
            activity = Activity(vector_operations=operations) if vector else activity._replace(vector_operations=0)
        return Amounts(
            macs=activity.macs,
            register_bits=activity.register_bits,
            pe_hop_bits=activity.pe_hop_bits,
            sram_bits={self.system.accelerator(a).buffer.kib: activity.sram_bits},
            accumulator_bits=activity.accumulator_bits,
            vector_operations=activity.vector_operations,
        )

    def _of_sums(self, stage: int, message: int) -> Floats:
        sums = self.program.stages[stage].messages[message].sums
        width = self.system.accelerator(0).array.accumulator_bits
        return self._priced(Amounts(accumulator_bits=2 * sums * width, vector_operations=sums))

    def _of_quanta(self, work: Work) -> Floats:
        """DRAM; what is exchanged passes the scratchpad on its way, which tiles pay for themselves."""
        a_byte = np.tile(self._priced(Amounts(dram_bits=8)), (len(work), 1))
        exchanged = (work["what"] == EXCHANGE_READS) | (work["what"] == EXCHANGE_WRITES)
        for a in np.unique(work["accelerator"][exchanged]).tolist():
            a_byte[exchanged & (work["accelerator"] == a)] += self.accesses[a]
        return work["bytes"][:, None] * a_byte

    def _of_messages(self, work: Work, number: int) -> Floats:
        """Link and router; the scratchpad at the source on the first link, that at the destination on the last."""
        pj = self.program.link_specs[number].pj_per_bit
        a_byte = np.tile(
            self._priced(Amounts(router_bits=8, link_bits=8 if pj is None else 0, own_link_pj=8 * (pj or 0.0))),
            (len(work), 1),
        )
        pairs = zip(work["stage"].tolist(), work["message"].tolist(), strict=True)
        messages = [self.program.stages[stage].messages[message] for stage, message in pairs]
        for row, (message, hop) in enumerate(zip(messages, work["hop"].tolist(), strict=True)):
            if hop == 0:
                a_byte[row] += self.accesses[message.source]
            if hop == len(message.route) - 1:
                a_byte[row] += self.accesses[message.destination]
        return work["bytes"][:, None] * a_byte

    def _book_rest(self, layers: Sequence[tuple[int, int]]) -> None:
        """What the ledger books for work that took no time."""
        due = np.array(
            [
                self._priced(amounts(stage, movement(stage, self.program), self.program, duration_fs=0))
                for stage in self.program.stages
            ]
        )
        rest = due - self.booked
        rest[np.abs(rest) <= TOLERANCE * due] = 0
        if (rest < 0).any():
            raise RuntimeError("more energy in the timeline than in the ledger: a fault in ppsim, please report")
        start, end = np.array(layers, dtype=np.int64).T
        lasts = end > start
        self.spent += self.bins.spread(start[lasts], end[lasts], rest[lasts])
        self._throughout(rest[~lasts].sum(axis=0))
