"""The specification of a sweep: a document, and the design points it stands for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le, MinLen

from ppsim.baselines import NETWORK, PRUNED_LAYERS
from ppsim.documents import dump, is_file, quote, read, validate
from ppsim.errors import InputError
from ppsim.explore.sweep.axes import Axis, axis_of
from ppsim.explore.sweep.constraints import Constraint
from ppsim.explore.sweep.sampling import SAMPLINGS
from ppsim.explore.sweep.sampling.contract import Choices, Sampling
from ppsim.specification import Specification

FORMAT = "ppsim-sweep/1"
#: what a run is made of; every other path is a field of the system, or of the workload's document below "workload."
RUN_FIELDS = ("workload", "system", "scope", "layers", "parts", "keep", "batch", "sequence", "accelerators")
SCOPES = (NETWORK, PRUNED_LAYERS)
#: axes, and constraints
MOST_AXES = 64
#: draws that sampling is given, altogether and for each point it is to find
_DRAWS, _DRAWS_A_POINT = 20_000, 20
#: a point: values by path
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class SweepSpec(Specification):
    """What is swept: `axes` by path, over a workload and a system of which `set` changes other fields by path.

    Fields of a run (workload, system, layers, parts, keep, batch, sequence, accelerators, scope) stand at the top, or
    are axes; None is the same as leaving it out. Without `parts` nothing is cut; without `accelerators` there are as
    many as parts. Scope "network" measures the whole network, "pruned-layers" the layers that are cut by themselves.
    """

    axes: Annotated[Mapping[str, Any], MinLen(1)]
    workload: str | None = None
    system: str | None = None
    scope: Literal["network", "pruned-layers"] | None = None
    layers: str | None = None
    parts: Annotated[int, Gt(0)] | None = None
    keep: Annotated[float, Gt(0), Le(1)] | None = None
    batch: Annotated[int, Gt(0)] | None = None
    sequence: Annotated[int, Gt(0)] | None = None
    accelerators: Annotated[int, Gt(0)] | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    description: str = ""

    def __post_init__(self) -> None:
        """Reject axes that clash, unknown samplings and constraints that are none."""
        for path in self.paths:
            if self.paths.count(path) > 1:
                raise InputError(f"axes: {path} is in two axes")
            if path in self.fixed:
                where = "at the top" if path in RUN_FIELDS else "under set"
                raise InputError(f"axes: {path} is an axis, and {where} too; leave one out")
        for path in self.set:
            if path in RUN_FIELDS:
                raise InputError(f"set: {path} stands at the top of the document, or is an axis")
        for path in ("workload", "system"):
            if path not in self.fixed and path not in self.paths:
                raise InputError(f"{path}: is missing; name one, or make it an axis")
        if self.sampling.method not in SAMPLINGS:
            raise InputError(
                f"sampling.method: {quote(self.sampling.method)} is unknown; accepted: {', '.join(SAMPLINGS)}"
            )
        if self.sampling.method != "grid" and self.sampling.points is None:
            raise InputError(f"sampling.points: {self.sampling.method} sampling needs to know how many")
        if len(self.ordered) > MOST_AXES or len(self.constraints) > MOST_AXES:
            raise InputError(f"axes, constraints: up to {MOST_AXES} of each are accepted")
        for axis in self.ordered:
            for number, path in enumerate(axis.paths):
                if path in RUN_FIELDS:
                    for choice in axis.choices:
                        _check_field(path, choice[number])
        _ = self._bound

    @cached_property
    def ordered(self) -> tuple[Axis, ...]:
        """The axes, in the order of the document."""
        return tuple(axis_of(key, given) for key, given in self.axes.items())

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The paths of all axes."""
        return tuple(path for axis in self.ordered for path in axis.paths)

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """What every point sets, by path."""
        given = {name: getattr(self, name) for name in RUN_FIELDS}
        return {name: value for name, value in given.items() if value is not None} | dict(self.set)

    @cached_property
    def _bound(self) -> tuple[Callable[[Settings], bool], ...]:
        known = tuple(dict.fromkeys((*self.paths, *self.fixed, "scope")))
        return tuple(Constraint(text).bind(known) for text in self.constraints)

    def points(self) -> list[Settings]:
        """The design points, in their order. Raises InputError when there are none, or fewer than are to be sampled."""
        accepted: list[Settings] = []
        seen: set[Choices] = set()
        wanted = self.sampling.points
        drawn = 0
        for choices in SAMPLINGS[self.sampling.method](self.ordered, self.sampling):
            if wanted is not None:
                if drawn == _DRAWS + _DRAWS_A_POINT * wanted:
                    break
                drawn += 1
                if choices in seen:
                    continue
                seen.add(choices)
            point = self._point(choices)
            if all(check(point) for check in self._bound):
                accepted.append(point)
                if len(accepted) == wanted:
                    break
        if wanted and len(accepted) < wanted:
            raise InputError(
                f"sampling: found {len(accepted):,} different points of the {wanted:,} asked for in {drawn:,} draws; "
                "ask for fewer, or loosen the constraints"
            )
        if not accepted:
            raise InputError("constraints: no point of the grid is left")
        return accepted

    def _point(self, choices: Choices) -> Settings:
        values = {"scope": NETWORK} | self.fixed
        for axis, choice in zip(self.ordered, choices, strict=True):
            values.update(zip(axis.paths, choice, strict=True))
        return values

    def to_dict(self) -> dict[str, Any]:
        """The document, defaults included, without its format."""
        document: dict[str, Any] = dump(self)
        return document


def _check_field(path: str, value: Any) -> None:
    """Raise InputError for a value on an axis that could not stand at the top."""
    if value is None and path not in ("workload", "system"):
        return
    usual = {"workload": "any", "system": "any", "axes": {"any": [0]}}
    validate(SweepSpec, {**usual, path: value}, "axes")


def spec_of(source: str | Path | Mapping[str, Any] | SweepSpec) -> SweepSpec:
    """A specification from a file, or from the mapping that a file would hold; raises InputError naming the key."""
    if isinstance(source, SweepSpec):
        return source
    if isinstance(source, Mapping):
        return specified({key: value for key, value in source.items() if key != "format"}, "sweep")
    path = Path(source)
    if not is_file(path):
        what = "is a folder" if os.path.isdir(path) else "is no file"
        raise InputError(f"{path}: {what}; a {FORMAT} document is expected")
    return specified(read(path, FORMAT), str(path))


def specified(document: Mapping[str, Any], where: str) -> SweepSpec:
    """The specification that a document without its format stands for; raises InputError, which begins with `where`."""
    known = [field.name for field in fields(SweepSpec)]
    for key in document:
        if key not in known:  # said before a key that is missing for it
            raise InputError(f"{where}: {quote(key)}: unknown key; accepted: {', '.join(known)}")
    return validate(SweepSpec, document, where)
