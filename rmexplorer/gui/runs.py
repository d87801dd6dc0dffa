"""The runs so far, on one scale: name, settings, course, held-out accuracy with its interval, loss, time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from rmexplorer.gui.moments import when
from rmexplorer.gui.plots import paint_sparkline
from rmexplorer.gui.theme import brush, color, font, pen, px
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.gui.widgets.rows import Index, RowsModel
from rmexplorer.project import RunRecord
from rmexplorer.wording import between, number

NAME, SETTINGS, COURSE, VALUE = 118, 150, 84, 54
LOSS, SECONDS, WHEN = 58, 58, 66
ROW = 32


def settings_in_words(run: RunRecord) -> str:
    """What sets a run apart: "256 units", "linear, seed 3"."""
    settings = run.settings
    parts = ["linear" if settings.get("hidden_dim") == 0 else f"{settings.get('hidden_dim', '?')} units"]
    if settings.get("loss", "bradley_terry") != "bradley_terry":
        parts.append(str(settings["loss"]))
    if settings.get("seed"):
        parts.append(f"seed {settings['seed']}")
    if settings.get("holdout", 0.2) != 0.2:
        parts.append(f"held out {settings['holdout']:g}")
    return ", ".join(parts)


def scale_of(runs: Sequence[RunRecord]) -> tuple[float, float]:
    """The accuracy axis that all rows share: from 0.5 or below to above the highest interval, in steps of 0.05."""
    ends = [value for run in runs for value in (run.metrics.get("heldout_accuracy_ci") or ()) if value is not None]
    low = min([0.5, *ends])
    high = max([0.6, *ends])
    return int(low * 20) / 20, min(1.0, (int(high * 20) + 1) / 20)


class RunsModel(RowsModel[RunRecord]):
    """Runs as rows; `current` is the id of the one whose rewards are shown."""

    current = ""

    def said(self, row: RunRecord, role: int) -> object:
        """The run in words, for screen readers."""
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            reached, ends = row.metrics.get("heldout_accuracy"), row.metrics.get("heldout_accuracy_ci") or (None, None)
            return f"{row.name}, {settings_in_words(row)}, held-out accuracy {number(reached)} ({between(*ends)})"
        return None


class RunsPainter(QStyledItemDelegate):
    """Paints a run; the axis is the same for all rows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.low, self.high = 0.5, 0.8
        self.length_only: float | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One line."""
        return QSize(px(400), px(ROW))

    def columns(self, room: QRectF) -> dict[str, QRectF]:
        """Where each part of a row lies; narrow rows leave out settings, then the course."""
        left, right = room.left() + px(10), room.right() - px(8)
        wide = room.width()
        widths = {
            "name": px(NAME),
            "settings": px(SETTINGS) if wide > px(760) else 0,
            "course": px(COURSE) if wide > px(560) else 0,
            "value": px(VALUE),
        }
        ends = {"when": px(WHEN), "seconds": px(SECONDS) if wide > px(640) else 0, "loss": px(LOSS)}
        places = {}
        for name, width in widths.items():
            places[name] = QRectF(left, room.top(), width, room.height())
            left += width
        for name, width in ends.items():
            right -= width
            places[name] = QRectF(right, room.top(), width, room.height())
        places["plot"] = QRectF(left + px(8), room.top(), max(10.0, right - left - px(20)), room.height())
        return places

    def x(self, value: float, plot: QRectF) -> float:
        """An accuracy as px."""
        return plot.left() + (min(max(value, self.low), self.high) - self.low) / (self.high - self.low) * plot.width()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one run."""
        run: RunRecord = index.data(Qt.ItemDataRole.UserRole)
        model = index.model()
        current = isinstance(model, RunsModel) and model.current == run.id
        room = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected or current:
            painter.fillRect(room, brush("plum_tint"))
        if current:
            painter.fillRect(QRectF(room.left(), room.top(), 3, room.height()), brush("plum"))
        places = self.columns(room)
        self._texts(painter, run, places, current)
        history = [value for value in run.history.get("validation_accuracy", []) if value is not None]
        if places["course"].width() and len(history) > 1:
            paint_sparkline(
                painter, places["course"].adjusted(0, 4, -px(14), -4), history, "text" if current else "neutral"
            )
        self._interval(painter, run, places["plot"], current)
        painter.restore()

    def _texts(self, painter: QPainter, run: RunRecord, places: dict[str, QRectF], current: bool) -> None:
        metrics, middle = run.metrics, Qt.AlignmentFlag.AlignVCenter
        parts = {
            "name": (run.name, "strong", "text"),
            "settings": (settings_in_words(run), "small", "text2"),
            "value": (number(metrics.get("heldout_accuracy")), "title", "text"),
            "loss": (number(metrics.get("nll"), 3), "small", "text2"),
            "seconds": (f"{number(metrics.get('seconds', {}).get('train'), 1)} s", "small", "text2"),
            "when": (
                "in use" if current else when(run.created, time.time()),
                "small",
                "plum_text" if current else "text2",
            ),
        }
        for name, (text, face, token) in parts.items():
            place = places[name]
            if place.width():
                painter.setFont(font(face))
                painter.setPen(color(token))
                shown = QFontMetricsF(painter.font()).elidedText(
                    text, Qt.TextElideMode.ElideRight, place.width() - px(6)
                )
                painter.drawText(place, middle, shown)

    def _interval(self, painter: QPainter, run: RunRecord, plot: QRectF, current: bool) -> None:
        y = plot.center().y()
        painter.setPen(pen("grid"))
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        if self.length_only is not None:
            painter.setPen(pen("line2", 1.5, "dot"))
            at = self.x(self.length_only, plot)
            painter.drawLine(QPointF(at, plot.top()), QPointF(at, plot.bottom()))
        reached, ends = run.metrics.get("heldout_accuracy"), run.metrics.get("heldout_accuracy_ci")
        if reached is None or not ends or ends[0] is None:
            return
        painter.setPen(pen("text" if current else "neutral", 2))
        painter.drawLine(QPointF(self.x(ends[0], plot), y), QPointF(self.x(ends[1], plot), y))
        paint_mark(painter, "model", QPointF(self.x(reached, plot), y), px(9))


