"""Checkpoints: a round trip, and everything that is not one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from rmexplorer.encoders import ENCODERS, EncoderState
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint, digest
from rmexplorer.reward.fixes import LengthLine
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.settings import TrainSettings

PROMPTS = pl.Series([f"What is item {n} of the list, and why?" for n in range(12)])
RESPONSES = pl.Series([f"It is number {n}. I think it is {'big' if n % 2 else 'small'}, über all!" for n in range(12)])


@pytest.fixture(scope="module")
def encoder() -> EncoderState:
    return finish(ENCODERS["lexical"].fit(PROMPTS, RESPONSES))


@pytest.fixture
def checkpoint(encoder: EncoderState) -> Checkpoint:
    model = RewardModel(ENCODERS["lexical"].width(encoder), 16)
    model.flat[...] = np.random.default_rng(0).standard_normal(model.flat.size)
    return Checkpoint(model, encoder, TrainSettings(hidden_dim=16, seed=4, holdout=0.3), 1.7,
                      {"heldout_accuracy": np.float64(0.7), "ci": np.array([0.6, 0.8]), "note": "μ"}, "set", "abc",
                      0.5, 2.0)


@pytest.fixture
def saved(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path)
    return path


def rewritten(path: Path, header: dict[str, Any] | None = None, arrays: dict[str, np.ndarray] | None = None) -> Path:
    """The file again, with changed header entries and arrays."""
    with safe_open(path, framework="numpy") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        values = json.loads(file.metadata()["rmexplorer"])
    values.update(header or {})
    kept |= arrays or {}
    values["digest"] = digest(kept)
    save_file(kept, path, metadata={"rmexplorer": json.dumps(values)})
    return path


def test_that_text_is_scored_as_before_after_save_and_load(checkpoint: Checkpoint, saved: Path) -> None:
    back = Checkpoint.load(saved)
    encode = ENCODERS["lexical"].encode_block
    before, after = encode(checkpoint.encoder, PROMPTS, RESPONSES), encode(back.encoder, PROMPTS, RESPONSES)
    assert np.array_equal(before, after)
    assert np.array_equal(checkpoint.model.rewards(before), back.model.rewards(after))


def test_that_everything_else_comes_back(checkpoint: Checkpoint, saved: Path) -> None:
    back = Checkpoint.load(saved)
    assert back.settings == checkpoint.settings and (back.seed, back.holdout) == (4, 0.3)
    assert back.metrics == {"heldout_accuracy": 0.7, "ci": [0.6, 0.8], "note": "μ"}
    for name in ("temperature", "dataset_name", "dataset_fingerprint", "reward_mean", "reward_std", "created",
                 "version"):
        assert getattr(back, name) == getattr(checkpoint, name)
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_that_a_file_cut_anywhere_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    for length in (0, 5, 8, 100, len(content) // 2, len(content) - 1):
        saved.write_bytes(content[:length])
        with pytest.raises(Problem, match=r"model\.safetensors: .*; "):
            Checkpoint.load(saved)


def test_that_a_bit_that_turned_on_the_disk_is_noticed(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-3] ^= 1
    saved.write_bytes(content)
    with pytest.raises(Problem, match="damaged"):
        Checkpoint.load(saved)


def test_that_other_files_are_refused(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    with pytest.raises(Problem, match="no such file"):
        Checkpoint.load(other)
    with pytest.raises(Problem, match="folder"):
        Checkpoint.load(tmp_path)
    other.write_text('{"prompt": "a"}\n' * 50)
    with pytest.raises(Problem, match="not a whole model file"):
        Checkpoint.load(other)
    save_file({"weight": np.zeros(3)}, other)
    with pytest.raises(Problem, match="not a model of rmexplorer"):
        Checkpoint.load(other)


def test_that_a_newer_file_is_refused_with_its_version(saved: Path) -> None:
    with pytest.raises(Problem, match=r"rmexplorer 9\.1, a newer one; update"):
        Checkpoint.load(rewritten(saved, {"layout": 99, "version": "9.1"}))


@pytest.mark.parametrize("header", [
    {"layout": None}, {"temperature": 0}, {"temperature": "hot"}, {"input_dim": 3}, {"settings": {"epochs": -1}},
    {"settings": 5}, {"metrics": 3}, {"dataset": []}, {"encoder": {}}, {"reward_std": None},
    {"encoder": {"name": "lexicall", "settings": {}, "meta": {}}},
])
def test_that_a_damaged_header_is_refused(saved: Path, header: dict[str, Any]) -> None:
    with pytest.raises(Problem, match=r"model\.safetensors: "):
        Checkpoint.load(rewritten(saved, header))


def test_that_arrays_that_do_not_fit_are_refused(saved: Path, checkpoint: Checkpoint) -> None:
    content, bias = saved.read_bytes(), checkpoint.model.hidden_bias
    for array in (bias[:-1], np.full_like(bias, np.nan), bias.astype(np.int32)):
        saved.write_bytes(content)
        with pytest.raises(Problem, match=r"model\.safetensors: "):
            Checkpoint.load(rewritten(saved, arrays={"head.hidden_bias": array}))


def test_that_a_head_of_another_encoder_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    Checkpoint(RewardModel(checkpoint.model.input_dim + 1, 4), checkpoint.encoder).save(path)
    with pytest.raises(Problem, match="its encoder makes"):
        Checkpoint.load(path)


def test_that_a_place_that_cannot_be_written_is_a_problem_and_keeps_the_old_file(
        checkpoint: Checkpoint, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    with pytest.raises(Problem, match="cannot write"):
        checkpoint.save(saved.parent / "missing" / "model.safetensors")

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Problem, match="No space left"):
        checkpoint.save(saved)
    monkeypatch.undo()
    assert saved.read_bytes() == before and [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_that_a_file_without_permission_is_not_called_missing(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Path, *args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(Problem, match=r"\(Permission denied\); check the permissions"):
        Checkpoint.load(saved)


def test_that_the_line_of_length_comes_back_and_needs_the_newer_layout(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "fixed.safetensors"
    fixed = replace(checkpoint, residual=LengthLine(0.31, 4.5))
    fixed.save(path)
    assert Checkpoint.load(path).residual == LengthLine(0.31, 4.5)
    for place, layout in ((path, 2), (tmp_path / "plain.safetensors", 1)):
        if layout == 1:
            checkpoint.save(place)
        with safe_open(place, framework="numpy") as file:
            assert json.loads(file.metadata()["rmexplorer"])["layout"] == layout


def test_that_a_file_from_before_residuals_still_loads(saved: Path) -> None:
    with safe_open(saved, framework="numpy") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        values = json.loads(file.metadata()["rmexplorer"])
    del values["residual"]
    save_file(kept, saved, metadata={"rmexplorer": json.dumps(values)})
    assert Checkpoint.load(saved).residual is None


def test_that_a_broken_line_is_a_damaged_model(saved: Path) -> None:
    with pytest.raises(Problem, match="damaged"):
        Checkpoint.load(rewritten(saved, {"residual": {"slope": 1.0}}))
