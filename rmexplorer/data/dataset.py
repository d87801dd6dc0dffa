"""The normalised model of preference data: prompts, responses, pairs, votes and what was skipped."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.data import mapped
from rmexplorer.data.measure import lengths
from rmexplorer.problem import Problem

FIRST, TIE, SECOND = 1, 0, -1
MOVES = 5
LARGE = 100_000  # rows from which on what can be measured or mapped is not kept in memory or measured twice
MAPPED = 64_000_000  # bytes of texts from which on they stay on disk


@dataclass(frozen=True, eq=False)
class Dataset:
    """Preference data, frozen and columnar. Row numbers are the ids: `pairs.first` is a row of `responses`, and so on.

    prompts    text (what people and encoders read), messages (JSON list of {role, content}, null for plain text),
               group (rows of one group never fall on both sides of a split: leakage keys of formats.md)
    responses  prompt, text, messages; each distinct (prompt, text) once
    pairs      a row a comparison, ties included, in the order of the file: prompt, first, second, winner (1 first,
               -1 second, 0 tie), strength (the margin of CLI.md, null where none), p_first (soft label in [0, 1] or
               null), score_first/second (rewards that came with the file), model_first/second, record (0-based) and
               line (1-based, null where the container has none)
    extras     a row a comparison: what the file held besides (source, subset, ...), for facets
    votes      pair, annotator (null: unnamed), choice (1, 0, -1 as winner), time
    agreement  like votes, but of all items with at least two votes, also of those whose texts are skipped: item,
               annotator, choice (for agreement statistics, CLI.md)
    skipped    record, line, reason, detail (a short preview); everything not kept, once
    criteria   the labels that rows have where they have several, the default first; `criterion` is the one used
    """

    name: str
    path: str
    format: str
    why: str
    records: int
    prompts: pl.DataFrame
    responses: pl.DataFrame
    pairs: pl.DataFrame
    extras: pl.DataFrame
    votes: pl.DataFrame
    skipped: pl.DataFrame
    score_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    agreement: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(
        schema={"item": pl.UInt32, "annotator": pl.String, "choice": pl.Int8}))
    criteria: tuple[str, ...] = ()
    criterion: str = ""

    def __len__(self) -> int:
        return self.pairs.height

    @cached_property
    def winner(self) -> np.ndarray:
        """(pairs,) int8: 1 first, -1 second, 0 tie."""
        winner: np.ndarray = self.pairs["winner"].to_numpy()
        return winner

    @cached_property
    def tie(self) -> np.ndarray:
        """(pairs,) bool: judged equal."""
        tie: np.ndarray = self.winner == TIE
        return tie

    @cached_property
    def prompt(self) -> np.ndarray:
        """(pairs,) uint32 row of `prompts`."""
        return self.pairs["prompt"].to_numpy()

    @cached_property
    def chosen(self) -> np.ndarray:
        """(pairs,) row of the chosen response in `responses`; for a tie the first response."""
        first, second = self.pairs["first"].to_numpy(), self.pairs["second"].to_numpy()
        return np.where(self.winner == SECOND, second, first)

    @cached_property
    def rejected(self) -> np.ndarray:
        """(pairs,) row of the rejected response in `responses`; for a tie the second response."""
        first, second = self.pairs["first"].to_numpy(), self.pairs["second"].to_numpy()
        return np.where(self.winner == SECOND, first, second)

    @cached_property
    def group(self) -> np.ndarray:
        """(pairs,) uint32: the group of the pair's prompt, the unit of every split."""
        group: np.ndarray = self.prompts["group"].to_numpy()[self.prompt]
        return group

    @cached_property
    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """(responses,) characters, whitespace around the text stripped, and (responses,) words of each response."""
        return lengths(self.responses["text"])

    def has_texts_of(self, fingerprint: str) -> bool:
        """Whether `fingerprint` is of the same texts, order and winners, whatever the groups of prompts."""
        return self.fingerprint.partition("-")[0] == fingerprint.partition("-")[0]

    @cached_property
    def content(self) -> str:
        """A hash of all that `save` writes, where `fingerprint` leaves out scores, votes, extras and what was skipped.

        The same for the same version of polars alone: good for a name in the cache, not for one that is kept.
        """
        digest = hashlib.blake2b(json.dumps(self.plain()).encode(), digest_size=16)
        for name in _TABLES:
            table: pl.DataFrame = getattr(self, name)
            digest.update(f"{name} {table.height} {table.schema}".encode())
            digest.update(table.hash_rows(11).to_numpy().tobytes())
        return digest.hexdigest()

    def plain(self) -> dict[str, Any]:
        """All of it that is no table."""
        return {name: getattr(self, name) for name in _PLAIN}

    def save(self, folder: Path, once: bool = False) -> None:
        """Write the tables as arrow files and the rest as JSON into `folder`, in place of what is there.

        They are written beside it and moved there together, so `folder` is never a mixture. once: it is named by its
        content, and stays where another process was faster. Raises Problem where they cannot be written; `folder` then
        stays as it was.
        """
        part: Path | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
            beside: dict[str, dict[str, str]] = {}
            for name in _TABLES:
                beside[name] = write_table(part, name, getattr(self, name))
            if self.responses.height > LARGE:
                np.save(part / LENGTHS, np.stack(self.lengths).astype(np.int32))
            self.finish(part, beside, folder, once)
        except OSError as error:
            raise cannot_write(folder, error) from error
        finally:
            if part is not None:
                shutil.rmtree(part, ignore_errors=True)

    def finish(self, part: Path, beside: dict[str, dict[str, str]], folder: Path, once: bool) -> None:
        """Write what says how the tables in `part` are kept, then move it to `folder`, as `save` does. For who writes them
        piece by piece."""
        plain = {**self.plain(), "beside": {name: how for name, how in beside.items() if how}}
        (part / "dataset.json").write_text(json.dumps(plain), encoding="utf-8")
        _move(part, folder, once)

    @staticmethod
    def is_whole(folder: Path) -> bool:
        """Whether `folder` holds what `save` wrote, as far as the ends of its files show."""
        try:
            plain = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            for name in _TABLES:
                pl.read_ipc_schema(folder / f"{name}.arrow")
            for name, how in plain.get("beside", {}).items():
                if any(kind == "mapped" and not mapped.is_whole(folder, f"{name}.{column}") for column, kind in how.items()):
                    return False
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return False
        return True

    @staticmethod
    def is_large(folder: Path) -> bool:
        """Whether opening what `save` wrote takes long enough to be noticed."""
        return (folder / LENGTHS).exists()

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open what `save` wrote; in the cache it then counts as used."""
        cache.used(folder)
        try:
            plain: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            beside = plain.pop("beside", {})
            tables = {name: _read(folder, name, beside.get(name, {})) for name in _TABLES}
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise Problem(f"{folder}: is not a whole dataset ({error})", "open the original file again") from error
        for name in ("score_columns", "warnings", "criteria"):
            plain[name] = tuple(plain.get(name, ()))
        dataset = cls(**{**plain, **tables})
        with suppress(OSError, ValueError, EOFError):  # what is not there, or damaged, is measured again
            measured = np.load(folder / LENGTHS)
            if measured.shape == (2, dataset.responses.height):
                dataset.__dict__["lengths"] = measured[0], measured[1]
        return dataset

    @classmethod
    def kept_in(cls, folder: Path) -> Dataset:
        """As `open`, of a folder that is named by its content, which then need not be taken again."""
        dataset = cls.open(folder)
        dataset.__dict__["content"] = folder.name
        return dataset


def need_pairs(dataset: Dataset) -> None:
    """Raises Problem where a dataset holds no comparison at all, with the reasons why its records were skipped."""
    if len(dataset) == 0:
        reasons = dataset.skipped.group_by("reason", maintain_order=True).len().rows()
        said = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons)
        raise Problem(f"{dataset.path}: holds no pair to compare ({said or 'it is empty'})",
                      "choose a file with a chosen and a rejected response a prompt")


def cannot_write(folder: Path, error: OSError) -> Problem:
    """The Problem of a dataset that finds no place on the disk."""
    return Problem(f"{folder}: cannot write the dataset ({error.strerror or error})", "free space on this disk")


def write_table(part: Path, name: str, table: pl.DataFrame) -> dict[str, str]:
    """Write a table. Where not all of its columns are in the arrow file, returns where each is: in "arrow", "mapped"
    beside it, or "none", for nothing is in it."""
    where = {}
    for column, kind in table.schema.items():
        where[column] = "arrow"
        if kind == pl.String and name in _EMPTIABLE and table.height > LARGE and table[column].null_count() == table.height:
            where[column] = "none"
        elif kind == pl.String and name in _MAPPABLE and table[column].estimated_size() > MAPPED:
            where[column] = "mapped"
            mapped.write_texts(part, f"{name}.{column}", table[column])
    table.select(column for column, place in where.items() if place == "arrow").write_ipc(part / f"{name}.arrow")
    return where if set(where.values()) - {"arrow"} else {}


def _read(folder: Path, name: str, where: dict[str, str]) -> pl.DataFrame:
    """A table that `write_table` wrote."""
    table = pl.read_ipc(folder / f"{name}.arrow")
    columns = {}
    for column, place in where.items():
        if place == "arrow":
            columns[column] = table[column]
        elif place == "mapped":
            columns[column] = mapped.read_texts(folder, f"{name}.{column}", table.height)
        else:
            columns[column] = mapped.no_texts(table.height)
    return pl.DataFrame(columns) if where else table


def _move(part: Path, folder: Path, once: bool) -> None:
    """Put the folder `part` in the place of `folder`; another process may do the same: the last one wins, `once` the first."""
    for _ in range(MOVES):
        with suppress(OSError):  # a folder with files in it cannot be written over
            part.replace(folder)
            return
        if once and Dataset.is_whole(folder):  # somebody may be reading it: it is not away for a moment
            return
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent,
                                         ignore_cleanup_errors=True) as old:
            with suppress(FileNotFoundError):
                folder.replace(Path(old) / folder.name)
    part.replace(folder)


LENGTHS = "lengths.npy"
_EMPTIABLE = ("prompts", "responses", "pairs", "votes")
_MAPPABLE = ("prompts", "responses")
_TABLES = ("prompts", "responses", "pairs", "extras", "votes", "skipped", "agreement")
_PLAIN = ("name", "path", "format", "why", "records", "score_columns", "warnings", "fingerprint", "criteria",
          "criterion")
