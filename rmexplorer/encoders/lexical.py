"""The default encoder: surface features of style beside latent semantic analysis of the words, each standardised.

No download, no labels, two cores: on a few thousand pairs it beats TF-IDF by two to three points of held-out accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from rmexplorer.data.features import FEATURES, FLAGS, SHARES, TOKEN, surface
from rmexplorer.encoders import Encoder, EncoderState, Setting, WordParts, cuts, encoder
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem

PLAIN = FLAGS | SHARES | {"length_to_prompt"}
"""Style features that enter as they are; all others as log(1 + x)."""
RATES = ("hedges", "certainty", "apologies", "refusals", "politeness", "negations", "first_person", "second_person",
         "connectives", "commas", "questions", "exclamations", "capitals", "digits", "quotes")
"""Style features that enter a second time, for each word of the response."""
RATE_WORDS = 5.0
"""Added to the words that a rate is taken over, so that a single phrase in a short text does not outshine all else."""
TOPIC_WEIGHT = 0.6
CLIP = 4.0
SHRINKAGE_WORDS = 10.0
"""Added to the different words that the topics of a response are a mean over, so that a few words say less than many."""
FIT_TEXTS, VOCABULARY_LIMIT, MINIMUM_TEXTS = 40_000, 32_768, 2
POWER_ITERATIONS, OVERSAMPLING = 4, 16


def style(prompts: pl.Series, responses: pl.Series, names: Sequence[str], rates: Sequence[str]) -> np.ndarray:
    """(rows, names + rates + 1) float32: surface features, counts as logarithms; rates; the square of log characters."""
    # logarithms by polars, whose scalar code gives a row the same bits whatever block it stands in
    def log(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Float64).log1p()

    frame = surface(prompts, responses).select(
        *(pl.col(name) if name in PLAIN else log(name).cast(pl.Float32) for name in names),
        *((pl.col(name) / (pl.col("words") + RATE_WORDS)).cast(pl.Float32).alias(f"{name}_rate") for name in rates),
        log("characters").pow(2).cast(pl.Float32).alias("characters_squared"))
    return frame.to_numpy(order="c")


def tokens(responses: pl.Series) -> pl.DataFrame:
    """A row a token, in order: `row` of the response and `token` (a lower-case word or a punctuation mark)."""
    low = pl.col("token").fill_null("").str.to_lowercase().str.replace_all("’", "'", literal=True)
    return pl.DataFrame({"token": responses.cast(pl.String)}).with_row_index("row").with_columns(
        low.str.extract_all(TOKEN)).explode("token").drop_nulls()


def vocabulary_of(responses: pl.Series) -> Job[tuple[pl.Series, np.ndarray]]:
    """Job: the words that stand in at least two texts (most frequent kept), sorted, and the number of texts of each."""
    counts = pl.DataFrame(schema={"token": pl.String, "len": pl.UInt32})
    for rows in cuts(responses):
        block = tokens(responses[rows]).unique().group_by("token").len()
        counts = pl.concat([counts, block.cast({"len": pl.UInt32})]).group_by("token").sum()
        yield Progress(rows.stop, len(responses), "learning the words")
    counts = counts.filter(pl.col("len") >= MINIMUM_TEXTS)
    counts = counts.sort("len", "token", descending=[True, False]).head(VOCABULARY_LIMIT).sort("token")
    return counts["token"], counts["len"].to_numpy().astype(np.float64)


def weights(found: pl.DataFrame, rows: int, words: pl.Enum, idf: np.ndarray, mean: bool = False) -> Any:
    """Sparse (rows, vocabulary) float32: (1 + log count) x idf, each row of length 1; unknown words are left out.

    mean: divide each row by its number of different words, SHRINKAGE_WORDS added, instead of by its length. Rows of
    length 1 suit the search for topics, a mean over words suits what a head reads: the head gains 0.3 points on 20,000
    synthetic pairs and 0.2 on HH (4 and 16 splits by prompt).
    """
    from scipy.sparse import csr_matrix

    known = found.select("row", pl.col("token").cast(words, strict=False).to_physical()).drop_nulls()
    row, word = known["row"].to_numpy(), known["token"].to_numpy()
    starts = np.searchsorted(row, np.arange(rows + 1))
    matrix = csr_matrix((np.ones(len(row)), word.astype(np.int32), starts), shape=(rows, len(idf)))
    matrix.sum_duplicates()
    weight = (1.0 + np.log(matrix.data)) * idf[matrix.indices]
    owner = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    if mean:
        length = np.diff(matrix.indptr) + SHRINKAGE_WORDS
    else:
        length = np.sqrt(np.bincount(owner, weight * weight, minlength=rows))
    matrix.data = (weight / length[owner]).astype(np.float32)
    return matrix


def singular(matrix: Any, wanted: int, seed: int) -> Job[np.ndarray]:
    """Job: the right singular vectors (columns, <= wanted) float32 of a sparse matrix, largest first.

    Randomised range finder with power iterations (Halko, Martinsson, Tropp 2011), without directions of no weight.
    """
    size = min(wanted + OVERSAMPLING, *matrix.shape) if wanted else 0
    if size == 0:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32)
    basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], size)).astype(np.float32)
    turned = matrix.T.tocsr()
    for step in range(POWER_ITERATIONS):
        basis, _ = _turned_to_axes(turned @ _turned_to_axes(matrix @ basis)[0])
        yield Progress(step + 1, POWER_ITERATIONS + 1, "finding topics")
    basis, _ = _turned_to_axes(matrix @ basis)
    right, strength = _turned_to_axes(turned @ basis)
    right = right[:, :min(wanted, int((strength > 1e-4 * strength[:1]).sum()))]
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])]) if right.size else 1.0
    return np.ascontiguousarray(right * signs, dtype=np.float32)


def _turned_to_axes(tall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left singular vectors (rows, <= columns) float32 of a tall matrix, largest first, and its singular values.

    By the eigenvectors of its small Gram matrix in float64: many times faster than QR or SVD, and exact enough here.
    One thread: the products are small, and threads of BLAS that wait for each other stall on a busy machine.
    """
    with threadpool_limits(1, user_api="blas"):
        wide = tall.astype(np.float64)
        values, axes = np.linalg.eigh(wide.T @ wide)
        values, axes = values[::-1], axes[:, ::-1]
        kept = values > 1e-12 * max(values[0], 1e-300)
        strength = np.sqrt(values[kept])
        return (wide @ (axes[:, kept] / strength)).astype(np.float32), strength


