"""Length, style, the tails of the reward and the dataset card on planted data."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from rmexplorer.analysis import ANALYSES
from rmexplorer.analysis.dataset_card import dataset_card
from rmexplorer.analysis.length_style import length_groups, length_slope, length_style
from rmexplorer.analysis.responses import SHARES, VIEWS, default_share, responses, share_text
from rmexplorer.analysis.style_effects import style_effects, telling, where_it_differs

Planted = Callable[..., dict[str, Any]]


def call(function: Callable[..., Any], columns: dict[str, Any], **settings: Any) -> Any:
    return function(**{name: columns[name] for name in signature(function).parameters if name in columns}, **settings)


def test_that_the_planted_slope_is_found(planted: Planted) -> None:
    found = call(length_style, planted(2000))
    assert found.trend.slope.low < 0.46 < found.trend.slope.high
    assert found.trend.slope.value == pytest.approx(
        np.polyfit(found.cloud.x, found.cloud.reward, 1)[0], abs=1e-9)
    assert np.all((found.trend.low <= found.trend.line) & (found.trend.line <= found.trend.high))
    middle = np.interp(found.cloud.x.mean(), found.trend.x, found.trend.line)
    assert middle == pytest.approx(found.cloud.reward.mean(), abs=1e-6)
    assert " reward each time the length doubles (95%\u00a0CI\u00a00." in found.trend_text()


def test_that_large_and_small_data_give_alike_trends(planted: Planted) -> None:
    small, large = call(length_style, planted(6000)), call(length_style, planted(12_000))
    assert small.trend.slope.how == "bootstrap over prompts"
    assert large.trend.slope.how == "cluster-robust by prompt"
    assert large.trend.slope.low < 0.46 < large.trend.slope.high
    ratio = (small.trend.slope.high - small.trend.slope.low) / (large.trend.slope.high - large.trend.slope.low)
    assert ratio == pytest.approx(2**0.5, rel=0.15)


def test_that_the_correlation_is_spearmans_within_prompts(planted: Planted) -> None:
    columns = planted(500, pairs_a_prompt=1)
    columns["reward_chosen"] = columns["reward_chosen"] + 10.0 * (columns["prompt"] % 7)
    columns["reward_rejected"] = columns["reward_rejected"] + 10.0 * (columns["prompt"] % 7)
    found = call(length_style, columns)
    reward = (columns["reward_chosen"] - columns["reward_rejected"]) / 2
    length = columns["length_gap"] / 2
    expected = spearmanr(np.concatenate([reward, -reward]), np.concatenate([length, -length])).statistic
    assert found.correlation.value == pytest.approx(expected, abs=1e-3)
    assert found.correlation.low < expected < found.correlation.high


def test_that_accuracy_is_split_by_which_response_is_longer(planted: Planted) -> None:
    columns = planted(1500)
    found = call(length_style, columns)
    right, longer = columns["margin"] > 0, columns["chars_chosen"] > columns["chars_rejected"]
    assert found.accuracy_chosen_longer.value == pytest.approx(right[longer].mean())
    assert found.accuracy_chosen_shorter.value == pytest.approx(
        right[columns["chars_chosen"] < columns["chars_rejected"]].mean())
    matched = np.abs(columns["length_gap"]) < 0.1
    assert found.matched.value == pytest.approx(right[matched].mean())
    assert found.chosen_longer.value == pytest.approx(longer.mean())
    assert [group.name for group in found.groups] == ["chosen shorter", "similar", "chosen longer"]
    assert sum(group.accuracy.n for group in found.groups) == 1500
    assert found.groups[1].accuracy.n == matched.sum()
    assert sum(part.accuracy.n for part in found.bins) == 1500
    assert [part.middle for part in found.bins] == sorted(part.middle for part in found.bins)


def test_that_equal_length_is_not_longer(planted: Planted) -> None:
    columns = planted(100)
    columns["chars_rejected"] = columns["chars_chosen"]
    columns["length_gap"] = np.zeros(100)
    found = call(length_style, columns)
    assert found.chosen_longer.value == 0.0
    assert found.length_only.value == 0.5
    assert found.matched.n == 100


def test_that_the_length_rule_learns_its_direction() -> None:
    gap = np.array([1.0, -1.0, -0.5, -2.0])
    assert length_slope(gap) < 0 < length_slope(-gap)
    assert length_slope(np.zeros(4)) == 0.0
    assert abs(length_slope(np.ones(4))) <= 50.0


def test_that_planted_outliers_are_named(planted: Planted) -> None:
    columns = planted(800)
    columns["reward_rejected"][17] += 12.0
    columns["reward_chosen"][401] -= 9.0
    found = call(length_style, columns)
    named = found.cloud.response[found.outliers.position[:2]].tolist()
    assert named == [800 + 17, 401]
    assert found.cloud.pair[found.outliers.position[:2]].tolist() == [17, 401]
    assert found.outliers.residual[0] > 3 and found.outliers.residual[1] < -3
    assert not found.cloud.was_chosen[found.outliers.position[0]]


def test_that_a_response_in_several_pairs_is_one_mark(planted: Planted) -> None:
    columns = planted(300, pairs_a_prompt=3)
    columns["response_chosen"] = columns["response_chosen"] // 3 * 3
    for name in ("reward_chosen", "words_chosen", "chars_chosen"):
        columns[name] = columns[name][np.arange(300) // 3 * 3]
    found = call(length_style, columns)
    assert len(found.cloud) == 100 + 300
    assert len(set(found.cloud.response.tolist())) == 400
    assert set(found.cloud.chosen_share.tolist()) == {0.0, 1.0}


def test_that_few_pairs_have_no_trend(planted: Planted) -> None:
    found = call(length_style, planted(20))
    assert found.trend is None and found.trend_text() == ""
    assert found.headline().startswith("Too few pairs to say (20): longer responses win")


def test_that_the_headline_names_rule_and_model(planted: Planted) -> None:
    found = call(length_style, planted(1000))
    assert found.headline().startswith("Longer responses win ")
    assert "A length-only rule scores 0." in found.headline() and ", your model 0." in found.headline()


def logistic(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression without intercept, by a general optimiser."""
    return minimize(lambda w: float(np.sum(np.logaddexp(0.0, x @ w) - target * (x @ w)) + np.sum(w**2) / 2),
                    np.zeros(x.shape[1]), tol=1e-10).x


