"""Findings on data with faults that were planted one by one."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data.languages import LANGUAGES, LATIN, WRITTEN, languages
from rmexplorer.data.near import folded, grouped, near_links
from rmexplorer.data.quality import (
    Finding,
    Looked,
    balance,
    check,
    position,
    shared_prompts,
    shared_with,
    source_columns,
    unlearnable,
)
from rmexplorer.data.read import read
from rmexplorer.data.scripts import scripts
from rmexplorer.data.summary import describe, skipped_lines, summary
from rmexplorer.job import finish
from rmexplorer.workflows.informing import default_heldout, inform
from rmexplorer.workflows.informing import shared_prompts as prompts_shared
from rmexplorer.workflows.opening import keep

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


def test_that_empty_and_very_long_prompts_are_found(load: Any) -> None:
    seen = found(load([*clean(3), {**PAIR, "prompt": " "}, {**PAIR, "prompt": "word " * 4001}]))
    assert selected(seen["empty_prompt"]) == [3] and selected(seen["long_prompt"]) == [4]
    assert "has an empty prompt" in seen["empty_prompt"].title and {"empty", "long"}.isdisjoint(seen)


def test_that_responses_equal_as_far_as_the_encoder_reads_are_unlearnable(load: Any) -> None:
    same = "x" * 2000
    rows = [
        {"prompt": "p", "chosen": same + "a", "rejected": same + "b"},
        {"prompt": "q", "chosen": same[1:] + "a", "rejected": same[1:] + "b"},
        {"prompt": "r", "chosen": same, "rejected": "y"},
    ]
    dataset = load(rows)
    assert "truncation" not in found(dataset), "an encoder that reads whole texts cuts none off"
    assert selected(found(dataset, limit=2000)["truncation"]) == [0]
    wider = [one for one in unlearnable(Looked(dataset, limit=1000)) if one]
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
    assert selected(found(dataset, quick=True)["near_prompts"]) == [2, 3]
    assert selected(seen["near_duplicates"]) == [3], "the first of those alike stays"
    assert "1 of 4 prompts repeat 1 other with" in seen["near_duplicates"].title
    assert shared_prompts(Looked(load(clean(5)))) == []
    assert "near_heldout" not in seen
    leaking = found(dataset, held=np.array([0, 1, 0, 1, 0, 0], bool))["near_heldout"]
    assert selected(leaking) == [1, 3] and leaking.looked_at == 2
    assert leaking.title.startswith("2 comparisons (100.0%, 95 % interval 34.2% to 100.0%) that a run holds out have nearly the same")
    assert leaking.title.endswith("(of 2 held out)")


def test_that_info_tells_what_the_default_split_leaves_nearly_on_both_sides(load: Any) -> None:
    text = "please write a short story about a lighthouse keeper who finds letter {} in a bottle on the shore"
    twins = load([{**PAIR, "prompt": text.format(n)} for n in range(20)] + clean(20))
    held = default_heldout(twins)
    assert held is not None and held.sum() == 8
    facts = {fact["kind"]: fact for fact in finish(inform(twins))["quality"]}
    assert facts["near_heldout"]["pairs"] == held[:20].sum() and facts["near_heldout"]["n"] == 8
    assert default_heldout(load([PAIR, {**PAIR, "chosen": "c"}])) is None  # one prompt alone cannot be split


def groups_of(texts: list[str]) -> list[int]:
    series = pl.Series(texts, dtype=pl.String)
    return grouped(len(series), finish(near_links(folded(series)))).tolist()


def test_that_near_texts_are_grouped_under_the_first() -> None:
    base = " ".join(f"word{n}" for n in range(60))
    texts = [base, base.replace("word30", "other"), " ".join(f"else{n}" for n in range(60)), "", "one", base.upper()]
    assert groups_of(texts) == [0, 0, 2, 3, 4, 0]
    assert groups_of([]) == [] and groups_of(["alone"]) == [0]
    assert groups_of(["漢字を書く練習をする", "漢字を書く練習をする。", "ok", "ok?"]) == [0, 0, 2, 3]


def test_that_links_are_all_those_that_holding_each_against_each_finds() -> None:
    chance = random.Random(0)
    words = [f"w{chance.randrange(10**6)}" for _ in range(400)]
    texts = []
    for _ in range(60):  # families of one text with ever more words replaced, across the bound
        text = [chance.choice(words) for _ in range(40)]
        texts.append(" ".join(text))
        for changes in (1, 2, 4, 8):
            for _ in range(changes):
                text[chance.randrange(40)] = chance.choice(words)
            texts.append(" ".join(text))
    chance.shuffle(texts)
    grams = [{text[at : at + 5] for at in range(len(text) - 4)} for text in texts]

    def near(one: int, two: int) -> bool:
        return len(grams[one] & grams[two]) >= 0.8 * len(grams[one] | grams[two])

    true = [(one, two) for two in range(len(texts)) for one in range(two) if near(one, two)]
    links = finish(near_links(pl.Series(texts)))
    assert len(true) > 40 and all(near(one, two) for one, two in links.tolist())
    assert grouped(len(texts), links).tolist() == grouped(len(texts), np.array(true)).tolist()
    cut = len(texts) // 2
    across = finish(near_links(pl.Series(texts), cut))
    assert all(one < cut <= two and near(one, two) for one, two in across.tolist())
    assert set(across[:, 0].tolist()) == {one for one, two in true if one < cut <= two}
    assert set(across[:, 1].tolist()) == {two for one, two in true if one < cut <= two}


def test_that_of_many_prompts_a_sample_is_compared_and_said(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "please write a short story about a lighthouse keeper who finds a letter in a bottle on the shore, {}"
    dataset = load([{**PAIR, "prompt": text.format(number)} for number in range(40)])
    whole = found(dataset)["near_duplicates"]
    assert whole.count == 39 and whole.looked_at == 40 and "looked at" not in whole.title
    monkeypatch.setattr("rmexplorer.data.quality.NEAR_MOST", 10)
    part = found(dataset)["near_duplicates"]
    assert part.count == 9 and part.looked_at == 10 and "(of 10 looked at)" in part.title
    near = finish(shared_with(dataset, pl.Series([f"{text.format('today')} {n}" for n in range(30)]), "other.jsonl"))
    assert near[0].looked_at == 10 and "other.jsonl (10 of its 30 prompts)" in near[0].title


def test_that_prompts_of_a_second_dataset_are_found_exactly_and_nearly(load: Any) -> None:
    text = "please write a short story about a lighthouse keeper who finds a letter in a bottle on the shore {}"
    rows = [*clean(6), {**PAIR, "prompt": " Same  PROMPT "}, {**PAIR, "prompt": text.format("today")}]
    others = pl.Series(["same prompt", text.format("tonight"), "nothing like it", "same prompt"])
    one, two = finish(shared_with(load(rows), others, "test.jsonl"))
    assert (one.kind, selected(one), two.kind, selected(two)) == ("shared_with", [6], "near_with", [7])
    assert "1 comparison (12.5%, 95 % interval 2.2% to 47.1%) has the same prompt as one of test.jsonl" in one.title
    assert finish(shared_with(load(rows), pl.Series(["quite another"]), "x")) == []
    assert finish(shared_with(load(rows), pl.Series([], dtype=pl.String), "x")) == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "Latin"), ("déjà vu", "Latin"), ("привет, world", "Cyrillic"), ("漢字", "Han"),
        ("漢字かな", "Japanese"), ("안녕", "Hangul"), ("שלום", "Hebrew"), ("مرحبا", "Arabic"), ("नमस्ते", "Devanagari"),
        ("\n\nHuman: 你好吗\n\nAssistant:", "Han"), ("User: 12\nAssistant: 13", "none"), ("Human rights", "Latin"),
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
    ("text", "language"),
    [
        ("What would be a good way to learn to cook on a small budget?", "English"),
        ("\n\nHuman: Wie lange muss man Kartoffeln kochen, damit sie weich werden?\n\nAssistant:", "German"),
        ("Quelle est la meilleure façon d'apprendre à cuisiner avec un petit budget ?", "French"),
        ("Скажи, пожалуйста, как лучше всего научиться готовить дома?", "Russian"),
        ("Скажіть, будь ласка, як найкраще навчитися готувати вдома?", "Ukrainian"),
        ("ok", None), ("2 + 2 = ?", None), ("", None), ("def f(x):\n    return x", None),
    ],
)  # fmt: skip
def test_that_the_language_is_told_where_it_is_clear(text: str, language: str | None) -> None:
    assert languages(pl.Series([text])).to_list() == [language]


def test_that_each_language_has_a_script() -> None:
    assert LATIN | frozenset().union(*WRITTEN.values()) == frozenset(LANGUAGES.values())
    assert {"English", "German", "Vietnamese", "Serbian"} <= LATIN and "Russian" not in LATIN


def test_that_languages_of_one_script_are_told_apart(load: Any) -> None:
    german = "Wie lange muss man Kartoffeln kochen, damit sie weich werden?"
    english = "How long do you have to cook potatoes until they are soft and ready? Number {}"
    answer = "You should boil them for about twenty minutes, and then look with a fork. Number {}"
    rows = [{"prompt": english.format(n), "chosen": answer.format(n), "rejected": "no"} for n in range(8)]
    rows.append({"prompt": german, "chosen": "Ungefähr zwanzig Minuten lang in kochendem Wasser mit etwas Salz.",
                 "rejected": answer.format(9)})  # fmt: skip
    seen = found(load(rows))
    assert selected(seen["languages"]) == [8] and "English 88.9%, German 11.1% of 9 that are clear" in seen["languages"].title
    assert selected(seen["response_language"]) == [8] and "scripts" not in seen


def test_that_of_many_pairs_the_languages_of_a_sample_are_told(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmexplorer.data.quality.LANGUAGE_PAIRS", 10)
    rows = [{"prompt": "How long do you have to cook potatoes until they are soft?", "chosen": f"Ja, das ist die Nummer {n} von allen.",
             "rejected": "no"} for n in range(30)]  # fmt: skip
    finding = found(load(rows))["response_language"]
    assert finding.looked_at == finding.count == 10 and "(of 10 looked at)" in finding.title


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
    (one,) = facts["quality"]
    assert (one["kind"], one["pairs"], one["n"], one["share"]) == ("duplicates", 1, 2, 0.5) and one["ci"][0] < 0.5 < one["ci"][1]
    assert "quality: 1 comparison (50.0%" in describe(dataset, facts)
    assert summary(load([{**PAIR, "chosen": None}]))["quality"] == []


def test_that_info_lists_what_was_skipped_by_line_and_reason(load: Any) -> None:
    rows = [PAIR] + [{**PAIR, "prompt": f"q {n}", "chosen": None} for n in range(5)] + [{**PAIR, "rejected": " a "}]
    content = "\n".join(json.dumps(row) for row in rows) + '\n{"prompt": broken\n'
    dataset = load(content)
    facts = summary(dataset)
    said = describe(dataset, facts).splitlines()
    assert [line for line in said if line.startswith("skipped:")] == [
        "skipped: 5 missing response: line 2 (q 0), line 3 (q 1), line 4 (q 2) and 2 more",
        *(line for line in said if "identical responses: line 7" in line),
        *(line for line in said if "bad record: line 8" in line),
    ]
    assert len(facts["skipped_records"]) == 7 == sum(facts["skipped"].values())
    assert facts["skipped_records"][0] == {"record": 1, "line": 2, "reason": "missing_response", "detail": "q 0"}


def test_that_info_says_how_far_the_encoder_reads_and_what_a_second_file_shares(load: Any, tmp_path: Path) -> None:
    dataset = load(clean(8))
    load([*clean(2), {**PAIR, "prompt": "another"}], "other.jsonl")
    facts = finish(inform(dataset, tmp_path / "other.jsonl"))
    assert facts["encoder"] == {"name": "lexical", "limit": None}
    assert [(one["kind"], one["pairs"]) for one in facts["quality"]] == [("shared_with", 2)]
    assert "quality: no response is cut off, as the encoder lexical reads texts to their end" in describe(dataset, facts)
    assert [one.count for one in finish(prompts_shared(keep(dataset), str(tmp_path / "other.jsonl")))] == [2]


def test_that_a_line_of_several_files_says_which_record_it_is(load: Any, tmp_path: Path) -> None:
    load([*clean(3), {**PAIR, "chosen": None}])
    load([{**PAIR, "chosen": None, "prompt": "lost"}, *clean(2)], "other.jsonl")
    dataset = finish(read([tmp_path / "pairs.jsonl", tmp_path / "other.jsonl"]))
    (line,) = skipped_lines(dataset)
    assert line == ("skipped: 2 missing response: record 4 in all, line 4 of its file (p), "
                    "record 5 in all, line 1 of its file (lost)")  # fmt: skip
