"""Jobs as Qt sees them: started here, drained by one timer, at most one batch of beats a frame."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from rmexplorer.job import Job, Pace, Progress, Stopped, heard
from rmexplorer.problem import Problem
from rmexplorer.worker import Worker

FRAME_MS = 25
BEATS_AHEAD = 1_000
SLOW_SECONDS = 0.5  # a figure that takes longer is a run that a person sees and can cancel
WATCH_MS = 100


def _ignore(_: Any) -> None:
    pass


@dataclass(eq=False)
class Run:
    """One job that runs or waits: what the status strip shows, and what to do at its end.

    quiet: nothing that a person sees or waits for; minor: seen, but no loss when the window is closed; stop: how to cancel
    what is neither a thread of its own nor an order of the worker.
    """

    title: str
    done: Callable[[Any], None]
    failed: Callable[[Problem], None]
    each: Callable[[Progress], None] = _ignore
    cancelled: Callable[[], None] = lambda: None
    quiet: bool = False
    minor: bool = False
    stop: Callable[[], None] | None = None
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
                self.beats.append(heard(lambda: next(self._job), self._hear))
                while len(self.beats) >= BEATS_AHEAD and not self._close.wait(FRAME_MS / 1000):
                    pass
        except StopIteration as end:
            self.ending = ("done", end.value)
        except Stopped:
            self.ending = ("cancelled", None)
        except Problem as problem:
            self.ending = ("problem", problem)
        except Exception:
            self.ending = ("crashed", traceback.format_exc())
        finally:
            self._job.close()

    def _hear(self, progress: Progress | None) -> None:
        self._go.wait()
        if self._close.is_set():
            raise Stopped
        if progress is not None and len(self.beats) < BEATS_AHEAD:
            self.beats.append(progress)

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
        elif run.stop is not None:
            run.stop()
        elif self._worker is not None:
            self._worker.cancel(run.number)

    def drop(self, run: Run) -> None:
        """Stop a run that is outdated: whoever started it is told nothing any more."""
        run.done = run.failed = run.each = _ignore
        run.cancelled = lambda: None
        self.cancel(run)

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
        return [run for run in self.runs if not run.quiet and not run.minor]

    @property
    def shown(self) -> Run | None:
        """The run that the status strip shows and that its Cancel stops: one that a person would mind losing comes first."""
        return next(iter(self.busy), None) or next((run for run in self.runs if not run.quiet), None)

    def show(self, run: Run) -> None:
        """Show a run that goes on elsewhere, until it is `left`."""
        self._begin(run)

    def leave(self, run: Run) -> None:
        """A run that was shown is over."""
        if not run.finished:
            self._end(run, "done", None)

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


class Cancelled(Problem):
    """What a person asked for and then cancelled; panes offer to go on."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title} was cancelled", "compute it again when it is wanted")


@dataclass(eq=False)
class _Figure:
    """One figure that is asked for. lost: nobody waits for it any more.

    told: the last beat that was handed on. It does not hold who is answered: the thread may be the last to let it go, and a
    widget must not be deleted there.
    """

    key: str
    title: str
    function: Callable[[], Any]
    begun: float = 0.0
    progress: Progress | None = None
    told: Progress | None = None
    lost: bool = False

    def lose(self) -> None:
        """End it at its next beat."""
        self.lost = True

    def hear(self, progress: Progress | None) -> None:
        """Take a beat; ends the figure where it is lost."""
        if self.lost:
            raise Stopped
        self.progress = progress or self.progress


