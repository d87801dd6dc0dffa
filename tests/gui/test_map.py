"""The Map: places, groups, colours, brushes and the list beside it, by mouse and keyboard."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.panes.map import MapPane
from rmexplorer.gui.text_map import MOST_POINTS, TextHexagons, TextPoints
from rmexplorer.gui.window import Window
from rmexplorer.job import Progress, finish
from rmexplorer.problem import Problem
from rmexplorer.workflows import mapping_texts
from rmexplorer.workflows.mapping_texts import map_texts, open_map
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.rewards import Rewards

Settle = Callable[[Window], None]
THEMES = ("sourdough bread flour oven", "python function error loop", "train station ticket platform")


def rows_of(each: int) -> list[dict[str, str]]:
    return [
        {"prompt": f"About {words}, part {i}", "chosen": f"All of {words} {i}", "rejected": f"Nothing {words[::-1]} {i}",
         "source": ("alpha", "beta")[i % 2]}
        for words in THEMES for i in range(each)
    ]


def show(window: Window, folder: Path, rows: list[dict[str, str]], settle: Settle, rewards: bool = False) -> MapPane:
    """Open pairs and show the map, whose job runs here instead of in the worker process."""
    file = folder / "pairs.jsonl"
    pl.DataFrame(rows).write_ndjson(file)
    kept = Path(finish(open_files([str(file)])))
    dataset = Dataset.open(kept)
    window.desk.show_dataset(dataset, kept)
    if rewards:
        response = np.linspace(-2, 2, dataset.responses.height).astype(np.float32)
        first, second = (response[dataset.pairs[name].to_numpy()].astype(float) for name in ("first", "second"))
        window.desk.show_rewards(Rewards("columns", "scores", response, first, second, np.ones(len(dataset), bool)), None)
    window.show_pane("map")
    settle(window)
    return window.panes["map"]


@pytest.fixture(autouse=True)
def here(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job in a thread: the worker process is tested once, below."""

    def order(title, module, function, arguments, done, failed, **more):
        return window.desk.jobs.start(title, getattr(mapping_texts, function)(*arguments), done, failed, **more)

    monkeypatch.setattr(window.desk.jobs, "order", order)


def at(pane: MapPane, place: int) -> QPoint:
    """The position in the view of a text of the map."""
    x, y = pane.result.map.xy[place]
    return pane.card.view.mapFromScene(pane.card.view.box.mapViewToScene(QPointF(float(x), float(y))))


