"""The filter language: `source:alpha,beta words>200 -refund "exact phrase" /regex/`, all tokens true at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from rmexplorer.data import mapped
from rmexplorer.job import Progress, beat
from rmexplorer.problem import Problem

TEXTS = ("prompt", "chosen", "rejected")
PIECE = 100_000  # rows whose texts are searched between two beats
HELP = 'write column:value, column>number, word, "a phrase", /regex/, and - before any of them for its opposite'
_TOKEN = re.compile(
    r"""
    (?P<not>-?)
    (?: (?P<column>[\w.\-]*\w) (?P<sign>:|!=|>=|<=|=|>|<) (?P<value>
        (?: "[^"]*" | [^\s",]+ ) (?: , (?: "[^"]*" | [^\s",]+ ) )+ | "[^"]*" | /(?:\\.|[^/\\])+/ | [^\s"]*)
      | "(?P<phrase>[^"]*)"
      | /(?P<regex>(?:\\.|[^/\\])+)/
      | (?P<word>[^\s"]+) )
    (?=\s|$)
""",
    re.VERBOSE,
)
_PART = re.compile(r'"[^"]*"|[^,"]+')
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class Query:
    """A parsed filter: the tokens as written, and the expression that is true where all of them are."""

    tokens: tuple[str, ...]
    expression: pl.Expr

    def mask(self, frame: pl.DataFrame) -> np.ndarray:
        """(rows,) bool of the rows that fit; a null fits nothing. Texts are searched a piece at a time, with a beat after
        each, and those that are on the disk are let go of again."""
        if not self.tokens:
            return np.ones(frame.height, dtype=bool)
        searched = not set(TEXTS).isdisjoint(self.expression.meta.root_names())
        if not searched or frame.height <= PIECE:
            return self._fits(frame)
        fits = np.zeros(frame.height, dtype=bool)
        for start in range(0, frame.height, PIECE):
            piece = frame.slice(start, PIECE)
            fits[start : start + PIECE] = self._fits(piece)
            mapped.let_go()
            beat(Progress(start + piece.height, frame.height, "searching"))
        return fits

    def _fits(self, frame: pl.DataFrame) -> np.ndarray:
        try:
            found = frame.select(self.expression.fill_null(False).alias("fits"))["fits"]
        except pl.exceptions.PolarsError as error:
            raise Problem(f"this filter cannot be used here ({str(error).splitlines()[0]})", HELP) from error
        return found.to_numpy().astype(bool) if len(found) == frame.height else np.full(frame.height, bool(found[0]))


def matching(frame: pl.DataFrame, text: str) -> np.ndarray:
    """(rows,) bool: the rows of `pair_frame` that a filter keeps. Raises Problem that names a token it cannot read."""
    return parse(text, frame.schema).mask(frame)


def parse(text: str, frame_columns: Mapping[str, pl.DataType] | Iterable[str]) -> Query:
    """Parse a filter against the columns of a frame (a schema, or names alone). Raises Problem with what is allowed."""
    kinds = dict(frame_columns) if isinstance(frame_columns, Mapping) else dict.fromkeys(frame_columns, pl.Unknown())
    tokens, expressions, place = [], [], 0
    text = text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            part = text[place:].split()[0]
            raise Problem(f"the filter cannot be read at {part}", HELP)
        tokens.append(found.group().strip())
        expression = _expression(found, kinds)
        expressions.append(~expression.fill_null(False) if found["not"] else expression)
        place = found.end()
        while place < len(text) and text[place].isspace():
            place += 1
    return Query(tuple(tokens), pl.all_horizontal(expressions) if expressions else pl.lit(True))


def _expression(found: re.Match[str], kinds: Mapping[str, pl.DataType]) -> pl.Expr:
    if found["column"] is not None:
        if found["sign"] == ":" and found["column"].lower() in ("http", "https"):
            return _anywhere(re.escape(found.group()), kinds)
        return _condition(found, kinds)
    if found["regex"] is not None:
        return _anywhere(_regex(found["regex"], found.group()), kinds)
    said = found["phrase"] if found["phrase"] is not None else found["word"]
    return _anywhere("(?i)" + re.escape(said), kinds)


def _anywhere(pattern: str, kinds: Mapping[str, pl.DataType]) -> pl.Expr:
    return pl.any_horizontal([pl.col(name).str.contains(pattern) for name in TEXTS if name in kinds])


def _regex(pattern: str, token: str) -> str:
    """The pattern of `/…/`, checked with the engine that will run it."""
    pattern = pattern.replace("\\/", "/")
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        said = re.search(r"error: (.+)", str(error))
        reason = said.group(1).strip() if said else "it is not complete"
        raise Problem(
            f"the regular expression {token} cannot be read ({reason})", "mend it, or put the text in quotes"
        ) from error
    return pattern


def _condition(found: re.Match[str], kinds: Mapping[str, pl.DataType]) -> pl.Expr:
    token, sign, value = found.group().lstrip("-"), found["sign"], found["value"]
    name = _column(found["column"], token, kinds)
    kind, column = kinds[name], pl.col(name)
    if value == "":
        raise Problem(f"the filter {token} has no value", f"write for example {name}:value")
    if len(value) > 1 and value[0] == value[-1] == "/" and sign in (":", "="):
        return column.cast(pl.String).str.contains(_regex(value[1:-1], token))
    several = [part.strip('"').lower() for part in _PART.findall(value)] if "," in value else []
    value = value.strip('"')
    if kind == pl.Boolean:
        return _boolean(column, name, sign, value, token)
    if kind.is_numeric() or (sign in ("<", ">", "<=", ">=") and kind != pl.String):
        return _numeric(column, name, sign, value, token)
    if sign not in (":", "=", "!="):
        raise Problem(f"the filter {token} compares a text with a number", f"{name} holds texts: write {name}:value")
    if name in TEXTS:
        same = column.str.contains("(?i)" + re.escape(value))
    else:
        either = "|".join(re.escape(one) for one in (value, *several))
        same = column.cast(pl.String).str.contains(f"(?i)^(?:{either})$")
    return ~same if sign == "!=" else same


def _column(said: str, token: str, kinds: Mapping[str, pl.DataType]) -> str:
    """The column that a token means; case does not matter where that is clear."""
    if said in kinds:
        return said
    folded = [name for name in kinds if name.lower() == said.lower()]
    if len(folded) == 1:
        return folded[0]
    near = difflib.get_close_matches(said, list(kinds), n=1)
    hint = f"did you mean {near[0]}?" if near else f"columns are {', '.join(kinds)}"
    raise Problem(f"the filter {token} names a column that is not there ({said})", hint)


def _boolean(column: pl.Expr, name: str, sign: str, value: str, token: str) -> pl.Expr:
    if sign not in (":", "=", "!=") or value.lower() not in (*_YES, *_NO):
        raise Problem(f"the filter {token} cannot be read", f"{name} is yes or no: write {name}:yes or {name}:no")
    wanted = value.lower() in _YES
    return column == (wanted if sign != "!=" else not wanted)


def _numeric(column: pl.Expr, name: str, sign: str, value: str, token: str) -> pl.Expr:
    low, dots, high = value.partition("..")
    try:
        if dots and sign in (":", "="):
            return column.is_between(float(low), float(high))
        wanted = float(value.replace("−", "-"))
    except ValueError:
        raise Problem(
            f"the filter {token} compares {name} with {value!r}, which is no number",
            f"write for example {name}>100 or {name}:10..20",
        ) from None
    return {
        ":": column == wanted,
        "=": column == wanted,
        "!=": column != wanted,
        ">": column > wanted,
        "<": column < wanted,
        ">=": column >= wanted,
        "<=": column <= wanted,
    }[sign]


def completions(frame: pl.DataFrame, word: str, limit: int = 12) -> list[str]:
    """What the word being written may become: column names with their sign, then values of a text column."""
    said = word.removeprefix("-")
    sign = "-" if word.startswith("-") else ""
    name, colon, begun = said.partition(":")
    if colon and name in frame.columns and name not in TEXTS:
        kind = frame.schema[name]
        if kind == pl.Boolean:
            values = ["yes", "no"]
        elif kind == pl.String:
            values = frame[name].drop_nulls().value_counts(sort=True).head(1000)[name].to_list()
        else:
            return []
        found = [value for value in values if value.lower().startswith(begun.strip('"').lower())]
        return [f'{sign}{name}:"{value}"' if " " in value else f"{sign}{name}:{value}" for value in found[:limit]]
    names = [name for name in frame.columns if name not in (*TEXTS, "pair") and name.lower().startswith(said.lower())]
    return [f"{sign}{name}{'>' if frame.schema[name].is_numeric() else ':'}" for name in names[:limit]]
