"""The whole of `rmexplorer train`: from a dataset to a judged head, and its report for people."""

from __future__ import annotations

import time
from typing import Any

from rmexplorer import wording
from rmexplorer.data.dataset import Dataset
from rmexplorer.encoders import open_vectors, vectors
from rmexplorer.job import Job
from rmexplorer.workflows.opening import kept
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.training import Trained, assess, baselines, fit, read_baselines, split_of


def train_file(dataset: Dataset, settings: RunSettings, reading: float = 0.0) -> Job[Trained]:
    """Job: the whole of `rmexplorer train`, from a dataset to a judged head; `reading` it took so many seconds."""
    clock = [time.perf_counter() - reading]

    def lap() -> float:
        clock.append(time.perf_counter())
        return round(clock[-1] - clock[-2], 3)

    folder = yield from kept(dataset)
    split_of(dataset, settings)  # what cannot be trained fails before the texts are encoded
    seconds = {"load": lap()}
    encoded_in = yield from vectors(
        folder, settings.encoder, {}, settings.train.holdout, settings.train.seed, settings.removed_phrases
    )
    encoded, encoder = open_vectors(encoded_in)
    seconds["encode"] = lap()
    fitted = yield from fit(dataset, encoded, settings)
    others = {}
    if settings.train.holdout > 0:
        others = read_baselines(
            (yield from baselines(folder, str(encoded_in), settings.train.holdout, settings.train.seed))
        )
    return (yield from assess(dataset, encoded, encoder, fitted, settings, others, seconds))


def report(metrics: dict[str, Any]) -> str:
    """The metrics as a few lines for people."""
    lines = [
        f"Trained on {wording.counted(metrics['train_pairs'], 'pair')}: {metrics['epochs']} epochs, best {metrics['best_epoch']}, "
        f"{metrics['pairs_per_second']:,} pairs a second."
    ]
    if metrics["heldout_accuracy"] is None:
        lines.append("Nothing was held out, so how well it generalises is not known.")
        return "\n".join(lines)
    lines.append(str(metrics["headline"]))
    lines.append(f"Baselines on the same pairs: {wording.baselines(metrics)}.")
    lines.append(
        f"Calibration error {wording.number(metrics['ece'], 3)} (chance gives up to {wording.number(metrics['ece_null95'], 3)}), "
        f"Brier {wording.number(metrics['brier'], 3)}, log loss {wording.number(metrics['nll'], 3)}, "
        f"temperature {wording.number(metrics['temperature'])}."
    )
    if metrics["source_weights"]:
        lines.append("Sources: " + ", ".join(f"{name} × {weight:g}" for name, weight in metrics["source_weights"].items()) + ".")
    if metrics["residual_features"] not in ([], ["characters"]):
        lines.append("Residualised on: " + ", ".join(wording.style(name) for name in metrics["residual_features"]) + ".")
    if metrics["removed_phrases"]:
        lines.append("Removed before encoding: " + ", ".join(f"“{phrase}”" for phrase in metrics["removed_phrases"]) + ".")
    lines += [f"Note: {warning}" for warning in metrics["warnings"]]
    return "\n".join(lines)
