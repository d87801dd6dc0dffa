"""Files that nobody wrote on purpose: never a traceback, never too long, never too much memory.

Every run tries the same seeds. RMEXPLORER_FUZZ_TIMES=10 tries ten times as many; RMEXPLORER_FUZZ_SEED begins at another,
so the seed that a failure names comes first.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import random
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.by_mapping import preview
from rmexplorer.data.convert import convert
from rmexplorer.data.guess import guess
from rmexplorer.data.read import read
from rmexplorer.data.summary import describe, summary
from rmexplorer.data.table import pair_frame
from rmexplorer.job import finish
from rmexplorer.problem import Problem

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "formats").iterdir())
TIMES = float(os.environ.get("RMEXPLORER_FUZZ_TIMES", "1"))
SEED = int(os.environ.get("RMEXPLORER_FUZZ_SEED", "0"))
SLOW, LARGE = 10.0, 2 << 30
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1e308, float("nan"), float("inf"), 10**30, "", " ", "\x00", "\ud800", "a", "1", "None",
    "\n\nHuman: x", "A>B", [], [None], [[]], ["a"], [1, "a"], [{}], [{"role": "user"}], {}, {"a": None}, {"role": None},
    {"role": "assistant", "content": None}, {"role": 5, "content": 5}, [{"role": "user", "content": "x"}],
    [{"role": "assistant", "content": ["a", 1]}], [{"from": None, "value": None}], "[", '{"a": 1}', '["x"]', "é" * 50,
]  # fmt: skip


def tried(path: Path, **options: Any) -> str:
    """Read a file and do with it what `info` and `convert` do; returns the Problem's sentence or ""."""
    begun = time.monotonic()
    try:
        dataset = finish(read(path, **options))
        facts = summary(dataset)
        assert describe(dataset, facts)
        json.dumps(facts, allow_nan=False)
        assert facts["pairs"] + facts["ties"] == len(dataset)
        assert all(count > 0 for count in facts["skipped"].values())
        pair_frame(dataset)
        finish(convert(dataset, "trl", path.with_name("out.jsonl")))
        said = ""
    except Problem as problem:
        said = str(problem)
        assert said.strip() and "\n" not in said and len(said) < 3000, said
        assert "Traceback" not in said and " object at 0x" not in said
    assert time.monotonic() - begun < SLOW
    return said


def records_of(path: Path) -> list[Any]:
    """The records of a JSON sample; a table as texts."""
    text = path.read_text("utf-8")
    if path.suffix == ".csv":
        return pl.read_csv(path, infer_schema=False).to_dicts()
    found = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    return found if isinstance(found, list) else [found]


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON value something else could stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [spot for key, item in inner for spot in [(*path, key), *spots(item, (*path, key))]]


def changed(chance: random.Random, records: list[Any]) -> list[Any]:
    """The records with a few values replaced, removed, doubled, renamed or nested."""
    records = json.loads(json.dumps(records))
    for _ in range(chance.randint(1, 4)):
        places = spots(records)
        if not places:
            break
        *way, last = chance.choice(places)
        inner: Any = records
        for key in way:
            inner = inner[key]
        what = chance.randrange(6)
        if what < 3:
            inner[last] = copy.deepcopy(chance.choice(ODD))
        elif what == 3:
            del inner[last]
        elif what == 4:
            inner[last] = [copy.deepcopy(inner[last]) for _ in range(chance.randint(1, 3))]
        elif isinstance(inner, dict):
            inner[chance.choice(["prompt", "label", "winner", "chosen", "messages", "x.y", ""])] = copy.deepcopy(
                inner[last]
            )
    return records


def written(chance: random.Random, records: list[Any]) -> tuple[str, bytes]:
    """The records in some container."""
    lines = "\n".join(json.dumps(record) for record in records).encode()
    kind = chance.randrange(5)
    if kind == 0:
        return "x.json", json.dumps(records).encode()
    if kind == 1:
        try:
            stream = io.BytesIO()
            pl.DataFrame([one for one in records if isinstance(one, dict)], strict=False).write_parquet(stream)
            return "x.parquet", stream.getvalue()
        except Exception:  # what polars cannot hold is no file either
            return "x.jsonl", lines
    if kind == 2:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/x.jsonl", lines)
            archive.writestr("b/x.jsonl", lines)
        return "x.zip", stream.getvalue()
    return ("x.jsonl.gz", gzip.compress(lines)) if kind == 3 else ("x.jsonl", lines)


