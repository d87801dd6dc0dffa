"""The findings of data quality, looked for in a thread of its own; and the pairs left out as text for the project."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from rmexplorer.data import quality
from rmexplorer.problem import Problem
from rmexplorer.workflows import informing
from rmexplorer.workflows.settings import RunSettings

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk
    from rmexplorer.app.jobs import Run
    from rmexplorer.data.dataset import Dataset
    from rmexplorer.data.quality import Finding


class Quality(QObject):
    """What is wrong with the dataset that is open. `changed` is emitted when it has been looked for."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._dataset: Dataset | None = None
        self._run: Run | None = None
        self.findings: tuple[Finding, ...] | None = None

    def look(self, dataset: Dataset) -> None:
        """Look for findings, unless that is done or on its way; of large data a sample is looked at.

        What is still looked for in another dataset ends: of very many pairs it would hold gigabytes for minutes.
        """
        if self._dataset is dataset:
            return
        if self._run is not None:
            self._desk.jobs.drop(self._run)
        self._dataset, self.findings = dataset, None
        self._run = self._desk.jobs.start(
            "Looking at data quality",
            informing.look(dataset, quick=len(dataset) > quality.QUICK),
            done=lambda found: self._found(dataset, tuple(found)),
            failed=lambda problem: self._failed(dataset, problem),
            quiet=True,
        )

    def compare(self, path: str) -> None:
        """Look in a second file for prompts of this dataset; what is found joins the other findings."""
        dataset, folder, name = self._dataset, self._desk.state.folder, Path(path).name or path
        if dataset is None or folder is None or self._desk.state.dataset is not dataset:
            return
        self._desk.jobs.order(
            f"Comparing prompts with {name}",
            "rmexplorer.workflows.informing",
            "shared_prompts",
            (folder, path),
            done=lambda found: self._compared(dataset, name, tuple(found)),
            failed=self._desk.report,
        )

    def _compared(self, dataset: Dataset, name: str, found: tuple[Finding, ...]) -> None:
        if self._dataset is not dataset:
            return
        titles = {finding.title for finding in found}
        self.findings = (*(old for old in self.findings or () if old.title not in titles), *found)
        self.changed.emit()
        count = sum(finding.count for finding in found)
        self._desk.notice.emit(f"{count:,} pairs share their prompt with {name}" if found else f"No prompt stands in {name} too")

    def leaking(self, dataset: Dataset | None, settings: Mapping[str, Any]) -> Finding | None:
        """The held-out pairs with nearly a training prompt; None where none are known, or a run has another split.

        settings: of the run, as `RunSettings.as_dict` gives them.
        """
        usual = RunSettings().train
        if (settings.get("holdout"), settings.get("seed")) != (usual.holdout, usual.seed):
            return None
        return next((finding for finding in self.of(dataset) or () if finding.kind == "near_heldout"), None)

    def of(self, dataset: Dataset | None) -> tuple[Finding, ...] | None:
        """The findings of a dataset; None while they are not there yet."""
        return self.findings if dataset is not None and self._dataset is dataset else None

    def _found(self, dataset: Dataset, findings: tuple[Finding, ...]) -> None:
        if self._dataset is dataset:
            self.findings = findings
            self.changed.emit()

    def _failed(self, dataset: Dataset, problem: Problem) -> None:
        if self._dataset is dataset:
            self._desk.report(problem)


def packed(mask: np.ndarray | None) -> str:
    """A mask (pairs,) bool as short text; "" for None."""
    return "" if mask is None else base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()


def unpacked(text: Any, count: int) -> np.ndarray | None:
    """The mask (count,) bool that `packed` wrote; None where the text is no such mask or leaves nothing out."""
    if not isinstance(text, str) or not text:
        return None
    try:
        bits = np.frombuffer(zlib.decompressobj().decompress(base64.b64decode(text), count // 8 + 8), np.uint8)
    except (ValueError, zlib.error):
        return None
    if len(bits) != (count + 7) // 8:
        return None
    mask = np.unpackbits(bits, count=count).astype(bool)
    return mask if mask.any() and not mask.all() else None
