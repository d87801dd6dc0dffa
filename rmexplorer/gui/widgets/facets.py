"""Facets: what is in the data and what the filter keeps. Grey = all, plum = the filter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.gui.theme import brush, color, font, pen, px, set_font, themes
from rmexplorer.gui.widgets.labels import minus

HANDLE = 12  # width of what can be grabbed


class _BarRow(QPushButton):
    """One category: name, bar, count; a press switches it on or off in the filter."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.total, self.selected, self.most, self.on = 0, -1, 1, False
        self.longest = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAutoDefault(False)
        set_font(self, "small")

    def sizeHint(self) -> QSize:
        return QSize(px(160), px(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(120), px(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse():
            painter.fillRect(self.rect(), color("hover"))
        painter.setFont(font("small", 600 if self.on else 0))
        metrics = QFontMetrics(painter.font())
        number = f"{self.total:,}"
        count_width = max(metrics.horizontalAdvance(number), px(36))
        name_width = min(max(round(self.width() * 0.32), min(self.longest, round(self.width() * 0.5))), px(120))
        painter.setPen(color("plum_text" if self.on else "text"))
        painter.drawText(
            QRectF(0, 0, name_width, self.height()),
            Qt.AlignmentFlag.AlignVCenter,
            metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, name_width - px(4)),
        )
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, number)
        room = max(4.0, self.width() - name_width - count_width - px(8))
        width = room * self.total / max(self.most, 1)
        bar = QRectF(name_width, self.height() / 2 - px(5), max(width, 1.0), px(10))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("line"))
        painter.drawRoundedRect(bar, 2, 2)
        if self.selected >= 0 and self.total:
            part = QRectF(bar)
            part.setWidth(max(bar.width() * self.selected / self.total, 1.0 if self.selected else 0.0))
            painter.setBrush(brush("plum"))
            painter.drawRoundedRect(part, 2, 2)


class HorizontalBars(QWidget):
    """Categories as rows with bars on one scale; `toggled` gives the name that was pressed."""

    toggled = Signal(str)

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.rows: list[_BarRow] = []

    def set_rows(self, rows: Sequence[tuple[str, int, int]], on: Sequence[str] = ()) -> None:
        """Show (name, count of all, count kept by the filter; −1: no filter); `on` are those the filter asks for."""
        while len(self.rows) > len(rows):
            row = self.rows.pop()
            row.setParent(None)
            row.deleteLater()
        while len(self.rows) < len(rows):
            row = _BarRow(self)
            row.clicked.connect(self._make_press(row))
            self.rows.append(row)
            self.column.addWidget(row)
        most = max((total for _, total, _ in rows), default=1)
        metrics = QFontMetrics(font("small", 600))
        longest = max((metrics.horizontalAdvance(name) for name, _, _ in rows), default=0) + px(10)
        for row, (name, total, selected) in zip(self.rows, rows, strict=True):
            row.setText(name)
            row.total, row.selected, row.most, row.on = total, selected, most, name in on
            row.longest = longest
            kept = f", {selected:,} kept" if selected >= 0 else ""
            row.setAccessibleName(f"{name}: {total:,}{kept}{', in the filter' if row.on else ''}")
            row.setToolTip(f"{name}: {total:,}{kept}")
            row.update()

    def _make_press(self, row: _BarRow) -> Callable[[], None]:
        return lambda: self.toggled.emit(row.text())


