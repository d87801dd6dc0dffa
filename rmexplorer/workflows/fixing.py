"""Train a head again with a fix against length or of its data, and compare it with the one before on the same held-out pairs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rmexplorer.analysis.fix_comparison import FixComparison, Pull, pull_of
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.encoders import open_vectors, vectors
from rmexplorer.job import Job, Progress, Result, beat
from rmexplorer.paths import cache_dir
from rmexplorer.problem import Problem
from rmexplorer.project import RunRecord
from rmexplorer.reward.fixes import LENGTH_FIXES, resolved
from rmexplorer.workflows.columns import Columns, run
from rmexplorer.workflows.settings import RESIDUAL, RunSettings
from rmexplorer.workflows.training import assess, baselines, fit, read_baselines

FIXES = tuple(LENGTH_FIXES)
SOURCE, PHRASES = "source", "phrases"  # fixes of what is learnt from: a source dropped, phrases removed
FEATURES = "features"  # residualised on chosen features, not on the characters alone
FREE = frozenset({"length_fix", "length_penalty", "residual_features"})  # settings that may differ between a head and its fix


@dataclass(frozen=True, eq=False)
class Fixed:
    """A head that `train_fix` made: the checkpoint in bytes, what a project keeps of the run, rewards (responses,)."""

    head: bytes
    settings: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[float | None]]
    rewards: np.ndarray


def with_fix(settings: RunSettings, fix: str, what: Iterable[str] = (), own: Iterable[OwnFeature] = ()) -> RunSettings:
    """The same settings with another fix; what: the sources that SOURCE drops, the phrases that PHRASES removes, the features
    that FEATURES residualises on, among them a person's `own`."""
    length = fix if fix in LENGTH_FIXES else "residualize" if fix == FEATURES else "none"
    features = resolved(tuple(what), own) if fix == FEATURES else RESIDUAL
    plain = replace(_with_all_data(settings), train=replace(settings.train, length_fix=length), residual_features=features)
    if fix == SOURCE:
        return replace(plain, source_weights=tuple(sorted((name, 0.0) for name in what)))
    return replace(plain, removed_phrases=tuple(sorted(what))) if fix == PHRASES else plain


def fix_of(settings: RunSettings) -> str:
    """The one fix of these settings: SOURCE, PHRASES, FEATURES or a length fix.

    Where several are at work it is the length fix, and the others count as part of what a head and its fix share.
    """
    if settings.train.length_fix == "none" and bool(settings.source_weights) != bool(settings.removed_phrases):
        return SOURCE if settings.source_weights else PHRASES
    return FEATURES if settings.residual_features != RESIDUAL else settings.train.length_fix


def fix_of_run(record: RunRecord) -> str:
    """The fix of a run that a project keeps."""
    return fix_of(RunSettings.from_dict(record.settings))


def _with_all_data(settings: RunSettings) -> RunSettings:
    if fix_of(settings) in (SOURCE, PHRASES):
        return replace(settings, source_weights=(), removed_phrases=())
    return settings


def family(runs: Iterable[RunRecord], of: str) -> dict[str, RunRecord]:
    """Runs by fix that have the settings and left-out pairs of the run with the id `of` but for the fix.

    Of several with one fix, `of` itself or else the first, which is the newest in a project; {} where there is no such run.
    """
    known = list(runs)
    here = next((one for one in known if one.id == of), None)
    if here is None:
        return {}
    wanted = _rest(here)
    found = {fix_of_run(here): here}
    for one in known:
        if _rest(one) == wanted:
            found.setdefault(fix_of_run(one), one)
    return found


def left_out(record: RunRecord) -> int:
    """How many pairs were left out when this run was trained."""
    return int(record.metrics.get("excluded_pairs") or 0)


def _rest(record: RunRecord) -> dict[str, Any]:
    settings = _with_all_data(RunSettings.from_dict(record.settings)).as_dict()
    return {**{name: value for name, value in settings.items() if name not in FREE}, "left out": left_out(record)}


