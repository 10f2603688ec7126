"""Logistic regression as a loop over m flowers and as array code: the same gradient, twice.

symgrad unrolls the loop, so its gradient grows with m and serves that m only; the gradient of
the array code has the same few lines for every m.
"""

from pathlib import Path
from timeit import timeit

import numpy as np

import symgrad

# %% The data: 5 flowers each of versicolor (0) and virginica (1), one flower a column of X
table = np.loadtxt(Path(__file__).parent / "data" / "iris.csv", delimiter=",", skiprows=1)
some = table[[*range(50, 55), *range(100, 105)]]
X, Y = some[:, :4].T, some[:, 4] - 1


# %% One example at a time
def loop(w, b, X, Y):
    """Mean cross-entropy, summed up in a loop."""
    m = X.shape[1]
    J = 0.0
    for i in range(m):
        z = w @ X[:, i] + b
        a = 1 / (1 + np.exp(-z))
        J = J - (Y[i] * np.log(a) + (1 - Y[i]) * np.log(1 - a))
    return J / m


# %% All examples at once
def array(w, b, X, Y):
    """Mean cross-entropy, in array code."""
    Z = w @ X + b
    A = 1 / (1 + np.exp(-Z))
    return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).mean()


# %% Compile both
w, b = np.array([0.1, -0.2, 0.3, -0.4]), 0.5
by_loop = symgrad.compile(loop, wrt=("w", "b"))
by_array = symgrad.compile(array, wrt=("w", "b"))

# %% The same numbers
J_loop, (dw_loop, db_loop) = by_loop.value_and_grad(w, b, X, Y)
J, (dw, db) = by_array.value_and_grad(w, b, X, Y)
np.testing.assert_allclose([J_loop, *dw_loop, db_loop], [J, *dw, db], rtol=1e-12)
print(by_loop.source)
print(by_array.source)
print(f"J = {J:.6f}, dw = {dw.round(6)}, db = {db:.6f}: equal for both")

# %% But not the same time
for name in ("by_loop", "by_array"):
    seconds = timeit(f"{name}.value_and_grad(w, b, X, Y)", number=1000, globals=globals()) / 1000
    print(f"{name:8}  {seconds * 1e6:6.1f} us")
