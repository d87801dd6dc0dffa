"""The command palette: every command, pane and pair number, found by its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from rmexplorer.app.commands import COMMANDS, why_not
from rmexplorer.app.desk import Desk
from rmexplorer.data import hub
from rmexplorer.gui.catalog import catalog
from rmexplorer.gui.theme import brush, color, font, pixmap, px, set_font, set_role, themes
from rmexplorer.gui.widgets.rows import Index, RowsModel
from rmexplorer.problem import Problem


@dataclass(frozen=True)
class Entry:
    """One line of the palette; `why_not` says why it cannot be chosen now."""

    title: str
    sentence: str
    key: str
    icon: str
    why_not: str
    act: Callable[[], None]


def entries(desk: Desk) -> list[Entry]:
    """All panes and commands as lines of the palette, panes first."""
    lines = []
    for place, pane in enumerate(catalog(), start=1):
        key = f"Ctrl+{place % 10}" if pane.group and place <= 10 else ""
        lines.append(
            Entry(f"Go to {pane.title}", pane.question, key, pane.icon, "", partial(desk.session.put, pane=pane.name))
        )
    for command in COMMANDS.values():
        why = why_not(command, desk.state)
        lines.append(
            Entry(command.title, command.sentence, command.key, "command", why, partial(command.run, desk))
        )
    return lines


def ranked(lines: list[Entry], text: str) -> list[Entry]:
    """The lines that hold every word of `text`, those first whose title begins with it."""
    words = text.lower().split()
    found = [line for line in lines if all(word in f"{line.title} {line.sentence}".lower() for word in words)]

    def place(line: Entry) -> tuple[bool, bool, bool]:
        title = line.title.lower()
        return bool(line.why_not), not title.startswith(text.lower()), not all(word in title for word in words)

    return sorted(found, key=place)


class _Lines(RowsModel[Entry]):
    def said(self, row: Entry, role: int) -> object:
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return row.why_not or row.sentence
        return row.title if role == Qt.ItemDataRole.DisplayRole else None


class _Painter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(px(400), px(46))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line: Entry = index.data(Qt.ItemDataRole.UserRole)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = option.rect.adjusted(px(6), 1, -px(6), -1)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("plum_tint"))
            painter.drawRoundedRect(box, themes.metrics.radius, themes.metrics.radius)
        token = "off" if line.why_not else "text"
        painter.drawPixmap(
            QPoint(box.left() + px(10), box.center().y() - px(8)),
            pixmap(line.icon, "off" if line.why_not else "text2", 16),
        )
        key_width = QFontMetrics(font("small")).horizontalAdvance(line.key) + px(14) if line.key else 0
        room = QRect(box.left() + px(38), box.top() + px(4), box.width() - px(48) - key_width, px(20))
        painter.setFont(font("strong"))
        painter.setPen(color(token))
        painter.drawText(
            room,
            Qt.AlignmentFlag.AlignVCenter,
            QFontMetrics(font("strong")).elidedText(line.title, Qt.TextElideMode.ElideRight, room.width()),
        )
        painter.setFont(font("small"))
        painter.setPen(color("text3"))
        below = room.translated(0, px(18))
        text = line.why_not or line.sentence
        painter.drawText(
            below,
            Qt.AlignmentFlag.AlignVCenter,
            QFontMetrics(font("small")).elidedText(text, Qt.TextElideMode.ElideRight, below.width()),
        )
        if line.key:
            painter.setPen(color("text2"))
            painter.drawText(
                QRect(box.right() - key_width, box.top(), key_width, box.height()),
                Qt.AlignmentFlag.AlignVCenter,
                line.key,
            )
        painter.restore()


class Palette(QDialog):
    """A field and the lines that match it; Enter acts, Escape closes, a number goes to that pair."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._desk = desk
        self._all = entries(desk)
        self.setAccessibleName("Every command")
        set_role(self, "popup")
        column = QVBoxLayout(self)
        column.setContentsMargins(px(8), px(8), px(8), px(8))
        self.field = QLineEdit()
        self.field.setPlaceholderText("Command, pane, pair number or hf:// address")
        self.field.setAccessibleName("Find a command")
        set_font(self.field, "body")
        column.addWidget(self.field)
        self._model = _Lines()
        self.view = QListView()
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setModel(self._model)
        self.view.setItemDelegate(_Painter(self.view))
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setAccessibleName("Commands")
        self.view.clicked.connect(self._clicked)
        column.addWidget(self.view)
        self.field.textChanged.connect(self._find)
        self.resize(px(560), px(420))
        self._find("")

    def show_over(self, window: QWidget) -> None:
        """Open in the upper middle of the window."""
        corner = window.mapToGlobal(QPoint((window.width() - self.width()) // 2, px(72)))
        self.move(corner)
        self.show()
        self.field.setFocus()

    def _find(self, text: str) -> None:
        lines = ranked(self._all, text)
        dataset = self._desk.state.dataset
        number = text.replace(",", "").strip()
        if number.isdigit() and dataset is not None and 1 <= int(number) <= len(dataset):
            pair = int(number) - 1
            lines.insert(
                0,
                Entry(
                    f"Show pair {int(number):,}",
                    "Open it in the inspector",
                    "",
                    "arrow-right",
                    "",
                    lambda: self._desk.look_at(pair),
                ),
            )
        if text.strip().startswith("hf://"):
            lines.insert(0, self._address(text.strip()))
        self._model.put(lines)
        if lines:
            self.view.setCurrentIndex(self._model.index(0))

    def _address(self, text: str) -> Entry:
        """The line that opens a dataset of the Hub by its address."""
        try:
            address, why = hub.address_of(text), ""
        except Problem as problem:
            address, why = text, f"{problem.remedy[:1].upper()}{problem.remedy[1:]}."
        return Entry(f"Open {address}", "Fetch this dataset of the Hugging Face Hub", "", "download", why,
                     lambda: self._desk.open([address]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk, Enter acts."""
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if key == Qt.Key.Key_Down else -1
            row = min(max(self.view.currentIndex().row() + step, 0), self._model.rowCount() - 1)
            self.view.setCurrentIndex(self._model.index(row))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._act(self.view.currentIndex())
        else:
            super().keyPressEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        self._act(index)

    def _act(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        line: Entry = index.data(Qt.ItemDataRole.UserRole)
        if not line.why_not:
            self.close()
            line.act()