class _Ready:
    """What a state is turned into once for many calls."""

    def __init__(self, state: EncoderState) -> None:
        joined = state.arrays["vocabulary"].tobytes().decode("utf-8")
        words = joined.split("\n") if joined else []
        self.words = pl.Enum(words)
        self.idf = state.arrays["idf"]
        self.components = state.arrays["components"]
        self.mean, self.scale = state.arrays["mean"], state.arrays["scale"]
        self.weight = state.arrays["weight"]
        self.style = [str(name) for name in state.meta["style"]]
        self.rates = [str(name) for name in state.meta["rates"]]
        wide = len(self.style) + len(self.rates) + 1 + self.components.shape[1]
        if not (self.idf.shape == (len(words),) and self.components.shape[0] == len(words)
                and self.mean.shape == self.scale.shape == self.weight.shape == (wide,)
                and {*self.style, *self.rates} <= set(FEATURES)):
            raise ValueError("sizes of its parts do not fit")


_ready: WeakKeyDictionary[EncoderState, _Ready] = WeakKeyDictionary()


def _prepared(state: EncoderState) -> _Ready:
    found = _ready.get(state)
    if found is None:
        if state.meta.get("version") != Lexical.version:
            raise Problem(f"this model's encoder is lexical version {state.meta.get('version')}, and this program "
                          f"knows version {Lexical.version} only", "train it again, or use the program that made it")
        try:
            found = _ready[state] = _Ready(state)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, pl.exceptions.PolarsError) as error:
            raise Problem(f"the state of the encoder lexical is damaged ({error})", "train the model again") from error
    return found


def _raw(ready: _Ready, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
    """(rows, d) float32 before standardising: [style | LSA]."""
    matrix = weights(tokens(responses), len(responses), ready.words, ready.idf, mean=True)
    # sparse by dense runs row by row in one order, so a vector has the same bits alone and in a block
    return np.hstack([style(prompts, responses, ready.style, ready.rates), np.asarray(matrix @ ready.components)])


def _sample(draw: np.random.Generator, limit: int, *texts: pl.Series) -> list[pl.Series]:
    """The same at most `limit` rows of each series, drawn at random and kept in order."""
    if len(texts[0]) <= limit:
        return list(texts)
    rows = pl.Series(np.sort(draw.choice(len(texts[0]), limit, replace=False)))
    return [series.gather(rows) for series in texts]


def _matrix(responses: pl.Series, words: pl.Enum, idf: np.ndarray) -> Job[Any]:
    from scipy.sparse import vstack

    blocks = []
    for rows in cuts(responses):
        blocks.append(weights(tokens(responses[rows]), rows.stop - rows.start, words, idf))
        yield Progress(rows.stop, len(responses), "counting the words")
    return vstack(blocks, format="csr")


def _spread(ready: _Ready, prompts: pl.Series, responses: pl.Series) -> Job[dict[str, np.ndarray]]:
    """Job: mean, standard deviation (1 where a value never changes) and weight of each raw value, float32 (d,).

    Style has weight 1. A topic has a weight in proportion to its standard deviation, TOPIC_WEIGHT in the root mean
    square: weighing all topics alike lifts the noise of the last ones (over ten splits by prompt, a linear head gains
    0.4 points on HH harmless-base and 1.7 on 2,000 synthetic pairs).
    """
    blocks = []
    for rows in cuts(responses):
        blocks.append(_raw(ready, prompts[rows], responses[rows]))
        yield Progress(rows.stop, len(responses), "measuring the spread")
    if not blocks:
        return {"mean": ready.mean, "scale": ready.scale, "weight": ready.weight}
    raw = np.vstack(blocks)
    mean, scale = raw.mean(axis=0, dtype=np.float64), raw.std(axis=0, dtype=np.float64)
    topics = raw.shape[1] - ready.components.shape[1]
    weight = np.ones(raw.shape[1])
    typical = np.sqrt(np.mean(scale[topics:] ** 2)) if topics < raw.shape[1] else 0.0
    weight[topics:] = TOPIC_WEIGHT * scale[topics:] / max(typical, 1e-6)
    scale[scale < 1e-6] = 1.0
    return {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32), "weight": weight.astype(np.float32)}


