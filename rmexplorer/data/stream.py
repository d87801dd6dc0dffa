"""Much columnar data → Dataset, a piece at a time: texts go straight to the disk, only numbers and hashes stay in memory.

What comes out is what `fast_parts` and `assemble` make of the same rows, read twice: the second responses get their ids
after all first ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.data import mapped
from rmexplorer.data.assemble import HASHED, Parts, hash_pairs, hash_texts
from rmexplorer.data.containers import Table
from rmexplorer.data.containers.columns import Columns
from rmexplorer.data.dataset import LENGTHS, Dataset, cannot_write, write_table
from rmexplorer.data.fast import needed, of_columns, parts_of
from rmexplorer.data.formats import Format
from rmexplorer.data.measure import lengths
from rmexplorer.data.schema import PAIRS, PROMPTS, RESPONSES, VOTES
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem

BLOCK = 262_144  # rows that are read at once: as many as polars puts into a row group, which is unpacked as a whole
CHUNK = 65_536  # rows between two beats
PLACES = 1 << 16
FULLEST = 0.6
HOST = f"{zlib.crc32(platform.node().encode()):08x}"  # a home folder may be shared by several machines
OVERHEAD = 100  # bytes a record besides its texts: views, numbers, lengths
_TEXTS = ("prompt", "first", "second")


class Collision(Exception):
    """Two texts have one hash of 64 bits but not of 128: a comparison of the texts has to tell them apart."""


class Numbers:
    """Numbers distinct keys by their first appearance: an open hash table in numpy."""

    def __init__(self) -> None:
        self._keys = np.zeros(PLACES, np.uint64)
        self._ids = np.zeros(PLACES, np.uint32)
        self._checks = np.zeros(PLACES, np.uint64)
        self.count = 0

    def add(self, keys: np.ndarray, checks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) uint32 the number of each key, and (n,) bool where it appears first. Raises Collision.

        keys, checks: (n,) uint64, two independent hashes of the same.
        """
        keys = np.where(keys == 0, np.uint64(1), keys)  # an empty place holds 0
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        self._make_room(len(distinct))
        places, fresh = _placed(self._keys, distinct)
        appeared = np.argsort(first[fresh], kind="stable")
        new = np.flatnonzero(fresh)[appeared]
        self._ids[places[new]] = np.arange(self.count, self.count + len(new), dtype=np.uint32)
        self._checks[self.count : self.count + len(new)] = checks[first[new]]
        self.count += len(new)
        ids = self._ids[places][inverse]
        if not np.array_equal(self._checks[ids], checks):
            raise Collision
        is_new = np.zeros(len(keys), bool)
        is_new[first[new]] = True
        return ids, is_new

    def _make_room(self, more: int) -> None:
        size = len(self._keys)
        while self.count + more > FULLEST * size:
            size *= 2
        if size > len(self._keys):
            held = self._keys != 0
            keys, ids = self._keys[held], self._ids[held]
            self._keys, self._ids = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
            for start in range(0, len(keys), PLACES):
                part = slice(start, start + PLACES)
                self._ids[_placed(self._keys, keys[part])[0]] = ids[part]
            self._checks = np.concatenate([self._checks, np.zeros(size - len(self._checks), np.uint64)])


