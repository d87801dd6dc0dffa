"""What is wrong with preference data: each finding says how much in one sentence and selects its pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from rmexplorer.data import mapped
from rmexplorer.data.dataset import FIRST, SECOND, TIE, Dataset
from rmexplorer.data.languages import languages, start_of
from rmexplorer.data.measure import lengths
from rmexplorer.data.near import folded, grouped, near_links
from rmexplorer.data.scripts import NONE, OTHER, scripts
from rmexplorer.job import Job, Progress, beat
from rmexplorer.statistics import Estimate, distinct, proportion

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
LONG_WORDS = 4_000
QUICK = 20_000
SPARSE = 10
LANGUAGE_PAIRS, QUICK_LANGUAGE_PAIRS, LANGUAGES_AT_ONCE = 2_000, 200, 200
NEAR_MOST = 100_000
PIECE = 100_000
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

    def __init__(
        self, dataset: Dataset, quick: bool = False, limit: int | None = None, held: np.ndarray | None = None
    ) -> None:
        self.dataset, self.limit, self.quick, self.held = dataset, limit, quick, held
        count = len(dataset)
        self.rows = np.arange(count)
        if quick and count > QUICK:
            # drawn, not evenly spaced: what stands in every second row of a file would be seen in all or in none
            self.rows = np.sort(np.random.default_rng(0).choice(count, QUICK, replace=False))
        self.first = dataset.pairs["first"].to_numpy()
        self.second = dataset.pairs["second"].to_numpy()

    def texts(self, side: np.ndarray) -> pl.Series:
        """The texts of one side (rows of `responses`) of the pairs that are looked at."""
        return self.drawn(self.dataset.responses["text"], side[self.rows])

    def drawn(self, texts: pl.Series, rows: np.ndarray) -> pl.Series:
        """These rows of prompts or responses; few of many are copied, as they lie far apart on the disk."""
        return mapped.gathered(texts, rows) if len(rows) < len(texts) // SPARSE else texts.gather(rows)

    @cached_property
    def prompts(self) -> Prompts:
        """The prompts, folded once for all comparisons."""
        return Prompts(self.dataset)

    def finding(
        self, kind: str, within: np.ndarray, sentence: str, rows: np.ndarray | None = None, counted: str = "looked at"
    ) -> Finding | None:
        """A finding from a mask over the pairs of `rows`, over the looked-at pairs, or over all; None where it selects none.

        sentence: with {pairs} or {prompts}, {share} and the verb ({have}, {are}, {repeat}) to be filled in; counted: what
        is said of the pairs that the share is of, where these are not all.
        """
        whole = np.zeros(len(self.dataset), dtype=bool)
        everywhere = len(within) == len(self.dataset)
        if everywhere:
            whole[:] = within
        else:
            whole[self.rows if rows is None else rows] = within
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
            title += f" (of {len(within):,} {counted})"
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
    rows = np.flatnonzero(pl.Series(key).is_duplicated().to_numpy())  # a sort of all holds the interpreter, for seconds
    if not len(rows):
        return []
    _, start, group, sizes = np.unique(key[rows], return_index=True, return_inverse=True, return_counts=True)
    winner = np.where(looked.first[rows] == low[rows], looked.dataset.winner[rows], -looked.dataset.winner[rows])
    seen = [np.bincount(group[winner == choice], minlength=len(sizes)) > 0 for choice in (FIRST, TIE, SECOND)]
    differs, repeated = np.zeros(len(key), bool), np.zeros(len(key), bool)
    differs[rows] = (np.add.reduce(seen) > 1)[group]
    repeated[rows] = True
    repeated[rows[start]] = False
    return [
        looked.finding(
            "conflicts", differs, "{pairs} ({share}) {are} of the same two responses with another label"
        ),
        looked.finding("duplicates", repeated & ~differs, "{pairs} ({share}) {repeat} an earlier one"),
    ]


def empty_and_long(looked: Looked) -> list[Finding | None]:
    """Pairs with an empty or a very long response, and pairs with an empty or a very long prompt."""
    chars, words = looked.dataset.lengths
    sides, prompt = (looked.first, looked.second), looked.dataset.prompt
    prompt_chars, prompt_words = lengths(looked.dataset.prompts["text"])
    empty, long = ([over[side] for side in sides] for over in (chars == 0, words > LONG_WORDS))
    words_said = f"of over {LONG_WORDS:,} words"
    return [
        looked.finding("empty", empty[0] | empty[1], "{pairs} ({share}) {have} an empty response"),
        looked.finding("empty_prompt", (prompt_chars == 0)[prompt], "{pairs} ({share}) {have} an empty prompt"),
        looked.finding("long", long[0] | long[1], f"{{pairs}} ({{share}}) {{have}} a response {words_said}"),
        looked.finding("long_prompt", (prompt_words > LONG_WORDS)[prompt], f"{{pairs}} ({{share}}) {{have}} a prompt {words_said}"),
    ]


def unlearnable(looked: Looked) -> list[Finding | None]:
    """Pairs whose responses are equal as far as the encoder reads: it tells none apart. None where it reads whole texts."""
    limit = looked.limit
    if limit is None:
        return []
    chars, _ = looked.dataset.lengths
    rows = np.flatnonzero((chars[looked.first] >= limit) & (chars[looked.second] >= limit))
    mask = np.zeros(len(looked.dataset), dtype=bool)
    texts = looked.dataset.responses["text"]
    for start in range(0, len(rows), PIECE):
        beat()
        part = rows[start : start + PIECE]
        starts = [texts.gather(side[part]).str.slice(0, limit) for side in (looked.first, looked.second)]
        mask[part] = (starts[0] == starts[1]).to_numpy()
        mapped.let_go()
    sentence = f"{{pairs}} ({{share}}) {{are}} of responses equal in the first {limit:,} characters, all that the encoder reads"
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
    # not a loop over a million values, which would hold the interpreter and with it the window
    codes = values.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int64) if names else None
    return np.full(len(values), -1, np.int64) if codes is None else codes.fill_null(-1).to_numpy(), names


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
    distinct, inverse = np.unique(looked.dataset.prompt[looked.rows], return_inverse=True)
    of_prompt = scripts(looked.drawn(looked.dataset.prompts["text"], distinct)).gather(inverse)
    if not len(of_prompt):
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


def _frequent(values: pl.Series) -> pl.DataFrame:
    """Each value with its `count`, the most frequent first; equal ones by name."""
    return values.value_counts().sort("count", values.name, descending=[True, False])


def _told(texts: pl.Series) -> Job[pl.Series]:
    """Job: `languages` in pieces, so that it can be cancelled."""
    parts = [pl.Series("language", [], dtype=pl.String)]
    for start in range(0, len(texts), LANGUAGES_AT_ONCE):
        yield Progress(start, len(texts), "telling languages apart")
        parts.append(languages(texts[start : start + LANGUAGES_AT_ONCE]))
    return pl.concat(parts)


def tongues(looked: Looked) -> Job[list[Finding | None]]:
    """Job: prompts in another language than most of those in their script, and responses in another than their prompt.

    Of more than LANGUAGE_PAIRS pairs (QUICK_LANGUAGE_PAIRS) a sample is looked at; a text whose language is not clear counts as neither.
    """
    rows = looked.rows
    most_pairs = QUICK_LANGUAGE_PAIRS if looked.quick else LANGUAGE_PAIRS
    if len(rows) > most_pairs:
        rows = np.sort(np.random.default_rng(1).choice(rows, most_pairs, replace=False))
    texts, dataset = looked.dataset.responses["text"], looked.dataset
    distinct, inverse = np.unique(dataset.prompt[rows], return_inverse=True)
    prompts = start_of(looked.drawn(dataset.prompts["text"], distinct))
    sides = [start_of(looked.drawn(texts, side[rows])) for side in (looked.first, looked.second)]
    language = (yield from _told(prompts)).gather(inverse)
    script = scripts(prompts).gather(inverse)
    found: list[Finding | None] = []
    told = pl.DataFrame({"language": language, "script": script}).drop_nulls()
    main = str(_frequent(told["script"])["script"].first() or NONE)
    here = _frequent(told["language"].filter(told["script"] == main))
    if here.height > 1:
        most, clear = str(here["language"][0]), here["count"].sum()
        mix = ", ".join(f"{name} {count / clear:.1%}" for name, count in here.head(5).rows())
        odd = ((script == main) & (language != most)).fill_null(False).to_numpy()
        sentence = f"{{prompts}} ({{share}}) {{are}} not in {most} as most of {main} script are: {mix} of {clear:,} that are clear"
        found.append(looked.finding("languages", odd, sentence, rows))
    mixed = np.zeros(len(rows), dtype=bool)
    for side in sides:
        other = ((yield from _told(side)) != language) & (scripts(side) == script)
        mixed |= other.fill_null(False).to_numpy()
    found.append(
        looked.finding("response_language", mixed, "{pairs} ({share}) {have} a response in another language than their prompt", rows)
    )
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


class Prompts:
    """The prompts of a dataset as they are compared: folded, each distinct one once.

    exact: (prompts,) the number of the distinct folded text of each; seen: (prompts,) whether it was looked at for near
    ones, all of them up to NEAR_MOST; near: (prompts,) the exact number of the first text that it is nearly the same as.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._prompts = dataset.prompts["text"]
        self._hashes, first, exact = np.unique(_hashed(self._prompts), return_index=True, return_inverse=True)
        # numbered in the order of the file, so that the first of a group is the earlier one
        order = np.argsort(first)
        self._first, self._hashes = first[order], self._hashes[order]
        self.exact = np.argsort(order)[exact]
        self.seen = np.ones(len(self._prompts), bool)
        self.near = self.exact
        self._rows = np.arange(len(first))
        if len(first) > NEAR_MOST:
            self._rows = np.sort(np.random.default_rng(0).choice(len(first), NEAR_MOST, replace=False))
            drawn = np.zeros(len(first), bool)
            drawn[self._rows] = True
            self.seen = drawn[self.exact]

    def _texts(self, rows: np.ndarray) -> pl.Series:
        return folded(mapped.gathered(self._prompts, self._first[rows]))

    def compare(self) -> Job[None]:
        """Job: find those that are nearly the same."""
        links = yield from near_links(self._texts(self._rows))
        group = np.arange(len(self._first))
        group[self._rows] = self._rows[grouped(len(self._rows), links)]
        self.near = group[self.exact]

    def against(self, others: pl.Series) -> Job[tuple[np.ndarray, np.ndarray]]:
        """Job: (prompts,) bool, those that stand in another set of prompts too; and those that nearly do, of `seen`."""
        hashes, first = np.unique(_hashed(others), return_index=True)
        same = hashes[np.minimum(np.searchsorted(hashes, self._hashes), len(hashes) - 1)] == self._hashes
        if len(first) > NEAR_MOST:
            first = np.random.default_rng(0).choice(first, NEAR_MOST, replace=False)
        mine = self._rows[~same[self._rows]]
        links = yield from near_links(pl.concat([self._texts(mine), folded(others.gather(np.sort(first)))]), len(mine))
        near = np.zeros(len(self._first), bool)
        near[mine[links[:, 0]]] = True
        return same[self.exact], near[self.exact]


