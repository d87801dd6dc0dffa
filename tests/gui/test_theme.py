"""Colours, fonts and icons."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

import rmexplorer.gui
from rmexplorer.gui.theme import (
    DARK,
    LIGHT,
    Colors,
    Metrics,
    category,
    color,
    contrast,
    font,
    icon,
    pixmap,
    qss,
    scale_table,
    set_font,
    set_icon,
    themes,
)
from rmexplorer.paths import resource


class StyleChanges(QObject):
    """Counts what a widget is told of its style."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.StyleChange
        return False


# token, on surface light, on bg light, on surface dark, on bg dark: as the design guide says
TABLE = [
    ("line2", 3.6, 3.3, 4.1, 4.5), ("text", 16.7, 15.3, 14.4, 15.7), ("text2", 7.8, 7.1, 9.1, 10.0),
    ("text3", 5.6, 5.2, 6.2, 6.7), ("neutral", 3.8, 3.5, 5.6, 6.1), ("chosen", 5.2, 4.8, 7.0, 7.6),
    ("chosen_text", 6.5, 5.9, 8.3, 9.0), ("rejected", 3.9, 3.6, 6.8, 7.4), ("rejected_text", 5.8, 5.3, 8.0, 8.7),
    ("plum", 6.4, 5.9, 7.2, 7.8), ("plum_text", 7.8, 7.2, 8.7, 9.5), ("error", 6.5, 6.0, 6.9, 7.5),
]
ON_SURFACE = [
    ("green", 3.4, 7.3),
    ("green_text", 6.1, 8.5),
    ("amber", 2.3, 9.2),
    ("amber_text", 6.4, 9.2),
    ("off", 2.6, 2.9),
]
TEXTS = ("text", "text2", "text3", "chosen_text", "rejected_text", "plum_text", "green_text", "amber_text", "error")
MARKS = ("line2", "neutral", "chosen", "rejected", "plum", "green")


@pytest.fixture(autouse=True)
def light_again(qapp: QApplication) -> object:
    """Each test begins and ends in the light theme."""
    themes.apply(qapp, "light")
    yield None
    themes.apply(qapp, "light")


def test_that_black_on_white_has_contrast_21() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#777777") == pytest.approx(1.0)


@pytest.mark.parametrize(("token", "light", "light_bg", "dark", "dark_bg"), TABLE)
def test_that_contrast_is_what_the_guide_says(
    token: str, light: float, light_bg: float, dark: float, dark_bg: float
) -> None:
    for colors, surface, ground in ((LIGHT, light, light_bg), (DARK, dark, dark_bg)):
        assert contrast(getattr(colors, token), colors.surface) == pytest.approx(surface, abs=0.06)
        assert contrast(getattr(colors, token), colors.bg) == pytest.approx(ground, abs=0.06)


@pytest.mark.parametrize(("token", "light", "dark"), ON_SURFACE)
def test_that_contrast_on_surface_is_what_the_guide_says(token: str, light: float, dark: float) -> None:
    assert contrast(getattr(LIGHT, token), LIGHT.surface) == pytest.approx(light, abs=0.06)
    assert contrast(getattr(DARK, token), DARK.surface) == pytest.approx(dark, abs=0.06)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_that_every_text_and_mark_can_be_read(colors: Colors) -> None:
    for ground in (colors.surface, colors.bg):
        for token in TEXTS:
            assert contrast(getattr(colors, token), ground) >= 4.5, token
        for token in MARKS:
            assert contrast(getattr(colors, token), ground) >= 3.0, token
    for token in ("text", "text2", "text3"):
        assert contrast(getattr(colors, token), colors.hover) >= 4.5, token
    for token in ("chosen_mark", "rejected_mark"):
        assert contrast(colors.text, getattr(colors, token)) >= 7.0, token
    assert contrast(colors.plum_text, colors.plum_tint) >= 4.5
    assert contrast(colors.error, colors.error_tint) >= 4.5


def test_that_no_colour_is_named_outside_the_theme() -> None:
    named = re.compile(r"""#[0-9A-Fa-f]{6}\b|#[0-9A-Fa-f]{3}["']|QColor\(\s*["']|Qt\.GlobalColor\.(?!transparent)""")
    folder = Path(rmexplorer.gui.__file__).parent
    files = [path for path in folder.rglob("*.py") if path.name != "theme.py"]
    assert len(files) > 10
    found = [f"{path.name}:{number}" for path in files
             for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if named.search(line)]
    assert found == []
    assert not re.search(r"#[0-9A-Fa-f]{6}", resource("theme.qss").read_text(encoding="utf-8"))


def test_that_a_font_is_never_set_by_style_sheet() -> None:
    assert not re.search(r"\bfont(-\w+)?\s*:", resource("theme.qss").read_text(encoding="utf-8"))


def test_that_the_style_sheet_has_the_colours_of_the_theme(qapp: QApplication) -> None:
    themes.apply(qapp, "dark")
    assert DARK.surface in qapp.styleSheet()
    assert LIGHT.surface not in qapp.styleSheet()
    assert "$" not in qapp.styleSheet().replace("$token", "").replace("$m_", "").replace("$i_", "")
    assert qapp.palette().window().color().name().upper() == DARK.bg


