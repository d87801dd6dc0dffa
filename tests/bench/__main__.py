"""`python -m tests.bench [NAME…]`: run bench_NAME.py, each in a process of its own, and write build/bench.json.

Each bench module has `measure() -> dict[str, float]`. Without names all run but `ten`, which takes ten minutes or more (ten
million pairs: `python -m tests.bench ten`). A missed bound is marked, a benchmark that breaks makes the exit code 1.
Close other programs first: the two threads that are measured want two quiet cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from tests.bench.common import CACHE, ROOT, NotHere

AT_LEAST = {"train_vs_torch": 1.7, "train_vs_torch_dropout": 2.5, "train_vs_matmul": 0.65}
AT_MOST = {
    "fit_harmless_seconds": 3, "fit_make_pairs_20000_seconds": 15, "stall_max_ms": 50, "stall_p99_ms": 16,
    "stall_reopen_max_ms": 50, "window_vs_empty": 1.5, "pan_million_ms": 16, "type_ms": 50, "filter_million_ms": 300,
    "info_million_seconds": 12, "info_million_gb": 3, "info_harmless_seconds": 1.5,
    "size_first_rows_seconds": 3, "size_rest_gb": 2.5, "size_sort_seconds": 1, "size_search_seconds": 1,
    "size_facets_ms": 300, "ten_first_rows_seconds": 3, "ten_info_gb": 8, "ten_window_gb": 8,
}
SLOW = {"ten"}
RESULTS = ROOT / "build" / "bench.json"
NOT_HERE = 77


def measure_here(name: str, out: Path) -> int:
    """Run one benchmark in this process and write what it measured to `out`."""
    try:
        out.write_text(json.dumps(import_module(f"tests.bench.bench_{name}").measure()))
    except NotHere as missing:
        print(f"{name}: not measured, {missing}", file=sys.stderr)
        return NOT_HERE
    return 0


def measure_apart(name: str) -> dict[str, float] | None:
    """What one benchmark measured in a process of its own; None where it broke."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "measured.json")
        environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ | {"RMEXPLORER_HOME": f"{folder}/home"}
        code = subprocess.run([sys.executable, "-m", "tests.bench", "--here", name, str(out)], cwd=ROOT,
                              env=environment).returncode
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if code == NOT_HERE:
            return {}
        measured: dict[str, float] | None = json.loads(out.read_text()) if code == 0 else None
        return measured


def row(name: str, value: float | None) -> str:
    """One line of the table: name, value, bound, and whether it holds."""
    low, high = AT_LEAST.get(name), AT_MOST.get(name)
    bound = f"≥ {low:g}" if low is not None else f"≤ {high:g}" if high is not None else ""
    if value is None:
        return f"{name:40} {'–':>10}   {bound:8} not measured"
    holds = (low is None or value >= low) and (high is None or value <= high)
    return f"{name:40} {value:10.3f}   {bound:8} {('ok' if holds else 'MISSED') if bound else ''}".rstrip()


def main(names: list[str]) -> int:
    """Run the named benchmarks (all but the slow ones where none is named), print the table, write build/bench.json."""
    known = sorted(file.stem.removeprefix("bench_") for file in Path(__file__).parent.glob("bench_*.py"))
    if unknown := sorted(set(names) - set(known)):
        print(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    CACHE.mkdir(parents=True, exist_ok=True)
    results: dict[str, float] = json.loads(RESULTS.read_text()) if names and RESULTS.exists() else {}
    broken = []
    for name in names or [name for name in known if name not in SLOW]:
        measured = measure_apart(name)
        if measured is None:
            broken.append(name)
        results |= measured or {}
        RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    bounded = [name for name in (*AT_LEAST, *AT_MOST) if name in results or name.split("_")[0] not in SLOW]
    for measure in [*bounded, *sorted(set(results) - set(bounded))]:
        print(row(measure, results.get(measure)))
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        sys.exit(measure_here(sys.argv[2], Path(sys.argv[3])))
    sys.exit(main(sys.argv[1:]))
