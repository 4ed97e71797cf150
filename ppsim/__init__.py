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
    "Bounds": "ppsim.explore.screening.bounds",
    "Comparison": "ppsim.analysis.comparison",
    "Cost": "ppsim.explore.cost.costs",
    "CostTable": "ppsim.explore.cost_tables.table",
    "Cut": "ppsim.explore.cost.variants",
    "Dask": "ppsim.explore.executors.cluster",
    "InputError": "ppsim.errors",
    "LayerGraph": "ppsim.workload.graph",
    "LossCurve": "ppsim.pruning.channel_pruning",
    "MethodsCompared": "ppsim.explore.methods_compared.rows",
    "Model": "ppsim.workload.model",
    "Oracle": "ppsim.explore.cost.oracle",
    "PartitionedGraph": "ppsim.workload.partitioned",
    "PricedImportance": "ppsim.explore.cost_tables.adapters.torch_pruning",
    "Prices": "ppsim.explore.cost.prices",
    "Processes": "ppsim.explore.executors.processes",
    "PublishedCompared": "ppsim.explore.methods_compared.published",
    "Result": "ppsim.analysis.result",
    "Serial": "ppsim.explore.executors.serial",
    "Staircase": "ppsim.pruning.rates",
    "Structure": "ppsim.pruning.structural_search",
    "SweepResults": "ppsim.explore.sweep.results",
    "System": "ppsim.hardware.system",
    "Timeline": "ppsim.analysis.timeline.document",
    "Validation": "ppsim.validation.validate",
    "bounds": "ppsim.explore.screening.bounds",
    "codesign": "ppsim.explore.codesign.codesign",
    "codesign_front": "ppsim.explore.codesign.codesign",
    "compare": "ppsim.baselines",
    "compare_methods": "ppsim.explore.methods_compared.comparing",
    "compare_published": "ppsim.explore.methods_compared.published",
    "compensate": "ppsim.pruning.compensation",
    "compute_cycles": "ppsim.hardware.array",
    "conditional_rates": "ppsim.pruning.rates",
    "cost": "ppsim.explore.cost.oracle",
    "cost_table": "ppsim.explore.cost_tables.making",
    "export": "ppsim.pruning.prune",
    "factorised": "ppsim.pruning.low_rank",
    "factorised_model": "ppsim.pruning.low_rank",
    "finetune": "ppsim.pruning.finetune",
    "from_torch": "ppsim.workload.formats.torch_reading",
    "gemm": "ppsim.workload.graph",
    "load_cost_table": "ppsim.explore.cost_tables.storing",
    "load_energy_table": "ppsim.hardware.documents",
    "load_memories": "ppsim.hardware.memories",
    "load_model": "ppsim.workload.loading",
    "load_network": "ppsim.pruning.prune",
    "load_partitioned": "ppsim.workload.partitioned_documents",
    "load_sweep": "ppsim.explore.sweep.results",
    "load_system": "ppsim.hardware.documents",
    "load_workload": "ppsim.workload.documents",
    "loss_curves": "ppsim.pruning.channel_pruning",
    "magnitude": "ppsim.pruning.magnitude",
    "narrowed": "ppsim.pruning.narrowing",
    "narrowed_model": "ppsim.pruning.narrowing",
    "partition": "ppsim.pruning.partition",
    "partitioned_schema": "ppsim.workload.partitioned_documents",
    "prices": "ppsim.explore.cost.prices",
    "prune": "ppsim.pruning.prune",
    "prune_channels": "ppsim.pruning.channel_pruning",
    "rank_of_energy": "ppsim.pruning.low_rank",
    "ranks_within": "ppsim.pruning.rank_search",
    "sampled": "ppsim.pruning.sampling",
    "sampled_model": "ppsim.pruning.sampling",
    "save_cost_table": "ppsim.explore.cost_tables.saving",
    "save_model": "ppsim.workload.loading",
    "save_partitioned": "ppsim.workload.partitioned_documents",
    "save_pruned": "ppsim.pruning.prune",
    "save_workload": "ppsim.workload.writing",
    "simulate": "ppsim.pipeline",
    "staircases": "ppsim.pruning.rates",
    "structural_search": "ppsim.pruning.structural_search",
    "sum_gap": "ppsim.explore.cost_tables.gap",
    "sweep": "ppsim.explore.sweep.sweep",
    "timeline": "ppsim.timelines",
    "train_low_rank": "ppsim.pruning.nuclear_norm",
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
