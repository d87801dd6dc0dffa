"""The Playground: rewards as one types, words that matter, edits to try, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.gui.main import make_window
from rmexplorer.gui.panes.playground import PlaygroundPane
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.project import Project
from rmexplorer.statistics import sigmoid
from rmexplorer.wording import number
from rmexplorer.workflows.attributing import explain, score_texts
from rmexplorer.workflows.edits import built_in
from rmexplorer.workflows.playground import Drafts

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", "not accepted by receiving widget")
Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]
PROBES = {probe.name: probe for probe in built_in()}


@pytest.fixture
def pane(window: Window, trained: Any, settle: Settle) -> PlaygroundPane:
    """The pane with HH harmless-base and its head; it has brought in the first pair."""
    trained.show(window, "playground")
    settle(window)
    made = window.panes["playground"]
    assert isinstance(made, PlaygroundPane)
    return made


def typed(pane: PlaygroundPane, side: int, text: str) -> None:
    edit = pane.cards[side].edit
    edit.setFocus()
    edit.moveCursor(QTextCursor.MoveOperation.End)
    QTest.keyClicks(edit, text)


def rewards(trained: Any, drafts: Drafts) -> list[float]:
    return score_texts(trained.trained.checkpoint, [drafts.prompt] * 2, drafts.responses).tolist()


def test_that_the_first_look_brings_in_the_pair_and_its_rewards_are_those_of_the_dataset(
    window: Window, pane: PlaygroundPane, trained: Any
) -> None:
    state = window.desk.state
    dataset, pair = trained.dataset, state.focus
    texts = dataset.responses["text"]
    assert pane.drafts == Drafts(dataset.prompts["text"][int(dataset.prompt[pair])],
                                 (texts[int(dataset.chosen[pair])], texts[int(dataset.rejected[pair])]))
    known = [state.rewards.response[int(row[pair])] for row in (dataset.chosen, dataset.rejected)]
    assert pane.scored.rewards == pytest.approx(known, abs=1e-4)
    assert [mark for mark, _ in pane.strip.marks] == ["A", "B"]
    assert pane.chance.chance == pytest.approx(float(sigmoid(np.array([known[0] - known[1]]))[0]), abs=1e-4)
    assert pane.cards[0].reward.text() == number(known[0], signed=True)


def test_that_rewards_follow_each_key_and_the_latest_wins(
    window: Window, pane: PlaygroundPane, trained: Any, settle: Settle, wait_until: Wait
) -> None:
    pane.prompt.setPlainText("How do I boil an egg?")
    pane.cards[1].edit.setPlainText("")
    typed(pane, 1, "Put it in water for eight minutes.")
    wait_until(lambda: pane.scored is not None and pane.scored.drafts == pane.drafts)
    assert pane.drafts.responses[1] == "Put it in water for eight minutes."
    assert pane.scored.rewards == pytest.approx(rewards(trained, pane.drafts))
    assert pane.header.headline.text.startswith(("A beats B", "B beats A"))
    pane.cards[1].edit.setPlainText("")
    settle(window)
    assert pane.scored.rewards[1] is None and pane.chance.chance is None
    assert pane.header.headline.text.endswith("Write response B to compare them.")


def test_that_words_are_tinted_by_leave_one_out_when_typing_pauses(
    window: Window, pane: PlaygroundPane, trained: Any, wait_until: Wait
) -> None:
    pane.cards[1].edit.setPlainText("  I am sorry, 😀 I cannot help you with that.")
    assert pane.cards[1].edit.extraSelections() == []
    wait_until(lambda: pane.words[1] is not None)
    wanted = finish(explain(trained.trained.checkpoint, pane.drafts.prompt, pane.drafts.responses[1]))
    assert pane.words[1] == wanted
    edit = pane.cards[1].edit
    marked = {mark.cursor.selectedText() for mark in edit.extraSelections()}
    most = max(abs(value) for _, value in wanted.pieces)
    assert marked == {text.strip() for text, value in wanted.pieces if abs(value) / most >= 0.08}
    top = max(wanted.pieces, key=lambda piece: abs(piece[1]))
    assert pane.cards[1].bars.words[0] == (top[0].strip(), top[1])


def test_that_an_edit_is_tried_on_the_response_with_the_keyboard_and_told_in_the_history(
    window: Window, pane: PlaygroundPane, trained: Any, settle: Settle
) -> None:
    before = pane.drafts
    pane.cards[0].edit.setFocus()
    assert pane.try_card.title_label.text() == "Try on A"
    pane.try_edit(PROBES["closing_offer"])
    settle(window)
    after = pane.drafts
    assert after.responses[0] == before.responses[0].rstrip() + " I hope this helps!"
    assert after.responses[1] == before.responses[1]
    step = pane.steps[-1]
    assert step.what == "Add a closing offer" and step.side == 0
    assert step.change == pytest.approx(rewards(trained, after)[0] - rewards(trained, before)[0], abs=1e-5)
    count = len(pane.steps)
    pane.try_edit(PROBES["closing_offer"])
    assert len(pane.steps) == count and "changes nothing" in window.notice.text.text()
    QTest.keyClick(pane.cards[0].edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert pane.drafts == before


def test_that_typing_becomes_a_step_and_the_history_goes_back(
    window: Window, pane: PlaygroundPane, settle: Settle, wait_until: Wait
) -> None:
    start = pane.drafts
    typed(pane, 1, " Thank you.")
    wait_until(lambda: not pane._step.isActive())
    assert pane.steps[-1].what == "Added “Thank you.”" and pane.steps[-1].side == 1
    pane.history.setFocus()
    QTest.keyClick(pane.history, Qt.Key.Key_Down)
    QTest.keyClick(pane.history, Qt.Key.Key_Return)
    settle(window)
    assert pane.drafts == start and pane.at == 0 and pane.scored.drafts == start
    pane.go_to(1)
    assert pane.drafts.responses[1].endswith(" Thank you.")


def test_that_an_edit_becomes_a_probe_of_the_project(window: Window, pane: PlaygroundPane, wait_until: Wait) -> None:
    typed(pane, 1, " Thank you.")
    wait_until(lambda: not pane._step.isActive())
    QTest.mouseClick(pane.as_probe, Qt.MouseButton.LeftButton)
    (kept,) = window.desk.project.probes()
    assert kept["kind"] == "append" and list(kept["text"]) == ["Thank you."]
    assert any(probe.name == kept["name"] for probe in pane.probes())


def test_that_what_was_typed_survives_a_crash(
    window: Window, pane: PlaygroundPane, trained: Any, settle: Settle, wait_until: Wait, qapp: QApplication, tmp_path: Path
) -> None:
    typed(pane, 1, " One more thing")
    wait_until(lambda: not pane._keep.isActive())
    drafts = pane.drafts
    copy = window.desk.project.copy_to(tmp_path / "after.rmx")  # as the file is now, without any goodbye
    copy.close()
    again = make_window(Project(tmp_path / "after.rmx"), "light")
    again.show()
    try:
        trained.show(again, "playground")
        settle(again)
        assert again.panes["playground"].drafts == drafts
    finally:
        again.hide()
        again.desk.close()
        again.deleteLater()
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_that_clear_empties_and_undo_brings_back(window: Window, pane: PlaygroundPane, settle: Settle) -> None:
    before, undone = pane.drafts, []
    window.desk.undoable.connect(lambda text, undo: undone.append(undo))
    QTest.mouseClick(pane.empty_all, Qt.MouseButton.LeftButton)
    settle(window)
    assert pane.drafts.empty and pane.steps == [] and "Type or paste" in pane.header.headline.text
    undone[0]()
    assert pane.drafts == before and len(pane.steps) == 1


def test_that_another_pair_can_be_brought_in(window: Window, pane: PlaygroundPane, trained: Any, settle: Settle) -> None:
    window.desk.look_at(7)
    settle(window)
    assert pane.bring.text() == "From pair 8"
    QTest.mouseClick(pane.bring, Qt.MouseButton.LeftButton)
    settle(window)
    assert pane.drafts.responses[0] == trained.dataset.responses["text"][int(trained.dataset.chosen[7])]
    assert pane.steps[-1].what == "Brought in pair 8"


def test_that_scores_of_a_file_are_not_enough_and_it_says_so(window: Window, pane: PlaygroundPane, settle: Settle) -> None:
    window.desk.session.put(checkpoint=None)
    settle(window)
    assert "scores of a file cannot" in pane.why_empty(window.desk.state) and pane._stack.currentIndex() == 1


def test_that_all_edits_are_in_the_menu_and_a_narrow_pane_cuts_no_chip(
    window: Window, pane: PlaygroundPane, settle: Settle
) -> None:
    menu = pane.try_card.menu()
    assert len(menu.actions()) == len(built_in())
    menu.deleteLater()
    window.resize(1024, 700)
    settle(window)
    for chip in pane.try_card.chips:
        assert chip.isHidden() or chip.geometry().right() < pane.try_card.more.geometry().left()


def test_that_words_are_weighed_by_the_gradient_where_a_person_chooses_it(
    window: Window, pane: PlaygroundPane, trained: Any, settle: Settle, wait_until: Wait
) -> None:
    pane.cards[1].edit.setPlainText("I am sorry, I cannot help you with that.")
    wait_until(lambda: pane.words[1] is not None)
    before = pane.words[1]
    QTest.mouseClick(pane.method.choice.group.button(1), Qt.MouseButton.LeftButton)
    wait_until(lambda: pane.words[1] is not None and pane.words[1].method == "gradient")
    wanted = finish(explain(trained.trained.checkpoint, pane.drafts.prompt, pane.drafts.responses[1], "gradient"))
    assert pane.words[1] == wanted != before and pane.cards[1].bars.sums == wanted.adds_up()
    assert "gradient" in pane.header.method_label.text()
    settle(window)
