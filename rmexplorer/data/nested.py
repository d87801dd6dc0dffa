"""Which columns of texts that look like lists or objects are to be read as such: those by which a format reads more."""

from __future__ import annotations

import copy
from typing import Any

from rmexplorer.data.cells import nested_keys, parsed_record
from rmexplorer.data.containers import spread
from rmexplorer.data.formats import Format, recognise
from rmexplorer.data.records import Comparison, Record
from rmexplorer.problem import Problem

MOST_COLUMNS = 24
ENOUGH = 12  # records each from start, middle and end
WORSE, NO_WORSE, BETTER = range(3)
READ = (
    "prompt", "first", "second", "winner", "votes", "strength", "p_first", "score_first", "score_second", "model_first",
    "model_second", "group", "others",
)  # fmt: skip
Sample = list[dict[str, Any]]
Rank = tuple[bool, float]
Read = list[tuple[Any, ...]] | None


def worth_parsing(sample: Sample, wanted: Format | None = None) -> frozenset[str]:
    """The columns to parse, so that the best format, or the one that is wanted, fits best and reads the most.

    A column stays text where parsing it changes nothing, or where a response that happens to be JSON would be lost.
    """
    kept = nested_keys(sample)
    if not kept:
        return kept
    sample = [sample[row] for row in spread(len(sample), ENOUGH)]
    here, nothing = _View(sample, kept, wanted), _View(sample, frozenset(), wanted)
    for least in (BETTER, NO_WORSE):  # what is harmful goes first: it would hide what the others are good for
        for key in sorted(kept)[:MOST_COLUMNS]:
            without = _View(sample, kept - {key}, wanted)
            if without.against(here) >= least:
                kept, here = kept - {key}, without
    return frozenset() if nothing.against(here) >= NO_WORSE else kept


class _View:
    """A sample with some columns parsed: how well a format fits it, and what that reads of it."""

    def __init__(self, sample: Sample, keys: frozenset[str], wanted: Format | None) -> None:
        self._sample = [parsed_record(record, keys) for record in sample]
        self.format, score = wanted, wanted.fit(self._sample)[0] if wanted is not None else 0.0
        if wanted is None and (found := recognise(self._sample)):
            score, self.format, _ = found[0]
        self.rank: Rank = (self.format is not None and not self.format.unsure(self._sample), score)
        self._read: list[Read] = []

    @property
    def read(self) -> Read:
        """The comparisons that the format makes of the sample; None where it makes none of a part."""
        if not self._read:
            self._read.append(outcomes(self.format, self._sample) if self.format is not None else None)
        return self._read[0]

    def against(self, other: _View) -> int:
        """BETTER where this fits better, or as well and reads more; NO_WORSE where it reads the very same; else WORSE."""
        if self.rank != other.rank:
            return BETTER if self.rank > other.rank else WORSE
        mine, theirs = self.read, other.read
        if mine == theirs:
            return NO_WORSE
        return BETTER if len(mine or ()) > len(theirs or ()) else WORSE


def outcomes(format: Format, sample: Sample) -> Read:
    """The comparisons with a prompt and two responses that a format makes of records; None where it makes none."""
    if format.reader is None or format.prepare is not None:
        return None
    records = [Record(record, row) for row, record in enumerate(copy.deepcopy(sample))]
    try:
        return [
            tuple(getattr(outcome, field) for field in READ)
            for outcome in format.reader(records, None)
            if isinstance(outcome, Comparison) and None not in (outcome.prompt, outcome.first, outcome.second)
        ]
    except Problem:
        return None
