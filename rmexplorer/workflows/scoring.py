"""Score datasets with a head or with the scores that they hold, and analyse what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rmexplorer import cache
from rmexplorer.data.convert import ROWS, write_parquet
from rmexplorer.data.dataset import Dataset, need_pairs
from rmexplorer.data.limits import MOST_PAIRS
from rmexplorer.data.measure import char_count
from rmexplorer.data.split import split_by_group
from rmexplorer.encoders import ENCODERS, texts_of
from rmexplorer.job import Job, Progress, finish
from rmexplorer.paths import atomic, cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import Feature, measured
from rmexplorer.reward.sources.columns import from_columns
from rmexplorer.statistics import distinct
from rmexplorer.workflows.analyze import analyze
from rmexplorer.workflows.columns import Columns, columns

BLOCK = 10_000


def score(dataset: Dataset, checkpoint: Checkpoint) -> Job[np.ndarray]:
    """Job: calibrated rewards (responses,) float32 of every response, by the encoder and head of a checkpoint.

    The difference of two rewards of one prompt is the logit of the probability that the first is preferred.
    """
    encoder = ENCODERS[checkpoint.encoder.name]
    prompts, responses = texts_of(dataset)
    plain = checkpoint.encoder.plain(dataset.responses["text"])
    characters = char_count(plain)
    if checkpoint.measures:
        characters = yield from residual_values(dataset, checkpoint.measures, plain)
    out = np.empty(len(responses), dtype=np.float32)
    done = 0
    for block in encoder.blocks(checkpoint.encoder, prompts, responses):
        out[done : done + len(block)] = checkpoint.rewards(block, characters[done : done + len(block)])
        done += len(block)
        yield Progress(done, len(responses), "scoring responses")
    return out


def residual_values(dataset: Dataset, features: tuple[Feature, ...], plain: pl.Series) -> Job[np.ndarray]:
    """Job: their values (responses, features) of all responses, which read `plain` (responses,), as a residual takes them."""
    prompts = dataset.prompts["text"].gather(dataset.responses["prompt"])
    parts = []
    for start in range(0, len(plain), BLOCK):
        yield Progress(start, len(plain), "measuring features")
        parts.append(measured(features, prompts[start : start + BLOCK], plain[start : start + BLOCK]))
    return np.concatenate(parts) if parts else np.zeros((0, len(features)))


def score_folder(folder: str, head: str) -> Job[str]:
    """Job: score the dataset kept in `folder` with the checkpoint file `head`; returns the path of a .npy in the cache."""
    dataset = Dataset.open(Path(folder))
    path = cache_file("rewards", ".npy", dataset.fingerprint, Path(head).name)
    if cache.holds(path, cache.has_rows(dataset.responses.height)):
        return str(path)
    rewards = yield from score(dataset, Checkpoint.load(Path(head)))
    with cache.writing(path) as part, part.open("wb") as file:
        np.save(file, rewards, allow_pickle=False)
    return str(path)


def pair_rewards(dataset: Dataset, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of the first and the second response of each pair (pairs,) float64, from rewards (responses,)."""
    values = np.asarray(rewards, dtype=np.float64)
    return values[dataset.pairs["first"].to_numpy()], values[dataset.pairs["second"].to_numpy()]


def heldout_of(dataset: Dataset, checkpoint: Checkpoint) -> np.ndarray:
    """(pairs,) bool: pairs that the head has not learnt from; all of them where it learnt from another dataset.

    None of them where it learnt from these pairs under other groups: which ones it has seen is not known then.
    """
    if checkpoint.dataset_fingerprint != dataset.fingerprint:
        return np.full(len(dataset), not dataset.has_texts_of(checkpoint.dataset_fingerprint))
    return split_by_group(dataset.group, checkpoint.holdout, checkpoint.seed)


