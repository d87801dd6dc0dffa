"""Tab goes through each pane: every plot, list and button is reached, has a name, and shows that it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QApplication, QWidget

from rmexplorer.gui.catalog import catalog
from rmexplorer.gui.plots import PlotView
from rmexplorer.gui.widgets import show_focus
from rmexplorer.gui.widgets.buttons import Segmented
from rmexplorer.gui.window import Window
from tests.gui.test_pane_contracts import ROWS, show

MOST = 250
NAMES = [card.name for card in catalog() if card.name != "welcome"]


def walk(window: Window) -> list[QWidget]:
    """The widgets that Tab comes to, from the window until it comes round, in order."""
    window.setFocus()
    seen: list[QWidget] = []
    for _ in range(MOST):
        focused = QApplication.focusWidget()
        assert focused is not None
        QTest.keyClick(focused, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in seen:
            return seen
        seen.append(focused)
    raise AssertionError(f"Tab does not come round: {[type(one).__name__ for one in seen[-8:]]}")


def name_of(widget: QWidget) -> str:
    """What a screen reader calls a widget."""
    if widget.accessibleName() or not isinstance(widget, QAbstractButton):
        return widget.accessibleName()
    return widget.text()


@pytest.mark.parametrize("name", NAMES)
def test_that_tab_reaches_everything_in_a_pane_and_shows_where_it_is(
    name: str, window: Window, settle: Callable[[Window], None], tmp_path: Path
) -> None:
    show(window, ROWS, tmp_path)
    window.show_pane(name)
    settle(window)
    pane, rings = window.panes[name], show_focus(QApplication.instance())
    seen = [widget for widget in walk(window) if pane.isAncestorOf(widget)]
    for widget in seen:
        assert name_of(widget), f"{type(widget).__name__} in {type(widget.parent()).__name__} has no name"
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        owner = widget.property("ownFocusRing")
        assert owner or (rings.ring is not None and rings.ring.target in (widget, widget.focusProxy())), type(widget).__name__
    for kind in (PlotView, QAbstractItemView):
        for view in pane.findChildren(kind):
            inside_one = any(other is not view and other.isAncestorOf(view) for other in pane.findChildren(kind))
            if view.isVisible() and view.isEnabled() and not inside_one:
                assert view in seen or view.focusProxy() in seen, f"{kind.__name__} {view.accessibleName()} is not reached"
    for button in pane.findChildren(QAbstractButton):
        grouped = any(isinstance(parent, Segmented) for parent in (button.parent(), button.parent().parent()))
        if button.isVisible() and button.isEnabled() and not grouped:  # arrows go through the choices of a Segmented
            assert button in seen, f"{type(button).__name__} {name_of(button)} is not reached"