def damaged(chance: random.Random, content: bytes) -> bytes:
    """The bytes cut off, with some of them flipped, removed or repeated."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if not data:
            break
        place = chance.randrange(len(data))
        what = chance.randrange(4)
        if what == 0:
            del data[place:]
        elif what == 1:
            data[place] = chance.randrange(256)
        elif what == 2:
            del data[place : place + chance.randint(1, 40)]
        else:
            data[place:place] = data[place : place + chance.randint(1, 60)]
    return bytes(data)


def search(seeds: int, one: Callable[[random.Random], None]) -> None:
    """Try one thing with so many seeds, or TIMES as many; a failure names its seed."""
    for seed in range(SEED, SEED + int(seeds * TIMES)):
        try:
            one(random.Random(seed))
        except Exception as error:
            raise AssertionError(f"RMEXPLORER_FUZZ_SEED={seed}: {type(error).__name__}: {error}") from error


def test_that_changed_records_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    known = [records_of(path) for path in SAMPLES]

    def one(chance: random.Random) -> None:
        records = chance.choice(known)
        if chance.random() < 0.3:
            records = [*records, *chance.choice(known)]
        records = changed(chance, records)
        name, content = written(chance, records)
        path = tmp_path / name
        path.write_bytes(content)
        tried(path)
        kept = [record for record in records if isinstance(record, dict)]
        preview(guess(kept), kept)

    search(300, one)


def test_that_damaged_bytes_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    known = [records_of(path) for path in SAMPLES]

    def one(chance: random.Random) -> None:
        if chance.random() < 0.3:
            path = chance.choice(SAMPLES)
            name, content = path.name, path.read_bytes()
        else:
            name, content = written(chance, chance.choice(known))
        path = tmp_path / name
        path.write_bytes(damaged(chance, content))
        tried(path)

    search(600, one)


def test_that_random_bytes_behind_any_magic_are_refused(tmp_path: Path) -> None:
    heads = [b"", b"PK\x03\x04", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00",
             b"\x28\xb5\x2f\xfd", b"SQLite format 3\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x80\x04", b"[", b"{",
             b'{"prompt":', b"a,b,c\n", b"\xef\xbb\xbf", b"\xff\xfe", bytes(257) + b"ustar"]  # fmt: skip

    def one(chance: random.Random) -> None:
        path = tmp_path / "x.bin"
        path.write_bytes(chance.choice(heads) + chance.randbytes(chance.choice((0, 1, 10, 300, 5000))))
        tried(path)

    search(1_200, one)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"prompt": "p", "chosen": ' + b"[" * 50_000 + b"]" * 50_000 + b', "rejected": "b"}\n',
        json.dumps({"message_tree_id": "t", "prompt": {"message_id": "m", "role": "prompter", "text": "x",
                    "replies": [{"message_id": "n", "role": "assistant", "text": "y", "replies": []}] * 20_000}}).encode(),
        ("prompt,chosen,rejected\n" + '"' * 1_000_001).encode(),
        ("," * 200_000 + "\n" + "," * 200_000 + "\n").encode(),
        json.dumps([{f"k{n}": n for n in range(20_000)}] * 3).encode(),
        json.dumps({"prompt": "p", "chosen": ["a"] * 3000, "rejected": ["b"] * 3000, "num_correct": 1}).encode(),
        b'{"prompt": "p", "chosen": "a", "rejected": "b"}\n' * 20_000 + b"\x00" * 100_000,
        b"A" * 5_000_000,
        b"\n" * 5_000_000,
    ],
    ids=lambda content: content[:12].decode("ascii", "replace"),
)  # fmt: skip
def test_that_deep_wide_and_endless_files_are_bounded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        tried(path)
        assert tracemalloc.get_traced_memory()[1] < LARGE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", [".gz", ".zip", ".zst", ".tar", ".xlsx", ".db", ".parquet", ".arrow"])
def test_that_an_archive_cut_off_anywhere_is_never_read_in_part(tmp_path: Path, suffix: str) -> None:
    whole = whole_file(tmp_path, suffix)
    path = tmp_path / f"x{suffix}"
    for part in range(1, 24):
        path.write_bytes(whole[: len(whole) * part // 24])
        assert tried(path), f"read {part} of 24 parts without a word"


def whole_file(folder: Path, suffix: str) -> bytes:
    """Three hundred pairs in the container of a suffix."""
    import sqlite3
    import tarfile

    import zstandard

    chance = random.Random(1)
    rows = [{"prompt": f"p{n}", "chosen": chance.randbytes(40).hex(), "rejected": "b"} for n in range(300)]
    lines, stream = "\n".join(map(json.dumps, rows)).encode(), io.BytesIO()
    if suffix == ".gz":
        return gzip.compress(lines)
    if suffix == ".zst":
        return zstandard.ZstdCompressor().compress(lines)
    if suffix == ".zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.jsonl", lines)
    elif suffix == ".tar":
        with tarfile.open(fileobj=stream, mode="w") as packed:
            info = tarfile.TarInfo("x.jsonl")
            info.size = len(lines)
            packed.addfile(info, io.BytesIO(lines))
    elif suffix == ".db":
        with sqlite3.connect(folder / "whole.db") as connection:
            connection.execute("CREATE TABLE t (prompt, chosen, rejected)")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [tuple(row.values()) for row in rows])
        connection.close()
        return (folder / "whole.db").read_bytes()
    elif suffix == ".xlsx":
        from tests.data.test_containers import workbook

        return workbook(Data=[["prompt", "chosen", "rejected"], *(list(row.values()) for row in rows)])
    elif suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(stream)
    else:
        pl.DataFrame(rows).write_ipc_stream(stream)
    return stream.getvalue()
