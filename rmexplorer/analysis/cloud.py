"""Distinct responses as points, the trend of the reward over one of their features, within prompts too, and outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmexplorer.statistics import NOTHING, Clusters, Estimate, first_seen

OUTLIERS = 12


@dataclass(frozen=True, eq=False)
class Cloud:
    """The distinct responses of the pairs; arrays are (responses,).

    `response` is a row of Dataset.responses, `pair` the row of Dataset.pairs that shows it first, `was_chosen` its side
    there, `chosen_share` the share of its pairs that it won, `value` the feature (its words, say), `x` where that is drawn
    (log2 of at least one word).
    """

    response: np.ndarray
    pair: np.ndarray
    reward: np.ndarray
    value: np.ndarray
    x: np.ndarray
    was_chosen: np.ndarray
    chosen_share: np.ndarray

    def __len__(self) -> int:
        return len(self.response)


@dataclass(frozen=True, eq=False)
class Trend:
    """Least squares of the reward on x: the slope, and a pointwise 95 % band (grid,)."""

    slope: Estimate
    intercept: float
    x: np.ndarray
    line: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class Outliers:
    """Responses far from the trend: positions in the cloud, and their residuals in robust SD, largest first."""

    position: np.ndarray
    residual: np.ndarray


def log2_of(value: np.ndarray) -> np.ndarray:
    """log2 of a length, at least 1."""
    return np.asarray(np.log2(np.maximum(value, 1)))


def cloud_of(pair: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, reward: np.ndarray, value: np.ndarray,
             draw: Callable[[np.ndarray], np.ndarray]) -> tuple[Cloud, np.ndarray]:
    """The distinct responses, and the position of each one's first showing among the 2 · pairs responses shown.

    reward, value: (2 · pairs,), the chosen ones first; draw: from values to x.
    """
    n, ids = len(pair), np.concatenate([chosen, rejected])
    first = first_seen(ids)
    top = int(ids.max()) + 1 if n else 0
    shown, wins = np.bincount(ids, minlength=top), np.bincount(chosen, minlength=top)
    distinct, value = ids[first], value[first]
    return Cloud(
        distinct,
        pair[first % max(n, 1)],
        reward[first],
        value,
        draw(value),
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


def trend_of(cloud: Cloud, clusters: Clusters) -> Trend | None:
    """The least-squares line with its band; None where x does not vary or prompts are too few."""
    if len(cloud) < 3 or np.ptp(cloud.x) < 1e-9:
        return None
    middle, level, unit = float(cloud.x.mean()), float(cloud.reward.mean()), float(cloud.x.std())
    x, y = (cloud.x - middle) / unit, cloud.reward - level
    grid = np.linspace(cloud.x.min(), cloud.x.max(), 50)
    found = clusters.interval(np.column_stack([x, y, x * x, x * y]), _line((grid - middle) / unit))
    if found is None or not np.isfinite(found).all():
        return None
    value, low, high = found
    slope = Estimate(float(value[0]) / unit, float(low[0]) / unit, float(high[0]) / unit, len(cloud), clusters.how)
    intercept = level - float(value[0]) / unit * middle
    return Trend(slope, intercept, grid, value[1:] + level, low[1:] + level, high[1:] + level)


def within_prompts(margin: np.ndarray, difference: np.ndarray, clusters: Clusters, held: np.ndarray | None = None) -> Estimate:
    """Slope of the reward on a feature within prompts: margins (pairs,) on its differences, through the origin.

    held: differences (pairs,) of what is held equal beside it (the partial slope), None for nothing. Which response of a
    pair is named first changes nothing. Nothing where the feature does not differ, or only as `held` does.
    """
    x, d = np.asarray(difference, float), np.asarray(margin, float)
    unit = float(np.sqrt((x * x).mean())) if len(x) else 0.0
    if unit < 1e-12:
        return NOTHING
    x = x / unit
    if held is None or not np.any(held):
        columns = np.column_stack([d * x, x * x])

        def slope(means: np.ndarray) -> np.ndarray:
            return np.asarray(means[..., :1] / means[..., 1:2])
    else:
        h = held / float(np.sqrt((held * held).mean()))
        columns = np.column_stack([d * x, d * h, x * x, h * h, x * h])
        if 1.0 - columns[:, 4].mean() ** 2 < 1e-6:
            return NOTHING

        def slope(means: np.ndarray) -> np.ndarray:
            dx, dh, xx, hh, xh = (means[..., column : column + 1] for column in range(5))
            return np.asarray((dx * hh - dh * xh) / (xx * hh - xh * xh))
    value = float(slope(columns.mean(axis=0))[0]) / unit
    found = clusters.interval(columns, slope)
    if found is None or not np.isfinite(found).all():
        return Estimate(value, None, None, len(d), clusters.how)
    return Estimate(value, float(found[1][0]) / unit, float(found[2][0]) / unit, len(d), clusters.how)


def outliers_of(cloud: Cloud, trend: Trend | None) -> Outliers:
    """The responses that are more than 3 robust SD from the trend, at most twelve."""
    if trend is None or trend.slope.value is None:
        return Outliers(np.zeros(0, np.int64), np.zeros(0))
    residual = cloud.reward - trend.intercept - trend.slope.value * cloud.x
    residual = residual - np.median(residual)
    scale = 1.4826 * float(np.median(np.abs(residual))) or float(residual.std()) or 1.0
    residual = residual / scale
    far = np.flatnonzero(np.abs(residual) > 3.0)
    far = far[np.argsort(-np.abs(residual[far]), kind="stable")][:OUTLIERS]
    return Outliers(far, residual[far])
