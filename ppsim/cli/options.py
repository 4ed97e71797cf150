"""Options that several commands have, and what they mean for a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ppsim.errors import InputError

SystemName = Annotated[str, typer.Option("-s", "--system", metavar="SYSTEM", help="Name or file of the system.")]
Accelerators = Annotated[
    int | None,
    typer.Option("-n", "--accelerators", help="How many accelerators.  [default: one for each part, or as placed]"),
]
Dataflow = Annotated[
    str | None,
    typer.Option(
        "--dataflow",
        metavar="os|ws|is",
        help="Dataflow of the arrays; with several, as in 'ws|is', a product has the faster.  [default: the system's]",
    ),
]
Overlap = Annotated[
    bool | None, typer.Option("--overlap/--no-overlap", help="Load the next fold's weights while this one computes.")
]
Energy = Annotated[
    str | None,
    typer.Option("--energy", metavar="TABLE", help="Name or file of the energy table; NAME@16 scales it to 16 nm."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change any field that ppsim show SYSTEM lists: dram.latency_ns=0; repeatable.",
    ),
]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Processes; one for each processor by default.")]
Engine = Annotated[
    str,
    typer.Option(
        "--engine", metavar="auto|reference|shortcuts|compiled", help="Same numbers; reference goes tile by tile."
    ),
]
TrainedModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A trained network: .onnx, mlp_mnist, vgg_mnist, or a workload with --weights."
    ),
]
Weights = Annotated[
    str | None, typer.Option("--weights", metavar="FILE", help="Weights of a workload: .safetensors or .npz.")
]
Assignment = Annotated[
    str, typer.Option("--method", help="How units are assigned: alternating, output, metis, random, contiguous.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Starts whatever is random.")]
JsonFile = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE", help="Write the numbers as JSON; - writes them to stdout, tables to stderr."
    ),
]


def check_one_of(calibration: str | None, images: str | None) -> None:
    """Complain about both kinds of inputs at once."""
    if calibration and images:
        raise InputError("--calibration has no labels and --images has; give one of the two")


def system_settings(
    dataflow: str | None, overlap: bool | None, energy: str | None, settings: Sequence[str] | None
) -> dict[str, Any]:
    """Options as settings by path; `--set` comes last and wins."""
    if overlap and dataflow == "os":
        raise InputError("--overlap loads stationary operands ahead and os has none; accepted with ws and is")
    named = {"array.dataflow": dataflow, "array.overlap": overlap, "energy": energy}
    found = {path: value for path, value in named.items() if value is not None}
    found |= dict(_setting(text) for text in settings or ())
    if "accelerators" in found:
        raise InputError("--set accelerators: give -n ACCELERATORS instead")
    return found


def _setting(text: str) -> tuple[str, Any]:
    """`path=value` with the value read as YAML."""
    import yaml

    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise InputError(f"--set {text}: give PATH=VALUE, as in --set dram.latency_ns=0")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {text}: {value!r} is no YAML value, as in --set dram.latency_ns=0") from None
    if isinstance(parsed, str):  # YAML 1.1 takes 1e-3 for a word
        try:
            parsed = float(parsed)
        except ValueError:
            return path.strip(), parsed
    return path.strip(), parsed
