"""The plot itself: a transparent pyqtgraph view with round labels, a base line, keys, brushes and hover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPolygonF
from PySide6.QtWidgets import QFrame, QWidget

from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.plots.axis import Grid, RoundAxis
from rmexplorer.gui.plots.curves import ReferenceLine
from rmexplorer.gui.plots.hover import HoverCard
from rmexplorer.gui.plots.item import Floats, Item, Label, Labels
from rmexplorer.gui.theme import brush, ink, px, themes


class BrushShape(Item):
    """The rectangle or lasso as it is drawn, and as it stays: dashed plum over a plum tint."""

    def __init__(self) -> None:
        super().__init__()
        self.points = np.zeros((0, 2))
        self.setZValue(900)

    def set_points(self, points: Floats) -> None:
        """Show a polygon in data coordinates; an empty one hides it."""
        self.points = points
        self.update()

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[None, None]:
        return None, None

    def draw(self, painter: QPainter) -> None:
        if len(self.points) > 1:
            x, y = self.to_px(self.points[:, 0], self.points[:, 1])
            painter.setPen(ink("plum", 1.5, "dash"))
            painter.setBrush(brush("plum", 26))
            painter.drawPolygon(QPolygonF([QPointF(a, b) for a, b in zip(x, y, strict=True)]))


def inside(polygon: Floats, x: Floats, y: Floats) -> np.ndarray:
    """Which points lie in a polygon (n × 2), by the even–odd rule."""
    result = np.zeros(len(x), dtype=bool)
    if len(polygon) < 3:
        return result
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    px_, py_ = x[near], y[near]
    hits = np.zeros(len(near), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y1 > py_) != (y2 > py_)
        if y1 != y2:
            hits ^= crosses & (px_ < (x2 - x1) * (py_ - y1) / (y2 - y1) + x1)
    result[near] = hits
    return result


class View(pg.ViewBox):
    """The data area: a drag brushes (rectangle or lasso) where that is on, else pans; the wheel zooms."""

    brushed = Signal(object, str)
    pressed = Signal(object, object)
    doubled = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.tool = ""  # "", rectangle or lasso
        self.zoomable = True
        self.home: Callable[[], None] | None = None
        self.brush_shape = BrushShape()
        self.addItem(self.brush_shape, ignoreBounds=True)
        self.trail: list[tuple[float, float]] = []

    def wheelEvent(self, ev: Any, axis: int | None = None) -> None:
        if self.zoomable:
            super().wheelEvent(ev, axis)
        else:
            ev.ignore()

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        if not self.tool or ev.button() != Qt.MouseButton.LeftButton:
            if self.zoomable:
                super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        now = self.mapSceneToView(ev.scenePos())
        if ev.isStart():
            start = self.mapSceneToView(ev.buttonDownScenePos())
            self.trail = [(start.x(), start.y())]
        self.trail.append((now.x(), now.y()))
        if self.tool == "rectangle":
            (x1, y1), (x2, y2) = self.trail[0], self.trail[-1]
            points = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        else:
            points = np.array(self.trail)
        self.brush_shape.set_points(points)
        if ev.isFinish():
            self.brushed.emit(points, brush_of(ev.modifiers()))

    def mouseClickEvent(self, ev: Any) -> None:
        if ev.double():
            ev.accept()
            if self.home is not None:
                self.home()
            self.doubled.emit(self.mapSceneToView(ev.scenePos()))
        elif ev.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self.pressed.emit(self.mapSceneToView(ev.scenePos()), ev)

    def mouseDoubleClickEvent(self, ev: Any) -> None:
        if self.home is not None:
            self.home()


class PlotView(pg.GraphicsLayoutWidget):
    """One plot (`plot`), perhaps with marginals; Tab reaches it, + − zoom, 0 resets, arrows move.

    `brushed` gives a polygon (n × 2, data) and a Brush (replace, add, remove); `pressed` a data point and the pg event.
    """

    brushed = Signal(object, str)
    pressed = Signal(object, object)
    tool_changed = Signal(str)

    def __init__(self, x_kind: str = "number", y_kind: str = "number", grid: str = "y", left_width: int = 40,
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setBackground(None)
        self.setBackgroundBrush(Qt.BrushStyle.NoBrush)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("insetFocusRing", True)  # axis titles stand close around it
        self.setMinimumHeight(px(60))
        themes.theme_changed.connect(self._resize_axes)
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setSpacing(px(6))
        self.left_width = left_width
        self.box = View()
        self.plot = self._make(self.box, x_kind, y_kind, grid)
        self.addItem(self.plot, 1, 0)
        self.labels = Labels()
        self.box.addItem(self.labels, ignoreBounds=True)
        self.box.brushed.connect(self.brushed)
        self.box.pressed.connect(self._press)
        self.box.home = self.reset
        self.home_x: tuple[float, float] | None = None
        self.home_y: tuple[float, float] | None = None
        self.padding = 0.0
        self.top: pg.PlotItem | None = None
        self.right: pg.PlotItem | None = None
        self.below: pg.PlotItem | None = None
        self.margins = (0, 0)
        self.below_height = 0
        self.card = HoverCard(self)
        self.hover_timer = QTimer(self)
        self.hover_timer.setSingleShot(True)
        self.hover_timer.setInterval(80)
        self.hover_timer.timeout.connect(self._hover)
        self.at = QPointF()
        self.viewport().setMouseTracking(True)

    def _make(self, box: pg.ViewBox, x_kind: str, y_kind: str, grid: str) -> pg.PlotItem:
        axes = {"bottom": RoundAxis("bottom", x_kind), "left": RoundAxis("left", y_kind)}
        plot = pg.PlotItem(viewBox=box, axisItems=axes)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setContentsMargins(0, 0, 0, 0)
        axes["left"].setWidth(px(self.left_width))
        if not self.left_width:
            plot.hideAxis("left")
        plot.setDefaultPadding(0.03)
        lines = Grid(plot, grid)
        plot.addItem(lines, ignoreBounds=True)
        plot.grid = lines
        return plot

    def add(self, item: Any, bounds: bool = True) -> Any:
        """Put an item into the plot; `bounds` False leaves the range alone. Returns it."""
        self.plot.addItem(item, ignoreBounds=not bounds)
        return item

    def remove(self, item: Any) -> None:
        """Take an item out."""
        self.plot.removeItem(item)

    def clear_items(self) -> None:
        """Take all items and labels out; grid and brush stay."""
        for item in list(self.plot.items):
            if item is not self.plot.grid:
                self.plot.removeItem(item)
        self.labels.clear()
        for extra in (self.top, self.right):
            if extra is not None:
                extra.clear()

    def add_label(self, text: str, x: float, y: float, token: str = "text", side: str = "right", weight: int = 0,
                  boxed: bool = True, tint: str = "", gap: float = 10.0) -> Label:
        """Write at a data point; labels keep inside the plot and apart from one another."""
        return self.labels.add(Label(text, x, y, token, side, weight, boxed, tint, gap))

    def name_line(self, text: str, value: float, wish: float, marks: Sequence[Item]) -> Label:
        """Name a level line at `value` where the name hides the fewest of `marks`, nearest to x = `wish`."""
        self.labels.marks = list(marks)
        return self.labels.add(Label(text, wish, value, "text2", boxed=False, gap=1.0, along=True))

    def set_range(self, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None,
                  padding: float = 0.0) -> None:
        """Fix what is shown, now and after a reset; None leaves an axis to its data."""
        self.home_x, self.home_y = x, y
        self.padding = padding
        self.reset()

    def reset(self) -> None:
        """Show all again."""
        self.box.enableAutoRange(x=self.home_x is None, y=self.home_y is None)
        if self.home_x is not None:
            self.box.setXRange(*self.home_x, padding=self.padding)
        if self.home_y is not None:
            self.box.setYRange(*self.home_y, padding=self.padding)

    def in_view(self) -> Floats:
        """(4, 2) the corners of what is shown: a brush for the keyboard."""
        (left, right), (low, high) = self.box.viewRange()
        return np.array([(left, low), (right, low), (right, high), (left, high)])

    def stand_on_zero(self) -> None:
        """Let the y axis begin at 0: for bars and counts."""
        self.box.setLimits(yMin=0)

    def hide_axes(self) -> None:
        """Show the data area alone: for maps."""
        self.plot.hideAxis("bottom")
        self.plot.hideAxis("left")

    def set_tool(self, tool: str) -> None:
        """What a drag does: "" pans, rectangle or lasso brush."""
        self.box.tool = tool
        self.viewport().setCursor(Qt.CursorShape.CrossCursor if tool else Qt.CursorShape.ArrowCursor)
        self.tool_changed.emit(tool)

    def set_brush(self, polygon: Floats | None) -> None:
        """Show a brush, or none."""
        self.box.brush_shape.set_points(np.zeros((0, 2)) if polygon is None else polygon)

    def set_zoomable(self, on: bool) -> None:
        """Whether wheel, drag and keys change the range."""
        self.box.zoomable = on
        self.box.setMouseEnabled(on, on)

    def axis(self, side: str) -> RoundAxis:
        """The bottom or left axis."""
        found: RoundAxis = self.plot.getAxis(side)
        return found

    def add_marginals(self, top: int = 52, right: int = 62) -> tuple[pg.PlotItem, pg.PlotItem]:
        """Two narrow plots that share the main plot's axes, above it and at its right."""
        self.top, self.right = self._make(pg.ViewBox(enableMenu=False), "number", "number", "none"), \
            self._make(pg.ViewBox(enableMenu=False), "number", "number", "none")
        self.top.hideAxis("bottom")
        self.top.getAxis("left").set_ticks([])
        self.right.hideAxis("left")
        self.right.getAxis("bottom").set_ticks([])
        self.right.getAxis("bottom").line = False
        for extra in (self.top, self.right):
            extra.setMouseEnabled(False, False)
            extra.setDefaultPadding(0.0)
        self.addItem(self.top, 0, 0)
        self.addItem(self.right, 1, 1)
        self.top.setXLink(self.plot)
        self.right.setYLink(self.plot)
        self.margins = (top, right)
        self._resize_axes()
        return self.top, self.right

    def _resize_axes(self) -> None:
        if self.closed:  # pyqtgraph clears a closed view, but Qt still tells it of themes
            return
        for plot in (self.plot, self.top, self.below):
            if plot is not None and self.left_width:
                plot.getAxis("left").setWidth(px(self.left_width))
        if self.top is not None:
            self.ci.layout.setRowFixedHeight(0, px(self.margins[0]))
            self.ci.layout.setColumnFixedWidth(1, px(self.margins[1]))
        if self.below is not None:
            self.ci.layout.setRowFixedHeight(2, px(self.below_height))

    def add_below(self, height: int = 84, y_kind: str = "count") -> pg.PlotItem:
        """A low plot under the main one that shares its x axis: counts at each x, from zero."""
        self.below = self._make(pg.ViewBox(enableMenu=False), "number", y_kind, "none")
        self.below.hideAxis("bottom")
        self.below.addItem(ReferenceLine(0.0, style="solid"))
        self.below.setMouseEnabled(False, False)
        self.below.setXLink(self.plot)
        self.addItem(self.below, 2, 0)
        self.below_height = height
        self._resize_axes()
        return self.below

    def describe(self, name: str, description: str) -> None:
        """Give a screen reader the title, and headline with method."""
        self.setAccessibleName(name)
        self.setAccessibleDescription(description)

    def redraw_axes(self) -> None:
        """Drop what axes have cached, before painting in another theme."""
        for plot in (self.plot, self.top, self.right, self.below):
            if plot is not None:
                for side in ("left", "bottom"):
                    plot.getAxis(side).picture = None

    def _press(self, point: QPointF, event: Any) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.pressed.emit(point, event)

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        key = ev.key()
        moves = {
            Qt.Key.Key_Left: (-0.1, 0.0),
            Qt.Key.Key_Right: (0.1, 0.0),
            Qt.Key.Key_Up: (0.0, 0.1),
            Qt.Key.Key_Down: (0.0, -0.1),
        }
        if self.box.zoomable and key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            factor = 1.25 if key == Qt.Key.Key_Minus else 0.8
            self.box.scaleBy((factor, factor))
        elif key == Qt.Key.Key_0:
            self.reset()
        elif (
            self.box.zoomable
            and key in moves
            and ev.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        ):
            view = self.box.viewRect()
            across, up = moves[Qt.Key(key)]
            self.box.translateBy(x=across * view.width(), y=up * view.height())
        elif key == Qt.Key.Key_L and self.box.tool:
            self.set_tool("rectangle" if self.box.tool == "lasso" else "lasso")
        else:
            QWidget.keyPressEvent(self, ev)

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        super().mouseMoveEvent(ev)
        self.at = ev.position()
        self.card.hide()
        if ev.buttons() == Qt.MouseButton.NoButton:
            self.hover_timer.start()

    def leaveEvent(self, ev: QEvent) -> None:
        self.hover_timer.stop()
        self.card.hide()
        super().leaveEvent(ev)

    def _hover(self) -> None:
        if self.closed:  # between the pointer's rest and this, the plot went
            return
        scene = self.mapToScene(self.at.toPoint())
        for box in (self.box, *([self.below.getViewBox()] if self.below is not None else [])):
            if not box.sceneBoundingRect().contains(scene):
                continue
            for item in sorted(box.addedItems, key=lambda one: -one.zValue()):
                lines = item.hover(scene) if isinstance(item, Item) else None
                if lines:
                    self.card.show_lines(lines, self.at.toPoint())
                    return

