"""The window: top bar, rail, panes, inspector and status strip around one session."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from rmexplorer.app.commands import COMMANDS, Command, why_not
from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.gui import mapping_page
from rmexplorer.gui.dropborder import DropBorder
from rmexplorer.gui.export_form import ExportForm
from rmexplorer.gui.frame import Frame
from rmexplorer.gui.help import HelpDialog
from rmexplorer.gui.hub_form import HubForm
from rmexplorer.gui.palette import Palette
from rmexplorer.gui.pane import PANES, Pane
from rmexplorer.gui.theme import set_role, themes
from rmexplorer.gui.widgets import FocusRings, Notice
from rmexplorer.problem import Problem
from rmexplorer.wording import counted

if TYPE_CHECKING:
    from rmexplorer.data.mapping import Mapping
    from rmexplorer.data.trial import Question
    from rmexplorer.gui.mapping_page import MappingPage

NARROW = 1180
KEEP_MS = 500
PRESENTATION_SCALE, PRESENTATION_LINES = 1.5, 1.25
ALL_FIELDS = frozenset(field.name for field in fields(State))
WRITING = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox, QComboBox)


class Window(QWidget):
    """The main window; it is the `Ui` that commands talk to."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        desk.ui = self
        self.setWindowTitle("rmexplorer")
        self.setMinimumSize(1024, 680)
        self.setAcceptDrops(True)
        set_role(self, "window")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusRing", True)
        self.setFocus()
        self._rail_wished: bool | None = None
        self._inspector_wished: dict[bool, bool] = {}
        self._problem: Problem | None = None
        self.zoom = 1.0
        self.presenting = False
        self.mapping: MappingPage | None = None
        self._before: tuple[bool, Qt.WindowState] = (False, Qt.WindowState.WindowNoState)
        self.rings: FocusRings | None = None
        self._keeping = QTimer(self)
        self._keeping.setSingleShot(True)
        self._keeping.setInterval(KEEP_MS)
        self._keeping.timeout.connect(self._keep_quietly)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.frame = Frame(desk, self)
        self._take_frame()
        self.notice = Notice(self)
        self.border = DropBorder(self)
        self._connect()
        self._show_state(desk.state, frozenset({"pane", "dataset"}))

    def _take_frame(self) -> None:
        """Make the parts of the frame those of the window, and listen to them."""
        frame = self.frame
        self._column.addWidget(frame)
        self.topbar, self.rail, self.stack, self.inspector = frame.topbar, frame.rail, frame.stack, frame.inspector
        self.splitter, self.status, self.error, self.panes = frame.splitter, frame.status, frame.error, frame.panes
        self.error.acted.connect(self._mend)
        self.rail.chosen.connect(self.show_pane)
        self.topbar.filtered.connect(self.desk.set_query)
        self.status.cancelled.connect(self._cancel)
        self.inspector.turned.connect(self._inspector_turned)
        themes.theme_changed.connect(self.topbar.restyle)

    def _connect(self) -> None:
        desk = self.desk
        desk.session.changed.connect(self._show_state)
        desk.problem.connect(self._show_problem)
        desk.notice.connect(self.notice.say)
        desk.undoable.connect(self._say_undoable)
        desk.asked.connect(self.ask_mapping)
        desk.jobs.changed.connect(self._show_jobs)
        desk.training.changed.connect(self._show_jobs)
        self._shortcuts = [
            self._shortcut(command.key, lambda command=command: self.give(command))
            for command in COMMANDS.values()
            if command.key and command.key != "Escape"
        ]
        self._shortcuts += [
            self._shortcut(button.key, lambda name=name: self.show_pane(name))
            for name, button in self.rail.buttons.items()
            if button.key
        ]
        self._escape = self._shortcut("Escape", self._escaped)
        self._slash = self._shortcut("/", self.focus_filter)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_moved)

    def _escaped(self) -> None:
        if self.mapping is not None:
            self.mapping.close_page()
        else:
            self.give(COMMANDS["clear"])

    def _say_undoable(self, text: str, undo: Any) -> None:
        self.notice.say(text, "Undo", undo)

    def _shortcut(self, key: str, act: Any) -> QShortcut:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.activated.connect(act)
        return shortcut

    def _focus_moved(self, _: QWidget | None, new: QWidget | None) -> None:
        # a text field keeps Escape and / for itself
        writing = isinstance(new, WRITING)
        self._slash.setEnabled(not writing)
        self._escape.setEnabled(not writing)

    def give(self, command: Command) -> None:
        """Run a command if it is possible now, else say why not."""
        if why := why_not(command, self.desk.state):
            self.notice.say(why)
        else:
            command.run(self.desk)

    # Showing

    def pane(self, name: str) -> Pane:
        """The pane of this name, made on first use."""
        return self.frame.pane(name)

    def show_pane(self, name: str) -> None:
        """Go to a pane."""
        self.desk.session.put(pane=name)

    def ask_mapping(self, question: Question, mapping: Mapping | None = None, own: set[str] | None = None) -> None:
        """Ask what the columns of a file are; the page stands in place of a pane until it is answered."""
        self._leave_mapping()
        page = mapping_page.MappingPage(self.desk, question, mapping, own)
        self.mapping = page
        page.closed.connect(self._close_mapping)
        self.stack.addWidget(page)
        self.stack.setCurrentWidget(page)
        self.inspector.hide()
        page.columns.setFocus()
        first = next(iter(page.columns.pickers.values()), None)
        if first is not None:
            first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _leave_mapping(self) -> MappingPage | None:
        page, self.mapping = self.mapping, None
        if page is not None:
            self.stack.removeWidget(page)
            page.hide()
            page.deleteLater()
        return page

    def _close_mapping(self) -> None:
        self._leave_mapping()
        self._show_state(self.desk.state, frozenset({"pane"}))

    def _show_state(self, state: State, names: frozenset[str]) -> None:
        if names & {"pane", "dataset"} and (left := self._leave_mapping()) is not None:
            # going elsewhere is no answer: what was said so far can be come back to
            self._say_undoable(
                f"{Path(left.question.paths[0]).name} was not opened",
                lambda: self.ask_mapping(left.question, left.mapping, left.own),
            )
            names |= {"pane"}
        if "pane" in names:
            pane = self.pane(state.pane)
            focused = QApplication.focusWidget()
            if focused is not None and self.stack.isAncestorOf(focused) and not pane.isAncestorOf(focused):
                self.setFocus()  # else Qt moves the ring to whatever comes next
            self.inspector.set_open(self._inspector_wished.get(pane.inspects, pane.inspects))
            self.stack.setCurrentWidget(pane)
            pane.refresh()
        if self.isVisible():  # not while it is made: what was kept last time is still to be read
            self._keeping.start()
        if names & {"dataset", "partial", "rewards", "pane", "runs"}:
            self._show_rail(state)
            dataset = state.dataset
            self.setWindowTitle(f"{dataset.name} – rmexplorer" if dataset else "rmexplorer")
            self.inspector.setVisible(dataset is not None and state.pane != "welcome" and not self.presenting)
        if names & {"dataset", "partial", "rewards", "matching", "query", "selection", "scope"}:
            self.topbar.show_state(state)
        if "dataset" in names:
            self.error.hide()
        if names & {"dataset", "rewards"}:
            self._show_jobs()

    def _show_rail(self, state: State) -> None:
        if state.dataset is None:
            reasons = dict.fromkeys(self.rail.buttons, "Open a dataset first.")
        else:
            reasons = {name: PANES[name].why_not_now(state) for name in self.rail.buttons}
        self.rail.show_state(state, reasons, self.desk.training.running)

    def _show_jobs(self) -> None:
        state, rest = self.desk.state, ""
        rewards = state.rewards
        if state.dataset is not None and state.partial is not None:
            rest = f"{state.partial.what[:1].upper()}{state.partial.what[1:]}"
        elif state.dataset is not None:
            rest = f"{counted(len(state.dataset))} pairs, {counted(state.dataset.responses.height)} responses"
        self.status.show_run(self.desk.jobs.shown, rest)
        if rewards is not None and state.checkpoint is not None:
            self.status.right.setText(f"Split by prompt · seed {state.checkpoint.seed} · CPU")
        elif rewards is not None:
            self.status.right.setText("Scores of the file")
        else:
            self.status.right.setText("")
        live = self.desk.training.running
        button = self.rail.buttons.get("train")
        if button is not None and button.running != live:
            button.set_state(button.reason, live)

    def _show_problem(self, problem: Problem) -> None:
        if problem.command == "filter":
            self.topbar.filter.set_error(str(problem))
            return
        self._problem = problem
        command = COMMANDS[problem.command] if problem.command else None
        self.error.show_problem(problem, self.desk.last_crash, command.title if command else "")

    def _mend(self) -> None:
        self.error.hide()
        if self._problem is not None and self._problem.command:
            self.give(COMMANDS[self._problem.command])

    def _cancel(self) -> None:
        if (run := self.desk.jobs.shown) is not None:
            self.desk.jobs.cancel(run)

    # Ui

    def choose_open(self, title: str, kinds: str) -> str:
        """A file to open, '' when a person thinks better of it."""
        return QFileDialog.getOpenFileName(self, title, self._folder(), kinds)[0]

    def choose_several(self, title: str, kinds: str) -> list[str]:
        """Files to open together, none when a person thinks better of it."""
        return QFileDialog.getOpenFileNames(self, title, self._folder(), kinds)[0]

    def ask_address(self) -> str:
        """The address of a dataset of the Hub, '' when a person thinks better of it."""
        return HubForm.ask(self)

    def choose_folder(self, title: str) -> str:
        """A folder to open."""
        return QFileDialog.getExistingDirectory(self, title, self._folder())

    def choose_save(self, title: str, name: str, kinds: str) -> str:
        """A file to write; the dialog asks before writing over one."""
        return QFileDialog.getSaveFileName(self, title, str(Path(self._folder()) / name), kinds)[0]

    def choose_layout(self, pairs: str) -> str:
        """The layout in which pairs are to be written, '' when a person thinks better of it."""
        return ExportForm.ask(self, pairs)

    def _folder(self) -> str:
        places = (Path(recent.paths[0]).parent for recent in self.desk.project.recent() if not recent.is_address)
        return str(next((place for place in places if place.is_dir()), Path.home()))

    def confirm(self, question: str, detail: str, yes: str) -> bool:
        """Ask a question; the safe answer is the default."""
        box = QMessageBox(QMessageBox.Icon.Question, "rmexplorer", question, QMessageBox.StandardButton.Cancel, self)
        box.setInformativeText(detail)
        button = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        return box.clickedButton() is button

    def clipboard(self) -> str:
        """The text on the clipboard."""
        return QGuiApplication.clipboard().text()

    def set_clipboard(self, text: str) -> None:
        """Put text on the clipboard."""
        QGuiApplication.clipboard().setText(text)
        self.notice.say("Copied")

    def edit_note(self) -> None:
        """Go to the note of the pair in the inspector."""
        self.inspector.turn(True)
        self.inspector.edit_note()

    def focus_filter(self) -> None:
        """Go to the filter field."""
        self.topbar.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_palette(self) -> None:
        """Open the command palette."""
        self._palette = Palette(self.desk, self)
        self._palette.show_over(self)

    def toggle_theme(self) -> None:
        """Light to dark and back; kept."""
        self.set_theme("light" if themes.colors.dark else "dark")
        self.desk.project.put_view(theme=themes.current.name)

    def set_theme(self, name: str) -> None:
        """Dress the program in a theme."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            scale = self.zoom * (PRESENTATION_SCALE if self.presenting else 1.0)
            themes.apply(application, name, scale, PRESENTATION_LINES if self.presenting else 1.0)

    def set_zoom(self, zoom: float) -> None:
        """Text and sizes times `zoom`, from 0.8 to 2; kept."""
        self.zoom = min(max(round(zoom, 1), 0.8), 2.0)
        self.desk.project.put_view(zoom=self.zoom)
        self._redress()
        self.notice.say(f"Text at {round(100 * self.zoom)}%")

    def toggle_presentation(self) -> None:
        """Large type and one pane on the whole screen for a talk, and back to just how it was."""
        self.presenting = not self.presenting
        if self.presenting:
            self._before = (self.rail.narrow, self.windowState())
            self._redress()
            self.showFullScreen()
            self.notice.say("F11 leaves presentation mode")
        else:
            self.setWindowState(self._before[1])
            self._redress()

    def _redress(self) -> None:
        """Make the frame anew in the current size: sizes are taken when a widget is made. The session stays as it is."""
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return
        self.desk.leaving.emit()
        self.desk.compute.forget()
        self.desk.reading.forget()
        asked = self._leave_mapping()
        sizes, old = self.splitter.sizes(), self.frame
        scale = self.zoom * (PRESENTATION_SCALE if self.presenting else 1.0)
        themes.apply(application, themes.choice, scale, PRESENTATION_LINES if self.presenting else 1.0)
        self._column.removeWidget(old)
        old.hide()
        old.deleteLater()
        self.frame = Frame(self.desk, self)
        self._take_frame()
        self.topbar.setVisible(not self.presenting)
        self.status.setVisible(not self.presenting)
        self.rail.set_narrow(
            self.presenting or self.width() < NARROW if self._rail_wished is None else self._rail_wished
        )
        self.topbar.set_compact(self.width() < NARROW)
        self._show_state(self.desk.state, ALL_FIELDS)
        self.splitter.setSizes(sizes)
        if asked is not None:
            self.ask_mapping(asked.question, asked.mapping, asked.own)
        for over in (self.notice, self.border):
            over.raise_()

    def toggle_inspector(self) -> None:
        """Open or close the inspector; panes with and without a use for it remember their own."""
        self.inspector.turn(not self.inspector.is_open)

    def open_inspector(self) -> None:
        """Open the inspector, if it is closed."""
        if not self.inspector.is_open:
            self.inspector.turn(True)

    def _inspector_turned(self, is_open: bool) -> None:
        self._inspector_wished[self.pane(self.desk.state.pane).inspects] = is_open

    def toggle_rail(self) -> None:
        """Names or icons only."""
        self._rail_wished = not self.rail.narrow
        self.rail.set_narrow(self._rail_wished)

    def next_region(self) -> None:
        """Move the keyboard to the next region."""
        regions: list[QWidget] = [self.topbar, self.rail, self.stack, self.inspector]
        regions = [region for region in regions if region.isVisible()]
        focused = QApplication.focusWidget()
        here = next(
            (place for place, region in enumerate(regions) if focused is not None and region.isAncestorOf(focused)), -1
        )
        for step in range(1, len(regions) + 1):
            region = regions[(here + step) % len(regions)]
            target = next(
                (
                    child
                    for child in region.findChildren(QWidget)
                    if child.isVisible() and child.isEnabled() and child.focusPolicy() & Qt.FocusPolicy.TabFocus
                ),
                None,
            )
            if target is not None:
                target.setFocus(Qt.FocusReason.TabFocusReason)
                return

    def show_help(self) -> None:
        """Show the keys."""
        self._help = HelpDialog(self)
        self._help.open()

    def quit(self) -> None:
        """Close the window."""
        self.close()

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Narrow windows show the rail as icons."""
        super().resizeEvent(event)
        narrow = self.presenting or self.width() < NARROW if self._rail_wished is None else self._rail_wished
        if narrow != self.rail.narrow:
            self.rail.set_narrow(narrow)
        self.topbar.set_compact(self.width() < NARROW)
        self.border.setGeometry(self.rect())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls() and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            count = sum(url.isLocalFile() for url in event.mimeData().urls())
            self.border.show_over("Open this dataset" if count == 1 else f"Open these {count} files as one dataset")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The file went elsewhere."""
        self.border.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped files as one dataset."""
        self.border.hide()
        paths = [QUrl(url).toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.desk.open(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask while a job runs; keep the view; leave no process behind."""
        busy = self.desk.jobs.busy
        if busy and not self.confirm(
            f"{busy[-1].title} is still running.",
            "Closing ends it. What was finished before is kept.",
            "Close and end it",
        ):
            event.ignore()
            return
        self.keep_view()
        self.hide()  # the worker process may take a moment to end; nobody needs to watch
        self.desk.close()
        event.accept()

    # The view as it was left

    def _keep_quietly(self) -> None:
        if self.presenting:  # the size of a talk is not how the window is left
            return
        with suppress(Problem):  # a view that cannot be kept now is no news; what matters is written when it is made
            self.keep_view()

    def keep_view(self) -> None:
        """Keep geometry, pane, theme, filter and dataset in the project."""
        state = self.desk.state
        dataset = state.dataset
        self.desk.project.put_view(
            geometry=bytes(self.saveGeometry().toBase64().data()).decode(),
            splitter=self.splitter.sizes(),
            inspector=self._inspector_wished.get(True, True),
            pane=state.pane,
            theme=themes.current.name,
            query=state.query,
            scope=state.scope,
            focus=state.focus,
            dataset=str(state.folder) if dataset is not None and state.partial is None else "",
            source="\n".join(self.desk.opening.sources),
            run=state.run,
        )

    def restore_view(self) -> dict[str, Any]:
        """Bring back the geometry of last time; returns the whole view for what comes later."""
        view = self.desk.project.view()
        if isinstance(view.get("geometry"), str):
            self.restoreGeometry(QByteArray.fromBase64(view["geometry"].encode()))
        if isinstance(view.get("splitter"), list) and all(isinstance(size, int) for size in view["splitter"]):
            QTimer.singleShot(0, lambda: self.splitter.setSizes(view["splitter"]))
        self._inspector_wished = {True: bool(view.get("inspector", True))}
        if isinstance(view.get("zoom"), int | float) and view["zoom"] != self.zoom:
            self.set_zoom(float(view["zoom"]))
        return view
