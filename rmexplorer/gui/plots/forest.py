"""Forest plots: one row an effect, with marks and intervals on one axis; a list view with a delegate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import (
    QItemSelection,
    QModelIndex,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPolygonF, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from rmexplorer.gui.theme import brush, color, font, ink, px, set_font, themes
from rmexplorer.gui.widgets.labels import minus, signed
from rmexplorer.gui.widgets.reward_strip import round_steps
from rmexplorer.gui.widgets.rows import Index, RowsModel, paint_ground
from rmexplorer.statistics import Estimate

GONE = float("nan")


@dataclass(frozen=True)
class ForestMark:
    """An estimate with its interval: model ■ (ink), people ○ (grey), warning ▲, or second ■ (green)."""

    value: float
    low: float = GONE
    high: float = GONE
    kind: str = "model"
    filled: bool = True
    label: str = ""

    @staticmethod
    def of(estimate: Estimate, kind: str = "model", filled: bool = True) -> ForestMark:
        """The mark of an estimate; what it does not have is not drawn."""
        value, low, high = (GONE if part is None else part for part in (estimate.value, estimate.low, estimate.high))
        return ForestMark(value, low, high, kind, filled)


@dataclass(frozen=True)
class ForestRow:
    """One row: name, grey line below it, marks, chance bar, density hill, texts left (before) and right of the axis
    (several columns parted by tabs).

    `tip` is what its tooltip and a screen reader say besides.
    """

    name: str
    sub: str = ""
    marks: tuple[ForestMark, ...] = ()
    right: str = ""
    right_strong: bool = False
    before: str = ""
    bar: tuple[float, float] | None = None
    hill: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    tone: str = "neutral"
    strong: bool = False
    enabled: bool = True
    tip: str = ""


@dataclass
class ForestLayout:
    """Widths in px and the axis, shared by delegate and axis."""

    low: float = -1.0
    high: float = 1.0
    reference: float | None = 0.0
    name: int = 130
    before: int = 0
    right: int = 0
    kind: str = "signed"
    ticks: list[tuple[float, str]] = field(default_factory=list)

    def plot(self, room: QRectF) -> QRectF:
        """Where the axis lies within a row."""
        left = room.left() + px(self.name) + px(self.before)
        return QRectF(left, room.top(), max(10.0, room.right() - px(self.right) - px(8) - left), room.height())

    def x(self, value: float, room: QRectF) -> float:
        """A value as px within a row, kept on the axis."""
        plot = self.plot(room)
        part = (value - self.low) / max(self.high - self.low, 1e-12)
        return plot.left() + min(max(part, 0.0), 1.0) * plot.width()

    def steps(self) -> list[tuple[float, str]]:
        """Values and labels of the axis."""
        if self.ticks:
            return self.ticks
        values = round_steps(self.low, self.high, 4)
        step = values[1] - values[0] if len(values) > 1 else 1.0
        decimals = 0 if step >= 0.999 else min(4, int(np.ceil(-np.log10(step) - 1e-6)))
        if self.kind == "percent":
            return [(value, f"{value:.0%}") for value in values]
        if self.kind == "signed":
            return [(value, "0" if abs(value) < 1e-12 else signed(value, decimals)) for value in values]
        return [(value, minus(f"{value:.{decimals}f}")) for value in values]


class ForestModel(RowsModel[ForestRow]):
    """Rows of a forest plot; the texts are what a screen reader hears."""

    def said(self, row: ForestRow, role: int) -> object:
        """Name, or all values with their intervals."""
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            if row.tip:
                return row.tip
            lines = [row.name if not row.sub else f"{row.name}, {row.sub}"]
            for mark in row.marks:
                interval = f" ({signed(mark.low)} to {signed(mark.high)})" if np.isfinite(mark.low) else ""
                lines.append(f"{mark.kind}: {signed(mark.value)}{interval}")
            return "\n".join(lines + ([row.right] if row.right else []))
        return None


class ForestDelegate(QStyledItemDelegate):
    """Paints a row."""

    def __init__(self, shape: ForestLayout, row_height: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.shape, self.row_height = shape, row_height
        self.height = px(row_height)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(px(200), self.height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: ForestRow = index.data(Qt.ItemDataRole.UserRole)
        room = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, room, option.state)
        self.paint_texts(painter, row, room)
        self.paint_plot(painter, row, room)
        painter.restore()

    def paint_texts(self, painter: QPainter, row: ForestRow, room: QRectF) -> None:
        """Name and grey line at the left, texts before and after the axis."""
        shape = self.shape
        middle = Qt.AlignmentFlag.AlignVCenter
        left = room.left() + (px(8) if shape.name else 0)
        names = QRectF(left, room.top(), px(shape.name) - px(14), room.height())
        painter.setFont(font("small", 600 if row.strong else 500))
        metrics = QFontMetricsF(painter.font())
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, names.width())
        painter.setPen(color("text" if row.enabled else "text2"))
        if row.sub:
            top = room.center().y() - metrics.height()
            painter.drawText(QRectF(names.left(), top, names.width(), metrics.height()), middle, name)
            painter.setFont(font("small"))
            painter.setPen(color("text2"))
            painter.drawText(QRectF(names.left(), room.center().y(), names.width(), metrics.height()), middle,
                             metrics.elidedText(row.sub, Qt.TextElideMode.ElideRight, names.width()))
        else:
            painter.drawText(names, middle, name)
        if row.before:
            painter.setFont(font("small"))
            painter.setPen(color("text2"))
            painter.drawText(QRectF(room.left() + px(shape.name), room.top(), px(shape.before) - px(12), room.height()),
                             middle | Qt.AlignmentFlag.AlignRight, row.before)
        if row.right:
            painter.setFont(font("small", 600 if row.right_strong else 0))
            painter.setPen(color("text" if row.right_strong or row.enabled else "text2"))
            texts = row.right.split("\t")  # columns of equal width
            wide = px(shape.right) / len(texts)
            for place, text in enumerate(texts):
                left = room.right() - px(shape.right) + place * wide
                painter.drawText(QRectF(left, room.top(), wide - px(6), room.height()),
                                 middle | Qt.AlignmentFlag.AlignRight, text)

    def paint_plot(self, painter: QPainter, row: ForestRow, room: QRectF) -> None:
        """Grid, reference, bar, hill and marks."""
        shape = self.shape
        painter.setPen(ink("grid"))
        for value, _ in shape.steps():
            x = round(shape.x(value, room)) + 0.5
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom() + 1))
        if shape.reference is not None:
            painter.setPen(ink("line2", 1.25))
            x = round(shape.x(shape.reference, room)) + 0.5
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom() + 1))
        painter.setPen(Qt.PenStyle.NoPen)
        if row.bar is not None:
            painter.setBrush(brush("hover"))
            a, b = shape.x(row.bar[0], room), shape.x(row.bar[1], room)
            painter.drawRect(QRectF(a, room.center().y() - px(8), b - a, px(16)))
        y = room.center().y()
        if row.hill is not None and len(row.hill[0]) > 1:
            base = room.bottom() - px(7)
            tall = room.height() - px(12)
            most = max(max(row.hill[1]), 1e-12)
            points = [QPointF(shape.x(a, room), base - b / most * tall) for a, b in zip(*row.hill, strict=True)]
            painter.setBrush(brush(row.tone, 70 if row.tone != "neutral" else 45))
            painter.drawPolygon(QPolygonF([QPointF(points[0].x(), base), *points, QPointF(points[-1].x(), base)]))
            y = base
        spread = px(6) if len(row.marks) > 1 else 0
        for place, mark in enumerate(row.marks):
            if np.isfinite(mark.value):
                self.paint_mark(
                    painter, mark, room, y + (place - (len(row.marks) - 1) / 2) * spread, row.hill is not None
                )

    def paint_mark(self, painter: QPainter, mark: ForestMark, room: QRectF, y: float, on_hill: bool) -> None:
        """One estimate: whisker, then its sign, then its label."""
        shape = self.shape
        token = {"people": "neutral", "second": "green", "warning": "amber_text"}.get(mark.kind, "text")
        x = shape.x(mark.value, room)
        stroke = ink(token, 2)
        stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(stroke)
        if np.isfinite(mark.low) and np.isfinite(mark.high):
            painter.drawLine(QPointF(shape.x(mark.low, room), y), QPointF(shape.x(mark.high, room), y))
        size = px(7 if on_hill else 9)
        painter.setBrush(brush(token if mark.filled and mark.kind != "people" else "surface"))
        if mark.kind == "warning":
            painter.setBrush(brush("amber"))
            painter.setPen(ink("amber_text", 1.5))
            painter.drawPolygon(QPolygonF([QPointF(x, y - 6), QPointF(x + 6, y + 5), QPointF(x - 6, y + 5)]))
        elif mark.kind == "people" or on_hill:
            painter.drawEllipse(QPointF(x, y), size / 2 - 0.5, size / 2 - 0.5)
        else:
            painter.setPen(ink(token, 1.5))
            painter.drawRect(QRectF(x - size / 2, y - size / 2, size, size))
        if mark.label:
            painter.setFont(font("small", 600))
            metrics = QFontMetricsF(painter.font())
            width = metrics.horizontalAdvance(mark.label)
            painter.setPen(color(token if mark.kind == "warning" else "text"))
            if on_hill:
                left = min(max(x - width / 2, room.left()), room.right() - width)
                painter.drawText(QPointF(left, y - size), mark.label)
            else:
                right = max(x, shape.x(mark.high, room) if np.isfinite(mark.high) else x) + px(8)
                if right + width > shape.plot(room).right() + px(8):  # no room beside it: at its other side
                    right = min(x, shape.x(mark.low, room) if np.isfinite(mark.low) else x) - px(9) - width
                painter.drawText(QPointF(right, y + metrics.ascent() / 2 - 1), mark.label)


class _Axis(QWidget):
    """Labels of the axis below the rows."""

    def __init__(self, shape: ForestLayout, rows: QListView, parent: QWidget) -> None:
        super().__init__(parent)
        self.shape, self.rows = shape, rows
        self.title = self.right = ""  # below the axis, and beside it: what the texts at the right of the rows are
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(px(200), px(38 if self.title else 20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font("small"))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(color("text3"))
        room = QRectF(self.rect())
        room.setWidth(min(room.width(), self.rows.viewport().width()))  # a scroll bar narrows the rows
        end = -1e9
        for value, text in self.shape.steps():
            width = metrics.horizontalAdvance(text)
            x = self.shape.x(value, room) - width / 2
            if x > end + 6:
                painter.drawText(QPointF(x, px(3) + metrics.ascent()), text)
                end = x + width
        if self.right:
            painter.drawText(QRectF(0, px(3), room.width() - px(8), metrics.height()), Qt.AlignmentFlag.AlignRight, self.right)
        if self.title:
            painter.setPen(color("text2"))
            painter.drawText(
                QRectF(0, px(20), room.width(), px(18)),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                self.title,
            )


class ForestPlot(QWidget):
    """Rows of estimates on one axis. `rowSelected` and `rowActivated` (Enter, double-click) give the row's place."""

    rowSelected = Signal(int)
    rowActivated = Signal(int)

    def __init__(self, name: str, low: float, high: float, reference: float | None = 0.0, title: str = "",
                 name_width: int = 130, before_width: int = 0, right_width: int = 0, row_height: int = 25,
                 kind: str = "signed", parent: QWidget | None = None) -> None:
        """`title` stands below the axis, right-aligned; `kind` of the labels is signed, number or percent."""
        super().__init__(parent)
        self.shape = ForestLayout(low, high, reference, name_width, before_width, right_width, kind)
        self.name_width = name_width
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.model = ForestModel()
        self.list = QListView()
        self.list.setModel(self.model)
        self.delegate = ForestDelegate(self.shape, row_height, self.list)
        self.list.setItemDelegate(self.delegate)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setAccessibleName(name)
        self.list.setProperty("ownFocusRing", True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setMouseTracking(True)
        set_font(self.list, "small")
        self.axis = _Axis(self.shape, self.list, self)
        self.axis.title = title
        column.addWidget(self.list)
        column.addWidget(self.axis)
        column.addStretch()
        self.list.selectionModel().selectionChanged.connect(self._changed)
        self.list.activated.connect(self._activated)
        themes.theme_changed.connect(self.list.viewport().update)

    def set_rows(self, rows: Sequence[ForestRow], low: float | None = None, high: float | None = None) -> None:
        """Replace the rows, and the axis where given."""
        if low is not None and high is not None:
            self.shape.low, self.shape.high = low, high
        self.model.put(rows)
        metrics = QFontMetricsF(font("small", 600))
        widest = max((metrics.horizontalAdvance(row.name) for row in rows), default=0.0) / themes.fonts.scale + 24
        self.shape.name = round(min(max(widest, self.name_width), 1.5 * self.name_width))  # another font may be wider
        self._spread()
        self.axis.update()

    def _spread(self) -> None:
        """Let rows share the height there is, up to one and a half times their own; the axis follows the last.

        Where they must scroll, those in sight fill it, and none is cut at the lower end.
        """
        room = self.height() - self.axis.sizeHint().height()
        least = px(self.delegate.row_height)
        seen = max(min(room // least, len(self.model.rows)), 1)
        height = self.delegate.height = int(min(max(room / seen, least), least * 1.5))
        self.list.setFixedHeight(height * seen)
        self.list.doItemsLayout()

    def sizeHint(self) -> QSize:
        return QSize(px(280), len(self.model.rows) * px(self.delegate.row_height) + self.axis.sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(
            px(200), min(len(self.model.rows), 4) * px(self.delegate.row_height) + self.axis.sizeHint().height()
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._spread()

    def select(self, place: int) -> None:
        """Select a row without a signal."""
        chosen = self.list.selectionModel()
        blocked = chosen.blockSignals(True)
        self.list.setCurrentIndex(self.model.index(place, 0))
        chosen.blockSignals(blocked)
        self.list.viewport().update()

    def _changed(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        if selected.indexes():
            self.rowSelected.emit(selected.indexes()[0].row())

    def _activated(self, index: QModelIndex) -> None:
        self.rowActivated.emit(index.row())
