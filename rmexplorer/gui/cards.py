"""Lists of responses and pairs as cards: a virtual list that inspects, stars and selects, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QListView, QMenu, QWidget

from rmexplorer.app.commands import COMMANDS
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.card_painter import CardPainter, ListedCard
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets.rows import Index, RowsModel
from rmexplorer.project import Mark

SPOKEN = 160


class CardModel(RowsModel[ListedCard]):
    """The cards of a list."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = State()

    def said(self, row: ListedCard, role: int) -> object:
        """What the card says as text."""
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[0].text[:SPOKEN]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f'<p style="white-space: pre-wrap">{escape(row.tip)}</p>'
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.spoken(row)
        return None

    def spoken(self, card: ListedCard) -> str:
        """A card as a screen reader says it."""
        mark, mask = self.state.marks.get(card.pair, Mark()), self.state.selection.mask
        words = [
            f"Pair {card.pair + 1:,}",
            card.number,
            card.label,
            "selected" if mask is not None and mask[card.pair] else "",
            "starred" if mark.star else "",
            "has a note" if mark.note else "",
            *(f"{line.mark} {line.text[:SPOKEN]}".strip() for line in card.texts),
            card.meta,
        ]
        return ", ".join(word for word in words if word)


class CardList(QListView):
    """A list of cards. Arrows, J and K move and show the pair; Enter opens it; Space stars, N notes, Ctrl+C copies.

    Left and Right say `left_for(-1 | 1)`, for a list beside this one; `entered` when it gets the keyboard or a click.
    """

    left_for = Signal(int)
    entered_list = Signal()

    def __init__(
        self, desk: Desk, name: str, text_lines: int, same_source: Callable[[int], tuple[str, np.ndarray] | None]
    ) -> None:
        """`text_lines`: lines of text in a card; `same_source(pair)`: (source, rows of its pairs) or None."""
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
    def pairs(self) -> np.ndarray:
        """(cards,) the pairs, from the top."""
        return np.array([card.pair for card in self.cards.rows], dtype=np.int64)

    def put(self, cards: Sequence[ListedCard]) -> None:
        """Show other cards; the place is kept where the pair of the current card is still there."""
        self.widest_label = max((card.label for card in cards), key=len, default="")
        self.marked = any(card.mark for card in cards)
        same = [(card.pair, card.number) for card in cards] == [(card.pair, card.number) for card in self.cards.rows]
        scrolled = self.verticalScrollBar().value() if same else 0
        self.painter_of_cards.forget()
        self.cards.put(cards)
        self.doItemsLayout()
        self.verticalScrollBar().setValue(scrolled)
        self.follow(self.desk.state, scroll=False)

    def follow(self, state: State, scroll: bool = True) -> None:
        """Make the card of the pair in the inspector the current one, if there is one, and go where it stands."""
        self.cards.state = state
        current = self.current_pair()
        if state.focus is not None and current != state.focus:
            rows = np.flatnonzero(self.pairs == state.focus)
            if len(rows):
                self._following = True
                self.selectionModel().setCurrentIndex(
                    self.cards.index(int(rows[0])), QItemSelectionModel.SelectionFlag.ClearAndSelect
                )
                if scroll:
                    self.scrollTo(self.currentIndex())
                self._following = False
        self.viewport().update()

    def current_pair(self) -> int | None:
        """The pair of the current card."""
        row = self.currentIndex().row()
        return self.cards.rows[row].pair if 0 <= row < len(self.cards.rows) else None

    def go(self, row: int) -> None:
        """Make a card current, which shows its pair."""
        if self.cards.rows:
            self.setCurrentIndex(self.cards.index(min(max(row, 0), len(self.cards.rows) - 1)))

    def currentChanged(self, current: Index, previous: Index) -> None:
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
            self.desk.marks.put(pair, star=not self.desk.state.marks.get(pair, Mark()).star)

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
            self.desk.select_rows(found[1], origin=f"source {found[0]}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows, J, K, Enter, Space, N, Ctrl+C, Left and Right."""
        key, held = event.key(), event.modifiers()
        plain = held in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        row = self.currentIndex().row()
        acts: dict[int, Callable[[], object]] = {
            Qt.Key.Key_J: lambda: self.go(row + 1),
            Qt.Key.Key_K: lambda: self.go(row - 1),
            Qt.Key.Key_Return: self._open,
            Qt.Key.Key_Enter: self._open,
            Qt.Key.Key_Space: self.star,
            Qt.Key.Key_N: self.note,
            Qt.Key.Key_Left: lambda: self.left_for.emit(-1),
            Qt.Key.Key_Right: lambda: self.left_for.emit(1),
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
            self.desk.select_rows([self.cards.rows[index.row()].pair], brush_of(held), self.accessibleName().lower())
            return
        super().mousePressEvent(event)
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.desk.look_at(self.cards.rows[index.row()].pair)
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
        mark = self.desk.state.marks.get(-1 if pair is None else pair, Mark())
        source = None if pair is None else self.same_source(pair)
        entries: tuple[tuple[str, str, Callable[[], object]], ...] = (
            ("Inspect", "Return", self._open),
            ("Remove star" if mark.star else "Star", "Space", self.star),
            ("Edit note" if mark.note else "Write a note", "N", self.note),
            (
                f"Select all {len(source[1]):,} pairs of source {source[0]}" if source else "Select similar",
                "",
                self.select_same,
            ),
            ("Copy pair", "Ctrl+C", self.copy),
        )
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
        by_key = event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.OtherFocusReason,
        )
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
