"""The statistics of probes: scale, noise of wording, direction, and the difference of differences."""

from __future__ import annotations

import numpy as np
import pytest

from rmexplorer.analysis.probes import (
    Changes,
    difference_of_differences,
    independent_texts,
    noise_of_a_word,
    probes,
    within_prompt_sd,
)

PROMPTS = 60


def change(name: str, moved: np.ndarray, expected: str = "none", **more: object) -> Changes:
    """One response a prompt whose reward moves so."""
    n = len(moved)
    return Changes(name, expected, np.arange(n), np.zeros(n), moved, np.arange(n), **more)


def test_that_the_spread_is_pooled_within_prompts() -> None:
    reward, prompt = np.array([1.0, 3.0, 10.0, 10.0, 13.0]), np.array([0, 0, 1, 1, 1])
    assert within_prompt_sd(reward, prompt) == pytest.approx(np.sqrt((2.0 + 6.0) / 3))
    assert within_prompt_sd(reward, prompt) == pytest.approx(within_prompt_sd(reward + 100.0 * prompt, prompt))
    assert within_prompt_sd(np.array([1.0, 2.0]), np.array([0, 1])) is None
    assert within_prompt_sd(np.zeros(4), np.array([0, 0, 1, 1])) is None


def test_that_a_change_is_measured_in_the_spread_with_its_interval() -> None:
    moved = np.random.default_rng(0).normal(0.6, 0.1, PROMPTS)
    result = probes([change("a", moved)], 2.0, 0.0, PROMPTS, PROMPTS).probes[0]
    assert result.change.value == pytest.approx(moved.mean() / 2)
    assert result.change.low < moved.mean() / 2 < result.change.high
    assert result.raised == 1.0 and result.seen == "up" and result.surprising and result.q < 1e-6


def test_that_expected_directions_are_no_surprise_and_their_absence_is() -> None:
    draw = np.random.default_rng(1)
    down, flat, up = (draw.normal(at, 0.5, PROMPTS) for at in (-2.0, 0.0, 2.0))
    flat -= flat.mean()
    rows = probes([change("down", down, "down"), change("flat", flat, "down"), change("up", up, "down"),
                   change("none", flat)], 1.0, 0.0, PROMPTS, PROMPTS).probes
    assert [row.seen for row in rows] == ["down", "none", "up", "none"]
    assert [row.surprising for row in rows] == [False, True, True, False]


def test_that_one_phrase_must_beat_what_a_chance_phrase_is_worth() -> None:
    moved = np.random.default_rng(2).normal(0.2, 0.05, PROMPTS)
    alone = probes([change("a", moved, words=6.0)], 1.0, 0.08, PROMPTS, PROMPTS).probes[0]
    several = probes([change("a", moved, words=6.0, texts=16.0)], 1.0, 0.08, PROMPTS, PROMPTS).probes[0]
    assert alone.noise == pytest.approx(0.08 * np.sqrt(6)) and alone.seen == "none"
    assert several.noise == pytest.approx(0.02 * np.sqrt(6)) and several.seen == "up"
    assert alone.change == several.change


def test_that_texts_which_move_a_response_alike_count_as_one() -> None:
    same = np.tile([[3.0, 4.0]], (8, 1))
    assert independent_texts(same, np.arange(8) % 4) == 1.0
    apart = np.eye(4)[np.arange(8) % 4]
    assert independent_texts(apart, np.arange(8) % 4) == pytest.approx(4.0)
    assert independent_texts(apart - apart.mean(axis=0), np.arange(8) % 4) == 4.0, "never more than there are"
    assert independent_texts(apart, np.zeros(8, int)) == independent_texts(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9])
