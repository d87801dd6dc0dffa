"""Formats of several ranked or scored responses a prompt, in a list or a row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, digits, each, record, rows, text
from rmexplorer.data.records import Comparison, Record, Skip, Vote
from rmexplorer.data.shapes import (
    Fields,
    Item,
    all_pairs,
    code,
    first_of,
    name,
    number,
    prompt_of,
    row_a_response,
    summary_prompt,
)
from rmexplorer.data.texts import is_messages, reply_text


def listed(
    prompt: str,
    items: str,
    response: str,
    score: Callable[[Fields], float | None],
    model: str = "model",
    ranks: bool = False,
) -> Callable[[Record], Iterator[Outcome]]:
    """Records with a list of responses, each with a score."""

    def read(source: Record) -> Iterator[Outcome]:
        entries = source.value.get(items)
        found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        yield from all_pairs(
            source,
            prompt_of(first_of(prompt)(source.value)),
            [Item(entry.get(response), score(entry), name(entry.get(model))) for entry in found],
            ranks,
        )

    return read


def _negated(field: str) -> Callable[[Fields], float | None]:
    def score(entry: Fields) -> float | None:
        value = number(entry.get(field))
        return None if value is None else -value

    return score


add(
    Format(
        "nectar",
        "Nectar",
        ({"prompt": text, "answers": rows, "num_responses": digits},),
        each(listed("prompt", "answers", "answer", _negated("rank"), ranks=True)),
        frozenset({"prompt", "answers", "num_responses"}),
    )
)
ASPECTS = ("overall", "fine_grained", "instruction_following", "honesty", "truthfulness", "helpfulness")


def _aspects(entry: Fields) -> dict[str, float | None]:
    """The scores of a completion by each criterion; "N/A" is none."""
    said = {"overall": number(entry.get("overall_score")), "fine_grained": number(entry.get("fine-grained_score"))}
    annotations = entry.get("annotations")
    for aspect in ASPECTS[2:]:
        rated = annotations.get(aspect) if isinstance(annotations, dict) else None
        said[aspect] = number(rated.get("Rating")) if isinstance(rated, dict) else None
    return said


def _ultrafeedback(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    for source in records:
        entries = source.value.get("completions")
        items = []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                scores = _aspects(entry)
                used = scores.pop(criterion or ASPECTS[0])
                items.append(Item(entry.get("response"), used, name(entry.get("model")), None, scores))
        yield from all_pairs(source, prompt_of(first_of("instruction")(source.value)), items)


add(
    Format(
        "ultrafeedback_raw",
        "UltraFeedback",
        ({"instruction": text, "completions": rows, "models": anything},),
        _ultrafeedback,
        frozenset({"instruction", "completions"}),
        criteria=ASPECTS,
    )
)


def _stack(source: Record) -> Iterator[Outcome]:
    fields = source.value
    if "answers" in fields:
        yield from listed("question", "answers", "text", lambda entry: number(entry.get("pm_score")), model="")(source)
        return
    good, bad = (fields.get(a, fields.get(b)) for a, b in (("response_j", "chosen"), ("response_k", "rejected")))
    yield Comparison(
        source, prompt_of(first_of("question", "prompt")(fields)), reply_text(good), reply_text(bad), winner=1
    )


add(
    Format(
        "stack_exchange",
        "Stack Exchange preferences",
        (
            {"qid": anything, "question": text, "answers": rows},
            {"qid": anything, "question": text, "response_j": text, "response_k": text},
        ),
        each(_stack),
        frozenset({"qid", "question", "answers", "response_j", "response_k", "prompt", "chosen", "rejected"}),
    )
)


def _completion(source: Record) -> Iterator[Outcome]:
    fields = source.value
    if "chosen_response" in fields or "rejected_response" in fields:
        yield Comparison(
            source,
            prompt_of(first_of("prompt")(fields)),
            reply_text(fields.get("chosen_response")),
            reply_text(fields.get("rejected_response")),
            winner=1,
            score_first=number(fields.get("chosen_reward")),
            score_second=number(fields.get("rejected_reward")),
            score_columns=("chosen_reward", "rejected_reward"),
        )
    elif "completions" in fields:
        yield from listed("context", "completions", "completion", _negated("rank"), ranks=True)(source)
    else:
        yield Skip(source, "unpaired")


add(
    Format(
        "nemo",
        "NeMo-RL and NeMo-Aligner preference data",
        (
            {"context": is_messages, "completions": rows},
            {"prompt": text, "chosen_response": text, "rejected_response": text, "chosen_reward": digits},
        ),
        each(_completion),
        frozenset(
            {
                "context",
                "completions",
                "prompt",
                "chosen_response",
                "rejected_response",
                "chosen_reward",
                "rejected_reward",
                "text",
            }
        ),
    )
)

HELPSTEER = {"helpfulness": 0.65, "correctness": 0.8, "coherence": 0.45, "complexity": 0.55, "verbosity": -0.4}


def _weighted(fields: Fields, criterion: str | None = None) -> float | None:
    """The attribute that was asked for, else the weighted sum of the five (open-instruct, helpsteer2.py)."""
    if criterion not in (None, "weighted"):
        return number(fields.get(criterion or ""))
    values = {key: number(fields.get(key)) for key in HELPSTEER}
    if any(value is None for value in values.values()):
        return None
    return round(sum(weight * (values[key] or 0.0) for key, weight in HELPSTEER.items()), 9)


def _attributes(fields: Fields, criterion: str | None) -> dict[str, float | None]:
    """The scores by what was not asked for; the attributes within the weighted sum do not contradict it."""
    return {} if criterion in (None, "weighted") else {"weighted": _weighted(fields)}


add(
    Format(
        "helpsteer2",
        "HelpSteer2",
        ({"prompt": text, "response": text, "helpfulness": digits, "correctness": digits, "coherence": digits},),
        row_a_response(first_of("prompt"), first_of("response"), _weighted, others=_attributes),
        frozenset({"prompt", "response", *HELPSTEER}),
        criteria=("weighted", *HELPSTEER),
    )
)


RATINGS = ("rating", "score", "overall_score", "overall", "reward_label", "quality")


def _rating(fields: Fields, criterion: str | None) -> float | None:
    return number(first_of(*RATINGS)(fields))


_PROMPTS, _RESPONSES = ("prompt", "instruction", "question"), ("response", "completion", "answer", "output")
add(
    Format(
        "rated_responses",
        "one rated response a row",
        tuple(
            {prompt: text, response: text, rating: digits}
            for prompt in _PROMPTS
            for response in _RESPONSES
            for rating in RATINGS
        ),
        row_a_response(first_of(*_PROMPTS), first_of(*_RESPONSES), _rating),
        frozenset({*_PROMPTS, *_RESPONSES, *RATINGS}),
        bonus=-0.5,
    )
)


def _summary(key: str) -> Callable[[Fields], Any]:
    def get(fields: Fields) -> Any:
        summary = fields.get("summary")
        return summary.get(key) if isinstance(summary, dict) else None

    return get


AXES = ("overall", "accuracy", "coverage", "coherence")


def _axis(fields: Fields, criterion: str | None) -> float | None:
    axes = _summary("axes")(fields)
    return number(axes.get(criterion or AXES[0])) if isinstance(axes, dict) else None


def _other_axes(fields: Fields, criterion: str | None) -> dict[str, float | None]:
    return {axis: _axis(fields, axis) for axis in AXES if axis != (criterion or AXES[0])}


def _axis_key(fields: Fields) -> Any:
    info = fields.get("info")
    return info.get("id") if isinstance(info, dict) else None


add(
    Format(
        "summarize_axis",
        "summarize_from_feedback axis ratings",
        ({"info": record, "summary": record, "worker": anything},),
        row_a_response(summary_prompt, _summary("text"), _axis, _axis_key, model="", others=_other_axes),
        frozenset({"info", "summary", "worker"}),
        criteria=AXES,
    )
)


CHOSEN = {"true": 1, "1": 1}


def _prism(source: Record) -> Iterator[Outcome]:
    """The chosen response of each turn against each of the rest; the prompt is the chosen path so far."""
    fields = source.value
    history = fields.get("conversation_history")
    path: list[Fields] = []
    turns: dict[Any, list[Fields]] = {}
    for entry in history if isinstance(history, list) else []:
        if isinstance(entry, dict):
            turns.setdefault(name(entry.get("turn")), []).append(entry)
    for entries in turns.values():
        path += [{"role": "user", "content": entry.get("content")} for entry in entries if entry.get("role") == "user"]
        answers = [entry for entry in entries if entry.get("role") != "user"]
        best = next((entry for entry in answers if code(entry.get("if_chosen"), CHOSEN)), None)
        yield from _against_rest(source, list(path), answers, best, "content")
        if best is not None:
            path.append({"role": "assistant", "content": best.get("content")})


def _against_rest(
    source: Record, prompt: Any, answers: list[Fields], best: Fields | None, content: str
) -> Iterator[Outcome]:
    if len(answers) < 2 or best is None:
        yield Skip(source, "single_response" if len(answers) < 2 else "no_label")
        return
    who = name(source.value.get("user_id"))
    for other in answers:
        if other is best:
            continue
        scores = number(best.get("score")), number(other.get("score"))
        gap = None if scores[0] is None or scores[1] is None else scores[0] - scores[1]
        yield Comparison(
            source,
            prompt_of(prompt),
            reply_text(best.get(content)),
            reply_text(other.get(content)),
            votes=(Vote(who, 1),),
            strength=gap,
            model_first=name(best.get("model_name")),
            model_second=name(other.get("model_name")),
            group=name(source.value.get("conversation_id")),
        )


def _prism_rows(records: Any, criterion: str | None) -> Iterator[Outcome]:
    gathered: dict[Any, list[Record]] = {}
    for source in records:
        if "conversation_history" in source.value:
            yield from _prism(source)
        else:
            gathered.setdefault(name(source.value.get("interaction_id")), []).append(source)
    for entries in gathered.values():
        fields = [source.value for source in entries]
        best = next((value for value in fields if code(value.get("if_chosen"), CHOSEN)), None)
        yield from _against_rest(entries[0], first_of("user_prompt")(fields[0]), fields, best, "model_response")


add(
    Format(
        "prism",
        "PRISM",
        (
            {"conversation_id": anything, "user_id": anything, "conversation_history": rows},
            {"interaction_id": anything, "user_prompt": text, "model_response": text, "if_chosen": anything},
        ),
        _prism_rows,
        frozenset(
            {
                "conversation_id",
                "user_id",
                "conversation_history",
                "opening_prompt",
                "interaction_id",
                "utterance_id",
                "user_prompt",
                "model_response",
                "model_name",
                "model_provider",
                "score",
                "if_chosen",
                "within_turn_id",
                "open_feedback",
            }
        ),
    )
)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


QUALITIES = ("overall", "correctness", "selection")


def _squality(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    for source in records:
        yield from _passage(source, f"{criterion or QUALITIES[0]}-rating")


def _passage(source: Record, rating: str) -> Iterator[Outcome]:
    """Each two systems' summaries of a question; each worker's ratings are a vote."""
    questions = source.value.get("questions")
    entries = questions.values() if isinstance(questions, dict) else questions if isinstance(questions, list) else []
    for place, systems in enumerate(entries):
        if not isinstance(systems, dict):
            yield Skip(source, "bad_record")
            continue
        names = [system for system, said in systems.items() if isinstance(said, dict) and "response" in said]
        ratings = [
            {
                name(review.get("worker_id")): number(review.get(rating))
                for review in _list(systems[system].get("reviews"))
                if isinstance(review, dict)
            }
            for system in names
        ]
        prompt = prompt_of(f"passage {source.value.get('passage-id')}, question {place}")
        for i, first in enumerate(names):
            for j in range(i + 1, len(names)):
                votes = []
                for who, mine in ratings[i].items():
                    theirs = ratings[j].get(who)
                    if mine is not None and theirs is not None:
                        votes.append(Vote(who, (mine > theirs) - (mine < theirs), None, abs(mine - theirs)))
                yield Comparison(
                    source,
                    prompt,
                    reply_text(systems[first]["response"]),
                    reply_text(systems[names[j]]["response"]),
                    votes=tuple(votes),
                    model_first=first,
                    model_second=names[j],
                    group=name(source.value.get("passage-id")),
                )


add(
    Format(
        "squality",
        "SQuALITY human evaluation",
        ({"passage-id": anything, "questions": anything},),
        _squality,
        frozenset({"passage-id", "questions"}),
        criteria=QUALITIES,
    )
)
