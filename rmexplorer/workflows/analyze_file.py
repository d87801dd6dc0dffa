"""`analyze` with all its options: phrases that pay, words left out, and shift against a second file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rmexplorer import wording
from rmexplorer.analysis import attribution
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows import attributing, comparing
from rmexplorer.workflows.hunting import (
    endings,
    hunt_dataset,
    hunted_as_json,
    search,
    search_as_json,
    weak_responses,
)
from rmexplorer.workflows.scoring import analyze_columns, analyze_given
from rmexplorer.workflows.sets import sets_of
from rmexplorer.workflows.shifting import as_json, compare_sets
from rmexplorer.workflows.style import KNOWN, style_as_json


@dataclass(frozen=True)
class HuntOptions:
    """The search for the ending that pays most: phrases of a person's own that are tried as well, and its seed."""

    own: tuple[str, ...] = ()
    seed: int = 0


def analyze_file(dataset: Dataset, checkpoint: Checkpoint | None, phrases: bool = False,
                 against: Dataset | None = None, style: bool = False, own: tuple[OwnFeature, ...] = (),
                 words: str | None = None, hunt: HuntOptions | None = None, other: Checkpoint | None = None,
                 sets: tuple[str, str] = ("", "")) -> Job[dict[str, Any]]:
    """Job: everything of `analyze --json`, with style, phrases, words, hunt, comparison and shift where they are asked for.

    own: a person's features, measured beside the others in `style`; words: the method of attribution; other: a second head
    on the same pairs; sets: the two whose shift is measured, as in `sets_of`.
    Raises Problem where phrases are asked for and there are no rewards, or words, a search or a comparison and there is no
    head.
    """
    if other is not None and checkpoint is None:
        raise Problem("a second head is compared with a first", "add --model")
    styled = style or bool(own)
    if checkpoint is None and (words or hunt):
        raise Problem(f"{dataset.name}: {'words' if words else 'a search'} must score new texts", "add --model")
    shifted = sets_of(dataset, against, checkpoint, *sets) if against is not None or any(sets) else None
    given = yield from analyze_columns(dataset, checkpoint, labels_enough=styled or shifted is not None)
    more: dict[str, Any] = {}
    if phrases or hunt is not None:
        if not given.has_rewards:
            raise Problem(f"{dataset.name}: phrases need rewards", "add --model, or give a file with scores")
        hunted = yield from hunt_dataset(given)
        if phrases:
            more["phrases"] = hunted_as_json(hunted)
            if checkpoint is not None:
                more["phrases"]["words"] = attributing.as_json((yield from attributing.words_that_pay(dataset, checkpoint)))
        if hunt is not None and checkpoint is not None:
            found = yield from search(checkpoint, weak_responses(given, hunt.seed), endings(hunted, hunt.own))
            more["hunt"] = search_as_json(found, hunt.seed)
    if words is not None and checkpoint is not None:
        more["words"] = attributing.as_json((yield from attributing.words_that_pay(dataset, checkpoint, method=words)))
    yield Progress(0, 0, "analysing")
    result = analyze_given(given, checkpoint) | more
    if styled:
        result["style"] = yield from style_as_json(given.with_own(own))
    if other is not None and checkpoint is not None:
        compared = yield from comparing.compare_heads(dataset, checkpoint, other)
        result["comparison"] = comparing.as_json(compared)
        result["warnings"] = [*result["warnings"], *compared.warnings]
    if shifted is not None:
        result["shift"] = as_json((yield from compare_sets(*shifted, checkpoint)))
    return result


def _clear(contrast: dict[str, Any]) -> bool:
    return contrast["q"] < 0.05 and contrast["ci"] is not None and not contrast["ci"][0] <= 0 <= contrast["ci"][1]


def _q(q: float) -> str:
    return "q < 0.001" if q < 0.001 else f"q {wording.number(q, 3)}"


def _size(value: float | None, ci: list[float] | None) -> str:
    low, high = ci or (None, None)
    return f"{wording.number(value, signed=True)} {wording.bracket('95% CI ' + wording.between(low, high))}"


def describe_more(result: dict[str, Any], most: int = 8) -> str:
    """What the options added, as a short text; '' without any."""
    lines: list[str] = []
    if "style" in result:
        found = result["style"]
        alone = found["style_only_accuracy"]
        even, pooled = found["headline_of_subsets"], found["headline"]
        lines += ["", pooled] if even is None else ["", f"Mean of subsets: {even}", f"All pairs: {pooled}"]
        lines += [f"  style alone, cross-validated: {wording.number(alone['value'])}, n = {found['pairs']:,}"]
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
            lines.append(f"  “{row['phrase']}”  {size}, n = {row['n']:,}, {_q(row['q'])}")
    if "words" in result:
        found = result["words"]
        lines += ["", found["headline"], f"  {attribution.DOING[found['method']]} in {found['responses']:,} responses"
                  + (f" drawn from {found['drawn_from']:,}" if found["drawn_from"] else "")]
        for side in ("pays", "costs"):
            lines += [f"  {side:<5} {row['word']:<18} {_size(row['mean_change'], row['ci'])}, n = {row['n']:,}, "
                      f"{_q(row['q'])}" for row in found[side][:most]]
    if "hunt" in result:
        found = result["hunt"]
        lines += ["", found["headline"]]
        lines += [f"  {place}. “{step['phrase']}”  {_size(step['gain'], step['ci'])}, {wording.percent(step['beats_best'])} best"
                  for place, step in enumerate(found["steps"], start=1)]
        lines += [f"  alone “{row['phrase']}”  {_size(row['gain'], row['ci'])}, n = {row['n']:,}" for row in found["alone"][:most]]
    if "comparison" in result:
        lines.append(comparing.describe(result["comparison"]))
    if "shift" in result:
        shift = result["shift"]
        lines += ["", shift["headline"]]
        for row in shift["features"][:most]:
            band = wording.bracket(f"no shift gives up to {wording.number(row['no_shift95'])}")
            lines.append(f"  {row['feature'].replace('_', ' ')}  PSI {wording.number(row['psi'])} {band}")
        for row in shift["familiarity"][:1] + shift["familiarity"][1:][-1:]:
            ends = f" {wording.bracket('95% CI ' + wording.between(*row['ci']))}" if row["ci"] else ""
            far = wording.between(*row["distance"])
            lines.append(f"  accuracy at distance {far}: {wording.number(row['accuracy'])}{ends}, n = {row['n']:,}")
        high = shift["high_unfamiliar"]
        if high["n"]:
            lines.append(f"  high reward on unfamiliar prompts: {wording.counted(high['n'], 'response')}")
        lines.append(f"  prompts that both have: {shift['leaks']['exact']:,}, nearly: {shift['leaks']['near']:,}")
    return "\n".join(lines)
