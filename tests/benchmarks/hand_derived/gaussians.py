"""Gaussian processes and Gaussian filters: Cholesky factors, systems and determinants."""

import math

import numpy as np

from tests.benchmarks.hand_derived.entry import Loss


def gaussian_process(ell, sigma, noise, D, y):
    n = len(y)
    K = sigma**2 * np.exp(-0.5 * D / ell**2) + noise**2 * np.eye(n)
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * n * math.log(2 * math.pi)


def gaussian_process_by_hand(ell, sigma, noise, D, y):
    """C. Rasmussen and C. Williams, "Gaussian Processes for Machine Learning" (2006), (5.9)."""
    n = len(y)
    E = D * (-0.5 / ell**2)
    np.exp(E, out=E)
    K = sigma**2 * E
    K[np.diag_indices(n)] += noise**2
    L = np.linalg.cholesky(K)
    inverse = np.linalg.inv(L)
    alpha = (inverse @ y) @ inverse
    value = 0.5 * (y @ alpha) + np.log(np.diag(L)).sum() + 0.5 * n * math.log(2 * math.pi)
    G = inverse.T @ inverse
    G -= np.outer(alpha, alpha)
    dnoise = noise * np.trace(G)
    G *= E
    dsigma = sigma * G.sum()
    dell = sigma**2 / (2 * ell**3) * np.vdot(G, D)
    return value, (dell, dsigma, dnoise)


def kalman_filter(A, C, Q, R, m, P, Y):
    total = 0.0
    for y in Y:
        m = A @ m
        P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        v = y - C @ m
        K = np.linalg.solve(S.T, C @ P.T).T
        total = total + 0.5 * (v @ np.linalg.solve(S, v) + np.linalg.slogdet(S)[1])
        m = m + K @ v
        P = P - K @ C @ P
    return total


def kalman_filter_by_hand(A, C, Q, R, m, P, Y):
    """The chain rule from the last step to the first; J. Durbin and S. Koopman (2012), 7.3."""
    value, steps = 0.0, []
    for y in Y:
        before = m, P
        m = A @ m
        AP = A @ P
        P = AP @ A.T + Q
        CP = C @ P
        S = CP @ C.T + R
        inverse = np.linalg.inv(S)
        v = y - C @ m

        K = P @ C.T @ inverse
        u = inverse @ v
        value += 0.5 * (v @ u + np.linalg.slogdet(S)[1])
        steps.append((before, AP, m, P, CP, inverse, v, K, u))
        m = m + K @ v
        P = P - K @ CP
    dA, dC, dQ, dR = (np.zeros_like(x) for x in (A, C, Q, R))
    dm, dP = np.zeros_like(m), np.zeros_like(P)
    for (m0, P0), AP, m, P, CP, inverse, v, K, u in reversed(steps):
        w = v @ inverse
        dK = np.outer(dm, v) - dP @ CP.T
        dCP = -(K.T @ dP)
        dv = K.T @ dm + 0.5 * (u + w)
        dKS = dK @ inverse.T
        dS = 0.5 * (inverse.T - np.outer(w, u)) - K.T @ dKS
        dCP += dS @ C
        dm = dm - C.T @ dv
        dC += dS.T @ CP + dKS.T @ P + dCP @ P.T - np.outer(dv, m)
        dP = dP + dKS @ C + C.T @ dCP
        dR += dS
        dQ += dP
        dAP = dP @ A
        dA += dP.T @ AP + dAP @ P0.T + np.outer(dm, m0)
        dP = A.T @ dAP
        dm = A.T @ dm
    return value, (dA, dC, dQ, dR)


def process_arguments(rng, n):
    x = rng.uniform(0, 5, (n, 2))
    D = np.sum((x[:, None] - x) ** 2, axis=-1)
    return 1.3, 0.8, 0.3, D, rng.standard_normal(n)


def filter_arguments(rng, n, d=4, k=2):
    A = 0.8 * np.eye(d) + 0.1 * rng.standard_normal((d, d))
    C = rng.standard_normal((k, d))
    Q, R = 0.1 * np.eye(d), 0.3 * np.eye(k)
    return A, C, Q, R, np.zeros(d), np.eye(d), rng.standard_normal((n, k))


GAUSSIANS = (
    Loss("Gaussian process", gaussian_process, ("ell", "sigma", "noise"),
         gaussian_process_by_hand, process_arguments, 200),
    Loss("Kalman filter", kalman_filter, ("A", "C", "Q", "R"), kalman_filter_by_hand,
         filter_arguments, 6),
)  # fmt: skip
