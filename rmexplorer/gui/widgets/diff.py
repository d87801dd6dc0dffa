"""Two responses side by side: what only one of them says, what moves the reward, or plainly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QSizePolicy, QTextEdit, QVBoxLayout, QWidget

from rmexplorer.gui.theme import color, font, px, set_font, set_role, themes
from rmexplorer.gui.widgets.buttons import LinkButton
from rmexplorer.gui.widgets.labels import Mark, label, signed

# A word; in scripts written without spaces each sign is one; white space.
TOKEN = re.compile(r"\s+|[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
                   r"|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
MOST_WORK = 2_000_000  # products of word counts beyond this are compared by vocabulary alone, in linear time
STACK_BELOW = 400
FIRST_WORDS = 70


@dataclass(frozen=True)
class Span:
    """A run of text; `mark` is "" or one of chosen, rejected, raises, lowers; `strength` 0 to 1 is its opacity."""

    text: str
    mark: str = ""
    strength: float = 1.0


def diff(first: str, second: str) -> tuple[list[Span], list[Span]]:
    """Both texts as spans, marked (chosen, rejected) where a run of words is on one side only.

    Joined, the spans of a side are its text. Words are compared by difflib after the common head and tail are set
    aside; where that would be too much work, a word is marked if the other text does not have it at all.
    """
    one, two = TOKEN.findall(first), TOKEN.findall(second)
    words_one = [token for token in one if not token.isspace()]
    words_two = [token for token in two if not token.isspace()]
    head = 0
    while head < min(len(words_one), len(words_two)) and words_one[head] == words_two[head]:
        head += 1
    tail = 0
    while tail < min(len(words_one), len(words_two)) - head and words_one[-1 - tail] == words_two[-1 - tail]:
        tail += 1
    middle_one, middle_two = words_one[head:len(words_one) - tail], words_two[head:len(words_two) - tail]
    flags_one, flags_two = [False] * len(words_one), [False] * len(words_two)
    if len(middle_one) * len(middle_two) > MOST_WORK:
        known_one, known_two = set(middle_one), set(middle_two)
        flags_one[head:head + len(middle_one)] = [word not in known_two for word in middle_one]
        flags_two[head:head + len(middle_two)] = [word not in known_one for word in middle_two]
    else:
        for kind, a, b, c, d in SequenceMatcher(None, middle_one, middle_two, autojunk=False).get_opcodes():
            if kind != "equal":
                flags_one[head + a:head + b] = [True] * (b - a)
                flags_two[head + c:head + d] = [True] * (d - c)
    return _spans(one, flags_one, "chosen"), _spans(two, flags_two, "rejected")


def _spans(tokens: list[str], flags: list[bool], mark: str) -> list[Span]:
    """Tokens joined to runs; white space is marked only between two marked words."""
    marked: list[bool] = []
    word = 0
    for token in tokens:
        if token.isspace():
            marked.append(0 < word < len(flags) and flags[word - 1] and flags[word] and "\n" not in token)
        else:
            marked.append(flags[word])
            word += 1
    result: list[Span] = []
    for token, flag in zip(tokens, marked, strict=True):
        name = mark if flag else ""
        if result and result[-1].mark == name:
            result[-1] = Span(result[-1].text + token, name)
        else:
            result.append(Span(token, name))
    return result


def weighted(pieces: Sequence[tuple[str, float]]) -> list[Span]:
    """Pieces of text with their effect on the reward as spans that raise or lower; weak ones are unmarked."""
    most = max((abs(weight) for _, weight in pieces), default=0.0) or 1.0
    result = []
    for text, weight in pieces:
        strength = abs(weight) / most
        result.append(Span(text, "" if strength < 0.08 else "raises" if weight > 0 else "lowers", strength))
    return result


def shorten(spans: Sequence[Span], words: int) -> list[Span]:
    """The first `words` words of spans, ended by "…" where something is left out."""
    result, left = [], words
    for span in spans:
        tokens = TOKEN.findall(span.text)
        count = sum(not token.isspace() for token in tokens)
        if count <= left:
            result.append(span)
            left -= count
            continue
        kept, taken = "", 0
        for token in tokens:
            taken += not token.isspace()
            if taken > left:
                break
            kept += token
        if kept.strip():
            result.append(Span(kept.rstrip(), span.mark, span.strength))
        result.append(Span(" …"))
        break
    return result


def count_words(text: str) -> int:
    """How many words a text has (signs, in scripts without spaces)."""
    return sum(not token.isspace() for token in TOKEN.findall(text))


class MarkedText(QTextEdit):
    """Read-only plain text with marked spans, as high as its text; its direction follows the script."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setCursorWidth(0)
        self.setProperty("role", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse
                                     | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.document().setDocumentMargin(0)
        self.spans: list[Span] = []
        set_font(self, "body")
        themes.theme_changed.connect(self._restyle)

    def set_spans(self, spans: Sequence[Span]) -> None:
        """Replace the text."""
        self.spans = list(spans)
        self._restyle()

    def text_format(self, span: Span) -> QTextCharFormat:
        """How a span looks: background, and an underline that tells the marks apart without colour."""
        style = QTextCharFormat()
        style.setFont(font("body"))
        style.setForeground(color("text"))
        if span.mark in ("chosen", "rejected"):
            style.setBackground(color(f"{span.mark}_mark"))
        elif span.mark:
            style.setBackground(
                color("green" if span.mark == "raises" else "amber", round(25 + 105 * min(span.strength, 1)))
            )
        if span.mark:
            style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline if span.mark in ("chosen", "raises")
                                    else QTextCharFormat.UnderlineStyle.DotLine)
            style.setUnderlineColor(color({"raises": "green", "lowers": "amber_text"}.get(span.mark, span.mark)))
        return style

    def _restyle(self) -> None:
        self.clear()
        option = QTextOption()
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDefaultTextOption(option)
        cursor = QTextCursor(self.document())
        block = QTextBlockFormat()
        block.setLineHeight(px(19), QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        block.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        cursor.setBlockFormat(block)
        for span in self.spans:
            cursor.insertText(span.text, self.text_format(span))
        self._fit()

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        self.setFixedHeight(round(self.document().size().height()) + 4)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(px(180), self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(px(120), self.minimumHeight())


class ResponseView(QFrame):
    """One response: coloured top edge, mark, name, reward, count of words, text; long ones end with "Show all"."""

    def __init__(self, kind: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(10), px(8), px(9), px(10))
        column.setSpacing(0)
        top = QHBoxLayout()
        top.setSpacing(px(5))
        self.mark = Mark(kind, 10)
        top.addWidget(self.mark)
        self.name = label(name, kind, weight=600)
        self.reward = label("", weight=600)
        top.addWidget(self.name)
        top.addStretch()
        top.addWidget(self.reward)
        self.count = label("", "secondary", "small")
        self.text = MarkedText()
        self.more = LinkButton("")
        self.more.clicked.connect(self._show_all)
        column.addLayout(top)
        column.addWidget(self.count)
        column.addSpacing(px(5))
        column.addWidget(self.text)
        column.addSpacing(px(3))
        column.addWidget(self.more)
        self.spans: list[Span] = []
        self.all = False

    def set_kind(self, kind: str, name: str) -> None:
        """Show as another kind: chosen, rejected, or people for a response of a tie."""
        self.kind = self.mark.kind = kind
        self.mark.setAccessibleName(kind)
        set_role(self.name, kind)
        self.name.setText(name)
        self.mark.update()
        self.update()

    def show_spans(self, spans: Sequence[Span], reward: float | None) -> None:
        """Replace text and reward."""
        self.spans = list(spans)
        words = count_words("".join(span.text for span in spans))
        self.count.setText(f"{words:,} word{'' if words == 1 else 's'}")
        self.reward.setText("" if reward is None else signed(reward))
        self.more.setText(f"Show all {words:,} words")
        self.more.updateGeometry()
        self.text.setAccessibleName(f"{self.name.text()} response")
        hidden = words > FIRST_WORDS and not self.all
        self.more.setVisible(hidden)
        self.text.set_spans(shorten(spans, FIRST_WORDS) if hidden else spans)

    def _show_all(self) -> None:
        self.all = True
        self.more.hide()
        self.text.set_spans(self.spans)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        stroke = painter.pen()
        stroke.setColor(color(self.kind if self.kind in ("chosen", "rejected") else "neutral"))
        stroke.setWidthF(3)
        stroke.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(stroke)
        painter.drawLine(QPointF(5, 1.5), QPointF(self.width() - 5, 1.5))


class DiffView(QWidget):
    """Chosen and rejected response side by side (stacked under 400 px): diff, attribution or plain.

    `mode_changed` says the mode when `set_mode` changes it.
    """

    mode_changed = Signal(str)

    def __init__(self, names: tuple[str, str] = ("Chosen", "Rejected"), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(px(8))
        self.chosen = ResponseView("chosen", names[0])
        self.rejected = ResponseView("rejected", names[1])
        for view in (self.chosen, self.rejected):
            self.box.addWidget(view, 1, Qt.AlignmentFlag.AlignTop)
        self.mode = "diff"
        self.texts = ("", "")
        self.rewards: tuple[float | None, float | None] = (None, None)
        self.weights: tuple[Sequence[tuple[str, float]], Sequence[tuple[str, float]]] | None = None

    def set_pair(self, chosen: str, rejected: str, chosen_reward: float | None = None,
                 rejected_reward: float | None = None) -> None:
        """Show another pair; attributions of the one before are dropped."""
        self.texts = (chosen, rejected)
        self.rewards = (chosen_reward, rejected_reward)
        self.weights = None
        self.chosen.all = self.rejected.all = False
        self._show()

    def set_attribution(self, chosen: Sequence[tuple[str, float]], rejected: Sequence[tuple[str, float]]) -> None:
        """Give each response as pieces of text with their effect on its reward; joined they are the text."""
        self.weights = (chosen, rejected)
        self._show()

    def set_mode(self, mode: str) -> None:
        """Switch to diff, attribution or plain."""
        if mode != self.mode:
            self.mode = mode
            self._show()
            self.mode_changed.emit(mode)

    def _show(self) -> None:
        if self.mode == "diff":
            one, two = diff(*self.texts)
        elif self.mode == "attribution" and self.weights is not None:
            one, two = weighted(self.weights[0]), weighted(self.weights[1])
        else:
            one, two = [Span(self.texts[0])], [Span(self.texts[1])]
        self.chosen.show_spans(one, self.rewards[0])
        self.rejected.show_spans(two, self.rewards[1])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= px(STACK_BELOW)
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self.box.direction() != direction:
            self.box.setDirection(direction)
