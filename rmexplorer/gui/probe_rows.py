"""Probes as rows of a forest plot: their order, what a row says, and the names of the columns."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rmexplorer import wording
from rmexplorer.gui.plots import ForestMark, ForestPlot, ForestRow
from rmexplorer.gui.theme import color, font, px, themes
from rmexplorer.wording import number, percent


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Surprises first, the largest change first; then the rest by falling change; edits that change nothing last."""
    def key(row: dict[str, Any]) -> tuple[bool, bool, float]:
        change = row["mean_change"]
        found = row["surprising"] and row["seen"] != "none"
        return (row["n"] == 0, not found, -abs(change or 0.0) if found else -(change or 0.0))

    return sorted(rows, key=key)


def forest_row(row: dict[str, Any]) -> ForestRow:
    """One probe as a row: hill of all responses, mean with interval, raised, flips and q."""
    change, (low, high) = row["mean_change"], row["ci"] or (float("nan"), float("nan"))
    q = wording.small(row["q"])
    found = row["seen"] != "none"
    tone = "neutral" if not found else "green" if row["seen"] == "up" else "amber"
    mark = () if change is None else (
        ForestMark(change, low, high, filled=found, label=number(change, signed=True) if row["n"] else ""),)
    expected = {"none": "no change", "up": "a rise", "down": "a fall"}[row["expected"]]
    tip = "\n".join((
        f"{row['title']}, {wording.counted(row['n'], 'response')}",
        f"Change {number(change, signed=True)} SD {wording.bracket('95% CI ' + wording.between(*(row['ci'] or (None, None))))}",
        f"Raised in {percent(row['raised'])}, flips {percent(row['flips'])} of {wording.counted(row['pairs'], 'pair')}, q {q}",
        f"Expected {expected}: {'surprising' if row['surprising'] else 'as expected' if row['n'] else 'not tried'}",
    ))
    return ForestRow(
        f"▲ {row['title']}" if row["surprising"] else row["title"], row["sub"] or " ", mark,
        right=f"{percent(row['raised'])}\t{percent(row['flips'])}\t{q}", strong=row["surprising"],
        hill=(tuple(row["hill"][0]), tuple(row["hill"][1])) if row["hill"][0] else None, tone=tone,
        enabled=row["n"] > 0, tip=tip)


class ColumnNames(QWidget):
    """Names of the columns above the forest plot."""

    def __init__(self, plot: ForestPlot) -> None:
        super().__init__()
        self.plot = plot
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """One line."""
        return QSize(px(200), px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Edit, lowers and raises at zero, Raised, Flips, q."""
        painter = QPainter(self)
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        room, middle = QRectF(self.rect()), Qt.AlignmentFlag.AlignVCenter
        room.setWidth(min(room.width(), self.plot.list.viewport().width()))
        painter.drawText(room.adjusted(px(8), 0, 0, 0), middle, "Edit")
        zero = self.plot.shape.x(0.0, room)
        painter.drawText(QRectF(zero - px(100), 0, px(92), room.height()), middle | Qt.AlignmentFlag.AlignRight, "← lowers")
        painter.drawText(QRectF(zero + px(8), 0, px(100), room.height()), middle, "raises →")
        wide = px(self.plot.shape.right) / 3
        for place, text in enumerate(("Raised", "Flips", "q")):
            left = room.right() - px(self.plot.shape.right) + place * wide
            painter.drawText(QRectF(left, 0, wide - px(6), room.height()), middle | Qt.AlignmentFlag.AlignRight, text)
