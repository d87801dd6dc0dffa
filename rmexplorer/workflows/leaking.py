"""Prompts of one set beside those of another: how far the nearest lie, and which are the same or nearly so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rmexplorer.job import Job, Progress

NEIGHBOURS = 5
SHINGLE, LONGEST, PERMUTATIONS, BANDS, NEAR = 5, 2_000, 64, 16, 0.8


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


def _shingles(text: str) -> set[str]:
    plain = " ".join(text.lower().split())[:LONGEST]
    return {plain[at : at + SHINGLE] for at in range(max(1, len(plain) - SHINGLE + 1))}


def leaks(first: Sequence[str], second: Sequence[str]) -> Job[dict[str, Any]]:
    """Job: prompts of the second set that the first holds: exact (white space and case aside), and near.

    Near: Jaccard similarity of character 5-grams of at least 0.8; candidates by MinHash (64 values, 16 bands), each then
    compared exactly. Returns counts and up to 50 examples (second, first, similarity).
    """
    import rensa

    plain = [[" ".join(text.lower().split()) for text in side] for side in (first, second)]
    known: dict[str, int] = {}
    for place, text in enumerate(plain[0]):
        known.setdefault(text, place)
    exact = [place for place, text in enumerate(plain[1]) if text in known]
    rest = [place for place, text in enumerate(plain[1]) if text not in known and text]
    pairs: list[tuple[int, int, float]] = []
    yield Progress(0, len(rest), "looking for leaks")
    if rest and known:
        signed: list[np.ndarray] = []
        for texts in (plain[0], [plain[1][place] for place in rest]):
            blocks = []
            for at in range(0, len(texts), 1_000):
                grams = [sorted(_shingles(text)) for text in texts[at : at + 1_000]]
                rows = rensa.RMinHash.digest_matrix_from_token_sets(grams, PERMUTATIONS, 1).to_rows()
                blocks.append(np.asarray(rows, np.uint32).reshape(-1, PERMUTATIONS))
                yield Progress(at, len(texts), "looking for leaks")
            signed.append(np.concatenate(blocks))
        buckets: dict[tuple[int, bytes], list[int]] = {}
        width = PERMUTATIONS // BANDS
        for band in range(BANDS):
            for place, row in enumerate(np.ascontiguousarray(signed[0][:, band * width : (band + 1) * width])):
                buckets.setdefault((band, row.tobytes()), []).append(place)
        for turn, place in enumerate(rest):
            close = {one for band in range(BANDS)
                     for one in buckets.get((band, signed[1][turn, band * width : (band + 1) * width].tobytes()), ())[:20]}
            own = _shingles(plain[1][place])
            best = max(((len(own & other) / len(own | other), -one) for one in close
                        if (other := _shingles(plain[0][one]))), default=(0.0, 0))
            if best[0] >= NEAR:
                pairs.append((place, -best[1], best[0]))
            if turn % 500 == 0:
                yield Progress(turn, len(rest), "looking for leaks")
    examples = [(second[place], first[known[plain[1][place]]], 1.0) for place in exact[:25]]
    examples += [(second[place], first[one], share) for place, one, share in pairs[:25]]
    return {"prompts": len(second), "exact": len(exact), "near": len(pairs), "rows": exact + [place for place, _, _ in pairs],
            "examples": [list(one) for one in examples]}
