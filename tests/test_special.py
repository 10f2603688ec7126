"""The functions of `scipy.special`: values of SciPy, derivatives of both modes against mpmath."""
# ruff: noqa: E501 (a row of a table is one line)

import ast
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from oracles import assert_same, numerical_gradient

import symgrad
from symgrad import MissingRuleError, SpecError, TraceError
from symgrad.ops import FRONT
from symgrad.ops.special import NAMES
from symgrad.study import emitted

special = pytest.importorskip("scipy.special")

mp = mpmath.mp
NEAR = [0.3, 0.9, 1.7, -0.4, -1.6]
ABOVE = [0.2, 0.7, 1.3, 2.9, 7.1]
INSIDE = [0.05, 0.3, 0.5, 0.83, 0.99]


def cumulative(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


# Function of SciPy, the same by mpmath, points, also where a formula might lose its digits.
OF_ONE = [
    ("erf", mp.erf, [*NEAR, 0.0, 5.0, -5.0]),
    ("erfc", mp.erfc, [*NEAR, 0.0, 20.0]),
    ("erfi", mp.erfi, [*NEAR, 0.0]),
    ("erfcx", lambda x: mp.exp(x**2) * mp.erfc(x), [*NEAR, 0.0, 30.0]),
    ("dawsn", lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-(x**2)) * mp.erfi(x), [*NEAR, 0.0]),
    ("erfinv", mp.erfinv, [0.1, -0.7, 0.0, 0.999]),
    ("erfcinv", lambda x: mp.erfinv(1 - x), [0.1, 1.7, 1.0]),
    ("ndtr", cumulative, [*NEAR, 0.0, -30.0]),
    ("log_ndtr", lambda x: mp.log(cumulative(x)), [*NEAR, 0.0, -40.0, -1e3, 9.0]),
    ("ndtri", lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), INSIDE),
    ("expit", lambda x: 1 / (1 + mp.exp(-x)), [*NEAR, 0.0, -50.0, -600.0]),
    ("logit", lambda p: mp.log(p / (1 - p)), INSIDE),
    ("log_expit", lambda x: -mp.log(1 + mp.exp(-x)), [*NEAR, 0.0, -800.0, 30.0]),
    ("entr", lambda x: -x * mp.log(x), ABOVE),
    ("exp10", lambda x: mp.mpf(10) ** x, NEAR),
    ("exp2", lambda x: mp.mpf(2) ** x, NEAR),
    ("expm1", mp.expm1, [*NEAR, 1e-12]),
    ("log1p", mp.log1p, [*ABOVE, 1e-12]),
    ("cbrt", mp.cbrt, ABOVE),
    ("cosm1", lambda x: mp.cos(x) - 1, [*NEAR, 1e-9]),
    ("exprel", lambda x: mp.expm1(x) / x, [*NEAR, 1e-9, -1e-5, 1e-300, 9.0, -9.0]),
    ("gammaln", mp.loggamma, [*ABOVE, 1e-8, 1e8]),
    ("loggamma", mp.loggamma, ABOVE),
    ("gamma", mp.gamma, [*ABOVE, -0.5]),
    ("digamma", mp.digamma, ABOVE),
    ("psi", mp.digamma, ABOVE),
    ("expi", mp.ei, [*ABOVE, -0.8]),
    ("exp1", mp.e1, ABOVE),
    ("j0", lambda x: mp.besselj(0, x), [*NEAR, 0.0]),
    ("j1", lambda x: mp.besselj(1, x), [*NEAR, 0.0]),
    ("y0", lambda x: mp.bessely(0, x), ABOVE),
    ("y1", lambda x: mp.bessely(1, x), ABOVE),
    ("i0", lambda x: mp.besseli(0, x), [*NEAR, 0.0]),
    ("i1", lambda x: mp.besseli(1, x), [*NEAR, 0.0]),
    ("i0e", lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), NEAR),
    ("i1e", lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), NEAR),
    ("k0", lambda x: mp.besselk(0, x), ABOVE),
    ("k1", lambda x: mp.besselk(1, x), ABOVE),
    ("k0e", lambda x: mp.exp(x) * mp.besselk(0, x), ABOVE),
    ("k1e", lambda x: mp.exp(x) * mp.besselk(1, x), ABOVE),
    ("softplus", lambda x: mp.log(1 + mp.exp(x)), [*NEAR, 800.0]),
]  # fmt: skip

