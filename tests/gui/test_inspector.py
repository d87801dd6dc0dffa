"""The inspector: rewards, verdict, texts, facts, star and note of the pair that has the focus."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.glance import reads_right_to_left, turns_of
from rmexplorer.data.read import read
from rmexplorer.gui.inspector import PROMPT_CHARACTERS, Inspector, length_sentence
from rmexplorer.gui.pair_words import end_of
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.project import Mark, Project

PLANTED = (
    '{"prompt": "first", "chosen": "four words are here", "rejected": "four words were here", "scores_chosen": 2.0, '
    '"scores_rejected": 0.5, "source": "alpha"}',
    '{"prompt": "second", "chosen": "short", "rejected": "much longer than the other one", "scores_chosen": -1.0, '
    '"scores_rejected": 1.5, "source": "beta"}',
    '{"prompt": "third", "chosen": "same reward", "rejected": "the same reward", "scores_chosen": 1.0, "scores_rejected": 1.0}',
    '{"prompt": "שלום, איך מכינים קפה?", "chosen": "מוזגים מים חמים", "rejected": "لا أعرف", "scores_chosen": 0.1, '
    '"scores_rejected": 0.0}',
)


@pytest.fixture
def scored(tmp_path: Path) -> Dataset:
    """Four planted pairs with scores: right, wrong, equal, and read from the right."""
    path = tmp_path / "planted.jsonl"
    path.write_text("\n".join(PLANTED), encoding="utf-8")
    return finish(read(path))


@pytest.fixture
def inspector(window: Window, scored: Dataset, tmp_path: Path, settle: Callable[[Window], None]) -> Inspector:
    """The inspector of a window with the planted pairs, Responses in sight."""
    window.show_pane("responses")
    window.desk.show_dataset(scored, tmp_path)
    settle(window)
    return window.inspector


def write(inspector: Inspector, text: str) -> None:
    """Type into the note."""
    inspector.note.setFocus()
    QTest.keyClicks(inspector.note, text)


def test_that_rewards_margin_and_probability_are_shown(window: Window, inspector: Inspector) -> None:
    assert inspector.title.text() == "Pair 1" and "alpha" in inspector.where.text()
    assert inspector.view.chosen.reward.text() == "+2.00" and inspector.view.rejected.reward.text() == "+0.50"
    assert inspector.strip.isVisible() and inspector.strip.margin_value() == pytest.approx(1.5)
    assert inspector.chance.text() == "P(chosen)"
    assert inspector.probability.text() == f"{1 / (1 + np.exp(-1.5)):.2f}" == "0.82"
    assert "+1.50" in inspector.probability.toolTip()
    assert inspector.verdict.text() == "Model agrees with the label"


def test_that_the_verdict_names_mistakes_and_draws(window: Window, inspector: Inspector) -> None:
    window.desk.look_at(1)
    assert inspector.verdict.text() == "Model prefers the rejected one" and inspector.probability.text() == "0.08"
    window.desk.look_at(2)
    assert inspector.verdict.text() == "Model gives both the same" and inspector.probability.text() == "0.50"


def test_that_real_pairs_show_their_texts_and_calibrated_rewards(window: Window, trained: Any) -> None:
    trained.show(window, "responses")
    dataset, rewards, inspector = trained.dataset, window.desk.state.rewards, window.inspector
    pair = int(np.flatnonzero(dataset.winner == -1)[0]) if (dataset.winner == -1).any() else 7
    for one in (pair, 3, len(dataset) - 1):
        window.desk.look_at(one)
        better = float(trained.trained.rewards[dataset.chosen[one]])
        worse = float(trained.trained.rewards[dataset.rejected[one]])
        assert [value for _, value in inspector.strip.marks] == pytest.approx([better, worse])
        assert "".join(span.text for span in inspector.view.chosen.spans) == dataset.responses["text"][int(dataset.chosen[one])].strip()
        assert float(inspector.probability.text()) == pytest.approx(1 / (1 + np.exp(worse - better)), abs=0.006)
        assert ("held-out" if rewards.heldout[one] else "training") in inspector.where.text()


def test_that_a_note_is_kept_as_it_is_typed(window: Window, inspector: Inspector, wait_until: Any) -> None:
    write(inspector, "wrong label")
    wait_until(lambda: window.desk.state.marks.get(0, Mark()).note == "wrong label")
    fingerprint = window.desk.state.dataset.fingerprint
    other = Project(window.desk.project.path)  # another process would read the same
    assert other.marks(fingerprint)[0].note == "wrong label"
    other.close()
    write(inspector, "?")
    wait_until(lambda: window.desk.state.marks[0].note == "wrong label?")
    assert inspector.note.toPlainText() == "wrong label?"


def test_that_a_note_stays_with_its_pair_when_another_is_shown_at_once(window: Window, inspector: Inspector) -> None:
    write(inspector, "of the first")
    window.desk.look_at(1)
    assert window.desk.state.marks[0].note == "of the first" and 1 not in window.desk.state.marks
    assert inspector.note.toPlainText() == ""
    write(inspector, "of the second")
    window.desk.step(-1)
    assert window.desk.state.marks[1].note == "of the second"
    assert inspector.note.toPlainText() == "of the first"


def test_that_a_note_is_kept_when_window_or_dataset_close_at_once(window: Window, inspector: Inspector, trained: Any) -> None:
    first = window.desk.state.dataset
    write(inspector, "typed last")
    trained.show(window)
    assert window.desk.project.marks(first.fingerprint)[0].note == "typed last"
    assert 0 not in window.desk.state.marks, "the note went to a pair of another dataset"
    assert inspector.note.toPlainText() == ""
    write(inspector, "before closing")
    path, fingerprint = window.desk.project.path, trained.dataset.fingerprint
    window.close()
    other = Project(path)
    assert other.marks(fingerprint)[0].note == "before closing"
    other.close()


def test_that_clearing_a_note_removes_it(window: Window, inspector: Inspector, wait_until: Any) -> None:
    window.desk.marks.put(0, note="gone soon")
    assert inspector.note.toPlainText() == "gone soon"
    inspector.note.selectAll()
    QTest.keyClick(inspector.note, Qt.Key.Key_Delete)
    wait_until(lambda: 0 not in window.desk.state.marks)


def test_that_the_star_button_and_key_agree(window: Window, inspector: Inspector) -> None:
    QTest.mouseClick(inspector.star, Qt.MouseButton.LeftButton)
    assert window.desk.state.marks[0].star and inspector.star.isChecked()
    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert not window.desk.state.marks.get(0, Mark()).star and not inspector.star.isChecked()
    window.desk.marks.put(1, star=True)
    assert not inspector.star.isChecked()
    window.desk.look_at(1)
    assert inspector.star.isChecked()


def test_that_a_long_prompt_is_cut_at_a_turn_and_expands(window: Window, trained: Any) -> None:
    trained.show(window, "responses")
    inspector = window.inspector
    lengths = trained.dataset.prompts["text"].str.len_chars().to_numpy()[trained.dataset.prompt]
    pair = int(np.argmax(lengths))
    window.desk.look_at(pair)
    whole = trained.dataset.prompts["text"][int(trained.dataset.prompt[pair])].strip().removesuffix("Assistant:").strip()
    shown = inspector.prompt.text()
    assert inspector.more.isVisible() and len(shown) < len(whole) and len(shown) <= PROMPT_CHARACTERS + 2
    assert shown.startswith("… ") and whole.endswith(shown[2:])
    QTest.mouseClick(inspector.more, Qt.MouseButton.LeftButton)
    assert inspector.prompt.text() == whole and not inspector.more.isVisible()
    window.desk.step(1)
    window.desk.look_at(pair)
    assert inspector.prompt.text() == shown


def test_that_facts_are_those_of_the_pair(window: Window, inspector: Inspector) -> None:
    window.desk.look_at(1)
    line, value = inspector.facts["Length"]
    assert line.isVisible() and value.text() == "Rejected is 6.0× as long (30\u00a0characters)"
    assert inspector.facts["File"][1].text().startswith("line 2")
    assert not inspector.facts["Votes"][0].isVisible() and not inspector.facts["Models"][0].isVisible()


def test_that_votes_and_ties_are_said(window: Window, shared: Path, settle: Any, tmp_path: Path) -> None:
    dataset = finish(read(shared / "data/real/pandalm/testset-v1.json"))
    window.show_pane("welcome")
    window.show_pane("responses")
    window.desk.show_dataset(dataset, tmp_path)
    inspector, votes = window.inspector, dataset.votes
    tie = int(np.flatnonzero(dataset.tie)[0])
    window.desk.look_at(tie)
    assert inspector.verdict.text() == "The label is a tie"
    assert inspector.view.chosen.name.text() == "First" and inspector.view.chosen.kind == "people"
    assert not inspector.strip.isVisible() and inspector.probability.text() == ""
    choices = votes.filter(votes["pair"] == tie)["choice"].to_list()
    assert inspector.facts["Votes"][1].text() == f"{choices.count(0)} of {len(choices)} call it a tie"
    decided = int(np.flatnonzero(dataset.winner == -1)[0])
    window.desk.look_at(decided)
    assert inspector.view.chosen.name.text() == "Chosen" and inspector.view.chosen.kind == "chosen"
    choices = votes.filter(votes["pair"] == decided)["choice"].to_list()
    assert inspector.facts["Votes"][1].text() == f"{choices.count(-1)} of {len(choices)} prefer the chosen response"
    assert inspector.verdict.text() == "Labels prefer the chosen" and inspector.chance.text() == "no reward yet"


def test_that_text_from_the_right_stands_at_the_right(window: Window, inspector: Inspector) -> None:
    window.desk.look_at(3)
    assert [side for _, _, side in inspector.prompt.shown()] == [Qt.LayoutDirection.RightToLeft]
    text = inspector.view.chosen.text
    line = text.document().firstBlock().layout().lineAt(0)
    assert text.document().firstBlock().textDirection() == Qt.LayoutDirection.RightToLeft
    assert line.naturalTextRect().left() > line.width() * 0.25
    window.desk.look_at(0)
    assert [side for _, _, side in inspector.prompt.shown()] == [Qt.LayoutDirection.LeftToRight]


def test_that_a_conversation_is_shown_turn_by_turn(
    window: Window, inspector: Inspector, tmp_path: Path, settle: Callable[[Window], None]
) -> None:
    said = [("system", "Be brief."), ("user", "مرحبا، كيف حالك؟"), ("assistant", "Well.\n\nAnd you?"), ("user", "<b>fine</b>")]
    path = tmp_path / "chat.jsonl"
    turns = [{"role": role, "content": text} for role, text in said]
    path.write_text(json.dumps({"prompt": turns, **{side: [{"role": "assistant", "content": side}] for side in ("chosen", "rejected")}}))
    window.desk.show_dataset(finish(read(path)), tmp_path / "chat")
    settle(window)
    left, right = Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft
    assert inspector.prompt.shown() == [
        ("System", "Be brief.", left), ("User", "مرحبا، كيف حالك؟", right), ("Assistant", "Well.\n\nAnd you?", left),
        ("User", "<b>fine</b>", left)]


def test_that_turns_are_found_and_other_text_is_left_alone() -> None:
    assert turns_of("Human: a\n\nAssistant: b: c\n\nHuman: d") == [("User", "a"), ("Assistant", "b: c"), ("User", "d")]
    assert turns_of("Human: only this") == [("", "only this")] and turns_of("") == [("", "")]
    quoted = "Go on with this talk.\n\nHuman: hello\n\nAssistant:"
    assert turns_of(quoted) == [("", quoted)] and turns_of("A human: me") == [("", "A human: me")]


def test_that_it_collapses_and_opens(window: Window, inspector: Inspector) -> None:
    wide = inspector.width()
    QTest.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()
    assert not inspector.is_open and inspector.width() <= 44 and not inspector.note.isVisible()
    assert window.stack.width() + inspector.width() >= window.splitter.width() - 2, "no gap beside the strip"
    window.desk.look_at(2)
    button = next(child for child in inspector.findChildren(type(inspector.star)) if child.isVisible())
    assert button.accessibleName() == "Open the inspector"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert inspector.is_open and inspector.title.text() == "Pair 3" and inspector.width() == wide


def test_that_diff_and_plain_change_the_marks(window: Window, inspector: Inspector) -> None:
    assert {span.mark for span in inspector.view.chosen.spans} == {"", "chosen"}
    assert [span.text for span in inspector.view.chosen.spans if span.mark] == ["are"]
    inspector.mode.setFocus()
    QTest.keyClick(inspector.mode, Qt.Key.Key_Right)
    assert {span.mark for span in inspector.view.chosen.spans} == {""} and not inspector.legend.isVisible()


def test_that_the_place_in_a_selection_is_said(window: Window, inspector: Inspector) -> None:
    mask = np.array([False, True, False, True])
    window.desk.select(mask, origin="a test")
    assert inspector.title.text() == "Pair 2" and inspector.place.text() == "1 of 2"
    QTest.keyClick(window, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert inspector.title.text() == "Pair 4" and inspector.place.text() == "2 of 2"


def test_that_lengths_are_compared_in_words() -> None:
    assert length_sentence(10, 10) == "Both have 10\u00a0characters"
    assert length_sentence(0, 5) == "Rejected has 5\u00a0characters, the other none"
    assert length_sentence(150, 100, ("First", "Second")) == "First is 50% longer (150\u00a0characters)"
    assert length_sentence(150, 100) == "Chosen is 50% longer (150\u00a0characters)"
    assert length_sentence(100, 1204) == "Rejected is 12× as long (1,204\u00a0characters)"


def test_that_the_end_of_a_text_begins_whole() -> None:
    talk = "x" * 50 + "\n\nHuman: how are you?\n\nAssistant: fine, and you are well too, I hope?"
    assert end_of(talk, 70) == "Human: how are you?\n\nAssistant: fine, and you are well too, I hope?"
    assert end_of("one two three four", 9) == "four"
    assert end_of("y" * 99, 9) == "y" * 9
    assert reads_right_to_left("… שלום") and not reads_right_to_left("42 hello שלום") and not reads_right_to_left("")