@pytest.mark.parametrize("made", [QLineEdit, QPlainTextEdit])
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_that_a_hint_in_a_field_can_be_read(qapp: QApplication, qtbot: QtBot, made: type[QWidget], theme: Colors) -> None:
    themes.apply(qapp, "dark" if theme.dark else "light")
    field = made()
    qtbot.addWidget(field)
    field.setPlaceholderText("HHHHHHHH")
    field.resize(200, 40)
    image = field.grab().toImage()
    inks = {image.pixelColor(x, y).name().upper() for x in range(8, 60) for y in range(6, 34)}
    assert theme.text3 in inks and contrast(theme.text3, theme.surface) >= 4.5


def test_that_the_style_sheet_scales(qapp: QApplication) -> None:
    themes.apply(qapp, "light", scale=2.0)
    assert f"border-radius: {Metrics().radius * 2}px" in qss(themes.current, dict.fromkeys(
        ("chevron", "chevron_off", "up_down", "check", "dash", "step_up"), ""))


def test_that_a_change_of_theme_is_told_and_widgets_follow(qapp: QApplication, qtbot: QtBot) -> None:
    label, button = QLabel("x"), QPushButton()
    qtbot.addWidget(label)
    qtbot.addWidget(button)
    set_font(label, "headline")
    set_icon(button, "sun", "text2")
    before = button.icon().pixmap(16, 16).toImage()
    with qtbot.waitSignal(themes.theme_changed):
        themes.apply(qapp, "dark", scale=1.5)
    assert label.font().pixelSize() == 27
    assert button.icon().pixmap(24, 24).toImage() != before
    assert color("surface").name().upper() == DARK.surface


def test_that_a_change_of_theme_polishes_a_widget_as_often_at_any_depth(qapp: QApplication, qtbot: QtBot) -> None:
    changes: list[int] = []
    for depth in (1, 12):
        made = [QWidget()]
        for _ in range(depth):
            made.append(QWidget(made[-1]))
        qtbot.addWidget(made[0])
        made[0].show()
        watch = StyleChanges()
        made[-1].installEventFilter(watch)
        themes.apply(qapp, "dark")
        changes.append(watch.count)
    assert 1 <= changes[0] == changes[1], "a window of 2,000 widgets would stand still"


def test_that_figures_are_tabular_and_words_are_not_torn(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    set_font(label, "body")
    metrics = label.fontMetrics()
    assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("0000")
    assert metrics.horizontalAdvance("+0.84") == metrics.horizontalAdvance("\u22120.53")
    assert metrics.horizontalAdvance("-") < 0.8 * metrics.horizontalAdvance("0")


def test_that_the_bundled_font_is_used(qtbot: QtBot) -> None:
    assert QFontInfo(font("body")).family() == "Inter"
    assert QFontInfo(font("title")).weight() == 600
    assert QFontInfo(font("mono")).fixedPitch()


def test_that_every_icon_can_be_drawn_in_its_colour(qtbot: QtBot) -> None:
    names = sorted(path.stem for path in resource("icons").glob("*.svg"))
    assert len(names) >= 45
    for name in names:
        image = pixmap(name, "plum", 16, 2.0).toImage()
        assert image.width() == 32
        inks = [image.pixelColor(x, y) for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() == 255]
        assert inks, name
        assert inks[0].name().upper() == LIGHT.plum, name


def test_that_licences_lie_beside_fonts_and_icons() -> None:
    assert "ISC License" in resource("icons/LICENSE.txt").read_text(encoding="utf-8")
    assert "Feather" in resource("icons/LICENSE.txt").read_text(encoding="utf-8")
    for name in ("Inter-OFL.txt", "JetBrainsMono-OFL.txt"):
        assert "SIL OPEN FONT LICENSE" in resource(f"fonts/{name}").read_text(encoding="utf-8").upper()


def test_that_an_icon_is_grey_when_disabled(qtbot: QtBot) -> None:
    assert not icon("x").isNull()
    ghost = icon("x").pixmap(16, 16, icon("x").Mode.Disabled).toImage()
    assert ghost != icon("x").pixmap(16, 16).toImage()


def test_that_colour_scales_end_in_their_tokens() -> None:
    for scale in ("share", "slope"):
        table = scale_table(scale, 101)
        stops = getattr(LIGHT, f"{scale}_scale")
        assert f"#{table[0, 0]:02X}{table[0, 1]:02X}{table[0, 2]:02X}" == stops[0]
        assert f"#{table[50, 0]:02X}{table[50, 1]:02X}{table[50, 2]:02X}" == stops[2]
        assert f"#{table[100, 0]:02X}{table[100, 1]:02X}{table[100, 2]:02X}" == stops[-1]


def test_that_beyond_six_categories_all_are_other() -> None:
    assert len({category(place) for place in range(6)}) == 6
    assert category(6) == category(40) == category(5)


def test_that_tokens_are_hex_and_complete() -> None:
    for field in fields(Colors):
        for colors in (LIGHT, DARK):
            value = getattr(colors, field.name)
            for one in value if isinstance(value, tuple) else (value,):
                assert isinstance(one, bool) or re.fullmatch(r"#[0-9A-F]{6}", one), field.name
