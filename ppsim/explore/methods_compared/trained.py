"""A network with its weights where there are any."""

from __future__ import annotations

from ppsim.documents import names, packaged
from ppsim.workload.documents import WORKLOADS, load_workload
from ppsim.workload.formats import is_model_file
from ppsim.workload.graph import LayerGraph
from ppsim.workload.loading import load_model
from ppsim.workload.model import Model


def trained_or_not(source: str, weights: str | None = None) -> Model | LayerGraph:
    """The network `source` names, with the weights in its file, in the file `weights`, or that ship with it.

    Raises InputError as `load_model` and `load_workload` do.
    """
    shipped = packaged(WORKLOADS) / "trained" / f"{source}.safetensors"
    if weights is not None or is_model_file(source) or (source in names(WORKLOADS) and shipped.is_file()):
        return load_model(source, weights)
    return load_workload(source)
