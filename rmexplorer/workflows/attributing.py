"""Why this reward: leave one out over the words of a response, and the nearest training pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.analysis.attribution import (
    DOING,
    Attribution,
    WordEffects,
    cut,
    left_out,
    plain_word,
    shares,
    word_effects,
)
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.measure import char_count
from rmexplorer.data.phrases import blanked
from rmexplorer.encoders import ENCODERS, encode_texts
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import measured
from rmexplorer.statistics import distinct
from rmexplorer.workflows.encoding import encoded, nearest
from rmexplorer.workflows.scoring import heldout_of

BATCH, BLOCK = 64, 16  # texts that are scored at once; responses whose words are left out at once
MOST_RESPONSES = 300
MOST_BY_GRADIENT = 3_000
MOST_GRADIENT = 2_000  # words that are split one by one: one pass gives them all
MOST_INPUTS = 6
NEAREST = 3


def score_texts(checkpoint: Checkpoint, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
    """Calibrated rewards (n,) float64 of a few texts at once, as people see them."""
    return score_vectors(checkpoint, prompts, responses)[0]


def score_vectors(checkpoint: Checkpoint, prompts: Sequence[str], responses: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same, and the vectors (n, d) float32 that the head reads."""
    if not len(responses):
        return np.zeros(0), np.zeros((0, checkpoint.model.input_dim), np.float32)
    vectors = encode_texts(checkpoint.encoder, prompts, responses)
    return np.asarray(checkpoint.rewards(vectors, measures_of(checkpoint, prompts, responses)), np.float64), vectors


def measures_of(checkpoint: Checkpoint, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
    """What the rewards of these texts need besides vectors: characters (n,), or the features (n, k) of the residual."""
    plain = checkpoint.encoder.plain(pl.Series("response", list(responses), dtype=pl.String))
    if checkpoint.measures:
        return measured(checkpoint.measures, pl.Series("prompt", list(prompts), dtype=pl.String), plain)
    return char_count(plain)


def explain(checkpoint: Checkpoint, prompt: str, response: str, method: str = "leave_one_out") -> Job[Attribution]:
    """Job: what each word of a response (of a long one each sentence) adds to its reward, by one of METHODS.

    Raises Problem where gradient × input is asked of an encoder that is no sum over words.
    """
    text = response.strip()
    if method == "gradient":
        yield Progress(0, 1, "taking the gradient")
        scored, vectors = score_vectors(checkpoint, [prompt], [text])
        return by_gradient(checkpoint, prompt, text, float(scored[0]), vectors[0])
    pieces, unit = cut(text)
    texts = [text, "", *left_out(pieces)]
    scored = np.zeros(len(texts))
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        scored[start : start + len(part)] = score_texts(checkpoint, [prompt] * len(part), part)
        yield Progress(start + len(part), len(texts), "leaving words out")
    whole, empty = float(scored[0]), float(scored[1])
    weights = whole - scored[2:]
    rest = (("empty response", empty), ("overlap", whole - empty - float(weights.sum())))
    return Attribution(tuple(zip(pieces, weights.tolist(), strict=True)), unit, whole, method, rest)


def why_no_gradient(checkpoint: Checkpoint) -> str:
    """'' where words have an exact part in the head's input, else why not."""
    found = ENCODERS[checkpoint.encoder.name].word_parts(checkpoint.encoder, "", "a word")
    return "" if found is not None else f"The encoder {checkpoint.encoder.name} is no sum over words: leave one out instead."


def by_gradient(checkpoint: Checkpoint, prompt: str, text: str, reward: float, vector: np.ndarray) -> Attribution:
    """Gradient × input over the words of a stripped response; pieces and rest add up to its reward.

    reward, vector (d,): what `score_vectors` gives of it.
    """
    state = checkpoint.encoder
    plain = str(state.plain(pl.Series("response", [text], dtype=pl.String))[0])
    parts = ENCODERS[state.name].word_parts(state, prompt, plain)
    if parts is None:
        raise Problem(why_no_gradient(checkpoint).split(":")[0].replace("The", "the", 1), "choose leave one out")
    gradient, constant = checkpoint.model.gradient(vector)
    gradient, constant = gradient / checkpoint.temperature, constant / checkpoint.temperature
    pieces, unit = cut(text, MOST_GRADIENT)
    worth, unplaced = shares(pieces, blanked(text, state.removed), parts.tokens, parts.parts @ gradient)
    named = np.array([bool(name) for name in parts.names])
    inputs = gradient * vector
    style = float(inputs[named].sum())
    constant += float(inputs[~named].sum() - (parts.parts @ gradient).sum())  # topics are centred on the training texts
    if checkpoint.residual is not None:
        style -= float(checkpoint.residual.at(measures_of(checkpoint, [prompt], [text]))[0]) / checkpoint.temperature
    rest = [("style and length", style), ("constant", constant)]
    if unplaced:
        rest.insert(0, ("words not placed", unplaced))
    by_name: dict[str, float] = {}
    for name, value in zip(parts.names, inputs.tolist(), strict=True):
        if name:  # a feature may enter twice: as it is and as a rate
            by_name[name.removesuffix("_rate")] = by_name.get(name.removesuffix("_rate"), 0.0) + value
    largest = sorted(by_name.items(), key=lambda part: -abs(part[1]))[:MOST_INPUTS]
    return Attribution(tuple(zip(pieces, worth.tolist(), strict=True)), unit, reward, "gradient", tuple(rest), tuple(largest))


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


def responses_to_explain(dataset: Dataset, checkpoint: Checkpoint, pairs: np.ndarray | None = None) -> np.ndarray:
    """Rows of Dataset.responses of these pairs (rows); if None, of pairs the head has not learnt from (all if it learnt all)."""
    if pairs is None:
        held = heldout_of(dataset, checkpoint)
        pairs = np.flatnonzero(held) if held.any() else np.arange(len(dataset))
    return distinct(np.concatenate([dataset.chosen[pairs], dataset.rejected[pairs]]).astype(np.int64))


def words_that_pay(dataset: Dataset, checkpoint: Checkpoint, pairs: np.ndarray | None = None,
                   method: str = "leave_one_out", seed: int = 0) -> Job[WordEffects]:
    """Job: what each word adds on average over the responses of `pairs` (rows of Dataset.pairs; held-out ones if None).

    By one of METHODS, over the responses that `drawn` gives.
    """
    rows, drawn_from = drawn(responses_to_explain(dataset, checkpoint, pairs), method, seed)
    return (yield from words_of_responses(dataset, checkpoint, rows, drawn_from, method))


def drawn(rows: np.ndarray, method: str, seed: int = 0) -> tuple[np.ndarray, int]:
    """At most 300 of these rows (3,000 for the gradient, one pass each), drawn by `seed`; and of how many, 0 if all."""
    most = MOST_RESPONSES if method == "leave_one_out" else MOST_BY_GRADIENT
    if len(rows) <= most:
        return rows, 0
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)), len(rows)


