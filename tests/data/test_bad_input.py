"""What people really have: broken, empty, hostile and half-right files."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.limits import check_memory, free_memory
from rmexplorer.data.read import read
from rmexplorer.data.summary import summary
from rmexplorer.data.unpack import HEAD
from rmexplorer.job import finish
from rmexplorer.problem import Problem

PAIR = {"prompt": "p", "chosen": "a", "rejected": "b"}
LINES = "\n".join(json.dumps({**PAIR, "prompt": f"p{number}"}) for number in range(200))


def reasons(dataset: Dataset) -> dict[str, int]:
    return dict(Counter(dataset.skipped["reason"]))


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "empty.jsonl", "empty"),
        (b"\n \n", "blank.jsonl", "empty"),
        (pickle.dumps([PAIR]), "pairs.jsonl", "pickle"),
        (bytes(range(256)) * 10, "pairs.parquet", "no kind of file"),
        (gzip.compress(LINES.encode())[:-20], "cut.jsonl.gz", "cut off"),
        (gzip.compress(LINES.encode())[:20], "cut.jsonl.gz", "cut off"),
        (gzip.compress(b""), "nothing.gz", "empty"),
        (b"\x28\xb5\x2f\xfd1234", "pairs.zst", "zstd"),
        (b"PK\x03\x04", "pairs.zip", "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pairs.parquet", "LFS"),
        (b'[{"prompt": "p", "chosen": "a", "rej', "pairs.json", "whole JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "deep.json", "nested"),
        (b"[]", "pairs.json", "no records"),
        (b"5", "pairs.json", "no kind of file"),
        (b"prompt,chosen,rejected\n", "pairs.csv", "no whole row"),
        (b'{"foo": 1, "bar": "x"}', "pairs.jsonl", "foo, bar"),
        (
            b'{"prompt": "p", "response": "a", "rating": 3}\n{"prompt": "q", "response": "b", "rating": 2}',
            "r.jsonl",
            "one rated response a prompt",
        ),
    ],
)
def test_that_what_cannot_be_read_is_one_clear_problem(load: Any, content: bytes, name: str, said: str) -> None:
    with pytest.raises(Problem, match=said) as raised:
        load(content, name)
    assert name in raised.value.what and raised.value.remedy
    assert "\n" not in str(raised.value)


def test_that_a_pickle_is_never_opened(load: Any, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)

    with pytest.raises(Problem):
        load(pickle.dumps(Trap()), "pairs.jsonl")
    assert not (tmp_path / "sprung").exists()


def test_that_missing_files_and_folders_without_data_are_problems(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such file"):
        finish(read(tmp_path / "missing.jsonl"))
    (tmp_path / "README.md").write_text("words")
    with pytest.raises(Problem, match="no data files"):
        finish(read(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_that_a_pipe_is_a_problem_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(Problem, match="pipe"):
        finish(read(tmp_path / "pipe.jsonl"))


def test_that_impossible_names_are_problems() -> None:
    for name in ("a" * 5000, "a\0b", "missing/../x", ""):
        with pytest.raises(Problem):
            finish(read(name + ".jsonl"))


def test_that_a_file_of_another_format_in_a_folder_is_named(tmp_path: Path) -> None:
    other = {
        "instruction": "i",
        "output_1": "a",
        "output_2": "b",
        "generator_1": "m",
        "generator_2": "n",
        "preference": 1.2,
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(PAIR))
    (tmp_path / "b.jsonl").write_text(json.dumps(other))
    dataset = finish(read(tmp_path))
    assert len(dataset) == 1 and reasons(dataset) == {"missing_response": 1}
    assert any("a.jsonl" in warning and "alpaca_eval" in warning for warning in dataset.warnings)


def test_that_a_file_without_permission_is_a_problem(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Path, *args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    load([PAIR])
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(Problem, match="permission"):
        finish(read(Path("pairs.jsonl")))


def test_that_text_larger_than_memory_is_refused_before_it_is_read(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "big.jsonl").open("wb") as file:
        file.write(LINES.encode() * (1 + HEAD // len(LINES)))
        file.truncate(40_000_000_000)  # a hole: it takes no place on the disk
    monkeypatch.setattr("rmexplorer.data.limits.free_memory", lambda: 20_000_000_000)
    with pytest.raises(Problem, match=r"40\.0 GB of text take some 80\.0 GB of memory to read, and 20\.0 GB are free; convert"):
        finish(read(tmp_path / "big.jsonl"))
    check_memory("text", 9_999_999_999)
    with pytest.raises(Problem, match=r"folder: 10\.1 GB of text"):
        check_memory("folder", 10_100_000_000)
    monkeypatch.setattr("rmexplorer.data.limits.free_memory", lambda: None)
    check_memory("text", 10**15)


def test_that_free_memory_is_that_of_the_machine_or_of_its_group(tmp_path: Path) -> None:
    group, machine = tmp_path / "group", tmp_path / "meminfo"
    assert free_memory(machine, group) is None
    machine.write_text("MemTotal: 900 kB\nMemAvailable:    500 kB\n")
    assert free_memory(machine, group) == 500 * 1024
    group.mkdir()
    for name, said in (("max", "max"), ("current", "90000"), ("stat", "anon 1\nactive_file 10000\ninactive_file 30000")):
        (group / f"memory.{name}").write_text(said)
    assert free_memory(machine, group) == 500 * 1024
    (group / "memory.max").write_text("100000\n")
    assert free_memory(machine, group) == 50_000


def test_that_broken_lines_are_counted_with_their_line(load: Any) -> None:
    dataset = load(
        json.dumps(PAIR) + '\n\n{"prompt": "x", \nnot JSON\n[1]\n' + json.dumps({**PAIR, "prompt": "q"}) + "\n"
    )
    assert dataset.records == 5 and len(dataset) == 2
    assert dataset.skipped["line"].to_list() == [3, 4, 5]
    assert dataset.skipped["reason"].unique().to_list() == ["bad_record"]
    assert dataset.skipped["detail"][0].startswith("Line 3 is not JSON")
    assert dataset.pairs["line"].to_list() == [1, 6]


def test_that_wrong_types_in_any_cell_skip_that_record(load: Any) -> None:
    wrong: list[Any] = [5, 5.5, True, None, {"x": 1}, [[]], [None]]
    records = [PAIR]
    for value in wrong:
        records += [{**PAIR, "prompt": value}, {**PAIR, "chosen": value}, {**PAIR, "rejected": value}]
    dataset = load(records)
    assert len(dataset) == 1
    assert reasons(dataset) == {"missing_prompt": len(wrong), "missing_response": 2 * len(wrong)}


def test_that_a_file_of_skipped_comparisons_is_not_refused(load: Any) -> None:
    said = summary(load([{**PAIR, "rejected": " a "}] * 3))
    assert said["pairs"] == said["ties"] == said["prompts"] == 0
    assert said["skipped"] == {"identical_responses": 3}
    assert said["chosen_longer"] is None
    assert summary(load([{**PAIR, "chosen": None, "rejected": None}] * 2))["skipped"] == {"missing_response": 2}


def test_that_an_empty_string_is_a_response_and_null_is_none(load: Any) -> None:
    dataset = load([{**PAIR, "rejected": ""}, {**PAIR, "rejected": None}])
    assert len(dataset) == 1 and reasons(dataset) == {"missing_response": 1}
    assert summary(dataset)["warnings"] == ["1 response is empty"]


def test_that_unpaired_records_among_pairs_are_counted(load: Any) -> None:
    dataset = load([PAIR, PAIR, {"prompt": "p", "completion": "a", "label": True}])
    assert len(dataset) == 2 and reasons(dataset) == {"unpaired": 1}


def test_that_nan_surrogates_and_marks_are_tolerated(load: Any) -> None:
    dataset = load(b'\xef\xbb\xbf{"prompt": "p\\ud83d", "chosen": "a", "rejected": "b", "margin": NaN}\r\n')
    assert dataset.prompts["text"].to_list() == ["p\ufffd"]
    assert dataset.pairs["strength"].to_list() == [None]
    assert load(LINES.encode("utf-16"), "wide.jsonl").records == 200


def test_that_other_encodings_are_read_with_a_warning(load: Any) -> None:
    for content, name in (
        (b'{"prompt": "caf\xe9", "chosen": "a", "rejected": "b"}\n', "a.jsonl"),
        (b"prompt,chosen,rejected\ncaf\xe9,a,b\n", "a.csv"),
    ):
        dataset = load(content, name)
        assert dataset.prompts["text"].to_list() == ["café"]
        assert "Windows-1252" in dataset.warnings[0]


LANGUAGES = {
    "gb18030": ("GB18030", "法国的首都是哪里？第{}个问题", "巴黎是法国的首都，第{}", "里昂，我想，第{}"),
    "shift_jis": ("Shift-JIS", "フランスの首都はどこですか？表{}", "パリです、それは首都です{}", "リヨンだと思います{}"),
    "cp1251": ("Windows-1251", "Какая столица Франции? {}", "Париж, конечно {}", "Лион, наверное {}"),
    "cp1250": ("Windows-1250", "Jaka jest stolica Francji? Źródło {}", "Paryż, oczywiście {}", "Myślę że Łódź {}"),
    "cp949": ("CP949", "프랑스의 수도는 어디입니까 {}?", "파리입니다 {}", "리옹이라고 생각합니다 {}"),
    "cp1252": ("Windows-1252", "Où est le café près de la gare {}?", "Là-bas à côté du théâtre {}", "Très loin déjà {}"),
}


@pytest.mark.parametrize("encoding", LANGUAGES)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_that_the_encoding_of_a_language_is_recognised(load: Any, encoding: str, name: str) -> None:
    called, *texts = LANGUAGES[encoding]
    rows = [dict(zip(PAIR, (text.format(number) for text in texts), strict=True)) for number in range(30)]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    if name == "a.csv":
        content = "\n".join(["prompt,chosen,rejected", *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)])
    elif name == "a.json":
        content = json.dumps(rows, ensure_ascii=False)
    dataset = load(content.encode(encoding), name)
    assert dataset.prompts["text"].to_list() == [row["prompt"] for row in rows]
    assert set(dataset.responses["text"]) == {row[side] for row in rows for side in ("chosen", "rejected")}
    assert called in dataset.warnings[0]


@pytest.mark.parametrize("word", ["costs £5", "naïve café", "Zoë", "für Größe über Straße", "façade – “quotes”", "mañana"])
def test_that_a_few_western_letters_stay_western(load: Any, word: str) -> None:
    rows = [f"tell me how this works in detail please {row},{word},no {row}" for row in range(20)]
    dataset = load("\n".join(["prompt,chosen,rejected", *rows]).encode("cp1252"), "a.csv")
    assert word in dataset.responses["text"].to_list() and "Windows-1252" in dataset.warnings[0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_that_tables_keep_quoted_newlines_and_count_bad_rows(load: Any, separator: str) -> None:
    rows = ["prompt,chosen,rejected", 'p,"a\r\nb ""c""",d', "q,x", "r,e,f"]
    dataset = load("\r\n".join(row.replace(",", separator) for row in rows) + "\r\n", "table")
    assert dataset.responses["text"].to_list() == ['a\r\nb "c"', "e", "d", "f"]
    assert dataset.skipped.select("line", "reason", "detail").rows() == [
        (4, "bad_record", "Line 4 has 2 cells, not 3.")
    ]


