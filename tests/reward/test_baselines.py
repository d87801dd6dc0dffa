"""The baselines that stand beside every head."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.baselines import bag_of_words, fit_logistic, length_only, linear, style_only
from rmexplorer.reward.tfidf import Tfidf

TEXTS = ["The cat sat on the mat.", "the CAT ate; the cat ran", "a dog on a mat", "", "Über die Katze, über den Hund",
         "über die Katze", "x y z", "the cat"]


def test_that_tfidf_is_that_of_scikit_learn() -> None:
    ours = Tfidf().fit(pl.Series(TEXTS)).transform(pl.Series(TEXTS))
    theirs = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit_transform(TEXTS)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-6)
    np.testing.assert_allclose(np.sort(ours.toarray(), axis=1), np.sort(theirs.toarray(), axis=1), atol=1e-6)


def test_that_words_that_were_not_fitted_are_left_out() -> None:
    tfidf = Tfidf().fit(pl.Series(TEXTS))
    assert not tfidf.transform(pl.Series(["zebra zebra"])).nnz
    np.testing.assert_allclose(tfidf.transform(pl.Series(["zebra the"])).toarray(),
                               tfidf.transform(pl.Series(["the"])).toarray())


def test_that_the_logistic_fit_is_that_of_scikit_learn_on_mirrored_pairs() -> None:
    random = np.random.default_rng(0)
    differences = random.standard_normal((300, 5)) + 0.3
    theirs = LogisticRegression(C=0.25, fit_intercept=False, tol=1e-10).fit(
        np.vstack((differences, -differences)), np.repeat([1, 0], 300))
    np.testing.assert_allclose(fit_logistic(differences, 0.5), theirs.coef_[0], atol=1e-4)


def test_that_ties_in_the_logistic_fit_count_half() -> None:
    one = np.ones((40, 1))
    weight = fit_logistic(one, 1e9, np.repeat([1.0, 0.0, 0.5], [20, 10, 10]))
    assert weight[0] == pytest.approx(np.log(25 / 15), abs=1e-3)


def test_that_length_only_prefers_what_the_training_pairs_prefer() -> None:
    gap = np.array([1.0] * 30 + [-1.0] * 10)
    for sign in (1, -1):
        fitted = length_only(sign * gap, np.array([2.0, -1.0, 0.0]))
        np.testing.assert_allclose(fitted.margin, sign * np.log(3) * np.array([2, -1, 0]), atol=0.01)
    assert not length_only(np.zeros(4), np.array([1.0])).margin.any()


def test_that_a_bag_of_words_finds_the_word_that_wins() -> None:
    random = np.random.default_rng(0)
    words = [" ".join(f"word{n}" for n in random.integers(0, 40, 8)) for _ in range(600)]
    texts = [text + (" splendid" if place < 300 and place % 3 else "") for place, text in enumerate(words)]
    chosen, rejected = np.arange(300), np.arange(300) + 300
    train, test = slice(0, 200), slice(200, 300)
    fit = texts, chosen[train], rejected[train], chosen[train] // 2
    fitted = finish(bag_of_words(*fit, chosen[test], rejected[test]))
    with_word = chosen[test] % 3 > 0
    assert np.mean(fitted.margin[with_word] > 0) > 0.95
    assert "C = " in fitted.detail
    turned = finish(bag_of_words(*fit, rejected[test], chosen[test]))
    np.testing.assert_allclose(turned.margin, -fitted.margin)


def test_that_texts_without_a_common_word_say_nothing() -> None:
    row = np.array([0])
    fitted = finish(bag_of_words(["one two", "three"], row, row + 1, row, row, row + 1))
    assert np.array_equal(fitted.margin, [0])


def test_that_a_linear_head_judges_other_pairs() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((800, 6)).astype(np.float32)
    first, second = np.arange(400), np.arange(400) + 400
    won = vectors[first, 0] > vectors[second, 0]
    chosen, rejected = np.where(won, first, second), np.where(won, second, first)
    fitted = finish(linear(vectors, chosen[:300], rejected[:300], np.arange(300), chosen[300:], rejected[300:]))
    assert np.mean(fitted.margin > 0) > 0.95
    again = finish(linear(vectors, chosen[:300], rejected[:300], np.arange(300), chosen[300:], rejected[300:]))
    assert np.array_equal(again.margin, fitted.margin)


def test_that_one_prompt_and_one_pair_do_and_no_pair_is_refused() -> None:
    vectors, row = np.eye(2, dtype=np.float32), np.array([0])
    assert finish(linear(vectors, row, row + 1, row, row, row + 1)).margin[0] > 0
    with pytest.raises(Problem, match="no pairs"):
        finish(linear(vectors, row[:0], row[:0], row[:0], row, row + 1))


def test_that_style_only_finds_the_feature_that_wins_and_noise_does_not_pass_for_style() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((900, 12)) * np.r_[100.0, np.ones(10), 0.0]
    won = x[:, 0] / 100 + random.standard_normal(900) > 0
    x = np.where(won[:, None], x, -x)
    fitted = finish(style_only(x[:600], np.arange(600) // 2, x[600:]))
    again = finish(style_only(x[:600] * 1000.0, np.arange(600) // 2, x[600:] * 1000.0))
    assert np.mean(fitted.margin > 0) == pytest.approx(0.75, abs=0.06), "Φ and 1/2 + arctan(1) / π: what the feature tells"
    np.testing.assert_allclose(again.margin, fitted.margin, rtol=1e-6)
    noise = random.standard_normal((900, 60))
    assert abs(np.mean(finish(style_only(noise[:600], np.arange(600), noise[600:])).margin > 0) - 0.5) < 0.08
