"""The filter language."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.data.query import Query, matching, parse
from rmexplorer.data.table import pair_frame
from rmexplorer.job import Progress, Stopped, heard
from rmexplorer.problem import Problem

FRAME = pl.DataFrame(
    {
        "pair": [0, 1, 2, 3],
        "prompt": ["Where is Rome?", "Refund please", "Say hi", "a.b (c)"],
        "chosen": ["In Italy.", "I can REFUND you", "Hello there", "x"],
        "rejected": ["no idea", "No", "hi", "y"],
        "tie": [False, False, True, False],
        "words": [2, 4, 2, 300],
        "margin": [1.5, -0.2, None, float("nan")],
        "source": ["Alpha", "beta", None, "two words"],
        "Chosen_model": ["m", "m", "n", "n"],
    }
)


def rows(text: str) -> list[int]:
    return [int(row) for row in matching(FRAME, text).nonzero()[0]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [0, 1, 2, 3]),
        ("   ", [0, 1, 2, 3]),
        ("refund", [1]),
        ("hi", [2]),
        ("-refund", [0, 2, 3]),
        ("no", [0, 1]),
        ('"no idea"', [0]),
        ("no idea", [0]),
        ("a.b", [3]),
        ("(c)", [3]),
        ("/H(i|ello)/", [2]),
        ("-/./", []),
        ("/(?i)rome|refund/", [0, 1]),
        ("source:alpha", [0]),
        ("source:ALPHA", [0]),
        ("-source:alpha", [1, 2, 3]),
        ('source:"two words"', [3]),
        ("source!=alpha", [1, 3]),
        ("source:/^b/", [1]),
        ("words>2", [1, 3]),
        ("words>=2", [0, 1, 2, 3]),
        ("words:2", [0, 2]),
        ("words=2..4", [0, 1, 2]),
        ("words!=2", [1, 3]),
        ("margin<0", [1]),
        ("-margin<0", [0, 2, 3]),
        ("tie:yes", [2]),
        ("tie:no", [0, 1, 3]),
        ("-tie:true", [0, 1, 3]),
        ("chosen:hello", [2]),
        ("prompt:refund", [1]),
        ("chosen_model:m", [0, 1]),
        ("words<300 -source:beta", [0, 2]),
        ("https://x.y", []),
    ],
)
def test_that_each_token_keeps_what_it_says(text: str, wanted: list[int]) -> None:
    assert rows(text) == wanted


@pytest.mark.parametrize(
    ("text", "token", "hint"),
    [
        ("wrods>3", "wrods>3", "words"),
        ("words>abc", "words>abc", "words>100"),
        ("tie:maybe", "tie:maybe", "tie:yes"),
        ("source>3", "source>3", "source:value"),
        ('refund "open', '"open', "phrase"),
        ("/a(/", "/a(/", "quotes"),
        ("source:", "source:", "source:value"),
        ("xyzzy:1", "xyzzy:1", "columns are"),
    ],
)
def test_that_a_bad_token_is_named_with_what_is_allowed(text: str, token: str, hint: str) -> None:
    with pytest.raises(Problem) as raised:
        matching(FRAME, text)
    assert token in raised.value.what and hint in raised.value.remedy


def test_that_tokens_are_told_apart() -> None:
    assert parse('a -b words>2 "c d" /e f/', FRAME.schema).tokens == ("a", "-b", "words>2", '"c d"', "/e f/")
    assert parse("words>2", FRAME.columns).tokens == ("words>2",)


@given(st.text(max_size=30))
def test_that_any_text_is_a_mask_or_a_problem(text: str) -> None:
    try:
        mask = matching(FRAME, text)
    except Problem as problem:
        assert problem.remedy
    else:
        assert mask.shape == (4,) and mask.dtype == bool


@given(st.sampled_from(["refund", "words>2", "source:alpha", "/i/", '"no"', "tie:yes", "margin<0"]))
def test_that_a_minus_is_the_opposite(token: str) -> None:
    assert (matching(FRAME, token) != matching(FRAME, f"-{token}")).all()


def test_that_the_frame_of_pairs_has_its_columns(load: Any) -> None:
    frame = pair_frame(
        load(
            [
                {
                    "prompt": "p",
                    "response_a": "one  two",
                    "response_b": " three ",
                    "model_a": "m",
                    "model_b": "n",
                    "winner": "model_b",
                    "record": 7,
                    "id": 1,
                },
                {
                    "prompt": "q",
                    "response_a": "x",
                    "response_b": "",
                    "model_a": "m",
                    "model_b": "n",
                    "winner": "tie",
                    "record": 8,
                    "id": 2,
                },
            ]
        )
    )
    assert frame.columns == [
        "pair",
        "prompt",
        "chosen",
        "rejected",
        "tie",
        "words",
        "words_chosen",
        "words_rejected",
        "chars_chosen",
        "chars_rejected",
        "length_ratio",
        "strength",
        "record",
        "line",
        "model_chosen",
        "model_rejected",
        "file_record",
    ]
    assert frame.row(0) == (0, "p", " three ", "one  two", False, 2, 1, 2, 5, 8, 0.625, None, 0, 1, "n", "m", 7)
    assert frame["tie"].to_list() == [False, True] and frame["chosen"][1] == "x"
    assert matching(frame, "model_chosen:n").tolist() == [True, False]


def test_that_an_empty_dataset_has_an_empty_frame(load: Any) -> None:
    frame = pair_frame(load([{"prompt": "p", "chosen": "a", "rejected": "a"}]))
    assert frame.height == 0 and matching(frame, "words>3 x").shape == (0,)


@pytest.mark.parametrize("text", ["refund", "-refund", '"no idea" words<9', "/H(i|ello)/", "source:alpha hi", "-zzz", "words>2", "zzz"])
def test_that_a_search_in_pieces_finds_the_same_and_says_how_far_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, heard_of = rows(text), list[Progress | None]()
    # not by the module's name: after tests of the window that is a stand-in of it
    monkeypatch.setitem(Query.mask.__globals__, "PIECE", 3)
    assert heard(lambda: rows(text), heard_of.append) == whole
    wanted = [] if text == "words>2" else [Progress(3, 4, "searching"), Progress(4, 4, "searching")]
    assert heard_of == wanted


def test_that_a_search_ends_where_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Query.mask.__globals__, "PIECE", 1)
    beats: list[Progress | None] = []

    def stop(progress: Progress | None) -> None:
        beats.append(progress)
        raise Stopped

    with pytest.raises(Stopped):
        heard(lambda: rows("zzz"), stop)
    assert len(beats) == 1
