"""The passes of a training step between its matrix products, compiled by numba: one pass where numpy needs several.

Each is bound by memory, so passes are what counts: numpy takes 170 µs a step for what these take 100 µs for (input 256,
hidden 256, batch 256). They run without the interpreter's lock, so a window stays alive meanwhile. Sums are in a
fixed order for one machine: the same arguments give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# sums may be reordered (vector units) and products fused; values that are not finite keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}


def _made(function: Callable[..., None], cache: bool) -> Callable[..., None]:
    # numpy's rules for a division by zero: a check for it would keep the loop from using vector units
    made: Callable[..., None] = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", cache=cache)(function)
    return made


class Compiled:
    """Compiled at the first call for its kinds of numbers, and kept on disk where that can be written and is whole."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._kept = True
        try:
            self._made = _made(function, True)
        except RuntimeError:  # there is no folder to keep it in
            self._made, self._kept = _made(function, False), False

    def __call__(self, *arguments: Any) -> None:
        try:
            self._made(*arguments)
        except Exception:  # before anything ran: what was kept is cut off, or the disk is full; numba looks at neither
            if not self._kept:
                raise
            self._made, self._kept = _made(self._function, False), False
            self._made(*arguments)


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
    for drawn in (None, np.zeros((2, 2), dtype=np.uint8)):
        forward(hidden, row, drawn, 256, row, column)
    backward(hidden, column, row, row.copy(), row.copy())
    adam(row, row, row.copy(), row.copy(), *np.zeros(5, dtype=np.float32))
