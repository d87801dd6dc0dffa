"""The handful of shapes that nearly all preference data takes; a format is a declaration on one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.formats import Outcome, Reader
from rmexplorer.data.records import Comparison, Record, Skip, Vote
from rmexplorer.data.texts import (
    Split,
    Text,
    as_messages,
    joined,
    prompt_text,
    reply_text,
    split_chats,
    split_texts,
    split_transcripts,
)
from rmexplorer.problem import Problem

Fields = dict[str, Any]
Absent = object()
MOST_PAIRS = 100_000
NO_OTHERS: Mapping[str, float | None] = {}
Get = Callable[[Fields], Any]


def first_of(*keys: str) -> Get:
    """The first of these fields that the record has; Absent where it has none."""

    def get(fields: Fields) -> Any:
        return next((fields[key] for key in keys if key in fields), Absent)

    return get


def parts(*keys: str) -> Get:
    """The texts of these fields joined by a blank line; None where all are null, Absent where none is there."""

    def get(fields: Fields) -> Any:
        there = [fields[key] for key in keys if key in fields]
        if not there:
            return Absent
        return joined(*there) if any(isinstance(part, str) for part in there) else None

    return get


def summary_prompt(fields: Fields) -> Any:
    """Title and post, or title and article, of summarize_from_feedback."""
    info = fields.get("info")
    if not isinstance(info, dict):
        return None
    return parts("title", "post" if info.get("post") is not None else "article")(info)


def number(value: Any) -> float | None:
    """A finite number, also from text or a list of one; None for anything else."""
    if isinstance(value, str) and value[:1] == "[":
        value = parsed_cell(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def code(value: Any, codes: Mapping[str, int]) -> int | None:
    """The winner (1, 0, -1) that a label means; None where it is not among the codes. Case and blanks do not matter."""
    if value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    said = str(value).strip().lower()
    if said not in codes and said.endswith(".0"):
        said = said[:-2]
    return codes.get(said)


def named(value: Any, fields: Fields, models: tuple[str, str] = ("model_a", "model_b")) -> int | None:
    """The winner where a label is the name of one of two different models; None where it is not."""
    said, *both = (str(one).strip().lower() for one in (value, *(fields.get(key) for key in models)))
    if value is None or both[0] == both[1] or said not in both:
        return None
    return 1 if said == both[0] else -1


def sign(value: float | None, first_is: int = 1) -> int | None:
    """The winner by the sign of a number; `first_is` is the sign that favours the first."""
    return None if value is None else first_is * ((value > 0) - (value < 0))


def name(value: Any) -> str | None:
    """A model or annotator name as text; None where there is none. The parts of one in a list are joined."""
    if isinstance(value, str) and value.startswith("["):
        value = parsed_cell(value) or value
    if isinstance(value, list):
        return "-".join(map(str, value)) or None
    return None if value is None or isinstance(value, dict) or value == "" else str(value)


def prompt_of(value: Any) -> Text | None:
    """A prompt as text, from text or from a chat; no prompt at all is an empty one, a null one is missing."""
    if value is Absent:
        return Text("")
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, Text):
        return value
    messages = as_messages(value)
    return None if messages is None else prompt_text(messages)


def split(prompt: Any, first: Any, second: Any, system: Any = None) -> Split:
    """The prompt and the two replies of a record, whatever of texts, chats and transcripts they come as.

    prompt: text, chat, None (missing) or Absent (it stands within both replies).
    """
    lead = system if isinstance(system, str) and system else None
    one, two = as_messages(first), as_messages(second)
    if one is not None and two is not None:
        return _split_two_chats(prompt, one, two, lead)
    if prompt is Absent and isinstance(first, str) and isinstance(second, str):
        heads = (first.lstrip("\n"), second.lstrip("\n"))
        tagged = all(head.startswith(("Human:", "Assistant:")) for head in heads)
        return split_transcripts(first, second) if tagged else split_texts(first, second)
    before = as_messages(prompt)
    if before is not None and lead is not None:
        prompt = [{"role": "system", "content": lead}, *before]
    elif isinstance(prompt, str) and lead is not None:
        prompt = joined(lead, prompt)
    return Split(prompt_of(prompt), reply_text(first), reply_text(second))


def _split_two_chats(prompt: Any, one: list[Fields], two: list[Fields], lead: str | None) -> Split:
    before = as_messages(prompt) or []
    whole = bool(one and two and one[0] == two[0] and one[0]["role"] != "assistant")
    if isinstance(prompt, str) and not whole:
        before = [{"role": "user", "content": prompt}]
    if lead is not None and not whole:
        before = [{"role": "system", "content": lead}, *before]
    cut = split_chats(one, two, before)
    return Split(None, *cut[1:]) if prompt is None and not whole else cut


def scored(fields: Fields, keys: Iterable[tuple[str, str]]) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Both scores of a record by the first of `keys` that it has any of, and these keys; nothing where it has none."""
    for first, second in keys:
        if first in fields or second in fields:
            return number(fields.get(first)), number(fields.get(second)), (first, second)
    return None, None, ()


