"""Rewards of a dataset from one source: a head, or the scores that came with the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from rmexplorer.data.dataset import Dataset
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.sources.columns import from_columns, response_rewards
from rmexplorer.workflows.scoring import heldout_of, pair_rewards


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
