"""`python -m rmexplorer` is the command `rmexplorer`."""

from __future__ import annotations

import sys

from rmexplorer.cli import main

# Worker processes import this module under another name; they must not run the command again.
if __name__ == "__main__":
    sys.exit(main())
