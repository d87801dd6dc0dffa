"""The project file on the desk: another one is opened, or this one copied to where a person wants it."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rmexplorer.problem import Problem
from rmexplorer.project import Project

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk


class Projects:
    """Changes from one project file to another; the dataset stays, with what the new project knows of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open(self, path: str) -> None:
        """Change to another project file."""
        try:
            project = Project(Path(path))
        except Problem as problem:
            self._desk.report(problem)
            return
        self._change(project)

    def save(self, path: str) -> None:
        """Copy this project to `path` and go on there."""
        desk = self._desk
        desk.leaving.emit()
        try:
            project = desk.project.copy_to(Path(path))
        except Problem as problem:
            desk.report(problem)
            return
        self._change(project)
        desk.notice.emit(f"The project is kept in {Path(path).name}")

    def _change(self, project: Project) -> None:
        desk = self._desk
        desk.leaving.emit()
        desk.project.close()
        desk.project = project
        state = desk.state
        dataset = state.dataset
        if dataset is None:
            return
        runs, excluded = project.runs(dataset.fingerprint), desk.left_out(dataset)
        desk.session.put(
            runs=runs,
            run=state.run if any(run.id == state.run for run in runs) else "",
            marks=MappingProxyType(project.marks(dataset.fingerprint)),
            excluded=excluded,
            matching=None if excluded is None else ~excluded,
            columns=None if state.columns is None else state.columns.with_own(desk.own_features()),
        )
        desk.session.forget()
        if desk.state.query:
            desk.set_query(desk.state.query)
