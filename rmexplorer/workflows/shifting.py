"""Two sets of prompts and responses beside each other: what differs, how far the new one lies, what leaks. A job of the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rmexplorer import cache, wording
from rmexplorer.analysis.length_style import length_slope
from rmexplorer.analysis.shift import (
    MOST_ROWS,
    Familiarity,
    FeatureShift,
    auc,
    by_familiarity,
    feature_shifts,
    mmd,
    shift_headline,
    two_sample_scores,
)
from rmexplorer.data.features import surface
from rmexplorer.encoders import ENCODERS, EncoderState
from rmexplorer.job import Job, Progress
from rmexplorer.paths import cache_file
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.reward.sources.columns import response_rewards
from rmexplorer.statistics import NOTHING, Clusters, Estimate, distinct, outcomes, ranks
from rmexplorer.workflows import results
from rmexplorer.workflows.leaking import distances, leaks
from rmexplorer.workflows.scoring import heldout_of, score
from rmexplorer.workflows.sets import SetSpec, Side, side_of
from rmexplorer.workflows.training import length_gap

VERSION = 8
ROWS = (("features", "responses"), ("familiarity", "pairs"))  # rows of a dataset, which may be a million
LISTED = 200
SAID = 20  # responses of each list in the JSON
TRAINING_PROMPTS = 20_000
RESPONSE_FEATURES = (
    "words",
    "sentence_length",
    "list_items",
    "bold",
    "code_blocks",
    "questions",
    "exclamations",
    "hedges",
    "certainty",
    "apologies",
    "refusals",
    "politeness",
    "closer",
    "digits",
    "not_ascii",
    "copied_share",
)
PROMPT_FEATURES = ("words", "questions", "digits", "capitals", "code_blocks", "not_ascii")


def _encode(state: EncoderState, prompts: Sequence[str], texts: Sequence[str], note: str) -> Job[np.ndarray]:
    job = ENCODERS[state.name].encode(
        state, pl.Series("prompt", list(prompts), dtype=pl.String), pl.Series("response", list(texts), dtype=pl.String)
    )
    while True:
        try:
            beat = next(job)
        except StopIteration as end:
            vectors: np.ndarray = end.value
            return vectors
        yield Progress(beat.done, beat.total, note)


def _features(side: Side, with_responses: bool) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features of prompts and of responses by name."""
    asked = surface(pl.Series([""] * len(side.prompts), dtype=pl.String), pl.Series(side.prompts, dtype=pl.String))
    prompts = {f"prompt: {name}": asked[name].to_numpy() for name in PROMPT_FEATURES}
    if not with_responses:
        return prompts, {}
    said = surface(
        pl.Series([side.prompts[at] for at in side.owner], dtype=pl.String), pl.Series(side.texts, dtype=pl.String)
    )
    return prompts, {name: said[name].to_numpy() for name in RESPONSE_FEATURES}


def _sample(rows: int, seed: int) -> np.ndarray:
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _ids(one: Side, two: Side) -> tuple[np.ndarray, np.ndarray]:
    """A number for each prompt of both sides, the same for the same text."""
    known: dict[str, int] = {}
    found = [np.array([known.setdefault(text, len(known)) for text in side.prompts], np.int64) for side in (one, two)]
    return found[0], found[1]


def _rewards(side: Side, checkpoint: Checkpoint | None) -> Job[np.ndarray | None]:
    """Job: (all responses of its dataset,) rewards, by the head or as they came with the file; None where there are none."""
    if side.dataset is None:
        return None
    if checkpoint is not None:
        return (yield from score(side.dataset, checkpoint))
    return response_rewards(side.dataset) if side.dataset.score_columns else None


