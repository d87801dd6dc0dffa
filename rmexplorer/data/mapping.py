"""Mappings: which column of an unknown file plays which role, and what the values of its winner column mean."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.formats import Format, Outcome
from rmexplorer.data.meanings import degree, is_graded, meaning, tokens
from rmexplorer.data.records import Comparison, Record, Skip, Vote
from rmexplorer.data.shapes import Absent, Item, all_pairs, name, named, number, row_a_response, sign, split
from rmexplorer.data.texts import Text, encodable, joined, reply_text
from rmexplorer.paths import atomic, config_dir
from rmexplorer.problem import Problem

ROLES = (
    "prompt", "system", "response_a", "response_b", "chosen", "rejected", "responses", "ranks", "winner", "vote",
    "criterion", "model_a", "model_b", "annotator", "score", "strength", "group", "subset", "ignore",
)  # fmt: skip
SINGLE = frozenset(ROLES) - {"prompt", "responses", "ranks", "vote", "criterion", "score", "subset", "ignore"}
MEANINGS = {"first": 1, "second": -1, "tie": 0, "skip": None}
SPOKEN = {
    "positive_first": "a positive number means the first",
    "negative_first": "a negative number means the first",
    "same_text": "it repeats the better response",
    "from_zero": "the responses are counted from 0",
    "from_one": "the responses are counted from 1",
    "by_name": "it names the best response, or its model",
    "best_first": "the numbers of the responses, best first",
}
MODELS = ("model_a", "model_b")
RULES = ("", *SPOKEN)
PLACES = ("from_zero", "from_one", "by_name", "same_text")
_NAME = re.compile(r"[\w .()+-]{1,80}")


@dataclass(frozen=True)
class Mapping:
    """What the columns of a file are.

    roles: column → one of ROLES; `a.b` is the field b within a, also of each entry of a list. Several prompt columns
    are joined, two score columns (of response A and B) are compared where no column names the winner; `responses` is
    a list, several columns of one response each, or a text where each row holds one response. `vote` columns name the
    winner by one annotator each, `criterion` columns by another criterion than the winner column; `strength` says how
    much better; `model_a` and `model_b` who wrote response A, or the chosen one, and response B.
    values: value of the columns that name a winner as text → a key of MEANINGS.
    rule: instead of values, `positive_first` or `negative_first` (the sign of a number), `same_text` (the winner column
    repeats the better response) or `by_name` (it names the model that wins). Of several responses it gives the number
    of the best (`from_zero`, `from_one`), its text, or the word that tells its column apart (`by_name`); with
    `best_first` the ranks column lists numbers of responses, best first.
    reasons: why each role was guessed; doubts: what a person should check.
    """

    roles: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    name: str = ""
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def columns(self, role: str) -> list[str]:
        """The columns of a role, in their order."""
        return [column for column, played in self.roles.items() if played == role]

    def column(self, role: str) -> str | None:
        """The first column of a role; None where none plays it."""
        return next(iter(self.columns(role)), None)

    def missing(self) -> str:
        """What is missing before records can be read, in words; empty where nothing is."""
        have = set(self.roles.values())
        if have & {"chosen", "rejected"}:
            lacks = {"chosen", "rejected"} - have
            return f"a column for the {' and the '.join(sorted(lacks))} response" if lacks else ""
        if have & {"response_a", "response_b"}:
            if not {"response_a", "response_b"} <= have:
                return "a column for the other response"
            decided = have & {"winner", "vote"} or len(self.columns("score")) == 2
            return "" if decided else "a column that names the winner, or two columns of scores"
        if "responses" in have:
            decided = have & {"ranks", "score"} or ("winner" in have and self.rule in PLACES)
            return "" if decided else "a column of ranks or scores, or one that names the best and how it does"
        return "columns for the responses"

    @cached_property
    def folded(self) -> dict[str, str]:
        """The meanings under the texts by which values are compared, so that one value has one meaning."""
        return {said(key): meaning for key, meaning in self.values.items()}

    @cached_property
    def graded(self) -> bool:
        """Whether the values of the winner column say how much better the winner is."""
        return any(is_graded(value) for value in self.values)

    @cached_property
    def measures(self) -> list[str]:
        """The columns of ranks, else of scores, in the order of the responses where their names say whose they are."""
        columns = self.columns("ranks") or self.columns("score")
        responses = self.columns("responses") or [*self.columns("response_a"), *self.columns("response_b")]
        marks, wanted = marks_of(columns), marks_of(responses)
        if len(columns) != len(responses) or not all(mark and marks.count(mark) == 1 for mark in wanted):
            return columns
        return [columns[marks.index(mark)] for mark in wanted]

    @property
    def verdicts(self) -> list[str]:
        """The columns that name a winner: the final one, then those of annotators, then those of other criteria."""
        return [column for role in ("winner", "vote", "criterion") for column in self.columns(role)]


def check(mapping: Mapping) -> Mapping:
    """The mapping itself; raises Problem where a role, value or rule is unknown, doubled or missing."""
    for column, role in mapping.roles.items():
        if role not in ROLES:
            raise Problem(f"the mapping gives {column} the unknown role {role!r}", f"choose one of {', '.join(ROLES)}")
    for role in SINGLE:
        if len(mapping.columns(role)) > 1:
            raise Problem(
                f"the mapping gives the role {role} to {' and '.join(mapping.columns(role))}", "give it to one column"
            )
    for value, counts_as in mapping.values.items():
        if counts_as not in MEANINGS:
            raise Problem(
                f"the mapping turns the value {value!r} into {counts_as!r}", f"choose one of {', '.join(MEANINGS)}"
            )
    if mapping.columns("vote") and mapping.columns("annotator"):
        raise Problem(
            f"the mapping gives votes both by column and by the annotator in {mapping.column('annotator')}",
            "leave one of the two roles out",
        )
    if mapping.rule not in RULES:
        raise Problem(f"the mapping has the unknown rule {mapping.rule!r}", f"choose one of {', '.join(RULES[1:])}")
    if mapping.missing():
        raise Problem(f"the mapping lacks {mapping.missing()}", "give that role to a column")
    return mapping


def at(fields: dict[str, Any], path: str) -> Any:
    """The value of a column, or of `a.b` within it (of a list: of each entry); Absent where it is not there.

    A list or an object may also be a text in a cell.
    """
    if path in fields:
        return fields[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = fields.get(head)
        if isinstance(inner, str):
            inner = parsed_cell(inner)
        if isinstance(inner, dict):
            return at(inner, rest)
        if isinstance(inner, list):
            return [
                found if (found := at(item, rest)) is not Absent else None for item in inner if isinstance(item, dict)
            ]
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return Absent


def _prompt(mapping: Mapping, fields: dict[str, Any]) -> Any:
    there = [value for column in mapping.columns("prompt") if (value := at(fields, column)) is not Absent]
    if len(there) == 1:
        return there[0]
    if not there:
        return Absent if not mapping.columns("prompt") else None
    return joined(*there) if any(isinstance(part, str) for part in there) else None


def said(value: Any) -> str:
    """A value of a winner column as the text that a mapping knows it by: without blanks at the ends, 1.0 as 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value).strip().lower()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def _choice(mapping: Mapping, fields: dict[str, Any], column: str, first: Any, second: Any) -> int | None:
    """The winner that a column of a record names; None for no label."""
    value = at(fields, column)
    if value is Absent or value is None:
        return None
    if mapping.rule in ("positive_first", "negative_first"):
        return sign(number(value), 1 if mapping.rule == "positive_first" else -1)
    if mapping.rule == "same_text":
        return 1 if value == first else -1 if value == second else None
    if mapping.rule == "by_name":
        winner = named(value, {side: at(fields, mapping.column(side) or "") for side in MODELS}, MODELS)
        return 0 if winner is None and meaning(value, ("a", "b"), ("", "")) == "tie" else winner
    return MEANINGS[mapping.folded.get(said(value), "skip")]


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
    if mapping.rule in ("positive_first", "negative_first"):
        signed = number(value)
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
            winner = _choice(mapping, fields, decisive, first, second)
        else:
            winner = None if voters else sign(_gap(mapping, fields))
        strength = _strength(mapping, fields) if chosen or winner is not None or voters else None
        if voters:
            said_by = [(column, _choice(mapping, fields, column, first, second)) for column in voters]
            votes = tuple(Vote(column, choice) for column, choice in said_by if choice is not None)
        elif judge is not None and winner is not None:
            who = name(at(fields, judge)) if at(fields, judge) is not Absent else None
            votes = (Vote(who, winner, None, strength),) if who is not None else ()
            winner, strength = (None, None) if votes else (winner, strength)
        others = [(column, _choice(mapping, fields, column, first, second)) for column in beside]
        yield Comparison(
            record,
            *split(_prompt(mapping, fields), first, second, at(fields, system) if system is not None else None),
            winner=winner,
            votes=votes,
            strength=strength,
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
            model="",
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
    if mapping.rule == "best_first" and isinstance(measures, list):
        measures = ranks_of_order(measures)
    if not isinstance(measures, list) or len(responses) != len(measures):
        yield Skip(record, "unranked")
        return
    items = [Item(one, score(value)) for one, value in zip(responses, measures, strict=True) if one is not None]
    for _ in range(len(responses) - len(items)):
        yield Skip(record, "missing_response")
    yield from all_pairs(
        record, _whole_prompt(mapping, fields), items, ranked, _group(mapping, fields), _subset(mapping, fields)
    )


def ranks_of_order(order: list[Any]) -> list[int] | None:
    """The rank of each response, 1 the best, where their numbers (from 0 or from 1) are listed best first; None where
    these are not the numbers of all of them."""
    numbers = [number(value) for value in order]
    places = [int(one) for one in numbers if one is not None and one.is_integer()]
    lowest = min(places, default=0)
    if lowest not in (0, 1) or sorted(places) != list(range(lowest, lowest + len(order))):
        return None
    return [places.index(place) + 1 for place in range(lowest, lowest + len(order))]


def _best_of(mapping: Mapping, record: Record, responses: list[Any]) -> Iterator[Outcome]:
    """The best response against each of the others, in the order of their places."""
    fields = record.value
    prompt = _whole_prompt(mapping, fields)
    best = best_place(mapping, at(fields, mapping.column("winner") or ""), responses)
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
            group=_group(mapping, fields),
            extras=_subset(mapping, fields),
        )


