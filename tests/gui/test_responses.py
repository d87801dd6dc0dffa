"""The Responses pane, by mouse and by keyboard, on real pairs."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from rmexplorer.analysis.responses import SHARES
from rmexplorer.data.glance import last_turn, votes_for_label
from rmexplorer.data.read import read
from rmexplorer.gui.card_painter import broken
from rmexplorer.gui.cards import CardList
from rmexplorer.gui.panes.responses import ResponsesPane
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.project import Mark
from rmexplorer.workflows.columns import run
from rmexplorer.workflows.rewards import Rewards

Settle = Callable[[Window], None]


@pytest.fixture
def pane(window: Window, trained: Any) -> ResponsesPane:
    """The pane with HH harmless-base and its head."""
    trained.show(window, "responses")
    made = window.panes["responses"]
    assert isinstance(made, ResponsesPane)
    return made


def click(cards: CardList, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Click a card of a list."""
    index = cards.cards.index(row)
    cards.scrollTo(index)
    QTest.mouseClick(cards.viewport(), Qt.MouseButton.LeftButton, modifier, cards.visualRect(index).center())


def key(widget: Any, *keys: Qt.Key) -> None:
    """Press keys in a widget."""
    for one in keys:
        QTest.keyClick(widget, one)


def choose(pane: ResponsesPane, view: str, window: Window, settle: Settle) -> None:
    """Choose a view by its switch."""
    place = pane.modes.keys.index(view)
    QTest.mouseClick(pane.modes.group.button(place), Qt.MouseButton.LeftButton)
    settle(window)
    assert pane.result.view == view


def test_that_headline_and_lists_are_those_of_the_analysis(window: Window, pane: ResponsesPane) -> None:
    state = window.desk.state
    assert state.columns is not None and state.shown is not None and state.rewards is not None
    found = run("responses", state.columns.take(state.shown))
    assert found.pairs == int((state.rewards.heldout & ~state.dataset.tie).sum()) > 400
    assert pane.header.headline.text == found.headline()
    assert found.method("held-out")[1:] in pane.header.method_label.text()
    assert pane.lists[0].cards.pairs.tolist() == found.highest.pair.tolist()
    assert pane.lists[1].cards.pairs.tolist() == found.lowest.pair.tolist()
    first = pane.lists[0].cards.cards.rows[0]
    assert first.number == f"{found.highest.z[0]:+.2f}"
    assert f"reward {found.highest.reward[0]:+.2f}" in first.tip
    text = state.dataset.responses["text"][int(found.highest.response[0])]
    assert first.texts[0].text == text
    assert first.label == ("chosen" if found.highest.was_chosen[0] else "rejected") == first.mark
    assert np.all(np.diff([float(card.number.replace("\u2212", "-")) for card in pane.lists[0].cards.cards.rows]) <= 0)


