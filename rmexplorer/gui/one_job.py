"""One job at a time for a card: the latest one asked for, with its progress in the card and Cancel in the status strip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Run
from rmexplorer.gui.widgets import Card
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem

LONG = 20_000  # steps from which a person is told below the window as well, and asked before it is closed


class OneJob:
    """`ask` starts a job in a thread and ends the one before; what comes of an older one is not shown."""

    def __init__(self, desk: Desk, card: Card, title: str, steps: int = LONG) -> None:
        self._desk, self.card, self.title, self._long = desk, card, title, steps
        self._run: Run | None = None

    @property
    def pending(self) -> bool:
        """Whether a result is on its way."""
        return self._run is not None

    def ask(self, job: Callable[[], Job[Any]], done: Callable[[Any], None], steps: int = 0) -> None:
        """Run `job()` in a thread and hand its result to `done`; steps: how long it is, about."""
        self._begin(lambda **more: self._desk.jobs.start(self.title, job(), quiet=steps < self._long, **more), done)

    def order(self, module: str, function: str, arguments: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        """The same of a job in the worker process, by its name; arguments are paths and keys."""
        self._begin(lambda **more: self._desk.jobs.order(self.title, module, function, arguments, **more), done)

    def _begin(self, start: Callable[..., Run], done: Callable[[Any], None]) -> None:
        self.drop()
        self.card.show_loading(self.title)
        run: Run

        def mine() -> bool:
            ours = self._run is run
            self._run = None if ours else self._run
            return ours

        def finished(result: Any) -> None:
            if mine():
                done(result)

        def failed(problem: Problem) -> None:
            if mine():
                self.card.show_error(problem)

        def cancelled() -> None:
            if mine():
                self.card.show_empty("This was cancelled.", "Start again", lambda: self._begin(start, done))

        def beat(progress: Progress) -> None:
            if self._run is run:
                self.card.show_loading(_note(progress) or self.title)

        run = self._run = start(done=finished, failed=failed, each=beat, cancelled=cancelled)

    def drop(self) -> None:
        """End what runs; nothing is shown of it."""
        run, self._run = self._run, None
        if run is not None:
            self._desk.jobs.cancel(run)


def _note(progress: Progress) -> str:
    of = f" {progress.done:,} of {progress.total:,}" if progress.total and progress.done < progress.total else ""
    return f"{progress.note[:1].upper()}{progress.note[1:]}{of}"
