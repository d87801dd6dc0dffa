"""The Shift pane: numbers of the analysis, rows that select their pairs, sets of every kind, and states."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.panes.shift import ShiftPane
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.sets import SetSpec
from rmexplorer.workflows.shifting import compare_sets

Settle = Callable[[Window], None]


def scored(folder: Path, name: str, pairs: int, extra: str = "") -> tuple[Dataset, Path]:
    """Pairs with scores of two sources; prompts of `beta` are longer, and its scores are at chance."""
    random = np.random.default_rng(0)
    rows = []
    for place in range(pairs):
        beta = place % 2 == 1
        asked = f"{extra}what is number {place} of {'the very long list of many things ' * (3 if beta else 1)}"
        rows.append({"prompt": asked, "chosen": f"good answer {place} about it", "rejected": f"bad answer {place} about it",
                     "source": "beta" if beta else "alpha", "scores_chosen": float(random.normal(0 if beta else 1)),
                     "scores_rejected": float(random.normal())})
    path = folder / name
    path.write_text("\n".join(map(json.dumps, rows)))
    kept = Path(finish(open_files([str(path)])))
    return Dataset.open(kept), kept


@pytest.fixture
def shifting(window: Window, tmp_path: Path, settle: Settle) -> ShiftPane:
    """160 planted pairs with scores, Shift in sight: alpha against beta."""
    dataset, folder = scored(tmp_path, "planted.jsonl", 160)
    window.show_pane("shift")
    window.desk.show_dataset(dataset, folder)
    settle(window)
    found = window.panes["shift"]
    assert isinstance(found, ShiftPane)
    return found


def test_that_the_numbers_are_those_of_the_analysis(shifting: ShiftPane) -> None:
    folder = str(shifting.desk.state.folder)
    wanted = finish(compare_sets(SetSpec("source", folder, "alpha", "alpha"), SetSpec("source", folder, "beta", "beta"), None))
    assert shifting.header.headline.text == wanted["headline"] and "told apart" in wanted["headline"]
    assert shifting.sets.strip.value == wanted["auc"]["value"]
    rows = shifting.features.forest.model.rows
    assert rows[0].name == "Prompt: words" and rows[0].enabled
    assert rows[0].marks[0].value == wanted["features"][0]["psi"] and rows[0].bar == (0.0, wanted["features"][0]["no_shift95"])
    assert shifting.familiarity.points is not None and shifting.familiarity.points.y.tolist() == [
        group["accuracy"] for group in wanted["familiarity"]]


def test_that_a_group_is_selected_by_keyboard(shifting: ShiftPane) -> None:
    assert shifting.result is not None
    shifting.familiarity.view.setFocus()
    QTest.keyClick(shifting.familiarity.view, Qt.Key.Key_Right)
    QTest.keyClick(shifting.familiarity.view, Qt.Key.Key_Return)
    mask = shifting.desk.state.selection.mask
    assert mask is not None and np.flatnonzero(mask).tolist() == shifting.result["familiarity"][0]["pairs"].tolist()


def test_that_a_feature_selects_the_new_pairs_of_its_excess(shifting: ShiftPane) -> None:
    shifting.features.forest.list.setFocus()
    shifting.features.forest.list.setCurrentIndex(shifting.features.forest.model.index(0, 0))
    QTest.keyClick(shifting.features.forest.list, Qt.Key.Key_Return)
    state = shifting.desk.state
    assert state.selection.mask is not None and state.dataset is not None
    assert set(state.dataset.extras["source"].to_numpy()[state.selection.mask]) == {"beta"}
    assert state.selection.origin == "Prompt: words"


def test_that_a_row_of_the_list_is_read_in_the_inspector(shifting: ShiftPane) -> None:
    shifting.strange.switch.group.button(1).click()
    index = shifting.strange.table.model().index(2, 0)
    shifting.strange.table.clicked.emit(index)
    assert shifting.desk.state.focus == shifting.rows[2]["pair"]


def test_that_pasted_prompts_and_a_second_file_are_compared(
    shifting: ShiftPane, window: Window, tmp_path: Path, settle: Settle, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    shifting.add_prompts("\n".join(f"SELECT a{i} FROM b{i} WHERE c = {i}" for i in range(40)))
    settle(window)
    assert shifting.result is not None and shifting.result["unit"] == "prompts" and shifting.result["auc"]["value"] > 0.9
    scored(tmp_path, "other.jsonl", 80, "please tell me ")
    shifting.add_file(str(tmp_path / "other.jsonl"))
    wait_until(lambda: not window.desk.jobs.runs and shifting.settled)
    settle(window)
    assert shifting.result["second"] == "other.jsonl"
    before = window.desk.state.selection
    shifting.features.chosen.emit(0)
    assert window.desk.state.selection is before  # its pairs are not those of the open dataset


def test_that_a_selection_is_compared_with_the_rest(shifting: ShiftPane, window: Window, settle: Settle) -> None:
    window.desk.select(np.arange(160) < 60, origin="the first")
    one, two = shifting._freeze("selected"), shifting._freeze("rest")
    shifting._take((one, two))
    settle(window)
    assert shifting.result is not None and shifting.result["pairs"] == [60, 100]


def test_that_three_pairs_of_one_source_say_what_to_choose(window: Window, tmp_path: Path, settle: Settle) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": f"q{i}", "chosen": "yes", "rejected": "no"}) for i in range(3)))
    folder = Path(finish(open_files([str(path)])))
    window.show_pane("shift")
    window.desk.show_dataset(Dataset.open(folder), folder)
    settle(window)
    found = window.panes["shift"]
    assert isinstance(found, ShiftPane) and found.result is None
    found.add_prompts("one\ntwo\nthree")
    settle(window)
    assert found.header.headline.text.startswith("Too few")
    window.set_theme("dark")
    settle(window)


def keys(pane: ShiftPane, second: bool = True) -> list[str]:
    box = pane.sets.second if second else pane.sets.first
    return [str(box.itemData(row)) for row in range(box.count())]


def test_that_a_selection_and_a_filter_can_be_chosen_as_soon_as_they_are_there(
    shifting: ShiftPane, window: Window, settle: Settle
) -> None:
    assert not {"selected", "filtered"} & set(keys(shifting))
    window.desk.select(np.arange(160) < 60, origin="the first")
    window.desk.set_query("source:beta words>3")
    settle(window)
    for box in (True, False):
        assert {"selected", "rest", "filtered", "filtered out"} <= set(keys(shifting, box))
    box = shifting.sets.second
    box.setCurrentIndex(box.findData("filtered"))
    box.activated.emit(box.currentIndex())
    settle(window)
    assert shifting.result is not None and shifting.result["second"].startswith("source:beta words>3 · 80")
    window.desk.set_query("")
    settle(window)
    assert shifting.result["pairs"] == [80, 80]  # the set stays what it was


@pytest.fixture
def beside(
    shifting: ShiftPane, window: Window, tmp_path: Path, settle: Settle, wait_until: Callable[[Callable[[], bool]], None]
) -> tuple[ShiftPane, Dataset]:
    """The planted pairs against a second file of 80."""
    other, _ = scored(tmp_path, "other.jsonl", 80, "please tell me ")
    shifting.add_file(str(tmp_path / "other.jsonl"))
    wait_until(lambda: not window.desk.jobs.runs and shifting.settled)
    settle(window)
    return shifting, other


def test_that_rows_of_a_second_file_are_read_beside_the_window_and_exported(
    beside: tuple[ShiftPane, Dataset], window: Window, tmp_path: Path, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    pane, other = beside
    before = window.desk.state.focus, window.desk.state.selection
    pane.strange.switch.group.button(1).click()
    table = pane.strange.table
    table.setFocus()
    table.setCurrentIndex(table.model().index(2, 0))
    QTest.keyClick(table, Qt.Key.Key_Return)
    wait_until(lambda: pane.reading is not None)
    reading = pane.reading
    assert reading is not None and reading.dataset is not None
    pair = pane.rows[2]["pair"]
    assert reading.rows[reading.place] == pair and reading.prompt.text.toPlainText() == other.prompts["text"][int(other.prompt[pair])]
    assert reading.first.text.toPlainText() == other.responses["text"][int(other.chosen[pair])]
    assert reading.prompt.text.isReadOnly() and "other.jsonl" in reading.windowTitle()
    place = reading.place
    QTest.keyClick(reading, Qt.Key.Key_J if place < len(reading) - 1 else Qt.Key.Key_K)
    assert abs(reading.place - place) == 1 and f"**Chosen**\n\n{reading.first.text.toPlainText()}" in reading.markdown()
    reading.write(str(tmp_path / "out.jsonl"))
    wait_until(lambda: not window.desk.jobs.runs)
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(written) == len(reading.rows) and all("please tell me" in str(row["prompt"]) for row in written)
    assert (window.desk.state.focus, window.desk.state.selection) == before  # the open dataset is left alone
    reading.close()


def test_that_a_feature_and_a_group_of_a_second_file_are_read(
    beside: tuple[ShiftPane, Dataset], wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    pane, other = beside
    assert pane.result is not None
    pane._pick_group(1)
    wait_until(lambda: pane.reading is not None)
    assert pane.reading is not None and pane.reading.rows.tolist() == pane.result["familiarity"][1]["pairs"].tolist()
    pane.reading.close()
    pane.reading = None
    pane.features.chosen.emit(0)
    wait_until(lambda: pane.reading is not None)
    assert pane.reading is not None and 0 < len(pane.reading) <= len(other)
    pane.reading.close()


def test_that_pasted_prompts_are_read_whole(shifting: ShiftPane, window: Window, settle: Settle) -> None:
    shifting.add_prompts("\n\n".join(f"SELECT a{i}\nFROM b{i}\nWHERE c = {i}" for i in range(40)))
    settle(window)
    shifting.strange.switch.group.button(1).click()
    shifting.strange.opened.emit(3)
    assert shifting.reading is not None and shifting.reading.dataset is None and len(shifting.reading) == 40
    assert shifting.reading.prompt.text.toPlainText() == shifting.rows[3]["prompt"] and "\n" in shifting.rows[3]["prompt"]
    assert not shifting.reading.first.isVisible() and not shifting.reading.export.isVisible()
    shifting.reading.close()


def test_that_what_cannot_be_compared_says_why_and_offers_to_try_again(
    shifting: ShiftPane, window: Window, settle: Settle, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    said: list[str] = []
    window.desk.problem.connect(lambda problem: said.append(str(problem)))
    shifting.add_prompts("  \n ")
    assert said and "no text on the clipboard" in said[0]
    shifting.add_prompts("one\ntwo\nthree")
    settle(window)
    assert shifting.header.headline.text.startswith("Too few")
    key = shifting._now[1]
    shifting._extra[key] = SetSpec("prompts", "", key + ".gone", "Pasted prompts")
    shifting.compute_again()
    wait_until(lambda: shifting.features.error.isVisible())
    assert "cannot be read" in shifting.features.error.text.text() and shifting.features.error.mend.text() == "Try again"


def test_that_other_sets_end_the_comparison_that_is_outdated(
    shifting: ShiftPane, window: Window, settle: Settle, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    shifting._take(("source beta", "source alpha"))
    wait_until(lambda: shifting._run is not None)
    outdated = shifting._run
    shifting._take(("source alpha", "all"))
    assert outdated is not None and shifting._run is not outdated
    settle(window)
    assert outdated.finished and shifting.result is not None and shifting.result["pairs"] == [80, 160]
    assert shifting._run is None and shifting.settled and window.desk.jobs.runs == []
