"""Count phrases in the worker process, weigh them by rewards, and search for the ending that raises weak responses most."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.analysis.attribution import WordEffects
from rmexplorer.analysis.hunt import Hunt, PhraseEffect, Search, Step, hunt
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.features import TOKEN
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import Clusters, proportion
from rmexplorer.workflows.attributing import BATCH, score_texts, words_of_responses
from rmexplorer.workflows.columns import Columns
from rmexplorer.workflows.edits import ending_probe, joined

if TYPE_CHECKING:
    import scipy.sparse

VERSION = 2
MOST_RESPONSES = 20_000
LONGEST = 5
LEAST_TEXTS, LEAST_SHARE = 8, 0.002
MOST_PHRASES = 6_000
WEAK, MOST_STEPS, TRIED = 60, 3, 24
FEWEST_TO_SPLIT = 40


@dataclass(frozen=True, eq=False)
class Phrases:
    """Which phrases stand in which responses. presence: (rows, phrases) 0/1; rows of Dataset.responses, ascending.

    words: the tokens of each phrase, joined by blanks; kinds: phrase, opener or closer.
    """

    rows: np.ndarray
    words: tuple[str, ...]
    kinds: tuple[str, ...]
    presence: scipy.sparse.csc_array

    @classmethod
    def open(cls, path: Path | str) -> Phrases:
        """Read what `count_folder` kept; raises Problem where it is damaged."""
        import scipy.sparse

        try:
            with Path(path).open("rb") as kept, np.load(kept, allow_pickle=False) as file:  # closed also where it is no zip
                words, kinds = json.loads(str(file["names"]))
                rows, indices, indptr = file["rows"], file["indices"], file["indptr"]
        except Exception as error:  # zip, zlib, JSON and OS errors alike: the entry cannot be read
            raise Problem(f"{path}: the counts of phrases cannot be read ({error})", "open the dataset again") from error
        data = np.ones(len(indices), np.float32)
        return cls(rows, tuple(words), tuple(kinds),
                   scipy.sparse.csc_array((data, indices, indptr), shape=(len(rows), len(words))))

    def save(self, path: Path) -> None:
        """Write an .npz."""
        with cache.writing(path) as part, part.open("wb") as file:
            np.savez(file, rows=self.rows, indices=self.presence.indices, indptr=self.presence.indptr,
                     names=np.array(json.dumps([self.words, self.kinds])))


def _grams(tokens: pl.DataFrame, size: int) -> pl.DataFrame:
    """row, place, last and words of all runs of `size` tokens within a text that begin with a word."""
    there = pl.col("row").shift(-(size - 1)) == pl.col("row")
    run = pl.concat_str([pl.col("token").shift(-step) for step in range(size)], separator=" ")
    frame = tokens.select("row", "place", "last", run.alias("words"), there.alias("there"))
    return frame.filter(pl.col("there") & pl.col("words").str.contains(r"^[\p{L}\p{N}]") & pl.col("words").str.contains(r"\p{L}"))


def count_phrases(dataset: Dataset, seed: int = 0) -> Job[Phrases]:
    """Job: the runs of 1 to 5 words that stand in enough responses, also as openers and closers.

    Of more than 20,000 responses as many are drawn. A phrase needs 8 responses and 0.2 % of them; of more than 6,000
    the most frequent of each kind are kept.
    """
    import scipy.sparse

    total = dataset.responses.height
    rows = np.arange(total)
    if total > MOST_RESPONSES:
        rows = np.sort(np.random.default_rng(seed).choice(total, MOST_RESPONSES, replace=False))
    yield Progress(0, LONGEST + 1, "cutting responses into words")
    low = pl.col("text").fill_null("").str.to_lowercase().str.replace_all("’", "'", literal=True)
    tokens = (
        pl.DataFrame({"text": dataset.responses["text"].gather(rows)}).with_row_index("row")
        .select("row", low.str.extract_all(TOKEN).alias("token")).explode("token").drop_nulls()
        .with_columns(pl.int_range(pl.len()).over("row").alias("place"), pl.len().over("row").alias("length"))
        .with_columns((pl.col("length") - 1).alias("last")))
    least = max(LEAST_TEXTS, round(LEAST_SHARE * len(rows)))
    found: list[pl.DataFrame] = []
    for size in range(1, LONGEST + 1):
        step = Progress(size, LONGEST + 1, f"counting runs of {size} words" if size > 1 else "counting words")
        yield step
        grams = _grams(tokens, size)
        for kind, where in (("phrase", pl.lit(True)), ("opener", pl.col("place") == 0),
                            ("closer", pl.col("place") + size - 1 == pl.col("last"))):
            yield step  # each takes a second of long responses, and a person may not want to wait for it
            part = grams.filter(where).select("row", "words").unique()
            often = part.group_by("words").len().filter(pl.col("len") >= least)
            found.append(part.join(often, on="words", how="semi").with_columns(pl.lit(kind).alias("kind")))
    yield Progress(LONGEST + 1, LONGEST + 1, "keeping the frequent ones")
    table = pl.concat(found)
    names = table.group_by("kind", "words").len().sort(["len", "kind", "words"], descending=[True, False, False])
    names = names.head(MOST_PHRASES).sort("kind", "words").with_row_index("column")
    table = table.join(names.select("column", "kind", "words"), on=["kind", "words"]).sort("column", "row")
    counts = np.bincount(table["column"].to_numpy(), minlength=names.height)
    presence = scipy.sparse.csc_array(
        (np.ones(table.height, np.float32), table["row"].to_numpy().astype(np.int32), np.concatenate([[0], np.cumsum(counts)])),
        shape=(len(rows), names.height))
    return Phrases(rows, tuple(names["words"]), tuple(names["kind"]), presence)


def counts_path(fingerprint: str) -> Path:
    """Where the counts of a dataset are kept."""
    return cache_file("phrases", ".npz", VERSION, fingerprint)


def count_folder(folder: str) -> Job[str]:
    """Job: count the phrases of the dataset kept in `folder`; returns the path for `Phrases.open`."""
    dataset = Dataset.open(Path(folder))
    path = counts_path(dataset.fingerprint)
    if not cache.holds(path, Phrases.open):
        phrases = yield from count_phrases(dataset)
        phrases.save(path)
    return str(path)


@dataclass(frozen=True, eq=False)
class Hunted:
    """A hunt with the rows of Dataset.responses that it looked at, and the counts cut to them."""

    found: Hunt
    rows: np.ndarray
    presence: scipy.sparse.csc_array
    texts: dict[int, str]

    def shown(self, effect: PhraseEffect) -> str:
        """The phrase as it stands in the data."""
        return self.texts.get(effect.place, effect.words)

    def responses(self, place: int) -> np.ndarray:
        """Rows of Dataset.responses that hold a phrase."""
        inside = self.presence.indices[self.presence.indptr[place] : self.presence.indptr[place + 1]]
        return np.asarray(self.rows[inside])


def hunt_columns(given: Columns, phrases: Phrases) -> Hunted:
    """The hunt over the responses of some pairs with rewards."""
    both = np.concatenate([given["response_chosen"], given["response_rejected"]])
    reward = np.concatenate([given["reward_chosen"], given["reward_rejected"]])
    lost = np.repeat([-1.0, 1.0], given.pairs)
    rows, first, codes = np.unique(both, return_index=True, return_inverse=True)
    balance = np.bincount(codes, lost, minlength=len(rows))
    place = np.searchsorted(phrases.rows, rows)
    counted = (place < len(phrases.rows)) & (phrases.rows[np.minimum(place, len(phrases.rows) - 1)] == rows)
    rows, first, balance, place = rows[counted], first[counted], balance[counted], place[counted]
    presence = phrases.presence.tocsr()[place].tocsc()
    presence.sort_indices()
    prompt = given.dataset.responses["prompt"].to_numpy()[rows].astype(np.int64)
    found = hunt(presence, phrases.words, phrases.kinds, reward[first], np.log1p(given.characters[rows]), prompt, balance > 0)
    kept = {one.place: one for one in (*found.pays, *found.costs, *found.enriched)}
    hunted = Hunted(found, rows, presence, {})
    texts = given.dataset.responses["text"]
    for at, effect in kept.items():
        hunted.texts[at] = _as_written(effect, [texts[int(row)] or "" for row in hunted.responses(at)[:3]])
    return hunted


def _as_written(effect: PhraseEffect, texts: Sequence[str]) -> str:
    """The phrase as the first text that holds it writes it."""
    pattern = r"\s*".join(re.escape(token).replace("'", "['’]") for token in effect.words.split(" "))
    pattern = {"opener": rf"^\s*{pattern}", "closer": rf"{pattern}\s*$"}.get(effect.kind, rf"(?<!\w){pattern}(?!\w)")
    for text in texts:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            return " ".join(match.group().split())
    return effect.words


def hunt_dataset(given: Columns) -> Job[Hunted]:
    """Job: the hunt over the responses of some pairs with rewards, phrases counted first."""
    return hunt_columns(given, (yield from count_phrases(given.dataset)))


def hunted_as_json(hunted: Hunted) -> dict[str, Any]:
    """What `analyze --phrases` adds: the phrases that pay, cost, and stand in liked rejections."""
    found = hunted.found
    return {side: [one.as_dict() | {"phrase": hunted.shown(one)} for one in getattr(found, side)]
            for side in ("pays", "costs", "enriched")} | {
        "tested": found.phrases, "responses": found.responses, "top_rejected": found.top_rejected,
        "headline": found.headline(hunted.shown(found.pays[0]) if found.pays else "")}


# The search


@dataclass(frozen=True, eq=False)
class Weak:
    """Weak responses: the lowest of its prompt each, with the highest reward that its prompt has seen.

    prompt, rows, best: (n,) rows of Dataset.prompts and of Dataset.responses, and rewards. The first `searched` are
    for the search; on the others, which it does not see, its result is measured.
    """

    prompt: np.ndarray
    rows: np.ndarray
    prompts: list[str]
    texts: list[str]
    best: np.ndarray
    searched: int

    @classmethod
    def of(cls, dataset: Dataset, rows: np.ndarray, best: np.ndarray, searched: int) -> Weak:
        """These rows of Dataset.responses, and of the prompt of each the highest reward."""
        prompt = dataset.responses["prompt"].to_numpy()[rows].astype(np.int64)
        return cls(prompt, rows, dataset.prompts["text"].gather(prompt).fill_null("").to_list(),
                   dataset.responses["text"].gather(rows).fill_null("").to_list(), best, searched)

    def part(self, rows: slice[int | None, int | None, None]) -> Weak:
        """Some of them, all for one purpose."""
        return Weak(self.prompt[rows], self.rows[rows], self.prompts[rows], self.texts[rows], self.best[rows],
                    len(self.texts[rows]))


def weak_responses(given: Columns, seed: int = 0) -> Weak:
    """Of at most 60 prompts of these pairs, drawn by `seed`, the response with the lowest reward, and of 60 others.

    Below 40 prompts all are searched on, for half of them would say little.
    """
    both = np.concatenate([given["response_chosen"], given["response_rejected"]])
    reward = np.concatenate([given["reward_chosen"], given["reward_rejected"]])
    prompt = np.concatenate([given["prompt"], given["prompt"]]).astype(np.int64)
    order = np.lexsort((reward, prompt))
    both, reward, prompt = both[order], reward[order], prompt[order]
    starts = np.flatnonzero(np.concatenate([[True], prompt[1:] != prompt[:-1]])) if len(prompt) else np.zeros(0, int)
    ends = np.append(starts[1:], len(prompt)) - 1 if len(starts) else starts
    drawn = np.random.default_rng(seed).permutation(len(starts))[: 2 * WEAK]
    searched = min(WEAK, len(drawn) // 2) if len(drawn) >= FEWEST_TO_SPLIT else min(WEAK, len(drawn))
    return Weak.of(given.dataset, both[starts[drawn]].astype(np.int64), reward[ends[drawn]], searched)


def endings(hunted: Hunted, own: Sequence[str] = ()) -> list[str]:
    """What the search tries: a person's own phrases, then those that pay and do not open a response, at most 24."""
    found = [hunted.shown(one) for one in hunted.found.pays if one.kind != "opener"][:TRIED]
    return list(dict.fromkeys(phrase for phrase in (*own, *found) if phrase.strip()))


