"""Accuracy, its baselines, and the verdict on a trained head."""

from __future__ import annotations

import numpy as np
import pytest

from rmexplorer.analysis.accuracy import accuracy
from rmexplorer.analysis.train_verdict import train_verdict

NO_SUBSET = np.array([""] * 1000, object)


def test_that_accuracy_is_wilson_where_pairs_are_independent() -> None:
    margin = np.concatenate([np.ones(70), -np.ones(30)])
    found = accuracy(margin, np.arange(100), NO_SUBSET[:100])
    assert found.accuracy.value == pytest.approx(0.7)
    assert (round(found.accuracy.low, 4), round(found.accuracy.high, 4)) == (0.6042, 0.7811)
    assert "Wilson intervals" in found.method("held-out")
    assert "100\u00a0held-out pairs" in found.method("held-out")
    assert found.subsets == ()


def test_that_accuracy_is_bootstrapped_where_a_prompt_has_several_pairs() -> None:
    margin = np.concatenate([np.ones(70), -np.ones(30)])
    found = accuracy(margin, np.arange(100) // 5, NO_SUBSET[:100])
    assert found.accuracy.high - found.accuracy.low > 0.3
    assert "bootstrap over prompts" in found.method()


def test_that_equal_rewards_count_half_and_are_counted() -> None:
    found = accuracy(np.array([1.0, 0.0, 0.0, -1.0, 2.0]), np.arange(5), NO_SUBSET[:5])
    assert found.accuracy.value == pytest.approx(0.6)
    assert found.ties == 2
    assert "count as half (2\u00a0pairs)" in found.method()


def test_that_subsets_stand_beside_the_whole() -> None:
    subset = np.array(["easy"] * 60 + ["hard"] * 40 + ["rare"] * 5, object)
    margin = np.concatenate([np.ones(60), -np.ones(40), np.ones(5)])
    found = {part.name: part for part in accuracy(margin, np.arange(105), subset).subsets}
    assert found["easy"].accuracy.value == 1.0
    assert found["hard"].accuracy.value == 0.0
    assert found["rare"].few and not found["easy"].few
    assert [part.accuracy.n for part in found.values()] == [60, 40, 5]


def test_that_a_baseline_is_compared_on_the_same_pairs() -> None:
    model = np.ones(1000)
    model[:300] = -1.0
    rule = model.copy()
    rule[300:310] = -1.0
    rule[:2] = 1.0
    found = accuracy(model, np.arange(1000), NO_SUBSET, baselines={"length": rule}).baselines[0]
    assert (found.model_only, found.baseline_only) == (10, 2)
    assert round(found.p, 4) == 0.0386
    assert found.difference.value == pytest.approx(0.008)
    assert found.difference.low > 0.0


def test_that_the_verdict_names_the_strongest_trivial_rule() -> None:
    right = np.arange(900) / 900
    margins = {name: np.where(right < share, 1.0, -1.0) for name, share in
               {"head": 0.70, "length": 0.60, "bag_of_words": 0.63, "linear": 0.69}.items()}
    head = margins.pop("head")
    found = train_verdict(head, np.arange(900), baselines=margins)
    assert found.against == "bag_of_words"
    assert found.headline().startswith("Held-out accuracy is 0.7")
    assert "That beats a bag of words (0.6" in found.headline()
    assert "length alone" in train_verdict(head, np.arange(900), baselines=margins, against="length").headline()
    only = train_verdict(head, np.arange(900), baselines={"linear": head})
    assert only.against == "linear"
    assert only.headline().endswith("no clear difference.")
    assert len(found.headline()) <= 150


def test_that_a_verdict_on_few_pairs_does_not_claim() -> None:
    assert train_verdict(np.ones(5), np.arange(5)).headline().startswith("Too few pairs to say")
    assert train_verdict(np.zeros(0), np.zeros(0, int)).headline() == "Too few pairs to say: no pair was held out."
    flip = np.where(np.arange(100) % 2, 1.0, -1.0)
    assert "no clear difference from a coin flip" in train_verdict(flip, np.arange(100)).headline()
