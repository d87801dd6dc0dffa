"""How long `info` takes and how much memory, with the start of the process and nothing in the cache."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from tests.bench.common import Ran, made_pairs, run, shared


def info(file: Path, pairs_at_least: int) -> Ran:
    """One run of `info` on a file, with an empty cache; what it says is checked, so that no empty run is timed."""
    with tempfile.TemporaryDirectory() as home:
        ran = run("info", str(file), "--json", home=Path(home))
    assert json.loads(ran.stdout)["pairs"] >= pairs_at_least, ran.stdout
    return ran


def measure() -> dict[str, float]:
    """info_harmless_seconds (median of five after a warm-up), info_million_seconds and info_million_gb."""
    harmless = shared("data/real/hh_rlhf/harmless-base/test.jsonl.gz")
    info(harmless, 2_000)
    seconds = [info(harmless, 2_000).seconds for _ in range(5)]
    million = info(made_pairs(1_000_000), 990_000)
    return {"info_harmless_seconds": statistics.median(seconds), "info_million_seconds": million.seconds,
            "info_million_gb": million.gigabytes}
