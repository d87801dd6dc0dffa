"""Cards of the Fixes pane: reward against length before and after, and what the fix changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from rmexplorer.analysis.fix_comparison import Change, FixComparison
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import Brush
from rmexplorer.gui.fix_data import FixesDrawn, Line, Panel
from rmexplorer.gui.plots import (
    DensityImage,
    FigureCard,
    ForestMark,
    ForestPlot,
    ForestRow,
    HexItem,
    Label,
    LineCurve,
    MarkLegend,
    PlotCard,
    PointItem,
    ShareLegend,
    inside,
)
from rmexplorer.gui.plots.export import WidgetDrawing
from rmexplorer.gui.plots.item import Floats
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import Segmented, label
from rmexplorer.wording import between, bracket, counted, number

MOST_POINTS, MOST_HEXAGONS = 2_000, 50_000
WIDE_FOREST = 470  # px of card from which before → after has its own column
LEGEND = 300  # px of card from which the legend has room
TOOLS = 430  # px of card from which it has tools besides its menu
MOST_ROWS = 8  # accuracies: all, equal length, and so many sources less two
LOW = 400  # px of height below which the changes have no titles and lower rows
GROUPS = (("accuracy", "Accuracy", 0.02), ("pull", "Pull of length", 0.05), ("calibration", "Calibration", 0.01))


class FixScatterCard(PlotCard):
    """Reward against length under one head. A click inspects, a brush selects the pairs of the responses within."""

    def __init__(self, desk: Desk, title: str) -> None:
        super().__init__(title, "", "↑ Reward", "Characters, log scale →", "log2", "number", "both", 32)
        self.desk = desk
        self.drawn: FixesDrawn | None = None
        self.panel: Panel | None = None
        self.marks: PointItem | HexItem | DensityImage | None = None
        self._cycle: tuple[bytes, int] = (b"", -1)
        self._legend: bool | None = None
        self._slope: Label | None = None
        self.tool_copy.hide()
        self.header.setMinimumWidth(px(160))
        self.view.set_tool("rectangle")
        self.view.pressed.connect(self._pressed)
        self.view.brushed.connect(self._brushed)

    def show_panel(self, drawn: FixesDrawn, panel: Panel, name: str, other: Line | None, context: str) -> None:
        """Draw the head; `other` is the line before the fix, dashed."""
        self.drawn, self.panel, self._cycle, self._slope = drawn, panel, (b"", -1), None
        view = self.view
        view.clear_items()
        self.set_titles(f"↑ Reward, {name}", "Characters, log scale →")
        self.marks = self._make(drawn, panel)
        view.add(self.marks, bounds=False)
        if other is not None:
            view.add(LineCurve(other.x, other.y, width=1.5, style="dash"), bounds=False)
        text = ""
        if panel.line is not None:
            line = panel.line
            view.add(LineCurve(line.x, line.y, line.low, line.high, width=2.2, over_marks=True), bounds=False)
            text = self._slope_text(line, True)
            self._name_slope()
            if other is not None and abs(other.y[-1] - line.y[-1]) > 0.06 * (drawn.y[1] - drawn.y[0]):
                view.add_label("before", float(other.x[-1]), float(other.y[-1]), "text2", "left", gap=4)
        view.set_range(drawn.x, drawn.y)
        self.set_subtitle(counted(len(drawn.length), "response"))
        self._show_legend(True)
        self.describe(f"{self.title_label.text()}: {text}", context)
        self.set_table({"pair": drawn.pair + 1, "log2_characters": drawn.length, "reward": panel.reward,
                        "chosen_share": drawn.share})

    def _slope_text(self, line: Line, whole: bool) -> str:
        unit = " per doubling" if whole else ""
        return f"{number(line.slope.value, signed=True)}{unit} {bracket(between(line.slope.low, line.slope.high))}"

    def _name_slope(self) -> None:
        """The slope at the top of the plot, shorter where the card is narrow."""
        labels = self.view.labels.labels
        if self._slope is not None and self._slope in labels:
            labels.remove(self._slope)
        self._slope = None
        if self.panel is not None and self.drawn is not None and self.panel.line is not None:
            text = self._slope_text(self.panel.line, self.width() >= px(LEGEND))
            middle = sum(self.drawn.x) / 2
            self._slope = self.view.add_label(text, middle, self.drawn.y[1], "text", "below", 600, gap=2)

    def _make(self, drawn: FixesDrawn, panel: Panel) -> PointItem | HexItem | DensityImage:
        if len(drawn.length) <= MOST_POINTS:
            points = PointItem(drawn.length, panel.reward, (drawn.share < 0.5).astype(int),
                               (("circle", "chosen"), ("diamond", "rejected")), size=6.0, tips=self._tip)
            points.clicked.connect(lambda place: self._inspect(np.array([place])))
            return points
        if len(drawn.length) <= MOST_HEXAGONS:
            return HexItem(drawn.length, panel.reward, drawn.share)
        return DensityImage(drawn.length, panel.reward, drawn.share)

    def _tip(self, place: int) -> list[str]:
        if self.drawn is None or self.panel is None:
            return []
        return [f"reward {number(float(self.panel.reward[place]), signed=True)}",
                counted(round(2 ** float(self.drawn.length[place])), "character"),
                f"pair {int(self.drawn.pair[place]) + 1:,}"]

    def _show_legend(self, anew: bool = False) -> None:
        wide = self.width() >= px(LEGEND)
        if self.marks is None or (wide is self._legend and not anew):
            return
        self._legend = wide
        crowded = wide and self.width() < px(TOOLS) and not isinstance(self.marks, PointItem)
        self.subtitle_label.setVisible(not crowded)  # the legend of hexagons needs the room
        if not wide:
            self.set_legend(QWidget())
        elif isinstance(self.marks, PointItem):
            self.set_legend(MarkLegend((("chosen", "chosen"), ("rejected", "rejected"))))
        else:
            self.set_legend(ShareLegend(""))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card has no legend: its neighbour's colours are the same."""
        super().resizeEvent(event)
        self._show_legend()
        self._name_slope()
        self.tool_picture.setVisible(self.width() >= px(TOOLS))

    def mark(self, mask: np.ndarray | None) -> None:
        """Fade responses whose pairs are not selected; `mask` (all pairs,)."""
        if self.marks is not None and self.drawn is not None:
            self.marks.set_mask(None if mask is None else mask[self.drawn.pair])

    def _pressed(self, point: QPointF, event: Any) -> None:
        if isinstance(self.marks, PointItem):
            place = self.marks.nearest(event.scenePos())
            points = np.array([place] if place >= 0 else [], np.int64)
        else:
            points = np.zeros(0, np.int64) if self.marks is None else self.marks.points_at(event.scenePos())
        if points.size:
            self._inspect(points)

    def _inspect(self, points: np.ndarray) -> None:
        """Inspect the pair of a response; pressed again, of the next one there."""
        if self.drawn is not None:
            key = points.tobytes()
            place = (self._cycle[1] + 1) % len(points) if key == self._cycle[0] else 0
            self._cycle = key, place
            self.desk.look_at(int(self.drawn.pair[points[place]]))

    def _brushed(self, polygon: Floats, how: Brush) -> None:
        if self.drawn is not None and self.panel is not None:
            pairs = self.drawn.pair[inside(polygon, self.drawn.length, self.panel.reward)]
            self.desk.select_rows(pairs, how, f"reward against length, {self.title_label.text().lower()}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter selects the pairs of the responses in view: zoom with + and arrows, then this."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.view.hasFocus():
            self._brushed(self.view.in_view(), "replace")
        else:
            super().keyPressEvent(event)


class ChangesCard(FigureCard):
    """Paired differences after − before, a forest for each kind of figure. `chosen` gives the name of the row activated."""

    chosen = Signal(str)
    paged = Signal(str)  # figures or probes

    def __init__(self) -> None:
        super().__init__("What changed", "after − before, 95% CI; filled: excludes 0")
        self.tool_copy.hide()
        self.header.setMinimumWidth(px(160))
        self.comparison: FixComparison | None = None
        self.rows: dict[str, list[Change]] = {}
        self.titles: dict[str, QLabel] = {}
        self.forests: dict[str, ForestPlot] = {}
        for kind, title, _ in GROUPS:
            self.titles[kind] = label(title, "secondary", "small")
            forest = ForestPlot(f"{title}, after minus before", -0.1, 0.1, name_width=104, right_width=136, row_height=23)
            forest.rowActivated.connect(lambda place, kind=kind: self.chosen.emit(self.rows[kind][place].name))
            self.forests[kind] = forest
        for place, (kind, *_rest) in enumerate(GROUPS):
            self.body.insertWidget(2 * place, self.titles[kind])
            self.body.insertWidget(2 * place + 1, self.forests[kind], 1)
        self.page = Segmented((("figures", "Figures"), ("probes", "Probes")), "figures", "What is compared")
        self.page.changed.connect(self._turn)
        self.add_header(self.page)
        self.probes = ForestPlot("Probes, before and after", -0.1, 0.1, title="Change of reward, within-prompt SD, 95% CI →",
                                 name_width=168, right_width=104, row_height=25)
        self.probes.hide()
        self.body.insertWidget(2 * len(GROUPS), self.probes, 1)
        self._context = ""

    def drawing(self) -> Any:
        """What pictures show: the forests."""
        return WidgetDrawing(self.content)

    @property
    def shows_probes(self) -> bool:
        """Whether the page of probes is in sight."""
        return self.page.current() == "probes"

    def _turn(self, page: str) -> None:
        self._arrange()
        if page == "figures" and self.comparison is not None:
            self.show_comparison(self.comparison, self._context)
            self.show_ready()
        self.paged.emit(page)

    def _arrange(self) -> None:
        """Show the parts of the page that is in sight."""
        self.probes.setVisible(self.shows_probes)
        low = self.height() < px(LOW)
        for kind, forest in self.forests.items():
            there = not self.shows_probes and bool(self.rows.get(kind))
            forest.setVisible(there)
            self.titles[kind].setVisible(there and not low)
        wide = self.width() >= px(WIDE_FOREST)
        said = "before ○, after ■" if self.shows_probes else "after − before, 95% CI"
        self.subtitle_label.setText("" if not wide else said if self.shows_probes else f"{said}; filled: excludes 0")
        self.probes.shape.name = 168 if wide else 132
        self.probes.axis.title = "Change of reward, within-prompt SD, 95% CI →" if wide else "Within-prompt SD →"

    def show_probes(self, found: list[dict[str, Any]], context: str) -> None:
        """Draw what the fix does to each probe: before ○ and after ■, in within-prompt SD, those that change most first."""
        known = sorted((one for one in found if one["difference"]["value"] is not None),
                       key=lambda one: (not clear_probe(one), -abs(one["difference"]["value"])))
        if not known:
            self.show_empty("No probe changes a response of these pairs.")
            return
        ends = [end for one in known for side in ("before", "after") for end in (one[side]["ci"] or [one[side]["value"]])]
        room = 0.05 * max(max(ends) - min([0.0, *ends]), 0.1)
        self.probes.set_rows([probe_change_row(one) for one in known], min([0.0, *ends]) - room, max([0.0, *ends]) + room)
        changed = sum(map(clear_probe, known))
        self.describe(f"The fix changes {changed} of {counted(len(known), 'probe')} clearly.", context)
        self.set_table({"probe": [one["name"] for one in known],
                        **{f"{side}_{part}": [one[side]["value"] if part == "value" else (one[side]["ci"] or [None, None])[part == "high"]
                                              for one in known]
                           for side in ("before", "after", "difference") for part in ("value", "low", "high")},
                        "n": [one["difference"]["n"] for one in known], "q": [one["q"] for one in known]})
        self.show_ready()
        self._arrange()

    def show_comparison(self, found: FixComparison, context: str) -> None:
        """Draw everything anew; the figures are in sight once their page is."""
        self.comparison, self._context = found, context
        for kind, _, least in GROUPS:
            changes = [change for change in found.changes if change.kind == kind]
            if len(changes) > MOST_ROWS:  # the sources that change most; all are in the table
                kept = sorted(changes[2:], key=lambda change: -abs(change.difference.value or 0.0))[: MOST_ROWS - 2]
                changes = [change for place, change in enumerate(changes) if place < 2 or change in kept]
            self.rows[kind] = changes
            ends = [abs(end) for change in changes for end in
                    (change.difference.low, change.difference.high, change.difference.value) if end is not None]
            most = 1.1 * max([least, *ends])
            self.forests[kind].set_rows([self._row(change) for change in changes], -most, most)
            self.body.setStretchFactor(self.forests[kind], len(changes) + 1)
        self._fit()
        self.describe(found.headline(), context)
        self.set_table({
            "figure": [change.name for change in found.changes], "before": [change.before for change in found.changes],
            "after": [change.after for change in found.changes],
            "difference": [change.difference.value for change in found.changes],
            "low": [change.difference.low for change in found.changes],
            "high": [change.difference.high for change in found.changes], "n": [change.difference.n for change in found.changes],
        })

    def _row(self, change: Change) -> ForestRow:
        digits = 3 if change.kind == "calibration" else 2
        sign = change.kind == "pull"
        part = change.difference
        mark = ForestMark.of(part, filled=change.clear)
        values = f"{number(change.before, digits, sign)} → {number(change.after, digits, sign)}"
        interval = f", 95% CI {between(part.low, part.high, digits)}" if part.low is not None else ""
        return ForestRow(
            change.name, marks=(mark,), before=values, right=change.words(), right_strong=change.clear,
            strong=change.name in ("Equal length", "Length doubled"),
            tip=f"{change.name}: {values}\nafter − before {number(part.value, digits, True)}{interval}\n"
                f"{change.words()}, {counted(part.n, 'pair')}\nEnter selects them",
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card leaves before → after to the tooltip."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        wide, low = self.width() >= px(WIDE_FOREST), self.height() < px(LOW)
        self._arrange()
        for kind, forest in self.forests.items():
            forest.shape.before = 110 if wide else 0
            forest.delegate.row_height = 17 if low else 23
            rows = [self._row(change) for change in self.rows.get(kind, ())]
            if not wide:
                rows = [ForestRow(**{**row.__dict__, "before": ""}) for row in rows]
            if rows:
                forest.set_rows(rows)


def clear_probe(one: dict[str, Any]) -> bool:
    """Whether the paired difference of a probe is clear: q below 0.05 and an interval without 0."""
    ends = one["difference"]["ci"]
    return bool(one["q"] < 0.05 and ends and not ends[0] <= 0 <= ends[1])


def probe_change_row(one: dict[str, Any]) -> ForestRow:
    """A probe before ○ and after ■ a fix, and how much weaker or stronger it is."""

    def mark(side: dict[str, Any], kind: str) -> ForestMark:
        low, high = side["ci"] or (float("nan"), float("nan"))
        return ForestMark(side["value"], low, high, kind)

    before, after, gap = one["before"], one["after"], one["difference"]
    values = f"{number(before['value'], signed=True)} → {number(after['value'], signed=True)}"
    ends = f", 95% CI {between(gap['ci'][0], gap['ci'][1])}" if gap["ci"] else ""
    tip = (f"{one['title']}: {values} within-prompt SD\n"
           f"after − before {number(gap['value'], signed=True)}{ends}, q {number(one['q'], 3)}, n = {gap['n']:,}\n"
           f"Expected to {'change nothing' if one['expected'] == 'none' else one['expected']}: {one['words']}")
    return ForestRow(one["title"], marks=(mark(before, "people"), mark(after, "model")), right=values, right_strong=clear_probe(one),
                     enabled=clear_probe(one), tip=tip)
