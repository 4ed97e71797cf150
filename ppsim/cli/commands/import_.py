"""`ppsim import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ppsim.cli.output import check_distinct, console_for, say
from ppsim.errors import InputError


def import_(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A trained network: an .onnx file.")],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="FILE", help="Where to write it.  [default: MODEL's name.yaml]")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="FILE", help="Write the weights too, as .safetensors or .npz."),
    ] = None,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="Leave out nodes that ppsim has no layer for, where shapes allow, and list them."
        ),
    ] = False,
) -> None:
    """Turn a trained network into a workload, its layers.

    Batch normalisation and constants are folded into the layers before them. The weights stay in MODEL, which every
    command that needs them can read, or go to --weights.
    """
    from ppsim.storage import check_file
    from ppsim.workload.formats import read_model_file, write_model_file
    from ppsim.workload.loading import model_of_file
    from ppsim.workload.writing import save_workload

    target = Path(out) if out else Path(model).with_suffix(".yaml").name
    check_file(Path(target))
    if Path(target).suffix not in (".yaml", ".yml"):
        raise InputError(f"{target}: workloads are YAML; give a name that ends in .yaml")
    check_distinct((model,), (target, weights))
    file = read_model_file(model, lenient)
    loaded = model_of_file(file, model)
    graph = loaded.graph
    if weights is not None:
        if Path(weights).suffix.lower() not in (".safetensors", ".npz"):
            raise InputError(f"--weights {weights}: weights go to .safetensors or .npz files")
        write_model_file(weights, loaded)
    save_workload(graph, target, f"Read from {Path(model).name}.")
    console = console_for(None)
    say(
        console,
        f"{graph.name}: {len(graph.layers)} layers, {graph.parameters:,} parameters, {graph.macs:,} MACs an input.",
    )
    for line in file.skipped:
        say(console, f"left out: {line}")
    say(console, f"wrote {target}" + (f" and {weights}" if weights else ""))
    say(console, f"Next: ppsim run {target} -s tetris; ppsim prune {model} --parts 8 --layers '*'")
    say(console, f"Layers that can be cut: {', '.join(graph.divisible) or 'none'}.")
