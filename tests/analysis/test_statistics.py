"""Intervals, paired tests and rank correlation against golden values, scipy and brute force."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmexplorer.statistics import (
    Z95,
    Clusters,
    benjamini_hochberg,
    distinct,
    drawn,
    encode,
    first_seen,
    mcnemar,
    members,
    outcomes,
    paired_difference,
    ranks,
    spearman,
    t95,
    two_sided_p,
    wilson,
)


def test_that_wilson_gives_the_golden_interval() -> None:
    low, high = wilson(70, 100)
    assert (round(float(low), 4), round(float(high), 4)) == (0.6042, 0.7811)


@given(st.integers(1, 400), st.data())
def test_that_wilson_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n)
    expected = stats.binomtest(successes, n).proportion_ci(0.95, "wilson")
    assert np.allclose([low, high], [expected.low, expected.high], atol=1e-9)


def test_that_wilson_says_nothing_of_no_trials() -> None:
    low, high = wilson(0, 0)
    assert (float(low), float(high)) == (0.0, 1.0)


def test_that_mcnemar_is_exact() -> None:
    assert round(mcnemar(10, 2), 4) == 0.0386
    assert mcnemar(10, 2) == mcnemar(2, 10)
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(7, 7) == 1.0


def test_that_benjamini_hochberg_gives_the_golden_values() -> None:
    p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    q = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.10571, 0.216, 0.216, 0.216]
    assert np.allclose(benjamini_hochberg(p), q, atol=5e-6)
    assert np.allclose(benjamini_hochberg(p[::-1]), q[::-1], atol=5e-6)
    assert benjamini_hochberg([]).shape == (0,)


def test_that_ties_count_half() -> None:
    assert outcomes(np.array([2.0, 0.0, -1.0])).tolist() == [1.0, 0.5, 0.0]


@given(st.lists(st.integers(-5, 5), min_size=0, max_size=60))
def test_that_ranks_share_the_mean_of_ties(values: list[int]) -> None:
    assert np.array_equal(ranks(np.array(values, float)), stats.rankdata(values))


@given(st.lists(st.sampled_from(["a", "b", "", "ccc"]), max_size=40))
def test_that_encode_names_every_value_by_falling_count(values: list[str]) -> None:
    names, codes = encode(np.array(values, object))
    assert [names[code] for code in codes] == values
    sizes = [values.count(name) for name in names]
    assert sizes == sorted(sizes, reverse=True)
    assert [len(rows) for rows in members(codes, len(names))] == sizes


@given(st.lists(st.integers(0, 30), max_size=60), st.sampled_from([1, 10**9]))
def test_that_first_seen_agrees_with_unique(ids: list[int], spread: int) -> None:
    values = np.array(ids, np.int64) * spread
    assert np.array_equal(first_seen(values), np.unique(values, return_index=True)[1])


def test_that_spearman_agrees_with_scipy_and_its_interval_with_a_bootstrap() -> None:
    random = np.random.default_rng(5)
    prompt = np.repeat(np.arange(250), 4)
    shared = random.normal(size=250)[prompt]
    x = np.round(random.normal(size=1000) + shared, 1)
    y = 0.5 * x + random.normal(size=1000) + shared
    found = spearman(x, y, Clusters(prompt))
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    draws = []
    for _ in range(400):
        rows = (random.integers(250, size=250)[:, None] * 4 + np.arange(4)).ravel()
        draws.append(stats.spearmanr(x[rows], y[rows]).statistic)
    assert np.allclose([found.low, found.high], np.percentile(draws, [2.5, 97.5]), atol=0.015)


def test_that_spearman_says_nothing_of_constants() -> None:
    assert spearman(np.ones(50), np.arange(50.0), Clusters(np.arange(50))).value is None


@pytest.mark.parametrize("bootstrap", [True, False])
def test_that_intervals_over_prompts_are_wider_than_over_pairs_where_prompts_agree(bootstrap: bool) -> None:
    random = np.random.default_rng(2)
    prompt = np.repeat(np.arange(200), 5)
    outcome = (random.random(200) < 0.6).astype(float)[prompt]
    over_prompts = Clusters(prompt, bootstrap).share(outcome)
    low, high = wilson(outcome.sum(), len(outcome))
    assert over_prompts.high - over_prompts.low > 2.0 * float(high - low)
    expected = wilson(outcome[::5].sum(), 200)
    assert np.allclose([over_prompts.low, over_prompts.high], [float(end) for end in expected], atol=0.012)


def test_that_the_two_kinds_of_interval_agree() -> None:
    random = np.random.default_rng(3)
    prompt = np.sort(random.integers(600, size=2000))
    x = random.normal(size=2000)
    y = 0.4 * x + random.normal(size=2000)
    columns = np.column_stack([x, y, x * x, x * y])

    def slope(means: np.ndarray) -> np.ndarray:
        x, y, xx, xy = (means[..., column:column + 1] for column in range(4))
        return (xy - x * y) / (xx - x * x)

    drawn, robust = (Clusters(prompt, bootstrap).interval(columns, slope) for bootstrap in (True, False))
    assert drawn is not None and robust is not None
    assert np.allclose(np.ravel(drawn), np.ravel(robust), atol=0.006)
    assert float(drawn[0][0]) == pytest.approx(np.polyfit(x, y, 1)[0])


def test_that_a_bootstrap_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        prompt = np.repeat(np.arange(80), 3)
        outcome = (random.random(240) < np.clip(0.6 + random.normal(0, 0.15, 80), 0, 1)[prompt]).astype(float)
        found = Clusters(prompt).share(outcome)
        held += found.low <= 0.6 <= found.high
    assert 0.89 <= held / 200 <= 0.99


def test_that_one_prompt_with_many_pairs_is_one_witness() -> None:
    found = Clusters(np.zeros(50, int)).share(np.ones(50))
    assert found.value == 1.0
    assert found.low < 0.25


def test_that_a_paired_difference_is_narrower_than_two_intervals_and_counts_discordant_pairs() -> None:
    random = np.random.default_rng(4)
    right = random.random(500) < 0.7
    first = np.where(right, 1.0, -1.0)
    second = first.copy()
    second[:30] *= -1.0
    second[30] = 0.0
    found = paired_difference(first, second, Clusters(np.arange(500)))
    assert found.first_only == int(right[:30].sum())
    assert found.second_only == 30 - found.first_only
    assert found.difference.value == pytest.approx(float(outcomes(first).mean() - outcomes(second).mean()))
    assert found.difference.high - found.difference.low < 0.06


def test_that_results_repeat_themselves() -> None:
    random = np.random.default_rng(6)
    prompt, values = np.repeat(np.arange(100), 2), random.normal(size=200)
    assert Clusters(prompt).mean(values) == Clusters(prompt).mean(values)
    shuffled = random.permutation(200)
    moved = Clusters(prompt[shuffled]).mean(values[shuffled])
    assert moved.low == pytest.approx(Clusters(prompt).mean(values).low)


def test_that_statistics_are_imported_without_the_heavy_libraries() -> None:
    heavy = "[name for name in ('scipy', 'polars', 'sklearn') if name in sys.modules]"
    code = f"import sys, rmexplorer.statistics; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_that_few_prompts_widen_an_interval_to_students_t() -> None:
    assert t95(5) == pytest.approx(2.776, abs=1e-3) and t95(10**6) == pytest.approx(Z95) and t95(200) == pytest.approx(1.972, abs=1e-3)
    assert float(two_sided_p(2.776, 5)) == pytest.approx(0.05, abs=1e-4) and float(two_sided_p(1.96)) == pytest.approx(0.05, abs=1e-4)


@given(st.integers(0, 60), st.integers(0, 80), st.integers(0, 5))
def test_that_what_is_drawn_is_distinct_sorted_and_the_same_again(count: int, number: int, seed: int) -> None:
    places = drawn(count, number, seed)
    assert len(places) == min(count, number) and np.array_equal(np.unique(places), places)
    assert np.array_equal(places, drawn(count, number, seed)) and (not len(places) or 0 <= places[0] <= places[-1] < count)


def test_that_everything_is_drawn_equally_often() -> None:
    counts = np.bincount(np.concatenate([drawn(20, 5, seed) for seed in range(2_000)]), minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("values", [[], [3], [2, 2, 1, 5, 1], [[4, 1], [1, 0]], [0.5, -1.0, 0.5]])
def test_that_distinct_values_are_those_of_numpy(values: Any) -> None:
    assert np.array_equal(distinct(np.array(values)), np.unique(np.array(values)))
