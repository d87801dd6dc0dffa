"""The app mark: a circle and a diamond joined by a line, a pair and its margin."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from rmexplorer.gui.theme import brush, pen, px


class AppMark(QWidget):
    """The mark at `size` logical px."""

    def __init__(self, size: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = size
        self.setAccessibleName("rmexplorer")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(px(self._size), px(self._size))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw line, diamond and circle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = float(min(self.width(), self.height()))
        low, high = QPointF(0.27 * side, 0.73 * side), QPointF(0.73 * side, 0.27 * side)
        painter.setPen(pen("text", side * 0.09))
        painter.drawLine(low, high)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("rejected"))
        reach = 0.25 * side
        painter.drawPolygon(
            QPolygonF(
                [low + QPointF(0, -reach), low + QPointF(reach, 0), low + QPointF(0, reach), low + QPointF(-reach, 0)]
            )
        )
        painter.setBrush(brush("chosen"))
        painter.drawEllipse(high, 0.22 * side, 0.22 * side)
