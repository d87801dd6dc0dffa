"""Is this new set like what the model learnt from? Two-sample test, stability of features, MMD, accuracy by familiarity."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import NOTHING, Clusters, Estimate, benjamini_hochberg, outcomes, sigmoid, t95

FOLDS, MOST_ROWS = 5, 4_000
BINS, EMPTY = 10, 0.5
DRAWS = 200
MMD_ROWS = 400
GROUPS = 5
PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth"}
FEWEST = 30


def psi(expected: np.ndarray, observed: np.ndarray) -> float:
    """Population stability index of two distributions over the same bins: Σ (o − e) ln(o / e).

    Shares (bins,), both positive; .1 .2 .3 .4 against ¼ each gives .2282.
    """
    return float(np.sum((observed - expected) * np.log(observed / expected)))


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares (..., bins) of counts, half a row added to each bin so that none is empty."""
    filled = counts + EMPTY
    return np.asarray(filled / filled.sum(axis=-1, keepdims=True))


def bins_of(values: np.ndarray, most: int = BINS) -> np.ndarray:
    """Inner edges of at most ten bins of equal mass; of a feature with few values each is a bin of its own."""
    distinct = np.unique(values)
    if len(distinct) <= most:
        return np.asarray((distinct[1:] + distinct[:-1]) / 2)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, most + 1)[1:-1]))
    return np.asarray(edges[edges < values.max()])


@dataclass(frozen=True, eq=False)
class FeatureShift:
    """One feature of both sets. value: PSI with its interval; band: what two draws of one set give, 95 % of the time.

    q: Benjamini–Hochberg over features; medians, means and n of either set, and the bin (low, high) that the second set has most in excess.
    """

    name: str
    value: Estimate
    band: float
    q: float
    medians: tuple[float, float]
    means: tuple[float, float]
    excess: tuple[float, float]
    n: tuple[int, int] = (0, 0)

    @property
    def clear(self) -> bool:
        """Whether it is beyond what no shift gives."""
        return (self.value.value or 0.0) > self.band

    def in_excess(self, values: np.ndarray) -> np.ndarray:
        """(rows,) bool: which values lie in the bin of the excess; as for the shares, a bin holds its lower end alone."""
        low, high = self.excess
        return np.asarray((values >= low) & (values < high))

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {"feature": self.name, "psi": self.value.value, "ci": self.value.ci, "no_shift95": self.band, "q": self.q, "n": list(self.n),
                "medians": list(self.medians), "means": list(self.means)}


def feature_shifts(
    first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray], group_first: np.ndarray, group_second: np.ndarray,
    seed: int = 0,
) -> tuple[FeatureShift, ...]:
    """PSI of each feature, largest first. Bins of equal mass in both sets together.

    The band permutes whole prompts between the sets; the interval resamples prompts within each and is reflected at the
    value, for resampling adds as much as chance already did.
    """
    random = np.random.default_rng(seed)
    codes = [np.unique(group, return_inverse=True)[1] for group in (group_first, group_second)]
    groups = [int(code.max(initial=-1)) + 1 for code in codes]
    whole = sum(groups)
    if min(groups) < 2:
        return ()
    labels = np.zeros((DRAWS, whole), bool)
    for draw in range(DRAWS):
        labels[draw, random.permutation(whole)[: groups[0]]] = True
    picks = [random.multinomial(count, np.full(count, 1 / count), DRAWS).astype(float) for count in groups]
    found, p = [], []
    for at, (name, values) in enumerate(first.items()):
        beat(Progress(at, len(first), "measuring features"))
        one, two = np.asarray(values, float), np.asarray(second[name], float)
        edges = bins_of(np.concatenate([one, two]))
        size = len(edges) + 1
        tables = [np.zeros((count, size)) for count in groups]
        places = [np.searchsorted(edges, side, side="right") for side in (one, two)]
        for table, code, place in zip(tables, codes, places, strict=True):
            np.add.at(table, (code, place), 1.0)
        shares = [_shares(table.sum(axis=0)) for table in tables]
        value = psi(*shares)
        both = np.concatenate(tables)
        under = labels.astype(float) @ both
        chance = _psi_rows(_shares(under), _shares(both.sum(axis=0) - under))
        drawn = _psi_rows(*(_shares(pick @ table) for pick, table in zip(picks, tables, strict=True)))
        low, high = np.percentile(drawn, [2.5, 97.5])
        ends = max(2 * value - high, 0.0), max(2 * value - low, value)
        p.append((1 + int((chance >= value).sum())) / (DRAWS + 1))
        top = int(np.argmax(shares[1] - shares[0]))
        walls = np.concatenate([[-np.inf], edges, [np.inf]])
        found.append((name, Estimate(value, float(ends[0]), float(ends[1]), len(one) + len(two), "bootstrap over prompts"),
                      float(np.percentile(chance, 95)), (float(np.median(one)), float(np.median(two))),
                      (float(one.mean()), float(two.mean())), (float(walls[top]), float(walls[top + 1])), (len(one), len(two))))
    q = benjamini_hochberg(p)
    shifts = [FeatureShift(name, value, band, float(q[at]), medians, means, excess, n)
              for at, (name, value, band, medians, means, excess, n) in enumerate(found)]
    return tuple(sorted(shifts, key=lambda one: -(one.value.value or 0.0)))


