"""The command line keeps its contract: one JSON object, exit codes, one line for an error, no half-written output."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rmexplorer import __version__
from rmexplorer.cli import main
from rmexplorer.workflows.files import demo_path

PAIRS = "".join(
    json.dumps(
        {
            "prompt": f"question {i % 40}",
            "chosen": f"a good and {'very ' * (i % 5)}long answer {i}",
            "rejected": f"bad {i}",
        }
    )
    + "\n"
    for i in range(120)
)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    file = tmp_path / "pairs.jsonl"
    file.write_text(PAIRS)
    return file


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def one_json(text: str) -> dict[str, object]:
    assert text.count("\n") == 1
    return json.loads(text)


def test_that_info_prints_exactly_one_json_object(capsys: pytest.CaptureFixture[str], pairs: Path) -> None:
    code, out, _ = run(capsys, "info", str(pairs), "--json")
    facts = one_json(out)
    assert code == 0
    assert (facts["rows"], facts["pairs"], facts["prompts"], facts["ties"], facts["votes"]) == (120, 120, 40, 0, 120)
    assert set(facts) >= {
        "format",
        "rows",
        "prompts",
        "responses",
        "pairs",
        "ties",
        "votes",
        "annotators",
        "skipped",
        "chosen_longer",
        "chosen_words_median",
        "rejected_words_median",
        "score_columns",
        "warnings",
    }


def test_that_info_without_json_is_a_short_text(capsys: pytest.CaptureFixture[str], pairs: Path) -> None:
    code, out, _ = run(capsys, "info", str(pairs))
    assert code == 0 and "120" in out and len(out.splitlines()) < 25


def test_that_convert_writes_trl_and_asks_before_writing_over(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    out_file = tmp_path / "out.jsonl"
    assert run(capsys, "convert", str(pairs), "-o", str(out_file))[0] == 0
    rows = [json.loads(line) for line in out_file.read_text().splitlines()]
    assert rows == [json.loads(line) for line in PAIRS.splitlines()]
    before = out_file.read_bytes()
    code, _, err = run(capsys, "convert", str(pairs), "-o", str(out_file))
    assert code == 2 and "--force" in err and out_file.read_bytes() == before
    assert run(capsys, "convert", str(pairs), "-o", str(out_file), "--force")[0] == 0


def test_that_csv_cells_that_a_spreadsheet_would_run_are_quoted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "a.csv"
    source.write_text('{"prompt": "p", "chosen": "=SUM(A1)", "rejected": "fine"}\n')
    assert run(capsys, "convert", str(source), "-o", str(target), "--to", "csv")[0] == 0
    assert "'=SUM(A1)" in target.read_text()


def test_that_train_score_and_analyze_agree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    demo, head, scored = str(demo_path()), tmp_path / "head.safetensors", tmp_path / "scored.jsonl"
    code, out, _ = run(capsys, "train", demo, "-o", str(head), "--json")
    metrics = one_json(out)
    assert code == 0 and head.exists()
    assert set(metrics) >= {
        "encoder",
        "input_dim",
        "hidden_dim",
        "loss",
        "seed",
        "train_pairs",
        "heldout_pairs",
        "split",
        "train_accuracy",
        "heldout_accuracy",
        "heldout_accuracy_ci",
        "baselines",
        "nll",
        "brier",
        "ece",
        "ece_null95",
        "temperature",
        "epochs",
        "best_epoch",
        "seconds",
        "pairs_per_second",
    }
    assert set(metrics["baselines"]) == {"length", "bag_of_words", "linear"}
    assert all(0.4 < value < 1 for value in metrics["baselines"].values())
    code, out, _ = run(capsys, "score", demo, "--model", str(head), "-o", str(scored), "--json")
    assert code == 0
    lines = [json.loads(line) for line in scored.read_text().splitlines()]
    assert len(lines) == one_json(out)["pairs"]
    assert all(
        line["results"]
        == (
            0.5
            if line["scores_chosen"] == line["scores_rejected"]
            else float(line["scores_chosen"] > line["scores_rejected"])
        )
        for line in lines
    )
    code, out, _ = run(capsys, "analyze", demo, "--model", str(head), "--json")
    analysis = one_json(out)
    assert code == 0 and analysis["source"] == "model"
    assert analysis["accuracy"]["n"] == metrics["heldout_pairs"]
    assert analysis["accuracy"]["value"] == pytest.approx(metrics["heldout_accuracy"])
    for name in ("ece", "brier", "nll"):
        assert analysis["calibration"][name] == pytest.approx(metrics[name])
        assert analysis["calibration"]["as_trained"][name] == pytest.approx(metrics["as_trained"][name])
    assert analysis["calibration"]["temperature"] == pytest.approx(metrics["temperature"])
    code, out, _ = run(capsys, "analyze", str(scored), "--json")
    columns = one_json(out)
    margins = np.array([line["scores_chosen"] - line["scores_rejected"] for line in lines])
    assert columns["source"] == "columns"
    assert abs(columns["accuracy"]["value"] - np.mean(margins > 0)) < 0.05


def test_that_the_same_seed_gives_the_same_numbers(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    results = []
    for name in ("a", "b"):
        code, out, _ = run(capsys, "train", str(pairs), "-o", str(tmp_path / name), "--seed", "3", "--json")
        assert code == 0
        results.append(
            {key: value for key, value in one_json(out).items() if key not in ("seconds", "pairs_per_second")}
        )
    assert results[0] == results[1]


def test_that_min_accuracy_ends_with_1_but_keeps_the_head(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    head = tmp_path / "head.safetensors"
    code, _, err = run(capsys, "train", str(pairs), "-o", str(head), "--min-accuracy", "1.01")
    assert code == 1 and "below the 1.01" in err and head.exists()


def test_that_holdout_0_trains_on_all_and_judges_nothing(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "train", str(pairs), "-o", str(tmp_path / "h"), "--holdout", "0", "--json")
    metrics = one_json(out)
    assert code == 0 and metrics["train_pairs"] == 120 and metrics["heldout_pairs"] == 0
    assert metrics["heldout_accuracy"] is None


@pytest.mark.parametrize(
    "words, said",
    [
        (["info", "{tmp}/missing.jsonl"], "missing.jsonl"),
        (["info", "{tmp}/empty.jsonl"], "empty"),
        (["info", "{tmp}/noise.bin"], "noise.bin"),
        (["train", "{tmp}/identical.jsonl", "-o", "{tmp}/x"], "identical"),
        (["train", "{pairs}", "-o", "{tmp}/x", "--learning-rate", "-1"], "learning rate"),
        (["train", "{pairs}", "-o", "{tmp}/x", "--encoder", "lexicl"], "did you mean lexical"),
        (["train", "{tmp}/oneprompt.jsonl", "-o", "{tmp}/x"], "same prompt"),
        (["score", "{pairs}", "--model", "{pairs}", "-o", "{tmp}/x"], "pairs.jsonl"),
        (["score", "{pairs}", "--model", "{tmp}/missing.safetensors", "-o", "{tmp}/x"], "no such file"),
        (["analyze", "{pairs}"], "no reward"),
        (["convert", "{pairs}", "-o", "{tmp}/nowhere/x"], "folder that exists"),
        (["train", "{pairs}"], "required"),
        (["inof", "{pairs}"], "invalid choice"),
    ],
)
def test_that_bad_input_is_one_line_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "identical.jsonl").write_text('{"prompt": "p", "chosen": "same", "rejected": "same"}\n' * 5)
    (tmp_path / "oneprompt.jsonl").write_text(
        "".join(f'{{"prompt": "p", "chosen": "good {i}", "rejected": "bad {i}"}}\n' for i in range(5))
    )
    code, out, err = run(capsys, *(word.format(tmp=tmp_path, pairs=pairs) for word in words))
    assert code == 2
    assert out == "" and err.count("\n") == 1 and err.startswith("rmexplorer: error: ")
    assert said in err and ";" in err and "Traceback" not in err
    assert not (tmp_path / "x").exists()


def test_that_a_full_disk_is_a_sentence_and_leaves_the_old_file(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, "convert", str(pairs), "-o", str(out), "--force")
    assert code == 2 and err.count("\n") == 1 and "No space left" in err
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "pairs.jsonl"]


def test_that_a_device_is_never_written_over(capsys: pytest.CaptureFixture[str], pairs: Path) -> None:
    code, _, err = run(capsys, "convert", str(pairs), "-o", "/dev/null", "--force")
    assert code == 2 and "no plain file" in err


def test_that_version_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom rmexplorer.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print([name for name in ('numpy', 'polars', 'sklearn', 'PySide6') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == f"rmexplorer {__version__}\n[]\n"


def test_that_no_command_without_a_window_imports_qt(pairs: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom rmexplorer.cli import main\n"
        f"assert main(['train', {str(pairs)!r}, '-o', {str(tmp_path / 'head')!r}]) == 0\n"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'pyqtgraph', 'rmexplorer.gui', 'rmexplorer.app'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_that_an_interrupt_ends_with_130_and_leaves_nothing_behind(tmp_path: Path) -> None:
    big, out = tmp_path / "big.jsonl", tmp_path / "out.jsonl"
    with big.open("w") as file:
        for i in range(200_000):
            file.write(
                json.dumps({"prompt": f"p {i}", "chosen": "good answer " * 8 + str(i), "rejected": f"bad {i}"}) + "\n"
            )
    process = subprocess.Popen(
        [sys.executable, "-m", "rmexplorer", "train", str(big), "-o", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    time.sleep(2.5)
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - asked < 5
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.jsonl"]


def test_that_analyze_adds_phrases_and_shift_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    model, other = tmp_path / "head.safetensors", tmp_path / "other.jsonl"
    other.write_text(PAIRS.replace("question", "SELECT x FROM table WHERE id ="))
    assert run(capsys, "train", str(pairs), "-o", str(model), "--epochs", "2")[0] == 0
    code, out, _ = run(capsys, "analyze", str(pairs), "--model", str(model), "--json", "--phrases", "--against", str(other))
    found = one_json(out)
    phrases, shift = found["phrases"], found["shift"]
    assert code == 0 and isinstance(phrases, dict) and isinstance(shift, dict)
    assert set(phrases) >= {"pays", "costs", "enriched", "tested", "words"} and phrases["responses"] > 0
    features = {row["feature"]: row for row in shift["features"]}
    assert features["prompt: words"]["psi"] > features["prompt: words"]["no_shift95"] and shift["leaks"]["exact"] == 0
    assert "phrases" not in one_json(run(capsys, "analyze", str(pairs), "--model", str(model), "--json")[1])
    code, out, _ = run(capsys, "analyze", str(pairs), "--model", str(model), "--against", str(other))
    assert code == 0 and "PSI" in out
    assert run(capsys, "analyze", str(pairs), "--phrases")[0] == 2
