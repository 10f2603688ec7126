"""Losses of pairs, tables and factors."""

import numpy as np

from tests.judge_corpus.entry import LABELS, D, H, K, M, N, Subject, normal

EMBEDDINGS = Subject()


def triplet(anchor, positive, negative, margin):
    n = anchor.shape[0]
    near = np.sum((anchor - positive) ** 2, axis=1)
    far = np.sum((anchor - negative) ** 2, axis=1)
    return np.sum(np.maximum(0, near - far + margin)) / n


EMBEDDINGS.add("triplet", triplet, ("anchor", "positive", "negative"),
               lambda rng: (*normal(rng, (N, D), (N, D), (N, D)), 1.5), """
    on = (near - far + margin > 0)[:, None]
    danchor = 2 * on * (negative - positive) / n
    dpositive = -2 * on * (anchor - positive) / n
    dnegative = 2 * on * (anchor - negative) / n
""")  # fmt: skip


def siamese(A, B, same, margin):
    n = len(same)
    d = np.sqrt(np.sum((A - B) ** 2, axis=1))
    far = np.maximum(0, margin - d)
    return np.sum(same * d**2 + (1 - same) * far**2) / n


EMBEDDINGS.add("contrastive, two towers", siamese, ("A", "B"),
               lambda rng: (*normal(rng, (N, D), (N, D)), np.arange(N) % 2.0, 3.5), """
    dd = 2 * (same * d - (1 - same) * far) / n
    dA = (dd / d)[:, None] * (A - B)
    dB = -(dd / d)[:, None] * (A - B)
""")  # fmt: skip


def info_nce(queries, keys, tau):
    n = queries.shape[0]
    s = queries @ keys.T / tau
    e = np.exp(s)
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.sum(np.log(np.diag(p))) / n


EMBEDDINGS.add("InfoNCE", info_nce, ("queries", "keys"),
               lambda rng: (*normal(rng, (N, D), (N, D)), 0.7), """
    ds = (p - np.eye(n)) / (n * tau)
    dqueries = ds @ keys
    dkeys = ds.T @ queries
""")  # fmt: skip


def retrieval(queries, documents, y):
    n = len(y)
    s = queries @ documents.T
    log_p = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.sum(log_p[np.arange(n), y]) / n


EMBEDDINGS.add("retrieval", retrieval, ("queries", "documents"),
               lambda rng: (*normal(rng, (N, D), (K, D)), LABELS), """
    k = documents.shape[0]
    ds = (np.exp(log_p) - np.eye(k)[y]) / n
    dqueries = ds @ documents
    ddocuments = ds.T @ queries
""")  # fmt: skip


def cosine(a, b):
    na = np.sqrt(a @ a)
    nb = np.sqrt(b @ b)
    c = a @ b / (na * nb)
    return 1 - c


EMBEDDINGS.add("cosine distance", cosine, ("a", "b"), lambda rng: normal(rng, D, D), """
    da = c * a / na**2 - b / (na * nb)
    db = c * b / nb**2 - a / (na * nb)
""")  # fmt: skip


def cosine_rows(A, B):
    n = A.shape[0]
    na = np.linalg.norm(A, axis=1, keepdims=True)
    nb = np.linalg.norm(B, axis=1, keepdims=True)
    U, V = A / na, B / nb
    return -np.sum(U * V) / n


EMBEDDINGS.add("cosine of rows", cosine_rows, ("A", "B"),
               lambda rng: normal(rng, (N, D), (N, D)), """
    c = np.sum(U * V, axis=1)
    dA = (c[:, None] * U - V) / na / n
    dB = (c[:, None] * V - U) / nb / n
""")  # fmt: skip


def full_factorisation(P, Q, R, lam):
    E = P @ Q.T - R
    return np.sum(E**2) + lam * (np.sum(P**2) + np.sum(Q**2))


EMBEDDINGS.add("factors of a full matrix", full_factorisation, ("P", "Q"),
               lambda rng: (*normal(rng, (N, K), (M, K), (N, M)), 0.3), """
    dP = 2 * E @ Q + 2 * lam * P
    dQ = 2 * E.T @ P + 2 * lam * Q
""")  # fmt: skip


