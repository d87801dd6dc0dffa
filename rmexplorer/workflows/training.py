"""Train a head: encode, fit, measure baselines, judge once on the held-out pairs. Command line and window share the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer import cache, wording
from rmexplorer.analysis.calibration import Scores, calibration
from rmexplorer.analysis.fix_comparison import length_pull
from rmexplorer.analysis.train_verdict import Verdict, train_verdict
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.measure import char_count
from rmexplorer.data.phrases import without_phrases
from rmexplorer.data.split import split_by_group
from rmexplorer.encoders import EncoderState, open_vectors
from rmexplorer.job import Job, Progress
from rmexplorer.paths import atomic, cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.baselines import MOST_TRAINING_PAIRS, bag_of_words, drawn, length_only, linear, style_only
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import Feature, FeatureLines, LengthLine, name_of
from rmexplorer.reward.loss import fit_temperature
from rmexplorer.reward.train import LEAST_TEMPERATURE_PAIRS, Fit, Knobs, train, validation_slice
from rmexplorer.statistics import distinct
from rmexplorer.workflows.columns import columns, source_names, sources
from rmexplorer.workflows.scoring import residual_values
from rmexplorer.workflows.settings import RESIDUAL, RunSettings

BASELINES_VERSION = 2
LEAST_PAIRS = 5  # of fewer, a held-out fifth is less than one pair
MEASURED = 2_000  # responses whose style is measured between two beats


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of the decided pairs (ties teach nothing) on both sides of a split by prompt."""

    training: np.ndarray
    heldout: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, holdout: float, seed: int, excluded: np.ndarray | None = None) -> Split:
        """The split that (holdout, seed) draw; raises Problem where no pair is left to train on.

        The held-out side may be empty, where nothing or only ties are held out: a head is not judged then.
        excluded: (pairs,) bool, pairs that are left out of both sides; no pair changes its side for that.
        """
        counted = need_winners(dataset, excluded)
        try:
            held = split_by_group(dataset.group, holdout, seed)
        except Problem as problem:
            raise Problem(f"{dataset.name}: {problem.what}", problem.remedy) from problem
        split = cls(np.flatnonzero(~held & counted), np.flatnonzero(held & counted))
        if not len(split.training):
            raise Problem(f"{dataset.name}: no pair is left to train on", "lower the held-out share or open more pairs")
        return split


def need_winners(dataset: Dataset, excluded: np.ndarray | None = None) -> np.ndarray:
    """(pairs,) bool: pairs with a winner that are not `excluded`; raises Problem where they are too few to learn from."""
    counted: np.ndarray = ~dataset.tie if excluded is None else ~dataset.tie & ~excluded
    if (there := int(counted.sum())) < LEAST_PAIRS:
        few = f"{wording.counted(there, 'pair')} with a winner {'is' if there == 1 else 'are'} too few to train a head"
        none = f"{'each pair is a tie' if excluded is None else 'no pair with a winner is left'}, so there is nothing to learn"
        raise Problem(f"{dataset.name}: {few if there else none}",
                      f"open {LEAST_PAIRS} pairs with a winner or more; some hundreds make a head that can be judged")
    return counted


def pair_weights(dataset: Dataset, settings: RunSettings) -> np.ndarray | None:
    """Weights (pairs,) float64 in [0, 1] by source, the largest 1; None where none is set.

    Raises Problem where a source is not one of the dataset's.
    """
    if not settings.source_weights:
        return None
    source = sources(dataset)
    known = source_names(dataset)
    weight = np.ones(len(dataset))
    for name, factor in settings.source_weights:
        if name not in known:
            raise Problem(f"{dataset.name}: there is no source {name!r}",
                          f"choose one of {', '.join(known)}" if known else "no column of this file names sources")
        weight[source == name] = factor
    largest = float(weight.max(initial=0.0))
    # the loss counts in float32, where a very small share is none
    return (weight / largest).astype(np.float32).astype(np.float64) if largest > 0 else weight


def split_of(dataset: Dataset, settings: RunSettings, excluded: np.ndarray | None = None) -> tuple[Split, np.ndarray | None]:
    """The split of a run, and the weights of its training pairs (None for equal); raises Problem as `Split.of`.

    Pairs of a dropped source are not on the training side at all, so that early stopping, temperature and the line of
    length do not see them either. The held-out side is the same whatever the weights.
    """
    split = Split.of(dataset, settings.train.holdout, settings.train.seed, excluded)
    weight = pair_weights(dataset, settings)
    if weight is None:
        return split, None
    kept = split.training[weight[split.training] > 0]
    if not len(kept):
        raise Problem(f"{dataset.name}: all training pairs are of sources with weight 0", "keep one source at least")
    even = bool(np.all(weight[kept] == weight[kept[0]]))
    return replace(split, training=kept), None if even else weight[kept]


