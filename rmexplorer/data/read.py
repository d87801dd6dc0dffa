"""FILE → Dataset: open the files behind a path, recognise their format by content, and read their comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rmexplorer.data.assemble import Parts, assemble
from rmexplorer.data.build import Builder
from rmexplorer.data.containers import Table, open_member
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.fast import fast_parts
from rmexplorer.data.formats import FORMATS, Format, recognise
from rmexplorer.data.members import common_labels, is_folder, members
from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem

SAMPLE = 40
BEAT = 2000


def read(
    path: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    criterion: str | None = None,
    max_bytes: int | None = None,
) -> Job[Dataset]:
    """Read preference data from a file, a folder, an archive, or several of them; returns the Dataset.

    format: id of a format instead of recognition; criterion: the label column to use where a file has several;
    max_bytes: how much a packed file may unpack to. Yields Progress in bytes or records. Raises Problem for what
    cannot be read.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    if not paths:
        raise Problem("no file was given", "name a file or a folder")
    if any(str(one).startswith("hf:") for one in paths):
        raise Problem(f"{paths[0]}: datasets of the Hub are not fetched here", "download it first and open the folder")
    tables, warnings = yield from _open_all(paths, max_bytes)
    shown = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    samples = [table.sample(SAMPLE) for _, table in tables]
    sample = [record for records in samples for record in records]
    chosen, why = _format(sample, shown, format)
    if criterion is not None and criterion not in chosen.criteria:
        raise Problem(
            f"{shown}: the format {chosen.id} has no criterion named {criterion!r}",
            f"choose one of {', '.join(chosen.criteria)}" if chosen.criteria else "leave --criterion out",
        )
    strange = [name for (name, _), records in zip(tables, samples, strict=True) if chosen.fit(records)[0] <= 0]
    if format is None and strange:
        warnings.append(f"{', '.join(strange[:3])}: this does not look like {chosen.id}, which the rest is read as")
    labels = common_labels([name for name, _ in tables])
    keys = extra_keys(sample, chosen.used, len(tables) > 1)
    try:
        parts = yield from fast_parts(chosen, tables, labels, keys, warnings)
        if parts is None:
            reading = _Reading(tables, labels, Builder(keys, chosen.merging))
            parts = yield from _one_by_one(chosen, reading, criterion, warnings)
    except Problem as problem:
        raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem
    yield Progress(1, 2, "telling texts apart")
    return assemble(parts, paths[0].name if len(paths) == 1 else f"{len(paths)} files", shown, chosen.id, why)


def _open_all(paths: list[Path], max_bytes: int | None) -> Job[tuple[list[tuple[str, Table]], list[str]]]:
    """Every data file behind the paths, opened, under its name; and warnings of what was left out."""
    tables: list[tuple[str, Table]] = []
    warnings: list[str] = []
    for path in paths:
        folder = is_folder(path)
        for member in members(path, max_bytes):
            yield Progress(len(tables), 0, f"opening {member.name}")
            try:
                tables.append((member.name, open_member(member, str(path / member.name) if folder else str(path))))
            except Problem:
                if not (folder and member.name.lower().endswith(".txt")):
                    raise
                warnings.append(f"{member.name} is no data that can be read; it was left out")
    if not tables:
        remedy = "choose a folder with .jsonl, .json, .csv or .parquet files"
        raise Problem(f"{paths[0]}: this folder holds no data files", remedy)
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

    def __init__(self, tables: list[tuple[str, Table]], labels: list[str], builder: Builder) -> None:
        self._tables, self._labels, self.builder = tables, labels, builder
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
        many = len(self._tables) > 1
        for (name, table), label in zip(self._tables, self._labels, strict=True):
            for value, line, error in table.rows():
                record = Record(value or {}, self.number, line, name)
                self.number += 1
                if value is None:
                    self.builder.skip(Skip(record, "bad_record", error))
                    continue
                if many:
                    value.setdefault("subset", label)
                yield record


def _format(sample: list[dict[str, Any]], shown: str, wanted: str | None) -> tuple[Format, str]:
    if wanted is not None:
        chosen, why = FORMATS[wanted], "named by the user"
    else:
        found = recognise(sample)
        if not found:
            raise _unknown(sample, shown)
        _, chosen, why = found[0]
    if chosen.reader is None:
        raise Problem(f"{shown}: this is {chosen.title}: {chosen.refuse}", chosen.remedy)
    return chosen, why


def _unknown(sample: list[dict[str, Any]], shown: str) -> Problem:
    seen = list(dict.fromkeys(key for record in sample for key in record))
    if not seen:
        return Problem(f"{shown}: holds no records", "choose a file with records of preference data")
    columns = ", ".join(map(str, seen[:20])) + (f" and {len(seen) - 20} more" if len(seen) > 20 else "")
    return Problem(
        f"{shown}: no known format of preference data has the columns {columns}",
        "rename them to prompt, chosen and rejected (texts or chats), or to prompt, response_a, response_b and winner",
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
