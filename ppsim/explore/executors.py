"""Independent tasks on several processes; results come back in the order of the tasks, whatever finishes first."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from ppsim.errors import InputError

T = TypeVar("T")
#: called with the number of tasks done and the number of tasks
Progress = Callable[[int, int], None]


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(tasks: Sequence[Callable[[], T]], jobs: int | None = None, progress: Progress | None = None) -> list[T]:
    """The results of `tasks`, in their order, computed by `jobs` processes (None: one for each processor).

    Tasks must be picklable and must not depend on each other; put long ones first. With one job they run here, one
    after the other; so they do, with a warning, where processes cannot be started. An exception of a task is raised
    here. Raises InputError for a number of jobs below 1.
    """
    jobs = processors() if jobs is None else jobs
    if jobs < 1:
        raise InputError(f"jobs must be at least 1, got {jobs}")
    report = progress or (lambda done, total: None)
    if min(jobs, len(tasks)) > 1:
        try:
            return _in_processes(tasks, min(jobs, len(tasks)), report)
        except _NoProcesses as error:
            warnings.warn(f"no further processes to be had ({error}); running in one", RuntimeWarning, stacklevel=2)
    return _here(tasks, report)


class _NoProcesses(Exception):  # noqa: N818
    """Processes cannot be started, or do not survive."""


def _here(tasks: Sequence[Callable[[], T]], progress: Progress) -> list[T]:
    results = []
    for task in tasks:
        results.append(task())
        progress(len(results), len(tasks))
    return results


def _in_processes(tasks: Sequence[Callable[[], T]], jobs: int, progress: Progress) -> list[T]:
    # spawn: a fork would copy the locks of whatever threads the caller has (progress bars, numpy)
    try:
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_parent)
    except (ImportError, NotImplementedError, OSError) as error:
        raise _NoProcesses(error) from None
    try:
        futures = _submitted(pool, tasks)
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            progress(done, len(tasks))
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise _NoProcesses(error) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, tasks: Sequence[Callable[[], T]]) -> list[Future[T]]:
    try:
        return [pool.submit(task) for task in tasks]
    except OSError as error:
        raise _NoProcesses(error) from None


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
