"""One training step of a reward head on a minibatch of pairs: forward, loss, gradient by hand, Adam."""

from __future__ import annotations

import numpy as np

from rmexplorer.reward.fixes import correlation_penalty
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.kernels import backward, forward, gather, margins_back
from rmexplorer.reward.loss import PairLoss, bradley_terry
from rmexplorer.reward.optim import Adam


class Stepper:
    """Takes training steps of one head; every large array is made once, for at most `batch_size` pairs.

    Chosen and rejected vectors are gathered into the two halves of one buffer, so that a step is one matrix product
    forward and one back. ReLU and dropout are one pass over the hidden layer. Dropout keeps a hidden unit where a random byte is below
    256·(1 − dropout), so its share is exact to 1/256, and scales by the share kept (inverted dropout).
    """

    def __init__(self, model: RewardModel, vectors: np.ndarray, batch_size: int, loss: PairLoss | None = None,
                 dropout: float = 0.0, weight_decay: float = 0.0, random: np.random.Generator | None = None,
                 length_penalty: float = 0.0) -> None:
        self.model = model
        self.length_penalty = length_penalty
        self._length_gap: np.ndarray | None = None
        self.vectors = vectors
        self.loss = loss or PairLoss()
        self.gradient = np.zeros_like(model.flat)
        self.optimiser = Adam(model.flat, weight_decay)
        kept = round(256 * (1 - dropout)) if model.hidden_dim else 256
        self._kept = min(max(kept, 1), 255) if kept < 256 else 256
        self._scale = model.flat.dtype.type(256 / self._kept)
        self._least = model.flat.dtype.type(self.loss.margin)
        self._random = random or np.random.default_rng(0)
        self._parts = model.views(self.gradient)
        rows, width, kind = 2 * batch_size, max(1, model.hidden_dim), model.flat.dtype
        self._x = np.empty((rows, model.input_dim), dtype=kind)
        self._hidden = np.empty((rows, width), dtype=kind)
        self._rewards = np.empty(rows, dtype=kind)
        self._slopes = np.empty(rows, dtype=kind)

    def step(self, chosen: np.ndarray, rejected: np.ndarray, learning_rate: float,
             target: np.ndarray | None = None, weight: np.ndarray | None = None,
             length_gap: np.ndarray | None = None) -> float:
        """Take one step on pairs given by rows of the vectors (pairs,), and return their mean loss before it.

        The rows have to exist: they are not looked at again.
        length_gap: Δ log length (pairs,) for the penalty; None where there is none.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is the caller's to report
            loss = self.differentiate(chosen, rejected, target, weight, length_gap)
            self.optimiser.step(self.gradient, learning_rate)
        return loss

    def differentiate(self, chosen: np.ndarray, rejected: np.ndarray,
                      target: np.ndarray | None = None, weight: np.ndarray | None = None,
                      length_gap: np.ndarray | None = None) -> float:
        """Write the gradient of the mean loss of these pairs into `gradient`, and return the loss."""
        pairs = len(chosen)
        x = self._x[:2 * pairs]
        gather(self.vectors, chosen, rejected, x)
        self._length_gap = length_gap
        return self._through_hidden(x, target, weight) if self.model.hidden_dim else self._linear(x, target, weight)

    def _margins_back(self, rewards: np.ndarray, target: np.ndarray | None,
                      weight: np.ndarray | None) -> tuple[float, np.ndarray]:
        pairs = len(rewards) // 2
        loss, by_chosen, by_rejected = bradley_terry(rewards[:pairs], rewards[pairs:], target, weight, self.loss)
        slopes = self._slopes[:2 * pairs]
        slopes[:pairs] = by_chosen
        slopes[pairs:] = by_rejected
        if self._length_gap is not None and self.length_penalty:
            square, by_margin = correlation_penalty(rewards[:pairs] - rewards[pairs:], self._length_gap)
            loss += self.length_penalty * square
            by_margin *= self.length_penalty
            slopes[:pairs] += by_margin
            slopes[pairs:] -= by_margin
        self._parts["output_bias"][0] = slopes.sum() if self.loss.centring else 0
        return loss, slopes

    def _linear(self, x: np.ndarray, target: np.ndarray | None, weight: np.ndarray | None) -> float:
        rewards = np.matmul(x, self.model.output_weight, out=self._rewards[:len(x)])
        rewards += self.model.output_bias
        loss, slopes = self._margins_back(rewards, target, weight)
        np.matmul(slopes, x, out=self._parts["output_weight"])
        return loss

    def _through_hidden(self, x: np.ndarray, target: np.ndarray | None, weight: np.ndarray | None) -> float:
        model, parts, rows = self.model, self._parts, len(x)
        hidden = self._hidden[:rows]
        np.matmul(x, model.hidden_weight, out=hidden)
        rewards = self._rewards[:rows]
        forward(hidden, model.hidden_bias, self._draw(rows), self._kept, model.output_weight, rewards)
        if self.loss.centring or self._length_gap is not None:
            rewards *= self._scale
            rewards += model.output_bias
            loss, slopes = self._margins_back(rewards, target, weight)
            slopes *= self._scale
        else:  # nothing but margins matters: no bias, and one pass
            slopes = self._slopes[:rows]
            if self.loss.smoothing:
                target = self.loss.targets(np.ones(rows // 2, dtype=slopes.dtype) if target is None else target)
            loss = margins_back(rewards, self._scale, self._least, target, weight, slopes)
        backward(hidden, slopes, model.output_weight, parts["output_weight"], parts["hidden_bias"])
        np.matmul(x.T, hidden, out=parts["hidden_weight"])
        return loss

    def _draw(self, rows: int) -> np.ndarray | None:
        """Random bytes (rows, hidden_dim) for dropout; None without dropout."""
        if self._kept == 256:
            return None
        units = rows * self._hidden.shape[1]
        words = self._random.integers(0, 2 ** 64, -(-units // 8), dtype=np.uint64)
        drawn: np.ndarray = words.view(np.uint8)[:units].reshape(rows, -1)
        return drawn
