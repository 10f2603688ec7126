"""Programs of linear algebra, for the table in `programs`.

What is fixed up to a sign or a rotation is looked at through what does not depend on it.
"""

import numpy as np


def spread_out(*shape, seed=0):
    """Return numbers from -1 to 1, no two nearly equal."""
    n = int(np.prod(shape))
    at = np.linspace(-1, 1, n) + 0.11 / n
    return np.random.RandomState(seed + n).permutation(at).reshape(shape)


def apart(m, n, seed=0):
    """Return a matrix whose singular values are well apart, and away from 0."""
    random = np.random.RandomState(seed)
    u, _ = np.linalg.qr(random.normal(size=(m, min(m, n))))
    v, _ = np.linalg.qr(random.normal(size=(n, min(m, n))))
    return (u * (0.7 + np.arange(min(m, n)))) @ v.T


WIDE, TALL, SQUARE = apart(3, 5), apart(5, 3, seed=1), apart(3, 3, seed=2)
# Not symmetric: only one triangle is read, and positive definite by either.
DEFINITE = SQUARE @ SQUARE.T + np.eye(3) + np.triu(0.1 * spread_out(3, 3), k=1)
DEFINITES = np.stack([DEFINITE, 1.5 * DEFINITE + np.diag([0.3, 0.1, 0.0])])
TALLS, WIDES = np.stack([TALL, apart(5, 3, seed=4)]), np.stack([WIDE, apart(3, 5, seed=5)])
STACK = np.stack([SQUARE, SQUARE.T + np.eye(3)])
X, Y, V, U = spread_out(3, 4), spread_out(3, 4, seed=1), spread_out(4), spread_out(3, seed=2)
T = spread_out(2, 3, 4)
LINES = spread_out(2, 3)


def solved_by_factor(a, b):
    factor = np.linalg.cholesky(a)
    return np.linalg.solve(factor.T, np.linalg.solve(factor, b))


def gaussian(a, y):
    factor = np.linalg.cholesky(a)
    return y @ solved_by_factor(a, y) / 2 + np.log(np.diag(factor)).sum()


def by_eigenvalues(a, uplo="L"):
    w, v = np.linalg.eigh(a, uplo)
    return (v * np.exp(0.3 * w)[..., None, :]) @ np.swapaxes(v, -1, -2)


def projector(a):
    v = np.linalg.eigh(a).eigenvectors[:, -1]
    return np.outer(v, v)


def by_singular_values(a):
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * np.log(s)[..., None, :]) @ vh


def left_projector(a):
    u = np.linalg.svd(a, full_matrices=False)[0][:, :2]
    return u @ u.T


def right_projector(a):
    vh = np.linalg.svd(a, full_matrices=False).Vh[:2]
    return vh.T @ vh


def polar(a):
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


def of_square(a):
    u, s, vh = np.linalg.svd(a)
    return u @ (s[:, None] ** 2 * vh)


def both_of_qr(a):
    q, r = np.linalg.qr(a)
    return q[..., :, :1] * r[..., :1, :2] + np.abs(r).sum()


def fit(a, b):
    return np.linalg.lstsq(a, b, rcond=None)[0]


def all_of_lstsq(a, b):
    x, residuals, rank, s = np.linalg.lstsq(a, b)
    return np.sum(x) * residuals + rank * np.sum(s)


