"""FILE → Dataset: open the files behind a path, recognise their format by content, and read their comparisons."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rmexplorer.data.assemble import Parts, assemble
from rmexplorer.data.build import Builder
from rmexplorer.data.by_mapping import as_format
from rmexplorer.data.cells import JsonCells, chat_keys
from rmexplorer.data.containers import Table, looks_like_text, open_member
from rmexplorer.data.containers.columns import LargeColumns
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.fast import fast_parts
from rmexplorer.data.formats import FORMATS, Format, recognise
from rmexplorer.data.guess import guess
from rmexplorer.data.hub import fetched, is_address
from rmexplorer.data.limits import check_memory
from rmexplorer.data.mapping import Mapping, at
from rmexplorer.data.members import common_labels, is_folder, members, once, told_apart
from rmexplorer.data.nested import outcomes, worth_parsing
from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.data.shapes import Absent
from rmexplorer.data.stream import can_stream, streamed
from rmexplorer.job import Job, Progress, finish
from rmexplorer.problem import Problem

SAMPLE = 40
BEAT = 2000
EQUAL = 0.06
IN_MEMORY = 1_500_000  # records of columns up to which they are read at once where nobody waits for their texts on disk
PREVIEWED = 2_000  # records that are shown while the rest is read
MUCH_RECORDS, MUCH_BYTES = 100_000, 50_000_000  # of one file, beyond which its first records are shown first
Paths = str | Path | Sequence[str | Path]


def read(
    path: Paths,
    *,
    format: str | None = None,
    criterion: str | None = None,
    mapping: Mapping | None = None,
    max_bytes: int | None = None,
    previewed: bool = False,
) -> Job[Dataset]:
    """Read preference data from a file, a folder, an archive, a dataset of the Hub, or several; returns the Dataset.

    FILE#PART names a sheet of a workbook or a table of a database. format: id of a format instead of recognition;
    mapping: what the columns are, instead of a format; criterion: the label to use where rows have several; max_bytes:
    how much a packed file may unpack to; previewed: of much data, a beat has a Preview as its data. Yields Progress in
    bytes or records. Raises Problem for what cannot be read.
    """
    opened = yield from open_tables(path, max_bytes)
    chosen, why = _format(opened, format, mapping)
    shown, tables, warnings = opened.shown, opened.tables, opened.warnings
    if chosen.prepare is not None:
        try:
            chosen, said = chosen.prepare(opened.sample)
        except Problem as problem:
            raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem
        warnings += said
    if criterion is not None and criterion not in chosen.criteria:
        raise Problem(
            f"{shown}: the format {chosen.id} has no criterion named {criterion!r}",
            f"choose one of {', '.join(chosen.criteria)}" if chosen.criteria else "leave --criterion out",
        )
    used = criterion or next(iter(chosen.criteria), "")
    warnings += _to_know(opened, chosen, criterion, format is not None, mapping is not None)
    labels = common_labels([name for name, _ in tables])
    keys = [*extra_keys(opened.sample, chosen.used - set(chosen.added), len(tables) > 1)]
    keys += [key for key in chosen.added if key not in keys]

    def made(tables: list[tuple[str, Table]]) -> Job[Dataset]:
        parts = yield from fast_parts(chosen, tables, labels[: len(tables)], keys, warnings)
        if parts is None:
            reading = _Reading(tables, labels[: len(tables)], Builder(keys, chosen.merging), len(opened.tables) > 1)
            parts = yield from _one_by_one(chosen, reading, criterion, warnings)
        yield Progress(1, 2, "telling texts apart")
        dataset = assemble(parts, opened.name, shown, chosen.id, why)
        return replace(dataset, criteria=chosen.criteria, criterion=used)

    if previewed and (begun := first_tables(tables)):
        with suppress(Problem):  # the whole says what is wrong with it
            first = finish(made(begun))
            if len(first):
                records = 0 if any(table.in_bytes for _, table in tables) else sum(table.size for _, table in tables)
                yield Progress(0, 0, "reading", Preview(first, records))
    try:
        most = MUCH_RECORDS if previewed else IN_MEMORY
        if can_stream(chosen, tables) and sum(table.size for _, table in tables) > most:
            plain = {"name": opened.name, "path": shown, "format": chosen.id, "why": why, "criteria": chosen.criteria,
                     "criterion": used}  # fmt: skip
            whole = yield from streamed(chosen, tables, labels, keys, warnings, plain)
            if whole is not None:
                return whole
        return (yield from made(tables))
    except Problem as problem:
        raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem


def _to_know(opened: Opened, chosen: Format, criterion: str | None, named: bool, mapped: bool) -> list[str]:
    """What a person should know before the rest is read: other labels, files that look different, a prompt that is only guessed."""
    said: list[str] = []
    if criterion is None and len(chosen.criteria) > 1:
        said.append(
            f"rows have several labels: {chosen.criteria[0]} is used, --criterion picks {', '.join(chosen.criteria[1:-1])}"
            f"{' or ' if chosen.criteria[2:] else ''}{chosen.criteria[-1]}"
        )
    if not named and not mapped and chosen.layouts:
        pairs = zip(opened.tables, opened.samples, strict=True)
        strange = [name for (name, _), records in pairs if records and chosen.fit(records)[0] <= 0]
        if strange:
            said.append(f"{', '.join(strange[:3])}: this does not look like {chosen.id}, which the rest is read as")
    if not named and chosen.vague and (doubtful := guess(opened.sample)).doubts and doubtful.columns("prompt"):
        column = doubtful.columns("prompt")[0]
        said.append(f"no column is named as the prompt; if {column} holds it, say so in a mapping (--map)")
    return said


@dataclass(frozen=True, eq=False)
class Preview:
    """The first records of much data, read as the whole will be; records: how many there are, 0 where nobody knows yet."""

    dataset: Dataset
    records: int


def first_tables(tables: list[tuple[str, Table]]) -> list[tuple[str, Table]]:
    """Tables of the first PREVIEWED records; none where all are read as quickly."""
    if not any(table.size > (MUCH_BYTES if table.in_bytes else MUCH_RECORDS) for _, table in tables):
        return []
    begun, left = [], PREVIEWED
    for name, table in tables:
        begun.append((name, table.first(left)))
        left -= left if table.in_bytes else min(left, table.size)
        if not left:
            break
    return begun


@dataclass
class Opened:
    """The tables behind the paths, what they were called, and a sample of their records."""

    name: str
    shown: str
    tables: list[tuple[str, Table]]
    warnings: list[str]
    samples: list[list[dict[str, Any]]]

    @property
    def sample(self) -> list[dict[str, Any]]:
        """Records from start, middle and end of each table."""
        return [record for records in self.samples for record in records]

    def parse(self, keys: frozenset[str]) -> None:
        """Parse the lists and objects in the cells of some columns."""
        if keys:
            self.tables = [(name, JsonCells(table, keys)) for name, table in self.tables]
            self.samples = _samples([table for _, table in self.tables])


def open_tables(path: Paths, max_bytes: int | None = None) -> Job[Opened]:
    """Open the files behind a path; JSON in the cells of chat columns is parsed. Raises Problem where one cannot be."""
    paths = [str(path)] if isinstance(path, str | Path) else [str(one) for one in path]
    if not paths:
        raise Problem("no file was given", "name a file or a folder")
    paths, again = once(paths)
    tables, warnings = yield from _open_all(paths, max_bytes)
    warnings[:0] = [f"{one}: is named twice; it is read once" for one in again]
    shown = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    name = Path(paths[0]).name if len(paths) == 1 else f"{len(paths)} files"
    samples = _samples([table for _, table in tables])
    opened = Opened(name, shown, tables, warnings, samples)
    opened.parse(chat_keys(opened.sample))
    return opened


def _samples(tables: list[Table]) -> list[list[dict[str, Any]]]:
    """A sample of each table; none of a large one between others of the very same columns: unpacking it takes a moment."""
    samples, known = [], set[str]()
    for place, table in enumerate(tables):
        columns = str(table.schema) if isinstance(table, LargeColumns) else ""
        alike = columns in known and 0 < place < len(tables) - 1
        samples.append([] if columns and alike else table.sample(SAMPLE))
        known.add(columns)
    return samples


@dataclass(frozen=True)
class Peek:
    """What a person may want to know of a file before it is read.

    records: a sample; format and why: what it would be read as ("" where that is not clear) and the evidence; others:
    what else fits, with its evidence; mapping: the guess by names and values; problem: why it cannot be read without a
    choice.
    """

    records: list[dict[str, Any]]
    format: str
    why: str
    others: list[tuple[str, str]]
    mapping: Mapping
    problem: Problem | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the sample, in the order in which they first stand."""
        return list(dict.fromkeys(key for record in self.records for key in record))


