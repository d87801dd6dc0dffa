"""Lengths of texts, for millions at a time."""

from __future__ import annotations

import numpy as np
import polars as pl


def char_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 characters of each text, whitespace around it stripped."""
    return texts.str.strip_chars().str.len_chars().to_numpy().astype(np.int64)


def word_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 words of each text: runs of characters that are not whitespace. Equal texts are counted once."""
    if not len(texts):
        return np.zeros(0, np.int64)
    _, first, inverse = np.unique(texts.hash(5).to_numpy(), return_index=True, return_inverse=True)
    if len(first) > len(texts) // 2:
        return _words(texts)
    distinct = texts.gather(first)
    if not distinct.gather(inverse).equals(texts):
        return _words(texts)
    return _words(distinct)[inverse]


def _words(texts: pl.Series) -> np.ndarray:
    return texts.str.count_matches(r"\S+").to_numpy().astype(np.int64)
