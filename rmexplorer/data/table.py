"""The pairs of a dataset as one wide frame, for tables, filters and facets."""

from __future__ import annotations

import numpy as np
import polars as pl

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.glance import votes_for_label


def pair_frame(dataset: Dataset) -> pl.DataFrame:
    """A row a comparison, in the order of the file.

    pair (row number), prompt, chosen, rejected (texts; of a tie the first and the second), tie, words (of the longer),
    words_chosen, words_rejected, chars_chosen, chars_rejected (stripped), length_ratio (characters, chosen to
    rejected), strength, record, line, model_chosen and model_rejected where the file names them, annotators ("2 of 3"
    voted as the pair is labelled) where pairs have several votes, then the columns that the file held besides; one
    that bears a name from above is called `file_NAME`.
    """
    chosen, rejected = dataset.chosen, dataset.rejected
    texts, prompts = dataset.responses["text"], dataset.prompts["text"]
    chars, words = dataset.lengths
    long_enough = np.maximum(chars[rejected], 1)
    columns: dict[str, pl.Series | np.ndarray] = {
        "pair": np.arange(len(dataset), dtype=np.uint32),
        "prompt": prompts.gather(dataset.prompt),
        "chosen": texts.gather(chosen),
        "rejected": texts.gather(rejected),
        "tie": dataset.tie,
        "words": np.maximum(words[chosen], words[rejected]),
        "words_chosen": words[chosen],
        "words_rejected": words[rejected],
        "chars_chosen": chars[chosen],
        "chars_rejected": chars[rejected],
        "length_ratio": chars[chosen] / long_enough,
        "strength": dataset.pairs["strength"],
        "record": dataset.pairs["record"],
    }
    if dataset.pairs["line"].null_count() < len(dataset):
        columns["line"] = dataset.pairs["line"]
    first, second = dataset.pairs["model_first"], dataset.pairs["model_second"]
    if first.null_count() + second.null_count() < 2 * len(dataset):
        won = pl.Series(chosen == dataset.pairs["first"].to_numpy())
        columns["model_chosen"] = first.zip_with(won, second)
        columns["model_rejected"] = second.zip_with(won, first)
    agreeing = _agreeing(dataset)
    if agreeing is not None:
        columns["annotators"] = agreeing
    for name in dataset.extras.columns:
        columns[name if name not in columns else f"file_{name}"] = dataset.extras[name]
    return pl.DataFrame(columns)


def _agreeing(dataset: Dataset) -> pl.Series | None:
    """(pairs,) "2 of 3": votes as the label of those of the pair, null below two; None where no pair has two."""
    of_pair = dataset.votes["pair"].to_numpy()
    if not (of_pair[1:] == of_pair[:-1]).any():  # sorted; most files have one vote a pair, and counting millions takes long
        return None
    agree, votes = votes_for_label(dataset, np.arange(len(dataset)))
    said = pl.DataFrame({"agree": agree, "votes": votes}).select(pl.format("{} of {}", "agree", "votes"))
    return said.to_series().zip_with(pl.Series(votes >= 2), pl.Series([None], dtype=pl.String))
