"""Lists and objects in the cells of a table, as JSON or as Python and numpy print them, read as in the original."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexplorer.cli import main
from rmexplorer.data.cells import parsed_cell
from rmexplorer.data.literals import literal
from rmexplorer.data.mapping import Mapping
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from tests.data.cells import WRITERS, to_csv

SAMPLES = Path(__file__).parents[1] / "samples" / "formats"
# What a table cannot hold: null is an empty text there, true is `True`, and a number where a text belongs is a text.
BEYOND_TABLES = {("pandalm", 0), ("rewardbench_scores", 1), ("faireval", 2)}


def grouped() -> list[tuple[str, int, list[dict[str, Any]]]]:
    """The records of each sample by the fields that they have: a table has the same columns in each row."""
    found = []
    for path in sorted(SAMPLES.iterdir()):
        if path.suffix == ".csv":
            continue
        text = path.read_text("utf-8")
        try:
            document = json.loads(text)
            records = document if isinstance(document, list) else [document]
        except ValueError:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
        groups: dict[frozenset[str], list[dict[str, Any]]] = {}
        for record in records:
            groups.setdefault(frozenset(record), []).append(record)
        found += [(path.stem, place, group) for place, group in enumerate(groups.values())]
    return [one for one in found if one[:2] not in BEYOND_TABLES]


def seen(path: Path) -> Any:
    """Format, comparisons, votes and skips of a file; or why it is refused."""
    try:
        dataset = finish(read(path))
    except Problem as problem:
        return problem.what.removeprefix(f"{path}: ")
    texts = dataset.responses["text"]
    pairs = [
        (dataset.prompts["text"][row["prompt"]], texts[row["first"]], texts[row["second"]], row["winner"],
         row["strength"], row["score_first"], row["score_second"], row["model_first"], row["model_second"])
        for row in dataset.pairs.iter_rows(named=True)
    ]  # fmt: skip
    return dataset.format, pairs, dataset.votes.rows(), dataset.skipped["reason"].to_list(), dataset.warnings


@pytest.mark.parametrize("nested", WRITERS)
@pytest.mark.parametrize(("stem", "place", "records"), grouped())
def test_that_a_table_of_each_format_is_read_as_the_original(
    stem: str, place: int, records: list[dict[str, Any]], nested: str, tmp_path: Path
) -> None:
    original, table = tmp_path / "x.jsonl", tmp_path / "x.csv"
    original.write_text("\n".join(map(json.dumps, records)), "utf-8")
    table.write_text(to_csv(records, nested), "utf-8")
    assert seen(table) == seen(original), (stem, place)


def test_that_responses_that_happen_to_be_json_stay_texts(load: Any) -> None:
    records = [
        {"prompt": f"Give JSON of {number}", "chosen": f'{{"n": {number}}}', "rejected": f"[{number}, 1]"}
        for number in range(6)
    ]
    dataset = load(to_csv(records), "x.csv")
    assert dataset.format == "trl_explicit"
    assert {'{"n": 0}', "[0, 1]"} <= set(dataset.responses["text"])
    graded = [
        {"prompt": "p", "response_1": '{"n": 1}', "response_2": f"[{number}]", "preference_strength": -1,
         "all_preferences_unprocessed": [{"strength": -1}, {"strength": 2}]}
        for number in range(4)
    ]  # fmt: skip
    dataset = load(to_csv(graded), "y.csv")
    assert {'{"n": 1}', "[0]"} <= set(dataset.responses["text"])
    assert dataset.votes.height == 8


def test_that_a_column_that_no_format_needs_is_kept_as_it_is(load: Any) -> None:
    records = [{"prompt": f"p{n}", "chosen": "c", "rejected": "r", "tags": ["x", "y"]} for n in range(4)]
    dataset = load(to_csv(records, "json"), "x.csv")
    assert dataset.extras["tags"].to_list() == ['["x", "y"]'] * 4


@pytest.mark.parametrize("nested", WRITERS)
def test_that_lists_in_cells_of_unknown_columns_are_found_and_mapped(load: Any, nested: str) -> None:
    records = [{"query": f"q{n}", "candidates": ["bad", "good's", 'the "best"'], "scores": [1, 2.5, 3]} for n in range(4)]
    found = load(to_csv(records, nested), "x.csv")
    assert found.format == "generic" and len(found) == 12 and set(found.winner.tolist()) == {-1}
    mapping = Mapping({"query": "prompt", "candidates": "responses", "scores": "score"})
    assert load(to_csv(records, nested), "x.csv", mapping=mapping).fingerprint == found.fingerprint
    inner = [{"q": {"text": f"q{n}"}, "two": [{"t": "a", "s": 1}, {"t": "b", "s": 2}]} for n in range(4)]
    mapping = Mapping({"q.text": "prompt", "two.t": "responses", "two.s": "score"})
    dataset = load(to_csv(inner, nested), "x.csv", mapping=mapping)
    assert dataset.prompts["text"].to_list() == ["q0", "q1", "q2", "q3"] and len(dataset) == 4


def test_that_the_command_line_reads_what_pandas_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    chats = [{"chosen": chat("q", f"good {n}"), "rejected": chat("q", f"bad {n}"), "source": "s"} for n in range(3)]
    path.write_text(to_csv(chats, "numpy"), "utf-8")
    assert main(["info", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["pairs"]) == ("skywork_preference", 3)


def chat(question: str, answer: str) -> list[dict[str, str]]:
    """A conversation of two turns."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


LEAF = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.text())
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=12
)


@given(st.one_of(st.lists(VALUE, max_size=4), st.dictionaries(st.text(), VALUE, max_size=4)))
def test_that_what_python_prints_is_what_was_there(value: Any) -> None:
    assert literal(repr(value)) == value


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_that_texts_of_an_array_are_not_joined(texts: list[str]) -> None:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    assert literal(str(array)) == texts
    assert literal(repr([array])) == [texts] and literal(repr({"x": array})) == {"x": texts}


@given(st.text(alphabet="[]{}()'\",:= \\abN1.-\n") | st.text())
def test_that_any_cell_is_read_or_left_alone(text: str) -> None:
    for cell in (text, f"[{text}]", f"{{{text}}}"):
        found = parsed_cell(cell)
        assert found is None or isinstance(found, list | dict)


@pytest.mark.parametrize(
    "cell",
    ["[x for x in y]", "[__import__('os')]", "[open('x')]", "[1, 2", "['a' ... 'b']", "{1, 2}", "[" * 300 + "]" * 300,
     "[1] [2]", "[array]", "[lambda: 1]", "[" + "1," * 300_000 + "]", "a[1]", ""],
)  # fmt: skip
def test_that_what_is_no_plain_list_stays_a_text(cell: str) -> None:
    assert literal(cell) is None


def test_that_wrapped_values_are_what_they_hold() -> None:
    assert literal("[np.float64(1.5), nan, np.str_('x'), Timestamp('2024-01-01')]") == [1.5, None, "x", "2024-01-01"]
    assert literal("{'a': array([1, 2], dtype=int32), 3: (1, 2)}") == {"a": [1, 2], "3": [1, 2]}