def test_that_style_counts_for_the_model_where_it_was_planted(planted: Planted) -> None:
    columns = planted(4000)
    found = call(style_effects, columns)
    effects = {effect.name: effect for effect in found.effects}
    sways, follows = effects["sways_model"], effects["follows_length"]
    difference = columns["style_chosen"][:, 0] - columns["style_rejected"][:, 0]
    x = np.column_stack([difference / sways.sd, columns["length_gap"] / np.sqrt(np.mean(columns["length_gap"] ** 2))])
    assert sways.sd == pytest.approx(np.sqrt(np.mean(difference**2) / 2))
    assert sways.people.value == pytest.approx(logistic(x, np.ones(4000))[0], abs=1e-4)
    assert sways.model.value == pytest.approx(logistic(x, 1 / (1 + np.exp(-columns["margin"])))[0], abs=1e-4)
    assert sways.model.low > 0.15
    assert not sways.people.excludes(0.0)
    assert sways.gap_q < 0.001
    gap = columns["style_chosen"][:, 1] - columns["style_rejected"][:, 1]
    alone = logistic(gap[:, None] / follows.sd, 1 / (1 + np.exp(-columns["margin"])))[0]
    assert abs(follows.model.value) < 0.08 < 0.2 < alone, "it goes with length, and counts for little at equal length"
    assert "the model favours sways model 0." in found.headline() and "more" in found.headline()


def test_that_style_effects_have_the_error_rate_they_promise(planted: Planted) -> None:
    false = [effect.people_q < 0.05 for seed in range(25) for effect in call(style_effects, planted(300, seed)).effects]
    assert np.mean(false) < 0.06


def test_that_people_who_follow_a_style_are_seen_to(planted: Planted) -> None:
    columns = planted(3000)
    random = np.random.default_rng(0)
    difference = columns["style_chosen"][:, 2] - columns["style_rejected"][:, 2]
    swap = random.random(3000) > 1 / (1 + np.exp(-0.5 * difference))
    for name in ("style", "reward", "chars"):
        chosen, rejected = columns[f"{name}_chosen"].copy(), columns[f"{name}_rejected"].copy()
        columns[f"{name}_chosen"][swap], columns[f"{name}_rejected"][swap] = rejected[swap], chosen[swap]
    columns["length_gap"] = np.where(swap, -columns["length_gap"], columns["length_gap"])
    columns["margin"] = np.where(swap, -columns["margin"], columns["margin"])
    effect = next(effect for effect in call(style_effects, columns).effects if effect.name == "noise")
    assert effect.people.low < 0.5 * effect.sd < effect.people.high
    assert effect.people_q < 0.01 < effect.model_q