class FacetHistogram(QWidget):
    """Title, a histogram in grey with the filter's part in plum, and a range with two handles.

    Drag from an end or a handle, or move the active handle with arrows (Space changes it, Home and double-click
    open the range). `rangeChanged` gives low and high; an open end is −inf or inf.
    """

    rangeChanged = Signal(float, float)

    def __init__(self, title: str, unit: str = "", log: bool = False, parent: QWidget | None = None) -> None:
        """`log` spaces values by their logarithm (edges must be positive) and labels powers."""
        super().__init__(parent)
        self.title, self.unit, self.log = title, unit, log
        self.edges = np.array([0.0, 1.0])
        self.all = np.zeros(1)
        self.selected: npt.NDArray[np.floating] | None = None
        self.low, self.high = -math.inf, math.inf
        self.ticks: list[tuple[float, str]] = []
        self.active = 0
        self.dragged: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        themes.theme_changed.connect(self.update)

    def set_data(
        self,
        edges: npt.NDArray[np.floating],
        all_counts: npt.NDArray[np.integer],
        selected_counts: npt.NDArray[np.integer] | None = None,
        ticks: Sequence[tuple[float, str]] = (),
    ) -> None:
        """Show counts in bins between `edges` (one more than counts); `ticks` are (value, label)."""
        self.edges = np.asarray(edges, dtype=float)
        self.all = np.asarray(all_counts, dtype=float)
        self.selected = None if selected_counts is None else np.asarray(selected_counts, dtype=float)
        self.ticks = list(ticks)
        self.update()

    def set_range(self, low: float = -math.inf, high: float = math.inf) -> None:
        """Set the range without a signal."""
        self.low, self.high = low, high
        self.setAccessibleDescription(self.range_text() or "all values")
        self.update()

    def range_text(self) -> str:
        """The range as it stands in the header: > 200, < 0, 3–7; empty when open."""

        def say(value: float) -> str:
            return minus(f"{value:,.0f}" if abs(value) >= 20 else f"{value:.2g}")

        if math.isinf(self.low) and math.isinf(self.high):
            return ""
        if math.isinf(self.high):
            return f"> {say(self.low)}"
        return f"< {say(self.high)}" if math.isinf(self.low) else f"{say(self.low)} to {say(self.high)}"

    def sizeHint(self) -> QSize:
        return QSize(px(180), px(102))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(120), px(102))

    def _plot(self) -> QRectF:
        return QRectF(1, px(22), self.width() - 2, self.height() - px(22) - px(20))

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-12)) if self.log else value

    def x_of(self, value: float) -> float:
        """Where a value lies, in widget px; open ends are the plot's ends."""
        room = self._plot()
        first, last = self._scaled(self.edges[0]), self._scaled(self.edges[-1])
        if math.isinf(value):
            return room.left() if value < 0 else room.right()
        part = (self._scaled(value) - first) / max(last - first, 1e-12)
        return room.left() + min(max(part, 0.0), 1.0) * room.width()

    def value_at(self, x: float) -> float:
        """The value at a widget x; at or beyond an end it is open."""
        room = self._plot()
        part = (x - room.left()) / max(room.width(), 1.0)
        if part <= 0.005:
            return -math.inf
        if part >= 0.995:
            return math.inf
        first, last = self._scaled(self.edges[0]), self._scaled(self.edges[-1])
        value = first + part * (last - first)
        return math.exp(value) if self.log else value

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        room = self._plot()
        header = QRectF(0, 0, self.width(), px(18))
        said = self.range_text()
        bold = font("small_strong")
        taken = QFontMetrics(bold).horizontalAdvance(said) + px(8) if said else 0
        painter.drawText(
            header,
            Qt.AlignmentFlag.AlignVCenter,
            painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideRight, self.width() - taken),
        )
        if said:
            painter.setFont(bold)
            painter.setPen(color("plum_text"))
            painter.drawText(header, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, said)
        lower, upper = self.x_of(self.low), self.x_of(self.high)
        if said:
            painter.fillRect(QRectF(lower, room.top(), upper - lower, room.height()), color("plum_tint"))
        self._paint_bars(painter, room)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(pen("line2"))
        painter.drawLine(room.bottomLeft(), room.bottomRight())
        self._paint_ticks(painter, room)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, (value, x) in enumerate(((self.low, lower), (self.high, upper))):
            if not math.isinf(value) or self.hasFocus():
                painter.setPen(pen("plum", 2))
                painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))
                painter.setBrush(brush("plum" if self.hasFocus() and place == self.active else "surface"))
                grip = QRectF(x - 3, room.center().y() - 8, 6, 16)
                grip.moveLeft(min(max(grip.left(), 0.0), self.width() - 7.0))
                painter.drawRoundedRect(grip, 3, 3)

    def _paint_bars(self, painter: QPainter, room: QRectF) -> None:
        most = max(float(self.all.max(initial=0)), 1.0)
        painter.setPen(Qt.PenStyle.NoPen)
        xs = [self.x_of(edge) for edge in self.edges]
        for counts, token in ((self.all, "neutral_fill"), (self.selected, "plum")):
            if counts is None:
                continue
            painter.setBrush(brush(token))
            for left, right, count in zip(xs[:-1], xs[1:], counts, strict=True):
                if count > 0:
                    height = max(room.height() * float(count) / most, 1.0)
                    painter.drawRect(QRectF(left + 0.5, room.bottom() - height, max(right - left - 1.0, 1.0), height))

    def _paint_ticks(self, painter: QPainter, room: QRectF) -> None:
        painter.setFont(font("smallest"))
        painter.setPen(color("text3"))
        metrics = QFontMetricsF(painter.font())
        end = -1e9
        for value, text in self.ticks:
            width = metrics.horizontalAdvance(text)
            x = min(max(self.x_of(value) - width / 2, 0.0), self.width() - width)
            if x > end + 4:
                painter.drawText(QPointF(x, room.bottom() + px(4) + metrics.ascent()), text)
                end = x + width

    def _change(self, handle: int, value: float) -> None:
        value = min(value, self.high) if handle == 0 else max(value, self.low)
        if value == (math.inf, -math.inf)[handle]:  # the end beyond which nothing lies
            return
        if handle == 0:
            self.low = value
        else:
            self.high = value
        self.set_range(self.low, self.high)
        self.rangeChanged.emit(self.low, self.high)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            x = event.position().x()
            places = (self.x_of(self.low), self.x_of(self.high))
            self.active = self.dragged = 0 if abs(x - places[0]) <= abs(x - places[1]) else 1
            if abs(x - places[self.active]) > HANDLE:
                self._change(self.active, self.value_at(x))
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self.dragged is not None:
            self._change(self.dragged, self.value_at(x))
            return
        near = min(abs(x - self.x_of(self.low)), abs(x - self.x_of(self.high))) <= HANDLE / 2
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.dragged = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._open()

    def _open(self) -> None:
        self.dragged = None
        self.set_range()
        self.rangeChanged.emit(self.low, self.high)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1}.get(
            Qt.Key(event.key()), 0
        )
        if step:
            width = self._plot().width() / max(len(self.all), 1)
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                width *= 5
            x = self.x_of((self.low, self.high)[self.active]) + step * width
            self._change(self.active, self.value_at(x))
        elif event.key() == Qt.Key.Key_Space:
            self.active = 1 - self.active
            self.update()
        elif event.key() == Qt.Key.Key_Home:
            self._open()
        else:
            super().keyPressEvent(event)
