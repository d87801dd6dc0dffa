"""Hunt: what phrases does it pay for?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout

from rmexplorer.analysis.attribution import DOING, WordEffect, WordEffects
from rmexplorer.analysis.hunt import PhraseEffect, Search
from rmexplorer.app.jobs import Run
from rmexplorer.app.own_probes import keep_probe
from rmexplorer.app.state import State
from rmexplorer.app.training import head_file
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.hunt_cards import ActionsRow, ForestCard, SearchCard, WordsBar, phrase_row, word_row
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.scope import split_of
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Segmented
from rmexplorer.problem import Problem
from rmexplorer.wording import counted, method_line
from rmexplorer.workflows.attributing import drawn, responses_to_explain, why_no_gradient
from rmexplorer.workflows.columns import Columns
from rmexplorer.workflows.edits import ending_probe
from rmexplorer.workflows.hunting import Hunted, Phrases, counts_path, endings, hunt_columns, weak_responses

VIEWS = (("pays", "Pays"), ("costs", "Costs"), ("enriched", "Liked rejections"), ("words", "Words"))
TITLES = {"pays": "Phrases that pay", "costs": "Phrases that cost", "enriched": "Phrases of liked rejections"}
SIDE, NARROW_SIDE, NARROW = 360, 280, 800
NEEDS_HEAD = "Trying endings needs a head that can score new texts. Train one, or load one."
FORMULA = (
    "Phrases are runs of 1 to 5 words, anywhere, at the beginning or at the end of a response. For each, the reward is regressed "
    "on the log of characters and on whether the phrase is there, with a constant for each prompt; the effect is in within-prompt "
    "SD of the reward, its standard error clustered by prompt, q by Benjamini–Hochberg over all phrases tested. Of phrases that "
    "stand in nearly the same responses the longest is shown. Liked rejections: log-odds of a phrase in the top fifth by reward of"
    " rejected responses against the other rejected ones, with a Dirichlet prior (Monroe, Colaresi, Quinn 2008). Words: each word "
    "is left out in turn and the response scored anew, or its part of the head's input is multiplied by the gradient there; its "
    "places in a response are summed, responses averaged. An effect is an association, except for words left out and endings, "
    "where the text itself is changed."
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A hunt with the columns that it is of."""

    hunted: Hunted
    given: Columns


