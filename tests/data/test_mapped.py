"""Texts on disk are the same texts: mapped columns, datasets that keep them beside their tables, damaged ones refused."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.data import dataset as datasets
from rmexplorer.data import mapped
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.table import pair_frame
from rmexplorer.job import finish
from rmexplorer.problem import Problem

ROWS = [{"prompt": f"p{i // 2}" * (1 + i % 9), "chosen": f"good é {i}" * (i % 7 + 1), "rejected": f"bad {i}"} for i in range(60)]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=80),
       st.integers(1, 30), st.integers(40, 400))  # fmt: skip
def test_that_a_mapped_column_holds_the_texts_that_were_written(
        tmp_path_factory: pytest.TempPathFactory, texts: list[str | None], piece: int, most: int) -> None:
    folder = tmp_path_factory.mktemp("mapped")
    column = pl.Series("text", texts, dtype=pl.String)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "PIECE", piece)
        patch.setattr(mapped, "MOST_BYTES", most)
        mapped.write_texts(folder, "column", column)
    again = mapped.read_texts(folder, "column", len(texts))
    assert again.to_list() == texts
    assert again.gather(np.arange(len(texts))[::-1].copy()).to_list() == texts[::-1]
    mapped.let_go()
    assert again.eq_missing(column).all()
    for file in folder.iterdir():
        os.utime(file, (0, 0))  # as a copy of the folder has it: then all of it is looked at
    assert mapped.is_whole(folder, "column")


def test_that_a_column_of_nothing_is_all_missing() -> None:
    assert mapped.no_texts(5).to_list() == [None] * 5
    assert mapped.no_texts(0).to_list() == []


def test_that_a_part_of_a_column_outlives_it_and_its_file(tmp_path: Path) -> None:
    texts = ["a long enough text to be mapped, number " + str(i) for i in range(9)]
    mapped.write_texts(tmp_path, "column", pl.Series(texts))
    column = mapped.read_texts(tmp_path, "column", 9)
    part = column.slice(2, 3)
    del column
    gc.collect()
    for file in tmp_path.iterdir():
        file.unlink()
    mapped.let_go()
    assert part.to_list() == texts[2:5]


def test_that_a_file_is_mapped_once(tmp_path: Path) -> None:
    mapped.write_texts(tmp_path, "column", pl.Series(["one"]))
    before = len(mapped._MAPS)
    assert mapped.read_texts(tmp_path, "column", 1)[0] == mapped.read_texts(tmp_path, "column", 1)[0] == "one"
    assert len(mapped._MAPS) - before == 2  # texts and views
    mapped.write_texts(tmp_path, "column", pl.Series(["two, in place of one"]))
    assert mapped.read_texts(tmp_path, "column", 1)[0] == "two, in place of one"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "LARGE", 10)
    monkeypatch.setattr(datasets, "MAPPED", 100)


def kept(tmp_path: Path) -> tuple[Dataset, Path]:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    dataset = finish(read(path))
    dataset.save(tmp_path / "kept")
    return dataset, tmp_path / "kept"


def test_that_a_large_dataset_is_the_same_with_its_texts_on_disk(tmp_path: Path, large: None) -> None:
    dataset, folder = kept(tmp_path)
    assert (folder / "responses.text.views").exists() and (folder / "prompts.text.views").exists()
    again = Dataset.open(folder)
    assert Dataset.is_whole(folder)
    for table in ("prompts", "responses", "pairs", "extras", "votes", "skipped", "agreement"):
        assert getattr(again, table).equals(getattr(dataset, table)), table
        assert getattr(again, table).schema == getattr(dataset, table).schema, table
    assert again.content == dataset.content
    assert all(np.array_equal(*pair) for pair in zip(again.lengths, dataset.lengths, strict=True))
    assert again.lengths[0].dtype == np.int32
    frame = pair_frame(again)
    assert frame.equals(pair_frame(dataset).cast(dict(frame.schema)))


@pytest.mark.parametrize("name", ["responses.text.views", "responses.text.0.bytes"])
def test_that_texts_that_are_cut_off_are_no_whole_dataset(tmp_path: Path, large: None, name: str) -> None:
    _, folder = kept(tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-9])
    with pytest.raises(Problem, match="is not a whole dataset"):
        Dataset.open(folder)
    (folder / name).unlink()
    assert not Dataset.is_whole(folder)
    with pytest.raises(Problem, match="is not a whole dataset"):
        Dataset.open(folder)


def test_that_views_that_point_elsewhere_are_refused_and_written_anew(tmp_path: Path, large: None) -> None:
    dataset, folder = kept(tmp_path)
    file = folder / "responses.text.views"
    views = np.frombuffer(file.read_bytes(), np.uint32).reshape(-1, 4).copy()
    long = int(np.flatnonzero(views[:, 0] > mapped.INLINE)[0])
    for place, wrong in ((0, 2**31), (2, 7), (3, 2**31)):  # size, file, start
        broken = views.copy()
        broken[long, place] = wrong
        file.write_bytes(broken.tobytes())
        assert not Dataset.is_whole(folder)
        with pytest.raises(Problem, match="is not a whole dataset"):
            Dataset.open(folder)
    dataset.save(folder)
    assert Dataset.open(folder).responses.equals(dataset.responses)


def test_that_changed_texts_are_refused_where_they_would_end_the_process(tmp_path: Path, large: None) -> None:
    dataset, folder = kept(tmp_path)
    file, views = folder / "responses.text.0.bytes", folder / "responses.text.views"
    good, seen = file.read_bytes(), views.read_bytes()
    no_utf8, cut = good.replace("é".encode(), b"\xff\xfe", 1), bytes(good[1:2] + good[:1]) + good[2:]
    start = len("good é 0".encode())
    continued = good[: start - 1] + "é".encode() + good[start + 1 :]  # UTF-8 as a whole, but the second text begins within é
    short = seen[:4] + b"\xff" + seen[5:]  # a text that stands in its view
    sizes = np.frombuffer(seen, np.uint32).reshape(-1, 4).copy()
    sizes[np.flatnonzero(sizes[:, 0] > mapped.INLINE)[0], 0] += 60  # within the file still, but the last text then begins behind it
    for texts, beside in ((no_utf8, seen), (cut, seen), (continued, seen), (good, short), (good, sizes.tobytes())):
        assert len(texts) == len(good) and (texts, beside) != (good, seen)
        file.write_bytes(texts)
        views.write_bytes(beside)
        for one in (file, views):
            os.utime(one, ns=(0, 0))
        assert not Dataset.is_whole(folder)
        with pytest.raises(Problem, match="is not a whole dataset"):
            Dataset.open(folder)
    dataset.save(folder)
    assert Dataset.open(folder).responses.equals(dataset.responses)


@pytest.mark.parametrize("content", [b"", b"no numbers", None])
def test_that_damaged_lengths_are_measured_again(tmp_path: Path, large: None, content: bytes | None) -> None:
    dataset, folder = kept(tmp_path)
    (folder / datasets.LENGTHS).unlink()
    if content is not None:
        (folder / datasets.LENGTHS).write_bytes(content)
    assert all(np.array_equal(*pair) for pair in zip(Dataset.open(folder).lengths, dataset.lengths, strict=True))


def test_that_texts_far_apart_are_copied_and_not_mapped_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "APART", 7)
    texts = [None if i % 5 == 3 else f"number {i} of texts that stand on the disk" for i in range(60)]
    mapped.write_texts(tmp_path, "column", pl.Series(texts))
    rows = np.random.default_rng(0).integers(0, 60, 40)
    column = mapped.read_texts(tmp_path, "column", 60)
    assert mapped.gathered(column, rows).to_list() == [texts[row] for row in rows]
    assert mapped.gathered(column, rows[:0]).to_list() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much is mapped")
def test_that_a_few_texts_of_a_large_file_do_not_bring_it_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "RESIDENT", 1 << 40)  # nobody else lets go of it
    mapped.write_texts(tmp_path, "column", pl.Series(["x" * 4_000]).new_from_index(0, 40_000))
    column = mapped.read_texts(tmp_path, "column", 40_000)
    rows = np.arange(0, 40_000, 4)

    def resident() -> int:
        found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile"))
        return int(found.split()[1]) * 1_000

    before = resident()
    assert column.gather(rows).str.contains("y").sum() == 0
    touched = resident() - before
    mapped.let_go()
    assert touched > 100_000_000 and resident() - before < touched / 10
    assert mapped.gathered(column, rows).str.contains("y").sum() == 0
    assert resident() - before < touched / 10
