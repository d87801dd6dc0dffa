"""Helpers of the tests of data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.read import read
from rmexplorer.job import finish

Load = Callable[..., Dataset]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read records (written as JSON lines), text or bytes under a name as a dataset."""

    def reading(content: Any, name: str = "pairs.jsonl", **options: Any) -> Dataset:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "\n".join(json.dumps(record) for record in content)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return finish(read(path, **options))

    return reading
