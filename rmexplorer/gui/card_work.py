"""What one card waits for: the latest asked for, its progress in the card, and an offer to start again once it is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Cancelled, Run
from rmexplorer.gui.widgets import Card
from rmexplorer.job import Job, Progress, finish
from rmexplorer.problem import Problem


class CardWork:
    """A card's figure, by `ask` in the thread of figures under `key`, or by `order` in the worker process.

    A pane that names `key` in `also_asks` gives it up when it is left. What was asked for before is ended and not shown.
    """

    def __init__(self, desk: Desk, card: Card, key: str, title: str) -> None:
        self._desk, self.card, self.key, self.title = desk, card, key, title
        self._run: Run | None = None

    @property
    def pending(self) -> bool:
        """Whether a result is on its way."""
        return self._desk.compute.asks(self.key) or (self._run is not None and not self._run.finished)

    def ask(self, job: Callable[[], Job[Any]], done: Callable[[Any], None]) -> None:
        """Run `job()` in the thread of figures and hand its result to `done`."""

        def receive(result: Any, error: Exception | None) -> None:
            if isinstance(error, Cancelled):
                self._offer(lambda: self.ask(job, done))
            elif error is not None:
                self.card.show_error(error if isinstance(error, Problem) else Problem(
                    f"{self.title} failed ({type(error).__name__}: {error})", "copy the details and report it"))
            else:
                done(result)

        self._begin()
        self._desk.compute.ask(self.key, lambda: finish(job()), receive, self.title, self._beat)

    def order(self, module: str, function: str, arguments: tuple[Any, ...], done: Callable[[Any], None]) -> None:
        """The same of a job in the worker process, by its name; arguments are paths and keys."""
        self._begin()
        self._run = self._desk.jobs.order(
            self.title, module, function, arguments, done=done, failed=self.card.show_error, each=self._beat,
            cancelled=lambda: self._offer(lambda: self.order(module, function, arguments, done)))

    def drop(self) -> None:
        """End what runs; nothing is shown of it."""
        self._desk.compute.withdraw(self.key)
        run, self._run = self._run, None
        if run is not None:
            self._desk.jobs.drop(run)

    def _begin(self) -> None:
        self.drop()
        self.card.show_loading(self.title)

    def _offer(self, again: Callable[[], None]) -> None:
        self.card.show_empty("This was cancelled.", "Start again", again)

    def _beat(self, progress: Progress) -> None:
        of = f" {progress.done:,} of {progress.total:,}" if progress.total and progress.done < progress.total else ""
        self.card.show_loading(f"{progress.note[:1].upper()}{progress.note[1:]}{of}" or self.title)
