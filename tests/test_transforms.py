"""Gradients, Jacobians, Hessians and products, also of one another, against independent oracles."""

import collections
import dataclasses

import numpy as np
import pytest
import sympy as sp
from oracles import slope
from programs import PROGRAMS

import symgrad
from symgrad import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from symgrad.transforms import MOST_TRANSFORMS

RNG = np.random.default_rng(3)
X = np.array([0.3, -0.4, 1.2])
A = RNG.standard_normal((3, 3))
DATA = RNG.standard_normal((5, 3))
LABELS = np.array([0, 2, 1, 1, 0])
CLASSES = np.array([1.0, 0.0, 1.0, 1.0, 0.0])


def close(mine, theirs, rtol=1e-6, atol=1e-7):
    assert np.shape(mine) == np.shape(theirs)
    np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol)


# --- what they give, on programs like those that people write ---------------------------------


def softmax_loss(W):
    s = DATA @ W
    log_p = s - s.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.sum(np.exp(log_p), axis=1, keepdims=True))
    return -log_p[np.arange(5), LABELS].mean() + 0.1 * np.sum(W**2)


def logistic_loss(w):
    p = 1 / (1 + np.exp(-(DATA @ w)))
    return -np.mean(CLASSES * np.log(p) + (1 - CLASSES) * np.log(1 - p))


def network(W):
    h = np.tanh(DATA @ W)
    return np.mean((h @ W.T - DATA) ** 2)


def recurrence(x):
    h = np.zeros(3)
    for _ in range(3):
        h = np.tanh(A @ h + x * h[::-1] + x)
    return np.sum(h**2)


def written(x):
    out = np.zeros((2, 3))
    out[0] = x**2
    out[1, 1:] = out[0, :-1] * x[1:]
    out *= 1.5
    return np.sum(out**2)


def normalised(x):
    z = (x - x.mean()) / np.sqrt(x.var() + 0.1)
    return np.sum(z**3) + np.linalg.norm(x)


def attention(x):
    q = np.outer(x, np.cos(x))
    e = np.exp(q @ q.T)
    return np.sum((e / e.sum(axis=1, keepdims=True)) @ q * A)


LOSSES = {
    "cubes": (lambda x: np.sum(x**3), X),
    "product": (lambda x: np.prod(x), X),
    "rosenbrock": (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), X),
    "quadratic form": (lambda x: x @ A @ x, X),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), X),
    "softplus": (lambda x: np.sum(np.log(1 + np.exp(x))), X),
    "softmax loss": (softmax_loss, A),
    "logistic loss": (logistic_loss, X),
    "network": (network, A),
    "recurrence": (recurrence, X),
    "item assignment": (written, X),
    "normalisation": (normalised, X),
    "attention": (attention, X),
    "cumsum and concatenate": (
        lambda x: np.sum(np.concatenate([x.cumsum(), x[::2]]) ** 3) / x.size, X,
    ),
    "gather": (lambda x: np.sum(np.sin(x[[0, 2, 2]]) * x[[1, 1, 0]]), X),
    "mask": (lambda x: np.sum(x[x > 0] ** 3) + np.sum(np.where(x > 0, x, x**4)), X),
    "einsum": (lambda x: np.einsum("i,ij,j->", np.sin(x), A, x**2), X),
    "power": (lambda x: np.sum((x**2 + 1) ** x), X),
}  # fmt: skip

losses = pytest.mark.parametrize(("f", "x"), LOSSES.values(), ids=LOSSES)


def direction(x, seed=0):
    return np.random.default_rng(seed).standard_normal(np.shape(x))


@losses
def test_grad_is_the_slope(f, x):
    v = direction(x)
    close(np.sum(grad(f)(x) * v), slope(f, (x,), (v,)))


@losses
def test_the_hessian_is_the_slope_of_the_gradient_and_symmetric(f, x):
    v = direction(x)
    found = hessian(f)(x)
    assert found.shape == x.shape * 2
    close(np.tensordot(found, v, v.ndim), slope(grad(f), (x,), (v,)))
    square = found.reshape(x.size, x.size)
    close(square, square.T)


@losses
def test_hvp_is_the_hessian_times_v(f, x):
    v = direction(x)
    close(hvp(f)(x, v), np.tensordot(hessian(f)(x), v, v.ndim), 1e-9, 1e-11)


