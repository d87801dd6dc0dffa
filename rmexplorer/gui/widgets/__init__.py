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
from rmexplorer.gui.widgets.diff import DiffView, MarkedText, ResponseView, Span, diff, weighted
from rmexplorer.gui.widgets.facets import FacetHistogram, HorizontalBars
from rmexplorer.gui.widgets.focus import FocusRings, show_focus
from rmexplorer.gui.widgets.header import ComputedPopover, PaneHeader
from rmexplorer.gui.widgets.labels import ElidedLabel, Headline, Mark, hairline, label, minus, paint_mark, signed
from rmexplorer.gui.widgets.reward_strip import RewardStrip, round_steps
from rmexplorer.gui.widgets.states import (
    EmptyState,
    ErrorStrip,
    IconLabel,
    LoadingState,
    Notice,
    StaleChip,
    StatusProgress,
)
from rmexplorer.gui.widgets.token_field import TokenField, split_tokens

__all__ = [
    "Button",
    "Card",
    "Chip",
    "ComputedPopover",
    "DiffView",
    "ElidedLabel",
    "EmptyState",
    "ErrorStrip",
    "FacetHistogram",
    "FocusRings",
    "GhostButton",
    "Headline",
    "HorizontalBars",
    "IconButton",
    "IconLabel",
    "KeyCap",
    "LinkButton",
    "LoadingState",
    "Mark",
    "MarkedText",
    "Notice",
    "NumberStrip",
    "PaneHeader",
    "PrimaryButton",
    "ResponseView",
    "RewardStrip",
    "SecondaryButton",
    "Segmented",
    "Span",
    "StaleChip",
    "StatusProgress",
    "TokenField",
    "diff",
    "hairline",
    "label",
    "minus",
    "paint_mark",
    "panel",
    "round_steps",
    "show_focus",
    "signed",
    "split_tokens",
    "weighted",
]
