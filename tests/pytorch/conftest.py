"""Small networks as in tests/pruning, and PyTorch on one thread, so that sums are in one order."""

import sys
from pathlib import Path

import torch

torch.set_num_threads(1)
sys.path.append(str(Path(__file__).parent.parent / "pruning"))
