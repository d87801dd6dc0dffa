"""The border around the whole window while a file is dragged over it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from rmexplorer.gui.theme import brush, color, font, pen, px


class DropBorder(QWidget):
    """A plum dashed border that says what a drop will do; it lets the mouse through."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._text = ""
        self.hide()

    def show_over(self, text: str) -> None:
        """Cover the parent and say what will happen."""
        self._text = text
        if (parent := self.parentWidget()) is not None:
            self.setGeometry(parent.rect())
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A veil, the border and the sentence in the middle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), brush("surface", 190))
        painter.setPen(pen("plum", 2.5, "dash"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(px(8), px(8), -px(8), -px(8)), px(10), px(10))
        painter.setFont(font("empty"))
        painter.setPen(color("plum_text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._text)
