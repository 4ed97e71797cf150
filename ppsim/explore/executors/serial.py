"""Tasks one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ppsim.explore.executors.contract import Handful

T = TypeVar("T")


@dataclass(frozen=True)
class Serial:
    """Runs tasks here, in their order."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> Iterator[Handful[T]]:
        """(number, result) of each task, one at a time."""
        for number, task in enumerate(tasks):
            yield [(number, task())]
