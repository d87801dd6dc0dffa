"""Formats that name the winner by column: mixtures, trainers' layouts, benchmarks with one winner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, digits, each, record, rows, text, texts
from rmexplorer.data.records import Comparison, Record
from rmexplorer.data.shapes import Absent, Chosen, Fields, each_with_all, first_of, name, parts
from rmexplorer.data.texts import is_messages

USED = frozenset({"prompt", "chosen", "rejected", "messages", "margin", "system", "chosen_model", "rejected_model"})
PLAIN = (first_of("prompt"), first_of("chosen"), first_of("rejected"))
SCORES = (
    ("chosen_score", "rejected_score"),
    ("score_chosen", "score_rejected"),
    ("chosen-rating", "rejected-rating"),
    ("chosen_rating", "rejected_rating"),
)
SCORE_KEYS = frozenset(key for pair in SCORES for key in pair)
SCORED = Chosen(*PLAIN, label_scores=SCORES)


def one_message(value: Any) -> bool:
    """One message that is no list."""
    return isinstance(value, dict) and is_messages(value)


add(
    Format(
        "skywork_preference",
        "Skywork and RLHFlow preference chats",
        (
            {"chosen": is_messages, "rejected": is_messages, "source": text},
            {"chosen": is_messages, "rejected": is_messages, "chosen_score": digits, "rejected_score": digits},
        ),
        each(SCORED),
        USED | SCORE_KEYS,
    )
)
add(
    Format(
        "ultrafeedback_binarized",
        "UltraFeedback binarized (HuggingFaceH4)",
        (
            {
                "prompt": text,
                "chosen": is_messages,
                "rejected": is_messages,
                "score_chosen": digits,
                "score_rejected": digits,
            },
        ),
        each(SCORED),
        USED | SCORE_KEYS | {"prompt_id"},
    )
)
add(
    Format(
        "argilla_uf_cleaned",
        "UltraFeedback binarized, cleaned (Argilla)",
        (
            {
                "prompt": text,
                "chosen": is_messages,
                "chosen-rating": digits,
                "rejected": is_messages,
                "rejected-rating": digits,
            },
        ),
        each(SCORED),
        USED | SCORE_KEYS | {"chosen-model", "rejected-model"},
    )
)
add(
    Format(
        "tulu_pref_mix",
        "Tulu and OLMo preference mixtures",
        ({"id": anything, "source": text, "prompt": text, "chosen": is_messages, "rejected": is_messages},),
        each(SCORED),
        USED | {"id"},
    )
)

ORCA = Chosen(
    first_of("question", "input", "prompt"),
    *PLAIN[1:],
    label_scores=SCORES,
    tie=lambda fields: fields.get("status") == "tie",
)


def _orca(source: Record) -> Iterator[Outcome]:
    """Distilabel's ratings are in the order of `generations`, winner first unless swapped: their gap is the
    strength."""
    for outcome in ORCA(source):
        ratings = source.value.get("rating")
        if isinstance(outcome, Comparison) and isinstance(ratings, list) and len(ratings) == 2:
            first, second = ratings
            if isinstance(first, int | float) and isinstance(second, int | float):
                outcome.strength = abs(first - second)
        yield outcome


add(
    Format(
        "orca_dpo",
        "Intel orca DPO pairs and relatives",
        (
            {"system": text, "question": text, "chosen": text, "rejected": text},
            {"system": text, "input": text, "chosen": text, "rejected": text, "status": text, "rating": anything},
        ),
        each(_orca),
        USED | {"question", "input", "generations", "rating"} | SCORE_KEYS,
    )
)


def _llamafactory(source: Record) -> Iterator[Outcome]:
    fields = source.value
    if "chosen_messages" in fields or "rejected_messages" in fields:
        yield from Chosen(lambda _: Absent, first_of("chosen_messages"), first_of("rejected_messages"))(source)
        return
    output = fields.get("output")
    if "chosen" not in fields and isinstance(output, list) and len(output) == 2:
        fields = {**fields, "chosen": output[0], "rejected": output[1]}
    yield from Chosen(_with_history, *PLAIN[1:])(source._replace(value=fields))


def _with_history(fields: Fields) -> Any:
    if "conversations" in fields:
        return fields["conversations"]
    last = parts("instruction", "input")(fields)
    history = fields.get("history")
    if not isinstance(history, list) or not history:
        return last
    turns: list[Fields] = []
    for turn in history:
        if not (isinstance(turn, list) and len(turn) == 2):
            return None
        turns += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return [*turns, {"role": "user", "content": last}]


def two_texts(value: Any) -> bool:
    """A list of two strings."""
    return texts(value) and len(value) == 2


add(
    Format(
        "llamafactory",
        "LLaMA-Factory ranking data",
        (
            {"instruction": text, "chosen": text, "rejected": text},
            {"conversations": is_messages, "chosen": one_message, "rejected": one_message},
            {"chosen_messages": is_messages, "rejected_messages": is_messages},
            {"instruction": text, "output": two_texts},
        ),
        each(_llamafactory),
        USED
        | {
            "instruction",
            "input",
            "history",
            "conversations",
            "output",
            "chosen_messages",
            "rejected_messages",
            "tools",
        },
    )
)
AXOLOTL = Chosen(
    first_of("messages", "prompt", "input", "question", "instruction"),
    first_of("chosen", "chosen_response"),
    first_of("rejected", "rejected_response"),
)
add(
    Format(
        "axolotl",
        "axolotl preference data",
        (
            {"input": text, "chosen": text, "rejected": text},
            {"system": text, "input": text, "chosen": text, "rejected": text},
            {"question": text, "chosen_response": text, "rejected_response": text},
            {"input": text, "chosen_response": text, "rejected_response": text},
            {"messages": is_messages, "chosen": one_message, "rejected": one_message},
            {"messages": is_messages, "chosen": text, "rejected": text},
        ),
        each(AXOLOTL),
        USED | {"input", "question", "instruction", "chosen_response", "rejected_response"},
    )
)


def _swift(source: Record) -> Iterator[Outcome]:
    fields = dict(source.value)
    messages = fields.get("messages")
    if "rejected_messages" in fields:
        fields = {"chosen": messages, "rejected": fields["rejected_messages"]}
    elif "rejected_response" in fields and isinstance(messages, list) and messages:
        fields = {"prompt": messages[:-1], "chosen": messages[-1], "rejected": fields["rejected_response"]}
        if is_messages(fields["chosen"]) and isinstance(fields["rejected"], str):
            fields["rejected"] = {"role": "assistant", "content": fields["rejected"]}
    elif "rejected_response" in fields:
        fields = {
            "prompt": fields.get("query"),
            "chosen": fields.get("response"),
            "rejected": fields["rejected_response"],
        }
    yield from Chosen(*PLAIN)(source._replace(value=fields))


add(
    Format(
        "ms_swift",
        "ms-swift preference data",
        (
            {"messages": is_messages, "rejected_response": text},
            {"messages": is_messages, "rejected_messages": is_messages},
            {"query": text, "response": text, "rejected_response": text},
        ),
        each(_swift),
        frozenset({"messages", "rejected_response", "rejected_messages", "query", "response", "label"}),
    )
)
add(
    Format(
        "ultrainteract",
        "UltraInteract pairs",
        ({"trajectory": is_messages, "chosen": text, "rejected": text, "parent_id": anything},),
        each(Chosen(first_of("trajectory"), *PLAIN[1:], group=("parent_id",))),
        USED | {"trajectory", "id", "parent_id"},
    )
)
add(
    Format(
        "nemo_aligner",
        "NeMo-Aligner DPO data",
        ({"prompt": text, "chosen_response": text, "rejected_response": text},),
        each(
            Chosen(
                PLAIN[0],
                first_of("chosen_response"),
                first_of("rejected_response"),
                rewards=(("chosen_reward", "rejected_reward"),),
            )
        ),
        USED | {"chosen_response", "rejected_response", "chosen_reward", "rejected_reward"},
    )
)

REWARDS = (("scores_chosen", "scores_rejected"),)
add(
    Format(
        "rewardbench",
        "RewardBench",
        (
            {
                "prompt": anything,
                "chosen": text,
                "chosen_model": text,
                "rejected": text,
                "rejected_model": text,
                "subset": text,
            },
            {"prompt": is_messages, "chosen": text, "rejected": text},
        ),
        each(Chosen(*PLAIN, rewards=REWARDS)),
        USED | {"id"},
        columns=("prompt", "chosen", "rejected"),
        bonus=-0.01,
    )
)
add(
    Format(
        "rewardbench_scores",
        "Scores of a reward model on pairs (reward-bench)",
        (
            {"chosen": anything, "rejected": anything, "scores_chosen": anything, "scores_rejected": anything},
            {
                "prompt": anything,
                "chosen": anything,
                "rejected": anything,
                "scores_chosen": anything,
                "scores_rejected": anything,
                "results": anything,
            },
        ),
        each(Chosen(*PLAIN, rewards=REWARDS)),
        USED | {"id", "results", "scores_chosen", "scores_rejected"},
        columns=("prompt", "chosen", "rejected"),
    )
)


def _lists(source: Record) -> Iterator[Outcome]:
    fields = source.value
    chosen, rejected, models = fields.get("chosen"), fields.get("rejected"), fields.get("models")
    lists = [value if isinstance(value, list) else [value] for value in (chosen, rejected)]
    named = models if isinstance(models, list) and len(models) == len(lists[0]) + len(lists[1]) else None
    yield from each_with_all(
        source, first_of("prompt")(fields), lists[0], lists[1], lambda place: name(named[place]) if named else None
    )


add(
    Format(
        "rewardbench2",
        "RewardBench 2",
        ({"prompt": text, "chosen": texts, "rejected": texts, "num_correct": digits},),
        each(_lists),
        USED | {"id", "models", "num_correct", "num_rejected", "total_completions", "additional_metadata"},
    )
)
add(
    Format(
        "rm_bench",
        "RM-Bench",
        ({"id": anything, "prompt": text, "chosen": texts, "rejected": texts},),
        each(_lists),
        USED | {"id", "error", "error_key", "task_id"},
    )
)


def _answer(value: Any) -> Any:
    return value.get("answer") if isinstance(value, dict) else None


def _rmb(source: Record) -> Iterator[Outcome]:
    fields = source.value
    prompt = first_of("conversation_input")(fields)
    best = fields.get("chosen", fields.get("bon_best"))
    losers = fields.get("loser_list", [fields.get("reject")])
    both = [best, *(losers if isinstance(losers, list) else [losers])]
    yield from each_with_all(
        source,
        prompt,
        [_answer(best)],
        [_answer(value) for value in both[1:]],
        lambda place: name(both[place].get("llm_name")) if isinstance(both[place], dict) else None,
    )


add(
    Format(
        "rmb",
        "RMB",
        (
            {"conversation_input": is_messages, "chosen": record, "reject": record},
            {"conversation_input": is_messages, "bon_best": record, "loser_list": rows},
        ),
        each(_rmb),
        frozenset({"conversation_input", "chosen", "reject", "bon_best", "loser_list", "pair_uid", "bon_uid"}),
    )
)
STACK = Chosen(first_of("question"), first_of("response_j"), first_of("response_k"))
add(
    Format(
        "stack_exchange_paired",
        "Stack Exchange paired",
        ({"question": text, "response_j": text, "response_k": text},),
        each(STACK),
        frozenset({"qid", "question", "response_j", "response_k", "metadata"}),
    )
)
