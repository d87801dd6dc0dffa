"""What a place shows when it has no result: empty, loading, failed, stale; and progress and notices."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.gui.theme import brush, color, font, pen, pixmap, px, set_font, themes
from rmexplorer.gui.widgets.buttons import Chip, GhostButton, IconButton, LinkButton, SecondaryButton
from rmexplorer.gui.widgets.labels import ElidedLabel, label
from rmexplorer.problem import Problem


class IconLabel(QLabel):
    """An icon in a token's colour, rendered again when the theme changes."""

    def __init__(self, icon: str, role: str = "text2", size: int = 16, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.icon_name, self.icon_role, self.icon_size = icon, role, size
        themes.theme_changed.connect(self.render_icon)
        self.render_icon()

    def set_icon(self, icon: str, role: str = "text2") -> None:
        """Show another icon."""
        self.icon_name, self.icon_role = icon, role
        self.render_icon()

    def render_icon(self) -> None:
        self.setPixmap(pixmap(self.icon_name, self.icon_role, self.icon_size))


class EmptyState(QWidget):
    """What belongs here, one sentence and one button; `acted` on its press."""

    acted = Signal()

    def __init__(self, sentence: str = "", button: str = "", icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setSpacing(px(12))
        column.addStretch()
        self.icon = IconLabel(icon or "info", "text3", 28)
        self.icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.sentence = label(sentence, "secondary", wrap=True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = SecondaryButton(button)
        self.button.clicked.connect(self.acted)
        for part in (self.icon, self.sentence):
            column.addWidget(part)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self.icon.setVisible(bool(icon))
        self.button.setVisible(bool(button))

    def set_text(self, sentence: str, button: str = "") -> None:
        """Replace sentence and button; an empty button hides it."""
        self.sentence.setText(sentence)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.button.updateGeometry()


class LoadingState(QWidget):
    """The grey outline of a plot with rate and time left in its middle; nothing for the first 300 ms."""

    DELAY = 300

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.note = "Working"
        self.visible_outline = False
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(self.DELAY)
        self.timer.timeout.connect(self._appear)

    def begin(self, note: str) -> None:
        """Start, or change the note."""
        self.note = note
        self.setAccessibleName(note)
        if not self.visible_outline and not self.timer.isActive():
            self.timer.start()
        self.update()

    def end(self) -> None:
        """Go back to nothing."""
        self.timer.stop()
        self.visible_outline = False

    def _appear(self) -> None:
        self.visible_outline = True
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.visible_outline:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect()).adjusted(px(36), px(10), -px(10), -px(22))
        painter.setPen(pen("grid"))
        for step in range(1, 5):
            y = room.top() + room.height() * step / 5
            painter.drawLine(round(room.left()), round(y), round(room.right()), round(y))
        painter.setPen(pen("line"))
        painter.drawLine(room.bottomLeft(), room.bottomRight())
        painter.setFont(font("small"))
        note = painter.fontMetrics().elidedText(self.note, Qt.TextElideMode.ElideRight, self.width() - px(24))
        box = QRectF(painter.fontMetrics().boundingRect(note)).adjusted(-10, -5, 10, 5)
        box.moveCenter(QPointF(self.width() / 2, room.center().y()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("surface"))
        painter.drawRect(box)
        painter.setPen(color("text3"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, note)


class ErrorStrip(QFrame):
    """A failure where it happened: icon, what, what to do, Copy details; `acted` when the remedy has a button."""

    acted = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "failure")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.details = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(px(10), px(6), px(6), px(6))
        row.setSpacing(px(8))
        row.addWidget(IconLabel("circle-alert", "error", 16), 0, Qt.AlignmentFlag.AlignTop)
        self.text = label("", "error", weight=500, wrap=True)
        self.remedy = label("", "secondary", wrap=True)
        self.mend = SecondaryButton("")
        self.mend.clicked.connect(self.acted)
        self.copy = LinkButton("Copy details")
        self.copy.clicked.connect(self.copy_details)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(12))
        for button in (self.mend, self.copy):
            buttons.addWidget(button)
        buttons.addStretch()
        column = QVBoxLayout()
        column.setSpacing(px(3))
        column.addWidget(self.text)
        column.addWidget(self.remedy)
        column.addLayout(buttons)
        row.addLayout(column, 1)
        close = IconButton("x", "Close", size=13)
        close.clicked.connect(self.hide)
        close.clicked.connect(self.closed)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_problem(self, problem: Problem, details: str = "", button: str = "") -> None:
        """Show a Problem; `details` is what Copy details copies besides, `button` offers to mend it."""
        self.text.setText(problem.what)
        self.remedy.setText(problem.remedy[:1].upper() + problem.remedy[1:])
        self.remedy.setVisible(bool(problem.remedy))
        self.mend.setText(button)
        self.mend.setVisible(bool(button))
        self.details = f"{problem}\n{details}".strip()
        self.setAccessibleName(f"Error: {problem}")
        self.show()

    def copy_details(self) -> None:
        """Put what happened on the clipboard."""
        QGuiApplication.clipboard().setText(self.details)


class StaleChip(Chip):
    """ "Computed for 5,180 pairs · Update": old results are shown; a press asks for new ones. """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__("Update", parent=parent)
        set_font(self, "small", 500)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.full = "Update"
        self.set_stale(text)

    def set_stale(self, text: str) -> None:
        """Say what the shown result is of."""
        self.full = f"{text} · Update" if text else "Update"
        self.setText(self.full)
        self.setAccessibleName(self.full)
        self.setToolTip(self.full)
        self.updateGeometry()

    def _needed(self) -> int:
        return QFontMetrics(self.font()).horizontalAdvance(self.full) + 2 * self._margin() + 2

    def sizeHint(self) -> QSize:
        return QSize(self._needed(), px(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(68), px(24))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setText(self.full if self.width() >= self._needed() - 2 else "Update")


class StatusProgress(QWidget):
    """The running job in the status strip: icon, name, bar 160 × 6, step · rate · time left, Cancel."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(10))
        self.icon = IconLabel("circle-check", "green", 15)
        self.name = label("", font_role="small_strong")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(px(160))
        self.note = ElidedLabel("", "secondary", "small")
        self.cancel = GhostButton("Cancel", "x")
        self.cancel.setFixedHeight(px(26))
        self.cancel.clicked.connect(self.cancelled)
        for part in (self.icon, self.name, self.bar, self.note, self.cancel):
            row.addWidget(part)
        row.addStretch()
        self.ready("")

    def ready(self, note: str, failed: bool = False) -> None:
        """Nothing runs; `note` says what was done last."""
        self.icon.set_icon("circle-alert" if failed else "circle-check", "error" if failed else "green")
        self.name.setText("Failed" if failed else "Ready")
        self.note.setText(note)
        self.note.updateGeometry()
        self.bar.hide()
        self.cancel.hide()

    def running(self, name: str, done: int, total: int, note: str = "") -> None:
        """Show a job; an unknown total (0) moves the bar without end."""
        self.icon.set_icon("loader", "text2")
        self.name.setText(name)
        self.note.setText(note)
        self.note.updateGeometry()
        self.bar.setRange(0, max(total, 0))
        self.bar.setValue(done)
        self.bar.setAccessibleName(f"{name}, {note}")
        self.bar.show()
        self.cancel.show()


class Notice(QFrame):
    """A short message over the lower edge of its parent, with one action (Undo); goes after some seconds."""

    acted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "popover")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(14), px(6), px(8), px(6))
        self.text = label("")
        self.button = LinkButton("")
        set_font(self.button, "strong")
        self.button.clicked.connect(self.acted)
        self.button.clicked.connect(self.hide)
        close = IconButton("x", "Close", size=13)
        close.clicked.connect(self.hide)
        for part in (self.text, self.button, close):
            row.addWidget(part)
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.hide)
        self._slot: Callable[[], object] | None = None
        self.acted.connect(self._act)
        self.hide()

    def say(self, text: str, button: str = "", slot: Callable[[], object] | None = None, seconds: float = 6) -> None:
        """Show `text`; `slot` is called by the button."""
        self._slot = slot
        self.text.setText(text)
        self.button.setText(button)
        self.button.setVisible(bool(button))
        self.button.updateGeometry()
        self.setAccessibleName(text)
        self.adjustSize()
        if (parent := self.parentWidget()) is not None:
            self.move((parent.width() - self.width()) // 2, parent.height() - self.height() - px(46))
        self.show()
        self.raise_()
        self.timer.start(round(seconds * 1000))

    def _act(self) -> None:
        if self._slot is not None:
            self._slot()
