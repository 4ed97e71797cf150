"""SCALE-Sim v3 on convolutions, in an environment of its own: it needs numpy < 2.4, and runs nothing of ppsim.

    python peers/scalesim_peer.py JSON

JSON: array, dataflow, kib (of each of its three scratchpads) and layers, each [name, height, width (padded), kernel
height, kernel width, channels, filters, stride]. Prints JSON: user seconds of the run, without imports, the largest
resident memory in MB, and the compute cycles by layer as it reports them.
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from scalesim.scale_sim import scalesim

CONFIG = """\
[general]
run_name = run
[architecture_presets]
ArrayHeight: {array}
ArrayWidth: {array}
IfmapSramSzkB: {kib}
FilterSramSzkB: {kib}
OfmapSramSzkB: {kib}
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 10
Dataflow: {dataflow}
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
FilterCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""
HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
LAYOUT = ", ".join(["Layer name", *["x"] * 16]) + ",\n"


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def main() -> None:
    asked = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "run.cfg").write_text(CONFIG.format(**{key: asked[key] for key in ("array", "dataflow", "kib")}))
        rows = [", ".join(map(str, layer)) + ",\n" for layer in asked["layers"]]
        (folder / "net.csv").write_text(HEADER + "".join(rows))
        # every layer needs a row of the layout, which is not used
        (folder / "layout.csv").write_text(
            LAYOUT + "".join(f"{layer[0]}, {', '.join(['1'] * 16)},\n" for layer in asked["layers"])
        )
        with redirect_stdout(sys.stderr):
            before = user_seconds()
            runner = scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(folder / "run.cfg"),
                topology=str(folder / "net.csv"),
                layout=str(folder / "layout.csv"),
            )
            runner.run_scale(top_path=str(folder))
            taken = user_seconds() - before
        report = next(folder.rglob("COMPUTE_REPORT.csv"))
        with report.open() as file:
            lines = list(csv.reader(file))
        names = [name.strip() for name in lines[0]]
        column = next(n for n, name in enumerate(names) if name in ("Total Cycles", "Compute Cycles"))
        cycles = [float(line[column]) for line in lines[1:]]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"seconds": taken, "mb": memory, "cycles": cycles, "columns": names}))


if __name__ == "__main__":
    main()
