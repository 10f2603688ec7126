"""`symgrad.losses` and `symgrad.nn`: values by mpmath, gradients as their docstrings say.

The formula of a gradient is read from the docstring of its function, so it cannot go stale.
"""

import inspect
import re

import mpmath
import numpy as np
import pytest
from oracles import assert_same, numerical_gradient

import symgrad
from symgrad import losses, nn

RNG = np.random.default_rng(7)
N, K = 5, 3
SCORES = RNG.normal(size=(N, K))
LARGE = np.array([[1e3, 0, -1e3], [-1e3, 1e3, 0], [0, 0, 0], [1e3, 1e3, 1e3], [40, -40, 1.0]])
LABELS = np.array([0, 2, 1, 2, 1])
ONE_HOT = np.eye(K)[LABELS]
SOFT = np.abs(RNG.normal(size=(N, K)))
SOFT /= SOFT.sum(axis=1, keepdims=True)
COLUMN = RNG.normal(size=N)
STRESS = np.array([1e3, -1e3, 0.0, 40.0, -1e3])
BINARY = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
REAL = RNG.normal(size=N)
COUNTS = np.array([0.0, 3.0, 1.0, 2.0, 7.0])
WEIGHTS = np.array([1.0, 2.0, 0.5, 0.0, 3.0])
CLASSES = np.array([1.0, 2.0, 0.25])

# --- oracles: one example at a time, to 60 digits -------------------------------------------------


def mp_log_p(scores):
    total = mpmath.log(mpmath.fsum(mpmath.exp(s) for s in scores))
    return [s - total for s in scores]


def mp_softplus(z):
    return mpmath.log(1 + mpmath.exp(z))


def mp_focal(s, y, gamma=2):
    log_p = mp_log_p(s)[int(y)]
    return -((1 - mpmath.exp(log_p)) ** gamma) * log_p


def mp_huber(a, y, delta=1):
    r = abs(a - y)
    return r**2 / 2 if r <= delta else delta * (r - mpmath.mpf(delta) / 2)


ONE = {  # the loss of one example
    "softmax_cross_entropy": lambda s, y: -mp_log_p(s)[int(y)],
    "soft_cross_entropy": lambda s, y: (
        -mpmath.fsum(a * b for a, b in zip(y, mp_log_p(s), strict=True))
    ),
    "focal": mp_focal,
    "multiclass_hinge": lambda s, y: mpmath.fsum(
        max(0, s[j] - s[int(y)] + 1) for j in range(len(s)) if j != int(y)
    ),
    "binary_cross_entropy": lambda s, y: mp_softplus(-s) if y else mp_softplus(s),
    "hinge": lambda s, y: max(0, 1 - (2 * y - 1) * s),
    "squared": lambda a, y: (a - y) ** 2,
    "absolute": lambda a, y: abs(a - y),
    "huber": mp_huber,
    "quantile": lambda a, y: max((y - a) / 2, (a - y) / 2),
    "poisson": lambda a, y: mpmath.exp(a) - y * a,
    "gaussian_nll": lambda m, v, y: (
        (mpmath.log(2 * mpmath.pi) + v + (y - m) ** 2 / mpmath.exp(v)) / 2
    ),
}