def compare_sets(first: SetSpec, second: SetSpec, checkpoint: Checkpoint | None) -> Job[dict[str, Any]]:
    """Job: all of the Shift pane and of `analyze --against` as plain values.

    Without a head familiarity is by the default encoder, fitted on the first set, and rewards are those of the files.
    """
    yield Progress(0, 0, "reading both sets")
    one, two = side_of(first, checkpoint), side_of(second, checkpoint)
    both = bool(len(one.rows) and len(two.rows))
    if checkpoint is not None:
        state = checkpoint.encoder
    else:
        state = yield from _fitted([one.prompts[at] for at in one.owner] or [""] * len(one.prompts), one.texts or one.prompts)
    ids = _ids(one, two)
    asked: list[np.ndarray] = []
    for side in (one, two):
        asked.append((yield from _encode(state, [""] * len(side.prompts), side.prompts, "encoding prompts")))
    vectors, groups = yield from _vectors((one, two), ids, both)
    yield Progress(0, 0, "telling the sets apart")
    n = len(vectors[0])
    scores = two_sample_scores(np.vstack(vectors), np.repeat([0, 1], [n, len(vectors[1])]), np.concatenate(groups))
    there = np.isfinite(scores)
    value = auc(scores[:n][there[:n]], scores[n:][there[n:]], groups[0][there[:n]], groups[1][there[n:]])
    yield Progress(0, 0, "comparing distributions")
    apart = mmd(vectors[0], vectors[1], groups[0], groups[1])
    yield Progress(0, 0, "measuring features")
    shifts = _shifts(one, two, both, ids)
    rewards = yield from _rewards(two, checkpoint)
    shifts += _reward_shift(one, two, ids, rewards, (yield from _rewards(one, checkpoint)) if both else None)
    shifts = sorted(shifts, key=lambda row: (not row["clear"], -row["psi"]))
    known = asked[0] if len(asked[0]) <= TRAINING_PROMPTS else asked[0][_sample(len(asked[0]), 2)]
    distance = yield from distances(known, asked[1])
    near = _familiar(two, distance, rewards, checkpoint, _learnt(one, checkpoint))
    alike = one.dataset is not None and two.dataset is not None and one.dataset.fingerprint == two.dataset.fingerprint
    heldout = _heldout_accuracy(checkpoint, one, rewards if alike else None)
    leaked = yield from leaks(one.prompts, two.prompts)
    few = min(len(vectors[0]), len(vectors[1]))
    return {
        "first": first.label,
        "second": second.label,
        "unit": "responses" if both else "prompts",
        "n": [len(side.rows) if both else len(side.prompts) for side in (one, two)],
        "prompts": [len(one.prompts), len(two.prompts)],
        "pairs": [len(one.pairs), len(two.pairs)],
        "auc": {"value": value.value, "ci": value.ci, "n": value.n},
        "mmd": None if apart is None else {"value": apart.value, "p": apart.p, "n": list(apart.n)},
        "features": shifts,
        "familiarity": _as_rows(near, two),
        "heldout_accuracy": _estimate(heldout),
        "leaks": leaked,
        "encoder": "head" if checkpoint is not None else "fitted on the first set",
        "same_dataset": alike,
        "headline": shift_headline(value, apart, near, NOTHING if second.kind == "heldout" else heldout, few),
        **_listed(two, distance, rewards),
    }


