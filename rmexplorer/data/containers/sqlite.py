"""SQLite databases: one table, or all tables of the same columns; opened so that nothing is written or run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rmexplorer.data.containers import CONTAINERS, Container, Row, Table
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

MAGIC = b"SQLite format 3\x00"
STEP = 1000


class Database(Table):
    """The rows of some tables of one shape; several tables are told apart by the field `table`."""

    def __init__(self, member: Member, tables: list[str]) -> None:
        self._member, self._tables = member, tables
        with closing(connect(member)) as connection:
            self._counts = [_count(connection, table) for table in tables]
        super().__init__(sum(self._counts))

    def sample(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for table, height in zip(self._tables, self._counts, strict=True):
            starts = (0,) if height <= 3 * count else (0, (height - count) // 2, height - count)
            for start in starts:
                found += self._records(table, count if len(starts) > 1 else height, start)
        return found

    def rows(self) -> Iterator[Row]:
        self.done = 0
        try:
            for table in self._tables:
                for record in self._records(table):
                    self.done += 1
                    yield Row(record, None)
        except sqlite3.Error as error:
            raise _damaged(error) from error

    def _records(self, table: str, most: int = -1, start: int = 0) -> Iterator[dict[str, Any]]:
        with closing(connect(self._member)) as connection:
            cursor = connection.execute(f"SELECT * FROM {_quoted(table)} LIMIT ? OFFSET ?", (most, start))
            names = [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(STEP):
                for row in rows:
                    record = {name: _plain(cell) for name, cell in zip(names, row, strict=True)}
                    if len(self._tables) > 1:
                        record.setdefault("table", table)
                    yield record


def _plain(cell: Any) -> Any:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def _damaged(error: Exception) -> Problem:
    return Problem(f"this database is damaged or locked ({error})", "close what writes to it, or fetch it again")


def connect(member: Member) -> sqlite3.Connection:
    """A connection that only reads: no trigger, view or function of the file is trusted."""
    if member.path is None:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(member.unpacked)
    else:
        path = member.path.resolve()
        waiting = Path(f"{path}-wal")
        # Without a log beside it nothing else is to be read, and then SQLite need not make files in the folder.
        still = "" if waiting.is_file() and waiting.stat().st_size else "&immutable=1"
        connection = sqlite3.connect(f"file:{quote(path.as_posix())}?mode=ro{still}", uri=True)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """The tables (no views, no virtual tables) that hold rows, with their columns."""
    named = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^' "
        "AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
    ).fetchall()
    columns = {
        name: frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(name)})"))
        for (name,) in named
    }
    return {name: found for name, found in columns.items() if _count(connection, name)}


def open_database(member: Member) -> Table:
    """Open a database; where its tables differ, the person must name one (FILE#TABLE)."""
    try:
        with closing(connect(member)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise Problem("this database is damaged", "fetch it again")
            tables = _tables(connection)
        if not tables:
            raise Problem("this database has no table with rows", "choose one with at least one record")
        if member.part and member.part not in tables:
            raise Problem(f"there is no table with rows named {member.part!r}", f"choose one of {', '.join(tables)}")
        if not member.part and len(set(tables.values())) > 1:
            raise Problem(
                f"this database has the tables {', '.join(tables)}", f"name one after the file: {member.name}#TABLE"
            )
        return Database(member, [member.part] if member.part else list(tables))
    except (sqlite3.Error, MemoryError, OverflowError) as error:
        raise _damaged(error) from error


def recognises(head: bytes) -> bool:
    """The first bytes of a SQLite 3 file."""
    return head.startswith(MAGIC)


CONTAINERS.add("sqlite", Container("sqlite", recognises, open_database, order=6))
