"""The cards of the Shift pane: which sets, how easily told apart, accuracy by familiarity, and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from PySide6.QtCore import QEvent, QModelIndex, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from rmexplorer.gui.plots import ForestMark, ForestRow, LineCurve, PlotCard, ReferenceLine, WhiskerPoints
from rmexplorer.gui.table import FrameModel, frame_view
from rmexplorer.gui.theme import brush, color, font, ink, px, themes
from rmexplorer.gui.widgets import Card, IconButton, Segmented, label
from rmexplorer.wording import DASH, between, bracket, counted, number, percent

WIDE = 440  # px of the card of accuracy from which texts are written out
LISTS = (("high", "High reward, unfamiliar"), ("furthest", "Furthest"), ("leaks", "Leaks"))


class AucStrip(QWidget):
    """The AUC with its interval on a line from 0.5 (the same) to 1 (no overlap)."""

    def __init__(self) -> None:
        super().__init__()
        self.value: float | None = None
        self.ci: list[float] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        themes.theme_changed.connect(self.update)

    def show_auc(self, value: float | None, ci: list[float] | None) -> None:
        """Replace the value."""
        self.value, self.ci = value, ci
        said = "" if value is None else f"AUC {number(value)}" + (f", 95% CI {between(ci[0], ci[1])}" if ci else "")
        self.setAccessibleName(said or "No AUC")
        self.setToolTip("Share of new rows that a classifier puts above a row of the first set: 0.5 is the same, 1 no overlap. " + said)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(px(300), px(40))

    def minimumSizeHint(self) -> QSize:
        return QSize(px(200), px(40))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.value is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font("number"))
        said = f"AUC {number(self.value)}"
        left = QFontMetricsF(painter.font()).horizontalAdvance(said) + px(16)
        painter.setPen(color("text"))
        painter.drawText(QRectF(0, 0, left, self.height()), Qt.AlignmentFlag.AlignVCenter, said)
        room, y = self.width() - left - px(10), px(14)

        def x(value: float) -> float:
            return left + (min(max(value, 0.5), 1.0) - 0.5) / 0.5 * room

        painter.setPen(ink("line2", 1.5))
        painter.drawLine(round(left), y, round(left + room), y)
        if self.ci:
            painter.setPen(ink("text", 2.5))
            painter.drawLine(round(x(self.ci[0])), y, round(x(self.ci[1])), y)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush("text"))
        painter.drawRect(QRectF(x(self.value) - 5, y - 5, 10, 10))
        painter.setFont(font("small"))
        painter.setPen(color("text2"))
        below = QRectF(left, y + px(6), room, px(18))
        wide = room > px(210)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0.50, the same" if wide else "0.50")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, "1.00, no overlap" if wide else "1.00")


class SetBox(QComboBox):
    """A set; one that is too long is cut in the middle, where its counts are not, and said whole by the tooltip."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self).width() - px(4)
        text = self.currentText()
        option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        self.setToolTip(text if option.currentText != text else "")
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class SetsCard(Card):
    """The two sets and the AUC. `chosen` when a person chose another set; `swapped` when the two change places."""

    chosen = Signal()
    swapped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.header.hide()
        row = QHBoxLayout()
        row.setContentsMargins(0, px(8), 0, px(2))
        row.setSpacing(px(8))
        self.first, self.second = SetBox(), SetBox()
        for box, name in ((self.first, "First set, that the model knows"), (self.second, "New set")):
            box.setAccessibleName(name)
            box.setMinimumHeight(px(32))
            box.setMinimumContentsLength(12)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.activated.connect(lambda _: self.chosen.emit())
        swap = IconButton("arrow-left-right", "Swap the two sets")
        swap.clicked.connect(self.swapped)
        self.strip = AucStrip()
        row.addWidget(label("Known", "secondary", "small"))
        row.addWidget(self.first, 3)
        row.addWidget(swap)
        row.addWidget(label("New", "secondary", "small"))
        row.addWidget(self.second, 3)
        row.addSpacing(px(8))
        row.addWidget(self.strip, 4)
        self.body.addLayout(row)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def set_choices(self, first: Sequence[tuple[str, str]], second: Sequence[tuple[str, str]], now: tuple[str, str]) -> None:
        """Replace (key, text) of both boxes and what is chosen, without a signal."""
        for box, choices, current in ((self.first, first, now[0]), (self.second, second, now[1])):
            box.clear()
            for key, text in choices:
                box.addItem(text, key)
            box.setCurrentIndex(max([key for key, _ in choices].index(current) if current in dict(choices) else 0, 0))

    def keys(self) -> tuple[str, str]:
        """What is chosen."""
        return str(self.first.currentData() or ""), str(self.second.currentData() or "")


def feature_name(name: str) -> str:
    """A feature as a row says it."""
    if name.startswith("prompt: "):
        return f"Prompt: {name.removeprefix('prompt: ').replace('_', ' ')}".replace("not ascii", "accents, other scripts")
    plain = name.replace("_", " ").replace("not ascii", "accents, other scripts")
    return plain[:1].upper() + plain[1:]


