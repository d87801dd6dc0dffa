"""Calibration: can the probabilities of the model be taken at face value?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from rmexplorer import wording
from rmexplorer.analysis.calibration import (
    Bins,
    Calibration,
    Scores,
    SubsetCalibration,
    confidence_counts,
    fit_temperature,
    length_of_pick,
    reliability,
)
from rmexplorer.app.state import Brush, State
from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.plots import ForestMark, ForestPlot, ForestRow
from rmexplorer.gui.reliability import ReliabilityCard
from rmexplorer.gui.scope import no_pairs, split_of
from rmexplorer.gui.score_table import ScoreRow, ScoreTable
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Card, Segmented
from rmexplorer.statistics import Estimate, sigmoid
from rmexplorer.wording import DASH, bracket, counted, number
from rmexplorer.workflows.analyze import calibration_of
from rmexplorer.workflows.columns import Columns, run

TRIVIAL = ("length", "style")  # baselines that stand beside the accuracy
STATES = (("trained", "As trained"), ("scaled", "After scaling"))
FEW_IN_SOURCE = 20
FEW_SELECTED = 30
LONG_NAME = 15  # letters of a source, beyond which its axis is too short for words
NAMES, NARROW_NAMES = 90, 68  # px: least width of the names of sources
ROW, HIGH_ROW, LOW = 33, 44, 680  # px: height of a source's row, lower where the pane is
SIDE, NARROW_SIDE, NARROW = 318, 250, 740  # px: the right column, also where the pane is narrower than that
AT_ONCE = 50_000  # pairs whose selection is marked within a frame; more are counted in the thread of figures
FORMULA = (
    "Which response is first is arbitrary, so the curve is folded: the confidence of a pair is c = σ(|d|) ≥ 50%, d the margin, and the "
    "model is right where the label prefers the response with the higher reward; equal rewards count as half. Bins hold equally many "
    "pairs. Calibration error = Σ share of pairs in a bin · |mean c − share right|. It is never 0 by chance: the level given is the "
    "95% point among draws in which every pair comes out right with probability c. Log loss = mean log(1 + e^−d), Brier score = mean "
    "(1 − σ(d))². "
    "The temperature T minimises the log loss of d / T on the validation slice of the training prompts, never on pairs shown here; "
    "rewards after scaling are r / T, and all other panes show those."
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A result with the rows of its pairs. margin (pairs,): as the rewards are shown, after scaling for a head.

    subset (pairs,): source of each pair, or where the file names none (`sourced` False) the length of the model's pick.
    """

    found: Calibration
    rows: np.ndarray
    margin: np.ndarray
    subset: np.ndarray
    sourced: bool
    temperature: float | None
    fitted: float
    unscored: int
    nothing: str
    accuracy: Estimate


@dataclass(frozen=True, eq=False)
class Part:
    """What a selection is among the pairs shown: whole bins, or the curve of its own; and its counts."""

    counts: np.ndarray | None = None
    bins: tuple[int, ...] = ()
    curve: Bins | None = None


def drawn(columns: Columns, mask: np.ndarray, temperature: float | None, nothing: str) -> Drawn:
    """The calibration of the pairs of `mask` (pairs,); `temperature` is that of the head, None for scores of a file."""
    given = columns.take(mask)
    margin, subset = given["margin"], given["subset"]
    sourced = bool(np.any(subset != ""))
    subset = subset if sourced else length_of_pick(margin, given["length_gap"])
    fitted = fit_temperature(margin) if temperature is None else temperature
    found = calibration_of(given, temperature, subset=subset)
    accuracy = run("accuracy", given).accuracy
    return Drawn(found, given.rows, margin, subset, sourced, temperature, fitted, columns.unscored, nothing, accuracy)


def part_of(chosen: np.ndarray, margin: np.ndarray, scores: Scores) -> Part:
    """What the chosen pairs (pairs,) bool are among those of `scores` with margins (pairs,)."""
    count = int(np.count_nonzero(chosen))
    if not count:
        return Part()
    inside = np.bincount(scores.bin_of[chosen], minlength=len(scores.bins))
    whole = np.flatnonzero(inside == scores.bins.n)
    counts = confidence_counts(margin[chosen])
    if int(inside[whole].sum()) == count:
        return Part(counts, tuple(whole.tolist()))
    return Part(counts, (), reliability(margin[chosen])[0] if count >= FEW_SELECTED else None)


