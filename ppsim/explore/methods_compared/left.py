"""What of a network's weights is left, as a share of their squares."""

from __future__ import annotations

import numpy as np

from ppsim.workload.model import Model


def squares(model: Model, layer: str) -> float:
    """The sum of the squares of a layer's weights."""
    return float(np.square(model.weight(layer), dtype=np.float64).sum())


def share_left(whole: Model, left: Model) -> float:
    """Of all linear layers and ungrouped convolutions: squares of the weights that are left, over those of all.

    `left` has some of the weights that `whole` has, at zero or gone, and has not been fitted.
    """
    names = whole.graph.divisible
    total = sum(squares(whole, name) for name in names)
    return sum(squares(left, name) for name in names) / total if total else 1.0
