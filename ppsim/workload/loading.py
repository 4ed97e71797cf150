"""Networks with their trained numbers, from files and into them."""

from __future__ import annotations

from pathlib import Path

from ppsim.documents import MAX_QUOTE, names, packaged, quote
from ppsim.errors import InputError
from ppsim.workload.documents import WORKLOADS, load_workload
from ppsim.workload.formats import FORMATS, is_model_file, read_model_file, write_model_file
from ppsim.workload.formats.contract import ModelFile
from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Model, model_of, tensor_names
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import partitioned_to_text


def load_model(source: str | Path, weights: str | Path | None = None, batch: int = 1, lenient: bool = False) -> Model:
    """A network with its trained numbers, for `batch` inputs.

    `source` is a file that holds both (.onnx; .safetensors or .npz with a document), or the name or path of a workload,
    whose numbers are in the file `weights` then (None: those that ship with ppsim, of a few networks): arrays named
    "layer.tensor", in the layouts of `Layer.tensors`, as a state_dict of PyTorch names those of linear layers and
    convolutions. `lenient` leaves out nodes of a file that ppsim has no layer for, where that keeps all shapes.

    Raises InputError naming the file, and the first array in it that belongs to no layer or is missing.
    """
    if is_model_file(source):
        if weights is not None:
            raise InputError(f"{source}: brings its own weights; leave out the weights {quote(str(weights))}")
        return model_of_file(read_model_file(source, lenient), source, batch)
    graph = load_workload(str(source), batch)
    if weights is None:
        weights = _shipped(str(source))
    return _model(graph, read_model_file(weights, lenient), weights)


def model_of_file(file: ModelFile, source: str | Path, batch: int = 1) -> Model:
    """The model in what a file holds, for `batch` inputs; `source` names it in errors.

    Raises InputError where it holds arrays alone, and as `load_model` does.
    """
    if file.graph is None:
        raise InputError(f"{source}: holds arrays and no network; give a workload, and this file as its weights")
    return _model(file.graph.with_batch(batch), file, source)


def save_model(model: Model, path: str | Path) -> None:
    """Write a model as a file that `load_model` reads back by itself; the suffix of its name says the format.

    Where a format holds arrays alone, a document holds the network: one part, and no layer that is cut. Raises
    InputError.
    """
    onnx = Path(path).suffix.lower() == ".onnx"
    document = None if onnx else partitioned_to_text(PartitionedGraph(model.graph, 1, {}), str(path))
    write_model_file(path, model, document)


def _model(graph: LayerGraph, file: ModelFile, path: str | Path) -> Model:
    """The model of a network and of what `path` holds, with all of its arrays in their place."""
    wanted = [f"{layer}.{name}" for layer, name in tensor_names(graph)]
    known = set(wanted)
    for name in file.tensors:
        if name not in known:
            some = ", ".join(wanted)[: 2 * MAX_QUOTE]
            raise InputError(f"{path}: tensor {quote(name)} belongs to no layer of {graph.name}; it has: {some}")
    return model_of(graph, file.tensors, str(path))


def _shipped(name: str) -> Path:
    """The trained numbers that ship with a network of ppsim's."""
    path = packaged(WORKLOADS) / "trained" / f"{name}.safetensors"
    if name not in names(WORKLOADS) or not path.is_file():
        some = ", ".join(sorted(file.stem for file in path.parent.glob("*.safetensors")))
        raise InputError(f"{name}: has no trained numbers; give weights too: a {_accepted()} file (shipped: {some})")
    return path


def _accepted() -> str:
    *most, last = FORMATS
    return f"{', '.join(most)} or {last}"
