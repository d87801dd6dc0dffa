"""Fixes of a reward that follows length: residualise it, balance the training pairs, or penalise the correlation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.data.features import FEATURES, surface
from rmexplorer.data.measure import char_count, word_count
from rmexplorer.data.own_features import OwnFeature, measure
from rmexplorer.problem import Problem

LENGTH_FIXES: dict[str, str] = {
    "none": "train on the pairs as they are",
    "residualize": "subtract the length line, fitted on training pairs, from the reward",
    "balance": "weigh training pairs so that the longer response wins half of them",
    "penalty": "add the squared correlation of margin and length difference to the loss",
}
LENGTHS = ("characters", "words")  # measured as log(1 + n)
BALANCE_BINS = 10
LEAST_WEIGHT = 0.05
Feature = str | OwnFeature  # by its name, or a person's own with its definition: a head needs it wherever it scores text


@dataclass(frozen=True)
class LengthLine:
    """What residualising subtracts from a raw reward: slope · (log(1 + characters) − mean)."""

    slope: float
    mean: float

    def at(self, characters: np.ndarray) -> np.ndarray:
        """The height of the line (n,) float64 at responses of so many characters, stripped."""
        return self.slope * (np.log1p(np.asarray(characters, np.float64)) - self.mean)

    def as_dict(self) -> dict[str, float]:
        """The line as plain values, for JSON."""
        return {"slope": self.slope, "mean": self.mean}

    @classmethod
    def fit(cls, margin: np.ndarray, length_gap: np.ndarray, characters: np.ndarray) -> LengthLine:
        """The line from margins and Δ log(1 + characters) of training pairs; its mean is that of these `characters`."""
        known = len(characters) > 0
        return cls(within_prompt_slope(margin, length_gap), float(np.log1p(characters).mean()) if known else 0.0)


def name_of(feature: Feature) -> str:
    """The name of a feature to residualise on."""
    return feature if isinstance(feature, str) else feature.name


def as_plain(features: Iterable[Feature]) -> list[str | dict[str, str]]:
    """Features as plain values, for JSON: a name, or the definition of a person's own."""
    return [feature if isinstance(feature, str) else feature.as_dict() for feature in features]


def from_plain(kept: Iterable[Any], tried: bool = False) -> tuple[Feature, ...]:
    """What `as_plain` wrote, each once. Raises Problem for a definition that is none, or where `tried` cannot be measured."""
    return tuple(dict.fromkeys(
        one if isinstance(one, OwnFeature) else OwnFeature.from_dict(one, tried) if isinstance(one, dict) else str(one) for one in kept))


def resolved(features: tuple[Feature, ...], own: Iterable[OwnFeature]) -> tuple[Feature, ...]:
    """Features by name, with the definition in place of the name where it is one of a person's own."""
    known = {feature.name: feature for feature in own}
    return tuple(known.get(feature, feature) if isinstance(feature, str) else feature for feature in features)


def check_features(features: tuple[Feature, ...]) -> None:
    """Raises Problem for a name that is no feature, for two of one name, and for none at all."""
    names = [name_of(feature) for feature in features]
    unknown = [one for one in features if isinstance(one, str) and one not in FEATURES and one not in LENGTHS]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise Problem(f"{twice[0]} is named twice among the features to residualise on", "name each once")
    if unknown or not names:
        raise Problem(f"there is no feature named {unknown[0]!r} to residualise on" if unknown else "no feature is named to residualise on",
                      f"choose among {', '.join((*LENGTHS, *(name for name in FEATURES if name not in LENGTHS)))}")


def measured(features: tuple[Feature, ...], prompts: pl.Series, responses: pl.Series) -> np.ndarray:
    """(n, features) float64 of responses beside their prompts: log(1 + n) of the lengths, other features as they are.

    Raises Problem where a person's own feature cannot be measured.
    """
    own = [feature for feature in features if not isinstance(feature, str)]
    table = surface(prompts, responses) if {*map(name_of, features)} - {*LENGTHS, *map(name_of, own)} else pl.DataFrame()
    if own:
        table = pl.concat([table, measure(own, prompts, responses)], how="horizontal")
    counts = {"characters": char_count, "words": word_count}
    columns = [np.log1p(counts[name](responses).astype(np.float64)) if name in LENGTHS else table[name].cast(pl.Float64).to_numpy()
               for name in map(name_of, features)]
    return np.column_stack(columns) if len(responses) else np.zeros((0, len(features)))


