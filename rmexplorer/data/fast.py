"""The quick way in: plain texts in columns become comparisons without a look at each record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rmexplorer.data.assemble import Parts
from rmexplorer.data.build import PREVIEW, column_of
from rmexplorer.data.containers import Table
from rmexplorer.data.formats import Format
from rmexplorer.data.schema import SKIPPED
from rmexplorer.data.shapes import name, number, scored
from rmexplorer.data.texts import WHITESPACE
from rmexplorer.job import Job, Progress

CHUNK = 20_000
INNER = "__"  # how the names of inner columns begin
_TEXTS = ("__prompt", "__chosen", "__rejected")
_NUMBERS = {"margin": "__strength", "scores_chosen": "__score_first", "scores_rejected": "__score_second"}
_LABEL_SCORES = ("__label_first", "__label_second")
_NAMES = {"chosen_model": "__model_first", "rejected_model": "__model_second"}
_RENAMED = {
    "__prompt": "prompt", "__chosen": "first", "__rejected": "second", "__strength": "strength",
    "__score_first": "score_first", "__score_second": "score_second", "__model_first": "model_first",
    "__model_second": "model_second", "__record": "record", "__line": "line",
}  # fmt: skip


def fast_parts(
    format: Format, tables: list[tuple[str, Table]], labels: list[str], keys: Sequence[str], warnings: Sequence[str]
) -> Job[Parts | None]:
    """Parts of files of plain texts, or None where the format or a cell needs a look at each record.

    keys: the fields that become facet columns. A cell that is no text is a missing one; a chat anywhere means None.
    """
    if format.columns is None or not _tellable(keys):
        return None
    whole = [table.frame() for _, table in tables]
    frames = [frame for frame in whole if frame is not None]
    bad: list[tuple[int, int | None, str, str]] = []
    if len(frames) == len(tables):
        frames = [of_columns(format, frame, keys, label) for frame, label in zip(frames, labels, strict=True)]
        heights = [frame.height for frame in frames if frame is not None]
        records = sum(heights)
    elif frames:
        return None
    else:
        frames, bad, records = yield from _of_records(format, tables, labels, keys)
    if not frames or any(frame is None for frame in frames):
        return None
    try:
        joined = pl.concat(frames, how="diagonal_relaxed", rechunk=False)
    except pl.exceptions.PolarsError:
        return None
    if "__record" not in joined.columns:
        joined = joined.with_row_index("__record").with_columns(pl.lit(None, dtype=pl.UInt32).alias("__line"))
    said = [*warnings, *(text for _, table in tables for text in table.warnings)]
    return parts_of(joined, bad, records, said)


def _tellable(keys: Sequence[str]) -> bool:
    """Whether no field that becomes a facet column is called as inner columns are."""
    return not any(key.startswith(INNER) for key in keys)


def needed(format: Format, keys: Sequence[str]) -> list[str]:
    """The columns that `of_columns` looks at, where a file has them."""
    scores = [key for keys in format.label_scores for key in keys]
    return list(dict.fromkeys([*(format.columns or ()), *_NUMBERS, *_NAMES, *scores, "system", *keys]))


def of_columns(format: Format, frame: pl.DataFrame, keys: Sequence[str], label: str) -> Any:
    """The columns of a columnar file under their inner names, or None where one is not plain."""
    assert format.columns is not None
    schema = frame.schema
    plain = _tellable(keys) and all(schema.get(column) == pl.String for column in format.columns)
    numbers = {**_NUMBERS, **_label_columns(format, schema)}
    plain = plain and all(schema[column].is_numeric() for column in numbers if column in schema)
    plain = plain and all(schema[column] == pl.String for column in _NAMES if column in schema)
    if not plain or ("system" in schema and frame["system"].null_count() < frame.height):
        return None
    chosen = [pl.col(column).alias(inner) for column, inner in zip(format.columns, _TEXTS, strict=True)]
    for column, inner in numbers.items():
        if column in schema:
            values = pl.col(column).cast(pl.Float64)
            chosen.append(pl.when(values.is_finite()).then(values).alias(inner))
    chosen += [pl.col(column).alias(inner) for column, inner in _NAMES.items() if column in schema]
    for key in keys:
        kind = schema.get(key)
        if key == "subset" and kind is None:
            chosen.append(pl.lit(label).alias("subset"))
        elif kind is not None and (kind.is_integer() or kind.is_float() or kind in (pl.Boolean, pl.String)):
            chosen.append(pl.col(key))
    return frame.select(chosen)


def _of_records(
    format: Format, tables: list[tuple[str, Table]], labels: list[str], keys: Sequence[str]
) -> Job[tuple[list[Any], list[tuple[int, int | None, str, str]], int]]:
    """The same of files of records, a chunk at a time; no frames where a record is not plain."""
    frames: list[Any] = []
    bad: list[tuple[int, int | None, str, str]] = []
    total, seen = sum(table.size for _, table in tables), 0
    yield Progress(0, total, "reading")
    for (_, table), label in zip(tables, labels, strict=True):
        chunk: list[tuple[dict[str, Any], int, int | None]] = []
        for value, line, error in table.rows():
            if value is None:
                bad.append((seen, line, "bad_record", error[:PREVIEW]))
            else:
                chunk.append((value, seen, line))
            seen += 1
            if len(chunk) == CHUNK:
                frames.append(_of_chunk(format, chunk, keys, label))
                chunk = []
                if frames[-1] is None:
                    return [], [], 0
                yield Progress(sum(table.done for _, table in tables), total, "reading")
        if chunk:
            frames.append(_of_chunk(format, chunk, keys, label))
    return frames, bad, seen


def _of_chunk(
    format: Format, chunk: list[tuple[dict[str, Any], int, int | None]], keys: Sequence[str], label: str
) -> pl.DataFrame | None:
    assert format.columns is not None
    records = [record for record, _, _ in chunk]
    columns: list[pl.Series] = []
    for key, inner in zip(format.columns, _TEXTS, strict=True):
        values = [record.get(key, Absence) for record in records]
        kinds = set(map(type, values))
        if kinds & {list, dict, type}:
            return None
        if not kinds <= {str, type(None)}:
            values = [value if isinstance(value, str) else None for value in values]
        columns.append(pl.Series(inner, values, dtype=pl.String))
    if any(record.get("system") for record in records):
        return None
    columns += [pl.Series(inner, [number(record.get(key)) for record in records], dtype=pl.Float64)
                for key, inner in _NUMBERS.items()]  # fmt: skip
    columns += _label_scores(format, records)
    columns += [pl.Series(inner, [name(record.get(key)) for record in records], dtype=pl.String)
                for key, inner in _NAMES.items()]  # fmt: skip
    missing = label if "subset" in keys else None
    columns += [column_of(key, [record.get(key, missing if key == "subset" else None) for record in records])
                for key in keys]  # fmt: skip
    columns.append(pl.Series("__record", [place for _, place, _ in chunk], dtype=pl.UInt32))
    columns.append(pl.Series("__line", [line for _, _, line in chunk], dtype=pl.UInt32))
    return pl.DataFrame(columns)


def _label_scores(format: Format, records: list[dict[str, Any]]) -> list[pl.Series]:
    """The label scores that decide ties, as each record names them; no columns where none has them."""
    there = set[str]().union(*records)
    known = [keys for keys in format.label_scores if not there.isdisjoint(keys)]
    if not known:
        return []
    found = [scored(record, known) for record in records]
    return [pl.Series(inner, [scores[side] for scores in found], dtype=pl.Float64)
            for side, inner in enumerate(_LABEL_SCORES)]  # fmt: skip


def _label_columns(format: Format, schema: pl.Schema) -> dict[str, str]:
    """The columns of label scores that decide ties, under their inner names."""
    keys = next((keys for keys in format.label_scores if keys[0] in schema or keys[1] in schema), ())
    return dict(zip(keys, _LABEL_SCORES, strict=True)) if keys and all(key in schema for key in keys) else {}


class Absence:
    """Stands for a field that a record does not have."""


def parts_of(
    frame: pl.DataFrame, bad: list[tuple[int, int | None, str, str]], records: int, warnings: Sequence[str]
) -> Parts:
    """Parts of columns under their inner names, with `__record` and `__line`; bad: records that cannot be read."""
    prompt, chosen, rejected = (pl.col(column) for column in _TEXTS)
    reason = (
        pl.when(prompt.is_null()).then(pl.lit("missing_prompt"))
        .when(chosen.is_null() | rejected.is_null()).then(pl.lit("missing_response"))
        .when(chosen.str.strip_chars(WHITESPACE) == rejected.str.strip_chars(WHITESPACE)).then(pl.lit("identical_responses"))
    )  # fmt: skip
    frame = frame.with_columns(reason.alias("__reason"))
    out = pl.col("__reason").is_not_null()
    detail = pl.when(pl.col("__reason") == "identical_responses").then(chosen).otherwise(prompt).fill_null("")
    skipped = frame.filter(out).select(
        pl.col("__record").alias("record"), pl.col("__line").alias("line"), pl.col("__reason").alias("reason"),
        detail.str.strip_chars().str.slice(0, PREVIEW).alias("detail"),
    ).match_to_schema(SKIPPED)  # fmt: skip
    if bad:
        skipped = pl.concat([skipped, pl.DataFrame(bad, schema=SKIPPED, orient="row")]).sort(
            "record", maintain_order=True
        )
    kept = frame if frame.height and not frame["__reason"].count() else frame.filter(~out)
    winner = pl.lit(1, dtype=pl.Int8)
    if "__label_first" in kept.columns:
        gap = pl.col("__label_first") - pl.col("__label_second")
        winner = pl.when(gap == 0).then(pl.lit(0, dtype=pl.Int8)).otherwise(winner)
        margin = pl.col("__strength") if "__strength" in kept.columns else pl.lit(None, dtype=pl.Float64)
        kept = kept.with_columns(pl.coalesce(margin, gap).alias("__strength"))
    comparisons = kept.select(
        winner.alias("winner"),
        *(pl.col(inner).alias(column) for inner, column in _RENAMED.items() if inner in kept.columns),
    )
    extras = kept.select(column for column in kept.columns if not column.startswith(INNER))
    rewards = tuple(
        key for key in ("scores_chosen", "scores_rejected") if kept.height and _NUMBERS[key] in kept.columns
    )
    given = any(kept[_NUMBERS[key]].count() for key in rewards)
    return Parts(comparisons, extras, skipped=skipped, records=records, score_columns=rewards if given else (),
                 warnings=tuple(warnings))  # fmt: skip
