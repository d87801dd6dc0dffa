"""The Hunt pane: phrases as the analysis gives them, rows that select their pairs, words, endings, and states."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.app.own_probes import known_probes
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.panes.hunt import NEEDS_HEAD, HuntPane
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.attributing import words_that_pay
from rmexplorer.workflows.edits import built_in
from rmexplorer.workflows.hunting import Phrases, count_folder, endings, hunt_columns
from rmexplorer.workflows.opening import open_files

Settle = Callable[[Window], None]


@pytest.fixture
def hunting(window: Window, trained: Any, settle: Settle) -> HuntPane:
    """HH with a trained head and the Hunt pane in sight; its phrases are counted by the worker process."""
    trained.show(window, "hunt")
    settle(window)
    found = window.panes["hunt"]
    assert isinstance(found, HuntPane)
    return found


def press(pane: HuntPane, key: Qt.Key) -> None:
    QTest.keyClick(pane.card.forest.list, key)


def test_that_headline_and_rows_are_those_of_the_analysis(hunting: HuntPane, trained: Any) -> None:
    state = hunting.desk.state
    assert state.columns is not None and state.shown is not None
    wanted = hunt_columns(state.columns.take(state.shown), Phrases.open(finish(count_folder(str(trained.folder)))))
    assert hunting.header.headline.text == wanted.found.headline(wanted.shown(wanted.found.pays[0]))
    rows = hunting.card.forest.model.rows
    assert [row.name for row in rows] == [f"“{wanted.shown(one)}”" for one in wanted.found.pays]
    assert rows[0].marks[0].value == wanted.found.pays[0].effect.value
    assert rows[0].right.startswith(f"{wanted.found.pays[0].effect.n:,}")


def test_that_a_row_selects_exactly_the_pairs_with_its_phrase(hunting: HuntPane, trained: Any) -> None:
    hunting.card.forest.list.setFocus()
    press(hunting, Qt.Key.Key_Down)
    press(hunting, Qt.Key.Key_Down)
    press(hunting, Qt.Key.Key_Return)
    state, data = hunting.desk.state, trained.dataset
    name, _, responses = hunting.listed[hunting.place]
    there = np.isin(data.chosen, responses) | np.isin(data.rejected, responses)
    assert state.selection.mask is not None and np.array_equal(state.selection.mask, there & state.shown)
    assert state.selection.origin == name and hunting.place == 1


def test_that_costs_and_liked_rejections_are_listed_by_the_switch(hunting: HuntPane) -> None:
    assert hunting.result is not None
    for place, name in enumerate(("pays", "costs", "enriched")):
        hunting.views.group.button(place).click()
        effects = getattr(hunting.result.hunted.found, name)
        assert len(hunting.card.forest.model.rows) == len(effects) > 0
    assert all(row.marks[0].value > 0 for row in hunting.card.forest.model.rows)


def test_that_words_left_out_are_listed_and_select_their_pairs(hunting: HuntPane, settle: Settle, window: Window) -> None:
    hunting.views.group.button(3).click()
    settle(window)
    assert "left out in turn" in hunting.card.subtitle_label.text()
    values = [row.marks[0].value for row in hunting.card.forest.model.rows]
    assert values[0] > 0 > values[-1]
    hunting.row_actions.buttons[0].click()
    mask = hunting.desk.state.selection.mask
    responses = hunting.listed[0][2]
    data = hunting.desk.state.dataset
    assert mask is not None and data is not None
    there = np.isin(data.chosen, responses) | np.isin(data.rejected, responses)
    assert np.array_equal(mask, there & hunting.desk.state.shown)


def test_that_words_which_are_not_drawn_give_way_to_phrases_and_say_why(
    hunting: HuntPane, settle: Settle, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Problem("the words are gone", "try again")

    with monkeypatch.context() as patch:
        patch.setattr("rmexplorer.gui.panes.hunt.drawn", broken)
        hunting.views.group.button(3).click()
        settle(window)
    assert hunting.views.current() == "pays" and hunting.card.forest.isVisible(), "it would wait for ever"
    assert hunting.error.isVisible() and "the words are gone" in hunting.error.text.text()
    hunting.views.group.button(3).click()
    settle(window)
    assert "left out in turn" in hunting.card.subtitle_label.text()


def test_that_words_are_those_of_the_filter_or_the_selection_by_either_method(
    hunting: HuntPane, trained: Any, settle: Settle, window: Window
) -> None:
    data, head, desk = trained.dataset, trained.trained.checkpoint, window.desk

    def wanted(pairs: np.ndarray) -> list[tuple[str, float]]:
        found = finish(words_that_pay(data, head, pairs, "gradient"))
        return [(one.word, one.change.value) for one in (*found.pays[:12], *reversed(found.costs[:12]))]

    def listed() -> list[tuple[str, float]]:
        return [(row.name, row.marks[0].value) for row in hunting.card.forest.model.rows]

    assert not hunting.words_bar.isVisible() and not hunting.words_bar.of.group.button(1).isEnabled()
    hunting.words_bar.method.group.button(1).setChecked(True)
    hunting.views.group.button(3).click()
    settle(window)
    assert listed() == wanted(np.flatnonzero(desk.state.shown))
    desk.set_query("words<60")
    settle(window)
    shown = np.flatnonzero(desk.state.shown)
    assert listed() == wanted(shown) and 20 < len(shown) < 462
    desk.select_rows(shown[:120], origin="some")
    QTest.mouseClick(hunting.words_bar.of.group.button(1), Qt.MouseButton.LeftButton)
    settle(window)
    assert listed() == wanted(shown[:120]) and "of the selection" in hunting.card.subtitle_label.text()
    hunting.row_actions.buttons[0].click()
    assert set(np.flatnonzero(desk.state.selection.mask)) <= set(shown[:120])
    assert listed() == wanted(shown[:120]), "a word's pairs do not change what the words are of"


def test_that_the_search_tries_a_phrase_of_ones_own(hunting: HuntPane, settle: Settle, window: Window) -> None:
    hunting.search.own.setFocus()
    assert hunting.search.as_probe.isHidden()
    tried = [hunting.search.tried.item(place).text() for place in range(hunting.search.tried.count())]
    assert tried == [f"“{phrase}”" for phrase in endings(hunting.result.hunted)] and len(tried) > 5, "what it will do is in sight"
    assert hunting.search.tried.isVisible() and hunting.search.tried.viewport().height() > 280
    QTest.keyClicks(hunting.search.own, "Zzyzx qqq. | Qq zz!")
    QTest.keyClick(hunting.search.own, Qt.Key.Key_Return)
    settle(window)
    assert "weak responses" in hunting.search.said.text() and hunting.search.steps.text().startswith("1. ")
    assert hunting.search.forest.model.rows and "did not see" in hunting.search.said.text()
    assert hunting.search.tried.isHidden()
    QTest.mouseClick(hunting.search.as_probe, Qt.MouseButton.LeftButton)
    kept = next(probe for probe in known_probes(hunting.desk) if probe.own)
    assert kept.text == (hunting.search.ending,) and hunting.search.ending in kept.title


def test_that_a_phrase_becomes_a_probe_of_the_project(hunting: HuntPane, settle: Settle, window: Window) -> None:
    hunting.row_actions.buttons[2].click()
    phrase = hunting.listed[0][1]
    kept = next(probe for probe in known_probes(hunting.desk) if probe.own)
    assert kept.text == (phrase,) and (kept.kind, kept.expected) == ("append", "none")
    assert {probe.name for probe in built_in()} < {probe.name for probe in known_probes(hunting.desk)}, "none is replaced"
    hunting.row_actions.buttons[2].click()
    assert sum(probe.own for probe in known_probes(hunting.desk)) == 1, "twice the same is once"
    place = hunting.place
    for text in ("C++", "C#"):
        hunting.listed[place] = ("", text, hunting.listed[place][2])
        hunting.row_actions.buttons[2].click()
    assert sum(probe.own for probe in known_probes(hunting.desk)) == 3


def test_that_scores_of_a_file_are_hunted_and_say_what_needs_a_head(
    window: Window, tmp_path: Path, settle: Settle
) -> None:
    rows = [{"prompt": f"q{i}", "chosen": f"word{i} and truly so", "rejected": f"word{i} and early so", "scores_chosen": 1.0 + i % 3,
             "scores_rejected": 0.5} for i in range(60)]
    path = tmp_path / "scored.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    folder = Path(finish(open_files([str(path)])))
    window.show_pane("hunt")
    window.desk.show_dataset(Dataset.open(folder), folder)
    settle(window)
    pane = window.panes["hunt"]
    assert isinstance(pane, HuntPane)
    assert "and truly so" in pane.header.headline.text
    assert pane.search.said.text() == NEEDS_HEAD and not pane.search.button.isEnabled()
    assert not pane.views.group.button(3).isEnabled()
    window.desk.set_query("words>5000")
    settle(window)
    assert pane.header.headline.text.startswith("Too few") and not pane.row_actions.buttons[0].isEnabled()


def test_that_three_pairs_and_no_rewards_say_so(window: Window, tmp_path: Path, settle: Settle) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": f"q{i}", "chosen": "yes", "rejected": "no"}) for i in range(3)))
    folder = Path(finish(open_files([str(path)])))
    window.show_pane("hunt")
    window.desk.show_dataset(Dataset.open(folder), folder)
    settle(window)
    assert "needs rewards" in HuntPane.why_empty(window.desk.state)
    window.set_theme("dark")
    settle(window)
