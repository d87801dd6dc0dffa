"""Fixes of a reward that follows length: line, weights, penalty, and the head that keeps its line."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmexplorer.data.own_features import OwnFeature
from rmexplorer.encoders import EncoderState
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import (
    FeatureLines,
    LengthLine,
    balanced_weights,
    check_features,
    correlation_penalty,
    from_plain,
    measured,
    within_prompt_slope,
)
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.reward.step import Stepper
from rmexplorer.reward.train import train


def long_pairs(pairs: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors whose first number is log length and whose second is quality; labels follow both; and Δ log length."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((2 * pairs, 4)).astype(np.float32)
    first, second = np.arange(pairs), np.arange(pairs) + pairs
    worth = vectors @ np.array([1.2, 1.5, 0, 0], np.float32)
    wins = random.random(pairs) < 1 / (1 + np.exp(worth[second] - worth[first]))
    chosen, rejected = np.where(wins, first, second), np.where(wins, second, first)
    return vectors, chosen, rejected, (vectors[chosen, 0] - vectors[rejected, 0]).astype(np.float64)


def correlation(margin: np.ndarray, gap: np.ndarray) -> float:
    return float(margin @ gap / np.sqrt((margin @ margin) * (gap @ gap)))


def test_that_the_line_takes_exactly_the_slope_of_planted_rewards() -> None:
    random = np.random.default_rng(1)
    characters = random.integers(1, 4000, 400)
    rewards = 0.7 * np.log1p(characters) + 3.0
    first, second = np.arange(200), np.arange(200, 400)
    gap = np.log1p(characters[first]) - np.log1p(characters[second])
    line = LengthLine.fit(rewards[first] - rewards[second], gap, characters)
    assert line.slope == pytest.approx(0.7)
    left = rewards - line.at(characters)
    assert np.ptp(left) < 1e-9 and left.mean() == pytest.approx(rewards.mean())


def test_that_the_slope_does_not_depend_on_the_order_of_a_pair() -> None:
    random = np.random.default_rng(2)
    margin, gap, turned = random.standard_normal(50), random.standard_normal(50), random.choice([-1.0, 1.0], 50)
    assert within_prompt_slope(margin, gap) == pytest.approx(within_prompt_slope(margin * turned, gap * turned))
    assert within_prompt_slope(margin, np.zeros(50)) == 0.0


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-5, 5)))
def test_that_weights_balance_every_bin_and_are_never_large(gap: np.ndarray) -> None:
    weight = balanced_weights(gap)
    assert np.all(weight >= 0) and np.all(weight <= 20.0 + 1e-9) and np.all(weight[gap == 0] == 1)
    assert weight[gap > 0].sum() == pytest.approx(weight[gap < 0].sum(), abs=1e-6)


def test_that_each_bin_of_length_difference_is_balanced_by_itself() -> None:
    random = np.random.default_rng(3)
    gap = np.abs(random.standard_normal(5000))
    gap *= np.where(random.random(5000) < 0.5 + 0.4 * np.tanh(gap), 1, -1)
    weight = balanced_weights(gap, bins=5)
    edges = np.quantile(np.abs(gap), np.linspace(0, 1, 6))
    for low, high in pairwise(edges):
        inside = (np.abs(gap) > low) & (np.abs(gap) < high)
        sides = [weight[inside & side].sum() for side in (gap > 0, gap < 0)]
        assert sides[0] == pytest.approx(sides[1], rel=0.02)
    assert weight.sum() == pytest.approx(5000)


def test_that_the_penalty_is_the_squared_correlation_around_zero() -> None:
    random = np.random.default_rng(4)
    gap = random.standard_normal(300)
    assert correlation_penalty(2 * gap, gap)[0] == pytest.approx(1.0)
    margin = gap + random.standard_normal(300)
    assert correlation_penalty(margin, gap)[0] == pytest.approx(correlation(margin, gap) ** 2)
    assert correlation_penalty(np.zeros(300), gap)[0] == 0.0


@pytest.mark.parametrize("hidden_dim", [0, 6])
def test_that_the_gradient_with_the_penalty_is_that_of_finite_differences(hidden_dim: int) -> None:
    random = np.random.default_rng(5)
    vectors, chosen, rejected = random.standard_normal((50, 4)), random.integers(0, 50, 17), random.integers(0, 50, 17)
    gap, weight = random.standard_normal(17), random.random(17) * 2
    model = RewardModel(4, hidden_dim, dtype=np.float64)
    model.flat[...] = random.standard_normal(model.flat.size)
    stepper = Stepper(model, vectors, 20, length_penalty=3.0)
    value = stepper.differentiate(chosen, rejected, None, weight, gap)

    def at(flat: np.ndarray) -> float:
        moved = model.copy()
        moved.flat[...] = flat
        margin = moved.rewards(vectors[chosen]) - moved.rewards(vectors[rejected])
        return Stepper(moved, vectors, 20).differentiate(chosen, rejected, None, weight) + 3.0 * correlation(margin, gap) ** 2

    assert value == pytest.approx(at(model.flat))
    for place in range(model.flat.size):
        step = np.zeros(model.flat.size)
        step[place] = 1e-6
        slope = (at(model.flat + step) - at(model.flat - step)) / 2e-6
        assert stepper.gradient[place] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("fix", ["balance", "penalty"])
def test_that_training_with_a_fix_follows_length_less(fix: str) -> None:
    vectors, chosen, rejected, gap = long_pairs()
    settings = TrainSettings(hidden_dim=16, epochs=20, learning_rate=3e-3, dropout=0.0, seed=1)

    def trained(fix: str) -> np.ndarray:
        fitted = finish(train(vectors, chosen, rejected, np.arange(len(chosen)), replace(settings, length_fix=fix),
                              length_gap=gap))
        fresh, first, second, other = long_pairs(1000, seed=9)
        rewards = fitted.model.rewards(fresh).astype(float)
        return np.array([correlation(rewards[first] - rewards[second], other)])

    assert abs(trained(fix)[0]) < 0.55 * abs(trained("none")[0])


def test_that_a_fix_without_lengths_is_an_error_of_the_caller() -> None:
    vectors, chosen, rejected, _ = long_pairs(50)
    with pytest.raises(ValueError, match="needs length_gap"):
        finish(train(vectors, chosen, rejected, np.arange(50), TrainSettings(length_fix="penalty")))


def test_that_pairs_whose_chosen_is_always_longer_cannot_be_balanced() -> None:
    vectors, chosen, rejected, gap = long_pairs(50)
    with pytest.raises(Problem, match="cannot be balanced"):
        finish(train(vectors, chosen, rejected, np.arange(50), TrainSettings(length_fix="balance"),
                     length_gap=np.abs(gap)))


@pytest.mark.parametrize("wrong", [{"length_fix": "magic"}, {"length_penalty": -1.0}])
def test_that_wrong_settings_of_fixes_are_problems(wrong: dict[str, object]) -> None:
    with pytest.raises(Problem):
        TrainSettings(**wrong)


def kept(residual: LengthLine | None) -> Checkpoint:
    model = RewardModel(3, 0)
    model.output_weight[...] = [1.0, -2.0, 0.5]
    return Checkpoint(model, EncoderState("given", {"width": 3}, {}), temperature=2.0, residual=residual)


def test_that_rewards_of_a_checkpoint_leave_out_its_line_and_are_calibrated() -> None:
    vectors, characters = np.eye(3, dtype=np.float32), np.array([0, 10, 1000])
    plain = kept(None).rewards(vectors, characters)
    assert plain == pytest.approx([0.5, -1.0, 0.25])
    line = LengthLine(0.4, 2.0)
    assert kept(line).rewards(vectors, characters) == pytest.approx(plain - 0.2 * (np.log1p(characters) - 2.0))


def test_that_lines_of_features_take_exactly_the_slopes_of_planted_rewards() -> None:
    random = np.random.default_rng(1)
    responses = pl.Series([" ".join(["word"] * int(random.integers(1, 90))) + "!" * int(random.integers(0, 4)) for _ in range(400)])
    names = ("characters", "exclamations")
    values = measured(names, pl.Series(["q"] * 400), responses)
    np.testing.assert_allclose(values[:, 0], np.log1p(responses.str.len_chars().to_numpy()))
    np.testing.assert_array_equal(values[:, 1], responses.str.count_matches("!").to_numpy())
    rewards = 0.7 * values[:, 0] - 0.4 * values[:, 1] + 3.0
    first, second = np.arange(200), np.arange(200, 400)
    lines = FeatureLines.fit(names, rewards[first] - rewards[second], values[first] - values[second], values)
    assert lines.slopes == pytest.approx((0.7, -0.4))
    left = rewards - lines.at(values)
    assert np.ptp(left) < 1e-9 and left.mean() == pytest.approx(rewards.mean())
    twice = FeatureLines.fit(("a", "b", "c"), rewards[first] - rewards[second],
                             (values[first] - values[second])[:, [0, 0, 0]] * [1.0, 1.0, 0.0], values[:, [0, 0, 0]])
    assert np.isfinite(twice.slopes).all() and twice.slopes[2] == 0.0 and twice.slopes[0] == pytest.approx(twice.slopes[1])


def test_that_a_head_keeps_its_lines_of_features_and_refuses_broken_ones(tmp_path: Path) -> None:
    model, encoder = RewardModel(2, 0, 0), EncoderState("hashing", {"dimensions": 2}, {})
    lines = FeatureLines(("characters", "bold"), (0.5, -1.0), (3.0, 0.25))
    kept = Checkpoint(model, encoder, temperature=2.0, residual=lines)
    vectors, values = np.eye(2, dtype=np.float32), np.array([[4.0, 1.0], [3.0, 0.25]])
    assert kept.measures == ("characters", "bold") and b'\\"layout\\": 4' in kept.to_bytes()
    np.testing.assert_allclose(kept.rewards(vectors, values), (model.rewards(vectors) - [0.5 - 0.75, 0.0]) / 2.0, atol=1e-6)
    for names in ((), ("no_such_feature",)):
        with pytest.raises(Problem, match="feature"):
            check_features(names)


def test_that_a_head_keeps_the_definition_of_a_feature_of_ones_own() -> None:
    own = OwnFeature("shouts", "regex", "!")
    lines = FeatureLines(("bold", own), (0.5, -1.0), (0.0, 0.25))
    kept = Checkpoint(RewardModel(2, 0, 0), EncoderState("hashing", {"dimensions": 2}, {}), residual=lines)
    assert b'\\"layout\\": 5' in kept.to_bytes(), "a version that knows no such features would leave them out of the reward"
    written = json.loads(json.dumps(lines.as_dict()))["names"]
    assert written == ["bold", {"name": "shouts", "regex": "!"}] and from_plain(written, tried=True) == kept.measures
    values = measured(kept.measures, pl.Series(["?", "?"]), pl.Series(["**No!** Never!", ""]))
    assert values.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    with pytest.raises(Problem, match="the regex of the feature shouts cannot be used"):
        from_plain([{"name": "shouts", "regex": "("}], tried=True)
    with pytest.raises(Problem, match="shouts is named twice"):
        check_features((own, "shouts"))