@dataclass(frozen=True)
class FeatureLines:
    """What residualising on chosen features subtracts from a raw reward: Σ slope · (feature − mean), as `measured` has them."""

    features: tuple[Feature, ...]
    slopes: tuple[float, ...]
    means: tuple[float, ...]

    def at(self, values: np.ndarray) -> np.ndarray:
        """What is subtracted (n,) float64 at values (n, features)."""
        return np.asarray((np.asarray(values, np.float64) - np.array(self.means)) @ np.array(self.slopes))

    def as_dict(self) -> dict[str, Any]:
        """The lines as plain values, for JSON."""
        return {"names": as_plain(self.features), "slopes": list(self.slopes), "means": list(self.means)}

    @classmethod
    def fit(cls, features: tuple[Feature, ...], margin: np.ndarray, differences: np.ndarray, values: np.ndarray) -> FeatureLines:
        """Least squares through the origin of margins (pairs,) on all differences (pairs, features) at once.

        values: (responses, features) of the responses of these pairs, whose means are kept. Of features that differ alike it is
        the least solution; one that never differs has slope 0.
        """
        x = np.asarray(differences, np.float64)
        scale = np.sqrt((x * x).mean(axis=0)) if len(x) else np.ones(x.shape[1])
        scale = np.where(scale > 0, scale, 1.0)
        slopes = np.linalg.lstsq(x / scale, np.asarray(margin, np.float64), rcond=1e-6)[0] / scale
        return cls(features, tuple(slopes.tolist()), tuple(np.asarray(values, np.float64).mean(axis=0).tolist()))


def within_prompt_slope(margin: np.ndarray, length_gap: np.ndarray) -> float:
    """Reward by log length within prompts: least squares of margins (pairs,) on Δ log length through the origin.

    It does not depend on which response of a pair is named first; 0 where no pair differs in length.
    """
    gap = np.asarray(length_gap, np.float64)
    square = float(gap @ gap)
    return float(np.asarray(margin, np.float64) @ gap) / square if square > 0 else 0.0


def balanced_weights(length_gap: np.ndarray, bins: int = BALANCE_BINS) -> np.ndarray:
    """Weights (pairs,) float64 by which chosen is longer as often as shorter in each bin of |Δ log characters|.

    length_gap: log(1 + characters) of chosen minus that of rejected (pairs,). Bins hold about as many pairs each. The
    rarer side of a bin is weighed up to make half of it, but no pair to more than 1 / LEAST_WEIGHT; the other side is
    weighed down to the same sum. Pairs of equal length keep weight 1; a bin with one side alone has weight 0, for
    nothing can balance it.
    """
    gap = np.asarray(length_gap, np.float64)
    weight = np.ones(len(gap))
    apart = np.flatnonzero(gap != 0)
    if not len(apart):
        return weight
    edges = np.unique(np.quantile(np.abs(gap[apart]), np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(edges, np.abs(gap[apart]), side="right")
    longer = gap[apart] > 0
    counts = np.stack([np.bincount(bin_of[side], minlength=len(edges) + 1) for side in (~longer, longer)])
    total, rarer = counts.sum(axis=0), counts.min(axis=0)
    share = np.minimum(total / 2, rarer / LEAST_WEIGHT)  # what each side of a bin sums up to
    by_side = np.divide(share, counts, out=np.zeros(counts.shape), where=counts > 0)
    weight[apart] = by_side[longer.astype(int), bin_of]
    return weight


def correlation_penalty(margin: np.ndarray, length_gap: np.ndarray) -> tuple[float, np.ndarray]:
    """Squared correlation of margins and Δ log length over a batch, and its gradient by the margins, (pairs,).

    The correlation is taken around 0, not around the means: d·Δ does not change when a pair is turned round, so it says
    whether the longer response of a prompt gets the higher reward, whichever of them was chosen. 0 where either is 0
    throughout.
    """
    d, gap = np.asarray(margin, np.float64), np.asarray(length_gap, np.float64)
    product, spread, lengths = float(d @ gap), float(d @ d), float(gap @ gap)
    if spread <= 0 or lengths <= 0:
        return 0.0, np.zeros(len(d))
    square = product * product / (spread * lengths)
    return square, 2 * product / (spread * lengths) * gap - 2 * square / spread * d
