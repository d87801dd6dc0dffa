"""What is in a dataset: the numbers of `rmexplorer info` and of the dataset card."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.measure import char_count, word_count


def summary(dataset: Dataset) -> dict[str, Any]:
    """The keys of `info --json` (CLI.md)."""
    decided = dataset.winner != TIE
    chosen, rejected = dataset.chosen[decided], dataset.rejected[decided]
    chars, words = char_count(dataset.responses["text"]), word_count(dataset.responses["text"])
    prompts, responses = _distinct(dataset)
    reasons = dataset.skipped.group_by("reason", maintain_order=True).len().rows()
    return {
        "format": dataset.format, "rows": dataset.records, "prompts": prompts,
        "responses": responses, "pairs": int(decided.sum()), "ties": int((~decided).sum()),
        "votes": dataset.votes.height, "annotators": _annotators(dataset), "skipped": dict(sorted(reasons)),
        "chosen_longer": round(float((chars[chosen] > chars[rejected]).mean()), 4) if len(chosen) else None,
        "chosen_words_median": _median(words[chosen]), "rejected_words_median": _median(words[rejected]),
        "score_columns": list(dataset.score_columns), "warnings": [*dataset.warnings, *_warnings(dataset, chars)],
    }


def _distinct(dataset: Dataset) -> tuple[int, int]:
    """Distinct prompt texts and (prompt, response) texts; a chat and a text that read the same count once."""
    mixed = 0 < dataset.prompts["messages"].null_count() < dataset.prompts.height
    if not mixed:
        return dataset.prompts.height, dataset.responses.height
    prompt = dataset.prompts["text"].gather(dataset.responses["prompt"])
    return dataset.prompts["text"].n_unique(), pl.DataFrame({"prompt": prompt, "text": dataset.responses["text"]}).n_unique()


def _median(values: np.ndarray) -> float | int | None:
    if not len(values):
        return None
    median = float(np.median(values))
    return int(median) if median.is_integer() else median


def _annotators(dataset: Dataset) -> int:
    names = pl.concat([dataset.votes["annotator"].unique(), dataset.agreement["annotator"].unique()])
    return int(names.drop_nulls().n_unique())


def _warnings(dataset: Dataset, chars: np.ndarray) -> list[str]:
    empty = int((chars == 0).sum())
    return [f"{empty} response{'s are' if empty > 1 else ' is'} empty"] if empty else []
