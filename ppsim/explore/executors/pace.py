"""How many tasks to hand to a worker at once: short ones in handfuls, so that handing over costs little.

A handful takes about as long as nobody minds to wait for the first of its results, or to lose when a machine goes down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
#: seconds a handful should take, and the most tasks in one
HANDFUL_S, MOST = 0.2, 64
#: handfuls that each worker has, so that none of them waits
AHEAD = 2


def handful_of(tasks: Sequence[Callable[[], T]]) -> tuple[float, list[T]]:
    """Seconds that tasks took, one after the other, and their results: of as many as fit into a handful's time."""
    started, results = perf_counter(), []
    for task in tasks:
        results.append(task())
        if perf_counter() - started > HANDFUL_S:
            break
    return perf_counter() - started, results


class Pace:
    """Takes tasks off a queue in handfuls, by how long those before took."""

    def __init__(self, waiting: deque[int], workers: int) -> None:
        self.waiting, self.workers = waiting, workers
        self._seconds = HANDFUL_S

    def take(self) -> list[int]:
        """The next handful; smaller ones towards the end, so that workers end together."""
        fair = -(-len(self.waiting) // (AHEAD * self.workers))
        size = max(1, min(MOST, fair, int(HANDFUL_S / self._seconds)))
        return [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]

    def give_back(self, numbers: Sequence[int]) -> None:
        """What was taken and not done comes first again."""
        self.waiting.extendleft(reversed(numbers))

    def took(self, seconds: float, tasks: int) -> None:
        """Learn from a handful that is done."""
        self._seconds = max(1e-6, (self._seconds + seconds / tasks) / 2)
