"""One design point: what its settings stand for, and the row of numbers it gives.

A row is a function of the settings alone. Networks, systems and results that several points have in common are kept,
which changes no number.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from ppsim.analysis.comparison import Comparison
from ppsim.analysis.result import Result
from ppsim.baselines import FEWEST, NETWORK, PRUNED_LAYERS, Network, Networks, explained, in_turn
from ppsim.documents import dump, validate
from ppsim.errors import InputError
from ppsim.explore.setups import fewest_accelerators, network_of, system_of
from ppsim.explore.sweep.inputs import Inputs
from ppsim.explore.sweep.spec import RUN_FIELDS, SCOPES, Settings
from ppsim.hardware.area import area_mm2
from ppsim.hardware.array import ArraySpec
from ppsim.hardware.buffers import BufferSpec, VectorSpec
from ppsim.hardware.documents import load_system
from ppsim.hardware.dram import DramSpec
from ppsim.hardware.energy import COMPONENTS
from ppsim.hardware.interconnect import InterconnectSpec
from ppsim.hardware.system import System
from ppsim.specification import Specification
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph

Row = dict[str, Any]
#: column -> type, of what every row says of itself
DESCRIPTION: Mapping[str, type] = {
    "workload": str,
    "system": str,
    "scope": str,
    "dram": str,
    "accelerators": int,
    "parts": int,
    "batch": int,
    "keep": float,
}
#: column -> type, of what is measured
MEASURED: Mapping[str, type] = {
    "cycles": int,
    "seconds": float,
    "energy_pj": float,
    **{f"{component}_pj": float for component in COMPONENTS},
    "energy_unit": str,
    "macs": int,
    "dram_bytes": int,
    "link_bytes": int,
    "peak_macs_per_s": float,
    "dram_bytes_per_s": float,
    "area_mm2": float,
    "bound": str,
    "baseline_seconds": float,
    "baseline_energy_pj": float,
    "speedup": float,
    "energy_reduction": float,
    "pruning": float,
    "link_loss": float,
    "dram_loss": float,
    "imbalance_loss": float,
}
#: settings below this are fields of the workload's document
OF_WORKLOAD = "workload."
#: fields of a part of a system that the energy table has to go with
_OF_ENERGY = {("dram", "memory"), ("interconnect", "pj_per_bit"), ("interconnect", "edges")}
#: results a process keeps
_KEPT = 256


@dataclass(frozen=True)
class Simulated:
    """A design point as values: the networks that ran one after the other, their system, and the comparison."""

    nets: tuple[Network, ...]
    system: System
    comparison: Comparison


class _Known:
    """The numbers of results by network and system, the latest `_KEPT` of them.

    What they say of DRAM sharing is not to be relied on: one accelerator alone has its channel for itself.
    """

    def __init__(self) -> None:
        self._results: OrderedDict[Any, tuple[Networks, Result]] = OrderedDict()

    def run(self, nets: Networks, system: System) -> Result:
        """`in_turn`, once for the same networks on an equal system; of those that are cut, once for each object."""
        if system.accelerators == 1 and system.dram.sharing != "private":
            system = replace(system, dram=replace(system.dram, sharing="private"))
        key = self._key(nets, system)
        if key in self._results:
            self._results.move_to_end(key)
            return self._results[key][1]
        # the networks stay with the result, so that no other one gets the identity of one of them
        self._results[key] = nets, (result := in_turn(nets, system))
        if system.accelerators > 1 and not result.link_bytes:  # links that carry nothing take no time as they are
            ideal = replace(system, interconnect=replace(system.interconnect, ideal=True))
            self._results[self._key(nets, ideal)] = nets, result
        while len(self._results) > _KEPT:
            self._results.popitem(last=False)
        return result

    @staticmethod
    def _key(nets: Networks, system: System) -> Hashable:
        return (*[net if isinstance(net, LayerGraph) else id(net) for net in nets], system)


_known = _Known()


def simulated(settings: Settings, inputs: Inputs = ()) -> Simulated:
    """Simulate a design point against the unpruned network on one accelerator; raises InputError."""
    nets, system = built(settings, inputs)
    return Simulated(nets, system, explained(nets, system, settings["scope"], FEWEST))


def built(settings: Settings, inputs: Inputs = ()) -> tuple[tuple[Network, ...], System]:
    """The networks and the system of a design point; raises InputError.

    They are kept for the next point that has them in common, as long as the `inputs` are the same.
    """
    if settings["scope"] not in SCOPES:
        raise InputError(f"scope={settings['scope']!r} is unknown; accepted: {', '.join(SCOPES)}")
    of_network = ("workload", "batch", "sequence", "parts", "layers", "keep")
    about_network = {name: settings.get(name) for name in of_network} | {
        path: value for path, value in settings.items() if path.startswith(OF_WORKLOAD)
    }
    nets = _networks(json.dumps(about_network), settings["scope"], inputs)
    (whole,) = _networks(json.dumps(about_network), NETWORK, inputs)
    about_system = (settings["system"], settings.get("accelerators"), fewest_accelerators(whole))
    return nets, _system(*about_system, json.dumps(_of_system(settings)), inputs)


@lru_cache(maxsize=256)
def _system(name: str, accelerators: int | None, usual: int, fields: str, inputs: Inputs) -> System:
    """`system_of`, from another point's system and the parts in which they differ where that is the same."""
    given = json.loads(fields)
    parts: dict[str, dict[str, Any]] = {}
    for path, value in given.items():
        part, _, field = path.partition(".")
        if field in _OWN_FIELDS.get(part, ()) and part not in given:
            parts.setdefault(part, {})[field] = value
    rest = {path: value for path, value in given.items() if path.partition(".")[0] not in parts}
    if not parts or len(rest) + sum(map(len, parts.values())) < len(given):
        return system_of(name, accelerators, usual, given)
    try:
        base = _base(name, accelerators, usual, json.dumps(rest), inputs)
        if base.groups or base.dram.memory is not None:  # these have a say in what their parts are
            return system_of(name, accelerators, usual, given)
        changed: dict[str, Any] = {
            part: _part(getattr(base, part), json.dumps(values)) for part, values in parts.items()
        }
        return replace(base, **changed)
    except InputError:  # said as it is of a whole system
        return system_of(name, accelerators, usual, given)


