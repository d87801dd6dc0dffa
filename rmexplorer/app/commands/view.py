"""Commands on the window: panes, theme, inspector, palette."""

from __future__ import annotations

from rmexplorer.app.commands import command
from rmexplorer.app.desk import Desk


@command("Every command", "Ctrl+K", "View")
def palette(desk: Desk) -> None:
    """Find a command, a pane or a pair by its name or number."""
    desk.ui.show_palette()


@command("Light or dark", "Ctrl+Shift+L", "View")
def toggle_theme(desk: Desk) -> None:
    """Change between the light and the dark theme."""
    desk.ui.toggle_theme()


@command("Presentation", "F11", "View")
def toggle_presentation(desk: Desk) -> None:
    """Large type and one pane on the whole screen, for a talk; the same key leads back."""
    desk.ui.toggle_presentation()


@command("Larger text", "Ctrl+=", "View")
def zoom_in(desk: Desk) -> None:
    """Make text and everything around it larger, up to 200%."""
    desk.ui.set_zoom(desk.ui.zoom + 0.1)


@command("Smaller text", "Ctrl+-", "View")
def zoom_out(desk: Desk) -> None:
    """Make text and everything around it smaller, down to 80%."""
    desk.ui.set_zoom(desk.ui.zoom - 0.1)


@command("Usual text size", "", "View")
def zoom_reset(desk: Desk) -> None:
    """Go back to 100%."""
    desk.ui.set_zoom(1.0)


@command("Inspector", "Ctrl+I", "View")
def toggle_inspector(desk: Desk) -> None:
    """Show or hide the inspector."""
    desk.ui.toggle_inspector()


@command("Rail", "Ctrl+B", "View")
def toggle_rail(desk: Desk) -> None:
    """Show the rail with names or as icons only."""
    desk.ui.toggle_rail()


@command("Next region", "F6", "View")
def next_region(desk: Desk) -> None:
    """Move the keyboard to the next region: top bar, rail, pane, inspector."""
    desk.ui.next_region()


@command("Keys and help", "F1", "View")
def show_help(desk: Desk) -> None:
    """Show every key and what it does."""
    desk.ui.show_help()


@command("Copy the last error", "", "View")
def copy_error(desk: Desk) -> None:
    """Copy the details of the last error, to report it."""
    desk.ui.set_clipboard(desk.last_crash or "no error so far")
