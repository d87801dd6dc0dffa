"""Widgets shared by all panes, each built once; colours and fonts come from rmexplorer.gui.theme."""

from __future__ import annotations

from rmexplorer.gui.widgets.buttons import (
    Button,
    Chip,
    GhostButton,
    IconButton,
    KeyCap,
    LinkButton,
    PrimaryButton,
    SecondaryButton,
    Segmented,
)
from rmexplorer.gui.widgets.card import Card, NumberStrip, panel
from rmexplorer.gui.widgets.focus import FocusRings, show_focus
from rmexplorer.gui.widgets.header import ComputedPopover, PaneHeader
from rmexplorer.gui.widgets.labels import ElidedLabel, Headline, Mark, hairline, label, minus, paint_mark, signed
from rmexplorer.gui.widgets.states import (
    EmptyState,
    ErrorStrip,
    IconLabel,
    LoadingState,
    Notice,
    StaleChip,
    StatusProgress,
)

__all__ = [
    "Button", "Card", "Chip", "ComputedPopover", "ElidedLabel", "EmptyState", "ErrorStrip", "FocusRings",
    "GhostButton", "Headline", "IconButton", "IconLabel", "KeyCap", "LinkButton", "LoadingState", "Mark", "Notice",
    "NumberStrip", "PaneHeader", "PrimaryButton", "SecondaryButton", "Segmented", "StaleChip", "StatusProgress",
    "hairline", "label", "minus", "paint_mark", "panel", "show_focus", "signed",
]
