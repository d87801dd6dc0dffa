"""Reward against a feature: what was planted is found over all, within prompts and at equal length, with its interval."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer.analysis.cloud import within_prompts
from rmexplorer.analysis.reward_feature import reward_feature
from rmexplorer.analysis.style_effects import style_effects
from rmexplorer.cli import main
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.statistics import Clusters
from rmexplorer.workflows.columns import columns, run
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.style import features_of, measure_feature, measured, pairs_that_differ

Planted = Callable[..., dict[str, Any]]


def given_of(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "subset"}


def test_that_a_planted_slope_is_found_at_equal_length(planted: Planted) -> None:
    found = reward_feature(**given_of(planted(3_000)), feature="sways_model")
    partial = found.partial
    assert partial.low is not None and partial.low < 0.4 * found.sd < (partial.high or 0), "0.4 reward for one more was planted"
    assert abs((partial.value or 0) - 0.4 * found.sd) < 0.05 and partial.n == 3_000
    assert found.overall.excludes(0.0) and found.trend is not None
    assert found.overall.value == pytest.approx(np.polyfit(found.cloud.value, found.cloud.reward, 1)[0] * found.sd, abs=1e-9)


def test_that_a_feature_which_only_goes_with_length_vanishes_at_equal_length(planted: Planted) -> None:
    found = reward_feature(**given_of(planted(3_000)), feature="follows_length")
    assert found.overall.excludes(0.0) and found.within.excludes(0.0), "it does go with the reward"
    assert not found.partial.excludes(0.0) and abs(found.partial.value or 0) < 0.06, "and carries nothing beside the length"


def test_that_a_length_is_counted_in_doublings_and_held_equal_to_nothing(planted: Planted) -> None:
    found = reward_feature(**given_of(planted(3_000)), feature="words")
    assert found.is_length and found.partial.value is None and "each time the length doubles" in found.trend_text()
    assert (found.within.low or 0) < 0.46 < (found.within.high or 0) and found.within_text().startswith("within prompts +0.4")
    flat = planted(40)
    flat["style_chosen"][:] = flat["style_rejected"][:] = 1.0
    nothing = reward_feature(**given_of(flat), feature="noise")
    assert nothing.trend is None and nothing.within.value is None and nothing.headline() == "No response differs in noise."


def test_that_one_prompt_is_too_few_to_say_and_not_taken_for_no_difference(planted: Planted) -> None:
    values = planted(40)
    values["prompt"][:] = 0
    found = reward_feature(**given_of(values), feature="sways_model")
    assert found.sd > 0 and found.headline() == "Too few prompts to say how the reward follows sways model."
    kept = {name: values[name] for name in ("margin", "prompt", "length_gap", "style_chosen", "style_rejected", "style_names")}
    assert style_effects(**kept).headline() == "Too few prompts to say what style wins."


def test_that_within_prompts_is_least_squares_through_the_origin_and_turns_with_its_pairs() -> None:
    random = np.random.default_rng(0)
    x, h = random.normal(size=(2, 400))
    d = 0.7 * x - 0.2 * h + random.normal(0, 0.1, 400)
    clusters = Clusters(np.arange(400) // 2)
    wanted = np.linalg.lstsq(np.column_stack([x, h]), d, rcond=None)[0][0]
    assert within_prompts(d, x, clusters, h).value == pytest.approx(wanted)
    turn = random.choice([-1.0, 1.0], 400)
    assert within_prompts(d * turn, x * turn, clusters, h * turn).value == pytest.approx(wanted)
    assert within_prompts(d, x, clusters, 3.0 * x).value is None, "what is held equal does not differ from it"
    assert within_prompts(d, x, clusters, np.zeros(400)).value == pytest.approx(float(d @ x / (x @ x)))


def test_that_a_feature_that_cannot_be_measured_is_named_and_the_others_stay() -> None:
    given = columns(finish(read(demo_path())))
    random = np.random.default_rng(1)
    rewards = random.normal(size=(2, len(given.dataset)))
    bad = OwnFeature("bad", "sql", "missing_column + 1")
    given = columns(given.dataset, *rewards).with_own((OwnFeature("hope", "regex", "I hope"), bad))
    notes: list[str] = []
    ready = finish(measured(given, "style_effects"), lambda progress: notes.append(progress.note))
    assert [feature.name for feature in ready.given.own] == ["hope"] and "bad" in ready.failed[0].what
    assert "measuring style" in notes and features_of(ready.given)[-1] == "hope"
    names = {effect.name for effect in run("style_effects", ready.given).effects}
    assert {"closer", "hope"} <= names | {"hope"} and "bad" not in names
    with pytest.raises(Problem, match="bad"):
        finish(measure_feature(given, "bad"))
    differ = pairs_that_differ(ready.given, "hope")
    assert 0 < differ.sum() <= given.pairs and pairs_that_differ(ready.given, "words").any()


def test_that_the_command_line_has_the_numbers_of_the_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "head.safetensors"
    assert main(["train", str(demo_path()), "-o", str(model), "--epochs", "3", "--json"]) == 0
    capsys.readouterr()
    assert main(["analyze", str(demo_path()), "--model", str(model), "--style", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["style"]["features"]}
    assert rows["closer"]["reward"]["at_equal_length"]["ci"][0] > 0, "the demo plants closing offers"
    assert rows["words"]["reward"]["unit"] == "doubling" and rows["words"]["reward"]["at_equal_length"] is None
    assert rows["words"]["reward"]["within_prompts"]["value"] == pytest.approx(
        found["length"]["reward_per_doubling_within_prompts"]["value"])
    assert rows["closer"]["mean_of_subsets"]["labels"]["ci"] and rows["closer"]["wrong_example_record"] is not None
    bins = found["length"]["bins"]
    assert sum(one["n"] for one in bins) == found["pairs"] == sum(one["n"] for one in found["length"]["groups"])
    assert all(one["ci"] and one["length_only"] is not None for one in bins)
