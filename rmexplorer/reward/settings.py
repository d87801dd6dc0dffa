"""The settings of a training run: one table of defaults, bounds and help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import LENGTH_FIXES
from rmexplorer.reward.loss import LOSSES, PairLoss

MANY_PAIRS = 30_000
AVERAGED_PAIRS = 10_000


def _setting(default: Any, help: str, low: float | None = None, high: float | None = None, simple: bool = False,
             below: float | None = None, above: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high, "below": below, "above": above,
                                            "simple": simple})


@dataclass(frozen=True)
class TrainSettings:
    """How a reward head is trained. Raises Problem where a value is out of its bounds.

    `dataclasses.fields` gives for each setting its default and, in `metadata`, help (a sentence), low and high
    (inclusive bounds, None where open), above and below (exclusive ones) and simple (shown to everybody).
    """

    hidden_dim: int = _setting(256, "Units of the hidden layer; 0 makes the head linear.", 0, 16384, simple=True)
    loss: str = _setting("bradley_terry", "What is minimised over pairs.", simple=True)
    epochs: int = _setting(60, "Most passes over the training pairs; early stopping usually ends before.", 1, 10_000,
                           simple=True)
    batch_size: int | None = _setting(None, "Pairs a step; automatic is 128, and 512 from 30,000 pairs.", 1, 65536)
    learning_rate: float = _setting(3e-4, "Step size of Adam; it can be changed while training runs.", high=1, above=0,
                                    simple=True)
    weight_decay: float = _setting(0.0, "Decoupled decay of all weights (AdamW); it shrinks rewards each step.", 0, 10)
    dropout: float = _setting(0.5, "Share of hidden units left out in each step, against overfitting.", 0, below=1)
    patience: int = _setting(6, "Epochs without a lower validation loss before training stops.", 1, 10_000)
    validation: float = _setting(0.2, "Share of the training prompts that early stopping and temperature use; 0: none.",
                                 0, below=1)
    refit: bool = _setting(True, "Train once more on all training pairs for the number of epochs found best.")
    heads: int = _setting(3, "Heads that the refit trains from different starts; their mean is kept. Below 10,000 pairs, "
                             "and where there is a hidden layer; otherwise one.", 1, 16)
    holdout: float = _setting(0.2, "Share of the prompts kept apart for the verdict; 0 trains on all.", 0, below=1,
                              simple=True)
    seed: int = _setting(0, "Draws split, first weights, order and dropout; the same seed repeats a run.",
                         0, 2 ** 32 - 1, simple=True)
    margin: float = _setting(1.0, "By how much the chosen response must win (loss margin).", 0, 100)
    centring: float = _setting(0.01, "Strength of the pull of rewards towards 0 (loss centred).", 0, 100)
    label_noise: float = _setting(0.1, "Share of labels taken to be wrong (losses smoothed and robust).", 0, below=0.5)
    length_fix: str = _setting("none", "What is done against a reward that follows length.")
    length_penalty: float = _setting(1.0, "Strength of the penalty on following length (length fix penalty).", 0, 100)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise Problem(f"there is no loss named {self.loss!r}", f"choose one of {', '.join(LOSSES)}")
        if self.length_fix not in LENGTH_FIXES:
            raise Problem(f"there is no length fix named {self.length_fix!r}", f"choose one of {', '.join(LENGTH_FIXES)}")
        for setting in fields(self):
            if setting.name == "batch_size" and self.batch_size is None:
                continue
            _check(setting.name, getattr(self, setting.name), setting.default, setting.metadata)

    def pair_loss(self) -> PairLoss:
        """The loss that these settings name."""
        return PairLoss(margin=self.margin if self.loss == "margin" else 0.0,
                        centring=self.centring if self.loss == "centred" else 0.0,
                        smoothing=self.label_noise if self.loss in ("smoothed", "robust") else 0.0,
                        robust=self.loss == "robust")

    def batch_of(self, pairs: int) -> int:
        """Pairs a step when there are `pairs` to train on."""
        return min(self.batch_size or (512 if pairs >= MANY_PAIRS else 128), max(1, pairs))

    def heads_of(self, pairs: int) -> int:
        """Heads that the refit on so many pairs averages: with many pairs chance draws them too much alike to gain."""
        return self.heads if self.hidden_dim and pairs < AVERAGED_PAIRS else 1

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainSettings:
        """The settings that `as_dict` wrote; names that this version does not know are left out."""
        known = {setting.name for setting in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def _check(name: str, value: Any, default: Any, bounds: Mapping[str, Any]) -> None:
    if isinstance(default, str):
        return
    wanted: tuple[type, ...] = (int, float) if isinstance(default, float) else (int,)
    wanted = (bool,) if isinstance(default, bool) else wanted
    title = name.replace("_", " ")
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted != (bool,)):
        kind = "yes or no" if wanted == (bool,) else "a whole number" if wanted == (int,) else "a number"
        raise Problem(f"{title} {value!r} is not {kind}", "choose another value")
    low, high, below, above = (bounds[key] for key in ("low", "high", "below", "above"))
    # written so that NaN fails as well
    if not ((low is None or value >= low) and (high is None or value <= high)
            and (below is None or value < below) and (above is None or value > above)):
        least = f"at least {low:g}" if low is not None else f"above {above:g}"
        most = f"at most {high:g}" if high is not None else f"below {below:g}"
        raise Problem(f"{title} {value:g} is not possible", f"choose a value {least} and {most}")
