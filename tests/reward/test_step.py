"""One training step: the gradient by hand, Adam, dropout."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rmexplorer.reward import blas, halves
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.kernels import Work, adam
from rmexplorer.reward.loss import PairLoss, bradley_terry
from rmexplorer.reward.optim import Adam
from rmexplorer.reward.step import Stepper
from rmexplorer.reward.threads import StepThreads

LOSSES = [PairLoss(), PairLoss(margin=0.7), PairLoss(centring=0.3), PairLoss(smoothing=0.2),
          PairLoss(smoothing=0.2, robust=True)]


def pairs(width: int, dtype: type[np.floating]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.standard_normal((50, width)).astype(dtype), random.integers(0, 50, 17), random.integers(0, 50, 17)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("hidden_dim", [0, 6])
def test_that_the_gradient_is_that_of_finite_differences(hidden_dim: int, loss: PairLoss) -> None:
    vectors, chosen, rejected = pairs(4, np.float64)
    random = np.random.default_rng(1)
    target, weight = random.random(17), random.random(17) * 2
    model = RewardModel(4, hidden_dim, dtype=np.float64)
    model.flat[...] = random.standard_normal(model.flat.size)
    stepper = Stepper(model, vectors, 20, loss)
    value = stepper.differentiate(chosen, rejected, target, weight)

    def at(flat: np.ndarray) -> float:
        moved = model.copy()
        moved.flat[...] = flat
        return bradley_terry(moved.rewards(vectors[chosen]), moved.rewards(vectors[rejected]), target, weight, loss)[0]

    assert value == pytest.approx(at(model.flat))
    for place in range(model.flat.size):
        step = np.zeros(model.flat.size)
        step[place] = 1e-6
        slope = (at(model.flat + step) - at(model.flat - step)) / 2e-6
        assert stepper.gradient[place] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("hidden_dim", [0, 16])
def test_that_training_moves_the_weights_as_torch_does(hidden_dim: int, decay: float) -> None:
    torch = pytest.importorskip("torch")
    vectors, _, _ = pairs(8, np.float32)
    model = RewardModel(8, hidden_dim, seed=1)
    model.output_weight[...] = np.random.default_rng(4).standard_normal(len(model.output_weight)) * 0.2
    theirs = {name: torch.tensor(array, requires_grad=True) for name, array in model.arrays().items()}
    optimiser = torch.optim.AdamW(theirs.values(), lr=1e-2, weight_decay=decay)
    stepper = Stepper(model, vectors, 16, weight_decay=decay)
    random = np.random.default_rng(2)

    def reward(rows: np.ndarray) -> object:
        x = torch.tensor(vectors[rows])
        if hidden_dim:
            x = torch.relu(x @ theirs["hidden_weight"] + theirs["hidden_bias"])
        return x @ theirs["output_weight"] + theirs["output_bias"]

    for _ in range(60):
        chosen, rejected = random.integers(0, 50, 16), random.integers(0, 50, 16)
        loss = torch.nn.functional.softplus(reward(rejected) - reward(chosen)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert stepper.steps(chosen, rejected, (0, 16), 1e-2) == pytest.approx([loss.item()], abs=1e-5)
    for name, array in model.arrays().items():
        np.testing.assert_allclose(array, theirs[name].detach().numpy(), atol=2e-4, err_msg=name)


def test_that_adam_moves_each_parameter_by_the_learning_rate_at_first() -> None:
    parameters, gradient = np.zeros(3), np.array([5.0, -1e-3, 0.0])
    adam(parameters, gradient / 4, gradient * 3 / 4, np.zeros(3), np.zeros(3), np.array(Adam().scalars(0.01)))
    np.testing.assert_allclose(parameters, [-0.01, 0.01, 0], atol=1e-6)


def test_that_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    model = RewardModel(3, 2000)
    model.hidden_weight[...] = 1 / 3
    model.output_weight[...] = 1 / 2000
    vectors = np.array([[1, 1, 1], [0, 0, 0]], dtype=np.float32)  # without dropout the margin is 1
    stepper = Stepper(model, vectors, 64, dropout=0.25, seed=np.random.SeedSequence(0))
    loss = stepper.differentiate(np.zeros(64, dtype=int), np.ones(64, dtype=int))
    kept = stepper._halves.work.hidden[:32] != 0  # what goes back through the units: nothing where one was left out
    assert kept.mean() == pytest.approx(0.75, abs=0.01)
    assert loss == pytest.approx(np.log1p(np.exp(-1)), abs=0.003)


@pytest.mark.parametrize("loss", LOSSES[::2], ids=str)
def test_that_the_gradient_with_dropout_uses_the_units_that_were_kept(loss: PairLoss) -> None:
    vectors, chosen, rejected = pairs(4, np.float64)
    model = RewardModel(4, 12, dtype=np.float64)
    model.flat[...] = np.random.default_rng(3).standard_normal(model.flat.size)

    def loss_at(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = model.copy()
        moved.flat[...] = flat
        stepper = Stepper(moved, vectors, 17, loss, dropout=0.5, seed=np.random.SeedSequence(9))
        return stepper.differentiate(chosen, rejected), stepper.gradient

    gradient = loss_at(model.flat)[1]
    for place in (*range(0, model.flat.size, 5), model.flat.size - 1):
        step = np.zeros(model.flat.size)
        step[place] = 1e-6
        slope = (loss_at(model.flat + step)[0] - loss_at(model.flat - step)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope, abs=1e-7)


def run(threads: StepThreads, seconds: dict[bool, float], steps: int) -> list[bool]:
    """Whether two threads shared each step, where a step takes so long with one (False) and with two (True)."""
    used = []
    for _ in range(steps):
        used.append(threads.two)
        threads.took(seconds[threads.two])
    return used


@pytest.fixture
def threads() -> Iterator[StepThreads]:
    made = StepThreads(2)
    yield made
    made.restore()


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_that_the_blas_has_one_thread_until_the_last_training_ends() -> None:
    before = blas_threads()
    first, second = StepThreads(), StepThreads()
    first.restore()
    first.restore()
    assert set(blas_threads()) == {1}
    second.restore()
    assert blas_threads() == before


def test_that_a_quiet_machine_uses_two_threads(threads: StepThreads) -> None:
    assert run(threads, {False: 1e-3, True: 6e-4}, 500)[10:] == [True] * 490
    run(threads, {False: 1e-3, True: 2e-2}, 8)
    assert not threads.two


def test_that_a_hiccup_now_and_then_does_not_cost_a_thread(threads: StepThreads) -> None:
    quiet = {False: 1e-3, True: 6e-4}
    run(threads, quiet, 20)
    for _ in range(20):
        threads.took(0.02)
        assert run(threads, quiet, 80) == [True] * 80


def test_that_a_busy_machine_uses_one_thread_and_looks_again_seldom(threads: StepThreads) -> None:
    assert sum(run(threads, {False: 1e-3, True: 2e-2}, 10_000)) < 20
    assert run(threads, {False: 1e-3, True: 6e-4}, 5_000)[-1]


def test_that_one_processor_never_gets_two_threads() -> None:
    alone = StepThreads(1)
    assert not any(run(alone, {False: 1e-3, True: 1e-4}, 5_000))
    alone.restore()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_that_threads_and_batches_a_call_do_not_change_the_numbers(dropout: float) -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((600, 256)).astype(np.float32)
    edges = np.cumsum([0, *(256, 255, 1, 2, 256) * 4]).tolist()
    chosen, rejected = random.integers(0, 600, (2, edges[-1]))
    ends = []
    for together, shared in ((1, (False,)), (1, (True,)), (1, (True, True, False)), (3, (True,)), (8, (False, True))):
        stepper, losses = Stepper(RewardModel(256, 256), vectors, 256, dropout=dropout), list[float]()
        for number, step in enumerate(range(0, 20, together)):
            some = edges[step:step + together + 1]
            cut = slice(some[0], some[-1])
            stepper.two = shared[number % len(shared)]
            losses += stepper.steps(chosen[cut], rejected[cut], [edge - some[0] for edge in some], 1e-2)
            if number % 7 == 0:
                time.sleep(0.002)  # the second thread falls asleep
        ends.append((stepper.model.flat.copy(), stepper.gradient, losses, stepper.margins(chosen[:256], rejected[:256])))
        stepper.close()
    assert ends[0][0].any() and len(ends[0][2]) == 20
    assert all(np.array_equal(one, other) for end in ends[1:] for one, other in zip(ends[0], end, strict=True))


def test_that_a_step_is_the_same_by_either_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, chosen, rejected = pairs(24, np.float32)
    ends = []
    for address in (blas.sgemm_address(), 0):
        monkeypatch.setattr(halves, "sgemm_address", lambda address=address: address)
        stepper = Stepper(RewardModel(24, 40, seed=3), vectors, 17, dropout=0.5)
        losses = stepper.steps(np.tile(chosen, 8), np.tile(rejected, 8), range(0, 8 * 17 + 1, 17), 1e-2)
        ends.append((losses, stepper.model.flat))
    assert ends[0][0] == pytest.approx(ends[1][0], abs=1e-5) and ends[0][1] == pytest.approx(ends[1][1], abs=1e-4)


def test_that_only_a_product_is_taken_for_one() -> None:
    libraries = [library["filepath"] for library in threadpool_info() if library["internal_api"] == "openblas"]
    found = [getattr(ctypes.CDLL(library), blas.NAME, None) for library in libraries]
    assert any(found) == bool(blas.sgemm_address())
    for product in filter(None, found):
        assert blas._is_product(product)
    nothing = ctypes.CFUNCTYPE(None)(lambda: None)
    assert not blas._is_product(nothing)


def test_that_closing_ends_the_second_thread() -> None:
    stepper = Stepper(RewardModel(3, 5), np.ones((4, 3), dtype=np.float32), 2)
    stepper.two = True
    stepper.steps(np.array([0, 1]), np.array([2, 3]), (0, 1, 2), 1e-3)
    assert "second half" in [thread.name for thread in threading.enumerate()]
    stepper.close()
    assert "second half" not in [thread.name for thread in threading.enumerate()]


def test_that_closing_ends_the_second_thread_where_an_interrupt_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stepper = Stepper(RewardModel(3, 5), np.ones((4, 3), dtype=np.float32), 2)
    stepper.two = True
    stepper.steps(np.array([0]), np.array([2]), (0, 1), 1e-3)
    turn = halves.turn

    def interrupted(work: Work, second: bool, *more: int) -> int:
        if not second:
            raise KeyboardInterrupt
        return turn(work, second, *more)

    monkeypatch.setattr(halves, "turn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stepper.steps(np.array([0, 1]), np.array([2, 3]), (0, 1, 2), 1e-3)
    closing = threading.Thread(target=stepper.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
