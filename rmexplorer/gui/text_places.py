"""What the Map draws: texts at their places, their colours, the pairs behind them. Made in the thread of figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer.analysis.projection import MapFinding, TextMap
from rmexplorer.app.state import State
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.glance import last_turn
from rmexplorer.gui.card_painter import ListedCard, ListedLine
from rmexplorer.wording import counted, method_line, number
from rmexplorer.workflows.columns import Columns

NAMED = 5  # categories with a colour of their own; the rest is drawn alike
LISTED = 2_000
TIP = 90


@dataclass(frozen=True, eq=False)
class Colours:
    """How texts are coloured: kind (n,) of `names`, or value (n,) within `limits` where names are empty."""

    by: str
    kind: np.ndarray
    names: tuple[str, ...]
    value: np.ndarray
    limits: tuple[float, float]
    missing: str = ""


@dataclass(frozen=True, eq=False)
class Places:
    """A map with what passes the filter. at: (all texts,) place on the map or −1; pairs: (pairs,) bool behind it."""

    map: TextMap
    dataset: Dataset
    finding: MapFinding
    at: np.ndarray
    pairs: np.ndarray
    first: np.ndarray
    count: np.ndarray
    reward: np.ndarray
    words: np.ndarray
    source: np.ndarray
    colours: Colours

    @classmethod
    def of(cls, found: TextMap, state: State, by: str) -> Places:
        """Everything the pane needs of the pairs that a state shows."""
        dataset, columns, shown = state.dataset, state.columns, state.shown
        assert dataset is not None and columns is not None and shown is not None
        size = dataset.prompts.height if found.noun == "prompt" else dataset.responses.height
        at = np.full(size, -1, np.int64)
        at[found.rows] = np.arange(len(found))
        sides = _sides(found.noun, dataset)
        pairs = np.zeros(len(dataset), bool)
        first, count = np.full(len(found), -1, np.int64), np.zeros(len(found), np.int64)
        rows = np.flatnonzero(shown)[::-1]
        for side in reversed(sides):
            place = at[side[rows]]
            known = place >= 0
            pairs[rows[known]] = True
            first[place[known]] = rows[known]  # the last one written is the first pair
            count += np.bincount(place[known], minlength=len(found))
        table = dataset.prompts if found.noun == "prompt" else dataset.responses
        words = table["text"].gather(found.rows).fill_null("").str.count_matches(r"\S+").to_numpy().astype(np.float64)
        source = np.full(len(dataset), "", object)
        source[columns.rows] = columns["subset"]
        named = np.where(first >= 0, source[np.maximum(first, 0)], "") if len(first) else np.zeros(0, object)
        reward = _rewards(found, state, at)
        return cls(found, dataset, found.seen(first >= 0), at, pairs, first, count, reward, words, named,
                   _colours(by, found, first >= 0, named, reward, words))

    @property
    def shown(self) -> np.ndarray:
        """(n,) bool: texts with a pair that is shown."""
        return self.first >= 0

    def texts_of(self, mask: np.ndarray) -> np.ndarray:
        """(n,) bool: texts of the pairs of a mask (pairs,)."""
        hit = np.zeros(len(self.map) + 1, bool)
        rows = np.flatnonzero(mask & self.pairs)
        for side in _sides(self.map.noun, self.dataset):
            hit[self.at[side[rows]]] = True
        return hit[:-1]

    def pairs_of(self, hit: np.ndarray) -> np.ndarray:
        """(pairs,) bool: shown pairs with a text of a mask (n,)."""
        known = np.append(hit, False)  # place −1 is the last
        result = np.zeros(len(self.pairs), bool)
        for side in _sides(self.map.noun, self.dataset):
            result |= known[self.at[side]]
        return np.asarray(result & self.pairs)

    def text(self, place: int) -> str:
        """The text at a place, without the turns before its last."""
        table = self.dataset.prompts if self.map.noun == "prompt" else self.dataset.responses
        text = str(table["text"][int(self.map.rows[place])] or "")
        return last_turn(text) if self.map.noun == "prompt" else text

    def group_name(self, group: int) -> str:
        """Words of a group, or its number."""
        return " · ".join(self.map.words[group]) or f"group {group + 1}"

    def centres(self) -> list[tuple[int, float, float]]:
        """(group, x, y): medians of the texts shown, of groups with a hundredth of them, the largest first."""
        shown, result = self.shown, []
        if len(self.map.words) < 2:
            return []
        for group in np.argsort(-self.finding.counts, kind="stable").tolist():
            if self.finding.counts[group] >= max(2, 0.01 * self.finding.n):
                inside = self.map.xy[shown & (self.map.group == group)]
                result.append((group, float(np.median(inside[:, 0])), float(np.median(inside[:, 1]))))
        return result

    def tips(self, places: np.ndarray) -> list[str]:
        """Lines of the tooltip: the text, and what is known of it."""
        first = int(places[0])
        text = " ".join(self.text(first)[:600].split())
        lines = [text[start:start + TIP // 2] for start in range(0, min(len(text), 3 * TIP // 2), TIP // 2)]
        if len(text) > 3 * TIP // 2:
            lines[-1] += "…"
        reward = self.reward[places]
        reward = reward[np.isfinite(reward)]
        known = f"reward {number(float(reward.mean()), signed=True)}" if reward.size else ""
        if len(places) > 1:
            return [method_line(counted(len(places), self.map.noun), f"mean {known}" if known else ""), *lines]
        group = self.group_name(int(self.map.group[first])) if len(self.map.words) > 1 else ""
        return [*lines, method_line(str(self.source[first]), counted(int(self.words[first]), "word"), known), *([group] if group else [])]

    def cards(self, hit: np.ndarray | None) -> list[ListedCard]:
        """Cards of the texts of a mask, or of all: groups from the largest, in them from the middle outwards."""
        places = np.flatnonzero(self.shown if hit is None else hit & self.shown)
        far = np.zeros(len(self.map))
        for group, x, y in self.centres():
            inside = self.map.group == group
            far[inside] = np.hypot(self.map.xy[inside, 0] - x, self.map.xy[inside, 1] - y)
        places = places[np.lexsort((far[places], self.map.group[places]))][:LISTED]
        known = self.reward[np.isfinite(self.reward)]
        scored = known.size > 0
        middle = float(known.mean()) if scored else 0.0
        wide = max(float(np.abs((known if scored else self.words) - middle).max(initial=0.0)), 1e-9)
        cards = []
        for place in places.tolist():
            text, value = self.text(place)[:2_000], float((self.reward if scored else self.words)[place])
            named = self.group_name(int(self.map.group[place])) if len(self.map.words) > 1 else ""
            told = number(value, signed=True) if scored and np.isfinite(value) else "" if scored else f"{value:,.0f}"
            cards.append(ListedCard(
                int(self.first[place]), told, (value - middle) / wide if np.isfinite(value) else 0.0, "reward" if scored else "words",
                "", (ListedLine(text or "(empty)", lines=2),),
                method_line(str(self.source[place]), counted(int(self.count[place]), "pair"), named), text[:400],
            ))
        return cards

    def table(self) -> dict[str, np.ndarray]:
        """What CSV export gives: a row a text shown."""
        shown = np.flatnonzero(self.shown)
        return {self.map.noun: self.map.rows[shown] + 1, "x": self.map.xy[shown, 0], "y": self.map.xy[shown, 1],
                "group": np.array([self.group_name(int(group)) for group in self.map.group[shown]], object),
                "words": self.words[shown], "reward": self.reward[shown], "pair": self.first[shown] + 1}


def _sides(noun: str, dataset: Dataset) -> tuple[np.ndarray, ...]:
    return (dataset.prompt,) if noun == "prompt" else (dataset.chosen, dataset.rejected)


def _rewards(found: TextMap, state: State, at: np.ndarray) -> np.ndarray:
    """(n,) mean reward of a text, of a prompt over both responses of its pairs; NaN where there is none."""
    dataset, rewards = state.dataset, state.rewards
    total, known = np.zeros(len(found)), np.zeros(len(found))
    if dataset is None or rewards is None:
        return np.full(len(found), np.nan)
    for side, values in (("first", rewards.first), ("second", rewards.second)):
        text = dataset.prompt if found.noun == "prompt" else dataset.pairs[side].to_numpy()
        place = at[text]
        there = (place >= 0) & np.isfinite(values)
        total += np.bincount(place[there], weights=values[there], minlength=len(found))
        known += np.bincount(place[there], minlength=len(found))
    return np.asarray(np.divide(total, known, out=np.full(len(found), np.nan), where=known > 0))


def _colours(by: str, found: TextMap, shown: np.ndarray, source: np.ndarray, reward: np.ndarray, words: np.ndarray) -> Colours:
    nothing = np.zeros(len(found))
    if by == "source":
        names, place = np.unique(source.astype(str), return_inverse=True)
        order = np.argsort(-np.bincount(place[shown], minlength=len(names)), kind="stable")
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        told = [str(names[one]) or "no source" for one in order[:NAMED]]
        told += [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        return Colours(by, np.minimum(rank[place], NAMED), tuple(told), nothing, (0.0, 1.0))
    if by in ("reward", "length"):
        value = reward if by == "reward" else np.log2(np.maximum(words, 1))
        known = value[shown & np.isfinite(value)]
        low, high = np.quantile(known, (0.05, 0.95)) if known.size else (0.0, 1.0)
        return Colours(by, np.zeros(len(found), np.int64), (), value, (float(low), max(float(high), float(low) + 1e-6)))
    told = [" · ".join(group[:2]) or f"group {place + 1}" for place, group in enumerate(found.words[:NAMED])]
    told += [f"{len(found.words) - NAMED} smaller"] if len(found.words) > NAMED else []
    return Colours(by, np.minimum(found.group, NAMED), tuple(told), nothing, (0.0, 1.0))


def sources(columns: Columns) -> int:
    """How many sources the file names."""
    return len(set(columns["subset"].tolist()) - {""})
