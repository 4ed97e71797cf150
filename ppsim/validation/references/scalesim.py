"""SCALE-Sim v3: compute cycles and operand reads of layers of AlexNet-like, transformer and vision networks.

It differs from ppsim in two known ways, which are corrected here: it prints the index of the last cycle, one less than
the number of cycles; and its os write counts hold rows + cols idle addresses of the wavefront in each fold, at which
nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ppsim.hardware.array import compute_cycles, operand_traffic
from ppsim.validation.contract import Case, Check
from ppsim.validation.numbers import table

SOURCE = "SCALE-Sim v3 (arXiv 2504.15377), layer by layer; its cycles + 1, its os writes less rows + cols a fold"
SETTING = "one array, no memory stalls: the closed forms of ppsim"


def checks() -> Iterator[Check]:
    """Cycles, operand reads and output writes of every layer."""
    rows = [_Row(row) for row in table("scalesim_v3")]
    quantities: dict[str, tuple[str, Callable[[_Row], tuple[int, int]]]] = {
        "compute cycles": ("cycles", _Row.cycles),
        "input reads": ("elements", _Row.inputs),
        "weight reads": ("elements", _Row.weights),
        "output and partial-sum writes": ("elements", _Row.writes),
    }
    for name, (unit, of) in quantities.items():
        cases = tuple(Case(row.name, *of(row), unit) for row in rows)
        yield Check("scale-sim", name, cases, SOURCE, "simulated", SETTING, max_bound=0)


class _Row:
    """A layer in the table: what SCALE-Sim says, corrected, and what ppsim says, in that order."""

    def __init__(self, row: dict[str, str]) -> None:
        self.row, self.dataflow = row, row["dataflow"]
        self.shape = int(row["M"]), int(row["K"]), int(row["N"]), int(row["rows"]), int(row["cols"])
        self.traffic = operand_traffic(*self.shape, self.dataflow)
        self.name = f"{row['first_layer']} {row['rows']}x{row['cols']} {self.dataflow}"

    def cycles(self) -> tuple[int, int]:
        return int(self.row["total_cycles"]) + 1, int(compute_cycles(*self.shape, self.dataflow))

    def inputs(self) -> tuple[int, int]:
        return int(self.row["sram_ifmap_reads"]), self.traffic.input_reads

    def weights(self) -> tuple[int, int]:
        return int(self.row["sram_filter_reads"]), self.traffic.weight_reads

    def writes(self) -> tuple[int, int]:
        m, _, n, rows, cols = self.shape
        idle = -(-m // rows) * -(-n // cols) * (rows + cols) if self.dataflow == "os" else 0
        return int(self.row["sram_ofmap_writes"]) - idle, self.traffic.sum_writes
