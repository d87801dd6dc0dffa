"""The help page: every command with its key and sentence, from the one registry."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from rmexplorer import __version__
from rmexplorer.app.commands import COMMANDS
from rmexplorer.gui.theme import px, set_font, set_role
from rmexplorer.gui.widgets.scroll import Scrolled

INTRODUCTION = (
    "A reward model r(x, y) predicts how much a person would prefer response y to prompt x. The probability that A beats B is "
    "σ(r_A − r_B), so only differences within a prompt mean anything. Blue ● is the response that the labels prefer, vermilion ◆ "
    "the rejected one, black ■ the model, plum what you selected."
)
MORE_KEYS = (
    ("J, K or arrows", "next and previous row of a list"),
    ("/", "go to the filter"),
    ("Ctrl+1 … Ctrl+0", "go to a pane"),
    ("+ − 0", "zoom a plot that has the focus"),
    ("Shift, Alt while brushing", "add to the selection, take away from it"),
)


class HelpDialog(QDialog):
    """Keys and what they do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Keys and help – rmexplorer {__version__}")
        self.resize(px(620), px(600))
        column = QVBoxLayout(self)
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(16))
        grid.setVerticalSpacing(px(6))
        grid.setColumnStretch(1, 1)
        introduction = QLabel(INTRODUCTION)
        introduction.setWordWrap(True)
        grid.addWidget(introduction, 0, 0, 1, 2)
        row = 1
        menu = ""
        for command in sorted(COMMANDS.values(), key=lambda one: one.menu):
            if command.menu != menu:
                menu = command.menu
                title = QLabel(menu)
                set_font(title, "title")
                title.setContentsMargins(0, px(10), 0, 0)
                grid.addWidget(title, row, 0, 1, 2)
                row += 1
            self._line(
                grid,
                row,
                QKeySequence(command.key).toString(QKeySequence.SequenceFormat.NativeText) or "–",
                f"{command.title}: {command.sentence}",
            )
            row += 1
        for key, sentence in MORE_KEYS:
            self._line(grid, row, key, sentence)
            row += 1
        column.addWidget(Scrolled(grid, "Keys"))

    def _line(self, grid: QGridLayout, row: int, key: str, text: str) -> None:
        cap = QLabel(key)
        set_font(cap, "small")
        set_role(cap, "secondary")
        label = QLabel(text)
        label.setWordWrap(True)
        set_font(label, "small")
        grid.addWidget(cap, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label, row, 1)
