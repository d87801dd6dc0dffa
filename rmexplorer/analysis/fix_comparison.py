"""Does a fix of a reward that follows length work, and what does it cost?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import (
    NOTHING,
    Clusters,
    Estimate,
    benjamini_hochberg,
    encode,
    equal_bins,
    outcomes,
    sigmoid,
    two_sided_p,
)

MATCHED = 0.1
LEAST_PAIRS = 20  # a source with fewer pairs is not compared alone
ECE_DRAWS = 400
LN2 = math.log(2.0)
TITLES = {
    "none": "No fix",
    "residualize": "Residualizing",
    "balance": "Balancing",
    "penalty": "The penalty",
    "features": "Residualizing on features",
    "source": "Dropping the source",
    "phrases": "Removing the phrases",
    "other": "The second head",
}


@dataclass(frozen=True)
class Pull:
    """One head on held-out pairs.

    per_doubling: reward by each doubling of the characters, within prompts; correlation: of margin and Δ log length,
    around 0, so that it does not depend on which response was chosen; matched: accuracy on pairs with |Δ log
    characters| < 0.1; ece: folded calibration error, without interval.
    """

    per_doubling: Estimate
    correlation: Estimate
    accuracy: Estimate
    matched: Estimate
    ece: float | None

    def headline(self) -> str:
        """How much reward a doubled length brings, before anything is done about it."""
        n, pull = self.accuracy.n, self.per_doubling
        if n == 0 or pull.value is None:
            return wording.too_few(n)
        of = f"reward {wording.with_interval(pull, signed=True)}"
        if n < wording.FEW_PAIRS:
            return wording.too_few(n, f"each doubling of the length brings {of}.")
        if not pull.excludes(0.0):
            return f"The reward follows length no more than chance would: each doubling brings {of}."
        return f"Each time the length doubles, the {of.replace('reward', 'reward changes by', 1)}."

    def method(self, split: str = "held-out") -> str:
        """Which pairs, and how the intervals are made."""
        how = self.per_doubling.how or self.accuracy.how
        return wording.method_line(wording.pairs_of(self.accuracy.n, split), "within prompts", wording.intervals(how))


@dataclass(frozen=True)
class Change:
    """One figure before and after, and the paired difference after − before; kind: accuracy, pull or calibration."""

    name: str
    kind: str
    before: float
    after: float
    difference: Estimate

    @property
    def clear(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.difference.excludes(0.0)

    def words(self) -> str:
        """What changed, claiming no more than the interval: lower by 0.02, or no clear difference."""
        if not self.clear or self.difference.value is None:
            return "no clear difference"
        digits = 3 if self.kind == "calibration" else 2
        if self.kind == "pull":
            less = abs(self.after) < abs(self.before)
            return f"{'weaker' if less else 'stronger'} by {wording.number(abs(abs(self.after) - abs(self.before)), digits)}"
        way = "higher" if self.difference.value > 0 else "lower"
        return f"{way} by {wording.number(abs(self.difference.value), digits)}"


@dataclass(frozen=True)
class FixComparison:
    """Two heads on the same held-out pairs: figures of each, and what the fix changed."""

    fix: str
    n: int
    prompts: int
    before: Pull
    after: Pull
    changes: tuple[Change, ...]
    how: str

    def change(self, name: str) -> Change | None:
        """A change by its name."""
        return next((one for one in self.changes if one.name == name), None)

    @property
    def cut(self) -> float | None:
        """By which share the fix cuts |correlation of margin and Δ log length|; None where there was none."""
        before, after = self.before.correlation.value, self.after.correlation.value
        return None if not before or after is None else 1.0 - abs(after) / abs(before)

    def headline(self) -> str:
        """Balancing cuts the pull of length by 76% (+0.46 → +0.11, −0.38 to −0.30). Accuracy at equal length: …"""
        title, pull = TITLES.get(self.fix, "The fix"), self.change("Length doubled")
        if self.n == 0 or pull is None:
            return wording.too_few(self.n)
        values = wording.bracket(
            f"{wording.number(pull.before, signed=True)} → {wording.number(pull.after, signed=True)}" + _ends(pull)
        )
        if not pull.clear:
            found = f"{title}: no clear difference in the pull of length {values}."
        elif abs(pull.after) < abs(pull.before):
            found = f"{title} cuts the pull of length by {wording.percent(1 - abs(pull.after / pull.before))} {values}."
        else:
            found = f"{title} makes the pull of length stronger {values}."
        if self.n < wording.FEW_PAIRS:
            return wording.too_few(self.n, found[0].lower() + found[1:])
        return wording.headline(found, self._cost())

    def _cost(self) -> str:
        matched = self.change("Equal length")
        if matched is None or matched.difference.n < LEAST_PAIRS:
            return "Too few pairs of equal length to say what it costs."
        ends = _ends(matched).removeprefix(", ")
        return f"Accuracy at equal length: {matched.words()}" + (f" {wording.bracket(ends)}." if ends else ".")

    def method(self, split: str = "held-out") -> str:
        """Which pairs, how the intervals are made, what equal length means."""
        return wording.method_line(
            f"Same {wording.pairs_of(self.n, split)} for both",
            f"95% CI of paired differences, {wording.intervals(self.how)}" if self.how else "paired differences",
            "pull: reward for each doubling of the characters",
            f"equal length: {wording.counted(self.after.matched.n, 'pair')} with characters within 10%",
        )


def _ends(change: Change) -> str:
    """The interval of a difference as the last part of a bracket."""
    low, high = change.difference.low, change.difference.high
    return "" if low is None else f", {wording.between(low, high)}"


def length_pull(margin: np.ndarray, length_gap: np.ndarray) -> dict[str, float | None]:
    """Plain values for `train --json` of pairs (pairs,): reward per doubling, correlation around 0, matched accuracy."""
    d, gap = np.asarray(margin, float), np.asarray(length_gap, float)
    lengths, spread, product = float(gap @ gap), float(d @ d), float(d @ gap)
    matched = np.abs(gap) < MATCHED
    return {
        "reward_per_doubling": LN2 * product / lengths if lengths > 0 else None,
        "correlation": product / math.sqrt(lengths * spread) if lengths > 0 and spread > 0 else None,
        "matched_accuracy": float(outcomes(d[matched]).mean()) if matched.any() else None,
        "matched_pairs": int(matched.sum()),
    }


def calibration_error(margin: np.ndarray) -> float | None:
    """Folded calibration error of calibrated margins (pairs,), in at most 15 bins of equal count (Naeini et al. 2015)."""
    bins = _error_bins(np.asarray(margin, float))
    return None if bins is None else float(np.abs(np.bincount(bins[0], weights=bins[1])).sum() / len(margin))


def _error_bins(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Bin of each pair and its confidence minus its outcome; equal margins are never parted."""
    beat()
    n = len(margin)
    if not n:
        return None
    order, starts = equal_bins(margin)
    of = np.empty(n, np.int64)
    of[order] = np.repeat(np.arange(len(starts)), np.diff(np.concatenate([starts, [n]])))
    return of, sigmoid(np.abs(margin)) - outcomes(margin)


