"""Does the reward follow length?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.statistics import Clusters, Estimate, centred, first_seen, outcomes, sigmoid, spearman

SIMILAR = 0.1
OUTLIERS = 12


@dataclass(frozen=True, eq=False)
class Cloud:
    """The distinct responses of the pairs; arrays are (responses,).

    `response` is a row of Dataset.responses, `pair` the row of Dataset.pairs that shows it first, `was_chosen` its side
    there, `chosen_share` the share of its pairs that it won, `log_words` log2 of its words (at least one word).
    """

    response: np.ndarray
    pair: np.ndarray
    reward: np.ndarray
    words: np.ndarray
    log_words: np.ndarray
    was_chosen: np.ndarray
    chosen_share: np.ndarray

    def __len__(self) -> int:
        return len(self.response)


@dataclass(frozen=True, eq=False)
class Trend:
    """Least squares of the reward on log2 words: slope per doubling, and a pointwise 95 % band (grid,)."""

    slope: Estimate
    intercept: float
    log_words: np.ndarray
    line: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Outliers:
    """Responses far from the trend: positions in the cloud, and their residuals in robust SD, largest first."""

    position: np.ndarray
    residual: np.ndarray


@dataclass(frozen=True)
class LengthGroup:
    """Accuracy where the chosen response is shorter, of similar length or longer; or in a bin of the difference.

    `low` and `high` bound log(1 + characters chosen) − log(1 + characters rejected); `middle` is its mean. `length_only`:
    the share of these pairs that the length-only rule gets right, None where there are none.
    """

    name: str
    low: float
    high: float
    middle: float
    accuracy: Estimate
    length_only: float | None


@dataclass(frozen=True, eq=False)
class LengthStyle:
    """Length and the reward, length and the labels. `trend` is None on few pairs or where lengths do not differ."""

    pairs: int
    prompts: int
    cloud: Cloud
    trend: Trend | None
    correlation: Estimate
    outliers: Outliers
    chosen_longer: Estimate
    accuracy: Estimate
    accuracy_chosen_longer: Estimate
    accuracy_chosen_shorter: Estimate
    matched: Estimate
    length_only: Estimate
    length_slope: float
    groups: tuple[LengthGroup, ...]
    bins: tuple[LengthGroup, ...]
    chosen_words_median: float | None
    rejected_words_median: float | None

    def headline(self) -> str:
        """How often the longer response wins, and how a length-only rule does beside the model."""
        if self.pairs == 0:
            return wording.too_few(0)
        wins = f"onger responses win {wording.with_interval(self.chosen_longer, shares=True, of='of pairs')}."
        if self.pairs < wording.FEW_PAIRS:
            return wording.too_few(self.pairs, "l" + wins)
        return wording.headline(
            "L" + wins,
            f"A length-only rule scores {wording.number(self.length_only.value)}, your model "
            f"{wording.with_interval(self.accuracy, name=False)}.",
        )

    def trend_text(self) -> str:
        """+0.46 reward each time the length doubles (95% CI 0.42–0.50)."""
        if self.trend is None:
            return ""
        return wording.with_interval(self.trend.slope, signed=True, of="reward each time the length doubles")

    def method(self, split: str = "") -> str:
        """Number of pairs and responses, how intervals are made, how ties count."""
        return wording.method_line(
            wording.pairs_of(self.pairs, split),
            wording.counted(len(self.cloud), "response"),
            wording.intervals(self.accuracy.how),
            f"trend: {self.trend.slope.how}" if self.trend and self.trend.slope.how != self.accuracy.how else "",
            "ties count as half",
            "longer means more characters",
        )


def length_slope(length_gap: np.ndarray) -> float:
    """Slope of the logistic model of the label on Δ log characters (pairs,), without intercept; within ±50."""
    slope = 0.0
    for _ in range(50):
        p = sigmoid(slope * length_gap)
        curvature = float(np.sum(length_gap**2 * p * (1 - p)))
        if curvature < 1e-12:
            break
        step = float(np.sum(length_gap * (1 - p))) / curvature
        slope = float(np.clip(slope + np.clip(step, -2.0, 2.0), -50.0, 50.0))
        if abs(step) < 1e-10 or abs(slope) == 50.0:
            break
    return slope


def _cloud(
    pair: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, reward: np.ndarray, words: np.ndarray
) -> tuple[Cloud, np.ndarray]:
    """The distinct responses, and the position of each one's first showing among the 2 · pairs responses shown."""
    n, ids = len(pair), np.concatenate([chosen, rejected])
    first = first_seen(ids)
    top = int(ids.max()) + 1 if n else 0
    shown, wins = np.bincount(ids, minlength=top), np.bincount(chosen, minlength=top)
    distinct, words = ids[first], words[first]
    return Cloud(
        distinct,
        pair[first % max(n, 1)],
        reward[first],
        words,
        np.log2(np.maximum(words, 1)),
        first < n,
        wins[distinct] / np.maximum(shown[distinct], 1),
    ), first


