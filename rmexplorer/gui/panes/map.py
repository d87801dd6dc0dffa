"""Map: what kinds of prompts are there? Prompts or responses at their places, grouped, beside the list of the selected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout

from rmexplorer.analysis.projection import TextMap
from rmexplorer.app.jobs import Run
from rmexplorer.app.state import Selection, State
from rmexplorer.gui.cards import CardList
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.scope import ScopeSwitch, split_of
from rmexplorer.gui.status import progress_sentence
from rmexplorer.gui.text_map import TextMapCard
from rmexplorer.gui.text_places import LISTED, Places, sources
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, Segmented
from rmexplorer.job import Progress
from rmexplorer.problem import Problem
from rmexplorer.wording import counted, method_line
from rmexplorer.workflows.mapping_texts import open_map

FORMULA = (
    "At most 5,000 texts, drawn at random with seed 0, become vectors of words (TF-IDF, then 128 topics by LSA), "
    "each of length 1. PCA gives the first picture; t-SNE (perplexity 30, from the PCA) the second: it keeps "
    "neighbours together, while the distances between groups and their sizes on the map mean little. Groups are k-means in 50 "
    "dimensions of PCA, not on the map; their number is a third of the square root of the number of texts, 2 to 12. Words "
    "name a group that stand in more of its texts than in others (weighted log-odds at least 2 deviations above zero)."
)
KINDS = {"prompt": "Prompts", "response": "Responses"}


@pane
class MapPane(Pane):
    """A map of the prompts or responses, coloured by group, source, reward or length."""

    name = "map"
    title = "Map"
    question = "What kinds of prompts are there?"
    icon = "map"
    group = "Build"
    order = 3
    inspects = False
    reads = frozenset({"dataset", "rewards", "matching", "scope"})

    def build(self) -> None:
        """The map at the left, the list at the right."""
        self.maps: dict[tuple[Path, str, str], TextMap] = {}
        self.failed: set[tuple[Path, str, str]] = set()
        self.run: Run | None = None
        self.ordered: tuple[Path, str, str] | None = None
        self._again = False
        self._listed: tuple[Places, Selection] | None = None
        self.kind = Segmented((("prompt", "Prompts"), ("response", "Responses")), "prompt", "Texts")
        self.how = Segmented((("pca", "PCA"), ("tsne", "t-SNE")), "tsne", "Placed by")
        self.colour = Segmented(
            (("group", "Group"), ("source", "Source"), ("reward", "Reward"), ("length", "Length")), "group", "Colour")
        for switch in (self.kind, self.how):
            switch.changed.connect(lambda _: self.again(retry=True))
            self.header.add_action(switch)
        self.colour.changed.connect(lambda _: self.again())
        self.scope = ScopeSwitch(self.desk)
        self.header.add_action(self.scope)
        self.header.set_computed(FORMULA)
        row = QHBoxLayout()
        row.setSpacing(px(12))
        self.card = TextMapCard(self.desk)
        self.card.add_header(self.colour)
        self.card.inspected.connect(self.desk.look_at)
        self.list_card = Card("Prompts", flush=True)
        self.cards = CardList(self.desk, "Prompts", 2, self._same_source)
        self.list_card.add(self.cards, 1)
        self.list_card.setFixedWidth(px(330))
        self.list_card.add_tool("square-dashed", "Select these pairs", self.select_listed)
        row.addWidget(self.card, 1)
        row.addWidget(self.list_card)
        self.body.addLayout(row, 1)
        self.desk.training.changed.connect(self._make_way)

    # Computing

    def again(self, retry: bool = False) -> None:
        """Draw anew: other texts, another placement or other colours."""
        if retry:
            self.failed.clear()
        self._dirty = True
        if self.isVisible():
            self.refresh()

    def wanted(self, state: State, how: str) -> tuple[Path, str, str] | None:
        """The key of a map of the texts in sight."""
        return None if state.folder is None else (state.folder, self.kind.current(), how)

    def prepare(self, state: State) -> Callable[[], Places] | None:
        """The best map that is there, with the pairs shown; the better one is ordered."""
        self._show_switches(state)
        self.scope.follow(state)
        coarse, fine = self.wanted(state, "pca"), self.wanted(state, "tsne")
        found = self.maps.get(fine) if fine is not None and self.how.current() == "tsne" else None
        found = found or (self.maps.get(coarse) if coarse is not None else None)
        wanted = fine if self.how.current() == "tsne" and found is not None else coarse
        if wanted is not None and wanted not in self.maps and wanted not in self.failed:
            self._order(wanted)
        if found is None:
            for card in (self.card, self.list_card):
                card.show_loading(f"Reading the {KINDS[self.kind.current()].lower()}")
            self._headline = ""
            self.header.set_headline("")
            self.header.set_method("")
            return None
        best, by = found, self.colour.current()
        return lambda: Places.of(best, state, by)

    def _show_switches(self, state: State) -> None:
        self.colour.disable("reward", "" if state.rewards is not None else "There are no rewards yet.")
        named = state.columns is not None and sources(state.columns) > 0
        self.colour.disable("source", "" if named else "The file names no source.")
        if (self.colour.current() == "reward" and state.rewards is None) or (self.colour.current() == "source" and not named):
            self.colour.set_current("group")

    def _order(self, key: tuple[Path, str, str]) -> None:
        if self.run is not None:
            if self.ordered == key:
                return
            self._again = True
            self.desk.jobs.cancel(self.run)
            return
        folder, noun, how = key
        self.ordered = key
        self.run = self.desk.jobs.order(
            f"Placing {noun}s", "rmexplorer.workflows.mapping_texts", "map_texts", (str(folder), noun, how),
            done=lambda file: self._done(key, file), failed=lambda problem: self._fail(key, problem),
            cancelled=lambda: self._cancelled(key), each=self._beat, minor=True,
        )

    def _beat(self, progress: Progress) -> None:
        """Say in the card how far the first map is; the better one is made beside it, and the status strip says so."""
        if self.result is None and self.run is not None:
            self.card.show_loading(progress_sentence(self.run) or "Placing texts")

    def _done(self, key: tuple[Path, str, str], file: str) -> None:
        self.run = self.ordered = None
        try:
            self.maps[key] = open_map(file)
        except Problem as problem:
            self._fail(key, problem)
            return
        while len(self.maps) > 8:
            self.maps.pop(next(iter(self.maps)))
        self.again()

    def _fail(self, key: tuple[Path, str, str], problem: Problem) -> None:
        self.run = self.ordered = None
        self.failed.add(key)
        self.card.show_error(problem, "", "Try again", lambda: self.again(retry=True))
        self.list_card.show_empty("There is no map yet.")

    def _cancelled(self, key: tuple[Path, str, str]) -> None:
        self.run = self.ordered = None
        if self._again:
            self._again = False
            self.again()
            return
        self.failed.add(key)
        if key[2] == "tsne":
            self.how.set_current("pca")
        if self.result is None:
            self.card.show_empty("The map was cancelled.", "Make it", lambda: self.again(retry=True))
            self.list_card.show_empty("There is no map yet.")

    def _make_way(self) -> None:
        """A head that is to be trained does not wait for a map."""
        live = self.desk.training.live
        if self.run is not None and live is not None and live.phase == "encoding":
            self.desk.jobs.cancel(self.run)

    @property
    def settled(self) -> bool:
        """Whether everything is drawn and no map is on its way."""
        return super().settled and self.run is None

    def _show(self, result: Any, error: Exception | None) -> None:
        if error is not None:
            for card in (self.card, self.list_card):
                card.show_ready()
        super()._show(result, error)

    # Drawing

    def draw(self, result: Places | None) -> None:
        """Headline, map and list."""
        if result is None:
            return
        state = self.desk.state
        self.set_finding(result.finding, split_of(state))
        self._listed = None
        if not result.finding.n:
            filtered = state.matching is not None
            sentence = "No pair passes the filter here." if filtered else "There are no pairs here."
            for card in (self.card, self.list_card):
                card.show_empty(sentence, "Clear the filter" if filtered else "", lambda: self.desk.set_query(""))
            return
        context = method_line(state.dataset.name if state.dataset else "", f"filter {state.query}" if state.query else "")
        self.card.show_places(result, context)
        self.card.show_ready()
        self.list_card.show_ready()

    def mark(self, state: State) -> None:
        """Selection and focus on the map; the list holds the selected texts, or all."""
        places = self.result
        if places is None or not places.finding.n or places.dataset is not state.dataset:
            return
        mask = state.selection.mask
        hit = None if mask is None else places.texts_of(mask)
        self.card.mark(state, hit)
        if self._listed is None or self._listed[0] is not places or self._listed[1] is not state.selection:
            self._listed = (places, state.selection)
            self._list(places, hit)
        self.cards.follow(state)

    def _list(self, places: Places, hit: np.ndarray | None) -> None:
        cards = places.cards(hit)
        noun, name = places.map.noun, KINDS[places.map.noun]
        self.cards.put(cards)
        self.cards.setAccessibleName(name)
        mask = self.desk.state.selection.mask
        if hit is None or mask is None:
            self.list_card.set_title(name)
            self.list_card.set_subtitle("by group" if places.finding.n <= LISTED else f"the first {LISTED:,} by group")
            return
        self.list_card.set_title(f"{int((hit & places.shown).sum()):,} selected")
        self.list_card.set_subtitle(f"{counted(int(np.count_nonzero(mask)), 'pair')}")
        if not cards:
            self.list_card.show_empty(f"No selected {noun} is on the map.", "Clear the selection", self.desk.clear)
        else:
            self.list_card.show_ready()

    def select_listed(self) -> None:
        """Select the pairs of the listed texts."""
        if self.result is not None and len(self.cards.pairs):
            self.select_rows(self.cards.pairs, "map")

    def _same_source(self, pair: int) -> tuple[str, np.ndarray] | None:
        columns = self.desk.state.columns
        if columns is None:
            return None
        place = int(np.searchsorted(columns.rows, pair))
        if place >= len(columns.rows) or columns.rows[place] != pair or not columns["subset"][place]:
            return None
        name = columns["subset"][place]
        return str(name), columns.rows[columns["subset"] == name]
