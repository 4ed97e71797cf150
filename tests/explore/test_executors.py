"""Executors: the same results wherever tasks run, and nothing lost when a process dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ppsim import Dask, InputError, Processes, Serial
from ppsim.explore.executors import Executor, Lost, cluster


def in_order(executor: Executor, tasks: list[Callable[[], object]]) -> list[object]:
    found = [pair for handful in executor.run(tasks) for pair in handful]
    assert sorted(number for number, _ in found) == list(range(len(tasks)))
    return [result for _, result in sorted(found, key=lambda pair: pair[0])]


def die_unless(marker: Path) -> str:
    """Kill this process the first time it is called; the second time all is well."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "well"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("executor", [Serial(), Processes(1), Processes(2), Processes(5)])
def test_all_tasks_are_done_once(executor: Executor) -> None:
    tasks = [partial(divmod, number, 7) for number in range(300)]
    assert in_order(executor, tasks) == [divmod(number, 7) for number in range(300)]
    assert in_order(executor, []) == []


def test_a_task_whose_process_dies_once_is_tried_again(tmp_path: Path) -> None:
    tasks: list[Callable[[], object]] = [partial(divmod, number, 7) for number in range(40)]
    tasks[11] = partial(die_unless, tmp_path / "died")
    results = in_order(Processes(2), tasks)
    assert results.pop(11) == "well"
    assert results == [divmod(number, 7) for number in range(40) if number != 11]


def test_a_task_whose_process_always_dies_is_lost_and_no_other() -> None:
    tasks: list[Callable[[], object]] = [partial(divmod, number, 7) for number in range(30)]
    tasks[0] = tasks[17] = die
    results = in_order(Processes(2), tasks)
    lost = [number for number, result in enumerate(results) if isinstance(result, Lost)]
    assert lost == [0, 17]
    assert results[17].reason.startswith("its process died")  # type: ignore[attr-defined]
    assert results[1:17] == [divmod(number, 7) for number in range(1, 17)]


def test_an_exception_ends_the_run() -> None:
    tasks = [partial(divmod, 1, number) for number in (3, 2, 1, 0)]
    for executor in (Serial(), Processes(2)):
        with pytest.raises(ZeroDivisionError):
            in_order(executor, tasks)


def test_closing_leaves_no_process_behind_and_waits_for_none() -> None:
    run = iter(Processes(2).run([os.getpid, os.getpid, *[partial(time.sleep, 60)] * 20]))
    worker = next(run)[0][1]
    began = time.monotonic()
    run.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 30
    assert not alive(worker)  # type: ignore[arg-type]


def test_results_do_not_wait_for_long_tasks_behind_them() -> None:
    """Short tasks make large handfuls; when tasks become long, results come one by one all the same."""
    tasks = [*[partial(time.sleep, 0.001)] * 200, *[partial(time.sleep, 0.4)] * 8]
    sizes = [sum(number >= 200 for number, _ in handful) for handful in Processes(2).run(tasks)]
    assert sum(sizes) == 8
    assert max(sizes) == 1


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os\n"
        "from ppsim import Processes\n"
        "if __name__ == '__main__':\n"
        "    run = Processes(2).run([os.getpid] * 4)\n"
        "    print(next(run)[0][1], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    worker = int(found.stdout)
    deadline = time.monotonic() + 20
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def test_jobs_are_counted_from_one() -> None:
    with pytest.raises(InputError, match="jobs must be at least 1, got 0"):
        Processes(0)


def test_a_script_without_a_guard_runs_in_one_process(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import os\nfrom ppsim import Processes\n"
        "print([pair for handful in Processes(2).run([os.getpid] * 3) for pair in handful])\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0
    assert found.stdout.count("(") == 3
    assert "no further processes to be had" in found.stderr


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a Dask scheduler with two workers, each a process of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    finds_this = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=finds_this)]
    assert processes[0].stderr is not None
    address = next(line.split()[-1] for line in processes[0].stderr if "Scheduler at:" in line)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    processes += [subprocess.Popen(worker, stderr=subprocess.DEVNULL, env=finds_this) for _ in range(2)]
    yield address
    for process in processes:
        process.terminate()
        process.wait(30)
    processes[0].stderr.close()


def test_a_cluster_does_all_tasks_once(scheduler: str) -> None:
    tasks = [partial(divmod, number, 7) for number in range(300)]
    assert in_order(Dask(scheduler), tasks) == [divmod(number, 7) for number in range(300)]
    where = {str(process) for process in in_order(Dask(scheduler), [partial(slowly, number) for number in range(8)])}
    assert len(where) == 2


def slowly(number: int) -> int:
    time.sleep(0.25)
    return os.getpid()


def test_tasks_that_look_alike_are_all_done(scheduler: str, tmp_path: Path) -> None:
    tasks = [partial(touched, tmp_path)] * 6
    in_order(Dask(scheduler), list(tasks))
    assert len(list(tmp_path.iterdir())) == 6


def touched(place: Path) -> None:
    (place / os.urandom(8).hex()).touch()


def test_a_cluster_raises_what_a_task_raises(scheduler: str) -> None:
    with pytest.raises(ZeroDivisionError):
        in_order(Dask(scheduler), [partial(divmod, 1, 0)])


def test_no_cluster_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense://", "127.0.0.1"):
        with pytest.raises(InputError, match=f"--dask {address}: no scheduler there"):
            in_order(Dask(address), [partial(divmod, 1, 1)])
