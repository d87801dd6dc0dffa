"""Rewards of a dataset from one source: a head, or the scores that came with the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import polars as pl

from rmexplorer.data import query
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.table import pair_frame
from rmexplorer.job import Job
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.sources.columns import from_columns, response_rewards
from rmexplorer.workflows.scoring import heldout_of, pair_rewards, score

COLUMNS = pl.Schema({"margin": pl.Float64, "reward_chosen": pl.Float64, "reward_rejected": pl.Float64, "heldout": pl.Boolean,
                     "wrong": pl.Boolean})
"""What `Rewards.beside` adds to the frame of pairs."""


@dataclass(frozen=True, eq=False)
class Rewards:
    """Rewards of one source. response: (responses,) float32; first, second: (pairs,) float64, NaN where there is none.

    source: "model" or "columns"; the rewards of a head are calibrated: they were divided by `temperature`. heldout: (pairs,)
    bool, the pairs that the head has not learnt from (all of them for score columns).
    """

    source: Literal["model", "columns"]
    name: str
    response: np.ndarray
    first: np.ndarray
    second: np.ndarray
    heldout: np.ndarray
    temperature: float = 1.0
    metrics: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of_model(cls, dataset: Dataset, checkpoint: Checkpoint, response: np.ndarray, name: str) -> Rewards:
        """Rewards of a head: `response` (responses,) calibrated."""
        return cls(
            "model",
            name,
            response,
            *pair_rewards(dataset, response),
            heldout_of(dataset, checkpoint),
            checkpoint.temperature,
            MappingProxyType(checkpoint.metrics),
        )

    @classmethod
    def of_columns(cls, dataset: Dataset) -> Rewards:
        """Rewards that came with the file; every pair counts as held out, for nothing was learnt here."""
        first, second = from_columns(dataset)
        return cls(
            "columns", "scores of the file", response_rewards(dataset), first, second, np.ones(len(dataset), dtype=bool)
        )

    def beside(self, frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """The frame of pairs (`pair_frame`) with COLUMNS: rewards of chosen and rejected, their difference, held out, wrong."""
        chosen, rejected = self.first, self.second
        if (second_won := dataset.winner == -1).any():
            chosen, rejected = np.where(second_won, rejected, chosen), np.where(second_won, chosen, rejected)
        margin = chosen - rejected
        values = (margin, chosen, rejected, self.heldout, (margin < 0) & ~dataset.tie)
        return frame.with_columns(*(pl.Series(name, value) for name, value in zip(COLUMNS, values, strict=True)))


def unseen_pairs(dataset: Dataset, checkpoint: Checkpoint, text: str) -> Job[np.ndarray]:
    """Job: (n,) rows of the pairs that pass a filter of the window, and that the head has not learnt from.

    Of all pairs where it learnt from all of them. The dataset is scored where the filter asks for rewards. Raises Problem
    for a filter that cannot be read, and where no pair passes.
    """
    frame, held = pair_frame(dataset), heldout_of(dataset, checkpoint)
    asked = query.parse(text, frame.schema | COLUMNS)
    if not set(COLUMNS).isdisjoint(asked.expression.meta.root_names()):
        frame = Rewards.of_model(dataset, checkpoint, (yield from score(dataset, checkpoint)), "").beside(frame, dataset)
    passing = asked.mask(frame)
    rows = np.flatnonzero(passing & held if held.any() else passing)
    if not len(rows):
        which = "pair" if not held.any() or held.all() else "held-out pair"
        raise Problem(f"{dataset.name}: no {which} passes the filter {text!r}", "choose another filter")
    return rows
