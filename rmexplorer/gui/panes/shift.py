"""Shift: is this new set like what the model learnt from?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout

from rmexplorer.app.jobs import Run
from rmexplorer.app.state import State
from rmexplorer.app.training import head_file
from rmexplorer.data.dataset import Dataset
from rmexplorer.gui.hunt_cards import ForestCard
from rmexplorer.gui.pane import Pane, pane
from rmexplorer.gui.reading import ReadingDialog
from rmexplorer.gui.shift_cards import FamiliarityCard, SetsCard, StrangeCard, feature_name, feature_row
from rmexplorer.gui.status import progress_sentence
from rmexplorer.gui.theme import px, themes
from rmexplorer.job import Progress
from rmexplorer.paths import keep_pasted
from rmexplorer.problem import Problem
from rmexplorer.wording import counted, number
from rmexplorer.workflows.columns import source_counts
from rmexplorer.workflows.sets import SetSpec, frozen
from rmexplorer.workflows.shifting import method, read_result, result_path

AT_ONCE = 20_000  # pairs that are compared as soon as the pane is shown; more wait for a click
FILE, PASTE = "another file", "pasted"
MOST_SOURCES = 12
OFFERED = frozenset({"selection", "query", "matching"})
FORMULA = (
    "A logistic classifier on the vectors tells new rows from known ones, cross-validated in five folds that share no prompt; AUC is the "
    "chance that it puts a new row above a known one. The encoder is fitted on both sets for this, so that it knows neither better. "
    "The sets differ where the interval of the AUC leaves out 0.5 and p of the discrepancy is below 0.05. Stability index: "
    "Σ (new − known) ln(new / known) over ten bins of equal mass; grey is what 95% of random swaps of whole prompts give. MMD: squared "
    "maximum mean discrepancy with a Gaussian kernel, p by swapping prompts. Distance of a prompt: one minus the mean cosine to its "
    "five nearest known prompts. Length only: the longer (or shorter) response, one direction for all groups. Leaks: the same text, or "
    "Jaccard similarity of character 5-grams of at least 0.8."
)


@pane
class ShiftPane(Pane):
    """Two sets, what differs, accuracy by familiarity, and the unfamiliar responses that are paid for."""

    name = "shift"
    title = "Shift"
    question = "Is this new set like what the model learnt from?"
    icon = "arrow-left-right"
    group = "Use"
    order = 3
    reads = frozenset({"dataset", "rewards", "checkpoint"})
    also_asks = ("second set",)
    inspects = False
    result: dict[str, Any] | None

    def build(self) -> None:
        """The sets above, two figures, the list below."""
        self.header.set_computed(FORMULA, "rmexplorer analyze FILE --model MODEL --against FILE2 --json")
        self.sets = SetsCard()
        self.sets.chosen.connect(self._chosen)
        self.sets.swapped.connect(self._swap)
        self.body.addWidget(self.sets)
        row = QHBoxLayout()
        row.setSpacing(themes.metrics.card_gap)
        self.features = ForestCard("What differs", "Population stability index, 95% CI →", name_width=150, right_width=130, kind="number",
                                   row_height=23)
        self.features.chosen.connect(self._pick_feature)
        self.familiarity = FamiliarityCard()
        self.familiarity.chosen.connect(self._pick_group)
        row.addWidget(self.features, 6)
        row.addWidget(self.familiarity, 5)
        self.body.addLayout(row, 5)
        self.strange = StrangeCard()
        self.strange.viewed.connect(self._show_list)
        self.strange.looked.connect(self._look)
        self.strange.opened.connect(self._open)
        self.strange.add_tool("square-dashed", "Select the pairs of this list", self._pick_list)
        self.body.addWidget(self.strange, 4)
        self._extra: dict[str, SetSpec] = {}  # files and prompts that a person added, and frozen selections
        self._now = ("", "")
        self._running = ""
        self._run: Run | None = None
        self._asked = False
        self._of: Any = None
        self._sources: tuple[Dataset | None, list[tuple[str, int]]] = (None, [])
        self.reading: ReadingDialog | None = None
        self.rows: list[dict[str, Any]] = []

    @classmethod
    def why_empty(cls, state: State) -> str:
        """It needs a dataset."""
        if state.dataset is None:
            return "Open a dataset first."
        return "" if len(state.dataset) else "There are no pairs to compare."

    @property
    def settled(self) -> bool:
        """Whether nothing is compared or drawn any more."""
        return super().settled and not self._running

    # The sets

    def choices(self, state: State) -> dict[str, SetSpec]:
        """The sets that can be compared, by key."""
        dataset, folder = state.dataset, str(state.folder or "")
        assert dataset is not None
        found: dict[str, SetSpec] = {}

        def put(key: str, kind: str, name: str, text: str, n: int) -> None:
            found[key] = SetSpec(kind, folder, name, f"{text} · {counted(n, 'pair')}")

        if self._ours(state) and state.rewards is not None:
            put("training", "training", "", "Training", int((~state.rewards.heldout).sum()))
            put("heldout", "heldout", "", "Held-out", int(state.rewards.heldout.sum()))
        put("all", "all", "", dataset.name, len(dataset))
        if self._sources[0] is not dataset:
            self._sources = dataset, source_counts(dataset)[:MOST_SOURCES]
        for name, n in self._sources[1]:
            put(f"source {name}", "source", name, name, n)
        return found | self._extra

    def _ours(self, state: State) -> bool:
        head = state.checkpoint
        return (head is not None and state.dataset is not None and head.dataset_fingerprint == state.dataset.fingerprint
                and state.rewards is not None and bool(state.rewards.heldout.any()) and not bool(state.rewards.heldout.all()))

    def _fill(self, state: State) -> None:
        """Choices of both boxes; what was chosen stays where it can."""
        if self._of is not state.dataset:
            self._extra = {key: spec for key, spec in self._extra.items() if spec.kind == "prompts"}
            self._of, self._now, self._asked = state.dataset, ("", ""), False
        found = self.choices(state)
        sources = [key for key in found if key.startswith("source ")]
        default = ("training", "heldout") if "training" in found else (sources[0], sources[1]) if len(sources) > 1 else ("all", "")
        first = self._now[0] if self._now[0] in found else default[0]
        second = self._now[1] if self._now[1] in found else default[1]
        self._now = (first, second)
        known = [(key, spec.label) for key, spec in found.items() if spec.kind != "prompts"]
        new = [(key, spec.label) for key, spec in found.items()]
        more = []
        if state.selection.mask is not None:
            more += [("selected", "The pairs selected now"), ("rest", "The pairs not selected now")]
        if state.query and state.matching is not None:
            more += [("filtered", "The pairs that pass the filter"), ("filtered out", "The pairs that do not pass it")]
        asks = [(FILE, "Another file …"), (PASTE, "Prompts on the clipboard …")]
        lead = [] if second else [("", "Choose a new set")]
        self.sets.set_choices([*known, *more], [*lead, *new, *more, *asks], self._now)

    def _changed(self, state: State, names: frozenset[str]) -> None:
        if names & self.reads:
            self._drop()
        super()._changed(state, names)
        if names & OFFERED and not self._dirty and self.why_empty(state) == "":
            self._fill(state)  # a selection or a filter is a set to choose

    def _chosen(self) -> None:
        keys = list(self.sets.keys())
        for place, key in enumerate(keys):
            if key in ("selected", "rest", "filtered", "filtered out"):
                keys[place] = self._freeze(key)
            elif key in (FILE, PASTE):
                keys[place] = self._now[place]
                (self._open_file if key == FILE else self._paste)()
        self._take((keys[0], keys[1]))

    def _take(self, keys: tuple[str, str]) -> None:
        if keys != self._now:
            self._now, self._asked = keys, True
        self.compute_again()

    def _swap(self) -> None:
        spec = self.choices(self.desk.state).get(self._now[1])
        if spec is not None and spec.kind != "prompts":
            self._take((self._now[1], self._now[0]))

    def _freeze(self, key: str) -> str:
        """The pairs selected or filtered now, or all others, as a set that stays when they change; returns its key."""
        state = self.desk.state
        of_filter = key.startswith("filtered")
        mask = state.matching if of_filter else state.selection.mask
        if mask is None:
            return self._now[0]
        inside = key in ("selected", "filtered")
        name = state.query if of_filter else state.selection.origin or "the selection"
        rows = np.flatnonzero(mask if inside else ~mask)
        path = frozen(rows)
        self._extra[path] = SetSpec("pairs", str(state.folder or ""), path,
                                    f"{name if inside else f'all but {name}'} · {counted(len(rows), 'pair')}")
        return path

    def _open_file(self) -> None:
        path = self.desk.ui.choose_open("Compare with a second file", "")
        if path:
            self.add_file(path)

    def add_file(self, path: str) -> None:
        """Read a second file in the worker process and compare with it."""

        def opened(folder: str) -> None:
            self._extra[folder] = SetSpec("all", folder, "", Path(path).name)
            self._take((self._now[0], folder))

        self.desk.jobs.order(f"Opening {Path(path).name}", "rmexplorer.workflows.opening", "open_files", ([path],), done=opened,
                             failed=self.desk.report)

    def _paste(self) -> None:
        self.add_prompts(self.desk.ui.clipboard())

    def add_prompts(self, text: str) -> None:
        """Compare with prompts: one a line, or paragraphs."""
        if not text.strip():
            self.desk.report(Problem("there is no text on the clipboard", "copy one prompt a line first"))
            return
        try:
            path = keep_pasted(text)
        except Problem as problem:
            self.desk.report(problem)
            return
        self._extra[path.name] = SetSpec("prompts", "", str(path), "Pasted prompts")
        self._take((self._now[0], path.name))

    # Computing

    def prepare(self, state: State) -> Callable[[], dict[str, Any]] | None:
        """The comparison of the two sets: from the cache, or ordered from the worker process."""
        self._fill(state)
        found = self.choices(state)
        first, second = found.get(self._now[0]), found.get(self._now[1])
        if first is None or second is None:
            self._wait("Choose a new set to compare with: another source, a second file, or prompts.", "", None)
            return None
        if self._now[0] == self._now[1]:
            self._wait("The two sets are the same. Choose another one.", "", None)
            return None
        head = "" if state.checkpoint is None else str(head_file(state.checkpoint))
        path = result_path(first, second, head)
        if path.exists():
            return lambda: read_result(path)
        if state.dataset is not None and len(state.dataset) > AT_ONCE and not self._asked:
            self._wait(f"Comparing {counted(len(state.dataset), 'pair')} takes a while.", "Compare", self._start)
            return None
        if self._running != path.name:
            self._drop()
            self._running = path.name
            for card in (self.features, self.familiarity, self.strange):
                card.show_loading("Comparing both sets")
            self._run = self.desk.jobs.order(
                "Comparing sets", "rmexplorer.workflows.shifting", "shift_folders", (first.as_text(), second.as_text(), head),
                done=lambda _: self._ended(path.name), failed=self._failed, cancelled=self._cancelled, each=self._beat)
        return None

    def _drop(self) -> None:
        """Stop a comparison of sets that are not asked for any more."""
        if self._run is not None:
            self.desk.jobs.drop(self._run)
        self._run, self._running = None, ""

    def _beat(self, progress: Progress) -> None:
        """Say in the first card what is done now; the status strip has the rate and the time left."""
        if self._run is not None:
            self.features.show_loading(progress_sentence(self._run) or "Comparing both sets")

    def _start(self) -> None:
        self._asked = True
        self.compute_again()

    def _ended(self, name: str) -> None:
        if self._running == name:
            self._run, self._running = None, ""
            self.compute_again()

    def _failed(self, problem: Problem) -> None:
        self._run, self._running = None, ""
        self._wait("The sets were not compared.", "Try again", self._start)
        self.features.show_error(problem, button="Try again", slot=self._start)

    def _cancelled(self) -> None:
        self._run, self._running = None, ""
        self._wait("The sets were not compared.", "Compare", self._start)

    def _wait(self, sentence: str, button: str, slot: Callable[[], None] | None) -> None:
        self.header.set_headline("")
        self.header.set_method("")
        self.sets.strip.show_auc(None, None)
        self.features.show_empty(sentence, button, slot)
        self.familiarity.show_empty("Accuracy by distance to the known prompts.")
        self.strange.show_empty("New responses that are far from the known prompts.")

    # Drawing

    def draw(self, result: dict[str, Any] | None) -> None:
        """Headline, features, groups and the list."""
        if result is None:
            return
        self._headline = result["headline"]
        self.header.set_headline(self._headline)
        apart = result["mmd"]
        said = "" if apart is None else f"MMD² {number(apart['value'], 4)}, permutation p {number(apart['p'], 3)}"
        self.header.set_method(f"{method(result)} · {said}" if said else method(result))
        self.sets.strip.show_auc(result["auc"]["value"], result["auc"]["ci"])
        features = result["features"]
        self.features.set_subtitle("grey: what no shift gives (95%)")
        if features:
            self.features.show_rows([feature_row(row) for row in features], self._headline, f"{result['first']} against {result['second']}",
                                    from_zero=True)
            self.features.set_table({
                **{key: [row[key] for row in features] for key in ("feature", "of", "psi", "no_shift95", "q")},
                **{end: [(row["ci"] or [np.nan] * 2)[at] for row in features] for at, end in enumerate(("low", "high"))},
                **{end: [row["n"][at] for row in features] for at, end in enumerate(("n_known", "n_new"))},
            })
        else:
            self.features.show_empty("Features need at least two prompts on each side.")
        self.familiarity.show_groups(result["familiarity"], result["heldout_accuracy"], self._headline)
        self._show_list()

    def _show_list(self) -> None:
        if self.result is not None:
            self.rows = self.strange.show_list(self.strange.switch.current(), self.result)

    def mark(self, state: State) -> None:
        """Mark the feature and the group whose pairs are selected."""
        origin = state.selection.origin if state.selection.mask is not None else ""
        names = [] if self.result is None else [feature_name(row["feature"]) for row in self.result["features"]]
        self.features.select(names.index(origin) if origin in names else -1)
        if self.familiarity.points is not None:
            groups = [f"familiarity {place + 1}" for place in range(len(self.familiarity.points.x))]
            self.familiarity.points.select(groups.index(origin) if origin in groups else -1)

    # What the person does

    def _select(self, rows: np.ndarray, origin: str) -> None:
        """Select pairs of the new set; where it is another file's, they are read beside it."""
        spec = self.choices(self.desk.state).get(self._now[1])
        if spec is None or spec.kind == "prompts" or not len(rows):
            return
        if spec.folder == str(self.desk.state.folder or ""):
            self.select_rows(rows, origin, QGuiApplication.keyboardModifiers())
        else:
            self._with_new_set(lambda dataset: self._read(dataset, rows, origin))

    def _with_new_set(self, act: Callable[[Dataset], None]) -> None:
        """Open the dataset of the new set in the thread of figures, unless it is the open one, and act on it."""
        state = self.desk.state
        spec = self.choices(state).get(self._now[1])
        if spec is None or spec.kind == "prompts":
            return
        if state.dataset is not None and spec.folder == str(state.folder or ""):
            act(state.dataset)
            return

        def opened(dataset: Dataset | None, error: Exception | None) -> None:
            if dataset is not None:
                act(dataset)
            elif isinstance(error, Problem):
                self.desk.report(error)

        self.desk.compute.ask("second set", lambda: Dataset.open(Path(spec.folder)), opened, f"Opening {spec.label}")

    def _read(self, dataset: Dataset | None, rows: np.ndarray, what: str, texts: Sequence[str] = (), at: int = 0) -> None:
        """Show pairs of another file, or prompts, one after the other."""
        name = "" if self.result is None else str(self.result["second"])
        self.reading = ReadingDialog(self.desk, f"{name} · {what}", dataset, rows, texts, self)
        self.reading.show_at(at)
        self.reading.open()

    def _pick_feature(self, place: int) -> None:
        if self.result is None or not 0 <= place < len(self.result["features"]):
            return
        row = self.result["features"][place]
        responses = np.array(row["responses"], np.int64)

        def select(dataset: Dataset) -> None:
            there = np.isin(dataset.chosen, responses) | np.isin(dataset.rejected, responses)
            self._select(np.flatnonzero(there), feature_name(row["feature"]))

        self._with_new_set(select)

    def _pick_group(self, place: int) -> None:
        if self.result is not None and 0 <= place < len(self.result["familiarity"]):
            self._select(np.array(self.result["familiarity"][place]["pairs"], np.int64), f"familiarity {place + 1}")

    def _pick_list(self) -> None:
        pairs = np.unique([row["pair"] for row in self.rows if row.get("pair", -1) >= 0]).astype(np.int64)
        self._select(pairs, "unfamiliar responses")

    def _look(self, place: int) -> None:
        """A row that is arrived at: the inspector follows, where it is of the open dataset."""
        spec = self.choices(self.desk.state).get(self._now[1])
        if spec is not None and spec.folder == str(self.desk.state.folder or "") and 0 <= place < len(self.rows):
            pair = int(self.rows[place].get("pair", -1))
            if pair >= 0:
                self.desk.look_at(pair)

    def _open(self, place: int) -> None:
        """A row that is pressed: read in the inspector, or beside the window where it is not of the open dataset."""
        spec = self.choices(self.desk.state).get(self._now[1])
        if spec is None or not 0 <= place < len(self.rows):
            return
        if spec.kind == "prompts" or self.strange.switch.current() == "leaks":
            self._read(None, np.zeros(0, np.int64), "prompts", [row["prompt"] for row in self.rows], place)
        elif spec.folder == str(self.desk.state.folder or ""):
            self._look(place)
            self.desk.ui.open_inspector()
        else:
            pairs = list(dict.fromkeys(int(row["pair"]) for row in self.rows if row["pair"] >= 0))
            pair = int(self.rows[place]["pair"])
            at = pairs.index(pair) if pair in pairs else 0
            self._with_new_set(lambda dataset: self._read(dataset, np.array(pairs, np.int64), "unfamiliar responses", (), at))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow pane has less room for names."""
        super().resizeEvent(event)
        narrow = self.width() < px(900)
        self.features.forest.name_width = 120 if narrow else 150
        self.features.forest.shape.right = 108 if narrow else 130
        if self.result is not None:
            self.features.forest.set_rows(self.features.forest.model.rows)
