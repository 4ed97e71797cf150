"""What a comparison of methods says: a row a method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

UNPRUNED = "unpruned"


@dataclass(frozen=True)
class Gain:
    """A network on so many `accelerators`, and what it gains over the unpruned one on as many."""

    accelerators: int
    seconds: float
    energy_pj: float
    speedup: float
    energy_reduction: float


@dataclass(frozen=True)
class Lost:
    """What is lost, as far as it is known, else None.

    `weights_kept`: squares of the weights that are left, over those of all, before what is left was fitted; of layers
    of low rank, squares of singular values. `output_error` and `same_largest`: of the network's first result, the norm
    of its change over its norm, and the share of inputs whose largest output is the same one, on the inputs that what
    is left was fitted to. `accuracy`: the share of test images whose largest output is their class.
    """

    weights_kept: float | None = None
    output_error: float | None = None
    same_largest: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class MethodRow:
    """A method, the setting its knob came to, and the network there; without numbers where `why_not` says why.

    `macs` are multiply-accumulates that the arrays do, `mac_ratio` those of the unpruned network over them. `gains` are
    on one accelerator and on all.
    """

    method: str
    setting: str
    macs: int | None = None
    mac_ratio: float | None = None
    gains: tuple[Gain, ...] = ()
    lost: Lost = Lost()
    why_not: str = ""

    @property
    def reached(self) -> bool:
        """Whether there is a network within the budget."""
        return not self.why_not


@dataclass(frozen=True)
class Target:
    """What all methods are brought to: `limit` seconds on `accelerators` accelerators, or `limit` MACs, at most.

    `share` is the limit over what the unpruned network takes.
    """

    quantity: Literal["latency", "MACs"]
    limit: float
    share: float
    accelerators: int


@dataclass(frozen=True)
class MethodsCompared:
    """Methods brought to the same `target`; the first row is the unpruned network.

    `left_out` says of methods without a row why. `energy_unit` is "MAC" where the energy table has no joules, and
    energies are then multiply-accumulates.
    """

    network: str
    system: str
    accelerators: int
    target: Target
    rows: tuple[MethodRow, ...]
    left_out: Mapping[str, str]
    energy_unit: str
    assumptions: tuple[str, ...]

    def __getitem__(self, method: str) -> MethodRow:
        """The row of a method; raises KeyError."""
        for row in self.rows:
            if row.method == method:
                return row
        raise KeyError(method)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "left_out": dict(self.left_out), "assumptions": list(self.assumptions)}

    def to_frame(self) -> pd.DataFrame:
        """One row a method; columns of a gain end in the number of accelerators, as in `speedup_8`."""
        import pandas as pd

        return pd.DataFrame(_flat(row) for row in self.rows)


def _flat(row: MethodRow) -> dict[str, Any]:
    flat = asdict(row)
    gains, lost = flat.pop("gains"), flat.pop("lost")
    return {**flat, **flat_gains(gains), **lost}


def flat_gains(gains: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """Columns of gains, with the number of accelerators at their ends."""
    return {
        f"{name}_{gain['accelerators']}": value
        for gain in gains
        for name, value in gain.items()
        if name != "accelerators"
    }