def feature_row(row: dict[str, Any]) -> ForestRow:
    """A feature as a row: its PSI with interval, and in grey what no shift gives."""
    low, high = row["ci"] or (float("nan"), float("nan"))
    which = "medians" if row["medians"][0] != row["medians"][1] else "means"
    one, two = row[which]
    digits = 0 if min(abs(one), abs(two)) >= 10 else 2
    change = f"{number(one, digits)} → {number(two, digits)}" if row["clear"] else "no clear difference"
    tip = (f"{feature_name(row['feature'])}, {row['of']}\nStability index {number(row['psi'], 3)} "
           f"{bracket('95% CI ' + between(row['ci'][0], row['ci'][1], 3)) if row['ci'] else ''}\n"
           f"No shift gives up to {number(row['no_shift95'], 3)}; q {number(row['q'], 3)}\n"
           f"{which.removesuffix('s')} {number(one)} → {number(two)}\n"
           f"n = {row['n'][0]:,} known, {row['n'][1]:,} new\nEnter selects the new pairs of its largest excess")
    return ForestRow(feature_name(row["feature"]), marks=(ForestMark(row["psi"], low, high, filled=row["clear"]),), right=change,
                     bar=(0.0, row["no_shift95"]), enabled=row["clear"], tip=tip)


class FamiliarityCard(PlotCard):
    """Accuracy by distance to the known prompts; below it the calibration errors. `chosen(group)` on click or Enter."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__("Accuracy by familiarity", y_title="↑ Accuracy on new, labelled pairs, 95% CI",
                         x_title="Distance to the nearest known prompts →")
        self.view.set_zoomable(False)
        self.points: WhiskerPoints | None = None
        self.groups: list[dict[str, Any]] = []
        self.at = -1
        self.view.installEventFilter(self)

    def show_groups(self, groups: list[dict[str, Any]], heldout: dict[str, Any] | None, headline: str) -> None:
        """Draw the groups; raises nothing where there are none."""
        self.view.clear_items()
        self.view.labels.clear()
        self.points, self.at, self.groups = None, -1, []
        if not groups:
            self.set_subtitle("")
            self.show_empty("Accuracy needs rewards and at least 20 labelled new pairs that the head has not learnt from.")
            return
        x = np.arange(len(groups), dtype=float)
        y = np.array([group["accuracy"] for group in groups])
        low, high = (np.array([(group["ci"] or [np.nan] * 2)[at] for group in groups]) for at in (0, 1))
        self.view.add(ReferenceLine(0.5), bounds=False)
        rule = np.array([group["length_only"] for group in groups])
        length = self.view.add(LineCurve(x, rule, token="neutral", width=1.25, style="dot"))
        line = self.view.add(LineCurve(x, y, low, high))
        self.points = WhiskerPoints(x, y, low, high, tips=lambda at: self._tip(groups[at]))
        self.points.clicked.connect(self.chosen)
        self.view.add(self.points)
        for place, group in enumerate(groups):
            self.view.add_label(number(group["accuracy"]), place, group["accuracy"], weight=600)
        self.view.add_label(f"length only {number(rule[-1])}", x[-1], rule[-1], "text2", "below")
        named = [("coin flip", 0.5)]
        if heldout is not None:
            self.view.add(ReferenceLine(heldout["value"]), bounds=False)
            named.append((f"held-out {number(heldout['value'])}", heldout["value"]))
        for text, value in named:
            self.view.name_line(text, value, -0.4, (length, line, self.points))
        bottom = min(0.45, *rule - 0.04, float(np.nanmin(low)) - 0.02 if np.isfinite(low).any() else 0.45)
        top = max(float(np.nanmax(high)) + 0.03 if np.isfinite(high).any() else 1.0, 0.75, *(value + 0.03 for _, value in named))
        self.view.set_range((-0.4, len(groups) - 0.4), (bottom, top))
        self.groups = groups
        self._fit()
        self.describe(headline, "")
        self.set_table({"accuracy": y, "low": low, "high": high, "length_only": rule, "n": [group["n"] for group in groups],
                        "calibration_error": [group["calibration_error"] for group in groups],
                        **{f"calibration_error_{end}": [(group["calibration_error_ci"] or [np.nan] * 2)[at] for group in groups]
                           for at, end in enumerate(("low", "high"))},
                        "distance_from": [group["distance"][0] for group in groups],
                        "distance_to": [group["distance"][1] for group in groups]})
        self.show_ready()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow card says less beside its title and below its marks."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self.groups:
            return
        wide = self.width() >= px(WIDE)
        names = ["nearest", *["" for _ in self.groups[2:]], "farthest"] if len(self.groups) > 1 else ["all"]
        if len(self.groups) == 5:
            names = ["nearest fifth" if wide else "nearest", "2nd", "3rd", "4th", "farthest"]
        self.view.axis("bottom").set_ticks([(float(x), name) for x, name in enumerate(names)])
        errors = " → ".join(number(self.groups[place]["calibration_error"]) for place in (0, -1))
        self.set_subtitle(f"n = {self.groups[0]['n']:,} each{f' · calibration error {errors}' if wide else ''}")

    def _tip(self, group: dict[str, Any]) -> list[str]:
        ends = f" {bracket('95% CI ' + between(*group['ci']))}" if group["ci"] else ""
        off = f" {bracket('95% CI ' + between(*group['calibration_error_ci']))}" if group["calibration_error_ci"] else ""
        return [f"Accuracy {number(group['accuracy'])}{ends}", f"Length only {number(group['length_only'])}",
                f"Calibration error {number(group['calibration_error'])}{off}",
                f"Distance {between(*group['distance'])}", f"n = {counted(group['n'], 'pair')}"]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows go from group to group, Enter selects its pairs."""
        if watched is self.view and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self.points:
            step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
            if step:
                self.at = min(max(self.at + step, 0), len(self.points.x) - 1)
                self.points.select(self.at)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.at >= 0:
                self.chosen.emit(self.at)
                return True
        return super().eventFilter(watched, event)


