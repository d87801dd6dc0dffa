"""Does a margin that promises 80 % keep it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import (
    NOTHING,
    Z95,
    Clusters,
    Estimate,
    best_temperature,
    encode,
    equal_bins,
    members,
    outcomes,
    sigmoid,
    wilson,
)

EXACT_NULL = 20_000
SIMILAR = 0.1
HISTOGRAM_EDGES = np.linspace(0.5, 1.0, 41)
DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Bins:
    """Equal-mass bins of confidence, ascending; pairs of equal confidence share a bin. All arrays are (bins,)."""

    confidence: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: np.ndarray
    edges_low: np.ndarray
    edges_high: np.ndarray

    def __len__(self) -> int:
        return len(self.n)

    def says(self, rows: Sequence[int]) -> str:
        """What the model says of the pairs of some bins, and how often it is right: says 80%, right 76%."""
        n = self.n[list(rows)]
        said, right = (float(np.average(part[list(rows)], weights=n)) for part in (self.confidence, self.rate))
        return f"says {wording.percent(said)}, right {wording.percent(right)}"

    def tally(self, rows: Sequence[int]) -> str:
        """How many pairs of some bins are ranked rightly, ties as half: 79 of 104 pairs."""
        n, right = self.n[list(rows)], (self.rate * self.n)[list(rows)].sum()
        whole = abs(right - round(right)) < 1e-6
        return f"{wording.number(float(right), 0 if whole else 1)} of {wording.counted(int(n.sum()), 'pair')}"


@dataclass(frozen=True)
class SubsetCalibration:
    """Calibration error of one source against its own chance level; tone is "too sure", "too unsure" or ""."""

    name: str
    n: int
    ece: float
    ece_null95: float
    tone: str


@dataclass(frozen=True, eq=False)
class Scores:
    """One state of the model (as trained, or after scaling): curve and errors, of all pairs and of each source.

    `bin_of` (pairs,) is each pair's bin; `histogram` (40,) counts pairs by confidence between HISTOGRAM_EDGES.
    """

    temperature: float
    bins: Bins
    bin_of: np.ndarray
    ece: float | None
    ece_null95: float | None
    nll: Estimate
    brier: Estimate
    histogram: np.ndarray
    subsets: tuple[SubsetCalibration, ...]

    @property
    def beyond_chance(self) -> bool:
        """Whether the calibration error is larger than chance would give a perfect model."""
        return self.ece is not None and self.ece_null95 is not None and self.ece > self.ece_null95


@dataclass(frozen=True, eq=False)
class Calibration:
    """Folded reliability of a pairwise model, with the band where 95 % of a perfect model's bins would fall."""

    n: int
    prompts: int
    ties: int
    trained: Scores
    scaled: Scores | None
    band_confidence: np.ndarray
    band_low: np.ndarray
    band_high: np.ndarray
    null_how: str

    @property
    def stated(self) -> Scores:
        """The state whose probabilities are shown to people: after scaling where a temperature is known."""
        return self.trained if self.scaled is None else self.scaled

    def headline(self, scores: Scores | None = None) -> str:
        """What the model says against what the labels do near 80 %, and the error against chance; `stated` by default."""
        scores = self.stated if scores is None else scores
        bins = scores.bins
        if self.n == 0 or scores.ece is None:
            return wording.too_few(0)
        spot = int(np.argmin(np.abs(bins.confidence - 0.8)))
        agree = Estimate(float(bins.rate[spot]), float(bins.low[spot]), float(bins.high[spot]), int(bins.n[spot]))
        said = wording.percent(float(bins.confidence[spot]))
        kept = f"hen the model says {said}, the labels agree in {wording.with_interval(agree, shares=True)}."
        if self.n < wording.FEW_PAIRS:
            return wording.too_few(self.n, "w" + kept)
        limit = wording.bracket(f"up to {wording.number(scores.ece_null95, 3)}")
        error = f"Error {wording.number(scores.ece, 3)}, {'beyond' if scores.beyond_chance else 'within'} chance {limit}."
        return wording.headline("W" + kept, error)

    def method(self, split: str = "", scores: Scores | None = None) -> str:
        """Number of pairs, bins, temperature, how intervals and the chance level are made."""
        scores = self.stated if scores is None else scores
        scaled = f"after scaling by temperature {wording.number(scores.temperature)}"
        return wording.method_line(
            wording.pairs_of(self.n, split),
            f"{wording.counted(len(scores.bins), 'bin')} of equal count",
            "" if self.scaled is None else "as trained" if scores is self.trained else scaled,
            "Wilson intervals",
            f"scores: {wording.intervals(scores.nll.how)}" if scores.nll.how else "",
            self.null_how,
            "equal rewards count as half",
        )