CASES = [
    ("softmax_cross_entropy", (SCORES,), LABELS),
    ("softmax_cross_entropy", (LARGE,), LABELS),
    ("soft_cross_entropy", (SCORES,), SOFT),
    ("soft_cross_entropy", (SCORES,), ONE_HOT),
    ("soft_cross_entropy", (LARGE,), SOFT),
    ("focal", (SCORES,), LABELS),
    ("focal", (LARGE,), LABELS),
    ("multiclass_hinge", (SCORES,), LABELS),
    ("multiclass_hinge", (LARGE,), LABELS),
    ("binary_cross_entropy", (COLUMN,), BINARY),
    ("binary_cross_entropy", (STRESS,), BINARY),
    ("hinge", (COLUMN,), BINARY),
    ("hinge", (STRESS,), BINARY),
    ("squared", (COLUMN,), REAL),
    ("squared", (STRESS,), REAL),
    ("absolute", (COLUMN,), REAL),
    ("absolute", (STRESS,), REAL),
    ("huber", (COLUMN,), REAL),
    ("huber", (STRESS,), REAL),
    ("quantile", (COLUMN,), REAL),
    ("quantile", (STRESS,), REAL),
    ("poisson", (COLUMN,), COUNTS),
    ("poisson", (np.array([700.0, -1e3, 0.0, 40.0, -745.0]),), COUNTS),
    ("gaussian_nll", (COLUMN, RNG.normal(size=N)), REAL),
    ("gaussian_nll", (REAL * [1, 1, 1, 2, 1], np.array([1e3, -1e3, 0.0, 40.0, -40.0])), REAL),
]
IDS = [f"{name}-{k}" for k, (name, _, _) in enumerate(CASES)]


def exactly(values):
    return [mpmath.mpf(float(v)) for v in values] if np.ndim(values) else mpmath.mpf(float(values))


def expected(name, outputs, y, weights=None):
    with mpmath.workdps(60):
        each = [ONE[name](*map(exactly, row)) for row in zip(*outputs, y, strict=True)]
        counts = [mpmath.mpf(1)] * len(each) if weights is None else exactly(weights)
        return float(
            mpmath.fsum(w * v for w, v in zip(counts, each, strict=True)) / mpmath.fsum(counts)
        )


def is_ordinary(outputs):
    return all(np.abs(x).max() < 10 for x in outputs)


def compiled(name, outputs, y, **settings):
    """Return value and gradients of a loss, from the emitted code."""
    function = getattr(losses, name)
    names = tuple(inspect.signature(function).parameters)[: len(outputs)]
    value, grads = symgrad.compile(function, wrt=names).value_and_grad(*outputs, y, **settings)
    return value, dict(zip(names, grads, strict=True))


@pytest.mark.parametrize(("name", "outputs", "y"), CASES, ids=IDS)
def test_the_value_is_that_of_mpmath(name, outputs, y):
    wanted = expected(name, outputs, y)
    for value in (getattr(losses, name)(*outputs, y), compiled(name, outputs, y)[0]):
        np.testing.assert_allclose(value, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("name", "outputs", "y"), CASES, ids=IDS)
def test_the_gradient_is_what_the_docstring_says(name, outputs, y):
    _, grads = compiled(name, outputs, y)
    said = from_docstring(getattr(losses, name), outputs, y)
    for parameter, grad in grads.items():
        assert np.all(np.isfinite(grad))
        np.testing.assert_allclose(grad, said[f"d{parameter}"], rtol=1e-12, atol=1e-15)


def from_docstring(function, outputs, y):
    """Run the formulas ``name = formula`` of a docstring on numbers."""
    parameters = inspect.signature(function).parameters
    space = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    space |= dict(zip(parameters, (*outputs, y), strict=False))
    space |= {"n": len(y), "np": np, "one_hot": lambda y: np.eye(K)[y], "rows": np.arange(len(y))}
    space |= {"softmax": nn.softmax, "sigmoid": lambda z: 0.5 + 0.5 * np.tanh(z / 2)}
    space |= {"t": 2 * y - 1}
    if function is losses.focal:
        space["p"] = np.minimum(nn.softmax(outputs[0])[space["rows"], y], 1 - 1e-16)
        space["p"] = np.maximum(space["p"], 1e-300)
    return run_formulas(function, space)


NUMPY_NAMES = ["exp", "log", "sqrt", "sign", "clip", "where", "pi"]


def run_formulas(function, space):
    space = {
        name: getattr(np, name) for name in ["exp", "log", "sqrt", "sign", "clip", "where", "pi"]
    } | space
    text = " ".join(inspect.getdoc(function).split())
    formulas = re.findall(r"``(\w+ = [^`]+)``", text[text.index("radient") :])
    assert formulas, f"the docstring of {function.__name__} has no formula"
    for formula in formulas:
        exec(formula, space)  # the text of our own docstring
    return space


