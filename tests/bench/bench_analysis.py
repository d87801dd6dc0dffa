"""How long the slowest analysis takes on 2,000 pairs with bootstrap over prompts, and on a million pairs."""

from __future__ import annotations

import statistics
import sys
import time
from inspect import signature
from typing import Any

import numpy as np

from rmexplorer.analysis import ANALYSES
from rmexplorer.statistics import DRAWS, _draw_weights


def pairs(n: int, features: int) -> dict[str, Any]:
    """Columns of n pairs, about three to two prompts, with lengths, rewards and style."""
    random = np.random.default_rng(0)
    words = np.maximum(random.lognormal(4.5, 1.0, (2, n)).astype(int), 1)
    reward = 0.4 * np.log2(words) + random.normal(0, 1, (2, n))
    style = random.poisson(0.5, (2, n, features)).astype(np.float32)
    found: dict[str, Any] = {
        "margin": reward[0] - reward[1], "prompt": (np.arange(n) * 2 // 3).astype(np.uint32), "pair": np.arange(n),
        "length_gap": np.log1p(6 * words[0]) - np.log1p(6 * words[1]),
        "subset": random.choice(np.array(["alpha", "beta", "gamma"], object), n),
        "style_names": tuple(f"feature_{column}" for column in range(features)),
    }
    for row, side in enumerate(("chosen", "rejected")):
        found |= {f"reward_{side}": reward[row], f"words_{side}": words[row], f"chars_{side}": 6 * words[row],
                  f"response_{side}": np.arange(n) + row * n, f"style_{side}": style[row]}
    return found


def seconds(name: str, columns: dict[str, Any], repeats: int) -> float:
    """Median time of one analysis, the bootstrap weights drawn anew each time."""
    function = ANALYSES[name]
    given = {key: columns[key] for key in signature(function).parameters if key in columns}
    function(**given)
    times = []
    for _ in range(repeats):
        _draw_weights.cache_clear()
        started = time.perf_counter()
        function(**given)
        times.append(time.perf_counter() - started)
    print(f"{name}: {len(columns['margin']):,} pairs in {1000 * statistics.median(times):,.0f} ms", file=sys.stderr)
    return statistics.median(times)


def measure() -> dict[str, float]:
    """analysis_2000_ms and analysis_million_seconds: the slowest analysis (style is sampled down from a million)."""
    assert DRAWS == 1000
    small, large = pairs(2000, 18), pairs(1_000_000, 0)
    return {"analysis_2000_ms": 1000 * max(seconds(name, small, 5) for name in ANALYSES),
            "analysis_million_seconds": max(seconds(name, large, 1) for name in ANALYSES if name != "style_effects")}
