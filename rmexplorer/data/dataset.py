"""The normalised model of preference data: prompts, responses, pairs, votes and what was skipped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.problem import Problem

FIRST, TIE, SECOND = 1, 0, -1


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

    def save(self, folder: Path) -> None:
        """Write the tables as arrow files and the rest as JSON into `folder` (made if missing).

        `dataset.json` is written last, so a folder with it is whole.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in _TABLES:
                getattr(self, name).write_ipc(folder / f"{name}.arrow")
            plain = {name: getattr(self, name) for name in _PLAIN}
            part = folder / ".dataset.json.part"
            part.write_text(json.dumps(plain), encoding="utf-8")
            part.replace(folder / "dataset.json")
        except OSError as error:
            what = f"{folder}: cannot write the dataset ({error.strerror or error})"
            raise Problem(what, "free space on this disk") from error

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open what `save` wrote."""
        try:
            plain: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            tables = {name: pl.read_ipc(folder / f"{name}.arrow") for name in _TABLES}
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise Problem(f"{folder}: is not a whole dataset ({error})", "open the original file again") from error
        for name in ("score_columns", "warnings", "criteria"):
            plain[name] = tuple(plain.get(name, ()))
        return cls(**{**plain, **tables})


_TABLES = ("prompts", "responses", "pairs", "extras", "votes", "skipped", "agreement")
_PLAIN = ("name", "path", "format", "why", "records", "score_columns", "warnings", "fingerprint", "criteria",
          "criterion")
