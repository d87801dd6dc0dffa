"""What `info` and the Data pane ask of a dataset, the default encoder and a second file: data alone knows neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.limits import MOST_PAIRS
from rmexplorer.data.quality import Finding, check, shared_with
from rmexplorer.data.read import Paths, read
from rmexplorer.data.split import split_by_group
from rmexplorer.data.summary import summary
from rmexplorer.encoders import ENCODERS
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.workflows.settings import RunSettings


def default_limit() -> int | None:
    """The most characters of a text that the default encoder reads, None where it reads all."""
    return ENCODERS[RunSettings().encoder].limit


def default_heldout(dataset: Dataset) -> np.ndarray | None:
    """(pairs,) bool: those that a run with the default settings holds out; None where it could not, or they are too many."""
    train = RunSettings().train
    if len(dataset) > MOST_PAIRS:
        return None
    try:
        return split_by_group(dataset.group, train.holdout, train.seed)
    except Problem:
        return None


def look(dataset: Dataset, quick: bool) -> Job[list[Finding]]:
    """Job: the findings of data quality, those that depend on the default encoder and split among them."""
    yield Progress(0, 0, "looking at data quality")
    return (yield from check(dataset, quick, default_limit(), default_heldout(dataset)))


def inform(dataset: Dataset, against: Paths | None = None, max_bytes: int | None = None) -> Job[dict[str, Any]]:
    """Job: the facts of `info --json`. against: a second file whose prompts are looked for in this one."""
    findings = yield from look(dataset, quick=True)
    if against is not None:
        second = yield from read(against, max_bytes=max_bytes)
        findings += yield from shared_with(dataset, second.prompts["text"], second.name)
    yield Progress(1, 1, "counting")
    return {**summary(dataset, findings), "encoder": {"name": RunSettings().encoder, "limit": default_limit()}}


def shared_prompts(folder: Path, path: str) -> Job[list[Finding]]:
    """Job: the findings of a dataset kept in `folder` on prompts that the file at `path` holds too. Raises Problem."""
    second = yield from read(path)
    return (yield from shared_with(Dataset.open(folder), second.prompts["text"], second.name))
