"""The cards of the Hunt pane: phrases with their intervals, and what appended phrases do to weak responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from rmexplorer.analysis.attribution import METHODS, WordEffect
from rmexplorer.analysis.hunt import KINDS, SIGNIFICANT, PhraseEffect, Search
from rmexplorer.gui.plots import FigureCard, ForestMark, ForestPlot, ForestRow
from rmexplorer.gui.plots.export import WidgetDrawing
from rmexplorer.gui.theme import px, set_font
from rmexplorer.gui.widgets import Card, GhostButton, SecondaryButton, Segmented, label
from rmexplorer.wording import between, bracket, counted, number, percent

WHAT_SEARCH_DOES = (
    "Puts each of these phrases, and yours, at the end of weak responses, keeps the one that raises the reward most and goes on, "
    "up to three times. Weak: the lowest reward of its prompt, up to 60 prompts.")
NO_PHRASE = "No phrase found here pays. Write one below, and it is put at the end of weak responses, the lowest reward of each prompt."


def phrase_row(effect: PhraseEffect, shown: str, enriched: bool) -> ForestRow:
    """A phrase as a row."""
    estimate = effect.enrichment if enriched else effect.effect
    clear = estimate.excludes(0.0) and (enriched or effect.q < SIGNIFICANT)
    where = {"opener": "opens", "closer": "closes", "phrase": "stands in"}[effect.kind]
    size = f"{number(effect.effect.value, signed=True)} {bracket('95% CI ' + between(effect.effect.low, effect.effect.high))}"
    odds = f"{number(effect.enrichment.value, signed=True)} {bracket('95% CI ' + between(effect.enrichment.low, effect.enrichment.high))}"
    tip = (f"“{shown}” {where} {counted(effect.effect.n, 'response')}\n{size} SD of reward beyond length, q {number(effect.q, 3)}"
           f"{'' if effect.q < SIGNIFICANT else ': no clear effect'}\n"
           f"Log-odds among liked rejections {odds}\nEnter selects its pairs")
    kind = f" · {KINDS[effect.kind]}" if KINDS[effect.kind] else ""
    return ForestRow(f"“{shown}”", marks=(ForestMark.of(estimate, filled=clear),), right=f"{effect.effect.n:,}{kind}",
                     enabled=clear, tip=tip)


def word_row(effect: WordEffect) -> ForestRow:
    """A word as a row."""
    clear = effect.q < SIGNIFICANT
    size = f"{number(effect.change.value, signed=True)} {bracket('95% CI ' + between(effect.change.low, effect.change.high))}"
    tip = (f"“{effect.word}” in {counted(effect.change.n, 'response')}\n{size} of reward a response, q {number(effect.q, 3)}"
           f"{'' if clear else ': no clear effect'}\nEnter selects its pairs")
    return ForestRow(effect.word, marks=(ForestMark.of(effect.change, filled=clear),), right=f"{effect.change.n:,}", enabled=clear, tip=tip)


class ForestCard(FigureCard):
    """A forest in a card with a plot's tools. `chosen(place)` on click or Enter, `moved(place)` by arrows."""

    chosen = Signal(int)
    moved = Signal(int)

    def __init__(self, title: str, axis: str, name_width: int = 220, right_width: int = 92, kind: str = "signed",
                 row_height: int = 25) -> None:
        super().__init__(title)
        self.forest = ForestPlot(title, -1.0, 1.0, title=axis, name_width=name_width, right_width=right_width,
                                 row_height=row_height, kind=kind)
        self.forest.rowActivated.connect(self.chosen)
        self.forest.list.clicked.connect(lambda index: self.chosen.emit(index.row()))
        self.forest.rowSelected.connect(self.moved)
        self.body.insertWidget(0, self.forest, 1)
        self.tool_copy.hide()

    def drawing(self) -> Any:
        """What pictures show: the forest."""
        return WidgetDrawing(self.forest)

    def show_rows(self, rows: Sequence[ForestRow], headline: str, context: str, from_zero: bool = False) -> None:
        """Replace the rows; the axis holds all intervals, and 0."""
        ends = [end for row in rows for mark in row.marks for end in (mark.low, mark.high, mark.value) if end == end]
        ends += [end for row in rows if row.bar is not None for end in row.bar]
        low, high = min([0.0, *ends]), max([0.0, *ends])
        spread = max(high - low, 0.02)
        self.forest.set_rows(rows, 0.0 if from_zero else low - 0.05 * spread, high + 0.08 * spread)
        self.describe(headline, context)
        self.forest.list.setAccessibleDescription(f"{headline} Enter selects the pairs of a row.")
        self.show_ready()

    def select(self, place: int) -> None:
        """Show a row as the current one; −1 none."""
        self.forest.select(place)


