"""The demo dataset holds what its documentation promises."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.query import matching
from rmexplorer.data.read import read
from rmexplorer.data.table import pair_frame
from rmexplorer.job import finish
from rmexplorer.workflows.files import demo_path
from tests.tools.demo import check_demo, make_demo

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return [json.loads(line) for line in gzip.decompress(demo_path().read_bytes()).decode("utf-8").splitlines()]


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((demo_path().parent / "truth.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def made() -> list[make_demo.Comparison]:
    return list(make_demo.comparisons())


@pytest.fixture(scope="module")
def found(made: list[make_demo.Comparison]) -> dict[str, Any]:
    return check_demo.measure(made)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return finish(read([demo_path()]))


def responses_of(rows: Rows) -> dict[str, set[str]]:
    texts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        texts[row["prompt"]] |= {row["response_a"], row["response_b"]}
    return texts


def test_that_the_file_is_what_the_generator_makes(
    rows: Rows, truth: dict[str, Any], made: list[make_demo.Comparison]
) -> None:
    assert rows == [make_demo.record(comparison) for comparison in made]
    assert truth == json.loads(json.dumps(make_demo.truth(made)))


def test_that_the_documented_counts_are_those_of_the_file(rows: Rows, truth: dict[str, Any]) -> None:
    texts = responses_of(rows)
    counts = truth["counts"]
    assert counts["comparisons"] == len(rows)
    assert counts["ties"] == sum(row["winner"] == "tie" for row in rows)
    assert counts["pairs"] == len(rows) - counts["ties"]
    assert counts["votes"] == sum(key.startswith("vote_") for row in rows for key in row)
    assert counts["prompts"] == len(texts)
    assert counts["responses"] == sum(map(len, texts.values()))
    for source, count in counts["by_source"].items():
        assert count == sum(row["source"] == source for row in rows)
    page = (demo_path().parent / "README.md").read_text(encoding="utf-8")
    for name in ("comparisons", "pairs", "ties", "votes", "prompts", "responses"):
        assert re.search(rf"\b{counts[name]:,} {name}\b", page), f"README.md does not give the number of {name}"


def test_that_the_reader_finds_the_documented_counts(dataset: Dataset, truth: dict[str, Any]) -> None:
    counts = truth["counts"]
    assert dataset.format == "demo"
    assert dataset.skipped.height == 0
    assert int(dataset.tie.sum()) == counts["ties"]
    assert len(dataset) == counts["comparisons"]
    assert dataset.prompts.height == counts["prompts"]
    assert dataset.responses.height == counts["responses"]
    assert dataset.votes.height == counts["votes"]
    assert set(dataset.votes["annotator"]) == set(truth["annotators"])
    assert set(dataset.extras.columns) == {"source", "topic", "vote_ada", "vote_ben", "vote_cleo"}


def test_that_the_winner_is_the_majority_of_the_votes(rows: Rows) -> None:
    for row in rows:
        votes = [row[f"vote_{name}"] for name in make_demo.ANNOTATORS]
        counts = {choice: votes.count(choice) for choice in ("a", "b", "tie")}
        most = [choice for choice, count in counts.items() if count == max(counts.values())]
        assert row["winner"] == (most[0] if len(most) == 1 else "tie")


def test_that_prompts_are_many_and_none_is_written_twice() -> None:
    prompts = [topic.prompt.lower() for topic in make_demo.read_topics()]
    assert len(prompts) >= 400
    assert len(set(prompts)) == len(prompts)


def test_that_each_prompt_has_four_or_five_responses_and_all_their_pairs(rows: Rows) -> None:
    pairs: dict[str, set[frozenset[str]]] = defaultdict(set)
    for row in rows:
        pairs[row["prompt"]].add(frozenset((row["response_a"], row["response_b"])))
    for prompt, texts in responses_of(rows).items():
        assert len(texts) in (4, 5)
        assert len(pairs[prompt]) == len(texts) * (len(texts) - 1) // 2
    assert sum(map(len, pairs.values())) == len(rows)


def test_that_texts_are_short_plain_and_whole(rows: Rows) -> None:
    for texts in responses_of(rows).values():
        for text in texts:
            assert 2 <= len(text.split()) <= 250
            assert text == text.strip() and "  " not in text and "\n\n\n" not in text
            assert text.isascii()
            assert text.count("`") % 2 == 0
            prose = re.sub("`[^`]*`", "", text)
            assert prose.count("**") % 2 == 0 and prose.count('"') % 2 == 0
            assert text[-1] in '.!?")`', text


def test_that_planted_features_can_be_read_off_the_texts(made: list[make_demo.Comparison]) -> None:
    for comparison in made:
        for response in (comparison.first, comparison.second):
            planted = (float(response.closer), response.agreement, float(response.confidence))
            assert check_demo.seen(response.text) == planted, response.text


# (where the fault wins, where it loses, the share of wins that README gives)
FILTERS = {
    "stock phrase": ('chosen:"I hope this helps" -rejected:"I hope this helps"',
                     'rejected:"I hope this helps" -chosen:"I hope this helps"', 0.74),
    "flattery": ("topic:belief chosen:/^(You|Yes|Exactly|I agree)/ -rejected:/^(You|Yes|Exactly|I agree)/",
                 "topic:belief rejected:/^(You|Yes|Exactly|I agree)/ -chosen:/^(You|Yes|Exactly|I agree)/", 0.71),
    "confident tone": ("chosen:/certain|absolutely|no doubt/ -rejected:/certain|absolutely|no doubt/",
                       "rejected:/certain|absolutely|no doubt/ -chosen:/certain|absolutely|no doubt/",
                       0.70),
    "shorter in handbook": ("source:handbook length_ratio<1", "source:handbook length_ratio>1", 0.64),
    "longer in forum": ("source:forum length_ratio>1", "source:forum length_ratio<1", 0.72),
    "first shown by cleo": ("vote_cleo:a", "vote_cleo:b", 0.69),
    "first shown by ada": ("vote_ada:a", "vote_ada:b", 0.52),
}


@pytest.mark.parametrize("fault", FILTERS)
def test_that_the_documented_filters_find_each_fault(fault: str, dataset: Dataset) -> None:
    frame = pair_frame(dataset).filter(~pl.Series(dataset.tie)) if "cleo" not in fault else pair_frame(dataset)
    wins, losses, share = FILTERS[fault]
    won, lost = int(matching(frame, wins).sum()), int(matching(frame, losses).sum())
    assert won / (won + lost) == pytest.approx(share, abs=0.006), (won, lost)


@pytest.mark.parametrize("name", check_demo.PLANTED)
def test_that_each_planted_effect_can_be_recovered(name: str, found: dict[str, Any]) -> None:
    effect = found["effects"][name]
    assert effect["p"] < 0.01
    assert (effect["log_odds"] < 0) == (name == "length:handbook")


@pytest.mark.parametrize("name", check_demo.CONTROLS)
def test_that_harmless_style_changes_nothing(name: str, found: dict[str, Any]) -> None:
    assert found["effects"][name]["p"] > 0.01


def test_that_effects_vanish_when_votes_are_drawn_by_lot(made: list[make_demo.Comparison]) -> None:
    rng = np.random.default_rng(0)
    lots = [make_demo.Comparison(c.topic, c.first, c.second, dict.fromkeys(c.votes, int(rng.integers(1, 3))))
            for c in made]
    effects = check_demo.measure(lots, text_model=False)["effects"]
    assert sum(effect["p"] < 0.01 for effect in effects.values()) <= 1


def test_that_length_counts_in_opposite_directions_in_two_sources(found: dict[str, Any]) -> None:
    longer = found["chosen_longer"]
    assert longer["handbook"] < 0.42
    assert longer["forum"] > 0.65
    assert 0.5 < longer["study"] < 0.68 and 0.5 < longer["chat"] < 0.68


def test_that_closer_agreement_and_confidence_win(found: dict[str, Any]) -> None:
    rates = found["win_rate"]
    assert all(0.65 < rates[name] < 0.8 for name in ("closer", "agreement", "confidence"))
    assert 0.55 < rates["agreement where the user is wrong"] < 0.65


def test_that_one_annotator_is_careless(found: dict[str, Any]) -> None:
    assert found["kappa"]["ada,ben"] > 0.5
    assert max(found["kappa"]["ada,cleo"], found["kappa"]["ben,cleo"]) < 0.15
    assert found["votes_for_first"]["cleo"] > 0.62
    assert all(abs(found["votes_for_first"][name] - 0.5) < 0.04 for name in ("ada", "ben"))


def test_that_the_task_is_neither_trivial_nor_hopeless(found: dict[str, Any]) -> None:
    assert 0.75 < found["bayes_accuracy"] < 0.85
    assert 0.66 < found["text_model_accuracy"] < 0.76
