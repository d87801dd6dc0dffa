"""Welcome: what can be done first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.app.state import State
from rmexplorer.gui.mark import AppMark
from rmexplorer.gui.moments import when
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.theme import brush, pen, px, themes
from rmexplorer.gui.widgets import (
    Card,
    ElidedLabel,
    IconLabel,
    KeyCap,
    LinkButton,
    PrimaryButton,
    SecondaryButton,
    hairline,
    label,
)
from rmexplorer.project import Recent
from rmexplorer.wording import counted

DEMO = (
    "About 3,000 pairs of everyday questions with planted faults: length, flattery, a stock phrase, a confident tone "
    "and a careless annotator. Train a head and find them."
)
KEYS = (
    ("Open a file", ("Ctrl", "O")),
    ("Every command", ("Ctrl", "K")),
    ("Go to a pane", ("Ctrl", "1–0")),
    ("Keys and help", ("F1",)),
)


class DropArea(QWidget):
    """The dashed field that takes a file; a click chooses one."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Drop a dataset here")

    def sizeHint(self) -> QSize:
        """As in the guide's picture."""
        return QSize(px(590), px(300))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click anywhere chooses a file."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """White with a dashed border."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(brush("surface"))
        painter.setPen(pen("line2", 1.5, "dash"))
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(1, 1, -1, -1), themes.metrics.radius_card, themes.metrics.radius_card
        )


