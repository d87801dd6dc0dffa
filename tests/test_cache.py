"""The cache stays within its bounds, and hands out nothing that is damaged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rmexplorer import cache
from rmexplorer.cache import DAY, Bound, holds, prune_folder, writing
from rmexplorer.data.dataset import Dataset
from rmexplorer.encoders import open_vectors, vectors
from rmexplorer.job import finish
from rmexplorer.paths import cache_dir, cache_file
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.head import RewardModel
from rmexplorer.workflows.encoding import encoded
from rmexplorer.workflows.hunting import Phrases, count_folder
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.scoring import score_folder
from rmexplorer.workflows.sets import SetSpec
from rmexplorer.workflows.shifting import read_result, shift_folders
from rmexplorer.workflows.training import baselines, read_baselines
from tests.made import ROWS, dataset_of


def entry(kind: str, name: str, days: float, size: int = 100) -> Path:
    """An entry of the cache of this size that was used so many days ago."""
    path = cache_file(kind, ".bin", name)
    path.write_bytes(b"x" * size)
    return aged(path, days)


def aged(path: Path, days: float) -> Path:
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def left(*paths: Path) -> list[bool]:
    return [path.exists() for path in paths]


def test_that_the_entries_used_longest_ago_go_beyond_the_bounds() -> None:
    entries = [entry("rewards", str(days), days) for days in (9, 5, 0.5, 0.1)]
    folder = entries[0].parent
    prune_folder(folder, Bound(400))
    assert left(*entries) == [True] * 4
    prune_folder(folder, Bound(350))
    assert left(*entries) == [False, True, True, True]
    prune_folder(folder, Bound(1000, entries=3))
    assert left(*entries) == [False, True, True, True]
    prune_folder(folder, Bound(1000, entries=2), keep=entries[1])
    assert left(*entries) == [False, True, True, True]
    prune_folder(folder, Bound(0, entries=0))  # what was used today stays: somebody may read it now
    assert left(*entries) == [False, False, True, True]
    assert holds(aged(entries[2], 5), Path.read_bytes)  # and so does what is asked for again
    prune_folder(folder, Bound(0))
    assert left(*entries) == [False, False, True, True]


def test_that_whatever_is_kept_every_kind_is_held_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "OTHERS", Bound(250))
    kinds = ("heads", "baselines", "probes", "shift", "phrases", "excluded", "maps", "anything")
    old = [entry(kind, "old", 30, 200) for kind in kinds]
    new = [entry(kind, "new", 20, 200) for kind in kinds]
    abandoned = cache_dir() / "fixes" / "one"
    abandoned.mkdir(parents=True)
    (abandoned / "run.json").write_text("{}")
    part = aged(entry("heads", "part", 2).replace(cache_dir() / "heads" / ".part"), 2)
    running = cache_dir() / "heads" / ".running"
    running.write_text("")
    for path in (aged(abandoned, 2), part):
        assert path.exists()
    made = cache_file("rewards", ".npy", "made")
    with writing(made) as target:
        target.write_bytes(b"x" * 300)
    assert left(*old, abandoned, part) == [False] * 10 and left(*new, running, made) == [True] * 10


def test_that_an_old_dataset_goes_as_a_whole_and_comes_back_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, folder = dataset_of(ROWS, tmp_path)
    monkeypatch.setitem(cache.BOUNDS, "datasets", Bound(0))
    cache.prune()
    assert folder.exists()  # used today
    aged(folder, 2)
    Dataset.open(folder)
    cache.prune()
    assert folder.exists()  # opened since
    aged(folder, 2)
    cache.prune()
    assert list(folder.parent.iterdir()) == []
    assert finish(open_files([dataset.path])) == str(folder)
    assert Dataset.open(folder).pairs.equals(dataset.pairs)


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, tuple[Callable[[], Path], Callable[[Path], object]]]:
    """For each kind of file in the cache the job that makes it, and how it is read."""
    dataset, folder = dataset_of(ROWS, tmp_path)
    encoded_in = finish(vectors(folder, settings={"components": 4}))
    made, state = open_vectors(encoded_in)
    head = tmp_path / "head.safetensors"
    Checkpoint(RewardModel(made.shape[1], 8), state).save(head)
    sets = [SetSpec("source", str(folder), name).as_text() for name in ("alpha", "beta")]

    def with_encoder() -> Path:
        finish(encoded(dataset, state))
        return next((cache_dir() / "encoded").iterdir())

    return {
        "rewards": (lambda: Path(finish(score_folder(str(folder), str(head)))), np.load),
        "encoded": (with_encoder, np.load),
        "baselines": (lambda: Path(finish(baselines(str(folder), str(encoded_in), 0.2, 0))), read_baselines),
        "phrases": (lambda: Path(finish(count_folder(str(folder)))), Phrases.open),
        "shift": (lambda: Path(finish(shift_folders(*sets, str(head)))), read_result),
    }


@pytest.mark.parametrize("kind", ["rewards", "encoded", "baselines", "phrases", "shift"])
def test_that_a_damaged_entry_is_made_anew(
    kind: str, jobs: dict[str, tuple[Callable[[], Path], Callable[[Path], object]]]
) -> None:
    make, read = jobs[kind]
    path = make()
    whole, stamp = path.read_bytes(), path.stat().st_ino
    assert make() == path and path.stat().st_ino == stamp  # not made twice
    for damaged in (b"", b"x", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        assert make() == path
        read(path)
        assert len(path.read_bytes()) == len(whole)
