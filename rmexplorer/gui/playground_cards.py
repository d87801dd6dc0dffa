"""Parts of the Playground: an editor that shows what each word is worth, the chance bar, the history of edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from PySide6.QtCore import QModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QPainter, QPaintEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QPlainTextEdit,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTextEdit,
    QWidget,
)

from rmexplorer.analysis.attribution import Attribution
from rmexplorer.gui.theme import brush, color, font, ink, px, set_font, themes
from rmexplorer.gui.widgets import Card, label, weighted
from rmexplorer.gui.widgets.rows import Index, RowsModel, paint_ground
from rmexplorer.wording import number

BARS, BAR_ROW, STEP_ROW = 3, 20, 46


class DraftEdit(QPlainTextEdit):
    """A plain text field whose words can be tinted by what they are worth. `entered` when it gets the keyboard."""

    entered = Signal()

    def __init__(self, name: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self.weights: Attribution | None = None
        self.document().setDocumentMargin(px(7))
        set_font(self, "body")
        themes.theme_changed.connect(self._tint)

    def put(self, text: str) -> None:
        """Replace the text so that Ctrl+Z brings the old one back."""
        if text == self.toPlainText():
            return
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(text)

    def show_weights(self, weights: Attribution | None) -> None:
        """Tint words: green with a line raises, amber with dots lowers; None takes the tints away."""
        self.weights = weights
        self._tint()

    def _tint(self) -> None:
        marks = []
        text = self.toPlainText()
        at = len(text) - len(text.lstrip())  # pieces are those of the stripped text
        for span in weighted(self.weights.pieces) if self.weights is not None else ():
            size = len(span.text.rstrip())
            if span.mark and size:
                raises = span.mark == "raises"
                style = QTextCharFormat()
                style.setBackground(color("green" if raises else "amber", round(20 + 100 * min(span.strength, 1.0))))
                style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline if raises
                                        else QTextCharFormat.UnderlineStyle.DotLine)
                style.setUnderlineColor(color("green" if raises else "amber_text"))
                mark = QTextEdit.ExtraSelection()
                cursor = QTextCursor(self.document())
                cursor.setPosition(utf16(text, at))
                cursor.setPosition(utf16(text, at + size), QTextCursor.MoveMode.KeepAnchor)
                mark.cursor, mark.format = cursor, style
                marks.append(mark)
            at += len(span.text)
        self.setExtraSelections(marks)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Say that edits go here."""
        super().focusInEvent(event)
        self.entered.emit()


def utf16(text: str, place: int) -> int:
    """A place in a text as Qt counts it, where signs beyond the basic plane count twice."""
    return place if text.isascii() else len(text[:place].encode("utf-16-le", "surrogatepass")) // 2


