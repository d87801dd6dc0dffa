"""Tables of any length: a polars frame as a Qt model, and the pairs of a dataset as rows over an index array."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from PySide6.QtCore import QAbstractTableModel, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from rmexplorer.data import facets
from rmexplorer.data.glance import last_turn
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets.rows import NOWHERE, Index
from rmexplorer.project import Mark
from rmexplorer.wording import DASH, MINUS, number

COLUMNS = ("pair", "prompt", "responses", "words", "length_ratio", "margin")
HEADERS = ("Pair", "Prompt", "Responses", "Words", "Ratio", "Margin")
SORTABLE = ("pair", "words", "length_ratio", "margin")
SHOWN_CHARACTERS = 1200  # of a text, more never fits a row or a card
ROWS_KEPT = 256


class FrameModel(QAbstractTableModel):
    """A polars frame as a Qt model; cells are read when they are painted."""

    def __init__(self, frame: pl.DataFrame, headers: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frame = frame
        self.headers = list(headers) or [name.replace("_", " ").capitalize() for name in frame.columns]

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Rows of the frame."""
        return 0 if parent.isValid() else self.frame.height

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """Columns of the frame."""
        return 0 if parent.isValid() else self.frame.width

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell; numbers to the right, a dash for what is missing."""
        value = self.frame[index.row(), index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            across = (
                Qt.AlignmentFlag.AlignRight
                if self.frame.dtypes[index.column()].is_numeric()
                else Qt.AlignmentFlag.AlignLeft
            )
            return across | Qt.AlignmentFlag.AlignVCenter
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        if value is None:
            return DASH
        if isinstance(value, float):
            return number(value) if math.isfinite(value) else DASH
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headers[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self.frame.dtypes[section].is_numeric()
            return (
                Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            ) | Qt.AlignmentFlag.AlignVCenter
        return None


def frame_view(frame: pl.DataFrame, headers: Sequence[str] = (), name: str = "") -> QTableView:
    """A read-only table of a frame: rows of one height, the last column takes the rest."""
    view = QTableView()
    view.setAccessibleName(name)
    view.setModel(FrameModel(frame, headers, view))
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setTabKeyNavigation(False)
    set_font(view, "small")
    view.verticalHeader().hide()
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.verticalHeader().setDefaultSectionSize(px(28))
    header = view.horizontalHeader()
    header.setHighlightSections(False)
    set_font(header, "small")
    header.setStretchLastSection(True)
    for column in range(frame.width - 1):
        view.resizeColumnToContents(column)
    return view


@dataclass(frozen=True)
class PairRow:
    """What a row or a card shows of one pair; margin None where there are no rewards; values: what the pairs are sorted by,
    where no column shows that: of both responses, or of the pair."""

    pair: int
    prompt: str
    chosen: str
    rejected: str
    words: tuple[int, int]
    ratio: float
    margin: float | None
    tie: bool
    source: str
    values: tuple[float, ...] = ()


def one_line(text: str) -> str:
    """The start of a text with its white space folded."""
    return " ".join(text[:SHOWN_CHARACTERS].split())


class PairModel(QAbstractTableModel):
    """Pairs of a dataset in some order: `rows` (n,) are rows of the frame. Texts are read when they are painted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frame: pl.DataFrame | None = None
        self.rows = np.zeros(0, dtype=np.uint32)
        self.marks: Mapping[int, Mark] = {}
        self.selected: np.ndarray | None = None
        self.focus: int | None = None
        self.reach = 1.0
        self.sorted_by = ("pair", False)
        self.values: np.ndarray | None = None
        self._whole = True
        self._read: Callable[[int], PairRow] = lru_cache(ROWS_KEPT)(self._row)

    def show(
        self, frame: pl.DataFrame, rows: np.ndarray, sort: tuple[str, bool], reach: float, values: np.ndarray | None = None
    ) -> None:
        """Show these rows of `frame`; reach: the margin whose bar is as long as its column allows.

        values: (pairs, 1 or 2) what they are sorted by, shown in place of the words.
        """
        self.sorted_by, self.reach = sort, max(reach, 1e-9)
        if values is not self.values:
            self.values = values
            self._whole = values is None or not np.mod(values[np.isfinite(values)], 1).any()
            self._read = lru_cache(ROWS_KEPT)(self._row)
        if len(rows) == len(self.rows) and self.frame is not None:  # the view keeps its million row heights
            self.layoutAboutToBeChanged.emit()
            self._take(frame, rows)
            self.layoutChanged.emit()
        else:
            self.beginResetModel()
            self._take(frame, rows)
            self.endResetModel()

    def _take(self, frame: pl.DataFrame, rows: np.ndarray) -> None:
        if frame is not self.frame:
            self.frame = frame
            self._columns = {name: frame[name] for name in frame.columns}
            self._source = next((name for name in ("source", "subset", "category") if name in frame.columns), "")
            self._read = lru_cache(ROWS_KEPT)(self._row)
        self.rows = rows

    def title(self, column: str) -> str:
        """What a column is called: that of the words bears what the pairs are sorted by, where it shows that."""
        if column == "words" and self.values is not None:
            return sort_title(self.sorted_by[0])
        return HEADERS[COLUMNS.index(column)]

    def value_text(self, value: float) -> str:
        """A count of words, or a value that the pairs are sorted by; all whole, or all with two digits."""
        return number(value, 0 if self._whole else 2) if math.isfinite(value) else DASH

    @property
    def has_margin(self) -> bool:
        """Whether the pairs have rewards."""
        return self.frame is not None and "margin" in self._columns

    def place(self, pair: int | None) -> int:
        """The row in which a pair stands now, −1 where it is not listed."""
        if pair is None:
            return -1
        found = np.flatnonzero(self.rows == pair)
        return int(found[0]) if len(found) else -1

    def row(self, place: int) -> PairRow:
        """What the row at `place` shows."""
        return self._read(int(self.rows[place]))

    def _row(self, pair: int) -> PairRow:
        of = self._columns
        margin = float(of["margin"][pair]) if "margin" in of else None
        ratio = of["length_ratio"][pair]
        source = of[self._source][pair] if self._source else None
        return PairRow(
            pair,
            one_line(last_turn(of["prompt"][pair])),
            one_line(of["chosen"][pair]),
            one_line(of["rejected"][pair]),
            (int(of["words_chosen"][pair]), int(of["words_rejected"][pair])),
            float(ratio),
            margin if margin == margin else None,
            bool(of["tie"][pair]),
            str(source) if source is not None else "",
            () if self.values is None else tuple(float(value) for value in self.values[pair]),
        )

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """Pairs that are listed."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        """See COLUMNS."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts for screen readers and tests; the delegates paint by `row`."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(self.row(index.row()), COLUMNS[index.column()])
        if role == Qt.ItemDataRole.AccessibleTextRole:
            row = self.row(index.row())
            return ". ".join(f"{self.title(name)}: {self.text(row, name)}" for name in COLUMNS)
        return None

    def text(self, row: PairRow, column: str) -> str:
        """One cell in words."""
        mark = self.marks.get(row.pair, Mark())
        if column == "pair":
            return f"{row.pair + 1:,}{', starred' if mark.star else ''}{', noted' if mark.note else ''}"
        if column == "prompt":
            return row.prompt
        if column == "responses":
            first, second = ("First", "Second") if row.tie else ("Chosen", "Rejected")
            return f"{first}: {row.chosen}\n{second}: {row.rejected}"
        if column == "words":
            return "\n".join(self.value_text(value) for value in row.values or row.words)
        if column == "length_ratio":
            return ratio_text(row.ratio)
        return number(row.margin, signed=True)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns; the tooltip says what a press does."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.title(COLUMNS[section])
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section] == "words" and self.values is not None:
            return f"{self.title('words')}: what the pairs are sorted by; press to turn the order"
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section] == "length_ratio":
            return "Characters of the chosen response to those of the rejected; press to sort"
        if role == Qt.ItemDataRole.ToolTipRole and COLUMNS[section] in SORTABLE:
            return f"Sort by {HEADERS[section].lower()}"
        return None


