"""Lengths of texts, for millions at a time."""

from __future__ import annotations

import numpy as np
import polars as pl


def lengths(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Characters and words of each text as `char_count` and `word_count` give them, with equal texts looked at once."""
    distinct, inverse = _distinct(texts)
    chars, words = _chars(distinct), _words(distinct)
    return (chars, words) if inverse is None else (chars[inverse], words[inverse])


def char_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 characters of each text, whitespace around it stripped."""
    return _chars(texts)


def word_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 words of each text: runs of characters that are not whitespace."""
    distinct, inverse = _distinct(texts)
    return _words(distinct) if inverse is None else _words(distinct)[inverse]


def _distinct(texts: pl.Series) -> tuple[pl.Series, np.ndarray | None]:
    """The distinct texts and where each row's stands among them; the texts as they are where most are distinct."""
    if not len(texts):
        return texts, None
    _, first, inverse = np.unique(texts.hash(5).to_numpy(), return_index=True, return_inverse=True)
    if len(first) > len(texts) // 2:
        return texts, None
    distinct = texts.gather(first)
    return (distinct, inverse) if distinct.gather(inverse).equals(texts) else (texts, None)


def _chars(texts: pl.Series) -> np.ndarray:
    return texts.str.strip_chars().str.len_chars().to_numpy().astype(np.int64)


def _words(texts: pl.Series) -> np.ndarray:
    return texts.str.count_matches(r"\S+").to_numpy().astype(np.int64)
