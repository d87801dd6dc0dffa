"""The first records of a large file are there at once, marked as such; what a person did with them goes on when all are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from rmexplorer.app import opening as openings
from rmexplorer.app import state as states
from rmexplorer.app.commands import COMMANDS, why_not
from rmexplorer.app.jobs import Run
from rmexplorer.app.state import Partial
from rmexplorer.data import dataset as kept_datasets
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.sample import sampled
from rmexplorer.gui.main import reopen
from rmexplorer.gui.pane import PANES
from rmexplorer.gui.panes.data import Data
from rmexplorer.gui.window import Window
from rmexplorer.job import Progress, finish
from rmexplorer.problem import Problem
from rmexplorer.workflows import opening
from rmexplorer.workflows.opening import Begun, keep

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]
PATH = "pairs.parquet"


@pytest.fixture
def datasets(tmp_path: Path, home: Path) -> tuple[Dataset, Dataset]:
    """The first 200 records of a file of 900, and all of them."""
    rows = pl.int_range(900, eager=True)
    frame = pl.DataFrame({"prompt": [f"question {i}" for i in rows], "chosen": [f"good {i} " * (1 + i % 9) for i in rows],
                          "rejected": [f"bad {i}" for i in rows]})  # fmt: skip
    frame.write_parquet(tmp_path / PATH)
    first = tmp_path / "first"
    first.mkdir()
    frame.head(200).write_parquet(first / PATH)
    whole = finish(read(tmp_path / PATH))
    begun = finish(read(first / PATH))
    object.__setattr__(begun, "path", whole.path)
    return begun, whole


@pytest.fixture
def begun(window: Window, datasets: tuple[Dataset, Dataset], settle: Settle) -> Data:
    """The Data pane with the first records."""
    window.desk.show_dataset(datasets[0], keep(datasets[0]), None, Partial(200, 900))
    window.show_pane("data")
    settle(window)
    pane = window.panes["data"]
    assert isinstance(pane, Data)
    return pane


def test_that_first_records_are_marked_and_make_no_claim(window: Window, begun: Data) -> None:
    assert begun.header.headline.text == "Preview: the first 200 of 900 records."
    assert begun.preview.isVisible() and not begun.export.isVisible() and not begun.quality.isVisible()
    assert "first 200 pairs" in window.topbar.dataset.accessibleName()
    assert len(begun.rows.rows) == 200


def test_that_what_needs_all_pairs_waits_with_a_reason(window: Window, begun: Data) -> None:
    why = "Only the first 200 of 900 records are read: reading goes on."
    for name, button in window.rail.buttons.items():
        assert button.reason == ("" if name == "data" else why), name
    for name in ("train_or_pause", "export_pairs", "load_head", "take_sample"):
        assert why_not(COMMANDS[name], window.desk.state) == why, name
    window.show_pane("length_style")
    assert window.panes["length_style"].empty.sentence.text() == why
    assert not window.panes["length_style"].empty.button.isVisible()
    assert PANES["welcome"].why_not_now(window.desk.state) == ""
    window.desk.marks.put(3, star=True)
    assert not window.desk.state.marks and "when all pairs are read" in window.notice.text.text()
    problems: list[Problem] = []
    window.desk.problem.connect(problems.append)
    window.desk.training.start()
    assert window.desk.training.live is None and problems[0].what == why.rstrip(".")


def test_that_selection_focus_filter_and_place_go_on(
        window: Window, begun: Data, datasets: tuple[Dataset, Dataset], settle: Settle, wait_until: Wait) -> None:
    desk = window.desk
    desk.set_query("chosen:good")
    desk.select_rows(np.array([50, 60]), origin="chosen in Data")
    desk.look_at(120)
    settle(window)
    bar = begun.table.verticalScrollBar()
    bar.setValue(bar.value() + 700)
    place = bar.value()
    assert place > 0
    desk.show_dataset(datasets[1], keep(datasets[1]))
    settle(window)
    wait_until(lambda: begun.settled and desk.state.query == "chosen:good")
    assert desk.state.partial is None and not begun.preview.isVisible() and begun.export.isVisible()
    assert len(begun.rows.rows) == 900 and bar.value() == place
    assert desk.state.focus == 120 and np.flatnonzero(desk.state.selection.mask).tolist() == [50, 60]
    assert "longer" in begun.header.headline.text


def test_that_the_whole_wins_where_it_is_read_otherwise(
        window: Window, begun: Data, datasets: tuple[Dataset, Dataset], settle: Settle) -> None:
    window.desk.select_rows(np.array([50]))
    whole = datasets[1]
    object.__setattr__(whole, "pairs", whole.pairs.with_columns(pl.col("record") + 1))
    window.desk.show_dataset(whole, keep(whole))
    settle(window)
    assert window.desk.state.selection.mask is None and window.desk.state.focus == 0


def test_that_a_large_file_is_shown_twice_and_cancelled_or_not(
        window: Window, tmp_path: Path, home: Path, datasets: tuple[Dataset, Dataset], wait_until: Wait,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk's part, with the worker's messages played to it: first records, then a cancel, then all of it."""
    desk, path = window.desk, str(tmp_path / PATH)
    orders: list[dict[str, object]] = []

    def order(*given: object, **more: object) -> Run:
        orders.append(more)
        return Run("Opening", print, print)

    monkeypatch.setattr(desk.jobs, "order", order)
    desk.open([path])
    folder = home / "cache" / "previews" / "one"
    datasets[0].save(folder)
    each, cancelled = orders[0]["each"], orders[0]["cancelled"]
    assert callable(each) and callable(cancelled)
    each(Progress(0, 0, "reading", Begun(str(folder), 900)))
    wait_until(lambda: desk.state.partial is not None)
    assert not folder.exists() and desk.opening.run is not None and desk.project.recent(1) == ()
    cancelled()
    assert desk.state.partial == Partial(200, 900, "reading was cancelled") and desk.opening.run is None
    pane = window.panes["data"]
    assert isinstance(pane, Data)
    assert pane.preview.button.text() == "Read the rest"
    assert "Reading was cancelled" in pane.preview.accessibleName()
    assert window.rail.buttons["train"].reason == "Only the first 200 of 900 records are read: reading was cancelled."
    QTest.mouseClick(pane.preview.button, Qt.MouseButton.LeftButton)
    assert len(orders) == 2
    done = orders[1]["done"]
    assert callable(done)
    done(str(keep(datasets[1])))
    wait_until(lambda: desk.state.partial is None)
    assert len(desk.state.dataset or ()) == 900 and desk.project.recent(1)[0].pairs == 900
    orders[1]["each"](Progress(0, 0, "", Begun(str(folder), 900)))  # type: ignore[operator]
    wait_until(lambda: not desk.jobs.runs)
    assert desk.state.partial is None


