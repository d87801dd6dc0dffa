"""What all panes share: figures that take long are seen and can be cancelled, and give way to the pane that is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rmexplorer.gui.panes.length_style import LengthStylePane
from rmexplorer.gui.window import Window
from rmexplorer.job import Progress, beat
from tests.gui.conftest import Loop

Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]


class Slow:
    """Makes a pane's figure wait for `go`, a beat each 5 ms; `ended` counts those that are over."""

    def __init__(self, pane: LengthStylePane, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.begun, self.ended = threading.Event(), 0, 0
        inner = pane.prepare

        def prepare(state: Any) -> Callable[[], Any] | None:
            work = inner(state)
            return None if work is None else lambda: self.wait(work)

        monkeypatch.setattr(pane, "prepare", prepare)

    def wait(self, work: Callable[[], Any]) -> Any:
        self.begun += 1
        try:
            for place in range(100_000):
                beat(Progress(place, 100_000, "measuring"))
                if self.go.wait(0.005):
                    return work()
        finally:
            self.ended += 1


@pytest.fixture
def pane(window: Window, trained: Loop, settle: Settle) -> LengthStylePane:
    """Length & style, drawn."""
    trained.show(window, "length_style")
    found = window.panes["length_style"]
    assert isinstance(found, LengthStylePane)
    return found


def test_that_a_slow_figure_is_seen_and_cancelled_and_can_be_computed_again(
    window: Window, pane: LengthStylePane, monkeypatch: pytest.MonkeyPatch, settle: Settle, wait_until: Wait
) -> None:
    before, slow = pane.result, Slow(pane, monkeypatch)
    window.desk.set_query("words>60")
    wait_until(lambda: window.desk.jobs.shown is not None and window.desk.jobs.shown.rate is not None)
    assert window.status.progress.name.text() == "Length & style" and window.status.progress.cancel.isVisible()
    assert window.desk.jobs.shown is not None and window.desk.jobs.shown.title == "Length & style"
    assert pane.lengths.is_stale()
    window.status.cancelled.emit()
    wait_until(lambda: pane.error.isVisible())
    assert slow.ended == slow.begun == 1 and window.desk.jobs.runs == []
    assert pane.result is before and pane.lengths.is_stale()  # old, and said to be so
    assert "was cancelled" in pane.error.text.text() and pane.error.mend.text() == "Compute again"
    slow.go.set()
    pane.error.mend.click()
    settle(window)
    assert not pane.error.isVisible() and not pane.lengths.is_stale() and pane.result is not before


def test_that_a_new_filter_ends_the_figure_of_the_old_one(
    window: Window, pane: LengthStylePane, monkeypatch: pytest.MonkeyPatch, settle: Settle, wait_until: Wait
) -> None:
    slow = Slow(pane, monkeypatch)
    window.desk.set_query("words>60")
    wait_until(lambda: slow.begun == 1)
    window.desk.set_query("words>80")
    wait_until(lambda: slow.begun == 2)
    assert slow.ended == 1
    slow.go.set()
    settle(window)
    assert pane.result.given.pairs == int(window.desk.state.shown[pane.result.given.dataset.winner != 0].sum())


def test_that_a_pane_that_is_left_gives_way_and_catches_up_when_it_is_shown(
    window: Window, pane: LengthStylePane, monkeypatch: pytest.MonkeyPatch, settle: Settle, wait_until: Wait
) -> None:
    before, slow = pane.result, Slow(pane, monkeypatch)
    window.desk.set_query("words>60")
    wait_until(lambda: slow.begun == 1)
    window.show_pane("calibration")
    settle(window)
    assert slow.ended == 1 and pane.result is before
    slow.go.set()
    window.show_pane("length_style")
    settle(window)
    assert pane.result is not before and not pane.lengths.is_stale()
