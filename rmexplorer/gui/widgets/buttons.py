"""Buttons, chips and the segmented switch, painted here because a QSS-styled button with an icon clips its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from rmexplorer.gui.theme import brush, color, font, pen, pixmap, px, set_font, themes

MOST_OF_CHIP, LEAST_OF_NAME = 380, 90  # px: width of a chip, and of its text from which its detail stands beside it


class Button(QPushButton):
    """A push button with icon and text; `kind` is primary, secondary, ghost or link.

    `reason` (see `disable`) says as tooltip and accessible description why it is disabled.
    """

    def __init__(self, text: str, icon: str = "", kind: str = "secondary", shortcut: str = "",
                 parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.kind = kind
        self.icon_name = icon
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        set_font(self, "small" if kind == "link" else "strong", 600 if kind == "primary" else 0)
        self._usual_tip = f"{text} ({shortcut})" if shortcut else ""
        self.setToolTip(self._usual_tip)
        themes.theme_changed.connect(self.updateGeometry)

    def disable(self, reason: str) -> None:
        """Disable with the reason a person sees, or enable with an empty one."""
        self.setEnabled(not reason)
        self.setToolTip(reason or self._usual_tip)
        self.setAccessibleDescription(reason)

    def _margin(self) -> int:
        return px({"link": 0, "ghost": 8}.get(self.kind, 12))

    def _height(self) -> int:
        return px({"link": 20, "ghost": 28}.get(self.kind, 30))

    def _icon_size(self) -> int:
        return 16

    def sizeHint(self) -> QSize:
        width = 2 * self._margin() + QFontMetrics(self.font()).horizontalAdvance(self.text())
        if self.icon_name:
            width += px(self._icon_size()) + (px(7) if self.text() else 0)
        return QSize(width + 2, self._height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _colors(self) -> tuple[str, str, str]:
        """Tokens of background, border (empty: none) and text."""
        hovered = self.underMouse() or self.isDown()
        if not self.isEnabled():
            return ("surface", "line", "off") if self.kind in ("primary", "secondary") else ("", "", "off")
        if self.kind == "primary":
            return ("text2" if hovered else "text"), "", "surface"
        if self.kind == "secondary":
            return ("hover" if hovered else "surface"), "line2", "text"
        return ("hover" if hovered and self.kind == "ghost" else ""), "", ("text" if hovered else "text2")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        background, border, text = self._colors()
        painter.setBrush(brush(background) if background else Qt.BrushStyle.NoBrush)
        painter.setPen(pen(border) if border else Qt.PenStyle.NoPen)
        if background or border:
            radius = themes.metrics.radius
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        self._paint_label(painter, self.rect().adjusted(self._margin(), 0, -self._margin(), 0), text)

    def _paint_label(self, painter: QPainter, room: QRect, token: str) -> None:
        size, gap = px(self._icon_size()), px(7) if self.text() else 0
        taken = size + gap if self.icon_name else 0
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, max(0, room.width() - taken + 2))
        width = taken + metrics.horizontalAdvance(text)
        left = room.left() + max(0, (room.width() - width) // 2)
        if self.icon_name:
            painter.drawPixmap(
                QPoint(left, (self.height() - size) // 2), pixmap(self.icon_name, token, self._icon_size())
            )
        painter.setFont(self.font())
        painter.setPen(color(token))
        painter.drawText(QRect(left + taken, 0, room.right() - left - taken + 4, self.height()),
                         Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        if self.kind == "link":
            line = (self.height() + metrics.ascent() - metrics.descent()) // 2 + 3
            painter.setPen(pen(token))
            painter.drawLine(left + taken, line, left + width, line)


class PrimaryButton(Button):
    """The one main action of a place: ink with light text."""

    def __init__(self, text: str, icon: str = "", shortcut: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, icon, "primary", shortcut, parent)


class SecondaryButton(Button):
    """An outlined action."""

    def __init__(self, text: str, icon: str = "", shortcut: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, icon, "secondary", shortcut, parent)


class GhostButton(Button):
    """A quiet action without outline, for headers."""

    def __init__(self, text: str, icon: str = "", shortcut: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, icon, "ghost", shortcut, parent)


class LinkButton(Button):
    """An underlined action inside text: "Show all 384 words", "Clear"."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, "", "link", "", parent)


