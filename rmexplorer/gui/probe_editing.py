"""What a person does to the list of probes: write, copy, switch off, import, export; and the templates of beliefs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPlainTextEdit, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.app.own_probes import (
    active_probes,
    keep_beliefs,
    known_beliefs,
    known_probes,
    switch_probe,
    switched_off,
)
from rmexplorer.gui.popover import Popover
from rmexplorer.gui.probe_form import ProbeForm
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import GhostButton, PrimaryButton, label
from rmexplorer.problem import Problem
from rmexplorer.workflows.edits import Claim, Probe, Sycophancy, as_records, read_probes, read_templates, sycophancy

CLAIM_HINT = "belief | question | a response that agrees | one that does not"


class Editing(QObject):
    """The probes of the project as a person changes them. `changed` when other probes or templates are to be run."""

    changed = Signal()

    def __init__(self, desk: Desk, pane: QWidget) -> None:
        super().__init__(pane)
        self.desk, self.pane = desk, pane

    # One probe

    def write(self, probe: Probe | None, button: QWidget) -> None:
        """A new probe, a change of a person's own, or a copy of one built in, in a sheet under a button."""
        self.form = ProbeForm(probe, [one.name for one in known_probes(self.desk)], self.pane)
        self.form.saved.connect(lambda made: self.keep([made]))
        self.form.deleted.connect(self.delete)
        self.form.imported.connect(self.import_file)
        self.form.show_under(button)

    def keep(self, probes: list[Probe]) -> None:
        """Keep probes in the project and run."""
        try:
            for probe in probes:
                self.desk.project.put_probe(probe.name, probe.as_dict())
        except Problem as problem:
            self.desk.report(problem)
            return
        self.changed.emit()

    def delete(self, name: str) -> None:
        """Take a probe out of the project; the notice can bring it back."""
        gone = next((probe for probe in known_probes(self.desk) if probe.name == name and probe.own), None)
        if gone is None:
            return
        try:
            self.desk.project.delete_probe(name)
        except Problem as problem:
            self.desk.report(problem)
            return
        self.desk.undoable.emit(f"The probe “{gone.shown}” was deleted", lambda: self.keep([gone]))
        self.changed.emit()

    def switch(self, name: str, on: bool) -> None:
        """Run a probe with the others, or leave it out; kept in the project."""
        if switch_probe(self.desk, name, on):
            self.changed.emit()

    # All of them

    def menu(self, extra: Callable[[QMenu], None] | None = None) -> QMenu:
        """Every probe with a tick where it is run, and files and templates; `extra` puts entries above."""
        menu = QMenu(self.pane)
        menu.setAccessibleName("Edits")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if extra is not None:
            extra(menu)
        off = switched_off(self.desk)
        runs = menu.addMenu("Edits that are run")
        for probe in known_probes(self.desk):
            entry = runs.addAction(probe.shown)
            entry.setCheckable(True)
            entry.setChecked(probe.name not in off)
            entry.toggled.connect(lambda on, name=probe.name: self.switch(name, on))
        menu.addAction("Templates of beliefs …", lambda: self.write_beliefs(self.pane))
        menu.addSeparator()
        menu.addAction("Edits from a file …", self.import_file)
        menu.addAction("Beliefs from a file …", self.import_beliefs)
        menu.addAction("Write the edits to a file …", self.export_file)
        return menu

    def import_file(self) -> None:
        """Read probes from a file."""
        path = self.desk.ui.choose_open("Probes from a file", "Probes (*.jsonl *.json *.csv *.tsv *.txt)")
        if path:
            try:
                self.keep(list(read_probes(Path(path))))
            except Problem as problem:
                self.desk.report(problem)

    def export_file(self) -> None:
        """Write the probes that are run as `rmexplorer probe --probes` reads them."""
        path = self.desk.ui.choose_save("Write the edits", "probes.jsonl", "Probes (*.jsonl)")
        if path:
            lines = [json.dumps(record, ensure_ascii=False) for probe in active_probes(self.desk) for record in as_records(probe)]
            try:
                Path(path).write_text("\n".join([*lines, ""]), encoding="utf-8")
                self.desk.notice.emit(f"Wrote {Path(path).name}")
            except OSError as error:
                self.desk.report(Problem(f"{path}: cannot be written ({error.strerror})", "choose another place"))

    # Templates of beliefs

    def write_beliefs(self, button: QWidget) -> None:
        """Change the templates in a sheet."""
        self.sheet = BeliefForm(known_beliefs(self.desk) or sycophancy(), self.pane)
        self.sheet.saved.connect(self.keep_beliefs)
        self.sheet.show_under(button)

    def keep_beliefs(self, given: Sycophancy | None) -> None:
        """Keep templates in the project, None: those built in, and run."""
        if keep_beliefs(self.desk, given):
            self.changed.emit()

    def import_beliefs(self) -> None:
        """Read templates from a file."""
        path = self.desk.ui.choose_open("Templates of beliefs from a file", "Templates (*.jsonl *.json *.csv *.tsv *.txt)")
        if path:
            try:
                self.keep_beliefs(read_templates(Path(path)))
            except Problem as problem:
                self.desk.report(problem)


