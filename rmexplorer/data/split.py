"""Splits by prompt: no prompt (or group of prompts that leak into each other) stands on both sides."""

from __future__ import annotations

import numpy as np

from rmexplorer.problem import Problem


def split_by_group(group: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask (rows,) bool of the held-out rows: about `share` of the groups, drawn by `seed`.

    group: (rows,) integers; rows of one group fall on one side. share in [0, 1): 0 holds nothing out. At least one
    group stays on each side where share > 0; raises Problem where there is only one group.
    """
    if not 0 <= share < 1:
        raise Problem(f"a held-out share of {share:g} is not possible", "choose one from 0 to below 1")
    if share == 0 or len(group) == 0:
        return np.zeros(len(group), dtype=bool)
    groups, row = np.unique(group, return_inverse=True)
    if len(groups) < 2:
        raise Problem("all pairs have the same prompt, so none can be held out by prompt",
                      "train on all with a held-out share of 0")
    count = min(max(1, round(share * len(groups))), len(groups) - 1)
    held = np.zeros(len(groups), dtype=bool)
    held[np.random.default_rng(seed).permutation(len(groups))[:count]] = True
    return held[row]
