"""The models that wrote the responses of a file: their comparisons, their win rates and their ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from rmexplorer import wording
from rmexplorer.analysis.ranking import FEWEST_MODELS, Ranking, ranking
from rmexplorer.analysis.win_rate import FEWEST, win_rate
from rmexplorer.data.dataset import Dataset
from rmexplorer.data.features import LAYOUT
from rmexplorer.statistics import Estimate, encode
from rmexplorer.workflows.columns import Columns

MOST_MODELS = 200
IDENTICAL = "identical_responses"
OTHERS = "all others"
CONTROLS = ("length", *LAYOUT)


@dataclass(frozen=True, eq=False)
class Games:
    """Comparisons of two named models, ties included: both codes, the first one's win, its extra characters.

    `pair`: the row of Dataset.pairs, −1 for identical outputs, which are no pair.
    """

    names: list[str]
    first: np.ndarray
    second: np.ndarray
    won: np.ndarray
    gap: np.ndarray
    pair: np.ndarray

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


def names_models(dataset: Dataset) -> bool:
    """Whether a dataset says which models wrote its responses."""
    return bool(dataset.pairs["model_first"].null_count() < len(dataset))


def games_of(given: Columns) -> tuple[Games, str]:
    """The comparisons between named models, and a warning where identical outputs are left out: those of unknown models,
    and all of them where only a part of the pairs is asked for, for they are no pairs that a filter could find.
    """
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
    record = given.dataset.skipped.filter(pl.col("reason") == IDENTICAL)["record"].to_numpy()
    part = given.mask is not None and not given.mask.all()
    if part or not len(rows):
        return Games(names, first, second, won, gap, rows), _filtered(len(record)) if part else ""
    home, away, unknown = _owners(record, pairs["record"].to_numpy()[rows], first, second, len(names))
    whole = Games(
        names,
        np.concatenate([first, home]),
        np.concatenate([second, away]),
        np.concatenate([won, np.full(len(home), 0.5)]),
        np.concatenate([gap, np.zeros(len(home))]),
        np.concatenate([rows, np.full(len(home), -1)]),
    )
    return (
        whole,
        f"{unknown} identical outputs are not in the win rates: whose they are is not known" if unknown else "",
    )


def _filtered(identical: int) -> str:
    verb = "is" if identical == 1 else "are"
    said = f"{identical:,} identical output{'' if identical == 1 else 's'} {verb} not counted here"
    return f"{said}: no pair, so no filter finds them" if identical else ""


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
    if not names_models(given.dataset):
        return {}, []
    games, warning = games_of(given)
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
    refused: dict[str, list[str]] = {}
    for model in models:
        found = win_rate(*games.of(model))
        if found is None:
            continue
        rates[games.names[model]] = {
            "against": against,
            "win_rate": found.win_rate,
            "se": found.se,
            "ci": None if found.ci is None else list(found.ci),
            "length_controlled": found.length_controlled,
            "length_controlled_ci": None if found.length_controlled_ci is None else list(found.length_controlled_ci),
            "n": found.n,
            "decided": found.wins,
        }
        if found.why_not:
            refused.setdefault(found.why_not, []).append(games.names[model])
    warnings += [f"{', '.join(who)}: {why}" if why.startswith("no decided") else
                 f"no length-controlled win rate of {', '.join(who)} ({why})" for why, who in refused.items()]
    return rates, warnings


def rank_models(given: Columns) -> Ranking | None:
    """Strengths of the models of these pairs, ties included, raw and at equal style; None where the file names fewer than three.

    Controls: characters, list items, headings and bold spans. An identical output is a tie of equal style on a prompt
    of its own.
    """
    if not names_models(given.dataset):
        return None
    games, _ = games_of(given)
    if len(games.names) < FEWEST_MODELS:
        return None
    paired = games.pair >= 0
    pairs, rows = given.dataset.pairs, games.pair[paired]
    prompt = len(given.dataset.prompts) + np.arange(len(games.pair))
    prompt[paired] = given.dataset.prompt[rows]
    table = np.column_stack([given.characters, given.layout]).astype(np.float64)
    style = np.zeros((2, len(games.pair), len(CONTROLS)))
    for side, name in enumerate(("first", "second")):
        style[side, paired] = table[pairs[name].to_numpy()[rows]]
    return ranking(games.first, games.second, games.won, prompt, style[0], style[1], games.names, CONTROLS)


def ranking_as_json(found: Ranking) -> dict[str, Any]:
    """The key `ranking` of `analyze --json`."""

    def said(estimate: Estimate) -> dict[str, Any]:
        return {"value": estimate.value, "ci": estimate.ci}

    return {
        "models": [
            {
                "name": model.name,
                "n": model.n,
                "raw": model.raw.value,
                "raw_ci": model.raw.ci,
                "controlled": model.controlled.value,
                "controlled_ci": model.controlled.ci,
                "rank_raw": model.rank_raw,
                "rank_controlled": model.rank_controlled,
            }
            for model in found.models
        ],
        "style": {name: said(estimate) for name, estimate in found.style},
        "controls": list(found.controls),
    }


@dataclass(frozen=True, eq=False)
class Standing:
    """All that the Models pane shows: the comparisons, the ranking (None with two models), and the win rates.

    left: what is said of identical outputs that are not counted.
    """

    games: Games
    ranking: Ranking | None
    rates: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]
    left: str = ""

    def headline(self) -> str:
        """What style moves in the ranking, or the one win rate, raw and at equal length."""
        if self.ranking is not None and self.ranking.models:
            return self.ranking.headline()
        if not self.rates:
            return "No comparison here is between two named models."
        name, rate = max(self.rates.items(), key=lambda one: one[1]["n"])
        if not rate["decided"]:
            return f"No decided pair here: all {rate['n']:,} comparisons of {name} and {rate['against']} are ties."
        if rate["n"] < FEWEST:
            return f"Too few comparisons to say {wording.bracket(str(rate['n']))}: {name} against {rate['against']}."
        raw = " " + wording.bracket("95% CI " + wording.between(rate["ci"][0], rate["ci"][1], 1))
        equal, ends = rate["length_controlled"], rate["length_controlled_ci"]
        more = "" if equal is None or ends is None else (
            f"At equal length {wording.number(equal, 1)}% {wording.bracket(wording.between(ends[0], ends[1], 1))}.")
        return wording.headline(f"{name} wins {wording.number(rate['win_rate'], 1)}%{raw} against {rate['against']}.", more)

    def method(self, split: str = "") -> str:
        """Of the ranking, or of the win rates."""
        if self.ranking is not None and self.ranking.models:
            return wording.method_line(self.ranking.method(split), self.left)
        return wording.method_line(
            wording.counted(len(self.games.first), "comparison"), self.left, "ties and identical outputs as half",
            "equal length: logistic regression on tanh(Δ characters / SD), read off at Δ = 0",
            "Wilson intervals, at equal length robust ones")

    def pairs_of(self, name: str) -> np.ndarray:
        """Rows of Dataset.pairs that a model is in."""
        code = self.games.names.index(name)
        there = ((self.games.first == code) | (self.games.second == code)) & (self.games.pair >= 0)
        return np.asarray(self.games.pair[there])


def standing(given: Columns) -> Standing:
    """How the models of these pairs stand."""
    ranked = rank_models(given)
    rates, warnings = win_rates(given)
    more = [] if ranked is None else ranked.warnings()
    games, left = games_of(given)
    return Standing(games, ranked, rates, tuple(warnings + more), left)
