"""CSV and TSV: separators and encodings by content, quoted newlines, wrong numbers of cells counted line by line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from rmexplorer.data.containers import (
    CONTAINERS,
    Container,
    Row,
    Table,
    looks_like_text,
    spread,
    text_bytes,
    told_apart,
)
from rmexplorer.data.encoding import decoded
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

SEPARATORS = (",", "\t", ";", "|")
DECLARED = re.compile(r'"?sep=(?:(\\t)|(\t|[^\w\s"]))"?[ ,;\t|]*\r?\n', re.IGNORECASE)
SWALLOWED = 100  # lines that a quoted cell without an end may take before the fault is its quotation mark
MOST_AGAIN = 20  # each costs a look at all that follows
csv.field_size_limit(2**31 - 1)


class SeparatedTable(Table):
    """A table of text cells with a head line; `said` is what there is to say of that.

    above: how many lines stand above the head. A first column without a name, the row numbers of pandas, is left out.
    """

    def __init__(self, text: str, separator: str, above: int = 0) -> None:
        super().__init__(len(text))
        self._text, self._separator, self._above = text, separator, above
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
        for _ in range(self._above):
            stream.readline()
        above, again = self._above, 0
        while True:
            line, start = reader.line_num + 1 + above, stream.tell()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if reader.line_num + above - line < SWALLOWED or again == MOST_AGAIN:
                    yield Row(None, line, f"Line {line} is no row of a table ({error}).")
                    continue
                yield Row(None, line, f"Line {line} opens a quotation mark that is never closed.")
                stream.seek(start)  # only this line is lost, not all below it
                stream.readline()
                above, again, reader = line, again + 1, csv.reader(stream, delimiter=self._separator, strict=True)
                continue
            self.done = stream.tell() if head is None else self.done + sum(map(len, cells)) + len(cells)
            if not cells or (len(cells) == 1 and head is not None and len(head) > 1 and not cells[0].strip()):
                continue
            if head is None:
                head, self.said = told_apart([cell.strip() for cell in cells])
            elif len(cells) != len(head):
                yield Row(None, line, f"Line {line} has {len(cells)} cells, not {len(head)}.")
            else:
                fields = dict(zip(head, cells, strict=True))
                if not head[0]:
                    del fields[""]
                yield Row(fields, line)


def _separator(head: str) -> str | None:
    """The separator that the first line declares, or that splits the head into most cells.

    All cells of the head have a name; the first one needs none where the lines below have as many cells.
    """
    declared = DECLARED.match(head)
    if declared:
        return "\t" if declared[1] else declared[2]
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
        if not rows or len(rows[0]) <= most:
            continue
        numbered = len(rows[0]) > 2 and len(rows) > 1 and rows[0][1].strip() and len(rows[1]) == len(rows[0])
        if rows[0][0].strip() or numbered:
            best, most = separator, len(rows[0])
    return best


def recognises(head: bytes) -> bool:
    """Text whose head line splits into several cells."""
    if not looks_like_text(head):
        return False
    return _separator(text_bytes(head).decode("utf-8", "replace")) is not None


def open_table(member: Member) -> Table:
    """Open a table; of text that is not UTF-8 the encoding is guessed, with a warning."""
    text, encoding = decoded(text_bytes(member.data))
    separator = _separator(text[: 1 << 16])
    assert separator is not None
    table = SeparatedTable(text, separator, 1 if DECLARED.match(text) else 0)
    table.warnings += [f"{member.name}: {said}" for said in table.said]
    if encoding:
        table.warnings.append(f"{member.name} is not UTF-8; it was read as {encoding}")
    return table


CONTAINERS.add("table", Container("table", recognises, open_table, order=80))
