"""The Calibration pane, by mouse and by keyboard, on real pairs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.analysis.calibration import length_of_pick
from rmexplorer.data.read import read
from rmexplorer.gui.panes.calibration import CalibrationPane
from rmexplorer.gui.theme import themes
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.statistics import sigmoid
from rmexplorer.wording import baselines, between, number
from rmexplorer.workflows.columns import run
from rmexplorer.workflows.rewards import Rewards
from rmexplorer.workflows.scoring import analyze_dataset

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", "not accepted by receiving widget")
Settle = Callable[[Window], None]
NO = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def pane(window: Window, trained: Any) -> CalibrationPane:
    """The pane with HH harmless-base and its head."""
    trained.show(window, "calibration")
    made = window.panes["calibration"]
    assert isinstance(made, CalibrationPane)
    return made


def shown(window: Window, path: Path, settle: Settle) -> CalibrationPane:
    """The pane with a file and the scores that it holds."""
    dataset = finish(read(path))
    window.show_pane("calibration")
    window.desk.show_dataset(dataset, path.parent)
    settle(window)
    made = window.panes["calibration"]
    assert isinstance(made, CalibrationPane)
    return made


def written(path: Path, margins: list[float], **more: list[Any]) -> Path:
    """A file of pairs whose scores have these margins."""
    rows = [
        {"prompt": f"question {row}", "chosen": f"one {row}", "rejected": f"another {row}", "scores_chosen": margin,
         "scores_rejected": 0.0, **{name: values[row] for name, values in more.items()}}
        for row, margin in enumerate(margins)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def point(pane: CalibrationPane, x: float, y: float) -> QPoint:
    """A data point of the plot in px of its viewport."""
    view = pane.reliability.view
    return view.mapFromScene(view.box.mapViewToScene(QPointF(x, y)))


def click(pane: CalibrationPane, place: int, modifier: Qt.KeyboardModifier = NO) -> None:
    """Click a square."""
    squares, viewport = pane.reliability.squares, pane.reliability.view.viewport()
    at = point(pane, float(squares.x[place]), float(squares.y[place]))
    QTest.mouseMove(viewport, at)
    QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, modifier, at)
    QApplication.processEvents()


def selected(window: Window) -> list[int]:
    """Rows of the selected pairs."""
    mask = window.desk.state.selection.mask
    return [] if mask is None else np.flatnonzero(mask).tolist()


def pairs_of(pane: CalibrationPane, *places: int) -> list[int]:
    """Rows of the pairs whose confidence lies within the edges of squares, from the rewards themselves."""
    state, bins = pane.desk.state, pane.shown.bins
    confidence = sigmoid(np.abs(state.rewards.first - state.rewards.second) * (pane.margins()[0] / pane.result.margin[0]))
    rows = np.zeros(len(state.dataset), bool)
    for place in places:
        rows |= (confidence >= bins.edges_low[place] - 1e-12) & (confidence <= bins.edges_high[place] + 1e-12)
    return np.flatnonzero(rows & state.shown & ~state.dataset.tie).tolist()


def texts(pane: CalibrationPane) -> list[str]:
    """The labels in the plot."""
    return [label.text for label in pane.reliability.view.labels.labels]


def cells(pane: CalibrationPane) -> dict[str, tuple[tuple[str, str], ...]]:
    """The scores that are written, by name."""
    return {row.name: row.cells for row in pane.scores.rows}


def test_that_the_headline_is_that_of_the_analysis_after_scaling(window: Window, pane: CalibrationPane) -> None:
    state = window.desk.state
    given, temperature = state.columns.take(state.shown), state.rewards.temperature
    found = run("calibration", given, margin=given["margin"] * temperature, temperature=temperature)
    assert found.n > 400 and temperature != 1.0
    assert pane.header.headline.text == found.headline() == found.headline(found.scaled)
    rules = baselines(state.rewards.metrics, "length", "style")
    assert pane.header.method_label.text() == f"{rules} · {found.method('held-out')}" and rules.count("alone") == rules.count("(") == 2
    row = next(row for row in pane.scores.rows if row.name == "Accuracy")
    value = run("accuracy", given).accuracy
    assert row.cells[0] == (number(value.value, 3), between(round(value.low, 6), round(value.high, 6), 3))
    assert row.note == f"length alone: {number(state.rewards.metrics['baselines']['length'])}\n" \
                       f"style alone: {number(state.rewards.metrics['baselines']['style'])}"
    assert np.allclose(pane.reliability.squares.x, found.scaled.bins.confidence)
    assert np.allclose(pane.reliability.squares.y, found.scaled.bins.rate)
    assert np.array_equal(pane.reliability.counts.counts, found.scaled.histogram)
    assert pane.reliability.counts.counts.sum() == found.n


def test_that_a_small_window_keeps_every_score_in_sight(window: Window, pane: CalibrationPane, settle: Callable[[Window], None]) -> None:
    names = list(cells(pane))
    window.resize(1024, 700)
    settle(window)
    assert pane.low and pane.narrow and list(cells(pane)) == names and "Accuracy" in names
    assert pane.scores.height() >= pane.scores.sizeHint().height()
    room = pane.sources.list
    assert room.viewport().height() >= room.model().rowCount() * pane.sources.delegate.height, "and every source"


def test_that_pane_command_line_and_run_say_the_same(pane: CalibrationPane, trained: Any) -> None:
    said = finish(analyze_dataset(trained.dataset, trained.trained.checkpoint))["calibration"]
    found, metrics = pane.result.found, trained.trained.checkpoint.metrics
    for scores, keys, kept in ((found.scaled, said, metrics), (found.trained, said["as_trained"], metrics["as_trained"])):
        for name in ("ece", "ece_null95", "nll", "brier"):
            value = getattr(scores, name)
            value = value if isinstance(value, float) else value.value
            assert keys[name] == pytest.approx(value, abs=1e-5) == pytest.approx(kept[name], abs=1e-5)
    assert said["temperature"] == trained.trained.checkpoint.temperature == found.scaled.temperature
    assert said["ece"] != said["as_trained"]["ece"]


def test_that_scores_are_written_for_both_states(window: Window, pane: CalibrationPane, settle: Settle) -> None:
    found = pane.result.found
    assert pane.scores.columns == ("As trained", "After scaling")
    table = cells(pane)
    for place, scores in enumerate((found.trained, found.scaled)):
        assert table["Calibration error"][place] == (number(scores.ece, 3), f"up to {number(scores.ece_null95, 3)}")
        assert table["Log loss"][place][0] == number(scores.nll.value, 3)
        assert table["Brier score"][place] == (
            number(scores.brier.value, 3), f"{number(scores.brier.low, 3)}–{number(scores.brier.high, 3)}")
        assert table["Temperature"][place][0] == number(scores.temperature)
    QTest.mouseClick(pane.scores_card.tools_row.itemAt(0).widget(), Qt.MouseButton.LeftButton)
    assert f"Log loss\t{number(found.trained.nll.value, 3)}" in QGuiApplication.clipboard().text()
    window.resize(1024, 700)
    settle(window)
    assert pane.narrow and pane.scores.columns == ("After scaling",)
    assert cells(pane)["Log loss"][0][0] == number(found.scaled.nll.value, 3)


def test_that_a_click_selects_exactly_the_pairs_of_a_square(window: Window, pane: CalibrationPane) -> None:
    click(pane, 11)
    bins = pane.shown.bins
    assert selected(window) == pairs_of(pane, 11) and len(selected(window)) == bins.n[11]
    assert window.desk.state.selection.origin == bins.says([11])
    assert pane.reliability.squares.chosen == [11]
    assert f"{bins.says([11])}\n{bins.tally([11])}" in texts(pane)
    assert pane.reliability.counts.selected.sum() == bins.n[11]
    click(pane, 3, Qt.KeyboardModifier.ShiftModifier)
    assert selected(window) == pairs_of(pane, 3, 11)
    assert pane.reliability.squares.chosen == [3, 11] and texts(pane)[0].startswith("2 squares: says ")
    click(pane, 11, Qt.KeyboardModifier.AltModifier)
    assert selected(window) == pairs_of(pane, 3)
    window.desk.clear()
    assert pane.reliability.squares.chosen == [] and pane.reliability.counts.selected is None


def test_that_a_click_beside_the_squares_selects_nothing(window: Window, pane: CalibrationPane) -> None:
    QTest.mouseClick(pane.reliability.view.viewport(), Qt.MouseButton.LeftButton, NO, point(pane, 0.98, 0.45))
    QApplication.processEvents()
    assert selected(window) == []


def test_that_the_keyboard_alone_selects(window: Window, pane: CalibrationPane) -> None:
    view = pane.reliability.view
    view.setFocus(Qt.FocusReason.TabFocusReason)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(view, key)
    assert pane.reliability.squares.cursor == 2
    assert pane.shown.bins.says([2]) in view.accessibleDescription()
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert selected(window) == pairs_of(pane, 2)
    QTest.keyClick(view, Qt.Key.Key_End)
    last = len(pane.shown.bins) - 1
    QTest.keyClick(view, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert selected(window) == pairs_of(pane, 2, last)
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert pane.reliability.squares.cursor == 0
    pane.scores_card.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    pane.scores_card.setFocus()
    assert pane.reliability.squares.cursor == -1
    assert pane.header.headline.text in view.accessibleDescription()


def test_that_a_rectangle_selects_the_squares_in_it(window: Window, pane: CalibrationPane) -> None:
    squares, viewport = pane.reliability.squares, pane.reliability.view.viewport()
    inside = np.flatnonzero((squares.x > 0.66) & (squares.x < 0.9) & (squares.y > 0.6) & (squares.y < 0.95)).tolist()
    assert len(inside) >= 2
    start, end = point(pane, 0.66, 0.6), point(pane, 0.9, 0.95)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, NO, start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(viewport, start + (end - start) * part)
        QApplication.processEvents()
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, NO, end)
    QApplication.processEvents()
    assert pane.reliability.squares.chosen == inside
    assert selected(window) == pairs_of(pane, *inside)


def test_that_a_selection_from_elsewhere_has_its_own_curve(window: Window, pane: CalibrationPane) -> None:
    mask = np.zeros(len(window.desk.state.dataset), bool)
    mask[::3] = True
    window.desk.select(mask, origin="every third")
    here = mask[pane.result.rows]
    part = pane.reliability.part
    assert part is not None and part.n.sum() == here.sum() > 100
    expected = run("calibration", window.desk.state.columns.take(mask & window.desk.state.shown))
    assert np.allclose(pane.reliability.selected.y, expected.trained.bins.rate)
    assert np.array_equal(pane.reliability.counts.selected, expected.trained.histogram)
    assert any(text == f"□ {here.sum()}\u00a0selected pairs" for text in texts(pane))
    few = np.zeros(len(mask), bool)
    few[pane.result.rows[:12]] = True
    window.desk.select(few)
    assert pane.reliability.part is None and pane.reliability.counts.selected.sum() == 12


def test_that_the_pair_in_the_inspector_is_marked(window: Window, pane: CalibrationPane) -> None:
    pair = int(pane.result.rows[5])
    window.desk.look_at(pair)
    assert pane.reliability.here.x.tolist() == pytest.approx([float(sigmoid(abs(pane.result.margin[5])))] * 2)
    window.desk.look_at(int(np.flatnonzero(~window.desk.state.rewards.heldout)[0]))
    assert len(pane.reliability.here.x) == 0


def test_that_the_switch_shows_the_probabilities_as_trained(window: Window, pane: CalibrationPane) -> None:
    found = pane.result.found
    QTest.mouseClick(pane.states.group.button(0), Qt.MouseButton.LeftButton)
    assert pane.header.headline.text == found.headline(found.trained)
    assert "as trained" in pane.header.method_label.text()
    assert np.allclose(pane.reliability.squares.x, found.trained.bins.confidence)
    click(pane, 9)
    assert selected(window) == pairs_of(pane, 9) and len(selected(window)) == found.trained.bins.n[9]
    assert window.desk.project.view()["calibration"] == {"state": "trained"}
    again = CalibrationPane(window.desk)
    assert again.states.current() == "trained"
    again.deleteLater()


def test_that_a_file_without_sources_is_parted_by_the_length_of_the_pick(window: Window, pane: CalibrationPane) -> None:
    given = window.desk.state.columns.take(window.desk.state.shown)
    groups = length_of_pick(given["margin"], given["length_gap"])
    assert pane.sources_card.title_label.text() == "By length"
    rows = pane.sources.model.rows
    assert {row.name for row in rows} == set(groups)
    place = [row.name for row in rows].index("picks the longer")
    inside = groups == "picks the longer"
    alone = run("calibration", given, subset=groups)
    part = next(part for part in alone.trained.subsets if part.name == "picks the longer")
    assert part.n == inside.sum() and rows[place].right == number(part.ece, 3)
    visible = pane.sources.list.visualRect(pane.sources.model.index(place, 0)).center()
    QTest.mouseClick(pane.sources.list.viewport(), Qt.MouseButton.LeftButton, NO, visible)
    assert selected(window) == given["pair"][inside].tolist()
    assert window.desk.state.selection.origin == "picks the longer"


def test_that_score_columns_are_shown_as_they_are(window: Window, shared: Path, settle: Settle) -> None:
    path = next((shared / "data/real/judgebench").glob("*Skywork*"))
    pane = shown(window, path, settle)
    found = pane.result.found
    assert found.n == 350 and found.scaled is None and not pane.states.isVisible()
    assert pane.scores.columns == ("As in the file",)
    fitted = finish(analyze_dataset(window.desk.state.dataset, None))["calibration"]
    assert cells(pane)["Temperature that fits"][0][0] == number(fitted["temperature"])
    note = next(row.note for row in pane.scores.rows if row.name == "Temperature that fits")
    assert "fitted on the pairs shown" in note
    assert cells(pane)["Calibration error"][0][0] == number(fitted["ece"], 3)
    assert pane.scores.rows[0].warned == (True,)
    assert "held-out" not in pane.header.method_label.text()
    rows = pane.sources.model.rows
    assert pane.sources_card.title_label.text() == "By source" and len(rows) == len(found.trained.subsets) > 10
    assert "too sure" in rows[0].sub and "too sure" in rows[0].tip and rows[0].marks[0].kind == "warning"
    small = next(row for row in rows if not row.enabled)
    assert "too few pairs to say" in small.tip and small.marks[0].kind == "model"
    pane.sources.list.setFocus()
    pane.sources.list.setCurrentIndex(pane.sources.model.index(1, 0))
    QTest.keyClick(pane.sources.list, Qt.Key.Key_Return)
    subset = window.desk.state.columns["subset"]
    assert selected(window) == window.desk.state.columns["pair"][subset == rows[1].name].tolist()
    assert pane.sources.list.currentIndex().row() == 1
    window.desk.clear()
    assert not pane.sources.list.currentIndex().isValid()


def test_that_a_filter_that_leaves_nothing_can_be_cleared(window: Window, pane: CalibrationPane, settle: Settle) -> None:
    window.desk.set_query("words>100000")
    settle(window)
    assert pane.header.headline.text == "Too few pairs to say: there are none here."
    assert pane.reliability.pages.currentIndex() == 1
    assert "passes the filter" in pane.reliability.empty.sentence.text()
    assert cells(pane)["Log loss"][0][0] == "–"
    QTest.mouseClick(pane.reliability.empty.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.query == "" and pane.reliability.pages.currentIndex() == 0
    assert pane.header.headline.text.startswith("When the model says")


def test_that_the_filter_and_the_scope_decide_which_pairs_count(window: Window, pane: CalibrationPane, settle: Settle) -> None:
    before = pane.result.found.n
    window.desk.set_query("words>40")
    settle(window)
    assert 0 < pane.result.found.n < before
    window.desk.set_query("")
    window.desk.set_scope("training")
    settle(window)
    assert pane.result.found.n > before and "training pairs" in pane.header.method_label.text()


def test_that_without_rewards_it_offers_to_train(window: Window, trained: Any, settle: Settle) -> None:
    window.show_pane("calibration")
    window.desk.show_dataset(trained.dataset, trained.folder)
    settle(window)
    pane = window.panes["calibration"]
    assert pane._stack.currentIndex() == 1
    assert pane.empty.sentence.text() == "Calibration needs rewards. Train a head, or load a file with scores."
    assert pane.empty.button.text() == "Train a head"


def test_that_three_pairs_are_too_few_to_say(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = shown(window, written(tmp_path / "three.jsonl", [1.0, -0.5, 2.0]), settle)
    assert pane.header.headline.text.startswith("Too few pairs to say (3): when the model says")
    assert len(pane.shown.bins) == 1 and pane.shown.bins.n[0] == 3
    click(pane, 0)
    assert selected(window) == [0, 1, 2]


@pytest.mark.parametrize("margin", [0.0, 1.5])
def test_that_constant_margins_are_one_square(window: Window, tmp_path: Path, settle: Settle, margin: float) -> None:
    pane = shown(window, written(tmp_path / "same.jsonl", [margin] * 60), settle)
    assert len(pane.shown.bins) == 1
    assert pane.reliability.squares.y[0] == (0.5 if margin == 0 else 1.0)
    click(pane, 0)
    assert len(selected(window)) == 60
    assert pane.reliability.view.grab().width() > 100


def test_that_sources_beyond_chance_are_named(window: Window, tmp_path: Path, settle: Settle) -> None:
    random = np.random.default_rng(3)
    strength = np.abs(random.normal(0, 1.5, 600)) + 0.05
    honest = np.where(np.arange(600) < 300, 1.0, -0.2)  # the second source is right less often the surer the model is
    right = random.random(600) < sigmoid(honest * strength)
    path = written(tmp_path / "sources.jsonl", np.where(right, strength, -strength).tolist(),
                   source=["calm"] * 300 + ["loud"] * 300)
    pane = shown(window, path, settle)
    marks = {row.name: row.marks[0] for row in pane.sources.model.rows}
    assert marks["loud"].kind == "warning" and marks["loud"].label == "too sure"
    assert marks["calm"].kind == "model" and marks["calm"].label == ""


def test_that_old_results_are_marked_and_errors_shown(window: Window, pane: CalibrationPane) -> None:
    pane.set_stale(True)
    assert pane.reliability.is_stale() and pane.scores_card.is_stale()
    assert pane.header.headline.text.endswith("before the change.")
    pane.set_stale(False)
    assert not pane.reliability.is_stale()
    pane._show(None, Problem("a figure failed", "try another filter"))
    assert pane.error.isVisible()
    pane._show(pane.result, None)
    assert not pane.error.isVisible()


def test_that_it_can_be_exported(pane: CalibrationPane, tmp_path: Path) -> None:
    for kind in ("png", "svg", "csv"):
        pane.reliability.export(tmp_path / f"curve.{kind}")
        assert (tmp_path / f"curve.{kind}").stat().st_size > 200
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["rate"]) for row in rows] == pytest.approx(pane.shown.bins.rate.tolist())
    assert [int(float(row["pairs"])) for row in rows] == pane.shown.bins.n.tolist()
    svg = (tmp_path / "curve.svg").read_text()
    assert "Model confidence in its pick" in svg and "held-out" in svg


def test_that_both_themes_and_hover_work(window: Window, pane: CalibrationPane) -> None:
    light = pane.grab().toImage()
    window.set_theme("dark")
    QApplication.processEvents()
    assert themes.current.name == "dark" and pane.grab().toImage() != light
    window.set_theme("light")
    view, squares = pane.reliability.view, pane.reliability.squares
    scene = view.box.mapViewToScene(QPointF(float(squares.x[4]), float(squares.y[4])))
    lines = squares.hover(scene)
    assert lines[0] == pane.shown.bins.says([4]) and pane.shown.bins.tally([4]) in lines and len(lines) <= 5


def test_that_a_turned_model_is_too_sure(window: Window, trained: Any, settle: Settle) -> None:
    trained.show(window, "calibration")
    turned = Rewards.of_model(trained.dataset, trained.trained.checkpoint, -3 * trained.trained.rewards, "turned")
    window.desk.show_rewards(turned, trained.trained.checkpoint)
    settle(window)
    pane = window.panes["calibration"]
    assert ", beyond chance" in pane.header.headline.text
    assert all(pane.scores.rows[0].warned)
    assert {part.tone for part in pane.shown.subsets if part.n > 100} == {"too sure"}


def test_that_many_pairs_are_marked_in_the_thread_of_figures(
    window: Window, pane: CalibrationPane, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rmexplorer.gui.panes.calibration.AT_ONCE", 10)
    click(pane, 7)
    settle(window)
    assert pane.reliability.squares.chosen == [7]
    assert pane.reliability.counts.selected.sum() == pane.shown.bins.n[7]


def test_that_the_counts_below_answer_the_pointer(pane: CalibrationPane) -> None:
    view, counts = pane.reliability.view, pane.reliability.counts
    place = int(np.argmax(counts.counts))
    middle = (counts.edges[place] + counts.edges[place + 1]) / 2
    scene = pane.reliability.below.getViewBox().mapViewToScene(QPointF(float(middle), 1.0))
    view.at = QPointF(view.mapFromScene(scene))
    view._hover()
    assert view.card.isVisible()
    assert view.card.lines[0].text() == f"{counts.counts[place]:,.0f}"
    assert "sure" in view.card.lines[1].text()
