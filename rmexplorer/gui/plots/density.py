"""A million points as an image of counts, binned anew when the view comes to rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from fast_histogram import histogram2d
from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QImage, QPainter

from rmexplorer.gui.plots.item import Item, floats
from rmexplorer.gui.theme import color, scale_table

BIN = 2  # px of an image cell
REST = 30  # ms without a change of view before binning again
ROOM = 0.5  # of the view's width binned beyond each side, so that a pan has something to show


class DensityImage(Item):
    """Counts of points on a log scale of ink, or the share of chosen where `value` is given.

    While panning or zooming the image made before is moved; 30 ms after the last change the points in view are counted
    anew.
    """

    padding = 2.0

    def __init__(self, x: Any, y: Any, value: Any = None, token: str = "text") -> None:
        super().__init__()
        self.token = token
        self.image: QImage | None = None
        self.area = QRectF()
        self.counts = np.zeros((0, 0))
        self.timer = QTimer()
        self.timer.setSingleShot(True)
        self.timer.setInterval(REST)
        self.timer.timeout.connect(self._rebin)
        self._seen: tuple[float, ...] = ()
        self.set_data(x, y, value)

    def set_data(self, x: Any, y: Any, value: Any = None) -> None:
        """Replace the points; those that are not finite are left out."""
        x, y = floats(x), floats(y)
        known = np.isfinite(x) & np.isfinite(y)
        self.x, self.y = x[known], y[known]
        self.value: npt.NDArray[np.float64] | None = None if value is None else floats(value)[known]
        self.image, self._seen = None, ()
        self.set_extent(self.x, self.y)

    def restyle(self) -> None:
        self.image, self._seen = None, ()
        self.update()

    def viewTransformChanged(self) -> None:
        super().viewTransformChanged()
        if self.image is not None:
            self.timer.start()

    def _rebin(self) -> None:
        self._seen = ()
        self.update()

    def bin(self) -> None:
        """Count the points in and around the view, and make the image."""
        view = self.viewRect()
        pixels = self.view_px()
        area = view.adjusted(-view.width() * ROOM, -view.height() * ROOM, view.width() * ROOM, view.height() * ROOM)
        bins = [max(1, int(size * (1 + 2 * ROOM) / BIN)) for size in (pixels.width(), pixels.height())]
        limits = [[area.left(), area.right()], [area.top(), area.bottom()]]
        counts = histogram2d(self.x, self.y, bins=bins, range=limits)
        self.counts, self.area = counts, area
        shade = np.log1p(counts) / max(float(np.log1p(counts.max(initial=0))), 1e-9)
        picture = np.zeros((bins[1], bins[0], 4), np.uint8)
        if self.value is None:
            ink = color(self.token)
            picture[..., 0], picture[..., 1], picture[..., 2] = ink.blue(), ink.green(), ink.red()
        else:
            total = histogram2d(self.x, self.y, bins=bins, range=limits, weights=self.value)
            share = (total + 2.0) / (counts + 4.0)
            table = scale_table("share", 256)
            colored = table[np.clip(share * 255, 0, 255).astype(np.uint8)]
            picture[..., :3] = colored[..., 2::-1].transpose(1, 0, 2)[..., :3]
        opacity = np.where(counts > 0, 40 + 215 * shade, 0)
        picture[..., 3] = opacity.T.astype(np.uint8)
        self.image = QImage(picture.data, bins[0], bins[1], 4 * bins[0], QImage.Format.Format_ARGB32).copy()

    def draw(self, painter: QPainter) -> None:
        if self.image is None or not self._seen:
            self.bin()
            self._seen = (1.0,)
        (left, right), (top, bottom) = self.to_px(
            [self.area.left(), self.area.right()], [self.area.top(), self.area.bottom()]
        )
        if self.image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.translate(left, top)
            painter.scale((right - left) / self.image.width(), (bottom - top) / self.image.height())
            painter.drawImage(0, 0, self.image)
