"""`compare_methods`: every method brings the network to one price, and what it gains and loses there is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from ppsim.analysis.quantities import percent
from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.explore.cost.oracle import Oracle
from ppsim.explore.images import Images
from ppsim.explore.methods_compared.contract import Method, Needs, Network, Reached, Task, UnreachableError
from ppsim.explore.methods_compared.methods import METHODS
from ppsim.explore.methods_compared.rows import UNPRUNED, Gain, Lost, MethodRow, MethodsCompared, Target
from ppsim.explore.training import accuracy
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pruning.cost_model import CostModel, macs_cost
from ppsim.pruning.output_change import output_changes
from ppsim.workload.evaluation import checked_inputs, input_shape
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model

Progress = Callable[[int, int], None]
#: of the unpruned network's latency, if nothing else is said
LATENCY_SHARE = 0.5
#: training images, without labels, that what is left is fitted to, where no other inputs are given
FITTED = 1000
#: how a target in seconds, or as a share of the unpruned network's, may be off by rounding alone
ROUNDING = 1e-12

#: why a method is left out that needs more than there is
WHY: Mapping[Needs, str] = {
    "weights": "trained weights are needed: those of an .onnx file, of mlp_mnist or vgg_mnist, or of --weights FILE",
    "inputs": "inputs to choose by are needed, with trained weights: --calibration FILE, or --images FILE",
}


def compare_methods(
    net: Model | LayerGraph,
    system: System | str = "tetris",
    accelerators: int = 8,
    latency_share: float | None = None,
    latency: float | None = None,
    macs_share: float | None = None,
    methods: Sequence[str] | None = None,
    layers: str = "*",
    calibration: Array | None = None,
    images: Images | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MethodsCompared:
    """Bring a network to the same price by every method, and simulate what each gains on one accelerator and on all.

    The price is the simulated latency on the system with `accelerators` accelerators (a `System` has its own number):
    a share of the unpruned network's (`latency_share`; None: 0.5, unless another target is given) or `latency` seconds;
    or else `macs_share` of its multiply-accumulates. Each method turns its own knob to the least pruned setting that is
    within; one that has none says so in its row.

    A Model brings weights: without them, methods that need them are left out. With `calibration` inputs, (N, ...), or
    `images`, of which 1000 for training are then used without labels, all methods are fitted by least squares, and the
    change of the outputs is measured; with `images` also test accuracy. Nothing is fine-tuned. `methods` are names in
    `METHODS`, None: all. `layers` is a glob of those that are cut, thinned, or written as two; channels go wherever
    they can. `progress` is called with the methods done and to do. Raises InputError for arguments that cannot be used.
    """
    chosen = _chosen(methods)
    model, graph = (net, net.graph) if isinstance(net, Model) else (None, net)
    hardware = system if isinstance(system, System) else loaded(system, accelerators)
    inputs = _inputs(model, graph, calibration, images, seed)
    graph.match(layers)
    oracles = [Oracle(hardware)] if hardware.accelerators == 1 else [Oracle(hardware.alone()), Oracle(hardware)]
    target, price = _target(graph, oracles[-1], latency_share, latency, macs_share)
    budget = target.limit * (1 + ROUNDING)
    task = Task(graph, model, inputs, hardware, layers, price, budget, seed)
    whole = Reached(graph, "", model, None if model is None else 1.0)
    rows = [_row(UNPRUNED, whole, task, oracles, images)]
    left_out = {name: WHY[method.needs] for name, method in chosen.items() if method.needs not in task.has}
    able = {name: method for name, method in chosen.items() if name not in left_out}
    if not able:
        raise InputError(f"methods: none of {', '.join(left_out)} can be tried: {'; '.join(set(left_out.values()))}")
    for done, (name, method) in enumerate(able.items()):
        if progress:
            progress(done, len(able))
        rows.append(_tried(name, method, task, target.quantity, oracles, images))
    return MethodsCompared(
        network=graph.name,
        system=hardware.name,
        accelerators=hardware.accelerators,
        target=target,
        rows=tuple(rows),
        left_out=left_out,
        energy_unit=hardware.energy.unit,
        assumptions=tuple(hardware.assumptions()),
    )


def _chosen(methods: Sequence[str] | None) -> Mapping[str, Method]:
    for name in methods or ():
        if name not in METHODS:
            raise InputError(f"methods: {quote(name)} is unknown; accepted: {', '.join(METHODS)}")
    return dict(METHODS) if methods is None else {name: METHODS[name] for name in dict.fromkeys(methods)}


def loaded(name: str, accelerators: int) -> System:
    """A system with so many accelerators; a heterogeneous one has its own."""
    return load_system(name, accelerators=None if load_system(name).groups else accelerators)


def _inputs(
    model: Model | None, graph: LayerGraph, calibration: Array | None, images: Images | None, seed: int
) -> Array | None:
    """The inputs that what is left is fitted to; raises InputError for inputs without weights, or that do not fit."""
    if calibration is None and images is None:
        return None
    if calibration is not None and images is not None:
        raise InputError("calibration has no labels and images has; give one of the two")
    if model is None:
        raise InputError(f"{graph.name}: calibration and images say what weights do; give trained weights too")
    wanted = input_shape(graph)
    if images is not None and prod(wanted) != images.train[0].size:
        raise InputError(f"{graph.name}: takes {wanted}, and images are 28 x 28")
    if calibration is None:
        assert images is not None
        drawn = np.random.default_rng(seed).permutation(len(images.train))[:FITTED]
        calibration = images.train[drawn].reshape(-1, *wanted)
    calibration = checked_inputs(graph, calibration)
    if len(calibration) < 2:
        raise InputError(f"calibration: {len(calibration)} inputs; least squares need some hundreds, two at least")
    return calibration


def _target(
    graph: LayerGraph, oracle: Oracle, latency_share: float | None, latency: float | None, macs_share: float | None
) -> tuple[Target, CostModel]:
    """What all methods are brought to, and the price that it is a limit of."""
    given = {"latency_share": latency_share, "latency": latency, "macs_share": macs_share}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)}: give one target")
    for name in ("latency_share", "macs_share"):
        share = given[name]
        if share is not None and not 0 < share <= 1:
            raise InputError(f"{name}={share:g} is out of range; accepted: above 0, up to 1")
    count = oracle.system.accelerators
    if macs_share is not None:
        return Target("MACs", macs_share * graph.macs, macs_share, count), macs_cost
    whole = oracle(graph).seconds
    if latency is None:
        share = LATENCY_SHARE if latency_share is None else latency_share
        return Target("latency", share * whole, share, count), oracle.measured("seconds")
    if not 0 < latency <= whole:
        raise InputError(
            f"latency={latency:g} s is out of range; accepted: above 0, up to the {whole:.4g} s of the unpruned network"
        )
    return Target("latency", latency, latency / whole, count), oracle.measured("seconds")


def _tried(
    name: str, method: Method, task: Task, quantity: str, oracles: Sequence[Oracle], images: Images | None
) -> MethodRow:
    """The row of a method, or why it has none."""
    try:
        found = method(task)
    except UnreachableError as error:
        share = percent(error.least / task.price(task.graph))
        return MethodRow(name, "", why_not=f"comes to {share} of the unpruned network's {quantity} at best")
    except InputError as error:
        return MethodRow(name, "", why_not=str(error))
    assert task.price(found.net) <= task.budget, f"{name}: what it found is above the budget"
    return _row(name, found, task, oracles, images)


def _row(name: str, found: Reached, task: Task, oracles: Sequence[Oracle], images: Images | None) -> MethodRow:
    return MethodRow(
        name,
        found.setting,
        found.net.macs,
        task.graph.macs / found.net.macs,
        tuple(gain(task.graph, found.net, oracle) for oracle in oracles),
        _lost(found, task, images),
    )


def gain(whole: Network, pruned: Network, oracle: Oracle) -> Gain:
    """What a network gains over another on an oracle's system."""
    before, after = oracle(whole), oracle(pruned)
    return Gain(
        oracle.system.accelerators,
        after.seconds,
        after.energy_pj,
        before.seconds / after.seconds,
        before.energy_pj / after.energy_pj,
    )


def _lost(found: Reached, task: Task, images: Images | None) -> Lost:
    if task.model is None or found.model is None:
        return Lost()
    error = same = right = None
    if task.inputs is not None:
        change = output_changes(task.model, found.model, task.inputs)[0]
        error, same = change.relative_error, change.same_largest
    if images is not None:
        right = accuracy(found.model, images.test, images.test_classes)
    return Lost(found.kept, error, same, right)
