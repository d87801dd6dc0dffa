"""Workbooks, databases, zstd, save_to_disk folders and the cache of the Hub."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
import pytest
import zstandard

from rmexplorer.data.containers import jsonl
from rmexplorer.data.hub import fetched, parse
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem

PAIRS = [{"prompt": f"p{number}", "chosen": f"a{number}", "rejected": f"b{number}"} for number in range(60)]
LINES = "".join(json.dumps(record) + "\n" for record in PAIRS)


def column(place: int) -> str:
    return "ABCDEFGHIJ"[place]


def sheet(rows: list[list[Any]]) -> str:
    """The XML of a sheet with these cells; None is no cell at all."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = []
        for place, value in enumerate(row):
            at = f'r="{column(place)}{number}"'
            if isinstance(value, bool):
                cells.append(f'<c {at} t="b"><v>{int(value)}</v></c>')
            elif isinstance(value, int | float):
                cells.append(f"<c {at}><v>{value}</v></c>")
            elif value is not None:
                cells.append(f'<c {at} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>')
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<?xml version="1.0"?><worksheet xmlns="{space}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def workbook(**sheets: list[list[Any]]) -> bytes:
    """A small xlsx file, written by hand so that the library under test reads what it did not write."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    names = "".join(f'<sheet name="{name}" sheetId="{place}" r:id="r{place}"/>' for place, name in enumerate(sheets, 1))
    links = "".join(
        f'<Relationship Id="r{place}" Type="{office}/worksheet" Target="worksheets/sheet{place}.xml"/>'
        for place in range(1, len(sheets) + 1)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="w" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        **{f"xl/worksheets/sheet{place}.xml": sheet(rows) for place, rows in enumerate(sheets.values(), 1)},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


HEAD = ["prompt", "chosen", "rejected", "score", "source"]


def test_that_a_workbook_is_read_with_its_lines_and_cells(load: Any) -> None:
    rows = [HEAD, ["p", "a\nb", "c", 1, "s"], [None] * 5, ["q", 4, "", 2.5, "s"]]
    dataset = load(workbook(Data=rows), "survey.xlsx")
    assert dataset.format == "trl_explicit" and dataset.records == 2
    assert dataset.pairs["line"].to_list() == [2, 4]
    assert dataset.responses["text"].to_list() == ["a\nb", "4", "c", ""]
    assert dataset.extras["score"].to_list() == [1.0, 2.5]


def test_that_sheets_of_one_head_are_joined_and_others_are_named(load: Any) -> None:
    content = workbook(
        One=[HEAD[:3], ["p", "a", "b"]], Notes=[["who", "why"], ["me", "x"]], Two=[HEAD[:3], ["q", "c", "d"]]
    )
    dataset = load(content, "book.xlsx")
    assert dataset.extras["sheet"].to_list() == ["One", "Two"]
    assert any("Notes" in warning for warning in dataset.warnings)


def test_that_a_sheet_can_be_named(load: Any, tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(
        workbook(One=[HEAD[:3], ["p", "a", "b"]], Two=[HEAD[:3], ["q", "c", "d"], ["r", "e", "f"]])
    )
    assert len(finish(read(tmp_path / "book.xlsx#Two"))) == 2
    with pytest.raises(Problem, match="no sheet named 'Three'") as raised:
        finish(read(tmp_path / "book.xlsx#Three"))
    assert "One, Two" in raised.value.remedy


def test_that_broken_locked_and_swollen_workbooks_are_problems(load: Any) -> None:
    whole = workbook(Data=[HEAD[:3], ["p", "a" * 100_000, "b"]])
    for content in (whole[:-200], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)):
        with pytest.raises(Problem, match="damaged"):
            load(content, "book.xlsx")
    with pytest.raises(Problem, match="limit of 5,000 bytes"):
        load(whole, "book.xlsx", max_bytes=5_000)
    with pytest.raises(Problem, match="head line and a row"):
        load(workbook(Data=[HEAD]), "book.xlsx")


def test_that_other_office_documents_are_refused(load: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    with pytest.raises(Problem, match="office document"):
        load(stream.getvalue(), "letter.docx")


def test_that_zstd_is_read_frame_by_frame_and_never_in_part(load: Any) -> None:
    packer = zstandard.ZstdCompressor()
    half = len(LINES) // 2
    packed = packer.compress(LINES[:half].encode()) + packer.compress(LINES[half:].encode())
    assert load(packed, "pairs.jsonl.zst").records == 60
    for cut in (3, len(packed) // 4, len(packed) - 1):
        with pytest.raises(Problem):
            load(packed[:-cut], "pairs.jsonl.zst")
    with pytest.raises(Problem, match="limit"):
        load(packer.compress(bytes(1 << 22)), "bomb.zst", max_bytes=1 << 20)


def test_that_a_cut_off_tar_is_never_read_in_part(load: Any) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a.jsonl", "b.jsonl"):
            info = tarfile.TarInfo(name)
            info.size = len(LINES)
            archive.addfile(info, io.BytesIO(LINES.encode()))
    whole = stream.getvalue()
    assert load(whole, "pairs.tar").records == 120
    with pytest.raises(Problem, match="limit"):
        load(whole, "pairs.tar", max_bytes=int(len(LINES) * 1.5))
    for end in (len(LINES), 512 + (len(LINES) + 511) // 512 * 512, 6_000):
        with pytest.raises(Problem):
            load(whole[:end], "pairs.tar")


def database(path: Path, tables: dict[str, list[dict[str, Any]]], *more: str) -> Path:
    with sqlite3.connect(path) as connection:
        for name, rows in tables.items():
            table, marks = name.replace('"', '""'), ", ".join("?" * len(rows[0]))
            connection.execute(f'CREATE TABLE "{table}" ({", ".join(rows[0])})')
            connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [tuple(row.values()) for row in rows])
        for statement in more:
            connection.execute(statement)
    connection.close()
    return path


def test_that_a_database_is_read_and_not_touched(tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", {"pairs": PAIRS}, "CREATE VIEW v AS SELECT 1", "CREATE TABLE empty (a)")
    before = path.read_bytes()
    dataset = finish(read(path))
    assert dataset.format == "trl_explicit" and len(dataset) == 60
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.db"]


def test_that_tables_of_one_shape_are_joined_and_others_must_be_named(tmp_path: Path) -> None:
    same = database(tmp_path / "same.sqlite", {"train": PAIRS[:2], "test": PAIRS[2:3]})
    assert finish(read(same)).extras["table"].to_list() == ["train", "train", "test"]
    both = database(tmp_path / "both.sqlite", {"pairs": PAIRS, 'odd "name"': [{"a": 1, "b": 2}]})
    with pytest.raises(Problem, match='pairs, odd "name"') as raised:
        finish(read(both))
    assert "both.sqlite#TABLE" in raised.value.remedy
    assert len(finish(read(f"{both}#pairs"))) == 60
    with pytest.raises(Problem, match="no table"):
        finish(read(f"{both}#votes"))


def test_that_a_database_within_an_archive_and_a_damaged_one_are_known(load: Any, tmp_path: Path) -> None:
    whole = database(tmp_path / "x.db", {"pairs": PAIRS}).read_bytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("in/x.db", whole)
    assert load(stream.getvalue(), "pairs.zip").records == 60
    with pytest.raises(Problem, match="damaged"):
        load(whole[:5_000], "cut.db")


def test_that_a_dataset_dict_keeps_its_splits_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    for split, rows, shards in (("test", PAIRS[:4], 1), ("train", PAIRS[4:10], 2)):
        folder = tmp_path / split
        folder.mkdir()
        names = [f"data-{place:05}-of-{shards:05}.arrow" for place in range(shards)]
        for place, name in enumerate(names):
            pl.DataFrame(rows[place::shards]).write_ipc_stream(folder / name)
        pl.DataFrame(PAIRS[50:]).write_ipc_stream(folder / "cache-1.arrow")
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
        (folder / "dataset_info.json").write_text("{}")
    dataset = finish(read(tmp_path))
    assert dataset.extras["subset"].to_list() == ["train"] * 6 + ["test"] * 4
    state = tmp_path / "test" / "state.json"
    state.write_text(json.dumps({"_data_files": [{"filename": "../../secret.arrow"}]}))
    with pytest.raises(Problem, match="outside"):
        finish(read(tmp_path))
    state.write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}], "_indices_data_files": [{"filename": "i"}]}))
    with pytest.raises(Problem, match="indices"):
        finish(read(tmp_path))


def test_that_json_in_cells_is_parsed_where_all_cells_are_chats(load: Any) -> None:
    chats = [
        {
            "prompt": json.dumps([{"role": "user", "content": f"q{number}"}]),
            "chosen": json.dumps([{"role": "assistant", "content": "a"}]),
            "rejected": json.dumps([{"role": "assistant", "content": "b"}]),
        }
        for number in range(3)
    ]
    frame, stream = pl.DataFrame(chats), io.BytesIO()
    frame.write_parquet(stream)
    prints = {
        load(content, name).fingerprint
        for content, name in (
            (frame.write_csv(), "a.csv"),
            (chats, "a.jsonl"),
            (stream.getvalue(), "a.parquet"),
            ([{key: json.loads(value) for key, value in record.items()} for record in chats], "b.jsonl"),
        )
    }
    assert len(prints) == 1
    calls = [{"prompt": "p", "chosen": '{"call": 1}', "rejected": '{"call": 2}'}]
    assert load(calls).responses["text"].to_list() == ['{"call": 1}', '{"call": 2}']


def test_that_lists_in_cells_are_parsed_where_nothing_else_is_known(load: Any) -> None:
    answers = json.dumps([{"answer": "x", "rank": 2}, {"answer": "y", "rank": 1}])
    frame = pl.DataFrame([{"prompt": "p", "num_responses": 2, "answers": answers}])
    dataset = load(frame.write_csv(), "nectar.csv")
    assert dataset.format == "nectar" and dataset.winner.tolist() == [-1]


def cached(home: Path, branch: str, files: dict[str, bytes]) -> None:
    """The layout in which huggingface_hub keeps a dataset."""
    root, commit = home / "hub" / "datasets--owner--name", "0123456789abcdef0123456789abcdef01234567"
    for name, content in files.items():
        path = root / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    reference = root / "refs" / branch
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)


def parquet(records: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame(records).write_parquet(stream)
    return stream.getvalue()


def info(address: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "RMEXPLORER_HOME": str(home / "own")}
    return subprocess.run(
        [sys.executable, "-m", "rmexplorer", "info", address, "--json"],
        capture_output=True, text=True, env=environment, timeout=60,
    )  # fmt: skip


def test_that_a_dataset_of_the_hub_is_read_from_its_cache(tmp_path: Path) -> None:
    files = {
        "default/train/0000.parquet": parquet(PAIRS[:5]),
        "default/test/0000.parquet": parquet(PAIRS[5:8]),
        "other/train/0000.parquet": parquet(PAIRS[8:]),
        "README.md": b"words",
    }
    cached(tmp_path, "refs/convert/parquet", files)
    done = info("hf://datasets/owner/name", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pairs"] == 8
    done = info("hf://datasets/owner/name/other:train", tmp_path)
    assert json.loads(done.stdout)["pairs"] == 52
    done = info("hf://datasets/owner/name:validation", tmp_path)
    assert done.returncode == 2 and "choose one of test, train" in done.stderr and done.stderr.count("\n") == 1
    done = info("hf://datasets/owner/missing", tmp_path)
    assert done.returncode == 2 and "not in the cache" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "address", ["hf://datasets/owner", "hf://models/a/b", "hf:owner/name", "hf://datasets/../../x"]
)
def test_that_a_wrong_address_is_a_problem(address: str) -> None:
    with pytest.raises(Problem, match="address"):
        finish(read(address))


def test_that_an_address_has_a_configuration_and_a_split() -> None:
    assert str(parse("hf://datasets/a/b-c/data.x:train_prefs")) == "hf://datasets/a/b-c/data.x:train_prefs"
    assert (parse("hf://datasets/a/b").config, parse("hf://datasets/a/b:test").split) == ("", "test")


def test_that_without_the_library_the_problem_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Problem, match="huggingface_hub") as raised:
        finish(fetched("hf://datasets/a/b"))
    assert "rmexplorer[hf]" in raised.value.remedy


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Any:
    """huggingface_hub with an address where nothing answers: no test asks the network."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return hub


