"""Records as `DataFrame.to_csv` of pandas writes them: lists and dicts within cells."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np


def as_arrays(value: Any) -> Any:
    """Lists within as arrays, which is how pandas holds them after it has read parquet."""
    if isinstance(value, list):
        array = np.empty(len(value), dtype=object)
        array[:] = [as_arrays(item) for item in value]
        plain = {type(item) for item in value}
        return np.array(value) if len(plain) == 1 and plain <= {int, float, bool} else array
    if isinstance(value, dict):
        return {key: as_arrays(item) for key, item in value.items()}
    return value


WRITERS: dict[str, Callable[[Any], str]] = {
    "json": lambda value: json.dumps(value, ensure_ascii=False),
    "repr": repr,
    "numpy": lambda value: str(as_arrays(value)),
}


def to_csv(records: list[dict[str, Any]], nested: str = "repr") -> str:
    """A table with one column for each field: null is an empty cell, whole numbers beside null are floats."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    broken = {
        key for key in columns
        if None in [record.get(key) for record in records]
        and {type(record.get(key)) for record in records} <= {int, float, type(None)}
    }  # fmt: skip
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    for record in records:
        table.writerow([_cell(record.get(key), key in broken, nested) for key in columns])
    return out.getvalue()


def _cell(value: Any, as_float: bool, nested: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return WRITERS[nested](value)
    return str(float(value) if as_float else value)
