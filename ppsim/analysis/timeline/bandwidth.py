"""How much DRAM channels and links move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ppsim.analysis.timeline.bins import Bins, Floats
from ppsim.analysis.timeline.rows import DRAM, LINKS, channel_name
from ppsim.analysis.timeline.values import Counter
from ppsim.engine.trace import Recording, Work
from ppsim.units import FS_PER_S

#: bytes/fs in GB/s
GB_PER_S = FS_PER_S / 1e9


def bandwidths(recording: Recording, bins: Bins) -> Iterator[Counter]:
    """Bandwidth of each channel; of all links together, where a byte counts on every link, and of what sets out on one.

    Ideal links take no time: what they carry has no bandwidth.
    """
    program = recording.trace.program
    for number, work in enumerate(recording.channels):
        yield bins.counter(DRAM, channel_name(number), "GB/s", ("GB/s",), _rates(bins, work))
    if program.links and not program.system.interconnect.ideal:
        first = [work[work["hop"] == 0] for work in recording.links]
        for name, works in (("all links", recording.links), ("messages, on their first link", first)):
            yield bins.counter(LINKS, name, "GB/s", ("GB/s",), np.sum([_rates(bins, work) for work in works], axis=0))


def _rates(bins: Bins, work: Work) -> Floats:
    moved = bins.spread(work["start"], work["end"], work["bytes"][:, None].astype(np.float64))
    return moved * GB_PER_S / bins.lengths[:, None]
