"""A sample of the pairs of a very large dataset, as a dataset of its own: what needs all pairs at once works on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from rmexplorer.data import mapped
from rmexplorer.data.assemble import fingerprint
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.limits import SAMPLED
from rmexplorer.statistics import drawn


def sampled(dataset: Dataset, count: int = SAMPLED, seed: int = 0) -> Dataset:
    """`count` pairs drawn without replacement, in their order, with their prompts, responses and votes.

    What was skipped stays as it is. The name and a warning say that it is a sample.
    """
    if len(dataset) <= count:
        return dataset
    rows = drawn(len(dataset), count, seed)
    pairs = dataset.pairs[rows]
    prompts, prompt = np.unique(pairs["prompt"].to_numpy(), return_inverse=True)
    both = np.concatenate([pairs["first"].to_numpy(), pairs["second"].to_numpy()])
    responses, response = np.unique(both, return_inverse=True)
    _, first, group = np.unique(dataset.prompts["group"].to_numpy()[prompts], return_index=True, return_inverse=True)
    owner = np.searchsorted(prompts, dataset.responses["prompt"].to_numpy()[responses])
    of_pair = dataset.votes["pair"].to_numpy()
    place = np.minimum(np.searchsorted(rows, of_pair), count - 1)
    votes = dataset.votes.with_columns(pl.Series("pair", place.astype(np.uint32))).filter(pl.Series(rows[place] == of_pair))
    said = f"a sample of {count:,} of {len(dataset):,} pairs, drawn at random (seed {seed})"
    made = replace(
        dataset,
        name=f"{dataset.name}, {count:,} pairs at random",
        prompts=_taken(dataset.prompts, prompts).with_columns(pl.Series("group", first[group].astype(np.uint32))),
        responses=_taken(dataset.responses, responses).with_columns(pl.Series("prompt", owner.astype(np.uint32))),
        pairs=pairs.with_columns(
            pl.Series("prompt", prompt.astype(np.uint32)),
            pl.Series("first", response[:count].astype(np.uint32)),
            pl.Series("second", response[count:].astype(np.uint32)),
        ),
        extras=dataset.extras[rows] if dataset.extras.width else dataset.extras,
        votes=votes,
        warnings=(*dataset.warnings, said),
    )
    return replace(made, fingerprint=fingerprint(made.prompts, made.responses, made.pairs))


def _taken(table: pl.DataFrame, rows: np.ndarray) -> pl.DataFrame:
    """These rows; texts that may be on the disk come into memory, as all of them are read next."""
    return pl.DataFrame([
        mapped.gathered(column, rows).alias(column.name) if column.dtype == pl.String else column.gather(rows) for column in table
    ])
