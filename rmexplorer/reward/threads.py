"""How many threads share a step of training: two on a quiet machine, one on a busy one.

Threads that share a step wait for each other by looking again and again. Where another program holds a core, a step
that takes 1 ms then takes 20 to 30 ms, while one thread alone loses half of the speed. So both are timed while training
runs. The numbers do not depend on the choice: see `kernels`.
"""

from __future__ import annotations

import os
import threading
from statistics import median

from threadpoolctl import threadpool_limits

TRIAL_STEPS = 5
TRIAL_LOSS, LOSS = 0.025, 0.06
FIRST_WAIT, LONGEST_WAIT = 0.2, 4.0


class _OneThreadBlas:
    """The BLAS on one thread for as long as anybody trains: it would start threads beside those that share a step."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limits: threadpool_limits | None = None

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._limits = threadpool_limits(1, "blas")

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._limits is not None:
                self._limits.restore_original_limits()
                self._limits = None


_BLAS = _OneThreadBlas()


def _processors() -> int:
    """How many this process may use; all of them where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class StepThreads:
    """Chooses between one and two threads from the seconds that steps took; `restore` gives the BLAS back its threads.

    Two are left when they have lost 60 ms against one, where the time that they win pays for what they lose: a single
    hiccup, as every machine has them, changes nothing. They are tried again after 0.2 to 4 s.
    """

    def __init__(self, processors: int | None = None) -> None:
        processors = _processors() if processors is None else processors
        self.adaptive = processors > 1
        self.two = False
        self._alone = 0.0
        self._trial: list[float] = []
        self._trying = self.adaptive
        self._since, self._lost, self._wait = 0.0, 0.0, FIRST_WAIT
        self._entered = True
        _BLAS.enter()

    def _use(self, two: bool) -> None:
        self.two = two
        self._trial.clear()
        self._since = self._lost = 0.0

    def restore(self) -> None:
        """Give the BLAS back the threads it had, unless others still train."""
        if self._entered:
            self._entered = False
            _BLAS.leave()

    def took(self, seconds: float, steps: int = 1) -> None:
        """Take note of the seconds of some steps, and change `two` where that pays."""
        if not self.adaptive:
            return
        self._since += seconds
        if self.two:
            self._lost = max(0.0, self._lost + seconds - steps * self._alone)
        each = seconds / steps
        if self._trying:
            self._try(each)
        elif not self.two:
            # mostly the fastest steps count: on a busy machine slow ones say nothing about the work
            self._alone += (each - self._alone) * (0.2 if each < self._alone else 0.02)
            if self._since > self._wait:
                self._trying = True
                self._use(two=True)
        elif self._lost > LOSS:
            self._leave(FIRST_WAIT if self._since > 1 else 2 * self._wait)

    def _try(self, seconds: float) -> None:
        self._trial.append(seconds)
        if not self.two:
            if len(self._trial) == TRIAL_STEPS:
                self._alone = median(self._trial[1:])
                self._use(two=True)
        elif self._lost > TRIAL_LOSS:
            self._leave(2 * self._wait)
        elif len(self._trial) == TRIAL_STEPS:
            self._trying = False
            if median(self._trial[1:]) > self._alone:  # the first wakes the threads
                self._leave(2 * self._wait)

    def _leave(self, wait: float) -> None:
        self._trying = False
        self._wait = min(wait, LONGEST_WAIT)
        self._use(two=False)
