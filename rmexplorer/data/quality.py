"""What is wrong with preference data: each finding says how much in one sentence and selects its pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from rmexplorer.data.dataset import FIRST, SECOND, TIE, Dataset
from rmexplorer.data.near import near_groups
from rmexplorer.data.scripts import NONE, OTHER, scripts
from rmexplorer.job import Job, Progress
from rmexplorer.statistics import Estimate, proportion

SOURCES = (
    "split",
    "subset",
    "source",
    "dataset",
    "category",
    "domain",
    "task",
    "section",
    "sheet",
    "table",
    "language",
)
MOST_SOURCES = 40
LIMIT = 2_000
LONG_WORDS = 4_000
QUICK = 20_000
NEAR_MOST = 200_000
LEFTOVERS = (
    r"<\|[a-z_]{2,20}\|>|</?s>|\[/?INST\]|<</?SYS>>|<extra_id_\d+>|<(?:start|end)_of_turn>|\[(?:BOS|EOS|PAD|UNK)\]"
    r"|(?m:^###? ?(?:Instruction|Response|Human|Assistant|Input)s?:)|\n\n(?:Human|Assistant|User): ?|\{\{ ?\w+ ?\}\}"
    r"|\{(?:prompt|input|instruction|response|question)\}"
)
_REGEX = "(?s)" + LEFTOVERS


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing to know of a dataset.

    kind: what was looked for; title: a sentence with number and interval; mask: (pairs,) bool, the pairs that it is
    about and that can be left out; share: of how many pairs, with its interval; looked_at: pairs that were looked at
    (all of them, unless the look was a quick one).
    """

    kind: str
    title: str
    mask: np.ndarray
    share: Estimate
    looked_at: int

    @property
    def count(self) -> int:
        """The number of pairs that it is about."""
        return int(self.mask.sum())


class Looked:
    """A dataset with what several checks need: measured once, and the rows that a quick look takes."""

    def __init__(self, dataset: Dataset, quick: bool = False) -> None:
        self.dataset = dataset
        count = len(dataset)
        self.rows = np.arange(count)
        if quick and count > QUICK:
            # drawn, not evenly spaced: what stands in every second row of a file would be seen in all or in none
            self.rows = np.sort(np.random.default_rng(0).choice(count, QUICK, replace=False))
        self.first = dataset.pairs["first"].to_numpy()
        self.second = dataset.pairs["second"].to_numpy()

    @cached_property
    def measured(self) -> tuple[np.ndarray, np.ndarray]:
        """(responses,) characters and words."""
        return self.dataset.lengths

    def texts(self, side: np.ndarray) -> pl.Series:
        """The texts of one side (rows of `responses`) of the pairs that are looked at."""
        return self.dataset.responses["text"].gather(side[self.rows])

    def finding(self, kind: str, within: np.ndarray, sentence: str) -> Finding | None:
        """A finding from a mask over the looked-at pairs, or over all; None where it selects none.

        sentence: with {pairs} or {prompts}, {share} and the verb ({have}, {are}, {repeat}) to be filled in.
        """
        whole = np.zeros(len(self.dataset), dtype=bool)
        everywhere = len(within) == len(self.dataset)
        if everywhere:
            whole[:] = within
        else:
            whole[self.rows] = within
        count = int(within.sum())
        if not count:
            return None
        share = proportion(float(count), len(within))
        one = count == 1
        title = sentence.format(
            pairs="1 comparison" if one else f"{count:,} comparisons",
            prompts="the prompt of 1 comparison" if one else f"the prompts of {count:,} comparisons",
            share=_percent(share),
            have="has" if one else "have",
            are="is" if one else "are",
            repeat="repeats" if one else "repeat",
        )
        if not everywhere:
            title += f" (of {len(within):,} looked at)"
        return Finding(kind, title, whole, share, len(within))


def _percent(share: Estimate) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "none"
    return f"{share.value:.1%}, 95 % interval {share.low:.1%} to {share.high:.1%}"


def duplicates(looked: Looked) -> list[Finding | None]:
    """Comparisons of the same two responses to the same prompt: repeated ones, and those with another label."""
    if not len(looked.dataset):
        return []
    low, high = np.minimum(looked.first, looked.second), np.maximum(looked.first, looked.second)
    key = low.astype(np.int64) << 32 | high.astype(np.int64)
    _, start, group, sizes = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    if int(sizes.max()) == 1:
        return []
    winner = np.where(looked.first == low, looked.dataset.winner, -looked.dataset.winner)
    seen = [np.bincount(group[winner == choice], minlength=len(sizes)) > 0 for choice in (FIRST, TIE, SECOND)]
    differs = (np.add.reduce(seen) > 1)[group]
    repeated = np.ones(len(group), dtype=bool)
    repeated[start] = False
    return [
        looked.finding(
            "conflicts", differs, "{pairs} ({share}) {are} of the same two responses with another label"
        ),
        looked.finding("duplicates", repeated & ~differs, "{pairs} ({share}) {repeat} an earlier one"),
    ]


