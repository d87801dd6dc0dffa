"""The dataset card: counts, lengths, ties, sources with how often the chosen response is longer, and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from rmexplorer.analysis.dataset_card import DatasetCard
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.people import People, people
from rmexplorer.gui.plots import ForestMark, ForestPlot, ForestRow, PlotCard, StepHistogram
from rmexplorer.gui.theme import px, set_role, themes
from rmexplorer.gui.widgets import Mark, NumberStrip, hairline, label
from rmexplorer.wording import between, counted, number, percent, with_interval

BINS = 40
MOST_SOURCES = 12
NARROW = 460  # px of width below which less stands side by side
X_SHORT, X_TITLE = "Words →", "Words in the response; the last step holds all longer ones →"


@dataclass(frozen=True, eq=False)
class Summary:
    """What is shown. edges: (bins + 1,) words; chosen, rejected: (bins,) pairs; reasons: (why, how many) skipped."""

    card: DatasetCard
    people: People
    edges: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    reasons: tuple[tuple[str, int], ...]


def summarise(dataset: Dataset, frame: pl.DataFrame, card: DatasetCard, mask: np.ndarray | None) -> Summary:
    """The summary of the pairs of `mask` (pairs,) bool, of all where it is None; ties are left out of the lengths."""
    inside = ~dataset.tie if mask is None else mask & ~dataset.tie
    words = [frame[name].to_numpy()[inside] for name in ("words_chosen", "words_rejected")]
    most = float(np.quantile(np.concatenate(words), 0.99)) if inside.any() else 1.0
    step = max(1, round(most / BINS))
    edges = np.arange(0, max(most, 2) + 2 * step, step, dtype=float)
    counts = [np.histogram(np.minimum(one, edges[-1] - 0.5), edges)[0] for one in words]
    reasons = dataset.skipped["reason"].value_counts(sort=True).rows()
    return Summary(
        card,
        people(dataset, mask),
        edges,
        counts[0],
        counts[1],
        tuple((str(reason).replace("_", " "), int(count)) for reason, count in reasons),
    )


class SummaryView(QScrollArea):
    """The dataset card as a page. `source_chosen(name)` when a person opens a source."""

    source_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Dataset card")
        page = QWidget()
        set_role(page, "scrolled")
        column = QVBoxLayout(page)
        side = themes.metrics.card_padding_x
        column.setContentsMargins(side, px(10), side, px(12))
        column.setSpacing(px(10))
        self.numbers = [NumberStrip(), NumberStrip()]
        self._strips = QHBoxLayout()
        self._strips.setSpacing(px(16))
        self._between = QFrame()
        self._between.setProperty("role", "line")
        self._between.setFixedWidth(1)
        for part in (self.numbers[0], self._between, self.numbers[1]):
            self._strips.addWidget(part, 0 if part is self._between else 1)
        column.addLayout(self._strips)
        column.addWidget(hairline())
        self.lengths = PlotCard(
            "Words a response",
            "",
            "↑ Pairs",
            "Words in the response; the last step holds all longer ones →",
            y_kind="count",
        )
        self.lengths.setProperty("role", "")  # no card within a card: no frame, and in line with the rest
        for margins in (self.lengths.outer, self.lengths.header_row, self.lengths.body):
            margins.setContentsMargins(0, 0, 0, 0)
        self.lengths.setMinimumHeight(px(220))
        self._legend = legend()
        self.lengths.set_legend(self._legend)
        column.addWidget(self.lengths, 3)
        self.forest_title = label("Chosen response is the longer one, by source", font_role="title")
        column.addWidget(self.forest_title)
        self.forest = ForestPlot(
            "Chosen response is the longer one, by source",
            0.0,
            1.0,
            0.5,
            "Share of pairs, 95% intervals →",
            right_width=104,
            kind="percent",
            name_width=120,
        )
        self.forest.rowActivated.connect(lambda place: self.source_chosen.emit(self._sources[place]))
        column.addWidget(self.forest, 2)
        self.facts = label("", "secondary", "small", wrap=True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.facts)
        column.addStretch(1)
        self.setWidget(page)
        self._sources: list[str] = []

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Numbers stand in two rows and the plot goes without its legend where the card is narrow."""
        super().resizeEvent(event)
        narrow = self.width() < px(NARROW)
        self._strips.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._between.setVisible(not narrow)
        self._legend.setVisible(not narrow)
        self.lengths.set_titles(
            "↑ Pairs, ● chosen and ◆ rejected" if narrow else "↑ Pairs", X_SHORT if narrow else X_TITLE
        )

    def show_summary(self, summary: Summary, headline: str) -> None:
        """Show a summary; `headline` goes with exported pictures."""
        card = summary.card
        ties = f"{card.ties:,} ties aside" if card.ties else "no ties"
        each = f"{number(card.pairs / card.prompts, 1)} pairs each" if card.prompts else ""
        interval = f"95% CI {between(card.chosen_longer.low, card.chosen_longer.high, shares=True)}"
        self.numbers[0].set_numbers([("Pairs", f"{card.pairs:,}", ties), ("Prompts", f"{card.prompts:,}", each)])
        self.numbers[1].set_numbers(
            [
                ("Responses", f"{card.responses:,}", f"{card.empty_responses:,} empty"),
                ("Chosen longer", percent(card.chosen_longer.value), interval if card.pairs else ""),
            ]
        )
        self._show_lengths(summary, headline)
        self._show_sources(card)
        self.facts.setText("\n".join(facts(summary)))

    def _show_lengths(self, summary: Summary, headline: str) -> None:
        view = self.lengths.view
        view.clear_items()
        card = summary.card
        for name, counts in (("chosen", summary.chosen), ("rejected", summary.rejected)):
            view.add(StepHistogram(summary.edges, counts, name))
        view.stand_on_zero()
        view.set_range(y=(0, 1.12 * max(1, int(summary.chosen.max()), int(summary.rejected.max()))))
        medians = (number(value, 0) for value in (card.chosen_words_median, card.rejected_words_median))
        self.lengths.set_subtitle("medians " + " and ".join(medians))
        self.lengths.describe(headline, counted(card.pairs, "pair"))
        self.lengths.set_table(
            {
                "words from": summary.edges[:-1],
                "words to": summary.edges[1:],
                "chosen": summary.chosen,
                "rejected": summary.rejected,
            }
        )

    def _show_sources(self, card: DatasetCard) -> None:
        sources = card.sources[:MOST_SOURCES]
        self._sources = [source.name for source in sources]
        rows = [
            ForestRow(
                source.name or "(none)",
                marks=(ForestMark.of(source.chosen_longer, "people"),),
                right=f"{source.pairs:,} pairs",
            )
            for source in sources
            if source.chosen_longer.value is not None
        ]
        for part in (self.forest, self.forest_title):
            part.setVisible(bool(rows))
        self.forest.set_rows(rows)
        more = len(card.sources) - len(sources)
        self.forest_title.setText(
            "Chosen response is the longer one, by source" + (f" (the {len(sources)} largest)" if more else "")
        )


def legend() -> QWidget:
    """● Chosen and ◆ Rejected, for the header of a card."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, px(8), 0)
    row.setSpacing(px(4))
    for kind in ("chosen", "rejected"):
        row.addWidget(Mark(kind, 8))
        row.addWidget(label(kind.capitalize(), kind, "small"))
    return made


def facts(summary: Summary) -> list[str]:
    """The rest of the card in sentences."""
    said, judged, card = [], summary.people, summary.card
    if card.equal_length:
        said.append(f"In {counted(card.equal_length, 'pair')} both responses have the same length.")
    if judged.annotators or judged.several:
        by = f" by {counted(judged.annotators, 'annotator')}" if judged.annotators else ""
        said.append(f"{counted(judged.votes, 'vote')}{by}.")
    if judged.several:
        said.append(
            f"On {counted(judged.several, 'pair')} with several votes, all agree in "
            f"{with_interval(judged.unanimous, shares=True)}."
        )
    if summary.reasons:
        said.append("Skipped: " + ", ".join(f"{count:,} {reason}" for reason, count in summary.reasons) + ".")
    return said
