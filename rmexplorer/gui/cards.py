"""Lists of responses and pairs as cards: a virtual list that inspects, stars and selects, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QListView, QMenu, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from rmexplorer.app.commands import COMMANDS
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.gui.theme import brush, color, font, pen, pixmap, px, themes
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.project import Mark

Index = QModelIndex | QPersistentModelIndex
CARD = Qt.ItemDataRole.UserRole
LONGEST = 600  # characters of a text that are laid out for its few lines
SPOKEN = 160
INSET = 4
BAR = 44


@dataclass(frozen=True)
class ListedLine:
    """One text of a card: its mark (chosen, rejected or none), how many lines it may take, and whether it is grey."""

    text: str
    mark: str = ""
    lines: int = 1
    quiet: bool = False


@dataclass(frozen=True)
class ListedCard:
    """What a card shows: number, bar and label at the left, texts and a grey line at the right.

    pair: row of Dataset.pairs; bar: end of the bar in [-1, 1], from the middle; mark: chosen, rejected or none; filler:
    what stands, in grey, in a line that the texts leave empty; end: a line above the card that says what ends before it.
    """

    pair: int
    number: str
    bar: float
    label: str
    mark: str
    texts: tuple[ListedLine, ...]
    meta: str
    tip: str
    filler: str = ""
    end: str = ""


class CardModel(QAbstractListModel):
    """The cards of a list."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.cards: list[ListedCard] = []
        self.state = State()

    def put(self, cards: Sequence[ListedCard]) -> None:
        """Replace all cards."""
        self.beginResetModel()
        self.cards = list(cards)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """How many cards there are."""
        return 0 if parent.isValid() else len(self.cards)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The card, or what it says as text."""
        if not index.isValid() or index.row() >= len(self.cards):
            return None
        card = self.cards[index.row()]
        if role == CARD:
            return card
        if role == Qt.ItemDataRole.DisplayRole:
            return card.texts[0].text[:SPOKEN]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f'<p style="white-space: pre-wrap">{escape(card.tip)}</p>'
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.spoken(card)
        return None

    def spoken(self, card: ListedCard) -> str:
        """A card as a screen reader says it."""
        mark, mask = self.state.marks.get(card.pair, Mark()), self.state.selection.mask
        words = [f"Pair {card.pair + 1:,}", card.number, card.label,
                 "selected" if mask is not None and mask[card.pair] else "", "starred" if mark.star else "",
                 "has a note" if mark.note else "",
                 *(f"{line.mark} {line.text[:SPOKEN]}".strip() for line in card.texts), card.meta]
        return ", ".join(word for word in words if word)


class CardPainter(QStyledItemDelegate):
    """Paints one card; broken lines are kept for each width, and forgotten when the list or its width changes."""

    def __init__(self, view: CardList) -> None:
        super().__init__(view)
        self.view = view
        self._lines: dict[tuple[int, int, int], list[str]] = {}

    def forget(self) -> None:
        """Lay out texts anew."""
        self._lines.clear()

    def height(self) -> int:
        """Height of every card in this list."""
        body, small = QFontMetrics(font("body")), QFontMetrics(font("small"))
        return px(24) + self.view.text_lines * self._step(body) + small.height() + px(2)

    def _step(self, metrics: QFontMetrics) -> int:
        return round(metrics.height() * 1.16)

    def left_width(self) -> int:
        """Width of the column of numbers."""
        number, small = QFontMetrics(font("title")), QFontMetrics(font("small"))
        widest = small.horizontalAdvance(self.view.widest_label) + (px(14) if self.view.marked else 0)
        return max(number.horizontalAdvance("+0.00"), widest, px(BAR)) + px(16)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """As wide as the list, as high as its texts need."""
        return QSize(px(160), self.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint ground, numbers, texts and signs."""
        card: ListedCard | None = index.data(CARD)
        if card is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room: QRect = option.rect
        last = index.row() == index.model().rowCount() - 1
        self._ground(painter, room, card, index.row() == self.view.currentIndex().row(), last)
        left = room.left() + px(16)
        self._numbers(painter, QRect(left, room.top() + px(11), self.left_width() - px(16), room.height()), card)
        start = left + self.left_width()
        self._texts(painter, QRect(start, room.top() + px(11), room.right() - px(14) - start, room.height() - px(20)),
                    index.row(), card)
        painter.restore()

    def _ground(self, painter: QPainter, room: QRect, card: ListedCard, current: bool, last: bool) -> None:
        state = self.view.state
        box = QRectF(room).adjusted(px(INSET), 2, -px(INSET), -2)
        if not last:
            painter.setPen(pen("line"))
            painter.drawLine(QPointF(room.left() + px(16), room.bottom() + 0.5), QPointF(room.right() - px(14), room.bottom() + 0.5))
        here = state.focus == card.pair
        selected = state.selection.mask is not None and bool(state.selection.mask[card.pair])
        painter.setPen(Qt.PenStyle.NoPen)
        if here:
            painter.setBrush(brush("plum_tint"))
            painter.drawRoundedRect(box, themes.metrics.radius, themes.metrics.radius)
        if here or selected:  # a solid bar for the pair in the inspector, a dashed one for a selected pair
            stroke = pen("plum", 3.0, "solid" if here and not selected else "dash")
            stroke.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(stroke)
            painter.drawLine(QPointF(box.left() + 1.5, box.top() + px(3)), QPointF(box.left() + 1.5, box.bottom() - px(3)))
        if current and self.view.hasFocus():
            painter.setPen(pen("plum", 2.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), themes.metrics.radius, themes.metrics.radius)
        if card.end:
            self._end(painter, room, card.end)

    def _end(self, painter: QPainter, room: QRect, text: str) -> None:
        painter.setFont(font("smallest"))
        metrics = QFontMetrics(painter.font())
        width, y = metrics.horizontalAdvance(text) + px(12), room.top() - 0.5
        left, right = room.left() + px(16), room.right() - px(14)
        painter.setPen(pen("surface", 1.0))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        painter.setPen(pen("plum", 1.0, "dash"))
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        box = QRectF(right - width, y - metrics.height() / 2, width, metrics.height())
        painter.fillRect(box, brush("surface"))
        painter.setPen(color("plum_text"))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)

    def _numbers(self, painter: QPainter, room: QRect, card: ListedCard) -> None:
        painter.setFont(font("title"))
        painter.setPen(color("text"))
        metrics = QFontMetrics(painter.font())
        painter.drawText(QPointF(room.left(), room.top() + metrics.ascent()), card.number)
        y = room.top() + metrics.height() + px(6)
        self._bar(painter, room.left(), y, card.bar)
        painter.setFont(font("small"))
        small = QFontMetrics(painter.font())
        base = y + px(9) + small.ascent()
        start = float(room.left())
        if card.mark:
            paint_mark(painter, card.mark, QPointF(start + px(5), base - small.ascent() / 2 + 1.5), px(9))
            start += px(14)
        painter.setPen(color(f"{card.mark}_text" if card.mark else "text2"))
        painter.drawText(QPointF(start, base), card.label)

    def _bar(self, painter: QPainter, left: int, y: int, end: float) -> None:
        middle, half = left + px(BAR) / 2, px(BAR) / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("line"))
        painter.drawRoundedRect(QRectF(left, y, px(BAR), px(3)), 1.5, 1.5)
        at = middle + half * max(-1.0, min(1.0, end))
        painter.setBrush(brush("neutral"))
        painter.drawRoundedRect(QRectF(min(middle, at), y, max(abs(at - middle), 2.0), px(3)), 1.5, 1.5)
        painter.setPen(pen("line2"))
        painter.drawLine(QPointF(middle, y - 2), QPointF(middle, y + px(3) + 2))

    def _texts(self, painter: QPainter, room: QRect, row: int, card: ListedCard) -> None:
        metrics = QFontMetrics(font("body"))
        step, y = self._step(metrics), room.top()
        signs = self._signs(painter, room, card)
        bottom = y + self.view.text_lines * step
        filler = (ListedLine(card.filler, quiet=True),) if card.filler else ()
        for place, line in enumerate((*card.texts, *filler)):
            if y >= bottom:
                break
            painter.setFont(font("body"))
            indent = px(16) if line.mark else 0
            if line.mark:
                paint_mark(painter, line.mark, QPointF(room.left() + px(5), y + step / 2), px(9))
            painter.setPen(color("text2" if line.quiet else "text"))
            width = room.width() - indent - (signs if place == 0 and line.lines == 1 else 0)
            for text in self.broken(row, place, line, width):
                painter.drawText(QRect(room.left() + indent, y, width, step), int(Qt.AlignmentFlag.AlignVCenter), text)
                y += step
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        small = QFontMetrics(painter.font())
        width = room.width() - signs
        painter.drawText(QPointF(room.left(), room.bottom() - small.descent()),
                         small.elidedText(card.meta, Qt.TextElideMode.ElideRight, width))

    def _signs(self, painter: QPainter, room: QRect, card: ListedCard) -> int:
        """Star and note at the lower right; returns the width they take."""
        mark = self.view.state.marks.get(card.pair, Mark())
        names = [name for name, there in (("star", mark.star), ("sticky-note", mark.note)) if there]
        for place, name in enumerate(names):
            at = QPoint(room.right() - px(14) - place * px(18), room.bottom() - px(14))
            painter.drawPixmap(at, pixmap(name, "plum", 14))
        return px(18) * len(names)

    def broken(self, row: int, place: int, line: ListedLine, width: int) -> list[str]:
        """The lines of a text at a width, the last one ended by "…" where more follows."""
        key = (row, place, width)
        if key not in self._lines:
            self._lines[key] = broken(line.text, width, line.lines)
        return self._lines[key]


