"""Train: is the head learning, and is it better than trivial rules?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from rmexplorer.app.live import Live
from rmexplorer.app.state import State
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.plots import LineCurve, PlotCard, ReferenceLine
from rmexplorer.gui.runs import Runs
from rmexplorer.gui.theme import px, themes
from rmexplorer.gui.train_settings import SettingsForm
from rmexplorer.gui.widgets import Card, GhostButton, NumberStrip, PrimaryButton, SecondaryButton, Segmented, label
from rmexplorer.problem import Problem
from rmexplorer.project import RunRecord
from rmexplorer.statistics import wilson
from rmexplorer.wording import DASH, baselines, bracket, counted, method_line, number, with_interval
from rmexplorer.workflows import training as workflow
from rmexplorer.workflows.settings import RunSettings

COIN_LOSS = math.log(2)
REDRAW_MS = 80
MOST_POINTS = 600
LABEL_HEIGHT = 17
FORMULA = (
    "The head gives each response a reward r; the probability that the chosen one wins is σ(r_chosen − r_rejected), and training "
    "lowers the mean of −log σ(r_chosen − r_rejected) by Adam. Prompts are split, never rows: no prompt is on both sides. "
    "Curves are of the validation slice of the training prompts, which early stopping looks at; the held-out pairs are scored once, "
    "at the end. Accuracy is the share of pairs with r_chosen > r_rejected, equal rewards count half. Length only is a logistic rule on "
    "the difference of log characters, bag of words a linear Bradley–Terry model on TF-IDF, linear a linear head on the same vectors; "
    "all three are judged on the same held-out pairs."
)
BASELINES = (("length", "length only"), ("style", "style only"), ("bag_of_words", "bag of words"), ("linear", "linear head"))


@dataclass
class Curves:
    """What the two plots show, from a live run or a kept one. All x in epochs."""

    loss: list[tuple[float, float]] = field(default_factory=list)
    epochs: Sequence[tuple[float, float | None, float | None, float | None]] = ()
    best: int = 0
    most: int = 0
    validation_pairs: int = 0
    baselines: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_live(cls, live: Live) -> Curves:
        """The curves of the run that trains now."""
        return cls(
            live.loss, live.epochs, live.best_epoch, live.settings.train.epochs, live.validation_pairs, live.baselines
        )

    @classmethod
    def of_run(cls, run: RunRecord) -> Curves:
        """The curves of a run that the project keeps."""
        history = run.history
        epochs = [
            (float(place), *values)
            for place, values in enumerate(
                zip(
                    history.get("train_accuracy", []),
                    history.get("validation_loss", []),
                    history.get("validation_accuracy", []),
                    strict=False,
                )
            )
        ]
        loss = [(float(place), value) for place, value in enumerate(history.get("train_loss", [])) if value is not None]
        known = {name: value for name, value in (run.metrics.get("baselines") or {}).items() if value is not None}
        return cls(
            loss,
            epochs,
            run.metrics.get("best_epoch", 0),
            len(epochs) - 1,
            run.metrics.get("validation_pairs", 0),
            known,
        )


@pane
class Train(Pane):
    """Settings, live curves, five numbers, and the runs so far."""

    name, title, question, icon = (
        "train",
        "Train",
        "Is the head learning, and is it better than trivial rules?",
        "trending-up",
    )
    group, order = "Build", 2
    reads = frozenset({"dataset", "runs", "run", "rewards"})
    remedy = ("Open the demo", "open_demo")
    inspects = False

    @property
    def settled(self) -> bool:
        """Whether no redraw waits either."""
        return super().settled and not self._redraw.isActive()

    @classmethod
    def why_empty(cls, state: State) -> str:
        """Training needs pairs."""
        return "" if state.dataset is not None else "Training needs pairs. Open a dataset, or the demo."

    def build(self) -> None:
        """Settings at the left; plots, numbers and runs at the right."""
        row = QHBoxLayout()
        row.setSpacing(themes.metrics.card_gap)
        row.addWidget(self._settings_card())
        column = QVBoxLayout()
        column.setSpacing(themes.metrics.card_gap)
        plots = QHBoxLayout()
        plots.setSpacing(themes.metrics.card_gap)
        self.loss = PlotCard("Loss", "per pair", "↑ Bradley–Terry loss", "Epoch →")
        self.accuracy = PlotCard("Accuracy", "dashed: held-out", "↑ Accuracy", "Epoch →")
        plots.addWidget(self.loss, 1)
        plots.addWidget(self.accuracy, 1)
        self._build_curves()
        column.addLayout(plots, 6)
        numbers = Card()
        self.numbers = NumberStrip()
        numbers.add(self.numbers)
        column.addWidget(numbers)
        runs = Card("Runs", "dotted: length only", flush=True)
        self.runs = Runs()
        self.runs.used.connect(self.desk.use_run)
        self.runs.deleted.connect(self.desk.delete_run)
        runs.add(self.runs, 1)
        runs.setMinimumHeight(px(104))
        column.addWidget(runs, 3)
        row.addLayout(column, 1)
        self.body.addLayout(row, 1)
        self.header.set_computed(FORMULA, "rmexplorer train FILE -o head.safetensors --json")
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._show_if_there)
        self._shown_version = (-1, "")
        self.desk.training.changed.connect(self._live_changed)
        self.desk.quality.changed.connect(self._quality_changed)

    def _settings_card(self) -> Card:
        card = Card("Settings")
        card.setFixedWidth(themes.metrics.settings)
        self.level = Segmented((("simple", "Simple"), ("all", "All")), name="Settings shown")
        card.add_header(self.level)
        self.form = SettingsForm(self.desk.training.settings)
        self.level.changed.connect(lambda key: self.form.set_all(key == "all"))
        self.form.changed.connect(self._settings_changed)
        self.form.learning_rate_changed.connect(self.desk.training.set_learning_rate)
        card.add(self.form, 1)
        self.hint = label("", "hint", "small", wrap=True)
        card.add(self.hint)
        row = QHBoxLayout()
        row.setSpacing(px(8))
        self.start = PrimaryButton("Train", "play", "Ctrl+Enter")
        self.start.clicked.connect(lambda: self.run_command("train_or_pause"))
        self.stop = SecondaryButton("Stop, keep best", "square", "Ctrl+.")
        self.stop.clicked.connect(lambda: self.run_command("stop_training"))
        self.pause = GhostButton("Pause", "pause")
        self.pause.clicked.connect(lambda: self.run_command("train_or_pause"))
        for button in (self.start, self.stop, self.pause):
            row.addWidget(button)
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    def _build_curves(self) -> None:
        nothing: list[float] = []
        self._train_loss = LineCurve(nothing, nothing, token="neutral", width=1.75)
        self._validation_loss = LineCurve(nothing, nothing, marker="circle")
        self._train_accuracy = LineCurve(nothing, nothing, token="neutral", width=1.75)
        self._validation_accuracy = LineCurve(nothing, nothing, nothing, nothing, marker="circle")
        self._best = (ReferenceLine(0, "best epoch", "v"), ReferenceLine(0, "", "v"))
        self.loss.view.add(ReferenceLine(COIN_LOSS, "no information, ln 2", below=True))
        self.accuracy.view.add(ReferenceLine(0.5, "coin flip"))
        self._rules = {name: ReferenceLine(0.5) for name, _ in BASELINES}
        for item in (self._best[0], self._train_loss, self._validation_loss):
            self.loss.view.add(item)
        for line in (self._best[1], *self._rules.values(), self._train_accuracy, self._validation_accuracy):
            self.accuracy.view.add(line)

    # State

    def prepare(self, state: State) -> None:
        """Nothing to compute: runs carry their figures."""
        return None

    def draw(self, result: object) -> None:
        """Show the runs, and the one whose rewards are shown."""
        state = self.desk.state
        self.runs.show_runs(state.runs, state.run)
        self._shown_version = (-1, "")
        self._show_run()

    def _show_if_there(self) -> None:
        if self.desk.state.dataset is not None:
            self._show_run()

    def _live_changed(self) -> None:
        if self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def _quality_changed(self) -> None:
        self._shown_version = (-1, "")  # the method line says what leaks
        self._live_changed()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with the run that went on while hidden."""
        super().showEvent(event)
        self._show_run()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names of lines are placed by the room there is."""
        super().resizeEvent(event)
        self._shown_version = (-1, "")
        self._redraw.start()

    def _run(self) -> RunRecord | None:
        state = self.desk.state
        return next((run for run in state.runs if run.id == state.run), None)

    def _settings_changed(self, settings: RunSettings) -> None:
        self.desk.training.set_settings(settings)
        self._show_run()

    def _show_run(self) -> None:
        live = self.desk.training.live
        running = self.desk.training.running
        self._show_buttons(live, running)
        shows_live = live is not None and (running or live.phase in ("stopped", "failed") or self._run() is None)
        version = (live.version, live.phase) if live is not None and shows_live else (0, self.desk.state.run)
        if version == self._shown_version:
            return
        self._shown_version = version
        run = self._run()
        if shows_live and live is not None:
            self._show_live(live)
        elif run is not None:
            self._show_record(run)
        else:
            self._show_nothing()

    def _show_buttons(self, live: Live | None, running: bool) -> None:
        paused = live is not None and live.run is not None and live.run.paused
        self.start.setVisible(not running)
        self.stop.setVisible(running)
        self.pause.setVisible(running)
        self.pause.setText("Go on" if paused else "Pause")
        self.pause.icon_name = "play" if paused else "pause"
        self.pause.updateGeometry()
        self.pause.disable("" if live is not None and live.phase == "training" else "Possible once it trains.")
        self.form.set_running(running)
        self.hint.setText(
            "Only the learning rate acts on this run; the rest waits for the next one." if running else ""
        )
        self.hint.setVisible(running)

    def _show_live(self, live: Live) -> None:
        curves = Curves.of_live(live)
        self._show_curves(curves)
        last = live.epochs[-1] if live.epochs else None
        reached = last[3] if last else None
        if live.phase == "failed":
            text = f"Training failed: {live.problem}"
        elif live.phase == "encoding":
            text = "Encoding the responses; training starts when they are vectors."
        elif live.phase == "stopped":
            text = "Training was cancelled; nothing of this run was kept."
        elif live.phase == "assessing":
            text = "Trained. The held-out pairs are being scored, once."
        elif live.refit:
            text = f"Training once more on all training pairs, for {counted(live.best_epoch, 'epoch')}."
        elif reached is not None:
            text = (
                f"Validation accuracy is {number(reached)} "
                f"{bracket(self._interval_text(reached, live.validation_pairs))} at epoch {live.epoch}; "
                f"best so far is epoch {live.best_epoch}."
            )
        else:
            text = f"Training, epoch {live.epoch + 1}."
        self.header.set_headline(text)
        self.header.set_method(
            method_line(
                "Running" if self.desk.training.running else "",
                counted(live.training_pairs, "training pair"),
                f"{counted(live.validation_pairs)} of them for validation",
                counted(live.heldout_pairs, "held-out pair"),
                "no prompt is on both sides",
            )
        )
        self.numbers.set_numbers(
            (
                ("Best epoch", f"{live.best_epoch} of {live.epoch}", f"at most {live.settings.train.epochs}"),
                ("Validation loss", number(last[2] if last else None, 3), f"coin flip {number(COIN_LOSS, 3)}"),
                ("Training loss", number(live.loss[-1][1] if live.loss else None, 3), "last steps, with dropout"),
                ("Speed", f"{live.pairs_per_second:,.0f} /s" if live.pairs_per_second else DASH, "pairs, on CPU"),
                ("Learning rate", f"{live.learning_rate:g}", "can be changed now"),
            )
        )

    def _interval_text(self, share: float, n: int) -> str:
        low, high = wilson(share * n, n)
        return f"95% CI {number(float(low))}–{number(float(high))}" if n else "no validation slice"

    def _show_record(self, run: RunRecord) -> None:
        metrics = run.metrics
        self._show_curves(Curves.of_run(run))
        self.header.set_headline(
            metrics.get("headline") or "Nothing was held out, so how well this head generalises is not known."
        )
        self.header.set_method(
            method_line(
                run.name,
                counted(metrics["train_pairs"], "training pair"),
                counted(metrics["heldout_pairs"], "held-out pair"),
                baselines(metrics, "length", "style"),
                "no prompt is on both sides",
                self._leaking(run),
                "intervals by bootstrap over prompts, differences are paired",
            )
        )
        stopped = {"patience": "by patience", "epochs": "ran all", "person": "you stopped"}
        null = metrics.get("ece_null95")
        self.numbers.set_numbers(
            (
                (
                    "Best epoch",
                    f"{metrics['best_epoch']} of {metrics['epochs']}",
                    stopped.get(metrics.get("stopped", ""), ""),
                ),
                ("Log loss", number(metrics.get("nll"), 3), f"coin flip {number(COIN_LOSS, 3)}"),
                (
                    "ECE",
                    number(metrics.get("ece"), 3),
                    f"chance {number(null, 3)}" if null is not None else "",
                ),
                ("Temperature", number(metrics.get("temperature")), "validation"),
                ("Speed", f"{_rounded(metrics.get('pairs_per_second') or 0):,} /s", "pairs, on CPU"),
            )
        )

    def _leaking(self, run: RunRecord) -> str:
        """How many held-out pairs have nearly a training prompt, where that is known of the split of a run."""
        found = self.desk.quality.leaking(self.desk.state.dataset, run.settings)
        if found is None:
            return ""
        return f"{with_interval(found.share, shares=True, of='held-out pairs')} have nearly a training prompt"

    def _show_nothing(self) -> None:
        self._show_curves(Curves())
        self.header.set_headline("No head yet. Training one on these pairs takes seconds.")
        self.header.set_method("Press Train, or Ctrl+Enter in any pane")
        if (dataset := self.desk.state.dataset) is not None:
            try:
                workflow.need_winners(dataset, self.desk.state.excluded)
            except Problem as problem:
                few = problem.what.removeprefix(f"{dataset.name}: ")
                self.header.set_headline(f"{few[0].upper()}{few[1:]}.")
                self.header.set_method(f"{problem.remedy[0].upper()}{problem.remedy[1:]}")
        self.numbers.set_numbers(
            tuple(
                (name, DASH, "")
                for name in ("Best epoch", "Log loss", "ECE", "Temperature", "Speed")
            )
        )

    # Curves

    def _show_curves(self, curves: Curves) -> None:
        loss = np.array(curves.loss, dtype=float).reshape(-1, 2)
        loss = loss[:: max(1, math.ceil(len(loss) / MOST_POINTS))]
        epochs = np.array(
            [[np.nan if value is None else value for value in row] for row in curves.epochs], dtype=float
        ).reshape(-1, 4)
        x, reached = epochs[:, 0], epochs[:, 3]
        n = max(curves.validation_pairs, 1)
        low, high = wilson(np.nan_to_num(reached) * n, np.full(len(reached), n)) if len(reached) else (reached, reached)
        known = np.isfinite(reached) & (curves.validation_pairs > 0)
        self._train_loss.set_data(loss[:, 0], loss[:, 1])
        self._validation_loss.set_data(x, epochs[:, 2])
        self._train_accuracy.set_data(x, epochs[:, 1])
        self._validation_accuracy.set_data(x, reached, np.where(known, low, np.nan), np.where(known, high, np.nan))
        for name, _ in BASELINES:
            value = curves.baselines.get(name)
            self._rules[name].setVisible(value is not None)
            if value is not None:
                self._rules[name].set_value(value)
        for line in self._best:
            line.setVisible(curves.best > 0)
            line.set_value(curves.best, "best epoch" if line is self._best[0] else "")
        self._set_ranges(curves, loss, epochs, low, high)
        self._set_labels(curves, loss, epochs)
        self.loss.set_table({"epoch": x, "validation_loss": epochs[:, 2]})
        self.accuracy.set_table(
            {"epoch": x, "training_accuracy": epochs[:, 1], "validation_accuracy": reached, "low": low, "high": high}
        )

    def _set_ranges(
        self, curves: Curves, loss: np.ndarray, epochs: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> None:
        last = max(float(epochs[-1, 0]) if len(epochs) else 0.0, float(loss[-1, 0]) if len(loss) else 0.0)
        right = max(5.0, last * self._room_for_labels() if last else 10.0)
        losses = np.concatenate([loss[:, 1], epochs[:, 2], [COIN_LOSS]])
        losses = losses[np.isfinite(losses)]
        bottom, top = min(float(losses.min()), COIN_LOSS - 0.05), max(float(losses.max()), COIN_LOSS + 0.02)
        self.loss.view.set_range((0, right), (bottom - 0.02, top + 0.16 * (top - bottom)))  # room for the name of the best epoch
        shares = np.concatenate([epochs[:, 1], low, high, [0.5], list(curves.baselines.values())])
        shares = shares[np.isfinite(shares) & (shares > 0)]
        self.accuracy.view.set_range(
            (0, right), (min(0.48, float(shares.min())) - 0.01, max(0.6, float(shares.max())) + 0.02)
        )

    def _set_labels(self, curves: Curves, loss: np.ndarray, epochs: np.ndarray) -> None:
        self.loss.view.labels.clear()
        self.accuracy.view.labels.clear()
        end = self.accuracy.view.home_x[1] if self.accuracy.view.home_x else 0.0
        for text, value in self._rule_labels(curves):  # best beyond the ends of the curves
            self.accuracy.view.name_line(text, value, end, (self._train_accuracy, self._validation_accuracy))
        if len(loss) > 1:
            step, value = float(loss[-1, 0]), float(loss[-1, 1])
            self.loss.view.add_label(f"training {number(value, 3)}", step, value, "text2", boxed=False)
        if not len(epochs) or len(epochs) < 2:
            return
        x, trained, validation_loss, reached = (float(value) for value in epochs[-1])
        if math.isfinite(validation_loss):
            self.loss.view.add_label(
                f"validation {number(validation_loss, 3)}", x, validation_loss, weight=600, boxed=False
            )
        if math.isfinite(reached):
            self.accuracy.view.add_label(f"validation {number(reached)}{'' if self._narrow() else ', 95% CI'}", x, reached, weight=600)
        if math.isfinite(trained):
            self.accuracy.view.add_label(f"training {number(trained)}", x, trained, token="text2", boxed=False)

    def _rule_labels(self, curves: Curves) -> list[tuple[str, float]]:
        """Names of the reference lines and the value where each stands; lines too near to be told apart share one.

        A narrow plot has room for two names side by side: the others of a group stand at its lowest line.
        """
        low, high = self.accuracy.view.home_y or (0.0, 1.0)
        near = px(LABEL_HEIGHT) * (high - low) / max(self.accuracy.view.box.height(), 1.0)
        groups: list[list[tuple[float, str]]] = []
        for value, title in sorted((curves.baselines[name], title) for name, title in BASELINES if name in curves.baselines):
            if groups and value - groups[-1][-1][0] < near:
                groups[-1].append((value, title))
            else:
                groups.append([(value, title)])
        parts: list[tuple[list[tuple[float, str]], float]] = []
        for group in groups:
            lower = group[:-2] if self._narrow() else []
            parts += [(lower, group[0][0])] if lower else []
            parts.append((group[len(lower):], group[-1][0]))
        return [(", ".join(f"{title} {number(value)}" for value, title in reversed(part)), at) for part, at in parts]

    def _narrow(self) -> bool:
        return bool(self.accuracy.view.box.width() < px(320))

    def _room_for_labels(self) -> float:
        """By how much the epoch axis is longer than the curves, so that their names fit beside their ends."""
        width, names = float(self.accuracy.view.box.width()), px(112 if self._narrow() else 160)
        return min(max(width / max(width - names, 1.0), 1.25), 1.85)


def _rounded(rate: float) -> int:
    """A rate to two figures: it differs by more from one run to the next."""
    return int(round(rate, 2 - len(str(int(rate)))))
