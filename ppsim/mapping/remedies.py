"""The smallest change of a system that lets a network run on it: found by trying, so that it holds to the last unit.

With a larger scratchpad more activations stay on chip, and there may be no more room for tiles than before. So what
helps is not computed from what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from ppsim.errors import InputError
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec
from ppsim.hardware.system import System

#: the largest change that is looked for: KiB more, or rows of an accumulator
_MOST = 1 << 40
#: what a system has itself, or a group of it
_Place = int | None


def remedy(system: System, run: Callable[[System], object]) -> str:
    """What to change of a system that `run` raises InputError for, "" if nothing that is known of helps.

    One unit less than what it says is not enough.
    """

    def runs(change: Callable[[int], System], value: int) -> bool:
        try:
            run(change(value))
        except InputError:
            return False
        return True

    buffers = list(_places(system, "buffer"))
    kib = [_path(system, place, "buffer.kib") for place in buffers]
    found = []
    for place, path in zip(buffers, kib, strict=True):
        if more := _smallest(0, partial(runs, partial(_larger, system, (place,)))):
            found.append(f"make {path} larger by {more}")
    if not found and (more := _smallest(0, partial(runs, partial(_larger, system, tuple(buffers))))):
        found.append(f"make {' and '.join(kib)} larger by {more}")
    for place in _places(system, "array"):
        depth = _array(system, place).accumulator_depth
        if depth and (deeper := _smallest(depth, partial(runs, partial(_deeper, system, place)))):
            found.append(f"set {_path(system, place, 'array.accumulator_depth')} to at least {deeper}")
    if not found:
        found += _for_what_has_to_stay(system, buffers, runs)
    return " or ".join(found)


def _for_what_has_to_stay(
    system: System, buffers: list[_Place], runs: Callable[[Callable[[int], System], int], bool]
) -> Iterator[str]:
    """More of the scratchpads for activations, or half of them and larger ones."""
    for place in buffers:
        path, change = _path(system, place, "buffer.activation_fraction"), partial(_for_activations, system, (place,))
        now = int(100 * _buffer(system, place).activation_fraction)
        percent = next((percent for percent in range(now + 1, 101) if runs(change, percent)), None)
        if percent:
            yield f"set {path} to at least {percent / 100:g}"
            return
    half = _for_activations(system, tuple(buffers), 50)
    if more := _smallest(0, partial(runs, partial(_larger, half, tuple(buffers)))):
        fractions, kib = (
            " and ".join(_path(system, place, f"buffer.{name}") for place in buffers)
            for name in ("activation_fraction", "kib")
        )
        yield f"set {fractions} to 0.5 and make {kib} larger by {more}"


def _smallest(too_small: int, enough: Callable[[int], bool]) -> int | None:
    """A value that is enough where one less is not; None if the largest is not."""
    if not enough(_MOST):
        return None
    step = 1
    while too_small + step < _MOST and not enough(too_small + step):
        too_small += step
        step *= 2
    large = min(_MOST, too_small + step)
    while large - too_small > 1:
        middle = (large + too_small) // 2
        if enough(middle):
            large = middle
        else:
            too_small = middle
    return large


def _places(system: System, part: str) -> Iterator[_Place]:
    """Where a part of accelerators is set: for all that have none of their own, and in each group that has one."""
    own = [getattr(group, part) is not None for group in system.groups]
    if not all(own) or not own:
        yield None
    yield from (number for number, is_own in enumerate(own) if is_own)


def _path(system: System, place: _Place, path: str) -> str:
    return path if place is None else f"groups.{system.groups[place].name}.{path}"


def _buffer(system: System, place: _Place) -> BufferSpec:
    return (None if place is None else system.groups[place].buffer) or system.buffer


def _array(system: System, place: _Place) -> ArraySpec:
    return (None if place is None else system.groups[place].array) or system.array


def _with(system: System, place: _Place, part: BufferSpec | ArraySpec) -> System:
    """The system with another scratchpad or other arrays there."""
    changed = {"buffer" if isinstance(part, BufferSpec) else "array": part}
    if place is None:
        return replace(system, **changed)  # type: ignore[arg-type]
    groups = list(system.groups)
    groups[place] = replace(groups[place], **changed)  # type: ignore[arg-type]
    return replace(system, groups=tuple(groups))


def _larger(system: System, places: tuple[_Place, ...], more: int) -> System:
    for place in places:
        buffer = _buffer(system, place)
        system = _with(system, place, replace(buffer, kib=buffer.kib + more))
    return system


def _deeper(system: System, place: _Place, depth: int) -> System:
    return _with(system, place, replace(_array(system, place), accumulator_depth=depth))


def _for_activations(system: System, places: tuple[_Place, ...], percent: int) -> System:
    for place in places:
        system = _with(system, place, replace(_buffer(system, place), activation_fraction=percent / 100))
    return system
