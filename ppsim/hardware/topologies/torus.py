"""2-D torus: a mesh whose rows and columns are closed to rings."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from ppsim.hardware.topologies.contract import Pattern
from ppsim.hardware.topologies.grid import GridTopology, snake, turned


def shorter_way(start: int, end: int, size: int) -> list[int]:
    """Numbers passed after `start` on the shorter way to `end` round a ring of `size`; upwards when both are equal."""
    ahead = (end - start) % size
    if 2 * ahead <= size:
        return [(start + step) % size for step in range(1, ahead + 1)]
    return [(start - step) % size for step in range(1, size - ahead + 1)]


def beside(at: int, size: int) -> set[int]:
    """The numbers next to `at` on a ring of `size`; of two there is only one."""
    return {(at - 1) % size, (at + 1) % size} - {at}


class Torus(GridTopology):
    """Dimension order, row first, the shorter way round in each; upwards when both are equal."""

    name = "torus"
    exchanges: ClassVar[Mapping[Pattern, str]] = {"all_gather": "ring", "broadcast": "tree", "reduce": "tree"}

    def neighbours(self, at: int, size: int) -> set[int]:
        """Below and above, round the end."""
        return beside(at, size)

    def passed(self, start: int, end: int, size: int) -> Iterable[int]:
        """The shorter way round."""
        return shorter_way(start, end, size)

    def cycle(self, rows: int, cols: int) -> list[tuple[int, int]]:
        """A snake, closed round the end: every step is one link, but for the last with both sides odd, which is two."""
        return turned(snake(cols, rows)) if rows % 2 and cols % 2 == 0 else snake(rows, cols)
