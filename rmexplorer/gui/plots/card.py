"""A card with a plot: axis titles as lines above and below it, its tools, its data as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QPointF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QPainter, QPaintEvent, QPolygonF, QShortcut
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QTableView, QVBoxLayout, QWidget

from rmexplorer.gui.plots.export import Caption, WidgetDrawing, copy_picture, save_picture, save_table
from rmexplorer.gui.plots.view import PlotView
from rmexplorer.gui.theme import color, font, px, scale_table, themes
from rmexplorer.gui.widgets.card import Card
from rmexplorer.gui.widgets.labels import label, paint_mark
from rmexplorer.gui.widgets.rows import NOWHERE, Index
from rmexplorer.problem import Problem

ROWS_SHOWN = 1_000_000


class ColumnsModel(QAbstractTableModel):
    """Named columns of one length as a table."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        super().__init__()
        self.columns = dict(columns)
        self.names = list(columns)

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() or not self.names else min(len(self.columns[self.names[0]]), ROWS_SHOWN)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole or not index.isValid():
            return None
        value = self.columns[self.names[index.column()]][index.row()]
        return (
            f"{float(value):,.4g}".replace("-", "\u2212")
            if isinstance(value, float) or hasattr(value, "dtype")
            else str(value)
        )

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.names[section] if orientation == Qt.Orientation.Horizontal else section + 1


class FigureCard(Card):
    """A Card with the tools of a figure: picture, copy and more. `drawing` is what pictures show, all of the card here.

    `tabled` data (see set_table) is what CSV export and "Show as table" give.
    """

    def __init__(self, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, subtitle, parent=parent)
        self.body.setSpacing(0)
        self.columns: dict[str, Any] = {}
        self.headline, self.context = "", ""
        self.tool_picture = self.add_tool("image", "Save picture", self.ask_picture)
        self.tool_copy = self.add_tool("copy", "Copy picture", self.copy_picture)
        self.tool_more = self.add_tool("ellipsis", "More", self.open_menu)

    def describe(self, headline: str, context: str) -> None:
        """What exports say besides: the headline; data set, model and filter."""
        self.headline, self.context = headline, context

    def set_table(self, columns: Mapping[str, Any]) -> None:
        """Give what is drawn as columns of one length."""
        self.columns = dict(columns)

    def caption(self) -> Caption:
        """The texts of an export."""
        title = " · ".join(part for part in (self.title_label.text(), self.subtitle_label.text()) if part)
        return Caption(title, self.headline, self.context)

    def drawing(self) -> Any:
        """What pictures show."""
        return WidgetDrawing(self.content)

    def copy_picture(self) -> None:
        """Put the plot on the clipboard."""
        copy_picture(self.drawing(), self.caption())

    def export(self, path: Path) -> None:
        """Write .png, .svg, .pdf or .csv by the name's ending; a failure is shown in the card."""
        try:
            if path.suffix.lower() == ".csv":
                save_table(self.columns, path)
            else:
                save_picture(self.drawing(), path, self.caption())
        except Problem as problem:
            self.show_error(problem)

    def ask_picture(self, kind: str = "png") -> None:
        """Ask for a file and write it."""
        name = self.title_label.text().lower().replace(" ", "-") or "plot"
        chosen, _ = QFileDialog.getSaveFileName(
            self, f"Save as {kind.upper()}", f"{name}.{kind}", f"{kind.upper()} (*.{kind})"
        )
        if chosen:
            path = Path(chosen)
            self.export(path if path.suffix else path.with_suffix(f".{kind}"))

    def menu(self) -> QMenu:
        """The menu of the card; panes may add to it before it opens."""
        menu = QMenu(self)
        for kind, text in (
            ("png", "Save as PNG, 2×…"),
            ("svg", "Save as SVG…"),
            ("pdf", "Save as PDF…"),
            ("csv", "Save data as CSV…"),
        ):
            action = menu.addAction(text)
            action.triggered.connect(lambda checked=False, kind=kind: self.ask_picture(kind))
            action.setEnabled(kind != "csv" or bool(self.columns))
        menu.addAction("Copy picture").triggered.connect(lambda checked=False: self.copy_picture())
        menu.addSeparator()
        table = menu.addAction("Show as table")
        table.triggered.connect(lambda checked=False: self.show_table())
        table.setEnabled(bool(self.columns))
        return menu

    def open_menu(self) -> None:
        """Open the menu below its button."""
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.tool_more.mapToGlobal(self.tool_more.rect().bottomLeft()))

    def show_table(self) -> QDialog:
        """Open the plot's data as a table."""
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.title_label.text())
        column = QVBoxLayout(dialog)
        table = QTableView()
        model = ColumnsModel(self.columns)
        model.setParent(table)
        table.setModel(model)
        table.setAccessibleName(f"{self.title_label.text()} as a table")
        column.addWidget(table)
        dialog.resize(px(520), px(420))
        dialog.show()
        return dialog


