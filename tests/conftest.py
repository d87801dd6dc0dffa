"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
settings.register_profile("untimed", deadline=None)  # speed is for tests/bench: a busy machine is no failure
settings.load_profile("untimed")


SLOW = ("test_quality.py", "test_packaging.py", "test_whole_loop.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few but long tests first: at the end one process would wait for them."""
    items.sort(key=lambda item: item.path.name not in SLOW)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by their length: gzip writes the second into them, and the processes must agree on names."""
    return f"{len(val)}_bytes" if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for cache, data and settings, so that no test reads or writes those of the person."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("RMEXPLORER_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout, or RMEXPLORER_SHARED; skips without it, but fails on CI."""
    named = os.environ.get("RMEXPLORER_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        message = f"needs ../shared: there is no folder {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder
