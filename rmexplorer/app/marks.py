"""Stars and notes: put on pairs here, kept in the project at once."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexplorer.problem import Problem
from rmexplorer.project import Mark

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk


class Marks:
    """What a person marks in the dataset that is shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def put(self, pair: int, **news: Any) -> None:
        """Change the star or note of a pair; kept in the project at once."""
        desk, state = self._desk, self._desk.state
        if state.dataset is None:
            return
        if state.partial is not None:
            desk.notice.emit("Stars and notes can be given when all pairs are read")
            return
        old = state.marks.get(pair, Mark())
        new = Mark(news.get("star", old.star), news.get("note", old.note))
        try:
            desk.project.put_mark(state.dataset.fingerprint, pair, new)
        except Problem as problem:
            desk.report(problem)
            return
        kept = {**state.marks, pair: new}
        if not new:
            kept.pop(pair)
        desk.session.put(marks=MappingProxyType(kept))
        if "starred" in state.query or "noted" in state.query:
            desk.set_query(state.query)

    def keep_note(self, fingerprint: str, pair: int, note: str) -> None:
        """Keep the note of a pair, of the dataset that is shown or of one that was shown before."""
        desk, dataset = self._desk, self._desk.state.dataset
        if dataset is not None and dataset.fingerprint == fingerprint:
            self.put(pair, note=note)
            return
        try:
            old = desk.project.marks(fingerprint).get(pair, Mark())
            desk.project.put_mark(fingerprint, pair, Mark(old.star, note))
        except Problem as problem:
            desk.report(problem)

    def toggle_star(self) -> None:
        """Star or unstar the pair in the inspector."""
        state = self._desk.state
        if state.focus is not None:
            self.put(state.focus, star=not state.marks.get(state.focus, Mark()).star)

    def select(self) -> None:
        """Select pairs with a star or note."""
        desk, state = self._desk, self._desk.state
        if state.dataset is None:
            return
        if not state.marks:
            desk.notice.emit("No pair has a star or a note yet")
            return
        mask = np.zeros(len(state.dataset), dtype=bool)
        mask[list(state.marks)] = True
        desk.select(mask, origin="starred or noted")
