"""How many threads the matrix products of training use: all of them on a quiet machine, one on a busy one.

OpenBLAS threads wait for each other by spinning. Where another program holds a core, a step that takes 1 ms then takes
20 to 30 ms, while one thread alone loses a third of the speed. So both are timed while training runs. The numbers
do not depend on the choice: OpenBLAS splits products by rows and columns of the result, never within a sum.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from threadpoolctl import ThreadpoolController

TRIAL_STEPS = 4
WINDOW_STEPS = 8
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0


class BlasThreads:
    """Chooses between one and all threads of the BLAS from the seconds that steps took; `restore` undoes it."""

    def __init__(self, libraries: list[Any] | None = None) -> None:
        if libraries is None:
            found = ThreadpoolController().lib_controllers
            libraries = [library for library in found if library.internal_api == "openblas"]
        self._libraries = [(library, library.get_num_threads()) for library in libraries]
        self.adaptive = any(threads > 1 for _, threads in self._libraries)
        self.single = False
        self._alone = 0.0
        self._trial: list[float] = []
        self._trying = self.adaptive
        self._recent: deque[float] = deque(maxlen=WINDOW_STEPS)
        self._since, self._wait = 0.0, FIRST_WAIT
        if self.adaptive:
            self._use(single=True)

    def _use(self, single: bool) -> None:
        self.single = single
        self._trial.clear()
        self._recent.clear()
        self._since = 0.0
        for library, threads in self._libraries:
            library.set_num_threads(1 if single else threads)

    def restore(self) -> None:
        """Give the BLAS back the threads it had."""
        for library, threads in self._libraries:
            library.set_num_threads(threads)

    def took(self, seconds: float) -> None:
        """Take note of the seconds of one step, and change the number of threads where that pays."""
        if not self.adaptive:
            return
        if self._trying:
            self._try(seconds)
        elif self.single:
            self._alone += (seconds - self._alone) / WINDOW_STEPS
            self._since += seconds
            if self._since > self._wait:
                self._trying = True
                self._use(single=False)
        else:
            self._recent.append(seconds)
            if len(self._recent) == WINDOW_STEPS and sum(self._recent) > 1.5 * WINDOW_STEPS * self._alone:
                self._wait = FIRST_WAIT
                self._use(single=True)

    def _try(self, seconds: float) -> None:
        self._trial.append(seconds)
        if self.single:
            if len(self._trial) == TRIAL_STEPS:
                self._alone = min(self._trial)
                self._use(single=False)
        elif seconds > (4 if len(self._trial) > 1 else 10) * self._alone:
            self._back()
        elif len(self._trial) == TRIAL_STEPS:
            if sum(self._trial[1:]) < (TRIAL_STEPS - 1) * self._alone:  # the first wakes the threads
                self._trying = False
                self._use(single=False)
            else:
                self._back()

    def _back(self) -> None:
        self._trying = False
        self._use(single=True)
        self._wait = min(2 * self._wait, LONGEST_WAIT)
