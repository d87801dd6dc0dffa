"""The command line keeps its contract: one JSON object, exit codes, one line for an error, no half-written output."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
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
    with gzip.open(demo_path()) as lines:  # a third of it: enough for each figure to be more than chance
        (tmp_path / "demo.jsonl").write_bytes(b"".join(lines.readlines()[:1_000]))
    demo, head, scored = str(tmp_path / "demo.jsonl"), tmp_path / "head.safetensors", tmp_path / "scored.jsonl"
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
    assert set(metrics["baselines"]) == set(metrics["baselines_ci"]) == {"length", "style", "bag_of_words", "linear"}
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
        (["train", "{tmp}/oneprompt.jsonl", "-o", "{tmp}/x"], "oneprompt.jsonl: all pairs have the same prompt"),
        (["train", "{tmp}/three.jsonl", "-o", "{tmp}/x"], "3 pairs with a winner are too few to train a head; open 5 pairs"),
        (["train", "{tmp}/ties.jsonl", "-o", "{tmp}/x"], "ties.jsonl: each pair is a tie, so there is nothing to learn"),
        (["score", "{pairs}", "--model", "{pairs}", "-o", "{tmp}/x"], "pairs.jsonl"),
        (["score", "{pairs}", "--model", "{tmp}/missing.safetensors", "-o", "{tmp}/x"], "no such file"),
        (["analyze", "{pairs}"], "no reward"),
        (["convert", "{pairs}", "-o", "{tmp}/nowhere/x"], "folder that exists"),
        (["train", "{pairs}"], "required"),
        (["inof", "{pairs}"], "invalid choice"),
        (["{tmp}/nothere.jsonl"], "there is no such file"),
        (["nothere.jsonl"], "there is no such file"),
        (["{long}"], "File name too long"),
        (["info", "{long}"], "File name too long"),
        (["convert", "{pairs}", "-o", "{long}"], "File name too long"),
        (["score", "{pairs}", "--model", "{long}", "-o", "{tmp}/x"], "File name too long"),
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
    (tmp_path / "three.jsonl").write_text("".join(PAIRS.splitlines(True)[:3]))
    (tmp_path / "ties.jsonl").write_text(
        "".join(f'{{"prompt": "p{i}", "chosen": "good {i}", "rejected": "bad", "score_chosen": 1, "score_rejected": 1}}\n'
                for i in range(9))
    )
    code, out, err = run(capsys, *(word.format(tmp=tmp_path, pairs=pairs, long="long" * 80) for word in words))
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


@pytest.mark.parametrize("name", ["info", "train"])
def test_that_a_command_is_one_also_where_a_file_has_its_name(
    capsys: pytest.CaptureFixture[str], pairs: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(pairs.parent)
    (pairs.parent / name).mkdir()
    code, out, err = run(capsys, name, "pairs.jsonl")
    assert (code == 0 and "120" in out) if name == "info" else (code == 2 and "required: -o" in err)


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that was trained once on the pairs, for all tests that only use one."""
    folder = tmp_path_factory.mktemp("head")
    pairs, file = folder / "pairs.jsonl", folder / "head.safetensors"
    pairs.write_text(PAIRS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMEXPLORER_HOME", str(folder))
        assert main(["train", str(pairs), "-o", str(file), "--epochs", "2"]) == 0
    return file


READERS = [
    ["info", "{file}"],
    ["convert", "{file}", "-o", "{tmp}/out"],
    ["train", "{file}", "-o", "{tmp}/out", "--epochs", "1"],
    ["score", "{file}", "--model", "{head}", "-o", "{tmp}/out"],
    ["analyze", "{file}", "--model", "{head}"],
    ["probe", "{file}", "--model", "{head}"],
    ["analyze", "{file}", "--model", "{head}", "--against", "{file}"],
]


def test_that_a_file_of_skipped_comparisons_is_read_but_not_judged(
    capsys: pytest.CaptureFixture[str], head: Path, tmp_path: Path
) -> None:
    file = tmp_path / "identical.jsonl"
    file.write_text('{"prompt": "p", "chosen": "same", "rejected": "same"}\n' * 5)
    for words in READERS:
        code, out, err = run(capsys, *(word.format(file=file, head=head, tmp=tmp_path) for word in words))
        if words[0] in ("info", "convert"):
            assert code == 0 and ("5 identical responses" in out or "all 5 comparisons were skipped" in err)
            (tmp_path / "out").unlink(missing_ok=True)
        else:
            assert (code, out, err.count("\n")) == (2, "", 1) and "holds no pair to compare (5 identical responses); " in err
            assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_that_every_command_keeps_to_max_bytes(
    capsys: pytest.CaptureFixture[str], pairs: Path, head: Path, tmp_path: Path, words: list[str]
) -> None:
    packed = tmp_path / "pairs.jsonl.gz"
    packed.write_bytes(gzip.compress(pairs.read_bytes()))
    filled = [word.format(file=packed, head=head, tmp=tmp_path) for word in words]
    code, out, err = run(capsys, *filled, "--max-bytes", "10")
    assert code == 2 and out == "" and "--max-bytes" in err and not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", READERS, ids=lambda words: words[0])
def test_that_warnings_of_reading_are_said_once(
    capsys: pytest.CaptureFixture[str], head: Path, tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "old.csv"
    rows = [f"question {i % 20},a très {'very ' * (i % 5)}long answer {i},bad {i}" for i in range(60)]
    file.write_bytes("\n".join(["prompt,chosen,rejected", *rows]).encode("cp1252"))
    code, out, err = run(capsys, *(word.format(file=file, head=head, tmp=tmp_path) for word in words))
    said = "old.csv is not UTF-8; it was read as Windows-1252"
    assert code == 0
    assert (out + err).count(f"warning: {said}") == 1 and (said in out) == (words[0] == "info")
    assert err.count(f"warning: {file}: {said}") == ("--against" in words)


@pytest.mark.parametrize("note", ["reading", "counting the words", "epoch 1 "])
def test_that_an_interrupt_ends_within_a_second_with_130_and_leaves_nothing_behind(
    home: Path, tmp_path: Path, note: str
) -> None:
    pty = pytest.importorskip("pty")
    big, out = tmp_path / "big.jsonl", tmp_path / "out.safetensors"
    with big.open("w") as file:
        for i in range(20_000):
            row = {"prompt": f"p {i}", "chosen": "good answer " * 8 + str(i), "rejected": f"bad {i}"}
            file.write(json.dumps(row) + "\n")
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen([sys.executable, "-m", "rmexplorer", "train", str(big), "-o", str(out)], stderr=theirs)
        os.close(theirs)
        err = b""
        while note.encode() not in err:
            err += terminal.read(4096)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # Linux says the end of a terminal as an error
            while more := terminal.read(4096):
                err += more
        assert process.wait(20) == 130 and time.monotonic() - asked < 1
    assert b"Traceback" not in err and err.endswith(b"rmexplorer: interrupted\r\n")
    assert [path.name for path in tmp_path.iterdir()] == ["big.jsonl"]
    assert not [path for path in home.rglob("*") if ".part" in path.name]


INTERRUPTED = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r} and self in sys.meta_path:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except BaseException as error:  # as what an extension module imports
                raise ImportError(name) from error

sys.meta_path.insert(0, Finder())
sys.argv = ["rmexplorer", "info", {file!r}]
runpy.run_module("rmexplorer", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", ["rmexplorer.cli", "rmexplorer.job", "rmexplorer.data.read", "polars", "numpy"])
def test_that_an_interrupt_while_modules_are_imported_ends_with_130(pairs: Path, module: str) -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED.format(module=module, file=str(pairs))],
                           capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "rmexplorer: interrupted\n")