def _vectors(
    sides: tuple[Side, Side], ids: tuple[np.ndarray, np.ndarray], both: bool
) -> Job[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Job: vectors of at most 4,000 responses of each side (prompts where one side has no responses), and their prompts.

    The encoder is fitted on both sets alike. Those of a head know the words of its training prompts better than others:
    they tell apart two random halves of one set (demo: permutation p 0.005 on each of 8 splits).
    """
    prompts: list[list[str]] = []
    texts: list[list[str]] = []
    groups = []
    for seed, (side, number) in enumerate(zip(sides, ids, strict=True)):
        rows = _sample(len(side.rows if both else side.prompts), seed)
        prompts.append([side.prompts[at] for at in side.owner[rows]] if both else [""] * len(rows))
        texts.append([(side.texts if both else side.prompts)[at] for at in rows])
        groups.append(number[side.owner[rows]] if both else number[rows])
    state = yield from _fitted([*prompts[0], *prompts[1]], [*texts[0], *texts[1]])
    vectors = []
    for asked, said in zip(prompts, texts, strict=True):
        vectors.append((yield from _encode(state, asked, said, "encoding both sets")))
    return vectors, groups


def _estimate(one: Estimate) -> dict[str, Any] | None:
    return None if one.value is None else {"value": one.value, "ci": one.ci, "n": one.n}


def _fitted(prompts: list[str], texts: list[str]) -> Job[EncoderState]:
    """Job: the default encoder, fitted on texts and the prompt beside each."""
    return (
        yield from ENCODERS["lexical"].fit(
            pl.Series("prompt", prompts, dtype=pl.String), pl.Series("response", texts, dtype=pl.String)
        )
    )


def _shifts(one: Side, two: Side, both: bool, ids: tuple[np.ndarray, np.ndarray]) -> list[dict[str, Any]]:
    (asked, said), (asked_two, said_two) = _features(one, both), _features(two, both)
    found: list[dict[str, Any]] = []
    for shift in feature_shifts(asked, asked_two, *ids):
        hits = np.flatnonzero(shift.in_excess(asked_two[shift.name]))
        found.append(_as_row(shift, "prompts", two.rows[np.isin(two.owner, hits)]))
    if both:
        for shift in feature_shifts(said, said_two, ids[0][one.owner], ids[1][two.owner]):
            found.append(_as_row(shift, "responses", two.rows[shift.in_excess(said_two[shift.name])]))
    return found


def _as_row(shift: FeatureShift, of: str, responses: np.ndarray) -> dict[str, Any]:
    ends = [end if np.isfinite(end) else None for end in shift.excess]
    return shift.as_dict() | {"excess": ends, "clear": shift.clear, "of": of, "responses": responses.tolist()}


def _reward_shift(
    one: Side, two: Side, ids: tuple[np.ndarray, np.ndarray], of_two: np.ndarray | None, of_one: np.ndarray | None
) -> list[dict[str, Any]]:
    if of_one is None or of_two is None:
        return []
    values = of_one[one.rows], of_two[two.rows]
    fine = [np.isfinite(value) for value in values]
    if min(one.sum() for one in fine) < 2:
        return []
    found = feature_shifts(
        {"reward": values[0][fine[0]]},
        {"reward": values[1][fine[1]]},
        ids[0][one.owner][fine[0]],
        ids[1][two.owner][fine[1]],
    )
    return [_as_row(shift, "responses", np.zeros(0, np.int64)) | {"excess": [None, None]} for shift in found]


def _margins(side: Side, rewards: np.ndarray) -> np.ndarray:
    assert side.dataset is not None
    values = np.asarray(rewards, float)
    return np.asarray(values[side.dataset.chosen[side.pairs]] - values[side.dataset.rejected[side.pairs]])


def _learnt(one: Side, checkpoint: Checkpoint | None) -> set[str]:
    """The prompts that the head learnt from, where the first set is of that dataset."""
    data = one.dataset
    if checkpoint is None or data is None or checkpoint.dataset_fingerprint != data.fingerprint:
        return set()
    rows = distinct(data.prompt[~heldout_of(data, checkpoint)])
    return set(data.prompts["text"].gather(rows))


def _familiar(
    two: Side, distance: np.ndarray, rewards: np.ndarray | None, checkpoint: Checkpoint | None, learnt: set[str]
) -> Familiarity:
    """Accuracy by distance, of pairs that the head has not learnt from: on the others it would only remember.

    learnt: prompts that it learnt from; pairs of another file with one of them are not new either.
    """
    if rewards is None or two.dataset is None or not len(two.pairs):
        return Familiarity((), (), (), (), ())
    margin = _margins(two, rewards)
    prompt = two.dataset.prompt[two.pairs].astype(np.int64)
    far = distance[np.searchsorted(two.prompt_rows, prompt)]
    fresh = np.isfinite(margin)
    if checkpoint is not None:
        fresh &= heldout_of(two.dataset, checkpoint)[two.pairs]
        seen = np.array([text in learnt for text in two.prompts], dtype=bool)
        fresh &= ~seen[np.searchsorted(two.prompt_rows, prompt)]
    fine = np.flatnonzero(fresh)
    gap = length_gap(two.dataset)[two.pairs[fine]]
    rule = outcomes(np.sign(length_slope(gap)) * gap)
    found = by_familiarity(far[fine], margin[fine], prompt[fine], rule)
    return replace(found, rows=tuple(two.pairs[fine[part]] for part in found.rows))


def _heldout_accuracy(checkpoint: Checkpoint | None, one: Side, rewards: np.ndarray | None) -> Estimate:
    """Accuracy on the held-out pairs of the data that the head learnt from, where the first set is of them."""
    dataset = one.dataset
    if checkpoint is None or dataset is None or checkpoint.dataset_fingerprint != dataset.fingerprint:
        return NOTHING
    kept = (
        checkpoint.metrics.get("heldout_accuracy"),
        checkpoint.metrics.get("heldout_accuracy_ci"),
        checkpoint.metrics.get("heldout_pairs"),
    )
    if rewards is None:
        if not isinstance(kept[0], float):
            return NOTHING
        low, high = kept[1] if isinstance(kept[1], list) and len(kept[1]) == 2 else (None, None)
        return Estimate(kept[0], low, high, int(kept[2] or 0))
    held = np.flatnonzero(heldout_of(dataset, checkpoint) & ~dataset.tie)
    values = np.asarray(rewards, float)
    margin = values[dataset.chosen[held]] - values[dataset.rejected[held]]
    return Clusters(dataset.prompt[held].astype(np.int64)).share(outcomes(margin)) if len(held) else NOTHING


def _as_rows(near: Familiarity, two: Side) -> list[dict[str, Any]]:
    return [
        {
            "accuracy": accuracy.value,
            "ci": accuracy.ci,
            "n": accuracy.n,
            "calibration_error": error,
            "calibration_error_ci": ends,
            "length_only": rule,
            "distance": list(edge),
            "pairs": rows.tolist(),
        }
        for accuracy, error, edge, rows, rule, ends in zip(
            near.accuracy, near.error, near.edges, near.rows, near.length_only, near.error_ci, strict=True
        )
    ]


def _listed(two: Side, distance: np.ndarray, rewards: np.ndarray | None) -> dict[str, Any]:
    """The furthest responses (of pasted prompts the prompts), and those with high reward that are unfamiliar."""
    unfamiliar = (ranks(distance) - 0.5) / max(len(distance), 1)
    if two.dataset is None:
        rows = np.argsort(-distance, kind="stable")[:LISTED]
        return {
            "furthest": [
                {"prompt": two.prompts[at], "unfamiliar": float(unfamiliar[at]), "distance": float(distance[at])}
                for at in rows
            ],
            "high_unfamiliar": [],
            "high_share": None,
        }
    data = two.dataset
    first_pair, was = np.full(data.responses.height, -1, np.int64), np.zeros(data.responses.height, np.int64)
    for side, sign in ((data.rejected, -1), (data.chosen, 1)):
        np.add.at(was, side[two.pairs], sign)
        first_pair[side[two.pairs][::-1]] = two.pairs[::-1]
    reward = None if rewards is None else np.asarray(rewards, float)[two.rows]
    strange, records = unfamiliar[two.owner], data.pairs["record"].to_numpy()

    def row(at: int) -> dict[str, Any]:
        response = int(two.rows[at])
        pair = int(first_pair[response])
        people = "chosen" if was[response] > 0 else "rejected" if was[response] < 0 else ""
        return {
            "prompt": two.prompts[int(two.owner[at])][:300],
            "response": two.texts[at][:300],
            "row": response,
            "reward": None if reward is None or not np.isfinite(reward[at]) else float(reward[at]),
            "unfamiliar": float(strange[at]),
            "pair": pair,
            "people": people,
        } | ({} if pair < 0 else {"record": int(records[pair])})

    furthest = np.argsort(-strange, kind="stable")[:LISTED]
    if reward is None or not np.isfinite(reward).any():
        return {"furthest": [row(int(at)) for at in furthest], "high_unfamiliar": [], "high_share": None}
    finite = np.isfinite(reward)
    top = finite & (reward >= np.quantile(reward[finite], 0.9)) & (strange >= 0.9)
    places = np.flatnonzero(top)
    places = places[np.argsort(-reward[places], kind="stable")]
    labelled = was[two.rows[places]]
    against, known = int((labelled < 0).sum()), int((labelled != 0).sum())
    share = (
        Clusters(two.owner[places][labelled != 0]).share((labelled[labelled != 0] < 0).astype(float))
        if known
        else NOTHING
    )
    return {
        "furthest": [row(int(at)) for at in furthest],
        "high_unfamiliar": [row(int(at)) for at in places[:LISTED]],
        "high_count": len(places),
        "high_share": _estimate(share),
        "high_rejected": against,
    }


def result_path(first: SetSpec, second: SetSpec, head: str) -> Path:
    """Where the comparison of two sets is kept."""
    return cache_file("shift", ".json", VERSION, first.as_text(), second.as_text(), Path(head).name)


def shift_folders(first: str, second: str, head: str) -> Job[str]:
    """Job: compare two sets (`SetSpec.as_text`) with a checkpoint file, '' for none; returns the path of the result."""
    one, two = SetSpec.of_text(first), SetSpec.of_text(second)
    path = result_path(one, two, head)
    if not cache.holds(path, read_result):
        result = yield from compare_sets(one, two, Checkpoint.load(Path(head)) if head else None)
        results.keep_result(path, _with_rows(result, results.packed))
    return str(path)


def read_result(path: Path | str) -> dict[str, Any]:
    """What `shift_folders` kept, rows as arrays; raises Problem where it is damaged."""
    return results.read_result(path, "auc", "compare the sets again", lambda found: _with_rows(found, results.unpacked))


def _with_rows(result: dict[str, Any], turned: Callable[[Any], Any]) -> dict[str, Any]:
    """The result with the rows that its features and groups are of turned into another form."""
    return {**result, **{name: [{**row, key: turned(row[key])} for row in result[name]] for name, key in ROWS}}


def as_json(result: dict[str, Any]) -> dict[str, Any]:
    """The result without rows of tables, and with the first responses of each list, for `analyze --json`."""
    keys = ("first", "second", "unit", "n", "prompts", "pairs", "auc", "mmd", "heldout_accuracy", "headline")
    plain = {key: result[key] for key in keys}
    plain["features"] = [
        {key: value for key, value in row.items() if key not in ("responses", "excess", "clear", "of")}
        for row in result["features"]
    ]
    plain["familiarity"] = [
        {key: value for key, value in row.items() if key != "pairs"} for row in result["familiarity"]
    ]
    plain["furthest"] = result["furthest"][:SAID]
    plain["high_unfamiliar"] = {"n": result.get("high_count", 0), "rejected": result["high_share"],
                                "responses": result["high_unfamiliar"][:SAID]}
    plain["leaks"] = {key: result["leaks"][key] for key in ("prompts", "exact", "near")}
    return plain


def method(result: dict[str, Any]) -> str:
    """The method line."""
    n = result["n"]
    return wording.method_line(
        f"{n[0]:,} {result['unit']} against {n[1]:,}",
        "AUC by 5-fold cross-validation on vectors fitted on both sets, no prompt in two folds",
        "cluster-robust intervals by prompt",
        "" if result["encoder"] == "head" else "familiarity by an encoder fitted on the first set, for no head is shown",
    )
