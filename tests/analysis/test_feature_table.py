"""The table of features: planted effects are found with their sign, others are not, and it goes through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rmexplorer.analysis.feature_table import FeatureTable, feature_table, style_only
from rmexplorer.cli import main
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.statistics import mcnemar
from rmexplorer.workflows.columns import columns, run
from rmexplorer.workflows.files import demo_path

N = 2_000


def planted(margin: bool = True) -> FeatureTable:
    """People like feature a and dislike b; the model also likes c, which people do not care for; d is noise."""
    random = np.random.default_rng(3)
    chosen, rejected = random.standard_normal((2, N, 5))
    chosen[:, 0] += 0.5
    chosen[:, 1] -= 0.5
    chosen[:, 4] = rejected[:, 4] = 1.0
    gap = chosen - rejected
    length, equal = np.full(N, 100), np.zeros(N)
    pull = gap[:, 0] - gap[:, 1] + 1.5 * gap[:, 2] + random.standard_normal(N)
    subset = np.where(np.arange(N) % 2 == 0, "even", "odd").astype(object)
    return feature_table(np.arange(N), subset, equal, length, length, chosen, rejected,
                         ("a", "b", "c", "d", "same"), pull if margin else None)


def test_that_planted_effects_are_found_with_sign_and_size() -> None:
    rows = {row.name: row for row in planted().rows}
    assert set(rows) == {"a", "b", "c", "d"}
    random = np.random.default_rng(3)
    chosen, rejected = random.standard_normal((2, N, 5))
    gap = chosen[:, 0] + 0.5 - rejected[:, 0]
    a = rows["a"].labels
    assert a.effect.value == pytest.approx(gap.mean() / np.sqrt((gap**2).mean() / 2)) and 0.4 < a.effect.value < 0.6
    assert a.effect.low is not None and a.effect.low < a.effect.value < (a.effect.high or 0)
    assert (a.more, a.fewer) == ((gap > 0).sum(), (gap < 0).sum()) and a.p == mcnemar(a.more, a.fewer)
    assert (rows["b"].labels.effect.value or 0) < -0.4 and rows["d"].labels.q > 0.05 < rows["c"].labels.q
    model, errors = rows["c"].model, rows["c"].errors
    assert model and errors and model.q < 1e-6 and errors.q < 1e-6 and (errors.effect.value or 0) > 0.5
    assert errors.effect.n < N / 2
    assert set(rows["a"].by) == {"even", "odd"} and rows["a"].by["even"].n == N // 2
    assert rows["a"].example == int(np.argmax(gap))


def test_that_the_mean_of_subsets_counts_each_alike_and_opposite_signs_are_said() -> None:
    """A large subset where people like the feature, a small one where they dislike it: the pool hides the second."""
    random = np.random.default_rng(5)
    big, small, few = 1_800, 200, 5
    subset = np.repeat(np.array(["big", "small", "few"], object), [big, small, few])
    n = len(subset)
    gap = random.normal(np.where(subset == "big", 0.5, np.where(subset == "small", -0.5, 9.0)), 1.0)
    zero, length = np.zeros(n), np.full(n, 100)
    style = np.column_stack([gap, random.standard_normal(n)])
    pull = -gap + random.standard_normal(n)
    table = feature_table(np.arange(n) // 2, subset, zero, length, length, style, np.zeros((n, 2)), ("a", "noise"), pull)
    row = next(one for one in table.rows if one.name == "a")
    parts = [gap[subset == name].mean() / row.sd for name in ("big", "small")]
    assert row.even is not None and row.even.labels is not None
    even = row.even.labels.effect
    assert even.value == pytest.approx(np.mean(parts)) and even.n == big + small, "five pairs are no subset"
    assert even.low is not None and even.low < 0.0 < (even.high or 0), "the two cancel"
    assert row.opposite and not next(one for one in table.rows if one.name == "noise").opposite
    assert (row.labels.effect.value or 0) > 0.3 and row.side("labels", even=True) is row.even.labels
    assert table.subsets == {"big": big, "small": small, "few": few}
    assert row.model is not None and row.even.model is not None and row.even.errors is not None
    assert row.wrong_example is not None and pull[row.wrong_example] < 0 and gap[row.wrong_example] == gap[pull < 0].max()


def test_that_the_mean_of_subsets_has_honest_intervals() -> None:
    hits = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        prompts = np.repeat(np.arange(24), 4)
        subset = np.where(prompts < 12, "a", "b").astype(object)
        gap = random.normal(size=24)[prompts] + random.normal(size=96) + 0.3
        table = feature_table(prompts, subset, np.zeros(96), np.full(96, 9), np.full(96, 9), gap[:, None], np.zeros((96, 1)), ("a",))
        even = table.rows[0].even
        assert even is not None and even.labels is not None
        effect, truth = even.labels.effect, 0.3 / table.rows[0].sd
        hits += (effect.low or 0) <= truth <= (effect.high or 0)
    assert 180 <= hits <= 200


def test_that_the_headline_names_what_the_model_falls_for_and_without_a_model_what_people_chose() -> None:
    assert planted().headline().startswith("Wrong picks differ from the chosen response most in c (+")
    bare = planted(margin=False)
    assert bare.headline().startswith("Chosen and rejected differ most in") and all(row.model is None for row in bare.rows)


def test_that_a_subset_of_one_prompt_does_not_count_as_known_for_sure() -> None:
    """Its pairs all have the one prompt's deviation, which would enter the variance of the mean as 0."""
    random = np.random.default_rng(2)
    gap = random.standard_normal((90, 1))
    subset = np.repeat(["one", "two", "single"], 30).astype(object)
    prompt = np.arange(90)
    plain, zeros = np.full(90, 100), np.zeros(90)

    def even(prompts: np.ndarray) -> Any:
        row = feature_table(prompts, subset, zeros, plain, plain, gap, 0 * gap, ("a",)).rows[0]
        return row.side("labels", True).effect, row.sd

    found, sd = even(np.where(subset == "single", 200, prompt))
    assert found.n == 60 and found.value == pytest.approx(gap[:60].mean() / sd), "of the two that can be known"
    assert even(prompt)[0].n == 90