def empty_and_long(looked: Looked) -> list[Finding | None]:
    """Pairs with an empty response, and pairs with a very long one."""
    chars, words = looked.measured
    empty = (chars[looked.first] == 0) | (chars[looked.second] == 0)
    long = (words[looked.first] > LONG_WORDS) | (words[looked.second] > LONG_WORDS)
    return [
        looked.finding("empty", empty, "{pairs} ({share}) {have} an empty response"),
        looked.finding("long", long, f"{{pairs}} ({{share}}) {{have}} a response of over {LONG_WORDS:,} words"),
    ]


def unlearnable(looked: Looked, limit: int = LIMIT) -> list[Finding | None]:
    """Pairs whose responses are equal in their first `limit` characters: an encoder that reads no further sees none."""
    chars, _ = looked.measured
    rows = np.flatnonzero((chars[looked.first] >= limit) & (chars[looked.second] >= limit))
    mask = np.zeros(len(looked.dataset), dtype=bool)
    if len(rows):
        texts = looked.dataset.responses["text"]
        starts = [texts.gather(side[rows]).str.slice(0, limit) for side in (looked.first, looked.second)]
        mask[rows] = (starts[0] == starts[1]).to_numpy()
    sentence = f"{{pairs}} ({{share}}) {{are}} of responses equal in their first {limit:,} characters"
    return [looked.finding("truncation", mask, sentence)]


def position(looked: Looked) -> list[Finding | None]:
    """Whether the response that stands first wins more or less often than the other.

    Nothing where the file names the winner by column: then the first always wins.
    """
    winner = looked.dataset.winner
    decided = winner != TIE
    won = winner == FIRST
    if not decided.any() or won[decided].all() or not won.any():
        return []
    share = proportion(float(won.sum()), int(decided.sum()))
    if not share.excludes(0.5):
        return []
    sentence = f"the first response wins {_percent(share)} of {share.n:,} comparisons with a winner, not half of them"
    return [Finding("position", sentence, won if (share.value or 0) > 0.5 else winner == SECOND, share, share.n)]


def source_columns(dataset: Dataset) -> list[str]:
    """The columns that say where a pair is from: a few values, under a usual name."""
    return [
        name
        for name in SOURCES
        if name in dataset.extras.columns
        and dataset.extras[name].dtype == pl.String
        and 2 <= dataset.extras[name].n_unique() <= MOST_SOURCES
    ]


def _codes(values: pl.Series) -> tuple[np.ndarray, list[str]]:
    names = values.drop_nulls().unique(maintain_order=True).to_list()
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(value, -1) for value in values.to_list()], dtype=np.int64), names


def balance(looked: Looked) -> list[Finding | None]:
    """Sources in which the first response wins, or ties stand, more or less often than in the rest.

    By intervals that hold for all sources together (Bonferroni on a two-sided normal test).
    """
    winner = looked.dataset.winner
    kinds = [("ties", winner == TIE, np.ones(len(winner), dtype=bool))]
    if (winner == FIRST).any() and (winner == SECOND).any():
        kinds.append(("wins of the first response", winner == FIRST, winner != TIE))
    found: list[Finding | None] = []
    for column in source_columns(looked.dataset)[:3]:
        codes, names = _codes(looked.dataset.extras[column])
        for what, hits, counted in kinds:
            odd = _odd_source(codes, len(names), hits, counted)
            if odd is None:
                continue
            mine, rest, place = odd
            sentence = f"{what}: {_percent(mine)} in {column} {names[place]}, {rest.value:.1%} in the rest ({rest.n:,} comparisons)"
            found.append(Finding("balance", sentence, (codes == place) & hits, mine, mine.n))
    return found


def _odd_source(
    codes: np.ndarray, count: int, hits: np.ndarray, counted: np.ndarray
) -> tuple[Estimate, Estimate, int] | None:
    """The source that differs most from the rest in its share of hits, where that is no chance."""
    total, all_hits = int(counted.sum()), int((hits & counted).sum())
    best: tuple[float, tuple[Estimate, Estimate, int]] | None = None
    bound = 2.0 + np.sqrt(2 * np.log(max(1, count)))
    for place in range(count):
        here = counted & (codes == place)
        n, k = int(here.sum()), int((hits & here).sum())
        if n < 30 or total - n < 30:
            continue
        pooled = all_hits / total
        spread = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / (total - n)))
        distance = abs(k / n - (all_hits - k) / (total - n)) / spread
        if distance > bound and (best is None or distance > best[0]):
            best = distance, (proportion(float(k), n), proportion(float(all_hits - k), total - n), place)
    return None if best is None else best[1]