def ratio_text(ratio: float) -> str:
    """How many times as long the chosen response is: 1.4×, 0.27×, 12×."""
    if not math.isfinite(ratio):
        return DASH
    return f"{ratio:,.0f}×" if ratio >= 9.95 else f"{ratio:.1f}×" if ratio >= 0.95 else f"{ratio:.2f}×"


ORDERS = {
    ("pair", False): "in the order of the file",
    ("pair", True): "last of the file first",
    ("words", True): "longest first",
    ("words", False): "shortest first",
    ("length_ratio", True): "chosen longer first",
    ("length_ratio", False): "rejected longer first",
    ("margin", False): "lowest margin first",
    ("margin", True): "highest margin first",
    ("certainty", False): "least sure first",
    ("certainty", True): "most sure first",
}


def sort_title(key: str) -> str:
    """What a key of `most:`, `gap:` or `column:` sorts by."""
    kind, _, name = key.partition(":")
    return facets.title(name) if kind == "column" else name.replace("_", " ").capitalize()


def order_said(key: str, descending: bool) -> str:
    """The order of the pairs in words; key: of ORDERS, `most:` or `gap:` a feature, or `column:` a number column."""
    if (key, descending) in ORDERS:
        return ORDERS[key, descending]
    of = sort_title(key) + (f", chosen {MINUS} rejected" if key.startswith("gap:") else "")
    return f"{of}: {'highest' if descending else 'lowest'} first"


