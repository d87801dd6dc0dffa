"""The attribution mode of the inspector: exact words, kept, with the nearest training pairs a click away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.gui.attribution import NEEDS_HEAD
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.workflows.attributing import explain

Settle = Callable[[Window], None]


@pytest.fixture
def attributed(window: Window, trained: Any, settle: Settle) -> Window:
    """HH with a trained head, its first pair in the inspector, in the attribution mode."""
    trained.show(window, "responses")
    window.desk.look_at(0)
    window.inspector.mode.group.button(1).click()
    settle(window)
    return window


def test_that_words_are_marked_by_what_they_add(attributed: Window, trained: Any) -> None:
    inspector, data = attributed.inspector, trained.dataset
    row = int(data.chosen[0])
    found = finish(explain(trained.trained.checkpoint, data.prompts["text"][int(data.prompt[0])], data.responses["text"][row]))
    assert inspector.view.weights is not None
    assert list(inspector.view.weights[0]) == list(found.pieces)
    assert "".join(span.text for span in inspector.view.chosen.spans) == data.responses["text"][row].strip()
    assert {span.mark for span in inspector.view.chosen.spans} <= {"", "raises", "lowers"}
    assert inspector.swatches.isVisible() and not inspector.legend.isVisible()
    assert "reward" in inspector.facts["Leave one out"][1].text()
    assert float(inspector.view.chosen.reward.text().replace("−", "-")) == pytest.approx(found.reward, abs=0.006)


def test_that_another_pair_is_attributed_and_the_first_is_kept(attributed: Window, settle: Settle) -> None:
    inspector = attributed.inspector
    first = inspector.view.weights
    attributed.desk.look_at(5)
    settle(attributed)
    assert inspector.view.weights is not None and inspector.view.weights != first
    attributed.desk.look_at(0)
    assert inspector.view.weights == first  # at once, without the thread


def test_that_a_nearest_training_pair_is_looked_at_by_keyboard(attributed: Window, trained: Any) -> None:
    button = attributed.inspector.near.buttons[0]
    held = attributed.desk.state.rewards.heldout
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert f"Pair {attributed.desk.state.focus + 1:,}" in button.text()
    assert not held[attributed.desk.state.focus]


def test_that_plain_ends_it(attributed: Window) -> None:
    inspector = attributed.inspector
    inspector.mode.group.button(2).click()
    assert not inspector.near.isVisible() and not inspector.facts["Leave one out"][0].isVisible()
    assert {span.mark for span in inspector.view.chosen.spans} == {""}


def test_that_scores_of_a_file_say_why_there_is_no_attribution(attributed: Window) -> None:
    attributed.desk.session.put(checkpoint=None)
    button = attributed.inspector.mode.group.button(1)
    assert not button.isEnabled() and button.toolTip().startswith(NEEDS_HEAD[:20])
    assert attributed.inspector.mode.current() == "diff"
