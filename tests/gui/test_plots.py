"""Plots: what is drawn is what the data are."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from rmexplorer.gui.plots import (
    BandItem,
    Bars,
    ColumnsModel,
    ContourHill,
    DensityImage,
    ForestMark,
    ForestPlot,
    ForestRow,
    HexItem,
    Hill,
    LineCurve,
    MarkLegend,
    PairLink,
    PlotCard,
    PlotView,
    PointItem,
    ReferenceLine,
    RoundAxis,
    ShareLegend,
    Sparkline,
    StepHistogram,
    WhiskerPoints,
    bin_hexagons,
    inside,
    paint_sparkline,
)
from rmexplorer.gui.plots.hexes import RADIUS, shrunk_share
from rmexplorer.gui.theme import DARK, LIGHT, themes
from rmexplorer.problem import Problem

pytestmark = pytest.mark.qt_log_ignore(
    "This plugin does not support", "not accepted by receiving widget")  # the offscreen screen; plots pass clicks on


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    """Each test begins and ends in the light theme at scale 1."""
    themes.apply(qapp, "light")
    yield
    themes.apply(qapp, "light")


@pytest.fixture
def view(qtbot: QtBot) -> PlotView:
    """A shown plot of 500 × 300 with x and y from 0 to 10."""
    made = PlotView(grid="both")
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.set_range((0, 10), (0, 10))
    made.show()
    QApplication.processEvents()
    return made


def place(view: PlotView, x: float, y: float) -> QPoint:
    """A data point as a point of the viewport."""
    return view.mapFromScene(view.box.mapViewToScene(QPointF(x, y)))


def inks(image: QImage) -> set[str]:
    """All colours of a picture."""
    same = image.convertToFormat(QImage.Format.Format_ARGB32)
    pixels = np.frombuffer(same.constBits(), np.uint32).reshape(same.height(), -1)
    return {f"#{int(pixel) & 0xFFFFFF:06X}" for pixel in np.unique(pixels)}


POINTS = st.lists(st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)), max_size=300)


# ---- hexagons


@given(POINTS, st.floats(2, 40))
@settings(max_examples=150)
def test_that_hexagons_hold_each_point_once_and_near(points: list[tuple[float, float]], radius: float) -> None:
    x, y = (np.array(part, dtype=float) for part in zip(*points, strict=True)) if points else (np.zeros(0), np.zeros(0))
    hexagons = bin_hexagons(x, y, radius)
    assert hexagons.count.sum() == len(points)
    assert np.array_equal(np.bincount(hexagons.of_point, minlength=len(hexagons.x)), hexagons.count)
    distance = np.hypot(hexagons.x[hexagons.of_point] - x, hexagons.y[hexagons.of_point] - y)
    assert (distance <= radius * 1.0001 + 1e-6).all()


def test_that_points_without_a_place_are_in_no_hexagon() -> None:
    hexagons = bin_hexagons(np.array([0.0, np.nan, 3.0]), np.array([0.0, 1.0, np.inf]))
    assert hexagons.of_point.tolist() == [0, -1, -1]
    assert hexagons.count.tolist() == [1]


def test_that_far_apart_points_are_binned_without_a_huge_table() -> None:
    x = np.array([0.0, 1e7, 1e7])
    hexagons = bin_hexagons(x, x.copy())
    assert sorted(hexagons.count.tolist()) == [1, 2]


def test_that_few_points_have_a_share_near_one_half() -> None:
    assert shrunk_share(np.array([1, 96]), np.array([1.0, 96.0])).tolist() == [0.6, 0.98]


def test_that_drawn_hexagons_count_what_is_in_view(view: PlotView) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.uniform(0, 10, 500), generator.uniform(0, 10, 500)
    item = view.add(HexItem(x, y, (y > 5).astype(float)))
    view.grab()
    assert item.hexagons.count.sum() == 500
    before = len(item.hexagons.x)
    view.box.setXRange(0, 1, padding=0)
    view.grab()
    assert len(item.hexagons.x) != before
    assert (item.hexagons.of_point[x > 1.5] == -1).all()


def test_that_hexagons_are_regular_at_every_zoom(view: PlotView) -> None:
    item = view.add(HexItem(np.linspace(0, 10, 400), np.linspace(0, 10, 400), np.ones(400)))
    for low in (0.0, 4.0):
        view.box.setXRange(low, 10, padding=0)
        view.grab()
        steps = np.diff(np.unique(np.round(item.hexagons.y, 3)))
        assert np.allclose(steps, 1.5 * RADIUS, atol=0.01)


def test_that_hexagons_take_their_side_s_colour(view: PlotView) -> None:
    view.add(HexItem(np.full(400, 5.0), np.full(400, 5.0), np.ones(400)))
    at = place(view, 5, 5)
    first = view.grab().toImage().pixelColor(at)
    view.clear_items()
    view.add(HexItem(np.full(400, 5.0), np.full(400, 5.0), np.zeros(400)))
    second = view.grab().toImage().pixelColor(at)
    assert first.blue() > first.red()
    assert second.red() > second.blue()


def test_that_points_outside_a_selection_fade(view: PlotView) -> None:
    item = view.add(HexItem(np.full(400, 5.0), np.full(400, 5.0), np.ones(400)))
    at = place(view, 5, 5)
    assert view.grab().toImage().pixelColor(at).alpha() == 255
    item.set_mask(np.zeros(400, bool))
    assert view.grab().toImage().pixelColor(at).alpha() == 64
    item.set_mask(np.ones(400, bool))
    assert view.grab().toImage().pixelColor(at).alpha() == 255


def test_that_a_hexagon_says_its_count_and_share(view: PlotView) -> None:
    item = view.add(HexItem(np.full(4, 5.0), np.full(4, 5.0), np.array([1.0, 1.0, 1.0, 0.0])))
    view.grab()
    at = QPointF(item.hexagons.x[0], item.hexagons.y[0])
    assert item.hover(at) == ["4 responses", "75% chosen, n = 4"]
    assert item.points_at(at).tolist() == [0, 1, 2, 3]
    assert item.hover(at + QPointF(60, 0)) is None


def test_that_a_million_points_become_counts(view: PlotView) -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 10, 20_000)
    item = view.add(DensityImage(np.append(x, np.nan), np.append(x, 1.0)))
    view.set_range((0, 10), (0, 10))
    view.grab()
    assert item.counts.sum() == 20_000
    view.box.setXRange(0, 1, padding=0)
    QTest.qWait(80)
    view.grab()
    assert item.area.right() < 3
    assert item.counts.sum() < 20_000


def test_that_density_lies_where_the_points_are(view: PlotView) -> None:
    view.add(DensityImage(np.full(500, 2.0), np.full(500, 8.0)))
    view.set_range((0, 10), (0, 10))
    image = view.grab().toImage()
    near = [image.pixelColor(place(view, 2, 8) + QPoint(a, b)).alpha() for a in range(-3, 4) for b in range(-3, 4)]
    assert max(near) > 200
    assert image.pixelColor(place(view, 8, 2) + QPoint(6, 6)).alpha() == 0


# ---- axes


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e4))
@settings(max_examples=150)
def test_that_an_axis_has_at_most_six_different_labels(low: float, width: float) -> None:
    axis = RoundAxis("bottom")
    values = axis.values(low, low + width)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    texts = [axis.text(value, step) for value in values]
    assert len(values) <= 6
    assert len(set(texts)) == len(texts)


def test_that_labels_are_written_as_the_guide_asks(qtbot: QtBot) -> None:
    assert RoundAxis("left").text(-2.0, 2.0) == "\u22122"
    assert RoundAxis("left").text(-0.0, 2.0) == "0"
    assert RoundAxis("left").text(0.5, 0.05) == "0.50"
    assert RoundAxis("left", "percent").text(0.5, 0.1) == "50%"
    assert RoundAxis("left", "signed").text(0.2, 0.2) == "+0.2"
    log = RoundAxis("bottom", "log2")
    assert [log.text(value, 2.0) for value in log.values(1.9, 10.4)] == ["4", "16", "64", "256", "1,024"]
    fixed = RoundAxis("bottom")
    fixed.set_ticks([(0, "shorter"), (1, "similar"), (5, "longer")])
    assert [fixed.text(value, 1) for value in fixed.values(-1, 2)] == ["shorter", "similar"]


def test_that_a_plot_has_no_grey_ground_and_no_menu(view: PlotView) -> None:
    assert view.backgroundBrush().style() == Qt.BrushStyle.NoBrush
    assert not view.viewport().autoFillBackground()
    assert not view.plot.menuEnabled()
    assert view.plot.getAxis("left").width() == 40


# ---- items


def test_that_all_items_are_drawn_in_both_themes(view: PlotView, qapp: QApplication) -> None:
    x = np.linspace(1, 9, 30)
    for item in (BandItem(x, x - 1, x + 1, over_marks=True), LineCurve(x, x, x - 0.2, x + 0.2, marker="circle"),
                 ReferenceLine(3, "coin flip"), ReferenceLine(5, "here", "v"), ReferenceLine(0, "perfect", slope=1.0),
                 StepHistogram(x, np.ones(29)), StepHistogram(x, np.ones(29), sideways=True),
                 Bars(x, np.ones(29), np.full(29, .5)), Hill(x, np.ones(30)), ContourHill(x, x),
                 WhiskerPoints(x, x, x - 1, x + 1, hollow=x > 5, line=True),
                 PointItem(x, x, (x > 4).astype(int), [("star", "green"), ("pentagon", "neutral")])):
        view.add(item)
    link = view.add(PairLink())
    link.set_pair((2, 2), (8, 3))
    view.add_label("an end", 9, 9, weight=600)
    first = view.grab().toImage()
    themes.apply(qapp, "dark")
    QApplication.processEvents()
    dark = view.grab().toImage()
    assert DARK.plum in inks(dark)
    assert LIGHT.plum not in inks(dark)
    themes.apply(qapp, "light")
    QApplication.processEvents()
    assert view.grab().toImage() == first
    assert LIGHT.plum in inks(first)


def test_that_a_line_passes_through_its_points(view: PlotView) -> None:
    view.add(LineCurve([0, 10], [2, 2], width=3))
    image = view.grab().toImage()
    assert image.pixelColor(place(view, 5, 2)).name().upper() == LIGHT.text
    assert image.pixelColor(place(view, 5, 6)).name().upper() != LIGHT.text


def test_that_missing_values_leave_a_curve_standing(view: PlotView) -> None:
    view.add(LineCurve([0, 2, 5, 8, 10], [2, 2, np.nan, 2, 2], [1, 1, np.nan, 1, 1], [3, 3, np.nan, 3, 3], width=3))
    view.add(WhiskerPoints([1, 2], [np.nan, 4], [np.nan, np.nan], [1, np.nan]))
    view.add(LineCurve([], []))
    image = view.grab().toImage()
    assert all(image.pixelColor(place(view, x, 2)).name().upper() == LIGHT.text for x in (1, 9))


def test_that_a_plot_shows_its_data_when_reset(view: PlotView) -> None:
    view.add(LineCurve([0, 4], [100, 300]))
    view.set_range()
    QApplication.processEvents()
    (left, right), (low, high) = view.box.viewRange()
    assert left <= 0 < 4 <= right < 8
    assert low <= 100 < 300 <= high < 500


def test_that_bars_can_stand_on_zero(view: PlotView) -> None:
    view.add(Bars([0, 1, 2], [3, 5]))
    view.set_range()
    view.stand_on_zero()
    QApplication.processEvents()
    assert view.box.viewRange()[1][0] >= 0


def test_that_a_mark_is_pressed_ringed_and_explained(view: PlotView, qtbot: QtBot) -> None:
    points = view.add(WhiskerPoints([2, 5, 8], [2, 5, 8], [1, 4, 7], [3, 6, 9], tips=lambda place: [f"bin {place}"]))
    view.grab()
    with qtbot.waitSignal(points.clicked) as caught:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place(view, 5, 5))
    assert caught.args == [1]
    assert LIGHT.plum not in inks(view.grab().toImage())
    points.select(1)
    assert LIGHT.plum in inks(view.grab().toImage())
    assert points.hover(view.box.mapViewToScene(QPointF(8, 8))) == ["bin 2"]
    assert points.hover(view.box.mapViewToScene(QPointF(8, 2))) is None


def test_that_labels_keep_inside_and_apart(view: PlotView) -> None:
    for text in ("held-out 0.66, 95% CI", "training 0.71", "third"):
        view.add_label(text, 9.9, 5.0)
    view.grab()
    boxes = [label.box for label in view.labels.labels]
    room = view.box.sceneBoundingRect()
    assert all(room.adjusted(-1, -1, 1, 1).contains(box) for box in boxes)
    assert not any(a.intersects(b) for n, a in enumerate(boxes) for b in boxes[n + 1:])


def test_that_the_name_of_a_line_lies_on_no_whisker(view: PlotView) -> None:
    marks = WhiskerPoints([0, 1, 2, 3], [0.6, 0.7, 0.5, 0.6], [0.4, 0.6, 0.4, 0.3], [0.8, 0.9, 0.6, 0.9])
    view.add(marks)
    curve = view.add(LineCurve([-0.5, 3.5], [0.56, 0.56]))
    view.set_range((-0.5, 3.5), (0.2, 1.0))
    name = view.name_line("coin flip", 0.5, 0.0, [marks, curve])
    view.grab()
    assert name.box.width() > 40 and view.labels.view_px().contains(name.box)
    assert not any(name.box.contains(QPointF(*point)) for point in np.concatenate([marks.ink_px(), curve.ink_px()]).tolist())
    line = float(curve.to_px([0.0], [0.5])[1][0])
    assert min(abs(name.box.top() - line), abs(name.box.bottom() - line)) < 4, "it stands at its line"


def test_that_names_of_lines_stay_cheap_and_with_their_lines_however_far_a_person_zooms(view: PlotView) -> None:
    curve = view.add(LineCurve([0, 1, 2], [0.5, 0.56, 0.7]))
    view.set_range((0, 2), (0.2, 1.0))
    names = [view.name_line(text, value, 2.0, [curve]) for text, value in (("coin flip", 0.5), ("length", 0.9))]
    view.grab()
    for _ in range(60):  # + held down for two seconds
        QTest.keyClick(view, Qt.Key.Key_Plus)
    view.box.setRange(xRange=(0.0, 2e-6), yRange=(0.499999, 0.500001), padding=0)
    view.grab()
    assert 2 < len(curve.ink_px()) <= 2_000
    lines = [float(curve.to_px([0.0], [label.y])[1][0]) for label in names]
    assert view.labels.view_px().contains(QPointF(200, lines[0])) and not view.labels.view_px().contains(QPointF(200, lines[1]))
    drawn: list[str] = []
    painter = MagicMock()
    painter.drawText = lambda box, flags, text: drawn.append(text)
    view.labels.draw(painter)
    assert drawn == ["coin flip"]


def test_that_a_tooltip_stays_in_the_window(view: PlotView) -> None:
    view.card.show_lines(["one", "two", "three", "four", "five", "six"], QPoint(495, 295))
    assert view.rect().contains(view.card.geometry())
    assert sum(line.isVisible() for line in view.card.lines) == 5


def test_that_hovering_shows_the_tooltip(view: PlotView, qtbot: QtBot) -> None:
    view.add(WhiskerPoints([5], [5], tips=lambda place: ["reward +0.84", "n = 3"]))
    view.grab()
    qtbot.mouseMove(view.viewport(), place(view, 1, 1))
    qtbot.mouseMove(view.viewport(), place(view, 5, 5))
    qtbot.waitUntil(view.card.isVisible, timeout=2000)
    assert view.card.lines[0].text() == "reward +0.84"


# ---- keys and brushes


def test_that_keys_zoom_move_and_reset(view: PlotView, qtbot: QtBot) -> None:
    def width() -> float:
        return float(view.box.viewRect().width())
    start = width()
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert width() < start
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert width() == pytest.approx(start)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.box.viewRect().left() == pytest.approx(1.0)
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.box.viewRange()[0] == pytest.approx([0, 10])
    view.set_zoomable(False)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert width() == pytest.approx(start)


def drag(view: PlotView, path: list[tuple[float, float]], held: Qt.KeyboardModifier) -> None:
    """Drag the left button along data points."""
    points = [QPointF(place(view, *at)) for at in path]
    button, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton

    def send(kind: QEvent.Type, at: QPointF, changed: Qt.MouseButton, down: Qt.MouseButton) -> None:
        event = QMouseEvent(kind, at, view.viewport().mapToGlobal(at), changed, down, held)
        QApplication.sendEvent(view.viewport(), event)
        QTest.qWait(15)  # plots look at the mouse a hundred times a second
    send(QEvent.Type.MouseMove, points[0], none, none)
    send(QEvent.Type.MouseButtonPress, points[0], button, button)
    for point in points[1:]:
        send(QEvent.Type.MouseMove, point, none, button)
    send(QEvent.Type.MouseButtonRelease, points[-1], button, none)


@pytest.mark.parametrize(
    ("held", "mode"),
    [
        (Qt.KeyboardModifier.NoModifier, "replace"),
        (Qt.KeyboardModifier.ShiftModifier, "add"),
        (Qt.KeyboardModifier.AltModifier, "remove"),
    ],
)
def test_that_a_drag_brushes_a_rectangle(view: PlotView, qtbot: QtBot, held: Qt.KeyboardModifier, mode: str) -> None:
    view.set_tool("rectangle")
    with qtbot.waitSignal(view.brushed) as caught:
        drag(view, [(2, 2), (4, 5), (6, 8)], held)
    polygon, said = caught.args
    assert said == mode
    assert polygon.min(axis=0) == pytest.approx([2, 2], abs=0.1)
    assert polygon.max(axis=0) == pytest.approx([6, 8], abs=0.1)
    assert view.box.viewRange()[0] == pytest.approx([0, 10])


def test_that_a_lasso_selects_what_it_encloses(view: PlotView, qtbot: QtBot) -> None:
    view.set_tool("rectangle")
    qtbot.keyClick(view, Qt.Key.Key_L)
    assert view.box.tool == "lasso"
    with qtbot.waitSignal(view.brushed) as caught:
        drag(view, [(1, 1), (9, 1), (9, 9), (5, 3), (1, 9)], Qt.KeyboardModifier.NoModifier)
    mask = inside(caught.args[0], np.array([2.0, 8.0, 5.0, 5.0]), np.array([2.0, 2.0, 8.0, 1.5]))
    assert mask.tolist() == [True, True, False, True]


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=50))
@settings(max_examples=50)
def test_that_inside_a_rectangle_is_what_comparisons_say(points: list[tuple[float, float]]) -> None:
    x, y = (np.array(part) for part in zip(*points, strict=True))
    mask = inside(np.array([(2.0, 3.0), (6.5, 3.0), (6.5, 8.0), (2.0, 8.0)]), x, y)
    strictly = (x > 2) & (x < 6.5) & (y > 3) & (y < 8)
    away = (x < 2) | (x > 6.5) | (y < 3) | (y > 8)
    assert mask[strictly].all()
    assert not mask[away].any()
    assert not inside(np.zeros((2, 2)), x, y).any()


# ---- cards and exports


@pytest.fixture
def card(qtbot: QtBot) -> PlotCard:
    """A card with a line."""
    made = PlotCard("Loss", "per pair", "↑ Loss", "Epoch →")
    qtbot.addWidget(made)
    made.resize(460, 320)
    made.view.add(LineCurve([0, 1, 2], [3, 2, 1.5]))
    made.set_table({"epoch": np.array([0, 1, 2]), "loss": np.array([3.0, 2.0, 1.5])})
    made.describe("Loss falls to 1.5.", "helpful-mix · head-256")
    made.show()
    QApplication.processEvents()
    return made


def test_that_a_picture_is_twice_the_size_and_light(card: PlotCard, tmp_path: Path, qapp: QApplication) -> None:
    themes.apply(qapp, "dark")
    card.export(tmp_path / "loss.png")
    image = QImage(str(tmp_path / "loss.png"))
    assert image.width() >= 2 * card.view.width()
    assert image.pixelColor(2, 2).name().upper() == LIGHT.surface
    assert LIGHT.text in inks(image)
    assert themes.colors is DARK


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_that_vector_exports_are_written(card: PlotCard, tmp_path: Path, kind: str, start: bytes) -> None:
    card.export(tmp_path / f"loss.{kind}")
    data = (tmp_path / f"loss.{kind}").read_bytes()
    assert data.startswith(start)
    if kind == "svg":
        assert b"Loss falls to 1.5." in data
        assert b"<path" in data or b"<polyline" in data


def test_that_csv_holds_what_is_drawn(card: PlotCard, tmp_path: Path) -> None:
    card.export(tmp_path / "loss.csv")
    rows = list(csv.reader((tmp_path / "loss.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["epoch", "loss"]
    assert [float(row[1]) for row in rows[1:]] == [3.0, 2.0, 1.5]


def test_that_a_failed_export_is_said_in_the_card(card: PlotCard, tmp_path: Path) -> None:
    card.export(tmp_path / "nowhere" / "loss.png")
    assert card.error.isVisible()
    card.export(tmp_path / "loss.bmp")
    assert "not a kind of picture" in card.error.text.text()


def test_that_a_plot_is_copied_to_the_clipboard(card: PlotCard, qtbot: QtBot) -> None:
    QGuiApplication.clipboard().clear()
    qtbot.mouseClick(card.tool_copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().image().width() > 0


def test_that_a_plot_has_name_description_and_table(card: PlotCard, qtbot: QtBot) -> None:
    assert card.view.accessibleName() == "Loss"
    assert card.view.accessibleDescription() == "Loss falls to 1.5. helpful-mix · head-256"
    texts = [action.text() for action in card.menu().actions() if action.text()]
    assert {"Save as PNG, 2×…", "Save as SVG…", "Save as PDF…", "Save data as CSV…", "Show as table"} <= set(texts)
    dialog = card.show_table()
    qtbot.addWidget(dialog)
    assert dialog.isVisible()
    model = ColumnsModel(card.columns)
    assert (model.rowCount(), model.columnCount()) == (3, 2)
    assert model.data(model.index(2, 1)) == "1.5"
    assert model.headerData(1, Qt.Orientation.Horizontal) == "loss"


def test_that_a_plot_card_can_fail_and_recover(card: PlotCard) -> None:
    card.show_error(Problem("Too few pairs", "open more"))
    assert card.error.isVisible()
    card.show_empty("Nothing yet")
    assert not card.view.isVisible()
    card.show_ready()
    assert card.view.isVisible()


def test_that_marginals_share_the_axes(qtbot: QtBot) -> None:
    view = PlotView(grid="both")
    qtbot.addWidget(view)
    view.resize(600, 400)
    top, right = view.add_marginals()
    top.addItem(StepHistogram([0, 5, 10], [3, 4]))
    right.addItem(StepHistogram([0, 5, 10], [3, 4], sideways=True))
    view.set_range((0, 10), (0, 10))
    view.show()
    QApplication.processEvents()
    view.box.setXRange(2, 4, padding=0)
    view.box.setYRange(1, 3, padding=0)
    QApplication.processEvents()
    assert top.vb.viewRange()[0] == pytest.approx([2, 4], abs=0.05)
    assert right.vb.viewRange()[1] == pytest.approx([1, 3], abs=0.05)
    main = view.box.sceneBoundingRect()
    assert top.vb.sceneBoundingRect().left() == pytest.approx(main.left(), abs=1)
    assert right.vb.sceneBoundingRect().top() == pytest.approx(main.top(), abs=1)


# ---- forest, sparkline, legends


def test_that_forest_rows_are_a_list_with_keys(qtbot: QtBot) -> None:
    plot = ForestPlot("Style", -0.5, 0.5, title="Change →")
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    plot.set_rows(
        [
            ForestRow(
                "Bullet points", "as list", (ForestMark(0.07, 0.02, 0.12, "people"), ForestMark(0.2, 0.1, 0.3)), "83%"
            ),
            ForestRow("Hedging", marks=(ForestMark(-0.1, label="\u22120.10"),), bar=(0, 0.2)),
            ForestRow(
                "Typos", hill=((-0.2, 0, 0.2), (0, 1, 0)), tone="amber", marks=(ForestMark(0.3, kind="warning"),)
            ),
        ]
    )
    plot.show()
    QApplication.processEvents()
    with qtbot.waitSignal(plot.rowSelected) as caught:
        qtbot.mouseClick(plot.list.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(30, plot.delegate.height // 2))
    assert caught.args == [0]
    with qtbot.waitSignal(plot.rowSelected) as caught:
        qtbot.keyClick(plot.list, Qt.Key.Key_Down)
    assert caught.args == [1]
    said = plot.model.data(plot.model.index(0, 0), Qt.ItemDataRole.AccessibleTextRole)
    assert said == "Bullet points, as list\npeople: +0.07 (+0.02 to +0.12)\nmodel: +0.20 (+0.10 to +0.30)\n83%"
    assert {LIGHT.text, LIGHT.neutral, LIGHT.plum} <= inks(plot.grab().toImage())
    with qtbot.assertNotEmitted(plot.rowSelected):
        plot.select(2)


def test_that_a_value_beyond_the_axis_stays_on_it(qtbot: QtBot) -> None:
    plot = ForestPlot("Style", 0.0, 1.0)
    qtbot.addWidget(plot)
    room = QRectF(0, 0, 400, 25)
    area = plot.shape.plot(room)
    assert plot.shape.x(5.0, room) == area.right()
    assert plot.shape.x(0.0, room) == area.left()


def test_that_a_sparkline_ends_in_a_dot_and_bears_gaps(qtbot: QtBot) -> None:
    line = Sparkline([0.5, float("nan"), 0.64, 0.66], name="accuracy")
    qtbot.addWidget(line)
    assert LIGHT.text in inks(line.grab().toImage())
    line.set_values([])
    assert LIGHT.text not in inks(line.grab().toImage())
    image = QImage(60, 20, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    paint_sparkline(painter, QRectF(0, 0, 60, 20), [1.0], limits=(0.0, 1.0))
    painter.end()


def test_that_legends_are_wide_enough(qtbot: QtBot) -> None:
    for family in ("", "DejaVu Sans"):
        themes.apply(QApplication.instance(), "light", family=family)
        legend = ShareLegend()
        qtbot.addWidget(legend)
        legend.resize(legend.sizeHint())
        image = legend.grab().toImage()
        ground = image.pixelColor(image.width() - 1, 0)
        edge = [image.pixelColor(image.width() - 1, y) for y in range(image.height())]
        assert all(pixel == ground for pixel in edge)
    marks = MarkLegend((("people", "people"), ("model", "model")))
    qtbot.addWidget(marks)
    assert marks.sizeHint().width() > 40


def test_that_a_label_at_the_end_of_the_axis_stays_whole(card: PlotCard) -> None:
    axis = card.view.axis("bottom")
    drawn: list[QRectF] = []

    class Spy(QPainter):
        def drawText(self, rect: QRectF, flags: int, text: str) -> None:
            drawn.append(QRectF(rect))

    image = QImage(10, 10, QImage.Format.Format_RGB32)
    painter = Spy(image)
    room = axis.mapRectFromParent(axis.geometry())
    line = (axis.pen(), room.topLeft(), room.topRight())
    ends = [QRectF(room.left() - 9, 2, 20, 12), QRectF(room.right() - 11, 2, 20, 12)]
    axis.drawPicture(painter, line, [], [(QRectF(end), 0, "512") for end in ends])
    painter.end()
    assert [rect.left() for rect in drawn] == [room.left(), room.right() - 20]


@pytest.mark.parametrize("height", [120, 150, 177, 230, 400])
def test_that_rows_of_a_forest_fill_what_they_scroll_in(qtbot: QtBot, height: int) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    plot = ForestPlot("Style", -1.0, 1.0, row_height=25, parent=holder)
    plot.set_rows([ForestRow(f"feature {place}", marks=(ForestMark(0.1, 0.0, 0.2),)) for place in range(20)])
    holder.show()
    plot.resize(300, height)
    QApplication.processEvents()
    seen, left = divmod(plot.list.height(), plot.delegate.height)
    free = height - plot.axis.height() - plot.list.height()
    assert left == 0 and 25 <= plot.delegate.height < 50 and 0 <= free < seen, "none is cut, and no gap is left below"
