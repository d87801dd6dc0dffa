"""A training step of a reward head between Python and the BLAS, compiled by numba, half a batch a thread.

Each pass is bound by memory, so passes are what counts: bias, ReLU, dropout and reward are one, and so is their way
back. A batch is worked on in two halves, each with its own buffers and its own gradient, so that two threads hand
each other nothing but the weights. The sums are those of the halves whether one thread or two do the work, and in a
fixed order for one machine: the same arguments give the same numbers. Nothing here holds the interpreter's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import scipy.linalg.cython_blas  # noqa: F401  by which numba calls the BLAS: loaded here, so that its threads can be counted
from numba.core import cgutils, types
from numba.extending import intrinsic

from rmexplorer.reward.blas import AS_IT_IS, TURNED, sgemm

# sums may be reordered (vector units) and products fused; values that are not finite keep their meaning
_FAST = {"reassoc", "contract", "arcp", "nsz"}
# numpy's rules for a division by zero: a check for it would keep the loop from using vector units
_passed = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy")

# places in Work.state; DONE in a cache line of its own
TICKET, DONE, CODE, BATCH, BATCHES, KEPT, BLAS = 0, 16, 1, 2, 3, 4, 5
AHEAD, BACK, MOVE, STEP = 0, 1, 2, 3  # rewards of a batch; its gradient from the slopes; a step of Adam; all of them
ALL_KEPT = 256


class Work(NamedTuple):
    """What steps read and write: `most` is the largest number of pairs a batch, `queue` that of batches a call.

    A half takes the first pairs of a batch or the rest, and holds its chosen rows and then its rejected ones. flat:
    (parameters,) of a `RewardModel` with a hidden layer.
    """

    state: np.ndarray  # int64: what is done and which batch of it, in the places TICKET and following
    vectors: np.ndarray  # (responses, input_dim)
    rows: np.ndarray  # (2, queue·most) rows of the vectors: chosen, rejected
    edges: np.ndarray  # (queue + 1,) int64: batch i has the rows edges[i] to edges[i + 1]
    random: np.ndarray  # (2, 4) uint64: what the halves draw dropout from, see `draw`
    drawn: np.ndarray  # (2·most, hidden_dim or up to 7 more) random bytes for dropout
    x: np.ndarray  # (2·most, input_dim)
    hidden: np.ndarray  # (2·most, hidden_dim)
    rewards: np.ndarray  # (2, most) but for the last bias and the scale of dropout
    slopes: np.ndarray  # (2, most) of the loss by the rewards, as the halves need them
    gradients: np.ndarray  # (2, parameters)
    flat: np.ndarray
    first: np.ndarray  # (parameters,) moments of Adam
    second: np.ndarray
    scalars: np.ndarray  # (queue, 5) of each step of `adam`
    loss: np.ndarray  # (2,) scale and least of `margins_back`
    losses: np.ndarray  # (queue, 2) of a STEP: the halves' shares of the mean loss


class Compiled:
    """Compiled at the first call for its kinds of numbers, and kept on disk where that can be written and is whole."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kept, self._lock = True, threading.Lock()
        try:
            self._made = self._make(True)
        except RuntimeError:  # there is no folder to keep it in
            self._made, self._kept = self._make(False), False

    def _make(self, cache: bool) -> Callable[..., Any]:
        made: Callable[..., Any] = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", cache=cache)(self._function)
        return made

    def __call__(self, *arguments: Any) -> Any:
        made = self._made
        try:
            return made(*arguments)
        except Exception:  # before anything ran: what was kept is cut off, or the disk is full; numba looks at neither
            with self._lock:
                if made is self._made:  # else another thread, that failed as well, has made it anew
                    if not self._kept:
                        raise
                    self._made, self._kept = self._make(False), False
            return self._made(*arguments)


@_passed
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
        a, c = chosen[pairs - 1], rejected[pairs - 1]
        for j in range(vectors.shape[1]):  # a loop is compiled in a tenth of the time that a row of an array takes
            out[pairs - 1, j] = vectors[a, j]
            out[2 * pairs - 1, j] = vectors[c, j]


