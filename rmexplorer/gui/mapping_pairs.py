"""What a mapping makes of the records: resulting pairs as cards, facts of the reading, and what would be skipped."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rmexplorer.data.trial import Trial
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, ElidedLabel, IconButton, IconLabel, Mark, hairline, label, panel
from rmexplorer.gui.widgets.scroll import Scrolled
from rmexplorer.statistics import Estimate
from rmexplorer.wording import between, counted, percent

PAGE = 5
CHARACTERS = 170
ICON_ROLES = {"triangle-alert": "amber_text", "circle-check": "green", "info": "text3"}


def short(text: str) -> str:
    """The beginning of a text in one line."""
    return " ".join(text[:CHARACTERS].split()) + (" …" if len(text) > CHARACTERS else "")


class PairCard(QWidget):
    """One resulting pair: prompt, the two responses, where it is from."""

    def __init__(self, trial: Trial, pair: int, winner: str) -> None:
        super().__init__()
        dataset = trial.dataset
        box = panel("card")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(box)
        column = QVBoxLayout(box)
        column.setContentsMargins(px(12), px(9), px(12), px(9))
        column.setSpacing(px(4))
        column.addWidget(label(short(dataset.prompts["text"][int(dataset.prompt[pair])]) or "(no prompt)",
                               font_role="strong", wrap=True))
        tie = bool(dataset.tie[pair])
        for kind, row in ((("people" if tie else "chosen"), dataset.chosen), ("people" if tie else "rejected", dataset.rejected)):
            line = QHBoxLayout()
            line.setSpacing(px(8))
            line.addWidget(Mark(kind), 0, Qt.AlignmentFlag.AlignTop)
            line.addWidget(label(short(dataset.responses["text"][int(row[pair])]) or "(empty)", wrap=True), 1)
            column.addLayout(line)
        foot = QHBoxLayout()
        number, record = dataset.pairs["line"][pair], dataset.pairs["record"][pair]
        where = [f"line {number:,}" if number is not None else f"record {record + 1:,}"]
        if "subset" in dataset.extras.columns and dataset.extras["subset"][pair] is not None:
            where.insert(0, str(dataset.extras["subset"][pair]))
        foot.addWidget(ElidedLabel(" · ".join(where)), 1)
        foot.addStretch()
        said = "a tie" if tie else f"{winner} wins" if winner else "chosen ● over rejected ◆"
        foot.addWidget(ElidedLabel(said))
        column.addLayout(foot)
        self.setAccessibleName(f"Pair {pair + 1}: {said}")


class PairsColumn(QWidget):
    """Resulting pairs, five at a time, and below them what would be skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._trial: Trial | None = None
        self._names = ("", "")
        self._start = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(8))
        head = QHBoxLayout()
        head.setSpacing(px(6))
        head.addWidget(label("Resulting pairs", font_role="title"))
        head.addWidget(ElidedLabel("as they would be read"), 1)
        head.addStretch()
        self.place = label("", "secondary", "small")
        self.back = IconButton("chevron-left", "Previous pairs")
        self.forth = IconButton("chevron-right", "Next pairs")
        self.back.clicked.connect(lambda: self._page(-PAGE))
        self.forth.clicked.connect(lambda: self._page(PAGE))
        for widget in (self.place, self.back, self.forth):
            head.addWidget(widget)
        column.addLayout(head)
        self._cards = QVBoxLayout()
        self._cards.setContentsMargins(0, 0, px(6), 0)
        self._cards.setSpacing(px(8))
        column.addWidget(Scrolled(self._cards, "Resulting pairs"), 1)
        self.skipped = panel("sunken")
        self._skipped = QVBoxLayout(self.skipped)
        self._skipped.setContentsMargins(px(12), px(9), px(12), px(9))
        self._skipped.setSpacing(px(3))
        column.addWidget(self.skipped)

    @property
    def cards(self) -> list[PairCard]:
        """The cards in sight."""
        items = (self._cards.itemAt(place) for place in range(self._cards.count()))
        found = (item.widget() for item in items if item is not None)
        return [widget for widget in found if isinstance(widget, PairCard)]

    def show_trial(self, trial: Trial | None, names: tuple[str, str]) -> None:
        """Show what a mapping makes of the records; names: of the two columns of responses, for "out_1 wins"."""
        self._trial, self._names = trial, names
        if trial is None or self._start >= len(trial.dataset):
            self._start = 0
        self._fill()
        self._show_skipped(trial)

    def _page(self, by: int) -> None:
        count = 0 if self._trial is None else len(self._trial.dataset)
        if 0 <= self._start + by < count:
            self._start += by
            self._fill()

    def _fill(self) -> None:
        empty_layout(self._cards)
        trial = self._trial
        count = 0 if trial is None else len(trial.dataset)
        last = min(count, self._start + PAGE)
        self.place.setText(f"{self._start + 1:,}–{last:,} of {count:,}" if count else "")
        self.back.setEnabled(self._start > 0)
        self.forth.setEnabled(last < count)
        if trial is None or not count:
            nothing = label("No pair can be read with these roles yet.", "secondary", wrap=True)
            self._cards.addWidget(nothing)
        else:
            for pair in range(self._start, last):
                winner = {1: self._names[0], -1: self._names[1]}.get(int(trial.dataset.winner[pair]), "")
                self._cards.addWidget(PairCard(trial, pair, winner))
        self._cards.addStretch(1)

    def _show_skipped(self, trial: Trial | None) -> None:
        empty_layout(self._skipped)
        reasons = [] if trial is None else trial.skipped()
        self.skipped.setVisible(trial is not None)
        total = sum(count for _, count, _ in reasons)
        title = f"What would be skipped: {counted(total, 'record')}" if total else "No record would be skipped."
        self._skipped.addWidget(label(title, font_role="strong"))
        for reason, count, places in reasons[:5]:
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(label(f"{count:,}", font_role="small_strong"))
            row.addWidget(label(reason.replace("_", " "), font_role="small"))
            row.addStretch(1)
            more = ", …" if count > len(places) else ""
            noun = "line" if count == 1 else "lines"
            row.addWidget(ElidedLabel(f"{noun} {', '.join(f'{place:,}' for place in places)}{more}"))
            self._skipped.addWidget(line)


