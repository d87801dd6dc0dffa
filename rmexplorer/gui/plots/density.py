"""A million points as an image of counts, binned anew when the view comes to rest."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from fast_histogram import histogram2d
from PySide6.QtCore import QPointF, QRectF, QTimer, Signal
from PySide6.QtGui import QImage, QPainter

from rmexplorer.gui.plots.item import Item, floats
from rmexplorer.gui.theme import color, scale_table

BIN = 2  # px of an image cell
REST = 30  # ms without a change of view before binning again
ROOM = 0.5  # of the view's width binned beyond each side, so that a pan has something to show
AT_ONCE = 200_000  # points that are counted within a frame; more are counted in a thread
REACH = 4  # px around the pointer
FADED = 0.25  # of the opacity, outside a mask


@dataclass(frozen=True, eq=False)
class Tallies:
    """Counts of an area (data) in cells (across, up): all points, those of the mask, and the sum of values."""

    area: QRectF
    counts: npt.NDArray[np.float64]
    inside: npt.NDArray[np.float64] | None
    total: npt.NDArray[np.float64] | None


class DensityImage(Item):
    """Counts of points on a log scale of ink, or the share of chosen where `value` is given.

    While panning or zooming the image made before is moved; 30 ms after the last change the points in view are counted
    anew, more than 200,000 in a thread: `pending` says whether an image is on its way.
    """

    padding = 2.0
    counted = Signal(int, object)

    def __init__(self, x: Any, y: Any, value: Any = None, token: str = "text", extent: QRectF | None = None) -> None:
        """`extent` (data) says that all points are finite and lie within, so that they need not be looked at now."""
        super().__init__()
        self.token = token
        self.mask: npt.NDArray[np.bool_] | None = None
        self.image: QImage | None = None
        self.area = QRectF()
        self.counts = np.zeros((0, 0))
        self.tallies: Tallies | None = None
        self.pending = False
        self._number = 0
        self._current = False
        self.timer = QTimer()
        self.timer.setSingleShot(True)
        self.timer.setInterval(REST)
        self.timer.timeout.connect(self._rebin)
        self.counted.connect(self._take)
        self.set_data(x, y, value, extent)

    def set_data(self, x: Any, y: Any, value: Any = None, extent: QRectF | None = None) -> None:
        """Replace the points; those that are not finite are left out. `extent`: as above."""
        x, y = floats(x), floats(y)
        known = np.isfinite(x) & np.isfinite(y) if extent is None else np.zeros(0, bool)
        everything = bool(known.all())
        self.known = None if everything else known
        self.x, self.y = (x, y) if everything else (x[known], y[known])
        self.value: npt.NDArray[np.float64] | None = None
        if value is not None:
            self.value = floats(value) if everything else floats(value)[known]
        self.mask, self.image, self.tallies, self._current = None, None, None, False
        if extent is None:
            self.set_extent(self.x, self.y)
        else:
            self.set_extent(floats([extent.left(), extent.right()]), floats([extent.top(), extent.bottom()]))

    def set_mask(self, mask: npt.NDArray[np.bool_] | None) -> None:
        """Points outside a mask (all points given) drop to a quarter; None shows all alike."""
        if mask is None and self.mask is None:
            return
        self.mask = mask if mask is None or self.known is None else mask[self.known]
        self._rebin()

    def restyle(self) -> None:
        if self.tallies is not None:
            self._picture(self.tallies)
        self.update()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        if self.image is not None:
            self.timer.start()

    def _rebin(self) -> None:
        self._current = False
        self.update()

    def tally(self, area: QRectF, bins: list[int]) -> Tallies:
        """Count the points of an area."""
        limits = [[area.left(), area.right()], [area.top(), area.bottom()]]
        counts = histogram2d(self.x, self.y, bins=bins, range=limits)
        mask, value = self.mask, self.value
        inside = None if mask is None else histogram2d(self.x[mask], self.y[mask], bins=bins, range=limits)
        total = None if value is None else histogram2d(self.x, self.y, bins=bins, range=limits, weights=value)
        return Tallies(area, counts, inside, total)

    def bin(self) -> None:
        """Count the points in and around the view, and make the image: now, or in a thread where they are many."""
        view = self.viewRect()
        pixels = self.view_px()
        area = view.adjusted(-view.width() * ROOM, -view.height() * ROOM, view.width() * ROOM, view.height() * ROOM)
        bins = [max(1, int(size * (1 + 2 * ROOM) / BIN)) for size in (pixels.width(), pixels.height())]
        self._number += 1
        if len(self.x) <= AT_ONCE:
            self._picture(self.tally(area, bins))
            return
        self.pending = True
        number = self._number

        def count() -> None:
            found = self.tally(area, bins)
            try:
                self.counted.emit(number, found)
            except RuntimeError:  # the plot went away meanwhile
                return

        threading.Thread(target=count, name="rmexplorer density", daemon=True).start()

    def _take(self, number: int, found: Tallies) -> None:
        if number == self._number:
            self.pending = False
            self._picture(found)
            self.update()

    def _picture(self, found: Tallies) -> None:
        counts = found.counts
        self.tallies, self.counts, self.area = found, counts, found.area
        across, up = counts.shape
        shade = np.log1p(counts) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
        picture = np.zeros((up, across, 4), np.uint8)
        if found.total is None:
            ink = color(self.token)
            picture[..., 0], picture[..., 1], picture[..., 2] = ink.blue(), ink.green(), ink.red()
        else:
            share = (found.total + 2.0) / (counts + 4.0)
            table = scale_table("share", 256)
            colored = table[np.clip(share * 255, 0, 255).astype(np.uint8)]
            picture[..., :3] = colored[..., 2::-1].transpose(1, 0, 2)[..., :3]
        opacity = np.where(counts > 0, 40 + 215 * shade, 0)
        if found.inside is not None:
            opacity = np.where(found.inside > 0, np.maximum(opacity, 140), opacity * FADED)
        picture[..., 3] = opacity.T.astype(np.uint8)
        self.image = QImage(picture.data, across, up, 4 * across, QImage.Format.Format_ARGB32).copy()

    def points_at(self, at: QPointF) -> npt.NDArray[np.int64]:
        """The points around a scene position, nearest first; places among the finite ones."""
        x, y = ((at.x() - self.mapping.dx()) / self.mapping.m11(), (at.y() - self.mapping.dy()) / self.mapping.m22())
        wide, high = REACH / abs(self.mapping.m11()), REACH / abs(self.mapping.m22())
        near = np.flatnonzero(np.abs(self.x - x) <= wide)
        near = near[np.abs(self.y[near] - y) <= high]
        order = np.argsort(((self.x[near] - x) / wide) ** 2 + ((self.y[near] - y) / high) ** 2, kind="stable")
        return np.asarray(near[order], np.int64)

    def draw(self, painter: QPainter) -> None:
        if not self._current:
            self._current = True
            self.bin()
        (left, right), (top, bottom) = self.to_px(
            [self.area.left(), self.area.right()], [self.area.top(), self.area.bottom()]
        )
        if self.image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.translate(left, top)
            painter.scale((right - left) / self.image.width(), (bottom - top) / self.image.height())
            painter.drawImage(0, 0, self.image)
