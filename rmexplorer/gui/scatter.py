"""What the scatter of Length & style draws: responses, margins, named outliers, and the pairs behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from fast_histogram import histogram1d

from rmexplorer.analysis.length_style import LengthStyle
from rmexplorer.analysis.reward_feature import LENGTHS, RewardFeature
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.plots import inside
from rmexplorer.gui.plots.item import Floats
from rmexplorer.job import Job, beat
from rmexplorer.wording import DASH, between, counted, number, percent, style
from rmexplorer.workflows.columns import SAMPLES, Columns
from rmexplorer.workflows.style import measure_feature

BINS = 36
NAMED = 4  # outliers with their first words
WORDS_SHOWN = 24  # characters of an outlier's label
TIP = 64  # characters of a response in the tooltip
APART = (0.34, 0.13)  # of the plot's width and height: nearer outliers are not both named
MOST_HEXAGONS = 50_000  # responses drawn as hexagons; more become an image of counts
FEW_VALUES = 40  # whole numbers up to so many are drawn a little apart, or their marks would hide one another
CROWDED = 0.6  # of the highest bar: above that a margin has no room for words in this corner


@dataclass(frozen=True, eq=False)
class Scatter:
    """What the card draws, made in the thread of figures or in a job.

    `name` is the feature; `x` (cloud,) where responses stand across: log2 of a length, else the feature, whole numbers a
    little apart. `place` (all responses,) is the position of a response in the cloud, −1 where it is not there; `pairs`
    (all pairs,) bool holds the pairs behind the cloud. `values` and `rewards` are (edges, counts of chosen, counts of
    rejected) in x and reward; `across`, `up` the ranges of both; `named` are positions of outliers with their first words;
    `table` is what CSV export gives. `spread` (cloud,) x for an image of counts, None where there are few enough for
    hexagons: each whole number of words is spread over its unit, or the image would show stripes between them.
    """

    found: LengthStyle | RewardFeature
    dataset: Dataset
    name: str
    x: Floats
    place: np.ndarray
    pairs: np.ndarray
    values: tuple[np.ndarray, np.ndarray, np.ndarray]
    rewards: tuple[np.ndarray, np.ndarray, np.ndarray]
    across: tuple[float, float]
    up: tuple[float, float]
    named: tuple[tuple[int, str], ...]
    table: dict[str, np.ndarray]
    spread: np.ndarray | None

    @classmethod
    def of(cls, given: Columns, found: LengthStyle | RewardFeature) -> Scatter:
        """Everything the card needs of these pairs, which are those that were analysed."""
        dataset, cloud = given.dataset, found.cloud
        name = found.name if isinstance(found, RewardFeature) else "words"
        place = np.full(dataset.responses.height, -1, np.int32)
        place[cloud.response] = np.arange(len(cloud), dtype=np.int32)
        pairs = np.zeros(len(dataset), bool)
        pairs[given.rows] = True
        beat()
        x = cloud.x if name in LENGTHS else _apart(cloud.x)
        sides = [cloud.x[place[given[f"response_{side}"]]] for side in ("chosen", "rejected")]
        least = 0.5 if name in LENGTHS or len(x) < 2 or np.ptp(x) <= 0 else 0.0
        across, up = _padded(x, 0.03, 0.03, least), _padded(cloud.reward, 0.04, 0.2)
        return cls(
            found,
            dataset,
            name,
            x,
            place,
            pairs,
            _histograms(sides[0], sides[1], least),
            _histograms(given["reward_chosen"], given["reward_rejected"]),
            across,
            up,
            _named(found, x, dataset, across, up),
            {"response": cloud.response, "pair": cloud.pair + 1, name: cloud.value, "reward": cloud.reward,
             "chosen_share": cloud.chosen_share},
            None if len(cloud) <= MOST_HEXAGONS else _spread(cloud.value) if name in LENGTHS else x,
        )

    @property
    def is_length(self) -> bool:
        """Whether the feature is a length, on a log scale."""
        return self.name in LENGTHS

    def responses_of(self, mask: np.ndarray) -> np.ndarray:
        """(cloud,) bool: responses of the pairs of a mask (all pairs,)."""
        rows = np.flatnonzero(mask & self.pairs)
        hit = np.zeros(len(self.found.cloud), bool)
        for side in (self.dataset.chosen, self.dataset.rejected):
            hit[self.place[side[rows]]] = True
        return hit

    def pairs_of(self, hit: np.ndarray) -> np.ndarray:
        """(all pairs,) bool: pairs whose chosen or rejected response is among the responses of a mask (cloud,)."""
        known = np.append(hit, False)  # place −1 is the last
        rows = np.flatnonzero(self.pairs)
        result = np.zeros(len(self.pairs), bool)
        result[rows] = known[self.place[self.dataset.chosen[rows]]] | known[self.place[self.dataset.rejected[rows]]]
        return result

    def pairs_within(self, polygon: Floats) -> np.ndarray:
        """(all pairs,) bool: pairs with a response inside a polygon (n × 2) in x and reward."""
        return self.pairs_of(inside(polygon, self.x, self.found.cloud.reward))

    def text(self, position: int) -> str:
        """The response at a position of the cloud, in one line."""
        text = self.dataset.responses["text"][int(self.found.cloud.response[position])]
        return " ".join(str(text or "")[:600].split())

    def tips(self, points: np.ndarray) -> list[str]:
        """Lines of the tooltip for some responses of the cloud."""
        cloud = self.found.cloud
        first = int(points[0])
        quote = f"“{_cut(self.text(first), TIP)}”"
        share, reward, value = cloud.chosen_share[points], cloud.reward[points], cloud.value[points]
        if len(points) == 1:
            side = "Chosen" if share[0] == 1 else "Rejected" if share[0] == 0 else f"Chosen in {percent(float(share[0]))} of its pairs"
            return [
                f"{side}, reward {number(float(reward[0]), signed=True)}",
                self._said(float(value[0])),
                f"pair {int(cloud.pair[first]) + 1:,}",
                quote,
            ]
        low, high = float(value.min()), float(value.max())
        return [
            f"{counted(len(points), 'response')}, {percent(float(share.mean()))} chosen",
            f"mean reward {number(float(reward.mean()), signed=True)}, {number(float(reward.min()), signed=True)} to "
            f"{number(float(reward.max()), signed=True)}",
            self._said(low) if high <= low else f"{low:,.0f}{DASH}{high:,.0f} {self.name}" if self.is_length else
            f"{style(self.name)}: {between(low, high, digits_of(value))}",
            quote,
        ]

    def _said(self, value: float) -> str:
        """One value of the feature in words."""
        if self.is_length:
            return counted(int(value), self.name.removesuffix("s"))
        return f"{style(self.name)}: {number(value, digits_of(np.array([value])))}"


def digits_of(values: np.ndarray) -> int:
    """Decimals of some values: none where all are whole."""
    return 0 if np.array_equal(values, np.round(values)) else 2


def drawn_feature(given: Columns, name: str) -> Job[Scatter]:
    """Job: measure a feature of these pairs, and all that its scatter draws."""
    ready, found = yield from measure_feature(given, name)
    return Scatter.of(ready.given.sample(SAMPLES["reward_feature"]), found)


def _apart(x: Floats) -> Floats:
    """Few whole numbers, each drawn over the middle of its unit; others as they are."""
    if digits_of(x) or not len(x) or np.ptp(x) > FEW_VALUES:
        return x
    wide = 0.3 if np.ptp(x) > 1 else 0.12  # yes or no: two columns that stay clearly two
    return np.asarray(x + np.random.default_rng(0).uniform(-wide, wide, len(x)))


def _spread(words: np.ndarray) -> np.ndarray:
    return np.log2(np.maximum(words + np.random.default_rng(0).uniform(-0.5, 0.5, len(words)), 1.0))


def _padded(values: np.ndarray, below: float, above: float, least: float = 0.5) -> tuple[float, float]:
    """The range of values, or `least` where it is smaller, with room at both ends, as shares of it."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    wide = max(high - low, least)
    return low - below * wide, low + wide + above * wide


