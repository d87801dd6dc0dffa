"""Sets of pairs, responses and prompts that can be compared: a split, a source, chosen pairs, another file, pasted prompts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.query import matching
from rmexplorer.data.table import pair_frame
from rmexplorer.paths import atomic, cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import distinct
from rmexplorer.workflows.columns import columns, source_names
from rmexplorer.workflows.opening import keep
from rmexplorer.workflows.scoring import heldout_of

KINDS = "all, split=training, split=heldout, source=NAME, filter=QUERY or prompts=FILE"
NAMED = 8  # sources that a message names


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


def frozen(rows: np.ndarray) -> str:
    """Keep rows of Dataset.pairs (n,) in the cache, for a set of the kind `pairs`; returns the path of the file."""
    rows = np.asarray(rows, np.int64)
    path = cache_file("shift", ".npy", rows.tobytes())
    with atomic(path) as part, part.open("wb") as file:
        np.save(file, rows, allow_pickle=False)
    return str(path)


def set_of(text: str, dataset: Dataset, folder: str) -> SetSpec:
    """The set that a person names on the command line, of the dataset kept in `folder`.

    text: all, split=training, split=heldout, source=NAME, filter=QUERY (as in the window) or prompts=FILE (a prompt a line,
    or paragraphs). Raises Problem where it is none of these or holds nothing.
    """
    kind, _, name = text.partition("=")
    if kind == "all" and not name:
        return SetSpec("all", folder, "", dataset.name)
    if kind == "split" and name in ("training", "heldout"):
        return SetSpec(name, folder, "", f"{'training' if name == 'training' else 'held-out'} pairs of {dataset.name}")
    if kind == "source":
        names = source_names(dataset)
        if name not in names:
            known = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
            raise Problem(f"{dataset.name}: has no source {name!r}",
                          f"choose one of {known}" if names else "the file names no sources: choose by filter=QUERY")
        return SetSpec("source", folder, name, name)
    if kind == "filter" and name:
        rows = np.flatnonzero(matching(pair_frame(dataset), name))
        if not len(rows):
            raise Problem(f"{dataset.name}: no pair passes the filter {name!r}", "choose another filter")
        return SetSpec("pairs", folder, frozen(rows), name)
    if kind == "prompts" and name:
        if not Path(name).is_file():
            raise Problem(f"{name}: there is no such file", "name a text file with one prompt a line, or paragraphs")
        return SetSpec("prompts", "", name, Path(name).name)
    raise Problem(f"{text!r} names no set", f"it is one of {KINDS}")


def sets_of(dataset: Dataset, against: Dataset | None, checkpoint: Checkpoint | None, first: str, second: str) -> tuple[SetSpec, SetSpec]:
    """The two sets that `analyze` compares, each named as in `set_of`, '' for the one that is there anyway.

    first: of the dataset; by default what the head learnt from, or everything. second: of `against` where there is one,
    else of the dataset.
    """
    folder = str(keep(dataset))
    ours = checkpoint is not None and checkpoint.dataset_fingerprint == dataset.fingerprint
    one = set_of(first, dataset, folder) if first else SetSpec("training" if ours else "all", folder, label=dataset.name)
    if against is not None:
        two = set_of(second or "all", against, str(keep(against)))
    elif second:
        two = set_of(second, dataset, folder)
    else:
        raise Problem("there is no second set to compare with", f"add --against FILE2 or --set-b: {KINDS}")
    if one.kind == "prompts":
        raise Problem("the first set has to have responses", "give the prompts with --set-b")
    if (one.kind, one.folder, one.name) == (two.kind, two.folder, two.name) and against is None:
        raise Problem("the two sets are the same", "choose another one with --set-a or --set-b")
    return one, two


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
        try:
            prompts = prompts_of_text(Path(spec.name).read_text(encoding="utf-8"))
        except OSError as error:
            raise Problem(f"{spec.label or spec.name}: the prompts cannot be read ({error.strerror or error})",
                          "check the permissions of the file") from error
        except UnicodeDecodeError as error:
            raise Problem(f"{spec.label or spec.name}: the prompts cannot be read ({error})", "keep them as UTF-8 text") from error
        if not prompts:
            raise Problem("no prompts were pasted", "copy one prompt a line, or paragraphs with a blank line between them")
        none = np.zeros(0, np.int64)
        return Side(prompts, none, none, none, [], none, None)
    dataset = Dataset.open(Path(spec.folder))
    pairs = np.flatnonzero(pairs_of(dataset, spec, checkpoint))
    if not len(pairs):
        raise Problem(f"{spec.label or spec.kind}: there are no pairs in it", "choose another set")
    rows = distinct(np.concatenate([dataset.chosen[pairs], dataset.rejected[pairs]]).astype(np.int64))
    of = dataset.responses["prompt"].to_numpy()[rows].astype(np.int64)
    prompt_rows, owner = np.unique(of, return_inverse=True)
    return Side(dataset.prompts["text"].gather(prompt_rows).fill_null("").to_list(), prompt_rows, rows, owner,
                dataset.responses["text"].gather(rows).fill_null("").to_list(), pairs[dataset.winner[pairs] != TIE], dataset)
