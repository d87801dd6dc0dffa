"""A million pairs as parquet in the real window: until the first rows are in sight, at rest, sorted, searched, counted."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.common import made_pairs, resident

SEARCHES = ("I hope", "zzzqq", "/ka(be|ba)tedi nofo/")
SORTS = ("words", "length_ratio")
FILTERS = ("words>100", "source:alpha", "p_chosen>0.9", "quality_chosen<0")
ROUNDS = 3
WARM_SECONDS, REST_SECONDS = 4, 2
PATIENCE = 3_600


@dataclass
class Opened:
    """A window that has opened a file: seconds until first rows and until all, the peak memory of it and its worker, and the
    longest turn of its event loop (seconds) since."""

    pane: Any
    desk: Any
    first_seconds: float
    whole_seconds: float
    peak: list[int]
    stall: list[float]
    turn: Callable[[Callable[[], bool]], float]


def measured(path: Path, pairs_at_least: int, measure: Callable[[Opened], dict[str, float]]) -> dict[str, float]:
    """Open a file in a new window, and measure; the first rows have to be a preview, and all pairs there in the end."""
    import os

    from PySide6.QtCore import QEventLoop

    from rmexplorer.gui.main import application, make_window, warm
    from rmexplorer.project import Project

    app = application()

    def turn(until: Callable[[], bool]) -> float:
        started = before = time.perf_counter()
        while not until():
            if before - started > PATIENCE:
                raise RuntimeError("the window did not follow")
            app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            time.sleep(0.001)
            now = time.perf_counter()
            stall[0], before = max(stall[0], now - before), now
        return time.perf_counter() - started

    peak, stall, ended = [0], [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], resident(os.getpid()))

    watcher = threading.Thread(target=watch)
    with tempfile.TemporaryDirectory() as home:
        window = make_window(Project(Path(home, "bench.rmx")), "light")
        try:
            window.resize(1440, 900)
            window.show()
            warm(window)
            begun = time.perf_counter()
            turn(lambda: time.perf_counter() - begun > WARM_SECONDS)  # a person chooses a file
            watcher.start()
            desk = window.desk
            problems: list[object] = []
            desk.problem.connect(problems.append)
            started, stall[0] = time.perf_counter(), 0.0
            desk.open([str(path)])
            turn(lambda: bool(problems) or ("data" in window.panes and len(window.pane("data").rows.rows) > 0))
            if problems:
                raise RuntimeError(str(problems[0]))
            pane = window.pane("data")
            pane.table.viewport().repaint()
            first = time.perf_counter() - started
            assert desk.state.partial is not None and pane.preview.isVisible()
            turn(lambda: bool(problems) or (desk.state.partial is None and pane.settled and not desk.jobs.runs))
            if problems:
                raise RuntimeError(str(problems[0]))
            whole = time.perf_counter() - started
            assert len(pane.rows.rows) == len(desk.state.dataset) >= pairs_at_least
            turn(lambda: desk.compute.idle)
            return measure(Opened(pane, desk, first, whole, peak, stall, turn))
        finally:
            ended.set()
            if watcher.ident is not None:
                watcher.join()
            window.desk.close()
            window.deleteLater()
            app.processEvents()


def searched(opened: Opened, query: str) -> float:
    """Seconds from a filter to the table that shows its rows."""
    pane, desk = opened.pane, opened.desk
    desk.set_query("")
    opened.turn(lambda: pane.settled and desk.compute.idle)
    desk.set_query(query)
    return opened.turn(lambda: desk.state.query == query and pane.settled and desk.compute.idle)


def sorted_by(opened: Opened, key: str) -> float:
    """Seconds from a press on the header to the table in its order."""
    opened.pane.set_sort("pair", False)
    opened.turn(lambda: opened.pane.settled)
    opened.pane.set_sort(key, True)
    return opened.turn(lambda: opened.pane.settled)


def figures(opened: Opened) -> dict[str, float]:
    """All but the opening."""
    import gc
    import os

    from rmexplorer.data.facets import facet, facet_columns
    from rmexplorer.data.query import matching

    searches = [searched(opened, query) for query in SEARCHES]
    opened.desk.set_query("")
    sorts = [sorted_by(opened, key) for key in SORTS]
    frame = opened.desk.filter_frame()
    facets = [made for name in facet_columns(frame) if (made := facet(frame, name)) is not None]
    assert len(facets) >= 6
    counts = []
    for query in FILTERS:
        mask = matching(frame, query)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for one in facets:
                one.count(mask)
            counts.append(time.perf_counter() - started)
    gc.collect()
    resting = time.perf_counter()
    opened.turn(lambda: time.perf_counter() - resting > REST_SECONDS)
    return {"size_sort_seconds": max(sorts), "size_search_seconds": max(searches),
            "size_facets_ms": 1000 * statistics.median(counts), "size_rest_gb": resident(os.getpid()) / 1e9}


def measure() -> dict[str, float]:
    """size_first_rows_seconds, size_rest_gb (window and worker, once searched and sorted), size_sort_seconds and
    size_search_seconds (the slowest), size_facets_ms (all facets counted anew), size_whole_seconds, size_peak_gb, and
    size_stall_ms, the longest turn of the event loop until all is there and its quality known."""

    def all_of(opened: Opened) -> dict[str, float]:
        return {"size_first_rows_seconds": opened.first_seconds, "size_whole_seconds": opened.whole_seconds,
                "size_stall_ms": 1000 * opened.stall[0], **figures(opened), "size_peak_gb": opened.peak[0] / 1e9}

    return measured(made_pairs(1_000_000), 990_000, all_of)
