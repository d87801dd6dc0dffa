"""Text cells that hold JSON, or a list or dict as Python prints it: chats and lists written into a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from rmexplorer.data.containers import Row, Table, load_json
from rmexplorer.data.literals import literal
from rmexplorer.data.texts import is_messages


def chat_keys(sample: list[dict[str, Any]]) -> frozenset[str]:
    """The fields whose texts are all chats, some of them perhaps without a message."""
    return frozenset(
        key
        for key, values in _filled(sample).items()
        if any(values) and all(is_messages(value) for value in values if value)
    )


def nested_keys(sample: list[dict[str, Any]]) -> frozenset[str]:
    """The fields whose texts are all lists or objects, not all of them empty."""
    return frozenset(key for key, values in _filled(sample).items() if any(values))


def _filled(sample: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The parsed values of each field of which every text that is not empty is a list or an object."""
    found: dict[str, list[Any]] = {}
    wrong: set[str] = set()
    for record in sample:
        for key, value in record.items():
            if key in wrong or value is None or value == "":
                continue
            parsed = parsed_cell(value)
            if parsed is None:
                wrong.add(key)
            else:
                found.setdefault(key, []).append(parsed)
    return {key: values for key, values in found.items() if key not in wrong}


def parsed_cell(value: Any) -> Any:
    """The list or object that a text holds as JSON or as Python prints it; None where it is no text or holds none."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if (text[:1], text[-1:]) not in (("[", "]"), ("{", "}")):
        return None
    try:
        parsed = load_json(text)
    except ValueError:
        return literal(text)
    return parsed if isinstance(parsed, list | dict) else None


def parsed_record(record: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """The record with the texts of these fields parsed; what is no list or object there becomes null."""
    return {
        key: parsed_cell(value) if key in keys and isinstance(value, str) else value for key, value in record.items()
    }


class JsonCells(Table):
    """A table of which the texts of some fields are parsed; what is no list or object there becomes null."""

    def __init__(self, table: Table, keys: frozenset[str]) -> None:
        super().__init__(table.size)
        self._table, self._keys = table, keys
        self.warnings = table.warnings

    def sample(self, count: int) -> list[dict[str, Any]]:
        return [parsed_record(record, self._keys) for record in self._table.sample(count)]

    def rows(self) -> Iterator[Row]:
        for row in self._table.rows():
            self.done, self.warnings = self._table.done, self._table.warnings
            yield row if row.value is None else row._replace(value=parsed_record(row.value, self._keys))

    def frame(self) -> pl.DataFrame | None:
        return None
