"""Much data read a piece at a time is the same data; it can be cancelled, leaves nothing behind, and says when the disk is full."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data import mapped, read, stream
from rmexplorer.data.containers import columns
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import Preview
from rmexplorer.data.stream import HOST, Collision, Numbers
from rmexplorer.job import Progress, finish
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem
from rmexplorer.workflows.opening import keep, open_files

TABLES = ("prompts", "responses", "pairs", "extras", "votes", "skipped", "agreement")


def frame(rows: int, seed: int = 0, **more: Any) -> pl.DataFrame:
    """Pairs with prompts and responses that come back, identical responses and missing texts."""
    draw = np.random.default_rng(seed)

    def of(kind: str, many: int) -> list[str]:
        return [f"{kind} {number} " + "wörter " * int(number % 5) for number in draw.integers(0, many, rows)]

    chosen, rejected = of("response", rows), of("response", rows)
    chosen[7] = rejected[7]
    made = {"prompt": of("prompt", rows // 2), "chosen": chosen, "rejected": rejected,
            "source": draw.choice(["a", "b"], rows), "score": draw.normal(size=rows)}  # fmt: skip
    return pl.DataFrame(made | more).with_columns(pl.when(pl.int_range(rows) == 11).then(None).otherwise("prompt").alias("prompt"))


@pytest.fixture
def small_pieces(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(columns, "LARGE", 50)
    monkeypatch.setattr(read, "MUCH_RECORDS", 100)
    monkeypatch.setattr(read, "IN_MEMORY", 100)
    monkeypatch.setattr(read, "PREVIEWED", 30)
    monkeypatch.setattr(stream, "BLOCK", 64)
    monkeypatch.setattr(stream, "CHUNK", 16)
    monkeypatch.setattr(stream, "PLACES", 16)
    return home


def both(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Dataset]:
    streamed = finish(read.read(path))
    monkeypatch.setattr(read, "IN_MEMORY", 10**9)
    return streamed, finish(read.read(path))


def the_same(one: Dataset, two: Dataset) -> None:
    assert one.fingerprint == two.fingerprint and one.plain() == two.plain()
    for table in TABLES:
        assert getattr(one, table).schema == getattr(two, table).schema, table
        assert getattr(one, table).equals(getattr(two, table)), table
    assert all(np.array_equal(*sides) for sides in zip(one.lengths, two.lengths, strict=True))


def test_that_pieces_give_the_same_dataset_as_the_whole(
        small_pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame(500).write_parquet(tmp_path / "pairs.parquet", row_group_size=90)
    monkeypatch.setattr(mapped, "MOST_BYTES", 3000)
    streamed, whole = both(tmp_path / "pairs.parquet", monkeypatch)
    assert streamed.skipped["reason"].to_list() == ["identical_responses", "missing_prompt"]
    the_same(streamed, whole)
    assert whole.responses.height < 2 * len(whole)  # some come back


def test_that_files_of_a_folder_are_read_one_after_the_other(
        small_pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("one", 130), ("two", 40)):  # a large and a small one
        frame(rows, seed=rows, margin=np.ones(rows)).write_parquet(tmp_path / f"{name}.parquet")
    streamed, whole = both(tmp_path, monkeypatch)
    assert streamed.extras["subset"].to_list() == whole.extras["subset"].to_list() and streamed.records == 170
    the_same(streamed, whole)


def test_that_a_dataset_read_in_pieces_is_kept_where_it_stands(small_pieces: Path, tmp_path: Path) -> None:
    frame(300).write_parquet(tmp_path / "pairs.parquet")
    folder = Path(finish(open_files([str(tmp_path / "pairs.parquet")])))
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]
    again = finish(read.read(tmp_path / "pairs.parquet"))
    assert keep(again) == folder and [entry.name for entry in folder.parent.iterdir()] == [folder.name]
    the_same(Dataset.open(folder), again)


def test_that_a_cell_that_is_no_text_lets_each_record_be_looked_at(small_pieces: Path, tmp_path: Path) -> None:
    pairs = frame(300).with_columns(pl.when(pl.int_range(300) == 250).then(pl.lit("be brief")).alias("system"))
    pairs.write_parquet(tmp_path / "pairs.parquet")
    read_so = finish(read.read(tmp_path / "pairs.parquet"))
    assert len(read_so) == 298 and read_so.prompts["text"].str.contains("be brief").sum() == 1
    assert not list((cache_dir() / "datasets").iterdir())


def test_that_cancelling_leaves_nothing_behind(small_pieces: Path, tmp_path: Path) -> None:
    frame(300).write_parquet(tmp_path / "pairs.parquet")
    beats = {beat.note for beat in read.read(tmp_path / "pairs.parquet")}
    shutil.rmtree(cache_dir() / "datasets")
    assert {"reading", "reading the rejected responses", "taking the fingerprint"} <= beats
    for note in beats:
        job = read.read(tmp_path / "pairs.parquet")
        while next(job).note != note:
            pass
        job.close()
        folder = cache_dir() / "datasets"
        assert not folder.exists() or not list(folder.iterdir()), note


def test_that_what_an_ended_process_left_is_deleted(home: Path) -> None:
    folder = cache_dir() / "datasets"
    stays = [f".{os.getpid()}.{HOST}.abc.part", ".999999999.0other.abc.part", ".kept.abc.part"]
    for name in (f".999999999.{HOST}.abc.part", *stays):
        (folder / name).mkdir(parents=True)
    stream.clean(folder)
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(stays)


def test_that_a_full_disk_is_one_sentence(small_pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame(300).write_parquet(tmp_path / "pairs.parquet")
    disk = namedtuple("disk", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(stream.shutil, "disk_usage", lambda _: disk(10**6, 10**6, 10))
        with pytest.raises(Problem, match=r"about 0\.0 GB are needed here, 0\.0 GB are free"):
            finish(read.read(tmp_path / "pairs.parquet"))

    def full(writer: mapped.TextWriter, texts: pl.Series) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.TextWriter, "add", full)
    with pytest.raises(Problem, match="cannot write the dataset \\(No space left on device\\)"):
        finish(read.read(tmp_path / "pairs.parquet"))
    assert not list((cache_dir() / "datasets").iterdir())


def test_that_a_parquet_file_that_is_cut_off_is_refused(small_pieces: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    frame(300).write_parquet(path, row_group_size=100)
    whole = path.read_bytes()
    path.write_bytes(whole[:400] + bytes(300) + whole[700:])
    with pytest.raises(Problem, match="damaged or cut off"):
        finish(read.read(path))


def test_that_keys_are_numbered_by_first_appearance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PLACES", 16)
    draw = np.random.default_rng(3)
    keys = draw.integers(0, 700, 4000).astype(np.uint64) * np.uint64(16)  # all of them want the same few places
    numbers, known, expected = Numbers(), {}, []
    for key in keys.tolist():
        expected.append(known.setdefault(key, len(known)))
    ids, new = zip(*(numbers.add(part, part + np.uint64(1)) for part in np.split(keys, 40)), strict=True)
    assert np.concatenate(ids).tolist() == expected and numbers.count == len(known)
    assert np.concatenate(new).sum() == len(known)
    with pytest.raises(Collision):
        numbers.add(keys[:3], keys[:3])


def preview_of(path: Path) -> tuple[Preview | None, Dataset]:
    seen: list[Preview] = []

    def take(beat: Progress) -> None:
        if beat.data is not None:
            seen.append(beat.data)

    whole = finish(read.read(path, previewed=True), take)
    return (seen[0] if seen else None), whole


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "chats"])
def test_that_the_first_records_come_before_the_whole_and_are_the_same(
        small_pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(read, "MUCH_BYTES", 1000)
    path = tmp_path / f"pairs.{kind}"
    pairs = frame(300)
    if kind == "chats":
        turn = pl.concat_list(pl.struct(pl.lit("user").alias("role"), pl.col("prompt").fill_null("?").alias("content")))
        pairs = pairs.with_columns(turn.alias("prompt"))
    pairs.write_ndjson(path) if kind == "jsonl" else pairs.write_parquet(path)
    preview, whole = preview_of(path)
    assert preview is not None and preview.records == (0 if kind == "jsonl" else 300)
    first = preview.dataset
    assert first.records == 30 and first.format == whole.format and first.path == whole.path
    count = len(first)
    assert first.pairs["record"].equals(whole.pairs["record"].head(count)) and count == (29 if kind == "chats" else 28)
    assert first.prompts["text"].gather(first.prompt).equals(whole.prompts["text"].gather(whole.prompt[:count]))
    for side in ("chosen", "rejected"):
        texts = [one.responses["text"].gather(getattr(one, side)[:count]).to_list() for one in (first, whole)]
        assert texts[0] == texts[1]


def test_that_little_data_has_no_preview(home: Path, tmp_path: Path) -> None:
    frame(300).write_parquet(tmp_path / "pairs.parquet")
    assert preview_of(tmp_path / "pairs.parquet")[0] is None
