"""The first records of an unknown file as a table with a picker of roles over each column, and what its values mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from rmexplorer.data.by_mapping import choice
from rmexplorer.data.mapping import MEANINGS, PROBABILITIES, ROLES, SIGNED, Mapping, at
from rmexplorer.data.shapes import Absent, number
from rmexplorer.gui.theme import brush, px, set_font, set_role
from rmexplorer.gui.widgets import Card, GhostButton, Segmented, hairline, label
from rmexplorer.gui.widgets.scroll import Scrolled
from rmexplorer.wording import counted

ROWS = 6
MOST_COLUMNS = 40
MOST_VALUES = 12
CELL = 160
TITLES = {"response_a": "Response A", "response_b": "Response B", "model_a": "Model A", "model_b": "Model B"}
RULES = {
    "": "Each value counts as …",
    "positive_first": "A number: positive means the first",
    "negative_first": "A number: negative means the first",
    "probability_first": "The probability that the first is better",
    "probability_second": "The probability that the second is better",
    "same_text": "The text of the better response",
    "by_name": "The name of the model that wins",
}
BEST = {
    "from_zero": "The number of the best response, from 0",
    "from_one": "The number of the best response, from 1",
    "by_name": "The name, letter or model of the best response",
    "same_text": "The text of the best response",
}
RANKS = {"": "The rank of each response", "best_first": "The numbers of the responses, best first"}


def role_title(role: str) -> str:
    """A role as people read it: Response A."""
    return TITLES.get(role, role.capitalize())


def shown(value: Any) -> str:
    """A cell as text of one line."""
    if value is Absent or value is None or value == "":
        return "empty"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text[:CELL].split()) + (" …" if len(text) > CELL else "")


class CalmCombo(QComboBox):
    """A combo box that the wheel scrolls past unless it has the keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Cell(QLabel):
    """A value in two lines at most; what does not fit ends in "…" and is the tooltip."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._whole = text
        self.setToolTip(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        set_font(self, "small")
        self.setFixedHeight(2 * self.fontMetrics().lineSpacing() + px(6))
        set_role(self, "amber" if text == "empty" else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the text to two lines."""
        super().resizeEvent(event)
        metrics, flags = self.fontMetrics(), int(Qt.TextFlag.TextWordWrap)
        most = 2 * metrics.lineSpacing() + 1

        def fits(text: str) -> bool:
            return metrics.boundingRect(QRect(0, 0, self.width(), 10_000), flags, text).height() <= most

        text, length = self._whole, len(self._whole)
        while length > 4 and not fits(text):
            length = min(length - 2, int(length * 0.95))
            text = self._whole[:length].rstrip() + "…"
        if text != self.text():
            self.setText(text)


