"""Colours, sizes, fonts and icons of the window: the one module in which a colour is named.

`themes` holds the current `Theme` and says `theme_changed` when it is another one; everything drawn asks this module
for its colour when it draws, or restyles itself on that signal.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from string import Template

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QByteArray, QDir, QObject, QRectF, QSize, Qt, QTemporaryDir, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from rmexplorer.paths import resource


@dataclass(frozen=True)
class Colors:
    """The colour tokens of the design guide, as hex text."""

    bg: str
    surface: str
    sunken: str
    hover: str
    line: str
    line2: str
    grid: str
    text: str
    text2: str
    text3: str
    off: str
    neutral: str
    neutral_fill: str
    chosen: str
    chosen_text: str
    chosen_mark: str
    rejected: str
    rejected_text: str
    rejected_mark: str
    plum: str
    plum_text: str
    plum_tint: str
    plum_line: str
    green: str
    green_text: str
    amber: str
    amber_text: str
    error: str
    error_tint: str
    sky: str
    purple: str
    share_scale: tuple[str, ...]  # share of chosen at 0, 0.3, 0.5, 0.7, 1
    slope_scale: tuple[str, ...]  # lowers, no effect, raises a little, raises, raises much: at 0, 0.25, 0.5, 0.75, 1
    dark: bool = False


LIGHT = Colors(
    bg="#F4F5F7", surface="#FFFFFF", sunken="#EDEFF2", hover="#E6E9ED", line="#DEE2E7", line2="#7E8796",
    grid="#E9ECEF", text="#1A1E25", text2="#4A5361", text3="#5F6876", off="#9AA2AE", neutral="#7A8494",
    neutral_fill="#C3C9D2", chosen="#0072B2", chosen_text="#00639B", chosen_mark="#C4E0F1", rejected="#D55E00",
    rejected_text="#A94800", rejected_mark="#FAD9BF", plum="#9B3B78", plum_text="#8A2F69", plum_tint="#F8EAF3",
    plum_line="#D9A3C6", green="#009E73", green_text="#00704F", amber="#E69F00", amber_text="#7F5700",
    error="#B3261E", error_tint="#FBE9E7", sky="#56B4E9", purple="#CC79A7",
    share_scale=("#C65200", "#E79A66", "#C9CDD4", "#6FAFD6", "#005F96"),
    slope_scale=("#B87A00", "#C9C7BE", "#7CC7AE", "#2E9673", "#00452F"),
)
DARK = Colors(
    bg="#101317", surface="#181C22", sunken="#0C0E12", hover="#2A303A", line="#2C323C", line2="#737D8C",
    grid="#232830", text="#E9ECF0", text2="#B7BEC9", text3="#939CAA", off="#5D6673", neutral="#8A94A3",
    neutral_fill="#4A525F", chosen="#4FAEE6", chosen_text="#6CBDF0", chosen_mark="#1E4A68", rejected="#F28741",
    rejected_text="#F79B5F", rejected_mark="#663A1C", plum="#DE8FC0", plum_text="#E7A6CD", plum_tint="#33202D",
    plum_line="#8A4E75", green="#2FBF95", green_text="#4CCBA5", amber="#F0B429", amber_text="#F0B429",
    error="#F2857C", error_tint="#3A1E1C", sky="#56B4E9", purple="#CC79A7",
    share_scale=("#FF9A52", "#C4743F", "#59616E", "#3F86B4", "#63BCF2"),
    slope_scale=("#F0B429", "#59616E", "#2B7F67", "#2FBF95", "#9DF0D6"), dark=True,
)
SCALE_POSITIONS = {"share": (0.0, 0.3, 0.5, 0.7, 1.0), "slope": (0.0, 0.25, 0.5, 0.75, 1.0)}
CATEGORIES = ("text", "green", "amber", "sky", "purple", "neutral")
CATEGORY_SYMBOLS = ("square", "triangle", "triangle_down", "cross", "star", "pentagon")


@dataclass(frozen=True)
class Metrics:
    """Sizes in logical pixels at scale 1."""

    space1: int = 4
    space2: int = 8
    space3: int = 12
    space4: int = 16
    space5: int = 20
    space6: int = 28
    card_padding_x: int = 14
    card_padding_top: int = 8
    card_padding_bottom: int = 12
    card_header: int = 30
    card_gap: int = 12
    pane_padding: int = 20
    radius_card: int = 8
    radius: int = 6
    radius_small: int = 4
    control: int = 30
    hit: int = 28
    topbar: int = 48
    rail: int = 156
    rail_narrow: int = 48
    rail_item: int = 32
    status: int = 30
    inspector: int = 436
    inspector_min: int = 360
    inspector_max: int = 640
    inspector_strip: int = 44
    facets: int = 208
    settings: int = 248
    row: int = 62

    def scaled(self, factor: float) -> Metrics:
        """The same sizes multiplied by `factor`, rounded to whole pixels."""
        return replace(self, **{field.name: round(getattr(self, field.name) * factor) for field in fields(self)})


@dataclass(frozen=True)
class Fonts:
    """Families, and size in px and weight of each role."""

    family: str = "Inter"
    mono_family: str = "JetBrains Mono"
    headline: tuple[float, int] = (18, 500)
    number: tuple[float, int] = (20, 600)
    title: tuple[float, int] = (13, 600)
    body: tuple[float, int] = (13, 400)
    strong: tuple[float, int] = (13, 500)
    small: tuple[float, int] = (12, 400)
    small_strong: tuple[float, int] = (12, 600)
    smallest: tuple[float, int] = (11, 400)
    group: tuple[float, int] = (11, 600)
    mono: tuple[float, int] = (12, 400)
    welcome: tuple[float, int] = (26, 600)
    empty: tuple[float, int] = (17, 600)
    scale: float = 1.0


@dataclass(frozen=True)
class Theme:
    """What all drawing asks for: colours, sizes, fonts and the factor of line widths."""

    name: str
    colors: Colors
    metrics: Metrics = Metrics()
    fonts: Fonts = Fonts()
    line_scale: float = 1.0


class Themes(QObject):
    """Holder of the current theme; `theme_changed` follows every change of colours, sizes or fonts."""

    theme_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.current = Theme("light", LIGHT)
        self.choice = "light"  # what was asked for: light, dark or system
        self._files: QTemporaryDir | None = None
        self._application: QApplication | None = None

    @property
    def colors(self) -> Colors:
        return self.current.colors

    @property
    def metrics(self) -> Metrics:
        return self.current.metrics

    @property
    def fonts(self) -> Fonts:
        return self.current.fonts

    def apply(self, application: QApplication, name: str, scale: float = 1.0, line_scale: float = 1.0,
              family: str = "") -> None:
        """Dress the application: Fusion, palette, QSS and fonts from the tokens of `name` (light, dark or system).

        `scale` multiplies sizes and fonts (text zoom, presentation), `line_scale` the lines of plots. `family` replaces
        the text font, to see the layout in another one.
        """
        self.choice = name
        if application is not self._application:
            self._application = application
            load_fonts()
            hints = application.styleHints()
            hints.colorSchemeChanged.connect(self._follow)
        if name == "system":
            name = "dark" if application.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"
        known = set(QFontDatabase.families())
        sans = family or ("Inter" if "Inter" in known else QFontDatabase.systemFont(
            QFontDatabase.SystemFont.GeneralFont).family())
        mono = "JetBrains Mono" if "JetBrains Mono" in known else QFontDatabase.systemFont(
            QFontDatabase.SystemFont.FixedFont).family()
        self.current = Theme(name, DARK if name == "dark" else LIGHT, Metrics().scaled(scale),
                             Fonts(family=sans, mono_family=mono, scale=scale), line_scale)
        if not application.property("rmexplorer style"):  # once: under a style sheet the name of the style is another
            application.setStyle("Fusion")
            application.setProperty("rmexplorer style", True)
        # A sheet in place of another polishes every widget once for each widget around it; off and on again, twice in all.
        application.setStyleSheet("")
        application.setPalette(palette(self.current))
        application.setFont(font("body"))
        application.setStyleSheet(self._style_sheet())
        for widget in application.allWidgets():
            _refresh(widget)
        self.theme_changed.emit()

    def _follow(self) -> None:
        if self.choice == "system" and self._application is not None:
            self.apply(self._application, "system", self.fonts.scale, self.current.line_scale)

    def _style_sheet(self) -> str:
        if self._files is None:
            self._files = QTemporaryDir(f"{QDir.tempPath()}/rmexplorer-XXXXXX")
        folder = self._files.path()

        def image(name: str, token: str, label: str, width: float = 2.0) -> str:
            path = f"{folder}/{label}-{self.current.name}.svg"
            with open(path, "wb") as file:
                file.write(_svg(name, getattr(self.colors, token), width))
            return path

        images = {
            "chevron": image("chevron-down", "text3", "chevron"),
            "chevron_off": image("chevron-down", "off", "chevron-off"),
            "up_down": image("chevrons-up-down", "text3", "up-down"),
            "check": image("check", "surface", "check", 3.0),
            "dash": image("minus", "surface", "dash", 3.0),
            "step_up": image("chevron-up", "text3", "step-up"),
        }
        return qss(self.current, images)


themes = Themes()


def load_fonts() -> None:
    """Make the bundled fonts known to Qt, where the system lacks them."""
    known = set(QFontDatabase.families())
    for family, files in (("Inter", ("Inter-Regular.ttf", "Inter-Medium.ttf", "Inter-SemiBold.ttf")),
                          ("JetBrains Mono", ("JetBrainsMono-Regular.ttf",))):
        if family not in known:
            for name in files:
                QFontDatabase.addApplicationFont(str(resource(f"fonts/{name}")))


def qss(theme: Theme, images: dict[str, str]) -> str:
    """The style sheet of the application: resources/theme.qss with tokens and sizes filled in."""
    values: dict[str, object] = {f.name: getattr(theme.colors, f.name) for f in fields(Colors)}
    values |= {f"m_{f.name}": getattr(theme.metrics, f.name) for f in fields(Metrics)}
    values |= {f"i_{name}": path for name, path in images.items()}
    return Template(resource("theme.qss").read_text(encoding="utf-8")).substitute(values)


def palette(theme: Theme) -> QPalette:
    """The palette with the colours that the style sheet has too, for widgets that ask the palette."""
    c, result = theme.colors, QPalette()
    roles = QPalette.ColorRole
    for role, value in ((roles.Window, c.bg), (roles.WindowText, c.text), (roles.Base, c.surface), (roles.Text, c.text),
                        (roles.AlternateBase, c.sunken), (roles.Button, c.surface), (roles.ButtonText, c.text),
                        (roles.ToolTipBase, c.hover), (roles.ToolTipText, c.text), (roles.PlaceholderText, c.text3),
                        (roles.Highlight, c.plum), (roles.HighlightedText, c.surface), (roles.Link, c.text),
                        (roles.LinkVisited, c.text), (roles.Mid, c.line), (roles.Dark, c.line2),
                        (roles.Light, c.surface), (roles.Midlight, c.hover), (roles.Shadow, c.line2)):
        result.setColor(role, QColor(value))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, QColor(c.off))
    return result


def color(token: str, alpha: int = 255) -> QColor:
    """The colour of a token in the current theme; a hex text passes through."""
    result = QColor(token if token.startswith("#") else getattr(themes.colors, token))
    result.setAlpha(alpha)
    return result


def brush(token: str, alpha: int = 255) -> QBrush:
    """A plain brush of a token."""
    return QBrush(color(token, alpha))


def pen(token: str, width: float = 1.0, style: str = "solid", alpha: int = 255) -> QPen:
    """A cosmetic pen of a token; `style` is solid, dash or dot, `width` is multiplied in presentation mode."""
    result = QPen(color(token, alpha))
    result.setWidthF(width * themes.current.line_scale)
    result.setCosmetic(True)
    if style == "dash":
        result.setDashPattern([4.0 / max(width, 1.0), 3.0 / max(width, 1.0)])
    elif style == "dot":
        result.setDashPattern([1.0, 2.5])
    result.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return result


def ink(token: str, width: float = 1.0, style: str = "solid", alpha: int = 255) -> QPen:
    """A pen for painting in screen px: it scales with exports."""
    result = pen(token, width, style, alpha)
    result.setCosmetic(False)
    return result


def font(role: str, weight: int = 0) -> QFont:
    """The font of a role of `Fonts` with tabular figures; `weight` 400, 500 or 600 replaces the role's own."""
    return QFont(_font(themes.fonts, role, weight))


