"""The numbers of one step of Adam with decoupled weight decay; `kernels.adam` takes it."""

from __future__ import annotations


class Adam:
    """Adam (Kingma and Ba 2015) with decoupled weight decay (AdamW, Loshchilov and Hutter 2019).

    The moments are kept without their factors (1 − β), which the scalars of the step absorb: two passes over the
    parameters less, the same numbers up to rounding.
    """

    def __init__(self, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999),
                 epsilon: float = 1e-8) -> None:
        self.weight_decay = weight_decay
        self.betas = betas
        self.epsilon = epsilon
        self.steps = 0

    def scalars(self, learning_rate: float) -> tuple[float, float, float, float, float]:
        """β1, β2, ε, rate and shrink of the next step."""
        self.steps += 1
        beta1, beta2 = self.betas
        # m̂ / (√v̂ + ε) with m̂ = c1·first and v̂ = c2·second equals (c1/√c2)·first / (√second + ε/√c2)
        c1 = (1 - beta1) / (1 - beta1 ** self.steps)
        c2 = (1 - beta2) / (1 - beta2 ** self.steps)
        return (beta1, beta2, self.epsilon / c2 ** 0.5, learning_rate * c1 / c2 ** 0.5,
                1 - learning_rate * self.weight_decay)
