"""Length & style: does the reward follow length?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtWidgets import QApplication, QHBoxLayout

from rmexplorer.analysis.length_style import LengthStyle, length_groups
from rmexplorer.analysis.style_effects import where_it_differs
from rmexplorer.app.state import State
from rmexplorer.gui.feature_form import FeatureForm
from rmexplorer.gui.length_cards import LengthAccuracyCard, Spot, StyleCard, spots
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.reward_length import RewardLengthCard
from rmexplorer.gui.scatter import Scatter
from rmexplorer.gui.scope import ScopeSwitch, no_pairs, split_of
from rmexplorer.gui.theme import px
from rmexplorer.problem import Problem
from rmexplorer.wording import method_line, style
from rmexplorer.workflows.columns import STYLE_PAIRS, Columns, run

FORMULA = (
    "Longer means more characters; accuracy is the share of pairs with r chosen > r rejected, ties count half. The length-only rule is "
    "a logistic model of the label on Δ log characters. The trend is least squares of the reward on log2 words over distinct "
    "responses, with an interval by bootstrap over prompts. Similar length: |Δ log characters| < 0.1. Style at equal length is a "
    "logistic regression, for each feature, of the label (people) or of σ(margin) (model) on the difference in the feature, in "
    "within-prompt SD, beside the difference in log characters; intervals are cluster-robust by prompt, q-values "
    "Benjamini–Hochberg's over features. An effect is an association: it does not say that the feature makes a response win."
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


def differing(given: Columns, feature: str) -> np.ndarray:
    """(all pairs,) bool: those of the measured pairs that differ (most) in a style feature."""
    measured = given.sample(STYLE_PAIRS)
    column = list(measured["style_names"]).index(feature)
    difference = measured["style_chosen"][:, column] - measured["style_rejected"][:, column]
    mask = np.zeros(len(given.dataset), bool)
    mask[measured.rows[where_it_differs(difference)]] = True
    return mask


@pane
class LengthStylePane(Pane):
    """Reward against length, accuracy by length difference, and style at equal length."""

    name = "length_style"
    title = "Length & style"
    question = "Does the reward follow length?"
    icon = "ruler"
    group = "Inspect"
    order = 3
    remedy = ("Train a head", "train_or_pause")
    reads = Pane.reads | {"columns"}

    def build(self) -> None:
        """The scatter above, two cards below."""
        self.scope = ScopeSwitch(self.desk)
        self.header.add_action(self.scope)
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model MODEL --json")
        self.lengths = RewardLengthCard(self.desk)
        self.lengths.setMinimumHeight(px(220))
        self.body.addWidget(self.lengths, 19)
        row = QHBoxLayout()
        row.setSpacing(px(12))
        self.styles = StyleCard()
        self.styles.chosen.connect(self._select_feature)
        self.styles.adding.connect(self._ask_feature)
        self.form: FeatureForm | None = None
        self.accuracies = LengthAccuracyCard()
        self.accuracies.chosen.connect(self._select_group)
        for card, stretch in ((self.styles, 13), (self.accuracies, 10)):
            card.setMinimumHeight(px(188))
            row.addWidget(card, stretch)
        self.body.addLayout(row, 10)
        self._styling = False

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
            for card in (self.lengths, self.styles, self.accuracies):
                card.show_loading()
        return lambda: drawn(columns, shown)

    def _show(self, result: Any, error: Exception | None) -> None:
        if error is not None:
            self._styling = False
            for card in (self.lengths, self.styles, self.accuracies):
                card.show_ready()
        super()._show(result, error)

    @property
    def settled(self) -> bool:
        """Whether everything is drawn and nothing is computed, style and images of counts too."""
        return super().settled and not self._styling and not self.lengths.pending

    def _ask_style(self, given: Columns) -> None:
        self._styling = True
        self.styles.show_loading("Measuring style")
        self.desk.compute.ask(
            "style_effects", lambda: run("style_effects", given), lambda found, error: self._show_style(given, found, error)
        )

    def _show_style(self, given: Columns, found: Any, error: Exception | None) -> None:
        if self.result is None or self.result.given is not given:
            return
        self._styling = False
        if error is not None:
            problem = error if isinstance(error, Problem) else Problem(
                f"Style could not be measured ({type(error).__name__}: {error})", "copy the details and report it"
            )
            self.styles.show_error(problem)
            return
        self.styles.show_effects(found, self._context(), tuple(feature.name for feature in given.own))

    # Drawing

    def draw(self, result: Drawn | None) -> None:
        """Headline and cards."""
        if result is None:
            return
        state, found = self.desk.state, result.found
        self.set_finding(found, split_of(state))
        cards = (self.lengths, self.styles, self.accuracies)
        if not found.pairs:
            filtered = state.matching is not None
            sentence = "No pair passes the filter here." if filtered else no_pairs(state)
            for card in cards:
                card.show_empty(sentence, "Clear the filter" if filtered else "", lambda: self.desk.set_query(""))
            return
        context = self._context()
        self.lengths.show_scatter(result.scatter, context)
        self.accuracies.show_groups(found, result.spots, context)
        self.lengths.show_ready()
        self.accuracies.show_ready()
        self._ask_style(result.given)

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
        if self.result is None:
            return
        given = self.result.given
        self.styles.select(feature)

        def select(mask: np.ndarray | None, error: Exception | None) -> None:
            if mask is not None and error is None and self.desk.state.dataset is given.dataset:
                self.desk.select(mask, "replace", f"{style(feature)} differ")

        self.desk.compute.ask("pairs that differ in style", lambda: differing(given, feature), select)
