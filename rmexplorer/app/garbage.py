"""Garbage that holds widgets is collected in the thread of the window, never in one that computes."""

from __future__ import annotations

import gc
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 200


class Collector(QObject):
    """While it lives, Python collects cyclic garbage from a timer of this thread instead of wherever it allocates.

    A widget in a reference cycle is deleted by the collection that finds it. In a thread that computes figures this
    deletes it while the window walks through its widgets, which ends the process. The oldest generation, which takes
    some frames, waits until `idle()`.
    """

    def __init__(self, idle: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._idle = idle
        self._automatic = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the oldest generation that is due, as the automatic collection would."""
        for generation in (2, 1, 0):
            due = gc.get_count()[generation] > gc.get_threshold()[generation]
            if due and (generation < 2 or self._idle()):
                gc.collect(generation)
                return

    def close(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        if self._automatic:
            gc.enable()
