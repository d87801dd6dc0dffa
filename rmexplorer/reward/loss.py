"""Pairwise losses: Bradley–Terry as a softplus with its gradient by hand, and the temperature of margins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rmexplorer.problem import Problem
from rmexplorer.statistics import best_temperature, sigmoid

LOSSES: dict[str, str] = {
    "bradley_terry": "−log σ(d): the likelihood of the labels (Bradley and Terry 1952; Ouyang et al. 2022)",
    "margin": "−log σ(d − m): the chosen response must win by m (Touvron et al. 2023)",
    "centred": "−log σ(d) + λ·(r chosen + r rejected)²: keeps rewards around 0 (Eisenstein et al. 2023)",
    "smoothed": "label smoothing: each label is taken to be wrong with probability ε",
    "robust": "unbiased under labels that are wrong with probability ε (rDPO, Chowdhury et al. 2024)",
}


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x), without overflow and without loss of small values."""
    out: np.ndarray = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return out


@dataclass(frozen=True)
class PairLoss:
    """A loss of margins d = r_chosen − r_rejected: t·softplus(m − d) + (1 − t)·softplus(m + d), mean over pairs.

    t is the probability that the chosen response is the better one: 1 for a label, ½ for a tie, the share of votes for
    a soft label. `smoothing` ε replaces t by (1 − 2ε)t + ε; with `robust` by (t − ε)/(1 − 2ε), the unbiased loss for
    labels flipped with probability ε. `centring` adds λ·mean (r_chosen + r_rejected)². `margin` is m.
    """

    margin: float = 0.0
    centring: float = 0.0
    smoothing: float = 0.0
    robust: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.margin) and np.isfinite(self.centring)) or self.margin < 0 or self.centring < 0:
            raise Problem("margin and centring of the loss must be 0 or more", "choose other values")
        if not 0 <= self.smoothing < 0.5:
            raise Problem(f"a share of wrong labels of {self.smoothing:g} is not possible",
                          "choose one from 0 to below 0.5")

    def targets(self, target: np.ndarray | None) -> np.ndarray | None:
        """Targets after smoothing (pairs,); None stands for 1 everywhere, the plain case."""
        if not self.smoothing:
            return target
        plain = np.ones(1) if target is None else target
        if self.robust:
            return (plain - self.smoothing) / (1 - 2 * self.smoothing)
        return plain * (1 - 2 * self.smoothing) + self.smoothing

    def of_margins(self, d: np.ndarray, target: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Loss and its derivative by d for each pair, both (pairs,), without centring.

        d: margins (pairs,); target: (pairs,) in [0, 1] or None for 1.
        """
        t = self.targets(target)
        if t is None:
            z = d - d.dtype.type(self.margin) if self.margin else d
            e = np.exp(-np.abs(z))
            return np.log1p(e) - np.minimum(z, 0), np.where(z >= 0, e, 1) / -(1 + e)
        t = t.astype(d.dtype, copy=False)
        m = d.dtype.type(self.margin)
        return (t * softplus(m - d) + (1 - t) * softplus(m + d),
                (1 - t) * sigmoid(m + d) - t * sigmoid(m - d))


def bradley_terry(chosen: np.ndarray, rejected: np.ndarray, target: np.ndarray | None = None,
                  weight: np.ndarray | None = None,
                  loss: PairLoss | None = None) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean loss of pairs of rewards and its gradients by the chosen and the rejected reward, each (pairs,).

    chosen, rejected: rewards (pairs,); target: see PairLoss; weight: (pairs,) ≥ 0, of mean 1 over
    the training pairs (the mean divides by the number of pairs, so that a pair counts the same in every batch).
    """
    loss = loss or PairLoss()
    each, slope = loss.of_margins(chosen - rejected, target)
    share: np.ndarray | np.floating = slope.dtype.type(1 / max(1, len(slope)))
    if weight is not None:
        share = weight.astype(slope.dtype, copy=False) * share
    total = float(np.sum(each * share))
    slope = slope * share
    if not loss.centring:
        return total, slope, -slope
    level = chosen + rejected
    total += loss.centring * float(np.sum(share * level * level))
    pull = level * (share * slope.dtype.type(2 * loss.centring))
    return total, slope + pull, pull - slope


def fit_temperature(margin: np.ndarray, target: np.ndarray | None = None) -> float:
    """The temperature T of a head by margins d (pairs,), as `statistics.best_temperature`, within 0.05 and 20.

    target: (pairs,) in [0, 1], None for 1.
    """
    return best_temperature(margin, 0.05, 20.0, target)
