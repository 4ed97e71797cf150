"""`ppsim codesign`."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ppsim.cli.options import (
    Assignment,
    Energy,
    JsonFile,
    Seed,
    Settings,
    SystemName,
    TrainedModel,
    Weights,
    check_one_of,
    system_settings,
)
from ppsim.cli.output import (
    check_distinct,
    check_json,
    console_for,
    print_assumptions,
    print_page,
    progress,
    say,
    write_json,
)
from ppsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Group

    from ppsim.analysis.result import Result
    from ppsim.explore.codesign.data import Data
    from ppsim.explore.codesign.report import Chosen, Codesigned, Front

PREFIXES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
#: a number of seconds or joules with its unit, or a share as 1/16 or 0.25x
QUANTITY = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\s*([pnum]?)(s|J)")
SHARE = re.compile(r"1/(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)x")

NO_BOUND = "how little it might be here has no bound above 0."


def codesign(
    model: TrainedModel,
    system: SystemName,
    accelerators: Annotated[
        int | None, typer.Option("-n", "--accelerators", help="How many accelerators.  [default: 8]")
    ] = None,
    target_latency: Annotated[
        str | None,
        typer.Option(
            "--target-latency", metavar="LIST", help="At most so long: 1.5us, or 1/16 of the unpruned; with commas."
        ),
    ] = None,
    target_energy: Annotated[
        str | None,
        typer.Option("--target-energy", metavar="LIST", help="At most so much energy: 200nJ, or 1/8; with commas."),
    ] = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option("--min-accuracy", metavar="SHARE", help="The fastest that is right that often: 0.97."),
    ] = None,
    weights: Weights = None,
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", metavar="FILE", help="Inputs without labels (.npz), to fit and to judge with."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images", metavar="FILE", help="Images with labels (.npz, digits or openml): accuracy is measured."
        ),
    ] = None,
    layers: Annotated[
        str, typer.Option("--layers", metavar="GLOB", help="Layers that may be changed: names or globs, with commas.")
    ] = "*",
    parts: Annotated[
        str | None,
        typer.Option("-p", "--parts", metavar="LIST", help="Numbers of parts to try.  [default: half, all, twice -n]"),
    ] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals/--no-rivals", help="Beside it uniform and FLOP-guided pruning.")
    ] = True,
    method: Assignment = "alternating",
    seed: Seed = 0,
    out: Annotated[
        str | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="The graph of the tightest budget.  [default: MODEL-codesign.json]"
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option("--export", metavar="FILE", help="Write the chosen model too: .onnx, .safetensors or .npz."),
    ] = None,
    energy: Energy = None,
    settings: Settings = None,
    json: JsonFile = None,
) -> None:
    """Choose parts, widths and ranks within a budget.

    Of all designs within a simulated latency or energy, the one that loses least: how many parts, which blocks each
    keeps, how wide each layer is, and which are factorised. Beside it stand uniform pruning and pruning by
    multiply-accumulates at the same budget. Several budgets give a front. Takes minutes.
    """
    from ppsim.explore.codesign.codesign import codesign as one_design
    from ppsim.explore.codesign.codesign import codesign_front
    from ppsim.explore.codesign.data import calibrated, labelled
    from ppsim.explore.codesign.report import Front
    from ppsim.explore.setups import system_of
    from ppsim.pipeline import simulate
    from ppsim.storage import check_file
    from ppsim.workload.formats import format_of_name
    from ppsim.workload.loading import load_model
    from ppsim.workload.partitioned_documents import save_partitioned

    check_json(json)
    given = [target for target in (target_latency, target_energy, min_accuracy) if target is not None]
    if len(given) != 1:
        raise InputError("give one of --target-latency, --target-energy and --min-accuracy")
    check_one_of(calibration, images)
    if min_accuracy is not None:
        if not 0 < min_accuracy <= 1:
            raise InputError(f"--min-accuracy {min_accuracy:g} is out of range; accepted: above 0, up to 1")
        if not (calibration or images):
            raise InputError("--min-accuracy is measured: give --images, or --calibration for agreement instead")
    counts = None if parts is None else _numbers(parts)
    target = Path(out) if out else Path(f"{Path(model).stem}-codesign.json")
    if target.suffix.lower() != ".json":
        raise InputError(
            f"--out {target}: the design is JSON; give a name that ends in .json, or --export for the model"
        )
    check_file(target)
    check_distinct((model, weights, calibration, images, system, energy), (target, export, json))
    if export:
        format_of_name(check_file(Path(export)))
    trained = load_model(model, weights)
    hardware = system_of(system, accelerators, 8, system_settings(None, None, energy, settings))
    unpruned = simulate(trained.graph, hardware)
    latencies = _targets("--target-latency", target_latency, "s", unpruned.seconds)
    energies = _targets("--target-energy", target_energy, "J", unpruned.energy_pj * 1e-12, 1e12)
    if target_energy is not None and "J" in target_energy and unpruned.energy_unit != "pJ":
        raise InputError(
            f"--target-energy {target_energy}: the energy table counts in {unpruned.energy_unit}; give shares"
        )
    data = labelled(trained, images, seed) if images else calibrated(trained, calibration)
    with progress(f"co-design of {trained.graph.name}") as report:
        if min_accuracy is not None:
            front = Front(
                (
                    one_design(
                        trained,
                        hardware,
                        min_accuracy=min_accuracy,
                        layers=layers,
                        parts=counts,
                        calibration=data.inputs,
                        judge=data.judge,
                        rivals=rivals,
                        method=method,
                        seed=seed,
                        progress=report,
                    ),
                )
            )
        else:
            front = codesign_front(
                trained,
                hardware,
                latencies,
                energies,
                layers=layers,
                parts=counts,
                calibration=data.inputs,
                judge=data.judge,
                rivals=rivals,
                method=method,
                seed=seed,
                progress=report,
            )
    best = front.designs[-1]
    if export:
        _export(best, export)
    save_partitioned(best.net, target)
    measured = [{row.name: data.test(row.model) for row in (one.best, *one.rivals)} for one in front.designs]
    setting = {"network": trained.graph.name, "system": hardware.name, "accelerators": hardware.accelerators}
    before = {"seconds": unpruned.seconds, "energy_pj": unpruned.energy_pj, "macs": unpruned.macs}
    found = {**front.to_dict(), "test_accuracy": measured}
    write_json(json, {**setting, "seed": seed, "min_accuracy": min_accuracy, "unpruned": before, **found})
    console = console_for(json)
    print_page(console, _page(front, data, measured, unpruned))
    console.print()
    for line in _remarks(front, data):
        say(console, line)
    console.print()
    print_assumptions(console, best.assumptions)
    console.print()
    say(console, "wrote " + ", ".join(str(file) for file in (target, *([export] if export else []))))
    say(console, f"Next: ppsim run {target} -s {system} -n {hardware.accelerators}")


def _export(best: Codesigned, path: str) -> None:
    from ppsim.workload.formats import write_model_file
    from ppsim.workload.partitioned_documents import partitioned_to_text

    write_model_file(path, best.model, partitioned_to_text(best.net, path))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(number) for number in text.split(","))
    except ValueError:
        raise InputError(f"--parts {text}: give numbers with commas, as in 4,8,16") from None
    if min(found) < 2:
        raise InputError(f"--parts {text}: give numbers from 2 on")
    return found


def _targets(option: str, text: str | None, unit: str, unpruned: float, scale: float = 1.0) -> tuple[float, ...]:
    """Seconds, or joules times `scale`, of quantities with commas; shares are of what the unpruned network takes."""
    found = []
    for piece in (text or "").split(",") if text is not None else ():
        share, quantity = SHARE.fullmatch(piece.strip()), QUANTITY.fullmatch(piece.strip())
        if share:
            whole, over = (1.0, float(share[1])) if share[1] else (float(share[2]), 1.0)
            value = unpruned * whole / over if over else 0.0
        elif quantity and quantity[3] == unit:
            value = float(quantity[1]) * PREFIXES[quantity[2]]
        else:
            raise InputError(
                f"{option} {text}: {piece!r} is neither a quantity, as in 1.5u{unit}, nor a share of what the unpruned "
                "network takes, as in 1/16 or 0.25x"
            )
        if not 0 < value < inf:
            raise InputError(f"{option} {text}: {piece!r} is out of range; accepted: above 0")
        found.append(value * scale)
    return tuple(found)


def _page(front: Front, data: Data, measured: list[dict[str, float | None]], unpruned: Result) -> Group:
    from rich.console import Group
    from rich.text import Text

    parts = [
        part
        for one, accuracies in zip(front.designs, measured, strict=True)
        for part in (_compared(one, data, accuracies, unpruned), Text())
    ]
    last = front.designs[-1]
    way = (_way(last, unpruned.energy_unit), Text()) if last.judged_by else ()
    return Group(*parts, *way, _layers(last.best))


def _compared(one: Codesigned, data: Data, accuracies: dict[str, float | None], unpruned: Result) -> Group:
    from ppsim.analysis.quantities import energy as amount
    from ppsim.analysis.quantities import percent, si, times
    from ppsim.cli.layout import table, titled

    goal = (
        f"A latency of at most {si(one.goal_latency, 's')}"
        if one.goal_latency is not None
        else f"An energy of at most {amount(one.goal_energy_pj or 0.0, unpruned.energy_unit)}"
    )
    heads = ["", "parts", "latency", "speedup", "energy", "MACs", "loss"]
    if one.judged_by:
        heads.append(one.judged_by + "\nheld back")
    if data.dense is not None:
        heads.append("test\naccuracy")
    rows = []
    for row in (one.best, *one.rivals):
        cells = [
            row.name,
            str(row.parts),
            si(row.seconds, "s"),
            times(unpruned.seconds / row.seconds),
            f"{times(unpruned.energy_pj / row.energy_pj)} less",
            si(row.macs, "MAC"),
            f"{row.loss:.3f}",
        ]
        if row.quality is not None:
            cells.append(percent(row.quality))
        if data.dense is not None:
            accuracy = accuracies[row.name]
            cells.append("" if accuracy is None else f"{100 * accuracy:.2f} %")
        rows.append(cells)
    return titled(goal, table(heads, rows))


def _way(one: Codesigned, energy_unit: str) -> Group:
    """The designs that were the best so far; prices are in cycles, or in thousandths of a pJ."""
    from ppsim.analysis.quantities import energy as amount
    from ppsim.analysis.quantities import percent
    from ppsim.cli.layout import table, titled

    by_energy = one.goal_latency is None
    rows = [
        (
            f"{number} of {len(one.steps)}",
            step.stage,
            str(step.parts),
            amount(step.price / 1000, energy_unit) if by_energy else f"{step.price:,}",
            f"{step.loss:.3f}",
            "" if step.quality is None else percent(step.quality),
        )
        for number, step in enumerate(one.steps, start=1)
        if step.best
    ]
    heads = ("design", "from", "parts", "energy" if by_energy else "cycles", "loss", one.judged_by or "")
    return titled("The best so far, of the designs that were tried", table(heads, rows, left=(0, 1)))


def _layers(best: Chosen) -> Group:
    from ppsim.analysis.quantities import percent
    from ppsim.cli.layout import table, titled

    rows = [
        (
            layer.name,
            f"{layer.inputs:,} of {layer.inputs_before:,}",
            f"{layer.outputs:,} of {layer.outputs_before:,}",
            layer.form,
            "" if layer.rank is None else str(layer.rank),
            f"{layer.cycles:,}",
            percent(layer.cycles / best.cycles),
            f"{layer.loss:.3f}",
        )
        for layer in best.layers
    ]
    heads = ("layer", "inputs", "outputs", "form", "rank", "cycles", "of all", "loss")
    title = f"The design that was written, in {best.parts} parts ({best.method})"
    return titled(title, table(heads, rows, left=(0, 3)))


def _remarks(front: Front, data: Data) -> Iterator[str]:
    from ppsim.analysis.quantities import percent

    one = front.designs[-1]
    yield (
        "Speedup and energy are against the unpruned network on the same accelerators. Loss is -log of the share of "
        "each layer's output variance that comes through, summed; "
        + (f"nothing in the tables loses less than {one.bound:.3f} here." if one.bound >= 0.0005 else NO_BOUND)
    )
    tried = sum(len(design.steps) for design in front.designs)
    if one.judged_by:
        yield (
            f"{tried} designs were fitted by least squares and judged on the way; the chosen ones are fitted to "
            f"{one.fitted_to:,} inputs, without fine-tuning."
        )
    else:
        yield "What designs still compute is not measured here: --calibration or --images does, and fits what is left."
    if data.dense is not None:
        yield f"The unpruned network's test accuracy is {percent(data.dense)}."
    yield from front.missed
    yield "ppsim run holds the design against a network of its widths: what these alone gain is in the tables above."
