"""`load_sweep`: the results of a sweep, from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppsim.documents import is_file
from ppsim.errors import InputError
from ppsim.explore.sweep.inputs import check
from ppsim.explore.sweep.journal import read_journal
from ppsim.explore.sweep.point import Simulated, simulated
from ppsim.explore.sweep.spec import Settings, SweepSpec, specified
from ppsim.explore.sweep.store import JOURNAL, MANIFEST, Manifest, load_manifest
from ppsim.explore.sweep.table import NONE, SCREENED, belongs, columns_of, frame_of, table_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class SweepResults:
    """The rows of a sweep, finished or not, and what they rest on.

    `points` are all design points, done or not. `frame` has a row for each that is done, in their order: simulated,
    failed (`error`), or, in a screened sweep, skipped because another point beats its bounds (`beaten_by`).
    """

    place: Path
    manifest: Manifest
    spec: SweepSpec
    points: Sequence[Settings]
    frame: pd.DataFrame

    def __repr__(self) -> str:
        """Not its rows."""
        return f"<SweepResults {self.place}: {len(self.frame):,} of {len(self.points):,} points; see frame>"

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
        return simulated(self.points[point], self.manifest.inputs)


def load_sweep(place: str | Path) -> SweepResults:
    """The results in the folder of a sweep, so far as it has come; raises InputError where there are none."""
    place = Path(place)
    manifest = load_manifest(place)
    if not is_file(place / JOURNAL):
        raise InputError(f"{place}: its {JOURNAL} is missing; make the sweep anew in another folder")
    spec = specified(manifest.spec, f"{place / MANIFEST}: spec")
    try:
        points = spec.points()
    except InputError as error:
        raise InputError(f"{place / MANIFEST}: spec: {error}") from None
    if len(points) != manifest.points:
        raise InputError(
            f"{place}: its {MANIFEST} says {manifest.points} points, and its specification has {len(points)}"
        )
    further = SCREENED if manifest.screened else NONE
    found = read_journal(place / JOURNAL, belongs(spec.paths, points, further)).rows
    rows = [found[number] for number in sorted(found)]
    if not rows:
        raise InputError(f"{place}: no point is done yet; go on with: ppsim sweep SPEC -o {place} --resume")
    frame = frame_of(table_of(columns_of(spec.paths, points, further), rows))
    return SweepResults(place, manifest, spec, points, frame)
