"""How the models of an arena rank, as they are and at equal style.

This one takes all comparisons, ties included, between models; so it is no analysis of decided pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rmexplorer import wording
from rmexplorer.job import Progress, beat
from rmexplorer.statistics import FEW_PROMPTS, Clusters, Estimate, sigmoid, t95

ELO = 400.0 / float(np.log(10.0))
FEWEST = 20
FEWEST_MODELS = 3
RIDGE = 1e-6
NAMED = 5
RUNAWAY = 10.0  # log-odds for one SD of style beyond this have no maximum: style separates wins from losses


@dataclass(frozen=True)
class ModelStrength:
    """One model: `n` comparisons; strengths in Elo points, mean 0 over the models; ranks from 1, shared where unclear.

    A rank is 1 + the number of models whose whole interval lies above this one's. Where style decides alone there is no
    controlled strength, and the controlled rank is the raw one.
    """

    name: str
    n: int
    raw: Estimate
    controlled: Estimate
    rank_raw: int
    rank_controlled: int

    @property
    def change(self) -> int:
        """How many ranks it gains (positive) or loses once style is controlled for."""
        return self.rank_raw - self.rank_controlled


@dataclass(frozen=True)
class Ranking:
    """Models by controlled rank; `style`: log-odds of winning for one SD more of a feature, all features at once.

    `left_out`: (why, models) of those without a strength; `separated`: style alone decides, so nothing is said at equal style.
    """

    models: tuple[ModelStrength, ...]
    style: tuple[tuple[str, Estimate], ...]
    comparisons: int
    prompts: int
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    separated: bool = False

    @property
    def controls(self) -> tuple[str, ...]:
        """The style features that are held equal."""
        return tuple(name for name, _ in self.style)

    def headline(self) -> str:
        """How many models change rank, and which one most."""
        moved = [model for model in self.models if model.change]
        if not self.models:
            return "Too few comparisons between models to rank them."
        if self.separated:
            return "Style alone decides who wins here, so nothing can be said at equal style."
        if not self.style:
            return f"The responses of {wording.counted(len(self.models), 'model')} do not differ in style."
        said = f"Controlling for style moves {len(moved) or 'none'} of {wording.counted(len(self.models), 'model')}."
        if not moved:
            return said
        most = max(moved, key=lambda model: abs(model.change))
        falls = "rises" if most.change > 0 else "falls"
        at = most.controlled
        points = "" if at.value is None else " " + wording.bracket(
            f"{wording.number(at.value, 0, signed=True)} Elo, 95% CI {wording.between(at.low, at.high, 0)}")
        return wording.headline(said, f"{most.name} {falls} from {most.rank_raw} to {most.rank_controlled}{points}.")

    def method(self, split: str = "") -> str:
        """Number of comparisons, the model, its intervals and what a rank is."""
        return wording.method_line(
            wording.counted(self.comparisons, f"{split} comparison" if split else "comparison"),
            "Bradley–Terry, ties as half",
            f"held equal: {', '.join(wording.style(name) for name in self.controls)}" if self.style else "",
            "cluster-robust intervals by prompt",
            "rank: 1 + models whose interval lies above",
        )

    def warnings(self) -> list[str]:
        """Why there is no ranking, and which models are left out of it."""
        none = f"no ranking of models: it needs {FEWEST_MODELS} that are compared with one another, on {FEW_PROMPTS} prompts"
        alone = "no ranking at equal style: style alone decides who wins"
        said = ([] if self.models else [none]) + ([alone] if self.separated else [])
        return said + [f"not in the ranking: {_few(names)} ({why})" for why, names in self.left_out]


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


class _Design:
    """Rows of games: +1 for the first model, −1 for the second (sparse), beside style differences (games, features)."""

    def __init__(self, first: np.ndarray, second: np.ndarray, style: np.ndarray, models: int) -> None:
        from scipy.sparse import csr_matrix

        n = len(first)
        columns, signs = np.column_stack([first, second]).ravel(), np.tile([1.0, -1.0], n)
        self.who = csr_matrix((signs, columns, np.arange(0, 2 * n + 1, 2)), shape=(n, models))
        self.style, self.models, self.size = style, models, models + style.shape[1]

    def dot(self, weights: np.ndarray) -> np.ndarray:
        """(games,) rows times weights (parameters,)."""
        return np.asarray(self.who @ weights[: self.models] + self.style @ weights[self.models :])

    def back(self, values: np.ndarray) -> np.ndarray:
        """(parameters,) rows summed with values (games,)."""
        return np.concatenate([self.who.T @ values, self.style.T @ values])

    @staticmethod
    def square(who: Any, style: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(parameters, parameters) Σ weight · row rowᵀ of sparse and dense columns of the same rows."""
        heavy = style * weight[:, None]
        across = np.asarray(who.T @ heavy)
        among = (who.T @ who.multiply(weight[:, None])).toarray()
        return np.block([[among, across], [across.T, style.T @ heavy]])

    def sums(self, values: np.ndarray, clusters: Clusters) -> tuple[Any, np.ndarray]:
        """Rows times values (games,), summed over each prompt: (prompts, models) sparse and (prompts, features)."""
        from scipy.sparse import csr_matrix

        group = csr_matrix((values, (clusters.codes, np.arange(len(values)))), shape=(clusters.prompts, len(values)))
        return group @ self.who, np.asarray(group @ self.style)


