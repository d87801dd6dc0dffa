"""Two heads on the same pairs: what one changes against the other, in accuracy, pull of length, calibration and probes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer import cache, wording
from rmexplorer.analysis.fix_comparison import FixComparison, ProbeChange, probe_changes
from rmexplorer.analysis.probes import UNIT, within_prompt_sd
from rmexplorer.data.dataset import Dataset
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_file
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.statistics import Clusters, Estimate, PairedDifference, paired_difference
from rmexplorer.workflows import edits, results
from rmexplorer.workflows.attributing import score_texts
from rmexplorer.workflows.columns import columns, run
from rmexplorer.workflows.edits import Probe
from rmexplorer.workflows.probing import Sample, applied
from rmexplorer.workflows.scoring import heldout_of, pair_rewards, score

OTHER = "other"  # the name under which a comparison is of two heads, not of a fix
VERSION = 2
BATCH = 512


@dataclass(frozen=True, eq=False)
class HeadComparison:
    """The second head against the first; mcnemar: second minus first; warnings: of pairs that one has learnt from."""

    figures: FixComparison
    mcnemar: PairedDifference
    probes: tuple[ProbeChange, ...]
    warnings: tuple[str, ...]


def compare_heads(dataset: Dataset, first: Checkpoint, second: Checkpoint, chosen: Sequence[Probe] | None = None) -> Job[HeadComparison]:
    """Job: compare two heads on the pairs that neither has learnt from; chosen: the probes, those built in if None.

    Where none of them is decided all pairs are compared, and a warning says so. Raises Problem where none is decided at all.
    """
    held = unknown_to_both(dataset, first, second)
    warnings: tuple[str, ...] = ()
    if not (held & ~dataset.tie).any():
        why = "the pairs that are unknown to both heads are all ties" if held.any() else "no pair is unknown to both heads"
        held = np.ones(len(dataset), bool)
        warnings = (f"{why}, so all are compared: what one has learnt flatters it",)
    one = pair_rewards(dataset, (yield from score(dataset, first)))
    other = pair_rewards(dataset, (yield from score(dataset, second)))
    given = columns(dataset, *one, mask=held)
    if not given.pairs:
        raise Problem(f"{dataset.name}: has no decided pair to compare heads on", "give pairs with a winner")
    margin, after = given["margin"], columns(dataset, *other, mask=held)["margin"]
    figures: FixComparison = run("fix_comparison", given, margin=margin, after=after, fix=OTHER)
    probes = yield from compare_probes(dataset, first, second, chosen)
    return HeadComparison(figures, paired_difference(after, margin, Clusters(given["prompt"])), probes, warnings)


def unknown_to_both(dataset: Dataset, first: Checkpoint, second: Checkpoint) -> np.ndarray:
    """(pairs,) bool: the pairs that neither head has learnt from."""
    return np.asarray(heldout_of(dataset, first) & heldout_of(dataset, second))


def compare_probes(dataset: Dataset, first: Checkpoint, second: Checkpoint,
                   chosen: Sequence[Probe] | None = None) -> Job[tuple[ProbeChange, ...]]:
    """Job: what each probe does to the rewards of both heads, in within-prompt SD of each; () where rewards have no scale.

    Of responses of the pairs that neither head has learnt from, of all where there is none.
    """
    chosen = edits.built_in() if chosen is None else tuple(chosen)
    held = unknown_to_both(dataset, first, second)
    sample = Sample.of(dataset, first, np.flatnonzero(held) if held.any() else np.arange(len(dataset)))
    scales, bases = [], []
    for head in (first, second):
        base = yield from _scored(head, sample.prompts, sample.texts, "scoring responses")
        bases.append(base)
        scales.append(within_prompt_sd(base, sample.prompt))
    if None in scales:
        return ()
    found = []
    for number, probe in enumerate(chosen):
        prompt, place, prompts, before, after = applied(probe, sample)
        sides = []
        for head, scale, base in zip((first, second), scales, bases, strict=True):
            yield Progress(number, len(chosen), f"probing: {probe.shown.lower()}")
            old = base[place] if place is not None else (yield from _scored(head, prompts, before, f"probing: {probe.shown.lower()}"))
            new = yield from _scored(head, prompts, after, f"probing: {probe.shown.lower()}")
            sides.append((new - old) / (scale or 1.0))
        found.append((probe.name, probe.shown, probe.expected, *sides, prompt))
    return probe_changes(found)


def _scored(head: Checkpoint, prompts: Sequence[str], texts: Sequence[str], note: str) -> Job[np.ndarray]:
    out = np.zeros(len(texts))
    for start in range(0, len(texts), BATCH):
        rows = slice(start, start + BATCH)
        out[rows] = score_texts(head, prompts[rows], texts[rows])
        yield Progress(0, 0, note)
    return out


def as_json(found: HeadComparison) -> dict[str, Any]:
    """The key `comparison` of `analyze --json`."""
    figures, test = found.figures, found.mcnemar
    return {
        "pairs": figures.n,
        "prompts": figures.prompts,
        "headline": figures.headline(),
        "figures": [{"name": one.name, "kind": one.kind, "before": one.before, "after": one.after, "difference": _plain(one.difference)}
                    for one in figures.changes],
        "mcnemar": {"difference": _plain(test.difference), "second_only": test.first_only, "first_only": test.second_only, "p": test.p},
        "probes": probes_as_json(found.probes),
    }


def probes_as_json(changes: Sequence[ProbeChange]) -> list[dict[str, Any]]:
    """Probes before and after as plain values."""
    return [{"name": one.name, "title": one.title, "expected": one.expected, "unit": UNIT, "before": _plain(one.before),
             "after": _plain(one.after), "difference": _plain(one.difference), "q": one.q, "words": one.words()} for one in changes]


def _plain(one: Estimate) -> dict[str, Any]:
    return {"value": one.value, "ci": one.ci, "n": one.n}


def describe(found: dict[str, Any]) -> str:
    """The comparison as a short table for people: first, second, and the paired difference with its interval."""

    def line(name: str, before: float | None, after: float | None, difference: dict[str, Any], digits: int = 2) -> str:
        low, high = difference["ci"] or (None, None)
        ends = wording.between(low, high, digits).replace(wording.SPACE, " ")
        return (f"  {name:<{wide}}  {wording.number(before, digits, True):>7}  {wording.number(after, digits, True):>7}  "
                f"{wording.number(difference['value'], digits, True):>7}  {ends:>16}  {difference['n']:>6,}")

    names = [one["name"] for one in found["figures"]] + [one["title"] for one in found["probes"]]
    wide = max(map(len, names), default=4)
    head = f"  {'':<{wide}}  {'first':>7}  {'second':>7}  {'change':>7}  {'95% CI':>16}  {'n':>6}"
    lines = ["", found["headline"], head]
    lines += [line(one["name"], one["before"], one["after"], one["difference"], 3 if one["kind"] == "calibration" else 2)
              for one in found["figures"]]
    if found["probes"]:
        lines.append("  Probes, in within-prompt SD of each head")
        lines += [line(one["title"], one["before"]["value"], one["after"]["value"], one["difference"]) for one in found["probes"]]
    return "\n".join(lines)


def probes_folder(folder: str, first: str, second: str, chosen: str) -> Job[str]:
    """Job: `compare_probes` of the dataset in `folder` with two checkpoint files; returns the path of the result in the cache.

    chosen: what probing.encode_probes wrote.
    """
    dataset = Dataset.open(Path(folder))
    path = cache_file("probes", ".json", "compared", VERSION, dataset.fingerprint, Path(first).name, Path(second).name, chosen)
    if cache.holds(path, read_probes):
        return str(path)
    given = tuple(Probe.from_dict(values) for values in json.loads(chosen)["probes"])
    found = yield from compare_probes(dataset, Checkpoint.load(Path(first)), Checkpoint.load(Path(second)), given)
    results.keep_result(path, {"probes": probes_as_json(found)})
    return str(path)


def read_probes(path: Path | str) -> dict[str, Any]:
    """The result that `probes_folder` kept; raises Problem where it is damaged."""
    return results.read_result(path, "probes", "compare the probes again")
