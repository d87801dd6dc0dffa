"""The findings of data quality, looked for in a thread of its own; and the pairs left out as text for the project."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from rmexplorer.data import quality
from rmexplorer.problem import Problem

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk
    from rmexplorer.data.dataset import Dataset
    from rmexplorer.data.quality import Finding


class Quality(QObject):
    """What is wrong with the dataset that is open. `changed` is emitted when it has been looked for."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._dataset: Dataset | None = None
        self.findings: tuple[Finding, ...] | None = None

    def look(self, dataset: Dataset) -> None:
        """Look for findings, unless that is done or on its way; of large data a sample is looked at."""
        if self._dataset is dataset:
            return
        self._dataset, self.findings = dataset, None
        self._desk.jobs.start(
            "Looking at data quality",
            quality.check(dataset, quick=len(dataset) > quality.QUICK),
            done=lambda found: self._found(dataset, tuple(found)),
            failed=lambda problem: self._failed(dataset, problem),
            quiet=True,
        )

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
