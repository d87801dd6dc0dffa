"""How much is too much: pairs whose vectors and analyses are in memory at once, and how many are drawn instead; text to read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rmexplorer.problem import Problem

MOST_PAIRS = 2_000_000
SAMPLED = 1_000_000
READING = 2.0  # bytes of memory that reading a byte of text takes (JSON lines 2.2, of long texts)
GROUP = Path("/sys/fs/cgroup")


def free_memory(meminfo: Path = Path("/proc/meminfo"), group: Path = GROUP) -> int | None:
    """Bytes of memory that are free for this process, or could be: of the machine, and of its control group.

    None where the system does not say. What is kept of files only because nobody else needed the place counts as free.
    """
    free: list[int] = []
    with suppress(OSError, ValueError, StopIteration):
        line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:"))
        free.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError, KeyError):  # no number where there is no limit
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        held = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        free.append(limit - used + int(held["active_file"]) + int(held["inactive_file"]))
    return min(free, default=None)


def check_memory(name: str, size: int, free: int | None = None) -> None:
    """Raises Problem where reading `size` bytes of text would take more memory than is free (asked for where it is None)."""
    if size < 100_000_000:  # a look at the system is spared
        return
    free = free_memory() if free is None else free
    if free is not None and READING * size > free:
        raise Problem(f"{name}: {size / 1e9:,.1f} GB of text take some {READING * size / 1e9:,.1f} GB of memory to read, and "
                      f"{max(free, 0) / 1e9:,.1f} GB are free",
                      "convert it to Parquet, which is read a piece at a time, split it, or close other programs")
