"""The default encoder: the same text gives the same vector, to the bit, whatever happens to its state in between."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import rmexplorer.encoders as encoders
from rmexplorer.data.features import FEATURES
from rmexplorer.encoders import ENCODERS, EncoderState, encode_texts
from rmexplorer.encoders.lexical import RATES, SHRINKAGE_WORDS, tokens, weights
from rmexplorer.job import finish
from rmexplorer.problem import Problem

LEXICAL = ENCODERS["lexical"]
STYLE = len(FEATURES) + len(RATES) + 1


def texts(count: int, seed: int = 0) -> tuple[pl.Series, pl.Series]:
    """Prompts and responses of made-up words, some empty, some with marks."""
    draw = np.random.default_rng(seed)
    words = np.array([f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("ta", "no", "li", "ré", "中")])
    responses = []
    for i in range(count):
        chosen = draw.choice(words[:60] if i % 3 else words[40:], draw.integers(0, 40))
        responses.append(" ".join(chosen) + draw.choice(["", ".", "!", "\n- one\n- two", " I hope this helps!"]))
    prompts = [f"prompt {i // 2} {words[i % len(words)]}?" for i in range(count)]
    return pl.Series(prompts), pl.Series(responses)


@pytest.fixture(scope="module")
def fitted() -> EncoderState:
    return finish(LEXICAL.fit(*texts(300), {"components": 16}))


def through_json(state: EncoderState) -> EncoderState:
    header = json.loads(json.dumps(state.header()))
    return EncoderState.of(header, {name: array.copy() for name, array in state.arrays.items()})


def test_that_vectors_are_standardised_on_the_training_texts_and_clipped(fitted: EncoderState) -> None:
    vectors = finish(LEXICAL.encode(fitted, *texts(300)))
    style = vectors[:, :STYLE]
    assert vectors.dtype == np.float32
    assert vectors.shape == (300, STYLE + 16) == (300, LEXICAL.width(fitted))
    assert np.abs(vectors).max() <= 4
    free = (np.abs(style).max(axis=0) < 4) & (style.std(axis=0) > 0)
    assert free.sum() >= 10
    assert style[:, free].mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert style[:, free].std(axis=0) == pytest.approx(1, abs=1e-3)
    topics = vectors[:, STYLE:]
    assert np.sqrt((topics.std(axis=0) ** 2).mean()) == pytest.approx(0.6, abs=0.05)
    assert topics.std(axis=0)[1:4].min() > topics.std(axis=0)[-3:].max()


def test_that_the_state_is_plain_arrays_and_json(fitted: EncoderState, tmp_path: Path) -> None:
    assert all(array.dtype.kind in "fiu" for array in fitted.arrays.values())
    fitted.save(tmp_path)
    again = EncoderState.open(tmp_path)
    assert again.header() == fitted.header()
    assert all(np.array_equal(again.arrays[name], fitted.arrays[name]) for name in fitted.arrays)


def test_that_new_text_is_encoded_to_the_bit_as_before_saving(fitted: EncoderState) -> None:
    new = texts(50, seed=9)
    assert np.array_equal(finish(LEXICAL.encode(through_json(fitted), *new)), finish(LEXICAL.encode(fitted, *new)))


def test_that_a_text_alone_has_the_bits_it_has_in_a_block(fitted: EncoderState,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, responses = texts(60, seed=3)
    whole = finish(LEXICAL.encode(fitted, prompts, responses))
    alone = np.vstack([encode_texts(fitted, [prompt], [response])
                       for prompt, response in zip(prompts, responses, strict=True)])
    assert np.array_equal(alone, whole)
    monkeypatch.setattr(encoders, "BLOCK_ROWS", 7)
    assert np.array_equal(finish(LEXICAL.encode(fitted, prompts, responses)), whole)


def test_that_fitting_repeats_itself_and_the_seed_matters() -> None:
    one, two, other = (finish(LEXICAL.fit(*texts(250), {"components": 8, "svd_texts": 100, "seed": seed}))
                       for seed in (1, 1, 2))
    assert all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)
    assert not np.array_equal(one.arrays["components"], other.arrays["components"])


def test_that_no_labels_can_be_seen_and_order_matters_little() -> None:
    assert list(inspect.signature(LEXICAL.fit).parameters) == ["prompts", "responses", "settings"]
    prompts, responses = texts(200)
    forth = finish(LEXICAL.fit(prompts, responses, {"components": 4}))
    back = finish(LEXICAL.fit(prompts.reverse(), responses.reverse(), {"components": 4}))
    assert np.allclose(encode_texts(forth, prompts[:9].to_list(), responses[:9].to_list()),
                       encode_texts(back, prompts[:9].to_list(), responses[:9].to_list()), atol=2e-3)


def test_that_topics_are_the_singular_vectors_of_the_weighted_words() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    prompts, responses = texts(120)
    state = finish(LEXICAL.fit(prompts, responses, {"components": 5}))
    pattern = r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+(?:'[^\W\u4e00-\u9fff]+)*|[^\w\s]"
    weigh = TfidfVectorizer(token_pattern=pattern, min_df=2, sublinear_tf=True)
    matrix = weigh.fit_transform(responses.to_list())
    assert state.arrays["vocabulary"].tobytes().decode().split("\n") == list(weigh.get_feature_names_out())
    right = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:5]
    assert np.abs(np.abs((right * state.arrays["components"].T).sum(axis=1)) - 1).max() < 1e-3


@pytest.mark.parametrize("responses", [
    ["one two", "three four", "one five", "two two", "six", "seven"], ["", "", ""], ["x"], [],
    ["same", "same", "same", "same"],
])
def test_that_tiny_and_empty_data_are_encoded(responses: list[str]) -> None:
    series = pl.Series(responses, dtype=pl.String)
    state = finish(LEXICAL.fit(series, series))
    vectors = finish(LEXICAL.encode(through_json(state), series, series))
    assert vectors.shape == (len(responses), LEXICAL.width(state))
    assert np.isfinite(vectors).all()
    assert np.isfinite(encode_texts(state, ["never seen"], ["unknown words only"])).all()
    assert encode_texts(state, [], []).shape == (0, LEXICAL.width(state))


def test_that_the_prompt_changes_the_vector_as_declared(fitted: EncoderState) -> None:
    one, two = encode_texts(fitted, ["about bata", "something quite different"], ["bata bano", "bata bano"])
    assert LEXICAL.sees_prompt and LEXICAL.sees
    assert not np.array_equal(one, two)


def test_that_topics_are_means_over_words_shrunk_for_short_texts() -> None:
    found = tokens(pl.Series(["aa bb bb", "aa zz"]))
    idf = np.array([2.0, 3.0])
    got = weights(found, 2, pl.Enum(["aa", "bb"]), idf, mean=True).toarray()
    assert np.allclose(got, [[2 / (2 + SHRINKAGE_WORDS), 3 * (1 + np.log(2)) / (2 + SHRINKAGE_WORDS)],
                             [2 / (1 + SHRINKAGE_WORDS), 0]])
    unit = weights(found, 2, pl.Enum(["aa", "bb"]), idf).toarray()
    assert np.allclose((unit ** 2).sum(axis=1), 1)


@pytest.mark.parametrize(("settings", "words"), [
    ({"topics": 3}, "has no setting 'topics'"), ({"components": -1}, "components = -1"),
    ({"components": 2.5}, "components = 2.5"), ({"seed": True}, "seed = True"),
])
def test_that_wrong_settings_are_a_problem(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(Problem, match=words):
        finish(LEXICAL.fit(*texts(4), settings))


def test_that_an_unknown_encoder_says_what_was_meant() -> None:
    with pytest.raises(Problem, match="did you mean lexical"):
        ENCODERS["lexcial"]


def test_that_a_newer_or_damaged_state_is_refused(fitted: EncoderState) -> None:
    newer = EncoderState(fitted.name, fitted.settings, fitted.arrays, {**fitted.meta, "version": 99})
    with pytest.raises(Problem, match="version 99"):
        encode_texts(newer, ["a"], ["b"])
    for broken in ({"mean": fitted.arrays["mean"][:-1]}, {"vocabulary": np.array([255, 254], np.uint8)},
                   {"idf": fitted.arrays["idf"][:3]}):
        state = EncoderState(fitted.name, fitted.settings, {**fitted.arrays, **broken}, fitted.meta)
        with pytest.raises(Problem, match="damaged"):
            encode_texts(state, ["a"], ["b"])
    with pytest.raises(Problem, match="damaged"):
        EncoderState.of({"name": "lexical"}, fitted.arrays)
