"""Cards: the frame of everything in a pane, with its header and its states; and the strip of big numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from rmexplorer.gui.theme import color, px, set_role, themes
from rmexplorer.gui.widgets.buttons import IconButton
from rmexplorer.gui.widgets.labels import ElidedLabel, label
from rmexplorer.gui.widgets.states import EmptyState, ErrorStrip, LoadingState, StaleChip
from rmexplorer.problem import Problem

STALE_ALPHA = 140  # of `surface` over the content: marks at 45 %


class _Veil(QWidget):
    """Greys what lies below it, and lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), color("surface", STALE_ALPHA))


class _Body(QStackedWidget):
    """Content, empty and loading pages; the veil keeps their size."""

    def __init__(self) -> None:
        super().__init__()
        self.veil = _Veil(self)
        self.veil.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.veil.setGeometry(QRect(0, 0, self.width(), self.height()))


class Card(QFrame):
    """A bordered card: header 30 (title, grey subtitle, legend, tools), content, and the states over it.

    Add content by `add(widget)` or to the layout `body`; `flush=True` lets it reach the card's sides.
    """

    def __init__(self, title: str = "", subtitle: str = "", flush: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.flush = flush
        self.outer = QVBoxLayout(self)
        self.outer.setSpacing(0)
        self.header = QWidget()
        self.header_row = QHBoxLayout(self.header)
        self.title_label = label(title, font_role="title")
        self.subtitle_label = ElidedLabel(subtitle)
        self.header_row.addWidget(self.title_label)
        self.header_row.addWidget(self.subtitle_label, 1)
        self.header_row.addStretch()
        self.stale_chip = StaleChip()
        self.stale_chip.hide()
        self.header_row.addWidget(self.stale_chip)
        self.legend_row = QHBoxLayout()
        self.legend_row.setSpacing(px(6))
        self.header_row.addLayout(self.legend_row)
        self.tools_row = QHBoxLayout()
        self.tools_row.setSpacing(0)
        self.header_row.addLayout(self.tools_row)
        self.outer.addWidget(self.header)
        self.header.setVisible(bool(title))
        self.error = ErrorStrip()
        self.error_row = QHBoxLayout()
        self.error_row.addWidget(self.error, 0, Qt.AlignmentFlag.AlignTop)
        self.outer.addLayout(self.error_row)
        self._fill()
        self._measure()
        themes.theme_changed.connect(self._measure)
        self._update: Callable[[], object] | None = None
        self._act: Callable[[], object] | None = None
        self._mend: Callable[[], object] | None = None
        self.stale_chip.clicked.connect(self._ask_update)
        self.empty.acted.connect(self._ask_act)
        self.error.acted.connect(self._ask_mend)
        self.setAccessibleName(title)

    def _measure(self) -> None:
        """Take all sizes from the theme: zoom and presentation change them."""
        metrics = themes.metrics
        side = metrics.card_padding_x
        self.outer.setContentsMargins(1, metrics.card_padding_top, 1, 1 if self.flush else metrics.card_padding_bottom)
        self.header.setFixedHeight(metrics.card_header)
        self.header_row.setContentsMargins(side, 0, side - px(6), 0)
        self.header_row.setSpacing(px(9))
        self.error_row.setContentsMargins(side, 0, side, 0)
        self.body.setContentsMargins(0 if self.flush else side, 0, 0 if self.flush else side, 0)

    def _fill(self) -> None:
        self.pages = _Body()
        self.content = QWidget()
        self.body = QVBoxLayout(self.content)
        self.body.setSpacing(px(6))
        self.empty = EmptyState()
        self.loading = LoadingState()
        for page in (self.content, self.empty, self.loading):
            self.pages.addWidget(page)
        self.outer.addWidget(self.pages, 1)

    def add(self, widget: QWidget, stretch: int = 0) -> QWidget:
        """Put a widget below what is there; returns it."""
        self.body.addWidget(widget, stretch)
        return widget

    def set_title(self, title: str) -> None:
        """Replace the title; the header shows when there is one."""
        self.title_label.setText(title)
        self.header.setVisible(bool(title))
        self.setAccessibleName(title)

    def set_subtitle(self, text: str) -> None:
        """Replace the grey text beside the title."""
        self.subtitle_label.setText(text)
        self.subtitle_label.updateGeometry()

    def set_legend(self, legend: QWidget) -> None:
        """Put a legend left of the tools."""
        while (item := self.legend_row.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()  # at once: it is deleted when the event loop comes round
                old.deleteLater()
        self.legend_row.addWidget(legend)

    def add_header(self, widget: QWidget) -> QWidget:
        """Put a widget (a Segmented, a GhostButton) into the header, left of the tools; returns it."""
        self.header_row.insertWidget(self.header_row.count() - 2, widget)
        return widget

    def add_tool(self, icon: str, name: str, slot: Callable[[], object], shortcut: str = "") -> IconButton:
        """Add a tool at the header's right end; returns its button."""
        button = IconButton(icon, name, shortcut, size=15)
        button.clicked.connect(lambda: slot())
        self.tools_row.addWidget(button)
        return button

    def show_ready(self) -> None:
        """Show the content: no error, not stale, not loading."""
        self.loading.end()
        self.error.hide()
        self._veil(False)
        self.pages.setCurrentIndex(0)

    def show_empty(self, sentence: str, button: str = "", slot: Callable[[], object] | None = None) -> None:
        """Say what belongs here, with one button."""
        self.show_ready()
        self._act = slot
        self.empty.set_text(sentence, button)
        self.pages.setCurrentIndex(1)

    def show_loading(self, note: str = "Working") -> None:
        """Show the outline with `note` (rate and time left), after 300 ms."""
        self.error.hide()
        self._veil(False)
        self.loading.begin(note)
        self.pages.setCurrentIndex(2)

    def show_error(self, problem: Problem, details: str = "", button: str = "",
                   slot: Callable[[], object] | None = None) -> None:
        """Show a failure above the content, which stays."""
        self.loading.end()
        self._mend = slot
        if self.pages.currentIndex() == 2:
            self.pages.setCurrentIndex(0)
        self.error.show_problem(problem, details, button)

    def show_stale(self, text: str, slot: Callable[[], object] | None = None) -> None:
        """Grey the content and offer to update it: `text` says what it was computed for."""
        self.loading.end()
        self._update = slot
        self.pages.setCurrentIndex(0)
        self.stale_chip.set_stale(text)
        self._veil(True)

    def is_stale(self) -> bool:
        """Whether the content is greyed."""
        return self.stale_chip.isVisibleTo(self)

    def _veil(self, on: bool) -> None:
        self.stale_chip.setVisible(on)
        self.subtitle_label.setVisible(not on)
        self.pages.veil.setVisible(on)
        self.pages.veil.raise_()

    def _ask_update(self) -> None:
        if self._update is not None:
            self._update()

    def _ask_act(self) -> None:
        if self._act is not None:
            self._act()

    def _ask_mend(self) -> None:
        if self._mend is not None:
            self._mend()


class NumberStrip(QWidget):
    """Big numbers side by side: label, number, what it is measured against; hairlines between them."""

    def __init__(self, numbers: Sequence[tuple[str, str, str]] = (), parent: QWidget | None = None) -> None:
        """`numbers` are (label, number, note) triples."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, px(4), 0, px(4))
        self.row.setSpacing(px(16))
        self.cells: list[tuple[QWidget, QLabel, QLabel, QLabel]] = []
        self.set_numbers(numbers)

    def set_numbers(self, numbers: Sequence[tuple[str, str, str]]) -> None:
        """Replace all numbers; as many as before are only written anew, for they may change with every frame."""
        if len(numbers) != len(self.cells):
            self._build(len(numbers))
        for (name, number, note), (cell, above, big, below) in zip(numbers, self.cells, strict=True):
            for part, text in ((above, name), (big, number or "–"), (below, note)):
                if part.text() != text:
                    part.setText(text)
            cell.setAccessibleName(f"{name}: {number}, {note}")

    def _build(self, count: int) -> None:
        while (item := self.row.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.setParent(None)
                old.deleteLater()
        self.cells = []
        for place in range(count):
            if place:
                line = QFrame()
                line.setProperty("role", "line")
                line.setFixedWidth(1)
                self.row.addWidget(line)
            cell = QWidget()
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(1)
            parts = ElidedLabel(""), label("", font_role="number"), ElidedLabel("")
            for part in parts:
                column.addWidget(part)
            self.row.addWidget(cell, 1)
            self.cells.append((cell, *parts))


def panel(role: str = "sunken") -> QFrame:
    """A plain frame: card, sunken (grey, as the prompt in the inspector) or popover."""
    result = QFrame()
    set_role(result, role)
    return result
