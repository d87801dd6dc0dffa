"""How a card of a list looks: its number, bar and label, its texts, the signs of star and note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QModelIndex, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from rmexplorer.app.desk import Desk
from rmexplorer.data.glance import reads_right_to_left
from rmexplorer.gui.theme import brush, color, font, pen, pixmap, px, themes
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.gui.widgets.rows import Index
from rmexplorer.project import Mark

CARD = Qt.ItemDataRole.UserRole
LONGEST = 600  # characters of a text that are laid out for its few lines
INSET = 4
BAR = 44


@dataclass(frozen=True)
class ListedLine:
    """One text of a card: its mark (chosen, rejected or none), how many lines it may take, and whether it is grey."""

    text: str
    mark: str = ""
    lines: int = 1
    quiet: bool = False


@dataclass(frozen=True)
class ListedCard:
    """What a card shows: number, bar and label at the left, texts and a grey line at the right.

    pair: row of Dataset.pairs; bar: end of the bar in [-1, 1], from the middle; mark: chosen, rejected or none; filler:
    what stands, in grey, in a line that the texts leave empty; end: what a line above the card says to end there.
    """

    pair: int
    number: str
    bar: float
    label: str
    mark: str
    texts: tuple[ListedLine, ...]
    meta: str
    tip: str
    filler: str = ""
    end: str = ""


class ListOfCards(Protocol):
    """What the painter asks of its list."""

    desk: Desk
    text_lines: int
    widest_label: str
    marked: bool

    def currentIndex(self) -> QModelIndex: ...
    def hasFocus(self) -> bool: ...


class CardPainter(QStyledItemDelegate):
    """Paints one card; broken lines are kept for each width, and forgotten when the list or its width changes."""

    def __init__(self, view: ListOfCards) -> None:
        super().__init__()
        self.view = view
        self._lines: dict[tuple[int, int, int], tuple[list[str], bool]] = {}

    def forget(self) -> None:
        """Lay out texts anew."""
        self._lines.clear()

    def height(self) -> int:
        """Height of every card in this list."""
        body, small = QFontMetrics(font("body")), QFontMetrics(font("small"))
        return px(24) + self.view.text_lines * self._step(body) + small.height() + px(2)

    def _step(self, metrics: QFontMetrics) -> int:
        return round(metrics.height() * 1.16)

    def left_width(self) -> int:
        """Width of the column of numbers."""
        number, small = QFontMetrics(font("title")), QFontMetrics(font("small"))
        widest = small.horizontalAdvance(self.view.widest_label) + (px(14) if self.view.marked else 0)
        return max(number.horizontalAdvance("+0.00"), widest, px(BAR)) + px(16)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As wide as the list, as high as its texts need."""
        return QSize(px(160), self.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint ground, numbers, texts and signs."""
        card: ListedCard | None = index.data(CARD)
        if card is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room: QRect = option.rect
        last = index.row() == index.model().rowCount() - 1
        self._ground(painter, room, card, index.row() == self.view.currentIndex().row(), last)
        left = room.left() + px(16)
        self._numbers(painter, QRect(left, room.top() + px(11), self.left_width() - px(16), room.height()), card)
        start = left + self.left_width()
        self._texts(
            painter,
            QRect(start, room.top() + px(11), room.right() - px(14) - start, room.height() - px(20)),
            index.row(),
            card,
        )
        painter.restore()

    def _ground(self, painter: QPainter, room: QRect, card: ListedCard, current: bool, last: bool) -> None:
        state = self.view.desk.state
        box = QRectF(room).adjusted(px(INSET), 2, -px(INSET), -2)
        if not last:
            painter.setPen(pen("line"))
            painter.drawLine(
                QPointF(room.left() + px(16), room.bottom() + 0.5), QPointF(room.right() - px(14), room.bottom() + 0.5)
            )
        here = state.focus == card.pair
        selected = state.selection.mask is not None and bool(state.selection.mask[card.pair])
        painter.setPen(Qt.PenStyle.NoPen)
        if here:
            painter.setBrush(brush("plum_tint"))
            painter.drawRoundedRect(box, themes.metrics.radius, themes.metrics.radius)
        if here or selected:  # a solid bar for the pair in the inspector, a dashed one for a selected pair
            stroke = pen("plum", 3.0, "solid" if here and not selected else "dash")
            stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(stroke)
            painter.drawLine(
                QPointF(box.left() + 1.5, box.top() + px(3)), QPointF(box.left() + 1.5, box.bottom() - px(3))
            )
        if current and self.view.hasFocus():
            painter.setPen(pen("plum", 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), themes.metrics.radius, themes.metrics.radius)
        if card.end:
            self._end(painter, room, card.end)

    def _end(self, painter: QPainter, room: QRect, text: str) -> None:
        painter.setFont(font("smallest"))
        metrics = QFontMetrics(painter.font())
        width, y = metrics.horizontalAdvance(text) + px(12), room.top() - 0.5
        left, right = room.left() + px(16), room.right() - px(14)
        painter.setPen(pen("surface", 1.0))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        painter.setPen(pen("plum", 1.0, "dash"))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        box = QRectF(right - width, y - metrics.height() / 2, width, metrics.height())
        painter.fillRect(box, brush("surface"))
        painter.setPen(color("plum_text"))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)

    def _numbers(self, painter: QPainter, room: QRect, card: ListedCard) -> None:
        painter.setFont(font("title"))
        painter.setPen(color("text"))
        metrics = QFontMetrics(painter.font())
        painter.drawText(QPointF(room.left(), room.top() + metrics.ascent()), card.number)
        y = room.top() + metrics.height() + px(6)
        self._bar(painter, room.left(), y, card.bar)
        painter.setFont(font("small"))
        small = QFontMetrics(painter.font())
        base = y + px(9) + small.ascent()
        start = float(room.left())
        if card.mark:
            paint_mark(painter, card.mark, QPointF(start + px(5), base - small.ascent() / 2 + 1.5), px(9))
            start += px(14)
        painter.setPen(color(f"{card.mark}_text" if card.mark else "text2"))
        painter.drawText(QPointF(start, base), card.label)

    def _bar(self, painter: QPainter, left: int, y: int, end: float) -> None:
        middle, half = left + px(BAR) / 2, px(BAR) / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("line"))
        painter.drawRoundedRect(QRectF(left, y, px(BAR), px(3)), 1.5, 1.5)
        at = middle + half * max(-1.0, min(1.0, end))
        painter.setBrush(brush("neutral"))
        painter.drawRoundedRect(QRectF(min(middle, at), y, max(abs(at - middle), 2.0), px(3)), 1.5, 1.5)
        painter.setPen(pen("line2"))
        painter.drawLine(QPointF(middle, y - 2), QPointF(middle, y + px(3) + 2))

    def _texts(self, painter: QPainter, room: QRect, row: int, card: ListedCard) -> None:
        metrics = QFontMetrics(font("body"))
        step, y = self._step(metrics), room.top()
        signs = self._signs(painter, room, card)
        bottom = y + self.view.text_lines * step
        filler = (ListedLine(card.filler, quiet=True),) if card.filler else ()
        for place, line in enumerate((*card.texts, *filler)):
            if y >= bottom:
                break
            painter.setFont(font("body"))
            indent = px(16) if line.mark else 0
            if line.mark:
                paint_mark(painter, line.mark, QPointF(room.left() + px(5), y + step / 2), px(9))
            painter.setPen(color("text2" if line.quiet else "text"))
            width = room.width() - indent - (signs if place == 0 and line.lines == 1 else 0)
            lines, rtl = self.broken(row, place, line, width)
            painter.setLayoutDirection(Qt.LayoutDirection.RightToLeft if rtl else Qt.LayoutDirection.LeftToRight)
            for text in lines:
                painter.drawText(QRect(room.left() + indent, y, width, step), int(Qt.AlignmentFlag.AlignVCenter), text)
                y += step
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        small = QFontMetrics(painter.font())
        width = room.width() - signs
        painter.drawText(
            QPointF(room.left(), room.bottom() - small.descent()),
            small.elidedText(card.meta, Qt.TextElideMode.ElideRight, width),
        )

    def _signs(self, painter: QPainter, room: QRect, card: ListedCard) -> int:
        """Star and note at the lower right; returns the width they take."""
        mark = self.view.desk.state.marks.get(card.pair, Mark())
        names = [name for name, there in (("star", mark.star), ("sticky-note", mark.note)) if there]
        for place, name in enumerate(names):
            at = QPoint(room.right() - px(14) - place * px(18), room.bottom() - px(14))
            painter.drawPixmap(at, pixmap(name, "plum", 14))
        return px(18) * len(names)

    def broken(self, row: int, place: int, line: ListedLine, width: int) -> tuple[list[str], bool]:
        """The lines of a text at a width, the last one ended by "…" where more follows; whether it reads from the right."""
        key = (row, place, width)
        if key not in self._lines:
            self._lines[key] = broken(line.text, width, line.lines), reads_right_to_left(line.text[:LONGEST])
        return self._lines[key]


def broken(text: str, width: int, most: int) -> list[str]:
    """A text in at most `most` lines of the body font at `width` px; white space is one blank; "…" where it goes on."""
    metrics = QFontMetrics(font("body"))
    cut = len(text) > LONGEST
    text = " ".join(text[:LONGEST].split()) + ("…" if cut else "")
    if not text:
        return ["(empty)"]
    option = QTextOption()
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout = QTextLayout(text, font("body"))
    layout.setTextOption(option)
    found: list[str] = []
    start = 0
    units = text.encode("utf-16-le", "surrogatepass")  # Qt counts UTF-16 units
    layout.beginLayout()
    while len(found) < most and (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        start, length = line.textStart(), line.textLength()
        if len(found) == most - 1:
            rest = units[2 * start :].decode("utf-16-le", "replace")
            found.append(metrics.elidedText(rest, Qt.TextElideMode.ElideRight, width))
        else:
            found.append(units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace").strip())
    layout.endLayout()
    return found