def _append(checkpoint: Checkpoint, weak: Weak, texts: Sequence[str], phrase: str) -> tuple[list[str], np.ndarray]:
    """The texts with a phrase at their end, and their rewards (n,)."""
    longer = [joined(text, phrase) for text in texts]
    scored = np.zeros(len(longer))
    for start in range(0, len(longer), BATCH):
        rows = slice(start, start + BATCH)
        scored[rows] = score_texts(checkpoint, weak.prompts[rows], longer[rows])
    return longer, scored


def search(checkpoint: Checkpoint, weak: Weak, phrases: Sequence[str], steps: int = MOST_STEPS) -> Job[Search]:
    """Job: append, greedily, the phrase that raises the mean reward of the weak responses most, up to three times.

    It stops where no phrase raises it further. The gain of a step is of the whole ending so far, with an interval over
    prompts. The phrases were chosen on these responses, so it is the best found, no fair guess for others: `fresh` is
    the gain of the same ending on the responses that the search did not see.
    """
    phrases = list(dict.fromkeys(phrase.strip(" ") for phrase in phrases if phrase.strip()))  # `joined` puts the space
    checked, weak = weak.part(slice(weak.searched, None)), weak.part(slice(None, weak.searched))
    n = len(weak.texts)
    total = n * len(phrases) * steps + len(checked.texts)
    done = 0
    clusters = Clusters(weak.prompt)
    base = score_texts(checkpoint, weak.prompts, weak.texts)
    texts, now = list(weak.texts), base
    made: list[Step] = []
    alone: list[tuple[str, np.ndarray]] = []
    for step in range(steps):
        best: tuple[str, np.ndarray, list[str]] | None = None
        for phrase in phrases:
            if any(phrase == one.phrase for one in made):
                continue
            longer, scored = _append(checkpoint, weak, texts, phrase)
            done += n
            yield Progress(done, total, f"appending, step {step + 1}")
            if step == 0:
                alone.append((phrase, scored - base))
            if n and scored.mean() > (now if best is None else best[1]).mean() + 1e-9:
                best = (phrase, scored, longer)
        if best is None:
            break
        phrase, now, texts = best
        made.append(Step(phrase, clusters.mean(now - base), proportion(float((now > weak.best).sum()), n), len(phrases) - step))
    alone.sort(key=lambda part: -float(part[1].mean()) if n else 0.0)
    found = Search(tuple(made), tuple((phrase, clusters.mean(gain)) for phrase, gain in alone), n)
    if not made or not len(checked.texts):
        return found
    yield Progress(total - len(checked.texts), total, "appending to responses that the search did not see")
    texts, now = list(checked.texts), np.zeros(0)
    for one in made:
        texts, now = _append(checkpoint, checked, texts, one.phrase)
    gain = now - score_texts(checkpoint, checked.prompts, checked.texts)
    return replace(found, fresh=Clusters(checked.prompt).mean(gain),
                   fresh_beats=proportion(float((now > checked.best).sum()), len(now)))


