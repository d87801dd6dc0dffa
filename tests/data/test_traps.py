"""Each direction trap of preference formats, in a record of its own: which of two texts is the better one."""

from __future__ import annotations

from typing import Any

import pytest

from rmexplorer.data.summary import summary
from rmexplorer.data.table import pair_frame
from rmexplorer.problem import Problem

USER = [{"role": "user", "content": "q"}]


def chat(text: str) -> list[dict[str, str]]:
    return [*USER, {"role": "assistant", "content": text}]


def said(load: Any, *records: dict[str, Any], **options: Any) -> str:
    """For each comparison `1` where the text "one" is chosen, `2` where "two" is, `=` for a tie."""
    frame = pair_frame(load(list(records), **options))
    return "".join(
        "=" if row["tie"] else "1" if row["chosen"].strip() == "one" else "2" for row in frame.iter_rows(named=True)
    )


def with_label(record: dict[str, Any], name: str, *values: Any) -> list[dict[str, Any]]:
    return [{**record, name: value} for value in values]


def test_that_shp_labels_of_1_mean_that_a_wins(load: Any) -> None:
    record = {"post_id": "x", "history": "q", "human_ref_A": "one", "human_ref_B": "two", "score_ratio": 2.0}
    assert said(load, *with_label(record, "labels", 1, 0, "1")) == "121"


def test_that_a_halos_label_of_1_means_that_a_wins(load: Any) -> None:
    record = {"type": "pairwise_feedback", "prompt_id": 0, "prompt": USER, "output_A": chat("one")[1:],
              "output_B": chat("two")[1:], "reward_A": 0.0, "reward_B": 9.0}  # fmt: skip
    assert said(load, *with_label(record, "label", 1, 0)) == "12"


def test_that_auto_j_counts_from_0_and_2_is_a_tie(load: Any) -> None:
    record = {"scenario": "s", "prompt": "q", "response 1": "one", "response 2": "two"}
    assert said(load, *with_label(record, "label", 0, 1, 2)) == "12="


def test_that_pandalm_counts_from_1_and_0_is_a_tie(load: Any) -> None:
    record = {"instruction": "q", "input": "", "response1": "one", "response2": "two"}
    votes = [{**record, "annotator1": vote, "annotator2": vote} for vote in (0, 1, 2)]
    assert said(load, *votes) == "=12"


def test_that_alpaca_eval_runs_from_output_1_at_1_to_output_2_at_2(load: Any) -> None:
    record = {"instruction": "q", "output_1": "one", "output_2": "two", "generator_1": "m", "generator_2": "n"}
    assert said(load, *with_label(record, "preference", 1.0, 2.0, 1.5, 1.01, 1.99, 0)) == "12=12="


def test_that_a_negative_grade_of_helpsteer_is_for_the_first(load: Any) -> None:
    two = {"prompt": "q", "response_1": "one", "response_2": "two"}
    assert said(load, *with_label(two, "preference_strength", -1, 3, 0)) == "12="
    three = {"context": USER, "response1": "one", "response2": "two"}
    assert said(load, *with_label(three, "overall_preference", -3, 1, 0)) == "12="


def test_that_rank_0_is_the_best_of_oasst_and_nemo(load: Any) -> None:
    replies = [
        {"message_id": text, "parent_id": "p", "text": text, "role": "assistant", "rank": rank, "replies": []}
        for text, rank in (("one", 1), ("two", 0))
    ]
    root = {"message_id": "p", "text": "q", "role": "prompter", "replies": replies}
    assert said(load, {"message_tree_id": "t", "prompt": root}) == "2"
    completions = [{"rank": rank, "completion": chat(text)[1:]} for text, rank in (("one", 0), ("two", 1))]
    assert said(load, {"context": USER, "completions": completions}) == "1"


def test_that_rank_1_is_the_best_of_nectar_and_argilla(load: Any) -> None:
    answers = [{"answer": text, "model": "m", "rank": rank} for text, rank in (("one", 2.0), ("two", 1.0))]
    assert said(load, {"prompt": "\n\nHuman: q\n\nAssistant: ", "answers": answers, "num_responses": 2}) == "2"
    ranks = [{"rank": 1, "value": "response-2"}, {"rank": 2, "value": "response-1"}]
    vote = [{"user_id": "u", "value": ranks, "status": "submitted"}]
    record = {
        "prompt": "q",
        "response-1": "one",
        "response-2": "two",
        "preference": vote,
        "preference-suggestion": None,
    }
    assert said(load, record) == "2"


def test_that_indices_of_winners_count_from_0(load: Any) -> None:
    pku = {"prompt": "q", "response_0": "one", "response_1": "two", "safer_response_id": 0}
    assert said(load, *with_label(pku, "better_response_id", 0, 1, -1)) == "12="
    texts = [{"text": "one", "policy": "m"}, {"text": "two", "policy": "n"}]
    summaries = {"info": {"id": "i", "post": "q", "title": "t"}, "summaries": texts, "worker": "w"}
    assert said(load, *with_label(summaries, "choice", 0)) == "1"
    assert said(load, *with_label(summaries, "choice", 1)) == "2"


