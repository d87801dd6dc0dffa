"""Training of a reward head on pairs: early stopping on prompts kept apart, refit, temperature."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from rmexplorer.data.split import split_by_group
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import balanced_weights, correlation_penalty
from rmexplorer.reward.halves import QUEUE
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.loss import fit_temperature
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.reward.step import Stepper
from rmexplorer.reward.threads import StepThreads

BEAT_SECONDS = 0.004
BLOCK_PAIRS = 512
LEAST_VALIDATION_PAIRS = 4
LEAST_TEMPERATURE_PAIRS = 100
BLIND_EPOCHS = 20
SAMPLE_PAIRS = 1024

Phase = Literal["fit", "refit"]
Stopped = Literal["patience", "epochs", "person"]
Figures = tuple[float, float]
Beats = Generator[Progress, None, None]


@dataclass
class Knobs:
    """What a person may turn while training runs: it is read about every 4 ms, before the next steps.

    learning_rate: None (or a value out of (0, 1]) leaves the one of the settings. stop: end now and keep the best epoch
    so far.
    """

    learning_rate: float | None = None
    stop: bool = False


@dataclass(frozen=True)
class Beat:
    """The state of a run at one moment.

    epoch, step: counted from 1; steps: of this epoch; batch_loss: mean of the latest steps of this epoch, with dropout;
    train_* and validation_*: at the end of the last whole epoch (epoch 0 is before the first step), without
    dropout, None where there is no validation slice; ended: this beat closes its epoch; pairs_per_second: pairs trained
    by second of computing, pauses left out.
    """

    phase: Phase
    epoch: int
    step: int
    steps: int
    batch_loss: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    best_epoch: int
    learning_rate: float
    pairs_per_second: float
    ended: bool = False


@dataclass(frozen=True, eq=False)
class History:
    """What each epoch reached, without dropout; entry 0 is before the first step. All (epochs + 1,) float64.

    train_*: on at most 1,024 training pairs drawn once; validation_*: NaN where there is no validation slice;
    learning_rate: the one at the end of the epoch.
    """

    train_loss: np.ndarray
    train_accuracy: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    learning_rate: np.ndarray


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained head and how it came about.

    history: of the first fit, not of the refit; best_epoch: with the lowest validation loss (without validation: the
    last); epochs: run before stopping; temperature: minimises the validation loss of d / T, 1 where under 100 pairs;
    validation: mask (pairs,) of the validation slice; validation_margin: d of those pairs from the best epoch, that is
    from before the refit; stopped: why the fit ended; seconds: of computing; warnings: sentences for the reader.
    """

    model: RewardModel
    settings: TrainSettings
    history: History
    best_epoch: int
    epochs: int
    temperature: float
    validation: np.ndarray
    validation_margin: np.ndarray
    refitted: bool
    stopped: Stopped
    pairs_per_second: float
    seconds: float
    warnings: tuple[str, ...] = ()


def train(vectors: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, group: np.ndarray,
          settings: TrainSettings | None = None, knobs: Knobs | None = None, *,
          target: np.ndarray | None = None, weight: np.ndarray | None = None,
          length_gap: np.ndarray | None = None) -> Job[Fit]:
    """Train a reward head on pairs, and yield a Progress with a Beat about every 4 ms.

    vectors: (responses, d) float32, an array or a memory map; chosen, rejected: rows of it (pairs,); group: (pairs,),
    the validation slice is drawn by it; target: (pairs,) in [0, 1], the probability that the chosen one is better (½
    for a tie), None for 1; weight: (pairs,) ≥ 0, None for equal; length_gap: Δ log(1 + characters) (pairs,), needed
    by the length fixes balance and penalty. Progress counts pairs. Where the pairs leave no
    validation slice of 4 pairs (one prompt, a handful of pairs) or it weighs nothing, training runs for at most 20
    epochs and a warning says so.
    Raises Problem for no pairs, vectors that are not finite, and pairs whose two vectors are all the same. The same
    arguments on the same machine give the same numbers, however often the job is paused.
    """
    run = _Run(vectors, chosen, rejected, group, settings or TrainSettings(), knobs or Knobs(), target, weight, length_gap)
    try:
        yield from run.check()
        return (yield from run.whole())
    finally:
        run.close()


