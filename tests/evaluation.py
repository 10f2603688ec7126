"""Runs a graph on arrays, by tables that know nothing of symgrad's own rows.

Three tables: NumPy's functions; the same on object arrays of mpmath numbers, precise enough
for exp(800) + 1; the same on arrays of SymPy symbols, where `max` stays an unknown function.
Composites stand in each by their definition, never by their `expand`.
"""

import functools
import math

import mpmath
import numpy as np
import sympy as sp

from symgrad.graph import FLOAT64, Aval, Builder, Static, check

ALL = slice(None)
PRECISE = mpmath.MPContext()
PRECISE.dps = 760  # exp(-1600) beside 1 needs 695 digits


def reduce_by(function):
    return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)


def take(x, *indices, key):
    arrays = iter(indices)
    return x[tuple(next(arrays) if entry == "array" else entry for entry in key)]


def put(x, value, *indices, key):
    arrays = iter(indices)
    written = np.array(x)
    written[tuple(next(arrays) if entry == "array" else entry for entry in key)] = value
    return written


def add(x, value, *indices, key):
    arrays = iter(indices)
    written = np.array(x)
    np.add.at(written, tuple(next(arrays) if entry == "array" else entry for entry in key), value)
    return written


def contract(*xs, terms, out):
    return np.einsum(*(part for pair in zip(xs, terms, strict=True) for part in pair), out)


def windows(x, window, axis):
    return np.lib.stride_tricks.sliding_window_view(x, window, axis=axis)


def add_windows(x, value, *hits, window, axis, spans, key, alike):
    """Add element by element, to where NumPy says that a window has its elements."""
    places = windows(np.arange(x.size).reshape(x.shape), window, axis)[key]
    inside = tuple(range(places.ndim - len(window), places.ndim))
    value = np.expand_dims(value, inside) if alike and np.ndim(value) else value
    if hits:
        value = (hits[0] == np.expand_dims(hits[1], inside)) * value
    written = np.array(x)
    np.add.at(written.reshape(-1), places, value)
    return written


def along_windows(reduce):
    return lambda x, window: reduce(x, axis=tuple(range(x.ndim - len(window), x.ndim)))


def count_in_windows(x, y, window):
    inside = tuple(range(y.ndim, x.ndim))
    return np.sum(x == np.expand_dims(y, inside), axis=inside)


def sum_of_squares(x, axis, keepdims):
    return np.sum(x * x, axis=axis, keepdims=keepdims)


def variance(x, axis, ddof, keepdims):
    count = np.prod([x.shape[k] for k in axis]) - ddof
    mean = np.sum(x, axis=axis, keepdims=True) / count
    return np.sum((x - mean) * (x - mean), axis=axis, keepdims=keepdims) / count


ARRANGE = {
    "put_at": put,
    "add_at": add,
    "contract": contract,
    "windows": windows,
    "add_windows": add_windows,
    "max_in_windows": along_windows(np.max),
    "min_in_windows": along_windows(np.min),
    "sum_in_windows": along_windows(np.sum),
    "mean_in_windows": along_windows(np.mean),
    "count_in_windows": count_in_windows,
    "materialise": np.array,
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "full": lambda shape, value, dtype: np.full(shape, value, dtype),
    "full_like": lambda x, value: np.full_like(x, value),
    "astype": lambda x, dtype: np.asarray(x).astype(dtype)[()],
    "size": lambda of: of,
    "as_float": float,
    "alias": lambda x: x,
    "reshape": lambda x, shape: np.reshape(x, shape),
    "expand_dims": lambda x, axis: np.expand_dims(x, axis),
    "squeeze": lambda x, axis: np.squeeze(x, axis),
    "transpose": lambda x, axes: np.transpose(x, axes),
    "flip": lambda x, axis: np.flip(x, axis),
    "eye": lambda n, m, k, dtype: np.eye(n, m, k, dtype),
    "index": take,
    "take_along": lambda x, indices, axis: np.take_along_axis(x, indices, axis),
    "arange": lambda start, stop, dtype: np.arange(start, stop, dtype=dtype),
    "sum": reduce_by(np.sum),
    "mean": reduce_by(np.mean),
    "sum_of_squares": sum_of_squares,
    "squared_deviation": variance,
    "var": variance,
    "where": np.where,
    "greater": np.greater,
    "not_equal": np.not_equal,
    "cumsum": lambda x, axis: np.cumsum(x, axis=axis),
    "cells_of_rows": lambda i, width: (i[:, None] * width + np.arange(width)).ravel(),
}

