"""Columns of a dataset, and the numbers of `analyze`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer import wording
from rmexplorer.analysis import COLUMNS
from rmexplorer.analysis.win_rate import win_rate
from rmexplorer.data.dataset import Dataset
from rmexplorer.problem import Problem
from rmexplorer.reward.sources.columns import from_columns
from rmexplorer.statistics import wilson
from rmexplorer.workflows.analyze import analyze, describe
from rmexplorer.workflows.columns import SAMPLES, STYLE, columns, run
from rmexplorer.workflows.models import standing

Build = Callable[..., Dataset]
ROWS: dict[str, list[Any]] = {
    "prompt": ["p1", "p1", "p2", "p3"],
    "first": ["a long answer, I hope this helps", "short", " tie one ", "no"],
    "second": ["short", "the third answer", "tie two", "**certainly** yes!"],
    "winner": [1, -1, 0, -1],
}


@pytest.fixture
def small(build: Build) -> Dataset:
    return build(**ROWS, extras={"source": ["x", "x", "y", None]},
                 skipped=[{"record": 9, "line": 10, "reason": "identical_responses", "detail": ""}])


def test_that_columns_are_those_of_the_decided_pairs(small: Dataset) -> None:
    given = columns(small, np.array([4.0, 1.0, 9.0, 0.5]), np.array([1.0, 3.0, 9.0, 2.0]))
    assert set(given) == set(COLUMNS)
    assert given["pair"].tolist() == [0, 1, 3]
    assert given["reward_chosen"].tolist() == [4.0, 3.0, 2.0]
    assert given["margin"].tolist() == [3.0, 2.0, 1.5]
    assert given["prompt"].tolist() == [0, 0, 2]
    assert given["chars_chosen"].tolist() == [32, 16, 18]
    assert given["chars_rejected"].tolist() == [5, 5, 2]
    assert given["words_chosen"].tolist() == [7, 3, 2]
    assert given["subset"].tolist() == ["x", "x", ""]
    assert np.allclose(given["length_gap"], np.log(np.array([33, 17, 19]) / np.array([6, 6, 3])))
    texts = small.responses["text"]
    chosen = [texts[row] for row in given["response_chosen"].tolist()]
    assert chosen == [ROWS["first"][0], ROWS["second"][1], ROWS["second"][3]]
    style = dict(zip(STYLE, given["style_chosen"].T.tolist(), strict=True))
    assert style["closer"] == [1.0, 0.0, 0.0]
    assert style["bold"] == [0.0, 0.0, 1.0]
    assert style["exclamations"] == [0.0, 0.0, 1.0]


def test_that_swapping_first_and_second_changes_nothing(small: Dataset, build: Build) -> None:
    swapped = build(prompt=ROWS["prompt"], first=ROWS["second"], second=ROWS["first"],
                    winner=[-winner for winner in ROWS["winner"]])
    first, second = np.array([4.0, 1.0, 9.0, 0.5]), np.array([1.0, 3.0, 9.0, 2.0])
    before, after = columns(small, first, second), columns(swapped, second, first)
    for name in ("margin", "chars_chosen", "words_rejected", "length_gap", "style_chosen"):
        assert np.array_equal(before[name], after[name])


def test_that_a_mask_and_a_brush_cut_every_column_alike(small: Dataset) -> None:
    whole = columns(small, np.arange(4.0), np.zeros(4))
    for made in (False, True):
        if made:
            _ = [whole[name] for name in whole]
        cut = whole.take(np.array([False, True, True, True]))
        masked = columns(small, np.arange(4.0), np.zeros(4), np.array([False, True, True, True]))
        over_rows = whole.take(np.array([False, True, True]))
        for name in COLUMNS:
            assert np.array_equal(cut[name], masked[name]), name
            assert np.array_equal(cut[name], over_rows[name]), name
        assert cut.take(np.array([True, True, True, False])).rows.tolist() == [1]
    with pytest.raises(ValueError, match="fits neither"):
        whole.take(np.ones(2, bool))


def test_that_pairs_without_a_reward_are_left_out_and_counted(small: Dataset) -> None:
    given = columns(small, np.array([1.0, np.nan, 0.0, 2.0]), np.zeros(4))
    assert (given.rows.tolist(), given.unscored) == ([0, 3], 1)


def test_that_without_rewards_an_analysis_says_what_to_do(small: Dataset) -> None:
    given = columns(small)
    assert "margin" not in given and not given.has_rewards
    with pytest.raises(Problem, match="Calibration needs rewards; train a head"):
        run("calibration", given)
    with pytest.raises(Problem, match="did you mean calibration"):
        run("calibratoin", given)
    with pytest.raises(Problem, match="has no setting 'bin'"):
        run("calibration", given, bin=3)


def test_that_facts_of_the_dataset_reach_the_card(small: Dataset) -> None:
    card = run("dataset_card", columns(small))
    assert (card.pairs, card.ties, card.prompts, card.skipped) == (3, 1, 2, {"identical_responses": 1})
    assert run("dataset_card", columns(small, mask=np.array([True, True, False, False]))).ties == 0


def test_that_a_selection_keeps_the_scale_of_the_dataset(small: Dataset) -> None:
    whole = columns(small, np.array([4.0, 1.0, 9.0, 0.5]), np.array([1.0, 3.0, 8.0, 2.0]))
    part = whole.take(np.array([True, False, False, False]))
    center = run("responses", whole).center
    assert run("responses", part).center == center == pytest.approx(np.mean([4, 1, 3, 9, 8, 0.5, 2]))


def test_that_every_style_column_has_words() -> None:
    assert set(STYLE) == set(wording.STYLE)


def test_that_style_is_measured_on_a_sample_of_many_pairs(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAMPLES, "style_effects", 40)
    dataset = build(prompt=[f"p{row}" for row in range(90)], first=[f"yes {row}!" for row in range(90)],
                    second=[f"no {row}" for row in range(90)], winner=[1] * 90)
    found = run("style_effects", columns(dataset, np.arange(90.0), np.zeros(90)))
    assert (found.pairs, found.of) == (40, 90)
    assert "a sample of 90" in found.method()


def test_that_rewards_of_the_file_are_found(build: Build) -> None:
    scored = build(**ROWS, score_first=[1.0, None, 2.0, 3.0], score_second=[0.0, 1.0, 2.0, 4.0])
    given = columns(scored, *from_columns(scored))
    assert given["margin"].tolist() == [1.0, 1.0] and given.unscored == 1


def test_that_analyze_gives_the_golden_numbers(build: Build, golden_margin: np.ndarray) -> None:
    n = len(golden_margin)
    dataset = build(prompt=[f"p{row}" for row in range(n)], first=[f"{row} " + "word " * row for row in range(n)],
                    second=[f"{row} other" for row in range(n)], winner=[1] * n, extras={"subset": ["a", "b"] * 5})
    found = analyze(columns(dataset, golden_margin, np.zeros(n)), "columns")
    assert found["source"] == "columns"
    assert found["accuracy"]["value"] == pytest.approx(0.6) and found["accuracy"]["n"] == 10
    assert found["accuracy"]["ci"][0] < 0.6 < found["accuracy"]["ci"][1]
    assert found["calibration"]["nll"] == pytest.approx(0.682549, abs=1e-6)
    assert found["calibration"]["brier"] == pytest.approx(0.246925, abs=1e-6)
    assert found["calibration"]["temperature"] == pytest.approx(2.052289, abs=1e-6)
    assert sum(part["n"] for part in found["calibration"]["bins"]) == 10
    assert set(found["by"]["subset"]) == {"a", "b"}
    intervals = found["length"].pop("intervals")
    assert found["length"].pop("reward_per_doubling") is None, "too few pairs for a trend"
    assert found["length"].pop("reward_per_doubling_within_prompts")["n"] == n
    for name in ("groups", "bins"):
        assert sum(part["n"] for part in found["length"].pop(name)) == n
    assert set(intervals) == set(found["length"])
    low, high = intervals["chosen_longer"]["ci"]
    assert low <= found["length"]["chosen_longer"] <= high and intervals["chosen_longer"]["n"] == n
    assert set(found["length"]) == {"chosen_longer", "length_only_accuracy", "accuracy_chosen_longer",
                                    "accuracy_chosen_shorter", "reward_length_correlation", "matched_length_accuracy"}
    assert "win_rates" not in found
    json.dumps(found, allow_nan=False)
    assert found["calibration"]["as_trained"] is None


def test_that_analyze_reports_a_head_after_scaling_and_as_trained(build: Build, golden_margin: np.ndarray) -> None:
    n, temperature = len(golden_margin), 2.052289
    dataset = build(prompt=[f"p{row}" for row in range(n)], first=[f"{row} word" for row in range(n)],
                    second=[f"{row} other" for row in range(n)], winner=[1] * n)
    found = analyze(columns(dataset, golden_margin / temperature, np.zeros(n)), "model", temperature)["calibration"]
    assert found["temperature"] == temperature
    assert found["nll"] == pytest.approx(0.639755, abs=1e-6)
    assert found["as_trained"]["nll"] == pytest.approx(0.682549, abs=1e-6)
    assert found["as_trained"]["brier"] == pytest.approx(0.246925, abs=1e-6)
    alone = analyze(columns(dataset, golden_margin / temperature, np.zeros(n)), "columns")["calibration"]
    assert {key: found[key] for key in ("ece", "ece_null95", "brier", "nll")} == pytest.approx(
        {key: alone[key] for key in ("ece", "ece_null95", "brier", "nll")})
    assert [part["p"] for part in found["bins"]] == pytest.approx([part["p"] for part in alone["bins"]])


def test_that_analyze_answers_without_rewards_and_without_pairs(small: Dataset) -> None:
    for given in (columns(small), columns(small, mask=np.zeros(4, bool)),
                  columns(small, np.ones(4), np.ones(4), np.zeros(4, bool))):
        found = analyze(given, "columns")
        json.dumps(found, allow_nan=False)
    assert analyze(columns(small), None)["length"]["chosen_longer"] == 1.0
    assert analyze(columns(small), None)["accuracy"] is None


def test_that_the_numbers_are_readable_without_json(small: Dataset, build: Build) -> None:
    said = describe(analyze(columns(small, np.array([4.0, 1.0, 9.0, 0.5]), np.array([1.0, 3.0, 9.0, 2.0])), "columns"))
    assert "Accuracy" in said and "1.00 (95% CI 0.34–1.00)" in said and "Temperature" in said
    assert "nan" not in said.lower() and "None" not in said
    named = build(prompt=["a", "b"], first=["one", "four"], second=["three", "two"], winner=[1, -1],
                  model_first=["x", "x"], model_second=["y", "y"])
    said = " ".join(describe(analyze(columns(named), None)).split())
    assert "Win rate of y 50.00% ± 50.00 against x, n = 2" in said
    assert "Accuracy" not in said


def leaderboard(build: Build, folder: Path, models: list[str], shuffle: bool = False) -> Dataset:
    """The comparisons of AlpacaEval folders, read without the readers of the program."""
    rows = [row for model in models for row in json.loads((folder / model / "annotations.json").read_text("utf-8"))]
    if shuffle:
        random.Random(0).shuffle(rows)
    names = ("prompt", "first", "second", "winner", "p_first", "model_first", "model_second", "record")
    kept: dict[str, list[Any]] = {name: [] for name in names}
    skipped = []
    for number, row in enumerate(rows):
        if row["output_1"].strip() == row["output_2"].strip():
            skipped.append({"record": number, "line": None, "reason": "identical_responses", "detail": ""})
            continue
        second = row["preference"] - 1.0
        winner = -1 if second > 0.5 else 1 if second < 0.5 else 0
        values = (row["instruction"], row["output_1"], row["output_2"], winner, 1.0 - second, row["generator_1"],
                  row["generator_2"], number)
        for name, value in zip(names, values, strict=True):
            kept[name].append(value)
    return build(**kept, skipped=skipped)


@pytest.mark.parametrize("model, rate, controlled", [
    ("FuseChat-Llama-3.1-8B-Instruct", 63.3316, 65.39), ("alpaca-7b", 2.591451, None),
    ("gpt-3.5-turbo-1106_verbose", 12.763170, None)])
def test_that_win_rates_are_those_of_the_leaderboard(
        shared: Path, build: Build, model: str, rate: float, controlled: float | None) -> None:
    dataset = leaderboard(build, shared / "data" / "real" / "alpaca_eval", [model])
    result = analyze(columns(dataset), None)
    found = result["win_rates"][model]
    assert list(result["win_rates"]) == [model]
    assert found["win_rate"] == pytest.approx(rate, abs=5e-5)
    assert found["n"] == 805
    if controlled is None:
        assert found["length_controlled"] is None
        assert any(model in warning and "length" in warning for warning in result["warnings"])
    else:
        assert found["se"] == pytest.approx(1.4225, abs=5e-5)
        assert found["length_controlled"] == pytest.approx(controlled, abs=2.0)
        low, high = found["length_controlled_ci"]
        assert low < controlled < high and 4.0 < high - low < 8.0
        assert f"(95% CI {low:.2f}–{high:.2f}%)" in describe(result)
        assert result["warnings"] == []


def test_that_identical_outputs_find_their_model_where_the_file_goes_model_by_model(shared: Path, build: Build) -> None:
    models = ["FuseChat-Llama-3.1-8B-Instruct", "alpaca-7b", "gpt-3.5-turbo-1106_verbose"]
    folder = shared / "data" / "real" / "alpaca_eval"
    found = analyze(columns(leaderboard(build, folder, models)), None)
    assert [found["win_rates"][model]["n"] for model in models] == [805] * 3
    assert found["win_rates"]["alpaca-7b"]["win_rate"] == pytest.approx(2.591451, abs=5e-5)
    mixed = analyze(columns(leaderboard(build, folder, models, shuffle=True)), None)
    assert sum(mixed["win_rates"][model]["n"] for model in models) < 3 * 805
    assert any("identical outputs" in warning for warning in mixed["warnings"])


def test_that_identical_outputs_which_a_filter_leaves_out_are_counted_and_said(shared: Path, build: Build) -> None:
    dataset = leaderboard(build, shared / "data" / "real" / "alpaca_eval", ["alpaca-7b"])
    identical, every = dataset.skipped.height, np.ones(len(dataset), bool)
    assert identical > 0
    half = every.copy()
    half[::2] = False
    found = standing(columns(dataset, mask=half))
    verb = "s are" if identical > 1 else " is"
    assert found.left.startswith(f"{identical} identical output{verb} not counted here") and found.left in found.method()
    assert found.left in found.warnings and len(found.games.first) == half.sum()
    whole = standing(columns(dataset, mask=every))
    assert not whole.left and len(whole.games.first) == len(dataset) + identical, "a filter that all pairs pass changes nothing"


def test_that_an_arena_without_a_baseline_compares_with_all_others(build: Build) -> None:
    dataset = build(prompt=["a", "b", "c", "d"], first=["one", "two", "three", "four"],
                    second=["five", "six", "seven", "eight"], winner=[1, 0, -1, 1],
                    model_first=["x", "y", "z", "x"], model_second=["y", "z", "x", "x"])
    found = analyze(columns(dataset), None)["win_rates"]
    assert {name: (rate["against"], rate["win_rate"], rate["n"]) for name, rate in found.items()} == {
        "x": ("all others", 100.0, 2), "y": ("all others", 25.0, 2), "z": ("all others", 25.0, 2)}


def test_that_a_win_rate_at_equal_length_is_the_planted_one() -> None:
    random_ = np.random.default_rng(0)
    gap = random_.normal(20, 100, 4000)
    truth = 1 / (1 + np.exp(-(0.3 + 1.5 * np.tanh(gap / gap.std()))))
    found = win_rate((random_.random(4000) < truth).astype(float), gap)
    assert found is not None and found.length_controlled is not None
    assert found.length_controlled == pytest.approx(100 / (1 + np.exp(-0.3)), abs=2.0)
    assert found.win_rate > found.length_controlled + 2.0
    other = win_rate(1.0 - (random_.random(4000) < truth), -gap)
    assert other is not None and other.length_controlled == pytest.approx(100 - found.length_controlled, abs=4.0)


def test_that_nothing_is_said_at_equal_length_where_length_decides_alone() -> None:
    gap = np.random.default_rng(0).normal(0, 100, 60)
    found = win_rate((gap > 0).astype(float), gap)
    assert found is not None and found.length_controlled is None and found.length_controlled_ci is None
    assert found.why_not == "length decides its comparisons alone"


def test_that_the_interval_of_a_win_rate_is_wilsons_and_narrower_for_soft_labels() -> None:
    hard = np.repeat([1.0, 0.0], [1, 23])
    found = win_rate(hard, np.zeros(24))
    assert found is not None and 0 < found.ci[0] < found.win_rate < found.ci[1] < 25
    assert np.allclose(found.ci, 100 * np.array(wilson(1, 24)), atol=1.0)
    soft, flat = win_rate(np.full(24, 0.5) + np.resize([0.1, -0.1], 24), np.zeros(24)), win_rate(np.ones(3), np.zeros(3))
    assert soft is not None and 40 < soft.ci[0] < 50 < soft.ci[1] < 60
    assert flat is not None and np.allclose(flat.ci, 100 * np.array(wilson(3, 3)))


def test_that_the_interval_at_equal_length_is_that_of_a_bootstrap() -> None:
    random_ = np.random.default_rng(1)
    gap = random_.normal(30, 100, 400)
    truth = 1 / (1 + np.exp(-(0.4 + 1.2 * np.tanh(gap / gap.std()))))
    soft = np.clip(truth + random_.normal(0, 0.2, 400), 0.0, 1.0)
    for preference in ((random_.random(400) < truth).astype(float), soft):
        found = win_rate(preference, gap)
        assert found is not None and found.length_controlled_ci is not None
        draws = [again.length_controlled for picks in random_.integers(400, size=(600, 400))
                 if (again := win_rate(preference[picks], gap[picks])) is not None]
        assert found.length_controlled_ci == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=1.0)
    assert found.length_controlled_ci[1] - found.length_controlled_ci[0] < 6.0


def test_that_few_comparisons_say_nothing_of_equal_length(build: Build) -> None:
    dataset = build(prompt=["a"], first=["one"], second=["five"], winner=[0], model_first=["x"], model_second=["y"])
    found = analyze(columns(dataset), None)
    assert found["win_rates"]["y"]["win_rate"] == 50.0
    assert found["win_rates"]["y"]["length_controlled"] is None
    assert found["win_rates"]["y"]["length_controlled_ci"] is None
    assert any("y (fewer than 20 comparisons)" in warning for warning in found["warnings"])


def test_that_nothing_is_said_of_equal_length_where_all_comparisons_go_one_way() -> None:
    found = win_rate(np.ones(20), np.array([1.0, -1.0] * 10))
    assert found is not None and found.length_controlled is None and found.length_controlled_ci is None
    assert found.why_not == "all comparisons go one way"
    assert win_rate(np.zeros(0), np.zeros(0)) is None
    sided = win_rate(np.array([1.0, 0.0] * 12), np.array([5.0] * 21 + [-5.0] * 3))
    assert sided is not None and sided.length_controlled is None and "longer response in 88%" in sided.why_not
    even = win_rate(np.array([1.0, 0.0] * 12), np.array([5.0] * 18 + [-5.0] * 6))
    assert even is not None and even.length_controlled is not None