class PlotCard(FigureCard):
    """A FigureCard whose content is a PlotView (`view`), with axis titles as lines above and below it."""

    def __init__(self, title: str, subtitle: str = "", y_title: str = "", x_title: str = "", x_kind: str = "number",
                 y_kind: str = "number", grid: str = "y", left_width: int = 40, parent: QWidget | None = None) -> None:
        """Axis kinds: number, signed, percent, count, log2, log10 (data as logarithms); grid: both, x, y, none."""
        super().__init__(title, subtitle, parent)
        self.y_title = label(y_title, "secondary", "small")
        self.x_title = label(x_title, "secondary", "small")
        self.x_title.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.view = PlotView(x_kind, y_kind, grid, left_width)
        self.add(self.y_title)
        self.body.addSpacing(px(4))
        self.add(self.view, 1)
        self.add(self.x_title)
        self.set_titles(y_title, x_title)
        self.describe("", "")
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.view)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy_picture)

    def set_titles(self, y_title: str, x_title: str) -> None:
        """Replace the axis titles: "↑ Reward", "Words in the response, log scale →"."""
        for part, text in ((self.y_title, y_title), (self.x_title, x_title)):
            part.setText(text)
            part.setVisible(bool(text))

    def describe(self, headline: str, context: str) -> None:
        """What exports and a screen reader say besides: the headline; data set, model and filter."""
        super().describe(headline, context)
        self.view.describe(self.title_label.text(), f"{headline} {context}".strip())

    def caption(self) -> Caption:
        """The texts of an export, with the axis titles."""
        return replace(super().caption(), y_title=self.y_title.text(), x_title=self.x_title.text())

    def drawing(self) -> Any:
        """What pictures show: the view."""
        return self.view

    def menu(self) -> QMenu:
        """The menu of the card; panes may add to it before it opens."""
        menu = super().menu()
        menu.addAction("Reset zoom").triggered.connect(lambda checked=False: self.view.reset())
        return menu


class ShareLegend(QWidget):
    """The legend of hexagons: ◆ rejected, five shades, ● chosen; and small to large for `more`, '' leaves that out."""

    def __init__(self, more: str = "more responses", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.more = more
        size = f" Size: {more}" if more else ""
        self.setAccessibleName(f"Colour: share of chosen, from rejected to chosen.{size}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(font("small"))
        words = sum(metrics.horizontalAdvance(text) for text in ("rejected", "chosen", self.more))
        return QSize(words + px(14 + 5 * 13 + 20 + (24 + 52 if self.more else 4)), px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("small"))
        metrics = QFontMetrics(painter.font())
        y = self.height() / 2
        x = px(6)

        def word(text: str, token: str) -> None:
            nonlocal x
            painter.setPen(color(token))
            painter.drawText(QPointF(x, y + metrics.ascent() / 2 - 1), text)
            x += metrics.horizontalAdvance(text)

        paint_mark(painter, "rejected", QPointF(x, y), px(8))
        x += px(8)
        word("rejected", "rejected_text")
        x += px(11)
        table = scale_table("share", 5)
        for shade in table:
            paint_hexagon(painter, QPointF(x, y), px(7), tuple(int(part) for part in shade[:3]))
            x += px(13)
        x += px(3)
        paint_mark(painter, "chosen", QPointF(x, y), px(8))
        x += px(9)
        word("chosen", "chosen_text")
        if not self.more:
            return
        x += px(18)
        neutral = color("neutral")
        grey = neutral.red(), neutral.green(), neutral.blue()
        for size in (2, 4, 6.5):
            paint_hexagon(painter, QPointF(x, y), px(size), grey)
            x += px(6 + size)
        word(self.more, "text2")


def paint_hexagon(painter: QPainter, at: QPointF, radius: float, rgb: tuple[int, ...]) -> None:
    """One hexagon pointed at the top."""
    fill = color("text")
    fill.setRgb(*rgb)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    corners = ((0, -1), (0.866, -0.5), (0.866, 0.5), (0, 1), (-0.866, 0.5), (-0.866, -0.5))
    painter.drawPolygon(QPolygonF([at + QPointF(a * radius, b * radius) for a, b in corners]))


class MarkLegend(QWidget):
    """A legend of marks with words: ○ people ■ model."""

    def __init__(self, entries: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        """`entries` are (kind of mark, word)."""
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(5))
        for kind, text in entries:
            row.addWidget(_MarkSign(kind))
            row.addWidget(label(text, kind if kind in ("chosen", "rejected") else "secondary", "small"))


class _MarkSign(QWidget):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.setFixedSize(px(14), px(14))
        themes.theme_changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_mark(QPainter(self), self.kind, QPointF(self.width() / 2, self.height() / 2), px(8))
