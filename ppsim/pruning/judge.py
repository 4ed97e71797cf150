"""How far a cut takes a network's outputs away from the unpruned network's, and which weights would bring them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.pruning.methods.contract import Judge, Parts
from ppsim.pruning.output_change import results_of
from ppsim.pruning.saliency import Saliency
from ppsim.pruning.sides import Cut
from ppsim.pruning.torch_network import forward, numbers_of, over_kernel, unchanged_inputs
from ppsim.workload.evaluation import outputs_of
from ppsim.workload.graph import INPUT
from ppsim.workload.model import Array, Model

if TYPE_CHECKING:
    from torch import Tensor


def output_judge(model: Model, cut: Cut, calibration: Array) -> Judge:
    """A judge of assignments of a cut, by the network's first result on calibration inputs (N, ...).

    The distance is 1 - cos of the angle between all outputs of the cut and of the unpruned network, each input's
    outputs taken about their mean: blind to a scale, and to what is added to all outputs alike, neither of which
    changes which output is largest. Raises InputError without the extra "torch", or for a layer without derivatives.
    """
    with needs("torch", 'method "output"'):
        import torch
    graph, numbers = model.graph, numbers_of(model)
    result = results_of(graph)[0]
    layers = [layer.name for layer in graph.layers if layer.name in cut.sides]
    # what lies before the first layer that is cut stays as it is
    fixed = unchanged_inputs(graph, layers, result)
    if not fixed or graph.shapes[result][0] < 2:
        why = "depends on no layer that is cut" if not fixed else "has one unit: there is no angle between outputs"
        raise InputError(
            f'{graph.name}: method "output" goes by the result {result!r}, which {why}; take "alternating"'
        )
    outputs = outputs_of(model, calibration, [name for name in (*fixed, result) if name != INPUT])
    known = {
        name: torch.tensor(np.asarray(calibration if name == INPUT else outputs[name], np.float32)) for name in fixed
    }
    goal = _about_mean(torch.tensor(outputs[result]))
    tiny = torch.finfo(goal.dtype).tiny
    goal = goal / goal.norm().clamp_min(tiny)

    def judge(assignment: Sequence[Parts]) -> tuple[float, list[Saliency]]:
        presence = {
            name: torch.tensor(_mask(cut, name, assignment), dtype=torch.float32, requires_grad=True)
            for name in layers
            if cut.sides[name].inputs and cut.sides[name].outputs
        }
        masked = {}
        for name, there in presence.items():
            weight = numbers[name]["weight"]
            masked[name] = {**numbers[name], "weight": weight * over_kernel(there, weight)}
        outputs = _about_mean(forward(graph, {**numbers, **masked}, known, result))
        distance = 1 - (outputs / outputs.norm().clamp_min(tiny) * goal).sum()
        # a layer may lie on the way to other results alone
        slopes = torch.autograd.grad(distance, list(presence.values()), allow_unused=True, materialize_grads=True)
        by_layer = {name: slope.numpy() for name, slope in zip(presence, slopes, strict=True)}
        return float(distance.detach()), [coupling.saliency for coupling in cut.couplings(by_layer)]

    return judge


def _about_mean(outputs: Tensor) -> Tensor:
    """(N, ...) as (N, outputs), each input's outputs less their mean."""
    flat = outputs.flatten(1)
    return flat - flat.mean(1, keepdim=True)


def _mask(cut: Cut, name: str, assignment: Sequence[Parts]) -> npt.NDArray[np.bool_]:
    """(outputs, inputs): whether two units of a layer are in one part."""
    sides = cut.sides[name]
    return np.equal.outer(cut.units(sides.outputs, assignment), cut.units(sides.inputs, assignment))