@lru_cache(maxsize=64)
def _base(name: str, accelerators: int | None, usual: int, fields: str, inputs: Inputs) -> System:
    return system_of(name, accelerators, usual, json.loads(fields))


@lru_cache(maxsize=1024)
def _part(part: Specification, changes: str) -> Specification:
    return validate(type(part), dump(part) | json.loads(changes), "")


#: part of a system -> its fields that nothing outside that part depends on
_OWN_FIELDS = {
    part: tuple(field.name for field in fields(kind) if (part, field.name) not in _OF_ENERGY)
    for part, kind in {
        "array": ArraySpec,
        "buffer": BufferSpec,
        "vector": VectorSpec,
        "dram": DramSpec,
        "interconnect": InterconnectSpec,
    }.items()
}


def check_system(settings: Settings) -> None:
    """Raise InputError for a point whose system there is not, or has not all fields that are set."""
    load_system(settings["system"], set=_of_system(settings))


def _of_system(settings: Settings) -> dict[str, Any]:
    return {
        path: value for path, value in settings.items() if path not in RUN_FIELDS and not path.startswith(OF_WORKLOAD)
    }


@lru_cache(maxsize=256)
def _networks(about: str, scope: str, inputs: Inputs) -> tuple[Network, ...]:
    given = json.loads(about)
    if scope == PRUNED_LAYERS:
        (net,) = _networks(about, NETWORK, inputs)
        if not isinstance(net, PartitionedGraph) or not net.layers:
            raise InputError(f"scope {PRUNED_LAYERS}: no layer of {net.name} is cut; give parts")
        return net.stretches()
    settings = {path.removeprefix(OF_WORKLOAD): value for path, value in given.items() if path.startswith(OF_WORKLOAD)}
    return (
        network_of(
            given["workload"],
            1 if given["batch"] is None else given["batch"],
            given["sequence"],
            given["parts"],
            given["layers"],
            given["keep"],
            settings,
        ),
    )


def row_of(settings: Settings, inputs: Inputs = ()) -> Row:
    """What a design point gives, a value for each column of `DESCRIPTION` and `MEASURED`; raises InputError."""
    nets, system = built(settings, inputs)
    comparison = explained(nets, system, settings["scope"], FEWEST, _known.run)
    result, factors = comparison.result, comparison.factors
    assert factors is not None
    single = comparison.baselines["single-dense"]
    cut = [net for net in nets if isinstance(net, PartitionedGraph)]
    weights = sum(net.dense_weights for net in cut)
    return {
        "workload": settings["workload"],
        "system": settings["system"],
        "scope": comparison.scope,
        "dram": "private" if system.dram.sharing == "private" else "shared",
        "accelerators": result.accelerators,
        "parts": result.parts,
        "batch": result.batch,
        "keep": sum(net.nonzeros for net in cut) / weights if weights else 1.0,
        "cycles": result.cycles,
        "seconds": result.seconds,
        "energy_pj": result.energy_pj,
        **{f"{component}_pj": result.energy[component] for component in COMPONENTS},
        "energy_unit": result.energy_unit,
        "macs": result.macs,
        "dram_bytes": result.dram_bytes,
        "link_bytes": result.link_bytes,
        "peak_macs_per_s": float(system.peak_macs_per_s),
        "dram_bytes_per_s": float(system.channels * system.dram.rate(1, 0)),
        "area_mm2": area_mm2(system),
        "bound": _bound(result),
        "baseline_seconds": single.seconds,
        "baseline_energy_pj": single.energy_pj,
        "speedup": comparison.speedup,
        "energy_reduction": comparison.energy_reduction,
        "pruning": factors.pruning,
        "link_loss": factors.link_loss,
        "dram_loss": factors.dram_loss,
        "imbalance_loss": factors.imbalance_loss,
    }


def _bound(result: Result) -> str:
    """What bounds the layers that take most of the cycles together."""
    cycles: dict[str, int] = {}
    for layer in result.layers:
        cycles[layer.bound] = cycles.get(layer.bound, 0) + layer.cycles
    return max(cycles, key=lambda name: cycles[name])
