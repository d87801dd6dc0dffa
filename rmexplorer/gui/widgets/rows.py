"""Lists of rows: one model for all, and the ground that a row is painted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QWidget

from rmexplorer.gui.theme import brush, pen

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
Row = TypeVar("Row")


class RowsModel(QAbstractListModel, Generic[Row]):
    """Rows as a Qt model: the row itself under UserRole (never a dict or tuple, which Qt would rebuild), else what `said` gives."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def put(self, rows: Sequence[Row]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        """How many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The row itself, or its text."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        return row if role == Qt.ItemDataRole.UserRole else self.said(row, role)

    def said(self, row: Row, role: int) -> object:
        """The text of a row in a role; None for a role without one, and where a row is painted from itself alone."""
        return None


def paint_ground(painter: QPainter, room: QRectF, state: QStyle.StateFlag, line: bool = False) -> None:
    """The ground of a row: tinted with a bar where it is selected, ringed where it has the focus; line: parted from above."""
    if state & QStyle.StateFlag.State_Selected:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("plum_tint"))
        painter.drawRoundedRect(room, 5, 5)
        painter.setBrush(brush("plum"))
        painter.drawRoundedRect(QRectF(room.left(), room.top() + 5, 3, room.height() - 10), 1.5, 1.5)
    elif line:
        painter.setPen(pen("line"))
        painter.drawLine(QPointF(room.left(), room.top() + 0.5), QPointF(room.right(), room.top() + 0.5))
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setPen(pen("plum", 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(room.adjusted(1, 1, -1, -1), 5, 5)
