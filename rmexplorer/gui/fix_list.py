"""The list of fixes: one row a fix, with its pull of length and its accuracy at equal length on shared axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from rmexplorer.analysis.fix_comparison import Pull
from rmexplorer.gui.theme import brush, color, font, pen, px
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.gui.widgets.rows import Index, RowsModel
from rmexplorer.statistics import Estimate
from rmexplorer.wording import between, number

ROW, LOW_ROW, FEW = 30, 26, 4  # px of a row, and where there are more than a few
ENDS = (("accuracy", "All pairs", 62), ("correlation", "Correlation", 78), ("ece", "ECE", 52), ("cost", "Training", 62))
DROPPED = (("cost", 700), ("ece", 560), ("does", 920))  # columns that a list narrower than this leaves out


@dataclass(frozen=True)
class FixRow:
    """One fix: what it is called and does, its figures where it is trained, what it cost, and what it waits for.

    run: id of the run, '' where there is none; note: stands in place of figures ("not trained yet", "epoch 3 of 60").
    """

    fix: str
    name: str
    does: str
    pull: Pull | None
    seconds: float | None = None
    run: str = ""
    note: str = ""
    in_use: bool = False

    def words(self) -> str:
        """The row for screen readers."""
        if self.pull is None:
            return f"{self.name}: {self.does}; {self.note}"
        pull = self.pull
        return (
            f"{self.name}: {self.does}; reward per doubling {number(pull.per_doubling.value, signed=True)} "
            f"({between(pull.per_doubling.low, pull.per_doubling.high)}), accuracy at equal length "
            f"{number(pull.matched.value)} ({between(pull.matched.low, pull.matched.high)}), all pairs "
            f"{number(pull.accuracy.value)}, correlation of margin and length difference "
            f"{number(pull.correlation.value, signed=True)}" + (", in use" if self.in_use else "")
        )


class FixModel(RowsModel[FixRow]):
    """Fixes as rows."""

    def put(self, rows: Sequence[FixRow]) -> None:
        """Replace the rows; where there are as many as before the selection stays."""
        if len(rows) != len(self.rows):
            super().put(rows)
        elif rows:
            self.rows = list(rows)
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))

    def said(self, row: FixRow, role: int) -> object:
        """The row in words."""
        return row.words() if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) else None


class FixPainter(QStyledItemDelegate):
    """Paints a row; both axes are the same for all rows."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.axes = {"pull": (-0.1, 1.0), "matched": (0.45, 0.8)}
        self.row = ROW

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One line."""
        return QSize(px(400), px(self.row))

    def scale(self, rows: Sequence[FixRow]) -> None:
        """Axes that hold every interval, 0 and ½."""
        for name, base, attribute in (("pull", 0.0, "per_doubling"), ("matched", 0.5, "matched")):
            found = [getattr(row.pull, attribute) for row in rows if row.pull is not None]
            ends = [end for one in found for end in (one.value, one.low, one.high) if end is not None]
            low, high = min([base, *ends]), max([base, *ends])
            room = max(0.06 * (high - low), 0.01)
            self.axes[name] = low - room, high + room

    def columns(self, room: QRectF) -> dict[str, QRectF]:
        """Where each part of a row lies."""
        gone = {name for name, least in DROPPED if room.width() < px(least)}
        left, right = room.left() + px(12), room.right() - px(8)
        places = {}
        for name, _, width in reversed(ENDS):
            wide = 0 if name in gone else px(width)
            right -= wide
            places[name] = QRectF(right, room.top(), wide, room.height())
        does = 0 if "does" in gone else min(330, max(180, int(room.width()) - 800))
        for name, width in (("name", 172), ("does", does)):
            places[name] = QRectF(left, room.top(), px(width), room.height())
            left += px(width)
        half = (right - px(12) - left) / 2
        places["pull"] = QRectF(left, room.top(), half - px(14), room.height())
        places["matched"] = QRectF(left + half, room.top(), half - px(14), room.height())
        return places

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one fix."""
        row: FixRow = index.data(Qt.ItemDataRole.UserRole)
        room = QRectF(option.rect)
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.fillRect(room, brush("plum_tint"))
            painter.fillRect(QRectF(room.left(), room.top(), 3, room.height()), brush("plum"))
        places = self.columns(room)
        self._radio(painter, places["name"], chosen, row.pull is not None)
        self._texts(painter, row, places, chosen)
        if row.pull is not None:
            self._interval(painter, places["pull"], "pull", row.pull.per_doubling, 0.0, True)
            self._interval(painter, places["matched"], "matched", row.pull.matched, 0.5, False)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(pen("plum", 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(room.adjusted(1, 1, -1, -1), 5, 5)
        painter.restore()

    def _radio(self, painter: QPainter, place: QRectF, chosen: bool, there: bool) -> None:
        centre = QPointF(place.left() + px(7), place.center().y())
        painter.setPen(pen("plum" if chosen else "text3" if there else "line2", 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(centre, px(6), px(6))
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("plum"))
            painter.drawEllipse(centre, px(3), px(3))

    def _texts(self, painter: QPainter, row: FixRow, places: dict[str, QRectF], chosen: bool) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        name = places["name"].adjusted(px(22), 0, -px(6), 0)
        painter.setFont(font("strong" if row.pull is not None or chosen else "body"))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(color("text" if row.pull is not None else "text2"))
        painter.drawText(name, middle, metrics.elidedText(row.name, Qt.TextElideMode.ElideRight, name.width()))
        painter.setFont(font("small"))
        metrics = QFontMetricsF(painter.font())
        if row.in_use:
            used = name.adjusted(QFontMetricsF(font("strong")).horizontalAdvance(row.name) + px(8), 0, 0, 0)
            if used.width() >= metrics.horizontalAdvance("in use"):
                painter.setPen(color("plum_text"))
                painter.drawText(used, middle, "in use")
        texts = {"does": (row.does, Qt.AlignmentFlag.AlignLeft)}
        if row.pull is not None:
            pull, right = row.pull, Qt.AlignmentFlag.AlignRight
            texts |= {
                "accuracy": (number(pull.accuracy.value), right),
                "correlation": (number(pull.correlation.value, signed=True), right),
                "ece": (number(pull.ece, 3), right),
                "cost": ("" if row.seconds is None else f"{number(row.seconds, 1)} s", right),
            }
        painter.setPen(color("text2"))
        for part, (text, side) in texts.items():
            place = places[part].adjusted(0, 0, -px(12) if side == Qt.AlignmentFlag.AlignLeft else 0, 0)
            if place.width() > px(12):
                painter.drawText(place, middle | side, metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width()))
        if row.pull is None and row.note:
            painter.drawText(places["pull"].united(places["matched"]), middle, row.note)

    def _interval(self, painter: QPainter, place: QRectF, name: str, one: Estimate, base: float, sign: bool) -> None:
        painter.setFont(font("strong"))
        painter.setPen(color("text"))
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, number(one.value, signed=sign))
        low, high = self.axes[name]
        plot = place.adjusted(px(52), 0, 0, 0)
        if plot.width() < px(30) or one.value is None:
            return

        def x(value: float) -> float:
            return plot.left() + (min(max(value, low), high) - low) / max(high - low, 1e-12) * plot.width()

        y = plot.center().y()
        painter.setPen(pen("line2", 1.25, "dash"))
        painter.drawLine(QPointF(x(base), plot.top()), QPointF(x(base), plot.bottom()))
        painter.setPen(pen("text", 2))
        if one.low is not None and one.high is not None:
            painter.drawLine(QPointF(x(one.low), y), QPointF(x(one.high), y))
        paint_mark(painter, "model", QPointF(x(one.value), y), px(9))


class _Header(QWidget):
    """The names of the columns."""

    def __init__(self, painter: FixPainter) -> None:
        super().__init__()
        self._painter = painter
        self.setFixedHeight(px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them where the delegate draws the columns."""
        painter = QPainter(self)
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        metrics = QFontMetricsF(painter.font())
        places = self._painter.columns(QRectF(self.rect()))
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        titles = {"name": ("Fix", left), "does": ("What it does", left), "pull": ("Reward per doubling, 95% CI", left),
                  "matched": ("Accuracy, equal length, 95% CI", left)}
        for name, (title, side) in {**titles, **{name: (title, right) for name, title, _ in ENDS}}.items():
            if places[name].width() > px(12):
                text = metrics.elidedText(title, Qt.TextElideMode.ElideRight, places[name].width())
                painter.drawText(places[name], Qt.AlignmentFlag.AlignVCenter | side, text)


class FixList(QWidget):
    """The list. `chosen(fix)` when a row is made current, `used(fix)` on Enter or double-click."""

    chosen = Signal(str)
    used = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.model = FixModel()
        self.view = _View()
        self.painter = FixPainter(self.view)
        self.view.setModel(self.model)
        self.view.setItemDelegate(self.painter)
        self.header = _Header(self.painter)
        column.addWidget(self.header)
        column.addWidget(self.view)
        self.view.activated.connect(lambda index: self.used.emit(self.model.rows[index.row()].fix))
        self.view.selectionModel().currentChanged.connect(self._current)

    def _current(self, index: Index) -> None:
        if index.isValid():
            self.chosen.emit(self.model.rows[index.row()].fix)

    def show_rows(self, rows: Sequence[FixRow], fix: str) -> None:
        """Show the fixes; `fix` is the current one."""
        self.painter.scale(rows)
        blocked = self.view.selectionModel().blockSignals(True)
        self.painter.row = ROW if len(rows) <= FEW else LOW_ROW
        self.model.put(rows)
        self.view.setFixedHeight(len(rows) * px(self.painter.row) + 2)
        place = next((place for place, row in enumerate(rows) if row.fix == fix), -1)
        if place >= 0:
            self.view.setCurrentIndex(self.model.index(place))
        else:
            self.view.clearSelection()
        self.view.selectionModel().blockSignals(blocked)
        self.view.viewport().update()


class _View(QListView):
    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Fixes")
        self.setProperty("ownFocusRing", True)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter uses the model of the row."""
        index = self.currentIndex()
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(index)
        else:
            super().keyPressEvent(event)
