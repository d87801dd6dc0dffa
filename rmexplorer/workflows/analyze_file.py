"""`analyze` with all its options: phrases that pay, words left out, and shift against a second file."""

from __future__ import annotations

from typing import Any

from rmexplorer import wording
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows import attributing
from rmexplorer.workflows.hunting import hunt_dataset
from rmexplorer.workflows.opening import keep
from rmexplorer.workflows.scoring import analyze_columns, analyze_given
from rmexplorer.workflows.sets import SetSpec
from rmexplorer.workflows.shifting import as_json, compare_sets
from rmexplorer.workflows.style import KNOWN, style_as_json


def analyze_file(dataset: Dataset, checkpoint: Checkpoint | None, phrases: bool = False,
                 against: Dataset | None = None, style: bool = False,
                 own: tuple[OwnFeature, ...] = ()) -> Job[dict[str, Any]]:
    """Job: everything of `analyze --json`, with the keys `style`, `phrases` and `shift` where they are asked for.

    own: a person's features, measured beside the others in `style`.
    Raises Problem where phrases are asked for and there are no rewards.
    """
    styled = style or bool(own)
    given = yield from analyze_columns(dataset, checkpoint, labels_enough=styled)
    if phrases:
        if not given.has_rewards:
            raise Problem(f"{dataset.name}: phrases need rewards", "add --model, or give a file with scores")
        found = yield from hunt_dataset(given)
        if checkpoint is not None:
            found["words"] = attributing.as_json((yield from attributing.words_that_pay(dataset, checkpoint)))
    yield Progress(0, 0, "analysing")
    result = analyze_given(given, checkpoint)
    if phrases:
        result["phrases"] = found
    if styled:
        result["style"] = yield from style_as_json(given.with_own(own))
    if against is not None:
        ours = checkpoint is not None and checkpoint.dataset_fingerprint == dataset.fingerprint
        first = SetSpec("training" if ours else "all", str(keep(dataset)), label=dataset.name)
        second = SetSpec("all", str(keep(against)), label=against.name)
        result["shift"] = as_json((yield from compare_sets(first, second, checkpoint)))
    return result


def _clear(contrast: dict[str, Any]) -> bool:
    return contrast["q"] < 0.05 and contrast["ci"] is not None and not contrast["ci"][0] <= 0 <= contrast["ci"][1]


def describe_more(result: dict[str, Any], most: int = 8) -> str:
    """What the options added, as a short text; '' without any."""
    lines: list[str] = []
    if "style" in result:
        found = result["style"]
        alone = found["style_only_accuracy"]
        lines += ["", found["headline"], f"  style alone, cross-validated: {wording.number(alone['value'])}, n = {found['pairs']:,}"]
        shown = [row for place, row in enumerate(found["features"]) if place < most or row["name"] not in KNOWN]
        for row in shown:
            parts = [f"{said} {wording.number(row[key]['value'], signed=True)}{'*' if _clear(row[key]) else ''}"
                     for key, said in (("labels", "chosen"), ("model", "high reward"), ("errors", "wrong picks")) if row[key]]
            lines.append(f"  {row['name'].replace('_', ' '):<22} {', '.join(parts)} SD")
        if len(shown) < len(found["features"]):
            lines.append(f"  {len(found['features']) - len(shown)} more with --json")
        lines.append("  * q < 0.05, Benjamini–Hochberg over the features, and the interval over prompts without 0")
    if "phrases" in result:
        lines += ["", result["phrases"]["headline"]]
        for row in result["phrases"]["pays"][:most]:
            size = f"{wording.number(row['effect'], signed=True)} SD {wording.bracket('95% CI ' + wording.between(*row['ci']))}"
            lines.append(f"  “{row['phrase']}”  {size}, n = {row['n']:,}, q {wording.number(row['q'], 3)}")
    if "shift" in result:
        shift = result["shift"]
        lines += ["", shift["headline"]]
        for row in shift["features"][:most]:
            band = wording.bracket(f"no shift gives up to {wording.number(row['no_shift95'])}")
            lines.append(f"  {row['feature'].replace('_', ' ')}  PSI {wording.number(row['psi'])} {band}")
        lines.append(f"  prompts that both have: {shift['leaks']['exact']:,}, nearly: {shift['leaks']['near']:,}")
    return "\n".join(lines)
