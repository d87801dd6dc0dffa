"""Shift between two sets: golden PSI, planted shift and none, nearest prompts, leaks, and the whole comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from rmexplorer.analysis.shift import (
    Familiarity,
    Mmd,
    auc,
    bins_of,
    by_familiarity,
    feature_shifts,
    mmd,
    psi,
    shift_headline,
    two_sample_scores,
)
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.features import surface
from rmexplorer.data.read import read
from rmexplorer.data.split import split_by_group
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import NOTHING, Estimate
from rmexplorer.workflows.files import demo_path, export
from rmexplorer.workflows.leaking import distances, leaks
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.sets import SetSpec, prompts_of_text, set_of, sets_of, side_of
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.shifting import as_json, compare_sets, method, read_result, shift_folders
from rmexplorer.workflows.train_file import train_file


def test_that_the_stability_index_is_the_golden_one() -> None:
    assert psi(np.full(4, 0.25), np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx(0.2282, abs=5e-5)
    assert psi(np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, 0.25)) == pytest.approx(0.2282, abs=5e-5)


def test_that_only_the_planted_feature_is_beyond_the_band_of_no_shift() -> None:
    random = np.random.default_rng(0)
    one = {"same": random.normal(0, 1, 600), "moved": random.normal(0, 1, 600), "flag": random.integers(0, 2, 600)}
    two = {"same": random.normal(0, 1, 500), "moved": random.normal(1, 1, 500), "flag": random.integers(0, 2, 500)}
    found = feature_shifts(one, two, np.arange(600) // 2, 1000 + np.arange(500) // 2)
    assert [shift.name for shift in found if shift.clear] == ["moved"] and found[0].q < 0.05
    first = found[0].value
    assert first.low is not None and first.high is not None and first.low < 1.0 < first.high  # (1 - 0)^2 for two normals


def test_that_the_band_grows_where_rows_of_a_prompt_are_alike() -> None:
    random = np.random.default_rng(1)
    by_prompt = random.normal(0, 1, 60)
    values = np.repeat(by_prompt, 10)
    loose = feature_shifts({"a": values[:300]}, {"a": values[300:]}, np.arange(300), 300 + np.arange(300))[0]
    tight = feature_shifts({"a": values[:300]}, {"a": values[300:]}, np.arange(300) // 10, 300 + np.arange(300) // 10)[0]
    assert tight.band > 3 * loose.band


def test_that_the_area_is_that_of_scikit_learn_and_its_interval_respects_prompts() -> None:
    random = np.random.default_rng(2)
    one, two = random.normal(0, 1, 200).round(1), random.normal(0.7, 1, 150).round(1)
    found = auc(one, two, np.arange(200), 200 + np.arange(150))
    assert found.value == pytest.approx(roc_auc_score(np.repeat([0, 1], [200, 150]), np.concatenate([one, two])))
    paired = auc(np.repeat(one, 5), np.repeat(two, 5), np.repeat(np.arange(200), 5), np.repeat(200 + np.arange(150), 5))
    assert paired.low == pytest.approx(found.low, abs=1e-3) and paired.value == pytest.approx(found.value)


def test_that_the_interval_of_the_area_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        found = auc(random.normal(0, 1, 60), random.normal(0, 1, 60), np.arange(60), np.arange(60) + 60)
        held += int(not found.excludes(0.5))
    assert held >= 180


def test_that_shifted_vectors_are_told_apart_and_others_are_not() -> None:
    random = np.random.default_rng(4)
    vectors, second, group = random.normal(0, 1, (400, 8)), np.repeat([0, 1], 200), np.arange(400) // 2
    same = two_sample_scores(vectors, second, group)
    vectors[200:, 0] += 2
    moved = two_sample_scores(vectors, second, group)
    assert auc(moved[:200], moved[200:], group[:200], group[200:]).value > 0.85
    assert not auc(same[:200], same[200:], group[:200], group[200:]).excludes(0.5)


def test_that_the_discrepancy_is_significant_only_where_there_is_one() -> None:
    random = np.random.default_rng(5)
    one, two = random.normal(0, 1, (150, 5)), random.normal(0, 1, (150, 5))
    same, moved = mmd(one, two, np.arange(150), 150 + np.arange(150)), mmd(one, two + 0.8, np.arange(150), 150 + np.arange(150))
    assert same is not None and moved is not None and same.p > 0.05 and moved.p < 0.01 and moved.value > same.value
    assert mmd(one[:1], two, np.zeros(1, int), np.arange(150)) is None


def test_that_accuracy_falls_with_distance_where_it_was_planted_so() -> None:
    random = np.random.default_rng(6)
    distance = random.random(1000)
    margin = np.where(random.random(1000) < 0.9 - 0.4 * distance, 1.0, -1.0)
    found = by_familiarity(distance, margin, np.arange(1000), (np.arange(1000) % 4 > 0).astype(float))
    values = [one.value for one in found.accuracy]
    assert len(values) == 5 and values[0] > 0.8 > 0.6 > values[-1]
    assert sorted(np.concatenate(found.rows).tolist()) == list(range(1000))
    assert [one.n for one in found.accuracy] == [200] * 5
    assert found.length_only == pytest.approx([0.75] * 5, abs=0.1) and np.mean(found.length_only) == pytest.approx(0.75)
    assert by_familiarity(distance[:10], margin[:10], np.arange(10), np.ones(10)).accuracy == ()


def test_that_the_nearest_prompts_are_by_cosine() -> None:
    train = np.eye(6, dtype=np.float32)
    found = finish(distances(train[:1], np.array([[2.0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]], np.float32)))
    assert found.tolist() == pytest.approx([0.0, 1.0])


def test_that_exact_and_near_leaks_are_counted_once() -> None:
    base = "How do I bake a loaf of sourdough bread at home without a dutch oven and with little time"
    found = finish(leaks([base, "something else entirely about cats"],
                         [base.upper() + " ", base + "?", "What is the capital of France and why is it so"]))
    assert (found["exact"], found["near"], found["rows"]) == (1, 1, [0, 1])
    assert [found["examples"][0][2], found["examples"][1][:2]] == [1.0, [base + "?", base]] and found["examples"][1][2] >= 0.8
    for sides in (([], ["a", "b"]), (["a", "b"], []), ([], [])):
        found = finish(leaks(*sides))
        assert (found["prompts"], found["exact"], found["near"], found["examples"]) == (len(sides[1]), 0, 0, [])


def test_that_a_leak_among_very_many_alike_prompts_is_found() -> None:
    base = "Summarise the following article about the harvest of {} in three short sentences for a reader of ten"
    first = [base.format(f"wheat {number:03d}") for number in range(60)]
    found = finish(leaks(first, [first[57] + " years"]))
    assert found["near"] == 1 and found["examples"][0][2] >= 0.8
    assert found["examples"][0][1] in first


def test_that_pasted_prompts_are_lines_or_paragraphs() -> None:
    assert prompts_of_text("one\ntwo\n") == ["one", "two"]
    assert prompts_of_text("one\nstill one\n\ntwo") == ["one\nstill one", "two"]


def test_that_headlines_are_short_and_claim_no_more_than_the_interval() -> None:
    near = Familiarity((Estimate(0.7, 0.6, 0.8, 50), Estimate(0.57, 0.51, 0.63, 50)), (0.1, 0.1), ((0, 1), (1, 2)),
                       (np.arange(2), np.arange(2)), (0.6, 0.6))
    far = shift_headline(Estimate(0.87, 0.85, 0.89, 500), None, near, Estimate(0.66, 0.63, 0.69, 500), 500)
    assert "easily told apart" in far and "0.57" in far and len(far) <= 150
    half = shift_headline(Estimate(0.87, 0.85, 0.89, 500), None, near, NOTHING, 500)
    assert "least familiar half" in half and "fifth" not in half
    whole = replace(near, accuracy=near.accuracy[:1])
    assert "all its pairs: accuracy 0.70" in shift_headline(Estimate(0.87, 0.85, 0.89, 500), None, whole, NOTHING, 500)
    assert "look alike" in shift_headline(Estimate(0.53, 0.48, 0.58, 500), None, near, NOTHING, 500)
    assert "Only one of two tests" in shift_headline(Estimate(0.6, 0.55, 0.65, 500), Mmd(0.01, 0.2, (250, 250)), near, NOTHING, 500)
    assert "differs a little" in shift_headline(Estimate(0.6, 0.55, 0.65, 500), Mmd(0.01, 0.01, (250, 250)), near, NOTHING, 500)
    assert shift_headline(Estimate(0.9, 0.8, 1.0, 8), None, near, NOTHING, 3).startswith("Too few")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Checkpoint]:
    """The demo dataset with a head trained on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMEXPLORER_HOME", str(tmp_path_factory.mktemp("demo")))
        folder = finish(open_files([str(demo_path())]))
        return folder, finish(train_file(finish(read(demo_path())), RunSettings())).checkpoint


