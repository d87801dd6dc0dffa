"""The Fixes pane: heads trained with a fix, beside the one without, on the same held-out pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout

from rmexplorer.analysis.fix_comparison import MATCHED, changed_pairs
from rmexplorer.app.fixing import Fixing
from rmexplorer.app.own_probes import known_probes, stock_phrases
from rmexplorer.app.state import State
from rmexplorer.app.training import head_of_run
from rmexplorer.gui.card_work import CardWork
from rmexplorer.gui.fix_cards import ChangesCard, FixScatterCard
from rmexplorer.gui.fix_data import FixesDrawn
from rmexplorer.gui.fix_form import FeaturePick, FixForm
from rmexplorer.gui.fix_list import FixList, FixRow
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.scope import split_of
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, GhostButton, PrimaryButton, SecondaryButton
from rmexplorer.job import Job
from rmexplorer.problem import Problem
from rmexplorer.project import RunRecord
from rmexplorer.reward.fixes import name_of
from rmexplorer.wording import counted, method_line, style
from rmexplorer.workflows.comparing import read_probes
from rmexplorer.workflows.fixing import FEATURES, PHRASES, SOURCE, fix_of_run
from rmexplorer.workflows.probing import encode_probes
from rmexplorer.workflows.settings import RESIDUAL, RunSettings

NAMES = {"none": "None", "residualize": "Residualize", "balance": "Length-balanced", "penalty": "Penalty",
         "features": "On features", "source": "Source dropped", "phrases": "Phrases removed"}
DOES = {
    "none": "the head as trained",
    "residualize": "subtract the fitted length line from the reward",
    "balance": "weigh pairs so that the longer response wins half",
    "penalty": "loss term on the correlation of margin and length",
    "features": "subtract the lines of features from the reward",
    "source": "train without the pairs of a source",
    "phrases": "take them out of responses before encoding",
}
ON_DEMAND = (FEATURES, SOURCE, PHRASES)  # rows that appear once they are asked for
LOW_CARD = 196  # px that leave room for six rows of fixes in the smallest window
NO_RUN = "The rewards shown are not of a run: train a head first, fixes repeat its settings"
TURNED = "ranking turned by the fix"
FORMULA = (
    "Reward per doubling = ln 2 · Σ d·Δ / Σ Δ² over pairs, with d the margin and Δ the difference of log(1 + characters); "
    "correlation = Σ d·Δ / √(Σ d² · Σ Δ²). Neither depends on which response was chosen. Residualize: r − β·(log(1 + "
    "characters) − mean), β fitted on training pairs; on features: the same with a line for each, fitted at once. "
    "Balance: weights that make the longer response win half of the "
    "pairs in each bin of |Δ|. Penalty: loss + λ · correlation² of each batch. Source dropped: its pairs are left out of "
    "training, not of what is held out. Phrases removed: from every response, before it is encoded. Differences are paired over prompts."
)


@pane
class FixesPane(Pane):
    """Fixes as rows, before and after on the same axes, and what changed."""

    name = "fixes"
    title = "Fixes"
    question = "Does the repair work, and what does it cost?"
    icon = "sliders-horizontal"
    group = "Use"
    order = 2
    inspects = False
    reads = frozenset({"dataset", "rewards", "matching", "scope", "runs"})
    remedy = ("Train a head", "train_or_pause")

    def build(self) -> None:
        """Before, after and changes above, the list of fixes below."""
        self.fix = ""
        self.fixing = Fixing(self.desk, self)
        self._version = 0
        self.fixing.changed.connect(self._fixing_changed)
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model BEFORE --against AFTER.safetensors --json")
        row = QHBoxLayout()
        row.setSpacing(px(12))
        self.before = FixScatterCard(self.desk, "Before")
        self.after = FixScatterCard(self.desk, "After")
        self.changes = ChangesCard()
        self.changes.chosen.connect(self._select_row)
        self.changes.paged.connect(self._turn)
        self._probing = CardWork(self.desk, self.changes, "probes of fixes", "Comparing probes")
        self._probed: tuple[str, str] = ("", "")  # the heads whose probes are in sight
        for card, stretch in ((self.before, 10), (self.after, 10), (self.changes, 16)):
            card.setMinimumHeight(px(LOW_CARD))
            row.addWidget(card, stretch)
        self.body.addLayout(row, 1)
        self.choice = Card("Choose a fix", "dashed: no pull (0), coin flip (0.50)", flush=True)
        self.list = FixList()
        self.list.chosen.connect(self._choose)
        self.list.used.connect(self.use)
        self.choice.add(self.list)
        self.form = FixForm()
        self.form.asked.connect(self.train_one)
        self.choice.add(self.form)
        self._offered: object = None  # the dataset whose choices the form shows
        self.on_features = GhostButton("Residualize on…", "sliders-horizontal")
        self.on_features.clicked.connect(self._pick_features)
        self.pick: FeaturePick | None = None
        self.fixing.trained.connect(self._trained)
        self.train = PrimaryButton("Train all three", "play")
        self.train.clicked.connect(self.train_missing)
        self.cancel = SecondaryButton("Cancel", "x")
        self.cancel.clicked.connect(self.fixing.cancel)
        self.turned = GhostButton("Read the pairs that turned", "list")
        self.turned.clicked.connect(lambda: self._select_row(TURNED))
        self.use_button = PrimaryButton("Use this model", "check")
        self.use_button.clicked.connect(lambda: self.use(self.fix))
        for widget in (self.on_features, self.turned, self.use_button, self.cancel, self.train):
            self.choice.add_header(widget)
        self.body.addWidget(self.choice)

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs rewards."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if state.rewards is not None else "Fixes start from a head. Train one first."

    # Computing

    def _rewards(self, state: State) -> tuple[dict[str, RunRecord], dict[str, np.ndarray]]:
        """Runs by fix, and rewards by fix as far as they are here; the others are asked for."""
        known, rewards = self.fixing.family(), {}
        if state.rewards is not None and state.run and state.run not in self.fixing.rewards:
            self.fixing.rewards[state.run] = state.rewards.response
        if not known and state.rewards is not None:
            return {}, {"none": state.rewards.response}
        for fix, record in known.items():
            if record.id in self.fixing.rewards:
                rewards[fix] = self.fixing.rewards[record.id]
            else:
                self.fixing.need(record)
        return known, rewards

    def prepare(self, state: State) -> Callable[[], Any] | None:
        """Compare all heads on the pairs in the scope that pass the filter."""
        columns, shown = state.columns, state.shown
        if columns is None or shown is None or state.rewards is None:
            return None
        _, rewards = self._rewards(state)
        fix = self.fix
        return lambda: FixesDrawn.of(columns.take(shown), rewards, fix)

    def _fixing_changed(self) -> None:
        if self.fixing.version != self._version:
            self._version = self.fixing.version
            self._dirty = True
        if self.isVisible():
            self.refresh()
            if self.result is not None:
                self._show_list(self.result)

    def showEvent(self, event: QShowEvent) -> None:
        """A hunt may have found other phrases meanwhile."""
        super().showEvent(event)
        if self._offered is not None and self._offered is self.desk.state.dataset:
            self.form.offer(stock_phrases(self.desk))

    # Drawing

    def draw(self, result: FixesDrawn | None) -> None:
        """Headline, cards and rows."""
        if result is None or result.result.comparison is None or not result.result.given.pairs:
            self._probing.drop()  # what is compared is not in sight any more
        if result is None:
            return
        state, comparison = self.desk.state, result.result.comparison
        if self.fix and self.fix != result.fix:
            self.fix = ""
        split = split_of(state)
        none = result.result.pulls.get("none")
        if comparison is not None:
            self.set_finding(comparison, split)
        elif none is not None:
            self.set_finding(none, split)
        else:
            self._headline = "The head without a fix is not trained yet, so there is nothing to compare with."
            self.header.set_headline(self._headline)
            self.header.set_method("")
        self._show_list(result)
        self._show_panels(result)

    def _show_panels(self, result: FixesDrawn) -> None:
        state, names = self.desk.state, {fix: record.name for fix, record in self.fixing.family().items()}
        shown = state.rewards.name if state.rewards is not None else ""
        context = method_line(state.dataset.name if state.dataset else "", f"filter {state.query}" if state.query else "")
        cards = (self.before, self.after, self.changes)
        if not result.result.given.pairs:
            for card in cards:
                card.show_empty("No pair passes the filter here." if state.query else "There are no pairs here.",
                                "Clear the filter" if state.query else "", lambda: self.desk.set_query(""))
            return
        self.after.setVisible(result.after is not None or bool(self.fixing.running))  # its room is the first one's till then
        line = result.before.line if result.before is not None else None
        for card, panel, other in ((self.before, result.before, None), (self.after, result.after, line)):
            if panel is None:
                card.show_empty(self._missing(card is self.before))
                continue
            card.show_panel(result, panel, names.get(panel.fix, shown), other, context)
            card.show_ready()
        if result.result.comparison is not None:
            self.changes.show_comparison(result.result.comparison, context)
            if self.changes.shows_probes:
                self._ask_probes()
            else:
                self.changes.show_ready()
        else:
            self.changes.show_empty("What a fix changes is shown here, with intervals, once one is trained.")

    def _missing(self, before: bool) -> str:
        if self.fixing.running:
            return "Training. This fills in when the first head is there."
        return "The head without a fix is not trained yet." if before else "No fix is trained yet."

    def _show_list(self, result: FixesDrawn) -> None:
        state, known, missing = self.desk.state, self.fixing.family(), self.fixing.missing()
        order, rows = self.fixing.order, []
        for fix, name in NAMES.items():
            record, pull = known.get(fix), result.result.pulls.get(fix)
            asked = order is not None and (order.fix == fix or fix in order.waiting)
            if fix in ON_DEMAND and record is None and not asked:
                continue
            note = "" if pull is not None else "scoring" if record is not None else "not trained yet"
            if order is not None and order.fix == fix:
                note = f"training: {order.progress.note or 'starting'}"
            elif order is not None and fix in order.waiting:
                note = "waits"
            seconds = None if record is None else (record.metrics.get("seconds") or {}).get("train")
            title = f"{name}, λ = {record.settings.get('length_penalty', 1.0):g}" if fix == "penalty" and record else name
            rows.append(FixRow(fix, title, _does(fix, record), pull, seconds, record.id if record else "", note,
                               record is not None and record.id == state.run))
        self.list.show_rows(rows, result.fix)
        self._show_buttons(result, known, missing)

    def _show_buttons(self, result: FixesDrawn, known: dict[str, RunRecord], missing: list[str]) -> None:
        running, state = bool(self.fixing.running), self.desk.state
        self.cancel.setVisible(running)
        self.train.setVisible(not running and (bool(missing) or not known))
        self.train.setText("Train all three" if len([fix for fix in missing if fix != "none"]) == 3 or not known else
                           f"Train the missing {len(missing)}" if len(missing) > 1 else "Train the missing one")
        self.train.disable("" if known else NO_RUN)
        if self._offered is not state.dataset:
            self._offered = state.dataset
            self.form.show_choices(result.sources, stock_phrases(self.desk))
        why = NO_RUN if not known else "A fix is being trained" if running else ""
        self.form.disable(why)
        self.on_features.disable(why)
        there = result.fix in known and result.after is not None
        turned = self._turned(result)
        self.turned.setVisible(there and turned is not None and bool(turned.any()))
        if turned is not None:
            self.turned.setText(f"Read {counted(int(turned.sum()), 'pair')} that turned")
        self.use_button.setVisible(there)
        self.use_button.disable("It is in use" if there and known[result.fix].id == state.run else "")

    # Probes

    def _turn(self, page: str) -> None:
        if page == "probes":
            self._ask_probes()
        else:
            self._probing.drop()

    def _ask_probes(self) -> None:
        """Compare the probes of the head without a fix and of the one that is shown, in the worker process."""
        known, folder = self.fixing.family(), self.desk.state.folder
        fix = self.result.fix if self.result is not None else ""
        if folder is None or not {"none", fix} <= set(known):
            return
        heads = (known["none"].id, known[fix].id)
        if self._probing.pending and heads == self._probed:
            return
        self._probed = heads
        chosen, project = encode_probes(known_probes(self.desk)), self.desk.project.path

        def files() -> Job[list[str]]:
            found = []
            for head in heads:
                found.append(str((yield from head_of_run(project, head))))
            return found

        def order(found: list[str]) -> None:
            self._probing.order("rmexplorer.workflows.comparing", "probes_folder", (str(folder), *found, chosen), show)

        def show(path: str) -> None:
            try:
                found = read_probes(path)["probes"]
            except Problem as problem:
                self.changes.show_error(problem)
                return
            state = self.desk.state
            self.changes.show_probes(found, state.dataset.name if state.dataset is not None else "")

        self._probing.ask(files, order)

    @property
    def settled(self) -> bool:
        """Whether everything is drawn, the probes too."""
        return super().settled and not self._probing.pending

    # Acting

    def _pick_features(self) -> None:
        before = self.fixing.family().get(FEATURES)
        chosen = RunSettings.from_dict(before.settings).residual_features if before is not None else RESIDUAL
        own = tuple(feature.name for feature in self.desk.own_features())
        self.pick = FeaturePick(tuple(map(name_of, chosen)), own, self)
        self.pick.asked.connect(lambda names: self.train_one(FEATURES, names))
        self.pick.show_under(self.on_features)

    def train_missing(self) -> None:
        """Train what is not trained yet, one after the other."""
        self.fixing.train(self.fixing.missing())

    def train_one(self, fix: str, what: list[str]) -> None:
        """Train the head without a source or without phrases, and first the one to compare it with where there is none."""
        self.fixing.train([*(() if "none" in self.fixing.family() else ("none",)), fix], what)

    def _trained(self, record: RunRecord) -> None:
        if fix_of_run(record) in ON_DEMAND:
            self.fix = fix_of_run(record)

    def use(self, fix: str) -> None:
        """Show the rewards of the head with this fix in all panes."""
        record = self.fixing.family().get(fix or (self.result.fix if self.result is not None else ""))
        if record is not None and record.id != self.desk.state.run:
            self.desk.use_run(record.id)

    def _choose(self, fix: str) -> None:
        if self.result is not None and fix in self.result.result.pulls and fix not in ("none", self.result.fix):
            self.fix = fix
            self._dirty = True
            self.refresh()
        elif self.result is not None and fix not in self.result.result.pulls:
            self._show_list(self.result)

    def _turned(self, result: FixesDrawn) -> np.ndarray | None:
        margins = result.result.margins
        return changed_pairs(margins["none"], margins[result.fix]) if {"none", result.fix} <= set(margins) else None

    def _select_row(self, name: str) -> None:
        """Select the pairs behind a figure: its source, those of equal length, or those whose ranking turned."""
        if self.result is None:
            return
        given, turned = self.result.result.given, self._turned(self.result)
        if name == TURNED or name not in {"All pairs", "Equal length", *given["subset"]}:
            if turned is None:
                return
            rows, name = turned, TURNED
        elif name == "All pairs":
            rows = np.ones(given.pairs, bool)
        elif name == "Equal length":
            rows = np.abs(given["length_gap"]) < MATCHED
        else:
            rows = given["subset"] == name
        self.select_rows(given.rows[rows], name)

    def mark(self, state: State) -> None:
        """Selected responses stand out in both plots."""
        if self.result is None or not self.result.result.given.pairs:
            return
        for card in (self.before, self.after):
            card.mark(state.selection.mask)


def _does(fix: str, record: RunRecord | None) -> str:
    """What a fix does; of one that is trained, which features, source or phrases it takes out."""
    if record is not None and fix == SOURCE:
        weights = record.settings.get("source_weights") or {}
        return ", ".join(f"without {name}" if not weight else f"{name} × {weight:g}" for name, weight in weights.items())
    if record is not None and fix == FEATURES:
        return "lines of " + ", ".join(style(name_of(one)) for one in RunSettings.from_dict(record.settings).residual_features)
    if record is not None and fix == PHRASES:
        return "without " + ", ".join(f"“{phrase}”" for phrase in record.settings.get("removed_phrases") or ())
    return DOES[fix]
