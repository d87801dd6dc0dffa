"""The command `rmexplorer`, which is `python -m rmexplorer` too."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

EXIT_INTERRUPTED = 130


def interrupted() -> NoReturn:
    """End with 130 now: Python itself would end by the signal where the interrupt met an `exec`, as imports do."""
    with suppress(OSError):  # who should read it may be gone
        sys.stdout.flush()
    os._exit(EXIT_INTERRUPTED)


try:
    from rmexplorer.cli import main
except KeyboardInterrupt:
    sys.stderr.write("rmexplorer: interrupted\n")
    interrupted()


def start() -> int:
    """Run the command; returns its exit code."""
    code = main()
    if code == EXIT_INTERRUPTED:
        interrupted()
    return code


# Worker processes import this module under another name; they must not run the command again.
if __name__ == "__main__":
    sys.exit(start())
