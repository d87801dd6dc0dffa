"""The inspector's attribution: what each word of both responses adds, and the training pairs nearest to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.analysis.attribution import METHODS
from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Run
from rmexplorer.app.state import State
from rmexplorer.app.training import head_file
from rmexplorer.gui.theme import color, font, pen, px, themes
from rmexplorer.gui.widgets import DiffView, ElidedLabel, LinkButton, Segmented, label
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.wording import number
from rmexplorer.workflows import attributing, encoding

if TYPE_CHECKING:
    from rmexplorer.analysis.attribution import Attribution
    from rmexplorer.data.dataset import Dataset
    from rmexplorer.reward.checkpoint import Checkpoint

KEY, NEAR = "attribution", "nearest training pairs"
AT_ONCE = 10_000  # responses that are encoded beside the window; more are by the worker process
KEPT = 400
MEANS = {
    "leave_one_out": "The reward of the response minus the reward without the word. A word also moves length, style and the "
                     "weight of the others, and two may do one thing: what is left over is named under the text.",
    "gradient": "The word's own part of what the head reads, times the gradient there: first order. With style and length, "
                "which no single word makes, and a constant it adds up to the reward.",
}
NEEDS_HEAD = "Attribution needs a head that can score new texts: train one, or load one"
Near = list[tuple[int, float, bool]]


class AttributionLegend(QWidget):
    """Swatches of what raises and what lowers the reward."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("The stronger, the darker; both responses on their own scale.")
        self.setAccessibleName("Green, solid underline: raises the reward. Amber, dotted underline: lowers it.")
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


class Method(QWidget):
    """By which method words are weighed, beside the legend where there is room for it. `changed(method)`."""

    changed = Signal(str)

    def __init__(self, wide: bool = True) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.choice = Segmented(tuple(METHODS.items()), name="How words are weighed")
        for place, method in enumerate(METHODS):
            self.choice.group.button(place).setToolTip(MEANS[method])
        self.choice.changed.connect(self.changed)
        self.legend = AttributionLegend()
        row.addWidget(self.choice)
        row.addStretch(1)
        if wide:
            row.addWidget(self.legend)

    def follow(self, head: Checkpoint | None) -> None:
        """Offer what this head allows."""
        why = attributing.why_no_gradient(head) if head is not None else ""
        self.choice.disable("gradient", why)
        if why and self.choice.current() == "gradient":
            self.choice.set_current("leave_one_out")


class NearestPairs(QWidget):
    """Up to three training pairs nearest to the chosen or the rejected response, a button each.

    `chosen(pair)` to read one, `selected(pairs)` for all of them.
    """

    chosen = Signal(int)
    selected = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(2))
        self._found: tuple[Near | None, Near | None] = (None, None)
        head = QHBoxLayout()
        head.setSpacing(px(6))
        self.side = Segmented((("0", "Chosen"), ("1", "Rejected")), name="Nearest training pairs of which response")
        self.side.changed.connect(lambda _: self._show())
        self.all = LinkButton("Select them")
        self.all.clicked.connect(lambda: self.selected.emit([pair for pair, _, _ in self.shown or []]))
        self._column.addWidget(label("Nearest training pairs", "secondary", "small_strong"))
        head.addWidget(self.side)
        head.addStretch(1)
        head.addWidget(self.all)
        self.said = ElidedLabel("", "hint", "small")
        self._column.addLayout(head)
        self._column.addWidget(self.said)
        self.buttons: list[LinkButton] = []
        self.hide()

    @property
    def shown(self) -> Near | None:
        """The pairs of the side that is shown."""
        return self._found[int(self.side.current())]

    def show_pairs(self, first: Near | None, second: Near | None, kinds: tuple[str, str]) -> None:
        """Show those of both responses; None while they are looked for, empty where the head learnt from other data."""
        self._found = (first, second)
        for place, kind in enumerate(kinds):
            self.side.group.button(place).setText(kind)
        self._show()

    def say(self, text: str) -> None:
        """Say how far looking for them is, or why it has ended, where none are shown."""
        if not self.shown:
            self.said.setText(text)

    def _show(self) -> None:
        for button in self.buttons:
            self._column.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = []
        found = self.shown
        self.all.setVisible(bool(found))
        self.said.setVisible(not found)
        self.said.setText("Looking for them …" if found is None else "The head learnt from other data, or from nothing alike.")
        for pair, cosine, chosen in found or []:
            button = LinkButton(f"Pair {pair + 1:,} · cosine {number(cosine)} · {'chosen' if chosen else 'rejected'} there")
            button.clicked.connect(lambda _=False, pair=pair: self.chosen.emit(pair))
            self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self.buttons.append(button)


