"""Place the prompts or responses of a dataset on a map, in the worker process; kept on disk by content and settings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.analysis.projection import (
    FEWEST,
    TextMap,
    group_count,
    group_words,
    groups,
    neighbour_map,
    principal,
    unit_rows,
)
from rmexplorer.data.dataset import Dataset
from rmexplorer.encoders import ENCODERS
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem
from rmexplorer.statistics import distinct

VERSION = 3
MOST_TEXTS = 5_000
DIMENSIONS = 50
"""Dimensions of PCA in which texts are grouped and neighbours are sought."""
HOW = ("pca", "tsne")
REPLY = r"(?s)\n\nAssistant:.*?(?:\n\nHuman: ?|$)"


def texts_to_map(dataset: Dataset, noun: str, most: int = MOST_TEXTS, seed: int = 0) -> tuple[np.ndarray, pl.Series]:
    """Rows (n,) of the prompts or responses with pairs, at most `most` drawn at random, and their texts."""
    sides = dataset.prompt if noun == "prompt" else np.concatenate([dataset.chosen, dataset.rejected])
    rows = distinct(sides).astype(np.int64)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    table = dataset.prompts if noun == "prompt" else dataset.responses
    texts = table["text"].gather(rows).cast(pl.String).fill_null("")
    if noun == "prompt":  # what people asked, without what was replied between
        texts = texts.str.replace(r"^\s*Human: ?", "").str.replace_all(REPLY, "\n\n")
    return rows, texts


def map_texts(folder: str, noun: str, how: str = "pca", encoder: str = "lexical", seed: int = 0) -> Job[str]:
    """Job: the file, for `open_map`, of a map of the Dataset saved at `folder`.

    noun: prompt or response; how: pca, or tsne, which begins where PCA ends. Where the encoder has topics of words, they
    alone are used: a map by length and punctuation would not tell kinds of prompts apart. Raises Problem where the disk is
    full or not writable.
    """
    dataset = Dataset.open(Path(folder))
    rows, texts = texts_to_map(dataset, noun, seed=seed)
    root = cache_dir() / "maps"
    files = {one: root / f"{_key(rows, texts, noun, one, encoder, seed)}.npz" for one in HOW}
    if cache.holds(files[how], _read):
        return str(files[how])
    try:
        root.mkdir(exist_ok=True)
    except OSError as error:
        raise Problem(f"{root}: cannot keep the map ({error.strerror or error})", "free space on this disk") from error
    if cache.holds(files["pca"], _read):
        base = _read(files["pca"])
    else:
        base = yield from _base(dataset, rows, texts, noun, encoder, seed)
        _write(files["pca"], *base)
    placed, reduced = base
    if how == "tsne" and len(placed) >= FEWEST:
        xy = yield from neighbour_map(reduced, placed.xy, seed)
        placed = TextMap(noun, how, placed.rows, xy, placed.group, placed.words, placed.variance, placed.total, encoder)
    if how == "tsne":
        _write(files[how], placed, np.zeros((0, 0)))
    return str(files[how])


def _base(dataset: Dataset, rows: np.ndarray, texts: pl.Series, noun: str, encoder: str,
          seed: int) -> Job[tuple[TextMap, np.ndarray]]:
    """Job: the map by PCA, and (n, DIMENSIONS) vectors in which neighbours are sought."""
    chosen = ENCODERS[encoder]
    texts = texts.rename("response")
    if noun == "prompt":
        beside = pl.Series("prompt", [""] * len(texts), dtype=pl.String)
    else:
        beside = dataset.prompts["text"].gather(dataset.responses["prompt"].gather(rows)).rename("prompt")
    state = yield from chosen.fit(beside, texts)
    vectors = yield from chosen.encode(state, beside, texts)
    topics = int(state.meta.get("topics", 0))
    if topics:
        vectors = vectors[:, -topics:]
    yield Progress(0, 0, "grouping")
    unit = unit_rows(vectors)
    reduced, shares = principal(unit, min(DIMENSIONS, max(2, unit.shape[1])))
    group = groups(reduced, group_count(len(rows)), seed)
    yield Progress(0, 0, "naming the groups")
    words = group_words(texts, group)
    total = dataset.prompts.height if noun == "prompt" else dataset.responses.height
    total = total if len(rows) == MOST_TEXTS else len(rows)
    return TextMap(noun, "pca", rows, reduced[:, :2], group, words, float(shares[:2].sum()), total, encoder), reduced


def open_map(file: str | Path) -> TextMap:
    """The map that `map_texts` kept; raises Problem where it cannot be read."""
    return _read(Path(file))[0]


def _read(file: Path) -> tuple[TextMap, np.ndarray]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:  # closed also where it is no zip
            plain = json.loads(kept["plain"].tobytes().decode("utf-8"))
            arrays = {name: kept[name] for name in ("rows", "xy", "group", "reduced")}
        words = tuple(tuple(str(word) for word in group) for group in plain.pop("words"))
        reduced = arrays.pop("reduced")
        return TextMap(words=words, **plain, **arrays), reduced
    except Exception as error:  # zip, JSON and OS errors alike: the entry cannot be read
        raise Problem(f"{file}: the map cannot be read ({error})", "make it again") from error


def _write(file: Path, placed: TextMap, reduced: np.ndarray) -> None:
    plain = {"noun": placed.noun, "how": placed.how, "words": placed.words, "variance": placed.variance, "total": placed.total,
             "encoder": placed.encoder}
    arrays = {**placed.arrays(), "reduced": reduced, "plain": np.frombuffer(json.dumps(plain).encode("utf-8"), dtype=np.uint8)}
    with cache.writing(file) as part, part.open("wb") as target:
        np.savez(target, **arrays)


def _key(rows: np.ndarray, texts: pl.Series, noun: str, how: str, encoder: str, seed: int) -> str:
    settings = [VERSION, noun, how, encoder, ENCODERS[encoder].version, MOST_TEXTS, DIMENSIONS, seed]
    digest = hashlib.blake2b(json.dumps(settings).encode(), digest_size=16)
    digest.update(rows.tobytes())
    for text in texts:
        digest.update(repr(text).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
