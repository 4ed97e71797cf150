"""Executors: where independent tasks run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ppsim.explore.executors.contract import Executor, Lost, Progress
from ppsim.explore.executors.processes import Processes, processors

__all__ = ["Executor", "Lost", "Processes", "Progress", "processors", "run_all"]

T = TypeVar("T")


def run_all(tasks: Sequence[Callable[[], T]], jobs: int | None = None, progress: Progress | None = None) -> list[T]:
    """The results of `tasks`, in their order, computed by `jobs` processes (None: one for each processor).

    Tasks must be picklable and must not depend on each other; put long ones first. Raises InputError for a number of
    jobs below 1, and RuntimeError when a task's process dies each time it is tried.
    """
    found: dict[int, T] = {}
    for handful in (Processes() if jobs is None else Processes(jobs)).run(tasks):
        for number, result in handful:
            if isinstance(result, Lost):
                raise RuntimeError(f"task {number}: {result.reason}")
            found[number] = result
            if progress:
                progress(len(found), len(tasks))
    return [found[number] for number in range(len(tasks))]
