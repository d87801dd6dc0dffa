"""Does the reward follow length?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.analysis.cloud import Cloud, Outliers, Trend, cloud_of, log2_of, outliers_of, trend_of, within_prompts
from rmexplorer.job import beat
from rmexplorer.statistics import Clusters, Estimate, centred, outcomes, sigmoid, spearman

SIMILAR = 0.1


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
    """Length and the reward, length and the labels. `trend` is None on few pairs or where lengths do not differ.

    within: reward each time the words double, within prompts.
    """

    pairs: int
    prompts: int
    cloud: Cloud
    trend: Trend | None
    within: Estimate
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

    @property
    def medians(self) -> tuple[float, float] | None:
        """Median words of chosen and rejected responses."""
        chosen, rejected = self.chosen_words_median, self.rejected_words_median
        return None if chosen is None or rejected is None else (chosen, rejected)

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

    def within_text(self) -> str:
        """Within prompts +0.40 (95% CI 0.35–0.45)."""
        return "" if self.within.value is None else f"within prompts {wording.with_interval(self.within, signed=True)}"

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
        beat()
        p = sigmoid(slope * length_gap)
        curvature = float(np.sum(length_gap**2 * p * (1 - p)))
        if curvature < 1e-12:
            break
        step = float(np.sum(length_gap * (1 - p))) / curvature
        slope = float(np.clip(slope + np.clip(step, -2.0, 2.0), -50.0, 50.0))
        if abs(step) < 1e-10 or abs(slope) == 50.0:
            break
    return slope


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
    cloud, first = cloud_of(
        pair,
        response_chosen,
        response_rejected,
        np.concatenate([reward_chosen, reward_rejected]),
        np.concatenate([words_chosen, words_rejected]),
        log2_of,
    )
    owners = Clusters(np.concatenate([prompt, prompt])[first], bootstrap=clusters.bootstrap)
    trend = trend_of(cloud, owners) if len(margin) >= wording.FEW_PAIRS else None
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
        within_prompts(margin, log2_of(words_chosen) - log2_of(words_rejected), clusters),
        spearman(np.round(centred(cloud.reward, owners), 9), np.round(centred(log_chars, owners), 9), owners),
        outliers_of(cloud, trend),
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