class StrangeCard(Card):
    """Responses of the new set: high reward and unfamiliar, furthest, or prompts that leak.

    `looked(row)` where a row is arrived at, `opened(row)` on Enter or a double click.
    """

    looked = Signal(int)
    opened = Signal(int)
    viewed = Signal()

    def __init__(self) -> None:
        super().__init__("New responses", flush=True)
        self.switch = Segmented(LISTS, "high", "Which responses are listed")
        self.switch.changed.connect(lambda _: self.viewed.emit())
        self.add_header(self.switch)
        self.table = frame_view(pl.DataFrame({"Prompt": pl.Series([], dtype=pl.String)}), name="New responses")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFrameShape(self.table.Shape.NoFrame)
        self.table.activated.connect(lambda index: self.opened.emit(index.row()))
        self.table.clicked.connect(lambda index: self.looked.emit(index.row()))
        self.add(self.table, 1)

    def show_list(self, key: str, result: dict[str, Any]) -> list[dict[str, Any]]:
        """Show one of the lists; returns its rows."""
        if key == "leaks":
            rows = [{"prompt": one[0], "response": one[1], "pair": -1, "share": one[2]} for one in result["leaks"]["examples"]]
            frame = pl.DataFrame({"Alike": [percent(row["share"]) for row in rows], "New prompt": [_line(row["prompt"]) for row in rows],
                                  "Known prompt": [_line(row["response"]) for row in rows]})
            found = result["leaks"]
            said = (f"of {counted(found['prompts'], 'new prompt')} {found['exact']:,} stand in the known set word for word, "
                    f"{found['near']:,} nearly (character 5-grams, Jaccard 0.8)")
            nothing = "No new prompt stands in the known set, nor nearly."
        else:
            rows = result["high_unfamiliar" if key == "high" else "furthest"]
            frame = self._frame(rows)
            said = f"the {counted(len(rows), result['unit'].removesuffix('s'))} farthest from the known prompts"
            if key == "high":
                said = f"{counted(result.get('high_count', 0), 'response')} in the top tenth of reward and the farthest tenth of prompts"
                share = result["high_share"]
                if share is not None:
                    ends = f" {bracket(between(share['ci'][0], share['ci'][1], shares=True))}" if share["ci"] else ""
                    said += f" · the labels reject {percent(share['value'])} of {share['n']:,}{ends}"
            nothing = "No new response is in the top tenth of reward and the farthest tenth of prompts." if result["pairs"][1] else \
                "Pasted prompts have no responses."
        self.set_title("New responses" if result["pairs"][1] else "New prompts")
        self.set_subtitle(said)
        if not rows:
            self.show_empty(nothing)
            return []
        self.table.setModel(FrameModel(frame, frame.columns, self.table))
        self.table.selectionModel().currentChanged.connect(self._moved)
        header = self.table.horizontalHeader()
        for column in range(frame.width - 1):
            self.table.resizeColumnToContents(column)
            if frame.columns[column] in ("Prompt", "New prompt"):
                self.table.setColumnWidth(column, px(300))
        header.setStretchLastSection(True)
        self.show_ready()
        return rows

    def _moved(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid() and self.table.hasFocus():
            self.looked.emit(current.row())

    def _frame(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        found: dict[str, list[str]] = {}
        if any(row.get("reward") is not None for row in rows):
            found["Reward"] = [number(row.get("reward"), signed=True) for row in rows]
        found["Unfamiliar"] = [percent(row["unfamiliar"]) for row in rows]
        if any(row.get("people") for row in rows):
            said = {"chosen": "● chosen", "rejected": "◆ rejected"}
            found["Label"] = [said.get(row["people"], f"{DASH} not labelled") for row in rows]
        found["Prompt"] = [_line(row["prompt"]) for row in rows]
        if any("response" in row for row in rows):
            found["Response"] = [_line(row.get("response", "")) for row in rows]
        return pl.DataFrame(found)


def _line(text: str) -> str:
    return " ".join(text.split())[:240]