def test_that_one_prompt_or_nothing_that_differs_says_nothing() -> None:
    n = 4_000
    random, plain = np.random.default_rng(0), np.full(n, 100)
    names = np.full(n, "x", object)
    same = feature_table(np.arange(n), names, np.zeros(n), plain, plain, np.ones((n, 1)), np.ones((n, 1)), ("a",), random.normal(size=n))
    assert same.rows == () and same.headline() == "No surface feature separates chosen from rejected clearly."
    one = feature_table(np.zeros(n, int), names, np.zeros(n), plain, plain, random.normal(size=(n, 1)), np.zeros((n, 1)), ("a",))
    assert one.headline() == "Too few prompts to say what separates chosen from rejected." and "intervals" not in one.method()


def test_that_style_alone_is_cross_validated() -> None:
    random = np.random.default_rng(0)
    noise = random.standard_normal((400, 60))
    blind = style_only(noise, np.arange(400))
    assert blind.value is not None and abs(blind.value - 0.5) < 0.08, "fitted on the pairs it is measured on, it would be near 0.7"
    noise[:, 0] += 1.0
    assert (style_only(noise, np.arange(400)).value or 0) > 0.7
    assert style_only(noise[:50], np.arange(50)).value is None


def test_that_own_features_stand_beside_the_others() -> None:
    given = columns(finish(read(demo_path()))).with_own((OwnFeature("hope", "regex", "I hope this helps"),))
    table: FeatureTable = run("feature_table", given)
    hope = next(row for row in table.rows if row.name == "hope")
    assert hope.labels.q < 0.05 and (hope.labels.effect.value or 0) > 0
    chosen, rejected = (given.dataset.responses["text"].gather(given[f"response_{side}"]) for side in ("chosen", "rejected"))
    counts = [side.str.count_matches("I hope this helps").cast(pl.Int64) for side in (chosen, rejected)]
    assert hope.labels.more == int((counts[0] > counts[1]).sum())


def test_that_the_command_line_gives_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"name": "hope", "words": ["i hope this helps"]}\n{"name": "long", "sql": "words > 40"}\n')
    assert main(["analyze", str(demo_path()), "--features", str(own), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["style"]
    names = [row["name"] for row in found["features"]]
    assert {"hope", "long", "closer", "characters"} <= set(names) and found["style_only_accuracy"]["ci"]
    assert found["features"][0]["labels"]["ci"] and set(found["features"][0]["by"]) > {"forum", "handbook"}
    assert main(["analyze", str(demo_path()), "--style"]) == 0
    said = capsys.readouterr().out
    assert "style alone, cross-validated" in said
    assert 0 < said.index("Mean of subsets: Chosen and rejected differ most in ") < said.index("All pairs: Chosen and rejected")
    assert main(["analyze", str(demo_path()), "--features", str(own)]) == 0
    said = capsys.readouterr().out
    assert "  hope " in said and "  long " in said and "more with --json" in said, "one's own are told, however little they tell"
    own.write_text("\n")
    assert main(["analyze", str(demo_path()), "--features", str(own)]) == 2
    assert "own.jsonl: there is no feature" in capsys.readouterr().err
    own.write_text('{"name": "bad", "regex": "("}\n')
    assert main(["analyze", str(demo_path()), "--features", str(own)]) == 2
    assert "line 1: the regex of the feature bad" in capsys.readouterr().err