class IconButton(Button):
    """A square icon button with accessible name, and a tooltip with its shortcut; checkable on wish."""

    def __init__(self, icon: str, name: str, shortcut: str = "", size: int = 16, checkable: bool = False,
                 parent: QWidget | None = None) -> None:
        super().__init__("", icon, "icon", "", parent)
        self.icon_size = size
        self.setCheckable(checkable)
        self.setAccessibleName(name)
        self._usual_tip = f"{name} ({shortcut})" if shortcut else name
        self.setToolTip(self._usual_tip)

    def set_icon(self, icon: str) -> None:
        """Show another icon."""
        self.icon_name = icon
        self.update()

    def _icon_size(self) -> int:
        return self.icon_size

    def sizeHint(self) -> QSize:
        return QSize(px(28), px(28))

    def _margin(self) -> int:
        return 0

    def _colors(self) -> tuple[str, str, str]:
        if not self.isEnabled():
            return "", "", "off"
        if self.isCheckable() and self.isChecked():
            return "hover", "line2", "text"
        hovered = self.underMouse() or self.isDown()
        return ("hover" if hovered else ""), "", ("text" if hovered else "text2" if self.icon_size >= 16 else "text3")


class Chip(Button):
    """A rounded field of the top bar: icon, bold text, grey detail, and a chevron (menu) or a cross (closable).

    `clicked` on its body, `closed` on its cross or by Delete. `tone` is plain or plum.
    """

    closed = Signal()

    def __init__(self, text: str, detail: str = "", icon: str = "", tone: str = "plain", closable: bool = False,
                 menu: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(text, icon, "chip", "", parent)
        self.detail = detail
        self.tone = tone
        self.closable = closable
        self.has_menu = menu
        set_font(self, "strong", 500 if tone == "plain" else 600)

    def set_text(self, text: str, detail: str = "") -> None:
        """Replace the text and the grey detail."""
        self.setText(text)
        self.detail = detail
        self.setAccessibleName(f"{text}, {detail}" if detail else text)
        if self.isEnabled() and not self.closable:
            self.setToolTip(self.accessibleName())
        self.updateGeometry()
        self.update()

    def shown(self, room: int) -> tuple[str, str]:
        """Text and detail as they are painted: the detail whole or not at all, for half a number is another number."""
        metrics, detail = QFontMetrics(self.font()), self.detail
        beside = px(8) + QFontMetrics(font("small")).horizontalAdvance(detail) if detail else 0
        if room - beside < min(px(LEAST_OF_NAME), metrics.horizontalAdvance(self.text())):
            detail, beside = "", 0
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room - beside), detail

    def _margin(self) -> int:
        return px(10)

    def sizeHint(self) -> QSize:
        size = super().sizeHint()
        if self.detail:
            size.setWidth(size.width() + px(8) + QFontMetrics(font("small")).horizontalAdvance(self.detail))
        if self.closable or self.has_menu:
            size.setWidth(size.width() + px(24))
        return QSize(min(size.width(), px(MOST_OF_CHIP)), px(30))

    def _close_area(self) -> QRect:
        return QRect(self.width() - px(28), 0, px(28), self.height())

    def _colors(self) -> tuple[str, str, str]:
        if not self.isEnabled():
            return "surface", "line", "off"
        hovered = self.underMouse() or self.isDown()
        if self.tone == "plum":
            return "plum_tint", ("plum" if hovered else "plum_line"), "plum_text"
        return ("hover" if hovered else "surface"), "line", "text"

    def _paint_label(self, painter: QPainter, room: QRect, token: str) -> None:
        left = room.left()
        if self.icon_name:
            role = token if self.tone == "plum" else "text2" if self.isEnabled() else "off"
            painter.drawPixmap(QPoint(left, (self.height() - px(16)) // 2), pixmap(self.icon_name, role, 16))
            left += px(23)
        end = self.width() - px(28) if self.closable or self.has_menu else room.right() + 2
        text, detail = self.shown(end - left)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(self.font())
        painter.setPen(color(token))
        painter.drawText(QRect(left, 0, end - left, self.height()), middle, text)
        if detail:
            left += QFontMetrics(self.font()).horizontalAdvance(text) + px(8)
            painter.setFont(font("small"))
            painter.setPen(color(token if self.tone == "plum" else "text2"))
            painter.drawText(QRect(left, 0, end - left, self.height()), middle, detail)
        if self.closable or self.has_menu:
            sign = pixmap("x" if self.closable else "chevron-down", token if self.tone == "plum" else "text3", 13)
            painter.drawPixmap(QPoint(self.width() - px(22), (self.height() - px(13)) // 2), sign)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.closable and self._close_area().contains(event.position().toPoint()):
            self.setDown(False)
            self.closed.emit()
            return
        super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.closable and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.closed.emit()
            return
        super().keyPressEvent(event)


class _Segment(Button):
    """One choice of a Segmented."""

    def __init__(self, text: str, parent: QWidget, tip: str = "") -> None:
        super().__init__(text, "", "segment", "", parent)
        self.setCheckable(True)
        self._usual_tip = tip
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up):
            event.ignore()  # the Segmented moves
            return
        super().keyPressEvent(event)

    def _margin(self) -> int:
        return px(10)

    def _height(self) -> int:
        return px(24)

    def _colors(self) -> tuple[str, str, str]:
        if not self.isEnabled():
            return "", "", "off"
        if self.isChecked():
            return ("hover" if themes.colors.dark else "surface"), ("line2" if themes.colors.dark else "line"), "text"
        return "", "", ("text" if self.underMouse() else "text2")


class Segmented(QWidget):
    """A switch of a few exclusive choices; left and right arrows move it. `changed` gives the chosen key."""

    changed = Signal(str)

    def __init__(self, choices: Sequence[tuple[str, str]], current: str = "", name: str = "",
                 parent: QWidget | None = None, tips: Mapping[str, str] | None = None) -> None:
        """`choices` are (key, text) pairs; `name` is the accessible name; `tips` say in a sentence what a choice means."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.keys = [key for key, _ in choices]
        self.group = QButtonGroup(self)
        self.group.setExclusive(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        for place, (key, text) in enumerate(choices):
            segment = _Segment(text, self, (tips or {}).get(key, ""))
            segment.setAccessibleName(f"{name}: {text}" if name else text)
            self.group.addButton(segment, place)
            row.addWidget(segment)
        self.set_current(current or self.keys[0])
        self.group.idToggled.connect(self._toggled)

    def current(self) -> str:
        """The key of the chosen segment."""
        return self.keys[self.group.checkedId()]

    def set_current(self, key: str) -> None:
        """Choose by key without a signal."""
        blocked = self.group.blockSignals(True)
        for place, known in enumerate(self.keys):
            button = self.group.button(place)
            button.setChecked(known == key)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if known == key else Qt.FocusPolicy.ClickFocus)
        self.group.blockSignals(blocked)
        self.update()

    def disable(self, key: str, reason: str) -> None:
        """Disable one choice with a reason, or enable it with an empty one."""
        button = self.group.button(self.keys.index(key))
        if isinstance(button, Button):
            button.disable(reason)

    def offer(self, key: str, shown: bool) -> None:
        """Show one choice, or leave it out; it must not be the chosen one."""
        button = self.group.button(self.keys.index(key))
        if button.isHidden() is shown:
            button.setVisible(shown)
            self.updateGeometry()

    def _toggled(self, place: int, checked: bool) -> None:
        if checked:
            self.set_current(self.keys[place])
            self.changed.emit(self.keys[place])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}.get(
            Qt.Key(event.key()), 0
        )
        place = self.group.checkedId() + step
        while step and 0 <= place < len(self.keys) and not (
                self.group.button(place).isEnabled() and not self.group.button(place).isHidden()):
            place += step
        if step and 0 <= place < len(self.keys):
            self.group.button(place).setChecked(True)
            self.group.button(place).setFocus(Qt.FocusReason.TabFocusReason)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), themes.metrics.radius, themes.metrics.radius)


class KeyCap(QWidget):
    """A key drawn as a small cap: Ctrl, K."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = text
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(max(px(18), QFontMetrics(font("smallest")).horizontalAdvance(self.text) + px(10)), px(18))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(brush("surface"))
        painter.setPen(pen("line"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(font("smallest"))
        painter.setPen(color("text2"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text)

