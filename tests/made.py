"""Sixty pairs, and rewards drawn at random, for tests that need some dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from rmexplorer.data.dataset import Dataset
from rmexplorer.job import finish
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.rewards import Rewards

ROWS = [
    {
        "prompt": f"question {i % 12}",
        "chosen": f"a good answer, number {i}" + " and more" * (i % 4),
        "rejected": f"bad {i}",
        "source": ("alpha", "beta")[i % 2],
    }
    for i in range(60)
]


def dataset_of(rows: list[dict[str, str]], folder: Path) -> tuple[Dataset, Path]:
    file = folder / "pairs.jsonl"
    pl.DataFrame(rows).write_ndjson(file)
    kept = Path(finish(open_files([str(file)])))
    return Dataset.open(kept), kept


def rewards_of(dataset: Dataset) -> Rewards:
    response = np.random.default_rng(0).normal(size=dataset.responses.height).astype(np.float32)
    first, second = (response[dataset.pairs[name].to_numpy()].astype(float) for name in ("first", "second"))
    held = np.arange(len(dataset)) % 3 == 0
    return Rewards("model", "random", response, first, second, held)
