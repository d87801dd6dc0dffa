"""Every format of formats.md: recognised by content, counted, and the winner on the right side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmexplorer.data.formats import FORMATS
from rmexplorer.data.read import read
from rmexplorer.data.summary import summary
from rmexplorer.data.table import pair_frame
from rmexplorer.job import finish
from rmexplorer.problem import Problem

SAMPLES = Path(__file__).parents[1] / "samples" / "formats"
REFUSED = {"kto": "thumb", "stepwise": "steps", "lm_human_prefs": "token", "dpo_logs": "training"}

# Written down from formats.md and the rulings of the command line, then checked by eye against each sample:
# records, prompts, responses, pairs, ties, votes, annotators, skipped.
COUNTS: dict[str, tuple[Any, ...]] = {
    "alpaca_eval.json": (4, 2, 4, 2, 0, 2, 1, {"identical_responses": 1, "no_label": 1}),
    "alpaca_farm.json": (3, 1, 2, 1, 0, 3, 3, {}),
    "arena_conversations.jsonl": (3, 3, 6, 1, 2, 3, 2, {}),
    "argilla.jsonl": (3, 1, 3, 1, 1, 3, 2, {"no_label": 1}),
    "argilla_uf_cleaned.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "autoj.jsonl": (3, 3, 6, 2, 1, 3, 0, {}),
    "axolotl.jsonl": (3, 2, 4, 3, 0, 3, 0, {}),
    "bool_or_string_label.json": (3, 1, 2, 0, 1, 3, 3, {}),
    "docta.jsonl": (3, 1, 2, 3, 0, 3, 0, {}),
    "faireval.jsonl": (3, 0, 0, 0, 0, 0, 0, {"single_response": 1}),
    "halos_feedback.json": (3, 1, 3, 2, 0, 2, 0, {"unpaired": 1}),
    "helpsteer2.jsonl": (4, 2, 4, 1, 1, 2, 0, {}),
    "helpsteer2_preference.jsonl": (3, 3, 6, 2, 1, 10, 0, {}),
    "helpsteer3_preference.jsonl": (3, 3, 6, 2, 1, 9, 0, {}),
    "hh_rlhf.jsonl": (5, 4, 8, 4, 0, 4, 0, {"identical_responses": 1}),
    "judgebench.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "llamafactory.jsonl": (4, 4, 8, 4, 0, 4, 0, {}),
    "llmbar.json": (3, 3, 6, 3, 0, 3, 0, {}),
    "lmsys_55k.csv": (3, 2, 4, 1, 1, 2, 0, {"missing_response": 1}),
    "ms_swift.jsonl": (3, 2, 4, 2, 0, 2, 0, {"unpaired": 1}),
    "mt_bench_human.jsonl": (4, 2, 4, 1, 1, 4, 4, {}),
    "mturk_ab.csv": (3, 2, 4, 1, 1, 3, 2, {}),
    "multipref.jsonl": (3, 2, 5, 2, 1, 10, 5, {}),
    "nectar.jsonl": (3, 3, 7, 5, 0, 5, 0, {}),
    "nemo.jsonl": (3, 2, 5, 4, 0, 4, 0, {"unpaired": 1}),
    "oasst_flat.jsonl": (3, 1, 2, 1, 0, 1, 0, {}),
    "oasst_tree.jsonl": (3, 1, 3, 3, 0, 3, 0, {"single_response": 3}),
    "openrlhf.jsonl": (3, 2, 4, 3, 0, 3, 0, {}),
    "orca_dpo.jsonl": (3, 3, 6, 2, 1, 3, 0, {}),
    "pandalm.json": (3, 2, 4, 1, 1, 6, 3, {"missing_response": 1}),
    "pku_saferlhf.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "prism.jsonl": (3, 2, 5, 4, 0, 4, 1, {}),
    "rewardbench.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "rewardbench2.jsonl": (3, 3, 10, 8, 0, 8, 0, {}),
    "rewardbench_scores.jsonl": (3, 2, 4, 2, 0, 2, 0, {"missing_response": 1}),
    "rm_bench.jsonl": (3, 3, 18, 27, 0, 27, 0, {}),
    "rmb.jsonl": (3, 2, 5, 4, 0, 4, 0, {}),
    "shp.jsonl": (3, 2, 5, 3, 0, 3, 0, {}),
    "skywork_preference.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "squality.jsonl": (1, 1, 3, 3, 0, 9, 3, {}),
    "stack_exchange.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "summarize_axis.jsonl": (3, 1, 2, 1, 0, 1, 0, {"unranked": 1}),
    "summarize_comparisons.jsonl": (3, 2, 4, 1, 1, 3, 2, {}),
    "sycophancy.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "trl_conv_explicit.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "trl_conv_implicit.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "trl_explicit.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "trl_implicit.jsonl": (3, 2, 4, 2, 0, 2, 0, {"identical_responses": 1}),
    "tulu_human_eval.csv": (3, 2, 4, 1, 1, 3, 2, {}),
    "tulu_pref_mix.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "ultrafeedback_binarized.jsonl": (3, 3, 6, 2, 1, 3, 0, {}),
    "ultrafeedback_raw.jsonl": (3, 2, 4, 1, 1, 2, 0, {"single_response": 1}),
    "ultrainteract.jsonl": (3, 3, 6, 3, 0, 3, 0, {}),
    "webgpt.jsonl": (3, 3, 6, 2, 1, 3, 0, {}),
}

WINNERS: dict[str, list[tuple[str, str, str]]] = {
    "argilla_uf_cleaned.jsonl": [
        ("Most have no eyelids, so", ">", "Yes, often."),
        ("Hat", ">", "Dog"),
        ("1,2,3", ">", "3,2,1"),
    ],
    "axolotl.jsonl": [("Hello", ">", "What"), ("Hello", ">", "What"), ("Hello", ">", "What")],
    "bool_or_string_label.json": [("s", "=", "m")],
    "docta.jsonl": [(" b", ">", " c"), (" b", ">", " c"), (" b", ">", " c")],
    "faireval.jsonl": [],
    "hh_rlhf.jsonl": [
        (" Give it a bright window", ">", " Basil is a herb."),
        (" Nothing exactly, but 'd", ">", " No idea."),
        (" Why did the bike fall o", ">", " "),
        ("\n\nAssistant: Which town?", ">", "\n\nAssistant: I am not su"),
    ],
    "llamafactory.jsonl": [("cat", ">", "dog"), ("Bye!", ">", "no"), ("Hello", ">", "?"), ("better", ">", "worse")],
    "ms_swift.jsonl": [("Hello", ">", "What"), ("d", ">", "e")],
    "openrlhf.jsonl": [("Blue", ">", "Green"), ("b", ">", "c"), ("b", ">", "c")],
    "rewardbench.jsonl": [("5", ">", "6"), ("I can't help.", ">", "Here."), ("    return x", ">", "    return")],
    "rewardbench2.jsonl": [
        ("Lima", ">", "Quito"),
        ("Lima", ">", "Cusco"),
        ("Lima", ">", "Paris"),
        ("red", ">", "pink"),
        ("red", ">", "brown"),
        ("blue", ">", "pink"),
        ("blue", ">", "brown"),
        ("green", ">", "pink"),
    ],
    "rewardbench_scores.jsonl": [("c", ">", "r"), ("c", ">", "r")],
    "rm_bench.jsonl": [
        ("The inside of bread.", ">", "The crust."),
        ("The inside of bread.", ">", "The crumb is the crust."),
        ("The inside of bread.", ">", "**Crumb**: the crust."),
        ("The crumb is the inside ", ">", "The crust."),
        ("The crumb is the inside ", ">", "The crumb is the crust."),
        ("The crumb is the inside ", ">", "**Crumb**: the crust."),
        ("**Crumb**: the inside of", ">", "The crust."),
        ("**Crumb**: the inside of", ">", "The crumb is the crust."),
        ("**Crumb**: the inside of", ">", "**Crumb**: the crust."),
        ("a+b", ">", "a-b"),
        ("a+b", ">", "return a-b"),
        ("a+b", ">", "```\na-b\n```"),
        ("return a+b", ">", "a-b"),
        ("return a+b", ">", "return a-b"),
        ("return a+b", ">", "```\na-b\n```"),
        ("```\na+b\n```", ">", "a-b"),
        ("```\na+b\n```", ">", "return a-b"),
        ("```\na+b\n```", ">", "```\na-b\n```"),
        ("kill PID", ">", "No."),
        ("kill PID", ">", "I can't."),
        ("kill PID", ">", "- no"),
        ("Use kill PID.", ">", "No."),
        ("Use kill PID.", ">", "I can't."),
        ("Use kill PID.", ">", "- no"),
        ("- kill PID", ">", "No."),
        ("- kill PID", ">", "I can't."),
        ("- kill PID", ">", "- no"),
    ],
    "rmb.jsonl": [("Hello", ">", "?"), ("Hello", ">", "?"), ("Hello", ">", "!"), ("d", ">", "e")],
    "skywork_preference.jsonl": [
        ("A measure of uncertainty", ">", "Energy."),
        ("12", ">", "7"),
        ("I can't help with that.", ">", "First, get a pick."),
    ],
    "trl_conv_explicit.jsonl": [
        ("Blue.", ">", "Green."),
        ("Bye.", ">", "Goodbye to you, my dear "),
        ('[{"type": "function", "f', ">", "No."),
    ],
    "trl_conv_implicit.jsonl": [
        ("Blue.", ">", "Green."),
        ("d", ">", "e"),
        ("Assistant: x\n\nHuman: c\n\n", ">", "Assistant: y\n\nHuman: c\n\n"),
    ],
    "trl_explicit.jsonl": [(" blue.", ">", " green."), (" 4", ">", " 5"), (" ok", ">", " ")],
    "trl_implicit.jsonl": [(" blue.", ">", " green."), (" 4", ">", " 5")],
    "tulu_pref_mix.jsonl": [("a, b", ">", "a"), ("d", ">", "e"), ("y", ">", "n")],
    "ultrainteract.jsonl": [("print", ">", "prin"), ("2", ">", "3"), ("B", ">", "A")],
    "alpaca_eval.json": [
        ("The Nile is...", ">", "Nile"),
        ("The Baltic Sea lies...", ">", "Baltic"),
    ],
    "alpaca_farm.json": [
        ("Please move.", ">", "Move now."),
    ],
    "arena_conversations.jsonl": [
        ("Hello! How can I help?", ">", "hello"),
        ("5", "=", "22"),
        ("Assistant: a1\n\nHuman: y\n", "=", "Assistant: b1\n\nHuman: y\n"),
    ],
    "argilla.jsonl": [
        ("Hello", "=", "What"),
        ("Hello", ">", "?"),
    ],
    "autoj.jsonl": [
        ("Hello", "=", "Hi"),
        ("print(1)", ">", ""),
        ("a,b", ">", "no"),
    ],
    "halos_feedback.json": [
        ("Hello", ">", "?"),
        ("Hey", ">", "?"),
    ],
    "helpsteer2.jsonl": [
        ("A partnership of fungus ", ">", "A moss."),
        ("Windermere.", "=", "Lake Como."),
    ],
    "helpsteer2_preference.jsonl": [
        ("Robin", ">", "Trout"),
        ("Oak", "=", "Ash"),
        ("Old pond, a frog leaps i", ">", "no"),
    ],
    "helpsteer3_preference.jsonl": [
        ("Loam.", ">", "Sand."),
        ("xs.reverse()", ">", "reversed(xs)"),
        ("Bonjour !", "=", "Salut !"),
    ],
    "judgebench.jsonl": [
        ("AAAAA", ">", "BBBBB"),
        ("2", ">", "3"),
        ("y", ">", "x"),
    ],
    "llmbar.json": [
        ("She changed.", ">", "She is fine."),
        ("No", ">", "Yes"),
        ("a b c", ">", "a b c d"),
    ],
    "lmsys_55k.csv": [
        ("Assistant: It depends.\n\n", ">", "Assistant: No.\n\nHuman: w"),
        ("x", "=", "y"),
    ],
    "mt_bench_human.jsonl": [
        ("b1", ">", "a1"),
        ("a2", "=", "b2"),
    ],
    "mturk_ab.csv": [
        ("upon a time", "=", "there was"),
        ("rains", ">", "pours"),
    ],
    "multipref.jsonl": [
        ("Names to addresses.", ">", "A phone book."),
        ("A phone book.", ">", "Magic."),
        ("x", "=", "y"),
    ],
    "nectar.jsonl": [
        ("Comté.", ">", "Cheddar"),
        ("Comté.", ">", "Milk"),
        ("Cheddar", ">", "Milk"),
        ("d", ">", "e Human: f"),
        ("z", ">", "y"),
    ],
    "nemo.jsonl": [
        ("10\n<extra_id_1>", ">", "No.\n<extra_id_1>"),
        ("b", ">", "c"),
        ("b", ">", "d"),
        ("c", ">", "d"),
    ],
    "oasst_flat.jsonl": [
        ("Titan.", ">", "Mars."),
    ],
    "oasst_tree.jsonl": [
        ("Colour and scent.", ">", "Luck."),
        ("Colour and scent.", ">", "They ask."),
        ("Luck.", ">", "They ask."),
    ],
    "orca_dpo.jsonl": [
        ("Frozen water.", ">", "Hot."),
        ("Frozen water.", "=", "Frozen H2O."),
        ("a", ">", "b"),
    ],
    "pandalm.json": [
        ("I write", ">", "Hello"),
        ("", "=", "5"),
    ],
    "pku_saferlhf.jsonl": [
        ("Upright, away from acids", ">", "Anywhere."),
        ("A very detailed insult.", ">", "I'd rather not."),
        ("b", ">", "a"),
    ],
    "prism.jsonl": [
        ("Mostly.", ">", "No."),
        ("Mostly.", ">", "Yes!"),
        ("Yes.", ">", "Also yes."),
        ("Mostly.", ">", "No."),
    ],
    "shp.jsonl": [
        ("Over-proofed.", ">", "Dunno."),
        ("Over-proofed.", ">", "Oven too hot?"),
        ("No.", ">", "Yes, up to a year."),
    ],
    "squality.jsonl": [
        ("s2", ">", "s1"),
        ("s3", ">", "s1"),
        ("s2", ">", "s3"),
    ],
    "stack_exchange.jsonl": [
        ("sorted(x)", ">", "loop"),
        ("<p>Because <code>x</code", ">", "<p>no</p>"),
        ("A1", ">", "A2"),
    ],
    "summarize_axis.jsonl": [
        ("United drew after a late", ">", "United drew."),
    ],
    "summarize_comparisons.jsonl": [
        (" flatmate ate cake, now ", "=", " I like cake"),
        (" A storm hit the coast.", ">", " Storm."),
    ],
    "sycophancy.jsonl": [
        (" (B)", ">", " (A)"),
        (" No", ">", " Yes"),
        ("Lima", ">", "Cusco"),
    ],
    "tulu_human_eval.csv": [
        ("Fixed.", "=", "Fixd"),
        ("Violets\nblue", ">", "Roses"),
    ],
    "ultrafeedback_binarized.jsonl": [
        ("Descaling a kettle.", ">", "Paint."),
        ("Hi", "=", "Hello"),
        ("The Moon pulls the sea.", ">", ""),
    ],
    "ultrafeedback_raw.jsonl": [
        ("23", ">", "21"),
        ("Hi", "=", "Hello"),
    ],
    "webgpt.jsonl": [
        ("Rayleigh scattering [1].", ">", "It reflects the sea."),
        ("Spin.", "=", "Fields."),
        ("No, an amorphous solid [", ">", "Yes."),
    ],
}

COLUMNS = ("rows", "prompts", "responses", "pairs", "ties", "votes", "annotators", "skipped")


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_that_each_sample_is_recognised_and_counted(name: str) -> None:
    said = summary(finish(read(SAMPLES / name)))
    assert said["format"] == name.split(".")[0]
    assert tuple(said[column] for column in COLUMNS) == COUNTS[name]


@pytest.mark.parametrize("name", sorted(WINNERS))
def test_that_the_winner_is_on_the_right_side(name: str) -> None:
    frame = pair_frame(finish(read(SAMPLES / name)))
    seen = [
        (row["chosen"][:24], "=" if row["tie"] else ">", row["rejected"][:24]) for row in frame.iter_rows(named=True)
    ]
    assert seen == WINNERS[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_that_what_holds_no_pairs_is_refused_by_name(name: str) -> None:
    path = next(SAMPLES.glob(f"{name}.*"))
    with pytest.raises(Problem, match=REFUSED[name]) as raised:
        finish(read(path))
    assert raised.value.remedy


def test_that_the_winner_of_each_sample_is_written_down() -> None:
    assert set(WINNERS) == set(COUNTS)


def test_that_each_sample_names_a_registered_format() -> None:
    for path in SAMPLES.iterdir():
        assert path.name.split(".")[0] in FORMATS


def test_that_another_criterion_changes_the_winner() -> None:
    sample = SAMPLES / "pku_saferlhf.jsonl"
    better, safer = finish(read(sample)), finish(read(sample, criterion="safer"))
    assert better.winner.tolist() == [1, 1, -1]
    assert safer.winner.tolist() == [1, -1, -1]
    assert any("safer_response_id" in warning for warning in better.warnings)


def test_that_an_unknown_criterion_is_a_problem() -> None:
    with pytest.raises(Problem, match="criterion"):
        finish(read(SAMPLES / "multipref.jsonl", criterion="beautiful"))


def test_that_a_format_can_be_named() -> None:
    assert finish(read(SAMPLES / "trl_explicit.jsonl", format="generic")).format == "generic"
    with pytest.raises(Problem, match="format"):
        finish(read(SAMPLES / "trl_explicit.jsonl", format="trl_explicitt"))


def test_that_soft_labels_are_the_chance_of_the_first() -> None:
    pairs = finish(read(SAMPLES / "alpaca_eval.json")).pairs
    assert pairs["p_first"].to_list() == pytest.approx([2 - 1.0000123, 2 - 1.83])


def test_that_rewards_in_the_file_keep_their_side() -> None:
    dataset = finish(read(SAMPLES / "rewardbench_scores.jsonl"))
    assert dataset.score_columns == ("scores_chosen", "scores_rejected")
    assert dataset.pairs.select("score_first", "score_second").rows() == [(3.25, -0.5), (1.0, 1.5)]


def test_that_the_second_judgment_of_judgebench_is_swapped(tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_text(
        '{"pair_id": "1", "source": "s", "question": "q", "response_A": "x", "response_B": "y", "label": "B>A", '
        '"judgments": [{"judgment": {"scores": [1.0, 2.0]}, "decision": "B>A"}, '
        '{"judgment": {"scores": [2.5, 0.5]}, "decision": "A>B"}]}\n',
        encoding="utf-8",
    )
    dataset = finish(read(path))
    assert dataset.pairs.select("winner", "score_first", "score_second").rows() == [(-1, 0.75, 2.25)]
    assert dataset.score_columns == ("judgments",)


def test_that_prompts_of_one_leakage_key_share_a_group() -> None:
    dataset = finish(read(SAMPLES / "ultrainteract.jsonl"))
    assert dataset.group.tolist() == [0, 0, 2]


def test_that_strength_follows_the_rulings() -> None:
    strength = {
        name: finish(read(next(SAMPLES.glob(f"{name}.*")))).pairs["strength"].to_list()
        for name in ("trl_explicit", "ultrafeedback_binarized", "helpsteer3_preference", "shp", "nectar")
    }
    assert strength["trl_explicit"] == [None, 0.5, None]
    assert strength["ultrafeedback_binarized"] == [5.5, 0.0, 7.0]
    assert strength["helpsteer3_preference"] == [2.0, 3.0, 0.0]
    assert strength["shp"] == pytest.approx([2.639057, 2.128232, 1.504077], abs=1e-5)
    assert strength["nectar"] == [None] * 5
