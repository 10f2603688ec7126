"""Losses of pairs, tables and factors."""

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def triplet(anchor, positive, negative, margin):
    near = np.sum((anchor - positive) ** 2, axis=1)
    far = np.sum((anchor - negative) ** 2, axis=1)
    return np.mean(np.maximum(0, near - far + margin))


def triplet_by_hand(anchor, positive, negative, margin):
    """F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet" (2015), equation (2)."""
    n = len(anchor)
    u = anchor - positive
    v = anchor - negative
    gap = np.einsum("ij,ij->i", u, u)
    gap -= np.einsum("ij,ij->i", v, v)
    gap += margin
    value = np.maximum(gap, 0).sum() / n
    active = (gap > 0) * (2 / n)
    u *= active[:, None]
    v *= active[:, None]
    return value, (u - v, -u, v)


def info_nce(queries, keys, tau):
    logits = queries @ keys.T / tau
    e = np.exp(logits)
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.log(np.diag(p)))


def info_nce_by_hand(queries, keys, tau):
    """A. van den Oord, Y. Li, O. Vinyals, "Representation learning with contrastive predictive
    coding" (2018), equation (4): a softmax regression whose labels are the diagonal.
    """
    n = len(queries)
    s = queries @ keys.T
    s /= tau
    s -= s.max(axis=1, keepdims=True)
    picked = s.trace()
    np.exp(s, out=s)
    total = s @ np.ones(n)
    value = (np.log(total).sum() - picked) / n
    total *= n * tau
    s /= total[:, None]
    diagonal = s.reshape(-1)[:: n + 1]
    diagonal -= 1 / (n * tau)
    return value, (s @ keys, s.T @ queries)


def cosine(A, B):
    dots = np.sum(A * B, axis=1)
    norms = np.linalg.norm(A, axis=1) * np.linalg.norm(B, axis=1)
    return np.mean(1 - dots / norms)


def cosine_by_hand(A, B):
    """For unit vectors 1 - cos = |A - B|^2 / 2, which does not cancel when they are close; the
    gradient follows by the derivative of a norm: K. Petersen and M. Pedersen, "The Matrix
    Cookbook", section 2.7.1.
    """
    n = len(A)
    a = np.sqrt(np.einsum("ij,ij->i", A, A))[:, None]
    b = np.sqrt(np.einsum("ij,ij->i", B, B))[:, None]
    A = A / a
    B = B / b
    D = A - B
    h = 0.5 * np.einsum("ij,ij->i", D, D)[:, None]
    A *= h
    np.subtract(D, A, out=A)
    A /= n * a
    B *= h
    B += D
    B /= -n * b
    return h.sum() / n, (A, B)


def matrix_factorisation(P, Q, b_user, b_item, mu, user, item, rating, lam):
    predicted = mu + b_user[user] + b_item[item] + np.sum(P[user] * Q[item], axis=1)
    penalty = np.sum(P**2) + np.sum(Q**2) + np.sum(b_user**2) + np.sum(b_item**2)
    return np.sum((rating - predicted) ** 2) + lam * penalty


def matrix_factorisation_by_hand(P, Q, b_user, b_item, mu, user, item, rating, lam):
    """Y. Koren, R. Bell, C. Volinsky, "Matrix factorization techniques for recommender systems"
    (2009).  The errors, added up in a (users, items) matrix, turn every scatter into a product,
    where that matrix fits into memory.
    """
    users, items = len(P), len(Q)
    e = np.einsum("ij,ij->i", P[user], Q[item])
    e += b_user[user]
    e += b_item[item]
    e += mu
    e -= rating
    penalty = np.vdot(P, P) + np.vdot(Q, Q) + b_user @ b_user + b_item @ b_item
    value = e @ e + lam * penalty
    E = np.bincount(user * items + item, e, users * items).reshape(users, items)
    dP = E @ Q
    dP += lam * P
    dP *= 2
    dQ = E.T @ P
    dQ += lam * Q
    dQ *= 2
    return value, (
        dP,
        dQ,
        2 * (E.sum(axis=1) + lam * b_user),
        2 * (E.sum(axis=0) + lam * b_item),
    )


def factorisation_machine(w0, w, V, X, y):
    pairs = 0.5 * np.sum((X @ V) ** 2 - (X**2) @ (V**2), axis=1)
    return np.mean((w0 + X @ w + pairs - y) ** 2)