class WordBars(QWidget):
    """The words that matter most, each with a bar to the right (raises) or left (lowers) and its number."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.words: list[tuple[str, float]] = []
        self.most = 0.0
        self.sums = ""
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def put(self, weights: Attribution | None, most: float = 0.0) -> None:
        """Show the largest of these; most: what a full bar stands for, 0 for the largest here."""
        self.most = most
        self.sums = "" if weights is None else weights.adds_up()
        self.setToolTip("" if weights is None else f"{self.sums}\n{weights.explained()}")
        pieces = [] if weights is None else [(" ".join(text.split()), value) for text, value in weights.pieces]
        self.words = sorted((piece for piece in pieces if abs(piece[1]) >= 0.005), key=lambda piece: -abs(piece[1]))[:BARS]
        self.setAccessibleDescription(", ".join(f"{word} {number(value, signed=True)}" for word, value in self.words))
        self.update()

    def sizeHint(self) -> QSize:
        """A line for the name, and the bars."""
        return QSize(px(180), px(BAR_ROW) * (BARS + 1))

    def minimumSizeHint(self) -> QSize:
        """As high as it is."""
        return QSize(px(120), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, bars around a middle line, numbers."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("small"))
        metrics = QFontMetricsF(painter.font())
        middle, row = Qt.AlignmentFlag.AlignVCenter, px(BAR_ROW)
        painter.setPen(color("text2"))
        head = self.sums or ("Largest contributions" if self.words else "Contributions are shown when you pause")
        head = metrics.elidedText(head, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(QRectF(0, 0, self.width(), row), middle, head)
        wide, numbers = self.width() * 0.44, px(48)
        half = max(8.0, (self.width() - wide - numbers) / 2 - px(4))
        zero = wide + half
        most = max([self.most, *(abs(value) for _, value in self.words)]) or 1.0
        for place, (word, value) in enumerate(self.words, start=1):
            top = place * row
            painter.setPen(color("text"))
            shown = metrics.elidedText(word, Qt.TextElideMode.ElideRight, wide - px(8))
            painter.drawText(QRectF(0, top, wide, row), middle, shown)
            size = abs(value) / most * half
            painter.setPen(ink("amber_text", 1) if value < 0 else Qt.PenStyle.NoPen)
            painter.setBrush(brush("green" if value >= 0 else "amber"))
            painter.drawRect(QRectF(zero if value >= 0 else zero - size, top + px(6), size, row - px(12)))
            painter.setPen(ink("line2", 1))
            painter.drawLine(QPointF(zero, top + px(3)), QPointF(zero, top + row - px(3)))
            painter.setPen(color("green_text" if value >= 0 else "amber_text"))
            painter.drawText(QRectF(self.width() - numbers, top, numbers, row), middle | Qt.AlignmentFlag.AlignRight,
                             number(value, signed=True))


class DraftCard(Card):
    """One response: letter, reward, words and percentile, the editor, its strongest words."""

    def __init__(self, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(f"Response {letter}", parent=parent)
        self.letter = letter
        self.reward = label("–", font_role="number")
        self.reward.setAccessibleName(f"Reward of response {letter}")
        self.reward.setContentsMargins(0, 0, px(6), 0)  # the header reaches further right than the editor
        self.add_header(self.reward)
        self.edit = DraftEdit(f"Response {letter}", f"Type or paste response {letter}")
        self.edit.setMinimumHeight(px(56))
        self.add(self.edit, 1)
        self.bars = WordBars(f"Largest contributions in response {letter}")
        self.add(self.bars)

    def show_reward(self, reward: float | None, words: str, place: str) -> None:
        """Write the reward, how many words, and where it stands among all."""
        self.reward.setText(number(reward, signed=True))
        self.set_subtitle(f"{words} · {place}" if place else words)

    def show_weights(self, weights: Attribution | None, most: float = 0.0) -> None:
        """Tint the words and draw the bars; most: what a full bar stands for."""
        self.edit.show_weights(weights)
        self.bars.put(weights, most)


class ChanceBar(QWidget):
    """P(A beats B) as a bar with its middle marked."""

    def __init__(self) -> None:
        super().__init__()
        self.chance: float | None = None
        self.setFixedWidth(px(200))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("P(A beats B)")
        themes.theme_changed.connect(self.update)

    def put(self, chance: float | None) -> None:
        """Show a probability, or that there is none."""
        self.chance = chance
        self.setAccessibleDescription(number(chance))
        self.update()

    def sizeHint(self) -> QSize:
        """Two lines."""
        return QSize(px(200), px(52))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Words and number above, the bar below."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = QRectF(0, 0, self.width(), px(26))
        painter.setFont(font("body"))
        painter.setPen(color("text2"))
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, "P(A beats B)")
        painter.setFont(font("number"))
        painter.setPen(color("text"))
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, number(self.chance))
        track = QRectF(0, px(33), self.width(), px(9))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("sunken"))
        painter.drawRect(track)
        if self.chance is not None:
            painter.setBrush(brush("text"))
            painter.drawRect(QRectF(0, track.top(), track.width() * self.chance, track.height()))
        painter.setPen(ink("line2", 1.5))
        painter.drawLine(QPointF(track.center().x(), track.top() - 3), QPointF(track.center().x(), track.bottom() + 3))


@dataclass(frozen=True)
class Step:
    """One edit: what it was, of which response (0 A, 1 B, -1 both), texts and rewards after it, and what it changed."""

    what: str
    side: int
    prompt: str
    first: str
    second: str
    rewards: tuple[float | None, float | None] = (None, None)
    change: float | None = None
    before: str = ""

    @property
    def reward(self) -> float | None:
        """The reward of the response that was edited."""
        return self.rewards[self.side] if self.side >= 0 else None

    def as_dict(self) -> dict[str, object]:
        """Plain values for the project."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Step:
        """The step that `as_dict` wrote; raises TypeError where it is of another version."""
        first, second = values["rewards"]
        return cls(**{**values, "rewards": (first, second)})


