"""Widgets. The window is drawn before the table library is there: see rmexplorer.late."""

from __future__ import annotations

from rmexplorer.late import postpone

postpone("polars")
