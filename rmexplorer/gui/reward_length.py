"""Reward against length or another feature: every response as a mark, with margins, trends and outliers; brushes select pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QCursor, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QMenu

from rmexplorer.analysis.length_style import LengthStyle
from rmexplorer.analysis.reward_feature import RewardFeature
from rmexplorer.app.desk import SMALL, Desk
from rmexplorer.app.state import Brush, Selection, State
from rmexplorer.gui.plots import (
    DensityImage,
    HexItem,
    Label,
    LineCurve,
    MarkLegend,
    PairLink,
    PlotCard,
    PointItem,
    ShareLegend,
    StepHistogram,
)
from rmexplorer.gui.plots.export import Caption
from rmexplorer.gui.plots.item import Floats, Labels
from rmexplorer.gui.scatter import Scatter, corners, digits_of, simplified
from rmexplorer.gui.theme import px
from rmexplorer.gui.widgets import IconButton
from rmexplorer.wording import counted, number, style

FEATURE = "words"  # the feature that is drawn first
MOST_POINTS = 2_000  # single marks up to here, then hexagons
STEP = 3.0  # px between the corners that a lasso keeps
WIDE = 620  # px of card from which the legend also explains sizes
NARROW = 640  # px of card below which the count of responses gives way
TALL = 330  # px of card from which the margins are high and all outliers named


class _Hexagons(HexItem):
    """Hexagons that say in the tooltip what is in them."""

    tips: Callable[[np.ndarray], list[str]] | None = None

    def hover(self, at: QPointF) -> list[str] | None:
        points = self.points_at(at)
        return self.tips(points) if points.size and self.tips is not None else None


class _Density(DensityImage):
    """An image of counts that says in the tooltip what is near."""

    tips: Callable[[np.ndarray], list[str]] | None = None

    def hover(self, at: QPointF) -> list[str] | None:
        points = self.points_at(at)
        return self.tips(points) if points.size and self.tips is not None else None


Marks = PointItem | _Hexagons | _Density


def feature_name(name: str) -> str:
    """A feature as the list of them says it."""
    return {"words": "length in words", "characters": "length in characters"}.get(name, style(name))


class RewardLengthCard(PlotCard):
    """The scatter with its brushes. A click inspects, a brush selects the pairs of the responses within.

    `wanted` gives the feature that a person chose to be drawn across.
    """

    wanted = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__(
            "Reward against", "", "↑ Reward", "Words in the response, log scale →", "log2", "number", "both"
        )
        self.desk = desk
        self.scatter: Scatter | None = None
        self.marks: Marks | None = None
        self.link = PairLink()
        self.top, self.right = self.view.add_marginals()
        self.pinned: list[tuple[Label, Any, str]] = []
        self.outlier_labels: list[Label] = []
        self._tall: bool | None = None
        self.brush_label: Label | None = None
        self._selection: Selection | None = None
        self._shapes: WeakKeyDictionary[Selection, Floats] = WeakKeyDictionary()
        self._cycle: tuple[bytes, int] = (b"", -1)
        self._stop = -1
        self.lasso = IconButton("lasso", "Lasso", "L", size=15, checkable=True)
        self.lasso.clicked.connect(lambda: self.view.set_tool("lasso" if self.lasso.isChecked() else "rectangle"))
        self.tools_row.insertWidget(0, self.lasso)
        self.view.tool_changed.connect(lambda tool: self.lasso.setChecked(tool == "lasso"))
        self.view.set_tool("rectangle")
        self.view.brushed.connect(self._brushed)
        self.view.pressed.connect(self._pressed)
        self.view.box.sigRangeChanged.connect(self._pin)
        self.features = QComboBox()
        self.features.setAccessibleName("Feature across")
        self.features.setToolTip("What the reward is drawn against")
        self.features.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.features.setMinimumContentsLength(22)
        self.features.setMaxVisibleItems(30)
        self.features.activated.connect(lambda _: self.wanted.emit(self.features.currentData()))
        self.header_row.insertWidget(1, self.features)
        self.header.setMinimumWidth(px(280))  # the legend gives way, not the pane

    @property
    def pending(self) -> bool:
        """Whether an image of counts is still being made."""
        return isinstance(self.marks, _Density) and self.marks.pending

    def offer(self, names: Sequence[str], chosen: str) -> None:
        """The features that can be drawn across, and the one that is."""
        if [self.features.itemData(place) for place in range(self.features.count())] != list(names):
            self.features.clear()
            for name in names:
                said = feature_name(name)
                self.features.addItem(said[:1].upper() + said[1:], name)
        self.features.setCurrentIndex(max(self.features.findData(chosen), 0))

    @property
    def origin(self) -> str:
        """Where a selection came from, in words."""
        name = self.scatter.name if self.scatter is not None else FEATURE
        return f"reward against {'length' if name == FEATURE else style(name)}"

    def caption(self) -> Caption:
        """The texts of an export name the feature too."""
        return replace(super().caption(), title=f"Reward against {feature_name(self.features.currentData() or FEATURE)}")

    # Drawing

    def show_scatter(self, scatter: Scatter, context: str) -> None:
        """Draw everything anew."""
        self.scatter, self._selection, self._stop = scatter, None, -1
        found = scatter.found
        self.view.clear_items()
        self.pinned, self.outlier_labels, self.brush_label = [], [], None
        axis, scale = self.view.axis("bottom"), ", log scale" if scatter.is_length else ""
        axis.kind = "log2" if scatter.is_length else "number"
        said = f"{scatter.name[:1].upper()}{scatter.name[1:]} in the response" if scatter.is_length else style(scatter.name)
        self.set_titles("↑ Reward", f"{said[:1].upper()}{said[1:]}{scale} →")
        self.marks = self._marks(scatter)
        self.view.add(self.marks, bounds=False)
        self._show_trends(scatter)
        self._show_outliers(scatter)
        self._show_margins(scatter)
        self.view.add(self.link, bounds=False)
        self.link.set_pair(None, None)
        self._tall = None
        self._fit()
        self._count()
        self._pin()
        self._show_legend()
        told = (found.headline(), *((found.trend_text(), found.within_text()) if isinstance(found, LengthStyle) else ()))
        self.describe(" ".join(part for part in told if part), context)
        self.set_table(scatter.table)
        self.show_ready()

    def _show_trends(self, scatter: Scatter) -> None:
        """The line over all responses with its band, and through its middle, dashed, that within prompts."""
        found = scatter.found
        trend = found.trend
        if trend is None:
            return
        self.view.add(LineCurve(trend.x, trend.line, trend.low, trend.high, width=2.2, over_marks=True), bounds=False)
        self._pinned_label(found.trend_text(), self.view.labels, self.view.box, "left", "text", 600)
        inner = found.within
        if isinstance(found, RewardFeature) and found.partial.value is not None:
            inner = found.partial
        if inner.value is None:
            return
        cloud, unit = found.cloud, 1.0 if scatter.is_length or isinstance(found, LengthStyle) else found.sd
        line = float(cloud.reward.mean()) + inner.value / unit * (trend.x - float(cloud.x.mean()))
        self.view.add(LineCurve(trend.x, line, token="text2", width=1.75, style="dash", over_marks=True), bounds=False)
        self._pinned_label(f"dashed: {found.within_text()}", self.view.labels, self.view.box, "left", "text2", 0)

    def _marks(self, scatter: Scatter) -> Marks:
        cloud = scatter.found.cloud
        x, y, share = scatter.x, cloud.reward, cloud.chosen_share
        if len(cloud) <= MOST_POINTS:
            points = PointItem(
                x, y, (share < 0.5).astype(int), (("circle", "chosen"), ("diamond", "rejected")), size=7.0,
                tips=lambda place: scatter.tips(np.array([place])),
            )
            points.clicked.connect(lambda place: self._inspect(np.array([place])))
            return points
        many: _Hexagons | _Density
        if scatter.spread is None:
            many = _Hexagons(x, y, share)
        else:
            room = QRectF(scatter.across[0], scatter.up[0], scatter.across[1] - scatter.across[0], scatter.up[1] - scatter.up[0])
            many = _Density(scatter.spread, y, share, extent=room)
        many.tips = scatter.tips
        return many

    def _show_outliers(self, scatter: Scatter) -> None:
        cloud, at = scatter.found.cloud, [position for position, _ in scatter.named]
        if not at:
            return
        outliers = PointItem(
            scatter.x[at], cloud.reward[at], (cloud.chosen_share[at] < 0.5).astype(int),
            (("circle", "chosen"), ("diamond", "rejected")), size=11.0, halo=True,
            tips=lambda place: scatter.tips(np.array([at[place]])),
        )
        outliers.clicked.connect(lambda place: self._inspect(np.array([at[place]])))
        self.view.add(outliers, bounds=False)
        middle = sum(scatter.across) / 2
        for position, text in scatter.named:
            x, y = float(scatter.x[position]), float(cloud.reward[position])
            self.outlier_labels.append(self.view.add_label(text, x, y, side="right" if x < middle else "left", gap=12))

    def _show_margins(self, scatter: Scatter) -> None:
        found = scatter.found
        for plot, (edges, chosen, rejected), sideways in (
            (self.top, scatter.values, False), (self.right, scatter.rewards, True)
        ):
            for counts, token in ((rejected, "rejected"), (chosen, "chosen")):
                plot.addItem(StepHistogram(edges, counts, token, sideways=sideways))
            most = 1.08 * max(1.0, float(max(chosen.max(initial=0), rejected.max(initial=0))))
            if sideways:
                plot.setXRange(0, most, padding=0)
            else:
                plot.setYRange(0, most, padding=0)
        labels = Labels()
        self.top.addItem(labels, ignoreBounds=True)
        sides, medians = corners(np.maximum(scatter.values[1], scatter.values[2])), found.medians or (None, None)
        digits = digits_of(scatter.found.cloud.value)
        for side, name, token, median in (
            (sides[0], "rejected", "rejected_text", medians[1]), (sides[1], "chosen", "chosen_text", medians[0]),
        ):
            words = f" {scatter.name}" if name == "chosen" and scatter.is_length else ""
            said = f"{name}, median {number(median, digits)}{words}"
            self._pinned_label(said, labels, self.top.getViewBox(), side, token, 0)

    def _pinned_label(self, text: str, labels: Labels, box: Any, side: str, token: str, weight: int) -> None:
        """A label that stays in the upper left or right corner of a plot."""
        label = labels.add(Label(text, 0.0, 0.0, token, "right" if side == "left" else "left", weight, gap=10.0))
        self.pinned.append((label, box, side))

    def _pin(self, *_: Any) -> None:
        for label, box, side in self.pinned:
            (left, right), (_, top) = box.viewRange()
            label.x, label.y = left if side == "left" else right, top

    def _show_legend(self) -> None:
        if isinstance(self.marks, PointItem):
            self.set_legend(MarkLegend((("chosen", "chosen"), ("rejected", "rejected"))))
        elif self.marks is not None:
            sizes = isinstance(self.marks, _Hexagons) and self.width() >= px(WIDE)
            self.set_legend(ShareLegend("more responses" if sizes else ""))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card has a shorter legend, a low one lower margins and fewer labels."""
        super().resizeEvent(event)
        self._fit()
        self._count()
        if (event.oldSize().width() >= px(WIDE)) != (event.size().width() >= px(WIDE)):
            self._show_legend()

    def _count(self) -> None:
        """How many responses there are, where there is room to say it."""
        wide = self.width() >= px(NARROW)
        self.tool_copy.setVisible(wide)  # it is in the menu too, and the name of the feature needs the room
        self.set_subtitle(counted(len(self.scatter.found.cloud), "response") if wide and self.scatter is not None else "")

    def _fit(self) -> None:
        tall = self.height() >= px(TALL)
        if tall is self._tall:
            return
        self._tall = tall
        if self.scatter is not None:
            low, high = self.scatter.up
            self.view.set_range(self.scatter.across, (low, high if tall else high + 0.26 * (high - low)))
        self.view.margins = (52 if tall else 40, 62)
        self.view.ci.layout.setRowFixedHeight(0, px(self.view.margins[0]))
        labels = self.view.labels
        for label in self.outlier_labels:
            if label in labels.labels:
                labels.labels.remove(label)
        labels.labels.extend(self.outlier_labels if tall else self.outlier_labels[:1])

    # Selection and focus

    def mark(self, state: State) -> None:
        """Show the pair in the inspector, and what is selected."""
        scatter = self.scatter
        if scatter is None or scatter.dataset is not state.dataset:
            return
        cloud, pair = scatter.found.cloud, state.focus
        ends: list[tuple[float, float] | None] = [None, None]
        if pair is not None and scatter.pairs[pair]:
            places = [int(scatter.place[side[pair]]) for side in (scatter.dataset.chosen, scatter.dataset.rejected)]
            ends = [(float(scatter.x[at]), float(cloud.reward[at])) for at in places]
        self.link.set_pair(*ends)
        if state.selection is not self._selection:
            self._selection = state.selection
            self._show_mask(scatter, state.selection)
            self._show_brush(state.selection)

    def _show_mask(self, scatter: Scatter, selection: Selection) -> None:
        mask = selection.mask
        if mask is None:
            self._put_mask(scatter, selection, None)
        elif len(mask) <= SMALL:
            self._put_mask(scatter, selection, scatter.responses_of(mask))
        else:
            self.desk.compute.ask(
                "selected responses",
                lambda: scatter.responses_of(mask),
                lambda hit, error: self._put_mask(scatter, selection, hit if error is None else None),
            )

    def _put_mask(self, scatter: Scatter, selection: Selection, hit: np.ndarray | None) -> None:
        if self.scatter is scatter and self._selection is selection and self.marks is not None:
            self.marks.set_mask(hit)

    def _show_brush(self, selection: Selection) -> None:
        polygon = self._shapes.get(selection)
        self.view.set_brush(polygon)
        if self.brush_label is not None:
            self.view.labels.labels.remove(self.brush_label)
            self.brush_label = None
        if polygon is not None:
            x = float(polygon[:, 0].min() + polygon[:, 0].max()) / 2
            self.brush_label = self.view.add_label(
                f"{counted(selection.count, 'pair')} selected", x, float(polygon[:, 1].max()), "plum_text", "above", 600,
                tint="plum_tint", gap=3,
            )

    def _brushed(self, polygon: Floats, how: Brush) -> None:
        scatter = self.scatter
        if scatter is None:
            return
        wide, high = self.view.box.viewPixelSize()
        polygon = simplified(polygon, np.array([wide, high]) * STEP)
        if len(scatter.pairs) <= SMALL:
            self._select(scatter, polygon, how, scatter.pairs_within(polygon))
            return
        self.desk.compute.ask(
            "brushed pairs",
            lambda: scatter.pairs_within(polygon),
            lambda mask, error: self._select(scatter, polygon, how, mask if error is None else None),
        )

    def _select(self, scatter: Scatter, polygon: Floats, how: Brush, mask: np.ndarray | None) -> None:
        if self.scatter is not scatter or mask is None or self.desk.state.dataset is not scatter.dataset:
            return
        self.desk.select(mask, how, self.origin)
        selection = self.desk.state.selection
        if selection.mask is not None and how != "remove":
            self._shapes[selection] = polygon
        self._show_brush(selection)

    # Pointing

    def _points_at(self, at: QPointF) -> np.ndarray:
        if isinstance(self.marks, PointItem):
            place = self.marks.nearest(at)
            return np.array([place] if place >= 0 else [], np.int64)
        return np.zeros(0, np.int64) if self.marks is None else self.marks.points_at(at)

    def _pressed(self, point: QPointF, event: Any) -> None:
        points = self._points_at(event.scenePos())
        if not points.size:
            return
        if event.button() == Qt.MouseButton.RightButton:
            self.point_menu(points).popup(QCursor.pos())
        else:
            self._inspect(points)

    def _inspect(self, points: np.ndarray) -> None:
        """Inspect the pair of a response; pressed again, of the next one there."""
        if self.scatter is None:
            return
        key = points.tobytes()
        place = (self._cycle[1] + 1) % len(points) if key == self._cycle[0] else 0
        self._cycle = key, place
        self.desk.look_at(int(self.scatter.found.cloud.pair[points[place]]))

    def point_menu(self, points: np.ndarray) -> QMenu:
        """What can be done with the responses under the pointer."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        scatter = self.scatter
        if scatter is None:
            return menu
        menu.addAction("Inspect").triggered.connect(lambda: self._inspect(points))
        menu.addAction("Select the pairs here").triggered.connect(lambda: self.select_points(points))
        text = scatter.dataset.responses["text"][int(scatter.found.cloud.response[points[0]])]
        menu.addAction("Copy response").triggered.connect(lambda: QGuiApplication.clipboard().setText(str(text)))
        return menu

    def select_points(self, points: np.ndarray) -> None:
        """Select the pairs of some responses of the cloud."""
        if self.scatter is not None:
            hit = np.zeros(len(self.scatter.found.cloud), bool)
            hit[points] = True
            self.desk.select(self.scatter.pairs_of(hit), "replace", self.origin)

    def menu(self) -> QMenu:
        """The card's menu, with what the keyboard needs."""
        menu = super().menu()
        menu.addSeparator()
        menu.addAction("Select the pairs in view").triggered.connect(lambda: self.select_view())
        return menu

    def select_view(self) -> None:
        """Select the pairs of the responses in view: zoom with + and arrows, then this."""
        self._brushed(self.view.in_view(), "replace")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter steps through the named outliers."""
        named = self.scatter.named if self.scatter is not None else ()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.view.hasFocus() and named:
            self._stop = (self._stop + 1) % len(named)
            self._inspect(np.array([named[self._stop][0]]))
        else:
            super().keyPressEvent(event)
