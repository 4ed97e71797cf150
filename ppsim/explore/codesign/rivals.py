"""What co-design is held against, at equal price: all layers alike, and the fewest multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ppsim.explore.codesign.bench import Bench
from ppsim.explore.codesign.choosing import Prices
from ppsim.explore.codesign.proposing import FORGIVEN
from ppsim.explore.codesign.searching import Found, Searched, search
from ppsim.explore.codesign.space import WHOLE, Design, Form, Space

#: widths that are tried for all axes alike, in shares of all atoms: 1, 63/64, ...
STEPS = 64
#: halvings of the budget of multiply-accumulates
HALVINGS = 10


def uniform(bench: Bench, parts: Sequence[int], budget: int) -> Iterator[Design]:
    """The widest share for all axes within the budget, every layer cut that can be, by number of parts, or none."""
    for count, form in (*((count, Form("parts")) for count in parts), (parts[0], WHOLE)):
        for step in range(STEPS, 0, -1):
            design = alike(bench.space, count, step / STEPS, form)
            if bench.price(design) <= budget:
                yield design
                break


def alike(space: Space, parts: int, share: float, form: Form) -> Design:
    """All axes of a share of their atoms, and all layers of a form, as far as they can have it.

    Layers that are cut have whole multiples of the parts; those that make the network's results are split by their
    inputs, as partition pruning of a classifier.
    """
    widths = []
    for axis, atoms in enumerate(space.atoms):
        wide = max(1, round(atoms * share)) if space.narrowable[axis] else atoms
        if form != WHOLE and space.narrowable[axis] and wide >= parts:
            wide = min(atoms, max(parts, round(wide / parts) * parts))
        widths.append(wide)
    return Design(parts, tuple(widths), tuple(_form(space, at, parts, widths, form) for at in range(len(space.layers))))


def _form(space: Space, at: int, parts: int, widths: Sequence[int], form: Form) -> Form:
    """The form itself of a layer that can have it, else split by inputs, else whole."""
    if form == WHOLE:
        return WHOLE
    wanted = (form, Form("sums")) if space.narrowable[space.ends[at].makes] else (Form("sums"),)
    fitting = (one for one in wanted if one in space.forms(at, parts) and space.fits(at, parts, widths, one))
    return next(fitting, WHOLE)


def fewest_macs(bench: Bench, parts: Sequence[int], budget: int) -> Iterator[Design]:
    """What the same search proposes when it counts multiply-accumulates, as many as the budget of time or energy lets.

    For each number of parts and each way of counting losses: the budget of MACs is halved and raised until the design
    that loses least within it just meets the budget.
    """
    for count in parts:
        tables = mac_tables(bench.space, bench.searched(count, 0.0))
        for forgiven in FORGIVEN if bench.judge else FORGIVEN[:1]:
            found = _most(bench, bench.searched(count, forgiven), tables, budget)
            if found is not None:
                yield found.design


def _most(bench: Bench, of: Searched, tables: Sequence[Prices], budget: int) -> Found | None:
    space = bench.space

    def macs(design: Design) -> int:
        return sum(space.macs(at, design.parts, design.widths, form) for at, form in enumerate(design.forms))

    low, high, best = 0, macs(Design(of.parts, space.atoms, (WHOLE,) * len(space.layers))), None
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        found = search(of, tables, macs, middle)
        if found is None:
            low = middle
        elif bench.price(found.design) <= budget:
            best, low = found, middle
        else:
            high = middle
    return best


def mac_tables(space: Space, of: Searched) -> list[Prices]:
    """Multiply-accumulates of each layer's options."""
    return of.priced(lambda at, widths, form: space.macs(at, of.parts, widths, form))
