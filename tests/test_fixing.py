"""Fixes against length from end to end: on pairs whose labels follow length the best one cuts the pull and keeps accuracy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer import cli
from rmexplorer.analysis.fix_comparison import length_pull
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.project import Project, RunRecord
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.fixes import LENGTH_FIXES, name_of
from rmexplorer.workflows import fixing
from rmexplorer.workflows.attributing import explain, score_texts
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.fixing import best_fix, compare_fixes, family, read_fixed, train_fix, with_fix
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.scoring import pair_rewards, score
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.training import Split, length_gap


def long_pairs(folder: Path, n: int = 600) -> Path:
    """Pairs whose longer response mostly wins, and whose words say which is good."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(n):
        words = random.integers(5, 60, 2)
        good = random.random(2)
        texts = [" ".join(random.choice(["fine", "clear"] if random.random() < quality else ["poor", "vague"])
                          for _ in range(count)) for count, quality in zip(words, good, strict=True)]
        worth = 2.0 * good + 1.2 * np.log(words)
        first = int(random.random() < 1 / (1 + np.exp(worth[1] - worth[0])))
        rows.append({"prompt": f"Question {i}?", "chosen": texts[1 - first], "rejected": texts[first]})
    path = folder / "long.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    return path


@pytest.fixture
def opened(home: Path, tmp_path: Path) -> Path:
    return Path(finish(open_files([str(long_pairs(tmp_path))])))


def settings(**more: object) -> RunSettings:
    return RunSettings.from_dict({"hidden_dim": 0, "learning_rate": 0.01, "epochs": 8, **more})


def test_that_a_fixed_head_scores_text_as_it_did_when_it_was_trained(opened: Path) -> None:
    fixed = read_fixed(finish(train_fix(str(opened), with_fix(settings(), "residualize").as_dict())))
    dataset = Dataset.open(opened)
    path = opened.parent / "head.safetensors"
    path.write_bytes(fixed.head)
    checkpoint = Checkpoint.load(path)
    assert checkpoint.residual is not None and checkpoint.settings.length_fix == "residualize"
    assert finish(score(dataset, checkpoint)) == pytest.approx(fixed.rewards, abs=1e-4)
    assert fixed.metrics["length_fix"] == "residualize" and abs(fixed.metrics["length"]["correlation"]) < 0.3


def test_that_a_new_head_is_read_once(opened: Path) -> None:
    place = finish(train_fix(str(opened), settings().as_dict()))
    read_fixed(place)
    with pytest.raises(Problem, match="cannot be read"):
        read_fixed(place)


def test_that_residualizing_takes_the_slope_of_the_training_pairs_to_nothing(opened: Path) -> None:
    dataset = Dataset.open(opened)
    rewards = read_fixed(finish(train_fix(str(opened), with_fix(settings(refit=False), "residualize").as_dict()))).rewards
    held = columns(dataset, *pair_rewards(dataset, rewards))
    training = length_pull(held["margin"], length_gap(dataset))
    plain = read_fixed(finish(train_fix(str(opened), settings(refit=False).as_dict()))).rewards
    before = columns(dataset, *pair_rewards(dataset, plain))
    assert abs(training["correlation"] or 1) < 0.1 * abs(length_pull(before["margin"], length_gap(dataset))["correlation"] or 0)


def test_that_runs_which_differ_in_the_fix_alone_belong_together(tmp_path: Path) -> None:
    project = Project(tmp_path / "runs.rmx")

    def add(name: str, **given: object) -> RunRecord:
        return project.add_run(name, "abc", RunSettings.from_dict(given).as_dict(), {}, {}, b"")

    plain = add("plain")
    penalty = add("penalty", length_fix="penalty", length_penalty=3.0)
    add("other", length_fix="balance", seed=4)
    newer = add("newer", length_fix="penalty")
    runs = project.runs("abc")
    assert family(runs, plain.id) == {"none": plain, "penalty": newer}
    assert family(runs, penalty.id) == {"none": plain, "penalty": penalty}
    assert family(runs, "") == {} == family((), plain.id)
    dropped = add("dropped", source_weights={"chat": 0.0})
    cleaned = add("cleaned", removed_phrases=["Sure"])
    add("both", removed_phrases=["Sure"], source_weights={"chat": 0.0})
    latest = add("latest", source_weights={"code": 0.0})
    runs = project.runs("abc")
    assert family(runs, plain.id) == {"none": plain, "penalty": newer, "phrases": cleaned, "source": latest}
    assert family(runs, dropped.id) == {"none": plain, "penalty": newer, "phrases": cleaned, "source": dropped}
    again = with_fix(RunSettings.from_dict(dropped.settings), "none")
    assert again == RunSettings.from_dict(plain.settings), "a length fix of a run without a source learns from all"
    project.close()


