"""The mapping page: a person says what the columns of an unknown file are, and sees at once what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.data.formats import FORMATS
from rmexplorer.data.mapping import SIGNED, SINGLE, Mapping, load, offered, save
from rmexplorer.data.meanings import middle_of
from rmexplorer.data.shapes import number
from rmexplorer.data.trial import Question, Trial, meanings, tried
from rmexplorer.gui.mapping_columns import ColumnsCard, ValuesCard, role_title, rules_of
from rmexplorer.gui.mapping_pairs import FactsCard, PairsColumn
from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import GhostButton, PaneHeader, PrimaryButton, SecondaryButton, hairline
from rmexplorer.problem import Problem
from rmexplorer.wording import counted


class MappingPage(QWidget):
    """Stands in the place of a pane until it is answered: `closed` when the file is opened or given up."""

    closed = Signal()

    def __init__(self, desk: Desk, question: Question, mapping: Mapping | None = None, own: set[str] | None = None) -> None:
        super().__init__()
        self.desk, self.question = desk, question
        self.setObjectName("pane")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Open file: which column is what?")
        self.trial: Trial | None = None
        self.popover: Popover | None = None
        self.own = set(own or ())
        self._waiting = False
        guessed = question.peek.mapping
        known = offered(question.peek.columns) if mapping is None else []
        self.mapping = mapping or (known[0] if known else guessed)
        self.guesses = {} if known else {column: _reason(guessed, column) for column in guessed.roles}
        self._values = meanings(self.mapping, question.rows)
        self._build()
        self._show()

    # Making

    def _build(self) -> None:
        space = themes.metrics.pane_padding
        row = QHBoxLayout(self)
        row.setContentsMargins(space, px(14), space, px(14))
        row.setSpacing(px(16))
        left = QVBoxLayout()
        left.setSpacing(0)
        self.header = PaneHeader("Open file", "Which column is what?")
        self.read_as = GhostButton("Read as …", "settings")
        self.read_as.clicked.connect(self._read_as_menu)
        self.read_as.setVisible(bool(self.question.peek.others))
        self.load = GhostButton("Load mapping …", "folder-open")
        self.load.clicked.connect(self._load_menu)
        self.header.add_action(self.read_as)
        self.header.add_action(self.load)
        left.addWidget(self.header)
        total = f"{len(self.question.rows):,}" + ("" if self.question.whole else " and more")
        columns = list(dict.fromkeys([*self.question.peek.columns, *self.mapping.roles]))
        self.columns = ColumnsCard(self.question.records, columns, total)
        self.columns.chosen.connect(self.set_role)
        self.columns.setMinimumHeight(px(210))
        left.addWidget(self.columns, 60)
        left.addSpacing(px(12))
        below = QHBoxLayout()
        below.setSpacing(px(12))
        self.values = ValuesCard()
        self.values.meant.connect(self.set_meaning)
        self.values.ruled.connect(self.set_rule)
        self.facts = FactsCard()
        below.addWidget(self.values, 58)
        below.addWidget(self.facts, 42)
        left.addLayout(below, 40)
        row.addLayout(left, 70)
        right = QWidget()
        right.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        right.setMinimumWidth(px(322))
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(10))
        self.pairs = PairsColumn()
        column.addWidget(self.pairs, 1)
        column.addWidget(hairline())
        column.addLayout(self._buttons())
        row.addWidget(right, 30)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(6))
        self.open = PrimaryButton("Open", "folder-open")
        self.open.clicked.connect(self.accept)
        self.save = SecondaryButton("Save …", "save")
        self.save.setAccessibleName("Save mapping")
        self.save.setToolTip("Save this mapping under a name; it is offered when the same columns come back")
        self.save.clicked.connect(self._ask_name)
        self.cancel = GhostButton("Cancel")
        self.cancel.clicked.connect(self.close_page)
        row.addWidget(self.open)
        row.addWidget(self.save)
        row.addStretch(1)
        row.addWidget(self.cancel)
        return row

    # What a person says

    def set_role(self, column: str, role: str) -> None:
        """Give a column a role; a role that one column alone can have leaves the other."""
        roles = dict(self.mapping.roles)
        if role in SINGLE:
            for other in [name for name, played in roles.items() if played == role and name != column]:
                roles[other] = "ignore"
                self.own.add(other)
        before, rules = self.mapping.verdicts, rules_of(self.mapping)
        roles[column] = role
        self.own.add(column)
        mapping = replace(self.mapping, roles=roles, name="")
        if not set(before) & set(mapping.verdicts):
            mapping = replace(mapping, values={}, rule="", middle=0.0)
        elif rules_of(mapping) != rules:
            mapping = replace(mapping, rule="")
        self._take(mapping)

    def set_meaning(self, value: str, meaning: str) -> None:
        """Say what a value of the winner column counts as."""
        self._take(replace(self.mapping, values={**self.mapping.folded, value: meaning}, name="", doubts=()))

    def set_rule(self, rule: str) -> None:
        """Say how the winner column is read."""
        middle = self.mapping.middle
        if rule in SIGNED and self.mapping.rule not in SIGNED:
            middle = middle_of([one for value, _ in self._values if (one := number(value)) is not None]) or 0.0
        self._take(replace(self.mapping, rule=rule, middle=middle, name="", doubts=()))

    def use(self, mapping: Mapping) -> None:
        """Take a whole mapping, saved or from a file."""
        there = set(self.question.peek.columns)
        lost = [column for column, role in mapping.roles.items()
                if role != "ignore" and column not in there and column.split(".")[0] not in there]  # fmt: skip
        if lost:
            self.desk.report(Problem(f"this mapping names columns that are not there: {', '.join(lost)}",
                                     "choose another"))  # fmt: skip
            return
        self.own = set(mapping.roles)
        self._take(mapping)

    def _take(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self._values = meanings(mapping, self.question.rows)
        self._show()

    # Showing

    def _show(self) -> None:
        self.columns.show_mapping(self.mapping, self.guesses, self.own)
        self.values.show_values(self.mapping, self._values)
        self.header.set_method(self._method())
        missing = self.mapping.missing()
        if missing:
            self._waiting = False
            self._tried(None, None)
            return
        mapping, question = self.mapping, self.question
        self._waiting = True
        self.desk.compute.ask("mapping", lambda: tried(mapping, question.rows, Path(question.paths[0]).name), self._tried)

    @property
    def settled(self) -> bool:
        """Whether what is shown follows from the mapping as it is."""
        return not self._waiting

    def _tried(self, trial: Trial | None, error: Exception | None) -> None:
        self._waiting = False
        if error is not None and not isinstance(error, Problem):
            raise error
        self.trial = trial
        sides = [self.mapping.column(role) or "" for role in ("response_a", "response_b")]
        self.pairs.show_trial(trial, (sides[0], sides[1]))
        self.facts.show_trial(trial)
        missing = self.mapping.missing()
        if trial is None:
            verb = "are" if missing.startswith("columns") else "is"
            said = f"{missing[0].upper()}{missing[1:]} {verb} still to be named." if missing else f"{error}."
            self.header.set_headline(said)
        else:
            self.header.set_headline(self._counts(trial))
        pairs = 0 if trial is None else len(trial.dataset)
        self.open.setText(f"Open {counted(pairs, 'pair')}" if self.question.whole and pairs else "Open file")
        self.open.updateGeometry()
        why = "" if pairs else "No pair can be read with these roles yet."
        self.open.disable(why)
        self.save.disable("" if trial is not None else why)

    def _counts(self, trial: Trial) -> str:
        skipped = trial.dataset.skipped.height
        first = "" if self.question.whole else "Of the whole file the first "
        merged = " (votes on the same two responses merged)" if self.mapping.column("annotator") else ""
        ties = f", {counted(trial.ties, 'tie')}" if trial.ties else ""
        return (
            f"{first}{counted(trial.records, 'record')} would become {counted(trial.decided, 'pair')}{ties} and "
            f"{skipped:,} skipped{merged}."
        )

    def _method(self) -> str:
        name = Path(self.question.paths[0]).name
        if self.mapping.name:
            return f"{name} · read by the saved mapping {self.mapping.name}"
        problem = self.question.peek.problem
        known = f" · {'; '.join(self.mapping.doubts)}" if self.mapping.doubts else ""
        if problem is not None and self.question.peek.others and "fit equally" in problem.what:
            return f"{name} · {problem.what.partition(': ')[2]}: choose one under Read as"
        return f"{name} · no known layout has these columns, so the roles below are guesses{known}"

    # Answers

    def accept(self) -> None:
        """Open the file by this mapping."""
        if self.open.isEnabled() and self.trial is not None and not self._waiting:
            self.desk.open(self.question.paths, mapping=self.mapping)
            self.closed.emit()

    def close_page(self) -> None:
        """Open nothing."""
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape gives up, Ctrl+Enter opens."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_page()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accept()
        else:
            super().keyPressEvent(event)

    def _ask_name(self) -> None:
        self.popover = Popover("Save this mapping", 320, self)
        self.popover.add_text("It is kept in your settings, works with --map on the command line, and is offered when a "
                              "file with the same columns is opened.")  # fmt: skip
        self.name_field = QLineEdit(self.mapping.name or Path(self.question.paths[0]).stem)
        self.name_field.setAccessibleName("Name of the mapping")
        self.name_field.returnPressed.connect(self._save)
        button = PrimaryButton("Save mapping", "save")
        button.clicked.connect(self._save)
        self.popover.body.addWidget(self.name_field)
        self.popover.body.addWidget(button)
        self.popover.destroyed.connect(self._forget)
        self.popover.show_under(self.save)
        above = self.save.mapToGlobal(QPoint(0, -self.popover.height() - px(6)))
        self.popover.move(max(above.x() - self.popover.width() // 2, 0), above.y())
        self.name_field.setFocus()
        self.name_field.selectAll()

    def _forget(self) -> None:
        self.popover = None

    def _save(self) -> None:
        named = replace(self.mapping, name=self.name_field.text().strip())
        if self.popover is not None:
            self.popover.close()
        try:
            save(named)
        except Problem as problem:
            self.desk.report(problem)
            return
        self.mapping = named
        self.header.set_method(self._method())
        self.desk.notice.emit(f"The mapping {named.name} is kept")

    def _read_as_menu(self) -> None:
        entries: list[tuple[str, Callable[[], object]]] = [
            (f"{FORMATS[identity].title} · {why}", partial(self._read_as, identity))
            for identity, why in self.question.peek.others
            if identity in FORMATS and FORMATS[identity].reader is not None and identity != "generic"
        ]
        self._menu("Read as", entries or [("No known layout fits", lambda: None)], self.read_as)

    def _read_as(self, identity: str) -> None:
        self.desk.open(self.question.paths, identity)
        self.closed.emit()

    def _load_menu(self) -> None:
        entries: list[tuple[str, Callable[[], object]]] = [
            (mapping.name, partial(self.use, mapping)) for mapping in offered(self.question.peek.columns)
        ]
        entries.append(("The guess", lambda: self._guess()))
        entries.append(("From a file …", self._load_file))
        self._menu("Load mapping", entries, self.load)

    def _guess(self) -> None:
        guessed = self.question.peek.mapping
        self.guesses, self.own = {column: _reason(guessed, column) for column in guessed.roles}, set()
        self._take(guessed)

    def _load_file(self) -> None:
        path = self.desk.ui.choose_open("Load a mapping", "Mappings (*.toml)")
        if path:
            try:
                self.use(load(Path(path)))
            except Problem as problem:
                self.desk.report(problem)

    def _menu(self, name: str, entries: list[tuple[str, Callable[[], object]]], under: QWidget) -> None:
        menu = QMenu(self)
        menu.setAccessibleName(name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for title, act in entries:
            menu.addAction(title).triggered.connect(lambda _=False, act=act: act())
        menu.popup(under.mapToGlobal(QPoint(0, under.height() + px(4))))


def _reason(mapping: Mapping, column: str) -> str:
    """Why a role was guessed, without the role."""
    start = f"{column} is the "
    said = next((reason for reason in mapping.reasons if reason.startswith(start)), "")
    return said.partition(": ")[2] or role_title(mapping.roles[column])