def factorisation_machine_by_hand(w0, w, V, X, y):
    """S. Rendle, "Factorization machines" (2010), lemma 3.1 and equation (4)."""
    n = len(y)
    XV = X @ V
    XX = X * X
    r = XX @ np.einsum("ij,ij->i", V, V)
    r *= -0.5
    r += 0.5 * np.einsum("ij,ij->i", XV, XV)
    r += X @ w
    r += w0
    r -= y
    value = r @ r / n
    r *= 2 / n
    XV *= r[:, None]
    dV = X.T @ XV
    dV -= (r @ XX)[:, None] * V
    return value, (r.sum(), r @ X, dV)


def pca(W, X):
    return np.mean(np.sum((X - X @ W @ W.T) ** 2, axis=1))


def pca_by_hand(W, X):
    """Bishop (2006), section 12.1.2, before the basis is made orthonormal."""
    n = len(X)
    Z = X @ W
    R = Z @ W.T
    R -= X
    value = np.vdot(R, R) / n
    dW = R.T @ Z
    dW += X.T @ (R @ W)
    dW *= 2 / n
    return value, dW


def word2vec(centre, context, words, others, negatives):
    v = centre[words]
    good = np.sum(v * context[others], axis=1)
    bad = np.sum(v[:, None, :] * context[negatives], axis=2)
    log_good = np.log(1 / (1 + np.exp(-good)))
    log_bad = np.log(1 / (1 + np.exp(bad)))
    return -np.mean(log_good + np.sum(log_bad, axis=1))


def word2vec_by_hand(centre, context, words, others, negatives):
    """T. Mikolov et al., "Distributed representations of words and phrases" (2013), equation (4).

    The positive word is one more negative with the sign turned, so one batched product serves
    all.  Rows of the same word are added up element by element, since `np.add.at` with one flat
    index is several times faster than with rows.
    """
    n, d = len(words), centre.shape[1]
    ids = np.concatenate((others[:, None], negatives), axis=1)
    v = centre[words]
    u = context[ids]
    s = (u @ v[:, :, None])[:, :, 0]
    s[:, 0] *= -1
    softplus = np.log1p(np.exp(-np.abs(s)))
    softplus += np.maximum(s, 0)
    value = softplus.sum() / n
    s -= softplus
    g = np.exp(s, out=s)
    g[:, 0] *= -1
    g /= n
    dv = (g[:, None, :] @ u)[:, 0]
    du = g[:, :, None] * v[:, None, :]
    columns = np.arange(d)
    at_v = (words[:, None] * d + columns).ravel()
    at_u = (ids[:, :, None] * d + columns).ravel()
    dcentre = np.zeros_like(centre)
    np.add.at(dcentre.reshape(-1), at_v, dv.reshape(-1))
    dcontext = np.zeros_like(context)
    np.add.at(dcontext.reshape(-1), at_u, du.reshape(-1))
    return value, (dcentre, dcontext)


def glove(W, U, b, c, i, j, counts):
    weights = np.minimum(1, (counts / 100) ** 0.75)
    error = np.sum(W[i] * U[j], axis=1) + b[i] + c[j] - np.log(counts)
    return np.sum(weights * error**2)


def glove_by_hand(W, U, b, c, i, j, counts):
    """J. Pennington, R. Socher, C. Manning, "GloVe" (2014), equations (8) and (9).

    Weighted errors, added up in a (words, words) matrix, turn every scatter into a product.
    """
    rows, columns = len(W), len(U)
    e = np.einsum("ij,ij->i", W[i], U[j])
    e += b[i]
    e += c[j]
    e -= np.log(counts)
    g = counts / 100
    g **= 0.75
    np.minimum(g, 1, out=g)
    g *= e
    value = g @ e
    g *= 2
    E = np.bincount(i * columns + j, g, rows * columns).reshape(rows, columns)
    return value, (E @ U, E.T @ W, E.sum(axis=1), E.sum(axis=0))


def triplet_arguments(rng, n, d=32):
    return (*rng.standard_normal((3, n, d)), 10.0)


def pair_arguments(rng, n, d=32):
    a = rng.standard_normal((n, d))
    return a, a + rng.standard_normal((n, d))


def contrastive_arguments(rng, n, d=32):
    a, b = pair_arguments(rng, n, d)
    return a / np.sqrt(d), b / np.sqrt(d), 0.5


