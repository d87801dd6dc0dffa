"""The tooltip card of plots: at most five lines, beside the pointer, inside the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from rmexplorer.gui.theme import px, set_font

OFFSET = 12
LINES = 5


class HoverCard(QFrame):
    """A card of lines: the first is strong. It belongs to the window of `owner` and lets the mouse through."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self.owner = owner
        self.setProperty("role", "popover")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(10), px(7), px(10), px(7))
        column.setSpacing(1)
        self.lines = [QLabel() for _ in range(LINES)]
        for place, line in enumerate(self.lines):
            line.setTextFormat(Qt.TextFormat.PlainText)
            line.setProperty("role", "" if place == 0 else "secondary")
            set_font(line, "small_strong" if place == 0 else "small")
            column.addWidget(line)
        self.hide()

    def show_lines(self, lines: Sequence[str], at: QPoint) -> None:
        """Show lines near a point of the owner; each is cut at 80 signs."""
        for line, text in zip(self.lines, [*lines, *[""] * LINES], strict=False):
            line.setText(text if len(text) <= 80 else text[:79] + "…")
            line.setVisible(bool(text))
        window = self.owner.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        self.adjustSize()
        corner = self.owner.mapTo(window, at) + QPoint(OFFSET, OFFSET)
        if corner.x() + self.width() > window.width():
            corner.setX(corner.x() - self.width() - 2 * OFFSET)
        if corner.y() + self.height() > window.height():
            corner.setY(corner.y() - self.height() - 2 * OFFSET)
        self.move(max(corner.x(), 0), max(corner.y(), 0))
        self.show()
        self.raise_()
