"""The state of the desk: one frozen value. Who shows something reads it; who wants a change puts a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from rmexplorer.data.limits import MOST_PAIRS, SAMPLED
from rmexplorer.project import Mark, RunRecord

if TYPE_CHECKING:
    import polars as pl

    from rmexplorer.data.dataset import Dataset
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.workflows.columns import Columns
    from rmexplorer.workflows.rewards import Rewards

Brush = Literal["replace", "add", "remove", "within"]
Scope = Literal["heldout", "training", "all"]


@dataclass(frozen=True, eq=False)
class Selection:
    """The pairs a person has selected in any pane: a mask over all pairs, and where it came from in words."""

    mask: np.ndarray | None = None
    origin: str = ""

    @property
    def count(self) -> int:
        """How many pairs are selected."""
        return 0 if self.mask is None else int(np.count_nonzero(self.mask))

    def brush(self, mask: np.ndarray, how: Brush = "replace", origin: str = "") -> Selection:
        """A new selection from this one and `mask` (pairs,) bool."""
        old = np.zeros(len(mask), dtype=bool) if self.mask is None else self.mask
        new = {"replace": mask, "add": old | mask, "remove": old & ~mask, "within": old & mask}[how]
        return Selection(new, origin or self.origin) if new.any() else Selection()


@dataclass(frozen=True)
class Partial:
    """The dataset of now is only the first records of a file. records: of how many (0: nobody knows yet); stopped: why the
    rest is not being read any more, "" while it is."""

    first: int
    records: int
    stopped: str = ""

    @property
    def what(self) -> str:
        """ "the first 2,000 of 1,000,000 records" """
        of = f" of {self.records:,}" if self.records else ""
        return f"the first {self.first:,}{of} records"

    @property
    def why_not(self) -> str:
        """Why what needs all pairs has to wait."""
        return f"Only {self.what} are read: {f'{self.stopped}.' if self.stopped else 'reading goes on.'}"


@dataclass(frozen=True, eq=False)
class State:
    """All that panes show. None means: not there yet."""

    dataset: Dataset | None = None
    folder: Path | None = None
    frame: pl.DataFrame | None = None
    partial: Partial | None = None
    rewards: Rewards | None = None
    checkpoint: Checkpoint | None = None
    run: str = ""
    columns: Columns | None = None
    query: str = ""
    matching: np.ndarray | None = None  # of the filter, without the pairs that are left out
    excluded: np.ndarray | None = None
    scope: Scope = "heldout"
    selection: Selection = field(default_factory=Selection)
    focus: int | None = None
    runs: tuple[RunRecord, ...] = ()
    marks: Mapping[int, Mark] = field(default_factory=lambda: MappingProxyType({}))
    pane: str = "welcome"

    @property
    def waits(self) -> str:
        """Why what needs all pairs at once cannot be had, "" where it can."""
        if self.partial is not None:
            return self.partial.why_not
        if self.too_many:
            return (
                f"This is for at most {MOST_PAIRS:,} pairs at once. A sample of {SAMPLED:,}, drawn at random, has every pane."
            )
        return ""

    @property
    def too_many(self) -> bool:
        """Whether there are too many pairs for all but the Data pane."""
        return self.dataset is not None and len(self.dataset) > MOST_PAIRS

    @property
    def shown(self) -> np.ndarray | None:
        """(pairs,) bool: pairs that pass the filter and, with rewards, lie in the scope; None without a dataset."""
        if self.dataset is None:
            return None
        mask = np.ones(len(self.dataset), dtype=bool) if self.matching is None else self.matching
        shown: np.ndarray = mask & self.in_scope
        return shown

    @property
    def in_scope(self) -> np.ndarray:
        """(pairs,) bool: held-out, training or all pairs, as `scope` says."""
        if self.dataset is None:
            return np.zeros(0, dtype=bool)
        if self.rewards is None or self.scope == "all":
            return np.ones(len(self.dataset), dtype=bool)
        return self.rewards.heldout if self.scope == "heldout" else ~self.rewards.heldout