def test_that_features_that_are_length_or_hardly_vary_are_left_out(planted: Planted) -> None:
    columns = planted(400)
    log_chars = np.log1p(np.column_stack([columns["chars_chosen"], columns["chars_rejected"]]))
    for side, column in (("chosen", 0), ("rejected", 1)):
        columns[f"style_{side}"][:, 2] = log_chars[:, column]
        columns[f"style_{side}"][:, 3] = 7.0
    found = call(style_effects, columns)
    assert found.left_out == ("noise", "more_noise")


def test_that_separated_features_stay_finite(planted: Planted) -> None:
    columns = planted(200)
    columns["style_chosen"][:, 0], columns["style_rejected"][:, 0] = 1.0, 0.0
    effect = next(effect for effect in call(style_effects, columns).effects if effect.name == "sways_model")
    assert np.isfinite([effect.people.value, effect.people.low, effect.people.high]).all()


def test_that_the_tails_hold_the_extremes(planted: Planted) -> None:
    columns = planted(1000)
    found = call(responses, columns, one_per_prompt=False, limit=30)
    reward = np.concatenate([columns["reward_chosen"], columns["reward_rejected"]])
    assert np.allclose(found.highest.reward, np.sort(reward)[::-1][:30])
    assert np.allclose(found.lowest.reward, np.sort(reward)[:30])
    assert found.highest.response.tolist() == np.argsort(-reward)[:30].tolist()
    assert found.tail == 20
    assert found.high_edge == pytest.approx(np.sort(reward)[-20])
    top = np.argsort(-reward)[:20]
    assert found.top_rejected.value == pytest.approx((top >= 1000).mean())
    assert found.top_rejected.low <= found.top_rejected.value <= found.top_rejected.high
    assert found.highest.z[0] == pytest.approx((reward.max() - reward.mean()) / reward.std())
    assert found.histogram_chosen.sum() == found.histogram_rejected.sum() == 1000


def test_that_tails_of_every_size_begin_where_a_run_of_that_size_does(planted: Planted) -> None:
    columns = planted(1000)
    for place, share in enumerate(SHARES):
        found = call(responses, columns, share=share)
        assert found.high_edges[place] == found.high_edge
        assert found.low_edges[place] == found.low_edge
    assert [share_text(share) for share in (0.001, 0.01, 0.015, 0.075, 0.25)] == ["0.1%", "1%", "1.5%", "7.5%", "25%"]


def test_that_tails_are_large_enough_to_say_something() -> None:
    assert default_share(20_000) == default_share(2_000) == 0.01
    assert default_share(400) == 0.05
    assert default_share(6) == 0.25


def test_that_each_view_has_its_own_finding(planted: Planted) -> None:
    columns = planted(1000)
    found = call(responses, columns)
    margin = columns["margin"]
    p = 1 / (1 + np.exp(-margin))
    assert found.wrong.value == pytest.approx((margin < 0).mean())
    assert found.sure_wrong.value == pytest.approx((p < 0.2).mean())
    assert found.unsure.value == pytest.approx((abs(p - 0.5) < 0.1).mean())
    assert found.mean_margin.value == pytest.approx(margin.mean())
    assert f"{100 * (margin < 0).mean():.0f}% of pairs (95% CI" in found.headline("wrong").replace("\u00a0", " ")
    assert f"{100 * (abs(p - 0.5) < 0.1).mean():.0f}% of pairs" in found.headline("unsure")
    assert f"+{margin.max():.2f}" in found.headline("margins")
    assert found.headline("margins") != found.headline() != found.headline("wrong")
    for view in VIEWS:
        few = call(responses, planted(3)).headline(view)
        assert few.replace(" pairs)", ")").startswith("Too few pairs to say (3)")
        assert call(responses, {name: column[:0] for name, column in columns.items()}).headline(view) \
            == "Too few pairs to say: there are none here."


def test_that_pairs_are_listed_by_margin(planted: Planted) -> None:
    columns = planted(1000)
    found = call(responses, columns, one_per_prompt=False, limit=25)
    margin = columns["margin"]
    assert np.allclose(found.largest_margins.margin, np.sort(margin)[::-1][:25])
    assert np.allclose(found.smallest_margins.margin, np.sort(margin)[:25])
    assert np.allclose(found.confident_mistakes.margin, np.sort(margin)[:25])
    assert np.allclose(np.abs(found.least_sure.margin), np.sort(np.abs(margin))[:25])
    assert np.allclose(margin[found.least_sure.pair], found.least_sure.margin)
    assert found.mistakes == (margin < 0).sum()


def test_that_one_response_a_prompt_is_shown(planted: Planted) -> None:
    columns = planted(400, pairs_a_prompt=4)
    found = call(responses, columns, limit=50)
    for listed in (found.highest, found.lowest, found.largest_margins, found.confident_mistakes, found.least_sure):
        prompts = columns["prompt"][listed.pair].tolist()
        assert len(prompts) == len(set(prompts)) == 50
    assert np.all(np.diff(found.highest.reward) <= 0)


