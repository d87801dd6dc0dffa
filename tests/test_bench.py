from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.common import run


def test_that_a_missed_bound_is_marked() -> None:
    assert bench.row("stall_max_ms", 50).endswith("ok")
    assert bench.row("stall_max_ms", 50.1).endswith("MISSED")
    assert bench.row("train_vs_torch", 1.69).endswith("MISSED")
    assert bench.row("train_vs_torch", None).endswith("not measured")
    assert not bench.row("fit_harmless_command_seconds", 1e6).endswith("MISSED")


def test_that_a_broken_benchmark_is_told_and_keeps_the_others(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "bench.json")
    monkeypatch.setattr(bench, "CACHE", tmp_path)
    monkeypatch.setattr(bench, "measure_apart", lambda name: None if name == "fit" else {f"{name}_seconds": 1.0})
    assert bench.main([]) == 1
    assert "broken: fit" in capsys.readouterr().err
    assert json.loads((tmp_path / "bench.json").read_text())["data_seconds"] == 1.0
    assert bench.main(["data"]) == 0
    assert bench.main(["nonsense"]) == 2
    assert "ten_seconds" not in json.loads((tmp_path / "bench.json").read_text())  # a slow one only where it is named
    assert bench.main(["ten"]) == 0
    assert "ten_seconds" in json.loads((tmp_path / "bench.json").read_text())


def test_that_time_and_memory_of_a_command_are_measured(home: Path) -> None:
    ran = run("--version", home=home)
    assert ran.stdout.startswith("rmexplorer ") and 0.01 < ran.seconds < 60
    with pytest.raises(RuntimeError, match="no_such_file"):
        run("info", "no_such_file.jsonl", home=home)
