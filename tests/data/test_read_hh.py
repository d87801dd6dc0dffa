"""The first line through: HH-RLHF files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from rmexplorer.data.read import read
from rmexplorer.data.summary import summary
from rmexplorer.job import finish


def test_that_hh_counts_agree_with_a_plain_count(shared: Path) -> None:
    for folder in ("harmless-base", "helpful-base"):
        path = shared / "data" / "real" / "hh_rlhf" / folder / "test.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        said = summary(finish(read(path)))
        tails = [
            (row["chosen"].rsplit("\n\nAssistant:", 1), row["rejected"].rsplit("\n\nAssistant:", 1)) for row in rows
        ]
        same_prompt = [(c[1], r[1]) for c, r in tails if c[0] == r[0]]
        identical = sum(c.strip() == r.strip() for c, r in same_prompt)
        assert said["format"] == "hh_rlhf"
        assert said["rows"] == len(rows)
        assert said["pairs"] == len(rows) - identical
        assert said["skipped"].get("identical_responses", 0) == identical
