"""The frame: Welcome, rail, top bar, palette, help, drop, paste, filter errors, undo."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.app.commands import COMMANDS
from rmexplorer.gui.hub_form import HubForm
from rmexplorer.gui.main import reopen
from rmexplorer.gui.moments import when
from rmexplorer.gui.palette import Palette, entries, ranked
from rmexplorer.gui.theme import themes
from rmexplorer.gui.window import Window

Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]
ROWS = [
    {
        "prompt": f"q {i}",
        "chosen": f"good {i} " + "word " * i,
        "rejected": f"bad {i}",
        "source": ("alpha", "beta")[i % 2],
    }
    for i in range(40)
]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.fixture
def opened(window: Window, tmp_path: Path, settle: Settle, wait_until: Wait) -> Window:
    file = tmp_path / "pairs.jsonl"
    file.write_text(TEXT)
    window.desk.open([str(file)])
    wait_until(lambda: window.desk.state.dataset is not None)
    settle(window)
    return window


def test_that_the_first_window_shows_welcome_without_an_inspector(window: Window, settle: Settle) -> None:
    settle(window)
    assert window.desk.state.pane == "welcome"
    assert not window.inspector.isVisible()
    assert window.rail.buttons["data"].reason == "Open a dataset first."


def test_that_a_dataset_whose_place_in_the_cache_was_emptied_is_read_from_its_file(
    opened: Window, tmp_path: Path, wait_until: Wait
) -> None:
    problems: list[object] = []
    opened.desk.problem.connect(problems.append)
    opened.keep_view()
    view, old = opened.desk.project.view(), opened.desk.state.dataset
    shutil.rmtree(view["dataset"])
    reopen(opened, view)
    wait_until(lambda: opened.desk.state.dataset is not old)
    assert opened.desk.state.dataset.fingerprint == old.fingerprint and not problems
    (tmp_path / "pairs.jsonl").unlink()
    shutil.rmtree(view["dataset"])
    reopen(opened, view)
    assert len(problems) == 1


def test_that_a_recent_file_opens_by_key_and_a_moved_one_says_so(
    opened: Window, tmp_path: Path, settle: Settle, wait_until: Wait
) -> None:
    opened.show_pane("welcome")
    settle(opened)
    welcome = opened.panes["welcome"]
    row = welcome._recent.itemAt(0).widget()
    assert row.there
    before = opened.desk.state.dataset
    QTest.keyClick(row, Qt.Key.Key_Return)
    wait_until(lambda: opened.desk.state.dataset is not before)
    (tmp_path / "pairs.jsonl").unlink()
    opened.show_pane("data")
    opened.show_pane("welcome")
    welcome._dirty = True
    welcome.refresh()
    assert not welcome._recent.itemAt(0).widget().there


def test_that_moments_are_said_as_people_do() -> None:
    noon = 1_700_000_000.0
    assert when(noon, noon + 60).count(":") == 1
    assert when(noon, noon + 86_400) == "yesterday"
    assert when(noon, noon + 4 * 86_400).endswith("day")
    assert when(noon, noon + 40 * 86_400) == "14 Nov"


def test_that_a_dropped_file_opens(window: Window, tmp_path: Path, wait_until: Wait) -> None:
    file = tmp_path / "dropped.jsonl"
    file.write_text(TEXT)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), copy, data, left, none))
    assert window.border.isVisible()
    window.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    assert not window.border.isVisible()
    wait_until(lambda: window.desk.state.dataset is not None)
    assert window.desk.state.dataset.name.startswith("dropped")


def test_that_pasted_pairs_open_and_an_empty_clipboard_is_a_sentence(window: Window, wait_until: Wait) -> None:
    problems: list[object] = []
    window.desk.problem.connect(problems.append)
    QGuiApplication.clipboard().setText("  ")
    COMMANDS["paste_pairs"].run(window.desk)
    assert "clipboard" in str(problems[0])
    QGuiApplication.clipboard().setText(TEXT)
    COMMANDS["paste_pairs"].run(window.desk)
    wait_until(lambda: window.desk.state.dataset is not None)
    assert len(window.desk.state.dataset) == 40


def test_that_the_filter_narrows_and_a_bad_token_says_what_is_wrong_and_keeps_the_old(
    opened: Window, settle: Settle
) -> None:
    field, desk = opened.topbar.filter, opened.desk
    QTest.keyClick(opened, Qt.Key.Key_Slash)
    assert QApplication.focusWidget() is field.edit
    QTest.keyClicks(field.edit, "source:alpha words>20")
    QTest.keyClick(field.edit, Qt.Key.Key_Return)
    assert desk.state.query == "source:alpha words>20"
    kept = desk.state.matching
    assert 0 < kept.sum() < 20
    assert f"{kept.sum()} of 40" in field.note.text()
    QTest.keyClicks(field.edit, "sorce:beta")
    QTest.keyClick(field.edit, Qt.Key.Key_Return)
    assert "did you mean source" in field.message
    assert desk.state.matching is kept


def test_that_escape_clears_the_selection_then_the_filter_and_undo_brings_them_back(
    opened: Window, settle: Settle
) -> None:
    desk = opened.desk
    desk.set_query("source:alpha")
    desk.select(np.arange(40) < 10, origin="test")
    opened.setFocus()
    assert opened.topbar.selection.isVisible()
    QTest.keyClick(opened, Qt.Key.Key_Escape)
    assert desk.state.selection.mask is None and desk.state.query
    QTest.keyClick(opened, Qt.Key.Key_Escape)
    assert not desk.state.query
    QTest.keyClick(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert desk.state.query == "source:alpha"
    QTest.keyClick(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert desk.state.selection.count == 10


def test_that_alt_arrows_walk_through_what_is_selected(opened: Window) -> None:
    desk = opened.desk
    desk.select(np.isin(np.arange(40), [4, 9, 30]), origin="test")
    assert desk.state.focus == 4
    for expected in (9, 30, 30):
        QTest.keyClick(opened, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
        assert desk.state.focus == expected
    QTest.keyClick(opened, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert desk.state.focus == 9


def test_that_the_palette_finds_commands_panes_and_pair_numbers(opened: Window, settle: Settle) -> None:
    lines = entries(opened.desk)
    assert ranked(lines, "calib")[0].title == "Go to Calibration"
    assert ranked(lines, "starred")[0].title == "Show starred pairs"
    assert {command.title for command in COMMANDS.values()} <= {line.title for line in lines}
    opened.show_palette()
    palette = opened._palette
    QTest.keyClicks(palette.field, "17")
    QTest.keyClick(palette, Qt.Key.Key_Return)
    assert opened.desk.state.focus == 16
    opened.show_palette()
    QTest.keyClicks(opened._palette.field, "go to train")
    QTest.keyClick(opened._palette, Qt.Key.Key_Return)
    settle(opened)
    assert opened.desk.state.pane == "train"


def test_that_a_command_that_is_not_possible_says_why(window: Window) -> None:
    window.give(COMMANDS["star_pair"])
    assert window.notice.text.text() == "Choose a pair first."


def test_that_ctrl_numbers_go_to_panes_and_the_rail_walks_by_arrows(opened: Window, settle: Settle) -> None:
    QTest.keyClick(opened, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    settle(opened)
    assert opened.desk.state.pane == "train"
    button = opened.rail.buttons["train"]
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Up)
    assert opened.rail.buttons["data"].hasFocus()
    QTest.keyClick(opened.rail.buttons["data"], Qt.Key.Key_Space)
    assert opened.desk.state.pane == "data"


def test_that_the_theme_changes_and_is_kept(opened: Window) -> None:
    QTest.keyClick(opened, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert themes.current.name == "dark"
    assert opened.desk.project.view()["theme"] == "dark"
    opened.toggle_theme()


def test_that_f6_moves_between_the_regions(opened: Window) -> None:
    seen = set()
    for _ in range(4):
        opened.next_region()
        focused = QApplication.focusWidget()
        seen |= {
            name
            for name, region in (
                ("topbar", opened.topbar),
                ("rail", opened.rail),
                ("pane", opened.stack),
                ("inspector", opened.inspector),
            )
            if region.isAncestorOf(focused)
        }
    assert seen == {"topbar", "rail", "pane", "inspector"}


def test_that_help_lists_every_key(opened: Window) -> None:
    opened.show_help()
    texts = " ".join(label.text() for label in opened._help.findChildren(type(opened.topbar.name)))
    for command in COMMANDS.values():
        assert command.title in texts
    opened._help.close()


def test_that_a_narrow_window_shows_the_rail_as_icons_until_a_person_says_otherwise(opened: Window) -> None:
    opened.resize(1024, 700)
    QApplication.processEvents()
    assert opened.rail.narrow
    COMMANDS["toggle_rail"].run(opened.desk)
    assert not opened.rail.narrow
    opened.resize(1030, 700)
    QApplication.processEvents()
    assert not opened.rail.narrow


def test_that_presentation_is_large_and_leads_back_to_just_the_same(opened: Window, settle: Settle) -> None:
    desk = opened.desk
    desk.set_query("source:alpha")
    desk.look_at(4)
    settle(opened)
    before = (opened.topbar.isVisible(), opened.rail.narrow, opened.inspector.isVisible(), themes.fonts.scale)
    QTest.keyClick(opened, Qt.Key.Key_F11)
    settle(opened)
    assert not opened.topbar.isVisible() and not opened.status.isVisible() and not opened.inspector.isVisible()
    assert opened.rail.narrow and themes.fonts.scale == pytest.approx(1.5)
    assert opened.panes["data"].result.rows.tolist() == np.flatnonzero(desk.state.matching).tolist()
    QTest.keyClick(opened, Qt.Key.Key_F11)
    settle(opened)
    assert (opened.topbar.isVisible(), opened.rail.narrow, opened.inspector.isVisible(), themes.fonts.scale) == before
    assert (desk.state.query, desk.state.focus, desk.state.pane) == ("source:alpha", 4, "data")


def test_that_text_grows_within_its_bounds_and_is_kept(opened: Window, settle: Settle) -> None:
    for _ in range(12):
        COMMANDS["zoom_in"].run(opened.desk)
        settle(opened)
    assert opened.zoom == 2.0 and themes.fonts.scale == 2.0
    assert opened.desk.project.view()["zoom"] == 2.0
    COMMANDS["zoom_reset"].run(opened.desk)
    settle(opened)
    assert themes.fonts.scale == 1.0


def test_that_a_note_being_typed_survives_a_change_of_size(opened: Window, settle: Settle) -> None:
    opened.desk.look_at(3)
    settle(opened)
    opened.inspector.note.setPlainText("half a thought")
    COMMANDS["zoom_in"].run(opened.desk)
    settle(opened)
    assert opened.desk.state.marks[3].note == "half a thought"
    assert opened.inspector.note.toPlainText() == "half a thought"
    COMMANDS["zoom_reset"].run(opened.desk)


def test_that_several_files_chosen_or_dropped_are_one_dataset_and_come_back_from_recent(
    window: Window, tmp_path: Path, settle: Settle, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for name in ("one", "two"):
        files.append(str(tmp_path / f"{name}.jsonl"))
        Path(files[-1]).write_text(TEXT.replace("q ", f"{name} "))
    asked: list[str] = []
    monkeypatch.setattr(window, "choose_several", lambda title, kinds: asked.append(kinds) or files)
    COMMANDS["open_dataset"].run(window.desk)
    assert "*.sqlite" in asked[0] and "*.zst" in asked[0] and "*.xlsx" in asked[0]
    wait_until(lambda: window.desk.state.dataset is not None)
    dataset = window.desk.state.dataset
    assert dataset is not None and (len(dataset), dataset.name) == (80, "2 files")
    window.keep_view()
    view = window.desk.project.view()
    window.desk.session.put(dataset=None)
    reopen(window, view)
    assert window.desk.opening.sources == files, "also where it comes from the cache"
    shutil.rmtree(view["dataset"])
    window.desk.session.put(dataset=None)
    reopen(window, view)
    wait_until(lambda: window.desk.state.dataset is not None)
    assert window.desk.opening.sources == files and window.desk.state.dataset.name == "2 files"
    (recent,) = window.desk.project.recent()
    assert recent.paths == files and recent.is_there and recent.name == "2 files"
    Path(files[1]).rename(tmp_path / "moved.jsonl")
    assert not recent.is_there
    files[1] = str(tmp_path / "moved.jsonl")
    window.desk.session.put(dataset=None)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(file) for file in files])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), copy, data, left, none))
    assert "2 files as one dataset" in window.border._text
    window.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    wait_until(lambda: window.desk.state.dataset is not None)
    assert window.desk.state.dataset is not None
    assert window.desk.state.dataset.extras["subset"].unique(maintain_order=True).to_list() == ["one", "moved"]


def test_that_a_dataset_of_the_hub_is_asked_for_by_its_address_and_refused_offline_in_a_sentence(
    window: Window, tmp_path: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = HubForm(window)
    assert not form.open_it.isEnabled()
    form.field.setText("nothing")
    QTest.keyClick(form.field, Qt.Key.Key_Return)
    assert form.address == "" and "no address" in form.error.text() and not form.error.isHidden()
    form.field.setText("owner/name:train")
    assert form.error.isHidden()
    QTest.mouseClick(form.open_it, Qt.MouseButton.LeftButton)
    assert form.address == "hf://datasets/owner/name:train" and form.result() == HubForm.DialogCode.Accepted
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    problems: list[object] = []
    window.desk.problem.connect(problems.append)
    monkeypatch.setattr(window, "ask_address", lambda: form.address)
    COMMANDS["open_hub"].run(window.desk)
    wait_until(lambda: bool(problems))
    assert "not in the cache" in str(problems[0]) and "hf://datasets/owner/name:train" in str(problems[0])


def test_that_the_palette_takes_an_address_of_the_hub(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []
    monkeypatch.setattr(window.desk, "open", opened.append)
    palette = Palette(window.desk, window)
    palette.field.setText("hf://datasets/owner")
    assert palette._model.rows[0].why_not
    palette.field.setText("hf://datasets/owner/name:test")
    assert palette._model.rows[0].title == "Open hf://datasets/owner/name:test"
    QTest.keyClick(palette, Qt.Key.Key_Return)
    assert opened == [["hf://datasets/owner/name:test"]]