UFUNCS = """
    add subtract multiply divide negative power square reciprocal exp exp2 expm1 log log1p log2
    sqrt tanh cosh hypot absolute sign maximum minimum clip logaddexp greater less equal
    less_equal greater_equal
"""
NUMPY = ARRANGE | {name: getattr(np, name) for name in UFUNCS.split()}
NUMPY |= {"max": reduce_by(np.max), "min": reduce_by(np.min), "var": np.var}
NUMPY |= {
    "expit": lambda x: 1 / (1 + np.exp(-x)),
    "std": lambda x, axis, ddof, keepdims: np.std(x, axis=axis, keepdims=keepdims),
    "norm": lambda x, axis, keepdims: np.linalg.norm(x, axis=axis[0], keepdims=keepdims),
}


def elementwise_on_objects(function, arity=1):
    return np.frompyfunc(function, arity, 1)


def with_functions(exp, log, log1p, sqrt, largest):
    """Return the table for object arrays whose numbers have these functions."""
    exp, log, log1p, sqrt = map(elementwise_on_objects, (exp, log, log1p, sqrt))

    def length(x, axis, keepdims):
        return sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))

    def cosine_distance(a, b, axis, keepdims):
        dot = np.sum(a * b, axis=axis, keepdims=keepdims)
        return 1 - dot / (length(a, axis, keepdims) * length(b, axis, keepdims))

    def total(x, axis, keepdims=True):
        return np.sum(exp(x), axis=axis, keepdims=keepdims)

    return ARRANGE | {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": np.divide,
        "negative": np.negative,
        "power": np.power,
        "square": lambda x: x * x,
        "cube": lambda x: x * x * x,
        "expit": lambda x: 1 / (1 + exp(-x)),
        "absolute": np.absolute,
        "expm1": lambda x: exp(x) - 1,
        "logaddexp": lambda a, b: log(exp(a) + exp(b)),
        "reciprocal": lambda x: 1 / x,
        "exp": exp,
        "log": log,
        "log1p": log1p,
        "sqrt": sqrt,
        "max": largest,
        "log1mexp": lambda x: log(1 - exp(x)),
        "sigmoid": lambda z: 1 / (1 + exp(-z)),
        "softplus": lambda z: log(1 + exp(z)),
        "logistic_loss": lambda z, y: log(1 + exp(z)) - y * z,
        "softmax": lambda x, axis: exp(x) / total(x, axis),
        "log_softmax": lambda x, axis: x - log(total(x, axis)),
        "logsumexp": lambda x, axis, keepdims: log(total(x, axis, keepdims)),
        "logmeanexp": lambda x, axis, keepdims: log(np.mean(exp(x), axis=axis, keepdims=keepdims)),
        "weighted_logsumexp": lambda w, x, axis, keepdims: log(
            np.sum(w * exp(x), axis=axis, keepdims=keepdims)
        ),
        "running_logsumexp": lambda x, axis: log(np.cumsum(exp(x), axis=axis)),
        "log_plus_exp": lambda a, b, x: log(a + b * exp(x)),
        "logcosh": lambda x: log((exp(x) + exp(-x)) / 2),
        "cosh": lambda x: (exp(x) + exp(-x)) / 2,
        "tanh": lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
        "hypot": lambda a, b: sqrt(a * a + b * b),
        "x_log_ratio": lambda x, q: x * log(x / q),
        "gamma_deviance": lambda y, m: (y - m) / m - log(y / m),
        "std": lambda x, axis, ddof, keepdims: sqrt(variance(x, axis, ddof, keepdims)),
        "norm": length,
        "root_of_squares": length,
        "cosine_distance": cosine_distance,
    }