def test_that_each_view_lists_its_pairs(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    found = pane.result.found
    for view, lists in {"margins": (found.largest_margins, found.smallest_margins), "wrong": (found.confident_mistakes,),
                        "unsure": (found.least_sure,)}.items():
        choose(pane, view, window, settle)
        assert pane.header.headline.text == found.headline(view)
        shown = [card for card in pane.lists if card.isVisible()]
        assert [card.cards.pairs.tolist() for card in shown] == [part.pair.tolist() for part in lists]
        assert not pane.tails.isVisible()
    choose(pane, "wrong", window, settle)
    rewards = window.desk.state.rewards
    margin = np.where(window.desk.state.dataset.winner > 0, 1, -1) * (rewards.first - rewards.second)
    assert (margin[pane.lists[0].cards.pairs] < 0).all()
    first = pane.lists[0].cards.cards.rows[0]
    assert first.number == f"P {1 / (1 + np.exp(-margin[first.pair])):.2f}"
    assert [line.mark for line in first.texts] == ["", "chosen", "rejected"]
    choose(pane, "extremes", window, settle)
    assert pane.tails.isVisible() and pane.lists[1].isVisible()


def test_that_a_click_inspects_and_modifiers_select(window: Window, pane: ResponsesPane) -> None:
    cards = pane.lists[1].cards
    click(cards, 3)
    assert window.desk.state.focus == cards.pairs[3]
    assert window.inspector.title.text() == f"Pair {cards.pairs[3] + 1:,}"
    assert window.desk.state.selection.count == 0
    click(cards, 1, Qt.KeyboardModifier.ShiftModifier)
    click(cards, 4, Qt.KeyboardModifier.ShiftModifier)
    assert np.flatnonzero(window.desk.state.selection.mask).tolist() == sorted(cards.pairs[[1, 4]].tolist())
    click(cards, 4, Qt.KeyboardModifier.AltModifier)
    assert np.flatnonzero(window.desk.state.selection.mask).tolist() == [cards.pairs[1]]


def test_that_the_keyboard_alone_moves_opens_stars_and_notes(window: Window, pane: ResponsesPane) -> None:
    cards, other = pane.lists[0].cards, pane.lists[1].cards
    cards.setFocus(Qt.FocusReason.TabFocusReason)
    assert window.desk.state.focus == cards.pairs[0]
    key(cards, Qt.Key.Key_Down, Qt.Key.Key_J, Qt.Key.Key_J)
    assert window.desk.state.focus == cards.pairs[3]
    key(cards, Qt.Key.Key_K)
    assert window.desk.state.focus == cards.pairs[2]
    window.inspector.set_open(False)
    key(cards, Qt.Key.Key_Return)
    assert window.inspector.is_open
    pair = int(cards.pairs[2])
    key(cards, Qt.Key.Key_Space)
    assert window.desk.state.marks[pair].star and "starred" in cards.cards.spoken(cards.cards.rows[2])
    key(cards, Qt.Key.Key_Space)
    assert not window.desk.state.marks.get(pair, Mark()).star
    key(cards, Qt.Key.Key_Right)
    assert QApplication.focusWidget() is other and window.desk.state.focus == other.pairs[0]
    key(other, Qt.Key.Key_Down)
    key(other, Qt.Key.Key_Left)
    assert QApplication.focusWidget() is cards
    key(cards, Qt.Key.Key_N)
    assert QApplication.focusWidget() is window.inspector.note
    cards.setFocus()
    QTest.keyClick(cards, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "**Chosen" in QApplication.clipboard().text()


def test_that_next_walks_through_the_list(window: Window, pane: ResponsesPane) -> None:
    cards = pane.lists[1].cards
    click(cards, 0)
    window.desk.step(1)
    assert window.desk.state.focus == cards.pairs[1] == cards.current_pair()
    window.desk.step(-1)
    assert cards.currentIndex().row() == 0


def test_that_handles_change_the_tails_by_arrows_and_by_mouse(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    view, before = pane.tails.view, pane.result.found.share
    view.setFocus(Qt.FocusReason.TabFocusReason)
    key(view, Qt.Key.Key_Left)
    settle(window)
    wider = SHARES[SHARES.index(before) + 1]
    assert pane.result.found.share == wider
    state = window.desk.state
    expected = run("responses", state.columns.take(state.shown), share=wider)
    assert pane.header.headline.text == expected.headline()
    assert pane.tails.tails.high == expected.high_edge and pane.tails.tails.low == expected.low_edge
    key(view, Qt.Key.Key_Up, Qt.Key.Key_Left)  # now the low handle: to the left is smaller
    settle(window)
    assert pane.result.found.share == before
    start = at_reward(pane, pane.tails.tails.high)
    goal = float(pane.result.found.high_edges[SHARES.index(0.1)])
    drag(view, start, at_reward(pane, goal))
    settle(window)
    assert pane.result.found.share == 0.1 and pane.share == 0.1
    assert pane.lists[0].cards.pairs.tolist()[:20] == expected.highest.pair.tolist()[:20]


def at_reward(pane: ResponsesPane, reward: float) -> QPoint:
    """The place of a reward on the plot, in px of its viewport."""
    view = pane.tails.view
    middle = view.box.viewRect().center().y()
    return view.mapFromScene(view.box.mapViewToScene(QPointF(reward, middle)))


def drag(view: Any, start: QPoint, end: QPoint) -> None:
    """Drag with the left button, in a few steps."""
    place = view.viewport()
    QTest.mouseMove(place, start)
    QTest.mousePress(place, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    for part in range(1, 9):
        QTest.qWait(12)  # the scene drops moves that come faster
        move(place, start + (end - start) * part / 8)
    QTest.mouseRelease(place, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def move(place: Any, to: QPoint) -> None:
    """A move with the left button held."""
    event = QMouseEvent(QMouseEvent.Type.MouseMove, QPointF(to), QPointF(place.mapToGlobal(to)), Qt.MouseButton.NoButton,
                        Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(place, event)


def test_that_a_click_in_a_tail_selects_exactly_its_pairs(window: Window, pane: ResponsesPane) -> None:
    found = pane.result.found
    beyond = (found.high_edge + float(found.histogram_edges[-1])) / 2
    QTest.mouseClick(pane.tails.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at_reward(pane, beyond))
    state = window.desk.state
    both = np.maximum(state.rewards.first, state.rewards.second)
    wanted = state.shown & ~state.dataset.tie & (both >= found.high_edge)
    assert np.array_equal(state.selection.mask, wanted) and wanted.sum() > 5
    assert pane.tails.selected.isVisible()
    assert pane.tails.selected.counts.sum() == 2 * wanted.sum()
    QTest.mouseClick(pane.select_tools[1], Qt.MouseButton.LeftButton)
    low = np.minimum(state.rewards.first, state.rewards.second)
    assert np.array_equal(window.desk.state.selection.mask, state.shown & ~state.dataset.tie & (low <= found.low_edge))


def test_that_selection_only_lists_the_selected(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    assert not pane.only.isEnabled()
    rows = np.flatnonzero(window.desk.state.shown)[:60]
    pane.select_rows(rows, "a test")
    assert pane.only.isEnabled()
    QTest.mouseClick(pane.only, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, pane.only.height() // 2))
    settle(window)
    assert pane.only.isChecked() and pane.result.found.pairs == 60
    assert set(pane.lists[0].cards.pairs.tolist()) <= set(rows.tolist())
    pane.select_rows(rows[:40], "a test")
    settle(window)
    assert pane.result.found.pairs == 40
    window.desk.clear()
    settle(window)
    assert pane.result.found.pairs > 400


def test_that_the_scope_switch_changes_the_pairs(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    held = pane.result.found.pairs
    QTest.mouseClick(pane.scope.group.button(1), Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.scope == "training"
    training = pane.result.found.pairs
    key(pane.scope, Qt.Key.Key_Right)
    settle(window)
    assert window.desk.state.scope == "all" and pane.result.found.pairs == held + training
    assert " in " in pane.header.method_label.text() and "training" not in pane.header.method_label.text()


def test_that_one_per_prompt_can_be_left_out(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    prompts = window.desk.state.dataset.prompt
    assert len(set(prompts[pane.lists[0].cards.pairs].tolist())) == len(pane.lists[0].cards.pairs)
    QTest.mouseClick(pane.one, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, pane.one.height() // 2))
    settle(window)
    assert not pane.result.found.one_per_prompt


def test_that_the_view_is_kept_in_the_project(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    choose(pane, "margins", window, settle)
    assert window.desk.project.view()["responses"]["view"] == "margins"
    again = ResponsesPane(window.desk)
    assert again.view == "margins" and again.modes.current() == "margins"
    again.deleteLater()


def test_that_it_says_what_it_needs(window: Window, trained: Any, settle: Settle) -> None:
    window.show_pane("responses")
    assert ResponsesPane.why_empty(window.desk.state) == "Open a dataset first."
    window.desk.show_dataset(trained.dataset, trained.folder)
    settle(window)
    pane = window.panes["responses"]
    assert pane.empty.isVisible() and "needs rewards" in pane.empty.sentence.text()
    assert pane.empty.button.text() == "Train a head"


def test_that_a_filter_that_leaves_nothing_says_so(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    window.desk.set_query("words>100000")
    settle(window)
    assert pane.header.headline.text == "Too few pairs to say: there are none here."
    assert pane.lists[0].empty.isVisible() and "filter" in pane.lists[0].empty.sentence.text()
    QTest.mouseClick(pane.lists[0].empty.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.query == "" and pane.lists[0].cards.isVisible() and len(pane.lists[0].cards.pairs)


def test_that_old_results_are_greyed_while_new_ones_are_computed(window: Window, pane: ResponsesPane) -> None:
    pane._waiting = True
    pane.show_waiting()
    assert pane.lists[0].is_stale() and pane.tails.is_stale()
    assert pane.header.headline.text.endswith("before the change.")
    pane._show(pane.result, None)
    assert not pane.lists[0].is_stale()


def test_that_a_failure_is_said_in_the_pane_and_ends(window: Window, pane: ResponsesPane, settle: Settle,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_analysis(*_: Any, **__: Any) -> None:
        raise ValueError("a test")

    monkeypatch.setattr("rmexplorer.gui.panes.responses.drawn", broken_analysis)
    pane._again()
    settle(window)
    assert pane.error.isVisible()
    monkeypatch.undo()
    pane._again()
    settle(window)
    assert not pane.error.isVisible()


def test_that_three_pairs_of_a_file_with_scores_are_shown(window: Window, settle: Settle, tmp_path: Path) -> None:
    path = tmp_path / "three.jsonl"
    rows = [f'{{"prompt": "p{place}", "chosen": "good {place}", "rejected": "bad {place}", '
            f'"scores_chosen": {place + 1}.5, "scores_rejected": {place}.25}}' for place in range(3)]
    path.write_text("\n".join(rows), encoding="utf-8")
    dataset = finish(read(path))
    assert dataset.score_columns
    window.show_pane("responses")
    window.desk.show_dataset(dataset, tmp_path)
    settle(window)
    pane = window.panes["responses"]
    assert pane.header.headline.text.startswith("Too few pairs to say (3")
    assert pane.lists[0].cards.pairs.tolist() == [2, 1, 0]
    assert [card.texts[0].text for card in pane.lists[0].cards.cards.rows] == ["good 2", "good 1", "good 0"]
    assert not pane.scope.isVisible() and "held-out" not in pane.header.method_label.text()
    for view in ("margins", "wrong", "unsure"):
        choose(pane, view, window, settle)
    choose(pane, "wrong", window, settle)
    assert pane.lists[0].empty.isVisible()


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_that_the_menu_selects_pairs_of_the_same_source(window: Window, settle: Settle, tmp_path: Path) -> None:
    path = tmp_path / "sources.jsonl"
    rows = [f'{{"prompt": "p{place}", "chosen": "good {place}", "rejected": "bad {place}", "source": "{"ab"[place % 2]}", '
            f'"scores_chosen": {place}, "scores_rejected": 0.5}}' for place in range(40)]
    path.write_text("\n".join(rows), encoding="utf-8")
    window.show_pane("responses")
    window.desk.show_dataset(finish(read(path)), tmp_path)
    settle(window)
    cards = window.panes["responses"].lists[0].cards
    cards.go(0)
    pair = cards.current_pair()
    menu = cards.menu()
    action = next(one for one in menu.actions() if one.text().startswith("Select all 20 pairs of source"))
    action.trigger()
    assert np.flatnonzero(window.desk.state.selection.mask).tolist() == list(range(pair % 2, 40, 2))
    next(one for one in menu.actions() if one.text().startswith("Star")).trigger()
    assert window.desk.state.marks[pair].star
    menu.deleteLater()
    at = cards.visualRect(cards.currentIndex()).center()
    QApplication.sendEvent(cards.viewport(), QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, cards.viewport().mapToGlobal(at)))
    popup = QApplication.activePopupWidget()
    assert popup is not None and popup.accessibleName() == "Pair"
    popup.close()


def test_that_a_list_is_saved_as_csv(window: Window, pane: ResponsesPane, tmp_path: Path, settle: Settle,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "list.csv"
    monkeypatch.setattr(window, "choose_save", lambda *_: str(target))
    pane._ask_csv(0)
    with target.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    found = pane.result.found
    assert [int(line["pair"]) - 1 for line in lines] == found.highest.pair.tolist()
    assert float(lines[0]["reward"]) == pytest.approx(found.highest.reward[0])
    choose(pane, "wrong", window, settle)
    pane._ask_csv(0)
    with target.open(encoding="utf-8") as file:
        assert float(next(csv.DictReader(file))["p_chosen"]) < 0.5
    pane._ask_csv(0)
    monkeypatch.setattr(window, "choose_save", lambda *_: str(tmp_path / "no" / "such" / "list.csv"))
    pane._ask_csv(0)
    assert pane.lists[0].error.isVisible()


def test_that_themes_and_small_windows_clip_nothing(window: Window, pane: ResponsesPane, settle: Settle) -> None:
    window.set_theme("dark")
    window.resize(1024, 700)
    settle(window)
    for segment in (*pane.modes.group.buttons(), *pane.scope.group.buttons()):
        assert segment.width() >= segment.sizeHint().width(), segment.text()
    assert pane.width() <= window.stack.width()
    for card in pane.lists:
        assert pane.rect().contains(card.geometry().bottomRight())
        assert card.cards.height() > 1.5 * card.cards.painter_of_cards.height()
        assert "…" not in card.title_label.text() and card.title_label.width() >= card.title_label.sizeHint().width()
    layout, lines = pane.header.headline.lines(pane.header.headline.width())
    assert lines <= 2 and layout is not None
    window.set_theme("light")


def test_that_texts_are_broken_into_lines_and_kept_whole(qapp: QApplication) -> None:
    text = "one two three four five six seven eight nine ten"
    lines = broken(text, 120, 9)
    assert " ".join(lines) == text and len(lines) > 2
    short = broken(text, 120, 2)
    assert len(short) == 2 and short[0] == lines[0] and short[1].endswith("…")
    assert broken("a\n\n b", 200, 2) == ["a b"] and broken("", 100, 2) == ["(empty)"]
    assert broken("😀 " * 40, 150, 2)[0].startswith("😀")
    assert broken("שלום עולם", 200, 2) == ["שלום עולם"]


def test_that_the_last_turn_of_a_prompt_is_found() -> None:
    assert last_turn("\n\nHuman: one\n\nAssistant: two\n\nHuman: three\n\nAssistant:") == "three"
    assert last_turn("plain\n\nwith lines ") == "plain\n\nwith lines"
    assert last_turn("") == ""


def test_that_votes_are_counted_for_the_label(shared: Path) -> None:
    dataset = finish(read(shared / "data/real/pandalm/testset-v1.json"))
    pairs = np.arange(len(dataset))[::7]
    agree, votes = votes_for_label(dataset, pairs)
    for place, pair in enumerate(pairs[:50]):
        choices = [choice for of, choice in dataset.votes.select("pair", "choice").iter_rows() if of == pair]
        assert votes[place] == len(choices) and agree[place] == choices.count(int(dataset.winner[pair]))
    assert votes.max() > 1
    few = votes_for_label(dataset, pairs[:9])  # another way, which does not read all votes
    assert few[0].tolist() == agree[:9].tolist() and few[1].tolist() == votes[:9].tolist()


def test_that_rewards_change_the_lists(window: Window, pane: ResponsesPane, trained: Any, settle: Settle) -> None:
    before = pane.lists[0].cards.pairs.tolist()
    state = window.desk.state
    turned = Rewards.of_model(trained.dataset, trained.trained.checkpoint, -trained.trained.rewards, "turned")
    window.desk.show_rewards(turned, state.checkpoint)
    settle(window)
    after = pane.lists[1].cards.pairs.tolist()
    assert after[:10] == before[:10] and pane.lists[0].cards.pairs.tolist()[:10] != before[:10]


def test_that_making_a_pane_shows_no_other_window(window: Window, qapp: QApplication) -> None:
    class Watch(QObject):
        shown: ClassVar[list[str]] = []

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                self.shown.append(type(watched).__name__)
            return False

    watch = Watch()
    qapp.installEventFilter(watch)
    for name in window.rail.buttons:
        window.show_pane(name)
        qapp.processEvents()
    qapp.removeEventFilter(watch)
    assert watch.shown == []
    assert window.isActiveWindow()