def test_that_a_first_column_without_a_name_holds_row_numbers(load: Any) -> None:
    dataset = load(",prompt,chosen,rejected,source\n0,p,a,b,s\n1,q,a,b,s\n", "pandas.csv")
    assert dataset.format == "trl_explicit" and len(dataset) == 2
    assert dataset.extras.columns == ["source"] and dataset.warnings == ()


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "sep=\\t", "sep=|;;"])
def test_that_a_line_that_declares_the_separator_is_no_head(load: Any, first: str) -> None:
    separator = "\t" if first.endswith("t") else first.lower().strip('"')[4]
    rows = ["prompt,chosen,rejected", "p, a ,b", "q,a"]
    dataset = load("\r\n".join([first, *(row.replace(",", separator) for row in rows)]), "x.csv")
    assert dataset.responses["text"].to_list() == [" a ", "b"]
    assert dataset.pairs["line"].to_list() == [3] and dataset.skipped["line"].to_list() == [4]


def test_that_a_quote_that_never_closes_is_a_bad_record(load: Any) -> None:
    dataset = load('prompt,chosen,rejected\np,a,b\nq,"open,c\nr,d,e\n', "a.csv")
    assert len(dataset) == 1 and reasons(dataset) == {"bad_record": 1}


def test_that_the_kind_of_file_is_told_by_content_not_by_name(load: Any) -> None:
    frame, parquet, arrow = pl.DataFrame([PAIR, {**PAIR, "prompt": "q"}]), io.BytesIO(), io.BytesIO()
    frame.write_parquet(parquet)
    frame.write_ipc_stream(arrow)
    text = "\n".join(json.dumps(record) for record in frame.to_dicts())
    contents = [
        text,
        json.dumps(frame.to_dicts(), indent=1),
        json.dumps({"data": frame.to_dicts()}),
        json.dumps(frame.to_dict(as_series=False)),
        frame.write_csv(),
        parquet.getvalue(),
        arrow.getvalue(),
        gzip.compress(text.encode()),
        bz2.compress(text.encode()),
        lzma.compress(text.encode()),
    ]
    fingerprints = {load(content, f"file{number}.csv").fingerprint for number, content in enumerate(contents)}
    assert len(fingerprints) == 1


