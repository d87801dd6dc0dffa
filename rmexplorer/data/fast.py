"""The columnar way in: plain string columns become comparisons without a loop over rows."""

from __future__ import annotations

import polars as pl

from rmexplorer.data.assemble import Parts
from rmexplorer.data.containers import Table
from rmexplorer.data.formats import Format
from rmexplorer.data.schema import SKIPPED

LONG = 200
PREVIEW = 80
_REWARDS = ("scores_chosen", "scores_rejected")
_MODELS = ("chosen_model", "rejected_model")


def fast_parts(format: Format, tables: list[tuple[str, Table]], labels: list[str]) -> Parts | None:
    """Parts of columnar files of plain strings, or None where the format or the columns need a look at each record."""
    frames = [table.frame() for _, table in tables]
    if format.columns is None or any(frame is None for frame in frames):
        return None
    whole = [frame for frame in frames if frame is not None]
    if any(frame.schema != whole[0].schema or not _plain(frame, format.columns) for frame in whole):
        return None
    if len(whole) > 1 and "subset" not in whole[0].columns:
        whole = [frame.with_columns(pl.lit(label).alias("subset")) for frame, label in zip(whole, labels, strict=True)]
    return _parts(format, pl.concat(whole, rechunk=False))


def _plain(frame: pl.DataFrame, columns: tuple[str, str, str]) -> bool:
    """Whether all columns that decide anything are strings, or numbers where numbers belong."""
    schema = frame.schema
    if any(schema.get(name) != pl.String for name in columns):
        return False
    if any(not schema[name].is_numeric() for name in (*_REWARDS, "margin") if name in schema):
        return False
    if any(schema[name] != pl.String for name in _MODELS if name in schema):
        return False
    return "system" not in schema or frame["system"].null_count() == frame.height


def _parts(format: Format, frame: pl.DataFrame) -> Parts:
    assert format.columns is not None
    prompt, chosen, rejected = (pl.col(name) for name in format.columns)
    reason = (
        pl.when(prompt.is_null())
        .then(pl.lit("missing_prompt"))
        .when(chosen.is_null() | rejected.is_null())
        .then(pl.lit("missing_response"))
        .when(chosen.str.strip_chars() == rejected.str.strip_chars())
        .then(pl.lit("identical_responses"))
    )
    frame = frame.with_row_index("__record").with_columns(reason.alias("__reason"))
    out = pl.col("__reason").is_not_null()
    nothing = pl.lit(None, dtype=pl.UInt32)
    skipped = frame.filter(out).select(
        pl.col("__record").alias("record"),
        nothing.alias("line"),
        pl.col("__reason").alias("reason"),
        pl.coalesce(chosen, prompt, pl.lit("")).str.strip_chars().str.slice(0, PREVIEW).alias("detail"),
    )
    kept = frame if skipped.height == 0 else frame.filter(~out)
    comparisons = kept.select(
        prompt.alias("prompt"),
        chosen.alias("first"),
        rejected.alias("second"),
        pl.lit(1, dtype=pl.Int8).alias("winner"),
        pl.col("__record").alias("record"),
        *_named(kept, "margin", "strength", pl.Float64),
        *_named(kept, _REWARDS[0], "score_first", pl.Float64),
        *_named(kept, _REWARDS[1], "score_second", pl.Float64),
        *_named(kept, _MODELS[0], "model_first", pl.String),
        *_named(kept, _MODELS[1], "model_second", pl.String),
    )
    for column in ("strength", "score_first", "score_second"):
        if column in comparisons:
            comparisons = comparisons.with_columns(
                pl.when(pl.col(column).is_finite()).then(pl.col(column)).alias(column)
            )
    rewards = _REWARDS if all(name in kept.columns for name in _REWARDS) else ()
    return Parts(
        comparisons,
        kept.select(_facets(kept, format)),
        skipped=pl.DataFrame(skipped, schema=SKIPPED),
        records=frame.height,
        score_columns=rewards,
    )


def _named(frame: pl.DataFrame, source: str, target: str, kind: pl.DataType | type[pl.DataType]) -> list[pl.Expr]:
    return [pl.col(source).cast(kind).alias(target)] if source in frame.columns else []


def _facets(frame: pl.DataFrame, format: Format) -> list[pl.Expr]:
    """Columns of scalars that the format does not use and that are no long texts."""
    keep: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        if name.startswith("__") or name in format.used or name in _REWARDS or name == "results":
            continue
        if kind.is_integer() or kind.is_float() or kind == pl.Boolean:
            keep.append(pl.col(name))
        elif kind == pl.String:
            longest = frame[name].head(10_000).str.len_bytes().max()
            if not isinstance(longest, int) or longest <= LONG:
                keep.append(pl.col(name))
    return keep