def _group(fields: Fields, keys: Iterable[str]) -> str | None:
    return next((str(fields[key]) for key in keys if fields.get(key) is not None), None)


@dataclass(frozen=True)
class Chosen:
    """Records that name the winner by column.

    label_scores: fields whose difference is the strength and which tie where equal; rewards: scores of a model,
    which decide nothing; models: who wrote the two; group: leakage keys; tie: records that say so.
    """

    prompt: Get
    chosen: Get
    rejected: Get
    system: str = "system"
    label_scores: tuple[tuple[str, str], ...] = ()
    rewards: tuple[tuple[str, str], ...] = ()
    models: tuple[tuple[str, str], ...] = (("chosen_model", "rejected_model"), ("chosen-model", "rejected-model"))
    margin: str = "margin"
    group: tuple[str, ...] = ()
    tie: Callable[[Fields], bool] = lambda fields: False

    def __call__(self, record: Record) -> Iterator[Outcome]:
        """The comparison of one record."""
        fields = record.value
        chosen, rejected = self.chosen(fields), self.rejected(fields)
        if chosen is Absent and rejected is Absent:
            yield Skip(record, "unpaired" if "label" in fields or "completion" in fields else "missing_response")
            return
        cut = split(self.prompt(fields), chosen, rejected, fields.get(self.system))
        good, bad, _ = scored(fields, self.label_scores)
        rewards = scored(fields, self.rewards)
        strength = number(fields.get(self.margin))
        if strength is None and good is not None and bad is not None:
            strength = good - bad
        equal = (good is not None and good == bad) or self.tie(fields)
        models = next((keys for keys in self.models if keys[0] in fields), ("", ""))
        yield Comparison(
            record,
            *cut,
            winner=0 if equal else 1,
            strength=strength,
            score_first=rewards[0],
            score_second=rewards[1],
            score_columns=rewards[2],
            model_first=name(fields.get(models[0])),
            model_second=name(fields.get(models[1])),
            group=_group(fields, self.group),
        )


class Label(NamedTuple):
    """What a record says of its two responses."""

    winner: int | None
    strength: float | None = None
    votes: tuple[Vote, ...] = ()
    p_first: float | None = None
    others: tuple[tuple[str, int], ...] = ()


def simple(field: str, codes: dict[str, int]) -> Callable[[Fields, str | None], Label]:
    """A label that is one field with one code a winner, or the name of the model that wins."""

    def label(fields: Fields, criterion: str | None) -> Label:
        by_model = named(fields.get(field), fields)
        return Label(code(fields.get(field), codes) if by_model is None else by_model)

    return label