@losses
def test_third_derivatives_are_slopes_of_second_ones(f, x):
    v, u = direction(x), direction(x, 1)

    def curvature(x):
        return np.sum(hvp(f)(x, v) * v)

    close(np.sum(grad(curvature)(x) * u), slope(curvature, (x,), (u,)))


@losses
def test_jvp_is_the_slope_and_adjoint_to_vjp(f, x):
    v, u = direction(x), direction(x, 1)
    gradient = grad(f)
    value, tangent = jvp(gradient, (x,), (v,))
    close(value, gradient(x), 1e-9, 1e-11)
    close(tangent, slope(gradient, (x,), (v,)))
    again, pullback = vjp(gradient, x)
    close(again, value, 1e-9, 1e-11)
    close(np.sum(pullback(u)[0] * v), np.sum(u * tangent), 1e-9, 1e-10)


def smooth(program):
    """Return the program's floats and a function of them that gives an array of floats."""
    places = program.floats

    def run(*floats):
        args = list(program.args)
        for k, x in zip(places, floats, strict=True):
            args[k] = x
        return program.function(*args)

    return run, tuple(program.args[k] for k in places)


def check_products(program):
    """Check on one program that jvp is the slope, vjp its adjoint, and both have slopes."""
    f, args = smooth(program)
    if not args or np.asarray(f(*args)).dtype != np.float64:
        return
    vs = tuple(direction(x, k) for k, x in enumerate(args))
    value, tangent = jvp(f, args, vs)
    close(value, f(*args), 1e-9, 1e-11)
    close(tangent, slope(f, args, vs), 1e-5, 1e-6)
    u = direction(value, 9)
    _, pullback = vjp(f, *args)
    pulled = pullback(u)
    close(sum(np.sum(p * v) for p, v in zip(pulled, vs, strict=True)), np.sum(u * tangent), 1e-8)

    def along(args):
        return np.sum(u * jvp(f, args, vs)[1])

    mine = sum(np.sum(g * v) for g, v in zip(grad(along)(args), vs, strict=True))
    close(mine, slope(lambda *args: along(args), args, vs), 1e-5, 1e-5)


OFTEN = PROGRAMS[::12]


@pytest.mark.parametrize("program", OFTEN, ids=lambda p: p.label)
def test_products_with_the_derivative_of_any_op(program):
    check_products(program)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.label)
def test_products_with_the_derivative_of_every_op(program):
    check_products(program)


# --- deep -------------------------------------------------------------------------------------

SCALARS = {
    "x**5": (lambda x: x**5, lambda x: x**5),
    "x sin x": (lambda x: x * np.sin(x), lambda x: x * sp.sin(x)),
    "exp(sin x)": (lambda x: np.exp(np.sin(x)), lambda x: sp.exp(sp.sin(x))),
    "tanh": (np.tanh, sp.tanh),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + sp.exp(-x))),
    "softplus": (lambda x: np.log(1 + np.exp(x)), lambda x: sp.log(1 + sp.exp(x))),
    "1 / (1 + x**2)": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x**2)),
    "x**x": (lambda x: x**x, lambda x: x**x),
    "sqrt(1 + x**2)": (lambda x: np.sqrt(1 + x**2), lambda x: sp.sqrt(1 + x**2)),
    "arctan(log x)": (lambda x: np.arctan(np.log(x)), lambda x: sp.atan(sp.log(x))),
    "arctan2": (lambda x: np.arctan2(x, x**2), lambda x: sp.atan2(x, x**2)),
    "logaddexp": (lambda x: np.logaddexp(x, -x * x), lambda x: sp.log(sp.exp(x) + sp.exp(-x * x))),
}


