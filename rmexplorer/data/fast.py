"""The columnar way in: plain string columns become comparisons without a loop over rows."""

from __future__ import annotations

from rmexplorer.data.assemble import Parts
from rmexplorer.data.containers import Table
from rmexplorer.data.formats import Format


def fast_parts(format: Format, tables: list[tuple[str, Table]], labels: list[str]) -> Parts | None:
    """Parts of columnar files of plain strings, or None where the format or the columns need a look at each record."""
    return None
