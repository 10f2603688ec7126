"""One step of an optimizer against an expert's NumPy, array by array in place, and PyTorch's."""

import importlib.util
import itertools
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import optim
from tests.benchmarks.timing import in_turns, median_ratio

Params = dict[str, Any]
NETS = {
    "4-8-9-3 (iris)": (4, 8, 9, 3),
    "64-128-10 (digits)": (64, 128, 10),
    "784-512-512-10": (784, 512, 512, 10),
    "2048-2048-2048": (2048, 2048, 2048),
}


def net(sizes: tuple[int, ...], seed: int) -> Params:
    rng = np.random.default_rng(seed)
    params: Params = {}
    for k, (m, n) in enumerate(itertools.pairwise(sizes)):
        params[f"W{k}"], params[f"b{k}"] = rng.normal(size=(m, n)), rng.normal(size=n)
    return params


def sgd_by_hand(params: Params, grads: Params, lr: float = 0.01) -> Callable[[], None]:
    scratch = {k: np.empty_like(w) for k, w in params.items()}

    def step() -> None:
        for k, w in params.items():
            np.multiply(grads[k], lr, out=scratch[k])
            w -= scratch[k]

    return step


def adam_by_hand(params: Params, grads: Params, lr: float = 0.01) -> Callable[[], None]:
    m, v = ({k: np.zeros_like(w) for k, w in params.items()} for _ in "mv")
    scratch = {k: np.empty_like(w) for k, w in params.items()}
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        rate, root = lr / (1 - 0.9**count), math.sqrt(1 - 0.999**count)
        for k, w in params.items():
            t, g = scratch[k], grads[k]
            m[k] *= 0.9
            np.multiply(g, 1 - 0.9, out=t)
            m[k] += t
            v[k] *= 0.999
            np.multiply(g, g, out=t)
            t *= 1 - 0.999
            v[k] += t
            np.sqrt(v[k], out=t)
            t /= root
            t += 1e-8
            np.divide(m[k], t, out=t)
            t *= rate
            w -= t

    return step


def by_torch(name: str, params: Params, grads: Params) -> tuple[Callable[[], None], Params]:
    import torch

    torch.set_num_threads(1)
    tensors = {k: torch.tensor(w, requires_grad=True) for k, w in params.items()}
    for k, tensor in tensors.items():
        tensor.grad = torch.tensor(grads[k])
    optimizer = getattr(torch.optim, name)(tensors.values(), lr=0.01)
    return optimizer.step, {k: tensor.detach().numpy() for k, tensor in tensors.items()}


BY_HAND = {"SGD": sgd_by_hand, "Adam": adam_by_hand}


def compare(name: str, sizes: tuple[int, ...], total: float) -> dict[str, Any]:
    """Return the time of a step by symgrad, by hand and by PyTorch, which agree to rounding."""
    grads = net(sizes, 1)
    optimizer = getattr(optim, name)(lr=0.01)
    state, checked = optimizer.init(net(sizes, 0)), optimizer.init(net(sizes, 0))
    mine, theirs = net(sizes, 0), net(sizes, 0)
    hand, control = (BY_HAND[name](params, grads) for params in (mine, theirs))
    calls = [hand, lambda: optimizer.update(grads, state), control]
    others = {"by hand": mine}
    if importlib.util.find_spec("torch") is not None:
        step, others["torch"] = by_torch(name, net(sizes, 0), grads)
        calls.append(step)
    for _ in range(3):
        optimizer.update(grads, checked)
        for call in calls:
            call()
    for params in others.values():
        for k, w in params.items():
            np.testing.assert_allclose(w, checked.params[k], rtol=1e-9, atol=1e-12)
    first, ours, again, *torchs = in_turns(calls, total)
    between = [(a + b) / 2 for a, b in zip(first, again, strict=True)]
    return {
        "name": f"{name}, {next(k for k, v in NETS.items() if v == sizes)}",
        "numbers": state.flat.size,
        "symgrad_us": statistics.median(ours) * 1e6,
        "hand_us": statistics.median(between) * 1e6,
        "by_hand": median_ratio(ours, between),
        "control": median_ratio(again, first),
        "by_torch": median_ratio(ours, torchs[0]) if torchs else None,
    }


def run(total: float = 3.0) -> list[dict[str, Any]]:
    """Print a row for each optimizer and net; return them."""
    print("\na step of symgrad.optim; ratios are symgrad's time by that of another")
    print(f"{'':30}{'numbers':>10}{'symgrad':>13}{'by hand':>9}{'control':>9}{'PyTorch':>9}")
    rows = []
    for name in BY_HAND:
        for sizes in NETS.values():
            row = compare(name, sizes, total)
            rows.append(row)
            torchs = "-" if row["by_torch"] is None else f"{row['by_torch']:.2f}"
            print(
                f"{row['name']:30}{row['numbers']:10,}{row['symgrad_us']:10,.1f} us"
                f"{row['by_hand']:9.2f}{row['control']:9.3f}{torchs:>9}",
                flush=True,
            )
    return rows
