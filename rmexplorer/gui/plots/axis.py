"""Axes with few round labels, and the grid at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from rmexplorer.gui.plots.item import Item
from rmexplorer.gui.theme import color, font, ink, px, themes
from rmexplorer.gui.widgets.labels import minus
from rmexplorer.gui.widgets.reward_strip import round_steps


class RoundAxis(pg.AxisItem):
    """An axis of 4 to 6 round labels; only a bottom axis has a line.

    `kind` is number, signed, percent, count, log2 or log10 (data are logarithms, labels are not), or ticks are given.
    """

    def __init__(self, orientation: str, kind: str = "number") -> None:
        super().__init__(orientation)
        self.kind = kind
        self.line = True
        self.fixed: list[tuple[float, str]] | None = None
        self.setStyle(
            tickLength=0,
            tickTextOffset=6,
            autoExpandTextSpace=False,
            autoReduceTextSpace=False,
            hideOverlappingLabels=False,
        )
        self.restyle()
        themes.theme_changed.connect(self.restyle)

    def restyle(self) -> None:
        """Take font and colours again."""
        self.setStyle(tickFont=font("small"))
        self.setTextPen(color("text3"))
        self.setPen(color("line2"))
        if self.orientation == "bottom":
            self.setHeight(px(24))
        self.picture = None
        self.update()

    def set_ticks(self, ticks: Sequence[tuple[float, str]]) -> None:
        """Fix the labels: categories, or values chosen by hand."""
        self.fixed = list(ticks)
        self.picture = None
        self.update()

    def values(self, low: float, high: float) -> list[float]:
        """Where labels and grid lines stand between two values."""
        if self.fixed is not None:
            return [value for value, _ in self.fixed if low <= value <= high]
        if self.kind in ("log2", "log10"):
            first, last = int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9))
            if last > first:
                step = max(1, int(np.ceil((last - first) / 5)))
                return [float(v) for v in range(first + (-first) % step, last + 1, step)]
        return round_steps(low, high, 5)

    def text(self, value: float, step: float) -> str:
        """The label of a value; `step` is the distance of labels."""
        if self.fixed is not None:
            return next((text for known, text in self.fixed if known == value), "")
        if self.kind in ("log2", "log10"):
            number = (2.0 if self.kind == "log2" else 10.0) ** value
            return f"{number:,.0f}" if number >= 1 else f"{number:.2g}"
        if self.kind == "percent":
            return f"{value * 100:.{0 if step >= 0.0099 else 1}f}%"
        decimals = 0 if step >= 0.999 else min(6, int(np.ceil(-np.log10(step) - 1e-6)))
        plus = "+" if self.kind == "signed" and value > 1e-12 else ""
        text = minus(f"{value:,.{decimals}f}")
        return plus + (text[1:] if text.startswith("\u2212") and not text.strip("\u22120.,") else text)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        values = self.values(minVal, maxVal)
        return [(values[1] - values[0] if len(values) > 1 else 1.0, values)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self.text(value, spacing) for value in values]

    def drawPicture(self, p: QPainter, axisSpec: Any, tickSpecs: Any, textSpecs: Any) -> None:
        if self.orientation == "bottom" and self.line:
            _, start, end = axisSpec
            p.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            p.setPen(ink("line2"))
            p.drawLine(start, end)
        p.setRenderHint(QPainter.RenderHint.Antialiasing)
        p.setFont(font("small"))
        p.setPen(color("text3"))
        room = self.mapRectFromParent(self.geometry())  # boundingRect reaches 15 px beyond what is in sight
        for rect, flags, text in textSpecs:
            if self.orientation == "bottom":  # a label at the end of the axis stays whole
                rect.moveLeft(max(min(rect.left(), room.right() - rect.width()), room.left()))
            p.drawText(rect, int(flags), text)


class Grid(Item):
    """Grid lines at the labels of both axes, below everything; `lines` is both, x, y or none."""

    def __init__(self, plot: pg.PlotItem, lines: str) -> None:
        super().__init__()
        self.plot, self.lines = plot, lines
        self.setZValue(-1000)

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[None, None]:
        return None, None

    def draw(self, painter: QPainter) -> None:
        view = self.view_px()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(ink("grid"))
        (x_low, x_high), (y_low, y_high) = self.getViewBox().viewRange()
        if self.lines in ("both", "x"):
            for x in self.to_px(self.plot.getAxis("bottom").values(x_low, x_high), 0.0)[0]:
                painter.drawLine(QPointF(x, view.top()), QPointF(x, view.bottom()))
        if self.lines in ("both", "y"):
            for y in self.to_px(0.0, self.plot.getAxis("left").values(y_low, y_high))[1]:
                painter.drawLine(QPointF(view.left(), y), QPointF(view.right(), y))
