"""Repairs of the training data: sources that are dropped or re-weighted, and stock phrases that no reward can follow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer import cli
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.phrases import without_phrases
from rmexplorer.data.read import read
from rmexplorer.encoders import EncoderState, open_vectors, vectors
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows.attributing import score_texts
from rmexplorer.workflows.columns import sources
from rmexplorer.workflows.edits import built_in
from rmexplorer.workflows.encoding import encoded
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.probing import probe_dataset
from rmexplorer.workflows.scoring import score
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.train_file import train_file
from rmexplorer.workflows.training import fit, split_of

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def two_sources(home: Path, tmp_path: Path) -> Path:
    """Pairs of two sources: in `wordy` the longer response wins, in `terse` the shorter one does."""
    random, rows = np.random.default_rng(0), []
    for i in range(600):
        source = "wordy" if i % 3 else "terse"
        short, long = (" ".join(random.choice(["fine", "clear", "poor", "vague"], count))
                       for count in (random.integers(5, 20), random.integers(25, 60)))
        wins = long if (source == "wordy") == (random.random() < 0.9) else short
        rows.append({"prompt": f"Question {i}?", "chosen": wins, "rejected": short if wins is long else long, "source": source})
    path = tmp_path / "two.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    return path


def settings(**more: object) -> RunSettings:
    return RunSettings.from_dict({"hidden_dim": 0, "learning_rate": 0.01, "epochs": 8, **more})


def trained(path: Path, tmp_path: Path, capsys: Capture, *options: str) -> dict[str, object]:
    out = tmp_path / "head.safetensors"
    given = ["train", str(path), "-o", str(out), "--force", "--hidden-dim", "0", "--learning-rate", "0.01", "--epochs", "8"]
    assert cli.main([*given, "--json", *options]) == 0
    said: dict[str, object] = json.loads(capsys.readouterr().out)
    return said


def test_that_dropping_a_source_turns_the_pull_of_length_round(two_sources: Path, tmp_path: Path, capsys: Capture) -> None:
    def pull(*options: str) -> float:
        said = trained(two_sources, tmp_path, capsys, *options)
        length = said["length"]
        assert isinstance(length, dict)
        return float(length["reward_per_doubling"])

    assert pull() > 0.1, "two thirds of the pairs favour length"
    assert pull("--weight-source", "terse=0") > pull("--weight-source", "terse=0.5")
    assert pull("--weight-source", "wordy=0") < -0.1
    assert pull("--weight-source", "wordy=0.1", "--weight-source", "terse=3") < -0.1


def test_that_the_run_says_what_was_dropped(two_sources: Path, tmp_path: Path, capsys: Capture) -> None:
    plain = trained(two_sources, tmp_path, capsys)
    dropped = trained(two_sources, tmp_path, capsys, "--weight-source", "terse=0")
    assert plain["source_weights"] == {} and dropped["source_weights"] == {"terse": 0.0}
    assert dropped["heldout_pairs"] == plain["heldout_pairs"], "both are judged on the same pairs"
    assert 0 < int(str(dropped["train_pairs"])) < 0.75 * int(str(plain["train_pairs"]))
    trained_file = finish(train_file(finish(read(two_sources)), settings(source_weights={"terse": 0.0})))
    assert trained_file.checkpoint.metrics["source_weights"] == {"terse": 0.0}


def test_that_weight_0_is_training_without_the_pairs_and_early_stopping_still_works(two_sources: Path) -> None:
    dataset: Dataset = finish(read(two_sources))
    random = np.random.default_rng(1)
    vectors = random.standard_normal((dataset.responses.height, 6)).astype(np.float32)
    left_out = sources(dataset) == "terse"
    dropped = finish(fit(dataset, vectors, settings(source_weights={"terse": 0.0})))
    without = finish(fit(dataset, vectors, settings(), excluded=left_out))
    assert np.array_equal(dropped.model.flat, without.model.flat) and dropped.temperature == without.temperature
    assert np.isfinite(dropped.history.validation_loss).all() and not dropped.warnings
    halved, plain = (finish(fit(dataset, vectors, settings(source_weights=weights))) for weights in ({"terse": 0.5}, {}))
    assert np.isfinite(halved.history.validation_loss).all()
    assert not np.array_equal(halved.model.flat, plain.model.flat)
    even = finish(fit(dataset, vectors, settings(source_weights={"terse": 2.0, "wordy": 2.0})))
    assert np.array_equal(even.model.flat, plain.model.flat), "only the ratio of weights counts"


def test_that_extreme_weights_stay_finite(two_sources: Path) -> None:
    dataset: Dataset = finish(read(two_sources))
    vectors = np.random.default_rng(2).standard_normal((dataset.responses.height, 6)).astype(np.float32)
    for weights in ({"terse": 1e-300}, {"wordy": 1e300}, {"terse": 1e-38}):
        found = finish(fit(dataset, vectors, settings(source_weights=weights)))
        assert np.isfinite(found.model.flat).all() and np.isfinite(found.history.validation_loss).all()


@pytest.mark.parametrize(("given", "said"), [
    ("chat=0", "no source 'chat'; choose one of terse, wordy"),
    ("terse=-1", "weight -1 of the source 'terse' is not possible"),
    ("terse=nan", "weight nan"),
    ("terse=inf", "weight inf"),
    ("terse=much", "not of the form NAME=W"),
    ("terse", "not of the form NAME=W"),
])
def test_that_a_wrong_weight_is_a_clear_error(two_sources: Path, tmp_path: Path, capsys: Capture, given: str, said: str) -> None:
    assert cli.main(["train", str(two_sources), "-o", str(tmp_path / "m.safetensors"), "--weight-source", given]) == 2
    assert said in capsys.readouterr().err


def test_that_one_source_at_least_is_kept_and_a_file_without_sources_says_so(two_sources: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="weight 0"):
        split_of(finish(read(two_sources)), settings(source_weights={"terse": 0.0, "wordy": 0.0}))
    plain = tmp_path / "plain.jsonl"
    pl.read_ndjson(two_sources).drop("source").write_ndjson(plain)
    with pytest.raises(Problem, match="no column of this file names sources"):
        split_of(finish(read(plain)), settings(source_weights={"terse": 0.0}))


# Phrases

PHRASE = "I hope this helps!"


@pytest.mark.parametrize(("text", "wanted"), [
    ("Boil it. I hope this helps!", "Boil it."),
    ("Buy:\n- milk\n\ni HOPE this helps!", "Buy:\n- milk"),
    ("I hope this helps! Boil it.", "Boil it."),
    ("Boil it. I hope this helps! Then wait.", "Boil it. Then wait."),
    ("Boil it. I hope this helps!  \n", "Boil it.  \n"),
    ("I hope this helps!", ""),
    ("I hope this helps. I hope  this helps!", "I hope this helps. I hope  this helps!"),
    ("Surely it boils, surely. Surely", "it boils,."),
    ("Measurely surelyness", "Measurely surelyness"),
    ("A (see *) b* c", "A b* c"),
    ("Nothing of it ", "Nothing of it "),
    ("", ""),
    (None, None),
])
def test_that_phrases_go_whole_and_literally_with_the_white_space_they_leave(text: str | None, wanted: str | None) -> None:
    given = pl.Series([text], dtype=pl.String)
    assert without_phrases(given, [PHRASE, "Surely", "(see *)"]).to_list() == [wanted]
    assert without_phrases(given, []) is given


def test_that_the_longest_phrase_goes() -> None:
    assert without_phrases(pl.Series(["Sure thing, yes"]), ["sure", "sure thing,"]).to_list() == ["yes"]


@pytest.fixture
def polite(home: Path, tmp_path: Path) -> Path:
    """Pairs whose chosen response mostly ends with the phrase, beside words that say which is good."""
    random, rows = np.random.default_rng(3), []
    for i in range(400):
        good, bad = (" ".join(random.choice(words, random.integers(8, 20)))
                     for words in (["fine", "clear", "so"], ["poor", "vague", "so"]))
        ends = (PHRASE if random.random() < share else "" for share in (0.7, 0.1))
        rows.append({"prompt": f"Question {i}?",
                     **{side: f"{text} {end}".strip()
                        for side, text, end in zip(("chosen", "rejected"), (good, bad), ends, strict=True)}})
    path = tmp_path / "polite.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    return path


def head(path: Path, out: Path, capsys: Capture, *options: str) -> Checkpoint:
    given = ["train", str(path), "-o", str(out), "--force", "--hidden-dim", "8", "--epochs", "6", "--learning-rate", "0.01"]
    assert cli.main([*given, "--json", *options]) == 0
    capsys.readouterr()
    return Checkpoint.load(out)


@pytest.mark.parametrize("fix", ["none", "residualize"])
def test_that_a_removed_phrase_earns_nothing(polite: Path, tmp_path: Path, capsys: Capture, fix: str) -> None:
    plain = head(polite, tmp_path / "plain.safetensors", capsys, "--length-fix", fix)
    cleaned = head(polite, tmp_path / "clean.safetensors", capsys, "--length-fix", fix, "--remove-phrase", f" {PHRASE} ")
    assert cleaned.encoder.removed == (PHRASE,) and cleaned.metrics["removed_phrases"] == [PHRASE]
    text = "clear and fine so poor"
    texts = [text, f"{text} {PHRASE}", f"{text}\n\n{PHRASE.upper()}", f"{PHRASE} {text}"]
    assert len(set(score_texts(cleaned, ["Question?"] * 4, texts).tolist())) == 1
    assert score_texts(plain, ["Question?"] * 2, texts[:2])[1] - score_texts(plain, ["Question?"], texts[:1])[0] > 0.1
    dataset: Dataset = finish(read(polite))
    closing = [probe for probe in built_in() if probe.name == "closing_offer"]
    before, after = (finish(probe_dataset(dataset, one, closing))["probes"][0] for one in (plain, cleaned))
    assert before["mean_change"] > 0.1 and before["q"] < 0.05
    assert after["mean_change"] == 0 and after["flips"] == 0 and after["n"] == before["n"] > 0


def test_that_all_ways_to_vectors_read_the_same_text(polite: Path, tmp_path: Path, capsys: Capture) -> None:
    checkpoint = head(polite, tmp_path / "clean.safetensors", capsys, "--remove-phrase", PHRASE)
    folder = finish(open_files([str(polite)]))
    dataset = Dataset.open(Path(folder))
    made, state = open_vectors(finish(vectors(folder, "lexical", {}, 0.2, 0, (PHRASE,))))
    assert state.removed == (PHRASE,)
    assert np.array_equal(made, finish(encoded(dataset, checkpoint.encoder)))
    texts, prompts = dataset.responses["text"].to_list(), dataset.prompts["text"].to_list()
    owner = dataset.responses["prompt"].to_list()
    one_by_one = score_texts(checkpoint, [prompts[place] for place in owner[:20]], texts[:20])
    assert finish(score(dataset, checkpoint))[:20] == pytest.approx(one_by_one, abs=1e-5)
    same, other = (finish(vectors(folder, "lexical", {}, 0.2, 0, removed)) for removed in ((PHRASE,), ()))
    assert open_vectors(same)[1].removed == (PHRASE,) and same != other, "vectors with and without are kept apart"
    assert not open_vectors(other)[1].removed


def test_that_a_head_of_fewer_phrases_has_its_own_vectors_and_older_programs_refuse_it(
    polite: Path, tmp_path: Path, capsys: Capture
) -> None:
    checkpoint = head(polite, tmp_path / "clean.safetensors", capsys, "--remove-phrase", PHRASE)
    bare = EncoderState(checkpoint.encoder.name, checkpoint.encoder.settings, checkpoint.encoder.arrays, checkpoint.encoder.meta)
    dataset: Dataset = finish(read(polite))
    assert not np.array_equal(finish(encoded(dataset, checkpoint.encoder)), finish(encoded(dataset, bare)))
    assert b'\\"layout\\": 3' in (tmp_path / "clean.safetensors").read_bytes()


def test_that_an_empty_phrase_is_one_line(polite: Path, tmp_path: Path, capsys: Capture) -> None:
    assert cli.main(["train", str(polite), "-o", str(tmp_path / "m.safetensors"), "--remove-phrase", " "]) == 2
    assert "a phrase to remove is empty" in capsys.readouterr().err


def test_that_a_phrase_that_no_response_has_is_said(polite: Path, tmp_path: Path, capsys: Capture) -> None:
    found = trained(polite, tmp_path, capsys, "--remove-phrase", "zzz not there")
    assert any("No response has “zzz not there”" in str(warning) for warning in list(found["warnings"]))
