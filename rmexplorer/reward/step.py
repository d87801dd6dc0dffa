"""One training step of a reward head on a minibatch of pairs: forward, loss, gradient by hand, Adam."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from rmexplorer.reward.fixes import correlation_penalty
from rmexplorer.reward.halves import Halves
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.kernels import ALL_KEPT, margins_back
from rmexplorer.reward.loss import PairLoss, bradley_terry
from rmexplorer.reward.optim import Adam


class Stepper:
    """Takes training steps of one head; every large array is made once, for at most `most` pairs.

    Chosen and rejected vectors are gathered into one buffer, so that a step is one matrix product forward and one back
    a half batch. ReLU and dropout are one pass over the hidden layer. Dropout keeps a hidden unit where a random byte is below
    256·(1 − dropout), so its share is exact to 1/256, and scales by the share kept (inverted dropout). With `two` set,
    two threads share a step until `close`; the numbers are the same.
    """

    def __init__(self, model: RewardModel, vectors: np.ndarray, batch_size: int, loss: PairLoss | None = None,
                 dropout: float = 0.0, weight_decay: float = 0.0, seed: np.random.SeedSequence | None = None,
                 length_penalty: float = 0.0) -> None:
        self.model, self.most = model, batch_size
        self.length_penalty = length_penalty
        self.loss = loss or PairLoss()
        self.optimiser = Adam(weight_decay)
        self.two = False
        kept = round(ALL_KEPT * (1 - dropout)) if model.hidden_dim else ALL_KEPT
        self._kept = min(max(kept, 1), ALL_KEPT - 1) if kept < ALL_KEPT else ALL_KEPT
        kind = model.flat.dtype.type
        self._scale, self._least = kind(ALL_KEPT / self._kept), kind(self.loss.margin)
        self._halves = Halves(model, vectors, batch_size, seed or np.random.SeedSequence(0))
        self._halves.work.loss[:] = self._scale, self._least
        # nothing of the loss has to be known between the halves: steps are one call
        self._plain = bool(model.hidden_dim) and not self.loss.centring and not self.loss.smoothing

    @property
    def gradient(self) -> np.ndarray:
        """(parameters,) of the mean loss of the latest pairs."""
        total: np.ndarray = self._halves.work.gradients.sum(axis=0)
        return total

    def steps(self, chosen: np.ndarray, rejected: np.ndarray, edges: Sequence[int], learning_rate: float,
              target: np.ndarray | None = None, weight: np.ndarray | None = None,
              length_gap: np.ndarray | None = None) -> list[float]:
        """Take a step on each of at most QUEUE batches, and return their mean losses before it.

        chosen, rejected: rows of the vectors (pairs,) of all batches, one after the other; edges: where batches begin and
        end. The rows have to exist: they are not looked at again. target, weight, length_gap: as for `differentiate`,
        (pairs,) or None.
        """
        work, count = self._halves.work, len(edges) - 1
        if self._plain and target is None and weight is None and length_gap is None:
            work.scalars[:count] = [self.optimiser.scalars(learning_rate) for _ in range(count)]
            self._halves.steps(chosen, rejected, edges, self._kept, self.two)
            losses: list[float] = work.losses[:count].sum(axis=1).tolist()
            return losses
        losses = []
        for start, stop in pairwise(edges):
            cut = slice(start, stop)
            losses.append(self.differentiate(chosen[cut], rejected[cut], *(
                None if values is None else values[cut] for values in (target, weight, length_gap))))
            work.scalars[0] = self.optimiser.scalars(learning_rate)
            self._halves.move(self.two)
        return losses

    def differentiate(self, chosen: np.ndarray, rejected: np.ndarray,
                      target: np.ndarray | None = None, weight: np.ndarray | None = None,
                      length_gap: np.ndarray | None = None) -> float:
        """Find the `gradient` of the mean loss of these pairs (pairs,), and return the loss.

        target, weight: as for `bradley_terry`; length_gap: Δ log length for the penalty; each (pairs,) or None.
        """
        pairs, work = len(chosen), self._halves.work
        rewards, slopes = work.rewards[:, :pairs], work.slopes[:, :pairs]
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is the caller's to report
            x = self._ahead(chosen, rejected, self._kept)
            if self.loss.centring or length_gap is not None:
                rewards *= self._scale
                rewards += self.model.output_bias
                loss = self._any_back(rewards, slopes, target, weight, length_gap)
                by_bias = slopes.sum() if self.loss.centring else 0  # which dropout does not scale
                slopes *= self._scale
            else:  # nothing but margins matters: no bias, and one pass
                by_bias = 0
                if self.loss.smoothing:
                    target = self.loss.targets(np.ones(pairs, slopes.dtype) if target is None else target)
                loss = margins_back(work.rewards, work.slopes, pairs, self._scale, self._least, target, weight)
            if x is None:
                self._halves.back(self.two)
            else:
                np.matmul(slopes.ravel(), x, out=work.gradients[0, :-1])
            work.gradients[0, -1] = by_bias
        return loss

    def margins(self, chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
        """d (pairs,) without dropout of at most `most` pairs, given as for `step`."""
        with np.errstate(over="ignore", invalid="ignore"):  # the next step reports what is not finite
            self._ahead(chosen, rejected, ALL_KEPT)
            chosen_reward, rejected_reward = self._halves.work.rewards[:, :len(chosen)]
            margin: np.ndarray = chosen_reward - rejected_reward
        return margin

    def close(self) -> None:
        """End the second thread, if there is one."""
        self._halves.close()

    def _ahead(self, chosen: np.ndarray, rejected: np.ndarray, kept: int) -> np.ndarray | None:
        """Rewards of the pairs, but for the last bias and the scale of dropout, into `work`; x of a linear head."""
        pairs, work = len(chosen), self._halves.work
        if not self.model.hidden_dim:
            x = np.take(work.vectors, np.concatenate([chosen, rejected]), axis=0, out=work.x[:2 * pairs], mode="clip")
            work.rewards[:, :pairs] = (x @ self.model.output_weight).reshape(2, pairs)
            return x
        self._halves.ahead(chosen, rejected, kept, self.two)
        return None

    def _any_back(self, rewards: np.ndarray, slopes: np.ndarray, target: np.ndarray | None, weight: np.ndarray | None,
                  length_gap: np.ndarray | None) -> float:
        """Mean loss of rewards (2, pairs), and its slopes by them into `slopes`, with centring and the length penalty."""
        loss, slopes[0], slopes[1] = bradley_terry(rewards[0], rewards[1], target, weight, self.loss)
        if length_gap is not None and self.length_penalty:
            square, by_margin = correlation_penalty(rewards[0] - rewards[1], length_gap)
            loss += self.length_penalty * square
            by_margin *= self.length_penalty
            slopes[0] += by_margin
            slopes[1] -= by_margin
        return loss


def warm() -> None:
    """Load or compile what a step runs for float32 now, while nothing waits for it; numba itself takes half a second."""
    vectors, one, row = np.zeros((2, 2), dtype=np.float32), np.ones(1, dtype=np.float32), np.zeros(1, dtype=np.intp)
    for target, weight in product((None, one), repeat=2):
        Stepper(RewardModel(2, 2), vectors, 1).steps(row, row, (0, 1), 0.0, target, weight)
