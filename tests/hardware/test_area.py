"""The proxy for area, against sums done by hand."""

import pytest

import ppsim
from ppsim.hardware.area import area_mm2


def test_an_area_by_hand() -> None:
    one = ppsim.load_system("tetris", accelerators=1, set={"array.bits": 32, "buffer.kib": 1, "array.rows": 2,
                                                           "array.cols": 3, "array.accumulator_bits": 32})  # fmt: skip
    assert area_mm2(one) == pytest.approx((6 * (3495 + 137) + 8 * 1024 * 0.346) / 1e6)
    narrow = one.with_settings({"array.bits": 8, "array.count": 2})
    assert area_mm2(narrow) == pytest.approx((12 * (282 + 137) + 8 * 1024 * 0.346) / 1e6)
    between = area_mm2(one.with_settings({"array.bits": 16, "buffer.kib": 1e-3}))
    assert between == pytest.approx(6 * ((282 * 3495) ** 0.5 + 137) / 1e6, rel=1e-3)  # half way on the log scale


def test_areas_add_up() -> None:
    one, many = ppsim.load_system("tetris", accelerators=1), ppsim.load_system("tetris", accelerators=12)
    assert area_mm2(many) == pytest.approx(12 * area_mm2(one))
    groups = [
        {"name": "a", "count": 1},
        {"name": "b", "count": 2, "buffer": {"kib": 1, "bandwidth_bytes_per_cycle": 1}},
    ]
    mixed = ppsim.load_system("tetris", set={"groups": groups})
    small = one.with_settings({"buffer.kib": 1})
    assert area_mm2(mixed) == pytest.approx(area_mm2(one) + 2 * area_mm2(small))