def train_fix(folder: str, settings: dict[str, Any], without: str = "") -> Job[str]:
    """Job: train and judge a head with these settings (RunSettings.as_dict) on the dataset in `folder`.

    without: the file that `keep_excluded` wrote, where pairs are left out. Returns the path of a folder in the cache that
    `read_fixed` reads.
    """
    dataset, chosen = Dataset.open(Path(folder)), RunSettings.from_dict(settings)
    excluded = np.load(without, allow_pickle=False) if without else None
    holdout, seed = chosen.train.holdout, chosen.train.seed
    encoded_in = yield from vectors(folder, chosen.encoder, {}, holdout, seed, chosen.removed_phrases)
    encoded, encoder = open_vectors(encoded_in)
    fitted = yield from _plain(fit(dataset, encoded, chosen, excluded=excluded))
    others = {}
    if holdout > 0:
        others = read_baselines((yield from baselines(folder, str(encoded_in), holdout, seed, without)))
    trained = yield from assess(dataset, encoded, encoder, fitted, chosen, others, excluded=excluded)
    place = cache_dir() / "fixes" / uuid.uuid4().hex
    place.mkdir(parents=True)
    trained.checkpoint.save(place / "head.safetensors")
    np.save(place / "rewards.npy", trained.rewards, allow_pickle=False)
    record = {"settings": chosen.as_dict(), "metrics": trained.metrics, "history": trained.history}
    (place / "run.json").write_text(json.dumps(record), "utf-8")
    return str(place)


def _plain(job: Job[Result]) -> Job[Result]:
    """The same job with progress in words and numbers alone."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield Progress(progress.done, progress.total, progress.note)


def read_fixed(path: str | Path) -> Fixed:
    """What `train_fix` left at `path`; raises Problem where it is gone or damaged. The folder is taken away."""
    place = Path(path)
    try:
        record = json.loads((place / "run.json").read_text("utf-8"))
        fixed = Fixed((place / "head.safetensors").read_bytes(), record["settings"], record["metrics"], record["history"],
                      np.load(place / "rewards.npy", allow_pickle=False))
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
    except (OSError, ValueError, KeyError) as error:
        raise Problem(f"{place}: the new head cannot be read ({error})", "train it again") from error
    return fixed


@dataclass(frozen=True, eq=False)
class FixResult:
    """Heads by fix on the same pairs, and the comparison of one with that without a fix.

    fix: the one compared, '' where there is none; pulls: by fix, those that are trained; comparison: None where either side is
    not trained; margins (pairs,) by fix.
    """

    given: Columns
    fix: str
    pulls: dict[str, Pull]
    margins: dict[str, np.ndarray]
    comparison: FixComparison | None


def compare_fixes(given: Columns, rewards: Mapping[str, np.ndarray], fix: str) -> FixResult:
    """Compare heads by their calibrated rewards (responses,), by fix, on the pairs of `given`; fix '': `best_fix` of them."""
    margins = {
        name: values[given["response_chosen"]].astype(np.float64) - values[given["response_rejected"]]
        for name, values in rewards.items()
    }
    pulls = {}
    for place, (name, margin) in enumerate(margins.items()):
        beat(Progress(place, len(margins), "measuring the pull of length"))
        pulls[name] = pull_of(margin, given["prompt"], given["length_gap"])
    fix = fix or best_fix(pulls)
    comparison = None
    if "none" in margins and fix in margins:
        comparison = run("fix_comparison", given, margin=margins["none"], after=margins[fix], fix=fix)
    return FixResult(given, fix, pulls, margins, comparison)


def best_fix(pulls: Mapping[str, Pull]) -> str:
    """The fix to look at first: the one whose |correlation| is smallest among those that are trained; '' for none."""
    known = {name: abs(pull.correlation.value or 0.0) for name, pull in pulls.items() if name != "none"}
    return min(known, key=lambda name: known[name]) if known else ""
