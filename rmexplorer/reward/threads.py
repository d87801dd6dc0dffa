"""How many threads the matrix products of training use: all of them on a quiet machine, one on a busy one.

OpenBLAS threads wait for each other by spinning. Where another program holds a core, a step that takes 1 ms then takes
20 to 30 ms, while one thread alone loses a third of the speed. So both are timed while training runs. The numbers
do not depend on the choice: OpenBLAS splits products by rows and columns of the result, never within a sum.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from threadpoolctl import ThreadpoolController

TRIAL_STEPS = 5
TRIAL_LOSS, LOSS = 0.025, 0.06
FIRST_WAIT, LONGEST_WAIT = 0.2, 4.0


class BlasThreads:
    """Chooses between one and all threads of the BLAS from the seconds that steps took; `restore` undoes it.

    All threads are left when they have lost 60 ms against one thread, where the time that they win pays for what they
    lose: a single hiccup, as every machine has them, changes nothing. They are tried again after 0.2 to 4 s.
    """

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
        self._since, self._lost, self._wait = 0.0, 0.0, FIRST_WAIT
        if self.adaptive:
            self._use(single=True)

    def _use(self, single: bool) -> None:
        self.single = single
        self._trial.clear()
        self._since = self._lost = 0.0
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
        self._since += seconds
        if not self.single:
            self._lost = max(0.0, self._lost + seconds - self._alone)
        if self._trying:
            self._try(seconds)
        elif self.single:
            # mostly the fastest steps count: on a busy machine slow ones say nothing about the work
            self._alone += (seconds - self._alone) * (0.2 if seconds < self._alone else 0.02)
            if self._since > self._wait:
                self._trying = True
                self._use(single=False)
        elif self._lost > LOSS:
            self._leave(FIRST_WAIT if self._since > 1 else 2 * self._wait)

    def _try(self, seconds: float) -> None:
        self._trial.append(seconds)
        if self.single:
            if len(self._trial) == TRIAL_STEPS:
                self._alone = median(self._trial[1:])
                self._use(single=False)
        elif self._lost > TRIAL_LOSS:
            self._leave(2 * self._wait)
        elif len(self._trial) == TRIAL_STEPS:
            self._trying = False
            if median(self._trial[1:]) > self._alone:  # the first wakes the threads
                self._leave(2 * self._wait)

    def _leave(self, wait: float) -> None:
        self._trying = False
        self._wait = min(wait, LONGEST_WAIT)
        self._use(single=True)
