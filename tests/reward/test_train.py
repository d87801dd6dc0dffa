"""Training as a job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from rmexplorer.job import Progress, finish
from rmexplorer.problem import Problem
from rmexplorer.reward.baselines import fit_logistic
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.loss import fit_temperature, softplus
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.reward.train import BLIND_EPOCHS, Beat, Fit, Knobs, train, validation_slice
from rmexplorer.statistics import sigmoid


@dataclass
class Pairs:
    """Pairs whose labels a linear reward drew, two pairs a prompt."""

    vectors: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    group: np.ndarray
    truth: np.ndarray

    def fit(self, knobs: Knobs | None = None, beats: list[Progress] | None = None, target: Any = None,
            weight: Any = None, **settings: Any) -> Fit:
        job = train(self.vectors, self.chosen, self.rejected, self.group, TrainSettings(**settings), knobs,
                    target=target, weight=weight)
        return finish(job, None if beats is None else beats.append)

    def margin(self, fit: Fit) -> np.ndarray:
        rewards = fit.model.rewards(self.vectors)
        return rewards[self.chosen] - rewards[self.rejected]


def drawn(pairs: int = 600, width: int = 12, scale: float = 1.0, seed: int = 0) -> Pairs:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((2 * pairs, width)).astype(np.float32)
    truth = random.standard_normal(width) * scale
    first, second = np.arange(pairs), np.arange(pairs) + pairs
    won = random.random(pairs) < sigmoid((vectors[first] - vectors[second]) @ truth)
    return Pairs(vectors, np.where(won, first, second), np.where(won, second, first), np.arange(pairs) // 2, truth)


def test_that_a_head_learns_what_drew_the_labels() -> None:
    pairs, fresh = drawn(), drawn(seed=1)
    fit = pairs.fit()
    right = np.sign((fresh.vectors[fresh.chosen] - fresh.vectors[fresh.rejected]) @ pairs.truth)
    rewards = fit.model.rewards(fresh.vectors)
    assert np.mean(np.sign(rewards[fresh.chosen] - rewards[fresh.rejected]) == right) > 0.9
    assert fit.history.train_loss[0] == pytest.approx(np.log(2)) == fit.history.validation_loss[0]
    assert fit.history.train_accuracy[0] == 0.5
    assert fit.refitted and not fit.warnings and fit.seconds > 0 and fit.pairs_per_second > 0


def test_that_a_linear_head_ends_where_a_convex_solver_ends() -> None:
    pairs = drawn(400, 6, 0.5)
    fit = pairs.fit(hidden_dim=0, validation=0.0, epochs=300, batch_size=400, learning_rate=0.02)
    differences = (pairs.vectors[pairs.chosen] - pairs.vectors[pairs.rejected]).astype(np.float64)
    best = fit_logistic(differences, 1e9)
    np.testing.assert_allclose(fit.model.output_weight, best, atol=2e-3)
    slope = differences.T @ (sigmoid(differences @ best) - 1) / 400
    np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_that_the_closed_form_of_one_feature_is_found() -> None:
    # 30 of 40 pairs have the feature on the chosen side: the best margin is ln 3
    vectors = np.array([[1.0], [0.0]], dtype=np.float32)
    chosen = np.repeat([0, 1], [30, 10])
    pairs = Pairs(vectors, chosen, 1 - chosen, np.arange(40), np.ones(1))
    fit = pairs.fit(hidden_dim=0, validation=0.0, epochs=400, batch_size=40, learning_rate=0.02)
    assert fit.model.output_weight[0] == pytest.approx(np.log(3), abs=1e-3)
    assert fit.history.train_loss[-1] == pytest.approx(0.562335, abs=1e-4)


def test_that_the_same_seed_gives_the_same_numbers_however_often_it_pauses() -> None:
    pairs = drawn()
    first, beats = pairs.fit(epochs=5), 0
    job = train(pairs.vectors, pairs.chosen, pairs.rejected, pairs.group, TrainSettings(epochs=5))
    while True:  # a pause is not to call next: other work goes on between two beats
        try:
            next(job)
            drawn(3).fit(epochs=1)
            beats += 1
        except StopIteration as end:
            second = end.value
            break
    assert beats > 5
    assert np.array_equal(first.model.flat, second.model.flat)
    assert first.temperature == second.temperature
    assert not np.array_equal(first.model.flat, pairs.fit(epochs=5, seed=1).model.flat)


def test_that_a_memory_map_trains_as_an_array(tmp_path: Path) -> None:
    pairs = drawn(100)
    np.save(tmp_path / "x.npy", pairs.vectors)
    first = pairs.fit(epochs=3)
    pairs.vectors = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(first.model.flat, pairs.fit(epochs=3).model.flat)


def test_that_no_group_stands_on_both_sides_of_the_validation_split() -> None:
    pairs = drawn()
    fit = pairs.fit(epochs=2)
    assert not np.intersect1d(pairs.group[fit.validation], pairs.group[~fit.validation]).size
    assert fit.validation.mean() == pytest.approx(0.2)


def test_that_validation_pairs_do_not_move_the_weights_of_the_fit() -> None:
    pairs = drawn()
    first = pairs.fit(epochs=3, refit=False)
    turned = first.validation
    pairs.chosen, pairs.rejected = (np.where(turned, pairs.rejected, pairs.chosen),
                                    np.where(turned, pairs.chosen, pairs.rejected))
    second = pairs.fit(epochs=3, refit=False, patience=9)
    assert np.array_equal(first.history.train_loss, second.history.train_loss)
    assert not np.array_equal(first.history.validation_loss, second.history.validation_loss)


def test_that_early_stopping_keeps_the_epoch_with_the_lowest_validation_loss() -> None:
    pairs = drawn(150, 60)  # many features and few pairs: it overfits soon
    fit = pairs.fit(refit=False, learning_rate=3e-3, dropout=0.0, batch_size=16, patience=4)
    lowest = 1 + int(np.argmin(fit.history.validation_loss[1:]))
    assert fit.stopped == "patience" and fit.best_epoch == lowest and fit.epochs == lowest + 4 < 60
    loss = float(softplus(-pairs.margin(fit)[fit.validation]).mean())
    assert loss == pytest.approx(fit.history.validation_loss[lowest], rel=1e-5)
    np.testing.assert_allclose(fit.validation_margin, pairs.margin(fit)[fit.validation], rtol=1e-4, atol=1e-5)


def test_that_the_refit_sees_all_pairs_for_the_best_number_of_epochs() -> None:
    pairs, beats = drawn(), list[Progress]()
    fit = pairs.fit(beats=beats, epochs=8)
    inside = int((~fit.validation).sum())
    assert beats[-1].done == beats[-1].total == fit.epochs * inside + 3 * fit.best_epoch * 600
    phases = [beat.data.phase for beat in beats if beat.data]
    assert phases[-1] == "refit" and phases.index("refit") == len(phases) - phases[::-1].index("fit")
    without = pairs.fit(epochs=8, refit=False)
    assert not without.refitted and not np.array_equal(fit.model.flat, without.model.flat)
    assert np.array_equal(fit.validation_margin, without.validation_margin)


def test_that_the_refit_averages_heads_from_different_starts() -> None:
    pairs, beats = drawn(), list[Progress]()
    one, three = pairs.fit(epochs=3, heads=1), pairs.fit(beats=beats, epochs=3, heads=3)
    assert (one.model.hidden_dim, three.model.hidden_dim) == (256, 768)
    np.testing.assert_array_equal(three.model.hidden_weight[:, :256], one.model.hidden_weight)
    assert not np.array_equal(three.model.hidden_weight[:, 256:512], three.model.hidden_weight[:, 512:])
    parts = [RewardModel.from_arrays({
        "hidden_weight": three.model.hidden_weight[:, cut], "hidden_bias": three.model.arrays()["hidden_bias"][cut],
        "output_weight": 3 * three.model.output_weight[cut], "output_bias": three.model.output_bias})
        for cut in (slice(256), slice(256, 512), slice(512, 768))]
    rewards = [part.rewards(pairs.vectors) for part in parts]
    np.testing.assert_allclose(three.model.rewards(pairs.vectors), np.mean(rewards, axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(rewards[0], one.model.rewards(pairs.vectors), rtol=1e-4, atol=1e-5)
    again = [beat.data.epoch for beat in beats if beat.data and beat.data.ended and beat.data.phase == "refit"]
    assert again == list(range(3 * three.best_epoch + 1))


@pytest.mark.parametrize(("settings", "pairs", "heads"), [
    ({}, 9_999, 3), ({}, 10_000, 1), ({"hidden_dim": 0}, 100, 1), ({"heads": 5}, 100, 5), ({"heads": 1}, 100, 1)])
def test_that_many_pairs_and_linear_heads_are_refitted_once(settings: dict[str, Any], pairs: int, heads: int) -> None:
    assert TrainSettings(**settings).heads_of(pairs) == heads


def test_that_beats_tell_the_state_of_the_run() -> None:
    beats: list[Progress] = []
    fit = drawn().fit(beats=beats, epochs=4)
    ended = [beat.data for beat in beats if beat.data and beat.data.ended and beat.data.phase == "fit"]
    assert [beat.epoch for beat in ended] == [0, 1, 2, 3, 4]
    assert [beat.validation_loss for beat in ended] == list(fit.history.validation_loss)
    assert [beat.train_accuracy for beat in ended] == list(fit.history.train_accuracy)
    assert beats[-1].note.startswith("refit, epoch ")
    assert all(isinstance(beat.data, Beat | None) for beat in beats)
    assert [beat.done for beat in beats] == sorted(beat.done for beat in beats)


def test_that_the_temperature_comes_from_the_validation_slice() -> None:
    fit = drawn(1000).fit(epochs=10)
    assert fit.temperature == pytest.approx(fit_temperature(fit.validation_margin)) != 1
    assert drawn(200).fit(epochs=10).temperature == 1  # 40 validation pairs


def test_that_stop_ends_at_once_and_keeps_the_best_epoch() -> None:
    pairs, knobs, seen = drawn(2000), Knobs(), list[Beat]()
    job = train(pairs.vectors, pairs.chosen, pairs.rejected, pairs.group,
                TrainSettings(learning_rate=3e-2, dropout=0.0), knobs)

    def each(progress: Progress) -> None:
        if progress.data:
            seen.append(progress.data)
            knobs.stop = progress.data.epoch == 3

    fit = finish(job, each)
    assert fit.stopped == "person" and fit.epochs == 3 and not fit.refitted
    assert fit.best_epoch == 1 + int(np.argmin(fit.history.validation_loss[1:]))
    loss = float(softplus(-pairs.margin(fit)[fit.validation]).mean())
    assert loss == pytest.approx(fit.history.validation_loss[fit.best_epoch], rel=1e-5)


def test_that_stop_during_the_refit_keeps_the_fit() -> None:
    pairs, knobs = drawn(), Knobs()
    job = train(pairs.vectors, pairs.chosen, pairs.rejected, pairs.group, TrainSettings(epochs=4), knobs)

    def each(progress: Progress) -> None:
        knobs.stop = progress.data is not None and progress.data.phase == "refit"

    fit = finish(job, each)
    assert not fit.refitted and np.array_equal(fit.model.flat, pairs.fit(epochs=4, refit=False).model.flat)


def test_that_a_stop_before_the_first_step_still_gives_a_head() -> None:
    fit = drawn().fit(Knobs(stop=True))
    assert fit.epochs == fit.best_epoch == 1 and fit.model.output_weight.any()


def test_that_a_turned_learning_rate_takes_effect_and_the_refit_follows_it() -> None:
    pairs, knobs, seen = drawn(), Knobs(), list[Beat]()
    job = train(pairs.vectors, pairs.chosen, pairs.rejected, pairs.group, TrainSettings(epochs=6, patience=9), knobs)

    def each(progress: Progress) -> None:
        if progress.data and progress.data.ended:
            seen.append(progress.data)
            if progress.data.epoch == 2 and progress.data.phase == "fit":
                knobs.learning_rate = 1e-6

    fit = finish(job, each)
    np.testing.assert_allclose(fit.history.learning_rate, [3e-4] * 3 + [1e-6] * 4)
    plain = pairs.fit(epochs=6, patience=9)
    np.testing.assert_array_equal(fit.history.train_loss[:3], plain.history.train_loss[:3])
    assert fit.history.train_loss[6] - fit.history.train_loss[2] == pytest.approx(0, abs=2e-3)
    assert plain.history.train_loss[6] < plain.history.train_loss[2] - 0.02
    again = [beat.learning_rate for beat in seen if beat.phase == "refit" and beat.epoch]
    np.testing.assert_allclose(again, 3 * ([3e-4] * 2 + [1e-6] * 4)[:fit.best_epoch])


def test_that_closing_the_job_gives_back_the_threads() -> None:
    from threadpoolctl import threadpool_info

    before = [library["num_threads"] for library in threadpool_info()]
    pairs = drawn()
    job = train(pairs.vectors, pairs.chosen, pairs.rejected, pairs.group)
    next(job)
    job.close()
    assert [library["num_threads"] for library in threadpool_info()] == before


def test_that_ties_pull_rewards_together() -> None:
    pairs = drawn(300, scale=3.0)
    sure = pairs.fit(epochs=10, validation=0.0)
    tied = pairs.fit(epochs=10, validation=0.0, target=np.where(np.arange(300) < 150, 0.5, 1.0))
    assert np.abs(pairs.margin(tied)[:150]).mean() < 0.8 * np.abs(pairs.margin(sure)[:150]).mean()


def test_that_pairs_of_weight_0_say_nothing() -> None:
    pairs = drawn(200)
    weight = np.where(np.arange(200) < 100, 0.0, 1.0)
    first = pairs.fit(epochs=3, validation=0.0, weight=weight)
    pairs.chosen[:100], pairs.rejected[:100] = pairs.rejected[:100].copy(), pairs.chosen[:100].copy()
    assert np.array_equal(first.model.flat, pairs.fit(epochs=3, validation=0.0, weight=weight).model.flat)


@pytest.mark.parametrize("loss", ["bradley_terry", "margin", "centred", "smoothed", "robust"])
def test_that_every_loss_trains(loss: str) -> None:
    fit = drawn().fit(loss=loss, epochs=6)
    assert fit.history.validation_accuracy[fit.best_epoch] > 0.7


@pytest.mark.parametrize("count", [1, 2, 3])
def test_that_a_handful_of_pairs_trains_without_validation_and_says_so(count: int) -> None:
    fit = drawn(count).fit()
    assert not fit.validation.any() and fit.temperature == 1 and fit.epochs == 20 and len(fit.warnings) == 2
    assert np.isfinite(fit.model.flat).all()


def test_that_a_validation_slice_of_weight_0_counts_as_none_and_says_so() -> None:
    pairs = drawn()
    held = validation_slice(pairs.group, TrainSettings())
    fit = pairs.fit(weight=np.where(held, 0.0, 1.0))
    assert held.any() and not fit.validation.any() and fit.temperature == 1.0
    assert fit.best_epoch == fit.epochs == BLIND_EPOCHS and np.isfinite(fit.history.train_loss).all()
    assert "weight 0" in fit.warnings[0] and "without early stopping" in fit.warnings[1]


def test_that_one_prompt_trains_without_validation_and_says_so() -> None:
    pairs = drawn(50)
    pairs.group[:] = 7
    fit = pairs.fit()
    assert "same prompt" in fit.warnings[0] and fit.model.output_weight.any()


def test_that_no_pairs_broken_vectors_and_pairs_that_say_nothing_are_refused() -> None:
    pairs = drawn(20)
    with threadpool_limits(2, "blas"):
        with pytest.raises(Problem, match="no pairs"):
            finish(train(pairs.vectors, pairs.chosen[:0], pairs.rejected[:0], pairs.group[:0]))
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {2}
    with pytest.raises(Problem, match="same vector"):
        finish(train(np.ones_like(pairs.vectors), pairs.chosen, pairs.rejected, pairs.group))
    with pytest.raises(Problem, match="weight 0"):
        pairs.fit(weight=np.zeros(20))
    for value in (np.nan, np.inf):
        pairs.vectors[5, 3] = value
        with pytest.raises(Problem, match="response 6 "):
            pairs.fit()


def test_that_a_loss_without_bounds_is_a_problem() -> None:
    pairs = drawn(50)
    pairs.vectors = np.sign(pairs.vectors) * np.float32(3e38)
    with pytest.raises(Problem, match="lower the learning rate"):
        pairs.fit()


@pytest.mark.parametrize("wrong", [
    {"epochs": 0}, {"hidden_dim": -1}, {"learning_rate": 0.0}, {"learning_rate": float("nan")}, {"dropout": 1.0},
    {"holdout": 1.0}, {"validation": -0.1}, {"batch_size": 0}, {"loss": "hinge"}, {"seed": -1}, {"epochs": 2.5},
    {"refit": 1}, {"learning_rate": "fast"}, {"label_noise": 0.5},
])
def test_that_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        TrainSettings(**wrong)
    assert refused.value.remedy


def test_that_settings_come_back_from_their_values_and_know_the_automatic_batch() -> None:
    settings = TrainSettings(hidden_dim=3, seed=9)
    assert TrainSettings.from_dict(settings.as_dict() | {"unknown": 1}) == settings
    assert [settings.batch_of(n) for n in (5, 2000, 29_999, 30_000)] == [5, 128, 128, 512]
