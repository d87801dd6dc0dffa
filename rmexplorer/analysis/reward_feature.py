"""Does the reward follow a feature of the responses: over all of them, within prompts, and at equal length?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.analysis.cloud import Cloud, Outliers, Trend, cloud_of, log2_of, outliers_of, trend_of, within_prompts
from rmexplorer.statistics import NOTHING, Clusters, Estimate

LENGTHS = ("words", "characters")


def scaled(estimate: Estimate, by: float) -> Estimate:
    """An estimate in another unit, `by` > 0."""
    if estimate.value is None:
        return estimate
    low, high = (None if end is None else by * end for end in (estimate.low, estimate.high))
    return Estimate(by * estimate.value, low, high, estimate.n, estimate.how)


@dataclass(frozen=True, eq=False)
class RewardFeature:
    """Reward against one feature, over `pairs` drawn from `of`.

    sd: within-prompt standard deviation of x; overall: slope of the trend over responses, within: slope within prompts,
    partial: that beside the length (Nothing for a length itself); all for one `sd` more, or where the feature is a length
    (x is log2) for each doubling. trend: the line in x, None on few pairs or where the feature does not vary; medians: of
    chosen and rejected responses.
    """

    name: str
    pairs: int
    of: int
    cloud: Cloud
    sd: float
    trend: Trend | None
    overall: Estimate
    within: Estimate
    partial: Estimate
    outliers: Outliers
    medians: tuple[float, float] | None

    @property
    def is_length(self) -> bool:
        """Whether the feature is a length, drawn on a log scale."""
        return self.name in LENGTHS

    def trend_text(self) -> str:
        """+0.12 reward for 1 SD (0.80) more (95% CI 0.05–0.19)."""
        if self.overall.value is None:
            return ""
        each = "each time the length doubles" if self.is_length else f"for 1 SD {wording.bracket(wording.number(self.sd))} more"
        return wording.with_interval(self.overall, signed=True, of=f"reward {each}")

    def within_text(self) -> str:
        """Within prompts at equal length +0.10 (95% CI 0.04–0.16)."""
        found, held = (self.within, "") if self.partial.value is None else (self.partial, " at equal length")
        return "" if found.value is None else f"within prompts{held} {wording.with_interval(found, signed=True)}"

    def headline(self) -> str:
        """What one more of the feature goes with."""
        if self.pairs < wording.FEW_PAIRS:
            return wording.too_few(self.pairs)
        said, inner, name = self.trend_text(), self.within_text(), wording.style(self.name)
        if not said:
            return f"No response differs in {name}." if self.sd <= 0 else f"Too few prompts to say how the reward follows {name}."
        return wording.headline(f"{name[:1].upper()}{name[1:]}: {said}.", inner and f"{inner[0].upper()}{inner[1:]}.")

    def method(self, split: str = "") -> str:
        """Number of pairs and responses, the slopes, how intervals are made."""
        return wording.method_line(
            wording.pairs_of(self.pairs, split),
            "" if self.pairs == self.of else f"a sample of {wording.counted(self.of)}",
            wording.counted(len(self.cloud), "response"),
            "least squares, within prompts through the origin",
            wording.intervals(self.overall.how or self.within.how),
        )


@analysis
def reward_feature(
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
    style_chosen: np.ndarray,
    style_rejected: np.ndarray,
    style_names: tuple[str, ...],
    feature: str = "words",
    of: int | None = None,
) -> RewardFeature:
    """The reward against `feature`: words, characters (both log2) or one of style_names, over pairs (pairs,)."""
    is_length = feature in LENGTHS
    if is_length:
        sides = (words_chosen, words_rejected) if feature == "words" else (chars_chosen, chars_rejected)
    else:
        column = style_names.index(feature)
        sides = style_chosen[:, column], style_rejected[:, column]
    draw = log2_of if is_length else lambda value: np.asarray(value, float)
    clusters, values = Clusters(prompt), np.concatenate(sides)
    cloud, first = cloud_of(pair, response_chosen, response_rejected, np.concatenate([reward_chosen, reward_rejected]), values, draw)
    owners = Clusters(np.concatenate([prompt, prompt])[first], bootstrap=clusters.bootstrap)
    difference = draw(sides[0]) - draw(sides[1])
    sd = float(np.sqrt((difference**2).mean() / 2.0)) if len(difference) else 0.0
    unit = 1.0 if is_length else sd
    trend = trend_of(cloud, owners) if len(margin) >= wording.FEW_PAIRS and sd > 0 else None
    partial = NOTHING if is_length else within_prompts(margin, difference, clusters, length_gap)
    return RewardFeature(
        feature, len(margin), len(margin) if of is None else of, cloud, sd, trend,
        NOTHING if trend is None else scaled(trend.slope, unit), scaled(within_prompts(margin, difference, clusters), unit),
        scaled(partial, unit), outliers_of(cloud, trend),
        (float(np.median(sides[0])), float(np.median(sides[1]))) if len(pair) else None)
