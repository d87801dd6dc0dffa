"""Results of long jobs, kept in the cache as JSON: the worker process writes them, the window reads them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer import cache
from rmexplorer.problem import Problem


def keep_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result where `read_result` finds it; texts of users may hold lone surrogates."""
    with cache.writing(path) as part:
        part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")


def read_result(path: Path | str, key: str, remedy: str,
                opened: Callable[[dict[str, Any]], dict[str, Any]] = lambda found: found) -> dict[str, Any]:
    """A result that was kept, as `opened` gives it. key: what each of its kind has.

    Raises Problem where it is damaged; it is deleted then, so that the job computes it anew when it is asked again.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8", errors="surrogatepass"))
        if not isinstance(found, dict) or key not in found:
            raise ValueError(f"it holds no {key}")
        found = opened(found)
    except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
        Path(path).unlink(missing_ok=True)
        raise Problem(f"{path}: the result that was kept cannot be read ({error})", remedy) from error
    cache.used(Path(path))
    return found


def packed(rows: Sequence[int]) -> str:
    """Rows (n,) as short text: while Python reads a long list of numbers from JSON the window stands still."""
    return base64.b64encode(zlib.compress(np.asarray(rows, "<i8").tobytes(), 1)).decode()


def unpacked(text: str) -> np.ndarray:
    """(n,) int64 rows that `packed` wrote."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i8").astype(np.int64)
