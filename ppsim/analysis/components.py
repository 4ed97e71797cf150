"""What the components of an energy ledger are called."""

from __future__ import annotations

#: components in the order of the ledger, as people call them
COMPONENTS = {
    "mac": "MAC",
    "register_file": "register file",
    "pe_to_pe": "PE to PE",
    "sram": "SRAM",
    "dram": "DRAM",
    "dram_background": "DRAM background",
    "link": "link",
    "router": "router",
    "vector": "vector",
    "leakage": "leakage",
}