def _hashed(texts: pl.Series) -> np.ndarray:
    """(n,) uint64 of texts as they are compared; in pieces, as they may be more than fit into memory."""
    pieces = []
    for start in range(0, len(texts), PIECE):
        beat()
        pieces.append(folded(texts[start : start + PIECE]).hash(3).to_numpy())
        mapped.let_go()
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)


def shared_prompts(looked: Looked) -> list[Finding | None]:
    """Prompts that stand in several splits, or several sources, but for case and white space."""
    dataset = looked.dataset
    found: list[Finding | None] = []
    for column in source_columns(dataset)[:3]:
        shared = _in_several(looked.prompts.exact[dataset.prompt], _codes(dataset.extras[column])[0])
        sentence = f"{{pairs}} ({{share}}) {{have}} the same prompt as one of another {column}"
        found.append(looked.finding("shared_prompts", shared, sentence))
    return found


def near_prompts(looked: Looked) -> Job[list[Finding | None]]:
    """Job: prompts that are nearly the same as an earlier one, and those that nearly stand in several splits or sources, or
    on both sides of the split of a run."""
    dataset, prompts = looked.dataset, looked.prompts
    yield from prompts.compare()
    near, exact = prompts.near[dataset.prompt], prompts.exact[dataset.prompt]
    rows = np.flatnonzero(prompts.seen[dataset.prompt])
    found: list[Finding | None] = []
    for column in source_columns(dataset)[:3]:
        codes, _ = _codes(dataset.extras[column])
        shared = _in_several(near, codes) & ~_in_several(exact, codes)
        sentence = f"{{pairs}} ({{share}}) {{have}} nearly the same prompt as one of another {column}"
        found.append(looked.finding("near_prompts", shared[rows], sentence, rows))
    if looked.held is not None:
        out = rows[looked.held[rows]]
        sentence = "{pairs} ({share}) that a run holds out {have} nearly the same prompt as one that it trains on"
        leaking = _in_several(near, looked.held.astype(np.int64))[out]
        found.append(looked.finding("near_heldout", leaking, sentence, out, "held out"))
    later = prompts.near != prompts.exact
    groups = len(distinct(prompts.near[later]))
    sentence = (
        f"{{prompts}} ({{share}}) {{are}} nearly the same as an earlier one: {len(distinct(prompts.exact[later])):,} "
        f"of {len(distinct(prompts.exact[prompts.seen])):,} prompts repeat {groups:,} other{'s' if groups > 1 else ''} with small changes"
    )
    return [*found, looked.finding("near_duplicates", later[dataset.prompt][rows], sentence, rows)]


