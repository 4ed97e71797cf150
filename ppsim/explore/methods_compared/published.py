"""What networks that papers pruned gain on systems that their authors did not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ppsim.documents import names
from ppsim.explore.cost.oracle import Oracle
from ppsim.explore.methods_compared.comparing import gain, loaded
from ppsim.explore.methods_compared.rows import Gain, flat_gains
from ppsim.hardware.system import System
from ppsim.workload.copying import Sample
from ppsim.workload.documents import load_workload

if TYPE_CHECKING:
    import pandas as pd

#: folder of the systems that ship
SYSTEMS = "accelerators"


@dataclass(frozen=True)
class Pair:
    """A network and what a paper made of it, by the names of workloads, and the paper."""

    unpruned: str
    pruned: str
    source: str


HE = "He et al., arXiv 1707.06168"
CACP = "CACP, Liu et al., arXiv 2009.09724"
#: a new pair is one line here
PAIRS: tuple[Pair, ...] = (
    Pair("vgg16", "vgg16-he5x", HE),
    Pair("resnet50-v1", "resnet50-he2x", HE),
    Pair("resnet56", "resnet56-cacp30", CACP),
    Pair("resnet56", "resnet56-cacp50", CACP),
    Pair("resnet56", "resnet56-cacp70", CACP),
)


@dataclass(frozen=True)
class PublishedRow:
    """A published pair on a system: `mac_ratio` of the unpruned network's multiply-accumulates over the pruned one's.

    `gains` are on one accelerator and on all, each over the unpruned network on as many. `samplers` are, for each of
    them, the share of the pruned network's cycles that copying channels for residual branches takes.
    """

    system: str
    unpruned: str
    pruned: str
    source: str
    mac_ratio: float
    gains: tuple[Gain, ...]
    samplers: tuple[float, ...]


@dataclass(frozen=True)
class PublishedCompared:
    """Published pairs on systems, system by system."""

    rows: tuple[PublishedRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def to_frame(self) -> pd.DataFrame:
        """One row a pair and system; columns of a gain end in the number of accelerators, as in `speedup_8`."""
        import pandas as pd

        rows = []
        for row in self.rows:
            flat = asdict(row)
            gains, samplers = flat.pop("gains"), flat.pop("samplers")
            shares = {f"samplers_{of['accelerators']}": share for of, share in zip(gains, samplers, strict=True)}
            rows.append(flat | flat_gains(gains) | shares)
        return pd.DataFrame(rows)


def compare_published(
    systems: Sequence[System | str] | None = None,
    accelerators: int = 8,
    pairs: Sequence[Pair] = PAIRS,
    progress: Callable[[int, int], None] | None = None,
) -> PublishedCompared:
    """What published pruned networks gain on systems (None: all that ship), on one accelerator and on `accelerators`.

    A `System` has its own number of accelerators. Networks are not partitioned: layers are split by output channels.
    `progress` is called with the rows done and to do. Raises InputError for what does not exist.
    """
    found = [
        one if isinstance(one, System) else loaded(one, accelerators)
        for one in (names(SYSTEMS) if systems is None else systems)
    ]
    rows: list[PublishedRow] = []
    for system in found:
        alone = Oracle(system.alone())
        oracles = (alone,) if system.accelerators == 1 else (alone, Oracle(system))
        for pair in pairs:
            if progress:
                progress(len(rows), len(found) * len(pairs))
            rows.append(_row(pair, system.name, oracles))
    return PublishedCompared(tuple(rows))


def _row(pair: Pair, system: str, oracles: Sequence[Oracle]) -> PublishedRow:
    unpruned, pruned = load_workload(pair.unpruned), load_workload(pair.pruned)
    return PublishedRow(
        system,
        pair.unpruned,
        pair.pruned,
        pair.source,
        unpruned.macs / pruned.macs,
        tuple(gain(unpruned, pruned, oracle) for oracle in oracles),
        tuple(_samplers(oracle, pair.pruned) for oracle in oracles),
    )


def _samplers(oracle: Oracle, workload: str) -> float:
    net = load_workload(workload)
    copying = {layer.name for layer in net.layers if isinstance(layer, Sample)}
    found = oracle(net)
    return sum(layer.cycles for layer in found.layers if layer.name in copying) / found.cycles
