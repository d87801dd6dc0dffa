"""Rewards that a file already holds, as score columns of its comparisons."""

from __future__ import annotations

import numpy as np

from rmexplorer.data.dataset import Dataset
from rmexplorer.problem import Problem


def from_columns(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the first and the second response of each comparison, each (pairs,) float64, NaN where there is none.

    Raises Problem where the dataset has no score at all.
    """
    first = dataset.pairs["score_first"].to_numpy().astype(np.float64)
    second = dataset.pairs["score_second"].to_numpy().astype(np.float64)
    if not np.any(np.isfinite(first) & np.isfinite(second)):
        raise Problem(f"{dataset.path or dataset.name}: holds no rewards", "give a model to score it with")
    return first, second


def response_rewards(dataset: Dataset) -> np.ndarray:
    """Reward of each response (responses,) float64: the mean of its scores over comparisons, NaN where it has none."""
    first, second = from_columns(dataset)
    row = np.concatenate((dataset.pairs["first"].to_numpy(), dataset.pairs["second"].to_numpy())).astype(np.intp)
    score = np.concatenate((first, second))
    known = np.isfinite(score)
    count = np.bincount(row[known], minlength=dataset.responses.height)
    total = np.bincount(row[known], score[known], minlength=dataset.responses.height)
    mean: np.ndarray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean
