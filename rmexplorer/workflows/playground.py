"""What the Playground says of a prompt and two responses: rewards, the chance that one beats the other, and each edit in words."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import polars as pl

from rmexplorer import wording
from rmexplorer.analysis.attribution import Attribution
from rmexplorer.data.measure import word_count
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import sigmoid
from rmexplorer.workflows.attributing import score_texts
from rmexplorer.workflows.edits import Probe

NAMES = ("A", "B")
SHORT = 30
ALIKE, SLIGHT = 0.005, 0.1  # distances of P from one half


@dataclass(frozen=True)
class Drafts:
    """A prompt and the two responses to it that are being written."""

    prompt: str = ""
    responses: tuple[str, str] = ("", "")

    def with_response(self, side: int, text: str) -> Drafts:
        """The same with another response A (0) or B (1)."""
        return Drafts(self.prompt, (text, self.responses[1]) if side == 0 else (self.responses[0], text))

    @property
    def empty(self) -> bool:
        """Whether nothing is written."""
        return not (self.prompt.strip() or any(text.strip() for text in self.responses))


@dataclass(frozen=True)
class Scored:
    """Calibrated rewards of the two responses, None where one is empty; the drafts that they are of."""

    drafts: Drafts
    rewards: tuple[float | None, float | None]

    @property
    def margin(self) -> float | None:
        """Reward of A minus reward of B."""
        first, second = self.rewards
        return None if first is None or second is None else first - second

    @property
    def chance(self) -> float | None:
        """P(A beats B)."""
        return None if self.margin is None else float(sigmoid(np.array([self.margin]))[0])

    def headline(self, words: tuple[Attribution | None, Attribution | None] = (None, None)) -> str:
        """Which response wins, with its probability and margin, and what its strongest word is worth."""
        margin, chance = self.margin, self.chance
        if margin is None or chance is None:
            if self.rewards == (None, None):
                return "Type or paste a prompt and two responses: their rewards are shown as you write."
            side = 0 if self.rewards[0] is not None else 1
            there = wording.number(self.rewards[side], signed=True)
            return f"Response {NAMES[side]} gets a reward of {there}. Write response {NAMES[1 - side]} to compare them."
        if abs(chance - 0.5) < ALIKE:
            return f"A and B are rewarded alike: P = {wording.number(chance)}, a margin of {wording.number(abs(margin))}."
        best = 0 if margin > 0 else 1
        said = "beats" if abs(chance - 0.5) >= SLIGHT else "is slightly ahead of"
        first = (f"{NAMES[best]} {said} {NAMES[1 - best]} with P = {wording.number(max(chance, 1 - chance))}, "
                 f"a margin of {wording.number(abs(margin))}.")
        why = words[best]
        said = why.sentence().replace(" the reward ", " its reward ") if why is not None else ""
        return wording.headline(first, f"{said}." if said else "")


def score(checkpoint: Checkpoint, drafts: Drafts) -> Scored:
    """Rewards of what is written; an empty response has none."""
    there = [side for side in (0, 1) if drafts.responses[side].strip()]
    found = score_texts(checkpoint, [drafts.prompt] * len(there), [drafts.responses[side] for side in there])
    rewards = dict(zip(there, found.tolist(), strict=True))
    return Scored(drafts, (rewards.get(0), rewards.get(1)))


def percentile(reward: float, all_rewards: np.ndarray) -> float | None:
    """The share of rewards (responses,) below this one, ties half; None where there are none."""
    known = all_rewards[np.isfinite(all_rewards)]
    if not len(known):
        return None
    return float(np.mean(known < reward) + np.mean(known == reward) / 2)


def ordinal(share: float) -> str:
    """A share as a percentile: 83rd percentile."""
    place = min(99, max(1, round(100 * share)))
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} percentile"


def _short(words: list[str]) -> str:
    text = " ".join(words)
    return f"“{text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + '…'}”"


def describe_edit(old: str, new: str) -> str:
    """What changed from one text to the next, in words: Added “I hope this helps!”."""
    before, after = old.split(), new.split()
    if not before and after:
        return f"Wrote {wording.counted(len(after), 'word')}"
    if before and not after:
        return "Deleted everything"
    if before == after:
        return "Changed white space" if old != new else "Changed nothing"
    changes = [change for change in SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if change[0] != "equal"]
    if len(changes) > 1:
        places = f"{len(changes)} places"
        grown = len(after) - len(before)
        more = f", {wording.counted(abs(grown), 'word')} {'more' if grown > 0 else 'fewer'}" if grown else ""
        return f"Changed {places}{more}"
    kind, a, b, c, d = changes[0]
    if kind == "insert":
        return f"Added {_short(after[c:d])}"
    if kind == "delete":
        return f"Removed {_short(before[a:b])}"
    return f"Replaced {_short(before[a:b])} → {_short(after[c:d])}"


def probe_of(old: str, new: str) -> Probe | None:
    """The edit as a probe of its own, where it appended, prepended or replaced one run of words; else None."""
    before, after = old.strip(), new.strip()
    if not before or not after or before == after:
        return None
    if after.startswith(before):
        text = after[len(before):].strip()
        return _named("append", f"Append {_short(text.split())}", text)
    if after.endswith(before):
        text = after[: -len(before)].strip()
        return _named("prepend", f"Open with {_short(text.split())}", text)
    one, two = before.split(), after.split()
    changes = [change for change in SequenceMatcher(None, one, two, autojunk=False).get_opcodes() if change[0] != "equal"]
    if len(changes) != 1 or changes[0][0] == "insert":
        return None
    _, a, b, c, d = changes[0]
    words = " ".join(one[a:b]), " ".join(two[c:d])
    title = f"{_short(one[a:b])} → {_short(two[c:d])}" if words[1] else f"Without {_short(one[a:b])}"
    return Probe(_name(f"{words[0]} {words[1]}"), "replace", title=title, words=(words,), own=True)


def _named(kind: str, title: str, text: str) -> Probe:
    return Probe(_name(f"{kind} {text}"), kind, title=title, text=(text,), own=True)


def _name(text: str) -> str:
    letters = "".join(sign if sign.isalnum() else "_" for sign in text.lower())
    return "_".join(part for part in letters.split("_") if part)[:60] or "edit"


def words_of(text: str) -> str:
    """How many words a text has: 44 words."""
    return wording.counted(int(word_count(pl.Series([text]))[0]), "word").replace(wording.SPACE, " ")