class ColumnsCard(Card):
    """Records as a table; `chosen(column, role)` when a person picks a role."""

    chosen = Signal(str, str)

    def __init__(self, records: Sequence[dict[str, Any]], columns: Sequence[str], total: str) -> None:
        super().__init__("First records", flush=True)
        self._records, self._total = records, total
        self.columns = list(columns)[:MOST_COLUMNS]
        self._start = 0
        self.pickers: dict[str, QComboBox] = {}
        self.reasons: dict[str, QLabel] = {}
        self.following = GhostButton(f"Next {ROWS}", "arrow-right")
        self.following.clicked.connect(self.show_next)
        self.following.setVisible(len(records) > ROWS)
        self.add_header(self.following)
        self.grid = QGridLayout()
        self.grid.setContentsMargins(px(12), px(4), px(12), px(4))
        self.grid.setHorizontalSpacing(px(12))
        self.grid.setVerticalSpacing(px(4))
        for place, column in enumerate(self.columns):
            self._add_column(place, column)
        self._cells: list[QWidget] = []
        self.add(hairline())
        self.add(Scrolled(self.grid, "First records", sideways=True), 1)
        self._fill_rows()

    def _add_column(self, place: int, column: str) -> None:
        name = label(column, font_role="mono")
        name.setMinimumWidth(px(60))
        name.setToolTip(column)
        picker = CalmCombo()
        for role in ROLES:
            picker.addItem(role_title(role), role)
        picker.setAccessibleName(f"Role of {column}")
        picker.setMinimumWidth(px(116))
        picker.activated.connect(lambda _, column=column, picker=picker: self.chosen.emit(column, picker.currentData()))
        reason = label("", "secondary", "small", wrap=True)
        reason.setAlignment(Qt.AlignmentFlag.AlignTop)
        reason.setFixedHeight(px(47))
        self.pickers[column], self.reasons[column] = picker, reason
        for row, widget in enumerate((name, picker, reason)):
            self.grid.addWidget(widget, row, place)
        self.grid.setColumnStretch(place, 1)
        self.grid.setColumnMinimumWidth(place, px(120))

    def show_next(self) -> None:
        """Show the next records, after the last the first."""
        self._start = self._start + ROWS if self._start + ROWS < len(self._records) else 0
        self._fill_rows()

    def _fill_rows(self) -> None:
        for cell in self._cells:
            self.grid.removeWidget(cell)
            cell.hide()
            cell.deleteLater()
        self._cells = []
        part = self._records[self._start: self._start + ROWS]
        for row, record in enumerate(part):
            line = hairline()
            self.grid.addWidget(line, 3 + 2 * row, 0, 1, max(1, len(self.columns)))
            self._cells.append(line)
            for place, column in enumerate(self.columns):
                cell = Cell(shown(at(record, column)))
                self.grid.addWidget(cell, 4 + 2 * row, place)
                self._cells.append(cell)
        self.grid.setRowStretch(4 + 2 * ROWS, 1)
        first, last = self._start + 1, self._start + len(part)
        self.set_subtitle(f"{first:,}–{last:,} of {self._total} · dashed: a guess, choose another to change it")

    def show_mapping(self, mapping: Mapping, guesses: dict[str, str], own: set[str]) -> None:
        """Show the roles; guesses: column → why; own: the columns that a person has set."""
        for column, picker in self.pickers.items():
            role = mapping.roles.get(column, "ignore")
            picker.setCurrentIndex(max(0, picker.findData(role)))
            guessed = column in guesses and column not in own
            set_role(picker, "guess" if guessed else "")
            said = f"Guess: {guesses[column]}" if guessed else "set by you" if column in own else ""
            picker.setToolTip(said)
            picker.setAccessibleDescription(said)
            self.reasons[column].setText(said)
            self.reasons[column].setToolTip(said)


