"""Reading ONNX files: their nodes as layers, their initialisers as trained numbers.

A file goes through four hands. `opening` makes a ModelProto of bytes that are not trusted; `walk` makes drafts of
layers of nodes, for which `nodes` has a function for each operator and `layout` says where the axes went; `folding`
makes one layer of what exporters write as several; `building` gives names and checks the whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ppsim.errors import InputError
from ppsim.workload.formats.contract import ModelFile
from ppsim.workload.formats.onnx_reading.building import built
from ppsim.workload.formats.onnx_reading.folding import folded
from ppsim.workload.formats.onnx_reading.opening import document, opened, opset
from ppsim.workload.formats.onnx_reading.tensors import ExternalFiles, Initialisers
from ppsim.workload.formats.onnx_reading.walk import walked
from ppsim.workload.model import named_tensors

if TYPE_CHECKING:
    from onnx import ModelProto


def read(path: Path, lenient: bool) -> ModelFile:
    """The network and the trained numbers in an ONNX file, and the document of a partitioned network, if it has one.

    The network is called after the file. `lenient` leaves out nodes that ppsim has no layer for, where that keeps the
    shape. Raises InputError, one line, naming the file and what is wrong with it.
    """
    try:
        return _model_file(opened(path), path.stem, ExternalFiles(path.parent), lenient)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def model_from(proto: ModelProto, name: str, source: str, lenient: bool) -> ModelFile:
    """As `read`, of a model in memory, with all its numbers in it, to be called `name`; errors begin with `source`."""
    try:
        return _model_file(proto, name, ExternalFiles(None), lenient)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _model_file(proto: ModelProto, name: str, files: ExternalFiles, lenient: bool) -> ModelFile:
    if not proto.HasField("graph"):
        raise InputError("is no ONNX model: it holds no graph")
    text = document(proto)
    found = walked(proto.graph, Initialisers(proto.graph.initializer, files), opset(proto), lenient)
    drafts = folded(found.sketch.drafts, found.outputs)
    model = built(drafts, name, found.input_shape)
    return ModelFile(named_tensors(model), model.graph, text, found.skipped)