def test_that_an_interrupt_that_passed_through_exec_ends_with_130(tmp_path: Path) -> None:
    (tmp_path / "rmexplorer_stub.py").write_text("exec('raise KeyboardInterrupt')")
    code = (
        "import sys\nfrom rmexplorer import cli\nfrom rmexplorer.__main__ import start\n"
        "def stub(words): import rmexplorer_stub\n"
        "cli.open_window = stub\nsys.argv = ['rmexplorer']\nsys.exit(start())"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[1]}"})
    assert (ended.returncode, ended.stderr) == (130, "rmexplorer: interrupted\n")


def test_that_score_says_what_each_reward_is_made_of(
    capsys: pytest.CaptureFixture[str], pairs: Path, head: Path, tmp_path: Path
) -> None:
    pairs.write_text("".join(PAIRS.splitlines(True)[:20]))
    for method, given in (("gradient", []), ("leave_one_out", ["leave_one_out"])):
        out = tmp_path / f"{method}.jsonl"
        assert run(capsys, "score", str(pairs), "--model", str(head), "-o", str(out), "--explain", *given)[0] == 0
        for line in map(json.loads, out.read_text().splitlines()):
            for side in ("chosen", "rejected"):
                why = line[f"explain_{side}"]
                assert why["method"] == method and "".join(piece for piece, _ in why["pieces"]) == line[side].strip()
                parts = [*(worth for _, worth in why["pieces"]), *why["rest"].values()]
                assert sum(parts) == pytest.approx(line[f"scores_{side}"], abs=1e-4)
    code, _, err = run(capsys, "score", str(pairs), "--model", str(head), "-o", str(tmp_path / "x.parquet"), "--explain")
    assert code == 2 and err.count("\n") == 1 and ".jsonl" in err and not (tmp_path / "x.parquet").exists()