def _fit(design: _Design, won: np.ndarray, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
    """Weights (parameters,), the models' with mean 0, and their cluster-robust covariance, by Newton's method."""
    weights = np.zeros(design.size)
    fixed = RIDGE * np.eye(design.size)
    level = np.zeros_like(fixed)
    level[: design.models, : design.models] = 1.0  # no game says where 0 is: keeps the mean there
    for turn in range(100):
        beat(Progress(turn, 0, "ranking models"))
        p = sigmoid(design.dot(weights))
        hessian = design.square(design.who, design.style, p * (1 - p)) + fixed
        step = np.linalg.solve(hessian + level, design.back(won - p) - fixed @ weights)
        step /= max(1.0, float(np.abs(step).max()) / 2.0)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    p = sigmoid(design.dot(weights))
    bread = np.linalg.inv(design.square(design.who, design.style, p * (1 - p)) + fixed + level)
    who, style = design.sums(won - p, clusters)
    meat = design.square(who, style, np.ones(clusters.prompts)) * (clusters.prompts / (clusters.prompts - 1))
    return weights, bread @ meat @ bread


def style_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(games, features) difference divided by sum, each with root mean square 1; 0 where neither has any.

    Source: Chatbot Arena's style control (Li et al. 2024); its mean is not taken off, so that which response stands
    first changes nothing.
    """
    total = first + second
    difference = np.divide(first - second, total, out=np.zeros(first.shape), where=total > 0)
    scale = np.sqrt((difference**2).mean(axis=0)) if len(first) else np.ones(first.shape[1])
    return np.asarray(difference / np.where(scale > 0, scale, 1.0))


def _together(first: np.ndarray, second: np.ndarray, won: np.ndarray, models: int) -> tuple[np.ndarray, np.ndarray]:
    """(models,) bool: those that comparisons connect to the group with most of them, and those with a finite strength.

    The likelihood has a maximum where no model is only above, or only below, the others (Ford 1957): in the largest
    group whose members all beat one another, over others if need be.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    above, below = won > 0, won < 1
    edges = (np.concatenate([first[above], second[below]]), np.concatenate([second[above], first[below]]))
    graph = coo_matrix((np.ones(len(edges[0])), edges), shape=(models, models)).tocsr()
    games = np.bincount(np.concatenate([first, second]), minlength=models)
    group = connected_components(graph, directed=False)[1]
    connected = group == np.bincount(group, weights=games).argmax()
    strong = connected_components(graph, directed=True, connection="strong")[1]
    size = np.bincount(strong, weights=np.where(connected, games, 0.0))
    size[np.bincount(strong) < 2] = 0.0
    return connected, connected & (size[strong] > 0) & (strong == size.argmax())


def _kept(
    first: np.ndarray, second: np.ndarray, won: np.ndarray, names: list[str]
) -> tuple[np.ndarray, dict[str, list[str]]]:
    """(models,) bool: models that can be ranked with one another, and the names of the others by the reason."""
    kept, reasons = np.ones(len(names), bool), dict[str, list[str]]()

    def leave(out: np.ndarray, why: str) -> None:
        if out.any():
            reasons.setdefault(why, []).extend(names[model] for model in np.flatnonzero(out))
            kept[out] = False

    while True:
        before = int(kept.sum())
        inside = kept[first] & kept[second]
        home, away, score = first[inside], second[inside], won[inside]
        games = np.bincount(np.concatenate([home, away]), minlength=len(names))
        leave(kept & (games < FEWEST), f"fewer than {FEWEST} comparisons with the others")
        if int(kept.sum()) < before:
            continue
        if not before:
            return kept, reasons
        connected, finite = _together(home, away, score, len(names))
        leave(kept & ~connected, "not compared with the others")
        points = np.bincount(home, score, len(names)) + np.bincount(away, 1.0 - score, len(names))
        odd = kept & ~finite
        leave(odd & (points == games), "wins every comparison: no finite strength")
        leave(odd & (points == 0), "loses every comparison: no finite strength")
        leave(kept & ~finite, "only above or only below the others: no finite strength")
        if int(kept.sum()) == before:
            return kept, reasons


def _ranks(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(models,) 1 + the number of models whose interval lies wholly above."""
    return np.asarray(1 + (low[None, :] > high[:, None]).sum(axis=1))


def _estimates(values: np.ndarray, covariance: np.ndarray, n: np.ndarray, clusters: Clusters) -> list[Estimate]:
    how, half = clusters.how, t95(clusters.prompts) * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return [
        Estimate(float(v), float(v - h), float(v + h), int(count), how)
        for v, h, count in zip(values, half, n, strict=True)
    ]


def ranking(
    first: np.ndarray,
    second: np.ndarray,
    won: np.ndarray,
    prompt: np.ndarray,
    style_first: np.ndarray,
    style_second: np.ndarray,
    names: list[str],
    style_names: tuple[str, ...],
) -> Ranking:
    """Bradley–Terry over models, raw and with style held equal. All (games,): codes of both models in `names`, the
    first one's win in [0, 1] (½ for a tie), the prompt; style counts are (games, features), from 0 up.

    Source: Bradley and Terry 1952; style control and ranks as Chatbot Arena's (Li et al. 2024). Intervals are
    cluster-robust by prompt, by Student's t with one df fewer than prompts. Features that hardly ever differ are no
    controls. Without models below three that can be ranked, or five prompts, there are none.
    """
    kept, reasons = _kept(first, second, won, names)
    inside = kept[first] & kept[second]
    clusters = Clusters(prompt[inside], bootstrap=False)
    left_out = tuple((why, tuple(who)) for why, who in reasons.items())
    n, models = int(inside.sum()), np.flatnonzero(kept)
    if len(models) < FEWEST_MODELS or clusters.prompts < FEW_PROMPTS:
        return Ranking((), (), n, clusters.prompts, left_out)
    code = np.cumsum(kept) - 1
    home, away, score = code[first[inside]], code[second[inside]], won[inside]
    difference = style_difference(style_first[inside], style_second[inside])
    varies = np.flatnonzero((difference != 0).sum(axis=0) >= max(10, n // 1000))
    games = np.bincount(np.concatenate([home, away]), minlength=len(models))
    sides, separated = [], False
    for style in (difference[:, :0], difference[:, varies]):
        weights, covariance = _fit(_Design(home, away, style, len(models)), score, clusters)
        separated = bool((np.abs(weights[len(models) :]) > RUNAWAY).any())
        scale = np.concatenate([np.full(len(models), ELO), np.ones(style.shape[1])])
        counts = np.concatenate([games, np.full(style.shape[1], n)])
        sides.append(_estimates(scale * weights, covariance * np.outer(scale, scale), counts, clusters))
    raw, controlled = sides[0], sides[1][: len(models)]
    if separated:
        varies, controlled = varies[:0], [Estimate(None, None, None, one.n) for one in raw]
    ranks = [_ranks(*np.array([(one.low, one.high) for one in side], float).T) for side in (raw, raw if separated else controlled)]
    found = [
        ModelStrength(names[model], int(games[row]), raw[row], controlled[row], int(ranks[0][row]), int(ranks[1][row]))
        for row, model in enumerate(models)
    ]
    found.sort(key=lambda model: (model.rank_controlled, -((model.raw if separated else model.controlled).value or 0.0)))
    style_found = zip((style_names[column] for column in varies), [] if separated else sides[1][len(models) :], strict=True)
    return Ranking(tuple(found), tuple(style_found), n, clusters.prompts, left_out, separated)
