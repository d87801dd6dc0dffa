"""The pane: reads, build, draw, mark. The only refresh logic of the program; hidden panes do no work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from rmexplorer.app.commands import COMMANDS
from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Cancelled
from rmexplorer.app.state import State
from rmexplorer.gui.brushing import brush_of
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.widgets import Card, EmptyState, ErrorStrip, PaneHeader
from rmexplorer.problem import Problem
from rmexplorer.registry import Registry

PaneType = TypeVar("PaneType", bound="type[Pane]")
PANES: Registry[type[Pane]] = Registry("pane", "rmexplorer.gui.panes")
SELECTION = frozenset({"selection", "focus", "marks"})


def pane(cls: PaneType) -> PaneType:
    """Register a pane under its name."""
    PANES.add(cls.name, cls)
    return cls


class Pane(QWidget):
    """One page of the window. A subclass names itself and has the verbs below; everything else happens here.

    build()               make the cards, once, into `self.body` (a QVBoxLayout)
    prepare(state)        a function without arguments that computes the result from columns of the state, in the thread
                          of figures, or None where there is nothing to compute (then draw(None) is called)
    draw(result)          show a result; set the headline from it
    mark(state)           show selection, focus and marks on what is drawn
    inspects              whether the inspector stands open beside it until a person closes it
    previews              whether it shows the first pairs of a file while the rest is read, and any number of them
    also_asks             keys of figures besides that are asked for by `draw`; they too are given up when the pane
                          is left or computes anew
    why_empty(state)      '' where the pane can be shown, else one sentence, and in `remedy` the command that mends it
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    question: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    group: ClassVar[str] = "Inspect"
    order: ClassVar[int] = 0
    reads: frozenset[str] = frozenset({"dataset", "rewards", "matching", "scope"})
    remedy: ClassVar[tuple[str, str]] = ("", "")
    framed: ClassVar[bool] = True
    inspects: ClassVar[bool] = True
    previews: ClassVar[bool] = False
    also_asks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk = desk
        self.setObjectName("pane")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(self.title)
        self._dirty = True
        self._marks_dirty = True
        self._waiting = False
        self._headline = ""
        self.result: Any = None
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        content = QWidget()
        outer = QVBoxLayout(content)
        space = themes.metrics.pane_padding if self.framed else 0
        outer.setContentsMargins(space, px(14) if self.framed else 0, space, space)
        outer.setSpacing(0)
        self.header = PaneHeader(self.title, self.question)
        self.error = ErrorStrip()
        self.error.hide()
        self.error.acted.connect(self.compute_again)
        if self.framed:
            outer.addWidget(self.header)
        outer.addWidget(self.error)
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        outer.addLayout(self.body, 1)
        self._stack.addWidget(content)
        self._mend = self.remedy
        self.empty = EmptyState("", self.remedy[0], self.icon or "info")
        self.empty.acted.connect(lambda: self.run_command(self._mend[1]))
        self._stack.addWidget(self.empty)
        self.build()
        self._loading = QTimer(self)
        self._loading.setSingleShot(True)
        self._loading.setInterval(300)
        self._loading.timeout.connect(self.show_waiting)
        desk.session.changed.connect(self._changed)

    # The verbs of a subclass

    def build(self) -> None:
        """Make the cards."""
        raise TypeError(f"{type(self).__name__} builds nothing")

    def prepare(self, state: State) -> Callable[[], Any] | None:
        """What to compute for this state."""
        return None

    def draw(self, result: Any) -> None:
        """Show a result."""

    def mark(self, state: State) -> None:
        """Show selection and focus on what is drawn."""

    @classmethod
    def why_empty(cls, state: State) -> str:
        """Why this pane cannot be shown now, '' where it can."""
        return "" if state.dataset is not None else "Open a dataset first."

    @classmethod
    def why_not_now(cls, state: State) -> str:
        """As `why_empty`; a pane that needs all pairs waits while a file is read, and is not for too many."""
        return state.waits if state.waits and not cls.previews else cls.why_empty(state)

    def set_finding(self, result: Any, split: str = "") -> None:
        """Headline and method line from a result that has `headline()` and `method(split)`."""
        self._headline = result.headline()
        self.header.set_headline(self._headline)
        self.header.set_method(result.method(split))

    def set_stale(self, stale: bool) -> None:
        """Show old results as old while new ones are computed."""
        if self._headline:
            self.header.set_headline(self._headline, stale)
        for card in self.findChildren(Card):
            if stale and self.result is not None:
                card.show_stale("Before the change")
            elif not stale and card.is_stale():
                card.show_ready()

    # Refresh

    def run_command(self, name: str) -> None:
        """Run a command by its name."""
        if name:
            COMMANDS[name].run(self.desk)

    def _changed(self, state: State, names: frozenset[str]) -> None:
        if names & self.reads or "partial" in names:
            self._dirty = True
        if names & SELECTION or names & self.reads:
            self._marks_dirty = True
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what changed while hidden."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """What is still computed here gives way to the pane that is looked at."""
        super().hideEvent(event)
        if not event.spontaneous() and any([self.desk.compute.withdraw(key) for key in (self.name, *self.also_asks)]):
            self._waiting, self._dirty = False, True
            self._loading.stop()

    def compute_again(self) -> None:
        """Compute and draw anew, when the pane is looked at."""
        self._dirty = True
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Compute and draw what is not up to date."""
        state = self.desk.state
        if self._dirty:
            self._dirty = False
            why = self.why_not_now(state)
            if why:
                self._mend = self.remedy if state.dataset is not None else ("Open the demo", "open_demo")
                if state.waits:
                    self._mend = ("Take a sample", "take_sample") if state.too_many else ("", "")
                self.empty.set_text(why, self._mend[0])
                self._stack.setCurrentIndex(1)
                self.result = None
                return
            self._stack.setCurrentIndex(0)
            function = self.prepare(state)
            if function is None:
                self._show(None, None)
                return
            self._waiting = True
            self._loading.start()
            for key in self.also_asks:
                self.desk.compute.withdraw(key)  # of what is drawn now; it would only be in the way
            self.desk.compute.ask(self.name, function, self._show, self.title)
        elif self._marks_dirty and not self._waiting and self._stack.currentIndex() == 0:
            self._marks_dirty = False
            self.mark(state)

    def show_waiting(self) -> None:
        """Say that what is drawn is old, once computing takes long enough to notice."""
        if self._waiting:
            self.set_stale(True)

    def _show(self, result: Any, error: Exception | None) -> None:
        self._waiting = False
        self._loading.stop()
        if isinstance(error, Cancelled):
            self.set_stale(True)  # what is drawn stays that of before
            self.error.show_problem(error, button="Compute again")
            return
        self.set_stale(False)
        if error is not None:
            problem = (
                error
                if isinstance(error, Problem)
                else Problem(
                    f"{self.title} could not be computed ({type(error).__name__}: {error})",
                    "copy the details and report it",
                )
            )
            self.error.show_problem(problem)
            return
        self.error.hide()
        self.result = result
        self.draw(result)
        self._marks_dirty = False
        self.mark(self.desk.state)

    @property
    def settled(self) -> bool:
        """Whether everything is drawn and nothing is computed."""
        return not self._dirty and not self._waiting

    def select_rows(
        self, rows: Any, origin: str, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Select pairs by their rows; Shift adds, Alt takes away."""
        self.desk.select_rows(rows, brush_of(modifiers), origin)