def _line(grid: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Means of (x, y, x², xy) → the slope, then the heights of the least-squares line over the grid."""

    def heights(means: np.ndarray) -> np.ndarray:
        x, y, xx, xy = (means[..., column : column + 1] for column in range(4))
        slope = (xy - x * y) / (xx - x * x)
        return np.concatenate([slope, y + slope * (grid - x)], axis=-1)

    return heights


def _trend(cloud: Cloud, clusters: Clusters) -> Trend | None:
    if len(cloud) < 3 or np.ptp(cloud.log_words) < 1e-9:
        return None
    middle, level = float(cloud.log_words.mean()), float(cloud.reward.mean())
    x, y = cloud.log_words - middle, cloud.reward - level
    grid = np.linspace(cloud.log_words.min(), cloud.log_words.max(), 50)
    found = clusters.interval(np.column_stack([x, y, x * x, x * y]), _line(grid - middle))
    if found is None or not np.isfinite(found).all():
        return None
    value, low, high = found
    slope = Estimate(float(value[0]), float(low[0]), float(high[0]), len(cloud), clusters.how)
    return Trend(slope, level - float(value[0]) * middle, grid, value[1:] + level, low[1:] + level, high[1:] + level)


def _outliers(cloud: Cloud, trend: Trend | None) -> Outliers:
    if trend is None or trend.slope.value is None:
        return Outliers(np.zeros(0, np.int64), np.zeros(0))
    residual = cloud.reward - trend.intercept - trend.slope.value * cloud.log_words
    residual = residual - np.median(residual)
    scale = 1.4826 * float(np.median(np.abs(residual))) or float(residual.std()) or 1.0
    residual = residual / scale
    far = np.flatnonzero(np.abs(residual) > 3.0)
    far = far[np.argsort(-np.abs(residual[far]), kind="stable")][:OUTLIERS]
    return Outliers(far, residual[far])


def _by_length(gap: np.ndarray) -> list[tuple[str, float, float, np.ndarray]]:
    """(name, low, high, rows) of the three groups, then of at most 9 bins of the difference with as many pairs each."""
    similar, longer = np.abs(gap) < SIMILAR, gap > 0
    groups = [
        ("chosen shorter", -np.inf, -SIMILAR, ~similar & ~longer),
        ("similar", -SIMILAR, SIMILAR, similar),
        ("chosen longer", SIMILAR, np.inf, ~similar & longer),
    ]
    if not len(gap):
        return groups
    edges = np.unique(np.quantile(gap, np.linspace(0.0, 1.0, min(9, max(1, len(gap) // 30)) + 1)))
    of = np.clip(np.searchsorted(edges, gap, "right") - 1, 0, max(len(edges) - 2, 0))
    for code in range(max(len(edges) - 1, 1)):
        if np.any(of == code):
            groups.append(("", float(edges[code]), float(edges[min(code + 1, len(edges) - 1)]), of == code))
    return groups


def length_groups(length_gap: np.ndarray) -> list[np.ndarray]:
    """(pairs,) bool for each of LengthStyle.groups, then for each of LengthStyle.bins: the pairs behind its accuracy."""
    return [rows for *_, rows in _by_length(length_gap)]


@analysis
def length_style(
    margin: np.ndarray,
    reward_chosen: np.ndarray,
    reward_rejected: np.ndarray,
    prompt: np.ndarray,
    pair: np.ndarray,
    response_chosen: np.ndarray,
    response_rejected: np.ndarray,
    words_chosen: np.ndarray,
    words_rejected: np.ndarray,
    chars_chosen: np.ndarray,
    chars_rejected: np.ndarray,
    length_gap: np.ndarray,
    slope: float | None = None,
) -> LengthStyle:
    """Does the reward follow length? Trend over distinct responses, accuracy by length difference of pairs (pairs,).

    `slope` is that of the length-only rule, fitted on training pairs; without it, it is fitted on these. Correlation:
    Spearman of reward and log length, both centred within prompt. Similar length: |Δ log characters| < 0.1.
    """
    clusters, right = Clusters(prompt), outcomes(margin)
    cloud, first = _cloud(
        pair,
        response_chosen,
        response_rejected,
        np.concatenate([reward_chosen, reward_rejected]),
        np.concatenate([words_chosen, words_rejected]),
    )
    owners = Clusters(np.concatenate([prompt, prompt])[first], bootstrap=clusters.bootstrap)
    trend = _trend(cloud, owners) if len(margin) >= wording.FEW_PAIRS else None
    log_chars = np.log1p(np.concatenate([chars_chosen, chars_rejected])[first])
    fitted = length_slope(length_gap) if slope is None else slope
    spans = _by_length(length_gap)
    everyone, longer, shorter = np.ones(len(pair), bool), chars_chosen > chars_rejected, chars_chosen < chars_rejected
    accuracies = clusters.shares(right, [everyone, longer, shorter, *(rows for *_, rows in spans)])
    rule = outcomes(np.sign(fitted) * length_gap)
    groups = [
        LengthGroup(name, low, high, float(length_gap[rows].mean()) if rows.any() else 0.0, accuracy,
                    float(rule[rows].mean()) if rows.any() else None)
        for (name, low, high, rows), accuracy in zip(spans, accuracies[3:], strict=True)
    ]
    return LengthStyle(
        len(margin),
        clusters.prompts,
        cloud,
        trend,
        spearman(np.round(centred(cloud.reward, owners), 9), np.round(centred(log_chars, owners), 9), owners),
        _outliers(cloud, trend),
        clusters.share(longer.astype(float)),
        accuracies[0],
        accuracies[1],
        accuracies[2],
        groups[1].accuracy,
        clusters.share(rule),
        fitted,
        tuple(groups[:3]),
        tuple(groups[3:]),
        float(np.median(words_chosen)) if len(pair) else None,
        float(np.median(words_rejected)) if len(pair) else None,
    )
