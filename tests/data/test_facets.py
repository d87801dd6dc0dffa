"""Facets: counts in fixed bins, and the tokens that they write."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.data.facets import (
    Categories,
    Histogram,
    facet,
    facet_columns,
    range_asked,
    round_ticks,
    toggled,
    tokens_of,
    values_asked,
    with_range,
)
from rmexplorer.data.glance import last_turn
from rmexplorer.data.query import matching
from rmexplorer.problem import Problem

FRAME = pl.DataFrame(
    {
        "pair": [0, 1, 2, 3, 4, 5],
        "prompt": ["p"] * 6,
        "chosen": ["c"] * 6,
        "rejected": ["r"] * 6,
        "words": [3, 30, 300, 30, 7, 64],
        "tie": [False, False, True, False, False, False],
        "length_ratio": [1.0, 0.5, 2.0, 0.0, 1.0, 40.0],
        "source": ["a", "b", "a", "a", None, "odd, name"],
        "id": [f"x{i}" for i in range(6)],
        "score": [0.5, None, 1.5, float("nan"), 2.5, 0.5],
        "same": [1.0] * 6,
    }
)


def categories(name: str) -> Categories:
    found = facet(FRAME, name)
    assert isinstance(found, Categories)
    return found


def histogram(name: str) -> Histogram:
    found = facet(FRAME, name)
    assert isinstance(found, Histogram)
    return found


def test_that_values_are_counted_by_falling_count_and_nulls_are_left_out() -> None:
    source = categories("source")
    assert source.names == ("a", "b", "odd, name")
    assert source.totals.tolist() == [3, 1, 1]
    assert source.count(np.array([True, True, False, False, True, True])).tolist() == [1, 1, 1]


def test_that_flags_are_counted_as_yes_and_no() -> None:
    tie = categories("tie")
    assert tie.names == ("yes", "no") and tie.totals.tolist() == [1, 5]
    assert tie.count(np.array([True, False, True, False, False, False])).tolist() == [1, 1]


def test_that_a_column_with_one_value_makes_no_facet() -> None:
    assert facet(FRAME, "same") is None
    assert facet(FRAME.filter(~pl.col("tie")), "tie") is None


def test_that_every_number_is_in_one_bin_and_what_is_none_in_no_bin() -> None:
    assert histogram("words").totals.sum() == 6
    assert histogram("score").totals.sum() == 4
    assert histogram("length_ratio").totals.sum() == 6


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=60).filter(lambda values: len(set(values)) > 1))
def test_that_bins_count_as_numpy_counts_them(values: list[int]) -> None:
    found = facet(pl.DataFrame({"words": values}), "words")
    assert isinstance(found, Histogram)
    inside = np.clip(values, found.edges[0], np.nextafter(found.edges[-1], -np.inf))
    assert found.totals.tolist() == np.histogram(inside, found.edges)[0].tolist()
    mask = np.arange(len(values)) % 2 == 0
    assert found.count(mask).tolist() == np.histogram(inside[mask], found.edges)[0].tolist()


def test_that_plain_columns_have_no_facet_and_sources_come_first() -> None:
    columns = facet_columns(FRAME)
    assert columns[:3] == ["source", "words", "length_ratio"]
    assert not {"pair", "prompt", "chosen", "rejected"} & set(columns)


def test_that_a_pressed_value_joins_the_filter_and_leaves_it_again() -> None:
    one = toggled('words>10 "a phrase"', "source", "a")
    assert tokens_of(one) == ["words>10", '"a phrase"', "source:a"]
    two = toggled(one, "source", "odd, name")
    assert values_asked(two, "source") == ["a", "odd, name"]
    assert toggled(two, "source", "A") == 'words>10 "a phrase" source:"odd, name"'
    assert toggled(one, "source", "a") == 'words>10 "a phrase"'


def test_that_yes_takes_the_place_of_no() -> None:
    assert toggled("tie:no", "tie", "yes", either=False) == "tie:yes"


def test_that_two_values_of_a_column_keep_pairs_with_either() -> None:
    query = toggled(toggled("", "source", "b"), "source", "odd, name")
    assert np.flatnonzero(matching(FRAME, query)).tolist() == [1, 5]
    assert np.flatnonzero(matching(FRAME, "source:a,b")).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(matching(FRAME, "source!=a,b")).tolist() == [5]
    assert np.flatnonzero(matching(FRAME, 'source:"odd, name"')).tolist() == [5]


def test_that_a_range_is_written_and_read_back() -> None:
    query = with_range("source:a words>5", "words", 10.2, 99.8, whole=True)
    assert query == "source:a words>10 words<100"
    assert range_asked(query, "words") == (10.0, 100.0)
    assert with_range(query, "words", -math.inf, math.inf) == "source:a"
    assert range_asked("words:3..7", "words") == (3.0, 7.0)
    assert range_asked("margin<−0.5", "margin") == (-math.inf, -0.5)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_that_every_range_a_histogram_gives_can_be_parsed(low: float, width: float) -> None:
    query = with_range("", "score", low, low + width)
    assert len(matching(FRAME, query)) == FRAME.height


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 3.3), (1e-4, 9e-4), (0, 12_345), (-0.49, 7.5)])
def test_that_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = round_ticks(low, high)
    assert 1 <= len(ticks) <= 5
    assert all(low - 1e-9 <= value <= high + 1e-9 for value, _ in ticks)


def test_that_a_bad_value_of_a_number_is_named() -> None:
    with pytest.raises(Problem, match="words"):
        matching(FRAME, "words:a,b")


@pytest.mark.parametrize(
    ("prompt", "turn"),
    [
        ("\n\nHuman: one\n\nAssistant: two\n\nHuman: three\n\nAssistant:", "three"),
        ("Human: one\n\nAssistant: two\n\nHuman: three", "three"),
        ("Human: only", "only"),
        ("  plain  ", "plain"),
        ("\n\nAssistant: nobody asked", "Assistant: nobody asked"),
        ("", ""),
    ],
)
def test_that_the_last_human_turn_of_a_prompt_is_found(prompt: str, turn: str) -> None:
    assert last_turn(prompt) == turn