class RecentRow(QWidget):
    """One file that was opened before; a moved one says so."""

    opened = Signal(object)
    sought = Signal(object)

    def __init__(self, recent: Recent, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.recent = recent
        self.there = recent.is_there
        self.setFixedHeight(px(36))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(px(10))
        row.addWidget(IconLabel("file-text" if self.there else "file-x", "text2" if self.there else "amber_text", 16))
        name = ElidedLabel(recent.name, "", "strong", 500)
        name.setToolTip(recent.path)
        row.addWidget(name)
        if self.there:
            row.addWidget(label(counted(recent.pairs, "pair"), "secondary", "small"))
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setAccessibleName(f"Open {recent.name}, {counted(recent.pairs, 'pair')}")
        else:
            row.addWidget(label("File has moved", "amber", "small"))
            find = LinkButton("Find it")
            find.clicked.connect(lambda: self.sought.emit(self.recent))
            row.addWidget(find)
        row.addStretch(1)
        row.addWidget(label(when(recent.opened), "secondary", "small"))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open it."""
        if self.there and self.rect().contains(event.position().toPoint()):
            self.opened.emit(self.recent)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter or Space opens it."""
        if self.there and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.opened.emit(self.recent)
        else:
            super().keyPressEvent(event)


@pane
class Welcome(Pane):
    """Drop, choose or paste a file, open the demo, or go on with a recent one."""

    name, title, question, icon = "welcome", "Welcome", "What can I do first?", "upload"
    group = ""
    reads = frozenset({"pane", "dataset"})
    previews = True
    framed = False

    @classmethod
    def why_empty(cls, state: State) -> str:
        """Welcome always has something to show."""
        return ""

    def build(self) -> None:
        """Title, drop area, demo card, recent files, keys."""
        self.body.addStretch(2)
        middle = QHBoxLayout()
        middle.addStretch(1)
        self._page = QWidget()
        self._page.setMaximumWidth(px(920))
        self._page.setMinimumWidth(px(760))
        column = QVBoxLayout(self._page)
        column.setSpacing(px(20))
        column.addLayout(self._title())
        grid = QGridLayout()
        grid.setHorizontalSpacing(px(16))
        grid.setVerticalSpacing(px(20))
        grid.setColumnStretch(0, 65)
        grid.setColumnStretch(1, 35)
        grid.addWidget(self._drop(), 0, 0)
        grid.addWidget(self._demo(), 0, 1)
        recent = QVBoxLayout()
        recent.setSpacing(0)
        recent.addWidget(label("Recent", font_role="title"))
        recent.addSpacing(px(6))
        recent.addWidget(hairline())
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        recent.addLayout(self._recent)
        recent.addStretch(1)
        grid.addLayout(recent, 1, 0)
        grid.addLayout(self._keys(), 1, 1)
        column.addLayout(grid)
        middle.addWidget(self._page, 10)
        middle.addStretch(1)
        self.body.addLayout(middle)
        self.body.addStretch(3)

    def _title(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(16))
        row.addWidget(AppMark(44))
        words = QVBoxLayout()
        words.setSpacing(px(2))
        words.addWidget(label("See what your reward model rewards", font_role="welcome"))
        words.addWidget(
            label(
                "Open preference pairs, train a reward head in seconds, and find out what it likes.",
                "secondary",
                "body",
            )
        )
        row.addLayout(words)
        row.addStretch(1)
        return row

    def _drop(self) -> QWidget:
        area = DropArea()
        area.clicked.connect(lambda: self.run_command("open_dataset"))
        column = QVBoxLayout(area)
        column.setSpacing(px(6))
        column.addStretch(3)
        for widget in (
            IconLabel("upload", "text3", 28),
            label("Drop a dataset here", font_role="empty"),
            label("JSONL, CSV, Excel, Parquet or SQLite, also compressed; several files or a folder", "secondary"),
        ):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(widget)
        buttons = QHBoxLayout()
        buttons.setSpacing(px(8))
        self.choose = PrimaryButton("Choose file", "folder-open", "Ctrl+O")
        self.choose.clicked.connect(lambda: self.run_command("open_dataset"))
        self.paste = SecondaryButton("Paste pairs", "clipboard-paste", "Ctrl+Shift+V")
        self.paste.clicked.connect(lambda: self.run_command("paste_pairs"))
        self.hub = SecondaryButton("From the Hub", "download")
        self.hub.clicked.connect(lambda: self.run_command("open_hub"))
        buttons.addStretch(1)
        buttons.addWidget(self.choose)
        buttons.addWidget(self.hub)
        buttons.addWidget(self.paste)
        buttons.addStretch(1)
        column.addSpacing(px(8))
        column.addLayout(buttons)
        column.addStretch(2)
        layouts = label(
            "HH-RLHF, UltraFeedback, HelpSteer, Arena, RewardBench and many more layouts are recognised",
            "secondary",
            "small",
        )
        layouts.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(layouts)
        column.addSpacing(px(8))
        return area

    def _demo(self) -> QWidget:
        card = Card()
        card.body.setSpacing(px(8))
        card.add(IconLabel("flask-conical", "plum", 28))
        card.add(label("Tour the demo", font_role="empty"))
        card.add(label(DEMO, "secondary", wrap=True))
        card.body.addStretch(1)
        self.demo = SecondaryButton("Open demo", "play")
        self.demo.clicked.connect(lambda: self.run_command("open_demo"))
        card.add(self.demo)
        return card

    def _keys(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addWidget(label("Keyboard", font_role="title"))
        column.addSpacing(px(6))
        column.addWidget(hairline())
        for text, caps in KEYS:
            line = QWidget()
            line.setFixedHeight(px(36))
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(px(5))
            row.addWidget(label(text))
            row.addStretch(1)
            for cap in caps:
                row.addWidget(KeyCap(cap))
            column.addWidget(line)
        column.addStretch(1)
        return column

    def draw(self, result: object) -> None:
        """List the recent files anew."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        recent = self.desk.project.recent(4)
        for one in recent:
            row = RecentRow(one)
            row.opened.connect(lambda recent: self.desk.open(recent.paths))
            row.sought.connect(self._find)
            self._recent.addWidget(row)
        if not recent:
            nothing = label("Files that you open are listed here.", "hint", "small")
            nothing.setContentsMargins(0, px(10), 0, 0)
            self._recent.addWidget(nothing)

    def _find(self, recent: Recent) -> None:
        gone = next(path for path in recent.paths if not Path(path).exists())
        found = self.desk.ui.choose_open(f"Where is {Path(gone).name}?", "All files (*)")
        if found:
            self.desk.project.forget(recent.path)
            self.desk.open([found if path == gone else path for path in recent.paths])