def test_that_indices_of_winners_count_from_1(load: Any) -> None:
    llmbar = {"input": "q", "output_1": "one", "output_2": "two"}
    assert said(load, *with_label(llmbar, "label", 1, 2, "2")) == "122"
    farm = {"instruction": "q", "input": "", "output_1": "one", "output_2": "two"}
    assert said(load, *with_label(farm, "preference", 1, 2)) == "12"


def test_that_the_larger_score_wins_and_equal_ones_tie(load: Any) -> None:
    web = {"question": {"full_text": "q"}, "answer_0": "one", "answer_1": "two"}
    records = [{**web, "score_0": score, "score_1": -score} for score in (0.5, -0.5, 0.0)]
    assert said(load, *records) == "12="


def test_that_one_hot_winners_and_letters_keep_their_side(load: Any) -> None:
    lmsys = {"prompt": '["q"]', "response_a": '["one"]', "response_b": '["two"]'}
    hot = [
        {**lmsys, "winner_model_a": a, "winner_model_b": b, "winner_tie": t}
        for a, b, t in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0))
    ]
    assert said(load, *hot) == "12="
    judge = {"question": "q", "response_A": "one", "response_B": "two"}
    assert said(load, *with_label(judge, "label", "A>B", "B>A")) == "12"


@pytest.mark.parametrize("columns", [("prompt", "response_a", "response_b"), ("", "conversation_a", "conversation_b")])
def test_that_a_winner_may_be_the_name_of_a_model(load: Any, columns: tuple[str, str, str]) -> None:
    def reply(text: str) -> Any:
        return text if columns[0] else [{"role": "user", "content": "q"}, {"role": "assistant", "content": text}]

    models = {"model_a": "gpt-4", "model_b": "Claude"}
    texts = {columns[1]: reply("one"), columns[2]: reply("two"), **({"prompt": "q"} if columns[0] else {})}
    dataset = load(
        [
            {**texts, **models, "winner": "gpt-4"},
            {**texts, **models, "winner": "claude"},
            {**texts, "model_a": "Claude", "model_b": "gpt-4", "winner": "gpt-4"},
            {**texts, **models, "winner": "tie"},
            {**texts, **models, "winner": "llama"},
            {**texts, "model_a": "gpt-4", "model_b": "gpt-4", "winner": "gpt-4"},
        ]
    )
    assert dataset.winner.tolist() == [1, -1, -1, 0]
    assert dataset.skipped["reason"].to_list() == ["no_label"] * 2


def test_that_graded_words_keep_their_side(load: Any) -> None:
    tulu = {"prompt": "q", "completion_a": "one", "completion_b": "two"}
    words = ("a-is-better", "b-is-slightly-better", "tie", "A-is-slightly-better")
    records = [{**tulu, "preference": word, "evaluator": "e", "prompt": f"q{n}"} for n, word in enumerate(words)]
    assert said(load, *records) == "12=1"


def test_that_a_mixed_label_of_booleans_and_words_keeps_its_side(load: Any) -> None:
    news = {"article_text": "q", "writer_summary": "one", "text-davinci-002_summary": "two"}
    records = [
        {**news, "article_text": f"q{n}", "evaluator_id": "e", "overall_writer_better": value}
        for n, value in enumerate((True, False, "Equally Good"))
    ]
    assert said(load, *records) == "12="


def test_that_votes_are_turned_where_the_models_stand_in_another_order(load: Any) -> None:
    first = {"question_id": 1, "model_a": "m", "model_b": "n", "conversation_a": chat("one"),
             "conversation_b": chat("two"), "turn": 1, "judge": "j1", "winner": "model_b"}  # fmt: skip
    turned = {**first, "model_a": "n", "model_b": "m", "conversation_a": chat("two"), "conversation_b": chat("one"),
              "judge": "j2", "winner": "model_a"}  # fmt: skip
    assert said(load, first, turned) == "2"
    assert load([first, turned]).votes["choice"].to_list() == [-1, -1]


@pytest.mark.parametrize(
    "names",
    [("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen-rating", "rejected-rating")],
)
def test_that_equal_label_scores_of_plain_texts_are_ties(load: Any, names: tuple[str, str]) -> None:
    records = [
        {"prompt": f"q{n}", "chosen": "one", "rejected": "two", names[0]: 7.0, names[1]: score}
        for n, score in enumerate((7, 3.5, None))
    ]
    dataset = load(records)
    assert dataset.format == "trl_explicit"
    assert dataset.winner.tolist() == [0, 1, 1] and dataset.pairs["strength"].to_list() == [0.0, 3.5, None]
    import io

    import polars as pl

    stream = io.BytesIO()
    pl.DataFrame(records, strict=False).write_parquet(stream)
    assert load(stream.getvalue(), "same.parquet").winner.tolist() == [0, 1, 1]
    without = [{key: value for key, value in record.items() if key != "prompt"} for record in records]
    assert load(without).winner.tolist() == [0, 1, 1]


