"""Negative log-likelihoods, deviances and divergences."""

import numpy as np

from tests.judge_corpus.entry import D, H, K, N, Subject, also, design, normal

LIKELIHOODS = Subject()


def counts(rng):
    w, X, _ = design(rng)
    return 0.5 * w, X, np.array([0.0, 2.0, 1.0, 3.0, 0.0, 1.0, 5.0])


def counts_bias(rng):
    w, X, y = counts(rng)
    return w, 0.3, X, y


def poisson(w, X, y):
    n = len(y)
    eta = X @ w
    mu = np.exp(eta)
    return np.sum(mu - y * eta) / n


LIKELIHOODS.add("Poisson", poisson, "w", counts, """
    dw = X.T @ (mu - y) / n
""")  # fmt: skip


def poisson_ridge(w, b, X, y, lam):
    n = len(y)
    mu = np.exp(X @ w + b)
    return np.sum(mu - y * np.log(mu)) / n + lam * np.sum(w**2)


LIKELIHOODS.add("Poisson with ridge", poisson_ridge, ("w", "b"), also(counts_bias, 0.3), """
    deta = (mu - y) / n
    dw = X.T @ deta + 2 * lam * w
    db = deta.sum()
""")  # fmt: skip


def negative_binomial(w, X, y, r):
    n = len(y)
    mu = np.exp(X @ w)
    return np.sum((y + r) * np.log(r + mu) - y * np.log(mu)) / n


LIKELIHOODS.add("negative binomial", negative_binomial, "w", also(counts, 1.5), """
    deta = r * (mu - y) / (r + mu)
    dw = X.T @ deta / n
""")  # fmt: skip


def gamma(w, b, X, y):
    n = len(y)
    mu = np.exp(X @ w + b)
    return 2 * np.sum((y - mu) / mu - np.log(y / mu)) / n


def positive(rng):
    w, X, _ = design(rng)
    return w, 0.3, X, rng.uniform(0.5, 2, N)


LIKELIHOODS.add("gamma deviance", gamma, ("w", "b"), positive, """
    deta = 2 * (1 - y / mu) / n
    dw = X.T @ deta
    db = np.sum(deta)
""")  # fmt: skip


def exponential_times(w, X, y, event):
    n = len(y)
    rate = np.exp(X @ w)
    return np.sum(rate * y - event * np.log(rate)) / n


LIKELIHOODS.add("exponential survival", exponential_times, "w",
                lambda rng: (*design(rng)[:2], rng.uniform(0.5, 2, N), np.arange(N) % 2.0), """
    dw = X.T @ (rate * y - event) / n
""")  # fmt: skip


def gaussian(w, v, X, y):
    n = len(y)
    mu = X @ w
    log_var = X @ v
    var = np.exp(log_var)
    return 0.5 * np.sum(log_var + (y - mu) ** 2 / var) / n


LIKELIHOODS.add("Gaussian NLL, learned variance", gaussian, ("w", "v"),
                lambda rng: normal(rng, D, D, (N, D), N), """
    dmu = (mu - y) / var / n
    dlog_var = 0.5 * (1 - (y - mu) ** 2 / var) / n
    dw = X.T @ dmu
    dv = X.T @ dlog_var
""")  # fmt: skip


def gaussian_scalar(mu, log_sigma, x):
    n = len(x)
    z = (x - mu) / np.exp(log_sigma)
    return n * log_sigma + 0.5 * np.sum(z**2)


LIKELIHOODS.add("Gaussian NLL, mean and deviation", gaussian_scalar, ("mu", "log_sigma"),
                lambda rng: (0.4, -0.3, *normal(rng, N)), """
    sigma = np.exp(log_sigma)
    dmu = -np.sum(x - mu) / sigma**2
    dlog_sigma = n - np.sum((x - mu) ** 2) / sigma**2
""")  # fmt: skip


def laplace(w, b, X, y, s):
    n = len(y)
    r = X @ w + b - y
    return np.sum(np.abs(r)) / (n * s)


LIKELIHOODS.add("Laplace NLL", laplace, ("w", "b"),
                lambda rng: (*normal(rng, D), 0.3, *normal(rng, (N, D), N), 1.7), """
    dr = np.sign(r) / (n * s)
    dw = X.T @ dr
    db = dr.sum()
""")  # fmt: skip


def student(w, b, X, y, nu):
    n = len(y)
    r = X @ w + b - y
    return (nu + 1) / 2 * np.sum(np.log(1 + r**2 / nu)) / n


LIKELIHOODS.add("Student's t", student, ("w", "b"),
                lambda rng: (*normal(rng, D), 0.3, *normal(rng, (N, D), N), 3.0), """
    dr = (nu + 1) * r / (nu + r**2) / n
    dw = X.T @ dr
    db = dr.sum()
""")  # fmt: skip


def kl_gaussians(m1, s1, m2, s2):
    return np.sum(np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5)


