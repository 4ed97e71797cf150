"""The rows of a timeline: one for each server, with runs of equal pieces of work as one slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppsim.analysis.timeline.folding import Folds, Ints, Pieces, fair_share
from ppsim.analysis.timeline.naming import Names, Piece, kinds_of
from ppsim.analysis.timeline.values import Row
from ppsim.engine.trace import ARRAY, SUMS, Recording, Work
from ppsim.hardware.interconnect import Link
from ppsim.mapping.program import Program

#: equal tiles that become one slice, however much room there is
FEWEST_EQUAL = 16
DRAM, LINKS = "DRAM", "links"


def accelerator_name(accelerator: int) -> str:
    """What an accelerator's group of rows is called."""
    return f"accelerator {accelerator}"


def channel_name(channel: int) -> str:
    """What a DRAM channel is called."""
    return f"channel {channel}"


def link_name(link: Link) -> str:
    """What a link is called: its ends, or the medium that all share."""
    return str(link[0]) if link[0] == link[1] else f"{link[0]} to {link[1]}"


@dataclass(frozen=True, eq=False)
class _Server:
    """A row to be: what its server did, cycles and kinds of tiles of each piece, and what tells pieces apart."""

    group: str
    name: str
    work: Work
    cycles: Ints
    kinds: Ints
    shared: bool = False

    def pieces(self) -> Pieces:
        """Its work to fold; equal is what is named and lasts the same, whichever tile it is."""
        work = self.work
        # a tile goes by its kind, a message by its bytes and where it comes from
        apart = [work["end"] - work["start"], self.kinds, *(work[name] for name in _EQUAL)]
        _, token = np.unique(np.stack(apart), axis=1, return_inverse=True)
        return Pieces(work["start"], work["end"], token.reshape(-1).astype(np.int64), work["stage"])


_EQUAL = ("what", "accelerator", "stage", "nest", "hop", "bytes")


def rows_of(recording: Recording, most: int) -> list[Row]:
    """The rows of accelerators, channels and links, with about `most` slices altogether; at least one each.

    An accelerator has a row for its arrays, and one for its vector unit if that does anything.
    """
    names = Names(recording.trace.program)
    servers = _servers(recording, names)
    folds = [Folds.of(server.pieces()).repeated(1, FEWEST_EQUAL) for server in servers]
    limit = fair_share([len(fold) for fold in folds], most)
    return [_row(server, fold.within(limit), names) for server, fold in zip(servers, folds, strict=True)]


def _row(server: _Server, folds: Folds, names: Names) -> Row:
    work, slices = server.work, []
    cycles, kinds = server.cycles.tolist(), server.kinds.tolist()
    bounds = zip(
        folds.first.tolist(), folds.beyond.tolist(), folds.period.tolist(), folds.repeats.tolist(), strict=True
    )
    for first, beyond, period, repeats in bounds:
        if beyond - first == 1:
            slices.append(names.single(Piece(*work[first].item()), cycles[first], kinds[first], server.shared))
        else:
            within = slice(first, beyond)
            slices.append(names.several(work[within], server.cycles[within], period, repeats))
    return Row(server.group, server.name, tuple(slices))


def _servers(recording: Recording, names: Names) -> list[_Server]:
    program = recording.trace.program
    servers = []
    for a, (arrays, vector_unit) in enumerate(zip(recording.arrays, recording.vector_units, strict=True)):
        for name, work in (("arrays", arrays), ("vector unit", vector_unit)):
            if name == "arrays" or len(work):
                servers.append(_Server(accelerator_name(a), name, work, *_tiles(work, a, names)))
    shared = program.system.dram_shared
    for number, quanta in enumerate(recording.channels):
        work = requests(quanta)
        servers.append(_Server(DRAM, channel_name(number), work, _none(work), _none(work), shared))
    for link, work in zip(program.links, recording.links, strict=True):
        # equal messages have the same destination
        servers.append(_Server(LINKS, link_name(link), work, _none(work), _destinations(work, program)))
    return servers


def _none(work: Work) -> Ints:
    return np.zeros(len(work), dtype=np.int64)


def _destinations(work: Work, program: Program) -> Ints:
    pairs = zip(work["stage"].tolist(), work["message"].tolist(), strict=True)
    return np.array([program.stages[s].messages[m].destination for s, m in pairs], dtype=np.int64)


def _tiles(work: Work, accelerator: int, names: Names) -> tuple[Ints, Ints]:
    """Cycles and kinds of what arrays or a vector unit did."""
    cycles, kinds = _none(work), _none(work)
    program = names.program
    unit = program.system.accelerator(accelerator).vector
    for (what, stage, number), here in groups_of(work):
        if what == SUMS:
            messages = program.stages[stage].messages
            kinds[here] = [messages[m].source for m in work["message"][here].tolist()]
            cycles[here] = [unit.cycles(messages[m].sums) for m in work["message"][here].tolist()]
            continue
        nest = names.nest(accelerator, stage, number)
        kinds[here] = kinds_of(nest, work["tile"][here])
        taken = np.zeros(3 ** len(nest.counts), dtype=np.int64)
        for kind, tile in names.tiles(nest).items():
            taken[kind] = tile.compute_cycles if what == ARRAY else tile.vector_cycles
        cycles[here] = taken[kinds[here]]
    return cycles, kinds


def groups_of(work: Work) -> Iterator[tuple[tuple[int, int, int], Any]]:
    """(what, stage, nest) of what arrays or a vector unit did, and which pieces are of it."""
    if len(work):
        _, first, group = np.unique(
            np.stack([work["what"], work["stage"], work["nest"]]), axis=1, return_index=True, return_inverse=True
        )
        order = np.argsort(group.reshape(-1), kind="stable")
        for one, here in zip(first, np.split(order, np.cumsum(np.bincount(group.reshape(-1)))[:-1]), strict=True):
            yield (int(work["what"][one]), int(work["stage"][one]), int(work["nest"][one])), here


def requests(quanta: Work) -> Work:
    """Quanta of one request that follow each other without a gap, as one."""
    if not len(quanta):
        return quanta
    follows = quanta["start"][1:] == quanta["end"][:-1]
    for name in ("what", "accelerator", "stage", "nest", "tile", "message"):
        follows &= quanta[name][1:] == quanta[name][:-1]
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    whole = quanta[first].copy()
    whole["end"] = quanta["end"][np.append(first[1:], len(quanta)) - 1]
    whole["bytes"] = np.add.reduceat(quanta["bytes"], first)
    return whole
