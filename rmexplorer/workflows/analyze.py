"""The numbers of `analyze --json`: accuracy, calibration, length, and win rates of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rmexplorer.analysis.accuracy import Accuracy
from rmexplorer.analysis.calibration import Calibration, Scores, fit_temperature
from rmexplorer.analysis.length_style import LengthStyle, length_slope
from rmexplorer.analysis.win_rate import win_rate
from rmexplorer.statistics import Estimate, encode, outcomes
from rmexplorer.wording import between, number, percent
from rmexplorer.workflows.columns import Columns, run

MOST_MODELS = 200
IDENTICAL = "identical_responses"
OTHERS = "all others"


def analyze(given: Columns, source: str | None, temperature: float | None = None) -> dict[str, Any]:
    """All that can be said of these pairs, with the keys of `analyze --json` (CLI.md).

    `source`: "model" or "columns", where the rewards come from; without rewards what needs them is null.
    `temperature` is that of a head's validation pairs, which its rewards were already divided by: the calibration is of
    these probabilities, and `as_trained` of those before. Where none is known, the one that fits these pairs is
    reported, and applied to nothing.
    """
    warnings = [f"{given.unscored} pairs have no score and are left out"] if given.unscored else []
    found: dict[str, Any] = {
        "pairs": given.pairs,
        "source": source if given.has_rewards else None,
        "accuracy": None,
        "by": {},
        "calibration": None,
    }
    if given.has_rewards:
        accurate: Accuracy = run("accuracy", given)
        found["accuracy"] = {**_estimate(accurate.accuracy), "ties": accurate.ties}
        if accurate.subsets:
            found["by"] = {"subset": {part.name: _estimate(part.accuracy) for part in accurate.subsets}}
        found["calibration"] = _calibration(given, temperature)
    found["length"] = _length(given)
    rates, said = win_rates(given)
    if rates:
        found["win_rates"] = rates
    found["warnings"] = warnings + said
    return found


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "n": estimate.n, "ci": estimate.ci}


def calibration_of(given: Columns, temperature: float | None, **settings: Any) -> Calibration:
    """The calibration of rewards that were already divided by `temperature`; None: of rewards as they are."""
    if temperature is not None:
        settings = {**settings, "margin": given["margin"] * temperature, "temperature": temperature}
    found: Calibration = run("calibration", given, **settings)
    return found


def _calibration(given: Columns, temperature: float | None) -> dict[str, Any]:
    found = calibration_of(given, temperature)
    scores, bins = found.stated, found.stated.bins
    return {
        **_errors(scores),
        "temperature": fit_temperature(given["margin"]) if temperature is None else temperature,
        "as_trained": None if temperature is None else _errors(found.trained),
        "bins": [
            {
                "p": float(bins.confidence[row]),
                "rate": float(bins.rate[row]),
                "n": int(bins.n[row]),
                "ci": [float(bins.low[row]), float(bins.high[row])],
            }
            for row in range(len(bins))
        ],
    }


def _errors(scores: Scores) -> dict[str, float | None]:
    return {"ece": scores.ece, "ece_null95": scores.ece_null95, "brier": scores.brier.value, "nll": scores.nll.value}


def _length(given: Columns) -> dict[str, Any]:
    if given.has_rewards:
        found: LengthStyle = run("length_style", given)
        return {
            "chosen_longer": found.chosen_longer.value,
            "length_only_accuracy": found.length_only.value,
            "accuracy_chosen_longer": found.accuracy_chosen_longer.value,
            "accuracy_chosen_shorter": found.accuracy_chosen_shorter.value,
            "reward_length_correlation": found.correlation.value,
            "matched_length_accuracy": found.matched.value,
        }
    gap, pairs = given["length_gap"], given.pairs
    return {
        "chosen_longer": float(np.mean(gap > 0)) if pairs else None,
        "length_only_accuracy": float(np.mean(outcomes(np.sign(length_slope(gap)) * gap))) if pairs else None,
        "accuracy_chosen_longer": None,
        "accuracy_chosen_shorter": None,
        "reward_length_correlation": None,
        "matched_length_accuracy": None,
    }


@dataclass(frozen=True, eq=False)
class _Games:
    """Comparisons of two named models, ties included: both codes, the first one's win, its extra characters."""

    names: list[str]
    first: np.ndarray
    second: np.ndarray
    won: np.ndarray
    gap: np.ndarray

    def of(self, model: int) -> tuple[np.ndarray, np.ndarray]:
        """Preference for a model, and its characters minus the other's, in all comparisons that it is in."""
        home, away = self.first == model, self.second == model
        return (
            np.concatenate([self.won[home], 1.0 - self.won[away]]),
            np.concatenate([self.gap[home], -self.gap[away]]),
        )

    def games(self) -> np.ndarray:
        """(models,) comparisons of each model."""
        return np.bincount(np.concatenate([self.first, self.second]), minlength=len(self.names))

    def baseline(self) -> int | None:
        """The model that is in all comparisons; of two such, the one that more often stands first."""
        everywhere = np.flatnonzero(self.games() == len(self.first))
        if not len(everywhere):
            return None
        leading = np.bincount(self.first, minlength=len(self.names))
        return int(max(everywhere, key=lambda model: (leading[model], -model)))