USER, ITEM = np.array([0, 1, 4, 2, 0, 3, 4]), np.array([3, 0, 1, 2, 2, 3, 1])


def ratings(P, Q, user, item, rating, lam):
    e = np.sum(P[user] * Q[item], axis=1) - rating
    return np.sum(e**2) + lam * (np.sum(P**2) + np.sum(Q**2))


EMBEDDINGS.add("matrix factorisation", ratings, ("P", "Q"),
               lambda rng: (*normal(rng, (H, K), (D, K)), USER, ITEM, *normal(rng, N), 0.3), """
    U = np.eye(len(P))[user]
    V = np.eye(len(Q))[item]
    dP = 2 * U.T @ (e[:, None] * Q[item]) + 2 * lam * P
    dQ = 2 * V.T @ (e[:, None] * P[user]) + 2 * lam * Q
""")  # fmt: skip


def ratings_bias(P, Q, b, c, user, item, rating):
    n = len(rating)
    e = np.sum(P[user] * Q[item], axis=1) + b[user] + c[item] - rating
    return np.sum(e**2) / n


EMBEDDINGS.add("matrix factorisation with biases", ratings_bias, ("P", "Q", "b", "c"),
               lambda rng: (*normal(rng, (H, K), (D, K), H, D), USER, ITEM, *normal(rng, N)), """
    g = 2 * e / n
    U = np.eye(len(P))[user]
    V = np.eye(len(Q))[item]
    dP = U.T @ (g[:, None] * Q[item])
    dQ = V.T @ (g[:, None] * P[user])
    db = U.T @ g
    dc = V.T @ g
""")  # fmt: skip


def machine(w0, w, V, X, y):
    n = len(y)
    S = X @ V
    pairs = 0.5 * np.sum(S**2 - X**2 @ V**2, axis=1)
    r = w0 + X @ w + pairs - y
    return np.sum(r**2) / n


EMBEDDINGS.add("factorisation machine", machine, ("w0", "w", "V"),
               lambda rng: (0.3, *normal(rng, D, (D, K), (N, D), N)), """
    dr = 2 * r / n
    dw0 = np.sum(dr)
    dw = X.T @ dr
    dV = X.T @ (dr[:, None] * S) - (X**2).T @ dr[:, None] * V
""")  # fmt: skip


def pca(W, X):
    n = X.shape[0]
    Z = X @ W
    R = Z @ W.T - X
    return np.sum(R**2) / n


EMBEDDINGS.add("PCA reconstruction", pca, "W", lambda rng: normal(rng, (D, K), (N, D)), """
    dR = 2 * R / n
    dW = X.T @ dR @ W + dR.T @ Z
""")  # fmt: skip


def pca_ridge(W, X, lam):
    R = X - X @ W @ W.T
    return np.sum(R**2) + lam * np.sum(W**2)


EMBEDDINGS.add("PCA reconstruction with ridge", pca_ridge, "W",
               lambda rng: (*normal(rng, (D, K), (N, D)), 0.3), """
    dW = -2 * (X.T @ R @ W + R.T @ X @ W) + 2 * lam * W
""")  # fmt: skip


def linear_autoencoder(A, B, X):
    n = X.shape[0]
    Z = X @ A
    R = Z @ B - X
    return np.sum(R**2) / n


EMBEDDINGS.add("linear autoencoder", linear_autoencoder, ("A", "B"),
               lambda rng: normal(rng, (D, K), (K, D), (N, D)), """
    dR = 2 * R / n
    dA = X.T @ (dR @ B.T)
    dB = Z.T @ dR
""")  # fmt: skip


def word2vec(v, U, o, negatives):
    good = 1 / (1 + np.exp(-U[o] @ v))
    bad = 1 / (1 + np.exp(U[negatives] @ v))
    return -np.log(good) - np.sum(np.log(bad))


EMBEDDINGS.add("word2vec, negative sampling, one word", word2vec, ("v", "U"),
               lambda rng: (*normal(rng, D, (N, D)), 2, np.array([0, 3, 6])), """
    n = len(U)
    wrong = np.eye(n)[negatives]
    dv = (good - 1) * U[o] + (1 - bad) @ U[negatives]
    dU = np.outer((good - 1) * np.eye(n)[o] + wrong.T @ (1 - bad), v)
""")  # fmt: skip


