"""What the scatter of Length & style draws: responses, margins, named outliers, and the pairs behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from fast_histogram import histogram1d

from rmexplorer.analysis.length_style import LengthStyle
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.plots import inside
from rmexplorer.gui.plots.item import Floats
from rmexplorer.wording import DASH, counted, number, percent
from rmexplorer.workflows.columns import Columns

BINS = 36
NAMED = 4  # outliers with their first words
WORDS_SHOWN = 24  # characters of an outlier's label
TIP = 64  # characters of a response in the tooltip
APART = (0.34, 0.13)  # of the plot's width and height: nearer outliers are not both named
MOST_HEXAGONS = 50_000  # responses drawn as hexagons; more become an image of counts
CROWDED = 0.6  # of the highest bar: above that a margin has no room for words in this corner


@dataclass(frozen=True, eq=False)
class Scatter:
    """What the card draws, made in the thread of figures.

    `place` (all responses,) is the position of a response in the cloud, −1 where it is not there; `pairs` (all pairs,)
    bool holds the pairs behind the cloud. `words` and `rewards` are (edges, counts of chosen, counts of rejected) in
    log2 words and reward; `named` are positions of outliers with their first words; `table` is what CSV export gives.
    `spread` (cloud,) log2 words for an image of counts, None where there are few enough for hexagons: each whole number
    of words is spread over its unit, or the image would show stripes between them.
    """

    found: LengthStyle
    dataset: Dataset
    place: np.ndarray
    pairs: np.ndarray
    words: tuple[np.ndarray, np.ndarray, np.ndarray]
    rewards: tuple[np.ndarray, np.ndarray, np.ndarray]
    x: tuple[float, float]
    y: tuple[float, float]
    named: tuple[tuple[int, str], ...]
    table: dict[str, np.ndarray]
    spread: np.ndarray | None

    @classmethod
    def of(cls, given: Columns, found: LengthStyle) -> Scatter:
        """Everything the card needs of these pairs."""
        dataset, cloud = given.dataset, found.cloud
        place = np.full(dataset.responses.height, -1, np.int32)
        place[cloud.response] = np.arange(len(cloud), dtype=np.int32)
        pairs = np.zeros(len(dataset), bool)
        pairs[given.rows] = True
        words = [np.log2(np.maximum(given[f"words_{side}"], 1)) for side in ("chosen", "rejected")]
        x, y = _padded(cloud.x, 0.03, 0.03), _padded(cloud.reward, 0.04, 0.16)
        return cls(
            found,
            dataset,
            place,
            pairs,
            _histograms(*words),
            _histograms(given["reward_chosen"], given["reward_rejected"]),
            x,
            y,
            _named(found, dataset, x, y),
            {"response": cloud.response, "pair": cloud.pair + 1, "words": cloud.value, "reward": cloud.reward,
             "chosen_share": cloud.chosen_share},
            _spread(cloud.value) if len(cloud) > MOST_HEXAGONS else None,
        )

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
        """(all pairs,) bool: pairs with a response inside a polygon (n × 2) in log2 words and reward."""
        return self.pairs_of(inside(polygon, self.found.cloud.x, self.found.cloud.reward))

    def text(self, position: int) -> str:
        """The response at a position of the cloud, in one line."""
        text = self.dataset.responses["text"][int(self.found.cloud.response[position])]
        return " ".join(str(text or "")[:600].split())

    def tips(self, points: np.ndarray) -> list[str]:
        """Lines of the tooltip for some responses of the cloud."""
        cloud = self.found.cloud
        first = int(points[0])
        quote = f"“{_cut(self.text(first), TIP)}”"
        share, reward, words = cloud.chosen_share[points], cloud.reward[points], cloud.value[points]
        if len(points) == 1:
            side = "Chosen" if share[0] == 1 else "Rejected" if share[0] == 0 else f"Chosen in {percent(float(share[0]))} of its pairs"
            return [
                f"{side}, reward {number(float(reward[0]), signed=True)}",
                counted(int(words[0]), "word"),
                f"pair {int(cloud.pair[first]) + 1:,}",
                quote,
            ]
        low, high = int(words.min()), int(words.max())
        return [
            f"{counted(len(points), 'response')}, {percent(float(share.mean()))} chosen",
            f"mean reward {number(float(reward.mean()), signed=True)}, {number(float(reward.min()), signed=True)} to "
            f"{number(float(reward.max()), signed=True)}",
            f"{low:,}{DASH}{high:,} words" if high > low else counted(low, "word"),
            quote,
        ]


def _spread(words: np.ndarray) -> np.ndarray:
    return np.log2(np.maximum(words + np.random.default_rng(0).uniform(-0.5, 0.5, len(words)), 1.0))


def _padded(values: np.ndarray, below: float, above: float) -> tuple[float, float]:
    """The range of values with room at both ends, as shares of it."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    wide = max(high - low, 0.5)
    return low - below * wide, low + wide + above * wide


def _histograms(chosen: np.ndarray, rejected: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    both = np.concatenate([chosen, rejected])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    edges = np.linspace(low - 1e-9, max(high, low + 0.5) + 1e-9, BINS + 1)
    counts = [histogram1d(side, bins=BINS, range=(edges[0], edges[-1])) for side in (chosen, rejected)]
    return edges, counts[0], counts[1]


def _named(found: LengthStyle, dataset: Dataset, x: tuple[float, float], y: tuple[float, float]) -> tuple[tuple[int, str], ...]:
    """At most four outliers, far from one another, with their first words."""
    cloud = found.cloud
    kept: list[int] = []
    for position in found.outliers.position.tolist():
        across = [abs(cloud.x[position] - cloud.x[other]) / (x[1] - x[0]) for other in kept]
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
