"""Before and after a fix: planted changes are found, absent ones are not claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rmexplorer.analysis.calibration import calibration
from rmexplorer.analysis.fix_comparison import (
    FixComparison,
    calibration_error,
    changed_pairs,
    fix_comparison,
    length_pull,
    pull_of,
)


def planted(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Δ quality and Δ log length of pairs turned to the chosen response, prompts, subsets."""
    random = np.random.default_rng(seed)
    quality, gap = random.standard_normal(n), random.standard_normal(n)
    wins = random.random(n) < 1 / (1 + np.exp(-quality - 0.8 * gap))
    turn = np.where(wins, 1.0, -1.0)
    return quality * turn, gap * turn, np.arange(n) // 2, np.where(random.random(n) < 0.5, "alpha", "beta").astype(object)


def compared(n: int = 3000) -> FixComparison:
    quality, gap, prompt, subset = planted(n)
    return fix_comparison(quality + 0.8 * gap, prompt, subset, gap, quality + 0.1 * gap, "balance")


def test_that_the_planted_slopes_are_found_with_intervals() -> None:
    found = compared()
    before, after = found.before.per_doubling, found.after.per_doubling
    assert before.low is not None and before.high is not None and after.low is not None and after.high is not None
    assert before.low < 0.8 * math.log(2) < before.high and after.low < 0.1 * math.log(2) < after.high
    pull = found.change("Length doubled")
    assert pull is not None and pull.difference.low is not None and pull.difference.high is not None
    assert pull.difference.low < -0.7 * math.log(2) < pull.difference.high and pull.clear
    assert pull.words() == "weaker by 0.49"
    assert found.headline().startswith("Balancing cuts the pull of length by 8")


def test_that_correlation_and_slope_do_not_depend_on_who_was_chosen() -> None:
    quality, gap, prompt, _ = planted(500)
    turn = np.random.default_rng(1).choice([-1.0, 1.0], 500)
    one, other = pull_of(quality + gap, prompt, gap), pull_of((quality + gap) * turn, prompt, gap * turn)
    assert one.correlation.value == pytest.approx(other.correlation.value)
    assert one.per_doubling.value == pytest.approx(other.per_doubling.value)
    plain = length_pull(quality + gap, gap)
    assert plain["correlation"] == pytest.approx(one.correlation.value)
    assert plain["reward_per_doubling"] == pytest.approx(one.per_doubling.value)
    assert plain["matched_accuracy"] == pytest.approx(one.matched.value)


def test_that_the_calibration_error_is_that_of_the_calibration_pane() -> None:
    quality, gap, prompt, subset = planted(777)
    margin = np.round(quality + gap, 1)
    assert calibration_error(margin) == pytest.approx(calibration(margin, prompt, subset).trained.ece)


def test_that_no_difference_is_claimed_where_nothing_changed() -> None:
    quality, gap, prompt, subset = planted(2000)
    noise = np.random.default_rng(3).standard_normal(2000) * 0.05
    found = fix_comparison(quality, prompt, subset, gap, quality + noise, "penalty")
    assert {change.words() for change in found.changes if change.name != "Correlation"} == {"no clear difference"}
    assert "no clear difference" in found.headline()
    same = fix_comparison(quality, prompt, subset, gap, quality, "penalty")
    assert all(change.difference.value == 0 and not change.clear for change in same.changes)


def test_that_lost_accuracy_is_named_with_its_source() -> None:
    quality, gap, prompt, subset = planted(4000)
    spoilt = np.where(subset == "alpha", -quality, quality)
    found = fix_comparison(quality, prompt, subset, gap, spoilt)
    alpha, beta = found.change("alpha"), found.change("beta")
    assert alpha is not None and beta is not None
    assert alpha.words().startswith("lower by") and beta.words() == "no clear difference"
    assert alpha.before == pytest.approx(float((quality > 0)[subset == "alpha"].mean()))


def test_that_few_pairs_make_no_finding() -> None:
    assert fix_comparison(*(part[:0] for part in (np.zeros(1), np.zeros(1, int), np.array([""], object), np.zeros(1)))
                          ).headline().startswith("Too few pairs")
    found = compared(3)
    assert found.headline().startswith("Too few pairs to say (3")
    assert all(not change.clear for change in found.changes)
    quality, gap, prompt, subset = planted(50)
    assert fix_comparison(quality, prompt, subset, gap + 5.0, quality).headline().endswith("what it costs.")


def test_that_changed_pairs_are_those_whose_ranking_turned() -> None:
    assert changed_pairs(np.array([1.0, -1.0, 0.5]), np.array([2.0, 1.0, -0.1])).tolist() == [False, True, True]
