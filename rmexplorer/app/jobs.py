"""Jobs as Qt sees them: started here, drained by one timer, at most one batch of beats a frame."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from rmexplorer.job import Job, Pace, Progress
from rmexplorer.problem import Problem
from rmexplorer.worker import Worker

FRAME_MS = 25
BEATS_AHEAD = 1_000


def _ignore(_: Any) -> None:
    pass


@dataclass(eq=False)
class Run:
    """One job that runs or waits: what the status strip shows, and what to do at its end."""

    title: str
    done: Callable[[Any], None]
    failed: Callable[[Problem], None]
    each: Callable[[Progress], None] = _ignore
    cancelled: Callable[[], None] = lambda: None
    quiet: bool = False
    progress: Progress = field(default_factory=lambda: Progress(0))
    rate: float | None = None
    left: float | None = None
    paused: bool = False
    finished: bool = False
    number: int | None = None
    thread: ThreadJob | None = None
    pace: Pace = field(default_factory=Pace)

    def beat(self, progress: Progress) -> None:
        """Take in one beat."""
        self.progress = progress
        rate, left = self.pace.beat(progress)
        self.rate, self.left = rate or self.rate, left if left is not None else self.left
        self.each(progress)


class ThreadJob:
    """A job in a thread of its own: the generator is driven there, beats are taken here. To pause is not to call next.

    A job that beats faster than they are taken waits, so that neither memory nor the time to take them grows.
    """

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        self.beats: deque[Progress] = deque()
        self.ending: tuple[str, Any] | None = None
        self._go = threading.Event()
        self._go.set()
        self._close = threading.Event()
        self._thread = threading.Thread(target=self._drive, name="rmexplorer job", daemon=True)
        self._thread.start()

    def _drive(self) -> None:
        try:
            while True:
                self._go.wait()
                if self._close.is_set():
                    self.ending = ("cancelled", None)
                    return
                self.beats.append(next(self._job))
                while len(self.beats) >= BEATS_AHEAD and not self._close.wait(FRAME_MS / 1000):
                    pass
        except StopIteration as end:
            self.ending = ("done", end.value)
        except Problem as problem:
            self.ending = ("problem", problem)
        except Exception:
            self.ending = ("crashed", traceback.format_exc())
        finally:
            self._job.close()

    def pause(self, paused: bool) -> None:
        """Hold the job, or let it go on."""
        self._go.clear() if paused else self._go.set()

    def cancel(self) -> None:
        """Close the job at its next beat."""
        self._close.set()
        self._go.set()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


class Jobs(QObject):
    """All running work. Thread jobs run at once; orders to the worker process wait in a queue, one at a time.

    `changed` is emitted when the list of runs or their progress changes (once a frame), `crashed(text)` with the
    traceback of a bug.
    """

    changed = Signal()
    crashed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[Run] = []
        self._worker: Worker | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.drain)

    def warm(self) -> None:
        """Start the worker process, so that the first order does not wait for it."""
        if self._worker is None:
            self._worker = Worker()
        self._worker.warm()

    def order(
        self,
        title: str,
        module: str,
        function: str,
        arguments: tuple[Any, ...],
        done: Callable[[Any], None],
        failed: Callable[[Problem], None],
        **more: Any,
    ) -> Run:
        """Run `module.function(*arguments)`, a job, in the worker process; arguments are paths and keys, never arrays."""
        if self._worker is None:
            self._worker = Worker()
        run = Run(title, done, failed, number=self._worker.order(module, function, *arguments), **more)
        self._begin(run)
        return run

    def start(
        self, title: str, job: Job[Any], done: Callable[[Any], None], failed: Callable[[Problem], None], **more: Any
    ) -> Run:
        """Run a job in a thread: what lets the interpreter go (numpy) and must answer at once."""
        run = Run(title, done, failed, thread=ThreadJob(job), **more)
        self._begin(run)
        return run

    def cancel(self, run: Run) -> None:
        """Stop a run; its `cancelled` is called when it has stopped."""
        if run.finished:
            return
        if run.thread is not None:
            run.thread.cancel()
        elif self._worker is not None:
            self._worker.cancel(run.number)

    def pause(self, run: Run, paused: bool) -> None:
        """Hold a thread run or let it go on."""
        if run.thread is not None and not run.finished:
            run.paused = paused
            run.thread.pause(paused)
            run.pace = Pace()
            self.changed.emit()

    @property
    def busy(self) -> list[Run]:
        """The runs that a person would mind losing."""
        return [run for run in self.runs if not run.quiet]

    def close(self) -> None:
        """Stop everything; no thread or process is left behind."""
        self._timer.stop()
        for run in self.runs:
            if run.thread is not None:
                run.thread.cancel()
        for run in self.runs:
            if run.thread is not None:
                run.thread.join(5)
        self.runs = []
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def drain(self) -> None:
        """Take the beats and endings that have come in since the last frame."""
        for thread_run in list(self.runs):
            if (thread := thread_run.thread) is not None:
                ending = thread.ending
                for _ in range(len(thread.beats)):  # not those that come in meanwhile: they may never end
                    thread_run.beat(thread.beats.popleft())
                if ending is not None:
                    self._end(thread_run, *ending)
        if self._worker is not None:
            for message in self._worker.poll():
                run = next((run for run in self.runs if run.number == message.order), None)
                if run is None:
                    continue
                if message.kind == "progressed":
                    run.beat(message.content)
                else:
                    self._end(run, message.kind, message.content)
        if self.runs:
            self.changed.emit()

    def _begin(self, run: Run) -> None:
        self.runs.append(run)
        if not self._timer.isActive():
            self._timer.start()
        self.changed.emit()

    def _end(self, run: Run, kind: str, payload: Any) -> None:
        run.finished = True
        self.runs = [other for other in self.runs if other is not run]
        if kind == "done":
            run.done(payload)
        elif kind == "problem":
            run.failed(payload)
        elif kind == "cancelled":
            run.cancelled()
        else:
            run.failed(
                Problem(
                    f"{run.title}: this is a bug in rmexplorer", "copy the details from the Help menu and report it"
                )
            )
            self.crashed.emit(str(payload))
        if not self.runs:
            self._timer.stop()
        self.changed.emit()


class Compute(QObject):
    """One thread for the figures that panes show; of two requests with one key only the latest is computed and answered."""

    _answered = Signal(str, int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: dict[str, int] = {}
        self._waiting: deque[tuple[str, int, Callable[[], Any]]] = deque()
        self._receivers: dict[str, Callable[[Any, Exception | None], None]] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._busy = False
        self._answered.connect(self._deliver)
        self._thread = threading.Thread(target=self._drive, name="rmexplorer figures", daemon=True)
        self._thread.start()

    def ask(self, key: str, function: Callable[[], Any], receive: Callable[[Any, Exception | None], None]) -> None:
        """Compute `function()` in the thread and hand (result, error) to `receive` in the caller's thread."""
        with self._condition:
            self._wanted[key] = self._wanted.get(key, 0) + 1
            self._receivers[key] = receive
            self._waiting = deque(entry for entry in self._waiting if entry[0] != key)
            self._waiting.append((key, self._wanted[key], function))
            self._condition.notify()

    def forget(self) -> None:
        """Answer none of those who have asked so far; they are gone."""
        with self._condition:
            self._waiting.clear()
            self._receivers = {}

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is computed, or is on its way back."""
        with self._condition:
            return not self._waiting and not self._busy and not self._receivers

    def _drive(self) -> None:
        while True:
            with self._condition:
                self._busy = False
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if self._closing:
                    return
                key, number, function = self._waiting.popleft()
                self._busy = True
            result, error = None, None
            try:
                result = function()
            except Exception as caught:
                error = caught
            with self._condition:
                if self._closing:
                    return
            self._answered.emit(key, number, result, error)

    def _deliver(self, key: str, number: int, result: Any, error: Exception | None) -> None:
        if self._wanted.get(key) == number and key in self._receivers:
            self._receivers.pop(key)(result, error)

    def close(self) -> None:
        """End the thread after what it computes now; nobody is answered any more."""
        with self._condition:
            self._closing = True
            self._receivers = {}
            self._condition.notify()
        self._thread.join(10)
