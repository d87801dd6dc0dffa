"""A small table of scores: a name with what it is measured against, and a value with its interval in each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.gui.theme import px, set_font, set_role
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
        self.heads: list[QLabel] = []
        self.lines: list[_Line] = []
        self._shape: tuple[object, ...] = ()

    def set_rows(self, columns: Sequence[str], rows: Sequence[ScoreRow], strong: int, dense: bool = False) -> None:
        """Replace everything; `strong` is the place of the column that is shown, `dense` sets the rows closer."""
        self.grid.setVerticalSpacing(px(3 if dense else 7))
        self.columns, self.rows = tuple(columns), tuple(rows)
        shape = (len(columns), tuple(row.wide for row in rows))
        if shape != self._shape:  # else the labels stay, and only say something else
            self._shape = shape
            self._build()
        for place, (head, name) in enumerate(zip(self.heads, columns, strict=True)):
            head.setText(name)
            _speak(head, "" if place == strong else "secondary", "small", 600 if place == strong else 0)
        for line, row in zip(self.lines, rows, strict=True):
            line.name.setText(row.name)
            line.note.setText(row.note)
            line.note.setVisible(bool(row.note))
            for place, ((cell, value, interval), (shown, below)) in enumerate(zip(line.cells, row.cells, strict=True)):
                warned = place < len(row.warned) and row.warned[place]
                value.setText(f"▲ {shown}" if warned else shown)
                role = "amber" if warned else "" if place == strong else "secondary"
                _speak(value, role, "body", 600 if place == strong else 0)
                interval.setText(below)
                interval.setVisible(not row.wide and bool(row.note or below))
                cell.setAccessibleName(f"{row.name}, {columns[place]}: {shown} {below}".strip())

    def _build(self) -> None:
        while (item := self.grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.setParent(None)
                old.deleteLater()
        right = Qt.AlignmentFlag.AlignRight
        self.heads = [label("", "", "small") for _ in self.columns]
        for place, head in enumerate(self.heads):
            self.grid.addWidget(head, 0, place + 1, right)
        self.lines = []
        at = 0
        for row in self.rows:
            at += 1
            line = _Line(label("", "", "small", 500), label("", "secondary", "small"), [])
            cell, column = _cell()
            column.addWidget(line.name)
            self.grid.addWidget(cell, at, 0)
            if row.wide:
                self.grid.addWidget(line.note, at + 1, 0, 1, len(self.columns) + 1)
            else:
                column.addWidget(line.note)
            for place in range(len(self.columns)):
                cell, column = _cell()
                value, interval = label("", "", "body"), label("", "secondary", "small")
                column.addWidget(value, 0, right)
                column.addWidget(interval, 0, right)
                column.addStretch(1)  # a note may be two lines high
                self.grid.addWidget(cell, at, place + 1, right)
                line.cells.append((cell, value, interval))
            at += row.wide
            self.lines.append(line)

    def as_text(self) -> str:
        """The table with tabs, for the clipboard."""
        head = ["", *(name for column in self.columns for name in (column, "95% CI or chance"))]
        body = [[row.name, *(text for cell in row.cells for text in cell)] for row in self.rows]
        return "\n".join("\t".join(line) for line in [head, *body])


@dataclass
class _Line:
    """The widgets of a row: name, note, and (cell, value, interval) of each column."""

    name: QLabel
    note: QLabel
    cells: list[tuple[QWidget, QLabel, QLabel]]


def _speak(shown: QLabel, role: str, font_role: str, weight: int) -> None:
    """Give a label its role and font, where they are others than before."""
    if shown.property("spoken") != f"{role} {weight}":
        shown.setProperty("spoken", f"{role} {weight}")
        set_font(shown, font_role, weight)
        set_role(shown, role)


def _cell() -> tuple[QWidget, QVBoxLayout]:
    cell = QWidget()
    column = QVBoxLayout(cell)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return cell, column