LINALG = [
    # solve and inv
    ("solve of a stack", lambda a, b: np.linalg.solve(a, b), STACK, spread_out(2, 3, 2)),
    ("solve of a stack for one matrix", lambda a, b: np.linalg.solve(a, b), STACK, TALL[:3]),
    ("solve of one matrix for a stack", lambda a, b: np.linalg.solve(a, b), SQUARE, TALLS[:, :3]),
    # Cholesky
    ("cholesky", lambda a: np.linalg.cholesky(a), DEFINITE),
    ("cholesky of a stack", lambda a: np.linalg.cholesky(a), DEFINITES),
    ("cholesky, its lower part", lambda a: np.tril(np.linalg.cholesky(a)) ** 2, DEFINITE),
    ("cholesky, a system solved", solved_by_factor, DEFINITE, U),
    ("cholesky, systems solved", solved_by_factor, DEFINITE, TALL[:3]),
    (
        "cholesky, log of the determinant",
        lambda a: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(a)))), DEFINITE,
    ),
    ("cholesky, a Gaussian", gaussian, DEFINITE, U),
    # eigenvalues
    ("eigvalsh", lambda a: np.linalg.eigvalsh(a), DEFINITE),
    ("eigvalsh, upper", lambda a: np.linalg.eigvalsh(a, UPLO="U"), DEFINITE),
    ("eigvalsh of a stack", lambda a: np.linalg.eigvalsh(a) ** 2, DEFINITES),
    ("eigh", by_eigenvalues, DEFINITE),
    ("eigh, upper", lambda a: by_eigenvalues(a, "U"), DEFINITE),
    ("eigh of a stack", by_eigenvalues, DEFINITES),
    ("eigh, a projector", projector, DEFINITE),
    # singular values
    ("svdvals", lambda a: np.linalg.svd(a, compute_uv=False), TALL),
    ("svdvals, wide", lambda a: np.linalg.svd(a, full_matrices=False, compute_uv=False), WIDE),
    ("svd", by_singular_values, TALL),
    ("svd, wide", by_singular_values, WIDE),
    ("svd, square", of_square, SQUARE),
    ("svd of a stack", by_singular_values, TALLS),
    ("svd of a wide stack", by_singular_values, WIDES),
    ("svd, projector on the left", left_projector, TALL),
    ("svd, projector on the right", right_projector, WIDE),
    ("svd, left of wide", left_projector, WIDE),
    ("svd, right of tall", right_projector, TALL),
    ("svd, polar factor", polar, TALL),
    ("svd, polar factor of wide", polar, WIDE),
    # QR
    ("qr", both_of_qr, TALL),
    ("qr, wide", both_of_qr, WIDE),
    ("qr, square, complete", lambda a: np.linalg.qr(a, "complete").Q, SQUARE),
    ("qr of a stack", both_of_qr, TALLS),
    ("qr of a wide stack", both_of_qr, WIDES),
    ("qr, R", lambda a: np.linalg.qr(a, mode="r"), TALL),
    ("qr, R of wide", lambda a: np.linalg.qr(a, mode="r"), WIDE),
    ("qr, Q of wide", lambda a: np.linalg.qr(a)[0], WIDE),
    ("qr, the rest of R of wide", lambda a: np.linalg.qr(a)[1][:, 3:], WIDE),
    # pseudo-inverse and least squares
    ("pinv", lambda a: np.linalg.pinv(a), TALL),
    ("pinv, wide", lambda a: np.linalg.pinv(a), WIDE),
    ("pinv of a stack", lambda a: np.linalg.pinv(a, rcond=1e-8), TALLS),
    ("pinv at constant rank", lambda a, b: np.linalg.pinv(a @ b, 1e-4), TALL[:, :2], WIDE[:2]),
    ("lstsq", fit, TALL, spread_out(5)),
    ("lstsq for a matrix", fit, TALL, spread_out(5, 2)),
    ("lstsq, wide", fit, WIDE, U),
    ("lstsq, wide, for a matrix", fit, WIDE, spread_out(3, 2)),
    ("lstsq, square", fit, SQUARE, U),
    ("lstsq, all results", all_of_lstsq, TALL, spread_out(5)),
    ("lstsq, all results for a matrix", all_of_lstsq, TALL, spread_out(5, 2)),
    ("matrix_rank", lambda a: np.linalg.matrix_rank(a) * a, TALL),
    ("matrix_rank of a stack", lambda a: np.linalg.matrix_rank(a, 0.1)[:, None, None] * a, TALLS),
    # norms of vectors
    ("norm of order 3", lambda x: np.linalg.norm(x, 3), V),
    ("norm of order 3 along an axis", lambda x: np.linalg.norm(x, 3, 0), X),
    ("norm of order 2.5 kept", lambda x: x / np.linalg.norm(x, 2.5, -1, True), X),
    ("norm of order 1/2", lambda x: np.linalg.norm(x, 0.5), V),
    ("norm of order -1", lambda x: np.linalg.norm(x, ord=-1), V),
    ("norm of order 0", lambda x: np.linalg.norm(x, 0) * x, V),
    ("norm of order 0 along an axis", lambda x: np.linalg.norm(x, 0, axis=1) @ x, X),
    ("norm of order -inf", lambda x: np.linalg.norm(x, -np.inf), V),
    ("norm of order inf", lambda x: np.linalg.norm(x, np.inf), V),
    ("norm of order 1", lambda x: np.linalg.norm(x, 1), V),
    ("norm of all, kept", lambda x: x / np.linalg.norm(x, keepdims=True), T),
    # norms of matrices
    ("norm fro of axes", lambda x: np.linalg.norm(x, "fro", axis=(2, 0)), T),
    ("norm 1 of a matrix", lambda x: np.linalg.norm(x, 1), X),
    ("norm -1 of a matrix", lambda x: np.linalg.norm(x, -1), X),
    ("norm inf of a matrix", lambda x: np.linalg.norm(x, np.inf), X),
    ("norm -inf of a matrix", lambda x: np.linalg.norm(x, -np.inf, keepdims=True), X),
    ("norm 2 of a matrix", lambda x: np.linalg.norm(x, 2), TALL),
    ("norm -2 of a matrix", lambda x: np.linalg.norm(x, -2), WIDE),
    ("nuclear norm", lambda x: np.linalg.norm(x, "nuc"), TALL),
    ("norm 1 of matrices, first axes", lambda x: np.linalg.norm(x, 1, axis=(0, 1)), T),
    ("norm 1 of matrices, turned", lambda x: np.linalg.norm(x, 1, axis=(1, 0)), T),
    ("norm inf of matrices, kept", lambda x: np.linalg.norm(x, np.inf, (0, 2), True) + x, T),
    ("norm inf of matrices, outer axes", lambda x: np.linalg.norm(x, np.inf, axis=(2, 0)), T),
    ("norm 2 of matrices", lambda x: np.linalg.norm(x, 2, axis=(1, 2)), TALLS),
    ("nuclear norm of matrices, kept", lambda x: np.linalg.norm(x, "nuc", (2, 0), True) * x, TALLS),
    # condition numbers
    ("cond", lambda a: np.linalg.cond(a), TALL),
    ("cond of a stack", lambda a: np.linalg.cond(a, 2), STACK),
    ("cond -2", lambda a: np.linalg.cond(a, -2), SQUARE),
    ("cond 1", lambda a: np.linalg.cond(a, 1), SQUARE),
    ("cond fro of a stack", lambda a: np.linalg.cond(a, "fro"), STACK),
    # powers and chains
    ("matrix_power 0", lambda a: np.linalg.matrix_power(a, 0) + a, SQUARE),
    ("matrix_power 1", lambda a: np.linalg.matrix_power(a, 1), SQUARE),
    ("matrix_power 2", lambda a: np.linalg.matrix_power(a, 2), STACK),
    ("matrix_power 3", lambda a: np.linalg.matrix_power(a, n=3), SQUARE),
    ("matrix_power 6", lambda a: np.linalg.matrix_power(a, 6) * 0.01, SQUARE),
    ("matrix_power -2", lambda a: np.linalg.matrix_power(a, -2), SQUARE),
    ("multi_dot of two", lambda a, b: np.linalg.multi_dot([a, b]), TALL, WIDE),
    ("multi_dot of three", lambda a, b, v: np.linalg.multi_dot((v, b, a)), TALL, WIDE, U),
    ("multi_dot of four", lambda a, b: np.linalg.multi_dot([a, b, a, b]), TALL, WIDE),
    # tensors
    (
        "tensorsolve", lambda a, b: np.linalg.tensorsolve(a, b),
        (apart(6, 6, seed=3)).reshape(2, 3, 6), LINES,
    ),
    (
        "tensorsolve with axes", lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
        np.moveaxis(apart(6, 6, seed=3).reshape(2, 3, 6), -1, 0).copy(), LINES,
    ),
    ("tensorinv", lambda a: np.linalg.tensorinv(a), apart(6, 6, seed=3).reshape(2, 3, 3, 2)),
    ("tensorinv, one index", lambda a: np.linalg.tensorinv(a, 1), apart(6, 6).reshape(6, 3, 2)),
    # Kronecker, Vandermonde
    ("kron", lambda a, b: np.kron(a, b), X, TALL),
    ("kron of vectors", lambda a, b: np.kron(a, b), V, U),
    ("kron of a vector and a matrix", lambda a, b: np.kron(a, b), U, X),
    ("kron of a matrix and a vector", lambda a, b: np.kron(a, b), X, U),
    ("kron with a stack", lambda a, b: np.kron(a, b), T, SQUARE),
    ("kron with a number", lambda a, b: np.kron(a, b), 1.3, X),
    ("vander", lambda x: np.vander(x), U),
    ("vander with N", lambda x: np.vander(x, 5), U),
    ("vander, increasing", lambda x: np.vander(x, 4, increasing=True), U),
    ("vander of one column", lambda x: np.vander(x, 1) * x[:, None], U),
    ("tri", lambda x: np.tri(x.shape[0], x.shape[1], -1) * x, X),
    ("trace with an offset", lambda x: np.trace(x, offset=1), X),
    ("trace of a stack", lambda x: np.trace(x, axis1=1, axis2=2), T),
    # einsum
    ("einsum with lists", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), TALL, WIDE),
    ("einsum with lists, implicit", lambda a, b: np.einsum(a, [0, 1], b, [2, 1]), TALL, WIDE.T),
    ("einsum with lists and dots", lambda a: np.einsum(a, [..., 0], [0, ...]), T),
    (
        "einsum of three",
        lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c), TALL, WIDE, spread_out(5),
    ),
    (
        "einsum of three, optimized",
        lambda a, b, c: np.einsum("ij,jk,ik->ik", a, b, c, optimize=True),
        TALL, WIDE, spread_out(5, 5),
    ),
    (
        "einsum of three vectors",
        lambda a, b, c: np.einsum("i,i,i->", a, b, c), U, X[:, 0], X[:, 1],
    ),
    (
        "einsum with dots of three",
        lambda a, b, c: np.einsum("...ij,jk,...k->...i", a, b, c), TALLS, SQUARE, LINES,
    ),
    (
        "einsum, repeated labels of two",
        lambda a, b: np.einsum("iij,jk->ik", a, b), STACK[[0, 1, 0]], TALL[:3],
    ),
]  # fmt: skip

