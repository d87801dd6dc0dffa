"""Other layouts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmexplorer.data.convert import convert
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem

SAMPLES = Path(__file__).parents[1] / "samples" / "formats"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_that_parquet_on_a_full_disk_is_a_problem_and_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    dataset = finish(read(SAMPLES / "webgpt.jsonl"))
    (tmp_path / "out.parquet").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # no file of this process may grow beyond it
    try:
        with pytest.raises(Problem, match=r"out\.parquet: cannot write \(File too large\); free space"):
            finish(convert(dataset, "parquet", tmp_path / "out.parquet"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out.parquet", "old")]


def test_that_trl_keeps_order_texts_margins_and_leaves_ties_out(tmp_path: Path) -> None:
    dataset = finish(read(SAMPLES / "webgpt.jsonl"))
    result = finish(convert(dataset, "trl", tmp_path / "out.jsonl"))
    assert result == {"pairs": 2, "ties_left_out": 1}
    assert lines(tmp_path / "out.jsonl") == [
        {
            "prompt": "Why is the sky blue?",
            "chosen": "Rayleigh scattering [1].",
            "rejected": "It reflects the sea.",
            "margin": 1.5,
        },
        {"prompt": "Is glass a liquid?", "chosen": "No, an amorphous solid [1].", "rejected": "Yes.", "margin": 0.5},
    ]


def test_that_chats_keep_their_list_form(tmp_path: Path) -> None:
    sample = SAMPLES / "trl_conv_explicit.jsonl"
    finish(convert(finish(read(sample)), "trl", tmp_path / "out.jsonl"))
    assert lines(tmp_path / "out.jsonl") == lines(sample)


def test_that_openrlhf_always_has_a_margin(tmp_path: Path) -> None:
    finish(convert(finish(read(SAMPLES / "trl_explicit.jsonl")), "openrlhf", tmp_path / "out.jsonl"))
    assert [line["margin"] for line in lines(tmp_path / "out.jsonl")] == [None, 0.5, None]


def test_that_parquet_keeps_facets(load: Any, tmp_path: Path) -> None:
    dataset = load([{"prompt": "p", "chosen": "a", "rejected": "b", "source": "s"}])
    finish(convert(dataset, "parquet", tmp_path / "out.parquet"))
    assert pl.read_parquet(tmp_path / "out.parquet").to_dicts() == [
        {"prompt": "p", "chosen": "a", "rejected": "b", "source": "s"}
    ]


def test_that_csv_cells_are_no_formulas(load: Any, tmp_path: Path) -> None:
    dataset = load(
        [
            {"prompt": "=1+1", "chosen": "-x\ny", "rejected": "fine", "source": "@a"},
            {"prompt": "\tq", "chosen": "+", "rejected": 'say "no"', "source": "b"},
        ]
    )
    finish(convert(dataset, "csv", tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["prompt", "chosen", "rejected", "source"],
            ["'=1+1", "'-x\ny", "fine", "'@a"],
            ["'\tq", "'+", 'say "no"', "b"],
        ]


def test_that_an_unknown_layout_or_a_missing_folder_is_a_problem(load: Any, tmp_path: Path) -> None:
    dataset = load([{"prompt": "p", "chosen": "a", "rejected": "b"}])
    with pytest.raises(Problem, match="layout"):
        finish(convert(dataset, "xml", tmp_path / "out"))
    with pytest.raises(Problem, match="cannot write"):
        finish(convert(dataset, "trl", tmp_path / "missing" / "out"))


def test_that_a_stopped_conversion_leaves_nothing_behind(load: Any, tmp_path: Path) -> None:
    dataset = load([{"prompt": f"p{number}", "chosen": "a", "rejected": "b"} for number in range(6000)])
    (tmp_path / "out").mkdir()
    job = convert(dataset, "trl", tmp_path / "out" / "pairs.jsonl")
    next(job)
    job.close()
    assert list((tmp_path / "out").iterdir()) == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.none() | st.floats(-1e6, 1e6)), min_size=1, max_size=8))
def test_that_trl_comes_back_byte_for_byte(tmp_path: Path, pairs: list[tuple[str, str, str, float | None]]) -> None:
    records = [
        {"prompt": prompt, "chosen": chosen, "rejected": rejected, **({} if margin is None else {"margin": margin})}
        for prompt, chosen, rejected, margin in pairs
    ]
    path, out, again = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "again.jsonl"))
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    dataset = finish(read(path))
    finish(convert(dataset, "trl", out))
    kept = [record for record in records if record["chosen"].strip() != record["rejected"].strip()]
    assert [json.loads(line) for line in out.read_bytes().split(b"\n") if line] == kept
    assert dataset.records == len(dataset) + dataset.skipped.height == len(records)
    if kept:
        second = finish(read(out))
        assert second.fingerprint == dataset.fingerprint
        finish(convert(second, "trl", again))
        assert again.read_bytes() == out.read_bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6))
def test_that_tables_come_back_byte_for_byte(tmp_path: Path, pairs: list[tuple[str, str, str]]) -> None:
    path = tmp_path / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["prompt", "chosen", "rejected"])
        writer.writerows([[cell.replace("\0", "") for cell in pair] for pair in pairs])
    dataset = finish(read(path))
    read_back = [
        (dataset.prompts["text"][prompt], dataset.responses["text"][int(first)], dataset.responses["text"][int(second)])
        for prompt, first, second in dataset.pairs.select("prompt", "first", "second").rows()
    ]
    clean = [tuple(cell.replace("\0", "") for cell in pair) for pair in pairs]
    assert read_back == [pair for pair in clean if pair[1].strip() != pair[2].strip()]