def test_that_without_a_connection_the_problem_comes_at_once(unreachable: Any, capfd: pytest.CaptureFixture[str],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits to try again"))
    with pytest.raises(Problem, match="Hub cannot be reached") as raised:
        finish(read("hf://datasets/owner/name"))
    assert "HF_HUB_OFFLINE" in raised.value.remedy
    assert capfd.readouterr().err == ""


def test_that_the_converted_branch_is_fetched_or_else_the_main_one(unreachable: Any, tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    branches = {"main": {"data/train-00000-of-00001.parquet": parquet(PAIRS[:5]), "README.md": b"words"}}

    def listed(self: Any, repository: str, *, revision: str, **_: Any) -> Any:
        if revision not in branches:
            raise unreachable.errors.RevisionNotFoundError("none", response=SimpleNamespace(headers={}, request=None))
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=len(content))
                                         for name, content in branches[revision].items()])

    def fetch(repository: str, name: str, *, repo_type: str, revision: str) -> str:
        assert (repository, repo_type) == ("owner/name", "dataset")
        path = tmp_path / revision.replace("/", "-") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(branches[revision][name])
        return str(path)

    monkeypatch.setattr(unreachable.HfApi, "dataset_info", listed)
    monkeypatch.setattr(unreachable, "hf_hub_download", fetch)
    assert len(finish(read("hf://datasets/owner/name"))) == 5
    branches["refs/convert/parquet"] = {"default/train/0000.parquet": parquet(PAIRS[:7]),
                                        "default/test/0000.parquet": parquet(PAIRS[7:])}
    assert len(finish(read("hf://datasets/owner/name:train"))) == 7
    with pytest.raises(Problem, match="limit"):
        finish(fetched("hf://datasets/owner/name:train", max_bytes=10))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_that_a_second_column_of_one_name_is_kept_apart_with_a_warning(load: Any, kind: str) -> None:
    head = ["prompt", "chosen", "rejected", "chosen", "note (2)", "note", "note"]
    rows = [["p", "a", "b", "c", "d", "e", "f"], ["q", "g", "h", "i", "j", "k", "l"]]
    table = "\n".join(",".join(row) for row in [head, *rows])
    dataset = load(table if kind == "csv" else workbook(Data=[head, *rows]), f"twice.{kind}")
    assert dataset.responses["text"].gather(dataset.chosen).to_list() == ["a", "g"]
    assert dataset.extras.to_dict(as_series=False) == {
        "chosen (2)": ["c", "i"], "note (2)": ["d", "j"], "note": ["e", "k"], "note (3)": ["f", "l"]}
    (warning,) = dataset.warnings
    assert warning.startswith(f"twice.{kind}") and "are read as chosen (2), note (3); give each a name" in warning


