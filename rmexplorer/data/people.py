"""Who judged the pairs: annotators, their votes, and how often they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rmexplorer.data.dataset import Dataset
from rmexplorer.statistics import NOTHING, Estimate, proportion


@dataclass(frozen=True)
class People:
    """votes: judgements in all; annotators: distinct names (0 where none is named); several: pairs with at least
    two votes;
    unanimous: the share of those on which all agree, with its Wilson interval."""

    votes: int
    annotators: int
    several: int
    unanimous: Estimate


def people(dataset: Dataset, mask: np.ndarray | None = None) -> People:
    """Count the votes on the pairs of `mask` (pairs,) bool, on all where it is None."""
    votes = dataset.votes
    if mask is not None:
        votes = votes.filter(pl.Series(mask[votes["pair"].to_numpy()]))
    each = votes.group_by("pair").agg(pl.len().alias("n"), pl.col("choice").n_unique().alias("kinds"))
    several = each.filter(pl.col("n") >= 2)
    agree = int((several["kinds"] == 1).sum())
    share = proportion(float(agree), several.height) if several.height else NOTHING
    return People(votes.height, int(votes["annotator"].drop_nulls().n_unique()), several.height, share)
