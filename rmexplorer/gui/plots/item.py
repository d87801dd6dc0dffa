"""What all plotted items share: they are painted in screen px, know their extent, and follow the theme."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPolygonF, QTransform

from rmexplorer.gui.theme import brush, color, font, themes

Floats = npt.NDArray[np.float64]
PLACES, HIDDEN_LABEL = 33, 100.0  # places that are tried along a line; a label hidden counts as so many points of marks
INK, MOST_INK = 4.0, 2_000  # px between the points of `Item.ink_px`; further apart on a line that is zoomed far out of sight


def floats(values: Any) -> Floats:
    """Any sequence of numbers as float64."""
    return np.asarray(values, dtype=np.float64)


class Item(pg.GraphicsObject):
    """Base of plotted items: subclasses set `extent` (data) and paint in `draw` with arrays mapped by `to_px`.

    `padding` is how far, in px, an item paints beyond its extent.
    """

    padding = 14.0

    def __init__(self) -> None:
        super().__init__()
        self.extent = QRectF()
        self.mapping = QTransform()
        themes.theme_changed.connect(self.restyle)

    def restyle(self) -> None:
        """Take colours and widths from the theme again."""
        self.update()

    def set_extent(self, x: Floats, y: Floats) -> None:
        """Take the extent from data; what is not finite counts not."""
        self.prepareGeometryChange()
        x, y = x[np.isfinite(x)], y[np.isfinite(y)]
        if x.size and y.size:
            self.extent = QRectF(float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y)))
        else:
            self.extent = QRectF()
        self.informViewBoundsChanged()
        self.update()

    def boundingRect(self) -> QRectF:
        wide, high = self.pixelVectors()
        across = wide.x() * self.padding if wide is not None else 0.0
        up = abs(high.y()) * self.padding if high is not None else 0.0
        return self.extent.adjusted(-across, -up, across, up)

    def dataBounds(
        self, axis: int, frac: float = 1.0, orthoRange: Any = None
    ) -> tuple[float, float] | tuple[None, None]:
        if self.extent.isNull():
            return None, None
        if axis == 0:
            return self.extent.left(), self.extent.right()
        return self.extent.top(), self.extent.bottom()

    def pixelPadding(self) -> float:
        return self.padding

    def viewTransformChanged(self) -> None:
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def to_px(self, x: Any, y: Any) -> tuple[Floats, Floats]:
        """Data to screen px; valid while painting and after it."""
        return floats(x) * self.mapping.m11() + self.mapping.dx(), floats(y) * self.mapping.m22() + self.mapping.dy()

    def view_px(self) -> QRectF:
        """The visible part of the plot in screen px."""
        box = self.getViewBox()
        return QRectF(box.sceneBoundingRect()) if box is not None else QRectF()

    def paint(self, painter: QPainter, *args: Any) -> None:
        self.mapping = self.sceneTransform()
        inverse, possible = self.mapping.inverted()
        if not possible or self.getViewBox() is None:
            return
        painter.save()
        painter.setTransform(inverse, True)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw(painter)
        painter.restore()

    def draw(self, painter: QPainter) -> None:
        """Paint in screen px."""

    def ink_px(self) -> Floats:
        """(n, 2) points in screen px, some px apart, along what a label should not hide; valid while painting."""
        return np.zeros((0, 2))

    def hover(self, at: QPointF) -> list[str] | None:
        """Lines of the tooltip card for a scene position, or None where this item has nothing."""
        return None


def polyline(x: Floats, y: Floats) -> QPolygonF:
    """Arrays as a polygon; missing points are left out."""
    return QPolygonF([QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True) if a == a and b == b])


def paint_symbol(painter: QPainter, symbol: str, x: float, y: float, size: float) -> None:
    """Paint a marker with the painter's pen and brush: circle, square, or one of SHAPES; `size` grows with zoom."""
    half = size / 2 * themes.fonts.scale
    if symbol == "circle":
        painter.drawEllipse(QPointF(x, y), half, half)
    elif symbol == "square":
        painter.drawRect(QRectF(x - half, y - half, 2 * half, 2 * half))
    else:
        painter.drawPolygon(QPolygonF([QPointF(x + a * half, y + b * half) for a, b in SHAPES[symbol]]))


def _regular(corners: int, inner: float = 0.0) -> list[tuple[float, float]]:
    count = corners * (2 if inner else 1)
    angles = -np.pi / 2 + np.arange(count) * 2 * np.pi / count
    lengths = np.where(np.arange(count) % 2 == 1, inner, 1.15) if inner else np.full(count, 1.1)
    return [(float(np.cos(a) * r), float(np.sin(a) * r)) for a, r in zip(angles, lengths, strict=True)]


SHAPES: dict[str, list[tuple[float, float]]] = {
    "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
    "triangle": [(0, -1), (1.05, 0.9), (-1.05, 0.9)],
    "triangle_down": [(0, 1), (1.05, -0.9), (-1.05, -0.9)],
    "cross": [(-.35, -1), (.35, -1), (.35, -.35), (1, -.35), (1, .35), (.35, .35), (.35, 1), (-.35, 1), (-.35, .35),
              (-1, .35), (-1, -.35), (-.35, -.35)],
    "star": _regular(5, 0.5),
    "pentagon": _regular(5),
}


