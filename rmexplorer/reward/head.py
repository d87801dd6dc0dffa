"""The reward head: a multilayer perceptron in numpy that turns the vector of a response into its reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rmexplorer.problem import Problem

BLOCK_ROWS = 4096


class RewardModel:
    """A map from vectors to rewards: input_dim → hidden_dim, ReLU → 1; with hidden_dim 0 it is linear.

    All parameters are views of the one array `flat`, so that an optimiser updates them with a few operations. Hidden
    weights start as N(0, 1/input_dim) drawn by `seed`, the last layer at zero: every reward is 0 at first and the
    Bradley–Terry loss ln 2. Only differences of rewards within a prompt mean something.
    """

    def __init__(self, input_dim: int, hidden_dim: int = 256, seed: int = 0,
                 dtype: type[np.floating] = np.float32) -> None:
        if input_dim < 1 or hidden_dim < 0:
            raise Problem(f"a head of {input_dim} inputs and {hidden_dim} hidden units is not possible",
                          "choose at least 1 input and a hidden dimension of 0 (linear) or more")
        self.input_dim = int(input_dim)
        self.hidden_dim = int(hidden_dim)
        self.flat: np.ndarray = np.zeros(sum(int(np.prod(shape)) for shape in self.shapes().values()), dtype=dtype)
        self._parts = self.views(self.flat)
        if hidden_dim:
            draws = np.random.default_rng(seed).standard_normal((input_dim, hidden_dim), dtype=np.float32)
            self._parts["hidden_weight"][...] = draws / np.float32(np.sqrt(input_dim))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, in their order in `flat`."""
        if not self.hidden_dim:
            return {"output_weight": (self.input_dim,), "output_bias": (1,)}
        return {"hidden_weight": (self.input_dim, self.hidden_dim), "hidden_bias": (self.hidden_dim,),
                "output_weight": (self.hidden_dim,), "output_bias": (1,)}

    def views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The parts of `shapes` of a vector as long as `flat` (parameters, gradients), without a copy."""
        parts, start = {}, 0
        for name, shape in self.shapes().items():
            size = int(np.prod(shape))
            parts[name] = flat[start:start + size].reshape(shape)
            start += size
        return parts

    @property
    def hidden_weight(self) -> np.ndarray:
        """(input_dim, hidden_dim) weights into the hidden layer."""
        return self._parts["hidden_weight"]

    @property
    def hidden_bias(self) -> np.ndarray:
        """(hidden_dim,) biases of the hidden layer."""
        return self._parts["hidden_bias"]

    @property
    def output_weight(self) -> np.ndarray:
        """(hidden_dim,) weights of the last layer; (input_dim,) where the head is linear."""
        return self._parts["output_weight"]

    @property
    def output_bias(self) -> np.ndarray:
        """(1,) constant added to every reward."""
        return self._parts["output_bias"]

    @property
    def parameters(self) -> int:
        """How many numbers are learnt."""
        return self.flat.size

    def rewards(self, vectors: np.ndarray) -> np.ndarray:
        """Rewards (n,) of vectors (n, input_dim), an array or memory map, computed in blocks of 4,096 rows."""
        self._check(vectors)
        out = np.empty(len(vectors), dtype=self.flat.dtype)
        hidden = np.empty((min(BLOCK_ROWS, len(vectors)), self.hidden_dim), dtype=self.flat.dtype)
        for start in range(0, len(vectors), BLOCK_ROWS):
            block = np.asarray(vectors[start:start + BLOCK_ROWS], dtype=self.flat.dtype)
            self.rewards_into(block, hidden[:len(block)], out[start:start + len(block)])
        return out

    def rewards_into(self, block: np.ndarray, hidden: np.ndarray, out: np.ndarray) -> None:
        """Write rewards of `block` (n, input_dim) into `out` (n,), with `hidden` (n, hidden_dim) as working space."""
        if self.hidden_dim:
            np.matmul(block, self.hidden_weight, out=hidden)
            hidden += self.hidden_bias
            np.clip(hidden, 0, np.inf, out=hidden)  # ReLU: np.maximum with a number takes three times as long
            np.matmul(hidden, self.output_weight, out=out)
        else:
            np.matmul(block, self.output_weight, out=out)
        out += self.output_bias[0]

    def gradient(self, vector: np.ndarray) -> tuple[np.ndarray, float]:
        """The derivative (input_dim,) float64 of the reward by each input at one vector (input_dim,), and a constant.

        The head is linear between the kinks of its units: there the reward is gradient · vector + constant.
        """
        self._check(vector[None])
        output, bias = self.output_weight.astype(np.float64), float(self.output_bias[0])
        if not self.hidden_dim:
            return output, bias
        output *= vector @ self.hidden_weight + self.hidden_bias > 0
        return self.hidden_weight @ output, float(self.hidden_bias @ output) + bias

    def copy(self) -> RewardModel:
        """A head of its own with the same parameters."""
        return self.from_arrays(self.arrays())

    @classmethod
    def mean(cls, heads: Sequence[RewardModel]) -> RewardModel:
        """The head whose rewards are the mean of those of `heads`: their hidden units side by side.

        heads: at least one, all with the same input_dim and all with a hidden layer; a single one is returned as it is.
        """
        if len(heads) == 1:
            return heads[0]
        share = heads[0].flat.dtype.type(1 / len(heads))
        return cls.from_arrays({
            "hidden_weight": np.concatenate([head.hidden_weight for head in heads], axis=1),
            "hidden_bias": np.concatenate([head._parts["hidden_bias"] for head in heads]),
            "output_weight": np.concatenate([head.output_weight for head in heads]) * share,
            "output_bias": np.sum([head.output_bias for head in heads], axis=0, dtype=share.dtype) * share})

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of the parameters by name, for a checkpoint."""
        return {name: part.copy() for name, part in self._parts.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> RewardModel:
        """The head with these parameters, as `arrays` gave them; raises Problem where names or shapes do not fit."""
        try:
            output = arrays["output_weight"]
            hidden = arrays.get("hidden_weight")
            input_dim, hidden_dim = (len(output), 0) if hidden is None else hidden.shape
            model = cls(input_dim, hidden_dim, dtype=output.dtype.type)
        except (KeyError, ValueError, TypeError) as error:
            raise Problem("the parameters of the reward head are not whole", "train it again") from error
        if set(arrays) != set(model._parts):
            raise Problem("the parameters of the reward head are not whole", "train it again")
        for name, part in model._parts.items():
            if arrays[name].shape != part.shape or arrays[name].dtype.kind != "f":
                raise Problem(f"the reward head's {name} has a wrong shape or kind", "train it again")
            part[...] = arrays[name]
        return model

    def _check(self, vectors: np.ndarray) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.input_dim:
            raise Problem(f"vectors of shape {vectors.shape} do not fit a head of {self.input_dim} inputs",
                          "encode the texts with the encoder that the head was trained on")
