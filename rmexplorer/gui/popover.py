"""A small sheet under a button: a title and whatever is put into it; a press elsewhere closes it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import label
from rmexplorer.problem import Problem


class Popover(QFrame):
    """A sheet of some width; add to `body`, then `show_under(button)`. It is deleted when it closes."""

    def __init__(self, title: str, width: int, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popover")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFixedWidth(px(width))
        self.setAccessibleName(title)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(px(16), px(14), px(16), px(14))
        self.body.setSpacing(px(8))
        self.body.addWidget(label(title, font_role="title"))

    def add_text(self, text: str, role: str = "secondary") -> None:
        """Add a paragraph that can be copied."""
        words = label(text, role, wrap=True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body.addWidget(words)

    def show_problem(self, line: QLabel, problem: Problem) -> None:
        """Say in `line`, which was hidden, what is wrong with what was typed and what to do."""
        line.setText(f"{problem.what[:1].upper()}{problem.what[1:]}; {problem.remedy}.")
        line.show()
        self.adjustSize()

    def show_under(self, button: QWidget) -> None:
        """Show it below a button, its right edge at the button's, within the window: higher up where it does not fit below."""
        self.adjustSize()
        if self.body.hasHeightForWidth():  # the size hint does not know how high wrapped text is
            self.resize(self.width(), self.body.totalHeightForWidth(self.width()))
        corner = button.mapToGlobal(QPoint(button.width(), button.height() + 4))
        window = button.window()
        least, most = window.mapToGlobal(QPoint(8, 8)), window.mapToGlobal(QPoint(0, window.height() - 8))
        self.move(max(corner.x() - self.width(), least.x()), max(min(corner.y(), most.y() - self.height()), least.y()))
        self.show()
