"""What shares memory in NumPy is written together here, or refused; what does not is not.

Each way to make an array from another is run three ways against plain NumPy: the array is
changed after it was made, the result is changed, and the result is changed while the array is an
argument.  A refusal is allowed; another number is not.
"""

import numpy as np
import pytest

import symgrad
from symgrad import SymgradError

I = np.int64
WAYS = {
    "itself": lambda a: a,
    "copy": lambda a: a.copy(),
    "slice": lambda a: a[1:],
    "row": lambda a: a[0],
    "row by a NumPy integer": lambda a: a[I(0)],
    "row by argmax": lambda a: a[np.argmax(a[:, 0])],
    "rows by a list": lambda a: a[[0, 1]],
    "element": lambda a: a[0, 1],
    "element with an ellipsis": lambda a: a[..., 0, 1],
    "element of a row with an ellipsis": lambda a: a[0][..., 1],
    "column with an ellipsis": lambda a: a[..., 0],
    "newaxis": lambda a: a[:, None],
    "mask": lambda a: a[a > 2.5],
    "transposed": lambda a: a.T,
    "np.transpose": lambda a: np.transpose(a),
    "swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "moveaxis": lambda a: np.moveaxis(a, 0, 1),
    "reshape": lambda a: a.reshape(9),
    "np.reshape": lambda a: np.reshape(a, (9,)),
    "ravel": lambda a: a.ravel(),
    "flatten": lambda a: a.flatten(),
    "squeeze": lambda a: np.squeeze(a[None]),
    "expand_dims": lambda a: np.expand_dims(a, 0),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 3, 3)),
    "atleast_3d": lambda a: np.atleast_3d(a),
    "asarray": lambda a: np.asarray(a),
    "asarray of the same dtype": lambda a: np.asarray(a, dtype=float),
    "array": lambda a: np.array(a),
    "ascontiguousarray": lambda a: np.ascontiguousarray(a),
    "float64": lambda a: np.float64(a),
    "astype": lambda a: a.astype(float),
    "astype without a copy": lambda a: a.astype(float, copy=False),
    "diagonal": lambda a: a.diagonal(),
    "np.diagonal": lambda a: np.diagonal(a),
    "diag": lambda a: np.diag(a),
    "diag of a vector": lambda a: np.diag(a[0]),
    "einsum ii": lambda a: np.einsum("ii->i", a),
    "einsum ji": lambda a: np.einsum("ij->ji", a),
    "einsum of two": lambda a: np.einsum("ij,j->ij", a, np.ones(3)),
    "conjugate": lambda a: np.conjugate(a),
    "conj": lambda a: a.conj(),
    "real": lambda a: np.real(a),
    "positive": lambda a: +a,
    "np.positive": lambda a: np.positive(a),
    "clip without limits": lambda a: np.clip(a, None, None),
    "clip": lambda a: np.clip(a, 0, 99),
    "take": lambda a: np.take(a, 0, axis=0),
    "take of a list": lambda a: a.take([0, 1], axis=0),
    "concatenate of one": lambda a: np.concatenate([a]),
    "concatenate": lambda a: np.concatenate([a, a]),
    "vstack of one": lambda a: np.vstack([a]),
    "hstack of one": lambda a: np.hstack([a]),
    "dstack of one": lambda a: np.dstack([a]),
    "column_stack of one": lambda a: np.column_stack([a]),
    "stack of one": lambda a: np.stack([a]),
    "append nothing": lambda a: np.append(a, np.zeros((0, 3)), axis=0),
    "roll by nothing": lambda a: np.roll(a, 0, axis=1),
    "roll": lambda a: np.roll(a, 1, axis=1),
    "flip": lambda a: np.flip(a, 0),
    "flipped slice": lambda a: a[::-1],
    "rot90 by nothing": lambda a: np.rot90(a, 0),
    "rot90": lambda a: np.rot90(a),
    "split": lambda a: np.split(a, 3)[0],
    "meshgrid of one": lambda a: np.meshgrid(a[0])[0],
    "meshgrid": lambda a: np.meshgrid(a[0], a[1])[0],
    "broadcast_arrays": lambda a: np.broadcast_arrays(a, a)[0],
    "tile by one": lambda a: np.tile(a, 1),
    "repeat by one": lambda a: np.repeat(a, 1, axis=0),
    "pad by nothing": lambda a: np.pad(a, 0),
    "tril": lambda a: np.tril(a, 5),
    "maximum": lambda a: np.maximum(a, 0),
    "power of one": lambda a: a**1,
    "times one": lambda a: a * 1.0,
    "plus nothing": lambda a: a + 0,
    "where": lambda a: np.where(True, a, 0.0),
    "sum over nothing": lambda a: np.sum(a, axis=()),
    "mean over one": lambda a: a[None].mean(axis=0),
    "sum": lambda a: np.asarray(a.sum()),
    "iteration": lambda a: next(iter(a)),
    "unpacking": lambda a: list(a)[1],
}
A = np.arange(1.0, 10.0).reshape(3, 3)


def the_array_changes(way):
    def f(w, k):
        a = w * 1.0
        b = way(a)
        a *= k
        return np.sum(a**2) + 7 * np.sum(b**2)

    return f


def the_result_changes(way):
    def f(w, k):
        a = w * 1.0
        b = way(a)
        b *= k
        return np.sum(a**2) + 7 * np.sum(b**2)

    return f


def an_element_of_the_array_changes(way):
    def f(w, k):
        a = w * 1.0
        b = way(a)
        a[0, 1] = k
        return np.sum(a**2) + 7 * np.sum(b**2)

    return f


def the_argument_would_change(way):
    def f(w, k):
        b = way(w)
        b *= k
        return np.sum(w**2) + 7 * np.sum(b**2)

    return f


PROGRAMS = [
    the_array_changes,
    the_result_changes,
    an_element_of_the_array_changes,
    the_argument_would_change,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
@pytest.mark.parametrize("way", WAYS)
def test_what_shares_memory_changes_together(way, program):
    f = program(WAYS[way])
    c = symgrad.compile(f, wrt=("w", "k"), check=None)
    given = A.copy()
    try:
        c.value_and_grad(given, 2.0)
    except SymgradError:
        return
    np.testing.assert_array_equal(given, A)
    for k in (2.0, 3.0):
        changed = A.copy()
        try:
            value = f(changed, k)
        except ValueError:  # NumPy lets nobody write to it
            pytest.fail("NumPy refuses this program and symgrad runs it")
        if not np.array_equal(changed, A):
            pytest.fail("the program writes into its argument and was not refused")
        got, (dw, dk) = c.value_and_grad(given, k)
        np.testing.assert_allclose(got, value)
        step = 1e-6
        slope = (f(A.copy(), k + step) - f(A.copy(), k - step)) / (2 * step)
        np.testing.assert_allclose(dk, slope, rtol=1e-5)
        v = np.cos(np.arange(9.0)).reshape(3, 3)
        slope = (f(A + step * v, k) - f(A - step * v, k)) / (2 * step)
        np.testing.assert_allclose(np.sum(dw * v), slope, rtol=1e-5)
        np.testing.assert_array_equal(given, A)
        assert not np.shares_memory(dw, given)
