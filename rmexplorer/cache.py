"""The one place that bounds the cache and checks what it hands out. Where an entry stands is decided in `paths`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rmexplorer.paths import atomic, cache_dir

GIGABYTE = 1_000_000_000
HOUR, DAY = 3_600.0, 86_400.0


class Bound(NamedTuple):
    """What the entries of a kind may take together; those used within the last `seconds` stay: somebody may need them."""

    size: int
    entries: int = 500
    seconds: float = DAY


BOUNDS = {
    "datasets": Bound(10 * GIGABYTE),
    "vectors": Bound(5 * GIGABYTE, seconds=HOUR),
    "encoded": Bound(5 * GIGABYTE, seconds=HOUR),
    "previews": Bound(0, seconds=HOUR),
    "fixes": Bound(0),  # who asked for one takes it away: what is left was abandoned
}
OTHERS = Bound(GIGABYTE // 2)


def holds(entry: Path, check: Callable[[Path], object]) -> bool:
    """Whether `entry` is there and `check` reads it without an error. It then counts as used; a damaged file is deleted."""
    if not entry.exists():
        return False
    try:
        check(entry)
    except Exception:  # zip, zlib, JSON and OS errors alike: the entry cannot be read
        entry.unlink(missing_ok=True)
        return False
    used(entry)
    return True


def has_rows(rows: int) -> Callable[[Path], None]:
    """A check for `holds`: the entry is a whole .npy of this many rows."""

    def check(entry: Path) -> None:
        if len(np.load(entry, mmap_mode="r", allow_pickle=False)) != rows:
            raise ValueError(f"{entry} does not have {rows} rows")

    return check


def used(entry: Path) -> None:
    """Mark an entry as used now."""
    with suppress(OSError):  # it may be gone, or of somebody else
        os.utime(entry)


@contextmanager
def writing(entry: Path) -> Iterator[Path]:
    """As `paths.atomic`, for a file of the cache; what is beyond the bounds is deleted then."""
    with atomic(entry) as part:
        yield part
    prune(keep=entry)


def prune(keep: Path | None = None) -> None:
    """Hold every kind of entry to its bound; `keep` was just made and stays."""
    for folder in cache_dir().iterdir():
        if folder.is_dir():
            prune_folder(folder, BOUNDS.get(folder.name, OTHERS), keep)


def prune_folder(folder: Path, bound: Bound, keep: Path | None = None) -> None:
    """Delete the entries of one kind that were used longest ago until they are within the bound, and parts of ended runs."""
    now, known = time.time(), []
    for entry in folder.iterdir():
        with suppress(OSError):  # another process prunes as well
            known.append((entry.stat().st_mtime, _size(entry), entry))
    total = count = 0
    for when, size, entry in sorted(known, reverse=True):
        if entry.name.startswith("."):
            if now - when > DAY:
                _delete(entry)
            continue
        total, count = total + size, count + 1
        if (total > bound.size or count > bound.entries) and now - when > bound.seconds and entry != keep:
            _delete(entry)


def _size(entry: Path) -> int:
    return sum(file.stat().st_size for file in (entry.iterdir() if entry.is_dir() else [entry]))


def _delete(entry: Path) -> None:
    """Delete a file, or a folder as a whole: nobody finds half of it."""
    with suppress(OSError):
        if entry.is_dir():
            if not entry.name.startswith("."):
                entry = entry.replace(entry.with_name(f".{entry.name}.old"))
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink()
