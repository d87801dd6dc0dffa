"""Examples of a probe: what the edit put in, marked, with the reward before and after; a click shows the pair."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QListView, QSizePolicy, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from rmexplorer.gui.theme import color, font, ink, px, themes
from rmexplorer.gui.widgets import Span, diff
from rmexplorer.gui.widgets.rows import Index, RowsModel, paint_ground
from rmexplorer.wording import MINUS, number

ROW, NUMBERS, CONTEXT, LONGEST = 31, 186, 52, 220
LINES = re.compile(r"\s*\n\s*")


def snippet(was: str, text: str, rises: bool) -> list[Span]:
    """The place where an edit changed a response: some words before it, what it put in marked, some words after."""
    mark = "raises" if rises else "lowers"
    if not text.strip():
        return [Span("(nothing is left)", mark)]
    spans = [Span(LINES.sub(" ⏎ ", span.text), mark if span.mark else "") for span in diff(was, text)[1]]
    first = next((place for place, span in enumerate(spans) if span.mark), None)
    if first is None:  # white space alone, or words taken out
        return [Span(_ending(spans[0].text if spans else "", LONGEST))]
    before = "".join(span.text for span in spans[:first])
    if len(before) > CONTEXT:
        before = "… " + before[-CONTEXT:].split(" ", 1)[-1]
    return [Span(before), *spans[first:]]


def _ending(text: str, most: int) -> str:
    return text if len(text) <= most else "… " + text[-most:].split(" ", 1)[-1]


@dataclass(frozen=True, eq=False)
class Example:
    """A response that a probe edited: the values of the result, and the snippet that is painted."""

    values: dict[str, Any]
    spans: list[Span]

    @classmethod
    def of(cls, values: dict[str, Any]) -> Example:
        """Cut the snippet."""
        return cls(values, snippet(values["was"], values["text"], values["after"] >= values["before"]))


class ExampleModel(RowsModel[Example]):
    """The examples of one probe."""

    def said(self, row: Example, role: int) -> object:
        """The text, or what a screen reader says of it."""
        one = row.values
        if role == Qt.ItemDataRole.DisplayRole:
            return "".join(span.text for span in row.spans)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            put_in = " ".join(span.text.strip() for span in row.spans if span.mark)
            return (f"Reward {number(one['before'], signed=True)} before, {number(one['after'], signed=True)} after. "
                    f"Changed: {put_in or 'no word'}. {one['text'][:160]}")
        if role == Qt.ItemDataRole.ToolTipRole:
            return one["text"][:1200] or "(nothing is left)"
        return None


class ExampleDelegate(QStyledItemDelegate):
    """Paints a row: the text with its marks, the two rewards, the change with its sign."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One line."""
        return QSize(px(200), px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the row."""
        example: Example = index.data(Qt.ItemDataRole.UserRole)
        room = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, room, option.state, line=bool(index.row()))
        self._text(painter, example.spans, QRectF(room.left() + px(8), room.top(), room.width() - px(NUMBERS + 20), room.height()))
        self._numbers(painter, example.values, room)
        painter.restore()

    def _text(self, painter: QPainter, spans: list[Span], room: QRectF) -> None:
        painter.setFont(font("body"))
        metrics = QFontMetricsF(painter.font())
        base = room.center().y() + metrics.ascent() / 2 - 1
        x = room.left()
        if len(spans) > 1 and metrics.horizontalAdvance("".join(span.text for span in spans)) > room.width():
            before = metrics.elidedText(spans[0].text, Qt.TextElideMode.ElideLeft, room.width() * 0.4)
            spans = [Span(before, spans[0].mark), *spans[1:]]
        for span in spans:
            left = room.right() - x
            if left < metrics.horizontalAdvance("…"):
                return
            text = metrics.elidedText(span.text, Qt.TextElideMode.ElideRight, left)
            wide = metrics.horizontalAdvance(text)
            if span.mark:
                raises = span.mark == "raises"
                inner = metrics.horizontalAdvance(text.lstrip())
                box = QRectF(x + wide - inner, base - metrics.ascent() + 1, metrics.horizontalAdvance(text.strip()),
                             metrics.height() - 1)
                painter.fillRect(box, color("green" if raises else "amber", 100))
                painter.setPen(ink("green" if raises else "amber_text", 1.5,
                                   "solid" if raises else "dot"))
                painter.drawLine(box.bottomLeft(), box.bottomRight())
            painter.setPen(color("text"))
            painter.drawText(QPointF(x, base), text)
            x += wide
            if text != span.text:
                return

    def _numbers(self, painter: QPainter, one: dict[str, Any], room: QRectF) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        change = one["after"] - one["before"]
        right = room.right() - px(8)
        columns = ((px(62), "body", 600, "green_text" if change >= 0 else "amber_text",
                    f"{'↑' if change >= 0 else '↓'} {number(abs(change))}"),
                   (px(54), "body", 600, "text", number(one["after"], signed=True)),
                   (px(22), "body", 0, "text3", "→"),
                   (px(48), "body", 0, "text2", number(one["before"], signed=True)))
        for wide, role, weight, token, text in columns:
            painter.setFont(font(role, weight))
            painter.setPen(color(token))
            painter.drawText(QRectF(right - wide, room.top(), wide, room.height()), middle | Qt.AlignmentFlag.AlignRight, text)
            right -= wide


class ExampleList(QListView):
    """The examples of the probe that is selected. `shown(pair)` on a click, an arrow key or Enter; -1: a text of its own."""

    shown = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listed = ExampleModel()
        self.setModel(self.listed)
        self.setItemDelegate(ExampleDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("ownFocusRing", True)
        self.setAccessibleName("Examples of the edit")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda index: self._show(index.row()))
        themes.theme_changed.connect(self.viewport().update)

    def put(self, examples: Sequence[dict[str, Any]], most: int = 4) -> None:
        """Show these examples, at most `most`."""
        some = examples if len(examples) <= most else [*examples[: most - 1], examples[-1]]
        self.listed.put([Example.of(values) for values in some])
        self.setFixedHeight(px(ROW) * max(1, len(self.listed.rows)) + 2)

    def _show(self, row: int) -> None:
        if 0 <= row < len(self.listed.rows):
            pair = self.listed.rows[row].values["pair"]
            self.shown.emit(-1 if pair is None else int(pair))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move and show, Enter opens."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._show(self.currentIndex().row())
            return
        if event.text().isprintable() and event.text():
            event.ignore()
            return
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        if self.currentIndex().row() != before:
            self._show(self.currentIndex().row())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say so where there is no example."""
        super().paintEvent(event)
        if not self.listed.rows:
            painter = QPainter(self.viewport())
            painter.setFont(font("small"))
            painter.setPen(color("text3"))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                             "  This edit changes none of the responses.")


def change_text(value: float | None) -> str:
    """A change with its sign and direction: ↑ 0.31, ↓ 0.07."""
    if value is None:
        return "–"
    return f"{'↑' if value > 0 else '↓' if value < 0 else ''} {number(abs(value))}".strip().replace("-", MINUS)
