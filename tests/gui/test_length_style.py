"""The Length & style pane, by mouse and by keyboard, on real pairs."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.analysis.style_effects import telling
from rmexplorer.data.read import read
from rmexplorer.gui import reward_length, scatter
from rmexplorer.gui.length_cards import LengthAccuracyCard
from rmexplorer.gui.panes.length_style import LengthStylePane
from rmexplorer.gui.plots import DensityImage, HexItem, PlotView, PointItem, inside
from rmexplorer.gui.plots import density as density_module
from rmexplorer.gui.widgets import IconButton
from rmexplorer.gui.window import Window
from rmexplorer.job import Progress, finish
from rmexplorer.wording import number, style
from rmexplorer.workflows.columns import run
from rmexplorer.workflows.style import features_of, measure_effects, measure_feature, measure_table, pairs_that_differ
from tests.waiting import wait_until

Settle = Callable[[Window], None]
Held = Qt.KeyboardModifier

pytestmark = pytest.mark.qt_log_ignore(
    "This plugin does not support", "not accepted by receiving widget")  # the offscreen screen; plots pass clicks on


@pytest.fixture
def pane(window: Window, trained: Any) -> LengthStylePane:
    """The pane with HH harmless-base and its head; held-out pairs."""
    trained.show(window, "length_style")
    made = window.panes["length_style"]
    assert isinstance(made, LengthStylePane)
    return made


def show_all(window: Window, settle: Settle) -> None:
    """Show held-out and training pairs together: enough for hexagons."""
    window.desk.set_scope("all")
    settle(window)


def at(view: PlotView, x: float, y: float) -> QPoint:
    """A data point as a point of the viewport."""
    return view.mapFromScene(view.box.mapViewToScene(QPointF(x, y)))


def click(view: PlotView, x: float, y: float) -> None:
    """Click a data point."""
    point = at(view, x, y)
    QTest.mouseMove(view.viewport(), point)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Held.NoModifier, point)
    QApplication.processEvents()


def drag(view: PlotView, corners: list[tuple[float, float]], held: Held = Held.NoModifier) -> None:
    """Drag along data points."""
    port, left, none = view.viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    points = [at(view, x, y) for x, y in corners]

    def send(kind: QEvent.Type, point: QPoint, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
        QApplication.sendEvent(port, QMouseEvent(kind, QPointF(point), QPointF(port.mapToGlobal(point)), button, buttons, held))

    send(QEvent.Type.MouseButtonPress, points[0], left, left)
    for point in points[1:]:
        QTest.qWait(30)  # pyqtgraph drops moves that follow one another faster
        send(QEvent.Type.MouseMove, point, none, left)
    QTest.qWait(30)
    send(QEvent.Type.MouseButtonRelease, points[-1], left, none)
    QApplication.processEvents()


def expected(window: Window, corners: list[tuple[float, float]]) -> np.ndarray:
    """(pairs,) bool: shown pairs with a response inside a polygon, by way of every pair's own texts."""
    state = window.desk.state
    texts = state.dataset.responses["text"].to_list()
    polygon = np.array(corners)
    found = np.zeros(len(state.dataset), bool)
    for ids in (state.dataset.chosen, state.dataset.rejected):
        words = np.array([max(1, len(texts[one].split())) for one in ids])
        found |= inside(polygon, np.log2(words), state.rewards.response[ids].astype(float))
    return found & state.shown & ~state.dataset.tie


def selected(window: Window) -> np.ndarray:
    """(pairs,) bool: what is selected."""
    mask = window.desk.state.selection.mask
    return np.zeros(len(window.desk.state.dataset), bool) if mask is None else mask


def middle_rectangle(pane: LengthStylePane) -> list[tuple[float, float]]:
    """A rectangle over part of the cloud, on whole px so that the drag meets it."""
    (left, right), (low, high) = pane.lengths.view.box.viewRange()
    a, b = left + 0.45 * (right - left), left + 0.6 * (right - left)
    c, d = low + 0.35 * (high - low), low + 0.6 * (high - low)
    view = pane.lengths.view
    (a, c), (b, d) = (
        (lambda point: (point.x(), point.y()))(view.box.mapSceneToView(view.mapToScene(at(view, x, y))))
        for x, y in ((a, c), (b, d))
    )
    return [(a, c), (b, c), (b, d), (a, d)]


