"""What would the model give this response? A prompt and two responses to type in, with their rewards live."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer import wording
from rmexplorer.analysis.attribution import DOING, Attribution
from rmexplorer.app.desk import Desk
from rmexplorer.app.own_probes import active_probes, keep_probe, known_beliefs, known_probes
from rmexplorer.app.state import State
from rmexplorer.app.training import head_file
from rmexplorer.gui.attribution import Method
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.playground_cards import ChanceBar, DraftCard, DraftEdit, Step, StepList
from rmexplorer.gui.playground_edits import TryCard
from rmexplorer.gui.plots import Sparkline
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Card, GhostButton, RewardStrip, SecondaryButton, label
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows import playground
from rmexplorer.workflows.attributing import explain
from rmexplorer.workflows.edits import Probe, Sycophancy, apply
from rmexplorer.workflows.playground import Drafts, Scored, describe_edit, ordinal, percentile, words_of
from rmexplorer.workflows.probing import encode_probes, read_result, result_path

FORMULA = (
    "The head scores the responses as you type; rewards are divided by its temperature, so that P(A beats B) is "
    "σ(reward of A − reward of B). Leave one out: the reward of the text minus the reward of the text without the word "
    "(beyond 200 words, sentence by sentence); with the empty response and the overlap of words it adds up. Gradient × "
    "input: the word's part of what the head reads times the gradient there, first order; with style and length, which "
    "no single word makes, and a constant it adds up."
)
PAUSE_MS, KEEP_MS, STEP_MS, MOST_STEPS = 350, 300, 1500, 60
HISTORY, LOW, NARROW = 276, 690, 900


@dataclass(frozen=True, eq=False)
class Ready:
    """What a head brings: rewards of what is written, and by how much each edit moved responses, where probes have run."""

    scored: Scored
    milliseconds: float
    changes: dict[str, float]


def timed(checkpoint: Checkpoint, drafts: Drafts) -> tuple[Scored, float]:
    """Scores, and how many milliseconds they took."""
    start = time.perf_counter()
    return playground.score(checkpoint, drafts), 1000 * (time.perf_counter() - start)


def kept_changes(fingerprint: str, checkpoint: Checkpoint, probes: tuple[Probe, ...],
                 beliefs: Sycophancy | None) -> dict[str, float]:
    """Mean changes of the probes of this head, where they have run; otherwise nothing."""
    path = result_path(fingerprint, str(head_file(checkpoint)), encode_probes(probes, beliefs))
    rows = read_result(path)["probes"] if path.exists() else []
    return {row["name"]: row["mean_change"] for row in rows if row["n"]}


def weighed_step(checkpoint: Checkpoint, step: Step) -> Step:
    """A step with the rewards after it, and the change of the response that it edited."""
    now = playground.score(checkpoint, Drafts(step.prompt, (step.first, step.second)))
    change = None
    if step.side >= 0:
        reward = now.rewards[step.side]
        before = playground.score(checkpoint, now.drafts.with_response(step.side, step.before)).rewards[step.side]
        change = None if reward is None or before is None else reward - before
    return replace(step, rewards=now.rewards, change=change)


@pane
class PlaygroundPane(Pane):
    """A prompt, two responses with live rewards, edits to try, and what each edit did."""

    name = "playground"
    title = "Playground"
    question = "What would the model give this response?"
    icon = "message-square"
    group = "Use"
    order = 1
    reads = frozenset({"dataset", "checkpoint"})
    remedy = ("Train a head", "train_or_pause")
    inspects = False
    result: Ready | None

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        self.side = 1
        self.steps: list[Step] = []
        self.at = -1
        self.scored: Scored | None = None
        self.milliseconds = 0.0
        self.words: list[Attribution | None] = [None, None]
        self._checkpoint: Checkpoint | None = None
        self._rewards: np.ndarray = np.zeros(0)
        self._quiet = False
        self._numbers = count()
        super().__init__(desk, parent)
        self._pause, self._keep, self._step = (QTimer(self) for _ in range(3))
        for timer, wait, act in ((self._pause, PAUSE_MS, self._weigh), (self._keep, KEEP_MS, self.keep),
                                 (self._step, STEP_MS, self.settle_step)):
            timer.setSingleShot(True)
            timer.setInterval(wait)
            timer.timeout.connect(act)
        desk.leaving.connect(self.leave)
        self._restore()

    def build(self) -> None:
        """Prompt, rewards, the two editors and edits to try at the left, the history at the right."""
        self.header.set_headline(Scored(Drafts(), (None, None)).headline())
        self.header.set_computed(FORMULA, "rmexplorer score FILE --model MODEL -o OUT")
        self.bring = SecondaryButton("From the pair", "database")
        self.bring.clicked.connect(self.bring_pair)
        self.empty_all = GhostButton("Clear", "x")
        self.empty_all.clicked.connect(self.clear)
        self.header.add_action(self.bring)
        self.header.add_action(self.empty_all)
        gap = themes.metrics.card_gap
        row = QHBoxLayout()
        row.setSpacing(gap)
        column = QVBoxLayout()
        column.setSpacing(gap)
        self.prompt_card = Card("Prompt")
        self.prompt = DraftEdit("Prompt", "Type or paste a prompt")
        self.prompt.setFixedHeight(px(50))
        self.prompt_card.add(self.prompt)
        column.addWidget(self.prompt_card)
        column.addWidget(self._reward_card())
        both = QHBoxLayout()
        both.setSpacing(gap)
        self.cards = (DraftCard("A"), DraftCard("B"))
        for side, card in enumerate(self.cards):
            both.addWidget(card, 1)
            card.edit.textChanged.connect(lambda side=side: self._typed(side))
            card.edit.entered.connect(lambda side=side: self.set_side(side))
        self.prompt.textChanged.connect(lambda: self._typed(-1))
        column.addLayout(both, 1)
        self.try_card = TryCard()
        self.try_card.tried.connect(self.try_edit)
        column.addWidget(self.try_card)
        row.addLayout(column, 1)
        row.addWidget(self._history_card())
        self.body.addLayout(row, 1)

    def _reward_card(self) -> Card:
        self.reward_card = Card("Reward", "hill: all responses of the dataset")
        line = QHBoxLayout()
        line.setSpacing(px(24))
        self.strip = RewardStrip()
        self.strip.setAccessibleName("Rewards of both responses")
        self.chance = ChanceBar()
        line.addWidget(self.strip, 1)
        line.addWidget(self.chance)
        self.reward_card.body.addLayout(line)
        self.method = Method()
        self.method.changed.connect(lambda _: self._weigh())
        self.reward_card.add_header(self.method)
        return self.reward_card

    def _history_card(self) -> Card:
        self.history_card = Card("Edits", "")
        self.history_card.setFixedWidth(px(HISTORY))
        self.course_label = label("Reward after each step", "secondary", "small")
        self.course = Sparkline([])
        self.course.setFixedHeight(px(54))
        self.course.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.course.setAccessibleName("Reward after each step")
        self.history = StepList()
        self.history.chosen.connect(self.go_to)
        self.as_probe = SecondaryButton("Make this a probe", "flask-conical")
        self.as_probe.clicked.connect(self.make_probe)
        for part, stretch in ((self.course_label, 0), (self.course, 0), (self.history, 1)):
            self.history_card.add(part, stretch)
        self.history_card.add(self.as_probe)
        return self.history_card

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs a head that scores what is typed."""
        if state.dataset is None:
            return "Open a dataset first."
        if state.checkpoint is None:
            scores = ", and scores of a file cannot do that" if state.rewards is not None else ""
            return f"The Playground scores what you type{scores}. Train a head."
        return ""

    @property
    def settled(self) -> bool:
        """Whether rewards and words are those of what is written."""
        return super().settled and not self._pause.isActive()

    @property
    def drafts(self) -> Drafts:
        """What is written now."""
        return Drafts(self.prompt.toPlainText(), (self.cards[0].edit.toPlainText(), self.cards[1].edit.toPlainText()))

    # Kept

    def _restore(self) -> None:
        kept = self.desk.project.view().get("playground")
        if not isinstance(kept, dict):
            return
        texts = [text for name in ("prompt", "first", "second") if isinstance(text := kept.get(name), str)]
        if len(texts) == 3:
            self._put(Drafts(texts[0], (texts[1], texts[2])))
        try:
            self.steps = [Step.from_dict(step) for step in kept.get("steps", ())][-MOST_STEPS:]
        except (TypeError, KeyError, ValueError):  # of another version
            self.steps = []
        self.at = len(self.steps) - 1
        self._show_steps()

    def keep(self) -> None:
        """Write what was typed into the project."""
        self._keep.stop()
        drafts = self.drafts
        try:
            self.desk.project.put_view(playground={
                "prompt": drafts.prompt, "first": drafts.responses[0], "second": drafts.responses[1],
                "steps": [step.as_dict() for step in self.steps]})
        except Problem as problem:
            self.desk.report(problem)

    def leave(self) -> None:
        """Keep at once what waits to be kept."""
        self._pause.stop()
        self._step.stop()
        if self._keep.isActive():
            self.keep()

    # Scores

    def prepare(self, state: State) -> Callable[[], Ready] | None:
        """Score what is written, and look for what the probes found."""
        dataset, checkpoint = state.dataset, state.checkpoint
        if dataset is None or checkpoint is None:
            return None
        self._checkpoint = checkpoint
        self._rewards = state.rewards.response if state.rewards is not None else np.zeros(0)
        if self.drafts.empty and not self.steps and state.focus is not None:
            self.bring_pair()
        drafts, probes, beliefs = self.drafts, active_probes(self.desk), known_beliefs(self.desk)
        return lambda: Ready(*timed(checkpoint, drafts), kept_changes(dataset.fingerprint, checkpoint, probes, beliefs))

    def draw(self, result: Ready | None) -> None:
        """Show rewards and edits."""
        if result is None:
            return
        self.strip.set_rewards(self._rewards)
        self.method.follow(self._checkpoint)
        self.reward_card.set_subtitle(f"hill: all {wording.counted(len(self._rewards), 'response')} of the dataset")
        self._show_edits()
        self._take((result.scored, result.milliseconds), None)
        self._pause.start()

    def mark(self, state: State) -> None:
        """Name the pair that can be brought in."""
        self.bring.setText("From the pair" if state.focus is None else f"From pair {state.focus + 1:,}")
        self.bring.updateGeometry()
        self.bring.disable("" if state.focus is not None else "Choose a pair first.")

    def set_stale(self, stale: bool) -> None:
        """Rewards follow within a moment; nothing is greyed for it."""

    def _typed(self, side: int) -> None:
        if self._quiet:
            return
        for one in (0, 1) if side < 0 else (side,):
            self.words[one] = None
            self.cards[one].show_weights(None)
        self._keep.start()
        self._step.start()
        self.score()

    def score(self) -> None:
        """Ask for the rewards of what is written; of several requests the latest wins."""
        checkpoint, drafts = self._checkpoint, self.drafts
        if checkpoint is not None:
            self.desk.compute.ask("playground live", lambda: timed(checkpoint, drafts), self._take)
            self._pause.start()

    def _take(self, found: tuple[Scored, float] | None, error: Exception | None) -> None:
        if found is None or error is not None:
            problem = error if isinstance(error, Problem) else Problem(
                f"the text could not be scored ({type(error).__name__})", "change it, or copy the details and report it")
            self.error.show_problem(problem)
            return
        self.error.hide()
        self.scored, self.milliseconds = found
        self._show_scores()

    def _show_scores(self) -> None:
        scored = self.scored
        if scored is None:
            return
        known = [(name, reward) for name, reward in zip("AB", scored.rewards, strict=True) if reward is not None]
        self.strip.set_marks(known)
        self.chance.put(scored.chance)
        for card, text, reward in zip(self.cards, scored.drafts.responses, scored.rewards, strict=True):
            share = None if reward is None else percentile(reward, self._rewards)
            card.show_reward(reward, words_of(text), "" if share is None else ordinal(share))
        self.prompt_card.set_subtitle(words_of(scored.drafts.prompt))
        self._say()

    def _say(self) -> None:
        scored, state = self.scored, self.desk.state
        if scored is None:
            return
        self._headline = scored.headline((self.words[0], self.words[1]))
        self.header.set_headline(self._headline)
        name = state.rewards.name if state.rewards is not None else ""
        temperature = state.checkpoint.temperature if state.checkpoint is not None else 1.0
        self.header.set_method(wording.method_line(
            name, f"scored as you type, {max(1, round(self.milliseconds))} ms",
            f"P from the margin at temperature {wording.number(temperature)}",
            f"tints: {DOING[self.method.choice.current()]}"))

    def _weigh(self) -> None:
        """Ask what each word is worth, once the typing pauses."""
        checkpoint, drafts, method = self._checkpoint, self.drafts, self.method.choice.current()
        if checkpoint is None:
            return

        def weigh() -> list[Attribution | None]:
            return [finish(explain(checkpoint, drafts.prompt, text, method)) if text.strip() else None
                    for text in drafts.responses]

        self.desk.compute.ask("playground words", weigh, lambda words, error: self._weighed(drafts, words))

    def _weighed(self, drafts: Drafts, words: list[Attribution | None] | None) -> None:
        if words is None or drafts != self.drafts:
            return
        self.words = words
        most = max((abs(value) for weights in words if weights is not None for _, value in weights.pieces), default=0.0)
        for card, weights in zip(self.cards, words, strict=True):  # on one scale
            card.show_weights(weights, most)
        self._say()
        if not self.steps and not drafts.empty:
            self._add_step(Step("Started here", -1, drafts.prompt, *drafts.responses))

    # Steps

    def _put(self, drafts: Drafts) -> None:
        """Write texts into the fields without taking it for typing."""
        self._quiet = True
        self.prompt.put(drafts.prompt)
        for card, text, side in zip(self.cards, drafts.responses, (0, 1), strict=True):
            if text != card.edit.toPlainText():
                self.words[side] = None
                card.show_weights(None)
            card.edit.put(text)
        self._quiet = False

    def settle_step(self, what: str = "") -> None:
        """What was changed since the last step becomes a step; `what` says it better than the texts do."""
        self._step.stop()
        drafts = self.drafts
        if not self.steps:
            if not drafts.empty:
                self._add_step(Step(what or "Started here", -1, drafts.prompt, *drafts.responses))
            return
        last = self.steps[self.at]
        if (last.prompt, last.first, last.second) == (drafts.prompt, *drafts.responses):
            return
        changed = [side for side, old in enumerate((last.first, last.second)) if old != drafts.responses[side]]
        side = changed[0] if len(changed) == 1 and last.prompt == drafts.prompt else -1
        old = (last.first, last.second)[side] if side >= 0 else last.prompt
        if not what:
            what = describe_edit(old, drafts.responses[side]) if side >= 0 else (
                "Changed the prompt" if not changed else "Changed several texts")
        self._add_step(Step(what, side, drafts.prompt, *drafts.responses, before=old if side >= 0 else ""))

    def _add_step(self, step: Step) -> None:
        """Put a step at the end of the history, and have it scored."""
        self.steps = [*self.steps[: self.at + 1], step][-MOST_STEPS:]
        self.at = len(self.steps) - 1
        self._show_steps()
        self.keep()
        if self._checkpoint is not None:
            checkpoint, number = self._checkpoint, next(self._numbers)
            self.desk.compute.ask(f"playground step {number}", lambda: weighed_step(checkpoint, step),
                                  lambda found, error: self._step_scored(step, found))

    def _step_scored(self, step: Step, found: Step | None) -> None:
        if found is not None and any(one is step for one in self.steps):
            self.steps = [found if one is step else one for one in self.steps]
            self._show_steps()
            self._keep.start()

    def _show_steps(self) -> None:
        edits = max(0, len(self.steps) - 1)
        self.history_card.set_subtitle(wording.counted(edits, "step") if edits else "each edit, and what it did")
        self.history.put(self.steps, self.at)
        side = next((step.side for step in reversed(self.steps) if step.side >= 0), self.side)
        course = [step.rewards[side] for step in self.steps if step.rewards[side] is not None]
        self.course.setVisible(len(course) > 1)
        self.course_label.setVisible(len(course) > 1)
        if len(course) > 1:
            self.course_label.setText(f"↑ Reward of {'AB'[side]} after each step")
            self.course.set_values([value for value in course if value is not None])
        possible = self.at > 0 and self._probe() is not None
        self.as_probe.disable("" if possible else "Append, prepend or replace words first.")

    def go_to(self, place: int) -> None:
        """Back to the texts of a step."""
        if not 0 <= place < len(self.steps) or place == self.at:
            return
        self.settle_step()
        step, self.at = self.steps[place], place
        self._put(Drafts(step.prompt, (step.first, step.second)))
        self._show_steps()
        self._keep.start()
        self.score()

    def bring_pair(self) -> None:
        """Bring in the pair of the inspector: A is the chosen response, B the rejected one."""
        state = self.desk.state
        if state.dataset is None or state.focus is None:
            return
        dataset, pair = state.dataset, state.focus
        texts = dataset.responses["text"]
        prompt = dataset.prompts["text"][int(dataset.prompt[pair])] or ""
        self.load(Drafts(prompt, (texts[int(dataset.chosen[pair])] or "", texts[int(dataset.rejected[pair])] or "")),
                  f"Brought in pair {pair + 1:,}")

    def load(self, drafts: Drafts, what: str) -> None:
        """Put a prompt and two responses into the editors, as a step."""
        self.settle_step()
        self._put(drafts)
        self.settle_step(what)
        self.score()

    def clear(self) -> None:
        """Empty the editors and the history; the notice can bring both back."""
        before, steps, at = self.drafts, self.steps, self.at
        if before.empty and not steps:
            return
        self._put(Drafts())
        self.steps, self.at = [], -1
        self._show_steps()
        self.keep()
        self.score()

        def bring_back() -> None:
            self.steps, self.at = steps, at
            self._put(before)
            self._show_steps()
            self.keep()
            self.score()

        self.desk.undoable.emit("The Playground was cleared", bring_back)
        self.prompt.setFocus(Qt.FocusReason.OtherFocusReason)

    # Edits to try

    def set_side(self, side: int) -> None:
        """Edits are tried on response A (0) or B (1)."""
        self.side = side
        self.try_card.set_side(side)

    def probes(self) -> tuple[Probe, ...]:
        """The edits that come with the program and those of the project."""
        return known_probes(self.desk)

    def _show_edits(self) -> None:
        self.try_card.put(self.probes(), self.result.changes if self.result is not None else {})

    def try_edit(self, probe: Probe) -> None:
        """Make an edit to the response that has the turn."""
        dataset, side = self.desk.state.dataset, self.side
        self.settle_step()
        text = self.drafts.responses[side]
        other = ""
        if dataset is not None and dataset.responses.height:
            other = dataset.responses["text"][(7919 * len(text)) % dataset.responses.height] or ""
        edited = apply(probe, text, turn=len(self.steps), other=other)
        if edited is None or not (text.strip() or edited.strip()):
            self.desk.notice.emit(f"“{probe.shown}” changes nothing in response {'AB'[side]}")
            return
        self._put(self.drafts.with_response(side, edited))
        self.settle_step(probe.shown)
        self.score()

    def _probe(self) -> Probe | None:
        if not 0 < self.at < len(self.steps):
            return None
        step = self.steps[self.at]
        return playground.probe_of(step.before, (step.first, step.second)[step.side]) if step.side >= 0 else None

    def make_probe(self) -> None:
        """The edit of the step becomes a probe of the project."""
        self.settle_step()
        probe = self._probe()
        if probe is not None and keep_probe(self.desk, probe):
            self._show_edits()

    def showEvent(self, event: QShowEvent) -> None:
        """Look anew for what the probes have found meanwhile."""
        self._dirty = True
        super().showEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low pane has no bars, a narrow one a narrow history."""
        super().resizeEvent(event)
        for card in self.cards:
            card.bars.setVisible(self.height() >= px(LOW))
        self.history_card.setFixedWidth(px(HISTORY if self.width() >= px(NARROW) else 220))
