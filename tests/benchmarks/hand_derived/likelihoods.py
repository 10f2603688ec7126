"""Negative log-likelihoods, deviances and divergences."""

import math

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss, fixed


def poisson(w, X, y):
    rate = np.exp(X @ w)
    return np.mean(rate - y * np.log(rate))


def poisson_by_hand(w, X, y):
    """P. McCullagh and J. Nelder, "Generalized Linear Models" (1989), chapter 6."""
    n = len(y)
    eta = X @ w
    value = y @ eta
    np.exp(eta, out=eta)
    value = (eta.sum() - value) / n
    eta -= y
    eta /= n
    return value, eta @ X


def negative_binomial(w, X, y, r):
    mu = np.exp(X @ w)
    return np.mean((y + r) * np.log(r + mu) - y * np.log(mu))


def negative_binomial_by_hand(w, X, y, r):
    """A. Cameron and P. Trivedi, "Regression Analysis of Count Data", the NB2 model.

    Constants in ``w`` are left out; log(r + mu) is log r + log(1 + exp(t)), t = log mu - log r.
    """
    n = len(y)
    log_r = math.log(r)
    t = X @ w
    t -= log_r
    total = y + r
    softplus = np.log1p(np.exp(-np.abs(t)))
    softplus += np.maximum(t, 0)
    value = (total @ softplus - y @ t) / n + r * log_r
    t -= softplus
    g = np.exp(t, out=t)
    g *= total
    g -= y
    g /= n
    return value, g @ X


def gamma_deviance(w, X, y):
    mu = np.exp(X @ w)
    return 2 * np.mean((y - mu) / mu - np.log(y / mu))


def gamma_deviance_by_hand(w, X, y):
    """McCullagh and Nelder (1989), chapter 8: with t = log(mu / y), 2 (exp(-t) - 1 + t)."""
    n = len(y)
    t = X @ w
    t -= np.log(y)
    g = np.expm1(-t)
    value = 2 * (g.sum() + t.sum()) / n
    g *= -2 / n
    return value, g @ X


def tweedie_deviance(w, X, y, p):
    mu = np.exp(X @ w)
    a = y ** (2 - p) / ((1 - p) * (2 - p))
    b = y * mu ** (1 - p) / (1 - p)
    c = mu ** (2 - p) / (2 - p)
    return 2 * np.mean(a - b + c)


def tweedie_deviance_by_hand(w, X, y, p):
    """B. Jorgensen, "The Theory of Dispersion Models" (1997), chapter 4; powers of exp(eta)."""
    n = len(y)
    eta = X @ w
    c = np.exp((2 - p) * eta)
    eta *= 1 - p
    b = np.exp(eta, out=eta)
    b *= y
    constant = (y ** (2 - p)).sum() / ((1 - p) * (2 - p))
    value = 2 / n * (constant - b.sum() / (1 - p) + c.sum() / (2 - p))
    c -= b
    c *= 2 / n
    return value, c @ X


def gaussian_nll(w, v, X, y):
    mu = X @ w
    log_var = X @ v
    return 0.5 * np.mean(log_var + (y - mu) ** 2 / np.exp(log_var))


def gaussian_nll_by_hand(w, v, X, y):
    """D. Nix and A. Weigend, "Estimating the mean and variance of the target probability
    distribution" (1994).
    """
    n = len(y)
    r = X @ w
    r -= y
    log_var = X @ v
    q = np.exp(-log_var)
    q *= r
    r *= q
    value = (log_var.sum() + r.sum()) / (2 * n)
    q /= n
    np.subtract(1, r, out=r)
    r /= 2 * n
    return value, (q @ X, r @ X)


def gaussian_kl(m1, s1, m2, s2):
    return np.sum(np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5)


