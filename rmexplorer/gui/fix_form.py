"""The line below the list of fixes: a source to drop, phrases to remove, each trained with one click; features to residualise on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QWidget

from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import PrimaryButton, SecondaryButton, label
from rmexplorer.wording import style
from rmexplorer.workflows.columns import STYLE
from rmexplorer.workflows.fixing import PHRASES, SOURCE

BETWEEN, QUOTE = ";", '"'
LOW = 28
FEATURES = ("characters", "words", *STYLE)


def parted(text: str) -> list[str]:
    """Phrases between semicolons, each once; one that holds a semicolon stands in double quotes, a quote in it doubled."""
    found, part, quoted, place = [], "", False, 0
    while place < len(text):
        sign = text[place]
        if sign == QUOTE and quoted and text[place + 1 : place + 2] == QUOTE:
            part, place = part + QUOTE, place + 1
        elif sign == QUOTE and (quoted or not part.strip()):
            quoted, part = not quoted, part if quoted else ""
        elif sign == BETWEEN and not quoted:
            found.append(part)
            part = ""
        else:
            part += sign
        place += 1
    return list(dict.fromkeys(one.strip() for one in [*found, part] if one.strip()))


def joined(phrases: Sequence[str]) -> str:
    """The text that `parted` takes apart into these phrases."""
    return f"{BETWEEN} ".join(
        QUOTE + phrase.replace(QUOTE, 2 * QUOTE) + QUOTE if BETWEEN in phrase or phrase.startswith(QUOTE) else phrase
        for phrase in phrases)


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
        self.phrases.setToolTip(f"Taken out of every response before it is encoded, whatever their case; {BETWEEN} between them, "
                                f"double quotes around one that has a {BETWEEN}")
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
        self._known: tuple[str, ...] = ()  # phrases that were offered once
        self._shown = ""  # the phrases that were offered, which others may replace until a person types

    def chosen_phrases(self) -> list[str]:
        """The phrases that are typed, each once."""
        return parted(self.phrases.text())

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
        self._shown = self.phrases.text()
        self.offer(phrases)

    def offer(self, phrases: Sequence[str]) -> None:
        """Other phrases to begin with; what a person has typed stays, with those that are new after it."""
        before, typed = self.phrases.text(), self.phrases.text() != self._shown
        new = [one for one in phrases if one not in {*self.chosen_phrases(), *self._known}]
        self._known = tuple(phrases)
        if typed and not new:
            return
        text = joined([*parted(before), *new] if typed else phrases)
        self._shown = "" if typed else text
        self.phrases.setText(text)
        self.phrases.setCursorPosition(0)

    def disable(self, why: str) -> None:
        """Say why nothing can be trained now, or enable with an empty reason."""
        self._why = why
        self._enable()

    def _enable(self) -> None:
        self.drop.disable(self._why)
        self.remove.disable(self._why or ("" if self.chosen_phrases() else "Type a phrase first"))


class FeaturePick(Popover):
    """The sheet of features to residualise on. `asked(names)` when the head is to be trained."""

    asked = Signal(object)

    def __init__(self, chosen: Sequence[str], own: Sequence[str], parent: QWidget) -> None:
        """chosen: those checked at first; own: names of a person's own, which stand after the others."""
        super().__init__("Residualize on features", 320, parent)
        said = "Their lines, fitted on training pairs all at once, are subtracted from the reward."
        self.body.addWidget(label(said, "secondary", "small", wrap=True))
        self.features = QListWidget()
        self.features.setAccessibleName("Features to residualize on; Space checks one")
        self.features.setFixedHeight(px(260))
        set_font(self.features, "body")
        for name in (*FEATURES, *own):
            said = name if name in own else style(name)
            item = QListWidgetItem(said if name in own else said[:1].upper() + said[1:], self.features)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setCheckState(Qt.CheckState.Checked if name in chosen else Qt.CheckState.Unchecked)
        self.body.addWidget(self.features)
        self.train = PrimaryButton("Train with it", "play")
        self.train.clicked.connect(self._ask)
        self.body.addWidget(self.train)
        self.features.itemChanged.connect(lambda _: self._enable())
        self._enable()

    def names(self) -> list[str]:
        """The features that are checked."""
        items = [self.features.item(row) for row in range(self.features.count())]
        return [str(item.data(Qt.ItemDataRole.UserRole)) for item in items if item.checkState() == Qt.CheckState.Checked]

    def _enable(self) -> None:
        names = self.names()
        self.train.disable("Check a feature first" if not names else
                           "The characters alone are the fix Residualize" if names == ["characters"] else "")

    def _ask(self) -> None:
        names = self.names()
        self.close()
        self.asked.emit(names)

    def showEvent(self, event: QShowEvent) -> None:
        """The keyboard begins in the list."""
        super().showEvent(event)
        self.features.setFocus(Qt.FocusReason.PopupFocusReason)
