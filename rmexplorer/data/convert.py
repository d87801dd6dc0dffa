"""Write a dataset in another layout: TRL or OpenRLHF JSON lines, parquet, CSV."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.layouts import LAYOUTS
from rmexplorer.job import Job, Progress
from rmexplorer.paths import atomic
from rmexplorer.problem import Problem

KINDS = tuple(LAYOUTS)
STEP = 5000


def convert(dataset: Dataset, kind: str, out: Path) -> Job[dict[str, Any]]:
    """Write the comparisons with a winner, in the file's order; returns {"pairs": n, "ties_left_out": m}.

    kind: trl (prompt, chosen, rejected, margin; chats keep their lists), openrlhf (the same fields, margin always
    there), parquet or csv (texts; chats as JSON in csv). Yields Progress in pairs; raises Problem where it cannot be
    written.
    """
    if kind not in KINDS:
        raise Problem(f"there is no layout named {kind!r}", f"choose one of {', '.join(KINDS)}")
    rows = dataset.pairs.with_row_index("pair").filter(pl.col("winner") != TIE)["pair"].to_numpy()
    with atomic(out) as part:
        if kind == "parquet":
            yield Progress(0, len(rows), "writing")
            write_parquet(_frame(dataset, rows), part)
        elif kind == "csv":
            yield Progress(0, len(rows), "writing")
            _guarded(_frame(dataset, rows)).write_csv(part)
        else:
            with part.open("wb") as lines:
                for done, record in enumerate(_records(dataset, rows, kind), 1):
                    lines.write(_line(record))
                    if done % STEP == 0:
                        yield Progress(done, len(rows), "writing")
    return {"pairs": len(rows), "ties_left_out": len(dataset) - len(rows)}


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet; what the disk refuses is an OSError, which polars says in a sentence of its own."""
    try:
        frame.write_parquet(path)
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


def _frame(dataset: Dataset, rows: Any) -> pl.DataFrame:
    table = _table(dataset, rows)
    frame = table.select("prompt", "chosen", "rejected", "margin")
    frame = frame.drop("margin") if frame["margin"].null_count() == frame.height else frame
    extras = dataset.extras[rows] if dataset.extras.width else dataset.extras
    return frame.hstack([column for column in extras if column.name not in frame.columns])


def _guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with cells that a spreadsheet would take for a formula marked by a leading apostrophe."""
    formula = pl.col(pl.String).str.contains(r"^[=+\-@\t\r]")
    return frame.with_columns(pl.when(formula).then("'" + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep())
