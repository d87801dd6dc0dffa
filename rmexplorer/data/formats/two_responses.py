"""Formats of two responses and a winner code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, digits, record, rows, text
from rmexplorer.data.records import Record, Vote
from rmexplorer.data.shapes import Fields, Label, TwoResponses, code, first_of, name, number, parts, sign
from rmexplorer.data.texts import is_messages

ONE_BASED = {"1": 1, "2": -1}
ARENA = {"model_a": 1, "model_b": -1, "tie": 0, "tie (bothbad)": 0, "tie (inconsistent)": 0, "both_bad": 0, "bothbad": 0}
GRADED = {f"{side}{grade}": (winner, strength)
          for side, winner in (("a-is-", 1), ("b-is-", -1))
          for grade, strength in (("slightly-better", 1.0), ("better", 2.0), ("clearly-better", 2.0))}
GRADED["tie"] = (0, 0.0)


def simple(field: str, codes: dict[str, int]) -> Callable[[Fields, str | None], Label]:
    """A label that is one field with one code a winner."""
    return lambda fields, criterion: Label(code(fields.get(field), codes))


def graded(field: str, first_is: int = -1) -> Callable[[Fields, str | None], Label]:
    """A label that is a signed grade; by default a negative one favours the first response."""
    def read(fields: Fields, criterion: str | None) -> Label:
        value = number(fields.get(field))
        return Label(sign(value, first_is), None if value is None else abs(value))
    return read


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
add(Format("pandalm", "PandaLM test set",
           ({"instruction": text, "response1": text, "response2": text, "annotator1": digits, "annotator2": digits},),
           lambda records, criterion: _PANDALM(_pandalm_models(records), criterion),
           frozenset({"idx", "instruction", "input", "response1", "response2", *(f"annotator{i}" for i in range(1, 10)), "cmp_key"})))


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
add(Format("alpaca_eval", "AlpacaEval annotations",
           ({"instruction": text, "output_1": text, "output_2": text, "generator_1": text, "generator_2": text,
             "preference": digits},),
           TwoResponses(_INSTRUCTION, *_OUTPUTS, _alpaca_eval, judge="annotator", models=("generator_1", "generator_2")),
           frozenset({"instruction", "output_1", "output_2", "generator_1", "generator_2", "preference", "raw_completion",
                      "annotator", "referenced_models"}), merging=True))


def _alpaca_farm(fields: Fields, criterion: str | None) -> Label:
    winner, raw = code(fields.get("preference"), ONE_BASED), number(fields.get("raw_preference"))
    return Label(winner, None if raw is None or winner is None else 2.0 if raw in (1, 4) else 1.0)


add(Format("alpaca_farm", "AlpacaFarm human preferences",
           ({"instruction": text, "input": anything, "output_1": text, "output_2": text, "preference": digits},),
           TwoResponses(_INSTRUCTION, *_OUTPUTS, _alpaca_farm, judge="annotator_index"),
           frozenset({"instruction", "input", "output_1", "output_2", "preference", "raw_preference", "annotator_index"}),
           merging=True))
add(Format("llmbar", "LLMBar", ({"input": text, "output_1": text, "output_2": text, "label": digits},),
           TwoResponses(first_of("input"), *_OUTPUTS, simple("label", ONE_BASED)),
           frozenset({"input", "output_1", "output_2", "label", "results"})))


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


_JUDGEBENCH = TwoResponses(first_of("question"), first_of("response_A"), first_of("response_B"),
                           simple("label", {"a>b": 1, "b>a": -1, "a=b": 0, "b=a": 0}), rewards=(("judgments", "_b"),),
                           models=("response_model", "response_model"), group=("original_id",))
add(Format("judgebench", "JudgeBench", ({"question": text, "response_A": text, "response_B": text, "label": text},),
           lambda records, criterion: _JUDGEBENCH(_judgebench(records), criterion),
           frozenset({"pair_id", "original_id", "question", "response_A", "response_B", "label", "judgments", "response_model"})))
add(Format("autoj", "Auto-J pairwise test set", ({"prompt": text, "response 1": text, "response 2": text, "label": digits},),
           TwoResponses(first_of("prompt"), first_of("response 1"), first_of("response 2"),
                        simple("label", {"0": 1, "1": -1, "2": 0})),
           frozenset({"prompt", "response 1", "response 2", "label"})))


def _pku(fields: Fields, criterion: str | None) -> Label:
    codes = {"0": 1, "1": -1, "-1": 0}
    used, second = ("safer_response_id", "better_response_id") if criterion == "safer" else ("better_response_id", "safer_response_id")
    other = code(fields.get(second), codes)
    return Label(code(fields.get(used), codes), other=None if other is None else (second, other))


add(Format("pku_saferlhf", "PKU-SafeRLHF", ({"prompt": text, "response_0": text, "response_1": text, "better_response_id": digits},),
           TwoResponses(first_of("prompt"), first_of("response_0"), first_of("response_1"), _pku,
                        models=("response_0_source", "response_1_source")),
           frozenset({"prompt", "response_0", "response_1", "better_response_id", "safer_response_id", "response_0_sha256",
                      "response_1_sha256", "response_0_source", "response_1_source"}), criteria=("better", "safer")))


def _nested(field: str, key: str, label: str, bound: float = 3) -> Callable[[Fields, str | None], Label]:
    """A signed grade (negative: first) with the grades of unnamed annotators in a list; the field `label` is final."""
    def read(fields: Fields, criterion: str | None) -> Label:
        value = number(fields.get(label))
        entries = fields.get(field)
        grades = [number(entry.get(key)) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        votes = tuple(Vote(None, sign(grade, -1) or 0) for grade in grades if grade is not None and abs(grade) <= bound)
        final = sign(value, -1) if value is not None and abs(value) <= bound else None
        return Label(final, None if final is None or value is None else abs(value), votes if final is not None or votes else ())
    return read


add(Format("helpsteer2_preference", "HelpSteer2-Preference",
           ({"prompt": text, "response_1": text, "response_2": text, "preference_strength": digits},),
           TwoResponses(first_of("prompt"), first_of("response_1"), first_of("response_2"),
                        _nested("all_preferences_unprocessed", "strength", "preference_strength")),
           frozenset({"prompt", "response_1", "response_2", "preference_strength", "preference_statement",
                      "preference_elaboration"})))
add(Format("helpsteer3_preference", "HelpSteer3-Preference",
           ({"context": anything, "response1": text, "response2": text, "overall_preference": digits},),
           TwoResponses(first_of("context"), first_of("response1"), first_of("response2"),
                        _nested("individual_preference", "score", "overall_preference")),
           frozenset({"context", "response1", "response2", "overall_preference"})))


def _shp(fields: Fields, criterion: str | None) -> Label:
    """1 says that A was preferred: it is no index."""
    ratio = number(fields.get("score_ratio"))
    return Label(code(fields.get("labels"), {"1": 1, "0": -1}), math.log(ratio) if ratio and ratio > 0 else None)


add(Format("shp", "Stanford Human Preferences", ({"history": text, "human_ref_A": text, "human_ref_B": text, "labels": digits},),
           TwoResponses(first_of("history"), first_of("human_ref_A"), first_of("human_ref_B"), _shp, group=("post_id",)),
           frozenset({"post_id", "history", "human_ref_A", "human_ref_B", "labels", "c_root_id_A", "c_root_id_B"})))


def _webgpt(fields: Fields, criterion: str | None) -> Label:
    first, second = number(fields.get("score_0")), number(fields.get("score_1"))
    gap = None if first is None or second is None else first - second
    return Label(sign(gap), None if gap is None else abs(gap))


def _question(fields: Fields) -> Any:
    question = first_of("question")(fields)
    return question.get("full_text") if isinstance(question, dict) else question


add(Format("webgpt", "WebGPT comparisons", ({"question": anything, "answer_0": text, "answer_1": text, "score_0": digits,
                                             "score_1": digits},),
           TwoResponses(_question, first_of("answer_0"), first_of("answer_1"), _webgpt),
           frozenset({"question", "answer_0", "answer_1", "score_0", "score_1"})))


def summary_prompt(fields: Fields) -> Any:
    """Title and post, or title and article, of summarize_from_feedback."""
    info = fields.get("info")
    if not isinstance(info, dict):
        return None
    return parts("title", "post" if info.get("post") is not None else "article")(info)


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


_SUMMARIZE = TwoResponses(summary_prompt, _summary(0), _summary(1), simple("choice", {"0": 1, "1": -1}), judge="worker",
                          group=("_post",))
add(Format("summarize_comparisons", "summarize_from_feedback comparisons",
           ({"info": record, "summaries": rows, "choice": digits},),
           lambda records, criterion: _SUMMARIZE(_summaries(records), criterion),
           frozenset({"info", "summaries", "choice", "worker", "extra"}), merging=True))

add(Format("arena_conversations", "Chatbot Arena conversations",
           ({"conversation_a": is_messages, "conversation_b": is_messages, "winner": text, "judge": anything, "anony": anything,
             "tstamp": anything, "language": anything},
            {"conversation_a": is_messages, "conversation_b": is_messages, "winner": text}),
           TwoResponses(lambda fields: "", first_of("conversation_a"), first_of("conversation_b"), simple("winner", ARENA),
                        judge="judge", time="tstamp"),
           frozenset({"question_id", "model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b", "tstamp"}),
           merging=True))


def _turn(fields: Fields, side: str) -> tuple[list[Any], Any] | None:
    """The messages before the judged turn's reply, and that reply."""
    turns = fields.get(f"conversation_{side}")
    turn = fields.get("turn")
    if not isinstance(turns, list) or not is_messages(turns) or not isinstance(turn, int) or len(turns) < 2 * turn:
        return None
    return turns[:2 * turn - 1], turns[2 * turn - 1]


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


