"""The reliability plot: squares against the line of a perfect model, and how many pairs there are of each confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QWidget

from rmexplorer import wording
from rmexplorer.analysis.calibration import HISTOGRAM_EDGES, Bins, Calibration, Scores
from rmexplorer.app.state import Brush
from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.plots import BandItem, Bars, Label, LineCurve, PlotCard, WhiskerPoints, inside
from rmexplorer.gui.plots.item import Labels, paint_symbol
from rmexplorer.gui.theme import brush, ink, px

SIDE = 0.025  # room beside 50 % and 100 %, so that no square is cut
RING = 13.0
ALIKE = 0.01  # states whose confidences differ by less would hide one another
REACH = 0.12  # half the width of a label, in confidence
BRIEF = 400  # px of card below which only the count of a square stands beside its title
NARROW, TIGHT = 330, 260  # px of the view: below, three labels on the x axis; below, no explanation of the band


class Squares(WhiskerPoints):
    """Bins as squares that can be chosen: the chosen ones ringed in plum, the one that the keys stand on dotted."""

    picked = Signal(list, str)

    def __init__(self, tips: Any) -> None:
        super().__init__([], [], token="text", line=True, tips=tips)
        self.chosen: list[int] = []
        self.cursor = -1
        self.leader: tuple[float, float, float] | None = None  # from a mark down to its label: x, from y, to y

    def mouseClickEvent(self, ev: Any) -> None:
        """A click picks the square, with Shift or Alt."""
        place = self.nearest(ev.scenePos())
        if place < 0 or ev.button() != Qt.MouseButton.LeftButton or ev.double():
            ev.ignore()
            return
        ev.accept()
        for view in self.scene().views():
            view.setFocus(Qt.FocusReason.MouseFocusReason)
        self.picked.emit([place], brush_of(ev.modifiers()))

    def draw(self, painter: QPainter) -> None:
        """Paint squares and whiskers, then rings."""
        super().draw(painter)
        x, y = self.to_px(self.x, self.y)
        low, high = self.to_px(0.0, self.low)[1], self.to_px(0.0, self.high)[1]
        if self.leader is not None:
            (at,), ends = self.to_px(self.leader[:1], self.leader[1:])
            painter.setPen(ink("plum", 1, "dot"))
            painter.drawLine(QPointF(at, ends[0]), QPointF(at, ends[1] + 5))
        for place in self.chosen:
            if place < len(x):
                painter.setPen(ink("plum", 2))
                painter.drawLine(QPointF(x[place], low[place]), QPointF(x[place], high[place]))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(brush(self.token))
                paint_symbol(painter, "square", float(x[place]), float(y[place]), RING)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                for stroke, size in ((ink("surface", 1.5), RING), (ink("plum", 3), RING + 4)):
                    painter.setPen(stroke)
                    paint_symbol(painter, "square", float(x[place]), float(y[place]), size)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if 0 <= self.cursor < len(x):
            painter.setPen(ink("plum", 2, "dash"))
            paint_symbol(painter, "square", float(x[self.cursor]), float(y[self.cursor]), RING + 13)


class ReliabilityCard(PlotCard):
    """The folded curve with its band, the other state beside it, the selected pairs' own curve, and the counts below.

    `picked` gives the bins of a click, of Enter on the square that the arrows stand on, or of a rectangle drawn around
    squares; and what to do with the selection: replace, add or remove.
    """

    picked = Signal(list, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Reliability", "", "↑ Share of pairs where the labels agree", "Model confidence in its pick →",
                         "percent", "percent", "both", left_width=44, parent=parent)
        self.bins: Bins | None = None
        self.other: tuple[Bins, str] | None = None
        self.part: Bins | None = None
        self.apart = self.tight = False
        self.most = 1
        self.view.set_zoomable(False)
        self.view.set_tool("rectangle")
        self.view.brushed.connect(self._brushed)
        self.view.installEventFilter(self)
        nothing: list[float] = []
        self.band = BandItem(nothing, nothing, nothing, "text", 24)
        self.perfect = LineCurve([0.5, 1.0], [0.5, 1.0], token="text3", width=1.0, style="dash")
        self.second = WhiskerPoints(nothing, nothing, token="green", size=9, line=True, tips=self._second_tip)
        self.squares = Squares(self._tip)
        self.selected = WhiskerPoints(nothing, nothing, token="plum", size=11, line=True)
        for place, item in enumerate((self.band, self.perfect, self.second, self.squares, self.selected)):
            item.setZValue(place)
            self.view.add(item, bounds=False)
        self.squares.picked.connect(self.picked)
        below = self.view.add_below(94)
        self.counts = Bars(HISTOGRAM_EDGES, np.zeros(len(HISTOGRAM_EDGES) - 1))
        self.here = LineCurve(nothing, nothing, token="plum", width=2)
        self.notes = Labels()
        for item in (self.counts, self.here):
            below.addItem(item)
        below.getViewBox().addItem(self.notes, ignoreBounds=True)
        self.below = below
        self.set_focus_pair(None)

    # Data

    def show_scores(self, found: Calibration, scores: Scores, other: tuple[Scores, str] | None) -> None:
        """Show one state of a model, and beside it the curve of the other state with its name."""
        bins = self.bins = scores.bins
        self.other = None if other is None else (other[0].bins, other[1])
        self.apart = other is not None and not _alike(bins, other[0].bins)
        self.part = None
        self._count()
        self.squares.chosen, self.squares.cursor = [], -1
        self._show_curves()
        self.band.set_data(found.band_confidence, found.band_low, found.band_high)
        lowest = float(bins.low.min()) if len(bins) else 0.4
        self.view.set_range((0.5 - SIDE, 1.0 + SIDE), (max(min(0.4, lowest - 0.03), -0.02), 1.02))
        self.show_counts(scores.histogram, None)
        self.set_table({
            "confidence": bins.confidence, "rate": bins.rate, "low": bins.low, "high": bins.high, "pairs": bins.n,
            "confidence_from": bins.edges_low, "confidence_to": bins.edges_high,
        })
        self.write()

    def _show_curves(self) -> None:
        """The curves; beside that of the selected pairs the main one goes without whiskers, the other state away."""
        bins, part, other = self.bins, self.part, self.other
        if bins is None:
            return
        ends = (bins.low, bins.high) if part is None else (None, None)
        self.squares.set_data(bins.confidence, bins.rate, *ends)
        if other is None or not self.apart or part is not None:
            self.second.set_data([], [])
        else:
            self.second.set_data(other[0].confidence, other[0].rate, hollow=np.ones(len(other[0]), bool))
        if part is None:
            self.selected.set_data([], [])
        else:
            self.selected.set_data(part.confidence, part.rate, part.low, part.high, np.ones(len(part), bool))

    def show_counts(self, counts: np.ndarray, selected: np.ndarray | None) -> None:
        """Pairs at each confidence, and the selected part of them in plum."""
        chosen = ["" if selected is None else f", {count:,} selected" for count in (counts if selected is None else selected)]
        edges = zip(HISTOGRAM_EDGES[:-1], HISTOGRAM_EDGES[1:], chosen, strict=True)
        self.counts.names = [f"pairs, {wording.between(low, high, shares=True)} sure{part}" for low, high, part in edges]
        self.counts.set_data(HISTOGRAM_EDGES, counts, selected)
        most = self.most = max(int(counts.max()) if len(counts) else 0, 1)
        self.below.getViewBox().setYRange(0, most * 1.4, padding=0)
        self.below.getAxis("left").set_ticks([(0, "0"), (_round(most), f"{_round(most):,}")])
        self._write_note()

    def _write_note(self) -> None:
        text = "pairs" if self.tight else "pairs at each confidence"
        text += "" if self.counts.selected is None else ", selected in plum"
        self.notes.clear()
        self.notes.add(Label(text, 1.0 + SIDE, self.most * 1.4, "text2", "left", boxed=False, gap=0))

    def show_selection(self, chosen: Sequence[int], part: Bins | None) -> None:
        """Ring whole bins that are selected, or draw the curve of the selected pairs."""
        self.squares.chosen = [int(place) for place in chosen]
        self.part = part
        self._show_curves()
        self.write()

    def set_focus_pair(self, confidence: float | None) -> None:
        """Mark the confidence in the pair that the inspector shows."""
        there = [] if confidence is None else [confidence, confidence]
        self.here.set_data(there, [0.0, 1.12 * self.most][: len(there)])

    def write(self) -> None:
        """Write the labels anew."""
        view, bins = self.view, self.bins
        view.labels.clear()
        self.squares.leader = None
        if bins is None or not len(bins):
            return
        where = self.squares.chosen or ([self.squares.cursor] if self.squares.cursor >= 0 else [])
        if where:
            middle = float(bins.confidence[where].mean())
            under = float(bins.low[np.abs(bins.confidence - middle) < REACH].min(initial=float(bins.low[where[-1]])))
            text = f"{bins.says(where)}\n{bins.tally(where)}"
            text = text if len(where) == 1 else f"{len(where)} squares: {text}"
            view.add_label(text, middle, under, "plum_text", "below", 600, gap=5)
            at = where[0]
            self.squares.leader = None if len(where) > 1 else (middle, float(self.squares.low[at]), under)
        low, high = view.box.viewRange()[1]
        free = bins.low[bins.confidence > 0.7].min(initial=1.0) > low + 0.32 * (high - low)
        for text, token in self._key() if free else self._key()[::-1]:
            x, y, side = (1.0 + SIDE, low + 0.03 * (high - low), "left") if free else (0.5, 1.0, "right")
            view.add_label(text, x, y, token, side, boxed=False, gap=4)

    def _key(self) -> list[tuple[str, str]]:
        """What the marks mean, from below: for the corner under the curve, which good models leave free."""
        said = [("dashed line: perfect", "text2")]
        if not self.tight:
            said = [("perfect model’s squares fall", "text2"), ("grey band: where 95% of a", "text2"), *said]
        if self.part is not None:
            said.append((f"□ {wording.counted(int(self.part.n.sum()), 'selected pair')}", "plum_text"))
        elif self.other is not None:
            said.append((f"□ {self.other[1]}", "green_text") if self.apart else (f"{self.other[1]}: within 1%", "text2"))
        return said

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card says less beside its title."""
        super().resizeEvent(event)
        self._count()

    def _count(self) -> None:
        said = "" if self.bins is None or not len(self.bins) else _sizes(self.bins, self.width() < px(BRIEF))
        if said != self.subtitle_label.text():
            self.set_subtitle(said)

    def _second_tip(self, place: int) -> list[str]:
        return [] if self.other is None else [f"{self.other[1]}: {self.other[0].says([place])}", self.other[0].tally([place])]

    def _tip(self, place: int) -> list[str]:
        bins = self.bins
        if bins is None:
            return []
        edges = wording.between(float(bins.edges_low[place]), float(bins.edges_high[place]), shares=True)
        interval = wording.between(float(bins.low[place]), float(bins.high[place]), shares=True)
        said = (f"95% CI {interval}", bins.tally([place]), f"confidence {edges}", "click selects these pairs")
        return [bins.says([place]), *said]

    # Keys and mouse

    def _brushed(self, polygon: np.ndarray, how: Brush) -> None:
        self.view.set_brush(None)
        if self.bins is not None:
            found = np.flatnonzero(inside(polygon, self.squares.x, self.squares.y)).tolist()
            if found:
                self.picked.emit(found, how)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows walk over the squares, Enter picks the one they stand on."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self._walk(event):
            return True
        if event.type() == QEvent.Type.FocusOut and self.squares.cursor >= 0:
            self._stand_on(-1)
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        """Room for half a label beyond the ends of the axes; fewer words and labels where it is narrow."""
        self.view.ci.layout.setContentsMargins(0, 0, px(16), px(7))
        steps = (50, 60, 70, 80, 90, 100) if self.view.width() >= px(NARROW) else (50, 75, 100)
        self.view.axis("bottom").set_ticks([(step / 100, f"{step}%") for step in steps])
        tight = self.view.width() < px(TIGHT)
        if tight != self.tight:
            self.tight = tight
            self.write()
            self._write_note()

    def _walk(self, event: QKeyEvent) -> bool:
        if self.bins is None or not len(self.bins):
            return False
        last, at, key = len(self.bins) - 1, self.squares.cursor, event.key()
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
        if at < 0 and self.squares.chosen:
            at = self.squares.chosen[-1]
        moves = {
            Qt.Key.Key_Left: max(at - 1, 0), Qt.Key.Key_Right: min(at + 1, last), Qt.Key.Key_Home: 0, Qt.Key.Key_End: last,
        }
        if key in moves and plain:
            self._stand_on(moves[Qt.Key(key)])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.squares.cursor >= 0 and (
            not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.picked.emit([self.squares.cursor], brush_of(event.modifiers()))
        else:
            return False
        return True

    def _stand_on(self, place: int) -> None:
        self.squares.cursor = place
        self.squares.update()
        self.write()
        if self.bins is not None and place >= 0:
            said = f"{self.bins.says([place])}, {self.bins.tally([place])}. Enter selects these pairs."
            self.view.setAccessibleDescription(said)
        else:
            self.describe(self.headline, self.context)


def _alike(bins: Bins, other: Bins) -> bool:
    """Whether two curves lie on one another."""
    return len(bins) == len(other) and float(np.abs(bins.confidence - other.confidence).max(initial=0.0)) < ALIKE


def _sizes(bins: Bins, brief: bool = False) -> str:
    """How many pairs a square stands for: squares: 10 bins of 104 pairs."""
    low, high = int(bins.n.min()), int(bins.n.max())
    size = wording.counted(low, "pair") if low == high else f"{low:,}{wording.DASH}{high:,} pairs"
    return f"■ {size} each" if brief else f"■ {wording.counted(len(bins), 'bin')} of {size}, 95% CI"


def _round(most: int) -> int:
    """The largest number that is not above `most` and has one figure besides zeros."""
    power = int(10 ** max(len(str(most)) - 1, 0))
    return max(step * power for step in (1, 2, 3, 4, 5, 6, 8) if step * power <= most)