def search_as_json(found: Search, seed: int) -> dict[str, Any]:
    """What `analyze --hunt` adds: the steps, each phrase alone, the ending on other responses, and it as a probe."""
    probe = None if not found.steps else ending_probe(found.ending)
    return {
        "steps": [{"phrase": step.phrase, "gain": step.gain.value, "ci": step.gain.ci, "n": step.gain.n,
                   "beats_best": step.beats.value, "beats_best_ci": step.beats.ci, "tried": step.tried} for step in found.steps],
        "alone": [{"phrase": phrase, "gain": gain.value, "ci": gain.ci, "n": gain.n} for phrase, gain in found.alone],
        "responses": found.responses, "seed": seed, "headline": found.sentence(),
        "on_others": None if found.fresh.value is None else {
            "gain": found.fresh.value, "ci": found.fresh.ci, "n": found.fresh.n,
            "beats_best": found.fresh_beats.value, "beats_best_ci": found.fresh_beats.ci},
        "probe": probe and {"name": probe.name, "title": probe.title, "append": probe.text[0], "expected": probe.expected}}


def search_folder(folder: str, head: str, responses: Sequence[int], best: Sequence[float], searched: int,
                  phrases: Sequence[str]) -> Job[Search]:
    """Job: `search` over `responses` (rows of the Dataset kept in `folder`) with the checkpoint file `head`.

    best: of the prompt of each the highest reward; searched: as `Weak` has it.
    """
    weak = Weak.of(Dataset.open(Path(folder)), np.asarray(responses, np.int64), np.asarray(best, float), searched)
    return (yield from search(Checkpoint.load(Path(head)), weak, phrases))


def words_folder(folder: str, head: str, responses: Sequence[int], drawn_from: int, method: str) -> Job[WordEffects]:
    """Job: words that pay and cost in `responses` (rows of the dataset kept in `folder`), by the checkpoint file `head`.

    drawn_from: of how many they were drawn, 0 where they are all.
    """
    return (yield from words_of_responses(Dataset.open(Path(folder)), Checkpoint.load(Path(head)),
                                          np.asarray(responses, np.int64), drawn_from, method))
