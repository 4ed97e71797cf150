"""ppsim: simulate pruned, partitioned networks on several systolic-array accelerators.

net = ppsim.load_workload("tinyvgg16")
pruned = ppsim.partition(net, parts=8, layers="fc*")
hw = ppsim.load_system("tetris", accelerators=8)
print(ppsim.compare(pruned, hw).speedup)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Loaded on first use, so that `import ppsim` stays quick.
_PUBLIC = {
    "Comparison": "ppsim.analysis.comparison",
    "Dask": "ppsim.explore.executors.cluster",
    "InputError": "ppsim.errors",
    "LayerGraph": "ppsim.workload.graph",
    "Model": "ppsim.workload.model",
    "PartitionedGraph": "ppsim.workload.partitioned",
    "Processes": "ppsim.explore.executors.processes",
    "Result": "ppsim.analysis.result",
    "Serial": "ppsim.explore.executors.serial",
    "SweepResults": "ppsim.explore.sweep.results",
    "System": "ppsim.hardware.system",
    "Timeline": "ppsim.analysis.timeline.document",
    "Validation": "ppsim.validation.validate",
    "compare": "ppsim.baselines",
    "compensate": "ppsim.pruning.compensation",
    "compute_cycles": "ppsim.hardware.array",
    "export": "ppsim.pruning.prune",
    "finetune": "ppsim.pruning.finetune",
    "from_torch": "ppsim.workload.formats.torch_reading",
    "gemm": "ppsim.workload.graph",
    "load_energy_table": "ppsim.hardware.documents",
    "load_memories": "ppsim.hardware.memories",
    "load_model": "ppsim.workload.loading",
    "load_network": "ppsim.pruning.prune",
    "load_partitioned": "ppsim.workload.partitioned_documents",
    "load_sweep": "ppsim.explore.sweep.results",
    "load_system": "ppsim.hardware.documents",
    "load_workload": "ppsim.workload.documents",
    "magnitude": "ppsim.pruning.magnitude",
    "partition": "ppsim.pruning.partition",
    "partitioned_schema": "ppsim.workload.partitioned_documents",
    "prune": "ppsim.pruning.prune",
    "save_model": "ppsim.workload.loading",
    "save_partitioned": "ppsim.workload.partitioned_documents",
    "save_pruned": "ppsim.pruning.prune",
    "save_workload": "ppsim.workload.writing",
    "simulate": "ppsim.pipeline",
    "sweep": "ppsim.explore.sweep.sweep",
    "timeline": "ppsim.timelines",
    "uncertainty": "ppsim.analysis.uncertainty",
    "unstructured": "ppsim.pruning.unstructured",
    "validate": "ppsim.validation.validate",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ppsim' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
