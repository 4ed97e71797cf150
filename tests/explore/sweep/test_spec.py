"""Specifications of sweeps: which points they stand for, and what is wrong with those that stand for none."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppsim.errors import InputError
from ppsim.explore.sweep.spec import spec_of

BASE = {"workload": "lenet300", "system": "tetris"}


def points(**document: Any) -> list[Any]:
    return spec_of(BASE | document).points()


def test_a_grid_has_every_combination_and_the_last_axis_changes_fastest() -> None:
    found = points(
        axes={"accelerators": [1, 2], "array.rows, array.cols": [8, 16], "dram.sharing": ["private", "shared"]}
    )
    wanted = list(product([1, 2], [8, 16], ["private", "shared"]))
    names = ("accelerators", "array.rows", "dram.sharing")
    assert [tuple(point[name] for name in names) for point in found] == wanted
    assert all(point["array.rows"] == point["array.cols"] for point in found)
    assert all(point["workload"] == "lenet300" and point["scope"] == "network" for point in found)


def test_constraints_leave_points_out() -> None:
    axes = {"array.rows": [8, 16, 32], "array.cols": [8, 16, 32]}
    found = points(axes=axes, constraints=["rows * cols <= 256", "rows <= cols"])
    assert [(point["array.rows"], point["array.cols"]) for point in found] == [(8, 8), (8, 16), (8, 32), (16, 16)]


def test_constraints_see_what_is_fixed() -> None:
    document = {"axes": {"parts": [2, 4, 8]}, "accelerators": 4, "set": {"array.rows": 16}}
    assert len(points(**document, constraints=["parts >= accelerators and array.rows == 16"])) == 2


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_samples_are_different_points_that_the_seed_decides(method: str) -> None:
    axes = {"array.rows": {"from": 4, "to": 64, "scale": "log", "integers": True},
            "dram.bandwidth_gb_s": {"from": 1.0, "to": 64.0}, "dram.sharing": ["private", "shared"]}  # fmt: skip

    def drawn(seed: int) -> list[Any]:
        return points(axes=axes, sampling={"method": method, "points": 300, "seed": seed})

    found = drawn(1)
    assert found == drawn(1) != drawn(2)
    assert len({tuple(point.items()) for point in found}) == 300
    assert {point["dram.sharing"] for point in found} == {"private", "shared"}
    assert all(type(point["array.rows"]) is int and 4 <= point["array.rows"] <= 64 for point in found)
    assert all(1 <= point["dram.bandwidth_gb_s"] <= 64 for point in found)
    below = sum(point["array.rows"] < 16 for point in found)  # the geometric middle
    assert 100 < below < 200


def test_sobol_points_fill_the_axes_evenly() -> None:
    axis = {"from": 0.0, "to": 1.0}
    found = points(axes={"dram.efficiency_mixed": axis, "dram.efficiency_streaming": axis},
                   sampling={"method": "sobol", "points": 256})  # fmt: skip
    cells = {
        (int(16 * point["dram.efficiency_mixed"]), int(16 * point["dram.efficiency_streaming"])) for point in found
    }
    assert len(cells) == 256  # one in each of 16 x 16 cells: what makes a (0, 2)-net of them


@given(st.sampled_from(["random", "sobol"]), st.integers(1, 12))
def test_samples_of_few_choices_are_all_different(method: str, count: int) -> None:
    axes = {"accelerators": [1, 2, 4], "parts": [1, 2, 3, 4]}
    found = points(axes=axes, sampling={"method": method, "points": count})
    assert len({(point["accelerators"], point["parts"]) for point in found}) == count


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "axes: Field required"),
        ({"axes": {}}, "axes: "),
        ({"axes": {"parts": [1]}, "parts": 2}, "axes: parts is an axis, and at the top too"),
        ({"axes": {"a": [1]}, "set": {"a": 2}}, "axes: a is an axis, and under set too"),
        ({"axes": {"a": [1], "a, b": [2]}}, "axes: a is in two axes"),
        ({"axes": {"a": [1]}, "set": {"batch": 2}}, "set: batch stands at the top"),
        ({"axes": {"a": [1]}, "axis": {}}, "'axis': unknown key; accepted: axes, workload, system, scope"),
        ({"axes": {"a": [1]}, "scope": "all"}, "scope: Input should be 'network' or 'pruned-layers', got 'all'"),
        ({"axes": {"a": [1]}, "keep": 2}, "keep: Input should be less than or equal to 1, got 2"),
        ({"axes": {"a": [1]}, "constraints": ["b > 1"]}, "'b' is no path that the sweep sets; accepted: a, "),
        ({"axes": {"a": [1]}, "sampling": {"method": "lhs"}}, "sampling.method: 'lhs' is unknown; accepted: grid, "),
        (
            {"axes": {"a": [1]}, "sampling": {"method": "sobol"}},
            "sobol sampling needs to know how many",
        ),
        ({"axes": {"a": [1]}, "sampling": {"points": 3}}, "a grid has every combination"),
        ({"axes": {"a": {"from": 1, "to": 2}}}, "axes: a: a grid needs points or step in a range"),
        ({"axes": {"a": [1, 2]}, "constraints": ["a > 2"]}, "constraints: no point of the grid is left"),
        (
            {"axes": {"a": [1, 2]}, "sampling": {"method": "random", "points": 3}},
            "found 2 different points of the 3 asked for",
        ),
        ({"axes": {"parts": [1.5, 2]}}, "axes: parts: Input should be a valid integer, got 1.5"),
        ({"axes": {"parts": [2, 0]}}, "axes: parts: Input should be greater than 0, got 0"),
        ({"axes": {"accelerators": ["a"]}}, "axes: accelerators: Input should be a valid integer, got 'a'"),
        ({"axes": {"keep": [0.5, 2]}}, "axes: keep: Input should be less than or equal to 1, got 2"),
        ({"axes": {"scope": ["all"]}}, "axes: scope: Input should be 'network' or 'pruned-layers', got 'all'"),
        ({"axes": {"layers": [1]}}, "axes: layers: Input should be a valid string, got 1"),
        ({"axes": {"scope": ["network"]}, "scope": "network"}, "axes: scope is an axis, and at the top too"),
        ({"axes": {f"a{n}": [1] for n in range(65)}}, "up to 64 of each are accepted"),
        ({"axes": {"a": [1]}, "constraints": ["a > 0"] * 65}, "up to 64 of each are accepted"),
        ({"axes": {f"a{n}": list(range(100)) for n in range(4)}}, "the grid has 100,000,000 points; up to 1,000,000"),
    ],
)
def test_what_is_no_sweep(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        points(**document)
    assert message in str(error.value)


def test_numbers_of_numpy_and_ranges_of_python() -> None:
    found = points(axes={"array.rows": np.array([8, 16]), "accelerators": range(1, 3)})
    assert [(point["array.rows"], point["accelerators"]) for point in found] == [(8, 1), (8, 2), (16, 1), (16, 2)]
    with pytest.raises(InputError, match="is no document"):
        points(axes={("array.rows", "array.cols"): [8]})


def test_numbers_that_yaml_takes_for_words(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("format: ppsim-sweep/1\nworkload: a\nsystem: b\naxes: {x: [1e-3, 2e3, 1.5E+2, ws, '007', 1_000]}\n")
    assert [point["x"] for point in spec_of(path).points()] == [1e-3, 2000, 150, "ws", "007", 1000]


def test_a_file_is_read_as_a_mapping_is(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("format: ppsim-sweep/1\nworkload: lenet300\nsystem: tetris\naxes: {accelerators: [1, 2]}\n")
    assert spec_of(path) == spec_of({**BASE, "axes": {"accelerators": [1, 2]}})
    assert spec_of(spec_of(path).to_dict()) == spec_of(path)
    path.write_text("format: ppsim-sweep/2\n")
    with pytest.raises(InputError, match=r"spec\.yaml: format: must be 'ppsim-sweep/1'"):
        spec_of(path)
    with pytest.raises(InputError, match=r"none\.yaml: is no file"):
        spec_of(tmp_path / "none.yaml")
