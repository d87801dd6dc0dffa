"""What is in a dataset: the numbers of `rmexplorer info`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.data.dataset import TIE, Dataset
from rmexplorer.data.quality import Finding, check
from rmexplorer.job import finish
from rmexplorer.statistics import Estimate, proportion

SHOWN, KEPT = 3, 20  # skipped records: of each reason to people, and in all in JSON
DETAIL = 60


def summary(dataset: Dataset, findings: Sequence[Finding] | None = None) -> dict[str, Any]:
    """The keys of `info --json` (CLI.md); findings: those of a quick look where they are not given."""
    decided = dataset.winner != TIE
    chosen, rejected = dataset.chosen[decided], dataset.rejected[decided]
    chars, words = dataset.lengths
    prompts, responses = _distinct(dataset)
    if findings is None:
        findings = finish(check(dataset, quick=True))
    reasons = dataset.skipped.group_by("reason", maintain_order=True).len().rows()
    return {
        "format": dataset.format,
        "rows": dataset.records,
        "prompts": prompts,
        "responses": responses,
        "pairs": int(decided.sum()),
        "ties": int((~decided).sum()),
        "votes": dataset.votes.height,
        "annotators": _annotators(dataset),
        "skipped": dict(sorted(reasons)),
        "chosen_longer": round(float((chars[chosen] > chars[rejected]).mean()), 4) if len(chosen) else None,
        "chosen_words_median": _median(words[chosen]),
        "rejected_words_median": _median(words[rejected]),
        "score_columns": list(dataset.score_columns),
        "warnings": [*dataset.warnings, *_warnings(dataset, chars)],
        "quality": [
            {"kind": found.kind, "title": found.title, "pairs": found.count, "n": found.looked_at,
             "share": found.share.value, "ci": [found.share.low, found.share.high]}
            for found in findings
        ],
        "skipped_records": _skipped(dataset, KEPT).rows(named=True),
    }  # fmt: skip


def _skipped(dataset: Dataset, most: int) -> pl.DataFrame:
    """record (0-based), line (1-based, null where the container has none), reason and detail of the first `most` skipped."""
    return dataset.skipped.select("record", "line", "reason", "detail").head(most)


def _begins_anew(dataset: Dataset) -> bool:
    """Whether lines are counted anew somewhere: a line alone then does not say which file it is of."""
    both = pl.concat([table.select("record", "line").drop_nulls() for table in (dataset.pairs, dataset.skipped)])
    return bool((both.sort("record", "line")["line"].cast(pl.Int64).diff() < 0).any())


def _place(record: int, line: int | None, several: bool) -> str:
    if line is None:
        return f"record {record + 1:,}"
    return f"record {record + 1:,} in all, line {line:,} of its file" if several else f"line {line:,}"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= DETAIL else plain[: DETAIL - 1].rstrip() + "…"


def skipped_lines(dataset: Dataset) -> list[str]:
    """For each reason, by falling count: how many records were skipped, and where the first ones stand."""
    lines, several = [], _begins_anew(dataset)
    for reason, count in dataset.skipped["reason"].value_counts(sort=True).rows():
        first = dataset.skipped.filter(pl.col("reason") == reason).head(SHOWN)
        where = [
            _place(record, line, several) + (f" ({_short(detail)})" if detail else "")
            for record, line, detail in first.select("record", "line", "detail").iter_rows()
        ]
        more = f" and {count - SHOWN:,} more" if count > SHOWN else ""
        lines.append(f"skipped: {count:,} {reason.replace('_', ' ')}: {', '.join(where)}{more}")
    return lines


def _distinct(dataset: Dataset) -> tuple[int, int]:
    """Distinct prompt texts and (prompt, response) texts; a chat and a text that read the same count once."""
    mixed = 0 < dataset.prompts["messages"].null_count() < dataset.prompts.height
    if not mixed:
        return dataset.prompts.height, dataset.responses.height
    prompt = dataset.prompts["text"].gather(dataset.responses["prompt"])
    return dataset.prompts["text"].n_unique(), pl.DataFrame(
        {"prompt": prompt, "text": dataset.responses["text"]}
    ).n_unique()


def _median(values: np.ndarray) -> float | int | None:
    if not len(values):
        return None
    median = float(np.median(values))
    return int(median) if median.is_integer() else median


def _annotators(dataset: Dataset) -> int:
    names = pl.concat([dataset.votes["annotator"].unique(), dataset.agreement["annotator"].unique()])
    return int(names.drop_nulls().n_unique())


def _warnings(dataset: Dataset, chars: np.ndarray) -> list[str]:
    first, second = dataset.pairs["first"].to_numpy(), dataset.pairs["second"].to_numpy()
    empty = int((chars[first] == 0).sum() + (chars[second] == 0).sum())
    return [f"{empty} response{'s are' if empty > 1 else ' is'} empty"] if empty else []


def describe(dataset: Dataset, facts: dict[str, Any]) -> str:
    """What `info` says to people: a short table of the facts of `summary` (and of the encoder, where they are there)."""
    rows = [
        ("format", f"{facts['format']} ({dataset.why})"),
        ("records", f"{facts['rows']:,}"),
        ("prompts", f"{facts['prompts']:,}"),
        ("responses", f"{facts['responses']:,}"),
        ("pairs", f"{facts['pairs']:,} and {facts['ties']:,} tie{'' if facts['ties'] == 1 else 's'}"),
        (
            "votes",
            f"{facts['votes']:,}"
            + (
                f" by {facts['annotators']:,} annotator{'' if facts['annotators'] == 1 else 's'}"
                if facts["annotators"]
                else ""
            ),
        ),
        (
            "skipped",
            ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in facts["skipped"].items()) or "none",
        ),
    ]
    if facts["pairs"]:
        longer = chosen_longer(dataset)
        interval = "" if longer.low is None else f" (95 % interval {longer.low:.1%} to {longer.high:.1%})"
        rows.append(("chosen longer", f"{facts['chosen_longer']:.1%} of pairs{interval}"))
        rows.append(
            ("median words", f"{facts['chosen_words_median']:g} chosen, {facts['rejected_words_median']:g} rejected")
        )
    if facts["score_columns"]:
        rows.append(("rewards", ", ".join(facts["score_columns"])))
    width = max(len(label) for label, _ in rows)
    lines = [f"{label.ljust(width)}  {value}" for label, value in rows]
    said = [f"warning: {warning}" for warning in facts["warnings"]]
    quality = [f"quality: {found['title']}" for found in facts["quality"]]
    encoder = facts.get("encoder")
    if encoder and encoder["limit"] is None:
        quality.append(f"quality: no response is cut off, as the encoder {encoder['name']} reads texts to their end")
    return "\n".join([*lines, *skipped_lines(dataset), *said, *quality])


def chosen_longer(dataset: Dataset) -> Estimate:
    """Share of pairs whose chosen text has more characters (stripped; equal counts as not longer), with its Wilson
    interval."""
    decided = dataset.winner != TIE
    chars, _ = dataset.lengths
    longer = chars[dataset.chosen[decided]] > chars[dataset.rejected[decided]]
    return proportion(float(longer.sum()), len(longer))
