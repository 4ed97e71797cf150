"""`prune_channels`: layers lose output units, and what reads them is fitted to do without.

As in He et al. (arXiv 1707.06168): from the first layer to the last, the units that are to stay are chosen by what the
layers that read them make of what the network pruned so far gives them, against what they make in the unpruned one;
then the weights of these layers are fitted by least squares. They choose the input channels of one layer, and put
samplers where a residual branch begins; here units that layers share, as all that residual additions add up, go
together, and are chosen once for all layers that read them, whose losses are averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ppsim.errors import InputError
from ppsim.pruning.activations import Rows
from ppsim.pruning.axes import axes_of
from ppsim.pruning.channels import SELECTIONS
from ppsim.pruning.channels.compensation import eliminated
from ppsim.pruning.channels.contract import Matrix, Problem, Reading
from ppsim.pruning.gathering import Order, reads_all
from ppsim.pruning.least_squares import RIDGE, Block, Indices, check_fit, fitted, paired_rows, summed
from ppsim.pruning.narrowing import SharedWidth, kept_units, narrowed, narrowed_model, shared_widths
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layers import Conv
from ppsim.workload.model import Array, Model

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LossCurve:
    """What is lost at each width of a layer: a share of what the layers that read it make, about 1 for all of it.

    `widths` ascend, in output units of `layer`, the first of those that share the width; `losses` never do.
    """

    layer: str
    widths: tuple[int, ...]
    losses: tuple[float, ...]


def prune_channels(
    model: Model,
    widths: Mapping[str, int],
    method: str,
    calibration: Array,
    ridge: float = RIDGE,
    compensated: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Model:
    """The model with `widths[layer]` output units, those that `method` chooses, in layers as `narrowed` takes them.

    `calibration` are inputs of the network, (N, ...), without labels; some hundreds do. The layers that read what was
    pruned are fitted with a `ridge` as in `compensate`, unless `compensated` is False. `progress` is called with the
    number of widths done and to do. Raises InputError for unknown methods, as `narrowed` does, for fewer than two
    inputs, and for a ridge that is not positive.
    """
    return _pruned(model, widths, method, calibration, ridge, compensated, seed, progress).model


def loss_curves(
    model: Model, calibration: Array, widths: Mapping[str, int] | None = None, ridge: float = RIDGE
) -> tuple[LossCurve, ...]:
    """What is lost at each width that can be smaller, once what reads it is fitted, while all else stays as it is.

    Units go one after another as the method `compensation` has them go. With `widths` the network is pruned to these
    before, and fitted; losses are still against the unpruned one, and curves end at the widths there are. Widths that
    have one step left have no curve. Raises InputError as `prune_channels` does.
    """
    state = _pruned(model, widths or {}, "compensation", calibration, ridge, True, 0, None)
    return tuple(_curve(state, shared) for shared in shared_widths(state.model.graph))


def _pruned(
    model: Model,
    widths: Mapping[str, int],
    method: str,
    calibration: Array,
    ridge: float,
    compensated: bool,
    seed: int,
    progress: Progress | None,
) -> _Pruned:
    if method not in SELECTIONS:
        raise InputError(f"method={method!r} is unknown; accepted: {', '.join(SELECTIONS)}")
    check_fit(calibration, ridge)
    target = narrowed(model.graph, widths)
    state = _Pruned(model, model, {}, calibration, ridge)
    todo = [shared for shared in shared_widths(model.graph) if _atoms(target, shared) < shared.steps]
    for done, shared in enumerate(todo, start=1):
        atoms = SELECTIONS[method](state.problem(shared, _atoms(target, shared), seed))
        each = shared.layers[shared.first] // shared.steps
        readers = _readers(state.model.graph, shared.first)
        state = state.without(shared.first, (atoms[:, None] * each + np.arange(each)).reshape(-1))
        for reader in readers if compensated else ():
            state = state.fitted(reader)
        if progress:
            progress(done, len(todo))
    return state


def _curve(state: _Pruned, shared: SharedWidth) -> LossCurve:
    losses = eliminated(state.problem(shared, shared.steps, 0)).losses
    each = shared.layers[shared.first] // shared.steps
    return LossCurve(shared.first, tuple(each * atoms for atoms in range(1, shared.steps + 1)), losses)


def _atoms(target: LayerGraph, shared: SharedWidth) -> int:
    """How many steps of a width a narrower network has."""
    return target.shapes[shared.first][0] * shared.steps // shared.layers[shared.first]


def _readers(graph: LayerGraph, name: str) -> list[str]:
    """The layers with weights for the output units of a layer or of what shares them, in the network's order."""
    axes = axes_of(graph)
    axis = axes.spans[name][0].axis
    sources = ((layer, graph.sources[layer.name][0]) for layer in graph.layers if reads_all(layer))
    return [layer.name for layer, source in sources if any(span.axis == axis for span in axes.spans[source])]


