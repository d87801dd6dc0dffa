"""The sheet of data quality: each finding as a row that selects its pairs, and leaves them out or takes them in again."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.app.ui import DATA_KINDS
from rmexplorer.data.quality import Finding
from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import GhostButton, SecondaryButton, hairline, label
from rmexplorer.gui.widgets.scroll import Scrolled
from rmexplorer.workflows import informing

NAMES = {
    "conflicts": "Conflicting labels",
    "duplicates": "Duplicates",
    "empty": "Empty responses",
    "empty_prompt": "Empty prompts",
    "long": "Very long responses",
    "long_prompt": "Very long prompts",
    "truncation": "Equal up to the encoder's limit",
    "position": "Position bias",
    "balance": "Label balance by source",
    "scripts": "Scripts of the prompts",
    "response_script": "Responses in another script",
    "languages": "Languages of the prompts",
    "response_language": "Responses in another language",
    "leftovers": "Template leftovers",
    "shared_prompts": "Shared prompts",
    "near_prompts": "Nearly shared prompts",
    "near_heldout": "Held out, and nearly trained on",
    "near_duplicates": "Nearly repeated prompts",
    "shared_with": "Prompts of a second file",
    "near_with": "Prompts nearly of a second file",
}


class FindingRow(QWidget):
    """One finding: Enter or a click selects its pairs, the button leaves them out or takes them in again."""

    selected = Signal(object)
    turned = Signal(object, bool)

    def __init__(self, finding: Finding, out: bool) -> None:
        super().__init__()
        self.finding, self._out = finding, out
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, px(6), 0, px(6))
        row.setSpacing(px(12))
        words = QVBoxLayout()
        words.setSpacing(px(2))
        words.addWidget(label(name_of(finding), font_role="small_strong"))
        title = f"{finding.title[:1].upper()}{finding.title[1:]}."
        sentence = label(title, "secondary", "small", wrap=True)
        sentence.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        words.addWidget(sentence)
        row.addLayout(words, 1)
        self.button = SecondaryButton("Include" if out else "Exclude", "eye" if out else "eye-off")
        self.button.setAccessibleName(f"{'Include' if out else 'Exclude'} {finding.count:,} pairs: {name_of(finding)}")
        self.button.clicked.connect(lambda: self.turned.emit(self.finding, not self._out))
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(f"{name_of(finding)}: {title}")
        self.setToolTip("Select these pairs")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Select the pairs."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.selected.emit(self.finding)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter or Space selects the pairs, up and down walk."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.selected.emit(self.finding)
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(key == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)


class QualitySheet(Popover):
    """All findings of the dataset that is open."""

    def __init__(self, desk: Desk, findings: tuple[Finding, ...], parent: QWidget) -> None:
        super().__init__("Data quality", 620, parent)
        self._desk, self._findings = desk, findings
        self.rows: list[FindingRow] = []
        self.add_text(
            "Press a finding to select its pairs. Excluded pairs are left out of every pane and of training until they "
            "are included again; the file is not changed. A head that is trained already stays as it is."
            if findings
            else "Nothing was found: no duplicates, conflicts, leftovers, shared prompts or position bias."
        )
        if informing.default_limit() is None:
            self.add_text("No response is cut off: the encoder reads texts to their end.")
        self._list = QVBoxLayout()
        self._list.setContentsMargins(0, 0, px(8), 0)
        self._list.setSpacing(0)
        scroll = Scrolled(self._list)
        scroll.setFixedHeight(px(min(420, 66 * len(findings))))
        scroll.setVisible(bool(findings))
        self.body.addWidget(scroll)
        self.all = GhostButton("Include all pairs", "undo-2")
        self.all.clicked.connect(self._include_all)
        self.compare = GhostButton("Compare prompts with a second file…", "file-text")
        self.compare.clicked.connect(self._compare)
        row = QHBoxLayout()
        row.addWidget(self.compare)
        row.addStretch(1)
        row.addWidget(self.all)
        self.body.addLayout(row)
        self._fill()

    def _fill(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        excluded = self._desk.state.excluded
        self.rows = []
        for place, finding in enumerate(self._findings):
            if place:
                self._list.addWidget(hairline())
            row = FindingRow(finding, excluded is not None and bool(excluded[finding.mask].all()))
            row.selected.connect(self._select)
            row.turned.connect(self._turn)
            self._list.addWidget(row)
            self.rows.append(row)
        self._list.addStretch(1)
        self.all.setVisible(excluded is not None)

    def _select(self, finding: Finding) -> None:
        self._desk.select(finding.mask, origin=name_of(finding))
        self.close()

    def _compare(self) -> None:
        desk = self._desk  # the sheet is gone once the dialog is there
        self.close()
        path = desk.ui.choose_open("Compare prompts with a second file", DATA_KINDS)
        if path:
            desk.quality.compare(path)

    def _turn(self, finding: Finding, out: bool) -> None:
        place = self._findings.index(finding)
        self._desk.exclude(finding.mask, out)
        self._fill()
        self.rows[place].button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _include_all(self) -> None:
        self._desk.include_all()
        self._fill()


def name_of(finding: Finding) -> str:
    """The name of what was looked for."""
    return NAMES.get(finding.kind, finding.kind.replace("_", " ").capitalize())
