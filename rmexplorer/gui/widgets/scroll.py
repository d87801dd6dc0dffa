"""A scroll area as all panes have it: without a frame, down only, on the ground of its card."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QWidget

from rmexplorer.gui.theme import set_role


class Scrolled(QScrollArea):
    """Scrolls what a layout holds. With a name for screen readers it takes the focus, so that keys scroll it."""

    def __init__(self, layout: QLayout, name: str = "", sideways: bool = False) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        if not sideways:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        if name:
            self.setAccessibleName(name)
        else:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        page = QWidget()
        set_role(page, "scrolled")
        page.setLayout(layout)
        self.setWidget(page)
