"""Why this reward? Pieces of a response, what each is worth, and the words that pay and cost over many responses."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.statistics import Clusters, Estimate, benjamini_hochberg, two_sided_p

MOST_WORDS = 200
MOST_PIECES = 200
FEWEST_RESPONSES = 5
_SIGN = r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_WORD = re.compile(rf"(?:{_SIGN}|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)\s*")
_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.!?](?=\S))+[.!?。！？]*\s*|[.!?。！？\n]+\s*")
_EDGE = re.compile(r"^[^\w]+|[^\w]+$")


@dataclass(frozen=True)
class Attribution:
    """What each piece of a response adds to its reward: the reward with it minus the reward without it.

    pieces: (text, change) in order, joined they are the text; unit: "word" or "sentence"; reward: of the whole text.
    """

    pieces: tuple[tuple[str, float], ...]
    unit: str
    reward: float

    @property
    def strongest(self) -> int:
        """The place of the piece with the largest effect, −1 where there is none."""
        return int(np.argmax([abs(weight) for _, weight in self.pieces])) if self.pieces else -1

    def sentence(self) -> str:
        """The largest effect in words: Without “Step” the reward falls by 0.71."""
        if self.strongest < 0:
            return ""
        text, weight = self.pieces[self.strongest]
        shown = " ".join(text.split())
        shown = shown if len(shown) <= 28 else shown[:27].rstrip() + "…"
        size = wording.number(abs(weight))
        if not float(size):
            return f"No {self.unit} moves the reward by 0.01"
        return f"Without “{shown}” the reward {'falls' if weight > 0 else 'rises'} by {size}"


def cut(text: str) -> tuple[list[str], str]:
    """The pieces that are left out one by one, and their unit: words up to 200 words, else sentences.

    Joined they are the text. Beyond 200 sentences, neighbours are joined.
    """
    words = _WORD.findall(text)
    if not words:
        return ([text] if text else []), "word"
    head = text[: len(text) - sum(map(len, words))]
    if len(words) <= MOST_WORDS:
        return [head + words[0], *words[1:]], "word"
    found = _SENTENCE.findall(text)
    missing = len(text) - sum(map(len, found))
    if missing:  # a sign that opens no sentence: leave nothing out of the text
        found = re.findall(r".+\n*|\n+", text)
    step = -(-len(found) // MOST_PIECES)
    return ["".join(found[start : start + step]) for start in range(0, len(found), step)], "sentence"


def left_out(pieces: Sequence[str]) -> list[str]:
    """The text without each piece in turn."""
    return ["".join([*pieces[:place], *pieces[place + 1 :]]) for place in range(len(pieces))]


def plain_word(piece: str) -> str:
    """A piece as the word that it is: small letters, no punctuation around it; '' where nothing is left."""
    return _EDGE.sub("", piece.strip().lower().replace("’", "'"))


@dataclass(frozen=True)
class WordEffect:
    """One word over many responses: mean change of the reward by all its places in a response, n responses, q-value."""

    word: str
    change: Estimate
    q: float
    responses: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class WordEffects:
    """Words that pay (highest mean change first) and that cost (lowest first), of `responses` responses."""

    pays: tuple[WordEffect, ...]
    costs: tuple[WordEffect, ...]
    responses: int
    words: int
    how: str

    def headline(self) -> str:
        """The word that pays most, with its interval."""
        clear = [effect for effect in self.pays if effect.q < 0.05]
        if not clear:
            return f"No single word clearly pays in {wording.counted(self.responses, 'response')}."
        best = clear[0]
        first = (f"“{best.word}” pays most: it raises a reward by "
                 f"{wording.with_interval(best.change)}, in {wording.counted(best.change.n, 'response')}.")
        costs = [effect for effect in self.costs if effect.q < 0.05]
        worst = f"“{costs[0].word}” costs most {wording.bracket(wording.number(costs[0].change.value, signed=True))}." \
            if costs else ""
        return wording.headline(first, worst)

    def method(self, split: str = "") -> str:
        """n, and how it is made."""
        noun = f"{split} response" if split else "response"
        return wording.method_line(wording.counted(self.responses, noun), "each word left out in turn",
                                   wording.intervals(self.how), f"q over {wording.counted(self.words, 'word')}")


def word_effects(
    word: Sequence[str], change: np.ndarray, response: np.ndarray, prompt: np.ndarray, most: int = 40
) -> WordEffects:
    """Mean effect of each word: changes of its places are summed within a response, then averaged over responses.

    word, change, response (row), prompt: (places,), an entry a word left out. A word needs five responses; intervals
    are over prompts, q-values Benjamini–Hochberg's over all such words.
    """
    sums: dict[str, dict[int, float]] = defaultdict(dict)
    owner: dict[int, int] = {}
    for name, value, row, of in zip(word, change.tolist(), response.tolist(), prompt.tolist(), strict=True):
        owner[row] = of
        if name:
            sums[name][row] = sums[name].get(row, 0.0) + value
    names = sorted(name for name, rows in sums.items() if len(rows) >= FEWEST_RESPONSES)
    found, p = [], []
    how = ""
    for name in names:
        rows = tuple(sums[name])
        values = np.array([sums[name][row] for row in rows])
        clusters = Clusters(np.array([owner[row] for row in rows]), bootstrap=False)
        estimate, how = clusters.mean(values), clusters.how
        error = float(clusters.standard_error((values - values.mean())[:, None])[0])
        z = 0.0 if not np.isfinite(error) else float(values.mean()) / max(error, 1e-9)
        found.append((name, estimate, rows))
        p.append(float(two_sided_p(z)))
    q = benjamini_hochberg(p)
    effects = [WordEffect(name, estimate, float(value), rows)
               for (name, estimate, rows), value in zip(found, q, strict=True)]
    effects.sort(key=lambda effect: (-(effect.change.low if effect.change.low is not None else -np.inf), effect.word))
    pays = tuple(effect for effect in effects if (effect.change.value or 0) > 0)[:most]
    effects.sort(key=lambda effect: (effect.change.high if effect.change.high is not None else np.inf, effect.word))
    costs = tuple(effect for effect in effects if (effect.change.value or 0) < 0)[:most]
    return WordEffects(pays, costs, len(owner), len(names), how)