@dataclass
class _Clock:
    """Seconds of computing: stands still while the job is paused."""

    spent: float = 0.0
    resumed: float = field(default_factory=time.perf_counter)

    def due(self) -> bool:
        return time.perf_counter() - self.resumed >= BEAT_SECONDS

    def total(self) -> float:
        return self.spent + time.perf_counter() - self.resumed

    def beat(self, progress: Progress) -> Beats:
        self.spent = self.total()
        yield progress
        self.resumed = time.perf_counter()


def validation_slice(group: np.ndarray, settings: TrainSettings) -> np.ndarray:
    """Mask (pairs,) of the training pairs that early stopping looks at; none where it would hold under 4 pairs."""
    none = np.zeros(len(group), dtype=bool)
    if not settings.validation or len(np.unique(group)) < 2:
        return none
    mask = split_by_group(group, settings.validation, settings.seed + 1)
    return mask if mask.sum() >= LEAST_VALIDATION_PAIRS else none


class _Run:
    """One training run: what all its phases share."""

    def __init__(self, vectors: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, group: np.ndarray,
                 settings: TrainSettings, knobs: Knobs, target: np.ndarray | None, weight: np.ndarray | None,
                 length_gap: np.ndarray | None = None) -> None:
        self.clock = _Clock()
        self.stepper: Stepper | None = None
        self.together = 1  # steps a call: about as long as a beat
        self.settings, self.knobs, self.loss = settings, knobs, settings.pair_loss()
        self.vectors = _plain_vectors(vectors)
        self.chosen, self.rejected = _rows(chosen, len(vectors)), _rows(rejected, len(vectors))
        self.group = np.asarray(group)
        self.target = _per_pair(target, len(self.chosen))
        self.weight = _per_pair(weight, len(self.chosen), high=math.inf)
        self.length_gap = self._fix_length(length_gap)
        if not len(self.chosen) == len(self.rejected) == len(self.group):
            raise ValueError("chosen, rejected and group differ in length")
        if not len(self.chosen):
            raise Problem("there are no pairs to train on", "loosen the filter or lower the held-out share")
        if self.weight is not None:
            if not self.weight.sum() > 0:
                raise Problem("all pairs have weight 0, so there is nothing to train on", "give some pairs a weight")
            self.weight = self.weight / self.weight.mean(dtype=np.float64).astype(np.float32)
        self.warnings: list[str] = []
        self.trained = 0
        self.order_seed, self.dropout_seed, self.sample_seed = np.random.SeedSequence(settings.seed).spawn(3)
        self.scheduled: tuple[float | None, float] | None = None
        self.latest = Beat("fit", 0, 0, 0, math.nan, math.nan, math.nan, None, None, 0,
                           settings.learning_rate, 0.0)
        self.epochs, self.total = settings.epochs, 0
        self.threads = StepThreads()  # last: it has to be given back, and any line above may refuse

    def _fix_length(self, length_gap: np.ndarray | None) -> np.ndarray | None:
        """Weigh the pairs where lengths are to be balanced; the length differences where a penalty needs them."""
        if self.settings.length_fix not in ("balance", "penalty"):
            return None
        gap = _per_pair(length_gap, len(self.chosen), -math.inf, math.inf)
        if gap is None:
            raise ValueError(f"the length fix {self.settings.length_fix} needs length_gap")
        if self.settings.length_fix == "penalty":
            return gap
        balanced = balanced_weights(gap).astype(np.float32)
        self.weight = balanced if self.weight is None else self.weight * balanced
        if not self.weight.any():
            raise Problem("no bin of length difference has the longer response on both sides, so lengths cannot be balanced",
                          "choose another length fix or more pairs")
        return None

    def check(self) -> Beats:
        """Refuse vectors that are not finite and pairs that say nothing."""
        for start in range(0, len(self.vectors), BLOCK_PAIRS):
            finite = np.isfinite(self.vectors[start:start + BLOCK_PAIRS])
            if not finite.all():
                row = start + int(np.flatnonzero(~finite.all(axis=1))[0])
                raise Problem(f"the vector of response {row + 1} holds a value that is not a finite number",
                              "encode the dataset again or choose another encoder")
            if self.clock.due():
                yield from self.clock.beat(Progress(0, 0, "checking the vectors"))
        for start in range(0, len(self.chosen), BLOCK_PAIRS):
            cut = slice(start, start + BLOCK_PAIRS)
            if np.any(self.vectors[self.chosen[cut]] != self.vectors[self.rejected[cut]]):
                return
            if self.clock.due():
                yield from self.clock.beat(Progress(0, 0, "checking the pairs"))
        raise Problem("the two responses of every pair have the same vector, so there is nothing to learn",
                      "check the texts or choose another encoder")

    def validation_mask(self) -> np.ndarray:
        """Which pairs early stopping looks at; a warning says why there are none."""
        mask = validation_slice(self.group, self.settings)
        if self.settings.validation and not mask.any():
            self.warnings.append(
                "All training pairs have the same prompt, so there was no validation slice by prompt."
                if len(np.unique(self.group)) < 2 else f"{len(self.chosen)} pairs are too few for a validation slice.")
        elif self.weight is not None and mask.any() and not self.weight[mask].any():
            self.warnings.append("All pairs of the validation slice have weight 0, so there was none.")
            return np.zeros_like(mask)  # its loss would be NaN, and no epoch better than the first
        return mask

    def whole(self) -> Job[Fit]:
        """Fit with early stopping, temperature, refit."""
        validation = self.validation_mask()
        most = self.settings.epochs
        if self.warnings:
            most = min(most, BLIND_EPOCHS)
            self.warnings.append(f"It trained for {most} epochs without early stopping and with temperature 1.")
        stepper, history, stopped = yield from self.fit(np.flatnonzero(~validation), np.flatnonzero(validation), most)
        best_epoch = self.latest.best_epoch
        model = stepper.model
        margin = yield from self.margins(stepper, np.flatnonzero(validation))
        temperature = 1.0
        if len(margin) >= LEAST_TEMPERATURE_PAIRS:
            temperature = fit_temperature(margin, None if self.target is None else self.target[validation])
        refitted = False
        if self.settings.refit and validation.any() and stopped != "person":
            again = yield from self.refit(history)
            refitted = again is not None
            model = again or model
        seconds = self.clock.total()
        epochs = len(history.train_loss) - 1
        return Fit(model, self.settings, history, best_epoch, epochs, temperature, validation, margin, refitted,
                   stopped, self.trained / max(seconds, 1e-9), seconds, tuple(self.warnings))

    def fit(self, rows: np.ndarray, validation: np.ndarray, most: int) -> Job[tuple[Stepper, History, Stopped]]:
        """Train on `rows` of the pairs until the validation loss has not fallen for `patience` epochs."""
        stepper, order = self.fresh(len(rows))
        model = stepper.model
        sample = np.random.default_rng(self.sample_seed).permutation(rows)[:SAMPLE_PAIRS]
        self.epochs, self.total = most, most * len(rows)
        table: list[tuple[float, ...]] = []
        best, lowest, best_epoch = model.flat.copy(), math.inf, 0
        stopped: Stopped = "epochs"
        for epoch in range(most + 1):
            if epoch:
                yield from self.epoch("fit", epoch, stepper, order.permutation(rows))
            trained = yield from self.figures(stepper, sample)
            validated = yield from self.figures(stepper, validation)
            table.append((*trained, *validated, self.latest.learning_rate))
            if epoch and (validated[0] < lowest or epoch == 1 or not len(validation)):
                lowest, best_epoch = validated[0], epoch
                best[...] = model.flat
            yield from self.close_epoch(trained, validated if len(validation) else None, best_epoch)
            if self.knobs.stop and epoch:
                stopped = "person"
                break
            if epoch - best_epoch >= self.settings.patience and len(validation):
                stopped = "patience"
                break
        model.flat[...] = best
        return stepper, History(*np.array(table, dtype=np.float64).T.copy()), stopped

    def refit(self, history: History) -> Job[RewardModel | None]:
        """The mean of new heads, each trained on all pairs for the best number of epochs; None where a person stopped it.

        They differ in first weights, order and dropout, and their mean varies less by chance than one of them. Epochs are
        counted through all heads; each follows the learning rates of the fit, until a person turns the knob again.
        """
        rows = np.arange(len(self.chosen))
        sample = np.random.default_rng(self.sample_seed).permutation(rows)[:SAMPLE_PAIRS]
        turned, best, heads = self.knobs.learning_rate, self.latest.best_epoch, list[RewardModel]()
        count = self.settings.heads_of(len(rows))
        self.epochs = best * count
        self.total = self.trained + self.epochs * len(rows)
        for number in range(count):
            stepper, order = self.fresh(len(rows), number)
            for epoch in range(1 if number else 0, best + 1):
                self.scheduled = turned, float(history.learning_rate[epoch])
                if epoch:
                    yield from self.epoch("refit", number * best + epoch, stepper, order.permutation(rows))
                else:
                    self.latest = replace(self.latest, phase="refit", epoch=0, step=0)
                if self.knobs.stop:
                    return None
                figures = yield from self.figures(stepper, sample)
                yield from self.close_epoch(figures, None, best)
            heads.append(stepper.model)
        return RewardModel.mean(heads)

    def fresh(self, pairs: int, number: int = 0) -> tuple[Stepper, np.random.Generator]:
        """A stepper with head `number` at its start, and the generator that orders the pairs; the last one is closed."""
        settings, seed = self.settings, self.settings.seed
        order_seed, dropout_seed = self.order_seed, self.dropout_seed
        if number:
            order_seed, dropout_seed, first = np.random.SeedSequence([seed, number]).spawn(3)
            seed = int(first.generate_state(1)[0])
        model = RewardModel(self.vectors.shape[1], settings.hidden_dim, seed)
        if self.stepper is not None:
            self.stepper.close()
        self.stepper = Stepper(model, self.vectors, settings.batch_of(pairs), self.loss, settings.dropout,
                               settings.weight_decay, dropout_seed, settings.length_penalty)
        return self.stepper, np.random.default_rng(order_seed)

    def close(self) -> None:
        """Give back the threads."""
        if self.stepper is not None:
            self.stepper.close()
        self.threads.restore()

    def epoch(self, phase: Phase, epoch: int, stepper: Stepper, rows: np.ndarray) -> Beats:
        """One pass over the pairs `rows` in this order, in batches whose sizes differ by at most one pair."""
        chosen, rejected = self.chosen[rows], self.rejected[rows]
        target = None if self.target is None else self.target[rows]
        weight = None if self.weight is None else self.weight[rows]
        length_gap = None if self.length_gap is None else self.length_gap[rows]
        steps = -(-len(rows) // self.settings.batch_of(len(rows)))
        edges = np.linspace(0, len(rows), steps + 1).astype(np.int64).tolist()
        recent, step, rate = 0.0, 0, self.learning_rate()
        while step < steps and not (self.knobs.stop and self.trained):
            rate = self.learning_rate()
            begins = edges[step:step + 1 + self.together]
            cut = slice(begins[0], begins[-1])
            losses = self.timed(stepper, chosen[cut], rejected[cut], [edge - begins[0] for edge in begins], rate,
                                None if target is None else target[cut], None if weight is None else weight[cut],
                                None if length_gap is None else length_gap[cut])
            for loss in losses:
                step += 1
                recent += (loss - recent) / min(step, 20)
            if not math.isfinite(recent):
                raise Problem(f"the loss is no longer a finite number in epoch {epoch}",
                              "lower the learning rate, or encode with smaller values")
            self.trained += begins[-1] - begins[0]
            if self.clock.due():
                self.latest = replace(self.latest, phase=phase, epoch=epoch, step=step, steps=steps, batch_loss=recent,
                                      learning_rate=rate)
                yield from self.beat()
        self.latest = replace(self.latest, phase=phase, epoch=epoch, step=step, steps=steps, batch_loss=recent,
                              learning_rate=rate)

    def timed(self, stepper: Stepper, *batches: Any) -> list[float]:
        """The losses of `Stepper.steps`; how long they take says how many threads the next steps get, and how many go together."""
        stepper.two = self.threads.two
        began = time.perf_counter()
        losses = stepper.steps(*batches)
        seconds = time.perf_counter() - began
        self.threads.took(seconds, len(losses))
        self.together = min(max(int(BEAT_SECONDS * len(losses) / seconds), 1), QUEUE)
        return losses

    def close_epoch(self, trained: Figures, validated: Figures | None, best_epoch: int) -> Beats:
        """Say what the epoch reached."""
        loss, accuracy = validated or (None, None)
        self.latest = replace(self.latest, train_loss=trained[0], train_accuracy=trained[1], validation_loss=loss,
                              validation_accuracy=accuracy, best_epoch=best_epoch)
        yield from self.beat(ended=True)

    def beat(self, ended: bool = False) -> Beats:
        """Hand out the latest figures; without a Beat before there are any."""
        spent = self.clock.total()
        self.latest = replace(self.latest, pairs_per_second=self.trained / max(spent, 1e-9), ended=ended)
        refit = "refit, " if self.latest.phase == "refit" else ""
        note = f"{refit}epoch {self.latest.epoch} of {self.epochs}"
        known = None if math.isnan(self.latest.train_loss) else self.latest
        yield from self.clock.beat(Progress(self.trained, self.total, note, known))

    def learning_rate(self) -> float:
        """The step size now: the refit's schedule, else the knob, else the settings."""
        turned = self.knobs.learning_rate
        if self.scheduled is not None and self.scheduled[0] == turned:
            return self.scheduled[1]
        return self.settings.learning_rate if turned is None or not 0 < turned <= 1 else turned

    def margins(self, stepper: Stepper, rows: np.ndarray) -> Job[np.ndarray]:
        """d of the pairs `rows` without dropout (rows,)."""
        margin = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), stepper.most):
            cut = rows[start:start + stepper.most]
            margin[start:start + len(cut)] = stepper.margins(self.chosen[cut], self.rejected[cut])
            if self.clock.due():
                yield from self.beat()
        return margin

    def figures(self, stepper: Stepper, rows: np.ndarray) -> Job[Figures]:
        """Loss (without centring) and accuracy of the pairs `rows`; NaN for none. Ties have no right side and are left
        out of the accuracy; equal rewards count half."""
        if not len(rows):
            return float("nan"), float("nan")
        margin = yield from self.margins(stepper, rows)
        target = None if self.target is None else self.target[rows]
        weight = None if self.weight is None else self.weight[rows]
        each, _ = self.loss.of_margins(margin, target)
        loss = _mean(each, weight)
        if self.length_gap is not None:
            loss += self.settings.length_penalty * correlation_penalty(margin, self.length_gap[rows])[0]
        right = (margin > 0) + 0.5 * (margin == 0)
        if target is None:
            return loss, _mean(right, weight)
        right = np.where(target >= 0.5, right, 1 - right)
        sided = target != 0.5
        return loss, _mean(right[sided], None if weight is None else weight[sided])


