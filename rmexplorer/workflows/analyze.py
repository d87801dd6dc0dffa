"""The numbers of `analyze --json`: accuracy, calibration, length, and win rates of models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rmexplorer.analysis.accuracy import Accuracy
from rmexplorer.analysis.calibration import Calibration, Scores, fit_temperature
from rmexplorer.analysis.length_style import LengthGroup, LengthStyle, length_slope
from rmexplorer.statistics import Clusters, Estimate, outcomes
from rmexplorer.wording import between, number, percent, style
from rmexplorer.workflows.columns import Columns, run
from rmexplorer.workflows.models import rank_models, ranking_as_json, win_rates


def analyze(given: Columns, source: str | None, temperature: float | None = None) -> dict[str, Any]:
    """All that can be said of these pairs, with the keys of `analyze --json` (CLI.md).

    `source`: "model" or "columns", where the rewards come from; without rewards what needs them is null.
    `temperature` is that of a head's validation pairs, which its rewards were already divided by: the calibration is of
    these probabilities, and `as_trained` of those before. Where none is known, the one that fits these pairs is
    reported, and applied to nothing.
    """
    warnings = [f"{given.unscored} pairs have no score and are left out"] if given.unscored else []
    if not given.pairs and not given.unscored:
        warnings.append("no pair has a winner, so there is nothing to be right about")
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
    ranked = rank_models(given)
    if ranked is not None:
        said = said + ranked.warnings()
        if ranked.models:
            found["ranking"] = ranking_as_json(ranked)
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
        figures = {
            "chosen_longer": found.chosen_longer,
            "length_only_accuracy": found.length_only,
            "accuracy_chosen_longer": found.accuracy_chosen_longer,
            "accuracy_chosen_shorter": found.accuracy_chosen_shorter,
            "reward_length_correlation": found.correlation,
            "matched_length_accuracy": found.matched,
        }
        return {name: one.value for name, one in figures.items()} | {
            "intervals": {name: {"ci": one.ci, "n": one.n} for name, one in figures.items()},
            "reward_per_doubling": None if found.trend is None else _estimate(found.trend.slope),
            "reward_per_doubling_within_prompts": _estimate(found.within),
            "groups": [_group(one) for one in found.groups],
            "bins": [_group(one) for one in found.bins],
        }
    gap, clusters = given["length_gap"], Clusters(given["prompt"])
    longer, rule = clusters.share((gap > 0).astype(float)), clusters.share(outcomes(np.sign(length_slope(gap)) * gap))
    return {
        "chosen_longer": longer.value,
        "length_only_accuracy": rule.value,
        "intervals": {"chosen_longer": {"ci": longer.ci, "n": longer.n}, "length_only_accuracy": {"ci": rule.ci, "n": rule.n}},
        "accuracy_chosen_longer": None,
        "accuracy_chosen_shorter": None,
        "reward_length_correlation": None,
        "matched_length_accuracy": None,
    }


def _group(one: LengthGroup) -> dict[str, Any]:
    """Accuracy in a group or bin of the length difference; its ends are ratios of characters, null where open."""
    low, high = (math.exp(end) if math.isfinite(end) else None for end in (one.low, one.high))
    return {"name": one.name or None, "ratio": [low, high], **_estimate(one.accuracy), "length_only": one.length_only}


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
        ("Chosen is longer", _length_value(length, "chosen_longer", shares=True)),
        ("Length only", _length_value(length, "length_only_accuracy")),
    ]
    if found["accuracy"]:
        lines += [
            ("  chosen longer", _length_value(length, "accuracy_chosen_longer")),
            ("  chosen shorter", _length_value(length, "accuracy_chosen_shorter")),
            ("  similar length", _length_value(length, "matched_length_accuracy")),
            ("Reward and length", _length_value(length, "reward_length_correlation", True) + ", Spearman within prompts"),
        ]
    for model, rate in found.get("win_rates", {}).items():
        equal = rate["length_controlled"]
        if not rate["decided"]:
            lines.append((f"Win rate of {model}", f"no decided pair against {rate['against']}, {rate['n']:,} ties"))
            continue
        error = "" if rate["se"] is None else f" ± {number(rate['se'])}"
        lines.append(
            (
                f"Win rate of {model}",
                f"{number(rate['win_rate'])}%{error} against {rate['against']}, n = {rate['n']:,}"
                + ("" if equal is None else f", at equal length {number(equal)}% (95% CI {between(*rate['length_controlled_ci'])}%)"),
            )
        )
    lines += _ranking_lines(found["ranking"]) if "ranking" in found else []
    wide = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{wide}}  {text}" for name, text in lines)


def _ranking_lines(ranking: dict[str, Any]) -> list[tuple[str, str]]:
    """A line a model, by its rank at equal style, and a line a style feature."""

    def points(model: dict[str, Any], key: str) -> str:
        low, high = model[f"{key}_ci"] or (None, None)
        return f"{number(model[key], 0, signed=True)} ({between(low, high, 0)})"

    lines = [
        (
            f"Rank of {model['name']}",
            f"{model['rank_controlled']} at equal style {points(model, 'controlled')}, "
            f"{model['rank_raw']} raw {points(model, 'raw')}, Elo points, n = {model['n']:,}",
        )
        for model in ranking["models"]
    ]
    return lines + [
        (f"  worth of {style(name)}", f"{number(part['value'], signed=True)} log-odds an SD (95% CI {between(*part['ci'])})")
        for name, part in ranking["style"].items()
    ]


def _length_value(length: dict[str, Any], name: str, signed: bool = False, shares: bool = False) -> str:
    """A figure of `length` with its interval and the pairs behind it, as far as they are known."""
    known = length.get("intervals", {}).get(name, {"ci": None, "n": None})
    interval = "" if known["ci"] is None else f" (95% CI {between(known['ci'][0], known['ci'][1], shares=shares)})"
    value = percent(length[name]) if shares else number(length[name], signed=signed)
    return value + interval + ("" if known["n"] is None else f", n = {known['n']:,}")


def _value(part: dict[str, Any]) -> str:
    interval = "" if part["ci"] is None else f" (95% CI {between(*part['ci'])})"
    return number(part["value"]) + interval
