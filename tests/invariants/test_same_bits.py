"""The same bits in every process, however its sets and hashes are ordered: whole results, from pruning to sweeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ppsim

ANSWERS = """
import json
from hashlib import sha256

import numpy as np
import ppsim

def digest(value):
    return sha256(json.dumps(value).encode()).hexdigest()

random = np.random.default_rng(5)
net = ppsim.load_workload("lenet300")
shapes = {name: net[name].tensors(net.input_shapes_of(name)) for name in net.divisible}
tensors = {name: {of: random.normal(size=shape).astype(np.float32) for of, shape in wanted.items()}
           for name, wanted in shapes.items()}
model = ppsim.Model(net, tensors)
tetris = ppsim.load_system("tetris", accelerators=4)
answers = {}
for method in ("alternating", "random"):
    cut = ppsim.partition(net, 4, layers="*", weights=model, method=method, seed=3)
    answers[f"partition {method}"] = digest(repr(cut))
    answers[f"compare {method}"] = digest(ppsim.compare(cut, tetris).to_dict())
pruned = ppsim.prune(model, 3, layers="*", saliency="w2", seed=2)
answers["prune"] = digest([repr(pruned.net), repr(pruned.layers)])
answers["weights"] = sha256(b"".join(pruned.model.weight(name).tobytes() for name in net.divisible)).hexdigest()
vgg = ppsim.load_workload("tinyvgg16")
shared = ppsim.load_system("shared-dram", accelerators=3, set={"interconnect.topology": "ring"})
answers["branches"] = digest(ppsim.simulate(ppsim.load_workload("resnet18"), shared).to_dict())
answers["attention"] = digest(ppsim.simulate(ppsim.load_workload("bert_base").for_run(1, None, 8), tetris).to_dict())
answers["convolutions"] = digest(ppsim.compare(ppsim.partition(vgg, 3, keep=0.5), shared).to_dict())
spec = {
    "format": "ppsim-sweep/1",
    "workload": "lenet300",
    "system": "tetris",
    "axes": {"parts": [1, 2, 5], "dram.sharing": ["private", "shared"], "array.rows": [4, 8]},
}
answers["sweep"] = digest(ppsim.sweep(spec).to_frame().to_csv())
print(json.dumps(answers))
"""


def test_processes_and_hash_seeds_change_no_bit():
    root = str(Path(ppsim.__file__).parents[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ANSWERS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "20241")
    ]
    ended = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    first, second = (json.loads(out) for out, _ in ended)
    assert len(set(first.values())) == len(first)
    assert first == second
