"""Mappings: which column of an unknown file plays which role, and what the values of its winner column mean."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.formats import Format, Outcome
from rmexplorer.data.records import Comparison, Record, Skip, Vote
from rmexplorer.data.shapes import Absent, Item, all_pairs, name, number, prompt_of, row_a_response, sign, split
from rmexplorer.data.texts import encodable, joined
from rmexplorer.paths import atomic, config_dir
from rmexplorer.problem import Problem

ROLES = (
    "prompt", "system", "response_a", "response_b", "chosen", "rejected", "responses", "ranks", "winner", "annotator",
    "score", "group", "subset", "ignore",
)  # fmt: skip
SINGLE = frozenset(ROLES) - {"prompt", "score", "subset", "ignore"}
MEANINGS = {"first": 1, "second": -1, "tie": 0, "skip": None}
RULES = ("", "positive_first", "negative_first", "same_text")
_NAME = re.compile(r"[\w .()+-]{1,80}")


@dataclass(frozen=True)
class Mapping:
    """What the columns of a file are.

    roles: column → one of ROLES; `a.b` is the field b within a, also of each entry of a list. Several prompt columns
    are joined, two score columns (of response A and B) are compared where no column names the winner; `responses` is
    a list, or a text where each row holds one response. values: value of the winner column as text → a key of
    MEANINGS. rule: instead of values, `positive_first` or `negative_first` (the sign of a number), or `same_text` (the
    winner column repeats the better response). reasons: why each role was guessed; doubts: what a person should check.
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
            decided = "winner" in have or len(self.columns("score")) == 2
            return "" if decided else "a column that names the winner, or two columns of scores"
        if "responses" in have:
            return "" if have & {"ranks", "score"} else "a column of ranks or scores"
        return "columns for the responses"


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
    for value, meaning in mapping.values.items():
        if meaning not in MEANINGS:
            raise Problem(
                f"the mapping turns the value {value!r} into {meaning!r}", f"choose one of {', '.join(MEANINGS)}"
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


def _verdict(mapping: Mapping, fields: dict[str, Any], first: Any, second: Any) -> tuple[int | None, float | None]:
    """The winner (None: no label) and the strength of a record of two responses."""
    column = mapping.column("winner")
    scores = [number(at(fields, score)) for score in mapping.columns("score")]
    known = [score for score in scores if score is not None]
    gap = known[0] - known[1] if len(scores) == len(known) == 2 else None
    strength = None if gap is None else abs(gap)
    if column is None:
        return sign(gap), strength
    value = at(fields, column)
    if value is Absent or value is None:
        return None, None
    if mapping.rule in ("positive_first", "negative_first"):
        signed = number(value)
        return sign(signed, 1 if mapping.rule == "positive_first" else -1), None if signed is None else abs(signed)
    if mapping.rule == "same_text":
        return (1 if value == first else -1 if value == second else None), strength
    folded = {said(key): meaning for key, meaning in mapping.values.items()}
    return MEANINGS[folded.get(said(value), "skip")], strength


def comparisons(mapping: Mapping, records: Iterable[Record]) -> Iterator[Outcome]:
    """The comparisons of records as a mapping says; what has no readable winner is skipped as `no_label`."""
    if mapping.column("responses") is not None:
        yield from _several(mapping, records)
        return
    chosen = mapping.column("chosen") is not None
    one, two = (
        mapping.column(role) or "" for role in (("chosen", "rejected") if chosen else ("response_a", "response_b"))
    )
    system, judge, group = (mapping.column(role) for role in ("system", "annotator", "group"))
    for record in records:
        fields = record.value
        first, second = at(fields, one), at(fields, two)
        if first is Absent and second is Absent:
            yield Skip(record, "missing_response")
            continue
        winner, strength = (1, None) if chosen else _verdict(mapping, fields, first, second)
        who = name(at(fields, judge)) if judge is not None and at(fields, judge) is not Absent else None
        votes = (Vote(who, winner, None, strength),) if who is not None and winner is not None else ()
        key = at(fields, group) if group is not None else None
        yield Comparison(
            record,
            *split(_prompt(mapping, fields), first, second, at(fields, system) if system is not None else None),
            winner=None if votes else winner,
            votes=votes,
            strength=None if votes else strength,
            group=None if key is None or key is Absent else str(key),
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
    """Records with a list of responses and one of ranks or scores; or with one response and its rank or score a row."""
    column, ranked = mapping.column("responses") or "", mapping.column("ranks") is not None
    measure = mapping.column("ranks") or mapping.column("score") or ""
    group, rows = mapping.column("group"), iter(records)
    start = list(islice(rows, 50))
    listed = any(isinstance(_list(record.value, column), list) for record in start)

    def score(value: Any) -> float | None:
        found = number(value)
        return None if found is None else -found if ranked else found

    def whole() -> Iterator[Record]:
        yield from start
        yield from rows

    if not listed:
        reader = row_a_response(
            lambda fields: _prompt(mapping, fields),
            lambda fields: None if (value := at(fields, column)) is Absent else value,
            lambda fields, criterion: score(at(fields, measure)),
            model="",
            ranks=ranked,
        )
        yield from reader(whole(), None)
        return
    for record in whole():
        responses, measures = _list(record.value, column), _list(record.value, measure)
        if not isinstance(responses, list) or not isinstance(measures, list) or len(responses) != len(measures):
            yield Skip(record, "missing_response" if not isinstance(responses, list) else "unranked")
            continue
        key = at(record.value, group) if group is not None else None
        items = [Item(response, score(value)) for response, value in zip(responses, measures, strict=True)]
        named = None if key is None or key is Absent else str(key)
        yield from all_pairs(
            record, prompt_of(_prompt(mapping, record.value)), items, ranked, named, _subset(mapping, record.value)
        )


def as_format(mapping: Mapping, identity: str = "mapped") -> Format:
    """The format of a mapping; raises Problem where it cannot be read by."""
    check(mapping)
    used = frozenset(column for column, role in mapping.roles.items() if role != "subset")
    return Format(
        identity,
        f"the mapping {mapping.name}" if mapping.name else "columns recognised by name",
        (),
        lambda records, criterion: comparisons(mapping, records),
        used,
        merging=mapping.column("annotator") is not None,
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
    column = mapping.column("winner")
    values: dict[str, int] = {}
    for record in records if column is not None else ():
        value = at(record, column or "")
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
