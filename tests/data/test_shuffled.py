"""Unknown files with their columns in any order and other columns beside: read as before or asked for, never turned round."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rmexplorer.data.table import pair_frame
from rmexplorer.problem import Problem

TIMES = 24
ROWS = 12


def good_first(number: int) -> bool:
    """Whether the good response of a record is the first of its two."""
    return number % 3 != 1


def two(names: tuple[str, str], winner: str, values: tuple[Any, Any], prompt: str = "query", **more: Any) -> Any:
    """A maker of records: two responses, the good one on changing sides, and a column that names it."""

    def make(number: int) -> dict[str, Any]:
        texts = (f"good text number {number}", f"bad text number {number}")
        first = good_first(number)
        record = {prompt: f"q {number}", names[0]: texts[not first], names[1]: texts[first], winner: values[not first]}
        return {**record, **{key: value[not first] if isinstance(value, tuple) else value for key, value in more.items()}}

    return make


def several(number: int) -> dict[str, Any]:
    """Three responses, of which a column names the good one."""
    place = number % 3
    texts = {f"response_{n + 1}": f"{'good' if n == place else 'bad'} text {n} {number}" for n in range(3)}
    return {"query": f"q {number}", **texts, "best": place + 1}


def scored(number: int) -> dict[str, Any]:
    """Three responses with a score each."""
    place = number % 3
    record = {key: value for key, value in several(number).items() if key != "best"}
    return {**record, **{f"score_{n + 1}": 5 if n == place else 1 for n in range(3)}}


def listed(number: int) -> dict[str, Any]:
    """A list of responses with one of ranks."""
    place = number % 3
    texts = [f"{'good' if n == place else 'bad'} text {n} {number}" for n in range(3)]
    return {"query": f"q {number}", "candidates": texts, "ranks": [1 if n == place else 2 for n in range(3)]}


def repeated(number: int) -> dict[str, Any]:
    """A winner column that repeats the better text."""
    record = two(("answer_a", "answer_b"), "preferred", ("", ""))(number)
    return {**record, "preferred": f"good text number {number}"}


SHAPES: dict[str, Any] = {
    "letters": two(("answer_a", "answer_b"), "winner", ("a", "b")),
    "numbers": two(("output_1", "output_2"), "preferred", (1, 2), "instruction"),
    "names": two(("response_a", "response_b"), "label", ("response_a", "response_b"), "question"),
    "index": two(("summary_0", "summary_1"), "choice", (0, 1), "post"),
    "yes": two(("completion_a", "completion_b"), "a_is_better", (True, False)),
    "words": two(("text_first", "text_second"), "verdict", ("the first", "the second")),
    "loser": two(("reply_a", "reply_b"), "loser", ("b", "a")),
    "scores": two(("candidate_1", "candidate_2"), "score_1", (5, 1), score_2=(2, 3)),
    "votes": two(("answer_a", "answer_b"), "vote_1", ("a", "b"), vote_2=("a", "b"), vote_3="a"),
    "criteria": two(("answer_a", "answer_b"), "overall_winner", ("a", "b"), style_winner=("b", "a")),
    "strength": two(("answer_a", "answer_b"), "winner", ("a", "b"), preference_strength=1),
    "German": two(("Antwort_A", "Antwort_B"), "bevorzugt", ("A", "B"), "Frage"),
    "Chinese": two(("回答1", "回答2"), "获胜者", ("1", "2"), "问题"),
    "better": lambda n: {"question": f"q {n}", "better_answer": f"good text {n}", "worse_answer": f"bad text {n}"},
    "chosen": lambda n: {"user query": f"q {n}", "chosen_reply": f"good text {n}", "rejected_reply": f"bad text {n}"},
    "chats": lambda n: {
        key: [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": f"{text} text {n}"}]
        for key, text in (("preferred", "good"), ("dispreferred", "bad"))
    },
    "several": several,
    "scores of several": scored,
    "ranked list": listed,
    "repeated": repeated,
}  # fmt: skip

JUNK: dict[str, Any] = {
    "id": lambda n: n, "uuid": lambda n: f"{n:08x}-77aa", "url": lambda n: f"https://example.org/{n}",
    "timestamp": lambda n: f"2024-01-{n + 1:02d}T10:00:00", "created": lambda n: 1_700_000_000 + n,
    "comment": lambda n: f"the first one reads better to me {n}", "notes": lambda n: "B" if n % 2 else "A",
    "explanation": lambda n: f"because response b is longer {n}", "category": lambda n: ("math", "code")[n % 2],
    "language": lambda n: "en", "model_a": lambda n: "m7", "model_b": lambda n: "m70", "model_1": lambda n: "m7",
    "model_2": lambda n: "m70", "annotation_round": lambda n: 1 + n % 2, "annotator": lambda n: f"ada {n}",
    "length_a": lambda n: 20 + n, "length_b": lambda n: 30 - n, "comparison_time": lambda n: n * 1.5,
    "vote_count": lambda n: 1 + n % 3, "label_source": lambda n: ("human", "model")[n % 2], "split": lambda n: "train",
    "better_model": lambda n: "n1", "worse_model": lambda n: "n2", "chosen_model": lambda n: "n1",
    "rejected_model": lambda n: "n2", "critique_a": lambda n: f"a long critique of the answer, number {n}" * 3,
    "critique_b": lambda n: f"another long critique of the answer, number {n}" * 3, "is_long": lambda n: n % 2 == 0,
    "tags": lambda n: ["x", "y"], "meta": lambda n: {"a": n}, "empty": lambda n: None, "tag_1": lambda n: "u",
    "tag_2": lambda n: "v", "tag_3": lambda n: "w", "context_1": lambda n: f"some context {n}",
    "context_2": lambda n: f"some other context {n}", "result_url": lambda n: f"https://example.org/r{n}",
    "Kommentar": lambda n: f"die erste ist besser {n}", "difficulty": lambda n: n % 5, "round": lambda n: n % 2,
}  # fmt: skip


def wrong(dataset: Any) -> list[tuple[str, str]]:
    """Pairs with a winner of which the chosen is not the good text."""
    return [
        (row["chosen"], row["rejected"])
        for row in pair_frame(dataset).iter_rows(named=True)
        if not row["tie"] and not row["chosen"].startswith("good") and row["rejected"].startswith("good")
    ] + [
        (row["chosen"], row["rejected"])
        for row in pair_frame(dataset).iter_rows(named=True)
        if not row["chosen"].startswith(("good", "bad"))
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_that_the_order_of_columns_changes_nothing(load: Any, shape: str) -> None:
    records = [SHAPES[shape](number) for number in range(ROWS)]
    plain = load(records)
    assert len(plain) >= ROWS and not wrong(plain)
    chance = random.Random(shape)
    for _ in range(TIMES // 3):
        keys = list(records[0])
        chance.shuffle(keys)
        again = load([{key: record[key] for key in keys} for record in records])
        assert again.fingerprint == plain.fingerprint and again.winner.tolist() == plain.winner.tolist()
        assert again.votes.height == plain.votes.height
        assert again.pairs["strength"].to_list() == plain.pairs["strength"].to_list()


@pytest.mark.parametrize("shape", SHAPES)
def test_that_other_columns_turn_nothing_round(load: Any, shape: str) -> None:
    records = [SHAPES[shape](number) for number in range(ROWS)]
    plain = load(records)
    chance = random.Random(f"{shape} with others")
    asked = []
    for _ in range(TIMES):
        junk = chance.sample(sorted(set(JUNK) - set(records[0])), chance.randint(1, 8))
        keys = [*records[0], *junk]
        chance.shuffle(keys)
        mixed = [
            {key: record[key] if key in record else JUNK[key](number) for key in keys}
            for number, record in enumerate(records)
        ]
        try:
            dataset = load(mixed)
        except Problem as problem:
            assert "--map" in problem.remedy
            asked.append(junk)
            continue
        assert not wrong(dataset), keys
        assert len(dataset) == len(plain), (keys, dataset.skipped)
        assert set(dataset.prompts["text"]) <= {"", *plain.prompts["text"]}, keys
    assert len(asked) <= TIMES // 4, asked
