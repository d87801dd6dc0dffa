"""A late module is imported on first use, and only then."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_that_the_window_is_imported_without_the_slow_libraries() -> None:
    code = (
        "import sys, rmexplorer.gui.main\n"
        "print([name for name in ('sklearn', 'scipy', 'torch', 'numba') if name in sys.modules], type(sys.modules['polars']).__name__)"
    )
    assert run(code) == "[] LateModule"


def test_that_a_late_module_works_as_the_module_once_it_is_used() -> None:
    code = (
        "from rmexplorer.late import postpone\npostpone('polars')\nimport polars as pl\nimport sys\n"
        "before = type(sys.modules['polars']).__name__\nframe = pl.DataFrame({'a': [1, 2]})\n"
        "import polars\nprint(before, type(polars).__name__, frame.height, isinstance(frame, polars.DataFrame))"
    )
    assert run(code) == "LateModule module 2 True"


def test_that_bring_imports_it_at_once() -> None:
    code = (
        "from rmexplorer.late import bring, postpone\npostpone('polars')\nbring('polars')\nimport sys\n"
        "print(type(sys.modules['polars']).__name__)"
    )
    assert run(code) == "module"


def test_that_two_threads_may_use_it_first_at_once() -> None:
    code = (
        "import threading\nfrom rmexplorer.late import postpone\npostpone('polars')\nimport polars as pl\nfound = []\n"
        "threads = [threading.Thread(target=lambda: found.append(pl.DataFrame({'a': [1]}).height)) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\nprint(sum(found))"
    )
    assert run(code) == "8"
