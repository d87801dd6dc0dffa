"""Can a window be opened here? Asked before Qt is loaded, because Qt ends the process where the answer is no."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping

from rmexplorer.problem import Problem

# Shared library -> Debian and Ubuntu package. The libraries are those that `ldd` shows for the Qt of the PySide6 wheels
# beyond what every Debian holds. Names of packages before the 64-bit time change work after it too.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}
XCB_LIBRARIES = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
WAYLAND_LIBRARIES = {
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}
WITHOUT_A_DISPLAY = "use the command line, or `rmexplorer demo --offscreen DIR` for pictures of the panes"


def check_display(environment: Mapping[str, str] | None = None) -> None:
    """Make sure that Qt can start here; to be called before a QApplication is made, with QT_QPA_PLATFORM already set.

    environment: what to read DISPLAY, WAYLAND_DISPLAY and QT_QPA_PLATFORM from (os.environ where not given). Only Linux
    is looked at: elsewhere Qt brings all it needs. Raises Problem where there is no display, where it does not answer,
    or where system libraries are missing; the remedy is then the apt line to type.
    """
    if not sys.platform.startswith("linux"):
        return
    environment = os.environ if environment is None else environment
    named = environment.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    x11, wayland = bool(environment.get("DISPLAY")), bool(environment.get("WAYLAND_DISPLAY"))
    if not (named or x11 or wayland):
        raise Problem("there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)", WITHOUT_A_DISPLAY)
    missing = _missing(QT_LIBRARIES)
    uses_xcb = named == "xcb" or (not named and x11 and (not wayland or bool(_missing(WAYLAND_LIBRARIES))))
    if uses_xcb:
        missing |= _missing(XCB_LIBRARIES)
    elif named.startswith("wayland") or (not named and wayland):
        missing |= _missing(WAYLAND_LIBRARIES)
    if missing:
        raise _lacks(missing)
    if uses_xcb and not _answers(environment.get("DISPLAY", "")):
        raise Problem(f"the display {environment.get('DISPLAY', '')!r} does not answer", WITHOUT_A_DISPLAY)


def import_problem(error: ImportError) -> Problem:
    """The Problem behind an ImportError of PySide6: a missing system library, or a missing or broken PySide6."""
    found = re.match(r"(?:\S*/)?(lib[^\s:/]+\.so[.\d]*): (?:cannot open shared object file|file too short)", str(error))
    if found is None:
        return Problem(f"the window cannot be loaded ({error})", "install it again: pip install --force-reinstall "
                       "PySide6-Essentials pyqtgraph")
    everything = QT_LIBRARIES | XCB_LIBRARIES | WAYLAND_LIBRARIES
    library = found[1]
    return _lacks(_missing(QT_LIBRARIES) | {library: everything.get(library, "")})


def _missing(libraries: Mapping[str, str]) -> dict[str, str]:
    return {library: package for library, package in libraries.items() if not _loads(library)}


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _lacks(missing: Mapping[str, str]) -> Problem:
    names = ", ".join(sorted(missing))
    packages = " ".join(sorted({package for package in missing.values() if package}))
    return Problem(f"the window needs system libraries that are missing here: {names}",
                   f"on Debian and Ubuntu: sudo apt install {packages}" if packages
                   else "install the packages of your system that hold them")


def _answers(display: str) -> bool:
    """Whether an X server takes a connection; Qt aborts the process where it does not."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode() or None, None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
