"""Jobs: run to their end, closed whatever happens, and paced."""

from __future__ import annotations

import pytest

from rmexplorer.job import Job, Pace, Progress, finish


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
