"""The status strip: the job that runs, how far it is, and what stands ready."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from rmexplorer.app.jobs import Run
from rmexplorer.gui.theme import px, set_role, themes
from rmexplorer.gui.widgets import StatusProgress, label


def time_left(seconds: float) -> str:
    """Seconds as 0:03, 12:40 or 1:02:10."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def progress_sentence(run: Run) -> str:
    """What a run says of itself: "epoch 7 of 12 · 6,200 a second · 0:03 left"."""
    progress = run.progress
    parts = [progress.note] if progress.note else []
    if progress.total and not progress.note.startswith("epoch"):
        parts.append(f"{progress.done:,} of {progress.total:,}")
    if run.paused:
        parts.append("paused")
    else:
        if run.rate:
            parts.append(f"{run.rate:,.0f} a second")
        if run.left is not None:
            parts.append(f"{time_left(run.left)} left")
    return " · ".join(parts)


class StatusStrip(QWidget):
    """Job name, progress, rate and time left, Cancel; at rest what is ready. `cancelled` when Cancel is pressed."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Status")
        set_role(self, "status")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(themes.metrics.status)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(16), 0, px(16), 0)
        self.progress = StatusProgress()
        self.progress.cancelled.connect(self.cancelled)
        self.right = label("", "secondary", "small")
        row.addWidget(self.progress, 1)
        row.addWidget(self.right)
        self.show_run(None, "")

    def show_run(self, run: Run | None, rest: str) -> None:
        """Show the run that a person waits for, or `rest` where there is none."""
        if run is None:
            self.progress.ready(rest or "Your data stays on this computer")
        else:
            share = run.progress.share
            self.progress.running(
                run.title, round(1000 * (share or 0)), 1000 if share is not None else 0, progress_sentence(run)
            )
