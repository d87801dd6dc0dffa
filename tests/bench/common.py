"""What the benchmarks share: where things lie, the large data sets, and a command run with its time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / "build" / "bench"


class NotHere(Exception):
    """The benchmark needs something that this machine lacks."""


def shared(name: str) -> Path:
    """A file of the shared folder: RMEXPLORER_SHARED, else the one beside the checkout. Raises NotHere."""
    file = Path(os.environ.get("RMEXPLORER_SHARED") or ROOT.parent / "shared") / name
    if not file.exists():
        raise NotHere(f"needs ../shared/{name}")
    return file


def made_pairs(count: int, suffix: str = "parquet") -> Path:
    """A file of `count` pairs written by make_pairs.py with its default settings; made once, then kept."""
    file = CACHE / f"pairs_{count}.{suffix}"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"part_{count}.{suffix}"
        subprocess.run([sys.executable, str(shared("tools/make_pairs.py")), str(count), str(part)], check=True,
                       stdout=subprocess.DEVNULL)
        part.replace(file)
    return file


@dataclass(frozen=True)
class Ran:
    """One run of a command: wall time with its start, peak memory of all its processes together, what it printed."""

    seconds: float
    gigabytes: float
    stdout: str


def run(*arguments: str, home: Path) -> Ran:
    """Run `python -m rmexplorer …` with its cache, data and settings under `home`; an error ends the benchmark."""
    environment = os.environ | {"RMEXPLORER_HOME": str(home)}
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "rmexplorer", *arguments], cwd=ROOT, env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            peak[0] = max(peak[0], resident(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        stdout, stderr = process.communicate()
        seconds = time.perf_counter() - started
    finally:
        ended.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"rmexplorer {' '.join(arguments)} ended with {process.returncode}:\n{stderr}")
    return Ran(seconds, peak[0] / 1e9, stdout)


def resident(process: int) -> int:
    """Bytes of memory held by a process and all its descendants now (Linux; 0 elsewhere)."""
    try:
        entry = Path(f"/proc/{process}")
        pages = int((entry / "statm").read_text().split()[1])
        children = " ".join(file.read_text() for file in entry.glob("task/*/children")).split()
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in children)
