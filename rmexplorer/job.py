"""A job is a generator: it yields Progress, returns its result, and cleans up in `finally`.

To cancel a job is to `close()` it; to pause it is not to call `next`. The command line, the tests and the window run the
same function. A plain function that takes long, such as an analysis, calls `beat`: who runs it hears how far it is, and
can end it there; where nobody listens a beat does nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rmexplorer.problem import no_memory

Result = TypeVar("Result")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Progress:
    """How far a job is: `done` of `total` units (total 0: not known), what it does now, and a beat's payload."""

    done: int
    total: int = 0
    note: str = ""
    data: Any = None

    @property
    def share(self) -> float | None:
        """The finished share in [0, 1], or None where the total is not known."""
        return min(1.0, self.done / self.total) if self.total > 0 else None


Job = Generator[Progress, None, Result]
Hear = Callable[[Progress | None], None]
_HEARS: ContextVar[Hear | None] = ContextVar("hears", default=None)


class Stopped(BaseException):
    """Nobody waits any more for what is computed. No Exception, so that nothing on the way takes it for a failure."""


def beat(progress: Progress | None = None) -> None:
    """Say how far a plain function is, or only that it goes on; ends it with Stopped where nobody waits for it."""
    hear = _HEARS.get()
    if hear is not None:
        hear(progress)


def heard(function: Callable[[], Result], hear: Hear) -> Result:
    """The result of `function()`, whose beats go to `hear`; what `hear` raises, such as Stopped, ends the function.

    Raises Problem where memory runs out.
    """
    token = _HEARS.set(hear)
    try:
        return function()
    except MemoryError as error:
        raise no_memory() from error
    finally:
        _HEARS.reset(token)


def finish(job: Job[Result], each: Callable[[Progress], None] | None = None) -> Result:
    """Run a job to its end, hand each Progress to `each`, and return the job's result.

    Beats of plain functions that the job calls go to `each` too; without it all go to who hears the caller, so that a
    job inside a figure is shown and ended like the rest of it. The job is closed (its `finally` runs) also when `each`
    raises, for example KeyboardInterrupt.
    """
    if each is None:
        return drive(job, _HEARS.get() or (lambda _: None))
    return drive(job, lambda progress: None if progress is None else each(progress))


def drive(job: Job[Result], hear: Hear) -> Result:
    """Run a job to its end as `finish` does; `hear` also hears None, where a plain function says no more than that it goes on."""
    try:
        while True:
            hear(heard(lambda: next(job), hear))
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        job.close()


@dataclass
class Pace:
    """Rate and time left of a job, smoothed over the beats seen so far."""

    clock: Callable[[], float] = time.monotonic
    started: float = field(default=0.0, init=False)
    first_done: int = field(default=0, init=False)
    note: str | None = field(default=None, init=False)

    def beat(self, progress: Progress) -> tuple[float | None, float | None]:
        """(units a second, seconds left) after this beat; None where it cannot be said yet."""
        now, note = self.clock(), _DIGITS.sub("#", progress.note)  # "epoch 3 of 60" goes on in "epoch 4 of 60"
        if self.note != note or progress.done < self.first_done:
            self.note, self.started, self.first_done = note, now, progress.done
            return None, None
        elapsed, units = now - self.started, progress.done - self.first_done
        if elapsed <= 0 or units <= 0:
            return None, None
        rate = units / elapsed
        return rate, (progress.total - progress.done) / rate if progress.total > 0 else None