def shared_with(dataset: Dataset, others: pl.Series, name: str) -> Job[list[Finding]]:
    """Job: the pairs whose prompt stands in a second dataset too, and those whose prompt nearly does.

    others: its prompts; name: what it is called. Of more than NEAR_MOST prompts a sample is held against each other.
    """
    looked = Looked(dataset)
    if not len(dataset) or not len(others):
        return []
    same, near = yield from looked.prompts.against(others)
    rows = np.flatnonzero(looked.prompts.seen[dataset.prompt])
    count = len(distinct(_hashed(others)))
    beside = f"{name} ({min(count, NEAR_MOST):,} of its {count:,} prompts)" if count > NEAR_MOST else name
    found = [
        looked.finding("shared_with", same[dataset.prompt], f"{{pairs}} ({{share}}) {{have}} the same prompt as one of {name}"),
        looked.finding("near_with", near[dataset.prompt][rows],
                       f"{{pairs}} ({{share}}) {{have}} nearly the same prompt as one of {beside}", rows),
    ]  # fmt: skip
    return [finding for finding in found if finding is not None]


def _in_several(group: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(pairs,) whether the group of a pair has pairs of more than one code; codes below 0 do not count."""
    known = codes >= 0
    both = pl.DataFrame({"group": group, "code": codes}).filter(pl.col("code") >= 0)  # in polars other threads go on
    mixed = both.group_by("group").agg(pl.col("code").min() != pl.col("code").max()).filter("code")["group"].to_numpy()
    several = np.zeros(int(group.max(initial=0)) + 1, bool)
    several[mixed] = True
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
    dataset: Dataset, quick: bool = False, limit: int | None = None, held: np.ndarray | None = None
) -> Job[list[Finding]]:
    """All findings in the order of CHECKS, then languages and near prompts; a job that yields Progress.

    quick: look at QUICK pairs where a check reads all texts. limit: the most characters that the encoder reads, None
    where it reads all. held: (pairs,) bool, those that a run holds out.
    """
    looked = Looked(dataset, quick, limit, held)
    found: list[Finding | None] = []
    for place, (what, look) in enumerate(CHECKS):
        yield Progress(place, len(CHECKS), f"looking at {what}")
        if len(dataset):
            found += look(looked)
    if len(dataset):
        near = yield from near_prompts(looked)  # before languages, whose model may still be on its way (`prepare`)
        found += yield from tongues(looked)
        found += near
    return [finding for finding in found if finding is not None]