def test_that_halves_of_the_training_prompts_are_alike_and_another_topic_is_not(
    demo: tuple[str, Checkpoint], tmp_path: Path
) -> None:
    folder, head = demo
    dataset = Dataset.open(Path(folder))
    held = split_by_group(dataset.group, head.holdout, head.seed)
    half = dataset.group % 2 == 0
    files = [tmp_path / "one.npy", tmp_path / "two.npy"]
    for file, mask in zip(files, (half & ~held, ~half & ~held), strict=True):
        np.save(file, np.flatnonzero(mask))
    same = finish(compare_sets(*(SetSpec("pairs", folder, str(file)) for file in files), head))
    assert abs(same["auc"]["value"] - 0.5) < 0.06 and same["mmd"]["p"] > 0.01
    assert same["familiarity"] == []  # the head has learnt from all of them
    split = finish(compare_sets(SetSpec("training", folder), SetSpec("heldout", folder), head))
    # the encoder of the head was fitted on the training texts; by its vectors p was 0.005 for each such split
    assert split["mmd"]["p"] > 0.05 and "look alike" in split["headline"] and "against" not in split["headline"]
    assert split["leaks"]["exact"] == 0 and len(split["familiarity"]) == 5
    assert sum(row["n"] for row in split["familiarity"]) == split["pairs"][1]
    assert method(split).startswith(f"{split['n'][0]:,} responses against")
    assert split["heldout_accuracy"]["ci"] and split["heldout_accuracy"]["value"] == pytest.approx(head.metrics["heldout_accuracy"])
    pasted = tmp_path / "prompts.txt"
    pasted.write_text("\n".join(f"SELECT {i}, COUNT(*) FROM table_{i} WHERE x_{i} = '{i}' GROUP BY y_{i};" for i in range(40)))
    code = finish(compare_sets(SetSpec("training", folder), SetSpec("prompts", name=str(pasted)), head))
    assert code["auc"]["value"] > 0.95 and code["unit"] == "prompts" and code["furthest"] and not code["familiarity"]
    assert code["heldout_accuracy"]["ci"] == head.metrics["heldout_accuracy_ci"] is not None
    json.dumps(as_json(code), allow_nan=False)


