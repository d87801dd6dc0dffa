"""The default encoder: surface features of style beside latent semantic analysis of the words, each standardised.

No download, no labels, two cores: on a few thousand pairs it beats TF-IDF by two to three points of held-out accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from rmexplorer.data.features import FEATURES, FLAGS, SHARES, TOKEN, surface
from rmexplorer.encoders import Encoder, EncoderState, Setting, encoder
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem

PLAIN = FLAGS | SHARES | {"length_to_prompt"}
"""Style features that enter as they are; all others as log(1 + x)."""
LSA_WEIGHT = 0.6
CLIP = 4.0
FIT_TEXTS, VOCABULARY_LIMIT, MINIMUM_TEXTS = 40_000, 32_768, 2
POWER_ITERATIONS, OVERSAMPLING = 4, 16


def style(prompts: pl.Series, responses: pl.Series, names: list[str]) -> np.ndarray:
    """(rows, names + 1) float32: the surface features, counts as logarithms, and the square of log characters."""
    frame = surface(prompts, responses)
    # logarithms by polars, whose scalar code gives a row the same bits whatever block it stands in
    frame = frame.select(*(pl.col(name) if name in PLAIN else pl.col(name).cast(pl.Float64).log1p().cast(pl.Float32)
                           for name in names),
                         pl.col("characters").cast(pl.Float64).log1p().pow(2).cast(pl.Float32).alias("characters_squared"))
    return frame.to_numpy(order="c")


def tokens(responses: pl.Series) -> pl.DataFrame:
    """A row a token, in order: `row` of the response and `token` (a lower-case word or a punctuation mark)."""
    low = pl.col("token").fill_null("").str.to_lowercase().str.replace_all("’", "'", literal=True)
    return pl.DataFrame({"token": responses.cast(pl.String)}).with_row_index("row").with_columns(
        low.str.extract_all(TOKEN)).explode("token").drop_nulls()


def vocabulary_of(found: pl.DataFrame) -> tuple[pl.Series, np.ndarray]:
    """The words that stand in at least two texts, most frequent kept and sorted, and in how many texts each stands."""
    texts = found.unique().group_by("token").len().filter(pl.col("len") >= MINIMUM_TEXTS)
    texts = texts.sort("len", "token", descending=[True, False]).head(VOCABULARY_LIMIT).sort("token")
    return texts["token"], texts["len"].to_numpy().astype(np.float64)


def weights(found: pl.DataFrame, rows: int, words: pl.Enum, idf: np.ndarray) -> Any:
    """Sparse (rows, vocabulary) float32: (1 + log count) x idf, each row of length 1; unknown words are left out."""
    from scipy.sparse import csr_matrix

    known = found.select("row", pl.col("token").cast(words, strict=False).to_physical()).drop_nulls()
    row, word = known["row"].to_numpy(), known["token"].to_numpy()
    starts = np.searchsorted(row, np.arange(rows + 1))
    matrix = csr_matrix((np.ones(len(row)), word.astype(np.int32), starts), shape=(rows, len(idf)))
    matrix.sum_duplicates()
    weight = (1.0 + np.log(matrix.data)) * idf[matrix.indices]
    owner = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    length = np.sqrt(np.bincount(owner, weight * weight, minlength=rows))
    matrix.data = (weight / length[owner]).astype(np.float32)
    return matrix


def singular(matrix: Any, wanted: int, seed: int) -> Job[np.ndarray]:
    """Job: the right singular vectors (columns, <= wanted) float32 of a sparse matrix, largest first.

    Randomised range finder with power iterations (Halko, Martinsson, Tropp 2011); directions without weight are dropped.
    """
    size = min(wanted + OVERSAMPLING, *matrix.shape)
    if size == 0:
        return np.zeros((matrix.shape[1], 0), dtype=np.float32)
    basis = np.random.default_rng(seed).standard_normal((matrix.shape[1], size)).astype(np.float32)
    turned = matrix.T.tocsr()
    for step in range(POWER_ITERATIONS):
        basis = np.linalg.qr(matrix @ basis)[0]
        basis = np.linalg.qr(turned @ basis)[0]
        yield Progress(step + 1, POWER_ITERATIONS + 1, "finding topics")
    basis = np.linalg.qr(matrix @ basis)[0]
    _, strength, right = np.linalg.svd((turned @ basis).T, full_matrices=False)
    kept = int((strength[:wanted] > 1e-4 * strength[0]).sum()) if strength[0] > 0 else 0
    right = right[:kept].T
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(kept)]) if kept else np.ones(0)
    return np.ascontiguousarray(right * signs, dtype=np.float32)


class _Ready:
    """What a state is turned into once for many calls."""

    def __init__(self, state: EncoderState) -> None:
        joined = state.arrays["vocabulary"].tobytes().decode("utf-8")
        words = joined.split("\n") if joined else []
        self.words = pl.Enum(words)
        self.idf = state.arrays["idf"]
        self.components = state.arrays["components"]
        self.mean, self.scale = state.arrays["mean"], state.arrays["scale"]
        self.style = [str(name) for name in state.meta["style"]]
        wide = len(self.style) + 1 + self.components.shape[1]
        if not (self.idf.shape == (len(words),) and self.components.shape[0] == len(words)
                and self.mean.shape == self.scale.shape == (wide,) and set(self.style) <= set(FEATURES)):
            raise ValueError("sizes of its parts do not fit")


_ready: WeakKeyDictionary[EncoderState, _Ready] = WeakKeyDictionary()


def _prepared(state: EncoderState) -> _Ready:
    found = _ready.get(state)
    if found is None:
        if state.meta.get("version") != Lexical.version:
            raise Problem(f"this model's encoder is lexical version {state.meta.get('version')}, which this program "
                          f"(version {Lexical.version}) does not read", "train it again, or use the program that made it")
        try:
            found = _ready[state] = _Ready(state)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, pl.exceptions.PolarsError) as error:
            raise Problem(f"the state of the encoder lexical is damaged ({error})", "train the model again") from error
    return found


def _raw(ready: _Ready, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
    """(rows, d) float32 before standardising: [style | LSA]."""
    matrix = weights(tokens(responses), len(responses), ready.words, ready.idf)
    # sparse by dense runs row by row in one order, so a vector has the same bits alone and in a block
    return np.hstack([style(prompts, responses, ready.style), np.asarray(matrix @ ready.components)])


@encoder
class Lexical(Encoder):
    """[style | 0.6 x LSA], standardised on the texts it was fitted on and clipped at four standard deviations."""

    name = "lexical"
    title = "Style and words"
    sentence = "Some 50 features of length and style beside 128 topics found in the words. Learns from your texts in seconds."
    sees_prompt = True
    sees = "which words the response shares with the prompt, and how long the prompt is"
    settings = {
        "components": Setting(128, "Number of topics (LSA); more help only with many thousand pairs.", 0, 1024),
        "svd_texts": Setting(10_000, "Topics are found in at most so many texts, drawn at random.", 100, 1_000_000),
        "seed": Setting(0, "Draws the texts and starts the search for topics.", 0, 2**31 - 1),
    }

    def fit(self, prompts: pl.Series, responses: pl.Series, settings: Mapping[str, Any] | None = None) -> Job[EncoderState]:
        """Job: vocabulary, topics, means and deviations from texts; from a sample of 40,000 where there are more."""
        chosen = self.resolve(settings)
        draw = np.random.default_rng(chosen["seed"])
        yield Progress(0, 3, "learning the words")
        if len(responses) > FIT_TEXTS:
            sample = pl.Series(np.sort(draw.choice(len(responses), FIT_TEXTS, replace=False)))
            prompts, responses = prompts.gather(sample), responses.gather(sample)
        found = tokens(responses)
        yield Progress(1, 3, "learning the words")
        words, texts = vocabulary_of(found)
        idf = np.log((1.0 + len(responses)) / (1.0 + texts)) + 1.0
        yield Progress(2, 3, "learning the words")
        matrix = weights(found, len(responses), pl.Enum(words), idf)
        few = matrix
        if len(responses) > chosen["svd_texts"]:
            few = matrix[np.sort(draw.choice(len(responses), chosen["svd_texts"], replace=False))]
        components = yield from singular(few, chosen["components"], chosen["seed"])
        names = list(FEATURES)
        raw = np.hstack([style(prompts, responses, names), np.asarray(matrix @ components)])
        yield Progress(POWER_ITERATIONS + 1, POWER_ITERATIONS + 1, "finding topics")
        mean, scale = raw.mean(axis=0, dtype=np.float64), raw.std(axis=0, dtype=np.float64)
        if not len(raw):
            mean, scale = np.zeros(raw.shape[1]), np.ones(raw.shape[1])
        scale[scale < 1e-6] = 1.0
        arrays = {
            "vocabulary": np.frombuffer("\n".join(words).encode("utf-8"), dtype=np.uint8), "idf": idf,
            "components": components, "mean": mean.astype(np.float32), "scale": scale.astype(np.float32),
        }
        meta = {"version": self.version, "style": names, "texts": len(responses), "words": len(words),
                "topics": components.shape[1]}
        return EncoderState(self.name, dict(chosen), arrays, meta)

    def width(self, state: EncoderState) -> int:
        """The number of style features and topics."""
        return len(state.arrays["mean"])

    def encode_block(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
        """(rows, d) float32; the values lie within +-4 for style and +-2.4 for topics."""
        ready = _prepared(state)
        vectors = _raw(ready, prompts, responses)
        vectors -= ready.mean
        vectors /= ready.scale
        np.clip(vectors, -CLIP, CLIP, out=vectors)
        vectors[:, len(ready.style) + 1:] *= np.float32(LSA_WEIGHT)
        return vectors
