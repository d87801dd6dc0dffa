"""The whole loop without a display: open, train, fill every pane, and write a picture of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QEventLoop

from rmexplorer.gui.main import application, make_window
from rmexplorer.gui.window import Window
from rmexplorer.paths import data_dir
from rmexplorer.problem import Problem
from rmexplorer.project import Project

PATIENCE_SECONDS = 300.0


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Let the window live until `true()`; raises Problem after `seconds`."""
    app = application()
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise Problem(f"{what} did not end within {seconds:.0f} s", "look at the log and report it")
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.002)


def settle(window: Window) -> None:
    """Let the window live until everything in sight is computed and drawn."""
    for _ in range(3):
        for _ in range(5):
            application().processEvents()
        wait_until(lambda: window.panes[window.desk.state.pane].settled and window.desk.idle, "drawing")


def open_and_train(window: Window, files: list[str]) -> None:
    """Open files and train a head, and wait for both."""
    desk = window.desk
    problems: list[Problem] = []
    desk.problem.connect(problems.append)

    def happy() -> None:
        if problems:
            raise problems[0]

    before = desk.state.dataset
    desk.open(files)
    wait_until(lambda: bool(problems) or desk.state.dataset is not before, "opening")
    happy()
    if desk.state.rewards is None or desk.state.checkpoint is None:
        desk.training.start()
        wait_until(lambda: bool(problems) or not desk.training.running, "training")
        happy()
    wait_until(lambda: bool(problems) or not desk.jobs.runs, "the rest of the work")
    happy()


def pictures(window: Window, folder: Path, label: str = "") -> Iterator[Path]:
    """Write a picture of the window with each pane in turn."""
    for name in ["welcome", *window.rail.buttons]:
        window.show_pane(name)
        settle(window)
        path = folder / f"{name}{label}.png"
        if not window.grab().save(str(path)):
            raise Problem(f"{path}: cannot be written", "free space or choose another folder")
        yield path


def tour(files: list[str], folder: Path, theme: str = "light", size: tuple[int, int] = (1440, 900)) -> list[Path]:
    """Open and train on files in a window without a display and write a picture of each pane to `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{folder}: cannot be made ({error.strerror})", "choose another folder") from error
    project = Project(data_dir() / "tour.rmx")
    window = make_window(project, theme)
    try:
        window.resize(*size)
        window.show()
        open_and_train(window, files)
        return list(pictures(window, folder))
    finally:
        window.desk.close()
        window.deleteLater()
        application().processEvents()
