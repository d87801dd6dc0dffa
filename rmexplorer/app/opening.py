"""Opening data: files, folders, addresses and pasted text are read in the worker process and shown when they are there."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rmexplorer.app.jobs import Run
from rmexplorer.app.state import Partial
from rmexplorer.data import hub
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.limits import SAMPLED
from rmexplorer.paths import keep_pasted
from rmexplorer.problem import Problem
from rmexplorer.workflows import files, opening

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk
    from rmexplorer.data.mapping import Mapping
    from rmexplorer.data.trial import Question
    from rmexplorer.workflows.opening import Begun


def called(paths: list[str]) -> str:
    """What files that are opened together are called while they are read."""
    return f"{len(paths)} files" if len(paths) > 1 else Path(paths[0]).name or paths[0]


class Opening:
    """What is read for the desk; of what was asked for later and loaded sooner, the earlier is not shown any more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._opened_as: tuple[str, list[str], dict[str, Any]] = ("", [], {})
        self._openings = self._shown_opening = self._partial_opening = 0
        self._ended: set[int] = set()
        self._run: Run | None = None

    def open(
        self,
        paths: list[str],
        format_id: str | None = None,
        criterion: str | None = None,
        mapping: Mapping | None = None,
    ) -> None:
        """Read files in the worker process and show them; the old dataset stays until the new one is there.

        Where it is not clear what the columns are, `asked` is emitted with the Question instead; the answer is to open
        the same paths with a mapping or a format.
        """
        name = called(paths)
        how = {"format_id": format_id, "mapping": mapping}
        self._openings += 1
        number = self._openings

        def done(result: str | Question) -> None:
            if not isinstance(result, str):
                self._desk.asked.emit(result)
            else:
                self._opened(number, Path(result), paths, how)

        def failed(problem: Problem) -> None:
            self._stopped(number, "the rest could not be read")
            self._desk.report(problem)

        self._run = self._desk.jobs.order(
            f"Opening {name}",
            "rmexplorer.workflows.opening",
            "open_or_ask",
            (paths, format_id, criterion, mapping),
            done=done,
            failed=failed,
            cancelled=lambda: self._stopped(number, "reading was cancelled"),
            each=lambda progress: self._begun(number, progress.data, paths, how),
        )

    @property
    def run(self) -> Run | None:
        """The run that reads the rest of the file whose first records are shown."""
        going = self._desk.state.partial is not None and not self._desk.state.partial.stopped
        return self._run if going and self._run is not None and not self._run.finished else None

    def read_rest(self) -> None:
        """Read again the file of which only the first records are shown, or cancel reading it."""
        if (run := self.run) is not None:
            self._desk.jobs.cancel(run)
        elif self._desk.state.partial is not None:
            _, paths, how = self._opened_as
            self.open(paths, **how)

    def _begun(self, number: int, begun: Begun | None, paths: list[str], how: dict[str, Any]) -> None:
        """Show the first records of a file, whose rest is still being read."""
        if begun is None:
            return
        folder = Path(begun.folder)

        def show(loaded: tuple[Dataset, pl.DataFrame]) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            if number <= self._shown_opening or number in self._ended:
                return
            self._shown_opening = self._partial_opening = number  # the whole is shown in its place
            dataset, frame = loaded
            self._opened_as = (dataset.fingerprint, paths, how)
            self._desk.show_dataset(dataset, folder, frame, Partial(dataset.records, begun.records))

        def failed(problem: Problem) -> None:
            logging.getLogger("rmexplorer").warning("the first records could not be shown: %s", problem)

        self._desk.jobs.start("Showing the first records", files.load(folder), done=show, failed=failed, quiet=True)

    def _stopped(self, number: int, why: str) -> None:
        partial = self._desk.state.partial
        self._ended.add(number)  # its first records come too late now
        if partial is not None and number == self._partial_opening:
            self._desk.session.put(partial=replace(partial, stopped=why))

    def take_sample(self) -> None:
        """Draw a sample of a dataset that is too large for most panes, and show it in its place."""
        dataset = self._desk.state.dataset
        if dataset is None:
            return
        if len(dataset) <= SAMPLED:
            self._desk.notice.emit(f"There are no more than {SAMPLED:,} pairs, so nothing is to be drawn")
            return
        self._openings += 1
        number = self._openings

        def show(loaded: tuple[Dataset, pl.DataFrame], drawn: Path) -> None:
            if number >= self._shown_opening:
                self._shown_opening = number
                self._desk.show_dataset(loaded[0], drawn, loaded[1])

        def done(result: str) -> None:
            drawn = Path(result)
            self._desk.jobs.start("Showing the sample", files.load(drawn), lambda loaded: show(loaded, drawn), self._desk.report)

        self._desk.jobs.start(f"Drawing {SAMPLED:,} pairs", opening.sample_of(dataset), done=done, failed=self._desk.report)

    def use_criterion(self, criterion: str) -> None:
        """Open the files of this dataset again by another of the labels that their rows have."""
        dataset = self._desk.state.dataset
        if dataset is None or criterion == dataset.criterion:
            return
        fingerprint, _, how = self._opened_as
        self.open(self.sources, criterion=criterion, **(how if fingerprint == dataset.fingerprint else {}))

    @property
    def sources(self) -> list[str]:
        """The files, folders or address that the dataset was read from; none without one."""
        fingerprint, paths, _ = self._opened_as
        dataset = self._desk.state.dataset
        if dataset is None:
            return []
        return paths if fingerprint == dataset.fingerprint else [dataset.path]

    def came_from(self, paths: list[str]) -> None:
        """Remember what the dataset that is shown was read from, where it came from the cache."""
        if self._desk.state.dataset is not None:
            self._opened_as = (self._desk.state.dataset.fingerprint, paths, {})

    def open_demo(self) -> None:
        """Open the demo dataset."""
        self.open([str(files.demo_path())])

    def open_text(self, text: str) -> None:
        """Read pasted text as a dataset, kept in the user's data folder; the address of one of the Hub opens that."""
        if not text.strip():
            self._desk.report(Problem("there is no text on the clipboard", "copy JSONL, JSON or a table with a header first"))
            return
        if text.strip().startswith(hub.PREFIX) and not any(sign.isspace() for sign in text.strip()):
            self.open([text.strip()])
            return
        try:
            path = keep_pasted(text)
        except Problem as problem:
            self._desk.report(problem)
            return
        self.open([str(path)])

    def _opened(self, number: int, folder: Path, paths: list[str], how: dict[str, Any]) -> None:
        kept = "\n".join(path if hub.is_address(path) else str(Path(path).absolute()) for path in paths)

        def show(loaded: tuple[Dataset, pl.DataFrame]) -> None:
            if number < self._shown_opening:
                return  # what was asked for later was loaded sooner
            self._shown_opening = number
            dataset, frame = loaded
            self._opened_as = (dataset.fingerprint, paths, how)
            self._desk.show_dataset(dataset, folder, frame)
            try:
                self._desk.project.opened(kept, dataset.name, len(dataset))
            except Problem as problem:
                self._desk.report(problem)

        self._desk.jobs.start(f"Showing {called(paths)}", files.load(folder), done=show, failed=self._desk.report)
