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

    layouts: alternatives of field → test; a record fits where all fields of one are there and their values pass (null
    passes with less weight). reader: (records, criterion) → comparisons and skips. used: fields that do not become
    facet columns. merging: rows on the same two texts by different annotators are one comparison. refuse: what this
    is, where it holds no comparison. columns: the fields of prompt, chosen and rejected where columns of plain
    strings need no look at each record; label_scores: then, the fields of scores of which equal ones are a tie.
    criteria: the labels that a row may have, the default first. added: facet columns that the reader makes. vague:
    other columns may say more than this format knows. fitting: instead of the layouts, a function of the sample.
    prepare: the format as it is for a sample, with what is to be said of that.
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
    label_scores: tuple[tuple[str, str], ...] = ()
    criteria: tuple[str, ...] = ()
    bonus: float = field(default=0.0)
    added: tuple[str, ...] = ()
    vague: bool = False
    fitting: Callable[[list[dict[str, Any]]], tuple[float, str]] | None = None
    prepare: Callable[[list[dict[str, Any]]], tuple[Format, list[str]]] | None = None

    def fit(self, sample: list[dict[str, Any]]) -> tuple[float, str]:
        """(score, why): the share of records that fit times the evidence in them."""
        if not sample:
            return 0.0, ""
        if self.fitting is not None:
            return self.fitting(sample)
        total, fitting, best = 0.0, 0, None
        for record in sample:
            weight, layout = self.evidence(record)
            if weight > 0:
                fitting += 1
                best = layout
                total += weight
        fields = ", ".join(self.layouts[best]) if best is not None else ""
        return total / len(sample), f"{fitting} of {len(sample)} sampled records have {fields}"

    def evidence(self, record: dict[str, Any]) -> tuple[float, int]:
        """How much of a record speaks for this format, and by which of its layouts; 0 where none fits."""
        weight, layout = max(
            ((self._weight(record, layout), number) for number, layout in enumerate(self.layouts)), default=(0.0, 0)
        )
        if weight > 0 and (self.bonus < 0 or weight >= len(self.layouts[layout])):
            weight += self.bonus
        return weight, layout

    def share(self, sample: list[dict[str, Any]]) -> float:
        """The share of records of which all fields of a layout pass, or are null."""
        fits = sum(any(_passes(record, layout) for layout in self.layouts) for record in sample)
        return fits / len(sample) if sample else 0.0

    def unsure(self, sample: list[dict[str, Any]]) -> bool:
        """Whether most records have values that this format does not expect."""
        return self.fitting is None and self.share(sample) < MAJORITY

    @staticmethod
    def _weight(record: dict[str, Any], layout: dict[str, Test]) -> float:
        weight = 0.0
        for key, test in layout.items():
            if key not in record:
                return 0.0
            value = record[key]
            weight += 1.0 if value is not None and test(value) else 0.4 if value is None else 0.1
        return weight


MAJORITY, NEAR = 0.5, 0.06
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
    """All formats that fit a sample of records, best first, with score and reason.

    A format that fits most records comes before one that has more evidence in fewer of them. `generic` is the first
    where none fits, and where a vague format leaves out a column that says more.
    """
    fits = [(*format.fit(sample), format) for format in FORMATS.values()]
    found = [(score, format, why) for score, why, format in fits if score > 0]
    kinds = [fit for fit in found if fit[1].fitting is None]
    most = max((format.share(sample) for _, format, _ in kinds), default=0.0)
    won = _won(sample, [format for _, format, _ in kinds])
    kinds.sort(key=lambda fit: (-won[fit[1].id], -fit[0]))
    general = [fit for fit in found if fit[1].fitting is not None]
    best = kinds[0] if kinds else None
    more = general[0][0] - best[0] if general and best is not None else 0.0
    if general and (best is None or most < MAJORITY or more > (0.0 if best[1].vague else 1.0)):
        return [*general, *kinds]
    return [*kinds, *general]


def _won(sample: list[dict[str, Any]], formats: list[Format]) -> dict[str, int]:
    """For each format, how many records speak for it as much as for any other: the kind that most records are of."""
    won = dict.fromkeys((format.id for format in formats), 0)
    for record in sample:
        weights = {format.id: format.evidence(record)[0] for format in formats if format.share([record])}
        most = max(weights.values(), default=0.0)
        for identity, weight in weights.items():
            won[identity] += weight > 0 and weight >= most - NEAR
    return won


def _passes(record: dict[str, Any], layout: dict[str, Test]) -> bool:
    return all(key in record and (record[key] is None or test(record[key])) for key, test in layout.items())


def texts(value: Any) -> bool:
    """A list of strings."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def anything(value: Any) -> bool:
    """Any value: the field is there."""
    return True


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
