"""Texts that are nearly the same: MinHash signatures of their word pairs, and groups of those that agree."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

PERMUTATIONS, ROWS, SEED = 64, 4, 1
BATCH = 20_000
# Chinese and Japanese have no blanks between words: each character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def word_pairs(text: str) -> list[str]:
    """The pairs of neighbouring words of a text, in small letters; of a text of one word that word."""
    words = _WORD.findall(text.lower())
    return [f"{one} {two}" for one, two in pairwise(words)] or words or [text.strip()]


def signatures(texts: Sequence[str]) -> np.ndarray:
    """(n, PERMUTATIONS) uint32 MinHash signatures: the share of equal places estimates the Jaccard similarity."""
    import rensa

    parts = [
        np.asarray(
            rensa.RMinHash.digest_matrix_from_token_sets(
                [word_pairs(text) for text in texts[start : start + BATCH]], PERMUTATIONS, SEED
            ).to_rows(),
            dtype=np.uint32,
        ).reshape(-1, PERMUTATIONS)
        for start in range(0, len(texts), BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, PERMUTATIONS), np.uint32)


def near_groups(texts: Sequence[str], threshold: float = 0.8) -> np.ndarray:
    """(n,) the number of the group of each text: texts of one group are linked by an estimated Jaccard similarity of
    word pairs of at least `threshold`; a group bears the number of its first text."""
    signed = signatures(texts)
    parent = np.arange(len(texts))

    def root(text: int) -> int:
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = int(parent[text])
        return text

    for start in range(0, PERMUTATIONS, ROWS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for text, row in enumerate(np.ascontiguousarray(signed[:, start : start + ROWS])):
            buckets[row.tobytes()].append(text)
        for found in buckets.values():
            for text in found[1:]:
                one, two = root(found[0]), root(text)
                if one != two and (signed[found[0]] == signed[text]).mean() >= threshold:
                    parent[max(one, two)] = min(one, two)
    return np.array([root(text) for text in range(len(texts))], dtype=np.int64)