def peek(path: Paths, max_bytes: int | None = None) -> Job[Peek]:
    """Look at a sample of a file without reading it all. Raises Problem where it cannot be opened."""
    opened = yield from open_tables(path, max_bytes)
    chosen, why, refusal = None, "", None
    try:
        chosen, why = _format(opened, None, None)
        if chosen.prepare is not None:
            chosen.prepare(opened.sample)
    except Problem as problem:
        chosen, why, refusal = None, "", problem
    named = "" if chosen is None else chosen.id
    others = [(fit[1].id, fit[2]) for fit in recognise(copy.deepcopy(opened.sample)) if fit[1].id != named]
    return Peek(opened.sample, named, why, others, guess(opened.sample), refusal)


def _open_all(paths: list[str], max_bytes: int | None) -> Job[tuple[list[tuple[str, Table]], list[str]]]:
    """Every data file behind the paths, opened, under its name; and warnings of what was left out."""
    tables: list[tuple[str, Table]] = []
    places: list[tuple[str, str]] = []
    warnings: list[str] = []
    text = 0
    for path in paths:
        files = [("", Path(path))]
        if is_address(path):
            files = yield from fetched(path, max_bytes)
        for name, file in files:
            folder = is_folder(file)
            for member in members(file, max_bytes):
                called = name or member.name
                yield Progress(len(tables), 0, f"opening {called}")
                text += member.size if looks_like_text(member.head) else 0
                check_memory(path, text)
                try:
                    tables.append((called, open_member(member, str(file / member.name) if folder else path)))
                    places.append((path, f"{called}/{member.part}" if member.part else called))
                except Problem:
                    if not (folder and member.name.lower().endswith((".txt", ".db"))):
                        raise
                    warnings.append(f"{member.name} is no data that can be read; it was left out")
    if not tables:
        remedy = "choose a folder with .jsonl, .json, .csv or .parquet files"
        raise Problem(f"{paths[0]}: this folder holds no data files", remedy)
    if len(paths) > 1:
        tables = [(name, table) for name, (_, table) in zip(told_apart(places), tables, strict=True)]
    return tables, warnings


