"""The sheet in which a person defines features of their own, and takes them away."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from rmexplorer.data.own_features import MOST, OwnFeature
from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import IconButton, PrimaryButton, Segmented, label
from rmexplorer.problem import Problem

KINDS = (("words", "Words"), ("regex", "Regular expression"), ("sql", "SQL"))
HINTS = {
    "words": "Words or phrases, a comma between them: as an AI, language model",
    "regex": r"Matches are counted, for example: \bstep \d+",
    "sql": "A number for each response, from text, prompt and features: words > 200",
}
SHOWN = 40  # characters of a definition


class FeatureForm(Popover):
    """Name, kind, definition; below, those there are. `changed(features)` gives them all.

    `rare`: names of those that differ in too few pairs to be drawn.
    """

    changed = Signal(object)

    def __init__(self, features: tuple[OwnFeature, ...], rare: tuple[str, ...], parent: QWidget) -> None:
        super().__init__("Your own features", 400, parent)
        self.features, self.rare = features, rare
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name, for example: disclaimers")
        self.name.setAccessibleName("Name of the feature")
        self.kind = Segmented(KINDS, "words", "How it is measured")
        self.definition = QPlainTextEdit()
        self.definition.setFixedHeight(px(64))
        self.definition.setTabChangesFocus(True)
        self.definition.setAccessibleName("Definition of the feature")
        self.error = label("", "error", "small", wrap=True)
        self.error.hide()
        self.add = PrimaryButton("Add feature")
        self.add.clicked.connect(self._add)
        for part in (self.name, self.kind, self.definition, self.error):
            self.body.addWidget(part)
        row = QHBoxLayout()
        row.addWidget(self.add)
        row.addStretch()
        self.body.addLayout(row)
        for feature in features:
            self.body.addWidget(self._row(feature))
        set_font(self.name, "body")
        set_font(self.definition, "body")
        self.kind.changed.connect(self._hint)
        self._hint(self.kind.current())

    def _row(self, feature: OwnFeature) -> QWidget:
        row = QWidget()
        box = QHBoxLayout(row)
        box.setContentsMargins(0, 0, 0, 0)
        said = feature.definition if len(feature.definition) <= SHOWN else feature.definition[:SHOWN] + "…"
        box.addWidget(label(feature.name, font_role="title"))
        rare = "differs in too few pairs" if feature.name in self.rare else ""
        box.addWidget(label(rare or " ".join(said.split()), "secondary", "small"), 1)
        remove = IconButton("x", f"Remove {feature.name}", size=14)
        remove.clicked.connect(lambda: self._give(tuple(one for one in self.features if one != feature)))
        box.addWidget(remove)
        return row

    def _hint(self, kind: str) -> None:
        self.definition.setPlaceholderText(HINTS[kind])
        self.error.hide()

    def _add(self) -> None:
        record = {"name": self.name.text().strip().replace(" ", "_"), self.kind.current(): self.definition.toPlainText().strip()}
        try:
            feature = OwnFeature.from_dict(record)
            if len(self.features) >= MOST:
                raise Problem(f"there are {MOST} features already", "remove one first")
        except Problem as problem:
            self.show_problem(self.error, problem)
            return
        self._give((*(one for one in self.features if one.name != feature.name), feature))

    def _give(self, features: tuple[OwnFeature, ...]) -> None:
        self.close()
        self.changed.emit(features)

    def showEvent(self, event: QShowEvent) -> None:
        """The keyboard begins in the name."""
        super().showEvent(event)
        self.name.setFocus(Qt.FocusReason.PopupFocusReason)
