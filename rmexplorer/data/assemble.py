"""Comparisons → Dataset: distinct prompts and responses, row numbers as ids, groups, the fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.schema import PAIRS, PROMPTS, RESPONSES, SKIPPED, VOTES

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

COMPARISONS = pl.Schema(
    {
        "prompt": pl.String,
        "prompt_messages": pl.String,
        "first": pl.String,
        "first_messages": pl.String,
        "second": pl.String,
        "second_messages": pl.String,
        "winner": pl.Int8,
        "strength": pl.Float64,
        "p_first": pl.Float64,
        "score_first": pl.Float64,
        "score_second": pl.Float64,
        "model_first": pl.String,
        "model_second": pl.String,
        "record": pl.UInt32,
        "line": pl.UInt32,
        "group": pl.String,
    }
)
HASHED = 50_000  # texts that a fingerprint takes in at once; another number is another fingerprint
AGREEMENT = pl.Schema({"item": pl.UInt32, "annotator": pl.String, "choice": pl.Int8})


@dataclass
class Parts:
    """All that a dataset is made of before its texts are told apart.

    comparisons: a row a comparison (schema COMPARISONS; missing columns are null); votes: None where each has the one
    unnamed vote of its label.
    """

    comparisons: pl.DataFrame
    extras: pl.DataFrame
    votes: pl.DataFrame | None = None
    agreement: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=AGREEMENT))
    skipped: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SKIPPED))
    records: int = 0
    score_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def assemble(parts: Parts, name: str, path: str, format: str, why: str) -> Dataset:
    """Tell the distinct prompts and responses apart and number them."""
    rows = parts.comparisons
    missing = [pl.lit(None, dtype=kind).alias(column) for column, kind in COMPARISONS.items() if column not in rows]
    rows = rows.with_columns(missing)
    prompt, new = _distinct(rows["prompt"], rows["prompt_messages"])
    prompts = pl.DataFrame(
        {
            "text": rows["prompt"].gather(new),
            "messages": rows["prompt_messages"].gather(new),
            "group": _groups(
                rows["group"].gather(new), rows["prompt"].gather(new), rows["prompt_messages"].gather(new)
            ),
        },
        schema=PROMPTS,
    )
    both = pl.concat([rows["first"], rows["second"].alias("first")])
    messages = pl.concat([rows["first_messages"], rows["second_messages"].alias("first_messages")])
    owner = np.concatenate([prompt, prompt])
    response, new = _distinct(both, None, owner)
    responses = pl.DataFrame(
        {"prompt": owner[new].astype(np.uint32), "text": both.gather(new), "messages": messages.gather(new)},
        schema=RESPONSES,
    )
    ids = {"prompt": prompt, "first": response[: rows.height], "second": response[rows.height :]}
    pairs = pl.DataFrame({**ids, **{column: rows[column] for column in PAIRS if column not in ids}}, schema=PAIRS)
    votes = parts.votes if parts.votes is not None else _single_votes(pairs)
    return Dataset(
        name,
        path,
        format,
        why,
        parts.records,
        prompts,
        responses,
        pairs,
        parts.extras,
        votes,
        parts.skipped,
        parts.score_columns,
        parts.warnings,
        fingerprint(prompts, responses, pairs),
        parts.agreement,
    )


def _single_votes(pairs: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.String)
    return (
        pl.select(pl.int_range(pairs.height, dtype=pl.UInt32).alias("pair"))
        .with_columns(nothing.alias("annotator"), pairs["winner"].alias("choice"), nothing.alias("time"))
        .match_to_schema(VOTES)
    )


def hash_texts(texts: pl.Series, owner: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Two independent hashes (n,) uint64 of each text, and of its prompt where `owner` (n,) is given."""
    one, two = texts.hash(11).to_numpy().copy(), texts.hash(12).to_numpy().copy()
    if owner is not None:
        place = owner.astype(np.uint64) + np.uint64(1)
        one ^= place * np.uint64(0xD1B54A32D192ED03)
        two ^= place * np.uint64(0x9E3779B97F4A7C15)
    return one, two


def _distinct(
    texts: pl.Series, messages: pl.Series | None, owner: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(id of each row, row where each id first stands), ids by first appearance.

    Texts are told apart by a 64-bit hash, then compared, so that a collision cannot merge two of them.
    """
    if not len(texts):
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    key = texts.hash(11).to_numpy().copy()
    if messages is not None and messages.null_count() < len(messages):
        key ^= messages.hash(23).to_numpy() * np.uint64(0x9E3779B97F4A7C15)
    if owner is not None:
        key ^= (owner.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD1B54A32D192ED03)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ids, new = rank[inverse], first[order]
    here = new[ids]
    same = texts.gather(here).eq_missing(texts).all()
    if messages is not None:
        same = same and messages.gather(here).eq_missing(messages).all()
    if not same or (owner is not None and not np.array_equal(owner[here], owner)):
        return _distinct_exactly(texts, messages, owner)
    return ids.astype(np.uint32), new


def _distinct_exactly(
    texts: pl.Series, messages: pl.Series | None, owner: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    seen: dict[tuple[object, ...], int] = {}
    ids = np.zeros(len(texts), np.uint32)
    new: list[int] = []
    behind = messages if messages is not None else [None] * len(texts)
    owners = owner if owner is not None else [0] * len(texts)
    for row, key in enumerate(zip(texts, behind, owners, strict=True)):
        if key not in seen:
            seen[key] = len(new)
            new.append(row)
        ids[row] = seen[key]
    return ids, np.asarray(new, np.int64)


def _groups(keys: pl.Series, texts: pl.Series, messages: pl.Series) -> np.ndarray:
    """(prompts,) uint32: prompts of one key or of one text share a group, the others stand alone."""
    alone = np.arange(len(keys), dtype=np.uint32)
    if keys.null_count() == len(keys) and messages.null_count() in (0, len(keys)):
        return alone
    first: dict[tuple[int, str], int] = {}
    named = [(1, text) if key is None else (0, key) for key, text in zip(keys, texts, strict=True)]
    return np.asarray([first.setdefault(key, row) for row, key in enumerate(named)], np.uint32)


def fingerprint(prompts: pl.DataFrame, responses: pl.DataFrame, pairs: pl.DataFrame) -> str:
    """A hash of texts, order and winners that is the same on every machine and for every container.

    Where prompts are grouped by more than their text, a hash of the groups follows after a dash: they decide every split.
    """
    digest = hashlib.sha256()
    for texts in (prompts["text"], prompts["messages"], responses["text"], responses["messages"]):
        if texts.null_count() == len(texts):
            continue
        for start in range(0, len(texts), HASHED):
            part = texts.slice(start, HASHED)
            digest.update(part.str.len_bytes().fill_null(2**32 - 1).to_numpy().astype("<u4").tobytes())
            digest.update(part.fill_null("").str.join("")[0].encode())
    hash_pairs(digest, pairs)
    texts_alone = digest.hexdigest()[:32]
    group = prompts["group"].to_numpy().astype("<u4")
    keys = pl.repeat(None, prompts.height, dtype=pl.String, eager=True)
    if np.array_equal(group, _groups(keys, prompts["text"], prompts["messages"])):
        return texts_alone
    return f"{texts_alone}-{hashlib.sha256(group.tobytes()).hexdigest()[:16]}"


def hash_pairs(digest: Hash, pairs: pl.DataFrame) -> None:
    """Take prompts, responses and winners of the pairs into the digest of a fingerprint."""
    for column in ("prompt", "first", "second", "winner"):
        values = pairs[column].to_numpy()
        digest.update(values.astype("<i1" if column == "winner" else "<u4").tobytes())