def _one_by_one(chosen: Format, reading: _Reading, criterion: str | None, warnings: list[str]) -> Job[Parts]:
    """Read the comparisons of each record."""
    assert chosen.reader is not None
    yield Progress(0, reading.size, "reading")
    for number, outcome in enumerate(chosen.reader(reading.records(), criterion), 1):
        if isinstance(outcome, Comparison):
            reading.builder.add(outcome)
        else:
            reading.builder.skip(outcome)
        if number % BEAT == 0:
            yield Progress(reading.done, reading.size, "reading")
    return reading.builder.parts(reading.number, [*warnings, *reading.warnings])


class _Reading:
    """The records of all files, numbered through; broken ones are counted in the builder."""

    def __init__(self, tables: list[tuple[str, Table]], labels: list[str], builder: Builder, many: bool) -> None:
        self._tables, self._labels, self.builder, self._many = tables, labels, builder, many
        self.number = 0
        self.size = sum(table.size for _, table in tables)

    @property
    def done(self) -> int:
        """Bytes or rows read."""
        return sum(table.done for _, table in self._tables)

    @property
    def warnings(self) -> list[str]:
        """What the files had to say."""
        return [text for _, table in self._tables for text in table.warnings]

    def records(self) -> Iterator[Record]:
        """Each whole record."""
        for (name, table), label in zip(self._tables, self._labels, strict=True):
            for value, line, error in table.rows():
                record = Record(value or {}, self.number, line, name)
                self.number += 1
                if value is None:
                    self.builder.skip(Skip(record, "bad_record", error))
                    continue
                if self._many:
                    value.setdefault("subset", label)
                yield record


