"""The list of pairs: a table view over any number of rows, as rows or as cards, for mouse and keyboard."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QItemSelectionModel, QPoint, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from rmexplorer.gui.pair_delegates import CardDelegate, PairDelegate
from rmexplorer.gui.table import COLUMNS, SORTABLE, PairModel
from rmexplorer.gui.theme import color, font, pixmap, px, themes
from rmexplorer.gui.widgets import paint_mark
from rmexplorer.gui.widgets.rows import Index

WIDE = 620  # px of table from which the ratio of lengths has a column of its own
NARROW = 300  # px for prompt and responses below which they share one column
STEPS = {Qt.Key.Key_J: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_K: -1, Qt.Key.Key_Up: -1}


class PairHeader(QHeaderView):
    """Column names with ● and ◆ over the responses, and an arrow at the column that sorts."""

    def __init__(self, model: PairModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.pairs = model
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumSectionSize(px(24))

    def sizeHint(self) -> QSize:
        """32 px high."""
        return QSize(super().sizeHint().width(), px(32))

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Paint one name."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(rect, color("surface"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), color("line"))
        name, title = COLUMNS[logicalIndex], self.pairs.title(COLUMNS[logicalIndex])
        key, descending = self.pairs.sorted_by
        sorted_by = name == key or (name == "margin" and key == "certainty") or (name == "words" and ":" in key)
        painter.setFont(font("small", 600 if sorted_by else 0))
        painter.setPen(color("text" if sorted_by else "text2"))
        metrics = QFontMetrics(painter.font())
        middle = Qt.AlignmentFlag.AlignVCenter
        arrow = pixmap("arrow-down" if descending else "arrow-up", "text", 13)
        wide = px(17) if sorted_by else 0
        if name == "responses":
            left = rect.left() + px(8)
            for kind, said in (("chosen", "Chosen"), ("rejected", "Rejected")):
                paint_mark(painter, kind, QPointF(left + px(4), rect.center().y() + 0.5), px(8))
                painter.drawText(QRect(left + px(14), rect.top(), rect.width(), rect.height()), middle, said)
                left += px(30) + metrics.horizontalAdvance(said)
        elif name in ("pair", "prompt"):
            left = rect.left() + px(10 if name == "pair" else 8)
            painter.drawText(QRect(left, rect.top(), rect.width(), rect.height()), middle, title)
            if sorted_by:
                painter.drawPixmap(left + metrics.horizontalAdvance(title) + px(3), rect.center().y() - px(6), arrow)
        else:
            right = rect.right() - px(14 if name == "margin" else 8)
            painter.drawText(
                QRect(rect.left(), rect.top(), right - wide - rect.left(), rect.height()),
                middle | Qt.AlignmentFlag.AlignRight,
                metrics.elidedText(title, Qt.TextElideMode.ElideRight, right - wide - rect.left()),
            )
            if sorted_by:
                painter.drawPixmap(right - px(14), rect.center().y() - px(6), arrow)
        painter.restore()


class PairTable(QTableView):
    """The pairs of a PairModel. J, K and arrows move, Enter opens, Space stars, Ctrl and Shift select, headers sort.

    `looked(pair)` when a row becomes the current one, `opened(pair)` on Enter or a double-click, `starred(pair)` on
    Space, `picked(rows, modifiers)` with the pairs that a person selects, `asked(pair, place)` for a menu,
    `sorted_by(column)`, `viewed(first, last)` with the rows in sight.
    """

    looked = Signal(int)
    opened = Signal(int)
    starred = Signal(int)
    picked = Signal(object, object)
    asked = Signal(int, QPoint)
    sorted_by = Signal(str)
    viewed = Signal(int, int)

    def __init__(self, model: PairModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs = model
        self.cards = False
        self._quiet = False
        self._anchor = -1
        self._row_delegate, self._card_delegate = PairDelegate(model), CardDelegate(model)
        self.setAccessibleName("Pairs")
        self.setProperty("ownFocusRing", True)
        self.setModel(model)
        self.setItemDelegate(self._row_delegate)
        self.setHorizontalHeader(PairHeader(model, self))
        self.horizontalHeader().sectionClicked.connect(self._header_pressed)
        self.setShowGrid(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(1)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalScrollBar().valueChanged.connect(self._say_view)
        model.modelReset.connect(self._arrived)
        model.layoutChanged.connect(self._arrived)
        themes.theme_changed.connect(self.lay_out)
        self.lay_out()

    @property
    def delegate(self) -> PairDelegate:
        """What paints now."""
        return self._card_delegate if self.cards else self._row_delegate

    def set_cards(self, cards: bool) -> None:
        """Show cards instead of rows."""
        top = self.rowAt(0)
        self.cards = cards
        self.setItemDelegate(self.delegate)
        self.horizontalHeader().setVisible(not cards)
        self.lay_out()
        if top >= 0:
            self.scrollTo(self.pairs.index(top, 1), QAbstractItemView.ScrollHint.PositionAtTop)

    def lay_out(self) -> None:
        """Give rows their height and columns their width."""
        height = self._card_delegate.height() if self.cards else themes.metrics.row
        if self.verticalHeader().defaultSectionSize() != height:
            self.verticalHeader().setDefaultSectionSize(height)
        width = self.viewport().width()
        digits = QFontMetrics(font("small")).horizontalAdvance(f"{max(len(self.pairs.rows), 1000):,}")
        sizes = {"pair": digits + px(24), "words": px(64), "length_ratio": px(66), "margin": px(88)}
        if self.pairs.values is not None:  # a longer title
            sizes["words"] = px(104)
        hidden = set() if width >= px(WIDE) else {"length_ratio"}
        if not self.pairs.has_margin:
            hidden |= {"margin"}
            sizes["words"] = max(sizes["words"], px(70))
        rest = width - sum(size for name, size in sizes.items() if name not in hidden)
        self._row_delegate.narrow = rest < px(NARROW)
        if self._row_delegate.narrow:
            hidden |= {"responses"}
            sizes |= {"pair": digits + px(16), "words": px(48 if self.pairs.values is None else 84), "margin": px(72)}
            sizes["prompt"] = width - sum(size for name, size in sizes.items() if name not in hidden)
        else:
            sizes["prompt"] = round(rest * 0.43)
            sizes["responses"] = rest - sizes["prompt"]
        if self.cards:
            hidden, sizes = set(COLUMNS) - {"prompt"}, {"prompt": width}
        for place, name in enumerate(COLUMNS):
            self.setColumnHidden(place, name in hidden)
            if name not in hidden:
                self.setColumnWidth(place, sizes[name])
        self.viewport().update()

    # What is current

    def show_focus(self, pair: int | None) -> None:
        """Make the row of a pair the current one and bring it into sight, without a signal."""
        moved = pair != self.pairs.focus
        self.pairs.focus = pair
        place = self.pairs.place(pair)
        self._quiet = True
        if place < 0:
            self.selectionModel().clearCurrentIndex()
        elif place != self.currentIndex().row() or moved:
            index = self.pairs.index(place, COLUMNS.index("prompt"))
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            if moved:
                self.scrollTo(index)
        self._quiet = False
        self.viewport().update()

    def currentChanged(self, current: Index, previous: Index) -> None:
        """A person moved: tell which pair."""
        super().currentChanged(current, previous)
        if not self._quiet and current.isValid() and current.row() < len(self.pairs.rows):
            pair = int(self.pairs.rows[current.row()])
            self.pairs.focus = pair
            self.viewport().update()
            self.looked.emit(pair)

    def step(self, by: int, select: bool = False) -> None:
        """Move the current row; `select` selects all rows from where that began."""
        here = self.currentIndex().row()
        place = min(max(here + by, 0), len(self.pairs.rows) - 1) if here >= 0 else max(self.rowAt(0), 0)
        if not len(self.pairs.rows):
            return
        if select:
            self._anchor = here if self._anchor < 0 else self._anchor
            self._pick_to(place)
        else:
            self._anchor = -1
        self.setCurrentIndex(self.pairs.index(place, COLUMNS.index("prompt")))

    def _pick_to(self, place: int) -> None:
        low, high = sorted((max(self._anchor, 0), place))
        self.picked.emit(self.pairs.rows[low : high + 1], Qt.KeyboardModifier.NoModifier)

    # Events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """J, K, arrows, Enter, Space; Shift selects."""
        self._row_delegate.has_keys = self._card_delegate.has_keys = True
        key = Qt.Key(event.key())
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if key in STEPS and plain:
            self.step(STEPS[key], bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain and self.currentIndex().isValid():
            self.opened.emit(int(self.pairs.rows[self.currentIndex().row()]))
        elif key == Qt.Key.Key_Space and plain and self.currentIndex().isValid():
            self.starred.emit(int(self.pairs.rows[self.currentIndex().row()]))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and plain:
            self.step(-len(self.pairs.rows) if key == Qt.Key.Key_Home else len(self.pairs.rows))
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown) and plain:
            page = max(1, self.viewport().height() // max(self.verticalHeader().defaultSectionSize(), 1) - 1)
            self.step(page if key == Qt.Key.Key_PageDown else -page)
        else:
            event.ignore()

    def keyboardSearch(self, search: str) -> None:
        """Letters are commands here; a search by them would read every row."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press looks at a pair; with Ctrl it selects or lets go, with Shift it selects up to here."""
        index = self.indexAt(event.position().toPoint())
        modifiers = event.modifiers()
        if event.button() == Qt.MouseButton.RightButton and index.isValid():
            self.setCurrentIndex(index)
            self.asked.emit(int(self.pairs.rows[index.row()]), event.globalPosition().toPoint())
        elif (
            event.button() == Qt.MouseButton.LeftButton
            and index.isValid()
            and modifiers & Qt.KeyboardModifier.ShiftModifier
        ):
            self._anchor = max(self.currentIndex().row(), 0) if self._anchor < 0 else self._anchor
            self._pick_to(index.row())
        elif (
            event.button() == Qt.MouseButton.LeftButton
            and index.isValid()
            and modifiers & Qt.KeyboardModifier.ControlModifier
        ):
            self._anchor = index.row()
            pair = int(self.pairs.rows[index.row()])
            inside = self.pairs.selected is not None and bool(self.pairs.selected[pair])
            self.picked.emit(
                np.array([pair]), Qt.KeyboardModifier.AltModifier if inside else Qt.KeyboardModifier.ShiftModifier
            )
        else:
            self._anchor = -1
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the pair."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(int(self.pairs.rows[index.row()]))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show which row is under the pointer."""
        self._hover(self.rowAt(round(event.position().y())))

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer."""
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self.delegate.hovered:
            self.delegate.hovered = row
            self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The row has the focus ring."""
        self._row_delegate.has_keys = self._card_delegate.has_keys = event.reason() != Qt.FocusReason.MouseFocusReason
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The ring goes."""
        self._row_delegate.has_keys = self._card_delegate.has_keys = False
        super().focusOutEvent(event)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Columns share the new width."""
        super().resizeEvent(event)
        self.lay_out()
        self._say_view()

    def _arrived(self) -> None:
        self._anchor = -1
        self.lay_out()
        self._say_view()

    def _say_view(self) -> None:
        count = len(self.pairs.rows)
        height = max(self.verticalHeader().defaultSectionSize(), 1)
        first = round(self.verticalScrollBar().value() / height)
        last = round((self.verticalScrollBar().value() + self.viewport().height()) / height)
        self.viewed.emit(min(first, max(count - 1, 0)), min(last, count))

    def _header_pressed(self, section: int) -> None:
        if COLUMNS[section] == "words" and self.pairs.values is not None:
            self.sorted_by.emit(self.pairs.sorted_by[0])
        elif COLUMNS[section] in SORTABLE:
            self.sorted_by.emit(COLUMNS[section])