def best_place(mapping: Mapping, value: Any, responses: list[Any]) -> int | None:
    """Which of several responses a cell names, from 0; None where it names none."""
    if value is Absent or value is None:
        return None
    if mapping.rule == "same_text":
        return next((place for place, response in enumerate(responses) if response == value), None)
    if mapping.rule == "by_name":
        return named_place(said(value), mapping.columns("responses"), len(responses))
    found = number(value)
    place = None if found is None or not found.is_integer() else int(found) - (mapping.rule == "from_one")
    return place if place is not None and 0 <= place < len(responses) else None


def marks_of(columns: list[str]) -> list[set[str]]:
    """The words of each name that the other names do not all have."""
    own = [set(tokens(column)) for column in columns]
    shared = set.intersection(*own) if own else set[str]()
    return [one - shared for one in own]


def named_place(text: str, columns: list[str], count: int) -> int | None:
    """Which response a name, a letter or a number means: by what tells their columns apart, else a, b, c; or None."""
    if text in (folded := [column.lower() for column in columns]):
        return folded.index(text)
    words = set(tokens(text))
    marks = marks_of(columns) if len(columns) > 1 else [{letter} for letter in ascii_lowercase[:count]]
    places = [place for place, mark in enumerate(marks) if mark and mark <= words]
    return places[0] if len(places) == 1 else None


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


