"""2-D mesh: neighbours in a row and in a column are connected."""

from collections.abc import Iterable

from ppsim.hardware.topologies.grid import GridTopology, snake, turned


class Mesh(GridTopology):
    """Dimension order, row first."""

    name = "mesh"

    def neighbours(self, at: int, size: int) -> set[int]:
        """Below and above, inside."""
        return {near for near in (at - 1, at + 1) if 0 <= near < size}

    def passed(self, start: int, end: int, size: int) -> Iterable[int]:
        """Straight on."""
        return range(start + 1, end + 1) if end > start else range(start - 1, end - 1, -1)

    def cycle(self, rows: int, cols: int) -> list[tuple[int, int]]:
        """A snake over all columns but the first, which is the way back: every step is one link.

        That needs an even number of rows or columns. A line goes out over every other place and back over the others
        (two links a step); with both sides odd the last step, from corner to corner, is the only long one.
        """
        if rows == 1 or cols == 1:
            line = [*range(0, rows * cols, 2), *reversed(range(1, rows * cols, 2))]
            return [(at, 0) if cols == 1 else (0, at) for at in line]
        if rows % 2 == 0:
            return [(0, 0), *((row, col + 1) for row, col in snake(rows, cols - 1)),
                    *((row, 0) for row in range(rows - 1, 0, -1))]  # fmt: skip
        return turned(self.cycle(cols, rows)) if cols % 2 == 0 else snake(rows, cols)
