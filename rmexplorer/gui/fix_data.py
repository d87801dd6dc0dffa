"""What the Fixes pane draws: responses by length under the head before and after, with their lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rmexplorer.gui.plots.item import Floats
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import Estimate, first_seen
from rmexplorer.workflows.columns import Columns, source_names
from rmexplorer.workflows.fixing import FixResult, compare_fixes


@dataclass(frozen=True, eq=False)
class Line:
    """Reward by length through the middle of the responses, at both ends of their range; slope per doubling."""

    slope: Estimate
    x: Floats
    y: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Panel:
    """Rewards (responses,) of one head, and the line of their pull."""

    fix: str
    reward: Floats
    line: Line | None


@dataclass(frozen=True, eq=False)
class FixesDrawn:
    """Everything the pane needs, made in the thread of figures.

    fix: the one compared, '' where none is; length: log2 characters of distinct responses (responses,), pair: the first
    pair (row of Dataset.pairs) that shows each, share: of its pairs that it won; before, after: None where not trained;
    sources: all of the dataset.
    """

    result: FixResult
    fix: str
    length: Floats
    pair: np.ndarray
    share: Floats
    before: Panel | None
    after: Panel | None
    x: tuple[float, float]
    y: tuple[float, float]
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Columns, rewards: Mapping[str, np.ndarray], fix: str) -> FixesDrawn:
        """Compare the heads on these pairs; `fix` '' takes the one with the smallest correlation."""
        result = compare_fixes(given, rewards, "" if fix not in rewards or fix == "none" else fix)
        fix = result.fix
        beat(Progress(0, 0, "placing responses"))
        sides = np.concatenate([given["response_chosen"], given["response_rejected"]])
        first = first_seen(sides)
        response = sides[first]
        pair = np.concatenate([given.rows, given.rows])[first]
        won = np.bincount(given["response_chosen"], minlength=int(sides.max(initial=-1)) + 1)
        seen = np.bincount(sides, minlength=len(won))
        share = won[response] / np.maximum(seen[response], 1)
        length = np.log2(np.maximum(given.characters[response], 1).astype(float))
        panels = [
            _panel(name, rewards[name][response].astype(float), length, result) if name in rewards else None
            for name in ("none", fix)
        ]
        shown = [panel.reward for panel in panels if panel is not None] or [np.zeros(0)]
        return cls(result, fix, length, pair, share, panels[0], panels[1], _range(length, 0.09), _range(np.concatenate(shown), 0.2),
                   tuple(source_names(given.dataset)))


def _panel(fix: str, reward: Floats, length: Floats, result: FixResult) -> Panel:
    slope = result.pulls[fix].per_doubling
    if slope.value is None or not len(length) or np.ptp(length) <= 0:
        return Panel(fix, reward, None)
    x, middle, level = np.linspace(length.min(), length.max(), 41), float(length.mean()), float(reward.mean())
    away = x - middle
    low, high = (slope.value if end is None else end for end in (slope.low, slope.high))
    ends = np.sort(np.stack([low * away, high * away]), axis=0)
    return Panel(fix, reward, Line(slope, x, level + slope.value * away, level + ends[0], level + ends[1]))


def _range(values: Floats, above: float = 0.04) -> tuple[float, float]:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    wide = max(high - low, 0.5)
    return low - 0.04 * wide, high + above * wide
