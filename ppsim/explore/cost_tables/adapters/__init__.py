"""Files of prices that other programs read, by name; a new one is one file and one line here."""

from __future__ import annotations

from ppsim.explore.cost_tables.adapters.contract import Adapter
from ppsim.explore.cost_tables.adapters.netadapt import NetAdapt
from ppsim.explore.cost_tables.adapters.plain import CSV, PARQUET
from ppsim.explore.cost_tables.adapters.torch_pruning import TORCH_PRUNING

ADAPTERS: dict[str, Adapter] = {
    "parquet": PARQUET,
    "csv": CSV,
    "netadapt": NetAdapt(),
    "torch-pruning": TORCH_PRUNING,
}
