"""What the model likes and dislikes: the tails of the reward, the largest margins, the mistakes, the least sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.analysis import analysis
from rmexplorer.statistics import NOTHING, Clusters, Estimate, first_seen, sigmoid

SHARES = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25)
SURE, UNSURE = 0.2, 0.1
FEWEST_IN_TAIL = 20
VIEWS = ("extremes", "margins", "wrong", "unsure")


@dataclass(frozen=True, eq=False)
class ResponseList:
    """Distinct responses, best first. Arrays are (listed,).

    `response` is a row of Dataset.responses, `pair` the row of Dataset.pairs that shows it, `was_chosen` whether people
    chose it there, `chosen_share` the share of its pairs that it won; `z` is the reward in SD from the mean.
    """

    response: np.ndarray
    pair: np.ndarray
    reward: np.ndarray
    z: np.ndarray
    words: np.ndarray
    was_chosen: np.ndarray
    chosen_share: np.ndarray

    def __len__(self) -> int:
        return len(self.response)


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs in some order: `pair` (listed,) rows of Dataset.pairs, and their margins (chosen minus rejected)."""

    pair: np.ndarray
    margin: np.ndarray

    def __len__(self) -> int:
        return len(self.pair)


@dataclass(frozen=True, eq=False)
class Responses:
    """The extremes of the reward. Tail counts and shares are over all responses of a tail, not over those listed.

    `high_edges` and `low_edges` (len(SHARES),) are the rewards where tails of SHARES begin. `mean_margin` is over all
    pairs, `margin_quartiles` holds their first and third quartile; `wrong` is the share of pairs with a margin below 0,
    `sure_wrong` of those with P(chosen) below 0.2, `unsure` of those with P(chosen) within 0.1 of one half.
    """

    pairs: int
    responses: int
    prompts: int
    share: float
    one_per_prompt: bool
    center: float
    scale: float
    highest: ResponseList
    lowest: ResponseList
    high_edge: float | None
    low_edge: float | None
    tail: int
    top_rejected: Estimate
    bottom_chosen: Estimate
    top_words_median: float | None
    words_median: float | None
    largest_margins: PairList
    smallest_margins: PairList
    confident_mistakes: PairList
    least_sure: PairList
    mistakes: int
    histogram_edges: np.ndarray
    histogram_chosen: np.ndarray
    histogram_rejected: np.ndarray
    high_edges: np.ndarray
    low_edges: np.ndarray
    mean_margin: Estimate
    margin_quartiles: tuple[float, float] | None
    wrong: Estimate
    sure_wrong: Estimate
    unsure: Estimate

    def headline(self, view: str = "extremes") -> str:
        """The finding of a view, one of VIEWS.

        The top 1% are longer responses (median 214 words, all 84); people rejected 31% of them (…).
        """
        if self.pairs == 0 or self.top_words_median is None or self.words_median is None:
            return wording.too_few(0)
        found = {"margins": self._of_margins, "wrong": self._of_mistakes, "unsure": self._of_doubts}.get(
            view, self._of_tails
        )()
        return wording.too_few(self.pairs, found[0].lower() + found[1:]) if self.pairs < wording.FEW_PAIRS else found

    def _of_margins(self) -> str:
        low, high = self.margin_quartiles or (0.0, 0.0)
        mean = wording.with_interval(self.mean_margin, signed=True)
        ends = [
            wording.number(float(part.margin[0]), signed=True) for part in (self.smallest_margins, self.largest_margins)
        ]
        middle = f"{wording.number(low, signed=True)} and {wording.number(high, signed=True)}"
        return f"The mean margin is {mean}. Half of all lie between {middle}, the ends are {ends[0]} and {ends[1]}."

    def _of_mistakes(self) -> str:
        if not self.mistakes:
            return f"The model prefers the rejected response in none of {wording.counted(self.pairs, 'pair')}."
        wrong = wording.with_interval(self.wrong, shares=True, of="of pairs")
        sure = wording.with_interval(self.sure_wrong, shares=True, name=False)
        return f"The model prefers the rejected response in {wrong}. In {sure} it is sure: P(chosen) is below {SURE}."

    def _of_doubts(self) -> str:
        unsure = wording.with_interval(self.unsure, shares=True, of="of pairs")
        return f"The model can hardly tell in {unsure}: P(chosen) lies between {0.5 - UNSURE} and {0.5 + UNSURE}."

    def _of_tails(self) -> str:
        assert self.top_words_median is not None and self.words_median is not None
        words = wording.counted(round(self.top_words_median), "word")
        rejected = wording.with_interval(self.top_rejected, shares=True, of="of them")
        return (f"The top {share_text(self.share)} of rewards have a median of {words} "
                f"{wording.bracket(f'all: {wording.number(self.words_median, 0)}')}; the labels reject {rejected}.")

    def method(self, split: str = "", view: str = "extremes") -> str:
        """Size of the tails, how rewards are scaled, how the interval is made."""
        if view != "extremes":
            how = {"margins": self.mean_margin, "wrong": self.wrong}.get(view, self.unsure).how
            return wording.method_line(
                wording.pairs_of(self.pairs, split),
                f"margin = reward chosen {wording.MINUS} rejected",
                "one per prompt is shown" if self.one_per_prompt else "",
                wording.intervals(how),
            )
        return wording.method_line(
            f"top and bottom {wording.counted(self.tail)} of {wording.counted(self.responses)} responses in "
            f"{wording.pairs_of(self.pairs, split)}",
            "one per prompt is shown" if self.one_per_prompt else "",
            "rewards in SD",
            wording.intervals(self.top_rejected.how),
        )