def _error_difference(before: np.ndarray, after: np.ndarray, clusters: Clusters, seed: int = 0) -> Estimate:
    """ECE after − before with an interval by bootstrap over prompts, shifted by the bias that resampling adds to it."""
    first, second = _error_bins(before), _error_bins(after)
    error_before, error_after = calibration_error(before), calibration_error(after)
    if first is None or second is None or error_before is None or error_after is None:
        return NOTHING
    value = error_after - error_before
    if clusters.prompts < 5:
        return Estimate(value, None, None, len(before))
    sums = []
    for of, off in (first, second):
        cells = clusters.codes * (int(of.max()) + 1) + of
        wide = int(of.max()) + 1
        sums.append(np.bincount(cells, weights=off, minlength=clusters.prompts * wide).reshape(-1, wide))
    sizes = np.bincount(clusters.codes, minlength=clusters.prompts)
    generator, draws = np.random.default_rng(seed), np.empty(ECE_DRAWS)
    for draw in range(ECE_DRAWS):
        beat(Progress(draw, ECE_DRAWS, "comparing calibration") if draw % 10 == 0 else None)
        weight = np.bincount(generator.integers(clusters.prompts, size=clusters.prompts), minlength=clusters.prompts)
        total = float(weight @ sizes)
        draws[draw] = (np.abs(weight @ sums[1]).sum() - np.abs(weight @ sums[0]).sum()) / total
    low, high = np.percentile(draws, [2.5, 97.5]) - draws.mean() + value
    return Estimate(value, float(low), float(high), len(before), "bootstrap over prompts")


