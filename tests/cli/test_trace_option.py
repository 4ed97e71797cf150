"""`ppsim run --trace`: a timeline of the run beside its numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Capture, flowing, numbers, read, refused, succeed

import ppsim
from ppsim.timelines import timeline

ANOTHER = "give another name"


def test_a_timeline_is_written_and_announced(capsys: Capture, network: str, tmp_path: Path) -> None:
    target = tmp_path / "trace.json"
    out = succeed(capsys, "run", network, "-s", "tetris", "-p", "4", "--trace", str(target))
    trace = read(target)
    net = ppsim.partition(ppsim.load_workload(network), 4)
    assert trace == timeline(net, ppsim.load_system("tetris", accelerators=4)).to_trace()
    assert trace["otherData"]["cycles"] == ppsim.simulate(net, ppsim.load_system("tetris", accelerators=4)).cycles
    last = flowing(out.rpartition("\n\n")[2])
    assert last.startswith(f"Timeline: {target}, ")
    assert last.endswith("open it at https://ui.perfetto.dev or chrome://tracing.")


def test_the_numbers_are_the_same_with_and_without(capsys: Capture, network: str, tmp_path: Path) -> None:
    command = ("run", network, "-s", "shared-dram", "-p", "2", "--engine", "auto")
    without, tables = numbers(capsys, *command)
    assert "Timeline" not in tables
    recorded, tables = numbers(capsys, *command, "--trace", str(tmp_path / "trace.json"))
    assert recorded == without
    assert "Timeline" in tables


def test_settings_of_the_system_are_those_of_the_timeline(capsys: Capture, network: str, tmp_path: Path) -> None:
    target = tmp_path / "trace.json"
    options = ("-n", "3", "--set", "dram.sharing=2", "--set", "launch_us=4", "--energy", "normalised")
    succeed(capsys, "run", network, "-s", "tetris", *options, "--trace", str(target))
    trace = read(target)
    names = {event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    assert {"channel 0", "channel 1"} <= names
    assert "channel 2" not in names
    assert min(e["ts"] for e in trace["traceEvents"] if e["ph"] == "X" and e["name"].startswith("fc6 tile")) > 4
    assert any("normalised" in note for note in trace["otherData"]["left_out"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--trace", "nowhere/trace.json"), "nowhere/trace.json: there is no folder nowhere"),
        (("--trace", "."), ".: is a folder; give the name of a file"),
        (("--trace", "-"), "--trace -: a timeline goes to a file; give its name"),
        (("--json", "./a.json", "--trace", "a.json"), "a.json: would be written over, and is written too; " + ANOTHER),
        (("--trace", "two-layers.yaml"), "two-layers.yaml: would be written over, and is read too; " + ANOTHER),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    capsys: Capture,
    network: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    complaint: str,
) -> None:
    """Before anything is simulated: there is no such system."""
    monkeypatch.chdir(tmp_path)
    before = Path(network).read_text()
    assert refused(capsys, "run", network, "-s", "no-system", *options) == complaint
    assert Path(network).read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == [Path(network).name]
