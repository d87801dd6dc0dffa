"""Formats of two responses and a verdict: benchmarks of judges, arenas, annotations by models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, add, anything, digits, text
from rmexplorer.data.records import Record, Vote
from rmexplorer.data.shapes import Fields, Label, TwoResponses, code, first_of, number, parts, sign, simple
from rmexplorer.data.texts import is_messages

ONE_BASED = {"1": 1, "2": -1}
ARENA = {
    "model_a": 1,
    "model_b": -1,
    "tie": 0,
    "tie (bothbad)": 0,
    "tie (inconsistent)": 0,
    "both_bad": 0,
    "bothbad": 0,
}


def _pandalm(fields: Fields, criterion: str | None) -> Label:
    """0 is a tie, 1 and 2 name the winner; one column an annotator."""
    votes = []
    for key in sorted(key for key in fields if key.startswith("annotator") and key[9:].isdigit()):
        choice = code(fields[key], {"0": 0, "1": 1, "2": -1})
        if choice is not None:
            votes.append(Vote(key, choice))
    return Label(None, votes=tuple(votes))


def _pandalm_models(records: Iterable[Record]) -> Iterator[Record]:
    for source in records:
        both = str(source.value.get("cmp_key", "")).split("_")
        if len(both) == 2:
            source.value["model_a"], source.value["model_b"] = both
        yield source


_PANDALM = TwoResponses(parts("instruction", "input"), first_of("response1"), first_of("response2"), _pandalm)
add(
    Format(
        "pandalm",
        "PandaLM test set",
        ({"instruction": text, "response1": text, "response2": text, "annotator1": digits, "annotator2": digits},),
        lambda records, criterion: _PANDALM(_pandalm_models(records), criterion),
        frozenset(
            {
                "idx",
                "instruction",
                "input",
                "response1",
                "response2",
                *(f"annotator{i}" for i in range(1, 10)),
                "cmp_key",
            }
        ),
    )
)


def _alpaca_eval(fields: Fields, criterion: str | None) -> Label:
    """1 is output_1, 2 is output_2, 1.5 (older: 0) a draw; between them 2 - preference is P(output_1 preferred)."""
    value = number(fields.get("preference"))
    if value == 0:
        return Label(0, p_first=0.5)
    if value is None or not 1 <= value <= 2:
        return Label(None)
    return Label(sign(1.5 - value), p_first=2 - value)


_INSTRUCTION = parts("instruction", "input")
_OUTPUTS = (first_of("output_1"), first_of("output_2"))
add(
    Format(
        "alpaca_eval",
        "AlpacaEval annotations",
        (
            {
                "instruction": text,
                "output_1": text,
                "output_2": text,
                "generator_1": text,
                "generator_2": text,
                "preference": digits,
            },
        ),
        TwoResponses(_INSTRUCTION, *_OUTPUTS, _alpaca_eval, judge="annotator", models=("generator_1", "generator_2")),
        frozenset(
            {
                "instruction",
                "output_1",
                "output_2",
                "generator_1",
                "generator_2",
                "preference",
                "raw_completion",
                "annotator",
                "referenced_models",
            }
        ),
        merging=True,
    )
)


def _alpaca_farm(fields: Fields, criterion: str | None) -> Label:
    winner, raw = code(fields.get("preference"), ONE_BASED), number(fields.get("raw_preference"))
    return Label(winner, None if raw is None or winner is None else 2.0 if raw in (1, 4) else 1.0)


add(
    Format(
        "alpaca_farm",
        "AlpacaFarm human preferences",
        ({"instruction": text, "input": anything, "output_1": text, "output_2": text, "preference": digits},),
        TwoResponses(_INSTRUCTION, *_OUTPUTS, _alpaca_farm, judge="annotator_index"),
        frozenset({"instruction", "input", "output_1", "output_2", "preference", "raw_preference", "annotator_index"}),
        merging=True,
    )
)
add(
    Format(
        "llmbar",
        "LLMBar",
        ({"input": text, "output_1": text, "output_2": text, "label": digits},),
        TwoResponses(first_of("input"), *_OUTPUTS, simple("label", ONE_BASED)),
        frozenset({"input", "output_1", "output_2", "label", "results"}),
    )
)


def _judgebench(records: Iterable[Record]) -> Iterator[Record]:
    """Scores of a reward model stand within the judgments; the second judgment shows the responses in swapped order."""
    for source in records:
        scores: list[list[float]] = [[], []]
        judgments = source.value.get("judgments")
        for place, entry in enumerate(judgments if isinstance(judgments, list) else []):
            judgment = entry.get("judgment") if isinstance(entry, dict) else None
            both = judgment.get("scores") if isinstance(judgment, dict) else None
            if isinstance(both, list) and len(both) == 2:
                for side in (0, 1):
                    value = number(both[side ^ (place % 2)])
                    if value is not None:
                        scores[side].append(value)
        if scores[0] and scores[1]:
            source.value["judgments"], source.value["_b"] = (sum(side) / len(side) for side in scores)
        yield source


_JUDGEBENCH = TwoResponses(
    first_of("question"),
    first_of("response_A"),
    first_of("response_B"),
    simple("label", {"a>b": 1, "b>a": -1, "a=b": 0, "b=a": 0}),
    rewards=(("judgments", "_b"),),
    models=("response_model", "response_model"),
    group=("original_id",),
)
add(
    Format(
        "judgebench",
        "JudgeBench",
        ({"question": text, "response_A": text, "response_B": text, "label": text},),
        lambda records, criterion: _JUDGEBENCH(_judgebench(records), criterion),
        frozenset(
            {"pair_id", "original_id", "question", "response_A", "response_B", "label", "judgments", "response_model"}
        ),
    )
)
add(
    Format(
        "autoj",
        "Auto-J pairwise test set",
        ({"prompt": text, "response 1": text, "response 2": text, "label": digits},),
        TwoResponses(
            first_of("prompt"),
            first_of("response 1"),
            first_of("response 2"),
            simple("label", {"0": 1, "1": -1, "2": 0}),
        ),
        frozenset({"prompt", "response 1", "response 2", "label"}),
    )
)


add(
    Format(
        "arena_conversations",
        "Chatbot Arena conversations",
        (
            {
                "conversation_a": is_messages,
                "conversation_b": is_messages,
                "winner": text,
                "judge": anything,
                "anony": anything,
                "tstamp": anything,
                "language": anything,
            },
            {"conversation_a": is_messages, "conversation_b": is_messages, "winner": text},
        ),
        TwoResponses(
            lambda fields: "",
            first_of("conversation_a"),
            first_of("conversation_b"),
            simple("winner", ARENA),
            judge="judge",
            time="tstamp",
        ),
        frozenset(
            {"question_id", "model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b", "tstamp"}
        ),
        merging=True,
    )
)


def _turn(fields: Fields, side: str) -> tuple[list[Any], Any] | None:
    """The messages before the judged turn's reply, and that reply."""
    turns = fields.get(f"conversation_{side}")
    number_of = number(fields.get("turn"))
    turn = int(number_of) if number_of is not None and number_of >= 1 else 0
    if not isinstance(turns, list) or not is_messages(turns) or not turn or len(turns) < 2 * turn:
        return None
    return turns[: 2 * turn - 1], turns[2 * turn - 1]