def _pull_columns(margin: np.ndarray, gap: np.ndarray) -> np.ndarray:
    return np.column_stack([margin * gap, margin * margin, gap * gap])


def _per_doubling(means: np.ndarray) -> np.ndarray:
    return np.asarray(LN2 * means[..., 0] / means[..., 2])


def _correlation(means: np.ndarray) -> np.ndarray:
    return np.asarray(means[..., 0] / np.sqrt(means[..., 1] * means[..., 2]))


def _estimates(columns: np.ndarray, clusters: Clusters, functions: Sequence[Callable[[np.ndarray], np.ndarray]]) -> list[Estimate]:
    n = len(columns)
    if not n:
        return [NOTHING] * len(functions)

    def all_of(means: np.ndarray) -> np.ndarray:
        return np.stack([function(means) for function in functions], axis=-1)

    with np.errstate(divide="ignore", invalid="ignore"):
        plain = all_of(columns.mean(axis=0))
    found = clusters.interval(columns, all_of)
    ends = np.full((2, len(functions)), np.nan) if found is None else np.stack(found[1:])
    return [
        NOTHING if not np.isfinite(value) else
        Estimate(float(value), float(low), float(high), n, clusters.how) if np.isfinite([low, high]).all() else
        Estimate(float(value), None, None, n, clusters.how)
        for value, low, high in zip(plain, *ends, strict=True)
    ]


def pull_of(margin: np.ndarray, prompt: np.ndarray, length_gap: np.ndarray) -> Pull:
    """The figures of one head on pairs (pairs,); margins are calibrated, length_gap is Δ log(1 + characters)."""
    margin, gap, clusters = np.asarray(margin, float), np.asarray(length_gap, float), Clusters(prompt)
    slope, correlation = _estimates(_pull_columns(margin, gap), clusters, [_per_doubling, _correlation])
    accuracy, matched = clusters.shares(outcomes(margin), [np.ones(len(gap), bool), np.abs(gap) < MATCHED])
    return Pull(slope, correlation, accuracy, matched, calibration_error(margin))


@analysis
def fix_comparison(
    margin: np.ndarray,
    prompt: np.ndarray,
    subset: np.ndarray,
    length_gap: np.ndarray,
    after: np.ndarray | None = None,
    fix: str = "",
) -> FixComparison:
    """What a fix changes on the same pairs (pairs,): `margin` before, `after` (pairs,) after it, both calibrated.

    Differences are paired, over prompts; sources with fewer than 20 pairs are not compared alone.
    """
    before, gap = np.asarray(margin, float), np.asarray(length_gap, float)
    new = before if after is None else np.asarray(after, float)
    clusters = Clusters(prompt)
    first, second = pull_of(before, prompt, gap), pull_of(new, prompt, gap)
    changes = _accuracy_changes(before, new, clusters, gap, subset)
    columns = np.column_stack([_pull_columns(before, gap), _pull_columns(new, gap)])
    both = [
        lambda means, of=of: of(means[..., 3:]) - of(means[..., :3])
        for of in (_per_doubling, _correlation)
    ]
    differences = _estimates(columns, clusters, both)
    for name, one, other, difference in zip(
        ("Length doubled", "Correlation"), (first.per_doubling, first.correlation),
        (second.per_doubling, second.correlation), differences, strict=True,
    ):
        if one.value is not None and other.value is not None:
            changes.append(Change(name, "pull", one.value, other.value, difference))
    if first.ece is not None and second.ece is not None:
        difference = _error_difference(before, new, clusters)
        changes.append(Change("Error (ECE)", "calibration", first.ece, second.ece, difference))
    return FixComparison(fix, len(before), clusters.prompts, first, second, tuple(changes), clusters.how)


