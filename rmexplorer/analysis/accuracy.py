"""How often the model ranks a pair as people did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.statistics import Clusters, Estimate, encode, members, outcomes, paired_difference


@dataclass(frozen=True)
class SubsetAccuracy:
    """Accuracy in one source or subset; below 20 pairs it is to be drawn grey."""

    name: str
    accuracy: Estimate
    ties: int

    @property
    def few(self) -> bool:
        """Whether there are fewer than 20 pairs."""
        return self.accuracy.n < 20


@dataclass(frozen=True)
class BaselineAccuracy:
    """A trivial rule on the same pairs, and how much better the model is (accuracy of the model minus the rule's)."""

    name: str
    accuracy: Estimate
    difference: Estimate
    model_only: int
    baseline_only: int
    p: float


@dataclass(frozen=True)
class Accuracy:
    """Accuracy with ties of rewards as ½, by subset first and pooled second, beside its baselines."""

    accuracy: Estimate
    ties: int
    prompts: int
    subsets: tuple[SubsetAccuracy, ...]
    baselines: tuple[BaselineAccuracy, ...]
    differences_how: str

    def headline(self) -> str:
        """The finding in one sentence or two."""
        if self.accuracy.n == 0:
            return wording.too_few(0)
        found = f"ccuracy is {wording.with_interval(self.accuracy)}."
        opening = wording.too_few(self.accuracy.n, "a" + found) if self.accuracy.n < wording.FEW_PAIRS else "A" + found
        strongest = max(self.baselines, key=lambda rule: rule.accuracy.value or 0.0, default=None)
        if strongest is None or self.accuracy.n < wording.FEW_PAIRS:
            return opening
        return wording.headline(
            opening, wording.against_baseline(strongest.name, strongest.accuracy, strongest.difference)
        )

    def method(self, split: str = "") -> str:
        """Number of pairs, split, how the intervals are made and how ties count."""
        return wording.method_line(
            wording.pairs_of(self.accuracy.n, split),
            wording.intervals(self.accuracy.how),
            f"differences: paired, {self.differences_how}" if self.baselines else "",
            "equal rewards count as half" + (f" ({wording.counted(self.ties, 'pair')})" if self.ties else ""),
        )


@analysis
def accuracy(
    margin: np.ndarray, prompt: np.ndarray, subset: np.ndarray, baselines: Mapping[str, np.ndarray] | None = None
) -> Accuracy:
    """Share of pairs (pairs,) with a positive margin, ties ½, with its interval, by subset, and against baselines.

    `baselines` are margins of other rules on the same pairs, by name. Wilson where each prompt has one pair, else over
    prompts. Differences are paired, with exact McNemar p-values.
    """
    clusters, right = Clusters(prompt), outcomes(margin)
    names, codes = encode(subset)
    subsets = []
    for name, rows in zip(names, members(codes, len(names)), strict=True):
        part = Clusters(prompt[rows], bootstrap=clusters.bootstrap)
        subsets.append(SubsetAccuracy(name, part.share(right[rows]), int((margin[rows] == 0).sum())))
    rules = []
    for name, other in (baselines or {}).items():
        paired = paired_difference(margin, other, clusters)
        rules.append(
            BaselineAccuracy(
                name,
                clusters.share(outcomes(other)),
                paired.difference,
                paired.first_only,
                paired.second_only,
                paired.p,
            )
        )
    return Accuracy(
        clusters.share(right),
        int((margin == 0).sum()),
        clusters.prompts,
        tuple(subsets) if names != [""] else (),
        tuple(rules),
        clusters.how,
    )