def _turn_prompt(fields: Fields) -> Any:
    """The turns before, as the model whose name sorts first had them: both orders of a pair give one prompt."""
    side = "a" if str(fields.get("model_a")) <= str(fields.get("model_b")) else "b"
    found = _turn(fields, side)
    return found[0] if found else None


def _turn_reply(side: str) -> Callable[[Fields], Any]:
    def get(fields: Fields) -> Any:
        found = _turn(fields, side)
        return found[1] if found else None

    return get


add(
    Format(
        "mt_bench_human",
        "MT-Bench judgments",
        (
            {
                "question_id": anything,
                "conversation_a": is_messages,
                "conversation_b": is_messages,
                "winner": text,
                "judge": anything,
                "turn": digits,
            },
        ),
        TwoResponses(
            _turn_prompt,
            _turn_reply("a"),
            _turn_reply("b"),
            simple("winner", ARENA),
            judge="judge",
            group=("question_id",),
        ),
        frozenset({"model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b"}),
        merging=True,
    )
)
_FEEDBACK = TwoResponses(
    first_of("prompt"),
    first_of("output_A"),
    first_of("output_B"),
    simple("label", {"1": 1, "0": -1}),
    rewards=(("reward_A", "reward_B"),),
    group=("prompt_id",),
)
add(
    Format(
        "halos_feedback",
        "HALOs feedback",
        ({"type": text, "prompt": anything, "output_A": anything, "output_B": anything, "label": digits},),
        _FEEDBACK,
        frozenset(
            {"type", "prompt_id", "prompt", "output_A", "output_B", "output", "reward_A", "reward_B", "reward", "label"}
        ),
    )
)
