"""What a mapping makes of records: the comparisons of two or of several responses, and a preview of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.formats import Format, Outcome
from rmexplorer.data.mapping import MEANINGS, MODELS, PROBABILITIES, SIGNED, Mapping, at, check, named_place, said
from rmexplorer.data.meanings import degree, meaning
from rmexplorer.data.records import Comparison, Record, Skip, Vote
from rmexplorer.data.shapes import Absent, Item, all_pairs, name, named, number, row_a_response, sign, split
from rmexplorer.data.texts import Text, joined, reply_text
from rmexplorer.problem import Problem


def _prompt(mapping: Mapping, fields: dict[str, Any]) -> Any:
    there = [value for column in mapping.columns("prompt") if (value := at(fields, column)) is not Absent]
    if len(there) == 1:
        return there[0]
    if not there:
        return Absent if not mapping.columns("prompt") else None
    return joined(*there) if any(isinstance(part, str) for part in there) else None


def choice(mapping: Mapping, fields: dict[str, Any], column: str, first: Any, second: Any) -> int | None:
    """The winner that a column of a record names; None for no label."""
    value = at(fields, column)
    if value is Absent or value is None:
        return None
    if mapping.rule in SIGNED:
        return sign(_signed(mapping, value), 1 if mapping.rule == "positive_first" else -1)
    if mapping.rule in PROBABILITIES:
        share = _p_first(mapping, value)
        return None if share is None else sign(share - 0.5)
    if mapping.rule == "same_text":
        return 1 if value == first else -1 if value == second else None
    if mapping.rule == "by_name":
        winner = named(value, {side: at(fields, mapping.column(side) or "") for side in MODELS}, MODELS)
        return 0 if winner is None and meaning(value, ("a", "b"), ("", "")) == "tie" else winner
    return MEANINGS[mapping.folded.get(said(value), "skip")]


def _signed(mapping: Mapping, value: Any) -> float | None:
    """How far a number lies above the middle of its scale."""
    found = number(value)
    return None if found is None else found - mapping.middle


def _p_first(mapping: Mapping, value: Any) -> float | None:
    """The probability that the first response is better; None where a cell holds none."""
    found = number(value) if mapping.rule in PROBABILITIES else None
    if found is None or not 0 <= found <= 1:
        return None
    return found if mapping.rule == "probability_first" else 1 - found


def _strength(mapping: Mapping, fields: dict[str, Any]) -> float | None:
    """How much better the winner is: by the column of that, by two scores, or by the winner column's own words."""
    column = mapping.column("strength")
    if column is not None:
        value = at(fields, column)
        grade = number(value)
        grade = degree(value) if grade is None else grade
        return grade if grade is None or mapping.column("chosen") is not None else abs(grade)
    gap = _gap(mapping, fields)
    if gap is not None:
        return abs(gap)
    value = at(fields, mapping.column("winner") or "")
    if mapping.rule in SIGNED:
        signed = _signed(mapping, value)
        return None if signed is None else abs(signed)
    return degree(value) if mapping.graded else None


def _gap(mapping: Mapping, fields: dict[str, Any]) -> float | None:
    """The difference of the scores of response A and B."""
    known = [score for column in mapping.measures if (score := number(at(fields, column))) is not None]
    return known[0] - known[1] if len(mapping.measures) == len(known) == 2 else None