def writing(looked: Looked) -> list[Finding | None]:
    """Prompts in another script than most, and responses in another script than their prompt."""
    prompts = looked.dataset.prompts["text"].gather(looked.dataset.prompt[looked.rows])
    distinct, inverse = np.unique(looked.dataset.prompt[looked.rows], return_inverse=True)
    of_prompt = scripts(looked.dataset.prompts["text"].gather(distinct)).gather(inverse)
    if not len(prompts):
        return []
    counts = of_prompt.filter(~of_prompt.is_in([NONE])).value_counts(sort=True)
    found: list[Finding | None] = []
    if counts.height > 1:
        main = counts["script"][0]
        mix = ", ".join(f"{name} {count / counts['count'].sum():.1%}" for name, count in counts.head(5).rows())
        odd = ((of_prompt != main) & (of_prompt != NONE)).to_numpy()
        found.append(
            looked.finding("scripts", odd, f"{{prompts}} ({{share}}) {{are}} not in {main} script as most are: {mix}")
        )
    mixed = np.zeros(len(looked.rows), dtype=bool)
    for side in (looked.first, looked.second):
        script = scripts(looked.texts(side))
        told = ~script.is_in([NONE, OTHER]) & ~of_prompt.is_in([NONE, OTHER])
        mixed |= ((script != of_prompt) & told).to_numpy()
    sentence = "{pairs} ({share}) {have} a response in another script than their prompt"
    found.append(looked.finding("response_script", mixed, sentence))
    return found


def leftovers(looked: Looked) -> list[Finding | None]:
    """Responses with what a template or tokenizer left behind: role tags, special tokens, placeholders."""
    won = looked.dataset.winner[looked.rows]
    sides = [looked.texts(side).str.contains(_REGEX).to_numpy() for side in (looked.first, looked.second)]
    good = np.where(won == SECOND, sides[1], sides[0]) & (won != TIE)
    bad = np.where(won == SECOND, sides[0], sides[1]) & (won != TIE)
    one_sided = (
        f"in {int((good & ~bad).sum()):,} only the chosen one, in {int((bad & ~good).sum()):,} only the rejected one"
    )
    sentence = f"{{pairs}} ({{share}}) {{have}} role tags, special tokens or placeholders left in a response: {one_sided}"
    return [looked.finding("leftovers", sides[0] | sides[1], sentence)]


def _normal(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.strip_chars().str.replace_all(r"\s+", " ")


def shared_prompts(looked: Looked, near: bool = False, threshold: float = 0.8) -> list[Finding | None]:
    """Prompts that stand in several splits, or several sources, exactly (but for case and blanks) or nearly."""
    found: list[Finding | None] = []
    dataset = looked.dataset
    columns = source_columns(dataset)[:3]
    if not columns:
        return []
    texts = _normal(dataset.prompts["text"])
    if near and dataset.prompts.height <= NEAR_MOST:
        groups = near_groups(texts.to_list(), threshold)
    elif near:
        return []
    else:
        groups = texts.rank("dense").to_numpy().astype(np.int64)
    exact = texts.rank("dense").to_numpy().astype(np.int64)
    for column in columns:
        codes, _ = _codes(dataset.extras[column])
        shared = _in_several(groups[dataset.prompt], codes)
        if near:
            shared &= ~_in_several(exact[dataset.prompt], codes)
        how = "nearly the same" if near else "the same"
        sentence = f"{{pairs}} ({{share}}) {{have}} {how} prompt as one of another {column}"
        found.append(looked.finding("near_prompts" if near else "shared_prompts", shared, sentence))
    return found


def _in_several(group: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(pairs,) whether the group of a pair has pairs of more than one code; codes below 0 do not count."""
    known = codes >= 0
    both = np.unique(np.stack([group[known], codes[known]], axis=1), axis=0)
    several = np.bincount(both[:, 0], minlength=int(group.max(initial=0)) + 1) > 1
    shared: np.ndarray = several[group] & known
    return shared


CHECKS: tuple[tuple[str, Callable[[Looked], Sequence[Finding | None]]], ...] = (
    ("duplicates", duplicates),
    ("lengths", empty_and_long),
    ("truncation", unlearnable),
    ("shared prompts", shared_prompts),
    ("position", position),
    ("balance", balance),
    ("template leftovers", leftovers),
    ("scripts", writing),
)


def check(
    dataset: Dataset, quick: bool = False, measured: tuple[np.ndarray, np.ndarray] | None = None
) -> Job[list[Finding]]:
    """All findings, the most pairs first within the order of CHECKS; a job that yields Progress in checks.

    quick: look at QUICK pairs where a check reads all texts, and leave out near prompts. measured: (responses,)
    characters and words, where they are known already.
    """
    looked = Looked(dataset, quick)
    if measured is not None:
        looked.__dict__["measured"] = measured
    found: list[Finding] = []
    checks = [*CHECKS]
    if not quick:
        checks.append(("near prompts", lambda looked: shared_prompts(looked, near=True)))
    for place, (what, look) in enumerate(checks):
        yield Progress(place, len(checks), f"looking at {what}")
        if len(dataset):
            found += [finding for finding in look(looked) if finding is not None]
    return found
