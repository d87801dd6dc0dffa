"""What separates chosen from rejected, high from low reward, and the model's wrong picks: each surface feature alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import (
    FEW_PROMPTS,
    Clusters,
    Estimate,
    benjamini_hochberg,
    encode,
    mcnemar,
    members,
    outcomes,
    sigmoid,
    t95,
    two_sided_p,
)

FOLDS = 5
RIDGE = 1.0
FEWEST_STYLE_ONLY = 100
LENGTHS = ("characters", "words")
LEAST_PAIRS = 20  # a subset with fewer says nothing alone
CLEAR = 0.05
SIDES = ("labels", "model", "errors")


@dataclass(frozen=True)
class Contrast:
    """A mean paired difference in within-prompt SD, and how often it goes either way.

    p: exact McNemar on the discordant pairs (more, fewer), or Student's t over prompts where it is a mean of subsets;
    q: Benjamini–Hochberg over the features of one contrast.
    """

    effect: Estimate
    more: int
    fewer: int
    p: float
    q: float

    @property
    def clear(self) -> bool:
        """Whether q is below 0.05 and the interval excludes 0."""
        return self.q < CLEAR and self.effect.excludes(0.0)

    def as_dict(self) -> dict[str, object]:
        """As JSON wants it."""
        return {"value": self.effect.value, "ci": self.effect.ci, "n": self.effect.n, "more": self.more,
                "fewer": self.fewer, "q": self.q}


@dataclass(frozen=True)
class Sides:
    """labels: chosen − rejected; model: higher − lower reward; errors: the same over wrongly ranked pairs, what the model
    falls for. None without rewards, and for a mean of subsets where fewer than two have 20 such pairs of 5 prompts.
    """

    labels: Contrast | None
    model: Contrast | None
    errors: Contrast | None


@dataclass(frozen=True)
class FeatureRow:
    """One feature. labels, model and errors are those of Sides, pooled; even: those of the mean over the subsets, each
    counted alike, None where the file names fewer than two; example: position of the pair with the largest difference
    the way of the label, wrong_example: of the wrongly ranked one with the largest the way of the errors (None without);
    sd: its within-prompt standard deviation; by: subset → chosen − rejected there.
    """

    name: str
    labels: Contrast
    model: Contrast | None
    errors: Contrast | None
    example: int
    sd: float
    by: dict[str, Estimate]
    even: Sides | None = None
    wrong_example: int | None = None

    def side(self, name: str, even: bool = False) -> Contrast | None:
        """One of SIDES, pooled or the mean over the subsets."""
        found: Contrast | None = getattr(self.even if even and self.even is not None else self, name)
        return found

    @property
    def opposite(self) -> bool:
        """Whether chosen − rejected is clearly above 0 in one subset and clearly below in another."""
        clear = [one.value or 0.0 for one in self.by.values() if one.n >= LEAST_PAIRS and one.excludes(0.0)]
        return bool(clear) and min(clear) < 0 < max(clear)


@dataclass(frozen=True)
class FeatureTable:
    """Features by how much they tell, largest first; style_only: cross-validated accuracy of all of them."""

    pairs: int
    of: int
    rows: tuple[FeatureRow, ...]
    style_only: Estimate

    def headline(self, even: bool = False) -> str:
        """The feature that pulls the model most beyond the labels where there is one, else that of the labels.

        even: by the mean over the subsets where there is one, not by the pool.
        """
        if self.pairs < wording.FEW_PAIRS:
            return wording.too_few(self.pairs)
        for side, said in (("errors", "Wrong picks differ from the chosen response most"), ("labels", "Chosen and rejected differ most")):
            clear = [(row, one) for row in self.rows if (one := row.side(side, even)) is not None and one.clear]
            if clear:
                row, one = max(clear, key=lambda found: abs(found[1].effect.value or 0.0))
                return f"{said} in {_said(row, one)}."
        if self.rows and all(row.labels.effect.ci is None for row in self.rows):
            return "Too few prompts to say what separates chosen from rejected."
        return "No surface feature separates chosen from rejected clearly."

    @property
    def subsets(self) -> dict[str, int]:
        """Pairs of each subset; empty where the file names fewer than two."""
        return {name: one.n for name, one in self.rows[0].by.items()} if self.rows else {}

    def method(self, split: str = "", even: bool = False) -> str:
        """Number of pairs, the difference, its intervals and the correction for many tests; even: as in `headline`."""
        sample = "" if self.pairs == self.of else f"a sample of {wording.counted(self.of)}"
        first = self.rows[0].side("labels", even) if self.rows else None
        over = even and bool(self.rows) and self.rows[0].even is not None
        return wording.method_line(
            wording.pairs_of(self.pairs, split), sample, "mean of subsets, each counted alike" if over else "",
            "mean paired difference in within-prompt SD", wording.intervals(first.effect.how) if first and first.effect.ci else "",
            "Student's t over prompts" if over else "exact McNemar", "Benjamini–Hochberg over features",
        )


def _said(row: FeatureRow, contrast: Contrast) -> str:
    effect = contrast.effect
    size = f"{wording.number(effect.value, signed=True)} SD, 95% CI {wording.between(effect.low, effect.high)}"
    return f"{wording.style(row.name)} {wording.bracket(size)}"


def style_only(features: np.ndarray, prompt: np.ndarray, seed: int = 0) -> Estimate:
    """Accuracy of a linear Bradley–Terry rule on feature differences (pairs, k), cross-validated by prompt in 5 folds.

    Each fold is predicted by a ridge-logistic fit without intercept on the others; NaN-free features are standardised by
    the training folds. Nothing is said of fewer than 100 pairs.
    """
    clusters = Clusters(prompt)
    if len(features) < FEWEST_STYLE_ONLY or clusters.prompts < FOLDS:
        return Estimate(None, None, None, len(features))
    fold = np.random.default_rng(seed).permutation(clusters.prompts)[clusters.codes] % FOLDS
    margin = np.empty(len(features))
    for one in range(FOLDS):
        beat(Progress(one, FOLDS, "style alone"))
        train = features[fold != one]
        scale = np.sqrt((train**2).mean(axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        margin[fold == one] = features[fold == one] / scale @ _logistic(train / scale)
    return clusters.share(outcomes(margin))


def _logistic(x: np.ndarray) -> np.ndarray:
    """Weights (k,) of a Bradley–Terry fit of differences x (n, k), all won, under a normal prior of SD 1; by Newton."""
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = sigmoid(x @ weights)
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + RIDGE * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, x.T @ (1 - p) - RIDGE * weights)
        weights = weights + step
        if np.abs(step).max(initial=0.0) < 1e-7:
            break
    return weights


def _contrasts(differences: np.ndarray, clusters: Clusters) -> list[Contrast]:
    """A contrast for each column of differences (n, k)."""
    more, fewer = (differences > 0).sum(axis=0), (differences < 0).sum(axis=0)
    p = np.array([mcnemar(int(a), int(b)) for a, b in zip(more, fewer, strict=True)])
    q = benjamini_hochberg(p) if len(p) else p
    value = differences.mean(axis=0) if len(differences) else np.full(differences.shape[1], np.nan)
    found = clusters.interval(differences, lambda means: means) if len(differences) else None

    def effect(at: int) -> Estimate:
        if not len(differences):
            return Estimate(None, None, None, 0)
        low, high = (None, None) if found is None else (float(found[1][at]), float(found[2][at]))
        return Estimate(float(value[at]), low, high, len(differences), clusters.how)

    return [
        Contrast(effect(at), int(more[at]), int(fewer[at]), float(p[at]), float(q[at])) for at in range(len(value))
    ]


def _even_contrasts(differences: np.ndarray, prompt: np.ndarray, codes: np.ndarray) -> list[Contrast] | None:
    """A contrast for each column of differences (n, k): the mean over subsets of 20 pairs of 5 prompts, each counted alike.

    The interval is cluster-robust over prompts: a subset's part of the influence is its deviation from its own mean, which
    says nothing of a subset with one prompt. None where fewer than two subsets are large enough.
    """
    sizes = np.bincount(codes)
    of_subset = np.unique(np.column_stack([codes, Clusters(prompt).codes]), axis=0)[:, 0]  # of each of its prompts once
    large = np.flatnonzero((sizes >= LEAST_PAIRS) & (np.bincount(of_subset, minlength=len(sizes)) >= FEW_PROMPTS))
    if len(large) < 2:
        return None
    inside = np.isin(codes, large)
    x, code, clusters = differences[inside], codes[inside], Clusters(prompt[inside])
    means = np.zeros((len(sizes), x.shape[1]))
    for one in large:
        means[one] = x[code == one].mean(axis=0)
    value = means[large].mean(axis=0)
    weight = len(x) / (len(large) * sizes[code])
    error = np.maximum(clusters.standard_error(weight[:, None] * (x - means[code])), 1e-12)
    p = two_sided_p(value / error, clusters.prompts)
    q, half = benjamini_hochberg(p), t95(clusters.prompts) * error
    more, fewer = (x > 0).sum(axis=0), (x < 0).sum(axis=0)
    enough = clusters.prompts >= FEW_PROMPTS
    return [
        Contrast(
            Estimate(float(value[at]), float(value[at] - half[at]) if enough else None,
                     float(value[at] + half[at]) if enough else None, len(x), "cluster-robust by prompt"),
            int(more[at]), int(fewer[at]), float(p[at]) if enough else 1.0, float(q[at]) if enough else 1.0)
        for at in range(x.shape[1])
    ]


@analysis
def feature_table(
    prompt: np.ndarray,
    subset: np.ndarray,
    length_gap: np.ndarray,
    words_chosen: np.ndarray,
    words_rejected: np.ndarray,
    style_chosen: np.ndarray,
    style_rejected: np.ndarray,
    style_names: tuple[str, ...],
    margin: np.ndarray | None = None,
    of: int | None = None,
) -> FeatureTable:
    """How much each feature separates chosen from rejected, high from low reward, and the model's wrong picks.

    Features are (pairs, k); characters and words are taken as log(1 + n). margin: (pairs,) of the model, None without rewards.
    of: the number of pairs that these are a sample of. Features that are equal in all pairs are left out.
    """
    names = (*LENGTHS, *style_names)
    words = np.log1p(np.asarray(words_chosen, float)) - np.log1p(np.asarray(words_rejected, float))
    style = np.asarray(style_chosen, float) - np.asarray(style_rejected, float)
    whole = np.column_stack([length_gap, words, style])
    n = len(whole)
    sd = np.sqrt((whole**2).mean(axis=0) / 2.0) if n else np.zeros(len(names))
    kept = np.flatnonzero(sd > 0)
    x, clusters = whole[:, kept] / sd[kept], Clusters(prompt)
    names_of, codes = encode(subset)
    flat = np.zeros(n, np.int64) if len(names_of) < 2 else codes
    labels, even = _contrasts(x, clusters), [_even_contrasts(x, prompt, flat)]
    model: list[Contrast | None] = [None] * len(kept)
    errors: list[Contrast | None] = [None] * len(kept)
    wrong = np.zeros(n, bool) if margin is None else margin < 0
    if margin is not None:
        turned = x * np.sign(margin)[:, None]
        model = list(_contrasts(turned, clusters))
        errors = list(_contrasts(-x[wrong], Clusters(prompt[wrong])))
        even += [_even_contrasts(turned, prompt, flat), _even_contrasts(-x[wrong], prompt[wrong], flat[wrong])]
    parts = _subsets(x, prompt, subset)

    def furthest(column: np.ndarray, contrast: Contrast) -> int:
        return int(np.argmax(column if (contrast.effect.value or 0.0) >= 0 else -column))

    def sides(at: int) -> Sides | None:
        found = [one[at] if one is not None else None for one in even]
        return Sides(*found, *[None] * (len(SIDES) - len(found))) if found[0] is not None else None

    rows = []
    for at, column in enumerate(kept):
        error = errors[at]
        worst = None if error is None or not wrong.any() else int(np.flatnonzero(wrong)[furthest(-x[wrong, at], error)])
        rows.append(FeatureRow(
            names[column], labels[at], model[at], error, furthest(x[:, at], labels[at]), float(sd[column]),
            {name: found[at] for name, found in parts.items()}, sides(at), worst))
    rows.sort(key=lambda row: -max(abs(part.effect.value or 0.0) for part in (row.labels, row.model, row.errors) if part))
    return FeatureTable(n, n if of is None else of, tuple(rows), style_only(x, prompt))


def _subsets(x: np.ndarray, prompt: np.ndarray, subset: np.ndarray) -> dict[str, list[Estimate]]:
    """Chosen − rejected of every feature in each subset; empty where the file names one or none."""
    names, codes = encode(subset)
    if len(names) < 2:
        return {}
    found = {}
    for name, rows in zip(names, members(codes, len(names)), strict=True):
        found[name or "no name"] = [one.effect for one in _contrasts(x[rows], Clusters(prompt[rows]))]
    return found
