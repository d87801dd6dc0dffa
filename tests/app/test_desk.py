"""The desk without a window: openings that overtake each other, undo after other rewards, projects, cancelled runs, fixes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PySide6.QtWidgets import QApplication

from rmexplorer import encoders
from rmexplorer.app import desk as desk_module
from rmexplorer.app.desk import Desk
from rmexplorer.app.fixing import Fixing
from rmexplorer.app.jobs import Run
from rmexplorer.data.dataset import Dataset
from rmexplorer.job import Job, Progress, finish
from rmexplorer.project import Project
from rmexplorer.workflows import fixing, training
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.rewards import Rewards
from rmexplorer.workflows.settings import RunSettings
from tests.waiting import wait_until


@pytest.fixture
def desk(qapp: QApplication, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(Project(tmp_path / "test.rmx"))
    yield made
    made.close()


def kept(folder: Path, name: str, n: int = 60) -> Path:
    """The folder of a dataset of `n` pairs, one a prompt."""
    rows = [{"prompt": f"{name} {i}?", "chosen": f"good {'word ' * (i % 7)}{i}", "rejected": f"poor {i}"} for i in range(n)]
    pl.DataFrame(rows).write_ndjson(folder / f"{name}.jsonl")
    return Path(finish(open_files([str(folder / f"{name}.jsonl")])))


def show(desk: Desk, folder: Path) -> Dataset:
    dataset = Dataset.open(folder)
    desk.show_dataset(dataset, folder)
    return dataset


def rewards_of(dataset: Dataset, seed: int) -> Rewards:
    response = np.random.default_rng(seed).standard_normal(dataset.responses.height).astype(np.float32)
    first, second = (response[dataset.pairs[name].to_numpy()].astype(float) for name in ("first", "second"))
    return Rewards("columns", "scores", response, first, second, np.ones(len(dataset), bool))


def first_rows(dataset: Dataset, n: int) -> np.ndarray:
    return np.arange(len(dataset)) < n


def test_that_of_two_files_the_one_asked_for_last_stays_whichever_loads_first(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = kept(tmp_path, "slow"), kept(tmp_path, "quick")
    files = desk_module.files  # the one that it uses: after tests of the window that is a stand-in of the module
    right, loaded = files.load, []

    def load(folder: Path) -> Job[Any]:
        if folder == slow:
            while desk.state.folder != quick:
                time.sleep(0.01)
                yield Progress(0)
        found = yield from right(folder)
        loaded.append(folder)
        return found

    orders: list[Callable[[str], None]] = []
    monkeypatch.setattr(files, "load", load)
    monkeypatch.setattr(desk.jobs, "order", lambda *_, done, **__: orders.append(done))
    desk.open([str(tmp_path / "slow.jsonl")])
    desk.open([str(tmp_path / "quick.jsonl")])
    for done, folder in zip(orders, (slow, quick), strict=True):
        done(str(folder))
    wait_until(lambda: len(loaded) == 2 and not desk.jobs.runs)
    assert desk.state.folder == quick


def test_that_undo_finds_the_pairs_of_a_filter_by_the_rewards_of_now(desk: Desk, tmp_path: Path) -> None:
    dataset = show(desk, kept(tmp_path, "pairs"))
    desk.show_rewards(rewards_of(dataset, 1), None)
    desk.set_query("margin<0")
    desk.select_rows([1, 2])
    desk.show_rewards(rewards_of(dataset, 2), None)
    desk.undo()
    assert desk.state.query == "margin<0" and desk.state.selection.mask is None
    now = desk.state.frame["margin"].to_numpy() < 0
    assert np.array_equal(desk.state.matching, now)


def test_that_the_late_answer_of_a_filter_that_is_gone_changes_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Callable[..., None]] = []
    show(desk, kept(tmp_path, "pairs"))
    monkeypatch.setattr("rmexplorer.app.desk.SMALL", 0)
    monkeypatch.setattr(desk.compute, "ask", lambda key, function, receive: answers.append(lambda: receive(function(), None)))
    desk.set_query("words>2")
    answers.pop()()
    desk.select_rows([1, 2])
    desk.undo()
    desk.undo()
    assert desk.state.query == "" and desk.state.matching is None
    answers.pop()()
    assert desk.state.query == "" and desk.state.matching is None and desk.session.redo()


def test_that_the_same_pairs_leave_the_mask_that_panes_have_drawn(desk: Desk, tmp_path: Path) -> None:
    show(desk, kept(tmp_path, "pairs"))
    desk.set_query("words>2")
    shown = desk.state.matching
    desk.select_rows([1, 2])
    desk.undo()
    assert desk.state.matching is shown and not shown.all()


def test_that_another_project_brings_its_own_left_out_pairs_and_no_way_back_to_the_old(desk: Desk, tmp_path: Path) -> None:
    dataset = show(desk, kept(tmp_path, "pairs"))
    desk.set_query("words>2")
    wide = int(desk.state.matching.sum())
    desk.exclude(first_rows(dataset, 30))
    desk.projects.save(str(tmp_path / "copy.rmx"))
    assert desk.state.excluded.sum() == 30
    Project(tmp_path / "empty.rmx").close()
    desk.projects.open(str(tmp_path / "empty.rmx"))
    assert desk.state.excluded is None and desk.state.query == "words>2" and desk.state.matching.sum() == wide
    desk.undo()
    assert desk.state.excluded is None
    desk.projects.open(str(tmp_path / "copy.rmx"))
    assert desk.state.excluded.sum() == 30 and not desk.state.matching[:30].any()


@pytest.mark.parametrize("how", ["cancel", "abandon"])
def test_that_a_run_that_waits_for_its_baselines_can_be_ended(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def endless(*_: Any) -> Job[str]:
        while True:
            time.sleep(0.01)
            yield Progress(0)

    def order(title: str, module: str, function: str, arguments: tuple[Any, ...], **more: Any) -> Run:
        job = encoders.vectors(*arguments) if function == "vectors" else endless()
        return desk.jobs.start(title, job, **more)

    monkeypatch.setattr(desk.jobs, "order", order)
    show(desk, kept(tmp_path, "pairs"))
    desk.training.set_settings(RunSettings.from_dict({"hidden_dim": 0, "epochs": 2}))
    desk.training.start()
    live = desk.training.live
    wait_until(lambda: live.phase == "assessing")
    getattr(desk.training, how)()
    wait_until(lambda: not desk.jobs.runs)
    assert live.phase == ("stopped" if how == "cancel" else "assessing") and not desk.state.runs


def test_that_a_fix_learns_without_the_pairs_that_are_left_out(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order(title: str, module: str, function: str, arguments: tuple[Any, ...], **more: Any) -> Run:
        return desk.jobs.start(title, fixing.train_fix(*arguments), **more)

    problems: list[object] = []
    desk.problem.connect(problems.append)
    monkeypatch.setattr(desk.jobs, "order", order)
    folder = kept(tmp_path, "pairs")
    dataset = show(desk, folder)
    desk.exclude(first_rows(dataset, 30))
    settings = RunSettings.from_dict({"hidden_dim": 0, "epochs": 2})
    made = fixing.read_fixed(finish(fixing.train_fix(str(folder), settings.as_dict(), training.keep_excluded(desk.state.excluded))))
    record = desk.project.add_run("head", dataset.fingerprint, made.settings, made.metrics, made.history, made.head)
    desk.session.put(runs=(record,), run=record.id)
    fixes = Fixing(desk)
    fixes.train(["residualize"])
    wait_until(lambda: fixes.order is None)
    fixed = desk.state.runs[0]
    assert fixed.metrics["excluded_pairs"] == record.metrics["excluded_pairs"] == 30
    assert fixed.metrics["train_pairs"] + fixed.metrics["heldout_pairs"] == 30
    assert set(fixes.family()) == {"none", "residualize"}
    desk.include_all()
    fixes.train(["balance"])
    assert fixes.order is None and "left out" in str(problems[-1])


def test_that_the_place_of_a_pair_is_where_next_and_previous_find_it(desk: Desk, tmp_path: Path) -> None:
    dataset = show(desk, kept(tmp_path, "pairs"))

    def check() -> None:
        walk = desk.walk.tolist()
        for pair in range(len(dataset)):
            assert desk.place_of(pair) == (walk.index(pair) if pair in walk else None, len(walk))

    check()
    desk.set_query("good words>3")
    assert 0 < len(desk.walk) < len(dataset)
    check()
    desk.order = desk.walk[::-1].copy()
    check()
    desk.select(first_rows(dataset, 9))
    assert len(desk.walk) == 9
    check()
