"""Numbers and sentences as the design guide writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer import wording
from rmexplorer.statistics import Estimate


@pytest.mark.parametrize(
    "text, expected",
    [
        (wording.number(-0.53), "\u22120.53"),
        (wording.number(0.46, signed=True), "+0.46"),
        (wording.number(-0.001), "0.00"),
        (wording.number(None), "–"),
        (wording.number(0.0312, 3), "0.031"),
        (wording.percent(0.624), "62%"),
        (wording.counted(5180), "5,180"),
        (wording.counted(1, "pair"), "1\u00a0pair"),
        (wording.counted(2000, "pair"), "2,000\u00a0pairs"),
        (wording.between(0.59, 0.65, shares=True), "59–65%"),
        (wording.between(0.63, 0.69), "0.63–0.69"),
        (wording.between(-0.01, 0.07), "\u22120.01–0.07"),
        (wording.between(0.8081, 0.8119, shares=True), "80.8–81.2%"),
        (wording.between(-0.26, -0.23), "\u22120.26\u00a0to\u00a0\u22120.23"),
        (wording.between(None, None), "–"),
        (wording.bracket("95% CI 1–2"), "(95%\u00a0CI\u00a01–2)"),
    ],
)
def test_that_numbers_are_written_as_the_guide_says(text: str, expected: str) -> None:
    assert text == expected


def test_that_a_baseline_is_beaten_only_where_the_interval_says_so() -> None:
    accuracy = Estimate(0.62, 0.59, 0.65, 1036)
    clear = wording.against_baseline("length", accuracy, Estimate(0.04, 0.01, 0.07, 1036))
    assert clear == "That beats length alone (0.62) by 0.04 (0.01–0.07)."
    unclear = wording.against_baseline("bag_of_words", accuracy, Estimate(0.03, -0.01, 0.07, 1036))
    assert unclear == "Against a bag of words (0.62): 0.03 higher (\u22120.01–0.07): no clear difference."
    worse = wording.against_baseline("length", accuracy, Estimate(-0.04, -0.07, -0.01, 1036))
    assert worse == "That loses to length alone (0.62) by 0.04 (0.01–0.07)."


def test_that_brackets_can_be_told_from_the_rest() -> None:
    found = wording.parts("Accuracy is 0.66 (95%\u00a0CI\u00a00.63–0.69). Good.")
    assert found == [("Accuracy is 0.66 ", False), ("(95%\u00a0CI\u00a00.63–0.69)", True), (". Good.", False)]


@given(st.lists(st.text("ab ", min_size=1, max_size=90), min_size=1, max_size=4))
def test_that_a_headline_keeps_its_first_sentence_and_its_limit(sentences: list[str]) -> None:
    text = wording.headline(*sentences)
    assert text.startswith(sentences[0])
    assert len(text) <= 150


def test_that_a_bracket_without_a_number_is_no_interval() -> None:
    assert wording.parts("favours hedging (“perhaps”) more") == [
        ("favours hedging ", False),
        ("(“perhaps”)", False),
        (" more", False),
    ]
