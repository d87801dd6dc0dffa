"""Modules that are imported when they are first used, so that the first window need not wait for them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_LOCK = threading.RLock()


class LateModule(ModuleType):
    """Stands in `sys.modules` for a module until one of its names is asked for; then it is the module in all but identity."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__path__", "__version__"):  # import system and inspect look for these
            raise AttributeError(name)
        return getattr(_load(self), name)


def _load(stand_in: LateModule) -> ModuleType:
    name = stand_in.__name__
    with _LOCK:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        module = importlib.import_module(name)
        stand_in.__dict__.update(module.__dict__)
        return module


def postpone(name: str) -> None:
    """Put off the import of a top-level module until it is used; without effect where it is imported already."""
    if name not in sys.modules and importlib.util.find_spec(name) is not None:
        sys.modules[name] = LateModule(name)


def bring(*names: str) -> None:
    """Import modules now, for example in a thread while nothing else is to do."""
    for name in names:
        module = sys.modules.get(name) or importlib.import_module(name)
        if isinstance(module, LateModule):
            _load(module)
