"""Networks from documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias, Union

from annotated_types import MinLen
from pydantic import Field

from ppsim.documents import format_of, locate, plain, read, set_path, settings_of, validate, version
from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.workload.graph import LayerGraph
from ppsim.workload.layer import Positive
from ppsim.workload.layers import LAYER_TYPES

WORKLOADS = "workloads"
FORMAT = "ppsim-workload/1"
#: the format of networks that are cut into parts, which are read elsewhere
PARTITIONED = "ppsim-partitioned/1"

AnyLayer: TypeAlias = Annotated[Union[LAYER_TYPES], Field(discriminator="type")]  # type: ignore[valid-type] # noqa: UP007


@dataclass(frozen=True)
class WorkloadDocument(Specification):
    """A network as a document holds it; `input` is the shape without the batch."""

    name: str
    input: Annotated[tuple[Positive, ...], MinLen(1)]
    layers: Annotated[tuple[AnyLayer, ...], MinLen(1)]
    description: str = ""


def load_workload(
    name: str,
    batch: int = 1,
    bits: int | None = None,
    sequence: int | None = None,
    set: Mapping[str, Any] | None = None,
) -> LayerGraph:
    """The network called `name`, or in the file of that path, for `batch` inputs of `bits` bits (None: the system's).

    `sequence` is the number of positions of a network over sequences; None takes the document's. `set` changes any
    field of the document by its path, as in {"layers.fc1.out_features": 1024}; layers go by their names.
    Raises InputError naming the file, the key and the accepted values.
    """
    return _network(str(name), json.dumps(settings_of(set, str(name)), default=plain))[0].for_run(batch, bits, sequence)


def described_workload(name: str) -> tuple[LayerGraph, str]:
    """The network called `name`, or in the file of that path, at batch 1, and what its document says of it."""
    return _network(str(name))


def _network(name: str, settings: str = "{}") -> tuple[LayerGraph, str]:
    path = locate(name, WORKLOADS, "workload")
    return _read(path, version(path), settings)


@lru_cache(maxsize=64)
def _read(path: Path, version: tuple[str, int, int], settings: str) -> tuple[LayerGraph, str]:
    if format_of(path) == PARTITIONED:
        raise InputError(f"{path}: is partitioned already; give the network before it was cut")
    content = read(path, FORMAT)
    for place, value in json.loads(settings).items():
        set_path(content, place, value, str(path))
    document = validate(WorkloadDocument, content, str(path))
    try:
        return LayerGraph(document.name, document.input, document.layers), document.description
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
