"""A sample of the pairs is the same pairs, drawn at random, and says that it is a sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer import cli
from rmexplorer.data import convert, limits, sample
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.sample import sampled
from rmexplorer.job import finish
from rmexplorer.workflows import opening, scoring


def written(path: Path, count: int = 300) -> Path:
    rows = [{"prompt": f"question {i // 3}", "chosen": f"good {i % 50} " * (1 + i % 6), "rejected": f"bad {i % 70}", "source": "ab"[i % 2]}
            for i in range(count)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def cards(dataset: Dataset) -> list[tuple[str, str, str, str]]:
    texts = dataset.responses["text"]
    return list(zip(dataset.prompts["text"].gather(dataset.prompt).to_list(), texts.gather(dataset.chosen).to_list(),
                    texts.gather(dataset.rejected).to_list(), dataset.extras["source"].to_list(), strict=True))  # fmt: skip


def test_that_a_sample_holds_pairs_of_the_whole_in_their_order(tmp_path: Path) -> None:
    whole = finish(read(written(tmp_path / "pairs.jsonl")))
    part = sampled(whole, 80)
    rows = np.flatnonzero(np.isin(whole.pairs["record"].to_numpy(), part.pairs["record"].to_numpy()))
    assert len(part) == len(rows) == 80 and cards(part) == [cards(whole)[row] for row in rows]
    assert part.prompts.height < whole.prompts.height and part.responses.height < whole.responses.height
    assert part.responses["prompt"].gather(part.chosen).equals(part.pairs["prompt"])
    assert part.votes["pair"].to_list() == list(range(80)) and part.votes["choice"].to_list() == [1] * 80
    assert part.warnings == ("a sample of 80 of 300 pairs, drawn at random (seed 0)",) and "80 pairs" in part.name
    again, other = sampled(whole, 80), sampled(whole, 80, seed=1)
    assert part.fingerprint == again.fingerprint != other.fingerprint and sampled(whole, 300) is whole
    path = tmp_path / "part.jsonl"
    path.write_text("".join(json.dumps(dict(zip(("prompt", "chosen", "rejected", "source"), card, strict=True))) + "\n"
                            for card in cards(part)))  # fmt: skip
    assert finish(read(path)).prompts["group"].equals(part.prompts["group"])


def test_that_the_command_line_says_where_it_takes_a_sample_and_writes_all_pairs(
        home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(limits, "MOST_PAIRS", 100)
    monkeypatch.setattr(sample, "sampled", lambda dataset: sampled(dataset, 60))
    path = str(written(tmp_path / "pairs.jsonl"))
    assert cli.main(["info", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 300
    assert cli.main(["train", path, "-o", str(tmp_path / "head.safetensors"), "--epochs", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert "a sample of 60 of 300 pairs, drawn at random (seed 0)" in said.err
    made = json.loads(said.out)
    assert made["train_pairs"] + made["heldout_pairs"] == 60
    pieces, wanted = [], ["prompt", "chosen", "rejected"]
    head, whole = str(tmp_path / "head.safetensors"), read_cards(path)
    for rows in (convert.ROWS, 70):  # 70: the last of five pieces is a part of one
        monkeypatch.setattr(convert, "ROWS", rows)
        monkeypatch.setattr(scoring, "ROWS", rows)
        for kind in ("csv", "parquet"):
            out = str(tmp_path / f"out.{kind}")
            assert cli.main(["convert", path, "--to", kind, "-o", out, "--force"]) == 0
            assert read_cards(out) == whole
        out = str(tmp_path / f"scores{rows}.parquet")
        assert cli.main(["score", path, "--model", head, "-o", out]) == 0
        pieces.append(pl.read_parquet(out))
    assert pieces[0].equals(pieces[1]) and pieces[0].select(wanted).height == 300
    assert sorted(entry.name for entry in tmp_path.glob(".*")) == []
    capsys.readouterr()
    monkeypatch.setattr(scoring, "MOST_PAIRS", 100)
    assert cli.main(["score", path, "--model", head, "-o", str(tmp_path / "why.jsonl"), "--explain"]) == 2
    assert "has 300 pairs, and at most 100 are explained at once" in capsys.readouterr().err


def read_cards(path: str) -> list[Any]:
    """What a file holds, as it is read again."""
    return cards(finish(read(path)))


def test_that_a_set_to_compare_with_is_a_sample_of_very_many_pairs(
        home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_PAIRS", 100)
    monkeypatch.setattr(opening, "sampled", lambda dataset: sampled(dataset, 60))
    path = str(written(tmp_path / "pairs.jsonl"))
    kept = Dataset.open(Path(finish(opening.open_files([path]))))
    assert len(kept) == 60 and kept.warnings == ("a sample of 60 of 300 pairs, drawn at random (seed 0)",)
    assert len(Dataset.open(Path(str(finish(opening.open_or_ask([path])))))) == 300  # what is browsed is the whole
