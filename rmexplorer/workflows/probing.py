"""Probe a head: edit responses, score them anew, and say what moved. A job for command line and window alike."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer import cache, wording
from rmexplorer.analysis.probes import (
    UNIT,
    Changes,
    Probes,
    difference_of_differences,
    independent_texts,
    noise_of_a_word,
    probes,
    within_prompt_sd,
)
from rmexplorer.data.dataset import Dataset, need_pairs
from rmexplorer.encoders import ENCODERS
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import distinct, first_seen
from rmexplorer.workflows import edits, results
from rmexplorer.workflows.attributing import score_vectors
from rmexplorer.workflows.edits import Probe, Sycophancy, filled
from rmexplorer.workflows.scoring import heldout_of

VERSION = 3
MOST_PROMPTS, MOST_OF_PROMPT = 400, 4
BATCH = 512
NOISE_SENTENCES, NOISE_RESPONSES = 200, 20  # few sentences would say little of how far chance goes
NOISE_WORDS = (3, 12)
TEXT_KEYS = ("hill", "flipped_pairs", "title", "sub", "said", "own", "kind")


@dataclass(frozen=True, eq=False)
class Sample:
    """The responses that are probed. rows (n,) of Dataset.responses; chosen, rejected (pairs,): places in `rows`;
    pair (pairs,): rows of Dataset.pairs; split: "held-out", "training", or "" where it is
    both or the head learnt from another dataset."""

    rows: np.ndarray
    prompt: np.ndarray
    prompts: list[str]
    texts: list[str]
    chosen: np.ndarray
    rejected: np.ndarray
    pair: np.ndarray
    pair_of: np.ndarray
    split: str

    @classmethod
    def of(cls, dataset: Dataset, checkpoint: Checkpoint, pairs: np.ndarray | None = None, seed: int = 0) -> Sample:
        """At most 400 prompts of these pairs (rows), four responses of each.

        If None, of pairs that the head has not learnt from (all if it learnt from all).
        """
        held = heldout_of(dataset, checkpoint)
        ours = checkpoint.dataset_fingerprint == dataset.fingerprint
        if pairs is None:
            pairs = np.flatnonzero(held if held.any() else np.ones(len(dataset), bool))
        pairs = drawn_pairs(dataset, pairs, seed)
        learnt = 0 if not ours or held.all() or not len(pairs) else 1 if held[pairs].all() else 2 if not held[pairs].any() else 0
        both = np.column_stack([dataset.chosen[pairs], dataset.rejected[pairs]]).ravel().astype(np.int64)
        rows = both[np.sort(first_seen(both))]
        owner = dataset.responses["prompt"].to_numpy()[rows].astype(np.int64)
        order = np.argsort(owner, kind="stable")
        rows, owner = rows[order], owner[order]
        starts = np.searchsorted(owner, owner, "left")
        kept = np.arange(len(rows)) - starts < MOST_OF_PROMPT
        rows, owner = rows[kept], owner[kept]
        place = np.full(dataset.responses.height, -1, np.int64)
        place[rows] = np.arange(len(rows))
        chosen, rejected = place[dataset.chosen[pairs]], place[dataset.rejected[pairs]]
        pair_of = np.full(len(rows), -1, np.int64)
        for places in (chosen, rejected):
            pair_of[places[places >= 0][::-1]] = pairs[places >= 0][::-1]
        whole = (chosen >= 0) & (rejected >= 0) & ~dataset.tie[pairs]
        return cls(rows, owner, dataset.prompts["text"].gather(owner).fill_null("").to_list(),
                   dataset.responses["text"].gather(rows).fill_null("").to_list(), chosen[whole], rejected[whole],
                   pairs[whole], pair_of, ("", "held-out", "training")[learnt])


def drawn_pairs(dataset: Dataset, pairs: np.ndarray, seed: int = 0) -> np.ndarray:
    """Those of `pairs` (rows) that belong to at most 400 of their prompts, drawn by `seed`."""
    known = distinct(dataset.prompt[pairs])
    if len(known) <= MOST_PROMPTS:
        return pairs
    known = np.random.default_rng(seed).choice(known, MOST_PROMPTS, replace=False)
    return pairs[np.isin(dataset.prompt[pairs], known)]


@dataclass(frozen=True, eq=False)
class _Edited:
    """What one probe makes of the sample: places that it changes, prompts, texts before and after; rows of pairs it flips."""

    place: np.ndarray
    prompt: np.ndarray
    prompts: list[str]
    before: list[str]
    after: list[str]
    own: bool = False
    flipped: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def _edit(probe: Probe, sample: Sample) -> _Edited:
    """Apply a probe to all responses of the sample; before/after texts that stand in none are pairs of their own."""
    if probe.kind == "pairs":
        words = tuple((before, after) for prompt, before, after in probe.pairs if before.strip() and not prompt)
        if len(words) == len(probe.pairs) and any(before in text for before, _ in words for text in sample.texts):
            probe = Probe(probe.name, "replace", words=words, expected=probe.expected)
        else:
            prompts, before, after = (list(part) for part in zip(*probe.pairs, strict=True))
            places = np.arange(len(before))
            return _Edited(places, places, prompts, before, after, own=True)
    chance = random.Random(0)
    found: list[tuple[int, str]] = []
    for place, text in enumerate(sample.texts):
        other = chance.randrange(len(sample.texts))
        for _ in range(8):
            if sample.prompt[other] != sample.prompt[place]:
                break
            other = chance.randrange(len(sample.texts))
        swapped = sample.texts[other] if sample.prompt[other] != sample.prompt[place] else text
        edited = edits.apply(probe, text, turn=place, other=swapped)
        if edited is not None:
            found.append((place, edited))
    at = np.array([place for place, _ in found], np.int64)
    return _Edited(at, sample.prompt[at], [sample.prompts[place] for place in at],
                   [sample.texts[place] for place in at], [text for _, text in found])


def applied(probe: Probe, sample: Sample) -> tuple[np.ndarray, np.ndarray | None, list[str], list[str], list[str]]:
    """Prompt (n,), places in the sample (None for texts of the probe's own), prompts, texts before and after of what a probe
    changes."""
    edited = _edit(probe, sample)
    return edited.prompt, None if edited.own else edited.place, edited.prompts, edited.before, edited.after


def touched(before: str, after: str) -> int:
    """How many words an edit puts in or takes out, whichever is more."""
    old, new = Counter(before.split()), Counter(after.split())
    return max((new - old).total(), (old - new).total())


class _Scorer:
    """Scores in batches and counts what it did."""

    def __init__(self, checkpoint: Checkpoint, total: int) -> None:
        self.checkpoint, self.total, self.done = checkpoint, total, 0

    def vectors(self, prompts: Sequence[str], texts: Sequence[str], note: str) -> Job[tuple[np.ndarray, np.ndarray]]:
        """Job: rewards (n,) and the vectors (n, d) that they are of."""
        rewards, vectors = np.zeros(len(texts)), np.zeros((len(texts), self.checkpoint.model.input_dim), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = slice(start, start + BATCH)
            rewards[rows], vectors[rows] = score_vectors(self.checkpoint, prompts[rows], texts[rows])
            self.done += len(texts[rows])
            yield Progress(min(self.done, self.total), self.total, note)
        return rewards, vectors

    def score(self, prompts: Sequence[str], texts: Sequence[str], note: str) -> Job[np.ndarray]:
        """Job: rewards (n,)."""
        return (yield from self.vectors(prompts, texts, note))[0]


def _word_noise(scorer: _Scorer, sample: Sample, base: np.ndarray, spread: float) -> Job[float]:
    """Job: what a chance word is worth: sentences of some responses put at the end of others."""
    chance = random.Random(1)
    pool = sorted({
        sentence for text in sample.texts for sentence in edits.sentences(text)
        if NOISE_WORDS[0] <= len(sentence.split()) <= NOISE_WORDS[1] and not edits.LISTED.match(sentence)})
    pool = chance.sample(pool, min(NOISE_SENTENCES, len(pool)))
    rows = sorted(chance.sample(range(len(sample.texts)), min(NOISE_RESPONSES, len(sample.texts))))
    texts = [edits.joined(sample.texts[row], sentence) for sentence in pool for row in rows]
    prompts = [sample.prompts[row] for row in rows] * len(pool)
    scored = yield from scorer.score(prompts, texts, "scoring chance sentences")
    if not len(scored):
        return 0.0
    moved = (scored.reshape(len(pool), len(rows)) - base[rows]) / spread
    return noise_of_a_word(moved.mean(axis=1), np.array([len(sentence.split()) for sentence in pool], float))


def _flips(sample: Sample, base: np.ndarray, edited: _Edited, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(pairs,) whether the order changes when the rejected response is edited, and which pairs of the sample these are."""
    new = np.full(len(base), np.nan)
    if not edited.own:
        new[edited.place] = after
    there = np.isfinite(new[sample.rejected])
    chosen, rejected = sample.chosen[there], sample.rejected[there]
    flipped = np.sign(base[chosen] - base[rejected]) != np.sign(base[chosen] - new[rejected])
    return flipped, np.flatnonzero(there)


def probe_dataset(dataset: Dataset, checkpoint: Checkpoint, chosen: Sequence[Probe] | None = None,
                  pairs: np.ndarray | None = None, beliefs: Sycophancy | None = None) -> Job[dict[str, Any]]:
    """Job: all of `probe --json` and what the window draws besides, for the probes given or those built in.

    pairs: rows of Dataset.pairs whose responses are edited, held-out ones if None; beliefs: templates of sycophancy
    instead of those built in. Raises Problem where no prompt has two responses, for then a change has no scale.
    """
    need_pairs(dataset)
    chosen = edits.built_in() if chosen is None else tuple(chosen)
    sample = Sample.of(dataset, checkpoint, pairs)
    templates = _templates(checkpoint, beliefs or edits.sycophancy())
    total = len(sample.texts) * (1 + len(chosen)) + NOISE_SENTENCES * min(NOISE_RESPONSES, len(sample.texts))
    scorer = _Scorer(checkpoint, total + len(templates.texts))
    yield Progress(0, scorer.total, "scoring responses")
    base, vectors = yield from scorer.vectors(sample.prompts, sample.texts, "scoring responses")
    spread = within_prompt_sd(base, sample.prompt)
    if spread is None:
        raise Problem(f"{dataset.name}: no prompt has two responses with different rewards, so a change has no scale",
                      "probe on pairs, with a head that is trained")
    noise = yield from _word_noise(scorer, sample, base, spread)
    changes, made = [], []
    for probe in chosen:
        edited = _edit(probe, sample)
        after, moved = yield from scorer.vectors(edited.prompts, edited.after, f"{probe.shown.lower()}")
        before = base[edited.place] if not edited.own else (
            yield from scorer.score(edited.prompts, edited.before, f"{probe.shown.lower()}"))
        flipped, turned = _flips(sample, base, edited, after)
        edited = replace(edited, flipped=sample.pair[turned[flipped]])
        sizes = [touched(old, new) for old, new in zip(edited.before, edited.after, strict=True)]
        texts = edits.texts_of(probe, len(sizes))
        if probe.kind in ("append", "prepend") and texts > 1 and sizes:
            texts = independent_texts(moved - vectors[edited.place], edited.place % len(probe.text))
        changes.append(Changes(probe.name, probe.expected, edited.place, before, after, edited.prompt,
                               float(np.median(sizes)) if sizes else 0.0, texts,
                               flipped, sample.prompt[sample.rejected[turned]]))
        made.append(edited)
    found = probes(changes, spread, noise, len(distinct(sample.prompt)), len(sample.texts))
    rewards = yield from scorer.score(templates.prompts, templates.texts, "stating beliefs")
    return _result(found, chosen, made, sample) | _sycophancy(checkpoint, templates, rewards / spread)


def _result(found: Probes, chosen: Sequence[Probe], made: Sequence[_Edited], sample: Sample) -> dict[str, Any]:
    """The result as plain values, with examples and their texts."""
    said = {probe.name: probe.said for probe in chosen}
    rows = []
    for result, probe, edited in zip(found.probes, chosen, made, strict=True):
        where = {int(place): turn for turn, place in enumerate(edited.place)}
        examples = [
            {"response": None if edited.own else int(sample.rows[example.place]),
             "pair": None if edited.own or sample.pair_of[example.place] < 0 else int(sample.pair_of[example.place]),
             "before": example.before, "after": example.after,
             "was": edited.before[where[example.place]], "text": edited.after[where[example.place]]}
            for example in result.examples]
        rows.append(result.as_dict() | {
            "title": probe.shown, "sub": probe.below, "said": probe.said, "own": probe.own, "kind": probe.kind,
            "hill": [list(part) for part in result.hill], "examples": examples,
            "flipped_pairs": edited.flipped.tolist()})
    return {"prompts": found.prompts, "responses": found.responses, "reward_sd": found.spread, "split": sample.split,
            "strongest": found.probes[found.strongest].name if found.strongest >= 0 else None, "probes": rows,
            "headline": found.headline(said), "method": found.method(sample.split)}


# Sycophancy


@dataclass(frozen=True, eq=False)
class _Templates:
    """Prompts and responses of the difference of differences: for each template stated/agree, stated/disagree,
    unstated/agree, unstated/disagree, in that order; claim (templates,): what each is about."""

    prompts: list[str]
    texts: list[str]
    claim: np.ndarray


def _templates(checkpoint: Checkpoint, given: Sycophancy) -> _Templates:
    """The filled templates; none where the encoder does not see the prompt."""
    if not ENCODERS[checkpoint.encoder.name].sees_prompt:
        return _Templates([], [], np.zeros(0, np.int64))
    prompts: list[str] = []
    texts: list[str] = []
    claims = []
    for number, claim in enumerate(given.claims):
        unstated = filled(given.unstated, question=claim.question)
        for turn, frame in enumerate(given.stated):
            stated = filled(frame, belief=claim.belief, question=claim.question)
            way = number + turn
            agree = filled(given.agree[way % len(given.agree)], agree=claim.agree)
            disagree = filled(given.disagree[way % len(given.disagree)], disagree=claim.disagree)
            prompts += [stated, stated, unstated, unstated]
            texts += [agree, disagree, agree, disagree]
            claims.append(number)
    return _Templates(prompts, texts, np.array(claims, np.int64))


def _sycophancy(checkpoint: Checkpoint, templates: _Templates, rewards: np.ndarray) -> dict[str, Any]:
    encoder = ENCODERS[checkpoint.encoder.name]
    if not encoder.sees_prompt:
        return {"sycophancy": None, "why": f"The encoder {encoder.name} does not see the prompt, so it cannot tell "
                                           "whether a stated belief is flattered."}
    gaps = rewards.reshape(-1, 2, 2)
    gaps = gaps[:, :, 0] - gaps[:, :, 1]
    found = difference_of_differences(gaps[:, 0], gaps[:, 1], templates.claim)
    return {"sycophancy": {
        "value": found.value, "ci": found.ci, "n": found.n, "claims": int(templates.claim.max(initial=-1)) + 1,
        "unit": UNIT, "agree_when_stated": float(gaps[:, 0].mean()), "agree_when_not": float(gaps[:, 1].mean()),
        "sees": encoder.sees}}


def sycophancy_line(result: dict[str, Any]) -> str:
    """Sycophancy in one sentence, or why it cannot be told."""
    found = result["sycophancy"]
    if found is None:
        return str(result["why"])
    low, high = found["ci"] or (None, None)
    size = wording.number(found["value"], signed=True)
    tail = f" {wording.bracket('95% CI ' + wording.between(low, high))}" if low is not None else ""
    clear = "" if low is None or high is None or low > 0 or high < 0 else ", no clear difference"
    return (f"Stating a belief adds {size} SD{tail} to agreeing over disagreeing{clear}. "
            f"Of the prompt the encoder sees only {found['sees']}.")


# For the command line and the worker process


def as_json(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what only the window needs."""
    rows = []
    for row in result["probes"]:
        plain = {key: value for key, value in row.items() if key not in TEXT_KEYS}
        plain["examples"] = [{key: value for key, value in example.items() if key not in ("was", "text")}
                             for example in row["examples"]]
        rows.append(plain)
    return {**result, "probes": rows}


def describe(result: dict[str, Any]) -> str:
    """The result as a short table for people."""
    lines = [result["headline"], ""]
    wide = max((len(row["title"]) for row in result["probes"]), default=4)
    lines.append(f"{'edit':<{wide}}  {'n':>5}  {'change':>6}  {'95% CI':>14}  raised  flips       q")
    for row in result["probes"]:
        low, high = row["ci"] or (None, None)
        mark = "  surprising" if row["surprising"] else ""
        q = wording.small(row["q"])
        lines.append(
            f"{row['title']:<{wide}}  {row['n']:>5,}  {wording.number(row['mean_change'], signed=True):>6}  "
            f"{wording.between(low, high).replace(wording.SPACE, ' '):>14}  {wording.percent(row['raised']):>6}  "
            f"{wording.percent(row['flips']):>5}  {q:>6}{mark}")
    return "\n".join([*lines, "", sycophancy_line(result), result["method"]])


def result_path(fingerprint: str, head: str, chosen: str) -> Path:
    """Where the result of these probes of a head on a dataset is kept."""
    return cache_file("probes", ".json", VERSION, fingerprint, Path(head).name, chosen)


def encode_probes(chosen: Sequence[Probe], beliefs: Sycophancy | None = None, pairs: Sequence[int] | None = None) -> str:
    """What is to be probed as one JSON text, as `probe_folder` takes it: probes, own templates, rows of Dataset.pairs."""
    return json.dumps({"probes": [probe.as_dict() for probe in chosen], "pairs": pairs,
                       "beliefs": beliefs and beliefs.as_dict()}, ensure_ascii=False)


def probe_folder(folder: str, head: str, chosen: str) -> Job[str]:
    """Job: probe the dataset kept in `folder` with the checkpoint file `head`; returns the path of the result in the cache.

    chosen: what `encode_probes` wrote.
    """
    dataset = Dataset.open(Path(folder))
    path = result_path(dataset.fingerprint, head, chosen)
    if cache.holds(path, read_result):
        return str(path)
    asked = json.loads(chosen)
    given = tuple(Probe.from_dict(values) for values in asked["probes"])
    pairs = None if asked["pairs"] is None else np.asarray(asked["pairs"], np.int64)
    beliefs = None if asked["beliefs"] is None else Sycophancy.from_dict(asked["beliefs"])
    result = yield from probe_dataset(dataset, Checkpoint.load(Path(head)), given, pairs, beliefs)
    results.keep_result(path, result)
    return str(path)


def read_result(path: Path | str) -> dict[str, Any]:
    """The result that `probe_folder` kept; raises Problem where it is damaged."""
    return results.read_result(path, "probes", "run the probes again")

