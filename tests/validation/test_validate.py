"""`ppsim.validate`: bounds hold, those that do not are seen, and the page is what is computed today."""

from __future__ import annotations

from pathlib import Path

import pytest

import ppsim
from ppsim.hardware.documents import load_system
from ppsim.validation.contract import Case, Check
from ppsim.validation.limits import limits
from ppsim.validation.numbers import table
from ppsim.validation.page import page
from ppsim.validation.references import REFERENCES, tpu_v1, tpu_v4
from ppsim.validation.wording import bound_of, percent, summary, verdict
from ppsim.validation.yardstick import yardsticks

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"


@pytest.fixture(scope="module")
def checks() -> tuple[Check, ...]:
    return ppsim.validate().checks


def check(*pairs: tuple[float, float], **bounds: float) -> Check:
    cases = tuple(Case(f"case {number}", *pair, "s") for number, pair in enumerate(pairs))
    return Check("somebody", "something", cases, "somewhere", "formula", "as it is", **bounds)


def test_every_bound_holds(checks):
    assert not [(c.reference, c.compared, c.mean, c.max) for c in checks if not c.holds]


def test_what_is_compared(checks):
    """As many cases as there are, each reference more than once a word, and the bounds that are promised."""
    cases = {(c.reference, c.compared): len(c.cases) for c in checks}
    assert cases[tpu_v4.NAME, "repeated runs, all sizes"] == 771
    assert sum(n for (name, _), n in cases.items() if name == tpu_v4.NAME) == 771 + 1033
    assert {n for (name, _), n in cases.items() if name == "scale-sim"} == {72}
    assert min(n for (name, _), n in cases.items() if name == "pe-level") >= 200
    bounds = {(c.reference, c.compared): (c.mean_bound, c.max_bound) for c in checks}
    exact = {"pe-level", "scale-sim", "astra-sim", "by-hand", "floors"}
    assert {bound for (name, _), bound in bounds.items() if name in exact} == {(None, 0)}
    v4 = [bound for (name, what), bound in bounds.items() if name == tpu_v4.NAME and what.startswith("repeated")]
    assert v4 == [(0.07, None), *[(0.10, None)] * 4]
    assert bounds[tpu_v1.NAME, "MLP0"] == (None, 0.15)
    assert bounds["analytic", "cycles of unpruned layers, TETRIS"] == (None, 0.02)
    assert bounds["analytic", "dynamic energy saved by diagonal blocks"] == (None, 0.05)
    assert bounds["npu", "cycles of a fully connected layer"] == (None, 0.025)
    assert {bound for (name, _), bound in bounds.items() if name == "dramsim3"} == {(None, 0.05)}
    assert list(dict.fromkeys(c.reference for c in checks)) == list(REFERENCES)  # names are those of the table


def test_the_page_is_what_is_computed(checks):
    """Written by `ppsim validate --page docs/fidelity.md`."""
    assert PAGE.read_text(encoding="utf-8") == page(checks, limits(checks), yardsticks())


def test_another_system_would_be_noticed():
    """The measured products see a tenth of the bandwidth, the clock and the launch overhead."""
    wrong = {
        "dram.bandwidth_gb_s": 61.4,
        "clock_mhz": 525,
        "launch_us": 1.1,
        "array.rows": 256,
        "buffer.tiles": "fastest",
    }
    for path, value in wrong.items():
        system = load_system("tpu-v4", accelerators=1, set={path: value})
        assert tpu_v4.mean_error(system) > 0.07, path


def test_the_applications_have_the_published_weights():
    for row in table("tpu_v1"):
        _, net = tpu_v1.network(row)
        assert net.weights == pytest.approx(1e6 * float(row["weights_m"]), rel=0.05)
        uses = net.macs / net.weights
        assert uses == pytest.approx(float(row["ops_per_byte"]), rel=0.06), row["app"]


def test_errors_and_bounds():
    assert check((2, 3), (4, 4)).mean == 0.25
    assert check((2, 3), (4, 4)).max == check((2, 1)).max == 0.5
    assert check((2, 3)).holds
    assert not check((2, 3)).bounded
    assert check((2, 3), (4, 4), mean_bound=0.25).holds
    assert not check((2, 3), (4, 4), mean_bound=0.24).holds
    assert not check((2, 3), (4, 4), mean_bound=1, max_bound=0.4).holds
    assert check((2, 2), (0, 0), max_bound=0).holds
    assert not check((2, 2.0000001), max_bound=0).holds
    assert check((0, 1)).max == float("inf")
    assert not check((0, 1), max_bound=1e9).holds
    assert check((0, 1)).to_dict()["max_error"] is None
    for nan in ((1, float("nan")), (float("nan"), 1)):
        assert not check(nan, (1, 1), max_bound=1).holds
        assert not check((1, 1), nan, max_bound=1).holds
    assert not check((10**17, 10**17 + 1), max_bound=0).holds
    with pytest.raises(ValueError, match="somebody: something: no cases"):
        check()


def test_words():
    assert [percent(share) for share in (0, 0.00012, 0.0017, 0.0639, 0.1, 3.349, 12.0, float("inf"))] == [
        "0", "0.012 %", "0.17 %", "6.4 %", "10 %", "335 %", "1,200 %", "infinite",
    ]  # fmt: skip
    assert bound_of(check((1, 1))) == "none"
    assert bound_of(check((1, 1), max_bound=0)) == "exact"
    assert bound_of(check((1, 1), mean_bound=0.07, max_bound=0.025)) == "mean 7 %, max. 2.5 %"
    assert [verdict(one) for one in (check((1, 2)), check((1, 2), max_bound=1), check((1, 3), max_bound=1))] == [
        "-", "held", "BROKEN",
    ]  # fmt: skip
    lines = summary((check((1, 1), max_bound=0), check((1, 3), (8, 9), max_bound=1), check((1, 2))))
    assert lines[0] == "1 of 2 bounds hold; rows without a bound are reported only."
    assert lines[1].endswith("max. 200 %; worst: case 0: expected 1, modelled 3 s")
    assert len(lines) == 2


def test_one_reference_alone():
    for only in ("scale-sim", ["scale-sim"], ("scale-sim", "scale-sim")):
        assert [c.reference for c in ppsim.validate(only).checks] == ["scale-sim"] * 4
    with pytest.raises(ppsim.InputError, match=r"reference 'scalesim' is unknown; known: pe-level, scale-sim, tpu-v4"):
        ppsim.validate(only=["scale-sim", "scalesim"])


def test_a_validation_in_python():
    found = ppsim.validate("npu")
    assert found.holds
    assert repr(found) == "1 of 1 bounds hold; rows without a bound are reported only."
    frame = found.to_frame()
    assert frame[["reference", "expected", "unit", "holds"]].values.tolist() == [["npu", 133_680, "cycles", True]]
    assert found.to_dict()["checks"][0]["cases"][0]["error"] == frame["error"][0]
