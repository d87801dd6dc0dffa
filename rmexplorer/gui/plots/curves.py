"""Lines, bands, reference lines, step histograms and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter

from rmexplorer.gui.plots.item import INK, MOST_INK, Floats, Item, floats, paint_symbol, polyline
from rmexplorer.gui.theme import brush, color, font, ink


class BandItem(Item):
    """The area between two curves; `over_marks` lays `surface` below it, so that it shows on hexagons."""

    def __init__(
        self, x: Any, low: Any, high: Any, token: str = "text", alpha: int = 30, over_marks: bool = False
    ) -> None:
        super().__init__()
        self.token, self.alpha, self.over_marks = token, alpha, over_marks
        self.set_data(x, low, high)

    def set_data(self, x: Any, low: Any, high: Any) -> None:
        """Replace the curves."""
        self.x, self.low, self.high = floats(x), floats(low), floats(high)
        self.set_extent(np.concatenate([self.x, self.x]), np.concatenate([self.low, self.high]))

    def draw(self, painter: QPainter) -> None:
        paint_band(self, painter, self.x, self.low, self.high)


def paint_band(item: BandItem | LineCurve, painter: QPainter, x: Floats, low: Floats, high: Floats) -> None:
    """Fill between two curves in the item's colour; over marks on a veil, so that they shine through."""
    known = np.isfinite(low) & np.isfinite(high)
    across, top = item.to_px(x[known], high[known])
    _, bottom = item.to_px(x[known], low[known])
    area = polyline(np.concatenate([across, across[::-1]]), np.concatenate([top, bottom[::-1]]))
    painter.setPen(Qt.PenStyle.NoPen)
    if item.over_marks:
        painter.setBrush(brush("surface", 190))
        painter.drawPolygon(area)
    painter.setBrush(brush(item.token, 78 if item.over_marks else item.alpha))
    painter.drawPolygon(area)