add(Format("mt_bench_human", "MT-Bench judgments",
           ({"question_id": anything, "conversation_a": is_messages, "conversation_b": is_messages, "winner": text,
             "judge": anything, "turn": digits},),
           TwoResponses(_turn_prompt, _turn_reply("a"), _turn_reply("b"), simple("winner", ARENA), judge="judge",
                        group=("question_id",)),
           frozenset({"model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b"}), merging=True))


def _pool(fields: Fields, criterion: str | None) -> Label:
    votes = []
    for pool in ("normal_worker_annotations", "expert_worker_annotations"):
        entries = fields.get(pool)
        for entry in entries if isinstance(entries, list) else []:
            said = str(entry.get(f"{criterion or 'overall'}_pref", "")).strip().lower() if isinstance(entry, dict) else ""
            if said in GRADED:
                choice, strength = GRADED[said]
                votes.append(Vote(name(entry.get("evaluator")), choice, name(entry.get("timestamp")), strength))
    return Label(None, votes=tuple(votes))


add(Format("multipref", "MultiPref",
           ({"text": text, "completion_a": text, "completion_b": text, "normal_worker_annotations": rows},),
           TwoResponses(first_of("text"), first_of("completion_a"), first_of("completion_b"), _pool),
           frozenset({"text", "completion_a", "completion_b", "model_a", "model_b", "comparison_id", "prompt_id"}),
           criteria=("overall", "helpful", "truthful", "harmless")))


def _human_eval(fields: Fields, criterion: str | None) -> Label:
    return Label(*GRADED.get(str(fields.get("preference")).strip().lower(), (None, None)))


add(Format("tulu_human_eval", "Tulu human evaluation",
           ({"prompt": text, "completion_a": text, "completion_b": text, "preference": text, "evaluator": text},),
           TwoResponses(first_of("prompt"), first_of("completion_a"), first_of("completion_b"), _human_eval, judge="evaluator",
                        time="timestamp"),
           frozenset({"id", "prompt", "completion_a", "completion_b", "model_a", "model_b", "preference", "evaluator", "comment",
                      "timestamp"}), merging=True))
_FEEDBACK = TwoResponses(first_of("prompt"), first_of("output_A"), first_of("output_B"), simple("label", {"1": 1, "0": -1}),
                         rewards=(("reward_A", "reward_B"),), group=("prompt_id",))
add(Format("halos_feedback", "HALOs feedback",
           ({"type": text, "prompt": anything, "output_A": anything, "output_B": anything, "label": digits},), _FEEDBACK,
           frozenset({"type", "prompt_id", "prompt", "output_A", "output_B", "output", "reward_A", "reward_B", "reward", "label"})))
