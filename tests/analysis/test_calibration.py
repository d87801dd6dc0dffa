"""Folded reliability: golden values, properties, and planted miscalibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rmexplorer.analysis.calibration import (
    Calibration,
    calibration,
    confidence_counts,
    fit_temperature,
    length_of_pick,
    reliability,
)
from rmexplorer.statistics import outcomes, sigmoid

margins = arrays.arrays(float, st.integers(1, 300), elements=st.floats(-30, 30, width=16))


def calibrated(margin: np.ndarray, **settings: object) -> Calibration:
    return calibration(margin, np.arange(len(margin)), np.full(len(margin), "", object), **settings)


def perfect(n: int, seed: int, scale: float = 1.0, honest: float = 1.0) -> np.ndarray:
    """Margins whose outcomes are drawn from what honest · margin promises."""
    random = np.random.default_rng(seed)
    strength = np.abs(random.normal(0, scale, n)) + 0.01
    return np.where(random.random(n) < sigmoid(honest * strength), strength, -strength)


def test_that_the_golden_values_hold(golden_margin: np.ndarray) -> None:
    found = calibrated(golden_margin, bins=2).trained
    assert found.nll.value == pytest.approx(0.682549, abs=1e-6)
    assert found.brier.value == pytest.approx(0.246925, abs=1e-6)
    assert found.ece == pytest.approx(0.135667, abs=1e-6)
    assert calibrated(golden_margin, bins=5).trained.ece == pytest.approx(0.168993, abs=1e-6)


def test_that_the_temperature_is_golden(golden_margin: np.ndarray) -> None:
    temperature = fit_temperature(golden_margin)
    assert temperature == pytest.approx(2.052289, abs=1e-6)
    scaled = calibrated(golden_margin, temperature=temperature).scaled
    assert scaled is not None
    assert scaled.nll.value == pytest.approx(0.639755, abs=1e-6)


@pytest.mark.parametrize("n, chance", [(300, 0.10), (1000, 0.055), (10_000, 0.018)])
def test_that_chance_gives_the_error_it_should(n: int, chance: float) -> None:
    assert calibrated(perfect(n, 1)).trained.ece_null95 == pytest.approx(chance, rel=0.15)


def test_that_the_chance_level_is_the_same_by_draws_and_by_the_normal_limit() -> None:
    drawn, limit = (calibrated(perfect(n, 3)).trained.ece_null95 for n in (19_900, 20_100))
    assert drawn == pytest.approx(limit, rel=0.08)


def test_that_a_perfect_model_is_within_chance_about_19_times_of_20() -> None:
    beyond = sum(calibrated(perfect(400, seed)).trained.beyond_chance for seed in range(100))
    assert beyond <= 12


@given(margins, st.integers(1, 20))
def test_that_the_error_is_a_share_and_bins_part_the_pairs(margin: np.ndarray, bins: int) -> None:
    found = calibrated(margin, bins=bins).trained
    assert found.ece is not None and 0.0 <= found.ece <= 1.0
    assert found.bins.n.sum() == len(margin) and np.all(found.bins.n > 0)
    assert len(found.bins) <= bins
    assert np.array_equal(np.bincount(found.bin_of, minlength=len(found.bins)), found.bins.n)
    assert np.all(np.diff(found.bins.confidence) > -1e-12)
    for row in range(len(found.bins)):
        mine = found.bin_of == row
        assert found.bins.rate[row] == pytest.approx(outcomes(margin)[mine].mean())
        assert found.bins.confidence[row] == pytest.approx(sigmoid(np.abs(margin[mine])).mean())
    assert np.all((found.bins.low <= found.bins.rate) & (found.bins.rate <= found.bins.high))


@given(margins, st.randoms(use_true_random=False))
def test_that_the_order_of_pairs_does_not_matter(margin: np.ndarray, random: object) -> None:
    order = list(range(len(margin)))
    random.shuffle(order)
    before, after = calibrated(margin).trained, calibrated(margin[order]).trained
    assert after.ece == pytest.approx(before.ece, abs=1e-12)
    assert np.array_equal(before.bin_of[order], after.bin_of)


@given(margins)
def test_that_pairs_of_equal_confidence_share_a_bin(margin: np.ndarray) -> None:
    found = calibrated(margin, bins=10).trained
    for strength in np.unique(np.abs(margin)):
        assert len(set(found.bin_of[np.abs(margin) == strength].tolist())) == 1


@given(margins)
def test_that_scaling_by_the_fitted_temperature_never_worsens_the_loss(margin: np.ndarray) -> None:
    temperature = fit_temperature(margin)
    assert 0.01 <= temperature <= 100.0
    before, after = (float(np.mean(np.logaddexp(0, -margin / t))) for t in (1.0, temperature))
    assert after <= before + 1e-9


def test_that_bins_follow_the_rule_of_thumb() -> None:
    sizes = (19, 39, 40, 100, 299, 300, 5000)
    assert [len(calibrated(perfect(n, 0)).trained.bins) for n in sizes] == [1, 1, 2, 5, 14, 15, 15]


def test_that_planted_overconfidence_is_found_named_and_mended() -> None:
    margin = np.concatenate([perfect(1500, 1, 2.0), perfect(1500, 2, 2.0, honest=0.4)])
    subset = np.array(["honest"] * 1500 + ["boastful"] * 1500, object)
    boastful = margin[1500:]
    assert fit_temperature(boastful) == pytest.approx(2.5, rel=0.15)
    found = calibration(margin, np.arange(3000), subset, temperature=fit_temperature(margin))
    tones = {part.name: part.tone for part in found.trained.subsets}
    assert tones == {"honest": "", "boastful": "too sure"}
    assert found.trained.beyond_chance
    assert found.stated is found.scaled and found.scaled.ece < found.trained.ece
    assert ", beyond chance" in found.headline(found.trained)
    assert {part.name: part.tone for part in found.scaled.subsets}["boastful"] == "too sure"
    assert "as trained" in found.method("", found.trained) and "after scaling by temperature" in found.method()
    modest = calibration(perfect(3000, 3, 1.0, honest=3.0), np.arange(3000), subset)
    assert modest.stated.subsets[0].tone == "too unsure"


def test_that_the_headline_reads_as_the_guide_says() -> None:
    found = calibrated(perfect(1036, 5, 1.2))
    assert found.headline().startswith("When the model says ")
    assert ", within chance (up\u00a0to\u00a00.0" in found.headline()
    assert len(found.headline()) <= 150
    assert "1,036\u00a0held-out pairs · 15\u00a0bins of equal count · Wilson intervals" in found.method("held-out")


def test_that_the_band_holds_the_bins_of_a_perfect_model() -> None:
    inside = total = 0
    for seed in range(20):
        found = calibrated(perfect(1000, seed, 1.5))
        low = np.interp(found.trained.bins.confidence, found.band_confidence, found.band_low)
        high = np.interp(found.trained.bins.confidence, found.band_confidence, found.band_high)
        inside += int(((low <= found.trained.bins.rate) & (found.trained.bins.rate <= high)).sum())
        total += len(found.trained.bins)
    assert 0.91 <= inside / total <= 0.99


def test_that_the_histogram_counts_every_pair() -> None:
    found = calibrated(np.concatenate([perfect(500, 2), [0.0, 40.0, -40.0]]))
    assert found.trained.histogram.sum() == 503
    assert found.ties == 1


def test_that_the_length_of_the_pick_does_not_depend_on_the_label() -> None:
    margin, gap = np.array([2.0, -2.0, 1.0, -1.0, 0.0, 1.0]), np.array([1.0, 1.0, -0.5, -0.5, 3.0, 0.05])
    names = ["picks the longer", "picks the shorter", "picks the shorter", "picks the longer", *["similar length"] * 2]
    assert length_of_pick(margin, gap).tolist() == names
    assert length_of_pick(-margin, -gap).tolist() == names


def test_that_bins_say_what_they_hold() -> None:
    bins, _ = reliability(np.array([np.log(4.0)] * 3 + [-np.log(4.0)] + [0.0, 0.0, 0.0]), bins=2)
    assert [bins.says([row]) for row in (0, 1)] == ["says 50%, right 50%", "says 80%, right 75%"]
    assert [bins.tally([row]) for row in (0, 1)] == ["1.5 of 3\u00a0pairs", "3 of 4\u00a0pairs"]
    assert bins.says([0, 1]) == "says 67%, right 64%" and bins.tally([0, 1]) == "4.5 of 7\u00a0pairs"


@given(margins)
def test_that_the_curve_alone_is_the_curve_of_the_scores(margin: np.ndarray) -> None:
    bins, bin_of = reliability(margin)
    found = calibrated(margin).trained
    assert np.array_equal(bin_of, found.bin_of)
    assert np.array_equal(bins.rate, found.bins.rate) and np.array_equal(bins.n, found.bins.n)
    assert np.array_equal(confidence_counts(margin), found.histogram)


def test_that_the_headline_speaks_of_the_probabilities_that_are_shown() -> None:
    margin = perfect(2000, 4, 2.0, honest=0.4)
    found = calibrated(margin, temperature=2.5)
    assert found.headline() == found.headline(found.scaled) != found.headline(found.trained)
    assert calibrated(margin / 2.5).headline() == found.headline()


@pytest.mark.parametrize("margin, temperature", [
    ([], 1.0), ([0.0, 0.0], 1.0), ([1.0, 2.0], 0.01), ([-1.0, -2.0], 100.0)])
def test_that_a_temperature_is_given_where_there_is_no_optimum(margin: list[float], temperature: float) -> None:
    assert fit_temperature(np.array(margin)) == pytest.approx(temperature)