@dataclass(frozen=True)
class TwoResponses:
    """Records of two responses and a code for the winner. label: (fields, criterion) → Label; judge: field that
    names who."""

    prompt: Get
    first: Get
    second: Get
    label: Callable[[Fields, str | None], Label]
    judge: str = ""
    time: str = ""
    models: tuple[str, str] = ("model_a", "model_b")
    rewards: tuple[tuple[str, str], ...] = ()
    group: tuple[str, ...] = ()

    def __call__(self, records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
        """The comparisons of the records."""
        for record in records:
            fields = record.value
            first, second = self.first(fields), self.second(fields)
            if first is Absent and second is Absent and "label" in fields:
                yield Skip(record, "unpaired")
                continue
            label = self.label(fields, criterion)
            votes, winner = label.votes, label.winner
            judge = name(fields.get(self.judge)) if self.judge else None
            if judge is not None and winner is not None:
                votes = (Vote(judge, winner, name(fields.get(self.time)) if self.time else None, label.strength),)
                winner = None
            rewards = scored(fields, self.rewards)
            yield Comparison(
                record,
                *split(self.prompt(fields), first, second),
                winner=winner,
                votes=votes,
                strength=None if votes and winner is None else label.strength,
                p_first=label.p_first,
                score_first=rewards[0],
                score_second=rewards[1],
                score_columns=tuple(key for key in rewards[2] if not key.startswith("_")),
                model_first=name(fields.get(self.models[0])),
                model_second=name(fields.get(self.models[1])),
                group=_group(fields, self.group),
                others=label.others,
            )


class Item(NamedTuple):
    """One of several responses to a prompt: its text, its score (larger is better; None: unranked) and who wrote it.

    others: its scores by the criteria that were not chosen.
    """

    response: Any
    score: float | None
    model: str | None = None
    record: Record | None = None
    others: Mapping[str, float | None] = NO_OTHERS


def all_pairs(
    record: Record,
    prompt: Text | None,
    items: Sequence[Item],
    ranks: bool = False,
    group: str | None = None,
    extras: Fields | None = None,
) -> Iterator[Outcome]:
    """Each two of several responses, i < j by position. ranks: the scores are negated ranks, so their difference
    is no strength."""
    if len(items) < 2:
        yield Skip(record, "single_response", prompt.text.strip() if prompt else "")
        return
    if len(items) * (len(items) - 1) // 2 > MOST_PAIRS:
        yield Skip(record, "too_many_responses", f"{len(items)} responses")
        return
    ranked = [item for item in items if item.score is not None]
    if len(items) > 2 or len(ranked) == 2:
        for item in items:
            if item.score is None:
                yield Skip(item.record or record, "unranked")
    else:
        ranked = list(items)
    for first, second in combinations(ranked, 2):
        gap = None if first.score is None or second.score is None else first.score - second.score
        yield Comparison(
            first.record or record,
            prompt,
            reply_text(first.response),
            reply_text(second.response),
            winner=sign(gap),
            strength=None if ranks or gap is None else abs(gap),
            model_first=first.model,
            model_second=second.model,
            group=group,
            others=_by_others(first, second),
            extras=extras or {},
        )


def _by_others(first: Item, second: Item) -> tuple[tuple[str, int], ...]:
    """The winner by each criterion that was not chosen, where both have a score by it."""
    found = []
    for criterion, mine in first.others.items():
        theirs = second.others.get(criterion)
        if mine is not None and theirs is not None:
            found.append((criterion, (mine > theirs) - (mine < theirs)))
    return tuple(found)


def each_with_all(
    record: Record,
    prompt: Any,
    chosen: Sequence[Any],
    rejected: Sequence[Any],
    models: Callable[[int], str | None] = lambda place: None,
) -> Iterator[Outcome]:
    """Each chosen response against each rejected one, chosen-major; `models` names the writer of a place in chosen
    + rejected."""
    if not chosen or not rejected:
        yield Skip(record, "single_response" if chosen or rejected else "missing_response")
    if len(chosen) * len(rejected) > MOST_PAIRS:
        yield Skip(record, "too_many_responses", f"{len(chosen)} chosen and {len(rejected)} rejected responses")
        return
    for i, good in enumerate(chosen):
        for j, bad in enumerate(rejected):
            yield Comparison(
                record, *split(prompt, good, bad), winner=1, model_first=models(i), model_second=models(len(chosen) + j)
            )


def row_a_response(
    prompt: Get,
    response: Get,
    score: Callable[[Fields, str | None], float | None],
    key: Get | None = None,
    model: str = "model",
    group: str = "",
    ranks: bool = False,
    others: Callable[[Fields, str | None], dict[str, float | None]] = lambda fields, criterion: {},
) -> Reader:
    """A reader of files with one scored response a row: the rows of one prompt make all pairs, where the first stands.

    score and others: (fields, criterion) → the score that decides, and those of the criteria that were not chosen.
    """

    def read(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
        gathered: dict[Any, list[Record]] = {}
        for record in records:
            value = (key or prompt)(record.value)
            gathered.setdefault(value if isinstance(value, str | int) else repr(value), []).append(record)
        if gathered and all(len(rows) == 1 for rows in gathered.values()):
            raise Problem(
                "this holds one rated response a prompt, so there is nothing to compare it with",
                "give at least two responses to the same prompt",
            )
        for rows in gathered.values():
            fields = rows[0].value
            items = [
                Item(
                    response(row.value),
                    score(row.value, criterion),
                    name(row.value.get(model)),
                    row,
                    others(row.value, criterion),
                )
                for row in rows
            ]
            yield from all_pairs(
                rows[0], prompt_of(prompt(fields)), items, ranks, _group(fields, (group,)) if group else None
            )

    return read