def words_of_responses(dataset: Dataset, checkpoint: Checkpoint, rows: np.ndarray, drawn_from: int,
                       method: str) -> Job[WordEffects]:
    """Job: the same over these rows of Dataset.responses; those that are cut into sentences are left out."""
    owner = dataset.responses["prompt"].to_numpy()
    texts = [(text or "").strip() for text in dataset.responses["text"].gather(rows)]
    prompts = dataset.prompts["text"].gather(owner[rows]).fill_null("").to_list()
    words: list[str] = []
    changes: list[float] = []
    places: list[int] = []
    weigh, block = (_pieces_by_gradient, BATCH) if method == "gradient" else (_pieces_left_out, BLOCK)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        for row, pieces in zip(rows[part].tolist(), weigh(checkpoint, prompts[part], texts[part]), strict=True):
            for piece, weight in pieces:
                words.append(plain_word(piece))
                changes.append(weight)
                places.append(row)
        yield Progress(min(start + block, len(rows)), len(rows), DOING[method])
    response = np.array(places, np.int64)
    return word_effects(words, np.array(changes), response, owner[response].astype(np.int64), by=method, drawn_from=drawn_from)


Pieces = list[tuple[str, float]]


def _pieces_by_gradient(checkpoint: Checkpoint, prompts: Sequence[str], texts: Sequence[str]) -> list[Pieces]:
    """The words of each stripped text with their worth; none of one that is cut into sentences."""
    scored, vectors = score_vectors(checkpoint, prompts, texts)  # in one block: one by one costs ten times as much
    found = [by_gradient(checkpoint, prompt, text, float(reward), vector)
             for prompt, text, reward, vector in zip(prompts, texts, scored, vectors, strict=True)]
    return [list(one.pieces) if one.unit == "word" else [] for one in found]


def _pieces_left_out(checkpoint: Checkpoint, prompts: Sequence[str], texts: Sequence[str]) -> list[Pieces]:
    """The same, each word left out in turn."""
    cuts = [pieces if unit == "word" else [] for pieces, unit in map(cut, texts)]
    shorter = [[text, *left_out(pieces)] for text, pieces in zip(texts, cuts, strict=True)]
    of = [prompt for prompt, several in zip(prompts, shorter, strict=True) for _ in several]
    scored = score_texts(checkpoint, of, [text for several in shorter for text in several])
    ends = np.cumsum([len(several) for several in shorter])
    return [list(zip(pieces, (whole[0] - whole[1:]).tolist(), strict=True))
            for pieces, whole in zip(cuts, np.split(scored, ends[:-1]), strict=True)]


def as_json(found: WordEffects) -> dict[str, Any]:
    """The words as plain values."""
    return {side: [{"word": effect.word, "mean_change": effect.change.value, "ci": effect.change.ci,
                    "n": effect.change.n, "q": effect.q} for effect in getattr(found, side)]
            for side in ("pays", "costs")} | {
        "responses": found.responses, "words": found.words, "method": found.by, "drawn_from": found.drawn_from,
        "headline": found.headline()}


def explained(checkpoint: Checkpoint, method: str) -> Callable[[str, str], Job[dict[str, Any]]]:
    """What `score --explain` writes of a prompt and a response, as a job: pieces and rest add up to the reward."""

    def job(prompt: str, response: str) -> Job[dict[str, Any]]:
        found = yield from explain(checkpoint, prompt, response, method)
        return {"method": found.method, "unit": found.unit, "pieces": [list(piece) for piece in found.pieces],
                "rest": dict(found.rest)}

    return job
