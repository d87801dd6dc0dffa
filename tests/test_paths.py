"""What the program keeps: entries of the cache, pasted text, and what a full disk says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rmexplorer.paths import atomic, cache_dir, cache_file, keep_pasted
from rmexplorer.problem import Problem


def test_that_an_entry_is_named_by_all_that_decides_it(home: Path) -> None:
    one = cache_file("maps", ".npz", 1, "text", None)
    assert one.parent == cache_dir() / "maps" and one.parent.is_dir() and one.suffix == ".npz"
    assert one == cache_file("maps", ".npz", 1, "text", None)
    others = {one, cache_file("maps", ".npz", 2, "text", None), cache_file("maps", ".npz", 1, "text", "None"),
              cache_file("maps", ".npz", "1text", None), cache_file("rewards", ".npz", 1, "text", None)}
    assert len(others) == 5
    assert cache_file("heads", "", b"\x00") != cache_file("heads", "", b"\x01")


def test_that_pasted_text_is_kept_once_and_lone_surrogates_do_no_harm(home: Path) -> None:
    path = keep_pasted("ein Wort \ud800 é")
    assert path.read_text("utf-8") == "ein Wort ? é"
    assert keep_pasted("ein Wort \ud800 é") == path and keep_pasted("other") != path


def test_that_a_full_disk_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Problem, match=r"cannot write.*No space left.*free space"):
        keep_pasted("text")
    assert not list(cache_dir().parent.rglob("*.part"))


def test_that_writing_never_changes_the_umask_of_other_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(mask: int) -> int:
        raise AssertionError("a file that another thread makes now could be read by all")

    monkeypatch.setattr(os, "umask", touched)
    with atomic(tmp_path / "a.txt") as part:
        part.write_text("x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
