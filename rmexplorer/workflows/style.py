"""Style of responses as jobs: features measured with progress, the table of all of them, and the reward against one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rmexplorer.analysis.feature_table import LENGTHS, FeatureRow, FeatureTable
from rmexplorer.analysis.reward_feature import RewardFeature
from rmexplorer.analysis.style_effects import StyleEffects, where_it_differs
from rmexplorer.job import Job, Progress
from rmexplorer.problem import Problem
from rmexplorer.statistics import Estimate, first_seen
from rmexplorer.workflows.columns import SAMPLES, STYLE, Columns, run

BLOCK = 2_000  # responses measured between two beats


@dataclass(frozen=True, eq=False)
class Measured:
    """The columns of which every feature can be measured, and what is wrong with a person's own that cannot."""

    given: Columns
    failed: tuple[Problem, ...] = ()


def measured(given: Columns, analysis: str) -> Job[Measured]:
    """Job: measure the style of the pairs that `analysis` will take, in blocks; each response is measured once.

    A person's own feature that cannot be measured is left out and named, the others stay.
    """
    sample = given.sample(SAMPLES[analysis])
    rows = np.concatenate([sample["response_chosen"], sample["response_rejected"]])
    rows = rows[first_seen(rows)]
    own, failed = list(given.own), []
    for start in range(0, len(rows), BLOCK):
        yield Progress(start, len(rows), "measuring style")
        block = rows[start : start + BLOCK]
        given.measure(block)
        for feature in tuple(own):
            try:
                given.measure(block, feature)
            except Problem as problem:
                own.remove(feature)
                failed.append(problem)
    yield Progress(len(rows), len(rows), "comparing")
    return Measured(given.with_own(tuple(own)) if failed else given, tuple(failed))


def measure_effects(given: Columns) -> Job[tuple[Measured, StyleEffects]]:
    """Job: style at equal length, with people and with the model."""
    found = yield from measured(given, "style_effects")
    return found, run("style_effects", found.given)


def measure_table(given: Columns) -> Job[tuple[Measured, FeatureTable]]:
    """Job: the table of all features."""
    found = yield from measured(given, "feature_table")
    return found, run("feature_table", found.given)


def measure_feature(given: Columns, name: str) -> Job[tuple[Measured, RewardFeature]]:
    """Job: the reward against one feature. Raises Problem where it is a person's own and cannot be measured."""
    found = yield from measured(given, "reward_feature")
    if name not in (*LENGTHS, *found.given["style_names"]):
        raise next(iter(found.failed), Problem(f"there is no feature {name}", "choose another one"))
    return found, run("reward_feature", found.given, feature=name)


def features_of(given: Columns) -> tuple[str, ...]:
    """The features of responses: words, characters, those of STYLE and a person's own."""
    return ("words", "characters", *given["style_names"])


def pairs_that_differ(given: Columns, feature: str, analysis: str = "feature_table") -> np.ndarray:
    """(all pairs,) bool: those of the measured pairs that differ (most) in a feature."""
    sample = given.sample(SAMPLES[analysis])
    if feature in LENGTHS:
        short = "chars" if feature == "characters" else "words"
        difference = np.log1p(sample[f"{short}_chosen"]) - np.log1p(sample[f"{short}_rejected"])
    else:
        column = list(sample["style_names"]).index(feature)
        difference = sample["style_chosen"][:, column] - sample["style_rejected"][:, column]
    mask = np.zeros(len(given.dataset), bool)
    mask[sample.rows[where_it_differs(difference)]] = True
    return mask


def style_as_json(given: Columns) -> Job[dict[str, Any]]:
    """Job: the key `style` of `analyze --json`: every surface feature: chosen against rejected, high against low reward,
    wrong picks against chosen, by subset; and how the reward follows it.

    Raises Problem where a person's own feature cannot be measured.
    """
    ready = yield from measured(given, "feature_table")
    if ready.failed:
        raise ready.failed[0]
    found: FeatureTable = run("feature_table", given)
    sample = given.sample(SAMPLES["feature_table"])  # the pairs that `run` measured
    records = given.dataset.pairs["record"].to_numpy()[sample["pair"]]
    features = []
    for place, row in enumerate(found.rows):
        yield Progress(place, len(found.rows), "following the reward")
        features.append({**_row_as_json(row, records), "reward": _reward_as_json(given, row.name)})
    even = found.headline(even=True) if any(row.even for row in found.rows) else None
    return {"pairs": found.pairs, "of": found.of, "headline": found.headline(), "headline_of_subsets": even,
            "style_only_accuracy": _plain(found.style_only), "features": features}


def _row_as_json(row: FeatureRow, records: np.ndarray) -> dict[str, Any]:
    even = row.even
    return {
        "name": row.name,
        "within_prompt_sd": row.sd,
        "labels": row.labels.as_dict(),
        "model": row.model and row.model.as_dict(),
        "errors": row.errors and row.errors.as_dict(),
        "example_record": int(records[row.example]),
        "wrong_example_record": None if row.wrong_example is None else int(records[row.wrong_example]),
        "by": {name: _plain(part) for name, part in row.by.items()},
        "mean_of_subsets": even and {name: side and side.as_dict() for name, side in vars(even).items()},
    }


def _reward_as_json(given: Columns, name: str) -> dict[str, Any] | None:
    """How the reward follows a feature: for one within-prompt SD more, or for each doubling of a length."""
    if not given.has_rewards:
        return None
    found: RewardFeature = run("reward_feature", given, feature=name)
    return {"unit": "doubling" if found.is_length else "within-prompt SD", "trend": _plain(found.overall),
            "within_prompts": _plain(found.within), "at_equal_length": None if found.is_length else _plain(found.partial)}


def _plain(one: Estimate) -> dict[str, Any]:
    return {"value": one.value, "ci": one.ci, "n": one.n}


KNOWN = frozenset({*STYLE, *LENGTHS})