class CountBar(QWidget):
    """A bar of a share, with its count beside it."""

    def __init__(self, count: int, most: int) -> None:
        super().__init__()
        self._count, self._share = count, count / max(1, most)
        self.setMinimumSize(px(56), px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bar and number."""
        painter = QPainter(self)
        room = max(4.0, (self.width() - px(48)) * self._share)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("neutral_fill"))
        middle = self.height() / 2
        painter.drawRoundedRect(QRectF(0, middle - px(4), room, px(8)), 1, 1)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        painter.drawText(QRectF(room + px(6), 0, px(48), self.height()), Qt.AlignmentFlag.AlignVCenter, f"{self._count:,}")


class ValuesCard(Card):
    """What the values of the winner column count as. `meant(value, meaning)` and `ruled(rule)` when a person says so."""

    meant = Signal(str, str)
    ruled = Signal(str)

    def __init__(self) -> None:
        super().__init__("Values of the winner")
        self.setMinimumWidth(px(388))
        self.rule = CalmCombo()
        self.rule.setAccessibleName("How the winner column is read")
        self.rule.activated.connect(lambda _: self.ruled.emit(self.rule.currentData()))
        self.add(self.rule)
        self.rows = QVBoxLayout()
        self.rows.setContentsMargins(0, 0, px(6), 0)
        self.rows.setSpacing(px(5))
        self.add(Scrolled(self.rows), 1)
        self.note = label("", "secondary", "small", wrap=True)
        self.add(self.note)
        self.switches: dict[str, Segmented] = {}
        self._drawn: object = None

    def show_values(self, mapping: Mapping, values: Sequence[tuple[str, int]]) -> None:
        """Show values with their counts and what each counts as."""
        column, rules = next(iter(mapping.verdicts), None), rules_of(mapping)
        self.rule.setVisible(bool(rules))
        titles = {key: rule_title(mapping, key) for key in rules}
        if {self.rule.itemData(place): self.rule.itemText(place) for place in range(self.rule.count())} != titles:
            self.rule.clear()
            for key, title in titles.items():
                self.rule.addItem(title, key)
        self.rule.setCurrentIndex(self.rule.findData(mapping.rule))
        more = f" and {len(mapping.verdicts) - 1} more" if len(mapping.verdicts) > 1 else ""
        self.set_title(f"Values of {column}{more}" if column else "Who wins")
        by_value = column is not None and rules is RULES and not mapping.rule
        counts = [] if column is None else scale_values(mapping, column, values)
        drawn = (column, by_value, tuple(values), tuple(counts))
        if drawn != self._drawn:
            self._drawn = drawn
            self._rebuild(values if by_value else [(value, count) for value, count, _ in counts],
                          {value: said for value, _, said in counts})  # fmt: skip
        for value, switch in self.switches.items():
            switch.set_current(meaning_of(mapping, value))
        self.set_subtitle(counted(len(values), "value") if by_value else "")
        deciding = next(iter([*mapping.verdicts, *mapping.columns("ranks")]), "")
        doubt = next((said for said in mapping.doubts if deciding and said.startswith(f"{deciding}: ")), "")
        set_role(self.note, "amber" if doubt else "secondary")
        self.note.setText(f"{doubt}. Say which above." if doubt else self._note(mapping, len(values), by_value))

    def _note(self, mapping: Mapping, count: int, by_value: bool) -> str:
        if by_value:
            more = f"The other {count - MOST_VALUES:,} values are skipped. " if count > MOST_VALUES else ""
            return more + "A value met only in later records is skipped and listed."
        rules = rules_of(mapping)
        if rules is BEST:
            return "The best response is compared with each of the others." if mapping.rule else "Choose how it names the best."
        if rules is RULES:
            even = mapping.middle if mapping.rule in SIGNED else 0.5
            tie = f"; a number of {even:g} is a tie" if mapping.rule in SIGNED + PROBABILITIES else ""
            models = ", of the columns Model A and Model B" if mapping.rule == "by_name" else ""
            return f"{rule_title(mapping, mapping.rule)}{models}{tie}."
        if mapping.column("chosen"):
            return "The columns say which response was chosen."
        if rules is RANKS:
            return "Of ranks the smaller wins; equal ones tie." if not mapping.rule else "What stands before another wins."
        if mapping.column("score"):
            return "The larger score wins; equal ones tie."
        return "Give the role Winner to the column that names the better response."

    def _rebuild(self, values: Sequence[tuple[str, int]], known: dict[str, str]) -> None:
        """A line a value; known: what those count as that follow from a rule, which a person does not choose one by one."""
        while (item := self.rows.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self.switches = {}
        most = max((count for _, count in values), default=1)
        for value, count in values[:MOST_VALUES]:
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(px(8))
            name = label(shown(value)[:40], "amber" if not value else "", "mono")
            name.setFixedWidth(px(70))
            name.setToolTip(value)
            row.addWidget(name)
            row.addWidget(CountBar(count, most), 1)
            if value in known:
                said = label(known[value], "secondary", "small")
                said.setFixedWidth(px(82))
                row.addWidget(said)
            elif value:
                switch = Segmented([(key, key.capitalize()) for key in MEANINGS], "skip", f"{value} counts as")
                switch.changed.connect(lambda meaning, value=value: self.meant.emit(value, meaning))
                self.switches[value] = switch
                row.addWidget(switch)
            else:
                row.addWidget(label("always skipped", "secondary", "small"))
            self.rows.addWidget(line)
        self.rows.addStretch(1)


def rules_of(mapping: Mapping) -> dict[str, str]:
    """How the column that decides may be read, with titles; empty where there is nothing to choose."""
    if mapping.column("responses") is not None:
        return RANKS if mapping.column("ranks") else BEST if mapping.column("winner") and not mapping.column("score") else {}
    return RULES if mapping.column("winner") or mapping.column("vote") else {}


def scale_values(mapping: Mapping, column: str, values: Sequence[tuple[str, int]]) -> list[tuple[str, int, str]]:
    """The values of a scale in their order, with counts and what each means; none where another rule holds, or of too many."""
    if mapping.rule not in SIGNED + PROBABILITIES or len(values) > MOST_VALUES:
        return []
    found = [(number(value), value, count) for value, count in values if number(value) is not None]
    names = {1: "first wins", 0: "tie", -1: "second wins", None: "skipped"}
    return [(value, count, names[choice(mapping, {column: value}, column, None, None)]) for _, value, count in sorted(found)]


def rule_title(mapping: Mapping, rule: str) -> str:
    """How a rule is offered; of a number on a scale with the middle of that."""
    title = rules_of(mapping)[rule]
    if rules_of(mapping) is not RULES or rule not in SIGNED or not mapping.middle:
        return title
    return f"A number: {'above' if rule == 'positive_first' else 'below'} {mapping.middle:g} means the first"


def meaning_of(mapping: Mapping, value: str) -> str:
    """What a value (as `said` gives it) counts as in a mapping."""
    return mapping.folded.get(value, "skip")