def test_that_a_selection_is_measured_on_the_scale_of_the_dataset(planted: Planted) -> None:
    found = call(responses, planted(100), center=2.0, scale=4.0)
    assert np.allclose(found.highest.z, (found.highest.reward - 2.0) / 4.0)


def test_that_no_mistakes_are_listed_where_there_are_none(planted: Planted) -> None:
    columns = planted(50)
    columns["margin"] = np.abs(columns["margin"]) + 0.1
    assert len(call(responses, columns).confident_mistakes) == 0


def test_that_the_card_counts(planted: Planted) -> None:
    columns = planted(1000)
    found = call(dataset_card, columns, ties=7, skipped={"identical_responses": 36, "no_label": 2})
    assert (found.pairs, found.ties, found.prompts, found.responses) == (1000, 7, 500, 2000)
    assert found.chosen_words_median == np.median(columns["words_chosen"])
    assert sum(source.pairs for source in found.sources) == 1000
    assert sum(source.share for source in found.sources) == pytest.approx(1.0)
    alpha = next(source for source in found.sources if source.name == "alpha")
    rows = columns["subset"] == "alpha"
    assert alpha.chosen_longer.value == pytest.approx((columns["length_gap"][rows] > 0).mean())
    assert found.headline().startswith("1,000 usable pairs from 500 prompts. The chosen response is the longer one in ")
    assert found.headline().endswith("; 36 with identical responses were skipped.")
    assert "7\u00a0ties kept aside" in found.method()


def nothing(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: column if name == "style_names" else column[:0] for name, column in columns.items()}


@pytest.mark.parametrize("name", sorted(ANALYSES))
@pytest.mark.parametrize("n", [0, 1, 2, 3, 40])
def test_that_every_analysis_answers_for_any_number_of_pairs_and_repeats_itself(
        name: str, n: int, planted: Planted) -> None:
    columns = planted(n)
    if n == 40:  # all rewards and lengths alike
        for column in ("margin", "length_gap"):
            columns[column] = np.zeros(n)
        for column in ("reward", "words", "chars", "style"):
            for side in ("chosen", "rejected"):
                columns[f"{column}_{side}"] = np.ones_like(columns[f"{column}_{side}"])
    found = call(ANALYSES[name], columns)
    assert 0 < len(found.headline()) <= 150
    assert "nan" not in found.headline().lower() and "nan" not in found.method("held-out").lower()
    assert "nan" not in repr(found)
    assert repr(found) == repr(call(ANALYSES[name], columns))
    if n < 30:
        assert found.headline().startswith("Too few pairs to say")


def test_that_the_pairs_behind_each_length_group_are_those_counted(planted: Planted) -> None:
    columns = planted(900)
    found, members = call(length_style, columns), length_groups(columns["length_gap"])
    parts = (*found.groups, *found.bins)
    assert len(members) == len(parts) == 3 + 9
    assert [int(rows.sum()) for rows in members] == [part.accuracy.n for part in parts]
    right = np.where(columns["margin"] == 0, 0.5, columns["margin"] > 0)
    assert [right[rows].mean() for rows in members] == pytest.approx([part.accuracy.value for part in parts])
    assert np.all(columns["length_gap"][members[0]] <= -0.1) and np.all(columns["length_gap"][members[2]] >= 0.1)
    assert np.sum(members[3:], axis=0).tolist() == [1] * len(columns["length_gap"])


def test_that_pairs_differ_in_a_feature_at_all_or_most() -> None:
    rare = np.zeros(200)
    rare[[3, 50]] = 1.0, -2.0
    assert np.flatnonzero(where_it_differs(rare)).tolist() == [3, 50]
    common = np.arange(1, 201) * np.where(np.arange(200) % 2, 1.0, -1.0)
    assert np.flatnonzero(where_it_differs(common)).tolist() == list(range(180, 200))
    alike = np.ones(200)
    assert where_it_differs(alike).all()
    assert not where_it_differs(np.zeros(5)).any() and not len(where_it_differs(np.zeros(0)))
    assert not where_it_differs(np.array([np.nan, 0.0])).any()


def test_that_the_most_telling_features_come_first(planted: Planted) -> None:
    effects = call(style_effects, planted(1500)).effects
    found = telling(effects, 2)
    sizes = {effect.name: max(abs(part.value) for part in (effect.people, effect.model, effect.gap)) for effect in effects}
    assert [effect.name for effect in found] == sorted(sizes, key=lambda name: -sizes[name])[:2]
