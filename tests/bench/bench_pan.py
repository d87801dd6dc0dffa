"""Panning with a million pairs: the scatter of Length & style in the real window, a step of the range and its repaint."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from tests.bench.common import made_pairs

STEPS = 120
SEED = 0


def measure() -> dict[str, float]:
    """Median and largest ms of a pan step with its repaint, and the seconds until the pane is drawn."""
    from rmexplorer.data.dataset import Dataset
    from rmexplorer.data.measure import word_count
    from rmexplorer.gui.main import application, make_window
    from rmexplorer.gui.offscreen import settle
    from rmexplorer.job import finish
    from rmexplorer.workflows.opening import open_files
    from rmexplorer.workflows.rewards import Rewards
    from rmexplorer.workflows.scoring import pair_rewards

    folder = Path(finish(open_files([str(made_pairs(1_000_000))])))
    dataset = Dataset.open(folder)
    noise = np.random.default_rng(SEED)
    words = word_count(dataset.responses["text"])
    reward = (0.4 * np.log2(np.maximum(words, 1)) - 2.5 + noise.normal(size=len(words))).astype(np.float32)
    first, second = pair_rewards(dataset, reward)
    window = make_window(theme="light")
    window.resize(1440, 900)
    window.show()
    desk, app = window.desk, application()
    desk.show_dataset(dataset, folder)
    desk.show_rewards(Rewards("model", "noise", reward, first, second, np.ones(len(dataset), bool)), None)
    started = time.perf_counter()
    window.show_pane("length_style")
    settle(window)
    drawn = time.perf_counter() - started
    view = window.pane("length_style").lengths.view
    paints: list[float] = []

    def painted(event: object, inner: object = view.paintEvent) -> None:
        inner(event)
        paints.append(time.perf_counter())

    view.paintEvent = painted
    steps = []
    for number in range(STEPS):
        before, count = time.perf_counter(), len(paints)
        across = view.box.viewRect().width() * (0.01 if number < STEPS // 2 else -0.01)
        view.box.translateBy(x=across, y=0)
        while len(paints) == count:
            app.processEvents()
        steps.append((time.perf_counter() - before) * 1000)
    slowest = _longest_gap_at_rest(app)
    desk.close()
    return {"pan_million_ms": statistics.median(steps), "pan_million_max_ms": max(steps),
            "pan_million_rest_gap_ms": slowest, "pan_million_drawn_seconds": drawn}


def _longest_gap_at_rest(app: object) -> float:
    """The longest ms that the event loop stood still in the second after the last step, while points are counted anew."""
    end, last, longest = time.perf_counter() + 1, time.perf_counter(), 0.0
    while last < end:
        app.processEvents()
        time.sleep(0.0005)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest * 1000