def test_that_only_trained_fixes_are_compared() -> None:
    assert best_fix({}) == ""


def test_that_the_best_fix_cuts_the_pull_of_length_and_keeps_accuracy_at_equal_length(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, train, test = tmp_path / "all.parquet", tmp_path / "train.parquet", tmp_path / "test.parquet"
    tool = shared / "tools" / "make_pairs.py"
    subprocess.run([sys.executable, str(tool), "6000", str(path), "--length-effect", "1.2", "--seed", "5"], check=True,
                   capture_output=True)
    pairs = pl.read_parquet(path)
    pairs[:4000].write_parquet(train)
    pairs[4000:].write_parquet(test)
    fresh = Dataset.open(Path(finish(open_files([str(test)]))))
    rewards = {}
    for fix in ("none", "residualize", "penalty"):
        model = tmp_path / f"{fix}.safetensors"
        assert cli.main(["train", str(train), "-o", str(model), "--length-fix", fix, "--epochs", "15", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["length_fix"] == fix
        rewards[fix] = finish(score(fresh, Checkpoint.load(model)))
    given = columns(fresh, *pair_rewards(fresh, rewards["none"]))
    found = compare_fixes(given, rewards, best_fix(compare_fixes(given, rewards, "").pulls)).comparison
    assert found is not None and found.cut is not None and found.cut >= 0.7
    equals = at_equal_length(fresh, pairs[4000:])
    right = {fix: float(np.mean(values[equals[0]] > values[equals[1]])) for fix, values in rewards.items()}
    assert len(equals[0]) > 1000 and right["none"] - max(right["residualize"], right["penalty"]) <= 0.015
    penalised = compare_fixes(given, rewards, "penalty").comparison
    assert penalised is not None and penalised.cut is not None and penalised.cut >= 0.6


def at_equal_length(dataset: Dataset, pairs: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Responses (better, worse) of neighbours by length, by the quality that made them: few real pairs are that equal."""
    texts = dataset.responses["text"].to_list()
    quality = {row[side]: row[f"quality_{side}"] for row in pairs.iter_rows(named=True) for side in ("chosen", "rejected")}
    order = sorted(range(len(texts)), key=lambda place: len(texts[place].strip()))
    worth = np.array([quality[texts[place]] for place in order])
    first, second = np.array(order[:-1:2]), np.array(order[1::2])
    better = worth[:-1:2] > worth[1::2]
    close = np.abs([np.log(len(texts[a]) / len(texts[b])) for a, b in zip(first, second, strict=True)]) < 0.1
    return np.where(better, first, second)[close], np.where(better, second, first)[close]


def test_that_an_unknown_fix_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = long_pairs(tmp_path, 40)
    assert cli.main(["train", str(path), "-o", str(tmp_path / "m.safetensors"), "--length-fix", "magic"]) == 2
    assert "no length fix named 'magic'" in capsys.readouterr().err


def test_that_the_best_fix_cuts_the_pull_of_length_on_the_demo(home: Path) -> None:
    folder = finish(open_files([str(demo_path())]))
    dataset = Dataset.open(Path(folder))
    one = RunSettings.from_dict({"heads": 1})
    rewards = {fix: read_fixed(finish(train_fix(str(folder), with_fix(one, fix).as_dict()))).rewards for fix in LENGTH_FIXES}
    held = np.zeros(len(dataset), bool)
    held[Split.of(dataset, one.train.holdout, one.train.seed).heldout] = True
    given = columns(dataset, *pair_rewards(dataset, rewards["none"]), mask=held)
    best = best_fix(compare_fixes(given, rewards, "").pulls)
    found = compare_fixes(given, rewards, best).comparison
    assert found is not None and found.before.correlation.value is not None and found.before.correlation.value > 0.2
    assert found.cut is not None and found.cut >= 0.7
    matched = found.change("Equal length")
    assert matched is not None and matched.before - matched.after <= 0.015


def marked_pairs(folder: Path, n: int = 900) -> Path:
    """Pairs whose response with more exclamation marks mostly wins, whatever its words."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(n):
        marks, good = random.integers(0, 4, 2), random.random(2)
        texts = [" ".join(random.choice(["fine", "clear"] if random.random() < quality else ["poor", "vague"]) for _ in range(20)) 
                 + "!" * int(count) for count, quality in zip(marks, good, strict=True)]
        worth = 2.0 * good + 1.2 * marks
        first = int(random.random() < 1 / (1 + np.exp(worth[1] - worth[0])))
        rows.append({"prompt": f"Question {i}?", "chosen": texts[1 - first], "rejected": texts[first]})
    path = folder / "marked.jsonl"
    pl.DataFrame(rows).write_ndjson(path)
    return path


def pull(margin: np.ndarray, difference: np.ndarray) -> float:
    return float(margin @ difference / np.sqrt((margin @ margin) * (difference @ difference)))


def test_that_a_head_residualised_on_a_feature_no_longer_follows_it(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, own, pulls = marked_pairs(tmp_path), tmp_path / "own.jsonl", {}
    own.write_text('{"name": "shouts", "regex": "!"}\n{"name": "unused", "sql": "characters / 2"}\n', "utf-8")
    shouting = ["--residualize", "shouts,characters", "--features", str(own)]
    for name, more in (("plain", []), ("cleaned", ["--residualize", "exclamations,characters"]), ("own", shouting)):
        model = tmp_path / f"{name}.safetensors"
        linear = ["--hidden-dim", "0", "--learning-rate", "0.01", "--epochs", "8", "--json"]
        assert cli.main(["train", str(path), "-o", str(model), *linear, *more]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["residual_features"] == (more[1].split(",") if more else [])
        if name == "own":
            own.unlink()  # the head holds the definition
        dataset, checkpoint = finish(read(path)), Checkpoint.load(model)
        assert [name_of(one) for one in checkpoint.measures] == said["residual_features"]
        rewards = finish(score(dataset, checkpoint))
        texts = dataset.responses["text"]
        few = [3, 4, 5]
        asked = [dataset.prompts["text"][int(dataset.responses["prompt"][row])] for row in few]
        alone = score_texts(checkpoint, asked, [texts[row] for row in few])
        assert alone == pytest.approx(rewards[few], abs=1e-4), "a text alone has the reward that it has in the file"
        why = finish(explain(checkpoint, asked[0], texts[few[0]], "gradient"))
        assert sum(worth for _, worth in why.pieces) + sum(worth for _, worth in why.rest) == pytest.approx(why.reward, abs=1e-3)
        marks = texts.str.count_matches("!").to_numpy().astype(float)
        margin = rewards[dataset.chosen].astype(float) - rewards[dataset.rejected]
        pulls[name] = pull(margin, marks[dataset.chosen] - marks[dataset.rejected])
    assert pulls["plain"] > 0.5 and abs(pulls["cleaned"]) < 0.1 * pulls["plain"]
    assert pulls["own"] == pytest.approx(pulls["cleaned"]), "the same count by a pattern of one's own"
    own.write_text('{"name": "shouts", "regex": "!"}\n', "utf-8")
    assert cli.main(["train", str(path), "-o", str(tmp_path / "bad"), "--features", str(own), "--residualize", "bold"]) == 2
    assert "none of the features of your own is residualised on; add --residualize shouts" in capsys.readouterr().err
    for bad, why in (("nonsense", "no feature named 'nonsense'"), (",", "names no feature")):
        assert cli.main(["train", str(path), "-o", str(tmp_path / "bad"), "--residualize", bad]) == 2
        assert why in capsys.readouterr().err
    assert cli.main(["train", str(path), "-o", str(tmp_path / "bad"), "--residualize", "bold", "--length-fix", "balance"]) == 2
    assert "do not go with the length fix balance" in capsys.readouterr().err


def test_that_balancing_measures_what_is_left_of_the_responses(opened: Path) -> None:
    dataset = Dataset.open(opened)
    texts = [text.replace("fine", "").strip() for text in dataset.responses["text"].to_list()]
    whole, left = length_gap(dataset), length_gap(dataset, ("fine",))
    logs = np.log1p([len(" ".join(text.split())) for text in texts])
    assert left == pytest.approx(logs[dataset.chosen] - logs[dataset.rejected]) and not np.allclose(whole, left)
    plain = fixing.fit(dataset, np.random.default_rng(0).normal(size=(dataset.responses.height, 3)).astype(np.float32),
                       settings(length_fix="balance", removed_phrases=["fine"]))
    with pytest.MonkeyPatch.context() as patch:
        seen: list[tuple[str, ...]] = []
        patch.setattr("rmexplorer.workflows.training.length_gap", lambda data, removed=(): seen.append(tuple(removed)) or left)
        finish(plain)
    assert seen == [("fine",)]
