"""The line below the list of fixes: a source to drop, phrases to remove, each trained with one click."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import SecondaryButton, label
from rmexplorer.workflows.fixing import PHRASES, SOURCE

BETWEEN = ";"
LOW = 28


class FixForm(QWidget):
    """`asked(fix, what)`: train without this source, or without these phrases."""

    asked = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(12), px(4), px(12), px(4))
        row.setSpacing(px(8))
        self.source_label = label("Drop a source", "secondary", "small")
        self.source = QComboBox()
        self.source.setAccessibleName("Source to drop")
        self.drop = SecondaryButton("Train without it", "play")
        self.phrases = QLineEdit()
        self.phrases.setAccessibleName("Phrases to remove")
        self.phrases.setToolTip(f"Taken out of every response before it is encoded, whatever their case; {BETWEEN} between them")
        self.phrases.setPlaceholderText(f"Phrases, {BETWEEN} between them")
        self.remove = SecondaryButton("Train without them", "play")
        for part in (self.source, self.phrases):
            part.setMinimumHeight(px(LOW))
            part.setMinimumWidth(px(80))
            set_font(part, "body")
        for widget, stretch in ((self.source_label, 0), (self.source, 1), (self.drop, 0),
                                (label("Remove phrases", "secondary", "small"), 0), (self.phrases, 2), (self.remove, 0)):
            row.addWidget(widget, stretch)
        self.drop.clicked.connect(lambda: self.asked.emit(SOURCE, [self.source.currentData()]))
        self.remove.clicked.connect(self._ask)
        self.phrases.returnPressed.connect(self._ask)
        self.phrases.textChanged.connect(lambda _: self._enable())
        self._why = ""

    def chosen_phrases(self) -> list[str]:
        """The phrases that are typed, each once."""
        return list(dict.fromkeys(part.strip() for part in self.phrases.text().split(BETWEEN) if part.strip()))

    def _ask(self) -> None:
        if self.remove.isEnabled():
            self.asked.emit(PHRASES, self.chosen_phrases())

    def show_choices(self, sources: Sequence[str], phrases: Sequence[str]) -> None:
        """Choices of another dataset: its sources, of which there must be two, and the phrases to begin with."""
        self.source.clear()
        for name in sources:
            self.source.addItem(name, name)
        for part in (self.source_label, self.source, self.drop):
            part.setVisible(len(sources) > 1)
        self.phrases.setText(f"{BETWEEN} ".join(phrases))
        self.phrases.setCursorPosition(0)

    def disable(self, why: str) -> None:
        """Say why nothing can be trained now, or enable with an empty reason."""
        self._why = why
        self._enable()

    def _enable(self) -> None:
        self.drop.disable(self._why)
        self.remove.disable(self._why or ("" if self.chosen_phrases() else "Type a phrase first"))
