"""The plot of the Map: texts as points or hexagons over soft hills, groups named at their centres, lasso and hover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QCursor, QFontMetrics, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QApplication, QMenu, QSizePolicy, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.app.state import Brush, State
from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.plots import ContourHill, HexItem, PlotCard, PointItem, inside
from rmexplorer.gui.plots.hexes import FULL_QUANTILE, GAP, SMALLEST
from rmexplorer.gui.plots.item import Floats, paint_symbol
from rmexplorer.gui.text_places import Colours, Places
from rmexplorer.gui.theme import brush, category, color, font, px, scale_table, themes
from rmexplorer.gui.widgets import IconButton
from rmexplorer.wording import counted, number

ORIGIN = "map"
MOST_POINTS = 2_000
SHADES = 9


def shades() -> list[str]:
    """Hex texts of the shades from little to much, from the upper part of the slope scale: its middle is no effect."""
    table = scale_table("slope", 4 * SHADES)[SHADES:][:: 3][:SHADES]
    return ["#{:02x}{:02x}{:02x}".format(*(int(part) for part in row[:3])) for row in table]


def shade_of(colours: Colours) -> np.ndarray:
    """(n,) int shade of each value, −1 where there is none."""
    low, high = colours.limits
    share = (colours.value - low) / (high - low)
    return np.where(np.isfinite(share), np.clip(np.nan_to_num(share) * SHADES, 0, SHADES - 1), -1).astype(int)


class TextPoints(PointItem):
    """Points in categories or shades; shades follow the theme."""

    def __init__(self, places: Places, rows: np.ndarray) -> None:
        self.colours = places.colours
        named = bool(self.colours.names)
        kind = self.colours.kind[rows] if named else np.where(shade_of(self.colours) < 0, SHADES, shade_of(self.colours))[rows]
        super().__init__(places.map.xy[rows, 0], places.map.xy[rows, 1], kind, self._styles(), 8.0 if len(rows) < 600 else 7.0, 190,
                         tips=lambda place: places.tips(rows[[place]]))

    def _styles(self) -> list[tuple[str, str]]:
        if self.colours.names:
            return [(category(place)[1], category(place)[0]) for place in range(6)]
        return [*(("circle", shade) for shade in shades()), ("circle", "neutral_fill")]

    def restyle(self) -> None:
        self.styles = self._styles()
        super().restyle()


class TextHexagons(HexItem):
    """Hexagons coloured by the category that most of their texts have, or by their mean value."""

    def __init__(self, places: Places, rows: np.ndarray) -> None:
        self.colours = places.colours
        self.kind = self.colours.kind[rows]
        low, high = self.colours.limits
        self.tips: Callable[[np.ndarray], list[str]] = lambda points: places.tips(rows[points])
        super().__init__(places.map.xy[rows, 0], places.map.xy[rows, 1], self.colours.value[rows], "slope",
                         (low - (high - low) / 3, high))  # the scale from its middle upwards

    def _paths(self, part: np.ndarray, full: float, radius: float) -> list[tuple[int, QPainterPath]]:
        if not self.colours.names:
            return super()._paths(part, full, radius)
        hexagons, size = self.hexagons, len(self.hexagons.x)
        seen = part & (hexagons.of_point >= 0)
        at = hexagons.of_point[seen]
        count = np.bincount(at, minlength=size)
        kinds = np.bincount(at * 6 + self.kind[seen], minlength=size * 6).reshape(size, 6)
        full = float(np.quantile(count[count > 0], FULL_QUANTILE)) if count.any() else 1.0
        length = np.maximum(radius * np.sqrt(np.minimum(count / max(full, 1.0), 1.0)), SMALLEST) - GAP / 2
        angles = np.deg2rad(np.arange(7) * 60.0 + 30.0)
        result = []
        for kind in range(6):
            used = np.flatnonzero((kinds.argmax(axis=1) == kind) & (count > 0))
            if used.size:
                x = hexagons.x[used, None] + length[used, None] * np.cos(angles)
                y = hexagons.y[used, None] + length[used, None] * np.sin(angles)
                joined = np.tile(np.arange(7) < 6, used.size)
                result.append((kind, pg.arrayToQPath(x.ravel(), y.ravel(), connect=joined, finiteCheck=False)))
        return result

    def draw(self, painter: QPainter) -> None:
        if not self.colours.names:
            super().draw(painter)
            return
        self.build()
        painter.setPen(Qt.PenStyle.NoPen)
        for paths, alpha in self._layers:
            for kind, path in paths:
                painter.setBrush(brush(category(kind)[0], alpha))
                painter.drawPath(path)

    def hover(self, at: QPointF) -> list[str] | None:
        points = self.points_at(at)
        return self.tips(points) if points.size else None


class ColourLegend(QWidget):
    """What colours mean: markers with names, or shades from little to much. Names are cut where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self.colours: Colours | None = None
        self.large = False
        self.setFixedHeight(px(26))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(px(200), px(26))

    def show_colours(self, colours: Colours, hexagons: bool) -> None:
        """Explain other colours."""
        self.colours, self.large = colours, hexagons
        names = ", ".join(colours.names) or f"{colours.by} from {self._ends(colours)[0]} to {self._ends(colours)[1]}"
        self.setAccessibleName(f"Colours: {names}")
        self.setToolTip("\n".join(colours.names))
        self.update()

    @staticmethod
    def _ends(colours: Colours) -> tuple[str, str]:
        low, high = colours.limits
        if colours.by == "length":
            return f"{2 ** low:,.0f}", f"{2 ** high:,.0f}"
        return number(low, signed=True), number(high, signed=True)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.colours is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("small"))
        metrics = QFontMetrics(painter.font())
        y, x = self.height() / 2, float(px(4))
        base = y + metrics.ascent() / 2 - 1
        painter.setPen(color("text2"))
        if not self.colours.names:
            low, high = self._ends(self.colours)
            title = "Words" if self.colours.by == "length" else "Mean reward" if self.large else "Reward"
            for word in (f"{title}  {low}", f"{high} and more"):
                painter.setPen(color("text2"))
                painter.drawText(QPointF(x, base), word)
                x += metrics.horizontalAdvance(word) + px(10)
                painter.setPen(Qt.PenStyle.NoPen)
                for shade in shades() if word.startswith(title) else ():
                    painter.setBrush(brush(shade))
                    paint_symbol(painter, "circle", x, y, 11)
                    x += px(15)
            return
        room = (self.width() - px(8)) / max(1, len(self.colours.names)) - px(30)
        for place, name in enumerate(self.colours.names):
            token, marker = category(place)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush(token))
            paint_symbol(painter, "circle" if self.large else marker, x + px(4), y, 9)
            painter.setPen(color("text2"))
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, max(int(room), px(30)))
            painter.drawText(QPointF(x + px(13), base), text)
            x += px(13) + metrics.horizontalAdvance(text) + px(16)


