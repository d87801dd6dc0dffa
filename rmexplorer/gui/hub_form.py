"""The sheet that asks for the address of a dataset of the Hugging Face Hub."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from rmexplorer.data import hub
from rmexplorer.gui.theme import px, set_font, set_role
from rmexplorer.gui.widgets import PrimaryButton, SecondaryButton, label
from rmexplorer.problem import Problem

SAID = (
    "The dataset is fetched into the cache of huggingface_hub, which also keeps your token; its files converted to "
    "Parquet are preferred. Without a connection only what that cache has can be opened."
)


class HubForm(QDialog):
    """A field for hf://datasets/OWNER/NAME[/CONFIG][:SPLIT]; OWNER/NAME and the address of a web page do as well."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open from the Hub")
        set_role(self, "window")
        self.setFixedWidth(px(520))
        column = QVBoxLayout(self)
        column.setContentsMargins(px(20), px(18), px(20), px(18))
        column.setSpacing(px(10))
        column.addWidget(label("Open a dataset of the Hugging Face Hub", font_role="title"))
        self.field = QLineEdit()
        self.field.setPlaceholderText("hf://datasets/OWNER/NAME")
        self.field.setAccessibleName("Address of the dataset")
        set_font(self.field, "body")
        self.field.textChanged.connect(self._changed)
        self.field.returnPressed.connect(self._accept)
        column.addWidget(self.field)
        self.error = label("", "error", "small", wrap=True)
        self.error.hide()
        column.addWidget(self.error)
        column.addWidget(label("After the name may stand /CONFIG and :SPLIT, for example :train.", "secondary", "small"))
        column.addWidget(label(SAID, "secondary", "small", wrap=True))
        row = QHBoxLayout()
        row.addStretch(1)
        self.cancel = SecondaryButton("Cancel")
        self.cancel.clicked.connect(self.reject)
        self.open_it = PrimaryButton("Open")
        self.open_it.clicked.connect(self._accept)
        self.open_it.setEnabled(False)
        row.addWidget(self.cancel)
        row.addWidget(self.open_it)
        column.addLayout(row)
        self.address = ""

    @classmethod
    def ask(cls, parent: QWidget) -> str:
        """The address, '' when a person thinks better of it."""
        form = cls(parent)
        try:
            return form.address if form.exec() == QDialog.DialogCode.Accepted else ""
        finally:
            form.deleteLater()

    def _changed(self, text: str) -> None:
        self.open_it.setEnabled(bool(text.strip()))
        self.error.hide()
        self.adjustSize()

    def _accept(self) -> None:
        if not self.field.text().strip():
            return
        try:
            self.address = hub.address_of(self.field.text())
        except Problem as problem:
            self.error.setText(f"{problem.what}; {problem.remedy}.")
            self.error.show()
            self.adjustSize()
            return
        self.accept()
