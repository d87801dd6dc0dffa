"""Collects comparisons one by one: skips what CLI.md skips, merges votes of several rows, and gives Parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from rmexplorer.data.assemble import AGREEMENT, COMPARISONS, Parts
from rmexplorer.data.records import Comparison, Record, Skip, Vote, most_frequent
from rmexplorer.data.schema import SKIPPED, VOTES

PREVIEW = 80
CHUNK = 20_000


class Builder:
    """Takes comparisons and skips in the order of the file and gives the Parts of a dataset.

    extra_keys: fields of a record that are kept as columns. merging: rows on the same two texts by different annotators
    are one comparison with several votes.
    """

    def __init__(self, extra_keys: Sequence[str], merging: bool = False) -> None:
        self._merging = merging
        self._columns: dict[str, list[Any]] = {name: [] for name in COMPARISONS}
        self._extras: dict[str, list[Any]] = {key: [] for key in extra_keys}
        self._votes: dict[str, list[Any]] = {name: [] for name in VOTES}
        self._agreement: dict[str, list[Any]] = {name: [] for name in AGREEMENT}
        self._skipped: dict[str, list[Any]] = {name: [] for name in SKIPPED}
        self._waiting: dict[Any, _Group] = {}
        self._score_columns: dict[str, None] = {}
        self._frames: list[pl.DataFrame] = []
        self._items = 0
        self._overruled = 0
        self._others: Counter[str] = Counter()

    def skip(self, skip: Skip) -> None:
        """Count a record or comparison that is not kept."""
        record = skip.record
        for name, value in zip(SKIPPED, (record.number, record.line, skip.reason, skip.detail[:PREVIEW]), strict=True):
            self._skipped[name].append(value)

    def add(self, comparison: Comparison) -> None:
        """Take one comparison; with merging it waits for others on the same two texts."""
        named = self._merging and comparison.votes and all(vote.annotator is not None for vote in comparison.votes)
        if not named:
            single = _Group(comparison, [(vote, comparison.record) for vote in comparison.votes])
            if self._merging:
                self._waiting[object()] = single
            else:
                self._settle(single)
            return
        key = (comparison.prompt, frozenset((comparison.first, comparison.second)))
        group = self._waiting.get(key)
        if group is None:
            self._waiting[key] = group = _Group(comparison, [])
        turned = group.comparison.first != comparison.first
        for vote in comparison.votes:
            group.votes.append((_turned(vote) if turned else vote, comparison.record))

    def _release(self) -> None:
        for group in self._waiting.values():
            self._settle(group)
        self._waiting.clear()

    def _settle(self, group: _Group) -> None:
        comparison, votes = group.comparison, self._latest(group.votes)
        if len(votes) > 1:
            for vote in votes:
                for name, value in zip(AGREEMENT, (self._items, vote.annotator, vote.choice), strict=True):
                    self._agreement[name].append(value)
        self._items += 1
        winner = comparison.winner
        if votes:
            majority = most_frequent(vote.choice for vote in votes)
            if winner is None:
                winner = majority
            elif winner != majority:
                self._overruled += 1
        if winner is not None:
            self._others.update(criterion for criterion, other in comparison.others if other != winner)
        reason, detail = _reason(comparison, winner)
        if reason:
            self.skip(Skip(comparison.record, reason, detail))
            return
        self._keep(comparison, winner or 0, votes or [Vote(None, winner or 0)])

    def _flush(self) -> None:
        """Turn the comparisons so far into columns: a tenth of the memory of Python objects."""
        self._frames.append(pl.DataFrame(self._columns, schema=COMPARISONS))
        self._columns = {name: [] for name in COMPARISONS}

    def _latest(self, votes: list[tuple[Vote, Record]]) -> list[Vote]:
        """Only the latest vote of each named annotator; the earlier ones are skipped as superseded."""
        kept: dict[Any, tuple[Vote, Record]] = {}
        for vote, record in votes:
            key = object() if vote.annotator is None else vote.annotator
            if key in kept:
                older = kept[key]
                if older[0].time and vote.time and vote.time < older[0].time:
                    older, vote, record = (vote, record), older[0], older[1]
                self.skip(
                    Skip(older[1], "superseded", f"annotator {vote.annotator} judged the same two responses again")
                )
            kept[key] = (vote, record)
        return [vote for vote, _ in kept.values()]

    def _keep(self, comparison: Comparison, winner: int, votes: Sequence[Vote]) -> None:
        prompt, first, second = comparison.prompt, comparison.first, comparison.second
        assert prompt is not None and first is not None and second is not None
        strength = comparison.strength
        if strength is None:
            grades = [vote.strength for vote in votes if vote.strength is not None and vote.choice == winner]
            strength = sum(grades) / len(grades) if grades else None
        values = (
            *prompt,
            *first,
            *second,
            winner,
            strength,
            comparison.p_first,
            comparison.score_first,
            comparison.score_second,
            comparison.model_first,
            comparison.model_second,
            comparison.record.number,
            comparison.record.line,
            comparison.group,
        )
        pair = sum(frame.height for frame in self._frames) + len(self._columns["prompt"])
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        if comparison.score_first is not None or comparison.score_second is not None:
            self._score_columns.update(dict.fromkeys(comparison.score_columns))
        for key, column in self._extras.items():
            column.append(comparison.extras[key] if key in comparison.extras else comparison.record.value.get(key))
        if len(self._columns["prompt"]) == CHUNK:
            self._flush()
        for vote in votes:
            for name, value in zip(VOTES, (pair, vote.annotator, vote.choice, vote.time), strict=True):
                self._votes[name].append(value)

    def parts(self, records: int, warnings: Iterable[str] = ()) -> Parts:
        """All that was taken."""
        self._release()
        said = list(warnings)
        if self._overruled:
            one = self._overruled == 1
            said.append(
                f"{self._overruled} final label{' is' if one else 's are'} not what most annotators chose; "
                "the final label counts"
            )
        said += [
            f"{count} record{'s have' if count > 1 else ' has'} another winner by {column}"
            for column, count in self._others.items()
        ]
        extras = pl.DataFrame([column_of(key, values) for key, values in self._extras.items()])
        self._flush()
        return Parts(
            pl.concat(self._frames, rechunk=False),
            extras,
            pl.DataFrame(self._votes, schema=VOTES),
            pl.DataFrame(self._agreement, schema=AGREEMENT),
            pl.DataFrame(self._skipped, schema=SKIPPED),
            records,
            tuple(self._score_columns),
            tuple(said),
        )


class _Group:
    """Rows on the same two texts: the first of them, and all votes with the record that each came from."""

    def __init__(self, comparison: Comparison, votes: list[tuple[Vote, Record]]) -> None:
        self.comparison = comparison
        self.votes = votes


def _turned(vote: Vote) -> Vote:
    return vote._replace(choice=-vote.choice)


def _reason(comparison: Comparison, winner: int | None) -> tuple[str, str]:
    """Why a comparison is not kept and a preview, or two empty strings."""
    prompt, first, second = comparison.prompt, comparison.first, comparison.second
    if prompt is None:
        return "missing_prompt", ""
    if first is None or second is None:
        return "missing_response", prompt.text.strip()
    if first.text.strip() == second.text.strip():
        return "identical_responses", first.text.strip()
    if winner is None:
        return "no_label", prompt.text.strip()
    return "", ""


def column_of(name: str, values: Sequence[Any]) -> pl.Series:
    """Scalars of a file as a column: boolean, whole number, number, else text; what is no scalar is null."""
    kinds = {type(value) for value in values if isinstance(value, bool | int | float | str)}
    if kinds == {bool}:
        return pl.Series(name, [value if isinstance(value, bool) else None for value in values], dtype=pl.Boolean)
    if kinds == {int} and all(not isinstance(value, int) or abs(value) < 2**63 for value in values):
        return pl.Series(name, [value if isinstance(value, int) else None for value in values], dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, [_float(value) for value in values], dtype=pl.Float64)
    return pl.Series(
        name, [str(value) if isinstance(value, bool | int | float | str) else None for value in values], dtype=pl.String
    )


def _float(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None
