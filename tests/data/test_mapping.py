"""Unknown columns: what is guessed, what a mapping reads, and what is kept of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.cli import main
from rmexplorer.data.by_mapping import preview
from rmexplorer.data.guess import guess
from rmexplorer.data.mapping import (
    Mapping,
    check,
    from_toml,
    load,
    offered,
    save,
    saved,
    to_toml,
)
from rmexplorer.data.meanings import meaning, middle_of, tokens
from rmexplorer.data.read import peek, read
from rmexplorer.data.table import pair_frame
from rmexplorer.job import finish
from rmexplorer.problem import Problem

SAMPLES = Path(__file__).parents[1] / "samples" / "formats"
LONG = "a text that goes on for some words number {}"


def rows(count: int = 8, **columns: Any) -> list[dict[str, Any]]:
    """Records whose columns are texts made of a stem, or taken in turn from a list."""
    return [
        {
            name: value[number % len(value)] if isinstance(value, list | tuple) else f"{value} {number}"
            for name, value in columns.items()
        }
        for number in range(count)
    ]


def verdicts(dataset: Any) -> list[str]:
    """`>` where the chosen is the text that the test calls good, `<` where not, `=` for ties."""
    return [
        "=" if row["tie"] else ">" if row["chosen"].startswith("good") else "<"
        for row in pair_frame(dataset).iter_rows(named=True)
    ]


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"question": "q", "better": "good", "worse": "bad"}, ">>>>"),
        ({"query": "q", "answer_good": "good", "answer_bad": "bad", "id": [1, 2]}, ">>>>"),
        ({"Prompt Text": "q", "PreferredResponse": "good", "RejectedResponse": "bad"}, ">>>>"),
        ({"context": "q", "non_preferred_output": "bad", "preferred_output": "good"}, ">>>>"),
        ({"question": "q", "response_j": "good", "response_k": "bad", "score": [1, 2]}, ">>>>"),
        ({"input": "q", "winning_answer": "good", "losing_answer": "bad", "model": ["m", "n"]}, ">>>>"),
        ({"post": "q", "output_1": "good", "output_2": "bad", "preferred": [1, 2]}, "><><"),
        ({"post": "q", "output_1": "good", "output_2": "bad", "preferred": ["1", "2", "0", "1"]}, "><=>"),
        ({"query": "q", "answer_0": "good", "answer_1": "bad", "label": [0, 1]}, "><><"),
        ({"query": "q", "answerA": "good", "answerB": "bad", "winner": ["a", "b", "tie", "B"]}, "><=<"),
        ({"query": "q", "summary 1": "good", "summary 2": "bad", "verdict": ["Summary 1 is better", "summary 2",
          "Both are equally good", "Summary 1 is much better"]}, "><=>"),
        ({"request": "q", "left_reply": "good", "right_reply": "bad", "choice": ["left", "right"]}, "><><"),
        ({"query": "q", "text_first": "good", "text_second": "bad", "vote": ["first", "Second", "same", "draw"]},
         "><=="),
        ({"query": "q", "model_a": ["m"], "model_b": ["n"], "reply_a": "good", "reply_b": "bad",
          "winner": ["model_a", "model_b", "tie (bothbad)", "model_a"]}, "><=>"),
        ({"query": "q", "completion_a": "good", "completion_b": "bad", "a_is_better": [True, False]}, "><><"),
        ({"query": "q", "completion_a": "good", "completion_b": "bad", "b_wins": [True, False]}, "<><>"),
        ({"query": "q", "option_x": "good", "option_y": "bad", "best": ["x", "y"]}, "><><"),
        ({"query": "q", "candidate_1": "good", "candidate_2": "bad", "score_1": [5, 1], "score_2": [2, 2]}, "><><"),
    ],
)  # fmt: skip
def test_that_columns_are_recognised_as_a_person_would(load: Any, columns: dict[str, Any], wanted: str) -> None:
    dataset = load_rows(load, rows(4, **columns))
    assert dataset.format in ("generic", "stack_exchange_paired")
    assert "".join(verdicts(dataset)) == wanted
    assert all(text.startswith("q ") for text in dataset.prompts["text"])
    if dataset.format == "generic":
        assert any("recognised by name" in warning for warning in dataset.warnings)


def load_rows(load: Any, records: list[dict[str, Any]], **options: Any) -> Any:
    return load(records, **options)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"loser": ["b", "a", "tie"]}, "><="),
        ({"worse": ["response_b", "response_a"]}, "><"),
        ({"lost": ["b", "a"]}, ""),
        ({"worse_response": ["B", "A"]}, "><"),
        ({"least_preferred": ["b", "a"]}, "><"),
        ({"rejected_choice": ["b", "a"]}, "><"),
        ({"a_is_worse": [False, True]}, "><"),
        ({"loser": ["b", "a"], "winner": ["a", "b"]}, "><"),
        ({"rejected_index": [1, 0]}, ""),
        ({"winner_or_loser": ["a", "b"]}, ""),
        ({"bad_grammar": ["a", "b"]}, ""),
        ({"less_toxic": ["a", "b"]}, ""),
    ],
)
def test_that_a_column_that_names_the_loser_is_turned_round_or_asked_for(load: Any, columns: Any, wanted: str) -> None:
    records = rows(6, query="q", response_a="good", response_b="bad", **columns)
    if wanted:
        assert "".join(verdicts(load(records))) == wanted * (6 // len(wanted))
    else:
        with pytest.raises(Problem, match="--map"):
            load(records)


@pytest.mark.parametrize(
    "said",
    ["{} is less preferred than {}", "{} dispreferred", "{} rejected", "least preferred: {}", "loser is {}", "{} is incorrect",
     "{} lose", "{} is no better than {}"],
)  # fmt: skip
def test_that_a_value_that_names_the_loser_is_not_taken_for_the_winner(load: Any, said: str) -> None:
    values = [said.format("A", "B"), said.format("B", "A")]
    assert [meaning(value, ("a", "b"), ("response_a", "response_b")) for value in values] == [None, None]
    with pytest.raises(Problem, match="--map"):
        load(rows(8, query="q", response_a="good", response_b="bad", preference=values))


def test_that_an_index_of_the_loser_counts_as_the_columns_do(load: Any) -> None:
    records = rows(4, query="q", response_0="good", response_1="bad", rejected_index=[1, 0])
    assert verdicts(load(records)) == [">", "<"] * 2


def test_that_a_column_that_repeats_the_better_text_is_the_winner(load: Any) -> None:
    records = rows(20, query="q", answer_a="good", answer_b="bad")
    for number, record in enumerate(records):
        record["preferred"] = record["answer_b" if number % 3 == 0 else "answer_a"]
    assert verdicts(load(records)) == ["<" if number % 3 == 0 else ">" for number in range(20)]


def test_that_lists_with_ranks_or_scores_are_recognised(load: Any) -> None:
    ranked = [{"query": "q", "candidates": ["x", "good", "y"], "ranks": [2, 1, 3]}]
    assert load(ranked).winner.tolist() == [-1, 1, 1]
    nested = [{"query": "q", "candidates": [{"text": "good", "score": 5}, {"text": "bad", "score": 1}]}]
    assert verdicts(load(nested)) == [">"]
    single = [{"query": "q", "reply": text, "quality": score} for text, score in (("good", 5), ("bad", 2), ("x", 2))]
    assert load(single).winner.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    "columns",
    [
        {"query": "q", "answer_a": "good", "answer_b": "bad", "label": [0, 1]},
        {"query": "q", "output_1": "good", "output_2": "bad", "label": [0, 1]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "label": [0, 1, 2]},  # PandaLM's tie is 0, Auto-J's is 2
        {"query": "q", "answer_a": "good", "answer_b": "bad", "preference": [-2, 3, 1, -1]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "preferred": [True, False]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "preference": [1, 2, 3]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "preference": [1, 7, 4, 2]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "preference": [0, 0.5, 1]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "probability": [0.25, 0.5, 1]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "p_a": [0.4, 0.6], "p_b": [0.3, 0.2], "p_tie": [0.3, 0.2]},
        {"query": "q", "answer_a": "good", "answer_b": "bad", "prob_a": [0.01, 0.02], "prob_b": [0.02, 0.01]},
    ],
)
def test_that_a_winner_of_two_meanings_is_asked_for_and_not_guessed(load: Any, columns: dict[str, Any]) -> None:
    with pytest.raises(Problem) as raised:
        load(rows(8, **columns))
    assert "--map" in raised.value.remedy and "\n" not in str(raised.value)
    assert guess(rows(8, **columns)).doubts


@pytest.mark.parametrize(
    ("columns", "wanted", "soft"),
    [
        ({"prob_a": [0.9, 0.25, 0.5]}, "><=", [0.9, 0.25, 0.5]),
        ({"prob_b": ["0.9", "0.25", "0.5"]}, "<>=", [0.1, 0.75, 0.5]),
        ({"p_answer_b_wins": [0.75, 0.25]}, "<>", [0.25, 0.75]),
        ({"p_b_worse": [0.75, 0.25]}, "><", [0.75, 0.25]),
        ({"prob_a": [0.75, 0.25], "prob_b": [0.25, 0.75], "top_p": [0.9]}, "><", [0.75, 0.25]),
    ],
)
def test_that_a_probability_whose_name_tells_the_side_decides_and_is_kept(load: Any, columns: Any, wanted: str, soft: Any) -> None:
    dataset = load(rows(len(wanted), **AB, **columns))
    assert "".join(verdicts(dataset)) == wanted
    assert dataset.pairs["p_first"].to_list() == pytest.approx(soft)
    assert dataset.pairs["strength"].null_count() == len(wanted)


@pytest.mark.parametrize(
    ("numbers", "middle"),
    [([1, 7, 4, 2], 4), ([1, 2, 3, 4], 2.5), ([0, 6, 2, 5], 3), ([3, 97, 41], 50), ([1, 4.5, 5], 3), ([-2, 3, 1, -1], 0),
     ([1, 2], None), ([0, 1, 2], None), ([1, 2, 3], None), ([0, 1], None), ([-1, 0, 1], None), ([0.2, 1], 0.5)],
)  # fmt: skip
def test_that_a_scale_has_a_middle_and_codes_have_none(numbers: list[float], middle: float | None) -> None:
    assert middle_of([float(one) for one in numbers]) == middle


@pytest.mark.parametrize(("rule", "wanted"), [("negative_first", ">=<>"), ("positive_first", "<=><")])
def test_that_a_scale_is_read_from_its_middle_as_the_mapping_says(load: Any, rule: str, wanted: str) -> None:
    records = rows(4, **AB, preference=[1, 4, 7, 3])
    with pytest.raises(Problem, match="middle = 4") as raised:
        load(records)
    assert "a number below 4, the middle of its scale, may favour either" in raised.value.what
    mapping = from_toml(to_toml(replace(guess(records), rule=rule)), "x.toml")
    dataset = load(records, mapping=mapping)
    assert "".join(verdicts(dataset)) == wanted and dataset.pairs["strength"].to_list() == [3, 0, 3, 1]


@pytest.mark.parametrize("names", [("rating_a", "rating_b"), ("rating_1", "rating_2"), ("a_rating", "b_rating")])
def test_that_a_rating_of_each_response_is_no_scale_between_them(load: Any, names: tuple[str, str]) -> None:
    for one, two in (([7, 1, 4, 2], [6, 5, 4, 3]), ([0.9, 0.2, 0.5, 0.1], [0.8, 0.6, 0.5, 0.7])):
        records = rows(4, **AB, **dict(zip(names, (one, two), strict=True)))
        assert guess(records).columns("score") == [*names] and not guess(records).doubts
        assert "".join(verdicts(load(records))) == "><=<"  # by the larger score: the middle of a scale would turn the first


def test_that_numbers_of_records_are_no_scale(load: Any) -> None:
    records = rows(12, **AB, annotation_id=[*range(12)], pref=["a", "b", "b"])
    assert guess(records).columns("winner") == ["pref"]
    assert not guess(rows(12, **AB, comparison_id=[*range(12)])).columns("winner")


def test_that_columns_that_bear_the_names_of_models_are_found_by_the_verdicts(load: Any) -> None:
    long = " and goes on for many words"
    two = {"question": "q", "gpt-4 answer": f"good{long}", "llama_answer": f"bad{long}"}
    dataset = load(rows(4, **two, winner=["gpt-4", "llama", "tie", "GPT-4"]))
    assert verdicts(dataset) == [">", "<", "=", ">"]
    three = {"question": "q", "gpt": f"one{long}", "llama": f"two{long}", "mistral": f"three{long}"}
    assert best(load(rows(3, **three, winner=["gpt", "llama", "mistral"])))[::2] == [("one", "two"), ("two", "one"), ("three", "one")]
    for unclear in (["gpt-4", "other"], ["gpt-4", "gpt-4"], ["answer", "llama"]):
        with pytest.raises(Problem, match="--map"):
            load(rows(4, **two, winner=unclear))
    with pytest.raises(Problem, match="--map"):
        load(rows(4, **two, loser=["gpt-4", "llama"]))


def test_that_neutral_words_tie(load: Any) -> None:
    dataset = load(rows(4, **AB, preference=["strongly prefer A", "neutral", "slightly prefer B", "both equivalent"]))
    assert verdicts(dataset) == [">", "=", "<", "="]


def test_that_a_column_that_names_the_prompt_is_not_lost_beside_chosen_and_rejected(load: Any) -> None:
    for name in ("query", "user_prompt", "post", "context"):
        dataset = load([{name: "the question", "chosen": "x y z", "rejected": "x y w"}])
        assert dataset.prompts["text"].to_list() == ["the question"], name
    assert load([{"chosen": "x y z", "rejected": "x y w", "n": 1}]).prompts["text"].to_list() == ["x y"]


ASIDES = {
    "id": "i{}", "source_url": "http://example.org/{}", "category": "c{}", "model": "m{}", "task": "t{}",
    "explanation": "because {} is the better one", "question_type": "t{}", "timestamp": "2024-01-0{}",
}  # fmt: skip


@pytest.mark.parametrize("aside", ASIDES)
@pytest.mark.parametrize("kind", ["chats", "texts", "texts apart"])
def test_that_another_column_of_texts_is_no_prompt_beside_chosen_and_rejected(load: Any, aside: str, kind: str) -> None:
    def reply(number: int, text: str) -> Any:
        if kind == "chats":
            return [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": text}]
        return f"Question {number} {text}" if kind == "texts" else f"{text} {number}"

    dataset = load(
        [
            {"chosen": reply(number, "good"), "rejected": reply(number, "bad"), aside: ASIDES[aside].format(number)}
            for number in range(8)
        ]
    )
    prompts = {"chats": "q0", "texts": "Question 0", "texts apart": ""}
    assert dataset.format == ("trl_conv_implicit" if kind == "chats" else "trl_implicit")
    assert len(dataset) == 8 and dataset.prompts["text"][0] == prompts[kind]
    assert dataset.extras.columns == [aside]
    assert any(aside in warning for warning in dataset.warnings) == (kind == "texts apart")


def test_that_names_of_a_language_that_is_not_known_are_guessed_for_a_person_to_confirm(load: Any) -> None:
    records = rows(8, Soru="q", **{"Yanıt A": "good", "Yanıt B": "bad"}, Kazanan=["A", "B"])
    mapping = guess(records)
    assert list(mapping.roles.values()) == ["prompt", "response_a", "response_b", "winner"]
    assert not mapping.missing() and len(mapping.doubts) == 2
    with pytest.raises(Problem, match="Kazanan"):
        load(records)
    assert verdicts(load(records, mapping=mapping)) == [">", "<"] * 4


SPOKEN = {
    "German": ({"Frage": "q", "Antwort_A": "good", "Antwort_B": "bad", "bevorzugt": ["Antwort A", "B", "unentschieden"]}, "><="),
    "German pair": ({"Eingabe": "q", "bessere Antwort": "good", "schlechtere Antwort": "bad", "Notiz": "n"}, ">>>"),
    "German sides": ({"Aufgabe": "q", "Ausgabe links": "good", "Ausgabe rechts": "bad", "Präferenz": ["links", "rechts"]}, "><"),
    "Spanish": ({"pregunta": "q", "respuesta_a": "good", "respuesta_b": "bad", "mejor": ["a", "b", "empate"]}, "><="),
    "Spanish sides": ({"instrucción": "q", "respuesta_izquierda": "good", "respuesta_derecha": "bad",
                       "elección": ["a la izquierda", "a la derecha"]}, ""),
    "French": ({"question": "q", "réponse_1": "good", "réponse_2": "bad", "préférée": ["1", "2", "égalité"]}, "><="),
    "French pair": ({"consigne": "q", "réponse_choisie": "good", "réponse_rejetée": "bad"}, ">>>"),
    "Russian": ({"вопрос": "q", "ответ_1": "good", "ответ_2": "bad", "победитель": ["первый", "второй", "ничья"]}, "><="),
    "Russian letters": ({"запрос": "q", "Ответ А": "good", "Ответ Б": "bad", "лучший": ["А", "Б", "равны"]}, "><="),
    "Chinese": ({"问题": "q", "回答A": "good", "回答B": "bad", "偏好": ["A", "B", "平局"]}, "><="),
    "Chinese ordinals": ({"提示词": "q", "回复1": "good", "回复2": "bad", "获胜者": ["第一个", "第二个回复", "差不多"]}, "><="),
    "Chinese pair": ({"指令": "q", "被拒绝的回答": "bad", "被选中的回答": "good"}, ">>>"),
    "Chinese chosen": ({"提示": "q", "chosen": "good", "rejected": "bad"}, ">>>"),
    "Japanese": ({"質問": "q", "回答A": "good", "回答B": "bad", "評価": ["Aの方が良い", "B", "引き分け"]}, "><="),
    "Chinese result": ({"问题": "q", "回答A": "good", "回答B": "bad", "标注结果": ["A更好", "B明显更好", "一样好"]}, "><="),
    "French both": ({"question": "q", "réponse_a": "good", "réponse_b": "bad", "choix": ["a", "b", "les deux"]}, "><="),
    "Japanese full width": ({"指示": "q", "応答１": "good", "応答２": "bad", "勝者": ["１", "２", "同じ"]}, "><="),
}  # fmt: skip


@pytest.mark.parametrize("tongue", SPOKEN)
def test_that_names_and_values_of_six_languages_are_understood(load: Any, tongue: str) -> None:
    columns, wanted = SPOKEN[tongue]
    records = rows(6, **columns)
    if not wanted:
        with pytest.raises(Problem, match="--map"):
            load(records)
        return
    dataset = load(records)
    assert "".join(verdicts(dataset)) == wanted * (6 // len(wanted))
    assert all(text.startswith("q ") for text in dataset.prompts["text"])


AB = {"query": "q", "answer_a": "good", "answer_b": "bad"}
THREE = {"query": "q", "response_1": "one", "response_2": "two", "response_3": "three"}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"label_ann1": ["a", "b"], "label_ann2": ["a", "a"], "label_ann3": ["b", "b"]}, "><"),
        ({"label_ann1": [1, 2], "label_ann2": [1, 2], "label_ann3": [2, 1]}, "><"),
        ({"annotator1": [1, 2], "annotator2": [0, 2], "annotator3": [1, 0]}, "><"),
        ({"vote_1": ["A", "B"], "vote_2": ["tie", "B"], "vote_3": ["A", "A"]}, "><"),
        ({"rater_3_choice": ["A", "B"], "rater_1_choice": ["A", "B"]}, "><"),
    ],
)
def test_that_a_column_for_each_annotator_is_a_vote_each(load: Any, columns: Any, wanted: str) -> None:
    dataset = load(rows(6, **AB, **columns))
    assert "".join(verdicts(dataset)) == wanted * 3
    assert dataset.votes.height == 6 * len(columns)
    assert set(dataset.votes["annotator"]) == set(columns)
    assert not dataset.extras.columns and not dataset.criteria


def test_that_a_final_label_counts_beside_the_votes(load: Any) -> None:
    dataset = load(rows(4, **AB, label=["a", "b"], label_ann1=["b", "a"], label_ann2=["b", "b"]))
    assert verdicts(dataset) == [">", "<"] * 2 and dataset.votes.height == 8
    assert any("final label" in warning for warning in dataset.warnings)


def test_that_columns_of_several_criteria_are_a_choice(load: Any) -> None:
    records = rows(6, **AB, harmless_winner=["b", "b", "tie"], helpful_winner=["a", "b", "a"])
    dataset = load(records)
    assert dataset.criteria == ("helpful_winner", "harmless_winner") and dataset.criterion == "helpful_winner"
    assert verdicts(dataset) == [">", "<", ">"] * 2
    assert any("--criterion picks harmless_winner" in warning for warning in dataset.warnings)
    assert any("4 records have another winner by harmless_winner" in warning for warning in dataset.warnings)
    assert verdicts(load(records, criterion="harmless_winner")) == ["<", "<", "="] * 2
    again = load(records, mapping=guess(records), criterion="harmless_winner")
    assert verdicts(again) == ["<", "<", "="] * 2
    overall = load(rows(6, **AB, a_style_preference=["b"], overall_preference=["a"]))
    assert overall.criterion == "overall_preference" and verdicts(overall) == [">"] * 6


def test_that_labels_of_each_response_are_no_votes(load: Any) -> None:
    with pytest.raises(Problem, match="label_1"):
        load(rows(6, query="q", response_1="good", response_2="bad", label_1=[0, 1], label_2=[1, 0]))


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"ranking": [[1, 2, 0], [2, 0, 1]]}, None),
        ({"order": [[2, 3, 1], [3, 1, 2]]}, None),
        ({"ranks": [[1, 2, 0], [2, 0, 1]]}, ""),
        ({"ranking": [[1, 0, 2], [2, 1, 0]]}, ""),
        ({"ranking": [[1, 2, 0], [1, 1, 2]]}, ""),
        ({"ranking": [[1, 2, 0]], "scores": [[1, 3, 2]]}, "best_first"),
        ({"ranking": [[1, 2, 0]], "scores": [[2, 1, 3]]}, ""),
        ({"ranked_indices": [[1, 2, 0], [2, 0, 1]]}, "best_first"),
    ],
)
def test_that_ranks_and_orders_are_told_apart_or_asked_for(load: Any, columns: Any, rule: str | None) -> None:
    records = rows(4, query="q", responses=[["x", "y", "z"]], **columns)
    if rule is None:
        with pytest.raises(Problem, match="best first") as raised:
            load(records)
        assert str(raised.value).count("may be") == 1 and '"best_first"' in raised.value.remedy
        ranks = load(records, mapping=Mapping({**guess(records).roles})).winner.tolist()
        order = load(records, mapping=Mapping({**guess(records).roles}, rule="best_first")).winner.tolist()
        assert ranks != order
        return
    assert guess(records).rule == rule
    first = [sign for row, sign in zip(load(records).pairs.iter_rows(named=True), load(records).winner, strict=True)
             if row["record"] == 0]  # fmt: skip
    by_rank, by_order = [1, -1, -1], [-1, -1, 1]
    if next(iter(columns.values()))[0] == [1, 2, 0]:
        assert first == (by_order if rule else by_rank)


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (None, [["B", "A", "C"]]),
        (None, ["B > A > C"]),
        (None, [["1", "2", "0"], ["0", "2", "1"]]),
        (("response_a", "response_b", "response_c"), [["response_b", "response_a", "response_c"]]),
        (("model_output_1", "model_output_2", "model_output_3"), ["2>1>3"]),
    ],
)
def test_that_an_order_of_letters_or_names_is_read_best_first(load: Any, names: Any, order: Any) -> None:
    texts = {"responses": [["x", "y", "z"]]} if names is None else dict(zip(names, (["x"], ["y"], ["z"]), strict=True))
    records = rows(4, query="q", ranking=order, **texts)
    if order[0] == ["1", "2", "0"]:
        with pytest.raises(Problem, match="best first"):
            load(records)
        return
    assert guess(records).rule == "best_first"
    assert best(load(records))[:3] == [("y", "x"), ("x", "z"), ("y", "z")]


def test_that_equal_places_of_an_order_tie_and_a_broken_order_is_counted(load: Any) -> None:
    dataset = load(rows(8, query="q", responses=[["x", "y", "z"]], ranking=["B > A = C"] * 7 + ["B > A > A"]))
    assert dataset.winner.tolist()[:3] == [-1, 0, 1] and len(dataset) == 21
    assert dataset.skipped["reason"].to_list() == ["unranked"]


def best(dataset: Any) -> list[tuple[str, str]]:
    """(chosen, rejected) of each pair."""
    return [(row["chosen"].split()[0], row["rejected"].split()[0]) for row in pair_frame(dataset).iter_rows(named=True)]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"best": [1, 2, 3]}, "by_name"),
        ({"best": ["response_1", "response_2", "response_3"]}, "by_name"),
        ({"winner": ["Response 1", "2", "3"]}, "by_name"),
        ({"preferred": ["one 0", "two 1", "three 2"]}, "same_text"),
        ({"best": [0, 1, 2]}, None),
        ({"best": [0, 1, 2, 3]}, None),
    ],
)
def test_that_the_best_of_several_columns_is_compared_with_each_other(load: Any, columns: Any, rule: str | None) -> None:
    records = rows(3 if rule else 4, **THREE, **columns, url=["http://x"])
    if rule is None:
        with pytest.raises(Problem, match="none is the best"):
            load(records)
        return
    dataset = load(records)
    assert guess(records).rule == rule and not dataset.skipped.height
    assert best(dataset) == [("one", "two"), ("one", "three"), ("two", "one"), ("two", "three"), ("three", "one"),
                             ("three", "two")]  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [([0, 1, 2], "from_zero"), ([1, 2, 3], "from_one"), ([1, 1, 2], None), (["x", "y", "z"], "same_text"),
     (["A", "b", "c"], "by_name"), (["0", "2", "1"], "from_zero")],
)  # fmt: skip
def test_that_the_best_of_a_list_is_found_by_number_letter_or_text(load: Any, chosen: Any, rule: str | None) -> None:
    records = rows(3, query="q", responses=[["x", "y", "z"]], chosen=chosen)
    if rule is None:
        with pytest.raises(Problem, match="from 0"):
            load(records)
        return
    assert guess(records).rule == rule
    wanted = [{"0": "x", "1": "y", "2": "z"}[str(value)] if rule == "from_zero" else value for value in chosen]
    wanted = [{1: "x", 2: "y", 3: "z", "A": "x", "b": "y", "c": "z"}.get(value, value) for value in wanted]
    assert [good for good, _ in best(load(records))] == [text for text in wanted for _ in range(2)]


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"best_model": ["m", "o"]}, [("one", "two"), ("one", "three"), ("three", "one"), ("three", "two")]),
        ({"winner": ["m", "o"]}, [("one", "two"), ("one", "three"), ("three", "one"), ("three", "two")]),
        ({"ranking": [["n", "m", "o"], ["m", "o", "n"]]},
         [("two", "one"), ("one", "three"), ("two", "three"), ("one", "two"), ("one", "three"), ("three", "two")]),
        ({"ranking": ["n>m=o"]}, [("two", "one"), ("one", "three"), ("two", "three")] * 2),
        ({"rating": [[1, 3, 2]]}, [("two", "one"), ("three", "one"), ("two", "three")] * 2),
    ],
)  # fmt: skip
def test_that_the_models_of_several_responses_are_kept_and_may_be_named(load: Any, columns: Any, wanted: Any, listed: bool) -> None:
    by = {"models": [["m", "n", "o"]]} if listed else {"model_1": ["m"], "model_2": ["n"], "model_3": ["o"]}
    texts = {"responses": [["one", "two", "three"]]} if listed else THREE
    records = rows(2, **{"query": "q", **texts, **by, **columns})
    dataset = load(records)
    assert best(dataset) == wanted and not set(by) & set(dataset.extras.columns)
    wrote = {"one": "m", "two": "n", "three": "o"}
    for row in pair_frame(dataset).with_columns(dataset.pairs.select("winner", "model_first", "model_second")).iter_rows(named=True):
        models = (row["model_first"], row["model_second"])
        good, bad = (wrote[row[side].split()[0]] for side in ("chosen", "rejected"))
        assert models == ((good, bad) if row["winner"] >= 0 else (bad, good))


def test_that_a_letter_that_is_also_the_model_of_another_response_names_none(load: Any) -> None:
    models = {"model_a": ["B"], "model_b": ["C"], "model_c": ["A"]}
    texts = {"response_a": "one", "response_b": "two", "response_c": "three"}
    with pytest.raises(Problem, match=r"--map"):
        load(rows(4, query="q", **texts, **models, winner=["A", "B", "C"]))


def test_that_an_entry_of_a_list_that_is_no_object_keeps_its_place(load: Any) -> None:
    mapping = Mapping({"q": "prompt", "all.text": "responses", "best": "winner"}, rule="from_zero")
    records = [{"q": "q", "all": [None, {"text": "good"}, {"text": "bad"}, {}], "best": 1}]
    dataset = load(records, mapping=mapping)
    assert best(dataset) == [("good", "bad")] and dataset.skipped["reason"].to_list() == ["missing_response"] * 2


def test_that_scores_and_ranks_of_several_columns_stay_with_their_responses(load: Any) -> None:
    scored = load(rows(2, score_3=[2], **THREE, score_1=[1], score_2=[3]))
    assert best(scored)[:3] == [("two", "one"), ("three", "one"), ("two", "three")]
    assert scored.pairs["strength"].to_list()[:3] == [2, 1, 1]
    ranked = load(rows(2, rank_3=[2], **THREE, rank_1=[1], rank_2=[3]))
    assert best(ranked)[:3] == [("one", "two"), ("one", "three"), ("three", "two")]
    listed = load(rows(2, **THREE, scores=[[1, 3, 2]]))
    assert best(listed)[:3] == [("two", "one"), ("three", "one"), ("two", "three")]
    gap = rows(3, **THREE, best=[1, 2, 1])
    gap[0]["response_3"] = None
    dataset = load(gap)
    assert len(dataset) == 5 and dataset.skipped["reason"].to_list() == ["missing_response"]


def test_that_several_responses_have_a_system_prompt_and_annotators(load: Any) -> None:
    records = rows(2, system=["Be kind."], query=["q"], responses=[["x", "y"]], best=[0, 1], annotator=["ada", "ben"])
    dataset = load(records)
    assert dataset.prompts["text"].to_list() == ["Be kind.\n\nq"]
    assert dataset.votes.rows() == [(0, "ada", 1, None), (0, "ben", -1, None)]


def test_that_a_winner_that_repeats_one_of_few_texts_is_understood_or_asked_for(load: Any) -> None:
    records = rows(6, **AB)
    for number, record in enumerate(records):
        record["winner"] = record["answer_b" if number % 3 == 0 else "answer_a"]
    assert verdicts(load(records)) == ["<", ">", ">"] * 2
    codes = rows(6, query="q", answer_a=["a", "b"], answer_b=["b", "a"], winner=["a", "b", "b"])
    with pytest.raises(Problem, match="repeat a response"):
        load(codes)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"winner": ["a", "b"], "margin": [1, 2.5]}, [1, 2.5]),
        ({"winner": ["a", "b"], "strength": [-1, 2]}, [1, 2]),
        ({"winner": ["a", "b"], "confidence": ["0.5", "0.75"]}, [0.5, 0.75]),
        ({"confidence": [9, 9], "winner": ["a", "b"], "score_diff": [1.5, -2]}, [1.5, 2]),
        ({"preference_strength": ["slightly better", "much better"], "winner": ["a", "b"]}, [1, 3]),
        ({"preference_strength": [1, 2], "winner": ["a", "b"]}, [1, 2]),
        ({"winner": ["A is much better", "B is slightly better"]}, [3, 1]),
        ({"winner": ["A>>B", "B>A"]}, [3, 2]),
        ({"winner": ["A is clearly better than B", "B is better than A"]}, [3, 2]),
    ],
)
def test_that_how_much_better_the_winner_is_is_kept(load: Any, columns: Any, wanted: list[float]) -> None:
    dataset = load(rows(4, **AB, **columns))
    assert verdicts(dataset) == [">", "<"] * 2
    assert dataset.pairs["strength"].to_list() == wanted * 2


def test_that_the_strength_beside_two_columns_named_better_and_worse_is_kept(load: Any) -> None:
    dataset = load(rows(4, question="q", better="good", worse="bad", confidence=[1, 2]))
    assert dataset.pairs["strength"].to_list() == [1, 2] * 2
    voted = load(rows(4, **AB, vote_1=["a"], vote_2=["b"], vote_3=["a"], margin=[2]))
    assert voted.pairs["strength"].to_list() == [2] * 4


def test_that_a_winner_may_be_the_name_of_a_model(load: Any) -> None:
    records = rows(6, **AB, model_a=["m7", "m70"], model_b=["m70", "m7"], winner=["m7", "m7", "tie"], n=[1])
    dataset = load(records)
    assert verdicts(dataset) == [">", "<", "=", "<", ">", "="] and dataset.extras.columns == ["n"]
    assert dataset.pairs["model_first"].to_list() == ["m7", "m70"] * 3
    preferred = rows(4, **AB, generator_b=["m", "n"], generator_a=["k"], preferred_model=["k", "n"])
    assert verdicts(load(preferred)) == [">", "<"] * 2
    none = rows(4, **AB, model_a=["m"], model_b=["m"], winner=["m"])
    with pytest.raises(Problem, match=r"--map|columns"):
        load(none)


@pytest.mark.parametrize(
    "columns",
    [{"loser": ["a", "b"]}, {"preferred_model": ["m70", "m7"]}, {"better_text": ["bad 0", "good 1", "bad 2", "good 3"]}],
)
def test_that_two_columns_that_contradict_each_other_are_asked_about(load: Any, columns: Any) -> None:
    records = rows(4, **AB, model_a=["m7"], model_b=["m70"], winner=["a", "b"], **columns)
    with pytest.raises(Problem, match="names another winner in 4 of 4 records"):
        load(records)
    assert verdicts(load([{**record, next(iter(columns)): None} for record in records])) == [">", "<"] * 2


def test_that_the_models_of_better_and_worse_are_kept(load: Any) -> None:
    dataset = load(rows(4, question="q", worse_model=["n"], better="good", worse="bad", better_model=["m"]))
    assert dataset.pairs.select("model_first", "model_second").unique().rows() == [("m", "n")]


def test_that_names_of_models_alone_are_no_responses(load: Any) -> None:
    with pytest.raises(Problem):
        load(rows(4, query="q", model_a=["m7"], model_b=["m70"], winner=["a", "b"]))


def test_that_counts_of_wins_decide_where_no_column_names_the_winner(load: Any) -> None:
    assert verdicts(load(rows(4, **AB, b_wins=[0, 1], a_wins=[1, 0]))) == [">", "<"] * 2
    counted = load(rows(4, **AB, votes_b=[0, 4, 2, 1], votes_a=[3, 1, 2, 2]))
    assert verdicts(counted) == [">", "<", "=", ">"] and counted.pairs["strength"].to_list() == [3, 3, 0, 1]
    assert verdicts(load(rows(4, **AB, votes_b=[0, 4], votes_a=[3, 1], winner=["b", "a"]))) == ["<", ">"] * 2


def test_that_rows_without_a_verdict_are_counted_and_the_rest_is_read(load: Any) -> None:
    dataset = load(rows(6, **AB, **{"Which answer do you prefer?": ["Answer A", "", "Answer B", "", None, "No preference"]}))
    assert verdicts(dataset) == [">", "<", "="]
    assert dataset.skipped["reason"].to_list() == ["no_label"] * 3


def test_that_votes_by_column_and_by_row_together_are_a_problem() -> None:
    roles = {"a": "response_a", "b": "response_b", "v": "vote", "w": "vote", "who": "annotator"}
    with pytest.raises(Problem, match="votes both by column"):
        check(Mapping(roles))


def test_that_columns_that_say_nothing_are_a_problem_that_names_them(load: Any) -> None:
    with pytest.raises(Problem, match="foo, bar") as raised:
        load([{"foo": "x", "bar": "y"}])
    assert "--map" in raised.value.remedy


SURVEY = [
    {"Frage": "q", "links": "good", "rechts": "bad", "Wahl": "L", "wer": "ada", "Thema": "x", "Notiz": "n"},
    {"Frage": "q", "links": "good", "rechts": "bad", "Wahl": "R", "wer": "ben", "Thema": "x", "Notiz": "n"},
    {"Frage": "q", "links": "good", "rechts": "bad", "Wahl": "L", "wer": "cleo", "Thema": "x", "Notiz": "n"},
    {"Frage": "r", "links": "good", "rechts": "bad", "Wahl": "=", "wer": "ada", "Thema": "y", "Notiz": "n"},
    {"Frage": "s", "links": "good", "rechts": "bad", "Wahl": "?", "wer": "ada", "Thema": "y", "Notiz": "n"},
    {"Frage": None, "links": "good", "rechts": "bad", "Wahl": "L", "wer": "ada", "Thema": "y", "Notiz": "n"},
]
MAPPING = Mapping(
    {"Frage": "prompt", "links": "response_a", "rechts": "response_b", "Wahl": "winner", "wer": "annotator",
     "Thema": "subset", "Notiz": "ignore"},
    {"L": "first", "R": "second", "=": "tie", "?": "skip"},
    name="survey",
)  # fmt: skip


def test_that_a_mapping_reads_votes_ties_and_subsets(load: Any) -> None:
    dataset = load(SURVEY, mapping=MAPPING)
    assert dataset.format == "mapped" and dataset.winner.tolist() == [1, 0]
    assert dataset.votes.rows() == [
        (0, "ada", 1, None),
        (0, "ben", -1, None),
        (0, "cleo", 1, None),
        (1, "ada", 0, None),
    ]
    assert dataset.extras.columns == ["Thema", "subset"] and dataset.extras["subset"].to_list() == ["x", "y"]
    assert dataset.skipped["reason"].to_list() == ["no_label", "missing_prompt"]


def test_that_the_preview_shows_what_reading_will_do(load: Any) -> None:
    shown = preview(MAPPING, SURVEY, n=2)
    assert [(one.first.text, one.second.text) for one in shown.comparisons if one.first and one.second] == [
        ("good", "bad")
    ] * 2
    assert shown.read == 4 and shown.skipped == {"no_label": 1, "missing_prompt": 1}
    assert shown.values == {"l": 3, "r": 1, "=": 1, "?": 1}
    half = Mapping({"links": "response_a"})
    assert half.missing() and preview(half, SURVEY).read == 0


@pytest.mark.parametrize(
    ("mapping", "wanted"),
    [
        (Mapping({"x": "response_a", "y": "response_b", "n": "winner"}, rule="negative_first"), [1, -1, 0]),
        (Mapping({"x": "response_a", "y": "response_b", "n": "winner"}, rule="positive_first"), [-1, 1, 0]),
        (Mapping({"y": "chosen", "x": "rejected"}), [1, 1, 1]),
        (Mapping({"x": "response_a", "y": "response_b", "s.a": "score", "s.b": "score"}), [1, -1, 0]),
    ],
)
def test_that_rules_roles_and_inner_fields_decide(load: Any, mapping: Mapping, wanted: list[int]) -> None:
    records = [{"x": "one", "y": "two", "n": n, "s": {"a": -n, "b": n}} for n in (-2, 3, 0)]
    dataset = load(records, mapping=mapping)
    assert dataset.winner.tolist() == wanted
    if mapping.rule:
        assert dataset.pairs["strength"].to_list() == [2, 3, 0]


def test_that_system_and_several_prompt_columns_are_joined(load: Any) -> None:
    mapping = Mapping({"s": "system", "i": "prompt", "j": "prompt", "c": "chosen", "r": "rejected"})
    dataset = load([{"s": "Be kind.", "i": "Add", "j": "1 2", "c": "3", "r": "4"}], mapping=mapping)
    assert dataset.prompts["text"].to_list() == ["Be kind.\n\nAdd\n\n1 2"]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (Mapping({"Frage": "promt"}), "unknown role"),
        (Mapping({"links": "chosen"}), "rejected"),
        (Mapping({"links": "chosen", "rechts": "chosen"}), "links and rechts"),
        (Mapping({"links": "response_a", "rechts": "response_b"}), "names the winner"),
        (Mapping({"links": "response_a", "rechts": "response_b", "Wahl": "winner"}, {"L": "left"}), "left"),
        (Mapping({"links": "chosen", "nowhere": "rejected"}), "nowhere"),
        (Mapping({"links": "response_a", "rechts": "response_b", "Wahl": "winner"}, rule="negative_first", middle=math.nan), "middle nan"),
    ],
)
def test_that_a_wrong_mapping_is_a_problem(load: Any, mapping: Mapping, said: str) -> None:
    with pytest.raises(Problem, match=said):
        load(SURVEY, mapping=mapping)


def test_that_mappings_are_kept_and_offered() -> None:
    path = save(MAPPING)
    assert path.suffix == ".toml" and set(saved()) == {"survey"}
    assert load("survey") == MAPPING == load(path)
    assert offered(SURVEY[0]) == [MAPPING] and offered([*list(SURVEY[0])[1:]]) == []
    (path.parent / "broken.toml").write_text("[roles]\nx = 5\n")
    assert set(saved()) == {"survey"}
    path.unlink()
    with pytest.raises(Problem, match="no mapping named 'survey'"):
        load("survey")
    for name in ("../x", "", ".hidden", "a/b"):
        with pytest.raises(Problem, match="no name"):
            save(Mapping(MAPPING.roles, MAPPING.values, name=name))


@given(st.dictionaries(st.text(max_size=8), st.sampled_from(["ignore", "prompt", "subset"]), max_size=5), st.text())
def test_that_any_names_come_back_from_toml(roles: dict[str, str], value: str) -> None:
    mapping = Mapping({**roles, "c": "chosen", "r": "rejected"}, {value: "tie"}, name="n")
    back = from_toml(to_toml(mapping), "n.toml")
    assert list(back.roles.values()) == list(mapping.roles.values()) and len(back.values) == 1
    if max([*"".join(roles), *value, ""]) < "\ud800":
        assert back == mapping


@pytest.mark.parametrize("text", ["", "roles = 3", "[roles", "[roles]\nx = 'chosen'", "[roles]\n'x' = ['chosen']",
                                  "middle = 'four'\n[roles]\nx = 'chosen'\ny = 'rejected'"])
def test_that_what_is_no_mapping_is_a_problem(text: str) -> None:
    with pytest.raises(Problem, match=r"x\.toml"):
        from_toml(text, "x.toml")


def test_that_names_are_told_apart_into_words() -> None:
    assert tokens("betterAnswer_2") == ("better", "answer", "2")
    assert tokens("non-preferred output") == ("nonpreferred", "output")


def test_that_a_peek_says_why_and_what_could_be_chosen() -> None:
    seen = finish(peek(SAMPLES / "pku_saferlhf.jsonl"))
    assert seen.format == "pku_saferlhf" and "prompt" in seen.why and "prompt" in seen.columns
    assert seen.problem is None


def test_that_a_peek_of_unknown_columns_gives_the_problem_and_a_guess(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(
        "\n".join(json.dumps(record) for record in rows(8, query="q", answer_a="a", answer_b="b", label=[0, 1]))
    )
    seen = finish(peek(path))
    assert seen.format == "" and seen.problem is not None and len(seen.records) == 8
    assert seen.mapping.column("winner") == "label" and seen.mapping.doubts
    with pytest.raises(Problem):
        finish(read(path))


@given(st.lists(st.dictionaries(st.sampled_from(["prompt", "answer_a", "answer_b", "label", "better", "worse", "x"]),
                                st.one_of(st.none(), st.text(max_size=3), st.integers(-3, 3), st.booleans(),
                                          st.lists(st.text(max_size=2), max_size=2)), min_size=1), min_size=1, max_size=5))  # fmt: skip
def test_that_any_records_have_a_guess_and_a_preview(records: list[dict[str, Any]]) -> None:
    mapping = guess(records)
    shown = preview(mapping, records)
    assert shown.read + sum(shown.skipped.values()) >= 0
    assert all(reason for reason in mapping.reasons)


def test_that_the_command_line_reads_by_a_name_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "survey.jsonl"
    data.write_text("\n".join(json.dumps(record) for record in SURVEY), encoding="utf-8")
    path = save(MAPPING)
    for named in ("survey", str(path)):
        assert main(["info", str(data), "--json", "--map", named]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["format"], told["pairs"], told["ties"], told["votes"]) == ("mapped", 1, 1, 4)
    assert main(["info", str(data), "--map", "nothing"]) == 2
    said = capsys.readouterr().err
    assert "no mapping named 'nothing'" in said and "survey" in said and said.count("\n") == 1
