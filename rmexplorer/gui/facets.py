"""The facets beside the pairs: what is in each column, and what the filter keeps of it. They write filter tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rmexplorer.data.facets import Categories, Facet, Histogram, range_asked, toggled, values_asked, with_range
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Card, ElidedLabel, FacetHistogram, HorizontalBars, LinkButton, label
from rmexplorer.gui.widgets.scroll import Scrolled

SHOWN_VALUES = 6
FLAGS = ("yes", "no")
DRAG_MS = 120  # a range that is being dragged filters when it rests this long


class CategoryFacet(QWidget):
    """A column with few values: bars, pressed to filter; the less common ones on demand."""

    filtered = Signal(str)

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column
        self.query = ""
        self.all_shown = False
        self._now: tuple[Categories, np.ndarray | None] | None = None
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(px(2))
        head = QHBoxLayout()
        self.title = ElidedLabel("", "secondary", "small")
        self.asked = ElidedLabel("", "plum", "small", 600)
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.asked)
        body.addLayout(head)
        self.bars = HorizontalBars()
        self.bars.toggled.connect(self._toggled)
        body.addWidget(self.bars)
        self.more = LinkButton("")
        self.more.clicked.connect(self._show_all)
        body.addWidget(self.more)

    def show_facet(self, facet: Categories, counts: np.ndarray | None, query: str) -> None:
        """Show totals, the counts that the filter keeps (None: there is no filter), and what it asks for."""
        self.query = query
        self._now = (facet, counts)
        asked = {value.lower() for value in values_asked(query, facet.column)}
        on = [name for name in facet.names if name.lower() in asked]
        self.title.setText(facet.title)
        self.title.setToolTip(facet.column)
        self.bars.setAccessibleName(facet.title)
        self.asked.setText(", ".join(on))
        for part in (self.title, self.asked):
            part.updateGeometry()
        shown = len(facet.names) if self.all_shown or len(facet.names) <= SHOWN_VALUES + 1 else SHOWN_VALUES
        places = [place for place in range(len(facet.names)) if place < shown or facet.names[place] in on]
        kept = np.full(len(facet.names), -1) if counts is None else counts
        self.bars.set_rows([(facet.names[place], int(facet.totals[place]), int(kept[place])) for place in places], on)
        hidden = len(facet.names) - len(places)
        self.more.setVisible(hidden > 0)
        self.more.setText(f"{hidden} more")
        self.more.updateGeometry()

    def _show_all(self) -> None:
        self.all_shown = True
        if self._now is not None:
            self.show_facet(*self._now, self.query)

    def _toggled(self, name: str) -> None:
        flags = self._now is not None and self._now[0].names == FLAGS
        self.filtered.emit(toggled(self.query, self.column, name, either=not flags))


class NumberFacet(QWidget):
    """A column of numbers: a histogram with a range to drag."""

    filtered = Signal(str)

    def __init__(self, facet: Histogram) -> None:
        super().__init__()
        self.column, self.query, self.whole = facet.column, "", facet.whole
        body = QVBoxLayout(self)
        body.setContentsMargins(0, 0, 0, 0)
        self.histogram = FacetHistogram(facet.title, log=facet.log)
        self.histogram.setToolTip("Drag from an end to filter; double-click opens the range")
        self.histogram.rangeChanged.connect(self._dragged)
        body.addWidget(self.histogram)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAG_MS)
        self._timer.timeout.connect(self._send)

    def show_facet(self, facet: Histogram, counts: np.ndarray | None, query: str) -> None:
        """Show totals, the counts that the filter keeps, and its range; a range that is being dragged stays."""
        self.query, self.whole = query, facet.whole
        self.histogram.set_data(facet.edges, facet.totals, counts, facet.ticks)
        if self.histogram.dragged is None and not self._timer.isActive():
            self.histogram.set_range(*range_asked(query, facet.column))

    def _dragged(self, low: float, high: float) -> None:
        self._timer.start()

    def _send(self) -> None:
        low, high = self.histogram.low, self.histogram.high
        query = with_range(self.query, self.column, low, high, self.whole)
        if math.isinf(low) and math.isinf(high):
            query = with_range(self.query, self.column, -math.inf, math.inf)
        if query != self.query:
            self.filtered.emit(query)


class FacetPanel(Card):
    """The card of all facets. `filtered(query)` gives the whole filter as a person has changed it."""

    filtered = Signal(str)

    def __init__(self) -> None:
        super().__init__("Filter by", flush=True)
        self.setFixedWidth(themes.metrics.facets)
        self.clear = LinkButton("Clear")
        self.clear.clicked.connect(lambda: self.filtered.emit(""))
        self.clear.hide()
        self.add_header(self.clear)
        self.header_row.setContentsMargins(themes.metrics.card_padding_x, 0, themes.metrics.card_padding_x, 0)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(px(14), px(2), px(14), px(12))
        self._column.setSpacing(px(14))
        self._column.addStretch(1)
        self.add(Scrolled(self._column), 1)
        self.nothing = label("This file has no column to filter by.", "hint", "small", wrap=True)
        self._column.insertWidget(0, self.nothing)
        self.facets: dict[str, CategoryFacet | NumberFacet] = {}
        themes.theme_changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setFixedWidth(themes.metrics.facets)

    def show_facets(self, facets: Sequence[Facet], counts: Mapping[str, np.ndarray | None], query: str) -> None:
        """Show these facets with what the filter keeps of each; widgets of columns that stay are kept."""
        kept = {facet.column: facet for facet in facets}
        kinds = {Categories: CategoryFacet, Histogram: NumberFacet}
        for column in list(self.facets):
            if column not in kept or not isinstance(self.facets[column], kinds[type(kept[column])]):
                self._drop(column)
        for place, facet in enumerate(facets):
            widget = self.facets.get(facet.column) or self._make(facet)
            if self._column.indexOf(widget) != place:
                self._column.insertWidget(place, widget)
            match widget, facet:
                case CategoryFacet(), Categories():
                    widget.show_facet(facet, counts[facet.column], query)
                case NumberFacet(), Histogram():
                    widget.show_facet(facet, counts[facet.column], query)
        self.nothing.setVisible(not facets)
        self.clear.setVisible(bool(query))

    def _make(self, facet: Facet) -> CategoryFacet | NumberFacet:
        made = CategoryFacet(facet.column) if isinstance(facet, Categories) else NumberFacet(facet)
        made.filtered.connect(self.filtered)
        self.facets[facet.column] = made
        return made

    def _drop(self, column: str) -> None:
        widget = self.facets.pop(column)
        self._column.removeWidget(widget)
        widget.hide()
        widget.deleteLater()
