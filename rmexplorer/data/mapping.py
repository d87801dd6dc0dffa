"""Mappings: which column of an unknown file plays which role, and what the values of its winner column mean."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.meanings import is_graded, tokens
from rmexplorer.data.shapes import Absent
from rmexplorer.data.texts import encodable
from rmexplorer.paths import atomic, config_dir
from rmexplorer.problem import Problem

ROLES = (
    "prompt", "system", "response_a", "response_b", "chosen", "rejected", "responses", "ranks", "winner", "vote",
    "criterion", "model", "model_a", "model_b", "annotator", "score", "strength", "group", "subset", "ignore",
)  # fmt: skip
SINGLE = frozenset(ROLES) - {"prompt", "responses", "ranks", "vote", "criterion", "model", "score", "subset", "ignore"}
MEANINGS = {"first": 1, "second": -1, "tie": 0, "skip": None}
SPOKEN = {
    "positive_first": "a positive number means the first",
    "negative_first": "a negative number means the first",
    "probability_first": "the probability that the first is better",
    "probability_second": "the probability that the second is better",
    "same_text": "it repeats the better response",
    "from_zero": "the responses are counted from 0",
    "from_one": "the responses are counted from 1",
    "by_name": "it names the best response, or its model",
    "best_first": "the responses, best first",
}
MODELS = ("model_a", "model_b")
SIGNED = ("positive_first", "negative_first")
PROBABILITIES = ("probability_first", "probability_second")
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
    much better; `model_a` and `model_b` who wrote response A, or the chosen one, and response B; `model` who wrote each
    of several responses, in as many columns, in a list, or in each row.
    values: value of the columns that name a winner as text → a key of MEANINGS.
    rule: instead of values, `positive_first` or `negative_first` (the sign of a number less `middle`, that of its scale),
    `probability_first` or `probability_second` (of which response a number in [0, 1] is the probability to be the better
    one), `same_text` (the winner column repeats the better response) or `by_name` (it names the model that wins). Of
    several responses it gives the number of the best (`from_zero`, `from_one`), its text, or its model or the word that
    tells its column apart (`by_name`); with `best_first` the ranks column lists numbers of responses, best first.
    reasons: why each role was guessed; doubts: what a person should check.
    """

    roles: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    name: str = ""
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    middle: float = 0.0

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

    @property
    def spoken(self) -> str:
        """What the rule says, in words; empty without one."""
        said = SPOKEN.get(self.rule, "")
        if self.rule not in SIGNED or not self.middle:
            return said
        return f"a number {'above' if self.rule == 'positive_first' else 'below'} {self.middle:g} means the first"

    @cached_property
    def graded(self) -> bool:
        """Whether the values of the winner column say how much better the winner is."""
        return any(is_graded(value) for value in self.values)

    @cached_property
    def measures(self) -> list[str]:
        """The columns of ranks, else of scores, in the order of the responses where their names say whose they are."""
        return self._beside(self.columns("ranks") or self.columns("score"))

    @cached_property
    def writers(self) -> list[str]:
        """The columns of the models of several responses, in their order as `measures` are."""
        return self._beside(self.columns("model"))

    def _beside(self, columns: list[str]) -> list[str]:
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
    if not math.isfinite(mapping.middle):
        raise Problem(f"the mapping has the middle {mapping.middle}", "give the number in the middle of the scale")
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
            found = [at(item, rest) if isinstance(item, dict) else None for item in inner]
            return [None if one is Absent else one for one in found]  # as long as the list: places in it stay right
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return Absent


def said(value: Any) -> str:
    """A value of a winner column as the text that a mapping knows it by: without blanks at the ends, 1.0 as 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value).strip().lower()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


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


def _folder() -> Path:
    return config_dir() / "mappings"


def _quoted(text: str) -> str:
    return json.dumps(encodable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml(mapping: Mapping) -> str:
    """The mapping as a TOML document."""
    lines = [f"name = {_quoted(mapping.name)}", f"rule = {_quoted(mapping.rule)}"]
    lines += [*([f"middle = {mapping.middle!r}"] if mapping.middle else []), "", "[roles]"]
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
            middle=float(document.get("middle", 0)),
        )
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, RecursionError, TypeError, ValueError) as error:
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
    except PermissionError as error:
        raise Problem(f"{path}: no permission to read this file", "change its permissions or copy it") from error
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
