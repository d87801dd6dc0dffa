"""The filter field: tokens such as `source:alpha` and `words>200` as chips, with completion and errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QCompleter, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QWidget

from rmexplorer.gui.theme import brush, color, pen, pixmap, px, set_font, themes
from rmexplorer.gui.widgets.buttons import IconButton, KeyCap
from rmexplorer.gui.widgets.labels import ElidedLabel
from rmexplorer.gui.widgets.states import IconLabel


def split_tokens(text: str) -> list[str]:
    """Words of a filter; quotes keep spaces together, an open quote runs to the end."""
    result, current, quoted = [], "", False
    for sign in text:
        if sign == '"':
            quoted = not quoted
        if sign.isspace() and not quoted:
            if current:
                result.append(current)
            current = ""
        else:
            current += sign
    return [*result, current] if current else result


class TokenChip(QPushButton):
    """One token; a press opens it for editing, its cross or Delete removes it."""

    removed = Signal()

    def __init__(self, token: str, parent: QWidget) -> None:
        super().__init__(token, parent)
        self.bad = False
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Filter {token}; press to change, Delete to remove")
        set_font(self, "mono")

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self.text()) + px(26), px(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(40), px(24))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.position().x() > self.width() - px(19):
            self.setDown(False)
            self.removed.emit()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(brush("error_tint" if self.bad else "hover" if self.underMouse() else "surface"))
        painter.setPen(pen("error" if self.bad else "line"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(self.font())
        painter.setPen(color("error" if self.bad else "text"))
        painter.drawText(self.rect().adjusted(px(6), 0, -px(19), 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.drawPixmap(self.width() - px(17), (self.height() - px(12)) // 2, pixmap("x", "text3", 12))


class TokenField(QWidget):
    """A line edit that turns words into chips.

    Space or Enter ends a token, Tab completes, Backspace at the start opens the last one, a press on a chip opens it,
    Escape drops what is being written. `tokensChanged` gives the list of tokens, `escaped` an Escape with nothing left.
    """

    tokensChanged = Signal(list)
    escaped = Signal()

    def __init__(self, placeholder: str = "Filter pairs, e.g. source:alpha words>200", hint: str = "/",
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(px(240))
        self.placeholder = placeholder
        self.chips: list[TokenChip] = []
        self.complete: Callable[[str], Sequence[str]] = lambda word: []
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(px(10), 0, px(6), 0)
        self.row.setSpacing(px(5))
        self.row.addWidget(IconLabel("search", "text2", 15))
        self.edit = QLineEdit()
        self.edit.setProperty("role", "bare")
        self.edit.setProperty("ownFocusRing", True)
        self.edit.setAccessibleName("Filter")
        self.edit.setPlaceholderText(placeholder)
        set_font(self.edit, "body")
        self.edit.installEventFilter(self)
        self.edit.textEdited.connect(self._edited)
        self.row.addWidget(self.edit, 1)
        self.note = ElidedLabel("", "secondary", "small")
        self.note.hide()
        self.row.addWidget(self.note)
        self.clear_button = IconButton("x", "Clear filter", "Esc", size=13)
        self.clear_button.clicked.connect(lambda: self._replace([]))
        self.clear_button.hide()
        self.row.addWidget(self.clear_button)
        self.key = KeyCap(hint)
        self.key.setVisible(bool(hint))
        self.row.addWidget(self.key)
        self.message = ""
        self.model = QStringListModel(self)
        self.completer = QCompleter(self.model, self)
        self.completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.completer.setWidget(self.edit)
        popup = self.completer.popup()
        assert popup is not None  # Qt makes it when it is asked for
        self.popup = popup
        self.completer.activated.connect(self._take)
        self.setFocusProxy(self.edit)
        themes.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(px(360), px(30))

    def tokens(self) -> list[str]:
        """The finished tokens."""
        return [chip.text() for chip in self.chips]

    def set_tokens(self, tokens: Sequence[str]) -> None:
        """Replace the tokens without a signal."""
        for chip in self.chips:
            self.row.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for place, token in enumerate(tokens):
            chip = TokenChip(token, self)
            chip.clicked.connect(self._opener(chip))
            chip.removed.connect(self._remover(chip))
            self.row.insertWidget(1 + place, chip)
            self.chips.append(chip)
        self.edit.setPlaceholderText("" if tokens else self.placeholder)
        self.clear_button.setVisible(bool(tokens))
        self.key.setVisible(bool(self.key.text) and not tokens)
        self.set_error("")

    def set_completions(self, complete: Callable[[str], Sequence[str]]) -> None:
        """Give the function that completes the word being written."""
        self.complete = complete

    def set_note(self, text: str) -> None:
        """Say how many match, at the right: "318 of 5,180"; hidden while empty."""
        self.note.setText(text)
        self.note.updateGeometry()
        self.note.setVisible(bool(text))

    def set_error(self, message: str, place: int | None = None) -> None:
        """Mark the field, and the token at `place`, as not understood; an empty message clears it."""
        self.message = message
        for number, chip in enumerate(self.chips):
            chip.bad = bool(message) and number == place
            chip.setToolTip(message if chip.bad else "")
            chip.update()
        self.setToolTip(message)
        self.edit.setAccessibleDescription(message)
        if message:
            self.set_note(message)
        elif self.note.property("role") == "error":
            self.set_note("")
        self.note.setProperty("role", "error" if message else "secondary")
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)
        self.update()

    def set_enabled_reason(self, reason: str) -> None:
        """Disable with a reason shown as placeholder, or enable with an empty one."""
        self.edit.setEnabled(not reason)
        self.edit.setPlaceholderText(reason or self.placeholder)

    def _replace(self, tokens: Sequence[str]) -> None:
        self.set_tokens(tokens)
        self.edit.setFocus()
        self.tokensChanged.emit(self.tokens())

    def _opener(self, chip: TokenChip) -> Callable[[], None]:
        return lambda: self._open(self.chips.index(chip))

    def _remover(self, chip: TokenChip) -> Callable[[], None]:
        return lambda: self._replace([known.text() for known in self.chips if known is not chip])

    def _open(self, place: int) -> None:
        token = self.chips[place].text()
        rest = self.tokens()
        del rest[place]
        self._commit_into(rest)
        self.edit.setText(token)
        self.edit.setFocus()

    def _commit_into(self, tokens: list[str]) -> None:
        words = split_tokens(self.edit.text())
        self.edit.clear()
        self._replace([*tokens, *words])

    def _edited(self, text: str) -> None:
        if text.endswith(" ") and text.count('"') % 2 == 0 and text.strip():
            self._commit_into(self.tokens())
            return
        options = list(self.complete(text)) if text else []
        self.model.setStringList(options[:12])
        if options and self.isVisible():
            self.completer.complete()
        else:
            self.popup.hide()

    def _take(self, text: str) -> None:
        self.edit.setText(text)
        self.popup.hide()
        if not text.endswith((":", ">", "<", "=")):
            self._commit_into(self.tokens())

    def _tab(self) -> bool:
        options = list(self.complete(self.edit.text())) if self.edit.text() else []
        if not options:
            return False
        self._take(options[0])
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
            and self.edit.text()
        ):
            event.accept()
            return True
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        key = event.key()
        if key == Qt.Key.Key_Tab:
            return self._tab()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._commit_into(self.tokens())
            return True
        if (
            key == Qt.Key.Key_Backspace
            and self.chips
            and self.edit.cursorPosition() == 0
            and not self.edit.hasSelectedText()
        ):
            self._open(len(self.chips) - 1)
            return True
        if key == Qt.Key.Key_Escape:
            if self.edit.text():
                self.edit.clear()
            else:
                self.escaped.emit()
            return True
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.edit.setFocus(Qt.FocusReason.MouseFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused = self.edit.hasFocus()
        painter.setBrush(brush("surface" if focused else "bg"))
        painter.setPen(pen("error" if self.message else "plum" if focused else "line2", 2 if focused else 1))
        inset = 1.0 if focused else 0.5
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), themes.metrics.radius, themes.metrics.radius
        )
