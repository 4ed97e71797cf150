"""`timeline`: place, record, account, and who was busy when."""

from __future__ import annotations

from ppsim.analysis.account import account
from ppsim.analysis.timeline.build import SAMPLES, SLICES, timeline_of
from ppsim.analysis.timeline.document import Timeline
from ppsim.engine.recording import record
from ppsim.hardware.system import System
from ppsim.mapping.place import place
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph


def timeline(
    net: LayerGraph | PartitionedGraph, system: System, slices: int = SLICES, samples: int = SAMPLES
) -> Timeline:
    """The timeline of a network, pruned or not, on a system: a run of the reference engine, tile by tile.

    `slices` and `samples` of counters are about as many as it may have altogether; its sums are exact whatever they
    are. `save` writes it for ui.perfetto.dev. Raises InputError when the network cannot run on the system.
    """
    recording = record(place(net, system))
    return timeline_of(recording, account(net, recording.trace, "reference"), slices, samples)
