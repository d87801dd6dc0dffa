"""Garbage that holds widgets is collected in the thread of the window, never in one that computes."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 200


class Collector(QObject):
    """While it lives, Python collects cyclic garbage from a timer of this thread instead of wherever it allocates.

    A widget in a reference cycle is deleted by the collection that finds it. In a thread that computes figures this
    deletes it while the window walks through its widgets, which ends the process.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._automatic = gc.isenabled()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the oldest generation that is due, as the automatic collection would."""
        due = [generation for generation, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
               if count > most]
        if due:
            gc.collect(due[-1])

    def close(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        if self._automatic:
            gc.enable()