def comparisons(mapping: Mapping, records: Iterable[Record], criterion: str | None = None) -> Iterator[Outcome]:
    """The comparisons of records as a mapping says; what has no readable winner is skipped as `no_label`.

    criterion: the column of another criterion that names the winner instead.
    """
    if mapping.column("responses") is not None:
        yield from _several(mapping, records)
        return
    chosen = mapping.column("chosen") is not None
    one, two = (
        mapping.column(role) or "" for role in (("chosen", "rejected") if chosen else ("response_a", "response_b"))
    )
    system, judge = (mapping.column(role) for role in ("system", "annotator"))
    decisive = mapping.column("winner") if criterion is None else criterion
    voters = mapping.columns("vote")
    beside = [column for column in mapping.columns("winner") + mapping.columns("criterion") if column != decisive]
    for record in records:
        fields = record.value
        first, second = at(fields, one), at(fields, two)
        if first is Absent and second is Absent:
            yield Skip(record, "missing_response")
            continue
        votes: tuple[Vote, ...] = ()
        if chosen:
            winner: int | None = 1
        elif decisive is not None:
            winner = choice(mapping, fields, decisive, first, second)
        else:
            winner = None if voters else sign(_gap(mapping, fields))
        strength = _strength(mapping, fields) if chosen or winner is not None or voters else None
        if voters:
            said_by = [(column, choice(mapping, fields, column, first, second)) for column in voters]
            votes = tuple(Vote(column, vote) for column, vote in said_by if vote is not None)
        elif judge is not None and winner is not None:
            who = name(at(fields, judge)) if at(fields, judge) is not Absent else None
            votes = (Vote(who, winner, None, strength),) if who is not None else ()
            winner, strength = (None, None) if votes else (winner, strength)
        others = [(column, choice(mapping, fields, column, first, second)) for column in beside]
        yield Comparison(
            record,
            *split(_prompt(mapping, fields), first, second, at(fields, system) if system is not None else None),
            winner=winner,
            votes=votes,
            strength=strength,
            p_first=_p_first(mapping, at(fields, decisive)) if decisive is not None and winner is not None else None,
            group=_group(mapping, fields),
            others=tuple((column, other) for column, other in others if other is not None),
            model_first=_model(mapping, fields, "model_a"),
            model_second=_model(mapping, fields, "model_b"),
            extras=_subset(mapping, fields),
        )


def _subset(mapping: Mapping, fields: dict[str, Any]) -> dict[str, Any]:
    parts = [str(value) for column in mapping.columns("subset") if (value := at(fields, column)) not in (None, Absent)]
    return {"subset": " / ".join(parts) or None} if mapping.columns("subset") else {}


def _list(fields: dict[str, Any], column: str) -> Any:
    """The value of a column, parsed where it is a list in a cell of a table."""
    value = at(fields, column)
    found = parsed_cell(value)
    return found if isinstance(found, list) else value


def _several(mapping: Mapping, records: Iterable[Record]) -> Iterator[Outcome]:
    """Records with several responses, in a list or a column each; or with one response and its rank or score a row."""
    columns, ranked = mapping.columns("responses"), bool(mapping.columns("ranks"))
    measure = mapping.column("ranks") or mapping.column("score") or ""
    rows = iter(records)
    start = list(islice(rows, 50))
    listed = len(columns) > 1 or any(isinstance(_list(record.value, columns[0]), list) for record in start)

    def score(value: Any) -> float | None:
        found = number(value)
        return None if found is None else -found if ranked else found

    def whole() -> Iterator[Record]:
        yield from start
        yield from rows

    if not listed:
        reader = row_a_response(
            lambda fields: _whole_prompt(mapping, fields) if mapping.column("system") else _prompt(mapping, fields),
            lambda fields: None if (value := at(fields, columns[0])) is Absent else value,
            lambda fields, criterion: score(at(fields, measure)),
            model=mapping.column("model") or "",
            ranks=ranked,
        )
        yield from reader(whole(), None)
        return
    for record in whole():
        responses = responses_of(record.value, columns)
        if responses is None:
            yield Skip(record, "missing_response")
        elif mapping.column("winner") is not None and not ranked and not mapping.columns("score"):
            yield from (_judged(mapping, one) for one in _best_of(mapping, record, responses))
        else:
            yield from (_judged(mapping, one) for one in _measured(mapping, record, responses, score))


def _judged(mapping: Mapping, outcome: Outcome) -> Outcome:
    """The comparison as a vote of the annotator that the record names."""
    judge = mapping.column("annotator")
    value = at(outcome.record.value, judge) if judge is not None else None
    if isinstance(outcome, Comparison) and outcome.winner is not None and (who := name(value)) and value is not Absent:
        outcome.votes = (Vote(who, outcome.winner, None, outcome.strength),)
        outcome.winner = outcome.strength = None
    return outcome


