"""The reward strip: where the rewards of a pair lie among all rewards, and the margin between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from rmexplorer.gui.theme import brush, color, font, pen, px, themes
from rmexplorer.gui.widgets.labels import paint_mark, signed

TEXT_TOKENS = {"chosen": "chosen_text", "rejected": "rejected_text"}


def round_steps(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (steps of 1, 2 or 5 times a power of ten) within low to high, at most one more than `count`."""
    if not high > low:
        return [low]
    power = float(np.floor(np.log10((high - low) / (count + 1))))
    for step in (factor * 10.0 ** power for factor in (1.0, 2.0, 5.0, 10.0, 20.0)):
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        if last - first <= count:
            break
    return [float(k * step) + 0.0 for k in np.arange(first, last + 1)]


class RewardStrip(QWidget):
    """Marks on the density of all rewards. Marks are (kind, reward): chosen ●, rejected ◆, or a letter as badge."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.density = np.zeros(0)
        self.low, self.high = -4.0, 5.0
        self.marks: list[tuple[str, float]] = []
        self.margin: tuple[int, int] | None = None
        themes.theme_changed.connect(self.update)
        self.setAccessibleName("Rewards of this pair")

    def set_rewards(self, rewards: npt.NDArray[np.floating]) -> None:
        """Draw the density of all rewards; missing ones are left out."""
        finite = np.asarray(rewards, dtype=float)
        finite = finite[np.isfinite(finite)]
        if finite.size:
            low, high = np.quantile(finite, [0.001, 0.999])
            room = max(high - low, 1e-6) * 0.08
            self.low, self.high = float(low - room), float(high + room)
            counts, _ = np.histogram(finite, bins=72, range=(self.low, self.high))
            kernel = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
            smooth = np.convolve(counts, kernel, mode="same")
            self.density = smooth / max(float(smooth.max()), 1e-9)
        else:
            self.density = np.zeros(0)
        self.update()

    def set_marks(self, marks: Sequence[tuple[str, float]], margin: tuple[int, int] | None = None) -> None:
        """Place marks; `margin` names the two between which the line is drawn (of two marks, these)."""
        self.marks = [(kind, float(value)) for kind, value in marks if np.isfinite(value)]
        complete = len(self.marks) == len(marks)
        self.margin = (margin or ((0, 1) if len(self.marks) == 2 else None)) if complete else None
        said = ", ".join(f"{kind} {signed(value)}" for kind, value in self.marks)
        if self.margin is not None:
            said += f", margin {signed(self.margin_value())}"
        self.setAccessibleDescription(said or "no rewards yet")
        self.update()

    def margin_value(self) -> float:
        """The first mark's reward minus the second's."""
        first, second = self.margin or (0, 0)
        return self.marks[first][1] - self.marks[second][1]

    def sizeHint(self) -> QSize:
        return QSize(px(390), px(78))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(220), px(78))

    def _range(self) -> tuple[float, float]:
        values = [value for _, value in self.marks]
        # a number beside the outermost marks
        beside = QFontMetricsF(font("small_strong")).horizontalAdvance("+0.00") + px(14)
        room = (self.high - self.low) * min(0.25, beside / max(self.width() - 2 * beside, 1))
        return min([self.low, *(value - room for value in values)]), max(
            [self.high, *(value + room for value in values)]
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = self._range()
        left, right, base = 4.0, self.width() - 4.0, self.height() - px(22)

        def at(value: float) -> float:
            return left + (value - low) / (high - low) * (right - left)

        if self.density.size:
            xs = np.linspace(self.low, self.high, self.density.size)
            hill = [QPointF(at(x), base - y * (base - px(6))) for x, y in zip(xs, self.density, strict=True)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("hover" if themes.colors.dark else "sunken"))
            painter.drawPolygon(QPolygonF([QPointF(at(self.low), base), *hill, QPointF(at(self.high), base)]))
        painter.setPen(pen("line2"))
        painter.drawLine(QPointF(left, base), QPointF(right, base))
        self._paint_axis(painter, at, low, high, base)
        self._paint_marks(painter, [at(value) for _, value in self.marks], base - px(15), base)

    def _paint_axis(self, painter: QPainter, at: Callable[[float], float], low: float, high: float, base: float) -> None:
        painter.setFont(font("smallest"))
        metrics = QFontMetricsF(painter.font())
        title = "reward →"
        stop = self.width() - metrics.horizontalAdvance(title) - px(8)
        painter.setPen(color("text3"))
        for value in round_steps(low, high):
            text = f"{value:g}".replace("-", "\u2212")
            width = metrics.horizontalAdvance(text)
            x = max(0.0, at(value) - width / 2)
            if x + width < stop:
                painter.drawText(QPointF(x, base + px(5) + metrics.ascent()), text)
        painter.setPen(color("text2"))
        painter.drawText(
            QPointF(self.width() - metrics.horizontalAdvance(title), base + px(5) + metrics.ascent()), title
        )

    def _paint_marks(self, painter: QPainter, places: list[float], y: float, base: float) -> None:
        if self.margin is not None:
            first, second = self.margin
            painter.setPen(pen("text", 2))
            painter.drawLine(QPointF(places[first], y), QPointF(places[second], y))
        for (kind, _), x in zip(self.marks, places, strict=True):
            painter.setPen(pen(kind if kind in TEXT_TOKENS else "text", 1))
            painter.drawLine(QPointF(x, y), QPointF(x, base))
        painter.setFont(font("small_strong"))
        metrics = QFontMetricsF(painter.font())
        order = sorted(range(len(places)), key=lambda i: places[i])
        badges = self._badges(places, order)
        for rank, i in enumerate(order):
            kind, value = self.marks[i]
            x, size = badges[i], px(12 if kind in TEXT_TOKENS else 18)
            if kind in TEXT_TOKENS:
                paint_mark(painter, kind, QPointF(x, y), size)
            else:
                self._paint_badge(painter, kind, QRectF(x - size / 2, y - size / 2, size, size))
            text = signed(value)
            width = metrics.horizontalAdvance(text)
            beside = x + size / 2 + px(4) if rank == len(order) - 1 and rank else x - size / 2 - px(4) - width
            if beside < 0:
                beside = x + size / 2 + px(4)
            if beside + width > self.width():
                beside = x - size / 2 - px(4) - width
            painter.setPen(color(TEXT_TOKENS.get(kind, "text")))
            painter.drawText(QPointF(beside, y + metrics.ascent() / 2 - 1), text)
        if self.margin is not None:
            letters = self.marks[self.margin[0]][0] not in TEXT_TOKENS
            text = signed(self.margin_value()) if letters else f"margin {signed(self.margin_value())}"
            width = metrics.horizontalAdvance(text)
            middle = (places[self.margin[0]] + places[self.margin[1]]) / 2 - width / 2
            painter.setPen(color("text"))
            painter.drawText(QPointF(min(max(middle, 0.0), self.width() - width), y - px(13)), text)

    def _badges(self, places: list[float], order: list[int]) -> list[float]:
        """Where the marks stand: letters of near rewards are pushed apart, their stems stay at the rewards."""
        result, least = list(places), px(20)
        for left, right in itertools.pairwise(order):
            gap = result[right] - result[left]
            if gap < least and self.marks[left][0] not in TEXT_TOKENS:
                result[left] -= (least - gap) / 2
                result[right] += (least - gap) / 2
        return result

    def _paint_badge(self, painter: QPainter, letter: str, room: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("text"))
        painter.drawRoundedRect(room, 4, 4)
        painter.setPen(color("surface"))
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, letter)