def test_that_a_feature_lists_the_responses_that_its_bin_counts(demo: tuple[str, Checkpoint]) -> None:
    folder, head = demo
    first, second = SetSpec("source", folder, "forum"), SetSpec("source", folder, "handbook")
    one, two = side_of(first, head), side_of(second, head)
    rows = [row for row in finish(compare_sets(first, second, head))["features"] if row["feature"] == "words"]
    values = [surface(pl.Series([""] * len(side.texts)), pl.Series(side.texts))["words"].to_numpy() for side in (one, two)]
    edges = bins_of(np.concatenate(values))
    counts = [np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1) for side in values]
    top = int(np.argmax((counts[1] + 0.5) / (counts[1] + 0.5).sum() - (counts[0] + 0.5) / (counts[0] + 0.5).sum()))
    assert [len(row["responses"]) for row in rows] == [counts[1][top]]


def test_that_sets_are_compared_without_a_head_and_kept(demo: tuple[str, Checkpoint]) -> None:
    folder, _ = demo
    first, second = SetSpec("source", folder, "forum", "forum"), SetSpec("source", folder, "handbook", "handbook")
    path = finish(shift_folders(first.as_text(), second.as_text(), ""))
    found = read_result(path)
    assert found["encoder"] != "head" and found["familiarity"] == [] and found["same_dataset"]
    assert finish(shift_folders(first.as_text(), second.as_text(), "")) == path
    with pytest.raises(Problem, match="no training pairs"):
        finish(compare_sets(SetSpec("training", folder), second, None))


def test_that_a_second_file_with_prompts_of_the_training_is_not_new(demo: tuple[str, Checkpoint], tmp_path: Path) -> None:
    folder, head = demo
    dataset = Dataset.open(Path(folder))
    held = split_by_group(dataset.group, head.holdout, head.seed)
    copy = tmp_path / "copy.jsonl"
    finish(export(dataset, dataset.prompt % 2 == 0, copy))
    other = finish(open_files([str(copy)]))
    found = finish(compare_sets(SetSpec("training", folder), SetSpec("file", other), head))
    unseen = held & (dataset.prompt % 2 == 0) & ~dataset.tie
    assert sum(row["n"] for row in found["familiarity"]) == unseen.sum() < found["pairs"][1]