class Compute(QObject):
    """One thread for the figures that panes show; of two requests with one key only the latest is computed and answered.

    A request takes the place of the one with its key: where that is being computed, it ends at its next beat. A figure
    that takes more than half a second is a run of `jobs`, with progress, rate, time left and cancel.
    """

    _answered = Signal(object, object, object)

    def __init__(self, jobs: Jobs | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._waiting: deque[_Figure] = deque()
        self._current: _Figure | None = None
        self._open: dict[str, tuple[_Figure, Callable[[Any, Exception | None], None], Callable[[Progress], None]]] = {}
        self._run: tuple[_Figure, Run] | None = None
        self._condition = threading.Condition()
        self._closing = False
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self._look)
        self._answered.connect(self._deliver)
        self._thread = threading.Thread(target=self._drive, name="rmexplorer figures", daemon=True)
        self._thread.start()

    def ask(
        self, key: str, function: Callable[[], Any], receive: Callable[[Any, Exception | None], None], title: str = "",
        each: Callable[[Progress], None] = _ignore,
    ) -> None:
        """Compute `function()` in the thread and hand (result, error) to `receive` in the caller's thread.

        title: what a person reads while it takes long; by default the key. each: takes its last beat ten times a second.
        One that a person cancels has the error Cancelled.
        """
        figure = _Figure(key, title or key[:1].upper() + key[1:], function)
        with self._condition:
            self._lose(key)
            self._open[key] = figure, receive, each
            self._waiting.append(figure)
            self._condition.notify()
        self._watch.start()

    def asks(self, key: str) -> bool:
        """Whether somebody waits for this figure."""
        return key in self._open

    def withdraw(self, key: str) -> bool:
        """Nobody waits for this figure any more: it is not answered, and ends at its next beat. Whether it was asked for."""
        with self._condition:
            asked = self.asks(key)
            self._lose(key)
            return asked

    def forget(self) -> None:
        """Answer none of those who have asked so far; they are gone."""
        with self._condition:
            for key in list(self._open):
                self._lose(key)

    def _lose(self, key: str) -> None:
        if key in self._open:
            figure, *_ = self._open.pop(key)
            figure.lose()
            self._waiting = deque(one for one in self._waiting if one is not figure)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is computed, or is on its way back."""
        with self._condition:
            return not self._waiting and self._current is None and not self._open

    def _drive(self) -> None:
        while True:
            with self._condition:
                self._current = None
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if self._closing:
                    return
                figure = self._current = self._waiting.popleft()
                figure.begun = time.monotonic()
            result: Any = None
            error: Exception | None = None
            try:
                result = heard(figure.function, figure.hear)
            except Stopped:
                error = Cancelled(figure.title)
            except Exception as caught:
                error = caught
            with self._condition:
                if self._closing:
                    return
            self._answered.emit(figure, result, error)

    def _look(self) -> None:
        """Hand on the last beat of the figure that is computed; one that takes long is shown as a run."""
        figure = self._current
        self._tell(figure)
        if self._run is not None and self._run[0] is not figure:
            self._hide()
        if figure is None:
            if self.idle:
                self._watch.stop()
        elif self._run is not None:
            if figure.progress is not None and figure.progress is not self._run[1].progress:
                self._run[1].beat(figure.progress)
        elif self._jobs is not None and not figure.lost and time.monotonic() - figure.begun > SLOW_SECONDS:
            run = Run(figure.title, _ignore, _ignore, minor=True, stop=figure.lose)
            self._run = figure, run
            self._jobs.show(run)

    def _tell(self, figure: _Figure | None) -> None:
        if figure is None or figure.progress is None or figure.progress is figure.told:
            return
        figure.told = figure.progress
        asked, _, each = self._open.get(figure.key, (None, None, _ignore))
        if asked is figure:
            each(figure.told)

    def _hide(self) -> None:
        if self._run is not None and self._jobs is not None:
            (_, run), self._run = self._run, None
            self._jobs.leave(run)

    def _deliver(self, figure: _Figure, result: Any, error: Exception | None) -> None:
        if self._run is not None and self._run[0] is figure:
            self._hide()
        if figure.key in self._open and self._open[figure.key][0] is figure:
            _, receive, _ = self._open.pop(figure.key)
            receive(result, error)

    def close(self) -> None:
        """End the thread at its next beat; nobody is answered any more."""
        self._watch.stop()
        with self._condition:
            self._closing = True
            for figure, *_ in self._open.values():
                figure.lose()
            self._open = {}
            self._condition.notify()
        self._thread.join(10)
