"""How smooth the window is: gaps of the event loop while it opens, encodes and trains; time to the first painted window."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np

from tests.bench.common import ROOT, shared

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


def stalls() -> dict[str, float]:
    """Gaps of the event loop beyond its own pace while HH helpful-base is opened, encoded and trained, Train in sight."""
    from PySide6.QtCore import QTimer

    from rmexplorer.gui.main import application, make_window, warm

    app = application()
    window = make_window()
    window.resize(1440, 900)
    window.show()
    warm(window)
    window.show_pane("train")
    pause = time.monotonic() + 4  # the worker warms up while a person chooses a file
    while time.monotonic() < pause:
        app.processEvents()
        time.sleep(0.002)
    gaps: list[float] = []
    last = [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    timer = QTimer()
    timer.setInterval(1)
    timer.timeout.connect(tick)
    desk = window.desk
    desk.training.finished.connect(lambda _: QTimer.singleShot(500, app.quit))
    desk.problem.connect(lambda problem: (print(problem, file=sys.stderr), app.exit(1)))

    def train_once(state: object, names: frozenset[str]) -> None:
        if "dataset" in names:
            desk.session.put(pane="train")
            desk.training.start()

    desk.session.changed.connect(train_once)
    last[0] = time.perf_counter()
    timer.start()
    desk.open([str(shared("data/real/hh_rlhf/helpful-base"))])
    code = app.exec()
    timer.stop()
    desk.close()
    if code:
        raise RuntimeError("the run in the window did not end well")
    milliseconds = np.array(gaps) * 1000
    return {
        "stall_max_ms": float(milliseconds.max()),
        "stall_p99_ms": float(np.quantile(milliseconds, 0.99)),
        "stall_over_16ms": float(np.count_nonzero(milliseconds > 16)),
        "stall_seconds": float(np.sum(gaps)),
    }


def measure() -> dict[str, float]:
    """Both, the start in processes of their own."""
    return {**window_start(), **stalls()}