@lru_cache(maxsize=256)
def _font(fonts: Fonts, role: str, weight: int) -> QFont:
    size, usual = getattr(fonts, role)
    result = QFont(fonts.mono_family if role == "mono" else fonts.family)
    result.setPixelSize(max(1, round(size * fonts.scale)))
    result.setWeight(QFont.Weight(weight or usual))
    result.setFeature(QFont.Tag("tnum"), 1)
    if role == "mono":
        result.setStyleHint(QFont.StyleHint.Monospace)
    return result


def px(size: float) -> int:
    """A size in logical pixels at the current scale (text zoom, presentation)."""
    return round(size * themes.fonts.scale)


def set_font(widget: QWidget, role: str, weight: int = 0) -> None:
    """Give a widget the font of a role, now and after every change of theme or zoom."""
    widget.setProperty("fontRole", role)
    widget.setProperty("fontWeight", weight)
    widget.setFont(font(role, weight))


def set_role(widget: QWidget, role: str) -> None:
    """Set the dynamic property `role` that the style sheet reads, and polish the widget anew."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def set_icon(button: QAbstractButton, name: str, role: str = "text2", size: int = 16) -> None:
    """Give a button an icon, rendered again on every change of theme."""
    button.setProperty("iconName", f"{name}|{role}|{size}")
    button.setIcon(icon(name, role, size))
    button.setIconSize(QSize(px(size), px(size)))


def _refresh(widget: QWidget) -> None:
    role = widget.property("fontRole")
    if role:
        widget.setFont(font(role, int(widget.property("fontWeight") or 0)))
    named = widget.property("iconName")
    if named and isinstance(widget, QAbstractButton):
        name, token, size = named.split("|")
        set_icon(widget, name, token, int(size))


def _svg(name: str, value: str, width: float = 1.75) -> bytes:
    text = resource(f"icons/{name}.svg").read_text(encoding="utf-8")
    return text.replace("currentColor", value).replace('stroke-width="2"', f'stroke-width="{width}"').encode()


@lru_cache(maxsize=512)
def _pixmap(name: str, value: str, size: int, ratio: float) -> QPixmap:
    result = QPixmap(round(size * ratio), round(size * ratio))
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    QSvgRenderer(QByteArray(_svg(name, value))).render(painter, QRectF(0, 0, result.width(), result.height()))
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result


def pixmap(name: str, role: str = "text2", size: int = 16, ratio: float = 0.0) -> QPixmap:
    """A Lucide icon in a token's colour at `size` logical px (scaled) and the screen's device pixel ratio."""
    screen = QGuiApplication.primaryScreen()
    return _pixmap(
        name, getattr(themes.colors, role), px(size), ratio or (screen.devicePixelRatio() if screen else 1.0)
    )


def icon(name: str, role: str = "text2", size: int = 16) -> QIcon:
    """A Lucide icon as QIcon, crisp at 1× and 2×, in `off` when disabled."""
    result = QIcon()
    for ratio in (1.0, 2.0):
        result.addPixmap(pixmap(name, role, size, ratio))
        result.addPixmap(pixmap(name, "off", size, ratio), QIcon.Mode.Disabled)
    return result


def scale_table(scale: str = "share", count: int = 256) -> npt.NDArray[np.uint8]:
    """A colour scale as a table of `count` rows of red, green, blue, alpha; `scale` is share or slope."""
    stops = [color(value) for value in getattr(themes.colors, f"{scale}_scale")]
    at = np.linspace(0.0, 1.0, count)
    channels = [np.interp(at, SCALE_POSITIONS[scale], [getattr(stop, part)() for stop in stops])
                for part in ("red", "green", "blue")]
    return np.stack([*channels, np.full(count, 255.0)], axis=1).round().astype(np.uint8)


def category(index: int) -> tuple[str, str]:
    """Colour token and marker name of a category by its place; beyond six all are "other"."""
    place = min(index, len(CATEGORIES) - 1)
    return CATEGORIES[place], CATEGORY_SYMBOLS[place]


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two opaque hex colours, 1 to 21."""
    def luminance(value: str) -> float:
        parts = [int(value[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