@dataclass(frozen=True, eq=False)
class Trained:
    """A head with all that is known of it. rewards: (responses,) float32, calibrated (divided by the temperature)."""

    checkpoint: Checkpoint
    metrics: dict[str, Any]
    history: dict[str, list[float | None]]
    rewards: np.ndarray
    verdict: Verdict | None


def slices(dataset: Dataset, settings: RunSettings, excluded: np.ndarray | None = None) -> tuple[int, int, int]:
    """How many pairs are for training, of those for validation, and held out; raises Problem as `Split.of`."""
    split, _ = split_of(dataset, settings, excluded)
    validation = validation_slice(dataset.group[split.training], settings.train)
    return len(split.training), int(validation.sum()), len(split.heldout)


def fit(
    dataset: Dataset,
    encoded: np.ndarray,
    settings: RunSettings,
    knobs: Knobs | None = None,
    excluded: np.ndarray | None = None,
) -> Job[Fit]:
    """Job: train a head on the training side of the split, without `excluded` pairs. encoded: (responses, d) float32."""
    split, weight = split_of(dataset, settings, excluded)
    rows = split.training
    return (
        yield from train(
            encoded,
            dataset.chosen[rows],
            dataset.rejected[rows],
            dataset.group[rows],
            settings.train,
            knobs,
            weight=weight,
            length_gap=None if settings.train.length_fix == "none" else length_gap(dataset, settings.removed_phrases)[rows],
        )
    )


def length_gap(dataset: Dataset, removed: Sequence[str] = ()) -> np.ndarray:
    """(pairs,) float64: log(1 + characters) of the chosen minus that of the rejected response, 0 for ties.

    removed: phrases without which the responses are measured, as they are encoded.
    """
    characters = columns(dataset).characters
    if removed:
        characters = char_count(without_phrases(dataset.responses["text"], removed))
    logs = np.log1p(characters)
    return np.asarray(np.where(dataset.tie, 0.0, logs[dataset.chosen] - logs[dataset.rejected]))


def residualize(
    dataset: Dataset, rewards: np.ndarray, characters: np.ndarray, fitted: Fit, split: Split
) -> tuple[LengthLine, float]:
    """The line of length in raw `rewards` (responses,) of the training pairs, and the temperature without it.

    characters: (responses,), of what was encoded, stripped.
    The temperature is fitted on the margins of the validation slice, as that of the head is.
    """
    rows, logs = split.training, np.log1p(characters)
    gap = logs[dataset.chosen[rows]] - logs[dataset.rejected[rows]]
    margin = rewards[dataset.chosen[rows]].astype(np.float64) - rewards[dataset.rejected[rows]]
    shown = distinct(np.concatenate([dataset.chosen[rows], dataset.rejected[rows]]))
    line = LengthLine.fit(margin, gap, characters[shown])
    return line, _temperature(fitted, line.slope * gap)


def residualize_on(
    dataset: Dataset, rewards: np.ndarray, features: tuple[Feature, ...], values: np.ndarray, fitted: Fit, split: Split
) -> tuple[FeatureLines, float]:
    """The lines of chosen features, as `residualize` fits that of length; values: (responses, features)."""
    rows = split.training
    better, worse = dataset.chosen[rows], dataset.rejected[rows]
    shown, differences = distinct(np.concatenate([better, worse])), values[better] - values[worse]
    lines = FeatureLines.fit(features, rewards[better].astype(np.float64) - rewards[worse], differences, values[shown])
    return lines, _temperature(fitted, differences @ np.array(lines.slopes))


def _temperature(fitted: Fit, taken: np.ndarray) -> float:
    """The temperature of the validation slice once `taken` (training pairs,) is subtracted from the margins."""
    if len(fitted.validation_margin) < LEAST_TEMPERATURE_PAIRS:
        return fitted.temperature
    return fit_temperature(fitted.validation_margin - taken[fitted.validation])