def test_that_a_suggested_flip_of_a_noise_report_is_no_vote(load: Any) -> None:
    record = {"chosen": "\n\nHuman: q\n\nAssistant: one", "rejected": "\n\nHuman: q\n\nAssistant: two",
              "suggest_confidence": 0.9, "suggest_chosen_rejected": ["rejected", "chosen"]}  # fmt: skip
    assert said(load, record) == "1"


MAJORITY = [{"prompt": f"q{n}", "chosen": "one", "rejected": "two"} for n in range(6)]
MINORITY = [
    {
        "instruction": f"q{n}",
        "output_1": "x",
        "output_2": "y",
        "generator_1": "m",
        "generator_2": "n",
        "preference": 2.0,
    }
    for n in range(4)
]


def test_that_a_mixed_file_is_read_as_its_majority_kind(load: Any) -> None:
    mixed = [record for pair in zip(MAJORITY, [*MINORITY, {}, {}], strict=True) for record in pair if record]
    facts = summary(load(mixed))
    assert (facts["format"], facts["pairs"], facts["rows"]) == ("trl_explicit", 6, 10)
    assert sum(facts["skipped"].values()) == 4
    facts = summary(load([*MINORITY, *MAJORITY[:2]]))
    assert (facts["format"], facts["pairs"]) == ("alpaca_eval", 4) and sum(facts["skipped"].values()) == 2


def test_that_formats_that_fit_equally_are_asked_for(load: Any) -> None:
    both = {"prompt": "q", "response_0": "one", "response_1": "two", "better_response_id": 0,
            "response1": "three", "context": "c", "response2": "four", "overall_preference": 1}  # fmt: skip
    with pytest.raises(Problem, match="fit equally") as raised:
        load([both])
    assert "pku_saferlhf" in raised.value.what and "helpsteer3_preference" in raised.value.what
    assert "--format pku_saferlhf or --format helpsteer3_preference" in raised.value.remedy
    assert load([both], format="pku_saferlhf").winner.tolist() == [1]


def aspects(*ratings: tuple[float, str, str]) -> dict[str, Any]:
    """A record of UltraFeedback: the overall score, honesty and helpfulness of each completion."""
    return {
        "source": "s",
        "instruction": "q",
        "models": [],
        "completions": [
            {"model": "m", "response": text, "overall_score": overall, "fine-grained_score": overall,
             "annotations": {"honesty": {"Rating": honesty}, "helpfulness": {"Rating": helpfulness}}}
            for text, (overall, honesty, helpfulness) in zip(("one", "two"), ratings, strict=True)
        ],
    }  # fmt: skip


def test_that_a_criterion_picks_another_label_and_the_others_are_named(load: Any) -> None:
    record = aspects((5, "2", "4"), (3, "4", "N/A"))
    assert said(load, record) == "1" and said(load, record, criterion="honesty") == "2"
    assert summary(load([record], criterion="helpfulness"))["skipped"] == {"no_label": 1}
    warnings = load([record]).warnings
    assert any("overall is used" in warning and "honesty" in warning for warning in warnings)
    assert any("1 record has another winner by honesty" in warning for warning in warnings)


def test_that_attributes_axes_and_pools_are_criteria(load: Any) -> None:
    steer = [
        {
            "prompt": "q",
            "response": text,
            "helpfulness": h,
            "correctness": 2,
            "coherence": 2,
            "complexity": 1,
            "verbosity": v,
        }
        for text, h, v in (("one", 4, 0), ("two", 1, 4))
    ]
    assert said(load, *steer) == "1" and said(load, *steer, criterion="verbosity") == "2"
    axes = [
        {"info": {"id": "i", "post": "q", "title": "t"}, "worker": "w", "split": "s",
         "summary": {"text": text, "axes": {"overall": o, "accuracy": a}}}
        for text, o, a in (("one", 7, 1), ("two", 3, 5))
    ]  # fmt: skip
    assert said(load, *axes) == "1" and said(load, *axes, criterion="accuracy") == "2"
    vote = {"evaluator": "w", "overall_pref": "A-is-clearly-better", "harmless_pref": "B-is-slightly-better"}
    pool = {"text": "q", "completion_a": "one", "completion_b": "two", "normal_worker_annotations": [vote],
            "expert_worker_annotations": []}  # fmt: skip
    assert said(load, pool) == "1" and said(load, pool, criterion="harmless") == "2"
    assert load([pool]).criteria == ("overall", "helpful", "truthful", "harmless")
    assert load([pool], criterion="harmless").criterion == "harmless"


def test_that_a_and_b_beside_names_of_models_are_sides(load: Any) -> None:
    record = {"prompt": "q", "response_a": "one", "response_b": "two", "model_a": "gpt-4", "model_b": "Claude"}
    assert said(load, *with_label(record, "winner", "a", "B", "tie", "response_b")) == "12=2"
