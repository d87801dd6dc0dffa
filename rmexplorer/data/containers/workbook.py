"""Spreadsheets: the sheets of an Excel or OpenDocument workbook that have one head line, values only."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from rmexplorer.data.containers import CONTAINERS, Container, Row, Table, spread, told_apart
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Workbook(Table):
    """The rows of all sheets with the head of the first; several sheets are told apart by the field `sheet`."""

    def __init__(self, sheets: list[tuple[str, list[tuple[int, dict[str, Any]]]]], left_out: list[str]) -> None:
        super().__init__(sum(len(rows) for _, rows in sheets))
        several = len(sheets) > 1
        self._rows = [
            Row({**record, "sheet": name} if several and "sheet" not in record else record, line)
            for name, rows in sheets
            for line, record in rows
        ]
        if left_out:
            said = "sheets have" if len(left_out) > 1 else "sheet has"
            self.warnings.append(f"the {said} other columns and not read: {', '.join(left_out)}")

    def sample(self, count: int) -> list[dict[str, Any]]:
        return [dict(self._rows[place].value or {}) for place in spread(len(self._rows), count)]

    def rows(self) -> Iterator[Row]:
        for number, row in enumerate(self._rows, 1):
            self.done = number
            yield row._replace(value=dict(row.value or {}))


def _plain(cell: Any) -> Any:
    """A cell as JSON would hold it: whole numbers as int, dates as ISO text; an empty one is an empty text."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, timedelta) else cell


def _records(sheet: Any) -> tuple[list[str], list[tuple[int, dict[str, Any]]], list[str]]:
    """The head of a sheet, its records with their line, and warnings; in a column with any text, all cells are texts."""
    rows = sheet.to_python(skip_empty_area=True)
    start = 1 + (sheet.start[0] if sheet.start else 0)
    lines = [(line, cells) for line, cells in enumerate(rows, start) if any(cell != "" for cell in cells)]
    if not lines:
        return [], [], []
    head = [str(_plain(cell)).strip() for cell in lines[0][1]]
    kept = [place for place, name in enumerate(head) if name or any(cells[place] != "" for _, cells in lines[1:])]
    names, said = told_apart([head[place] for place in kept])
    columns = {place: [_plain(cells[place]) for _, cells in lines[1:]] for place in kept}
    for column in columns.values():
        if any(isinstance(cell, str) and cell for cell in column):
            column[:] = [str(cell).upper() if isinstance(cell, bool) else str(cell) for cell in column]
    records = [
        (line, {name: columns[place][row] for name, place in zip(names, kept, strict=True)})
        for row, (line, _) in enumerate(lines[1:])
    ]
    return names, records, said


def open_workbook(member: Member) -> Table:
    """Open a workbook; raises Problem where it is damaged, locked or without a table."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(member.data))
        names = [sheet.name for sheet in book.sheets_metadata if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet]
        if member.part and member.part not in names:
            raise Problem(f"there is no sheet named {member.part!r}", f"choose one of {', '.join(names)}")
        names = [member.part] if member.part else names
        read = {name: _records(book.get_sheet_by_name(name)) for name in names}
    except Problem:
        raise
    except python_calamine.PasswordError as error:
        raise Problem("this workbook is locked by a password", "save it without one") from error
    except BaseException as error:  # the library is Rust: its panics are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        said = (str(error).splitlines() or [""])[0][:200]
        raise Problem(f"this workbook is damaged ({said})", "save it again, or save the sheet as CSV") from error
    filled = {name: records for name, (_, records, _) in read.items() if records}
    if not filled:
        raise Problem("this workbook has no sheet with a head line and a row", "choose one with at least one record")
    head = read[next(iter(filled))][0]
    sheets = [(name, records) for name, records in filled.items() if set(read[name][0]) == set(head)]
    workbook = Workbook(sheets, [name for name in filled if set(read[name][0]) != set(head)])
    workbook.warnings += [f"{member.name}, sheet {name}: {said}" for name, _ in sheets for said in read[name][2]]
    return workbook


def recognises(head: bytes) -> bool:
    """Archives that were not unpacked, and Excel before 2007."""
    return head.startswith((b"PK\x03\x04", OLD_EXCEL))


CONTAINERS.add("workbook", Container("workbook", recognises, open_workbook, order=5))
