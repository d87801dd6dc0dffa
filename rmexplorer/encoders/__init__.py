"""Texts to vectors: what an encoder is, the registry of encoders, and the vectors kept on disk.

A leaf of this folder is an encoder. It is fitted on texts alone, never on labels, so its vectors survive any change of
labels, loss or head; its state is plain arrays and JSON and goes into the checkpoint, so new text is encoded as old.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.phrases import without_phrases
from rmexplorer.data.split import split_by_group
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem
from rmexplorer.registry import Registry

BLOCK_ROWS, BLOCK_BYTES = 4_096, 2_000_000


@dataclass(frozen=True)
class Setting:
    """A setting of an encoder: its default, a sentence on it, and its bounds (inclusive)."""

    default: int
    sentence: str
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class EncoderState:
    """A fitted encoder as plain values: arrays of plain dtypes, and settings and meta that JSON can hold.

    removed: phrases that are taken out of every response before it is encoded, so that no reward can follow them.
    """

    name: str
    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def plain(self, responses: pl.Series) -> pl.Series:
        """The responses as they are encoded and measured: without the phrases that are removed."""
        return without_phrases(responses, self.removed)

    def header(self) -> dict[str, Any]:
        """Everything but the arrays, for JSON: name, settings, meta, and removed where there is any."""
        removed = {"removed": list(self.removed)} if self.removed else {}
        return {"name": self.name, "settings": self.settings, "meta": self.meta, **removed}

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> EncoderState:
        """The state again from `header()` and its arrays; raises Problem where a part is missing."""
        try:
            removed = tuple(str(phrase) for phrase in header.get("removed", ()))
            if not all(removed):
                raise ValueError("a phrase to remove is empty")
            return cls(str(header["name"]), dict(header["settings"]), dict(arrays), dict(header["meta"]), removed)
        except (KeyError, TypeError, ValueError) as error:
            raise Problem("the encoder's state is damaged: a part of it is missing", "encode or train again") from error

    def save(self, folder: Path) -> None:
        """Write `encoder.npz` and `encoder.json` into a folder that exists."""
        arrays: dict[str, Any] = dict(self.arrays)
        np.savez(folder / "encoder.npz", **arrays)
        (folder / "encoder.json").write_text(json.dumps(self.header()), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> EncoderState:
        """Read what `save` wrote; raises Problem where it is damaged."""
        try:
            header = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            with (folder / "encoder.npz").open("rb") as kept, np.load(kept, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except Exception as error:  # zip, zlib, JSON and OS errors alike: the entry cannot be read
            raise Problem(f"{folder}: the encoder's state cannot be read ({error})", "encode again") from error
        return cls.of(header, arrays)


@dataclass(frozen=True, eq=False)
class WordParts:
    """What the words of one response add to its vector, where an encoder sums over words up to the head's input.

    tokens: (n,) in order, as the encoder cuts the text; parts: (n, d) float64: the vector is their sum and a rest that
    no single word makes. names: of the inputs, '' for those that are sums over words.
    """

    tokens: tuple[str, ...]
    parts: np.ndarray
    names: tuple[str, ...]


class Encoder(ABC):
    """Turns (prompt, response) into a vector of float32.

    sees_prompt says whether the vector of a response depends on its prompt at all; `sees` says what of it. A higher
    version marks a change after which old states no longer mean the same. limit: the most characters of a text that it
    reads, None where it reads all.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    sees_prompt: ClassVar[bool]
    sees: ClassVar[str]
    version: ClassVar[int] = 1
    limit: ClassVar[int | None] = None
    settings: ClassVar[Mapping[str, Setting]] = {}

    def resolve(self, settings: Mapping[str, Any] | None = None) -> dict[str, int]:
        """All settings, defaults filled in; raises Problem on an unknown name or a value out of bounds."""
        given = dict(settings or {})
        resolved = {name: setting.default for name, setting in self.settings.items()}
        for name, value in given.items():
            if name not in self.settings:
                raise Problem(f"the encoder {self.name} has no setting {name!r}",
                              f"choose one of {', '.join(self.settings) or 'none: it has no settings'}")
            setting = self.settings[name]
            if isinstance(value, bool) or not isinstance(value, int) or not setting.low <= value <= setting.high:
                raise Problem(f"{name} = {value!r} is not possible for the encoder {self.name}",
                              f"choose a whole number from {setting.low} to {setting.high}")
            resolved[name] = value
        return resolved

    @abstractmethod
    def fit(self, prompts: pl.Series, responses: pl.Series,
            settings: Mapping[str, Any] | None = None) -> Job[EncoderState]:
        """Job: learn the state from texts, the prompt beside each response. No labels are seen."""

    @abstractmethod
    def vectors_of(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
        """(rows, d) float32 for a few thousand texts as they are; a row depends on its own texts alone, to the bit."""

    def word_parts(self, state: EncoderState, prompt: str, response: str) -> WordParts | None:
        """What each word of a response as it is adds to its vector; None where the encoder is no sum over words."""
        return None

    def encode_block(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> np.ndarray:
        """The same without the phrases that the state removes: the one way from texts to vectors."""
        return self.vectors_of(state, prompts, state.plain(responses))

    @abstractmethod
    def width(self, state: EncoderState) -> int:
        """The length d of a vector."""

    def blocks(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> Iterator[np.ndarray]:
        """The vectors, block by block, in order."""
        for rows in cuts(responses):
            yield self.encode_block(state, prompts[rows], responses[rows])

    def encode(self, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> Job[np.ndarray]:
        """Job: (rows, d) float32 vectors of the responses, in memory."""
        out = np.empty((len(responses), self.width(state)), dtype=np.float32)
        done = 0
        for block in self.blocks(state, prompts, responses):
            out[done:done + len(block)] = block
            done += len(block)
            yield Progress(done, len(responses), "encoding responses")
        return out


def cuts(texts: pl.Series) -> list[slice[int, int, None]]:
    """Slices of at most BLOCK_ROWS rows and some BLOCK_BYTES of text, so that a beat comes several times a second."""
    ends = np.cumsum(texts.str.len_bytes().fill_null(0).cast(pl.Int64).to_numpy())
    found, start, before = [], 0, 0
    while start < len(texts):
        stop = int(np.searchsorted(ends, before + BLOCK_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + BLOCK_ROWS, len(texts))
        found.append(slice(start, stop))
        start, before = stop, int(ends[stop - 1])
    return found


ENCODERS: Registry[Encoder] = Registry("encoder", "rmexplorer.encoders")

Kind = TypeVar("Kind", bound=type[Encoder])


def encoder(kind: Kind) -> Kind:
    """Register an encoder class under its `name`."""
    ENCODERS.add(kind.name, kind())
    return kind


def encode_texts(state: EncoderState, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
    """(n, d) float32 vectors of a few texts at once, equal to the bit to those of `encode`."""
    return ENCODERS[state.name].encode_block(
        state, pl.Series("prompt", prompts, dtype=pl.String), pl.Series("response", responses, dtype=pl.String))


def training_responses(dataset: Dataset, holdout: float, seed: int) -> np.ndarray:
    """(responses,) bool: its prompt has a pair that `split_by_group(dataset.group, holdout, seed)` keeps."""
    held = split_by_group(dataset.group, holdout, seed)
    training = np.zeros(dataset.prompts.height, dtype=bool)
    training[dataset.prompt[~held]] = True
    chosen: np.ndarray = training[dataset.responses["prompt"].to_numpy()]
    return chosen


def texts_of(dataset: Dataset) -> tuple[pl.Series, pl.Series]:
    """The prompt text beside each response, and the text of each response (responses,)."""
    prompt = dataset.prompts["text"].gather(dataset.responses["prompt"]).rename("prompt")
    return prompt, dataset.responses["text"].rename("response")


def vectors_key(fingerprint: str, name: str, settings: Mapping[str, Any] | None, holdout: float, seed: int,
                removed: Sequence[str] = ()) -> str:
    """Name of a cache entry of vectors: a digest of content, encoder, version, settings, training prompts and phrases."""
    chosen = ENCODERS[name]
    parts = [fingerprint, name, chosen.version, sorted(chosen.resolve(settings).items()), float(holdout),
             seed if holdout else 0, *([sorted(removed)] if removed else [])]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def vectors(dataset_folder: Path | str, name: str = "lexical", settings: Mapping[str, Any] | None = None,
            holdout: float = 0.2, seed: int = 0, removed: Sequence[str] = ()) -> Job[Path]:
    """Job: encode all responses of the Dataset saved at `dataset_folder`; returns the folder for `open_vectors`.

    The encoder is fitted on the texts of the training prompts of the split by (holdout, seed), and like all that it
    encodes later they are without the phrases `removed`. An entry that is in the cache is returned at once. Raises
    Problem where the disk is full or not writable, or the dataset is not whole.
    """
    dataset = Dataset.open(Path(dataset_folder))
    root = _root()
    folder = root / vectors_key(dataset.fingerprint or _content(dataset), name, settings, holdout, seed, removed)
    if _whole(folder, dataset.responses.height):
        cache.used(folder)
        return folder
    prompts, responses = texts_of(dataset)
    training = pl.Series(training_responses(dataset, holdout, seed))
    chosen = ENCODERS[name]
    shown = without_phrases(responses.filter(training), removed)
    state = replace((yield from chosen.fit(prompts.filter(training), shown, settings)), removed=tuple(removed))
    try:
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=root))
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        state.save(part)
        yield from _write(part / "vectors.npy", chosen, state, prompts, responses)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    except OSError as error:
        if not _whole(folder, dataset.responses.height):  # another process may have made the same entry meanwhile
            raise _unwritable(root, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    cache.prune(keep=folder)
    return folder


def _write(target: Path, chosen: Encoder, state: EncoderState, prompts: pl.Series, responses: pl.Series) -> Job[None]:
    """Write a .npy block by block: a full disk is then an OSError, where a memory map would end the process."""
    total, done = len(responses), 0
    yield Progress(0, total, "encoding responses")
    with target.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {
            "descr": "<f4", "fortran_order": False, "shape": (total, chosen.width(state))})
        for block in chosen.blocks(state, prompts, responses):
            file.write(np.ascontiguousarray(block, dtype="<f4").data)
            done += len(block)
            yield Progress(done, total, "encoding responses")


def open_vectors(folder: Path | str) -> tuple[np.ndarray, EncoderState]:
    """The vectors (responses, d) float32, memory-mapped read only, and the state that made them; Problem if damaged."""
    folder = Path(folder)
    try:
        array: np.ndarray = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Problem(f"{folder}: the vectors cannot be read ({error})", "encode again") from error
    return array, EncoderState.open(folder)


def _root() -> Path:
    root = cache_dir() / "vectors"
    try:
        root.mkdir(exist_ok=True)
    except OSError as error:
        raise _unwritable(root, error) from error
    return root


def _unwritable(folder: Path, error: OSError) -> Problem:
    return Problem(f"{folder}: cannot write the vectors ({error.strerror or error})",
                   "free space on this disk or set RMEXPLORER_HOME to a folder that can be written")


def _whole(folder: Path, rows: int) -> bool:
    if not folder.is_dir():
        return False
    try:
        return len(open_vectors(folder)[0]) == rows
    except Problem:
        return False


def _content(dataset: Dataset) -> str:
    """A digest of the texts and of who shares a prompt, for a dataset that has no fingerprint."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (*dataset.prompts["text"], *dataset.responses["text"]):
        digest.update(repr(text).encode("utf-8", "surrogatepass"))
    for numbers in (dataset.responses["prompt"], dataset.prompts["group"], dataset.pairs["prompt"]):
        digest.update(numbers.to_numpy().tobytes())
    return digest.hexdigest()
