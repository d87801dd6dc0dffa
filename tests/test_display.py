from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from rmexplorer import display
from rmexplorer.display import QT_LIBRARIES, XCB_LIBRARIES, check_display, import_problem
from rmexplorer.problem import Problem


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A Linux with a display that answers, which lacks the libraries that a test adds to this set."""
    lacking: set[str] = set()
    monkeypatch.setattr(display.sys, "platform", "linux")
    monkeypatch.setattr(display, "_loads", lambda library: library not in lacking)
    monkeypatch.setattr(display, "_answers", lambda name: name == ":0")
    return lacking


def remedy(environment: dict[str, str]) -> str:
    with pytest.raises(Problem) as caught:
        check_display(environment)
    return str(caught.value)


def test_that_a_whole_system_passes(missing: set[str]) -> None:
    check_display({"DISPLAY": ":0"})
    check_display({"WAYLAND_DISPLAY": "wayland-0"})
    check_display({"QT_QPA_PLATFORM": "offscreen"})


def test_that_no_display_points_to_the_offscreen_demo(missing: set[str]) -> None:
    assert "rmexplorer demo --offscreen DIR" in remedy({})


def test_that_a_dead_display_is_a_problem(missing: set[str]) -> None:
    assert "':9' does not answer" in remedy({"DISPLAY": ":9"})


def test_that_missing_libraries_become_one_apt_line(missing: set[str]) -> None:
    missing |= {"libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-keysyms.so.1", "libEGL.so.1"}
    told = remedy({"DISPLAY": ":0"})
    assert told.endswith("sudo apt install libegl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1")
    assert "\n" not in told


@pytest.mark.parametrize("library", [*QT_LIBRARIES, *XCB_LIBRARIES])
def test_that_each_library_has_its_package(missing: set[str], library: str) -> None:
    missing.add(library)
    assert remedy({"DISPLAY": ":0"}).endswith(f"sudo apt install {(QT_LIBRARIES | XCB_LIBRARIES)[library]}")


def test_that_only_what_the_platform_needs_is_asked_for(missing: set[str]) -> None:
    missing |= set(XCB_LIBRARIES)
    check_display({"QT_QPA_PLATFORM": "offscreen"})
    check_display({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    assert "libxcb-cursor0" in remedy({"QT_QPA_PLATFORM": "xcb", "DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    missing.add("libwayland-client.so.0")
    assert "libwayland-client0" in remedy({"WAYLAND_DISPLAY": "wayland-0"})


def test_that_other_systems_are_left_alone(missing: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    missing |= set(QT_LIBRARIES)
    monkeypatch.setattr(display.sys, "platform", "darwin")
    check_display({})


def test_that_an_unloadable_library_is_told_apart_from_a_broken_install(missing: set[str]) -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
    assert str(import_problem(error)).endswith("sudo apt install libegl1")
    error = ImportError("libodd.so.3: cannot open shared object file: No such file or directory")
    assert "libodd.so.3" in str(import_problem(error))
    assert "pip install" in str(import_problem(ModuleNotFoundError("No module named 'PySide6'")))


@pytest.mark.skipif(not display.sys.platform.startswith("linux"), reason="looks for Linux libraries")
def test_that_libraries_and_displays_are_really_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert display._loads("libc.so.6") and not display._loads("libno-such-library.so.1")
    if display._loads("libxcb.so.1"):
        assert not display._answers(":987")


@pytest.mark.skipif(shutil.which("Xvfb") is None or bool(display._missing(QT_LIBRARIES | XCB_LIBRARIES)),
                    reason="needs Xvfb and the libraries of X11")
def test_that_a_running_display_passes() -> None:
    reads, writes = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writes), "-screen", "0", "1440x900x24", "-nolisten", "tcp"],
                              pass_fds=[writes], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writes)
    try:
        with os.fdopen(reads) as number:
            check_display({"DISPLAY": f":{number.readline().strip()}"})
    finally:
        server.terminate()
        server.wait(timeout=20)
