"""Partitioned networks from JSON files, and into them: the format `ppsim-partitioned/1`.

A file says which network is cut, into how many parts, and for each layer that is cut which units are in which part and
which blocks are kept. What is left out has a default: contiguous parts as equal as they can be, blocks on the diagonal,
dense weights. The batch, the width of weights and the length of sequences are a run's, not the file's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import Discriminator, FailFast, Field, Tag, TypeAdapter

from ppsim.documents import MAX_KEYS, names, parse_json, quote, read_json, validate
from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.storage import write_bytes
from ppsim.workload.documents import PARTITIONED, WORKLOADS, AnyLayer, load_workload
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import NonNegative, Positive
from ppsim.workload.layers import LAYER_TYPES
from ppsim.workload.partitioned import (
    Kept,
    PartitionedGraph,
    PartitionedLayer,
    all_blocks,
    check_parts,
    default_blocks,
    split_evenly,
)
from ppsim.workload.partitioned_writing import document_of, readable
from ppsim.workload.sparsity import DENSE, LAWS, Sparsity

FORMAT = PARTITIONED
MAX_BYTES = 64 * 1024 * 1024
MAX_PARTS = 4096
#: kept blocks in a file, those that "all" stands for included
MAX_BLOCKS = 2**21
#: layers of a network that stands in a file
MAX_LAYERS = MAX_KEYS


@dataclass(frozen=True)
class UnitsDocument(Specification):
    """Which units of a layer's input or output are in which part: either their sizes or a part for each unit."""

    sizes: Annotated[
        tuple[NonNegative, ...],
        FailFast(),
        MinLen(1),
        Field(description="Units of each part. Parts are contiguous: the first units are part 0's."),
    ] = ()
    assignment: Annotated[
        tuple[NonNegative, ...], FailFast(), MinLen(1), Field(description="The part of each unit, in the units' order.")
    ] = ()

    def __post_init__(self) -> None:
        """Reject both and neither."""
        if bool(self.sizes) == bool(self.assignment):
            raise InputError('give either "sizes" or "assignment"; leave both out for parts as equal as they can be')


@dataclass(frozen=True)
class BlockDocument(Specification):
    """A block that is kept: the weights between the input units of one part and the output units of another."""

    from_: Annotated[int, Ge(0), Field(alias="from", description="Input part.")]
    to: Annotated[int, Ge(0), Field(description="Output part; 0 for a layer split by inputs.")]
    nonzeros: Annotated[
        NonNegative | None,
        Field(description="Weights of the block that are not zero; left out: none is known to be zero."),
    ] = None
    units: Annotated[
        Positive | None, Field(description="Keep only so many of the part's first input units; left out: all of them.")
    ] = None


def _blocks_choice(value: Any) -> str | None:
    return "choice[all]" if value == "all" else "choice[list]" if isinstance(value, list | tuple) else None


Blocks = Annotated[
    Annotated[Literal["all"], Tag("choice[all]")]
    | Annotated[tuple[BlockDocument, ...], Field(fail_fast=True), Tag("choice[list]")],
    Discriminator(
        _blocks_choice, custom_error_type="blocks", custom_error_message='Input should be "all" or a list of blocks'
    ),
]


@dataclass(frozen=True)
class LayerDocument(Specification):
    """A linear layer, or an ungrouped convolution, cut into parts of its units (features or channels)."""

    inputs: Annotated[
        UnitsDocument | None, Field(description="Parts of the input units; left out: contiguous and equal.")
    ] = None
    outputs: Annotated[
        UnitsDocument | None,
        Field(
            description="Parts of the output units; left out: contiguous and equal. Not for a layer split by inputs."
        ),
    ] = None
    blocks: Annotated[
        Blocks | None,
        Field(
            description='The blocks that are kept, or "all". Left out: those from part p to part p, or, for a layer '
            "split by inputs, all of them. What is not kept is pruned."
        ),
    ] = None
    split: Annotated[
        Literal["outputs", "inputs"],
        Field(description="What a part computes: its output units, or what its input units add to all output units."),
    ] = "outputs"
    sparsity: Annotated[Sparsity, Field(description="What zeros inside kept blocks are worth.")] = DENSE
    weight_bits: Annotated[
        Annotated[int, Gt(0), Le(1024)] | None,
        Field(description="Bits of a weight in DRAM; left out: as wide as the arrays' operands."),
    ] = None
    rank: Annotated[
        Positive | None,
        Field(description="Each part's weights are a product of a (fan-in x rank) and a (rank x outputs) matrix."),
    ] = None


@dataclass(frozen=True)
class InlineWorkload(Specification):
    """A network, as in a ppsim-workload/1 document."""

    input: Annotated[
        tuple[Positive, ...], FailFast(), MinLen(1), Field(description="Shape of the input without the batch.")
    ]
    layers: Annotated[
        tuple[AnyLayer, ...],
        FailFast(),
        MinLen(1),
        MaxLen(MAX_LAYERS),
        Field(description="Layers, each after what it reads."),
    ]