@pytest.mark.parametrize(("name", "outputs", "y"), [case for case in CASES if is_ordinary(case[1])])
def test_the_gradient_is_the_slope(name, outputs, y):
    _, grads = compiled(name, outputs, y)
    for k, grad in enumerate(grads.values()):
        assert_same(grad, numerical_gradient(getattr(losses, name), (*outputs, y), k))


@pytest.mark.parametrize(("name", "outputs", "y"), CASES, ids=IDS)
def test_a_weight_counts_examples(name, outputs, y):
    value, grads = compiled(name, outputs, y, weights=WEIGHTS)
    np.testing.assert_allclose(value, expected(name, outputs, y, WEIGHTS), rtol=1e-12, atol=1e-15)
    twice, half = compiled(name, outputs, y, weights=2 * WEIGHTS)
    np.testing.assert_allclose(twice, value, rtol=1e-12)
    for a, b in zip(grads.values(), half.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-15)
        assert np.all(a[3] == 0)  # its weight is 0


CLASS_CASES = [
    ("softmax_cross_entropy", SCORES, LABELS, CLASSES, CLASSES[LABELS]),
    ("focal", SCORES, LABELS, CLASSES, CLASSES[LABELS]),
    ("multiclass_hinge", SCORES, LABELS, CLASSES, CLASSES[LABELS]),
    ("soft_cross_entropy", SCORES, ONE_HOT, CLASSES, CLASSES[LABELS]),
    ("binary_cross_entropy", COLUMN, BINARY, CLASSES[:2], np.where(BINARY == 1, 2.0, 1.0)),
    ("hinge", COLUMN, BINARY, CLASSES[:2], np.where(BINARY == 1, 2.0, 1.0)),
]


@pytest.mark.parametrize("own", [None, WEIGHTS], ids=["alone", "with sample weights"])
@pytest.mark.parametrize(
    ("name", "scores", "y", "by_class", "each"), CLASS_CASES, ids=[c[0] for c in CLASS_CASES]
)
def test_a_class_weight_is_the_weight_of_its_examples(name, scores, y, by_class, each, own):
    value, grads = compiled(name, (scores,), y, weights=own, class_weights=by_class)
    weights = each if own is None else each * own
    plain, others = compiled(name, (scores,), y, weights=weights)
    np.testing.assert_allclose(value, plain, rtol=1e-13)
    np.testing.assert_allclose(grads["scores"], others["scores"], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["squared", "absolute", "huber", "quantile"])
def test_several_outputs_are_averaged(name):
    a, y = RNG.normal(size=(2, 4, 3))
    value, grads = compiled(name, (a,), y, weights=WEIGHTS[:4])
    columns = [expected(name, (a[:, k],), y[:, k], WEIGHTS[:4]) for k in range(3)]
    np.testing.assert_allclose(value, np.mean(columns), rtol=1e-13)
    slope = numerical_gradient(lambda a: getattr(losses, name)(a, y, weights=WEIGHTS[:4]), (a,), 0)
    assert_same(grads["y_hat"], slope)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 5.0])
def test_focal_is_finite_wherever_the_scores_are(gamma):
    value, grads = compiled("focal", (LARGE,), LABELS, gamma=gamma)
    with mpmath.workdps(60):
        each = [mp_focal(exactly(s), y, gamma) for s, y in zip(LARGE, LABELS, strict=True)]
        wanted = float(mpmath.fsum(each) / N)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    assert np.all(np.isfinite(grads["scores"]))


def test_soft_labels_of_a_binary_loss_are_a_mixture():
    value, grads = compiled("binary_cross_entropy", (COLUMN,), np.full(N, 0.3))
    ones, zeros = (losses.binary_cross_entropy(COLUMN, np.full(N, t)) for t in (1.0, 0.0))
    np.testing.assert_allclose(value, 0.3 * ones + 0.7 * zeros, rtol=1e-14)
    p = 1 / (1 + np.exp(-COLUMN))
    np.testing.assert_allclose(grads["scores"], (p - 0.3) / N, rtol=1e-12)


