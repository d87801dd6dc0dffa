"""Plots for slides and papers: PNG at 2×, SVG, PDF, and CSV of what is drawn."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMarginsF, QPoint, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from rmexplorer.gui.theme import DARK, LIGHT, color, font, themes
from rmexplorer.paths import atomic
from rmexplorer.problem import Problem

MARGIN = 20


@dataclass(frozen=True)
class Caption:
    """What an export says around the plot: title, headline, axis titles, and data set, model and filter."""

    title: str = ""
    headline: str = ""
    context: str = ""
    y_title: str = ""
    x_title: str = ""


@contextmanager
def drawn_as(name: str) -> Iterator[None]:
    """Paint in another theme (light, dark) for a while, without telling anyone."""
    before = themes.current
    themes.current = replace(before, name=name, colors=DARK if name == "dark" else LIGHT)
    try:
        yield
    finally:
        themes.current = before


def paint_page(painter: QPainter, view: Any, caption: Caption, size: QSize) -> None:
    """Paint caption and plot onto a page of `size`, in logical px."""
    width = size.width() - 2 * MARGIN
    painter.fillRect(QRectF(0, 0, size.width(), size.height()), color("surface"))
    top = float(MARGIN)

    def write(text: str, role: str, token: str, weight: int = 0, right: bool = False) -> None:
        nonlocal top
        if text:
            painter.setFont(font(role, weight))
            painter.setPen(color(token))
            flags = int(
                Qt.TextFlag.TextWordWrap | (Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft)
            )
            box = painter.boundingRect(QRectF(MARGIN, top, width, 400), flags, text)
            painter.drawText(QRectF(MARGIN, top, width, box.height()), flags, text)
            top += box.height() + 5

    write(caption.title, "title", "text")
    write(caption.headline, "body", "text")
    write(caption.y_title, "small", "text2")
    below = 22 * (bool(caption.x_title) + bool(caption.context))
    place = QRectF(MARGIN, top, width, size.height() - top - MARGIN - below)
    view.redraw_axes()
    view.render(painter, place, view.viewport().rect(), Qt.AspectRatioMode.IgnoreAspectRatio)
    top = place.bottom() + 3
    write(caption.x_title, "small", "text2", right=True)
    write(caption.context, "smallest", "text3")


def page_size(view: Any, caption: Caption) -> QSize:
    """The size of an export in logical px: the plot as on screen, and room for its caption."""
    lines = bool(caption.title) + bool(caption.y_title) + bool(caption.x_title) + bool(caption.context)
    headline = 44 if caption.headline else 0
    return QSize(view.width() + 2 * MARGIN, view.height() + 2 * MARGIN + 22 * lines + headline)


def picture(view: Any, caption: Caption, theme: str = "light", ratio: int = 2) -> QImage:
    """The plot as an image at `ratio` device px for each logical one."""
    size = page_size(view, caption)
    image = QImage(size * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    with drawn_as(theme):
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_page(painter, view, caption, size)
        painter.end()
    view.redraw_axes()
    return image


class WidgetDrawing:
    """A widget as pictures want a plot: its size, and a render into a place of the page."""

    def __init__(self, widget: QWidget) -> None:
        self.widget = widget

    def width(self) -> int:
        """Logical px."""
        return self.widget.width()

    def height(self) -> int:
        """Logical px."""
        return self.widget.height()

    def viewport(self) -> QWidget:
        """The widget."""
        return self.widget

    def redraw_axes(self) -> None:
        """A widget caches nothing."""

    def render(self, painter: QPainter, place: QRectF, *_: Any) -> None:
        """Paint the widget into a place."""
        painter.save()
        painter.translate(place.topLeft())
        painter.scale(place.width() / max(self.widget.width(), 1), place.height() / max(self.widget.height(), 1))
        self.widget.render(painter, QPoint(), renderFlags=QWidget.RenderFlag.DrawChildren)
        painter.restore()


def copy_picture(view: Any, caption: Caption) -> None:
    """Put the plot on the clipboard."""
    QGuiApplication.clipboard().setImage(picture(view, caption))


def save_picture(view: Any, path: Path, caption: Caption, theme: str = "light") -> None:
    """Write .png (2×), .svg or .pdf by the name's ending. Raises Problem where that fails."""
    kind = path.suffix.lower()
    size = page_size(view, caption)
    with atomic(path) as target:
        if kind == ".png":
            # the stubs of save want bytes, and it refuses them
            if not picture(view, caption, theme).save(str(target), "PNG"):  # type: ignore[call-overload]
                raise Problem(f"{path}: cannot write this picture", "choose another place")
        elif kind == ".svg":
            generator = QSvgGenerator()
            generator.setFileName(str(target))
            generator.setSize(size)
            generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
            generator.setTitle(caption.title)
            generator.setDescription(caption.headline)
            _paint_on(generator, view, caption, size, theme)
        elif kind == ".pdf":
            writer = QPdfWriter(str(target))
            writer.setPageSize(QPageSize(QSizeF(size) * 0.75, QPageSize.Unit.Point))
            writer.setPageMargins(QMarginsF(0, 0, 0, 0))
            writer.setResolution(96)
            writer.setTitle(caption.title)
            _paint_on(writer, view, caption, size, theme)
        else:
            raise Problem(f"{path.name}: not a kind of picture", "end the name in .png, .svg or .pdf")


def _paint_on(device: Any, view: Any, caption: Caption, size: QSize, theme: str) -> None:
    with drawn_as(theme):
        painter = QPainter(device)
        paint_page(painter, view, caption, size)
        painter.end()
    view.redraw_axes()


def save_table(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns of one length as CSV (UTF-8). Raises Problem where that fails."""
    with atomic(path) as target, target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