def _workload_choice(value: Any) -> str | None:
    return "choice[name]" if isinstance(value, str) else "choice[inline]" if isinstance(value, dict) else None


Workload = Annotated[
    Annotated[str, Tag("choice[name]")] | Annotated[InlineWorkload, Tag("choice[inline]")],
    Discriminator(
        _workload_choice,
        custom_error_type="workload",
        custom_error_message='Input should be the name of a network, a path, or {"input": ..., "layers": ...}',
    ),
]


@dataclass(frozen=True)
class PartitionedDocument(Specification):
    """A network cut into parts, one for each accelerator, with the weights between parts pruned."""

    format: Annotated[Literal["ppsim-partitioned/1"], Field(description="The format and its version.")]
    name: Annotated[str, Field(description="Name of the network, in results.")]
    workload: Annotated[
        Workload,
        Field(
            description="The network: the name of one that ppsim ships, a path below the file's folder, or the network "
            "itself."
        ),
    ]
    parts: Annotated[
        int,
        Ge(1),
        Le(MAX_PARTS),
        Field(description="Number of parts; at most the units of each layer on the side that the layer is split by."),
    ]
    layers: Annotated[
        dict[str, LayerDocument], Field(description="The layers that are cut, by name; others stay as they are.")
    ]
    description: Annotated[str, Field(description="For people.")] = ""
    placement: Annotated[
        Annotated[tuple[NonNegative, ...], Field(fail_fast=True)] | None,
        Field(description="The accelerator of each part; left out: part p runs on p modulo their number."),
    ] = None


