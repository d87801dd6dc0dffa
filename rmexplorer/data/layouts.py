"""The layouts in which pairs are written: what they are called, how their files are named, what a line or row holds."""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """One kind of `convert --to`."""

    title: str
    suffix: str
    sentence: str


LAYOUTS: dict[str, Layout] = {
    "trl": Layout(
        "TRL", ".jsonl", "JSON lines: prompt, chosen, rejected, margin where there is one; chats stay lists of messages."
    ),
    "openrlhf": Layout(
        "OpenRLHF", ".jsonl", "JSON lines: prompt, chosen, rejected, margin in every line; chats stay lists of messages."
    ),
    "parquet": Layout("Parquet", ".parquet", "Texts in columns, with what the file held besides."),
    "csv": Layout(
        "CSV", ".csv", "Texts in columns, with what the file held besides; cells that a spreadsheet would run begin with '."
    ),
}
