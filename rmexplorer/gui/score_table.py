"""A small table of scores: a name with what it is measured against, and a value with its interval in each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.gui.theme import px, set_role
from rmexplorer.gui.widgets import label


@dataclass(frozen=True)
class ScoreRow:
    """One score: name, note below it, and (value, interval) for each column; `warned` are columns beyond chance.

    `wide`: the note runs below all columns, for one that is longer than a name.
    """

    name: str
    note: str
    cells: tuple[tuple[str, str], ...]
    warned: tuple[bool, ...] = ()
    wide: bool = False

    def only(self, place: int) -> ScoreRow:
        """The row with one of its columns."""
        return replace(self, cells=self.cells[place : place + 1], warned=self.warned[place : place + 1])


class ScoreTable(QWidget):
    """Scores as rows, states of the model as columns; figures right-aligned, the column that is shown is stronger."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, px(2))
        self.grid.setHorizontalSpacing(px(12))
        self.grid.setVerticalSpacing(px(7))
        self.grid.setColumnStretch(0, 1)
        self.columns: tuple[str, ...] = ()
        self.rows: tuple[ScoreRow, ...] = ()

    def set_rows(self, columns: Sequence[str], rows: Sequence[ScoreRow], strong: int) -> None:
        """Replace everything; `strong` is the place of the column that is shown."""
        self.columns, self.rows = tuple(columns), tuple(rows)
        while (item := self.grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.setParent(None)
                old.deleteLater()
        right = Qt.AlignmentFlag.AlignRight
        for place, name in enumerate(columns):
            head = label(name, "" if place == strong else "secondary", "small", 600 if place == strong else 0)
            self.grid.addWidget(head, 0, place + 1, right)
        line = 0
        for row in rows:
            line += 1
            cell, column = _cell()
            column.addWidget(label(row.name, "", "small", 500))
            note = label(row.note, "secondary", "small")
            self.grid.addWidget(cell, line, 0)
            if not row.wide:
                column.addWidget(note)
            for place, (value, interval) in enumerate(row.cells):
                warned = place < len(row.warned) and row.warned[place]
                cell, column = _cell()
                shown = label(f"▲ {value}" if warned else value, font_role="body", weight=600 if place == strong else 0)
                set_role(shown, "amber" if warned else "" if place == strong else "secondary")
                column.addWidget(shown, 0, right)
                if not row.wide:
                    column.addWidget(label(interval, "secondary", "small"), 0, right)
                cell.setAccessibleName(f"{row.name}, {columns[place] or 'value'}: {value} {interval}".strip())
                self.grid.addWidget(cell, line, place + 1, right)
            if row.wide:
                line += 1
                self.grid.addWidget(note, line, 0, 1, len(columns) + 1)

    def as_text(self) -> str:
        """The table with tabs, for the clipboard."""
        head = ["", *(name for column in self.columns for name in (column, "95% CI or chance"))]
        body = [[row.name, *(text for cell in row.cells for text in cell)] for row in self.rows]
        return "\n".join("\t".join(line) for line in [head, *body])


def _cell() -> tuple[QWidget, QVBoxLayout]:
    cell = QWidget()
    column = QVBoxLayout(cell)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return cell, column
