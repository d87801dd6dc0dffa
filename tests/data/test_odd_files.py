"""Files that are odd in their letters, their packing, their neighbours or the way their JSON is laid out."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem

PLAIN = [{"prompt": f"q{n} é 你好 🙂", "chosen": "good", "rejected": f"bad {n}"} for n in range(5)]
LINES = "\n".join(json.dumps(record, ensure_ascii=False) for record in PLAIN)
TABLE = "prompt,chosen,rejected\n" + "\n".join(f"{r['prompt']},{r['chosen']},{r['rejected']}" for r in PLAIN)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [LINES, TABLE, TABLE.replace(",", "\t"), json.dumps(PLAIN, ensure_ascii=False, indent=1)])
def test_that_wide_letters_without_a_byte_order_mark_are_read_and_said(load: Any, encoding: str, text: str) -> None:
    dataset = load(text.encode(encoding), "x.txt")
    assert dataset.prompts["text"].to_list() == [record["prompt"] for record in PLAIN]
    assert any(encoding.upper() in warning for warning in dataset.warnings)


def test_that_bytes_with_zeros_are_not_taken_for_wide_letters(load: Any) -> None:
    for content in (b"a\0\x01\0\x02\0\x03\0" * 40, b"\0a\0\x05" * 90, b"a\0\0\0\xff\xff\xff\xff" * 9, b"a\0" * 3 + b"\0\0" * 40):
        with pytest.raises(Problem, match="no kind of file"):
            load(content, "x.bin")


def test_that_the_older_lzma_container_is_unpacked(load: Any) -> None:
    packed = lzma.compress(LINES.encode(), format=lzma.FORMAT_ALONE)
    assert len(load(packed, "x.jsonl.lzma")) == 5
    for part in (20, len(packed) // 2, len(packed) - 3):
        with pytest.raises(Problem, match=r"cut off|empty"):
            load(packed[:part], "x.jsonl.lzma")


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress, gzip.compress])
def test_that_damage_behind_the_first_of_several_streams_is_no_end(load: Any, pack: Callable[[bytes], bytes]) -> None:
    one = pack((LINES + "\n").encode())
    assert len(load(one + bytes(8) + one, "x.jsonl")) == 10
    for rest in (b"X" + one[1:], one[:5], b"junk"):
        with pytest.raises(Problem, match="damaged or cut off"):
            load(one + rest, "x.jsonl")


@pytest.mark.parametrize("empty", [b"", b" \n\n"])
def test_that_an_empty_file_among_others_is_skipped_and_said(tmp_path: Path, empty: bytes) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jsonl").write_text(LINES, "utf-8")
    (folder / "nothing.jsonl").write_bytes(empty)
    dataset = finish(read(folder))
    assert len(dataset) == 5
    assert dataset.skipped.select("reason", "detail").rows() == [("bad_record", "nothing.jsonl is empty.")]
    (folder / "a.jsonl").write_bytes(b"")
    with pytest.raises(Problem):
        finish(read(folder))


def test_that_an_empty_file_in_an_archive_is_skipped_and_said(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", LINES)
        archive.writestr("nothing.jsonl", "")
    packed = tmp_path / "x.tar"
    with tarfile.open(packed, "w") as tar:
        for name, content in (("a.jsonl", LINES.encode()), ("nothing.jsonl", b"")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    for file in (path, packed):
        dataset = finish(read(file))
        assert len(dataset) == 5 and dataset.skipped["detail"].to_list() == ["nothing.jsonl is empty."]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_that_columns_may_be_called_as_those_used_within(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    frame = pl.DataFrame([{**record, "__prompt": "p", "__reason": f"r{n}", "__record": n} for n, record in enumerate(PLAIN)])
    {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[kind](path)
    dataset = finish(read(path))
    assert dataset.prompts["text"].to_list() == [record["prompt"] for record in PLAIN] and not dataset.skipped.height
    assert dataset.extras["__reason"].to_list() == [f"r{n}" for n in range(5)]


@pytest.mark.parametrize("between", ["\n", "\n\n", ",\n", ""])
@pytest.mark.parametrize("indent", [2, None])
def test_that_documents_one_after_the_other_are_all_read(load: Any, between: str, indent: int | None) -> None:
    documents = [json.dumps(record, indent=indent) for record in PLAIN]
    dataset = load(between.join(documents), "x.json")
    assert len(dataset) == 5 and not dataset.skipped.height
    assert len(load(between.join([*documents, ""]), "y.json")) == 5


def test_that_lists_one_after_the_other_are_joined_and_a_broken_end_is_counted(load: Any) -> None:
    two = json.dumps(PLAIN[:2], indent=1) + "\n" + json.dumps(PLAIN[2:], indent=1)
    assert len(load(two, "x.json")) == 5
    cut = "\n".join(json.dumps(record, indent=2) for record in PLAIN)[:-20]
    dataset = load(cut, "y.json")
    assert len(dataset) == 4 and dataset.skipped["reason"].to_list() == ["bad_record"]
    with pytest.raises(Problem, match="not whole JSON"):
        load(json.dumps(PLAIN[0], indent=2)[:-20], "z.json")


def test_that_a_document_with_a_record_a_line_is_no_file_of_lines(load: Any) -> None:
    inner = ",\n".join(json.dumps(record) for record in PLAIN)
    for text in (f'{{"data": [\n{inner}\n]}}', f"[\n{inner}\n]", f'{{"train": [\n{inner}\n],\n"test": []}}'):
        dataset = load(text, "x.json")
        assert len(dataset) == 5 and not dataset.skipped.height