def unknown_max(x, axis, keepdims):
    head = sp.Function("m", real=True)
    rest = [k for k in range(x.ndim) if k not in axis]
    rows = np.transpose(x, (*rest, *axis)).reshape(*[x.shape[k] for k in rest], -1)
    found = np.empty(rows.shape[:-1], object)
    for at in np.ndindex(found.shape):
        found[at] = head(*rows[at])
    return np.expand_dims(found, axis) if keepdims else found


MPMATH = with_functions(
    PRECISE.exp, PRECISE.log, lambda x: PRECISE.log(1 + x), PRECISE.sqrt, reduce_by(np.max)
)
MPMATH["maximum"] = elementwise_on_objects(max, 2)
SYMPY = with_functions(sp.exp, sp.log, lambda x: sp.log(1 + x), sp.sqrt, unknown_max)
SYMPY["maximum"] = elementwise_on_objects(sp.Max, 2)
CLOSED_FORMS = {float(np.log(k)) * sign: sign * sp.log(k) for k in (2, 4) for sign in (1, -1)}
CLOSED_FORMS |= {float(np.sqrt(k)): sp.sqrt(k) for k in (2, 3)}
SYMPY["literal"] = lambda number: (
    sp.E if number == math.e else CLOSED_FORMS.get(number) or sp.Rational(str(number))
)
MPMATH["literal"] = lambda number: PRECISE.e if number == math.e else number  # np.e means e
SYMPY["full"] = lambda shape, value, dtype: np.full(shape, sp.Rational(str(value)))
SYMPY["astype"] = lambda x, dtype: x


def evaluate(graph, table, *inputs):
    """Return the outputs of ``graph`` for these inputs, by the functions of ``table``."""
    values = dict(zip(graph.inputs, inputs, strict=True))
    literal = table.get("literal", lambda number: number)
    read = lambda x: literal(x.value) if isinstance(x, Static) else values[x]
    size = functools.partial(plain_size, graph.shapes)
    with np.errstate(all="ignore"):
        for eqn in graph.equations:
            settings = dict(zip(eqn.rhs.params, map(size, eqn.rhs.settings), strict=True))
            values[eqn.lhs[0]] = table[eqn.rhs.name](*map(read, eqn.rhs.operands), **settings)
    return [read(y) for y in graph.outputs]


def plain_size(shapes, setting):
    """Return a setting with every size as the number that it is in the example."""
    if isinstance(setting, tuple):
        return tuple(plain_size(shapes, part) for part in setting)
    return shapes.value(setting) if isinstance(setting, sp.Expr) else setting


def build(function, *shapes, dtype=FLOAT64, symbolic=False):
    """Return the graph of ``function`` on arrays of these shapes, named x, y, ..."""
    builder = Builder()
    values = []
    for name, shape in zip("xyzw", shapes, strict=False):
        if symbolic:
            shape = tuple(
                builder.shapes.fresh(f"{name}{k}", size) if size > 1 else size
                for k, size in enumerate(shape)
            )
        values.append(builder.wrap(builder.input(Aval(shape, dtype), name)))
    results = function(*values)
    results = results if isinstance(results, tuple) else (results,)
    return check(builder.graph([y.symbol for y in results]))


def formula(graph, output=None):
    """Return an output as nested text: for small graphs only."""
    defined = {y: eqn.rhs for eqn in graph.equations for y in eqn.lhs}

    def text(x):
        if isinstance(x, Static):
            return repr(x.value)
        if x not in defined:
            return graph.notes.names[x]
        rhs = defined[x]
        settings = (f"{k}={v}" for k, v in zip(rhs.params, rhs.settings, strict=True))
        return f"{rhs.name}({', '.join([*map(text, rhs.operands), *settings])})"

    return text(graph.outputs[0] if output is None else output)
