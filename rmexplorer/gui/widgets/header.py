"""The head of a pane: title and question, the finding as headline, and how it was measured."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets.buttons import GhostButton, SecondaryButton
from rmexplorer.gui.widgets.labels import ElidedLabel, Headline, label
from rmexplorer.gui.widgets.states import IconLabel

COMPUTED = "How is this computed?"
LEAST_OF_QUESTION = 0.6


def shell_lines(command: str, longest: int = 54) -> str:
    """A long command as lines that a shell joins again, broken before its options."""
    return command if len(command) <= longest else command.replace(" --", " \\\n    --")


class ComputedPopover(QFrame):
    """How a number is computed: formula in words and signs, and the command line that gives the same."""

    def __init__(self, title: str, formula: str, command: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popover")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(px(460))
        self.command = command
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(14), px(16), px(14))
        column.setSpacing(px(8))
        column.addWidget(label(title, font_role="title"))
        words = label(formula, "secondary", wrap=True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(words)
        if command:
            column.addWidget(label("The same from the command line", font_role="small_strong"))
            line = label(shell_lines(command), font_role="mono", wrap=True)
            line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(line)
            copy = SecondaryButton("Copy command", "copy")
            copy.clicked.connect(self.copy_command)
            column.addWidget(copy)

    def copy_command(self) -> None:
        """Put the command line on the clipboard."""
        QGuiApplication.clipboard().setText(self.command)
        self.close()


class PaneHeader(QWidget):
    """Title, question and actions in one row; headline below (at most two lines); then the method line.

    Its lower margin is the gap before the cards.
    """

    def __init__(self, title: str, question: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.title = title
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, px(14))
        column.setSpacing(0)
        self.top = QWidget()
        self.top.setFixedHeight(px(28))
        self.row = QHBoxLayout(self.top)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(px(8))
        self.title_label = label(title, font_role="title")
        self.question_label = ElidedLabel(question, "secondary", "body")
        self.row.addWidget(self.title_label)
        self.row.addWidget(self.question_label, 1)
        self.row.addStretch()
        self.computed = GhostButton(COMPUTED, "circle-question-mark")
        self.computed.setAccessibleName(COMPUTED)
        self.computed.clicked.connect(self.show_computed)
        self.computed.hide()
        self.row.addWidget(self.computed)
        self.headline = Headline()
        self.method = QWidget()
        line = QHBoxLayout(self.method)
        line.setContentsMargins(0, px(7), 0, 0)
        line.setSpacing(px(6))
        line.addWidget(IconLabel("info", "text3", 13))
        self.method_label = ElidedLabel("", "secondary", "small")
        line.addWidget(self.method_label, 1)
        line.addStretch()
        self.method.hide()
        for part in (self.top, self.headline, self.method):
            column.addWidget(part)
        self._formula, self._command = "", ""
        self.popover: ComputedPopover | None = None
        themes.theme_changed.connect(self._measure)

    def _measure(self) -> None:
        """Take sizes from the theme: zoom and presentation change them."""
        self.top.setFixedHeight(px(28))
        if (column := self.layout()) is not None:
            column.setContentsMargins(0, 0, 0, px(14))

    def set_question(self, question: str) -> None:
        """Replace the question."""
        self.question_label.setText(question)
        self.question_label.updateGeometry()
        self._fit()

    def set_headline(self, text: str, stale: bool = False) -> None:
        """Replace the finding; see Headline.set_text."""
        self.headline.set_text(text, stale)

    def set_method(self, text: str) -> None:
        """Say n, split, how intervals are made, how ties count; parts are joined by " · "."""
        self.method_label.setText(text)
        self.method_label.updateGeometry()
        self.method.setVisible(bool(text))

    def set_computed(self, formula: str, command: str = "") -> None:
        """What "How is this computed?" opens; empty hides it."""
        self._formula, self._command = formula, command
        self.computed.setVisible(bool(formula))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow row shortens the last button to its icon, then leaves the question out."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        question = self.question_label
        others = [item.widget() for place in range(self.row.count()) if (item := self.row.itemAt(place)) is not None]
        taken = sum(one.sizeHint().width() + self.row.spacing() for one in others
                    if one is not None and one not in (question, self.computed) and not one.isHidden())
        self.computed.setText(COMPUTED)
        last = 0 if self.computed.isHidden() else self.computed.sizeHint().width() + self.row.spacing()
        if last and taken + question.sizeHint().width() + last > self.width():
            self.computed.setText("")
            self.computed.setToolTip(COMPUTED)
            last = self.computed.sizeHint().width() + self.row.spacing()
        else:
            self.computed.setToolTip("")
        question.setVisible(self.width() - taken - last >= LEAST_OF_QUESTION * question.sizeHint().width())
        self.computed.updateGeometry()

    def add_action(self, widget: QWidget) -> QWidget:
        """Put a button or switch at the right of the row, before "How is this computed?"; returns it."""
        self.row.insertWidget(self.row.count() - 1, widget)
        self._fit()
        return widget

    def show_computed(self) -> None:
        """Open the popover below its button."""
        self.popover = ComputedPopover("How is this computed?", self._formula, self._command, self)
        self.popover.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.popover.destroyed.connect(self._forget)
        self.popover.adjustSize()
        corner = self.computed.mapToGlobal(QPoint(self.computed.width(), self.computed.height() + 4))
        self.popover.move(corner.x() - self.popover.width(), corner.y())
        self.popover.show()

    def _forget(self) -> None:
        self.popover = None
