"""Where the columns of analyses come from: a lazy mapping over the decided pairs of a dataset, and `run`."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import polars as pl

from rmexplorer.analysis import ANALYSES, COLUMNS
from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.features import layout, surface
from rmexplorer.data.limits import MOST_PAIRS
from rmexplorer.data.own_features import OwnFeature, measure
from rmexplorer.job import beat
from rmexplorer.problem import Problem
from rmexplorer.statistics import drawn, first_seen

SUBSET_COLUMNS = ("subset", "source", "dataset", "data_source", "origin", "category", "section", "domain", "task")
MOST_SUBSETS = 200
STYLE = (
    "sentences",
    "sentence_length",
    "type_token_ratio",
    "list_items",
    "headings",
    "bold",
    "code_blocks",
    "links",
    "exclamations",
    "questions",
    "hedges",
    "certainty",
    "apologies",
    "refusals",
    "politeness",
    "agreement",
    "opener",
    "closer",
    "copied_share",
)
STYLE_PAIRS = 20_000
SAMPLES = {"style_effects": STYLE_PAIRS, "feature_table": 100_000, "reward_feature": 100_000}
"""At most so many pairs are measured for an analysis of style, drawn with a seed."""
NAMED = 250_000  # pairs whose subset is named at once
CHUNK = 1_000  # responses that are measured between two beats
REWARD_COLUMNS = frozenset({"margin", "reward_chosen", "reward_rejected"})


class _Measures:
    """What is measured once for a dataset, whatever part of it is analysed."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = ref(dataset)  # a column of it is only asked for while somebody holds it
        self._responses = dataset.responses
        self._prompts = dataset.prompts
        self._extras = dataset.extras
        self._pairs = dataset.pairs.height
        self._found: dict[str, np.ndarray] = {}
        self._styled: dict[OwnFeature | None, np.ndarray] = {}
        self._source_counts: list[tuple[str, int]] | None = None
        self._lock = threading.RLock()

    def once(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of that name, made on first use."""
        with self._lock:
            if name not in self._found:
                self._found[name] = make()
            return self._found[name]

    @property
    def chars(self) -> np.ndarray:
        """(responses,) characters, stripped."""
        return self._lengths()[0]

    @property
    def words(self) -> np.ndarray:
        """(responses,) words."""
        return self._lengths()[1]

    def _lengths(self) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            dataset = self._dataset()
            assert dataset is not None
            return dataset.lengths

    @property
    def layout(self) -> np.ndarray:
        """(responses, LAYOUT) float32 counts."""
        return self.once("layout", lambda: layout(self._responses["text"]).to_numpy())

    @property
    def subset(self) -> np.ndarray:
        """(pairs,) str, as objects: the first column of SUBSET_COLUMNS that names few enough subsets."""
        return self.once("subset", self._subset)

    def source_counts(self) -> list[tuple[str, int]]:
        """The sources with their decided pairs, counted once."""
        with self._lock:
            if self._source_counts is None:
                dataset, column = self._dataset(), self.subset_column()
                assert dataset is not None
                self._source_counts = []
                if column is not None:
                    counts = column.filter(pl.Series(dataset.winner != TIE)).alias("name").value_counts().filter(pl.col("name") != "")
                    counts = counts.sort(["count", "name"], descending=[True, False])
                    self._source_counts = [(str(name), int(n)) for name, n in counts.iter_rows()]
            return self._source_counts

    def subset_column(self) -> pl.Series | None:
        """(pairs,) the first column of SUBSET_COLUMNS that names few enough subsets; None where there is none."""
        for name in SUBSET_COLUMNS:
            if name in self._extras.columns and self._extras[name].dtype == pl.String:
                column = self._extras[name].fill_null("")
                if column.n_unique() <= MOST_SUBSETS:
                    return column
        return None

    def _subset(self) -> np.ndarray:
        column = self.subset_column()
        if column is None or not len(column):
            return np.full(self._pairs, "", object)
        names = column.unique(maintain_order=True).to_list()  # a million texts at once would hold the interpreter
        codes = column.replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
        named, found = np.array(names, object), np.empty(len(codes), object)
        for start in range(0, len(codes), NAMED):  # between two pieces other threads go on
            found[start : start + NAMED] = named[codes[start : start + NAMED]]
        return found

    def style(self, rows: np.ndarray, own: tuple[OwnFeature, ...] = ()) -> np.ndarray:
        """(rows, features) float32 surface features of these responses, a person's own last; each is measured once."""
        parts = [self.table(None, rows)] + [self.table(feature, rows) for feature in own]
        return np.hstack(parts) if own else parts[0]

    def whole(self, feature: OwnFeature | None) -> np.ndarray | None:
        """(responses, STYLE or 1) as `table` gives it, None until all responses are measured. Without the lock, which is
        held while a block is measured: the window asks."""
        done = self._styled.get(feature)
        return self._found[f"style {feature}"] if done is not None and done.all() else None

    def table(self, feature: OwnFeature | None, rows: np.ndarray) -> np.ndarray:
        """(rows, STYLE or 1) of these responses: the features of STYLE, or one of a person's own."""
        with self._lock:
            responses = self._responses.height
            table = self.once(f"style {feature}", lambda: np.zeros((responses, 1 if feature else len(STYLE)), np.float32))
            done = self._styled.setdefault(feature, np.zeros(responses, bool))
            wanted = rows[first_seen(rows)]
            missing = wanted[~done[wanted]]
            for start in range(0, len(missing), CHUNK):
                beat()
                new = missing[start : start + CHUNK]
                texts = self._responses[new]
                prompts = self._prompts["text"].gather(texts["prompt"])
                found = (surface(prompts, texts["text"]).select(STYLE) if feature is None
                         else measure((feature,), prompts, texts["text"]))
                table[new] = found.to_numpy()
                done[new] = True
            return np.asarray(table[rows])


_MEASURES: WeakKeyDictionary[Dataset, _Measures] = WeakKeyDictionary()
_MEASURES_LOCK = threading.Lock()


def _measures(dataset: Dataset) -> _Measures:
    with _MEASURES_LOCK:
        if dataset not in _MEASURES:
            _MEASURES[dataset] = _Measures(dataset)
        return _MEASURES[dataset]


class Columns(Mapping[str, Any]):
    """The vocabulary of rmexplorer.analysis.COLUMNS over some decided pairs, each column made on first use.

    `inside` (all pairs,) bool says which these are; `mask` (all pairs, ties included) the part asked for, or None for
    all; `unscored` counts decided pairs left out for want of a reward. Columns of rewards are missing where there are
    none.
    """

    def __init__(
        self,
        dataset: Dataset,
        rewards: tuple[np.ndarray, np.ndarray] | None,
        inside: np.ndarray,
        mask: np.ndarray | None,
        unscored: int = 0,
        parent: tuple[Columns, np.ndarray] | None = None,
        own: tuple[OwnFeature, ...] = (),
    ) -> None:
        self.dataset, self.mask, self.unscored, self.own = dataset, mask, unscored, own
        self._inside, self._rewards, self._parent = inside, rewards, parent
        self._measures = _measures(dataset)
        self._found: dict[str, Any] = {}

    @cached_property
    def rows(self) -> np.ndarray:
        """(pairs,) rows of Dataset.pairs."""
        return np.flatnonzero(self._inside)

    @cached_property
    def pairs(self) -> int:
        """How many decided pairs there are; without making their rows, which for ten million takes longer than a frame."""
        return int(np.count_nonzero(self._inside))

    @property
    def characters(self) -> np.ndarray:
        """(responses,) characters of every response of the dataset, stripped."""
        return self._measures.chars

    @property
    def layout(self) -> np.ndarray:
        """(responses, LAYOUT) list items, headings and bold spans of every response of the dataset."""
        return self._measures.layout

    @property
    def has_rewards(self) -> bool:
        """Whether there are rewards."""
        return self._rewards is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in COLUMNS if self.has_rewards or name not in REWARD_COLUMNS)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            if name not in COLUMNS or (name in REWARD_COLUMNS and not self.has_rewards):
                raise KeyError(name)
            inherited = self._parent is not None and name != "style_names" and name in self._parent[0]._found
            self._found[name] = (
                self._parent[0]._found[name][self._parent[1]] if inherited and self._parent else self._make(name)
            )
        return self._found[name]

    def _make(self, name: str) -> Any:
        dataset, rows, measures = self.dataset, self.rows, self._measures
        what, _, side = name.rpartition("_")
        if name == "pair":
            return rows
        if name == "prompt":
            return dataset.prompt[rows]
        if name == "subset":
            return measures.subset[rows]
        if name == "style_names":
            return STYLE + tuple(feature.name for feature in self.own)
        if name == "margin":
            return self["reward_chosen"] - self["reward_rejected"]
        if name == "length_gap":
            return np.log1p(self["chars_chosen"]) - np.log1p(self["chars_rejected"])
        if what == "reward" and self._rewards is not None:
            first, second = self._rewards
            return np.where((dataset.winner[rows] > 0) == (side == "chosen"), first[rows], second[rows])
        if what == "response":
            return (dataset.chosen if side == "chosen" else dataset.rejected)[rows].astype(np.int64)
        response = self[f"response_{side}"]
        if what == "style":
            return measures.style(response, self.own)
        return (measures.chars if what == "chars" else measures.words)[response]

    def take(self, mask: np.ndarray) -> Columns:
        """The pairs of a boolean mask over Dataset.pairs, or over these pairs. Columns already made are only cut."""
        if len(mask) == len(self.dataset):
            inside, whole = mask[self.rows], mask if self.mask is None else mask & self.mask
        elif len(mask) == self.pairs:
            inside, whole = mask, np.zeros(len(self.dataset), bool)
            whole[self.rows[mask]] = True
        else:
            raise ValueError(f"a mask of {len(mask)} fits neither {self.pairs} nor {len(self.dataset)} pairs")
        positions = np.flatnonzero(inside)
        return Columns(self.dataset, self._rewards, self._inside & whole, whole, 0, (self, positions), self.own)

    def with_own(self, own: tuple[OwnFeature, ...]) -> Columns:
        """The same pairs, with a person's own features after the others."""
        return Columns(self.dataset, self._rewards, self._inside, self.mask, self.unscored, None, own)

    def measure(self, responses: np.ndarray, own: OwnFeature | None = None) -> None:
        """Measure STYLE, or a person's own feature, of some rows of Dataset.responses, so that columns of them are there
        at once. Raises Problem where a person's own cannot be measured."""
        self._measures.table(own, responses)

    def whole(self, own: OwnFeature | None = None) -> np.ndarray | None:
        """(responses, STYLE or 1) float32 of all responses of the dataset, None until `measure` has been given them all."""
        return self._measures.whole(own)

    def sample(self, limit: int, seed: int = 0) -> Columns:
        """At most `limit` of these pairs, drawn without replacement, in their order."""
        if self.pairs <= limit:
            return self
        if self.pairs > MOST_PAIRS:
            positions = drawn(self.pairs, limit, seed)
        else:
            positions = np.sort(np.random.default_rng(seed).choice(self.pairs, limit, replace=False))
        inside = np.zeros(self.pairs, bool)
        inside[positions] = True
        return self.take(inside)

    def fact(self, name: str) -> Any:
        """A fact of the dataset that some analyses take as a setting: ties, skipped, center, scale; None for others."""
        if name == "ties":
            there = slice(None) if self.mask is None else self.mask
            return int((self.dataset.winner[there] == TIE).sum())
        if name == "skipped":
            return dict(self.dataset.skipped.group_by("reason", maintain_order=True).len().iter_rows())
        if name in ("center", "scale") and self._rewards is not None:
            ids = np.concatenate([self.dataset.chosen, self.dataset.rejected])
            turned = self.dataset.winner < 0
            first, second = self._rewards
            reward = np.concatenate([np.where(turned, second, first), np.where(turned, first, second)])
            reward = reward[first_seen(ids)]
            reward = reward[np.isfinite(reward)]
            return (float(reward.mean()) if name == "center" else float(reward.std())) if len(reward) else None
        return None