@dataclass(frozen=True, eq=False)
class _Pruned:
    """The whole network, and the one pruned so far: `units[tensor]` of the whole one are left where not all are."""

    whole: Model
    model: Model
    units: Mapping[str, Order]
    calibration: Array
    ridge: float

    def problem(self, shared: SharedWidth, wanted: int, seed: int) -> Problem:
        """Which of the units that go together are to stay."""
        graph, filters = self.model.graph, np.zeros(shared.steps)
        for name in shared.layers:
            filters += np.abs(self.model.weight(name), dtype=np.float64).reshape(shared.steps, -1).sum(axis=1)
        readers = _readers(graph, shared.first)
        return Problem(
            shared.steps, wanted, filters, lambda: tuple(self._reading(reader, shared) for reader in readers), seed
        )

    def without(self, name: str, kept: Order) -> _Pruned:
        """Only some of a layer's output units, as they are numbered now, stay."""
        staying = {name: kept.tolist()}
        units = {
            tensor: self.units[tensor][order] if tensor in self.units else order
            for tensor, order in kept_units(self.model.graph, staying).items()
        }
        return replace(self, model=narrowed_model(self.model, staying), units={**self.units, **units})

    def fitted(self, name: str) -> _Pruned:
        """A layer's weights are fitted to what it reads now."""
        block = self._block(name)
        new = fitted(self.model.tensors[name], self._rows(name), [block], self.ridge)
        return replace(self, model=self.model.with_tensors({name: new}))

    def _reading(self, name: str, shared: SharedWidth) -> Reading:
        """What a layer makes of the units that go together."""
        block = self._block(name)
        sums = summed(self.model.tensors[name], self._rows(name), [block], self.ridge)
        gram, cross = block.about_means(sums)
        weights = self.model.weight(name).reshape(len(block.outputs), -1).T.astype(np.float64)
        hessian = gram + sums.damping * np.eye(len(gram))
        change = np.linalg.solve(hessian, cross)
        power = float((weights * (gram @ weights + 2 * cross)).sum()) + sums.lacking
        own = self._columns(name, shared)
        return Reading(
            hessian=_fitted_along(hessian, own),
            best=(weights + change)[own],
            weights=weights[own],
            least=max(0.0, sums.lacking - float((change * cross).sum())),
            power=power,
        )

    def _block(self, name: str) -> Block:
        return Block.whole(self.model.weight(name))

    def _rows(self, name: str) -> Iterator[tuple[Rows, Rows]]:
        """What a layer reads now, and what of its outputs it should make."""
        left = self.units.get(name, slice(None))
        for read, wanted in paired_rows(self.whole, self.model, name, self.calibration):
            yield read, wanted[:, left]

    def _columns(self, name: str, shared: SharedWidth) -> Indices:
        """The columns of a layer's weights that read each of the units that go together, one after another."""
        graph = self.model.graph
        axes, layer = axes_of(graph), graph[name]
        axis = axes.spans[shared.first][0].axis
        found, first = [], 0
        for span in axes.spans[graph.sources[name][0]]:
            if span.axis == axis:
                found.append(first + np.arange(span.units).reshape(shared.steps, -1))
            first += span.units
        taps = int(np.prod(layer.kernel)) if isinstance(layer, Conv) else 1
        units = np.concatenate(found, axis=1)
        return np.asarray(units[..., None] * taps + np.arange(taps), dtype=np.int64).reshape(-1)


def _fitted_along(hessian: Matrix, own: Indices) -> Matrix:
    """The Hessian of some columns if all others always have their best weights (its Schur complement)."""
    others = np.setdiff1d(np.arange(len(hessian)), own)
    across = hessian[np.ix_(others, own)]
    along: Matrix = hessian[np.ix_(own, own)]
    return along - across.T @ np.linalg.solve(hessian[np.ix_(others, others)], across) if len(others) else along
