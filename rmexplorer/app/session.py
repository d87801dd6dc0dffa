"""The session: it holds the state, replaces it, and tells everyone once. The only arrow back up is the person."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from rmexplorer.app.state import Selection, State

# What hangs on a field and falls with it, unless it is put in the same breath.
HANGING: dict[str, dict[str, Any]] = {
    "dataset": {
        "folder": None,
        "frame": None,
        "partial": None,
        "rewards": None,
        "checkpoint": None,
        "run": "",
        "columns": None,
        "query": "",
        "matching": None,
        "excluded": None,
        "selection": Selection(),
        "focus": None,
        "runs": (),
        "marks": {},
    },
}
UNDOABLE = ("query", "matching", "excluded", "selection", "focus")
HISTORY = 100


class Session(QObject):
    """Holds one State. `changed(state, names)` is emitted once for each change, with the names of the fields that changed."""

    changed = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = State()
        self._past: list[dict[str, Any]] = []
        self._future: list[dict[str, Any]] = []

    def put(self, **news: Any) -> None:
        """Replace fields of the state; identity decides what is new, so no array is compared."""
        for name, fallen in HANGING.items():
            if name in news and news[name] is not getattr(self.state, name):
                news = {**fallen, **news}
                self._past, self._future = [], []
        changes = self._differing(news)
        if not changes:
            return
        if "dataset" not in changes and any(name in changes for name in ("query", "selection", "excluded")):
            self._past = [*self._past[-HISTORY:], self._undoable()]
            self._future = []
        self._replace(changes)

    def undo(self) -> bool:
        """Go back to the selection, filter and focus before the last change; False where there is none."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Take back an undo; False where there is none."""
        return self._travel(self._future, self._past)

    def forget(self) -> None:
        """What was before can no longer be undone."""
        self._past, self._future = [], []

    def _travel(self, source: list[dict[str, Any]], target: list[dict[str, Any]]) -> bool:
        if not source:
            return False
        target.append(self._undoable())
        self._replace(self._differing(source.pop()))
        return True

    def _undoable(self) -> dict[str, Any]:
        return {name: getattr(self.state, name) for name in UNDOABLE}

    def _differing(self, news: dict[str, Any]) -> dict[str, Any]:
        known = {one.name for one in fields(State)}
        unknown = set(news) - known
        if unknown:
            raise TypeError(f"the state has no field {', '.join(sorted(unknown))}")
        return {
            name: value
            for name, value in news.items()
            if getattr(self.state, name) is not value and not _equal_plain(getattr(self.state, name), value)
        }

    def _replace(self, changes: dict[str, Any]) -> None:
        if changes:
            self.state = replace(self.state, **changes)
            self.changed.emit(self.state, frozenset(changes))


def _equal_plain(old: Any, new: Any) -> bool:
    return isinstance(old, (str, int)) and isinstance(new, (str, int)) and old == new
