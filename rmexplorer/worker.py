"""The worker: one warm process beside the window that runs jobs which would hold up its drawing.

An order is a module of rmexplorer, the name of a function there and plain arguments (paths and keys, never arrays);
the function is a job, or returns its result at once. Orders are done one after the other. Whatever happens to an order
comes back as messages, drained by `Worker.poll` from a timer; nothing here blocks.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from rmexplorer.job import Job, Progress, Stopped, drive, heard
from rmexplorer.problem import Problem

BEAT_SECONDS = 1 / 30
PATIENCE_SECONDS = 2.0
NICE = 5
WARM = ("numpy", "polars", "scipy.sparse", "rmexplorer.encoders.lexical", "sklearn.linear_model",
        "sklearn.feature_extraction.text")

Kind = Literal["progressed", "done", "problem", "crashed", "cancelled"]


@dataclass(frozen=True)
class Message:
    """What became of an order: its number, and

    progressed  content is a Progress (at most about 30 a second; those between are left out, unless they have data)
    done        content is the result          cancelled  content is None
    problem     content is a Problem           crashed    content is the text of a traceback: a bug
    """

    order: int
    kind: Kind
    content: Any = None


@dataclass(frozen=True)
class _Order:
    number: int
    module: str
    function: str
    arguments: tuple[Any, ...]


class Worker:
    """One spawned process that takes orders; it is started with the first order (or `warm`) and anew when it has died.

    All methods belong to one thread and return at once. After `close` it may be used again.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._last_number = 0
        self._waiting: deque[_Order] = deque()
        self._current: _Order | None = None
        self._cancelled_at: float | None = None
        self._ready: list[Message] = []

    @property
    def busy(self) -> bool:
        """Whether an order is being done or waits, or a message waits for `poll`."""
        return self._current is not None or bool(self._waiting) or bool(self._ready)

    @property
    def pid(self) -> int | None:
        """The number of the process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def warm(self) -> None:
        """Start the process, which then imports the slow libraries while it has nothing else to do."""
        self._start()

    def order(self, module: str, function: str, *arguments: Any) -> int:
        """Have `module.function(*arguments)` run; returns the number that its messages carry.

        module: of this program (rmexplorer or rmexplorer.x), else ValueError. Orders given while one is running wait.
        """
        if module != "rmexplorer" and not module.startswith("rmexplorer."):
            raise ValueError(f"the worker runs functions of rmexplorer only, not of {module}")
        self._last_number += 1
        self._waiting.append(_Order(self._last_number, module, function, arguments))
        self._next()
        return self._last_number

    def cancel(self, number: int | None = None) -> None:
        """Cancel an order, running or waiting, or all of them; each is answered by `cancelled`."""
        for order in [order for order in self._waiting if number in (None, order.number)]:
            self._waiting.remove(order)
            self._ready.append(Message(order.number, "cancelled"))
        if self._current is not None and number in (None, self._current.number) and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self._send(("cancel", self._current.number))

    def poll(self) -> list[Message]:
        """The messages since the last call, oldest first; also starts an order that waits and ends one that hangs."""
        try:
            while self._pipe is not None and self._pipe.poll(0):
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            self._died()
        if self._process is not None and not self._process.is_alive():
            self._died()
        if self._cancelled_at is not None and time.monotonic() - self._cancelled_at > PATIENCE_SECONDS:
            self._stop()
            self._finish("cancelled")
            self._start()
        self._next()
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> None:
        """End the process, whatever it does; orders that it had are dropped without a message."""
        self._waiting.clear()
        self._ready.clear()
        running, self._current, self._cancelled_at = self._current, None, None
        if self._process is None:
            return
        if running is not None:
            self._send(("cancel", running.number))
        self._send(("close",))
        self._process.join(0.5)
        self._stop()

    def _start(self) -> None:
        if self._process is not None:
            return
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs,), name="rmexplorer-worker", daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            raise Problem(f"the worker process cannot be started ({error.strerror or error})",
                          "close other programs and try again") from error
        finally:
            theirs.close()
        self._process, self._pipe = process, ours

    def _send(self, what: tuple[Any, ...]) -> None:
        # a process that has died is noticed and reported by poll
        with suppress(OSError):
            if self._pipe is not None:
                self._pipe.send(what)

    def _next(self) -> None:
        if self._current is not None or not self._waiting:
            return
        order = self._waiting.popleft()
        self._current = order
        try:
            self._start()
            self._send(("order", order.number, order.module, order.function, order.arguments))
        except Problem as problem:
            self._finish("problem", problem)

    def _take(self, message: Message) -> None:
        if self._current is None or message.order != self._current.number:
            return
        if message.kind == "progressed":
            if self._cancelled_at is None:
                self._ready.append(message)
        elif message.kind == "done" and self._cancelled_at is not None:
            self._finish("cancelled")
        else:
            self._finish(message.kind, message.content)

    def _finish(self, kind: Kind, content: Any = None) -> None:
        order, self._current, self._cancelled_at = self._current, None, None
        if order is not None:
            self._ready.append(Message(order.number, kind, content))

    def _died(self) -> None:
        if self._process is None:
            return
        cancelled = self._cancelled_at is not None
        self._process.join(0.1)
        how = _how(self._process.exitcode)
        self._stop()
        if cancelled:
            self._finish("cancelled")
        else:
            self._finish("problem", Problem(f"the worker process ended unexpectedly ({how})",
                                            "try again; a new one is started"))

    def _stop(self) -> None:
        process, pipe, self._process, self._pipe = self._process, self._pipe, None, None
        if process is not None:
            if process.is_alive():
                process.kill()
            process.join(5)
            with suppress(ValueError):
                process.close()
        if pipe is not None:
            pipe.close()


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "its connection was lost"
    if exit_code < 0:
        memory = "; memory may have run out" if exit_code == -9 else ""
        return f"killed by signal {-exit_code}{memory}"
    return f"exit code {exit_code}"


class _Gone(Exception):
    """The other side of the pipe is gone or says close. No EOFError or OSError, which a job may raise of its own."""


def serve(pipe: Connection[Any, Any]) -> None:
    """Take orders from the pipe until it says close or the other side is gone. Runs in the worker process."""
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the window's to answer
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cold = deque(WARM)
    try:
        while True:
            while cold and not pipe.poll(0):
                with suppress(ImportError):  # the order that needs it says what is missing
                    importlib.import_module(cold.popleft())
            what = pipe.recv()
            if what[0] == "close":
                return
            if what[0] == "order":
                _do(pipe, _Order(*what[1:]))
    except (_Gone, EOFError, OSError):
        return


def _do(pipe: Connection[Any, Any], order: _Order) -> None:
    """Run one order to its end, its cancel or its failure, and say which."""

    def answer(kind: Kind, content: Any = None) -> None:
        try:
            pipe.send(Message(order.number, kind, content))
        except OSError as error:
            raise _Gone from error

    try:
        if _cancelled(pipe, order.number):
            return answer("cancelled")
        function = getattr(importlib.import_module(order.module), order.function)
        answer("done", _drive(lambda: function(*order.arguments), answer, lambda: _cancelled(pipe, order.number)))
    except Stopped:
        answer("cancelled")
    except Problem as problem:
        answer("problem", problem)
    except _Gone:
        raise
    except Exception:
        answer("crashed", traceback.format_exc())


def _drive(function: Callable[[], Any], answer: Callable[..., None], cancelled: Callable[[], bool]) -> Any:
    """What a function returns, of a job its result; raises Stopped at the next beat once it is cancelled."""
    last = -BEAT_SECONDS

    def hear(progress: Progress | None) -> None:
        nonlocal last
        now = time.monotonic()
        if progress is not None and (progress.data is not None or now - last >= BEAT_SECONDS):
            last = now
            answer("progressed", progress)
        if cancelled():
            raise Stopped

    made = heard(function, hear)
    return drive(made, hear) if isinstance(made, Generator) else made


def _cancelled(pipe: Connection[Any, Any], number: int) -> bool:
    """Whether the running order is to stop; a word about an order that is over already is dropped."""
    try:
        while pipe.poll(0):
            what = pipe.recv()
            if what[0] == "close":
                raise _Gone
            if what == ("cancel", number):
                return True
    except (EOFError, OSError) as error:
        raise _Gone from error
    return False


def _end_with_parent() -> None:
    """End this process when its parent is gone, also in the middle of a long call; jobs get a second to clean up."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    time.sleep(1.0)
    os._exit(1)


def rehearse(beats: int, pause: float = 0.0, fault: str = "") -> Job[int]:
    """Job: yield `beats` times, `pause` seconds apart, and return their number: does the worker answer?

    fault makes it end in another way: "problem" in a Problem, "bug" in an error, "hang" in a sleep of a minute.
    """
    for beat in range(beats):
        yield Progress(beat + 1, beats, "rehearsing")
        time.sleep(pause)
    if fault == "problem":
        raise Problem("the rehearsal was told to fail", "rehearse without a fault")
    if fault == "bug":
        raise ZeroDivisionError("the rehearsal was told to divide by zero")
    if fault == "hang":
        time.sleep(60)
    return beats
