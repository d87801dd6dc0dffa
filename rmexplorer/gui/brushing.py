"""What a brush or a click does to the selection, the same in every pane."""

from __future__ import annotations

from PySide6.QtCore import Qt

from rmexplorer.app.state import Brush


def brush_of(modifiers: Qt.KeyboardModifier) -> Brush:
    """Shift adds, Alt takes away, else what is brushed replaces the selection."""
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return "add"
    return "remove" if modifiers & Qt.KeyboardModifier.AltModifier else "replace"
