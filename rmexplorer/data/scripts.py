"""Which writing system a text is in, by counting its letters (Unicode property Script)."""

from __future__ import annotations

import numpy as np
import polars as pl

SCRIPTS = (
    "Latin", "Han", "Cyrillic", "Arabic", "Devanagari", "Hiragana", "Katakana", "Hangul", "Greek", "Hebrew", "Thai",
    "Bengali", "Tamil", "Telugu", "Georgian", "Armenian", "Ethiopic",
)  # fmt: skip
ROLE_TAG = r"(?mi)^(?:Human|Assistant|User|System|Tool|Developer|Prompter|Model|Bot|GPT): ?"
"""What names a speaker at the start of a line is not written by one."""
NONE, OTHER = "none", "other"
JAPANESE = "Japanese"


def scripts(texts: pl.Series) -> pl.Series:
    """(n,) the script that most letters of each text are of; `none` without letters, `other` for rare scripts.

    Role tags (`Human:`) do not count. A text with kana is Japanese, however many of its characters are Han.
    """
    texts = texts.str.replace_all(ROLE_TAG, "")
    plain = (texts.str.len_bytes() == texts.str.len_chars()).to_numpy()
    names = np.full(len(texts), NONE, dtype=object)
    latin = texts.str.contains("[A-Za-z]").to_numpy()
    names[plain & latin] = SCRIPTS[0]
    rest = np.flatnonzero(~plain)
    if len(rest):
        names[rest] = _counted(texts.gather(rest))
    return pl.Series("script", names.tolist(), dtype=pl.String)


def _counted(texts: pl.Series) -> np.ndarray:
    column = texts.alias("text").to_frame()
    counts = column.select(
        *(pl.col("text").str.count_matches(rf"\p{{Script={name}}}").alias(name) for name in SCRIPTS),
        pl.col("text").str.count_matches(r"\p{L}").alias("letters"),
    )
    table = counts.select(SCRIPTS).to_numpy()
    names: np.ndarray = np.array(SCRIPTS, dtype=object)[table.argmax(axis=1)]
    kana = counts["Hiragana"].to_numpy() + counts["Katakana"].to_numpy()
    letters = counts["letters"].to_numpy()
    names[(kana > 0) & np.isin(names, ["Han", "Hiragana", "Katakana"])] = JAPANESE
    names[table.sum(axis=1) == 0] = OTHER
    names[letters == 0] = NONE
    return names
