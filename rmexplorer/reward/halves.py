"""The two halves of a batch on one thread or on two: the numbers are the same."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from rmexplorer.reward import kernels
from rmexplorer.reward.blas import sgemm_address
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.kernels import ALL_KEPT, Work, turn

QUEUE = 8  # batches a call at most
LINE_BYTES, LARGE_BYTES = 64, 1 << 22
LOOKS = 200_000  # of the second thread for more work, some 0.2 ms, before it sleeps


def _block(kind: np.dtype[Any], *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Arrays of zeros of these shapes in one block, each from a cache line of its own on.

    numpy asks for large pages for blocks of 4 MB and more, by which a step is 2 % faster.
    """
    sizes = [math.prod(shape) for shape in shapes]
    line = LINE_BYTES // kind.itemsize
    starts = np.cumsum([0, *(-(-size // line) * line + line for size in sizes)])
    block = np.zeros(max(int(starts[-1]) + line, LARGE_BYTES // kind.itemsize), dtype=kind)
    first = -block.ctypes.data % LINE_BYTES // kind.itemsize
    return [block[first + start:first + start + size].reshape(shape)
            for start, size, shape in zip(starts[:-1].tolist(), sizes, shapes, strict=True)]


class Halves:
    """Buffers for batches of at most `most` pairs, and a second thread where `two` asks for it; `close` ends that.

    A linear head has nothing but its steps of Adam done here. The second thread looks for work without sleeping while
    one step follows another, for waking it takes as long as a tenth of its work.
    """

    def __init__(self, model: RewardModel, vectors: np.ndarray, most: int, seed: np.random.SeedSequence) -> None:
        vectors = vectors.view()
        vectors.flags.writeable = False  # as a memory map is: one kind of array, compiled once
        inputs, units, size = model.input_dim, model.hidden_dim, model.flat.size
        width = -(-units // 8) * 8  # random bytes come by eights
        x, hidden, rewards, slopes, gradients, first, second, scalars, loss, losses = _block(
            model.flat.dtype, (2 * most, inputs), (2 * most, units), (2, most), (2, most), (2, size), (size,), (size,),
            (QUEUE, 5), (2,), (QUEUE, 2))
        self.work = Work(
            np.zeros(32, dtype=np.int64), vectors, np.zeros((2, QUEUE * most), dtype=np.int64),
            np.zeros(QUEUE + 1, dtype=np.int64), seed.generate_state(8, np.uint64).reshape(2, 4),
            np.zeros((2 * most, width), dtype=np.uint8), x, hidden, rewards, slopes, gradients, model.flat, first, second,
            scalars, loss, losses)
        if model.flat.dtype == np.float32:
            self.work.state[kernels.BLAS] = sgemm_address()
        self._ticket = 0
        self._gate = threading.Condition()
        self._asleep = self._closed = False
        self._second: threading.Thread | None = None

    def ahead(self, chosen: np.ndarray, rejected: np.ndarray, kept: int = ALL_KEPT, two: bool = False) -> None:
        """Find the rewards of one batch, given by rows of the vectors (pairs,)."""
        self._take(chosen, rejected, (0, len(chosen)))
        self._turn(kernels.AHEAD, 1, kept, two)

    def steps(self, chosen: np.ndarray, rejected: np.ndarray, edges: Sequence[int], kept: int, two: bool = False) -> None:
        """Take a step on each of at most QUEUE batches, by the scalars and losses of `work`.

        chosen, rejected: rows of the vectors of all batches, one batch after the other; edges: where they begin and end.
        """
        self._take(chosen, rejected, edges)
        self._turn(kernels.STEP, len(edges) - 1, kept, two)

    def _take(self, chosen: np.ndarray, rejected: np.ndarray, edges: Sequence[int]) -> None:
        self.work.rows[0, :len(chosen)], self.work.rows[1, :len(rejected)] = chosen, rejected
        self.work.edges[:len(edges)] = edges

    def move(self, two: bool = False) -> None:
        """Take the step of Adam that `scalars` describes by the gradients as they are."""
        self._turn(kernels.MOVE, 1, ALL_KEPT, two)

    def back(self, two: bool = False) -> None:
        """Find the gradients of the batch that went ahead last, by its slopes."""
        self._turn(kernels.BACK, 1, ALL_KEPT, two)

    def _turn(self, code: int, batches: int, kept: int, two: bool) -> None:
        state = self.work.state
        if not two:
            state[kernels.CODE], state[kernels.BATCH], state[kernels.BATCHES], state[kernels.KEPT] = code, 0, batches, kept
            turn(self.work, False, 0, 0)
            return
        with self._gate:
            state[kernels.CODE], state[kernels.BATCH], state[kernels.BATCHES], state[kernels.KEPT] = code, 0, batches, kept
            ticket = self._ticket + 1  # given out by `turn`, after all that is written here
            self._ticket += 2 * batches if code == kernels.STEP else 1
            if self._asleep:
                self._gate.notify()
            elif self._second is None:
                self._second = threading.Thread(target=self._follow, args=(ticket - 1,), name="second half", daemon=True)
                self._second.start()
        turn(self.work, False, ticket, 0)

    def _follow(self, ticket: int) -> None:
        while True:
            ticket = turn(self.work, True, ticket, LOOKS)
            with self._gate:
                while self._ticket == ticket and not self._closed:
                    self._asleep = True
                    self._gate.wait()
                    self._asleep = False
                if self._closed:  # with tickets left, where an interrupt came before the first thread began them
                    return

    def close(self) -> None:
        """End the second thread."""
        with self._gate:
            self._closed = True
            self._gate.notify()
        if self._second is not None:
            self._second.join()
