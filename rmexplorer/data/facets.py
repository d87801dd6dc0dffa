"""Facets: how the pairs spread over the values of a column, and the filter tokens that keep some of them.

Bins are fixed once for a column; a filter then costs one count of small integers, also on a million pairs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

MOST_VALUES = 40
MOST_NUMBERS = 6
BINS = 32
COUNTED = 1_000_000
FIRST = ("source", "subset", "category", "dataset", "domain", "section", "task", "split")
TITLES = {
    "words": "Words (longer)",
    "length_ratio": "Chosen ÷ rejected",
    "heldout": "Held out",
    "wrong": "Model prefers rejected",
    "tie": "Tie",
    "annotators": "Annotators agree",
    "starred": "Starred",
}
LOGARITHMIC = ("words", "length_ratio")
REWARDS = ("margin", "heldout", "wrong")
PLAIN = (
    "pair",
    "prompt",
    "chosen",
    "rejected",
    "record",
    "line",
    "words_chosen",
    "words_rejected",
    "chars_chosen",
    "chars_rejected",
    "reward_chosen",
    "reward_rejected",
)


@dataclass(frozen=True, eq=False)
class Categories:
    """A column with few values. names: by falling count; codes: (pairs,) place in `names` + 1, 0 where it has none."""

    column: str
    title: str
    names: tuple[str, ...]
    codes: np.ndarray
    totals: np.ndarray

    def count(self, mask: np.ndarray | None) -> np.ndarray:
        """(names,) pairs of `mask` (pairs,) bool with each value; all pairs where it is None."""
        return self.totals if mask is None else _count(self.codes, mask, len(self.names) + 1)[1:]


@dataclass(frozen=True, eq=False)
class Histogram:
    """A column of numbers in fixed bins. edges: (bins + 1,); codes: (pairs,) bin + 1, 0 where there is no number.

    The first and last bin hold all that lies beyond. `log` spaces the bins evenly by their logarithm, `whole` says that
    all values are whole numbers, ticks are (value, label).
    """

    column: str
    title: str
    edges: np.ndarray
    log: bool
    whole: bool
    ticks: tuple[tuple[float, str], ...]
    codes: np.ndarray
    totals: np.ndarray

    def count(self, mask: np.ndarray | None) -> np.ndarray:
        """(bins,) pairs of `mask` (pairs,) bool in each bin; all pairs where it is None."""
        return self.totals if mask is None else _count(self.codes, mask, len(self.edges))[1:]


Facet = Categories | Histogram


def _count(codes: np.ndarray, mask: np.ndarray | None, number: int) -> np.ndarray:
    """(number,) how often each code occurs, within `mask` (pairs,) bool; a piece at a time, as counting holds the interpreter."""
    counts = np.zeros(number, np.int64)
    for start in range(0, len(codes), COUNTED):
        part = codes[start : start + COUNTED]
        counts += np.bincount(part if mask is None else part[mask[start : start + COUNTED]], minlength=number)
    return counts


def facet_columns(frame: pl.DataFrame) -> list[str]:
    """The columns worth a facet, in the order in which they are shown; others are still there for the filter."""
    names: list[str] = [name for name in frame.columns if name not in PLAIN]
    texts = [name for name in names if frame.schema[name] == pl.String]
    texts.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    flags: list[str] = [name for name in ("wrong", "heldout", "tie", "starred") if name in names]
    flags += [name for name in names if frame.schema[name] == pl.Boolean and name not in flags]
    numbers = [name for name in ("words", "margin", "length_ratio") if name in names]
    more = [name for name in names if frame.schema[name].is_numeric() and name not in numbers]
    known = [name for name in texts if name in FIRST]
    return [*known, *numbers, *flags, *(name for name in texts if name not in known), *more[:MOST_NUMBERS]]


def facet(frame: pl.DataFrame, name: str) -> Facet | None:
    """The facet of a column; None where it says nothing: one value, only nulls, or too many different texts."""
    column = frame[name]
    if column.dtype == pl.Boolean:
        return _flag(column)
    if column.dtype == pl.String:
        return _texts(column)
    return _numbers(column) if column.dtype.is_numeric() else None


def title(name: str) -> str:
    """What a column is called over its facet: Words, longer response; Quality chosen."""
    return TITLES.get(name) or name.replace("_", " ").strip().capitalize()


def _flag(column: pl.Series) -> Categories | None:
    codes = column.cast(pl.UInt8).fill_null(2).to_numpy()
    counts = _count(codes, None, 3)
    if not counts[0] or not counts[1]:
        return None
    places = np.array([2, 1, 0], np.uint8)[codes]
    return Categories(column.name, title(column.name), ("yes", "no"), places, counts[[1, 0]])


def _texts(column: pl.Series) -> Categories | None:
    if column.head(10_000).n_unique() > MOST_VALUES + 1:
        return None
    values = column.value_counts(sort=True, name="pairs").drop_nulls()
    values = values.filter(pl.col(column.name) != "")
    if not 2 <= values.height <= MOST_VALUES:
        return None
    values = values.sort(["pairs", column.name], descending=[True, False])
    names = values[column.name]
    places = np.arange(1, len(names) + 1, dtype=np.uint8)
    codes = column.replace_strict(names, places, default=0, return_dtype=pl.UInt8).to_numpy()
    return Categories(column.name, title(column.name), tuple(names.to_list()), codes, values["pairs"].to_numpy())


def _numbers(column: pl.Series) -> Histogram | None:
    values = column.cast(pl.Float64).fill_null(math.nan).to_numpy()
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() == finite.max():
        return None
    whole = column.dtype.is_integer()
    if column.name == "length_ratio":
        edges, ticks = _ratio_bins(finite)
    elif column.name in LOGARITHMIC:
        edges, ticks = _log_bins(finite)
    else:
        edges, ticks = _even_bins(finite, column.name == "margin", whole)
    codes = np.clip(np.searchsorted(edges, values, side="right"), 1, len(edges) - 1).astype(np.uint8)
    codes[~np.isfinite(values)] = 0
    totals = _count(codes, None, len(edges))[1:]
    return Histogram(column.name, title(column.name), edges, column.name in LOGARITHMIC, whole, ticks, codes, totals)


Bins = tuple[np.ndarray, tuple[tuple[float, str], ...]]


def _log_bins(values: np.ndarray) -> Bins:
    """Whole edges, growing by the same factor where whole numbers allow."""
    low, high = max(1.0, float(np.quantile(values, 0.002))), max(2.0, float(values.max()) + 1)
    edges = np.unique(np.round(np.geomspace(low, high, BINS)))
    step = 4 if high / low > 16 else 2
    marks = [float(step**power) for power in range(0, 20) if low <= step**power <= high]
    marks = marks if step == 2 else [2.0 * mark for mark in marks if 2 * mark <= high]
    return edges, tuple((mark, f"{mark:,.0f}") for mark in marks)


def _ratio_bins(values: np.ndarray) -> Bins:
    """Even in the logarithm around 1, where both responses have the same length."""
    positive = np.abs(np.log2(values[values > 0]))
    reach = min(6, max(1, math.ceil(float(np.quantile(positive, 0.98))))) if len(positive) else 1
    power = max(1, reach // 2 if reach > 2 else 1)
    signs = {-1: "½×", -2: "¼×", -3: "⅛×", 0: "1×"}
    ticks = tuple((2.0**at, signs.get(at, f"{2**at}×")) for at in (-power, 0, power))
    return 2.0 ** np.linspace(-reach, reach, BINS + 1), ticks


def _even_bins(values: np.ndarray, symmetric: bool, whole: bool) -> Bins:
    low, high = (float(value) for value in np.quantile(values, (0.002, 0.998)))
    if whole and high - low < BINS:
        edges = np.arange(math.floor(low), math.floor(high) + 2) - 0.5
    else:
        if symmetric:
            high = max(abs(low), abs(high), 1e-9)
            low = -high
        low, high = (float(values.min()), float(values.max())) if low == high else (low, high)
        edges = np.linspace(low, high, BINS + 1)
    return edges, round_ticks(float(edges[0]), float(edges[-1]), signed=symmetric)


def round_ticks(low: float, high: float, most: int = 5, signed: bool = False) -> tuple[tuple[float, str], ...]:
    """At most `most` round numbers between two ends as (value, label), evenly spaced; true minus."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span))
    for step in (factor * scale for scale in (power / 10, power, power * 10) for factor in (1, 2, 5)):
        marks = np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1) * step
        if len(marks) <= most:
            break
    digits = max(0, -math.floor(math.log10(step)))
    ticks = []
    for mark in (float(mark) + 0.0 for mark in marks):
        sign = "\u2212" if mark < -1e-12 else "+" if signed and mark > 1e-12 else ""
        ticks.append((mark, f"{sign}{abs(mark):,.{digits}f}"))
    return tuple(ticks)


