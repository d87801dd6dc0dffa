"""Read pairs and prompts that are not of the open dataset: one after the other, without changing anything; copy and export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.theme import px, set_font, set_role
from rmexplorer.gui.widgets import GhostButton, IconButton, SecondaryButton, label
from rmexplorer.workflows import files
from rmexplorer.workflows.scoring import describe_pair

SHOWN = {"Chosen": "● Chosen", "Rejected": "◆ Rejected"}


class Text(QWidget):
    """A name above a text that can be read, selected and scrolled by keyboard."""

    def __init__(self, name: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(4))
        self.name = label(SHOWN.get(name, name), "secondary", "small_strong")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(name)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.name.setBuddy(self.text)
        column.addWidget(self.name)
        column.addWidget(self.text, 1)

    def show_text(self, name: str, text: str) -> None:
        """Replace name and text."""
        self.name.setText(SHOWN.get(name, name))
        set_role(self.name, name.lower() if name in SHOWN else "secondary")
        self.text.setAccessibleName(name)
        self.text.setPlainText(text)


class ReadingDialog(QDialog):
    """Pairs of another dataset, or prompts alone. J and K or the arrows beside the count go from one to the next.

    dataset: None for prompts; rows: of Dataset.pairs; texts: the prompts where there is no dataset. Nothing here can be
    selected, starred or noted: that needs the file to be opened.
    """

    def __init__(
        self, desk: Desk, title: str, dataset: Dataset | None, rows: np.ndarray, texts: Sequence[str], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.desk, self.dataset, self.rows, self.texts = desk, dataset, rows, list(texts)
        self.place = 0
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(px(860), px(560))
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(14), px(16), px(14))
        column.setSpacing(px(10))
        head = QHBoxLayout()
        self.title = label(title)
        set_font(self.title, "title")
        self.count = label("", "secondary", "small")
        self.before = IconButton("chevron-left", "Previous (K)")
        self.after = IconButton("chevron-right", "Next (J)")
        self.before.clicked.connect(lambda: self.show_at(self.place - 1))
        self.after.clicked.connect(lambda: self.show_at(self.place + 1))
        head.addWidget(self.title, 1)
        for widget in (self.count, self.before, self.after):
            head.addWidget(widget)
        column.addLayout(head)
        self.prompt, self.first, self.second = Text("Prompt"), Text("Chosen"), Text("Rejected")
        column.addWidget(self.prompt, 2)
        both = QHBoxLayout()
        both.setSpacing(px(12))
        for part in (self.first, self.second):
            both.addWidget(part)
            part.setVisible(dataset is not None)
        column.addLayout(both, 3 if dataset is not None else 0)
        self.copy = GhostButton("Copy as Markdown", "copy")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.markdown()))
        self.export = SecondaryButton("Export all of them …", "download")
        self.export.clicked.connect(self._export)
        self.export.setVisible(dataset is not None)
        close = SecondaryButton("Close")
        close.clicked.connect(self.accept)
        foot = QHBoxLayout()
        foot.addWidget(self.copy)
        foot.addWidget(self.export)
        foot.addStretch()
        foot.addWidget(close)
        column.addLayout(foot)
        self.show_at(0)
        self.after.setFocus()

    def __len__(self) -> int:
        return len(self.texts) if self.dataset is None else len(self.rows)

    def show_at(self, place: int) -> None:
        """Show one of them; beyond an end the last one there."""
        self.place = min(max(place, 0), max(len(self) - 1, 0))
        self.count.setText(f"{self.place + 1:,} of {len(self):,}")
        self.before.setEnabled(self.place > 0)
        self.after.setEnabled(self.place < len(self) - 1)
        if not len(self):
            return
        if self.dataset is None:
            self.prompt.show_text("Prompt", self.texts[self.place])
            return
        data, pair = self.dataset, int(self.rows[self.place])
        names = ("First, judged equal", "Second, judged equal") if data.tie[pair] else ("Chosen", "Rejected")
        self.prompt.show_text(f"Prompt of pair {pair + 1:,}", data.prompts["text"][int(data.prompt[pair])] or "")
        for part, name, side in zip((self.first, self.second), names, (data.chosen, data.rejected), strict=True):
            part.show_text(name, data.responses["text"][int(side[pair])] or "")

    def markdown(self) -> str:
        """What is shown as Markdown."""
        if self.dataset is None:
            return self.texts[self.place]
        return describe_pair(self.dataset, int(self.rows[self.place]))

    def _export(self) -> None:
        path = self.desk.ui.choose_save("Export these pairs", "pairs.jsonl", "JSONL (*.jsonl);;CSV (*.csv);;Parquet (*.parquet)")
        if path:
            self.write(path)

    def write(self, path: str) -> None:
        """Write all pairs listed, by the suffix of `path`, as Export does with those of the open dataset."""
        if self.dataset is None:
            return
        mask = np.zeros(len(self.dataset), bool)
        mask[self.rows] = True
        self.desk.jobs.start(
            f"Writing {Path(path).name}", files.export(self.dataset, mask, Path(path)),
            done=lambda count: self.desk.notice.emit(f"Wrote {count:,} pairs to {Path(path).name}"), failed=self.desk.report)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """J and K go to the next and the one before."""
        step = {Qt.Key.Key_J: 1, Qt.Key.Key_K: -1}.get(Qt.Key(event.key()), 0)
        if step and not event.modifiers():
            self.show_at(self.place + step)
        else:
            super().keyPressEvent(event)
