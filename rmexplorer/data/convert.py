"""Write a dataset in another layout: TRL or OpenRLHF JSON lines, parquet, CSV."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.layouts import LAYOUTS
from rmexplorer.job import Job, Progress
from rmexplorer.paths import atomic
from rmexplorer.problem import Problem

KINDS = tuple(LAYOUTS)
STEP = 5000
ROWS = 100_000  # that are in memory at once where a file is not written line by line


def convert(dataset: Dataset, kind: str, out: Path) -> Job[dict[str, Any]]:
    """Write the comparisons with a winner, in the file's order; returns {"pairs": n, "ties_left_out": m}.

    kind: trl (prompt, chosen, rejected, margin; chats keep their lists), openrlhf (the same fields, margin always
    there), parquet or csv (texts; chats as JSON in csv). Yields Progress in pairs; raises Problem where it cannot be
    written.
    """
    if kind not in KINDS:
        raise Problem(f"there is no layout named {kind!r}", f"choose one of {', '.join(KINDS)}")
    rows = np.flatnonzero(dataset.winner != TIE)
    with atomic(out) as part:
        if kind == "parquet":
            yield from write_parquet(_frames(dataset, rows), len(rows), part)
        elif kind == "csv":
            done = 0
            with part.open("wb") as lines:
                for frame in _frames(dataset, rows):
                    _guarded(frame).write_csv(lines, include_header=not done)
                    done += frame.height
                    yield Progress(done, len(rows), "writing")
        else:
            with part.open("wb") as lines:
                for done, record in enumerate(_records(dataset, rows, kind), 1):
                    lines.write(_line(record))
                    if done % STEP == 0:
                        yield Progress(done, len(rows), "writing")
    return {"pairs": len(rows), "ties_left_out": len(dataset) - len(rows)}


def write_parquet(frames: Iterable[pl.DataFrame], rows: int, out: Path) -> Job[None]:
    """Job: write frames of the same columns, `rows` in all, as one Parquet file, with one of them in memory at a time.

    Several are written beside `out` first, so that they take its place on the disk twice. Raises OSError where that is full.
    """
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as folder:
        parts, done = [Path(folder, "0.parquet")], 0
        for frame in frames:
            with _disk_errors():
                frame.write_parquet(parts[-1])
            done += frame.height
            yield Progress(done, rows, "writing")
            if done < rows:
                parts.append(Path(folder, f"{len(parts)}.parquet"))
        if len(parts) == 1:
            parts[0].replace(out)
            return
        yield Progress(rows, rows, "putting the parts together")
        with _disk_errors():
            pl.scan_parquet(parts).sink_parquet(out)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """What the disk refuses is an OSError: polars says it in a sentence of its own."""
    try:
        yield
    except pl.exceptions.ComputeError as error:
        refused = re.search(r"\(os error (\d+)\)", str(error))
        if refused is None:
            raise
        raise OSError(int(refused[1]), os.strerror(int(refused[1]))) from error


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except (TypeError, orjson.JSONEncodeError):
        return json.dumps(record, ensure_ascii=True).encode() + b"\n"


def _table(dataset: Dataset, rows: Any) -> pl.DataFrame:
    """prompt, chosen, rejected, their messages, and the strength of these pairs."""
    prompt, chosen, rejected = dataset.prompt[rows], dataset.chosen[rows], dataset.rejected[rows]
    prompts, responses = dataset.prompts, dataset.responses
    return pl.DataFrame(
        {
            "prompt": prompts["text"].gather(prompt),
            "prompt_messages": prompts["messages"].gather(prompt),
            "chosen": responses["text"].gather(chosen),
            "chosen_messages": responses["messages"].gather(chosen),
            "rejected": responses["text"].gather(rejected),
            "rejected_messages": responses["messages"].gather(rejected),
            "margin": dataset.pairs["strength"].gather(rows),
        }
    )


def _records(dataset: Dataset, rows: Any, kind: str) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), STEP):
        for prompt, messages, chosen, chosen_messages, rejected, rejected_messages, margin in _table(
            dataset, rows[start : start + STEP]
        ).iter_rows():
            record: dict[str, Any] = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
            if messages is not None:
                record = {
                    "prompt": json.loads(messages),
                    "chosen": _reply(chosen, chosen_messages),
                    "rejected": _reply(rejected, rejected_messages),
                }
            if margin is not None or kind == "openrlhf":
                record["margin"] = margin
            yield record


def _reply(text: str, messages: str | None) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}] if messages is None else json.loads(messages)


def _frames(dataset: Dataset, rows: np.ndarray) -> Iterator[pl.DataFrame]:
    """The pairs of `rows` as columns, a piece at a time; at least one piece. margin is there where any pair has one."""
    strength = dataset.pairs["strength"].gather(rows)
    kept = ["prompt", "chosen", "rejected", *(["margin"] if strength.null_count() < len(rows) else [])]
    for start in range(0, max(1, len(rows)), ROWS):
        part = rows[start : start + ROWS]
        frame = _table(dataset, part).select(kept)
        extras = dataset.extras[part] if dataset.extras.width else dataset.extras
        yield frame.hstack([column for column in extras if column.name not in kept])


def _guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with cells that a spreadsheet would take for a formula marked by a leading apostrophe."""
    formula = pl.col(pl.String).str.contains(r"^[=+\-@\t\r]")
    return frame.with_columns(pl.when(formula).then("'" + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep())
