"""Vectors of a dataset by the encoder of a head, kept in the cache: what nearest pairs and shift are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rmexplorer import cache
from rmexplorer.data.dataset import Dataset
from rmexplorer.encoders import ENCODERS, EncoderState, texts_of
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_file
from rmexplorer.reward.checkpoint import Checkpoint, digest

BLOCK_ROWS = 8_192


def _path(dataset: Dataset, encoder: EncoderState) -> Path:
    return cache_file("encoded", ".npy", dataset.fingerprint, encoder.name, digest(encoder.arrays), *encoder.removed)


def is_encoded(dataset: Dataset, encoder: EncoderState) -> bool:
    """Whether the cache has the vectors of all responses, so that `encoded` gives them at once."""
    return cache.holds(_path(dataset, encoder), cache.has_rows(dataset.responses.height))


def encode_folder(folder: str, head: str) -> Job[None]:
    """Job: put the vectors of the dataset kept in `folder` by the encoder of the checkpoint file `head` into the cache."""
    yield from encoded(Dataset.open(Path(folder)), Checkpoint.load(Path(head)).encoder)


def encoded(dataset: Dataset, encoder: EncoderState) -> Job[np.ndarray]:
    """Job: (responses, d) float32 vectors of all responses, memory-mapped from the cache."""
    path = _path(dataset, encoder)
    if not cache.holds(path, cache.has_rows(dataset.responses.height)):
        vectors = yield from ENCODERS[encoder.name].encode(encoder, *texts_of(dataset))
        with cache.writing(path) as part, part.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
    found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def nearest(vectors: np.ndarray, rows: np.ndarray, vector: np.ndarray, most: int) -> Job[tuple[np.ndarray, np.ndarray]]:
    """Job: of `rows` of vectors (n, d) the `most` nearest to a vector (d,) by cosine, and their cosines, nearest first."""
    wanted = vector / max(float(np.linalg.norm(vector)), 1e-12)
    cosines = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = np.asarray(vectors[rows[start : start + BLOCK_ROWS]])
        cosines[start : start + len(block)] = block @ wanted / np.maximum(np.linalg.norm(block, axis=1), 1e-12)
        yield Progress(start + len(block), len(rows), "comparing with training responses")
    best = np.argsort(-cosines, kind="stable")[:most]
    return rows[best], cosines[best]
