"""`ppsim accuracy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.options import Jobs, JsonFile
from ppsim.cli.output import check_json, console_for, print_assumptions, print_page, progress, say, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from rich.console import Group

    from ppsim.explore.accuracy import AccuracyReport


def accuracy(
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="FILE", help="MNIST: x_train, y_train, x_test, y_test (.npz); or openml; or digits."
        ),
    ],
    networks: Annotated[
        str, typer.Option("--networks", metavar="NAMES", help="Networks with trained weights, with commas.")
    ] = "mlp_mnist,vgg_mnist",
    train: Annotated[
        bool, typer.Option("--train/--load", help="Train the networks on the data first, or load shipped weights.")
    ] = False,
    parts: Annotated[str, typer.Option("-p", "--parts", metavar="LIST", help="Numbers of parts.")] = "1,2,4,8,16",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Repetitions with other seeds.")] = 3,
    system: Annotated[
        str, typer.Option("-s", "--system", metavar="SYSTEM", help="System that speedup and energy are simulated on.")
    ] = "tetris",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs of fine-tuning.")] = 3,
    out: Annotated[
        str,
        typer.Option("-o", "--out", metavar="FOLDER", help="For accuracy.json, .csv and .png, and trained weights."),
    ] = "results/accuracy",
    jobs: Jobs = None,
    json: JsonFile = None,
) -> None:
    """Measure accuracy after pruning beside speedup and energy.

    Fully connected layers are cut into P parts, which P accelerators run. Accuracy is that of test images: one-shot,
    with what is left fitted by least squares, and fine-tuned without labels. All of MNIST takes a quarter of an hour on
    two processors.
    """
    from ppsim.explore.accuracy import AccuracyExperiment, measure_accuracy, save_accuracy, trained_networks
    from ppsim.pruning.finetune import Schedule
    from ppsim.storage import folder

    check_json(json)
    counts = _numbers(parts)
    place = folder(Path(out))
    names = tuple(name.strip() for name in networks.split(","))
    weights: tuple[str | None, ...] = (None,) * len(names)
    if train:
        with progress(f"training {networks}") as report:
            weights = trained_networks(names, data, place, progress=report)
    experiment = AccuracyExperiment(
        images=data,
        networks=names,
        weights=weights,
        parts=counts,
        seeds=tuple(range(seeds)),
        system=system,
        schedule=Schedule(epochs=epochs),
    )
    with progress(f"measuring {networks}") as report:
        found = measure_accuracy(experiment, jobs, report)
    paths = save_accuracy(found, place)
    write_json(json, found.to_dict())
    console = console_for(json)
    for page in _tables(found):
        print_page(console, page)
        console.print()
    say(
        console,
        "Accuracies are means over the seeds, with the smallest and the largest. random: the mean of five random cuts "
        "for each seed, one-shot. Speedup and energy are of the layers that are cut, on P accelerators, against the "
        "unpruned network on one.",
    )
    console.print()
    print_assumptions(console, found.assumptions)
    console.print()
    say(console, "wrote " + ", ".join(str(path) for path in paths))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise InputError(f"--parts {text}: give numbers with commas, as in 2,4,8") from None


def _tables(report: AccuracyReport) -> list[Group]:
    """A table for each network."""
    from ppsim.analysis.quantities import times
    from ppsim.cli.layout import table, titled
    from ppsim.explore.accuracy import STEPS

    def cell(values: tuple[float, float, float]) -> str:
        mean, low, high = (100 * value for value in values)
        return f"{mean:.2f} ({low:.2f}-{high:.2f})"

    pages = []
    summaries = report.summaries()
    for network in dict.fromkeys(summary.network for summary in summaries):
        mine = [summary for summary in summaries if summary.network == network]
        rows = [
            (
                str(one.parts),
                *(cell(one.accuracy[step]) for step in STEPS),
                times(one.speedup),
                times(one.energy_reduction),
            )
            for one in mine
        ]
        heads = ("P", *STEPS, "speedup", "energy")
        title = f"{network}: test accuracy in %, unpruned {100 * mine[0].dense:.2f}"
        pages.append(titled(title, table(heads, rows)))
    return pages
