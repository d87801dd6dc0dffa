"""The inspector: the pair that has the focus, in full, beside whatever pane is shown."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSizePolicy,
    QSplitter,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from rmexplorer.app.commands import COMMANDS
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.data.dataset import TIE
from rmexplorer.data.glance import ASSISTANT, votes_for_label
from rmexplorer.gui.attribution import Attributions, Method, NearestPairs
from rmexplorer.gui.pair_words import length_sentence
from rmexplorer.gui.theme import px, set_font, set_role, themes
from rmexplorer.gui.widgets import (
    DiffView,
    ElidedLabel,
    EmptyState,
    IconButton,
    IconLabel,
    LinkButton,
    RewardStrip,
    Segmented,
    label,
    panel,
    signed,
)
from rmexplorer.gui.widgets.conversation import Conversation
from rmexplorer.gui.widgets.scroll import Scrolled
from rmexplorer.project import Mark
from rmexplorer.statistics import sigmoid
from rmexplorer.wording import number

NOTE_DELAY = 150
PROMPT_CHARACTERS = 420
STRIP_SAMPLE = 20_000
MODES = (("diff", "Diff"), ("attribution", "Attribution"), ("plain", "Plain"))
WHY = ("Strongest", "● made of", "◆ made of")
FACETS = ("source", "subset", "category", "dataset", "domain", "split", "task")


class Inspector(QWidget):
    """Pair, verdict, rewards, prompt, both responses, facts, star and note. Collapses to a strip of icons."""

    turned = Signal(bool)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.is_open = True
        self._shown: tuple[str, int] | None = None  # fingerprint of the dataset and pair
        self._typed = False
        self._width = 0  # when it was last open
        self._whole_prompt = False
        self.setAccessibleName("Inspector")
        set_role(self, "inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._page = QWidget()
        self._strip = QWidget()
        self._nothing = EmptyState("Choose a pair in any pane to read it here.", "", "columns-2")
        for page in (self._page, self._strip, self._nothing):
            self._stack.addWidget(page)
        self._build_strip()
        self._build_page()
        self._note_timer = QTimer(self)
        self._note_timer.setSingleShot(True)
        self._note_timer.setInterval(NOTE_DELAY)
        self._note_timer.timeout.connect(self._keep_note)
        desk.session.changed.connect(self._changed)
        desk.leaving.connect(self._keep_note)
        self.set_open(True)
        self._show_density(desk.state)
        self._refresh(desk.state)

    def sizeHint(self) -> QSize:
        """The width of the guide."""
        return QSize(themes.metrics.inspector if self.is_open else themes.metrics.inspector_strip, px(600))

    # Building

    def _build_strip(self) -> None:
        column = QVBoxLayout(self._strip)
        column.setContentsMargins(px(8), px(10), px(8), px(10))
        opening = IconButton("panel-right-open", "Open the inspector", "Ctrl+I")
        opening.clicked.connect(lambda: self.turn(True))
        column.addWidget(opening)
        column.addStretch(1)

    def _build_page(self) -> None:
        column = QVBoxLayout(self._page)
        column.setContentsMargins(px(12), px(8), px(8), px(10))
        column.setSpacing(px(10))
        column.addLayout(self._head())
        column.addLayout(self._verdict())
        self.strip = RewardStrip()
        column.addWidget(self.strip)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 0, px(2), 0)
        inner.setSpacing(px(10))
        inner.addWidget(self._prompt())
        self.method = Method(wide=False)
        inner.addLayout(self._switch())
        self.method.changed.connect(lambda _: self._refresh(self._desk.state))
        self.method.hide()
        inner.addWidget(self.method)
        self.view = DiffView()
        inner.addWidget(self.view)
        self.near = NearestPairs()
        self.near.chosen.connect(self._desk.look_at)
        self.near.selected.connect(lambda pairs: self._desk.select_rows(pairs, origin="nearest training pairs"))
        inner.addWidget(self.near)
        inner.addStretch(1)
        self.area = Scrolled(inner, "Prompt and responses")
        column.addWidget(self.area, 1)
        column.addLayout(self._facts())
        self.attributions = Attributions(self._desk, self.view, self.near, self.method, self._say_why)
        column.addLayout(self._actions())

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(6))
        self.title = label("Pair", font_role="title")
        self.where = ElidedLabel("", "secondary", "small")
        self.place = label("", "secondary", "small")
        previous = IconButton("chevron-left", "Previous pair", "Alt+←")
        previous.clicked.connect(lambda: self._desk.step(-1))
        following = IconButton("chevron-right", "Next pair", "Alt+→")
        following.clicked.connect(lambda: self._desk.step(1))
        close = IconButton("panel-right-close", "Close the inspector", "Ctrl+I")
        close.clicked.connect(lambda: self.turn(False))
        row.addWidget(self.title)
        row.addWidget(self.where, 1)
        row.addStretch()
        for widget in (self.place, previous, following, close):
            row.addWidget(widget)
        return row

    def _verdict(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(px(6))
        self.sign = IconLabel("circle-check", "green", 15)
        self.verdict = label("", weight=500)
        self.chance = label("", "secondary", "small")
        self.probability = label("", font_role="title")
        for widget in (self.sign, self.verdict):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.chance)
        row.addWidget(self.probability)
        return row

    def _prompt(self) -> QWidget:
        box = panel("sunken")
        box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(box)
        column.setContentsMargins(px(10), px(8), px(10), px(8))
        column.setSpacing(px(4))
        column.addWidget(label("Prompt", "secondary", "small_strong"))
        self.prompt = Conversation()
        self.more = LinkButton("Show the whole prompt")
        self.more.clicked.connect(self._show_whole_prompt)
        column.addWidget(self.prompt)
        column.addWidget(self.more)
        return box

    def _switch(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.mode = Segmented(MODES, name="How responses are shown")
        self.legend = label("On one side only", "hint", "small")
        self.mode.changed.connect(self._mode)
        row.addWidget(self.mode)
        row.addStretch(1)
        row.addWidget(self.legend)
        row.addWidget(self.method.legend)
        self.method.legend.hide()
        return row

    def _facts(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(px(4))
        self.facts: dict[str, tuple[QWidget, QLabel]] = {}
        for name in ("Votes", "Length", "Models", "File", *WHY):
            line = QWidget()
            row = QHBoxLayout(line)
            row.setContentsMargins(0, 0, 0, 0)
            key = label(name, "secondary", "small")
            key.setFixedWidth(label(WHY[2], "secondary", "small").sizeHint().width() + px(8))
            value = ElidedLabel("", "", "small", 500)
            row.addWidget(key)
            row.addWidget(value, 1)
            row.addStretch()
            self.facts[name] = (line, value)
            column.addWidget(line)
        return column

    def _actions(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(px(6))
        row = QHBoxLayout()
        row.setSpacing(px(6))
        self.star = IconButton("star", "Star this pair", "Ctrl+D", checkable=True)
        self.star.clicked.connect(self._desk.marks.toggle_star)
        copy = IconButton("copy", "Copy this pair", "Ctrl+Shift+C")
        copy.clicked.connect(lambda: COMMANDS["copy_pair"].run(self._desk))
        self.note = QPlainTextEdit()
        self.note.setPlaceholderText("Note on this pair, kept as you type")
        self.note.setAccessibleName("Note on this pair")
        self.note.setTabChangesFocus(True)
        self.note.setFixedHeight(px(44))
        set_font(self.note, "small")
        self.note.textChanged.connect(self._note_typed)
        row.addWidget(self.note, 1)
        row.addWidget(self.star, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(copy, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(row)
        return column

    # Showing

    def set_open(self, is_open: bool) -> None:
        """Open to its width, or close to a strip of icons."""
        self.is_open = is_open
        metrics = themes.metrics
        self.setMinimumWidth(metrics.inspector_min if is_open else metrics.inspector_strip)
        self.setMaximumWidth(metrics.inspector_max if is_open else metrics.inspector_strip)
        self._refresh(self._desk.state)
        self.updateGeometry()
        self._take_room()

    def _take_room(self) -> None:
        """Give the rest of the splitter to the pane: a splitter keeps the old sizes where only the limits change."""
        splitter = self.parentWidget()
        if isinstance(splitter, QSplitter) and len(splitter.sizes()) == 2 and any(splitter.sizes()):
            metrics, here = themes.metrics, splitter.sizes()[1]
            if here >= metrics.inspector_min:
                self._width = here
            width = (self._width or metrics.inspector) if self.is_open else metrics.inspector_strip
            splitter.setSizes([sum(splitter.sizes()) - width, width])

    def turn(self, is_open: bool) -> None:
        """Open or close because a person asked for it."""
        self.set_open(is_open)
        self.turned.emit(is_open)

    def edit_note(self) -> None:
        """Put the keyboard into the note."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _changed(self, state: State, names: frozenset[str]) -> None:
        if names & {"dataset", "rewards"}:
            self._show_density(state)
        if names & {"dataset", "rewards", "checkpoint", "focus", "selection", "marks", "matching"}:
            self._refresh(state)

    def _show_density(self, state: State) -> None:
        rewards = state.rewards.response if state.rewards is not None else np.zeros(0)
        self.strip.set_rewards(rewards[:: max(1, len(rewards) // STRIP_SAMPLE)])

    def _refresh(self, state: State) -> None:
        if not self.is_open:
            self._stack.setCurrentWidget(self._strip)
            return
        if state.dataset is None or state.focus is None or state.focus >= len(state.dataset):
            self._stack.setCurrentWidget(self._nothing)
            return
        self._stack.setCurrentWidget(self._page)
        shown = (state.dataset.fingerprint, state.focus)
        if shown != self._shown:
            self._keep_note()
            self._whole_prompt = False
            self.area.verticalScrollBar().setValue(0)
        self._shown = shown
        self._show_head(state, state.focus)
        self._show_rewards(state, state.focus)
        self._show_facts(state, state.focus)
        self._show_attribution(state, state.focus)
        mark = state.marks.get(state.focus, Mark())
        self.star.setChecked(mark.star)
        if self.note.toPlainText() != mark.note and not self._typed:
            blocked = self.note.blockSignals(True)
            self.note.setPlainText(mark.note)
            self.note.blockSignals(blocked)

    def _show_head(self, state: State, pair: int) -> None:
        assert state.dataset is not None
        parts = [
            str(state.dataset.extras[name][pair])
            for name in FACETS
            if name in state.dataset.extras.columns and state.dataset.extras[name][pair] is not None
        ][:1]
        if state.rewards is not None and state.rewards.source == "model":
            parts.append("held-out" if state.rewards.heldout[pair] else "training")
        self.title.setText(f"Pair {pair + 1:,}")
        self.where.setText(" · ".join(parts))
        self.where.updateGeometry()
        place, count = self._desk.place_of(pair)
        self.place.setText("" if place is None else f"{place + 1:,} of {count:,}")

    def _show_rewards(self, state: State, pair: int) -> None:
        dataset = state.dataset
        assert dataset is not None
        tie = bool(dataset.winner[pair] == TIE)
        texts = dataset.responses["text"]
        chosen, rejected = texts[int(dataset.chosen[pair])], texts[int(dataset.rejected[pair])]
        values: tuple[float | None, float | None] = (None, None)
        if state.rewards is not None:
            first, second = float(state.rewards.first[pair]), float(state.rewards.second[pair])
            better, worse = (second, first) if dataset.winner[pair] == -1 else (first, second)
            values = (better if np.isfinite(better) else None, worse if np.isfinite(worse) else None)
        self.view.chosen.set_kind(*(("people", "First") if tie else ("chosen", "Chosen")))
        self.view.rejected.set_kind(*(("people", "Second") if tie else ("rejected", "Rejected")))
        self.view.set_pair(chosen.strip(), rejected.strip(), *values)
        self._show_prompt(dataset.prompts["text"][int(dataset.prompt[pair])])
        self._show_verdict(tie, *values)

    def _show_verdict(self, tie: bool, better: float | None, worse: float | None) -> None:
        known = better is not None and worse is not None
        self.strip.setVisible(known)
        if better is None or worse is None:
            self.sign.set_icon("users", "text3")
            self.verdict.setText("The label is a tie" if tie else "Labels prefer the chosen")
            self.chance.setText("no reward yet")
            self.probability.setText("")
            return
        self.strip.set_marks([("1", better), ("2", worse)] if tie else [("chosen", better), ("rejected", worse)])
        margin = better - worse
        if tie:
            self.sign.set_icon("info", "text3")
            self.verdict.setText("The label is a tie")
        elif margin == 0:
            self.sign.set_icon("info", "text3")
            self.verdict.setText("Model gives both the same")
        elif margin > 0:
            self.sign.set_icon("circle-check", "green")
            self.verdict.setText("Model agrees with the label")
        else:
            self.sign.set_icon("triangle-alert", "amber_text")
            self.verdict.setText("Model prefers the rejected one")
        self.chance.setText("P(first)" if tie else "P(chosen)")
        self.probability.setText(number(float(sigmoid(np.array(margin)))))
        self.probability.setToolTip(f"σ(margin), margin {signed(margin)}")

    def _show_prompt(self, text: str) -> None:
        text = ASSISTANT.sub("", text).strip()
        long = len(text) > PROMPT_CHARACTERS and not self._whole_prompt
        self.more.setVisible(long)
        self.prompt.set_text(text or "(no prompt)", PROMPT_CHARACTERS if long else 0)

    def _show_whole_prompt(self) -> None:
        self._whole_prompt = True
        self._refresh(self._desk.state)

    def _show_facts(self, state: State, pair: int) -> None:
        dataset = state.dataset
        assert dataset is not None and state.frame is not None
        row = dataset.pairs.row(pair, named=True)
        chars = (state.frame["chars_chosen"][pair], state.frame["chars_rejected"][pair])
        models = (
            (row["model_first"], row["model_second"])
            if row["winner"] != -1
            else (row["model_second"], row["model_first"])
        )
        where = f"line {row['line']:,}" if row["line"] is not None else f"record {row['record'] + 1:,}"
        self._fact("Votes", self._votes(state, pair, row["winner"]))
        names = ("First", "Second") if row["winner"] == TIE else ("Chosen", "Rejected")
        signs = "○○" if row["winner"] == TIE else "●◆"
        self._fact("Length", length_sentence(*chars, names))
        self._fact("Models", f"{signs[0]} {models[0] or '–'}   {signs[1]} {models[1] or '–'}" if any(models) else "")
        strength = f" · strength {number(row['strength'])}" if row["strength"] is not None else ""
        self._fact("File", where + strength)

    def _votes(self, state: State, pair: int, winner: int) -> str:
        assert state.dataset is not None
        agree, votes = (int(count[0]) for count in votes_for_label(state.dataset, np.array([pair])))
        what = "call it a tie" if winner == TIE else "prefer the chosen response"
        return f"{agree} of {votes} {what}" if votes > 1 else ""

    def _fact(self, name: str, text: str) -> None:
        line, value = self.facts[name]
        line.setVisible(bool(text))
        value.setText(text)
        value.updateGeometry()

    def _mode(self, mode: str) -> None:
        self.view.set_mode(mode)
        self.legend.setVisible(mode == "diff")
        for part in (self.method, self.method.legend):
            part.setVisible(mode == "attribution")
        if self._desk.state.focus is not None:
            self._show_attribution(self._desk.state, self._desk.state.focus)

    def _show_attribution(self, state: State, pair: int) -> None:
        """Words coloured by what they add, where that mode is on and a head can score new texts."""
        why = self.attributions.why_not(state)
        self.mode.disable("attribution", why)
        if why and self.mode.current() == "attribution":
            self.mode.set_current("diff")
            self._mode("diff")
        if self.mode.current() == "attribution":
            self.attributions.show(state, pair)
        else:
            self.attributions.forget()
            self._say_why("", "", "")

    def _say_why(self, *said: str) -> None:
        for name, text in zip(WHY, said, strict=True):
            self._fact(name, text)

    # Notes

    def _note_typed(self) -> None:
        self._typed = True
        self._note_timer.start()

    def _keep_note(self) -> None:
        """Write the note of the pair that was shown; called soon after each key and before another pair is shown."""
        self._note_timer.stop()
        if self._typed and self._shown is not None:
            self._typed = False
            self._desk.marks.keep_note(*self._shown, self.note.toPlainText())
