"""FILE → Dataset: open the files behind a path, recognise their format by content, and read their comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rmexplorer.data.assemble import assemble
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
    tables: list[tuple[str, Table]] = []
    warnings: list[str] = []
    for one in paths:
        for member in members(one, max_bytes):
            yield Progress(len(tables), 0, f"opening {member.name}")
            try:
                tables.append(
                    (member.name, open_member(member, str(one / member.name) if is_folder(one) else str(one)))
                )
            except Problem:
                if not (is_folder(one) and member.name.lower().endswith(".txt")):
                    raise
                warnings.append(f"{member.name} is no data that can be read; it was left out")
    if not tables:
        raise Problem(
            f"{paths[0]}: this folder holds no data files", "choose a folder with .jsonl, .json, .csv or .parquet files"
        )
    shown = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    chosen, why = _format(tables, shown, format)
    if criterion is not None and criterion not in chosen.criteria:
        raise Problem(
            f"{shown}: the format {chosen.id} has no criterion named {criterion!r}",
            f"choose one of {', '.join(chosen.criteria)}" if chosen.criteria else "leave --criterion out",
        )
    sample = [record for _, table in tables for record in table.sample(SAMPLE)]
    labels = common_labels([name for name, _ in tables])
    strange = [name for name, table in tables if chosen.fit(table.sample(SAMPLE))[0] <= 0]
    if format is None and strange:
        warnings.append(f"{', '.join(strange[:3])}: this does not look like {chosen.id}, which the rest is read as")
    keys = extra_keys(sample, chosen.used, len(tables) > 1)
    parts = yield from fast_parts(chosen, tables, labels, keys, warnings)
    if parts is None:
        builder = Builder(keys, chosen.merging)
        reading = _Reading(tables, labels, builder, criterion)
        assert chosen.reader is not None
        total = sum(table.size for _, table in tables)
        yield Progress(0, total, "reading")
        try:
            for number, outcome in enumerate(chosen.reader(reading.records(), criterion), 1):
                if isinstance(outcome, Comparison):
                    builder.add(outcome)
                else:
                    builder.skip(outcome)
                if number % BEAT == 0:
                    yield Progress(reading.done, total, "reading")
        except Problem as problem:
            raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem
        parts = builder.parts(reading.number, warnings + [text for _, table in tables for text in table.warnings])
    yield Progress(1, 2, "telling texts apart")
    return assemble(parts, paths[0].name if len(paths) == 1 else f"{len(paths)} files", shown, chosen.id, why)


class _Reading:
    """The records of all files, numbered through; broken ones are counted in the builder."""

    def __init__(
        self, tables: list[tuple[str, Table]], labels: list[str], builder: Builder, criterion: str | None
    ) -> None:
        self._tables, self._labels, self._builder = tables, labels, builder
        self.number = 0

    @property
    def done(self) -> int:
        """Bytes or rows read."""
        return sum(table.done for _, table in self._tables)

    def records(self) -> Iterator[Record]:
        """Each whole record."""
        many = len(self._tables) > 1
        for (name, table), label in zip(self._tables, self._labels, strict=True):
            for value, line, error in table.rows():
                record = Record(value or {}, self.number, line, name)
                self.number += 1
                if value is None:
                    self._builder.skip(Skip(record, "bad_record", error))
                    continue
                if many:
                    value.setdefault("subset", label)
                yield record


def _format(tables: list[tuple[str, Table]], shown: str, wanted: str | None) -> tuple[Format, str]:
    sample = [record for _, table in tables for record in table.sample(SAMPLE)]
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
