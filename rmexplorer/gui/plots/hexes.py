"""Hexagons: many points as areas, laid in screen space, so that they stay regular at every zoom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from fast_histogram import histogram2d
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath

from rmexplorer.gui.plots.item import Floats, Item, floats
from rmexplorer.gui.theme import color, scale_table, themes

RADIUS = 8.5
PSEUDO_COUNTS = 4.0
SHADES = 24
GAP = 0.9  # px between full hexagons
SMALLEST = 2.4  # px: a single point is still a mark
FULL_QUANTILE = 0.98
FADED = 64  # of 255: a quarter


@dataclass(frozen=True)
class Hexagons:
    """Hexagons with points in them: centres in px, count of each, and the hexagon of each point (−1: not finite)."""

    x: Floats
    y: Floats
    count: npt.NDArray[np.int64]
    of_point: npt.NDArray[np.int64]


def bin_hexagons(x: Floats, y: Floats, radius: float = RADIUS, origin: tuple[float, float] = (0.0, 0.0)) -> Hexagons:
    """Points in px to the hexagons (pointed at the top, circumradius `radius`) of a lattice through `origin`.

    Two shifted rectangular lattices are tried and the nearer centre taken (Carr et al. 1987).
    """
    wide, high = np.sqrt(3.0) * radius, 3.0 * radius
    known = np.isfinite(x) & np.isfinite(y)
    column, row = (x[known] - origin[0]) / wide, (y[known] - origin[1]) / high
    even_c, even_r = np.rint(column), np.rint(row)
    odd_c, odd_r = np.floor(column) + 0.5, np.floor(row) + 0.5
    even = (column - even_c) ** 2 + 3 * (row - even_r) ** 2 <= (column - odd_c) ** 2 + 3 * (row - odd_r) ** 2
    column2 = np.rint(2 * np.where(even, even_c, odd_c)).astype(np.int64)
    row2 = np.rint(2 * np.where(even, even_r, odd_r)).astype(np.int64)
    of_point = np.full(len(x), -1, np.int64)
    if not column2.size:
        return Hexagons(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), of_point)
    left, top = column2.min(), row2.min()
    width = int(column2.max() - left) + 1
    cells = (row2 - top) * width + (column2 - left)
    total = width * (int(row2.max() - top) + 1)
    if total <= 4_000_000:
        tally = np.bincount(cells, minlength=total)
        used = np.flatnonzero(tally)
        place = np.zeros(total, np.int64)
        place[used] = np.arange(used.size)
        of_point[known] = place[cells]
        count = tally[used]
    else:  # zoomed in so far that a table of all cells would be larger than the points
        used, inverse, count = np.unique(cells, return_inverse=True, return_counts=True)
        of_point[known] = inverse
    centre_x = ((used % width) + left) / 2 * wide + origin[0]
    centre_y = ((used // width) + top) / 2 * high + origin[1]
    return Hexagons(centre_x, centre_y, count.astype(np.int64), of_point)


def shrunk_share(count: npt.NDArray[np.integer[Any]], chosen: Floats) -> Floats:
    """Share of chosen, drawn to one half by 4 pseudo-counts, so that single points are not extreme."""
    return np.asarray((chosen + PSEUDO_COUNTS / 2) / (count + PSEUDO_COUNTS), dtype=np.float64)


class HexItem(Item):
    """Points as hexagons: area = count (98th percentile full), colour = mean of `value` on a scale.

    `value` is 1 for chosen and 0 for rejected with scale "share" (NaN: no side), or any number in `limits` with scale
    "slope". Rebuilt when zoomed or resized.
    """

    def __init__(self, x: Any, y: Any, value: Any, scale: str = "share", limits: tuple[float, float] = (0.0, 1.0),
                 radius: float = RADIUS) -> None:
        super().__init__()
        self.scale_name, self.limits, self.radius = scale, limits, radius
        self.mask: npt.NDArray[np.bool_] | None = None
        self._built: tuple[Any, ...] = ()
        self._layers: list[tuple[list[tuple[int, QPainterPath]], int]] = []
        self.hexagons = bin_hexagons(np.zeros(0), np.zeros(0))
        self.share = np.zeros(0)
        self.set_data(x, y, value)

    def set_data(self, x: Any, y: Any, value: Any) -> None:
        """Replace the points."""
        self.x, self.y, self.value = floats(x), floats(y), floats(value)
        self._built = ()
        self.set_extent(self.x, self.y)

    def set_mask(self, mask: npt.NDArray[np.bool_] | None) -> None:
        """Points outside a mask drop to a quarter; None shows all alike."""
        self.mask = mask
        self._built = ()
        self.update()

    def set_radius(self, radius: float) -> None:
        """Change the size of a full hexagon."""
        self.radius = radius
        self._built = ()
        self.update()

    def build(self) -> None:
        """Lay the hexagons for the current transform, if it is another one."""
        radius = self.radius * max(1.0, themes.fonts.scale)
        view = self.view_px()
        key = (self.mapping.m11(), self.mapping.m22(), self.mapping.dx(), self.mapping.dy(), radius, view.getRect())
        if key == self._built:
            return
        self._built = key
        x, y = self.to_px(self.x, self.y)
        away = (x < view.left() - 20) | (x > view.right() + 20) | (y < view.top() - 20) | (y > view.bottom() + 20)
        x[away] = np.nan
        self.hexagons = bin_hexagons(x, y, radius, (self.mapping.dx(), self.mapping.dy()))
        parts = [(np.ones(len(x), bool), 255)] if self.mask is None else \
            [(np.ones(len(x), bool), FADED), (self.mask, 255)]
        full = float(np.quantile(self.hexagons.count, FULL_QUANTILE)) if self.hexagons.count.size else 1.0
        self._layers = [(self._paths(part, full, radius), alpha) for part, alpha in parts]

    def _paths(self, part: npt.NDArray[np.bool_], full: float, radius: float) -> list[tuple[int, QPainterPath]]:
        """One path for each shade, so that a thousand hexagons take two dozen strokes."""
        hexagons = self.hexagons
        seen = part & (hexagons.of_point >= 0)
        at = hexagons.of_point[seen]
        size = len(hexagons.x)
        count = np.bincount(at, minlength=size)
        value = self.value[seen]
        sided = np.isfinite(value)
        total = np.bincount(at[sided], weights=value[sided], minlength=size).astype(np.float64)
        number = np.bincount(at[sided], minlength=size)
        if self.scale_name == "share":
            shade = shrunk_share(number, total)
            self.share = shade
        else:
            low, high = self.limits
            mean = np.divide(total, number, out=np.full(size, (low + high) / 2), where=number > 0)
            shade = np.clip((mean - low) / max(high - low, 1e-12), 0, 1)
        step = np.clip(np.rint(shade * (SHADES - 1)), 0, SHADES - 1).astype(int)
        length = np.maximum(radius * np.sqrt(np.minimum(count / max(full, 1.0), 1.0)), SMALLEST) - GAP / 2
        result = []
        angles = np.deg2rad(np.arange(7) * 60.0 + 30.0)
        cos, sin = np.cos(angles), np.sin(angles)
        for shade_number in range(SHADES):
            used = np.flatnonzero((step == shade_number) & (count > 0))
            if not used.size:
                continue
            corners_x = hexagons.x[used, None] + length[used, None] * cos
            corners_y = hexagons.y[used, None] + length[used, None] * sin
            joined = np.tile(np.arange(cos.size) < cos.size - 1, used.size)
            path = pg.arrayToQPath(corners_x.ravel(), corners_y.ravel(), connect=joined, finiteCheck=False)
            result.append((shade_number, path))
        return result

    def draw(self, painter: QPainter) -> None:
        self.build()
        table = scale_table(self.scale_name, SHADES)
        painter.setPen(Qt.PenStyle.NoPen)
        for paths, alpha in self._layers:
            for shade, path in paths:
                red, green, blue, _ = (int(part) for part in table[shade])
                painter.setBrush(QColor(red, green, blue, alpha))
                painter.drawPath(path)

    def points_at(self, at: QPointF) -> npt.NDArray[np.int64]:
        """The points in the hexagon under a scene position."""
        if not self.hexagons.x.size:
            return np.zeros(0, np.int64)
        distance = np.hypot(self.hexagons.x - at.x(), self.hexagons.y - at.y())
        place = int(np.argmin(distance))
        if distance[place] > self.radius:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.hexagons.of_point == place)

    def hover(self, at: QPointF) -> list[str] | None:
        points = self.points_at(at)
        if not points.size:
            return None
        value = self.value[points]
        value = value[np.isfinite(value)]
        lines = [f"{points.size:,} response{'' if points.size == 1 else 's'}"]
        if value.size:
            mean = float(value.mean())
            lines.append(f"{mean:.0%} chosen, n = {value.size:,}" if self.scale_name == "share"
                         else f"mean {mean:+.2f}, n = {value.size:,}".replace("-", "\u2212"))
        return lines


class ContourHill(Item):
    """Where points are dense, in two soft steps of grey under hexagons (Data › Map).

    Points are counted on cells of 4 px, smoothed by a Gaussian of `radius` px, and cut at two heights.
    """

    CELL = 4

    def __init__(self, x: Any, y: Any, radius: float = 22.0) -> None:
        super().__init__()
        self.x, self.y, self.radius = floats(x), floats(y), radius
        self.setZValue(-100)
        self.set_extent(self.x, self.y)

    def density(self) -> npt.NDArray[np.float64]:
        """Smoothed counts of the points in view, rows from the top."""
        view = self.view_px()
        shape = (max(1, int(view.height() / self.CELL)), max(1, int(view.width() / self.CELL)))
        x, y = self.to_px(self.x, self.y)
        limits = [[view.top(), view.bottom()], [view.left(), view.right()]]
        from scipy.ndimage import gaussian_filter  # late: the window's start need not wait for it

        counts = histogram2d(y, x, bins=list(shape), range=limits)
        return np.asarray(gaussian_filter(counts, self.radius / self.CELL), np.float64)

    def draw(self, painter: QPainter) -> None:
        density = self.density()
        most = float(density.max(initial=0.0))
        if most <= 0:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for token, least in (("bg", 0.02), ("sunken", 0.16)):
            edge = np.clip((density / most - least) / (0.25 * least) + 0.5, 0, 1)
            fill = color(token)
            picture = np.zeros((*density.shape, 4), np.uint8)
            picture[..., 0], picture[..., 1], picture[..., 2] = fill.blue(), fill.green(), fill.red()
            picture[..., 3] = (255 * edge).astype(np.uint8)
            image = QImage(
                picture.data, density.shape[1], density.shape[0], 4 * density.shape[1], QImage.Format.Format_ARGB32
            )
            painter.drawImage(self.view_px(), image)
