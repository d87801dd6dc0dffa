"""How long the Playground takes from a keystroke to the rewards on the screen, and to the words by either method."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

KEYS = 40
SENTENCE = " The tree wants light, and water every second day. I am certain of it."


def measure() -> dict[str, float]:
    """type_ms: median of 40 keys, from the key to painted rewards, in responses of about 100 words each."""
    from PySide6.QtTest import QTest

    from rmexplorer.gui.main import application, make_window
    from rmexplorer.gui.offscreen import open_and_train
    from rmexplorer.gui.panes.playground import PlaygroundPane
    from rmexplorer.project import Project
    from rmexplorer.workflows.files import demo_path

    app = application()
    with tempfile.TemporaryDirectory() as scratch:
        window = make_window(Project(Path(scratch) / "bench.rmx"), "light")
        try:
            window.resize(1440, 900)
            window.show()
            open_and_train(window, [str(demo_path())])
            window.show_pane("playground")
            pane = window.panes["playground"]
            assert isinstance(pane, PlaygroundPane)

            def until(there: Callable[[], bool]) -> float:
                started = time.perf_counter()
                while not there():
                    app.processEvents()
                    time.sleep(0.0005)
                app.processEvents()
                return 1000 * (time.perf_counter() - started)

            for card in pane.cards:
                card.edit.setPlainText(SENTENCE * 7)
            until(lambda: pane.settled and all(pane.words))
            waits = []
            for key in np.random.default_rng(0).integers(97, 123, KEYS):
                QTest.keyClick(pane.cards[1].edit, chr(int(key)))
                waits.append(until(lambda: pane.scored is not None and pane.scored.drafts == pane.drafts))
            until(lambda: pane.settled and all(pane.words))
        finally:
            window.desk.close()
    return {"type_ms": statistics.median(waits), "type_max_ms": max(waits)}