class StepModel(RowsModel[Step]):
    """The steps, newest first."""

    def said(self, row: Step, role: int) -> object:
        """What the step was."""
        if role == Qt.ItemDataRole.DisplayRole:
            return row.what
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            where = "" if row.side < 0 else f" in response {'AB'[row.side]}"
            change = "" if row.change is None else f", change {number(row.change, signed=True)}"
            return f"{row.what}{where}. Reward {number(row.reward, signed=True)}{change}. Enter goes back to it."
        return None


class StepDelegate(QStyledItemDelegate):
    """Paints a step: number, what, of which response; reward and change."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines."""
        return QSize(px(160), px(STEP_ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the row."""
        step: Step = index.data(Qt.ItemDataRole.UserRole)
        count = index.model().rowCount() - 1 - index.row()
        room = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, room, option.state, line=bool(index.row()))
        numbers = px(64)
        self._left(painter, step, count, QRectF(room.left() + px(8), room.top(), room.width() - numbers - px(18), room.height()))
        right = QRectF(room.right() - numbers - px(6), room.top() + px(5), numbers, room.height() / 2 - px(4))
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(right, side, number(step.reward, signed=True) if step.reward is not None else "")
        if step.change is not None:
            still = abs(step.change) < 0.005
            painter.setFont(font("small", 600))
            painter.setPen(color("text3" if still else "green_text" if step.change > 0 else "amber_text"))
            sign = "" if still else "↑ " if step.change > 0 else "↓ "
            painter.drawText(right.translated(0, right.height()), side, f"{sign}{number(abs(step.change))}")
        painter.restore()

    def _left(self, painter: QPainter, step: Step, count: int, room: QRectF) -> None:
        painter.setFont(font("small", 500))
        metrics = QFontMetricsF(painter.font())
        mark = px(20)
        painter.setPen(color("text3"))
        painter.drawText(QRectF(room.left(), room.top() + px(5), mark, metrics.height()), Qt.AlignmentFlag.AlignLeft,
                         str(count) if count else "")
        painter.setPen(color("text"))
        name = metrics.elidedText(step.what, Qt.TextElideMode.ElideRight, room.width() - mark)
        painter.drawText(QRectF(room.left() + mark, room.top() + px(5), room.width() - mark, metrics.height()),
                         Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        below = "both responses" if step.side < 0 else f"response {'AB'[step.side]}"
        painter.drawText(QRectF(room.left() + mark, room.center().y() + px(1), room.width() - mark, metrics.height()),
                         Qt.AlignmentFlag.AlignLeft, below)


class StepList(QListView):
    """History of edits. `chosen(place)`, oldest = 0, on Enter or a click: go back to the texts of that step."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.history = StepModel()
        self.setModel(self.history)
        self.setItemDelegate(StepDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("ownFocusRing", True)
        self.setAccessibleName("History of edits")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.activated.connect(self._chosen)
        self.clicked.connect(self._chosen)
        themes.theme_changed.connect(self.viewport().update)

    def put(self, steps: Sequence[Step], at: int) -> None:
        """Show steps (oldest first), of which the one at `at` is what stands in the editors."""
        self.history.put(list(reversed(steps)))
        self.setCurrentIndex(self.history.index(len(steps) - 1 - at))

    def _chosen(self, index: QModelIndex) -> None:
        self.chosen.emit(len(self.history.rows) - 1 - index.row())
