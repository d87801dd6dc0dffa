"""The passes of a training step between its matrix products, compiled by numba: one pass where numpy needs several.

Each is bound by memory, so passes are what counts: numpy takes 300 µs a step for what these take 170 µs for (input 256,
hidden 256, batch 256). They run without the interpreter's lock, so a window stays alive meanwhile. Sums are in a
fixed order for one machine: the same arguments give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numba
import numpy as np

# sums may be reordered (vector units) and products fused; values that are not finite keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def _made(function: Callable[..., Any], cache: bool) -> Callable[..., Any]:
    # numpy's rules for a division by zero: a check for it would keep the loop from using vector units
    made: Callable[..., Any] = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", cache=cache)(function)
    return made


class Compiled:
    """Compiled at the first call for its kinds of numbers, and kept on disk where that can be written and is whole."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kept = True
        try:
            self._made = _made(function, True)
        except RuntimeError:  # there is no folder to keep it in
            self._made, self._kept = _made(function, False), False

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self._made(*arguments)
        except Exception:  # before anything ran: what was kept is cut off, or the disk is full; numba looks at neither
            if not self._kept:
                raise
            self._made, self._kept = _made(self._function, False), False
            return self._made(*arguments)


@Compiled
def gather(vectors: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, out: np.ndarray) -> None:
    """Copy the rows `chosen` (pairs,) and then the rows `rejected` (pairs,) of vectors (responses, width) into `out`.

    out: (2·pairs, width). Four rows at once: they are scattered over memory, which takes as long for one as for four.
    A row that does not exist is not looked for: check them before.
    """
    pairs = len(chosen)
    for i in range(0, pairs - 1, 2):
        a, b, c, d = chosen[i], chosen[i + 1], rejected[i], rejected[i + 1]
        for j in range(vectors.shape[1]):
            out[i, j] = vectors[a, j]
            out[i + 1, j] = vectors[b, j]
            out[pairs + i, j] = vectors[c, j]
            out[pairs + i + 1, j] = vectors[d, j]
    if pairs % 2:
        out[pairs - 1] = vectors[chosen[pairs - 1]]
        out[2 * pairs - 1] = vectors[rejected[pairs - 1]]


@Compiled
def forward(hidden: np.ndarray, bias: np.ndarray, drawn: np.ndarray | None, kept: int, weight: np.ndarray,
            rewards: np.ndarray) -> None:
    """From vectors · hidden weights to ReLU and rewards, but for the last bias and the scale of dropout.

    hidden: (rows, width), replaced by its activations; drawn: None, or random bytes (rows, width): a unit whose byte is
    `kept` or more is left out; bias, weight: (width,) of the hidden and of the last layer; rewards: (rows,) out.
    """
    zero = hidden.dtype.type(0)
    for i in range(hidden.shape[0]):
        reward = zero
        for j in range(hidden.shape[1]):
            value = hidden[i, j] + bias[j]
            if drawn is None:
                value = zero if value < zero else value  # not max(): a NaN has to stay one
            else:
                value = value if drawn[i, j] < kept and not value < zero else zero
            hidden[i, j] = value
            reward += value * weight[j]
        rewards[i] = reward


@Compiled
def margins_back(rewards: np.ndarray, scale: float, least: float, target: np.ndarray | None, weight: np.ndarray | None,
                 slopes: np.ndarray) -> float:
    """Mean Bradley–Terry loss of margins, as `loss.bradley_terry` without centring, and its slopes by the rewards.

    rewards: (2·pairs,) as `forward` gives them, chosen first; scale: of dropout, as is their kind of number; least: the
    margin m by which the chosen one must win; target, weight: (pairs,) or None for 1; slopes: (2·pairs,) out, times
    scale.
    """
    one, zero = rewards.dtype.type(1), rewards.dtype.type(0)
    pairs = len(rewards) // 2
    share = one / rewards.dtype.type(pairs)
    total = 0.0
    for i in range(pairs):
        margin = scale * (rewards[i] - rewards[pairs + i])
        z = margin - least
        e = np.exp(-abs(z))
        loss = np.log1p(e) - min(z, zero)
        slope = -(e if z >= zero else one) / (one + e)
        if target is not None:
            z = margin + least
            e = np.exp(-abs(z))
            t = target[i]
            loss = t * loss + (one - t) * (np.log1p(e) + max(z, zero))
            slope = t * slope + (one - t) * (one if z >= zero else e) / (one + e)
        if weight is not None:
            loss *= weight[i]
            slope *= weight[i]
        total += loss
        slope *= share * scale
        slopes[i] = slope
        slopes[pairs + i] = -slope
    return total / pairs


@Compiled
def backward(hidden: np.ndarray, slopes: np.ndarray, weight: np.ndarray, by_weight: np.ndarray,
             by_bias: np.ndarray) -> None:
    """From the slopes of the loss by the rewards (rows,) to those by what went into the ReLU, as `forward` left it.

    hidden: (rows, width) activations, replaced by slopes · weight where a unit is on and 0 elsewhere; by_weight,
    by_bias: (width,) out, the gradients of the last layer's weights and of the hidden biases.
    """
    zero = hidden.dtype.type(0)
    by_weight[:] = zero
    by_bias[:] = zero
    for i in range(hidden.shape[0]):
        slope = slopes[i]
        for j in range(hidden.shape[1]):
            value = hidden[i, j]
            by_weight[j] += slope * value
            on = slope * weight[j] if value > zero else zero
            by_bias[j] += on
            hidden[i, j] = on


@Compiled
def adam(parameters: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray,
         beta1: float, beta2: float, epsilon: float, rate: float, shrink: float) -> None:
    """One step of Adam in place on flat arrays of one length; its scalars have their kind of number."""
    for i in range(parameters.shape[0]):
        slope = gradient[i]
        mean = first[i] * beta1 + slope
        square = second[i] * beta2 + slope * slope
        first[i] = mean
        second[i] = square
        parameters[i] = parameters[i] * shrink - rate * mean / (np.sqrt(square) + epsilon)


def warm() -> None:
    """Load or compile all passes for float32 now, while nothing waits for them; numba itself takes half a second."""
    hidden, row, column = (np.zeros(shape, dtype=np.float32) for shape in ((2, 2), 2, 2))
    mapped, first = hidden.copy(), np.zeros(1, dtype=np.intp)
    mapped.flags.writeable = False  # as a memory map is
    for vectors in (hidden, mapped):
        gather(vectors, first, first, np.empty_like(hidden))
    for drawn in (None, np.zeros((2, 2), dtype=np.uint8)):
        forward(hidden, row, drawn, 256, row, column)
    for target, weight in product((None, row[:1]), repeat=2):
        margins_back(column, np.float32(1), np.float32(0), target, weight, column.copy())
    backward(hidden, column, row, row.copy(), row.copy())
    adam(row, row, row.copy(), row.copy(), *np.zeros(5, dtype=np.float32))