# The same of more operands: which of them is the variable, the others, points.
OF_MORE = [
    ("polygamma", mp.polygamma, 1, (2,), ABOVE),
    ("polygamma", mp.polygamma, 1, (0,), ABOVE),
    ("betaln", lambda a, b: mp.log(mp.beta(a, b)), 0, (1.3,), ABOVE),
    ("betaln", lambda a, b: mp.log(mp.beta(a, b)), 1, (1.3,), ABOVE),
    ("beta", mp.beta, 0, (1.3,), ABOVE),
    ("beta", mp.beta, 1, (0.4,), ABOVE),
    ("binom", mp.binomial, 0, (1.3,), ABOVE),
    ("binom", mp.binomial, 1, (5.3,), ABOVE[:4]),
    ("xlogy", lambda x, y: x * mp.log(y), 0, (1.3,), [*NEAR, 0.0]),
    ("xlogy", lambda x, y: x * mp.log(y), 1, (1.3,), ABOVE),
    ("xlog1py", lambda x, y: x * mp.log1p(y), 0, (1.3,), [*NEAR, 0.0]),
    ("xlog1py", lambda x, y: x * mp.log1p(y), 1, (1.3,), [*ABOVE, 0.0]),
    ("rel_entr", lambda x, y: x * mp.log(x / y), 0, (1.3,), ABOVE),
    ("rel_entr", lambda x, y: x * mp.log(x / y), 1, (1.3,), ABOVE),
    ("kl_div", lambda x, y: x * mp.log(x / y) - x + y, 0, (1.3,), ABOVE),
    ("kl_div", lambda x, y: x * mp.log(x / y) - x + y, 1, (1.3,), ABOVE),
    ("powm1", lambda x, y: x**y - 1, 0, (1.3,), ABOVE),
    ("powm1", lambda x, y: x**y - 1, 1, (1.3,), [*NEAR, 1e-12]),
    ("boxcox", lambda x, k: (x**k - 1) / k, 0, (1.3,), ABOVE),
    ("boxcox", lambda x, k: (x**k - 1) / k, 1, (1.7,), [*NEAR, 1e-9, 1e-300]),
    ("boxcox1p", lambda x, k: ((1 + x) ** k - 1) / k, 0, (0.3,), ABOVE),
    ("boxcox1p", lambda x, k: ((1 + x) ** k - 1) / k, 1, (1.7,), [*NEAR, 1e-9, 1e-300]),
    ("inv_boxcox", lambda y, k: (k * y + 1) ** (1 / k), 0, (0.3,), ABOVE),
    ("inv_boxcox1p", lambda y, k: (k * y + 1) ** (1 / k) - 1, 0, (0.3,), ABOVE),
    ("huber", lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), 0, (1.1,), ABOVE),
    ("huber", lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), 1, (1.1,), NEAR),
    ("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), 0, (1.1,), ABOVE),
    ("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), 0, (1e-6,), ABOVE),
    ("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), 1, (1.1,), NEAR),
    ("gammainc", lambda a, x: mp.gammainc(a, 0, x, regularized=True), 1, (1.7,), ABOVE),
    ("gammaincc", lambda a, x: mp.gammainc(a, x, regularized=True), 1, (1.7,), ABOVE),
    ("betainc", lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), 2, (1.7, 0.6), INSIDE),
    ("betaincc", lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True), 2, (1.7, 2.6), INSIDE),
    ("zeta", mp.zeta, 1, (2.5,), ABOVE),
    ("expn", mp.expint, 1, (3,), ABOVE),
    ("hyp0f1", mp.hyp0f1, 1, (1.5,), NEAR),
    ("hyp1f1", mp.hyp1f1, 2, (1.5, 2.5), NEAR),
    ("jv", mp.besselj, 1, (0.5,), ABOVE),
    ("jn", mp.besselj, 1, (2,), [*NEAR, 0.0]),
    ("yv", mp.bessely, 1, (0.5,), ABOVE),
    ("yn", mp.bessely, 1, (2,), ABOVE),
    ("iv", mp.besseli, 1, (0.5,), ABOVE),
    ("kv", mp.besselk, 1, (0.5,), ABOVE),
    ("kn", mp.besselk, 1, (3,), ABOVE),
    ("ive", lambda v, x: mp.exp(-abs(x)) * mp.besseli(v, x), 1, (0.5,), ABOVE),
    ("kve", lambda v, x: mp.exp(x) * mp.besselk(v, x), 1, (0.5,), ABOVE),
]  # fmt: skip
CASES = [(name, exact, 0, (), points) for name, exact, points in OF_ONE] + OF_MORE
IDS = [f"{name} by {k}" if rest else name for name, _, k, rest, _ in CASES]
INVERSES = [("gammaincinv", "gammainc"), ("gammainccinv", "gammaincc"), ("betaincinv", "betainc")]