def _folder() -> Path:
    return config_dir() / "mappings"


def _quoted(text: str) -> str:
    return json.dumps(encodable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml(mapping: Mapping) -> str:
    """The mapping as a TOML document."""
    lines = [f"name = {_quoted(mapping.name)}", f"rule = {_quoted(mapping.rule)}", "", "[roles]"]
    lines += [f"{_quoted(column)} = {_quoted(role)}" for column, role in mapping.roles.items()]
    lines += ["", "[values]", *(f"{_quoted(value)} = {_quoted(meaning)}" for value, meaning in mapping.values.items())]
    return "\n".join(lines) + "\n"


def from_toml(text: str, shown: str) -> Mapping:
    """The mapping of a TOML document; raises Problem where it is none."""
    try:
        document = tomllib.loads(text)
        roles, values = document["roles"], document.get("values", {})
        mapping = Mapping(
            {str(key): str(role) for key, role in roles.items()},
            {str(key): str(meaning) for key, meaning in values.items()},
            str(document.get("rule", "")),
            str(document.get("name", "")),
        )
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, RecursionError) as error:
        raise Problem(f"{shown}: is no mapping ({error})", "write [roles] with lines COLUMN = ROLE") from error
    try:
        return check(mapping)
    except Problem as problem:
        raise Problem(f"{shown}: {problem.what}", problem.remedy) from problem


def save(mapping: Mapping) -> Path:
    """Keep a mapping under its name in the folder of settings; returns the file. Raises Problem for bad names."""
    if not _NAME.fullmatch(mapping.name) or mapping.name.startswith("."):
        raise Problem(f"{mapping.name!r} is no name for a mapping", "use letters, digits, blanks and hyphens")
    check(mapping)
    target = _folder() / f"{mapping.name}.toml"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{target.parent}: cannot make this folder ({error.strerror})", "free space") from error
    with atomic(target) as part:
        part.write_text(to_toml(mapping), encoding="utf-8")
    return target


def load(named: str | Path) -> Mapping:
    """A mapping by the name that it was saved under, or by its file. Raises Problem where there is none."""
    kept = _folder() / f"{named}.toml"
    path = kept if _NAME.fullmatch(str(named)) and kept.is_file() else Path(named)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        known = ", ".join(saved())
        remedy = f"choose one of {known}, or name a TOML file" if known else "name a TOML file with [roles]"
        raise Problem(f"there is no mapping named {str(named)!r}", remedy) from error
    mapping = from_toml(text, str(path))
    return mapping if mapping.name else replace(mapping, name=path.stem)


def saved() -> dict[str, Mapping]:
    """All saved mappings by name; what cannot be read is left out."""
    found = {}
    for file in sorted(_folder().glob("*.toml")):
        try:
            found[file.stem] = replace(from_toml(file.read_text(encoding="utf-8"), file.name), name=file.stem)
        except (Problem, OSError, ValueError):
            continue
    return found


def offered(columns: Iterable[str]) -> list[Mapping]:
    """The saved mappings of which all columns with a role are there (`a.b` counts as a), the fullest first."""
    there = set(columns)

    def fits(column: str) -> bool:
        return column in there or any(column.startswith(f"{known}.") for known in there)

    kept = [
        mapping
        for mapping in saved().values()
        if all(fits(column) for column, role in mapping.roles.items() if role != "ignore")
    ]
    return sorted(kept, key=lambda mapping: -len(mapping.roles))