def test_that_headline_and_texts_are_those_of_the_analysis(window: Window, pane: LengthStylePane) -> None:
    state = window.desk.state
    found = run("length_style", state.columns.take(state.shown))
    assert found.pairs == int((state.rewards.heldout & ~state.dataset.tie).sum()) > 400
    assert pane.header.headline.text == found.headline()
    assert pane.header.method_label.text() == found.method("held-out")
    texts = [label.text for label, _, _ in pane.lengths.pinned]
    assert found.trend_text() in texts
    assert f"rejected, median {number(found.rejected_words_median, 0)}" in texts
    assert f"chosen, median {number(found.chosen_words_median, 0)} words" in texts
    assert pane.lengths.subtitle_label.text() == f"{len(found.cloud):,}\u00a0responses"
    assert isinstance(pane.lengths.marks, PointItem) and len(pane.lengths.marks.x) == len(found.cloud)


def test_that_margins_count_every_pair_once_a_side(pane: LengthStylePane) -> None:
    scatter = pane.lengths.scatter
    for _, chosen, rejected in (scatter.values, scatter.rewards):
        assert chosen.sum() == rejected.sum() == scatter.found.pairs


def test_that_many_responses_become_hexagons_and_more_an_image(
    window: Window, pane: LengthStylePane, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_all(window, settle)
    assert isinstance(pane.lengths.marks, HexItem)
    pane.grab()
    assert int(pane.lengths.marks.hexagons.count.sum()) == len(pane.result.found.cloud)
    monkeypatch.setattr(scatter, "MOST_HEXAGONS", 1000)
    monkeypatch.setattr(density_module, "AT_ONCE", 100)
    monkeypatch.setattr(reward_length, "SMALL", 10)
    window.desk.set_query("words>0")
    settle(window)
    marks = pane.lengths.marks
    assert isinstance(marks, DensityImage) and not marks.pending
    assert marks.counts.sum() == len(pane.result.found.cloud)
    corners = middle_rectangle(pane)
    drag(pane.lengths.view, [corners[0], corners[1], corners[2]])
    settle(window)
    assert selected(window).tolist() == expected(window, corners).tolist()
    assert marks.mask is not None
    assert marks.tallies.inside.sum() == pane.lengths.scatter.responses_of(selected(window)).sum()
    cloud = pane.result.found.cloud
    spread = pane.lengths.scatter.spread
    assert np.rint(2.0 ** spread).tolist() == pytest.approx(np.maximum(cloud.value, 1).tolist(), abs=1)
    point = pane.lengths.view.box.mapViewToScene(QPointF(float(spread[7]), float(cloud.reward[7])))
    assert 7 in marks.points_at(point)
    assert "reward" in " ".join(marks.hover(point))


def test_that_a_rectangle_selects_pairs_with_a_response_inside(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    corners = middle_rectangle(pane)
    drag(pane.lengths.view, [corners[0], corners[1], corners[2]])
    mask = expected(window, corners)
    assert 20 < mask.sum() < len(mask) / 2
    assert selected(window).tolist() == mask.tolist()
    assert window.desk.state.selection.origin == "reward against length"
    assert pane.lengths.brush_label.text == f"{int(mask.sum()):,}\u00a0pairs selected"
    hit = pane.lengths.marks.mask
    cloud = pane.result.found.cloud
    ids = np.concatenate([window.desk.state.dataset.chosen[mask], window.desk.state.dataset.rejected[mask]])
    assert hit.tolist() == np.isin(cloud.response, ids).tolist()


def test_that_shift_adds_and_alt_takes_away(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    first = middle_rectangle(pane)
    second = [(x - 1.5, y) for x, y in first]
    view = pane.lengths.view
    drag(view, [first[0], first[1], first[2]])
    drag(view, [second[0], second[1], second[2]], Held.ShiftModifier)
    before = selected(window)
    assert np.array_equal(before & expected(window, first), expected(window, first))
    assert before.sum() > expected(window, first).sum()
    drag(view, [first[0], first[1], first[2]], Held.AltModifier)
    assert not (selected(window) & expected(window, first)).any()
    assert selected(window).sum() == (before & ~expected(window, first)).sum() > 0


def test_that_l_takes_the_lasso(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    view = pane.lengths.view
    assert view.box.tool == "rectangle" and not pane.lengths.lasso.isChecked()
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_L)
    assert view.box.tool == "lasso" and pane.lengths.lasso.isChecked()
    a, b, c, d = middle_rectangle(pane)
    drag(view, [a, b, c])  # a triangle: the lasso closes itself
    mask = expected(window, [a, b, c])
    assert 0 < mask.sum() < expected(window, [a, b, c, d]).sum()
    assert selected(window).tolist() == mask.tolist()
    QTest.mouseClick(pane.lengths.lasso, Qt.MouseButton.LeftButton)
    assert view.box.tool == "rectangle"


def test_that_the_lasso_is_shown_only_with_its_own_selection(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    corners = middle_rectangle(pane)
    drag(pane.lengths.view, [corners[0], corners[1], corners[2]])
    assert len(pane.lengths.view.box.brush_shape.points) == 4
    other = np.zeros(len(window.desk.state.dataset), bool)
    other[:5] = True
    window.desk.select(other, "replace", "elsewhere")
    assert not len(pane.lengths.view.box.brush_shape.points) and pane.lengths.brush_label is None
    assert pane.lengths.marks.mask is not None
    window.desk.undo()
    assert len(pane.lengths.view.box.brush_shape.points) == 4
    assert "selected" in pane.lengths.brush_label.text
    window.desk.clear()
    assert not len(pane.lengths.view.box.brush_shape.points) and pane.lengths.marks.mask is None


def test_that_clicks_on_a_hexagon_go_through_its_pairs(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    pane.grab()
    marks, cloud, view = pane.lengths.marks, pane.result.found.cloud, pane.lengths.view
    crowded = int(np.argmax(marks.hexagons.count))
    scene = QPointF(marks.hexagons.x[crowded], marks.hexagons.y[crowded])
    points = marks.points_at(scene)
    assert len(points) == marks.hexagons.count.max() > 3
    place = view.box.mapSceneToView(scene)
    seen = []
    for _ in range(3):
        click(view, place.x(), place.y())
        seen.append(window.desk.state.focus)
    assert seen == cloud.pair[points[:3]].tolist()
    lines = marks.hover(scene)
    assert lines[0].startswith(f"{len(points)}\u00a0responses, ") and lines[0].endswith("% chosen")
    assert "reward" in lines[1] and lines[2].endswith(" words") and lines[3].startswith("“")


def test_that_a_click_on_a_point_inspects_its_pair(window: Window, pane: LengthStylePane) -> None:
    pane.grab()
    cloud = pane.result.found.cloud
    position = pane.lengths.scatter.named[0][0]
    other = int((cloud.pair[position] + 1) % len(window.desk.state.dataset))
    window.desk.look_at(other)
    click(pane.lengths.view, float(cloud.x[position]), float(cloud.reward[position]))
    assert window.desk.state.focus == cloud.pair[position]
    ends = pane.lengths.link.ends
    state = window.desk.state
    pair = state.focus
    assert ends[1] == pytest.approx(float(state.rewards.response[state.dataset.chosen[pair]]), abs=1e-5)
    assert ends[3] == pytest.approx(float(state.rewards.response[state.dataset.rejected[pair]]), abs=1e-5)


def test_that_enter_steps_through_the_outliers(window: Window, pane: LengthStylePane) -> None:
    named = pane.lengths.scatter.named
    assert 1 <= len(named) <= 4 and all(text.startswith("“") and len(text) <= 28 for _, text in named)
    pane.lengths.view.setFocus()
    QTest.keyClick(pane.lengths.view, Qt.Key.Key_Return)
    assert window.desk.state.focus == pane.result.found.cloud.pair[named[0][0]]
    QTest.keyClick(pane.lengths.view, Qt.Key.Key_Return)
    assert window.desk.state.focus == pane.result.found.cloud.pair[named[1 % len(named)][0]]


def test_that_the_menu_selects_what_is_in_view(window: Window, pane: LengthStylePane) -> None:
    view = pane.lengths.view
    view.box.setRange(xRange=(4, 5.5), yRange=(-0.5, 0.5), padding=0)
    action = next(one for one in pane.lengths.menu().actions() if one.text() == "Select the pairs in view")
    action.trigger()
    assert selected(window).tolist() == expected(window, [(4, -0.5), (5.5, -0.5), (5.5, 0.5), (4, 0.5)]).tolist()
    points = np.array([0, 3])
    names = [one.text() for one in pane.lengths.point_menu(points).actions()]
    assert names == ["Inspect", "Select the pairs here", "Copy response"]
    pane.lengths.select_points(points)
    assert set(pane.result.found.cloud.pair[points]) <= set(np.flatnonzero(selected(window)))


def gaps(window: Window) -> np.ndarray:
    """(pairs,) log characters chosen minus rejected, by way of the texts."""
    dataset = window.desk.state.dataset
    length = np.array([np.log1p(len(text.strip())) for text in dataset.responses["text"].to_list()])
    return length[dataset.chosen] - length[dataset.rejected]


def spot(card: LengthAccuracyCard, name: str) -> Any:
    """A group by its name."""
    return next(one for one in card.spots if one.name == name)


@pytest.mark.parametrize(("name", "holds"), [
    ("chosen shorter", lambda gap: gap <= -0.1), ("similar", lambda gap: np.abs(gap) < 0.1), ("chosen longer", lambda gap: gap >= 0.1),
])
def test_that_a_click_on_a_group_selects_exactly_its_pairs(
    window: Window, pane: LengthStylePane, name: str, holds: Callable[[np.ndarray], np.ndarray]
) -> None:
    card = pane.accuracies
    card.grab()
    one = spot(card, name)
    click(card.view, one.x, one.group.accuracy.value)
    state = window.desk.state
    mask = holds(gaps(window)) & state.shown & ~state.dataset.tie
    assert selected(window).tolist() == mask.tolist()
    assert state.selection.count == one.group.accuracy.n
    assert card.points.selected == [spot.name for spot in card.coarse].index(name)
    margin = np.where(state.dataset.winner > 0, 1, -1) * (state.rewards.first - state.rewards.second)
    assert one.group.accuracy.value == pytest.approx(np.mean(np.where(margin[mask] == 0, 0.5, margin[mask] > 0)))


def test_that_groups_are_reached_by_keys(window: Window, pane: LengthStylePane) -> None:
    card = pane.accuracies
    assert len(card.fine) == len(pane.result.found.bins) >= 4
    card.view.setFocus()
    QTest.keyClick(card.view, Qt.Key.Key_Right)
    assert card.at == 0
    QTest.keyClick(card.view, Qt.Key.Key_Right)
    QTest.keyClick(card.view, Qt.Key.Key_Return)
    assert window.desk.state.selection.count == card.spots[1].group.accuracy.n
    assert window.desk.state.selection.origin == card.spots[1].name
    assert card.bins.selected >= 0 or card.points.selected >= 0
    window.desk.clear()
    assert card.bins.selected == card.points.selected == -1


def test_that_style_rows_are_the_most_telling_features(window: Window, pane: LengthStylePane) -> None:
    state, card = window.desk.state, pane.styles
    found = run("style_effects", state.columns.take(state.shown))
    best = telling(found.effects, len(card.names))
    assert 5 <= len(best) <= 8
    rows = card.forest.model.rows
    assert [row.name.lower() for row in rows] == [style(effect.name).lower() for effect in best]
    assert [mark.value for mark in rows[0].marks] == [best[0].people.value, best[0].model.value]
    assert [mark.kind for mark in rows[0].marks] == ["people", "model"]
    assert f"difference {number(best[0].gap_q, 3)}" in card.forest.model.data(card.forest.model.index(0), Qt.ItemDataRole.ToolTipRole)


def test_that_a_row_selects_the_pairs_that_differ_in_it(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    card, dataset = pane.styles, window.desk.state.dataset
    assert "apologies" in card.names
    card.forest.list.setFocus()
    card.forest.list.setCurrentIndex(card.forest.model.index(card.names.index("apologies")))
    QTest.keyClick(card.forest.list, Qt.Key.Key_Return)
    settle(window)
    given = window.desk.state.columns.take(window.desk.state.shown)
    column = given["style_names"].index("apologies")
    gap = np.abs(given["style_chosen"][:, column] - given["style_rejected"][:, column])
    mask = selected(window)
    assert mask.any() and not (mask & ~window.desk.state.shown).any()
    picked = mask[given.rows]
    assert gap[picked].min() > 0 and gap[picked].min() >= gap[~picked].max()
    texts = dataset.responses["text"]
    for pair in np.flatnonzero(mask)[:5].tolist():
        both = f"{texts[int(dataset.chosen[pair])]} {texts[int(dataset.rejected[pair])]}".lower()
        assert any(word in both for word in ("sorry", "apolog", "my mistake", "regret", "unfortunately"))


def test_that_style_is_measured_while_the_rest_is_shown(
    window: Window, pane: LengthStylePane, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def held(given: Any) -> Any:
        while not go.is_set():
            yield Progress(1_000, 4_000, "measuring style")
            go.wait(0.01)
        return (yield from measure_effects(given))

    monkeypatch.setattr("rmexplorer.gui.panes.length_style.measure_effects", held)
    window.desk.set_scope("all")
    wait_until(lambda: pane.styles.loading.note == "Measuring style 1,000 of 4,000")
    assert pane.styles.pages.currentIndex() == 2
    assert pane.lengths.pages.currentIndex() == pane.accuracies.pages.currentIndex() == 0
    assert "2,312" in pane.header.method_label.text() and not pane.settled
    wait_until(lambda: bool(window.desk.jobs.runs))  # what takes long is shown below the window
    assert window.desk.jobs.shown.title == "Measuring style" and not window.desk.jobs.busy
    for work in window.desk.jobs.runs:
        window.desk.jobs.cancel(work)
    settle(window)
    assert pane.styles.empty.isVisible() and "cancelled" in pane.styles.empty.sentence.text()
    go.set()
    QTest.mouseClick(pane.styles.empty.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert pane.styles.pages.currentIndex() == 0 and pane.styles.forest.isVisible()


def test_that_measuring_ends_when_the_pane_is_left_and_begins_again_when_it_is_shown(
    window: Window, pane: LengthStylePane, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []

    def endless(_: Any) -> Any:
        try:
            while True:
                yield Progress(0, 0, "measuring style")
        finally:
            ended.append(True)

    with monkeypatch.context() as patch:
        patch.setattr("rmexplorer.gui.panes.length_style.measure_effects", endless)
        window.desk.set_scope("training")
        wait_until(lambda: pane.styles.loading.note == "Measuring style" and window.desk.jobs.shown is not None)
        window.show_pane("data")
        wait_until(lambda: bool(ended))
        settle(window)
    wait_until(lambda: not window.desk.jobs.runs)
    window.show_pane("length_style")
    settle(window)
    assert pane.styles.forest.isVisible() and pane.styles.pages.currentIndex() == 0
    window.desk.set_scope("all")
    settle(window)


def test_that_it_needs_rewards(window: Window, trained: Any, settle: Settle) -> None:
    window.desk.show_dataset(trained.dataset, trained.folder)
    window.show_pane("length_style")
    settle(window)
    pane = window.panes["length_style"]
    assert pane._stack.currentIndex() == 1
    assert "needs rewards" in pane.empty.sentence.text() and pane.empty.button.text() == "Train a head"
    assert window.rail.buttons["length_style"].reason


def test_that_a_filter_that_leaves_nothing_says_so(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    window.desk.set_query("words>100000")
    settle(window)
    assert pane.header.headline.text == "Too few pairs to say: there are none here."
    for card in (pane.lengths, pane.styles, pane.accuracies):
        assert card.empty.isVisible()
    QTest.mouseClick(pane.lengths.empty.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.query == "" and pane.lengths.view.isVisible() and pane.styles.forest.isVisible()


def test_that_three_pairs_with_scores_are_shown_without_a_trend(window: Window, settle: Settle, tmp_path: Path) -> None:
    path = tmp_path / "three.jsonl"
    rows = [f'{{"prompt": "p{place}", "chosen": "good {"word " * place}", "rejected": "bad {place}", '
            f'"scores_chosen": {place + 1}.5, "scores_rejected": {place}.25}}' for place in range(3)]
    path.write_text("\n".join(rows), encoding="utf-8")
    window.show_pane("length_style")
    window.desk.show_dataset(finish(read(path)), tmp_path)
    settle(window)
    pane = window.panes["length_style"]
    assert pane.header.headline.text.startswith("Too few pairs to say (3")
    assert len(pane.lengths.marks.x) == 6 and pane.result.found.trend is None
    assert "reward each time" not in " ".join(label.text for label, _, _ in pane.lengths.pinned)
    assert pane.styles.empty.isVisible() and not pane.scope.isVisible()
    assert not pane.accuracies.fine
    pane.grab()


def test_that_a_failure_is_said_and_ends(
    window: Window, pane: LengthStylePane, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a test")

    with monkeypatch.context() as patch:
        patch.setattr("rmexplorer.gui.panes.length_style.run", broken)
        window.desk.set_scope("training")
        settle(window)
        assert pane.error.isVisible() and pane.settled
    window.desk.set_scope("all")
    settle(window)
    assert not pane.error.isVisible()
    with monkeypatch.context() as patch:
        patch.setattr("rmexplorer.workflows.style.run",
                      lambda name, *rest, **more: broken() if name == "style_effects" else run(name, *rest, **more))
        window.desk.set_scope("heldout")
        settle(window)
        assert pane.styles.error.isVisible() and not pane.error.isVisible() and pane.lengths.view.isVisible()


def test_that_old_results_are_greyed_while_new_ones_are_computed(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    pane._waiting = True
    pane.show_waiting()
    assert pane.lengths.is_stale() and pane.accuracies.is_stale() and pane.styles.is_stale()
    pane._show(pane.result, None)
    settle(window)
    assert not pane.lengths.is_stale() and not pane.styles.is_stale()


def test_that_both_themes_and_a_small_window_show_it(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    show_all(window, settle)
    light = pane.grab().toImage()
    window.set_theme("dark")
    settle(window)
    dark = pane.grab().toImage()
    assert light.pixelColor(4, 4) != dark.pixelColor(4, 4)
    window.resize(1024, 700)
    settle(window)
    QTest.qWait(20)
    assert window.width() == 1024 and pane.width() < 640
    scatter = pane.lengths.view.box
    assert scatter.height() >= 280 and pane.small.isHidden(), "the scatter keeps its height, the rest is a page of its own"
    style = pane.switch.group.button(pane.switch.keys.index("style"))
    QTest.mouseClick(style, Qt.MouseButton.LeftButton)
    assert pane.styles.isVisible() and pane.accuracies.isVisible() and not pane.lengths.isVisible()
    assert pane.styles.height() >= 210 and pane.accuracies.height() >= 210
    QTest.keyClick(style, Qt.Key.Key_Right)
    assert pane.table.isVisible() and not pane.plots.isVisible()
    pane.switch.group.button(pane.switch.keys.index("style")).click()
    window.inspector.turn(False)
    settle(window)
    assert style.isHidden() and pane.switch.current() == "plots" and pane.lengths.isVisible()
    assert pane.small.x() > pane.lengths.x() and scatter.height() >= 280, "beside it where there is room"
    window.resize(1440, 900)
    settle(window)
    assert pane.small.y() > pane.lengths.y() + pane.lengths.height()
    window.set_theme("light")


def test_that_what_is_drawn_can_be_saved(window: Window, pane: LengthStylePane, tmp_path: Path) -> None:
    for card in (pane.lengths, pane.styles, pane.accuracies):
        for kind in ("png", "svg", "csv"):
            path = tmp_path / f"{card.title_label.text()}.{kind}"
            card.export(path)
            assert path.stat().st_size > 100, path
    with (tmp_path / "Style at equal length.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["feature"] for line in table] == pane.styles.names
    with (tmp_path / "Reward against.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(pane.result.found.cloud)


def test_that_a_feature_of_ones_own_stands_beside_the_others_and_survives(
    pane: LengthStylePane, window: Window, settle: Settle
) -> None:
    settle(window)
    QTest.mouseClick(pane.styles.tool_add, Qt.MouseButton.LeftButton)
    form = pane.form
    assert form is not None and form.isVisible()
    QTest.keyClicks(form.name, "my and")
    form.kind.set_current("regex")
    form.definition.setPlainText("(and")
    QTest.mouseClick(form.add, Qt.MouseButton.LeftButton)
    assert form.error.isVisible() and "unclosed group" in form.error.text()
    form.definition.setPlainText(r"\band\b")
    QTest.mouseClick(form.add, Qt.MouseButton.LeftButton)
    settle(window)
    assert "my_and" in pane.styles.names and 5 <= len(pane.styles.names) <= 8
    found = run("style_effects", pane.result.given)
    own = next(effect for effect in found.effects if effect.name == "my_and")
    table = pane.styles.columns
    assert table["people_value"][table["feature"].index("my_and")] == own.people.value
    pane.styles.chosen.emit("my_and")
    settle(window)
    assert window.desk.state.selection.count > 0
    assert [feature.name for feature in window.desk.own_features()] == ["my_and"], "it is in the project at once"
    state = window.desk.state
    window.desk.show_rewards(state.rewards, state.checkpoint, state.run)
    assert [feature.name for feature in window.desk.state.columns.own] == ["my_and"], "other rewards are measured alike"
    settle(window)
    assert "my_and" in pane.styles.names
    QTest.mouseClick(pane.styles.tool_add, Qt.MouseButton.LeftButton)
    assert pane.form is not None
    remove = next(button for button in pane.form.findChildren(IconButton) if button.accessibleName() == "Remove my_and")
    QTest.mouseClick(remove, Qt.MouseButton.LeftButton)
    settle(window)
    assert "my_and" not in pane.styles.names and not window.desk.own_features()


def test_that_a_kept_feature_that_fails_is_said_in_its_card_and_can_be_removed(
    pane: LengthStylePane, window: Window, settle: Settle
) -> None:
    broken, good = {"name": "broken", "sql": "no_such_column + 1"}, {"name": "my_the", "words": "the"}
    window.desk.project.put_view(features=[broken, good, {"name": 5}])
    said: list[str] = []
    window.desk.problem.connect(lambda problem: said.append(str(problem)))
    window.desk.measure_own(window.desk.own_features())
    settle(window)
    assert pane.styles.error.isVisible() and not pane.accuracies.error.isVisible() and "needs a name" in said[0]
    assert "broken" in pane.styles.error.text.text() and pane.styles.forest.isVisible()
    assert "my_the" in pane.styles.names and len(pane.styles.names) >= 5, "the others are shown"
    assert pane.lengths.features.findData("my_the") > 0 > pane.lengths.features.findData("broken")
    window.desk.measure_own(())
    settle(window)
    assert not pane.styles.error.isVisible() and pane.styles.names


def show_table(window: Window, pane: LengthStylePane, settle: Settle) -> Any:
    """The table of all features."""
    pane.switch.set_current("table")
    pane.switch.changed.emit("table")
    settle(window)
    return pane.table


def test_that_the_table_shows_the_numbers_of_the_analysis(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    card = show_table(window, pane, settle)
    assert card.isVisible() and not pane.plots.isVisible()
    state = window.desk.state
    _, found = finish(measure_table(state.columns.take(state.shown)))
    lines = card.list.model.rows
    assert [line.row.name for line in lines] == [row.name for row in found.rows] and len(lines) > 15
    assert [line.contrasts[0] for line in lines] == [row.labels for row in found.rows]
    assert pane.header.headline.text == found.headline() and pane.header.method_label.text() == found.method("held-out")
    said = card.list.model.data(card.list.model.index(0), Qt.ItemDataRole.AccessibleTextRole)
    assert number(found.rows[0].labels.effect.value, signed=True) in said and f"n = {found.pairs:,}" in said and ", q " in said
    assert card.columns["errors_q"] == [row.errors.q for row in found.rows]
    pane.switch.set_current("plots")
    pane.switch.changed.emit("plots")
    assert pane.plots.isVisible() and pane.header.headline.text == pane.result.found.headline()


def test_that_the_table_is_sorted_by_any_column_with_mouse_and_keys(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    card = show_table(window, pane, settle)

    def sizes(at: int) -> list[float]:
        return [abs(line.contrasts[at].effect.value) for line in card.list.model.rows]

    for at, side in enumerate(("labels", "model", "errors")):
        QTest.mouseClick(card.list.header.buttons[side], Qt.MouseButton.LeftButton)
        assert sizes(at) == sorted(sizes(at), reverse=True) and "↓" in card.list.header.buttons[side].text()
    assert card.columns["feature"] == [line.row.name for line in card.list.model.rows], "the CSV has the order in sight"
    card.list.view.setFocus()
    QTest.keyClick(card.list.view, Qt.Key.Key_2)
    assert sizes(0) == sorted(sizes(0), reverse=True)
    QTest.keyClick(card.list.view, Qt.Key.Key_2)
    assert sizes(0) == sorted(sizes(0))
    QTest.keyClick(card.list.view, Qt.Key.Key_1)
    names = [line.name.lower() for line in card.list.model.rows]
    assert names == sorted(names)


def test_that_a_row_of_the_table_selects_its_pairs_and_opens_the_example(
    window: Window, pane: LengthStylePane, settle: Settle
) -> None:
    card = show_table(window, pane, settle)
    given = pane.result.given
    place = [line.row.name for line in card.list.model.rows].index("questions")
    card.list.view.setFocus()
    card.list.view.setCurrentIndex(card.list.model.index(place))
    QTest.keyClick(card.list.view, Qt.Key.Key_Return)
    settle(window)
    assert selected(window).tolist() == pairs_that_differ(given, "questions").tolist()
    row = card.list.model.rows[place].row
    assert window.desk.state.focus == given.rows[row.example]
    card.list.press("errors")
    pane._open_feature("questions")
    settle(window)
    focus = window.desk.state.focus
    assert focus == given.rows[row.wrong_example] and given["margin"][row.wrong_example] < 0, "sorted by errors, it is a wrong pick"
    assert selected(window)[focus]


def test_that_the_table_is_of_a_subset_where_one_is_chosen(window: Window, settle: Settle, tmp_path: Path) -> None:
    path = tmp_path / "sources.jsonl"
    random = np.random.default_rng(0)
    rows = []
    for place in range(240):
        source, marks = ("one", "!" * int(random.integers(1, 4))) if place % 3 else ("two", "")
        rejected = f"bad {place}" + ("" if marks else "!")
        rows.append(json.dumps({"prompt": f"p{place}", "chosen": f"good {place}{marks}", "rejected": rejected,
                                "scores_chosen": random.normal(), "scores_rejected": random.normal(), "source": source}))
    path.write_text("\n".join(rows), encoding="utf-8")
    window.show_pane("length_style")
    window.desk.show_dataset(finish(read(path)), tmp_path)
    settle(window)
    pane = window.panes["length_style"]
    card = show_table(window, pane, settle)
    assert [card.over.itemText(at) for at in range(card.over.count())] == ["Mean of subsets", "All pairs, pooled", "one (160)", "two (80)"]

    def marks() -> Any:
        return next(line for line in card.list.model.rows if line.row.name == "exclamations")

    assert "mean of subsets" in pane.header.method_label.text() and pane.header.headline.text == card.found.headline(even=True)
    row = marks().row
    assert row.opposite and marks().note == "▲ subsets disagree"
    assert marks().contrasts[0] is row.even.labels and row.even.labels.effect.n == 240
    card.over.setCurrentIndex(1)
    card.over.activated.emit(1)
    assert marks().contrasts[0] is row.labels
    assert "McNemar" in pane.header.method_label.text() and pane.header.headline.text == card.found.headline()
    card.over.setCurrentIndex(3)
    before = pane.header.headline.text
    card.over.activated.emit(3)
    assert pane.header.headline.stale and pane.header.headline.text == f"{before.rstrip('.')}, before the change."
    assert not pane.header.method_label.text()
    settle(window)
    assert not pane.header.headline.stale and pane.header.headline.text == card.found.headline()
    assert marks().contrasts[0].effect.n == 80 and marks().contrasts[0].effect.value < 0
    pane._open_feature("exclamations")
    settle(window)
    assert selected(window).sum() == 80 and card.over.currentText() == "two (80)"


def test_that_the_reward_is_drawn_against_any_feature(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    card, given = pane.lengths, pane.result.given
    assert [card.features.itemData(at) for at in range(card.features.count())] == list(features_of(given))
    at = card.features.findData("hedges")
    card.features.setFocus()
    card.features.setCurrentIndex(at)
    card.features.activated.emit(at)
    settle(window)
    _, found = finish(measure_feature(given, "hedges"))
    texts = [label.text for label, _, _ in card.pinned]
    assert found.trend_text() in texts and f"dashed: {found.within_text()}" in texts and "at equal length" in found.within_text()
    assert card.scatter.name == "hedges" and card.x_title.text() == "Hedging (“perhaps”) →" and card.view.axis("bottom").kind == "number"
    assert np.abs(card.scatter.x - found.cloud.value).max() <= 0.3, "whole numbers stand a little apart"
    assert card.columns["hedges"].tolist() == found.cloud.value.tolist()
    hit = np.zeros(len(found.cloud), bool)
    hit[:4] = True
    card.select_points(np.arange(4))
    assert selected(window).tolist() == card.scatter.pairs_of(hit).tolist() and "hedging" in window.desk.state.selection.origin
    window.desk.set_scope("all")
    settle(window)
    assert card.scatter.name == "hedges" and isinstance(card.marks, HexItem), "it stays when the pairs are others"
    assert card.scatter.found.cloud.response.size > found.cloud.response.size
    card.features.activated.emit(0)
    card.wanted.emit("words")
    settle(window)
    assert card.scatter is pane.result.scatter and card.view.axis("bottom").kind == "log2"


def test_that_both_new_pages_are_shown_in_both_themes_and_sizes(window: Window, pane: LengthStylePane, settle: Settle) -> None:
    card = show_table(window, pane, settle)
    for theme in ("light", "dark"):
        window.set_theme(theme)
        for size in ((1440, 900), (1024, 700)):
            window.resize(*size)
            settle(window)
            QTest.qWait(20)
            buttons = card.list.header.buttons
            room = card.list.view.viewport().width()
            assert all(button.geometry().right() <= room + 8 for button in buttons.values() if button.isVisible())
            assert all(button.sizeHint().width() <= button.width() for button in buttons.values()), "no name is cut"
            assert card.list.model.rowCount() > 15
            pane.grab()
    window.set_theme("light")
