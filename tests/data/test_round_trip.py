"""Every format, written in another layout and read again, is the same preferences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmexplorer.data.convert import convert
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "formats").iterdir())
REFUSED = ("kto", "stepwise", "lm_human_prefs", "dpo_logs")
QUIET = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def preferences(dataset: Dataset) -> list[tuple[Any, ...]]:
    """(prompt, chosen, rejected, margin) of each pair with a winner; chats as their messages."""
    found = []
    prompts, responses = dataset.prompts, dataset.responses
    for pair in (~dataset.tie).nonzero()[0].tolist():
        prompt, good, bad = (int(ids[pair]) for ids in (dataset.prompt, dataset.chosen, dataset.rejected))
        found.append((
            prompts["text"][prompt], prompts["messages"][prompt], responses["text"][good], responses["text"][bad],
            dataset.pairs["strength"][pair],
        ))  # fmt: skip
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["trl", "openrlhf", "parquet"])
def test_that_each_sample_comes_back_the_same(path: Path, kind: str, tmp_path: Path) -> None:
    if path.stem in REFUSED:
        with pytest.raises(Problem):
            finish(read(path))
        return
    dataset = finish(read(path))
    out = tmp_path / "out"
    finish(convert(dataset, kind, out))
    wanted = preferences(dataset)
    if not wanted:
        assert kind == "parquet" or out.read_bytes() == b""
        return
    # An export of chats as texts keeps the texts; as JSON lines it keeps the messages too.
    plain = kind == "parquet"
    shown = [(row[0], *row[2:]) if plain else row for row in wanted]
    again = preferences(finish(read(out)))
    assert [(row[0], *row[2:]) if plain else row for row in again] == shown


TURN = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": st.text(max_size=8)})
CHAT = st.lists(TURN, min_size=1, max_size=4)
REPLY = st.text(max_size=8).map(lambda text: [{"role": "assistant", "content": text}])


@QUIET
@given(st.lists(st.tuples(CHAT, REPLY, REPLY), min_size=1, max_size=4))
def test_that_any_chats_come_back_the_same(tmp_path: Path, rows: list[tuple[Any, Any, Any]]) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "\n".join(json.dumps({"prompt": p, "chosen": c, "rejected": r}) for p, c, r in rows), encoding="utf-8"
    )
    dataset = finish(read(source))
    finish(convert(dataset, "trl", out))
    if len(dataset):
        assert preferences(finish(read(out))) == preferences(dataset)


@QUIET
@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.sampled_from(["a", "b", "tie"])),
        min_size=1,
        max_size=6,
    )
)
def test_that_any_winner_is_on_its_side_after_a_round_trip(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    names = ("prompt", "response_a", "response_b", "winner")
    source.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows), encoding="utf-8")
    try:
        dataset = finish(read(source))
    except Problem:
        return
    finish(convert(dataset, "trl", out))
    lines = [json.loads(line) for line in out.read_text("utf-8").split("\n") if line]
    wanted = [
        {"prompt": prompt, "chosen": first if winner == "a" else second, "rejected": second if winner == "a" else first}
        for prompt, first, second, winner in rows
        if winner != "tie" and first.strip() != second.strip()
    ]
    assert lines == wanted