@pytest.mark.parametrize(("f", "formula"), SCALARS.values(), ids=SCALARS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_deep_derivative_is_that_of_sympy(f, formula, order):
    t = sp.Symbol("t", positive=True)
    wanted = sp.diff(formula(t), t, order).subs(t, sp.Rational(7, 10)).evalf(30)
    derivative = (lambda g: lambda x: g(x))(f)  # NumPy's own functions have no signature
    for _ in range(order):
        derivative = grad(derivative)
    close(float(derivative(0.7)), float(wanted), 1e-9)


# --- nesting ----------------------------------------------------------------------------------


def test_a_derivative_within_a_function_sees_its_variables():
    assert grad(lambda x: x * grad(lambda y: x * y**3)(2.0))(3.0) == pytest.approx(72.0)


def test_derivatives_by_equal_values_do_not_mix():
    # A. Siskind and B. Pearlmutter, "Nesting forward-mode AD in a functional framework" (2008).
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(1.0) == 1.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(5.0) == 20.0
    assert grad(lambda x: x * grad(lambda y: x)(x))(2.0) == 0.0
    assert grad(lambda x: grad(lambda x: grad(lambda x: x**4)(x))(x))(2.0) == 48.0
    both = grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * z)(y))(x))
    assert both(3.0) == pytest.approx(24.0)  # d/dx of 4 x x


def test_the_order_of_two_different_variables_does_not_matter():
    def f(x, y):
        return np.sum(np.sin(x * y) * y)

    def by_y(x, y):
        return np.sum(grad(f, 1)(x, y) * X)

    mixed = jacobian(grad(f, 0), 1)(X, 2 * X)
    close(grad(by_y, 0)(X, 2 * X), mixed @ X, 1e-9)


def test_every_transform_works_within_a_trace():
    def f(x):
        return np.sum(np.sin(x) * x)

    def parts(x):
        value, g = value_and_grad(f)(x)
        _, pullback = vjp(lambda y: y * np.cos(x), x)
        _, tangent = jvp(grad(f), (x,), (x,))
        inner = np.sum(hessian(f)(x) @ x) + np.sum(jacobian(grad(f))(x) ** 2)
        return value + g @ g + pullback(x)[0] @ tangent + inner + np.sum(hvp(f)(x, x) ** 2)

    v = direction(X)
    close(grad(parts)(X) @ v, slope(parts, (X,), (v,)))


def test_a_compiled_function_is_differentiated_again():
    cubed = symgrad.compile(lambda y: np.sum(y**3))
    close(grad(lambda x: cubed(x) * np.sum(cubed.grad(x)))(X), (
        3 * X**2 * np.sum(3 * X**2) + np.sum(X**3) * 6 * X
    ))  # fmt: skip


def test_a_compiled_gradient_has_a_text_of_its_own():
    c = symgrad.compile(lambda w: np.sum(grad(logistic_loss)(w) ** 2))
    c(X)
    assert "alias" not in c.source
    assert c.source.count("np.exp") == 2  # in forward and value_and_grad: backward has it


def test_an_outer_array_that_is_written_later_is_not_seen_too_early():
    def f(x):
        rows = np.zeros((2, 3))
        rows[0] = x
        g = grad(lambda y: np.sum(y**2 * rows[0]))(x)
        rows[0] = g
        return np.sum(rows)

    close(grad(f)(X), 4 * X)


# --- structures -------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "w b")


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float


def affine(p, scale):
    return np.sum(np.tanh(p.w * scale) ** 2) + p.b**3


@pytest.mark.parametrize("kind", [Pair, Layer])
def test_structures_are_mirrored(kind):
    p, v = kind(X, 2.0), kind(direction(X), 0.5)
    g = grad(affine)(p, 1.5)
    assert type(g) is kind
    assert g.b == pytest.approx(12.0)
    product = hvp(affine)(p, 1.5, v)
    assert type(product) is kind
    assert product.b == pytest.approx(6.0)
    _value, tangent = jvp(affine, (p, 1.5), (v, 0.0))
    close(tangent, np.sum(g.w * v.w) + g.b * v.b)
    back, scale = vjp(affine, p, 1.5)[1](1.0)
    assert type(back) is kind
    close(back.w, g.w)
    close(scale, grad(affine, 1)(p, 1.5))


def test_a_value_may_be_a_structure_with_names():
    def f(p):
        return Pair(p.w**2, p.b * p.w)

    p = Pair(X, 2.0)
    value, pullback = vjp(f, p)
    close(value.w, X**2)
    close(pullback(Pair(X, X))[0].w, 2 * X * X + 2 * X)
    assert type(jacobian(f)(p).w) is Pair
    value, tangent = jvp(f, (p,), (p,))
    assert type(value) is type(tangent) is Pair
    close(tangent.b, 4 * X)


