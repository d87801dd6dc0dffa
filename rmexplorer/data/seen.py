"""What is seen of an unknown file: its columns with their values, and what their names say of responses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rmexplorer.data.mapping import at
from rmexplorer.data.meanings import BAD, GOOD, tokens
from rmexplorer.data.shapes import Absent, number
from rmexplorer.data.texts import is_messages

STEMS = (
    "response", "answer", "output", "completion", "reply", "generation", "candidate", "summary", "text", "translation",
    "continuation", "story", "message", "assistant", "conversation", "option", "model",
)  # fmt: skip
SIDES = (("a", "b"), ("1", "2"), ("0", "1"), ("first", "second"), ("left", "right"), ("one", "two"), ("x", "y"))
OPINIONS = frozenset("reason reasons reasoning explanation rationale critique comment comments feedback justification note notes".split())
ABOUT = frozenset(
    "id ids uid uuid hash key index type kind source src url uri link category topic domain tag name model language lang "
    "date time timestamp length tokens dataset".split()
)
LETTERS = "abcdefghij"


def _columns(sample: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The values that are there of each column, and of the fields within records and lists of records."""
    paths: dict[str, None] = {}
    for record in sample:
        for key, value in record.items():
            paths[key] = None
            inner = value if isinstance(value, dict) else None
            if isinstance(value, list) and value and isinstance(value[0], dict) and not is_messages(value):
                inner = value[0]
            if inner is not None and not is_messages(value):
                paths.update((f"{key}.{name}", None) for name in inner)
    found = {path: [at(record, path) for record in sample] for path in paths}
    return {path: [v for v in values if v is not None and v is not Absent] for path, values in found.items()}


def mostly(values: list[Any], test: Any) -> bool:
    return bool(values) and sum(map(test, values)) >= 0.8 * len(values)


def is_reply(value: Any) -> bool:
    return isinstance(value, str) or is_messages(value)


def are_replies(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not is_messages(value) and all(is_reply(item) for item in value)


def are_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(item is None or number(item) is not None for item in value)


def mean_length(values: list[Any]) -> float:
    return sum(len(value) if isinstance(value, str) else 200 for value in values) / max(1, len(values))


class Seen:
    """Collects roles with the reason of each."""

    def __init__(self, sample: list[dict[str, Any]]) -> None:
        self.sample = sample
        self.columns = _columns(sample)
        self.roles: dict[str, str] = {}
        self.reasons: list[str] = []
        self.doubts: list[str] = []

    def give(self, column: str, role: str, why: str) -> None:
        """Give a column a role."""
        self.roles[column] = role
        self.reasons.append(f"{column} is the {role.replace('_', ' ')}: {why}")

    def free(self, test: Any) -> list[str]:
        """The columns without a role whose values mostly pass a test."""
        return [column for column, values in self.columns.items() if column not in self.roles and mostly(values, test)]


def is_aside(column: str) -> bool:
    """Whether a name says that the column is about a response, or what somebody thinks of it, rather than one."""
    words = set(tokens(column)) - GOOD - BAD - {side for sides in SIDES for side in sides}
    return bool(words) and words <= ABOUT | OPINIONS


def stem_rank(column: str) -> int:
    said = f"{column.lower()} {' '.join(tokens(column))}".replace("context", "")
    return next((place for place, stem in enumerate(STEMS) if stem in said), len(STEMS))


def plainness(column: str) -> tuple[bool, int]:
    """How plainly a name says that the column holds a response; the smallest first."""
    return is_aside(column), stem_rank(column)


def two_sides(columns: Iterable[str]) -> list[tuple[str, str, tuple[str, str]]]:
    """Pairs of columns whose names differ in their side alone."""
    named = {column: tokens(column) for column in columns}
    found = []
    for one, words in named.items():
        for two, others in named.items():
            if one == two or len(words) != len(others):
                continue
            apart = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
            if len(apart) == 1 and apart[0] in SIDES:
                found.append((one, two, apart[0]))
    return found


def families(columns: Iterable[str]) -> list[list[str]]:
    """Columns whose names differ in one word alone, where that counts them: at least three of 1, 2, 3 or a, b, c."""
    found: dict[tuple[Any, ...], dict[int, str]] = {}
    for column in columns:
        words = tokens(column)
        for place, word in enumerate(words):
            rank = int(word) if word.isdecimal() and len(word) < 3 else LETTERS.find(word) if len(word) == 1 else -1
            if rank >= 0:
                kind = (word.isdecimal(), place, *words[:place], *words[place + 1 :])
                found.setdefault(kind, {})[rank] = column
    counted = [[numbered[rank] for rank in sorted(numbered)] for numbered in found.values() if _counts(sorted(numbered))]
    return sorted(counted, key=lambda family: (plainness(family[0]), -len(family), family))


def _counts(ranks: list[int]) -> bool:
    return len(ranks) > 2 and ranks[0] in (0, 1) and ranks == list(range(ranks[0], ranks[0] + len(ranks)))