# Tokens of a filter that facets write and read

_OF = re.compile(r"(?P<column>[\w.\-]*\w)(?P<sign>:|>=|<=|>|<)(?P<value>.+)", re.DOTALL)


def tokens_of(query: str) -> list[str]:
    """A filter cut at white space, quotes keep it together."""
    return re.findall(r'(?:"[^"]*"?|[^\s"])+', query)


def _without(query: str, column: str, signs: tuple[str, ...]) -> list[str]:
    kept = []
    for token in tokens_of(query):
        found = _OF.fullmatch(token)
        if not (found and found["column"] == column and found["sign"] in signs):
            kept.append(token)
    return kept


def values_asked(query: str, column: str) -> list[str]:
    """The values that the tokens `column:value` of a filter ask for; `column:a,b` asks for either."""
    values: list[str] = []
    for token in tokens_of(query):
        found = _OF.fullmatch(token)
        if found and found["column"] == column and found["sign"] == ":":
            values += [part.strip('"') for part in re.findall(r'"[^"]*"|[^,"]+', found["value"])]
    return values


def toggled(query: str, column: str, value: str, either: bool = True) -> str:
    """The filter with one more value of a column, or without it where it was asked for.

    Several values of a column are either-or; `either` False keeps one at a time (yes or no).
    """
    asked = values_asked(query, column)
    rest = [kept for kept in asked if kept.lower() != value.lower()]
    values = rest if len(rest) < len(asked) else [*(rest if either else []), value]
    kept = _without(query, column, (":",))
    if values:
        kept.append(f"{column}:" + ",".join(_quoted(one) for one in values))
    return " ".join(kept)


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[^\s\",/][^\s\",]*", value) else f'"{value}"'


def range_asked(query: str, column: str) -> tuple[float, float]:
    """(low, high) of the tokens column>low, column<high and column:low..high; −inf or inf where open."""
    low, high = -math.inf, math.inf
    for token in tokens_of(query):
        found = _OF.fullmatch(token)
        if not found or found["column"] != column:
            continue
        first, dots, second = found["value"].replace("\u2212", "-").partition("..")
        try:
            if found["sign"] == ":":
                low, high = max(low, float(first)), min(high, float(second if dots else first))
            elif found["sign"].startswith(">"):
                low = max(low, float(first))
            else:
                high = min(high, float(first))
        except ValueError:
            continue
    return low, high


def with_range(query: str, column: str, low: float, high: float, whole: bool = False) -> str:
    """The filter with `column>low column<high` in place of what it said of that column; an open end has no token."""
    kept = _without(query, column, (":", ">", "<", ">=", "<="))
    if not math.isinf(low):
        kept.append(f"{column}>{_said(low, whole)}")
    if not math.isinf(high):
        kept.append(f"{column}<{_said(high, whole)}")
    return " ".join(kept)


def _said(value: float, whole: bool) -> str:
    if whole:
        return str(round(value))
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.0f}"
