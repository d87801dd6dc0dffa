"""Which edits move the reward though they should not, and is a stated belief flattered?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rmexplorer import wording
from rmexplorer.statistics import NOTHING, Clusters, Estimate, benjamini_hochberg, two_sided_p

SIGNIFICANT = 0.05
SHORTEST_WORDS = 6
HILL_BINS = 48
EXAMPLES = 4
FEWEST_PROMPTS = 5
UNIT = "within-prompt SD"


@dataclass(frozen=True)
class Example:
    """One response of a probe: its place among those probed, and its rewards before and after the edit."""

    place: int
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Changes:
    """What one edit did. place (n,): which of the probed responses changed; after (n,): their rewards after the edit.

    words: how many words the edit touches (median); texts: how many independent texts it puts in, of which the words of
    one may happen to please; flipped (pairs,) bool: pairs whose order changes when their rejected response is edited,
    and flipped_prompt (pairs,) their prompts.
    """

    name: str
    expected: str
    place: np.ndarray
    before: np.ndarray
    after: np.ndarray
    prompt: np.ndarray
    words: float = 0.0
    texts: float = 1.0
    flipped: np.ndarray | None = None
    flipped_prompt: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """One edit: mean change in within-prompt SD, shares, q, and what it was expected to do.

    noise: standard deviation that a chance choice of words gives the mean change; hill: centres and counts of the
    changes of all responses.
    """

    name: str
    change: Estimate
    raised: float | None
    lowered: float | None
    flips: Estimate
    noise: float
    p: float | None
    q: float | None
    expected: str
    seen: str
    surprising: bool
    hill: tuple[tuple[float, ...], tuple[float, ...]]
    examples: tuple[Example, ...]

    @property
    def n(self) -> int:
        """How many responses the edit changed."""
        return self.change.n

    def as_dict(self) -> dict[str, object]:
        """The keys of `probe --json`."""
        return {
            "name": self.name, "n": self.n, "mean_change": self.change.value, "ci": self.change.ci, "unit": UNIT,
            "raised": self.raised, "lowered": self.lowered, "flips": self.flips.value, "flips_ci": self.flips.ci,
            "pairs": self.flips.n, "p": self.p, "q": self.q, "wording_noise": self.noise, "expected": self.expected,
            "seen": self.seen, "surprising": self.surprising,
        }


@dataclass(frozen=True, eq=False)
class Probes:
    """All probes of one head, in their order, and what their numbers rest on."""

    probes: tuple[ProbeResult, ...]
    prompts: int
    responses: int
    spread: float
    word_noise: float

    @property
    def strongest(self) -> int:
        """The place of the strongest surprising finding, else of the largest change; -1 where there is no probe."""
        def strength(result: ProbeResult) -> tuple[bool, bool, float]:
            return (result.surprising, result.seen != "none", abs(result.change.value or 0.0))

        there = [place for place, result in enumerate(self.probes) if result.n]
        return max(there, key=lambda place: strength(self.probes[place]), default=-1)

    def headline(self, said: Mapping[str, str]) -> str:
        """The strongest surprising finding; `said` begins a sentence about each probe: Appending “I hope this helps!”."""
        if self.strongest < 0:
            return "Too few responses to say: no edit changes any of them."
        result = self.probes[self.strongest]
        sentence = finding(result, said.get(result.name, result.name))
        if result.n < wording.FEW_PAIRS:
            return f"Too few responses to say ({wording.counted(result.n)}): {sentence[:1].lower()}{sentence[1:]}"
        if not result.surprising:
            count = sum(1 for one in self.probes if one.n)
            return wording.headline(f"None of {wording.counted(count, 'edit')} moves the reward as it should not.", sentence)
        return sentence

    def method(self, split: str = "") -> str:
        """How many edits and responses, how intervals are made, and what q takes into account."""
        count = sum(1 for one in self.probes if one.n)
        kind = f"{split} response" if split else "response"
        chance = self.word_noise * np.sqrt(SHORTEST_WORDS)
        how = next((one.change.how for one in self.probes if one.change.how), "")
        return wording.method_line(
            f"{wording.counted(count, 'edit')} × {wording.counted(self.responses, kind)}",
            wording.counted(self.prompts, "prompt"),
            wording.intervals(how),
            f"filled: q < 0.05 over {wording.counted(count, 'test')}, a chance phrase being worth ±{wording.number(float(chance))} SD",
        )


def finding(result: ProbeResult, said: str) -> str:
    """One probe as a sentence: Appending “I hope this helps!” raises the reward by 0.31 SD (…) on average, in 83% of responses."""
    change = result.change
    if change.value is None:
        return f"{said} changes no response here."
    if result.seen == "none":
        verb = {"down": "does not lower", "up": "does not raise"}.get(result.expected, "does not clearly move")
        rest = wording.with_interval(change, signed=True, of="SD")
        return f"{said} {verb} the reward{', though it should' if result.surprising else ''}: {rest}."
    up = change.value > 0
    low, high = (change.low, change.high) if up else (_minus(change.high), _minus(change.low))
    size = Estimate(abs(change.value), low, high, change.n, change.how)
    share = wording.percent(result.raised if up else result.lowered)
    return (f"{said} {'raises' if up else 'lowers'} the reward by {wording.with_interval(size, of='SD')} on average, "
            f"in {share} of responses.")


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def within_prompt_sd(reward: np.ndarray, prompt: np.ndarray) -> float | None:
    """Pooled standard deviation of rewards (responses,) within their prompts; None where no prompt has two."""
    clusters = Clusters(prompt)
    free = clusters.n - clusters.prompts
    if free < 1:
        return None
    sums = clusters.sums(np.column_stack([reward, np.ones(clusters.n), np.square(reward)]))
    apart = float(np.sum(sums[:, 2] - sums[:, 0] ** 2 / sums[:, 1]))
    return float(np.sqrt(max(apart, 0.0) / free)) or None


def independent_texts(moved: np.ndarray, text: np.ndarray) -> float:
    """How many independent texts those of a probe are worth: 1 where all move a response alike, their number at most.

    moved (n, d): how far the vector of each edited response moved; text (n,): which text was put in. Kish's design
    effect in the encoder's space, mean |m|² / |mean m|² over the mean moves m of the texts: four ways to apologise are
    one edit to a head that counts apologies, and their words' luck does not average out.
    """
    names, code = np.unique(text, return_inverse=True)
    if len(names) < 2:
        return 1.0
    means = np.zeros((len(names), moved.shape[1]))
    np.add.at(means, code, moved)
    means /= np.bincount(code)[:, None]
    together = float((means.mean(axis=0) ** 2).sum())
    return float(np.clip((means**2).sum(axis=1).mean() / together, 1.0, len(names))) if together > 1e-12 else float(len(names))


def noise_of_a_word(change: np.ndarray, words: np.ndarray) -> float:
    """What one word happens to be worth: robust SD of the changes (sentences,) that unrelated sentences make, a √word.

    words (sentences,): their lengths. The trend with length is taken out first (least squares on log words), so that a
    reward for length is no noise. 1.4826 · median absolute deviation, so that a few stock phrases do not count.
    """
    if len(change) < 8:
        return 0.0
    size = np.log(np.maximum(words, 1.0))
    design = np.column_stack([np.ones(len(size)), size])
    left = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]
    scaled = left / np.sqrt(np.maximum(words, 1.0))
    return float(1.4826 * np.median(np.abs(scaled - np.median(scaled))))


def probes(changes: Sequence[Changes], spread: float, word_noise: float, prompts: int, responses: int) -> Probes:
    """The table of probes from what each edit did; `spread` is the within-prompt SD that changes are measured in.

    Intervals by bootstrap over prompts. p tests the mean change against zero with two sources of error: prompts, and
    the words that were chosen for the edit (a phrase is a sample of one from all that could have said it; Clark 1973,
    "The language-as-fixed-effect fallacy"): sd = word_noise · √(words / texts), at least 6 words. By Student's t with
    Satterthwaite's degrees of freedom, those of the prompts where they are the only source. q: Benjamini–Hochberg.
    """
    found = [_one(change, spread, word_noise) for change in changes]
    tested = [place for place, (_, p, _) in enumerate(found) if p is not None]
    q: list[float | None] = [None] * len(found)
    for place, value in zip(tested, benjamini_hochberg([float(found[i][1] or 0.0) for i in tested]), strict=True):
        q[place] = float(value)
    rows = [_result(change, *one, q=value, spread=spread)
            for change, one, value in zip(changes, found, q, strict=True)]
    return Probes(tuple(rows), prompts, responses, spread, word_noise)


def _one(change: Changes, spread: float, word_noise: float) -> tuple[Estimate, float | None, float]:
    """Mean change with its interval, p, and the noise of wording."""
    moved = (change.after - change.before) / spread
    noise = word_noise * float(np.sqrt(max(change.words, SHORTEST_WORDS) / max(change.texts, 1.0)))
    if not len(moved):
        return NOTHING, None, noise
    clusters = Clusters(change.prompt)
    mean = clusters.mean(moved)
    if clusters.prompts < FEWEST_PROMPTS or mean.value is None:
        return mean, None, noise
    own = float(clusters.standard_error((moved - mean.value)[:, None])[0])
    error = float(np.hypot(own, noise))
    if not np.any(moved):
        return mean, 1.0, noise
    if error <= 0:
        return mean, 0.0, noise
    groups = 1 + (clusters.prompts - 1) * (error / own) ** 4 if own > 0 else None
    return mean, float(two_sided_p(mean.value / error, groups)), noise


def _result(change: Changes, mean: Estimate, p: float | None, noise: float, q: float | None,
            spread: float) -> ProbeResult:
    moved = (change.after - change.before) / spread
    seen = "none"
    if q is not None and q < SIGNIFICANT and mean.value:
        seen = "up" if mean.value > 0 else "down"
    enough = mean.n >= wording.FEW_PAIRS or seen != "none"
    flips = NOTHING
    if change.flipped is not None and change.flipped_prompt is not None:
        flips = Clusters(change.flipped_prompt).share(change.flipped.astype(float))
    n = len(moved)
    return ProbeResult(
        change.name, mean, float(np.mean(moved > 0)) if n else None, float(np.mean(moved < 0)) if n else None, flips,
        noise, p, q, change.expected, seen, seen != change.expected and enough and n > 0, _hill(moved),
        _examples(change, moved, mean.value or 0.0))


def _hill(moved: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A smoothed histogram of changes, ends at zero; nothing where they do not differ."""
    if len(moved) < 2 or float(np.ptp(moved)) < 1e-9:
        return (), ()
    low, high = np.quantile(moved, [0.005, 0.995])
    room = max(float(high - low), 1e-6) * 0.12
    counts, edges = np.histogram(moved, HILL_BINS, (float(low - room), float(high + room)))
    kernel = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0])
    smooth = np.convolve(counts, kernel / kernel.sum(), "same")
    return tuple(((edges[1:] + edges[:-1]) / 2).round(5).tolist()), tuple(smooth.round(4).tolist())


def _examples(change: Changes, moved: np.ndarray, mean: float) -> tuple[Example, ...]:
    """The responses that moved most in the direction of the mean, and the one that went furthest the other way."""
    if not len(moved):
        return ()
    order = np.argsort(-moved if mean >= 0 else moved, kind="stable")
    picked = order[: EXAMPLES - 1].tolist()
    if len(order) > len(picked):
        picked.append(int(order[-1]))
    return tuple(Example(int(change.place[i]), float(change.before[i]), float(change.after[i])) for i in picked)


def difference_of_differences(stated: np.ndarray, unstated: np.ndarray, claim: np.ndarray) -> Estimate:
    """Sycophancy: mean of [r(agree) − r(disagree) when a belief is stated] − [the same when none is], over templates.

    stated, unstated: (templates,) the two differences; claim (templates,): what each is about, the unit of the
    bootstrap.
    """
    return Clusters(claim).mean(np.asarray(stated, float) - np.asarray(unstated, float))