def _psi_rows(expected: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return np.asarray(((observed - expected) * np.log(observed / expected)).sum(axis=-1))


def auc(first: np.ndarray, second: np.ndarray, group_first: np.ndarray, group_second: np.ndarray) -> Estimate:
    """P(score of the second > score of the first), ties half, with a cluster-robust interval over prompts.

    By the placements of each score among the other side's (DeLong), summed within prompts; a prompt on both sides is one.
    """
    n, m = len(first), len(second)
    if not n or not m:
        return NOTHING
    below = np.sort(first)
    above = np.sort(second)
    of_second = (np.searchsorted(below, second, "left") + np.searchsorted(below, second, "right")) / (2 * n)
    of_first = 1 - (np.searchsorted(above, first, "left") + np.searchsorted(above, first, "right")) / (2 * m)
    value = float(of_second.mean())
    influence = np.concatenate([(of_first - value) / n, (of_second - value) / m])
    groups = np.unique(np.concatenate([group_first, group_second]), return_inverse=True)[1]
    sums = np.bincount(groups, influence)
    error = float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)))
    if len(sums) < 5:
        return Estimate(value, None, None, n + m, "cluster-robust by prompt")
    inner = min(max(value, 1e-4), 1 - 1e-4)
    middle, half = np.log(inner / (1 - inner)), t95(len(sums)) * error / (inner * (1 - inner))
    low, high = sigmoid(np.array([middle - half, middle + half]))
    return Estimate(value, float(low), float(high), n + m, "cluster-robust by prompt")


def two_sample_scores(vectors: np.ndarray, second: np.ndarray, group: np.ndarray, seed: int = 0) -> np.ndarray:
    """(rows,) out-of-fold logistic scores of belonging to the second set, folds by prompt; NaN where it cannot be fitted."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    codes = np.unique(group, return_inverse=True)[1]
    groups = int(codes.max(initial=-1)) + 1
    fold = (np.random.default_rng(seed).permutation(groups) % FOLDS)[codes] if groups else codes
    scores = np.full(len(vectors), np.nan)
    scaled = np.asarray(vectors, np.float64)
    scaled = (scaled - scaled.mean(axis=0)) / np.maximum(scaled.std(axis=0), 1e-9)
    for turn in range(FOLDS):
        beat(Progress(turn, FOLDS, "telling the sets apart"))
        held = fold == turn
        if held.any() and len(np.unique(second[~held])) == 2:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = LogisticRegression(C=0.05, class_weight="balanced", max_iter=300).fit(scaled[~held], second[~held])
            scores[held] = model.decision_function(scaled[held])
    return scores


@dataclass(frozen=True)
class Mmd:
    """Squared maximum mean discrepancy (RBF, median heuristic), unbiased, its permutation p, and rows used of each set."""

    value: float
    p: float
    n: tuple[int, int]


def mmd(first: np.ndarray, second: np.ndarray, group_first: np.ndarray, group_second: np.ndarray, seed: int = 0) -> Mmd | None:
    """Maximum mean discrepancy (Gretton et al. 2012); p by permuting whole prompts. None below two rows a side."""
    random = np.random.default_rng(seed)
    parts, groups = [], []
    for vectors, group in ((first, group_first), (second, group_second)):
        rows = np.arange(len(vectors))
        if len(rows) > MMD_ROWS:
            rows = np.sort(random.choice(len(rows), MMD_ROWS, replace=False))
        parts.append(np.asarray(vectors[rows], np.float64))
        groups.append(np.asarray(group)[rows])
    n, m = len(parts[0]), len(parts[1])
    if min(n, m) < 2:
        return None
    both = np.vstack(parts)
    square = (both**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square[None] - 2 * both @ both.T, 0.0)
    kernel = np.exp(-distance / max(float(np.median(distance[np.triu_indices(n + m, 1)])), 1e-12))
    codes = np.unique(np.concatenate(groups), return_inverse=True)[1]
    side = np.repeat([1.0, 0.0], [n, m])
    value = _mmd(kernel, side)
    count = int(codes.max()) + 1
    share = np.bincount(codes, side) / np.bincount(codes)
    hits = 0
    for draw in range(DRAWS):
        beat(Progress(draw, DRAWS, "comparing distributions") if draw % 10 == 0 else None)
        drawn = share[random.permutation(count)][codes]
        drawn = (drawn > random.random(count)[codes]).astype(float) if ((share > 0) & (share < 1)).any() else drawn
        hits += int(2 <= drawn.sum() <= n + m - 2 and _mmd(kernel, drawn) >= value)
    return Mmd(value, (1 + hits) / (1 + DRAWS), (n, m))


def _mmd(kernel: np.ndarray, side: np.ndarray) -> float:
    n, m = float(side.sum()), float(len(side) - side.sum())
    other = 1 - side
    across = kernel @ side
    one = float(side @ across) - float(side @ np.diag(kernel))
    two = float(other @ (kernel @ other)) - float(other @ np.diag(kernel))
    return one / (n * (n - 1)) + two / (m * (m - 1)) - 2 * float(other @ across) / (n * m)


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Accuracy and calibration error of pairs by distance to the training prompts, nearest group first.

    edges (groups, 2): distances; rows: for each group the positions of its pairs; length_only: what length alone gets
    right there; error_ci: 95 % interval of each calibration error.
    """

    accuracy: tuple[Estimate, ...]
    error: tuple[float, ...]
    edges: tuple[tuple[float, float], ...]
    rows: tuple[np.ndarray, ...]
    length_only: tuple[float, ...]
    error_ci: tuple[list[float] | None, ...] = ()


