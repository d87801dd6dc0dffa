"""Lengths of texts, for millions at a time."""

from __future__ import annotations

import numpy as np
import polars as pl


def char_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 characters of each text, whitespace around it stripped."""
    return texts.str.strip_chars().str.len_chars().to_numpy().astype(np.int64)


def word_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 words of each text: runs of characters that are not whitespace."""
    return texts.str.count_matches(r"\S+").to_numpy().astype(np.int64)
