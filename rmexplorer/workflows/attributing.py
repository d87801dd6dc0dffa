"""Why this reward: leave one out over the words of a response, and the nearest training pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.analysis.attribution import Attribution, WordEffects, cut, left_out, plain_word, word_effects
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.measure import char_count
from rmexplorer.encoders import encode_texts
from rmexplorer.job import Job, Progress
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows.encoding import encoded, nearest
from rmexplorer.workflows.scoring import heldout_of

BATCH = 64
MOST_RESPONSES = 300
NEAREST = 3


def score_texts(checkpoint: Checkpoint, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
    """Calibrated rewards (n,) float64 of a few texts at once, as people see them."""
    if not len(responses):
        return np.zeros(0)
    vectors = encode_texts(checkpoint.encoder, prompts, responses)
    characters = char_count(checkpoint.encoder.plain(pl.Series("response", list(responses), dtype=pl.String)))
    return np.asarray(checkpoint.rewards(vectors, characters), np.float64)


def explain(checkpoint: Checkpoint, prompt: str, response: str) -> Job[Attribution]:
    """Job: what each word of a response (beyond 200 words each sentence) adds: exact differences of rewards."""
    text = response.strip()
    pieces, unit = cut(text)
    texts = [text, *left_out(pieces)]
    scored = np.zeros(len(texts))
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        scored[start : start + len(part)] = score_texts(checkpoint, [prompt] * len(part), part)
        yield Progress(start + len(part), len(texts), "leaving words out")
    weights = scored[0] - scored[1:]
    return Attribution(tuple(zip(pieces, weights.tolist(), strict=True)), unit, float(scored[0]))


def nearest_training(dataset: Dataset, checkpoint: Checkpoint, response: int) -> Job[list[tuple[int, float, bool]]]:
    """Job: the training pairs nearest to a response: (row of Dataset.pairs, cosine, was that side chosen?), nearest first.

    Pairs of the response's own prompt are left out. Empty where the head did not learn from this dataset.
    """
    if checkpoint.dataset_fingerprint != dataset.fingerprint:
        yield Progress(1, 1, "comparing with training responses")
        return []
    vectors = yield from encoded(dataset, checkpoint.encoder)
    pairs = np.flatnonzero(~heldout_of(dataset, checkpoint) & ~dataset.tie)
    own = int(dataset.responses["prompt"][response])
    pairs = pairs[dataset.prompt[pairs] != own]
    both = np.concatenate([dataset.chosen[pairs], dataset.rejected[pairs]]).astype(np.int64)
    rows, first = np.unique(both, return_index=True)
    if not len(rows):
        return []
    close, cosines = yield from nearest(vectors, rows, np.asarray(vectors[response]), NEAREST)
    places = first[np.searchsorted(rows, close)]
    return [(int(pairs[place % len(pairs)]), float(cosine), bool(place < len(pairs)))
            for place, cosine in zip(places, cosines, strict=True)]


def responses_to_explain(dataset: Dataset, checkpoint: Checkpoint, seed: int = 0) -> np.ndarray:
    """At most 300 rows of Dataset.responses, drawn from pairs that the head has not learnt from (all if it learnt all)."""
    held = heldout_of(dataset, checkpoint)
    pairs = np.flatnonzero(held) if held.any() else np.arange(len(dataset))
    rows = np.unique(np.concatenate([dataset.chosen[pairs], dataset.rejected[pairs]]).astype(np.int64))
    if len(rows) > MOST_RESPONSES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_RESPONSES, replace=False))
    return rows


def words_that_pay(dataset: Dataset, checkpoint: Checkpoint, rows: np.ndarray | None = None) -> Job[WordEffects]:
    """Job: mean effect of each word, left out in turn, over `rows` of Dataset.responses (drawn if None)."""
    rows = responses_to_explain(dataset, checkpoint) if rows is None else rows
    owner = dataset.responses["prompt"].to_numpy()
    texts, prompts = dataset.responses["text"], dataset.prompts["text"]
    words: list[str] = []
    changes: list[float] = []
    of: list[int] = []
    for done, row in enumerate(rows.tolist()):
        found = yield from explain(checkpoint, prompts[int(owner[row])] or "", texts[row] or "")
        if found.unit == "word":
            for piece, weight in found.pieces:
                words.append(plain_word(piece))
                changes.append(weight)
                of.append(row)
        yield Progress(done + 1, len(rows), "leaving words out")
    response = np.array(of, np.int64)
    return word_effects(words, np.array(changes), response, owner[response].astype(np.int64))


def as_json(found: WordEffects) -> dict[str, Any]:
    """The words as plain values."""
    return {side: [{"word": effect.word, "mean_change": effect.change.value, "ci": effect.change.ci,
                    "n": effect.change.n, "q": effect.q} for effect in getattr(found, side)]
            for side in ("pays", "costs")} | {"responses": found.responses, "words": found.words}