@pane
class CalibrationPane(Pane):
    """The reliability curve with counts, scores before and after scaling, and the error of each source."""

    name = "calibration"
    title = "Calibration"
    question = "Can its probabilities be taken at face value?"
    icon = "target"
    group = "Inspect"
    order = 2
    remedy = ("Train a head", "train_or_pause")
    result: Drawn | None

    def build(self) -> None:
        """The big card at the left, scores and sources at the right."""
        kept = (self.desk.project.view().get("calibration") or {}).get("state")
        self.states = Segmented(STATES, kept if kept in dict(STATES) else "scaled", "Probabilities")
        self.states.changed.connect(self._state_chosen)
        self.header.add_action(self.states)
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model MODEL --json")
        row = QHBoxLayout()
        row.setSpacing(themes.metrics.card_gap)
        self.reliability = ReliabilityCard()
        self.reliability.picked.connect(self._pick)
        row.addWidget(self.reliability, 1)
        column = QVBoxLayout()
        column.setSpacing(themes.metrics.card_gap)
        self.scores_card = Card("Scores")
        self.scores_card.add_tool("copy", "Copy scores", self._copy_scores)
        self.scores = ScoreTable()
        self.scores_card.add(self.scores)
        self.scores_card.body.addStretch(1)
        column.addWidget(self.scores_card)
        self.sources_card = Card("By source", "grey: what chance gives")
        self.sources = ForestPlot("Calibration error by source", 0.0, 0.1, title="Calibration error →", name_width=NAMES,
                                  right_width=46, row_height=33, kind="number")
        self.sources.list.clicked.connect(lambda index: self._pick_source(index.row()))
        self.sources.rowActivated.connect(self._pick_source)
        self.sources_card.add(self.sources, 1)
        column.addWidget(self.sources_card, 1)
        row.addLayout(column)
        self.body.addLayout(row, 1)
        self.narrow = self.low = False
        self._marked: np.ndarray | None = None
        self._fit()

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs rewards."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if state.rewards is not None else "Calibration needs rewards. Train a head, or load a file with scores."

    def prepare(self, state: State) -> Callable[[], Drawn] | None:
        """The calibration of the pairs in the scope that pass the filter."""
        columns, mask, rewards = state.columns, state.shown, state.rewards
        if columns is None or mask is None or rewards is None:
            return None
        temperature = rewards.temperature if rewards.source == "model" else None
        nothing = no_pairs(state) if state.matching is None else "No pair here passes the filter."
        return lambda: drawn(columns, mask, temperature, nothing)

    @property
    def shown(self) -> Scores | None:
        """The scores of the state that the switch names."""
        if self.result is None:
            return None
        found = self.result.found
        return found.trained if self.states.current() == "trained" else found.stated

    def margins(self) -> np.ndarray:
        """(pairs,) margins of the pairs shown, in the state that the switch names."""
        assert self.result is not None
        before = self.result.temperature is not None and self.states.current() == "trained"
        return self.result.margin * self.result.temperature if before else self.result.margin

    # Drawing

    def draw(self, result: Drawn | None) -> None:
        """Headline, curve, scores and sources."""
        scores = self.shown
        if result is None or scores is None:
            return
        found, state = result.found, self.desk.state
        self.states.setVisible(found.scaled is not None)
        self._headline = found.headline(scores)
        self.header.set_headline(self._headline)
        left_out = f"{counted(result.unscored, 'pair')} without a score left out" if result.unscored else ""
        method = wording.method_line(wording.baselines(self._judged(), *TRIVIAL), found.method(split_of(self.desk.state), scores), left_out)
        self.header.set_method(method)
        name = state.dataset.name if state.dataset is not None else ""
        model = state.rewards.name if state.rewards is not None else ""
        scaled = f"after scaling by temperature {number(scores.temperature)}" if scores is found.scaled else ""
        context = wording.method_line(name, model, state.query, wording.pairs_of(found.n, split_of(self.desk.state)), scaled)
        self.reliability.describe(self._headline, context)
        other = None
        if found.scaled is not None:
            other = (found.scaled, "after scaling") if scores is found.trained else (found.trained, "as trained")
        self.reliability.show_scores(found, scores, other)
        if found.n:
            self.reliability.show_ready()
        else:
            self.reliability.show_empty(result.nothing, "Clear the filter" if state.matching is not None else "",
                                        lambda: self.desk.set_query(""))
        self._show_scores(result, scores)
        self._show_sources(scores.subsets)

    def _judged(self) -> Mapping[str, Any]:
        """The metrics of the head, with its baselines, where the pairs shown are those that they were measured on."""
        state = self.desk.state
        here = state.scope == "heldout" and state.matching is None
        return state.rewards.metrics if here and state.rewards is not None else {}

    def _show_scores(self, result: Drawn, scores: Scores) -> None:
        found = result.found
        self.scores_card.set_subtitle(wording.pairs_of(found.n, split_of(self.desk.state)))
        states = [found.trained] + ([found.scaled] if found.scaled is not None else [])
        names = [text for _, text in STATES] if found.scaled is not None else ["As in the file"]
        rows = [
            ScoreRow("Calibration error", "chance gives",
                     tuple((number(one.ece, 3), _up_to(one)) for one in states), tuple(one.beyond_chance for one in states)),
            ScoreRow("Log loss", "coin flip: 0.693", tuple(_cell(one.nll) for one in states)),
            ScoreRow("Brier score", "coin flip: 0.250", tuple(_cell(one.brier) for one in states)),
        ]
        if found.n:
            rules = self._judged().get("baselines") or {}
            notes = [f"{name} alone: {number(rules[name])}" for name in TRIVIAL if rules.get(name) is not None]
            note = "\n".join(notes[:1] if self.low else notes)
            rows.append(ScoreRow("Accuracy", note or "coin flip: 0.500", (_cell(result.accuracy),) * len(states)))
        if found.scaled is not None:
            note = "" if self.low else "above 1: too sure"
            rows.append(ScoreRow("Temperature", note, tuple((number(one.temperature), "") for one in states)))
        elif found.n:
            rows.append(ScoreRow("Temperature that fits", "fitted on the pairs shown, so\noptimistic; applied to nothing",
                                 ((number(result.fitted), ""),), wide=True))
        at = states.index(scores)
        if self.narrow:  # the switch says which state is shown
            names, rows, at = names[at : at + 1], [row.only(at) for row in rows], 0
        self.scores.set_rows(names, rows, at, dense=self.low)

    def _show_sources(self, subsets: tuple[SubsetCalibration, ...]) -> None:
        assert self.result is not None
        self.sources_card.set_title("By source" if self.result.sourced else "By length")
        chance = "grey: what chance gives"
        self.sources_card.set_subtitle(chance if self.result.sourced else "the file names no source; grey: chance")
        if not subsets:
            self.sources_card.show_empty("No pairs here.")
            self.sources.set_rows([])
            return
        self.sources_card.show_ready()
        self.sources.name_width = NARROW_NAMES if self.narrow else NAMES
        self.sources.delegate.row_height = ROW if self.low else HIGH_ROW
        enough = [part for part in subsets if part.n >= FEW_IN_SOURCE] or subsets  # a tiny one does not set the scale
        most = max(max(part.ece, part.ece_null95) for part in enough)
        tight = self.narrow or max(len(part.name) for part in subsets) > LONG_NAME
        self.sources.set_rows([source_row(part, tight) for part in subsets], 0.0, max(most * 1.08, 0.05))
        self._marked = None
        self.sources.select(-1)

    def _fit(self) -> None:
        """A narrow pane leaves the plot its room: the scores of one state beside it."""
        width = px(NARROW_SIDE if self.narrow else SIDE)
        for card in (self.scores_card, self.sources_card):
            card.setFixedWidth(width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit both columns to the width."""
        super().resizeEvent(event)
        narrow, low = self.width() < px(NARROW), self.height() < px(LOW)
        if (narrow, low) != (self.narrow, self.low):
            self.narrow, self.low = narrow, low
            self._fit()
            if self.result is not None and self.shown is not None:
                self._show_scores(self.result, self.shown)
                self._show_sources(self.shown.subsets)

    def mark(self, state: State) -> None:
        """Ring the selected bins, or draw the curve of the selected pairs; mark the pair in the inspector."""
        result, scores = self.result, self.shown
        if result is None or scores is None or not result.found.n:
            return
        self._mark_focus(state, result)
        if state.selection.mask is not self._marked:
            self._marked = state.selection.mask
            self._mark_source(state.selection.mask, result, scores)
        mask, margin = state.selection.mask, self.margins()
        if mask is None:
            self._show_part(Part())
        elif result.found.n <= AT_ONCE:
            self._show_part(part_of(mask[result.rows], margin, scores))
        else:
            self.desk.compute.ask("calibration selection", lambda: part_of(mask[result.rows], margin, scores),
                                  lambda part, error: self._show_part(part or Part()))

    def _mark_focus(self, state: State, result: Drawn) -> None:
        place = -1 if state.focus is None else int(np.searchsorted(result.rows, state.focus))
        there = 0 <= place < len(result.rows) and result.rows[place] == state.focus
        confidence = float(sigmoid(np.abs(self.margins()[place : place + 1]))[0]) if there else None
        self.reliability.set_focus_pair(confidence)

    def _mark_source(self, mask: np.ndarray | None, result: Drawn, scores: Scores) -> None:
        """Mark the row of the source whose pairs are those selected."""
        place = -1
        chosen = np.zeros(0, bool) if mask is None else mask[result.rows]
        if chosen.any():
            name = result.subset[int(np.argmax(chosen))]
            if np.array_equal(chosen, result.subset == name):
                place = [part.name for part in scores.subsets].index(name)
        self.sources.select(place)

    def _show_part(self, part: Part) -> None:
        scores = self.shown
        if scores is None:
            return
        self.reliability.show_counts(scores.histogram, part.counts)
        self.reliability.show_selection(part.bins, part.curve)

    # What the person does

    def _state_chosen(self, key: str) -> None:
        self.desk.project.put_view(calibration={"state": key})
        if self.result is not None:
            self.draw(self.result)
            self.mark(self.desk.state)

    def _pick(self, bins: list[int], how: Brush) -> None:
        scores = self.shown
        if self.result is not None and scores is not None:
            self._select(np.isin(scores.bin_of, bins), how, scores.bins.says(bins))

    def _pick_source(self, place: int) -> None:
        scores = self.shown
        if self.result is None or scores is None or not 0 <= place < len(scores.subsets):
            return
        name = scores.subsets[place].name
        self._select(self.result.subset == name, brush_of(QGuiApplication.keyboardModifiers()), name or "no source")

    def _select(self, inside: np.ndarray, how: Brush, origin: str) -> None:
        if self.result is not None:
            self.desk.select_rows(self.result.rows[inside], how, origin)

    def _copy_scores(self) -> None:
        QGuiApplication.clipboard().setText(self.scores.as_text())
        self.desk.notice.emit("Copied the scores")


def source_row(part: SubsetCalibration, tight: bool = False) -> ForestRow:
    """A source with its error against chance; small ones are greyed and say nothing of their tone.

    `tight`: the tone stands under the name, where there is no room for it beside the mark.
    """
    few = part.n < FEW_IN_SOURCE
    warned = bool(part.tone) and not few
    name, kind = part.name or "(no source)", "warning" if warned else "model"
    chance = bracket(f"chance gives up to {number(part.ece_null95, 3)}")
    said = "too few pairs to say" if few else part.tone or "no more than chance"
    return ForestRow(
        name,
        part.tone if warned and tight else f"n = {part.n:,}",
        (ForestMark(part.ece, kind=kind, filled=not few, label=part.tone if warned and not tight else ""),),
        right=number(part.ece, 3),
        right_strong=warned,
        bar=(0.0, part.ece_null95),
        enabled=not few,
        tip=f"{name}, {counted(part.n, 'pair')}\nCalibration error {number(part.ece, 3)} {chance}: {said}",
    )


def _up_to(scores: Scores) -> str:
    return "" if scores.ece_null95 is None else f"up to {number(scores.ece_null95, 3)}"


def _cell(estimate: Estimate) -> tuple[str, str]:
    low, high = (None if end is None else round(end, 6) for end in (estimate.low, estimate.high))
    interval = wording.between(low, high, 3)
    return number(estimate.value, 3), "" if interval == DASH else interval