def _whole_prompt(mapping: Mapping, fields: dict[str, Any]) -> Text | None:
    """The prompt with what the system column says before it."""
    system = mapping.column("system")
    return split(_prompt(mapping, fields), "", "", at(fields, system) if system is not None else None).prompt


def responses_of(fields: dict[str, Any], columns: list[str]) -> list[Any] | None:
    """The responses of a record; one that is not there is None."""
    if len(columns) == 1:
        found = _list(fields, columns[0])
        return found if isinstance(found, list) else None
    values = [at(fields, column) for column in columns]
    found = [None if value is Absent or value == "" else value for value in values]
    return found if any(value is not None for value in found) else None


def _measured(
    mapping: Mapping, record: Record, responses: list[Any], score: Callable[[Any], float | None]
) -> Iterator[Outcome]:
    """Each two responses by their ranks or scores, which are in a list or in as many columns as the responses."""
    ranked = bool(mapping.columns("ranks"))
    columns, fields = mapping.measures, record.value
    measures = _list(fields, columns[0]) if len(columns) == 1 else [at(fields, column) for column in columns]
    models = models_of(mapping, fields, len(responses))
    if mapping.rule == "best_first":
        measures = ranks_of_order(measures, mapping.columns("responses"), len(responses), models)
    if not isinstance(measures, list) or len(responses) != len(measures):
        yield Skip(record, "unranked")
        return
    items = [
        Item(one, score(value), model) for one, value, model in zip(responses, measures, models, strict=True) if one is not None
    ]
    for _ in range(len(responses) - len(items)):
        yield Skip(record, "missing_response")
    yield from all_pairs(
        record, _whole_prompt(mapping, fields), items, ranked, _group(mapping, fields), _subset(mapping, fields)
    )


def ranks_of_order(order: Any, columns: list[str], count: int, models: Sequence[str | None] = ()) -> list[int] | None:
    """The rank of each of `count` responses, 1 the best, where their numbers (from 0 or from 1), letters, names or models
    are listed best first, or stand in a text as `B > A = C`; None where these do not name each of them once."""
    if isinstance(order, str) and ">" in order:
        steps = [step.split("=") for step in re.split(r">+", order)]
    elif isinstance(order, list):
        steps = [[one] for one in order]
    else:
        return None
    named = [(one, rank) for rank, step in enumerate(steps, 1) for one in step]
    numbers = [number(one) for one, _ in named]
    whole = [int(one) for one in numbers if one is not None and one.is_integer()]
    lowest = min(min(whole, default=0), 1)
    places = [one - lowest for one in whole]
    if not whole:
        places = [place for one, _ in named if (place := _called(one, columns, count, models)) is not None]
    if sorted(places) != list(range(count)) or len(named) != count:
        return None
    return [rank for _, rank in sorted(zip(places, (rank for _, rank in named), strict=True))]


def _best_of(mapping: Mapping, record: Record, responses: list[Any]) -> Iterator[Outcome]:
    """The best response against each of the others, in the order of their places."""
    fields = record.value
    prompt = _whole_prompt(mapping, fields)
    models = models_of(mapping, fields, len(responses))
    best = best_place(mapping, at(fields, mapping.column("winner") or ""), responses, models)
    if best is None or responses[best] is None:
        yield Skip(record, "no_label", prompt.text.strip() if prompt else "")
        return
    if len(responses) < 2:
        yield Skip(record, "single_response", prompt.text.strip() if prompt else "")
    for place, other in enumerate(responses):
        if place == best:
            continue
        if other is None:
            yield Skip(record, "missing_response")
            continue
        first, second = (best, place) if best < place else (place, best)
        yield Comparison(
            record,
            prompt,
            reply_text(responses[first]),
            reply_text(responses[second]),
            winner=1 if first == best else -1,
            strength=_strength(mapping, fields) if mapping.column("strength") is not None else None,
            model_first=models[first],
            model_second=models[second],
            group=_group(mapping, fields),
            extras=_subset(mapping, fields),
        )


