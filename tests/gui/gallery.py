"""Pictures of all shared widgets and plots with sample numbers, in both themes: `python tests/gui/gallery.py [folder]`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from rmexplorer.gui.theme import themes
from rmexplorer.gui.widgets import (
    Card,
    Chip,
    ErrorStrip,
    GhostButton,
    IconButton,
    KeyCap,
    LinkButton,
    NumberStrip,
    PaneHeader,
    PrimaryButton,
    SecondaryButton,
    Segmented,
    StatusProgress,
)
from rmexplorer.problem import Problem


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side."""
    result = QWidget()
    line = QHBoxLayout(result)
    line.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        line.addWidget(widget)
    line.addStretch()
    return result


def basics() -> QWidget:
    """Header, chips, buttons, states."""
    page = QWidget()
    page.setObjectName("pane")
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 16, 20, 20)
    header = PaneHeader("Length & style", "Does the reward follow length?")
    header.set_headline("Longer responses win 62% of pairs (95% CI 59–65%). A length-only rule scores 0.62, your model 0.66 (0.63–0.69).")
    header.set_method("1,036 held-out pairs · intervals by bootstrap over prompts · ties count as half")
    header.set_computed("Share of pairs", "rmexplorer analyze length")
    header.add_action(Segmented([("a", "Extremes"), ("b", "Most wrong"), ("c", "Least sure")], name="Order"))
    column.addWidget(header)
    column.addWidget(row(Chip("helpful-mix", "5,180 pairs", "database", menu=True), Chip("head-256", "accuracy 0.66", "cpu", menu=True),
                         Chip("37 pairs selected", icon="lasso-select", tone="plum", closable=True),
                         GhostButton("Commands", "command"), KeyCap("Ctrl K"), IconButton("sun", "Theme", "Ctrl+Shift+L")))
    off = SecondaryButton("Not yet", "play")
    off.disable("Needs data")
    column.addWidget(row(PrimaryButton("Choose file", "folder-open"), SecondaryButton("Try edits", "message-square"), GhostButton("Export", "file-down"),
                         LinkButton("Show all 384 words"), off, IconButton("lasso", "Lasso", "L", checkable=True)))
    numbers = Card()
    numbers.add(NumberStrip([("Best epoch", "7 of 12", "gain under 0.005 for 3"), ("Held-out loss", "0.613", "training 0.528"),
                             ("Calibration error", "0.031", "chance level up to 0.042"), ("Speed", "6,200 /s", "pairs, on 8 CPU threads")]))
    column.addWidget(numbers)
    cards = QHBoxLayout()
    cards.setSpacing(12)
    one = Card("Scores", "1,036 held-out pairs")
    one.add_tool("image", "Picture", lambda: None)
    one.add_tool("ellipsis", "More", lambda: None)
    one.show_empty("Calibration needs rewards. Train a head, or load a file with scores.", "Train a head")
    two = Card("Reliability", "squares: 10 bins of 104 pairs and a long subtitle that is cut")
    two.add(NumberStrip([("Best epoch", "7 of 12", "gain")]))
    two.show_stale("Computed for 5,180 pairs")
    three = Card("By source", "grey: what chance gives")
    three.loading.visible_outline = True
    three.show_loading("2,100 pairs/s · 0:03 left")
    four = Card("Accuracy")
    four.show_error(Problem("a.jsonl: line 412 is not JSON", "open it in an editor, or skip the line"))
    for card in (one, two, three, four):
        card.setMinimumHeight(180)
        cards.addWidget(card, 1)
    column.addLayout(cards)
    strip = ErrorStrip()
    strip.show_problem(Problem("a.jsonl: line 412 is not JSON", "open it in an editor, or skip the line"), button="Skip it")
    column.addWidget(strip)
    status = StatusProgress()
    status.running("Training head-256", 7, 12, "epoch 7 of 12 · 6,200 pairs/s · 0:03 left")
    column.addWidget(status)
    column.addStretch()
    return page


PAGES = {"basics": (basics, 980, 720)}


def main() -> None:
    """Save each page in each theme."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/gallery")
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    for theme, family in (("light", ""), ("dark", ""), ("light", "DejaVu Sans")):
        themes.apply(application, theme, family=family)
        for name, (build, width, height) in PAGES.items():
            page = build()
            page.resize(width, height)
            page.show()
            for _ in range(4):
                application.processEvents()
            page.grab().save(str(folder / f"{name}-{theme}{'-dejavu' if family else ''}.png"))
            page.close()


if __name__ == "__main__":
    main()
