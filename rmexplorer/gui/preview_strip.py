"""The strip over the pairs while a file is read: that these are its first records only, how far the rest is, and Cancel."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from rmexplorer.app.desk import Desk
from rmexplorer.gui.status import progress_sentence
from rmexplorer.gui.theme import px, set_icon, set_role
from rmexplorer.gui.widgets import ElidedLabel, GhostButton, IconLabel, label

TIP = "Counts, facets, filter and order are of these records until the rest is there; other panes wait for all pairs."


class PreviewStrip(QFrame):
    """Says of the desk's dataset that it is only the first records of a file; hidden where it is the whole."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        set_role(self, "preview")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setToolTip(TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(px(12), px(5), px(6), px(5))
        row.setSpacing(px(10))
        self.icon = IconLabel("loader", "text2", 16)
        self.icon.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.what = label("", font_role="strong", weight=600)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(px(120))
        self.how = ElidedLabel("", "secondary", "small")
        self.button = GhostButton("Cancel", "x")
        self.button.setFixedHeight(px(28))
        self.button.clicked.connect(desk.opening.read_rest)
        for part in (self.icon, self.what, self.bar):
            row.addWidget(part)
        row.addWidget(self.how, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignRight)
        desk.jobs.changed.connect(self.follow)
        desk.session.changed.connect(lambda _, names: self.follow() if "partial" in names else None)
        self.follow()

    def follow(self) -> None:
        """Show how far reading is now."""
        partial = self._desk.state.partial
        self.setVisible(partial is not None)
        if partial is None:
            return
        run = self._desk.opening.run
        going = run is not None
        self.what.setText("Reading the rest")
        self.icon.set_icon("loader" if going else "info", "text2")
        self.bar.setVisible(going)
        if run is not None:
            share = run.progress.share
            self.bar.setRange(0, 1000 if share is not None else 0)
            self.bar.setValue(round(1000 * (share or 0)))
            # what is cut off where there is little room is what matters least
            self.how.setText(" · ".join(reversed(progress_sentence(run).split(" · "))))
        elif partial.stopped:
            self.what.setText(f"{partial.stopped[:1].upper()}{partial.stopped[1:]}")
            self.how.setText("")
        else:
            self.how.setText("all pairs are about to be shown")
        self.button.setText("Cancel" if going else "Read the rest")
        set_icon(self.button, "x" if going else "play")
        self.button.setVisible(going or bool(partial.stopped))
        self.button.updateGeometry()
        self.how.updateGeometry()
        self.setAccessibleName(f"Preview: {partial.what}. {self.what.text()} {self.how.text()}".strip())