def baselines(folder: str, vectors_folder: str, holdout: float, seed: int, without: str = "") -> Job[str]:
    """Job: margins of length alone, style alone, bag of words and a linear head on the held-out pairs; returns the path of an .npz.

    The result is kept in the cache under dataset, vectors and split, for it does not depend on the head. without: the
    file that `keep_excluded` wrote, where pairs are left out.
    """
    dataset = Dataset.open(Path(folder))
    said = [BASELINES_VERSION, dataset.fingerprint, Path(vectors_folder).name, holdout, seed, Path(without).name]
    path = cache_file("baselines", ".npz", *said)
    if cache.holds(path, read_baselines):
        return str(path)
    split = Split.of(dataset, holdout, seed, np.load(without, allow_pickle=False) if without else None)
    encoded, _ = open_vectors(Path(vectors_folder))
    gap = columns(dataset)["length_gap"]
    decided = np.flatnonzero(~dataset.tie)
    place = np.zeros(len(dataset), dtype=np.int64)
    place[decided] = np.arange(len(decided))
    margins = {"length": length_only(gap[place[split.training]], gap[place[split.heldout]]).margin}
    margins["style"] = yield from _style_margins(dataset, split, seed)
    yield Progress(1, 3, "bag of words")
    sides = (
        dataset.chosen[split.training],
        dataset.rejected[split.training],
        dataset.group[split.training],
        dataset.chosen[split.heldout],
        dataset.rejected[split.heldout],
    )
    margins["bag_of_words"] = (yield from bag_of_words(dataset.responses["text"], *sides, seed=seed)).margin
    yield Progress(2, 3, "linear head")
    margins["linear"] = (yield from linear(encoded, *sides, seed=seed)).margin
    with cache.writing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **margins)
    return str(path)


def _style_margins(dataset: Dataset, split: Split, seed: int) -> Job[np.ndarray]:
    """Job: margins of style alone on the held-out pairs; fitted on at most 20,000 training pairs."""
    rows = split.training[drawn(len(split.training), MOST_TRAINING_PAIRS, seed)]
    inside = np.zeros(len(dataset), bool)
    inside[rows] = inside[split.heldout] = True
    given = columns(dataset, mask=inside)
    responses = distinct(np.concatenate([given["response_chosen"], given["response_rejected"]]))
    for start in range(0, len(responses), MEASURED):
        yield Progress(start, len(responses), "style only: measuring responses")
        given.measure(responses[start : start + MEASURED])
    words = np.log1p(given["words_chosen"]) - np.log1p(given["words_rejected"])
    style = given["style_chosen"].astype(np.float64) - given["style_rejected"]
    differences = np.column_stack([given["length_gap"], words, style])
    place = np.zeros(len(dataset), np.int64)
    place[given.rows] = np.arange(given.pairs)
    fitted = yield from style_only(differences[place[rows]], dataset.group[rows], differences[place[split.heldout]], seed=seed)
    return fitted.margin


def keep_excluded(excluded: np.ndarray | None) -> str:
    """Put a mask of pairs (pairs,) bool into the cache under its content; returns the file, "" for None."""
    if excluded is None:
        return ""
    path = cache_file("excluded", ".npy", len(excluded).to_bytes(8, "big") + np.packbits(excluded).tobytes())
    if not cache.holds(path, cache.has_rows(len(excluded))):
        with atomic(path) as part, part.open("wb") as file:  # called in the window's thread, so nothing is pruned
            np.save(file, excluded, allow_pickle=False)
    return str(path)


def read_baselines(path: str | Path) -> dict[str, np.ndarray]:
    """Margins (held-out pairs,) of each baseline, as `baselines` wrote them."""
    try:
        with Path(path).open("rb") as kept, np.load(kept, allow_pickle=False) as file:  # closed also where it is no zip
            return {name: file[name] for name in file.files}
    except Exception as error:  # zip, zlib and OS errors alike: the entry cannot be read
        raise Problem(f"{path}: the baselines cannot be read ({error})", "delete this file and train again") from error


