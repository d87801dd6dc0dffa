"""Which style wins at equal length: with people, and with the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.job import beat
from rmexplorer.statistics import FEW_PROMPTS, Clusters, Estimate, benjamini_hochberg, sigmoid, t95, two_sided_p

ALIKE = 0.98
PRIOR = 1.0
MOST_DIFFERENT = 0.1


@dataclass(frozen=True)
class StyleEffect:
    """One feature: change in the log-odds of winning for one within-prompt SD more of it, at equal length.

    `gap` is model minus people; q-values are Benjamini–Hochberg's over the features.
    """

    name: str
    people: Estimate
    model: Estimate
    gap: Estimate
    people_q: float
    model_q: float
    gap_q: float
    sd: float


@dataclass(frozen=True)
class StyleEffects:
    """Style features of people against the model, largest first; `of` pairs were sampled from."""

    pairs: int
    of: int
    prompts: int
    effects: tuple[StyleEffect, ...]
    left_out: tuple[str, ...]

    def headline(self) -> str:
        """The feature where the model departs most from people, with its interval."""
        if self.pairs < wording.FEW_PAIRS:
            return wording.too_few(self.pairs)
        if not self.effects:
            few = self.prompts < FEW_PROMPTS
            return "Too few prompts to say what style wins." if few else "No style feature differs in enough pairs to say what it wins."
        surprising = [effect for effect in self.effects if effect.gap_q < 0.05]
        if not surprising:
            return "At equal length, no style feature counts for the model clearly otherwise than for the labels."
        most = max(surprising, key=lambda effect: abs(effect.gap.value or 0.0))
        favours = wording.difference(most.gap, "more", "less")
        return wording.headline(
            f"At equal length, the model favours {wording.style(most.name)} {favours} than the labels do.",
            f"Labels: {wording.number(most.people.value, signed=True)}, "
            f"model: {wording.number(most.model.value, signed=True)}.",
        )

    def method(self, split: str = "") -> str:
        """Number of pairs, the regression, its intervals and the correction for many tests."""
        sample = "" if self.pairs == self.of else f"a sample of {wording.counted(self.of)}"
        return wording.method_line(
            wording.pairs_of(self.pairs, split),
            sample,
            "logistic regression on each feature and the length difference",
            "cluster-robust intervals by prompt",
            "Benjamini–Hochberg over features",
        )


def where_it_differs(difference: np.ndarray, most: float = MOST_DIFFERENT) -> np.ndarray:
    """(pairs,) bool: pairs whose two responses differ in a feature, chosen minus rejected: at all, or most.

    A feature that differs in more than the share `most` of the pairs (sentence length, say) gives that share of them,
    those with the largest absolute difference; equal differences stay together.
    """
    size = np.abs(np.nan_to_num(difference))
    differs = size > 0
    limit = int(np.ceil(most * len(size)))
    if limit and np.count_nonzero(differs) > limit:
        differs = size >= np.partition(size, -limit)[-limit]
    return np.asarray(differs, bool)


def telling(effects: tuple[StyleEffect, ...], count: int, own: tuple[str, ...] = ()) -> tuple[StyleEffect, ...]:
    """The `count` features that tell most: with the largest effect on people or model, or gap between them, first.

    `own`: features that a person asked for, which are among them however little they tell.
    """

    def size(effect: StyleEffect) -> float:
        return max(abs(part.value or 0.0) for part in (effect.people, effect.model, effect.gap))

    first = sorted(effects, key=lambda effect: (effect.name in own, size(effect)), reverse=True)[:count]
    return tuple(sorted(first, key=size, reverse=True))


def _fit(x: np.ndarray, gap: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effects (features,) of x (n, features) on targets (n,), each beside the length gap; and their influences.

    Logistic regression without intercept (the pair has no first), one per feature, by Newton's method all at once,
    under a normal prior of SD 1 on each standardised effect that keeps separated features finite.
    """
    features = x.shape[1]
    effect, control = np.zeros(features), np.zeros(features)
    for _ in range(25):
        beat()
        p = sigmoid(x * effect + gap[:, None] * control)
        weight, residual = p * (1 - p), target[:, None] - p
        a = np.einsum("nf,nf,nf->f", weight, x, x) + PRIOR
        b = np.einsum("nf,nf,n->f", weight, x, gap)
        c = np.einsum("nf,n->f", weight, gap**2) + PRIOR
        score = np.einsum("nf,nf->f", residual, x) - PRIOR * effect
        other = gap @ residual - PRIOR * control
        determinant = a * c - b * b
        step, turn = (c * score - b * other) / determinant, (a * other - b * score) / determinant
        shrink = 1.0 / np.maximum(1.0, np.maximum(np.abs(step), np.abs(turn)) / 2.0)
        effect, control = effect + shrink * step, control + shrink * turn
        if max(np.abs(step).max(initial=0.0), np.abs(turn).max(initial=0.0)) < 1e-7:
            break
    influence = residual * (x * (c / determinant) - gap[:, None] * (b / determinant))
    return effect, influence * len(gap)


