"""Single marks: estimates with whiskers, and points of a scatter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPen

from rmexplorer.gui.plots.item import INK, MOST_INK, Floats, Item, floats, paint_symbol
from rmexplorer.gui.theme import brush, ink


class _Marks(Item):
    """Marks that can be hovered, pressed and selected."""

    clicked = Signal(int)
    reach = 14.0

    def __init__(self, x: Any, y: Any, tips: Callable[[int], list[str]] | None = None) -> None:
        super().__init__()
        self.x, self.y = floats(x), floats(y)
        self.tips = tips
        self.selected = -1

    def select(self, index: int) -> None:
        """Ring one mark in plum; −1 none."""
        self.selected = int(index)
        self.update()

    def nearest(self, at: QPointF) -> int:
        """The mark within reach of a scene position, or −1."""
        if not self.x.size:
            return -1
        x, y = self.to_px(self.x, self.y)
        distance = np.hypot(x - at.x(), y - at.y())
        distance[~np.isfinite(distance)] = np.inf
        place = int(np.argmin(distance))
        return place if distance[place] <= self.reach else -1

    def hover(self, at: QPointF) -> list[str] | None:
        place = self.nearest(at)
        return self.tips(place) if place >= 0 and self.tips is not None else None

    def mouseClickEvent(self, ev: Any) -> None:
        place = self.nearest(ev.scenePos())
        if place < 0 or ev.button() != Qt.MouseButton.LeftButton:
            ev.ignore()
            return
        ev.accept()
        self.clicked.emit(place)


class WhiskerPoints(_Marks):
    """Estimates with 2 px whiskers without caps; `line` joins them. `clicked` gives the index.

    `hollow` marks (interval includes no effect) are filled with `surface`. `sideways`: intervals lie along x.
    """

    def __init__(self, x: Any, y: Any, low: Any = None, high: Any = None, symbol: str = "square", token: str = "text",
                 size: float = 10.0, hollow: Any = None, sideways: bool = False, line: bool = False,
                 tips: Callable[[int], list[str]] | None = None) -> None:
        super().__init__(x, y, tips)
        self.symbol, self.token, self.size, self.sideways, self.line = symbol, token, size, sideways, line
        self.set_data(x, y, low, high, hollow)

    def set_data(self, x: Any, y: Any, low: Any = None, high: Any = None, hollow: Any = None) -> None:
        """Replace estimates and intervals."""
        self.x, self.y = floats(x), floats(y)
        along = self.x if self.sideways else self.y
        self.low = along if low is None else floats(low)
        self.high = along if high is None else floats(high)
        self.hollow = np.zeros(len(self.x), bool) if hollow is None else np.asarray(hollow, bool)
        ends = np.concatenate([along, self.low, self.high])
        other = np.tile(self.y if self.sideways else self.x, 3)
        self.set_extent(*((ends, other) if self.sideways else (other, ends)))

    def draw(self, painter: QPainter) -> None:
        x, y = self.to_px(self.x, self.y)
        if self.sideways:
            low, high = self.to_px(self.low, 0.0)[0], self.to_px(self.high, 0.0)[0]
        else:
            low, high = self.to_px(0.0, self.low)[1], self.to_px(0.0, self.high)[1]
        if self.line:
            painter.setPen(ink(self.token, 1.25))
            painter.drawPolyline([QPointF(a, b) for a, b in zip(x, y, strict=True) if np.isfinite(a + b)])
        for place in range(len(x)):
            if not np.isfinite(x[place] + y[place]):
                continue
            a, b = float(x[place]), float(y[place])
            painter.setPen(_flat(ink(self.token, 2)))
            if np.isfinite(low[place] + high[place]):
                ends = (QPointF(low[place], b), QPointF(high[place], b)) if self.sideways else \
                    (QPointF(a, low[place]), QPointF(a, high[place]))
                painter.drawLine(*ends)
            size = self.size
            if place == self.selected:
                size += 3
                painter.setPen(ink("surface", 7))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                paint_symbol(painter, self.symbol, a, b, size)
                painter.setPen(ink("plum", 3))
                painter.setBrush(brush(self.token))
                paint_symbol(painter, self.symbol, a, b, size + 3)
            ring = self.hollow[place]
            painter.setPen(ink(self.token, 2) if ring else ink("surface", 1))
            painter.setBrush(brush("surface" if ring else self.token))
            paint_symbol(painter, self.symbol, a, b, size - 2 if ring else size)

    def ink_px(self) -> Floats:
        """Points along the whiskers, and the marks, which count as more."""
        parts = []
        for x, y, low, high in zip(self.x, self.y, self.low, self.high, strict=True):
            ends = ([low, high], [y, y]) if self.sideways else ([x, x], [low, high])
            (a, b), (top, bottom) = self.to_px(*ends)
            count = min(max(int(np.hypot(b - a, bottom - top) / INK), 1), MOST_INK) if np.isfinite(a + b + top + bottom) else 0
            parts.append(np.column_stack([np.linspace(a, b, count), np.linspace(top, bottom, count)]))
            parts.append(np.repeat(np.column_stack(self.to_px([x], [y])), round(self.size), axis=0))
        found: Floats = np.concatenate([np.zeros((0, 2)), *parts])
        known: Floats = found[np.isfinite(found).all(axis=1)]
        return known


class PointItem(_Marks):
    """Points of a scatter in groups, each with marker and token; single marks at alpha 0.5, outliers with a halo.

    Meant for 2,000 points or fewer; more become hexagons. `clicked` gives the index.
    """

    def __init__(self, x: Any, y: Any, group: Any = None, styles: Sequence[tuple[str, str]] = (("circle", "text"),),
                 size: float = 8.0, alpha: int = 128, halo: bool = False,
                 tips: Callable[[int], list[str]] | None = None) -> None:
        """`group` holds for each point its place in `styles`, which are (marker, token) pairs."""
        super().__init__(x, y, tips)
        self.kinds = np.zeros(len(self.x), int) if group is None else np.asarray(group, int)
        self.styles, self.size, self.alpha, self.halo = list(styles), size, alpha, halo
        self.mask: np.ndarray | None = None
        self.set_extent(self.x, self.y)

    def set_mask(self, mask: np.ndarray | None) -> None:
        """Points outside a mask drop to a quarter; None shows all alike."""
        self.mask = mask
        self.update()

    def draw(self, painter: QPainter) -> None:
        x, y = self.to_px(self.x, self.y)
        view = self.view_px()
        seen = (x >= view.left() - 9) & (x <= view.right() + 9) & (y >= view.top() - 9) & (y <= view.bottom() + 9)
        painter.setPen(ink("surface", 2) if self.halo else Qt.PenStyle.NoPen)
        order = np.random.default_rng(0).permutation(len(x))  # mixed, so that no group hides the others
        for inside in (False, True):
            part = seen if self.mask is None else seen & (self.mask if inside else ~self.mask)
            if self.mask is None and not inside:
                continue
            alpha = 255 if self.halo and inside else self.alpha if inside else self.alpha // 4
            brushes = [brush(token, alpha) for _, token in self.styles]
            for place in order[part[order]].tolist():
                kind = self.kinds[place]
                painter.setBrush(brushes[kind])
                paint_symbol(painter, self.styles[kind][0], float(x[place]), float(y[place]), self.size)
        if 0 <= self.selected < len(x) and seen[self.selected]:
            symbol, token = self.styles[self.kinds[self.selected]]
            painter.setBrush(brush(token))
            for stroke in (ink("surface", 7), ink("plum", 3)):
                painter.setPen(stroke)
                paint_symbol(painter, symbol, float(x[self.selected]), float(y[self.selected]), max(self.size, 12.0))


class PairLink(Item):
    """The current pair in a scatter: chosen ● and rejected ◆ ringed in plum and joined by a plum line."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: tuple[float, float, float, float] | None = None
        self.setZValue(950)

    def set_pair(self, chosen: tuple[float, float] | None, rejected: tuple[float, float] | None) -> None:
        """Show the two points; None hides them."""
        self.ends = None if chosen is None or rejected is None else (*chosen, *rejected)
        if self.ends is not None:
            self.set_extent(floats([self.ends[0], self.ends[2]]), floats([self.ends[1], self.ends[3]]))
        self.update()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[None, None]:
        return None, None

    def draw(self, painter: QPainter) -> None:
        if self.ends is None:
            return
        x, y = self.to_px([self.ends[0], self.ends[2]], [self.ends[1], self.ends[3]])
        painter.setPen(ink("plum", 2))
        painter.drawLine(QPointF(x[0], y[0]), QPointF(x[1], y[1]))
        for place, (symbol, token) in enumerate((("circle", "chosen"), ("diamond", "rejected"))):
            painter.setBrush(brush(token))
            for stroke in (ink("surface", 6), ink("plum", 3)):
                painter.setPen(stroke)
                paint_symbol(painter, symbol, float(x[place]), float(y[place]), 13.0)


def _flat(stroke: QPen) -> QPen:
    stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
    return stroke