def broken(text: str, width: int, most: int) -> list[str]:
    """A text in at most `most` lines of the body font at `width` px; white space is one blank; "…" where it goes on."""
    metrics = QFontMetrics(font("body"))
    cut = len(text) > LONGEST
    text = " ".join(text[:LONGEST].split()) + ("…" if cut else "")
    option = QTextOption()
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout = QTextLayout(text, font("body"))
    layout.setTextOption(option)
    found: list[str] = []
    start = 0
    units = text.encode("utf-16-le", "surrogatepass")  # Qt counts UTF-16 units
    layout.beginLayout()
    while len(found) < most and (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        start, length = line.textStart(), line.textLength()
        if len(found) == most - 1:
            rest = units[2 * start:].decode("utf-16-le", "replace")
            found.append(metrics.elidedText(rest, Qt.TextElideMode.ElideRight, width))
        else:
            found.append(units[2 * start:2 * (start + length)].decode("utf-16-le", "replace").strip())
    layout.endLayout()
    return found or ["(empty)"]


class CardList(QListView):
    """A list of cards. Arrows, J and K move and show the pair; Enter opens it; Space stars, N notes, Ctrl+C copies.

    Left and Right say `left_for(-1 | 1)`, for a list beside this one; `entered` when it gets the keyboard or a click.
    """

    left_for = Signal(int)
    entered_list = Signal()

    def __init__(self, desk: Desk, name: str, text_lines: int, same_source: Callable[[int], tuple[str, np.ndarray] | None]) -> None:
        """`text_lines`: lines of text in a card; `same_source(pair)`: (source, rows of pairs of that source) or None."""
        super().__init__()
        self.desk, self.text_lines, self.same_source = desk, text_lines, same_source
        self._following = False
        self.widest_label, self.marked = "", False
        self.cards = CardModel(self)
        self.painter_of_cards = CardPainter(self)
        self.setModel(self.cards)
        self.setItemDelegate(self.painter_of_cards)
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setMouseTracking(False)
        self.setProperty("ownFocusRing", True)
        self.setAccessibleName(name)
        self.setMinimumHeight(px(60))
        self.verticalScrollBar().setSingleStep(px(30))
        themes.theme_changed.connect(self._restyle)

    @property
    def state(self) -> State:
        """What is in the inspector, selected and starred."""
        return self.desk.state

    @property
    def pairs(self) -> np.ndarray:
        """(cards,) the pairs, from the top."""
        return np.array([card.pair for card in self.cards.cards], dtype=np.int64)

    def put(self, cards: Sequence[ListedCard]) -> None:
        """Show other cards; the place is kept where the pair of the current card is still there."""
        self.widest_label = max((card.label for card in cards), key=len, default="")
        self.marked = any(card.mark for card in cards)
        same = [(card.pair, card.number) for card in cards] == [(card.pair, card.number) for card in self.cards.cards]
        scrolled = self.verticalScrollBar().value() if same else 0
        self.painter_of_cards.forget()
        self.cards.put(cards)
        self.doItemsLayout()
        self.verticalScrollBar().setValue(scrolled)
        self.follow(self.desk.state)

    def follow(self, state: State) -> None:
        """Make the card of the pair in the inspector the current one, if there is one."""
        self.cards.state = state
        current = self.current_pair()
        if state.focus is not None and current != state.focus:
            rows = np.flatnonzero(self.pairs == state.focus)
            if len(rows):
                self._following = True
                self.selectionModel().setCurrentIndex(self.cards.index(int(rows[0])),
                                                      QItemSelectionModel.SelectionFlag.ClearAndSelect)
                self.scrollTo(self.currentIndex())
                self._following = False
        self.viewport().update()

    def current_pair(self) -> int | None:
        """The pair of the current card."""
        row = self.currentIndex().row()
        return self.cards.cards[row].pair if 0 <= row < len(self.cards.cards) else None

    def go(self, row: int) -> None:
        """Make a card current, which shows its pair."""
        if self.cards.cards:
            self.setCurrentIndex(self.cards.index(min(max(row, 0), len(self.cards.cards) - 1)))

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        """Show the pair of the card that became current."""
        super().currentChanged(current, previous)
        self.viewport().update()
        pair = self.current_pair()
        if pair is not None and not self._following:
            self.desk.look_at(pair)

    def _open(self) -> None:
        pair = self.current_pair()
        if pair is not None:
            self.desk.look_at(pair)
            self.desk.ui.open_inspector()

    def star(self) -> None:
        """Star the current pair, or take its star."""
        pair = self.current_pair()
        if pair is not None:
            self.desk.mark(pair, star=not self.state.marks.get(pair, Mark()).star)

    def note(self) -> None:
        """Write a note on the current pair."""
        pair = self.current_pair()
        if pair is not None:
            self.desk.look_at(pair)
            self.desk.ui.edit_note()

    def copy(self) -> None:
        """Copy the current pair as Markdown."""
        pair = self.current_pair()
        if pair is not None:
            self.desk.look_at(pair)
            COMMANDS["copy_pair"].run(self.desk)

    def select_same(self) -> None:
        """Select the pairs of the same source."""
        pair = self.current_pair()
        found = None if pair is None else self.same_source(pair)
        if found is not None:
            self._select(found[1], "replace", f"source {found[0]}")

    def _select(self, rows: np.ndarray, how: str, origin: str) -> None:
        if self.state.dataset is not None:
            mask = np.zeros(len(self.state.dataset), dtype=bool)
            mask[rows] = True
            self.desk.select(mask, how, origin)  # type: ignore[arg-type]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, J, K, Enter, Space, N, Ctrl+C, Left and Right."""
        key, held = event.key(), event.modifiers()
        plain = held in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        row = self.currentIndex().row()
        acts: dict[int, Callable[[], object]] = {
            Qt.Key.Key_J: lambda: self.go(row + 1), Qt.Key.Key_K: lambda: self.go(row - 1),
            Qt.Key.Key_Return: self._open, Qt.Key.Key_Enter: self._open, Qt.Key.Key_Space: self.star,
            Qt.Key.Key_N: self.note, Qt.Key.Key_Left: lambda: self.left_for.emit(-1), Qt.Key.Key_Right: lambda: self.left_for.emit(1),
        }
        if plain and key in acts:
            acts[key]()
        elif held == Qt.KeyboardModifier.ControlModifier and key == Qt.Key.Key_C:
            self.copy()
        elif held == Qt.KeyboardModifier.NoModifier and event.text().isprintable() and event.text():
            event.ignore()  # no jump to a card that begins with this letter: / and others are the window's
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click inspects; with Shift it adds the pair to the selection, with Alt it takes it out."""
        index = self.indexAt(event.position().toPoint())
        held = event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier)
        if index.isValid() and held and event.button() == Qt.MouseButton.LeftButton:
            how = "add" if held & Qt.KeyboardModifier.ShiftModifier else "remove"
            self._select(np.array([self.cards.cards[index.row()].pair]), how, self.accessibleName().lower())
            return
        super().mousePressEvent(event)
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.desk.look_at(self.cards.cards[index.row()].pair)
        self.entered_list.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu of the card under the pointer, or of the current one."""
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if mouse else self.currentIndex()
        if index.isValid():
            self.setCurrentIndex(index)
            at = event.globalPos() if mouse else self.viewport().mapToGlobal(self.visualRect(index).center())
            menu = self.menu()
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(at)

    def menu(self) -> QMenu:
        """What can be done with the current card."""
        menu = QMenu(self)
        menu.setAccessibleName("Pair")
        pair = self.current_pair()
        mark = self.state.marks.get(-1 if pair is None else pair, Mark())
        source = None if pair is None else self.same_source(pair)
        entries: tuple[tuple[str, str, Callable[[], object]], ...] = (
            ("Inspect", "Return", self._open), ("Remove star" if mark.star else "Star", "Space", self.star),
            ("Edit note" if mark.note else "Write a note", "N", self.note),
            (f"Select all {len(source[1]):,} pairs of source {source[0]}" if source else "Select similar", "", self.select_same),
            ("Copy pair", "Ctrl+C", self.copy))
        for text, key, act in entries:
            action = menu.addAction(f"{text}\t{key}" if key else text)
            action.triggered.connect(lambda _=False, act=act: act())
            if act == self.select_same and source is None:
                action.setEnabled(False)
                action.setToolTip("The file names no source.")
        menu.setToolTipsVisible(True)
        return menu

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The first card is current when the keyboard comes and none was."""
        super().focusInEvent(event)
        self.entered_list.emit()
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.OtherFocusReason)
        if by_key and not self.currentIndex().isValid():
            self.go(0)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The row loses its ring."""
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out texts for the new width."""
        self.painter_of_cards.forget()
        super().resizeEvent(event)

    def _restyle(self) -> None:
        self.painter_of_cards.forget()
        self.scheduleDelayedItemsLayout()
        self.viewport().update()
