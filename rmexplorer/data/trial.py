"""A file that has to be asked about: its first records, and what a mapping would make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from rmexplorer.data.assemble import assemble
from rmexplorer.data.build import Builder
from rmexplorer.data.by_mapping import as_format
from rmexplorer.data.dataset import FIRST, TIE, Dataset
from rmexplorer.data.formats import FORMATS
from rmexplorer.data.mapping import Mapping, at, said
from rmexplorer.data.measure import lengths
from rmexplorer.data.read import Paths, Peek, extra_keys, open_tables, peek
from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.data.shapes import Absent
from rmexplorer.job import Job, Progress
from rmexplorer.statistics import Estimate, proportion

MOST_RECORDS = 5_000
MOST_CHARACTERS = 20_000_000

Row = tuple[dict[str, Any] | None, int | None, str]


@dataclass(frozen=True)
class Question:
    """A file whose columns a person has to name, or whose guess a person has to confirm.

    paths: as they were opened; peek: what was seen of it; rows: (record or None, line, error) of its first records;
    whole: whether these are all records.
    """

    paths: list[str]
    peek: Peek
    rows: list[Row]
    whole: bool

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records that can be read."""
        return [record for record, _, _ in self.rows if record is not None]


def question(paths: Paths) -> Job[Question | None]:
    """What to ask about a file that is not known for certain; None where a person's answer would not help.

    That is where it holds no records, and where its format is known and refused. Raises Problem as `peek` does.
    """
    seen = yield from peek(paths)
    known = seen.others[0][0] if seen.others else ""
    clear = seen.problem is None and seen.format != "generic"
    refused = seen.problem is not None and known and FORMATS[known].reader is None
    if not seen.records or clear or refused:
        return None
    rows: list[Row] = []
    characters = 0
    opened = yield from open_tables(paths)
    for _, table in opened.tables:
        for record, line, error in table.rows():
            if len(rows) >= MOST_RECORDS or characters > MOST_CHARACTERS:
                return Question(_plain(paths), seen, rows, False)
            rows.append((record, line, error))
            characters += sum(len(value) for value in (record or {}).values() if isinstance(value, str))
            if len(rows) % 1000 == 0:
                yield Progress(len(rows), 0, "looking at the first records")
    return Question(_plain(paths), seen, rows, True)


def _plain(paths: Paths) -> list[str]:
    return [str(paths)] if not isinstance(paths, list | tuple) else [str(path) for path in paths]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a mapping makes of records. dataset: as it would be read; records: of how many.

    first_wins and longer_wins: shares of pairs with a winner, with their intervals; judged_more: pairs with several votes.
    """

    dataset: Dataset
    records: int
    first_wins: Estimate
    longer_wins: Estimate
    judged_more: int

    @property
    def decided(self) -> int:
        """Pairs with a winner."""
        return len(self.dataset) - self.ties

    @property
    def ties(self) -> int:
        """Pairs judged equal."""
        return int(self.dataset.tie.sum())

    def skipped(self) -> list[tuple[str, int, list[int]]]:
        """(reason, how many, the first lines or record numbers from 1) of what would not be read, the most first."""
        found = []
        table = self.dataset.skipped
        for reason, count in table["reason"].value_counts(sort=True).rows():
            rows = table.filter(table["reason"] == reason).head(4)
            places = [line if line is not None else record + 1 for record, line in rows.select("record", "line").rows()]
            found.append((str(reason), int(count), places))
        return found


def tried(mapping: Mapping, rows: list[Row], name: str = "") -> Trial:
    """Read records by a mapping, just as the whole file would be. Raises Problem where the mapping lacks a role."""
    chosen = as_format(mapping)
    assert chosen.reader is not None
    sample = [record for record, _, _ in rows[:200] if record is not None]
    keys = extra_keys(sample, chosen.used - set(chosen.added), False)
    builder = Builder([*keys, *(key for key in chosen.added if key not in keys)], chosen.merging)

    def records() -> Iterator[Record]:
        for number, (value, line, error) in enumerate(rows):
            record = Record({**(value or {})}, number, line, name)
            if value is None:
                builder.skip(Skip(record, "bad_record", error))
            else:
                yield record

    for outcome in chosen.reader(records(), None):
        if isinstance(outcome, Comparison):
            builder.add(outcome)
        else:
            builder.skip(outcome)
    dataset = assemble(builder.parts(len(rows), []), name, name, chosen.id, "mapped by the user")
    return Trial(dataset, len(rows), *_balance(dataset), _judged_more(dataset))


def _balance(dataset: Dataset) -> tuple[Estimate, Estimate]:
    """The shares of pairs with a winner in which the first, and in which the longer response wins."""
    decided = dataset.winner != TIE
    first = proportion(float((dataset.winner == FIRST).sum()), int(decided.sum()))
    characters, _ = lengths(dataset.responses["text"])
    gap = characters[dataset.chosen].astype(np.int64) - characters[dataset.rejected].astype(np.int64)
    unequal = decided & (gap != 0)
    return first, proportion(float((gap[unequal] > 0).sum()), int(unequal.sum()))


def _judged_more(dataset: Dataset) -> int:
    counts = np.bincount(dataset.votes["pair"].to_numpy(), minlength=len(dataset)) if len(dataset) else np.zeros(0)
    return int((counts > 1).sum())


def meanings(mapping: Mapping, rows: list[Row]) -> list[tuple[str, int]]:
    """The values of the columns that name a winner as a mapping knows them, with counts, the most first; "" counts empty cells."""
    counts: dict[str, int] = {}
    for (record, _, _), column in product(rows, mapping.verdicts):
        value = at(record or {}, column)
        key = "" if value is Absent or value is None else said(value)
        counts[key] = counts.get(key, 0) + 1
    return sorted(counts.items(), key=lambda entry: (entry[0] == "", -entry[1], entry[0]))

