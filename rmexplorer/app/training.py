"""Training in the window: encode on the worker process, train in a thread, judge once on the held-out pairs, keep the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from PySide6.QtCore import QObject, Signal

from rmexplorer import encoders
from rmexplorer.app.jobs import Run
from rmexplorer.app.live import Live
from rmexplorer.cache import holds, used
from rmexplorer.job import Job, Progress
from rmexplorer.paths import atomic, cache_file
from rmexplorer.problem import Problem
from rmexplorer.project import RunRecord, head_of, keep_run
from rmexplorer.reward import checkpoint as checkpoints
from rmexplorer.reward import train as loop
from rmexplorer.statistics import outcomes
from rmexplorer.workflows import rewards as sources
from rmexplorer.workflows import training as workflow
from rmexplorer.workflows.settings import RunSettings

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.reward.train import Fit
    from rmexplorer.workflows.training import Trained

_FILES: WeakKeyDictionary[Checkpoint, Path] = WeakKeyDictionary()


class Training(QObject):
    """The one run that trains now, if any. `changed` is emitted with each beat and phase, at most once a frame."""

    changed = Signal()
    finished = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self.settings = RunSettings()
        self.live: Live | None = None
        self._fitted: Fit | None = None
        self._rules: Run | None = None
        self._vectors: np.ndarray | None = None
        self._encoder: Any = None
        self._baselines: dict[str, np.ndarray] | None = None
        self._excluded: np.ndarray | None = None
        self.awaited: object | None = None  # stands for the head that was asked for last and is not shown yet

    @property
    def running(self) -> bool:
        """Whether a run is on its way."""
        return self.live is not None and self.live.phase in ("encoding", "training", "assessing")

    def start_or_pause(self) -> None:
        """Start a run with `settings`, or pause or go on with the running one."""
        live = self.live
        if live is None or not self.running:
            self.start()
        elif live.phase == "training" and live.run is not None:
            self._desk.jobs.pause(live.run, not live.run.paused)
            self.changed.emit()

    def start(self) -> None:
        """Start a run on the dataset that is open."""
        state, settings = self._desk.state, self.settings
        if state.dataset is None or state.folder is None or self.running:
            return
        if state.waits:
            self._desk.report(Problem(state.waits.rstrip("."), "", "take_sample" if state.too_many else ""))
            return
        self._fitted = self._vectors = self._encoder = self._baselines = None
        try:
            sizes = workflow.slices(state.dataset, settings, state.excluded)
        except Problem as problem:
            self._desk.report(problem)
            return
        live = Live(self._name(settings), settings, loop.Knobs())
        live.training_pairs, live.validation_pairs, live.heldout_pairs = sizes
        self.live = live
        self._excluded = state.excluded
        live.run = self._desk.jobs.order(
            "Encoding",
            "rmexplorer.encoders",
            "vectors",
            (str(state.folder), settings.encoder, {}, settings.train.holdout, settings.train.seed, settings.removed_phrases),
            done=lambda folder: self._encoded(live, folder),
            failed=lambda problem: self._failed(live, problem),
            cancelled=lambda: self._cancelled(live),
            each=lambda _: self.changed.emit(),
        )
        self.changed.emit()

    def _name(self, settings: RunSettings) -> str:
        stem = "linear" if settings.train.hidden_dim == 0 else f"head-{settings.train.hidden_dim}"
        taken = {run.name for run in self._desk.state.runs}
        number = 2
        name = stem
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        return name

    def _encoded(self, live: Live, folder: Path) -> None:
        dataset = self._desk.state.dataset
        if live is not self.live or dataset is None:
            return
        settings = live.settings
        try:
            self._vectors, self._encoder = encoders.open_vectors(folder)
        except Problem as problem:
            self._failed(live, problem)
            return
        live.phase = "training"
        live.run = self._desk.jobs.start(
            f"Training {live.name}",
            workflow.fit(dataset, self._vectors, settings, live.knobs, self._excluded),
            each=lambda progress: self._beat(live, progress),
            done=lambda result: self._trained(live, result),
            failed=lambda problem: self._failed(live, problem),
            cancelled=lambda: self._cancelled(live),
        )
        if settings.train.holdout > 0:
            without = workflow.keep_excluded(self._excluded)
            self._rules = self._desk.jobs.order(
                "Measuring baselines",
                "rmexplorer.workflows.training",
                "baselines",
                (str(self._desk.state.folder), str(folder), settings.train.holdout, settings.train.seed, without),
                done=lambda path: self._baselined(live, path),
                failed=lambda problem: self._failed(live, problem),
                cancelled=lambda: self._cancelled(live),
            )
        else:
            self._baselines = {}
        self.changed.emit()

    def _beat(self, live: Live, progress: Progress) -> None:
        if progress.data is not None:
            live.take(progress.data)
            self.changed.emit()

    def _trained(self, live: Live, result: Fit) -> None:
        self._fitted = result
        live.phase = "assessing"
        self.changed.emit()
        self._assess(live)

    def _baselined(self, live: Live, path: str) -> None:
        if live is self.live:
            try:
                self._baselines = workflow.read_baselines(path)
            except Problem as problem:
                self._failed(live, problem)
                return
            live.read_baselines({name: float(outcomes(margin).mean()) for name, margin in self._baselines.items()})
            self.changed.emit()
            self._assess(live)

    def _assess(self, live: Live) -> None:
        dataset = self._desk.state.dataset
        if (
            self._fitted is None
            or self._vectors is None
            or self._baselines is None
            or dataset is None
            or live is not self.live
        ):
            return
        live.run = self._desk.jobs.start(
            f"Judging {live.name}",
            _with_record(workflow.assess(
                dataset,
                self._vectors,
                self._encoder,
                self._fitted,
                live.settings,
                self._baselines,
                excluded=self._excluded,
            ), self._desk.project.path, live.name, dataset.fingerprint, live.settings),
            done=lambda made: self._assessed(live, *made),
            failed=lambda problem: self._failed(live, problem),
            cancelled=lambda: self._cancelled(live),
        )

    def _assessed(self, live: Live, trained: Trained, record: RunRecord) -> None:
        desk, dataset = self._desk, self._desk.state.dataset
        if dataset is None or live is not self.live:
            return
        live.phase = "done"
        live.record = record
        rewards = sources.Rewards.of_model(dataset, trained.checkpoint, trained.rewards, live.name)
        desk.show_rewards(rewards, trained.checkpoint, record.id, runs=(record, *desk.state.runs))
        self.changed.emit()
        self.finished.emit(record)

    def _failed(self, live: Live, problem: Problem) -> None:
        if live is not self.live or live.phase == "failed":
            return
        live.phase, live.problem = "failed", str(problem)
        self._end_others(live)
        self._desk.report(problem)
        self.changed.emit()

    def _cancelled(self, live: Live) -> None:
        if live is self.live and live.phase not in ("failed", "done", "stopped"):
            live.phase = "stopped"
            self._end_others(live)
            self.changed.emit()

    def _end_others(self, live: Live) -> None:
        """What belongs to a run that has ended need not go on."""
        for run in (live.run, self._rules):
            if run is not None:
                self._desk.jobs.cancel(run)

    def stop(self) -> None:
        """End the fit and keep its best epoch; before the first epoch this is the same as cancel."""
        if self.live is not None and self.live.phase == "training" and self.live.run is not None:
            self.live.knobs.stop = True
            if self.live.run.paused:
                self._desk.jobs.pause(self.live.run, False)
        else:
            self.cancel()

    def cancel(self) -> None:
        """End the run and keep nothing of it."""
        if self.running and self.live is not None:
            self._end_others(self.live)

    def abandon(self) -> None:
        """Forget the run and the head that was asked for, for another dataset was opened."""
        self.cancel()
        self.awaited = None
        self.live = None
        self.changed.emit()

    def set_settings(self, settings: RunSettings) -> None:
        """The settings of the next run; kept in the project."""
        self.settings = settings
        self._desk.project.put_view(settings=settings.as_dict())

    def set_learning_rate(self, rate: float) -> None:
        """Change the learning rate of the run that trains, from its next step on."""
        if self.live is not None:
            self.live.knobs.learning_rate = rate

    # Scoring with a head that exists

    def score(self, head: Path | Job[Path], name: str, run_id: str = "") -> None:
        """Score the dataset that is open with a checkpoint, in the worker process, and show the rewards.

        head: the file that holds one, or the job `head_of_run`; it is read and checked in a thread.
        run_id: of the run that the project keeps, '' for a head from a file. Of several that are asked for the last one
        is shown.
        """
        dataset, folder = self._desk.state.dataset, self._desk.state.folder
        if dataset is None or folder is None:
            return
        asked = self.awaited = object()

        def opened(found: tuple[Path, Checkpoint]) -> None:
            if asked is not self.awaited:
                return
            path, checkpoint = found

            def scored(where: str) -> None:
                if asked is self.awaited:
                    rewards = sources.Rewards.of_model(dataset, checkpoint, np.load(where, allow_pickle=False), name)
                    self._desk.show_rewards(rewards, checkpoint, run_id)

            self._desk.jobs.order(
                f"Scoring with {name}",
                "rmexplorer.workflows.scoring",
                "score_folder",
                (str(folder), str(path)),
                done=scored,
                failed=self._desk.report,
            )

        self._desk.jobs.start(
            f"Opening {name}", _opened(head), done=opened, failed=self._desk.report, quiet=True
        )


def _with_record(job: Job[Trained], project: Path, name: str, fingerprint: str, settings: RunSettings) -> Job[tuple[Trained, RunRecord]]:
    """Job: what `job` makes, kept as a run of the project: megabytes are digested and written beside the window."""
    trained = yield from job
    content = trained.checkpoint.to_bytes()
    _FILES[trained.checkpoint] = keep_head(content)
    return trained, keep_run(project, name, fingerprint, settings.as_dict(), trained.metrics, trained.history, content)


def head_of_run(project: Path, run_id: str) -> Job[Path]:
    """Job: the file in the cache that holds the head of a run of a project, where the worker process can read it."""
    yield Progress(0, 0, "reading the head")
    return keep_head(head_of(project, run_id))


def _opened(head: Path | Job[Path]) -> Job[tuple[Path, Checkpoint]]:
    """Job: a checkpoint, and the file in the cache that the worker process can read; that of a person may change."""
    if isinstance(head, Path):
        yield Progress(0, 0, "reading the head")
        checkpoint = checkpoints.Checkpoint.load(head)
        return head_file(checkpoint), checkpoint
    path = yield from head
    checkpoint = checkpoints.Checkpoint.load(path)
    _FILES[checkpoint] = path
    return path, checkpoint


def head_file(checkpoint: Checkpoint) -> Path:
    """The file in the cache that holds a checkpoint; it is written once."""
    path = _FILES.get(checkpoint)
    if path is None or not path.exists():
        path = _FILES[checkpoint] = keep_head(checkpoint.to_bytes())
    used(path)
    return path


def keep_head(content: bytes) -> Path:
    """Put a checkpoint into the cache under its content, where the worker process can read it; returns the file."""
    def whole(entry: Path) -> None:
        if entry.stat().st_size != len(content):
            raise ValueError("it was cut off")

    path = cache_file("heads", ".safetensors", content)
    if not holds(path, whole):
        with atomic(path) as part:
            part.write_bytes(content)
    return path
