"""The Playground's card of edits: a chip for each that moves most, and all of them in a menu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu

from rmexplorer.gui.probe_examples import change_text
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Card, Chip, GhostButton
from rmexplorer.workflows.edits import Probe

MOST_CHIPS = 8


class TryCard(Card):
    """Edits to try on a response. `tried(Probe)` on a click."""

    tried = Signal(object)

    def __init__(self) -> None:
        super().__init__("Try on B", "a click makes the edit")
        self.probes: list[Probe] = []
        self.changes: Mapping[str, float] = {}
        self.chips: list[Chip] = []
        self._row = QHBoxLayout()
        self._row.setSpacing(px(8))
        self.body.addLayout(self._row)
        self.more = GhostButton("All edits", "ellipsis")
        self.more.clicked.connect(lambda: self.menu().popup(self.more.mapToGlobal(self.more.rect().bottomLeft())))
        self._row.addStretch()
        self._row.addWidget(self.more)

    def set_side(self, side: int) -> None:
        """Edits are tried on response A (0) or B (1)."""
        self.set_title(f"Try on {'AB'[side]}")

    def put(self, probes: Sequence[Probe], changes: Mapping[str, float]) -> None:
        """Offer these, the largest mean change (in SD, where probes have run) first, expected ones last."""
        able = [probe for probe in probes if probe.kind != "pairs"]
        self.probes = sorted(able, key=lambda probe: (probe.expected != "none", -abs(changes.get(probe.name, 0.0))))
        self.changes = changes
        for old in self.chips:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.chips = [self._chip(place, probe) for place, probe in enumerate(self.probes[:MOST_CHIPS])]
        self.set_subtitle("number: mean change in held-out responses, in SD" if changes else "a click makes the edit")
        self._fit()

    def _chip(self, place: int, probe: Probe) -> Chip:
        chip = Chip(probe.shown, change_text(self.changes.get(probe.name)) if probe.name in self.changes else "", "plus")
        chip.setAccessibleName(f"Try: {probe.shown}")
        chip.setToolTip(f"{probe.said}\nclick to edit the response")
        chip.clicked.connect(lambda: self.tried.emit(probe))
        self._row.insertWidget(place, chip)
        return chip

    def menu(self) -> QMenu:
        """The menu of all edits."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setAccessibleName("All edits")
        for probe in self.probes:
            there = probe.name in self.changes
            text = f"{probe.shown}\t{change_text(self.changes[probe.name])}" if there else probe.shown
            menu.addAction(text, partial(self.tried.emit, probe))
        return menu

    def _fit(self) -> None:
        room = self.width() - 2 * themes.metrics.card_padding_x - self.more.sizeHint().width() - px(32)
        for chip in self.chips:
            room -= chip.sizeHint().width() + px(8)
            chip.setVisible(room >= 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many chips as fit."""
        super().resizeEvent(event)
        self._fit()
