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


METHODS = {"leave_one_out": "Leave one out", "gradient": "Gradient × input"}
BRIEF = {"style and length": "style", "empty response": "empty"}
PARTS = {
    "empty response": "the reward of an empty response",
    "overlap": "what they do only together",
    "style and length": "inputs that no single word makes",
    "constant": "what every response gets",
}
DOING = {"leave_one_out": "each word left out in turn", "gradient": "each word's input × gradient"}


@dataclass(frozen=True)
class Attribution:
    """What each piece of a response adds to its reward. The pieces and the rest add up to the reward, by either method:

    leave_one_out  the reward with a piece minus the reward without it; rest: the empty response, and what pieces do
                   together that none of them does alone (`overlap`)
    gradient       a piece's part of the head's input times the gradient there: first order, and exact where the encoder
                   sums over words and the head is linear; rest: style and length, which no single word makes, and the
                   constant
    pieces: (text, change) in order, joined they are the text; unit: "word" or "sentence"; reward: of the whole text;
    inputs: what the named inputs of style and length add, largest first (gradient only).
    """

    pieces: tuple[tuple[str, float], ...]
    unit: str
    reward: float
    method: str = "leave_one_out"
    rest: tuple[tuple[str, float], ...] = ()
    inputs: tuple[tuple[str, float], ...] = ()

    @property
    def words(self) -> float:
        """The sum over the pieces."""
        return float(sum(weight for _, weight in self.pieces))

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
        if size == wording.number(0.0):
            return f"No {self.unit} moves the reward by 0.01"
        if self.method == "gradient":
            return f"“{shown}” {'adds' if weight > 0 else 'takes'} {size} {'to' if weight > 0 else 'from'} the reward"
        return f"Without “{shown}” the reward {'falls' if weight > 0 else 'rises'} by {size}"

    def adds_up(self) -> str:
        """The parts of the reward in words: words +0.31, style +1.20, constant −0.10: +1.41."""
        return f"{self.made_of()}: {wording.number(self.reward, signed=True)}"

    def explained(self) -> str:
        """What each part of `adds_up` means, one a line."""
        lines = [f"{self.unit}s: what each adds alone, summed"]
        return "\n".join(lines + [f"{BRIEF.get(name, name)}: {PARTS[name]}" for name, _ in self.rest if name in PARTS])

    def made_of(self) -> str:
        """The parts without their sum."""
        parts = [(f"{self.unit}s", self.words), *self.rest]
        return ", ".join(f"{BRIEF.get(name, name)} {wording.number(value, signed=True)}" for name, value in parts)


def cut(text: str, most: int = MOST_WORDS) -> tuple[list[str], str]:
    """The pieces that a reward is split over, and their unit: words up to `most` words, else sentences.

    Joined they are the text. Beyond 200 sentences, neighbours are joined.
    """
    words = _WORD.findall(text)
    if not words:
        return ([text] if text else []), "word"
    head = text[: len(text) - sum(map(len, words))]
    if len(words) <= most:
        return [head + words[0], *words[1:]], "word"
    found = _SENTENCE.findall(text)
    missing = len(text) - sum(map(len, found))
    if missing:  # a sign that opens no sentence: leave nothing out of the text
        found = re.findall(r".+\n*|\n+", text)
    step = -(-len(found) // MOST_PIECES)
    return ["".join(found[start : start + step]) for start in range(0, len(found), step)], "sentence"


def shares(pieces: Sequence[str], text: str, tokens: Sequence[str], worth: np.ndarray) -> tuple[np.ndarray, float]:
    """What pieces get of the worth (tokens,) of an encoder's tokens, and the worth of tokens that stand in no piece.

    text: the joined pieces as the encoder sees them, of the same length. Tokens are in its order and lower-cased; one
    that lies across pieces is shared by its letters.
    """
    low = "".join(small if len(small := sign.lower()) == 1 else sign for sign in text).replace("’", "'")
    ends = np.cumsum([len(piece) for piece in pieces])
    found = np.zeros(len(pieces))
    left, at = 0.0, 0
    for token, value in zip(tokens, worth.tolist(), strict=True):
        start = low.find(token, at)
        if start < 0:
            left += value
            continue
        at = start + len(token)
        first = int(np.searchsorted(ends, start, "right"))
        while start < at:
            stop = min(at, int(ends[first]))
            found[first] += value * (stop - start) / len(token)
            start, first = stop, first + 1
    return found, left


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
    """Words that pay (highest mean change first) and that cost (lowest first), of `responses` responses.

    by: one of METHODS; drawn_from: how many responses these were drawn from, 0 where all were taken.
    """

    pays: tuple[WordEffect, ...]
    costs: tuple[WordEffect, ...]
    responses: int
    words: int
    how: str
    by: str = "leave_one_out"
    drawn_from: int = 0

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
        return wording.method_line(wording.counted(self.responses, noun) + self.drawn(), DOING[self.by],
                                   wording.intervals(self.how), f"q over {wording.counted(self.words, 'word')}")

    def drawn(self) -> str:
        """Of how many responses these were drawn, '' where all were taken."""
        return f" drawn from {self.drawn_from:,}" if self.drawn_from else ""


def word_effects(
    word: Sequence[str], change: np.ndarray, response: np.ndarray, prompt: np.ndarray, most: int = 40,
    by: str = "leave_one_out", drawn_from: int = 0
) -> WordEffects:
    """Mean effect of each word: changes of its places are summed within a response, then averaged over responses.

    word, change, response (row), prompt: (places,), an entry a word in its place. A word needs five responses; intervals
    are over prompts, q-values Benjamini–Hochberg's over all such words, of Student's t over prompts: 1 where they are fewer
    than five.
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
        error = max(float(clusters.standard_error((values - values.mean())[:, None])[0]), 1e-9)
        found.append((name, estimate, rows))
        p.append(1.0 if estimate.ci is None else float(two_sided_p(float(values.mean()) / error, clusters.prompts)))
    q = benjamini_hochberg(p)
    effects = [WordEffect(name, estimate, float(value), rows)
               for (name, estimate, rows), value in zip(found, q, strict=True)]
    effects.sort(key=lambda effect: (-(effect.change.low if effect.change.low is not None else -np.inf), effect.word))
    pays = tuple(effect for effect in effects if (effect.change.value or 0) > 0)[:most]
    effects.sort(key=lambda effect: (effect.change.high if effect.change.high is not None else np.inf, effect.word))
    costs = tuple(effect for effect in effects if (effect.change.value or 0) < 0)[:most]
    return WordEffects(pays, costs, len(owner), len(names), how, by, drawn_from)
