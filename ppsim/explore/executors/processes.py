"""Tasks on several processes of this machine."""

from __future__ import annotations

import gc
import os
import signal
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

from ppsim.errors import InputError
from ppsim.explore.executors.contract import Handful, Lost
from ppsim.explore.executors.pace import AHEAD, Pace, handful_of

T = TypeVar("T")
#: how often a task is tried whose process dies
TRIES = 2


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Processes:
    """Runs tasks on `jobs` processes, as many as there are processors by default; put long tasks first.

    With one job they run here, one after the other; so they do, with a warning, where processes cannot be started, as
    in a script that calls for them outside `if __name__ == "__main__":`. When a process dies, tasks that it may have
    died of are tried again, one at a time. Raises InputError for a number of jobs below 1.
    """

    jobs: int = field(default_factory=processors)

    def __post_init__(self) -> None:
        """Reject a number of jobs below 1."""
        if self.jobs < 1:
            raise InputError(f"jobs must be at least 1, got {self.jobs}")

    def run(self, tasks: Sequence[Callable[[], T]]) -> Iterator[Handful[T]]:
        """(number, result) of each task, as they finish."""
        waiting, suspects = deque(range(len(tasks))), deque[int]()
        jobs = min(self.jobs, len(tasks))
        try:
            while jobs > 1 and waiting:
                yield from _shared_out(tasks, waiting, suspects, jobs)
                yield from _one_by_one(tasks, suspects)
        except _NoProcesses as error:
            warnings.warn(f"no further processes to be had ({error}); running in one", RuntimeWarning, stacklevel=2)
        if suspects:  # not here, where they would take everything with them
            yield [(number, Lost("its process died, and there is no other one to try it in")) for number in suspects]
        for number in waiting:
            yield [(number, tasks[number]())]


class _NoProcesses(Exception):  # noqa: N818
    """Processes cannot be started."""


def _shared_out(
    tasks: Sequence[Callable[[], T]], waiting: deque[int], suspects: deque[int], jobs: int
) -> Iterator[Handful[T]]:
    """Results of the tasks that wait. Ends early when a process dies: tasks under way then are `suspects`."""
    pace = Pace(waiting, jobs)
    under_way: dict[Future[tuple[float, list[T]]], list[int]] = {}
    with _pool(jobs) as pool:
        try:
            while waiting or under_way:
                while waiting and len(under_way) < AHEAD * jobs:
                    numbers = pace.take()
                    try:
                        under_way[_submit(pool, handful_of, [tasks[number] for number in numbers])] = numbers
                    except BrokenProcessPool:
                        pace.give_back(numbers)
                        raise
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    seconds, results = future.result()
                    numbers = under_way.pop(future)
                    pace.took(seconds, len(results))
                    pace.give_back(numbers[len(results) :])
                    yield list(zip(numbers, results, strict=False))
        except BrokenProcessPool:
            for future, numbers in under_way.items():
                done = []
                if future.done() and not future.cancelled() and future.exception() is None:
                    done = future.result()[1]
                    yield list(zip(numbers, done, strict=False))
                suspects.extend(numbers[len(done) :])


def _one_by_one(tasks: Sequence[Callable[[], T]], suspects: deque[int]) -> Iterator[Handful[T]]:
    """Results of tasks under suspicion: a process at a time, so that it is known which task it died of."""
    deaths: Counter[int] = Counter()
    while suspects:
        with _pool(1) as pool:
            try:
                while suspects:
                    number = suspects[0]
                    result = _submit(pool, tasks[number]).result()
                    suspects.popleft()
                    yield [(number, result)]
            except BrokenProcessPool:
                deaths[number] += 1
                if deaths[number] == TRIES:
                    suspects.popleft()
                    yield [(number, Lost(f"its process died, {TRIES} times; not enough memory?"))]


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool that works. Left early, by an exception or by whoever no longer wants results, its processes are ended."""
    try:
        # spawn: a fork would copy the locks of whatever threads the caller has (progress bars, numpy)
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_serve_the_parent)
    except (ImportError, NotImplementedError, OSError) as error:
        raise _NoProcesses(error) from None
    try:
        try:
            _submit(pool, _nothing).result()
        except (BrokenProcessPool, OSError) as error:
            raise _NoProcesses(error) from None
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):  # terminate_workers() of Python 3.14
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, call: Callable[..., T], *arguments: Any) -> Future[T]:
    """Hand a call over, for which the pool may start a process that leaves interrupts to this one."""
    with ignoring_interrupts():
        return pool.submit(call, *arguments)


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Processes that are started inside do not hear Ctrl-C, which a terminal sends to all there are."""
    if current_thread() is not main_thread():
        yield
        return
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _nothing() -> None:
    """What a process does first."""


def _serve_the_parent() -> None:
    """End with the parent: for work of a killed one, a process would wait for ever."""
    gc.set_threshold(50_000)  # simulations make many small objects and little garbage: a tenth of the time otherwise
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
