"""`ppsim prune`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim.cli.options import Assignment, JsonFile, Seed, TrainedModel, Weights
from ppsim.cli.output import check_distinct, check_json, console_for, print_page, progress, say, write_json
from ppsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Group

    from ppsim.pruning.output_change import OutputChange
    from ppsim.pruning.prune import Pruned
    from ppsim.workload.model import Array

#: times an even share below which weights are said to have no parts in them
EVEN = 1.1


def prune(
    model: TrainedModel,
    parts: Annotated[int, typer.Option("-p", "--parts", help="Cut layers into that many parts.")],
    layers: Annotated[
        str, typer.Option("--layers", metavar="GLOB", help="Layers to cut: names or globs, with commas.")
    ] = "fc*",
    weights: Weights = None,
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help="The graph, for ppsim run; masks go beside it.  [default: MODEL-pruned.json]",
        ),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option("--export", metavar="FILE", help="Write the pruned model too: .onnx, .safetensors or .npz."),
    ] = None,
    method: Assignment = "alternating",
    saliency: Annotated[
        str, typer.Option("--saliency", help="What is kept most of: w (|w|), w2, or wx2, which needs --calibration.")
    ] = "w2",
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep", help="Share of weights to keep, up to 1, or bytes to move, as 64KiB.  [default: 1/parts]"
        ),
    ] = None,
    slack: Annotated[
        float, typer.Option("--slack", help="How far parts may differ from equal sizes: 0.1 is 10 %.")
    ] = 0.0,
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", metavar="FILE", help="Inputs without labels (.npz), to fit what is left to."),
    ] = None,
    reduce: Annotated[
        str | None,
        typer.Option("--reduce", metavar="GLOB", help="Of these layers, split by inputs and keep whole: a classifier."),
    ] = None,
    compensated: Annotated[
        bool, typer.Option("--compensate/--no-compensate", help="Fit what is left to the calibration inputs.")
    ] = True,
    seed: Seed = 0,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out nodes of an ONNX file that ppsim has no layer for.")
    ] = False,
    json: JsonFile = None,
) -> None:
    """Cut a trained network into parts, prune between them.

    Units are assigned to parts so that the weights that matter most stay. Writes the graph, and beside it masks and the
    order of units as .npz; --export writes the pruned model back, with its units in the order of their parts.
    """
    from ppsim.pruning.output_change import output_changes
    from ppsim.pruning.prune import export as export_model
    from ppsim.pruning.prune import masks_file, save_pruned
    from ppsim.pruning.prune import prune as prune_model
    from ppsim.storage import check_file
    from ppsim.workload.calibration import load_inputs
    from ppsim.workload.formats import format_of_name, is_model_file, read_model_file
    from ppsim.workload.loading import load_model, model_of_file

    check_json(json)
    target = Path(out) if out else Path(f"{Path(model).stem}-pruned.json")
    check_file(target)
    check_distinct((model, weights, calibration), (target, masks_file(target), export, json))
    if export:
        format_of_name(check_file(Path(export)))
    file = read_model_file(model, lenient) if is_model_file(model) and weights is None else None
    trained = model_of_file(file, model) if file else load_model(model, weights)
    skipped = file.skipped if file else ()
    if export and skipped:
        raise InputError(f"--export {export}: nodes of {model} were left out, so it would be another network")
    inputs = None if calibration is None else load_inputs(calibration, trained.graph)
    with progress(f"pruning {trained.graph.name}") as report:
        pruned = prune_model(
            trained, parts, layers, method, saliency, keep, slack, seed, inputs, reduce, compensated, report
        )
    changes = () if inputs is None else output_changes(trained, pruned.model, inputs)
    if export:  # first, as it may be refused: then nothing is written
        export_model(pruned, export)
    beside = save_pruned(pruned, target)
    write_json(json, _document(pruned, changes, method, seed))
    console = console_for(json)
    for line in skipped:
        say(console, f"left out: {line}")
    say(console, f"{trained.graph.name} in {parts} parts, {method} by {saliency}, seed {seed}.")
    console.print()
    print_page(console, _table(pruned))
    console.print()
    for remark in (*_remarks(pruned, method), *_measured(pruned, changes, inputs, compensated)):
        say(console, remark)
    console.print()
    say(console, "wrote " + ", ".join(str(file) for file in (target, beside, *([export] if export else []))))
    say(console, f"Next: ppsim run {target} -s tetris -n {parts}")


def _table(pruned: Pruned) -> Group:
    from ppsim.analysis.quantities import percent, si
    from ppsim.cli.layout import table, titled

    rows = [
        (
            layer.name,
            f"{layer.inputs:,}",
            f"{layer.outputs:,}",
            percent(layer.kept),
            percent(layer.retained),
            si(layer.moved_bytes, "B"),
        )
        for layer in pruned.layers
    ]
    heads = ("layer", "inputs", "outputs", "weights\nkept", f"{pruned.saliency}\nretained", "moved between\nparts")
    return titled(
        f"Layers that are cut; a random cut retains 1/{pruned.net.parts} = {percent(1 / pruned.net.parts)}",
        table(heads, rows),
    )


def _remarks(pruned: Pruned, method: str) -> list[str]:
    """What the table does not say by itself; nothing is promised where weights have no parts in them."""
    cut = [layer for layer in pruned.layers if layer.kept < 1]
    if not cut:
        return ["Nothing is pruned: every layer keeps all its weights."]
    gain = min(layer.retained / layer.kept for layer in cut)
    found = [f"Every layer retains at least {gain:.2f} times an even share of its {pruned.saliency}."]
    if gain < EVEN and method == "alternating":
        found[0] += " There are hardly any parts in these weights: what is cut away has to be made up for."
    for name in pruned.net.graph.results:
        source = pruned.net.graph.sources[name][0]
        last = name if name in pruned.net.layers else source
        if last in pruned.net.layers and pruned.net.layers[last].split == "outputs" and pruned.net.parts > 1:
            found.append(
                f"{last} makes the network's result and is cut by outputs, so each of them sees the features of one "
                f"part alone; if it is a classifier, --reduce {last} keeps it whole."
            )
    return found


def _measured(
    pruned: Pruned, changes: tuple[OutputChange, ...], inputs: Array | None, compensated: bool
) -> Iterator[str]:
    """What is known of the outputs: how far they moved, on what, and how far that is to be trusted."""
    from ppsim.analysis.quantities import percent, short

    if inputs is None:
        yield "What it still computes is not measured here: --calibration fits what is left to inputs, and tells."
        return
    yield f"Calibrated on {len(inputs):,} inputs, {short(float(inputs.min()))} to {short(float(inputs.max()))}."
    if inputs.dtype.kind in "iub":
        yield "They are integers, taken as they are: scale them first if the network was trained on scaled inputs."
    most = max(
        layer.fan_in(q) * pruned.net.taps(name)
        for name, layer in pruned.net.layers.items()
        for q in range(len(layer.out_sizes))
    )
    if compensated and len(inputs) < most:
        yield f"They are fewer than the {most:,} weights that an output has left: other inputs will fare worse."
    fitted = "fitted by least squares" if compensated else "as they were"
    for change in changes:
        yield (
            f"{change.result}: with the weights that are left {fitted}, outputs on the calibration inputs change by "
            f"{percent(change.relative_error)} of their norm, and {percent(change.same_largest)} of the inputs "
            "keep their largest output."
        )


def _document(pruned: Pruned, changes: tuple[OutputChange, ...], method: str, seed: int) -> dict[str, Any]:
    return {
        "network": pruned.net.name,
        "parts": pruned.net.parts,
        "method": method,
        "saliency": pruned.saliency,
        "seed": seed,
        "kept": pruned.net.kept_ratio,
        "layers": [asdict(layer) for layer in pruned.layers],
        "output_changes": [asdict(change) for change in changes],
    }