@pane
class HuntPane(Pane):
    """Phrases by the reward they carry, words left out, and the search for the ending that pays most."""

    name = "hunt"
    title = "Hunt"
    question = "What phrases does it pay for?"
    icon = "search"
    group = "Inspect"
    order = 5
    remedy = ("Train a head", "train_or_pause")
    inspects = False
    result: Drawn | None

    def build(self) -> None:
        """Phrases at the left, the search at the right."""
        self.views = Segmented(VIEWS, "pays", "Which phrases are listed")
        self.views.changed.connect(lambda _: self._show_view())
        self.header.add_action(self.views)
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model MODEL --phrases --json")
        row = QHBoxLayout()
        row.setSpacing(themes.metrics.card_gap)
        self.card = ForestCard("Phrases", "Reward beyond length, within-prompt SD, 95% CI →")
        self.card.forest.axis.right = "responses"
        self.card.chosen.connect(self._pick)
        self.row_actions = ActionsRow()
        self.row_actions.select.connect(lambda: self._pick(self.place))
        self.row_actions.copy.connect(self._copy)
        self.row_actions.probe.connect(self._keep_probe)
        self.words_bar = WordsBar()
        self.words_bar.changed.connect(self._words_changed)
        self.words_bar.hide()
        self.card.body.insertWidget(0, self.words_bar)
        self.card.add(self.row_actions)
        self.search = SearchCard()
        self.search.asked.connect(self._search)
        self.search.chosen.connect(self._copy_text)
        self.search.kept.connect(lambda ending: keep_probe(self.desk, ending_probe(ending)))
        row.addWidget(self.card, 1)
        row.addWidget(self.search)
        self.body.addLayout(row, 1)
        self._counting = ""  # fingerprint whose phrases are being counted
        self._count: Run | None = None
        self._failed = ""
        self._words: tuple[tuple[Any, ...], WordEffects] | None = None  # with what it is of
        self._weighing = False
        self._selected: np.ndarray | None = None  # the pairs that were selected when their words were asked for
        self._jobs = 0
        self.listed: list[tuple[str, str, np.ndarray]] = []  # what a row says, its phrase, its responses
        self._fit()

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs rewards."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if state.rewards is not None else "The hunt needs rewards. Train a head, or load a file with scores."

    @property
    def settled(self) -> bool:
        """Whether nothing is counted, searched or drawn any more."""
        return super().settled and not self._counting and not self._jobs

    @property
    def place(self) -> int:
        """The current row, the first where none is."""
        return max(self.card.forest.list.currentIndex().row(), 0)

    # Computing

    def prepare(self, state: State) -> Callable[[], Drawn] | None:
        """The hunt over the pairs shown; the phrases of a dataset are counted once, in the worker process."""
        dataset, columns, mask = state.dataset, state.columns, state.shown
        if dataset is None or columns is None or mask is None:
            return None
        path = counts_path(dataset.fingerprint)
        if not path.exists():
            if self._counting != dataset.fingerprint and state.folder is not None:
                self._counting = dataset.fingerprint
                self.card.show_loading("Counting phrases")
                if self._count is not None:
                    self.desk.jobs.drop(self._count)  # of the dataset before
                self._count = self.desk.jobs.order(
                    "Counting phrases", "rmexplorer.workflows.hunting", "count_folder", (str(state.folder),),
                    done=lambda _: self._counted(), failed=self._not_counted, cancelled=self._cancelled)
            return None

        def work() -> Drawn:
            given = columns.take(mask)
            return Drawn(hunt_columns(given, Phrases.open(path)), given)

        return work

    def _counted(self) -> None:
        self._counting = ""
        self._dirty = True
        if self.isVisible():
            self.refresh()

    def _not_counted(self, problem: Problem) -> None:
        self._counting = ""
        self.card.show_error(problem, button="Count again", slot=self._counted)

    def _cancelled(self) -> None:
        self._counting = ""
        self.card.show_empty("Phrases were not counted.", "Count phrases", self._counted)

    # Drawing

    def draw(self, result: Drawn | None) -> None:
        """Headline, rows and what the search may do."""
        if result is None:
            return
        found, state = result.hunted.found, self.desk.state
        self._headline = found.headline(result.hunted.shown(found.pays[0]) if found.pays else "")
        self.views.disable("words", "" if state.checkpoint is not None else "Leaving words out needs a head that scores new texts")
        if state.checkpoint is None and self.views.current() == "words":
            self.views.set_current("pays")
        self.search.offer(endings(result.hunted), "" if state.checkpoint is not None else NEEDS_HEAD)
        self._show_view()

    def _show_view(self) -> None:
        if self.result is None:
            return
        view = self.views.current()
        self.words_bar.setVisible(view == "words")
        if view == "words":
            self._show_words()
            return
        hunted = self.result.hunted
        found = hunted.found
        self.header.set_headline(self._headline)
        self.header.set_method(found.method(split_of(self.desk.state)))
        effects: tuple[PhraseEffect, ...] = getattr(found, view)
        self.listed = [(hunted.shown(one), hunted.shown(one), hunted.responses(one.place)) for one in effects]
        self.card.title_label.setText(TITLES[view])
        self.card.set_subtitle(
            f"top fifth by reward of the rejected, {counted(found.top_rejected, 'response')}, against the others"
            if view == "enriched" else f"{counted(found.phrases, 'phrase')} tested · hollow: no clear effect")
        self.card.forest.axis.title = ("Log-odds with a prior, 95% CI →" if view == "enriched"
                                       else "Reward beyond length, within-prompt SD, 95% CI →")
        self._show_rows([phrase_row(one, hunted.shown(one), view == "enriched") for one in effects], self._headline,
                        f"No phrase {'is more frequent there' if view == 'enriched' else view} in these responses.")
        self.card.set_table({"phrase": [text for text, _, _ in self.listed]} | {
            name: [one.as_dict()[name] for one in effects] for name in ("kind", "n", "effect", "q", "log_odds", "in_top_rejected")}
            | {f"{name}_{end}": [(getattr(one, part).ci or [None, None])[at] for one in effects]
               for name, part in (("effect", "effect"), ("log_odds", "enrichment")) for at, end in enumerate(("low", "high"))})

    def _show_rows(self, rows: list[Any], headline: str, nothing: str) -> None:
        for button in self.row_actions.buttons:
            button.setEnabled(bool(rows))
        if not rows:
            filtered = self.desk.state.matching is not None
            self.card.show_empty(nothing, "Clear the filter" if filtered else "", lambda: self.desk.set_query(""))
            return
        context = method_line(self.desk.state.dataset.name if self.desk.state.dataset else "", self.desk.state.query)
        self.card.show_rows(rows, headline, context)
        self.mark(self.desk.state)

    def _words_changed(self) -> None:
        """Words of other pairs, or weighed in another way; a selection is the one of now."""
        self._selected = self.desk.state.selection.mask if self.words_bar.of.current() == "selection" else None
        self._show_words()

    def _show_words(self) -> None:
        state = self.desk.state
        dataset, head, folder = state.dataset, state.checkpoint, state.folder
        if dataset is None or head is None or folder is None or state.shown is None:
            return
        if self._selected is not None and len(self._selected) != len(dataset):
            self._selected = None
            self.words_bar.of.set_current("shown")
        self.words_bar.follow(state.selection.mask is not None, why_no_gradient(head))
        mask = state.shown if self._selected is None else self._selected
        method = self.words_bar.method.current()
        key = (head, method, mask.tobytes())
        if self._words is None or self._words[0] != key:
            self.card.title_label.setText("Words that pay, words that cost")
            self.card.set_subtitle(DOING[method])
            self.card.show_loading("Weighing words")
            if not self._weighing:
                self._weigh(key, dataset, mask, method)
            return
        found = self._words[1]
        effects: list[WordEffect] = [*found.pays[:12], *reversed(found.costs[:12])]
        self.listed = [(one.word, one.word, np.array(one.responses)) for one in effects]
        self.card.title_label.setText("Words that pay, words that cost")
        where = "" if self._selected is None else " of the selection"
        self.card.set_subtitle(f"{DOING[method]}, {counted(found.responses, 'response')}{found.drawn()}{where}")
        self.card.forest.axis.title = ("Reward lost without the word, 95% CI →" if method == "leave_one_out"
                                       else "Input × gradient of the word, 95% CI →")
        self.header.set_headline(found.headline())
        self.header.set_method(found.method(split_of(state) if self._selected is None else "selected"))
        self._show_rows([word_row(one) for one in effects], found.headline(), "No word stands in five responses.")
        self.card.set_table({"word": [one.word for one in effects], "mean_change": [one.change.value for one in effects],
                             "low": [one.change.low for one in effects], "high": [one.change.high for one in effects],
                             "n": [one.change.n for one in effects], "q": [one.q for one in effects]})

    def _weigh(self, key: tuple[Any, ...], dataset: Dataset, mask: np.ndarray, method: str) -> None:
        """Draw the responses in the thread of figures, then have the worker weigh their words."""
        head, folder = key[0], str(self.desk.state.folder)
        self._weighing = True
        self._jobs += 1

        def drawn_rows(found: tuple[np.ndarray, int] | None, error: Exception | None) -> None:
            if found is None or error is not None:
                self._gone()
                if isinstance(error, Problem):
                    self.error.show_problem(error)
                return
            self._jobs -= 1
            self._order("Weighing words", "words_folder", (folder, str(head_file(head)), found[0].tolist(), found[1], method),
                        lambda words: self._worded(key, words))

        self.desk.compute.ask("words", lambda: drawn(responses_to_explain(dataset, head, np.flatnonzero(mask)), method),
                              drawn_rows)

    def _worded(self, key: tuple[Any, ...], found: WordEffects) -> None:
        self._words, self._weighing = (key, found), False
        if self.views.current() == "words":
            self._show_words()

    def _order(self, title: str, function: str, arguments: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        """An order to the worker process that keeps the pane unsettled until it ends."""
        self._jobs += 1

        def ended(result: Any = None) -> None:
            self._jobs -= 1
            if result is not None:
                done(result)

        def failed(problem: Problem) -> None:
            self._gone()
            self.error.show_problem(problem)

        self.desk.jobs.order(title, "rmexplorer.workflows.hunting", function, arguments, done=ended, failed=failed,
                             cancelled=self._gone)

    def _gone(self) -> None:
        """What was asked for was cancelled or failed: phrases again."""
        self._jobs -= 1
        self._weighing = False
        if self.views.current() == "words":
            self.views.set_current("pays")
            self._show_view()

    def mark(self, state: State) -> None:
        """Mark the row whose pairs are selected."""
        self.words_bar.of.disable("selection", "" if state.selection.mask is not None else "Select pairs first.")
        names = [name for name, _, _ in self.listed]
        chosen = state.selection.origin if state.selection.mask is not None else ""
        self.card.select(names.index(chosen) if chosen in names else -1)

    # What the person does

    def _pick(self, place: int) -> None:
        dataset, mask = self.desk.state.dataset, self.desk.state.shown
        if self.views.current() == "words" and self._selected is not None:
            mask = self._selected
        if dataset is None or mask is None or not 0 <= place < len(self.listed):
            return
        name, _, responses = self.listed[place]
        there = np.isin(dataset.chosen, responses) | np.isin(dataset.rejected, responses)
        self.select_rows(np.flatnonzero(there & mask), name,
                         QGuiApplication.keyboardModifiers())

    def _copy(self) -> None:
        if self.listed:
            self._copy_text(self.listed[self.place][1])

    def _copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.desk.notice.emit(f"Copied “{text}”")

    def _keep_probe(self) -> None:
        """The phrase of the row becomes a probe of the project that appends it."""
        if not self.listed:
            return
        keep_probe(self.desk, ending_probe(self.listed[self.place][1]))

    def _search(self, own: list[str]) -> None:
        state = self.desk.state
        if self.result is None or state.checkpoint is None or state.folder is None or self._jobs:
            return
        hunted = self.result.hunted
        phrases = endings(hunted, own)
        weak = weak_responses(self.result.given)
        if not len(weak.texts) or not phrases:
            self.search.said.setText("There is no phrase to try, or no response to try it on.")
            return
        self.search.said.setText(f"Trying {counted(len(phrases), 'ending')} on {counted(len(weak.texts), 'weak response')} …")
        self._order("Trying endings", "search_folder", (
            str(state.folder), str(head_file(state.checkpoint)), weak.rows.tolist(), weak.best.tolist(), weak.searched, phrases),
            self._searched)

    def _searched(self, found: Search) -> None:
        self.search.show_search(found)

    def _fit(self) -> None:
        narrow = self.width() < px(NARROW)
        self.search.setFixedWidth(px(NARROW_SIDE if narrow else SIDE))
        self.card.forest.name_width = 130 if narrow else 220
        if self.result is not None and self.listed:
            self.card.forest.set_rows(self.card.forest.model.rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the right column to the width."""
        super().resizeEvent(event)
        self._fit()
