"""The table of features: a row a feature, and what it tells of labels, model and errors on shared axes; any column sorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from rmexplorer.analysis.feature_table import SIDES, Contrast, FeatureRow
from rmexplorer.gui.theme import brush, color, font, pen, px
from rmexplorer.gui.widgets import GhostButton
from rmexplorer.gui.widgets.rows import Index, RowsModel, paint_ground
from rmexplorer.wording import DASH, between, number, style

ROW = 40
SIDE, NAME, LEFT, GAP = 6, 190, 8, 14  # px: at both ends of a row, the name, before it, between columns
NARROW, NARROW_NAME = 640, 150  # px of list below which names have less room, and intervals are left to the tooltip
VALUE = 46  # px of a value before its interval
TITLES = {"name": "Feature", "labels": "Chosen − rejected", "model": "High − low reward", "errors": "Wrong picks − chosen"}
SHORT = {"name": "Feature", "labels": "Labels", "model": "Model", "errors": "Errors"}
MEANS = {
    "name": "Sort by name",
    "labels": "Labels: by how much the chosen response has more than the rejected, in within-prompt SD. Press to sort",
    "model": "Model: by how much the response with the higher reward has more than the one with the lower. Press to sort",
    "errors": "Errors: by how much the wrong pick has more than the chosen response, where the model is wrong. Press to sort",
}


@dataclass(frozen=True)
class Line:
    """A feature as it is shown: its contrasts, those of the mean over subsets where that is asked for."""

    row: FeatureRow
    contrasts: tuple[Contrast | None, ...]

    @classmethod
    def of(cls, row: FeatureRow, even: bool) -> Line:
        """A row of the table."""
        return cls(row, tuple(row.side(name, even) for name in SIDES))

    @property
    def name(self) -> str:
        """The feature as a row says it."""
        said = style(self.row.name)
        return said[:1].upper() + said[1:]

    @property
    def note(self) -> str:
        """What stands below the name."""
        return "▲ subsets disagree" if self.row.opposite else f"1 SD = {number(self.row.sd, 2)}"

    def words(self) -> str:
        """The row for screen readers and the tooltip."""
        said = [f"{self.name}, 1 SD within prompts is {number(self.row.sd)}"]
        for side, one in zip(SIDES, self.contrasts, strict=True):
            said.append(f"{TITLES[side]}: {contrast_words(one)}")
        clear = [f"{name} {number(part.value, signed=True)}" for name, part in self.row.by.items() if part.excludes(0.0)]
        if clear:
            said.append(f"Chosen − rejected, clearly: {', '.join(clear[:6])}")
        return "\n".join([*said, "Enter selects the pairs that differ in it and opens the example"])


def contrast_words(one: Contrast | None) -> str:
    """An effect with interval, q, pairs, and how often it goes either way."""
    if one is None or one.effect.value is None:
        return "not known"
    ends = f" (95% CI {between(one.effect.low, one.effect.high)})" if one.effect.low is not None else ""
    return (f"{number(one.effect.value, signed=True)} SD{ends}, q {_q(one.q)}, n = {one.effect.n:,}, "
            f"more in {one.more:,} and less in {one.fewer:,} pairs")


def _q(q: float) -> str:
    return "< 0.001" if q < 0.001 else number(q, 3)


class FeatureModel(RowsModel[Line]):
    """Features as rows."""

    def said(self, row: Line, role: int) -> object:
        """The row in words."""
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        spoken = (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
        return row.words() if role in spoken else None


class FeaturePainter(QStyledItemDelegate):
    """Paints a row; the axis is the same in all columns."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.low, self.high = -1.0, 1.0
        self.sides: tuple[str, ...] = SIDES

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines."""
        return QSize(px(300), px(ROW))

    def scale(self, lines: Sequence[Line]) -> None:
        """An axis that holds every interval, and 0."""
        ends = [0.0]
        for line in lines:
            for one in line.contrasts:
                if one is not None:
                    ends += [end for end in (one.effect.low, one.effect.high, one.effect.value) if end is not None]
        low, high = max(min(ends), -2.0), min(max(ends), 2.0)  # a rare feature's interval does not flatten the others
        room = max(0.05 * (high - low), 0.02)
        self.low, self.high = low - room, high + room

    def columns(self, room: QRectF) -> dict[str, QRectF]:
        """Where each column of a row lies."""
        wide = px(NAME if room.width() >= px(NARROW) else NARROW_NAME)
        left = room.left() + px(SIDE + LEFT)
        places = {"name": QRectF(left, room.top(), wide - px(GAP), room.height())}
        left += wide
        each = max((room.right() - px(SIDE) - left) / max(len(self.sides), 1), px(60))
        for side in self.sides:
            places[side] = QRectF(left, room.top(), each - px(GAP), room.height())
            left += each
        return places

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one feature."""
        line: Line = index.data(Qt.ItemDataRole.UserRole)
        room = QRectF(option.rect).adjusted(px(SIDE), 0, -px(SIDE), 0)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, room, option.state, index.row() > 0)
        places = self.columns(QRectF(option.rect))
        self._two_lines(painter, places["name"], line.name, line.note, "text", "amber_text" if line.row.opposite else "text2")
        for side, one in zip(SIDES, line.contrasts, strict=True):
            if side in places:
                self._contrast(painter, places[side], one, room.width() >= px(NARROW))
        painter.restore()

    def _two_lines(self, painter: QPainter, place: QRectF, first: str, second: str, token: str, below: str, weight: int = 500) -> None:
        middle, left = place.center().y(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font("small", weight))
        metrics = QFontMetricsF(painter.font())
        for text, top, role, heavy in ((first, middle - metrics.height() - px(1), token, weight), (second, middle + px(1), below, 0)):
            painter.setFont(font("small", heavy))
            painter.setPen(color(role))
            shown = QFontMetricsF(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(QRectF(place.left(), top, place.width(), metrics.height()), left, shown)

    def _contrast(self, painter: QPainter, place: QRectF, one: Contrast | None, wide: bool) -> None:
        if one is None or one.effect.value is None:
            self._two_lines(painter, place, DASH, "too few pairs", "text2", "text2")
            return
        effect = one.effect
        below = f"q {_q(one.q)} · n = {effect.n:,}" if wide else f"q {_q(one.q)}"
        self._two_lines(painter, place, number(effect.value, signed=True), below, "text" if one.clear else "text2", "text2",
                        600 if one.clear else 400)
        value = effect.value or 0.0
        metrics = QFontMetricsF(font("small"))
        plot = QRectF(place.left() + px(VALUE), place.center().y() - metrics.height() - px(1), place.width() - px(VALUE), metrics.height())
        if plot.width() < px(30):
            return

        def x(at: float) -> float:
            return plot.left() + (min(max(at, self.low), self.high) - self.low) / (self.high - self.low) * plot.width()

        y = plot.center().y()
        painter.setPen(pen("line2", 1.25))
        painter.drawLine(QPointF(x(0.0), place.top() + px(4)), QPointF(x(0.0), y + px(7)))
        token = "text" if one.clear else "neutral"
        painter.setPen(pen(token, 2))
        if effect.low is not None and effect.high is not None:
            painter.drawLine(QPointF(x(effect.low), y), QPointF(x(effect.high), y))
        painter.setBrush(brush(token if one.clear else "surface"))
        painter.setPen(pen(token, 1.5))
        half = px(3.5)
        painter.drawRect(QRectF(x(value) - half, y - half, 2 * half, 2 * half))


class _Header(QWidget):
    """A button a column, which sorts by it; reached by Tab."""

    def __init__(self, painter: FeaturePainter, press: Callable[[str], None]) -> None:
        super().__init__()
        self._painter = painter
        self.setFixedHeight(px(28))
        self.buttons: dict[str, GhostButton] = {}
        for name in ("name", *SIDES):
            button = GhostButton(TITLES[name])
            button.setParent(self)
            button.setToolTip(MEANS[name])
            button.clicked.connect(lambda _=False, name=name: press(name))
            self.buttons[name] = button

    def place(self, sort: tuple[str, bool], right: int) -> None:
        """Put the buttons over their columns, with an arrow at the one that sorts; right: px that a scroll bar takes."""
        places = self._painter.columns(QRectF(self.rect()).adjusted(0, 0, -right, 0))
        for name, button in self.buttons.items():
            button.setVisible(name in places)
            if name not in places:
                continue
            arrow = "" if name != sort[0] else " ↓" if sort[1] else " ↑"
            button.setText(TITLES[name] + arrow)
            if button.sizeHint().width() > places[name].width() + px(GAP):
                button.setText(SHORT[name] + arrow)
            wide = min(button.sizeHint().width(), int(places[name].width()) + px(GAP))
            button.setGeometry(int(places[name].left()) - px(8), 0, wide, self.height())
            button.setAccessibleName(f"Sort by {TITLES[name]}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if isinstance(parent := self.parent(), FeatureList):
            parent.place_header()


class FeatureList(QWidget):
    """The list. `activated(name)` on Enter or click, `sorted(column)` when another column sorts."""

    activated = Signal(str)
    sorted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.model = FeatureModel()
        self.view = _View()
        self.painter = FeaturePainter(self.view)
        self.view.setModel(self.model)
        self.view.setItemDelegate(self.painter)
        self.header = _Header(self.painter, self.press)
        column.addWidget(self.header)
        column.addWidget(self.view, 1)
        self.sort: tuple[str, bool] = ("", True)
        self.lines: list[Line] = []
        self.view.clicked.connect(lambda index: self.activated.emit(self.model.rows[index.row()].row.name))
        self.view.activated.connect(lambda index: self.activated.emit(self.model.rows[index.row()].row.name))
        self.view.verticalScrollBar().rangeChanged.connect(lambda *_: self.place_header())

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show features; the order stays that of the column that sorts, at first that of the table: by the largest effect."""
        self.lines = list(lines)
        self.painter.sides = tuple(side for at, side in enumerate(SIDES) if any(line.contrasts[at] for line in lines))
        if self.sort[0] not in ("", "name", *self.painter.sides):
            self.sort = ("", True)
        self.painter.scale(lines)
        self._put()

    def press(self, column: str) -> None:
        """Sort by a column: effects largest first, whichever way; again: the other way round."""
        self.sort = (column, not self.sort[1] if column == self.sort[0] else column != "name")
        self._put()
        self.sorted.emit(column)

    def _put(self) -> None:
        column, descending = self.sort
        current = self.view.currentIndex().row()
        name = self.model.rows[current].row.name if 0 <= current < len(self.model.rows) else ""
        lines = list(self.lines)
        if column == "name":
            lines.sort(key=lambda line: line.name.lower(), reverse=descending)
        elif column:
            at = SIDES.index(column)

            def size(line: Line) -> float:
                one = line.contrasts[at]
                return -1.0 if one is None or one.effect.value is None else abs(one.effect.value)

            lines.sort(key=size, reverse=descending)
        self.model.put(lines)
        self.select(name)
        self.place_header()

    def place_header(self) -> None:
        """Put the names of the columns over them."""
        bar = self.view.verticalScrollBar()
        self.header.place(self.sort, bar.width() if bar.maximum() > 0 else 0)

    def select(self, name: str) -> None:
        """Make a feature the current row; '' none."""
        place = next((place for place, line in enumerate(self.model.rows) if line.row.name == name), -1)
        if place >= 0:
            self.view.setCurrentIndex(self.model.index(place))
        else:
            self.view.clearSelection()


class _View(QListView):
    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Features")
        self.setAccessibleDescription("Enter selects the pairs that differ in a feature and opens the example; "
                                      "1 to 4 sort by a column.")
        self.setProperty("ownFocusRing", True)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter activates the row, 1 to 4 sort."""
        index, parent = self.currentIndex(), self.parent()
        place = event.key() - Qt.Key.Key_1
        shown = [name for name, button in parent.header.buttons.items() if button.isVisibleTo(parent)] \
            if isinstance(parent, FeatureList) else []
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.activated.emit(index)
        elif isinstance(parent, FeatureList) and 0 <= place < len(shown):
            parent.press(shown[place])
        else:
            super().keyPressEvent(event)
