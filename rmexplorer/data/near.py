"""Texts that are nearly the same: character 5-grams, MinHash for candidates, then their Jaccard similarity itself.

Time grows linearly with the texts: within a bucket of equal signatures a text is held against two others, not all.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from rmexplorer.job import Job, Progress
from rmexplorer.statistics import distinct

SHINGLE, LONGEST, NEAR = 5, 2_000, 0.8
PERMUTATIONS, ROWS, SEED = 64, 4, 1
SCREEN = 0.25  # how far below NEAR an estimate may lie; 64 values have a standard error of 0.05 at 0.8
BLOCK = 1_000
_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def folded(texts: pl.Series) -> pl.Series:
    """Texts in small letters, white space folded: what counts as the same text."""
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _grams(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """(grams,) uint64 hashes of the character 5-grams of the starts of folded texts, and (n + 1,) where each begins.

    A text of fewer characters is one gram.
    """
    starts = texts.str.slice(0, LONGEST)
    lengths = starts.str.len_chars().to_numpy().astype(np.int64)
    codes = np.frombuffer("".join(starts.to_list()).encode("utf-32-le"), np.uint32).astype(np.uint64)
    counts = np.maximum(lengths - SHINGLE + 1, 1)
    offsets, ends = np.concatenate([[0], np.cumsum(counts)]), np.cumsum(lengths)
    row = np.repeat(np.arange(len(lengths)), counts)
    at = np.arange(offsets[-1]) - offsets[row] + (ends - lengths)[row]
    grams = np.zeros(len(at), np.uint64)
    codes = np.concatenate([codes, np.zeros(SHINGLE, np.uint64)])
    for place in range(SHINGLE):
        grams = grams * _STEP + np.where(at + place < ends[row], codes[at + place] + np.uint64(1), np.uint64(0))
    grams = (grams ^ (grams >> np.uint64(30))) * _MIX
    return grams ^ (grams >> np.uint64(31)), offsets


def _signatures(texts: pl.Series) -> Job[np.ndarray]:
    """Job: (n, PERMUTATIONS) uint32, the share of equal places estimates the Jaccard similarity."""
    import rensa

    signed = np.zeros((len(texts), PERMUTATIONS), np.uint32)
    for start in range(0, len(texts), BLOCK):
        grams, offsets = _grams(texts[start : start + BLOCK])
        digest = rensa.RMinHash.digest_matrix_from_flat_token_hashes(grams, offsets.astype(np.uint64), PERMUTATIONS, SEED)
        signed[start : start + BLOCK] = np.asarray(digest.to_rows(), np.uint32)
        yield Progress(min(start + BLOCK, len(texts)), len(texts), "comparing prompts")
    return signed


def _candidates(signed: np.ndarray, split: int | None) -> Job[np.ndarray]:
    """Job: (m, 2) texts that share a band, each held against the first of its bucket and the one before it; with `split`
    against the first and last of the other side."""
    found, count = [], len(signed)
    for band in range(0, PERMUTATIONS, ROWS):
        yield Progress(band, PERMUTATIONS, "comparing prompts")
        halves = np.ascontiguousarray(signed[:, band : band + ROWS]).view(np.uint64)
        key = (halves[:, 0] * _STEP) ^ (halves[:, 1] * _MIX)
        order = np.argsort(key, kind="stable")
        begins = np.concatenate([[True], key[order][1:] != key[order][:-1]])
        bucket = np.cumsum(begins) - 1
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(order)) - 1
        if split is None:
            rest = np.flatnonzero(~begins)
            ones, others = np.concatenate([first[bucket[rest]], rest - 1]), np.concatenate([rest, rest])
        else:
            edge = np.add.reduceat(order < split, first) + first  # the stable order puts the first side first
            both = (edge[bucket] > first[bucket]) & (edge[bucket] <= last[bucket])
            mine, theirs = (np.flatnonzero(both & (order < split)), np.flatnonzero(both & (order >= split)))
            ones = np.concatenate([mine, mine, first[bucket[theirs]], edge[bucket[theirs]] - 1])
            others = np.concatenate([edge[bucket[mine]], last[bucket[mine]], theirs, theirs])
        low, high = np.minimum(order[ones], order[others]), np.maximum(order[ones], order[others])
        for part in np.array_split(distinct(low * count + high), 1 + len(low) // 50_000):
            alike = (signed[part // count] == signed[part % count]).mean(axis=1)
            found.append(part[alike >= NEAR - SCREEN])
    pairs = distinct(np.concatenate(found))
    return np.stack([pairs // count, pairs % count], axis=1)


def near_links(texts: pl.Series, split: int | None = None) -> Job[np.ndarray]:
    """Job: (m, 2) rows of folded texts, the smaller first, whose 5-grams have a Jaccard similarity of at least NEAR.

    Not every pair of many alike is listed, but each is linked to others of its kind; the signatures of two at NEAR have
    no band in common with a chance of 1 in 5,000. split: only pairs of one of the first `split` texts and one of the rest.
    """
    if len(texts) < 2:
        return np.zeros((0, 2), np.int64)
    signed = yield from _signatures(texts)
    pairs = yield from _candidates(signed, split)
    shares = yield from similarities(texts, pairs)
    return pairs[shares >= NEAR]


def similarities(texts: pl.Series, pairs: np.ndarray) -> Job[np.ndarray]:
    """Job: (m,) the Jaccard similarity of the 5-grams of each two folded texts; pairs: (m, 2) rows."""
    shares = np.zeros(len(pairs))
    for start in range(0, len(pairs), BLOCK):
        part = pairs[start : start + BLOCK]
        rows, place = np.unique(part, return_inverse=True)
        grams, offsets = _grams(texts.gather(rows))
        sets = [distinct(grams[begin:end]) for begin, end in pairwise(offsets.tolist())]
        for number, (one, two) in enumerate(place.reshape(-1, 2)):
            both = len(np.intersect1d(sets[one], sets[two], assume_unique=True))
            shares[start + number] = both / (len(sets[one]) + len(sets[two]) - both)
        yield Progress(start + len(part), len(pairs), "comparing prompts")
    return shares


def grouped(count: int, links: np.ndarray) -> np.ndarray:
    """(count,) the number of the first text that each is linked with, over any number of links; links: (m, 2) rows."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    _, first = np.unique(part, return_index=True)
    return np.asarray(first[part], np.int64)
