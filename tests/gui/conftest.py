"""A window on a project of its own, and a head trained once on real pairs, for the tests of panes."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from rmexplorer.data.dataset import Dataset
from rmexplorer.encoders import open_vectors, vectors
from rmexplorer.gui.main import make_window
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.project import Project
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.rewards import Rewards
from rmexplorer.workflows.settings import RunSettings
from rmexplorer.workflows.training import Trained, assess, baselines, fit, read_baselines
from tests.waiting import wait_until


@dataclass(frozen=True)
class Loop:
    """A dataset with a head that was trained on it; `show(window)` puts both into a window, without a worker process."""

    dataset: Dataset
    folder: Path
    trained: Trained

    def show(self, window: Window, pane: str = "") -> None:
        """Show the dataset with the rewards of the head, and a pane."""
        if pane:
            window.show_pane(pane)
        window.desk.show_dataset(self.dataset, self.folder)
        rewards = Rewards.of_model(self.dataset, self.trained.checkpoint, self.trained.rewards, "head-256")
        window.desk.show_rewards(rewards, self.trained.checkpoint)
        if pane:
            settle(window)


@pytest.fixture(scope="session")
def trained(shared: Path, qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """HH harmless-base, read, encoded and trained once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMEXPLORER_HOME", str(tmp_path_factory.mktemp("trained")))
        folder = finish(open_files([str(shared / "data/real/hh_rlhf/harmless-base/test.jsonl.gz")]))
        dataset, settings = Dataset.open(Path(folder)), RunSettings()
        kept = finish(vectors(folder, settings.encoder, {}, settings.train.holdout, settings.train.seed))
        encoded, encoder = open_vectors(kept)
        others = finish(baselines(folder, str(kept), settings.train.holdout, settings.train.seed))
        fitted = finish(fit(dataset, encoded, settings))
        result = finish(assess(dataset, encoded, encoder, fitted, settings, read_baselines(others)))
    return Loop(dataset, Path(folder), result)


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[Window]:
    """A shown window, light, 1440 × 900, on an empty project; nothing of it is left after the test."""
    made = make_window(Project(tmp_path / "test.rmx"), "light")
    made.resize(1440, 900)
    made.show()
    made.activateWindow()
    qapp.processEvents()
    yield made
    made.hide()
    made.desk.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()


def settle(window: Window) -> None:
    """Let the window live until the pane in sight has computed and drawn everything."""
    for _ in range(3):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # as the real event loop does
        wait_until(lambda: window.panes[window.desk.state.pane].settled and window.desk.idle)


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[[Window], None]:
    """`settle(window)`: wait until the pane in sight is drawn."""
    return settle


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[[Callable[[], bool]], None]:
    """`wait_until(true)`: let the window live until it is so."""
    return wait_until
