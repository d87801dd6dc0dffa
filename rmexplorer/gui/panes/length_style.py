"""Length & style: does the reward follow length?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QWidget

from rmexplorer.analysis.feature_table import FeatureTable
from rmexplorer.analysis.length_style import LengthStyle, length_groups
from rmexplorer.analysis.style_effects import StyleEffects
from rmexplorer.app.state import State
from rmexplorer.gui.card_work import CardWork
from rmexplorer.gui.feature_card import FeatureTableCard
from rmexplorer.gui.feature_form import FeatureForm
from rmexplorer.gui.length_cards import LengthAccuracyCard, Spot, StyleCard, spots
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.reward_length import FEATURE, RewardLengthCard
from rmexplorer.gui.scatter import Scatter, drawn_feature
from rmexplorer.gui.scope import ScopeSwitch, no_pairs, split_of
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Segmented
from rmexplorer.job import Job
from rmexplorer.problem import Problem
from rmexplorer.wording import method_line, style
from rmexplorer.workflows.columns import SAMPLES, Columns, run
from rmexplorer.workflows.style import Measured, features_of, measure_effects, measure_table, pairs_that_differ

LEAST_SCATTER, LEAST_SMALL = 280, 210  # px
LOW = 740  # px of pane from which all cards stand below one another
BESIDE = 860  # px of a low pane from which the small cards stand beside the scatter
FORMULA = (
    "Longer means more characters; accuracy is the share of pairs with r chosen > r rejected, ties count half. The length-only rule is "
    "a logistic model of the label on Δ log characters. The trend is least squares of the reward on log2 words over distinct "
    "responses, with an interval by bootstrap over prompts; dashed, that of margins on differences within prompts. For other features "
    "both are for 1 within-prompt SD more, the dashed one beside the difference in log characters. Similar length: |Δ log characters| "
    "< 0.1. Style at equal length is a logistic regression, for each feature, of the label or of σ(margin) (model) on the "
    "difference in the feature, in within-prompt SD, beside the difference in log characters; intervals are cluster-robust by prompt, "
    "q-values Benjamini–Hochberg's over features. All features: the mean paired difference in within-prompt SD, q by exact McNemar, or "
    "for the mean of subsets (20 pairs of 5 prompts or more, each counted alike) by Student's t over prompts. An effect is an "
    "association: it does not say that the feature makes a response win."
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A result with what its cards draw; made in the thread of figures."""

    given: Columns
    found: LengthStyle
    scatter: Scatter
    spots: list[Spot]


def drawn(columns: Columns, shown: np.ndarray) -> Drawn:
    """Compute all but the style effects over the pairs of a mask (pairs,)."""
    given = columns.take(shown)
    found: LengthStyle = run("length_style", given)
    return Drawn(given, found, Scatter.of(given, found), spots(found, length_groups(given["length_gap"])))


def parted(given: Columns, subset: str) -> Job[tuple[Measured, FeatureTable]]:
    """Job: the table of features of a subset, '' for all of these pairs."""
    return (yield from measure_table(given.take(given["subset"] == subset) if subset else given))


