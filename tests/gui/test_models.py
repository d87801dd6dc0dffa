"""The Models pane: strengths as the workflow gives them, rows that select their pairs, win rates of two models, and why it is empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.gui.panes.models import ModelsPane
from rmexplorer.gui.window import Window
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.models import rank_models
from tests.made import dataset_of

Settle = Callable[[Window], None]
STRENGTH = {"alpha": 1.0, "beta": 0.0, "windbag": 0.0, "delta": -1.0}


def arena(names: list[str], games: int = 900) -> list[dict[str, str]]:
    """Games in which windbag only writes longer, which people like."""
    random = np.random.default_rng(1)
    rows = []
    for game in range(games):
        a, b = random.choice(names, 2, replace=False)
        words = {name: int(random.integers(5, 30)) * (3 if name == "windbag" else 1) for name in (a, b)}
        margin = STRENGTH[a] - STRENGTH[b] + 0.04 * (words[a] - words[b])
        first = random.random() < 1 / (1 + np.exp(-margin))
        rows.append({"prompt": f"question {game}", "model_a": str(a), "model_b": str(b),
                     "response_a": f"{game} " + "word " * words[a], "response_b": f"{game} " + "text " * words[b],
                     "winner": "model_a" if first else "model_b"})
    return rows


def show(window: Window, rows: list[dict[str, str]], folder: Path, settle: Settle) -> ModelsPane:
    window.desk.show_dataset(*dataset_of(rows, folder))
    window.show_pane("models")
    settle(window)
    pane = window.panes["models"]
    assert isinstance(pane, ModelsPane)
    return pane


def test_that_an_arena_is_ranked_and_rows_select_their_pairs(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, arena(list(STRENGTH)), tmp_path, settle)
    dataset = window.desk.state.dataset
    assert dataset is not None
    expected = rank_models(columns(dataset))
    assert expected is not None and pane.names == [model.name for model in expected.models]
    windbag = next(model for model in expected.models if model.name == "windbag")
    assert windbag.rank_raw < windbag.rank_controlled, "it only writes longer"
    at = pane.names.index("windbag")
    assert pane.models.columns["controlled_value"][at] == windbag.controlled.value
    assert pane.models.columns["raw_low"][at] == windbag.raw.low
    assert "moves" in pane.header.headline.text and "95%\u00a0CI" in pane.header.headline.text
    assert pane.styles.columns["style"][0] == "Length"
    assert pane.styles.columns["low"][0] > 0
    pane.models.forest.list.setFocus()
    pane.models.select(at)
    QTest.keyClick(pane.models.forest.list, Qt.Key.Key_Return)
    settle(window)
    mask = window.desk.state.selection.mask
    pairs = dataset.pairs
    assert mask is not None
    assert np.array_equal(mask, ((pairs["model_first"] == "windbag") | (pairs["model_second"] == "windbag")).to_numpy())


def test_that_a_filter_ranks_anew_what_passes(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, arena(list(STRENGTH)), tmp_path, settle)
    whole = pane.result.ranking.comparisons
    window.desk.set_query("words<40")
    settle(window)
    assert 0 < pane.result.ranking.comparisons < whole
    window.desk.set_query("words>100000")
    settle(window)
    assert "No comparison" in pane.header.headline.text and not pane.names


def test_that_two_models_have_a_win_rate_raw_and_at_equal_length(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, arena(["alpha", "beta"], 300), tmp_path, settle)
    (name,) = pane.names
    rate = pane.result.rates[name]
    assert pane.models.columns["raw_value"] == [rate["win_rate"]]
    assert pane.models.columns["controlled_low"] == [rate["length_controlled_ci"][0]]
    assert name in pane.header.headline.text and f"At equal length {rate['length_controlled']:.1f}% (" in pane.header.headline.text
    assert pane.models.forest.shape.reference == 50.0


def test_that_it_says_why_it_is_empty(window: Window, tmp_path: Path, settle: Settle) -> None:
    rows = [{"prompt": "q", "chosen": "yes", "rejected": "no"}]
    pane = show(window, rows, tmp_path, settle)
    assert "does not say which models" in pane.empty.sentence.text() and pane.empty.isVisible()
