"""What a budget buys beyond the blocks on the diagonal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import perceptron

import ppsim
from ppsim.pruning.keep import Budget, budget_of, moved_bytes
from ppsim.pruning.masks import mask_of
from ppsim.pruning.saliency import SALIENCIES


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        (0.5, Budget(share=0.5)),
        ("0.5", Budget(share=0.5)),
        ("64KiB", Budget(moved_bytes=65536)),
        ("1.5 MiB", Budget(moved_bytes=3 * 2**19)),
        ("100B", Budget(moved_bytes=100)),
        ("0 B", Budget(moved_bytes=0)),
    ],
)
def test_budgets(text, budget):
    assert budget_of(text, 4) == budget


@pytest.mark.parametrize("text", ["much", "64KB", "-3B", "", "1e400", "nan", "0.1", 2.0, "KiB", "64 kib"])
def test_no_budgets(text):
    with pytest.raises(ppsim.InputError, match=r"^keep=") as caught:
        budget_of(text, 4)
    assert "\n" not in str(caught.value)


@given(st.integers(2, 4), st.floats(0.5, 1), st.integers(0, 20))
def test_a_share_buys_the_most_salient_blocks(parts, share, seed):
    model = perceptron(12, 16, 8, seed=seed)
    pruned = ppsim.partition(model, parts, keep=share)
    alone = ppsim.partition(model, parts)
    assert alone.nonzeros <= pruned.nonzeros <= share * pruned.dense_weights + 1e-6
    most = max(a * b for layer in pruned.layers.values() for a in layer.in_sizes for b in layer.out_sizes)
    left = share * pruned.dense_weights - pruned.nonzeros
    assert left < most or pruned.nonzeros == pruned.dense_weights
    # no block that was left out is worth more per byte than one that was bought, if it was no larger
    bought, missed = [], []
    for name, layer in pruned.layers.items():
        saliency = SALIENCIES["w2"](model.weight(name), None)
        for q in range(parts):
            for p in range(parts):
                units = np.ix_(layer.part_of("out") == q, layer.part_of("in") == p)
                value = float(saliency[units].sum()) / (2 * layer.in_sizes[p])
                kept = {block.part for block in layer.kept[q]}
                size = layer.in_sizes[p] * layer.out_sizes[q]
                if p != q:
                    (bought if p in kept else missed).append((value, size))
    for value, size in missed:
        assert all(value <= other + 1e-6 for other, area in bought if area >= size) or size > left


def test_bytes_buy_by_what_is_moved():
    model = perceptron(16, 16, 16)
    alone = ppsim.partition(model, 4, layers="*")
    assert [moved_bytes(alone, name) for name in alone.layers] == [0, 0]
    for budget in (0, 7, 8, 64, 10**6):
        pruned = ppsim.partition(model, 4, layers="*", keep=f"{budget}B")
        moved = sum(moved_bytes(pruned, name) for name in pruned.layers)
        assert moved == min(budget // 8 * 8, 2 * 12 * 8)  # 4 units of 16 bits for each of 2 x 12 blocks
    assert not pruned.pruned
    result = ppsim.simulate(
        ppsim.partition(model, 4, layers="*", keep="64B"), ppsim.load_system("tetris", accelerators=4)
    )
    assert result.link_bytes >= 64


def test_bytes_need_weights():
    with pytest.raises(ppsim.InputError, match="keep='1KiB': bytes buy the blocks with the most saliency"):
        ppsim.partition(ppsim.gemm(1, 8, 8), 2, layers="*", keep="1KiB")


@given(st.integers(2, 5), st.integers(0, 9))
def test_more_budget_keeps_more_saliency(parts, seed):
    model = perceptron(20, 30, 20, seed=seed)
    shares = [ppsim.prune(model, parts, keep=keep).layers for keep in (None, 0.6, 0.8, 1)]
    for layers in zip(*shares, strict=True):
        retained = [layer.retained for layer in layers]
        assert retained == sorted(retained)
        assert retained[-1] == pytest.approx(1)
        assert all(layer.kept <= layer.retained * 1.5 for layer in layers)


def test_the_mask_of_a_block_kept_in_part():
    net = ppsim.partition(ppsim.gemm(1, 8, 8), 4, layers="gemm", keep=3 / 8)
    mask = mask_of(net.layers["gemm"])
    assert mask.sum(axis=1).tolist() == [3] * 8
    assert mask[0].nonzero()[0].tolist() == [0, 1, 2]
