"""Stock phrases taken out of texts: literally, whole, whatever their case, with the white space that they would leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl


def without_phrases(texts: pl.Series, phrases: Sequence[str]) -> pl.Series:
    """The texts without the phrases; each goes with the white space before it, at the beginning with that after it.

    A phrase that begins or ends with a letter or digit does not match within a longer word. Of phrases that begin at
    one place the longest goes.
    """
    if not phrases:
        return texts
    any_of = "|".join(_pattern(phrase) for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))
    cut = texts.str.replace_all(rf"(?i)^(?:\s*(?:{any_of}))+\s*", "")
    return cut.str.replace_all(rf"(?i)\s*(?:{any_of})", "")


def blanked(text: str, phrases: Sequence[str]) -> str:
    """One text with the phrases that `without_phrases` takes out blanked instead, so that all else keeps its place."""
    if not phrases:
        return text
    any_of = "|".join(_pattern(phrase, re.escape) for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))
    return re.sub(any_of, lambda match: " " * len(match.group()), text, flags=re.IGNORECASE)


def _pattern(phrase: str, escape: Callable[[str], str] = pl.escape_regex) -> str:
    first, last = (r"\b" if sign.isalnum() or sign == "_" else "" for sign in (phrase[0], phrase[-1]))
    return first + escape(phrase) + last
