"""Ranking of models on planted arenas."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer.analysis.ranking import ELO, Ranking, ranking, style_difference
from rmexplorer.analysis.win_rate import win_rate
from rmexplorer.cli import main
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.models import standing

NAMES = ["best", "good", "windbag", "fair", "poor"]
TRUTH = np.array([0.9, 0.45, 0.0, -0.45, -0.9])
STYLE = ("length", "bold")
Arena = dict[str, Any]


def arena(n: int = 6000, seed: int = 0, per_prompt: int = 2, worth: float = 1.0, models: int = 5) -> Arena:
    """Games of models with known strengths; the third one writes far longer, and length wins by `worth` an SD."""
    random = np.random.default_rng(seed)
    truth = TRUTH if models == 5 else np.linspace(1.0, -1.0, models)
    pick = np.argsort(random.random((n, models)), axis=1)[:, :2]
    characters = random.lognormal(6.0, 0.5, (n, 2)) * np.where(pick == 2, 4.0, 1.0)
    bold = random.poisson(1.0, (n, 2)).astype(float)
    style = np.stack([characters, bold], axis=2)
    size = style_difference(style[:, 0], style[:, 1])[:, 0]
    chance = 1 / (1 + np.exp(-(truth[pick[:, 0]] - truth[pick[:, 1]] + worth * size)))
    won = (random.random(n) < chance).astype(float)
    names = NAMES if models == 5 else [f"model {model}" for model in range(models)]
    return {"first": pick[:, 0], "second": pick[:, 1], "won": won, "prompt": np.arange(n) // per_prompt,
            "style_first": style[:, 0], "style_second": style[:, 1], "names": names, "style_names": STYLE}


def of(found: Ranking, name: str) -> Any:
    return next(model for model in found.models if model.name == name)


def test_that_a_model_that_only_writes_longer_is_found_out() -> None:
    found = ranking(**arena(seed=1))
    assert [model.name for model in found.models] == NAMES
    assert [model.rank_controlled for model in found.models] == [1, 2, 3, 4, 5]
    assert of(found, "windbag").rank_raw == 1 and of(found, "windbag").change == -2
    for model, strength in zip(NAMES, TRUTH * ELO, strict=True):
        controlled = of(found, model).controlled
        assert controlled.low - 15 < strength < controlled.high + 15
        assert 10 < controlled.high - controlled.low < 80
    assert sum(model.controlled.value for model in found.models) == pytest.approx(0.0, abs=1e-6)
    assert sum(model.raw.value for model in found.models) == pytest.approx(0.0, abs=1e-6)
    length, bold = (estimate for _, estimate in found.style)
    assert length.low < 1.0 < length.high and length.excludes(0.0) and not bold.excludes(0.0)
    assert found.headline().startswith("Controlling for style moves") and "windbag falls from 1 to 3" in found.headline()


def test_that_expected_wins_are_the_wins_seen() -> None:
    """What the raw maximum of the likelihood must meet, ties as half."""
    games = arena(2000, seed=3)
    games["won"] = np.where(np.arange(2000) % 5 == 0, 0.5, games["won"])
    found = ranking(**games)
    strength = np.array([of(found, name).raw.value for name in NAMES]) / ELO
    chance = 1 / (1 + np.exp(strength[games["second"]] - strength[games["first"]]))
    for model in range(5):
        home, away = games["first"] == model, games["second"] == model
        assert chance[home].sum() - chance[away].sum() == pytest.approx(
            games["won"][home].sum() - games["won"][away].sum(), abs=1e-3)
        assert of(found, NAMES[model]).n == home.sum() + away.sum()


def test_that_which_stands_first_changes_nothing() -> None:
    games = arena(1500, seed=4)
    turned = np.arange(1500) % 3 == 0
    other = {**games, "won": np.where(turned, 1 - games["won"], games["won"])}
    for one, two in (("first", "second"), ("style_first", "style_second")):
        mask = turned if games[one].ndim == 1 else turned[:, None]
        other[one] = np.where(mask, games[two], games[one])
        other[two] = np.where(mask, games[one], games[two])
    for a, b in zip(ranking(**games).models, ranking(**other).models, strict=True):
        assert a.name == b.name
        assert a.controlled.value == pytest.approx(b.controlled.value, abs=1e-5)
        assert a.controlled.low == pytest.approx(b.controlled.low, abs=1e-5)


def test_that_intervals_are_those_of_a_bootstrap_over_prompts() -> None:
    """Four copies of each game on a prompt: pairs that are taken for independent would give half the width."""
    once = arena(600, seed=5, per_prompt=1)
    games = {key: np.repeat(value, 4, axis=0) if isinstance(value, np.ndarray) else value for key, value in once.items()}
    found, random = ranking(**games), np.random.default_rng(0)
    draws = []
    for _ in range(150):
        picks = random.integers(600, size=600)
        again = {key: value[picks] if isinstance(value, np.ndarray) else value for key, value in once.items()}
        again["prompt"] = np.arange(600)
        drawn = ranking(**again)
        draws.append([of(drawn, name).controlled.value for name in NAMES])
    for name, spread in zip(NAMES, np.std(draws, axis=0), strict=True):
        estimate = of(found, name).controlled
        assert (estimate.high - estimate.low) / 2 / 1.96 == pytest.approx(spread, rel=0.25)


def test_that_models_without_a_finite_strength_or_a_link_are_named() -> None:
    games = arena(1000, seed=6)
    names = [*games["names"], "unbeaten", "hopeless", "island a", "island b", "rare"]
    extra = [(5, 0, 1.0)] * 30 + [(1, 6, 1.0)] * 30 + [(7, 8, 1.0), (7, 8, 0.0)] * 20 + [(9, 0, 0.5)] * 3
    first, second, won = (np.array(part) for part in zip(*extra, strict=True))
    flat = np.ones((len(extra), 2))
    found = ranking(
        np.concatenate([games["first"], first]), np.concatenate([games["second"], second]),
        np.concatenate([games["won"], won]), np.arange(1000 + len(extra)),
        np.concatenate([games["style_first"], flat]), np.concatenate([games["style_second"], flat]), names, STYLE)
    assert {model.name for model in found.models} == set(NAMES)
    assert found.comparisons == 1000
    said = " ".join(found.warnings())
    assert "unbeaten (wins every comparison" in said and "hopeless (loses every comparison" in said
    assert "island a, island b (not compared with the others)" in said and "rare (fewer than 20" in said


def test_that_too_little_gives_no_ranking_and_equal_style_no_controls() -> None:
    empty = np.zeros(0, np.int64)
    assert ranking(empty, empty, empty, empty, np.zeros((0, 2)), np.zeros((0, 2)), [], STYLE).models == ()
    assert ranking(**arena(20)).models == ()
    two = arena(300)
    keep = (two["first"] < 2) & (two["second"] < 2)
    assert ranking(**{k: v[keep] if isinstance(v, np.ndarray) else v for k, v in two.items()}).models == ()
    games = arena(600)
    games["style_first"] = games["style_second"]
    found = ranking(**games)
    assert found.controls == () and all(model.change == 0 for model in found.models)
    assert "do not differ in style" in found.headline()
    perfect = arena(600)
    perfect["won"] = (perfect["first"] < perfect["second"]).astype(float)
    assert ranking(**perfect).models == ()


def test_that_style_that_decides_alone_is_said_and_not_estimated() -> None:
    games = arena(1500, seed=4)
    difference = games["style_first"][:, 0] - games["style_second"][:, 0]
    found = ranking(**{**games, "won": (difference > 0).astype(float), "first": games["first"] % 3, "second": (games["first"] + 1) % 3})
    assert found.separated and not found.style and found.headline().startswith("Style alone decides")
    assert all(model.controlled.value is None and model.rank_controlled == model.rank_raw for model in found.models)
    assert any("style alone decides" in warning for warning in found.warnings())


def test_that_a_large_arena_is_ranked_within_seconds() -> None:
    games = arena(100_000, models=50)
    start = time.perf_counter()
    found = ranking(**games)
    assert len(found.models) == 50 and time.perf_counter() - start < 5.0


def test_that_analyze_ranks_the_models_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Model c only writes longer: it comes first raw, and last at equal style."""
    random = np.random.default_rng(0)
    rows = []
    for row in range(2500):
        a, b = random.choice(3, 2, replace=False)
        words = [int(random.integers(20, 60) * (3 if model == 2 else 1)) for model in (a, b)]
        strength = np.array([0.6, 0.0, -0.6])
        gap = (words[0] - words[1]) / (words[0] + words[1])
        wins = random.random() < 1 / (1 + np.exp(-(strength[a] - strength[b] + 5.0 * gap)))
        rows.append({"instruction": f"question {row // 2}", "output_1": "word " * words[0] + f"{row} one",
                     "output_2": "word " * words[1] + f"{row} two", "generator_1": "abc"[a], "generator_2": "abc"[b],
                     "annotator": "judge", "preference": 1 if wins else 2})
    file = tmp_path / "arena.json"
    file.write_text(json.dumps(rows))
    assert main(["analyze", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["ranking"]
    assert found["controls"] == ["length"] == list(found["style"])
    assert found["style"]["length"]["ci"][0] > 0
    models = {model["name"]: model for model in found["models"]}
    assert [model["name"] for model in found["models"]] == ["a", "b", "c"]
    assert (models["c"]["rank_raw"], models["c"]["rank_controlled"]) == (1, 3)
    assert models["c"]["controlled_ci"][0] < models["c"]["controlled"] < models["c"]["controlled_ci"][1]
    assert models["a"]["raw_ci"][0] < models["a"]["raw"] < models["a"]["raw_ci"][1]
    assert sum(model["n"] for model in found["models"]) == 5000
    assert main(["analyze", str(file)]) == 0
    said = capsys.readouterr().out
    assert "Rank of c" in said and "worth of length" in said


def test_that_too_few_comparisons_say_why_there_is_no_ranking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(0, 1), (1, 2), (2, 0)]
    file = tmp_path / "few.json"
    file.write_text(json.dumps([
        {"instruction": f"question {row}", "output_1": f"{row} one", "output_2": f"{row} two",
         "generator_1": "abc"[a], "generator_2": "abc"[b], "annotator": "judge", "preference": 1 + row % 2}
        for row, (a, b) in enumerate(pairs * 3)]))
    assert main(["analyze", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "ranking" not in found
    said = " ".join(found["warnings"])
    assert "no ranking of models" in said and "a, b, c (fewer than 20 comparisons with the others)" in said


def test_that_intervals_hold_at_five_prompts() -> None:
    """Each prompt moves all strengths together with its games: 1.96 standard errors from five of them cover 89 %."""
    hits = total = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        n = 5 * 60
        prompt = np.arange(n) % 5
        pick = np.argsort(random.random((n, 3)), axis=1)[:, :2]
        moved = random.normal(0.0, 0.4, (5, 3))
        strength = moved[prompt[:, None], pick]
        won = (random.random(n) < 1 / (1 + np.exp(strength[:, 1] - strength[:, 0]))).astype(float)
        found = ranking(pick[:, 0], pick[:, 1], won, prompt, np.zeros((n, 0)), np.zeros((n, 0)), ["a", "b", "c"], ())
        for model in found.models:
            hits, total = hits + (model.raw.low <= 0.0 <= model.raw.high), total + 1
    assert total == 450 and 0.92 <= hits / total <= 0.99


def test_that_ties_alone_have_no_error_and_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ties.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": f"q{row}", "model_a": "alpha", "model_b": "beta", "response_a": f"one {row}",
                                          "response_b": f"two {row}", "winner": "tie"}) for row in range(30)))
    assert main(["analyze", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (rate,) = found["win_rates"].values()
    assert rate["decided"] == 0 and rate["se"] is None and rate["ci"] is None and rate["length_controlled"] is None
    assert found["warnings"] == ["no pair has a winner, so there is nothing to be right about",
                                 "beta: no decided pair: all 30 comparisons are ties"]
    assert main(["analyze", str(path)]) == 0
    said = capsys.readouterr().out
    assert "no decided pair against alpha, 30 ties" in said and "50.00" not in said
    assert standing(columns(finish(read(path)))).headline() == "No decided pair here: all 30 comparisons of beta and alpha are ties."
    one = win_rate(np.array([1.0, 0.5]), np.zeros(2))
    assert one is not None and one.wins == 1 and one.ci is not None
