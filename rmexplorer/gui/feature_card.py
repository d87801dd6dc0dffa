"""The card with the table of all features, over all pairs, the mean of the subsets, or one of them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox

from rmexplorer.analysis.feature_table import SIDES, FeatureTable
from rmexplorer.gui.feature_list import FeatureList, Line
from rmexplorer.gui.plots import FigureCard
from rmexplorer.gui.plots.export import WidgetDrawing
from rmexplorer.gui.theme import px
from rmexplorer.wording import counted

MEAN, POOLED = "mean", "pooled"
WIDE = 620  # px of card from which what the squares mean is written out


class FeatureTableCard(FigureCard):
    """`chosen` gives the feature of a row activated, `part` the subset whose pairs are asked for ('' for all)."""

    chosen = Signal(str)
    part = Signal(str)
    turned = Signal()  # between the mean of the subsets and the pool

    def __init__(self) -> None:
        super().__init__("All features")
        self.tool_copy.hide()
        self.over = QComboBox()
        self.over.setAccessibleName("Pairs that the table is of")
        self.over.setToolTip("Subsets first: a pool can hide that they differ")
        self.over.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.over.setMinimumContentsLength(16)
        self.over.activated.connect(lambda _: self._choose())
        self.header_row.insertWidget(1, self.over)
        self.list = FeatureList()
        self.list.activated.connect(self.chosen)
        self.list.sorted.connect(lambda _: self._table())
        self.body.insertWidget(0, self.list, 1)
        self.header.setMinimumWidth(px(200))
        self.found: FeatureTable | None = None
        self.subset = ""
        self._even = True
        self._offered: tuple[Any, ...] = ()

    def drawing(self) -> Any:
        """What pictures show: the list."""
        return WidgetDrawing(self.list)

    def show_features(self, found: FeatureTable, context: str) -> None:
        """Show a table; where a subset is chosen it is of that alone."""
        self.found = found
        if not found.rows:
            self.show_empty("The responses of these pairs do not differ in any feature." if found.pairs else "There are no pairs here.")
            return
        if not self.subset:
            self._offer(found)
        self._show()
        self.describe(found.headline(self.even), context)
        self.show_ready()

    def _offer(self, found: FeatureTable) -> None:
        subsets = found.subsets
        even = any(row.even is not None for row in found.rows)
        offered = (even, *subsets)
        if offered == self._offered:
            return
        self._offered = offered
        self.over.clear()
        if even:
            self.over.addItem("Mean of subsets", MEAN)
        self.over.addItem("All pairs, pooled" if even else "All pairs", POOLED)
        for name, pairs in subsets.items():
            self.over.addItem(f"{name} ({pairs:,})", f"={name}")
        self.over.setVisible(self.over.count() > 1)
        self.over.setCurrentIndex(0)
        self._even = even

    def _choose(self) -> None:
        said = str(self.over.currentData())
        subset, self._even = said[1:] if said.startswith("=") else "", said == MEAN
        if subset != self.subset:
            self.subset = subset
            self.part.emit(subset)
        elif self.found is not None:
            self._show()
            self.turned.emit()

    @property
    def even(self) -> bool:
        """Whether the mean of the subsets is shown."""
        return self._even and not self.subset

    def forget_part(self) -> None:
        """Back to all pairs, for the subsets are of another dataset."""
        self.subset, self._offered = "", ()

    def _show(self) -> None:
        found = self.found
        if found is None:
            return
        self.list.show_lines([Line.of(row, self.even) for row in found.rows])
        sample = "" if found.pairs == found.of else f"sample of {counted(found.pairs, 'pair')}"
        legend = "■ clear: q < 0.05" if self.width() >= px(WIDE) else ""
        self.set_subtitle(" · ".join(part for part in ("within-prompt SD, 95% CI", legend, sample) if part))
        self._table()

    def _table(self) -> None:
        lines = self.list.model.rows
        columns: dict[str, Any] = {"feature": [line.row.name for line in lines], "within_prompt_sd": [line.row.sd for line in lines]}
        for at, side in enumerate(SIDES):
            some = [line.contrasts[at] for line in lines]
            for part in ("value", "low", "high", "n"):
                columns[f"{side}_{part}"] = [None if one is None else getattr(one.effect, part) for one in some]
            columns[f"{side}_q"] = [None if one is None else one.q for one in some]
        self.set_table(columns)
