"""What stands beside every reward head: length alone, style alone, a bag of words, and a linear head on the same vectors.

Each is fitted on training pairs and returns margins of other pairs, so that accuracy, calibration and intervals come
from the same functions as those of the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.reward.loss import softplus
from rmexplorer.reward.tfidf import Tfidf
from rmexplorer.statistics import sigmoid

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
LINEAR_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
STYLE_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FOLDS = 3
MOST_TRAINING_PAIRS = 20_000
MANY_PAIRS = 6_000
BLOCK_PAIRS = 8_192


@dataclass(frozen=True, eq=False)
class Baseline:
    """Margins of one baseline on pairs that it was not fitted on.

    margin: d (test pairs,) float64, positive where it puts the chosen response first, 0 where it cannot say; detail:
    what was fitted, in a few words.
    """

    name: str
    title: str
    margin: np.ndarray
    detail: str


def length_only(gap: np.ndarray, test_gap: np.ndarray, target: np.ndarray | None = None) -> Baseline:
    """Logistic regression of the label on the difference of log characters, slope only.

    gap: log characters of the chosen − of the rejected response of the training pairs (pairs,); test_gap: the same of
    the pairs to judge; target: as in `train`. Without training pairs the slope is 0.
    """
    column = np.asarray(gap, dtype=np.float64)[:, None]
    slope = float(fit_logistic(column, 1e3, target)[0]) if np.any(column) else 0.0
    return Baseline("length", "length only", slope * np.asarray(test_gap, dtype=np.float64),
                    f"{slope:+.2f} per unit of log characters")


def style_only(differences: np.ndarray, group: np.ndarray, test_differences: np.ndarray, target: np.ndarray | None = None,
               seed: int = 0) -> Job[Baseline]:
    """Job: linear Bradley–Terry on surface features, L2-regularised, C by cross-validation grouped by prompt.

    differences: of the features of chosen and rejected responses of the training pairs (pairs, k), lengths as logarithms;
    each is divided by its root mean square there. test_differences: (test pairs, k); the rest as in `bag_of_words`.
    """
    given = np.asarray(differences, np.float64)
    scale = np.sqrt((given**2).mean(axis=0)) if len(given) else np.ones(given.shape[1])
    scale = np.where(scale > 0, scale, 1.0)
    weights, strength = yield from _searched(given / scale, group, target, STYLE_STRENGTHS, seed, "style only")
    names = given.shape[1]
    return Baseline("style", "style only", np.asarray(test_differences, np.float64) / scale @ weights,
                    f"{names} features, C = {strength:g}, fitted on {len(given):,} pairs")


def bag_of_words(texts: pl.Series | Sequence[str], chosen: np.ndarray, rejected: np.ndarray, group: np.ndarray,
                 test_chosen: np.ndarray, test_rejected: np.ndarray, target: np.ndarray | None = None,
                 seed: int = 0) -> Job[Baseline]:
    """Job: linear Bradley–Terry on TF-IDF of words and pairs of words of the responses.

    texts: (responses,); chosen, rejected: rows of the training pairs (pairs,); group: (pairs,), for the
    cross-validation of the strength C; test_chosen, test_rejected: rows of the pairs to judge. Above 20,000 training
    pairs it is fitted on 20,000 of them drawn by `seed`, and the detail says so.
    """
    texts = texts if isinstance(texts, pl.Series) else pl.Series("text", texts, dtype=pl.String)
    rows = drawn(len(chosen), MOST_TRAINING_PAIRS, seed)
    chosen, rejected, group = chosen[rows], rejected[rows], group[rows]
    target = None if target is None else target[rows]
    yield Progress(0, 0, "bag of words: counting words")
    used, place = np.unique(np.concatenate((chosen, rejected)), return_inverse=True)
    known = texts.gather(used)
    tfidf = Tfidf().fit(known)
    yield Progress(0, 0, "bag of words: counting words")
    if not tfidf.terms:
        return Baseline("bag_of_words", "bag of words", np.zeros(len(test_chosen)), "no word stands in two responses")
    matrix = tfidf.transform(known)
    differences = (matrix[place[:len(chosen)]] - matrix[place[len(chosen):]]).tocsr()
    weights, strength = yield from _searched(differences, group, target, STRENGTHS, seed, "bag of words")
    margin = np.empty(len(test_chosen))
    for start in range(0, len(margin), BLOCK_PAIRS):
        cut = slice(start, start + BLOCK_PAIRS)
        better, worse = (tfidf.transform(texts.gather(of[cut])) @ weights for of in (test_chosen, test_rejected))
        margin[cut] = better - worse
        yield Progress(start, len(margin), "bag of words: judging pairs")
    return Baseline("bag_of_words", "bag of words", margin,
                    f"{tfidf.terms:,} words and pairs of words, C = {strength:g}{_fitted_on(rows, chosen)}")


def linear(vectors: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, group: np.ndarray, test_chosen: np.ndarray,
           test_rejected: np.ndarray, target: np.ndarray | None = None, seed: int = 0) -> Job[Baseline]:
    """Job: a linear head on the vectors, L2-regularised, C by cross-validation grouped by prompt.

    vectors: (responses, d) float32, an array or a memory map; the rest as in `bag_of_words`.
    """
    rows = drawn(len(chosen), MOST_TRAINING_PAIRS, seed)
    chosen, rejected, group = chosen[rows], rejected[rows], group[rows]
    target = None if target is None else target[rows]
    differences = np.asarray(vectors[chosen] - vectors[rejected])
    weights, strength = yield from _searched(differences, group, target, LINEAR_STRENGTHS, seed, "linear head")
    margin = np.empty(len(test_chosen))
    for start in range(0, len(margin), BLOCK_PAIRS):
        cut = slice(start, start + BLOCK_PAIRS)
        margin[cut] = (vectors[test_chosen[cut]] - vectors[test_rejected[cut]]) @ weights
        yield Progress(start, len(margin), "linear head: judging pairs")
    return Baseline("linear", "linear head", margin, f"C = {strength:g}{_fitted_on(rows, chosen)}")


def fit_logistic(differences: Any, strength: float, target: np.ndarray | None = None,
                 start: np.ndarray | None = None) -> np.ndarray:
    """Weights w (d,) float64 that minimise Σ loss(w · x) + |w|² / 2C without intercept, by L-BFGS.

    differences: x (pairs, d), dense or scipy sparse; strength: C; target: (pairs,) in [0, 1] or None for 1; start: w to
    begin from. The problem is convex, so the start changes the time alone.
    """
    pairs, width = differences.shape
    turned = differences.T if isinstance(differences, np.ndarray) else differences.T.tocsr()
    kind = differences.dtype
    t = 1.0 if target is None else np.asarray(target, dtype=np.float64)
    ridge = 1 / (strength * max(1, pairs))

    def loss_and_slope(weights: np.ndarray) -> tuple[float, np.ndarray]:
        d = (differences @ weights.astype(kind)).astype(np.float64)
        value = float(np.mean(softplus(-d) + (1 - t) * d)) + ridge / 2 * float(weights @ weights)
        slope = turned @ ((sigmoid(d) - t) / pairs).astype(kind)
        return value, slope.astype(np.float64) + ridge * weights

    begin = np.zeros(width) if start is None else start
    import scipy.optimize  # late: half a second that the window's start need not wait for

    found = scipy.optimize.minimize(loss_and_slope, begin, jac=True, method="L-BFGS-B",
                                    options={"maxiter": 200, "ftol": 1e-7, "gtol": 1e-9, "maxcor": 6})
    weights: np.ndarray = found.x
    return weights


def _searched(differences: Any, group: np.ndarray, target: np.ndarray | None, strengths: Sequence[float], seed: int,
              note: str) -> Job[tuple[np.ndarray, float]]:
    """Weights and the C with the lowest loss on held-out groups, from strong to weak until the loss rises."""
    pairs = differences.shape[0]
    if not pairs:
        raise Problem("there are no pairs to train on", "loosen the filter or lower the held-out share")
    folds = _folds(group, seed)
    inside = [differences[~outside] for outside in folds]
    last: list[np.ndarray | None] = [None] * len(folds)
    best, lowest = strengths[len(strengths) // 2], float("inf")
    for place, strength in enumerate(strengths if folds else ()):
        lost = 0.0
        for number, outside in enumerate(folds):
            weights = fit_logistic(inside[number], strength, None if target is None else target[~outside],
                                   last[number])  # begins where the stronger one ended
            last[number] = weights
            d = np.asarray(differences[outside] @ weights)
            lost += float(np.sum(softplus(-d) + (0.0 if target is None else 1 - target[outside]) * d))
            yield Progress(place * len(folds) + number, len(strengths) * len(folds), f"{note}: choosing C")
        if lost > lowest:
            break
        best, lowest = strength, lost
    return fit_logistic(differences, best, target), best


def _folds(group: np.ndarray, seed: int) -> list[np.ndarray]:
    """Masks (pairs,) of held-out pairs by group: three folds, one fold of 20 % of many pairs, none of one group."""
    groups, place = np.unique(group, return_inverse=True)
    if len(groups) < 2:
        return []
    many = len(group) > MANY_PAIRS
    count = 5 if many else min(FOLDS, len(groups))
    fold = (np.random.default_rng(seed).permutation(len(groups)) % count)[place]
    return [fold == number for number in range(1 if many else count)]


def drawn(pairs: int, most: int, seed: int) -> np.ndarray:
    """Rows of at most `most` pairs, in order."""
    if pairs <= most:
        return np.arange(pairs)
    return np.sort(np.random.default_rng(seed).permutation(pairs)[:most])


def _fitted_on(rows: np.ndarray, chosen: np.ndarray) -> str:
    return f", fitted on {len(chosen):,} pairs" if len(rows) == MOST_TRAINING_PAIRS else ""