@pane
class LengthStylePane(Pane):
    """Reward against length or any feature, accuracy by length difference, style at equal length; and a table of all features."""

    name = "length_style"
    title = "Length & style"
    question = "Does the reward follow length?"
    icon = "ruler"
    group = "Inspect"
    order = 3
    remedy = ("Train a head", "train_or_pause")
    reads = Pane.reads | {"columns"}
    also_asks = ("style", "table of features", "reward by feature")

    def build(self) -> None:
        """The scatter and two small cards; or the table in their place."""
        self.scope = ScopeSwitch(self.desk)
        self.switch = Segmented((("plots", "Plots"), ("style", "Style"), ("table", "All features")), "plots", "What is shown")
        self.switch.offer("style", False)
        self.switch.changed.connect(self._show_page)
        self.header.add_action(self.switch)
        self.header.add_action(self.scope)
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model MODEL --style --json")
        self.feature = FEATURE
        self.lengths = RewardLengthCard(self.desk)
        self.lengths.setMinimumHeight(px(LEAST_SCATTER))
        self.lengths.wanted.connect(self.draw_feature)
        self.styles = StyleCard()
        self.styles.chosen.connect(self._select_feature)
        self.styles.adding.connect(self._ask_feature)
        self.form: FeatureForm | None = None
        self.accuracies = LengthAccuracyCard()
        self.accuracies.chosen.connect(self._select_group)
        self.table = FeatureTableCard()
        self.table.chosen.connect(self._open_feature)
        self.table.part.connect(lambda _: self._ask_table())
        self.table.turned.connect(self._tell)
        self.plots, self.small = QWidget(), QWidget()
        self.column = QBoxLayout(QBoxLayout.Direction.TopToBottom, self.plots)
        self.row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self.small)
        for layout in (self.column, self.row):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(px(12))
        self.column.addWidget(self.lengths, 19)
        self.column.addWidget(self.small, 10)
        for card, stretch in ((self.styles, 13), (self.accuracies, 10)):
            card.setMinimumHeight(px(LEAST_SMALL))
            self.row.addWidget(card, stretch)
        self.body.addWidget(self.plots, 1)
        self.body.addWidget(self.table, 1)
        self.table.hide()
        cards = (self.styles, self.table, self.lengths)
        titles = ("Measuring style", "Measuring features", "Measuring the feature")
        self._works = self._styling, self._tabling, self._drawing = tuple(
            CardWork(self.desk, *one) for one in zip(cards, self.also_asks, titles, strict=True))
        self._usable: Columns | None = None  # the pairs of the result, with the features that can be measured
        self._tabled: tuple[Columns, Columns] | None = None  # the pairs of the result and those of the table
        self._dataset: object = None

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs rewards."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if state.rewards is not None else "Length & style needs rewards. Train a head, or load a file with scores."

    # Computing

    def prepare(self, state: State) -> Callable[[], Any] | None:
        """Everything over the pairs in the scope that pass the filter; style comes after it, apart."""
        columns, shown = state.columns, state.shown
        if columns is None or shown is None or state.rewards is None:
            return None
        self.scope.follow(state)
        if self.result is None:
            for card in (self.lengths, self.styles, self.accuracies, self.table):
                card.show_loading()
        return lambda: drawn(columns, shown)

    def _show(self, result: Any, error: Exception | None) -> None:
        if error is not None:
            for work in self._works:
                work.drop()
            for card in (self.lengths, self.styles, self.accuracies, self.table):
                card.show_ready()
        super()._show(result, error)

    @property
    def settled(self) -> bool:
        """Whether everything is drawn and nothing is computed or measured, images of counts too."""
        return super().settled and not any(work.pending for work in self._works) and not self.lengths.pending

    def _ask_style(self, given: Columns) -> None:
        def show(found: tuple[Measured, StyleEffects]) -> None:
            ready, effects = found
            self._usable = ready.given
            self.styles.show_effects(effects, self._context(), tuple(feature.name for feature in ready.given.own))
            if ready.failed:
                self.styles.show_error(_named(ready.failed))
            self._offer(ready.given)

        self._styling.ask(lambda: measure_effects(given), show)

    def _ask_table(self) -> None:
        if self.result is None or not self.result.found.pairs:
            return
        given, subset = self.result.given, self.table.subset
        self._tabled = given, given
        if not self.table.isHidden():  # the sentence in sight is of other pairs now
            self.header.set_headline("" if self.table.found is None else self._headline, stale=True)
            self.header.set_method("")
        self.table.found = None

        def show(found: tuple[Measured, FeatureTable]) -> None:
            self._tabled = given, found[0].given
            self.table.show_features(found[1], self._context())
            self._tell()
            if found[0].failed:
                self.table.show_error(_named(found[0].failed))

        self._tabling.ask(lambda: parted(given, subset), show)

    def draw_feature(self, name: str) -> None:
        """Draw the reward against a feature: that by words is there, others are measured first."""
        self.feature = name
        if self.result is None or not self.result.found.pairs:
            return
        given = self.result.given
        self.lengths.offer(features_of(given), name)
        if name == FEATURE:
            self._drawing.drop()
            self._draw_scatter(self.result.scatter)
        else:
            self._drawing.ask(lambda: drawn_feature(given, name), self._draw_scatter)

    def _draw_scatter(self, scatter: Scatter) -> None:
        self.lengths.show_scatter(scatter, self._context())
        self.lengths.mark(self.desk.state)

    def _offer(self, given: Columns) -> None:
        names = features_of(given)
        if self.feature not in names:
            self.draw_feature(FEATURE)
        self.lengths.offer(names, self.feature)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low pane has the small cards beside the scatter, a narrow one on a page of their own."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """All three below one another; beside one another; or apart, so that the scatter keeps its height."""
        low = self.height() < px(LOW)
        apart = low and self.width() < px(BESIDE)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self.column.setDirection(across if low and not apart else down)
        self.row.setDirection(down if low else across)
        self.switch.offer("style", apart)
        if not apart and self.switch.current() == "style":
            self.switch.set_current("plots")
        page = self.switch.current()
        self.lengths.setVisible(page != "style")
        self.small.setVisible(page == "style" or not apart)
        self.plots.setVisible(page != "table")
        self.table.setVisible(page == "table")

    def _show_page(self, page: str) -> None:
        self._arrange()
        if page == "table" and self.result is not None and (self._tabled is None or self._tabled[0] is not self.result.given):
            self._ask_table()
        else:
            self._tell()

    def _tell(self) -> None:
        """Headline and method of the page that is in sight."""
        if self.result is None:
            return
        found, split = self.table.found, split_of(self.desk.state)
        if self.table.isHidden():
            self.set_finding(self.result.found, split)
            return
        self._headline = "" if found is None else found.headline(self.table.even)
        self.header.set_headline(self._headline)
        self.header.set_method("" if found is None else found.method(split, self.table.even))

    # Drawing

    def draw(self, result: Drawn | None) -> None:
        """Headline and cards."""
        if result is None:
            return
        state, found = self.desk.state, result.found
        if self.table.isHidden() or not found.pairs:
            self.set_finding(found, split_of(state))
        cards = (self.lengths, self.styles, self.accuracies, self.table)
        if self._dataset is not state.dataset:
            self._dataset = state.dataset
            self.table.forget_part()
        if not found.pairs:
            filtered = state.matching is not None
            sentence = "No pair passes the filter here." if filtered else no_pairs(state)
            for work in self._works:
                work.drop()
            for card in cards:
                card.show_empty(sentence, "Clear the filter" if filtered else "", lambda: self.desk.set_query(""))
            return
        context = self._context()
        names = features_of(result.given)
        self.draw_feature(self.feature if self.feature in names else FEATURE)
        self.accuracies.show_groups(found, result.spots, context)
        self.accuracies.show_ready()
        self._ask_style(result.given)
        if not self.table.isHidden():
            self._ask_table()

    def _context(self) -> str:
        state = self.desk.state
        return method_line(
            state.dataset.name if state.dataset else "", state.rewards.name if state.rewards else "",
            f"filter {state.query}" if state.query else "",
        )

    def mark(self, state: State) -> None:
        """Selection and the pair in the inspector."""
        self.scope.follow(state)
        if self.result is None or not self.result.found.pairs:
            return
        self.lengths.mark(state)
        mask, rows = state.selection.mask, self.result.given.rows
        whole = mask is not None and np.count_nonzero(mask) == np.count_nonzero(mask[rows])
        self.accuracies.mark(mask[rows] if mask is not None and whole else None)

    def _ask_feature(self) -> None:
        self.form = FeatureForm(self.desk.own_features(), self.styles.rare, self)
        self.form.changed.connect(self.desk.measure_own)
        self.form.show_under(self.styles.tool_add)

    # Selecting

    def _select_group(self, rows: np.ndarray, name: str) -> None:
        if self.result is not None:
            self.select_rows(self.result.given.rows[rows], name, QApplication.keyboardModifiers())

    def _select_feature(self, feature: str) -> None:
        """Select the pairs whose responses differ in a feature; measured in the thread of figures."""
        self.styles.select(feature)
        if self._usable is not None:
            self._select_differing(self._usable, feature, "style_effects", None)

    def _open_feature(self, feature: str) -> None:
        """Select the pairs that differ in the feature of a row of the table, and open its example."""
        found = self.table.found
        row = next((one for one in found.rows if one.name == feature), None) if found is not None else None
        if row is None or self._tabled is None:
            return
        at = row.wrong_example if self.table.list.sort[0] == "errors" and row.wrong_example is not None else row.example
        self._select_differing(self._tabled[1], feature, "feature_table", at)

    def _select_differing(self, given: Columns, feature: str, analysis: str, example: int | None) -> None:
        def found() -> tuple[np.ndarray, int | None]:
            mask = pairs_that_differ(given, feature, analysis)
            return mask, None if example is None else int(given.sample(SAMPLES[analysis]).rows[example])

        def select(answer: tuple[np.ndarray, int | None] | None, error: Exception | None) -> None:
            if answer is None or error is not None or self.desk.state.dataset is not given.dataset:
                return
            self.desk.select(answer[0], "replace", f"{style(feature)} differ")
            if answer[1] is not None:
                self.desk.look_at(answer[1])

        self.desk.compute.ask("pairs that differ in style", found, select)


def _named(failed: tuple[Problem, ...]) -> Problem:
    """One sentence for a person's own features that cannot be measured; the others are shown."""
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return Problem(failed[0].what + more, failed[0].remedy)
