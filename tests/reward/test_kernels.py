"""The compiled passes against the same in numpy; that nothing hangs on a folder that can be written to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer.reward import kernels
from rmexplorer.reward.loss import PairLoss, bradley_terry


@pytest.mark.parametrize("kept", [256, 100])
def test_that_forward_and_backward_agree_with_numpy(kept: int) -> None:
    random = np.random.default_rng(2)
    before, bias, weight = (random.standard_normal(shape).astype(np.float32) for shape in ((31, 17), (17,), (17,)))
    drawn = random.integers(0, 256, before.shape, dtype=np.uint8) if kept < 256 else None
    hidden, rewards = before.copy(), np.empty(31, dtype=np.float32)
    kernels.forward(hidden, bias, drawn, kept, weight, rewards)
    active = np.maximum(before + bias, 0) * (True if drawn is None else drawn < kept)
    assert hidden == pytest.approx(active, abs=1e-6)
    assert rewards == pytest.approx(active @ weight, abs=1e-5)

    slopes = random.standard_normal(31).astype(np.float32)
    by_weight, by_bias = np.zeros(17, dtype=np.float32), np.zeros(17, dtype=np.float32)
    kernels.backward(hidden, slopes, weight, by_weight, by_bias)
    below = np.outer(slopes, weight) * (active > 0)
    assert hidden == pytest.approx(below, abs=1e-6)
    assert by_weight == pytest.approx(slopes @ active, abs=1e-5)
    assert by_bias == pytest.approx(below.sum(axis=0), abs=1e-5)


@pytest.mark.parametrize("pairs", [1, 6, 7])
def test_that_rows_are_gathered_as_numpy_does(pairs: int) -> None:
    random = np.random.default_rng(pairs)
    vectors = random.standard_normal((9, 5)).astype(np.float32)
    chosen, rejected = random.integers(0, 9, (2, pairs))
    out = np.full((2 * pairs, 5), np.nan, dtype=np.float32)
    kernels.gather(vectors, chosen, rejected, out)
    assert np.array_equal(out, vectors[np.concatenate([chosen, rejected])])


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("least", [0.0, 0.7])
def test_that_margins_agree_with_the_loss_in_numpy(least: float, soft: bool, weighed: bool) -> None:
    random = np.random.default_rng(5)
    rewards = np.concatenate([random.standard_normal(40) * 3, [200.0, -200.0, 0.0, 1.0]])
    target, weight = random.random(22) if soft else None, random.random(22) if weighed else None
    slopes = np.full((2, 23), np.nan)  # a batch of 22 pairs in buffers for 23
    buffer = np.pad(rewards.reshape(2, 22), ((0, 0), (0, 1)))
    loss = kernels.margins_back(buffer, slopes, 22, np.float64(1.25), np.float64(least), target, weight)
    said, by_chosen, by_rejected = bradley_terry(1.25 * rewards[:22], 1.25 * rewards[22:], target, weight,
                                                 PairLoss(margin=least))
    assert loss == pytest.approx(said, rel=1e-12)
    assert slopes[:, :22] == pytest.approx(1.25 * np.stack([by_chosen, by_rejected]), rel=1e-12, abs=1e-15)
    assert np.isnan(slopes[:, 22]).all()


def test_that_random_bits_are_those_of_the_paper() -> None:
    state, out = np.array([1, 2, 3, 4], dtype=np.uint64), np.empty(4, dtype=np.uint64)
    kernels.draw(state[:], out)
    # the first numbers of the authors' xoshiro256plusplus.c from this state
    assert out.tolist() == [41943041, 58720359, 3588806011781223, 3591011842654386]


def test_that_a_value_that_is_not_finite_reaches_the_reward() -> None:
    hidden = np.array([[np.nan, 1], [np.inf, 1], [-np.inf, 1]], dtype=np.float32)
    rewards = np.zeros(3, dtype=np.float32)
    kernels.forward(hidden, np.zeros(2, dtype=np.float32), None, 256, np.ones(2, dtype=np.float32), rewards)
    assert np.isnan(rewards[0]) and rewards[1] == np.inf and rewards[2] == 1


def test_that_a_pass_is_compiled_where_no_folder_can_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def njit(*, cache: bool, **options: Any) -> Callable[..., Any]:
        seen.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernels.numba, "njit", njit)
    called: list[int] = []
    kernels.Compiled(called.append)(1)
    assert called == [1] and seen == [True, False]


LOSS = """
import numpy as np
from rmexplorer.reward.kernels import margins_back
one = np.ones((2, 4))
print(margins_back(one, one, 4, 1., 0., None, None))
"""


def test_that_a_pass_is_compiled_again_where_what_was_kept_is_damaged(tmp_path: Path) -> None:
    def stepped() -> str:
        kept = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        return subprocess.run([sys.executable, "-c", LOSS], env=kept, check=True, capture_output=True, text=True).stdout

    first = stepped()
    for ending in ("nbc", "nbi"):
        files = list(tmp_path.rglob(f"*.{ending}"))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[:40])
        assert stepped() == first


def test_that_after_warming_nothing_is_compiled_in_training() -> None:
    code = """
import numpy as np
from rmexplorer.reward import kernels
from rmexplorer.reward.step import Stepper, warm
warm()
def known(): return [len(one._made.signatures) for one in vars(kernels).values() if isinstance(one, kernels.Compiled)]
before = known()
from rmexplorer.reward.head import RewardModel
vectors, ones = np.ones((4, 3), dtype=np.float32), np.ones(2, dtype=np.float32)
for dropout, target, weight in (0.0, None, None), (0.5, None, ones), (0.5, ones, None), (0.5, ones, ones):
    Stepper(RewardModel(3, 5), vectors, 2, dropout=dropout).steps(np.array([0, 1]), np.array([2, 3]), (0, 2), 1e-3, target, weight)
    vectors.flags.writeable = False
print(before, known())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == "[3, 1] [3, 1]"
