"""A prompt as it was said: one block a turn with who speaks, each in the direction of its own script."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from rmexplorer.data.glance import reads_right_to_left, turns_of
from rmexplorer.gui.pair_words import end_of
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets.labels import label

FEWEST = 100  # characters of a turn that are worth showing alone


class Conversation(QWidget):
    """Turns below each other; a prompt without turns is one text. All of it can be selected, nothing is read as markup."""

    def __init__(self) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(2))
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._text = ""

    def text(self) -> str:
        """The whole text as it was set."""
        return self._text

    def set_text(self, text: str, most: int = 0) -> None:
        """Show a prompt; where it has tags of speakers, one block for each.

        most: of a longer prompt only about the last so many characters, from the beginning of a turn where one fits; 0: all.
        """
        turns = turns_of(text)
        if most and len(text) > most:
            turns = _last(turns, most)
        self._text = text if not most else "\n\n".join(said for _, said in turns)
        while len(self._rows) < len(turns):
            who, said = label("", "secondary", "small_strong"), label("", wrap=True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._column.addWidget(who)
            self._column.addWidget(said)
            self._rows.append((who, said))
        for place, (who, said) in enumerate(self._rows):
            speaker, words = turns[place] if place < len(turns) else ("", "")
            who.setVisible(bool(speaker))
            said.setVisible(place < len(turns))
            if place < len(turns):
                side = Qt.LayoutDirection.RightToLeft if reads_right_to_left(words) else Qt.LayoutDirection.LeftToRight
                who.setText(speaker)
                who.setContentsMargins(0, px(6) if place else 0, 0, 0)
                who.setLayoutDirection(side)
                said.setText(words)
                said.setLayoutDirection(side)

    def shown(self) -> list[tuple[str, str, Qt.LayoutDirection]]:
        """(speaker, text, direction) of each block in sight."""
        return [(who.text() if not who.isHidden() else "", said.text(), said.layoutDirection())
                for who, said in self._rows if not said.isHidden()]


def _last(turns: list[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """The last turns of at most so many characters together; the first of them loses its beginning where it is longer."""
    kept: list[tuple[str, str]] = []
    for who, said in reversed(turns):
        if len(said) > most:
            if not kept or most >= FEWEST:
                kept.append((who, "… " + end_of(said, most)))
            break
        kept.append((who, said))
        most -= len(said) + 2
    return kept[::-1]
