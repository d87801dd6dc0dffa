"""A map of texts: two coordinates each, groups of like texts, and the words that tell a group from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from rmexplorer.data.features import STOP_WORDS
from rmexplorer.job import Job, Progress
from rmexplorer.wording import counted, headline, method_line, percent

FEWEST = 30
"""Texts below which there are no groups, and PCA alone places them."""
MOST_GROUPS = 12
PRIOR = 0.1
NAMED_BY = 3
SURE = 2.0
COMMON = 0.05
"""A word that names a group stands in at least this share of its texts."""
PERPLEXITY = 30.0
EXAGGERATION = 12.0
STEPS = (250, 500)
MORE_STOP_WORDS = (
    "me|us|him|myself|yourself|itself|but|so|just|also|very|too|more|most|much|many|some|any|all|each|every|other|another|such|only|"
    "own|same|both|few|one|ones|two|first|out|up|down|off|through|between|under|again|here|why|whom|because|while|until|before|"
    "after|during|am|done|doing|having|get|gets|got|getting|go|goes|going|make|makes|made|making|like|want|wants|need|needs|know|"
    "think|say|said|says|tell|see|use|used|using|way|ways|thing|things|something|anything|someone|people|lot|really|maybe|well|"
    "good|better|best|bad|now|still|even|ever|never|always|without|within|yes|no|okay|ok|sure|please|thanks|thank|sorry|hope|"
    "hello|hi|don|doesn|isn|didn|won|ll|ve|re|let|put|take|give|keep|try|trying|able|every|however|though|although|since|around")
WORD = r"[\p{L}\p{M}]{2,}"


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """(n, d) float64: rows less their mean, then of length 1; a row at the mean stays zero."""
    centred = vectors.astype(np.float64) - (vectors.mean(axis=0, dtype=np.float64) if len(vectors) else 0.0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    result: np.ndarray = np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
    return result


def principal(vectors: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """PCA: (n, dimensions) coordinates and (dimensions,) shares of the variance, largest first; zeros where none is left.

    Each axis points to where its largest entry is positive, so the same vectors give the same picture.
    """
    rows, wide = vectors.shape
    coordinates, shares = np.zeros((rows, dimensions)), np.zeros(dimensions)
    if rows < 2 or not wide:
        return coordinates, shares
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    values, axes = np.maximum(values[::-1], 0.0), axes[:, ::-1]
    total = float(values.sum())
    kept = min(dimensions, int((values > 1e-12 * max(total, 1e-300)).sum()))
    if kept:
        turned = axes[:, :kept]
        turned = turned * np.where(turned[np.abs(turned).argmax(axis=0), np.arange(kept)] < 0, -1.0, 1.0)
        coordinates[:, :kept], shares[:kept] = centred @ turned, values[:kept] / total
    return coordinates, shares


def neighbour_map(vectors: np.ndarray, start: np.ndarray, seed: int = 0) -> Job[np.ndarray]:
    """Job: (n, 2) coordinates by t-SNE (van der Maaten & Hinton 2008) from the coordinates `start` (n, 2).

    In two parts, each a call of scikit-learn that goes on where the last one ended, so that the job can be cancelled
    and says how far it is: near points are first drawn together (early exaggeration), then placed.
    """
    from sklearn.manifold import TSNE

    spread = float(start[:, 0].std())
    placed = (start / spread * 1e-4 if spread > 0 else np.random.default_rng(seed).normal(0, 1e-4, start.shape))
    done, total = 0, sum(STEPS)
    yield Progress(0, total, "placing by t-SNE")
    for place, steps in enumerate(STEPS):
        model = TSNE(
            perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3),
            early_exaggeration=EXAGGERATION if place == 0 else 1.0,
            learning_rate=max(len(vectors) / EXAGGERATION / 4, 50.0),  # as "auto" has it with exaggeration
            max_iter=steps,
            init=placed.astype(np.float32),
            random_state=seed,
        )
        with threadpool_limits(1):  # threads that wait for each other stall on a busy machine
            placed = model.fit_transform(vectors.astype(np.float32))
        done += steps
        yield Progress(done, total, "placing by t-SNE")
    return np.asarray(placed, dtype=np.float64)


def group_count(texts: int) -> int:
    """How many groups so many texts are put into: one below FEWEST, then a third of the square root, 2 to 12."""
    return 1 if texts < FEWEST else int(min(MOST_GROUPS, max(2, round(np.sqrt(texts) / 3))))


def groups(vectors: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """(n,) int64 groups by k-means, 0 the largest; fewer than `count` where vectors coincide."""
    if count < 2 or len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    from sklearn.cluster import KMeans

    distinct = len(np.unique(np.round(vectors, 6), axis=0))
    if distinct < 2:
        return np.zeros(len(vectors), np.int64)
    with threadpool_limits(1):
        found = KMeans(min(count, distinct), n_init=4, random_state=seed).fit_predict(vectors)
    sizes = np.bincount(found)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    result: np.ndarray = rank[found]
    return result


def content_words(texts: pl.Series) -> pl.Series:
    """(n,) lists of the lower-case words of each text, without articles and the like and words with an apostrophe."""
    words = texts.cast(pl.String).fill_null("").str.to_lowercase().str.replace_all(r"[\p{L}]+['’](?:t|m|re|ve|d|ll)\b", " ")
    words = words.str.replace_all(r"['’]s\b", " ").str.extract_all(WORD)
    plain = pl.element().filter(~pl.element().str.contains(f"^(?:{STOP_WORDS})$"))
    return words.to_frame("word").select(pl.col("word").list.eval(plain))["word"]


def group_words(texts: pl.Series, group: np.ndarray, named_by: int = NAMED_BY) -> tuple[tuple[str, ...], ...]:
    """For each group its most typical words, most typical first; () for a group without any.

    Typical is a word whose weighted log-odds (Monroe, Colaresi & Quinn 2008) of the texts with it in the group against all
    others, all texts as prior, lie SURE deviations above zero. Those are ranked by their share of the group's texts times
    the log of how much larger it is than in all texts. Articles and the like are left out, and plurals beside singulars; other
    common words (get, why) name a group only where too few others do.
    """
    count = int(group.max(initial=-1)) + 1
    words = (
        pl.DataFrame({"word": content_words(texts), "group": group})
        .with_row_index("text")
        .explode("word")
        .drop_nulls()
        .unique(["text", "word"])
    )
    tally = words.group_by("word", "group").len().with_columns(pl.col("len").sum().over("word").alias("all"))
    tally = tally.filter(pl.col("all") >= 2)
    sums = words.group_by("group").len().rename({"len": "words"})
    total = float(sums["words"].sum())
    size = np.bincount(group, minlength=count)
    table = tally.join(sums, on="group")
    inside, everywhere, here = (table[name].to_numpy().astype(np.float64) for name in ("len", "all", "words"))
    weight = PRIOR * total * everywhere / max(total, 1.0)
    prior, outside, there = PRIOR * total, everywhere - inside, total - here
    log_odds = np.log((inside + weight) / np.maximum(here + prior - inside - weight, 1e-9)) - np.log(
        (outside + weight) / np.maximum(there + prior - outside - weight, 1e-9))
    z = log_odds / np.sqrt(1.0 / (inside + weight) + 1.0 / (outside + weight))
    share = inside / size[table["group"].to_numpy()]
    rank = share * np.log(np.maximum(share * len(group) / everywhere, 1e-9))
    table = table.with_columns(pl.Series("z", z), pl.Series("share", share), pl.Series("rank", rank))
    kept = table.filter((pl.col("z") > SURE) & (pl.col("share") >= COMMON))
    kept = kept.with_columns(pl.col("word").str.contains(f"^(?:{MORE_STOP_WORDS})$").alias("plain"))
    kept = kept.sort("group", "plain", "rank", "word", descending=[False, False, True, False])
    return tuple(_distinct(kept.filter(pl.col("group") == place)["word"].to_list(), named_by) for place in range(count))


def _distinct(words: Sequence[str], most: int) -> tuple[str, ...]:
    kept: list[str] = []
    for word in words:
        if not any(abs(len(word) - len(one)) <= 2 and (word.startswith(one) or one.startswith(word)) for one in kept):
            kept.append(word)
        if len(kept) == most:
            break
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class TextMap:
    """Texts on a map. rows: (n,) rows of prompts or responses; xy: (n, 2); group: (n,) 0 the largest.

    noun is prompt or response, how is pca or tsne; words name each group; variance is the share that two axes of PCA keep; total
    says how many texts there are, of which `rows` are drawn where they are too many; encoder names what made the vectors.
    """

    noun: str
    how: str
    rows: np.ndarray
    xy: np.ndarray
    group: np.ndarray
    words: tuple[tuple[str, ...], ...]
    variance: float
    total: int
    encoder: str

    def __len__(self) -> int:
        return len(self.rows)

    def arrays(self) -> dict[str, Any]:
        """As plain arrays for a .npz."""
        return {"rows": self.rows, "xy": self.xy, "group": self.group}

    def seen(self, shown: np.ndarray) -> MapFinding:
        """What is to say of the texts of a mask (n,)."""
        return MapFinding(self, shown, np.bincount(self.group[shown], minlength=len(self.words)))


@dataclass(frozen=True, eq=False)
class MapFinding:
    """What a map says of the texts shown: `counts` (groups,) of them."""

    map: TextMap
    shown: np.ndarray
    counts: np.ndarray

    @property
    def n(self) -> int:
        """How many texts are shown."""
        return int(self.counts.sum())

    def headline(self) -> str:
        """How many groups there are, and which words mark the largest one."""
        noun, used = self.map.noun, int((self.counts > 0).sum())
        if not self.n:
            return f"No {noun} to place: none passes the filter."
        if len(self.counts) < 2 or self.n < FEWEST:
            return f"Too few {noun}s to say what kinds there are ({counted(self.n)}); nearby ones share words."
        largest = int(np.argmax(self.counts))
        if used == 1:
            return headline(f"All {counted(self.n, noun)} fall into one group{_marked(self.map.words[largest])}.")
        share = percent(self.counts[largest] / self.n)
        first = f"{counted(self.n, noun)} fall into {used} groups"
        words = f"; the largest ({share}) stands out by the words {_listed(self.map.words[largest])}." if self.map.words[largest] else \
            f"; the largest holds {share}, and no word is typical of it."
        return headline(first + words)

    def method(self, split: str = "") -> str:
        """How the texts were placed and grouped, and what that does not tell."""
        found = self.map
        drawn = f"{len(found):,} of {counted(found.total, found.noun)} drawn at random" if found.total > len(found) else ""
        if found.how == "tsne":
            placed = "placed by t-SNE: near ones are alike, distances between groups mean little"
        else:
            placed = f"placed by PCA, which keeps {percent(found.variance)} of the variance: far apart is different, near may be chance"
        grouped = f"{len(found.words)} groups by k-means of the vectors, not of the map" if len(found.words) > 1 else ""
        return method_line(split, drawn, placed, grouped)


def _marked(words: tuple[str, ...]) -> str:
    return f", marked by the words {_listed(words)}" if words else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
