"""Maps of texts: PCA, t-SNE, groups and the words that name them; the job that keeps a map on disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer.analysis import projection
from rmexplorer.analysis.projection import (
    TextMap,
    group_count,
    group_words,
    groups,
    neighbour_map,
    principal,
    unit_rows,
)
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.mapping_texts import map_texts, open_map, texts_to_map
from rmexplorer.workflows.opening import open_files

BREAD, CODE, TRAIN = ("sourdough bread flour oven", "python function error loop", "train station ticket platform")


def clouds(each: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points far apart in ten dimensions, and the cloud of each."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(3), each)
    return np.eye(10)[of] * 8 + draw.normal(0, 0.5, (3 * each, 10)), of


def test_that_principal_components_are_those_of_the_singular_value_decomposition() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 6)) * [5, 3, 1, 1, 1, 1]
    xy, share = principal(vectors, 2)
    centred = vectors - vectors.mean(axis=0)
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.allclose(np.abs(xy), np.abs(left[:, :2] * strength[:2]))
    assert np.allclose(share, strength[:2] ** 2 / (strength**2).sum())


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_that_few_or_equal_texts_have_places(rows: int) -> None:
    xy, share = principal(np.ones((rows, 4)), 2)
    assert xy.shape == (rows, 2) and not xy.any() and not share.any()
    assert unit_rows(np.ones((rows, 4))).shape == (rows, 4)


def test_that_unit_rows_have_length_one_and_the_mean_row_stays_zero() -> None:
    vectors = np.array([[1.0, 0], [-1, 0], [0, 0]])
    assert np.allclose(np.linalg.norm(unit_rows(vectors), axis=1), [1, 1, 0])


def test_that_groups_are_the_clouds_and_the_largest_comes_first() -> None:
    vectors, of = clouds()
    vectors, of = vectors[:100], of[:100]  # the last cloud is the smallest
    found = groups(vectors, 3)
    assert np.bincount(found).tolist() == sorted(np.bincount(found).tolist(), reverse=True) == [40, 40, 20]
    assert len(set(zip(found.tolist(), of.tolist(), strict=True))) == 3


def test_that_equal_vectors_make_one_group() -> None:
    assert groups(np.ones((40, 3)), 5).tolist() == [0] * 40


def test_that_the_number_of_groups_follows_the_number_of_texts() -> None:
    assert [group_count(n) for n in (0, 3, 29, 30, 425, 5_000)] == [1, 1, 1, 2, 7, 12]


def test_that_groups_are_named_by_words_that_stand_in_them_and_not_elsewhere() -> None:
    texts = pl.Series([f"What is the {words} about?" for words in (BREAD, CODE, TRAIN) for _ in range(20)])
    found = group_words(texts, np.repeat([0, 1, 2], 20))
    for words, named in zip((BREAD, CODE, TRAIN), found, strict=True):
        assert len(named) == 3 and set(named) <= set(words.split())


def test_that_plurals_and_words_of_a_single_text_name_no_group() -> None:
    texts = pl.Series(["oven ovens bread"] * 20 + ["ticket unique"] + ["ticket"] * 19)
    bread, ticket = group_words(texts, np.repeat([0, 1], 20))
    assert len({"oven", "ovens"} & set(bread)) == 1 and "bread" in bread
    assert ticket == ("ticket",)


def test_that_texts_without_words_have_groups_without_names() -> None:
    assert group_words(pl.Series(["", "…", None, "?"], dtype=pl.String), np.array([0, 0, 1, 1])) == ((), ())


def test_that_neighbours_stay_neighbours_and_the_map_is_the_same_again() -> None:
    vectors, of = clouds()
    start = principal(vectors, 2)[0]
    xy = finish(neighbour_map(vectors, start))
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=2) + np.diag(np.full(len(xy), np.inf))
    assert np.mean(of[distance.argmin(axis=1)] == of) > 0.95
    assert np.array_equal(xy, finish(neighbour_map(vectors, start)))


def a_map(group: np.ndarray, words: tuple[tuple[str, ...], ...], how: str = "pca", total: int = 0) -> TextMap:
    n = len(group)
    return TextMap("prompt", how, np.arange(n), np.zeros((n, 2)), group, words, 0.123, total or n, "lexical")


def test_that_the_headline_counts_the_texts_shown() -> None:
    found = a_map(np.repeat([0, 1], [60, 40]), (("sourdough", "bread"), ("ticket",)))
    assert found.seen(np.ones(100, bool)).headline() == (
        "100\u00a0prompts fall into 2 groups; the largest (60%) stands out by the words sourdough, bread.")
    later = np.arange(100) >= 40
    assert "the largest (67%) stands out by the words ticket" in found.seen(later).headline()
    assert found.seen(np.arange(100) >= 60).headline().startswith("All 40\u00a0prompts fall into one group, marked by the words ticket")
    assert "Too few" in found.seen(np.arange(100) < 3).headline()
    assert found.seen(np.zeros(100, bool)).headline() == "No prompt to place: none passes the filter."


def test_that_the_method_line_says_what_a_map_does_not_tell() -> None:
    found = a_map(np.zeros(40, np.int64), ((),), total=9_000)
    assert "keeps 12% of the variance" in found.seen(np.ones(40, bool)).method()
    assert "40 of 9,000\u00a0prompts drawn at random" in found.seen(np.ones(40, bool)).method()
    assert "distances between groups mean little" in replace(found, how="tsne").seen(np.ones(40, bool)).method()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    rows = [
        {"prompt": f"Tell about {words}, part {i}", "chosen": f"All of {words} {i}", "rejected": f"{words[::-1]} {i}"}
        for words in (BREAD, CODE, TRAIN) for i in range(20)
    ]
    file = tmp_path / "pairs.jsonl"
    pl.DataFrame(rows).write_ndjson(file)
    return str(finish(open_files([str(file)])))


@pytest.mark.parametrize(("noun", "count"), [("prompt", 60), ("response", 120)])
def test_that_a_map_is_made_once_and_found_again(folder: str, noun: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    file = finish(map_texts(folder, noun, "pca"))
    found = open_map(file)
    assert len(found) == count == found.total and found.how == "pca" and 0 < found.variance <= 1
    better = open_map(finish(map_texts(folder, noun, "tsne")))
    assert better.how == "tsne" and np.array_equal(better.group, found.group) and better.words == found.words
    assert not np.allclose(better.xy, found.xy)
    monkeypatch.setattr(projection, "STEPS", ())
    assert np.array_equal(open_map(finish(map_texts(folder, noun, "tsne"))).xy, better.xy)


def test_that_prompts_on_a_theme_share_a_group(folder: str) -> None:
    found = open_map(finish(map_texts(folder, "prompt")))
    assert len(found.words) == 3
    themes = found.rows // 20
    assert len(set(zip(found.group.tolist(), themes.tolist(), strict=True))) == 3


def test_that_a_sample_is_drawn_where_there_are_too_many(folder: str) -> None:
    from rmexplorer.data.dataset import Dataset

    rows, texts = texts_to_map(Dataset.open(Path(folder)), "response", most=10)
    assert len(rows) == len(texts) == 10 and np.all(np.diff(rows) > 0)


def test_that_a_damaged_map_is_a_problem_and_is_made_anew(folder: str) -> None:
    file = Path(finish(map_texts(folder, "prompt")))
    file.write_bytes(b"no map" * 100)
    os.utime(file)
    with pytest.raises(Problem, match="cannot be read"):
        open_map(file)
    assert len(open_map(finish(map_texts(folder, "prompt")))) == 60
