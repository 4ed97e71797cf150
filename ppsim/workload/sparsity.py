"""What zeros inside kept blocks are worth: a law for each kind of sparsity.

    kind        array cycles           MAC energy        weights in DRAM, bits
    dense       as if nothing is zero  all               all x bits
    gated       as if nothing is zero  non-zeros         all x bits
    compressed  as if nothing is zero  all               non-zeros x (bits + index bits)
    n:m         k shrinks to n/m of it what is computed  n/m of all x (bits + log2(m))

`gated` switches the multiplier off for a zero; registers and hops are paid all the same. `compressed` keeps an index of
`index_bits` with each non-zero weight (a format of relative or absolute positions; padding for gaps that an index
cannot express is not counted) and expands on the way into the array. `n:m` keeps n of every m weights in a row along
the reduction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol

from annotated_types import Ge, Gt, Le
from pydantic import Field

from ppsim.errors import InputError
from ppsim.specification import Specification
from ppsim.units import ceil_div


class Block(NamedTuple):
    """A (k x n) block of weights of `bits` bits with `nonzeros` of them not zero."""

    k: int
    n: int
    nonzeros: int
    bits: int


class Effect(NamedTuple):
    """What a block costs: length of the reduction, MACs with energy for each row of m, bits of weights in DRAM."""

    k: int
    macs: int
    weight_bits: int


@dataclass(frozen=True)
class Sparsity(Specification):
    """What zeros inside kept blocks are worth: how they are stored and computed with."""

    kind: Annotated[
        str,
        Field(
            description="dense: zeros cost everything. gated: they cost no MAC energy. compressed: they are not "
            "stored. n:m: n of every m weights along the reduction are computed and stored."
        ),
    ] = "dense"
    format: Annotated[str, Field(description="Name of the compressed format; of kind compressed.")] = ""
    index_bits: Annotated[
        int, Ge(0), Le(64), Field(description="Bits of index stored with each non-zero weight; of kind compressed.")
    ] = 0
    n: Annotated[
        Annotated[int, Gt(0)] | None, Field(description="Weights kept of every m along the reduction; of kind n:m.")
    ] = None
    m: Annotated[Annotated[int, Gt(0), Le(1024)] | None, Field(description="See n; of kind n:m.")] = None

    def __post_init__(self) -> None:
        """Reject fields that do not belong to the kind."""
        if self.kind not in LAWS:
            raise InputError(f"sparsity.kind: {self.kind!r} is unknown; accepted: {', '.join(LAWS)}")
        if (self.kind == "compressed") != bool(self.format):
            raise InputError('sparsity.format: "compressed" needs the name of its format, and no other kind has one')
        if self.index_bits and self.kind != "compressed":
            raise InputError('sparsity.index_bits: accepted with kind "compressed" alone')
        if self.kind == "n:m":
            if self.n is None or self.m is None or self.n > self.m:
                raise InputError(
                    'sparsity: kind "n:m" needs n and m with n <= m, as in {"kind": "n:m", "n": 2, "m": 4}'
                )
        elif self.n is not None or self.m is not None:
            raise InputError('sparsity.n, sparsity.m: accepted with kind "n:m" alone')

    def effect(self, block: Block) -> Effect:
        """What a block costs under this law."""
        return LAWS[self.kind](self, block)

    def describe(self) -> str:
        """The law in a few words, for assumptions."""
        if self.kind == "compressed":
            return f"compressed ({self.format}, {self.index_bits} index bits a non-zero)"
        return f"{self.n}:{self.m}" if self.kind == "n:m" else self.kind


class Law(Protocol):
    """From a block to its effect."""

    def __call__(self, sparsity: Sparsity, block: Block, /) -> Effect:
        """What the block costs."""
        ...


def dense(sparsity: Sparsity, block: Block) -> Effect:
    """Zeros cost everything."""
    weights = block.k * block.n
    return Effect(block.k, weights, weights * block.bits)


def gated(sparsity: Sparsity, block: Block) -> Effect:
    """Zeros cost no MAC energy."""
    return Effect(block.k, block.nonzeros, block.k * block.n * block.bits)


def compressed(sparsity: Sparsity, block: Block) -> Effect:
    """Zeros are not stored."""
    return Effect(block.k, block.k * block.n, block.nonzeros * (block.bits + sparsity.index_bits))


def n_of_m(sparsity: Sparsity, block: Block) -> Effect:
    """The reduction is shorter by n/m; log2(m) index bits with each weight."""
    assert sparsity.n is not None
    assert sparsity.m is not None
    k = ceil_div(block.k * sparsity.n, sparsity.m)
    return Effect(k, k * block.n, k * block.n * (block.bits + (sparsity.m - 1).bit_length()))


#: a new law is one function and one line here
LAWS: dict[str, Law] = {"dense": dense, "gated": gated, "compressed": compressed, "n:m": n_of_m}
DENSE = Sparsity()