class TextMapCard(PlotCard):
    """The map. A click inspects and a brush selects the pairs of the texts within."""

    inspected = Signal(int)

    def __init__(self, desk: Desk) -> None:
        super().__init__("Prompts", "", "", "", grid="none", left_width=0)
        self.desk = desk
        self.places: Places | None = None
        self.rows = np.zeros(0, np.int64)
        self.marks: TextPoints | TextHexagons | None = None
        self.ring: PointItem | None = None
        self._brushed_as: tuple[Any, Floats] | None = None
        self._brush_label: Any = None
        self._stop = -1
        self.view.hide_axes()
        self.legend = ColourLegend()
        self.add(self.legend)
        self.lasso = IconButton("lasso", "Lasso", "L", size=15, checkable=True)
        self.lasso.clicked.connect(lambda: self.view.set_tool("lasso" if self.lasso.isChecked() else "rectangle"))
        self.tools_row.insertWidget(0, self.lasso)
        self.view.tool_changed.connect(lambda tool: self.lasso.setChecked(tool == "lasso"))
        self.view.set_tool("lasso")
        self.view.brushed.connect(self._brushed)
        self.view.pressed.connect(self._pressed)

    def show_places(self, places: Places, context: str) -> None:
        """Draw everything anew; the range is kept where the texts stand where they stood."""
        moved = self.places is None or self.places.map is not places.map
        self.places, self.rows, self._stop = places, np.flatnonzero(places.shown), -1
        self.view.clear_items()
        self._brush_label = None
        self.view.set_brush(None)
        xy = places.map.xy
        self.set_title("Prompts" if places.map.noun == "prompt" else "Responses")
        self.set_subtitle(counted(len(self.rows)))
        if len(self.rows) >= 30:
            self.view.add(ContourHill(xy[self.rows, 0], xy[self.rows, 1]), bounds=False)
        many = len(self.rows) > MOST_POINTS
        self.marks = TextHexagons(places, self.rows) if many else TextPoints(places, self.rows)
        if isinstance(self.marks, TextPoints):
            self.marks.clicked.connect(lambda place: self._inspect(int(self.rows[place])))
        self.view.add(self.marks, bounds=False)
        self.ring = PointItem(np.zeros(0), np.zeros(0), halo=True)
        self.ring.reach = -1.0  # it lies over the marks and leaves clicks to them
        self.view.add(self.ring, bounds=False)
        self.ring.setZValue(940)
        for group, x, y in places.centres():
            self.view.add_label(places.group_name(group), x, y, side="center", weight=600)
        if moved and len(xy):
            low, high = xy.min(axis=0), xy.max(axis=0)
            room = np.maximum(0.09 * (high - low), 1e-3)
            self.view.set_range((low[0] - room[0], high[0] + room[0]), (low[1] - room[1], high[1] + room[1]))
        self.legend.show_colours(places.colours, many)
        self.describe(places.finding.headline(), context)
        self.set_table(places.table())

    def mark(self, state: State, hit: np.ndarray | None) -> None:
        """Show the selected texts, and ring that of the pair in the inspector."""
        places = self.places
        if places is None or self.marks is None or self.ring is None:
            return
        self.marks.set_mask(None if hit is None else hit[self.rows])
        at = np.zeros(0, np.int64)
        if state.focus is not None and places.pairs[state.focus]:
            one = np.zeros(len(places.pairs), bool)
            one[state.focus] = True
            at = np.flatnonzero(places.texts_of(one))
        self.ring.x, self.ring.y = places.map.xy[at, 0], places.map.xy[at, 1]
        self.ring.kinds = np.zeros(len(at), int)
        self.ring.styles = [("circle", "plum")]
        self.ring.size = 11.0
        self.ring.set_extent(self.ring.x, self.ring.y)
        polygon = self._brushed_as[1] if self._brushed_as is not None and self._brushed_as[0] is state.selection else None
        self.view.set_brush(polygon)
        if self._brush_label is not None and self._brush_label in self.view.labels.labels:
            self.view.labels.labels.remove(self._brush_label)
        self._brush_label = None
        if polygon is not None and hit is not None:
            self._brush_label = self.view.add_label(
                f"{counted(int(hit.sum()), places.map.noun)} selected", float(polygon[:, 0].mean()), float(polygon[:, 1].max()),
                "plum_text", "above", 600, tint="plum_tint", gap=3)

    def _brushed(self, polygon: Floats, how: Brush) -> None:
        places = self.places
        if places is None or self.desk.state.dataset is not places.dataset:
            return
        hit = inside(polygon, places.map.xy[:, 0], places.map.xy[:, 1]) & places.shown
        self._select(hit, how, polygon if how == "replace" else None)

    def _select(self, hit: np.ndarray, how: Brush, polygon: Floats | None = None) -> None:
        if self.places is None:
            return
        self.desk.select(self.places.pairs_of(hit), how, ORIGIN)
        self._brushed_as = None if polygon is None else (self.desk.state.selection, polygon)
        self.mark(self.desk.state, self._hit())

    def _hit(self) -> np.ndarray | None:
        mask = self.desk.state.selection.mask
        return None if mask is None or self.places is None else self.places.texts_of(mask)

    def select_group(self, group: int) -> None:
        """Select the pairs of a group; Shift adds, Alt takes away."""
        if self.places is not None:
            how = brush_of(QApplication.keyboardModifiers())
            self._select((self.places.map.group == group) & self.places.shown, how)

    def select_view(self) -> None:
        """Select the pairs of the texts in view: zoom with + and arrows, then this."""
        self._brushed(self.view.in_view(), "replace")

    def _pressed(self, point: QPointF, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            menu = self.menu()
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(QCursor.pos())
        elif isinstance(self.marks, TextHexagons):
            points = self.marks.points_at(event.scenePos())
            if points.size:
                self._inspect(int(self.rows[points[0]]))

    def _inspect(self, place: int) -> None:
        if self.places is not None and self.places.first[place] >= 0:
            self.inspected.emit(int(self.places.first[place]))

    def menu(self) -> QMenu:
        """The card's menu, with what the keyboard needs."""
        menu = super().menu()
        menu.addSeparator()
        menu.addAction("Select the pairs in view").triggered.connect(lambda: self.select_view())
        if self.places is not None and len(self.places.map.words) > 1:
            kinds = menu.addMenu("Select a group")
            for group in np.flatnonzero(self.places.finding.counts).tolist():
                text = f"{self.places.group_name(group)} ({self.places.finding.counts[group]:,})"
                kinds.addAction(text).triggered.connect(lambda _=False, group=group: self.select_group(group))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter selects the groups in turn."""
        used = [] if self.places is None or len(self.places.map.words) < 2 else np.flatnonzero(self.places.finding.counts).tolist()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.view.hasFocus() and used:
            self._stop = (self._stop + 1) % len(used)
            self.select_group(used[self._stop])
        else:
            super().keyPressEvent(event)
