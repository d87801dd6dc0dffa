"""Start the window: the application, the theme, the desk, what was open last time."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from rmexplorer.app.desk import Desk
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui import LATE
from rmexplorer.gui.pane import PANES
from rmexplorer.gui.theme import themes
from rmexplorer.gui.widgets import show_focus
from rmexplorer.gui.window import Window
from rmexplorer.late import bring
from rmexplorer.paths import data_dir, resource
from rmexplorer.problem import Problem
from rmexplorer.project import Project
from rmexplorer.workflows import files

if TYPE_CHECKING:
    import polars as pl

WARM_MS = 300
SWITCH_SECONDS = 0.001  # how long a thread that computes may keep the interpreter while the window waits


def application() -> QApplication:
    """The one QApplication, made if there is none."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    made = QApplication(sys.argv[:1])
    made.setApplicationName("rmexplorer")
    made.setDesktopFileName("rmexplorer")
    made.setWindowIcon(QIcon(str(resource("rmexplorer.svg"))))
    return made


def make_window(project: Project | None = None, theme: str = "") -> Window:
    """A dressed window on a desk of its own, not shown yet."""
    sys.setswitchinterval(SWITCH_SECONDS)
    app = application()
    desk = Desk(project)
    kept = desk.project.view().get("theme")
    themes.apply(app, theme or (kept if kept in ("light", "dark") else "system"))
    window = Window(desk)
    window.rings = show_focus(app)
    return window


def reopen(window: Window, view: dict[str, Any]) -> None:
    """Bring back the dataset, run, filter and pane that the window was left with; a large dataset in a thread."""
    folder = Path(str(view.get("dataset") or ""))
    if not view.get("dataset"):
        if view.get("source"):  # it was still being read
            _read_anew(window, view, None)
        return
    if Dataset.is_large(folder):
        window.desk.jobs.start(
            "Opening what was open last time",
            files.load(folder),
            done=lambda loaded: _bring_back(window, view, folder, *loaded),
            failed=lambda problem: _read_anew(window, view, problem),
        )
        return
    try:
        dataset = Dataset.open(folder)
    except Problem as problem:
        _read_anew(window, view, problem)
        return
    _bring_back(window, view, folder, dataset)


def _read_anew(window: Window, view: dict[str, Any], problem: Problem | None) -> None:
    """Read the files again whose dataset is not in the cache; without them there is only the problem to tell."""
    sources = str(view.get("source") or "").split("\n")
    if all(source and Path(source).exists() for source in sources):
        window.desk.open(sources)
    elif problem is not None:
        window.desk.report(problem)


def _bring_back(
    window: Window, view: dict[str, Any], folder: Path, dataset: Dataset, frame: pl.DataFrame | None = None
) -> None:
    desk = window.desk
    desk.show_dataset(dataset, folder, frame)
    if view.get("source"):
        desk.opening.came_from(str(view["source"]).split("\n"))
    run = view.get("run")
    if run and any(one.id == run for one in desk.state.runs) and run != desk.state.runs[0].id:
        desk.use_run(run)
    if isinstance(view.get("query"), str) and view["query"]:
        desk.set_query(view["query"])
    if isinstance(view.get("focus"), int):
        desk.look_at(view["focus"])
    if view.get("scope") in ("heldout", "training", "all"):
        desk.set_scope(view["scope"])
    if view.get("pane") in {*window.rail.buttons, "welcome"}:
        desk.session.put(pane=view["pane"])


def watch_for_bugs(window: Window) -> None:
    """An exception that nobody caught becomes a notice with details to copy, and a line in the log; the program goes on."""
    log = logging.getLogger("rmexplorer")
    log.setLevel(logging.INFO)
    log.addHandler(logging.FileHandler(data_dir() / "rmexplorer.log", encoding="utf-8", delay=True))

    def caught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        details = "".join(traceback.format_exception(kind, error, trace))
        log.error(details)
        window.desk.last_crash = details
        window.desk.report(
            Problem(
                f"Something went wrong inside rmexplorer ({kind.__name__})",
                "copy the details and report it",
                "copy_error",
            )
        )

    sys.excepthook = caught
    threading.excepthook = lambda given: caught(
        given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback
    )


def warm(window: Window) -> None:
    """Bring in, beside the window, what the first dataset will need: the worker process and the late libraries."""
    window.desk.jobs.warm()

    def fetch() -> None:
        bring(*LATE)
        PANES.values()
        from rmexplorer.reward import step

        step.warm()
        gc.freeze()  # what is loaded stays: no collection has to walk over it and hold up the window

    threading.Thread(target=fetch, name="rmexplorer warm-up", daemon=True).start()


def main(files: list[str]) -> int:
    """Open the window, with files if given; returns the exit code."""
    window = make_window()
    watch_for_bugs(window)
    view = window.restore_view()
    if window.size().width() < 1024 or not view.get("geometry"):
        window.resize(1440, 900)
    window.show()
    app = application()
    signal.signal(signal.SIGINT, lambda *_: app.quit())
    ticking = QTimer()
    ticking.timeout.connect(lambda: None)  # lets Python see Ctrl+C
    ticking.start(200)
    if files:
        window.desk.open(files)
    else:
        QTimer.singleShot(0, lambda: reopen(window, view))
    QTimer.singleShot(WARM_MS, lambda: warm(window))
    code = app.exec()
    window.desk.close()
    return code
