"""Text cells that hold JSON: chats and lists written into a column of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from rmexplorer.data.containers import Row, Table, load_json
from rmexplorer.data.texts import is_messages


def chat_keys(sample: list[dict[str, Any]]) -> frozenset[str]:
    """The fields whose texts are all chats in JSON."""
    return frozenset(key for key, values in _filled(sample).items() if all(is_messages(value) for value in values))


def json_keys(sample: list[dict[str, Any]]) -> frozenset[str]:
    """The fields whose texts are all JSON objects or lists."""
    return frozenset(_filled(sample))


def _filled(sample: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The parsed values of each field of which every text that is not empty is a JSON object or list."""
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
    """The object or list that a text holds as JSON; None where it is no text or no such JSON."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        parsed = load_json(value)
    except ValueError:
        return None
    return parsed if isinstance(parsed, list | dict) and parsed else None


class JsonCells(Table):
    """A table of which the texts of some fields are parsed; what is no JSON there becomes null."""

    def __init__(self, table: Table, keys: frozenset[str]) -> None:
        super().__init__(table.size)
        self._table, self._keys = table, keys
        self.warnings = table.warnings

    def sample(self, count: int) -> list[dict[str, Any]]:
        return [self._parsed(record) for record in self._table.sample(count)]

    def rows(self) -> Iterator[Row]:
        for row in self._table.rows():
            self.done, self.warnings = self._table.done, self._table.warnings
            yield row if row.value is None else row._replace(value=self._parsed(row.value))

    def frame(self) -> pl.DataFrame | None:
        return None

    def _parsed(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            key: parsed_cell(value) if key in self._keys and isinstance(value, str) else value
            for key, value in record.items()
        }