# --- activations ----------------------------------------------------------------------------------


def mp_inner(z):
    return mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3)


ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": lambda z: max(z, 0),
    "leaky_relu": lambda z: z if z > 0 else mpmath.mpf(0.01) * z,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "gelu": lambda z: z / 2 * (1 + mpmath.tanh(mp_inner(z))),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "softplus": mp_softplus,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "tanh": mpmath.tanh,
}
POINTS = np.array([-1e3, -40.0, -3.0, -0.7, -1e-8, 1e-8, 0.3, 2.0, 40.0, 1e3])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_and_its_slope_are_those_of_mpmath(name):
    function = getattr(nn, name)

    def total(z, dy):
        return np.sum(function(z) * dy)

    dy = np.linspace(0.5, 2, len(POINTS))
    y = function(POINTS)
    dz = symgrad.grad(total)(POINTS, dy)
    with mpmath.workdps(60):
        at = [mpmath.mpf(float(z)) for z in POINTS]
        values = [float(ACTIVATIONS[name](z)) for z in at]
        slopes = [float(mpmath.diff(ACTIVATIONS[name], z, h=mpmath.mpf(10) ** -25)) for z in at]
    np.testing.assert_allclose(y, values, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dz, dy * slopes, rtol=1e-8, atol=1e-15)
    said = run_formulas(function, hidden(function, POINTS, dy, y))
    np.testing.assert_allclose(dz, said["dz"], rtol=1e-12, atol=1e-15)


def hidden(function, z, dy, y):
    """Return what the formulas of an activation speak of."""
    parameters = inspect.signature(function).parameters
    space = {name: p.default for name, p in parameters.items() if p.default is not p.empty}
    space |= {"z": z, "dy": dy, "y": y, "sigmoid": nn.sigmoid, "p": nn.sigmoid(z)}
    space["t"] = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))
    space["exp"] = lambda z: np.exp(np.minimum(z, 0))
    return space


@pytest.mark.parametrize("scores", [SCORES, LARGE], ids=["ordinary", "large"])
def test_softmax_is_that_of_mpmath(scores):
    dy = RNG.normal(size=scores.shape)
    with mpmath.workdps(60):
        wanted = [[float(mpmath.exp(v)) for v in mp_log_p(exactly(row))] for row in scores]
    y = nn.softmax(scores)
    np.testing.assert_allclose(y, wanted, rtol=1e-13, atol=1e-300)
    dscores = symgrad.grad(lambda scores: np.sum(nn.softmax(scores) * dy))(scores)
    said = run_formulas(nn.softmax, {"y": y, "dy": dy})
    np.testing.assert_allclose(dscores, said["dscores"], rtol=1e-12, atol=1e-15)


# --- layers and regularisers ----------------------------------------------------------------------

