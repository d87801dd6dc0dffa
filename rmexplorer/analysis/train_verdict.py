"""What the held-out pairs say about a trained head, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.statistics import Clusters, Estimate, outcomes, paired_difference

SAME_VECTORS = "linear"


@dataclass(frozen=True)
class Rival:
    """A baseline on the held-out pairs; `difference` is the head's accuracy minus the baseline's, paired."""

    name: str
    accuracy: Estimate
    difference: Estimate
    p: float


@dataclass(frozen=True)
class Verdict:
    """Held-out accuracy against each baseline; `against` is the one that the sentence names."""

    accuracy: Estimate
    rivals: tuple[Rival, ...]
    against: str | None
    ties: int
    prompts: int

    def rival(self) -> Rival | None:
        """The baseline that the sentence names."""
        return next((rival for rival in self.rivals if rival.name == self.against), None)

    def headline(self) -> str:
        """Held-out accuracy is 0.66 (95% CI 0.63–0.69). That beats length alone (0.62) by 0.04 (0.01–0.07)."""
        if self.accuracy.n == 0:
            return "Too few pairs to say: no pair was held out."
        found = f"eld-out accuracy is {wording.with_interval(self.accuracy)}."
        if self.accuracy.n < wording.FEW_PAIRS:
            return wording.too_few(self.accuracy.n, "h" + found)
        rival = self.rival()
        if rival is None:
            versus = "" if self.accuracy.excludes(0.5) else "That is no clear difference from a coin flip."
            return wording.headline("H" + found, versus)
        return wording.headline("H" + found, wording.against_baseline(rival.name, rival.accuracy, rival.difference))

    def method(self, split: str = "held-out") -> str:
        """Number of pairs, how they were split, how intervals are made, how ties count."""
        return wording.method_line(
            wording.pairs_of(self.accuracy.n, split),
            "no prompt is on both sides",
            wording.intervals(self.accuracy.how),
            "differences are paired" if self.rivals else "",
            "equal rewards count as half",
        )


@analysis
def train_verdict(
    margin: np.ndarray,
    prompt: np.ndarray,
    baselines: Mapping[str, np.ndarray] | None = None,
    against: str | None = None,
) -> Verdict:
    """Is the head better than trivial rules on pairs (pairs,) of prompts that it has not seen?

    `baselines`: margins of other rules on the same pairs, by name. The sentence compares with `against`, or else with
    the strongest trivial rule; a linear head on the same vectors is no trivial rule and is named only if nothing else
    is there.
    """
    clusters = Clusters(prompt)
    rivals = []
    for name, other in (baselines or {}).items():
        paired = paired_difference(margin, other, clusters)
        rivals.append(Rival(name, clusters.share(outcomes(other)), paired.difference, paired.p))
    if against is None and rivals:
        against = max(rivals, key=lambda rival: (rival.name != SAME_VECTORS, rival.accuracy.value or 0.0)).name
    return Verdict(clusters.share(outcomes(margin)), tuple(rivals), against, int((margin == 0).sum()), clusters.prompts)