def models_of(mapping: Mapping, fields: dict[str, Any], count: int) -> list[str | None]:
    """Who wrote each of `count` responses; None where that is not said."""
    columns = mapping.writers
    values = _list(fields, columns[0]) if len(columns) == 1 else [at(fields, column) for column in columns]
    if not isinstance(values, list) or len(values) != count:
        return [None] * count
    return [None if value is Absent else name(value) for value in values]


def _called(value: Any, columns: list[str], count: int, models: Sequence[str | None]) -> int | None:
    """The place of the response that a cell names by its model or by its column; None where it names none, or two."""
    wanted = said(value)
    written = [place for place, model in enumerate(models) if model is not None and said(model) == wanted]
    column = named_place(wanted, columns, count)
    if not written:
        return column
    return written[0] if len(written) == 1 and column in (None, written[0]) else None


def best_place(mapping: Mapping, value: Any, responses: list[Any], models: Sequence[str | None]) -> int | None:
    """Which of several responses a cell names, from 0; None where it names none. models: who wrote each, as `models_of`."""
    if value is Absent or value is None:
        return None
    if mapping.rule == "same_text":
        return next((place for place, response in enumerate(responses) if response == value), None)
    if mapping.rule == "by_name":
        return _called(value, mapping.columns("responses"), len(responses), models)
    found = number(value)
    place = None if found is None or not found.is_integer() else int(found) - (mapping.rule == "from_one")
    return place if place is not None and 0 <= place < len(responses) else None


def _model(mapping: Mapping, fields: dict[str, Any], role: str) -> str | None:
    column = mapping.column(role)
    value = at(fields, column) if column is not None else None
    return None if value is Absent else name(value)


def _group(mapping: Mapping, fields: dict[str, Any]) -> str | None:
    column = mapping.column("group")
    key = at(fields, column) if column is not None else None
    return None if key is None or key is Absent else str(key)


def as_format(mapping: Mapping, identity: str = "mapped") -> Format:
    """The format of a mapping; raises Problem where it cannot be read by."""
    check(mapping)
    decisive = [*mapping.columns("winner"), *mapping.columns("criterion")]
    used = frozenset(column for column, role in mapping.roles.items() if role != "subset")
    return Format(
        identity,
        f"the mapping {mapping.name}" if mapping.name else "columns recognised by name",
        (),
        lambda records, criterion: comparisons(mapping, records, criterion),
        used,
        merging=mapping.column("annotator") is not None,
        criteria=tuple(decisive) if mapping.columns("criterion") else (),
        added=("subset",) if mapping.columns("subset") else (),
    )


@dataclass(frozen=True)
class Preview:
    """What a mapping makes of some records: the first comparisons, how many there are, and why others are skipped."""

    comparisons: list[Comparison]
    read: int
    skipped: dict[str, int]
    values: dict[str, int]


def preview(mapping: Mapping, records: Sequence[dict[str, Any]], n: int = 5) -> Preview:
    """The first `n` comparisons of records, the number of all, counts of reasons to skip, and of winner values.

    A mapping that lacks a role gives none. Never raises.
    """
    values: dict[str, int] = {}
    for record, column in product(records, mapping.verdicts):
        value = at(record, column)
        if value is not Absent and value is not None:
            values[said(value)] = values.get(said(value), 0) + 1
    if mapping.missing():
        return Preview([], 0, {}, values)
    kept: list[Comparison] = []
    read = 0
    skipped: dict[str, int] = {}
    try:
        for outcome in comparisons(mapping, [Record(record, row) for row, record in enumerate(records)]):
            reason = outcome.reason if isinstance(outcome, Skip) else _why_skipped(outcome)
            if reason or isinstance(outcome, Skip):
                skipped[reason] = skipped.get(reason, 0) + 1
                continue
            read += 1
            if len(kept) < n:
                kept.append(outcome)
    except Problem as problem:
        skipped[problem.what] = len(records)
    return Preview(kept, read, skipped, values)


def _why_skipped(comparison: Comparison) -> str:
    if comparison.prompt is None:
        return "missing_prompt"
    if comparison.first is None or comparison.second is None:
        return "missing_response"
    if comparison.first.text.strip() == comparison.second.text.strip():
        return "identical_responses"
    return "no_label" if comparison.winner is None and not comparison.votes else ""
