"""Repairs of the training data: sources that are dropped or re-weighted change what a head learns, and only that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer import cli
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.columns import sources
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.train_file import train_file
from rmexplorer.workflows.training import fit, split_of

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def two_sources(home: Path, tmp_path: Path) -> Path:
    """Pairs of two sources: in `wordy` the longer response wins, in `terse` the shorter one does."""
    random, rows = np.random.default_rng(0), []
    for i in range(600):
        source = "wordy" if i % 3 else "terse"
        short, long = (" ".join(random.choice(["fine", "clear", "poor", "vague"], count))
                       for count in (random.integers(5, 20), random.integers(25, 60)))
        wins = long if (source == "wordy") == (random.random() < 0.9) else short
        rows.append({"prompt": f"Question {i}?", "chosen": wins, "rejected": short if wins is long else long, "source": source})
    path = tmp_path / "two.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    return path


def settings(**more: object) -> RunSettings:
    return RunSettings.from_dict({"hidden_dim": 0, "learning_rate": 0.01, "epochs": 8, **more})


def trained(path: Path, tmp_path: Path, capsys: Capture, *options: str) -> dict[str, object]:
    out = tmp_path / "head.safetensors"
    given = ["train", str(path), "-o", str(out), "--force", "--hidden-dim", "0", "--learning-rate", "0.01", "--epochs", "8"]
    assert cli.main([*given, "--json", *options]) == 0
    said: dict[str, object] = json.loads(capsys.readouterr().out)
    return said


def test_that_dropping_a_source_turns_the_pull_of_length_round(two_sources: Path, tmp_path: Path, capsys: Capture) -> None:
    def pull(*options: str) -> float:
        said = trained(two_sources, tmp_path, capsys, *options)
        length = said["length"]
        assert isinstance(length, dict)
        return float(length["reward_per_doubling"])

    assert pull() > 0.1, "two thirds of the pairs favour length"
    assert pull("--weight-source", "terse=0") > pull("--weight-source", "terse=0.5")
    assert pull("--weight-source", "wordy=0") < -0.1
    assert pull("--weight-source", "wordy=0.1", "--weight-source", "terse=3") < -0.1


def test_that_the_run_says_what_was_dropped(two_sources: Path, tmp_path: Path, capsys: Capture) -> None:
    plain = trained(two_sources, tmp_path, capsys)
    dropped = trained(two_sources, tmp_path, capsys, "--weight-source", "terse=0")
    assert plain["source_weights"] == {} and dropped["source_weights"] == {"terse": 0.0}
    assert dropped["heldout_pairs"] == plain["heldout_pairs"], "both are judged on the same pairs"
    assert 0 < int(str(dropped["train_pairs"])) < 0.75 * int(str(plain["train_pairs"]))
    trained_file = finish(train_file(finish(read(two_sources)), settings(source_weights={"terse": 0.0})))
    assert trained_file.checkpoint.metrics["source_weights"] == {"terse": 0.0}


def test_that_weight_0_is_training_without_the_pairs_and_early_stopping_still_works(two_sources: Path) -> None:
    dataset: Dataset = finish(read(two_sources))
    random = np.random.default_rng(1)
    vectors = random.standard_normal((dataset.responses.height, 6)).astype(np.float32)
    left_out = sources(dataset) == "terse"
    dropped = finish(fit(dataset, vectors, settings(source_weights={"terse": 0.0})))
    without = finish(fit(dataset, vectors, settings(), excluded=left_out))
    assert np.array_equal(dropped.model.flat, without.model.flat) and dropped.temperature == without.temperature
    assert np.isfinite(dropped.history.validation_loss).all() and not dropped.warnings
    halved, plain = (finish(fit(dataset, vectors, settings(source_weights=weights))) for weights in ({"terse": 0.5}, {}))
    assert np.isfinite(halved.history.validation_loss).all()
    assert not np.array_equal(halved.model.flat, plain.model.flat)
    even = finish(fit(dataset, vectors, settings(source_weights={"terse": 2.0, "wordy": 2.0})))
    assert np.array_equal(even.model.flat, plain.model.flat), "only the ratio of weights counts"


def test_that_extreme_weights_stay_finite(two_sources: Path) -> None:
    dataset: Dataset = finish(read(two_sources))
    vectors = np.random.default_rng(2).standard_normal((dataset.responses.height, 6)).astype(np.float32)
    for weights in ({"terse": 1e-300}, {"wordy": 1e300}, {"terse": 1e-38}):
        found = finish(fit(dataset, vectors, settings(source_weights=weights)))
        assert np.isfinite(found.model.flat).all() and np.isfinite(found.history.validation_loss).all()


@pytest.mark.parametrize(("given", "said"), [
    ("chat=0", "no source 'chat'; choose one of terse, wordy"),
    ("terse=-1", "weight -1 of the source 'terse' is not possible"),
    ("terse=nan", "weight nan"),
    ("terse=inf", "weight inf"),
    ("terse=much", "not of the form NAME=W"),
    ("terse", "not of the form NAME=W"),
])
def test_that_a_wrong_weight_is_a_clear_error(two_sources: Path, tmp_path: Path, capsys: Capture, given: str, said: str) -> None:
    assert cli.main(["train", str(two_sources), "-o", str(tmp_path / "m.safetensors"), "--weight-source", given]) == 2
    assert said in capsys.readouterr().err


def test_that_one_source_at_least_is_kept_and_a_file_without_sources_says_so(two_sources: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="weight 0"):
        split_of(finish(read(two_sources)), settings(source_weights={"terse": 0.0, "wordy": 0.0}))
    plain = tmp_path / "plain.jsonl"
    pl.read_ndjson(two_sources).drop("source").write_ndjson(plain)
    with pytest.raises(Problem, match="no column of this file names sources"):
        split_of(finish(read(plain)), settings(source_weights={"terse": 0.0}))
