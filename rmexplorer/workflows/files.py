"""Open, convert and filter datasets: the verbs that command line and window share."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from rmexplorer.data.convert import convert
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.table import pair_frame
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_dir, resource
from rmexplorer.problem import Problem

DEMO = "demo/demo.jsonl.gz"


def demo_path() -> Path:
    """The demo dataset, from the checkout or the wheel."""
    return resource(DEMO)


def keep(dataset: Dataset) -> Path:
    """Write a dataset into the cache, unless its content is there already; returns its folder."""
    folder = cache_dir() / "datasets" / dataset.fingerprint
    try:
        whole = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        if whole["path"] == dataset.path and whole["name"] == dataset.name:
            return folder
    except (OSError, ValueError, KeyError):
        pass
    dataset.save(folder)
    return folder


def open_files(paths: list[str], format_id: str | None = None, criterion: str | None = None) -> Job[str]:
    """Read files into the cache; returns the folder that `Dataset.open` opens. Raises Problem where none can be read."""
    dataset = yield from read([Path(path) for path in paths], format=format_id, criterion=criterion)
    if len(dataset) == 0:
        reasons = ", ".join(
            f"{count} {reason.replace('_', ' ')}"
            for reason, count in dataset.skipped["reason"].value_counts().iter_rows()
        )
        raise Problem(
            f"{dataset.path}: holds no pair to compare ({reasons or 'it is empty'})",
            "choose a file with a chosen and a rejected response a prompt",
        )
    yield Progress(0, 0, "keeping what was read")
    return str(keep(dataset))


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


def export(dataset: Dataset, mask: np.ndarray | None, out: Path) -> Job[int]:
    """Job: write the pairs of `mask` (all where None) as JSONL, CSV or Parquet by the suffix of `out`; returns their number."""
    kind = {".csv": "csv", ".parquet": "parquet"}.get(out.suffix.lower(), "trl")
    result = yield from convert(subset(dataset, mask), kind, out)
    return int(result["pairs"])
