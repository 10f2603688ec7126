"""Every mistake a user can make, beside the message that it earns.

A row is a title, the class of the error, text in its message, and the shortest program.
"""
# ruff: noqa: E501 (a row is one line)

import ast
import itertools
import math
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view as windows

import symgrad
from symgrad import (
    ArgumentError,
    CheckError,
    LossError,
    ShapeError,
    SpecError,
    SymgradError,
    TraceError,
    WrtError,
)

X3, X4, X23 = np.ones(3), np.ones(4), np.ones((2, 3))
COUNTER = itertools.count(1)


class Series:
    """Something that is no array but turns into one."""

    def __array__(self, dtype=None, copy=None):
        return X3


BIG, TEXTS = np.ones(100), np.array(["a"])
GENERATOR = np.random.default_rng(0)
WEIGHTS, SETTINGS, HISTORY = np.ones(3), {"scale": 1.0}, []
COUNT = 0


def grad(f, *args, wrt=0, **options):
    return symgrad.compile(f, wrt=wrt, **options).value_and_grad(*args)


def emit(f, specs=None, **options):
    return symgrad.compile(f, specs=specs, **options).source


def without_source(text):
    names = {}
    exec(compile(text, __file__, "exec"), names)  # not what stands in this file
    return names["f"]


def write_into(x):
    x += 1
    return x.sum()


def set_item(x):
    x[0] = 1
    return x.sum()


def write_through_a_view(x):
    y = x[1:]
    y *= 2
    return x.sum()


def write_into_a_capture(x):
    WEIGHTS[0] = x[0]
    return x.sum()


def grow_a_list(x):
    HISTORY.append(x.sum())
    return x.sum()


def change_a_dict(x):
    SETTINGS["scale"] = x.sum()
    return x.sum()


def assign_a_global(x):
    global COUNT
    COUNT = x.sum()
    return COUNT


class Model:
    """A model that remembers its loss."""

    def loss(self, x):
        self.last = x.sum()
        return self.last


def write_a_float_into_ints(x):
    counts = np.zeros(3, dtype=int)
    counts += x
    return counts.sum()


def grow_in_place(x):
    y = x * 2
    y += np.ones((2, 3))
    return y.sum()


def write_too_much(x):
    y = np.zeros(2)
    y[:] = x
    return y.sum()


def write_an_array_into_a_place(x):
    y = np.zeros(3)
    y[0] = x
    return y.sum()


def write_under_a_reshape(x):
    y = x * 2
    flat = y.reshape(3, 1)
    y[0] = 1.0
    return flat.sum()


def write_through_a_flip(x):
    y = x * 2
    z = np.flip(y)
    z += 1
    return y.sum()


class Net:
    """A model that changes its own weights."""

    def __init__(self):
        self.W = np.ones(3)

    def loss(self, x):
        self.W += x
        return self.W.sum()


class Counter:
    """Counts for all."""

    seen = 0


def count(x):
    Counter.seen += 1
    return x.sum()


def fail(x):
    raise LookupError(x * 2)


def use_another_trace():
    try:
        grad(fail, X3)
    except LookupError as error:
        (kept,) = error.args
    grad(lambda x: (x * kept).sum(), X3)


def several_kinds():
    c = symgrad.compile(lambda x: x.sum())
    c.grad(X3)
    c.grad(X23)
    return c


def zero_dimensional_view(x):
    y = x * 1.0
    part = y[..., 0]
    part += 1
    return y.sum()


def write_windows(x):
    found = windows(x.copy(), 2)
    found[0] = 1.0
    return found.sum()