LIKELIHOODS.add("KL of diagonal Gaussians", kl_gaussians, ("m1", "s1", "m2", "s2"),
                lambda rng: (*normal(rng, (N, K)), rng.uniform(0.5, 2, (N, K)),
                             *normal(rng, (N, K)), rng.uniform(0.5, 2, (N, K))), """
    dm1 = (m1 - m2) / s2**2
    ds1 = s1 / s2**2 - 1 / s1
    dm2 = -(m1 - m2) / s2**2
    ds2 = 1 / s2 - (s1**2 + (m1 - m2) ** 2) / s2**3
""")  # fmt: skip


def kl_standard(mu, log_var):
    n = mu.shape[0]
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var)) / n


LIKELIHOODS.add("KL to the standard normal", kl_standard, ("mu", "log_var"),
                lambda rng: normal(rng, (N, K), (N, K)), """
    dmu = mu / n
    dlog_var = 0.5 * (np.exp(log_var) - 1) / n
""")  # fmt: skip


def kl_categorical(s, q):
    e = np.exp(s)
    p = e / e.sum()
    return np.sum(p * np.log(p / q))


LIKELIHOODS.add("KL of a softmax to a distribution", kl_categorical, "s",
                lambda rng: (*normal(rng, H), np.full(H, 1 / H) + np.linspace(-0.1, 0.1, H)),
                """
    kl = np.sum(p * np.log(p / q))
    ds = p * (np.log(p / q) - kl)
""")  # fmt: skip


def distillation(W, X, Q, T):
    n = X.shape[0]
    s = X @ W / T
    e = np.exp(s)
    P = e / e.sum(axis=1, keepdims=True)
    return np.sum(Q * np.log(Q / P)) / n


LIKELIHOODS.add("distillation", distillation, "W",
                lambda rng: (*normal(rng, (D, K), (N, D)), rng.dirichlet(np.ones(K), N), 2.5), """
    dS = (P - Q) / n
    dW = X.T @ dS / T
""")  # fmt: skip


def entropy(s):
    e = np.exp(s)
    p = e / e.sum()
    return -np.sum(p * np.log(p))


LIKELIHOODS.add("entropy of a softmax", entropy, "s", lambda rng: normal(rng, H), """
    h = -np.sum(p * np.log(p))
    ds = -p * (np.log(p) + h)
""")  # fmt: skip


def cox(beta, X, event):
    m = np.sum(event)
    eta = X @ beta
    risk = np.exp(eta)
    total = np.cumsum(risk)
    return -np.sum(event * (eta - np.log(total))) / m


LIKELIHOODS.add("Cox partial likelihood", cox, "beta",
                lambda rng: (*normal(rng, D, (N, D)), np.array([1.0, 0, 1, 1, 0, 1, 1])), """
    hazard = np.cumsum((event / total)[::-1])[::-1]
    deta = (risk * hazard - event) / m
    dbeta = X.T @ deta
""")  # fmt: skip


def mixture(logits, mu, x):
    n = len(x)
    w = np.exp(logits) / np.sum(np.exp(logits))
    density = w * np.exp(-0.5 * (x[:, None] - mu) ** 2)
    return -np.sum(np.log(np.sum(density, axis=1))) / n


LIKELIHOODS.add("mixture of Gaussians", mixture, ("logits", "mu"),
                lambda rng: normal(rng, K, K, N), """
    R = density / density.sum(axis=1, keepdims=True)
    dlogits = w - R.sum(axis=0) / n
    dmu = np.sum(R * (mu - x[:, None]), axis=0) / n
""")  # fmt: skip


def multivariate(mu, S, X):
    n = X.shape[0]
    Z = X - mu
    P = np.linalg.inv(S)
    return 0.5 * n * np.log(np.linalg.det(S)) + 0.5 * np.sum((Z @ P) * Z)


def covariance(rng, d):
    (A,) = normal(rng, (d, d))
    return A @ A.T / d + np.eye(d)


LIKELIHOODS.add("multivariate Gaussian", multivariate, ("mu", "S"),
                lambda rng: (*normal(rng, D), covariance(rng, D), *normal(rng, (N, D))), """
    dmu = -0.5 * (Z @ (P + P.T)).sum(axis=0)
    dS = 0.5 * n * P.T - 0.5 * P.T @ Z.T @ Z @ P.T
""")  # fmt: skip


def bradley_terry(s, winner, loser, lam):
    d = s[winner] - s[loser]
    return np.sum(np.log(1 + np.exp(-d))) + lam * np.sum(s**2)


LIKELIHOODS.add("Bradley-Terry", bradley_terry, "s",
                lambda rng: (*normal(rng, D), np.array([0, 1, 2, 3, 0, 2]),
                             np.array([1, 2, 0, 0, 3, 1]), 0.3), """
    k = len(s)
    dd = -1 / (1 + np.exp(d))
    ds = (np.eye(k)[winner] - np.eye(k)[loser]).T @ dd + 2 * lam * s
""")  # fmt: skip
