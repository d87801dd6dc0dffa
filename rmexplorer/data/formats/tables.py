"""Formats of tables and campaigns: one-hot winners, free-text verdicts, mixed labels, Argilla exports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, digits, text
from rmexplorer.data.records import Record, Skip, Vote
from rmexplorer.data.shapes import (
    Chosen,
    Fields,
    Item,
    Label,
    TwoResponses,
    all_pairs,
    code,
    first_of,
    name,
    number,
    prompt_of,
    simple,
)
from rmexplorer.data.texts import encodable


def _turns(value: Any) -> Any:
    """The list of turns in a cell, decoded where it is JSON text; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            decoded = encodable(json.loads(value))
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, list) else value
    return value


def _chat(field: str) -> Callable[[Fields], Any]:
    """Prompts and replies of several turns as one conversation; a single turn stays a plain text."""

    def get(fields: Fields) -> Any:
        prompts, replies = _turns(fields.get("prompt")), _turns(fields.get(field))
        if not isinstance(prompts, list) or not isinstance(replies, list):
            return replies if isinstance(replies, str) else None
        if len(replies) == 1 == len(prompts):
            return replies[0]
        if len(prompts) < len(replies) or None in replies:
            return None
        return [
            {"role": role, "content": turn}
            for pair in zip(prompts, replies, strict=False)
            for role, turn in zip(("user", "assistant"), pair, strict=True)
        ]

    return get


def _arena_prompt(fields: Fields) -> Any:
    prompts = _turns(fields.get("prompt"))
    if not isinstance(prompts, list):
        return prompts
    return prompts[0] if len(prompts) == 1 else ""


_by_name = simple("winner", {
    "model_a": 1, "model_b": -1, "a": 1, "b": -1, "response_a": 1, "response_b": -1, "tie": 0, "tie (bothbad)": 0,
})


def _one_hot(fields: Fields, criterion: str | None) -> Label:
    if "winner" in fields:
        return _by_name(fields, criterion)
    hot = [number(fields.get(key)) for key in ("winner_model_a", "winner_model_b", "winner_tie")]
    return Label((1, -1, 0)[hot.index(1.0)] if hot.count(1.0) == 1 else None)


add(
    Format(
        "lmsys_55k",
        "LMSYS human preferences (Kaggle)",
        (
            {
                "prompt": anything,
                "response_a": anything,
                "response_b": anything,
                "winner_model_a": digits,
                "winner_model_b": digits,
                "winner_tie": digits,
            },
            {"prompt": text, "response_a": text, "response_b": text, "model_a": text, "model_b": text, "winner": text},
        ),
        TwoResponses(_arena_prompt, _chat("response_a"), _chat("response_b"), _one_hot),
        frozenset(
            {
                "id",
                "model_a",
                "model_b",
                "prompt",
                "response_a",
                "response_b",
                "winner",
                "winner_model_a",
                "winner_model_b",
                "winner_tie",
            }
        ),
    )
)

_VERDICT = re.compile(r"\b(?:text|sequence|option|continuation)\s*([12])\b|\b(both|neither|tie|equal)\b", re.IGNORECASE)


def _free_text(fields: Fields, criterion: str | None) -> Label:
    """The first text that the answer names wins; `neither` and `both` alone are a tie."""
    found = [match.group(1) for match in _VERDICT.finditer(str(fields.get("Answer.utterance") or ""))]
    named = next((which for which in found if which), None)
    if named is not None:
        return Label(1 if named == "1" else -1)
    return Label(0 if found else None)


def _order_models(records: Iterable[Record]) -> Iterator[Record]:
    for source in records:
        both = str(source.value.get("Input.Order", "")).split(",")
        if len(both) == 2:
            source.value["model_a"], source.value["model_b"] = (part.strip() for part in both)
        yield source


_MTURK = TwoResponses(
    first_of("Input.Prefix"), first_of("Input.First"), first_of("Input.Second"), _free_text, judge="WorkerId"
)
add(
    Format(
        "mturk_ab",
        "Mechanical Turk batch of A/B questions",
        ({"WorkerId": anything, "Input.First": text, "Input.Second": text, "Answer.utterance": text},),
        lambda records, criterion: _MTURK(_order_models(records), criterion),
        frozenset(
            {
                "HITId",
                "WorkerId",
                "Input.Prefix",
                "Input.First",
                "Input.Second",
                "Input.Order",
                "Answer.utterance",
                "AssignmentId",
                "HITTypeId",
                "Title",
                "Description",
                "Keywords",
                "Reward",
                "CreationTime",
                "RequesterAnnotation",
                "AcceptTime",
                "SubmitTime",
                "AutoApprovalTime",
                "ApprovalTime",
                "Expiration",
                "",
            }
        ),
        merging=True,
    )
)

