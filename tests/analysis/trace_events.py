"""What the trace event format asks of a file, as far as timelines use it: written from its description."""

from __future__ import annotations

from collections import defaultdict
from math import isfinite
from typing import Any

Event = dict[str, Any]


def problems(trace: Any) -> list[str]:
    """What is wrong with a trace; nothing if readers understand it."""
    found = []
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        return ["the object form has a list of traceEvents"]
    if trace.get("displayTimeUnit") not in ("ms", "ns"):
        found.append("displayTimeUnit is ms or ns")
    for event in trace["traceEvents"]:
        found += [f"{problem}: {event}" for problem in _event_problems(event)]
    return found or [*_naming_problems(trace["traceEvents"]), *_nesting_problems(trace["traceEvents"])]


def _event_problems(event: Event) -> list[str]:
    found = []
    kind = event.get("ph")
    if kind not in ("X", "C", "M"):
        return [f"unknown phase {kind!r}"]
    if not isinstance(event.get("name"), str) or not event["name"]:
        found.append("no name")
    if not _is_number(event.get("pid"), whole=True) or event["pid"] <= 0:
        found.append("pid is a whole number; 0 is the idle process")
    if kind != "C" and not _is_number(event.get("tid"), whole=True):
        found.append("no tid")
    args = event.get("args")
    if not isinstance(args, dict):
        found.append("args are an object")
    elif kind == "C" and (not args or not all(map(_is_number, args.values()))):
        found.append("a counter has a number for each series")
    if kind in "XC" and (not _is_number(event.get("ts")) or event["ts"] < 0):
        found.append("no ts")
    if kind == "X" and (not _is_number(event.get("dur")) or event["dur"] < 0):
        found.append("no dur")
    return found


def _is_number(value: Any, whole: bool = False) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and isfinite(value)


def _naming_problems(events: list[Event]) -> list[str]:
    """Processes and threads have a name and a place before anything happens in them; counters keep their series."""
    found, told, series = [], defaultdict(dict), {}
    times: dict[tuple[int, str], float] = defaultdict(lambda: -1.0)
    for event in events:
        process, thread = (event["pid"],), (event["pid"], event.get("tid"))
        if event["ph"] == "M":
            of, key = event["name"].split("_", 1)
            if event["name"] not in ("process_name", "process_sort_index", "thread_name", "thread_sort_index"):
                found.append(f"unknown metadata {event['name']}")
                continue
            value = event["args"].get("name" if key == "name" else "sort_index")
            if not isinstance(value, str if key == "name" else int):
                found.append(f"{event['name']} needs a value")
            where = told[process if of == "process" else thread]
            if key in where:
                found.append(f"{event['name']} twice")
            where[key] = value
        if event["ph"] == "X":
            found += [f"{of} without a name" for of in (process, thread) if "name" not in told[of]]
        if event["ph"] == "C":
            counter = event["pid"], event["name"]
            found += [] if "name" in told[process] else [f"{process} without a name"]
            if series.setdefault(counter, set(event["args"])) != set(event["args"]):
                found.append(f"{counter} changes its series")
            if event["ts"] <= times[counter]:
                found.append(f"{counter} goes back in time")
            times[counter] = event["ts"]
    for length in (1, 2):
        names = [(of[: length - 1], where.get("name")) for of, where in told.items() if len(of) == length]
        found += ["two of one name"] if len(names) != len(set(names)) else []
    return found


def _nesting_problems(events: list[Event]) -> list[str]:
    """Slices of a thread are in order and do not overlap, for readers that cut to nanoseconds in one way or another."""
    found = []
    for cut in (float_nanoseconds, text_nanoseconds):
        ends: dict[tuple[int, int], int] = defaultdict(int)
        for event in events:
            if event["ph"] == "X":
                thread = event["pid"], event["tid"]
                begin = cut(event["ts"])
                if begin < ends[thread]:
                    found.append(f"overlaps by {cut.__name__}: {event}")
                ends[thread] = begin + cut(event["dur"])
    return found


def float_nanoseconds(microseconds: float) -> int:
    """As a reader does that multiplies."""
    return int(microseconds * 1000)


def text_nanoseconds(microseconds: float) -> int:
    """As a reader does that moves the point in the text."""
    whole, _, fraction = format(microseconds, ".12f").partition(".")
    return int(whole + fraction[:3])