def _accuracy_changes(
    before: np.ndarray, after: np.ndarray, clusters: Clusters, gap: np.ndarray, subset: np.ndarray
) -> list[Change]:
    """Accuracy on all pairs, at equal length and by source: where there are pairs enough."""
    names, codes = encode(subset)
    groups = [("All pairs", np.ones(len(gap), bool)), ("Equal length", np.abs(gap) < MATCHED)]
    if len(names) > 1:
        groups += [(name, codes == code) for code, name in enumerate(names)
                   if np.count_nonzero(codes == code) >= LEAST_PAIRS]
    one, other = outcomes(before), outcomes(after)
    found = []
    for name, rows in groups:
        if not rows.any():
            continue
        places = np.flatnonzero(rows)
        part = Clusters(clusters.codes[places], bootstrap=clusters.bootstrap)
        found.append(Change(name, "accuracy", float(one[places].mean()), float(other[places].mean()),
                            part.mean(other[places] - one[places])))
    return found


@dataclass(frozen=True)
class ProbeChange:
    """One probe under two heads: mean change of the reward in within-prompt SD of each, and the paired difference.

    q: Benjamini–Hochberg over probes, of Student's t of the difference over prompts.
    """

    name: str
    title: str
    expected: str
    before: Estimate
    after: Estimate
    difference: Estimate
    q: float

    @property
    def clear(self) -> bool:
        """Whether q is below 0.05 and the interval of the difference excludes 0."""
        return self.q < 0.05 and self.difference.excludes(0.0)

    def words(self) -> str:
        """What changed: weaker by 0.32 SD, or no clear difference."""
        if not self.clear or self.before.value is None or self.after.value is None:
            return "no clear difference"
        if self.before.value * self.after.value < 0 and self.after.excludes(0.0):
            return "turned round"
        less = abs(self.after.value) < abs(self.before.value)
        return f"{'weaker' if less else 'stronger'} by {wording.number(abs(abs(self.after.value) - abs(self.before.value)))}"


def probe_changes(probes: Sequence[tuple[str, str, str, np.ndarray, np.ndarray, np.ndarray]]) -> tuple[ProbeChange, ...]:
    """(name, title, expected, change before (n,), change after (n,), prompt (n,)) of each probe → what a fix does to it.

    Changes are of the same edited responses under both heads, in within-prompt SD of each.
    """
    found, p = [], []
    for name, title, expected, before, after, prompt in probes:
        clusters, difference = Clusters(prompt), after - before
        whole = clusters.mean(difference)
        error = clusters.standard_error((difference - difference.mean())[:, None])[0] if len(difference) else np.inf
        known = whole.ci is not None and error > 0
        p.append(float(two_sided_p((whole.value or 0.0) / error, clusters.prompts)) if known else 1.0)
        found.append((name, title, expected, clusters.mean(before), clusters.mean(after), whole))
    q = benjamini_hochberg(p)
    return tuple(ProbeChange(*one, float(at)) for one, at in zip(found, q, strict=True))


def changed_pairs(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(pairs,) bool: those whose ranking the fix turned round."""
    return np.asarray(np.sign(before) != np.sign(after))