def test_that_headline_and_marks_are_those_of_the_map_that_is_kept(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    found = open_map(finish(map_texts(str(window.desk.state.folder), "prompt", "tsne")))
    assert pane.header.headline.text == found.seen(np.ones(60, bool)).headline()
    assert pane.result.map.how == "tsne" and isinstance(pane.card.marks, TextPoints) and len(pane.card.marks.x) == 60
    assert len(pane.card.view.labels.labels) == 3
    assert len(pane.cards.pairs) == 60 and pane.list_card.title_label.text() == "Prompts"
    pane.how.setFocus()
    QTest.keyClick(pane.how, Qt.Key.Key_Left)
    settle(window)
    assert pane.how.current() == "pca" and pane.result.map.how == "pca" and "PCA" in pane.result.finding.method()


def test_that_a_click_inspects_the_pair_of_a_prompt(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    place = int(np.argmax(pane.result.map.xy[:, 0]))
    QTest.mouseMove(pane.card.view.viewport(), at(pane, place))
    QTest.mouseClick(pane.card.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(pane, place))
    settle(window)
    clicked = int(np.flatnonzero(pane.result.first == window.desk.state.focus)[0])
    assert window.desk.state.focus != 0 and np.allclose(pane.result.map.xy[clicked], pane.result.map.xy[place], atol=0.1)
    assert pane.cards.current_pair() == window.desk.state.focus
    assert pane.card.ring is not None and len(pane.card.ring.x) == 1


def test_that_a_brush_selects_exactly_the_pairs_within_and_lists_them(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    xy = pane.result.map.xy
    left, low = xy.min(axis=0) - 1
    middle = float(np.median(xy[:, 0]))
    view = pane.card.view
    view.brushed.emit(np.array([(left, low), (middle, low), (middle, xy[:, 1].max() + 1), (left, xy[:, 1].max() + 1)]), "replace")
    settle(window)
    expected = np.isin(pane.result.dataset.prompt, pane.result.map.rows[xy[:, 0] < middle])
    assert np.array_equal(window.desk.state.selection.mask, expected)
    assert window.desk.state.selection.origin == "map"
    assert sorted(pane.cards.pairs.tolist()) == np.flatnonzero(expected).tolist()
    assert pane.list_card.title_label.text() == f"{expected.sum()} selected"
    assert pane.card._brush_label in view.labels.labels
    window.desk.clear()
    settle(window)
    assert len(pane.cards.pairs) == 60 and pane.card._brush_label is None


def test_that_the_keyboard_alone_selects_groups_and_walks_the_list(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    pane.card.view.setFocus()
    QTest.keyClick(pane.card.view, Qt.Key.Key_Return)
    settle(window)
    group = pane.result.map.group
    assert np.array_equal(pane.result.texts_of(window.desk.state.selection.mask), group == 0)
    QTest.keyClick(pane.card.view, Qt.Key.Key_Return)
    assert np.array_equal(pane.result.texts_of(window.desk.state.selection.mask), group == 1)
    pane.cards.setFocus(Qt.FocusReason.TabFocusReason)
    before = window.desk.state.focus
    QTest.keyClick(pane.cards, Qt.Key.Key_Down)
    assert window.desk.state.focus != before and window.desk.state.focus in pane.cards.pairs


def test_that_responses_lead_to_every_pair_they_are_in(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    pane.kind.setFocus()
    QTest.keyClick(pane.kind, Qt.Key.Key_Right)
    settle(window)
    assert len(pane.result.map) == 120 and "120" in pane.header.headline.text
    hit = np.zeros(120, bool)
    hit[5] = True
    dataset, response = pane.result.dataset, pane.result.map.rows[5]
    assert np.array_equal(pane.result.pairs_of(hit), (dataset.chosen == response) | (dataset.rejected == response))


def test_that_colours_follow_the_switch_and_the_theme(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle, rewards=True)
    pictures = []
    for by in ("group", "source", "reward", "length"):
        pane.colour.set_current(by)
        pane.again()
        settle(window)
        assert pane.result.colours.by == by and by[:3] in ("gro", "sou", "rew", "len")
        assert pane.card.legend.accessibleName().startswith("Colours")
        pictures.append(bytes(pane.card.view.grab().toImage().constBits()))
    assert len(set(pictures)) == 4
    pane.colour.set_current("source")
    pane.again()
    settle(window)
    assert pane.result.colours.names == ("alpha", "beta")
    pane.colour.set_current("reward")
    pane.again()
    settle(window)
    light = list(pane.card.marks.styles)
    window.set_theme("dark")
    settle(window)
    assert pane.card.marks.styles != light


def test_that_reward_of_a_prompt_is_the_mean_of_its_responses(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle, rewards=True)
    rewards, pair = window.desk.state.rewards, int(pane.result.first[7])
    assert rewards is not None
    assert pane.result.reward[7] == pytest.approx((rewards.first[pair] + rewards.second[pair]) / 2)


def test_that_what_a_file_does_not_have_is_no_colour(window: Window, tmp_path: Path, settle: Settle) -> None:
    rows = [{key: value for key, value in row.items() if key != "source"} for row in rows_of(20)]
    pane = show(window, tmp_path, rows, settle)
    off = [button.isEnabled() for button in pane.colour.findChildren(type(pane.colour.children()[-1])) if hasattr(button, "text")]
    assert off.count(False) == 2


def test_that_a_filter_leaves_the_places_and_an_empty_one_says_so(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    places = pane.result.map
    window.desk.set_query("source:alpha")
    settle(window)
    assert pane.result.map is places and len(pane.card.marks.x) == 30 and "30" in pane.header.headline.text
    window.desk.set_query("words>100000")
    settle(window)
    assert pane.card.empty.isVisible() and "none passes" in pane.header.headline.text
    window.desk.set_query("")
    settle(window)
    assert not pane.card.empty.isVisible() and len(pane.card.marks.x) == 60


def test_that_three_pairs_have_places_but_no_groups(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(1), settle)
    assert "Too few" in pane.header.headline.text
    assert len(pane.card.marks.x) == 3 and not pane.card.view.labels.labels


def test_that_many_texts_become_hexagons(window: Window, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_POINTS == 2_000
    monkeypatch.setattr("rmexplorer.gui.text_map.MOST_POINTS", 20)
    pane = show(window, tmp_path, rows_of(20), settle)
    assert isinstance(pane.card.marks, TextHexagons)
    pane.card.view.grab()
    assert pane.card.marks.hexagons.count.sum() == 60
    place = at(pane, 3)
    tip = pane.card.marks.hover(pane.card.view.mapToScene(place))
    assert tip is not None and any("About" in line for line in tip)


def test_that_hover_reads_the_text(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, tmp_path, rows_of(20), settle)
    tip = pane.result.tips(np.array([0]))
    assert tip[0].startswith("About sourdough bread flour oven") and "alpha" in tip[1]


def test_that_a_failure_is_said_and_tried_again(window: Window, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object):
        yield Progress(0)
        raise Problem("the disk is full", "free space")

    right = mapping_texts.map_texts
    monkeypatch.setattr(mapping_texts, "map_texts", broken)
    pane = show(window, tmp_path, rows_of(20), settle)
    assert pane.card.error.isVisible() and pane.result is None
    monkeypatch.setattr(mapping_texts, "map_texts", right)
    pane.card.error.acted.emit()
    settle(window)
    assert not pane.card.error.isVisible() and len(pane.card.marks.x) == 60


def test_that_a_cancelled_map_can_be_asked_for_again(window: Window, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch,
                                                     wait_until: Callable[..., None]) -> None:
    def slow(*_: object):
        while True:
            yield Progress(0)
            time.sleep(0.001)

    right = mapping_texts.map_texts
    monkeypatch.setattr(mapping_texts, "map_texts", slow)
    monkeypatch.setattr(MapPane, "settled", property(lambda self: not self._dirty and not self._waiting))
    pane = show(window, tmp_path, rows_of(20), settle)
    assert pane.run is not None
    window.desk.jobs.cancel(pane.run)
    wait_until(lambda: pane.run is None)
    assert pane.card.empty.isVisible()
    monkeypatch.setattr(mapping_texts, "map_texts", right)
    pane.card.empty.acted.emit()
    wait_until(lambda: pane.result is not None and pane.result.map.how == "tsne")
    QApplication.processEvents()


def test_that_real_prompts_are_placed_by_the_worker_process(window: Window, trained: object, settle: Settle,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("RMEXPLORER_HOME", str(trained.folder.parent))
    trained.show(window, "map")
    window.show_pane("map")
    pane: MapPane = window.panes["map"]
    pane.how.set_current("pca")
    pane.again()
    settle(window)
    assert pane.result.finding.n == len(np.unique(pane.result.dataset.prompt[window.desk.state.shown]))
    assert pane.header.headline.text == pane.result.finding.headline()