def by_familiarity(distance: np.ndarray, margin: np.ndarray, prompt: np.ndarray, rule: np.ndarray) -> Familiarity:
    """Five groups of equal mass by distance (pairs,), fewer where a group would have less than 20 pairs.

    The calibration error of a group is |mean confidence − share right|. rule: what length alone gets right (pairs,), with
    one direction for all groups.
    """
    groups = int(min(GROUPS, len(distance) // 20))
    if groups < 1:
        return Familiarity((), (), (), (), ())
    order = np.argsort(distance, kind="stable")
    rows = tuple(np.sort(part) for part in np.array_split(order, groups))
    right = outcomes(margin)
    confidence = sigmoid(np.abs(margin))
    found = [Clusters(prompt[part]).share(right[part]) for part in rows]
    gaps = [Clusters(prompt[part]).mean(confidence[part] - right[part]) for part in rows]
    errors = tuple(abs(gap.value or 0.0) for gap in gaps)
    edges = tuple((float(distance[part].min()), float(distance[part].max())) for part in rows)
    return Familiarity(tuple(found), errors, edges, rows, tuple(float(rule[part].mean()) for part in rows),
                       tuple(_folded(gap) for gap in gaps))


def _folded(gap: Estimate) -> list[float] | None:
    """The interval of |gap|, from 0 where that of the gap holds 0."""
    if gap.low is None or gap.high is None:
        return None
    ends = sorted([abs(gap.low), abs(gap.high)])
    return [ends[0] if gap.excludes(0.0) else 0.0, ends[1]]


def shift_headline(value: Estimate, apart: Mmd | None, near: Familiarity, heldout: Estimate, few: int) -> str:
    """The finding: how easily told apart, and what that does to accuracy.

    The sets differ where both tests say so: the interval of the AUC, and the permutation p of the discrepancy, where it is.
    """
    if few < FEWEST:
        return f"Too few rows to say {wording.bracket(str(few))}: compare sets of at least {FEWEST} prompts or responses."
    if value.value is None:
        return "These sets cannot be told apart by anything measured here."
    told, unsure = value.excludes(0.5) and value.value >= 0.55, apart is not None and apart.p >= 0.05
    level = ("The two sets look alike" if not told else
             "Only one of two tests tells the sets apart" if unsure else
             "The new set differs a little" if value.value < 0.65 else
             "The new set differs clearly" if value.value < 0.8 else "The new set is easily told apart")
    first = f"{level} {wording.bracket('AUC ' + wording.number(value.value) + ', 95% CI ' + wording.between(value.low, value.high))}"
    if not near.accuracy:
        return wording.headline(first + ".")
    far = wording.with_interval(near.accuracy[-1], name=False)
    base = f", against {wording.with_interval(heldout, name=False)} held-out" if heldout.value is not None else ""
    groups = len(near.accuracy)
    part = f"least familiar {PARTS[groups]}" if groups > 1 else "all its pairs"
    full = f"{first}; {part}: accuracy {far}{base}."
    return full if len(full) <= wording.HEADLINE else f"{first}; accuracy on {'its ' if groups > 1 else ''}{part} {far}."
