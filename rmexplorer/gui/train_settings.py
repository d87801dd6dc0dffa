"""The form of training settings: Simple shows what everybody needs, All the rest; each with its sentence as help."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from rmexplorer.encoders import ENCODERS
from rmexplorer.gui.theme import px, set_role
from rmexplorer.gui.widgets import label
from rmexplorer.gui.widgets.scroll import Scrolled
from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import LENGTH_FIXES
from rmexplorer.reward.loss import LOSSES
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.workflows.settings import RunSettings

TITLES = {
    "hidden_dim": "Hidden layer, units",
    "loss": "Loss",
    "epochs": "Most epochs",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
    "dropout": "Dropout",
    "patience": "Patience, epochs",
    "validation": "Validation share",
    "refit": "Refit on all training pairs",
    "heads": "Heads averaged in the refit",
    "holdout": "Held-out share",
    "seed": "Seed",
    "margin": "Margin",
    "centring": "Centring",
    "label_noise": "Wrong labels, share",
    "length_fix": "Length fix",
    "length_penalty": "Length penalty",
}
LOSS_TITLES = {
    "bradley_terry": "Bradley–Terry",
    "margin": "Bradley–Terry with a margin",
    "centred": "Bradley–Terry, centred",
    "smoothed": "Label smoothing",
    "robust": "Noise-robust (rDPO)",
}
FIX_TITLES = {
    "none": "None",
    "residualize": "Residualize",
    "balance": "Length-balanced",
    "penalty": "Penalty",
}
AUTOMATIC = "automatic"


class SettingsForm(QWidget):
    """A field for each setting. `changed(RunSettings)` when all fields are right; a wrong one is marked with its reason."""

    changed = Signal(object)
    learning_rate_changed = Signal(float)

    def __init__(self, settings: RunSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.editors: dict[str, QWidget] = {}
        self._rows: dict[str, QWidget] = {}
        self._simple = {one.name for one in fields(TrainSettings) if one.metadata["simple"]} | {"encoder"}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, px(12), 0)
        self._column.setSpacing(px(8))
        self._add_choice(
            "encoder",
            "Encoder",
            [(name, one.title) for name, one in ENCODERS.items()],
            settings.encoder,
            "What turns a response into numbers. " + " ".join(one.sentence for one in ENCODERS.values()),
        )
        for one in fields(TrainSettings):
            value, help_text = getattr(settings.train, one.name), one.metadata["help"]
            if one.name == "loss":
                self._add_choice(
                    "loss",
                    TITLES["loss"],
                    [(name, LOSS_TITLES.get(name, name)) for name in LOSSES],
                    value,
                    help_text
                    + " "
                    + "; ".join(f"{LOSS_TITLES.get(name, name)}: {text}" for name, text in LOSSES.items()),
                )
            elif one.name == "length_fix":
                self._add_choice(
                    "length_fix",
                    TITLES["length_fix"],
                    [(name, FIX_TITLES[name]) for name in LENGTH_FIXES],
                    value,
                    help_text + " " + "; ".join(f"{FIX_TITLES[name]}: {text}" for name, text in LENGTH_FIXES.items()),
                )
            elif isinstance(one.default, bool):
                self._add_check(one.name, TITLES[one.name], value, help_text)
            else:
                self._add_line(one.name, TITLES.get(one.name, one.name), value, help_text)
        self._column.addStretch(1)
        outer.addWidget(Scrolled(self._column))
        self.set_all(False)

    def _add(self, name: str, title: str, editor: QWidget, sentence: str, titled: bool = True) -> None:
        row = QWidget()
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(px(3))
        if titled:
            column.addWidget(label(title, "secondary", "small"))
        column.addWidget(editor)
        editor.setMinimumWidth(px(40))  # a long choice must not widen the form
        editor.setSizePolicy(QSizePolicy.Policy.Ignored, editor.sizePolicy().verticalPolicy())
        editor.setAccessibleName(title)
        editor.setAccessibleDescription(sentence)
        editor.setToolTip(sentence)
        self.editors[name] = editor
        self._rows[name] = row
        self._column.addWidget(row)

    def _add_choice(self, name: str, title: str, choices: list[tuple[str, str]], value: str, sentence: str) -> None:
        box = QComboBox()
        for key, text in choices:
            box.addItem(text, key)
        box.setCurrentIndex(max(0, box.findData(value)))
        box.currentIndexChanged.connect(self._read)
        self._add(name, title, box, sentence)

    def _add_check(self, name: str, title: str, value: bool, sentence: str) -> None:
        check = QCheckBox(title)
        check.setChecked(value)
        check.toggled.connect(self._read)
        self._add(name, title, check, sentence, titled=False)

    def _add_line(self, name: str, title: str, value: float | int | None, sentence: str) -> None:
        line = QLineEdit(AUTOMATIC if value is None else f"{value:g}" if isinstance(value, float) else str(value))
        line.editingFinished.connect(self._read)
        self._add(name, title, line, sentence)

    def set_all(self, everything: bool) -> None:
        """Show all settings, or the simple ones."""
        for name, row in self._rows.items():
            row.setVisible(everything or name in self._simple)

    def set_running(self, running: bool) -> None:
        """While a run trains only the learning rate acts; the rest waits for the next run."""
        for name, editor in self.editors.items():
            editor.setEnabled(not running or name == "learning_rate")

    def settings(self) -> RunSettings | None:
        """What the fields say; None where one of them is wrong (it is then marked)."""
        values: dict[str, Any] = {}
        good = True
        for name, editor in self.editors.items():
            if isinstance(editor, QComboBox):
                values[name] = editor.currentData()
            elif isinstance(editor, QCheckBox):
                values[name] = editor.isChecked()
            elif isinstance(editor, QLineEdit):
                try:
                    values[name] = read_number(name, editor.text())
                    TrainSettings.from_dict({name: values[name]})
                    self._mark(editor, "")
                except Problem as problem:
                    self._mark(editor, str(problem))
                    good = False
        return RunSettings.from_dict(values) if good else None

    def _mark(self, editor: QLineEdit, message: str) -> None:
        set_role(editor, "error" if message else "")
        editor.setToolTip(message or editor.accessibleDescription())

    def _read(self) -> None:
        settings = self.settings()
        if settings is None or settings == self._settings:
            return
        if settings.train.learning_rate != self._settings.train.learning_rate:
            self.learning_rate_changed.emit(settings.train.learning_rate)
        self._settings = settings
        self.changed.emit(settings)


def read_number(name: str, text: str) -> float | int | None:
    """The number that a person typed for a setting; raises Problem where it is none. An empty batch size is automatic."""
    default = next(one.default for one in fields(TrainSettings) if one.name == name)
    text = text.strip().replace("−", "-").replace(",", ".")
    if default is None and text.lower() in ("", AUTOMATIC):
        return None
    try:
        value = float(text)
    except ValueError:
        raise Problem(f"{text!r} is not a number", "type one") from None
    if math.isnan(value):
        raise Problem(f"{text!r} is not a number", "type one")
    return int(value) if (default is None or isinstance(default, int)) and value.is_integer() else value