def word2vec_batch(V, U, words, others, negatives):
    n = len(words)
    v = V[words]
    good = np.sum(v * U[others], axis=1)
    bad = np.sum(v[:, None, :] * U[negatives], axis=2)
    return (np.sum(np.log(1 + np.exp(-good))) + np.sum(np.log(1 + np.exp(bad)))) / n


EMBEDDINGS.add("word2vec, negative sampling", word2vec_batch, "V",
               lambda rng: (*normal(rng, (H, D), (H, D)), USER, (USER + 1) % H,
                            np.stack([(USER + 2) % H, (USER + 3) % H], axis=1)), """
    dgood = -1 / (1 + np.exp(good)) / n
    dbad = 1 / (1 + np.exp(-bad)) / n
    dv = dgood[:, None] * U[others] + np.sum(dbad[:, :, None] * U[negatives], axis=1)
    dV = np.eye(len(V))[words].T @ dv
""")  # fmt: skip


def word2vec_softmax(v, U, y):
    s = U @ v
    e = np.exp(s)
    p = e / e.sum()
    return -np.log(p[y])


EMBEDDINGS.add("word2vec, full softmax", word2vec_softmax, ("v", "U"),
               lambda rng: (*normal(rng, D, (N, D)), 2), """
    ds = p - np.eye(len(U))[y]
    dv = U.T @ ds
    dU = np.outer(ds, v)
""")  # fmt: skip


def bag_of_words(E, W, context, y):
    n = len(y)
    h = E[context].mean(axis=1)
    s = h @ W
    e = np.exp(s)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), y])) / n


EMBEDDINGS.add("bag of words", bag_of_words, "W",
               lambda rng: (*normal(rng, (H, D), (D, K)),
                            np.stack([USER, (USER + 2) % H], axis=1), LABELS), """
    k = W.shape[1]
    ds = (p - np.eye(k)[y]) / n
    dW = h.T @ ds
""")  # fmt: skip


def glove(W, U, b, c, i, j, counts):
    f = np.minimum(1, (counts / 100) ** 0.75)
    e = np.sum(W[i] * U[j], axis=1) + b[i] + c[j] - np.log(counts)
    return np.sum(f * e**2)


EMBEDDINGS.add("GloVe", glove, ("W", "U", "b", "c"),
               lambda rng: (*normal(rng, (H, K), (D, K), H, D), USER, ITEM,
                            np.array([3.0, 150, 20, 7, 1, 99, 40])), """
    g = 2 * f * e
    I = np.eye(len(W))[i]
    J = np.eye(len(U))[j]
    dW = I.T @ (g[:, None] * U[j])
    dU = J.T @ (g[:, None] * W[i])
    db = I.T @ g
    dc = J.T @ g
""")  # fmt: skip


def translation(h, r, t):
    n = h.shape[0]
    R = h + r - t
    return np.sum(R**2) / n


EMBEDDINGS.add("TransE", translation, ("h", "r", "t"),
               lambda rng: normal(rng, (N, D), D, (N, D)), """
    dR = 2 * R / n
    dh = dR
    dr = dR.sum(axis=0)
    dt = -dR
""")  # fmt: skip


def bilinear(W, A, B, y):
    n = len(y)
    s = np.sum((A @ W) * B, axis=1)
    p = 1 / (1 + np.exp(-s))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / n


EMBEDDINGS.add("bilinear score", bilinear, "W",
               lambda rng: (*normal(rng, (D, K), (N, D), (N, K)), np.arange(N) % 2.0), """
    ds = (p - y) / n
    dW = A.T @ (ds[:, None] * B)
""")  # fmt: skip


def k_means(C, X, y):
    n = len(y)
    R = X - C[y]
    return 0.5 * np.sum(R**2) / n


EMBEDDINGS.add("k-means", k_means, "C",
               lambda rng: (*normal(rng, (K, D), (N, D)), LABELS), """
    k = C.shape[0]
    dC = -np.eye(k)[y].T @ (X - C[y]) / n
""")  # fmt: skip
