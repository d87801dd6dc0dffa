"""The list of pairs: orders, rows read when they are painted, keys, clicks, and a table of any length."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rmexplorer.gui.pair_delegates import lines
from rmexplorer.gui.pair_table import PairTable
from rmexplorer.gui.table import (
    COLUMNS,
    FrameModel,
    Orders,
    PairModel,
    frame_view,
    order_said,
    ratio_text,
    sort_values,
)
from rmexplorer.gui.theme import themes
from rmexplorer.project import Mark

PAIRS = 200


def frame_of(count: int, rewards: bool = True) -> pl.DataFrame:
    """A frame as `pair_frame` makes it."""
    number = np.arange(count)
    columns: dict[str, Any] = {
        "pair": number.astype(np.uint32),
        "prompt": [
            f"\n\nHuman: first\n\nAssistant: x\n\nHuman: question {i} " + "word " * 40 + "\n\nAssistant:"
            for i in number
        ],
        "chosen": [f"good {i}" for i in number],
        "rejected": [f"bad {i}" for i in number],
        "tie": number % 50 == 49,
        "words": (number * 7) % 101,
        "words_chosen": (number * 7) % 101,
        "words_rejected": number % 13,
        "length_ratio": 0.1 + (number % 17) / 4,
        "source": [("alpha", "beta")[i % 2] for i in number],
    }
    if rewards:
        columns["margin"] = np.where(number % 40 == 39, np.nan, np.sin(number))
    return pl.DataFrame(columns)


@pytest.fixture
def table(qapp: QApplication) -> Any:
    """A table of 200 pairs in sight."""
    themes.apply(qapp, "light")
    model = PairModel()
    made = PairTable(model)
    made.resize(640, 420)
    made.show()
    frame = frame_of(PAIRS)
    model.show(frame, np.arange(PAIRS, dtype=np.uint32), ("pair", False), 1.0)
    qapp.processEvents()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def click(table: PairTable, row: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    place = table.visualRect(table.pairs.index(row, 1)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifiers, place)


@pytest.mark.parametrize("key", ["words", "length_ratio", "pair"])
@pytest.mark.parametrize("descending", [False, True])
def test_that_orders_sort_and_keep_the_filter(key: str, descending: bool) -> None:
    frame, orders = frame_of(PAIRS), Orders()
    mask = frame["source"].to_numpy() == "alpha"
    rows = orders.rows(frame, mask, key, descending)
    expected = sorted(np.flatnonzero(mask), key=lambda row: frame[key][int(row)], reverse=descending)
    assert frame[key].gather(rows).to_list() == [frame[key][int(row)] for row in expected]
    assert sorted(rows.tolist()) == np.flatnonzero(mask).tolist()


def test_that_pairs_without_a_margin_and_ties_stand_last_both_ways() -> None:
    frame, orders = frame_of(PAIRS), Orders()
    last = np.flatnonzero(np.isnan(frame["margin"].to_numpy()) | frame["tie"].to_numpy())
    for descending in (False, True):
        rows = orders.rows(frame, None, "margin", descending)
        assert set(rows[-len(last) :].tolist()) == set(last.tolist())
        known = frame["margin"].gather(rows[: -len(last)]).to_numpy()
        assert np.all(np.diff(known) <= 0 if descending else np.diff(known) >= 0)
    certain = np.abs(frame["margin"].gather(orders.rows(frame, None, "certainty", False)[:20]).to_numpy())
    assert np.all(np.diff(certain) >= 0)


def test_that_a_new_frame_is_sorted_anew() -> None:
    orders, frame = Orders(), frame_of(10)
    orders.rows(frame, None, "words", False)
    turned = frame.with_columns(words=-pl.col("words"))
    assert (
        orders.rows(turned, None, "words", False).tolist()
        == np.argsort(turned["words"].to_numpy(), kind="stable").tolist()
    )


def test_that_a_row_shows_the_last_turn_and_both_responses(table: PairTable) -> None:
    row = table.pairs.row(3)
    assert row.prompt.startswith("question 3 word") and "Assistant" not in row.prompt and "\n" not in row.prompt
    said = table.pairs.data(table.pairs.index(3, 0), Qt.ItemDataRole.AccessibleTextRole)
    assert "Pair: 4" in said and "Chosen: good 3" in said and "Rejected: bad 3" in said and "Margin: +0.14" in said
    assert "First: good 49" in table.pairs.data(table.pairs.index(49, COLUMNS.index("responses")))


def test_that_rows_in_sight_alone_are_read(table: PairTable, qapp: QApplication) -> None:
    many = frame_of(100_000)
    read: list[int] = []
    inner = table.pairs._row
    table.pairs._row = lambda pair: (read.append(pair), inner(pair))[1]
    table.pairs.show(many, np.arange(100_000, dtype=np.uint32)[::-1], ("pair", True), 1.0)
    qapp.processEvents()
    table.scrollTo(table.pairs.index(70_000, 0))
    qapp.processEvents()
    assert 0 < len(set(read)) < 60
    assert 100_000 - 1 - 70_000 in read


def test_that_keys_walk_open_and_star(table: PairTable) -> None:
    looked, opened, starred = [], [], []
    table.looked.connect(looked.append)
    table.opened.connect(opened.append)
    table.starred.connect(starred.append)
    table.show_focus(0)
    assert looked == []
    for key in (
        Qt.Key.Key_J,
        Qt.Key.Key_Down,
        Qt.Key.Key_K,
        Qt.Key.Key_End,
        Qt.Key.Key_J,
        Qt.Key.Key_Up,
        Qt.Key.Key_Home,
    ):
        QTest.keyClick(table, key)
    assert looked == [1, 2, 1, PAIRS - 1, PAIRS - 2, 0]
    QTest.keyClick(table, Qt.Key.Key_Space)
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert (starred, opened) == ([0], [0])


def test_that_keys_follow_the_order_of_the_rows(table: PairTable) -> None:
    looked: list[int] = []
    table.looked.connect(looked.append)
    table.pairs.show(table.pairs.frame, np.array([9, 4, 7], np.uint32), ("words", False), 1.0)
    table.show_focus(9)
    QTest.keyClick(table, Qt.Key.Key_J)
    QTest.keyClick(table, Qt.Key.Key_J)
    assert looked == [4, 7]


def test_that_a_click_looks_and_with_keys_selects(table: PairTable) -> None:
    looked: list[int] = []
    picked: list[tuple[list[int], Qt.KeyboardModifier]] = []
    table.looked.connect(looked.append)
    table.picked.connect(lambda rows, how: picked.append((list(rows), how)))
    click(table, 1)
    click(table, 4, Qt.KeyboardModifier.ShiftModifier)
    assert looked == [1]
    assert picked == [([1, 2, 3, 4], Qt.KeyboardModifier.NoModifier)]
    click(table, 2, Qt.KeyboardModifier.ControlModifier)
    assert picked[-1] == ([2], Qt.KeyboardModifier.ShiftModifier)
    table.pairs.selected = np.arange(PAIRS) == 2
    click(table, 2, Qt.KeyboardModifier.ControlModifier)
    assert picked[-1] == ([2], Qt.KeyboardModifier.AltModifier)


def test_that_shift_and_j_select_a_range(table: PairTable) -> None:
    picked: list[list[int]] = []
    table.picked.connect(lambda rows, how: picked.append(list(rows)))
    table.show_focus(2)
    for _ in range(2):
        QTest.keyClick(table, Qt.Key.Key_J, Qt.KeyboardModifier.ShiftModifier)
    assert picked == [[2, 3], [2, 3, 4]]


def test_that_headers_sort_where_that_means_something(table: PairTable) -> None:
    asked: list[str] = []
    table.sorted_by.connect(asked.append)
    header = table.horizontalHeader()
    for name in ("words", "prompt", "margin"):
        place = header.sectionViewportPosition(COLUMNS.index(name)) + 20
        QTest.mouseClick(
            header.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(place, 12)
        )
    assert asked == ["words", "margin"]


def test_that_columns_fit_every_width(table: PairTable, qapp: QApplication) -> None:
    for width in (300, 480, 640, 900):
        table.resize(width, 420)
        qapp.processEvents()
        shown = [place for place in range(len(COLUMNS)) if not table.isColumnHidden(place)]
        assert sum(table.columnWidth(place) for place in shown) == table.viewport().width()
        assert (COLUMNS.index("responses") in shown) == (not table.delegate.narrow)
    assert COLUMNS.index("length_ratio") in shown
    table.pairs.show(frame_of(10, rewards=False), np.arange(10, dtype=np.uint32), ("pair", False), 1.0)
    assert table.isColumnHidden(COLUMNS.index("margin"))


def test_that_cards_show_the_same_pairs_one_below_the_other(table: PairTable, qapp: QApplication) -> None:
    table.set_cards(True)
    qapp.processEvents()
    assert not table.horizontalHeader().isVisible()
    assert table.rowHeight(0) > 2 * themes.metrics.row
    looked: list[int] = []
    table.looked.connect(looked.append)
    click(table, 1)
    assert looked == [1]
    table.set_cards(False)
    assert table.rowHeight(0) == themes.metrics.row


def test_that_marks_are_said_and_painted(table: PairTable, qapp: QApplication) -> None:
    before = table.grab().toImage()
    table.pairs.marks = {1: Mark(True, "why")}
    table.viewport().update()
    qapp.processEvents()
    assert table.grab().toImage() != before
    assert table.pairs.data(table.pairs.index(1, 0)) == "2, starred, noted"


def test_that_selection_and_focus_are_painted_in_both_themes(table: PairTable, qapp: QApplication) -> None:
    for theme in ("light", "dark"):
        themes.apply(qapp, theme)
        table.pairs.selected = np.arange(PAIRS) == 2
        table.show_focus(1)
        qapp.processEvents()
        image = table.viewport().grab().toImage()
        ratio = image.devicePixelRatio()

        def colour(row: int, x: int, image: Any = image, ratio: float = ratio) -> str:
            y = table.visualRect(table.pairs.index(row, 0)).center().y()
            return image.pixelColor(round(x * ratio), round(y * ratio)).name()

        assert colour(2, 1) == colour(1, 1) == themes.colors.plum.lower()
        assert colour(1, 6) == themes.colors.plum_tint.lower()
        assert colour(2, 6) == colour(3, 1) == themes.colors.surface.lower()
    themes.apply(qapp, "light")


def test_that_long_texts_are_cut_with_an_ellipsis(qapp: QApplication) -> None:
    found = lines("several words that will not fit into so little room", "small", 90, 2)
    assert len(found) == 2 and found[1].endswith("…")
    assert lines("short", "small", 90, 2) == ("short",)
    assert "".join(lines("", "small", 90, 2)) == ""


def test_that_ratios_are_said_with_as_many_figures_as_they_carry() -> None:
    assert [ratio_text(value) for value in (0.274, 1.0, 1.44, 12.3, float("nan"))] == [
        "0.27×",
        "1.0×",
        "1.4×",
        "12×",
        "–",
    ]


def test_that_a_frame_is_a_table(qapp: QApplication) -> None:
    frame = pl.DataFrame({"record": [1200, None], "detail": ["a", None], "share": [0.5, float("nan")]})
    model = FrameModel(frame)
    assert (model.rowCount(), model.columnCount()) == (2, 3)
    assert [model.data(model.index(0, column)) for column in range(3)] == ["1,200", "a", "0.50"]
    assert [model.data(model.index(1, column)) for column in range(3)] == ["–", "–", "–"]
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Record"
    view = frame_view(frame, name="Things")
    assert view.accessibleName() == "Things"
    view.deleteLater()


def test_that_pairs_are_sorted_by_values_of_both_responses() -> None:
    frame, orders = frame_of(6), Orders()
    values = np.array([[1, 5], [3, 0], [2, 2], [0, 4], [6, 6], [5, 1]], float)
    assert orders.rows(frame, None, "most:hedges", True, values).tolist() == [4, 0, 5, 3, 1, 2]
    assert orders.rows(frame, None, "gap:hedges", True, values).tolist() == [5, 1, 2, 4, 0, 3]
    assert orders.rows(frame, None, "gap:hedges", False, values).tolist() == [0, 3, 2, 4, 1, 5]
    mask = np.array([True, False, True, True, False, False])
    assert orders.rows(frame, mask, "most:hedges", True, values).tolist() == [0, 3, 2]
    assert orders.rows(frame, None, "most:hedges", True, values[::-1]).tolist() == [1, 0, 5, 2, 4, 3], "other values"
    assert orders.rows(frame, None, "words", True).tolist() == [5, 4, 3, 2, 1, 0], "a column again"


def test_that_a_column_of_numbers_sorts_with_what_is_missing_last() -> None:
    frame = frame_of(4).with_columns(pl.Series("quality", [2, None, 7, -1]))
    values = sort_values(frame, "column:quality", None)
    assert values is not None and values.shape == (4, 1)
    assert Orders().rows(frame, None, "column:quality", True, values).tolist() == [2, 0, 3, 1]
    assert Orders().rows(frame, None, "column:quality", False, values).tolist() == [3, 0, 2, 1]
    assert sort_values(frame, "words", None) is None


def test_that_an_order_is_said_and_a_value_written_for_people() -> None:
    assert order_said("words", True) == "longest first"
    assert order_said("most:words", True) == "Words: highest first"
    assert order_said("gap:hedges", False) == "Hedges, chosen \u2212 rejected: lowest first"
    assert order_said("column:quality_score", True) == "Quality score: highest first"
    model = PairModel()
    for values, said in (([3, 1200, -2, math.nan], ["3", "1,200", "\u22122", "–"]), ([1, 0.416], ["1.00", "0.42"])):
        model.show(frame_of(len(values)), np.arange(len(values)), ("column:x", True), 1.0, np.array(values)[:, None])
        assert [model.value_text(value) for value in values] == said


def test_that_the_table_shows_what_it_is_sorted_by(table: PairTable, qapp: QApplication) -> None:
    model = table.pairs
    values = np.stack([np.arange(PAIRS), np.full(PAIRS, 2.5)], axis=1)
    pressed: list[str] = []
    table.sorted_by.connect(pressed.append)
    assert model.frame is not None
    model.show(model.frame, np.arange(PAIRS, dtype=np.uint32), ("most:list_items", True), 1.0, values)
    qapp.processEvents()
    words = COLUMNS.index("words")
    assert model.headerData(words, Qt.Orientation.Horizontal) == "List items"
    assert model.index(7, words).data() == "7.00\n2.50" and "List items: 7.00" in model.index(7, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    table._header_pressed(words)
    model.show(model.frame, np.arange(PAIRS, dtype=np.uint32), ("words", True), 1.0)
    assert model.headerData(words, Qt.Orientation.Horizontal) == "Words" and model.index(7, words).data() == "49\n7"
    table._header_pressed(words)
    assert pressed == ["most:list_items", "words"]
