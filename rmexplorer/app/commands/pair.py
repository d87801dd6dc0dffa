"""Commands on pairs: move, star, note, copy, select, filter."""

from __future__ import annotations

from rmexplorer.app.commands import command, with_dataset, with_focus, with_read
from rmexplorer.app.desk import Desk


@command("Next pair", "Alt+Right", "Pair", with_dataset)
def next_pair(desk: Desk) -> None:
    """Go to the next pair of the selection, or of those that pass the filter."""
    desk.step(1)


@command("Previous pair", "Alt+Left", "Pair", with_dataset)
def previous_pair(desk: Desk) -> None:
    """Go to the previous pair of the selection, or of those that pass the filter."""
    desk.step(-1)


@command("Star this pair", "Ctrl+D", "Pair", with_focus)
def star_pair(desk: Desk) -> None:
    """Put a star on the pair in the inspector, or take it off; kept in the project."""
    desk.marks.toggle_star()


@command("Write a note", "Ctrl+Shift+N", "Pair", with_focus)
def note_pair(desk: Desk) -> None:
    """Write a note on the pair in the inspector; kept in the project as it is typed."""
    desk.ui.edit_note()


@command("Copy this pair", "Ctrl+Shift+C", "Pair", with_focus)
def copy_pair(desk: Desk) -> None:
    """Copy the pair in the inspector as Markdown."""
    desk.ui.set_clipboard(desk.pair_as_markdown())


@command("Show starred pairs", "", "Pair", with_read)
def select_starred(desk: Desk) -> None:
    """Select the pairs that have a star or a note."""
    desk.marks.select()


@command("Filter pairs", "Ctrl+F", "Pair", with_dataset)
def focus_filter(desk: Desk) -> None:
    """Go to the filter field."""
    desk.ui.focus_filter()


@command("Clear selection, then filter", "Escape", "Pair", with_dataset)
def clear(desk: Desk) -> None:
    """Clear the selection; where nothing is selected, clear the filter."""
    desk.clear()


@command("Undo", "Ctrl+Z", "Pair", with_dataset)
def undo(desk: Desk) -> None:
    """Go back to the selection and filter before the last change."""
    desk.undo()


@command("Redo", "Ctrl+Shift+Z", "Pair", with_dataset)
def redo(desk: Desk) -> None:
    """Take back an undo."""
    desk.redo()
