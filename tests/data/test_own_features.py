"""A person's own features of responses: what they count, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.own_features import OwnFeature, measure, read_features
from rmexplorer.problem import Problem

TEXTS = pl.Series(["  Emoji :) :) here.", "As an AI, as an ai I can't", None, "café ’tis C++ C++"])
PROMPTS = pl.Series(["why :)?", "q", "q", "q"])


def values(record: dict[str, Any]) -> list[float]:
    feature = OwnFeature.from_dict(record)
    assert OwnFeature.from_dict(feature.as_dict()) == feature
    return measure((feature,), PROMPTS, TEXTS)[feature.name].to_list()


@pytest.mark.parametrize(("record", "expected"), [
    ({"name": "smile", "regex": r":\)"}, [2, 0, 0, 0]),
    ({"name": "first", "regex": "^[A-Z]"}, [1, 1, 0, 0]),
    ({"name": "ai", "words": ["as an AI", "café"]}, [0, 2, 0, 1]),
    ({"name": "ai", "words": "ai, emoji"}, [1, 2, 0, 0]),
    ({"name": "signs", "words": "c++, :)"}, [2, 0, 0, 2]),
    ({"name": "twice", "sql": "words * 2"}, [8, 16, 0, 8]),
    ({"name": "smiles", "sql": "text LIKE '%:)%' AND prompt LIKE '%:)%'"}, [1, 0, 0, 0]),
])
def test_that_they_count(record: dict[str, Any], expected: list[Any]) -> None:
    assert values(record) == expected


def test_that_what_is_not_finite_counts_as_nothing() -> None:
    assert values({"name": "gap", "sql": "1 / words"})[2] == 0


@pytest.mark.parametrize(("record", "says"), [
    ({"name": "a", "regex": "(a"}, "unclosed group"),
    ({"name": "a", "regex": r"(a)\1"}, "backreferences"),
    ({"name": "a", "sql": "read_csv('/etc/passwd')"}, "unsupported function"),
    ({"name": "a", "sql": "text; DROP TABLE x"}, "invalid"),
    ({"name": "a", "sql": "nope + 1"}, "nope"),
    ({"name": "a", "sql": "text"}, "String instead of a number"),
    ({"name": "a", "sql": "MAX(words)"}, "one number for each"),
    ({"name": "a", "sql": "LENGTH(UNNEST(STRING_TO_ARRAY(text, ' ')))"}, "one number for each"),
    ({"name": "a", "sql": "words - AVG(words)"}, "what other responses say"),
    ({"name": "a", "sql": "ROW_NUMBER() OVER ()"}, "what other responses say"),
    ({"name": "a", "words": " , ,"}, "has no word"),
    ({"name": "a", "sql": " "}, "is empty"),
    ({"name": "a b", "regex": "x"}, "cannot name"),
    ({"name": "words", "regex": "x"}, "there already"),
    ({"name": "a", "regex": "x", "sql": "1"}, "one of regex, words and sql"),
    ({"name": "a", "words": [1]}, "is no text"),
    (["a"], "needs a name"),
])
def test_that_what_cannot_be_used_is_refused(record: Any, says: str) -> None:
    with pytest.raises(Problem, match=says):
        OwnFeature.from_dict(record)


def test_that_a_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"name": "a", "regex": "x"}\n\n{"name": "b", "regex": "("}\n')
    with pytest.raises(Problem, match=r"own\.jsonl: line 3: the regex of the feature b"):
        read_features(path)
    table = tmp_path / "own.csv"
    table.write_text("name,regex,words,sql\na,x,,\nb,,\"y, z\",\n")
    assert [feature.kind for feature in read_features(table)] == ["regex", "words"]
