"""The sheet in which a person writes a probe of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QWidget

from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import GhostButton, LinkButton, PrimaryButton, Segmented, label
from rmexplorer.problem import Problem
from rmexplorer.workflows.edits import TRANSFORMS, Probe

KINDS = (("append", "Append"), ("prepend", "Prepend"), ("replace", "Replace words"), ("regex", "Regex"),
         ("whole", "Replace all"), ("transform", "Built-in"))
MEANS = {
    "append": "Put a text after the response",
    "prepend": "Put a text before the response",
    "replace": "Replace words where they stand in the response",
    "regex": "Replace what a regular expression matches in the response",
    "whole": "Replace the whole response, as by a canned refusal",
    "transform": "One of the built-in edits: bullet points, bold words, shuffled words, another response and others",
}
HINTS = {
    "append": "Text after the response, one a line, used in turn",
    "prepend": "Text before the response, one a line, used in turn",
    "replace": "Words to replace, one a line: old → new",
    "regex": "Regular expressions, one a line: pattern → new, where $1 is the first group",
    "whole": "The text that replaces the whole response, one a line, used in turn",
    "transform": "",
}
EXPECTED = (("none", "No change"), ("up", "Rises"), ("down", "Falls"))
FILLER = "pad_filler"  # the one built-in edit that takes sentences
ARROW = re.compile(r"\s*(?:→|->|=>|\t)\s*")


def as_lines(probe: Probe) -> str:
    """The text field of a probe."""
    if probe.kind in ("replace", "regex"):
        return "\n".join(f"{old} → {new}" for old, new in probe.words)
    return "\n".join(probe.text)


def made(title: str, kind: str, lines: str, transform: str, expected: str, name: str = "") -> Probe:
    """The probe that the fields describe; raises Problem where they do not describe one."""
    title = " ".join(title.split())
    given = tuple(line for line in lines.split("\n") if line.strip())
    name = name or re.sub(r"\W+", "_", title.lower()).strip("_")
    words: tuple[tuple[str, str], ...] = ()
    if kind in ("replace", "regex"):
        parts = [ARROW.split(line, 1) for line in given]
        if any(len(part) != 2 for part in parts):
            raise Problem("a line has no arrow", "write old → new, or old -> new")
        words = tuple((old, new) for old, new in parts)
    if kind in ("replace", "regex", "whole") and not given:
        raise Problem("there is nothing to put in", "write a line")
    text = given if kind in ("append", "prepend", "whole") or (kind == "transform" and transform == FILLER) else ()
    return Probe(name, kind, title=title, text=text, words=words,
                 transform=transform if kind == "transform" else "", expected=expected, own=True)


class ProbeForm(Popover):
    """Title, kind, text, expected direction; of one built in a copy is made. `saved(Probe)`, `deleted(name)`, `imported()`."""

    saved = Signal(object)
    deleted = Signal(str)
    imported = Signal()

    def __init__(self, probe: Probe | None, taken: Collection[str], parent: QWidget) -> None:
        self.copy = probe is not None and not probe.own
        title = "New probe" if probe is None else f"A copy of “{probe.shown}”" if self.copy else f"Edit “{probe.shown}”"
        super().__init__(title, 580, parent)
        self.probe, self.taken = (None if self.copy else probe), set(taken)
        self.title = QLineEdit()
        self.title.setPlaceholderText("Name, for example: Mention a source")
        self.title.setAccessibleName("Name of the probe")
        self.kind = Segmented(KINDS, "append", "What the edit does", tips=MEANS)
        self.lines = QPlainTextEdit()
        self.lines.setFixedHeight(px(92))
        self.lines.setTabChangesFocus(True)
        self.lines.setAccessibleName("Text of the probe")
        self.transform = QComboBox()
        self.transform.setAccessibleName("Built-in edit")
        for name in TRANSFORMS:
            self.transform.addItem(name.replace("_", " "), name)
        self.expected = Segmented(EXPECTED, "none", "Expected change")
        self.error = label("", "error", "small", wrap=True)
        self.error.hide()
        for part in (self.title, self.kind, self.lines, self.transform):
            self.body.addWidget(part)
        row = QHBoxLayout()
        row.addWidget(label("The reward should", "secondary"))
        row.addWidget(self.expected)
        row.addStretch()
        self.body.addLayout(row)
        self.body.addWidget(self.error)
        self.body.addLayout(self._buttons())
        set_font(self.title, "body")
        set_font(self.lines, "body")
        if probe is not None:
            self.title.setText(f"{probe.shown}, my way" if self.copy else probe.shown)
            self.kind.set_current(probe.kind)
            self.lines.setPlainText(as_lines(probe))
            self.transform.setCurrentIndex(max(0, self.transform.findData(probe.transform)))
            self.expected.set_current(probe.expected)
        self.kind.changed.connect(self._fit)
        self.transform.currentIndexChanged.connect(lambda _: self._fit(self.kind.current()))
        self._fit(self.kind.current())

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(8))
        self.save = PrimaryButton("Save probe")
        self.save.clicked.connect(self._save)
        row.addWidget(self.save)
        extra: tuple[str, Callable[[], None]] = (
            ("Delete", self._delete) if self.probe is not None else ("From a file …", self._import))
        self.extra = GhostButton(extra[0]) if self.probe is not None else LinkButton(extra[0])
        self.extra.clicked.connect(lambda: extra[1]())
        row.addStretch()
        row.addWidget(self.extra)
        return row

    def _fit(self, kind: str) -> None:
        filler = kind == "transform" and self.transform.currentData() == FILLER
        self.lines.setVisible(kind != "transform" or filler)
        self.transform.setVisible(kind == "transform")
        self.lines.setPlaceholderText("Sentences that say nothing, one a line" if filler else HINTS[kind])
        self.error.hide()
        self.adjustSize()

    def _save(self) -> None:
        try:
            probe = made(self.title.text(), self.kind.current(), self.lines.toPlainText(),
                         str(self.transform.currentData()), self.expected.current(),
                         self.probe.name if self.probe is not None else "")
            if self.probe is None and probe.name in self.taken:
                raise Problem("there is a probe of this name already", "choose another name")
        except Problem as problem:
            self.show_problem(self.error, problem)
            return
        self.close()
        self.saved.emit(probe)

    def _delete(self) -> None:
        assert self.probe is not None
        self.close()
        self.deleted.emit(self.probe.name)

    def _import(self) -> None:
        self.close()
        self.imported.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """The keyboard begins in the name."""
        super().showEvent(event)
        self.title.setFocus(Qt.FocusReason.PopupFocusReason)
