"""How files that can be read are usually named: which files of a folder are data, and which ones a dialog offers.

A file is read by its content, whatever its name.
"""

from __future__ import annotations

SUFFIXES: dict[str, tuple[str, ...]] = {
    "json": (".jsonl", ".json", ".ndjson", ".json-seq"),
    "table": (".csv", ".tsv", ".txt"),
    "workbook": (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    "columns": (".parquet", ".arrow", ".feather", ".ipc"),
    "sqlite": (".sqlite", ".sqlite3", ".db"),
    "verdicts": (".txt",),
    "packed": (".gz", ".xz", ".bz2", ".zst", ".zstd", ".lzma", ".zip", ".tar", ".tgz"),
}
"""By container (rmexplorer.data.containers), and last those of compressed files and archives."""
DATA_SUFFIXES = tuple(dict.fromkeys(suffix for suffixes in SUFFIXES.values() for suffix in suffixes))
