"""What partition pruning costs a trained network in accuracy, beside what it gains in time and energy.

For each network, number of parts P and seed: the fully connected layers are cut into P parts by the method "output",
the classifier is split by its inputs, and test accuracy is measured one-shot (weights between parts set to zero and
nothing else), after least squares (`compensate`) and after masked fine-tuning (`finetune`), neither of which sees a
label or a test image. Beside it, five random cuts one-shot, and the simulated network on P accelerators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from ppsim.baselines import compare
from ppsim.errors import InputError
from ppsim.explore.executors import Progress, run_all
from ppsim.explore.images import CLASSES, Images, load_images
from ppsim.explore.training import RECIPES, accuracy, train
from ppsim.extras import needs
from ppsim.hardware.documents import load_system
from ppsim.pruning.compensation import compensate
from ppsim.pruning.finetune import Schedule, finetune
from ppsim.pruning.masks import masked, masks_of
from ppsim.pruning.output_change import results_of
from ppsim.pruning.partition import partition
from ppsim.storage import check_file, write_bytes, write_json
from ppsim.workload.documents import load_workload
from ppsim.workload.evaluation import input_shape
from ppsim.workload.layers import Linear
from ppsim.workload.loading import load_model, save_model
from ppsim.workload.model import Model
from ppsim.workload.partitioned import PartitionedGraph

#: how a cut network's weights came about, in the order in which they do
STEPS = ("random", "one-shot", "least squares", "fine-tuned")
#: random cuts whose mean accuracy is given
RANDOM_CUTS = 5
METHOD, SALIENCY = "output", "wx2"


@dataclass(frozen=True)
class AccuracyExperiment:
    """What is measured. `weights` are files by network, () for the networks that ship theirs.

    A seed draws the calibration images (`searched` of which judge cuts, `fitted` are for least squares), starts the
    search and shuffles what fine-tuning sees.
    """

    images: str
    networks: tuple[str, ...] = ("mlp_mnist", "vgg_mnist")
    weights: tuple[str | None, ...] = (None, None)
    layers: str = "fc*"
    parts: tuple[int, ...] = (1, 2, 4, 8, 16)
    seeds: tuple[int, ...] = (0, 1, 2)
    system: str = "tetris"
    searched: int = 1000
    fitted: int = 10_000
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        """Reject an experiment without points."""
        if not self.networks or not self.parts or not self.seeds:
            raise InputError("accuracy: networks, parts and seeds need at least one value each")
        if len(self.weights) != len(self.networks):
            raise InputError(f"accuracy: {len(self.weights)} weights for {len(self.networks)} networks; give as many")
        if min(self.parts) < 1 or min(self.searched, self.fitted) < 2:
            raise InputError("accuracy: parts are at least 1, images to search and to fit with at least 2")


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracies, from 0 to 1, of a network in `parts` parts with one seed, and what it gains simulated.

    `speedup` and `energy_reduction` are of the layers that are cut, on as many accelerators as parts, against the
    unpruned ones on one accelerator; `network_speedup` and `network_energy_reduction` are of the whole network.
    """

    network: str
    parts: int
    seed: int
    dense: float
    accuracy: Mapping[str, float]
    kept: float
    speedup: float
    energy_reduction: float
    network_speedup: float
    network_energy_reduction: float


@dataclass(frozen=True)
class Summary:
    """A network in `parts` parts: mean, smallest and largest accuracy over the seeds by step, and mean gains."""

    network: str
    parts: int
    dense: float
    accuracy: Mapping[str, tuple[float, float, float]]
    kept: float
    speedup: float
    energy_reduction: float
    network_speedup: float
    network_energy_reduction: float


@dataclass(frozen=True)
class AccuracyReport:
    """The rows of an experiment, and what the simulated numbers rest on."""

    experiment: AccuracyExperiment
    rows: tuple[AccuracyRow, ...]
    assumptions: tuple[str, ...]

    def summaries(self) -> list[Summary]:
        """Over the seeds, networks and parts in the experiment's order."""
        groups: dict[tuple[str, int], list[AccuracyRow]] = {}
        for row in self.rows:
            groups.setdefault((row.network, row.parts), []).append(row)
        return [_summary(rows) for rows in groups.values()]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "experiment": asdict(self.experiment)
            | {"images": Path(self.experiment.images).name, "method": METHOD, "saliency": SALIENCY},
            "rows": [asdict(row) for row in self.rows],
            "summaries": [asdict(summary) for summary in self.summaries()],
            "assumptions": list(self.assumptions),
        }


def measure_accuracy(
    experiment: AccuracyExperiment, jobs: int | None = None, progress: Progress | None = None
) -> AccuracyReport:
    """Run the experiment on `jobs` processes (None: one for each processor); the numbers do not depend on `jobs`.

    Raises InputError for images, networks or weights that cannot be used, or without the extra "accuracy".
    """
    with needs("accuracy", "measuring accuracy"):
        import onnxruntime  # noqa: F401
        import torch  # noqa: F401
    both = list(zip(experiment.networks, experiment.weights, strict=True))
    # complain before anything long runs
    system = load_system(experiment.system, accelerators=max(experiment.parts))
    for network, weights in both:
        model = load_model(network, weights)
        for parts in experiment.parts:
            partition(model.graph, parts, experiment.layers, reduce=_classifier(model))
    _images(experiment.images)
    points = [
        (name, file, parts, seed) for name, file in both for parts in experiment.parts for seed in experiment.seeds
    ]
    rows = run_all([partial(accuracy_row, experiment, *point) for point in points], jobs, progress)
    return AccuracyReport(experiment, tuple(rows), tuple(system.assumptions()))


