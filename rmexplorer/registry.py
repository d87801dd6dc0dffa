"""Registries: dicts filled by decorators and a walk over a leaf folder."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from rmexplorer.problem import Problem

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Named entries of one kind. The leaf package, where given, is imported on first use so that leaves register."""

    def __init__(self, kind: str, package: str = "") -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._walked = not package
        self._lock = threading.RLock()

    def add(self, name: str, entry: Entry) -> Entry:
        """Register an entry; two of one name are a bug."""
        if name in self._entries:
            raise ValueError(f"two entries of kind {self.kind} are named {name!r}")
        self._entries[name] = entry
        return entry

    def _walk(self) -> None:
        """Import every leaf, once; a thread that comes meanwhile waits until all are there."""
        with self._lock:
            if not self._walked:
                package = importlib.import_module(self._package)
                for leaf in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
                    importlib.import_module(f"{self._package}.{leaf.name}")
                self._walked = True

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries and self._package and name.isidentifier():
            if importlib.util.find_spec(f"{self._package}.{name}") is not None:
                importlib.import_module(f"{self._package}.{name}")  # a leaf of that name is all that is needed
        if name not in self._entries:
            self._walk()
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(sorted(self._entries))}"
        raise Problem(f"there is no {self.kind} named {name!r}", hint)

    def __iter__(self) -> Iterator[str]:
        self._walk()
        return iter(self._entries)

    def __len__(self) -> int:
        self._walk()
        return len(self._entries)

    def values(self) -> list[Entry]:
        """All entries, in the order of registration."""
        self._walk()
        return list(self._entries.values())

    def items(self) -> list[tuple[str, Entry]]:
        """All (name, entry), in the order of registration."""
        self._walk()
        return list(self._entries.items())