def of(name, k, rest):
    """Return a function of SciPy as one of an array, its other operands constants."""
    function = getattr(special, name, None)
    if function is None:
        pytest.skip(f"this SciPy has no {name}")

    def total(x):
        return np.sum(function(*rest[:k], x, *rest[k:]))

    return total


def derivatives(exact, k, rest, points, order):
    with mp.workdps(60):
        given = [mp.mpf(p) for p in rest]
        along = lambda x: exact(*given[:k], x, *given[k:])
        values = [mp.diff(along, mp.mpf(p), order, h=mp.mpf(10) ** -15 * max(abs(p), 1e-3))
                  for p in points]  # fmt: skip
        return np.array([float(mp.re(v)) for v in values])


@pytest.mark.parametrize(("name", "exact", "k", "rest", "points"), CASES, ids=IDS)
def test_a_derivative_is_that_of_mpmath_to_the_last_digits(name, exact, k, rest, points):
    total, x = of(name, k, rest), np.array(points)
    c = symgrad.compile(total)
    value, found = c.value_and_grad(x)
    assert_same(value, total(x), rtol=1e-14)
    wanted = derivatives(exact, k, rest, points, 1)
    assert_same(found, wanted, rtol=2e-11, atol=1e-14)
    assert_same(c.backward(c.forward(x)[1]), found, rtol=1e-14)
    v = np.cos(x)
    assert_same(symgrad.jvp(total, (x,), (v,))[1], wanted @ v, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("name", "exact", "k", "rest", "points"), CASES, ids=IDS)
