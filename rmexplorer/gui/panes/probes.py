"""Which edits move the reward though they should not? One row an edit, and examples with what it put in marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from rmexplorer import wording
from rmexplorer.app.desk import Desk
from rmexplorer.app.jobs import Run
from rmexplorer.app.own_probes import active_probes, known_beliefs
from rmexplorer.app.state import State
from rmexplorer.app.training import head_file
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.plots import ForestPlot
from rmexplorer.gui.probe_editing import Editing
from rmexplorer.gui.probe_examples import ExampleList
from rmexplorer.gui.probe_rows import ColumnNames, forest_row, in_order
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Card, GhostButton, LinkButton, SecondaryButton, label
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows.edits import Probe, Sycophancy
from rmexplorer.workflows.probing import drawn_pairs, encode_probes, read_result, result_path, sycophancy_line

FORMULA = (
    "Each edit is made to responses of prompts that the head has not learnt from (at most 400 prompts, four responses "
    "of each), and the head scores them anew. Change: mean of reward after − before, over the standard deviation of "
    "rewards within a prompt; interval by bootstrap over prompts. Flips: share of pairs whose order changes when the "
    "edit is made to the rejected response. p: the mean change against zero, by its error over prompts and by what the "
    "choice of words is worth by chance, measured with 200 sentences of other responses put at the end; texts that the "
    "encoder takes for the same edit count as one. q: Benjamini–Hochberg over all edits. ▲: not as expected. A finding is "
    "about this head: that the annotators wanted it does not follow."
)
NAMES, RIGHT, ROW, LOW_ROW, NARROW, LOW = 196, 156, 32, 30, 700, 720
MOST_PAIRS = 20_000  # an order carries no more rows
WAITING = "Edits that should not change a reward wait to be tried."


@dataclass(frozen=True, eq=False)
class Found:
    """What is known for a head and a set of probes: the result (None: not computed yet), and the order for the worker."""

    head: str
    chosen: str
    probes: tuple[Probe, ...]
    result: dict[str, Any] | None


def asked_pairs(state: State) -> np.ndarray | None:
    """The pairs that pass filter and scope; None where these are the held-out ones that are probed anyway."""
    if state.dataset is None or state.rewards is None or state.shown is None:
        return None
    held = state.rewards.heldout
    usual = held if held.any() else np.ones(len(state.dataset), bool)
    return None if np.array_equal(state.shown, usual) else state.shown


def looked_up(dataset: Dataset, checkpoint: Checkpoint, probes: tuple[Probe, ...], beliefs: Sycophancy | None,
              shown: np.ndarray | None) -> Found:
    """The kept result of these probes on the pairs shown, if there is one."""
    pairs = None if shown is None else drawn_pairs(dataset, np.flatnonzero(shown))[:MOST_PAIRS].tolist()
    head, chosen = str(head_file(checkpoint)), encode_probes(probes, beliefs, pairs)
    path = result_path(dataset.fingerprint, head, chosen)
    return Found(head, chosen, probes, read_result(path) if path.exists() else None)


@pane
class ProbesPane(Pane):
    """Edits as rows with what they did, and examples of the one that is selected."""

    name = "probes"
    title = "Probes"
    question = "Which edits move the reward though they should not?"
    icon = "flask-conical"
    group = "Inspect"
    order = 4
    reads = frozenset({"dataset", "checkpoint", "matching", "scope"})
    remedy = ("Train a head", "train_or_pause")
    result: Found | None

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        self.run: Run | None = None
        self.shown: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] = []
        self._fresh = True
        self._of: Any = None
        self._model = self._head = ""
        self._was_low = False
        super().__init__(desk, parent)

    def build(self) -> None:
        """The forest plot, and the examples below it."""
        self.header.set_headline(WAITING)
        self.header.set_computed(FORMULA, "rmexplorer probe FILE --model MODEL --json")
        self.new = SecondaryButton("New probe", "plus")
        self.editing = Editing(self.desk, self)
        self.editing.changed.connect(self._changed_probes)
        self.new.clicked.connect(lambda: self.editing.write(None, self.new))
        self.all = GhostButton("Edits", "list")
        self.all.setToolTip("Which edits are run, templates of beliefs, files")
        self.all.clicked.connect(lambda: self.editing.menu().popup(self.all.mapToGlobal(QPoint(0, self.all.height()))))
        self.again = GhostButton("Run", "play")
        self.again.clicked.connect(self.run_or_cancel)
        self.header.add_action(self.new)
        self.header.add_action(self.all)
        self.header.add_action(self.again)
        self.card = Card("Change in reward by edit", "hill: all responses, dot: mean with 95% CI, ▲ not as expected")
        self.card.add_tool("file-down", "Export as CSV", self.export)
        self.card.add_tool("copy", "Copy the table", self.copy)
        self.plot = ForestPlot("Change in reward by edit", -1.0, 1.0, title="Reward after minus before, within-prompt SD →",
                               name_width=NAMES, right_width=RIGHT, row_height=ROW)
        self.plot.rowSelected.connect(self._row_selected)
        self.plot.rowActivated.connect(self._row_activated)
        self.plot.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.plot.list.customContextMenuRequested.connect(self._menu)
        self.card.add(ColumnNames(self.plot))
        self.card.add(self.plot, 1)
        self.flattery = label("", "secondary", "small", wrap=True)
        self.flattery.setAccessibleName("Sycophancy")
        self.card.add(self.flattery)
        self.body.addWidget(self.card, 1)
        self.example_card = Card("Examples")
        self.flips = LinkButton("")
        self.flips.clicked.connect(self.select_flips)
        self.change = LinkButton("Edit probe")
        self.change.clicked.connect(self._change)
        self.example_card.add_header(self.change)
        self.example_card.add_header(self.flips)
        self.examples = ExampleList()
        self.examples.shown.connect(self._look)
        self.example_card.add(self.examples)
        self.body.addWidget(self.example_card)
        self.example_card.hide()

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs a head that scores edited text: scores of a file are not enough."""
        if state.dataset is None:
            return "Open a dataset first."
        if state.checkpoint is None:
            scores = ", and scores of a file cannot do that" if state.rewards is not None else ""
            return f"Probes score edited responses{scores}. Train a head."
        return ""

    @property
    def settled(self) -> bool:
        """Whether everything is drawn and no probe runs."""
        return super().settled and self.run is None

    def probes(self) -> tuple[Probe, ...]:
        """The probes that come with the program and those of the project, but those that are switched off."""
        return active_probes(self.desk)

    # Refresh

    def prepare(self, state: State) -> Callable[[], Found] | None:
        """Look for a result that was kept."""
        dataset, checkpoint = state.dataset, state.checkpoint
        if dataset is None or checkpoint is None:
            return None
        if self._of is not dataset:
            self._of, self._fresh, self.shown = dataset, True, None
            self._cancel()
        probes, beliefs, shown = self.probes(), known_beliefs(self.desk), asked_pairs(state)
        return lambda: looked_up(dataset, checkpoint, probes, beliefs, shown)

    def draw(self, result: Found | None) -> None:
        """Show the kept result; where there is none run the probes the first time, later offer it."""
        if result is None:
            return
        if self.run is not None:
            self._cancel()
        shown = self.desk.state.shown
        if shown is not None and not shown.any():
            self._no_pairs()
        elif result.result is not None:
            self._fresh = False
            self.show_result(result.result)
        elif self.shown is None and self._fresh:
            self._fresh = False
            self.start()
        elif self.shown is None:
            self._nothing()
        else:
            self._stale()

    def _no_pairs(self) -> None:
        self.header.set_headline("No pair passes the filter, so there is no response to edit.")
        self.header.set_method("")
        self.example_card.hide()
        self.card.show_empty("Edits are made to responses of the pairs that are shown.", "Clear the filter",
                             lambda: self.desk.set_query(""))
        self.shown = None
        self._buttons()

    def _nothing(self) -> None:
        self.header.set_headline(WAITING)
        self.header.set_method("")
        self.example_card.hide()
        count = len(self.result.probes) if self.result is not None else 0
        self.card.show_empty(f"{wording.counted(count, 'edit')} to be made to held-out responses.", "Run probes", self.start)
        self._buttons()

    def _stale(self) -> None:
        self.header.set_headline(self._headline, stale=True)
        same = self.result is not None and self.result.head == self._head
        of = "other pairs or edits" if same else self._model
        self.card.show_stale(f"Computed for {of}" if of else "Before the change", self.start)
        self.example_card.show_stale("Before the change", self.start)
        self._buttons()

    def set_stale(self, stale: bool) -> None:
        """A look into the cache does not make a result old; whether it is old is said in `draw`."""

    # The run

    def run_or_cancel(self) -> None:
        """Run the probes, or end the run."""
        if self.run is not None:
            self._cancel()
        else:
            self.start()

    def start(self) -> None:
        """Run all probes in the worker process."""
        state, found = self.desk.state, self.result
        if found is None or state.folder is None or self.run is not None or state.shown is None or not state.shown.any():
            return
        of = state.dataset
        model = state.rewards.name if state.rewards is not None else ""
        run = self.desk.jobs.order(
            "Probing", "rmexplorer.workflows.probing", "probe_folder", (str(state.folder), found.head, found.chosen),
            done=lambda path: self._done(path, found, of, model), failed=self._failed, cancelled=self._cancelled,
            each=lambda _: self._beat())
        self.run = run
        if self.shown is None:
            self.card.show_loading("Probing")
            self.example_card.hide()
        self._buttons()

    def _cancel(self) -> None:
        if self.run is not None:
            run, self.run = self.run, None
            self.desk.jobs.cancel(run)
            self._buttons()

    def _beat(self) -> None:
        run = self.run
        if run is None or self.shown is not None:
            return
        parts = [run.progress.note or "Probing"]
        if run.progress.total:
            parts.append(f"{run.progress.done:,} of {run.progress.total:,}")
        if run.rate:
            parts.append(f"{run.rate:,.0f} a second")
        if run.left is not None:
            parts.append(f"{run.left:.0f} s left")
        self.card.show_loading(" · ".join(parts))

    def _done(self, path: str, found: Found, of: Any, model: str) -> None:
        self.run = None
        if self.desk.state.dataset is not of:
            return
        try:
            result = read_result(path)
        except Problem as problem:
            self._failed(problem)
            return
        current = self.result
        if current is None or (current.head, current.chosen) != (found.head, found.chosen):
            if self.shown is None:
                self._nothing()
            self._buttons()
            return
        self.result = Found(found.head, found.chosen, found.probes, result)
        self.show_result(result)

    def _failed(self, problem: Problem) -> None:
        self.run = None
        self.card.show_error(problem, self.desk.last_crash, "Run again", self.start)
        if self.shown is None:
            self.header.set_headline("The probes could not be run.")
        self._buttons()

    def _cancelled(self) -> None:
        self.run = None
        self._buttons()
        if self.shown is None:
            self._nothing()

    def _buttons(self) -> None:
        running = self.run is not None
        self.again.setText("Cancel" if running else "Run again" if self.shown is not None else "Run")
        self.again.icon_name = "x" if running else "refresh-cw" if self.shown is not None else "play"
        self.again.setAccessibleName(f"{self.again.text()} probes" if not running else "Cancel the probes")
        self.again.updateGeometry()

    # Drawing

    def show_result(self, result: dict[str, Any]) -> None:
        """Headline, rows, and the examples of the strongest finding."""
        self.shown, rewards = result, self.desk.state.rewards
        self._model = rewards.name if rewards is not None else ""
        self._head = self.result.head if self.result is not None else ""
        self._headline = result["headline"]
        self.header.set_headline(self._headline)
        query = self.desk.state.query
        self.header.set_method(wording.method_line(result["method"], f"filter: {query}" if query else ""))
        self.rows = in_order(result["probes"])
        # an edit that deletes everything, as expected, does not set the scale
        reach = max([0.5, *(1.25 * abs(end) for row in self.rows if row["surprising"] for end in row["ci"] or ())])
        drawn = [forest_row(row) for row in self.rows]
        self.plot.set_rows(drawn, -reach, reach)
        self._say_flattery()
        self.card.show_ready()
        self.example_card.show_ready()
        self.example_card.show()
        names = [row["name"] for row in self.rows]
        self.select(names.index(result["strongest"]) if result["strongest"] in names else 0)
        self._buttons()

    @property
    def low(self) -> bool:
        """Whether there is room for a few lines only."""
        return self.height() < px(LOW)

    def _say_flattery(self) -> None:
        if self.shown is not None:
            whole = sycophancy_line(self.shown)
            self.flattery.setText(whole.split(". Of the prompt")[0] + "." if self.low and ". Of the prompt" in whole else whole)
            self.flattery.setToolTip(whole)

    def select(self, place: int) -> None:
        """Select a row and show its examples."""
        self.plot.select(place)
        self._row_selected(place)

    def _row_selected(self, place: int) -> None:
        if not 0 <= place < len(self.rows):
            return
        row = self.rows[place]
        self.example_card.set_title(row["title"])
        moves = [one["after"] - one["before"] for one in row["examples"]]
        last = "went furthest the other way" if moves and min(moves) < 0 < max(moves) else "moved least"
        self.example_card.set_subtitle(f"those that moved most, and the one that {last}" if len(moves) > 3
                                       else "responses that it changes")
        count = len(row["flipped_pairs"])
        self.flips.setText(f"Select the {wording.counted(count, 'pair')} it flips" if count else "")
        self.flips.setVisible(bool(count))
        self.flips.updateGeometry()
        self.change.setText("Edit probe" if row["own"] else "Edit a copy")
        self.change.updateGeometry()
        self.examples.put(row["examples"], 2 if self.low else 4)

    @property
    def current(self) -> dict[str, Any] | None:
        """The probe that is selected."""
        place = self.plot.list.currentIndex().row()
        return self.rows[place] if 0 <= place < len(self.rows) else None

    def _row_activated(self, place: int) -> None:
        self._row_selected(place)
        self.select_flips()

    def select_flips(self) -> None:
        """Select the pairs whose order the edit turns."""
        row = self.current
        if row is not None and row["flipped_pairs"]:
            self.select_rows(np.array(row["flipped_pairs"]), f"flipped: {row['title'][:1].lower()}{row['title'][1:]}",
                             QGuiApplication.keyboardModifiers())

    def _look(self, pair: int) -> None:
        if pair >= 0:
            self.desk.look_at(pair)
            self.desk.ui.open_inspector()
        else:
            self.desk.notice.emit("This is a text of your own probe, no response of the dataset")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow pane leaves the axis its room, a low one the rows."""
        super().resizeEvent(event)
        if self.low != self._was_low:
            self._was_low = self.low
            self.plot.delegate.row_height = LOW_ROW if self.low else ROW
            if (row := self.current) is not None:
                self._say_flattery()
                self.examples.put(row["examples"], 2 if self.low else 4)
        narrow = self.width() < px(NARROW)
        names, right = (142, 150) if narrow else (NAMES, RIGHT)
        if self.plot.name_width != names:
            self.plot.name_width, self.plot.shape.right = names, right
            place = max(0, self.plot.list.currentIndex().row())
            self.plot.set_rows(self.plot.model.rows)
            if self.rows:
                self.plot.select(place)

    # Probes of a person's own

    def selected_probe(self) -> Probe | None:
        """The probe of the selected row."""
        row, found = self.current, self.result
        if row is None or found is None:
            return None
        return next((probe for probe in found.probes if probe.name == row["name"]), None)

    def _changed_probes(self) -> None:
        """Run anew with the probes as they are now."""
        self._cancel()
        state = self.desk.state
        if state.dataset is not None and state.checkpoint is not None and state.shown is not None:
            self.result = looked_up(state.dataset, state.checkpoint, self.probes(), known_beliefs(self.desk), asked_pairs(state))
            if self.result.result is not None:
                self.show_result(self.result.result)
            else:
                self.start()

    def _change(self) -> None:
        """Edit the selected probe, or a copy of one built in."""
        probe = self.selected_probe()
        if probe is not None and probe.kind == "pairs":
            self._menu_of(self.change.mapToGlobal(QPoint(0, self.change.height())))
        else:
            self.editing.write(probe, self.change)

    def _menu(self, at: QPoint) -> None:
        index = self.plot.list.indexAt(at)
        if index.isValid():
            self.select(index.row())
            self._menu_of(self.plot.list.viewport().mapToGlobal(at))

    def _menu_of(self, at: QPoint) -> None:
        self.editing.menu(self._entries).popup(at)

    def _entries(self, menu: QMenu) -> None:
        """What can be done with the selected row."""
        row, probe = self.current, self.selected_probe()
        flips = menu.addAction("Select the pairs it flips", self.select_flips)
        flips.setEnabled(row is not None and bool(row["flipped_pairs"]))
        if probe is not None:
            if probe.kind != "pairs":
                menu.addAction("Edit probe" if probe.own else "Edit a copy", lambda: self.editing.write(probe, self.change))
            menu.addAction(f"Do not run “{probe.shown}”", lambda: self.editing.switch(probe.name, False))
            if probe.own:
                menu.addAction(f"Delete probe “{probe.shown}”", lambda: self.editing.delete(probe.name))
        menu.addSeparator()

    # Out

    def as_table(self, by: str) -> str:
        """The rows as text, a column a key, parted by `by`."""
        keys = ("name", "n", "mean_change", "ci", "raised", "flips", "p", "q", "expected", "seen", "surprising")
        lines = [by.join("low" + by + "high" if key == "ci" else key for key in keys)]
        for row in self.rows:
            cells = [part for key in keys for part in ((row["ci"] or ("", "")) if key == "ci" else (row[key],))]
            lines.append(by.join("" if cell is None else str(cell) for cell in cells))
        return "\n".join(lines) + "\n"

    def copy(self) -> None:
        """Put the table on the clipboard."""
        QGuiApplication.clipboard().setText(self.as_table("\t"))
        self.desk.notice.emit("Copied the table of probes")

    def export(self) -> None:
        """Write the table as CSV."""
        path = self.desk.ui.choose_save("Export the table", "probes.csv", "CSV (*.csv)")
        if path:
            try:
                Path(path).write_text(self.as_table(","), encoding="utf-8")
                self.desk.notice.emit(f"Wrote {Path(path).name}")
            except OSError as error:
                self.desk.report(Problem(f"{path}: cannot be written ({error.strerror})", "choose another place"))