def accuracy_row(
    experiment: AccuracyExperiment, network: str, weights: str | None, parts: int, seed: int
) -> AccuracyRow:
    """One network, cut into `parts` parts, with one seed."""
    images, model = _images(experiment.images), load_model(network, weights)
    rng = np.random.default_rng([seed, parts])
    shape = input_shape(model.graph)
    training = images.train.reshape(len(images.train), *shape)
    fitting = training[rng.permutation(len(training))[: experiment.fitted]]
    cut = partial(partition, model, parts, experiment.layers, reduce=_classifier(model))

    def measured(candidate: Model) -> float:
        return accuracy(candidate, images.test, images.test_classes)

    net = cut(method=METHOD, saliency=SALIENCY, seed=seed, calibration=fitting[: experiment.searched])
    dense = measured(model)
    if parts == 1:  # nothing is cut away, so there is nothing to make up for
        found = dict.fromkeys(STEPS, dense)
    else:
        blind = [cut(method="random", seed=seed * RANDOM_CUTS + number) for number in range(RANDOM_CUTS)]
        fitted = compensate(model, net, fitting)
        tuned = finetune(fitted, net, model, training, experiment.schedule, seed)
        found = {
            "random": fmean(measured(masked(model, masks_of(one))) for one in blind),
            "one-shot": measured(masked(model, masks_of(net))),
            "least squares": measured(fitted),
            "fine-tuned": measured(tuned),
        }
    return AccuracyRow(model.graph.name, parts, seed, dense, found, net.kept_ratio, *_gains(net, experiment.system))


def _gains(net: PartitionedGraph, system: str) -> tuple[float, float, float, float]:
    comparison = compare(net, load_system(system, accelerators=net.parts), baselines=("single-dense",))
    pruned = comparison.pruned_layers
    assert pruned is not None
    return pruned.speedup, pruned.energy_reduction, comparison.speedup, comparison.energy_reduction


def _classifier(model: Model) -> str:
    """The last fully connected layer."""
    linear = [layer.name for layer in model.graph.layers if isinstance(layer, Linear)]
    if len(linear) < 2:
        raise InputError(
            f"{model.graph.name}: has {len(linear)} fully connected layers; two are needed, a classifier last"
        )
    return linear[-1]


@lru_cache(maxsize=1)
def _images(source: str) -> Images:
    return load_images(source)


def _summary(rows: Sequence[AccuracyRow]) -> Summary:
    first = rows[0]
    by_step = {step: [row.accuracy[step] for row in rows] for step in STEPS}
    return Summary(
        network=first.network,
        parts=first.parts,
        dense=first.dense,
        accuracy={step: (fmean(values), min(values), max(values)) for step, values in by_step.items()},
        kept=fmean(row.kept for row in rows),
        speedup=fmean(row.speedup for row in rows),
        energy_reduction=fmean(row.energy_reduction for row in rows),
        network_speedup=fmean(row.network_speedup for row in rows),
        network_energy_reduction=fmean(row.network_energy_reduction for row in rows),
    )


def trained_networks(
    networks: Sequence[str], source: str, place: Path, seed: int = 1, progress: Progress | None = None
) -> tuple[str, ...]:
    """Train networks on images from `source`; the paths of their weights, NETWORK.safetensors in the folder `place`.

    Raises InputError as `train` does, or for a network that does not take 28 x 28 images.
    """
    images = _images(source)
    paths = []
    for number, name in enumerate(networks):
        graph = load_workload(name)
        if prod(graph.input_shape) != images.train[0].size:
            raise InputError(f"{name}: takes {graph.input_shape}, and images are 28 x 28")
        if graph.shapes[results_of(graph)[0]] != (CLASSES,):
            raise InputError(f"{name}: gives {graph.shapes[results_of(graph)[0]]}, and there are {CLASSES} classes")

        def report(done: int, total: int, before: int = number) -> None:
            if progress:
                progress(before * total + done, len(networks) * total)

        model = train(graph, images.train, images.train_classes, RECIPES.get(name), seed, report)
        paths.append(str(place / f"{graph.name}.safetensors"))
        save_model(model, paths[-1])
    return tuple(paths)


def save_accuracy(report: AccuracyReport, place: Path) -> tuple[Path, ...]:
    """Write accuracy.json, accuracy.csv (a line a row) and accuracy.png into a folder; returns their paths.

    Raises InputError where they cannot be written.
    """
    from ppsim.analysis.accuracy_figure import accuracy_figure
    from ppsim.analysis.figures import drawn

    experiment = report.experiment
    paths = tuple(check_file(place / f"accuracy.{kind}") for kind in ("json", "csv", "png"))
    frame = pd.DataFrame(
        {key: value for key, value in asdict(row).items() if key != "accuracy"}
        | {step.replace(" ", "_").replace("-", "_"): value for step, value in row.accuracy.items()}
        for row in report.rows
    )
    title = (
        f"{Path(experiment.images).stem}: {experiment.layers} in P parts on P accelerators ({experiment.system}); "
        f"mean and range of {len(experiment.seeds)} seeds"
    )
    # numbers first: they took long
    write_json(paths[0], report.to_dict())
    write_bytes(paths[1], frame.to_csv(index=False).encode())
    write_bytes(paths[2], drawn(accuracy_figure([asdict(one) for one in report.summaries()], title), "png"))
    return paths
