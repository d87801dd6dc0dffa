"""Open files as a dataset that is kept in the cache: read by the worker process or the command line."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from rmexplorer import cache
from rmexplorer.data.dataset import Dataset, need_pairs
from rmexplorer.data.limits import MOST_PAIRS
from rmexplorer.data.mapping import Mapping
from rmexplorer.data.read import Preview, read
from rmexplorer.data.sample import sampled
from rmexplorer.data.trial import Question, question
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem


def keep(dataset: Dataset) -> Path:
    """Write a dataset into the cache, unless the very same is there already; returns its folder."""
    folder = cache_dir() / "datasets" / dataset.content
    if Dataset.is_whole(folder):
        cache.used(folder)
    else:
        dataset.save(folder, once=True)
        cache.prune(keep=folder)
    return folder


@dataclass(frozen=True)
class Begun:
    """Where the first records of a file are kept, for who asked for it to load and delete, and how many there are in all
    (0 where nobody knows yet)."""

    folder: str
    records: int


def _shown_first(job: Job[Dataset], sure: bool) -> Job[Dataset]:
    """The same job, with its Preview kept in the cache and handed on as a Begun.

    A format that is only guessed by names is asked about, not shown, unless a person said it: `sure`.
    """
    try:
        while True:
            progress = next(job)
            first = progress.data
            if isinstance(first, Preview) and not sure and first.dataset.format == "generic":
                continue
            if isinstance(first, Preview):
                folder = cache_dir() / "previews" / uuid.uuid4().hex
                first.dataset.save(folder)
                progress = replace(progress, data=Begun(str(folder), first.records))
            yield progress
    except StopIteration as end:
        dataset: Dataset = end.value
        return dataset
    finally:
        job.close()


def open_files(
    paths: list[str], format_id: str | None = None, criterion: str | None = None, mapping: Mapping | None = None
) -> Job[str]:
    """Read files into the cache; returns the folder that `Dataset.open` opens. Raises Problem where none can be read.

    Of very many pairs a sample is kept, which says so.
    """
    dataset = yield from read(list(paths), format=format_id, criterion=criterion, mapping=mapping)
    return (yield from kept(sampled(dataset) if len(dataset) > MOST_PAIRS else dataset))


def open_or_ask(
    paths: list[str], format_id: str | None = None, criterion: str | None = None, mapping: Mapping | None = None
) -> Job[str | Question]:
    """As `open_files`, but a file whose columns are unknown, or only guessed by their names, comes back as a Question.

    Of much data, one beat has a Begun as its data. A format or a mapping that is named is an answer already. Raises
    Problem where no answer could help.
    """
    try:
        reading = read(list(paths), format=format_id, criterion=criterion, mapping=mapping, previewed=True)
        dataset = yield from _shown_first(reading, bool(format_id or mapping))
    except Problem:
        asked = None if format_id or mapping else (yield from question(list(paths)))
        if asked is None:
            raise
        return asked
    if dataset.format == "generic" and format_id is None:
        asked = yield from question(list(paths))
        if asked is not None:
            return asked
    return (yield from kept(dataset))


def kept(dataset: Dataset) -> Job[str]:
    """Job: `keep` a dataset; returns its folder. Raises Problem where it holds no pair."""
    need_pairs(dataset)
    yield Progress(0, 0, "keeping what was read")
    return str(keep(dataset))


def sample_of(dataset: Dataset) -> Job[str]:
    """Job: keep a sample of a dataset that is too large for most panes; returns its folder.

    For the process that has the dataset already: in another one its numbers would be in memory twice.
    """
    yield Progress(0, 0, "drawing pairs")
    return (yield from kept(sampled(dataset)))
