"""Speed of training against torch and against its two large matrix products alone, interleaved, two threads each."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from rmexplorer.job import finish
from rmexplorer.reward.settings import TrainSettings
from rmexplorer.reward.train import train

INPUT, HIDDEN, BATCH, PAIRS, ROUNDS, EPOCHS = 256, 256, 256, 40_000, 5, 10
REST_SECONDS = 0.3  # threads of a BLAS or of OpenMP look for more work for some 0.1 s, at the cost of what runs next


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((2 * PAIRS, INPUT), dtype=np.float32)
    order = random.permutation(2 * PAIRS)
    return vectors, order[:PAIRS], order[PAIRS:]


def _ours(vectors: np.ndarray, chosen: np.ndarray, rejected: np.ndarray, dropout: float) -> float:
    """Pairs a second of the whole job, checks and the figures at the ends of epochs included."""
    settings = TrainSettings(hidden_dim=HIDDEN, batch_size=BATCH, epochs=EPOCHS, dropout=dropout, validation=0.0)
    began = time.perf_counter()
    finish(train(vectors, chosen, rejected, np.arange(PAIRS), settings))
    return EPOCHS * PAIRS / (time.perf_counter() - began)


def _torch(vectors: torch.Tensor, chosen: torch.Tensor, rejected: torch.Tensor, dropout: float) -> float:
    """Pairs a second of a usual eager loop with fused Adam on the same pairs, both sides in one forward pass."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(INPUT, HIDDEN), torch.nn.ReLU()]
    if dropout:
        layers.append(torch.nn.Dropout(dropout))
    model = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-4, fused=True)
    began = time.perf_counter()
    for _ in range(EPOCHS):
        order = torch.randperm(PAIRS)
        for start in range(0, PAIRS, BATCH):
            rows = order[start:start + BATCH]
            rewards = model(vectors[torch.cat((chosen[rows], rejected[rows]))]).squeeze(1)
            margin = rewards[:len(rows)] - rewards[len(rows):]
            loss = torch.nn.functional.softplus(-margin).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return EPOCHS * PAIRS / (time.perf_counter() - began)


def _products() -> float:
    """Pairs a second if a step were its two large products: (2B, d) @ (d, h) forward, (d, 2B) @ (2B, h) back."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2 * BATCH, INPUT), dtype=np.float32)
    weight = random.standard_normal((INPUT, HIDDEN), dtype=np.float32)
    hidden, gradient = np.empty((2 * BATCH, HIDDEN), dtype=np.float32), np.empty_like(weight)
    steps = EPOCHS * PAIRS // BATCH
    began = time.perf_counter()
    for _ in range(steps):
        np.matmul(x, weight, out=hidden)
        np.matmul(x.T, hidden, out=gradient)
    return steps * BATCH / (time.perf_counter() - began)


def measure() -> dict[str, float]:
    """Medians of interleaved runs: pairs a second, and the ratios that the project promises, each of the runs of one turn."""
    torch.set_num_threads(2)
    vectors, chosen, rejected = _data()
    tensors = torch.from_numpy(vectors), torch.from_numpy(chosen), torch.from_numpy(rejected)
    runs = {
        "matmul_pairs_per_second": _products,
        "train_pairs_per_second": lambda: _ours(vectors, chosen, rejected, 0.0),
        "torch_pairs_per_second": lambda: _torch(*tensors, 0.0),
        "train_dropout_pairs_per_second": lambda: _ours(vectors, chosen, rejected, 0.5),
        "torch_dropout_pairs_per_second": lambda: _torch(*tensors, 0.5),
    }
    seen: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, run in runs.items():
            time.sleep(REST_SECONDS)
            rate = run()
            if turn:  # the first turn warms caches and threads
                seen[name].append(rate)
    # a ratio is that of neighbours in time: a virtual machine has seconds in which everything takes half as long again
    pairs = {"train_vs_torch": ("train", "torch"), "train_vs_torch_dropout": ("train_dropout", "torch_dropout"),
             "train_vs_matmul": ("train", "matmul")}
    ratios = {name: statistics.median(ours / theirs for ours, theirs in zip(
        *(seen[f"{side}_pairs_per_second"] for side in sides), strict=True)) for name, sides in pairs.items()}
    return {**ratios, **{name: statistics.median(values) for name, values in seen.items()}}


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name} {value:.6g}")