def test_a_tuple_in_wrt_gives_tuples():
    f = lambda x, c: np.sum(x**2) * c
    (xx, xc), (cx, cc) = hessian(f, (0, "c"))(X, 3.0)
    close(xx, 6 * np.eye(3))
    close(xc, 2 * X)
    close(cx, 2 * X)
    assert cc == 0
    assert isinstance(grad(f, [1])(X, 3.0), tuple)
    products = hvp(f, (0, 1))(X, 3.0, (X, 1.0))
    close(products[0], 8 * X)
    close(products[1], 2 * np.sum(X**2))


def test_outputs_may_be_structures():
    def f(x):
        return {"square": x**2, "sum": (np.sum(x), 2.0)}

    found = jacobian(f)(X)
    close(found["square"], np.diag(2 * X))
    close(found["sum"][0], np.ones(3))
    close(found["sum"][1], np.zeros(3))
    _value, pullback = vjp(f, X)
    close(pullback({"square": X, "sum": (1.0, 5.0)})[0], 2 * X * X + 1)
    close(jvp(f, (X,), (X,))[1]["square"], 2 * X * X)


def test_positional_arguments_of_any_number_have_a_cotangent_each():
    _value, pullback = vjp(lambda *xs: xs[0] * xs[1], X, 2 * X)
    first, second = pullback(np.ones(3))
    close(first, 2 * X)
    close(second, X)


def test_defaults_and_keywords_are_passed_on():
    def f(x, power=2.0, *, scale=1.0):
        return scale * np.sum(x**power)

    close(grad(f)(X, scale=3.0), 6 * X)
    close(hvp(f)(X, X, scale=3.0), 6 * X)
    close(hvp(f)(X, 3.0, X), 6 * X * X)
    close(hessian(f)(X, power=3.0), np.diag(6 * X))


def test_aux_is_handed_on():
    def f(x):
        return np.sum(x**2), {"double": 2 * x}

    (value, aux), g = value_and_grad(f, has_aux=True)(X)
    close(aux["double"], 2 * X)
    g, aux = grad(f, has_aux=True)(X)
    close(g, 2 * X)
    assert value == pytest.approx(np.sum(X**2))
    nested = grad(lambda x: np.sum(grad(f, has_aux=True)(x)[1]["double"] ** 2))
    close(nested(X), 8 * X)


