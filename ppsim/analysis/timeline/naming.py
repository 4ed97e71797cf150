"""Pieces of work as slices: what they are called, and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ppsim.analysis.timeline.folding import Ints
from ppsim.analysis.timeline.values import Slice
from ppsim.engine.trace import ARRAY, EXCHANGE_READS, EXCHANGE_WRITES, MESSAGE, SUMS, VECTOR, WORKS, Work
from ppsim.mapping.program import FIRST, LAST, MIDDLE, Message, Nest, Program, Tile, kind_of

#: layers that the name of a slice lists
LISTED = 3
#: work of which many pieces are called otherwise than one
PLURALS = {ARRAY: "tiles", VECTOR: "tiles", MESSAGE: "messages"}


class Piece(NamedTuple):
    """A row of `WORK`."""

    start: int
    end: int
    what: int
    accelerator: int
    stage: int
    nest: int
    tile: int
    message: int
    hop: int
    bytes: int


class Names:
    """What the Program knows about pieces of work."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._tiles: dict[Nest, Mapping[int, Tile]] = {}

    def nest(self, accelerator: int, stage: int, number: int) -> Nest:
        """A nest by its number in an accelerator's share of a stage."""
        return self.program.stages[stage].work[accelerator][number]

    def tiles(self, nest: Nest) -> Mapping[int, Tile]:
        """A nest's tiles by kind."""
        if nest not in self._tiles:
            self._tiles[nest] = {kind_of(states): tile for states, tile in nest.tiles.items()}
        return self._tiles[nest]

    def message(self, piece: Piece) -> Message:
        """The message a piece of work is for."""
        return self.program.stages[piece.stage].messages[piece.message]

    def single(self, piece: Piece, cycles: int, kind: int, shared: bool) -> Slice:
        """A slice of one piece. `cycles` are those of arrays or vector unit, `kind` is that of its tile.

        Where a channel is `shared`, the name says for which accelerator a transfer was.
        """
        if piece.what in (ARRAY, VECTOR):
            name, args = self._tile(piece, cycles, kind)
        elif piece.what == SUMS:
            message = self.message(piece)
            name, args = f"sums from accelerator {message.source}", {"sums": message.sums, "cycles": cycles}
        elif piece.what == MESSAGE:
            message = self.message(piece)
            name = f"from {message.source} to {message.destination}"
            args = {"bytes": piece.bytes, "hop": piece.hop + 1, "of_hops": len(message.route)}
        else:
            name = self._transfer(piece) + (f" of accelerator {piece.accelerator}" if shared else "")
            args = {"accelerator": piece.accelerator, "bytes": piece.bytes}
        layer = self.program.stages[piece.stage].name
        lasts = piece.end - piece.start
        args = {"layer": layer, **args}
        return Slice(f"{layer} {name}", (WORKS[piece.what],), piece.start, piece.end, lasts, 1, args)

    def _tile(self, piece: Piece, cycles: int, kind: int) -> tuple[str, dict[str, Any]]:
        """A tile is called by its number, and by the turns of the loops it is in, outermost first."""
        nest = self.nest(piece.accelerator, piece.stage, piece.nest)
        tile, number, turns = self.tiles(nest)[kind], piece.tile, []
        for count in reversed(nest.counts):
            number, turn = divmod(number, count)
            turns += [str(turn)] if count > 1 else []
        args: dict[str, Any] = {"cycles": cycles}
        if piece.what == ARRAY:
            moved = (("weight", tile.weight_bytes), ("input", tile.input_bytes), ("output", tile.output_bytes))
            args |= {f"{of}_bytes": size for of, size in moved if size}
            args |= {"product_macs": nest.activity.macs, "product_tiles": nest.length}
        return f"tile {piece.tile}" + (f" ({','.join(reversed(turns))})" if turns else ""), args

    def _transfer(self, piece: Piece) -> str:
        if piece.what == EXCHANGE_READS:
            return "read back to send"
        if piece.what != EXCHANGE_WRITES:
            return f"{WORKS[piece.what]} of tile {piece.tile}"
        message = self.message(piece)
        here = message.source == message.destination
        return "sum stored" if here else f"received from accelerator {message.source}"

    def several(self, pieces: Work, cycles: Ints, period: int, repeats: int) -> Slice:
        """A slice of several pieces; they repeat every `period` fs so many times, or 0 times if they do not."""
        start, end = int(pieces["start"][0]), int(pieces["end"][-1])
        busy = int((pieces["end"] - pieces["start"]).sum())
        layers = [self.program.stages[stage].name for stage in _in_order(pieces["stage"])]
        work = _in_order(pieces["what"])
        args: dict[str, Any] = {"layers": layers, "count": len(pieces)}
        if repeats:
            args |= {"period_fs": period, "repeats": repeats}
        args |= {"busy_fs": busy, "busy": round(busy / (end - start), 6)}
        if set(work) & {ARRAY, VECTOR, SUMS}:
            args["cycles"] = int(cycles.sum())
        else:
            args["bytes"] = int(pieces["bytes"].sum())
            if len(work) > 1:
                args |= {f"bytes_of_{WORKS[w]}": int(pieces["bytes"][pieces["what"] == w].sum()) for w in work}
            args["accelerators"] = sorted(_in_order(pieces["accelerator"]))
        if len(layers) == len(work) == 1 and pieces["tile"][0] >= 0:
            args |= {"first_tile": int(pieces["tile"][0]), "last_tile": int(pieces["tile"][-1])}
        listed = ", ".join(layers[:LISTED]) + (", ..." if len(layers) > LISTED else "")
        plural = ", ".join(PLURALS.get(w, WORKS[w]) for w in work)
        name = f"{listed}: {plural} x {len(pieces)}, {args['busy']:.0%} busy"
        return Slice(name, tuple(WORKS[w] for w in work), start, end, busy, len(pieces), args)


def kinds_of(nest: Nest, tiles: Ints) -> Ints:
    """The kind of each tile: the states of the loops there, as digits to base 3."""
    kinds, digit = np.zeros(len(tiles), dtype=np.int64), 1
    for count in reversed(nest.counts):
        tiles, turn = np.divmod(tiles, count)
        kinds += digit * np.where(turn == 0, FIRST, np.where(turn == count - 1, LAST, MIDDLE))
        digit *= 3
    return kinds


def _in_order(numbers: Ints) -> list[int]:
    """Different numbers, in the order in which they first occur."""
    return list(dict.fromkeys(numbers.tolist()))
