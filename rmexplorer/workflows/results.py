"""Results of long jobs, kept in the cache as JSON: the worker process writes them, the window reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rmexplorer import cache
from rmexplorer.problem import Problem


def keep_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result where `read_result` finds it; texts of users may hold lone surrogates."""
    with cache.writing(path) as part:
        part.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")


def read_result(path: Path | str, key: str, remedy: str) -> dict[str, Any]:
    """A result that was kept. key: what each of its kind has.

    Raises Problem where it is damaged; it is deleted then, so that the job computes it anew when it is asked again.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8", errors="surrogatepass"))
        if not isinstance(found, dict) or key not in found:
            raise ValueError(f"it holds no {key}")
    except (OSError, ValueError) as error:
        Path(path).unlink(missing_ok=True)
        raise Problem(f"{path}: the result that was kept cannot be read ({error})", remedy) from error
    cache.used(Path(path))
    return found