_BOOL_CODES = {"true": 1, "false": -1, "equally good": 0}
_WRITER_CRITERIA = ("overall", "informative")


def _better_writer(fields: Fields, criterion: str | None) -> Label:
    said = {one: code(fields.get(f"{one}_writer_better"), _BOOL_CODES) for one in _WRITER_CRITERIA}
    winner = said.pop(criterion or "overall")
    return Label(winner, others=tuple((one, other) for one, other in said.items() if other is not None))


add(
    Format(
        "bool_or_string_label",
        "News summaries compared (Zhang et al.)",
        (
            {
                "article_text": text,
                "writer_summary": text,
                "text-davinci-002_summary": text,
                "overall_writer_better": anything,
            },
        ),
        TwoResponses(
            first_of("article_text"),
            first_of("writer_summary"),
            first_of("text-davinci-002_summary"),
            _better_writer,
            judge="evaluator_id",
            group=("article_id",),
        ),
        frozenset(
            {
                "article_id",
                "evaluator_id",
                "article_text",
                "writer_summary",
                "text-davinci-002_summary",
                "overall_writer_better",
                "informative_writer_better",
            }
        ),
        merging=True,
        criteria=_WRITER_CRITERIA,
    )
)


def _argilla(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    for record in records:
        fields = record.value
        question = next((key[: -len(".responses")] for key in fields if key.endswith(".responses")), None)
        if question is not None:
            yield from _argilla_two(record, question)
            continue
        asked = next((key[: -len("-suggestion")] for key in fields if key.endswith("-suggestion")), None)
        answers = sorted(key for key in fields if re.fullmatch(r"response-?\d+", key))
        if asked is None or len(answers) < 2:
            yield Skip(record, "missing_response")
            continue
        yield from _argilla_one(record, fields.get(asked), answers)


def _argilla_two(record: Record, question: str) -> Iterator[Outcome]:
    """Argilla 2: the answers, their users and their status are parallel lists; drafts and discarded ones are no
    votes."""
    fields = record.value
    said, users, states = (fields.get(f"{question}.responses{part}") for part in ("", ".users", ".status"))
    votes = []
    for place, value in enumerate(said if isinstance(said, list) else []):
        state = states[place] if isinstance(states, list) and place < len(states) else "submitted"
        choice = code(value, {"chosen": 1, "rejected": -1, "tie": 0})
        if state == "submitted" and choice is not None:
            votes.append(Vote(name(users[place]) if isinstance(users, list) and place < len(users) else None, choice))
    for outcome in Chosen(first_of("prompt"), first_of("chosen"), first_of("rejected"))(record):
        if not isinstance(outcome, Skip):
            outcome.winner, outcome.votes = None, tuple(votes)
        yield outcome


def _argilla_one(record: Record, entries: Any, answers: list[str]) -> Iterator[Outcome]:
    """Argilla 1: each submitted answer ranks the responses; each ranking votes on each two of them."""
    ballots: list[tuple[str | None, dict[str, float]]] = []
    for entry in entries if isinstance(entries, list) else []:
        if (
            isinstance(entry, dict)
            and entry.get("status", "submitted") == "submitted"
            and isinstance(entry.get("value"), list)
        ):
            ranks = {
                str(item.get("value")): number(item.get("rank")) for item in entry["value"] if isinstance(item, dict)
            }
            ballots.append(
                (name(entry.get("user_id")), {key: -rank for key, rank in ranks.items() if rank is not None})
            )
    fields = record.value
    places = {key: place for place, key in enumerate(answers)}
    items = [Item(fields.get(key), -float(place)) for key, place in places.items()]
    sides = list(combinations(answers, 2))
    for number_of_pair, outcome in enumerate(
        all_pairs(record, prompt_of(first_of("prompt")(fields)), items, ranks=True)
    ):
        if not isinstance(outcome, Skip):
            first, second = sides[number_of_pair]
            outcome.winner = None
            outcome.votes = tuple(
                Vote(who, (ranks[first] > ranks[second]) - (ranks[first] < ranks[second]))
                for who, ranks in ballots
                if first in ranks and second in ranks
            )
        yield outcome


add(
    Format(
        "argilla",
        "Argilla export",
        (
            {"prompt": text, "response-1": text, "response-2": text, "preference": anything},
            {
                "prompt": text,
                "chosen": text,
                "rejected": text,
                "better.responses": anything,
                "better.responses.status": anything,
            },
            {"chosen": text, "rejected": text, "id": anything, "status": text},
        ),
        _argilla,
        frozenset({"prompt", "response-1", "response-2", "chosen", "rejected", "id", "external_id", "metadata"}),
    )
)