def partitioned_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a ppsim-partitioned/1 document.

    It is made from the dataclasses that documents are validated against. Whether parts, blocks and names fit the
    network is beyond a schema.
    """
    schema = TypeAdapter(PartitionedDocument).json_schema()
    definitions = schema["$defs"]
    for layer in LAYER_TYPES:  # documents have to name the type, though the dataclass has it by default
        definitions[layer.__name__]["required"].append("type")
    definitions["Sparsity"]["properties"]["kind"]["enum"] = list(LAWS)
    definitions["UnitsDocument"]["oneOf"] = [{"required": ["sizes"]}, {"required": ["assignment"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FORMAT}


def load_partitioned(
    path: str | Path, batch: int = 1, bits: int | None = None, sequence: int | None = None
) -> PartitionedGraph:
    """The partitioned network in a ppsim-partitioned/1 file, for `batch` inputs of `bits` bits (None: the system's).

    `sequence` is the number of positions of a network over sequences; None takes the network's own.
    Raises InputError naming the file, the key and the accepted values.
    """
    path = Path(str(path))
    document = validate(PartitionedDocument, read_json(path, FORMAT, MAX_BYTES), str(path))
    with _at(str(path)):
        return _assembled(document, _network(document, path.parent).for_run(batch, bits, sequence))


def partitioned_from_text(text: str, source: str) -> PartitionedGraph:
    """The partitioned network in the text of a ppsim-partitioned/1 document that stands in another file.

    `source` names that file in errors. A workload that ppsim does not ship stands in the text, a path is refused; the
    limits are those of files. Raises InputError.
    """
    content = text.encode("utf-8", "surrogatepass")
    with _at(source):
        if len(content) > MAX_BYTES:
            raise InputError(f"a document of {len(content)} bytes; {FORMAT} documents go up to {MAX_BYTES}")
        document = validate(PartitionedDocument, parse_json(content, "its document", FORMAT), "its document")
        return _assembled(document, _network(document, None))


def _network(document: PartitionedDocument, folder: Path | None) -> LayerGraph:
    """The network of a document in a file of `folder`; None: in no file, so that it can name no other one."""
    if isinstance(document.workload, InlineWorkload):
        return LayerGraph(document.name, document.workload.input, document.workload.layers)
    if document.workload in names(WORKLOADS):
        file = document.workload
    elif folder is not None:
        file = str(_below(folder, document.workload))
    else:
        raise InputError(f"workload: {quote(document.workload)} is not shipped; a document in a file opens no other")
    return replace(load_workload(file), name=document.name)


def _below(folder: Path, name: str) -> Path:
    """The file of a relative path below a folder; a path that leads out of it, also by a link, is refused."""
    try:
        target = (folder / name).resolve()
        inside = (
            ".." not in Path(name).parts and target.is_relative_to(folder.resolve()) and not Path(name).is_absolute()
        )
        if inside and target.is_file():
            return target
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        inside = True
    what = "is no network that ppsim ships and no file here" if inside else "leads out of the file's folder"
    raise InputError(
        f"workload: {quote(name)} {what}; give a path below the file's folder, or one of: {', '.join(names(WORKLOADS))}"
    )


def _assembled(document: PartitionedDocument, graph: LayerGraph) -> PartitionedGraph:
    # the graph's own checks come first: units of a layer that cannot be cut are not asked for
    whole = PartitionedGraph(graph, document.parts, {}, document.placement, document.description)
    blocks = 0
    layers = {}
    for name, layer in document.layers.items():
        PartitionedGraph.check_divisible(graph, name)
        many = document.parts**2 if layer.split == "outputs" else document.parts
        blocks += many if layer.blocks == "all" else len(layer.blocks or range(document.parts))
        if blocks > MAX_BLOCKS:
            raise InputError(f"layers.{name}.blocks: {blocks} blocks so far; a file has up to {MAX_BLOCKS}")
        layers[name] = _layer(f"layers.{name}", layer, document.parts, *whole.units(name))
    return replace(whole, layers=layers)


def _layer(where: str, document: LayerDocument, parts: int, inputs: int, outputs: int) -> PartitionedLayer:
    with _at(where):
        check_parts(parts, document.split, inputs, outputs)
    in_sizes, in_assignment = _units(f"{where}.inputs", document.inputs, parts, inputs)
    if document.split == "inputs" and document.outputs is not None:
        raise InputError(f"{where}.outputs: a layer split by inputs has one output part; leave it out")
    out_parts = parts if document.split == "outputs" else 1
    out_sizes, out_assignment = _units(f"{where}.outputs", document.outputs, out_parts, outputs)
    if document.blocks is None:
        kept = default_blocks(in_sizes, out_sizes, document.split)
    elif document.blocks == "all":
        kept = all_blocks(in_sizes, out_sizes)
    else:
        kept = _listed_blocks(f"{where}.blocks", document.blocks, in_sizes, out_parts)
    with _at(where):
        return PartitionedLayer(
            in_sizes=in_sizes,
            out_sizes=out_sizes,
            kept=kept,
            in_assignment=in_assignment,
            out_assignment=out_assignment,
            split=document.split,
            sparsity=document.sparsity,
            weight_bits=document.weight_bits,
            rank=document.rank,
        )


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Put the file or the key before what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _units(
    where: str, document: UnitsDocument | None, parts: int, units: int
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Sizes of the parts, and the part of each unit if the document names it."""
    if document is None:
        return split_evenly(units, parts), None
    if document.sizes:
        if len(document.sizes) != parts or sum(document.sizes) != units:
            raise InputError(
                f"{where}.sizes: {len(document.sizes)} sizes that add up to {sum(document.sizes)}; "
                f"give {parts} that add up to {units}"
            )
        return document.sizes, None
    if len(document.assignment) != units:
        raise InputError(
            f"{where}.assignment: {len(document.assignment)} units; give the part of each of {units} units"
        )
    if max(document.assignment) >= parts:
        unit = next(unit for unit, part in enumerate(document.assignment) if part >= parts)
        raise InputError(
            f"{where}.assignment.{unit}: there is no part {document.assignment[unit]}; parts go from 0 to {parts - 1}"
        )
    sizes = [0] * parts
    for part in document.assignment:
        sizes[part] += 1
    return tuple(sizes), document.assignment


def _listed_blocks(
    where: str, blocks: tuple[BlockDocument, ...], in_sizes: tuple[int, ...], out_parts: int
) -> tuple[tuple[Kept, ...], ...]:
    kept: list[list[Kept]] = [[] for _ in range(out_parts)]
    for at, block in enumerate(blocks):
        for key, part, parts in (("from", block.from_, len(in_sizes)), ("to", block.to, out_parts)):
            if part >= parts:
                accepted = f"parts go from 0 to {parts - 1}" if parts > 1 else "it has to be 0"
                raise InputError(f"{where}.{at}.{key}: there is no part {part}; {accepted}")
        most = in_sizes[block.from_]
        if block.units is not None and block.units > most:
            raise InputError(f"{where}.{at}.units: input part {block.from_} has {most} units, got {block.units}")
        kept[block.to].append(Kept(block.from_, block.units or most, block.nonzeros))
    return tuple(tuple(blocks) for blocks in kept)


def save_partitioned(graph: PartitionedGraph, path: str | Path) -> None:
    """Write a partitioned network as a ppsim-partitioned/1 file that `load_partitioned` reads back.

    A network that ppsim ships is referred to by name, any other stands in the file. The batch and the width of weights
    are a run's and are not in it. Raises InputError when the file cannot be written or would be too large to be read.
    """
    path = Path(path)
    write_bytes(path, partitioned_to_text(graph, str(path)).encode())


def partitioned_to_text(graph: PartitionedGraph, target: str) -> str:
    """What `save_partitioned` writes and `partitioned_from_text` reads; `target` names its file in InputErrors."""
    blocks = sum(len(kept) for layer in graph.layers.values() for kept in layer.kept)
    if blocks > MAX_BLOCKS:
        raise InputError(f"{target}: {blocks} blocks; a file has up to {MAX_BLOCKS}")
    text = f"{readable({'format': FORMAT, **document_of(graph)})}\n"
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InputError(f"{target}: a name is no text that can be written: {error.reason}") from None
    if size > MAX_BYTES:
        raise InputError(f"{target}: {size} bytes; {FORMAT} files go up to {MAX_BYTES}")
    return text
