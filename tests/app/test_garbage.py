"""Cyclic garbage is collected in the window's thread alone."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from rmexplorer.app.garbage import Collector
from tests.waiting import wait_until


class Cycle:
    """An object that only a collection frees, and that says in which thread."""

    def __init__(self, freed: list[str]) -> None:
        self.me = self
        weakref.finalize(self, lambda: freed.append(threading.current_thread().name))


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[Collector]:
    made = Collector(lambda: True)
    yield made
    made.close()


def allocate_in_a_thread() -> None:
    def allocate() -> None:
        kept = [[] for _ in range(200_000)]
        assert len(kept) == 200_000

    thread = threading.Thread(target=allocate, name="computes")
    thread.start()
    thread.join()


def test_that_a_thread_that_allocates_frees_no_cycle_and_the_timer_does(collector: Collector) -> None:
    gc.collect()
    freed: list[str] = []
    for _ in range(1000):
        Cycle(freed)
    allocate_in_a_thread()
    assert freed == []
    wait_until(lambda: len(freed) == 1000)
    assert set(freed) == {threading.main_thread().name}


def test_that_the_automatic_collection_comes_back(qapp: QApplication) -> None:
    assert gc.isenabled()
    made = Collector(lambda: True)
    assert not gc.isenabled()
    made.close()
    assert gc.isenabled()


def test_that_the_oldest_generation_waits_for_a_quiet_moment(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet, collected = [False], []
    made = Collector(lambda: quiet[0])
    monkeypatch.setattr(gc, "get_count", lambda: (5000, 5000, 5000))
    monkeypatch.setattr(gc, "collect", collected.append)
    made.collect()
    quiet[0] = True
    made.collect()
    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, 0))
    made.collect()
    made.close()
    assert collected == [1, 2]