def _histograms(chosen: np.ndarray, rejected: np.ndarray, least: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    both = np.concatenate([chosen, rejected])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    edges = np.linspace(low - 1e-9, max(high, low + least) + 1e-9, BINS + 1)
    counts = [histogram1d(side, bins=BINS, range=(edges[0], edges[-1])) for side in (chosen, rejected)]
    return edges, counts[0], counts[1]


def _named(found: LengthStyle | RewardFeature, places: Floats, dataset: Dataset, x: tuple[float, float],
           y: tuple[float, float]) -> tuple[tuple[int, str], ...]:
    """At most four outliers, far from one another, with their first words."""
    cloud = found.cloud
    kept: list[int] = []
    for position in found.outliers.position.tolist():
        across = [abs(places[position] - places[other]) / (x[1] - x[0]) for other in kept]
        up = [abs(cloud.reward[position] - cloud.reward[other]) / (y[1] - y[0]) for other in kept]
        if all(a > APART[0] or b > APART[1] for a, b in zip(across, up, strict=True)):
            kept.append(position)
        if len(kept) == NAMED:
            break
    texts = dataset.responses["text"].gather(cloud.response[kept]).to_list() if kept else []
    return tuple(
        (position, f"“{_cut(' '.join(str(text or '')[:200].split()), WORDS_SHOWN)}”")
        for position, text in zip(kept, texts, strict=True)
    )


def _cut(text: str, most: int) -> str:
    """The first words of a text in at most `most` characters."""
    if len(text) <= most:
        return text
    short = text[:most]
    return (short.rsplit(" ", 1)[0] if " " in short else short).rstrip(",.;:") + "…"


def corners(counts: np.ndarray) -> tuple[str, str]:
    """The corners of the upper margin for two labels: one each, or both in the emptier where the hill fills the other."""
    share = max(1, round(0.36 * len(counts)))
    left, right = (float(part.max(initial=0)) / max(float(counts.max(initial=0)), 1.0) for part in (counts[:share], counts[-share:]))
    if max(left, right) < CROWDED:
        return "left", "right"
    return ("left", "left") if left < right else ("right", "right")


def simplified(polygon: Floats, step: Floats) -> Floats:
    """A polygon without corners that lie within `step` (data, both directions) of the one kept before."""
    kept = [0]
    for place in range(1, len(polygon)):
        if np.any(np.abs(polygon[place] - polygon[kept[-1]]) > step):
            kept.append(place)
    return polygon[kept]