def share_text(share: float) -> str:
    """The size of a tail in percent with the decimals that it needs: 1%, 0.5%, 7.5%."""
    return wording.number(100 * share, 0 if abs(100 * share - round(100 * share)) < 0.05 else 1) + "%"


def default_share(responses: int) -> float:
    """The size of tails of so many distinct responses: 1%, or the smallest of SHARES that holds FEWEST_IN_TAIL."""
    enough = [share for share in SHARES if share >= 0.01 and round(share * responses) >= FEWEST_IN_TAIL]
    return enough[0] if enough else SHARES[-1]


def _edges(reward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(len(SHARES),) rewards where the highest and the lowest tails of SHARES begin; empty without rewards."""
    n = len(reward)
    if not n:
        return np.zeros(0), np.zeros(0)
    tails = np.maximum(1, np.round(np.array(SHARES) * n)).astype(np.int64)
    ordered = np.partition(reward, np.unique(np.concatenate([tails - 1, n - tails])))
    return ordered[n - tails], ordered[tails - 1]


def _one_each(order: np.ndarray, prompt: np.ndarray, limit: int) -> np.ndarray:
    """The first `limit` of an order, at most one for each prompt."""
    return np.asarray(order[np.sort(first_seen(prompt[order]))][:limit])


def _ends(values: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of at most `limit` largest (falling) and smallest (rising) values, equal ones as they stand."""
    n = len(values)
    if n > 4 * limit:  # a partition first: sorting a million rewards to list 200 would waste most of it
        cuts = np.partition(values, [limit - 1, n - limit])
        large, small = np.flatnonzero(values >= cuts[n - limit]), np.flatnonzero(values <= cuts[limit - 1])
    else:
        large = small = np.arange(n)
    return (
        large[np.argsort(-values[large], kind="stable")][:limit],
        small[np.argsort(values[small], kind="stable")][:limit],
    )


def _pairs(
    values: np.ndarray,
    margin: np.ndarray,
    pair: np.ndarray,
    prompt: np.ndarray,
    limit: int,
    one: bool,
    rows: np.ndarray | None = None,
) -> tuple[PairList, PairList]:
    """The pairs of the largest and of the smallest values."""
    there = np.arange(len(values)) if rows is None else rows
    found = []
    for order in _ends(values[there], 8 * limit if one else limit):
        order = there[order]
        order = _one_each(order, prompt, limit) if one else order
        found.append(PairList(pair[order], margin[order]))
    return found[0], found[1]


@analysis
def responses(
    reward_chosen: np.ndarray,
    reward_rejected: np.ndarray,
    margin: np.ndarray,
    prompt: np.ndarray,
    pair: np.ndarray,
    response_chosen: np.ndarray,
    response_rejected: np.ndarray,
    words_chosen: np.ndarray,
    words_rejected: np.ndarray,
    share: float | None = None,
    limit: int = 200,
    one_per_prompt: bool = True,
    center: float | None = None,
    scale: float | None = None,
) -> Responses:
    """What does the model like and dislike? Tails of the reward over the distinct responses of pairs (pairs,).

    `share`: size of each tail (at least one response); None: 1%, or more where that would be
    fewer than FEWEST_IN_TAIL. `center`, `scale`: mean and SD of the rewards of the whole
    dataset, so that a selection is measured on the same scale; taken from these pairs where not given. Lists hold up
    to `limit`.
    """
    n = len(pair)
    ids = np.concatenate([response_chosen, response_rejected])
    first = first_seen(ids)
    position = np.zeros(int(ids.max()) + 1 if n else 0, np.int64)
    position[ids[first]] = np.arange(len(first))
    shown = np.bincount(position[ids], minlength=len(first))
    wins = np.bincount(position[response_chosen], minlength=len(first)) / np.maximum(shown, 1)
    reward = np.concatenate([reward_chosen, reward_rejected])[first]
    words = np.concatenate([words_chosen, words_rejected])[first]
    row = first % max(n, 1)
    of_prompt = prompt[row]
    middle = float(reward.mean()) if center is None and n else center or 0.0
    spread = (float(reward.std()) if n else 0.0) if scale is None else scale
    spread = spread if spread > 0 else 1.0
    share = default_share(len(first)) if share is None else share
    tail = max(1, round(share * len(first))) if n else 0

    def listed(order: np.ndarray) -> ResponseList:
        order = _one_each(order, of_prompt, limit) if one_per_prompt else order[:limit]
        return ResponseList(
            ids[first[order]],
            pair[row[order]],
            reward[order],
            (reward[order] - middle) / spread,
            words[order],
            first[order] < n,
            wins[order],
        )

    best, worst = _ends(reward, max(tail, 8 * limit))
    top, bottom = best[:tail], worst[:tail]
    largest, smallest = _pairs(margin, margin, pair, prompt, limit, one_per_prompt)
    wrong = np.flatnonzero(margin < 0)
    bins = int(np.clip(np.sqrt(2 * n), 10, 60))
    edges = np.histogram_bin_edges(reward, bins=bins) if n else np.linspace(-1.0, 1.0, bins + 1)
    clusters = Clusters(prompt)
    probability = sigmoid(margin)
    quartiles = np.quantile(margin, (0.25, 0.75)) if n else None
    return Responses(
        n,
        len(first),
        len(first_seen(prompt)),
        share,
        one_per_prompt,
        middle,
        spread,
        listed(best),
        listed(worst),
        float(reward[top[-1]]) if n else None,
        float(reward[bottom[-1]]) if n else None,
        tail,
        Clusters(of_prompt[top]).share(1.0 - wins[top]) if n else NOTHING,
        Clusters(of_prompt[bottom]).share(wins[bottom]) if n else NOTHING,
        float(np.median(words[top])) if n else None,
        float(np.median(words)) if n else None,
        largest,
        smallest,
        _pairs(margin, margin, pair, prompt, limit, one_per_prompt, wrong)[1],
        _pairs(np.abs(margin), margin, pair, prompt, limit, one_per_prompt)[1],
        len(wrong),
        edges,
        np.histogram(reward_chosen, edges)[0],
        np.histogram(reward_rejected, edges)[0],
        *_edges(reward),
        clusters.mean(margin) if n else NOTHING,
        None if quartiles is None else (float(quartiles[0]), float(quartiles[1])),
        clusters.share((margin < 0).astype(float)) if n else NOTHING,
        clusters.share((probability < SURE).astype(float)) if n else NOTHING,
        clusters.share((np.abs(probability - 0.5) < UNSURE).astype(float)) if n else NOTHING,
    )