def as_text(given: Sycophancy) -> tuple[str, str]:
    """The two fields of the sheet: how beliefs are stated, and one claim a line."""
    return "\n".join(given.stated), "\n".join(" | ".join((one.belief, one.question, one.agree, one.disagree)) for one in given.claims)


def of_text(stated: str, claims: str, given: Sycophancy) -> Sycophancy:
    """The templates of the two fields, all else as in `given`; raises Problem with the line that lacks a part."""
    found = []
    for number, line in enumerate(claims.split("\n"), start=1):
        if line.strip():
            parts = [part.strip() for part in line.split("|")]
            if len(parts) != 4 or not all(parts):
                raise Problem(f"claim {number} has {len(parts)} parts", f"write {CLAIM_HINT}")
            found.append(Claim(*parts))
    return Sycophancy(tuple(line.strip() for line in stated.split("\n") if line.strip()), given.unstated, given.agree,
                      given.disagree, tuple(found))


class BeliefForm(Popover):
    """How beliefs are stated, and the beliefs. `saved(Sycophancy)`; None for those built in."""

    saved = Signal(object)

    def __init__(self, given: Sycophancy, parent: QWidget) -> None:
        super().__init__("Templates of beliefs", 620, parent)
        self.given = given
        self.add_text("A response that agrees and one that does not are scored after a prompt that states the belief and after "
                      "one that does not. Sycophancy is the difference of the two differences.")
        self.stated, self.claims = QPlainTextEdit(), QPlainTextEdit()
        for field, name, high in ((self.stated, "How a belief is stated, one a line, with {belief} and {question}", 72),
                                  (self.claims, CLAIM_HINT, 190)):
            self.body.addWidget(label(name[:1].upper() + name[1:], "secondary", "small_strong"))
            field.setAccessibleName(name)
            field.setTabChangesFocus(True)
            field.setFixedHeight(px(high))
            field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            set_font(field, "body")
            self.body.addWidget(field)
        for field, text in zip((self.stated, self.claims), as_text(given), strict=True):
            field.setPlainText(text)
        self.error = label("", "error", "small", wrap=True)
        self.error.hide()
        self.body.addWidget(self.error)
        row = QHBoxLayout()
        self.save, self.reset = PrimaryButton("Save templates"), GhostButton("Those built in")
        self.save.clicked.connect(self._save)
        self.reset.clicked.connect(self._reset)
        row.addWidget(self.save)
        row.addStretch()
        row.addWidget(self.reset)
        self.body.addLayout(row)

    def show_under(self, button: QWidget) -> None:
        """In the middle of a pane, below its header: it is wider than a menu."""
        self.adjustSize()
        corner = button.mapToGlobal(QPoint(max(8, (button.width() - self.width()) // 2), px(96)))
        self.move(corner)
        self.show()

    def _reset(self) -> None:
        self.close()
        self.saved.emit(None)

    def _save(self) -> None:
        try:
            made = of_text(self.stated.toPlainText(), self.claims.toPlainText(), self.given)
        except Problem as problem:
            self.show_problem(self.error, problem)
            return
        self.close()
        self.saved.emit(made)
