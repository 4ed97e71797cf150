"""`load_sweep`: the results of a sweep, from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppsim.errors import InputError
from ppsim.explore.sweep.inputs import check
from ppsim.explore.sweep.journal import read_journal
from ppsim.explore.sweep.point import Simulated, simulated
from ppsim.explore.sweep.spec import Settings, SweepSpec, spec_of
from ppsim.explore.sweep.store import JOURNAL, Manifest, load_manifest
from ppsim.explore.sweep.table import columns_of, frame_of, table_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SweepResults:
    """The rows of a sweep, finished or not, and what they rest on.

    `frame` has a row for each point that is done, in the order of the points.
    """

    place: Path
    manifest: Manifest
    frame: pd.DataFrame

    @cached_property
    def spec(self) -> SweepSpec:
        """The specification."""
        return spec_of(self.manifest.spec)

    @cached_property
    def points(self) -> list[Settings]:
        """All design points, done or not."""
        return self.spec.points()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions, hashes of the inputs and the specification, as plain values."""
        return self.manifest.to_dict()

    @cached_property
    def axes(self) -> Mapping[str, tuple[Any, ...]]:
        """The values of each axis path: in the order of the specification where it lists them, else ascending."""
        found: dict[str, tuple[Any, ...]] = {}
        for axis in self.spec.ordered:
            for number, path in enumerate(axis.paths):
                values = [choice[number] for choice in axis.choices] or sorted({point[path] for point in self.points})
                found[path] = tuple(dict.fromkeys(values))
        return found

    def simulated(self, point: int) -> Simulated:
        """Simulate a point again, for what a row does not hold: layers, assumptions, the networks themselves.

        Raises InputError for a point there is not, one that fails, and where a file it names has changed since.
        """
        if not 0 <= point < len(self.points):
            raise InputError(f"{self.place}: point {point} is none of its points, 0 to {len(self.points) - 1}")
        check(self.manifest.inputs)
        return simulated(self.points[point])


def load_sweep(place: str | Path) -> SweepResults:
    """The results in the folder of a sweep, so far as it has come; raises InputError where there are none."""
    place = Path(place)
    manifest = load_manifest(place)
    if not (place / JOURNAL).is_file():
        raise InputError(f"{place}: its {JOURNAL} is missing; make the sweep anew in another folder")
    found = read_journal(place / JOURNAL).rows
    rows = [found[number] for number in sorted(found)]
    if not rows:
        raise InputError(f"{place}: no point is done yet; go on with: ppsim sweep SPEC -o {place} --resume")
    spec = spec_of(manifest.spec)
    points = spec.points()
    return SweepResults(place, manifest, frame_of(table_of(columns_of(spec.paths, points), rows)))
