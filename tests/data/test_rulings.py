"""The rulings of the command line's contract: what counts, votes, transcripts, chats, order."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.data.summary import describe, summary
from rmexplorer.data.texts import split_chats, split_texts, split_transcripts
from rmexplorer.job import finish


def judged(judge: Any, winner: str, first: str = "x", second: str = "y", **more: Any) -> dict[str, Any]:
    """A row of MT-Bench by one judge."""
    conversations = {
        f"conversation_{side}": [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]
        for side, text in (("a", first), ("b", second))
    }
    models = {"x": "m1", "y": "m2", "z": "m3"}
    return {
        "question_id": 1,
        "model_a": models[first],
        "model_b": models[second],
        "winner": winner,
        "judge": judge,
        **conversations,
        "turn": 1,
        **more,
    }


def pandalm(*votes: Any, **more: Any) -> dict[str, Any]:
    """A PandaLM record with these votes."""
    return {
        "instruction": "i",
        "input": "",
        "response1": "a",
        "response2": "b",
        **{f"annotator{place}": vote for place, vote in enumerate(votes, 1)},
        **more,
    }


def test_that_the_most_frequent_choice_wins_and_a_tie_is_a_choice(load: Any) -> None:
    dataset = load([pandalm(1, 1, 2), pandalm(0, 0, 1), pandalm(1, 2, 0), pandalm(2, 2, 2), pandalm(1, 2, None)])
    assert dataset.winner.tolist() == [1, 0, 0, -1, 0]
    assert dataset.votes.height == 14
    assert dataset.agreement.height == 14


def test_that_no_readable_vote_is_no_label(load: Any) -> None:
    dataset = load([pandalm(1, 1, 1), pandalm(None, "x", 7)])
    assert dict(Counter(dataset.skipped["reason"])) == {"no_label": 1}


def test_that_agreement_keeps_items_whose_texts_are_skipped(load: Any) -> None:
    dataset = load([pandalm(1, 1, 2), pandalm(1, 2, 2, response1=True), pandalm(0, 0, 0, response1="b")])
    assert len(dataset) == 1 and dataset.votes.height == 3
    assert dataset.agreement["item"].n_unique() == 3
    assert dataset.agreement["annotator"].unique().sort().to_list() == ["annotator1", "annotator2", "annotator3"]


def test_that_rows_of_several_judges_are_one_comparison_in_the_order_of_the_first(load: Any) -> None:
    dataset = load(
        [
            judged("j1", "model_a"),
            judged("j2", "model_b", "y", "x"),
            judged("j3", "model_b"),
            judged("j1", "tie", "x", "z"),
        ]
    )
    assert dataset.pairs.select("winner", "record", "line").rows() == [(1, 0, 1), (0, 3, 4)]
    assert dataset.votes.select("pair", "annotator", "choice").rows() == [
        (0, "j1", 1),
        (0, "j2", 1),
        (0, "j3", -1),
        (1, "j1", 0),
    ]
    assert summary(dataset)["annotators"] == 3


def test_that_the_same_judge_twice_counts_once_and_the_latest(load: Any) -> None:
    dataset = load([judged("j1", "model_a"), judged("j1", "model_b"), judged("j2", "tie")])
    assert dataset.votes.select("annotator", "choice").rows() == [("j1", -1), ("j2", 0)]
    assert dataset.skipped.select("record", "reason").rows() == [(0, "superseded")]


def test_that_duplicate_rows_without_annotators_are_not_merged(load: Any) -> None:
    dataset = load([{"prompt": "p", "chosen": "a", "rejected": "b"}] * 3)
    assert len(dataset) == 3 and dataset.responses.height == 2 and dataset.prompts.height == 1


def test_that_a_list_of_judges_is_one_name(load: Any) -> None:
    dataset = load([judged(["gpt-4", "pair-v2"], "model_a"), judged("error", "error", "x", "z")])
    assert dataset.votes["annotator"].to_list() == ["gpt-4-pair-v2"]
    assert dataset.skipped["reason"].to_list() == ["no_label"]


def test_that_a_final_label_wins_over_the_majority_with_a_warning(load: Any) -> None:
    record = {
        "prompt": "p",
        "response_1": "a",
        "response_2": "b",
        "preference_strength": -1,
        "all_preferences_unprocessed": [{"strength": 2}, {"strength": 1}, {"strength": -1}],
    }
    dataset = load([record])
    assert dataset.winner.tolist() == [1] and dataset.votes["choice"].to_list() == [-1, -1, 1]
    assert any("most annotators" in warning for warning in dataset.warnings)
    assert summary(dataset)["annotators"] == 0


def test_that_equal_label_scores_tie_and_equal_rewards_do_not(load: Any) -> None:
    scored = [{"prompt": "p", "chosen": "a", "rejected": "b", "scores_chosen": 1.0, "scores_rejected": 1.0}]
    assert load(scored).winner.tolist() == [1]
    chats = {
        side: [{"role": "user", "content": "p"}, {"role": "assistant", "content": side}]
        for side in ("chosen", "rejected")
    }
    tied = [{"prompt": "p", **chats, "messages": chats["chosen"], "score_chosen": 7.0, "score_rejected": 7.0}]
    assert load(tied).winner.tolist() == [0]


def test_that_several_responses_make_all_pairs_and_null_scores_are_unranked(load: Any) -> None:
    def completions(*scores: Any) -> dict[str, Any]:
        return {
            "source": "s",
            "instruction": "i",
            "models": [],
            "completions": [
                {"model": f"m{place}", "response": f"r{place}", "overall_score": score}
                for place, score in enumerate(scores)
            ],
        }

    dataset = load([completions(1, 3, 2), completions(1, None, 1), completions(1, None), completions(5), completions()])
    assert dataset.pairs.select("winner", "strength").rows() == [(-1, 2.0), (-1, 1.0), (1, 1.0), (0, 0.0)]
    assert dict(Counter(dataset.skipped["reason"])) == {"unranked": 1, "no_label": 1, "single_response": 2}


@pytest.mark.parametrize("chat", [False, True])
def test_that_each_chosen_meets_each_rejected_one(load: Any, chat: bool) -> None:
    def reply(text: str) -> Any:
        return [{"role": "assistant", "content": text}] if chat else text

    def pairs(chosen: Any, rejected: Any) -> list[str]:
        dataset = load([{"prompt": [{"role": "user", "content": "q"}] if chat else "q", "chosen": chosen, "rejected": rejected}])
        assert set(dataset.winner.tolist()) <= {1} and set(dataset.prompts["text"]) <= {"q"}
        texts = dataset.responses["text"].to_list()
        kept = [texts[one] + texts[two] for one, two in zip(dataset.chosen, dataset.rejected, strict=True)]
        return [*kept, *dataset.skipped["reason"]]

    a, b, x, y = map(reply, "abxy")
    assert pairs(a, [x, y]) == ["ax", "ay"]
    assert pairs([a, b], x) == ["ax", "bx"]
    assert pairs([a, b], [x, y]) == ["ax", "ay", "bx", "by"]
    assert pairs(a, [x, None]) == ["ax", "missing_response"]


def test_that_an_empty_list_of_rejected_ones_is_a_single_response(load: Any) -> None:
    dataset = load([{"prompt": "q", "chosen": "a", "rejected": ["x", "y"]}, {"prompt": "q", "chosen": "a", "rejected": []}])
    assert len(dataset) == 2 and dataset.skipped["reason"].to_list() == ["single_response"]


def test_that_hh_prompts_end_at_the_last_assistant_tag() -> None:
    human, assistant = "\n\nHuman: ", "\n\nAssistant:"
    split = split_transcripts(f"{human}hi{assistant} I am well.", f"{human}hi{assistant} I am bad.")
    assert split.prompt is not None and split.first is not None and split.second is not None
    assert (split.prompt.text, split.first.text, split.second.text) == (
        f"{human}hi{assistant}",
        " I am well.",
        " I am bad.",
    )
    forked = split_transcripts(
        f"{human}a{assistant} b{human}c{assistant} d", f"{human}a{assistant} x{human}c{assistant} d"
    )
    assert [part.text for part in forked if part] == [
        f"{human}a",
        f"{assistant} b{human}c{assistant} d",
        f"{assistant} x{human}c{assistant} d",
    ]
    stops = split_transcripts(f"{human}a{assistant} b", f"{human}a{assistant} b{human}c{assistant} d")
    assert [part.text for part in stops if part] == [f"{human}a{assistant} b", "", f"{human}c{assistant} d"]
    goes_on = split_transcripts(f"{human}a{assistant} b", f"{human}a{assistant} c{human}more")
    assert [part.text for part in goes_on if part] == [f"{human}a{assistant}", " b", f" c{human}more"]


@pytest.mark.parametrize(
    ("first", "second", "prompt"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is"),
        ("It is blue", "It is", "It is"),
        ("same", "other", ""),
        ("abcd", "abce", ""),
        ("a b c", "a b cd", "a b"),
        ("q\n\nyes", "q\n\nno", "q"),
        ("", "x", ""),
        ("a", "a b", "a"),
    ],
)
def test_that_prompts_without_roles_end_at_a_word(first: str, second: str, prompt: str) -> None:
    split = split_texts(first, second)
    assert [part.text for part in split if part] == [prompt, first[len(prompt) :], second[len(prompt) :]]


def turn(role: str, content: str) -> dict[str, Any]:
    """A chat message."""
    return {"role": role, "content": content}


def test_that_chat_prompts_are_the_messages_shared_at_the_start() -> None:
    shared = [turn("user", "a"), turn("assistant", "b"), turn("user", "c")]
    split = split_chats([*shared, turn("assistant", "d")], [*shared, turn("assistant", "e")])
    assert split.prompt is not None and split.first is not None
    assert split.prompt.text == "Human: a\n\nAssistant: b\n\nHuman: c"
    assert json.loads(split.prompt.messages or "") == shared
    assert split.first.text == "d" and split.first.messages is None
    alone = split_chats([turn("user", "a"), turn("assistant", "b")], [turn("user", "a"), turn("assistant", "c")])
    assert alone.prompt is not None and alone.prompt.text == "a"


def test_that_a_tool_call_is_a_response(load: Any) -> None:
    call = [{"type": "function", "function": {"name": "light", "arguments": {"state": "on"}}}]
    dataset = load(
        [
            {
                "prompt": [turn("user", "on")],
                "chosen": [{"role": "assistant", "tool_calls": call}],
                "rejected": [turn("assistant", "No.")],
            }
        ]
    )
    assert json.loads(dataset.responses["text"][0]) == call
    assert json.loads(dataset.responses["messages"][0])[0]["tool_calls"] == call


def test_that_parts_of_a_prompt_are_joined_by_a_blank_line(load: Any) -> None:
    dataset = load([pandalm(1, 1, 1, input="the input")])
    assert dataset.prompts["text"].to_list() == ["i\n\nthe input"]


def test_that_files_of_a_folder_are_read_by_path_and_named_as_subset(tmp_path: Path) -> None:
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.jsonl").write_text(json.dumps({"prompt": folder, "chosen": "x", "rejected": "y"}))
    dataset = finish(read(tmp_path))
    assert dataset.extras["subset"].to_list() == ["a", "b"]
    assert dataset.pairs["record"].to_list() == [0, 1]
    both = finish(read([tmp_path / "b" / "train.jsonl", tmp_path / "a" / "train.jsonl"]))
    assert both.prompts["text"].to_list() == ["b", "a"]


def test_that_scalar_fields_become_facets_and_long_or_nested_ones_do_not(load: Any) -> None:
    record = {
        "prompt": "p",
        "chosen": "a",
        "rejected": "b",
        "source": "s",
        "turns": 3,
        "ok": True,
        "score": 0.5,
        "essay": "word " * 100,
        "nested": {"a": 1},
    }
    extras = load([record, {**record, "prompt": "q", "source": "t"}]).extras
    assert extras.schema == {"source": pl.String, "turns": pl.Int64, "ok": pl.Boolean, "score": pl.Float64}


def same(one: Dataset, two: Dataset) -> bool:
    return one.fingerprint == two.fingerprint and one.pairs.drop("line").equals(two.pairs.drop("line"))


def test_that_columns_and_records_of_the_same_pairs_are_one_dataset(load: Any, tmp_path: Path) -> None:
    records = [
        {
            "prompt": f"p{number % 3}",
            "chosen": f"a{number}",
            "rejected": f"b{number % 2}",
            "margin": 0.5 * number,
            "source": "xy"[number % 2],
        }
        for number in range(50)
    ]
    records += [
        {"prompt": None, "chosen": "a", "rejected": "b", "margin": None, "source": None},
        {"prompt": "p", "chosen": None, "rejected": "b", "margin": None, "source": None},
        {"prompt": "p", "chosen": "a", "rejected": " a", "margin": None, "source": None},
        {"prompt": "p", "chosen": "é  ", "rejected": "", "margin": 1.0, "source": "x"},
    ]
    slow = load(records)
    pl.DataFrame(records).write_parquet(tmp_path / "pairs.parquet")
    fast = finish(read(tmp_path / "pairs.parquet"))
    assert same(slow, fast)
    assert slow.extras.equals(fast.extras) and slow.votes.equals(fast.votes)
    assert slow.skipped.select("record", "reason").rows() == fast.skipped.select("record", "reason").rows()
    assert slow.prompts.equals(fast.prompts) and slow.responses.equals(fast.responses)


def test_that_label_scores_count_in_whichever_records_they_stand(load: Any) -> None:
    pair = {"chosen": "a", "rejected": "b"}
    records = [
        pair,
        *({"score_chosen": 4, "score_rejected": 4},) * 3,
        {"chosen_rating": 5, "rejected_rating": 2},
        {"score_chosen": 1, "chosen_rating": 3, "rejected_rating": 3},
    ]
    fast = load([{"prompt": f"p{number}", **pair, **record} for number, record in enumerate(records)])
    slow = load([{"prompt": f"p{number}", "system": "s", **pair, **record} for number, record in enumerate(records)])
    for dataset in (fast, slow):
        assert dataset.winner.tolist() == [1, 0, 0, 0, 1, 1]
        assert dataset.pairs["strength"].to_list() == [None, 0.0, 0.0, 0.0, 3.0, None]


def test_that_the_fingerprint_knows_texts_winners_and_order(load: Any) -> None:
    one, two = ({"prompt": "p", "chosen": "a", "rejected": "b"}, {"prompt": "q", "chosen": "c", "rejected": "d"})
    prints = [
        load(records).fingerprint
        for records in (
            [one, two],
            [two, one],
            [one, {**two, "chosen": "d", "rejected": "c"}],
            [one, {**two, "prompt": "r"}],
        )
    ]
    assert len(set(prints)) == 4
    assert load([one, two]).fingerprint == prints[0]


def test_that_a_dataset_comes_back_from_its_folder(load: Any, tmp_path: Path) -> None:
    dataset = load([pandalm(1, 1, 2), pandalm(0, 0, 0, response1=True)])
    dataset.save(tmp_path / "kept")
    opened = Dataset.open(tmp_path / "kept")
    assert same(dataset, opened) and summary(dataset) == summary(opened)


def test_that_the_description_holds_the_numbers(load: Any) -> None:
    dataset = load(
        [
            {"prompt": "p", "chosen": "one two three", "rejected": "one"},
            {"prompt": "q", "chosen": "x", "rejected": "yy"},
        ]
    )
    facts = summary(dataset)
    assert facts["chosen_longer"] == 0.5 and facts["chosen_words_median"] == 2 and facts["rejected_words_median"] == 1
    assert "2 and 0 ties" in describe(dataset, facts)


def test_that_transcripts_beside_their_prompt_are_split_once(load: Any) -> None:
    prompt = "\n\nHuman: q\n\nAssistant:"
    dataset = load([{"prompt": prompt, "chosen": f"{prompt} a", "rejected": f"{prompt} b"}] * 2)
    assert dataset.format == "hh_rlhf" and dataset.prompts["text"].to_list() == [prompt]
    assert dataset.responses["text"].to_list() == [" a", " b"]
    apart = load([{"prompt": "p", "chosen": "Human: x", "rejected": "Human: y"}])
    assert apart.prompts["text"].to_list() == ["p"] and apart.responses["text"].to_list() == ["Human: x", "Human: y"]


def test_that_equal_scores_in_rewardbench_are_no_tie_on_either_path(load: Any) -> None:
    row = {"prompt": "p", "chosen": "a", "rejected": "b", "chosen_model": "m", "rejected_model": "n", "subset": "s",
           "chosen_score": 3.0, "rejected_score": 3.0}
    fast, slow = load([row] * 2), load([{**row, "system": "s"}] * 2)
    assert fast.format == slow.format == "rewardbench"
    assert not fast.tie.any() and not slow.tie.any()
