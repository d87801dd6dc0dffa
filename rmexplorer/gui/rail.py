"""The rail: a button a pane in three groups, with names or as icons only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QLabel, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.app.state import State
from rmexplorer.gui.catalog import GROUPS, PaneCard
from rmexplorer.gui.theme import brush, color, font, pixmap, px, set_font, set_role, themes


class RailButton(QAbstractButton):
    """One pane in the rail: icon, name, a plum bar when current, a green dot while its job runs."""

    def __init__(self, pane: PaneCard, key: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.pane = pane
        self.key = key
        self.narrow = False
        self.running = False
        self.reason = ""
        self.setText(pane.title)
        self.setCheckable(True)
        self.setAccessibleName(pane.title)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._describe()

    def _describe(self) -> None:
        tip = f"{self.pane.title} ({self.key})" if self.key else self.pane.title
        self.setToolTip(f"{tip}\n{self.reason or self.pane.question}")
        self.setAccessibleDescription("running" if self.running else self.reason)

    def set_state(self, reason: str, running: bool) -> None:
        """Why the pane has nothing to show yet ('' where it has), and whether its job runs."""
        if (reason, running) != (self.reason, self.running):
            self.reason, self.running = reason, running
            self._describe()
            self.update()

    def sizeHint(self) -> QSize:
        """Height of the guide; the width follows the label."""
        width = px(48) + QFontMetrics(font("strong", 600)).horizontalAdvance(self.text()) + px(24)
        return QSize(px(36) if self.narrow else width, themes.metrics.rail_item)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bar, tint, icon and name."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(px(8), 0, -px(6), 0)
        current = self.isChecked()
        token = "off" if self.reason and not current else "text" if current or self.underMouse() else "text2"
        if current or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("plum_tint" if current else "hover"))
            painter.drawRoundedRect(box, themes.metrics.radius, themes.metrics.radius)
        if current:
            painter.setBrush(brush("plum"))
            painter.drawRoundedRect(QRectF(px(2), px(6), 3, self.height() - px(12)), 1.5, 1.5)
        icon = pixmap(self.pane.icon, "plum" if current and not self.reason else token, 16)
        left = (self.width() - px(16)) // 2 if self.narrow else px(18)
        painter.drawPixmap(QPoint(left, (self.height() - px(16)) // 2), icon)
        if not self.narrow:
            painter.setFont(font("strong", 600 if current else 0))
            painter.setPen(color(token))
            painter.drawText(
                QRect(px(43), 0, self.width() - px(43), self.height()), Qt.AlignmentFlag.AlignVCenter, self.text()
            )
        if self.running:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("green"))
            painter.drawEllipse(QRectF(self.width() - px(20), self.height() / 2 - px(4), px(8), px(8)))


class Rail(QWidget):
    """All panes but Welcome. `chosen(name)` when a person picks one; up and down move between them."""

    chosen = Signal(str)

    def __init__(self, panes: Sequence[PaneCard], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Panes")
        set_role(self, "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.buttons: dict[str, RailButton] = {}
        self._labels: list[QLabel] = []
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, px(8), 0, px(8))
        column.setSpacing(1)
        number = 0
        for group in GROUPS:
            members = [pane for pane in panes if pane.group == group]
            if not members:
                continue
            label = QLabel(group)
            set_font(label, "group")
            set_role(label, "hint")
            label.setContentsMargins(px(18), px(10), 0, px(4))
            self._labels.append(label)
            column.addWidget(label)
            for pane in members:
                number += 1
                button = RailButton(pane, f"Ctrl+{number % 10}" if number <= 10 else "", self)
                button.clicked.connect(lambda _=False, name=pane.name: self.chosen.emit(name))
                self._group.addButton(button)
                self.buttons[pane.name] = button
                column.addWidget(button)
        column.addStretch(1)
        self.set_narrow(False)
        themes.theme_changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.set_narrow(self.narrow)

    def set_narrow(self, narrow: bool) -> None:
        """Icons only, or icons with names."""
        self.narrow = narrow
        for label in self._labels:
            label.setVisible(not narrow)
        for button in self.buttons.values():
            button.narrow = narrow
            button.updateGeometry()
        widest = max((button.sizeHint().width() for button in self.buttons.values()), default=0)
        self.setFixedWidth(themes.metrics.rail_narrow if narrow else max(themes.metrics.rail, widest))

    def show_state(self, state: State, reasons: dict[str, str], training: bool) -> None:
        """Mark the current pane, those with nothing to show, and the one whose job runs."""
        for name, button in self.buttons.items():
            button.setChecked(name == state.pane)
            button.set_state(reasons.get(name, ""), training and name == "train")
        if state.pane not in self.buttons:
            self._group.setExclusive(False)
            for button in self.buttons.values():
                button.setChecked(False)
            self._group.setExclusive(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down walk along the panes."""
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        names = list(self.buttons)
        focused = next((name for name, button in self.buttons.items() if button.hasFocus()), None)
        if step and focused is not None:
            self.buttons[names[min(max(names.index(focused) + step, 0), len(names) - 1)]].setFocus(
                Qt.FocusReason.TabFocusReason
            )
            return
        super().keyPressEvent(event)
