"""How long a filter takes on a million pairs: from the query to the table that shows its rows, facets counted anew."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.common import made_pairs

QUERIES = (
    "words>200",
    "source:alpha",
    "length_ratio<1",
    "p_chosen>0.9",
    "words>100 source:beta,gamma",
    "quality_chosen<0",
    "I hope",
    "-source:alpha words<60",
)
ROUNDS = 3


def measure() -> dict[str, float]:
    """filter_million_ms: the median over queries of their median time; filter_million_slowest_ms: that of the slowest."""
    from PySide6.QtCore import QEventLoop

    from rmexplorer.data.dataset import Dataset
    from rmexplorer.data.query import matching
    from rmexplorer.gui.main import application, make_window
    from rmexplorer.job import finish
    from rmexplorer.project import Project
    from rmexplorer.workflows.opening import open_files

    folder = Path(finish(open_files([str(made_pairs(1_000_000))])))
    app = application()
    with tempfile.TemporaryDirectory() as home:
        window = make_window(Project(Path(home, "bench.rmx")), "light")
        window.resize(1440, 900)
        window.show()
        desk = window.desk
        desk.show_dataset(Dataset.open(folder), folder)
        window.show_pane("data")
        pane = window.pane("data")

        def wait(true: Callable[[], bool]) -> None:
            end = time.monotonic() + 120
            while not true():
                if time.monotonic() > end:
                    raise RuntimeError("the table did not follow")
                app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)

        wait(lambda: pane.settled and desk.compute.idle)
        assert desk.state.frame is not None
        medians = []
        for query in QUERIES:
            rows = int(matching(desk.filter_frame(), query).sum())
            times = []
            for _ in range(ROUNDS):
                desk.set_query("")
                wait(lambda: pane.settled and desk.compute.idle)
                started = time.perf_counter()
                desk.set_query(query)
                wait(lambda query=query: desk.state.query == query and pane.settled)
                pane.table.viewport().repaint()
                times.append(time.perf_counter() - started)
                assert len(pane.rows.rows) == rows > 0, query
            medians.append(1000 * statistics.median(times))
        desk.close()
        window.deleteLater()
        app.processEvents()
    return {"filter_million_ms": statistics.median(medians), "filter_million_slowest_ms": max(medians)}
