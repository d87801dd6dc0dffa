"""What passes between containers, formats and the dataset: records in, comparisons out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rmexplorer.data.texts import Text


class Record(NamedTuple):
    """One record of a file: its fields, its number in the whole (0-based), its line (1-based) and its file of a
    folder."""

    value: dict[str, Any]
    number: int
    line: int | None = None
    member: str = ""


class Vote(NamedTuple):
    """One judgement: who (None: unnamed), 1 first, -1 second, 0 tie, when, and how strong (None: not said)."""

    annotator: str | None
    choice: int
    time: str | None = None
    strength: float | None = None


class Skip(NamedTuple):
    """A record or comparison that is not kept, and why (a reason of CLI.md)."""

    record: Record
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Comparison:
    """One prompt and two responses as a record shows them; None marks what is missing.

    `winner` is the final label of the file (1, 0, -1) or None; then the votes decide, and without votes there is
    no label. `group` is the leakage key. `score_columns` names the fields that score_first and score_second came from;
    `others` what further labels of the record say: the criterion or field of each, and the winner by it.
    """

    record: Record
    prompt: Text | None
    first: Text | None
    second: Text | None
    winner: int | None = None
    votes: tuple[Vote, ...] = ()
    strength: float | None = None
    p_first: float | None = None
    score_first: float | None = None
    score_second: float | None = None
    model_first: str | None = None
    model_second: str | None = None
    group: str | None = None
    score_columns: tuple[str, ...] = ()
    others: tuple[tuple[str, int], ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)


def most_frequent(choices: Iterable[int]) -> int:
    """The most frequent choice, a tie being a choice; a tie where no single one is the most frequent."""
    ranked = Counter(choices).most_common(2)
    return 0 if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]
