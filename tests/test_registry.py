"""Registries find their leaves, also from two threads at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rmexplorer.problem import Problem
from rmexplorer.registry import Registry


def test_that_an_unknown_name_says_what_was_meant() -> None:
    registry: Registry[int] = Registry("encoder")
    registry.add("lexical", 1)
    with pytest.raises(Problem, match="did you mean lexical"):
        registry["lexicl"]
    with pytest.raises(Problem, match="choose one of lexical"):
        registry["zzz"]


def test_that_two_of_one_name_are_a_bug() -> None:
    registry: Registry[int] = Registry("encoder")
    registry.add("a", 1)
    with pytest.raises(ValueError, match="two entries"):
        registry.add("a", 2)


def test_that_a_thread_which_asks_while_another_walks_finds_every_leaf() -> None:
    code = """
import threading
from rmexplorer.gui.pane import PANES
walker = threading.Thread(target=PANES.values)
walker.start()
print(PANES["data"].name, PANES["train"].name, len(PANES) >= 6)
walker.join()
"""
    for _ in range(3):
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert out == "data train True\n"
