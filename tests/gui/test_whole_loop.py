"""The whole loop in the window: open, train, look, select, close and come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from rmexplorer.gui.main import make_window, reopen
from rmexplorer.gui.window import Window
from rmexplorer.problem import Problem
from rmexplorer.project import Project

Settle = Callable[[Window], None]
Wait = Callable[[Callable[[], bool]], None]


def harmless(shared: Path) -> str:
    return str(shared / "data/real/hh_rlhf/harmless-base")


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be counted does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def open_and_train(window: Window, path: str, wait_until: Wait) -> None:
    desk, problems = window.desk, []
    desk.problem.connect(problems.append)
    desk.open([path])
    wait_until(lambda: desk.state.dataset is not None or bool(problems))
    assert not problems
    QtBot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: desk.training.running or bool(problems))
    wait_until(lambda: not desk.training.running and not desk.jobs.runs)
    assert not problems


def test_the_whole_loop(window: Window, shared: Path, settle: Settle, wait_until: Wait) -> None:
    desk = window.desk
    open_and_train(window, harmless(shared), wait_until)
    state = desk.state
    assert len(state.dataset) == 2312
    run = state.runs[0]
    assert state.run == run.id
    assert run.metrics["heldout_accuracy"] > run.metrics["baselines"]["length"]
    assert run.metrics["headline"].startswith(f"Held-out accuracy is {run.metrics['heldout_accuracy']:.2f}")
    for name in window.rail.buttons:
        window.show_pane(name)
        settle(window)
        pane = window.panes[name]
        assert pane.header.headline.text or pane.why_empty(desk.state), name
        assert not pane.error.isVisible(), name

    window.show_pane("calibration")
    settle(window)
    calibration = window.panes["calibration"]
    place = 3
    expected = desk.state.columns.take(desk.state.shown)["pair"][calibration.shown.bin_of == place]
    calibration.reliability.picked.emit([place], "replace")
    assert sorted(np.flatnonzero(desk.state.selection.mask)) == sorted(expected)
    assert f"{len(expected)} pairs selected" in window.topbar.selection.text()
    window.show_pane("data")
    settle(window)
    assert window.panes["data"].result.rows.tolist() == sorted(expected)
    assert desk.walk.tolist() == sorted(expected)
    assert desk.state.focus in expected


def test_that_a_run_can_be_paused_slowed_and_stopped(window: Window, shared: Path, wait_until: Wait) -> None:
    desk = window.desk
    desk.open([harmless(shared)])
    wait_until(lambda: desk.state.dataset is not None)
    desk.training.start()
    live = desk.training.live
    wait_until(lambda: live.phase == "training" and live.epoch >= 2)
    desk.train_or_pause()
    assert live.run.paused
    stood = live.version
    window.desk.jobs.drain()
    epoch = live.epoch
    desk.training.set_learning_rate(1e-5)
    desk.stop_training()
    wait_until(lambda: not desk.training.running)
    assert live.phase == "done" and stood <= live.version
    metrics = desk.state.runs[0].metrics
    assert metrics["stopped"] == "person" and epoch <= metrics["epochs"] < 60


def test_that_cancel_keeps_nothing(window: Window, shared: Path, wait_until: Wait) -> None:
    desk = window.desk
    desk.open([harmless(shared)])
    wait_until(lambda: desk.state.dataset is not None)
    desk.training.start()
    wait_until(lambda: desk.training.live.phase == "training")
    desk.cancel_training()
    wait_until(lambda: not desk.training.running)
    assert desk.state.runs == () and desk.state.rewards is None
    wait_until(lambda: not desk.jobs.runs)


def test_that_a_worker_killed_while_it_encodes_is_reported_and_the_next_run_works(
    window: Window, shared: Path, wait_until: Wait
) -> None:
    desk, problems = window.desk, []
    desk.problem.connect(problems.append)
    desk.open([harmless(shared)])
    wait_until(lambda: desk.state.dataset is not None)
    desk.training.start()
    os.kill(desk.jobs._worker.pid, signal.SIGKILL)
    wait_until(lambda: bool(problems))
    assert desk.training.live.phase == "failed"
    assert "worker" in str(problems[0])
    desk.training.start()
    wait_until(lambda: not desk.training.running)
    assert desk.training.live.phase == "done"


def test_that_the_window_comes_back_as_it_was_left(
    window: Window, shared: Path, settle: Settle, wait_until: Wait, tmp_path: Path
) -> None:
    desk = window.desk
    open_and_train(window, harmless(shared), wait_until)
    desk.set_query("words>50")
    desk.marks.put(7, star=True, note="look at this")
    desk.look_at(7)
    desk.set_scope("all")
    window.show_pane("calibration")
    settle(window)
    window.keep_view()
    again = make_window(Project(tmp_path / "test.rmx"), "light")
    reopen(again, again.restore_view())
    state = again.desk.state
    wait_until(lambda: again.desk.state.rewards is not None)
    state = again.desk.state
    assert (state.pane, state.query, state.focus, state.scope) == ("calibration", "words>50", 7, "all")
    assert state.marks[7].note == "look at this" and state.marks[7].star
    assert np.allclose(state.rewards.response, desk.state.rewards.response)
    again.desk.close()
    again.deleteLater()


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "empty"),
        ("nothing here that is JSON\nor a table", ""),
        ('{"prompt": "a", "completion": "b", "label": true}\n' * 3, ""),
        ('{"prompt": "a", "chosen": "x", "rejected": "x"}\n' * 3, "identical"),
    ],
)
def test_that_a_bad_file_gets_one_sentence_and_the_window_goes_on(
    window: Window, tmp_path: Path, wait_until: Wait, content: str, said: str
) -> None:
    desk, problems = window.desk, []
    desk.problem.connect(problems.append)
    bad = tmp_path / "bad.jsonl"
    bad.write_text(content)
    desk.open([str(bad)])
    wait_until(lambda: bool(problems))
    assert isinstance(problems[0], Problem) and problems[0].remedy
    assert said in str(problems[0])
    assert window.error.isVisible()
    good = tmp_path / "good.jsonl"
    good.write_text(
        "".join(f'{{"prompt": "p{i}", "chosen": "good answer {i}", "rejected": "bad {i}"}}\n' for i in range(3))
    )
    desk.open([str(good)])
    wait_until(lambda: desk.state.dataset is not None)
    assert not window.error.isVisible()


def test_that_three_pairs_are_looked_at_but_too_few_to_train_on(
    window: Window, tmp_path: Path, settle: Settle, wait_until: Wait
) -> None:
    desk, problems = window.desk, []
    desk.problem.connect(problems.append)
    good = tmp_path / "three.jsonl"
    good.write_text(
        "".join(f'{{"prompt": "p{i}", "chosen": "good answer {i}", "rejected": "bad {i}"}}\n' for i in range(3))
    )
    desk.open([str(good)])
    wait_until(lambda: desk.state.dataset is not None)
    window.show_pane("train")
    settle(window)
    assert window.panes["train"].header.headline.text == "3\N{NO-BREAK SPACE}pairs with a winner are too few to train a head."
    QtBot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: bool(problems))
    assert str(problems[0]).startswith("three.jsonl: 3\N{NO-BREAK SPACE}pairs with a winner are too few to train a head; open 5 pairs")
    assert window.error.isVisible() and not desk.training.running and not desk.jobs.runs
    for name in window.rail.buttons:
        window.show_pane(name)
        settle(window)
        assert not window.panes[name].error.isVisible(), name


def test_that_closing_while_a_job_runs_asks_and_leaves_no_process(
    window: Window, shared: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, asked = window.desk, []
    desk.open([harmless(shared)])
    monkeypatch.setattr(Window, "confirm", lambda self, question, detail, yes: bool(asked.append(question)))
    assert not window.close()
    assert asked and "still running" in asked[0]
    child = desk.jobs._worker.pid
    assert alive(child)
    monkeypatch.setattr(Window, "confirm", lambda self, question, detail, yes: True)
    assert window.close()
    wait_until(lambda: not alive(child))


def test_that_kill_9_of_the_program_leaves_no_worker_behind(tmp_path: Path, wait_until: Wait) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom rmexplorer.gui.main import application, make_window\n"
        "from rmexplorer.project import Project\n"
        "if __name__ == '__main__':\n"
        "    window = make_window(Project(Path(sys.argv[1])), 'light')\n    window.desk.jobs.warm()\n"
        "    while window.desk.jobs._worker.pid is None: time.sleep(0.01)\n"
        "    print(window.desk.jobs._worker.pid, flush=True)\n    application().exec()\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    root = Path(__file__).parents[2]
    program = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "a.rmx")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    worker = int(program.stdout.readline())
    assert alive(worker)
    program.kill()
    program.wait()
    program.stdout.close()
    wait_until(lambda: not alive(worker))