if hasattr(np.linalg, "vecdot"):  # NumPy 2
    LINALG += [
        ("cholesky, upper", lambda a: np.linalg.cholesky(a, upper=True), DEFINITE),
        ("cholesky, upper, of a stack", lambda a: np.linalg.cholesky(a, upper=True), DEFINITES),
        ("solve of a stack for a vector", lambda a, b: np.linalg.solve(a, b), STACK, U),
        ("pinv with rtol", lambda a: np.linalg.pinv(a, rtol=1e-9), TALL),
        ("linalg.svdvals", lambda a: np.linalg.svdvals(a), TALLS),
        ("vector_norm", lambda x: np.linalg.vector_norm(x), T),
        ("vector_norm of order 3", lambda x: np.linalg.vector_norm(x, axis=1, ord=3), X),
        ("vector_norm of order 3, all", lambda x: np.linalg.vector_norm(x, ord=3), X),
        (
            "vector_norm inf, two axes",
            lambda x: np.linalg.vector_norm(x, axis=(0, 1), ord=np.inf), T,
        ),
        ("vector_norm kept", lambda x: x / np.linalg.vector_norm(x, axis=-1, keepdims=True), X),
        ("matrix_norm", lambda x: np.linalg.matrix_norm(x), T),
        ("matrix_norm nuc", lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), TALLS),
        ("matrix_norm 1", lambda x: np.linalg.matrix_norm(x, ord=1), T),
        ("vecdot", lambda a, b: np.linalg.vecdot(a, b), X, Y),
        ("vecdot broadcast", lambda a, b: np.vecdot(a, b), T, V),
        ("vecdot along an axis", lambda a, b: np.linalg.vecdot(a, b, axis=0), X, Y),
        ("linalg.outer", lambda a, b: np.linalg.outer(a, b), V, U),
        ("linalg.cross", lambda a, b: np.linalg.cross(a, b), TALL, U),
        ("linalg.cross along an axis", lambda a, b: np.linalg.cross(a, b, axis=0), X, Y),
        ("linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), T),
        ("linalg.trace", lambda x: np.linalg.trace(x, offset=-1), T),
        ("linalg.trace of a matrix", lambda x: np.linalg.trace(x), SQUARE),
        ("linalg.matrix_transpose", lambda x: np.linalg.matrix_transpose(x) @ x, T),
        ("matrix_transpose", lambda x: np.matrix_transpose(x) * x.mT, T),
        ("linalg.matmul", lambda a, b: np.linalg.matmul(a, b), TALL, WIDE),
        ("linalg.tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=1), TALL, WIDE),
    ]  # fmt: skip
if hasattr(np, "matvec"):  # NumPy 2.2
    LINALG += [
        ("matvec", lambda a, b: np.matvec(a, b), TALL, U),
        ("matvec of stacks", lambda a, b: np.matvec(a, b), STACK, LINES),
        ("matvec of one matrix", lambda a, b: np.matvec(a, b), SQUARE, LINES),
        ("matvec of one vector", lambda a, b: np.matvec(a, b), STACK, U),
        ("vecmat", lambda a, b: np.vecmat(a, b), U, WIDE),
        ("vecmat of stacks", lambda a, b: np.vecmat(a, b), LINES, STACK),
        ("vecmat of one matrix", lambda a, b: np.vecmat(a, b), LINES, WIDE),
    ]
