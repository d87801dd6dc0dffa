"""The Data pane, by mouse and by keyboard, on real pairs and on a small file with sources, scores and faults."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QTableView

from rmexplorer.app.commands import COMMANDS
from rmexplorer.data.convert import KINDS
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.facets import Categories, Histogram
from rmexplorer.data.layouts import LAYOUTS
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.data.people import people
from rmexplorer.data.query import matching
from rmexplorer.gui.export_form import ExportForm
from rmexplorer.gui.facets import CategoryFacet, NumberFacet
from rmexplorer.gui.panes.data import Data, read_as
from rmexplorer.gui.summary import facts, summarise
from rmexplorer.gui.theme import themes
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.workflows.columns import columns, run
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.opening import open_files

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # popups of the offscreen screen
Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]


def write(path: Path, count: int = 120) -> Path:
    """A preference file: sources alpha, beta and "two words", a score, identical responses and a broken line."""
    lines = []
    for i in range(count):
        lines.append(
            json.dumps(
                {
                    "prompt": f"question {i}?",
                    "chosen": "good " * (1 + i % 40),
                    "rejected": "bad " * (1 + (i * 7) % 50),
                    "source": ("alpha", "beta", "two words")[0 if i % 2 else 1 if i % 4 else 2],
                    "difficulty": i / 10,
                }
            )
        )
    if count > 10:
        lines.insert(5, "{broken")
        lines.insert(
            9, json.dumps({"prompt": "same", "chosen": "x", "rejected": "x", "source": "alpha", "difficulty": 0.0})
        )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def show(window: Window, path: Path, settle: Settle) -> Data:
    """Show a file in the Data pane."""
    folder = Path(finish(open_files([str(path)])))
    window.desk.show_dataset(Dataset.open(folder), folder)
    window.show_pane("data")
    settle(window)
    made = window.panes["data"]
    assert isinstance(made, Data)
    return made


@pytest.fixture
def small(window: Window, tmp_path: Path, settle: Settle) -> Data:
    """The pane with the small file."""
    return show(window, write(tmp_path / "small.jsonl"), settle)


@pytest.fixture
def real(window: Window, trained: Any) -> Data:
    """The pane with HH harmless-base and its head."""
    trained.show(window, "data")
    made = window.panes["data"]
    assert isinstance(made, Data)
    return made


def click_row(pane: Data, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> int:
    """Click a row; returns its pair."""
    place = pane.table.visualRect(pane.rows.index(row, 1)).center()
    QTest.mouseClick(pane.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)
    return int(pane.rows.rows[row])


def press_value(pane: Data, column: str, name: str) -> None:
    """Press a value of a facet."""
    found = pane.facets.facets[column]
    assert isinstance(found, CategoryFacet)
    row = next(row for row in found.bars.rows if row.text() == name)
    QTest.mouseClick(row, Qt.MouseButton.LeftButton)


def choose_view(pane: Data, view: str) -> None:
    """Press a segment of the switch."""
    switch = pane.pairs.switch
    QTest.mouseClick(switch.group.button(switch.keys.index(view)), Qt.MouseButton.LeftButton)


def test_that_without_a_dataset_the_pane_says_what_to_do(window: Window) -> None:
    window.show_pane("data")
    assert Data.why_empty(window.desk.state) == "Open a dataset first."
    assert window.pane("data").empty.button.text() == "Open the demo"


def test_that_the_headline_is_that_of_the_analysis(real: Data) -> None:
    dataset = real.desk.state.dataset
    assert dataset is not None
    card = run("dataset_card", columns(dataset))
    assert real.header.headline.text == card.headline()
    assert card.headline().startswith("2,312 usable pairs")
    said = real.header.method_label.text()
    assert dataset.name in said and read_as(dataset) in said and "4 empty responses" in said
    assert dataset.why in real.header._formula


def test_that_all_pairs_are_listed_and_a_filter_keeps_its_own(real: Data, window: Window, settle: Settle) -> None:
    assert real.rows.rows.tolist() == list(range(2312))
    window.desk.set_query("words>100 margin<0")
    settle(window)
    frame = window.desk.state.frame
    assert frame is not None
    expected = np.flatnonzero((frame["words"] > 100).to_numpy() & (frame["margin"] < 0).to_numpy())
    assert real.rows.rows.tolist() == expected.tolist()
    assert real.pairs.subtitle_label.text() == f"{len(expected):,} match, in the order of the file"
    assert real.header.headline.text.startswith("2,312 usable pairs")


def test_that_facets_count_what_the_filter_keeps(real: Data, window: Window, settle: Settle) -> None:
    window.desk.set_query("length_ratio<0.5")
    settle(window)
    mask = window.desk.state.matching
    assert mask is not None
    for one in real.result.facets:
        counts = real.result.counts[one.column]
        frame = window.desk.filter_frame()
        if isinstance(one, Categories):
            kept = frame.filter(pl.Series(mask))[one.column].cast(pl.String).replace({"true": "yes", "false": "no"})
            assert counts.tolist() == [int((kept == name).sum()) for name in one.names]
        else:
            assert isinstance(one, Histogram) and counts.sum() == mask.sum()
    assert {"words", "margin", "length_ratio", "wrong", "heldout"} <= set(real.facets.facets)


def test_that_pressing_values_writes_tokens_and_takes_them_back(small: Data, window: Window, settle: Settle) -> None:
    desk = window.desk
    press_value(small, "source", "beta")
    settle(window)
    assert desk.state.query == "source:beta"
    press_value(small, "source", "two words")
    settle(window)
    assert desk.state.query == 'source:beta,"two words"'
    frame = desk.state.frame
    assert frame is not None
    assert small.rows.rows.tolist() == np.flatnonzero(frame["source"].is_in(["beta", "two words"]).to_numpy()).tolist()
    assert window.topbar.filter.tokens() == ['source:beta,"two words"']
    for name in ("beta", "two words"):
        press_value(small, "source", name)
        settle(window)
    assert desk.state.query == "" and len(small.rows.rows) == len(frame)


def test_that_dragging_a_histogram_writes_a_range(
    small: Data, window: Window, settle: Settle, wait_until: Wait
) -> None:
    found = small.facets.facets["words"]
    assert isinstance(found, NumberFacet)
    histogram = found.histogram
    y = histogram.height() // 2
    QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=QPoint(2, y))
    QTest.mouseMove(histogram, QPoint(40, y))
    QTest.mouseMove(histogram, QPoint(round(histogram.x_of(20.0)), y))
    QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=QPoint(round(histogram.x_of(20.0)), y))
    wait_until(lambda: window.desk.state.query.startswith("words>"))
    settle(window)
    low = float(window.desk.state.query.removeprefix("words>"))
    assert 18 <= low <= 22
    frame = window.desk.state.frame
    assert frame is not None and len(small.rows.rows) == int((frame["words"] > low).sum())
    assert histogram.low == low and math.isinf(histogram.high)
    QTest.mouseClick(small.facets.clear, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.query == "" and math.isinf(histogram.low) and not small.facets.clear.isVisible()


def test_that_a_click_looks_and_shift_selects_exactly_those(real: Data, window: Window, settle: Settle) -> None:
    desk = window.desk
    real.set_sort("margin", False)
    settle(window)
    pair = click_row(real, 2)
    assert desk.state.focus == pair and desk.state.selection.mask is None
    click_row(real, 4, Qt.KeyboardModifier.ShiftModifier)
    assert desk.state.selection.mask is not None
    assert set(np.flatnonzero(desk.state.selection.mask)) == set(real.rows.rows[2:5].tolist())
    click_row(real, 3, Qt.KeyboardModifier.ControlModifier)
    assert set(np.flatnonzero(desk.state.selection.mask)) == set(real.rows.rows[[2, 4]].tolist())
    assert real.rows.selected is desk.state.selection.mask


def test_that_next_follows_the_order_of_the_list(real: Data, window: Window, settle: Settle) -> None:
    real.set_sort("margin", True)
    settle(window)
    rows = real.rows.rows
    window.desk.look_at(int(rows[0]))
    window.desk.step(1)
    assert window.desk.state.focus == rows[1]
    margins = window.desk.state.frame["margin"].gather(rows).to_numpy()
    assert np.all(np.diff(margins) <= 0)
    assert real.table.currentIndex().row() == 1


def test_that_keys_walk_star_and_open(real: Data, window: Window, settle: Settle) -> None:
    window.inspector.set_open(False)
    real.table.setFocus()
    QTest.keyClick(real.table, Qt.Key.Key_J)
    QTest.keyClick(real.table, Qt.Key.Key_J)
    assert window.desk.state.focus == 2
    QTest.keyClick(real.table, Qt.Key.Key_Space)
    settle(window)
    assert window.desk.state.marks[2].star and real.rows.marks[2].star
    QTest.keyClick(real.table, Qt.Key.Key_Return)
    assert window.inspector.is_open


def test_that_stars_can_be_filtered_and_leave_the_list_with_their_star(
    small: Data, window: Window, settle: Settle
) -> None:
    window.desk.marks.put(7, star=True)
    window.desk.marks.put(9, star=True)
    settle(window)
    press_value(small, "starred", "yes")
    settle(window)
    assert small.rows.rows.tolist() == [7, 9]
    window.desk.marks.put(9, star=False)
    settle(window)
    assert small.rows.rows.tolist() == [7]


def test_that_headers_and_the_menu_sort(real: Data, window: Window, settle: Settle) -> None:
    words = window.desk.state.frame["words"]
    real.table.sorted_by.emit("words")
    settle(window)
    assert real.sort == ("words", True) and np.all(np.diff(words.gather(real.rows.rows).to_numpy()) <= 0)
    real.table.sorted_by.emit("words")
    settle(window)
    assert real.sort == ("words", False) and np.all(np.diff(words.gather(real.rows.rows).to_numpy()) >= 0)
    assert real.pairs.subtitle_label.text().endswith("shortest first")
    assert ("certainty", False, "Least sure first") in real.pairs.sort_choices()


def test_that_without_rewards_nothing_is_sorted_by_margin(small: Data) -> None:
    assert not any(key in ("margin", "certainty") for key, _, _ in small.pairs.sort_choices())
    assert small.table.isColumnHidden(5)


def test_that_cards_and_summary_show_the_same_pairs(small: Data, window: Window, settle: Settle) -> None:
    choose_view(small, "cards")
    settle(window)
    assert small.table.cards and small.table.isVisible()
    choose_view(small, "summary")
    settle(window)
    state = window.desk.state
    assert state.dataset is not None and state.frame is not None
    card = run("dataset_card", columns(state.dataset))
    assert small.result.summary.card == card
    names = [row.name for row in small.pairs.summary.forest.model.rows]
    assert names == [source.name for source in card.sources] and len(names) == 3
    window.desk.set_query("source:beta")
    settle(window)
    kept = run("dataset_card", columns(state.dataset).take(matching(state.frame, "source:beta")))
    assert small.result.summary.card.pairs == kept.pairs == 30
    choose_view(small, "table")
    assert small.table.isVisible() and not small.table.cards


def test_that_a_source_opened_in_the_summary_filters(small: Data, window: Window, settle: Settle) -> None:
    choose_view(small, "summary")
    settle(window)
    small.pairs.summary.forest.rowActivated.emit(0)
    settle(window)
    assert window.desk.state.query == "source:alpha"


def test_that_lengths_in_the_summary_are_counted_once_each(small: Data) -> None:
    state = small.desk.state
    assert state.dataset is not None and state.frame is not None
    summary = summarise(state.dataset, state.frame, run("dataset_card", columns(state.dataset)), None)
    assert summary.chosen.sum() == summary.rejected.sum() == len(state.dataset)
    assert dict(summary.reasons) == {"identical responses": 1, "bad record": 1}
    assert any("skipped" in line.lower() for line in facts(summary))


def test_that_what_was_skipped_is_listed_with_its_reason(small: Data, qapp: QApplication) -> None:
    assert small.skipped.isVisible() and small.skipped.text() == "Skipped (2)"
    QTest.mouseClick(small.skipped, Qt.MouseButton.LeftButton)
    assert small.popover is not None
    view = small.popover.findChild(QTableView)
    assert view is not None
    model = view.model()
    said = {model.index(row, column).data() for row in range(model.rowCount()) for column in range(model.columnCount())}
    assert {"identical responses", "bad record"} <= said and "6" in said
    small.popover.close()
    qapp.processEvents()


def test_that_warnings_show_where_there_are_some(small: Data, window: Window, qapp: QApplication) -> None:
    dataset = window.desk.state.dataset
    assert dataset is not None
    assert small.warnings.isVisible() == bool(dataset.warnings)
    if dataset.warnings:
        QTest.mouseClick(small.warnings, Qt.MouseButton.LeftButton)
        assert small.popover is not None
        small.popover.close()


def test_that_export_asks_where_to(small: Data, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(window, "choose_layout", lambda pairs: asked.append((pairs,)) or "openrlhf")
    monkeypatch.setattr(window, "choose_save", lambda *said: asked.append(said) or "")
    QTest.mouseClick(small.export, Qt.MouseButton.LeftButton)
    assert asked == [("120\xa0pairs in all",), ("Export pairs", "pairs.jsonl", "OpenRLHF (*.jsonl)")]


def test_that_export_says_which_pairs_and_writes_the_layout_that_was_chosen(
    small: Data, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Wait
) -> None:
    desk = window.desk
    assert desk.state.dataset is not None
    desk.set_query("source:alpha")
    assert desk.to_export() == f"{int((desk.state.dataset.extras['source'] == 'alpha').sum())}\xa0pairs that pass the filter"
    mask = np.arange(len(desk.state.dataset)) < 7
    desk.select(mask)
    assert desk.to_export() == "7\xa0pairs selected"
    form = ExportForm(desk.to_export(), window)
    assert form.kind == "" and "margin where there is one" in form.sentence.text()
    form.layouts.set_current("csv")
    form._said("csv")
    assert "spreadsheet" in form.sentence.text()
    QTest.mouseClick(form.choose, Qt.MouseButton.LeftButton)
    assert form.kind == "csv"
    out = tmp_path / "written.jsonl"
    out.write_text("old")
    answers, asked = [False, True], []
    monkeypatch.setattr(window, "choose_layout", lambda pairs: "openrlhf")
    monkeypatch.setattr(window, "choose_save", lambda *_: str(out.with_suffix("")))
    monkeypatch.setattr(window, "confirm", lambda *said: asked.append(said) or answers.pop(0))
    COMMANDS["export_pairs"].run(desk)
    assert out.read_text() == "old" and asked[0][0] == "written.jsonl is there already."
    COMMANDS["export_pairs"].run(desk)
    wait_until(lambda: out.read_text() != "old")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 7 and all(set(line) == {"prompt", "chosen", "rejected", "margin"} for line in lines)


def test_that_every_layout_of_convert_can_be_chosen_and_is_named() -> None:
    assert set(LAYOUTS) == set(KINDS) and all(layout.sentence.endswith(".") for layout in LAYOUTS.values())


def test_that_pairs_left_out_are_not_exported(small: Data, window: Window, tmp_path: Path, wait_until: Wait) -> None:
    desk = window.desk
    assert desk.state.dataset is not None
    mask = np.zeros(len(desk.state.dataset), dtype=bool)
    mask[:6] = True
    desk.select(mask)
    desk.exclude(mask & (np.arange(len(mask)) < 4))
    desk.export_pairs(str(tmp_path / "some.jsonl"))
    wait_until(lambda: (tmp_path / "some.jsonl").exists())
    decided = ~desk.state.dataset.tie[4:6]
    assert len((tmp_path / "some.jsonl").read_text().splitlines()) == decided.sum()
    desk.exclude(mask)
    said: list[str] = []
    desk.problem.connect(lambda problem: said.append(str(problem)))
    desk.export_pairs(str(tmp_path / "none.jsonl"))
    assert "left out" in said[0]


def test_that_a_menu_over_a_row_acts_on_it(small: Data, window: Window, settle: Settle) -> None:
    small.table.asked.emit(3, QPoint(10, 10))
    menu = next(child for child in small.findChildren(QMenu) if child.accessibleName() == "Pair 4")
    named = {action.text(): action for action in menu.actions()}
    named["Add to the selection"].trigger()
    assert window.desk.state.selection.mask is not None and np.flatnonzero(
        window.desk.state.selection.mask
    ).tolist() == [3]
    named["Filter to alpha"].trigger()
    settle(window)
    assert window.desk.state.query == "source:alpha"
    menu.close()


def test_that_a_filter_without_pairs_says_so_and_can_be_cleared(small: Data, window: Window, settle: Settle) -> None:
    window.desk.set_query("words>5000")
    settle(window)
    assert small.pairs.pages.currentWidget() is small.pairs.empty
    assert small.pairs.empty.sentence.text() == "No pair passes this filter."
    QTest.mouseClick(small.pairs.empty.button, Qt.MouseButton.LeftButton)
    settle(window)
    assert window.desk.state.query == "" and small.pairs.pages.currentWidget() is small.pairs.content


def test_that_a_bad_token_is_named_in_the_field_and_the_old_filter_stays(
    small: Data, window: Window, settle: Settle
) -> None:
    window.desk.set_query("source:beta")
    settle(window)
    field = window.topbar.filter
    field.setFocus()
    QTest.keyClicks(field.edit, "wrods>3")
    QTest.keyClick(field.edit, Qt.Key.Key_Return)
    settle(window)
    assert "wrods" in field.message and "words" in field.message
    assert window.desk.state.query == "source:beta" and len(small.rows.rows) == 30


def test_that_tab_completes_columns_and_values(small: Data, window: Window, settle: Settle) -> None:
    field = window.topbar.filter
    field.setFocus()
    QTest.keyClicks(field.edit, "sour")
    QTest.keyClick(field.edit, Qt.Key.Key_Tab)
    assert field.edit.text() == "source:"
    QTest.keyClicks(field.edit, "be")
    QTest.keyClick(field.edit, Qt.Key.Key_Tab)
    settle(window)
    assert window.desk.state.query == "source:beta"


def test_that_text_is_found_in_prompts_and_responses(small: Data, window: Window, settle: Settle) -> None:
    window.desk.set_query('"question 11"')
    settle(window)
    assert small.rows.rows.tolist() == [11, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119]


def test_that_three_pairs_are_shown_and_called_too_few(window: Window, tmp_path: Path, settle: Settle) -> None:
    pane = show(window, write(tmp_path / "three.jsonl", 3), settle)
    assert len(pane.rows.rows) == 3
    assert pane.header.headline.text.startswith("Too few pairs to say")
    choose_view(pane, "summary")
    settle(window)
    assert pane.result.summary.card.pairs == 3


def test_that_another_dataset_takes_the_place_of_the_first(
    small: Data, window: Window, trained: Any, settle: Settle
) -> None:
    small.set_sort("words", True)
    window.desk.set_query("source:beta")
    settle(window)
    trained.show(window, "data")
    assert window.desk.state.query == "" and len(small.rows.rows) == 2312
    assert "source" not in small.facets.facets and small.header.headline.text.startswith("2,312")
    assert np.array_equal(window.desk.order, small.rows.rows)


def test_that_a_failure_is_shown_and_the_pane_goes_on(
    small: Data, window: Window, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no order")

    monkeypatch.setattr(small._facts.orders, "rows", broken)
    small.set_sort("words", False)
    settle(window)
    assert small.error.isVisible() and "no order" in small.error.text.text()
    monkeypatch.undo()
    small.set_sort("pair", False)
    settle(window)
    assert not small.error.isVisible() and len(small.rows.rows) == 120


def test_that_old_rows_are_greyed_while_new_ones_take_long(small: Data) -> None:
    small._waiting = True
    small.show_waiting()
    assert small.pairs.is_stale() and "before the change" in small.header.headline.text
    small._waiting = False
    small.set_stale(False)
    assert not small.pairs.is_stale()


def test_that_the_theme_changes_all_of_it(small: Data, window: Window, qapp: QApplication, settle: Settle) -> None:
    for view in ("table", "cards", "summary"):
        choose_view(small, view)
        settle(window)
        for theme in ("dark", "light"):
            window.set_theme(theme)
            qapp.processEvents()
            image = small.pairs.grab().toImage()
            assert image.pixelColor(image.width() // 2, 6).name() == themes.colors.surface.lower()


def test_that_votes_are_counted(shared: Path) -> None:
    folder = Path(finish(open_files([str(shared / "data/formats/multipref.jsonl")])))
    dataset = Dataset.open(folder)
    found = people(dataset)
    by_pair: dict[int, list[int]] = {}
    for pair, choice in dataset.votes.select("pair", "choice").iter_rows():
        by_pair.setdefault(pair, []).append(choice)
    several = [choices for choices in by_pair.values() if len(choices) > 1]
    assert found.votes == dataset.votes.height and found.several == len(several)
    assert people(dataset, np.zeros(len(dataset), bool)).votes == 0
    if several:
        assert found.unanimous.value == pytest.approx(sum(len(set(choices)) == 1 for choices in several) / len(several))


def test_that_annotators_agreeing_are_a_facet(window: Window, settle: Settle) -> None:
    pane = show(window, demo_path(), settle)
    dataset, frame = window.desk.state.dataset, window.desk.state.frame
    assert dataset is not None and frame is not None
    choices: dict[int, list[int]] = {}
    for pair, choice in dataset.votes.select("pair", "choice").iter_rows():
        choices.setdefault(pair, []).append(choice)
    expected = [
        f"{votes.count(int(dataset.winner[pair]))} of {len(votes)}" if len(votes) > 1 else None
        for pair, votes in ((pair, choices.get(pair, [])) for pair in range(len(dataset)))
    ]
    assert frame["annotators"].to_list() == expected
    press_value(pane, "annotators", "2 of 3")
    settle(window)
    assert window.desk.state.query == 'annotators:"2 of 3"'
    assert pane.rows.rows.tolist() == [pair for pair, said in enumerate(expected) if said == "2 of 3"]


def test_that_pairs_are_sorted_by_any_feature_and_any_column_of_numbers(
    window: Window, tmp_path: Path, settle: Callable[[Window], None], wait_until: Wait
) -> None:
    rows = [{"prompt": f"q {n}", "chosen": "a plain answer " + "perhaps " * ((n * 7) % 11), "rejected": "no, maybe" * (n % 2),
             "quality": (n * 3) % 10} for n in range(10)]  # fmt: skip
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = Path(finish(open_files([str(file)])))
    window.desk.show_dataset(Dataset.open(folder), folder)
    window.desk.measure_own((OwnFeature("answers", "words", "answer, no"),))
    window.show_pane("data")
    settle(window)
    pane = window.panes["data"]
    assert isinstance(pane, Data)
    assert pane.pairs._number_columns() == ("quality",) and {"hedges", "sentences", "answers"} <= set(pane.pairs.features)
    pane.set_sort("column:quality", True)
    settle(window)
    assert [(int(row) * 3) % 10 for row in pane.result.rows] == list(range(9, -1, -1))
    pane.pairs._sort_menu()
    menu = next(menu for menu in pane.pairs.findChildren(QMenu) if menu.accessibleName() == "Sort pairs")
    parts = {part.title(): {action.text(): action for action in part.actions()} for part in menu.findChildren(QMenu)}
    assert list(parts) == ["Feature of a response", "Feature, chosen \u2212 rejected", "Number column"]
    assert parts["Number column"]["Quality"].isChecked() and "Answers" in parts["Feature of a response"]
    parts["Feature of a response"]["Hedges"].trigger()
    menu.close()
    wait_until(lambda: pane.sort == ("most:hedges", True))
    settle(window)
    counts = [(int(row) * 7) % 11 or int(row) % 2 for row in pane.result.rows]
    assert counts == sorted(counts, reverse=True) and "Hedges: highest first" in pane.pairs._said
    assert pane.rows.headerData(3, Qt.Orientation.Horizontal) == "Hedges"
    assert pane.table.verticalScrollBar().value() == 0
    pane.pairs._header_pressed("most:hedges")
    settle(window)
    assert pane.result.rows.tolist()[-1] == int(np.argmax([(n * 7) % 11 for n in range(10)]))
    pane.set_sort("gap:answers", True)
    wait_until(lambda: pane.sort == ("gap:answers", True))
    settle(window)
    assert [1 - int(row) % 2 for row in pane.result.rows] == [1] * 5 + [0] * 5
    window.desk.measure_own(())
    settle(window)
    assert pane.result.sort == ("pair", False), "a feature that is gone sorts nothing"
