"""Surface features of hand-written texts, counted by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexplorer.data import features
from rmexplorer.data.features import FEATURES, FLAGS, LAYOUT, SHARES, layout, lengths, surface
from rmexplorer.data.measure import lengths as measured

LONG = """Sure! Here is a plan, perhaps the best:

# Plan
- **Buy** `milk` (2 litres)
- Call "Anna"; it is definitely FREE
1. See https://example.org/a

```python
print(1)
```
I'm sorry, but I can't do more. You're absolutely right: that's true.
I hope this helps! Let me know?"""


def row(response: str, prompt: str = "") -> dict[str, float]:
    return surface(pl.Series([prompt]), pl.Series([response])).row(0, named=True)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "list_items": 3,
        "headings": 1,
        "bold": 1,
        "code_blocks": 1,
        "backticks": 8,
        "links": 1,
        "exclamations": 2,
        "questions": 1,
        "commas": 2,
        "colons": 4,
        "quotes": 2,
        "brackets": 2,
        "line_breaks": 11,
        "blank_lines": 2,
        "digits": 3,
        "shouted": 1,
        "not_ascii": 0,
        "hedges": 1,
        "certainty": 2,
        "apologies": 1,
        "refusals": 1,
        "agreement": 2,
        "opener": 1,
        "closer": 1,
        "starts_yes": 0,
        "starts_no": 0,
        "starts_with_i": 0,
        "starts_lower": 0,
        "ends_with_stop": 0,
        "ends_with_question": 1,
        "ends_with_exclamation": 0,
        "cut_off": 0,
        "empty": 0,
        "second_person": 1,
        "first_person": 4,
    }.items(),
)
def test_that_a_formatted_answer_is_counted_as_by_hand(name: str, value: float) -> None:
    assert row(LONG)[name] == value


def test_that_words_sentences_and_kinds_are_counted() -> None:
    one = row("  The cat saw the dog. The dog ran!  ")
    assert one["characters"] == 33
    assert one["words"] == 8
    assert one["sentences"] == 2
    assert one["sentence_length"] == 4
    assert one["distinct_words"] == 5
    assert one["type_token_ratio"] == pytest.approx(5 / 8)
    assert one["top_word_share"] == pytest.approx(3 / 8)
    assert one["stop_word_share"] == pytest.approx(3 / 8)
    assert one["word_length"] == pytest.approx(33 / 8)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("no end", 1),
        ("One. Two", 2),
        ("What?! Yes...", 2),
        ("a line\nanother line", 2),
        ('He said "go."', 1),
        ("3.5 is a number.", 1),
        ("句子。另一句！", 2),
        ("...", 1),
    ],
)
def test_that_sentences_end_at_marks_and_line_breaks(text: str, count: int) -> None:
    assert row(text)["sentences"] == count


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("I hope this helps!", "closer"),
        ("Let me know if you have questions.", "closer"),
        ("Great question", "opener"),
        ("Yes, it is", "starts_yes"),
        ("No.", "starts_no"),
        ("You’re right about it", "agreement"),
        ("you are totally correct", "agreement"),
        ("I CANNOT help", "refusals"),
        ("As an AI model", "refusals"),
        ("I apologise", "apologies"),
        ("it might", "hedges"),
        ("Certainly so", "certainty"),
        ("Don’t", "negations"),
        ("and then I", "cut_off"),
        ("  ", "empty"),
        ("lower", "starts_lower"),
        ("Done.”", "ends_with_stop"),
    ],
)
def test_that_phrases_are_found_in_any_case_and_with_any_apostrophe(text: str, feature: str) -> None:
    assert row(text)[feature] == 1


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("mighty dismay", "hedges"),
        ("surelyx", "certainty"),
        ("noted", "negations"),
        ("Surest", "opener"),
        ("Nobody", "starts_no"),
        ("I hope this helps. " + "And so on and on. " * 12, "closer"),
        ("well-known", "dashes"),
    ],
)
def test_that_parts_of_words_and_far_phrases_are_not_taken(text: str, feature: str) -> None:
    assert row(text)[feature] == 0


def test_that_what_is_copied_from_the_prompt_is_measured_both_ways() -> None:
    one = row("Whales eat krill and the whales swim", "What do the whales eat, asks Anna?")
    assert one["copied_share"] == pytest.approx(1 / 4)  # of what, whales, asks, anna
    assert one["prompt_word_share"] == pytest.approx(3 / 6)  # whales, eat, the of whales eat krill and swim
    assert one["length_to_prompt"] == pytest.approx(np.log(37 / 35), abs=1e-6)


def test_that_chinese_characters_count_as_words() -> None:
    one = row("我喜欢猫 and dogs")
    assert one["words"] == 6
    assert one["distinct_words"] == 6


def test_that_lengths_count_stripped_characters_and_words() -> None:
    frame = lengths(pl.Series([" a bc \n", "", None, "don't stop"], dtype=pl.String))
    assert frame["characters"].to_list() == [4, 0, 0, 10]
    assert frame["words"].to_list() == [2, 0, 0, 2]


def test_that_null_and_empty_texts_have_no_words_and_no_nan() -> None:
    frame = surface(pl.Series([None, "", "x"], dtype=pl.String), pl.Series([None, "", " \n"], dtype=pl.String))
    assert frame["empty"].to_list() == [1, 1, 1]
    assert np.isfinite(frame.to_numpy()).all()
    assert surface(pl.Series([], dtype=pl.String), pl.Series([], dtype=pl.String)).shape == (0, len(FEATURES))


@settings(max_examples=60)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=4), st.text(max_size=40))
def test_that_any_text_gives_finite_values_in_their_range(texts: list[str], prompt: str) -> None:
    texts = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts]
    prompt = prompt.encode("utf-8", "ignore").decode("utf-8")
    frame = surface(pl.Series([prompt] * len(texts)), pl.Series(texts))
    assert np.isfinite(frame.to_numpy()).all()
    assert all(frame[name].is_between(0, 1).all() for name in FLAGS | SHARES)
    assert all((frame[name] >= 0).all() for name in FEATURES if name != "length_to_prompt")
    assert frame["words"].to_list() == lengths(pl.Series(texts))["words"].to_list()


def test_that_a_row_does_not_depend_on_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([LONG, "", "One two. Three", "Yes", LONG + " again"])
    prompts = pl.Series(["Plan?", "Plan?", "", "a b c", "Plan?"])
    whole = surface(prompts, texts)
    monkeypatch.setattr(features, "ROWS_AT_ONCE", 2)
    assert surface(prompts, texts).equals(whole)


def test_that_each_feature_has_a_sentence_and_sides_must_match() -> None:
    assert all(sentence.endswith((".", '."')) and len(sentence) > 6 for sentence in FEATURES.values())
    assert set(FEATURES) >= FLAGS | SHARES
    with pytest.raises(ValueError, match="1 prompts stand beside 2 responses"):
        surface(pl.Series(["a"]), pl.Series(["a", "b"]))


def test_that_layout_is_the_same_as_in_all_features() -> None:
    texts = pl.Series(["# Title\n- **one**\n2. two", "plain", None, "  **all bold**  \n• x __y__"])
    assert layout(texts).equals(surface(texts, texts).select(LAYOUT))


def test_that_very_many_texts_are_measured_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series([" a bc \n", "", None, "don't stop"] * 5, dtype=pl.String)
    together = measured(texts)
    monkeypatch.setitem(measured.__globals__, "MANY", 10)
    monkeypatch.setitem(measured.__globals__, "PIECE", 3)
    apart = measured(texts)
    for one, two in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, two)
