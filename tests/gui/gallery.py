"""Pictures of all shared widgets and plots with sample numbers, in both themes: `python tests/gui/gallery.py [folder]`."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from rmexplorer.gui.theme import themes
from rmexplorer.gui.widgets import (
    Card,
    Chip,
    DiffView,
    ErrorStrip,
    FacetHistogram,
    GhostButton,
    HorizontalBars,
    IconButton,
    KeyCap,
    LinkButton,
    NumberStrip,
    PaneHeader,
    PrimaryButton,
    RewardStrip,
    SecondaryButton,
    Segmented,
    StatusProgress,
    TokenField,
    panel,
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


CHOSEN = ("Probably not. That smell is acetone, and it means the starter is hungry. Throw away all but 50 g, feed it 50 g "
          "flour and 50 g water, and repeat every 12 hours. The smell fades after two or three feeds. Bin it only if you see "
          "pink streaks or fuzzy mould.")
REJECTED = ("Probably not! That smell is acetone, and it means the starter is hungry. There are many factors that can affect a "
            "sourdough starter, such as temperature, flour and hydration. Feed it regularly, keep it warm, and be patient. " * 4)


def inspector() -> QWidget:
    """Reward strip, diff, attribution, facets, filter field."""
    generator = np.random.default_rng(0)
    page = QWidget()
    page.setObjectName("pane")
    columns = QHBoxLayout(page)
    columns.setContentsMargins(20, 16, 20, 20)
    columns.setSpacing(20)
    left = QVBoxLayout()
    strip = RewardStrip()
    strip.set_rewards(generator.normal(0.6, 1.5, 5000))
    strip.set_marks([("chosen", 0.84), ("rejected", 1.37)])
    wide = RewardStrip()
    wide.set_rewards(generator.normal(0.6, 1.5, 5000))
    wide.set_marks([("A", 0.84), ("B", 1.88), ("C", -1.32)], (1, 0))
    view = DiffView()
    view.set_pair(CHOSEN, REJECTED, 0.84, 1.37)
    other = DiffView()
    other.set_pair(CHOSEN, "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643 \u0641\u064a 12 \u0633\u0627\u0639\u0629", -0.4, None)
    words = CHOSEN.split(" ")
    other.set_attribution([(word + " ", math.sin(place)) for place, word in enumerate(words)], [("\u0645\u0631\u062d\u0628\u0627 ", 1.0), ("\u0628\u0643", -0.5)])
    other.set_mode("attribution")
    for widget in (strip, wide, view, other):
        left.addWidget(widget)
    left.addStretch()
    facets = Card("Filter by")
    facets.setFixedWidth(208)
    bars = HorizontalBars("Source")
    bars.set_rows([("alpha", 2104, 318), ("beta", 1386, 0), ("gamma with a long name", 1012, 0), ("delta", 678, -1)], ["alpha"])
    facets.add(bars)
    for title, log, low in (("Words, longer response", True, 200.0), ("Margin", False, -math.inf)):
        histogram = FacetHistogram(title, log=log)
        values = np.exp(generator.normal(4.5, 1, 4000)) if log else generator.normal(0.5, 1.2, 4000)
        edges = np.geomspace(4, 1500, 37) if log else np.linspace(-4, 4, 37)
        kept = values[values > 200] if log else values[::8]
        histogram.set_data(edges, np.histogram(values, edges)[0], np.histogram(kept, edges)[0],
                           [(8, "8"), (32, "32"), (128, "128"), (512, "512")] if log else [(-3, "\u22123"), (0, "0"), (3, "+3")])
        histogram.set_range(low)
        facets.add(histogram)
    facets.body.addStretch()
    right = QVBoxLayout()
    field = TokenField()
    full = TokenField()
    full.set_tokens(["source:alpha", "words>200"])
    full.set_note("318 of 5,180")
    bad = TokenField()
    bad.set_tokens(["sorce:alpha"])
    bad.set_error("There is no column sorce", 0)
    for widget in (field, full, bad, panel()):
        right.addWidget(widget)
    right.addStretch()
    columns.addLayout(left, 2)
    columns.addWidget(facets)
    columns.addLayout(right, 2)
    return page


PAGES = {"inspector": (inspector, 1180, 860), "basics": (basics, 980, 720)}


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
