"""The command `rmexplorer`, which is `python -m rmexplorer` too."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

EXIT_INTERRUPTED = 130
RETRY_SECONDS = 0.02


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but amid an import only after it: there it may be swallowed or become an ImportError."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def start() -> int:
    """Run the command; returns its exit code, or ends the process where it was interrupted."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, interrupt)
        signal.signal(signal.SIGINT, interrupt)
    try:
        from rmexplorer.cli import main

        code = main()
    except KeyboardInterrupt:
        sys.stderr.write("rmexplorer: interrupted\n")
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:
        with suppress(OSError):  # who should read it may be gone
            sys.stdout.flush()
        os._exit(code)  # Python itself would end by the signal where the interrupt had passed through `exec`
    return code


# Worker processes import this module under another name; they must not run the command again.
if __name__ == "__main__":
    sys.exit(start())