H = RNG.normal(size=(N, 4)) * [1, 10, 100, 1e-3] + [0, 5, 1e3, 0]
DY = RNG.normal(size=(N, 4))
GAMMA, BETA = RNG.normal(size=(2, 4))
LAYERS = {
    "dense": (RNG.normal(size=(N, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=4)),
    "dropout": (RNG.normal(size=(N, 4)), (RNG.random((N, 4)) < 0.5).astype(float), 0.5),
    "batch_norm": (H, GAMMA, BETA),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_of_a_layer_is_what_its_docstring_says(name):
    function, args = getattr(nn, name), LAYERS[name]
    parameters = inspect.signature(function).parameters
    space = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    space |= dict(zip(parameters, args, strict=False), dy=DY)
    space["z"] = (H - H.mean(axis=0)) / np.sqrt(H.var(axis=0) + 1e-5)
    said = run_formulas(function, space)
    wrt = [k for k in parameters if f"d{k}" in said]
    assert wrt == list(parameters)[: len(wrt)] and wrt

    def total(args, constants):
        return np.sum(function(*args, *constants) * DY)

    grads = symgrad.grad(total)(args[: len(wrt)], args[len(wrt) :])
    for k, grad in zip(wrt, grads, strict=True):
        np.testing.assert_allclose(grad, said[f"d{k}"], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm"])
def test_a_norm_standardises(name):
    axis = 0 if name == "batch_norm" else 1
    z = getattr(nn, name)(H, 1.0, 0.0, eps=0.0)
    np.testing.assert_allclose(z.mean(axis=axis), 0, atol=1e-12)
    np.testing.assert_allclose(z.var(axis=axis), 1, rtol=1e-9)


@pytest.mark.parametrize("name", ["batch_norm", "layer_norm"])
def test_the_gradient_of_a_norm_is_the_slope(name):
    def total(h, gamma, beta):
        return np.sum(getattr(nn, name)(h, gamma, beta) * DY)

    args = (RNG.normal(size=(N, 4)), GAMMA, BETA)
    for k, grad in enumerate(symgrad.grad(total, wrt=(0, 1, 2))(*args)):
        assert_same(grad, numerical_gradient(total, args, k))


def test_an_embedding_puts_rows_side_by_side():
    E = RNG.normal(size=(6, 2))
    tokens = np.array([[0, 5, 5], [3, 0, 1]])
    h = nn.embedding(tokens, E)
    assert h.shape == (2, 6)
    np.testing.assert_array_equal(h[0], [*E[0], *E[5], *E[5]])
    dy = RNG.normal(size=(2, 6))
    dE = symgrad.grad(lambda E: np.sum(nn.embedding(tokens, E) * dy))(E)
    np.testing.assert_allclose(dE[5], dy[0, 2:4] + dy[0, 4:6])
    np.testing.assert_array_equal(dE[2], [0, 0])


@pytest.mark.parametrize("name", ["l1", "l2", "elastic_net"])
def test_the_gradient_of_a_regulariser_is_what_its_docstring_says(name):
    function = getattr(nn, name)
    W = RNG.normal(size=(3, 2))
    said = run_formulas(function, {"W": W, "ratio": 0.5})
    np.testing.assert_allclose(symgrad.grad(function)(W), said["dW"], rtol=1e-13)
    assert_same(said["dW"], numerical_gradient(function, (W,), 0))


def test_elastic_net_lies_between_l1_and_half_of_l2():
    W = RNG.normal(size=(3, 2))
    assert nn.elastic_net(W, 1.0) == nn.l1(W)
    assert nn.elastic_net(W, 0.0) == nn.l2(W) / 2


# --- first weights --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variance"), [("glorot", 2 / 500), ("he", 2 / 200), ("normal", 1e-4), ("zeros", 0)]
)
def test_first_weights_have_their_variance(name, variance):
    W = getattr(nn, name)(np.random.default_rng(0), 200, 300, (200, 300))
    assert W.shape == (200, 300)
    np.testing.assert_allclose(W.var(), variance, rtol=0.02)
    np.testing.assert_allclose(W.mean(), 0, atol=1e-3)


def test_torch_draws_24_bits_a_number_in_the_order_of_pytorch():
    W = nn.torch(np.random.RandomState(41), 4, 8, (4, 8))
    assert W.shape == (4, 8)
    assert np.abs(W).max() < 0.5
    bits = np.random.RandomState(41).randint(0, 2**32, 4, dtype=np.uint32) % 2**24
    np.testing.assert_array_equal(W[:, 0], bits / 2**24 - 0.5)


def test_users_may_call_them_in_functions_of_their_own():
    def loss(W, X, y):
        return symgrad.losses.softmax_cross_entropy(symgrad.nn.relu(X @ W), y)

    X, W = RNG.normal(size=(N, 4)), RNG.normal(size=(4, K))
    grad = symgrad.compile(loss, specs={"W": "d k", "X": "n d", "y": "n int"}).grad(W, X, LABELS)
    assert_same(grad, numerical_gradient(loss, (W, X, LABELS), 0))
