"""Formats of two responses that people graded or chose between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, add, anything, digits, record, rows, text
from rmexplorer.data.records import Record, Vote, most_frequent
from rmexplorer.data.shapes import (
    Fields,
    Label,
    TwoResponses,
    code,
    first_of,
    name,
    number,
    sign,
    simple,
    summary_prompt,
)

GRADED = {
    f"{side}{grade}": (winner, strength)
    for side, winner in (("a-is-", 1), ("b-is-", -1))
    for grade, strength in (("slightly-better", 1.0), ("better", 2.0), ("clearly-better", 2.0))
}
GRADED["tie"] = (0, 0.0)


def _pku(fields: Fields, criterion: str | None) -> Label:
    codes = {"0": 1, "1": -1, "-1": 0}
    used, second = (
        ("safer_response_id", "better_response_id")
        if criterion == "safer"
        else ("better_response_id", "safer_response_id")
    )
    other = code(fields.get(second), codes)
    return Label(code(fields.get(used), codes), others=() if other is None else ((second, other),))


add(
    Format(
        "pku_saferlhf",
        "PKU-SafeRLHF",
        ({"prompt": text, "response_0": text, "response_1": text, "better_response_id": digits},),
        TwoResponses(
            first_of("prompt"),
            first_of("response_0"),
            first_of("response_1"),
            _pku,
            models=("response_0_source", "response_1_source"),
        ),
        frozenset(
            {
                "prompt",
                "response_0",
                "response_1",
                "better_response_id",
                "safer_response_id",
                "response_0_sha256",
                "response_1_sha256",
                "response_0_source",
                "response_1_source",
            }
        ),
        criteria=("better", "safer"),
    )
)


def _nested(field: str, key: str, label: str, bound: float = 3) -> Callable[[Fields, str | None], Label]:
    """A signed grade (negative: first) with the grades of unnamed annotators in a list; the field `label` is final."""

    def read(fields: Fields, criterion: str | None) -> Label:
        value = number(fields.get(label))
        entries = fields.get(field)
        grades = (
            [number(entry.get(key)) for entry in entries if isinstance(entry, dict)]
            if isinstance(entries, list)
            else []
        )
        votes = tuple(Vote(None, sign(grade, -1) or 0) for grade in grades if grade is not None and abs(grade) <= bound)
        final = sign(value, -1) if value is not None and abs(value) <= bound else None
        return Label(
            final, None if final is None or value is None else abs(value), votes if final is not None or votes else ()
        )

    return read


add(
    Format(
        "helpsteer2_preference",
        "HelpSteer2-Preference",
        ({"prompt": text, "response_1": text, "response_2": text, "preference_strength": digits},),
        TwoResponses(
            first_of("prompt"),
            first_of("response_1"),
            first_of("response_2"),
            _nested("all_preferences_unprocessed", "strength", "preference_strength"),
        ),
        frozenset(
            {
                "prompt",
                "response_1",
                "response_2",
                "preference_strength",
                "preference_statement",
                "preference_elaboration",
            }
        ),
    )
)
add(
    Format(
        "helpsteer3_preference",
        "HelpSteer3-Preference",
        ({"context": anything, "response1": text, "response2": text, "overall_preference": digits},),
        TwoResponses(
            first_of("context"),
            first_of("response1"),
            first_of("response2"),
            _nested("individual_preference", "score", "overall_preference"),
        ),
        frozenset({"context", "response1", "response2", "overall_preference"}),
    )
)


def _shp(fields: Fields, criterion: str | None) -> Label:
    """1 says that A was preferred: it is no index."""
    ratio = number(fields.get("score_ratio"))
    return Label(code(fields.get("labels"), {"1": 1, "0": -1}), math.log(ratio) if ratio and ratio > 0 else None)


add(
    Format(
        "shp",
        "Stanford Human Preferences",
        ({"history": text, "human_ref_A": text, "human_ref_B": text, "labels": digits},),
        TwoResponses(first_of("history"), first_of("human_ref_A"), first_of("human_ref_B"), _shp, group=("post_id",)),
        frozenset({"post_id", "history", "human_ref_A", "human_ref_B", "labels", "c_root_id_A", "c_root_id_B"}),
    )
)


def _webgpt(fields: Fields, criterion: str | None) -> Label:
    first, second = number(fields.get("score_0")), number(fields.get("score_1"))
    gap = None if first is None or second is None else first - second
    return Label(sign(gap), None if gap is None else abs(gap))


def _question(fields: Fields) -> Any:
    question = first_of("question")(fields)
    return question.get("full_text") if isinstance(question, dict) else question


add(
    Format(
        "webgpt",
        "WebGPT comparisons",
        ({"question": anything, "answer_0": text, "answer_1": text, "score_0": digits, "score_1": digits},),
        TwoResponses(_question, first_of("answer_0"), first_of("answer_1"), _webgpt),
        frozenset({"question", "answer_0", "answer_1", "score_0", "score_1"}),
    )
)


def _summary(place: int) -> Callable[[Fields], Any]:
    def get(fields: Fields) -> Any:
        both = fields.get("summaries")
        item = both[place] if isinstance(both, list) and len(both) == 2 else None
        return item.get("text") if isinstance(item, dict) else None

    return get


def _summaries(records: Iterable[Record]) -> Iterator[Record]:
    for source in records:
        both = source.value.get("summaries")
        if isinstance(both, list) and all(isinstance(item, dict) for item in both):
            source.value["_models"] = [item.get("policy") for item in both]
            for key, item in zip(("model_a", "model_b"), both, strict=False):
                source.value[key] = item.get("policy")
        info = source.value.get("info")
        if isinstance(info, dict):
            source.value["_post"] = info.get("id")
        yield source


_SUMMARIZE = TwoResponses(
    summary_prompt, _summary(0), _summary(1), simple("choice", {"0": 1, "1": -1}), judge="worker", group=("_post",)
)
add(
    Format(
        "summarize_comparisons",
        "summarize_from_feedback comparisons",
        ({"info": record, "summaries": rows, "choice": digits},),
        lambda records, criterion: _SUMMARIZE(_summaries(records), criterion),
        frozenset({"info", "summaries", "choice", "worker", "extra"}),
        merging=True,
    )
)


PREFS = ("overall", "helpful", "truthful", "harmless")


def _pool(fields: Fields, criterion: str | None) -> Label:
    used = criterion or PREFS[0]
    votes = {one: _prefs(fields, one) for one in PREFS}
    others = tuple(
        (one, most_frequent(vote.choice for vote in votes[one])) for one in PREFS if one != used and votes[one]
    )
    return Label(None, votes=votes[used], others=others)


def _prefs(fields: Fields, criterion: str) -> tuple[Vote, ...]:
    """The votes of both pools of annotators by one criterion."""
    votes = []
    for pool in ("normal_worker_annotations", "expert_worker_annotations"):
        entries = fields.get(pool)
        for entry in entries if isinstance(entries, list) else []:
            said = str(entry.get(f"{criterion}_pref", "")).strip().lower() if isinstance(entry, dict) else ""
            if said in GRADED:
                choice, strength = GRADED[said]
                votes.append(Vote(name(entry.get("evaluator")), choice, name(entry.get("timestamp")), strength))
    return tuple(votes)


add(
    Format(
        "multipref",
        "MultiPref",
        ({"text": text, "completion_a": text, "completion_b": text, "normal_worker_annotations": rows},),
        TwoResponses(first_of("text"), first_of("completion_a"), first_of("completion_b"), _pool),
        frozenset({"text", "completion_a", "completion_b", "model_a", "model_b", "comparison_id", "prompt_id"}),
        criteria=PREFS,
    )
)


def _human_eval(fields: Fields, criterion: str | None) -> Label:
    return Label(*GRADED.get(str(fields.get("preference")).strip().lower(), (None, None)))


add(
    Format(
        "tulu_human_eval",
        "Tulu human evaluation",
        ({"prompt": text, "completion_a": text, "completion_b": text, "preference": text, "evaluator": text},),
        TwoResponses(
            first_of("prompt"),
            first_of("completion_a"),
            first_of("completion_b"),
            _human_eval,
            judge="evaluator",
            time="timestamp",
        ),
        frozenset(
            {
                "id",
                "prompt",
                "completion_a",
                "completion_b",
                "model_a",
                "model_b",
                "preference",
                "evaluator",
                "comment",
                "timestamp",
            }
        ),
        merging=True,
    )
)
