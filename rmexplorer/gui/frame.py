"""The parts of the window: top bar, rail, panes, inspector, status strip. Made anew when the text size changes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.gui.catalog import catalog
from rmexplorer.gui.inspector import Inspector
from rmexplorer.gui.pane import PANES, Pane
from rmexplorer.gui.rail import Rail
from rmexplorer.gui.status import StatusStrip
from rmexplorer.gui.topbar import TopBar
from rmexplorer.gui.widgets import ErrorStrip


class Frame(QWidget):
    """Everything that is drawn in the window but what lies over it; panes are made on first use."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self.panes: dict[str, Pane] = {}
        self.topbar = TopBar(desk)
        self.error = ErrorStrip()
        self.rail = Rail(catalog())
        self.stack = QStackedWidget()
        self.inspector = Inspector(desk)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.inspector)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setHandleWidth(1)
        self.status = StatusStrip()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.topbar)
        column.addWidget(self.error)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addWidget(self.splitter, 1)
        column.addLayout(middle, 1)
        column.addWidget(self.status)

    def pane(self, name: str) -> Pane:
        """The pane of this name, made on first use."""
        if name not in self.panes:
            made = PANES[name](self._desk)
            self.panes[name] = made
            self.stack.addWidget(made)
        return self.panes[name]
