"""Vectors on disk: made once for each content, settings and split; never half; no more than the limit."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import rmexplorer.encoders as encoders
from rmexplorer.cache import Bound, prune_folder
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.schema import PAIRS, PROMPTS, RESPONSES, SKIPPED, VOTES
from rmexplorer.data.split import split_by_group
from rmexplorer.encoders import ENCODERS, encode_texts, open_vectors, training_responses, vectors
from rmexplorer.job import Progress, finish
from rmexplorer.problem import Problem
from rmexplorer.worker import Worker


def table(schema: pl.Schema, **columns: Any) -> pl.DataFrame:
    height = len(next(iter(columns.values()), []))
    return pl.DataFrame({name: columns.get(name, [None] * height) for name in schema}, schema=schema)


def dataset_of(count: int, fingerprint: str = "abc", winner: int = 1) -> Dataset:
    """`count` prompts of two responses and one pair each."""
    prompt = np.repeat(np.arange(count), 2)
    return Dataset(
        name="made", path="made.jsonl", format="generic", why="", records=count, fingerprint=fingerprint,
        prompts=table(PROMPTS, text=[f"Question {i}?" for i in range(count)], group=list(range(count))),
        responses=table(RESPONSES, prompt=prompt.tolist(),
                        text=[f"word{i % 7} word{i % 5} answer {i}{'!' * (i % 3)}" for i in range(2 * count)]),
        pairs=table(PAIRS, prompt=list(range(count)), first=list(range(0, 2 * count, 2)),
                    second=list(range(1, 2 * count, 2)), winner=[winner] * count, record=list(range(count))),
        extras=pl.DataFrame(), votes=table(VOTES), skipped=table(SKIPPED))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    dataset_of(40).save(tmp_path / "dataset")
    return tmp_path / "dataset"


def entries(home: Path) -> list[Path]:
    return sorted((home / "cache" / "vectors").iterdir())


def test_that_vectors_are_those_of_an_encoder_fitted_on_training_prompts_alone(saved: Path) -> None:
    made, state = open_vectors(finish(vectors(saved, holdout=0.25, seed=3)))
    dataset = dataset_of(40)
    training = ~split_by_group(dataset.group, 0.25, 3)
    rows = np.repeat(training, 2)
    assert np.array_equal(training_responses(dataset, 0.25, 3), rows)
    prompts, responses = encoders.texts_of(dataset)
    own = finish(ENCODERS["lexical"].fit(prompts.filter(pl.Series(rows)), responses.filter(pl.Series(rows))))
    assert isinstance(made, np.memmap) and not made.flags.writeable
    assert np.array_equal(made, encode_texts(own, prompts.to_list(), responses.to_list()))
    assert state.header() == own.header()


def test_that_a_second_call_finds_the_entry_at_once(saved: Path, home: Path) -> None:
    beats: list[Progress] = []
    first = finish(vectors(saved), beats.append)
    assert beats[-1] == Progress(80, 80, "encoding responses")
    assert finish(vectors(str(saved)), lambda progress: pytest.fail(f"worked again: {progress}")) == first
    assert entries(home) == [first]


def test_that_content_settings_and_split_make_other_entries_but_labels_do_not(tmp_path: Path, home: Path) -> None:
    for name, dataset in {"a": dataset_of(12, ""), "b": dataset_of(12, "", winner=-1), "c": dataset_of(13, "")}.items():
        dataset.save(tmp_path / name)
    one = finish(vectors(tmp_path / "a"))
    assert finish(vectors(tmp_path / "b")) == one
    others = [finish(job) for job in (
        vectors(tmp_path / "c"), vectors(tmp_path / "a", seed=1), vectors(tmp_path / "a", holdout=0.5),
        vectors(tmp_path / "a", settings={"components": 3}))]
    assert len({one, *others}) == 5 == len(entries(home))
    assert finish(vectors(tmp_path / "a", holdout=0.0, seed=1)) == finish(vectors(tmp_path / "a", holdout=0.0, seed=2))


def test_that_cancel_leaves_nothing_behind(saved: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "BLOCK_ROWS", 10)
    job = vectors(saved)
    seen = [next(job)]
    while seen[-1].note != "encoding responses" or seen[-1].done < 20:
        seen.append(next(job))
    assert len(entries(home)) == 1
    job.close()
    assert entries(home) == []


def test_that_a_full_disk_is_a_problem_and_leaves_nothing(saved: Path, home: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(Problem, match="cannot write the vectors \\(No space left on device\\); free space"):
        finish(vectors(saved))
    assert entries(home) == []


def test_that_a_folder_without_permission_is_a_problem(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(encoders.tempfile, "mkdtemp", forbidden)
    with pytest.raises(Problem, match="Permission denied"):
        finish(vectors(saved))


def test_that_a_damaged_entry_is_made_anew(saved: Path) -> None:
    folder = finish(vectors(saved))
    whole = (folder / "vectors.npy").read_bytes()
    (folder / "vectors.npy").write_bytes(whole[:200])
    with pytest.raises(Problem, match="cannot be read"):
        open_vectors(folder)
    assert finish(vectors(saved)) == folder
    assert (folder / "vectors.npy").read_bytes() == whole
    (folder / "encoder.npz").write_bytes(b"PK nothing")
    assert finish(vectors(saved)) == folder
    assert np.array_equal(open_vectors(folder)[0], open_vectors(folder)[0])


def test_that_a_missing_dataset_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="not a whole dataset"):
        finish(vectors(tmp_path / "nowhere"))


def test_that_the_entries_used_longest_ago_go_first(saved: Path, home: Path) -> None:
    made = [finish(vectors(saved, seed=seed)) for seed in range(3)]
    for age, folder in zip((100, 300, 200), made, strict=True):
        os.utime(folder, (1_700_000_000 - age, 1_700_000_000 - age))
    abandoned = home / "cache" / "vectors" / ".part-old"
    abandoned.mkdir()
    os.utime(abandoned, (1_600_000_000, 1_600_000_000))
    size = sum(file.stat().st_size for file in made[0].iterdir())
    prune_folder(made[0].parent, Bound(int(2.5 * size)))
    assert entries(home) == sorted([made[0], made[2]])
    prune_folder(made[0].parent, Bound(0), keep=made[2])
    assert entries(home) == [made[2]]


def test_that_the_worker_makes_the_same_vectors(saved: Path) -> None:
    import time

    worker = Worker()
    worker.order("rmexplorer.encoders", "vectors", str(saved), "lexical", {"components": 8}, 0.2, 5)
    messages = worker.poll()
    end = time.monotonic() + 60
    while not (messages and messages[-1].kind != "progressed") and time.monotonic() < end:
        time.sleep(0.01)
        messages += worker.poll()
    worker.close()
    assert messages[-1].kind == "done"
    made = np.array(open_vectors(messages[-1].content)[0])
    shutil.rmtree(messages[-1].content)
    assert np.array_equal(made, open_vectors(finish(vectors(saved, settings={"components": 8}, seed=5)))[0])
