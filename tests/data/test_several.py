"""Several files are one dataset, and what tells their names apart is the subset; what a dialog offers can be read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rmexplorer.data.containers import CONTAINERS
from rmexplorer.data.hub import address_of
from rmexplorer.data.members import common_labels
from rmexplorer.data.read import read
from rmexplorer.data.suffixes import DATA_SUFFIXES, SUFFIXES
from rmexplorer.data.unpack import is_data
from rmexplorer.job import finish
from rmexplorer.problem import Problem


def made(file: Path, *words: str) -> Path:
    """A file of one pair for each word, in the layout of its suffix."""
    rows = [{"prompt": f"say {word}", "chosen": f"well: {word}", "rejected": "no"} for word in words]
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        pl.DataFrame(rows).write_csv(file)
    elif file.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(file)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def subsets(*paths: Path) -> list[str]:
    dataset = finish(read(list(paths)))
    return dataset.extras["subset"].to_list()


def test_that_several_files_are_one_dataset_whose_subset_is_the_file(tmp_path: Path) -> None:
    one, two = made(tmp_path / "train.jsonl", "a", "b"), made(tmp_path / "test.parquet", "c")
    assert subsets(one, two) == ["train", "train", "test"]
    assert subsets(two, one) == ["test", "train", "train"], "in the order in which they were named"
    dataset = finish(read([one, two]))
    assert (dataset.name, dataset.records, len(dataset)) == ("2 files", 3, 3)


def test_that_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = [made(tmp_path / place / "data" / "test.jsonl", place) for place in ("harmless", "helpful")]
    assert subsets(*paths) == ["harmless", "helpful"]
    made(tmp_path / "harmless" / "data" / "train.jsonl", "x")
    assert subsets(tmp_path / "harmless", tmp_path / "helpful") == ["harmless/data/test", "harmless/data/train",
                                                                     "helpful/data/test"]
    assert subsets(made(tmp_path / "v1.0" / "pairs.jsonl", "a"), made(tmp_path / "v1.0" / "pairs.csv", "b")) == [
        "pairs.jsonl", "pairs.csv"]  # fmt: skip


def test_that_dots_of_a_folder_and_shards_stay_out_of_the_labels() -> None:
    assert common_labels(["v1.0/a.jsonl", "v1.1/b.jsonl"]) == ["v1.0/a", "v1.1/b"]
    assert common_labels(["train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test.parquet"]) == [
        "train", "train", "test"]  # fmt: skip


def test_that_a_file_named_twice_is_read_once_and_said(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one.jsonl", "a"), made(tmp_path / "two.jsonl", "b")
    dataset = finish(read([one, two, tmp_path / "." / "one.jsonl"]))
    assert len(dataset) == 2 and "named twice" in dataset.warnings[0]


def test_that_a_missing_file_among_several_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"gone\.jsonl: there is no such file"):
        finish(read([made(tmp_path / "one.jsonl", "a"), tmp_path / "gone.jsonl"]))


def test_that_each_container_says_how_its_files_are_named() -> None:
    assert set(SUFFIXES) == {*CONTAINERS, "packed"}
    wanted = ".json .jsonl .csv .tsv .xlsx .parquet .arrow .feather .sqlite .db .gz .xz .bz2 .zst .zip".split()
    assert set(wanted) <= set(DATA_SUFFIXES)
    assert all(is_data(f"pairs{suffix}") and is_data(f"PAIRS{suffix.upper()}") for suffix in DATA_SUFFIXES)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (" hf://datasets/owner/name ", "hf://datasets/owner/name"),
        ("owner/name", "hf://datasets/owner/name"),
        ("owner/name/config:train", "hf://datasets/owner/name/config:train"),
        ("https://huggingface.co/datasets/owner/name", "hf://datasets/owner/name"),
        ("https://huggingface.co/datasets/owner/name/viewer/default?row=3", "hf://datasets/owner/name/default"),
        ("https://huggingface.co/datasets/owner/name/tree/main", "hf://datasets/owner/name"),
    ],
)
def test_that_an_address_is_understood_as_people_write_it(said: str, meant: str) -> None:
    assert address_of(said) == meant


@pytest.mark.parametrize("said", ["", "name", "hf://models/a/b", "https://example.org/a/b", "a/../b", "a b/c"])
def test_that_what_is_no_address_is_a_problem(said: str) -> None:
    with pytest.raises(Problem, match="no address"):
        address_of(said)
