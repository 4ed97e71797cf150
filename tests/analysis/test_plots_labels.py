"""Labels of points are near them and over nothing."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ppsim.analysis.plots.labels import Label, along, label
from ppsim.analysis.plots.page import apart, extent, paper, sheet

PLACES = st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
NAMES = st.text("abcdefgh", min_size=1, max_size=14)


def canvas() -> tuple[Figure, Axes]:
    with paper():
        figure = sheet(3.5, 2.5)
    axes = figure.subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure, axes


@given(
    st.lists(st.tuples(PLACES, NAMES), min_size=1, max_size=25).map(
        lambda found: [Label(*at, name) for at, name in found]
    ),
    st.lists(PLACES, max_size=10),
)
@settings(max_examples=25)
def test_labels_cover_no_point_and_no_other_label(labels: list[Label], marks: list[tuple[float, float]]) -> None:
    _, axes = canvas()
    left = label(axes, labels, marks)
    written = [text for text in axes.texts if text.get_text()]
    assert len(written) + len(left) == len(labels)
    boxes = [extent(text) for text in written]
    for box in boxes:
        assert inside(box, extent(axes.patch))
        for x, y in [*((one.x, one.y) for one in labels), *marks]:
            across, up = axes.transData.transform((x, y))
            assert apart(box, (across, up, across, up), 4)
    assert all(apart(one, other) for one, other in combinations(boxes, 2))


def inside(box: tuple[float, ...], frame: tuple[float, ...]) -> bool:
    return frame[0] <= box[0] and frame[1] <= box[1] and box[2] <= frame[2] and box[3] <= frame[3]


def test_a_label_alone_is_beside_its_point_and_far_ones_are_led_to() -> None:
    _, axes = canvas()
    assert label(axes, [Label(0.5, 0.5, "alone")]) == []
    (text,) = axes.texts
    assert abs(text.get_position()[0]) < 25
    _, axes = canvas()
    assert label(axes, [Label(0.5, 0.5, f"layer {number}") for number in range(4)]) == []
    assert len([text for text in axes.texts if text.arrow_patch is not None]) >= 2


def test_those_first_in_the_list_get_the_room() -> None:
    _, axes = canvas()
    crowd = [Label(0.5, 0.5, f"layer {number}") for number in range(60)]
    left = label(axes, crowd)
    assert left
    assert crowd[0] not in left
    assert crowd[-1] in left


def test_no_label_lies_over_a_line() -> None:
    _, axes = canvas()
    line = along(axes, [0, 1], [0.5, 0.5])
    assert len(line) > 30
    label(axes, [Label(x / 10, 0.5, "name") for x in range(1, 10)], line)
    across = axes.transData.transform((0.5, 0.5))[1]
    boxes = [extent(text) for text in axes.texts if text.get_text()]
    assert boxes
    assert all(box[3] < across or box[1] > across for box in boxes)


@pytest.mark.parametrize("many", [3000])
def test_thousands_of_points_are_quick(many: int) -> None:
    _, axes = canvas()
    marks = [(0.3 + 0.4 * (number % 61) / 61, 0.3 + 0.4 * (number % 53) / 53) for number in range(many)]
    assert label(axes, [Label(0.5, 0.5, "knee")], marks, farthest=160) == []
