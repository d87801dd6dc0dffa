"""Containers: files as records, told apart by their content, never by their name. A leaf a container."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import orjson
import polars as pl

from rmexplorer.data.encoding import WESTERN, unmarked
from rmexplorer.data.texts import encodable
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem
from rmexplorer.registry import Registry


class Row(NamedTuple):
    """One record of a container: its fields, or None with what is wrong with it; its line (1-based) where it has
    one."""

    value: dict[str, Any] | None
    line: int | None
    error: str = ""


class Table(ABC):
    """An opened file. `done` of `size` says how far reading is, in bytes where `in_bytes`, else in records; `warnings`
    fill while reading."""

    in_bytes = False

    def __init__(self, size: int) -> None:
        self.size = size
        self.done = 0
        self.warnings: list[str] = []

    @abstractmethod
    def sample(self, count: int) -> list[dict[str, Any]]:
        """Up to `count` records each from start, middle and end."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All records in order, broken ones too."""

    def frame(self) -> pl.DataFrame | None:
        """The whole file as columns where it is columnar, else None."""
        return None

    def first(self, count: int) -> Table:
        """A table of the first `count` records of this one."""
        return First(self, count)


class First(Table):
    """The first records of a table, which is then as it was."""

    def __init__(self, table: Table, count: int) -> None:
        super().__init__(count)
        self._table, self._count = table, count

    def sample(self, count: int) -> list[dict[str, Any]]:
        """As of the whole table."""
        return self._table.sample(count)

    def rows(self) -> Iterator[Row]:
        """The first of the rows."""
        done, warnings = self._table.done, list(self._table.warnings)
        rows = self._table.rows()
        try:
            yield from islice(rows, self._count)
        finally:
            if isinstance(rows, Generator):
                rows.close()
            self._table.done, self._table.warnings = done, warnings


class Nothing(Table):
    """An empty file among others: one row that says so."""

    def __init__(self, name: str) -> None:
        super().__init__(0)
        self._name = name

    def sample(self, count: int) -> list[dict[str, Any]]:
        return []

    def rows(self) -> Iterator[Row]:
        yield Row(None, None, f"{self._name} is empty.")


@dataclass(frozen=True)
class Container:
    """How to recognise a kind of file by its first bytes, and how to open it. Smaller `order` is asked first."""

    id: str
    recognises: Callable[[bytes], bool]
    open: Callable[[Member], Table]
    order: int = field(default=50)


CONTAINERS: Registry[Container] = Registry("container", "rmexplorer.data.containers")


def open_member(member: Member, shown: str) -> Table:
    """Open a file by its content. Raises Problem where it is of no known kind or damaged as a whole."""
    if not member.head.strip():
        return Nothing(member.name)
    for container in sorted(CONTAINERS.values(), key=lambda entry: entry.order):
        if container.recognises(member.head):
            try:
                return container.open(member)
            except Problem as problem:
                raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem
    if encoding := unmarked(member.head):
        plain = member.data.decode(encoding, "replace").encode()
        table = open_member(Member(member.name, plain[: len(member.head)], None, plain, member.part), shown)
        table.warnings.append(f"{member.name} has no byte order mark; it was read as {encoding.upper()}")
        return table
    raise Problem(f"{shown}: this is no kind of file that can be read here", "give JSONL, JSON, CSV, TSV or parquet")


def spread(length: int, count: int) -> list[int]:
    """Row numbers of a sample: `count` each from the start, the middle and the end."""
    if length <= 3 * count:
        return list(range(length))
    middle = (length - count) // 2
    return [*range(count), *range(middle, middle + count), *range(length - count, length)]


def told_apart(head: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of columns, a second one of a name as `name (2)`, and a warning where there is one.

    Columns without a name stay so.
    """
    names: list[str] = []
    new: list[str] = []
    taken, count = set(head), Counter[str]()
    for name in head:
        count[name] += 1
        called = name
        if name and count[name] > 1:
            while (called := f"{name} ({count[name]})") in taken:
                count[name] += 1
            taken.add(called)
            new.append(called)
        names.append(called)
    if not new:
        return names, []
    shown = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    return names, [f"columns have the same name, and the later ones are read as {shown}; give each a name of its own"]


def load_json(data: bytes | str) -> Any:
    """Parse JSON; what orjson refuses but people write (bare NaN, lone surrogates) is tolerated. Raises ValueError.

    Bytes that are not UTF-8 are read as Windows-1252: enough to know JSON, decode them first to read them.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    text = data
    if isinstance(text, bytes):
        text = text.decode("utf-8" if _is_utf8(text) else WESTERN, "replace")
    try:
        return encodable(json.loads(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def text_bytes(data: bytes) -> bytes:
    """UTF-8 bytes without a byte order mark; UTF-16 and UTF-32 with a mark are turned to UTF-8."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    for mark, encoding in (
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode()
    return data


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes are text."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" not in head
