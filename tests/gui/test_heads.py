"""A head that exists scores the dataset: read in a thread, the last one asked for is shown, a bad file is a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rmexplorer.app.training import head_of_run, keep_head
from rmexplorer.gui.window import Window
from rmexplorer.job import Job
from rmexplorer.reward.checkpoint import Checkpoint
from tests.gui.conftest import Loop

Wait = Callable[[Callable[[], bool]], None]


def kept(window: Window, trained: Loop) -> Job[Path]:
    """The head as a run of the window's project."""
    project, made = window.desk.project, trained.trained
    run = project.add_run("head", trained.dataset.fingerprint, {}, made.metrics, made.history, made.checkpoint.to_bytes())
    return head_of_run(project.path, run.id)


def test_that_a_head_is_read_outside_the_thread_of_the_window(
    window: Window, trained: Loop, wait_until: Wait, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[threading.Thread] = []
    inner = Checkpoint.load

    def load(path: Path | str) -> Checkpoint:
        read.append(threading.current_thread())
        return inner(path)

    monkeypatch.setattr(Checkpoint, "load", load)
    window.desk.show_dataset(trained.dataset, trained.folder)
    file = tmp_path / "kept.safetensors"
    trained.trained.checkpoint.save(file)
    for name, head in (("of a file", file), ("of the project", kept(window, trained))):
        window.desk.training.score(head, name)
        wait_until(lambda: not window.desk.jobs.runs)
        assert window.desk.state.rewards is not None and window.desk.state.rewards.name == name
    assert len(read) == 2 and threading.main_thread() not in read


def test_that_of_two_heads_the_one_asked_for_last_is_shown(window: Window, trained: Loop, wait_until: Wait) -> None:
    desk = window.desk
    desk.show_dataset(trained.dataset, trained.folder)
    shown: list[str] = []
    desk.session.changed.connect(lambda state, names: shown.append(state.rewards.name) if "rewards" in names else None)
    desk.training.score(kept(window, trained), "first")
    desk.training.score(kept(window, trained), "last")
    wait_until(lambda: not desk.jobs.runs)
    assert shown == ["last"]


def test_that_rewards_shown_meanwhile_are_not_taken_away(window: Window, trained: Loop, wait_until: Wait) -> None:
    desk = window.desk
    trained.show(window)
    desk.training.score(kept(window, trained), "late")
    trained.show(window)
    wait_until(lambda: not desk.jobs.runs)
    assert desk.state.rewards is not None and desk.state.rewards.name == "head-256"


def test_that_a_damaged_head_is_a_sentence_and_changes_nothing(window: Window, trained: Loop, wait_until: Wait, tmp_path: Path) -> None:
    problems: list[str] = []
    window.desk.problem.connect(lambda problem: problems.append(str(problem)))
    trained.show(window)
    file = tmp_path / "cut.safetensors"
    file.write_bytes(trained.trained.checkpoint.to_bytes()[:1000])
    window.desk.load_head(str(file))
    wait_until(lambda: bool(problems))
    assert "cut.safetensors" in problems[0] and "not a whole model file" in problems[0]
    assert window.desk.state.rewards is not None and window.desk.state.rewards.name == "head-256"


def test_that_a_head_that_was_cut_off_in_the_cache_is_written_again(home: Path) -> None:
    path = keep_head(b"content of a head")
    path.write_bytes(b"content")
    assert keep_head(b"content of a head") == path and path.read_bytes() == b"content of a head"
