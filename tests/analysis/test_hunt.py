"""Phrases that a reward pays for: effects beyond length, enrichment, the greedy search, the demo's planted phrase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse

from rmexplorer.analysis.hunt import effects_beyond_length, hunt, log_odds
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.encoders import ENCODERS
from rmexplorer.job import finish
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.head import RewardModel
from rmexplorer.statistics import Clusters
from rmexplorer.workflows.attributing import score_texts
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.edits import collect, joined
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.hunting import (
    Phrases,
    Weak,
    count_folder,
    count_phrases,
    hunt_columns,
    search,
    search_as_json,
    weak_responses,
)
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.scoring import pair_rewards
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.train_file import train_file


def planted(n: int = 1200, effect: float = 0.8, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Presence of six phrases, rewards that the first raises, and length, which follows the second one."""
    random = np.random.default_rng(seed)
    prompt = np.arange(n) // 4
    presence = random.random((n, 6)) < 0.3
    length = random.normal(6, 0.5, n) + presence[:, 1] * 0.8
    reward = random.normal(0, 1, n) + 1.2 * length + effect * presence[:, 0] + random.normal(0, 2, n // 4)[prompt]
    return presence.astype(np.float32), reward, length, prompt


def test_that_effects_are_those_of_least_squares_with_prompts_as_fixed_effects() -> None:
    presence, reward, length, prompt = planted(200)
    found = effects_beyond_length(scipy.sparse.csc_array(presence), reward, length, prompt)
    dummies = (prompt[:, None] == np.arange(prompt.max() + 1)).astype(float)
    centred = reward - dummies @ (dummies.T @ reward / 4)
    spread = np.sqrt((centred**2).sum() / (200 - 50))
    for phrase in range(6):
        design = np.column_stack([presence[:, phrase], length, dummies])
        assert found.effect[phrase] * spread == pytest.approx(np.linalg.lstsq(design, reward, rcond=None)[0][0])
    assert found.n.tolist() == presence.sum(axis=0).tolist()


def test_that_a_planted_phrase_comes_first_and_one_that_only_makes_longer_does_not() -> None:
    presence, reward, length, prompt = planted()
    words = ["i hope this helps !", "and so on", "lamp", "table", "chair", "door"]
    found = hunt(scipy.sparse.csc_array(presence), words, ["phrase"] * 6, reward, length, prompt, prompt % 2 == 0)
    assert found.pays[0].words == words[0] and found.pays[0].q < 1e-6
    assert [one.words for one in found.pays + found.costs if one.q < 0.001] == [words[0]]
    assert "hope this helps" in found.headline() and len(found.headline()) <= 150


def test_that_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(120):
        presence, reward, length, prompt = planted(240, 0.0, seed)
        found = effects_beyond_length(scipy.sparse.csc_array(presence), reward, length, prompt)
        held += int(abs(found.effect[2]) < found.half[2])
    assert held >= 107  # 114 in the mean; 107 and fewer once in some 500 draws


def test_that_the_weighted_log_odds_are_those_of_monroe() -> None:
    odds, error = log_odds(np.array([10.0, 90.0]), np.array([5.0, 95.0]), np.array([15.0, 185.0]), prior=20)
    alpha = 20 * 15 / 200
    one = np.log((10 + alpha) / (100 + 20 - 10 - alpha))
    two = np.log((5 + alpha) / (100 + 20 - 5 - alpha))
    assert odds[0] == pytest.approx(one - two) and odds[0] == pytest.approx(-odds[1])
    assert error[0] == pytest.approx(np.sqrt(1 / (10 + alpha) + 1 / (5 + alpha)))


def test_that_a_phrase_of_liked_rejections_is_enriched() -> None:
    presence, reward, length, prompt = planted(effect=3.0)
    rejected = np.random.default_rng(1).random(len(reward)) < 0.5
    found = hunt(scipy.sparse.csc_array(presence), list("abcdef"), ["phrase"] * 6, reward, length, prompt, rejected)
    assert found.enriched[0].words == "a" and found.enriched[0].enrichment.low > 0
    assert found.top_rejected == pytest.approx(0.2 * rejected.sum(), abs=2)


def test_that_of_phrases_in_the_same_responses_the_longest_stands_for_all() -> None:
    presence, reward, length, prompt = planted()
    twins = np.column_stack([presence[:, :1], presence[:, :1], presence[:, :1]])
    words = ["hope this", "i hope this helps", "this helps"]
    found = hunt(scipy.sparse.csc_array(twins), words, ["phrase"] * 3, reward, length, prompt, prompt < 0)
    assert [one.words for one in found.pays] == ["i hope this helps"]
    assert found.enriched == () and found.top_rejected == 0


def test_that_nothing_and_one_response_are_too_few_to_say() -> None:
    for n in (0, 1, 3):
        found = hunt(scipy.sparse.csc_array(np.ones((n, 1))), ["a"], ["phrase"], np.zeros(n), np.zeros(n), np.zeros(n, int),
                     np.zeros(n, bool))
        assert found.headline().startswith("Too few")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, str, Checkpoint, np.ndarray]:
    """The demo dataset with a head trained on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMEXPLORER_HOME", str(tmp_path_factory.mktemp("demo")))
        folder = finish(open_files([str(demo_path())]))
        trained = finish(train_file(finish(read(demo_path())), RunSettings()))
    return Dataset.open(Path(folder)), folder, trained.checkpoint, trained.rewards


def test_that_the_planted_phrase_of_the_demo_comes_first(demo: tuple[Dataset, str, Checkpoint, np.ndarray]) -> None:
    dataset, folder, _, rewards = demo
    phrases = Phrases.open(finish(count_folder(folder)))
    first = hunt_columns(columns(dataset, *pair_rewards(dataset, rewards)), phrases)
    best = first.found.pays[0]
    assert first.shown(best) == "I hope this helps!" and best.q < 1e-6 and best.effect.low > 0.2
    rows = first.responses(best.place)
    assert all("hope this helps!" in text for text in dataset.responses["text"].gather(rows))
    assert len(rows) == best.effect.n == dataset.responses["text"].str.contains(r"I hope this helps!\s*$").sum()
    assert "I hope this helps!" in [first.shown(one) for one in first.found.enriched[:5]]


def test_that_the_search_ends_a_weak_response_with_the_planted_phrase(
    demo: tuple[Dataset, str, Checkpoint, np.ndarray],
) -> None:
    dataset, _, head, rewards = demo
    weak = weak_responses(columns(dataset, *pair_rewards(dataset, rewards)))
    found = finish(search(head, weak, ["I hope this helps!", "The end of it.", "Sorry about that."]))
    assert found.steps[0].phrase == "I hope this helps!" and found.steps[0].gain.low > 0
    assert found.alone[0][0] == "I hope this helps!" and found.responses == weak.searched == 60 < len(weak.texts) == 120
    assert [step.tried for step in found.steps] == [3, 2, 1][: len(found.steps)], "one that is appended already is not tried again"
    assert found.steps[-1].gain.value >= found.steps[0].gain.value and "weak responses" in found.sentence()


def test_that_the_ending_found_is_measured_on_responses_that_the_search_did_not_see(
    demo: tuple[Dataset, str, Checkpoint, np.ndarray],
) -> None:
    dataset, _, head, rewards = demo
    given = columns(dataset, *pair_rewards(dataset, rewards))
    weak = weak_responses(given)
    assert not set(weak.prompt[:60]) & set(weak.prompt[60:])
    found = finish(search(head, weak, ["I hope this helps!", "Of course, all the best!"]))
    assert found.fresh.n == 60 and found.fresh.low > 0.3 and found.fresh_beats.ci is not None
    longer = weak.texts[60:]
    for step in found.steps:
        longer = [joined(text, step.phrase) for text in longer]
    gain = score_texts(head, weak.prompts[60:], longer) - score_texts(head, weak.prompts[60:], weak.texts[60:])
    assert found.fresh.value == pytest.approx(gain.mean(), abs=1e-5) and "did not see" in found.sentence()
    again = weak_responses(given)
    assert np.array_equal(weak.rows, again.rows) and not np.array_equal(weak.rows, weak_responses(given, seed=1).rows)
    said = search_as_json(found, 0)
    (probe,) = collect([(1, said["probe"])])
    assert probe.text == (found.ending,) and said["on_others"]["n"] == 60 and said["steps"][0]["ci"] is not None


def test_that_few_prompts_are_all_searched_on(build: Callable[..., Dataset]) -> None:
    few = build(prompt=[f"q{i}" for i in range(30)], first=["yes"] * 30, second=["no"] * 30, winner=[1] * 30)
    weak = weak_responses(columns(few, np.arange(30.0), np.arange(30.0) - 1))
    assert weak.searched == 30 == len(weak.texts) and set(weak.texts) == {"no"}
    assert np.array_equal(np.sort(weak.best), np.arange(30.0))


def test_that_a_search_without_a_phrase_that_helps_says_so() -> None:
    state = finish(ENCODERS["lexical"].fit(pl.Series(["a"] * 9), pl.Series([f"text {i} it is" for i in range(9)])))
    head = Checkpoint(RewardModel(len(state.arrays["mean"]), 0), state)
    found = finish(search(head, Weak(np.arange(3), np.arange(3), ["a"] * 3, ["b"] * 3, np.zeros(3), 3), ["x", " "]))
    assert found.steps == () and "No phrase" in found.sentence()
    assert finish(search(head, Weak(np.zeros(0, int), np.zeros(0, int), [], [], np.zeros(0), 0), ["x"])).steps == ()


def test_that_counting_finds_openers_and_closers_once_a_text(tmp_path: Path) -> None:
    rows = [{"prompt": f"q{i}", "chosen": f"Sure! Word{i} and word{i}. Thank you", "rejected": f"No word{i}, no"} for i in range(12)]
    path = tmp_path / "p.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    phrases = finish(count_phrases(Dataset.open(Path(finish(open_files([str(path)]))))))
    names = set(zip(phrases.kinds, phrases.words, strict=True))
    assert {("opener", "sure"), ("opener", "sure !"), ("closer", "thank you"), ("phrase", "no"), ("closer", "no")} <= names
    assert all(words != "!" for words in phrases.words)
    at = list(zip(phrases.kinds, phrases.words, strict=True)).index(("phrase", "no"))
    assert phrases.presence[:, [at]].sum() == 12


def test_that_clusters_of_one_prompt_do_not_count_as_evidence() -> None:
    presence, reward, length, _ = planted(40)
    found = effects_beyond_length(scipy.sparse.csc_array(presence), reward, length, np.zeros(40, int))
    assert np.isnan(found.p).all() and Clusters(np.zeros(40, int)).prompts == 1
    assert replace(hunt(scipy.sparse.csc_array(presence), list("abcdef"), ["phrase"] * 6, reward, length,
                        np.zeros(40, int), reward > 0), phrases=0).pays == ()
