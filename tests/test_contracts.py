"""What every entry of a registry owes: looped over the registries, so that a new leaf is held to it without a new test."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer.analysis import ANALYSES, PAIR_COLUMNS
from rmexplorer.app.commands import COMMANDS
from rmexplorer.cli import build_parser
from rmexplorer.data.formats import FORMATS
from rmexplorer.encoders import ENCODERS, EncoderState
from rmexplorer.gui.catalog import catalog
from rmexplorer.job import finish
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.head import RewardModel
from rmexplorer.workflows.columns import Columns, columns, run
from tests.made import ROWS, dataset_of, rewards_of

ROOT = Path(__file__).parents[1]
# Analyses


def some_columns(tmp_path: Path, pairs: int) -> Columns:
    dataset, _ = dataset_of(ROWS, tmp_path)
    rewards = rewards_of(dataset)
    mask = np.arange(len(dataset)) < pairs
    return columns(dataset, rewards.first, rewards.second, mask)


def flat(value: object) -> object:
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes() if value.dtype != object else tuple(value.tolist()))
    if hasattr(value, "__dataclass_fields__"):
        return tuple((key, flat(getattr(value, key))) for key in value.__dataclass_fields__)
    if isinstance(value, dict):
        return tuple((key, flat(one)) for key, one in value.items())
    if isinstance(value, tuple | list):
        return tuple(flat(one) for one in value)
    return repr(value)


@pytest.mark.parametrize("name", list(ANALYSES))
def test_that_an_analysis_answers_for_no_pairs_and_one_and_says_so(name: str, tmp_path: Path) -> None:
    for pairs in (0, 1, 3):
        result = run(name, some_columns(tmp_path, pairs))
        if hasattr(result, "headline"):
            assert result.headline() and len(result.headline()) <= 150


@pytest.mark.parametrize("name", list(ANALYSES))
def test_that_an_analysis_repeats_itself_and_changes_none_of_its_columns(name: str, tmp_path: Path) -> None:
    given = some_columns(tmp_path, 60)
    before = {key: np.array(given[key]) for key in PAIR_COLUMNS}
    assert flat(run(name, given)) == flat(run(name, given))
    assert all(np.array_equal(before[key], given[key]) for key in PAIR_COLUMNS)
    assert (ANALYSES[name].__doc__ or "").strip()


# Encoders


@pytest.mark.parametrize("name", list(ENCODERS))
def test_that_an_encoder_comes_through_a_checkpoint_to_the_bit(name: str, tmp_path: Path) -> None:
    encoder = ENCODERS[name]
    prompts, responses = pl.Series([row["prompt"] for row in ROWS]), pl.Series([row["chosen"] for row in ROWS])
    state = finish(encoder.fit(prompts, responses))
    assert isinstance(state, EncoderState)
    vectors = finish(encoder.encode(state, prompts, responses))
    assert (
        vectors.dtype == np.float32
        and vectors.shape == (len(ROWS), encoder.width(state))
        and np.isfinite(vectors).all()
    )
    Checkpoint(RewardModel(vectors.shape[1], 8), state).save(tmp_path / "head.safetensors")
    again = Checkpoint.load(tmp_path / "head.safetensors").encoder
    assert np.array_equal(vectors, finish(encoder.encode(again, prompts, responses)))
    assert encoder.title and encoder.sentence.endswith(".")


# Formats


def test_that_every_format_has_a_title_and_a_sample_or_a_reason() -> None:
    samples = {file.stem for file in (Path(__file__).parent / "samples" / "formats").iterdir()}
    titled = [one for one in FORMATS.values() if one.title]
    assert len(titled) == len(FORMATS)
    assert len(samples & set(FORMATS)) >= 50


# Documents


def test_that_every_command_of_the_readme_exists_and_every_command_is_in_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `rmexplorer (\w[\w-]*)", readme, re.MULTILINE))
    actions = [
        action for action in build_parser()._actions if getattr(action, "choices", None) and action.dest == "command"
    ]
    assert told == set(actions[0].choices)


def test_that_the_keys_of_the_readme_are_those_of_the_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {one.key.replace("Return", "Enter") for one in COMMANDS.values()}
    for key in (
        "Ctrl+O",
        "Ctrl+K",
        "Ctrl+Enter",
        "Ctrl+.",
        "Ctrl+D",
        "Ctrl+I",
        "Ctrl+B",
        "Ctrl+Shift+L",
        "F1",
        "Ctrl+Z",
    ):
        assert key in known and key in readme


def test_that_every_pane_is_told_of_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for card in catalog():
        assert not card.group or card.title in readme
