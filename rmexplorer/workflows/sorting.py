"""Features of both responses of every pair, for sorting: measured once for a dataset, in blocks that show progress."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.features import surface
from rmexplorer.data.own_features import OwnFeature, measure
from rmexplorer.job import Job, Progress
from rmexplorer.workflows.columns import STYLE

BLOCK = 20_000
SURFACE = ("characters", "words", "sentences", *STYLE)
"""The surface features of METHODS.md that pairs can be sorted by."""

# {None: (responses, SURFACE), a feature of one's own: (responses, 1)} float32
_MEASURED: WeakKeyDictionary[Dataset, dict[OwnFeature | None, np.ndarray]] = WeakKeyDictionary()


def feature_names(own: tuple[OwnFeature, ...]) -> tuple[str, ...]:
    """What pairs can be sorted by: the surface features, then a person's own."""
    return SURFACE + tuple(feature.name for feature in own)


def _table(name: str, own: tuple[OwnFeature, ...]) -> OwnFeature | None:
    return next((feature for feature in own if feature.name == name), None)


def is_measured(dataset: Dataset, name: str, own: tuple[OwnFeature, ...] = ()) -> bool:
    """Whether a feature that there is has been measured in this dataset."""
    return name in feature_names(own) and _table(name, own) in _MEASURED.get(dataset, {})


def measured(dataset: Dataset, name: str, own: tuple[OwnFeature, ...] = ()) -> np.ndarray | None:
    """(pairs, 2) float32 of the chosen and the rejected response (of a tie: first and second), None before `measuring`."""
    if not is_measured(dataset, name, own):
        return None
    feature = _table(name, own)
    column = _MEASURED[dataset][feature][:, 0 if feature else SURFACE.index(name)]
    return np.stack([column[dataset.chosen], column[dataset.rejected]], axis=1)


def measuring(dataset: Dataset, name: str, own: tuple[OwnFeature, ...] = ()) -> Job[None]:
    """Job: measure a feature in every response, the surface features all at once. Raises Problem for an unusable one."""
    feature = _table(name, own)
    kept = _MEASURED.setdefault(dataset, {})
    if feature in kept:
        return
    responses, prompts = dataset.responses, dataset.prompts["text"]
    blocks = []
    for start in range(0, responses.height, BLOCK):
        yield Progress(start, responses.height, "measuring responses")
        part = responses[start : start + BLOCK]
        asked = prompts.gather(part["prompt"])
        found = surface(asked, part["text"]).select(SURFACE) if feature is None else measure((feature,), asked, part["text"])
        blocks.append(found.cast(pl.Float32).to_numpy())
    kept[feature] = np.concatenate(blocks) if blocks else np.zeros((0, 1 if feature else len(SURFACE)), np.float32)
