"""Widgets. The window is drawn before the table library and the workflows are there: see rmexplorer.late."""

from __future__ import annotations

from rmexplorer.late import postpone

LATE = (
    "polars",
    "rmexplorer.data.hub",
    "rmexplorer.data.quality",
    "rmexplorer.data.query",
    "rmexplorer.data.table",
    "rmexplorer.encoders",
    "rmexplorer.gui.mapping_page",
    "rmexplorer.reward.checkpoint",
    "rmexplorer.reward.train",
    "rmexplorer.workflows.attributing",
    "rmexplorer.workflows.columns",
    "rmexplorer.workflows.encoding",
    "rmexplorer.workflows.files",
    "rmexplorer.workflows.informing",
    "rmexplorer.workflows.opening",
    "rmexplorer.workflows.rewards",
    "rmexplorer.workflows.scoring",
    "rmexplorer.workflows.training",
)

for name in LATE:
    postpone(name)
