"""CSV and TSV: separators and encodings by content, quoted newlines, wrong numbers of cells counted line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from rmexplorer.data.containers import (
    CONTAINERS,
    Container,
    Row,
    Table,
    decoded,
    looks_like_text,
    spread,
    text_bytes,
    told_apart,
)
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

SEPARATORS = (",", "\t", ";", "|")
csv.field_size_limit(2**31 - 1)


class SeparatedTable(Table):
    """A table of text cells with a head line; `said` is what there is to say of that."""

    def __init__(self, text: str, separator: str) -> None:
        super().__init__(len(text))
        self._text, self._separator = text, separator
        self.said: list[str] = []
        sample = [row.value for row, _ in zip(self._read(), range(200), strict=False) if row.value]
        if not sample:
            raise Problem("this table has a head line but no whole row", "choose a table with at least one record")

    def sample(self, count: int) -> list[dict[str, Any]]:
        records = [row.value for row, _ in zip(self._read(), range(20_000), strict=False) if row.value]
        return [records[place] for place in spread(len(records), count)]

    def rows(self) -> Iterator[Row]:
        return self._read()

    def _read(self) -> Iterator[Row]:
        stream = io.StringIO(self._text, newline="")
        reader = csv.reader(stream, delimiter=self._separator, strict=True)
        head: list[str] | None = None
        line = 1
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(None, line, f"Line {line} is no row of a table ({error}).")
                continue
            self.done = stream.tell() if head is None else self.done + sum(map(len, cells)) + len(cells)
            if not cells or (len(cells) == 1 and head is not None and len(head) > 1 and not cells[0].strip()):
                continue
            if head is None:
                head, self.said = told_apart([cell.strip() for cell in cells])
            elif len(cells) != len(head):
                yield Row(None, line, f"Line {line} has {len(cells)} cells, not {len(head)}.")
            else:
                yield Row(dict(zip(head, cells, strict=True)), line)


def _separator(head: str) -> str | None:
    """The separator that splits the first lines into the same number of cells, more than one."""
    best, most = None, 1
    for separator in SEPARATORS:
        try:
            rows = [
                row
                for row, _ in zip(
                    csv.reader(io.StringIO(head, newline=""), delimiter=separator), range(10), strict=False
                )
            ]
        except csv.Error:
            continue
        rows = [row for row in rows if row]
        if rows and len(rows[0]) > most and all(cell.strip() or place for place, cell in enumerate(rows[0])):
            best, most = separator, len(rows[0])
    return best


def recognises(head: bytes) -> bool:
    """Text whose head line splits into several cells."""
    if not looks_like_text(head):
        return False
    return _separator(text_bytes(head).decode("utf-8", "replace")) is not None


def open_table(member: Member) -> Table:
    """Open a table; text that is not UTF-8 is read as Windows-1252, with a warning."""
    text, whole = decoded(text_bytes(member.data))
    separator = _separator(text[: 1 << 16])
    assert separator is not None
    table = SeparatedTable(text, separator)
    table.warnings += [f"{member.name}: {said}" for said in table.said]
    if not whole:
        table.warnings.append(f"{member.name} is not UTF-8; it was read as Windows-1252")
    return table


CONTAINERS.add("table", Container("table", recognises, open_table, order=80))
