"""Rewards of many responses, as a job."""

from __future__ import annotations

import numpy as np

from rmexplorer.job import Job, Progress
from rmexplorer.reward.head import BLOCK_ROWS, RewardModel


def score(model: RewardModel, vectors: np.ndarray) -> Job[np.ndarray]:
    """Job: rewards (responses,) float32 of vectors (responses, d), an array or a memory map; Progress counts responses.

    Raises Problem where the vectors are not as wide as the head.
    """
    rewards = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        yield Progress(start, len(vectors), "scoring responses")
        rewards[start:start + BLOCK_ROWS] = model.rewards(vectors[start:start + BLOCK_ROWS])
    return rewards
