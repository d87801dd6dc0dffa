"""Formats: what a file of records means, recognised by its fields and their values. A leaf a family of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.registry import Registry

Test = Callable[[Any], bool]
Outcome = Comparison | Skip
Reader = Callable[[Iterable[Record], str | None], Iterator[Outcome]]


@dataclass(frozen=True)
class Format:
    """A schema: how to recognise it and how its records become comparisons.

    layouts: alternatives of field → test; a record fits where all fields of one are there and their values pass
    (null passes with less weight). reader: (records, criterion) → comparisons and skips. used: fields that do not
    become facet
    columns. merging: rows on the same two texts by different annotators are one comparison. refuse: what this is,
    where it
    holds no comparison. columns: the fields of prompt, chosen and rejected where columns of plain strings need no
    look at
    each record.
    """

    id: str
    title: str
    layouts: tuple[dict[str, Test], ...]
    reader: Reader | None = None
    used: frozenset[str] = frozenset()
    merging: bool = False
    refuse: str = ""
    remedy: str = ""
    columns: tuple[str, str, str] | None = None
    criteria: tuple[str, ...] = ()
    bonus: float = field(default=0.0)

    def fit(self, sample: list[dict[str, Any]]) -> tuple[float, str]:
        """(score, why): the share of records that fit times the evidence in them."""
        if not sample:
            return 0.0, ""
        total, fitting, best = 0.0, 0, None
        for record in sample:
            weight, layout = max(
                ((self._weight(record, layout), number) for number, layout in enumerate(self.layouts)), default=(0.0, 0)
            )
            if weight > 0:
                fitting += 1
                best = layout
                total += weight + (self.bonus if self.bonus < 0 or weight >= len(self.layouts[layout]) else 0.0)
        fields = ", ".join(self.layouts[best]) if best is not None else ""
        return total / len(sample), f"{fitting} of {len(sample)} sampled records have {fields}"

    @staticmethod
    def _weight(record: dict[str, Any], layout: dict[str, Test]) -> float:
        weight = 0.0
        for key, test in layout.items():
            if key not in record:
                return 0.0
            value = record[key]
            weight += 1.0 if value is not None and test(value) else 0.4 if value is None else 0.1
        return weight


FORMATS: Registry[Format] = Registry("format", "rmexplorer.data.formats")


def add(format: Format) -> Format:
    """Register a format."""
    return FORMATS.add(format.id, format)


def each(convert: Callable[[Record], Iterable[Outcome]]) -> Reader:
    """A reader of records that stand alone."""

    def read(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
        for record in records:
            yield from convert(record)

    return read


def recognise(sample: list[dict[str, Any]]) -> list[tuple[float, Format, str]]:
    """All formats that fit a sample of records, best first, with score and reason."""
    fits = [(*format.fit(sample), format) for format in FORMATS.values()]
    found = [(score, format, why) for score, why, format in fits if score > 0]
    return sorted(found, key=lambda fit: -fit[0])


def texts(value: Any) -> bool:
    """A list of strings."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def anything(value: Any) -> bool:
    """Any value: the field is there."""
    return True


def whole(value: Any) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def digits(value: Any) -> bool:
    """A number, also as text in a table."""
    if isinstance(value, str):
        return value.strip().lstrip("+-").replace(".", "", 1).isdigit()
    return isinstance(value, int | float) and not isinstance(value, bool)


def rows(value: Any) -> bool:
    """A list of dicts."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def record(value: Any) -> bool:
    """A dict."""
    return isinstance(value, dict)


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)
