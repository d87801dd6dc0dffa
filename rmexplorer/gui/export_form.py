"""The sheet that asks in which layout pairs are to be written."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from rmexplorer.data.layouts import LAYOUTS
from rmexplorer.gui.theme import px, set_role
from rmexplorer.gui.widgets import PrimaryButton, SecondaryButton, Segmented, label


class ExportForm(QDialog):
    """Which pairs, and the layouts of `convert` to choose from; `kind` is the one chosen, '' before."""

    def __init__(self, pairs: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export pairs")
        set_role(self, "window")
        self.setFixedWidth(px(480))
        self.kind = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(px(20), px(18), px(20), px(18))
        column.setSpacing(px(10))
        column.addWidget(label("Export pairs", font_role="title"))
        column.addWidget(label(f"{pairs}.", wrap=True))
        self.layouts = Segmented(tuple((kind, layout.title) for kind, layout in LAYOUTS.items()), "trl", "Layout")
        self.layouts.changed.connect(self._said)
        row = QHBoxLayout()
        row.addWidget(self.layouts)
        row.addStretch(1)
        column.addLayout(row)
        self.sentence = label("", "secondary", "small", wrap=True)
        column.addWidget(self.sentence)
        row = QHBoxLayout()
        row.addStretch(1)
        self.cancel = SecondaryButton("Cancel")
        self.cancel.clicked.connect(self.reject)
        self.choose = PrimaryButton("Choose file…")
        self.choose.clicked.connect(self._accept)
        self.choose.setDefault(True)
        row.addWidget(self.cancel)
        row.addWidget(self.choose)
        column.addLayout(row)
        self._said(self.layouts.current())

    @classmethod
    def ask(cls, parent: QWidget, pairs: str) -> str:
        """The layout, '' when a person thinks better of it."""
        form = cls(pairs, parent)
        try:
            form.exec()
            return form.kind
        finally:
            form.deleteLater()

    def _said(self, kind: str) -> None:
        self.sentence.setText(LAYOUTS[kind].sentence)
        self.sentence.setMinimumHeight(2 * self.sentence.fontMetrics().lineSpacing())  # no jump between layouts

    def _accept(self) -> None:
        self.kind = self.layouts.current()
        self.accept()