def _mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    total = float(len(values)) if weight is None else float(weight.sum(dtype=np.float64))
    if total <= 0:
        return float("nan")
    return float((values if weight is None else values * weight).sum(dtype=np.float64)) / total


def _plain_vectors(vectors: np.ndarray) -> np.ndarray:
    if vectors.ndim != 2 or vectors.shape[1] < 1 or vectors.dtype.kind not in "fiu":
        raise Problem(f"vectors of shape {vectors.shape} and kind {vectors.dtype} cannot be trained on",
                      "give one row of numbers a response")
    # a plain view: every operation on np.memmap makes a new memmap object
    return np.asarray(vectors).view(np.ndarray).astype(np.float32, copy=False)


def _rows(rows: np.ndarray, responses: int) -> np.ndarray:
    rows = np.asarray(rows).astype(np.intp)
    if len(rows) and (rows.min() < 0 or rows.max() >= responses):
        raise ValueError("a pair names a response that has no vector")
    return rows


def _per_pair(values: np.ndarray | None, pairs: int, low: float = 0.0, high: float = 1.0) -> np.ndarray | None:
    if values is None:
        return None
    values = np.asarray(values, dtype=np.float32)
    if values.shape != (pairs,):
        raise ValueError("targets and weights need one number a pair")
    if not np.all((values >= low) & (values <= high)):
        raise Problem("a target or weight of a pair is out of its bounds", f"give numbers from {low:g} to {high:g}")
    return values