def gaussian_kl_by_hand(m1, s1, m2, s2):
    """D. Kingma and M. Welling, "Auto-encoding variational Bayes" (2014), appendix B, for two
    means and variances; everything is measured in units of ``s2``.
    """
    a = (m1 - m2) / s2
    b = s1 / s2
    value = (np.vdot(a, a) + np.vdot(b, b) - b.size) / 2 - np.log(b).sum()
    dm1 = a / s2
    ds1 = b / s2
    ds1 -= 1 / s1
    ds2 = 1 - a * a
    ds2 -= b * b
    ds2 /= s2
    return value, (dm1, ds1, -dm1, ds2)


def gaussian_mixture(logits, mu, log_sigma, X):
    z = (X[:, None, :] - mu) / np.exp(log_sigma)
    log_weights = logits - np.log(np.sum(np.exp(logits)))
    log_density = -0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=2) - np.sum(log_sigma, axis=1)
    return -np.mean(np.log(np.sum(np.exp(log_weights + log_density), axis=1)))


def gaussian_mixture_by_hand(logits, mu, log_sigma, X):
    """Bishop (2006), section 9.2.2: everything follows from the responsibilities.

    The squares are multiplied out, so that matrix products do the work of an (n, k, d) array, as
    scikit-learn's `GaussianMixture` does; the data are centred first.
    """
    n, d = X.shape
    centre = np.full(n, 1 / n) @ X
    X = X - centre
    mu = mu - centre
    XX = X * X
    precision = np.exp(-2 * log_sigma)
    scaled = mu * precision
    p = np.exp(logits - logits.max())
    p /= p.sum()
    s = scaled @ X.T
    s -= (0.5 * precision) @ XX.T
    s += (np.log(p) - log_sigma.sum(axis=1) - 0.5 * (mu * scaled).sum(axis=1))[:, None]
    top = s.max(axis=0)
    s -= top
    R = np.exp(s, out=s)
    total = R.sum(axis=0)
    value = d / 2 * math.log(2 * math.pi) - (top.sum() + np.log(total).sum()) / n
    total *= n
    R /= total
    counts = R.sum(axis=1)
    RX = R @ X
    first = RX - counts[:, None] * mu
    second = R @ XX - mu * (RX + first)
    return value, (p - counts, -precision * first, counts[:, None] - precision * second)


def cox(beta, X, event):
    eta = X @ beta
    log_risk = np.log(np.cumsum(np.exp(eta)))
    return -np.sum(event * (eta - log_risk)) / np.sum(event)


def cox_by_hand(beta, X, event):
    """N. Breslow, "Covariance analysis of censored survival data" (1974); latest time first.

    The sums over risk sets turn into one running sum there and one back.
    """
    m = event.sum()
    eta = X @ beta
    top = eta.max()
    risk = np.exp(eta - top)
    cumulative = risk.cumsum()
    value = (event @ np.log(cumulative) - event @ eta) / m + top
    risk *= (event / cumulative)[::-1].cumsum()[::-1]
    risk -= event
    risk /= m
    return value, risk @ X


def count_arguments(rng, n, d=20):
    X = rng.standard_normal((n, d))
    w = 0.5 * rng.standard_normal(d) / np.sqrt(d)
    return w, X, rng.poisson(np.exp(X @ w)).astype(float)


def positive_arguments(rng, n):
    w, X, _ = count_arguments(rng, n)
    return w, X, rng.gamma(2.0, 1.0, n) + 0.01


def two_heads(rng, n, d=20):
    X = rng.standard_normal((n, d))
    w, v = rng.standard_normal((2, d)) / np.sqrt(d)
    return w, 0.5 * v, X, X @ w + rng.standard_normal(n)


def two_gaussians(rng, n, k=16):
    m1, m2 = rng.standard_normal((2, n, k))
    s1, s2 = rng.uniform(0.5, 2, (2, n, k))
    return m1, s1, m2, s2


def mixture_arguments(rng, n, d=8, k=5):
    mu = rng.standard_normal((k, d))
    X = mu[rng.integers(0, k, n)] + rng.standard_normal((n, d))
    return rng.standard_normal(k), mu + 0.1, 0.1 * rng.standard_normal((k, d)), X


