"""The shared widgets, by mouse and keyboard."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication, QTextCharFormat
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from rmexplorer.gui.popover import Popover
from rmexplorer.gui.theme import LIGHT, color, font, themes
from rmexplorer.gui.widgets import (
    Card,
    Chip,
    DiffView,
    ErrorStrip,
    FacetHistogram,
    Headline,
    HorizontalBars,
    IconButton,
    MarkedText,
    Notice,
    NumberStrip,
    PaneHeader,
    RewardStrip,
    SecondaryButton,
    Segmented,
    StatusProgress,
    TokenField,
    diff,
    minus,
    round_steps,
    show_focus,
    signed,
    split_tokens,
    weighted,
)
from rmexplorer.gui.widgets.diff import MOST_WORK, Span, count_words, shorten
from rmexplorer.gui.widgets.focus import FocusRing
from rmexplorer.gui.widgets.header import shell_lines
from rmexplorer.problem import Problem

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # the offscreen screen
WORDS = st.lists(st.sampled_from(["a", "b", "c", "the", "starter", "is", "מלח", "好"]), max_size=30)
SPACES = st.sampled_from([" ", "  ", "\n", "\t"])


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    """Each test begins and ends in the light theme at scale 1."""
    themes.apply(qapp, "light")
    yield
    themes.apply(qapp, "light")


def shown(qtbot: QtBot, widget: QWidget, width: int = 400, height: int = 200) -> QWidget:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    QApplication.processEvents()
    return widget


# ---- words


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=200)
def test_that_the_spans_of_a_diff_are_the_texts(first: str, second: str) -> None:
    one, two = diff(first, second)
    assert "".join(span.text for span in one) == first
    assert "".join(span.text for span in two) == second


@given(WORDS, SPACES)
@settings(max_examples=100)
def test_that_equal_words_are_never_marked(words: list[str], space: str) -> None:
    one, two = diff(" ".join(words), space.join(words))
    assert not any(span.mark for span in [*one, *two])


@given(WORDS, WORDS)
@settings(max_examples=200)
def test_that_what_is_not_marked_is_the_same_on_both_sides(first: list[str], second: list[str]) -> None:
    one, two = diff(" ".join(first), " ".join(second))

    def kept(spans: list[Span]) -> list[str]:
        return [word for span in spans if not span.mark for word in span.text.split()]
    assert kept(one) == kept(two)
    assert {span.mark for span in one} <= {"", "chosen"}
    assert {span.mark for span in two} <= {"", "rejected"}


def test_that_a_changed_word_is_marked_on_its_side() -> None:
    one, two = diff("Probably not. That smell", "Probably not! That smell")
    assert one == [Span("Probably "), Span("not.", "chosen"), Span(" That smell")]
    assert two == [Span("Probably "), Span("not!", "rejected"), Span(" That smell")]


def test_that_very_long_texts_are_compared_by_vocabulary() -> None:
    count = math.isqrt(MOST_WORK) + 200
    first = " ".join(f"w{n}" for n in range(count))
    second = " ".join(f"w{n}" for n in reversed(range(count))) + " extra"
    one, two = diff(first, second)
    assert "".join(span.text for span in two) == second
    assert [span.text for span in two if span.mark] == ["extra"]
    assert not any(span.mark for span in one)


def test_that_signs_without_spaces_are_words() -> None:
    assert count_words("你好吗") == 3
    one, _ = diff("你好吗", "你坏吗")
    assert [span.text for span in one if span.mark] == ["好"]


@given(st.text(max_size=300), st.integers(0, 40))
@settings(max_examples=100)
def test_that_a_shortened_text_keeps_its_beginning(text: str, words: int) -> None:
    short = "".join(span.text for span in shorten([Span(text)], words))
    if count_words(text) <= words:
        assert short == text
    else:
        assert short.endswith(" …")
        assert text.startswith(short[:-2].rstrip())
        assert count_words(short) == words + 1


def test_that_weights_become_raises_and_lowers() -> None:
    spans = weighted([("good ", 0.5), ("bad ", -1.0), ("so ", 0.01)])
    assert [span.mark for span in spans] == ["raises", "lowers", ""]
    assert spans[1].strength == 1.0
    assert weighted([]) == []


def test_that_numbers_have_a_true_minus() -> None:
    assert signed(0.84) == "+0.84"
    assert signed(-0.531) == "\u22120.53"
    assert signed(-0.001) == "0.00"
    assert minus("-0.3 held-out") == "\u22120.3 held-out"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
@settings(max_examples=200)
def test_that_steps_are_round_few_and_inside(low: float, width: float) -> None:
    steps = round_steps(low, low + width)
    assert 1 <= len(steps) <= 6
    slack = 1e-6 * max(abs(low), width)
    assert all(low - slack <= step <= low + width + slack for step in steps)


def test_that_filter_words_are_split_outside_quotes() -> None:
    assert split_tokens('source:alpha  prompt:"two words" x') == ["source:alpha", 'prompt:"two words"', "x"]
    assert split_tokens("  ") == []


# ---- buttons


def test_that_segments_change_by_mouse_and_by_arrows(qtbot: QtBot) -> None:
    switch = Segmented([("diff", "Diff"), ("attribution", "Attribution"), ("plain", "Plain")], name="View")
    shown(qtbot, switch)
    with qtbot.waitSignal(switch.changed) as caught:
        qtbot.mouseClick(switch.group.button(1), Qt.MouseButton.LeftButton)
    assert caught.args == ["attribution"]
    with qtbot.waitSignal(switch.changed) as caught:
        qtbot.keyClick(switch.group.button(1), Qt.Key.Key_Right)
    assert caught.args == ["plain"]
    assert switch.current() == "plain"
    qtbot.keyClick(switch.group.button(2), Qt.Key.Key_Right)
    assert switch.current() == "plain"
    with qtbot.assertNotEmitted(switch.changed):
        switch.set_current("diff")
    assert switch.current() == "diff"


def test_that_arrows_step_over_a_disabled_segment(qtbot: QtBot) -> None:
    switch = Segmented([("a", "A"), ("b", "B"), ("c", "C")])
    shown(qtbot, switch)
    switch.disable("b", "Needs a model")
    qtbot.keyClick(switch.group.button(0), Qt.Key.Key_Right)
    assert switch.current() == "c"
    assert switch.group.button(1).toolTip() == "Needs a model"


def test_that_a_chip_is_closed_by_its_cross_and_by_delete(qtbot: QtBot) -> None:
    chip = Chip("37 pairs selected", icon="lasso-select", tone="plum", closable=True)
    shown(qtbot, chip, 200, 30)
    with qtbot.assertNotEmitted(chip.clicked), qtbot.waitSignal(chip.closed):
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(chip.width() - 10, 15))
    with qtbot.waitSignal(chip.clicked):
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(20, 15))
    with qtbot.waitSignal(chip.closed):
        qtbot.keyClick(chip, Qt.Key.Key_Delete)


def test_that_an_icon_button_has_name_tooltip_and_room_to_hit(qtbot: QtBot) -> None:
    button = IconButton("sun", "Theme", "Ctrl+Shift+L")
    qtbot.addWidget(button)
    assert button.accessibleName() == "Theme"
    assert button.toolTip() == "Theme (Ctrl+Shift+L)"
    assert button.sizeHint().width() >= 28
    assert button.sizeHint().height() >= 28


def test_that_a_disabled_button_says_why(qtbot: QtBot) -> None:
    button = SecondaryButton("Train", shortcut="Ctrl+Enter")
    qtbot.addWidget(button)
    button.disable("Open a data set first")
    assert not button.isEnabled()
    assert button.toolTip() == button.accessibleDescription() == "Open a data set first"
    button.disable("")
    assert button.isEnabled()
    assert button.toolTip() == "Train (Ctrl+Enter)"


def test_that_a_button_is_wide_enough_for_its_text(qtbot: QtBot) -> None:
    for family in ("", "DejaVu Sans"):
        themes.apply(QApplication.instance(), "light", family=family)
        button = SecondaryButton("Apply temperature 1.12", "thermometer")
        qtbot.addWidget(button)
        assert button.sizeHint().width() >= button.fontMetrics().horizontalAdvance(button.text()) + 16 + 7


# ---- header


def test_that_a_headline_takes_at_most_two_lines(qtbot: QtBot) -> None:
    headline = Headline("Longer responses win 62% of pairs (95% CI 59–65%). " * 6)
    shown(qtbot, headline, 500, 100)
    layout = headline.fitted(500)
    assert layout.lineCount() == 2
    assert layout.text().endswith("…")
    assert headline.toolTip() == headline.text
    assert headline.heightForWidth(500) == headline.heightForWidth(300)


def test_that_a_headline_in_one_line_is_lower(qtbot: QtBot) -> None:
    headline = Headline("5,180 pairs.")
    qtbot.addWidget(headline)
    assert headline.lines(500)[1] == 1
    assert headline.heightForWidth(500) < Headline("word " * 60).heightForWidth(500)


def test_that_intervals_are_lighter_and_unbroken(qtbot: QtBot) -> None:
    headline = Headline("Accuracy is 0.66 (95% CI 0.63–0.69) here.")
    qtbot.addWidget(headline)
    layout, _ = headline.lines(2000)
    text = layout.text()
    assert "(95%\u00a0CI\u00a00.63–0.69)" in text
    lighter = [part for part in layout.formats() if part.format.font().weight() == 400]
    assert [text[part.start:part.start + part.length] for part in lighter] == ["(95%\u00a0CI\u00a00.63–0.69)"]
    assert lighter[0].format.foreground().color() == color("text2")


def test_that_a_stale_headline_says_so(qtbot: QtBot) -> None:
    headline = Headline()
    qtbot.addWidget(headline)
    headline.set_text("Accuracy is 0.66.", stale=True)
    assert headline.accessibleName() == "Accuracy is 0.66, before the change."
    assert headline.lines(2000)[0].formats()[0].format.foreground().color() == color("text2")


def test_that_the_header_explains_and_copies_the_command(qtbot: QtBot) -> None:
    header = PaneHeader("Length & style", "Does the reward follow length?")
    shown(qtbot, header, 700, 120)
    assert not header.computed.isVisible()
    header.set_headline("Longer responses win.")
    header.set_method("1,036 held-out pairs")
    header.set_computed("Share of pairs whose longer response won", "rmexplorer analyze length data.jsonl")
    assert header.computed.isVisible()
    qtbot.mouseClick(header.computed, Qt.MouseButton.LeftButton)
    assert header.popover is not None
    header.popover.copy_command()
    assert QGuiApplication.clipboard().text() == "rmexplorer analyze length data.jsonl"
    qtbot.waitUntil(lambda: header.popover is None)


# ---- cards


def test_that_a_card_shows_one_state_at_a_time(qtbot: QtBot) -> None:
    card = Card("Scores", "1,036 pairs")
    shown(qtbot, card)
    pressed: list[str] = []
    card.show_empty("Calibration needs rewards.", "Train a head", lambda: pressed.append("train"))
    assert card.empty.isVisible()
    qtbot.mouseClick(card.empty.button, Qt.MouseButton.LeftButton)
    card.show_loading("2,100 pairs/s · 0:03 left")
    assert card.loading.isVisible()
    assert not card.loading.visible_outline
    qtbot.waitUntil(lambda: card.loading.visible_outline, timeout=2000)
    card.show_error(Problem("The file is gone", "open another"), "Traceback", "Open", lambda: pressed.append("open"))
    assert card.error.isVisible()
    assert card.content.isVisible()
    qtbot.mouseClick(card.error.mend, Qt.MouseButton.LeftButton)
    card.show_stale("Computed for 5,180 pairs", lambda: pressed.append("update"))
    assert card.is_stale()
    qtbot.mouseClick(card.stale_chip, Qt.MouseButton.LeftButton)
    card.show_ready()
    assert not card.is_stale()
    assert not card.error.isVisible()
    assert pressed == ["train", "open", "update"]


def test_that_a_stale_card_is_paler(qtbot: QtBot) -> None:
    card = Card("Numbers")
    card.add(NumberStrip([("Loss", "0.613", "training 0.528")]))
    shown(qtbot, card, 300, 140)

    def darkest() -> int:
        image = card.pages.grab().toImage()
        return min(
            image.pixelColor(x, y).lightness() for x in range(0, image.width(), 2) for y in range(image.height())
        )

    before = darkest()
    card.show_stale("Computed for 5,180 pairs")
    QApplication.processEvents()
    assert darkest() > before + 80


def test_that_text_zoom_enlarges_cards_and_headers_that_stand(qtbot: QtBot, qapp: QApplication) -> None:
    card, header = Card("Scores"), PaneHeader("Length & style", "Does the reward follow length?")
    qtbot.addWidget(card)
    qtbot.addWidget(header)
    before = (card.header.height(), header.top.height(), card.outer.contentsMargins().top())
    themes.apply(qapp, "light", scale=2.0)
    assert (card.header.height(), header.top.height(), card.outer.contentsMargins().top()) == tuple(
        2 * n for n in before
    )


def test_that_a_long_command_breaks_where_a_shell_joins_it() -> None:
    assert shell_lines("rmexplorer train a.jsonl") == "rmexplorer train a.jsonl"
    long = "rmexplorer analyze length pairs.jsonl --model head-256 --seed 0"
    assert shell_lines(long).replace(" \\\n    ", " ") == long
    assert shell_lines(long).splitlines()[1] == "    --model head-256 \\"


def test_that_an_error_can_be_copied(qtbot: QtBot) -> None:
    strip = ErrorStrip()
    shown(qtbot, strip)
    strip.show_problem(Problem("Line 412 is not JSON", "open it in an editor"), "a.jsonl:412")
    qtbot.mouseClick(strip.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "Line 412 is not JSON; open it in an editor\na.jsonl:412"
    assert strip.remedy.text() == "Open it in an editor"


def test_that_a_job_in_the_status_strip_can_be_cancelled(qtbot: QtBot) -> None:
    status = StatusProgress()
    shown(qtbot, status, 900, 30)
    assert not status.cancel.isVisible()
    status.running("Training head-256", 7, 12, "epoch 7 of 12")
    assert status.bar.value() == 7
    with qtbot.waitSignal(status.cancelled):
        qtbot.mouseClick(status.cancel, Qt.MouseButton.LeftButton)
    status.ready("Scored 10,360 responses in 1.1 s")
    assert not status.bar.isVisible()


def test_that_a_notice_can_be_undone(qtbot: QtBot) -> None:
    window = shown(qtbot, QWidget(), 600, 400)
    notice = Notice(window)
    undone: list[int] = []
    notice.say("Run deleted", "Undo", lambda: undone.append(1))
    assert notice.isVisible()
    qtbot.mouseClick(notice.button, Qt.MouseButton.LeftButton)
    assert undone == [1]
    assert not notice.isVisible()


# ---- focus


def test_that_the_ring_follows_the_keyboard_focus(qtbot: QtBot, qapp: QApplication) -> None:
    rings = show_focus(qapp)
    assert show_focus(qapp) is rings
    window = QWidget()
    column = QVBoxLayout(window)
    first, second = SecondaryButton("First"), QLineEdit()
    column.addWidget(first)
    column.addWidget(second)
    shown(qtbot, window)
    window.activateWindow()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: rings.ring is not None and rings.ring.target is first)
    assert isinstance(rings.ring, FocusRing)
    assert rings.ring.geometry().contains(first.geometry())
    image = window.grab().toImage()
    edge = first.geometry().topLeft() + QPoint(20, -3)
    assert image.pixelColor(edge).name().upper() == LIGHT.plum
    QTest.keyClick(first, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: rings.ring is not None and rings.ring.target is second)
    rings.setParent(None)
    rings.ring.release()
    rings.ring = None
    qapp.focusChanged.disconnect(rings._moved)
    rings.deleteLater()


# ---- responses


def test_that_both_marks_are_told_apart_without_colour(qtbot: QtBot) -> None:
    text = MarkedText()
    qtbot.addWidget(text)
    styles = {
        mark: text.text_format(Span("x", mark)).underlineStyle() for mark in ("chosen", "rejected", "raises", "lowers")
    }
    assert styles["chosen"] == styles["raises"] == QTextCharFormat.UnderlineStyle.SingleUnderline
    assert styles["rejected"] == styles["lowers"] == QTextCharFormat.UnderlineStyle.DotLine
    assert text.text_format(Span("x", "chosen")).background().color() == color("chosen_mark")


def test_that_marked_text_is_plain_and_follows_its_script(qtbot: QtBot) -> None:
    text = MarkedText()
    shown(qtbot, text)
    text.set_spans([Span("<b>bold</b> & "), Span("מלח", "chosen")])
    assert text.toPlainText() == "<b>bold</b> & מלח"
    text.set_spans([Span("שלום עולם")])
    assert text.document().firstBlock().textDirection() == Qt.LayoutDirection.RightToLeft


def test_that_a_long_response_is_cut_until_all_is_asked_for(qtbot: QtBot) -> None:
    view = DiffView()
    shown(qtbot, view, 500, 300)
    long = " ".join(f"word{n}" for n in range(384))
    view.set_pair("short", long, 0.84, 1.37)
    assert view.rejected.more.text() == "Show all 384 words"
    assert view.rejected.text.toPlainText().endswith(" …")
    assert not view.chosen.more.isVisible()
    assert view.rejected.reward.text() == "+1.37"
    height = view.rejected.text.height()
    qtbot.mouseClick(view.rejected.more, Qt.MouseButton.LeftButton)
    assert view.rejected.text.toPlainText() == long
    assert view.rejected.text.height() > height
    view.set_pair("short", long)
    assert view.rejected.more.isVisible()


def test_that_modes_mark_differently(qtbot: QtBot) -> None:
    view = DiffView()
    qtbot.addWidget(view)
    view.set_pair("Hello there", "Hello you")
    assert [span.text for span in view.chosen.spans if span.mark] == ["there"]
    with qtbot.waitSignal(view.mode_changed):
        view.set_mode("attribution")
    assert not any(span.mark for span in view.chosen.spans)
    view.set_attribution([("Hello ", 1.0), ("there", -1.0)], [("Hello you", 0.0)])
    assert [span.mark for span in view.chosen.spans] == ["raises", "lowers"]
    view.set_mode("plain")
    assert not any(span.mark for span in view.chosen.spans)


def test_that_responses_stack_where_it_is_narrow(qtbot: QtBot) -> None:
    view = DiffView()
    shown(qtbot, view, 380, 300)
    assert view.chosen.y() < view.rejected.y()
    view.resize(600, 300)
    QApplication.processEvents()
    assert view.chosen.y() == view.rejected.y()


def test_that_the_reward_strip_says_what_it_shows(qtbot: QtBot) -> None:
    strip = RewardStrip()
    shown(qtbot, strip, 400, 78)
    strip.set_rewards(np.append(np.random.default_rng(0).normal(size=1000), np.nan))
    strip.set_marks([("chosen", 0.84), ("rejected", 1.37)])
    assert strip.margin_value() == pytest.approx(-0.53)
    assert strip.accessibleDescription() == "chosen +0.84, rejected +1.37, margin \u22120.53"
    image = strip.grab().toImage()
    inks = {image.pixelColor(x, y).name().upper() for x in range(image.width()) for y in range(image.height())}
    assert {LIGHT.chosen, LIGHT.rejected} <= inks
    strip.set_marks([("chosen", 0.84), ("rejected", math.nan)])
    assert strip.margin is None
    strip.set_rewards(np.array([]))
    strip.set_marks([])
    strip.grab()


# ---- facets


def test_that_a_category_is_toggled_by_mouse_and_by_space(qtbot: QtBot) -> None:
    bars = HorizontalBars("Source")
    shown(qtbot, bars, 200, 80)
    bars.set_rows([("alpha", 2104, 318), ("beta", 1386, -1)], ["alpha"])
    with qtbot.waitSignal(bars.toggled) as caught:
        qtbot.mouseClick(bars.rows[1], Qt.MouseButton.LeftButton)
    assert caught.args == ["beta"]
    with qtbot.waitSignal(bars.toggled) as caught:
        qtbot.keyClick(bars.rows[0], Qt.Key.Key_Space)
    assert caught.args == ["alpha"]
    assert bars.rows[0].accessibleName() == "alpha: 2,104, 318 kept, in the filter"
    bars.set_rows([("gamma", 1, -1)])
    assert [row.text() for row in bars.rows] == ["gamma"]


def histogram(qtbot: QtBot, log: bool = False) -> FacetHistogram:
    facet = FacetHistogram("Words", log=log)
    edges = np.geomspace(1, 1024, 11) if log else np.linspace(0, 10, 11)
    facet.set_data(edges, np.arange(1, 11), np.ones(10, int), [(1, "1"), (8, "8")])
    shown(qtbot, facet, 202, 102)
    return facet


def test_that_a_handle_is_dragged_from_the_end(qtbot: QtBot) -> None:
    facet = histogram(qtbot)
    seen: list[tuple[float, float]] = []
    facet.rangeChanged.connect(lambda low, high: seen.append((low, high)))
    middle = QPoint(round(facet.x_of(4.0)), 50)
    qtbot.mousePress(facet, Qt.MouseButton.LeftButton, pos=QPoint(2, 50))
    qtbot.mouseMove(facet, middle)
    qtbot.mouseRelease(facet, Qt.MouseButton.LeftButton, pos=middle)
    assert seen[-1][0] == pytest.approx(4.0, abs=0.1)
    assert seen[-1][1] == math.inf
    assert facet.range_text().startswith("> ")
    qtbot.mouseDClick(facet, Qt.MouseButton.LeftButton, pos=middle)
    assert seen[-1] == (-math.inf, math.inf)


def test_that_handles_move_by_arrows(qtbot: QtBot) -> None:
    facet = histogram(qtbot)
    qtbot.keyClick(facet, Qt.Key.Key_Right)
    assert facet.low == pytest.approx(1.0, abs=0.1)
    qtbot.keyClick(facet, Qt.Key.Key_Space)
    qtbot.keyClick(facet, Qt.Key.Key_Left)
    assert facet.high == pytest.approx(9.0, abs=0.1)
    for _ in range(20):
        qtbot.keyClick(facet, Qt.Key.Key_Left)
    assert facet.low == pytest.approx(1.0, abs=0.1) and facet.high == facet.low, "a handle stops at the other"
    qtbot.keyClick(facet, Qt.Key.Key_Home)
    for _ in range(20):
        qtbot.keyClick(facet, Qt.Key.Key_Left)
    assert facet.low == -math.inf and facet.high == pytest.approx(1.0, abs=0.1), "and before the end where nothing is left"
    qtbot.keyClick(facet, Qt.Key.Key_Home)
    assert (facet.low, facet.high) == (-math.inf, math.inf)


@given(st.floats(1.1, 1000))
@settings(max_examples=30)
def test_that_places_and_values_are_inverse(value: float) -> None:
    facet = FacetHistogram("Words", log=True)
    facet.set_data(np.geomspace(1, 1024, 11), np.ones(10, int))
    facet.resize(400, 102)
    assert facet.value_at(facet.x_of(value)) in (pytest.approx(value, rel=1e-6), -math.inf, math.inf)


# ---- the filter field


def test_that_words_become_tokens(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    with qtbot.waitSignal(field.tokensChanged) as caught:
        qtbot.keyClicks(field.edit, "source:alpha ")
    assert caught.args == [["source:alpha"]]
    qtbot.keyClicks(field.edit, "words>200")
    qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert field.tokens() == ["source:alpha", "words>200"]
    assert field.edit.text() == ""


def test_that_backspace_opens_the_last_token(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    field.set_tokens(["source:alpha", "words>200"])
    qtbot.keyClick(field.edit, Qt.Key.Key_Backspace)
    assert field.tokens() == ["source:alpha"]
    assert field.edit.text() == "words>200"


def test_that_tab_completes_else_leaves(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    field.set_completions(lambda word: [name for name in ("source:", "source:alpha") if name.startswith(word)])
    qtbot.keyClicks(field.edit, "sou")
    qtbot.keyClick(field.edit, Qt.Key.Key_Tab)
    assert field.edit.text() == "source:"
    assert field.tokens() == []
    qtbot.keyClicks(field.edit, "a")
    qtbot.keyClick(field.edit, Qt.Key.Key_Tab)
    assert field.tokens() == ["source:alpha"]


def test_that_a_token_is_removed_by_its_cross(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    field.set_tokens(["a", "b"])
    QApplication.processEvents()
    chip = field.chips[0]
    with qtbot.waitSignal(field.tokensChanged) as caught:
        qtbot.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(chip.width() - 6, 10))
    assert caught.args == [["b"]]


def test_that_escape_drops_the_word_then_asks_to_clear(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    qtbot.keyClicks(field.edit, "abc")
    qtbot.keyClick(field.edit, Qt.Key.Key_Escape)
    assert field.edit.text() == ""
    with qtbot.waitSignal(field.escaped):
        qtbot.keyClick(field.edit, Qt.Key.Key_Escape)


def test_that_a_bad_token_is_marked_and_explained(qtbot: QtBot) -> None:
    field = TokenField()
    shown(qtbot, field, 500, 30)
    field.set_tokens(["sorce:alpha"])
    field.set_error("There is no column sorce", 0)
    assert field.chips[0].bad
    assert field.note.text() == "There is no column sorce"
    assert field.edit.accessibleDescription() == "There is no column sorce"
    field.set_tokens(["source:alpha"])
    assert not field.note.isVisible()


def test_that_every_widget_follows_the_theme_there_and_back(qtbot: QtBot, qapp: QApplication) -> None:
    card = Card("Scores", "1,036 pairs")
    bars, facet, strip, view, field = (
        HorizontalBars(),
        FacetHistogram("Margin"),
        RewardStrip(),
        DiffView(),
        TokenField(),
    )
    bars.set_rows([("alpha", 10, 3)], ["alpha"])
    facet.set_range(0.2, 0.7)
    view.set_pair("a b", "a c", 0.1, 0.2)
    field.set_tokens(["a:b"])
    for widget in (
        bars,
        facet,
        strip,
        view,
        field,
        Chip("x", "y", "database", menu=True),
        NumberStrip([("a", "1", "b")]),
    ):
        card.add(widget)
    shown(qtbot, card, 420, 520)
    first = card.grab().toImage()
    themes.apply(qapp, "dark")
    QApplication.processEvents()
    assert card.grab().toImage() != first
    themes.apply(qapp, "light")
    QApplication.processEvents()
    assert card.grab().toImage() == first


@pytest.mark.parametrize("top", [0, 100, 260])
def test_that_a_sheet_stays_in_its_window(qtbot: QtBot, top: int) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(400, 300)
    button = SecondaryButton("Open", parent=window)
    button.move(10, top)
    window.show()
    sheet = Popover("A sheet", 320, window)
    sheet.add_text("One line after the other. " * 12)
    sheet.show_under(button)
    at = window.mapFromGlobal(sheet.mapToGlobal(QPoint(0, 0)))
    assert window.rect().contains(at) and window.rect().contains(at + QPoint(sheet.width(), sheet.height()))
    sheet.close()


def test_that_a_chip_shows_its_detail_whole_or_not_at_all(qtbot: QtBot) -> None:
    chip = Chip("a-dataset-with-quite-a-long-name-of-many-parts-v2.3-final.jsonl", "123,456 pairs", "database", menu=True)
    chip.set_text(chip.text(), chip.detail)
    qtbot.addWidget(chip)
    assert chip.sizeHint().width() <= 380 and "123,456 pairs" in chip.toolTip() and chip.text() in chip.toolTip()
    assert chip.shown(300)[1] == "123,456 pairs" and chip.shown(120)[1] == ""
    for room in range(40, 600, 20):
        text, detail = chip.shown(room)
        beside = 8 + QFontMetrics(font("small")).horizontalAdvance(detail) if detail else 0
        assert text and QFontMetrics(chip.font()).horizontalAdvance(text) + beside <= room