def assess(
    dataset: Dataset,
    encoded: np.ndarray,
    encoder: EncoderState,
    fitted: Fit,
    settings: RunSettings,
    others: dict[str, np.ndarray],
    seconds: dict[str, float] | None = None,
    excluded: np.ndarray | None = None,
) -> Job[Trained]:
    """Job: score every response and judge the head once on the held-out pairs; `others` are margins of the baselines.

    excluded: (pairs,) bool, pairs that were left out of training and of this judgement too.
    """
    yield Progress(0, 3, "scoring")
    raw, temperature = fitted.model.rewards(encoded), fitted.temperature
    residual: LengthLine | FeatureLines | None = None
    split, _ = split_of(dataset, settings, excluded)
    if settings.train.length_fix == "residualize" and settings.residual_features != RESIDUAL:
        features = settings.residual_features
        values = yield from residual_values(dataset, features, encoder.plain(dataset.responses["text"]))
        residual, temperature = residualize_on(dataset, raw, features, values, fitted, split)
        raw = raw - residual.at(values)
    elif settings.train.length_fix == "residualize":
        characters = columns(dataset).characters
        if encoder.removed:
            characters = char_count(encoder.plain(dataset.responses["text"]))
        residual, temperature = residualize(dataset, raw, characters, fitted, split)
        raw = raw - residual.at(characters)
    rewards = (raw / temperature).astype(np.float32)
    margin = rewards[dataset.chosen].astype(np.float64) - rewards[dataset.rejected]
    yield Progress(1, 3, "judging on held-out pairs")
    verdict = (
        train_verdict(margin[split.heldout], dataset.prompt[split.heldout], others) if len(split.heldout) else None
    )
    metrics = _metrics(dataset, encoded, fitted, settings, split, margin, verdict, temperature)
    metrics["length"] = length_pull(margin[split.heldout], length_gap(dataset)[split.heldout])
    metrics["excluded_pairs"] = 0 if excluded is None else int(excluded.sum())
    metrics["seconds"] = {**(seconds or {}), "train": round(fitted.seconds, 3)}
    yield Progress(2, 3, "keeping the head")
    checkpoint = Checkpoint(
        model=fitted.model,
        encoder=encoder,
        temperature=temperature,
        residual=residual,
        settings=settings.train,
        metrics=metrics,
        dataset_fingerprint=dataset.fingerprint,
        dataset_name=dataset.name,
        reward_mean=float(rewards.mean()),
        reward_std=float(rewards.std()) or 1.0,
    )
    return Trained(checkpoint, metrics, _history(fitted), rewards, verdict)


def _absent(dataset: Dataset, settings: RunSettings) -> list[str]:
    """A sentence for each phrase to remove that no response has."""
    texts = dataset.responses["text"]
    absent = [phrase for phrase in settings.removed_phrases if without_phrases(texts, (phrase,)).equals(texts)]
    return [f"No response has “{phrase}”, so there was nothing to remove." for phrase in absent]


def _metrics(
    dataset: Dataset,
    encoded: np.ndarray,
    fitted: Fit,
    settings: RunSettings,
    split: Split,
    margin: np.ndarray,
    verdict: Verdict | None,
    temperature: float,
) -> dict[str, Any]:
    right = np.where(margin[split.training] == 0, 0.5, margin[split.training] > 0)
    metrics: dict[str, Any] = {
        "encoder": settings.encoder,
        "input_dim": int(encoded.shape[1]),
        "hidden_dim": settings.train.hidden_dim,
        "loss": settings.train.loss,
        "length_fix": settings.train.length_fix,
        "residual_features": [*map(name_of, settings.residual_features)] if settings.train.length_fix == "residualize" else [],
        "source_weights": dict(settings.source_weights),
        "removed_phrases": list(settings.removed_phrases),
        "seed": settings.train.seed,
        "train_pairs": len(split.training),
        "heldout_pairs": len(split.heldout),
        "split": "by_prompt",
        "train_accuracy": float(right.mean()),
        "validation_pairs": int(fitted.validation.sum()),
        "heldout_accuracy": None,
        "heldout_accuracy_ci": None,
        "baselines": {"length": None, "style": None, "bag_of_words": None, "linear": None},
        "baselines_ci": {},
        "differences": {},
        "nll": None,
        "brier": None,
        "ece": None,
        "ece_null95": None,
        "temperature": temperature,
        "as_trained": None,
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "stopped": fitted.stopped,
        "refitted": fitted.refitted,
        "pairs_per_second": round(fitted.pairs_per_second),
        "warnings": [*fitted.warnings, *_absent(dataset, settings)],
        "headline": None,
    }
    if verdict is None:
        return metrics
    metrics["heldout_accuracy"] = verdict.accuracy.value
    metrics["heldout_accuracy_ci"] = [verdict.accuracy.low, verdict.accuracy.high]
    for rival in verdict.rivals:
        metrics["baselines"][rival.name] = rival.accuracy.value
        metrics["baselines_ci"][rival.name] = rival.accuracy.ci
        metrics["differences"][rival.name] = {
            "value": rival.difference.value,
            "ci": [rival.difference.low, rival.difference.high],
        }
    metrics["headline"] = verdict.headline()
    subset = np.full(len(split.heldout), "")
    raw = calibration(
        margin[split.heldout] * temperature,
        dataset.prompt[split.heldout],
        subset,
        temperature=temperature,
    )
    metrics.update(_errors(raw.scaled or raw.trained))
    metrics["as_trained"] = _errors(raw.trained)
    return metrics


def _errors(scores: Scores) -> dict[str, float | None]:
    return {"nll": scores.nll.value, "brier": scores.brier.value, "ece": scores.ece, "ece_null95": scores.ece_null95}


def _history(fitted: Fit) -> dict[str, list[float | None]]:
    history = fitted.history
    return {
        name: [None if not np.isfinite(value) else float(value) for value in getattr(history, name)]
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
    }
