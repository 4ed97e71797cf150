"""Co-design against uniform and FLOP-guided pruning: test accuracy at equal simulated latency on 8 accelerators.

Five latencies for each network, as shares of what the unpruned one takes on the same accelerators, and some seeds. All
methods are fitted by least squares to the same training images, and none is fine-tuned; designs are judged by other
training images, test images are looked at once. Prints a table of means over the seeds, and writes every design.

    python tests/benchmarks/codesign.py MNIST.npz RESULTS.json [--networks mlp_mnist,vgg_mnist] [--seeds 0,1,2]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import ppsim
from ppsim.explore.codesign.data import labelled
from ppsim.explore.executors import run_all

ACCELERATORS = 8
#: latencies: the unpruned network's over these, and the numbers of parts that are tried; vgg_mnist takes no less than
#: about a tenth, however narrow its layers are
LATENCIES = {"mlp_mnist": (2, 8, 16, 32, 40), "vgg_mnist": (2, 4, 8, 8.5, 9)}
PARTS = {"mlp_mnist": (8, 16), "vgg_mnist": (8,)}
METHODS = ("co-design", "uniform", "fewest MACs")


def designs(images: str, network: str, seed: int) -> list[dict[str, Any]]:
    """A row for each latency and method."""
    began = time.perf_counter()
    model, system = ppsim.load_model(network), ppsim.load_system("tetris", accelerators=ACCELERATORS)
    data, whole = labelled(model, images, seed), ppsim.simulate(model.graph, system).seconds
    front = ppsim.codesign_front(
        model,
        system,
        target_latencies=[whole / share for share in LATENCIES[network]],
        parts=PARTS[network],
        calibration=data.inputs,
        judge=data.judge,
        seed=seed,
    )
    rows = [
        {"network": network, "seed": seed, "goal": one.goal_latency, "bound": one.bound}
        | {"dense": data.dense, "test": data.test(row.model), **row.to_dict()}
        for one in front.designs
        for row in (one.best, *one.rivals)
    ]
    print(f"{network}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Markdown: mean test accuracies by latency and method, and what co-design is ahead by."""
    yield f"| network | latency | {' | '.join(METHODS)} | ahead of uniform | of fewest MACs |"
    yield "|---|---|" + "---|" * (len(METHODS) + 2)
    for network in dict.fromkeys(row["network"] for row in rows):
        of = [row for row in rows if row["network"] == network]
        for goal in dict.fromkeys(row["goal"] for row in of):
            at = [row for row in of if row["goal"] == goal]
            found = {name: 100 * fmean(row["test"] for row in at if row["name"] == name) for name in METHODS}
            ahead = [found["co-design"] - found[name] for name in METHODS[1:]]
            cells = [f"{goal * 1e6:.2f} us", *(f"{value:.2f}" for value in found.values())]
            yield f"| `{network}` | {' | '.join(cells)} | {' | '.join(f'{gap:+.2f}' for gap in ahead)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images")
    parser.add_argument("results", type=Path)
    parser.add_argument("--networks", default="vgg_mnist,mlp_mnist")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    networks, seeds = options.networks.split(","), [int(seed) for seed in options.seeds.split(",")]
    tasks = [partial(designs, options.images, network, seed) for network in networks for seed in seeds]
    rows = [row for found in run_all(tasks) for row in found]
    options.results.write_text(json.dumps(rows, indent=1))
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
