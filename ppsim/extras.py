"""Optional dependencies: imported where they are used, and missed in one line that says what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ppsim.errors import InputError


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Import packages of an extra inside; raises InputError naming the extra where one is not installed.

    `what` is what needs it, as a sentence begins: "reading ONNX files".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{what} needs the package {error.name!r}; install it with: pip install 'ppsim[{extra}]'"
        ) from None
