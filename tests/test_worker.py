"""The worker process: answers, faults, cancelling, and what is left when somebody dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rmexplorer import worker as worker_module
from rmexplorer.job import Progress
from rmexplorer.problem import Problem
from rmexplorer.worker import Message, Worker


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.close()


def drain(worker: Worker, until: Callable[[list[Message]], bool], seconds: float = 60.0) -> list[Message]:
    """All messages up to the one that ends the wait."""
    messages: list[Message] = []
    end = time.monotonic() + seconds
    while not until(messages):
        assert time.monotonic() < end, f"no answer; so far {messages}"
        messages += worker.poll()
        time.sleep(0.005)
    return messages


def outcome(worker: Worker, number: int) -> Message:
    return drain(worker, lambda seen: any(one.order == number and one.kind != "progressed" for one in seen))[-1]


def started(worker: Worker, number: int) -> None:
    drain(worker, lambda seen: any(one.order == number and one.kind == "progressed" for one in seen))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_that_a_job_reports_progress_and_its_result(worker: Worker) -> None:
    number = worker.order("rmexplorer.worker", "rehearse", 5, 0.05)
    messages = drain(worker, lambda seen: bool(seen) and seen[-1].kind == "done")
    assert messages[0] == Message(number, "progressed", Progress(1, 5, "rehearsing"))
    assert messages[-1] == Message(number, "done", 5)
    assert not worker.busy


def test_that_a_plain_function_returns_its_result(worker: Worker) -> None:
    group = np.arange(10) // 2
    message = outcome(worker, worker.order("rmexplorer.data.split", "split_by_group", group, 0.4, 3))
    assert message.kind == "done"
    assert message.content.sum() == 4


def test_that_orders_run_one_after_the_other(worker: Worker) -> None:
    first, second = (worker.order("rmexplorer.worker", "rehearse", beats) for beats in (2, 3))
    messages = drain(worker, lambda seen: any(one.order == second and one.kind == "done" for one in seen))
    assert [one for one in messages if one.kind == "done"] == [Message(first, "done", 2), Message(second, "done", 3)]


def test_that_beats_are_thinned_out(worker: Worker) -> None:
    number = worker.order("rmexplorer.worker", "rehearse", 20_000)
    messages = drain(worker, lambda seen: any(one.order == number and one.kind == "done" for one in seen))
    assert len(messages) < 2_000


def test_that_a_problem_comes_over_whole(worker: Worker) -> None:
    message = outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1, 0.0, "problem"))
    assert message.kind == "problem"
    assert isinstance(message.content, Problem)
    assert (message.content.what, message.content.remedy) == (
        "the rehearsal was told to fail", "rehearse without a fault")


def test_that_a_bug_comes_as_a_traceback_and_the_worker_lives_on(worker: Worker) -> None:
    message = outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1, 0.0, "bug"))
    pid = worker.pid
    assert message.kind == "crashed"
    assert "ZeroDivisionError: the rehearsal was told to divide by zero" in message.content
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind == "done"
    assert worker.pid == pid


def test_that_an_unknown_function_is_a_crash_and_no_end(worker: Worker) -> None:
    message = outcome(worker, worker.order("rmexplorer.worker", "no_such_function"))
    assert message.kind == "crashed"
    assert "no_such_function" in message.content


def test_that_a_file_that_ends_too_early_is_a_crash_of_the_job_and_no_lost_window(tmp_path: Path) -> None:
    (tmp_path / "empty.npy").write_bytes(b"")
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        worker_module._do(theirs, worker_module._Order(1, "numpy", "load", (tmp_path / "empty.npy",)))
        message = ours.recv()
    assert (message.order, message.kind) == (1, "crashed") and "EOFError" in message.content


@pytest.mark.parametrize("module", ["os", "rmexplorer_else", "shutil", ""])
def test_that_only_functions_of_this_program_are_run(worker: Worker, module: str) -> None:
    with pytest.raises(ValueError, match="functions of rmexplorer only"):
        worker.order(module, "system", "true")


def test_that_cancel_ends_a_job_and_the_process_stays(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PATIENCE_SECONDS", 60)  # a process at nice 5 on a busy machine takes its time
    number = worker.order("rmexplorer.worker", "rehearse", 100_000, 0.01)
    started(worker, number)
    pid = worker.pid
    worker.cancel(number)
    assert outcome(worker, number).kind == "cancelled"
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind == "done"
    assert worker.pid == pid


def test_that_cancel_of_all_answers_those_that_wait_too(worker: Worker) -> None:
    numbers = [worker.order("rmexplorer.worker", "rehearse", 100_000, 0.01) for _ in range(3)]
    started(worker, numbers[0])
    worker.cancel()
    messages = drain(worker, lambda seen: sum(one.kind == "cancelled" for one in seen) == 3)
    assert {one.order for one in messages if one.kind == "cancelled"} == set(numbers)


def test_that_cancel_after_the_end_disturbs_nobody(worker: Worker) -> None:
    number = worker.order("rmexplorer.worker", "rehearse", 1)
    assert outcome(worker, number).kind == "done"
    worker.cancel(number)
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind == "done"


def test_that_a_job_that_does_not_answer_cancel_is_ended(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PATIENCE_SECONDS", 0.2)
    number = worker.order("rmexplorer.worker", "rehearse", 1, 0.0, "hang")
    started(worker, number)
    pid = worker.pid
    worker.cancel(number)
    assert outcome(worker, number).kind == "cancelled"
    assert pid is not None and not alive(pid)
    assert worker.pid != pid
    monkeypatch.undo()
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind == "done"


def test_that_a_killed_worker_is_a_problem_and_the_next_order_runs(worker: Worker) -> None:
    number = worker.order("rmexplorer.worker", "rehearse", 100_000, 0.01)
    waiting = worker.order("rmexplorer.worker", "rehearse", 2)
    started(worker, number)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    messages = drain(worker, lambda seen: any(one.order == waiting and one.kind != "progressed" for one in seen))
    (problem,) = [one for one in messages if one.order == number and one.kind != "progressed"]
    assert problem.kind == "problem"
    assert "the worker process ended unexpectedly (killed by signal 9" in str(problem.content)
    assert messages[-1] == Message(waiting, "done", 2)


def test_that_a_worker_killed_while_idle_is_started_anew() -> None:
    worker = Worker()
    worker.warm()
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind in ("done", "problem")
    assert outcome(worker, worker.order("rmexplorer.worker", "rehearse", 1)).kind == "done"
    assert worker.pid != pid
    worker.close()


def test_that_close_leaves_no_process_even_in_the_middle_of_a_job() -> None:
    worker = Worker()
    number = worker.order("rmexplorer.worker", "rehearse", 1, 0.0, "hang")
    started(worker, number)
    pid = worker.pid
    worker.close()
    worker.close()
    assert pid is not None and not alive(pid)
    assert worker.pid is None and not worker.busy


PARENT = """
import sys, time
from rmexplorer.worker import Worker

if __name__ == "__main__":
    worker = Worker()
    worker.order("rmexplorer.worker", "rehearse", *arguments_here)
    while not worker.poll():
        time.sleep(0.01)
    print(worker.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("order", ["(100_000, 0.01)", "(1, 0.0, 'hang')"])
def test_that_the_worker_ends_when_its_parent_is_killed(tmp_path: Path, order: str) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT.replace("*arguments_here", f"*{order}"), encoding="utf-8")
    root = str(Path(__file__).resolve().parents[1])
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": root}) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    end = time.monotonic() + 20
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)
