"""Findings on data with faults that were planted one by one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data.near import near_groups
from rmexplorer.data.quality import (
    Finding,
    Looked,
    balance,
    check,
    position,
    shared_prompts,
    source_columns,
    unlearnable,
)
from rmexplorer.data.scripts import scripts
from rmexplorer.data.summary import describe, summary
from rmexplorer.job import finish

PAIR = {"prompt": "p", "chosen": "a", "rejected": "b"}


def found(dataset: Any, **options: Any) -> dict[str, Finding]:
    return {finding.kind: finding for finding in finish(check(dataset, **options))}


def selected(finding: Finding) -> list[int]:
    return np.flatnonzero(finding.mask).tolist()


def clean(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": f"question {n} about {n * 7}", "chosen": f"yes, {n}", "rejected": f"no, {n}", **more}
        for n in range(count)
    ]


def sided(winner: str, number: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"p{number}", "response_a": f"a{number}", "response_b": f"b{number}", "winner": winner, **more}


def test_that_clean_data_has_no_findings(load: Any) -> None:
    assert found(load(clean(50))) == {}


def test_that_repeated_and_contradicting_pairs_are_told_apart(load: Any) -> None:
    other = {"prompt": "q", "chosen": "x", "rejected": "y"}
    turned = {"prompt": "q", "chosen": "y", "rejected": "x"}
    seen = found(load([PAIR, other, PAIR, turned, {**PAIR, "prompt": "r"}, PAIR]))
    assert selected(seen["duplicates"]) == [2, 5] and selected(seen["conflicts"]) == [1, 3]
    assert seen["duplicates"].title.startswith("2 comparisons (33.3%, 95 % interval 9.7% to 70.0%) repeat")


def test_that_a_tie_beside_a_winner_contradicts_it(load: Any) -> None:
    rows = [sided(winner, 1) for winner in ("model_a", "tie")] + [sided("model_a", 2)]
    assert selected(found(load(rows))["conflicts"]) == [0, 1]


def test_that_empty_and_very_long_texts_are_found(load: Any) -> None:
    seen = found(load([*clean(3), {**PAIR, "rejected": " "}, {**PAIR, "prompt": "q", "chosen": "word " * 4001}]))
    assert selected(seen["empty"]) == [3] and selected(seen["long"]) == [4]
    assert "1 comparison (" in seen["empty"].title and "has an empty response" in seen["empty"].title


def test_that_responses_equal_up_to_the_limit_are_unlearnable(load: Any) -> None:
    same = "x" * 2000
    rows = [
        {"prompt": "p", "chosen": same + "a", "rejected": same + "b"},
        {"prompt": "q", "chosen": same[1:] + "a", "rejected": same[1:] + "b"},
        {"prompt": "r", "chosen": same, "rejected": "y"},
    ]
    assert selected(found(load(rows))["truncation"]) == [0]
    wider = [one for one in unlearnable(Looked(load(rows)), limit=1000) if one]
    assert selected(wider[0]) == [0, 1] and "1,000 characters" in wider[0].title


def test_that_position_bias_has_an_interval_and_needs_sides(load: Any) -> None:
    rows = [sided("model_a" if n % 4 else "model_b", n) for n in range(200)] + [sided("tie", 201)]
    (finding,) = position(Looked(load(rows)))
    assert finding is not None and finding.share.n == 200
    assert "wins 75.0%, 95 % interval 68.6% to 80.5% of 200" in finding.title and finding.count == 150
    fair = [sided("model_a" if n % 2 else "model_b", n) for n in range(200)]
    assert position(Looked(load(fair))) == [] and position(Looked(load(clean(50)))) == []


def test_that_a_source_of_other_labels_is_named(load: Any) -> None:
    chance = random.Random(0)
    rows = [
        sided("model_a" if chance.random() < (0.85 if n % 5 == 0 else 0.5) else "model_b", n, source=f"s{n % 5}")
        for n in range(1000)
    ]
    findings = [one for one in balance(Looked(load(rows))) if one]
    assert len(findings) == 1 and "in source s0" in findings[0].title
    fair = [sided(chance.choice(("model_a", "model_b")), n, source=f"s{n % 5}") for n in range(1000)]
    assert [one for one in balance(Looked(load(fair))) if one] == []


def test_that_prompts_of_two_splits_are_found_exactly_and_nearly(load: Any) -> None:
    text = "please write a short story about a lighthouse keeper who finds a letter in a bottle on the shore {}"
    rows = [
        {**PAIR, "prompt": "Same prompt", "split": "train"},
        {**PAIR, "prompt": " same  PROMPT", "split": "test"},
        {**PAIR, "prompt": text.format("today"), "split": "train"},
        {**PAIR, "prompt": text.format("tonight"), "split": "test"},
        {**PAIR, "prompt": "quite another thing", "split": "train"},
        {**PAIR, "prompt": "quite another thing", "chosen": "c", "split": "train"},
    ]
    dataset = load(rows)
    assert source_columns(dataset) == ["split"]
    seen = found(dataset)
    assert selected(seen["shared_prompts"]) == [0, 1] and selected(seen["near_prompts"]) == [2, 3]
    assert "near_prompts" not in found(dataset, quick=True)
    assert shared_prompts(Looked(load(clean(5)))) == []


def test_that_near_groups_link_texts_by_similarity() -> None:
    base = " ".join(f"word{n}" for n in range(60))
    texts = [base, base.replace("word30", "other"), " ".join(f"else{n}" for n in range(60)), "", "one", base.upper()]
    assert near_groups(texts).tolist() == [0, 0, 2, 3, 4, 0]
    assert near_groups([]).tolist() == []
    assert near_groups(["漢字を書く練習をする", "漢字を書く練習をする。"]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "Latin"), ("déjà vu", "Latin"), ("привет, world", "Cyrillic"), ("漢字", "Han"),
        ("漢字かな", "Japanese"), ("안녕", "Hangul"), ("שלום", "Hebrew"), ("مرحبا", "Arabic"), ("नमस्ते", "Devanagari"),
        ("12 + 3", "none"), ("", "none"), ("¿?", "none"), ("ꦗꦮ", "other"),
    ],
)  # fmt: skip
def test_that_the_script_of_a_text_is_that_of_most_letters(text: str, script: str) -> None:
    assert scripts(pl.Series([text])).to_list() == [script]


def test_that_the_mix_of_scripts_selects_the_rarer_ones(load: Any) -> None:
    rows = [*clean(8), {"prompt": "как дела", "chosen": "хорошо", "rejected": "fine"}, {**PAIR, "prompt": "12"}]
    seen = found(load(rows))
    assert selected(seen["scripts"]) == [8] and "Latin 88.9%, Cyrillic 11.1%" in seen["scripts"].title
    assert selected(seen["response_script"]) == [8]


@pytest.mark.parametrize(
    "left",
    [
        "<|im_end|>",
        "</s>",
        "[INST] x",
        "<extra_id_1>",
        "### Response:\n",
        "\n\nHuman: go on",
        "Dear {{name}}",
        "{prompt}",
    ],
)
def test_that_template_leftovers_are_found(load: Any, left: str) -> None:
    finding = found(load([*clean(4), {**PAIR, "rejected": f"text {left}" if left[0] != "#" else f"x\n{left}"}]))[
        "leftovers"
    ]
    assert selected(finding) == [4] and "in 1 only the rejected one" in finding.title


@pytest.mark.parametrize("fine", ["a < b > c", "{x: 1}", "# Heading", "[link](url)", "Human: he said", "<s", "a {b} c"])
def test_that_plain_text_is_no_leftover(load: Any, fine: str) -> None:
    assert "leftovers" not in found(load([*clean(4), {**PAIR, "rejected": fine}]))


def test_that_a_quick_look_says_how_much_it_looked_at(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmexplorer.data.quality.QUICK", 10)
    rows = clean(100)
    for row in rows:
        row["rejected"] += "</s>"
    finding = found(load(rows), quick=True)["leftovers"]
    assert finding.looked_at == 10 == finding.count and "(of 10 looked at)" in finding.title
    assert found(load(rows))["leftovers"].looked_at == 100


def test_that_a_quick_look_is_not_fooled_by_rows_in_turn(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmexplorer.data.quality.QUICK", 200)
    rows = clean(598)
    for row in rows[::3]:
        row["rejected"] += "</s>"
    finding = found(load(rows), quick=True)["leftovers"]
    assert 45 < finding.count < 90, "evenly spaced rows would be all or none of every third"


def test_that_info_tells_the_findings(load: Any) -> None:
    dataset = load([PAIR, PAIR])
    facts = summary(dataset)
    assert [(one["kind"], one["pairs"]) for one in facts["quality"]] == [("duplicates", 1)]
    assert "quality: 1 comparison (50.0%" in describe(dataset, facts)
    assert summary(load([{**PAIR, "chosen": None}]))["quality"] == []
