"""What phrases does a reward pay for? Phrases by the reward they carry beyond length, and by enrichment where people said no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmexplorer import wording
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import NOTHING, Z95, Clusters, Estimate, benjamini_hochberg, distinct

if TYPE_CHECKING:
    import scipy.sparse

FEWEST_PROMPTS = 5
SIGNIFICANT = 0.05
CHUNK = 256
TOP_SHARE = 0.2
PRIOR = 500.0
CANDIDATES, MOST = 400, 40
SAME, LONGER = 0.8, 0.9
UNIT = "within-prompt SD"
KINDS = {"opener": "opens", "closer": "closes", "phrase": ""}


@dataclass(frozen=True)
class PhraseEffect:
    """One phrase: reward beyond length in within-prompt SD, q over all phrases, log-odds among liked rejections.

    kind: phrase, opener or closer; place: its column of the counts; enrichment: weighted log-odds with a Dirichlet
    prior of standing in a rejected response of high reward rather than in another rejected one, with its interval.
    """

    place: int
    kind: str
    words: str
    effect: Estimate
    q: float
    enrichment: Estimate
    in_top: int

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {"phrase": self.words, "kind": self.kind, "n": self.effect.n, "effect": self.effect.value,
                "ci": self.effect.ci, "unit": UNIT, "q": self.q, "log_odds": self.enrichment.value,
                "log_odds_ci": self.enrichment.ci, "in_top_rejected": self.in_top}


@dataclass(frozen=True, eq=False)
class Hunt:
    """Phrases that pay, that cost, and that stand in liked rejections; of `phrases` tested on `responses` responses."""

    pays: tuple[PhraseEffect, ...]
    costs: tuple[PhraseEffect, ...]
    enriched: tuple[PhraseEffect, ...]
    phrases: int
    responses: int
    prompts: int
    top_rejected: int

    def headline(self, shown: str = "") -> str:
        """The phrase that pays most, with its interval; `shown` is its text as it stands in the data."""
        if self.responses < 2 * wording.FEW_PAIRS:
            return f"Too few responses to say {wording.bracket(wording.counted(self.responses))}: phrases need at least 60."
        clear = [one for one in self.pays if one.q < SIGNIFICANT]
        if not clear:
            return (f"None of {wording.counted(self.phrases, 'phrase')} clearly carries reward beyond length, "
                    f"in {wording.counted(self.responses, 'response')}.")
        best = clear[0]
        size = wording.with_interval(best.effect, signed=True, of="SD")
        first = f"“{shown or best.words}” carries {size} of reward beyond length."
        more = f"It stands in {best.effect.n:,} of {wording.counted(self.responses, 'response')}."
        return wording.headline(first, more)

    def method(self, split: str = "") -> str:
        """n, and how it is made."""
        noun = f"{split} response" if split else "response"
        return wording.method_line(
            f"{wording.counted(self.responses, noun)} of {wording.counted(self.prompts, 'prompt')}",
            f"regression within prompts on log length and the phrase, in {UNIT}", "intervals clustered by prompt",
            f"q over {wording.counted(self.phrases, 'phrase')}")


@dataclass(frozen=True, eq=False)
class Effects:
    """Arrays (phrases,): effect in within-prompt SD, its standard error and t-test p (NaN where nothing can be said), n."""

    effect: np.ndarray
    error: np.ndarray
    p: np.ndarray
    half: np.ndarray
    n: np.ndarray


def effects_beyond_length(
    presence: scipy.sparse.csc_array, reward: np.ndarray, length: np.ndarray, prompt: np.ndarray
) -> Effects:
    """Least squares of reward on log length and each phrase in turn, prompts as fixed effects, errors clustered by prompt.

    presence: (responses, phrases) 0/1; reward, length (log characters), prompt: (responses,). By Frisch–Waugh: reward
    and phrase are centred within prompt and cleared of length first. p from t with (prompts where the phrase varies) − 1.
    """
    from scipy.special import stdtr, stdtrit

    clusters = Clusters(prompt, bootstrap=False)
    order = np.argsort(clusters.codes, kind="stable")
    sizes = np.bincount(clusters.codes, minlength=clusters.prompts)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    owner = np.repeat(np.arange(clusters.prompts), sizes)

    def within(values: np.ndarray) -> np.ndarray:
        means = np.add.reduceat(values, starts, axis=0) / (sizes if values.ndim == 1 else sizes[:, None])
        return np.asarray(values - means[owner])

    rewards, lengths = within(np.asarray(reward, float)[order]), within(np.asarray(length, float)[order])
    spread = float(np.sqrt((rewards**2).sum() / max(len(rewards) - clusters.prompts, 1))) or 1.0
    weight = float(lengths @ lengths)
    left = (rewards - lengths * ((rewards @ lengths) / weight if weight > 1e-12 else 0.0)) / spread
    count = presence.shape[1]
    effect, error, p, half = (np.full(count, np.nan) for _ in range(4))
    n = np.asarray(presence.sum(axis=0)).ravel().astype(np.int64)
    for first in range(0, count, CHUNK):
        beat(Progress(first, count, "measuring phrases"))
        block = within(presence[:, first : first + CHUNK].toarray().astype(np.float64)[order])
        varies = (np.add.reduceat(np.abs(block), starts, axis=0) > 1e-9).sum(axis=0)
        if weight > 1e-12:
            block -= np.outer(lengths, lengths @ block / weight)
        size = (block**2).sum(axis=0)
        fine = (varies >= FEWEST_PROMPTS) & (size > 1e-6)
        safe = np.where(fine, size, 1.0)
        slope = left @ block / safe
        scores = np.add.reduceat(block * (left[:, None] - block * slope), starts, axis=0)
        robust = np.sqrt((scores**2).sum(axis=0) * clusters.prompts / max(clusters.prompts - 1, 1)) / safe
        free = np.maximum(varies - 1.0, 1.0)
        part = slice(first, first + CHUNK)
        effect[part] = np.where(fine, slope, np.nan)
        error[part] = np.where(fine, np.maximum(robust, 1e-12), np.nan)
        p[part] = np.where(fine, 2 * stdtr(free, -np.abs(slope) / np.maximum(robust, 1e-12)), np.nan)
        half[part] = np.where(fine, stdtrit(free, 0.975) * robust, np.nan)
    return Effects(effect, error, p, half, n)


def log_odds(first: np.ndarray, second: np.ndarray, background: np.ndarray, prior: float = PRIOR) -> tuple[np.ndarray, np.ndarray]:
    """Weighted log-odds of counts (phrases,) in two groups, and their standard errors; Monroe, Colaresi, Quinn (2008).

    background: counts in all texts, which shape the Dirichlet prior of `prior` counts in all.
    """
    total = max(float(background.sum()), 1.0)
    alpha = prior * np.maximum(background, 0.5) / total
    mass = float(alpha.sum())
    one = np.log(first + alpha) - np.log(np.maximum(first.sum() + mass - first - alpha, 0.5))
    two = np.log(second + alpha) - np.log(np.maximum(second.sum() + mass - second - alpha, 0.5))
    return one - two, np.sqrt(1 / (first + alpha) + 1 / (second + alpha))


def _chosen_few(order: np.ndarray, presence: scipy.sparse.csc_array, words: Sequence[str], kinds: Sequence[str]) -> list[int]:
    """The first phrases of an order; of those that stand in nearly the same responses only one, the longest."""
    kept: list[int] = []
    of: list[np.ndarray] = []
    for place in order[:CANDIDATES].tolist():
        rows = presence.indices[presence.indptr[place] : presence.indptr[place + 1]]
        twin = -1
        for turn, other in enumerate(of):
            both = len(np.intersect1d(rows, other, assume_unique=True))
            union = len(rows) + len(other) - both
            related = words[place] in words[kept[turn]] or words[kept[turn]] in words[place]
            if both >= SAME * union or (related and both >= 0.7 * min(len(rows), len(other))):
                twin = turn
                if both >= LONGER * union and _worth(words[place], kinds[place]) > _worth(words[kept[turn]], kinds[kept[turn]]):
                    kept[turn], of[turn] = place, rows
                break
        if twin < 0 and len(kept) < MOST:
            kept.append(place)
            of.append(rows)
    return kept


def _worth(words: str, kind: str) -> tuple[int, int]:
    return len(words.split()), int(kind != "phrase")


def hunt(
    presence: scipy.sparse.csc_array, words: Sequence[str], kinds: Sequence[str], reward: np.ndarray,
    length: np.ndarray, prompt: np.ndarray, rejected: np.ndarray
) -> Hunt:
    """Phrases by the reward that they carry beyond length, and by enrichment among rejected responses of high reward.

    presence: (responses, phrases) 0/1 by columns; words, kinds: (phrases,); rejected: (responses,) bool. Phrases that
    vary in fewer than five prompts are not tested.
    """
    n = len(reward)
    prompts = len(distinct(prompt))
    if n < 2 or not len(words):
        return Hunt((), (), (), 0, n, prompts, 0)
    found = effects_beyond_length(presence, reward, length, prompt)
    tested = np.isfinite(found.p)
    q = np.ones(len(words))
    q[tested] = benjamini_hochberg(found.p[tested])
    top = np.zeros(n, bool)
    if rejected.any():
        top = rejected & (reward >= np.quantile(reward[rejected], 1 - TOP_SHARE))
    one, two = (np.asarray(presence.T @ side.astype(float)).ravel() for side in (top, rejected & ~top))
    odds, error = np.zeros(len(words)), np.full(len(words), np.inf)
    for kind in set(kinds):
        of = np.array([other == kind for other in kinds])
        odds[of], error[of] = log_odds(one[of], two[of], found.n[of].astype(float))

    def effect(place: int) -> PhraseEffect:
        value, half = float(found.effect[place]), float(found.half[place])
        estimate = Estimate(value, value - half, value + half, int(found.n[place]), "cluster-robust by prompt")
        width = Z95 * float(error[place])
        liked = NOTHING if not top.any() else Estimate(
            float(odds[place]), float(odds[place]) - width, float(odds[place]) + width, int(one[place] + two[place]))
        return PhraseEffect(place, kinds[place], words[place], estimate, float(q[place]), liked, int(one[place]))

    def listed(score: np.ndarray) -> tuple[PhraseEffect, ...]:
        order = np.argsort(-np.where(tested, score, -np.inf), kind="stable")
        order = order[(tested & (score > -np.inf))[order]]
        return tuple(effect(place) for place in _chosen_few(order, presence, words, kinds))

    pays = listed(np.where(found.effect > 0, found.effect - found.half, -np.inf))
    costs = listed(np.where(found.effect < 0, -found.effect - found.half, -np.inf))
    enriched = listed(np.where((odds > 0) & (one >= 2), odds / error, -np.inf)) if top.any() else ()
    return Hunt(pays, costs, enriched, int(tested.sum()), n, prompts, int(top.sum()))


@dataclass(frozen=True)
class Step:
    """One step of the greedy search: the phrase appended, mean gain so far in reward with its interval, pairs won."""

    phrase: str
    gain: Estimate
    beats: Estimate
    tried: int


@dataclass(frozen=True)
class Search:
    """What appending does to weak responses: the steps, and (phrase, mean gain) of all phrases alone, best first.

    fresh, fresh_beats: gain of the whole ending, and share that beats the best response, on responses that the search
    did not see; NOTHING where there are too few.
    """

    steps: tuple[Step, ...]
    alone: tuple[tuple[str, Estimate], ...]
    responses: int
    fresh: Estimate = NOTHING
    fresh_beats: Estimate = NOTHING

    @property
    def ending(self) -> str:
        """The phrases of all steps, one after the other."""
        return " ".join(step.phrase for step in self.steps)

    def sentence(self) -> str:
        """The result in words."""
        if not self.steps:
            return f"No phrase raises {wording.counted(self.responses, 'weak response')} on average."
        last = self.steps[-1]
        phrases = "1 phrase" if len(self.steps) == 1 else f"{len(self.steps)} phrases"
        found = (f"{phrases} at the end of {wording.counted(self.responses, 'weak response')}: reward "
                 f"{wording.with_interval(last.gain, signed=True)}; {wording.percent(last.beats.value)} now beat "
                 "the best response to their prompt.")
        if self.fresh.value is None:
            return f"{found} The phrases were chosen on these responses."
        return (f"{found} On {wording.counted(self.fresh.n)} that the search did not see: "
                f"{wording.with_interval(self.fresh, signed=True)}, {wording.percent(self.fresh_beats.value)}.")
