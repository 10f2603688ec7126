"""Training from a spec once more, in plain NumPy: what `symgrad.train` has to come to, to the bit.

The rows, the order, the masks, the means and the optimizers are written here from the words of the
specification and share no code with the package.  Loss and gradient are those of the model.
"""

import math

import numpy as np

# --- data -----------------------------------------------------------------------------------------


def split(count, share, seed):
    held = math.ceil(share * count)
    order = np.random.RandomState(seed).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


def fill(column, how, rows):
    """Return the number for missing ones that the rows for training teach."""
    known = column[rows][~np.isnan(column[rows])]
    if how == "mean":
        return np.nanmean(column[rows])
    if how == "median":
        return np.median(known)
    values, counts = np.unique(known, return_counts=True)
    return values[counts.argmax()]


def prepared(columns, rows, missing="refuse", standardise=False):
    """Return columns of numbers side by side, as the rows for training say."""
    made = []
    for column in columns:
        column = np.array(column, float)
        if missing in ("mean", "median", "most_frequent"):
            column[np.isnan(column)] = fill(column, missing, rows)
        if standardise:
            deviation = column[rows].std()
            column = (column - column[rows].mean()) / (deviation if deviation > 0 else 1.0)
        made.append(column)
    return np.stack(made, axis=1)


# --- optimizers, by their formulas ----------------------------------------------------------------


class SGD:
    def __init__(self, lr):
        self.lr = lr

    def step(self, w, g, t, rate):
        return w - rate * g


class Momentum(SGD):
    def __init__(self, lr, momentum=0.9):
        super().__init__(lr)
        self.momentum, self.b = momentum, 0.0

    def step(self, w, g, t, rate):
        self.b = self.momentum * self.b + g
        return w - rate * self.b


class Adam(SGD):
    """The order of section 2's end of the paper, which needs no corrected moments."""

    def __init__(self, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(lr)
        self.beta1, self.beta2, self.eps, self.m, self.v = beta1, beta2, eps, 0.0, 0.0

    def step(self, w, g, t, rate):
        self.m = self.m + (1 - self.beta1) * (g - self.m)
        self.v = self.beta2 * self.v + (1 - self.beta2) * (g * g)
        root = math.sqrt(1 - self.beta2**t)
        step = self.m / (np.sqrt(self.v) + self.eps * root)
        return w - step * (rate * root / (1 - self.beta1**t))


# --- the loop -------------------------------------------------------------------------------------


def train(
    made, X, y, weights=None, *, optimizer, epochs, held=None, batch=None, seed=0, shuffle=True,
    rate=None, clip_norm=None, clip_value=None, patience=None, least=0.0, metrics=None,
):  # fmt: skip
    """Return the parameters at the end, the history, and the number of the best epoch with its own.

    ``made`` is the model, ``held`` X, y and maybe weights of the validation part, ``rate`` a
    function of the steps done, ``metrics`` functions of predictions and y by name.
    """
    data = [X, y] if weights is None else [X, y, weights]
    params, n, history, best, t = list(made.init(seed).values()), len(X), [], (0, None, None), 0
    for epoch in range(1, epochs + 1):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(n) if batch and shuffle else np.arange(n)
        before, mean, seen = [p.copy() for p in params], 0.0, 0
        for start in range(0, n, batch or n):
            rows = order[start : start + (batch or n)]
            masks = [
                (rng.uniform(size=(len(rows), mask.width)) < mask.keep).astype(float)
                for mask in made.masks.values()
            ]
            value, grads = made.compiled.value_and_grad(*params, *[x[rows] for x in data], *masks)
            grads = clipped(grads, clip_value, clip_norm)
            now = optimizer.lr if rate is None else rate(t)
            t += 1
            flat = optimizer.step(flattened(params), flattened(grads), t, now)
            params = shaped(flat, params)
            seen += len(rows)
            mean += (value - mean) * (len(rows) / seen)
        record = {"epoch": epoch, "loss": mean}
        learned = made.statistics(*params, X)
        for name, metric in (metrics or {}).items():
            record[name] = metric(made.predict(*params, X, *learned), y)
        if held is not None:
            record["val_loss"] = in_parts(made, params, held, learned, batch)
            for name, metric in (metrics or {}).items():
                record[f"val_{name}"] = metric(made.predict(*params, held[0], *learned), held[1])
        history.append(record)
        value = record["val_loss" if held is not None else "loss"]
        if best[1] is None or best[1] - value > least:
            of = before if batch is None and held is None else params
            best = epoch, value, [p.copy() for p in of]
        if patience is not None and epoch - best[0] >= patience:
            break
    return params, history, best


def in_parts(made, params, held, learned, batch):
    """Return the loss of all rows from those of parts of ``batch`` rows."""
    mean = seen = 0.0
    for start in range(0, len(held[0]), batch or len(held[0])):
        part = [x[start : start + (batch or len(held[0]))] for x in held]
        count = part[2].sum() if len(part) > 2 else len(part[0])
        seen += count
        mean += (made.evaluate(*params, *part, *learned) - mean) * (count / seen)
    return mean


def clipped(grads, value, norm):
    if value is not None:
        grads = [np.clip(g, -value, value) for g in grads]
    if norm is not None:
        flat = flattened(grads)
        length = math.sqrt(flat @ flat)
        grads = shaped(flat * min(norm / (length + 1e-6), 1.0), grads)
    return grads


def flattened(arrays):
    return np.concatenate([np.ravel(x) for x in arrays])


def shaped(flat, like):
    made, start = [], 0
    for x in like:
        made.append(flat[start : start + np.size(x)].reshape(np.shape(x)))
        start += np.size(x)
    return made
