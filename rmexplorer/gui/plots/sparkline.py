"""A tiny line for tables: the course of a run, with a dot at its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rmexplorer.gui.plots.item import floats
from rmexplorer.gui.theme import brush, ink, px, themes


def paint_sparkline(painter: QPainter, room: QRectF, values: Sequence[float], token: str = "text",
                    limits: tuple[float, float] | None = None) -> None:
    """Paint values into `room`; `limits` puts several sparklines on one scale. Missing values leave gaps out."""
    data = floats(values)
    known = np.flatnonzero(np.isfinite(data))
    if not known.size:
        return
    low, high = limits or (float(data[known].min()), float(data[known].max()))
    area = room.adjusted(3, 4, -5, -4)
    x = area.left() + area.width() * known / max(len(data) - 1, 1)
    y = area.bottom() - area.height() * np.clip((data[known] - low) / max(high - low, 1e-12), 0, 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(ink(token, 1.75))
    painter.drawPolyline([QPointF(a, b) for a, b in zip(x, y, strict=True)])
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(brush(token))
    painter.drawEllipse(QPointF(x[-1], y[-1]), 2.75, 2.75)
    painter.restore()


class Sparkline(QWidget):
    """`paint_sparkline` as a widget."""

    def __init__(self, values: Sequence[float] = (), token: str = "text", limits: tuple[float, float] | None = None,
                 name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values, self.token, self.limits = list(values), token, limits
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def set_values(self, values: Sequence[float]) -> None:
        """Replace the values."""
        self.values = list(values)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(px(90), px(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_sparkline(QPainter(self), QRectF(self.rect()), self.values, self.token, self.limits)