@_passed
def draw(state: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` (uint64) with random bits by xoshiro256++ (Blackman and Vigna 2021); state: (4,) uint64, moved on."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(len(out)):
        x = a + d
        out[i] = ((x << np.uint64(23)) | (x >> np.uint64(41))) + a
        shifted = b << np.uint64(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = (d << np.uint64(45)) | (d >> np.uint64(19))
    state[0], state[1], state[2], state[3] = a, b, c, d


@_passed
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


@_passed
def backward(hidden: np.ndarray, slopes: np.ndarray, weight: np.ndarray, by_weight: np.ndarray,
             by_bias: np.ndarray) -> None:
    """From the slopes of the loss by the rewards (rows,) to those by what went into the ReLU, as `forward` left it.

    hidden: (rows, width) activations, replaced by slopes · weight where a unit is on and 0 elsewhere; by_weight,
    by_bias: (width,), to which the gradients of the last layer's weights and of the hidden biases are added.
    """
    zero = hidden.dtype.type(0)
    for i in range(hidden.shape[0]):
        slope = slopes[i]
        for j in range(hidden.shape[1]):
            value = hidden[i, j]
            by_weight[j] += slope * value
            on = slope * weight[j] if value > zero else zero
            by_bias[j] += on
            hidden[i, j] = on


@_passed
def adam(parameters: np.ndarray, gradient: np.ndarray, more: np.ndarray, first: np.ndarray, second: np.ndarray,
         scalars: np.ndarray) -> None:
    """One step of Adam in place on flat arrays of one length, by the sum of two gradients.

    scalars: β1, β2, ε, rate, shrink: see `optim.Adam`.
    """
    beta1, beta2, epsilon, rate, shrink = scalars[0], scalars[1], scalars[2], scalars[3], scalars[4]
    for i in range(parameters.shape[0]):
        slope = gradient[i] + more[i]
        mean = first[i] * beta1 + slope
        square = second[i] * beta2 + slope * slope
        first[i] = mean
        second[i] = square
        parameters[i] = parameters[i] * shrink - rate * mean / (np.sqrt(square) + epsilon)


@_passed
def _margins_back(rewards: np.ndarray, slopes: np.ndarray, start: int, stop: int, share: float, scale: float, least: float,
                  target: np.ndarray | None, weight: np.ndarray | None) -> float:
    one, zero = rewards.dtype.type(1), rewards.dtype.type(0)
    total = 0.0
    for i in range(start, stop):
        margin = scale * (rewards[0, i] - rewards[1, i])
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
        slopes[0, i] = slope
        slopes[1, i] = -slope
    return total * share


@Compiled
def margins_back(rewards: np.ndarray, slopes: np.ndarray, pairs: int, scale: float, least: float,
                 target: np.ndarray | None, weight: np.ndarray | None) -> float:
    """Mean Bradley–Terry loss of margins, as `loss.bradley_terry` without centring, and its slopes by the rewards.

    rewards, slopes: of `Work`, of which the first `pairs` columns are read and written; scale: of dropout, by which the
    slopes are multiplied too; least: the margin m by which the chosen one must win; both as is the rewards' kind of
    number; target, weight: (pairs,) or None for 1.
    """
    share = rewards.dtype.type(1) / rewards.dtype.type(pairs)
    return _margins_back(rewards, slopes, 0, pairs, share, scale, least, target, weight)


@_passed
def _half(work: Work, half: int) -> None:
    """Do one half of what the state says; of a STEP all but its step of Adam, which waits for the other half."""
    code, batch, kept = work.state[CODE], work.state[BATCH], work.state[KEPT]
    if code == MOVE:
        middle = len(work.flat) // 2
        part = slice(middle, len(work.flat)) if half else slice(0, middle)
        adam(work.flat[part], work.gradients[0, part], work.gradients[1, part], work.first[part], work.second[part],
             work.scalars[batch])
        return
    edge = work.edges[batch]
    pairs = work.edges[batch + 1] - edge
    middle = (pairs + 1) // 2
    start, stop = (middle, pairs) if half else (0, middle)
    size = stop - start
    inputs, units = work.x.shape[1], work.hidden.shape[1]
    x, hidden, drawn = work.x[2 * start:2 * stop], work.hidden[2 * start:2 * stop], work.drawn[2 * start:2 * stop]
    weights = inputs * units
    weight = work.flat[weights + units:weights + 2 * units]
    if code != BACK and size:
        gather(work.vectors, work.rows[0, edge + start:edge + stop], work.rows[1, edge + start:edge + stop], x)
        matrix = work.flat[:weights].reshape(inputs, units)
        if work.state[BLAS]:
            sgemm(work.state[BLAS], AS_IT_IS, x, matrix, hidden)
        else:
            np.dot(x, matrix, hidden)
        bias = work.flat[weights:weights + units]
        if kept < ALL_KEPT:
            draw(work.random[half], drawn.reshape(-1).view(np.uint64))
        for side, rows in ((0, slice(0, size)), (1, slice(size, 2 * size))):
            if kept == ALL_KEPT:
                forward(hidden[rows], bias, None, kept, weight, work.rewards[side, start:stop])
            else:
                forward(hidden[rows], bias, drawn[rows], kept, weight, work.rewards[side, start:stop])
    if code == STEP:
        share = work.rewards.dtype.type(1) / work.rewards.dtype.type(pairs)
        work.losses[batch, half] = _margins_back(work.rewards, work.slopes, start, stop, share, work.loss[0], work.loss[1],
                                                 None, None)
    if code != AHEAD:
        gradient = work.gradients[half]
        for i in range(weights if size else 0, len(gradient)):
            gradient[i] = 0
        if size:
            by_weight, by_bias = gradient[weights + units:weights + 2 * units], gradient[weights:weights + units]
            backward(hidden[:size], work.slopes[0, start:stop], weight, by_weight, by_bias)
            backward(hidden[size:], work.slopes[1, start:stop], weight, by_weight, by_bias)
            matrix = gradient[:weights].reshape(inputs, units)
            if work.state[BLAS]:
                sgemm(work.state[BLAS], TURNED, x, hidden, matrix)
            else:
                np.dot(x.T, hidden, matrix)


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    tools: Any = cgutils
    return tools.get_item_pointer(context, builder, kind, context.make_array(kind)(context, builder, array), [index])


def _typed_read(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature.args[0], *arguments), "acquire", 8)

    return types.int64(array, types.intp), generate


def _typed_write(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[2], _place(context, builder, signature.args[0], *arguments[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


# array[index] of int64 as another thread last wrote it; array[index] = value after all that was written before
_read: Any = intrinsic(_typed_read)
_write: Any = intrinsic(_typed_write)


@Compiled
def turn(work: Work, second: bool, ticket: int, patience: int) -> int:
    """Do the halves of a batch; two threads call it at once, or one alone.

    The first does half 0 and, with ticket 0, half 1 as well; with another ticket it waits until the second has done it.
    A STEP takes two tickets for each of its batches: this one and the next.
    The second does half 1 of each ticket after this one, until it has looked for a new one `patience` times in vain.
    Returns the ticket last done.
    """
    half, looked, stepping = int(second), 0, work.state[CODE] == STEP
    if ticket and not second:
        _write(work.state, TICKET, ticket)
    while True:  # one place that does a half: what is compiled three times takes three times as long
        if second:
            while _read(work.state, TICKET) == ticket:
                looked += 1
                if looked > patience:
                    return ticket
            ticket, looked = _read(work.state, TICKET), 0
        _half(work, half)
        if second:
            _write(work.state, DONE, ticket)
            continue
        if not ticket and not half:
            half = 1
            continue
        while ticket and _read(work.state, DONE) != ticket:
            pass
        if work.state[CODE] == STEP:
            work.state[CODE] = MOVE
        elif stepping and work.state[BATCH] + 1 < work.state[BATCHES]:
            work.state[CODE] = STEP
            work.state[BATCH] += 1
        else:
            return ticket
        half = 0
        if ticket:
            ticket += 1
            _write(work.state, TICKET, ticket)
