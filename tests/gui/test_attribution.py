"""The attribution mode of the inspector: exact words, kept, with the nearest training pairs a click away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.app.jobs import Run
from rmexplorer.encoders import ENCODERS, Encoder
from rmexplorer.gui import attribution
from rmexplorer.gui.attribution import NEEDS_HEAD
from rmexplorer.gui.window import Window
from rmexplorer.job import Progress, finish
from rmexplorer.workflows.attributing import explain, nearest_training
from rmexplorer.workflows.encoding import encode_folder

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
    assert inspector.method.legend.isVisible() and not inspector.legend.isVisible()
    assert "reward" in inspector.facts["Strongest"][1].text()
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
    assert not inspector.near.isVisible() and not inspector.facts["Strongest"][0].isVisible()
    assert {span.mark for span in inspector.view.chosen.spans} == {""}


def test_that_scores_of_a_file_say_why_there_is_no_attribution(attributed: Window) -> None:
    attributed.desk.session.put(checkpoint=None)
    button = attributed.inspector.mode.group.button(1)
    assert not button.isEnabled() and button.toolTip().startswith(NEEDS_HEAD[:20])
    assert attributed.inspector.mode.current() == "diff"


def test_that_the_method_is_chosen_and_what_it_adds_up_to_is_said(attributed: Window, trained: Any, settle: Settle) -> None:
    inspector, data, head = attributed.inspector, trained.dataset, trained.trained.checkpoint
    row, prompt = int(data.chosen[0]), data.prompts["text"][int(data.prompt[0])]
    out = finish(explain(head, prompt, data.responses["text"][row]))
    assert inspector.facts["● made of"][1].text() == out.made_of() and "overlap" in out.made_of()
    button = inspector.method.choice.group.button(0)
    button.setFocus()
    QTest.keyClick(inspector.method.choice, Qt.Key.Key_Right)
    settle(attributed)
    found = finish(explain(head, prompt, data.responses["text"][row], "gradient"))
    assert list(inspector.view.weights[0]) == list(found.pieces) != list(out.pieces)
    assert inspector.facts["● made of"][1].text() == found.made_of() and "style" in found.made_of()
    assert inspector.facts["Strongest"][1].text().endswith("the reward")
    for part in (inspector.method, inspector.near, inspector.view):
        assert part.width() <= inspector.area.viewport().width(), "nothing is cut off at the right"


def test_that_both_responses_have_their_nearest_pairs_and_all_are_selected(
    attributed: Window, trained: Any, settle: Settle
) -> None:
    near, data, head = attributed.inspector.near, trained.dataset, trained.trained.checkpoint
    for place, row in enumerate((int(data.chosen[0]), int(data.rejected[0]))):
        attributed.desk.look_at(0)
        settle(attributed)
        near.side.group.button(place).click()
        wanted = finish(nearest_training(data, head, row))
        assert near.shown == wanted and len(near.buttons) == 3
        near.all.click()
        assert np.flatnonzero(attributed.desk.state.selection.mask).tolist() == sorted({pair for pair, _, _ in wanted})


def test_that_an_encoder_that_is_no_sum_over_words_offers_no_gradient(
    window: Window, trained: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(ENCODERS["lexical"]), "word_parts", Encoder.word_parts)
    trained.show(window, "responses")
    window.inspector.mode.group.button(1).click()
    settle(window)
    button = window.inspector.method.choice.group.button(1)
    assert not button.isEnabled() and "no sum over words" in button.toolTip()
    assert window.inspector.view.weights is not None


def test_that_many_responses_are_encoded_by_the_worker_while_words_are_shown(
    window: Window, trained: Any, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "AT_ONCE", 100)
    runs: list[tuple[Run, str, tuple[Any, ...]]] = []

    def order(title: str, module: str, function: str, arguments: tuple[Any, ...], **more: Any) -> Run:
        runs.append((Run(title, **more), f"{module}.{function}", arguments))
        return runs[-1][0]

    trained.show(window, "responses")
    monkeypatch.setattr(window.desk.jobs, "order", order)
    window.desk.look_at(0)
    window.inspector.mode.group.button(1).click()
    settle(window)
    near = window.inspector.near
    (run, name, arguments), = runs
    assert name == "rmexplorer.workflows.encoding.encode_folder" and window.inspector.view.weights is not None
    run.each(Progress(3, 9, "encoding"))
    assert near.said.text() == "Encoding responses first: 3 of 9" and near.said.isVisible() and not near.buttons
    run.cancelled()
    assert near.said.text().startswith("This was cancelled")
    window.desk.look_at(5)
    settle(window)
    assert len(runs) == 2 and near.said.text() == "Looking for them …"
    finish(encode_folder(*arguments))
    runs[1][0].done(None)
    settle(window)
    assert near.shown == finish(nearest_training(trained.dataset, trained.trained.checkpoint, int(trained.dataset.chosen[5])))
    assert len(runs) == 2 and len(near.buttons) == 3
