"""Heads with a fix against length, trained one after the other in the worker process; each is kept as a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Run
from rmexplorer.app.training import head_of_run
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.project import RunRecord, keep_run
from rmexplorer.workflows import fixing
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.training import keep_excluded

SUFFIXES = {"none": "plain", "residualize": "residual", "balance": "balanced", "penalty": "penalty",
            "features": "level", "source": "fewer", "phrases": "cleaned"}
KEPT = 12  # rewards of so many heads stay in memory


@dataclass
class Order:
    """What is trained now and next: fixes that wait, the settings they share, where they come from.

    without: the file of the pairs that are left out, '' for none; what: see `with_fix`.
    """

    settings: RunSettings
    fingerprint: str
    stem: str
    waiting: list[str]
    without: str = ""
    what: tuple[str, ...] = ()
    fix: str = ""
    run: Run | None = None
    progress: Progress = field(default_factory=lambda: Progress(0))


class Fixing(QObject):
    """`changed` when a head is trained, starts, or beats; `rewards` by id of run: (responses,) calibrated."""

    changed = Signal()
    trained = Signal(object)

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent or desk)
        self._desk = desk
        self.order: Order | None = None
        self.rewards: dict[str, np.ndarray] = {}
        self._asked: dict[str, Run] = {}
        self.version = 0
        desk.session.changed.connect(self._session_changed)

    @property
    def running(self) -> str:
        """The fix that is trained now, '' where none is."""
        return self.order.fix if self.order is not None else ""

    def family(self) -> dict[str, RunRecord]:
        """Runs by fix that share the settings of the run whose rewards are shown."""
        return fixing.family(self._desk.state.runs, self._desk.state.run)

    def missing(self) -> list[str]:
        """Fixes (and the head without one) that are not trained yet with these settings."""
        known = self.family()
        return [fix for fix in fixing.FIXES if fix not in known] if known else []

    # Training

    def train(self, fixes: Sequence[str], what: Sequence[str] = ()) -> None:
        """Train these fixes one after the other, with the settings of the run that is shown; what: see `with_fix`."""
        state, known = self._desk.state, self.family()
        if state.dataset is None or not known or not fixes or self.order is not None:
            return
        record = known.get("none") or known[next(iter(known))]
        if fixing.left_out(record) != (0 if state.excluded is None else int(state.excluded.sum())):
            self._desk.report(Problem(f"{record.name} was trained with other pairs left out than now, so fixes would not compare",
                                      "train it again, or take in the pairs that are left out"))
            return
        stem = record.name
        for suffix in SUFFIXES.values():
            stem = stem.removesuffix(f"-{suffix}")
        self.order = Order(RunSettings.from_dict(record.settings), state.dataset.fingerprint, stem, list(fixes),
                           keep_excluded(state.excluded), tuple(what))
        self._next()

    def _next(self) -> None:
        order, state = self.order, self._desk.state
        if order is None or not order.waiting or state.folder is None:
            self.order = None
            self._tell()
            return
        order.fix = order.waiting.pop(0)
        order.progress = Progress(0)
        order.run = self._desk.jobs.order(
            f"Training {self._name(order)}",
            "rmexplorer.workflows.fixing",
            "train_fix",
            (str(state.folder), fixing.with_fix(order.settings, order.fix, order.what, self._desk.own_features()).as_dict(), order.without),
            done=lambda path: self._done(order, path),
            failed=lambda problem: self._failed(order, problem),
            cancelled=lambda: self._ended(order),
            each=lambda progress: self._beat(order, progress),
        )
        self._tell()

    def _name(self, order: Order) -> str:
        taken = {run.name for run in self._desk.state.runs}
        name = stem = f"{order.stem}-{SUFFIXES[order.fix]}"
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name

    def _beat(self, order: Order, progress: Progress) -> None:
        order.progress = progress
        if order is self.order:
            self.changed.emit()

    def _done(self, order: Order, path: str) -> None:
        if order is not self.order:
            return
        order.run = self._desk.jobs.start(
            f"Keeping {self._name(order)}",
            _kept(path, self._desk.project.path, self._name(order), order.fingerprint),
            done=lambda made: self._kept(order, *made),
            failed=lambda problem: self._failed(order, problem),
            cancelled=lambda: self._ended(order),
            quiet=True,
        )

    def _kept(self, order: Order, record: RunRecord, rewards: np.ndarray) -> None:
        if order is not self.order:
            return
        self._keep(record.id, rewards)
        self._desk.session.put(runs=(record, *self._desk.state.runs))
        self.trained.emit(record)
        self._next()

    def _failed(self, order: Order, problem: Problem) -> None:
        self._desk.report(problem)
        self._ended(order)

    def _ended(self, order: Order) -> None:
        if order is self.order:
            self.order = None
            self._tell()

    def cancel(self) -> None:
        """Stop after the heads that are trained already; they stay."""
        order = self.order
        if order is not None:
            order.waiting = []
            if order.run is not None:
                self._desk.jobs.cancel(order.run)

    # Rewards of runs that are kept

    def need(self, record: RunRecord) -> None:
        """Ask for the rewards of a run; `changed` when they are here."""
        state = self._desk.state
        dataset, folder = state.dataset, state.folder
        if dataset is None or folder is None or record.id in self.rewards or record.id in self._asked:
            return

        def scored(path: str) -> None:
            self._asked.pop(record.id, None)
            if self._desk.state.dataset is dataset:
                self._keep(record.id, np.load(path, allow_pickle=False))
                self._tell()

        def failed(problem: Problem) -> None:
            self._asked.pop(record.id, None)
            self._desk.report(problem)

        def opened(head: Path) -> None:
            if self._desk.state.dataset is dataset:
                self._asked[record.id] = self._desk.jobs.order(
                    f"Scoring with {record.name}", "rmexplorer.workflows.scoring", "score_folder", (str(folder), str(head)),
                    done=scored, failed=failed, cancelled=gone, quiet=True)

        def gone() -> None:
            self._asked.pop(record.id, None)

        self._asked[record.id] = self._desk.jobs.start(
            f"Opening {record.name}", head_of_run(self._desk.project.path, record.id), done=opened, failed=failed,
            cancelled=gone, quiet=True)

    def _keep(self, run_id: str, rewards: np.ndarray) -> None:
        self.rewards[run_id] = rewards
        while len(self.rewards) > KEPT:
            self.rewards.pop(next(iter(self.rewards)))

    def _tell(self) -> None:
        self.version += 1
        self.changed.emit()

    def _session_changed(self, state: object, names: frozenset[str]) -> None:
        if "dataset" in names:
            self.cancel()
            self.order = None
            self.rewards, self._asked = {}, {}
            self._tell()


def _kept(path: str, project: Path, name: str, fingerprint: str) -> Job[tuple[RunRecord, np.ndarray]]:
    """Job: keep the head that `train_fix` left at `path` as a run of the project; returns the run and the rewards (responses,)."""
    yield Progress(0, 0, "keeping the head")
    fixed = fixing.read_fixed(path)
    return keep_run(project, name, fingerprint, fixed.settings, fixed.metrics, fixed.history, fixed.head), fixed.rewards