def score_file(dataset: Dataset, checkpoint: Checkpoint, out: Path,
               explained: Callable[[str, str], Job[dict[str, Any]]] | None = None) -> Job[dict[str, Any]]:
    """Job: write a line a comparison: prompt, chosen, rejected, scores_chosen, scores_rejected, results (CLI.md).

    explained: a job that says of a prompt and a response what its reward is made of; each line then has it for both,
    as explain_chosen and explain_rejected. Raises Problem where that is asked of a Parquet file, or of very many pairs,
    or there is no comparison.
    """
    if explained is not None and out.suffix == ".parquet":
        raise Problem(f"{out}: an explanation has no columns", "give OUT a name that ends in .jsonl")
    if explained is not None and len(dataset) > MOST_PAIRS:
        raise Problem(f"{dataset.path}: has {len(dataset):,} pairs, and at most {MOST_PAIRS:,} are explained at once",
                      "leave --explain out, or split the file")
    need_pairs(dataset)
    rewards = yield from score(dataset, checkpoint)
    why = {} if explained is None else (yield from _explanations(dataset, explained))
    texts, prompts = dataset.responses["text"], dataset.prompts["text"]
    chosen, rejected = rewards[dataset.chosen].astype(np.float64), rewards[dataset.rejected].astype(np.float64)
    results = np.where(chosen == rejected, 0.5, (chosen > rejected).astype(np.float64))
    with atomic(out) as part:
        if out.suffix == ".parquet":
            def piece(rows: slice) -> pl.DataFrame:
                places = ((prompts, dataset.prompt), (texts, dataset.chosen), (texts, dataset.rejected))
                values = (*(side.gather(place[rows]) for side, place in places), chosen[rows], rejected[rows], results[rows])
                return pl.DataFrame(dict(zip(SCORE_KEYS, values, strict=True)))

            pieces = (piece(slice(start, start + ROWS)) for start in range(0, max(1, len(dataset)), ROWS))
            yield from write_parquet(pieces, len(dataset), part)
        else:
            with part.open("w", encoding="utf-8", errors="surrogatepass") as file:
                for start in range(0, len(dataset), BLOCK):
                    rows = slice(start, start + BLOCK)
                    for line in zip(
                        prompts.gather(dataset.prompt[rows]),
                        texts.gather(dataset.chosen[rows]),
                        texts.gather(dataset.rejected[rows]),
                        chosen[rows].tolist(),
                        rejected[rows].tolist(),
                        results[rows].tolist(),
                        dataset.chosen[rows].tolist(),
                        dataset.rejected[rows].tolist(),
                        strict=True,
                    ):
                        *values, first, second = line
                        said = dict(zip(SCORE_KEYS, values, strict=True))
                        if why:
                            said |= {"explain_chosen": why[first], "explain_rejected": why[second]}
                        file.write(json.dumps(said, ensure_ascii=False) + "\n")
                    yield Progress(min(start + BLOCK, len(dataset)), len(dataset), "writing")
    right = results[~dataset.tie]
    return {"pairs": len(dataset), "responses": len(rewards), "accuracy": float(right.mean()) if len(right) else None}


def _explanations(dataset: Dataset, explained: Callable[[str, str], Job[dict[str, Any]]]) -> Job[dict[int, dict[str, Any]]]:
    """Job: what each response that stands in a pair is made of, by its row."""
    prompts, texts = dataset.prompts["text"], dataset.responses["text"]
    owner = dataset.responses["prompt"].to_numpy()
    rows = distinct(np.concatenate([dataset.chosen, dataset.rejected])).tolist()
    found = {}
    for done, row in enumerate(rows, start=1):
        # its own beats are of one response: what counts here is how many are done
        found[row] = finish(explained(prompts[int(owner[row])] or "", texts[row] or ""))
        yield Progress(done, len(rows), "explaining rewards")
    return found


SCORE_KEYS = ("prompt", "chosen", "rejected", "scores_chosen", "scores_rejected", "results")


def analyze_columns(dataset: Dataset, checkpoint: Checkpoint | None, labels_enough: bool = False) -> Job[Columns]:
    """Job: the columns that `analyze` is of: held-out pairs where a head learnt from this dataset, else all.

    labels_enough: a dataset without rewards will do; without it that raises Problem, unless win rates can be said.
    """
    need_pairs(dataset)
    if checkpoint is None:
        rewards: tuple[np.ndarray, np.ndarray] | tuple[None, None] = (None, None)
        if dataset.score_columns or not (labels_enough or dataset.pairs["model_first"].null_count() < len(dataset)):
            rewards = from_columns(dataset)
        return columns(dataset, *rewards)
    first, second = pair_rewards(dataset, (yield from score(dataset, checkpoint)))
    held = heldout_of(dataset, checkpoint)
    return columns(dataset, first, second, mask=held if held.any() else None)


def analyze_dataset(dataset: Dataset, checkpoint: Checkpoint | None) -> Job[dict[str, Any]]:
    """Job: everything of `analyze --json`, by a head or by the file's own scores.

    Without either, a file that names the models behind its responses still gives their win rates.
    """
    given = yield from analyze_columns(dataset, checkpoint)
    yield Progress(0, 0, "analysing")
    return analyze_given(given, checkpoint)


def analyze_given(given: Columns, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """The same of columns that `analyze_columns` gave."""
    return analyze(given, "columns") if checkpoint is None else analyze(given, "model", checkpoint.temperature)


def describe_pair(
    dataset: Dataset, pair: int, first: np.ndarray | None = None, second: np.ndarray | None = None
) -> str:
    """One pair as Markdown: prompt, both responses, rewards where there are any."""
    row = dataset.pairs.row(pair, named=True)
    chosen, rejected = int(dataset.chosen[pair]), int(dataset.rejected[pair])
    swapped = row["winner"] == -1
    rewards = ("", "")
    if first is not None and second is not None:
        values = (second[pair], first[pair]) if swapped else (first[pair], second[pair])
        rewards = (f" (reward {values[0]:+.2f})", f" (reward {values[1]:+.2f})")
    names = ("First", "Second") if row["winner"] == 0 else ("Chosen", "Rejected")
    texts = dataset.responses["text"]
    return (
        f"**Prompt**\n\n{dataset.prompts['text'][int(row['prompt'])]}\n\n**{names[0]}{rewards[0]}**\n\n{texts[chosen]}\n\n"
        f"**{names[1]}{rewards[1]}**\n\n{texts[rejected]}\n"
    )
