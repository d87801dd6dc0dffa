"""The columns and types of the tables of a Dataset."""

from __future__ import annotations

import polars as pl

PROMPTS = pl.Schema({"text": pl.String, "messages": pl.String, "group": pl.UInt32})
RESPONSES = pl.Schema({"prompt": pl.UInt32, "text": pl.String, "messages": pl.String})
PAIRS = pl.Schema({
    "prompt": pl.UInt32, "first": pl.UInt32, "second": pl.UInt32, "winner": pl.Int8, "strength": pl.Float64,
    "p_first": pl.Float64, "score_first": pl.Float64, "score_second": pl.Float64,
    "model_first": pl.String, "model_second": pl.String, "record": pl.UInt32, "line": pl.UInt32,
})
VOTES = pl.Schema({"pair": pl.UInt32, "annotator": pl.String, "choice": pl.Int8, "time": pl.String})
SKIPPED = pl.Schema({"record": pl.UInt32, "line": pl.UInt32, "reason": pl.String, "detail": pl.String})
