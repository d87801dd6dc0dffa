"""The Fixes pane, by mouse and keyboard, on real pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from rmexplorer.analysis.fix_comparison import changed_pairs, fix_comparison
from rmexplorer.app.jobs import Run
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.gui.fix_form import joined, parted
from rmexplorer.gui.panes.fixes import FixesPane
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.project import RunRecord
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import LengthLine
from rmexplorer.workflows.fixing import read_fixed, train_fix
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.rewards import Rewards
from rmexplorer.workflows.settings import RunSettings

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", "not accepted by receiving widget")
Settle = Callable[[Window], None]


def add_run(window: Window, trained: Any, fix: str, checkpoint: Any) -> RunRecord:
    settings = {"encoder": "lexical", **replace(checkpoint.settings, length_fix=fix).as_dict()}
    return window.desk.project.add_run(f"head-{fix}", trained.dataset.fingerprint, settings, trained.trained.metrics,
                                       trained.trained.history, checkpoint.to_bytes())


def residual(trained: Any) -> tuple[Any, np.ndarray]:
    """The head of the fixture with its length line subtracted, and its rewards."""
    dataset, rewards = trained.dataset, trained.trained.rewards
    characters = np.char.str_len(np.char.strip(dataset.responses["text"].to_numpy().astype(str)))
    margin = rewards[dataset.chosen].astype(float) - rewards[dataset.rejected]
    logs = np.log1p(characters)
    line = LengthLine.fit(margin, logs[dataset.chosen] - logs[dataset.rejected], characters)
    raw = LengthLine(line.slope * trained.trained.checkpoint.temperature, line.mean)
    return replace(trained.trained.checkpoint, residual=raw), (rewards - line.at(characters)).astype(np.float32)


@pytest.fixture(name="compared")
def compared_pane(window: Window, trained: Any, settle: Settle) -> tuple[Window, FixesPane, dict[str, np.ndarray]]:
    """The pane with a plain head and a residualized one, both kept as runs."""
    checkpoint, fixed = residual(trained)
    plain = add_run(window, trained, "none", trained.trained.checkpoint)
    other = add_run(window, trained, "residualize", checkpoint)
    window.show_pane("fixes")
    desk = window.desk
    desk.training.score = lambda *_: None  # no worker process here
    desk.show_dataset(trained.dataset, trained.folder)
    pane = window.panes["fixes"]
    assert isinstance(pane, FixesPane)
    pane.fixing.rewards[other.id] = fixed
    rewards = Rewards.of_model(trained.dataset, trained.trained.checkpoint, trained.trained.rewards, "head-none")
    desk.show_rewards(rewards, trained.trained.checkpoint, plain.id)
    window.show_pane("fixes")
    settle(window)
    return window, pane, {"none": trained.trained.rewards, "residualize": fixed}


def test_that_the_headline_is_that_of_the_analysis(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    window, pane, rewards = compared
    state = window.desk.state
    assert state.columns is not None and state.shown is not None
    given = state.columns.take(state.shown)
    margins = {fix: values[given["response_chosen"]].astype(float) - values[given["response_rejected"]]
               for fix, values in rewards.items()}
    wanted = fix_comparison(margins["none"], given["prompt"], given["subset"], given["length_gap"],
                            margins["residualize"], "residualize")
    assert pane.header.headline.text == wanted.headline()
    assert pane.result.result.comparison == wanted
    assert [row.pull is not None for row in pane.list.model.rows] == [True, True, False, False]
    assert [row.right for row in pane.changes.forests["accuracy"].model.rows] == [
        change.words() for change in wanted.changes if change.kind == "accuracy"]


def test_that_both_plots_have_the_same_axes(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    _, pane, _ = compared
    assert np.allclose(pane.before.view.box.viewRange(), pane.after.view.box.viewRange())
    before, after = pane.result.before, pane.result.after
    assert before.line is not None and after.line is not None
    assert abs(after.line.slope.value) < 0.3 * abs(before.line.slope.value)


def test_that_rows_of_changes_select_their_pairs(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    window, pane, _ = compared
    forest = pane.changes.forests["accuracy"].list
    forest.setFocus()
    forest.setCurrentIndex(forest.model().index(1, 0))
    QTest.keyClick(forest, Qt.Key.Key_Return)
    given = pane.result.result.given
    mask = window.desk.state.selection.mask
    assert mask is not None and np.array_equal(np.flatnonzero(mask), given.rows[np.abs(given["length_gap"]) < 0.1])
    QTest.mouseClick(pane.turned, Qt.MouseButton.LeftButton)
    margins = pane.result.result.margins
    turned = given.rows[changed_pairs(margins["none"], margins["residualize"])]
    mask = window.desk.state.selection.mask
    assert mask is not None and np.array_equal(np.flatnonzero(mask), turned) and len(turned)


def test_that_a_click_on_a_response_inspects_its_pair(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    window, pane, _ = compared
    drawn, view = pane.result, pane.before.view
    place = int(np.argmax(drawn.before.reward))
    at = view.box.mapViewToScene(pane.before.view.box.mapToView(view.box.mapFromView(
        QPoint(0, 0).toPointF() + type(QPoint(0, 0).toPointF())(drawn.length[place], drawn.before.reward[place]))))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.mapFromScene(at))
    focus = window.desk.state.focus
    dataset = window.desk.state.dataset
    assert dataset is not None and focus is not None
    shown = {int(dataset.chosen[focus]), int(dataset.rejected[focus])}
    near = np.argsort(np.abs(drawn.length - drawn.length[place]) + np.abs(drawn.before.reward - drawn.before.reward[place]))
    given = pane.result.result.given
    ids = np.unique(np.concatenate([given["response_chosen"], given["response_rejected"]]))
    assert shown & set(ids[near[:60]].tolist())


def test_that_the_keyboard_uses_a_model(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    window, pane, _ = compared
    used: list[str] = []
    window.desk.use_run = used.append
    view = pane.list.view
    view.setFocus()
    assert view.currentIndex().row() == 1
    QTest.keyClick(view, Qt.Key.Key_Return)
    record = pane.fixing.family()["residualize"]
    assert used == [record.id]
    QTest.mouseClick(pane.use_button, Qt.MouseButton.LeftButton)
    assert used == [record.id, record.id]
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.currentIndex().row() == 1, "a fix that is not trained cannot be compared"


def test_that_without_a_run_the_pull_is_shown_and_training_says_why_not(
    window: Window, trained: Any, settle: Settle
) -> None:
    trained.show(window, "fixes")
    settle(window)
    pane = window.panes["fixes"]
    assert pane.header.headline.text == pane.result.result.pulls["none"].headline()
    assert pane.train.isVisible() and not pane.train.isEnabled()
    assert not pane.use_button.isVisible()


def test_that_it_lives_through_an_empty_filter_three_pairs_and_the_dark_theme(
    compared: tuple[Window, FixesPane, dict[str, np.ndarray]], settle: Settle
) -> None:
    window, pane, _ = compared
    window.desk.set_query("words>100000")
    settle(window)
    assert pane.before.empty.isVisible() and pane.changes.empty.isVisible()
    assert pane.header.headline.text.startswith("Too few pairs to say")
    window.desk.set_query("")
    window.set_theme("dark")
    settle(window)
    assert not pane.error.isVisible()
    shown = window.desk.state.shown
    assert shown is not None and window.desk.state.dataset is not None
    few = np.zeros(len(window.desk.state.dataset), bool)
    few[np.flatnonzero(shown)[:3]] = True
    window.desk.session.put(query="three", matching=few)
    settle(window)
    assert pane.header.headline.text.startswith("Too few pairs to say (3")
    assert all(not change.clear for change in pane.result.result.comparison.changes)


def test_that_all_fixes_are_trained_kept_and_compared(
    window: Window, trained: Any, settle: Settle, wait_until: Callable[..., None]
) -> None:
    settings = replace(trained.trained.checkpoint.settings, hidden_dim=0, epochs=1, refit=False)
    checkpoint = replace(trained.trained.checkpoint, settings=settings)
    plain = add_run(window, trained, "none", checkpoint)
    window.show_pane("fixes")
    desk = window.desk
    desk.training.score = lambda *_: None
    desk.show_dataset(trained.dataset, trained.folder)
    rewards = Rewards.of_model(trained.dataset, checkpoint, trained.trained.rewards, "head-none")
    desk.show_rewards(rewards, checkpoint, plain.id)
    window.show_pane("fixes")
    settle(window)
    pane = window.panes["fixes"]
    assert pane.train.text() == "Train all three"
    QTest.mouseClick(pane.train, Qt.MouseButton.LeftButton)
    assert pane.fixing.running == "residualize" and pane.cancel.isVisible()
    assert "training" in str(pane.list.model.rows[1].note) and pane.list.model.rows[2].note == "waits"
    wait_until(lambda: not pane.fixing.running, 120)
    settle(window)
    kept = {run.settings["length_fix"]: run for run in desk.project.runs(trained.dataset.fingerprint)}
    assert set(kept) == {"none", "residualize", "balance", "penalty"}
    assert desk.state.run == plain.id, "training a fix does not change what is shown"
    assert set(pane.result.result.pulls) == set(kept) and not pane.train.isVisible()


def test_that_cancel_leaves_no_run(window: Window, trained: Any, settle: Settle, wait_until: Callable[..., None]) -> None:
    checkpoint = trained.trained.checkpoint
    plain = add_run(window, trained, "none", checkpoint)
    window.show_pane("fixes")
    desk = window.desk
    desk.training.score = lambda *_: None
    desk.show_dataset(trained.dataset, trained.folder)
    desk.show_rewards(Rewards.of_model(trained.dataset, checkpoint, trained.trained.rewards, "h"), checkpoint, plain.id)
    window.show_pane("fixes")
    settle(window)
    pane = window.panes["fixes"]
    pane.train.click()
    pane.cancel.click()
    wait_until(lambda: not pane.fixing.running)
    settle(window)
    assert [run.id for run in desk.project.runs(trained.dataset.fingerprint)] == [plain.id]
    assert pane.train.isVisible()


def test_that_opening_again_shows_the_run_that_was_used_and_not_the_newest(window: Window, trained: Any) -> None:
    checkpoint = trained.trained.checkpoint
    plain = add_run(window, trained, "none", checkpoint)
    add_run(window, trained, "penalty", checkpoint)
    window.desk.project.put_view(run=plain.id)
    used: list[str] = []
    window.desk.use_run = used.append
    window.desk.show_dataset(trained.dataset, trained.folder)
    assert used == [plain.id]


@pytest.fixture(name="sourced")
def sourced_pane(window: Window, settle: Settle, home: Path, tmp_path: Path) -> tuple[Window, FixesPane, RunRecord]:
    """The pane with a plain head on pairs of two sources, of which one favours long responses and one short ones."""
    random, rows = np.random.default_rng(0), []
    for i in range(300):
        short, long = (" ".join(random.choice(["fine", "clear", "poor", "vague"], count)) + " I hope this helps!"
                       for count in (random.integers(5, 20), random.integers(25, 60)))
        wordy = i % 3 > 0
        rows.append({"prompt": f"Question {i}?", "chosen": long if wordy else short, "rejected": short if wordy else long,
                     "source": "wordy" if wordy else "terse"})
    path = tmp_path / "two.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    folder = Path(finish(open_files([str(path)])))
    dataset = Dataset.open(folder)
    settings = RunSettings.from_dict({"hidden_dim": 0, "learning_rate": 0.01, "epochs": 4, "refit": False})
    made = read_fixed(finish(train_fix(str(folder), settings.as_dict())))
    plain = window.desk.project.add_run("linear", dataset.fingerprint, made.settings, made.metrics, made.history, made.head)
    head = tmp_path / "head.safetensors"
    head.write_bytes(made.head)
    checkpoint = Checkpoint.load(head)
    desk = window.desk
    desk.training.score = lambda *_: None
    desk.show_dataset(dataset, folder)
    desk.show_rewards(Rewards.of_model(dataset, checkpoint, made.rewards, "linear"), checkpoint, plain.id)
    window.show_pane("fixes")
    settle(window)
    pane = window.panes["fixes"]
    assert isinstance(pane, FixesPane)
    return window, pane, plain


def test_that_a_source_is_dropped_and_compared_with_one_click(
    sourced: tuple[Window, FixesPane, RunRecord], settle: Settle, wait_until: Callable[..., None]
) -> None:
    window, pane, plain = sourced
    form = pane.form
    assert [form.source.itemText(place) for place in range(form.source.count())] == ["terse", "wordy"]
    assert form.drop.isVisible() and len(pane.list.model.rows) == 4
    form.source.setCurrentIndex(1)
    QTest.mouseClick(form.drop, Qt.MouseButton.LeftButton)
    assert pane.fixing.running == "source" and not form.drop.isEnabled() and not form.remove.isEnabled()
    assert "training" in pane.list.model.rows[4].note
    wait_until(lambda: not pane.fixing.running, 60)
    settle(window)
    row = pane.list.model.rows[4]
    assert row.fix == "source" and row.does == "without wordy" and row.pull is not None
    comparison = pane.result.result.comparison
    assert pane.result.fix == "source" and comparison.n == pane.result.result.pulls["none"].accuracy.n
    assert comparison.before.per_doubling.value > 0 > comparison.after.per_doubling.value
    assert pane.header.headline.text.startswith("Dropping the source")
    kept = window.desk.project.runs(plain.fingerprint)[0]
    assert kept.name == "linear-fewer" and kept.settings["source_weights"] == {"wordy": 0.0}
    assert pane.train.text() == "Train all three" and pane.train.isVisible(), "the other fixes can still be trained"
    form.source.setCurrentIndex(0)
    QTest.mouseClick(form.drop, Qt.MouseButton.LeftButton)
    wait_until(lambda: not pane.fixing.running, 60)
    settle(window)
    assert len(pane.list.model.rows) == 5 and pane.list.model.rows[4].does == "without terse"
    assert pane.result.result.comparison.after.per_doubling.value > comparison.before.per_doubling.value


def test_that_phrases_are_removed_and_compared_by_keyboard(
    sourced: tuple[Window, FixesPane, RunRecord], settle: Settle, wait_until: Callable[..., None]
) -> None:
    window, pane, plain = sourced
    field = pane.form.phrases
    assert field.text() == "I hope this helps!", "the closing offer is there to begin with"
    field.clear()
    assert not pane.form.remove.isEnabled()
    QTest.keyClicks(field, "I hope this helps!; vague ;vague")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert pane.fixing.running == "phrases"
    wait_until(lambda: not pane.fixing.running, 60)
    settle(window)
    row = pane.list.model.rows[4]
    assert row.fix == "phrases" == pane.result.fix and row.does == "without “I hope this helps!”, “vague”"
    kept = window.desk.project.runs(plain.fingerprint)[0]
    assert kept.settings["removed_phrases"] == ["I hope this helps!", "vague"] and kept.name == "linear-cleaned"
    assert pane.header.headline.text.startswith("Removing the phrases")
    assert window.desk.state.run == plain.id


def test_that_a_dataset_of_one_source_offers_none_to_drop(compared: tuple[Window, FixesPane, dict[str, np.ndarray]]) -> None:
    _, pane, _ = compared
    assert not pane.form.drop.isVisible() and not pane.form.source.isVisible()
    assert pane.form.remove.isVisible() and pane.form.remove.isEnabled()


def test_that_phrases_with_a_semicolon_can_be_typed_and_shown() -> None:
    said = ["one; two", 'he said "no"', '"quoted"', "plain", 'a "b"; c']
    assert parted(joined(said)) == said
    assert parted(' first ; "second; still" ;; first ') == ["first", "second; still"]
    assert parted('"open; never closed') == ["open; never closed"] and parted("") == []


def test_that_what_a_hunt_has_found_is_offered_and_what_is_typed_stays(
    sourced: tuple[Window, FixesPane, RunRecord], settle: Settle
) -> None:
    window, pane, _ = sourced
    window.desk.project.put_probe("found", {"name": "found", "kind": "append", "text": ["As always; thanks"], "own": True})
    window.show_pane("data")
    window.show_pane("fixes")
    settle(window)
    assert pane.form.chosen_phrases() == ["I hope this helps!", "As always; thanks"]
    pane.form.phrases.setText("my own; I hope this helps!")
    window.desk.project.put_probe("later", {"name": "later", "kind": "append", "text": ["In sum"], "own": True})
    window.show_pane("data")
    window.show_pane("fixes")
    settle(window)
    assert pane.form.chosen_phrases() == ["my own", "I hope this helps!", "In sum"]
    window.show_pane("data")
    window.show_pane("fixes")
    assert pane.form.phrases.text() == "my own; I hope this helps!; In sum", "nothing new is found, and nothing is lost"


def test_that_features_to_residualise_on_are_picked_by_keyboard(
    sourced: tuple[Window, FixesPane, RunRecord], settle: Settle, wait_until: Callable[..., None]
) -> None:
    window, pane, plain = sourced
    window.desk.measure_own((OwnFeature("shouts", "regex", "!"),))
    settle(window)
    pane.on_features.setFocus()
    QTest.keyClick(pane.on_features, Qt.Key.Key_Space)
    pick = pane.pick
    assert pick is not None and pick.isVisible() and pick.names() == ["characters"] and not pick.train.isEnabled()
    pick.features.setCurrentRow(1)
    QTest.keyClick(pick.features, Qt.Key.Key_Space)
    pick.features.setCurrentRow(pick.features.count() - 1)
    QTest.keyClick(pick.features, Qt.Key.Key_Space)
    assert pick.names() == ["characters", "words", "shouts"] and pick.train.isEnabled()
    QTest.mouseClick(pick.train, Qt.MouseButton.LeftButton)
    assert pane.fixing.running == "features" and not pane.on_features.isEnabled()
    wait_until(lambda: not pane.fixing.running, 60)
    settle(window)
    row = pane.list.model.rows[4]
    assert row.fix == "features" == pane.result.fix and row.does == "lines of characters, words, shouts" and row.pull is not None
    kept = window.desk.project.runs(plain.fingerprint)[0]
    assert kept.settings["residual_features"] == ["characters", "words", {"name": "shouts", "regex": "!"}]
    assert kept.name == "linear-level" and kept.metrics["residual_features"] == ["characters", "words", "shouts"]
    assert abs(pane.result.result.comparison.after.correlation.value) < abs(pane.result.result.comparison.before.correlation.value)
    assert pane.header.headline.text.startswith("Residualizing on features") and pane.list.model.rows[1].note == "not trained yet"
    pane.changes.page.set_current("probes")
    pane.changes.page.changed.emit("probes")
    assert not pane.settled
    wait_until(lambda: pane.settled, 120)
    rows = pane.changes.probes.model.rows
    assert pane.changes.probes.isVisible() and not pane.changes.forests["accuracy"].isVisible()
    assert not pane.changes.error.isVisible(), pane.changes.error.text.text()
    assert len(rows) > 5 and all(len(row.marks) == 2 for row in rows)
    assert all(" → " in row.right and row.tip.count("\n") == 2 for row in rows)
    assert pane.changes.columns["difference_low"] and len(pane.changes.columns["probe"]) == len(rows)
    pane.changes.page.set_current("figures")
    pane.changes.page.changed.emit("figures")
    assert pane.changes.forests["accuracy"].isVisible() and not pane.changes.probes.isVisible()


def test_that_probes_are_given_up_when_their_heads_are_out_of_sight(
    compared: tuple[Window, FixesPane, dict[str, np.ndarray]], settle: Settle, monkeypatch: pytest.MonkeyPatch,
    wait_until: Callable[..., None],
) -> None:
    window, pane, _ = compared
    runs: list[Run] = []

    def order(title: str, module: str, function: str, arguments: tuple[Any, ...], **more: Any) -> Run:
        runs.append(Run(title, **more))
        return runs[-1]

    monkeypatch.setattr(window.desk.jobs, "order", order)
    pane.changes.page.set_current("probes")
    pane.changes.page.changed.emit("probes")
    assert not pane.settled
    wait_until(lambda: len(runs) == 1)
    window.desk.set_query("words>100000")
    settle(window)
    runs[0].done("gone")  # comes too late: there is no such file
    assert pane.changes.empty.isVisible() and not pane.changes.error.isVisible()
