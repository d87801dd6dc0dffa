"""Prompts of one set beside those of another: how far the nearest lie, and which are the same or nearly so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.data.near import folded, near_links, similarities
from rmexplorer.job import Job, Progress
from rmexplorer.statistics import distinct

NEIGHBOURS = 5
SHOWN = 25  # examples each of the exact and of the near ones


def distances(train: np.ndarray, new: np.ndarray) -> Job[np.ndarray]:
    """Job: (new,) mean cosine distance of each vector to its five nearest in `train`; one equal to it to the bit counts."""
    def unit(vectors: np.ndarray) -> np.ndarray:
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)

    known = unit(train)
    count = min(NEIGHBOURS, len(known))
    found = np.zeros(len(new))
    for start in range(0, len(new), 512):
        cosines = unit(new[start : start + 512]) @ known.T
        near = np.partition(cosines, len(known) - count, axis=1)[:, len(known) - count :]
        found[start : start + len(near)] = 1 - near.mean(axis=1)
        yield Progress(start + len(near), len(new), "placing prompts")
    return found


def leaks(first: Sequence[str], second: Sequence[str]) -> Job[dict[str, Any]]:
    """Job: prompts of the second set that the first holds: exact (case and white space aside), and near (`data.near`).

    Returns counts, rows of the second set, and up to 50 examples (second, first, similarity).
    """
    one, two = (folded(pl.Series(side, dtype=pl.String)) for side in (first, second))
    known: dict[str, int] = {}
    for place, text in enumerate(one):
        known.setdefault(text, place)
    exact = [place for place, text in enumerate(two) if text in known]
    rest = np.array([place for place, text in enumerate(two) if text and text not in known], np.int64)
    held = np.fromiter(known.values(), np.int64, len(known))
    yield Progress(0, len(rest), "looking for leaks")
    texts = pl.concat([one.gather(held), two.gather(rest)])
    links = yield from near_links(texts, len(held))
    near = distinct(links[:, 1])
    shown = links[np.isin(links[:, 1], near[:SHOWN])]
    shares = yield from similarities(texts, shown)
    best = np.lexsort((shown[:, 0], -shares, shown[:, 1]))
    best = best[np.unique(shown[best, 1], return_index=True)[1]]
    places = rest[near - len(held)].tolist()
    examples = [[second[place], first[known[two[place]]], 1.0] for place in exact[:SHOWN]]
    examples += [[second[rest[other - len(held)]], first[held[mine]], float(share)]
                 for (mine, other), share in zip(shown[best], shares[best], strict=True)]  # fmt: skip
    return {"prompts": len(second), "exact": len(exact), "near": len(near), "rows": exact + places, "examples": examples}
