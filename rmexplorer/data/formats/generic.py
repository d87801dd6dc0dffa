"""Files of no named format whose columns have obvious names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, Test, add, anything
from rmexplorer.data.records import Record
from rmexplorer.data.shapes import Absent, Chosen, Fields, Label, TwoResponses, code, first_of
from rmexplorer.data.texts import is_messages

PROMPTS = (
    "prompt",
    "instruction",
    "question",
    "query",
    "input",
    "context",
    "conversation",
    "history",
    "post",
    "user_prompt",
)
CHOSEN = (
    "chosen",
    "chosen_response",
    "response_chosen",
    "preferred",
    "preferred_response",
    "preferred_output",
    "winner_response",
    "better",
    "better_response",
    "accepted",
    "accepted_response",
    "response_j",
    "positive",
    "good",
    "win",
    "pos",
)
REJECTED = (
    "rejected",
    "rejected_response",
    "response_rejected",
    "dispreferred",
    "dispreferred_response",
    "non_preferred_output",
    "loser_response",
    "worse",
    "worse_response",
    "refused",
    "refused_response",
    "response_k",
    "negative",
    "bad",
    "lose",
    "neg",
)
STEMS = ("response", "answer", "output", "completion", "reply", "text", "summary", "model", "assistant", "generation")
SIDES = (("a", "b"), ("1", "2"), ("0", "1"), ("A", "B"), ("first", "second"), ("left", "right"))
WINNERS = (
    "winner",
    "label",
    "preference",
    "preferred",
    "choice",
    "better",
    "verdict",
    "vote",
    "human_preference",
    "result",
)
WORDS = {
    "a": 1,
    "b": -1,
    "model_a": 1,
    "model_b": -1,
    "response_a": 1,
    "response_b": -1,
    "a>b": 1,
    "b>a": -1,
    "a=b": 0,
    "first": 1,
    "second": -1,
    "left": 1,
    "right": -1,
    "tie": 0,
    "both": 0,
    "equal": 0,
    "same": 0,
    "draw": 0,
    "[[a]]": 1,
    "[[b]]": -1,
    "[[c]]": 0,
    "model_1": 1,
    "model_2": -1,
    "response_1": 1,
    "response_2": -1,
    "output_1": 1,
    "output_2": -1,
    "tie (bothbad)": 0,
    "neither": 0,
}
ONE_BASED = {**WORDS, "1": 1, "2": -1, "0": 0}
ZERO_BASED = {**WORDS, "0": 1, "1": -1, "-1": 0}


def reply(value: Any) -> bool:
    """A text or a chat."""
    return isinstance(value, str) or is_messages(value)


def _named(value: Any) -> bool:
    return code(value, WORDS) is not None


def _counted(value: Any) -> bool:
    return code(value, {"1": 1, "2": -1}) is not None or _named(value)


_COLUMNS = tuple((good, bad) for good, bad in zip(CHOSEN, REJECTED, strict=True))


def _chosen(record: Record) -> Iterator[Outcome]:
    good, bad = next(((a, b) for a, b in _COLUMNS if a in record.value and b in record.value), ("chosen", "rejected"))
    yield from Chosen(first_of(*PROMPTS), first_of(good), first_of(bad))(record)


def _sides(fields: Fields) -> tuple[str, str] | None:
    for stem in STEMS:
        for left, right in SIDES:
            for joint in ("_", "", "-", " "):
                first, second = f"{stem}{joint}{left}", f"{stem}{joint}{right}"
                if first in fields and second in fields and reply(fields[first] or ""):
                    return first, second
    return None


def _side(place: int) -> Callable[[Fields], Any]:
    def get(fields: Fields) -> Any:
        sides = _sides(fields)
        return fields[sides[place]] if sides else Absent

    return get


def _label(fields: Fields, criterion: str | None) -> Label:
    sides = _sides(fields)
    zero = sides is not None and sides[0][-1] == "0"
    return Label(code(first_of(*WINNERS)(fields), ZERO_BASED if zero else ONE_BASED))


_TWO = TwoResponses(first_of(*PROMPTS), _side(0), _side(1), _label)


def _read(records: Any, criterion: str | None) -> Iterator[Outcome]:
    for record in records:
        if any(a in record.value and b in record.value for a, b in _COLUMNS):
            yield from _chosen(record)
        else:
            yield from _TWO([record], criterion)


_NAMED: tuple[dict[str, Test], ...] = tuple({good: reply, bad: reply} for good, bad in _COLUMNS)
_ZERO: tuple[dict[str, Test], ...] = tuple(
    {f"{stem}{joint}0": reply, f"{stem}{joint}1": reply, winner: anything}
    for stem in STEMS
    for joint in ("_", "")
    for winner in WINNERS
)
_OTHERS: tuple[dict[str, Test], ...] = tuple(
    {f"{stem}{joint}{left}": reply, f"{stem}{joint}{right}": reply, winner: _counted}
    for stem in STEMS
    for left, right in SIDES
    if left != "0"
    for joint in ("_", "", "-", " ")
    for winner in WINNERS
)
_USED = frozenset(
    {
        *PROMPTS,
        *CHOSEN,
        *REJECTED,
        *WINNERS,
        *(
            f"{stem}{joint}{side}"
            for stem in STEMS
            for sides in SIDES
            for side in sides
            for joint in ("_", "", "-", " ")
        ),
    }
)
add(
    Format(
        "generic",
        "columns recognised by name",
        (*_NAMED, *_ZERO, *_OTHERS),
        _read,
        _USED,
        bonus=-0.5,
    )
)