def _games(given: Columns) -> tuple[_Games, str]:
    """The comparisons between named models, and a warning where identical outputs of unknown models are left out."""
    pairs = given.dataset.pairs
    both = (
        (
            pairs["model_first"].is_not_null()
            & pairs["model_second"].is_not_null()
            & (pairs["model_first"] != pairs["model_second"])
        )
        .fill_null(False)
        .to_numpy()
    )
    rows = np.flatnonzero(both if given.mask is None else both & given.mask)
    names, codes = encode(
        pl.concat([pairs["model_first"][rows], pairs["model_second"][rows].alias("model_first")]).to_numpy()
    )
    first, second = codes[: len(rows)], codes[len(rows) :]
    soft = pairs["p_first"][rows].fill_null(float("nan")).to_numpy()
    won = np.where(np.isfinite(soft), soft, (1.0 + given.dataset.winner[rows]) / 2.0)
    chars = given.characters
    gap = (chars[pairs["first"].to_numpy()[rows]] - chars[pairs["second"].to_numpy()[rows]]).astype(float)
    if given.mask is not None or not len(rows):
        return _Games(names, first, second, won, gap), ""
    record = given.dataset.skipped.filter(pl.col("reason") == IDENTICAL)["record"].to_numpy()
    home, away, unknown = _owners(record, pairs["record"].to_numpy()[rows], first, second, len(names))
    whole = _Games(
        names,
        np.concatenate([first, home]),
        np.concatenate([second, away]),
        np.concatenate([won, np.full(len(home), 0.5)]),
        np.concatenate([gap, np.zeros(len(home))]),
    )
    return (
        whole,
        f"{unknown} identical outputs are not in the win rates: whose they are is not known" if unknown else "",
    )


def _owners(
    record: np.ndarray, records: np.ndarray, first: np.ndarray, second: np.ndarray, models: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Whose the identical outputs of skipped records are, and how many stay unknown.

    Of the only two models; or of the two that the comparisons before and after it in the file name alike.
    """
    if models == 2:
        return np.full(len(record), first[0]), np.full(len(record), second[0]), 0
    order = np.argsort(records, kind="stable")
    after = np.searchsorted(records[order], record)
    before, after = order[np.maximum(after - 1, 0)], order[np.minimum(after, len(order) - 1)]
    known = (first[before] == first[after]) & (second[before] == second[after])
    return first[before][known], second[before][known], int((~known).sum())


def win_rates(given: Columns) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Win rate of each model against the one that all are compared with (or all others), and warnings.

    Soft labels count where the file has them, ties and identical outputs as half. Empty where the file names no models.
    """
    if given.dataset.pairs["model_first"].null_count() == len(given.dataset):
        return {}, []
    games, warning = _games(given)
    if not len(games.first):
        return {}, []
    warnings = [warning] if warning else []
    baseline = games.baseline()
    against = OTHERS if baseline is None else games.names[baseline]
    models = [model for model in range(len(games.names)) if model != baseline]
    if len(models) > MOST_MODELS:
        warnings.append(f"win rates are of the {MOST_MODELS} models with most comparisons, of {len(models)}")
        models = models[:MOST_MODELS]
    rates: dict[str, dict[str, Any]] = {}
    refused = []
    for model in models:
        found = win_rate(*games.of(model))
        if found is None:
            continue
        rates[games.names[model]] = {
            "against": against,
            "win_rate": found.win_rate,
            "se": found.se,
            "length_controlled": found.length_controlled,
            "n": found.n,
        }
        if found.why_not:
            refused.append(f"{games.names[model]} ({found.why_not})")
    if refused:
        warnings.append(f"no length-controlled win rate of {', '.join(refused)}: lengths overlap too little to say")
    return rates, warnings


def describe(found: dict[str, Any]) -> str:
    """What `analyze` found as a short table, a line a figure; what is null is a dash."""
    lines = [("Pairs", number(found["pairs"], 0))]
    if found["accuracy"]:
        lines.append(("Accuracy", f"{_value(found['accuracy'])}, equal rewards as half"))
    for name, part in found["by"].get("subset", {}).items():
        lines.append((f"  {name or 'no name'}", f"{_value(part)}, n = {part['n']:,}"))
    if found["calibration"]:
        said = found["calibration"]
        lines += [
            ("Calibration error", f"{number(said['ece'], 3)}, chance gives up to {number(said['ece_null95'], 3)}"),
            ("Log loss, Brier", f"{number(said['nll'], 3)}, {number(said['brier'], 3)}"),
            ("Temperature", number(said["temperature"])),
        ]
    length = found["length"]
    lines += [
        ("Chosen is longer", percent(length["chosen_longer"])),
        ("Length only", number(length["length_only_accuracy"])),
    ]
    if found["accuracy"]:
        lines += [
            ("  chosen longer", number(length["accuracy_chosen_longer"])),
            ("  chosen shorter", number(length["accuracy_chosen_shorter"])),
            ("  similar length", number(length["matched_length_accuracy"])),
            (
                "Reward and length",
                f"{number(length['reward_length_correlation'], signed=True)} (Spearman within prompts)",
            ),
        ]
    for model, rate in found.get("win_rates", {}).items():
        equal = rate["length_controlled"]
        error = "" if rate["se"] is None else f" ± {number(rate['se'])}"
        lines.append(
            (
                f"Win rate of {model}",
                f"{number(rate['win_rate'])}%{error} against {rate['against']}, n = {rate['n']:,}"
                + ("" if equal is None else f", at equal length {number(equal)}%"),
            )
        )
    wide = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{wide}}  {text}" for name, text in lines)


def _value(part: dict[str, Any]) -> str:
    interval = "" if part["ci"] is None else f" (95% CI {between(*part['ci'])})"
    return number(part["value"]) + interval