@encoder
class Lexical(Encoder):
    """[style | topics], standardised on the texts it was fitted on, clipped at four deviations, topics then weighed."""

    name = "lexical"
    title = "Style and words"
    sentence = "Some 65 features of length and style beside 128 topics of words. Learns from your texts in seconds."
    version = 3
    sees_prompt = True
    sees = "which words the response shares with the prompt, and how long the prompt is"
    settings: ClassVar[Mapping[str, Setting]] = {
        "components": Setting(128, "Number of topics (LSA); more help only with many thousand pairs.", 0, 1024),
        "svd_texts": Setting(10_000, "Topics are found in at most so many texts, drawn at random.", 100, 1_000_000),
        "seed": Setting(0, "Draws the texts and starts the search for topics.", 0, 2**31 - 1),
    }

    def fit(self, prompts: pl.Series, responses: pl.Series,
            settings: Mapping[str, Any] | None = None) -> Job[EncoderState]:
        """Job: vocabulary, topics, means and deviations from texts; from a sample of 40,000 where there are more."""
        chosen = self.resolve(settings)
        draw = np.random.default_rng(chosen["seed"])
        prompts, responses = _sample(draw, FIT_TEXTS, prompts, responses)
        yield Progress(0, len(responses), "learning the words")
        words, texts = yield from vocabulary_of(responses)
        idf = np.log((1.0 + len(responses)) / (1.0 + texts)) + 1.0
        (few,) = _sample(draw, chosen["svd_texts"], responses)
        components = np.zeros((len(words), 0), dtype=np.float32)
        if chosen["components"] and len(words):
            matrix = yield from _matrix(few, pl.Enum(words), idf)
            components = yield from singular(matrix, chosen["components"], chosen["seed"])
        wide = len(FEATURES) + len(RATES) + 1 + components.shape[1]
        arrays: dict[str, np.ndarray] = {
            "vocabulary": np.frombuffer("\n".join(words).encode("utf-8"), dtype=np.uint8), "idf": idf,
            "components": components, "mean": np.zeros(wide, np.float32), "scale": np.ones(wide, np.float32),
            "weight": np.ones(wide, np.float32),
        }
        meta = {"version": self.version, "style": list(FEATURES), "rates": list(RATES), "texts": len(responses),
                "words": len(words), "topics": components.shape[1]}
        state = EncoderState(self.name, dict(chosen), arrays, meta)
        arrays.update((yield from _spread(_Ready(state), prompts, responses)))
        return state

    def width(self, state: EncoderState) -> int:
        """The number of style features and topics."""
        return len(state.arrays["mean"])

    def vectors_of(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
        """(rows, d) float32; the values of style lie within +-4, those of topics within +-4 times their weight."""
        ready = _prepared(state)
        vectors = _raw(ready, prompts, responses)
        vectors -= ready.mean
        vectors /= ready.scale
        np.clip(vectors, -CLIP, CLIP, out=vectors)
        vectors *= ready.weight
        return vectors

    def word_parts(self, state: EncoderState, prompt: str, response: str) -> WordParts:
        """The topics of a response are a sum over its words, style is not; equal words have equal parts.

        A topic that is clipped no longer moves with its words: it has no part in them.
        """
        ready = _prepared(state)
        found = tokens(pl.Series([response]))
        matrix = weights(found, 1, ready.words, ready.idf, mean=True)
        raw = np.asarray(matrix @ ready.components)[0]
        style_wide = len(ready.mean) - len(raw)
        free = np.abs((raw - ready.mean[style_wide:]) / ready.scale[style_wide:]) <= CLIP
        scale = free * ready.weight[style_wide:].astype(np.float64) / ready.scale[style_wide:]
        word = found["token"].cast(ready.words, strict=False).to_physical()
        times = np.bincount(word.drop_nulls().to_numpy(), minlength=len(ready.idf))
        parts = np.zeros((len(word), len(ready.mean)))
        known = np.flatnonzero(word.is_not_null().to_numpy())
        row = word.gather(known).to_numpy()
        share = matrix.toarray()[0].astype(np.float64)[row] / times[row]
        parts[known, style_wide:] = share[:, None] * ready.components[row] * scale
        rates = (f"{name}_rate" for name in ready.rates)
        names = (*ready.style, *rates, "characters_squared", *[""] * len(raw))
        return WordParts(tuple(found["token"]), parts, names)
