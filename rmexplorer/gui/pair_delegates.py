"""How a pair is painted as a row of the table and as a card; text is laid out when it is seen, and kept."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from rmexplorer.gui.table import COLUMNS, PairModel, PairRow, ratio_text
from rmexplorer.gui.theme import brush, color, font, pen, pixmap, px, themes
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.gui.widgets.rows import Index
from rmexplorer.project import Mark
from rmexplorer.wording import DASH, number

BAR = 3  # px of the plum bar at a selected row
MIDDLE = Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


@lru_cache(maxsize=4096)
def _lines(text: str, face: QFont, width: int, most: int) -> tuple[str, ...]:
    """A text cut into at most `most` lines, the last one with "…" where more follows."""
    layout = QTextLayout(text, face)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.beginLayout()
    found: list[str] = []
    while len(found) < most and (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        start, length = line.textStart(), line.textLength()
        if len(found) == most - 1:
            found.append(QFontMetrics(face).elidedText(text[start:], Qt.TextElideMode.ElideRight, width))
        else:
            found.append(text[start : start + length].rstrip())
    layout.endLayout()
    return tuple(found)


def lines(text: str, role: str, width: float, most: int) -> tuple[str, ...]:
    """A text in the font of a role, cut into at most `most` lines of `width` px."""
    return _lines(text, font(role), max(10, int(width)), most)


def paint_lines(painter: QPainter, texts: tuple[str, ...], left: float, top: float, width: float, step: float) -> None:
    """Paint lines below one another; `step` is the distance of two lines, `top` the top of the first."""
    for place, text in enumerate(texts):
        painter.drawText(QRectF(left, top + place * step, width + 2, step), MIDDLE, text)


class PairDelegate(QStyledItemDelegate):
    """A row of 62 px: number, prompt in two lines, ● and ◆ line, words, ratio, margin with its bar.

    `narrow` puts prompt and responses into one column of three lines. `has_keys`: the view has the keyboard.
    """

    def __init__(self, model: PairModel) -> None:
        super().__init__(model)
        self.model = model
        self.narrow = False
        self.has_keys = False
        self.hovered = -1

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """The guide's height."""
        return QSize(px(60), themes.metrics.row)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        row = self.model.row(index.row())
        room: QRect = option.rect
        name = COLUMNS[index.column()]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, room, row, name, index.row())
        getattr(self, f"_paint_{name}")(painter, QRectF(room), row)
        painter.restore()

    def _paint_ground(self, painter: QPainter, room: QRect, row: PairRow, name: str, place: int) -> None:
        model = self.model
        focused = row.pair == model.focus
        selected = model.selected is not None and bool(model.selected[row.pair])
        if focused or place == self.hovered:
            painter.fillRect(room, color("plum_tint" if focused else "bg"))
        if not focused:
            painter.fillRect(QRect(room.left(), room.bottom(), room.width(), 1), color("line"))
        if name == "pair" and (focused or selected):
            painter.fillRect(QRect(room.left(), room.top(), BAR, room.height()), color("plum"))
        if focused and self.has_keys:  # the row has the focus ring
            painter.fillRect(QRect(room.left(), room.top(), room.width(), 2), color("plum"))
            painter.fillRect(QRect(room.left(), room.bottom() - 1, room.width(), 2), color("plum"))

    def _halves(self, room: QRectF) -> tuple[float, float, float]:
        """Tops of the two lines and their height."""
        step = QFontMetrics(font("small")).height() + px(2)
        top = room.center().y() - step
        return top, top + step, step

    def _thirds(self, room: QRectF) -> tuple[float, float, float]:
        """Tops of the second and third of three lines and their height."""
        step = QFontMetrics(font("strong")).height() + px(1)
        return room.center().y() - step / 2, room.center().y() + step / 2, step

    def _paint_pair(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        left = room.left() + px(10)
        mark = self.model.marks.get(row.pair, Mark())
        if not (mark.star or mark.note):
            painter.drawText(room.adjusted(px(10), 0, 0, 0), MIDDLE, f"{row.pair + 1:,}")
            return
        first, second, step = self._halves(room)
        painter.drawText(QRectF(left, first, room.width(), step), MIDDLE, f"{row.pair + 1:,}")
        for icon, there in (("star", mark.star), ("sticky-note", bool(mark.note))):
            if there:
                painter.drawPixmap(QPointF(left, second + (step - px(13)) / 2), pixmap(icon, "text", 13))
                left += px(17)

    def _paint_prompt(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        width = room.width() - px(16)
        painter.setPen(color("text"))
        painter.setFont(font("strong"))
        step = QFontMetrics(painter.font()).height() + px(1)
        if not self.narrow:
            found = lines(row.prompt or "(no prompt)", "strong", width, 2)
            paint_lines(painter, found, room.left() + px(8), room.center().y() - step * len(found) / 2, width, step)
            return
        second, third, _ = self._thirds(room)
        top = second - step
        paint_lines(
            painter, lines(row.prompt or "(no prompt)", "strong", width, 1), room.left() + px(8), top, width, step
        )
        self._paint_pair_of_lines(painter, row, room.left() + px(8), (second, third), step, width)

    def _paint_responses(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        first, second, step = self._halves(room)
        self._paint_pair_of_lines(painter, row, room.left() + px(8), (first, second), step, room.width() - px(16))

    def _paint_pair_of_lines(
        self, painter: QPainter, row: PairRow, left: float, tops: tuple[float, float], step: float, width: float
    ) -> None:
        painter.setFont(font("small"))
        for kind, text, top in (("chosen", row.chosen, tops[0]), ("rejected", row.rejected, tops[1])):
            paint_mark(painter, "people" if row.tie else kind, QPointF(left + px(4), top + step / 2), px(8))
            painter.setPen(color("text" if text else "text3"))
            found = lines(text or "(empty)", "small", width - px(16), 1)
            paint_lines(painter, found, left + px(16), top, width - px(16), step)

    def _paint_words(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        first, second, step = self._thirds(room) if self.narrow else self._halves(room)
        values: tuple[float, ...] = row.values or row.words
        if len(values) == 1:  # of the pair, not of its responses
            painter.setFont(font("small_strong"))
            painter.setPen(color("text"))
            painter.drawText(room.adjusted(0, 0, -px(8), 0), RIGHT, self.model.value_text(values[0]))
            return
        for value, other, top in ((values[0], values[1], first), (values[1], values[0], second)):
            painter.setFont(font("small_strong" if value > other else "small"))
            painter.setPen(color("text" if value > other else "text2"))
            painter.drawText(QRectF(room.left(), top, room.width() - px(8), step), RIGHT, self.model.value_text(value))

    def _paint_length_ratio(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        painter.drawText(room.adjusted(0, 0, -px(8), 0), RIGHT, ratio_text(row.ratio))

    def _paint_margin(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        inner = room.adjusted(0, 0, -px(14), 0)
        if row.margin is None or row.tie:
            painter.setFont(font("small"))
            painter.setPen(color("text3"))
            painter.drawText(inner, RIGHT, "tie" if row.tie else DASH)
            return
        first, second, step = self._halves(room)
        painter.setFont(font("small_strong"))
        painter.setPen(color("text"))
        painter.drawText(
            QRectF(inner.left(), first - px(1), inner.width(), step), RIGHT, number(row.margin, signed=True)
        )
        paint_margin_bar(
            painter,
            QRectF(inner.right() - px(48), second + (step - px(10)) / 2, px(48), px(10)),
            row.margin / self.model.reach,
        )


def paint_margin_bar(painter: QPainter, room: QRectF, part: float) -> None:
    """A bar from the middle: blue to the right where the chosen has the higher reward, vermilion to the left."""
    middle, half = room.center().x(), room.width() / 2
    length = min(abs(part), 1.0) * half
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(brush("chosen" if part > 0 else "rejected"))
    painter.drawRect(QRectF(middle if part > 0 else middle - length, room.top() + px(2), length, room.height() - px(4)))
    painter.fillRect(QRectF(middle - 0.5, room.top(), 1, room.height()), color("line2"))


class CardDelegate(PairDelegate):
    """A card: number, source and margin; the prompt in two lines; both responses side by side, as much as fits."""

    LINES = 5

    def height(self) -> int:
        """Height of a card with the gap below it."""
        small = QFontMetrics(font("small")).height() + px(2)
        strong = QFontMetrics(font("strong")).height() + px(1)
        return small + 2 * strong + (self.LINES + 1) * small + px(38)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """The height of a card."""
        return QSize(px(300), self.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint the card."""
        row = self.model.row(index.row())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(option.rect).adjusted(px(14), px(4), -px(14), -px(4))
        self._paint_frame(painter, room, row, index.row())
        inner = room.adjusted(px(14), px(10), -px(14), -px(10))
        small = QFontMetrics(font("small")).height() + px(2)
        strong = QFontMetrics(font("strong")).height() + px(1)
        self._paint_head(painter, QRectF(inner.left(), inner.top(), inner.width(), small), row)
        painter.setFont(font("strong"))
        painter.setPen(color("text"))
        top = inner.top() + small + px(3)
        prompt = lines(row.prompt or "(no prompt)", "strong", inner.width(), 2)
        paint_lines(painter, prompt, inner.left(), top, inner.width(), strong)
        top += len(prompt) * strong + px(6)
        half = (inner.width() - px(20)) / 2
        for place, kind in enumerate(("chosen", "rejected")):
            column = QRectF(inner.left() + place * (half + px(20)), top, half, small)
            self._paint_side(painter, column, row, kind, int((inner.bottom() - top) / small) - 1)
        painter.restore()

    def _paint_frame(self, painter: QPainter, room: QRectF, row: PairRow, place: int) -> None:
        model = self.model
        focused = row.pair == model.focus
        selected = model.selected is not None and bool(model.selected[row.pair])
        painter.setBrush(brush("plum_tint" if focused else "bg" if place == self.hovered else "surface"))
        painter.setPen(pen("plum" if focused else "line", 2 if focused and self.has_keys else 1))
        radius = themes.metrics.radius_card
        painter.drawRoundedRect(room.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        if focused or selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("plum"))
            painter.drawRoundedRect(QRectF(room.left(), room.top() + px(6), BAR, room.height() - px(12)), 1.5, 1.5)

    def _paint_head(self, painter: QPainter, room: QRectF, row: PairRow) -> None:
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        said = f"Pair {row.pair + 1:,}" + (f" · {row.source}" if row.source else "") + (" · tie" if row.tie else "")
        if len(row.values) == 1:
            said += f" · {self.model.title('words')}: {self.model.value_text(row.values[0])}"
        painter.drawText(room, MIDDLE, said)
        left = room.left() + QFontMetrics(painter.font()).horizontalAdvance(said) + px(8)
        mark = self.model.marks.get(row.pair, Mark())
        for icon, there in (("star", mark.star), ("sticky-note", bool(mark.note))):
            if there:
                painter.drawPixmap(QPointF(left, room.center().y() - px(13) / 2), pixmap(icon, "text", 13))
                left += px(17)
        if row.margin is None or row.tie:
            return
        text = number(row.margin, signed=True)
        painter.setFont(font("small_strong"))
        painter.setPen(color("text"))
        painter.drawText(room, RIGHT, text)
        width = QFontMetrics(painter.font()).horizontalAdvance("+00.00")
        paint_margin_bar(
            painter,
            QRectF(room.right() - width - px(58), room.center().y() - px(5), px(48), px(10)),
            row.margin / self.model.reach,
        )

    def _paint_side(self, painter: QPainter, head: QRectF, row: PairRow, kind: str, most: int) -> None:
        text, words = (row.chosen, row.words[0]) if kind == "chosen" else (row.rejected, row.words[1])
        name = {"chosen": "First", "rejected": "Second"}[kind] if row.tie else kind.capitalize()
        paint_mark(painter, "people" if row.tie else kind, QPointF(head.left() + px(4), head.center().y()), px(8))
        painter.setFont(font("small_strong"))
        painter.setPen(color("text2" if row.tie else f"{kind}_text"))
        painter.drawText(head.adjusted(px(16), 0, 0, 0), MIDDLE, name)
        painter.setFont(font("small"))
        painter.setPen(color("text3"))
        said = f"{words:,} word{'' if words == 1 else 's'}"
        if len(row.values) == 2:
            said = f"{self.model.title('words')}: {self.model.value_text(row.values[kind == 'rejected'])}"
        painter.drawText(head, RIGHT, said)
        painter.setPen(color("text" if text else "text3"))
        found = lines(text or "(empty)", "small", head.width(), most)
        paint_lines(painter, found, head.left(), head.bottom(), head.width(), head.height())
