"""How smooth the window is: gaps of the event loop while it opens, encodes and trains; time to the first painted window."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.common import ROOT, shared

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

ROUNDS = 5

EMPTY = """
import os, sys
import numpy, pyqtgraph
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
app = QApplication(sys.argv)
class Window(QWidget):
    def paintEvent(self, event):
        os._exit(0)
window = Window()
QVBoxLayout(window).addWidget(pyqtgraph.PlotWidget())
window.resize(1440, 900)
window.show()
app.exec()
"""
OURS = """
import os
from rmexplorer.gui.main import application, make_window


window = make_window()
window.resize(1440, 900)
def painted(event, inner=type(window).paintEvent):
    inner(window, event)
    os._exit(0)
window.paintEvent = painted
window.show()
application().exec()
"""


def _seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - started


def window_start() -> dict[str, float]:
    """Start of a process to its first painted window, against an empty PySide6 and pyqtgraph window, interleaved."""
    ours, empty = [], []
    for round_number in range(ROUNDS + 1):
        times = _seconds(OURS), _seconds(EMPTY)
        if round_number:  # the first round fills the file cache
            ours.append(times[0])
            empty.append(times[1])
    return {
        "window_seconds": statistics.median(ours),
        "window_empty_seconds": statistics.median(empty),
        "window_vs_empty": statistics.median(a / b for a, b in zip(ours, empty, strict=True)),
    }


class Gaps:
    """Gaps between the turns of the event loop, beyond a pace of 1 ms, from `start` to `stop`."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.seconds: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now

    def start(self) -> None:
        """Begin to measure."""
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """End it; what closing the window takes is not part of it."""
        self._timer.stop()


def stalls() -> dict[str, float]:
    """Gaps of the event loop while HH helpful-base is opened, encoded and trained, Train in sight; and opened again.

    Opened again it has a run, whose head is read and scores the pairs.
    """
    from PySide6.QtCore import QTimer

    from rmexplorer.gui.main import application, make_window, warm

    app = application()
    window = make_window()
    window.resize(1440, 900)
    window.show()
    warm(window)
    window.show_pane("train")
    desk = window.desk
    desk.problem.connect(lambda problem: (print(problem, file=sys.stderr), app.exit(1)))
    _turn(app, 4)  # the worker warms up while a person chooses a file

    def train_once(state: object, names: frozenset[str]) -> None:
        if "dataset" in names:
            desk.session.put(pane="train")
            desk.training.start()

    def scored(state: object, names: frozenset[str]) -> None:
        if "rewards" in names:
            QTimer.singleShot(500, lambda: app.exit(0))

    path = str(shared("data/real/hh_rlhf/helpful-base"))
    desk.session.changed.connect(train_once)
    desk.training.finished.connect(lambda _: QTimer.singleShot(500, lambda: app.exit(0)))
    trained = _measured(app, lambda: desk.open([path]))
    desk.session.changed.disconnect(train_once)
    desk.session.changed.connect(scored)
    again = _measured(app, lambda: desk.open([path]))
    window.close()
    return {
        "stall_max_ms": float(trained.max()),
        "stall_p99_ms": float(np.quantile(trained, 0.99)),
        "stall_over_16ms": float(np.count_nonzero(trained > 16)),
        "stall_seconds": float(np.sum(trained) / 1000),
        "stall_reopen_max_ms": float(again.max()),
    }


def _turn(app: QApplication, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.002)


def _measured(app: QApplication, begin: Callable[[], None]) -> np.ndarray:
    """(turns,) ms between turns of the event loop from `begin` until the application is told to exit."""
    gaps = Gaps()
    gaps.start()
    begin()
    code = app.exec()
    gaps.stop()
    if code:
        raise RuntimeError("the run in the window did not end well")
    return np.array(gaps.seconds) * 1000


def measure() -> dict[str, float]:
    """Both, the start in processes of their own."""
    return {**window_start(), **stalls()}
