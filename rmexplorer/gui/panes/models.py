"""Models: which of the models that wrote the responses is better, raw and at equal style?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QApplication

from rmexplorer.analysis.ranking import ModelStrength
from rmexplorer.app.state import State
from rmexplorer.gui.hunt_cards import ForestCard
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.plots import ForestMark, ForestRow, MarkLegend
from rmexplorer.wording import DASH, between, bracket, method_line, number, style
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.models import Standing, names_models, standing

FORMULA = (
    "Strengths are those of a Bradley–Terry model over all comparisons between named models, ties and identical outputs as half, in "
    "Elo points (400 / ln 10 a unit of log-odds), mean 0. At equal style the differences in characters, list items, headings "
    "and bold spans, each divided by their sum and standardised, stand beside the models in the regression. Intervals are "
    "cluster-robust by prompt. A rank is 1 + the number of models whose whole interval lies above. With two "
    "models: the win rate, and at equal length that of a logistic "
    "regression on tanh(Δ characters / SD) read off at Δ = 0; none where one is longer in more than 75% of the pairs. "
    "The labels are taken as they are: nothing here depends on a reward model."
)
ELO, PERCENT = "Strength in Elo points, 95% CI →", "Win rate in percent, 95% CI →"


@pane
class ModelsPane(Pane):
    """Strengths raw and at equal style, and what style is worth."""

    name = "models"
    title = "Models"
    question = "Which model is better, at equal style?"
    icon = "trophy"
    group = "Inspect"
    order = 6
    reads = frozenset({"dataset", "matching"})
    remedy = ("Open a file", "open_dataset")

    def build(self) -> None:
        """The models above, what style is worth below."""
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --json")
        self.models = ForestCard("Models", ELO, name_width=200, right_width=140, row_height=30)
        self.models.set_legend(MarkLegend((("people", "raw"), ("model", "controlled"))))
        self.models.chosen.connect(self._select)
        self.styles = ForestCard("What style is worth", "Log-odds of winning for one SD more, 95% CI →", name_width=200, right_width=120)
        self.styles.forest.list.setToolTip("All features at once, beside the models")
        self.body.addWidget(self.models, 3)
        self.body.addWidget(self.styles, 2)
        self.names: list[str] = []

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs the names of models."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if names_models(state.dataset) else "This file does not say which models wrote its responses."

    def prepare(self, state: State) -> Callable[[], Any] | None:
        """Everything over the pairs that pass the filter, ties included."""
        dataset, mask = state.dataset, state.matching
        return None if dataset is None else lambda: standing(columns(dataset, mask=mask))

    def draw(self, result: Standing | None) -> None:
        """Headline, models and style."""
        if result is None:
            return
        self.set_finding(result)
        state, ranked = self.desk.state, result.ranking
        context = method_line(state.dataset.name if state.dataset else "", f"filter {state.query}" if state.query else "")
        style_rows = [] if ranked is None else [
            ForestRow(style(name)[:1].upper() + style(name)[1:], marks=(ForestMark.of(worth),), right=_interval(worth.value, worth.ci))
            for name, worth in ranked.style
        ]
        if ranked is not None and ranked.models:
            self._show_models([(one.name, strength_row(one)) for one in ranked.models], ELO, 0.0, "rank, raw rank, n", context)
        elif result.rates:
            rows = [(name, rate_row(name, rate)) for name, rate in result.rates.items()]
            self._show_models(rows, PERCENT, 50.0, "at equal length, n", context)
        else:
            self.names = []
            self.models.show_empty("No comparison here is between two named models.")
        self.models.setToolTip("\n".join(result.warnings))
        if style_rows:
            self.styles.show_rows(style_rows, "What one standard deviation more of each style is worth.", context)
            self.styles.set_table({"style": [row.name for row in style_rows], "value": [row.marks[0].value for row in style_rows],
                                   "low": [row.marks[0].low for row in style_rows], "high": [row.marks[0].high for row in style_rows]})
        else:
            self.styles.show_empty("It takes three models that are compared with one another to tell style from model.")

    def _show_models(self, rows: list[tuple[str, ForestRow]], axis: str, reference: float, right: str, context: str) -> None:
        self.names = [name for name, _ in rows]
        forest, shown = self.models.forest, [row for _, row in rows]
        forest.axis.title, forest.shape.reference = axis, reference
        forest.shape.kind = "signed" if axis == ELO else "number"
        self.models.set_subtitle(right)
        self.models.show_rows(shown, self._headline, context)
        if axis == PERCENT:
            ends = [end for row in shown for mark in row.marks for end in (mark.low, mark.high) if end == end] + [reference]
            forest.set_rows(shown, max(min(ends) - 5.0, 0.0), min(max(ends) + 5.0, 100.0))
        marks = [[row.marks[at] if at < len(row.marks) else None for row in shown] for at in (0, 1)]
        self.models.set_table({"model": self.names, **{
            f"{side}_{part}": [getattr(mark, part) if mark else None for mark in some]
            for side, some in zip(("raw", "controlled"), marks, strict=True) for part in ("value", "low", "high")}})

    def _select(self, place: int) -> None:
        """Select the pairs that the model of a row is in."""
        if self.result is not None and 0 <= place < len(self.names):
            name = self.names[place]
            self.select_rows(self.result.pairs_of(name), name, QApplication.keyboardModifiers())


def strength_row(one: ModelStrength) -> ForestRow:
    """A model of the ranking: raw and controlled strength, both ranks, comparisons."""
    marks = (ForestMark.of(one.raw, "people"), ForestMark.of(one.controlled))
    moved = "" if not one.change else f" ({'up' if one.change > 0 else 'down'} {abs(one.change)})"
    tip = (f"At equal style {_interval(one.controlled.value, one.controlled.ci, 0)}, rank {one.rank_controlled}{moved}\n"
           f"Raw {_interval(one.raw.value, one.raw.ci, 0)}, rank {one.rank_raw}\nn = {one.n:,}. Click to select its pairs")
    rank = DASH if one.controlled.value is None else one.rank_controlled
    return ForestRow(one.name, marks=marks, right=f"{rank}\t{one.rank_raw}\t{one.n:,}",
                     right_strong=bool(one.change), tip=tip)


def rate_row(name: str, rate: dict[str, Any]) -> ForestRow:
    """A model with its win rate against another: raw, and at equal length where that can be said."""
    low, high = rate["ci"] or (float("nan"), float("nan"))
    marks = [ForestMark(rate["win_rate"], low, high, "people")]
    equal = rate["length_controlled"]
    if equal is not None:
        low, high = rate["length_controlled_ci"] or (float("nan"), float("nan"))
        marks.append(ForestMark(equal, low, high))
    ties = "" if rate["decided"] else ", ties alone,"
    return ForestRow(name, marks=tuple(marks), right=f"{'–' if equal is None else number(equal, 1)}\t{rate['n']:,}",
                     tip=f"{number(rate['win_rate'], 1)}%{ties} against {rate['against']}. Click to select its pairs")


def _interval(value: float | None, ci: list[float] | None, digits: int = 2) -> str:
    return number(value, digits, signed=True) + (f" {bracket(between(ci[0], ci[1], digits))}" if ci else "")
