"""One compiled function at other sizes than it was traced with: values and gradients."""

import numpy as np
import pytest
from oracles import assert_same, numerical_gradient

import symgrad


def written_row_by_row(x):
    out = np.zeros((len(x), 2))
    out[:, 0] = x
    out[0, 1] = x[-1] ** 2
    return np.sum(out**2)


def added_to_parts(x):
    out = np.zeros(len(x) + 1)
    out[1:] += x
    out[:-1] += x**2
    return np.sum(out**2)


def summed_in_a_loop(x):
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] ** 2 * i
    return total


PROGRAMS = [
    ("x[1:] x[:-1]", lambda x: np.sum(x[1:] * x[:-1])),
    ("x[2:5]", lambda x: np.sum(x[2:5] ** 2)),
    ("x[-3:]", lambda x: np.sum(x[-3:] ** 2)),
    ("x[-4:-1]", lambda x: np.sum(x[-4:-1] ** 2)),
    ("x[1::3]", lambda x: np.sum(x[1::3] ** 2)),
    ("x[::-2]", lambda x: np.sum(x[::-2] ** 3)),
    ("x[3:0:-1]", lambda x: np.sum(x[3:0:-1] ** 2)),
    ("x[n // 2]", lambda x: x[len(x) // 2] ** 2),
    ("x[:n // 2]", lambda x: np.sum(x[: len(x) // 2] ** 2)),
    ("x[:min(3, n)]", lambda x: np.sum(x[: min(3, len(x))] ** 2)),
    ("x[x > 0]", lambda x: np.sum(x[x > 0] ** 2)),
    ("x[arange(n)]", lambda x: np.sum(x[np.arange(len(x))] ** 2)),
    ("roll", lambda x: np.sum(np.roll(x, 2) * x**2)),
    ("roll by more than some sizes", lambda x: np.sum(np.roll(x, 5) * x**2)),
    ("tile", lambda x: np.sum(np.tile(x, 2) * np.arange(2 * len(x)))),
    ("repeat", lambda x: np.sum(np.repeat(x, 3) ** 2)),
    ("cumsum", lambda x: np.sum(np.cumsum(x) ** 2)),
    ("concatenate", lambda x: np.sum(np.concatenate([x, x[:1], [1.0]]) ** 2)),
    ("diag", lambda x: np.sum(np.diag(x, 1) ** 2)),
    ("pad", lambda x: np.sum(np.pad(x, (1, 2)) ** 2)),
    ("diff twice", lambda x: np.sum(np.diff(x, n=2) ** 2)),
    ("reshape(-1, 1)", lambda x: np.sum(x.reshape(-1, 1) @ x.reshape(1, -1))),
    ("split", lambda x: np.sum(np.split(x, [2])[1] ** 2)),
    ("sort", lambda x: np.sum(np.sort(x) * np.arange(len(x)))),
    ("outer", lambda x: np.sum(np.tril(np.outer(x, x)) ** 2)),
    ("eye", lambda x: np.sum((np.eye(len(x)) + np.outer(x, x)) ** 2)),
    ("differences of all pairs", lambda x: np.sum((x[:, None] - x[None, :]) ** 2)),
    ("linspace", lambda x: np.sum(x * np.linspace(0, 1, len(x)))),
    ("prod", lambda x: np.prod(x)),
    ("norm", lambda x: np.linalg.norm(x)),
    ("written row by row", written_row_by_row),
    ("added to parts", added_to_parts),
    ("summed in a loop", summed_in_a_loop),
]


@pytest.mark.parametrize("function", [p[1] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS])
def test_a_compiled_function_serves_every_size(function):
    c = symgrad.compile(function)
    for n in (6, 4, 1, 2, 7, 3, 6):
        x = np.random.RandomState(n).permutation(np.linspace(-1.3, 1.7, n + 1)[1:])
        value, grad = c.value_and_grad(x)
        assert_same(value, function(x), rtol=1e-12, atol=1e-13)
        assert_same(grad, numerical_gradient(function, (x,), 0))
