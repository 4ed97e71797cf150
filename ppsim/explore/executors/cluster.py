"""Tasks on a Dask cluster: workers of this machine, or of as many as there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass, field
from logging import CRITICAL
from typing import Any, TypeVar

from ppsim.errors import InputError
from ppsim.explore.executors.contract import Handful, Lost
from ppsim.explore.executors.pace import AHEAD, Pace, handful_of
from ppsim.explore.executors.processes import ignoring_interrupts, processors
from ppsim.explore.fingerprint import fingerprint
from ppsim.extras import needs

T = TypeVar("T")
#: the address that stands for a cluster of this machine's processors
LOCAL = "local"
#: seconds to wait for a scheduler, and for its first worker
PATIENCE_S = 15


@dataclass(frozen=True)
class Dask:
    """Runs tasks on the cluster whose scheduler is at `address`, as in "tcp://host:8786"; "local" starts one here.

    A cluster started here has `workers` processes of one thread. Workers elsewhere need this ppsim, as it is here, and
    the files that a task names, under the same names. Needs the extra `dask`. Raises InputError when there is no
    scheduler or no worker at the address, or when a worker has another ppsim.
    """

    address: str = LOCAL
    workers: int = field(default_factory=processors)

    def run(self, tasks: Sequence[Callable[[], T]]) -> Iterator[Handful[T]]:
        """(number, result) of each task, as they finish."""
        with ExitStack() as stack:
            client = self._client(stack)
            try:
                yield from _shared_out(client, tasks)
            except (OSError, CancelledError) as error:
                raise InputError(f"--dask {self.address}: the connection was lost: {error}") from None

    def _client(self, stack: ExitStack) -> Any:
        with needs("dask", "a cluster"):
            from distributed import Client, LocalCluster
        if self.address == LOCAL:
            with ignoring_interrupts():
                cluster = stack.enter_context(
                    LocalCluster(
                        n_workers=self.workers,
                        threads_per_worker=1,
                        processes=True,
                        dashboard_address=None,  # nobody looks at it
                        # the scheduler serves HTTP all the same, from a port that another cluster may have
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                        silence_logs=CRITICAL,
                    )
                )
            return stack.enter_context(Client(cluster))
        try:
            client = stack.enter_context(Client(self.address, timeout=PATIENCE_S))
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise InputError(f"--dask {self.address}: no scheduler there: {error}") from None
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            raise InputError(f"--dask {self.address}: the scheduler has no worker; start some: dask worker") from None
        _check_same(client, self.address)
        return client


def _check_same(client: Any, address: str) -> None:
    """Every worker has this ppsim: the same numbers come from the same code."""
    here = fingerprint()
    try:
        there = client.run(fingerprint)
    except ModuleNotFoundError:
        raise InputError(f"--dask {address}: a worker has no ppsim; install it there") from None
    for worker, code in there.items():
        if code != here:
            raise InputError(
                f"--dask {address}: worker {worker} has another ppsim than this one; install this one there"
            )


def _shared_out(client: Any, tasks: Sequence[Callable[[], T]]) -> Iterator[Handful[T]]:
    from distributed import KilledWorker, as_completed

    waiting = deque(range(len(tasks)))
    workers = sum(client.nthreads().values())
    pace = Pace(waiting, workers)
    under_way: dict[Any, list[int]] = {}
    finished = as_completed()

    def hand_over(numbers: list[int]) -> None:
        # not pure: Dask would take tasks that look alike for one
        future = client.submit(handful_of, [tasks[number] for number in numbers], pure=False)
        under_way[future] = numbers
        finished.add(future)

    while waiting or under_way:
        while waiting and len(under_way) < AHEAD * workers:
            hand_over(pace.take())
        future = next(finished)
        numbers = under_way.pop(future)
        try:
            seconds, results = future.result()
        except KilledWorker as error:
            if len(numbers) == 1:
                yield [(numbers[0], Lost(f"its workers died: {error}"))]
            else:  # one of them did it: each by itself
                for number in numbers:
                    hand_over([number])
            continue
        pace.took(seconds, len(results))
        pace.give_back(numbers[len(results) :])
        yield list(zip(numbers, results, strict=False))