def _format(opened: Opened, wanted: str | None, mapping: Mapping | None) -> tuple[Format, str]:
    """The format to read by, and why."""
    if mapping is not None:
        chosen, why = as_format(mapping), "mapped by the user"
        lost = [
            column for column, role in mapping.roles.items() if role != "ignore" and not _has(opened.sample, column)
        ]
        if lost:
            raise Problem(f"{opened.shown}: the mapping names columns that are not there: {', '.join(lost)}",
                          "choose another mapping, or write one for this file")  # fmt: skip
        return chosen, why
    opened.parse(worth_parsing(opened.sample, None if wanted is None else FORMATS[wanted]))
    if wanted is not None:
        chosen, why = FORMATS[wanted], "named by the user"
    else:
        found = recognise(opened.sample)
        if not found:
            raise _unknown(opened.sample, opened.shown)
        _, chosen, why = found[0]
        near = [fit for fit in found[1:] if fit[1].fitting is None and abs(found[0][0] - fit[0]) < EQUAL]
        if near and chosen.fitting is None:
            _refuse_doubt(opened, chosen, near[0][1])
    if chosen.reader is None:
        raise Problem(f"{opened.shown}: this is {chosen.title}: {chosen.refuse}", chosen.remedy)
    return chosen, why


def _has(sample: list[dict[str, Any]], column: str) -> bool:
    return any(at(record, column) is not Absent for record in sample)


def _refuse_doubt(opened: Opened, one: Format, two: Format) -> None:
    """Raise a Problem where two formats fit equally and do not say the same of the sample."""
    both = [outcomes(format, opened.sample) for format in (one, two)]
    said = [None if read is None else [comparison[:5] for comparison in read] for read in both]
    if None not in said and said[0] != said[1]:
        raise Problem(
            f"{opened.shown}: the formats {one.id} ({one.title}) and {two.id} ({two.title}) fit equally",
            f"choose one with --format {one.id} or --format {two.id}",
        )


def _unknown(sample: list[dict[str, Any]], shown: str) -> Problem:
    seen = list(dict.fromkeys(key for record in sample for key in record))
    if not seen:
        return Problem(f"{shown}: holds no records", "choose a file with records of preference data")
    columns = ", ".join(map(str, seen[:20])) + (f" and {len(seen) - 20} more" if len(seen) > 20 else "")
    return Problem(
        f"{shown}: no known format of preference data has the columns {columns}",
        "say which is which in a mapping (--map), or rename them to prompt, chosen and rejected",
    )


def extra_keys(sample: list[dict[str, Any]], used: frozenset[str], many: bool) -> list[str]:
    """Fields that become facet columns: scalars, not used by the format, not long texts."""
    seen: dict[str, list[Any]] = {}
    for record in sample:
        for key, value in record.items():
            if key not in used and value is not None:
                seen.setdefault(key, []).append(value)
    keys = [key for key, values in seen.items() if all(_facet(value) for value in values)]
    return [*keys, "subset"] if many and "subset" not in keys and "subset" not in used else keys


def _facet(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 200)
