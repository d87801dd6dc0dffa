"""What every pane owes: looped over the registry, so that a new pane is held to it without a new test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.catalog import catalog
from rmexplorer.gui.pane import PANES
from rmexplorer.gui.window import Window
from tests.made import ROWS, dataset_of, rewards_of

ROOT = Path(__file__).parents[2]


def show(window: Window, rows: list[dict[str, str]], folder: Path) -> Dataset:
    dataset, kept = dataset_of(rows, folder)
    window.desk.show_dataset(dataset, kept)
    window.desk.show_rewards(rewards_of(dataset), None)
    window.desk.set_scope("all")
    return dataset


def colours(image: QImage) -> int:
    small = image.scaled(240, 150).convertToFormat(QImage.Format.Format_RGB32)
    values = np.frombuffer(small.constBits(), np.uint32)
    return len(np.unique(values))


NAMES = [card.name for card in catalog()]


@pytest.fixture(name="quiet")
def quiet_window(window: Window) -> Iterator[tuple[Window, list[object]]]:
    problems: list[object] = []
    window.desk.problem.connect(problems.append)
    yield window, problems
    assert problems == []


@pytest.mark.parametrize("name", NAMES)
def test_that_a_pane_lives_on_an_empty_session(
    name: str, quiet: tuple[Window, list[object]], settle: Callable[[Window], None]
) -> None:
    window, _ = quiet
    window.show_pane(name)
    settle(window)
    assert not window.panes[name].error.isVisible()


@pytest.mark.parametrize("name", NAMES)
def test_that_a_pane_lives_on_pairs_on_three_pairs_brushed_and_in_both_themes(
    name: str, quiet: tuple[Window, list[object]], settle: Callable[[Window], None], tmp_path: Path
) -> None:
    window, _ = quiet
    window.show_pane(name)
    dataset = show(window, ROWS, tmp_path)
    window.show_pane(name)  # a first dataset leads away from Welcome
    settle(window)
    pane = window.panes[name]
    assert not pane.error.isVisible()
    assert pane.header.headline.text or not pane.framed or pane.why_empty(window.desk.state)
    window.desk.select(np.arange(len(dataset)) % 2 == 0, origin="test")
    settle(window)
    assert not pane.error.isVisible()
    for theme in ("dark", "light"):
        window.set_theme(theme)
        settle(window)
        assert colours(window.grab().toImage()) > 20
    window.desk.set_query("words>100000")
    settle(window)
    assert not pane.error.isVisible()
    show(window, ROWS[:3], tmp_path)
    window.show_pane(name)
    settle(window)
    assert not pane.error.isVisible()


@pytest.mark.parametrize("card", catalog(), ids=lambda card: card.name)
def test_that_a_pane_is_what_its_source_declares(card: object) -> None:
    pane = PANES[card.name]
    assert (pane.name, pane.title, pane.question, pane.icon, pane.group, pane.order) == (
        card.name,
        card.title,
        card.question,
        card.icon,
        card.group,
        card.order,
    )
    assert pane.question.endswith("?")
    assert (ROOT / "resources" / "icons" / f"{pane.icon}.svg").exists()
