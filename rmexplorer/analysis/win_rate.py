"""How often one model's responses win against another's, raw and at equal length.

This one takes all comparisons, ties included, from the side of one model; so it is no analysis of decided pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer.statistics import sigmoid, t95, wilson

ONE_SIDED = 0.75
FEWEST = 20
RUNAWAY = 10.0  # a slope of tanh beyond this has no maximum: lengths separate wins from losses


@dataclass(frozen=True)
class WinRate:
    """Win rate in percent with its standard error and 95 % interval; length_controlled and its interval are None where
    unknown. wins: comparisons that are no tie; without any there is neither error nor interval, for ties alone say nothing
    of who is better. decided: whether length decides the comparisons alone.
    """

    win_rate: float
    se: float | None
    ci: tuple[float, float] | None
    length_controlled: float | None
    length_controlled_ci: tuple[float, float] | None
    n: int
    longer: float
    shorter: float
    wins: int = 0
    decided: bool = False

    @property
    def why_not(self) -> str:
        """Why there is no length-controlled win rate; empty where there is one."""
        if self.length_controlled is not None:
            return ""
        if self.n < FEWEST:
            return f"fewer than {FEWEST} comparisons"
        if not self.wins:
            return f"no decided pair: all {self.n:,} comparisons are ties"
        if self.decided:
            return "length decides its comparisons alone"
        if max(self.longer, self.shorter) <= ONE_SIDED:
            return "all comparisons go one way"
        side, share = ("longer", self.longer) if self.longer > self.shorter else ("shorter", self.shorter)
        return f"the {side} response in {share:.0%} of its comparisons: lengths overlap too little"


def _interval(share: float, se: float | None, n: int) -> tuple[float, float]:
    """Wilson's interval of a share in percent, on the number of coin flips that would have this standard error.

    Soft preferences vary less than coins; without a standard error (one comparison, all alike) it is n.
    """
    flips = share * (1 - share) / se**2 if se else n
    low, high = wilson(share * flips, flips)
    return 100.0 * float(low), 100.0 * float(high)


def _at_equal_length(preference: np.ndarray, gap: np.ndarray) -> tuple[float, tuple[float, float]] | None:
    """σ(intercept) of the logistic regression of a soft preference on an intercept and tanh(Δ characters / SD).

    With its 95 % interval: the sandwich variance of the intercept (soft labels vary less than coins), its ends put
    through σ. None where the slope runs away: length alone decides, and nothing tells what it does not.
    """
    spread = float(gap.std())
    design = np.column_stack([np.ones(len(gap)), np.tanh(gap / spread) if spread > 0 else np.zeros(len(gap))])
    weights = np.zeros(2)
    ridge = 1e-6 * np.eye(2)  # keeps a separated or constant column finite, and moves nothing else
    for _ in range(100):
        p = sigmoid(design @ weights)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + ridge
        step = np.linalg.solve(hessian, design.T @ (preference - p) - ridge @ weights)
        step = step / max(1.0, float(np.abs(step).max()) / 2.0)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    if np.abs(weights[1]) > RUNAWAY:
        return None
    p = sigmoid(design @ weights)
    hessian = design.T @ (design * (p * (1 - p))[:, None]) + ridge
    influence = (design * (preference - p)[:, None]) @ np.linalg.inv(hessian)[:, 0]
    error = float(np.sqrt((influence**2).sum() * len(gap) / (len(gap) - 1)))
    low, value, high = sigmoid(weights[0] + t95(len(gap)) * error * np.array([-1.0, 0.0, 1.0])).tolist()
    return value, (low, high)


def win_rate(preference: np.ndarray, length_difference: np.ndarray) -> WinRate | None:
    """Win rate from soft preferences (pairs,) for a model, and its characters minus the other's; None for no pairs.

    Source: AlpacaEval 2 (Dubois et al. 2024); its instruction difficulty term, which needs other models, is left out.
    """
    n = len(preference)
    if n == 0:
        return None
    longer, shorter = float(np.mean(length_difference > 0)), float(np.mean(length_difference < 0))
    one_way = bool(np.all(preference == preference[0])) and preference[0] in (0.0, 1.0)
    controlled, interval, decided = None, None, False
    wins = int(np.count_nonzero(preference != 0.5))
    if wins and n >= FEWEST and max(longer, shorter) <= ONE_SIDED and not one_way:
        found = _at_equal_length(preference, np.asarray(length_difference, float))
        decided = found is None
        if found is not None:
            value, (low, high) = found
            controlled, interval = 100.0 * value, (100.0 * low, 100.0 * high)
    share, se = float(preference.mean()), float(preference.std(ddof=1)) / n**0.5 if n > 1 else None
    return WinRate(
        100.0 * share,
        None if se is None or not wins else 100.0 * se,
        _interval(share, se, n) if wins else None,
        controlled,
        interval,
        n,
        longer,
        shorter,
        wins,
        decided,
    )
