"""The top bar: what is open, what scores it, the filter, the selection, every command."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QWidget

from rmexplorer.app.commands import COMMANDS
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.data import query
from rmexplorer.gui.mark import AppMark
from rmexplorer.gui.theme import px, set_font, set_role, themes
from rmexplorer.gui.widgets import Chip, GhostButton, IconButton, TokenField, split_tokens
from rmexplorer.wording import counted

SCOPES = (("heldout", "Held-out pairs"), ("training", "Training pairs"), ("all", "All pairs"))


class TopBar(QWidget):
    """Mark and name, dataset chip, model chip, filter field, selection chip, Commands, theme.

    `filtered(text)` when a person enters a filter.
    """

    filtered = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.setAccessibleName("Top bar")
        set_role(self, "topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(themes.metrics.topbar)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), 0, px(12), 0)
        row.setSpacing(px(8))
        row.addWidget(AppMark(20))
        self.name = QLabel("rmexplorer")
        set_font(self.name, "title")
        row.addWidget(self.name)
        row.addSpacing(px(12))
        self.dataset = Chip("No dataset", "", "database", menu=True)
        self.dataset.clicked.connect(self._dataset_menu)
        self.model = Chip("No model", "", "cpu", menu=True)
        self.model.clicked.connect(self._model_menu)
        self.filter = TokenField("Filter pairs, e.g. source:alpha words>200")
        self.filter.setMinimumWidth(px(240))
        self.filter.tokensChanged.connect(lambda tokens: self.filtered.emit(" ".join(tokens)))
        self.filter.set_completions(self._complete)
        self.selection = Chip("", "", "square-dashed", "plum", closable=True)
        self.selection.closed.connect(desk.clear)
        self.selection.clicked.connect(lambda: desk.step(1))
        self.commands = GhostButton("Commands", "command", "Ctrl+K")
        self.commands.clicked.connect(lambda: COMMANDS["palette"].run(desk))
        self.theme = IconButton("moon", "Light or dark", "Ctrl+Shift+L")
        self.theme.clicked.connect(lambda: COMMANDS["toggle_theme"].run(desk))
        self.help = IconButton("circle-question-mark", "Keys and help", "F1")
        self.help.clicked.connect(lambda: COMMANDS["show_help"].run(desk))
        for widget in (self.dataset, self.model):
            row.addWidget(widget)
        row.addWidget(self.filter, 1)
        for last in (self.selection, self.commands, self.theme, self.help):
            row.addWidget(last)
        self.show_state(desk.state)

    def set_compact(self, compact: bool) -> None:
        """Leave out words where the window is narrow."""
        self.name.setVisible(not compact)
        self.commands.setVisible(not compact)

    def show_state(self, state: State) -> None:
        """Show what is open, scored, filtered and selected."""
        dataset, rewards = state.dataset, state.rewards
        first = "first " if state.partial is not None else ""
        self.dataset.set_text(
            dataset.name if dataset else "No dataset", f"{first}{counted(len(dataset))} pairs" if dataset else ""
        )
        self.model.disable("" if dataset else "Open a dataset first.")
        if rewards is None:
            self.model.set_text("No model")
        else:
            reached = rewards.metrics.get("heldout_accuracy")
            alone = (rewards.metrics.get("baselines") or {}).get("length")
            beside = "" if alone is None else f", length {alone:.2f}"
            self.model.set_text(rewards.name, f"accuracy {reached:.2f}{beside}" if reached is not None else "")
        self.filter.set_enabled_reason("" if dataset else "Filter pairs once a dataset is open")
        if " ".join(self.filter.tokens()) != state.query:
            self.filter.set_tokens(split_tokens(state.query))
        matching = state.matching
        self.filter.set_note(
            "" if matching is None or dataset is None else f"{counted(int(np.count_nonzero(matching)))} of {counted(len(dataset))}"
        )
        chosen = state.selection
        self.selection.setVisible(chosen.mask is not None)
        if chosen.mask is not None:
            self.selection.set_text(f"{counted(chosen.count)} {'pair' if chosen.count == 1 else 'pairs'} selected")
            self.selection.setToolTip(
                f"{chosen.origin}. Esc clears the selection." if chosen.origin else "Esc clears the selection."
            )
        self.theme.set_icon("sun" if themes.colors.dark else "moon")

    def restyle(self) -> None:
        """Show the sign of the other theme."""
        self.theme.set_icon("sun" if themes.colors.dark else "moon")

    def _complete(self, word: str) -> list[str]:
        return query.completions(self._desk.filter_frame(), word)

    def _dataset_menu(self) -> None:
        menu = QMenu(self)
        menu.setAccessibleName("Dataset")
        for name in ("open_dataset", "open_folder", "open_hub", "paste_pairs", "open_demo", "export_pairs"):
            command = COMMANDS[name]
            action = menu.addAction(command.title)
            action.setShortcut(command.key)
            action.setEnabled(command.when(self._desk.state))
            action.triggered.connect(lambda _=False, run=command.run: run(self._desk))
        recent = self._desk.project.recent(6)
        if recent:
            menu.addSection("Recent")
        for one in recent:
            action = menu.addAction(f"{one.name} · {counted(one.pairs)} pairs")
            action.setEnabled(one.is_there)
            action.triggered.connect(lambda _=False, paths=one.paths: self._desk.open(paths))
        self._pop(menu, self.dataset)

    def _model_menu(self) -> None:
        state = self._desk.state
        menu = QMenu(self)
        menu.setAccessibleName("Model")
        for run in state.runs[:12]:
            reached = run.metrics.get("heldout_accuracy")
            action = menu.addAction(
                f"{run.name} · {f'accuracy {reached:.2f}' if reached is not None else 'nothing held out'}"
            )
            action.setCheckable(True)
            action.setChecked(run.id == state.run)
            action.triggered.connect(lambda _=False, key=run.id: self._desk.use_run(key))
        if state.dataset is not None and state.dataset.score_columns:
            action = menu.addAction(f"Scores of the file ({', '.join(state.dataset.score_columns)})")
            action.setCheckable(True)
            action.setChecked(state.rewards is not None and state.rewards.source == "columns")
            action.triggered.connect(self._desk.use_columns)
        if state.rewards is not None:
            menu.addSection("Count")
            for key, title in SCOPES:
                action = menu.addAction(title)
                action.setCheckable(True)
                action.setChecked(state.scope == key)
                action.triggered.connect(lambda _=False, scope=key: self._desk.set_scope(scope))
        menu.addSeparator()
        for name in ("train_or_pause", "load_head", "save_head"):
            command = COMMANDS[name]
            action = menu.addAction(command.title)
            action.setShortcut(command.key)
            action.setEnabled(command.when(state))
            action.triggered.connect(lambda _=False, act=command.run: act(self._desk))
        self._pop(menu, self.model)

    def _pop(self, menu: QMenu, chip: Chip) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(chip.mapToGlobal(QPoint(0, chip.height() + 4)))
