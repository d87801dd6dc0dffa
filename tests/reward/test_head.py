"""The reward head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmexplorer.problem import Problem
from rmexplorer.reward.head import RewardModel


def filled(input_dim: int, hidden_dim: int, dtype: type[np.floating] = np.float32) -> RewardModel:
    model = RewardModel(input_dim, hidden_dim, dtype=dtype)
    model.flat[...] = np.random.default_rng(5).standard_normal(model.flat.size) * 0.3
    return model


def test_that_rewards_are_those_of_the_formula() -> None:
    model, x = filled(7, 5, np.float64), np.random.default_rng(0).standard_normal((11, 7))
    hidden = np.maximum(x @ model.hidden_weight + model.hidden_bias, 0)
    np.testing.assert_allclose(model.rewards(x), hidden @ model.output_weight + model.output_bias)


def test_that_hidden_dim_0_is_linear() -> None:
    model, x = filled(7, 0, np.float64), np.random.default_rng(0).standard_normal((11, 7))
    np.testing.assert_allclose(model.rewards(x), x @ model.output_weight + model.output_bias)


def test_that_a_new_head_gives_every_response_0_and_its_hidden_weights_have_variance_1_over_d() -> None:
    model = RewardModel(400, 256, seed=3)
    assert not model.rewards(np.ones((3, 400), dtype=np.float32)).any()
    assert model.hidden_weight.std() == pytest.approx(400 ** -0.5, rel=0.02)
    assert not np.array_equal(model.flat, RewardModel(400, 256, seed=4).flat)


def test_that_parameters_are_views_of_one_vector() -> None:
    model = RewardModel(6, 4)
    model.flat[...] = 2
    assert (model.hidden_weight == 2).all() and (model.output_bias == 2).all()
    assert model.parameters == 6 * 4 + 4 + 4 + 1


def test_that_memory_maps_of_more_than_one_block_get_the_rewards_of_their_rows(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((9000, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    model = filled(6, 8)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    rewards = model.rewards(mapped)
    np.testing.assert_allclose(rewards[[0, 4095, 4096, 8999]], model.rewards(x[[0, 4095, 4096, 8999]]), rtol=1e-5)


@pytest.mark.parametrize("hidden_dim", [0, 4])
def test_that_a_head_comes_back_from_its_arrays(hidden_dim: int) -> None:
    model = filled(3, hidden_dim)
    assert np.array_equal(RewardModel.from_arrays(model.arrays()).flat, model.flat)
    copy = model.copy()
    copy.flat[...] = 0
    assert model.flat.any()


def test_that_arrays_that_do_not_fit_are_refused() -> None:
    arrays = filled(3, 4).arrays()
    for name in arrays:
        with pytest.raises(Problem):
            RewardModel.from_arrays({key: array for key, array in arrays.items() if key != name})
    with pytest.raises(Problem):
        RewardModel.from_arrays(arrays | {"hidden_bias": np.zeros(5, dtype=np.float32)})
    with pytest.raises(Problem):
        RewardModel.from_arrays(arrays | {"hidden_bias": np.zeros(4, dtype=np.int64)})


def test_that_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(Problem, match="3 inputs"):
        RewardModel(3, 4).rewards(np.zeros((2, 5), dtype=np.float32))
    with pytest.raises(Problem):
        RewardModel(0, 4)