MISTAKES = [
    # --- what to differentiate by
    ("wrt is unknown", WrtError, "did you mean `w`?", lambda: grad(lambda w: w, 1.0, wrt="W")),
    ("wrt is unknown, nothing close", WrtError, "is no parameter of", lambda: grad(lambda w: w, 1.0, wrt="beta")),
    ("wrt twice", WrtError, "names `w` twice", lambda: grad(lambda w: w, 1.0, wrt=("w", 0))),
    ("wrt is empty", WrtError, "wrt is empty", lambda: grad(lambda w: w, 1.0, wrt=())),
    ("wrt is out of range", WrtError, "has 1 parameters", lambda: grad(lambda w: w, 1.0, wrt=3)),
    ("wrt is no name", WrtError, "neither a parameter's name nor its number", lambda: grad(lambda w: w, 1.0, wrt=1.5)),
    ("integer array in wrt", WrtError, "has dtype int64: only floating-point", lambda: grad(lambda n: n.sum(), np.arange(3))),
    ("an integer too large for a float", ArgumentError, "is too large", lambda: grad(lambda x: x * 2.0, 10**400)),
    ("bool in wrt", WrtError, "`b` in wrt is a bool", lambda: grad(lambda b: b * 1.0, True)),
    ("text in wrt", WrtError, "`s` in wrt is str", lambda: grad(lambda s, x: x, "a", 1.0)),
    ("None in wrt", WrtError, "`s` in wrt is NoneType", lambda: grad(lambda s, x: x, None, 1.0)),
    ("index by a truth value", TraceError, "indexed by a truth value", lambda: grad(lambda x: x[True].sum(), X3)),
    ("a view without axes", TraceError, "is a view without axes", lambda: grad(zero_dimensional_view, X3)),
    ("array of objects made inside", TraceError, "array of objects", lambda: grad(lambda x: np.array([1, None]).size * x.sum(), X3)),
    # --- compile and its arguments
    ("argnums", ArgumentError, "did you mean `wrt`?", lambda: symgrad.compile(lambda x: x, argnums=0)),
    ("argnum", ArgumentError, "did you mean `wrt`?", lambda: symgrad.compile(lambda x: x, argnum=0)),
    ("unknown option", ArgumentError, "no argument `jit`", lambda: symgrad.compile(lambda x: x, jit=True)),
    ("specs is no dict", SpecError, "give a dict from parameter to sizes", lambda: symgrad.compile(lambda x: x.sum(), specs=("n",))),
    ("primals are no tuple", ArgumentError, "jvp(f, (x,), (v,))", lambda: symgrad.jvp(lambda x: x.sum(), X3, X3)),
    ("which is no number", SpecError, "which='backward'", lambda: symgrad.compile(lambda x: x.sum(), specs={"x": "n"}).save("x.py", which="backward")),
    ("kinks refused", symgrad.KinkError, "maximum: 0 where a variable ties", lambda: symgrad.compile(lambda x: np.maximum(x, 0).sum(), kinks="raise").grad(X3)),
    ("unknown kinks", ArgumentError, "kinks='warn'", lambda: symgrad.compile(lambda x: x, kinks="warn")),
    ("unknown law", ArgumentError, "no law is called so", lambda: symgrad.compile(lambda x: x, without=["log(exp(y)) = y"])),
    ("unknown check", ArgumentError, "check='all'", lambda: symgrad.compile(lambda x: x, check="all")),
    ("no function", ArgumentError, "needs a function, not int", lambda: symgrad.compile(3)),
    ("no signature", ArgumentError, "has no signature", lambda: symgrad.compile(max)),
    ("too many arguments", ArgumentError, "too many positional arguments", lambda: grad(lambda x: x, 1.0, 2.0)),
    ("missing argument", ArgumentError, "missing a required argument: 'y'", lambda: grad(lambda x, y: x, 1.0)),
    ("unknown keyword", ArgumentError, "unexpected keyword argument 'z'", lambda: symgrad.compile(lambda x: x).grad(1.0, z=1)),
    # --- specs
    ("source before a call", SpecError, "nothing is known of `x`", lambda: emit(lambda x: x)),
    ("specs of another name", SpecError, "did you mean `X`?", lambda: emit(lambda X: X.sum(), {"x": "n"})),
    ("spec is no spec", SpecError, "neither a tuple of sizes", lambda: emit(lambda x: x.sum(), {"x": 3.5})),
    ("size is no size", SpecError, "'2n' is not a size", lambda: emit(lambda x: x.sum(), {"x": ("2n",)})),
    ("spec of unknown dtype", SpecError, "'flaot' is not a dtype (did you mean `float`?)", lambda: emit(lambda x: x.sum(), {"x": (("n",), "flaot")})),
    ("spec of complex", SpecError, "complex128 cannot be traced", lambda: emit(lambda x: x.sum(), {"x": (("n",), "complex")})),
    ("spec and argument differ in axes", SpecError, "has 2 axes", lambda: grad(lambda x: x.sum(), X3, specs={"x": "n d"})),
    ("spec and argument differ in size", SpecError, "its spec says (4,)", lambda: grad(lambda x: x.sum(), X3, specs={"x": (4,)})),
    ("one dim, two sizes", SpecError, "`n` is 3 elsewhere and 4", lambda: grad(lambda x, y: x.sum(), X3, X4, specs={"x": "n", "y": "n"})),
    ("save after two kinds", SpecError, "say which with", lambda: several_kinds().save("unused.py")),
    ("save of no such kind", SpecError, "which=7", lambda: several_kinds().save("unused.py", which=7)),
    ("a number is needed, specs only", TraceError, "the value of `n` is needed", lambda: emit(lambda x, n: sum(x for _ in range(n)), {"x": "", "n": ((), "int")})),
    ("a size is needed, specs only", ShapeError, "the size d is needed as a number", lambda: emit(lambda x: sum(x[i] for i in range(len(x))), {"x": "d"})),
    ("sizes compared, specs only", ShapeError, "depends on sizes that are not known", lambda: emit(lambda x: x.sum() if len(x) > 2 else 0 * x.sum(), {"x": "d"})),
    ("expressions meet, specs only", ShapeError, "cannot be compared without example data", lambda: emit(lambda x, y: (np.concatenate([x, y]) * np.concatenate([x, x])[: len(x) + 1]).sum(), {"x": "n", "y": "m"})),
    # --- windows
    ("windows that may be written", TraceError, "sliding_window_view(writeable=True) is not known", lambda: grad(lambda x: windows(x, 2, writeable=True).sum(), X3)),
    ("windows written", TraceError, "windows are read-only, as in NumPy", lambda: grad(write_windows, X3)),
    ("window too wide", ShapeError, "a window of 4 does not fit on axis 0 of size", lambda: grad(lambda x: windows(x, 4).sum(), X3)),
    ("window below nothing", ShapeError, "a window cannot have a negative size", lambda: grad(lambda x: windows(x, -1).sum(), X3)),
    ("window of too many sizes", ShapeError, "a size for each axis: 2 sizes, 1 axes", lambda: grad(lambda x: windows(x, (2, 2)).sum(), X3)),
    # --- values that cannot be traced
    ("complex array", TraceError, "complex input is refused", lambda: grad(lambda z: z.sum(), X3 + 1j)),
    ("complex number", TraceError, "complex input is refused", lambda: grad(lambda z: z, 1j)),
    ("array of objects", TraceError, "has dtype object", lambda: grad(lambda x: x.sum(), np.array([1, None]))),
    ("array of text", TraceError, "has dtype <U1", lambda: grad(lambda x: x.sum(), np.array(["a"]))),
    ("captured array of text", TraceError, "`TEXTS` has dtype", lambda: grad(lambda x: (x * TEXTS).sum(), X3)),
    ("ragged list", ShapeError, "sizes 2 and 1 disagree", lambda: grad(lambda x: np.array([[x, 1.0], [x]]).sum(), 1.0)),
    ("text meets an array", TraceError, "str 'a' meets a traced value", lambda: grad(lambda x: np.add(x, "a"), X3)),
    ("array from nowhere", TraceError, "comes from nowhere", lambda: grad(lambda x: (x * np.linspace(0, 1, 100)).sum(), BIG)),
    # --- random numbers and other impure functions
    ("np.random", TraceError, "draws random numbers", lambda: grad(lambda x: x * np.random.rand(), 1.0)),
    ("a Generator", TraceError, "pass them as an argument", lambda: grad(lambda x: x * GENERATOR.normal(), 1.0)),
    ("default_rng", TraceError, "draws random numbers", lambda: grad(lambda x: x * np.random.default_rng(0).normal(), 1.0)),
    ("a clock", TraceError, "perf_counter() gives another value at every call", lambda: grad(lambda x: x * time.perf_counter(), 1.0)),
    ("argnums of grad", ArgumentError, "did you mean `wrt`", lambda: symgrad.grad(np.sum, argnums=0)),
    ("argnums of hvp", ArgumentError, "did you mean `wrt`", lambda: symgrad.hvp(np.sum, argnums=0)),
    ("argnums of hessian", ArgumentError, "did you mean `wrt`", lambda: symgrad.hessian(np.sum, argnums=0)),
    ("a counter", CheckError, "another value when it is called again", lambda: grad(lambda x: x * next(COUNTER), 1.0)),
    ("a masked array", TraceError, "rules of its own", lambda: grad(lambda x: x.sum(), np.ma.array([1.0], mask=[0]))),
    ("an object that turns into an array", TraceError, "pass it as an array", lambda: symgrad.compile(lambda w, X: w * np.asarray(X))(1.0, Series())),
    ("nothing", TraceError, "None of type NoneType meets a traced value", lambda: symgrad.compile(lambda w, X: w * X)(1.0, None)),
    ("a size that looks like a dtype", SpecError, "did you mean `float32`", lambda: symgrad.compile(lambda x: x.sum(), specs={"x": "n flaot32"})),
    ("a triangle of a vector", ShapeError, "a matrix is needed", lambda: grad(lambda x: np.sum(np.tril(x)), X3)),
    # --- the loss
    ("loss is an array", LossError, "(3,), not one number: reduce it", lambda: grad(lambda x: x * 2, X3)),
    ("loss is a pair", LossError, "returns a tuple of 2", lambda: grad(lambda x: (x, x), 1.0)),
    ("no return", LossError, "is a `return` missing?", lambda: grad(lambda x: None, 1.0)),
    ("loss is text", LossError, "returns str", lambda: grad(lambda x: "a", 1.0)),
    ("no aux", TraceError, "must return a pair", lambda: grad(lambda x: x, 1.0, has_aux=True)),
    # --- numbers that Python asks for
    ("if on an array", TraceError, "np.where(condition, a, b)", lambda: grad(lambda x: x.sum() if x.sum() > 0 else 0.0, X3)),
    ("and on an array", TraceError, "its truth is not known", lambda: grad(lambda x: (x > 0 and x).sum(), X3)),
    ("a chain of comparisons", TraceError, "its truth is not known", lambda: grad(lambda x: 0 < x < 1, 1.0)),
    ("float of an array", TraceError, "float() needs the value of the traced value x", lambda: grad(lambda x: float(x[0]), X3)),
    ("int of a traced number", TraceError, "int() needs the value", lambda: grad(lambda x: int(x) * x, 1.0)),
    (".item()", TraceError, "`.item` needs the value", lambda: grad(lambda x: x.sum().item(), X3)),
    (".tolist()", TraceError, "`.tolist` needs the value", lambda: grad(lambda x: sum(x.tolist()), X3)),
    ("range of a traced number", TraceError, "an integer needs the value", lambda: grad(lambda x: sum(x for _ in range(x)), 1.0)),
    ("max of arrays", TraceError, "use np.maximum(a, b)", lambda: grad(lambda x: max(x, x * 2).sum(), X3)),
    ("code that cannot be followed", TraceError, "turned into a plain NumPy array", lambda: grad(lambda x: np.vectorize(math.exp)(x).sum(), X3)),
    # --- functions
    ("unknown NumPy function", TraceError, "np.convolve is not known to symgrad", lambda: grad(lambda x: np.convolve(x, x).sum(), X3)),
    ("unknown, with a close one", TraceError, "(did you mean `", lambda: grad(lambda x: np.nanargmax(x), X3)),
    ("unknown ufunc", TraceError, "np.unique_all is not known", lambda: grad(lambda x: np.unique_all(x).values.sum(), X3)),
    ("piecewise with too many functions", ShapeError, "3 functions for 1 conditions", lambda: grad(lambda x: np.piecewise(x, [x < 0], [1, 2, 3]).sum(), X3)),
    ("piecewise of whole numbers", TraceError, "the dtype of x: give it floats", lambda: grad(lambda x: (np.piecewise((x > 0) * 1, [x < 0], [1]) * x).sum(), X3)),
    ("nan_to_num by an array", TraceError, "nan must be a plain number", lambda: grad(lambda x: np.nan_to_num(x, nan=x).sum(), X3)),
    ("unknown math function", TraceError, "math.erf is not known", lambda: grad(lambda x: math.erf(x), 1.0)),
    ("unknown method", TraceError, "arrays' `.partition` is not known", lambda: grad(lambda x: x.partition(1), X3)),
    ("unknown attribute", AttributeError, "has no attribute 'detach'", lambda: grad(lambda x: x.detach(), X3)),
    ("unknown ufunc method", TraceError, "np.add.reduceat is not known", lambda: grad(lambda x: np.add.reduceat(x, [0]).sum(), X3)),
    ("unknown reduction", TraceError, "np.hypot.reduce is not known", lambda: grad(lambda x: np.hypot.reduce(x), X3)),
    ("unknown argument", TraceError, "`where` is not supported", lambda: grad(lambda x: np.cumsum(x, where=[True]).sum(), X3)),
    ("unknown argument of a method", TraceError, "`foo` is not supported", lambda: grad(lambda x: x.sum(foo=1), X3)),
    ("wrong number of operands", TraceError, "np.exp", lambda: grad(lambda x: np.exp(x, x, x).sum(), X3)),
    # --- writing
    ("out=", TraceError, "out=...) writes into an array", lambda: grad(lambda x: np.exp(x, out=x).sum(), X3)),
    ("+= on an argument", TraceError, "write into the caller's array `x`: copy it first", lambda: grad(write_into, X3)),
    ("item of an argument", TraceError, "(x = x.copy())", lambda: grad(set_item, X3)),
    ("view of an argument", TraceError, "copy it first", lambda: grad(write_through_a_view, X3)),
    ("item of a capture", TraceError, "caller's array `WEIGHTS`", lambda: grad(write_into_a_capture, X3)),
    ("np.add.at in code without source", TraceError, "an array of NumPy's own", lambda: grad(eval(compile("lambda x: np.add.at(np.zeros(3), [0], x[0])", __file__, "eval")), X3)),
    ("a list outside", TraceError, "changes a list, which lives outside it", lambda: grad(grow_a_list, X3)),
    ("a dict outside", TraceError, "changes a dict's item 'scale'", lambda: grad(change_a_dict, X3)),
    ("a dict in the arguments", TraceError, "changes a dict's item 'w'", lambda: grad(lambda p: p.update(w=p["w"] * 2) or p["w"].sum(), {"w": X3})),
    ("an attribute", TraceError, "changes `Model.last`", lambda: grad(Model().loss, X3)),
    ("a class's attribute", TraceError, "changes `Counter.seen`", lambda: grad(count, X3)),
    ("a global", TraceError, "declared `global`", lambda: grad(assign_a_global, X3)),
    ("a global without source", TraceError, "`k` is assigned but lives outside", lambda: grad(without_source("def f(x):\n global k\n k = x.sum()\n return k"), X3)),
    ("floats into ints", TraceError, "cannot hold float64 in place", lambda: grad(write_a_float_into_ints, X3)),
    ("a larger result in place", ShapeError, "cannot hold (2, 3)", lambda: grad(grow_in_place, X3)),
    ("too much into a slice", ShapeError, "item assignment of y (2,) and x (3,)", lambda: grad(write_too_much, X3)),
    ("an array into one place", ShapeError, "cannot write (3,) into ()", lambda: grad(write_an_array_into_a_place, X3)),
    ("+= on an attribute", TraceError, "an array that the function did not make", lambda: grad(Net().loss, X3)),
    ("a value of another trace", TraceError, "used in another trace", use_another_trace),
    ("under a reshape", TraceError, "write .copy()", lambda: grad(write_under_a_reshape, X3)),
    ("through a flip", TraceError, "a view made by flip is not followed", lambda: grad(write_through_a_flip, X3)),
    # --- shapes
    ("sizes differ", ShapeError, "add of a (3,) and b (4,): sizes 3 and 4 disagree", lambda: grad(lambda a, b: (a + b).sum(), X3, X4)),
    ("product of sizes that differ", ShapeError, "product of a (2, 3) and b (4,)", lambda: grad(lambda a, b: (a @ b).sum(), X23, X4)),
    ("matmul of scalars", ShapeError, "use `*`", lambda: grad(lambda a, b: a @ b, 1.0, 2.0)),
    ("reshape that does not fit", ShapeError, "cannot reshape (2, 3) into (4,)", lambda: grad(lambda a: a.reshape(4).sum(), X23)),
    ("two unknown sizes", ShapeError, "one unknown size", lambda: grad(lambda a: a.reshape(-1, -1).sum(), X23)),
    ("transpose", ShapeError, "is not an order of 2 axes", lambda: grad(lambda a: a.transpose(0, 0).sum(), X23)),
    ("no such axis", ShapeError, "axis 2 does not exist", lambda: grad(lambda a: a.sum(axis=2).sum(), X23)),
    ("axis twice", ShapeError, "names an axis twice", lambda: grad(lambda a: a.sum(axis=(0, 0)).sum(), X23)),
    ("index out of bounds", ShapeError, "index 5 is out of bounds", lambda: grad(lambda a: a[5] * np.ones(3)[0], np.ones(3), specs={"a": (3,)})),
    ("too many indices", ShapeError, "too many indices", lambda: grad(lambda a: a[0, 0, 0], X23)),
    ("two ellipses", ShapeError, "one ellipsis", lambda: grad(lambda a: a[..., 0, ...].sum(), X23)),
    ("index by a float", TraceError, "cannot be indexed", lambda: grad(lambda a: a[1.5], X3)),
    ("index by floats", TraceError, "cannot be indexed by float64", lambda: grad(lambda a: a[a].sum(), X3)),
    ("broadcast_to", ShapeError, "cannot broadcast (3,) to (4,)", lambda: grad(lambda a: np.broadcast_to(a, (4,)).sum(), X3)),
    ("concatenate", ShapeError, "cannot concatenate", lambda: grad(lambda a: np.concatenate([a, a[0]]).sum(), X23)),
    ("stack", ShapeError, "cannot stack", lambda: grad(lambda a: np.stack([a, a[0]]).sum(), X23)),
    ("einsum with a wrong count", ShapeError, "names 2 operands, 1 given", lambda: grad(lambda a: np.einsum("i,i", a), X3)),
    ("einsum with wrong axes", ShapeError, "does not fit an array with 1 axes", lambda: grad(lambda a: np.einsum("ij->", a), X3)),
    ("einsum over small integers", TraceError, "which wraps around: convert the array", lambda: grad(lambda a: a.sum() * np.einsum("i->", np.ones(3, np.int8)), X3)),
    ("einsum with signs", TraceError, "not a letter", lambda: grad(lambda a: np.einsum("i-i", a), X3)),
    ("solve of a wide matrix", ShapeError, "square matrix", lambda: grad(lambda a: np.linalg.det(a), X23)),
    ("select", ShapeError, "1 conditions for 2 choices", lambda: grad(lambda x: np.select([x > 0], [x, x]).sum(), X3)),
    ("tensordot", ShapeError, "differ in number", lambda: grad(lambda a: np.tensordot(a, a, axes=([0], [0, 1])).sum(), X23)),
    ("einsum with lists", TraceError, "write the subscripts as a string", lambda: grad(lambda a: np.einsum(a, [0]).sum(), X3)),
    ("take_along_axis", ShapeError, "same number of axes", lambda: grad(lambda a: np.take_along_axis(a, np.array([0]), axis=0).sum(), X23)),
    ("det of a vector", ShapeError, "a square matrix is needed, not (3,)", lambda: grad(lambda a: np.linalg.det(a), X3)),
    ("cross of long vectors", ShapeError, "vectors of 2 or 3 numbers, not of 4 and 4", lambda: grad(lambda a: np.cross(a, a).sum(), np.ones(4))),
    ("solve of a stack", ShapeError, "no stacks yet", lambda: grad(lambda a: np.linalg.solve(a, np.ones(2)).sum(), np.ones((3, 2, 2)))),
    ("reshape beside 0", ShapeError, "beside a size of 0", lambda: grad(lambda a: a.reshape(0, -1).sum(), np.ones((0, 3)), specs={"a": (0, 3)})),
    ("reshape into parts", ShapeError, "cannot be divided into parts of 4", lambda: grad(lambda a: a.reshape(4, -1).sum(), X23, specs={"a": (2, 3)})),
    ("reshape in order F", TraceError, "transpose, then reshape", lambda: grad(lambda a: a.reshape(6, order="F").sum(), X23)),
    ("bits of floats", TraceError, "np.bitwise_and does not take", lambda: grad(lambda a: (a & a).sum(), X3)),
    ("a kink", CheckError, "a kink near these arguments", lambda: grad(lambda x: np.maximum(x, 0).sum(), np.zeros(3), check="grad")),
    # --- transformations
    ("tangents", ArgumentError, "one tangent for each primal", lambda: symgrad.jvp(lambda x: x, (1.0,), (1.0, 2.0))),
    ("no primals", ArgumentError, "given no primals", lambda: symgrad.vjp(lambda x: x)),
    ("hvp without a vector", ArgumentError, "v is missing", lambda: symgrad.hvp(lambda x: x)()),
    ("structure of a cotangent", ArgumentError, "must have the structure", lambda: symgrad.vjp(lambda x: {"a": x}, 1.0)[1](1.0)),
    ("iteration over a number", TypeError, "iteration over a number", lambda: grad(lambda x: sum(x), 1.0)),
    ("len of a number", TypeError, "len() of a number", lambda: grad(lambda x: x * len(x), 1.0)),
]  # fmt: skip