def test_that_damaged_columnar_files_are_problems(load: Any) -> None:
    stream = io.BytesIO()
    pl.DataFrame([PAIR] * 50).write_parquet(stream)
    with pytest.raises(Problem, match="damaged"):
        load(stream.getvalue()[:-10], "cut.parquet")
    stream = io.BytesIO()
    pl.DataFrame([PAIR]).head(0).write_parquet(stream)
    with pytest.raises(Problem, match="no rows"):
        load(stream.getvalue(), "none.parquet")


def test_that_archives_leave_out_what_is_no_data(load: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in (
            "b/train.jsonl",
            "a/train.jsonl",
            "__MACOSX/a/train.jsonl",
            "../climbs.jsonl",
            ".hidden.jsonl",
            "README.md",
        ):
            archive.writestr(name, json.dumps({**PAIR, "prompt": name}))
    dataset = load(stream.getvalue(), "pairs.zip")
    assert dataset.prompts["text"].to_list() == ["a/train.jsonl", "b/train.jsonl"]
    assert dataset.extras["subset"].to_list() == ["a", "b"]


def test_that_archives_that_unpack_to_far_more_are_stopped(load: Any) -> None:
    packed = gzip.compress(b"\n" * (1 << 20))
    with pytest.raises(Problem, match="limit of 1,000 bytes") as raised:
        load(packed, "bomb.gz", max_bytes=1000)
    assert "--max-bytes" in raised.value.remedy
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jsonl", LINES)
        archive.writestr("b.jsonl", LINES)
    with pytest.raises(Problem, match="limit"):
        load(stream.getvalue(), "two.zip", max_bytes=int(len(LINES) * 1.5))
    assert load(stream.getvalue(), "two.zip", max_bytes=len(LINES) * 3).records == 400


def test_that_locked_archives_and_pickled_models_are_refused(load: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(Problem, match="PyTorch"):
        load(stream.getvalue(), "model.pt")


def test_that_a_save_to_disk_folder_reads_only_what_its_state_names(tmp_path: Path) -> None:
    for name, prompt in (("data-00000-of-00001.arrow", "kept"), ("cache-123.arrow", "left out")):
        pl.DataFrame([{**PAIR, "prompt": prompt}]).write_ipc_stream(tmp_path / name)
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    assert finish(read(tmp_path)).prompts["text"].to_list() == ["kept"]


def test_that_reading_can_be_stopped_between_any_two_steps(load: Any, tmp_path: Path) -> None:
    load([{**PAIR, "prompt": f"p{number}"} for number in range(25_000)])
    beats = 0
    job = read(tmp_path / "pairs.jsonl")
    for beat in job:
        beats += 1
        if beat.note == "reading" and beat.done:
            job.close()
            break
    assert beats >= 3
    with pytest.raises(StopIteration):
        next(job)


def test_that_a_whole_number_beyond_all_floats_is_a_missing_value(load: Any) -> None:
    record = {"prompt": "p", "chosen": "a", "rejected": "b"}
    dataset = load([{**record, "prompt": f"p{n}", "size": size} for n, size in enumerate((10**400, 2, -(10**400)))])
    (size,) = [column for column in dataset.extras if column.name == "size"]
    assert size.to_list() == [None, 2.0, None]


def test_that_a_zipped_save_to_disk_folder_reads_only_what_its_state_names(tmp_path: Path) -> None:
    table = io.BytesIO()
    pl.DataFrame([PAIR]).write_ipc_stream(table)
    path = tmp_path / "saved.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/state.json", json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
        for name in ("data-00000-of-00001.arrow", "cache-0123456789abcdef.arrow"):
            archive.writestr(f"train/{name}", table.getvalue())
    assert len(finish(read(path))) == 1
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.json", '{"mine": 1}')
        archive.writestr("pairs.jsonl", json.dumps(PAIR))
    assert len(finish(read(path))) == 1, "the state of another program says nothing"


def test_that_a_quotation_mark_without_an_end_costs_one_line(load: Any) -> None:
    lines = ["prompt,chosen,rejected", *(f"p{row},good {row},bad {row}" for row in range(500))]
    lines[7] = '"p6,good 6,bad 6'
    dataset = load("\n".join(lines).encode(), "pairs.csv")
    assert len(dataset) == 499 and dataset.skipped["line"].to_list() == [8]
    assert "never closed" in dataset.skipped["detail"][0]
    lines[480] = '"cut,\nin the middle'
    assert len(load("\n".join(lines[:7] + lines[8:482]).encode(), "pairs.csv")) == 478, "what is short is one cut record"
