"""The two halves of a batch on one thread or on two: the numbers are the same."""

from __future__ import annotations

import threading

import numpy as np

from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.kernels import ALL_KEPT, CODE, KEPT, PAIRS, STEP, TICKET, Work, turn

LOOKS = 200_000  # of the second thread for more work, some 0.2 ms, before it sleeps


class Halves:
    """Buffers for batches of at most `most` pairs, and a second thread where `two` asks for it; `close` ends that.

    A linear head has nothing but its steps of Adam done here. The second thread looks for work without sleeping while
    one step follows another, for waking it takes as long as a tenth of its work.
    """

    def __init__(self, model: RewardModel, vectors: np.ndarray, most: int) -> None:
        vectors = vectors.view()
        vectors.flags.writeable = False  # as a memory map is: one kind of array, compiled once
        kind, inputs, units = model.flat.dtype, model.input_dim, model.hidden_dim
        self.work = Work(
            np.zeros(32, dtype=np.int64), vectors, np.zeros((2, most), dtype=np.int64),
            np.zeros((2 * most, units), dtype=np.uint8), np.empty((2 * most, inputs), dtype=kind),
            np.empty((2 * most, units), dtype=kind), np.empty((2, most), dtype=kind), np.empty((2, most), dtype=kind),
            np.zeros((2, model.flat.size), dtype=kind), model.flat, np.zeros_like(model.flat),
            np.zeros_like(model.flat), np.zeros(7, dtype=kind), np.zeros(2, dtype=kind))
        self._ticket = 0
        self._gate = threading.Condition()
        self._asleep = self._closed = False
        self._second: threading.Thread | None = None

    def run(self, code: int, pairs: int, kept: int = ALL_KEPT, two: bool = False) -> None:
        """Do the work `code` of kernels on a batch of this many pairs."""
        state = self.work.state
        if not two:
            state[CODE], state[PAIRS], state[KEPT] = code, pairs, kept
            turn(self.work, False, 0, 0)
            return
        with self._gate:
            state[CODE], state[PAIRS], state[KEPT] = code, pairs, kept
            state[TICKET] = ticket = self._ticket + 1
            self._ticket = ticket + (code == STEP)
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
                while self._ticket == ticket:
                    if self._closed:
                        return
                    self._asleep = True
                    self._gate.wait()
                    self._asleep = False

    def close(self) -> None:
        """End the second thread."""
        with self._gate:
            self._closed = True
            self._gate.notify()
        if self._second is not None:
            self._second.join()