def test_what_does_not_reach_the_output_gets_zeros_of_its_shape():
    f = lambda x, y, c: np.sum(x)
    gx, gy, gc = grad(f, (0, 1, 2))(X, A, 2.0)
    close(gx, np.ones(3))
    close(gy, np.zeros((3, 3)))
    assert gc == 0.0
    close(hessian(f, 1)(X, A, 2.0), np.zeros((3, 3, 3, 3)))
    close(hvp(f, 1)(X, A, 2.0, A), np.zeros((3, 3)))
    close(jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    close(jvp(lambda x: np.ones(2), (X,), (X,))[1], np.zeros(2))
    close(vjp(lambda x, y: x * 2, X, A)[1](X)[1], np.zeros((3, 3)))
    close(grad(lambda x: np.sum(grad(lambda y: np.sum(x**2))(x)))(X), np.zeros(3))


def test_integers_count_as_floats_and_single_precision_stays():
    assert grad(grad(lambda x: x**3))(2) == 12.0
    assert jvp(lambda x: x**3, (2,), (1,)) == (8.0, 12.0)
    single = X.astype(np.float32)
    f = lambda x: np.sum(x**3)
    for found in (
        grad(f)(single), hessian(f)(single), hvp(f)(single, X),
        jvp(grad(f), (single,), (X,))[1], vjp(grad(f), single)[1](X)[0],
    ):  # fmt: skip
        assert found.dtype == np.float32


def test_empty_arrays_have_empty_derivatives():
    empty = np.zeros(0)
    assert grad(lambda x: np.sum(x**2))(empty).shape == (0,)
    assert jacobian(lambda x: x**2)(empty).shape == (0, 0)
    assert hvp(lambda x: np.sum(x**2))(empty, empty).shape == (0,)


# --- nothing is shared, changed or done twice -------------------------------------------------


def test_arguments_are_neither_changed_nor_shared():
    x, v = X.copy(), X.copy()
    _, pullback = vjp(lambda x, y: (x, x + y, x * y), x, v)
    found = [
        *pullback((v, v, v)), *jvp(lambda x: x, (x,), (v,)), hvp(lambda x: np.sum(x**2) / 2)(x, v),
        grad(lambda x, w: np.sum(x * w))(x, v), jacobian(lambda x: x)(x),
    ]  # fmt: skip
    for k, one in enumerate(found):
        one += 1.0
        assert not any(np.shares_memory(one, other) for other in (x, v, *found[:k]))
    close(x, X, 0, 0)
    close(v, X, 0, 0)


def test_a_function_is_traced_once(monkeypatch):
    from symgrad import specialise

    runs = []
    monkeypatch.setattr(
        specialise, "trace", lambda *a, original=specialise.trace: runs.append(1) or original(*a)
    )

    def f(x):
        return np.sum(x**2)

    for _ in range(3):
        symgrad.grad(f)(X)
        symgrad.hvp(f)(X, X)
        symgrad.hessian(f)(X)
        symgrad.jvp(f, (X,), (X,))
        symgrad.vjp(f, X)
    assert len(runs) == 5


def test_few_functions_are_remembered():
    from symgrad.transforms import _remembered

    for k in range(2 * MOST_TRANSFORMS):
        grad(lambda x, k=k: x)
    assert _remembered.cache_info().currsize <= MOST_TRANSFORMS


def test_a_function_made_in_a_trace_is_forgotten():
    from symgrad.transforms import _remembered

    outer = symgrad.compile(lambda x: x * grad(lambda y: x * y)(x), check=None)
    before = _remembered.cache_info().currsize
    outer.grad(2.0)
    assert _remembered.cache_info().currsize == before


def test_one_text_serves_every_size():
    def f(x):
        return np.sum(np.sin(x) ** 2)

    product = symgrad.hvp(f)
    for n in (3, 5, 1, 0):
        x = np.linspace(0.1, 1.0, n)
        close(product(x, x), 2 * np.cos(2 * x) * x)


# --- what is refused --------------------------------------------------------------------------

MISTAKES = [
    ("an array is no loss", symgrad.LossError, "not one number",
     lambda: grad(lambda x: np.sum(grad(lambda y: y**2)(x)))(X)),
    ("nor is a tuple", symgrad.LossError, "returns a tuple",
     lambda: grad(lambda x: grad(lambda y: (np.sum(y), 1.0))(x)[0])(X)),
    ("integers in wrt", symgrad.WrtError, "dtype int64",
     lambda: grad(lambda x: np.sum(grad(lambda y: np.sum(y * 2.0))(np.arange(3)) * x))(X)),
    ("unknown wrt", symgrad.WrtError, "no parameter", lambda: grad(lambda x: x, "y")),
    ("a cotangent of another shape", symgrad.ShapeError, "cotangent has shape",
     lambda: vjp(lambda x: x**2, X)[1](1.0)),
    ("a cotangent of another structure", symgrad.ArgumentError, "structure",
     lambda: vjp(lambda x: (x, x), X)[1](X)),
    ("a tangent of another shape", symgrad.ShapeError, "tangent has shape",
     lambda: jvp(lambda x: x**2, (X,), (1.0,))),
    ("too few tangents", symgrad.ArgumentError, "one tangent for each primal",
     lambda: jvp(lambda x, y: x * y, (X, X), (X,))),
    ("no v", symgrad.ArgumentError, "v is missing", lambda: hvp(lambda x: np.sum(x))()),
    ("v of another shape", symgrad.ShapeError, "v of hvp has shape",
     lambda: hvp(lambda x: np.sum(x**2))(X, np.ones(4))),
    ("writing into what is differentiated by", symgrad.TraceError, "caller's array",
     lambda: grad(lambda x: np.sum(grad(overwritten)(x)))(X)),
    ("no primals", symgrad.ArgumentError, "no primals", lambda: vjp(lambda: 1.0)),
]  # fmt: skip


def overwritten(y):
    y += 1.0
    return np.sum(y**2)


@pytest.mark.parametrize(
    ("error", "message", "program"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_named(error, message, program):
    with pytest.raises(error, match=message):
        program()
