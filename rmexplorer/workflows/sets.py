"""Sets of pairs, responses and prompts that can be compared: a split, a source, chosen pairs, another file, pasted prompts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.scoring import heldout_of


@dataclass(frozen=True)
class SetSpec:
    """Which set: kind is all, training, heldout, source (name), pairs (name: a .npy of pair rows), or prompts (name: a
    text file with a prompt a paragraph); folder: of the dataset that it is of."""

    kind: str
    folder: str = ""
    name: str = ""
    label: str = ""

    def as_text(self) -> str:
        """One JSON text."""
        return json.dumps([self.kind, self.folder, self.name, self.label])

    @classmethod
    def of_text(cls, text: str) -> SetSpec:
        """The set that `as_text` wrote."""
        return cls(*json.loads(text))


@dataclass(frozen=True, eq=False)
class Side:
    """One set: its prompts, its responses with the place of their prompt, and its decided pairs.

    prompts (texts), rows (responses,) of Dataset.responses, owner (responses,) place in prompts; pairs (pairs,) rows of
    Dataset.pairs. Of pasted prompts only the prompts are there.
    """

    prompts: list[str]
    prompt_rows: np.ndarray
    rows: np.ndarray
    owner: np.ndarray
    texts: list[str]
    pairs: np.ndarray
    dataset: Dataset | None


def prompts_of_text(text: str) -> list[str]:
    """Pasted prompts: paragraphs between blank lines, or lines where there are no blank lines."""
    text = text.replace("\r\n", "\n")
    parts = text.split("\n\n") if "\n\n" in text.strip() else text.split("\n")
    return [part.strip() for part in parts if part.strip()]


def pairs_of(dataset: Dataset, spec: SetSpec, checkpoint: Checkpoint | None) -> np.ndarray:
    """(pairs,) bool: the pairs of a set; raises Problem where the set is not of this dataset."""
    if spec.kind in ("training", "heldout"):
        if checkpoint is None or checkpoint.dataset_fingerprint != dataset.fingerprint:
            raise Problem(f"{dataset.name}: the rewards shown were not learnt from it, so it has no training pairs",
                          "choose other sets, or train a head")
        held = heldout_of(dataset, checkpoint)
        return np.asarray(held if spec.kind == "heldout" else ~held)
    if spec.kind == "source":
        of = columns(dataset)
        mask = np.zeros(len(dataset), bool)
        mask[of.rows[of["subset"] == spec.name]] = True
        return mask
    if spec.kind == "pairs":
        mask = np.zeros(len(dataset), bool)
        mask[np.load(spec.name, allow_pickle=False)] = True
        return mask
    return np.ones(len(dataset), bool)


def side_of(spec: SetSpec, checkpoint: Checkpoint | None) -> Side:
    """Read a set; raises Problem where it holds nothing."""
    if spec.kind == "prompts":
        prompts = prompts_of_text(Path(spec.name).read_text(encoding="utf-8"))
        if not prompts:
            raise Problem("no prompts were pasted", "copy one prompt a line, or paragraphs with a blank line between them")
        none = np.zeros(0, np.int64)
        return Side(prompts, none, none, none, [], none, None)
    dataset = Dataset.open(Path(spec.folder))
    pairs = np.flatnonzero(pairs_of(dataset, spec, checkpoint))
    if not len(pairs):
        raise Problem(f"{spec.label or spec.kind}: there are no pairs in it", "choose another set")
    rows = np.unique(np.concatenate([dataset.chosen[pairs], dataset.rejected[pairs]]).astype(np.int64))
    of = dataset.responses["prompt"].to_numpy()[rows].astype(np.int64)
    prompt_rows, owner = np.unique(of, return_inverse=True)
    return Side(dataset.prompts["text"].gather(prompt_rows).fill_null("").to_list(), prompt_rows, rows, owner,
                dataset.responses["text"].gather(rows).fill_null("").to_list(), pairs[dataset.winner[pairs] != TIE], dataset)
