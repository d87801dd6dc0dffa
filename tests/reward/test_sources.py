"""Rewards from score columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.schema import PAIRS, PROMPTS, RESPONSES, SKIPPED, VOTES
from rmexplorer.problem import Problem
from rmexplorer.reward.sources.columns import from_columns, response_rewards


def dataset(pairs: list[dict[str, Any]]) -> Dataset:
    return Dataset(
        name="scored", path="scored.jsonl", format="trl", why="", records=len(pairs),
        prompts=pl.DataFrame({"text": ["p"], "messages": [None], "group": [0]}, schema=PROMPTS),
        responses=pl.DataFrame({"prompt": [0] * 4, "text": list("abcd"), "messages": [None] * 4}, schema=RESPONSES),
        pairs=pl.DataFrame([{"prompt": 0, **pair} for pair in pairs], schema=PAIRS), extras=pl.DataFrame(),
        votes=pl.DataFrame(schema=VOTES), skipped=pl.DataFrame(schema=SKIPPED))


def test_that_scores_become_rewards() -> None:
    scored = dataset([
        {"first": 0, "second": 1, "winner": 1, "score_first": 2.0, "score_second": 0.5},
        {"first": 0, "second": 2, "winner": -1, "score_first": 4.0, "score_second": 1.0},
        {"first": 1, "second": 2, "winner": 0, "score_first": 0.5, "score_second": None},
    ])
    first, second = from_columns(scored)
    np.testing.assert_array_equal(first, [2, 4, 0.5])
    np.testing.assert_array_equal(second, [0.5, 1, np.nan])
    np.testing.assert_array_equal(response_rewards(scored), [3, 0.5, 1, np.nan])


def test_that_a_dataset_without_scores_is_a_problem() -> None:
    with pytest.raises(Problem, match=r"scored\.jsonl: holds no rewards"):
        from_columns(dataset([{"first": 0, "second": 1, "winner": 1}]))
