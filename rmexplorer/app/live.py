"""The run that trains now: its curves so far, and what stands around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rmexplorer.app.jobs import Run
from rmexplorer.project import RunRecord

if TYPE_CHECKING:
    from rmexplorer.reward.train import Beat, Knobs
    from rmexplorer.workflows.settings import RunSettings

Phase = Literal["encoding", "training", "assessing", "done", "stopped", "failed"]


@dataclass(eq=False)
class Live:
    """A run from its start to its verdict. Points are added as beats come in; `version` rises with each change.

    loss: (epoch as a fraction, mean training loss since the last point); epochs: (epoch, training accuracy, validation
    loss, validation accuracy) at the end of each epoch, None where there is no validation slice.
    """

    name: str
    settings: RunSettings
    knobs: Knobs
    phase: Phase = "encoding"
    loss: list[tuple[float, float]] = field(default_factory=list)
    epochs: list[tuple[float, float, float | None, float | None]] = field(default_factory=list)
    best_epoch: int = 0
    pairs_per_second: float = 0.0
    refit: bool = False
    validation_pairs: int = 0
    training_pairs: int = 0
    heldout_pairs: int = 0
    baselines: dict[str, float] = field(default_factory=dict)
    record: RunRecord | None = None
    problem: str = ""
    run: Run | None = None
    version: int = 0

    def take(self, beat: Beat) -> None:
        """Add one beat of the training job."""
        self.version += 1
        self.pairs_per_second = beat.pairs_per_second or self.pairs_per_second
        self.best_epoch = beat.best_epoch
        if beat.phase == "refit":
            self.refit = True
            return
        if not self.epochs:
            self.loss.append((0.0, beat.train_loss))
            self.epochs.append((0.0, beat.train_accuracy, beat.validation_loss, beat.validation_accuracy))
        if beat.steps and not beat.ended:
            self.loss.append((beat.epoch - 1 + beat.step / beat.steps, beat.batch_loss))
        if beat.ended:
            self.epochs.append((float(beat.epoch), beat.train_accuracy, beat.validation_loss, beat.validation_accuracy))

    @property
    def learning_rate(self) -> float:
        """The step size that acts now."""
        turned = self.knobs.learning_rate
        return self.settings.train.learning_rate if turned is None else turned

    @property
    def epoch(self) -> int:
        """Whole epochs so far."""
        return max(0, len(self.epochs) - 1)

    def read_baselines(self, accuracies: dict[str, float]) -> None:
        """Held-out accuracies of the rules that the head is measured against, by name."""
        self.baselines = accuracies
        self.version += 1