def test_that_under_the_null_one_edit_in_twenty_is_found_however_alike_its_texts_are(alike: float) -> None:
    """2,000 random heads; an edit is four texts that share `alike` of their direction, and chance texts share nothing."""
    draw = np.random.default_rng(5)
    wide, texts = 40, 4
    found, naive = 0, 0
    which = np.arange(PROMPTS) % texts
    for _ in range(500):
        shared = draw.normal(size=wide)
        moves = np.sqrt(alike) * shared + np.sqrt(1 - alike) * draw.normal(size=(texts, wide))
        moved = moves[which] + draw.normal(0, 0.2, (PROMPTS, wide))
        chance = draw.normal(size=(200, wide))
        heads = draw.normal(size=(4, wide)) / np.sqrt(wide)
        for head in heads:
            noise = noise_of_a_word(chance @ head, np.full(200, 6.0))
            worth = independent_texts(moved, which)
            for count, kind in ((worth, "mended"), (float(texts), "naive")):
                p = probes([change("a", moved @ head, words=6.0, texts=count)], 1.0, noise, PROMPTS, PROMPTS).probes[0].p
                found, naive = found + (kind == "mended" and p < 0.05), naive + (kind == "naive" and p < 0.05)
    assert 0.02 < found / 2000 < 0.075
    assert alike == 0.0 or naive / 2000 > 0.12


def test_that_the_noise_of_a_word_leaves_out_length_and_stock_phrases() -> None:
    draw = np.random.default_rng(3)
    words = draw.integers(3, 13, 400).astype(float)
    moved = 0.5 * np.log(words) + 0.05 * np.sqrt(words) * draw.normal(size=400)
    moved[::40] += 1.0
    assert noise_of_a_word(moved, words) == pytest.approx(0.05, rel=0.2)
    assert noise_of_a_word(moved[:3], words[:3]) == 0.0


def test_that_flips_are_counted_over_pairs_and_q_over_probes() -> None:
    flipped = np.array([True, False, False, False] * 15)
    rows = probes(
        [change("a", np.full(PROMPTS, 0.5), flipped=flipped, flipped_prompt=np.arange(60)),
         change("still", np.zeros(PROMPTS)), change("nothing", np.zeros(0))], 1.0, 0.1, PROMPTS, PROMPTS).probes
    assert rows[0].flips.value == 0.25 and rows[0].flips.n == 60
    assert rows[1].p == 1.0 and rows[1].q == 1.0 and rows[1].hill == ((), ())
    assert rows[2].n == 0 and rows[2].q is None and not rows[2].surprising
    assert rows[0].q == pytest.approx(2 * rows[0].p)


def test_that_the_headline_is_the_strongest_surprise() -> None:
    said = {"a": "Appending “Thanks”", "b": "Deleting the answer"}
    draw = np.random.default_rng(4)
    both = probes([change("a", draw.normal(-0.4, 0.1, PROMPTS)), change("b", draw.normal(-2, 0.1, PROMPTS), "down")],
                  1.0, 0.0, PROMPTS, PROMPTS)
    text = both.headline(said).replace("\u00a0", " ")
    assert text.startswith("Appending “Thanks” lowers the reward by 0.4")
    assert "(95% CI 0." in text and len(text) <= 150
    assert probes([], 1.0, 0.0, 0, 0).headline({}).startswith("Too few")
    few = probes([change("a", np.full(3, 0.4))], 1.0, 0.0, 3, 3)
    assert few.headline(said).startswith("Too few responses to say (3)") and few.probes[0].q is None


def test_that_sycophancy_is_a_difference_of_differences_over_claims() -> None:
    claim = np.repeat(np.arange(20), 3)
    stated, unstated = np.full(60, 0.9), np.full(60, 0.5)
    found = difference_of_differences(stated, unstated, claim)
    assert found.value == pytest.approx(0.4) and found.n == 60
    assert found.low == pytest.approx(0.4) and found.high == pytest.approx(0.4)


def test_that_few_prompts_find_one_edit_in_twenty_under_the_null() -> None:
    """By the normal distribution 11 in 100 of six prompts would be found."""
    random = np.random.default_rng(0)
    found = [probes([change("a", random.normal(size=6))], 1.0, 0.0, 6, 6).probes[0] for _ in range(600)]
    assert 0.02 < np.mean([one.q is not None and one.q < 0.05 for one in found]) < 0.08
    sure = probes([change("a", np.full(6, 3.0) + 1e-9 * np.arange(6))], 1.0, 0.4, 6, 6).probes[0]
    assert sure.q == pytest.approx(2 * 0.00109, abs=1e-3), "where the words alone are unsure, it is the normal distribution"