def test_that_analyze_adds_words_and_the_ending_that_pays_by_a_seed(
    capsys: pytest.CaptureFixture[str], pairs: Path, head: Path
) -> None:
    asked = ["analyze", str(pairs), "--model", str(head), "--json", "--words", "gradient", "--try-phrase", "Zq zq.", "--seed", "3"]
    code, out, _ = run(capsys, *asked)
    found = one_json(out)
    assert code == 0 and found["words"]["method"] == "gradient" and found["words"]["responses"] > 0
    for row in [*found["words"]["pays"], *found["words"]["costs"]]:
        assert row["n"] >= 5 and row["ci"][0] <= row["mean_change"] <= row["ci"][1] and 0 <= row["q"] <= 1
    hunt = found["hunt"]
    assert hunt["seed"] == 3 and "Zq zq." in [row["phrase"] for row in hunt["alone"]]
    assert all(row["ci"][0] <= row["gain"] <= row["ci"][1] and row["n"] == hunt["responses"] for row in hunt["alone"])
    assert one_json(run(capsys, *asked)[1])["hunt"] == hunt
    code, out, _ = run(capsys, *[word for word in asked if word != "--json"])
    assert code == 0 and hunt["headline"] in out and found["words"]["headline"] in out
    for option in ("--words", "--hunt"):
        code, _, err = run(capsys, "analyze", str(pairs), option)
        assert code == 2 and "add --model" in err and err.count("\n") == 1


def test_that_analyze_adds_phrases_and_shift_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], pairs: Path, head: Path, tmp_path: Path
) -> None:
    model, other = head, tmp_path / "other.jsonl"
    other.write_text(PAIRS.replace("question", "SELECT x FROM table WHERE id ="))
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


def test_that_several_files_are_one_dataset_for_every_command(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps({"prompt": f"other {i}", "chosen": f"fine {i}", "rejected": "no"}) + "\n" for i in range(40)))
    code, out, _ = run(capsys, "info", str(pairs), str(more), "--json")
    assert code == 0 and one_json(out)["pairs"] == 160
    written = tmp_path / "all.csv"
    assert run(capsys, "convert", str(pairs), str(more), "--to", "csv", "-o", str(written))[0] == 0
    lines = written.read_text().splitlines()
    assert len(lines) == 161 and lines[0].split(",")[-1] == "subset" and lines[-1].endswith(",more")
    head = tmp_path / "head.safetensors"
    code, out, _ = run(capsys, "train", str(pairs), str(more), "-o", str(head), "--json", "--epochs", "2")
    metrics = one_json(out)
    assert code == 0 and metrics["train_pairs"] + metrics["heldout_pairs"] == 160  # type: ignore[operator]
    code, out, _ = run(capsys, "analyze", str(pairs), str(more), "--model", str(head), "--json")
    by = one_json(out)["by"]
    assert code == 0 and isinstance(by, dict) and set(by["subset"]) == {"pairs", "more"}
    code, _, err = run(capsys, "info", str(pairs), str(tmp_path / "gone.jsonl"))
    assert code == 2 and "gone.jsonl" in err and err.count("\n") == 1


def test_that_analyze_compares_parts_of_one_file_and_pasted_prompts(
    capsys: pytest.CaptureFixture[str], pairs: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "analyze", str(pairs), "--json", "--set-a", "filter=words<9", "--set-b", "filter=words>=9")
    asked = tmp_path / "asked.txt"
    asked.write_text("\n".join(f"SELECT a{i} FROM b{i}" for i in range(40)))
    shift = one_json(out)["shift"]
    assert code == 0 and isinstance(shift, dict) and min(shift["pairs"]) > 20 and shift["unit"] == "responses"
    assert next(row for row in shift["features"] if row["feature"] == "words")["psi"] > 1 and shift["mmd"]["p"] < 0.05
    code, out, _ = run(capsys, "analyze", str(pairs), "--json", "--set-b", f"prompts={asked}")
    shift = one_json(out)["shift"]
    assert code == 0 and isinstance(shift, dict) and shift["unit"] == "prompts" and shift["auc"]["value"] > 0.9
    assert shift["furthest"][0]["prompt"].startswith("SELECT") and shift["n"][1] == 40
    code, out, err = run(capsys, "analyze", str(pairs), "--set-a", "all")
    assert code == 2 and out == "" and "no second set" in err and "--set-b" in err
