"""What a run is made of, from names and numbers: the network, cut or not, and the system it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ppsim.documents import format_of, is_file
from ppsim.errors import InputError
from ppsim.hardware.documents import load_system
from ppsim.hardware.system import System
from ppsim.pruning.partition import partition
from ppsim.pruning.prune import load_network
from ppsim.workload.documents import load_workload
from ppsim.workload.formats import is_model_file
from ppsim.workload.graph import LayerGraph
from ppsim.workload.partitioned import PartitionedGraph
from ppsim.workload.partitioned_documents import FORMAT, load_partitioned

#: layers that are cut unless others are named
LAYERS = "fc*"


def network_of(
    workload: str,
    batch: int = 1,
    sequence: int | None = None,
    parts: int | None = None,
    layers: str | None = None,
    keep: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> LayerGraph | PartitionedGraph:
    """A network, cut into `parts` if that is asked for, or one that is cut already in its file.

    `workload` is a name, a document, partitioned or not, or a model file. `layers` (None: fc*) and `keep` (None:
    1/parts) say what is cut and how much of it is kept; `settings` changes fields of a workload's document by path.
    Raises InputError when something is unknown, or said of a network it does not go with.
    """
    if parts is None and (layers is not None or keep is not None):
        raise InputError("layers and keep say what is cut and how much is kept; give parts too")
    net: LayerGraph | PartitionedGraph
    cut = is_file(workload) and format_of(Path(workload)) == FORMAT
    if settings and (cut or is_model_file(workload)):
        raise InputError(f"{workload}: only fields of a workload's document can be set, got {', '.join(settings)}")
    if is_model_file(workload):
        net = load_network(workload).for_run(batch, None, sequence)
    elif cut:
        net = load_partitioned(workload, batch=batch, sequence=sequence)
    else:
        net = load_workload(workload, batch=batch, sequence=sequence, set=settings)
    if isinstance(net, PartitionedGraph):
        if parts is not None:
            raise InputError(f"{workload}: is partitioned already; leave parts, layers and keep out")
        return net
    return net if parts is None else partition(net, parts, layers=LAYERS if layers is None else layers, keep=keep)


def fewest_accelerators(net: LayerGraph | PartitionedGraph) -> int:
    """How many accelerators a network takes: those it is placed on, or one for each part."""
    return net.fewest_accelerators if isinstance(net, PartitionedGraph) else 1


def system_of(name: str, accelerators: int | None, usual: int, settings: Mapping[str, Any]) -> System:
    """The system, with as many accelerators as are asked for, or else `usual` ones; a heterogeneous one has its own.

    Raises InputError as `load_system` does.
    """
    if accelerators is None and not settings.get("groups") and not load_system(name).groups:
        accelerators = usual
    return load_system(name, accelerators=accelerators, set=settings)
