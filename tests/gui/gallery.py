"""Pictures of all shared widgets and plots, in both themes: `python tests/gui/gallery.py [folder]`."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QSlider,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from rmexplorer.gui.plots import (
    BandItem,
    Bars,
    ContourHill,
    DensityImage,
    ForestMark,
    ForestPlot,
    ForestRow,
    HexItem,
    LineCurve,
    MarkLegend,
    PairLink,
    PlotCard,
    PointItem,
    ReferenceLine,
    ShareLegend,
    Sparkline,
    StepHistogram,
    WhiskerPoints,
)
from rmexplorer.gui.theme import themes
from rmexplorer.gui.widgets import (
    Card,
    Chip,
    ComputedPopover,
    DiffView,
    ErrorStrip,
    FacetHistogram,
    GhostButton,
    HorizontalBars,
    IconButton,
    KeyCap,
    LinkButton,
    Notice,
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
from rmexplorer.gui.widgets.focus import FocusRing
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
    header.set_headline(
        "Longer responses win 62% of pairs (95% CI 59–65%). A length-only rule scores 0.62, yours 0.66 (0.63–0.69)."
    )
    header.set_method("1,036 held-out pairs · intervals by bootstrap over prompts · ties count as half")
    header.set_computed("Share of pairs", "rmexplorer analyze length")
    header.add_action(Segmented([("a", "Extremes"), ("b", "Most wrong"), ("c", "Least sure")], name="Order"))
    column.addWidget(header)
    column.addWidget(
        row(
            Chip("helpful-mix", "5,180 pairs", "database", menu=True),
            Chip("head-256", "accuracy 0.66", "cpu", menu=True),
            Chip("37 pairs selected", icon="lasso-select", tone="plum", closable=True),
            GhostButton("Commands", "command"),
            KeyCap("Ctrl K"),
            IconButton("sun", "Theme", "Ctrl+Shift+L"),
        )
    )
    off = SecondaryButton("Not yet", "play")
    off.disable("Needs data")
    column.addWidget(
        row(
            PrimaryButton("Choose file", "folder-open"),
            SecondaryButton("Try edits", "message-square"),
            GhostButton("Export", "file-down"),
            LinkButton("Show all 384 words"),
            off,
            IconButton("lasso", "Lasso", "L", checkable=True),
        )
    )
    numbers = Card()
    numbers.add(
        NumberStrip(
            [
                ("Best epoch", "7 of 12", "gain under 0.005 for 3"),
                ("Held-out loss", "0.613", "training 0.528"),
                ("Calibration error", "0.031", "chance level up to 0.042"),
                ("Speed", "6,200 /s", "pairs, on 8 CPU threads"),
            ]
        )
    )
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
    strip.show_problem(
        Problem("a.jsonl: line 412 is not JSON", "open it in an editor, or skip the line"), button="Skip it"
    )
    column.addWidget(strip)
    status = StatusProgress()
    status.running("Training head-256", 7, 12, "epoch 7 of 12 · 6,200 pairs/s · 0:03 left")
    column.addWidget(status)
    column.addStretch()
    return page


CHOSEN = (
    "Probably not. That smell is acetone, and it means the starter is hungry. Throw away all but 50 g, feed it 50 g "
    "flour and 50 g water, and repeat every 12 hours. The smell fades after two or three feeds. Bin it only if you see "
    "pink streaks or fuzzy mould."
)
REJECTED = (
    "Probably not! That smell is acetone, and it means the starter is hungry. There are many factors that can affect a "
    "sourdough starter, such as temperature, flour and hydration. Feed it regularly, keep it warm, and be patient. " * 4
)


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
    other.set_pair(
        CHOSEN, "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643 \u0641\u064a 12 \u0633\u0627\u0639\u0629", -0.4, None
    )
    words = CHOSEN.split(" ")
    other.set_attribution(
        [(word + " ", math.sin(place)) for place, word in enumerate(words)],
        [("\u0645\u0631\u062d\u0628\u0627 ", 1.0), ("\u0628\u0643", -0.5)],
    )
    other.set_mode("attribution")
    for widget in (strip, wide, view, other):
        left.addWidget(widget)
    left.addStretch()
    facets = Card("Filter by")
    facets.setFixedWidth(208)
    bars = HorizontalBars("Source")
    bars.set_rows(
        [("alpha", 2104, 318), ("beta", 1386, 0), ("gamma with a long name", 1012, 0), ("delta", 678, -1)], ["alpha"]
    )
    facets.add(bars)
    for title, log, low in (("Words, longer response", True, 200.0), ("Margin", False, -math.inf)):
        histogram = FacetHistogram(title, log=log)
        values = np.exp(generator.normal(4.5, 1, 4000)) if log else generator.normal(0.5, 1.2, 4000)
        edges = np.geomspace(4, 1500, 37) if log else np.linspace(-4, 4, 37)
        kept = values[values > 200] if log else values[::8]
        histogram.set_data(
            edges,
            np.histogram(values, edges)[0],
            np.histogram(kept, edges)[0],
            [(8, "8"), (32, "32"), (128, "128"), (512, "512")] if log else [(-3, "\u22123"), (0, "0"), (3, "+3")],
        )
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


def length_card() -> PlotCard:
    """Hexagons with margins, regression, outliers, lasso, pair."""
    generator = np.random.default_rng(1)
    count = 10360
    x = generator.normal(6.3, 1.35, count)
    y = 0.46 * (x - 6.3) + 0.65 + generator.normal(0, 1.25, count)
    chosen = (generator.random(count) < 1 / (1 + np.exp(-(y - 0.6) * 1.4))).astype(float)
    card = PlotCard(
        "Reward against length",
        "10,360 responses",
        "↑ Reward",
        "Words in the response, log scale →",
        "log2",
        "number",
        "both",
    )
    card.set_legend(ShareLegend())
    view = card.view
    top, right = view.add_marginals()
    for side, token in ((1.0, "chosen"), (0.0, "rejected")):
        edges = np.linspace(1.8, 10.6, 42)
        top.addItem(StepHistogram(edges, np.histogram(x[chosen == side], edges)[0], token))
        edges = np.linspace(-4.6, 5.4, 42)
        right.addItem(StepHistogram(edges, np.histogram(y[chosen == side], edges)[0], token, sideways=True))
    view.add(HexItem(x, y, chosen))
    line = np.linspace(2.2, 10.1, 30)
    fit = 0.46 * (line - 6.3) + 0.65
    spread = 0.05 + 0.03 * np.abs(line - 6.3)
    view.add(LineCurve(line, fit, fit - spread, fit + spread, over_marks=True, width=2.2))
    view.add(
        PointItem(
            [3.0, 4.0, 9.7, 9.0],
            [3.4, -4.1, 4.8, -2.6],
            [0, 0, 1, 1],
            [("circle", "chosen"), ("diamond", "rejected")],
            size=10,
            halo=True,
        )
    )
    view.add_label("“Yes, 42.”", 3.0, 3.4)
    view.add_label("refusal, people agree", 4.0, -4.1)
    view.add_label("one tip, 14 times", 9.7, 4.8, side="left")
    view.add_label("pasted stack trace", 9.0, -2.6, side="left")
    view.add_label("+0.46 reward each time the length doubles (95% CI 0.42–0.50)", 2.0, 4.75, weight=600)
    link = PairLink()
    link.set_pair((6.9, 0.84), (8.6, 1.37))
    view.add(link)
    angle = np.linspace(0, 2 * np.pi, 60)
    view.set_brush(np.stack([9.0 + np.cos(angle), 1.6 + 1.4 * np.sin(angle)], axis=1))
    view.add_label("37 pairs selected", 9.1, 3.1, "plum_text", "above", 600, tint="plum_tint", gap=0)
    view.set_range((1.8, 10.6), (-4.6, 5.4))
    card.set_table({"words": 2**x, "reward": y, "chosen": chosen})
    card.describe("Longer responses win 62% of pairs (95% CI 59–65%).", "helpful-mix · head-256 · source:alpha")
    return card


def training_card() -> PlotCard:
    """Loss with band, end labels, reference."""
    generator = np.random.default_rng(2)
    card = PlotCard("Loss", "per pair", "↑ Bradley–Terry loss", "Epoch →", left_width=40)
    epochs = np.arange(8)
    loss = 0.61 + 0.083 * np.exp(-epochs / 1.6)
    fine = np.linspace(0, 7, 120)
    noisy = 0.5 + 0.18 * np.exp(-fine / 3.5) + generator.normal(0, 0.004, 120)
    card.view.add(LineCurve(fine, noisy, token="neutral", width=1.75))
    card.view.add(LineCurve(epochs, loss, loss - 0.009, loss + 0.009, marker="circle"))
    card.view.add(ReferenceLine(0.6931, "no information, ln 2", below=True))
    card.view.add_label("held-out 0.613", 7, loss[-1], weight=600)
    card.view.add_label("training 0.528", 7, noisy[-1], token="text2")
    card.view.set_range((0, 12.2), (0.5, 0.71))
    return card


def reliability_card() -> PlotCard:
    """Whiskers over a band, with a selected square and counts below."""
    card = PlotCard(
        "Reliability",
        "squares: 10 bins of 104 pairs",
        "↑ Share of pairs where people agree",
        "Model confidence in its pick →",
        "percent",
        "percent",
        "both",
        44,
    )
    x = np.array([.515, .54, .565, .592, .62, .655, .69, .735, .795, .88])
    y = np.array([.5, .56, .545, .6, .655, .625, .70, .70, .757, .845])
    line = np.linspace(0.5, 1, 60)
    room = 1.96 * np.sqrt(line * (1 - line) / 104)
    card.view.add(BandItem(line, line - room, line + room))
    card.view.add(ReferenceLine(0.0, "", "h", slope=1.0))
    points = WhiskerPoints(x, y, y - 0.09, y + 0.08, line=True, tips=lambda place: [f"bin {place}"])
    points.select(8)
    card.view.add(points)
    card.view.add_label("says 80%, right 76%\n79 of 104 pairs", 0.795, 0.70, "plum_text", weight=600)
    card.view.set_range((0.5, 1.03), (0.36, 1.02))
    return card


def accuracy_card() -> PlotCard:
    """Categories with whiskers."""
    card = PlotCard("Accuracy by length difference", "", "↑ Accuracy, 95% CI", "")
    card.view.add(WhiskerPoints([0, 1, 2], [.45, .64, .81], [.40, .58, .77], [.50, .70, .84]))
    card.view.add(ReferenceLine(0.5, "coin flip"))
    for place, text in enumerate(("0.45\nn = 342", "0.64\nn = 214", "0.81\nn = 480")):
        card.view.add_label(text, place, (.45, .64, .81)[place], weight=500)
    card.view.axis("bottom").set_ticks([(0, "chosen shorter"), (1, "similar"), (2, "chosen longer")])
    card.view.set_range((-0.6, 2.8), (0.28, 0.92))
    return card


def plots() -> QWidget:
    """A pane of plots."""
    page = QWidget()
    page.setObjectName("pane")
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 16, 20, 20)
    column.setSpacing(12)
    column.addWidget(length_card(), 3)
    forest = Card("Style at equal length", "effect on winning")
    forest.set_legend(MarkLegend((("people", "people"), ("model", "model"))))
    forest.add_tool("ellipsis", "More", lambda: None)
    plot = ForestPlot("Style at equal length", -0.2, 0.5, title="Change in log-odds of winning →")
    plot.set_rows(
        [
            ForestRow(name, marks=(ForestMark(a, a - 0.05, a + 0.05, "people"), ForestMark(b, b - 0.05, b + 0.05)))
            for name, a, b in (
                ("Bullet points", 0.07, 0.21),
                ("Bold or headings", 0.04, 0.15),
                ("Closing offer to help", -0.03, 0.31),
                ("Exclamation marks", -0.07, 0.02),
                ("Hedging (“I think”)", -0.05, -0.15),
            )
        ]
    )
    forest.add(plot, 1)
    line = QHBoxLayout()
    line.setSpacing(12)
    line.addWidget(forest, 4)
    line.addWidget(accuracy_card(), 3)
    column.addLayout(line, 2)
    return page


def more_plots() -> QWidget:
    """Training, reliability, probes, map, density, bars, sparkline."""
    generator = np.random.default_rng(3)
    page = QWidget()
    page.setObjectName("pane")
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 16, 20, 20)
    column.setSpacing(12)
    first, second = QHBoxLayout(), QHBoxLayout()
    for line in (first, second):
        line.setSpacing(12)
        column.addLayout(line, 1)
    first.addWidget(training_card(), 1)
    first.addWidget(reliability_card(), 1)
    probes = Card("Change in reward by edit", "hill: all responses, dot: mean with 95% CI")
    rows = ForestPlot(
        "Probes", -1.2, 1.4, title="Reward after minus before →", name_width=170, right_width=56, row_height=37
    )
    xs = np.linspace(-1.2, 1.4, 60)
    rows.set_rows(
        [
            ForestRow(
                name,
                sub,
                (ForestMark(mean, mean - 0.04, mean + 0.04, filled=abs(mean) > 0.05, label=label),),
                right,
                hill=(tuple(xs), tuple(np.exp(-(((xs - mean) / 0.3) ** 2)))),
                tone=tone,
            )
            for name, sub, mean, label, right, tone in (
                ("Add a closing offer", "“I hope this helps!”", 0.31, "+0.31", "83%", "green"),
                ("Turn into bullet points", "same words, list layout", 0.44, "+0.44", "88%", "green"),
                ("Trailing spaces", "invisible change", 0.0, "", "49%", "neutral"),
                ("Two typos", "adjacent letters swapped", -0.38, "−0.38", "14%", "amber"),
            )
        ]
    )
    rows.select(0)
    probes.add(rows, 1)
    probes.add(row(Sparkline([.5, .6, .64, .65, .66]), Sparkline([.5, .55, .64, .63, .65], "neutral")))
    second.addWidget(probes, 1)
    cluster = PlotCard("Prompts", "3,912", grid="none", left_width=0)
    x = np.concatenate([generator.normal(a, .5, 700) for a in (0, 2, 4)])
    y = np.concatenate([generator.normal(a, .4, 700) for a in (0, 1.5, 0)])
    cluster.view.add(ContourHill(x, y))
    hexes = HexItem(x, y, x / 4, "slope", (-1, 1))
    hexes.set_mask(x < 2)
    cluster.view.add(hexes)
    cluster.view.add_label("study · exam · plan", 2, 1.5, weight=600, side="center")
    second.addWidget(cluster, 1)
    many = PlotCard("A million points", "", "↑ B", "A →", grid="both")
    x = generator.normal(0, 1, 300_000)
    many.view.add(DensityImage(x, 0.6 * x + generator.normal(0, .8, 300_000)))
    second.addWidget(many, 1)
    bars = PlotCard("Counts", "", "↑ Pairs", "Confidence →", "percent")
    edges = np.linspace(.5, 1, 31)
    bars.view.add(Bars(edges, 80 * np.exp(-(edges[:-1] - .5) * 6), 20 * np.exp(-(edges[:-1] - .5) * 9)))
    bars.view.stand_on_zero()
    cluster.view.hide_axes()
    first.addWidget(bars, 1)
    return page


def overlays() -> QWidget:
    """Focus, tooltip card, notice, popover content, standard controls, a long list of labels."""
    page = QWidget()
    page.setObjectName("pane")
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 16, 20, 60)
    column.setSpacing(12)
    choices = QComboBox()
    choices.addItems(["Built-in, 256 features", "other"])
    off = QLineEdit("disabled")
    off.setEnabled(False)
    wrong = QLineEdit("0.1x")
    wrong.setProperty("role", "error")
    checks = [
        QCheckBox("Length-balanced batches"),
        QCheckBox("checked"),
        QRadioButton("None"),
        QRadioButton("Residualize"),
    ]
    checks[1].setChecked(True)
    checks[3].setChecked(True)
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setValue(40)
    column.addWidget(row(choices, QLineEdit("0.001"), off, wrong, QSpinBox(), slider))
    column.addWidget(row(*checks))
    table = QTableWidget(3, 3)
    table.setHorizontalHeaderLabels(["Run", "Settings", "Accuracy"])
    for place in range(9):
        table.setItem(place // 3, place % 3, QTableWidgetItem(f"cell {place}"))
    table.selectRow(1)
    table.setShowGrid(False)
    table.verticalHeader().hide()
    plot = training_card()
    line = QHBoxLayout()
    held = Card("Runs", "a table")
    held.add(table)
    line.addWidget(held)
    line.addWidget(plot)
    column.addLayout(line, 1)
    popover = ComputedPopover(
        "How is this computed?",
        "Share of pairs whose longer response won; ties count half. Intervals: bootstrap over prompts, 2,000 draws.",
        "rmexplorer analyze length pairs.jsonl --model head-256 --seed 0",
        page,
    )
    popover.setWindowFlags(Qt.WindowType.Widget)
    column.addWidget(popover)
    page.notice = Notice(page)
    QTimer.singleShot(0, lambda: page.notice.say("Run head-64 deleted", "Undo"))
    QTimer.singleShot(
        0, lambda: plot.view.card.show_lines(["Accuracy 0.66", "95% CI 0.63–0.69", "n = 1,036"], QPoint(160, 60))
    )
    QTimer.singleShot(0, lambda: setattr(page, "ring", FocusRing(plot.view)))
    return page


def presentation() -> QWidget:
    """The length card at one and a half times the size."""
    themes.apply(QApplication.instance(), themes.current.name, 1.5, 1.25, themes.fonts.family)
    page = QWidget()
    page.setObjectName("pane")
    column = QVBoxLayout(page)
    column.addWidget(length_card())
    return page


PAGES = {"overlays": (overlays, 980, 720), "presentation": (presentation, 1300, 640), 
    "plots": (plots, 847, 760),
    "more_plots": (more_plots, 1240, 760),
    "inspector": (inspector, 1180, 860),
    "basics": (basics, 980, 720),
}


def main() -> None:
    """Save each page in each theme."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/gallery")
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    for theme, family in (("light", ""), ("dark", ""), ("light", "DejaVu Sans")):
        themes.apply(application, theme, family=family)
        for name, (build, width, height) in PAGES.items():
            themes.apply(application, theme, family=family)
            page = build()
            page.resize(width, height)
            page.show()
            for _ in range(4):
                application.processEvents()
            page.grab().save(str(folder / f"{name}-{theme}{'-dejavu' if family else ''}.png"))
            page.close()


if __name__ == "__main__":
    main()