@pytest.mark.parametrize("indent", [None, 2])
def test_that_several_splits_in_one_document_are_all_read(load: Any, indent: int | None) -> None:
    document = {"version": 1, "train": PAIRS[:5], "test_prefs": PAIRS[5:8], "dropped": PAIRS[8:9]}
    dataset = load(json.dumps(document, indent=indent), "pairs.json")
    assert dataset.records == 8 and dataset.prompts["text"].to_list() == [f"p{number}" for number in range(8)]
    assert dataset.extras["subset"].to_list() == ["train"] * 5 + ["test_prefs"] * 3
    assert [warning for warning in dataset.warnings if "1 records under dropped" in warning]
    for name in ("test", "data"):
        assert load(json.dumps({name: PAIRS[:3]}), "pairs.json").records == 3
    beside = load(json.dumps({"data": PAIRS[:3], "test": PAIRS[:2]}), "pairs.json")
    assert beside.records == 3 and "2 records under test" in beside.warnings[0]


def test_that_rows_of_an_answer_of_the_hub_are_unwrapped(load: Any) -> None:
    rows = [{"row_idx": place, "row": row, "truncated_cells": []} for place, row in enumerate(PAIRS[:4])]
    answer = {"features": [{"feature_idx": 0, "name": "prompt"}], "rows": rows, "num_rows_total": 4}
    dataset = load(json.dumps(answer), "rows.json")
    assert dataset.format == "trl_explicit" and dataset.prompts["text"].to_list() == ["p0", "p1", "p2", "p3"]
    assert dataset.warnings == ()
    rows[1]["truncated_cells"] = ["prompt"]
    dataset = load(json.dumps({**answer, "num_rows_total": 60}), "rows.json")
    assert "1 of 4 rows" in dataset.warnings[0] and "4 of 60 rows" in dataset.warnings[1]


@pytest.mark.parametrize(("indent", "end"), [(None, "\n"), (None, ""), (2, "\n")])
def test_that_a_json_text_sequence_is_read_and_a_broken_text_of_it_counted(
        load: Any, monkeypatch: pytest.MonkeyPatch, indent: int | None, end: str) -> None:
    monkeypatch.setattr(jsonl, "WINDOW", 37)  # a record goes over several pieces
    records = [{"prompt": f"p{n}", "chosen": f"good \u00e9 {n}", "rejected": f"bad {n}"} for n in range(5)]
    texts = [json.dumps(record, indent=indent, ensure_ascii=False) for record in records]
    texts[3] = texts[3][:-9]
    dataset = load(("\ufeff" + "".join(f"\x1e{text}{end}" for text in texts)).encode(), name="pairs.json-seq")
    assert dataset.pairs["record"].to_list() == [0, 1, 2, 4]
    lines = [1, 1, 1, 1] if not end else [1, 2, 3, 5] if indent is None else [1, 6, 11, 20]
    assert dataset.pairs["line"].to_list() == lines
    assert dataset.skipped.select("record", "reason").rows() == [(3, "bad_record")]
    assert dataset.responses["text"][0] == "good \u00e9 0"
