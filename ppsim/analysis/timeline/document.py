"""`Timeline`, and its file: the trace event format that ui.perfetto.dev and chrome://tracing open.

Times there are microseconds, floats that hold every femtosecond of runs up to nine seconds: round(ts * 1e9).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, nextafter
from pathlib import Path
from typing import Any

from ppsim.analysis.timeline.values import Counter, Row
from ppsim.storage import write_bytes
from ppsim.units import FS_PER_NS

FS_PER_US = 1000 * FS_PER_NS


@dataclass(frozen=True, eq=False)
class Timeline:
    """A run from 0 to `end_fs`: what each server did when, and what was moved and spent meanwhile.

    `metadata` says of what run it is and what has been left out, in plain values.
    """

    end_fs: int
    rows: tuple[Row, ...]
    counters: tuple[Counter, ...]
    metadata: Mapping[str, Any]

    def to_trace(self) -> dict[str, Any]:
        """A trace as the trace event format describes it: its JSON object form."""
        return {
            "traceEvents": list(self._events()),
            "displayTimeUnit": "ns",
            "otherData": dict(self.metadata),
        }

    def save(self, path: str | Path) -> int:
        """Write the trace to a file, an event a line; returns its bytes. Raises InputError if it cannot be written."""
        trace = self.to_trace()
        events = ",\n".join(map(_line, trace.pop("traceEvents")))
        others = "".join(f",\n{_json(key)}: {_json(value)}" for key, value in trace.items())
        content = f'{{"traceEvents": [\n{events}\n]{others}\n}}\n'.encode()
        write_bytes(Path(path), content)
        return len(content)

    def _events(self) -> Iterator[dict[str, Any]]:
        """Names of groups and rows, then slices and counters. A group is a process, a row a thread of it."""
        groups = list(dict.fromkeys([row.group for row in self.rows] + [counter.group for counter in self.counters]))
        pids = {group: number for number, group in enumerate(groups, start=1)}
        for group, pid in pids.items():
            yield {"ph": "M", "pid": pid, "tid": pid, "name": "process_name", "args": {"name": group}}
            yield {"ph": "M", "pid": pid, "tid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}
        # a thread with the number of a process would be taken for its main thread
        for tid, row in enumerate(self.rows, start=len(groups) + 1):
            place = {"pid": pids[row.group], "tid": tid}
            yield {"ph": "M", **place, "name": "thread_name", "args": {"name": row.name}}
            yield {"ph": "M", **place, "name": "thread_sort_index", "args": {"sort_index": tid}}
            for one in row.slices:
                yield {
                    "ph": "X",
                    **place,
                    "name": one.name,
                    "cat": ",".join(one.work),
                    "ts": microseconds(one.start_fs),
                    "dur": microseconds(one.end_fs - one.start_fs),
                    "args": dict(one.args),
                }
        for counter in self.counters:
            series = counter.series
            name = counter.name if series == (counter.unit,) else f"{counter.name} ({counter.unit})"
            for time, values in zip(counter.times_fs, counter.values, strict=True):
                yield {
                    "ph": "C",
                    "pid": pids[counter.group],
                    "name": name,
                    "ts": microseconds(time),
                    "args": dict(zip(series, values, strict=True)),
                }


def microseconds(time_fs: int) -> float:
    """Femtoseconds in microseconds, never below the nanosecond they are in.

    Readers cut to nanoseconds. One that finds 12.345 us in nanosecond 12344, as floats have it, would see a slice begin
    before the one before it ends.
    """
    time = time_fs / FS_PER_US
    while int(time * 1000) < time_fs // FS_PER_NS:
        time = nextafter(time, inf)
    return time


def _line(event: Mapping[str, Any]) -> str:
    """An event as JSON, with times that a reader who knows no exponents understands."""
    times = {key: repr(event[key]) for key in ("ts", "dur") if key in event}
    plain = (f',"{key}":{text if "e" not in text else f"{event[key]:.9f}"}' for key, text in times.items())
    return _json({key: value for key, value in event.items() if key not in times})[:-1] + "".join(plain) + "}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
