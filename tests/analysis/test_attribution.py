"""Why this reward: pieces that join to their text, exact differences, words that pay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.analysis.attribution import MOST_PIECES, Attribution, cut, left_out, plain_word, shares, word_effects
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.phrases import blanked
from rmexplorer.encoders import ENCODERS, Encoder, encode_texts
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import LengthLine
from rmexplorer.reward.head import RewardModel
from rmexplorer.workflows.attributing import (
    explain,
    nearest_training,
    score_texts,
    why_no_gradient,
    words_that_pay,
)
from rmexplorer.workflows.opening import open_files

TEXT = "The cat sat on the mat, and the dog ran after it. I hope this helps! Then it slept near the warm fire."
TEXTS = [f"{TEXT} It was number {i % 7} of {'many ' * (i % 5)}cats and {'dogs' if i % 2 else 'birds'}." for i in range(80)]


@pytest.fixture(scope="module")
def linear() -> Checkpoint:
    """A linear head with random weights on an encoder fitted on 80 texts."""
    state = finish(ENCODERS["lexical"].fit(pl.Series(["a question"] * 80), pl.Series(TEXTS), {"components": 6}))
    model = RewardModel(len(state.arrays["mean"]), 0)
    model.flat[...] = np.random.default_rng(0).normal(0, 0.1, model.flat.size)
    return Checkpoint(model, state, temperature=1.7)


@given(st.text(max_size=400))
def test_that_pieces_join_to_their_text_and_each_is_left_out_once(text: str) -> None:
    pieces, _ = cut(text)
    assert "".join(pieces) == text
    assert all(len(short) == len(text) - len(piece) for short, piece in zip(left_out(pieces), pieces, strict=True))


@given(st.lists(st.sampled_from(["word", "stop.", "why?", "\n", "3.5", "…", "!"]), min_size=201, max_size=900))
def test_that_long_texts_are_cut_into_few_sentences_that_join_to_them(parts: list[str]) -> None:
    text = " ".join([*parts, *["word"] * 210])
    pieces, unit = cut(text)
    assert "".join(pieces) == text and unit == "sentence" and len(pieces) <= MOST_PIECES


def test_that_leave_one_out_is_the_exact_difference_of_two_rewards(linear: Checkpoint) -> None:
    found = finish(explain(linear, "a question", f"  {TEXT}\n"))
    assert found.unit == "word" and "".join(text for text, _ in found.pieces) == TEXT
    words = [text for text, _ in found.pieces]
    without = score_texts(linear, ["a question"], ["".join(words[:4] + words[5:])])[0]
    whole = score_texts(linear, ["a question"], [f"  {TEXT}\n"])[0]
    assert found.reward == pytest.approx(whole)
    assert found.pieces[4][1] == pytest.approx(whole - without, abs=1e-6)
    strongest = max(found.pieces, key=lambda piece: abs(piece[1]))
    assert strongest[0].strip() in found.sentence()


def test_that_a_line_of_length_is_part_of_what_a_word_is_worth(linear: Checkpoint) -> None:
    fixed = replace(linear, residual=LengthLine(2.0, 0.0))
    before, after = (finish(explain(one, "", TEXT)) for one in (linear, fixed))
    gap = 2.0 * (np.log1p(len(TEXT)) - np.log1p(len(TEXT) - len(before.pieces[1][0]))) / linear.temperature
    assert after.pieces[1][1] == pytest.approx(before.pieces[1][1] - gap, abs=1e-5)


# Gradient × input: exact up to the head's input, and adding up


@pytest.fixture(scope="module")
def bent(linear: Checkpoint) -> Checkpoint:
    """A head with a hidden layer, biases, a line of length and a removed phrase, on the same encoder."""
    model = RewardModel(linear.model.input_dim, 32, seed=1)
    model.flat[...] += np.random.default_rng(2).normal(0, 0.2, model.flat.size).astype(np.float32)
    return replace(linear, model=model, residual=LengthLine(0.7, 3.0), encoder=replace(linear.encoder, removed=("I hope this helps!",)))


@pytest.mark.parametrize("text", [TEXT, f"{TEXT} It don’t. İt — 猫 sat.", "cat", "", f"{TEXT} " * 60, "zzz qqq"])
@pytest.mark.parametrize("head", ["linear", "bent"])
@pytest.mark.parametrize("method", ["gradient", "leave_one_out"])
def test_that_pieces_and_rest_add_up_to_the_reward(
    head: str, method: str, text: str, request: pytest.FixtureRequest
) -> None:
    checkpoint = request.getfixturevalue(head)
    found = finish(explain(checkpoint, "a question", text, method))
    assert "".join(piece for piece, _ in found.pieces) == text.strip()
    assert found.words + sum(value for _, value in found.rest) == pytest.approx(found.reward, abs=2e-5)
    assert found.reward == pytest.approx(score_texts(checkpoint, ["a question"], [text])[0], abs=1e-6)
    assert found.explained().count("\n") == len(found.rest), "every part is explained"
    assert found.adds_up().count(",") == len(found.rest) and (method == "gradient") == bool(found.inputs)


def test_that_the_words_of_a_linear_head_without_style_agree_with_leaving_them_out(linear: Checkpoint) -> None:
    """Leaving out one of D words that stand once gives (D + 10)/(D + 9) of its part, less its share of all: exactly."""
    model = RewardModel(linear.model.input_dim, 0)
    model.flat[...] = linear.model.flat
    encoder, topics = linear.encoder, linear.encoder.arrays["components"].shape[1]
    model.output_weight[:-topics] = 0
    wide = {**encoder.arrays, "scale": encoder.arrays["scale"] * 50}  # no topic is clipped
    head = replace(linear, model=model, encoder=replace(encoder, arrays=wide))
    text = "the dog sat near warm birds and slept on mat"
    by_gradient, one_out = (finish(explain(head, "a question", text, way)) for way in ("gradient", "leave_one_out"))
    words, rest = len(text.split()), by_gradient.words
    known = [word for word in text.split() if word in encoder.arrays["vocabulary"].tobytes().decode().split("\n")]
    assert len(known) == words
    wanted = [weight * (words + 10) / (words + 9) - rest / (words + 9) for _, weight in by_gradient.pieces]
    assert [weight for _, weight in one_out.pieces] == pytest.approx(wanted, abs=1e-5)
    assert max(abs(weight) for weight in wanted) > 1e-3 and dict(by_gradient.rest)["style and length"] == 0


def test_that_the_gradient_is_that_of_finite_differences(bent: Checkpoint) -> None:
    vector = encode_texts(bent.encoder, ["a question"], [TEXT])[0].astype(np.float64)
    model = RewardModel.from_arrays({name: part.astype(np.float64) for name, part in bent.model.arrays().items()})
    gradient, constant = model.gradient(vector)
    step = 1e-7 * np.eye(len(vector))
    assert gradient == pytest.approx((model.rewards(vector + step) - model.rewards(vector - step)) / 2e-7, abs=1e-5)
    assert gradient @ vector + constant == pytest.approx(model.rewards(vector[None])[0])


def test_that_what_the_encoder_takes_out_is_worth_nothing(bent: Checkpoint) -> None:
    found = finish(explain(bent, "a question", "I sat. I hope this helps! I ran.", "gradient"))
    worth = {piece.strip(): weight for piece, weight in found.pieces[2:6]}
    assert list(worth) == ["I", "hope", "this", "helps!"] and not any(worth.values())
    assert found.pieces[0][1] == found.pieces[6][1] != 0.0
    assert blanked("A. I HOPE this helps! B.", ["i hope this helps!"]) == "A.                    B."
    assert blanked("a c++ c++b scat", ["c++", "cat"]) == "a        b scat"


def test_that_a_word_across_pieces_is_shared_and_one_that_is_nowhere_is_left() -> None:
    worth, left = shares(["ab ", "cd", "e"], "ab CDe", ["ab", "cde", "x"], np.array([1.0, 3.0, 5.0]))
    assert worth.tolist() == pytest.approx([1.0, 2.0, 1.0]) and left == 5.0


def test_that_an_encoder_that_is_no_sum_over_words_says_so(linear: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_no_gradient(linear) == ""
    monkeypatch.setattr(type(ENCODERS["lexical"]), "word_parts", Encoder.word_parts)
    with pytest.raises(Problem, match=r"the encoder lexical is no sum over words; choose leave one out"):
        finish(explain(linear, "a question", TEXT, "gradient"))


def test_that_an_empty_response_has_nothing_to_leave_out(linear: Checkpoint) -> None:
    found = finish(explain(linear, "a question", " "))
    assert found.pieces == () and found.sentence() == "" and np.isfinite(found.reward)


def test_that_planted_words_pay_and_cost_and_chance_does_not() -> None:
    random = np.random.default_rng(0)
    words = np.array(["certainly", "sorry", "table", "chair", "lamp"])
    worth = {"certainly": 0.5, "sorry": -0.4}
    picks = random.integers(0, 5, 3000)
    change = random.normal(0, 0.3, 3000) + np.array([worth.get(word, 0.0) for word in words[picks]])
    response = np.arange(3000) // 4
    found = word_effects(list(words[picks]), change, response, response // 2)
    assert found.pays[0].word == "certainly" and found.costs[0].word == "sorry"
    first = found.pays[0].change
    once = 0.5 * 4 * 0.2 / (1 - 0.8**4)  # a response that has it has it so often
    assert first.low is not None and first.high is not None and first.low < once < first.high
    assert {effect.word for effect in found.pays + found.costs if effect.q < 0.05} == {"certainly", "sorry"}
    assert "certainly" in found.headline() and len(found.headline()) <= 150


def test_that_the_changes_of_one_response_are_summed_before_they_are_averaged() -> None:
    found = word_effects(["so", "so"] * 6, np.full(12, 0.5), np.repeat(np.arange(6), 2), np.repeat(np.arange(6), 2))
    assert found.pays[0].change.value == pytest.approx(1.0) and found.pays[0].change.n == 6


def test_that_few_responses_say_nothing() -> None:
    found = word_effects([], np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert found.pays == () and "No single word" in found.headline()


def test_that_a_word_of_fewer_than_five_prompts_is_never_clear() -> None:
    """Eight responses of two prompts say nothing of others, however alike they are: there is no interval, so no q either."""
    change = np.array([0.5, 0.51, 0.5, 0.49] * 2)
    found = word_effects(["good"] * 8, change, np.arange(8), np.arange(8) // 4)
    assert found.pays[0].change.ci is None and found.pays[0].q == 1.0
    assert found.headline().startswith("No single word clearly pays")


def test_that_words_of_few_prompts_have_the_error_rate_they_promise() -> None:
    """Six prompts a word, nothing to find: by the normal distribution 11 in 100 would be below 0.05."""
    random = np.random.default_rng(1)
    p = [word_effects(["a"] * 6, random.normal(size=6), np.arange(6), np.arange(6)) for _ in range(600)]
    assert 0.02 < np.mean([(one.pays or one.costs)[0].q < 0.05 for one in p]) < 0.08


def test_that_a_reward_of_thousands_can_be_said() -> None:
    assert Attribution((("so ", 1234.5),), "word", 3000.0).sentence() == "Without “so” the reward falls by 1,234.50"
    assert Attribution((("so ", 0.001),), "word", 3.0).sentence() == "No word moves the reward by 0.01"


def test_that_the_nearest_training_pair_is_the_one_with_the_same_text(linear: Checkpoint, tmp_path: Path) -> None:
    rows = [{"prompt": f"q {i}", "chosen": TEXTS[i], "rejected": f"Birds fly number {i} times over the sea"} for i in range(20)]
    rows.append({"prompt": "new", "chosen": TEXTS[7], "rejected": "nothing of this"})
    path = tmp_path / "pairs.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    dataset = Dataset.open(Path(finish(open_files([str(path)]))))
    head = replace(linear, dataset_fingerprint=dataset.fingerprint, settings=replace(linear.settings, holdout=0.0))
    found = finish(nearest_training(dataset, head, int(dataset.chosen[20])))
    assert found[0][0] == 7 and found[0][2] and found[0][1] == pytest.approx(1.0, abs=1e-4)
    assert all(pair != 20 for pair, _, _ in found)
    assert finish(nearest_training(dataset, linear, 0)) == []  # it learnt from something else
    assert finish(words_that_pay(dataset, head)).responses > 0


@pytest.mark.parametrize("method", ["gradient", "leave_one_out"])
def test_that_words_over_many_responses_are_those_of_each_alone(linear: Checkpoint, tmp_path: Path, method: str) -> None:
    rows = [{"prompt": f"q {i // 2}", "chosen": TEXTS[i], "rejected": f" Birds fly {'far ' * (i % 4)}over the sea {i}. "}
            for i in range(40)]
    path = tmp_path / "pairs.jsonl"
    pl.DataFrame([*rows, {"prompt": "long", "chosen": "birds " * 2_100, "rejected": "sea"}]).write_ndjson(path)
    dataset = Dataset.open(Path(finish(open_files([str(path)]))))
    pairs = np.arange(8, len(dataset))
    found = finish(words_that_pay(dataset, linear, pairs, method))
    sums: dict[str, list[float]] = {}
    for side in (dataset.chosen, dataset.rejected):
        for pair in pairs:
            prompt, text = dataset.prompts["text"][int(dataset.prompt[pair])], dataset.responses["text"][int(side[pair])]
            one = finish(explain(linear, prompt, text, method))
            of: dict[str, float] = {}
            for piece, weight in one.pieces if one.unit == "word" else ():
                of[plain_word(piece)] = of.get(plain_word(piece), 0.0) + weight
            for word, weight in of.items():
                sums.setdefault(word, []).append(weight)
    assert found.drawn_from == 0 and found.by == method
    for effect in (*found.pays, *found.costs):
        assert effect.change.value == pytest.approx(np.mean(sums[effect.word]), abs=1e-5) and effect.change.n == len(sums[effect.word])