class SearchCard(Card):
    """What an ending does to weak responses. `asked(own phrases)` for a search, `kept(ending)` to make it a probe."""

    asked = Signal(list)
    chosen = Signal(str)
    kept = Signal(str)

    def __init__(self) -> None:
        super().__init__("Which ending raises a weak response most?")
        self.ending = ""
        self.said = label("", wrap=True)
        self.add(self.said)
        self.steps = label("", "secondary", "small", wrap=True)
        self.add(self.steps)
        self.tried = QListWidget()
        self.tried.setAccessibleName("Phrases that the search will try")
        self.tried.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        set_font(self.tried, "small")
        self.add(self.tried, 1)
        self.as_probe = GhostButton("Make the ending a probe", "flask-conical")
        self.as_probe.setToolTip("Probes then measures what appending it does to all responses")
        self.as_probe.clicked.connect(lambda: self.kept.emit(self.ending))
        self.add(self.as_probe)
        self.forest = ForestPlot("Mean change of reward by each ending", -0.1, 1.0, title="Change of reward, 95% CI →",
                                 name_width=130, row_height=25)
        self.forest.rowActivated.connect(lambda place: self.chosen.emit(self._phrases[place]))
        self.add(self.forest, 1)
        self.body.addStretch()
        self._phrases: list[str] = []
        foot = QWidget()
        row = QHBoxLayout(foot)
        row.setContentsMargins(0, px(4), 0, 0)
        row.setSpacing(px(6))
        self.own = QLineEdit()
        self.own.setPlaceholderText("Your own, with “|” between")
        self.own.setToolTip("Phrases of your own that are tried as well, parted by |")
        self.own.setAccessibleName("Phrases of your own to append, parted by a vertical bar")
        self.own.setMinimumHeight(px(32))
        set_font(self.own, "body")
        self.button = SecondaryButton("Search", "search")
        for part in (self.own, self.button):
            row.addWidget(part, 1 if part is self.own else 0)
        self.outer.addWidget(foot)
        foot.setContentsMargins(px(14), 0, px(14), px(12))
        self.own.returnPressed.connect(self._ask)
        self.button.clicked.connect(self._ask)
        self.offer([])

    def _ask(self) -> None:
        self.asked.emit([part.strip() for part in self.own.text().split("|") if part.strip()])

    def offer(self, phrases: Sequence[str], why_not: str = "") -> None:
        """Nothing searched yet: what would be tried, or why nothing can be."""
        for part in (self.forest, self.steps, self.as_probe):
            part.hide()
        self.said.setText(why_not or (WHAT_SEARCH_DOES if phrases else NO_PHRASE))
        self.tried.clear()
        self.tried.addItems([f"“{phrase}”" for phrase in phrases])
        self.tried.setVisible(bool(phrases) and not why_not)
        self.own.setEnabled(not why_not)
        self.button.disable(why_not)

    def show_search(self, found: Search) -> None:
        """Show what was found."""
        self.tried.hide()
        self.said.setText(found.sentence())
        lines = [
            f"{place}. “{step.phrase}”: {number(step.gain.value, signed=True)} "
            f"{bracket(between(step.gain.low, step.gain.high))}, {percent(step.beats.value)} best"
            for place, step in enumerate(found.steps, start=1)]
        self.steps.setText("\n".join(lines))
        self.steps.setVisible(bool(lines))
        self.ending = found.ending
        self.as_probe.setVisible(bool(lines))
        self._phrases = [phrase for phrase, _ in found.alone[:10]]
        rows = [ForestRow(f"“{phrase}”", marks=(ForestMark.of(gain, filled=gain.excludes(0.0)),),
                          tip=f"“{phrase}” at the end: {number(gain.value, signed=True)} "
                              f"{bracket('95% CI ' + between(gain.low, gain.high))}, n = {counted(gain.n, 'response')}")
                for phrase, gain in found.alone[:10]]
        ends = [end for _, gain in found.alone[:10] for end in (gain.low, gain.high, gain.value) if end is not None]
        low, high = min([0.0, *ends]), max([0.05, *ends])
        self.forest.set_rows(rows, low - 0.05 * (high - low), high + 0.05 * (high - low))
        self.forest.setVisible(bool(rows))


class WordsBar(QWidget):
    """Over which pairs words are weighed, and how. `changed()`."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, px(6))
        self.of = Segmented((("shown", "Shown pairs"), ("selection", "Selection")), name="Words of which pairs")
        self.method = Segmented(tuple(METHODS.items()), name="How words are weighed")
        for part in (self.of, self.method):
            part.changed.connect(lambda _: self.changed.emit())
            row.addWidget(part)
        row.addStretch(1)

    def follow(self, selected: bool, why_no_gradient: str) -> None:
        """Offer what there is: a selection, a gradient."""
        self.of.disable("selection", "" if selected or self.of.current() == "selection" else "Select pairs first.")
        self.method.disable("gradient", why_no_gradient)
        if why_no_gradient:
            self.method.set_current("leave_one_out")


class ActionsRow(QWidget):
    """What can be done with the current phrase."""

    select = Signal()
    copy = Signal()
    probe = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, px(6), 0, 0)
        row = QHBoxLayout()
        row.setSpacing(px(6))
        self.buttons = []
        for text, icon, signal in (("Select its pairs", "square-dashed", self.select), ("Copy", "copy", self.copy),
                                   ("Make it a probe", "flask-conical", self.probe)):
            button = GhostButton(text, icon)
            button.clicked.connect(signal)
            row.addWidget(button)
            self.buttons.append(button)
        row.addStretch(1)
        self.buttons[2].setToolTip("Probes then measures what appending it does to the reward")
        column.addLayout(row, 0)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
