"""Pairwise losses and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmexplorer.problem import Problem
from rmexplorer.reward.loss import PairLoss, bradley_terry, fit_temperature, softplus
from rmexplorer.statistics import sigmoid

GOLDEN = np.array([2, 1.5, 1, 0.5, 0.2, -0.3, -0.6, -1.1, -1.6, 3])
margins = arrays(np.float64, st.integers(1, 30), elements=st.floats(-50, 50))
losses = st.builds(PairLoss, margin=st.floats(0, 3), centring=st.floats(0, 1), smoothing=st.floats(0, 0.4),
                   robust=st.booleans())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_that_softplus_and_sigmoid_hold_at_margins_of_ten_thousand(dtype: type[np.floating]) -> None:
    x = np.array([-1e4, -20, 0, 20, 1e4], dtype=dtype)
    np.testing.assert_allclose(softplus(x), [0, np.exp(-20.0), np.log(2), 20, 1e4], rtol=1e-5)
    np.testing.assert_allclose(sigmoid(x), [0, np.exp(-20.0), 0.5, 1, 1], rtol=1e-5, atol=1e-12)
    loss, by_chosen, by_rejected = bradley_terry(x, -x)
    assert np.isfinite(by_chosen).all() and np.array_equal(by_chosen, -by_rejected)
    assert loss == pytest.approx((2e4 + 40 + np.log(2)) / 5, rel=1e-5)


def test_that_the_mean_loss_of_the_golden_margins_is_as_written() -> None:
    assert bradley_terry(GOLDEN, np.zeros(10))[0] == pytest.approx(0.682549, abs=1e-6)


def test_that_the_golden_temperature_is_found() -> None:
    temperature = fit_temperature(GOLDEN)
    assert temperature == pytest.approx(2.052289, abs=1e-5)
    assert softplus(-GOLDEN / temperature).mean() == pytest.approx(0.639755, abs=1e-6)


def test_that_the_temperature_stays_within_bounds() -> None:
    assert fit_temperature(np.ones(5)) == 0.05
    assert fit_temperature(-np.ones(5)) == 20
    assert fit_temperature(np.zeros(5)) == 1
    assert fit_temperature(np.zeros(0)) == 1


@given(margins, st.floats(0.2, 5))
def test_that_no_other_temperature_has_a_lower_loss(d: np.ndarray, other: float) -> None:
    best = fit_temperature(d)
    assert softplus(-d / best).mean() <= softplus(-d / other).mean() + 1e-9


@given(margins, losses, st.integers(0, 2 ** 32 - 1))
def test_that_gradients_of_all_losses_are_those_of_finite_differences(d: np.ndarray, loss: PairLoss, seed: int) -> None:
    random = np.random.default_rng(seed)
    chosen, rejected = d / 2 + 1, 1 - d / 2
    target, weight = random.random(len(d)), random.random(len(d)) + 0.5
    _, by_chosen, by_rejected = bradley_terry(chosen, rejected, target, weight, loss)
    step = np.zeros(len(d))
    step[int(random.integers(len(d)))] = h = 1e-5

    def value(c: np.ndarray, r: np.ndarray) -> float:
        return bradley_terry(c, r, target, weight, loss)[0]

    scale = 1e-6 * max(1.0, abs(value(chosen, rejected)))
    assert (value(chosen + step, rejected) - value(chosen - step, rejected)) / (2 * h) == pytest.approx(
        float(by_chosen @ step) / h, abs=50 * scale)
    assert (value(chosen, rejected + step) - value(chosen, rejected - step)) / (2 * h) == pytest.approx(
        float(by_rejected @ step) / h, abs=50 * scale)


@given(margins)
def test_that_the_plain_loss_is_antisymmetric_positive_and_convex(d: np.ndarray) -> None:
    each, slope = PairLoss().of_margins(d)
    turned, turned_slope = PairLoss().of_margins(-d)
    np.testing.assert_allclose(turned - each, d, atol=1e-9)
    np.testing.assert_allclose(slope + turned_slope, -1, atol=1e-9)
    assert (each >= 0).all() and (slope <= 0).all() and (slope >= -1).all()
    order = np.argsort(d)
    assert (np.diff(slope[order]) >= -1e-12).all()


@given(margins, losses)
def test_that_turning_pair_and_target_changes_nothing(d: np.ndarray, loss: PairLoss) -> None:
    target = np.linspace(0, 1, len(d))
    there, back = loss.of_margins(d, target), loss.of_margins(-d, 1 - target)
    np.testing.assert_allclose(there[0], back[0], atol=1e-6)
    np.testing.assert_allclose(there[1], -back[1], atol=1e-6)


def test_that_ties_count_half() -> None:
    d = np.array([-2.0, 0.0, 1.5])
    each, slope = PairLoss().of_margins(d, np.full(3, 0.5))
    np.testing.assert_allclose(each, (softplus(-d) + softplus(d)) / 2)
    assert slope[1] == 0


def test_that_the_robust_loss_is_unbiased_under_flipped_labels() -> None:
    d, noise = np.array([-1.0, 0.3, 2.0]), 0.2
    robust = PairLoss(smoothing=noise, robust=True)
    right, wrong = robust.of_margins(d)[0], robust.of_margins(d, np.zeros(3))[0]
    np.testing.assert_allclose((1 - noise) * right + noise * wrong, softplus(-d), rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"margin": -1}, {"centring": float("nan")}, {"smoothing": 0.5}, {"smoothing": -0.1}])
def test_that_impossible_losses_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Problem):
        PairLoss(**wrong)
