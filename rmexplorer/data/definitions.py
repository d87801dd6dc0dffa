"""Files in which a person defines things (probes, features): JSON lines, or a table with the same names as header."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rmexplorer.problem import Problem


def definitions(path: Path) -> Iterator[tuple[int, Any]]:
    """The line that each record begins on, and the record; of a table (.csv, .tsv) the cells that are not empty.

    Raises Problem, with the line where it is one line's fault.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise Problem(f"{path}: there is no such file", "check the name") from error
    except OSError as error:
        raise Problem(f"{path}: cannot be read ({error.strerror or error})", "check its permissions and the disk") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start:,})", "give a text file in UTF-8") from error
    yield from (_table_rows if path.suffix.lower() in (".csv", ".tsv") else _json_lines)(path, content)


def _table_rows(path: Path, content: str) -> Iterator[tuple[int, Any]]:
    rows = csv.reader(io.StringIO(content, newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    head: list[str] = []
    while True:
        line = rows.line_num + 1
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise Problem(f"{path}: line {line} is no row of a table ({error})", "mend this line") from error
        if cells is None:
            return
        if not head:
            head = cells
        elif cells:
            yield line, {key: cell for key, cell in zip(head, cells, strict=False) if key and cell}


def _json_lines(path: Path, content: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Problem(f"{path}: line {number} is not JSON", "give one JSON object a line") from error
