"""Planted data: margins, responses and whole datasets of which the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data.assemble import Parts, assemble
from rmexplorer.data.dataset import Dataset

GOLDEN_MARGINS = [2, 1.5, 1, 0.5, 0.2, -0.3, -0.6, -1.1, -1.6, 3]


@pytest.fixture
def golden_margin() -> np.ndarray:
    """The ten margins of METHODS.md."""
    return np.array(GOLDEN_MARGINS, float)


@pytest.fixture
def build() -> Callable[..., Dataset]:
    """A dataset from columns of comparisons (prompt, first, second, winner, …)."""

    def make(extras: dict[str, list[Any]] | None = None, skipped: list[dict[str, Any]] | None = None,
             **columns: Any) -> Dataset:
        rows = len(columns["prompt"])
        columns.setdefault("record", list(range(rows)))
        columns.setdefault("group", columns["prompt"])
        table = pl.DataFrame(columns, schema_overrides={"winner": pl.Int8, "record": pl.UInt32})
        gone = pl.DataFrame(skipped or [], schema={"record": pl.UInt32, "line": pl.UInt32, "reason": pl.String,
                                                   "detail": pl.String})
        return assemble(Parts(table, pl.DataFrame(extras or {}), skipped=gone, records=rows + len(skipped or [])),
                        "planted", "planted.jsonl", "trl", "planted")

    return make


@pytest.fixture
def planted() -> Callable[..., dict[str, Any]]:
    """Columns of `n` pairs whose reward rises by 0.46 each time the words double; feature 0 sways only the model."""

    def make(n: int, seed: int = 0, pairs_a_prompt: int = 2) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        words = np.maximum(random.lognormal(4.5, 1.0, (2, n)).astype(int), 1)
        style = random.poisson(0.5, (2, n, 4)).astype(np.float32)
        style[:, :, 1] += (np.log(words) > 4.5).astype(np.float32)
        reward = 0.46 * np.log2(words) + random.normal(0, 1, (2, n)) + 0.4 * style[:, :, 0]
        chars = 6 * words
        return {
            "margin": reward[0] - reward[1], "reward_chosen": reward[0], "reward_rejected": reward[1],
            "prompt": (np.arange(n) // pairs_a_prompt).astype(np.uint32), "pair": np.arange(n),
            "response_chosen": np.arange(n), "response_rejected": np.arange(n) + n,
            "words_chosen": words[0], "words_rejected": words[1], "chars_chosen": chars[0], "chars_rejected": chars[1],
            "length_gap": np.log1p(chars[0]) - np.log1p(chars[1]), "style_chosen": style[0], "style_rejected": style[1],
            "style_names": ("sways_model", "follows_length", "noise", "more_noise"),
            "subset": random.choice(np.array(["alpha", "beta"], object), n),
        }

    return make
