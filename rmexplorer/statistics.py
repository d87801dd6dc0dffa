"""Shared statistics: intervals over prompts, paired tests, rank correlation. Pure numpy; scipy comes late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np

from rmexplorer.job import beat

Z95 = 1.959963984540054
DRAWS = 1000
BOOTSTRAP_PROMPTS = 3000
FEW_PROMPTS = 5
MANY_PROMPTS = 10_000  # from here on Student's t and the normal distribution do not differ


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and the number of pairs (or responses) behind it.

    value, low and high are None where there is nothing to say; `how` names the way the interval was made.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    how: str = ""

    @property
    def ci(self) -> list[float] | None:
        """[low, high] as JSON wants it, None where there is no interval."""
        return None if self.low is None or self.high is None else [self.low, self.high]

    def excludes(self, value: float) -> bool:
        """Whether the interval is there and does not hold `value`."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high


NOTHING = Estimate(None, None, None, 0)


def wilson(successes: np.ndarray | float, n: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """95 % Wilson score interval of a proportion; successes may be fractional; n = 0 gives (0, 1)."""
    trials = np.asarray(n, float)
    share = np.divide(
        successes, trials, out=np.full(np.broadcast_shapes(np.shape(successes), trials.shape), 0.5), where=trials > 0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = np.where(trials > 0, Z95**2 / trials, 0.0)
        middle = (share + shrink / 2) / (1 + shrink)
        half = np.sqrt(np.maximum(share * (1 - share) * shrink + shrink**2 / 4, 0.0)) / (1 + shrink)
    low = np.where(trials > 0, np.where(share <= 0, 0.0, np.clip(middle - half, 0.0, 1.0)), 0.0)
    high = np.where(trials > 0, np.where(share >= 1, 1.0, np.clip(middle + half, 0.0, 1.0)), 1.0)
    return low, high


def proportion(successes: float, n: int) -> Estimate:
    """A proportion with its Wilson interval."""
    if n <= 0:
        return NOTHING
    low, high = wilson(successes, n)
    return Estimate(float(successes) / n, float(low), float(high), n, "Wilson")


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided McNemar p-value from the two discordant counts (10 against 2: 0.0386); 1 where there are none."""
    trials = first_only + second_only
    if trials == 0:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), trials, 0.5)))


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg q-values, in the order of the p-values (tests,)."""
    values = np.asarray(p, float)
    if not values.size:
        return values.copy()
    order = np.argsort(values, kind="stable")[::-1]
    ranks = np.arange(values.size, 0, -1)
    q = np.empty_like(values)
    q[order] = np.minimum(np.minimum.accumulate(values[order] * values.size / ranks), 1.0)
    return q


def two_sided_p(z: np.ndarray | float, groups: float | None = None) -> np.ndarray:
    """Two-sided p-value of z scores: normal, or with a standard error from so many prompts Student's t, one df fewer."""
    from scipy.special import ndtr, stdtr

    tail = -np.abs(z)
    return np.asarray(2.0 * (ndtr(tail) if groups is None else stdtr(max(groups - 1, 1), tail)))


def t95(groups: int) -> float:
    """By how many standard errors a 95 % interval reaches to each side where they come from so many prompts.

    Student's t with one degree of freedom fewer (Cameron and Miller 2015): 2.78 at 5 prompts, where 1.96 covers 89 %.
    """
    if groups > MANY_PROMPTS:
        return Z95
    from scipy.special import stdtrit

    return float(stdtrit(max(groups - 1, 1), 0.975))


def outcomes(margin: np.ndarray) -> np.ndarray:
    """(pairs,) 1 where the chosen response has the higher reward, 0 where the lower, ½ where they are equal."""
    return np.asarray((np.sign(margin) + 1.0) / 2.0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    shrunk = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, shrunk) / (1.0 + shrunk))


def best_temperature(margin: np.ndarray, lowest: float, highest: float, target: np.ndarray | None = None) -> float:
    """The temperature T that minimises the mean Bradley–Terry loss of margin / T, within [lowest, highest].

    margin: d (pairs,); target: (pairs,) in [0, 1] or None for 1. The loss is convex in 1/T: Newton's steps on it, kept
    inside a bracket (Guo et al. 2017, for pairs without intercept). 1 where there is no margin at all.
    """
    d = np.asarray(margin, dtype=np.float64)
    if not len(d) or not np.any(d):
        return 1.0

    def slope(inverse: float) -> float:
        if target is None:
            return -float(np.mean(d * sigmoid(-d * inverse)))
        return float(np.mean(d * ((1 - target) * sigmoid(d * inverse) - target * sigmoid(-d * inverse))))

    low, high = 1 / highest, 1 / lowest
    if slope(low) >= 0:
        return highest
    if slope(high) <= 0:
        return lowest
    inverse = 1.0
    for _ in range(100):
        gradient, p = slope(inverse), sigmoid(d * inverse)
        low, high = (inverse, high) if gradient < 0 else (low, inverse)
        curvature = float(np.mean(d**2 * p * (1 - p)))
        step = inverse - gradient / curvature if curvature > 0 else low
        step = step if low < step < high else float(np.sqrt(low * high))
        if abs(step - inverse) < 1e-12 * inverse:
            break
        inverse = step
    return 1 / inverse


def equal_bins(margin: np.ndarray, bins: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Order of pairs by |margin| (pairs,), and where bins of equal count start in it; equal margins are never parted.

    bins: how many, by default at most 15 and one for each 20 pairs. Of at least one pair.
    """
    strength, n = np.abs(margin), len(margin)
    bins = min(15, max(1, n // 20)) if bins is None else bins
    order = np.argsort(strength, kind="stable")
    ordered = strength[order]
    sizes = np.full(bins, n // bins)
    sizes[: n % bins] += 1
    wanted = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return order, np.unique(np.searchsorted(ordered, ordered[np.minimum(wanted, n - 1)], "left"))


def encode(values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Distinct strings by falling count (then name), and the (n,) code of each value; in one pass, without sorting."""
    seen: defaultdict[str, int] = defaultdict(count().__next__)
    codes = np.fromiter(map(seen.__getitem__, values.tolist()), np.int64, len(values))
    names, sizes = list(seen), np.bincount(codes, minlength=len(seen))
    order = sorted(range(len(names)), key=lambda code: (-int(sizes[code]), names[code]))
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return [names[code] for code in order], rank[codes] if len(names) else codes


def members(codes: np.ndarray, number: int) -> list[np.ndarray]:
    """For each code below `number` the positions that have it, ascending."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=number))[:-1]) if number else []


def drawn(count: int, number: int, seed: int = 0) -> np.ndarray:
    """(number,) positions of `count` things drawn without replacement, ascending. For millions: unlike `Generator.choice`,
    this lets other threads go on. Other positions than `choice` draws with the seed."""
    if number >= count:
        return np.arange(count)
    return np.sort(np.argpartition(np.random.default_rng(seed).random(count), number)[:number])


def distinct(values: np.ndarray) -> np.ndarray:
    """The distinct ones of values (no NaN), sorted, as `np.unique` gives them.

    That fills a table while it holds the interpreter, for a second a few million; while numpy sorts, other threads go on.
    """
    ordered = np.sort(values, axis=None)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def first_seen(ids: np.ndarray) -> np.ndarray:
    """Positions of the first occurrence of each distinct non-negative id, by ascending id."""
    if not len(ids):
        return np.zeros(0, np.int64)
    top = int(ids.max()) + 1
    if top > 8 * len(ids) + 1_000_000:
        return np.unique(ids, return_index=True)[1]
    where = np.full(top, -1, np.int64)
    where[ids[::-1]] = np.arange(len(ids) - 1, -1, -1)
    return where[where >= 0]


def _codes(ids: np.ndarray) -> tuple[np.ndarray, int]:
    """Dense codes of ids, and how many there are."""
    if not len(ids):
        return np.zeros(0, np.int64), 0
    if ids.dtype.kind in "iu" and int(ids.min()) >= 0 and int(ids.max()) < 8 * len(ids) + 1_000_000:
        there = np.zeros(int(ids.max()) + 1, bool)
        there[ids] = True
        return (np.cumsum(there) - 1)[ids], int(there.sum())
    names, codes = np.unique(ids, return_inverse=True)
    return codes, len(names)


@lru_cache(maxsize=2)
def _draw_weights(prompts: int, draws: int, seed: int) -> np.ndarray:
    """(draws, prompts) how often each prompt is in each bootstrap draw."""
    picks = np.random.default_rng(seed).integers(prompts, size=(draws, prompts), dtype=np.int32)
    weights = np.empty((draws, prompts))
    for draw in range(draws):  # row by row, so that the counts stay in the processor's cache
        weights[draw] = np.bincount(picks[draw], minlength=prompts)
    weights.flags.writeable = False
    return weights


class Clusters:
    """Pairs grouped by prompt: intervals that respect that pairs of one prompt are not independent.

    Up to 3,000 prompts the intervals are percentiles of 1,000 seeded bootstrap draws of prompts; beyond that, where the
    two agree, they are cluster-robust (linearised) ones. Proportions over prompts with one pair each are Wilson's.
    """

    def __init__(self, prompt: np.ndarray, bootstrap: bool | None = None, draws: int = DRAWS, seed: int = 0) -> None:
        beat()
        self.codes, self.prompts = _codes(np.asarray(prompt))
        self.n = len(self.codes)
        self.independent = self.prompts == self.n
        self.bootstrap = self.prompts <= BOOTSTRAP_PROMPTS if bootstrap is None else bootstrap
        self.draws, self.seed = draws, seed
        self._order = (
            None
            if self.n < 2 or bool(np.all(self.codes[1:] >= self.codes[:-1]))
            else np.argsort(self.codes, kind="stable")
        )
        self._starts = (
            np.concatenate([[0], np.cumsum(np.bincount(self.codes, minlength=self.prompts))[:-1]]).astype(np.int64)
            if self.prompts
            else np.zeros(0, np.int64)
        )

    @property
    def how(self) -> str:
        """How intervals of means, slopes and differences are made."""
        return "bootstrap over prompts" if self.bootstrap else "cluster-robust by prompt"

    def sums(self, columns: np.ndarray) -> np.ndarray:
        """(prompts, k) sums over each prompt of (n, k) columns."""
        if self.n == 0:
            return np.zeros((0, columns.shape[1]))
        ordered = columns if self._order is None else columns[self._order]
        return ordered if self.independent else np.add.reduceat(ordered, self._starts, axis=0)

    def interval(
        self, columns: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Value, low and high (m,) of a smooth function (..., k) → (..., m) of the means of (n, k) columns.

        `function` uses arithmetic only (no abs, no where): beyond the bootstrap its gradient comes from complex steps.
        An end is NaN where more than half of the draws give none; None without columns, or where there are fewer than 5
        prompts: resampling those says nothing.
        """
        beat()
        if self.prompts < FEW_PROMPTS or not columns.shape[1]:
            return None
        sums = self.sums(columns) / self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            value = function(sums.sum(axis=0))
            if self.bootstrap:
                draws = function(_draw_weights(self.prompts, self.draws, self.seed) @ sums)
                fine = np.isfinite(draws)
                if fine.all():
                    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
                else:  # a draw without a pair of some group says nothing of that group
                    ends = [
                        np.percentile(column[there], [2.5, 97.5])
                        if 2 * there.sum() >= len(column)
                        else (np.nan, np.nan)
                        for column, there in zip(draws.T, fine.T, strict=True)
                    ]
                    low, high = np.array(ends).T
                return value, low, high
            half = t95(self.prompts) * np.sqrt(np.maximum(self._variance(sums, function), 0.0))
        return value, value - half, value + half

    def _variance(self, sums: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """(m,) variance of a smooth function of means, to first order in each prompt's sums."""
        mean = sums.sum(axis=0)
        step = 1e-30
        gradient = np.stack([np.imag(function(mean + 1j * step * unit)) / step for unit in np.eye(len(mean))])
        apart = sums - mean / self.prompts
        spread = apart.T @ apart * (self.prompts / (self.prompts - 1))
        return np.asarray(np.einsum("km,kl,lm->m", gradient, spread, gradient))

    def standard_error(self, influence: np.ndarray) -> np.ndarray:
        """(k,) cluster-robust standard error of means whose per-row influences are (n, k)."""
        if self.prompts < 2:
            return np.full(influence.shape[1], np.inf)
        sums = self.sums(influence)
        return np.asarray(np.sqrt((sums**2).sum(axis=0) * self.prompts / (self.prompts - 1)) / self.n)

    def mean(self, values: np.ndarray) -> Estimate:
        """The mean of (n,) values with its interval over prompts."""
        if self.n == 0:
            return NOTHING
        found = self.interval(np.asarray(values, float)[:, None], lambda means: means)
        if found is None:
            return Estimate(float(np.mean(values)), None, None, self.n, self.how)
        return Estimate(float(np.mean(values)), float(found[1][0]), float(found[2][0]), self.n, self.how)

    def share(self, outcome: np.ndarray, where: np.ndarray | None = None) -> Estimate:
        """The mean of (n,) outcomes in [0, 1], over the rows `where` (all if None), with its interval.

        Wilson where each prompt has one row, or where a bootstrap would have no width (fewer than 5 prompts, 0 % or
        100 %: then with the number of prompts as trials).
        """
        return self.shares(outcome, [np.ones(self.n, bool) if where is None else where])[0]

    def shares(self, outcome: np.ndarray, groups: Sequence[np.ndarray]) -> list[Estimate]:
        """`share` of several groups of rows, each a mask (n,), with the bootstrap draws of all in one product."""
        found: list[Estimate | None] = [self._plain_share(outcome, rows) for rows in groups]
        left = [group for group, estimate in enumerate(found) if estimate is None]
        if not left:
            return [estimate for estimate in found if estimate is not None]
        low = high = np.full(len(left), np.nan)
        if self.bootstrap:
            columns = np.column_stack(
                [column for group in left for column in (np.where(groups[group], outcome, 0.0), groups[group])]
            )
            drawn = self.interval(columns, lambda means: means[..., ::2] / means[..., 1::2])
            low, high = (low, high) if drawn is None else drawn[1:]
        for place, group in enumerate(left):
            rows = groups[group]
            n, value = int(rows.sum()), float(outcome[rows].mean())
            ends, how = (float(low[place]), float(high[place])), self.how
            if not np.isfinite(ends).all():
                error = self.standard_error(np.where(rows, outcome - value, 0.0)[:, None])[0] * self.n / n
                trials = min(value * (1 - value) / max(error**2, 1e-300), n)
                robust = wilson(value * trials, trials)
                ends, how = (float(robust[0]), float(robust[1])), "cluster-robust by prompt"
            found[group] = Estimate(value, *ends, n, how)
        return [NOTHING if estimate is None else estimate for estimate in found]

    def _plain_share(self, outcome: np.ndarray, rows: np.ndarray) -> Estimate | None:
        """A share whose interval is Wilson's, or None where it needs more."""
        n = int(rows.sum())
        if n == 0:
            return NOTHING
        value = float(outcome[rows].mean())
        if self.independent:
            return proportion(value * n, n)
        prompts = len(first_seen(self.codes[rows]))
        if prompts >= FEW_PROMPTS and value not in (0.0, 1.0):
            return None
        low, high = wilson(value * prompts, prompts)
        return Estimate(value, float(low), float(high), n, "Wilson over prompts")


@dataclass(frozen=True)
class PairedDifference:
    """Two models on the same pairs: the difference of their accuracies (first minus second) and exact McNemar."""

    difference: Estimate
    first_only: int
    second_only: int
    p: float


def paired_difference(first: np.ndarray, second: np.ndarray, clusters: Clusters) -> PairedDifference:
    """Compare two margins (pairs,) on the same pairs; ties count half, and are not discordant in McNemar's test."""
    right, other = outcomes(first), outcomes(second)
    first_only = int(((right == 1.0) & (other == 0.0)).sum())
    second_only = int(((right == 0.0) & (other == 1.0)).sum())
    return PairedDifference(clusters.mean(right - other), first_only, second_only, mcnemar(first_only, second_only))


@dataclass(frozen=True, eq=False)
class _Runs:
    """Values in rising order, cut into runs of equal ones."""

    order: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> _Runs:
        order = np.argsort(values)
        ordered = values[order]
        apart = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(values) else np.zeros(0, bool)
        starts = np.flatnonzero(apart)
        return cls(order, starts, np.diff(np.concatenate([starts, [len(values)]])))

    def spread(self, by_run: np.ndarray) -> np.ndarray:
        """(n,) the value of each row's run."""
        found = np.empty(len(self.order))
        found[self.order] = np.repeat(by_run, self.sizes)
        return found

    def ranks(self) -> np.ndarray:
        return self.spread(self.starts + (self.sizes + 1) / 2.0)

    def upper_means(self, weight: np.ndarray) -> np.ndarray:
        """(n,) mean over all rows j of weight_j · [j's value is above the row's, ties half]."""
        total = np.add.reduceat(weight[self.order], self.starts)
        return self.spread(total.sum() - np.cumsum(total) + total / 2.0) / len(self.order)


def ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 1, ties share the mean of theirs."""
    return _Runs.of(values).ranks()


def centred(values: np.ndarray, clusters: Clusters) -> np.ndarray:
    """(n,) values minus the mean of their prompt."""
    sizes = np.maximum(np.bincount(clusters.codes, minlength=clusters.prompts), 1)
    means = np.bincount(clusters.codes, weights=values, minlength=clusters.prompts) / sizes
    return np.asarray(values - means[clusters.codes])


def spearman(x: np.ndarray, y: np.ndarray, clusters: Clusters) -> Estimate:
    """Spearman's rank correlation with a cluster-robust interval.

    The standard error is that of the U-statistic behind it (Hájek projection: ranks are estimated too), summed within
    prompts, on Fisher's z scale. None where either side is constant.
    """
    n = len(x)
    if n < 3:
        return Estimate(None, None, None, n)
    by_first, by_second = _Runs.of(x), _Runs.of(y)
    first, second = (by_first.ranks() - 0.5) / n, (by_second.ranks() - 0.5) / n
    scale = float(first.std() * second.std())
    if scale < 1e-12:
        return Estimate(None, None, None, n)
    value = float(np.clip(np.mean((first - 0.5) * (second - 0.5)) / scale, -1.0, 1.0))
    how = "cluster-robust by prompt"
    if clusters.prompts < FEW_PROMPTS:
        return Estimate(value, None, None, n, how)
    influence = first * second + by_first.upper_means(second) + by_second.upper_means(first)
    error = float(clusters.standard_error((influence - influence.mean())[:, None])[0]) / scale
    inner = min(max(value, -1 + 1e-9), 1 - 1e-9)
    middle, half = np.arctanh(inner), t95(clusters.prompts) * error / (1 - inner**2)
    return Estimate(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), n, how)