def test_that_very_many_pairs_are_browsed_whole_and_sampled_for_the_rest(
        window: Window, datasets: tuple[Dataset, Dataset], settle: Settle, wait_until: Wait,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "MOST_PAIRS", 500)
    whole = datasets[1]
    window.desk.show_dataset(whole, keep(whole))
    window.show_pane("data")
    settle(window)
    pane = window.panes["data"]
    assert isinstance(pane, Data) and len(pane.rows.rows) == 900
    assert window.rail.buttons["train"].reason == window.desk.state.waits != ""
    window.show_pane("train")
    assert window.panes["train"].empty.button.text() == "Take a sample"
    monkeypatch.setattr(openings, "SAMPLED", 300)
    monkeypatch.setattr(opening, "sampled", lambda dataset: sampled(dataset, 300))
    QTest.mouseClick(window.panes["train"].empty.button, Qt.MouseButton.LeftButton)
    wait_until(lambda: len(window.desk.state.dataset or ()) == 300)
    assert window.desk.state.waits == window.rail.buttons["train"].reason == ""
    assert "300 pairs at random" in window.topbar.dataset.accessibleName()


def test_that_a_large_dataset_comes_back_in_a_thread_and_a_half_read_one_is_read_again(
        window: Window, tmp_path: Path, datasets: tuple[Dataset, Dataset], wait_until: Wait,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_datasets, "LARGE", 100)
    folder = tmp_path / "kept"
    datasets[1].save(folder)
    assert Dataset.is_large(folder)
    reopen(window, {"dataset": str(folder), "source": str(tmp_path / PATH), "query": "good", "focus": 7, "pane": "data"})
    assert window.desk.state.dataset is None
    wait_until(lambda: window.desk.state.query == "good")
    assert len(window.desk.state.dataset or ()) == 900 and window.desk.state.focus == 7
    read: list[list[str]] = []
    monkeypatch.setattr(window.desk, "open", read.append)
    reopen(window, {"dataset": "", "source": str(tmp_path / PATH)})
    (folder / "pairs.arrow").unlink()
    reopen(window, {"dataset": str(folder), "source": str(tmp_path / PATH)})
    wait_until(lambda: len(read) == 2)
    assert read == [[str(tmp_path / PATH)]] * 2
