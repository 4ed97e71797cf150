"""What an executor is: something that runs independent tasks, here or elsewhere.

A new one is a file beside this one and a way to ask for it (`ppsim sweep`'s options, or `ppsim.sweep(executor=...)`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")
#: called with the number of tasks done and the number of tasks
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Lost:
    """Stands for the result of a task whose process died each time it was tried; `reason` says how."""

    reason: str


#: (number of a task, its result)
Handful = Sequence[tuple[int, T | Lost]]


class Executor(Protocol):
    """Runs tasks. What they give does not depend on which executor runs them, nor on how many processes it has."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> Iterator[Handful[T]]:
        """(number, result) of each task once, as they finish, in the handfuls they come in.

        Tasks are picklable and do not depend on each other. One is taken out of the sequence when its turn comes, not
        before, so that a sequence may decide late, by the results so far, which task it has there. An exception of a
        task is raised here, and ends the run; a process that dies does not. Closing the iterator ends what is under way
        and leaves no process behind. Raises InputError when there is nothing to run tasks on.
        """
        ...
