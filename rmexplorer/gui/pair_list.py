"""The card of the pairs: rows, cards or the dataset card, with its header, footer and sort menu."""

from __future__ import annotations

import numpy as np
import polars as pl
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QWidget

from rmexplorer.gui.pair_table import PairTable
from rmexplorer.gui.summary import SummaryView
from rmexplorer.gui.table import SORTABLE, PairModel, order_said, sort_title
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, KeyCap, Segmented, label
from rmexplorer.wording import counted

VIEWS = (("table", "Table"), ("cards", "Cards"), ("summary", "Summary"))
KEYS = (("J", "next"), ("K", "previous"), ("Space", "star"), ("Enter", "open"))
SORT_MENU = (
    ("pair", False, "Order of the file"),
    ("words", True, "Longest first"),
    ("words", False, "Shortest first"),
    ("length_ratio", True, "Chosen longer first"),
    ("length_ratio", False, "Rejected longer first"),
    ("margin", False, "Lowest margin first"),
    ("margin", True, "Highest margin first"),
    ("certainty", False, "Least sure first"),
)
FALLS_FIRST = frozenset({"words", "length_ratio"})  # what a first press on the header sorts from high to low


class PairList(Card):
    """Pairs as a table or as cards, or the dataset card.

    `resorted(key, descending)`, `viewed_as(view)` and `source_chosen(name)` when a person asks for it.
    """

    resorted = Signal(str, bool)
    viewed_as = Signal(str)
    source_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__("Pairs", flush=True)
        self._said = ""
        self.features: tuple[str, ...] = ()
        self.model = PairModel(self)
        self.table = PairTable(self.model)
        self.table.sorted_by.connect(self._header_pressed)
        self.table.viewed.connect(self._show_place)
        self._summary: SummaryView | None = None
        self.views = QStackedWidget()
        self.views.addWidget(self.table)
        self.add(self.views, 1)
        self.switch = Segmented(VIEWS, name="Show pairs as")
        self.switch.changed.connect(self._switched)
        self.add_header(self.switch)
        self.sort_button = self.add_tool("arrow-up-down", "Sort", self._sort_menu)
        self.body.setSpacing(0)
        self.footer = self._footer()
        self.add(self.footer)

    def _footer(self) -> QWidget:
        footer = QWidget()
        footer.setFixedHeight(px(36))
        row = QHBoxLayout(footer)
        row.setContentsMargins(px(14), 0, px(14), 0)
        row.setSpacing(px(6))
        self.place = label("", "secondary", "small")
        row.addWidget(self.place)
        row.addStretch(1)
        self.hints: list[QWidget] = []
        for key, what in KEYS:
            hint = QWidget()
            inner = QHBoxLayout(hint)
            inner.setContentsMargins(0, 0, px(6), 0)
            inner.setSpacing(px(6))
            inner.addWidget(KeyCap(key))
            inner.addWidget(label(what, "hint", "small"))
            row.addWidget(hint)
            self.hints.append(hint)
        return footer

    @property
    def summary(self) -> SummaryView:
        """The dataset card, made on first use: its plots cost more than all the rest."""
        if self._summary is None:
            self._summary = SummaryView()
            self._summary.source_chosen.connect(self.source_chosen)
            self.views.addWidget(self._summary)
        return self._summary

    @property
    def view(self) -> str:
        """table, cards or summary."""
        return self.switch.current()

    def show_rows(
        self,
        frame: pl.DataFrame,
        rows: np.ndarray,
        sort: tuple[str, bool],
        reach: float,
        filtered: bool,
        values: np.ndarray | None = None,
    ) -> None:
        """List these rows of `frame`; `filtered` says whether a filter kept them; values: see PairModel.show."""
        self.model.show(frame, rows, sort, reach, values)
        count = f"{counted(len(rows))} match" if filtered else counted(len(rows))
        self._said = f"{count}, {order_said(*sort)}"
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card leaves out what its footer says as well."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.set_subtitle(self._said if self.width() > px(420) else "")

    def set_view(self, view: str) -> None:
        """Show as table, cards or summary, without a signal."""
        self.switch.set_current(view)
        self.views.setCurrentWidget(self.summary if view == "summary" else self.table)
        self.footer.setVisible(view != "summary")
        self.sort_button.setVisible(view != "summary")
        if view != "summary" and self.table.cards != (view == "cards"):
            self.table.set_cards(view == "cards")

    def _switched(self, view: str) -> None:
        self.set_view(view)
        self.viewed_as.emit(view)

    def _header_pressed(self, key: str) -> None:
        now, descending = self.model.sorted_by
        self.resorted.emit(key, not descending if now == key else key in FALLS_FIRST or ":" in key)

    def sort_choices(self) -> list[tuple[str, bool, str]]:
        """The orders that can be had now."""
        return [choice for choice in SORT_MENU if self.model.has_margin or choice[0] not in ("margin", "certainty")]

    def _sort_menu(self) -> None:
        menu = QMenu(self)
        menu.setAccessibleName("Sort pairs")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for key, descending, title in self.sort_choices():
            action = menu.addAction(title)
            action.setCheckable(True)
            action.setChecked((key, descending) == self.model.sorted_by)
            action.triggered.connect(
                lambda _=False, key=key, descending=descending: self.resorted.emit(key, descending)
            )
        menu.addSeparator()
        for kind, title, names in (
            ("most", "Feature of a response", self.features),
            ("gap", "Feature, chosen \u2212 rejected", self.features),
            ("column", "Number column", self._number_columns()),
        ):
            if names:
                self._sort_by_name(menu.addMenu(title), kind, names)
        now, descending = self.model.sorted_by
        menu.addSeparator()
        turn = menu.addAction("Reverse the order")
        turn.triggered.connect(lambda: self.resorted.emit(now, not descending))
        menu.popup(self.sort_button.mapToGlobal(QPoint(0, self.sort_button.height() + 4)))

    def _sort_by_name(self, menu: QMenu, kind: str, names: tuple[str, ...]) -> None:
        menu.setStyleSheet("QMenu { menu-scrollable: 1; }")
        for name in names:
            key = f"{kind}:{name}"
            action = menu.addAction(sort_title(key))
            action.setCheckable(True)
            action.setChecked(key == self.model.sorted_by[0])
            action.triggered.connect(lambda _=False, key=key: self.resorted.emit(key, True))

    def _number_columns(self) -> tuple[str, ...]:
        """Columns of numbers that nothing else sorts by."""
        frame = self.model.frame
        known = {*SORTABLE, "pair", "record", "line", "words_chosen", "words_rejected", "chars_chosen", "chars_rejected"}
        return () if frame is None else tuple(
            name
            for name, kind in frame.schema.items()
            if kind.is_numeric() and name not in known and frame[name].null_count() < frame.height
        )

    def _show_place(self, first: int, last: int) -> None:
        count = len(self.model.rows)
        self.place.setText(f"{first + 1:,}–{max(last, first + 1):,} of {count:,}" if count else "")
        room = self.width() - px(180)
        for hint in reversed(self.hints):
            room -= hint.sizeHint().width() + px(6)
        for place, hint in enumerate(self.hints):
            hint.setVisible(room >= 0 or place < 2)