class Label:
    """One direct label: text at a data point, on a side of it (right, left, above, below, center).

    `along`: it names a level line and may stand anywhere along it, where it hides the fewest marks; `x` is its wish.
    """

    def __init__(self, text: str, x: float, y: float, token: str = "text", side: str = "right", weight: int = 0,
                 boxed: bool = True, tint: str = "", gap: float = 10.0, along: bool = False) -> None:
        self.text, self.x, self.y, self.token = text, x, y, token
        self.side, self.weight, self.boxed, self.tint, self.gap, self.along = side, weight, boxed, tint, gap, along
        self.box = QRectF()


class Labels(Item):
    """All labels of a plot: kept inside it, moved apart where they would overlap, on `surface` above the marks."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[Label] = []
        self.marks: list[Item] = []  # what names of lines keep off, as far as there is room
        self.setZValue(1000)

    def add(self, label: Label) -> Label:
        """Add a label; it appears with the next paint."""
        self.labels.append(label)
        self.update()
        return label

    def clear(self) -> None:
        """Remove all labels."""
        self.labels.clear()
        self.marks.clear()
        self.update()

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[None, None]:
        return None, None

    def place(self, view: QRectF) -> None:
        """Give each label its box, inside `view` and clear of those before it."""
        taken: list[QRectF] = []
        marks = np.concatenate([np.zeros((0, 2)), *(mark.ink_px() for mark in self.marks)])
        for label in sorted(self.labels, key=lambda one: one.along):
            metrics = QFontMetricsF(self.font_of(label))
            lines = label.text.split("\n")
            width = max(metrics.horizontalAdvance(line) for line in lines) + 8
            height = metrics.height() * len(lines) + 2
            xs, ys = self.to_px([label.x], [label.y])
            x, y = float(xs[0]), float(ys[0])
            gap = label.gap * themes.fonts.scale
            if label.along:
                label.box = _beside_line(QSizeF(width, height), QPointF(x, y), gap, marks, taken, view)
                inner = label.box.adjusted(4, 3, -4, -3)
                label.boxed = any(inner.contains(QPointF(*point)) for point in marks.tolist())  # to be read over a mark
                taken.append(label.box)
                continue
            left = {"right": x + gap - 4, "left": x - gap + 4 - width}.get(label.side, x - width / 2)
            top = {"above": y - gap - height, "below": y + gap}.get(label.side, y - height / 2)
            if label.side == "right" and left + width > view.right():  # no room beside the end: above it, inwards
                left, top = view.right() - width, y - gap - height
                if top < view.top():
                    top = y + gap
            left = min(max(left, view.left()), view.right() - width)
            top = min(max(top, view.top()), view.bottom() - height)
            label.box = _free(QRectF(left, top, width, height), taken, view)
            taken.append(label.box)

    def font_of(self, label: Label) -> QFont:
        """The font a label is painted in."""
        return font("small", label.weight)

    def draw(self, painter: QPainter) -> None:
        view = self.view_px()
        self.place(view)
        for label in self.labels:
            (x,), (y,) = self.to_px([label.x], [label.y])
            if not (view.top() - 2 <= y <= view.bottom() + 2 if label.along else view.left() - 2 <= x <= view.right() + 2):
                continue
            if label.boxed or label.tint:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(brush(label.tint) if label.tint else brush("surface", 215))
                painter.drawRoundedRect(label.box, 3, 3)
            painter.setFont(self.font_of(label))
            painter.setPen(color(label.token))
            painter.drawText(
                label.box.adjusted(4, 1, -4, -1), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, label.text
            )


def _beside_line(size: QSizeF, wish: QPointF, gap: float, marks: Floats, taken: list[QRectF], view: QRectF) -> QRectF:
    """A box above or below a level line that hides the fewest points (n, 2) of marks and no label; nearest to the wish."""
    best, least = QRectF(), np.inf
    for top in (wish.y() - gap - size.height(), wish.y() + gap):
        top = min(max(top, view.top()), view.bottom() - size.height())
        near = marks[(marks[:, 1] >= top - 1) & (marks[:, 1] <= top + size.height() + 1), 0]
        for left in np.linspace(view.left(), view.right() - size.width(), PLACES).tolist():
            box = QRectF(left, top, size.width(), size.height())
            text = box.adjusted(0, 3, 0, -3)  # without the room around its letters
            cost = float(np.count_nonzero((near >= left - 2) & (near <= left + size.width() + 2)))
            cost += HIDDEN_LABEL * sum(text.intersects(other) for other in taken) + abs(box.center().x() - wish.x()) / view.width()
            if cost < least:
                best, least = box, cost
    return best


def _free(box: QRectF, taken: list[QRectF], view: QRectF) -> QRectF:
    """The box, moved up or down by the least way until it overlaps none of `taken`."""
    if not any(box.intersects(other) for other in taken):
        return box
    best: QRectF | None = None
    for other in taken:
        for top in (other.top() - box.height() - 0.5, other.bottom() + 0.5):
            moved = QRectF(box.left(), top, box.width(), box.height())
            inside = view.top() <= top and moved.bottom() <= view.bottom()
            if inside and not any(moved.intersects(one) for one in taken) \
                    and (best is None or abs(top - box.top()) < abs(best.top() - box.top())):
                best = moved
    return best if best is not None else box
