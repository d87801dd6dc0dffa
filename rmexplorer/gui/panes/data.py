"""Data: what is in the dataset. Facets, the pairs as table and cards, what was skipped, the dataset card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu

from rmexplorer.analysis.dataset_card import DatasetCard
from rmexplorer.app.state import Selection, State
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.facets import REWARDS, Facet, facet, facet_columns, toggled
from rmexplorer.data.formats import FORMATS
from rmexplorer.data.limits import MOST_PAIRS, SAMPLED
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.gui.facets import FacetPanel
from rmexplorer.gui.pair_list import PairList
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.popover import Popover
from rmexplorer.gui.preview_strip import PreviewStrip
from rmexplorer.gui.quality import QualitySheet
from rmexplorer.gui.summary import Summary, summarise
from rmexplorer.gui.table import Orders, frame_view, sort_title, sort_values
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Chip, GhostButton, Segmented
from rmexplorer.wording import counted
from rmexplorer.workflows import sorting
from rmexplorer.workflows.columns import SUBSET_COLUMNS, Columns, columns, run

FORMULA = (
    "Chosen is the longer one: the share of decided pairs whose chosen text has more characters, white space at both "
    "ends stripped; equal lengths count as not longer. Ties are kept aside. Its 95% interval takes pairs of one prompt "
    "together."
)
MARKED = ("starred", "noted")
FEATURE_KINDS = ("most", "gap")  # how pairs are sorted by a feature: by the higher one, or chosen less rejected


@dataclass(frozen=True, eq=False)
class Listing:
    """What the pane draws. rows: (n,) the pairs in order; counts: what the filter keeps of each facet, or None."""

    dataset: Dataset
    frame: pl.DataFrame
    rows: np.ndarray
    sort: tuple[str, bool]
    reach: float
    facets: tuple[Facet, ...]
    counts: dict[str, np.ndarray | None]
    query: str
    filtered: bool
    summary: Summary | None
    values: np.ndarray | None = None


class Facts:
    """What the thread of figures keeps of a dataset between two drawings, so that a filter costs only counting."""

    def __init__(self) -> None:
        self.orders = Orders()
        self._facets: dict[str, tuple[object, Facet | None]] = {}
        self._reach: tuple[object, float] = (None, 1.0)
        self._valued: tuple[object, str, tuple[OwnFeature, ...]] = (None, "", ())
        self._values: np.ndarray | None = None

    def facets(self, state: State, frame: pl.DataFrame) -> tuple[Facet, ...]:
        """The facets of all columns; each is binned once for its dataset, rewards or marks."""
        found = []
        for name in facet_columns(frame):
            key: object = state.rewards if name in REWARDS else state.marks if name in MARKED else state.dataset
            if name not in self._facets or self._facets[name][0] is not key:
                self._facets[name] = (key, facet(frame, name))
            made = self._facets[name][1]
            if made is not None:
                found.append(made)
        return tuple(found)

    def values(self, given: Columns | None, frame: pl.DataFrame, key: str) -> np.ndarray | None:
        """What `key` sorts by where it is a feature or a column of numbers, the same array as long as it is the same."""
        own = given.own if given is not None else ()
        if self._valued[0] is not frame or self._valued[1:] != (key, own):
            by_feature = key.partition(":")[0] in FEATURE_KINDS
            features = sorting.measured(given, key.partition(":")[2]) if given is not None and by_feature else None
            self._valued, self._values = (frame, key, own), sort_values(frame, key, features)
        return self._values

    def reach(self, frame: pl.DataFrame) -> float:
        """The margin at the 98th percentile, which fills the bar of a row."""
        if self._reach[0] is not frame:
            known = frame["margin"].fill_nan(None).abs().quantile(0.98) if "margin" in frame.columns else None
            self._reach = (frame, float(known) if known else 1.0)
        return self._reach[1]


ORIGIN = "chosen in Data"


@pane
class Data(Pane):
    """The dataset: its pairs, its columns, what was skipped."""

    name, title, question, icon = "data", "Data", "What is in the dataset?", "database"
    group, order = "Build", 1
    reads = frozenset({"dataset", "rewards", "columns", "matching", "query", "marks"})
    previews = True

    def build(self) -> None:
        """Facets at the left, pairs at the right."""
        self.sort = ("pair", False)
        self._resorted = False
        self._facts = Facts()
        self._card: tuple[Dataset | None, DatasetCard | None] = (None, None)
        self._card_waits = False
        self.popover: Popover | None = None
        self.left_out = Chip("", icon="eye-off", closable=True)
        self.left_out.setToolTip("Left out of every pane and of training; press × to include them again")
        self.left_out.clicked.connect(self.show_quality)
        self.left_out.closed.connect(self.desk.include_all)
        self.left_out.hide()
        self.criterion = QComboBox()
        self.criterion.setAccessibleName("Label used")
        self.criterion.activated.connect(lambda _: self.desk.opening.use_criterion(str(self.criterion.currentData())))
        self.criterion.hide()
        self.quality = GhostButton("Quality", "circle-check")
        self.quality.clicked.connect(self.show_quality)
        self.quality.hide()
        self.desk.quality.changed.connect(self._show_quality_button)
        self.warnings = GhostButton("Warnings", "triangle-alert")
        self.warnings.clicked.connect(self.show_warnings)
        self.skipped = GhostButton("Skipped", "list")
        self.skipped.clicked.connect(self.show_skipped)
        self.export = GhostButton("Export", "file-down", "Ctrl+E")
        self.export.clicked.connect(lambda: self.run_command("export_pairs"))
        self.which = Segmented((("all", "All"), ("selected", "Selected")), name="Pairs listed")
        self.which.changed.connect(lambda _: self._again())
        self.which.hide()
        self._selection: Selection | None = None
        self._drawn: Dataset | None = None
        self._scrolled: int | None = None
        self.header.add_action(self.which)
        for button in (self.left_out, self.criterion, self.quality, self.warnings, self.skipped, self.export):
            self.header.add_action(button)
        row = QHBoxLayout()
        row.setSpacing(px(12))
        self.facets = FacetPanel()
        self.facets.filtered.connect(self.desk.set_query)
        self.pairs = PairList()
        self.pairs.resorted.connect(self.set_sort)
        self.pairs.viewed_as.connect(self._viewed_as)
        self.pairs.source_chosen.connect(self._filter_source)
        self.table, self.rows = self.pairs.table, self.pairs.model
        self.table.looked.connect(self.desk.look_at)
        self.table.opened.connect(self._open)
        self.table.starred.connect(self._star)
        self.table.picked.connect(lambda rows, modifiers: self.select_rows(rows, ORIGIN, modifiers))
        self.table.asked.connect(self._menu)
        self.preview = PreviewStrip(self.desk)
        self.body.addWidget(self.preview)
        row.addWidget(self.facets)
        row.addWidget(self.pairs, 1)
        self.body.addLayout(row, 1)

    # Refresh

    def prepare(self, state: State) -> Callable[[], Listing] | None:
        """Sort, filter and count in the thread of figures."""
        dataset, frame = state.dataset, self.desk.filter_frame()
        if dataset is None:
            return None
        if self.sort[0] in ("margin", "certainty") and "margin" not in frame.columns:
            self.sort = ("pair", False)
        kind, _, name = self.sort[0].partition(":")
        given = state.columns
        self.pairs.features = () if given is None else sorting.feature_names(given)
        if kind == "column" and name not in frame.columns:
            self.sort = ("pair", False)
        if kind in FEATURE_KINDS and not (given is not None and sorting.is_measured(given, name)):
            self.sort = ("pair", False)
        sort, view, facts = self.sort, self.pairs.view, self._facts
        self._follow_selection(state)
        listed = state.matching
        if self.which.current() == "selected" and state.selection.mask is not None:
            listed = state.selection.mask if listed is None else state.selection.mask & listed

        def compute() -> Listing:
            assert dataset is not None and state.frame is not None
            mask = listed
            facets = facts.facets(state, frame)
            summary = None
            if view == "summary":
                part = columns(dataset) if mask is None else columns(dataset).take(mask)
                summary = summarise(dataset, state.frame, run("dataset_card", of_some(part)), mask)
            values = facts.values(given, state.frame, sort[0])
            return Listing(
                dataset,
                state.frame,
                facts.orders.rows(state.frame, mask, *sort, values),
                sort,
                facts.reach(state.frame),
                facets,
                {one.column: None if mask is None else one.count(mask) for one in facets},
                state.query,
                mask is not None,
                summary,
                values,
            )

        return compute

    def _follow_selection(self, state: State) -> bool:
        """A selection made in another pane is what is listed; one made here goes on being made in the whole list.

        Returns whether other pairs are to be listed now.
        """
        if state.selection is self._selection:
            return False
        before = self.which.current()
        self._selection = state.selection
        self.which.setVisible(state.selection.mask is not None)
        if state.selection.mask is None:
            self.which.set_current("all")
        elif state.selection.origin != ORIGIN:
            self.which.set_current("selected")
        return "selected" in (before, self.which.current())

    def draw(self, result: Any) -> None:
        """Show facets and rows; the headline follows where it has to be computed first."""
        if result is None:
            return
        listing: Listing = result
        self.facets.show_facets(listing.facets, listing.counts, listing.query)
        going_on = self._drawn is not None and self._drawn.path == listing.dataset.path and self._drawn is not listing.dataset
        scrolled = self.table.verticalScrollBar().value()
        self.pairs.show_rows(listing.frame, listing.rows, listing.sort, listing.reach, listing.filtered, listing.values)
        self._scrolled = scrolled if going_on else None  # all pairs stand where their first ones were
        self._drawn = listing.dataset
        self._set_order()
        if listing.summary is not None:
            self.pairs.summary.show_summary(listing.summary, self.header.headline.text)
        if listing.filtered and not len(listing.rows):
            if self.desk.state.excluded is not None and not self.desk.state.query:
                self.pairs.show_empty("The pairs listed are left out.", "Include all pairs", self.desk.include_all)
            elif listing.query:
                self.pairs.show_empty("No pair passes this filter.", "Clear filter", lambda: self.desk.set_query(""))
            else:
                self.pairs.show_empty("No pair is selected.", "Clear selection", self.desk.clear)
        else:
            self.pairs.show_ready()
        self._show_buttons(listing.dataset)
        self._show_card(listing.dataset)

    def mark(self, state: State) -> None:
        """Show focus, selection, stars and notes in the rows."""
        self.rows.marks = state.marks
        self.rows.selected = state.selection.mask
        self.table.show_focus(state.focus)
        if self._resorted and isinstance(self.result, Listing) and self.result.sort == self.sort:
            self._resorted = False
            self.table.scrollToTop()  # who sorts wants the first ones, wherever the pair in the inspector went
        elif self._scrolled is not None:
            self.table.verticalScrollBar().setValue(self._scrolled)
        self._scrolled = None
        if self._follow_selection(state):
            self._again()

    @property
    def settled(self) -> bool:
        """Whether everything is drawn, the headline too."""
        return super().settled and not self._card_waits

    def showEvent(self, event: QShowEvent) -> None:
        """Next and previous follow this list again."""
        super().showEvent(event)
        self._set_order()

    def _set_order(self) -> None:
        if isinstance(self.result, Listing) and self.isVisible() and self.result.dataset is self.desk.state.dataset:
            self.desk.order = self.result.rows

    def _show_card(self, dataset: Dataset) -> None:
        if self._card[0] is dataset:
            return
        self._card = (dataset, None)
        self._card_waits = True
        self.set_stale(False)
        self._headline = ""
        self.header.set_headline(f"{counted(len(dataset), 'pair')} from {counted(dataset.prompts.height, 'prompt')}.")
        self.header.set_method(" · ".join((dataset.name, read_as(dataset))))
        if (partial := self.desk.state.partial) is not None:  # no claim from what stands first in a file
            self._card_waits = False
            self.header.set_headline(f"Preview: {partial.what}.")
            return
        self.desk.compute.ask(
            "data card",
            lambda: run("dataset_card", of_some(columns(dataset))),
            lambda card, error: self._card_made(dataset, card, error),
        )

    def _card_made(self, dataset: Dataset, card: DatasetCard | None, error: Exception | None) -> None:
        self._card_waits = False
        if error is not None:
            raise error
        if card is None or self.desk.state.dataset is not dataset:
            return
        self._card = (dataset, card)
        self._headline = card.headline()
        self.header.set_headline(self._headline)
        said = [part for part in card.method().split(" · ")[1:] if not part.startswith("length in")]
        if self.desk.state.too_many:
            said.insert(0, f"of {counted(len(dataset))} pairs, those drawn at random")
        self.header.set_method(" · ".join((dataset.name, read_as(dataset), *said)))
        why = f"{read_as(dataset).capitalize()}: {dataset.why}." if dataset.why else ""
        self.header.set_computed(
            "\n\n".join(part for part in (why, FORMULA) if part), f"rmexplorer info {dataset.path}"
        )

    # What a person does

    def set_sort(self, key: str, descending: bool) -> None:
        """Sort the pairs by pair, words, length_ratio, margin or certainty; by `column:` a column of numbers; by `most:`
        or `gap:` a feature of the responses, which is measured first, in a job, where that has not been done."""
        dataset, given = self.desk.state.dataset, self.desk.state.columns
        kind, _, name = key.partition(":")

        def sort(_: object = None) -> None:
            if self.desk.state.dataset is dataset:
                self.sort, self._resorted = (key, descending), True
                self._again()

        if given is None or kind not in FEATURE_KINDS or sorting.is_measured(given, name):
            sort()
        else:
            self.desk.jobs.start(
                f"Measuring {sort_title(key).lower()}", sorting.measuring(given, name), done=sort, failed=self.desk.report
            )

    def _viewed_as(self, view: str) -> None:
        if view == "summary":
            self._again()

    def _again(self) -> None:
        self._dirty = True
        self.refresh()

    def _open(self, pair: int) -> None:
        self.desk.look_at(pair)
        self.desk.ui.open_inspector()

    def _star(self, pair: int) -> None:
        self.desk.look_at(pair)
        self.desk.marks.toggle_star()

    def _filter_source(self, value: str) -> None:
        frame = self.desk.state.frame
        column = next((name for name in SUBSET_COLUMNS if frame is not None and name in frame.columns), "")
        if column and value:
            self.desk.set_query(toggled(self.desk.state.query, column, value))

    def _menu(self, pair: int, place: QPoint) -> None:
        state, row = self.desk.state, self.rows.row(self.rows.place(pair))
        menu = QMenu(self)
        menu.setAccessibleName(f"Pair {pair + 1:,}")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        inside = state.selection.mask is not None and bool(state.selection.mask[pair])
        shift, alt = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier
        actions: list[tuple[str, Callable[[], object]]] = [
            ("Inspect", lambda: self._open(pair)),
            ("Star or unstar", lambda: self._star(pair)),
            (
                "Take out of the selection" if inside else "Add to the selection",
                lambda: self.select_rows([pair], ORIGIN, alt if inside else shift),
            ),
            ("Copy pair", lambda: self.run_command("copy_pair")),
        ]
        if row.source:
            actions.append((f"Filter to {row.source}", lambda: self._filter_source(row.source)))
        for title, act in actions:
            menu.addAction(title).triggered.connect(lambda _=False, act=act: act())
        menu.popup(place)

    # Header

    def _show_buttons(self, dataset: Dataset) -> None:
        for button, name, count in (
            (self.warnings, "Warnings", len(dataset.warnings)),
            (self.skipped, "Skipped", dataset.skipped.height),
        ):
            button.setText(f"{name} ({count:,})")
            button.setVisible(count > 0)
            button.updateGeometry()
        self._show_criterion(dataset)
        self.export.setVisible(self.desk.state.partial is None)
        if self.desk.state.partial is None:
            self.desk.quality.look(dataset)
        self._show_quality_button()

    def _show_criterion(self, dataset: Dataset) -> None:
        self.criterion.setVisible(len(dataset.criteria) > 1)
        if [self.criterion.itemData(place) for place in range(self.criterion.count())] != list(dataset.criteria):
            self.criterion.clear()
            for name in dataset.criteria:
                self.criterion.addItem(f"Label: {name.replace('_', ' ')}", name)
        self.criterion.setCurrentIndex(self.criterion.findData(dataset.criterion))
        self.criterion.setToolTip(
            f"Rows of this file have several labels; {dataset.criterion} is used. Another one opens the file again."
        )

    def _show_quality_button(self) -> None:
        state = self.desk.state
        findings = self.desk.quality.of(state.dataset)
        self.quality.setVisible(findings is not None)
        if findings is not None:
            self.quality.setText(f"Quality ({len(findings)})")
            self.quality.updateGeometry()
        out = 0 if state.excluded is None else int(state.excluded.sum())
        self.left_out.setVisible(out > 0)
        self.left_out.set_text(f"{counted(out)} left out")
        self.header.set_question(self.question)

    def show_quality(self) -> None:
        """List the findings of data quality."""
        findings = self.desk.quality.of(self.desk.state.dataset)
        if findings is None:
            return
        self.popover = QualitySheet(self.desk, findings, self)
        self.popover.destroyed.connect(self._forget)
        self.popover.show_under(self.quality)
        if self.popover.rows:
            self.popover.rows[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def show_warnings(self) -> None:
        """List what the readers had to say."""
        dataset = self.desk.state.dataset
        if dataset is None:
            return
        self.popover = Popover("Warnings", 420, self)
        for warning in dataset.warnings:
            self.popover.add_text(f"{warning[:1].upper()}{warning[1:]}" + ("" if warning.endswith(".") else "."))
        self.popover.destroyed.connect(self._forget)
        self.popover.show_under(self.warnings)

    def show_skipped(self) -> None:
        """List every record that was not kept, with the reason."""
        dataset = self.desk.state.dataset
        if dataset is None:
            return
        reasons = dataset.skipped["reason"].value_counts(sort=True).rows()
        self.popover = Popover(f"{counted(dataset.skipped.height, 'record')} skipped", 640, self)
        self.popover.add_text(" · ".join(f"{count:,} {str(reason).replace('_', ' ')}" for reason, count in reasons))
        shown = dataset.skipped.select(
            pl.col("record") + 1, "line", pl.col("reason").str.replace_all("_", " "), "detail"
        )
        if shown["line"].null_count() == shown.height:
            shown = shown.drop("line")
        view = frame_view(shown, name="Skipped records")
        view.setFixedHeight(px(min(340, 40 + 28 * shown.height)))
        self.popover.body.addWidget(view)
        self.popover.destroyed.connect(self._forget)
        self.popover.show_under(self.skipped)
        view.setFocus()

    def _forget(self) -> None:
        self.popover = None


def read_as(dataset: Dataset) -> str:
    """How the file was understood: read as HH-RLHF transcripts."""
    known = FORMATS[dataset.format].title if dataset.format in FORMATS else dataset.format
    return f"read as {known}"


def of_some(whole: Columns) -> Columns:
    """These pairs, of very many a sample."""
    return whole.sample(SAMPLED) if whole.pairs > MOST_PAIRS else whole
