"""Networks of PyTorch: exported to ONNX in memory, and read as ONNX files are."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, cast

from ppsim.documents import quote
from ppsim.errors import InputError
from ppsim.extras import needs
from ppsim.workload.formats.onnx_reading import model_from
from ppsim.workload.model import Model, model_of

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import Tensor
    from torch.nn import Module


def from_torch(module: Module, example_inputs: Tensor | tuple[Tensor, ...], name: str | None = None) -> Model:
    """The network and the trained numbers of a PyTorch module, as it is used: without dropout, normalised as trained.

    `example_inputs` is what it is called with: a tensor, or a tuple of them, whose first dimension is the batch; all
    other sizes are the network's. Its numbers do not matter. Layers are called after the parameters (fc1 for
    fc1.weight), and those without after what the exporter calls them. The network is called `name`; None: after the
    module's class. The module is left as it was.

    Raises InputError, one line, where PyTorch cannot export it, or ppsim has no layer for something in it.
    """
    with needs("torch", "reading PyTorch modules"):
        import onnxscript  # noqa: F401  the exporter needs it
        import torch
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"from_torch: module: a torch.nn.Module is accepted, got {quote(module)}")
    called = name or type(module).__name__
    inputs = example_inputs if isinstance(example_inputs, tuple) else (example_inputs,)
    if not inputs or not all(isinstance(tensor, torch.Tensor) for tensor in inputs):
        raise InputError(f"{called}: example_inputs: a tensor or a tuple of tensors is accepted")
    file = model_from(_exported(module, inputs, called), called, called, lenient=False)
    assert file.graph is not None
    return model_of(file.graph, file.tensors, called)


def _exported(module: Module, inputs: tuple[Tensor, ...], name: str) -> ModelProto:
    """The module as an ONNX model, as it is: what is optimised away takes the names of parameters with it."""
    import torch

    with _silence(), _in_use(module):
        try:
            program = torch.onnx.export(module, inputs, dynamo=True, optimize=False, verbose=False)
            assert program is not None
            return cast("ModelProto", program.model_proto)
        except Exception as error:  # the exporter raises whatever the module, its own passes and protobuf raise
            cause = error.__cause__ or error
            text = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
            raise InputError(f"{name}: PyTorch cannot export it to ONNX: {text[:200]}") from None


@contextmanager
def _in_use(module: Module) -> Iterator[None]:
    """The module and all in it as they are when used, not trained; after that as before."""
    before = [(part, part.training) for part in module.modules()]
    module.train(False)
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@contextmanager
def _silence() -> Iterator[None]:
    """Without what the exporter prints, logs and warns of, none of which is about the module's layers."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
