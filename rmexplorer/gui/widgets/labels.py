"""Texts: labels that elide, the headline that greys its intervals, hairlines, marks of the two responses."""

from __future__ import annotations

import re

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QResizeEvent,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

from rmexplorer.gui.theme import brush, color, font, px, set_font, themes

BRACKETS = re.compile(r"(?<![^\s])\([^()]*\)")  # not those of P(chosen)
LONGEST_UNBROKEN = 36  # a longer bracket may break, or a narrow pane would cut it


def label(text: str = "", role: str = "", font_role: str = "body", weight: int = 0, wrap: bool = False) -> QLabel:
    """A plain-text label in the font and colour of a role (secondary, hint, chosen, rejected, plum, error …)."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setWordWrap(wrap)
    result.setProperty("role", role)
    set_font(result, font_role, weight)
    return result


def hairline() -> QFrame:
    """A horizontal line of 1 px."""
    result = QFrame()
    result.setProperty("role", "line")
    result.setFixedHeight(1)
    return result


class ElidedLabel(QLabel):
    """A one-line label that ends in "…" where it is too narrow, and then has its text as tooltip."""

    def __init__(self, text: str = "", role: str = "secondary", font_role: str = "small", weight: int = 0,
                 parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        set_font(self, font_role, weight)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(min(px(24), self.sizeHint().width()), self.sizeHint().height())

    def shown(self) -> str:
        """The text as it is painted."""
        return QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        painter.drawText(self.rect(), int(self.alignment()), self.shown())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.setToolTip("" if self.shown() == self.text() else self.text())


class Headline(QWidget):
    """The finding: at most two lines; what stands in brackets is lighter and does not break."""

    LINES = 2
    LINE_HEIGHT = 1.4

    def __init__(self, text: str = "", role: str = "headline", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.role = role
        self.text = ""
        self.stale = False
        self._heights: dict[int, int] = {}  # by width: a layout asks for the same ones again and again
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        themes.theme_changed.connect(self._restyle)
        self.set_text(text)

    def set_text(self, text: str, stale: bool = False) -> None:
        """Show a sentence; `stale` greys it and says that it was so before the change."""
        self.stale = stale
        if stale and text:
            text = f"{text.rstrip('.')}, before the change."
        self.text = text
        self.setAccessibleName(text)
        self._restyle()

    def _restyle(self) -> None:
        self._heights.clear()
        self.updateGeometry()
        self.update()

    def _line_height(self) -> float:
        return QFontMetrics(font(self.role)).height() * self.LINE_HEIGHT

    def lines(self, width: float, text: str | None = None) -> tuple[QTextLayout, int]:
        """The laid-out text for a width, and how many lines it takes."""
        shown = BRACKETS.sub(_unbroken, self.text if text is None else text)
        layout = QTextLayout(shown, font(self.role))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout.setTextOption(option)
        formats = [_range(0, len(shown), color("text2" if self.stale else "text"), font(self.role))]
        formats += [_range(m.start(), m.end() - m.start(), color("text2"), font(self.role, 400))
                    for m in BRACKETS.finditer(shown)]
        layout.setFormats(formats)
        layout.beginLayout()
        count, step = 0, self._line_height()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, count * step + (step - line.height()) / 2))
            count += 1
        layout.endLayout()
        return layout, count

    def fitted(self, width: float) -> QTextLayout:
        """The layout in at most two lines, cut at a word with "…" where the text is longer."""
        layout, count = self.lines(width)
        if count <= self.LINES:
            self.setToolTip("")
            return layout
        self.setToolTip(self.text)
        words = self.text.split(" ")
        low, high = 0, len(words)
        while low < high:  # the most words that fit
            middle = (low + high + 1) // 2
            if self.lines(width, " ".join(words[:middle]) + " …")[1] <= self.LINES:
                low = middle
            else:
                high = middle - 1
        return self.lines(width, " ".join(words[:low]) + " …")[0]

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if width not in self._heights:
            self._heights[width] = round(min(self.LINES, max(1, self.lines(width)[1])) * self._line_height())
        return self._heights[width]

    def sizeHint(self) -> QSize:
        return QSize(px(560), self.heightForWidth(self.width() if self.width() > 100 else px(560)))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(120), round(self._line_height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(color("text"))
        self.fitted(self.width()).draw(painter, QPointF(0, 0))


def _unbroken(match: re.Match[str]) -> str:
    text = match.group()
    return text.replace(" ", "\u00a0") if len(text) <= LONGEST_UNBROKEN else text


def _range(start: int, length: int, ink: QColor, face: QFont) -> QTextLayout.FormatRange:
    result = QTextLayout.FormatRange()
    result.start, result.length = start, length
    style = QTextCharFormat()
    style.setFont(face)
    style.setForeground(ink)
    result.format = style
    return result


def paint_mark(painter: QPainter, kind: str, center: QPointF, size: float) -> None:
    """Paint a mark by meaning: chosen ●, rejected ◆, model ■, people ○, warning ▲."""
    half = size / 2
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    if kind == "chosen":
        painter.setBrush(brush("chosen"))
        painter.drawEllipse(center, half, half)
    elif kind == "rejected":
        painter.setBrush(brush("rejected"))
        painter.drawPolygon(QPolygonF([center + QPointF(x * half * 1.15, y * half * 1.15)
                                       for x, y in ((0, -1), (1, 0), (0, 1), (-1, 0))]))
    elif kind == "people":
        stroke = painter.pen()
        stroke.setStyle(Qt.PenStyle.SolidLine)
        stroke.setColor(color("neutral"))
        stroke.setWidthF(2)
        painter.setPen(stroke)
        painter.setBrush(brush("surface"))
        painter.drawEllipse(center, half - 1, half - 1)
    elif kind == "warning":
        stroke = painter.pen()
        stroke.setStyle(Qt.PenStyle.SolidLine)
        stroke.setColor(color("amber_text"))
        painter.setPen(stroke)
        painter.setBrush(brush("amber"))
        painter.drawPolygon(
            QPolygonF([center + QPointF(0, -half), center + QPointF(half, half), center + QPointF(-half, half)])
        )
    else:
        painter.setBrush(brush("text"))
        painter.drawRect(QRectF(center.x() - half, center.y() - half, size, size))
    painter.restore()


class Mark(QWidget):
    """A small mark as a widget: chosen, rejected, model, people or warning."""

    def __init__(self, kind: str, size: int = 10, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind, self.size_px = kind, size
        self.setAccessibleName(kind)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(px(self.size_px) + 4, px(self.size_px) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        room: QRect = self.rect()
        paint_mark(painter, self.kind, QPointF(room.width() / 2, room.height() / 2), px(self.size_px))


def signed(value: float, decimals: int = 2) -> str:
    """A number with sign and a true minus: +0.84, −0.53; zero has none."""
    text = f"{abs(value):,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return ("\u2212" if value < 0 else "+") + text


def minus(text: str) -> str:
    """Hyphens before figures replaced by true minus signs."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\u2212", text)
