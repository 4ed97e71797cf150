"""The laws of sparsity, by hand and as bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from partitioned_graphs import SPARSITIES

import ppsim
from ppsim.workload.sparsity import DENSE, LAWS, Block, Effect, Sparsity


@pytest.mark.parametrize(
    ("sparsity", "effect"),
    [
        # a (10 x 6) block of 8 bit with 20 non-zeros
        (DENSE, Effect(10, 60, 480)),
        (Sparsity(kind="gated"), Effect(10, 20, 480)),
        (Sparsity(kind="compressed", format="relative index", index_bits=4), Effect(10, 60, 20 * 12)),
        (Sparsity(kind="compressed", format="bitmap"), Effect(10, 60, 20 * 8)),
        (Sparsity(kind="n:m", n=2, m=4), Effect(5, 30, 30 * 10)),
        (Sparsity(kind="n:m", n=1, m=4), Effect(3, 18, 18 * 10)),
        (Sparsity(kind="n:m", n=3, m=5), Effect(6, 36, 36 * 11)),
        (Sparsity(kind="n:m", n=1, m=1), Effect(10, 60, 480)),
    ],
)
def test_a_block_by_hand(sparsity, effect):
    assert sparsity.effect(Block(k=10, n=6, nonzeros=20, bits=8)) == effect


@given(st.sampled_from(SPARSITIES), st.integers(1, 50), st.integers(1, 50), st.integers(1, 32), st.data())
def test_zeros_never_cost_more_than_weights(sparsity, k, n, bits, data):
    nonzeros = data.draw(st.integers(0, k * n))
    effect = sparsity.effect(Block(k, n, nonzeros, bits))
    assert 1 <= effect.k <= k
    assert effect.macs <= effect.k * n
    if sparsity.kind == "compressed":
        assert effect.weight_bits == nonzeros * (bits + sparsity.index_bits)
    else:
        fewer = sparsity.effect(Block(k, n, 0, bits))
        assert fewer.weight_bits == effect.weight_bits
        assert fewer.macs <= effect.macs


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "sparse"}, f"sparsity.kind: 'sparse' is unknown; accepted: {', '.join(LAWS)}"),
        ({"kind": "compressed"}, "needs the name of its format"),
        ({"format": "csr"}, "no other kind has one"),
        ({"kind": "gated", "index_bits": 4}, 'sparsity.index_bits: accepted with kind "compressed" alone'),
        ({"kind": "n:m"}, "needs n and m with n <= m"),
        ({"kind": "n:m", "n": 2}, "needs n and m with n <= m"),
        ({"kind": "n:m", "n": 5, "m": 4}, "needs n and m with n <= m"),
        ({"n": 2, "m": 4}, 'sparsity.n, sparsity.m: accepted with kind "n:m" alone'),
    ],
)
def test_fields_that_do_not_belong_together(fields, says):
    with pytest.raises(ppsim.InputError) as caught:
        Sparsity(**fields)
    assert says in str(caught.value)


def test_laws_in_words():
    assert [sparsity.describe() for sparsity in SPARSITIES] == [
        "dense",
        "gated",
        "compressed (relative index, 4 index bits a non-zero)",
        "compressed (bitmap, 0 index bits a non-zero)",
        "2:4",
        "1:3",
    ]
