"""What a file format for trained networks is: how to read and how to write one.

A file holds arrays, named "layer.tensor"; most formats hold the network too, and all have room for a text in which
ppsim keeps the document of a partitioned network (`ppsim-partitioned/1`), so that a pruned model is one file.

Files are not trusted. A reader never unpickles, never follows a path out of the file's folder, and takes no more memory
than the file's own size suggests; whatever is wrong with a file is one InputError that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ppsim.workload.graph import LayerGraph
from ppsim.workload.model import Array, Model


@dataclass(frozen=True)
class ModelFile:
    """What a file of trained numbers holds.

    `graph` is None where a format holds arrays alone. `document` is the text of a ppsim-partitioned/1 document, or
    None. `skipped` describes the nodes that were left out, which happens only where a reader is asked to be lenient.
    """

    tensors: Mapping[str, Array]
    graph: LayerGraph | None = None
    document: str | None = None
    skipped: tuple[str, ...] = ()


class ModelFormat(Protocol):
    """One file format."""

    def read(self, path: Path, lenient: bool) -> ModelFile:
        """What a file holds; `lenient` leaves out nodes that ppsim has no layer for, where that keeps all shapes.

        Raises InputError naming the file and what is wrong with it.
        """
        ...

    def write(self, path: Path, model: Model, document: str | None) -> None:
        """Write a model, and the document of a partitioned network with it, wholly or not at all.

        Raises InputError where the file cannot be written, or the format cannot express a layer.
        """
        ...