def _estimates(value: np.ndarray, influence: np.ndarray, clusters: Clusters) -> tuple[list[Estimate], np.ndarray]:
    """Estimates with cluster-robust intervals by Student's t over prompts, and their q-values."""
    error, reach = np.maximum(clusters.standard_error(influence), 1e-12), t95(clusters.prompts)
    found = [
        Estimate(float(v), float(v - reach * e), float(v + reach * e), clusters.n, clusters.how)
        for v, e in zip(value, error, strict=True)
    ]
    return found, benjamini_hochberg(two_sided_p(value / error, clusters.prompts))


@analysis
def style_effects(
    margin: np.ndarray,
    prompt: np.ndarray,
    length_gap: np.ndarray,
    style_chosen: np.ndarray,
    style_rejected: np.ndarray,
    style_names: tuple[str, ...],
    of: int | None = None,
) -> StyleEffects:
    """Which style features win at equal length, with people and with the model? Features are (pairs, features).

    People: logistic regression of the label on the feature difference (in within-prompt SD) and the difference of log
    characters. Model: the same, of σ(margin). Features that hardly vary or are all but the length are left out. `of`:
    the number of pairs that these are a sample of.
    """
    n, clusters = len(margin), Clusters(prompt, bootstrap=False)
    difference = np.asarray(style_chosen, float) - np.asarray(style_rejected, float)
    sd = np.sqrt((difference**2).mean(axis=0) / 2.0) if n else np.zeros(len(style_names))
    size = np.sqrt((length_gap**2).mean()) if n else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = (
            np.abs((difference * length_gap[:, None]).mean(axis=0)) / (np.sqrt(2.0) * sd * size)
            if n and size > 0
            else 0 * sd
        )
    varies = (difference != 0).sum(axis=0) >= max(10, n // 1000)
    kept = np.flatnonzero(varies & (sd > 0) & ~(alike > ALIKE)) if clusters.prompts >= FEW_PROMPTS else np.zeros(0, np.int64)
    left_out = tuple(name for column, name in enumerate(style_names) if column not in set(kept.tolist()))
    if not len(kept):
        return StyleEffects(n, n if of is None else of, clusters.prompts, (), left_out)
    x, gap = difference[:, kept] / sd[kept], length_gap / size if size > 0 else length_gap
    people, people_influence = _fit(x, gap, np.ones(n))
    model, model_influence = _fit(x, gap, sigmoid(margin))
    found, q = zip(
        *(
            _estimates(value, influence, clusters)
            for value, influence in (
                (people, people_influence),
                (model, model_influence),
                (model - people, model_influence - people_influence),
            )
        ),
        strict=True,
    )
    effects = [
        StyleEffect(
            style_names[column],
            found[0][row],
            found[1][row],
            found[2][row],
            float(q[0][row]),
            float(q[1][row]),
            float(q[2][row]),
            float(sd[column]),
        )
        for row, column in enumerate(kept)
    ]
    effects.sort(key=lambda effect: -max(abs(effect.people.value or 0.0), abs(effect.model.value or 0.0)))
    return StyleEffects(n, n if of is None else of, clusters.prompts, tuple(effects), left_out)
