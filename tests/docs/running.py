"""Runs a page: what it shows, or what stands in its place where that takes too long or needs what is not there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from pages import ROOT, Block, Command, Page

from ppsim.cli import main


@dataclass(frozen=True)
class Instead:
    """What runs in the place of a command or a block, and why; with `torch`, only where PyTorch is installed.

    `run` None is what the page shows. Numbers in its output may be `tolerance` times themselves from those that the
    page shows; with None, the page shows no output.
    """

    run: str | None
    why: str
    torch: bool = False
    tolerance: float | None = None


AS_SHOWN = Instead(None, "it can be run", tolerance=0.0)

#: what a fit prints depends, in the last digit, on the order in which a processor adds
FITTED = Instead(None, "least squares", tolerance=0.05)

#: by the command, as a page shows it
COMMANDS: dict[str, Instead] = {
    "ppsim validate": Instead(
        "ppsim validate --only analytic", "takes 15 s; .ci/run runs all of it, and so does tests/validation"
    ),
    "ppsim validate --page docs/fidelity.md": Instead(
        "ppsim validate --only analytic --json page.json",
        "takes 20 s; tests/validation/test_validate.py holds the page to what is computed",
    ),
    "ppsim accuracy --data mnist.npz": Instead(
        "ppsim accuracy --data mnist.npz --networks mlp_mnist -p 1 --seeds 1 --epochs 1",
        "takes a quarter of an hour; the page's other command cuts, fits and tunes",
        torch=True,
    ),
    "ppsim compare-methods vgg_mnist --images mnist.npz": Instead(
        "ppsim compare-methods mlp_mnist --images mnist.npz -n 2 --methods channels-magnitude",
        "takes minutes",
        torch=True,
    ),
    "ppsim codesign mlp_mnist -s tetris --target-latency 1/8,1/16,1/32 --images mnist.npz --json front.json": Instead(
        "ppsim codesign vgg_mnist -s tetris --target-latency 1/1.1 --images mnist.npz --json front.json "
        "--layers 'conv2*' -p 8 --no-rivals",
        "takes many minutes",
        torch=True,
    ),
    "ppsim accuracy --data digits --networks small.yaml --train -p 2,4 --seeds 1": Instead(
        None, "trains", torch=True, tolerance=0.1
    ),
    "ppsim prune mlp_mnist -p 8 --reduce fc3 --calibration digits.npz -o fitted.json --export fitted.onnx": FITTED,
    "ppsim prune mlp_mnist -p 4 --reduce fc3 --method output --calibration digits.npz -o output.json": Instead(
        "ppsim prune mlp_mnist -p 2 --layers fc2 --method output --calibration digits.npz -o output.json",
        "derivatives by PyTorch; takes 40 s",
        torch=True,
    ),
}

#: blocks of Python by page and number, counted from 0
PYTHON: dict[tuple[str, int], Instead] = {
    ("docs/pruning.md", 1): Instead(None, "derivatives and fine-tuning by PyTorch", torch=True),
    ("docs/commands/table.md", 1): Instead(None, "a PyTorch module, pruned by Torch-Pruning", torch=True),
}

#: commands of a page that are run, to the same end, on another page
ELSEWHERE: dict[tuple[str, str], str] = {("README.md", ".venv/bin/ppsim reproduce"): "docs/commands/reproduce.md"}

#: other programs than ppsim, by how they begin, and where they are run
OTHERS: dict[str, str] = {
    "python3 -m venv ": ".ci/run makes the environment of README's tests",
    ".venv/bin/pip install --quiet": ".ci/run installs from these sources, with extras",
    ". .venv/bin/activate": "says to a shell where an environment's programs are",
    ".venv-test/bin/pip install --quiet": ".ci/run installs from these sources, with extras",
    ".venv-test/bin/pytest": "this is one of the tests that it runs",
    "pip install '.[docs]'": ".ci/run installs from these sources, with extras",
    "sphinx-build -W": ".ci/run builds the site",
}

#: pages whose blocks of Python have a test of their own
OWN_TEST = {"docs/extending.md": "tests/test_extending.py"}


def _mnist(path: Path) -> None:
    """Stands in for MNIST: the digits that scikit-learn brings, as Keras distributes MNIST."""
    from ppsim.explore.images import load_images

    images = load_images("digits")
    train, test = ((255 * part).round().astype(np.uint8) for part in (images.train, images.test))
    np.savez(path, x_train=train, y_train=images.train_classes, x_test=test, y_test=images.test_classes)


#: files that a reader has to bring, by name; so far only what needs PyTorch reads one
BROUGHT: dict[str, Callable[[Path], None]] = {"mnist.npz": _mnist}


@dataclass(frozen=True)
class Shown:
    """Output as a page shows it and as it is printed; `tolerance` says how far numbers may differ, None: not run."""

    block: Block
    text: str
    of: Block
    printed: str
    tolerance: float | None


@dataclass
class Run:
    """Runs the blocks of a page in their order, in a folder of its own; relative paths of the project exist there.

    `torch`: with what needs PyTorch.
    """

    page: Page
    folder: Path
    torch: bool = False
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def outputs(self) -> Iterator[Shown]:
        """Run all of it; raises AssertionError naming page, line and command when one fails."""
        self._bring()
        with chdir(self.folder), patch.dict(os.environ, COLUMNS="100"):
            of: Block | None = None
            printed: list[tuple[str, float | None]] = []
            pythons = 0
            for number, block in enumerate(self.page.blocks):
                if block.file:
                    Path(block.file).write_text(block.text + "\n", encoding="utf-8")
                elif block.language == "text":
                    assert of is not None, f"{block}: output of no block; what is no output is no ```text"
                    tolerances = [tolerance for _, tolerance in printed]
                    most = None if None in tolerances else max(filter(None, tolerances), default=0.0)
                    yield Shown(block, block.text, of, "".join(out for out, _ in printed), most)
                elif block.language in ("sh", "console"):
                    after = self.page.blocks[number + 1 : number + 2]
                    refused = bool(after) and after[0].language == "text" and after[0].text.startswith("error:")
                    of, printed = block, []
                    for command in block.commands():
                        out, tolerance = self._command(block, command, 2 if refused else 0)
                        printed.append((out, tolerance))
                        if command.shown and command.shown.strip():
                            yield Shown(block, command.shown, block, out, tolerance)
                elif block.language == "python":
                    of, printed = block, [self._python(block, pythons)]
                    pythons += 1

    def _bring(self) -> None:
        shutil.copytree(ROOT / "docs" / "examples", self.folder / "docs" / "examples")
        for name, bring in BROUGHT.items():
            if self.torch and re.search(rf"(?<![\w.-]){re.escape(name)}", self.page.text):
                bring(self.folder / name)

    def _command(self, block: Block, command: Command, wanted: int) -> tuple[str, float | None]:
        """What a command prints; nothing where it is not run here."""
        if not command.is_ppsim:
            assert any(str(command).startswith(other) for other in OTHERS), f"{block}: {command}: is in no table"
            return "", 0.0
        instead = COMMANDS.get(str(command), AS_SHOWN)
        if (self.page.name, str(command)) in ELSEWHERE or (instead.torch and not self.torch):
            return "", None
        words = shlex.split(instead.run) if instead.run else command.words
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            code = main(words[1:])
        assert code == wanted, f"{block}: {command}: ends with {code}: {err.getvalue() or out.getvalue()}"
        return err.getvalue() if wanted else out.getvalue(), instead.tolerance

    def _python(self, block: Block, number: int) -> tuple[str, float | None]:
        """What a block of Python prints."""
        instead = PYTHON.get((self.page.name, number), AS_SHOWN)
        if self.page.name in OWN_TEST or (instead.torch and not self.torch):
            return "", None
        source = "\n" * block.line + (instead.run or block.text)
        with redirect_stdout(StringIO()) as out:
            exec(compile(source, str(self.page.path), "exec", dont_inherit=True), self.names)
        return out.getvalue(), instead.tolerance
