"""Jobs: run to their end, closed whatever happens, and paced."""

from __future__ import annotations

import pytest

from rmexplorer.job import Job, Pace, Progress, Stopped, beat, finish, heard
from rmexplorer.problem import Problem


def job(ended: list[str], n: int = 3) -> Job[str]:
    try:
        for number in range(n):
            yield Progress(number, n, f"step {number + 1} of {n}")
        return "done"
    finally:
        ended.append("closed")


def test_that_finish_returns_the_result_and_hands_out_each_beat() -> None:
    ended, beats = [], []
    assert finish(job(ended), beats.append) == "done"
    assert [beat.done for beat in beats] == [0, 1, 2] and ended == ["closed"]


def test_that_a_job_is_closed_when_the_listener_fails() -> None:
    ended: list[str] = []

    def interrupted(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(job(ended), interrupted)
    assert ended == ["closed"]


def test_that_rate_and_time_left_go_on_over_numbered_notes_and_start_anew_with_another_note() -> None:
    now = [0.0]
    pace = Pace(clock=lambda: now[0])
    assert pace.beat(Progress(0, 100, "epoch 1 of 9")) == (None, None)
    now[0] = 2.0
    assert pace.beat(Progress(20, 100, "epoch 2 of 9")) == (10.0, 8.0)
    assert pace.beat(Progress(20, 100, "writing")) == (None, None)
    now[0] = 3.0
    assert pace.beat(Progress(30, 0, "writing")) == (10.0, None)


def test_that_the_share_is_unknown_without_a_total_and_never_above_one() -> None:
    assert Progress(3).share is None
    assert Progress(3, 2).share == 1.0


def counting(beats: list[int]) -> int:
    """A plain function that says how far it is."""
    for number in range(5):
        beat(Progress(number, 5, "counting"))
        beats.append(number)
    return 5


def test_that_a_beat_is_heard_by_who_runs_the_function_and_by_nobody_else() -> None:
    heard_of: list[Progress | None] = []
    assert counting([]) == 5  # nobody listens
    assert heard(lambda: counting([]), heard_of.append) == 5
    assert [one.done for one in heard_of if one is not None] == [0, 1, 2, 3, 4]
    beat(Progress(9))
    assert len(heard_of) == 5


def test_that_a_function_that_nobody_waits_for_ends_at_its_next_beat() -> None:
    beats: list[int] = []

    def hear(progress: Progress | None) -> None:
        if progress is not None and progress.done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        heard(lambda: counting(beats), hear)
    assert beats == [0, 1]


def test_that_beats_of_a_function_inside_a_job_are_those_of_the_job() -> None:
    def outer() -> Job[int]:
        yield Progress(0, 0, "begun")
        return counting([])

    seen: list[str] = []
    assert finish(outer(), lambda progress: seen.append(progress.note)) == 5
    assert seen == ["begun", *["counting"] * 5]


def test_that_a_job_inside_a_function_is_heard_and_ended_with_it() -> None:
    closed: list[bool] = []

    def job() -> Job[int]:
        try:
            for place in range(5):
                beat(Progress(place, 5, "inside"))
                yield Progress(place, 5, "step")
            return 7
        finally:
            closed.append(True)

    heard_of: list[Progress | None] = []
    assert heard(lambda: finish(job()), heard_of.append) == 7
    assert [one.note for one in heard_of[:2] if one is not None] == ["inside", "step"] and len(heard_of) == 10

    def stop(progress: Progress | None) -> None:
        if progress is not None and progress.done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        heard(lambda: finish(job()), stop)
    assert closed == [True, True]


def test_that_memory_that_runs_out_is_a_problem() -> None:
    def job() -> Job[int]:
        yield Progress(0)
        raise MemoryError

    with pytest.raises(Problem, match="not enough memory for this; close other programs"):
        finish(job())