def survival_arguments(rng, n, d=10):
    X = rng.standard_normal((n, d))
    event = (rng.random(n) < 0.7).astype(float)
    event[0] = 1.0
    return rng.standard_normal(d) / np.sqrt(d), X, event


def predictors(eta, *others):
    """Return arguments of a linear model whose predictors are ``eta``."""
    return np.ones(1), np.array(eta, float)[:, None], *others


LIKELIHOODS = (
    Loss("Poisson", poisson, "w", poisson_by_hand, count_arguments, 2000, {
        "one row": lambda: count_arguments(fixed(), 1),
        "rates of 1e-320": lambda: predictors([-800.0, -740.0, 1.0], np.array([0.0, 2.0, 1.0])),
    }),
    Loss("negative binomial", negative_binomial, "w", negative_binomial_by_hand,
         lambda rng, n: (*count_arguments(rng, n), 1.5), 2000, {
             "one row": lambda: (*count_arguments(fixed(), 1), 1.5),
             "rates of 1e-350 and 1e350": lambda: (
                 *predictors([-800.0, 800.0, 1.0], np.array([1.0, 3.0, 0.0])), 1.5),
         }),
    Loss("gamma deviance", gamma_deviance, "w", gamma_deviance_by_hand,
         positive_arguments, 2000, {
             "one row": lambda: positive_arguments(fixed(), 1),
             "targets of 1e-300": lambda: predictors([-690.0, -691.0], np.array([1e-300, 2e-300])),
             "near perfect fit": lambda: predictors([1.0, 2.0], np.exp([1.0 + 1e-6, 2.0 - 2e-6])),
         }),
    Loss("Tweedie deviance", tweedie_deviance, "w", tweedie_deviance_by_hand,
         lambda rng, n: (*count_arguments(rng, n), 1.5), 2000, {
             "one row": lambda: (*count_arguments(fixed(), 1), 1.5),
             "rates of 1e350": lambda: (*predictors([800.0, 1.0], np.array([1.0, 0.0])), 1.5),
         }),
    Loss("Gaussian NLL, learned variance", gaussian_nll, ("w", "v"), gaussian_nll_by_hand,
         two_heads, 2000, {
             "one row": lambda: two_heads(fixed(), 1),
             "variances of 1e-300": lambda: (np.array([1.0, 0.0]), np.array([0.0, -690.0]),
                                             np.ones((2, 2)), np.ones(2) + 1e-150),
         }),
    Loss("KL of diagonal Gaussians", gaussian_kl, ("m1", "s1", "m2", "s2"), gaussian_kl_by_hand,
         two_gaussians, 500, {
             "one row": lambda: two_gaussians(fixed(), 1),
             "deviations of 1e-170": lambda: (np.array([1e-170, 0.0]), np.array([1e-170, 3e-170]),
                                              np.zeros(2), np.array([2e-170, 2e-170])),
         }),
    Loss("Gaussian mixture, diagonal", gaussian_mixture, ("logits", "mu", "log_sigma"),
         gaussian_mixture_by_hand, mixture_arguments, 1000, {
             "one row": lambda: mixture_arguments(fixed(), 1),
             "data far from every mean": lambda: (np.zeros(2), np.array([[0.0], [1.0]]),
                                                  np.zeros((2, 1)), np.array([[100.0], [3.0]])),
             "deviations of 1e-20": lambda: (np.array([0.0, 1.0]), np.array([[0.0], [1e-20]]),
                                             np.full((2, 1), -46.0), np.array([[1e-20], [3e-20]])),
         }),
    Loss("Cox partial likelihood", cox, "beta", cox_by_hand, survival_arguments, 1000, {
        "two rows": lambda: survival_arguments(fixed(), 2),
        "predictors of 1e3": lambda: predictors([1000.0, 1001.0, 999.0], np.ones(3)),
        "predictors of -1e3": lambda: predictors([-1000.0, -1001.0, -999.0], np.ones(3)),
    }),
)  # fmt: skip
