"""The desk: the session, the running work and the project, and the verbs that commands and panes share."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from PySide6.QtCore import QObject, Signal

from rmexplorer.app import own_features
from rmexplorer.app.garbage import Collector
from rmexplorer.app.jobs import Compute, Jobs
from rmexplorer.app.marks import Marks
from rmexplorer.app.opening import Opening
from rmexplorer.app.projects import Projects
from rmexplorer.app.quality import Quality, packed, unpacked
from rmexplorer.app.session import Session
from rmexplorer.app.state import Brush, Partial, Scope, Selection, State
from rmexplorer.app.training import Training, head_of_run
from rmexplorer.app.ui import Ui
from rmexplorer.data import query, table
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.problem import Problem
from rmexplorer.project import Project
from rmexplorer.wording import counted
from rmexplorer.workflows import columns as tables
from rmexplorer.workflows import files, scoring
from rmexplorer.workflows import rewards as sources

if TYPE_CHECKING:
    from rmexplorer.data.mapping import Mapping
    from rmexplorer.reward.checkpoint import Checkpoint
    from rmexplorer.workflows.rewards import Rewards

SMALL = 50_000  # pairs that are filtered within a frame; more are filtered in the thread of figures


class Desk(QObject):
    """Everything below the widgets. `problem(Problem)` and `notice(str)` are for the person's eyes."""

    problem = Signal(object)
    notice = Signal(str)
    leaving = Signal()  # what was typed and is not kept yet goes into the project now
    undoable = Signal(str, object)
    asked = Signal(object)  # a Question: a file whose columns a person has to name

    ui: Ui

    def __init__(self, project: Project | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project = project or Project.untitled()
        self.session = Session(self)
        self._garbage = Collector(lambda: not self.jobs.runs and self.idle, self)
        self.jobs = Jobs(self)
        self.compute = Compute(self.jobs, self)
        self.reading = Compute(self.jobs, self)  # of the pair in the inspector, which no figure of a pane waits for
        self.training = Training(self)
        self.last_crash = ""
        self.order: np.ndarray | None = None
        self.quality = Quality(self)
        self.marks = Marks(self)
        self.projects = Projects(self)
        self.opening = Opening(self)
        self._query_asked = ""
        self.session.changed.connect(self._keep_excluded)
        self.jobs.crashed.connect(self._crashed)

    @property
    def state(self) -> State:
        """The current state."""
        return self.session.state

    @property
    def idle(self) -> bool:
        """Whether no figure is computed or waits."""
        return self.compute.idle and self.reading.idle

    def close(self) -> None:
        """Stop all work and close the project; nothing is left behind."""
        self.leaving.emit()
        self.jobs.close()
        for figures in (self.compute, self.reading):
            figures.close()
        self._garbage.close()
        self.project.close()

    def report(self, problem: Problem) -> None:
        """Show a problem to the person."""
        self.problem.emit(problem)

    def _crashed(self, details: str) -> None:
        self.last_crash = details
        logging.getLogger("rmexplorer").error(details)

    # Datasets

    def open(
        self,
        paths: list[str],
        format_id: str | None = None,
        criterion: str | None = None,
        mapping: Mapping | None = None,
    ) -> None:
        """Read files in the worker process and show them, or ask what their columns are, as `Opening.open` does."""
        self.opening.open(paths, format_id, criterion, mapping)

    def show_dataset(
        self, dataset: Dataset, folder: Path, frame: pl.DataFrame | None = None, partial: Partial | None = None
    ) -> None:
        """Put a dataset that was read into the session, with what the project knows of it; frame: its `pair_frame`.

        partial: it is only the first records. Where these were shown before, selection, filter and focus stay.
        """
        self.training.abandon()
        self.order = None
        kept, asked = self._kept_of_first(dataset)
        runs = self.project.runs(dataset.fingerprint)
        excluded = self.left_out(dataset)
        self.session.put(
            dataset=dataset,
            folder=folder,
            frame=table.pair_frame(dataset) if frame is None else frame,
            columns=tables.columns(dataset).with_own(self.own_features()),
            runs=runs,
            excluded=excluded,
            matching=None if excluded is None else ~excluded,
            marks=MappingProxyType(self.project.marks(dataset.fingerprint)),
            pane="data" if self.state.pane == "welcome" else self.state.pane,
            partial=partial,
            **({"focus": 0 if len(dataset) else None} | kept),
        )
        if asked:
            self.set_query(asked)
        if runs:
            last = self.project.view().get("run")  # the newest may be a fix that nobody chose to use
            self.use_run(next((run.id for run in runs if run.id == last), runs[0].id))
        elif dataset.score_columns:
            self.use_columns()

    def _kept_of_first(self, dataset: Dataset) -> tuple[dict[str, Any], str]:
        """Focus and selection, and the filter, of the first records of these same files: what a person did goes on."""
        state = self.state
        first = state.dataset
        if state.partial is None or first is None or first.path != dataset.path:
            return {}, ""
        count = len(first)
        if len(dataset) < count or not first.pairs["record"].equals(dataset.pairs["record"].head(count)):
            return {}, state.query  # read as something else, or other rows are skipped
        kept: dict[str, Any] = {"focus": state.focus}
        if state.selection.mask is not None:
            mask = np.zeros(len(dataset), dtype=bool)
            mask[:count] = state.selection.mask
            kept["selection"] = Selection(mask, state.selection.origin)
        return kept, state.query

    def left_out(self, dataset: Dataset) -> np.ndarray | None:
        """(pairs,) bool: the pairs that the project leaves out of a dataset; None where it leaves out none."""
        return unpacked(self.project.view().get(f"excluded {dataset.fingerprint}"), len(dataset))

    def own_features(self) -> tuple[OwnFeature, ...]:
        """The features of a person's own that the project keeps."""
        return own_features.kept(self.project, self.report)

    def measure_own(self, features: tuple[OwnFeature, ...]) -> None:
        """Measure these features of a person's own beside the others from now on, and keep them in the project."""
        try:
            own_features.keep(self.project, features)
        except Problem as problem:
            self.report(problem)
            return
        if self.state.columns is not None:
            self.session.put(columns=self.state.columns.with_own(features))

    # Rewards

    def show_rewards(self, rewards: Rewards, checkpoint: Checkpoint | None, run: str = "", **more: Any) -> None:
        """Put rewards into the session, with the columns that follow from them."""
        dataset, frame = self.state.dataset, self.state.frame
        assert dataset is not None and frame is not None
        self.training.awaited = None  # a head asked for before these came too late
        own = self.state.columns.own if self.state.columns is not None else self.own_features()
        frame = rewards.beside(frame, dataset)
        scope = self.state.scope
        if scope == "heldout" and not rewards.heldout.any():
            scope = "all"
        self.session.put(
            rewards=rewards,
            checkpoint=checkpoint,
            run=run,
            frame=frame,
            scope=scope,
            columns=tables.columns(dataset, rewards.first, rewards.second).with_own(own),
            **more,
        )
        if self.state.query:
            self.set_query(self.state.query)

    def use_columns(self) -> None:
        """Show the rewards that came with the file."""
        dataset = self.state.dataset
        if dataset is None:
            return
        if not dataset.score_columns:
            self.report(Problem(f"{dataset.name}: holds no scores of a reward model", "train a head, or load one"))
            return
        self.show_rewards(sources.Rewards.of_columns(dataset), None)

    def use_run(self, run_id: str) -> None:
        """Show the rewards of a run that the project keeps."""
        name = next((run.name for run in self.state.runs if run.id == run_id), "head")
        self.training.score(head_of_run(self.project.path, run_id), name, run_id)

    def load_head(self, path: str) -> None:
        """Score this dataset with a head from a file."""
        self.training.score(Path(path), Path(path).stem)

    def delete_run(self, run_id: str) -> None:
        """Take a run out of the project; the notice that says so can bring it back."""
        gone = self.project.delete_run(run_id)
        self._show_runs()
        self.undoable.emit("The run was deleted", lambda: self._restore_run(gone))

    def _restore_run(self, gone: tuple[Any, ...]) -> None:
        self.project.restore_run(gone)
        self._show_runs()

    def _show_runs(self) -> None:
        if self.state.dataset is not None:
            self.session.put(runs=self.project.runs(self.state.dataset.fingerprint))

    def save_head(self, path: str) -> None:
        """Write the current head to a file."""
        if self.state.checkpoint is None:
            self.report(
                Problem("the rewards shown came with the file, so there is no head to save", "train a head first")
            )
            return
        try:
            self.state.checkpoint.save(Path(path))
            self.notice.emit(f"Saved {Path(path).name}")
        except Problem as problem:
            self.report(problem)

    def train_or_pause(self) -> None:
        """Start a run, or pause or go on with the one that trains."""
        self.training.start_or_pause()

    def stop_training(self) -> None:
        """End the run and keep its best epoch."""
        self.training.stop()

    def cancel_training(self) -> None:
        """End the run and keep nothing."""
        self.training.cancel()

    def set_scope(self, scope: Scope) -> None:
        """Held-out, training or all pairs in the panes that inspect rewards."""
        self.session.put(scope=scope)

    # Filter, selection, focus

    def set_query(self, text: str) -> None:
        """Filter pairs; a bad token is reported and the old filter stays."""
        frame = self.state.frame
        if frame is None:
            return
        self._query_asked = text
        if not text.strip():
            self.session.put(query="", matching=self._without(None))
            return
        wide = self.filter_frame()
        if frame.height <= SMALL:
            try:
                self._filtered(text, frame, query.matching(wide, text), None)
            except Problem as problem:
                self._filtered(text, frame, None, problem)
        else:
            self.compute.ask(
                "filter",
                lambda: query.matching(wide, text),
                lambda mask, error: self._filtered(text, frame, mask, error),
            )

    def filter_frame(self) -> pl.DataFrame:
        """The frame with what a filter may ask for besides: `starred` and `noted`, as the project has it now."""
        frame = self.state.frame
        if frame is None:
            return pl.DataFrame()
        flags = {}
        for name, kept in (("starred", "star"), ("noted", "note")):
            if name not in frame.columns:
                marked = [pair for pair, mark in self.state.marks.items() if getattr(mark, kept)]
                flag = pl.repeat(False, frame.height, eager=True)
                flags[name] = flag.scatter(marked, True) if marked else flag
        return frame.with_columns(**flags)

    def _filtered(self, text: str, frame: pl.DataFrame, mask: np.ndarray | None, error: Exception | None) -> None:
        if text != self._query_asked:
            return  # another filter was asked for meanwhile, or none
        if isinstance(error, Problem):
            self.report(Problem(error.what, error.remedy, "filter"))
        elif error is not None:
            raise error
        elif self.state.frame is frame:
            self.session.put(query=text, matching=self._without(mask))

    def _without(self, mask: np.ndarray | None) -> np.ndarray | None:
        """A filter's mask without the pairs that are left out; the array of now where it has the same pairs."""
        excluded, shown = self.state.excluded, self.state.matching
        left = mask
        if excluded is not None:
            left = ~excluded if mask is None else mask & ~excluded
        if left is not None and shown is not None and np.array_equal(left, shown):
            return shown  # no pane has to compute anew
        return left

    def exclude(self, mask: np.ndarray, out: bool = True) -> None:
        """Leave pairs out of every pane and of training, or take them in again; can be undone, kept in the project.

        mask: (pairs,) bool. What has been trained already stays as it is.
        """
        state = self.state
        if state.dataset is None:
            return
        old = np.zeros(len(state.dataset), dtype=bool) if state.excluded is None else state.excluded
        new = old | mask if out else old & ~mask
        if np.array_equal(old, new):
            return
        if new.all():
            self.report(Problem("this would leave out every pair", "leave out fewer pairs"))
            return
        kept = new if new.any() else None
        matching = None if kept is None else ~kept
        if state.query and state.frame is not None:
            filtered = query.matching(self.filter_frame(), state.query)
            matching = filtered if matching is None else filtered & matching
        focus = state.focus
        if matching is not None and focus is not None and not matching[focus] and matching.any():
            focus = int(np.argmax(matching))
        self.session.put(excluded=kept, matching=matching, focus=focus)
        count = int((old != new).sum())
        said = f"{count:,} {'pair is' if count == 1 else 'pairs are'} {'left out' if out else 'back'}"
        self.undoable.emit(said, self.undo)

    def include_all(self) -> None:
        """Take all pairs in again that are left out."""
        if self.state.excluded is not None:
            self.exclude(self.state.excluded, out=False)

    def _keep_excluded(self, state: State, names: frozenset[str]) -> None:
        if "excluded" in names and "dataset" not in names and state.dataset is not None:
            try:
                self.project.put_view(**{f"excluded {state.dataset.fingerprint}": packed(state.excluded)})
            except Problem as problem:
                self.report(problem)

    def select(self, mask: np.ndarray, how: Brush = "replace", origin: str = "") -> None:
        """Brush pairs: `mask` (pairs,) bool."""
        selection = self.state.selection.brush(np.asarray(mask, dtype=bool), how, origin)
        if selection.count == 0:
            self.session.put(selection=Selection())
            return
        assert selection.mask is not None
        focus = self.state.focus
        if focus is None or not selection.mask[focus]:
            focus = int(np.argmax(selection.mask))
        self.session.put(selection=selection, focus=focus)

    def select_rows(self, rows: np.ndarray | Sequence[int], how: Brush = "replace", origin: str = "") -> None:
        """Brush pairs: `rows` of Dataset.pairs."""
        if self.state.dataset is not None:
            mask = np.zeros(len(self.state.dataset), dtype=bool)
            mask[np.asarray(rows, dtype=np.int64)] = True
            self.select(mask, how, origin)

    def look_at(self, pair: int) -> None:
        """Show a pair in the inspector; pair: row of Dataset.pairs."""
        if self.state.dataset is not None and 0 <= pair < len(self.state.dataset):
            self.session.put(focus=int(pair))

    @property
    def walk(self) -> np.ndarray:
        """(n,) rows of pairs that next and previous step through: the selection, else the pane's order, else the filter."""
        state = self.state
        if state.dataset is None:
            return np.zeros(0, dtype=np.int64)
        if state.selection.mask is not None:
            return np.flatnonzero(state.selection.mask)
        if self.order is not None:
            return self.order
        return np.flatnonzero(state.matching) if state.matching is not None else np.arange(len(state.dataset))

    def place_of(self, pair: int) -> tuple[int | None, int]:
        """Where a pair stands in `walk`, None where it does not, and how many stand there; without making it."""
        state = self.state
        if state.dataset is None:
            return None, 0
        mask = state.selection.mask
        if mask is None and self.order is not None:
            here = np.flatnonzero(self.order == pair)
            return (int(here[0]) if len(here) else None), len(self.order)
        mask = state.matching if mask is None else mask
        if mask is None:
            return pair, len(state.dataset)
        return (int(np.count_nonzero(mask[:pair])) if mask[pair] else None), int(np.count_nonzero(mask))

    def step(self, by: int) -> None:
        """Move the focus along `walk`."""
        rows = self.walk
        if len(rows) == 0:
            return
        here = np.flatnonzero(rows == self.state.focus)
        place = int(here[0]) + by if len(here) else 0
        self.look_at(int(rows[min(max(place, 0), len(rows) - 1)]))

    def clear(self) -> None:
        """Clear the selection, or where there is none the filter."""
        if self.state.selection.mask is not None:
            self.session.put(selection=Selection())
        elif self.state.query:
            self.set_query("")

    def undo(self) -> None:
        """Back to the selection and filter before."""
        self._travelled(self.session.undo(), "Nothing to undo")

    def redo(self) -> None:
        """Take back an undo."""
        self._travelled(self.session.redo(), "Nothing to redo")

    def _travelled(self, moved: bool, otherwise: str) -> None:
        if not moved:
            self.notice.emit(otherwise)
        else:  # rewards and marks may have changed since the pairs of the filter were found
            self.set_query(self.state.query)

    # Out

    def pair_as_markdown(self) -> str:
        """The pair in the inspector as Markdown."""
        state = self.state
        if state.dataset is None or state.focus is None:
            return ""
        return scoring.describe_pair(
            state.dataset,
            state.focus,
            state.rewards.first if state.rewards else None,
            state.rewards.second if state.rewards else None,
        )

    def to_export(self) -> str:
        """Which pairs `export_pairs` writes, in words: the selected ones, those that pass the filter, or all."""
        state = self.state
        if state.dataset is None:
            return ""
        mask = state.matching if state.selection.mask is None else self._without(state.selection.mask)
        rows = slice(None) if mask is None else mask
        count, ties = len(state.dataset.winner[rows]), int(state.dataset.tie[rows].sum())
        what = (
            "selected" if state.selection.mask is not None else "that pass the filter" if state.query
            else "not left out" if state.excluded is not None else "in all"
        )  # fmt: skip
        said = f"{counted(count, 'pair')} {what}"
        return f"{said}; {'the tie among them is' if ties == 1 else f'{ties:,} ties among them are'} not written" if ties else said

    def export_pairs(self, path: str, kind: str = "") -> None:
        """Write the selected pairs, or those that pass the filter, without those left out.

        kind: a layout of `convert`, by the suffix of `path` where it is "".
        """
        state = self.state
        if state.dataset is None:
            return
        selected = state.selection.mask
        mask = state.matching if selected is None else self._without(selected)
        if mask is not None and not mask.any():
            self.report(Problem("there are no pairs to export: all selected ones are left out",
                                "clear the selection, or take the pairs in again"))
            return
        self.jobs.start(
            f"Writing {Path(path).name}",
            files.export(state.dataset, mask, Path(path), kind),
            done=lambda count: self.notice.emit(f"Wrote {count:,} pairs to {Path(path).name}"),
            failed=self.report,
        )
