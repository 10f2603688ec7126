"""Heart disease: logistic regression on one column, then on all of them.

One emitted module serves both models: the number of columns is a symbol in it.
"""

import csv
from pathlib import Path

import numpy as np

import symgrad

# %% The data: 303 patients; the 6 with an unknown value are left out
with open(Path(__file__).parent / "data" / "heart.csv") as file:
    patients = [row for row in csv.DictReader(file) if "NA" not in row.values()]
AHD = np.array([row.pop("AHD") == "Yes" for row in patients], dtype=float)


# %% The loss, as the lecture writes it
def loss(b0, b1, X, y):
    """Mean binary cross-entropy of p = 1 / (1 + exp(-(b0 + X b1)))."""
    p = 1 / (1 + np.exp(-(b0 + X @ b1)))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


gradient = symgrad.compile(loss, wrt=("b0", "b1"))


# %% Gradient descent on standardised columns, then back to the units of the data
def fit(X, y, rate=1.0, steps=2000):
    middle, spread = X.mean(axis=0), X.std(axis=0)
    b0, b1 = 0.0, np.zeros(X.shape[1])
    for _ in range(steps):
        value, (db0, db1) = gradient.value_and_grad(b0, b1, (X - middle) / spread, y)
        b0, b1 = b0 - rate * db0, b1 - rate * db1
    b1 = b1 / spread
    b0 = b0 - middle @ b1
    right = np.mean((b0 + X @ b1 > 0) == y)
    print(f"  loss {value:.4f}, {right:.1%} of {len(y)} patients right")
    return b0, b1


# %% One column: the highest heart rate reached
print("AHD on MaxHR")
MaxHR = np.array([[float(row["MaxHR"])] for row in patients])
b0, (b1,) = fit(MaxHR, AHD)
print(f"  b0 = {b0:.4f}, b1 = {b1:.5f}")
print(f"  the S-curve is centred at {-b0 / b1:.1f} beats a minute, where its slope is {b1 / 4:.5f}")

# %% All columns: a word becomes one column of 0 and 1 for each of its values but the first
columns = {}
for name in patients[0]:
    values = [row[name] for row in patients]
    if name in ("ChestPain", "Thal"):
        for kind in sorted(set(values))[1:]:
            columns[f"{name} {kind}"] = [float(value == kind) for value in values]
    else:
        columns[name] = [float(value) for value in values]

print("AHD on all columns")
b0, b1 = fit(np.array(list(columns.values())).T, AHD)
for name, b in zip(columns, b1, strict=True):
    print(f"  {name:22} {b:+.4f}")

# %% What symgrad wrote
print(f"\n{gradient.source}")
