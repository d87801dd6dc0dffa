"""`analyze` with all its options: phrases that pay, words left out, and shift against a second file."""

from __future__ import annotations

from typing import Any

from rmexplorer import wording
from rmexplorer.data.dataset import Dataset
from rmexplorer.job import Job
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows import attributing
from rmexplorer.workflows.hunting import hunt_dataset
from rmexplorer.workflows.opening import keep
from rmexplorer.workflows.scoring import analyze_columns, analyze_dataset
from rmexplorer.workflows.sets import SetSpec
from rmexplorer.workflows.shifting import as_json, compare_sets


def analyze_file(dataset: Dataset, checkpoint: Checkpoint | None, phrases: bool = False,
                 against: Dataset | None = None) -> Job[dict[str, Any]]:
    """Job: everything of `analyze --json`, with the keys `phrases` and `shift` where they are asked for.

    Raises Problem where phrases are asked for and there are no rewards.
    """
    if phrases:
        given = yield from analyze_columns(dataset, checkpoint)
        if not given.has_rewards:
            raise Problem(f"{dataset.name}: phrases need rewards", "add --model, or give a file with scores")
        found = yield from hunt_dataset(given)
        if checkpoint is not None:
            found["words"] = attributing.as_json((yield from attributing.words_that_pay(dataset, checkpoint)))
    result = yield from analyze_dataset(dataset, checkpoint)
    if phrases:
        result["phrases"] = found
    if against is not None:
        ours = checkpoint is not None and checkpoint.dataset_fingerprint == dataset.fingerprint
        first = SetSpec("training" if ours else "all", str(keep(dataset)), label=dataset.name)
        second = SetSpec("all", str(keep(against)), label=against.name)
        result["shift"] = as_json((yield from compare_sets(first, second, checkpoint)))
    return result


def describe_more(result: dict[str, Any], most: int = 8) -> str:
    """What the options added, as a short text; '' without any."""
    lines: list[str] = []
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