PLACELESS = (ArgumentError, SpecError)

# What no program of a user's can earn today, and why.
UNEARNED = {
    ": only by its other arguments can be differentiated",  # of SciPy's: see test_special.py
    "computes: only zeta(x, q) is known, and differentiated by q",  # the same
    "is the Bessel function I1, which NumPy does not have",  # without SciPy: see test_numbers.py
    "this is a bug in symgrad",  # a wrong result: see the next test
    "and the gradient needs one here",  # every op whose result is a float has its rule
    "SymPy has no plain derivative of",  # a row of the table that its own tests would refuse
    "no op computes",  # the same
    "a backward slice with ends needs a known size",  # such a slice fixes the size first
    "operations: write it with arrays",  # a million operations take a minute
}


@pytest.mark.parametrize(
    ("error", "text", "program"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_a_mistake_is_told(error, text, program):
    with pytest.raises(error) as caught:
        program()
    message = str(caught.value)
    assert text in message
    if issubclass(error, SymgradError) and error not in PLACELESS:
        assert "\n  in " in message and "test_errors.py:" in message


@pytest.mark.parametrize("run", ["forward", "value_and_grad"])
def test_a_wrong_result_is_told(monkeypatch, run):
    wrong = property(lambda self: lambda x: (x.sum() + 1, ()))
    c = symgrad.compile(lambda x: x.sum())
    monkeypatch.setattr(f"symgrad.specialise.Specialisation.{run}", wrong)
    with pytest.raises(CheckError, match=r"differs from the function itself.*report the function"):
        getattr(c, run)(X3)


def raised_in(file):
    """Yield the longest fixed text of each error that ``file`` makes for a user."""
    kinds = {kind.__name__ for kind in SymgradError.__subclasses__()}
    kinds -= {"GraphError", "TemplateError"}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in kinds:
            texts = [c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)]
            yield max((t for t in texts if isinstance(t, str)), key=len, default="")


def messages():
    for _, error, _, program in MISTAKES:
        with pytest.raises(error) as caught:
            program()
        yield str(caught.value)


FRONT = [
    path
    for name in ("trace", "arguments.py", "compiled.py", "dims.py", "specialise.py", "ops")
    for path in sorted(
        Path(symgrad.__file__).parent.glob(f"{name}/*.py" if "." not in name else name)
    )
]


def test_every_error_has_a_row():
    told = [*messages(), *UNEARNED]
    silent = [
        text
        for path in FRONT
        for text in raised_in(path)
        if not any(text in message or (message in UNEARNED and message in text) for message in told)
    ]
    assert silent == []


def test_titles_are_unique():
    titles = [title for title, *_ in MISTAKES]
    assert len(set(titles)) == len(titles)
