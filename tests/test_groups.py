"""Who learns from what: groups of prompts decide it, no cache and no head may take one grouping for another, ties do not count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.mapping import Mapping
from rmexplorer.data.read import read
from rmexplorer.data.split import split_by_group
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.workflows.analyze_file import analyze_file
from rmexplorer.workflows.scoring import heldout_of
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.train_file import report, train_file
from rmexplorer.workflows.training import Split

ROLES = {"question": "prompt", "one": "chosen", "two": "rejected", "topic": "ignore"}
PLAIN, GROUPED = Mapping(ROLES), Mapping(ROLES | {"topic": "group"})
SHORT = RunSettings(train=TrainSettings(epochs=2, holdout=0.25))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """48 pairs, each of a prompt of its own, in three small topics and a large one."""
    rows = [{"question": f"question {i}", "one": f"a better answer {i}", "two": f"bad {i}",
             "topic": str(i // 4) if i < 12 else "rest"} for i in range(48)]  # fmt: skip
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def dataset_of(file: Path, mapping: Mapping) -> Dataset:
    return finish(read(file, mapping=mapping))


def test_that_the_fingerprint_knows_groups_that_are_more_than_the_prompt(file: Path) -> None:
    plain, grouped = (dataset_of(file, mapping) for mapping in (PLAIN, GROUPED))
    assert plain.fingerprint == "72599e7d29b470717496a4def9991b73"  # runs and marks of projects are kept by it
    assert grouped.fingerprint.startswith(plain.fingerprint + "-") and grouped.has_texts_of(plain.fingerprint)
    file.write_text(file.read_text().replace('"topic": "1"', '"topic": "0"'))
    assert dataset_of(file, PLAIN).fingerprint == plain.fingerprint
    assert dataset_of(file, GROUPED).fingerprint not in (plain.fingerprint, grouped.fingerprint)
    numbered = [json.loads(line) | {"topic": str(number)} for number, line in enumerate(file.read_text().splitlines())]
    file.write_text("".join(json.dumps(row) + "\n" for row in numbered))
    assert dataset_of(file, GROUPED).fingerprint == plain.fingerprint  # each prompt on its own, as without groups


def trained(file: Path, mapping: Mapping) -> Any:
    return finish(train_file(finish(read(file, mapping=mapping)), SHORT))


def test_that_training_by_another_mapping_learns_and_judges_by_its_groups(file: Path, tmp_path: Path) -> None:
    plain = trained(file, PLAIN)
    assert plain.metrics["heldout_pairs"] == 12
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text(file.read_text())
    grouped = trained(elsewhere, GROUPED)
    dataset = dataset_of(file, GROUPED)
    held = heldout_of(dataset, grouped.checkpoint)
    assert len(np.unique(dataset.group[held])) == 1 and held.sum() == grouped.metrics["heldout_pairs"] != 12
    assert trained(file, PLAIN).metrics["heldout_pairs"] == 12


def test_that_a_head_is_not_judged_where_only_ties_are_held_out_and_that_ties_alone_teach_nothing(tmp_path: Path) -> None:
    held = split_by_group(np.arange(40), 0.2, 0)
    path = tmp_path / "pairs.jsonl"
    for tied in (held, ~held):
        rows = [{"prompt": f"p{i}", "chosen": f"good {i}", "rejected": f"bad {i}", "score_chosen": 1 + (not tie),
                 "score_rejected": 1} for i, tie in enumerate(tied)]  # fmt: skip
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if tied is held:
            trained = finish(train_file(finish(read(path)), RunSettings(train=TrainSettings(epochs=2))))
            assert trained.metrics["train_pairs"] == 32 and trained.metrics["heldout_pairs"] == 0
            assert trained.verdict is None and "Nothing was held out" in report(trained.metrics)
    with pytest.raises(Problem, match="no pair is left to train on"):
        Split.of(finish(read(path)), 0.2, 0)


def test_that_no_pair_counts_as_held_out_where_the_head_learnt_under_other_groups(file: Path) -> None:
    datasets = [dataset_of(file, mapping) for mapping in (PLAIN, GROUPED)]
    for learnt, other in (datasets, datasets[::-1]):
        head = trained(file, GROUPED if learnt is datasets[1] else PLAIN).checkpoint
        assert heldout_of(learnt, head).sum() == head.metrics["heldout_pairs"]
        assert not heldout_of(other, head).any()
        assert finish(analyze_file(other, head))["accuracy"]["n"] == 48
        assert heldout_of(replace(other, fingerprint="of other texts"), head).all()