def empty_layout(layout: QVBoxLayout) -> None:
    """Take everything out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.hide()
            old.deleteLater()


def facts(trial: Trial) -> list[tuple[str, str, str]]:
    """(icon, sentence, note) of what a person should know of a reading before it is taken."""
    pairs = len(trial.dataset)
    prompts = len(np.unique(trial.dataset.prompt)) if pairs else 0
    found = []
    if trial.dataset.votes.height or trial.first_wins.value not in (None, 1.0):
        icon = "triangle-alert" if trial.first_wins.excludes(0.5) else "circle-check"
        note = ": order may matter" if icon == "triangle-alert" else ""
        if trial.first_wins.value is not None:
            found.append((icon, f"The first response wins {percent(trial.first_wins.value)}", _interval(trial.first_wins) + note))
    one = prompts <= 1
    found.append((
        "triangle-alert" if one else "circle-check",
        f"{counted(prompts, 'prompt')}, {pairs / max(1, prompts):.1f} pairs each",
        "nothing can be held out by prompt" if one else "split by prompt will work",
    ))  # fmt: skip
    if trial.judged_more:
        found.append(("circle-check", f"{counted(trial.judged_more, 'pair')} judged more than once", "their votes are merged"))
    if trial.longer_wins.value is not None:
        found.append(("info", f"The longer response wins {percent(trial.longer_wins.value)}", _interval(trial.longer_wins)))
    return found


def _interval(share: Estimate) -> str:
    return f"95% CI {between(share.low, share.high, shares=True)}"


class FactsCard(Card):
    """Facts of the reading."""

    def __init__(self) -> None:
        super().__init__("Read with this mapping")
        outer = QVBoxLayout()
        outer.setContentsMargins(0, 0, px(6), 0)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(px(5))
        outer.addLayout(self._rows)
        outer.addStretch(1)
        self.add(Scrolled(outer, "Read with this mapping"), 1)
        self.sentences: list[str] = []

    def show_trial(self, trial: Trial | None) -> None:
        """Show the facts of a reading, or that there is none yet."""
        empty_layout(self._rows)
        self.sentences = []
        if trial is None or not len(trial.dataset):
            self._rows.addWidget(label("Nothing can be read yet.", "secondary"))
            return
        for place, (icon, sentence, note) in enumerate(facts(trial)):
            if place:
                self._rows.addWidget(hairline())
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(px(8))
            row.addWidget(IconLabel(icon, ICON_ROLES[icon], 15), 0, Qt.AlignmentFlag.AlignTop)
            words = QVBoxLayout()
            words.setSpacing(0)
            for text, role, weight in ((sentence, "", "small_strong"), (note, "secondary", "small")):
                words.addWidget(label(text, role, weight, wrap=True))
            row.addLayout(words, 1)
            self._rows.addWidget(line)
            self.sentences.append(sentence)