def test_its_second_derivative_is_that_of_mpmath(name, exact, k, rest, points):
    total, x = of(name, k, rest), np.array(points)
    if name == "huber":
        pytest.skip("its slope has a kink")
    x = x[np.abs(x) > 1e-100] if k else x  # where mpmath's differences end
    points = x.tolist()
    found = symgrad.hvp(total)(x, np.ones_like(x))
    wanted = derivatives(exact, k, rest, points, 2)
    assert_same(found, wanted, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize(("name", "inverse_of"), INVERSES)
def test_the_derivative_of_an_inverse_is_one_over_that_of_the_function(name, inverse_of):
    p = np.array([0.1, 0.5, 0.8])
    rest = (1.7, 0.6)[: 2 if "beta" in name else 1]
    x = getattr(special, name)(*rest, p)
    slope = symgrad.grad(of(inverse_of, len(rest), rest))(x)
    assert_same(symgrad.grad(of(name, len(rest), rest))(p), 1 / slope, rtol=1e-10)


def test_every_row_has_a_case():
    named = {name for name, *_ in CASES} | {name for name, _ in INVERSES} | {"gammasgn"}
    assert sorted(NAMES - named) == []


def test_only_emitted_functions_may_be_executed_and_all_of_them():
    assert set(emitted.SPECIAL) == NAMES | {"logsumexp", "softmax", "log_softmax"}


# --- over axes --------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
X, W, T = RNG.normal(size=(3, 4)), RNG.uniform(0.2, 2, (3, 4)), RNG.normal(size=(2, 3, 4))
WEIGHTS = np.sin(np.arange(24.0).reshape(2, 3, 4))
PROGRAMS = [
    ("logsumexp", lambda x: special.logsumexp(x) ** 2, [X]),
    ("logsumexp along an axis", lambda x: np.sum(special.logsumexp(x, 1) ** 2), [X]),
    ("logsumexp, axis kept", lambda x: np.sum((x - special.logsumexp(x, axis=-1, keepdims=True)) ** 3), [X]),
    ("logsumexp along two axes", lambda x: np.sum(special.logsumexp(x, axis=(0, -1)) ** 2), [T]),
    ("logsumexp of a number", lambda x: special.logsumexp(x[0]) ** 2, [X[0]]),
    ("logsumexp of a list", lambda x: special.logsumexp([x[0], 2 * x[1]]) ** 2, [X[0]]),
    ("logsumexp with weights", lambda x, w: np.sum(special.logsumexp(x, axis=0, b=w) ** 2), [X, W]),
    ("logsumexp with a row of weights", lambda x, w: np.sum(special.logsumexp(x, axis=1, b=w[0]) ** 2), [X, W]),
    ("logsumexp of a row, many weights", lambda x, w: special.logsumexp(x[0], b=w) ** 2, [X, W]),
    ("logsumexp with a constant weight", lambda x: special.logsumexp(x, b=1 / 7) ** 2, [X]),
    ("softmax", lambda x: np.sum(special.softmax(x) * WEIGHTS[0]), [X]),
    ("softmax along an axis", lambda x: np.sum(special.softmax(x, axis=1) * WEIGHTS[0]), [X]),
    ("softmax along two axes", lambda x: np.sum(special.softmax(x, axis=(0, -1)) * WEIGHTS), [T]),
    ("log_softmax", lambda x: np.sum(special.log_softmax(x) * WEIGHTS[0]), [X]),
    ("log_softmax along an axis", lambda x: np.sum(special.log_softmax(x, -1) * WEIGHTS[0]), [X]),
    ("log_softmax along two axes", lambda x: np.sum(special.log_softmax(x, axis=(0, 2)) * WEIGHTS), [T]),
    ("cross-entropy", lambda x: np.mean(special.logsumexp(x, axis=1) - x[np.arange(3), [0, 2, 1]]), [X]),
    ("outer", lambda x, w: np.sum(special.betaln.outer(w[0], w[1]) * x[:1, :1]), [X, W]),
    ("np.i0", lambda x: np.sum(np.i0(x) * WEIGHTS[0]), [X]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "args"), [case[1:] for case in PROGRAMS], ids=[case[0] for case in PROGRAMS]
)
def test_value_and_derivatives_are_those_of_finite_differences(function, args):
    wrt = tuple(range(len(args)))
    c = symgrad.compile(function, wrt=wrt)
    value, grads = c.value_and_grad(*args)
    assert_same(value, function(*args), rtol=1e-13)
    for k, grad in enumerate(grads):
        assert_same(grad, numerical_gradient(function, args, k), rtol=1e-8, atol=1e-9)
    x, *rest = args
    v = np.cos(x)
    gradient = symgrad.grad(function)
    step = 1e-5
    moved = (gradient(x + step * v, *rest) - gradient(x - step * v, *rest)) / (2 * step)
    assert_same(symgrad.hvp(function)(x, *rest, v), moved, rtol=1e-6, atol=1e-7)


def test_a_sum_of_nothing_but_zeros_is_minus_infinity_as_in_scipy():
    x = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    c = symgrad.compile(lambda x: special.logsumexp(x, axis=1)[1])
    assert c.forward(x)[0] == 0.0
    c = symgrad.compile(lambda x: special.logsumexp(x[0]))
    assert c.forward(x)[0] == -np.inf


def test_zero_times_a_logarithm_has_slope_zero_in_what_it_is_of():
    for function in (special.xlogy, special.rel_entr):
        found = symgrad.grad(lambda y, x, f=function: np.sum(f(x, y)))(np.zeros(2), np.zeros(2))
        assert_same(found, np.zeros(2))
    found = symgrad.grad(lambda y, x: np.sum(special.kl_div(x, y)))(np.zeros(2), np.zeros(2))
    assert_same(found, np.ones(2))


# --- text -------------------------------------------------------------------------------------


def neuron(w, x, y):
    p = special.expit(x @ w)
    return -np.mean(special.xlogy(y, p) + special.xlogy(1 - y, 1 - p))


def shadowed(special_functions, special):
    return np.sum(gammaln(special_functions) * special)


gammaln = special.gammaln


def test_scipy_is_imported_where_it_is_called_and_nowhere_else():
    c = symgrad.compile(neuron)
    c.grad(np.ones(2), np.ones((3, 2)), np.array([0.0, 1.0, 1.0]))
    assert "\nfrom scipy import special\n" in c.source
    assert "needs NumPy and SciPy." in c.source
    assert "special.expit(" in c.source
    c = symgrad.compile(lambda x: np.sum(special.softmax(x, axis=0) ** 2))
    c.grad(np.ones(3))
    assert "from scipy" not in c.source and "needs only NumPy." in c.source


def test_the_users_own_name_for_something_else_hides_no_module():
    c = symgrad.compile(shadowed)
    x = np.array([1.5, 2.5])
    assert_same(c.grad(x, 2.0), 2 * special.digamma(x))
    assert "from scipy import special as special2" in c.source
    emitted.refuse_foreign_code(ast.parse(c.source))


def test_a_sigmoid_is_written_by_expit_only_beside_scipys():
    c = symgrad.compile(lambda x: np.sum(1 / (1 + np.exp(-x))))
    c.grad(np.ones(2))
    assert "expit(" not in c.source
    c = symgrad.compile(lambda x: np.sum(np.log(special.expit(x))))
    assert_same(c.grad(np.array([-800.0, 800.0])), np.array([1.0, 0.0]))


def test_an_emitted_module_of_scipys_functions_is_verified():
    c = symgrad.compile(neuron)
    c.grad(np.ones(2), np.ones((3, 2)), np.array([0.0, 1.0, 1.0]))
    read = emitted.read(c.source)
    w, x, y = np.array([0.3, -0.2]), X[:, :2], np.array([0.0, 1.0, 1.0])
    assert_same(read.load().value_and_grad(w, x, y)[1], c.grad(w, x, y), rtol=1e-14)
    for foreign in ("special.orthogonal.p_roots", "special.test", "special.errstate"):
        with pytest.raises(SpecError):
            emitted.read(c.source.replace("special.expit", foreign))


def test_gate_by_gate_modules_import_scipy_too():
    found = symgrad.gates(lambda x: np.log(special.gammaln(x) + special.erf(x)), 3.5)
    assert "\nfrom scipy import special\n" in str(found)
    value, (slope,) = found.value_and_grad(3.5)
    assert value == pytest.approx(np.log(special.gammaln(3.5) + special.erf(3.5)))
    wanted = numerical_gradient(lambda x: np.log(special.gammaln(x) + special.erf(x)), (3.5,), 0)
    assert_same(slope, wanted)


def test_single_precision_stays_single():
    x = np.array([0.5, 1.5], np.float32)
    for name in ("erf", "gammaln", "expit", "i0e", "log_ndtr"):
        value, grad = symgrad.value_and_grad(of(name, 0, ()))(x)
        assert value.dtype == grad.dtype == np.float32


# --- what is refused --------------------------------------------------------------------------

REFUSED = [
    ("the order", MissingRuleError, "no rule for the derivative by its order", lambda x: np.sum(special.jv(x, 1.0))),
    ("a parameter", MissingRuleError, "gammainc has no rule for the derivative by its shape", lambda x: np.sum(special.gammainc(x, 2.0))),
    ("a sign besides", TraceError, "the argument `return_sign` is not supported", lambda x: special.logsumexp(x, return_sign=True)[0]),
    ("Riemann's zeta", TraceError, "only zeta.x, q. is known", lambda x: np.sum(special.zeta(x))),
    ("an unknown ufunc", TraceError, "scipy.special.ellipk is not known", lambda x: np.sum(special.ellipk(x))),
    ("an unknown function", TraceError, "scipy.special.*multigammaln is not known", lambda x: special.multigammaln(x[0], 2)),
    ("out", TraceError, "writes into an array|did not make", lambda x: np.sum(special.erf(x, out=np.zeros(2)))),
    ("a part of the elements", TraceError, "the argument `where` is not supported", lambda x: np.sum(special.erf(x, where=np.array([True, False])))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "words", "function"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_is_not_known_is_refused_by_name(error, words, function):
    with pytest.raises(error, match=words) as caught:
        symgrad.grad(function)(np.array([1.5, 2.5]))
    assert "test_special.py" in str(caught.value)


def test_scipy_is_not_imported_before_a_program_does():
    program = "import symgrad, numpy as np; symgrad.grad(lambda x: np.sum(np.exp(x)))(np.ones(2))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print('scipy' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
    assert special.erf in FRONT