class Attributions:
    """Fills a DiffView with attributions, computed in the thread of what is read, kept for each response of a head.

    Nearest pairs need the vectors of all responses: of many they are made by the worker process first.
    """

    def __init__(self, desk: Desk, view: DiffView, near: NearestPairs, method: Method,
                 said: Callable[[str, str, str], None]) -> None:
        """said: takes the strongest word, and what the reward of either response is made of."""
        self.desk, self.view, self.near, self.method, self.said = desk, view, near, method, said
        self._head: Checkpoint | None = None
        self._kept: OrderedDict[tuple[int, str], Attribution] = OrderedDict()
        self._near: OrderedDict[int, Near] = OrderedDict()
        self._wanted = (-1, -1)
        self._encoding: Run | None = None

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
            self._drop()
            self._head = head
            self.method.follow(head)
            self._kept.clear()
            self._near.clear()
        wanted = (int(dataset.chosen[pair]), int(dataset.rejected[pair]))
        self._wanted, method = wanted, self.method.choice.current()
        self.near.show()
        self._draw(bool(dataset.tie[pair]))
        self._look_for_pairs(state, dataset, head, pair)
        if all((row, method) in self._kept for row in wanted):
            self.desk.reading.withdraw(KEY)
            return
        prompt = dataset.prompts["text"][int(dataset.prompt[pair])] or ""
        texts = {row: dataset.responses["text"][row] or "" for row in wanted}
        todo = [row for row in texts if (row, method) not in self._kept]

        def work() -> list[Attribution]:
            return [finish(attributing.explain(head, prompt, texts[row], method)) for row in todo]

        def answered(result: list[Attribution] | None, error: Exception | None) -> None:
            if error is not None or result is None:
                if self._wanted == wanted:
                    self.said(str(error) if isinstance(error, Problem) else f"Not computed ({type(error).__name__})", "", "")
                return
            if head is self._head:
                self._kept.update(zip(((row, method) for row in todo), result, strict=True))
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
                if self._wanted == wanted:
                    self._draw(bool(dataset.tie[pair]))

        self.desk.reading.ask(KEY, work, answered)

    def _look_for_pairs(self, state: State, dataset: Dataset, head: Checkpoint, pair: int) -> None:
        """Show the nearest training pairs of both responses once they are found."""
        wanted = self._wanted
        alone = [row for row in dict.fromkeys(wanted) if row not in self._near]
        if not alone or self._encoding is not None:
            self.desk.reading.withdraw(NEAR)
            return

        def work() -> list[Near] | None:
            ours = head.dataset_fingerprint == dataset.fingerprint
            if ours and dataset.responses.height > AT_ONCE and not encoding.is_encoded(dataset, head.encoder):
                return None
            return [finish(attributing.nearest_training(dataset, head, row)) for row in alone]

        def answered(result: list[Near] | None, error: Exception | None) -> None:
            if head is not self._head or self._wanted != wanted:
                return
            if error is not None:
                self.near.say(str(error) if isinstance(error, Problem) else f"Not found ({type(error).__name__})")
            elif result is None:
                self._encode(str(state.folder), head)
            else:
                self._near.update(zip(alone, result, strict=True))
                while len(self._near) > KEPT:
                    self._near.popitem(last=False)
                self._draw(bool(dataset.tie[pair]))

        self.desk.reading.ask(NEAR, work, answered)

    def _encode(self, folder: str, head: Checkpoint) -> None:
        """Have the worker encode all responses; then the pairs nearest to those that are shown are looked for again."""

        def ended(said: str = "") -> None:
            self._encoding = None
            state = self.desk.state
            if said:
                self.near.say(said)
            elif self._wanted != (-1, -1) and state.focus is not None:
                self.show(state, state.focus)

        self._encoding = self.desk.jobs.order(
            "Encoding responses", "rmexplorer.workflows.encoding", "encode_folder", (folder, str(head_file(head))),
            done=lambda _: ended(), failed=lambda problem: ended(str(problem)), minor=True,
            cancelled=lambda: ended("This was cancelled; it is looked for again with another pair."),
            each=lambda progress: self.near.say(f"Encoding responses first: {progress.done:,} of {progress.total:,}"))

    def _drop(self) -> None:
        run, self._encoding = self._encoding, None
        if run is not None:
            self.desk.jobs.drop(run)

    def forget(self) -> None:
        """Nothing is wanted any more: what is computed now stops at its next beat."""
        self._wanted = (-1, -1)
        for key in (KEY, NEAR):
            self.desk.reading.withdraw(key)
        self._drop()
        self.near.hide()

    def _draw(self, tie: bool) -> None:
        one, two = (self._near.get(row) for row in self._wanted)
        self.near.show_pairs(one, two, ("First", "Second") if tie else ("Chosen", "Rejected"))
        first, second = (self._kept.get((row, self.method.choice.current())) for row in self._wanted)
        if first is None or second is None:
            self.said("Weighing words …", "", "")
            return
        self.view.set_attribution(first.pieces, second.pieces)
        largest = max((first, second), key=lambda one: abs(one.pieces[one.strongest][1]) if one.pieces else 0.0)
        self.said(largest.sentence(), first.made_of(), second.made_of())