def test_that_sets_of_one_kind_are_called_different_no_more_often_than_stated() -> None:
    random = np.random.default_rng(7)
    discrepant, clear, found = 0, 0, 0
    for turn in range(60):
        one, two = random.normal(0, 1, (80, 4)), random.normal(0, 1, (80, 4))
        apart = mmd(one, two, np.arange(80), 80 + np.arange(80), seed=turn)
        assert apart is not None
        discrepant += int(apart.p < 0.05)
        shifts = feature_shifts({"a": one[:, 0], "b": one[:, 1]}, {"a": two[:, 0], "b": two[:, 1]},
                                np.arange(80) // 2, 80 + np.arange(80) // 2, seed=turn)
        clear += sum(shift.clear for shift in shifts)
        found += sum(shift.q < 0.05 for shift in shifts)
    assert discrepant <= 8 and clear <= 14 and found <= 10  # of 60, 120 and 120; 5 % are 3, 6 and at most 6


def test_that_a_calibration_error_by_familiarity_has_its_interval() -> None:
    random = np.random.default_rng(8)
    distance, sure = random.random(1000), np.log(0.8 / 0.2)
    margin = np.where(random.random(1000) < np.where(distance < 0.2, 0.8, 0.5), sure, -sure)  # 0.8 promised everywhere
    found = by_familiarity(distance, margin, np.arange(1000), np.ones(1000))
    assert found.error[0] < 0.1 < 0.2 < found.error[-1]
    for error, ends in zip(found.error, found.error_ci, strict=True):
        assert ends is not None and ends[0] <= error <= ends[1]
    assert found.error_ci[0] is not None and found.error_ci[0][0] == 0.0
    assert found.error_ci[-1] is not None and found.error_ci[-1][0] > 0.1


def test_that_sets_are_named_in_words_and_refused_in_words(demo: tuple[str, Checkpoint], tmp_path: Path) -> None:
    folder, head = demo
    dataset = Dataset.open(Path(folder))
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\ntwo")
    assert set_of("all", dataset, folder).kind == "all" and set_of("split=heldout", dataset, folder).kind == "heldout"
    assert set_of("source=forum", dataset, folder) == SetSpec("source", folder, "forum", "forum")
    assert side_of(set_of(f"prompts={prompts}", dataset, folder), None).prompts == ["one", "two"]
    some = side_of(set_of("filter=source:forum", dataset, folder), head)
    assert np.array_equal(some.pairs, side_of(SetSpec("source", folder, "forum"), head).pairs)
    for text, said in (("source=forums", "choose one of"), ("split=test", "it is one of"), ("filter=source:nothing", "no pair passes"),
                       (f"prompts={tmp_path / 'none.txt'}", "no such file"), ("forum", "it is one of"), ("filter=", "it is one of")):
        with pytest.raises(Problem, match=said):
            set_of(text, dataset, folder)
    first, second = sets_of(dataset, None, head, "", "split=heldout")
    assert (first.kind, second.kind) == ("training", "heldout")
    assert sets_of(dataset, None, None, "", "source=forum")[0].kind == "all"
    for asked, said in ((("source=forum", ""), "no second set"), (("source=forum", "source=forum"), "the same"),
                        ((f"prompts={prompts}", "all"), "has to have responses")):
        with pytest.raises(Problem, match=said):
            sets_of(dataset, None, head, *asked)


def test_that_the_lists_of_the_json_are_those_of_the_second_set(demo: tuple[str, Checkpoint]) -> None:
    folder, head = demo
    first, second = SetSpec("source", folder, "forum", "forum"), SetSpec("source", folder, "handbook", "handbook")
    whole = finish(compare_sets(first, second, head))
    plain = as_json(whole)
    json.dumps(plain, allow_nan=False)
    sources, records = Dataset.open(Path(folder)).extras["source"], Dataset.open(Path(folder)).pairs["record"].to_numpy()
    assert 0 < len(plain["furthest"]) <= 20 and plain["furthest"] == whole["furthest"][:20]
    for row in plain["furthest"]:
        assert sources[row["pair"]] == "handbook" and row["record"] == records[row["pair"]] and row["reward"] is not None
    far = [row["unfamiliar"] for row in plain["furthest"]]
    assert far == sorted(far, reverse=True)
    assert plain["high_unfamiliar"]["n"] == len(whole["high_unfamiliar"])
    assert all(row["n"] == whole["n"] or row["n"] == whole["prompts"] for row in plain["features"])
