"""The Train pane: settings, live curves, verdict, runs; by mouse and keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from rmexplorer.data.quality import Finding
from rmexplorer.gui.panes.train import Train
from rmexplorer.gui.runs import scale_of
from rmexplorer.gui.train_settings import read_number
from rmexplorer.gui.window import Window
from rmexplorer.problem import Problem
from rmexplorer.statistics import proportion

Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]
ROWS = [
    {"prompt": f"q {i % 90}", "chosen": f"good {i} " + "well " * (i % 7), "rejected": f"bad {i}"} for i in range(400)
]


@pytest.fixture
def pane(window: Window, tmp_path: Path, settle: Settle, wait_until: Wait) -> Train:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    window.show_pane("train")
    window.desk.open([str(file)])
    wait_until(lambda: window.desk.state.dataset is not None)
    settle(window)
    made = window.panes["train"]
    assert isinstance(made, Train)
    return made


def train(pane: Train, settle: Settle, wait_until: Wait) -> None:
    QTest.mouseClick(pane.start, Qt.MouseButton.LeftButton)
    assert pane.desk.training.running
    wait_until(lambda: not pane.desk.training.running and not pane.desk.jobs.runs)
    settle(pane.window())


def type_into(pane: Train, name: str, text: str) -> QLineEdit:
    editor = pane.form.editors[name]
    assert isinstance(editor, QLineEdit)
    editor.setFocus()
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    return editor


def test_that_a_press_trains_and_the_verdict_is_that_of_the_run(pane: Train, settle: Settle, wait_until: Wait) -> None:
    train(pane, settle, wait_until)
    run = pane.desk.state.runs[0]
    assert pane.header.headline.text == run.metrics["headline"]
    assert f"{run.metrics['heldout_pairs']:,}" in pane.header.method_label.text().replace("\u00a0", " ")
    assert pane.runs.model.rowCount() == 1
    x = pane._validation_loss.x
    assert len(x) == run.metrics["epochs"] + 1
    assert pane._validation_loss.y == pytest.approx(run.history["validation_loss"])
    assert pane._train_loss.y[0] == pytest.approx(np.log(2), abs=1e-3)
    assert pane._best[0].value == run.metrics["best_epoch"]
    for name, line in pane._rules.items():
        assert line.value == pytest.approx(run.metrics["baselines"][name])
    quality, dataset = pane.desk.quality, pane.desk.state.dataset
    assert dataset is not None
    pane.desk.quality.look(dataset)
    wait_until(lambda: quality.of(dataset) is not None)
    quality.findings = (Finding("near_heldout", "some leak", np.arange(400) < 8, proportion(8.0, 80), 80),)
    assert quality.leaking(dataset, run.settings | {"seed": 3}) is None
    quality.changed.emit()
    wait_until(lambda: pane.settled)
    assert "5–19%) have nearly a training prompt" in pane.header.method_label.text()


def test_that_the_accuracy_band_is_the_wilson_interval_of_the_validation_slice(
    pane: Train, settle: Settle, wait_until: Wait
) -> None:
    train(pane, settle, wait_until)
    curve, run = pane._validation_accuracy, pane.desk.state.runs[0]
    n = run.metrics["validation_pairs"]
    share = curve.y[-1]
    half = 1.959964 * np.sqrt(share * (1 - share) / n + 1.959964**2 / (4 * n**2)) / (1 + 1.959964**2 / n)
    assert (curve.high[-1] - curve.low[-1]) / 2 == pytest.approx(half, rel=1e-3)


def test_that_settings_typed_are_those_of_the_next_run(pane: Train, settle: Settle, wait_until: Wait) -> None:
    type_into(pane, "hidden_dim", "0")
    type_into(pane, "epochs", "3")
    train(pane, settle, wait_until)
    run = pane.desk.state.runs[0]
    assert run.settings["hidden_dim"] == 0 and run.metrics["epochs"] <= 3
    assert run.name == "linear"


@pytest.mark.parametrize(
    "name, text",
    [("learning_rate", "-1"), ("learning_rate", "fast"), ("epochs", "2.5"), ("holdout", "1"), ("hidden_dim", "nan")],
)
def test_that_a_wrong_setting_is_marked_with_its_reason_and_changes_nothing(pane: Train, name: str, text: str) -> None:
    before = pane.desk.training.settings
    editor = type_into(pane, name, text)
    assert editor.property("role") == "error" and editor.toolTip()
    assert pane.desk.training.settings == before
    type_into(pane, name, {"learning_rate": "0.001", "epochs": "5", "holdout": "0.25", "hidden_dim": "16"}[name])
    assert editor.property("role") == ""
    assert pane.desk.training.settings != before


def test_that_an_empty_batch_size_is_automatic() -> None:
    assert read_number("batch_size", "") is None and read_number("batch_size", "automatic") is None
    assert read_number("batch_size", "64") == 64
    with pytest.raises(Problem):
        read_number("seed", "many")


def test_that_simple_hides_what_all_shows(pane: Train) -> None:
    assert not pane.form.editors["dropout"].isVisible() and pane.form.editors["epochs"].isVisible()
    pane.level.group.button(1).click()
    assert pane.form.editors["dropout"].isVisible()


def test_that_ctrl_enter_pauses_and_goes_on_and_ctrl_period_stops(
    window: Window, pane: Train, wait_until: Wait
) -> None:
    type_into(pane, "epochs", "4000")
    pane.level.group.button(1).click()
    type_into(pane, "patience", "4000")
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    live = window.desk.training.live
    wait_until(lambda: live.phase == "training" and live.epoch >= 1)
    wait_until(lambda: pane.pause.isVisible() and pane.pause.isEnabled())
    assert not pane.start.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert live.run.paused
    wait_until(lambda: pane.pause.text() == "Go on")
    QTest.mouseClick(pane.pause, Qt.MouseButton.LeftButton)
    assert not live.run.paused
    QTest.keyClick(window, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: not window.desk.training.running)
    assert window.desk.state.runs[0].metrics["stopped"] == "person"


def test_that_the_learning_rate_acts_while_it_trains_and_the_rest_is_closed(
    window: Window, pane: Train, wait_until: Wait
) -> None:
    type_into(pane, "epochs", "4000")
    pane.level.group.button(1).click()
    type_into(pane, "patience", "4000")
    window.desk.training.start()
    live = window.desk.training.live
    wait_until(lambda: live.phase == "training" and live.epoch >= 1)
    wait_until(lambda: not pane.form.editors["epochs"].isEnabled())
    type_into(pane, "learning_rate", "0.00001")
    assert live.knobs.learning_rate == 0.00001
    window.desk.cancel_training()
    wait_until(lambda: not window.desk.training.running)


def test_that_runs_can_be_compared_used_and_deleted_with_a_way_back(
    pane: Train, window: Window, settle: Settle, wait_until: Wait
) -> None:
    train(pane, settle, wait_until)
    type_into(pane, "seed", "5")
    train(pane, settle, wait_until)
    first = pane.desk.state.runs[1]
    assert [run.name for run in pane.desk.state.runs] == ["head-256-2", "head-256"]
    low, high = scale_of(pane.desk.state.runs)
    assert all(low <= end <= high for run in pane.desk.state.runs for end in run.metrics["heldout_accuracy_ci"])
    view = pane.runs.view
    view.setFocus()
    view.setCurrentIndex(pane.runs.model.index(1))
    QTest.keyClick(view, Qt.Key.Key_Return)
    wait_until(lambda: pane.desk.state.run == first.id)
    view.setCurrentIndex(pane.runs.model.index(1))
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert len(pane.desk.state.runs) == 1
    assert window.notice.isVisible()
    window.notice.button.click()
    assert {run.id for run in pane.desk.state.runs} >= {first.id}


def test_that_without_a_dataset_the_pane_offers_the_demo(window: Window, settle: Settle) -> None:
    window.show_pane("train")
    settle(window)
    assert "Open a dataset" in window.panes["train"].empty.sentence.text()
