"""`ppsim compare-methods`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ppsim.cli.options import (
    Dataflow,
    Energy,
    JsonFile,
    Overlap,
    Seed,
    Settings,
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
    from rich.console import Console, Group

    from ppsim.explore.methods_compared.published import PublishedCompared, PublishedRow
    from ppsim.explore.methods_compared.rows import Gain, Lost, MethodRow, MethodsCompared, Target

#: how many accelerators, of systems that do not say themselves
ACCELERATORS = 8
USUAL_SYSTEM = "tetris"


def compare_methods(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A trained network: .onnx, mlp_mnist, vgg_mnist; or a workload without weights."
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "-s",
            "--system",
            metavar="SYSTEM",
            help="Name or file of the system.  [default: tetris; of --published all that ship]",
        ),
    ] = None,
    accelerators: Annotated[
        int | None,
        typer.Option("-n", "--accelerators", min=1, help="How many accelerators; one is simulated too.  [default: 8]"),
    ] = None,
    latency_share: Annotated[
        float | None,
        typer.Option(
            "--latency-share",
            metavar="SHARE",
            help="Latency on all accelerators to prune to, as a share of the unpruned network's.  [default: 0.5]",
        ),
    ] = None,
    latency_us: Annotated[
        float | None, typer.Option("--latency-us", metavar="US", help="The same in microseconds.")
    ] = None,
    macs: Annotated[
        float | None,
        typer.Option("--macs", metavar="SHARE", help="Prune to a share of the multiply-accumulates instead."),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAMES",
            help="Only these, with commas: partition, unstructured, channels-magnitude, lasso, cap, cacp, trp-channel, "
            "trp-spatial, codesign.",
        ),
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers", metavar="GLOB", help="Layers to cut, to thin, or to write as two; channels go everywhere."
        ),
    ] = "*",
    weights: Weights = None,
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", metavar="FILE", help="Inputs without labels (.npz), to choose by and to fit to."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            metavar="FILE",
            help="MNIST, for test accuracy: x_train, y_train, x_test, y_test (.npz); or openml; or digits.",
        ),
    ] = None,
    seed: Seed = 0,
    published: Annotated[
        bool, typer.Option("--published", help="Compare networks that papers pruned, instead of a MODEL.")
    ] = False,
    dataflow: Dataflow = None,
    overlap: Overlap = None,
    energy: Energy = None,
    settings: Settings = None,
    json: JsonFile = None,
) -> None:
    """Methods of pruning side by side.

    All are brought to the same simulated latency, or to the same MACs: each prunes as little as it can to be within.

    Columns: fewer MACs, those of the unpruned network over the method's; faster and less energy, on one accelerator and
    on all, over the unpruned network on as many; w2 kept, of all squared weights, before any fit; after least squares,
    with inputs: output error, the norm of the outputs' change over their norm, same largest, the share of inputs whose
    largest output stays the same one, and with images test accuracy. Nothing is fine-tuned.
    """
    check_json(json)
    check_distinct((model, weights, calibration, images, system, energy), (json,))
    changes = system_settings(dataflow, overlap, energy, settings)
    if published:
        given = {
            "MODEL": model,
            "--latency-share": latency_share,
            "--latency-us": latency_us,
            "--macs": macs,
            "--methods": methods,
            "--weights": weights,
            "--calibration": calibration,
            "--images": images,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name}: --published compares what papers pruned; leave one of the two out")
        _published(system, accelerators, changes, json)
        return
    if model is None:
        raise InputError("MODEL is missing: name a network, or give --published")
    check_one_of(calibration, images)
    _compared(
        model,
        system or USUAL_SYSTEM,
        accelerators,
        (latency_share, None if latency_us is None else latency_us * 1e-6, macs),
        methods,
        layers,
        weights,
        calibration,
        images,
        seed,
        changes,
        json,
    )


def _compared(
    model: str,
    system: str,
    accelerators: int | None,
    target: tuple[float | None, float | None, float | None],
    methods: str | None,
    layers: str,
    weights: str | None,
    calibration: str | None,
    images: str | None,
    seed: int,
    changes: dict[str, Any],
    json: str | None,
) -> None:
    import ppsim
    from ppsim.explore.images import load_images
    from ppsim.explore.methods_compared.trained import trained_or_not
    from ppsim.explore.setups import system_of
    from ppsim.workload.calibration import load_inputs
    from ppsim.workload.model import Model

    net = trained_or_not(model, weights)
    graph = net.graph if isinstance(net, Model) else net
    hardware = system_of(system, accelerators, ACCELERATORS, changes)
    with progress(f"comparing methods on {graph.name}") as report:
        found = ppsim.compare_methods(
            net,
            hardware,
            latency_share=target[0],
            latency=target[1],
            macs_share=target[2],
            methods=None if methods is None else [name.strip() for name in methods.split(",")],
            layers=layers,
            calibration=None if calibration is None else load_inputs(calibration, graph),
            images=None if images is None else load_images(images),
            seed=seed,
            progress=report,
        )
    write_json(json, found.to_dict())
    _print(console_for(json), found)


def _print(console: Console, found: MethodsCompared) -> None:
    from ppsim.analysis.quantities import energy, si

    say(console, f"{found.network} on {found.system}, {_target(found.target)}.")
    whole = found.rows[0]
    unpruned = (
        f"{_accelerators(of)}: {si(of.seconds, 's')}, {energy(of.energy_pj, found.energy_unit)}" for of in whole.gains
    )
    say(console, f"Unpruned: {si(whole.macs or 0, 'MAC')}; on {'; on '.join(unpruned)}.")
    console.print()
    print_page(console, _table(found))
    console.print()
    for row in found.rows[1:]:
        say(console, f"{row.method}: {row.setting if row.reached else f'out of reach, {row.why_not}'}.")
    for why in dict.fromkeys(found.left_out.values()):
        say(console, f"Left out: {', '.join(name for name, of in found.left_out.items() if of == why)}: {why}.")
    for line in _remarks(found):
        say(console, line)
    console.print()
    print_assumptions(console, found.assumptions)


def _target(target: Target) -> str:
    from ppsim.analysis.quantities import percent, si

    if target.quantity == "MACs":
        return f"every method at {percent(target.share)} of the MACs ({si(target.limit, 'MAC')}) or less"
    on = "1 accelerator" if target.accelerators == 1 else f"{target.accelerators} accelerators"
    return f"every method at {percent(target.share)} of the unpruned latency on {on} ({si(target.limit, 's')}) or less"


def _accelerators(gain: Gain) -> str:
    return "1 accelerator" if gain.accelerators == 1 else f"{gain.accelerators} accelerators"


def _table(found: MethodsCompared) -> Group:
    from ppsim.cli.layout import table, titled

    counts = [gain.accelerators for gain in found.rows[0].gains]
    columns = [name for name in _LOST if any(getattr(row.lost, name) is not None for row in found.rows)]
    heads = (
        "method",
        "fewer\nMACs",
        *(f"faster\non {count}" for count in counts),
        *(f"less en.\non {count}" for count in counts),
        *(_LOST[name] for name in columns),
    )
    rows = [_cells(row, len(counts), columns) for row in found.rows]
    return titled("Methods of pruning", table(heads, rows))


#: fields of Lost -> heads of columns
_LOST = {
    "weights_kept": "w2\nkept",
    "output_error": "output\nerror",
    "same_largest": "same\nlargest",
    "accuracy": "accu-\nracy",
}


def _cells(row: MethodRow, counts: int, columns: list[str]) -> list[str]:
    from ppsim.analysis.quantities import times

    if not row.reached or row.mac_ratio is None:
        return [row.method, *["-"] * (1 + 2 * counts + len(columns))]
    gains = [times(gain.speedup) for gain in row.gains] + [times(gain.energy_reduction) for gain in row.gains]
    return [row.method, times(row.mac_ratio), *gains, *(_lost(row.lost, name) for name in columns)]


def _lost(lost: Lost, name: str) -> str:
    from ppsim.analysis.quantities import percent

    value = getattr(lost, name)
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if name == "accuracy" else percent(value)


def _remarks(found: MethodsCompared) -> Iterator[str]:
    """What the columns leave open."""
    lost = found.rows[0].lost
    if lost.weights_kept is None:
        yield "Without weights nothing is known of what is lost."
    elif lost.output_error is None:
        yield (
            "w2 kept is a poor guide to accuracy, and methods differ in how much of it matters: give --calibration or "
            "--images to know what is lost after least squares."
        )
    elif lost.accuracy is None:
        yield "Output error and same largest are those of the inputs that what is left was fitted to."
    else:
        yield "Accuracy is that of test images, after least squares on training images without labels; no fine-tuning."


def _published(system: str | None, accelerators: int | None, changes: dict[str, Any], json: str | None) -> None:
    from ppsim.documents import names
    from ppsim.explore.methods_compared.published import SYSTEMS, compare_published
    from ppsim.explore.setups import system_of

    chosen = names(SYSTEMS) if system is None else (system,)
    systems = [system_of(name, accelerators, ACCELERATORS, changes) for name in chosen]
    with progress("comparing published networks") as report:
        found = compare_published(systems, progress=report)
    assumptions = {one.name: list(one.assumptions()) for one in systems}
    write_json(json, {**found.to_dict(), "assumptions": assumptions})
    _print_published(console_for(json), found, assumptions)


def _print_published(console: Console, found: PublishedCompared, assumptions: dict[str, list[str]]) -> None:
    from ppsim.analysis.quantities import percent, times
    from ppsim.cli import tables
    from ppsim.cli.layout import table, titled

    counts = [gain.accelerators for gain in found.rows[0].gains]
    heads = (
        "system",
        "network",
        "fewer\nMACs",
        *(f"faster\non {count}" for count in counts),
        *(f"less en.\non {count}" for count in counts),
        *(f"samplers\non {count}" for count in counts),
    )
    rows = []
    for row in found.rows:
        gains = [times(gain.speedup) for gain in row.gains] + [times(gain.energy_reduction) for gain in row.gains]
        shares = [percent(share) if share else "-" for share in row.samplers]
        rows.append((row.system, row.pruned, times(row.mac_ratio), *gains, *shares))
    print_page(console, titled("Published pruned networks over the unpruned ones", table(heads, rows, left=(0, 1))))
    console.print()
    for line in _pairs(found.rows):
        say(console, line)
    console.print()
    print_assumptions(console, tables.told_apart(assumptions))


def _pairs(rows: tuple[PublishedRow, ...]) -> Iterator[str]:
    """What is held against what, and the papers."""
    for row in {row.pruned: row for row in rows}.values():
        yield f"{row.pruned}: over {row.unpruned}; {row.source}."
    for row in rows:
        for gain in row.gains:
            if gain.speedup < 1:
                yield f"{row.pruned} is slower than {row.unpruned} on {_accelerators(gain)} of {row.system}."
    yield "samplers: share of the cycles that copying the channels a residual branch reads takes."
