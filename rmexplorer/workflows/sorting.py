"""Features of both responses of every pair, for sorting: measured once for a dataset, in blocks that show progress."""

from __future__ import annotations

import numpy as np

from rmexplorer.data.own_features import OwnFeature
from rmexplorer.job import Job, Progress
from rmexplorer.workflows.columns import STYLE, Columns

BLOCK = 5_000
LENGTHS = ("characters", "words")  # these are known


def feature_names(given: Columns) -> tuple[str, ...]:
    """What pairs can be sorted by: lengths, the surface features of METHODS.md, then a person's own."""
    return LENGTHS + STYLE + tuple(feature.name for feature in given.own)


def _own(given: Columns, name: str) -> OwnFeature | None:
    return next((feature for feature in given.own if feature.name == name), None)


def is_measured(given: Columns, name: str) -> bool:
    """Whether a feature that there is has been measured in all responses."""
    return name in LENGTHS or (name in feature_names(given) and given.whole(_own(given, name)) is not None)


def measured(given: Columns, name: str) -> np.ndarray | None:
    """(all pairs, 2) of the chosen and the rejected response (of a tie: first and second); None before `measuring`."""
    dataset = given.dataset
    if name in LENGTHS:
        values = dataset.lengths[LENGTHS.index(name)]
    else:
        own = _own(given, name)
        table = given.whole(own)
        if table is None or name not in feature_names(given):
            return None
        values = table[:, 0 if own else STYLE.index(name)]
    return np.stack([values[dataset.chosen], values[dataset.rejected]], axis=1)


def measuring(given: Columns, name: str) -> Job[None]:
    """Job: measure a feature in every response, the surface features all at once. Raises Problem for an unusable one."""
    if is_measured(given, name):
        return
    own, count = _own(given, name), given.dataset.responses.height
    for start in range(0, count, BLOCK):
        yield Progress(start, count, "measuring responses")
        given.measure(np.arange(start, min(start + BLOCK, count)), own)
