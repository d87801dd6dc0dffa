"""The histogram of rewards with its two tails: handles that are dragged or moved with arrows set their size."""

from __future__ import annotations

from typing import Any

import numpy as np
from fast_histogram import histogram1d
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from rmexplorer.analysis.responses import SHARES, Responses, share_text
from rmexplorer.gui.plots import Item, PlotCard, StepHistogram
from rmexplorer.gui.theme import brush, color, font, ink, px
from rmexplorer.gui.widgets import paint_mark

NEAR = 9  # px on each side of a handle that take hold of it
SIDE = 0.02  # room beside the histogram, for labels of the axis
TOP = 1.42  # room above the histogram, in its highest count, for the words of the tails


def step(share: float, by: int) -> float:
    """The size of tails `by` steps from `share` on the ladder SHARES."""
    place = int(np.argmin(np.abs(np.array(SHARES) - share)))
    return SHARES[min(max(place + by, 0), len(SHARES) - 1)]


class Tails(Item):
    """Tinted tails with their handles, the marks of the pair in the inspector, and the drag that moves a handle."""

    def __init__(self, card: TailCard) -> None:
        super().__init__()
        self.card = card
        self.low = self.high = np.nan
        self.share = 0.01
        self.side = 1  # the handle that arrows move: 1 high, -1 low
        self.pair: tuple[float, float] | None = None
        self.setZValue(500)

    def boundingRect(self) -> QRectF:
        """All of the view."""
        return self.viewRect() or QRectF()

    def dataBounds(self, axis: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[None, None]:
        """The range does not follow the handles."""
        return None, None

    def put(self, low: float, high: float, share: float) -> None:
        """Place both handles."""
        self.low, self.high, self.share = low, high, share
        self.update()

    def put_pair(self, pair: tuple[float, float] | None) -> None:
        """Mark the rewards (chosen, rejected) of the pair in the inspector."""
        self.pair = pair
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Paint tails, words, handles and marks in px."""
        view = self.view_px()
        if np.isfinite(self.low) and np.isfinite(self.high):
            low, high = self.to_px([self.low, self.high], 0.0)[0]
            low, high = (min(max(at, view.left()), view.right()) for at in (low, high))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush("plum", 26))
            painter.drawRect(QRectF(view.left(), view.top(), low - view.left(), view.height()))
            painter.drawRect(QRectF(high, view.top(), view.right() - high, view.height()))
            self._words(painter, view, low, high)
            for at, side in ((low, -1), (high, 1)):
                self._handle(painter, view, at, side == self.side and self.card.view.hasFocus())
        if self.pair is not None:
            y = view.bottom() - px(7)
            for kind, at in zip(("chosen", "rejected"), self.to_px(list(self.pair), 0.0)[0], strict=True):
                painter.setPen(ink("plum", 2))
                painter.setBrush(brush("surface"))
                painter.drawEllipse(QPointF(at, y), px(8), px(8))
                paint_mark(painter, kind, QPointF(at, y), px(9))

    def _words(self, painter: QPainter, view: QRectF, low: float, high: float) -> None:
        painter.setFont(font("small_strong"))
        metrics = QFontMetricsF(painter.font())
        taken = [label.box for label in self.card.view.labels.labels]
        for text, at, side in (
            (f"lowest {share_text(self.share)}", low, -1),
            (f"highest {share_text(self.share)}", high, 1),
        ):
            width = metrics.horizontalAdvance(text)
            inside = low - view.left() if side < 0 else view.right() - high
            left = at + side * px(8) - (width if side < 0 else 0)
            if inside < width + px(14):  # no room in the tail: beside the handle, inwards
                left = at - side * px(8) - (width if side > 0 else 0)
            painter.setPen(color("plum_text"))
            box = QRectF(left, view.top() + px(2), width, metrics.height())
            if any(box.intersects(name) for name in taken):  # a tail of few responses: the outline is named there
                box.moveTop(max(name.bottom() for name in taken if box.intersects(name)))
            painter.drawText(QPointF(left, box.top() + metrics.ascent()), text)

    def _handle(self, painter: QPainter, view: QRectF, at: float, ringed: bool) -> None:
        painter.setPen(ink("plum", 2))
        painter.drawLine(QPointF(at, view.top()), QPointF(at, view.bottom()))
        painter.setBrush(brush("plum" if ringed else "surface"))
        middle = view.top() + view.height() * 0.52
        painter.drawRoundedRect(QRectF(at - px(4), middle - px(9), px(8), px(18)), px(4), px(4))

    def handle_at(self, scene: QPointF) -> int:
        """The handle near a scene position: 1 high, -1 low, 0 none."""
        if not np.isfinite(self.low) or not np.isfinite(self.high):
            return 0
        low, high = self.to_px([self.low, self.high], 0.0)[0]
        far = {-1: abs(scene.x() - low), 1: abs(scene.x() - high)}
        side = min(far, key=lambda one: far[one])
        return side if far[side] <= px(NEAR) else 0

    def mouseDragEvent(self, ev: Any) -> None:
        """Move a handle: the tail is as large as the share of responses beyond it, on the ladder."""
        if ev.button() != Qt.MouseButton.LeftButton:
            ev.ignore()
            return
        if ev.isStart():
            self._held = self.handle_at(ev.buttonDownScenePos())
        if not self._held:
            ev.ignore()
            return
        ev.accept()
        self.side = self._held
        box = self.getViewBox()
        if box is not None:
            self.card.move_handle(self.side, float(box.mapSceneToView(ev.scenePos()).x()))

    def mouseClickEvent(self, ev: Any) -> None:
        """A click on a handle takes it, a click in a tail selects its pairs."""
        side = self.handle_at(ev.scenePos())
        box = self.getViewBox()
        if ev.button() != Qt.MouseButton.LeftButton or box is None or ev.double():
            ev.ignore()
            return
        at = box.mapSceneToView(ev.scenePos()).x()
        self.card.view.setFocus(Qt.FocusReason.MouseFocusReason)
        if side:
            self.side = side
            self.update()
        elif at >= self.high or at <= self.low:
            self.card.tail_pressed.emit(1 if at >= self.high else -1, ev.modifiers())
        else:
            ev.ignore()
            return
        ev.accept()

    def hoverEvent(self, ev: Any) -> None:
        """Show that a handle can be dragged."""
        near = not ev.isExit() and self.handle_at(ev.scenePos())
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)

    def hover(self, at: QPointF) -> list[str] | None:
        """What the bin under the pointer holds."""
        return self.card.bin_at(at)


class TailCard(PlotCard):
    """The histogram of rewards. `share_changed` when a handle was moved; `tail_pressed(side, modifiers)` on a tail."""

    share_changed = Signal(float)
    tail_pressed = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Reward of every response",
            "drag a handle, or move it with arrows",
            "",
            "Reward →",
            grid="none",
            left_width=0,
            parent=parent,
        )
        self.view.set_zoomable(False)
        self.result: Responses | None = None
        self.chosen = StepHistogram([0.0, 1.0], [0.0], "chosen", fill=26)
        self.rejected = StepHistogram([0.0, 1.0], [0.0], "rejected", fill=26)
        self.selected = StepHistogram([0.0, 1.0], [0.0], "plum", fill=60)
        self.tails = Tails(self)
        for item in (self.rejected, self.chosen, self.selected, self.tails):
            self.view.add(item)
        self.view.installEventFilter(self)

    def show_result(self, found: Responses) -> None:
        """Draw the histogram and the tails of a result."""
        self.result = found
        self.chosen.set_data(found.histogram_edges, found.histogram_chosen)
        self.rejected.set_data(found.histogram_edges, found.histogram_rejected)
        top = float(max(found.histogram_chosen.max(initial=1), found.histogram_rejected.max(initial=1)))
        low, high = float(found.histogram_edges[0]), float(found.histogram_edges[-1])
        self.view.set_range((low - SIDE * (high - low), high + SIDE * (high - low)), (0.0, top * TOP))
        axis = self.view.axis("bottom")
        axis.fixed = None
        values = axis.values(low, high)  # those within the histogram: one at the edge of the plot would be cut
        apart = values[1] - values[0] if len(values) > 1 else 1.0
        axis.set_ticks([(value, axis.text(value, apart)) for value in values])
        self.view.labels.clear()
        middle = (found.histogram_edges[1:] + found.histogram_edges[:-1]) / 2
        ahead = np.convolve(found.histogram_chosen - found.histogram_rejected, np.ones(5) / 5, "same")
        higher = np.maximum(found.histogram_chosen, found.histogram_rejected)
        for name, place in (("rejected", int(np.argmin(ahead))), ("chosen", int(np.argmax(ahead)))):
            if found.pairs:  # above all steps that the word stands over
                wide = max(2, len(middle) // 15)
                height = float(higher[max(0, place - wide) : place + wide + 1].max())
                self.view.add_label(
                    name, float(middle[place]), height, f"{name}_text", "above", 600, boxed=False, gap=2.0
                )
        self.set_table(
            {
                "from": found.histogram_edges[:-1],
                "to": found.histogram_edges[1:],
                "chosen": found.histogram_chosen,
                "rejected": found.histogram_rejected,
            }
        )
        self._place(found.share)

    def _place(self, share: float) -> None:
        found = self.result
        if found is None or not len(found.high_edges):
            self.tails.put(np.nan, np.nan, share)
            return
        place = int(np.argmin(np.abs(np.array(SHARES) - share)))
        self.tails.put(float(found.low_edges[place]), float(found.high_edges[place]), SHARES[place])
        self.view.setAccessibleDescription(f"{self.headline} Tails: {share_text(share)}, change with the arrow keys.")

    def move_handle(self, side: int, at: float) -> None:
        """Move a handle near a reward: both tails take the size on the ladder that comes nearest."""
        found = self.result
        if found is None or not len(found.high_edges):
            return
        edges = found.high_edges if side > 0 else found.low_edges
        self.set_share(SHARES[int(np.argmin(np.abs(edges - at)))])

    def set_share(self, share: float) -> None:
        """Give the tails a size, and say so where it is another one."""
        if share != self.tails.share:
            self._place(share)
            self.share_changed.emit(share)

    def bin_at(self, scene: QPointF) -> list[str] | None:
        """Lines of the tooltip of the bin at a scene position."""
        found = self.result
        if found is None or not found.pairs:
            return None
        x = float(self.view.box.mapSceneToView(scene).x())
        place = int(np.searchsorted(found.histogram_edges, x, "right")) - 1
        if not 0 <= place < len(found.histogram_chosen):
            return None
        low, high = found.histogram_edges[place : place + 2]
        return [
            f"Reward {low:+.2f} to {high:+.2f}".replace("-", "\u2212"),
            f"● chosen {found.histogram_chosen[place]:,}",
            f"◆ rejected {found.histogram_rejected[place]:,}",
        ]

    def show_selection(self, rewards: np.ndarray | None) -> None:
        """Overlay the histogram of the rewards of selected pairs, or none."""
        found = self.result
        self.selected.setVisible(rewards is not None and found is not None)
        if rewards is not None and found is not None:
            edges = found.histogram_edges
            ends = float(edges[0]), float(np.nextafter(edges[-1], np.inf))  # the last bin holds its upper end
            self.selected.set_data(edges, histogram1d(rewards, len(edges) - 1, ends))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows on the plot: left and right move the handle, up and down change between the two."""
        if watched is self.view and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            side, key = self.tails.side, event.key()
            plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
            if plain and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
                towards = 1 if key == Qt.Key.Key_Right else -1
                self.set_share(step(self.tails.share, -towards * side))
                return True
            if plain and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                self.tails.side = -side
                self.tails.update()
                return True
            if plain and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.tail_pressed.emit(side, event.modifiers())
                return True
        if watched is self.view and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.tails.update()
        return super().eventFilter(watched, event)
