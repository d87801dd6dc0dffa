"""Lengths of texts, for millions at a time."""

from __future__ import annotations

import numpy as np
import polars as pl

from rmexplorer.data import mapped
from rmexplorer.job import beat

PIECE = 100_000
MANY = 2_000_000  # texts from which on they are not all looked at together: on the disk they would all be in memory then


def lengths(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Characters and words of each text as `char_count` and `word_count` give them, with equal texts looked at once."""
    if len(texts) > MANY:
        parts = []
        for start in range(0, len(texts), PIECE):
            parts.append(_measured(texts.slice(start, PIECE), "chars", "words"))
            mapped.let_go()
            beat()
        chars, words = (np.concatenate(column) for column in zip(*parts, strict=True))
        return chars, words
    distinct, inverse = _distinct(texts)
    chars, words = _measured(distinct, "chars", "words")
    return (chars, words) if inverse is None else (chars[inverse], words[inverse])


def char_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 characters of each text, whitespace around it stripped."""
    return lengths(texts)[0] if len(texts) > MANY else _measured(texts, "chars")[0]


def word_count(texts: pl.Series) -> np.ndarray:
    """(n,) int64 words of each text: runs of characters that are not whitespace."""
    distinct, inverse = _distinct(texts)
    words = _measured(distinct, "words")[0]
    return words if inverse is None else words[inverse]


def _distinct(texts: pl.Series) -> tuple[pl.Series, np.ndarray | None]:
    """The distinct texts and where each row's stands among them; the texts as they are where most are distinct."""
    if not len(texts):
        return texts, None
    _, first, inverse = np.unique(texts.hash(5).to_numpy(), return_index=True, return_inverse=True)
    if len(first) > len(texts) // 2:
        return texts, None
    distinct = texts.gather(first)
    return (distinct, inverse) if distinct.gather(inverse).equals(texts) else (texts, None)


def _measured(texts: pl.Series, *what: str) -> list[np.ndarray]:
    """The named measures of each text, in pieces on all cores."""
    text = pl.col("text").str.strip_chars()
    gaps = text.str.count_matches(r"\s+") + (text.str.len_bytes() > 0).cast(pl.UInt32)
    measures = {"chars": text.str.len_chars(), "words": gaps}
    wanted = [measures[name].cast(pl.Int64).alias(name) for name in what]
    pieces = [
        texts.slice(start, PIECE).alias("text").to_frame().lazy().select(wanted)
        for start in range(0, max(1, len(texts)), PIECE)
    ]
    whole = pl.concat(pl.collect_all(pieces))
    return [whole[name].to_numpy() for name in what]
