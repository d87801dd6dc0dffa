"""How long training a reward head takes, encoding included, from the command line and with nothing in the cache."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.bench.common import made_pairs, run, shared


def fit(file: Path) -> tuple[float, float]:
    """(seconds of encoding and training, seconds of the whole command with start and reading) for a whole file."""
    with tempfile.TemporaryDirectory() as folder:
        ran = run("train", str(file), "-o", f"{folder}/head.safetensors", "--holdout", "0", "--json",
                  home=Path(folder, "home"))
        assert Path(folder, "head.safetensors").stat().st_size > 10_000
    took = json.loads(ran.stdout)["seconds"]
    return took["encode"] + took["train"], ran.seconds


def measure() -> dict[str, float]:
    """fit_…_seconds: the median of three for HH harmless-base, one run for 20,000 pairs; …_command_seconds likewise."""
    harmless = shared("data/real/hh_rlhf/harmless-base/test.jsonl.gz")
    fit_seconds, command_seconds = sorted(fit(harmless) for _ in range(3))[1]
    large_fit, large_command = fit(made_pairs(20_000))
    return {"fit_harmless_seconds": fit_seconds, "fit_harmless_command_seconds": command_seconds,
            "fit_make_pairs_20000_seconds": large_fit, "fit_make_pairs_20000_command_seconds": large_command}
