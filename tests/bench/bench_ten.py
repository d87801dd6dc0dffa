"""Ten million pairs in ten parquet files: `info` and the window, first rows, search and the memory of all processes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.bench.bench_size import Opened, measured, searched
from tests.bench.common import CACHE, made_pairs, run

MILLIONS = 10
PAIRS = 9_900_000


def ten_million() -> Path:
    """The million pairs ten times over, every text another one each time; made once, then kept."""
    import polars as pl

    folder = CACHE / "pairs_10000000"
    if not folder.exists():
        part = CACHE / "part_10000000"
        part.mkdir(parents=True, exist_ok=True)
        for number in range(MILLIONS):
            texts = [(pl.lit(f"{number}. ") + pl.col(name)).alias(name) for name in ("prompt", "chosen", "rejected")]
            frame = pl.read_parquet(made_pairs(1_000_000)).with_columns(texts)
            frame.write_parquet(part / f"train-{number:05d}-of-{MILLIONS:05d}.parquet")
        part.replace(folder)
    return folder


def figures(opened: Opened) -> dict[str, float]:
    """What the window took, a search over all texts included."""
    stall = 1000 * opened.stall[0]
    return {"ten_first_rows_seconds": opened.first_seconds, "ten_whole_seconds": opened.whole_seconds, "ten_stall_ms": stall,
            "ten_search_seconds": searched(opened, "zzzqq"), "ten_window_gb": opened.peak[0] / 1e9}


def measure() -> dict[str, float]:
    """ten_info_gb and ten_window_gb (peaks of all processes together), how long first rows, all rows and a search take, and
    ten_stall_ms, the longest turn of the window's event loop until all is there and its quality known.

    Needs about 40 GB of disk; each of the two readings takes minutes.
    """
    file = ten_million()
    with tempfile.TemporaryDirectory() as home:
        ran = run("info", str(file), "--json", home=Path(home))
    assert json.loads(ran.stdout)["pairs"] >= PAIRS, ran.stdout
    return {"ten_info_seconds": ran.seconds, "ten_info_gb": ran.gigabytes, **measured(file, PAIRS, figures)}
