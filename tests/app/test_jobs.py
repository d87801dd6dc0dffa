"""Jobs in threads and in the worker process, as Qt sees them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from rmexplorer.app.jobs import BEATS_AHEAD, Cancelled, Compute, Jobs
from rmexplorer.job import Job, Progress, beat
from rmexplorer.problem import Problem
from tests.waiting import wait_until


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def count_to(n: int, seen: list[str], pause: float = 0.0) -> Job[int]:
    try:
        for number in range(n):
            time.sleep(pause)
            yield Progress(number, n, "counting")
        return n
    finally:
        seen.append(f"closed in {threading.current_thread().name}")


def failing() -> Job[None]:
    yield Progress(0, 1)
    raise Problem("the file is gone", "find it")


def broken() -> Job[None]:
    yield Progress(0, 1)
    raise ZeroDivisionError("a bug")


def test_that_a_thread_job_ends_with_its_result_and_beats(jobs: Jobs) -> None:
    results, beats, seen = [], [], []
    jobs.start("Counting", count_to(5, seen), results.append, lambda problem: None, each=beats.append)
    wait_until(lambda: bool(results))
    assert results == [5]
    assert [beat.done for beat in beats] == [0, 1, 2, 3, 4]
    assert seen == ["closed in rmexplorer job"]
    assert jobs.runs == []


def test_that_a_paused_job_stands_still_and_goes_on(jobs: Jobs) -> None:
    results, beats, seen = [], [], []
    run = jobs.start("Counting", count_to(400, seen, 0.002), results.append, lambda problem: None, each=beats.append)
    wait_until(lambda: len(beats) > 5)
    jobs.pause(run, True)
    time.sleep(0.1)
    QApplication.processEvents()
    jobs.drain()
    stood = len(beats)
    time.sleep(0.2)
    jobs.drain()
    assert len(beats) == stood and run.paused and not results
    jobs.pause(run, False)
    wait_until(lambda: bool(results))


def test_that_cancel_closes_the_job_and_gives_no_result(jobs: Jobs) -> None:
    results, ended, seen = [], [], []
    run = jobs.start(
        "Counting",
        count_to(100_000, seen, 0.001),
        results.append,
        lambda problem: None,
        cancelled=lambda: ended.append(True),
    )
    wait_until(lambda: run.progress.done > 3)
    asked = time.monotonic()
    jobs.cancel(run)
    wait_until(lambda: bool(ended))
    assert time.monotonic() - asked < 1
    assert not results and seen


def test_that_a_job_that_beats_without_pause_leaves_the_window_its_time(jobs: Jobs) -> None:
    ended: list[bool] = []
    run = jobs.start("Counting", count_to(10**9, []), lambda result: None, lambda problem: None,
                     cancelled=lambda: ended.append(True))
    end = time.monotonic() + 20
    while len(run.thread.beats) < BEATS_AHEAD:  # no events are processed, so nothing takes the beats
        assert time.monotonic() < end
        time.sleep(0.002)
    time.sleep(0.2)
    assert len(run.thread.beats) == BEATS_AHEAD
    jobs.cancel(run)
    wait_until(lambda: bool(ended))


def test_that_beats_that_come_in_while_beats_are_taken_wait_for_the_next_frame(jobs: Jobs) -> None:
    def again(progress: Progress) -> None:
        taken.append(progress.done)
        if len(taken) < 100:
            run.thread.beats.append(Progress(len(taken)))

    taken: list[int] = []
    run = jobs.start("Counting", count_to(10**9, [], 0.001), lambda result: None, lambda problem: None, each=again)
    wait_until(lambda: len(taken) > 1)
    jobs.pause(run, True)
    time.sleep(0.1)
    jobs.drain()
    taken.clear()
    run.thread.beats.clear()
    run.thread.beats.append(Progress(0))
    jobs.drain()
    assert taken == [0]


def test_that_a_problem_reaches_the_person_and_a_bug_its_details(jobs: Jobs) -> None:
    problems, crashes = [], []
    jobs.crashed.connect(crashes.append)
    jobs.start("Opening", failing(), lambda result: None, problems.append)
    jobs.start("Opening", broken(), lambda result: None, problems.append)
    wait_until(lambda: len(problems) == 2)
    assert str(problems[0]) == "the file is gone; find it"
    assert "bug in rmexplorer" in str(problems[1])
    assert "ZeroDivisionError" in crashes[0]


def test_that_an_order_runs_in_another_process_and_its_problem_comes_back(jobs: Jobs) -> None:
    problems: list[Problem] = []
    jobs.order(
        "Opening",
        "rmexplorer.workflows.opening",
        "open_files",
        (["/nowhere/missing.jsonl"],),
        lambda folder: None,
        problems.append,
    )
    wait_until(lambda: bool(problems))
    assert "missing.jsonl" in str(problems[0])


def test_that_a_killed_worker_is_reported_and_started_anew(jobs: Jobs) -> None:
    results: list[int] = []
    problems: list[Problem] = []
    beats: list[Progress] = []

    def rehearse(*arguments: object) -> None:
        jobs.order("Rehearsing", "rmexplorer.worker", "rehearse", arguments, results.append, problems.append,
                   each=beats.append)

    rehearse(1, 0.0, "hang")
    wait_until(lambda: bool(beats))
    assert jobs._worker is not None and jobs._worker.pid is not None
    os.kill(jobs._worker.pid, signal.SIGKILL)
    wait_until(lambda: bool(problems))
    assert "the worker process ended unexpectedly (killed by signal 9" in str(problems[0])
    assert "try again; a new one is started" in str(problems[0])
    rehearse(3)
    wait_until(lambda: bool(results))
    assert results == [3] and len(problems) == 1


def test_that_of_two_figures_with_one_key_only_the_latest_is_answered(qapp: QApplication) -> None:
    compute, answers, go = Compute(), [], threading.Event()
    compute.ask("a", go.wait, lambda result, error: answers.append(("first", result)))
    compute.ask("b", lambda: "old", lambda result, error: answers.append(("b", result)))
    compute.ask("b", lambda: "new", lambda result, error: answers.append(("b", result)))
    compute.ask("a", lambda: 2, lambda result, error: answers.append(("second", result)))
    go.set()
    wait_until(lambda: compute.idle)
    assert answers == [("b", "new"), ("second", 2)]
    compute.close()


def test_that_an_error_in_a_figure_is_handed_over(qapp: QApplication) -> None:
    compute, errors = Compute(), []
    compute.ask("a", lambda: 1 / 0, lambda result, error: errors.append(error))
    wait_until(lambda: bool(errors))
    assert isinstance(errors[0], ZeroDivisionError)
    compute.close()


def beating(go: threading.Event, ended: list[str]) -> str:
    """A figure that goes on until it is stopped, or `go`."""
    try:
        for place in range(100_000):
            beat(Progress(place, 100_000, "measuring"))
            if go.wait(0.005):
                return "whole"
        return "too long"
    finally:
        ended.append("ended")


def test_that_a_new_request_ends_the_outdated_one_at_its_next_beat(qapp: QApplication) -> None:
    compute, answers, ended, never = Compute(), [], [], threading.Event()
    compute.ask("a", lambda: beating(never, ended), lambda result, error: answers.append("outdated"))
    time.sleep(0.05)
    asked = time.monotonic()
    compute.ask("a", lambda: "new", lambda result, error: answers.append(result))
    wait_until(lambda: bool(answers))
    assert answers == ["new"] and ended == ["ended"] and time.monotonic() - asked < 1
    compute.close()


def test_that_a_figure_that_takes_long_is_a_run_that_can_be_cancelled(jobs: Jobs) -> None:
    compute, answers, ended, never = Compute(jobs), [], [], threading.Event()
    compute.ask("a", lambda: beating(never, ended), lambda result, error: answers.append((result, error)), "Style")
    wait_until(lambda: jobs.shown is not None and jobs.shown.rate is not None)
    run = jobs.shown
    assert run is not None and run.title == "Style" and run.progress.note == "measuring" and run.left is not None
    assert jobs.busy == []  # closing the window loses nothing
    asked = time.monotonic()
    jobs.cancel(run)
    wait_until(lambda: bool(answers))
    assert time.monotonic() - asked < 1 and ended == ["ended"] and jobs.runs == []
    assert answers[0][0] is None and isinstance(answers[0][1], Cancelled) and "Style was cancelled" in str(answers[0][1])
    compute.close()


def test_that_a_figure_that_is_fast_is_no_run(jobs: Jobs) -> None:
    compute, seen, answers = Compute(jobs), [], []
    jobs.changed.connect(lambda: seen.append(list(jobs.runs)))
    compute.ask("a", lambda: 1, lambda result, error: answers.append(result))
    wait_until(lambda: compute.idle)
    assert answers == [1] and seen == []
    compute.close()


def test_that_a_figure_withdrawn_is_not_answered_and_makes_way(qapp: QApplication) -> None:
    compute, answers, ended, never = Compute(), [], [], threading.Event()
    compute.ask("a", lambda: beating(never, ended), lambda result, error: answers.append("a"))
    time.sleep(0.05)
    compute.ask("b", lambda: "b", lambda result, error: answers.append(result))
    assert compute.withdraw("a") and not compute.withdraw("a")
    wait_until(lambda: compute.idle)
    assert answers == ["b"] and ended == ["ended"]
    compute.close()


def test_that_a_thread_job_is_cancelled_inside_a_plain_function(jobs: Jobs) -> None:
    ended, ends, never = [], [], threading.Event()

    def job() -> Job[str]:
        yield Progress(0)
        return beating(never, ended)

    run = jobs.start("Measuring", job(), lambda result: ends.append(result), lambda problem: None,
                     cancelled=lambda: ends.append("cancelled"))
    wait_until(lambda: run.progress.note == "measuring")
    jobs.cancel(run)
    wait_until(lambda: bool(ends))
    assert ends == ["cancelled"] and ended == ["ended"]
