"""Data quality in the Data pane: findings select and leave out their pairs, reversibly, in panes and in training."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.app.quality import packed, unpacked
from rmexplorer.data import quality
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.panes.data import Data
from rmexplorer.gui.quality import NAMES, QualitySheet
from rmexplorer.gui.window import Window
from rmexplorer.job import Job, Progress, finish
from rmexplorer.workflows import informing
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.training import Split, slices

Wait = Callable[[Callable[[], bool]], None]
FORMATS = Path(__file__).parents[1] / "samples" / "formats"


def read(folder: Path, records: list[dict[str, str]]) -> tuple[Dataset, Path]:
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    kept = Path(finish(open_files([str(file)])))
    return Dataset.open(kept), kept


def records() -> list[dict[str, str]]:
    rows = [{"prompt": f"question {i % 20}", "chosen": f"good answer {i}", "rejected": f"bad {i}"} for i in range(60)]
    rows[7]["rejected"] = "bad <|im_end|>"
    return [*rows, rows[3], rows[4]]


@pytest.fixture(name="pane")
def data_pane(window: Window, tmp_path: Path, settle: Callable[[Window], None], wait_until: Wait) -> Data:
    window.show_pane("data")
    window.desk.show_dataset(*read(tmp_path, records()))
    window.show_pane("data")
    settle(window)
    wait_until(lambda: window.desk.quality.of(window.desk.state.dataset) is not None)
    pane = window.panes["data"]
    assert isinstance(pane, Data)
    return pane


def sheet_of(pane: Data) -> QualitySheet:
    QTest.mouseClick(pane.quality, Qt.MouseButton.LeftButton)
    assert isinstance(pane.popover, QualitySheet)
    return pane.popover


def row_of(sheet: QualitySheet, kind: str) -> int:
    return [row.finding.kind for row in sheet.rows].index(kind)


def test_that_looking_at_a_dataset_ends_where_another_one_is_shown(
        pane: Data, window: Window, wait_until: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def endless(dataset: Dataset, quick: bool) -> Job[list[quality.Finding]]:
        try:
            while True:
                yield Progress(0)
                time.sleep(0.001)
        finally:
            ended.set()

    shown = window.desk.state.dataset
    assert shown is not None
    with monkeypatch.context() as patch:
        patch.setattr(informing, "look", endless)
        window.desk.quality.look(dataclasses.replace(shown))
    window.desk.quality.look(shown)
    wait_until(lambda: ended.is_set() and window.desk.quality.of(shown) is not None and not window.desk.jobs.runs)


def test_that_a_finding_selects_its_pairs_by_mouse_and_by_keyboard(pane: Data, window: Window) -> None:
    findings = window.desk.quality.findings
    assert findings is not None and pane.quality.text() == f"Quality ({len(findings)})"
    sheet = sheet_of(pane)
    row = sheet.rows[row_of(sheet, "duplicates")]
    QTest.mouseClick(row, Qt.MouseButton.LeftButton, pos=row.rect().center())
    selected = window.desk.state.selection.mask
    assert selected is not None and np.flatnonzero(selected).tolist() == [60, 61]
    sheet = sheet_of(pane)
    QTest.keyClick(sheet.rows[row_of(sheet, "leftovers")], Qt.Key.Key_Return)
    selected = window.desk.state.selection.mask
    assert selected is not None and np.flatnonzero(selected).tolist() == [7]


def test_that_excluded_pairs_are_out_of_panes_and_training_until_undone(
    pane: Data, window: Window, settle: Callable[[Window], None]
) -> None:
    sheet = sheet_of(pane)
    QTest.mouseClick(sheet.rows[row_of(sheet, "duplicates")].button, Qt.MouseButton.LeftButton)
    settle(window)
    state = window.desk.state
    assert state.dataset is not None and state.excluded is not None and state.shown is not None
    assert np.flatnonzero(~state.shown).tolist() == [60, 61]
    assert len(pane.result.rows) == 60 and not {60, 61} & set(pane.result.rows.tolist())
    assert pane.left_out.isVisible() and pane.left_out.text() == "2 left out"
    assert sum(slices(state.dataset, RunSettings(), state.excluded)[::2]) == 60
    window.desk.set_query("question")
    assert window.desk.state.matching is not None and int(window.desk.state.matching.sum()) == 60
    window.desk.set_query("")
    window.desk.include_all()
    settle(window)
    assert window.desk.state.excluded is None and window.desk.state.matching is None and not pane.left_out.isVisible()
    window.desk.undo()
    assert window.desk.state.excluded is not None and int(window.desk.state.excluded.sum()) == 2


def test_that_a_run_trains_and_is_judged_without_what_is_left_out(pane: Data, window: Window, wait_until: Wait) -> None:
    assert window.desk.state.dataset is not None
    window.desk.exclude(np.arange(len(window.desk.state.dataset)) >= 60)
    window.desk.train_or_pause()
    wait_until(lambda: window.desk.state.checkpoint is not None)
    checkpoint = window.desk.state.checkpoint
    assert checkpoint is not None and checkpoint.metrics["excluded_pairs"] == 2
    assert checkpoint.metrics["train_pairs"] + checkpoint.metrics["heldout_pairs"] == 60


def test_that_what_is_left_out_is_kept_in_the_project(pane: Data, window: Window) -> None:
    dataset, folder = window.desk.state.dataset, window.desk.state.folder
    assert dataset is not None and folder is not None
    mask = np.arange(len(dataset)) % 5 == 0
    window.desk.exclude(mask)
    window.desk.show_dataset(Dataset.open(folder), folder)
    again = window.desk.state
    assert again.excluded is not None and again.matching is not None
    assert np.array_equal(again.excluded, mask) and np.array_equal(again.matching, ~mask)
    window.desk.undo()
    assert window.desk.state.excluded is not None, "a dataset begins a new history"


def test_that_leaving_out_everything_is_refused(pane: Data, window: Window) -> None:
    problems: list[object] = []
    window.desk.problem.connect(problems.append)
    assert window.desk.state.dataset is not None
    window.desk.exclude(np.ones(len(window.desk.state.dataset), dtype=bool))
    assert len(problems) == 1 and window.desk.state.excluded is None


def test_that_no_pair_changes_its_side_when_others_are_left_out(tmp_path: Path) -> None:
    dataset, _ = read(tmp_path, records())
    out = np.arange(len(dataset)) % 3 == 0
    whole, part = Split.of(dataset, 0.2, 1), Split.of(dataset, 0.2, 1, out)
    assert set(part.training) == {row for row in whole.training if not out[row]}
    assert set(part.heldout) == {row for row in whole.heldout if not out[row]}


@pytest.mark.parametrize("count", [1, 8, 9, 1000])
def test_that_a_mask_comes_back_from_its_text(count: int) -> None:
    mask = np.arange(count + 1) % 7 == 0
    back = unpacked(packed(mask), count + 1)
    assert back is not None and np.array_equal(back, mask)
    assert unpacked(packed(mask), count + 500) is None
    assert unpacked("no mask", count) is None and unpacked(None, count) is None


def test_that_another_label_of_the_rows_opens_the_file_again(
    window: Window, settle: Callable[[Window], None], wait_until: Wait
) -> None:
    path = str(FORMATS / "pku_saferlhf.jsonl")
    window.desk.open([path])
    wait_until(lambda: window.desk.state.dataset is not None)
    window.show_pane("data")
    settle(window)
    pane = window.panes["data"]
    assert isinstance(pane, Data) and pane.criterion.isVisible() and pane.criterion.currentData() == "better"
    pane.criterion.setFocus()
    QTest.keyClick(pane.criterion, Qt.Key.Key_Down)
    wait_until(lambda: window.desk.state.dataset is not None and window.desk.state.dataset.criterion == "safer")


def test_that_prompts_of_a_second_file_become_findings_that_can_be_left_out(
    pane: Data, window: Window, tmp_path: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "test split.jsonl"
    rows = [{"prompt": f"Question {n}", "chosen": "yes", "rejected": "no"} for n in (3, 4)]
    other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked: list[str] = []
    monkeypatch.setattr(window, "choose_open", lambda title, kinds: asked.append(kinds) or str(other))
    said: list[str] = []
    window.desk.notice.connect(said.append)
    sheet = sheet_of(pane)
    before = len(sheet.rows)
    for _ in range(2):  # a second look at the same file says the same again
        QTest.mouseClick(sheet.compare, Qt.MouseButton.LeftButton)
        wait_until(lambda: bool(said))
        assert said.pop() == "8 pairs share their prompt with test split.jsonl" and "*.parquet" in asked[-1]
        sheet = sheet_of(pane)
        assert len(sheet.rows) == before + 1 and pane.quality.text() == f"Quality ({before + 1})"
    row = sheet.rows[row_of(sheet, "shared_with")]
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    excluded = window.desk.state.excluded
    assert excluded is not None and np.flatnonzero(excluded).tolist() == [3, 4, 23, 24, 43, 44, 60, 61]
    window.desk.include_all()
    other.write_text(json.dumps({"prompt": "none of these", "chosen": "yes", "rejected": "no"}) + "\n")
    window.desk.quality.compare(str(other))
    wait_until(lambda: bool(said) and "No prompt" in said[-1])
    assert said[-1] == "No prompt stands in test split.jsonl too"


def test_that_each_kind_of_finding_has_a_name() -> None:
    source = Path(quality.__file__).read_text()
    kinds = set(re.findall(r'(?:finding|Finding)\(\s*"(\w+)"', source))
    assert kinds and kinds <= set(NAMES)