class LineCurve(Item):
    """A line with an optional band and dots: main 2.25 wide, secondary 1.75 (`neutral`), reference 1 dashed."""

    def __init__(self, x: Any, y: Any, low: Any = None, high: Any = None, token: str = "text", width: float = 2.25,
                 style: str = "solid", alpha: int = 30, marker: str = "", marker_size: float = 6.0,
                 over_marks: bool = False) -> None:
        super().__init__()
        self.token, self.width, self.style, self.alpha = token, width, style, alpha
        self.marker, self.marker_size, self.over_marks = marker, marker_size, over_marks
        self.set_data(x, y, low, high)

    def set_data(self, x: Any, y: Any, low: Any = None, high: Any = None) -> None:
        """Replace the points, and the interval of each."""
        self.x, self.y = floats(x), floats(y)
        self.low = None if low is None else floats(low)
        self.high = None if high is None else floats(high)
        parts = [self.y] + [part for part in (self.low, self.high) if part is not None]
        self.set_extent(np.concatenate([self.x] * len(parts)), np.concatenate(parts))

    def draw(self, painter: QPainter) -> None:
        if self.low is not None and self.high is not None:
            paint_band(self, painter, self.x, self.low, self.high)
        x, y = self.to_px(self.x, self.y)
        painter.setPen(ink(self.token, self.width, self.style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(polyline(x, y))
        if self.marker:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush(self.token))
            for a, b in zip(x, y, strict=True):
                if np.isfinite(a) and np.isfinite(b):
                    paint_symbol(painter, self.marker, float(a), float(b), self.marker_size)

    def ink_px(self) -> Floats:
        """Points along the line."""
        known = np.isfinite(self.x) & np.isfinite(self.y)
        x, y = self.to_px(self.x[known], self.y[known])
        if not x.size:
            return np.zeros((0, 2))
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        steps = np.linspace(0.0, along[-1], min(int(along[-1] / INK) + 2, MOST_INK))
        return np.column_stack([np.interp(steps, along, x), np.interp(steps, along, y)])

    def hover(self, at: QPointF) -> list[str] | None:
        if not self.x.size:
            return None
        x, y = self.to_px(self.x, self.y)
        near = np.hypot(x - at.x(), y - at.y())
        if not np.isfinite(near).any():
            return None
        place = int(np.nanargmin(near))
        if near[place] > 14:
            return None
        lines = [f"{self.y[place]:,.4g}", f"at {self.x[place]:,.4g}"]
        if self.low is not None and self.high is not None:
            lines.append(f"interval {self.low[place]:,.3g} to {self.high[place]:,.3g}")
        return [line.replace("-", "\u2212") for line in lines]


class ReferenceLine(Item):
    """A dashed line with a direct label: horizontal at `value`, vertical, or sloped through y = value + slope · x.

    `at` says where the label stands: right, left; `below` puts it under the line.
    """

    def __init__(self, value: float, text: str = "", orientation: str = "h", slope: float = 0.0, token: str = "line2",
                 style: str = "dash", at: str = "right", below: bool = False, width: float = 1.0) -> None:
        super().__init__()
        self.value, self.text, self.orientation, self.slope = float(value), text, orientation, slope
        self.token, self.style, self.at, self.below, self.width = token, style, at, below, width
        self.setZValue(-10)

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def dataBounds(
        self, axis: int, frac: float = 1.0, orthoRange: Any = None
    ) -> tuple[float, float] | tuple[None, None]:
        wanted = {"h": 1, "v": 0}.get(self.orientation)
        return (self.value, self.value) if axis == wanted else (None, None)

    def set_value(self, value: float, text: str | None = None) -> None:
        """Move the line."""
        self.value = float(value)
        self.text = self.text if text is None else text
        self.informViewBoundsChanged()
        self.update()

    def draw(self, painter: QPainter) -> None:
        view = self.view_px()
        painter.setPen(ink(self.token, self.width, self.style))
        painter.setFont(font("small"))
        metrics = QFontMetricsF(painter.font())
        width = metrics.horizontalAdvance(self.text) + 4
        if self.orientation == "v":
            x = float(self.to_px([self.value], [0.0])[0][0])
            painter.drawLine(QPointF(x, view.top()), QPointF(x, view.bottom()))
            left = x + 6 if x + 6 + width < view.right() else x - 6 - width
            top = view.top() + 2
        else:
            low, high = self.getViewBox().viewRange()[0]
            xs, ys = self.to_px([low, high], [self.value + self.slope * low, self.value + self.slope * high])
            painter.drawLine(QPointF(xs[0], ys[0]), QPointF(xs[1], ys[1]))
            left = view.left() + 6 if self.at == "left" else view.right() - width - 6
            y = float(np.interp(left + width / 2, xs, ys))
            above = y - metrics.height() - 2
            top = y + 2 if self.below or above < view.top() else above
            if top + metrics.height() > view.bottom():
                top = above
        if self.text:
            painter.setPen(color("text2"))
            painter.drawText(QRectF(left, top, width, metrics.height()), Qt.AlignmentFlag.AlignVCenter, self.text)


class StepHistogram(Item):
    """Counts as a step outline 1.75 wide over a faint fill; `sideways` grows it along x, for a right marginal."""

    padding = 3.0

    def __init__(self, edges: Any, counts: Any, token: str = "text", sideways: bool = False, fill: int = 16,
                 width: float = 1.75) -> None:
        super().__init__()
        self.token, self.sideways, self.fill, self.width = token, sideways, fill, width
        self.set_data(edges, counts)

    def set_data(self, edges: Any, counts: Any) -> None:
        """Replace the histogram: one more edge than counts."""
        self.edges, self.counts = floats(edges), floats(counts)
        along, up = self.outline()
        self.set_extent(*((up, along) if self.sideways else (along, up)))

    def outline(self) -> tuple[Floats, Floats]:
        """Corners of the steps, from zero to zero."""
        along = np.repeat(self.edges, 2)
        return along, np.concatenate([[0.0], np.repeat(self.counts, 2), [0.0]])

    def draw(self, painter: QPainter) -> None:
        along, up = self.outline()
        x, y = self.to_px(*((up, along) if self.sideways else (along, up)))
        shape = polyline(x, y)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush(self.token, self.fill))
        painter.drawPolygon(shape)
        painter.setPen(ink(self.token, self.width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(shape)


class Bars(Item):
    """Solid bars between edges, from zero; a second count in plum over them is the selected part."""

    padding = 3.0

    def __init__(self, edges: Any, counts: Any, selected: Any = None, token: str = "neutral_fill",
                 names: Sequence[str] = ()) -> None:
        super().__init__()
        self.token, self.names = token, list(names)
        self.set_data(edges, counts, selected)

    def set_data(self, edges: Any, counts: Any, selected: Any = None) -> None:
        """Replace the counts."""
        self.edges, self.counts = floats(edges), floats(counts)
        self.selected = None if selected is None else floats(selected)
        self.set_extent(self.edges, np.concatenate([[0.0], self.counts]) if self.counts.size else self.counts)

    def draw(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for counts, token in ((self.counts, self.token), (self.selected, "plum")):
            if counts is None:
                continue
            x, _ = self.to_px(self.edges, 0.0)
            _, top = self.to_px(0.0, counts)
            base = float(self.to_px([0.0], [0.0])[1][0])
            painter.setBrush(brush(token))
            for left, right, y in zip(x[:-1], x[1:], top, strict=True):
                if abs(base - y) > 0.01:
                    painter.drawRect(QRectF(QPointF(left + 0.5, y), QPointF(max(right - 0.5, left + 1.0), base)))

    def hover(self, at: QPointF) -> list[str] | None:
        x, _ = self.to_px(self.edges, 0.0)
        place = int(np.searchsorted(x, at.x())) - 1
        if not 0 <= place < len(self.counts):
            return None
        name = (
            self.names[place]
            if place < len(self.names)
            else f"{self.edges[place]:,.3g} to {self.edges[place + 1]:,.3g}"
        )
        return [f"{self.counts[place]:,.0f}", name.replace("-", "\u2212")]


class Hill(Item):
    """A filled density on a base line, faint: what all responses do, behind a mean."""

    def __init__(self, x: Any, y: Any, token: str = "neutral", alpha: int = 60) -> None:
        super().__init__()
        self.token, self.alpha = token, alpha
        self.x, self.y = floats(x), floats(y)
        self.set_extent(self.x, np.concatenate([[0.0], self.y]))

    def draw(self, painter: QPainter) -> None:
        x, y = self.to_px(self.x, self.y)
        base = float(self.to_px([0.0], [0.0])[1][0])
        if x.size:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush(self.token, self.alpha))
            painter.drawPolygon(polyline(np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[base], y, [base]])))
