"""The inspector's attribution: what each word of both responses adds, and the training pairs nearest to them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.gui.theme import color, font, pen, px, themes
from rmexplorer.gui.widgets import DiffView, ElidedLabel, LinkButton, label
from rmexplorer.job import Job, Result, finish
from rmexplorer.problem import Problem
from rmexplorer.wording import number
from rmexplorer.workflows import attributing

if TYPE_CHECKING:
    from rmexplorer.analysis.attribution import Attribution
    from rmexplorer.reward.checkpoint import Checkpoint

KEPT = 400
NEEDS_HEAD = "Attribution needs a head that can score new texts: train one, or load one"
Near = list[tuple[int, float, bool]]


class Superseded(Exception):
    """Another pair is wanted meanwhile."""


class AttributionLegend(QWidget):
    """Swatches of what raises and what lowers the reward; the method is named in the fact below."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("The reward of the response minus the reward without the word; the stronger, the darker.")
        self.setAccessibleName("Green, solid underline: raises the reward. Amber, dotted underline: lowers it. Method: leave one out.")
        themes.theme_changed.connect(self.update)

    def _parts(self) -> list[tuple[str, str]]:
        return [("green", "raises"), ("amber", "lowers")]

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(font("small"))
        wide = sum(metrics.horizontalAdvance(text) + px(28) for _, text in self._parts())
        return QSize(round(wide), px(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(font("small"))
        metrics = QFontMetricsF(painter.font())
        x = 0.0
        for token, text in self._parts():
            box = QRectF(x, self.height() / 2 - px(6), px(15), px(11))
            painter.fillRect(box, color(token, 130))
            stroke = pen("green" if token == "green" else "amber_text", 1.5)
            stroke.setStyle(Qt.PenStyle.SolidLine if token == "green" else Qt.PenStyle.DotLine)
            painter.setPen(stroke)
            painter.drawLine(box.bottomLeft(), box.bottomRight())
            x += px(20)
            painter.setPen(color("text2"))
            painter.drawText(QRectF(x, 0, metrics.horizontalAdvance(text) + 2, self.height()),
                             Qt.AlignmentFlag.AlignVCenter, text)
            x += metrics.horizontalAdvance(text) + px(8)


class NearestPairs(QWidget):
    """Up to three training pairs nearest to the chosen response, a button each."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(2))
        self.title = label("Nearest training pairs", "secondary", "small_strong")
        self.said = ElidedLabel("", "hint", "small")
        self._column.addWidget(self.title)
        self._column.addWidget(self.said)
        self.buttons: list[LinkButton] = []
        self.hide()

    def show_pairs(self, found: Near | None, kind: str) -> None:
        """Show them; None while they are looked for, empty where the head did not learn from this dataset."""
        for button in self.buttons:
            button.deleteLater()
        self.buttons = []
        self.title.setText(f"Training pairs nearest to the {kind} response")
        self.said.setVisible(not found)
        self.said.setText("Looking for them …" if found is None else "The head learnt from other data, or from nothing alike.")
        for pair, cosine, chosen in found or []:
            button = LinkButton(f"Pair {pair + 1:,} · cosine {number(cosine)} · {'chosen' if chosen else 'rejected'} there")
            button.clicked.connect(lambda _=False, pair=pair: self.chosen.emit(pair))
            self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self.buttons.append(button)


def _finish(job: Job[Result], superseded: threading.Event) -> Result:
    """Run a job to its end unless another pair is wanted meanwhile."""

    def going(_: object) -> None:
        if superseded.is_set():
            raise Superseded

    return finish(job, going)


class Attributions:
    """Fills a DiffView with attributions, computed in the thread of figures, kept for each response of a head."""

    def __init__(self, desk: Desk, view: DiffView, near: NearestPairs, said: Callable[[str], None]) -> None:
        self.desk, self.view, self.near, self.said = desk, view, near, said
        self._head: Checkpoint | None = None
        self._kept: OrderedDict[int, Attribution] = OrderedDict()
        self._near: OrderedDict[int, Near] = OrderedDict()
        self._wanted = (-1, -1)
        self._superseded = threading.Event()  # of what is computed now

    def why_not(self, state: State) -> str:
        """'' where attribution is possible, else why not."""
        return "" if state.checkpoint is not None and state.dataset is not None else NEEDS_HEAD

    def show(self, state: State, pair: int) -> None:
        """Show the attribution of both responses of a pair, now or once it is computed."""
        dataset, head = state.dataset, state.checkpoint
        if dataset is None or head is None:
            self.near.hide()
            return
        if head is not self._head:
            self._head = head
            self._kept.clear()
            self._near.clear()
        wanted = (int(dataset.chosen[pair]), int(dataset.rejected[pair]))
        self._wanted = wanted
        self._superseded.set()
        superseded = self._superseded = threading.Event()
        kind = "first" if dataset.tie[pair] else "chosen"
        self.near.show()
        self.near.show_pairs(self._near.get(wanted[0]), kind)
        self._draw()
        if all(row in self._kept for row in wanted) and wanted[0] in self._near:
            return
        prompt = dataset.prompts["text"][int(dataset.prompt[pair])] or ""
        texts = [dataset.responses["text"][row] or "" for row in wanted]

        known = {row: self._kept[row] for row in wanted if row in self._kept}

        def work() -> tuple[list[Attribution], Near]:
            found = [known[row] if row in known else _finish(attributing.explain(head, prompt, text), superseded)
                     for row, text in zip(wanted, texts, strict=True)]
            return found, _finish(attributing.nearest_training(dataset, head, wanted[0]), superseded)

        def answered(result: tuple[list[Attribution], Near] | None, error: Exception | None) -> None:
            if error is not None or result is None:
                if self._wanted == wanted:
                    self.said(str(error) if isinstance(error, Problem) else f"Not computed ({type(error).__name__})")
                return
            if head is self._head:
                self._kept.update(zip(wanted, result[0], strict=True))
                self._near[wanted[0]] = result[1]
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
                if self._wanted == wanted:
                    self.near.show_pairs(result[1], kind)
                    self._draw()

        self.desk.compute.ask("attribution", work, answered)

    def forget(self) -> None:
        """Nothing is wanted any more: what is computed now stops at its next beat."""
        self._wanted = (-1, -1)
        self._superseded.set()
        self.near.hide()

    def _draw(self) -> None:
        pair = [self._kept.get(row) for row in self._wanted]
        first, second = pair
        if first is None or second is None:
            self.said("Leaving words out …")
            return
        self.view.set_attribution(first.pieces, second.pieces)
        largest = max(pair, key=lambda one: abs(one.pieces[one.strongest][1]) if one is not None and one.pieces else 0.0)
        self.said("" if largest is None else largest.sentence())
