"""Responses: what the model likes and dislikes, in the words of its extremes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from rmexplorer import wording
from rmexplorer.analysis.responses import SHARES, VIEWS, PairList, ResponseList, Responses, share_text
from rmexplorer.app.state import State
from rmexplorer.gui.cards import CardList
from rmexplorer.gui.listing import Drawn, Sources, drawn
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.plots import save_table
from rmexplorer.gui.scope import ScopeSwitch, no_pairs, split_of
from rmexplorer.gui.tails import TailCard
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, IconButton, IconLabel, Segmented
from rmexplorer.problem import Problem
from rmexplorer.statistics import sigmoid
from rmexplorer.wording import counted

LOW = 660
TITLES = {
    "extremes": (("Highest reward", "arrow-up"), ("Lowest reward", "arrow-down")),
    "margins": (("Largest margins", "arrow-up"), ("Smallest margins", "arrow-down")),
    "wrong": (("Most wrong", "triangle-alert"),),
    "unsure": (("Least sure", "arrow-left-right"),),
}
EMPTY = {
    "extremes": "No response is left here.",
    "margins": "No pair is left here.",
    "wrong": "The model prefers the chosen response in every pair here.",
    "unsure": "No pair is left here.",
}
FORMULA = (
    "The reward r(prompt, response) is the output of the head divided by the temperature, so P(chosen) = σ(r chosen − "
    "r rejected). Lists show (r − mean) / SD over the distinct responses of the whole dataset. A tail of 1% holds the "
    "distinct responses with the 1% highest (lowest) rewards; the share rejected counts, for each, the pairs that "
    "it lost. The command writes the reward of every response to a file."
)


class ListCard(Card):
    """A card that holds a list, an icon before its title, and tools."""

    def __init__(self, cards: CardList, parent: QWidget | None = None) -> None:
        super().__init__(" ", flush=True, parent=parent)
        self.cards = cards
        self.sign = IconLabel("arrow-up", "text2", 15)
        self.title = self.subtitle = ""
        self.header_row.insertWidget(0, self.sign)
        self.add(cards, 1)

    def name(self, title: str, icon: str, subtitle: str) -> None:
        """Replace title, icon and subtitle."""
        self.title = title
        self.set_title(title)
        self.sign.set_icon(icon, "text2")
        self.subtitle = subtitle
        self._fit()
        self.cards.setAccessibleName(title)
        self.cards.setAccessibleDescription(subtitle)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card says less beside its title."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.title_label.setText(self.title)
        others = (self.sign, self.title_label, self.tools_row)
        room = self.width() - sum(one.sizeHint().width() for one in others) - px(60)
        self.sign.setVisible(room > px(90))
        metrics = QFontMetrics(self.subtitle_label.font())
        value = re.sub(r"^(\d+%) \w+", r"\1", self.subtitle)  # the share and its interval alone
        self.set_subtitle(self.subtitle if metrics.horizontalAdvance(self.subtitle) <= room else value)
        if value != self.subtitle and metrics.horizontalAdvance(value) > room:
            self.title_label.setText(self.title.split()[0])  # an interval is never cut


@pane
class ResponsesPane(Pane):
    """Highest and lowest rewards, margins, mistakes and doubts, as lists of texts."""

    name = "responses"
    title = "Responses"
    question = "What does the model like and dislike?"
    icon = "list-ordered"
    group = "Inspect"
    order = 1
    remedy = ("Train a head", "train_or_pause")

    def build(self) -> None:
        """Make switches, histogram and both lists."""
        kept = self.desk.project.view().get("responses") or {}
        view, share = kept.get("view"), kept.get("share")
        self.view = view if view in VIEWS else "extremes"
        self.share: float | None = share if share in SHARES else None
        self.modes = Segmented(
            (("extremes", "Extremes"), ("margins", "Margins"), ("wrong", "Most wrong"), ("unsure", "Least sure")),
            self.view,
            "List",
        )
        self.modes.changed.connect(self._mode)
        self.header.add_action(self.modes)
        self.header.set_computed(FORMULA, "rmexplorer score FILE --model HEAD --out scored.jsonl")
        self.body.addLayout(self._switches(bool(kept.get("one", True))))
        self.tails = TailCard()
        self.tails.setFixedHeight(px(166))
        self.tails.share_changed.connect(self._share)
        self.tails.tail_pressed.connect(self._select_tail)
        self.body.addWidget(self.tails)
        row = QHBoxLayout()
        row.setSpacing(px(12))
        self.lists = [ListCard(CardList(self.desk, "List", 2, self._same_source)) for _ in range(2)]
        self.select_tools: list[IconButton] = []
        for place, card in enumerate(self.lists):
            row.addWidget(card, 1)
            card.cards.left_for.connect(lambda by, place=place: self._beside(place + by))
            card.cards.entered_list.connect(lambda place=place: self._walk(place))
            self.select_tools.append(card.add_tool("square-dashed", "Select these pairs", partial(self._select_list, place)))
            card.add_tool("file-down", "Save this list as CSV", partial(self._ask_csv, place))
        self.body.addLayout(row, 1)
        self._name_lists(None)

    def _switches(self, one: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(14))
        self.scope = ScopeSwitch(self.desk)
        self.only = QCheckBox("Selection only")
        self.only.setToolTip("List only the selected pairs")
        self.only.toggled.connect(self._only)
        self.one = QCheckBox("One per prompt")
        self.one.setToolTip("List at most one response (or pair) of each prompt")
        self.one.setChecked(one)
        self.one.toggled.connect(self._again)
        row.addWidget(self.scope)
        row.addStretch()
        row.addWidget(self.only)
        row.addWidget(self.one)
        return row

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs rewards."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if state.rewards is not None else "Responses needs rewards. Train a head, or load a file with scores."

    # Computing

    def prepare(self, state: State) -> Callable[[], Any] | None:
        """The lists over the pairs in the scope that pass the filter, or over the selected ones."""
        columns, mask = state.columns, state.shown
        if columns is None or mask is None or state.rewards is None:
            return None
        self.scope.follow(state)
        nothing = "" if state.matching is None else "No pair of this scope passes the filter."
        if self.only.isChecked() and state.selection.mask is not None:
            mask = mask & state.selection.mask
            nothing = "No selected pair lies in this scope."
        nothing = nothing or no_pairs(state)
        view, share, one = self.view, self.share, self.one.isChecked()
        return lambda: drawn(columns, mask, view, share, one, nothing)

    # Drawing

    def draw(self, result: Drawn | None) -> None:
        """Headline, histogram and lists."""
        if result is None:
            return
        found, state = result.found, self.desk.state
        split = "selected" if self.only.isChecked() and state.selection.mask is not None else split_of(state)
        self._headline = found.headline(result.view)
        method = found.method(split, result.view)
        self.header.set_headline(self._headline)
        self.header.set_method(method[:1].upper() + method[1:])
        self.tails.setVisible(result.view == "extremes")
        if result.view == "extremes":
            self.tails.describe(self._headline, method)
            self.tails.show_result(found)
        self._name_lists(result)
        for place, card in enumerate(self.lists):
            card.setVisible(place < len(result.cards))
            if place >= len(result.cards):
                continue
            card.cards.text_lines = 2 if result.view == "extremes" else 3
            card.cards.put(result.cards[place])
            if not found.pairs:
                card.show_empty(
                    result.nothing,
                    "Clear the filter" if state.matching is not None else "",
                    lambda: self.desk.set_query(""),
                )
            elif not result.cards[place]:
                card.show_empty(EMPTY[result.view])
            else:
                card.show_ready()
        self._walk(0)

    def _name_lists(self, result: Drawn | None) -> None:
        view = self.view if result is None else result.view
        subtitles = ["", ""] if result is None else self._subtitles(result)
        for card, tool, (title, icon), subtitle in zip(self.lists, self.select_tools, TITLES[view], subtitles, strict=False):
            card.name(title, icon, subtitle)
            tail = view == "extremes"
            name = "Select the pairs of this tail" if tail else "Select the listed pairs"
            tool.setAccessibleName(name)
            tool.setToolTip(name)

    def _subtitles(self, result: Drawn) -> list[str]:
        found = result.found
        if not found.pairs:
            return ["", ""]
        if result.view == "extremes":
            return [
                wording.with_interval(found.top_rejected, shares=True, name=False, of="rejected"),
                wording.with_interval(found.bottom_chosen, shares=True, name=False, of="chosen"),
            ]
        if result.view == "margins":
            return ["surest of the chosen", "surest of the rejected"]
        if result.view == "wrong":
            return [f"{counted(found.mistakes, 'pair')} in which the model prefers the rejected response, surest first"]
        return ["pairs with P(chosen) nearest to 0.5"]

    def mark(self, state: State) -> None:
        """The pair in the inspector, selected and starred pairs, on lists and histogram."""
        self.scope.follow(state)
        there = state.selection.mask is not None
        self.only.setEnabled(there or self.only.isChecked())
        self.only.setToolTip("List only the selected pairs" if there else "Select pairs in any pane first")
        for card in self.lists:
            card.cards.follow(state)
        if self.view != "extremes" or state.columns is None or state.rewards is None or self.result is None:
            return
        pair, rewards = state.focus, state.rewards
        both = None
        if pair is not None and state.dataset is not None and not state.dataset.tie[pair]:
            both = float(rewards.first[pair]), float(rewards.second[pair])
            both = both if state.dataset.winner[pair] > 0 else both[::-1]
            both = both if np.isfinite(both).all() and state.shown is not None and state.shown[pair] else None
        self.tails.tails.put_pair(both)
        self.tails.show_selection(self._selected_rewards(state))

    def _selected_rewards(self, state: State) -> np.ndarray | None:
        mask = state.selection.mask
        if mask is None or state.columns is None or state.shown is None or self.only.isChecked():
            return None
        part = state.columns.take(mask & state.shown)
        return np.concatenate([part["reward_chosen"], part["reward_rejected"]])

    # Changes by the person

    def _again(self, _: object = None) -> None:
        """Compute anew after a switch of this pane, and keep how it stands."""
        self.desk.project.put_view(responses={"view": self.view, "share": self.share, "one": self.one.isChecked()})
        self._dirty = True
        if self.isVisible():
            self.refresh()

    def _mode(self, view: str) -> None:
        self.view = view
        self._again()

    def _share(self, share: float) -> None:
        self.share = share
        self._again()

    def _only(self, on: bool) -> None:
        self.reads = Pane.reads | {"selection"} if on else Pane.reads
        self._again()

    def _beside(self, place: int) -> None:
        """Move the keyboard to the other list."""
        if 0 <= place < len(self.lists) and self.lists[place].isVisibleTo(self):
            self.lists[place].cards.setFocus(Qt.FocusReason.TabFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low window leaves more room to the lists."""
        super().resizeEvent(event)
        low = self.height() < px(LOW)
        self.tails.setFixedHeight(px(138 if low else 166))
        self.tails.x_title.setVisible(not low)

    def _walk(self, place: int) -> None:
        """Let next and previous step through a list."""
        self.desk.order = self.lists[place].cards.pairs

    def showEvent(self, event: QShowEvent) -> None:
        """Next and previous step through what is in sight."""
        super().showEvent(event)
        if self.result is not None:
            self._walk(0)

    def _same_source(self, pair: int) -> tuple[str, np.ndarray] | None:
        return None if self.desk.state.columns is None else Sources(self.desk.state.columns).rows(pair)

    def tail_pairs(self, side: int) -> np.ndarray:
        """Rows of all pairs with a response in a tail (1 highest, -1 lowest)."""
        state = self.desk.state
        if self.result is None or state.columns is None or state.shown is None:
            return np.zeros(0, np.int64)
        mask = (
            state.shown
            if not self.only.isChecked() or state.selection.mask is None
            else state.shown & state.selection.mask
        )
        part = state.columns.take(mask)
        both = part["reward_chosen"], part["reward_rejected"]
        edge = self.result.found.high_edge if side > 0 else self.result.found.low_edge
        if edge is None:
            return np.zeros(0, np.int64)
        inside = np.maximum(*both) >= edge if side > 0 else np.minimum(*both) <= edge
        return np.asarray(part["pair"][inside])

    def _select_tail(self, side: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        name = "highest" if side > 0 else "lowest"
        if self.result is not None:
            text = share_text(self.result.found.share)
            self.select_rows(self.tail_pairs(side), f"{name} {text} of rewards", modifiers)

    def _select_list(self, place: int) -> None:
        if self.view == "extremes":
            self._select_tail(1 if place == 0 else -1)
        elif self.result is not None:
            self.select_rows(self.lists[place].cards.pairs, TITLES[self.view][place][0].lower())

    def _ask_csv(self, place: int) -> None:
        title = TITLES[self.view][place][0]
        path = self.desk.ui.choose_save("Save this list", f"{title.lower().replace(' ', '-')}.csv", "CSV (*.csv)")
        if path:
            try:
                save_table(self.listed(place), Path(path))
            except Problem as problem:
                self.lists[place].show_error(problem)

    def listed(self, place: int) -> dict[str, Any]:
        """A list as columns, for CSV."""
        found: Responses = self.result.found
        part: ResponseList | PairList
        if self.view == "extremes":
            part = (found.highest, found.lowest)[place]
            text = (
                []
                if self.desk.state.dataset is None
                else self.desk.state.dataset.responses["text"].gather(part.response).to_list()
            )
            return {
                "pair": part.pair + 1,
                "reward": part.reward,
                "z": part.z,
                "label": np.where(part.was_chosen, "chosen", "rejected"),
                "words": part.words,
                "response": text,
            }
        part = {
            "margins": (found.largest_margins, found.smallest_margins),
            "wrong": (found.confident_mistakes,),
            "unsure": (found.least_sure,),
        }[self.view][place]
        return {"pair": part.pair + 1, "margin": part.margin, "p_chosen": sigmoid(part.margin)}
