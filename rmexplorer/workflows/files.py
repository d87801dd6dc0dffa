"""The demo dataset, and pairs written to a file: the verbs that command line and window share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from rmexplorer.data.convert import convert
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.table import pair_frame
from rmexplorer.job import Job, Progress
from rmexplorer.paths import resource

DEMO = "demo/demo.jsonl.gz"


def demo_path() -> Path:
    """The demo dataset, from the checkout or the wheel."""
    return resource(DEMO)


def load(folder: Path) -> Job[tuple[Dataset, pl.DataFrame]]:
    """Job: open a dataset that `open_files` kept; returns it with its `pair_frame`."""
    yield Progress(0, 0, "")
    dataset = Dataset.open(folder)
    return dataset, pair_frame(dataset)


def subset(dataset: Dataset, mask: np.ndarray | None) -> Dataset:
    """The dataset with only the pairs of `mask` (pairs,) bool; the other tables stay, so row numbers keep their meaning."""
    if mask is None:
        return dataset
    rows = pl.Series(np.asarray(mask, dtype=bool))
    return replace(dataset, pairs=dataset.pairs.filter(rows), extras=dataset.extras.filter(rows))


def export(dataset: Dataset, mask: np.ndarray | None, out: Path, kind: str = "") -> Job[int]:
    """Job: write the pairs of `mask` (all where None) in a layout of `convert`; returns their number.

    kind: "" is CSV or Parquet by the suffix of `out`, else TRL.
    """
    kind = kind or {".csv": "csv", ".parquet": "parquet"}.get(out.suffix.lower(), "trl")
    result = yield from convert(subset(dataset, mask), kind, out)
    return int(result["pairs"])
