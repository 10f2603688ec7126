"""The same training run by symgrad, PyTorch, scikit-learn and JAX: a task in, its loss curve out.

Each trainer prepares what is prepared once and returns a function that trains from the first
parameters and gives the mean loss of every epoch.  All see the same rows in the same order, in
float64, on one thread.
"""

import csv
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import symgrad
from symgrad.spec import Model, model, override
from symgrad.training.splitting import epoch_rng, split

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EPS = 1e-16  # of Adam: so small that it does not matter where scikit-learn adds it
Curve = list[float]
Trainer = Callable[[], Curve]


@dataclass(frozen=True)
class Task:
    """A spec's model without regularisers, which scikit-learn divides by the rows of a batch."""

    model: Model
    X: Any
    y: Any
    epochs: int

    @classmethod
    def of(cls, name: str) -> "Task":
        """Return the task of an example: its spec, and the rows that it trains on."""
        made = model(override(EXAMPLES / f"{name}.toml", ["regularisers={}"]))
        X, y = TABLES[name]()
        rows, _ = split(len(y), made.spec["validation"]["share"], made.spec["seed"], y)
        X, y = X[rows], y[rows]
        if made.spec["data"].get("standardise"):
            scale = X.std(axis=0)
            X = (X - X.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
        return cls(made, X, y, made.spec["epochs"])

    def for_epochs(self, epochs: int) -> "Task":
        return replace(self, epochs=epochs)

    @cached_property
    def first(self) -> dict[str, Any]:
        return self.model.init()

    @cached_property
    def layers(self) -> list[tuple[Any, Any]]:
        """Weights (inputs, outputs) and bias (outputs,) of each layer."""
        values = [np.atleast_1d(value) for value in self.first.values()]
        weights = [W if W.ndim == 2 else W[:, None] for W in values[::2]]
        return list(zip(weights, values[1::2], strict=True))

    @property
    def is_binary(self) -> bool:
        return self.model.labels == "0 or 1"

    @property
    def seed(self) -> int:
        return self.model.spec["seed"]

    @property
    def lr(self) -> float:
        return self.model.spec["optimizer"]["lr"]

    @property
    def batch(self) -> int | None:
        return self.model.spec.get("batch_size")

    def batches(self, epoch: int) -> Iterator[Any]:
        """Give the rows of each step of an epoch, which are numbered from 1."""
        rows = epoch_rng(self.seed, epoch).permutation(len(self.y))
        size = self.batch or len(rows)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


# --- data -----------------------------------------------------------------------------------------


def table(name: str) -> tuple[Any, Any]:
    rows = np.loadtxt(EXAMPLES / "data" / name, delimiter=",", skiprows=1)
    return rows[:, :-1], rows[:, -1].astype(np.int64)


def heart() -> tuple[Any, Any]:
    """Return the findings of patients without gaps, a word as a column for each but the first."""
    with open(EXAMPLES / "data" / "heart.csv") as file:
        patients = [row for row in csv.DictReader(file) if "NA" not in row.values()]
    y = np.array([float(row.pop("AHD") == "Yes") for row in patients])
    words = {name: sorted({row[name] for row in patients}) for name in ("ChestPain", "Thal")}
    columns = [[float(row[name]) for row in patients] for name in patients[0] if name not in words]
    columns += [[row[k] == word for row in patients] for k in words for word in words[k][1:]]
    return np.array(columns, float).T, y


TABLES = {
    "iris": lambda: table("iris.csv"),
    "heart": heart,
    "digits": lambda: table("digits.csv.gz"),
}


# --- trainers -------------------------------------------------------------------------------------


def by_symgrad(task: Task) -> Trainer:
    optimizer = symgrad.optim.Adam(lr=task.lr, eps=EPS)

    def run() -> Curve:
        found = symgrad.train(
            task.model.compiled, params=task.first, data=(task.X, task.y), optimizer=optimizer,
            epochs=task.epochs, batch=task.batch, seed=task.seed, progress=False,
        )  # fmt: skip
        return [record["loss"] for record in found.history]

    return run


def by_torch(task: Task, **settings: Any) -> Trainer:
    """Train by the usual eager loop, which picks rows by index instead of with a DataLoader."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    X, y = torch.tensor(task.X), torch.tensor(task.y)
    criterion = nn.BCEWithLogitsLoss() if task.is_binary else nn.CrossEntropyLoss()

    def network() -> nn.Sequential:
        modules: list[nn.Module] = []
        for W, b in task.layers:
            linear = nn.Linear(*W.shape, dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(W.T))
                linear.bias.copy_(torch.tensor(b))
            modules += [linear, nn.ReLU()]
        return nn.Sequential(*modules[:-1], *[nn.Flatten(0)] * task.is_binary)

    def run() -> Curve:
        net = network()
        optimizer = torch.optim.Adam(net.parameters(), lr=task.lr, eps=EPS, **settings)

        def step(X: torch.Tensor, y: torch.Tensor) -> float:
            optimizer.zero_grad()
            loss = criterion(net(X), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        curve = []
        for epoch in range(1, task.epochs + 1):
            if task.batch is None:
                curve.append(step(X, y))
                continue
            total = 0.0
            for rows in map(torch.from_numpy, task.batches(epoch)):
                total += step(X[rows], y[rows]) * len(rows)
            curve.append(total / len(y))
        return curve

    return run


def by_sklearn(task: Task) -> Trainer:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    rows = len(task.y)

    class Orders(np.random.RandomState):
        """Shuffles the rows, which scikit-learn keeps in the order of the last epoch, anew."""

        def shuffle(self, places: Any) -> None:
            self.epoch += 1
            wanted = (
                np.arange(rows)
                if task.batch is None
                else epoch_rng(task.seed, self.epoch).permutation(rows)
            )
            places[:], self.before = np.argsort(self.before)[wanted], wanted

        def begin(self) -> None:
            self.epoch, self.before = 0, np.arange(rows)

    orders = Orders()
    orders.begin()
    net = MLPClassifier(
        [len(b) for _, b in task.layers[:-1]], alpha=0.0, batch_size=task.batch or rows,
        learning_rate_init=task.lr, epsilon=EPS, max_iter=1, tol=0.0,
        n_iter_no_change=task.epochs + 1, shuffle=task.batch is not None, random_state=orders,
        warm_start=True,
    )  # fmt: skip

    def fit() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are what was asked for
            net.fit(task.X, task.y)

    fit()  # makes the layers, whose numbers are then set
    net.set_params(max_iter=task.epochs)

    def run() -> Curve:
        orders.begin()
        net.coefs_ = [W.copy() for W, _ in task.layers]
        net.intercepts_ = [b.copy() for _, b in task.layers]
        net.loss_curve_ = []
        fit()
        return net.loss_curve_

    return run


def by_jax(task: Task, scan: bool = False) -> Trainer:
    """Train with the whole step jitted; with ``scan``, all epochs of full batches in one call."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # on one core it is faster so
    X, y = jnp.asarray(task.X), jnp.asarray(task.y)

    def loss(params: Any, X: Any, y: Any) -> Any:
        *hidden, (W, b) = params
        for V, c in hidden:
            X = jax.nn.relu(X @ V + c)
        scores = X @ W + b
        if task.is_binary:
            return jnp.mean(jax.nn.softplus(scores[:, 0]) - y * scores[:, 0])
        return -jnp.mean(jax.nn.log_softmax(scores)[jnp.arange(len(y)), y])

    def adam(w: Any, g: Any, m: Any, v: Any, step: Any) -> Any:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        mean, square = m / (1 - 0.9**step), v / (1 - 0.999**step)
        return w - task.lr * mean / (jnp.sqrt(square) + EPS), m, v

    def step(state: Any, X: Any, y: Any) -> Any:
        params, m, v, count = state
        value, grads = jax.value_and_grad(loss)(params, X, y)
        stepped = jax.tree.map(lambda *a: adam(*a, count + 1), params, grads, m, v)
        parts = jax.tree.transpose(jax.tree.structure(params), None, stepped)
        return (*parts, count + 1), value

    def first() -> Any:
        params = [(jnp.asarray(W), jnp.asarray(b)) for W, b in task.layers]
        zeros = jax.tree.map(jnp.zeros_like, params)
        return params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.asarray(0)

    on_all = jax.jit(step, donate_argnums=0)
    on_rows = jax.jit(lambda state, X, y, rows: step(state, X[rows], y[rows]), donate_argnums=0)
    at_once = jax.jit(
        lambda state: jax.lax.scan(lambda s, _: step(s, X, y), state, length=task.epochs),
        donate_argnums=0,
    )

    def run() -> Curve:
        state = first()
        if scan:
            return at_once(state)[1].tolist()
        values, counts = [], []
        for epoch in range(1, task.epochs + 1):
            if task.batch is None:
                state, value = on_all(state, X, y)
                values.append(value)
                continue
            for rows in task.batches(epoch):
                state, value = on_rows(state, X, y, rows)
                values.append(value)
                counts.append(len(rows))
        losses = np.array(jax.device_get(values))  # asked for last, so that no step waits
        if task.batch is None:
            return losses.tolist()
        return ((losses * counts).reshape(task.epochs, -1).sum(axis=1) / len(y)).tolist()

    return run


TRAINERS: dict[str, tuple[str, Callable[[Task], Trainer]]] = {
    "symgrad": ("symgrad", by_symgrad),
    "PyTorch": ("torch", by_torch),
    "scikit-learn": ("sklearn", by_sklearn),
    "JAX": ("jax", by_jax),
    "PyTorch, fused Adam": ("torch", lambda task: by_torch(task, fused=True)),
    "JAX, epochs in one call": ("jax", lambda task: by_jax(task, scan=True)),
}
RIVALS = ("PyTorch", "scikit-learn", "JAX")


def is_installed(name: str) -> bool:
    """Return whether a trainer's package is there."""
    return importlib.util.find_spec(TRAINERS[name][0]) is not None


def trainers(task: Task) -> dict[str, Trainer]:
    """Return all that can do the task here; JAX scans over full batches only."""
    return {
        name: make(task)
        for name, (_, make) in TRAINERS.items()
        if is_installed(name) and (task.batch is None or "one call" not in name)
    }