def fit_temperature(margin: np.ndarray) -> float:
    """The temperature T of margins d (pairs,) that are shown, as `statistics.best_temperature`, within 0.01 and 100.

    Scores of a file may have any scale. Fit it on a validation slice, never on the pairs that are shown.
    """
    return best_temperature(margin, 0.01, 100.0)


def _null95(confidence: np.ndarray, starts: np.ndarray, draws: int, seed: int) -> float:
    """95 % point of the error of a perfect model; `confidence` (pairs,) is sorted, `starts` begin its bins."""
    n, generator = len(confidence), np.random.default_rng(seed)
    expected = np.add.reduceat(confidence, starts)
    if n > EXACT_NULL:
        spread = np.sqrt(np.add.reduceat(confidence * (1 - confidence), starts))
        errors = np.abs(generator.standard_normal((draws, len(starts))) * spread).sum(axis=1) / n
        return float(np.percentile(errors, 95))
    found = []
    chunk = max(1, DRAWS_AT_ONCE // n)
    for start in range(0, draws, chunk):
        beat(Progress(start, draws, "drawing what chance gives"))
        right = generator.random((min(chunk, draws - start), n), dtype=np.float32) < confidence.astype(np.float32)
        hits = np.add.reduceat(right, starts, axis=1, dtype=np.int32)
        found.append(np.abs(hits - expected).sum(axis=1) / n)
    return float(np.percentile(np.concatenate(found), 95))


def _binned(margin: np.ndarray, bins: int | None) -> tuple[Bins, np.ndarray, float, np.ndarray, np.ndarray]:
    """Bins, membership, calibration error, sorted confidence and where its bins start, of at least one pair."""
    strength, n = np.abs(margin), len(margin)
    order, starts = equal_bins(margin, bins)
    confidence, right = sigmoid(strength[order]), outcomes(margin)[order]
    sizes = np.diff(np.concatenate([starts, [n]]))
    said, hits = np.add.reduceat(confidence, starts), np.add.reduceat(right, starts)
    low, high = wilson(hits, sizes)
    membership = np.empty(n, np.int16)
    membership[order] = np.repeat(np.arange(len(starts), dtype=np.int16), sizes)
    found = Bins(said / sizes, hits / sizes, low, high, sizes, confidence[starts], confidence[starts + sizes - 1])
    return found, membership, float(np.abs(said - hits).sum() / n), confidence, starts


def _curve(margin: np.ndarray, bins: int | None, draws: int, seed: int) -> tuple[Bins, np.ndarray, float, float]:
    """Bins, membership, calibration error and its chance level, of at least one pair."""
    found, membership, ece, confidence, starts = _binned(margin, bins)
    return found, membership, ece, _null95(confidence, starts, draws, seed)


def reliability(margin: np.ndarray, bins: int | None = None) -> tuple[Bins, np.ndarray]:
    """The folded curve of margins (pairs,) alone, and each pair's bin (pairs,): quick, no scores, no chance level."""
    margin = np.asarray(margin, float)
    if not len(margin):
        nothing = np.zeros(0)
        empty = Bins(nothing, nothing, nothing, nothing, np.zeros(0, np.int64), nothing, nothing)
        return empty, np.zeros(0, np.int16)
    found, membership, *_ = _binned(margin, bins)
    return found, membership


def confidence_counts(margin: np.ndarray) -> np.ndarray:
    """(40,) pairs by confidence between HISTOGRAM_EDGES, of margins (pairs,)."""
    counts: np.ndarray = np.histogram(sigmoid(np.abs(margin)), HISTOGRAM_EDGES)[0]
    return counts


def _scores(
    margin: np.ndarray,
    temperature: float,
    clusters: Clusters,
    sources: tuple[list[str], list[np.ndarray]],
    bins: int | None,
    draws: int,
    seed: int,
) -> Scores:
    margin = margin / temperature
    if not len(margin):
        return Scores(temperature, *reliability(margin), None, None, NOTHING, NOTHING, confidence_counts(margin), ())
    found, membership, ece, null95 = _curve(margin, bins, draws, seed)
    return Scores(
        temperature,
        found,
        membership,
        ece,
        null95,
        clusters.mean(np.logaddexp(0.0, -margin)),
        clusters.mean(sigmoid(-margin) ** 2),
        confidence_counts(margin),
        tuple(_subset(name, margin[part], bins, 400, seed) for name, part in zip(*sources, strict=True)),
    )


def _subset(name: str, margin: np.ndarray, bins: int | None, draws: int, seed: int) -> SubsetCalibration:
    _, _, ece, null95 = _curve(margin, bins, draws, seed)
    over = float(np.mean(sigmoid(np.abs(margin)) - outcomes(margin)))
    tone = "" if ece <= null95 else "too sure" if over > 0 else "too unsure"
    return SubsetCalibration(name, len(margin), ece, null95, tone)


def length_of_pick(margin: np.ndarray, length_gap: np.ndarray) -> np.ndarray:
    """(pairs,) str, as objects: whether the response that the model prefers is the longer one; a source where there is none.

    `length_gap` is the difference of log characters, chosen minus rejected; within SIMILAR, or with equal rewards, both
    count as of similar length. The groups do not depend on what people chose.
    """
    ahead = np.sign(margin) * length_gap
    names = np.array(["picks the longer", "similar length", "picks the shorter"], object)
    return np.asarray(names[np.where(ahead > SIMILAR, 0, np.where(ahead < -SIMILAR, 2, 1))])


def perfect_band(n_in_bin: float, points: int = 101) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence (points,) in [½, 1], and where 95 % of the rates of bins of that size of a perfect model fall."""
    confidence = np.linspace(0.5, 1.0, points)
    half = Z95 * np.sqrt(confidence * (1 - confidence) / max(n_in_bin, 1.0))
    return confidence, np.clip(confidence - half, 0.0, 1.0), np.clip(confidence + half, 0.0, 1.0)


@analysis
def calibration(
    margin: np.ndarray,
    prompt: np.ndarray,
    subset: np.ndarray,
    temperature: float | None = None,
    bins: int | None = None,
    seed: int = 0,
) -> Calibration:
    """Does a margin that promises 80 % keep it? Folded reliability of margins (pairs,), unitless.

    confidence = σ(|margin|) in [½, 1], outcome 1 where the pair is ranked rightly, ½ for a tie. `temperature` is the
    one fitted on validation pairs: with it the scores after scaling come too. `bins` defaults to min(15, max(1, pairs
    // 20)).
    """
    margin = np.asarray(margin, float)
    clusters, n = Clusters(prompt), len(margin)
    draws = 1000 if n <= 4000 else 400
    names, codes = encode(subset)
    sources = ([], []) if names == [""] else (names, members(codes, len(names)))
    trained = _scores(margin, 1.0, clusters, sources, bins, draws, seed)
    scaled = None if temperature is None else _scores(margin, temperature, clusters, sources, bins, draws, seed)
    band = perfect_band(n / max(len(trained.bins), 1))
    null_how = f"chance level: {wording.counted(draws)} draws of a perfect model" if n else ""
    return Calibration(n, clusters.prompts, int((margin == 0).sum()), trained, scaled, *band, null_how)