def sources(dataset: Dataset) -> np.ndarray:
    """(pairs,) str, as objects: the source of each pair, ties included; '' where the file names none."""
    return _measures(dataset).subset


def source_names(dataset: Dataset) -> list[str]:
    """The sources of a dataset, sorted; none where the file names none."""

    def named() -> np.ndarray:
        names = pl.Series(sources(dataset), dtype=pl.String).unique().sort()
        return names.filter(names != "").to_numpy().astype(object)

    found: list[str] = _measures(dataset).once("source_names", named).tolist()
    return found


def source_counts(dataset: Dataset) -> list[tuple[str, int]]:
    """The sources of a dataset with their decided pairs, the largest first; none where the file names none."""
    return list(_measures(dataset).source_counts())


def columns(
    dataset: Dataset,
    reward_first: np.ndarray | None = None,
    reward_second: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Columns:
    """The columns of a dataset's decided pairs, ties left out, within `mask` (pairs,) of Dataset.pairs.

    reward_first, reward_second: (pairs,) rewards of the two responses of every pair; pairs where one is not finite
    are left out and counted. Without rewards the columns that need them are missing.
    """
    inside = dataset.winner != TIE
    inside = inside if mask is None else inside & mask
    rewards, unscored = None, 0
    if reward_first is not None and reward_second is not None:
        rewards = np.asarray(reward_first, float), np.asarray(reward_second, float)
        scored = np.isfinite(rewards[0]) & np.isfinite(rewards[1])
        unscored = int((inside & ~scored).sum())
        inside = inside & scored
    return Columns(dataset, rewards, inside, mask, unscored)


def run(name: str, given: Columns, **settings: Any) -> Any:
    """The result of an analysis: columns are filled in by parameter name, and facts of the dataset as settings.

    Style is measured on at most as many pairs as SAMPLES says, drawn with a seed. Without rewards, an analysis that has a default for
    their columns is run with that. Raises Problem where it needs rewards and there are none, or has no such name.
    """
    function = ANALYSES[name]
    parameters = inspect.signature(function).parameters
    unknown = set(settings) - set(parameters)
    if unknown:
        raise Problem(
            f"{name} has no setting {min(unknown)!r}",
            f"it has {', '.join(key for key in parameters if key not in COLUMNS)}",
        )
    wanted = [
        key for key, parameter in parameters.items()
        if key in COLUMNS and key not in settings
        and (given.has_rewards or key not in REWARD_COLUMNS or parameter.default is inspect.Parameter.empty)
    ]
    if not given.has_rewards and REWARD_COLUMNS & set(wanted):
        raise Problem(
            f"{name.replace('_', ' ').capitalize()} needs rewards", "train a head, or load a file with scores"
        )
    if "style_chosen" in wanted:
        settings = {"of": given.pairs, **settings}
        given = given.sample(SAMPLES.get(name, STYLE_PAIRS))
    for key in parameters:
        if key not in COLUMNS and key not in settings and (fact := given.fact(key)) is not None:
            settings[key] = fact
    return function(**{key: given[key] for key in wanted}, **settings)