def sort_values(frame: pl.DataFrame, key: str, features: np.ndarray | None) -> np.ndarray | None:
    """(pairs, 1 or 2) what a key of `most:`, `gap:` or `column:` sorts by; features: (pairs, 2) of its feature."""
    if key.startswith("column:"):
        return frame[key.partition(":")[2]].cast(pl.Float64).fill_null(math.nan).to_numpy()[:, None]
    return features if key.startswith(("most:", "gap:")) else None


class Orders:
    """Orders of all pairs by a column, each sorted once for a frame; what is missing stands last. For one thread."""

    def __init__(self) -> None:
        self._frame: pl.DataFrame | None = None
        self._values: np.ndarray | None = None
        self._found: dict[tuple[str, bool], np.ndarray] = {}

    def rows(
        self, frame: pl.DataFrame, mask: np.ndarray | None, key: str, descending: bool, values: np.ndarray | None = None
    ) -> np.ndarray:
        """(n,) uint32 rows of `frame` that pass `mask`, sorted by `key`; equal ones in the order of the file.

        values: what `sort_values` gives, in place of a column of the frame: of two the higher one counts, with `gap:` the
        first less the second.
        """
        if key == "pair":
            rows = np.arange(frame.height, dtype=np.uint32) if mask is None else np.flatnonzero(mask).astype(np.uint32)
            return rows[::-1] if descending else rows
        if frame is not self._frame or values is not self._values:
            self._frame, self._values, self._found = frame, values, {}
        if (key, descending) not in self._found:
            if values is not None:
                numbers = values[:, 0] - values[:, -1] if key.startswith("gap:") else values.max(axis=1)
            else:
                column = frame["margin"].abs() if key == "certainty" else frame[key]
                numbers = column.cast(pl.Float64).fill_null(math.nan).to_numpy()
            if key in ("margin", "certainty"):
                numbers = np.where(frame["tie"].to_numpy(), math.nan, numbers)  # a tie has no chosen response
            order = np.argsort(-numbers if descending else numbers, kind="stable")  # NaN stands last both ways
            self._found[key, descending] = order.astype(np.uint32)
        order = self._found[key, descending]
        return order if mask is None else order[mask[order]]