class RunsHeader(QWidget):
    """The names of the columns."""

    def __init__(self, painter: RunsPainter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._painter = painter
        self.setFixedHeight(px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them where the delegate draws the columns."""
        painter = QPainter(self)
        painter.setFont(font("small"))
        painter.setPen(color("text3"))
        places = self._painter.columns(QRectF(self.rect()))
        axis = f"95% CI, from {self._painter.low:.2f} to {self._painter.high:.2f}"
        titles = {
            "name": "Run",
            "settings": "Settings",
            "course": "Validation",
            "value": "Held-out",
            "plot": axis,
            "loss": "Log loss",
            "seconds": "Time",
            "when": "When",
        }
        for name, title in titles.items():
            if places[name].width() > px(12):
                text = QFontMetricsF(painter.font()).elidedText(
                    title, Qt.TextElideMode.ElideRight, places[name].width()
                )
                painter.drawText(places[name], Qt.AlignmentFlag.AlignVCenter, text)


class Runs(QWidget):
    """The list of runs. `used(id)` on Enter or double-click, `deleted(id)` on Delete."""

    used = Signal(str)
    deleted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.model = RunsModel()
        self.view = _RunsView()
        self.painter = RunsPainter(self.view)
        self.view.setModel(self.model)
        self.view.setItemDelegate(self.painter)
        self.header = RunsHeader(self.painter)
        column.addWidget(self.header)
        column.addWidget(self.view, 1)
        self.view.activated.connect(lambda index: self.used.emit(index.data(Qt.ItemDataRole.UserRole).id))
        self.view.remove.connect(lambda index: self.deleted.emit(index.data(Qt.ItemDataRole.UserRole).id))

    def show_runs(self, runs: tuple[RunRecord, ...], current: str) -> None:
        """Show runs, newest first."""
        self.painter.low, self.painter.high = scale_of(runs)
        newest = next((run for run in runs if run.id == current), runs[0] if runs else None)
        self.painter.length_only = (newest.metrics.get("baselines") or {}).get("length") if newest else None
        self.model.current = current
        self.model.put(runs)
        row = next((place for place, run in enumerate(runs) if run.id == current), -1)
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row))
        self.header.update()


class _RunsView(QListView):
    remove = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setAccessibleName("Runs")
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter uses a run, Delete takes it away."""
        index = self.currentIndex()
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(index)
        elif index.isValid() and event.key() == Qt.Key.Key_Delete:
            self.remove.emit(index)
        else:
            super().keyPressEvent(event)