def rating_arguments(rng, n, k=16):
    users, items = 3 + n // 25, 2 + n // 20
    P, Q = (0.3 * rng.standard_normal((m, k)) for m in (users, items))
    b, c = (0.3 * rng.standard_normal(m) for m in (users, items))
    user, item = rng.integers(0, users, n), rng.integers(0, items, n)
    return P, Q, b, c, 3.5, user, item, rng.integers(1, 6, n).astype(float), 0.1


def machine_arguments(rng, n, d=30, k=8):
    X = rng.standard_normal((n, d))
    w, V = rng.standard_normal(d), rng.standard_normal((d, k))
    return 0.1, w / np.sqrt(d), V / d, X, rng.standard_normal(n)


def subspace_arguments(rng, n, d=20, k=5):
    X = rng.standard_normal((n, d)) * np.linspace(2, 0.5, d)
    return rng.standard_normal((d, k)) / np.sqrt(d), X


def word_arguments(rng, n, d=32, k=5):
    vocabulary = 5 + n // 2
    tables = rng.standard_normal((2, vocabulary, d)) / np.sqrt(d)
    words, others = rng.integers(0, vocabulary, (2, n))
    return *tables, words, others, rng.integers(0, vocabulary, (n, k))


def cooccurrence_arguments(rng, n, d=32):
    vocabulary = 5 + n // 20
    W, U = rng.standard_normal((2, vocabulary, d)) / np.sqrt(d)
    b, c = 0.1 * rng.standard_normal((2, vocabulary))
    i, j = rng.integers(0, vocabulary, (2, n))
    return W, U, b, c, i, j, np.ceil(rng.exponential(60, n))


EMBEDDINGS = (
    Loss("triplet", triplet, ("anchor", "positive", "negative"), triplet_by_hand,
         triplet_arguments, 1000, {
             "one row": lambda: triplet_arguments(fixed(), 1),
             "three equal points, no margin": lambda: (*np.ones((3, 2, 4)), 0.0),
         }),
    Loss("contrastive, InfoNCE", info_nce, ("queries", "keys"), info_nce_by_hand,
         contrastive_arguments, 256, {
             "one row": lambda: contrastive_arguments(fixed(), 1),
             "temperature of 1e-3": lambda: (np.eye(3) + 0.1, np.eye(3)[::-1].copy(), 1e-3),
         }),
    Loss("cosine similarity", cosine, ("A", "B"), cosine_by_hand, pair_arguments, 1000, {
        "one row": lambda: pair_arguments(fixed(), 1),
        "lengths of 1e-140 and 1e140": lambda: (1e-140 * pair_arguments(fixed(), 3)[0],
                                                1e140 * pair_arguments(fixed(), 3)[1]),
        "almost parallel": lambda: (np.array([[1.0, 1e-7]]), np.array([[1.0, 0.0]])),
    }),
    Loss("matrix factorisation", matrix_factorisation, ("P", "Q", "b_user", "b_item"),
         matrix_factorisation_by_hand, rating_arguments, 5000, {
             "one row": lambda: rating_arguments(fixed(), 1),
         }),
    Loss("factorisation machine", factorisation_machine, ("w0", "w", "V"),
         factorisation_machine_by_hand, machine_arguments, 1000, {
             "one row": lambda: machine_arguments(fixed(), 1),
             "one feature only": lambda: (0.1, np.ones(1), np.full((1, 3), 1e4),
                                          np.full((2, 1), 1e4), np.ones(2)),
         }),
    Loss("PCA reconstruction", pca, "W", pca_by_hand, subspace_arguments, 1000, {
        "one row": lambda: subspace_arguments(fixed(), 1),
    }),
    Loss("word2vec, negative sampling", word2vec, ("centre", "context"), word2vec_by_hand,
         word_arguments, 1000, {
             "one row": lambda: word_arguments(fixed(), 1),
             "scores of 1e3": lambda: (1e3 * np.eye(4), np.eye(4) - 0.5, np.arange(4),
                                       np.array([0, 2, 2, 3]), np.array([[1], [1], [0], [3]])),
         }),
    Loss("GloVe", glove, ("W", "U", "b", "c"), glove_by_hand, cooccurrence_arguments, 5000, {
        "one row": lambda: cooccurrence_arguments(fixed(), 1),
    }),
)  # fmt: skip