def _placed(table: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of each of some distinct keys in a table of a power of two, put there where it was not: (places, fresh)."""
    last = np.uint64(len(table) - 1)
    places, fresh = (keys & last).astype(np.int64), np.zeros(len(keys), bool)
    waiting = np.arange(len(keys))
    while len(waiting):
        held = table[places[waiting]]
        done = held == keys[waiting]
        free = waiting[held == 0]
        table[places[free]] = keys[free]  # of several at one place the last one stays
        stays = table[places[free]] == keys[free]
        fresh[free[stays]] = True
        done[held == 0] = stays
        waiting = waiting[~done]
        places[waiting] = (places[waiting] + 1) & int(last)
    return places, fresh


@dataclass
class _Kept:
    """What is kept in memory of the rows so far."""

    rows: list[pl.DataFrame] = field(default_factory=list)
    extras: list[pl.DataFrame] = field(default_factory=list)
    skipped: list[pl.DataFrame] = field(default_factory=list)
    prompt: list[np.ndarray] = field(default_factory=list)
    first: list[np.ndarray] = field(default_factory=list)
    owner: list[np.ndarray] = field(default_factory=list)
    measured: list[np.ndarray] = field(default_factory=list)
    second: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    score_columns: dict[str, None] = field(default_factory=dict)


def can_stream(format: Format, tables: Sequence[tuple[str, Table]]) -> bool:
    """Whether `streamed` may read these tables: plain columns of texts."""
    return format.columns is not None and all(isinstance(table, Columns) for _, table in tables)


def streamed(
    format: Format,
    tables: Sequence[tuple[str, Table]],
    labels: Sequence[str],
    keys: Sequence[str],
    warnings: Sequence[str],
    plain: dict[str, Any],
) -> Job[Dataset | None]:
    """Read tables that `can_stream` into the cache; returns the dataset with its texts on disk.

    keys: the fields that become facet columns; plain: name, path, format, why, criteria and criterion of the dataset.
    None where a cell needs a look at each record. What was written is deleted where it is cancelled. Raises Problem where
    the disk is full or a file is damaged.
    """
    folder = cache_dir() / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    clean(folder)
    part = Path(tempfile.mkdtemp(prefix=f".{os.getpid()}.{HOST}.", suffix=".part", dir=folder))
    try:
        kept = yield from _Stream(format, tables, labels, keys, warnings, part).kept(plain)
        return None if kept is None else Dataset.kept_in(kept)  # what was gathered is not in memory any more
    except Collision:
        return None
    except (OSError, pl.exceptions.PolarsError) as error:
        said = error if isinstance(error, OSError) else OSError(str(error).splitlines()[0])
        raise cannot_write(folder, said) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def clean(folder: Path) -> None:
    """Delete what a process of this machine that was ended has left half written; of others nobody knows whether they live."""
    for part in folder.glob(f".*.{HOST}.*.part"):
        owner = part.name.split(".")[1]
        if owner.isdigit() and int(owner) != os.getpid() and not _lives(int(owner)):
            shutil.rmtree(part, ignore_errors=True)


def _lives(process: int) -> bool:
    if os.name == "nt":  # there a signal ends the process; what is left is deleted after a day
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class _Stream:
    """One reading: three passes, each a job."""

    def __init__(self, format: Format, tables: Sequence[tuple[str, Table]], labels: Sequence[str], keys: Sequence[str],
                 warnings: Sequence[str], part: Path) -> None:  # fmt: skip
        self._format, self._labels, self._keys, self._warnings, self._part = format, labels, keys, warnings, part
        self._tables: list[Columns] = [table for _, table in tables if isinstance(table, Columns)]
        self._total = sum(table.size for table in self._tables)
        self._kept = _Kept()
        self._prompts, self._responses = Numbers(), Numbers()

    def _chunks(self, columns: Sequence[str]) -> Iterator[tuple[pl.DataFrame, str, int]]:
        """Pieces of all tables with their label and the number of their first record."""
        at = 0
        for table, label in zip(self._tables, self._labels, strict=True):
            for start in range(0, table.size, BLOCK):
                block = table.part(start, BLOCK, columns)
                for place in range(0, block.height, CHUNK):
                    yield block.slice(place, CHUNK), label, at + start + place
            at += table.size

    def kept(self, plain: dict[str, Any]) -> Job[Path | None]:
        """The folder in the cache, None where a cell is not plain."""
        with ExitStack() as stack:
            texts = stack.enter_context(mapped.TextWriter(self._part, "responses.text"))
            prompts = stack.enter_context(mapped.TextWriter(self._part, "prompts.text"))
            if not (yield from self._firsts(prompts, texts)):
                return None
            seconds = yield from self._seconds(texts)
        kept = self._kept
        ids = {"prompt": _joined(kept.prompt), "first": _joined(kept.first), "second": seconds}
        kept.prompt, kept.first = [], []
        rows = pl.concat(kept.rows, how="diagonal_relaxed", rechunk=True)
        kept.rows = []
        pairs = _pairs(rows, ids)
        fingerprint = yield from self._fingerprint(pairs)
        extras = pl.concat(kept.extras, how="diagonal_relaxed", rechunk=True)
        skipped = pl.concat(kept.skipped, rechunk=True)
        yield Progress(0, 0, "keeping what was read")
        said = [*self._warnings, *(text for table in self._tables for text in table.warnings)]
        tables = {
            "prompts": pl.DataFrame({"group": np.arange(self._prompts.count, dtype=np.uint32)}),
            "responses": pl.DataFrame({"prompt": _joined(kept.owner)}),
            "pairs": pairs, "extras": extras, "votes": _votes(pairs), "skipped": skipped,
        }  # fmt: skip
        kept.owner = []
        more = {"records": self._total, "score_columns": tuple(kept.score_columns), "warnings": tuple(said)}
        dataset = Dataset(**{**plain, **more, **tables, "fingerprint": fingerprint})
        return self._finished(dataset, tables)

    def _firsts(self, prompts: mapped.TextWriter, texts: mapped.TextWriter) -> Job[bool]:
        """Prompts, first responses and numbers of all rows; False where a cell is not plain."""
        yield Progress(0, self._total, "reading")
        kept, done = self._kept, 0
        for frame, label, start in self._chunks(needed(self._format, self._keys)):
            plain = of_columns(self._format, frame, self._keys, label)
            if plain is None:
                return False
            plain = plain.with_row_index("__record", start).with_columns(pl.lit(None, dtype=pl.UInt32).alias("__line"))
            parts: Parts = parts_of(plain, [], frame.height, ())
            if not done:
                self._refuse_small_disk(frame)
            rows = parts.comparisons
            prompt, new = self._prompts.add(*hash_texts(rows["prompt"], None))
            prompts.add(rows["prompt"].filter(pl.Series(new)))
            first, new = self._responses.add(*hash_texts(rows["first"], prompt))
            self._write(texts, rows["first"], new, prompt)
            kept.second.append(hash_texts(rows["second"], prompt))
            kept.prompt.append(prompt)
            kept.first.append(first)
            kept.rows.append(rows.drop(_TEXTS))
            kept.extras.append(parts.extras)
            kept.skipped.append(parts.skipped)
            kept.score_columns.update(dict.fromkeys(parts.score_columns))
            done += frame.height
            yield Progress(done, self._total, "reading")
        return True

    def _seconds(self, texts: mapped.TextWriter) -> Job[np.ndarray]:
        """The second responses, read again; (pairs,) their ids."""
        assert self._format.columns is not None
        kept, seconds, done = self._kept, [], 0
        column = self._format.columns[2]
        for place, (frame, _, start) in enumerate(self._chunks((column,))):
            second, new = self._responses.add(*kept.second[place])
            kept.second[place] = (second, second)  # the hashes are not needed any more
            within = kept.rows[place]["record"].to_numpy() - start
            self._write(texts, frame[column].gather(within), new, kept.prompt[place])
            seconds.append(second)
            done += frame.height
            yield Progress(done, self._total, "reading the rejected responses")
        kept.second = []
        return _joined(seconds)

    def _write(self, writer: mapped.TextWriter, texts: pl.Series, new: np.ndarray, owner: np.ndarray) -> None:
        added = texts.filter(pl.Series(new))
        writer.add(added)
        self._kept.owner.append(owner[new])
        self._kept.measured.append(np.stack(lengths(added)).astype(np.int32))

    def _refuse_small_disk(self, frame: pl.DataFrame) -> None:
        """Raise a Problem before much is written, where the first piece shows that the disk is too small."""
        assert self._format.columns is not None
        size = sum(frame[column].estimated_size() for column in self._format.columns) / max(frame.height, 1) + OVERHEAD
        wanted, free = size * self._total, shutil.disk_usage(self._part).free
        if wanted > free:
            raise Problem(
                f"{self._part.parent}: about {wanted / 1e9:,.1f} GB are needed here, {free / 1e9:,.1f} GB are free",
                "free space on this disk, or set RMEXPLORER_HOME to a folder on another one",
            )

    def _fingerprint(self, pairs: pl.DataFrame) -> Job[str]:
        digest, done = hashlib.sha256(), 0
        total = self._prompts.count + self._responses.count
        for name in ("prompts.text", "responses.text"):
            for sizes, data in mapped.pieces(self._part, name, HASHED):
                digest.update(sizes.astype("<u4").tobytes())
                digest.update(data)
                done += len(sizes)
                yield Progress(done, total, "taking the fingerprint")
        hash_pairs(digest, pairs)
        return digest.hexdigest()[:32]

    def _finished(self, dataset: Dataset, tables: dict[str, pl.DataFrame]) -> Path:
        """Write the tables beside their texts and put all of it into its place in the cache."""
        content = hashlib.blake2b(json.dumps(dataset.plain()).encode(), digest_size=16)
        for name in ("pairs", "extras", "skipped"):
            content.update(f"{name} {tables[name].schema}".encode())
            content.update(tables[name].hash_rows(11).to_numpy().tobytes())
        folder = self._part.parent / content.hexdigest()
        if not Dataset.is_whole(folder):
            beside = {name: write_table(self._part, name, table) for name, table in tables.items()}
            write_table(self._part, "agreement", dataset.agreement)
            for name, schema in (("prompts", PROMPTS), ("responses", RESPONSES)):
                beside[name] = dict.fromkeys(schema, "arrow") | {"text": "mapped", "messages": "none"}
            np.save(self._part / LENGTHS, np.concatenate(self._kept.measured, axis=1))
            dataset.finish(self._part, beside, folder, once=True)
            cache.prune(keep=folder)
        with suppress(OSError):
            cache.used(folder)
        return folder


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.uint32)


def _pairs(rows: pl.DataFrame, ids: dict[str, np.ndarray]) -> pl.DataFrame:
    """The table of pairs; columns of nothing take no memory."""
    columns: dict[str, Any] = {}
    for name, kind in PAIRS.items():
        if name in ids:
            columns[name] = ids[name]
        elif name in rows.columns:
            columns[name] = rows[name].cast(kind)
        elif kind == pl.String:
            columns[name] = mapped.no_texts(rows.height)
        else:
            columns[name] = pl.repeat(None, rows.height, dtype=kind, eager=True)
    return pl.DataFrame(columns)


def _votes(pairs: pl.DataFrame) -> pl.DataFrame:
    """The one unnamed vote of each label."""
    nothing = mapped.no_texts(pairs.height)
    pair = np.arange(pairs.height, dtype=np.uint32)
    return pl.DataFrame({"pair": pair, "annotator": nothing, "choice": pairs["winner"], "time": nothing}).select(list(VOTES))
