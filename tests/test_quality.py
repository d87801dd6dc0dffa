"""What the default model reaches on real pairs through the command line, beside the bag of words on the same pairs.

Bounds are those of RECIPE.md, on the mean over splits by prompt numbered 0, 1, 2 …. One split of 460 pairs moves the
difference to a bag of words by some 2 points either way, so those that are near their bound have eight.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer.cli import main
from rmexplorer.data.dataset import Dataset
from rmexplorer.job import finish
from rmexplorer.reward.baselines import bag_of_words
from rmexplorer.workflows.opening import open_files


@dataclass(frozen=True)
class Reached:
    """Shares of right test pairs in %, and the calibration error of the head."""

    head: float
    words: float
    length: float
    ece: float


def pairs_of(*files: Path) -> pl.DataFrame:
    """prompt, chosen, rejected of all decided comparisons."""
    dataset = Dataset.open(Path(finish(open_files([str(file) for file in files]))))
    rows, texts = np.flatnonzero(~dataset.tie), dataset.responses["text"]
    return pl.DataFrame({
        "prompt": dataset.prompts["text"].gather(dataset.prompt[rows]),
        "chosen": texts.gather(dataset.chosen[rows]), "rejected": texts.gather(dataset.rejected[rows])})


def split(pairs: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training and test pairs: a fifth of the prompts is for the test."""
    prompts = pairs["prompt"].unique().sort().to_numpy()
    drawn = np.random.default_rng(seed).permutation(prompts)[:len(prompts) // 5]
    held = pairs["prompt"].is_in(drawn.tolist())
    return pairs.filter(~held), pairs.filter(held)


def bag_of_words_margin(training: pl.DataFrame, test: pl.DataFrame) -> np.ndarray:
    """Margins (test pairs,) of linear Bradley–Terry on TF-IDF."""
    parts = [training["chosen"], training["rejected"], test["chosen"], test["rejected"]]
    edges = np.cumsum([0, *map(len, parts)])
    chosen, rejected, better, worse = (np.arange(edges[part], edges[part + 1]) for part in range(4))
    group = np.unique(training["prompt"].to_numpy(), return_inverse=True)[1]
    return finish(bag_of_words(pl.concat(parts, rechunk=True), chosen, rejected, group, better, worse)).margin


def right(margin: np.ndarray) -> float:
    return 100 * float(np.mean((margin > 0) + 0.5 * (margin == 0)))


def calibration_error(margin: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error of the more probable side over bins of equal width."""
    confidence = 1 / (1 + np.exp(-np.abs(margin)))
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    gaps = [abs(np.sum(confidence[place == k] - (margin[place == k] > 0))) for k in range(bins)]
    return float(np.sum(gaps)) / len(margin)


def reach(pairs: pl.DataFrame, seed: int, folder: Path) -> Reached:
    """Train on one side of a split and score the other, both by the command line."""
    training, test = split(pairs, seed)
    folder = folder / f"split {seed}"
    folder.mkdir()
    files = [str(folder / name) for name in ("train.parquet", "test.parquet", "head.safetensors", "scored.parquet")]
    training.write_parquet(files[0])
    test.write_parquet(files[1])
    assert main(["train", files[0], "-o", files[2], "--holdout", "0"]) == 0
    assert main(["score", files[1], "--model", files[2], "-o", files[3]]) == 0
    scored = pl.read_parquet(files[3])
    assert len(scored) == len(test)
    margin = (scored["scores_chosen"] - scored["scores_rejected"]).to_numpy()
    gap = (test["chosen"].str.len_chars().cast(pl.Int64) - test["rejected"].str.len_chars().cast(pl.Int64)).to_numpy()
    longer = max(right(gap), right(-gap))
    return Reached(right(margin), right(bag_of_words_margin(training, test)), longer, calibration_error(margin))


def mean_of(pairs: pl.DataFrame, splits: int, folder: Path) -> Reached:
    """The mean over splits 0 … splits − 1."""
    each = [reach(pairs, seed, folder) for seed in range(splits)]
    return Reached(*(float(np.mean([getattr(one, name) for one in each]))
                     for name in ("head", "words", "length", "ece")))


@pytest.mark.parametrize(("part", "splits"), [("harmless-base", 8), ("helpful-base", 5)])
def test_that_hh_beats_a_bag_of_words(part: str, splits: int, shared: Path, tmp_path: Path) -> None:
    got = mean_of(pairs_of(shared / "data/real/hh_rlhf" / part / "test.jsonl.gz"), splits, tmp_path)
    assert got.head >= got.words + 1.5, got


def test_that_alpaca_eval_beats_a_bag_of_words_and_length(shared: Path, tmp_path: Path) -> None:
    pairs = pairs_of(*sorted((shared / "data/real/alpaca_eval").glob("*/annotations.json")))
    got = mean_of(pairs, 1, tmp_path)
    assert got.head >= got.words + 1.5 and got.head >= got.length, got


@pytest.mark.parametrize(("file", "splits"), [("pandalm/testset-v1.json", 3), ("llamafactory_demo/dpo_en_demo.json", 8)])
def test_that_a_few_pairs_lose_nothing_against_a_bag_of_words(file: str, splits: int, shared: Path, tmp_path: Path) -> None:
    got = mean_of(pairs_of(shared / "data/real" / file), splits, tmp_path)
    assert got.head >= got.words - 0.5, got


def test_that_twenty_thousand_pairs_of_known_truth_are_learnt_and_calibrated(shared: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.parquet"
    subprocess.run([sys.executable, str(shared / "tools/make_pairs.py"), "20000", str(made)], check=True)
    got = mean_of(pairs_of(made), 1, tmp_path)
    # one split of 4,000 pairs, measured at + 0.85; another processor rounds otherwise and may move it by some 0.2
    assert got.head >= got.words + 0.3 and got.ece <= 0.03, got
