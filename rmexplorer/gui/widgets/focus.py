"""The focus ring: one overlay that follows the focused widget, so that no control can forget to show focus."""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from rmexplorer.gui.theme import pen, themes

OFFSET = 2
WIDTH = 2


class FocusRing(QWidget):
    """A plum ring, 2 px wide and 2 px off, around `target`; a child of the target's window, deaf to the mouse."""

    def __init__(self, target: QWidget) -> None:
        super().__init__(target.window())
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setObjectName("focusRing")
        self.target = target
        self.watched: list[QWidget] = []
        widget: QWidget | None = target
        while widget is not None and not widget.isWindow():
            widget.installEventFilter(self)
            self.watched.append(widget)
            widget = widget.parentWidget()
        self.follow()
        self.show()
        self.raise_()

    def follow(self) -> None:
        """Move over the target, cut to what its scroll areas show of it."""
        room = 0 if self.target.property("insetFocusRing") else OFFSET + WIDTH
        corner = self.target.mapTo(self.window(), QPoint(0, 0))
        shown = QRect(corner, self.target.size())
        for parent in self.watched[1:]:
            area = parent.parentWidget()
            if isinstance(area, QAbstractScrollArea) and area.viewport() is parent:
                shown = shown.intersected(QRect(parent.mapTo(self.window(), QPoint(0, 0)), parent.size()))
        self.setGeometry(shown.adjusted(-room, -room, room, room).intersected(self.window().rect()))
        self.setVisible(self.target.isVisible() and not shown.isEmpty())

    def release(self) -> None:
        """Stop watching and go."""
        for widget in self.watched:
            widget.removeEventFilter(self)
        self.watched = []
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self.follow()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen("plum", WIDTH))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)


class FocusRings(QObject):
    """Puts the ring on whatever gets the focus; one for each application. See `show_focus`."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self.ring: FocusRing | None = None
        application.focusChanged.connect(self._moved)
        themes.theme_changed.connect(self._repaint)

    def _moved(self, old: QWidget | None, new: QWidget | None) -> None:
        if self.ring is not None:
            with suppress(RuntimeError):  # its window is gone, and the ring with it
                self.ring.release()
            self.ring = None
        if new is None or new.isWindow() or isinstance(new, QMenu) or new.property("ownFocusRing"):
            return
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if pressed and isinstance(new, QAbstractButton) and not isinstance(new, QLineEdit | QTextEdit | QPlainTextEdit):
            return  # a click shows where it went; the ring is for those who did not click
        self.ring = FocusRing(new)

    def _repaint(self) -> None:
        if self.ring is not None:
            try:
                self.ring.update()
            except RuntimeError:
                self.ring = None


def show_focus(application: QApplication) -> FocusRings:
    """Switch the focus ring on for a whole application; calling again returns the same."""
    for child in application.children():
        if isinstance(child, FocusRings):
            return child
    return FocusRings(application)
