"""The small cards of Length & style: accuracy by length difference, and style at equal length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from rmexplorer.analysis.length_style import SIMILAR, LengthGroup, LengthStyle
from rmexplorer.analysis.style_effects import StyleEffect, StyleEffects, telling
from rmexplorer.gui.plots import (
    FigureCard,
    ForestMark,
    ForestPlot,
    ForestRow,
    LineCurve,
    MarkLegend,
    PlotCard,
    ReferenceLine,
    WhiskerPoints,
)
from rmexplorer.gui.plots.export import WidgetDrawing
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import IconButton
from rmexplorer.gui.widgets.reward_strip import round_steps
from rmexplorer.wording import DASH, FEW_PAIRS, between, bracket, counted, number, style, too_few

FEATURES = (5, 8)  # at least and at most so many rows; as many as there is room for
FEWEST_BINS = 4  # fewer finer bins than this say no more than the three groups
SPREAD = 0.3  # of a column's width on each side that its finer bins take
WIDE = 380  # px of card from which texts are written out
NAMES_WIDE = 320  # px of card from which columns have their full names
ONE_LINE = 154  # px of a column from which length only and the count share a line
TWO_LINES = 112  # px of plot from which the count stands below the values


@dataclass(frozen=True, eq=False)
class Spot:
    """One estimate of the accuracy plot: where it stands, its group, the pairs behind it, and what it is called."""

    x: float
    group: LengthGroup
    rows: np.ndarray
    name: str
    fine: bool


def spots(found: LengthStyle, members: list[np.ndarray]) -> list[Spot]:
    """The three groups at 0, 1, 2, and the finer bins within the column of their middle; `members` by length_groups."""
    kept = [
        Spot(float(column), group, rows, group.name, False)
        for column, (group, rows) in enumerate(zip(found.groups, members[:3], strict=True))
        if group.accuracy.value is not None and group.accuracy.n
    ]
    if len(found.bins) < FEWEST_BINS:
        return kept
    columns = [0 if one.middle <= -SIMILAR else 2 if one.middle >= SIMILAR else 1 for one in found.bins]
    for column in range(3):
        here = [place for place, of in enumerate(columns) if of == column]
        for order, place in enumerate(here):
            x = column + SPREAD * (2 * (order + 0.5) / len(here) - 1)
            kept.append(Spot(x, found.bins[place], members[3 + place], times_as_long(found.bins[place]), True))
    return sorted(kept, key=lambda spot: (spot.x, spot.fine))


def times_as_long(group: LengthGroup) -> str:
    """A bin of the length difference in words: chosen 1.20–1.65 times as long."""
    low, high = math.exp(group.low), math.exp(group.high)
    return f"chosen {between(low, high)} times as long" if high > low else f"chosen {number(low)} times as long"


class LengthAccuracyCard(PlotCard):
    """Accuracy where the chosen response is shorter, similar or longer, beside that of length only on the same pairs.

    `chosen` gives (rows of these pairs, name).
    """

    chosen = Signal(object, str)

    def __init__(self) -> None:
        super().__init__("Accuracy by length difference", "", "↑ Accuracy, 95% CI", "", grid="y")
        self.view.set_zoomable(False)
        self.view.axis("bottom").set_ticks([])
        self.spots: list[Spot] = []
        self.coarse: list[Spot] = []
        self.fine: list[Spot] = []
        self.points: WhiskerPoints | None = None
        self.bins: WhiskerPoints | None = None
        self.line: LineCurve | None = None
        self.at = -1
        self.header.setMinimumWidth(px(160))
        self.tool_copy.hide()  # in the menu, and Ctrl+C
        self.found: LengthStyle | None = None
        self._name_columns()

    def show_groups(self, found: LengthStyle, spots: list[Spot], context: str) -> None:
        """Draw everything anew."""
        self.spots, self.at, self.found = spots, -1, found
        self.coarse = [spot for spot in spots if not spot.fine]
        self.fine = [spot for spot in spots if spot.fine]
        view = self.view
        view.clear_items()
        view.add(ReferenceLine(0.5))
        self.line = LineCurve([spot.x for spot in self.fine], self._values(self.fine), token="neutral_fill", width=1.25)
        view.add(self.line, bounds=False)
        self.bins = self._marks(self.fine, "circle", "neutral", 5.0)
        self.points = self._marks(self.coarse, "square", "text", 10.0)
        self._lay_out()
        self.describe(found.headline(), context)
        self.set_table({
            "group": [spot.name for spot in spots], "accuracy": [spot.group.accuracy.value for spot in spots],
            "low": [spot.group.accuracy.low for spot in spots], "high": [spot.group.accuracy.high for spot in spots],
            "n": [spot.group.accuracy.n for spot in spots], "length_only": [spot.group.length_only for spot in spots],
        })

    def _values(self, spots: list[Spot], part: str = "value") -> np.ndarray:
        values = [getattr(spot.group.accuracy, part) for spot in spots]
        return np.array([np.nan if value is None else value for value in values], float)

    def _marks(self, spots: list[Spot], symbol: str, token: str, size: float) -> WhiskerPoints:
        marks = WhiskerPoints(
            [spot.x for spot in spots], self._values(spots), self._values(spots, "low"), self._values(spots, "high"),
            symbol, token, size, tips=lambda place: tip(spots[place]),
        )
        marks.reach = 9.0 if symbol == "circle" else 14.0
        marks.clicked.connect(lambda place: self.press(spots[place]))
        self.view.add(marks, bounds=False)
        return marks

    def _lay_out(self) -> None:
        """The range, with room above the marks for a row of values (and counts), which stand over their columns."""
        view = self.view
        if self.found is None:
            return
        values = np.concatenate([
            *(self._values(some, part) for some in (self.coarse, self.fine) for part in ("low", "high", "value")),
            [0.5],
        ])
        values = values[np.isfinite(values)]
        low, high = float(values.min()), float(values.max())
        height = max(view.height() - px(24), px(50))
        column = max(view.width() - px(view.left_width) - px(6), px(60)) / 3
        one_line = column >= px(ONE_LINE)
        counts = height >= px(TWO_LINES) and not one_line
        wide = max(high - low, 0.15)
        low -= 0.06 * wide
        room = px(54 if counts else 38)
        top = high + (high - low) * room / max(height - room, px(20))
        view.set_range((-0.5, 2.5), (low, top))
        view.axis("left").set_ticks([
            (value, f"{value:.1f}" if abs(10 * value - round(10 * value)) < 1e-6 else f"{value:.2f}")
            for value in round_steps(low, min(high, 1.0) + 1e-9, 4)
        ])
        view.labels.clear()
        for spot in self.coarse:
            view.add_label(number(spot.group.accuracy.value), spot.x, top, "text", "below", 600, boxed=False, gap=0)
            alone = number(spot.group.length_only)
            beside = f"length only {alone} · n = {spot.group.accuracy.n:,}" if one_line else f"length {alone}"
            view.add_label(beside if column >= px(76) else f"({alone})", spot.x, top, "text2", "below", boxed=False, gap=17)
            if counts:
                view.add_label(f"n = {spot.group.accuracy.n:,}", spot.x, top, "text2", "below", boxed=False, gap=33)
        view.name_line("coin flip", 0.5, 2.5, [item for item in (self.line, self.bins, self.points) if item is not None])

    def _name_columns(self) -> None:
        chosen = "chosen " if self.width() >= px(NAMES_WIDE) else ""
        self.view.axis("bottom").set_ticks([(0, f"{chosen}shorter"), (1, "similar"), (2, f"{chosen}longer")])
        self.set_titles("↑ Accuracy, 95% CI" if chosen else "↑ Accuracy (length only)", "")
        self.title_label.setText("Accuracy by length difference" if chosen else "Accuracy by length")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card has shorter names below its columns."""
        super().resizeEvent(event)
        self._name_columns()
        self.tool_picture.setVisible(self.width() >= px(NAMES_WIDE))
        QTimer.singleShot(0, self, self._lay_out)  # once the plot has its size

    def press(self, spot: Spot) -> None:
        """Ask for the pairs of an estimate."""
        self.at = self.spots.index(spot)
        self.chosen.emit(spot.rows, spot.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from estimate to estimate, Enter selects its pairs."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if not self.view.hasFocus() or not self.spots:
            super().keyPressEvent(event)
        elif step:
            self.at = min(max(self.at + step, 0), len(self.spots) - 1)
            self.ring(self.at)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.at >= 0:
            self.press(self.spots[self.at])
        else:
            super().keyPressEvent(event)

    def ring(self, at: int) -> None:
        """Ring one estimate; −1 none."""
        spot = self.spots[at] if at >= 0 else None
        for marks, held in ((self.points, self.coarse), (self.bins, self.fine)):
            if marks is not None:
                marks.select(held.index(spot) if spot is not None and spot in held else -1)

    def mark(self, selected: np.ndarray | None) -> None:
        """Ring the estimate whose pairs are exactly those selected: (these pairs,) bool, None without a selection."""
        if selected is None:
            self.ring(-1)
            return
        count = int(np.count_nonzero(selected))
        self.ring(next(
            (place for place, spot in enumerate(self.spots)
             if spot.group.accuracy.n == count and np.array_equal(spot.rows, selected)), -1,
        ))


def tip(spot: Spot) -> list[str]:
    """Lines of the tooltip of an estimate."""
    accuracy = spot.group.accuracy
    return [
        f"Accuracy {number(accuracy.value)} {bracket('95% CI ' + between(accuracy.low, accuracy.high))}",
        f"Length only {number(spot.group.length_only)}",
        spot.name, f"n = {counted(accuracy.n, 'pair')}", "Click to select them",
    ]


class StyleCard(FigureCard):
    """Style features, people ○ against the model ■. `chosen` gives the name of the feature of the row activated; `adding`
    asks for the sheet of a person's own."""

    chosen = Signal(str)
    adding = Signal()

    def __init__(self) -> None:
        super().__init__("Style at equal length")
        self.own: tuple[str, ...] = ()
        self.tool_add = IconButton("plus", "Your own features", size=15)
        self.tool_add.clicked.connect(self.adding)
        self.tools_row.insertWidget(0, self.tool_add)
        self.forest = ForestPlot("Style at equal length", -0.5, 0.5, title="Change in log-odds of winning →", name_width=168, row_height=23)
        self.forest.installEventFilter(self)
        self.forest.rowActivated.connect(lambda place: self.chosen.emit(self.names[place]))
        self.names: list[str] = []
        self.found: StyleEffects | None = None
        self.tool_copy.hide()  # in the menu, and Ctrl+C
        self.legends = [MarkLegend((("people", "labels"), ("model", "model"))) for _ in range(2)]
        self.set_legend(self.legends[0])
        self.narrow_row = QWidget()
        row = QHBoxLayout(self.narrow_row)
        row.setContentsMargins(0, 0, 0, px(2))
        row.addWidget(self.legends[1])
        row.addStretch()
        self.narrow_row.hide()
        self.body.insertWidget(0, self.narrow_row)
        self.body.insertWidget(1, self.forest, 1)
        self.header.setMinimumWidth(px(160))

    @property
    def rare(self) -> tuple[str, ...]:
        """A person's own features that differ in too few pairs to say anything."""
        return tuple(name for name in self.own if self.found is not None and name in self.found.left_out)

    def drawing(self) -> Any:
        """What pictures show: the forest."""
        return WidgetDrawing(self.forest)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card has its legend below the header, and less room for names."""
        super().resizeEvent(event)
        narrow = self.width() < px(WIDE)
        self.legends[0].setVisible(not narrow)
        self.narrow_row.setVisible(narrow)
        self.forest.shape.name = 138 if narrow else 168
        self.forest.axis.title = "Log-odds of winning →" if narrow else "Change in log-odds of winning →"
        self.tool_picture.setVisible(not narrow)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """As many rows as there is room for, whenever the forest has another size."""
        if watched is self.forest and event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self._fill_room)
        return super().eventFilter(watched, event)

    def _room(self) -> int:
        """How many rows there is room for."""
        rows = (self.forest.height() - self.forest.axis.sizeHint().height()) // px(self.forest.delegate.row_height)
        return min(max(rows, FEATURES[0]), FEATURES[1])

    def _fill_room(self) -> None:
        if self.found is not None and len(self.names) != len(telling(self.found.effects, self._room(), self.own)):
            current = self.forest.list.currentIndex().row()
            self._show_rows(self.found)
            if 0 <= current < len(self.names):
                self.forest.select(current)

    def show_effects(self, found: StyleEffects, context: str, own: tuple[str, ...] = ()) -> None:
        """Draw the features that tell most, and those of a person's own that differ in enough pairs."""
        self.found, self.own = found, own
        if not found.effects:
            few = found.pairs < FEW_PAIRS
            self.show_empty(too_few(found.pairs) if few else "No style feature differs between the responses of these pairs.")
            return
        self._show_rows(found)
        self.describe(found.headline(), context)
        self.forest.list.setAccessibleDescription(f"{found.headline()} Enter selects the pairs that differ most in a feature.")
        sample = "" if found.pairs == found.of else f"sample: {counted(found.pairs)}"
        self.set_subtitle(f"{len(self.rare)} too rare" if self.rare else sample)
        self.show_ready()

    def _show_rows(self, found: StyleEffects) -> None:
        effects = telling(found.effects, self._room(), self.own)
        self.names = [effect.name for effect in effects]
        ends = [
            abs(end) for effect in effects for part in (effect.people, effect.model)
            for end in (part.low, part.high) if end is not None
        ]
        limit = min(max(ends, default=0.1), 3.0) * 1.05
        lows = [end for effect in effects for end in (effect.people.low, effect.model.low) if end is not None]
        highs = [end for effect in effects for end in (effect.people.high, effect.model.high) if end is not None]
        low, high = max(min([-0.1 * limit, *lows]) * 1.05, -limit), min(max([0.1 * limit, *highs]) * 1.05, limit)
        self.forest.set_rows([row(effect) for effect in effects], low, high)
        self.set_table({
            "feature": self.names,
            **{f"{side}_{part}": [getattr(getattr(effect, side), part) for effect in effects]
               for side in ("people", "model", "gap") for part in ("value", "low", "high")},
            "gap_q": [effect.gap_q for effect in effects],
        })

    def select(self, name: str) -> None:
        """Show a feature as the current row."""
        if name in self.names:
            self.forest.select(self.names.index(name))


def row(effect: StyleEffect) -> ForestRow:
    """One feature as a row: name, both estimates, and in its tooltip the difference and q-values."""
    name = style(effect.name)
    gap = f"{number(effect.gap.value, signed=True)} {bracket(between(effect.gap.low, effect.gap.high))}"
    clear = "" if effect.gap_q < 0.05 else ", no clear difference"
    values = ", ".join(
        f"{who} {number(one.value, signed=True)} {bracket('95% CI ' + between(one.low, one.high))}"
        for who, one in (("labels", effect.people), ("model", effect.model)))
    tip = (
        f"{name}: {values}\nmodel {DASH} labels: {gap}{clear}\n"
        f"q: labels {number(effect.people_q, 3)}, model {number(effect.model_q, 3)}, difference {number(effect.gap_q, 3)}"
    )
    marks = (ForestMark.of(effect.people, "people"), ForestMark.of(effect.model))
    return ForestRow(name[:1].upper() + name[1:], marks=marks, tip=tip)
